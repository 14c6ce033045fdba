//! Places that lead to what is no store: each command says so, at once, and leaves them as they are.

mod command;

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::os::unix::net::UnixListener;
use std::path::Path;

use nix::sys::stat::Mode;
use nix::unistd::{geteuid, mkfifo};
use structstore::{Cleanup, StructStoreShared};
use structstore_tests::SegmentName;

use command::{finish, limited};

/// What opens a store, which is at FILE.
const COMMANDS: [&str; 12] = [
    "show --file FILE",
    "get --file FILE field",
    "set --file FILE field 5",
    "rm --file FILE field",
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
        // What is no store is damaged to who checks it.
        let refused = outcome.code() == 4 || line.starts_with("check") && outcome.code() == 1;
        assert!(refused, "{}: {line}: {outcome:?}", place.display());
        assert_eq!(identity(place), before, "{}: {line}", place.display());
    }
}

#[test]
fn what_is_no_file_is_no_store() {
    let folder = tempfile::tempdir().unwrap();
    assert_refused(folder.path());
    assert_refused(Path::new("/dev/null"));
    assert_refused(Path::new("/dev/zero"));
    let socket = folder.path().join("socket");
    let _listener = UnixListener::bind(&socket).unwrap();
    assert_refused(&socket);
}

#[test]
fn nobody_waits_for_the_other_end_of_a_fifo() {
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

/// Who may write to the folder could lead anybody to anything.
#[test]
fn links_are_not_followed() {
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
fn what_cannot_be_read_is_no_store() {
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

/// Not even after ten seconds, unless somebody is there who may be making one.
#[test]
fn nobody_waits_for_an_empty_file_to_become_a_store() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("empty");
    fs::write(&path, "").unwrap();
    for command in ["show", "stat", "check"] {
        let complaint =
            finish(limited(&[command, "--file", path.to_str().unwrap()]).spawn().unwrap()).complaint(4);
        assert!(complaint.contains("no process has initialised it"), "{complaint}");
    }
}
