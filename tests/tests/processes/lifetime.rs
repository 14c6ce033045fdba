//! Whose decision it is when the name of a store goes: its creator's.

mod peer;

use std::fs::{self, OpenOptions};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::time::Duration;

use nix::sys::stat::{Mode, umask};
use structstore::inspect::Lifetime;
use structstore::{ArrayValue, Cleanup, Error, ErrorKind, Options, StructStoreShared, Value};
use structstore_tests::SegmentName;

use peer::{LIMIT, Peer};

fn options() -> Options {
    StructStoreShared::options()
}

fn counters(name: &SegmentName, cleanup: Cleanup) -> StructStoreShared {
    let store = options().cleanup(cleanup).open(name).unwrap();
    store.set("counters", Value::record([("first", Value::from(0_i64)), ("second", 0_i64.into())])).unwrap();
    store.set("array", ArrayValue::from_slice(&[5], &[0_u8; 5]).unwrap()).unwrap();
    store
}

/// A transient store that a killed process has left.
fn orphan(name: &SegmentName) {
    let store = counters(name, Cleanup::IfLast);
    let mut peer = Peer::start(name, &["die holding", "counters", "0"]).ready();
    store.close().unwrap();
    peer.kill();
}

fn kind<T>(result: Result<T, Error>) -> Option<ErrorKind> {
    result.err().map(|error| error.kind())
}

#[test]
fn transient_name_goes_with_the_last_writer_and_tells_readers() {
    let name = SegmentName::new("transient");
    let store = counters(&name, Cleanup::IfLast);
    let reader = StructStoreShared::open_read_only(&name).unwrap();
    let observer = Peer::start(&name, &["see removal", "counters"]).ready();
    let writer = Peer::start(&name, &["count, and wait", "counters"]).ready();
    store.close().unwrap();
    assert!(name.path().exists() && reader.valid(), "a process is attached to change it");
    let mut watch = reader.watch().unwrap();
    writer.finish();
    assert!(!name.path().exists() && !reader.valid());
    let error = watch.wait(Some(LIMIT)).unwrap_err();
    assert_eq!(
        (error.kind(), error.to_string().contains("the store was removed")),
        (ErrorKind::StaleHandle, true)
    );
    assert_eq!(kind(reader.wait(Some(LIMIT))), Some(ErrorKind::StaleHandle));
    observer.finish();
    assert_eq!(reader.at("counters").unwrap().get::<i64>("first").unwrap(), 1, "the memory stays");
}

#[test]
fn persistent_name_stays_whatever_attachers_ask_for() {
    let name = SegmentName::new("persistent");
    counters(&name, Cleanup::Never).close().unwrap();
    for cleanup in [Cleanup::IfLast, Cleanup::Always, Cleanup::Never] {
        let store = options().cleanup(cleanup).open(&name).unwrap();
        assert_eq!((store.lifetime(), store.is_orphan().unwrap()), (Lifetime::Persistent, false));
        store.set("num", 5).unwrap();
        store.close().unwrap();
        assert!(name.path().exists(), "{cleanup:?}");
    }
    // Not even one that was killed makes an orphan of it.
    Peer::start(&name, &["die holding", "counters", "0"]).ready().kill();
    assert!(!structstore::inspect::orphans().unwrap().contains(&name.to_string()));
    // Who re-initialises it is its creator.
    let store = options().reinit(true).open(&name).unwrap();
    assert_eq!(store.lifetime(), Lifetime::Transient);
    store.close().unwrap();
    assert!(!name.path().exists());
}

#[test]
fn creator_with_cleanup_always_removes_the_name_from_others() {
    let name = SegmentName::new("always");
    let store = counters(&name, Cleanup::Always);
    let other = Peer::start(&name, &["see removal", "counters"]).ready();
    let again = options().cleanup(Cleanup::Always).open(&name).unwrap();
    again.close().unwrap();
    assert!(name.path().exists(), "opened by an attacher");
    store.close().unwrap();
    assert!(!name.path().exists());
    other.finish();
}

#[test]
fn looking_at_an_orphan_leaves_it_and_changing_it_takes_it_over() {
    let name = SegmentName::new("adopted");
    orphan(&name);
    for times in 1..3 {
        let store = StructStoreShared::open(&name).unwrap();
        assert_eq!(store.at("counters").unwrap().get::<i64>("first").unwrap(), 1);
        assert_eq!(format!("{store}").matches("counters").count(), 1);
        drop(store.read().unwrap());
        assert_eq!(store.statistics().orphaned, times);
        assert!(!store.is_orphan().unwrap(), "this process is attached");
        store.close().unwrap();
        assert!(structstore::inspect::orphans().unwrap().contains(&name.to_string()));
    }
    let (first, second) = (StructStoreShared::open(&name).unwrap(), StructStoreShared::open(&name).unwrap());
    first.at("counters").unwrap().set("first", 7_i64).unwrap();
    first.close().unwrap();
    assert!(name.path().exists());
    second.close().unwrap();
    assert!(!name.path().exists(), "a transient store that was changed goes with its last writer");
}

#[test]
fn unlink_is_refused_while_a_process_is_attached() {
    let name = SegmentName::new("unlink");
    assert_eq!(kind(StructStoreShared::unlink(&name)), Some(ErrorKind::Io));
    let store = counters(&name, Cleanup::Never);
    let other = Peer::start(&name, &["see removal", "counters"]).ready();
    let error = StructStoreShared::unlink(&name).unwrap_err();
    assert_eq!(error.to_string(), format!("{name} is in use: processes have it open"));
    store.close().unwrap();
    assert_eq!(kind(StructStoreShared::unlink(&name)), None, "who observes does not count");
    assert!(!name.path().exists());
    other.finish();

    let store = counters(&name, Cleanup::IfLast);
    let other = Peer::start(&name, &["count, and wait", "counters"]).ready();
    assert_eq!(kind(StructStoreShared::unlink(&name)), Some(ErrorKind::InUse));
    options().unlink_forced(&name).unwrap();
    assert!(!name.path().exists() && !store.valid());
    assert_eq!(kind(store.watch().unwrap().wait(Some(LIMIT))), Some(ErrorKind::StaleHandle));
    let next = counters(&name, Cleanup::IfLast);
    other.finish();
    store.close().unwrap();
    assert!(next.valid(), "the name is another store's by now");
}

#[test]
fn unlink_removes_damaged_stores_by_force_and_nothing_else() {
    let (name, foreign) = (SegmentName::new("damaged_unlink"), SegmentName::new("no_store"));
    counters(&name, Cleanup::Never).close().unwrap();
    let mut bytes = fs::read(name.path()).unwrap();
    bytes[64..].fill(0xff);
    fs::write(name.path(), bytes).unwrap();
    assert!(StructStoreShared::unlink(&name).is_err() && name.path().exists());
    options().unlink_forced(&name).unwrap();
    assert!(!name.path().exists());
    fs::write(foreign.path(), [0; 4096]).unwrap();
    assert!(
        options().unlink_forced(&foreign).is_err() && foreign.path().exists(),
        "it may become something else"
    );
    fs::write(foreign.path(), "something else").unwrap();
    for result in [StructStoreShared::unlink(&foreign), options().unlink_forced(&foreign)] {
        assert_eq!(kind(result), Some(ErrorKind::Mismatch));
    }
    assert!(foreign.path().exists());
}

#[test]
fn stores_in_files_are_persistent() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("store");
    let file = options().file(true);
    let store = file.open(&path).unwrap();
    assert_eq!(store.lifetime(), Lifetime::Persistent);
    store.close().unwrap();
    file.unlink(&path).unwrap();
    assert!(!path.exists());
    file.clone().cleanup(Cleanup::IfLast).open(&path).unwrap().close().unwrap();
    assert!(!path.exists(), "unless asked otherwise");
}

/// The mask is the process's: no other test here depends on it.
#[test]
fn mode_and_group_are_those_asked_for() {
    let name = SegmentName::new("mode");
    let before = umask(Mode::from_bits_truncate(0o077));
    let store = options().mode(0o660).group(nix::unistd::getegid().to_string()).open(&name);
    umask(before);
    let store = store.unwrap();
    let found = fs::metadata(name.path()).unwrap();
    assert_eq!((found.permissions().mode() & 0o7777, found.gid()), (0o660, nix::unistd::getegid().as_raw()));
    store.close().unwrap();
    let error = options().group("no such group, surely").open(&name).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidArgument);
    assert!(error.to_string().contains("the name or number of a group"), "{error}");
    assert!(!name.path().exists());
}

#[test]
fn handles_of_a_reinitialised_store_name_the_remedy() {
    let name = SegmentName::new("replaced");
    let mut store = counters(&name, Cleanup::IfLast);
    let (counters, mut watch) = (store.at("counters").unwrap(), store.watch().unwrap());
    let other = options().reinit(true).open(&name).unwrap();
    other.set("num", 5).unwrap();
    for error in [
        store.get::<i32>("num").unwrap_err(),
        counters.get::<i64>("first").unwrap_err(),
        counters.set("first", 1_i64).unwrap_err(),
        watch.wait(Some(LIMIT)).unwrap_err(),
    ] {
        assert_eq!(error.kind(), ErrorKind::StaleHandle);
        let message = error.to_string();
        assert!(
            message.contains("the store was re-initialised") && message.contains("revalidate"),
            "{message}"
        );
    }
    store.revalidate(Duration::from_secs(1)).unwrap();
    assert_eq!(store.get::<i32>("num").unwrap(), 5);
}

#[test]
fn observer_that_opens_to_change_counts_from_then_on() {
    let name = SegmentName::new("upgrade");
    let writer = counters(&name, Cleanup::IfLast);
    let child = Peer::start(&name, &["observe, then count", "counters"]).ready();
    let found = |observes: bool| {
        let participants = writer.participants().unwrap();
        participants.iter().any(|found| found.observes == observes && found.pid == child.id())
    };
    assert!(found(true) && !found(false));
    child.tell("open it to change it");
    let start = std::time::Instant::now();
    while !found(false) {
        assert!(start.elapsed() < LIMIT, "it does not count");
    }
    writer.close().unwrap();
    assert!(name.path().exists(), "the other process has it open to change it");
    child.finish();
    assert!(!name.path().exists());
}

#[test]
fn processes_that_look_at_an_orphan_at_once_leave_it() {
    let name = SegmentName::new("lookers");
    orphan(&name);
    let store = StructStoreShared::open(&name).unwrap();
    let other = Peer::start(&name, &["look, and wait"]).ready();
    store.close().unwrap();
    other.finish();
    assert!(structstore::inspect::orphans().unwrap().contains(&name.to_string()));

    // What one process changes is taken over from all of them, and goes with the last.
    let store = StructStoreShared::open(&name).unwrap();
    Peer::start(&name, &["count, and wait", "counters"]).ready().finish();
    assert!(name.path().exists(), "this process has it open");
    store.close().unwrap();
    assert!(!name.path().exists());
}

#[test]
fn observer_that_opens_an_orphan_to_change_it_takes_it_over() {
    for reinit in [false, true] {
        let name = SegmentName::new("observed_orphan");
        orphan(&name);
        let observer = options().observe(true).open(&name).unwrap();
        let store = options().reinit(reinit).open(&name).unwrap();
        if !reinit {
            assert_eq!(store.statistics().orphaned, 1);
            store.set("num", 5).unwrap();
        }
        store.close().unwrap();
        assert!(!name.path().exists() && !observer.valid(), "reinit {reinit}");
    }
}

#[test]
fn creator_with_cleanup_always_leaves_the_store_of_a_later_creator() {
    let name = SegmentName::new("recreated");
    let first = counters(&name, Cleanup::Always);
    let second = options().reinit(true).cleanup(Cleanup::Never).open(&name).unwrap();
    first.close().unwrap();
    second.close().unwrap();
    assert!(name.path().exists());
    StructStoreShared::unlink(&name).unwrap();
}

#[test]
fn changing_through_a_handle_after_close_takes_an_orphan_over() {
    let name = SegmentName::new("kept_handle");
    orphan(&name);
    let store = StructStoreShared::open(&name).unwrap();
    let counters = store.at("counters").unwrap();
    store.close().unwrap();
    counters.set("first", 7_i64).unwrap();
    assert!(name.path().exists(), "the handle keeps the attachment");
    drop(counters);
    assert!(!name.path().exists());
}

#[test]
fn stores_with_other_names_or_none_are_not_removed() {
    let memory = || nix::sys::memfd::memfd_create(c"lifetime", nix::sys::memfd::MFdFlags::empty()).unwrap();
    let descriptor = memory();
    for _ in 0..2 {
        let store = options().open_fd(descriptor.try_clone().unwrap()).unwrap();
        let mut watch = store.watch().unwrap();
        store.set("num", 5).unwrap();
        assert!(watch.wait(Some(LIMIT)).unwrap().is_some());
        assert!(watch.wait(Some(Duration::ZERO)).unwrap().is_none(), "it was not removed");
        store.set("num", 6).unwrap();
        store.close().unwrap();
    }
    let folder = tempfile::tempdir().unwrap();
    let (first, second) = (folder.path().join("first"), folder.path().join("second"));
    let file = options().file(true).cleanup(Cleanup::IfLast);
    let store = file.open(&first).unwrap();
    fs::hard_link(&first, &second).unwrap();
    store.close().unwrap();
    assert!(!first.exists());
    let again = file.open(&second).unwrap();
    assert!(again.watch().unwrap().wait(Some(Duration::ZERO)).unwrap().is_none());
    again.set("num", 5).unwrap();
    again.close().unwrap();
    assert!(!second.exists());
}

#[test]
fn reader_of_an_orphan_is_refused_what_would_change_it() {
    let name = SegmentName::new("read_orphan");
    orphan(&name);
    let peek = options().open(&name).unwrap();
    for reader in
        [options().read_only(true), options().observe(true)].map(|options| options.open(&name).unwrap())
    {
        assert_eq!(kind(reader.set("num", 5)), Some(ErrorKind::ReadOnly));
        assert_eq!(kind(reader.fill::<u8>("num", &[5])), Some(ErrorKind::ReadOnly));
        assert_eq!(kind(reader.write().map(drop)), Some(ErrorKind::ReadOnly));
    }
    peek.close().unwrap();
    assert!(structstore::inspect::orphans().unwrap().contains(&name.to_string()));
}

/// Whoever repairs what a dead process has left has its byte meanwhile.
#[test]
fn dead_process_that_is_being_repaired_keeps_no_name() {
    for delay in [30, 70, 110] {
        let name = SegmentName::new("repaired");
        let store = counters(&name, Cleanup::IfLast);
        store.ensure_list("list").unwrap();
        // It sleeps, looks again after a while, and then has much to undo.
        let observer = Peer::start(&name, &["see removal", "counters"]).ready();
        let mut dying = Peer::start(&name, &["die in a transaction of", "list", "300000"]).ready();
        dying.kill();
        std::thread::sleep(Duration::from_millis(delay));
        store.close().unwrap();
        assert!(!name.path().exists(), "the name goes with the last one that is alive");
        observer.finish();
    }
}

#[test]
fn reinit_replaces_no_file_of_others_and_no_store_in_use() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("notes.txt");
    fs::write(&path, "notes, and no store").unwrap();
    let file = options().file(true).reinit(true);
    assert_eq!(kind(file.open(&path)), Some(ErrorKind::Mismatch));
    assert_eq!(fs::read_to_string(&path).unwrap(), "notes, and no store");

    // A store of another version, while a process has it and after that.
    let name = SegmentName::new("replaced");
    let store = options().cleanup(Cleanup::Never).open(&name).unwrap();
    let segment = fs::File::options().write(true).open(name.path()).unwrap();
    std::os::unix::fs::FileExt::write_all_at(&segment, &77_u64.to_le_bytes(), 8).unwrap();
    let peer = |expected: &str| {
        let other = std::process::Command::new(env!("CARGO_BIN_EXE_peer"));
        let mut other = other;
        let said = other.args([&*name, "reinit"]).output().unwrap();
        let said = String::from_utf8_lossy(&said.stderr).into_owned();
        assert!(said.contains(expected), "{said}");
    };
    peer("its format version");
    assert!(store.valid());
    store.close().unwrap();
    peer("");
    assert!(options().create(false).open(&name).is_ok(), "it is of this version now");
}

#[test]
fn mode_is_exact_whatever_the_umask_and_without_the_right_to_write() {
    for (mode, mask) in [(0o400, 0o022), (0o440, 0o777), (0o666, 0o277)] {
        let name = SegmentName::new("exact_mode");
        let before = umask(Mode::from_bits_truncate(mask));
        let store = options().mode(mode).open(&name);
        umask(before);
        let store = store.unwrap();
        assert_eq!(fs::metadata(name.path()).unwrap().permissions().mode() & 0o7777, mode);
        store.set("num", 5).unwrap();
        store.close().unwrap();
        assert!(!name.path().exists());
    }
}

#[test]
fn an_empty_file_becomes_no_store_of_who_creates_none() {
    let name = SegmentName::new("empty_file");
    fs::write(name.path(), "").unwrap();
    let brief = || options().timeout(Duration::from_millis(20));
    for options in [brief().read_only(true), brief().observe(true)] {
        assert_eq!(kind(options.open(&name)), Some(ErrorKind::NotReady));
    }
    let error = brief().create(false).open(&name).unwrap_err();
    assert_eq!(error.io().map(std::io::Error::kind), Some(std::io::ErrorKind::NotFound), "{error}");
    assert_eq!(fs::metadata(name.path()).unwrap().len(), 0);
    assert_eq!(kind(brief().unlink(&name)), Some(ErrorKind::NotReady));
    brief().unlink_forced(&name).unwrap();
    assert!(!name.path().exists());
    fs::write(name.path(), "").unwrap();
    // Its creator comes to it a little later.
    let reader = std::thread::spawn({
        let name = name.to_string();
        move || options().read_only(true).open(name).map(|store| store.to_string())
    });
    std::thread::sleep(Duration::from_millis(30));
    let store = options().open(&name).unwrap();
    assert_eq!(reader.join().unwrap().unwrap(), "{}");
    store.close().unwrap();
}

#[test]
fn replacing_orphans_refuses_stores_in_use_and_persistent_ones() {
    use structstore::binding_support::OptionsExt;
    let begin = || options().replacing_orphans();
    let name = SegmentName::new("begun_anew");
    let store = begin().open(&name).unwrap();
    store.set("num", 5).unwrap();
    let taken =
        std::process::Command::new(env!("CARGO_BIN_EXE_peer")).args([&*name, "replace orphans"]).output();
    assert!(String::from_utf8_lossy(&taken.unwrap().stderr).contains("is in use: processes have it open"));
    assert_eq!(kind(begin().open(&name)), Some(ErrorKind::InUse));
    assert_eq!(store.get::<i32>("num").unwrap(), 5);
    store.close().unwrap();
    orphan(&name);
    let store = begin().open(&name).unwrap();
    assert_eq!(store.to_string(), "{}");
    store.close().unwrap();
    options().cleanup(Cleanup::Never).open(&name).unwrap().close().unwrap();
    assert_eq!(kind(begin().open(&name)), Some(ErrorKind::InUse));
    assert!(name.path().exists());
}

#[test]
fn watch_ends_where_the_name_was_removed_without_a_word() {
    let name = SegmentName::new("removed_by_hand");
    let store = counters(&name, Cleanup::Never);
    let mut watch = store.watch().unwrap();
    fs::remove_file(name.path()).unwrap();
    assert_eq!(kind(watch.wait(Some(LIMIT))), Some(ErrorKind::StaleHandle));
}

/// A large store is given back by a thread of its own: what counts is that it is.
#[test]
fn closing_a_large_store_gives_its_memory_back() {
    let name = SegmentName::new("large");
    let store = options().size(80 << 20).open(&name).unwrap();
    store.set("array", vec![0_u8; 70 << 20].as_slice()).unwrap();
    let file = std::fs::metadata(name.path()).unwrap();
    store.close().unwrap();
    assert!(!name.path().exists());
    // Until neither a mapping nor a descriptor of this process leads to it.
    let is_mapped = || std::fs::read_to_string("/proc/self/maps").unwrap().contains(&name.as_str()[1..]);
    while descriptors_of(&file) != 0 || is_mapped() {
        std::thread::sleep(std::time::Duration::from_millis(5));
    }
}

/// How many descriptors of this process lead to a file.
fn descriptors_of(file: &fs::Metadata) -> usize {
    let descriptors = std::fs::read_dir("/proc/self/fd").unwrap();
    let open = descriptors.filter_map(|entry| std::fs::metadata(entry.ok()?.path()).ok());
    open.filter(|found| (found.dev(), found.ino()) == (file.dev(), file.ino())).count()
}

#[test]
fn a_store_takes_one_descriptor() {
    let name = SegmentName::new("descriptors");
    let store = options().open(&name).unwrap();
    let file = fs::metadata(name.path()).unwrap();
    store.set("array", vec![0_u8; 1 << 20].as_slice()).unwrap();
    let again = options().open(&name).unwrap();
    assert_eq!(descriptors_of(&file), 1);
    let passed = OpenOptions::new().read(true).write(true).open(name.path()).unwrap();
    let passed = options().open_fd(passed.into()).unwrap();
    assert_eq!(descriptors_of(&file), 1);
    drop((store, again, passed));
    assert_eq!(descriptors_of(&file), 0);
}
