//! Watches, in one process and across several.

mod peer;

use std::thread;
use std::time::Duration;

use structstore::path::Path;
use structstore::{
    Array, ArrayValue, Error, ErrorKind, Struct, StructStore, StructStoreShared, Value, Watch,
};
use structstore_tests::SegmentName;

use peer::{LIMIT, Peer};

/// The next paths that a watch reports.
fn next(watch: &mut Watch) -> Vec<Path> {
    watch.wait(Some(LIMIT)).unwrap().expect("nothing was told")
}

fn pose() -> Value<'static> {
    Value::record([("x", Value::from(1.0)), ("frame", "map".into())])
}

#[test]
fn watch_reports_paths_of_changes() {
    let store = StructStore::new();
    store.set("pose", pose()).unwrap();
    store.set("items", Value::list([1, 2, 3])).unwrap();
    store.set("gains", ArrayValue::from_slice(&[2], &[1.0, 2.0]).unwrap()).unwrap();
    let mut watch = store.watch().unwrap();
    let mut told = |change: &dyn Fn() -> structstore::Result<()>| {
        change().unwrap();
        watch.changes().unwrap()
    };
    let list = store.ensure_list("items").unwrap();
    assert_eq!(told(&|| store.set("mode", 1)), ["mode"]);
    assert_eq!(told(&|| store.set("mode", 1)), [""; 0], "nothing was changed");
    assert_eq!(told(&|| store.at("pose")?.set("x", 2.0)), ["pose.x"]);
    assert_eq!(told(&|| store.at("pose")?.set("frame", "odom")), ["pose.frame"]);
    assert_eq!(told(&|| store.ensure_str("mode_name")?.set("a")), ["mode_name"]);
    assert_eq!(told(&|| store.ensure_str("mode_name")?.set("b")), ["mode_name"]);
    assert_eq!(told(&|| list.push(4)), ["items[3]"]);
    assert_eq!(told(&|| list.set(0, 7)), ["items[0]"]);
    assert_eq!(told(&|| list.remove(0).map(drop)), ["items", "items[0]", "items[1]", "items[2]"]);
    assert_eq!(told(&|| list.push(pose())), ["items[3]"]);
    assert_eq!(told(&|| store.set("gains", ArrayValue::from_slice(&[1], &[3.0])?)), ["gains"]);
    assert_eq!(told(&|| store.rename("mode", "state")), ["state", "mode"]);
    assert_eq!(told(&|| store.delete("state")), ["state"]);
    assert_eq!(told(&|| store.set("pose", 5)), ["pose"]);
    assert_eq!(told(&|| store.clear()), ["pose", "items", "gains", "mode_name"]);
    // A new structure is reported as one path, and watched from then on.
    assert_eq!(told(&|| store.set("pose", pose())), ["pose"]);
    assert_eq!(told(&|| store.at("pose")?.set("x", 3.0)), ["pose.x"]);
}

#[test]
fn watch_reports_changes_of_a_guard_when_it_ends() {
    let store = StructStore::new();
    store.set("pose", pose()).unwrap();
    store.set("gains", ArrayValue::from_slice(&[2], &[1.0, 2.0]).unwrap()).unwrap();
    store.set("same", "same").unwrap();
    let mut watch = store.watch().unwrap();
    let mut below = store.at("pose").unwrap().watch().unwrap();
    {
        let mut guard = store.write().unwrap();
        *guard.at("pose").unwrap().get_mut::<f64>("x").unwrap() = 5.0;
        guard.get_mut::<Array>("gains").unwrap().as_mut_slice::<f64>().unwrap()[1] = 7.0;
        assert!(matches!(watch.changes(), Ok(changes) if changes.is_empty()), "changed before the end");
    }
    // The watch has no digest of an array before it first compares the array, so it reports it.
    assert_eq!(watch.changes().unwrap(), ["pose.x", "gains"]);
    assert_eq!(below.changes().unwrap(), ["x"]);
    drop(store.write().unwrap());
    assert_eq!(watch.changes().unwrap(), [""; 0]);

    store.transaction(|tx| tx.at("pose")?.set("x", 6.0)).unwrap();
    assert_eq!(watch.changes().unwrap(), ["pose.x"]);
    let undone: Result<(), Error> = store.transaction(|tx| {
        tx.at("pose")?.set("x", 7.0)?;
        Err(Error::new(ErrorKind::NotFound))
    });
    assert!(undone.is_err());
    assert_eq!(watch.changes().unwrap(), [""; 0]);
}

#[test]
fn watch_of_a_removed_part_is_stale() {
    let store = StructStore::new();
    store.set("outer", Value::record([("inner", pose())])).unwrap();
    let inner = store.at("outer").unwrap().at("inner").unwrap();
    let mut watch = inner.watch().unwrap();
    thread::scope(|scope| {
        let waiting = scope.spawn(|| watch.wait(Some(LIMIT)));
        let other = scope.spawn(|| inner.wait(Some(LIMIT)));
        store.delete("outer").unwrap();
        assert!(matches!(waiting.join().unwrap(), Err(error) if error.kind() == ErrorKind::StaleHandle));
        // The wait began before or after the removal.
        assert!(other.join().unwrap().unwrap_or_else(|error| error.kind() == ErrorKind::StaleHandle));
    });
    assert!(matches!(watch.next(), Some(Err(error)) if error.kind() == ErrorKind::StaleHandle));
    assert!(watch.next().is_none());
    assert!(matches!(inner.watch(), Err(error) if error.kind() == ErrorKind::StaleHandle));
}

#[test]
fn a_timeout_ends_a_wait() {
    let store = StructStore::new();
    assert!(!store.wait(Some(Duration::ZERO)).unwrap());
    assert!(!store.wait(Some(Duration::from_millis(5))).unwrap());
    assert_eq!(store.watch().unwrap().wait(Some(Duration::from_millis(5))).unwrap(), None);
}

#[test]
fn a_cancelled_watch_ends() {
    let store = StructStore::new();
    for _ in 0..20 {
        let mut watch = store.watch().unwrap();
        let canceller = watch.cancel_handle();
        let waiting = thread::spawn(move || watch.next().is_none());
        canceller.cancel();
        assert!(waiting.join().unwrap());
    }
}

#[test]
fn watches_end_when_their_store_is_closed() {
    let name = SegmentName::new("closed");
    let open = |read_only| StructStoreShared::options().read_only(read_only).open(&name).unwrap();
    let kept = open(false);
    kept.set("pose", pose()).unwrap();
    let mut other = kept.watch().unwrap();
    for read_only in [false, true] {
        let store = open(read_only);
        let (mut watch, pose) = (store.watch().unwrap(), store.at("pose").unwrap());
        thread::scope(|scope| {
            let watching = scope.spawn(move || watch.next().is_none());
            let waiting = scope.spawn(|| pose.wait(None));
            thread::sleep(Duration::from_millis(5));
            store.close().unwrap();
            assert!(watching.join().unwrap());
            assert!(!waiting.join().unwrap().unwrap());
        });
        // Watches of another opening go on.
        kept.set("more", read_only).unwrap();
        assert_eq!(next(&mut other), ["more"]);
    }
}

/// A watcher always sees the last value.
fn counted(writer: &StructStore, watched: &StructStore, changes: u64) {
    let mut watch = watched.watch().unwrap();
    thread::scope(|scope| {
        scope.spawn(|| {
            for change in 1..=changes {
                writer.set("counter", change).unwrap();
            }
        });
        while watched.find::<u64>("counter").unwrap() != Some(changes) {
            assert_eq!(next(&mut watch), ["counter"]);
        }
    });
}

#[test]
fn watch_reports_the_last_change() {
    let store = StructStore::new();
    counted(&store, &store, 20_000);
}

/// Each round has one change, while the watcher sleeps or is about to: no wake-up is lost.
#[test]
fn no_wake_up_is_lost_in_ten_thousand_rounds() {
    const ROUNDS: u64 = 10_000;
    let name = SegmentName::new("rounds");
    let store = StructStoreShared::open(&name).unwrap();
    store.set("ping", Value::record([("n", Value::from(0_u64))])).unwrap();
    store.set("pong", Value::record([("n", Value::from(0_u64))])).unwrap();
    let peer = Peer::start(&name, &["answer", &ROUNDS.to_string()]).ready();
    let (ping, pong) = (store.at("ping").unwrap(), store.at("pong").unwrap());
    let mut watch = pong.watch().unwrap();
    for round in 1..=ROUNDS {
        ping.set("n", round).unwrap();
        while pong.get::<u64>("n").unwrap() != round {
            assert_eq!(next(&mut watch), ["n"]);
        }
    }
    peer.finish();
    drop(watch);
    store.check().unwrap();
}

#[test]
fn change_wakes_a_hundred_watchers() {
    let name = SegmentName::new("hundred");
    let store = StructStoreShared::open(&name).unwrap();
    store.set("pose", pose()).unwrap();
    let watches: Vec<_> = (0..100)
        .map(
            |index| {
                if index % 2 == 0 { store.watch() } else { store.at("pose").and_then(|pose| pose.watch()) }
            },
        )
        .collect::<Result<_, _>>()
        .unwrap();
    thread::scope(|scope| {
        let waiting: Vec<_> = watches
            .into_iter()
            .map(|mut watch| scope.spawn(move || watch.wait(Some(LIMIT)).unwrap().unwrap()))
            .collect();
        store.at("pose").unwrap().set("x", 2.0).unwrap();
        for (index, watch) in waiting.into_iter().enumerate() {
            assert_eq!(watch.join().unwrap(), [if index % 2 == 0 { "pose.x" } else { "x" }]);
        }
    });
    // The dropped watches left no registration.
    store.check().unwrap();
}

#[test]
fn a_killed_watcher_leaves_nothing() {
    let name = SegmentName::new("killed");
    let store = StructStoreShared::open(&name).unwrap();
    store.set("pose", pose()).unwrap();
    let before = store.statistics();
    let mut peer = Peer::start(&name, &["watch forever", "pose"]).ready();
    store.at("pose").unwrap().set("x", 2.0).unwrap();
    peer.kill();
    drop(peer);
    // This repairs the dead participant.
    store.check().unwrap();
    assert_eq!(store.statistics().recoveries, before.recoveries + 1);
    store.at("pose").unwrap().set("x", 3.0).unwrap();
    assert_eq!(store.statistics().watchers, 0);
}

#[test]
fn watch_reports_changes_of_a_dead_writer() {
    let name = SegmentName::new("writer");
    let store = StructStoreShared::open(&name).unwrap();
    store.set("counters", Value::record([("first", Value::from(0_i64)), ("second", 0_i64.into())])).unwrap();
    let mut watch = store.watch().unwrap();
    // The peer still holds the changed struct when it dies.
    let mut peer = Peer::start(&name, &["die holding", "counters", "0"]).ready();
    peer.kill();
    drop(peer);
    assert_eq!(next(&mut watch), ["counters.first"]);
}

#[test]
fn a_store_that_is_attached_read_only_can_be_watched() {
    let name = SegmentName::new("readonly");
    let store = StructStoreShared::open(&name).unwrap();
    store.set("pose", pose()).unwrap();
    let reader = StructStoreShared::options().read_only(true).open(&name).unwrap();
    let mut watch = reader.watch().unwrap();
    assert_eq!(watch.changes().unwrap(), [""; 0]);
    store.at("pose").unwrap().set("x", 2.0).unwrap();
    assert_eq!(next(&mut watch), ["pose.x"]);
    assert!(matches!(reader.notify("x"), Err(error) if error.kind() == ErrorKind::NotFound));
    thread::scope(|scope| {
        let waiting = scope.spawn(|| reader.wait(Some(LIMIT)));
        while !waiting.is_finished() {
            store.set("n", store.find::<u64>("n").unwrap().unwrap_or(0) + 1).unwrap();
            thread::sleep(Duration::from_millis(1));
        }
        assert!(waiting.join().unwrap().unwrap());
    });
}

/// A quadratic implementation would compare each watch with all others.
#[test]
fn dropping_many_watches_takes_linear_time() {
    const MANY: usize = 1 << 12;
    let name = SegmentName::new("many_watches");
    let store = StructStoreShared::open(&name).unwrap();
    let parts: Vec<_> =
        (0..64).map(|part| store.ensure_struct(format!("part {part}").as_str()).unwrap()).collect();
    let time = |many: usize| {
        let mut watches: Vec<_> = parts.iter().cycle().take(many).map(|part| part.watch().unwrap()).collect();
        assert_eq!(store.statistics().watchers, many as u64);
        // The last watches stay for a while, so that some dropped ones share marked nodes with them.
        let (rest, start) = (watches.split_off(many - many / 8), cpu_time());
        drop(watches);
        let time = cpu_time() - start;
        assert_eq!(store.statistics().watchers, many as u64 / 8);
        store.check().unwrap();
        let mut watch = rest.into_iter().next_back().unwrap();
        parts[63].set("x", many as u64).unwrap();
        assert_eq!(next(&mut watch), ["x"]);
        drop(watch);
        store.check().unwrap();
        assert_eq!(store.statistics().watchers, 0);
        time
    };
    time(MANY);
    let (few, many) = (time(MANY / 8), time(MANY));
    assert!(many < 24 * few, "8 times as many take {many:?}, as opposed to {few:?}");
}

/// The processor time of this thread.
fn cpu_time() -> Duration {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: fills in the struct that it is given.
    let done = unsafe { libc::clock_gettime(libc::CLOCK_THREAD_CPUTIME_ID, &raw mut time) };
    assert_eq!(done, 0);
    Duration::new(time.tv_sec as u64, time.tv_nsec as u32)
}

#[test]
fn a_store_that_is_mostly_one_list_is_watched() {
    let store = StructStore::new();
    store.set("items", Value::list(0..20_000)).unwrap();
    let mut watch = store.watch().unwrap();
    store.ensure_list("items").unwrap().push(1).unwrap();
    assert_eq!(watch.changes().unwrap(), ["items[20000]"]);
}

/// Holds a part of a store until it is told to go on, with something changed before or not.
fn hold_in_turns(store: &Struct, turns: &[Option<i64>], meanwhile: impl Fn(usize)) {
    let (begin, begun) = std::sync::mpsc::channel();
    let (end, ended) = std::sync::mpsc::channel::<()>();
    let arm = store.ensure_struct("arm").unwrap();
    thread::scope(|scope| {
        scope.spawn(move || {
            let mut guard = arm.write().unwrap();
            for turn in turns {
                if let Some(angle) = turn {
                    guard.set("angle", *angle).unwrap();
                }
                begin.send(()).unwrap();
                ended.recv().unwrap();
                drop(guard);
                guard = arm.write().unwrap();
            }
        });
        for turn in 0..turns.len() {
            begun.recv().unwrap();
            meanwhile(turn);
            end.send(()).unwrap();
        }
    });
}

#[test]
fn what_somebody_holds_keeps_nothing_else_back() {
    for observes in [false, true] {
        let name = SegmentName::new("held");
        let store = StructStoreShared::open(&*name).unwrap();
        store.ensure_struct("arm").unwrap().set("angle", 0_i64).unwrap();
        let watched = StructStoreShared::options().read_only(observes).open(&*name).unwrap();
        let watch = std::cell::RefCell::new(watched.watch().unwrap());
        hold_in_turns(&store, &[None, Some(1), Some(2), None], |turn| {
            // A hold that follows upon another one, which may have changed something.
            store.set("x", turn as i64).unwrap();
            let mut watch = watch.borrow_mut();
            let mut told = next(&mut watch);
            told.retain(|path| *path != "arm.angle");
            while told.is_empty() {
                told = next(&mut watch);
            }
            assert_eq!(told, ["x"]);
            assert!(watch.wait(Some(Duration::from_millis(30))).unwrap().is_none(), "it is held");
        });
        let mut watch = watch.into_inner();
        assert_eq!(next(&mut watch), ["arm.angle"]);
        assert!(watch.changes().unwrap().is_empty());
    }
}

#[test]
fn what_is_new_and_held_is_told_when_it_is_free() {
    let store = StructStore::new();
    store.set("x", 0).unwrap();
    let mut watch = store.watch().unwrap();
    let arm = store.ensure_struct("arm").unwrap();
    let mut guard = arm.write().unwrap();
    thread::scope(|scope| {
        let told = scope.spawn(|| next(&mut watch)).join().unwrap();
        assert_eq!(told, ["arm"]);
    });
    guard.set("angle", 1).unwrap();
    drop(guard);
    assert_eq!(next(&mut watch), ["arm"]);
    arm.set("angle", 2).unwrap();
    assert_eq!(next(&mut watch), ["arm.angle"]);
}

#[test]
fn what_a_transaction_that_is_undone_has_held_is_reported() {
    let store = StructStore::new();
    let arm = store.ensure_struct("arm").unwrap();
    arm.set("angle", 0).unwrap();
    let mut watch = store.watch().unwrap();
    let (held, wait) = std::sync::mpsc::channel();
    let (end, ended) = std::sync::mpsc::channel::<()>();
    thread::scope(|scope| {
        scope.spawn(move || {
            arm.set("angle", 1).unwrap();
            let undone = arm.transaction(|_| {
                held.send(()).unwrap();
                let _ = ended.recv();
                Err::<(), _>(Error::rejected("undone"))
            });
            assert!(undone.is_err());
        });
        wait.recv().unwrap();
        store.set("x", 1).unwrap();
        assert_eq!(watch.changes().unwrap(), ["x"]);
        end.send(()).unwrap();
    });
    assert_eq!(next(&mut watch), ["arm.angle"]);
}
