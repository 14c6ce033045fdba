//! Processes are killed while they hold locks, views or transactions; the others go on.

#[path = "../processes/peer/mod.rs"]
mod peer;

use std::process::Command;
use std::time::{Duration, Instant};

use structstore::binding_support::StructExt;
use structstore::{ArrayValue, Cleanup, ErrorKind, Key, Kind, Meta, StructStoreShared, Value};
use structstore_tests::SegmentName;
use structstore_tests::words::Words;

use peer::{LIMIT, Peer};

fn counters(name: &SegmentName) -> StructStoreShared {
    let store = StructStoreShared::open(name).unwrap();
    store.set("counters", Value::record([("first", Value::from(0_i64)), ("second", 0_i64.into())])).unwrap();
    store
}

#[test]
fn dead_exclusive_holder_is_buried_and_the_next_guard_is_recovered() {
    let name = SegmentName::new("exclusive");
    let store = counters(&name);
    let recoveries = store.statistics().recoveries;
    let mut peer = Peer::start(&name, &["die holding", "counters", "0"]).ready();
    let counters = store.at("counters").unwrap();
    assert!(
        matches!(counters.within(Duration::from_millis(30)).write(), Err(error) if error.kind() == ErrorKind::LockTimeout)
    );
    peer.kill();
    let guard = counters.within(LIMIT).write().unwrap();
    // Changes under a guard are not undone: the dead process had changed one of two values.
    assert_eq!(guard.get::<i64>("first").unwrap(), 1);
    assert!(guard.recovered());
    drop(guard);
    assert!(!counters.write().unwrap().recovered());
    // A node below the root was held, so guards of the root report it too, until a write guard has reported it.
    assert!(store.read().unwrap().recovered());
    assert!(store.write().unwrap().recovered());
    assert!(!store.write().unwrap().recovered());
    assert_eq!(store.statistics().recoveries, recoveries + 1);
    store.check().unwrap();
}

/// The time from a SIGKILL until a waiting thread gets the lock. `STRUCTSTORE_KILLS` is the number of kills, and
/// `STRUCTSTORE_TOUCHED` the number of bytes that the killed process had written. The test does not fail if this is slow.
#[test]
fn times_of_recovery() {
    let number = |name, otherwise| std::env::var(name).map_or(otherwise, |text| text.parse().unwrap());
    let (kills, touched) = (number("STRUCTSTORE_KILLS", 20), number("STRUCTSTORE_TOUCHED", 1 << 20));
    let name = SegmentName::new("times");
    let store = counters(&name);
    let counters = store.at("counters").unwrap();
    let mut times: Vec<Duration> = (0..kills)
        .map(|_| {
            let mut peer = Peer::start(&name, &["die holding", "counters", &touched.to_string()]).ready();
            let waiter = counters.clone();
            let waiting = std::thread::spawn(move || {
                drop(waiter.within(LIMIT).write().unwrap());
                Instant::now()
            });
            std::thread::sleep(Duration::from_millis(25));
            let start = Instant::now();
            peer.kill();
            waiting.join().unwrap() - start
        })
        .collect();
    times.sort();
    println!(
        "{touched} bytes touched, {kills} kills: median {:?}, worst {:?}",
        times[kills / 2],
        times[kills - 1]
    );
}

#[test]
fn read_only_reader_of_a_dead_writer_gets_abandoned() {
    let name = SegmentName::new("readonly");
    let store = counters(&name);
    let reader = StructStoreShared::options().read_only(true).open(&name).unwrap();
    let counters = reader.at("counters").unwrap();
    let mut peer = Peer::start(&name, &["die holding", "counters", "0"]).ready();
    peer.kill();
    drop(peer);
    assert!(matches!(counters.get::<i64>("first"), Err(error) if error.kind() == ErrorKind::Abandoned));
    drop(store.at("counters").unwrap().write().unwrap());
    assert_eq!(counters.get::<i64>("first").unwrap(), 1);
}

#[test]
fn a_dead_reader_is_buried() {
    let name = SegmentName::new("shared");
    let store = counters(&name);
    let mut peer = Peer::start(&name, &["observe forever", "counters"]).ready();
    let counters = store.at("counters").unwrap();
    assert!(
        matches!(counters.within(Duration::from_millis(30)).write(), Err(error) if error.kind() == ErrorKind::LockTimeout)
    );
    peer.kill();
    let guard = counters.within(LIMIT).write().unwrap();
    assert!(!guard.recovered(), "a reader leaves nothing to be judged");
    drop(guard);
    store.check().unwrap();
}

#[test]
fn memory_of_a_dead_viewer_is_freed() {
    let elements = vec![0_u8; 5000];
    memory_is_freed("viewer", "die viewing", ArrayValue::from_slice(&[5000], &elements).unwrap().into());
}

#[test]
fn memory_of_a_dead_referrer_is_freed() {
    memory_is_freed("referrer", "die with a reference", Value::record([("number", Value::from(5))]));
}

/// A process that keeps the memory of what it removes is killed.
fn memory_is_freed(test: &str, role: &str, value: Value<'_>) {
    let name = SegmentName::new(test);
    let store = counters(&name);
    let before = store.statistics();
    store.set("removed", value).unwrap();
    let mut peer = Peer::start(&name, &[role, "removed"]).ready();
    assert!(store.statistics().allocated > before.allocated, "it keeps the memory");
    store.check().unwrap();
    peer.kill();
    let start = Instant::now();
    while store.statistics().allocated != before.allocated {
        store.check().unwrap();
        assert!(start.elapsed() < LIMIT, "nobody has freed what it kept");
    }
}

#[test]
fn a_transaction_dies_with_its_process() {
    let name = SegmentName::new("transaction");
    let store = counters(&name);
    let before = (store.to_value().unwrap(), store.statistics().allocated);
    let mut peer = Peer::start(&name, &["die in a transaction", "counters"]).ready();
    peer.kill();
    drop(store.at("counters").unwrap().within(LIMIT).write().unwrap());
    assert_eq!((store.to_value().unwrap(), store.statistics().allocated), before);
    store.check().unwrap();
}

#[test]
fn open_after_all_processes_were_killed_finds_a_whole_store() {
    let name = SegmentName::new("all");
    let store = StructStoreShared::options().cleanup(Cleanup::Never).open(&name).unwrap();
    store.set("counters", Value::record([("first", Value::from(0_i64)), ("second", 0_i64.into())])).unwrap();
    store.set("more", Value::record([("first", Value::from(0_i64))])).unwrap();
    store.close().unwrap();
    let mut peers = [
        Peer::start(&name, &["die in a transaction", "counters"]).ready(),
        Peer::start(&name, &["die holding", "more", "100000"]).ready(),
    ];
    peers.iter_mut().for_each(Peer::kill);
    drop(peers);
    let store = StructStoreShared::open(&name).unwrap();
    assert_eq!(store.statistics().recoveries, 2);
    assert_eq!(store.at("counters").unwrap().get::<i64>("first").unwrap(), 0);
    drop(store.within(Duration::ZERO).write().unwrap());
    store.check().unwrap();
}

#[test]
fn orphans_lists_stores_of_killed_programs() {
    let orphans = || structstore::inspect::orphans().unwrap();
    let (killed, closed) = (SegmentName::new("orphan"), SegmentName::new("closed"));
    let store = counters(&killed);
    let mut peer = Peer::start(&killed, &["die holding", "counters", "0"]).ready();
    store.close().unwrap();
    StructStoreShared::options().cleanup(Cleanup::Never).open(&closed).unwrap().set("x", 1).unwrap();
    assert!(!orphans().contains(&killed.to_string()), "it lives");
    peer.kill();
    drop(peer);
    let found = orphans();
    assert!(found.contains(&killed.to_string()), "{found:?}");
    assert!(!found.contains(&closed.to_string()), "it was closed in order");
    // Opening repairs it; a process that changes it takes it over.
    StructStoreShared::open(&killed).unwrap().close().unwrap();
    assert!(killed.path().exists());
    let store = StructStoreShared::open(&killed).unwrap();
    store.set("num", 1).unwrap();
    store.close().unwrap();
    assert!(!killed.path().exists());
}

#[test]
fn what_is_written_through_a_reference_takes_over_an_orphan() {
    let name = SegmentName::new("adopted");
    let store = counters(&name);
    store.set("number", 1_i64).unwrap();
    store.declare("number", &Meta::new().description("declared before")).unwrap();
    let mut peer = Peer::start(&name, &["die holding", "counters", "0"]).ready();
    store.close().unwrap();
    peer.kill();
    drop(peer);
    Peer::start(&name, &["refer", "number"]).finish();
    assert!(!name.path().exists(), "the last process that changed it has removed it");
}

/// A child goes on to have what its parent was lent, also when the parent has ended.
#[test]
fn references_of_a_child_are_its_own() {
    let name = SegmentName::new("child_reference");
    let store = counters(&name);
    let part = store.at("counters").unwrap();
    let (reader, writer) = std::io::pipe().unwrap();
    // SAFETY: parent and child call the store and the allocator, both of which bear a fork, and end without running anything else.
    let parent = unsafe { libc::fork() };
    if parent == 0 {
        let lent = part.lend_for_good(&Key::new("first"), Kind::I64);
        // SAFETY: as above.
        let child = unsafe { libc::fork() };
        if child == 0 {
            drop(writer);
            // Until the test has looked.
            let mut end = [0];
            let _ = std::io::Read::read(&mut &reader, &mut end);
            if let Ok(place) = lent {
                // SAFETY: lent to this process, too.
                unsafe { place.cast::<i64>().write(7) };
            }
        }
        // SAFETY: as above.
        unsafe { libc::_exit(0) };
    }
    let mut status = 0;
    // SAFETY: a child of this process, and a valid place for its status.
    assert_eq!(unsafe { libc::waitpid(parent, &raw mut status, 0) }, parent);
    let start = Instant::now();
    while store.participants().unwrap().iter().any(|participant| participant.pid == parent as u32) {
        store.check().unwrap();
        assert!(start.elapsed() < LIMIT, "the parent is not taken for dead");
    }
    assert_eq!(part.undeclare("first").unwrap_err().kind(), ErrorKind::Bound);
    assert_eq!(store.delete("counters").unwrap_err().kind(), ErrorKind::Bound);
    drop((reader, writer));
    let start = Instant::now();
    while part.undeclare("first").is_err() {
        assert!(start.elapsed() < LIMIT, "the child is not taken for dead");
    }
    assert_eq!(part.get::<i64>("first").unwrap(), 7);
    store.check().unwrap();
}

/// A pin that a child has inherited pins nothing; one that it takes does.
#[test]
fn a_child_pins_what_its_parent_has_pinned() {
    use std::io::{Read, Write};
    let name = SegmentName::new("child_pin");
    let store = counters(&name);
    let part = store.at("counters").unwrap();
    let pin = part.pin().unwrap();
    let (mut told, mut tell) = std::io::pipe().unwrap();
    let (mut end, go_on) = std::io::pipe().unwrap();
    // SAFETY: the child calls the store and the allocator, both of which bear a fork, and ends without running anything else.
    let child = unsafe { libc::fork() };
    if child == 0 {
        drop(go_on);
        let own = part.pin();
        let _ = tell.write_all(&[u8::from(own.is_ok())]);
        let _ = end.read(&mut [0]);
        // SAFETY: as above.
        unsafe { libc::_exit(0) };
    }
    let mut pinned = [0];
    told.read_exact(&mut pinned).unwrap();
    assert_eq!(pinned, [1]);
    drop(pin);
    assert_eq!(store.delete("counters").unwrap_err().kind(), ErrorKind::Bound);
    drop(go_on);
    let mut status = 0;
    // SAFETY: a child of this process, and a valid place for its status.
    assert_eq!(unsafe { libc::waitpid(child, &raw mut status, 0) }, child);
    let start = Instant::now();
    while store.delete("counters").is_err() {
        assert!(start.elapsed() < LIMIT, "the child is not taken for dead");
    }
    store.check().unwrap();
}

#[test]
fn a_process_that_closed_its_descriptors_lives() {
    let name = SegmentName::new("daemon");
    let store = counters(&name);
    let mut peer = Peer::start(&name, &["hold as a daemon", "counters"]).ready();
    let counters = store.at("counters").unwrap();
    assert!(
        matches!(counters.within(Duration::from_millis(200)).write(), Err(error) if error.kind() == ErrorKind::LockTimeout)
    );
    // Nor does another process take its place.
    let again = StructStoreShared::options().open(&name).unwrap();
    Peer::start(&name, &["sleep", "0"]).finish();
    assert!(
        matches!(counters.within(Duration::from_millis(50)).write(), Err(error) if error.kind() == ErrorKind::LockTimeout)
    );
    drop(again);
    peer.kill();
    drop(counters.within(LIMIT).write().unwrap());
    store.check().unwrap();
}

/// Starts a peer in another PID namespace, as in a container; `None` if that is not permitted.
fn start_elsewhere(name: &SegmentName, arguments: &[&str]) -> Option<Peer> {
    let unshare = ["--pid", "--fork", "--kill-child"];
    if !Command::new("unshare").args(unshare).arg("true").status().is_ok_and(|done| done.success()) {
        println!("skipped: no permission to unshare PID namespaces, or no unshare(1)");
        return None;
    }
    let mut command = Command::new("unshare");
    command.args(unshare).arg(env!("CARGO_BIN_EXE_peer")).arg(name.as_str());
    Some(Peer::spawn(command.args(arguments)).ready())
}

#[test]
fn closed_descriptors_in_another_pid_namespace_are_no_death() {
    let name = SegmentName::new("namespace_daemon");
    let store = counters(&name);
    let Some(mut peer) = start_elsewhere(&name, &["hold as a daemon", "counters"]) else { return };
    let counters = store.at("counters").unwrap();
    assert!(
        matches!(counters.within(Duration::from_millis(200)).write(), Err(error) if error.kind() == ErrorKind::LockTimeout)
    );
    peer.kill();
    drop(counters.within(LIMIT).write().unwrap());
    store.check().unwrap();
}

/// A process whose descriptors lead to other files by now must not conclude from them that another process is dead.
#[test]
fn descriptors_that_lead_to_other_files_prove_no_death() {
    let name = SegmentName::new("elsewhere");
    let store = counters(&name);
    let holder = Peer::start(&name, &["hold", "counters"]).ready();
    let mut other = Peer::start(&name, &["wait with others' descriptors", "counters"]).ready();
    // The peer has waited for a while, and repaired nothing.
    let counters = store.at("counters").unwrap();
    assert!(
        matches!(counters.within(Duration::from_millis(200)).write(), Err(error) if error.kind() == ErrorKind::LockTimeout)
    );
    assert_eq!(store.statistics().recoveries, 0);
    other.kill();
    holder.finish();
    drop(counters.within(LIMIT).write().unwrap());
    store.check().unwrap();
}

/// A process in a heap section holds the heap lock, which all processes need, usually for a few instructions.
#[test]
fn timeouts_hold_while_a_process_is_stopped_in_the_heap() {
    let name = SegmentName::new("stopped");
    let store = counters(&name);
    let (counters, words) = (store.at("counters").unwrap(), Words::of(&name));
    let peer = Peer::start(&name, &["allocate forever", "busy"]).ready();
    let signal = |number| {
        // SAFETY: the peer was not waited for, so that its id is its own.
        unsafe { libc::kill(peer.id() as i32, number) };
    };
    let mut caught = false;
    for _ in 0..10_000 {
        signal(libc::SIGSTOP);
        std::thread::sleep(Duration::from_micros(300));
        caught = words.heap_lock() != 0;
        if caught {
            break;
        }
        signal(libc::SIGCONT);
        std::thread::sleep(Duration::from_micros(100));
    }
    assert!(caught, "it was never in the heap");
    // A process that opens the store, and a thread that has not used it before.
    Peer::start(&name, &["open within", "300"]).finish();
    let waited = std::thread::scope(|scope| {
        scope.spawn(|| counters.within(Duration::from_millis(300)).write().map(drop)).join().unwrap()
    });
    assert!(matches!(&waited, Err(error) if error.kind() == ErrorKind::LockTimeout));
    // A read-only attachment does not even wait.
    let reader = StructStoreShared::open_read_only(&name).unwrap();
    assert!(matches!(reader.set("new", vec![1]), Err(error) if error.kind() == ErrorKind::ReadOnly));
    // Reading and changing a number need no heap.
    assert_eq!(counters.get::<i64>("first").unwrap(), 0);
    counters.set("first", 1_i64).unwrap();
    signal(libc::SIGCONT);
    store.set("new", vec![1, 2, 3]).unwrap();
    drop(peer);
    store.check().unwrap();
}

#[test]
fn a_participant_in_another_pid_namespace_is_buried() {
    let name = SegmentName::new("namespace");
    let store = counters(&name);
    let Some(mut peer) = start_elsewhere(&name, &["die holding", "counters", "0"]) else { return };
    let counters = store.at("counters").unwrap();
    assert!(
        matches!(counters.within(Duration::from_millis(100)).write(), Err(error) if error.kind() == ErrorKind::LockTimeout)
    );
    peer.kill();
    assert!(counters.within(LIMIT).write().unwrap().recovered());
    store.check().unwrap();
}

/// A damaged or reused record names a live process that has not opened the store.
#[test]
fn a_process_that_has_not_mapped_the_segment_is_no_participant() {
    let name = SegmentName::new("stranger");
    let store = counters(&name);
    let mut peer = Peer::start(&name, &["die holding", "counters", "0"]).ready();
    let stranger = Peer::spawn(Command::new("sleep").arg("100"));
    let stat = std::fs::read_to_string(format!("/proc/{}/stat", stranger.id())).unwrap();
    let started: u64 = stat.rsplit_once(')').unwrap().1.split_whitespace().nth(19).unwrap().parse().unwrap();
    let words = Words::of(&name);
    // The peer is the second participant.
    let record = words.participant(1);
    assert_eq!(words.get(record + 8), u64::from(peer.id()));
    peer.kill();
    words.set(record + 8, stranger.id().into());
    words.set(record + 16, started);
    assert!(store.at("counters").unwrap().within(LIMIT).write().unwrap().recovered());
    store.check().unwrap();
}

/// Damage erases the record of a dead participant, so that its seats belong to no participant.
#[test]
fn seats_of_an_erased_participant_are_repaired_when_its_place_is_taken() {
    let name = SegmentName::new("seats");
    let store = counters(&name);
    let mut peer = Peer::start(&name, &["die holding", "counters", "0"]).ready();
    peer.kill();
    let words = Words::of(&name);
    words.set(words.participant(1), 0);
    let next = Peer::start(&name, &["hold", "counters"]).ready();
    let counters = store.at("counters").unwrap();
    assert!(
        matches!(counters.within(Duration::from_millis(30)).write(), Err(error) if error.kind() == ErrorKind::LockTimeout)
    );
    next.finish();
    counters.within(LIMIT).write().unwrap();
    store.check().unwrap();
}

/// Damage writes a lock into the seat of a participant that holds none; the participant then leaves.
#[test]
fn leaving_releases_a_lock_that_damage_wrote_into_its_seat() {
    let name = SegmentName::new("leaving");
    let store = counters(&name);
    let peer = Peer::start(&name, &["count, and wait", "counters"]).ready();
    let words = Words::of(&name);
    // The root is node 0, in its first life.
    let (root, shared) = (1 << 4, 1 << 2);
    words.set(words.holds(1) + 8, root | shared);
    words.set(words.holds(1), 1);
    assert!(
        matches!(store.within(Duration::from_millis(30)).write(), Err(error) if error.kind() == ErrorKind::LockTimeout)
    );
    peer.finish();
    store.within(LIMIT).write().unwrap();
    store.check().unwrap();
}

#[test]
fn waiting_for_a_seat_beyond_repair_is_corrupt() {
    let name = SegmentName::new("beyond_repair");
    let store = counters(&name);
    let mut peer = Peer::start(&name, &["die in a transaction", "counters"]).ready();
    let counters = store.at("counters").unwrap();
    assert!(
        matches!(counters.within(Duration::from_millis(30)).write(), Err(error) if error.kind() == ErrorKind::LockTimeout)
    );
    peer.kill();
    let words = Words::of(&name);
    for seat in 1..3 {
        if words.get(words.logged(seat)) != 0 {
            words.set(words.logged(seat), u64::MAX);
        }
    }
    for _ in 0..2 {
        let refused = counters.within(LIMIT).write().map(drop);
        assert!(matches!(&refused, Err(error) if error.kind() == ErrorKind::Corrupt), "{refused:?}");
    }
    assert!(matches!(store.check(), Err(error) if error.kind() == ErrorKind::Corrupt));
}

/// A lock on all other bytes of participants simulates the largest possible number of participants.
#[test]
fn failed_attach_gives_back_nothing_of_other_participants() {
    const SECOND_PARTICIPANT: i64 = (1 << 62) + 2;
    let name = SegmentName::new("full");
    let store = counters(&name);
    let file = std::fs::File::options().read(true).write(true).open(name.path()).unwrap();
    let request = libc::flock {
        l_type: libc::F_WRLCK as i16,
        l_whence: libc::SEEK_SET as i16,
        l_start: SECOND_PARTICIPANT,
        l_len: 4095,
        l_pid: 0,
    };
    nix::fcntl::fcntl(&file, nix::fcntl::FcntlArg::F_OFD_SETLK(&request)).unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_peer"));
    let refused = command.args([name.as_str(), "put"]).output().unwrap();
    let said = String::from_utf8_lossy(&refused.stderr);
    assert!(!refused.status.success() && said.contains("4096"), "{said}");
    drop(file);
    let participants = store.participants().unwrap();
    assert_eq!(participants.len(), 1);
    assert_eq!((participants[0].pid, participants[0].threads), (std::process::id(), 1));
    Peer::start(&name, &["put"]).finish();
    store.check().unwrap();
}
