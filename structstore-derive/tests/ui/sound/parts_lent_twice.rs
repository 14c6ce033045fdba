use std::collections::BTreeMap;

use structstore::StructStore;

#[derive(StructStore)]
struct Rig {
    items: Vec<String>,
    trail: Vec<f64>,
    names: BTreeMap<String, f64>,
    limit: Option<f64>,
}

fn main() {
    let store = StructStore::new();
    let rig = store.bind::<Rig>().unwrap();
    let mut guard = rig.write().unwrap();
    let mut s = guard.fields_mut();

    let first = s.items.get_mut(0).unwrap();
    let second = s.items.get_mut(0).unwrap();
    drop((first, second));

    let slice = s.trail.as_slice().unwrap();
    s.trail.push(1.0).unwrap();
    println!("{slice:?}");

    let entry = s.names.get_mut("a").unwrap();
    s.names.clear().unwrap();
    *entry.unwrap() = 1.0;

    let limit = s.limit.get_mut().unwrap();
    s.limit.set(None).unwrap();
    *limit.unwrap() = 1.0;
}
