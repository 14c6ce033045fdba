//! Documents through serde, beside serde_json.

use structstore::{List, Struct, StructStoreShared, Value, serial};

use crate::contest::Contest;
use crate::peer::{shared_memory, unique};
use crate::report::Report;

/// About 1 MB of JSON: records with short strings, numbers, nested structs and short lists.
fn document() -> serde_json::Value {
    let record = |at: u64| {
        serde_json::json!({
            "id": 1_000_000 + at, "name": format!("sensor {at}"), "active": at.is_multiple_of(3), "score": at as f64 * 0.37,
            "comment": (at.is_multiple_of(4)).then(|| format!("calibrated in run {at}, drift below limits")),
            "position": {"x": at as f64 * 0.5, "y": -1.25, "z": 1.0 / (at + 1) as f64, "frame": "map"},
            "tags": ["lidar", format!("row {}", at % 16)],
            "samples": [0.0, at as f64 * 0.125, at as f64 * 0.25, at as f64 * 0.375],
        })
    };
    serde_json::json!({"title": "inventory", "records": (0..4600).map(record).collect::<Vec<_>>()})
}

pub fn all(report: &mut Report) {
    let json = document();
    let text = serde_json::to_string(&json).unwrap();
    let store = StructStoreShared::open(unique("documents")).unwrap();
    let fresh = StructStoreShared::open(unique("documents")).unwrap();
    store.set_serde("document", &json).unwrap();
    assert_eq!(store.get_serde::<serde_json::Value>("document").unwrap(), json);
    let value = serial::to_value(&json).unwrap();
    let shared = shared_memory(2 << 20);
    Contest::new(format!("put a JSON document of {} bytes", text.len()))
        .add("serde_json::from_str to Value", || serde_json::from_str::<serde_json::Value>(&text).unwrap())
        .add("StructStore, set_serde, over the old", || store.set_serde("document", &json).unwrap())
        .at_most(2.0)
        .add("StructStore, delete and set_serde", || {
            fresh.set_serde("document", &json).unwrap();
            fresh.delete("document").unwrap();
        })
        .add("StructStore, from_str and set_serde", || {
            let json: serde_json::Value = serde_json::from_str(&text).unwrap();
            store.set_serde("document", &json).unwrap()
        })
        .add("StructStore, set of a structstore Value", || store.set("document", &value).unwrap())
        .add("StructStore, to_value alone", || serial::to_value(&json).unwrap())
        .add("json to_writer into shared memory", || serde_json::to_writer(&mut shared[..], &json).unwrap())
        .add("json Value clone", || json.clone())
        .run(report);
    let score = |store: &StructStoreShared| {
        let records = store.at("document").unwrap().get::<List>("records").unwrap();
        records.get::<Struct>(4000).unwrap().get::<f64>("score").unwrap()
    };
    Contest::new("get the JSON document")
        .add("serde_json::from_str to Value", || serde_json::from_str::<serde_json::Value>(&text).unwrap())
        .add("StructStore, get_serde of a json Value", || {
            store.get_serde::<serde_json::Value>("document").unwrap()
        })
        .at_most(1.3)
        .add("StructStore, get of a structstore Value", || store.get::<Value<'_>>("document").unwrap())
        .add("StructStore, records[4000].score in place", || score(&store))
        .run(report);
}
