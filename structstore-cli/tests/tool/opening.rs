//! Places that are not stores: each command refuses them, at once, and leaves them unchanged.

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::os::unix::net::UnixListener;
use std::path::Path;

use nix::sys::stat::Mode;
use nix::unistd::{geteuid, mkfifo};
use structstore::{Cleanup, StructStoreShared};
use structstore_tests::SegmentName;

use crate::command::{finish, limited};

/// Commands that open a store, which is at FILE.
const COMMANDS: [&str; 14] = [
    "show --file FILE",
    "get --file FILE field",
    "set --file FILE field 5",
    "rm --file FILE field",
    "mv --file FILE field other",
    "push --file FILE field 5",
    "watch --file FILE",
    "stat --file FILE",
    "check --file FILE",
    "check --file FILE --lock",
    "dump --file FILE -",
    "dump --file FILE - --format json",
    "load --file DOCUMENT FILE",
    "run --file FILE -- true",
];

fn assert_refused(place: &Path) {
    let folder = tempfile::tempdir().unwrap();
    let document = folder.path().join("document.json");
    fs::write(&document, "{\"field\": 5}").unwrap();
    let identity = |path: &Path| {
        let found = fs::symlink_metadata(path).unwrap();
        (found.dev(), found.ino(), found.mode(), found.size())
    };
    let before = identity(place);
    for line in COMMANDS {
        let arguments = line.split(' ').map(|word| match word {
            "FILE" => place.as_os_str(),
            "DOCUMENT" => document.as_os_str(),
            other => other.as_ref(),
        });
        let outcome = finish(limited(&arguments.collect::<Vec<_>>()).spawn().unwrap());
        assert_eq!(outcome.fault(), None, "{}: {line}", place.display());
        // `check` reports a file that is not a store as damaged.
        let refused = outcome.code() == 4 || line.starts_with("check") && outcome.code() == 1;
        assert!(refused, "{}: {line}: {outcome:?}", place.display());
        assert_eq!(identity(place), before, "{}: {line}", place.display());
    }
}

#[test]
fn commands_refuse_directories_devices_and_sockets() {
    let folder = tempfile::tempdir().unwrap();
    assert_refused(folder.path());
    assert_refused(Path::new("/dev/null"));
    assert_refused(Path::new("/dev/zero"));
    let socket = folder.path().join("socket");
    let _listener = UnixListener::bind(&socket).unwrap();
    assert_refused(&socket);
}

#[test]
fn commands_do_not_wait_for_a_fifo() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("fifo");
    mkfifo(&path, Mode::S_IRUSR | Mode::S_IWUSR).unwrap();
    assert_refused(&path);
    let name = SegmentName::new("fifo");
    mkfifo(&name.path(), Mode::S_IRUSR | Mode::S_IWUSR).unwrap();
    for command in ["show", "stat", "check"] {
        let outcome = finish(limited(&[command, &name]).spawn().unwrap());
        assert!(matches!(outcome.code(), 1 | 4), "{command}: {outcome:?}");
    }
    let list = finish(limited(&["ls"]).spawn().unwrap());
    assert_eq!((list.code(), list.err.as_str()), (0, ""));
    assert!(!String::from_utf8_lossy(&list.out).contains(name.as_str()));
}

/// A user that may write to the folder could otherwise redirect the command to any file.
#[test]
fn commands_do_not_follow_links() {
    let folder = tempfile::tempdir().unwrap();
    let (store, link, nowhere) =
        (folder.path().join("store"), folder.path().join("link"), folder.path().join("nowhere"));
    StructStoreShared::options().file(true).cleanup(Cleanup::Never).open(&store).unwrap();
    symlink(&store, &link).unwrap();
    assert_refused(&link);
    let link = folder.path().join("another");
    symlink(&nowhere, &link).unwrap();
    assert_refused(&link);
    assert!(!nowhere.exists());
}

#[test]
fn commands_refuse_an_unreadable_file() {
    if geteuid().is_root() {
        eprintln!("this test is skipped: nothing keeps root from reading");
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("store");
    fs::write(&path, [0; 4096]).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o000)).unwrap();
    assert_refused(&path);
}

/// The commands wait only while a process is attached that may initialise the store.
#[test]
fn commands_do_not_wait_for_an_empty_file() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("empty");
    fs::write(&path, "").unwrap();
    for command in ["show", "stat", "check"] {
        let complaint =
            finish(limited(&[command, "--file", path.to_str().unwrap()]).spawn().unwrap()).complaint(4);
        assert!(complaint.contains("no process has initialised it"), "{complaint}");
    }
}
