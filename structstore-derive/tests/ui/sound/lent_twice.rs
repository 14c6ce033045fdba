use structstore::StructStore;

#[derive(StructStore)]
struct Settings {
    num: i32,
}

fn twice() -> structstore::Result<()> {
    let settings = StructStore::new().bind::<Settings>()?;
    let mut guard = settings.write()?;
    let one = guard.fields_mut();
    let two = guard.fields_mut();
    std::mem::swap(one.num, two.num);
    Ok(())
}

fn mutable_and_shared() -> structstore::Result<()> {
    let settings = StructStore::new().bind::<Settings>()?;
    let mut guard = settings.write()?;
    let num = guard.fields().num;
    *guard.fields_mut().num = 5;
    println!("{num}");
    Ok(())
}

fn reborrow_twice(mut fields: SettingsMut<'_>) {
    let one = fields.reborrow();
    let two = fields.reborrow();
    std::mem::swap(one.num, two.num);
}

fn reborrow_longer<'s>(fields: &mut SettingsMut<'s>) -> SettingsMut<'s> {
    fields.reborrow()
}

fn shared_guard() -> structstore::Result<()> {
    let settings = StructStore::new().bind::<Settings>()?;
    *settings.read()?.fields().num = 5;
    Ok(())
}

fn main() {}
