use structstore::StructStore;

#[derive(StructStore)]
struct Inner {
    num: i32,
}

#[derive(StructStore)]
struct Outer {
    num: i32,
    #[structstore(flatten)]
    inner: Inner,
}

#[derive(StructStore)]
struct Number {
    #[structstore(flatten)]
    inner: f64,
}

fn main() {
    let _ = StructStore::new().bind::<Outer>();
}
