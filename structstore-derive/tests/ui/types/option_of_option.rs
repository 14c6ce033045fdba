use structstore::StructStore;

#[derive(StructStore)]
struct Settings {
    limit: Option<Option<f64>>,
}

fn main() {
    let _ = StructStore::new().bind::<Settings>();
}
