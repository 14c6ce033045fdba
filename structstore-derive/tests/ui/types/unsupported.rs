use std::collections::HashSet;

use structstore::StructStore;

#[derive(StructStore)]
struct Settings {
    lookup: HashSet<String>,
    num: i32,
}

fn main() {}
