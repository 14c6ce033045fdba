//! `watch`: times and rates.

use std::process::Child;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::Value;
use structstore::stream::{Stream, StreamValue};
use structstore::{DType, StructStoreShared};
use structstore_tests::SegmentName;

use crate::command::{Outcome, command, finish, structstore};

/// What a command says while a number counts up a thousand times a second.
fn beside(store: &StructStoreShared, child: Child) -> Outcome {
    let done = AtomicBool::new(false);
    thread::scope(|scope| {
        let watching = scope.spawn(|| {
            let outcome = finish(child);
            done.store(true, Ordering::Relaxed);
            outcome
        });
        for number in 0_i64.. {
            if done.load(Ordering::Relaxed) {
                break;
            }
            store.set("num", number).unwrap();
            thread::sleep(Duration::from_millis(1));
        }
        watching.join().unwrap()
    })
}

fn is_time(text: &str) -> bool {
    let shape: String = text.chars().map(|c| if c.is_ascii_digit() { '0' } else { c }).collect();
    shape == "0000-00-00T00:00:00.000"
}

#[test]
fn changes_have_their_times() {
    let name = SegmentName::new("watch_time");
    let store = StructStoreShared::open(&name).unwrap();
    store.set("num", 0_i64).unwrap();
    let watch = |options: &[&str]| {
        let child = command(&[&["watch", &name, "--count", "2"], options].concat()).spawn().unwrap();
        beside(&store, child).text()
    };
    for line in watch(&["--time"]).lines() {
        let (time, rest) = line.split_once(' ').unwrap();
        assert!(is_time(time) && rest.starts_with("num: i64 = "), "{line}");
    }
    for line in watch(&["--json"]).lines() {
        let change: Value = serde_json::from_str(line).unwrap();
        let time = change["time"].as_str().unwrap();
        assert!(is_time(time.strip_suffix('Z').unwrap()), "{line}");
    }
    assert!(watch(&[]).starts_with("num: "));
}

#[test]
fn rate_bounds_the_reports() {
    let name = SegmentName::new("watch_rate");
    let store = StructStoreShared::open(&name).unwrap();
    store.set("num", 0_i64).unwrap();
    let start = Instant::now();
    let child = command(&["watch", &name, "--rate", "10", "--count", "5", "--json"]).spawn().unwrap();
    let lines = beside(&store, child).text();
    assert!(start.elapsed() >= Duration::from_millis(400), "{:?}", start.elapsed());
    let numbers: Vec<i64> = lines
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).unwrap()["value"].as_i64().unwrap())
        .collect();
    assert_eq!(numbers.len(), 5);
    // The newest of those that came meanwhile.
    assert!(numbers.windows(2).all(|pair| pair[1] - pair[0] > 5), "{numbers:?}");

    // It ends in time, although there is always something new.
    let start = Instant::now();
    let child = command(&["watch", &name, "--rate", "1e-19", "--timeout", "0.3"]).spawn().unwrap();
    let outcome = beside(&store, child);
    assert!(outcome.code() == 0 && start.elapsed() < Duration::from_secs(5), "{outcome:?}");
    let child = command(&["watch", &name, "--timeout", "0.3"]).spawn().unwrap();
    assert_eq!(beside(&store, child).code(), 0);
    for rate in ["0", "-1", "nan", "often"] {
        structstore(&["watch", &name, &format!("--rate={rate}")]).complaint(2);
    }
}

#[test]
fn top_counts_what_changes() {
    let name = SegmentName::new("top");
    let store = StructStoreShared::open(&name).unwrap();
    store.set("num", 0_i64).unwrap();
    store.set("still", 0_i64).unwrap();
    let top = |options: &[&str]| {
        let options = [&["top", &name, "--interval", "0.3", "--count", "1"], options].concat();
        beside(&store, command(&options).spawn().unwrap())
    };
    let found = top(&["--json"]).json();
    assert_eq!(found["changes"][0]["path"], "num");
    assert!(found["changes"][0]["rate"].as_f64().unwrap() > 1.0, "{found}");
    assert_eq!(found["changes"].as_array().unwrap().len(), 1, "{found}");
    let own = |process: &Value| {
        process["pid"] == std::process::id() && process["library"] == env!("CARGO_PKG_VERSION")
    };
    assert!(found["participants"].as_array().unwrap().iter().any(own), "{found}");
    let text = top(&[]).text();
    assert!(
        text.starts_with(&*name) && text.contains("PER SECOND  PATH\n") && text.ends_with(" num\n"),
        "{text}"
    );
    assert!(
        structstore(&["top", &name, "still", "--interval", "0.1", "--count", "1"])
            .text()
            .ends_with("nothing changes\n")
    );
    let guard = store.write().unwrap();
    let text = structstore(&["top", &name, "still", "--interval", "0.1", "--count", "1"]).text();
    drop(guard);
    assert!(
        text.contains("exclusive, thread")
            && text.ends_with("the store is locked; changes cannot be shown\n"),
        "{text}"
    );
}

/// A stream that was replaced while it was watched is another one.
#[test]
fn top_follows_a_stream_that_is_replaced() {
    let name = SegmentName::new("top_stream");
    let store = StructStoreShared::open(&name).unwrap();
    let new = |depth| store.set("imu", StreamValue::new(DType::of::<f64>(), &[], depth).unwrap()).unwrap();
    new(10);
    let options = ["top", &name, "--interval", "0.4", "--count", "4", "--json"];
    let child = command(&options).spawn().unwrap();
    let done = AtomicBool::new(false);
    let said = thread::scope(|scope| {
        let watching = scope.spawn(|| {
            let said = finish(child).text();
            done.store(true, Ordering::Relaxed);
            said
        });
        let start = Instant::now();
        let mut replaced = false;
        while !done.load(Ordering::Relaxed) {
            if !replaced && start.elapsed() > Duration::from_millis(600) {
                new(20);
                replaced = true;
            }
            store.get::<Stream<f64>>("imu").unwrap().publish(&1.5).unwrap();
            thread::sleep(Duration::from_millis(2));
        }
        watching.join().unwrap()
    });
    let last: Value = serde_json::from_str(said.lines().last().unwrap()).unwrap();
    assert_eq!((&last["changes"][0]["path"], &last["changes"][0]["stream"]), (&"imu".into(), &true.into()));
    assert!(last["changes"][0]["rate"].as_f64().unwrap() > 1.0, "{said}");
}
