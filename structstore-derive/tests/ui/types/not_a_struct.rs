use structstore::StructStore;

fn main() {
    let _ = StructStore::new().bind::<Option<f64>>();
}
