//! Who may open what: nothing that somebody else may have put in a store's place is followed, waited for or overwritten.

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

/// Every way to open what is at a place: to create, to change, to read, to look, to begin anew.
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

/// Opens a place; fails if that takes for ever.
fn open(options: Options, place: &Path) -> Result<()> {
    let (done, wait) = mpsc::channel();
    let place = place.to_owned();
    std::thread::spawn(move || done.send(options.open(place).map(drop)));
    wait.recv_timeout(Duration::from_secs(20)).expect("opening hangs")
}

#[test]
fn a_new_segment_is_for_its_user_alone() {
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    let name = SegmentName::new("mode");
    let store = StructStoreShared::open(&name).unwrap();
    assert_eq!(mode(&name.path()), 0o600);
    store.close().unwrap();
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("store");
    let _store = file().open(&path).unwrap();
    assert_eq!(mode(&path), 0o600);
    // What is asked for, as far as the umask allows.
    let name = SegmentName::new("mode_asked");
    let _store = StructStoreShared::options().mode(0o640).open(&name).unwrap();
    assert_eq!(mode(&name.path()) | 0o040, 0o640);
}

#[test]
fn what_belongs_to_another_user_is_refused_unless_asked_for() {
    let directory = tempfile::tempdir().unwrap();
    let mut path = directory.path().join("store");
    let user = geteuid().as_raw();
    let owner = if user == 0 { 12345 } else { 0 };
    if user == 0 {
        file().cleanup(Cleanup::Never).open(&path).unwrap().set("num", 5).unwrap();
        chown(&path, Some(owner), None).unwrap();
    } else {
        // Nobody but root can make a file somebody else's: here is one that is.
        path = "/etc/passwd".into();
    }
    for options in [file().read_only(true), file().observe(true), file().create(false).reinit(user == 0)] {
        let refused = open(options.clone(), &path);
        if user != 0 && matches!(&refused, Err(error) if error.kind() == ErrorKind::Io) {
            // Not to be written to in the first place.
            continue;
        }
        let message = refused.as_ref().unwrap_err().to_string();
        assert!(
            matches!(&refused, Err(error) if error.kind() == ErrorKind::ForeignOwner
                && error.found() == Some(&*owner.to_string()) && error.expected() == Some(&*user.to_string())),
            "{message}"
        );
        assert!(message.contains(&format!("owned by user {owner}")) && message.contains("any_owner"));
        // With it, what counts is what is there.
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
        // Whoever passes a descriptor on has asked.
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
    // Nor is anything created where one leads to.
    let name = SegmentName::new("link");
    symlink(&nowhere, name.path()).unwrap();
    for options in ways() {
        assert!(matches!(open(options, name.as_str().as_ref()), Err(error) if error.kind() == ErrorKind::Io));
    }
    assert!(!nowhere.exists());
    // A name that has become a link to the very segment does not lead to it.
    let store = file().open(&store).unwrap();
    let moved = directory.path().join("moved");
    fs::rename(directory.path().join("store"), &moved).unwrap();
    symlink(&moved, directory.path().join("store")).unwrap();
    assert!(!store.valid());
}

#[test]
fn what_is_no_file_is_neither_waited_for_nor_opened() {
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
    // Nor by who looks for stores.
    assert!(!structstore::stores().unwrap().contains(&name.to_string()));
    assert!(!structstore::inspect::orphans().unwrap().contains(&name.to_string()));
}

#[test]
fn a_file_that_begins_with_zeros_is_no_new_store() {
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
    // What a creator left that died before it wrote anything is.
    fs::write(&path, &disk[..1 << 19]).unwrap();
    open(file(), &path).unwrap();
}

/// Or whoever has it mapped would find an empty store, or nothing, in its place.
#[test]
fn a_store_with_somebody_attached_is_not_laid_anew() {
    /// Where the header says that it is ready.
    const READY: u64 = 24;
    let name = SegmentName::new("not_ready");
    let store = StructStoreShared::options().cleanup(Cleanup::Never).open(&name).unwrap();
    store.set("num", 5).unwrap();
    let segment = fs::File::options().read(true).write(true).open(name.path()).unwrap();
    segment.write_all_at(&0_u64.to_le_bytes(), READY).unwrap();
    // As one without anything in it would be.
    let root = store_root(&segment, 0);
    // By another process, for this one has it open already.
    let other = env!("CARGO_BIN_EXE_peer");
    let outcome = std::process::Command::new(other).args([&*name, "put"]).output().unwrap();
    let said = String::from_utf8_lossy(&outcome.stderr);
    assert!(!outcome.status.success() && said.contains("not ready"), "{said}");
    store_root(&segment, root);
    assert_eq!(store.get::<i32>("num").unwrap(), 5);
    store.check().unwrap();
    // Nor is it when nobody is attached, as long as there is anything in it.
    store.close().unwrap();
    for ready in [0, 2, u64::MAX] {
        segment.write_all_at(&ready.to_le_bytes(), READY).unwrap();
        for options in ways() {
            let refused = open(options, name.as_str().as_ref());
            assert!(matches!(&refused, Err(error) if error.kind() == ErrorKind::Corrupt), "{refused:?}");
        }
    }
    // And a store that has lost its root is not given an empty one.
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

/// Writes another name of a root into a header. Returns what there was.
fn store_root(segment: &fs::File, root: u64) -> u64 {
    const ROOT: u64 = 48;
    let mut before = [0; 8];
    segment.read_exact_at(&mut before, ROOT).unwrap();
    segment.write_all_at(&root.to_le_bytes(), ROOT).unwrap();
    u64::from_le_bytes(before)
}
