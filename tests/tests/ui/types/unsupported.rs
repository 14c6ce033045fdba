use std::collections::HashMap;

use structstore::StructStore;

#[derive(StructStore)]
struct Settings {
    lookup: HashMap<String, i32>,
    num: i32,
}

fn main() {}
