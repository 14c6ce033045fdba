use structstore::StructStore;

#[derive(StructStore)]
struct Settings {
    num: i32,
    text: String,
}

fn read() -> structstore::Result<()> {
    let settings = StructStore::new().bind::<Settings>()?;
    let num = settings.read()?.fields().num;
    println!("{num}");
    Ok(())
}

fn write() -> structstore::Result<()> {
    let settings = StructStore::new().bind::<Settings>()?;
    let mut guard = settings.write()?;
    let num = guard.fields_mut().num;
    drop(guard);
    *num = 5;
    Ok(())
}

fn closure() -> structstore::Result<()> {
    let settings = StructStore::new().bind::<Settings>()?;
    let text = settings.with_mut(|s| Ok(s.text))?;
    drop(text);
    Ok(())
}

fn escape<'s>(settings: structstore::Binding<Settings>) -> SettingsMut<'s> {
    settings.write().unwrap().fields_mut()
}

fn main() {}
