//! Permissions of users. A test binary of its own: a forked child that changes its user is for a moment a participant of all stores of
//! its parent, which other tests would see.

mod command;

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;

use structstore::StructStoreShared;
use structstore_tests::SegmentName;

use command::{Outcome, command, finish};

fn robot(name: &SegmentName) -> StructStoreShared {
    let store = StructStoreShared::open(name).unwrap();
    store.set("rate", 50_u8).unwrap();
    store.ensure_struct("camera").unwrap().set("exposure", 0.01).unwrap();
    store
}

/// Commands that read need no write permission. If the test runs as root, it runs the commands as another user.
#[test]
fn reading_needs_no_permission_to_write() {
    let (name, secret) = (SegmentName::new("permission"), SegmentName::new("secret"));
    let store = robot(&name);
    let _secret = robot(&secret);
    let root = nix::unistd::geteuid().is_root();
    let mode = |name: &SegmentName, mode| {
        fs::set_permissions(name.path(), fs::Permissions::from_mode(mode)).unwrap();
    };
    mode(&name, if root { 0o644 } else { 0o444 });
    mode(&secret, if root { 0o600 } else { 0 });
    let other = |arguments: &[&str]| -> Outcome {
        let mut command = command(arguments);
        if root {
            // The other user does not own the stores of root.
            command.arg("--any-owner").uid(65534).gid(65534);
        }
        finish(command.spawn().unwrap())
    };
    assert_eq!(other(&["get", &name, "rate"]).text(), "50\n");
    assert!(other(&["show", &name]).text().contains("exposure: f64 = 0.01"));
    assert_eq!(other(&["stat", &name, "--json"]).json()["memory"]["bytes"], store.statistics().allocated);
    assert!(other(&["check", &name]).text().contains("sound"));
    assert_eq!(other(&["dump", &name, "-"]).out, store.to_bytes().unwrap());
    let shown = other(&["ls"]).text();
    let line = |name: &SegmentName| shown.lines().find(|line| line.starts_with(name.as_str())).unwrap();
    assert!(line(&name).contains(&std::process::id().to_string()), "{shown}");
    assert!(line(&secret).contains("Permission denied"), "{shown}");
    for arguments in [&["set", &name, "rate", "1"][..], &["rm", &name, "rate"], &["check", &name, "--lock"]] {
        assert!(other(arguments).complaint(4).contains("Permission denied"), "{arguments:?}");
    }
    assert_eq!(store.get::<u8>("rate").unwrap(), 50);
}
