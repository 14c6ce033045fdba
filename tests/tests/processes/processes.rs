//! Several processes and threads in one store.

mod peer;

use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use structstore::{Array, Cleanup, Error, ErrorKind, StructStore, StructStoreShared, Value};
use structstore_tests::{SegmentName, assert_specimens, put_specimens};

use peer::{LIMIT, Peer};

fn counters() -> Value<'static> {
    Value::record([("first", Value::from(0_i64)), ("second", 0_i64.into())])
}

#[test]
fn every_value_crosses_from_rust_to_rust() {
    let name = SegmentName::new("values");
    let store = StructStoreShared::open(&name).unwrap();
    put_specimens(&store).unwrap();
    Peer::start(&name, &["assert"]).finish();
    store.clear().unwrap();
    Peer::start(&name, &["put"]).finish();
    assert_specimens(&store).unwrap();
}

#[test]
fn every_value_crosses_between_rust_and_python() {
    let Some(python) = structstore_tests::python("every_value_crosses_between_rust_and_python") else {
        return;
    };
    let peer = |name: &SegmentName, task: &str| {
        let script = concat!(env!("CARGO_MANIFEST_DIR"), "/python/peer.py");
        Peer::spawn(Command::new(&python).args([script, name.as_str(), task])).finish();
    };
    let name = SegmentName::new("python");
    let store = StructStoreShared::open(&name).unwrap();
    put_specimens(&store).unwrap();
    peer(&name, "assert");
    store.clear().unwrap();
    peer(&name, "put");
    assert_specimens(&store).unwrap();
    store.check().unwrap();

    // Both languages count, each under its own locks.
    store.set("counters", counters()).unwrap();
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/python/peer.py");
    let other = Peer::spawn(Command::new(&python).args([script, &name, "count", "counters", "5000"]));
    let rust = Peer::start(&name, &["count", "counters", "20000"]);
    other.finish();
    rust.finish();
    assert_eq!(store.get::<Value>("counters").unwrap().get("first"), Some(&25_000.into()));
}

/// As in `tests/python/peer.py`.
#[derive(StructStore)]
struct Settings {
    #[structstore(default = 5)]
    num: i32,
    gain: f64,
    #[structstore(default = "foo")]
    name: String,
    gains: [f64; 3],
    limit: Option<f64>,
    tags: Vec<String>,
    inner: Inner,
}

#[derive(StructStore)]
struct Inner {
    #[structstore(default = true)]
    flag: bool,
    count: u8,
}

#[test]
fn rust_and_python_bind_the_same_fields() {
    let Some(python) = structstore_tests::python("rust_and_python_bind_the_same_fields") else { return };
    let name = SegmentName::new("bind");
    let store = StructStoreShared::open(&name).unwrap();
    for first in ["rust", "python"] {
        store.set(first, Value::record::<&str>([])).unwrap();
        if first == "rust" {
            store.at(first).unwrap().bind::<Settings>().unwrap();
        }
        let script = concat!(env!("CARGO_MANIFEST_DIR"), "/python/peer.py");
        Peer::spawn(Command::new(&python).args([script, &name, "bind", first])).finish();
        let settings = store.at(first).unwrap().bind::<Settings>().unwrap().load().unwrap();
        assert_eq!((settings.num, settings.gain, settings.name.as_str()), (6, 0.5, "changed"), "{first}");
        assert_eq!((settings.gains, settings.limit), ([0.0, 1.5, 0.0], Some(2.0)), "{first}");
        assert_eq!(settings.tags, ["a", "b"], "{first}");
        assert_eq!((settings.inner.flag, settings.inner.count), (false, 255), "{first}");
    }
    store.check().unwrap();
}

#[test]
fn counters_lose_no_increment() {
    let name = SegmentName::new("counters");
    let store = StructStoreShared::open(&name).unwrap();
    store.set("counters", counters()).unwrap();
    store.set("beside", counters()).unwrap();
    let processes = [
        Peer::start(&name, &["count", "counters", "20000"]),
        Peer::start(&name, &["count", "counters", "20000"]),
        Peer::start(&name, &["count", "beside", "20000"]),
        Peer::start(&name, &["observe", "counters", "80000"]),
    ];
    thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                let counters = store.at("counters").unwrap();
                for _ in 0..20_000 {
                    let mut guard = counters.write().unwrap();
                    *guard.get_mut::<i64>("first").unwrap() += 1;
                    *guard.get_mut::<i64>("second").unwrap() += 1;
                }
            });
        }
        // One thread locks the whole store now and then.
        scope.spawn(|| {
            for _ in 0..200 {
                let whole = store.write().unwrap();
                let value = whole.to_value().unwrap();
                let counters = value.get("counters").unwrap();
                assert_eq!(counters.get("first"), counters.get("second"));
                drop(whole);
                thread::sleep(Duration::from_micros(200));
            }
        });
    });
    processes.into_iter().for_each(Peer::finish);
    for (field, expected) in [("counters", 80_000_i64), ("beside", 20_000)] {
        assert_eq!(store.at(field).unwrap().get::<i64>("second").unwrap(), expected);
    }
    store.check().unwrap();
}

#[test]
fn locks_cover_descendants_and_no_siblings() {
    let name = SegmentName::new("cover");
    let store = StructStoreShared::open(&name).unwrap();
    store.ensure_struct("a").unwrap().ensure_struct("inner").unwrap().set("x", 1).unwrap();
    store.ensure_struct("b").unwrap().set("x", 1).unwrap();
    let peer = Peer::start(&name, &["hold", "a"]).ready();
    let short = Duration::from_millis(30);
    for covered in [store.at("a").unwrap(), (*store).clone()] {
        assert!(
            matches!(covered.within(short).write(), Err(error) if error.kind() == ErrorKind::LockTimeout)
        );
        assert!(
            matches!(covered.within(Duration::ZERO).read(), Err(error) if error.kind() == ErrorKind::LockTimeout)
        );
    }
    // Siblings and the parent's own slots are not locked.
    store.at("b").unwrap().within(LIMIT).write().unwrap().set("x", 2).unwrap();
    store.set("num", 2).unwrap();
    assert_eq!(store.get::<i32>("num").unwrap(), 2);
    peer.finish();
    store.at("a").unwrap().at("inner").unwrap().within(LIMIT).write().unwrap().set("x", 3).unwrap();
}

#[test]
fn a_thread_does_not_wait_for_itself() {
    let name = SegmentName::new("itself");
    let store = StructStoreShared::open(&name).unwrap();
    let inner = store.ensure_struct("a").unwrap().ensure_struct("inner").unwrap();
    let guard = store.at("a").unwrap().read().unwrap();
    assert!(matches!(inner.write(), Err(error) if error.kind() == ErrorKind::Deadlock));
    assert!(matches!(inner.set("x", 1), Err(error) if error.kind() == ErrorKind::Deadlock));
    assert!(matches!(store.write(), Err(error) if error.kind() == ErrorKind::HeldByGuard));
    // Reading goes on, also under another guard.
    let second = inner.read().unwrap();
    assert!(inner.is_empty().unwrap());
    drop((guard, second));
    let guard = inner.write().unwrap();
    for result in [store.read().map(drop), store.write().map(drop), inner.read().map(drop), inner.check()] {
        assert!(matches!(&result, Err(error) if error.kind() == ErrorKind::HeldByGuard));
    }
    assert!(matches!(store.delete("a"), Err(error) if error.kind() == ErrorKind::HeldByGuard));
    drop(guard);
    // Other openings in this process are the same store, so the thread's own guard counts.
    let again = StructStoreShared::open(&name).unwrap();
    let guard = store.at("a").unwrap().write().unwrap();
    assert!(matches!(again.at("a").unwrap().write(), Err(error) if error.kind() == ErrorKind::HeldByGuard));
    drop(guard);
}

#[test]
fn waiting_for_a_removed_structure_ends_with_a_stale_handle() {
    let name = SegmentName::new("stale");
    let store = StructStoreShared::open(&name).unwrap();
    let child = store.ensure_struct("child").unwrap();
    let mut whole = store.write().unwrap();
    thread::scope(|scope| {
        let waiter = scope.spawn(|| child.within(LIMIT).write().map(drop));
        thread::sleep(Duration::from_millis(30));
        whole.delete("child").unwrap();
        whole.set("child", Value::record([("new", Value::Null)])).unwrap();
        drop(whole);
        assert!(matches!(waiter.join().unwrap(), Err(error) if error.kind() == ErrorKind::StaleHandle));
    });
}

#[test]
fn readers_go_on_while_the_segment_grows() {
    let name = SegmentName::new("growth");
    let store = StructStoreShared::options().size(64 << 10).open(&name).unwrap();
    assert_eq!(store.statistics().size, 64 << 10);
    store.set("counters", counters()).unwrap();
    store.set("text", "unchanged").unwrap();
    let done = AtomicBool::new(false);
    let peer = Peer::start(&name, &["observe", "counters", "1"]);
    thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                let mut reads = 0;
                while !done.load(Ordering::Relaxed) {
                    assert_eq!(store.get::<String>("text").unwrap(), "unchanged");
                    reads += 1;
                }
                assert!(reads > 0);
            });
        }
        let block = vec![0_u8; 16 << 20];
        for at in 0.. {
            store.set(&format!("block {at}"), block.as_slice()).unwrap();
            if store.statistics().size >= 1 << 30 {
                break;
            }
        }
        done.store(true, Ordering::Relaxed);
    });
    let mut counters = store.at("counters").unwrap().write().unwrap();
    counters.set("first", 1_i64).unwrap();
    counters.set("second", 1_i64).unwrap();
    drop(counters);
    peer.finish();
    store.check().unwrap();
}

#[test]
fn last_close_removes_the_name() {
    let name = SegmentName::new("cleanup");
    let store = StructStoreShared::open(&name).unwrap();
    let second = StructStoreShared::open(&name).unwrap();
    let peer = Peer::start(&name, &["sleep", "60000"]).ready();
    store.close().unwrap();
    second.close().unwrap();
    assert!(name.path().exists(), "another process is attached");
    let store = StructStoreShared::open(&name).unwrap();
    drop(peer);
    store.set("num", 1).unwrap();
    store.close().unwrap();
    assert!(!name.path().exists(), "the other one was killed");

    let removing = StructStoreShared::options().cleanup(Cleanup::Always).open(&name).unwrap();
    removing.set("num", 1).unwrap();
    let kept = StructStoreShared::open(&name).unwrap();
    removing.close().unwrap();
    assert!(!name.path().exists());
    assert!(!kept.valid());
    assert_eq!(kept.get::<i32>("num").unwrap(), 1, "who is attached keeps the segment");
}

#[test]
fn reinit_makes_handles_stale() {
    let name = SegmentName::new("reinit");
    let mut store = StructStoreShared::open(&name).unwrap();
    let child = store.ensure_struct("child").unwrap();
    store.set("array", [1.0, 2.0]).unwrap();
    let view = store.get::<Array>("array").unwrap().view().unwrap();
    let fresh = StructStoreShared::options().reinit(true).open(&name).unwrap();
    assert!(!store.valid());
    assert!(fresh.valid() && fresh.is_empty().unwrap());
    assert!(matches!(store.set("x", 1), Err(error) if error.kind() == ErrorKind::StaleHandle));
    assert!(matches!(child.len(), Err(error) if error.kind() == ErrorKind::StaleHandle));
    assert_eq!(view.to_vec::<f64>().unwrap(), [1.0, 2.0]);
    store.revalidate(LIMIT).unwrap();
    store.set("x", 1).unwrap();
    assert_eq!(fresh.get::<i32>("x").unwrap(), 1);
    drop(view);
    fresh.check().unwrap();
}

#[test]
fn revalidating_waits_for_the_name_to_come_back() {
    let name = SegmentName::new("revalidate");
    let mut store = StructStoreShared::options().cleanup(Cleanup::Always).open(&name).unwrap();
    std::fs::remove_file(name.path()).unwrap();
    assert!(!store.valid());
    let error = store.revalidate(Duration::from_millis(20)).unwrap_err();
    assert!(error.to_string().contains("has not appeared after"), "{error}");
    thread::scope(|scope| {
        scope.spawn(|| {
            thread::sleep(Duration::from_millis(30));
            let new = StructStoreShared::options().cleanup(Cleanup::Never).open(&name).unwrap();
            new.set("new", true).unwrap();
        });
        store.revalidate(LIMIT).unwrap();
    });
    while !store.contains("new").unwrap() {}
    assert!(name.path().exists(), "the cleanup of what was left removed the name of what was found");
}

#[test]
fn concurrent_opens_get_the_same_store() {
    let name = SegmentName::new("race");
    for round in 0..20 {
        thread::scope(|scope| {
            for at in 0..4 {
                let name = &name;
                scope.spawn(move || {
                    let store = StructStoreShared::open(name).unwrap();
                    store.set(&format!("{round} {at}"), true).unwrap();
                    assert!(store.valid());
                });
            }
        });
        assert!(!name.path().exists(), "the last one removes the name");
    }
}

/// Other processes open the store and close it as the last ones, and are killed while they do so: an open store always is the one
/// that its name leads to.
#[test]
fn who_opens_while_the_last_one_closes_has_what_others_see() {
    let name = SegmentName::new("unlink");
    let start = || Peer::start(&name, &["open and close"]);
    let mut others: Vec<Peer> = (0..2).map(|_| start()).collect();
    let (begun, mut found, mut made) = (Instant::now(), 0, 0);
    for round in 0_u64.. {
        // Long enough to see both cases several times, however busy the machine is.
        if begun.elapsed() > Duration::from_secs(3) && found.min(made) > 10 {
            break;
        }
        assert!(begun.elapsed() < LIMIT, "{found} times it was there, {made} times it was not");
        *if name.path().exists() { &mut found } else { &mut made } += 1;
        let store = StructStoreShared::open(&name).unwrap();
        assert!(store.valid(), "what was opened has lost its name already");
        if round % 16 == 0 {
            let at = round as usize / 16 % others.len();
            others[at] = start();
        }
        thread::sleep(Duration::from_micros(round * 37 % 500));
        assert!(store.valid(), "somebody has removed the name of a store that is open");
        store.close().unwrap();
    }
    drop(others);
    let store = StructStoreShared::open(&name).unwrap();
    store.check().unwrap();
    store.set("num", 1).unwrap();
    store.close().unwrap();
    assert!(!name.path().exists(), "the last one removes the name");
}

/// A store on a full file system returns an error with the free bytes, and stays usable.
#[test]
fn a_full_file_system_is_an_error() {
    let directory = tempfile::tempdir().unwrap();
    let mount = |arguments: &[&str]| {
        Command::new(arguments[0])
            .args(&arguments[1..])
            .arg(directory.path())
            .output()
            .is_ok_and(|run| run.status.success())
    };
    if !mount(&["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs"]) {
        eprintln!("a_full_file_system_is_an_error is skipped: this user may not mount a tmpfs");
        return;
    }
    struct Unmount<'a>(&'a std::path::Path);
    impl Drop for Unmount<'_> {
        fn drop(&mut self) {
            let _ = Command::new("umount").arg("-l").arg(self.0).status();
        }
    }
    let _unmount = Unmount(directory.path());
    let store = StructStoreShared::options().file(true).open(directory.path().join("store")).unwrap();
    store.set("num", 1).unwrap();
    let before = store.statistics();
    let error = store.set("large", vec![1_u8; 2 << 20].as_slice()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::OutOfSpace);
    assert!(error.to_string().contains("of 1048576 bytes left"), "{error}");
    assert_eq!(store.statistics().allocated, before.allocated);
    // Up to the last page.
    let mut filled = 0;
    while store.set(&format!("{filled}"), vec![1_u8; 10_000].as_slice()).is_ok() {
        filled += 1;
    }
    assert!(filled > 50);
    assert_eq!(store.get::<i32>("num").unwrap(), 1);
    store.check().unwrap();
}

#[test]
fn a_stream_of_readers_does_not_starve_a_writer() {
    let name = SegmentName::new("starvation");
    let store = StructStoreShared::open(&name).unwrap();
    store.set("part", counters()).unwrap();
    let (part, stop) = (store.at("part").unwrap(), AtomicBool::new(false));
    thread::scope(|scope| {
        for _ in 0..3 {
            let (part, stop) = (part.clone(), &stop);
            scope.spawn(move || {
                while !stop.load(Ordering::Relaxed) {
                    // Longer than the other readers take to come back, so that there always is a reader.
                    let guard = part.read().unwrap();
                    thread::sleep(Duration::from_micros(200));
                    drop(guard);
                }
            });
        }
        for _ in 0..100 {
            let mut guard = part.within(LIMIT).write().unwrap();
            *guard.get_mut::<i64>("first").unwrap() += 1;
        }
        stop.store(true, Ordering::Relaxed);
    });
    assert_eq!(part.get::<i64>("first").unwrap(), 100);
}

#[test]
fn a_cycle_of_locks_between_processes_ends_by_a_timeout() {
    let name = SegmentName::new("cycle");
    let store = StructStoreShared::open(&name).unwrap();
    store.set("a", counters()).unwrap();
    store.set("b", counters()).unwrap();
    let peer = Peer::start(&name, &["hold both", "a", "b"]).ready();
    // The peer holds the first and waits for the second, which this thread holds.
    let (a, b) = (store.at("a").unwrap(), store.at("b").unwrap());
    let held = b.write().unwrap();
    peer.tell("go on");
    thread::sleep(Duration::from_millis(20));
    assert!(
        matches!(a.within(Duration::from_millis(100)).write(), Err(error) if error.kind() == ErrorKind::LockTimeout)
    );
    drop(held);
    peer.finish();
    drop(a.within(LIMIT).write().unwrap());
    drop(b.within(LIMIT).write().unwrap());
}

/// A wait that ends without the lock names the thread and process that have it, above, on or below what was asked for.
#[test]
fn lock_timeout_names_the_holder() {
    let name = SegmentName::new("holder");
    let store = StructStoreShared::open(&name).unwrap();
    store.set("counters", Value::record([("first", Value::from(0_i64)), ("second", 0_i64.into())])).unwrap();
    let peer = Peer::start(&name, &["hold", "counters"]).ready();
    let expected = format!("that thread {0} of process {0} holds", peer.id());
    let short = Duration::from_millis(20);
    for error in [
        store.at("counters").unwrap().within(short).write().map(drop).unwrap_err(),
        store.at("counters").unwrap().within(short).read().map(drop).unwrap_err(),
        store.within(short).write().map(drop).unwrap_err(),
    ] {
        assert!(error.to_string().contains(&expected), "{error}, expected {expected}");
    }
    peer.finish();
    thread::scope(|scope| {
        let guard = store.read().unwrap();
        let waiting = scope.spawn(|| store.within(short).write().map(drop).unwrap_err().to_string());
        let message = waiting.join().unwrap();
        assert!(message.contains(&format!("of process {} holds", std::process::id())), "{message}");
        drop(guard);
    });
}

/// Everything that waits for a lock has a form that does not: with a guard by another process, each of them returns in time, and
/// without, each of them does its work.
#[test]
fn bindings_within_a_time_do_all_or_time_out() {
    #[derive(StructStore, Debug, PartialEq)]
    struct Counters {
        first: i64,
        second: i64,
    }
    let name = SegmentName::new("within");
    let store = StructStoreShared::open(&name).unwrap();
    let counters = store.ensure_struct("counters").unwrap().bind::<Counters>().unwrap();
    for wait in [Duration::ZERO, Duration::from_millis(10)] {
        let within = counters.within(wait);
        let peer = Peer::start(&name, &["hold", "counters"]).ready();
        for result in [
            within.write().map(drop),
            within.read().map(drop),
            within.with_mut(|_| ()),
            within.with(|_| ()),
            within.load().map(drop),
            within.transaction(|_| Ok::<(), Error>(())),
        ] {
            assert_eq!(result.unwrap_err().kind(), ErrorKind::LockTimeout);
        }
        peer.finish();
        within.with_mut(|fields| *fields.first = 1).unwrap();
        within
            .transaction(|fields| {
                *fields.second = 2;
                Ok::<(), Error>(())
            })
            .unwrap();
        assert_eq!(within.with(|fields| *fields.first).unwrap(), 1);
        assert_eq!(within.load().unwrap(), Counters { first: 1, second: 2 });
        let error = within.with_mut(|_| Err::<(), Error>(Error::rejected("no"))).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Rejected);
    }
}

/// The recipe of `examples/control_loop.rs`: what is tried within no time never sleeps, although a Python process holds the lock for
/// reading, for half a second again and again.
#[test]
fn loop_that_tries_never_sleeps_beside_a_reader() {
    #[derive(StructStore)]
    struct State {
        cycle: u64,
        torque: [f64; 6],
    }
    let Some(python) = structstore_tests::python("loop_that_tries_never_sleeps_beside_a_reader") else {
        return;
    };
    /// How often this thread gave up its core of its own accord.
    fn sleeps() -> i64 {
        // SAFETY: plain data, for which zero is a value.
        let mut usage: libc::rusage = unsafe { std::mem::zeroed() };
        // SAFETY: the structure is there.
        assert_eq!(unsafe { libc::getrusage(libc::RUSAGE_THREAD, &raw mut usage) }, 0);
        usage.ru_nvcsw
    }
    let name = SegmentName::new("loop");
    let store = StructStoreShared::open(&name).unwrap();
    let state = store.ensure_struct("state").unwrap().bind::<State>().unwrap();
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/python/peer.py");
    let reader = Peer::spawn(Command::new(&python).args([script, &name, "read", "state"])).ready();
    let now = state.within(Duration::ZERO);
    let (mut done, mut skipped, mut cycle) = (0, 0, 0_u64);
    let (begun, before) = (Instant::now(), sleeps());
    while begun.elapsed() < Duration::from_millis(1500) || done == 0 || skipped == 0 {
        assert!(begun.elapsed() < LIMIT, "{done} done, {skipped} skipped");
        cycle += 1;
        let published = now.with_mut(|state| {
            *state.cycle = cycle;
            state.torque[5] = cycle as f64;
        });
        for result in [published, now.load().map(drop)] {
            match result {
                Ok(()) => done += 1,
                Err(error) if error.kind() == ErrorKind::LockTimeout => skipped += 1,
                Err(error) => panic!("{error}"),
            }
        }
    }
    assert_eq!(sleeps() - before, 0, "{done} done, {skipped} skipped");
    reader.finish();
}
