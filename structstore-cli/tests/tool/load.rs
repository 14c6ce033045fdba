//! `load` and `dump` of parts of stores.

use std::fs;

use serde_json::{Value, json};
use structstore::{
    Array, ArrayValue, Binding, Meta, StructStore, StructStoreShared, Value as StoreValue, stream::Stream,
};
use structstore_tests::SegmentName;

use crate::command::{structstore, structstore_reading};

#[derive(StructStore, Default)]
struct Arm {
    state: State,
    kp: [f64; 3],
}

#[derive(StructStore, Default)]
struct State {
    q: f64,
}

fn load(arguments: &[&str], document: &str) -> crate::command::Outcome {
    structstore_reading(&[&["load", "-"], arguments].concat(), document.as_bytes())
}

fn shown(name: &SegmentName) -> Value {
    structstore(&["show", name, "--json"]).json()
}

#[test]
fn load_keeps_what_the_document_does_not_name() {
    let name = SegmentName::new("load_merge");
    let store = StructStoreShared::open(&name).unwrap();
    load(&[&name], r#"{"rate": 5, "camera": {"exposure": 0.5, "lens": {"focus": 3}, "log": [1, 2]}}"#).text();
    let lens = store.at("camera").unwrap().at("lens").unwrap();
    load(&[&name], r#"{"camera": {"lens": {"zoom": 2}, "log": [7]}, "new": {"a": {}}}"#).text();
    assert_eq!(
        shown(&name),
        json!({"rate": 5, "new": {"a": {}},
            "camera": {"exposure": 0.5, "lens": {"focus": 3, "zoom": 2}, "log": [7]}})
    );
    assert_eq!(lens.get::<i64>("zoom").unwrap(), 2, "the handle of a program is still good");

    // Into a part, and into one that is created for it.
    load(&[&name, "camera.lens"], r#"{"zoom": 4}"#).text();
    load(&[&name, "drive.left.gains"], r#"{"kp": 1}"#).text();
    load(&[&name, "camera.log[0]"], "8").text();
    load(&[&name, "camera.mode"], "\"idle\"").text();
    assert_eq!(
        shown(&name),
        json!({"rate": 5, "new": {"a": {}}, "drive": {"left": {"gains": {"kp": 1}}},
            "camera": {"exposure": 0.5, "lens": {"focus": 3, "zoom": 4}, "log": [8], "mode": "idle"}})
    );

    // With --replace, nothing else is left of the part.
    load(&[&name, "camera.lens", "--replace"], r#"{"wide": true}"#).text();
    assert_eq!(structstore(&["get", &name, "camera.lens"]).json(), json!({"wide": true}));
    load(&[&name, "--replace"], r#"{"a": 1}"#).text();
    assert_eq!(shown(&name), json!({"a": 1}));
    load(&[&name, "b.c", "--replace"], r#"{"d": 1}"#).text();
    assert_eq!(shown(&name), json!({"a": 1, "b": {"c": {"d": 1}}}));
    store.check().unwrap();
}

#[test]
fn load_changes_all_or_nothing() {
    let name = SegmentName::new("load_all");
    let store = StructStoreShared::open(&name).unwrap();
    store.ensure_struct("drive").unwrap().set("gain", 1.0).unwrap();
    store.at("drive").unwrap().declare("gain", &Meta::new().range(0.0..=10.0)).unwrap();
    let before = store.to_bytes().unwrap();
    for (path, document, code, said) in [
        ("", r#"{"new": 1, "drive": {"more": 2, "gain": 11}}"#, 4, "drive.gain: found 11"),
        ("drive", r#"{"more": 2, "gain": "fast"}"#, 4, "drive.gain: found str, expected f64"),
        ("drive.gain.x", r#"{"a": 1}"#, 4, "drive.gain: found f64, expected struct"),
        ("drive.gain", r#"{"a": 1}"#, 4, "drive.gain: found struct, expected f64"),
        ("", "[1]", 4, "found list, expected struct"),
        ("missing[0]", "1", 3, "missing: no such field"),
        ("", r#"{"a": {"b": 1, "b": 2}}"#, 4, "b"),
    ] {
        let complaint = load(&[&name, path], document).complaint(code);
        assert!(complaint.contains(said), "{path}: {complaint}");
        assert_eq!(store.to_bytes().unwrap(), before, "{path}: {document}");
    }
    let fresh = SegmentName::new("load_fresh");
    load(&[&fresh, "a[0]"], "1").complaint(3);
    assert!(!fresh.path().exists());
}

/// A file with gains removed the rest of a struct that a program was using.
#[test]
fn load_keeps_a_struct_in_use() {
    let name = SegmentName::new("load_bound");
    let store = StructStoreShared::open(&name).unwrap();
    let arm: Binding<Arm> = store.ensure_struct("arm").unwrap().bind().unwrap();
    store.at("arm").unwrap().set("more", 1).unwrap();
    load(&[&name, "arm"], r#"{"kp": [1, 2, 3]}"#).text();
    load(&[&name], r#"{"arm": {"state": {"q": 0.5}}}"#).text();
    let loaded = arm.load().unwrap();
    assert_eq!((loaded.kp, loaded.state.q), ([1.0, 2.0, 3.0], 0.5));
    assert_eq!(store.get_at::<i64>("arm.more").unwrap(), 1);
    let complaint = load(&[&name, "--replace"], r#"{"other": 1}"#).complaint(4);
    assert!(complaint.contains("arm: in use by process"), "{complaint}");
    load(&[&name, "arm", "--replace"], r#"{"kp": [4, 5, 6]}"#).text();
    assert_eq!((arm.load().unwrap().kp, arm.load().unwrap().state.q), ([4.0, 5.0, 6.0], 0.5));
    assert!(!store.at("arm").unwrap().contains("more").unwrap());
}

#[test]
fn snapshots_are_merged_with_their_metadata() {
    let (name, other) = (SegmentName::new("load_from"), SegmentName::new("load_to"));
    let store = StructStoreShared::open(&name).unwrap();
    let drive = store.ensure_struct("drive").unwrap();
    drive.set("gain", 2.0_f32).unwrap();
    drive.declare("gain", &Meta::new().range(0.0..=10.0).unit("1/s")).unwrap();
    drive.set("scan", ArrayValue::from_slice(&[2], &[1_i16, 2]).unwrap()).unwrap();
    let numbers = drive.ensure_stream::<f64>("numbers", Stream::depth(4)).unwrap();
    numbers.publish(&0.5).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("drive");
    let file = file.to_str().unwrap();
    structstore(&["dump", &name, file, "drive", "--samples"]).text();

    let copy = StructStoreShared::open(&other).unwrap();
    copy.ensure_struct("a").unwrap().ensure_struct("b").unwrap().update([("kept", 1), ("gain", 3)]).unwrap();
    structstore(&["load", file, &other, "a.b"]).text();
    let part = copy.get_at::<structstore::Struct>("a.b").unwrap();
    assert_eq!(part.names().unwrap(), ["kept", "gain", "scan", "numbers"]);
    assert_eq!((part.kind("gain").unwrap().name(), part.get::<f32>("gain").unwrap()), ("f32", 2.0));
    assert_eq!(part.meta("gain").unwrap().unit, "1/s");
    assert_eq!(part.get::<structstore::Array>("scan").unwrap().dtype().unwrap().to_string(), "i16");
    assert_eq!(structstore(&["get", &other, "a.b.numbers"]).text(), "0.5\n");
    assert!(part.set("gain", 11).is_err(), "the limits came with it");

    // Where it is created, and where nothing else is to be left.
    structstore(&["load", file, &other, "new.part"]).text();
    assert_eq!(copy.get_at::<structstore::Struct>("new.part").unwrap().meta("gain").unwrap().unit, "1/s");
    structstore(&["load", file, &other, "a.b", "--replace"]).text();
    assert_eq!(part.names().unwrap(), ["gain", "scan", "numbers"]);
    copy.set("list", StoreValue::list([1])).unwrap();
    let complaint = structstore(&["load", file, &other, "list[0]"]).complaint(4);
    assert!(complaint.contains("list[0]: found i32, expected struct"), "{complaint}");
    copy.check().unwrap();
}

#[test]
fn parts_are_dumped() {
    let name = SegmentName::new("dump_part");
    let _store = StructStoreShared::open(&name).unwrap();
    load(&[&name], r#"{"camera": {"lenses": [{"focus": 3}, {"focus": 4}], "mode": "idle"}}"#).text();
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    structstore(&["dump", &name, &file("part.json"), "camera.lenses"]).text();
    assert_eq!(
        serde_json::from_slice::<Value>(&fs::read(file("part.json")).unwrap()).unwrap(),
        json!([{"focus": 3}, {"focus": 4}])
    );
    assert_eq!(structstore(&["dump", &name, "-", "camera.mode", "--format", "yaml"]).text().trim(), "idle");
    let complaint = structstore(&["dump", &name, &file("part.snapshot"), "camera.lenses"]).complaint(4);
    assert!(complaint.contains("camera.lenses: found list, expected a struct"), "{complaint}");
    assert!(!folder.path().join("part.snapshot").exists());
    structstore(&["dump", &name, &file("part.snapshot"), "camera.lenses[1]"]).text();
    let part = StructStore::new();
    part.restore(&fs::read(file("part.snapshot")).unwrap()).unwrap();
    assert_eq!(part.to_string(), r#"{"focus": 4}"#);
    structstore(&["dump", &name, "-", "camra", "--format", "json"]).complaint(3);
}

#[test]
fn standard_input_tells_its_format() {
    let name = SegmentName::new("load_stdin");
    let store = StructStoreShared::open(&name).unwrap();
    load(&[&name], "{\"a\": 1}\n").text();
    load(&[&name], "\n  b: 2\n").text();
    load(&[&name, "c"], "[1, 2]").text();
    load(&[&name, "d"], "\"text\"").text();
    load(&[&name, "e"], "5").text();
    assert_eq!(shown(&name), json!({"a": 1, "b": 2, "c": [1, 2], "d": "text", "e": 5}));
    let snapshot = structstore(&["dump", &name, "-"]).out;
    store.clear().unwrap();
    structstore_reading(&["load", "-", &name], &snapshot).text();
    assert_eq!(store.len().unwrap(), 5);
    let complaint = load(&[&name], "{a: 1}").complaint(4);
    assert!(
        complaint.contains("cannot read standard input: ") && complaint.contains("--format"),
        "{complaint}"
    );
    load(&[&name, "--format", "yaml"], "{a: 7}").text();
    assert_eq!(store.get::<i64>("a").unwrap(), 7);
    load(&[&name, "--format", "snapshot"], "{\"a\": 1}").complaint(4);
}

#[test]
fn a_document_without_types_keeps_those_that_are_there() {
    let name = SegmentName::new("load_types");
    let store = StructStoreShared::open(&name).unwrap();
    store.set("gain", 0.5).unwrap();
    store.set("count", 7_u8).unwrap();
    store.set("small", 0.5_f32).unwrap();
    store.set("scan", ArrayValue::from_slice(&[2], &[1.5_f32, 2.5]).unwrap()).unwrap();
    store.set("list", StoreValue::list([1_i32, 2])).unwrap();
    let kinds = |store: &StructStoreShared| {
        ["gain", "count", "small", "scan", "list"].map(|name| store.kind(name).unwrap().name())
    };
    load(&[&name], r#"{"gain": 1, "count": 8, "small": 0.1, "scan": [3, 4, 5]}"#).text();
    assert_eq!(kinds(&store), ["f64", "u8", "f32", "array", "list"]);
    assert_eq!(store.get::<f32>("small").unwrap(), 0.1_f32);
    assert_eq!(store.get::<Array>("scan").unwrap().to_vec::<f32>().unwrap(), [3.0, 4.0, 5.0]);
    load(&[&name, "gain"], "2").text();
    assert_eq!(store.get::<f64>("gain").unwrap(), 2.0);
    // What does not fit is stored as what it is.
    load(&[&name], r#"{"count": 300, "scan": ["a"], "gain": "off"}"#).text();
    assert_eq!(kinds(&store), ["str", "i64", "f32", "list", "list"]);
}
