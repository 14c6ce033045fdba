use structstore::StructStore;

#[derive(StructStore)]
struct Settings {
    num: i32,
}

// A guard that dereferenced to its companion would give out what it holds: copied out of it, or exchanged with that of
// another guard.
fn main() {
    let settings = StructStore::new().bind::<Settings>().unwrap();
    let mut guard = settings.write().unwrap();
    *guard.num = 5;
    let _: &SettingsMut<'_> = &*guard;
    drop(guard);
    let number = settings.read().unwrap().num;
    println!("{number}");
}
