//! `mv`, `push` and `set --parents`.

use serde_json::{Value, json};
use structstore::{Meta, StructStoreShared, Value as StoreValue};
use structstore_tests::SegmentName;

use crate::command::structstore;

fn shown(name: &SegmentName) -> Value {
    structstore(&["show", name, "--json"]).json()
}

#[test]
fn mv_renames_and_moves() {
    let name = SegmentName::new("mv");
    let store = StructStoreShared::open(&name).unwrap();
    let mv = |from: &str, to: &str| structstore(&["mv", &name, from, to]);
    store.update([("vel", 1), ("num", 2)]).unwrap();
    let camera = store.ensure_struct("camera").unwrap();
    camera.set("gain", 0.5_f32).unwrap();
    camera.declare("gain", &Meta::new().range(0.0..=1.0).unit("dB")).unwrap();
    camera.set("lenses", StoreValue::list([StoreValue::record([("focus", StoreValue::from(3))])])).unwrap();
    store.set("log", StoreValue::list([1, 2, 3])).unwrap();

    mv("vel", "velocity").text();
    assert_eq!(store.names().unwrap(), ["velocity", "num", "camera", "log"], "it keeps its place");
    mv("camera", "eye").text();
    assert_eq!(camera.get::<f32>("gain").unwrap(), 0.5, "a handle of a program is still good");
    assert_eq!(store.at("eye").unwrap().meta("gain").unwrap().unit, "dB");

    // Elsewhere, with the metadata of what is in it.
    store.ensure_struct("robot").unwrap();
    mv("eye", "robot.camera").text();
    let moved = store.at("robot").unwrap().at("camera").unwrap();
    assert_eq!((moved.kind("gain").unwrap().name(), moved.meta("gain").unwrap().unit), ("f32", "dB".into()));
    assert!(moved.set("gain", 2).is_err());
    mv("num", "robot.camera.lenses[0].num").text();
    mv("robot.camera.lenses[0]", "lens").text();
    assert_eq!(store.at("lens").unwrap().to_string(), r#"{"focus": 3, "num": 2}"#);
    mv("log[2]", "log[0]").text();
    mv("log[0]", "log[2]").text();
    mv("log[0]", "log[1]").text();
    assert_eq!(shown(&name)["log"], json!([2, 1, 3]));
    mv("log[1]", "one").text();
    mv("lens", "log[1]").text();
    assert_eq!(shown(&name)["log"], json!([2, {"focus": 3, "num": 2}, 3]));
    assert_eq!(shown(&name)["one"], 1);
    mv("one", "one").text();

    let before = store.to_bytes().unwrap();
    for (from, to, code, said) in [
        ("velocity", "log", 4, "log: a field of this name exists already"),
        ("velocity", "robot.camera", 4, "robot.camera: a field of this name exists already"),
        ("velocty", "other", 3, "did you mean velocity?"),
        ("velocity", "robt.velocity", 3, "robt: no such field; did you mean robot?"),
        ("robot", "robot.camera.robot", 2, "robot cannot be moved to robot.camera.robot, which is inside it"),
        ("robot.camera.gain", "gain", 4, "declared"),
        ("robot.camera.gain", "robot.camera.volume", 4, "declared"),
        ("velocity", "log[7]", 3, "out of range"),
        ("velocity", "", 2, "a path is required"),
        ("velocity", "one.x", 4, "one: found i32, expected struct"),
    ] {
        let complaint = mv(from, to).complaint(code);
        assert!(complaint.contains(said), "{from} {to}: {complaint}");
        assert_eq!(store.to_bytes().unwrap(), before, "{from} {to}");
    }
    let pin = moved.pin().unwrap();
    assert!(mv("robot.camera", "camera").complaint(4).contains("in use by process"));
    drop(pin);
    store.check().unwrap();
}

#[test]
fn push_appends_to_lists() {
    let name = SegmentName::new("push");
    let store = StructStoreShared::open(&name).unwrap();
    let push = |path: &str, value: &str| structstore(&["push", &name, path, value]);
    push("numbers", "5").text();
    push("numbers", "-6").text();
    store.set("small", StoreValue::list([1_u8])).unwrap();
    push("small", "7").text();
    push("words", "\"first\"").text();
    push("words", "second one").text();
    structstore(&["push", &name, "words", "--json", "{\"a\": [1]}"]).text();
    push("words", "{\"a\": [2]}").text();
    store.set("nested", StoreValue::list([StoreValue::list([1])])).unwrap();
    push("nested[0]", "2").text();
    assert_eq!(
        shown(&name),
        json!({"numbers": [5, -6], "small": [1, 7], "words": ["first", "second one", {"a": [1]}, {"a": [2]}],
            "nested": [[1, 2]]})
    );
    assert_eq!(store.get_at::<structstore::List>("small").unwrap().kind(1).unwrap().name(), "u8");
    store.set("array", [1.0, 2.0]).unwrap();
    for (path, value, code, said) in [
        ("small", "256", 4, "small: found `256`, expected u8"),
        ("array", "3", 4, "array: found array, expected list"),
        ("new", "fast", 2, "a string is written as"),
        ("missing.list", "1", 3, "missing: no such field"),
        ("numbers[9]", "1", 3, "out of range"),
    ] {
        let complaint = push(path, value).complaint(code);
        assert!(complaint.contains(said), "{path}: {complaint}");
    }
    assert!(!store.contains("new").unwrap());
}

#[test]
fn set_creates_parents_on_request() {
    let name = SegmentName::new("parents");
    let store = StructStoreShared::open(&name).unwrap();
    store.set("rate", 5_u8).unwrap();
    let complaint = structstore(&["set", &name, "drive.left.gain", "1.5"]).complaint(3);
    assert!(complaint.contains("drive: no such field, which --parents would create"), "{complaint}");
    structstore(&["set", "-p", &name, "drive.left.gain", "1.5"]).text();
    structstore(&["set", "--parents", &name, "drive.left.gain", "2"]).text();
    structstore(&["set", "-p", &name, "drive.right", "{\"gain\": 1}"]).text();
    structstore(&["set", "-p", &name, "rate", "7"]).text();
    assert_eq!(store.to_string(), r#"{"rate": 7, "drive": {"left": {"gain": 2.0}, "right": {"gain": 1}}}"#);
    assert_eq!(store.kind("rate").unwrap().name(), "u8");
    for (path, value, code, said) in [
        ("rate.x", "1", 4, "rate: found u8, expected struct"),
        ("new.list[0]", "1", 3, "new: no such field"),
        ("new.field", "fast", 2, "not valid JSON"),
    ] {
        let complaint = structstore(&["set", "-p", &name, path, value]).complaint(code);
        assert!(complaint.contains(said), "{path}: {complaint}");
    }
    assert!(!store.contains("new").unwrap());
}
