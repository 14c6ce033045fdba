use structstore::StructStore;

struct Subsettings {
    num: i32,
}

#[derive(StructStore)]
struct Settings {
    subsettings: Subsettings,
    num: i32,
}

fn main() {
    let settings = StructStore::new().bind::<Settings>().unwrap();
    settings.with_mut(|s| *s.num += 1).unwrap();
}
