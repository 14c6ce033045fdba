//! A process dies at each of its stores to shared memory, in operations of every kind; the others find the operation
//! done or not done, and nothing held, torn or lost.

use std::collections::VecDeque;
use std::os::unix::process::ExitStatusExt;
use std::process::{Command, Stdio};
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use structstore::{Error, Statistics, StructStoreShared, Value};
use structstore_tests::SegmentName;
use structstore_tests::deaths::{Case, cases, options};

/// How long anything may take.
const LIMIT: Duration = Duration::from_secs(20);

/// What can be seen of a store from outside.
#[derive(PartialEq, Debug)]
struct State {
    value: Value<'static>,
    allocated: u64,
    blocks: u64,
    nodes: u64,
}

impl State {
    fn of(store: &StructStoreShared) -> State {
        let Statistics { allocated, blocks, nodes, .. } = store.statistics();
        State { value: store.to_value().unwrap(), allocated, blocks, nodes }
    }
}

/// Does the operation in another process. Returns whether it died in it.
fn dies(case: &Case, segment: &SegmentName, at: u64) -> bool {
    let done = Command::new(env!("CARGO_BIN_EXE_mortal"))
        .args([segment.as_str(), &case.name, &at.to_string()])
        .stdin(Stdio::null())
        .status()
        .unwrap();
    assert!(done.success() || done.signal() == Some(9), "{} at store {at}: {done}", case.name);
    !done.success()
}

fn open(segment: &SegmentName) -> StructStoreShared {
    options().open(segment).unwrap()
}

/// What must hold whatever has become of the other process.
fn assert_whole(store: &StructStoreShared, before: &State, after: &State, what: &str) {
    let use_it = || {
        drop(store.write_timeout(LIMIT)?);
        store.check()?;
        let found = State::of(store);
        store.set("probe", vec!["new", "contents"])?;
        store.remove("probe")?;
        store.check()?;
        Ok::<State, Error>(found)
    };
    let found = use_it().unwrap_or_else(|error| panic!("{what}: {error}"));
    assert!(
        found == *before || found == *after,
        "{what}: found {found:?},\nbefore {before:?},\nafter {after:?}"
    );
}

/// Lets a process die in every store of an operation. Returns how many these were.
fn try_all(case: &Case, attached: bool) -> u64 {
    let segment = SegmentName::new("death");
    let (before, after) = {
        let store = open(&segment);
        case.prepare(&store).unwrap();
        let before = State::of(&store);
        assert!(!dies(case, &segment, 0));
        store.check().unwrap();
        (before, State::of(&store))
    };
    for at in 1.. {
        let segment = SegmentName::new("death");
        let store = open(&segment);
        case.prepare(&store).unwrap();
        assert_eq!(State::of(&store), before, "{}: the same steps lead to the same state", case.name);
        let store = if attached {
            Some(store)
        } else {
            drop(store);
            None
        };
        let died = dies(case, &segment, at);
        let store = store.unwrap_or_else(|| open(&segment));
        assert_whole(&store, &before, &after, &format!("{} died at store {at}", case.name));
        if !died {
            return at - 1;
        }
    }
    0
}

#[test]
fn every_operation_survives_a_death_at_every_store() {
    let mut cases = cases();
    // To look into one of them.
    if let Ok(only) = std::env::var("STRUCTSTORE_CASE") {
        cases.retain(|case| case.name.contains(&only));
    }
    let (left, points) = (Mutex::new(VecDeque::from_iter(&cases)), AtomicU64::new(0));
    std::thread::scope(|scope| {
        for _ in 0..std::thread::available_parallelism().map_or(2, usize::from) {
            scope.spawn(|| {
                loop {
                    let Some(case) = left.lock().unwrap().pop_front() else { return };
                    let found = try_all(case, true);
                    println!("{}: {found}", case.name);
                    assert!(found > 0, "{} stores nothing", case.name);
                    points.fetch_add(found, Ordering::Relaxed);
                }
            });
        }
    });
    println!("{} operations died at {} points", cases.len(), points.into_inner());
}
