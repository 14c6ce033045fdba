//! A process dies at each of its stores to shared memory, in operations of every kind ([`cases`]); the other processes find the
//! operation done or not done, and nothing locked, torn or lost. By default, it dies at one in [`SAMPLED`] stores.

use std::os::unix::process::ExitStatusExt;
use std::process::{Command, Stdio};
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

use structstore::inspect::Statistics;
use structstore::{Error, ErrorKind, StructStoreShared, Value};
use structstore_tests::SegmentName;
use structstore_tests::deaths::{Case, cases};
use structstore_tests::limits::STUCK as LIMIT;
use structstore_tests::sample;

/// A process dies at one in this many stores, unless the whole suite runs.
const SAMPLED: usize = 24;

/// The visible state of a store.
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

/// Runs the operation in another process. Returns whether that process died.
fn dies(case: &Case, segment: &SegmentName, at: u64) -> bool {
    let done = Command::new(env!("CARGO_BIN_EXE_mortal"))
        .args([segment.as_str(), &case.name, &at.to_string()])
        .stdin(Stdio::null())
        .status()
        .unwrap();
    assert!(done.success() || done.signal() == Some(9), "{} at store {at}: {done}", case.name);
    !done.success()
}

fn open(case: &Case, segment: &SegmentName) -> StructStoreShared {
    case.options().open(segment).unwrap()
}

/// Asserts the conditions that hold whether the other process finished or died.
fn assert_whole(case: &Case, store: &StructStoreShared, before: &State, after: &State, what: &str) {
    let use_it = || {
        drop(store.within(LIMIT).write()?);
        store.check()?;
        let found = State::of(store);
        match store.set("probe", vec!["new", "contents"]) {
            Err(error) if error.kind() == ErrorKind::OutOfSpace && case.full && found == *before => {}
            done => done.and_then(|()| store.delete("probe"))?,
        }
        store.check()?;
        Ok::<State, Error>(found)
    };
    let found = use_it().unwrap_or_else(|error| panic!("{what}: {error}"));
    assert!(
        found == *before || found == *after,
        "{what}: found {found:?},\nbefore {before:?},\nafter {after:?}"
    );
}

/// The visible states before and after an operation.
fn outcomes(case: &Case) -> (State, State) {
    let segment = SegmentName::new("outcomes");
    let store = open(case, &segment);
    case.prepare(&store).unwrap();
    let before = State::of(&store);
    assert!(!dies(case, &segment, 0));
    // Through another handle, because the operation may have replaced the root.
    let after = open(case, &segment);
    after.check().unwrap();
    (before, State::of(&after))
}

/// Lets a process die at every store of an operation, with another process attached or not. Returns the number of deaths.
fn try_all(case: &Case, attached: bool) -> u64 {
    let (before, after) = outcomes(case);
    let mut points = 0;
    for at in sample::steps(&case.name, SAMPLED) {
        let segment = SegmentName::new("death");
        let store = open(case, &segment);
        case.prepare(&store).unwrap();
        assert_eq!(State::of(&store), before, "{}: the same steps lead to the same state", case.name);
        let _attached = attached.then_some(store);
        let died = dies(case, &segment, at);
        assert_whole(
            case,
            &open(case, &segment),
            &before,
            &after,
            &format!("{} died at store {at}", case.name),
        );
        if !died {
            break;
        }
        points += 1;
    }
    points
}

/// Runs `work` on all items, in as many threads as there are processors. Returns the sum of the results.
fn sum_in_parallel<T: Sync>(items: &[T], work: impl Fn(&T) -> u64 + Sync) -> u64 {
    let (left, sum) = (Mutex::new(items.iter()), AtomicU64::new(0));
    std::thread::scope(|scope| {
        for _ in 0..std::thread::available_parallelism().map_or(2, usize::from) {
            scope.spawn(|| {
                loop {
                    let Some(item) = left.lock().unwrap().next() else { return };
                    sum.fetch_add(work(item), Ordering::Relaxed);
                }
            });
        }
    });
    sum.into_inner()
}

/// All cases, or those whose names contain the value of `STRUCTSTORE_CASE`, to run one of them.
fn chosen() -> Vec<Case> {
    let mut cases = cases();
    if let Ok(only) = std::env::var("STRUCTSTORE_CASE") {
        cases.retain(|case| case.name.contains(&only));
    }
    cases
}

#[test]
fn every_operation_survives_a_death_at_every_store() {
    let cases = chosen();
    let points = sum_in_parallel(&cases, |case| {
        let points = try_all(case, true);
        assert!(points > 0, "{} stores nothing", case.name);
        points
    });
    println!("{} operations died at {points} points, beside a process that lives", cases.len());
}

/// A watcher is notified of a difference after a death, whichever process had to undo or finish the operation or release the lock.
#[test]
fn death_at_a_store_reports_changes_to_watchers() {
    // A full store has no room for a watch, and re-initialising removes the watched struct.
    let told = |case: &Case| case.name != "close" && !case.name.starts_with("begin anew") && !case.full;
    let cases: Vec<Case> = chosen().into_iter().filter(told).step_by(7).collect();
    let points = sum_in_parallel(&cases, |case| {
        let mut points = 0;
        for at in sample::steps(&case.name, SAMPLED) {
            let segment = SegmentName::new("told");
            let store = open(case, &segment);
            case.prepare(&store).unwrap();
            let (before, mut watch) = (store.to_value().unwrap(), store.watch().unwrap());
            let died = dies(case, &segment, at);
            let store = open(case, &segment);
            store.check().unwrap();
            if store.to_value().unwrap() != before {
                let told = watch.wait(Some(LIMIT)).unwrap().unwrap_or_default();
                assert!(!told.is_empty(), "{} died at store {at}, and nobody was told", case.name);
            }
            if !died {
                break;
            }
            points += 1;
        }
        points
    });
    println!("{} operations died at {points} points, beside a process that watches", cases.len());
}

#[test]
fn open_repairs_a_store_without_any_living_process() {
    let cases: Vec<Case> = chosen().into_iter().step_by(9).collect();
    let points = sum_in_parallel(&cases, |case| try_all(case, false));
    println!("{} operations died at {points} points, all alone", cases.len());
}

#[test]
fn a_repairer_may_die_at_every_store() {
    let cases = cases();
    let find = |name: &str| cases.iter().find(|case| case.name == name).unwrap();
    // Stores at which an operation is changing words, freeing what it unlinked, or being undone.
    let remains = [
        ("struct becomes list", 200),
        ("struct becomes list", 600),
        ("commit a transaction", 1000),
        ("commit a transaction", 2000),
        ("undo a transaction", 2000),
        ("remove a leased array", 150),
        ("replace a leased array", 120),
        ("grow", 100),
        ("bind", 300),
    ];
    let points = sum_in_parallel(&remains, |(name, at)| {
        let case = find(name);
        let (before, after) = outcomes(case);
        let mut points = 0;
        for repairer_at in sample::steps(name, SAMPLED) {
            let segment = SegmentName::new("repair");
            let store = open(case, &segment);
            case.prepare(&store).unwrap();
            drop(store);
            assert!(dies(case, &segment, *at), "{name} has fewer than {at} stores");
            let died = dies(find("open"), &segment, repairer_at);
            let what = format!("{name} died at store {at}, and its repairer at store {repairer_at}");
            assert_whole(case, &open(case, &segment), &before, &after, &what);
            if !died {
                break;
            }
            points += 1;
        }
        points
    });
    println!("{} repairs died at {points} points", remains.len());
}
