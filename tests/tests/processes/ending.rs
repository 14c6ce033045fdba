//! Processes that end, or that fail to open a store, leave neither names nor unrepaired state.

mod peer;

use std::process::Command;

use structstore::{Array, ArrayValue, Cleanup, ErrorKind, StructStoreShared};
use structstore_tests::SegmentName;

use peer::Peer;

/// Runs the helper program to its end.
fn run(name: &SegmentName, arguments: &[&str]) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_ending"));
    let output = command.arg(name.as_str()).args(arguments).output().unwrap();
    assert!(output.status.success(), "{arguments:?}: {output:?}");
}

#[test]
fn exit_closes_stores_that_are_left_open() {
    for how in ["static", "exit", "leaked", "threads", "guard", "watch", "view"] {
        let name = SegmentName::new("exit");
        run(&name, &[how]);
        assert!(!name.path().exists(), "{how}: the name is left");
        // If another process stays attached, the name stays, and the exit is no death.
        let store = StructStoreShared::open(&name).unwrap();
        let recoveries = store.statistics().recoveries;
        run(&name, &[how]);
        assert!(name.path().exists() && store.valid(), "{how}");
        store.check().unwrap();
        // The participants of children of other tests are alive.
        let participants = store.participants().unwrap();
        assert!(participants.iter().all(|participant| participant.alive), "{how}: {participants:?}");
        assert_eq!(store.statistics().watchers, 0, "{how}");
        if how != "guard" && how != "threads" {
            // In the other two cases its lock or operation is repaired, which counts as a death.
            assert_eq!(store.statistics().recoveries, recoveries, "{how}");
        }
        store.close().unwrap();
        assert!(!name.path().exists(), "{how}");
    }
}

#[test]
fn exit_keeps_stores_with_cleanup_never() {
    let name = SegmentName::new("exit_never");
    run(&name, &["never"]);
    assert!(name.path().exists());
    assert!(!structstore::inspect::orphans().unwrap().contains(&name.to_string()), "it ended in order");
    StructStoreShared::open(&name).unwrap().close().unwrap();
    assert!(name.path().exists(), "the creator has decided");
    StructStoreShared::unlink(&name).unwrap();
}

#[test]
fn exit_by_a_signal_is_a_death() {
    let name = SegmentName::new("exit_abort");
    let mut command = Command::new(env!("CARGO_BIN_EXE_ending"));
    assert!(!command.args([name.as_str(), "abort"]).output().unwrap().status.success());
    assert!(structstore::inspect::orphans().unwrap().contains(&name.to_string()));
}

/// A process that has closed its store but keeps a view of it counts as attached until the view is dropped.
#[test]
fn view_of_a_closed_store_removes_the_name_when_dropped() {
    let name = SegmentName::new("name_left");
    let store = StructStoreShared::open(&name).unwrap();
    store.set("array", ArrayValue::from_slice(&[3], &[1.0, 2.0, 3.0]).unwrap()).unwrap();
    store.ensure_struct("part").unwrap();
    let view = store.get::<Array>("array").unwrap().view().unwrap();
    let other = Peer::start(&name, &["hold", "part"]).ready();
    store.close().unwrap();
    other.finish();
    assert_eq!(view.to_vec::<f64>().unwrap(), [1.0, 2.0, 3.0]);
    drop(view);
    assert!(!name.path().exists());
}

#[test]
fn view_of_a_closed_store_keeps_the_name_with_cleanup_never() {
    let name = SegmentName::new("name_kept");
    let store = StructStoreShared::options().cleanup(Cleanup::Never).open(&name).unwrap();
    store.set("array", ArrayValue::from_slice(&[1], &[1.0]).unwrap()).unwrap();
    let view = store.get::<Array>("array").unwrap().view().unwrap();
    store.close().unwrap();
    drop(view);
    assert!(name.path().exists());
}

/// The process has too little address space for the segment.
#[test]
fn open_that_fails_leaves_no_name() {
    let name = SegmentName::new("open_fails");
    run(&name, &["without memory"]);
    assert!(!name.path().exists());
    // A file that existed before stays.
    std::fs::File::create(name.path()).unwrap();
    run(&name, &["without memory"]);
    assert!(name.path().exists());
}

#[test]
fn file_size_limit_is_an_error_and_no_signal() {
    let name = SegmentName::new("file_size");
    run(&name, &["small files"]);
    assert!(!name.path().exists());
    assert!(matches!(StructStoreShared::open_read_only(&name), Err(error) if error.kind() == ErrorKind::Io));
}

/// The address space that is reserved for growth takes no memory in a process that locks all its mappings.
#[test]
fn mlockall_locks_committed_memory_only() {
    run(&SegmentName::new("locked_memory"), &["locked memory"]);
}

/// Most forked children execute another program, which does not count as a death.
#[test]
fn fork_and_exec_is_no_death() {
    use std::os::unix::process::CommandExt;

    let name = SegmentName::new("fork_exec");
    let store = StructStoreShared::open(&name).unwrap();
    store.set("array", ArrayValue::from_slice(&[1], &[1.0]).unwrap()).unwrap();
    let view = store.get::<Array>("array").unwrap().view().unwrap();
    for _ in 0..3 {
        let mut command = Command::new("true");
        // SAFETY: does nothing, but keeps the library from starting the program without a fork.
        unsafe { command.pre_exec(|| Ok(())) };
        assert!(command.status().unwrap().success());
    }
    let participants = store.participants().unwrap();
    assert!(participants.iter().all(|participant| participant.alive), "{participants:?}");
    store.check().unwrap();
    assert_eq!(store.statistics().recoveries, 0);
    store.delete("array").unwrap();
    drop(view);
    // No lease of the children is left.
    store.check().unwrap();
}

/// The store is closed between the fork and the start of the other program.
#[test]
fn close_during_fork_and_exec_removes_the_name() {
    use std::os::unix::process::CommandExt;

    for _ in 0..20 {
        let name = SegmentName::new("close_exec");
        let store = StructStoreShared::open(&name).unwrap();
        store.set("x", 1).unwrap();
        std::thread::scope(|scope| {
            let (forked, wait) = std::sync::mpsc::channel();
            scope.spawn(move || {
                let mut command = Command::new("true");
                // SAFETY: sleeps, which a forked child may do.
                unsafe {
                    command.pre_exec(|| {
                        std::thread::sleep(std::time::Duration::from_millis(5));
                        Ok(())
                    });
                }
                forked.send(()).unwrap();
                assert!(command.status().unwrap().success());
            });
            wait.recv().unwrap();
            std::thread::sleep(std::time::Duration::from_millis(2));
            store.close().unwrap();
        });
        assert!(!name.path().exists());
    }
}

/// A fork takes a participant's place before the child exists, and stores are closed meanwhile.
#[test]
fn close_beside_forks_removes_the_name() {
    use std::os::unix::process::CommandExt;
    use std::sync::atomic::{AtomicBool, Ordering};

    let closed = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while !closed.load(Ordering::Relaxed) {
                let mut command = Command::new("true");
                // SAFETY: does nothing, but keeps the library from starting the program without a fork.
                unsafe { command.pre_exec(|| Ok(())) };
                assert!(command.status().unwrap().success());
            }
        });
        let left = (0..100).find(|_| {
            let name = SegmentName::new("close_fork");
            StructStoreShared::open(&name).unwrap().close().unwrap();
            name.path().exists()
        });
        closed.store(true, Ordering::Relaxed);
        assert_eq!(left, None);
    });
}

/// Each of the two processes sees the other one, and yet one of them is the last.
#[test]
fn processes_that_exit_at_once_leave_no_name() {
    for _ in 0..30 {
        let name = SegmentName::new("exit_race");
        let start = |how| Peer::spawn(Command::new(env!("CARGO_BIN_EXE_ending")).args([name.as_str(), how]));
        // The processes end when their input ends.
        let peers = [start("at once"), start("at once")].map(Peer::ready);
        assert!(name.path().exists());
        peers.iter().for_each(|peer| peer.tell("end"));
        peers.into_iter().for_each(Peer::finish);
        assert!(!name.path().exists());
    }
}

#[test]
fn open_without_descriptors_leaves_no_name() {
    for left in 0..4 {
        let name = SegmentName::new("open_descriptors");
        run(&name, &["without descriptors", &left.to_string()]);
        assert!(!name.path().exists(), "with {left} of them");
    }
}
