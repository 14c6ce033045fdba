use structstore::StructStore;

#[derive(StructStore)]
struct Settings {
    num: i32,
}

fn main() {
    let store = StructStore::new();
    let settings = store.bind::<Settings>().unwrap();
    let mut guard = store.write().unwrap();
    let first = guard.fields_of(&settings).unwrap();
    let second = guard.fields_of(&settings).unwrap();
    *first.num = *second.num;
}
