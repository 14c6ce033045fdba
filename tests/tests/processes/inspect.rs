//! Inspecting stores that other processes use, without disturbing them.

mod peer;

use std::fs;
use std::os::unix::fs::FileExt;
use std::thread;
use std::time::{Duration, Instant};

use structstore::binding_support::SharedExt;
use structstore::inspect::{FreeMemory, LockMode, Usage};
use structstore::{Array, ArrayValue, Cleanup, Error, ErrorKind, StructStore, StructStoreShared, Value};
use structstore_tests::{Memory, SegmentName, put_specimens};

use peer::{LIMIT, Peer};

fn counters(name: &SegmentName) -> StructStoreShared {
    let store = StructStoreShared::open(name).unwrap();
    store.set("counters", Value::record([("first", Value::from(0_i64)), ("second", 0_i64.into())])).unwrap();
    store
}

fn observe(name: &SegmentName) -> StructStoreShared {
    StructStoreShared::options().observe(true).read_only(true).open(name).unwrap()
}

#[test]
fn stores_lists_no_other_shared_memory() {
    let (name, foreign, damaged) =
        (SegmentName::new("names"), SegmentName::new("foreign"), SegmentName::new("damaged"));
    let _store = counters(&name);
    fs::write(foreign.path(), [7; 100]).unwrap();
    fs::write(damaged.path(), b"STRUCTST and nothing more").unwrap();
    let names = structstore::stores().unwrap();
    assert!(names.contains(&name.to_string()) && names.contains(&damaged.to_string()));
    assert!(!names.contains(&foreign.to_string()));
}

#[test]
fn participants_are_seen_with_their_deaths() {
    let name = SegmentName::new("participants");
    let store = counters(&name);
    store.set("array", ArrayValue::from_slice(&[5], &[0_u8; 5]).unwrap()).unwrap();
    let peer = Peer::start(&name, &["die viewing", "array"]).ready();
    let reader = observe(&name);
    let participants = reader.participants().unwrap();
    let other = participants.iter().find(|other| other.pid != std::process::id()).unwrap();
    assert_eq!((participants.len(), other.program.as_deref()), (2, Some("peer")));
    assert_eq!((other.alive, other.threads, other.leases), (true, 1, 1));
    assert!(!reader.has_readers() && !reader.is_orphan().unwrap());
    let counted = StructStoreShared::open_read_only(&name).unwrap();
    assert!(reader.has_readers());
    drop((counted, peer));

    let other = |participants: &[structstore::inspect::Participant]| {
        participants.iter().find(|other| other.pid != std::process::id()).map(|other| other.alive)
    };
    assert_eq!(other(&reader.participants().unwrap()), Some(false));
    store.check().unwrap();
    assert_eq!(other(&reader.participants().unwrap()), None, "repaired");
}

#[test]
fn observer_keeps_no_store_alive() {
    let name = SegmentName::new("observer");
    let store = counters(&name);
    let reader = observe(&name);
    store.close().unwrap();
    assert!(!name.path().exists());
    assert!(!reader.valid());
    assert_eq!(reader.at("counters").unwrap().get::<i64>("first").unwrap(), 0, "its memory stays");
}

/// An observer that may write to the segment is a participant, whose watches are woken and whose views are leases, and still
/// counts neither for the life of the name nor against an orphan.
#[test]
fn observer_watches_and_leases_without_keeping_the_name() {
    let name = SegmentName::new("observing");
    let store = counters(&name);
    store.set("array", ArrayValue::from_slice(&[5], &[0_u8; 5]).unwrap()).unwrap();
    let peer = Peer::start(&name, &["observe and watch", "counters"]).ready();
    let participants = store.participants().unwrap();
    let observers: Vec<_> = participants.iter().filter(|found| found.observes).collect();
    assert_eq!((participants.len(), observers.len()), (2, 1));
    assert_eq!((observers[0].alive, observers[0].leases), (true, 1));
    assert_eq!(store.statistics().watchers, 1);
    store.at("counters").unwrap().set("first", 1).unwrap();
    assert!(!observe(&name).is_orphan().unwrap(), "this process is attached");
    store.close().unwrap();
    assert!(!name.path().exists(), "an observer keeps no name");
    peer.finish();
}

#[test]
fn observer_counts_for_no_orphan() {
    let name = SegmentName::new("observed_orphan");
    let store = counters(&name);
    store.set("array", ArrayValue::from_slice(&[1], &[0_u8]).unwrap()).unwrap();
    let observer = Peer::start(&name, &["observe and watch", "counters"]).ready();
    let holder = Peer::start(&name, &["hold", "counters"]).ready();
    drop(holder);
    store.abandon();
    assert!(observe(&name).is_orphan().unwrap());
    drop(observer);
    let store = StructStoreShared::open(&name).unwrap();
    store.check().unwrap();
    assert!(store.participants().unwrap().iter().all(|found| !found.observes), "it was repaired");
}

#[test]
fn observer_changes_nothing() {
    let name = SegmentName::new("observer_changes");
    let store = counters(&name);
    store.set("array", ArrayValue::from_slice(&[1], &[0_u8]).unwrap()).unwrap();
    let before = store.to_value().unwrap();
    for read_only in [true, false] {
        let observer = StructStoreShared::options().observe(true).read_only(read_only).open(&name).unwrap();
        let refused = |result: Result<(), Error>| assert_eq!(result.unwrap_err().kind(), ErrorKind::ReadOnly);
        refused(observer.set("num", 5));
        refused(observer.at("counters").unwrap().set("first", 5));
        refused(observer.at("counters").unwrap().set("first", "a string"));
        refused(observer.set("array", ArrayValue::from_slice(&[1], &[1_u8]).unwrap()));
        let size = store.statistics().size;
        refused(observer.set("large", Value::Bytes(vec![0; 10 << 20].into())));
        assert_eq!(store.statistics().size, size, "nothing was allocated for it");
        refused(observer.delete("counters"));
        refused(observer.clear());
        refused(observer.write().map(drop));
        refused(observer.get::<Array>("array").unwrap().write().map(drop));
        refused(observer.notify("array"));
        refused(observer.transaction(|fields| fields.set("num", 5)));
        refused(observer.restore(&store.to_bytes().unwrap()));
        refused(StructStoreShared::options().observe(true).reinit(true).open(&name).map(drop).map_err(
            |error| {
                assert_eq!(error.kind(), ErrorKind::InvalidArgument);
                Error::new(ErrorKind::ReadOnly)
            },
        ));
        assert_eq!(observer.to_value().unwrap(), before);
        assert_eq!(observer.read().is_ok(), !read_only);
        let view = observer.get::<Array>("array").unwrap().view();
        assert_eq!(view.map(|view| view.cells::<u8>().is_ok()).ok(), (!read_only).then_some(false));
        observer.check().unwrap();
    }
    let missing = StructStoreShared::options().observe(true).open("/structstore_nothing_is_here");
    assert_eq!(missing.unwrap_err().kind(), ErrorKind::Io);
}

#[test]
fn locks_are_seen_with_their_holders() {
    let name = SegmentName::new("locks");
    let store = counters(&name);
    store.ensure_struct("a.b").unwrap().ensure_struct("c").unwrap();
    let reader = observe(&name);
    assert_eq!(reader.locks().unwrap(), []);
    let peer = Peer::start(&name, &["hold", "\"a.b\""]).ready();
    let locks = reader.locks().unwrap();
    assert_eq!(locks.len(), 1, "{locks:?}");
    assert_eq!(
        (&*locks[0].path.to_string(), locks[0].mode, locks[0].granted),
        (r#""a.b""#, LockMode::Tree, true)
    );
    assert!(locks[0].pid != std::process::id() && !locks[0].awaited);

    thread::scope(|scope| {
        scope.spawn(|| drop(store.at("\"a.b\".c").unwrap().read().unwrap()));
        let start = Instant::now();
        while !reader.locks().unwrap().iter().any(|lock| lock.awaited) {
            assert!(start.elapsed() < LIMIT, "nobody waits");
        }
        peer.finish();
    });
    let guard = store.at("counters").unwrap().read().unwrap();
    let locks = reader.locks().unwrap();
    assert_eq!((&*locks[0].path.to_string(), locks[0].mode), ("counters", LockMode::Shared));
    assert_eq!(locks[0].pid, std::process::id());
    drop(guard);
    assert_eq!(reader.locks().unwrap(), []);
}

#[test]
fn usage_is_what_the_statistics_count() {
    let store = Memory::store();
    for _ in 0..2 {
        let usage = store.usage().unwrap();
        let statistics = store.statistics();
        assert_eq!(
            (usage.bytes, usage.blocks, usage.nodes),
            (statistics.allocated, statistics.blocks, statistics.nodes)
        );
        let mut parts = Usage::default();
        for (_, part) in store.usage_by_field().unwrap() {
            parts += part;
        }
        assert!(parts.bytes < usage.bytes && parts.nodes + 1 == usage.nodes);
        put_specimens(&store).unwrap();
        store.set(&*"a long name ".repeat(20), 1).unwrap();
        store.set("many", Value::record((0..5000).map(|n| (format!("{n:020}"), Value::from(n))))).unwrap();
    }
    let free = store.free_memory().unwrap().unwrap();
    assert!(free.blocks > 0 && free.largest > 0 && free.largest <= free.bytes);
    assert!(free.bytes + store.statistics().allocated <= store.statistics().size);
    assert_ne!(StructStore::new().free_memory().unwrap(), Some(FreeMemory::default()));
}

#[test]
fn reading_without_locks_goes_on_while_others_write_without_a_pause() {
    let name = SegmentName::new("writers");
    let store = counters(&name);
    for number in 0..3000 {
        store.set(&*format!("f{number}"), number).unwrap();
    }
    store.set("list", Value::list(0..3000)).unwrap();
    let peers = [Peer::start(&name, &["set forever", "f7"]), Peer::start(&name, &["set forever", "f8"])];
    let _peers = peers.map(Peer::ready);
    let reader = observe(&name);
    let start = Instant::now();
    let mut rounds = 0;
    while start.elapsed() < Duration::from_secs(1) {
        let names = reader.names().unwrap();
        let steady: Vec<&String> = names.iter().filter(|name| !name.starts_with("with ")).collect();
        assert_eq!(steady.len(), 3002);
        assert_eq!((steady[0].as_str(), steady[3001].as_str()), ("counters", "list"));
        // There may be no moment in which neither process writes; reading in parts always works.
        match reader.to_value() {
            Ok(value) => {
                assert_eq!(value.get("f2999"), Some(&2999.into()));
                assert!(matches!(value.get("list"), Some(Value::List(items)) if items.len() == 3000));
            }
            Err(error) => assert_eq!(error.kind(), ErrorKind::Contended, "{error}"),
        }
        let shown: serde_json::Value = serde_json::from_str(&reader.to_string()).unwrap();
        assert_eq!(shown["f2999"], 2999);
        assert_eq!(shown["list"].as_array().map(Vec::len), Some(3000));
        reader.locks().unwrap();
        reader.usage().unwrap();
        reader.free_memory().unwrap();
        rounds += 1;
    }
    assert!(rounds > 0 && start.elapsed() < LIMIT);
}

#[test]
fn checking_without_locks_takes_a_moment_of_rest() {
    let name = SegmentName::new("check");
    let store = StructStoreShared::options().cleanup(Cleanup::Never).open(&name).unwrap();
    put_specimens(&store).unwrap();
    let reader = observe(&name);
    reader.check().unwrap();
    let guard = store.at("struct").unwrap().write().unwrap();
    assert!(matches!(reader.check(), Err(error) if error.kind() == ErrorKind::NotReady));
    drop(guard);
    let mut writes = 0;
    thread::scope(|scope| {
        let checking = scope.spawn(|| reader.check());
        while !checking.is_finished() {
            store.set("text", format!("number {writes}")).unwrap();
            thread::sleep(Duration::from_millis(3));
            writes += 1;
        }
        checking.join().unwrap().unwrap();
    });
    store.close().unwrap();

    let file = fs::File::options().write(true).open(name.path()).unwrap();
    // The number of nodes in the statistics.
    file.write_all_at(&9999_u64.to_le_bytes(), 10 * 8).unwrap();
    let found = reader.check().unwrap_err().to_string();
    assert!(found.contains("the number of nodes: found 9999"), "{found}");
}

#[test]
fn check_without_locks_after_a_death_is_abandoned() {
    let name = SegmentName::new("abandoned");
    let _store = counters(&name);
    let reader = observe(&name);
    let mut peer = Peer::start(&name, &["die holding", "counters", "0"]).ready();
    peer.kill();
    drop(peer);
    assert!(matches!(reader.check(), Err(error) if error.kind() == ErrorKind::Abandoned));
}

#[test]
fn watch_of_an_observer_reports_changes_only() {
    let name = SegmentName::new("watch");
    let store = counters(&name);
    put_specimens(&store).unwrap();
    store.ensure_struct("a.b").unwrap().ensure_struct("c[0]").unwrap().set("d\n", 1).unwrap();
    let reader = observe(&name);
    let mut watch = reader.watch().unwrap();
    assert!(watch.changes().unwrap().is_empty());
    store.at(r#""a.b"."c[0]""#).unwrap().set("d\n", 2).unwrap();
    store.at(r#""a.b""#).unwrap().set("e.f", 2).unwrap();
    store.set("matrix", ArrayValue::from_slice(&[1], &[2.0]).unwrap()).unwrap();
    let mut changes = watch.changes().unwrap();
    changes.sort();
    assert_eq!(changes, [r#""a.b"."c[0]"."d\n""#, r#""a.b"."e.f""#, "matrix"]);
    assert!(watch.changes().unwrap().is_empty());
}

/// Who may not change a store binds what others have declared, and loads it; an observer reads all of it in place, too.
#[test]
fn stores_that_may_only_be_read_are_bound_for_reading() {
    #[derive(StructStore, Debug, PartialEq)]
    struct Gains {
        #[structstore(default = 20.0)]
        stiffness: f64,
        enabled: bool,
    }
    #[derive(StructStore)]
    struct State {
        name: String,
        torque: [f64; 3],
        limit: Option<i32>,
        gains: Gains,
    }
    let name = SegmentName::new("bound_reader");
    let store = StructStoreShared::open(&name).unwrap();
    store.set("loose", Value::record([("stiffness", 1.0.into()), ("enabled", true.into())])).unwrap();
    let state = store.ensure_struct("state").unwrap().bind::<State>().unwrap();
    let gains = store.at("state").unwrap().at("gains").unwrap().bind::<Gains>().unwrap();
    state
        .with_mut(|mut state| {
            state.torque[2] = 7.0;
            state.name.set("arm")
        })
        .unwrap();
    let values = store.to_value().unwrap();
    for read_only in [false, true] {
        let reader = StructStoreShared::options().observe(true).read_only(read_only).open(&name).unwrap();
        let seen = reader.at("state").unwrap().at("gains").unwrap().bind::<Gains>().unwrap();
        gains.with_mut(|gains| *gains.stiffness += 1.0).unwrap();
        assert_eq!(seen.load().unwrap(), gains.load().unwrap());
        assert_eq!(seen.within(Duration::ZERO).load().unwrap(), gains.load().unwrap());
        assert_eq!(seen.with_mut(|_| ()).unwrap_err().kind(), ErrorKind::ReadOnly);
        let whole = reader.at("state").unwrap().bind::<State>().unwrap();
        assert_eq!(whole.load().unwrap().torque, [0.0, 0.0, 7.0]);
        let text = whole
            .with(|state| (state.name.as_str().unwrap().to_owned(), state.torque[2], *state.gains.stiffness));
        assert_eq!(text.ok(), (!read_only).then(|| ("arm".to_owned(), 7.0, gains.load().unwrap().stiffness)));
        let loose = reader.at("loose").unwrap().bind::<Gains>().err().unwrap();
        assert_eq!(loose.kind(), ErrorKind::WrongType);
        assert!(
            loose.to_string().contains("\n  loose.stiffness: found f64 that no binding has declared"),
            "{loose}"
        );
        assert_eq!(reader.bind::<Gains>().err().unwrap().kind(), ErrorKind::NotFound);
    }
    gains.with_mut(|gains| *gains.stiffness = 20.0).unwrap();
    assert_eq!(store.to_value().unwrap(), values, "binding for reading has changed nothing");
    // The fields stay where they are, so that what was bound goes on.
    let reader = StructStoreShared::options().observe(true).open(&name).unwrap();
    let seen = reader.at("state").unwrap().bind::<State>().unwrap();
    assert_eq!(store.delete("state").unwrap_err().kind(), ErrorKind::Bound);
    store.delete_forced("state").unwrap();
    assert_eq!(seen.load().err().unwrap().kind(), ErrorKind::StaleHandle);
}
