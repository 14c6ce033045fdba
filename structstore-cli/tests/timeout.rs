//! Commands that wait for locks: how long, and at what cost.

mod command;

use std::fs;
use std::io::{BufRead, BufReader};
use std::thread;
use std::time::{Duration, Instant};

use nix::unistd::gettid;
use structstore::{Cleanup, StructStoreShared};
use structstore_tests::SegmentName;

use command::{command, finish, structstore};

fn robot(name: &SegmentName) -> StructStoreShared {
    let store = StructStoreShared::open(name).unwrap();
    let camera = store.ensure_struct("camera").unwrap();
    camera.set("exposure", 0.5).unwrap();
    camera.ensure_list("log").unwrap();
    store
}

/// A waiting command looks now and then, and sleeps in between.
#[test]
fn waiting_takes_next_to_no_time_of_the_processor() {
    let name = SegmentName::new("sleeps");
    let store = robot(&name);
    let guard = store.at("camera").unwrap().write().unwrap();
    let child = command(&["get", &name, "camera.exposure"]).spawn().unwrap();
    thread::sleep(Duration::from_secs(1));
    let used = || -> u64 {
        let told = fs::read_to_string(format!("/proc/{}/schedstat", child.id())).unwrap();
        told.split(' ').next().unwrap().parse().unwrap()
    };
    let (before, start) = (used(), Instant::now());
    thread::sleep(Duration::from_secs(2));
    let share = (used() - before) as f64 / start.elapsed().as_nanos() as f64;
    println!("a waiting get takes {:.2} % of a core", share * 100.0);
    assert!(share < 0.02, "{share}");
    drop(guard);
    let released = Instant::now();
    let outcome = finish(child);
    assert_eq!((outcome.code(), outcome.out.as_slice()), (0, &b"0.5\n"[..]), "{outcome:?}");
    assert!(released.elapsed() < Duration::from_secs(1), "it notices the release");
}

/// Every command that waits for a lock gives up after --timeout, and names the thread that holds the lock.
#[test]
fn commands_give_up_after_their_timeout() {
    let name = SegmentName::new("gives_up");
    let store = robot(&name);
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("document.json");
    fs::write(&file, r#"{"camera": {"exposure": 1}}"#).unwrap();
    let file = file.to_str().unwrap();
    let guard = store.write().unwrap();
    for arguments in [
        &["get", &name, "camera.exposure"][..],
        &["show", &name],
        &["show", &name, "--json"],
        &["set", &name, "camera.exposure", "1"],
        &["set", "-p", &name, "new.exposure", "1"],
        &["rm", &name, "camera.exposure"],
        &["mv", &name, "camera.exposure", "camera.shutter"],
        &["mv", &name, "camera.exposure", "exposure"],
        &["push", &name, "camera.log", "1"],
        &["diff", &name, file],
        &["get", &name, "camera.frame", "--npy", "-"],
        &["describe", &name],
        &["declare", &name, "camera.exposure", "--ge", "0"],
        &["undeclare", &name, "camera.exposure"],
        &["reset", &name, "camera.exposure"],
        &["schema", &name, "--json"],
        &["stat", &name, "camera"],
        &["dump", &name, "-"],
        &["dump", &name, "-", "--format", "json"],
        &["load", file, &name],
        &["check", &name, "--lock"],
        &["watch", &name, "camera"],
        &["hz", &name, "camera.imu"],
    ] {
        let start = Instant::now();
        let complaint = structstore(&[arguments, &["--timeout", "0.2"]].concat()).complaint(4);
        let holder = format!("that thread {} of process {} holds", gettid(), std::process::id());
        let said = complaint.contains("timed out after ") && complaint.contains(&holder);
        assert!(said, "{arguments:?}: {complaint}");
        assert!(start.elapsed() < Duration::from_secs(5), "{arguments:?}: {:?}", start.elapsed());
    }
    drop(guard);
    assert_eq!(structstore(&["get", &name, "camera.exposure", "--timeout", "0.2"]).text(), "0.5\n");
    structstore(&["--timeout", "5", "set", &name, "camera.exposure", "1"]).text();
    structstore(&["get", &name, "camera", "--timeout", "-1"]).complaint(2);
    // With these, the time is how long they look on.
    assert_eq!(structstore(&["watch", &name, "--timeout", "0.1"]).code(), 0);
    assert_eq!(structstore(&["watch", &name, "--timeout", "0.1", "--count", "1"]).code(), 1);
    store.check().unwrap();
}

/// The process that the test below kills.
#[test]
#[ignore = "it is a process of another test"]
fn a_process_that_holds_a_lock() {
    let Ok(name) = std::env::var("STRUCTSTORE_HOLD") else { return };
    let store = StructStoreShared::open(&name).unwrap();
    let _guard = store.at("camera").unwrap().write().unwrap();
    println!("\nlocked");
    thread::sleep(Duration::from_secs(60));
}

#[test]
fn a_death_in_a_lock_is_told_with_its_remedy() {
    let name = SegmentName::new("died");
    // This process is not attached: it would repair the store when it forks.
    let store = StructStoreShared::options().cleanup(Cleanup::Never).open(&name).unwrap();
    store.ensure_struct("camera").unwrap().set("exposure", 0.5).unwrap();
    store.close().unwrap();
    let mut holder = std::process::Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "a_process_that_holds_a_lock", "--ignored", "--nocapture"])
        .env("STRUCTSTORE_HOLD", name.as_str())
        .stdout(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(holder.stdout.take().unwrap()).lines().map(Result::unwrap);
    assert!(lines.any(|line| line == "locked"));
    holder.kill().unwrap();
    holder.wait().unwrap();
    let complaint = structstore(&["get", &name, "camera.exposure"]).complaint(4);
    let remedy = format!("`structstore check --lock {name}` repairs it\n");
    let expected = format!("structstore: camera.exposure: a process died while modifying it; {remedy}");
    assert_eq!(complaint, expected);
    let shown = structstore(&["show", &name]).complaint(4);
    assert_eq!(shown, format!("structstore: 1 part cannot be read; {remedy}"));
    for arguments in [&["dump", &*name, "-"][..], &["diff", &name, &name], &["check", &name]] {
        let complaint = structstore(arguments).complaint(4);
        assert!(complaint.ends_with(&remedy), "{arguments:?}: {complaint}");
    }
    assert_eq!(structstore(&["check", "--lock", &name]).text(), format!("{name}: sound\n"));
    assert_eq!(structstore(&["get", &name, "camera.exposure"]).text(), "0.5\n");
}
