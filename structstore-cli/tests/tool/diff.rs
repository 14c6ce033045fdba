//! `diff` of stores and documents.

use std::fs;

use serde_json::json;
use structstore::{ArrayValue, StructStoreShared, Value};
use structstore_tests::SegmentName;

use crate::command::{structstore, structstore_reading};

fn robot(name: &SegmentName) -> StructStoreShared {
    let store = StructStoreShared::open(name).unwrap();
    store.set("rate", 50_i32).unwrap();
    store.set("label", "left").unwrap();
    let camera = store.ensure_struct("camera").unwrap();
    camera.set("gain", 0.1_f32).unwrap();
    camera.set("nan", f64::NAN).unwrap();
    camera.set("frame", ArrayValue::from_slice(&[2, 2], &[1_i16, 2, 3, 4]).unwrap()).unwrap();
    camera.set("log", Value::list([1, 2])).unwrap();
    store
}

#[test]
fn differences_are_one_line_each() {
    let (name, other) = (SegmentName::new("diff_a"), SegmentName::new("diff_b"));
    let (store, copy) = (robot(&name), robot(&other));
    let equal = structstore(&["diff", &name, &other]);
    assert_eq!((equal.code(), equal.out.len(), equal.err.as_str()), (0, 0, ""));

    copy.set("rate", 60).unwrap();
    copy.delete("label").unwrap();
    copy.set("say \"no\"", Value::record([("a", Value::from(1))])).unwrap();
    let camera = copy.at("camera").unwrap();
    camera.set_at("frame[1,0]", 7).unwrap();
    camera.ensure_list("log").unwrap().push("x").unwrap();
    camera.set("nan", 1.0).unwrap();
    let different = structstore(&["diff", &name, &other]);
    assert_eq!((different.code(), different.err.as_str()), (1, ""));
    let expected = format!(
        "rate: 50 -> 60
label: only in {name}
camera.nan: NaN -> 1.0
camera.frame[1][0]: 3 -> 7
camera.log[2]: only in {other}
\"say \\\"no\\\"\": only in {other}
"
    );
    assert_eq!(String::from_utf8(different.out).unwrap(), expected);

    let part = structstore(&["diff", &name, &other, "camera.frame"]);
    assert_eq!(String::from_utf8(part.out).unwrap(), "camera.frame[1][0]: 3 -> 7\n");
    let part = structstore(&["diff", &other, &name, "label"]);
    assert_eq!((part.code(), String::from_utf8(part.out).unwrap()), (1, format!("label: only in {name}\n")));
    structstore(&["diff", &name, &other, "nowhere"]).complaint(3);
    structstore(&["diff", &name, &format!("{other}_not_there")]).complaint(3);
    structstore(&["diff", &name, "/not/there"]).complaint(3);

    let reported = structstore(&["diff", &name, &other, "--json"]);
    assert_eq!(reported.code(), 1);
    let reported: serde_json::Value = serde_json::from_slice(&reported.out).unwrap();
    assert_eq!(
        reported[0],
        json!({"path": "rate", "old": 50, "old_type": "i32", "new": 60, "new_type": "i32"})
    );
    assert_eq!(reported[1], json!({"path": "label", "old": "left", "old_type": "str"}));
    assert_eq!(reported[2]["old"], "NaN");
    assert_eq!(structstore(&["diff", &name, &name, "--json"]).json(), json!([]));

    // Many elements are one difference.
    store.set("scan", ArrayValue::from_slice(&[100], &[0_u8; 100]).unwrap()).unwrap();
    copy.set("scan", ArrayValue::from_slice(&[100], &[1_u8; 100]).unwrap()).unwrap();
    let part = structstore(&["diff", &name, &other, "scan"]);
    assert_eq!(String::from_utf8(part.out).unwrap(), "scan: 100 of 100 elements differ\n");
}

#[test]
fn types_count_on_request() {
    let (name, other) = (SegmentName::new("types_a"), SegmentName::new("types_b"));
    let (_store, copy) = (robot(&name), robot(&other));
    copy.set("rate", 50_i64).unwrap();
    copy.at("camera").unwrap().set("frame", Value::list([Value::list([1, 2]), Value::list([3, 4])])).unwrap();
    assert_eq!(structstore(&["diff", &name, &other]).code(), 0);
    let different = structstore(&["diff", &name, &other, "--types"]);
    assert_eq!(different.code(), 1);
    assert_eq!(
        String::from_utf8(different.out).unwrap(),
        "rate: i32 50 -> i64 50\ncamera.frame: i16[2, 2] [[1, 2], [3, 4]] -> list [[1, 2], [3, 4]]\n"
    );
}

#[test]
fn stores_are_compared_with_documents() {
    let name = SegmentName::new("diff_files");
    let store = robot(&name);
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    for ending in ["snapshot", "yaml", "without"] {
        let file = file(&format!("robot.{ending}"));
        structstore(&["dump", &name, &file]).text();
        let equal = structstore(&["diff", &name, &file]);
        assert_eq!((equal.code(), equal.out.len()), (0, 0), "{ending}: {equal:?}");
    }
    store.at("camera").unwrap().delete("nan").unwrap();
    let document = structstore(&["dump", &name, "-", "--format", "json"]).out;
    fs::write(file("robot.json"), &document).unwrap();
    assert_eq!(structstore(&["diff", &file("robot.json"), &name]).code(), 0);
    store.set("rate", 51).unwrap();
    let different = structstore(&["diff", &file("robot.json"), &name]);
    assert_eq!((different.code(), different.out.as_slice()), (1, &b"rate: 50 -> 51\n"[..]));
    let different = structstore_reading(&["diff", &name, "-", "camera"], &document);
    assert_eq!(different.code(), 0, "{different:?}");
    assert_eq!(structstore(&["diff", &name, &file("robot.yaml"), "--types"]).code(), 1);

    structstore(&["diff", "-", "-"]).complaint(2);

    // A pipe is read once.
    let pipe = file("pipe");
    nix::unistd::mkfifo(pipe.as_str(), nix::sys::stat::Mode::S_IRWXU).unwrap();
    let writer = std::thread::spawn({
        let (pipe, document) = (pipe.clone(), document.clone());
        move || fs::write(pipe, document).unwrap()
    });
    assert_eq!(structstore(&["diff", &pipe, &name]).out, b"rate: 50 -> 51\n");
    writer.join().unwrap();

    // A store in a file.
    let place = file("robot.store");
    let other = StructStoreShared::options().file(true).open(&place).unwrap();
    other.restore(&store.to_bytes().unwrap()).unwrap();
    assert_eq!(structstore(&["diff", &name, &place, "--types"]).code(), 0);
    other.set("rate", 52).unwrap();
    assert_eq!(structstore(&["diff", &place, &name]).out, b"rate: 52 -> 51\n");
    fs::write(file("list.json"), "[1]").unwrap();
    assert_eq!(structstore(&["diff", &file("list.json"), &file("list.json")]).code(), 0);
    structstore(&["diff", &file("list.json"), &name, "camera"]).complaint(4);
}
