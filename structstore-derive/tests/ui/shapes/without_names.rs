use structstore::StructStore;

#[derive(StructStore)]
struct Pair(i32, String);

#[derive(StructStore)]
struct Nothing;

#[derive(StructStore)]
struct Empty {}

fn main() {}
