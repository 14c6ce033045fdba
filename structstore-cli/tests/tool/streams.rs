//! Streams in the tool, against live stores.

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use serde_json::{Value, json};
use structstore::stream::Stream;
use structstore::{StructStore, StructStoreShared};
use structstore_tests::SegmentName;

use crate::command::{Outcome, command, finish, structstore};

#[derive(StructStore, Clone, Debug)]
struct Imu {
    /// Time of the measurement.
    #[structstore(unit = "s")]
    t: f64,
    #[structstore(range = -100.0..=100.0, unit = "m/s2")]
    acc: [f32; 3],
    label: Label,
}

#[derive(StructStore, Clone, Copy, Debug)]
enum Label {
    Good,
    #[structstore(rename = "so, \"so\"")]
    Fair,
}

struct Streams {
    name: SegmentName,
    imu: Stream<Imu>,
    _store: StructStoreShared,
}

/// Five samples of an IMU, each 10 ms after the one before, a stream of frames, and an empty one.
fn streams(label: &str) -> Streams {
    let name = SegmentName::new(label);
    let store = StructStoreShared::open(&name).unwrap();
    let imu = store.ensure_stream::<Imu>("imu", Stream::depth(100)).unwrap();
    for at in 0..5_u64 {
        let label = if at == 2 { Label::Fair } else { Label::Good };
        let sample = Imu { t: at as f64 / 4.0, acc: [0.1, 0.0, at as f32], label };
        imu.publish_at(&sample, 1000 + at * 10_000_000).unwrap();
    }
    let frames = store.ensure_stream::<[u8]>("frames", Stream::array([100, 100]).depth(2)).unwrap();
    frames.publish(&[7; 10_000]).unwrap();
    store.ensure_stream::<f64>("empty", Stream::depth(3)).unwrap();
    Streams { name, imu, _store: store }
}

#[test]
fn dumps_hold_all_samples_on_demand() {
    let streams = streams("cli_dumped_streams");
    let (name, copy) = (&streams.name, SegmentName::new("cli_dumped_copy"));
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("dump");
    let file = file.to_str().unwrap();
    for (option, samples) in [(None, 1), (Some("--samples"), 5)] {
        let dump = ["dump", name, file].into_iter().chain(option);
        structstore(&dump.collect::<Vec<_>>()).text();
        structstore(&["load", file, &copy]).text();
        let last = structstore(&["get", &copy, "imu", "--last", "9"]).json();
        assert_eq!(last.as_array().unwrap().len(), samples);
        assert_eq!(last[samples - 1]["value"]["t"], 1.0);
        structstore(&["unlink", &copy]).text();
    }
    let refused = structstore(&["dump", name, "-", "--format", "json", "--samples"]).complaint(2);
    assert!(refused.contains("--samples: JSON and YAML have the newest samples only"), "{refused}");
}

#[test]
fn show_and_get_print_the_newest_sample() {
    let streams = streams("cli_streams");
    let name = &streams.name;
    let text = structstore(&["show", name]).text();
    let lines: Vec<&str> = text.lines().collect();
    assert!(
        lines[1].starts_with(
            "  imu: stream of {t: f64, acc: f32[3], label: <U8}, depth 100 (5 samples, 100.0 Hz, "
        )
    );
    assert!(lines[1].contains(r#" = {"t": 1.0, "acc": [0.1, 0.0, 4.0], "label": "Good"}"#), "{text}");
    assert!(lines[2].starts_with("  frames: stream of u8[100, 100], depth 2 (1 sample, "), "{text}");
    assert!(!lines[2].contains('='), "{text}");
    assert_eq!(lines[3], "  empty: stream of f64, depth 3 (0 samples)");
    let text = structstore(&["show", name, "--types"]).text();
    assert!(text.lines().nth(1).unwrap().ends_with("depth 100"), "{text}");
    let newest = structstore(&["get", name, "imu"]).json();
    assert_eq!(newest, json!({"t": 1.0, "acc": [0.1, 0.0, 4.0], "label": "Good"}));
    assert_eq!(structstore(&["get", name, "empty"]).json(), Value::Null);
    let document = structstore(&["show", name, "--json"]).json();
    assert_eq!((&document["imu"]["t"], &document["empty"]), (&json!(1.0), &Value::Null));
    structstore(&["set", name, "imu", "5"]).complaint(4);
}

#[test]
fn the_last_samples_are_printed() {
    let streams = streams("cli_last");
    let name = &streams.name;
    let last = structstore(&["get", name, "imu", "--last", "2"]).json();
    let expected = json!([
        {"seq": 3, "time": 30_001_000, "value": {"t": 0.75, "acc": [0.1, 0.0, 3.0], "label": "Good"}},
        {"seq": 4, "time": 40_001_000, "value": {"t": 1.0, "acc": [0.1, 0.0, 4.0], "label": "Good"}},
    ]);
    assert_eq!(last, expected);
    let table = structstore(&["get", name, "imu", "--last", "3", "--csv"]).text();
    let expected = "seq,time,t,acc[0],acc[1],acc[2],label\n\
                    2,20001000,0.5,0.1,0.0,2.0,\"so, \"\"so\"\"\"\n\
                    3,30001000,0.75,0.1,0.0,3.0,Good\n\
                    4,40001000,1.0,0.1,0.0,4.0,Good\n";
    assert_eq!(table, expected);
    assert_eq!(structstore(&["get", name, "empty", "--last", "3", "--csv"]).text(), "seq,time,value\n");
    assert_eq!(structstore(&["get", name, "empty", "--last", "3"]).json(), json!([]));
    structstore(&["get", name, "imu", "--csv"]).complaint(2);
    let complaint = structstore(&["get", name, "none", "--last", "3"]).complaint(3);
    assert!(complaint.contains("no such field"), "{complaint}");
}

/// Runs a command while samples are published, one each 5 ms.
fn beside(imu: &Stream<Imu>, arguments: &[&str]) -> Outcome {
    let child = command(arguments).spawn().unwrap();
    let done = AtomicBool::new(false);
    thread::scope(|scope| {
        let following = scope.spawn(|| {
            let outcome = finish(child);
            done.store(true, Ordering::Relaxed);
            outcome
        });
        while !done.load(Ordering::Relaxed) {
            imu.publish(&Imu { t: 0.5, acc: [0.0; 3], label: Label::Good }).unwrap();
            thread::sleep(Duration::from_millis(5));
        }
        following.join().unwrap()
    })
}

#[test]
fn each_sample_is_printed() {
    let streams = streams("cli_each");
    let (name, imu) = (&streams.name, &streams.imu);
    let text = beside(imu, &["watch", name, "imu", "--each", "--count", "3"]).text();
    assert_eq!(text.lines().count(), 3);
    for line in text.lines() {
        assert!(
            line.starts_with("imu ")
                && line.ends_with(r#": {"t": 0.5, "acc": [0.0, 0.0, 0.0], "label": "Good"}"#)
        );
    }
    let text = beside(imu, &["watch", name, "imu", "--each", "--count", "1", "--time"]).text();
    let (time, rest) = text.split_once(' ').unwrap();
    assert!(time.len() == "2026-05-01T12:30:00.000".len() && rest.starts_with("imu "), "{text}");
    let lines = beside(imu, &["watch", name, "imu", "--each", "--count", "5", "--json"]).text();
    let samples: Vec<Value> = lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    for pair in samples.windows(2) {
        let number = |sample: &Value, name: &str| sample[name].as_u64().unwrap();
        assert_eq!(number(&pair[1], "seq"), number(&pair[0], "seq") + 1 + number(&pair[1], "missed"));
        assert_eq!((&pair[1]["path"], &pair[1]["value"]["t"]), (&json!("imu"), &json!(0.5)));
    }
    let quiet = structstore(&["watch", name, "empty", "--each", "--count", "1", "--timeout", "0.1"]);
    assert_eq!((quiet.code(), quiet.out.len()), (1, 0));
    structstore(&["watch", name, "--each"]).complaint(4);
}

#[test]
fn rates_are_measured() {
    let streams = streams("cli_hz");
    let (name, imu) = (&streams.name, &streams.imu);
    let report = beside(imu, &["hz", name, "imu", "--count", "1", "--window", "0.3", "--json"]).json();
    let number = |name: &str| report[name].as_f64().unwrap();
    // Five milliseconds or more each.
    assert!(number("rate") > 0.0 && number("rate") < 200.5, "{report}");
    assert!(
        number("least") > 0.0 && number("least") <= number("period") && number("period") <= number("most")
    );
    let text = beside(imu, &["hz", name, "imu", "--count", "1", "--window", "0.3"]).text();
    assert!(text.contains(" Hz, period ") && text.ends_with(" 0 missed\n"), "{text}");
    let text = structstore(&["hz", name, "empty", "--timeout", "0.1"]).text();
    assert_eq!(text, "0.0 Hz, 0 missed\n");
    let complaint = structstore(&["hz", name, ""]).complaint(4);
    assert!(complaint.contains("expected a stream"), "{complaint}");
}

#[test]
fn samples_have_a_schema() {
    let streams = streams("cli_stream_schema");
    let name = &streams.name;
    let table = structstore(&["schema", name, "--markdown"]).text();
    assert!(table.contains("| `imu` | stream of 100 samples, each struct |"), "{table}");
    assert!(table.contains("| `imu.t` | f64 |  | s |  | Time of the measurement. |"), "{table}");
    assert!(table.contains("| `imu.acc` | f32[3] | a number from -100.0 to 100.0 | m/s2 |  |  |"), "{table}");
    let schema = structstore(&["schema", name, "--json"]).json();
    let imu = &schema["properties"]["imu"];
    assert_eq!((&imu["x-kind"], &imu["type"]), (&json!("stream"), &json!(["object", "null"])));
    assert_eq!(imu["properties"]["label"]["enum"], json!(["Good", "so, \"so\""]));
    assert_eq!(imu["properties"]["t"]["x-unit"], json!("s"));
}
