//! Opening: a store does not follow, wait for or overwrite what another user may have put in its place.

use std::fs;
use std::os::unix::fs::{FileExt, PermissionsExt, chown, symlink};
use std::path::Path;
use std::sync::mpsc;
use std::time::Duration;

use nix::sys::stat::Mode;
use nix::unistd::{geteuid, mkfifo};
use structstore::{Cleanup, ErrorKind, Options, Result, StructStoreShared};
use structstore_tests::SegmentName;

fn file() -> Options {
    StructStoreShared::options().file(true)
}

/// All ways to open a place: to create, to change, to read, to observe, and for any owner.
fn ways() -> [Options; 5] {
    let options = StructStoreShared::options;
    [
        options(),
        options().create(false),
        options().read_only(true),
        options().observe(true),
        options().any_owner(true),
    ]
}

/// Opens a place; panics if that hangs.
fn open(options: Options, place: &Path) -> Result<()> {
    let (done, wait) = mpsc::channel();
    let place = place.to_owned();
    std::thread::spawn(move || done.send(options.open(place).map(drop)));
    wait.recv_timeout(Duration::from_secs(20)).expect("opening hangs")
}

#[test]
fn new_segment_has_mode_0600() {
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    let name = SegmentName::new("mode");
    let store = StructStoreShared::open(&name).unwrap();
    assert_eq!(mode(&name.path()), 0o600);
    store.close().unwrap();
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("store");
    let _store = file().open(&path).unwrap();
    assert_eq!(mode(&path), 0o600);
    // With the requested mode, as far as the umask allows.
    let name = SegmentName::new("mode_asked");
    let _store = StructStoreShared::options().mode(0o640).open(&name).unwrap();
    assert_eq!(mode(&name.path()) | 0o040, 0o640);
}

#[test]
fn open_refuses_files_of_other_users_without_any_owner() {
    let directory = tempfile::tempdir().unwrap();
    let mut path = directory.path().join("store");
    let user = geteuid().as_raw();
    let owner = if user == 0 { 12345 } else { 0 };
    if user == 0 {
        file().cleanup(Cleanup::Never).open(&path).unwrap().set("num", 5).unwrap();
        chown(&path, Some(owner), None).unwrap();
    } else {
        // Only root can give a file away; this file belongs to root.
        path = "/etc/passwd".into();
    }
    for options in [file().read_only(true), file().observe(true), file().create(false).reinit(user == 0)] {
        let refused = open(options.clone(), &path);
        if user != 0 && matches!(&refused, Err(error) if error.kind() == ErrorKind::Io) {
            // This user may not write to the file.
            continue;
        }
        let message = refused.as_ref().unwrap_err().to_string();
        assert!(
            matches!(&refused, Err(error) if error.kind() == ErrorKind::ForeignOwner
                && error.found() == Some(&*owner.to_string()) && error.expected() == Some(&*user.to_string())),
            "{message}"
        );
        assert!(message.contains(&format!("owned by user {owner}")) && message.contains("any_owner"));
        // With `any_owner`, the outcome depends on the contents.
        let opened = open(options.reinit(false).cleanup(Cleanup::Never).any_owner(true), &path);
        assert!(if user == 0 {
            opened.is_ok()
        } else {
            matches!(&opened, Err(error) if error.kind() == ErrorKind::Mismatch)
        });
    }
    if user == 0 {
        let options = file().cleanup(Cleanup::Never).any_owner(true);
        assert_eq!(options.open(&path).unwrap().get::<i32>("num").unwrap(), 5);
        // A descriptor needs no `any_owner`.
        let descriptor = fs::File::options().read(true).write(true).open(&path);
        assert!(StructStoreShared::options().open_fd(descriptor.unwrap().into()).is_ok());
    }
}

#[test]
fn symbolic_links_are_not_followed() {
    let directory = tempfile::tempdir().unwrap();
    let (store, link, nowhere) =
        (directory.path().join("store"), directory.path().join("link"), directory.path().join("nowhere"));
    file().cleanup(Cleanup::Never).open(&store).unwrap().set("num", 5).unwrap();
    symlink(&store, &link).unwrap();
    for options in ways() {
        assert!(matches!(open(options.file(true), &link), Err(error) if error.kind() == ErrorKind::Io));
    }
    // Nothing is created at the target of a link.
    let name = SegmentName::new("link");
    symlink(&nowhere, name.path()).unwrap();
    for options in ways() {
        assert!(matches!(open(options, name.as_str().as_ref()), Err(error) if error.kind() == ErrorKind::Io));
    }
    assert!(!nowhere.exists());
    // A name that was replaced by a link to the same segment is not valid.
    let store = file().open(&store).unwrap();
    let moved = directory.path().join("moved");
    fs::rename(directory.path().join("store"), &moved).unwrap();
    symlink(&moved, directory.path().join("store")).unwrap();
    assert!(!store.valid());
}

#[test]
fn open_refuses_fifos_sockets_and_devices_at_once() {
    let directory = tempfile::tempdir().unwrap();
    let name = SegmentName::new("fifo");
    mkfifo(&name.path(), Mode::S_IRUSR | Mode::S_IWUSR).unwrap();
    let socket = directory.path().join("socket");
    let _listener = std::os::unix::net::UnixListener::bind(&socket).unwrap();
    for options in ways() {
        let refused = open(options.clone(), name.as_str().as_ref());
        assert!(matches!(&refused, Err(error) if error.subject() == Some("its type")), "{refused:?}");
        for place in [&*socket, "/dev/zero".as_ref(), "/dev/null".as_ref(), directory.path()] {
            let refused = open(options.clone().file(true), place);
            assert!(
                matches!(&refused,
                    Err(error) if error.subject() == Some("its type")
                        || matches!(error.kind(), ErrorKind::Io | ErrorKind::ForeignOwner)
                ),
                "{}: {refused:?}",
                place.display()
            );
        }
    }
    // Nor do the lists of stores and orphans contain it.
    assert!(!structstore::stores().unwrap().contains(&name.to_string()));
    assert!(!structstore::inspect::orphans().unwrap().contains(&name.to_string()));
}

#[test]
fn open_does_not_overwrite_a_file_that_begins_with_zeros() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("disk");
    let mut disk = vec![0; 1 << 20];
    disk[(1 << 20) - 1] = 7;
    fs::write(&path, &disk).unwrap();
    for options in ways() {
        let refused = open(options.file(true), &path);
        assert!(matches!(&refused, Err(error) if error.subject() == Some("its magic")), "{refused:?}");
    }
    assert_eq!(fs::read(&path).unwrap(), disk);
    // A file of zeros, as left by a creator that died before it wrote anything, becomes a new store.
    fs::write(&path, &disk[..1 << 19]).unwrap();
    open(file(), &path).unwrap();
}

/// Otherwise a process that has mapped the store would find it empty or destroyed.
#[test]
fn open_does_not_recreate_an_attached_store() {
    /// The offset of the ready word in the header.
    const READY: u64 = 24;
    let name = SegmentName::new("not_ready");
    let store = StructStoreShared::options().cleanup(Cleanup::Never).open(&name).unwrap();
    store.set("num", 5).unwrap();
    let segment = fs::File::options().read(true).write(true).open(name.path()).unwrap();
    segment.write_all_at(&0_u64.to_le_bytes(), READY).unwrap();
    // An empty store has no root.
    let root = store_root(&segment, 0);
    // Another process, because this one has opened it already.
    let other = env!("CARGO_BIN_EXE_peer");
    let outcome = std::process::Command::new(other).args([&*name, "put"]).output().unwrap();
    let said = String::from_utf8_lossy(&outcome.stderr);
    assert!(!outcome.status.success() && said.contains("not ready"), "{said}");
    store_root(&segment, root);
    assert_eq!(store.get::<i32>("num").unwrap(), 5);
    store.check().unwrap();
    // Nor is it re-created without attached processes, if it contains anything.
    store.close().unwrap();
    for ready in [0, 2, u64::MAX] {
        segment.write_all_at(&ready.to_le_bytes(), READY).unwrap();
        for options in ways() {
            let refused = open(options, name.as_str().as_ref());
            assert!(matches!(&refused, Err(error) if error.kind() == ErrorKind::Corrupt), "{refused:?}");
        }
    }
    // A store that has lost its root does not get an empty one.
    segment.write_all_at(&1_u64.to_le_bytes(), READY).unwrap();
    store_root(&segment, 0);
    for options in ways() {
        let refused = open(options, name.as_str().as_ref());
        assert!(
            matches!(&refused, Err(error) if matches!(error.kind(), ErrorKind::Corrupt | ErrorKind::NotReady)),
            "{refused:?}"
        );
    }
    store_root(&segment, root);
    assert!(std::process::Command::new(other).args([&*name, "put"]).status().unwrap().success());
}

/// Writes another root into a header. Returns the old one.
fn store_root(segment: &fs::File, root: u64) -> u64 {
    const ROOT: u64 = 48;
    let mut before = [0; 8];
    segment.read_exact_at(&mut before, ROOT).unwrap();
    segment.write_all_at(&root.to_le_bytes(), ROOT).unwrap();
    u64::from_le_bytes(before)
}

/// How many page faults this thread has taken that needed no disk.
fn faults() -> i64 {
    nix::sys::resource::getrusage(nix::sys::resource::UsageWho::RUSAGE_THREAD).unwrap().minor_page_faults()
}

#[test]
fn memory_that_is_mapped_at_once_costs_no_faults() {
    const SIZE: u64 = 16 << 20;
    let filled = |options: structstore::Options| {
        let name = SegmentName::new("prefault");
        let store = options.size(SIZE).open(&name).unwrap();
        store.reserve(SIZE / 2).unwrap();
        let mut filling = store.fill::<f64>("array", &[SIZE as usize / 32]).unwrap();
        let before = faults();
        filling.as_mut_slice().fill(0.5);
        let taken = faults() - before;
        filling.publish().unwrap();
        store.check().unwrap();
        taken
    };
    let (without, with) =
        (filled(StructStoreShared::options()), filled(StructStoreShared::options().prefault(u64::MAX)));
    assert!(without > 100 && with < 10, "{without} faults, {with} of memory that is mapped");
    let name = SegmentName::new("locked");
    let locked = StructStoreShared::options().size(1 << 20).lock_memory(true).prefault(1 << 20).open(&name);
    if let Err(error) = &locked {
        // Where the limit is lower, it says so, and leaves no store.
        assert_eq!(error.kind(), ErrorKind::Io);
        assert!(error.to_string().contains("lock the memory of"), "{error}");
    }
    drop(locked);
    assert!(!name.path().exists());
}

#[test]
fn what_is_reserved_needs_no_growth() {
    let name = SegmentName::new("reserve");
    let store = StructStoreShared::options().max_size(4 << 20).open(&name).unwrap();
    store.reserve(1 << 20).unwrap();
    let size = store.statistics().size;
    for number in 0..1000 {
        store
            .set(format!("field {number}").as_str(), "a text that is too long to lie in a node's own record")
            .unwrap();
    }
    assert_eq!(store.statistics().size, size);
    let reader = StructStoreShared::open_read_only(&name).unwrap();
    assert_eq!(reader.reserve(1).unwrap_err().kind(), ErrorKind::ReadOnly);
    let before = store.to_value().unwrap();
    for bytes in [8 << 20, 1 << 40, u64::MAX] {
        assert_eq!(store.reserve(bytes).unwrap_err().kind(), ErrorKind::OutOfSpace, "{bytes}");
    }
    assert_eq!(store.to_value().unwrap(), before);
    store.check().unwrap();
}

/// Whoever cannot have what he asks for has changed nothing.
#[test]
fn memory_that_cannot_be_locked_leaves_the_store_as_it_was() {
    let (name, new) = (SegmentName::new("unlockable"), SegmentName::new("unlockable_new"));
    let store = StructStoreShared::open(&name).unwrap();
    store.set("x", 5).unwrap();
    let locked =
        |name: &SegmentName| StructStoreShared::options().reinit(true).lock_memory(true).open(name).map(drop);
    // SAFETY: the child calls the store and the allocator, both of which bear a fork, and ends without running anything else.
    let child = unsafe { libc::fork() };
    if child == 0 {
        use nix::sys::resource::{Resource, setrlimit};
        // SAFETY: as above; a system call.
        let alone = geteuid().is_root() && unsafe { libc::setuid(65_534) } == 0;
        let limited = setrlimit(Resource::RLIMIT_MEMLOCK, 4096, 4096).is_ok();
        let refused = alone || locked(&name).is_err();
        let no_new = locked(&new).is_err();
        // SAFETY: as above.
        unsafe { libc::_exit(i32::from(!(limited && refused && no_new))) };
    }
    let mut status = 0;
    // SAFETY: a child of this process, and a valid place for its status.
    assert_eq!(unsafe { libc::waitpid(child, &raw mut status, 0) }, child);
    assert_eq!(status, 0);
    assert_eq!(store.get::<i32>("x").unwrap(), 5);
    assert!(!new.path().exists());
}
