use structstore::StructStore;

#[derive(StructStore)]
#[structstore(version = 0)]
struct Zero {
    num: i32,
}

#[derive(StructStore)]
#[structstore(version = 2, since = 3)]
struct Later {
    num: i32,
}

#[derive(StructStore)]
#[structstore(version = "two", since = 1, migrate = migrate)]
struct Text {
    num: i32,
}

#[derive(StructStore)]
#[structstore(since = 1, migrate = "migrate")]
struct Versionless {
    num: i32,
}

#[derive(StructStore)]
#[structstore(version = 1)]
enum Mode {
    On,
}

#[derive(StructStore)]
#[structstore(version = 2, migrate = "migrate")]
struct Migrated {
    #[structstore(alias = "former")]
    num: i32,
    #[structstore(alias = "former", alias = 5)]
    other: i32,
    former: i32,
    #[structstore(growable = true)]
    grown: [f64; 3],
}

fn migrate(from: u64) {
    let _ = from;
}

fn main() {}
