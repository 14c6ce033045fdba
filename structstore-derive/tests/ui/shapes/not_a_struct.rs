use structstore::StructStore;

#[derive(StructStore)]
enum Mode {
    Fast,
    Slow,
}

#[derive(StructStore)]
union Bits {
    int: i32,
    float: f32,
}

fn main() {}
