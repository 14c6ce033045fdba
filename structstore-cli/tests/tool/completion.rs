//! Candidates for shell completion.

use std::process::Command;
use std::time::{Duration, Instant};

use structstore::{Cleanup, Meta, StructStoreShared, Value};
use structstore_tests::SegmentName;

use crate::command::{command, finish, structstore};

fn robot(name: &SegmentName) -> StructStoreShared {
    let store = StructStoreShared::open(name).unwrap();
    store.update([("rate", 50), ("retries", 3)]).unwrap();
    store.set("mode", "idle").unwrap();
    store.declare("mode", &Meta::new().choices(["idle", "running", "so so"])).unwrap();
    store.set("on", true).unwrap();
    let camera = store.ensure_struct("camera").unwrap();
    camera.set("exposure", 0.5).unwrap();
    camera.set("edges", 1).unwrap();
    camera.set("f.number", 2.8).unwrap();
    camera.set("lenses", Value::list([Value::record([("focus", Value::from(3))])])).unwrap();
    store
}

/// The candidates for the last of some words, as bash gets them.
fn candidates(words: &[&str]) -> Vec<String> {
    let mut asked = command(&[&["--", "structstore"], words].concat());
    asked.env("STRUCTSTORE_COMPLETE", "bash").env("_CLAP_IFS", "\n");
    asked.env("_CLAP_COMPLETE_INDEX", words.len().to_string());
    let printed = finish(asked.spawn().unwrap()).text();
    printed.lines().map(str::to_owned).collect()
}

#[test]
fn paths_and_choices_are_completed() {
    let name = SegmentName::new("complete");
    let store = robot(&name);
    for (words, expected) in [
        (&["get", "NAME", "camera.e"][..], &["camera.exposure", "camera.edges"][..]),
        (&["get", "NAME", "camera.ex"], &["camera.exposure"]),
        (&["show", "NAME", "r"], &["rate", "retries"]),
        (&["show", "NAME", "cam"], &["camera", "camera."]),
        (&["show", "NAME", "camera.l"], &["camera.lenses", "camera.lenses["]),
        (&["show", "NAME", "camera.lenses["], &["camera.lenses[0]", "camera.lenses[0]."]),
        (&["show", "NAME", "camera.lenses[0].f"], &["camera.lenses[0].focus"]),
        (&["get", "NAME", "camera.f"], &[]),
        (&["get", "NAME", "missing.x"], &[]),
        (&["set", "NAME", "mode", "r"], &["running"]),
        (&["set", "--json", "NAME", "mode", "i"], &["idle"]),
        (&["set", "NAME", "on", "t"], &["true"]),
        (&["set", "NAME", "rate", "5"], &[]),
        (&["mv", "NAME", "rate", "camera.ed"], &["camera.edges"]),
        (&["dump", "NAME", "-", "ra"], &["rate"]),
        (&["sho"], &["show"]),
        (&["dump", "NAME", "-", "--format", "y"], &["yaml"]),
    ] {
        for name in [name.as_str(), &name[1..]] {
            let words: Vec<&str> =
                words.iter().map(|word| if *word == "NAME" { name } else { word }).collect();
            assert_eq!(candidates(&words), expected, "{words:?}");
        }
    }
    assert!(candidates(&["set", &name, "mode", ""]).starts_with(&["idle".to_owned(), "running".to_owned()]));
    let half = &name[..name.len() - 2];
    assert!(candidates(&["show", half]).contains(&name.as_str().to_owned()));
    assert!(candidates(&["show", &half[1..]]).contains(&name[1..].to_owned()));
    assert!(candidates(&["diff", &name, half]).contains(&name.as_str().to_owned()));
    store.check().unwrap();
}

#[test]
fn completion_neither_waits_nor_leaves_a_trace() {
    let (name, fresh) = (SegmentName::new("complete_held"), SegmentName::new("complete_fresh"));
    let store = robot(&name);
    let guard = store.write().unwrap();
    let start = Instant::now();
    assert_eq!(candidates(&["get", &name, "camera.e"]), Vec::<String>::new());
    assert!(start.elapsed() < Duration::from_secs(2), "{:?}", start.elapsed());
    drop(guard);
    assert_eq!(candidates(&["get", &fresh, "camera.e"]), Vec::<String>::new());
    assert!(!fresh.path().exists());

    store.close().unwrap();
    let store = StructStoreShared::options().cleanup(Cleanup::Never).open(&name).unwrap();
    store.set("rate", 1).unwrap();
    store.close().unwrap();
    let before = std::fs::read(name.path()).unwrap();
    assert_eq!(candidates(&["get", &name, "ra"]), ["rate"]);
    assert_eq!(std::fs::read(name.path()).unwrap(), before);

    // In a file.
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("robot.store");
    StructStoreShared::options().file(true).open(&file).unwrap().set("rate", 1).unwrap();
    let place = file.to_str().unwrap();
    assert_eq!(candidates(&["get", "--file", place, "r"]), ["rate"]);
    assert_eq!(candidates(&["get", "--file", place.strip_suffix("store").unwrap()]), [place]);
}

/// The scripts, in the shells that there are.
#[test]
fn scripts_complete_in_their_shells() {
    let name = SegmentName::new("complete_shell");
    let _store = robot(&name);
    let folder = tempfile::tempdir().unwrap();
    let tool = std::path::Path::new(env!("CARGO_BIN_EXE_structstore")).parent().unwrap();
    let path = format!("{}:{}", tool.display(), std::env::var("PATH").unwrap());
    let word = "camera.e";
    for (shell, options, ask) in [
        (
            "bash",
            &["--norc"][..],
            format!(
                "COMP_WORDS=(structstore get {name} {word}); COMP_CWORD=3; COMP_TYPE=9
                _clap_complete_structstore structstore {word} {name}; printf '%s\\n' \"${{COMPREPLY[@]}}\""
            ),
        ),
        (
            "zsh",
            &["-f"],
            // What shows candidates does so only in a completion.
            format!(
                "_describe() {{ printf '%s\\n' \"${{(@P)3}}\" }}
                words=(structstore get {name} {word}); CURRENT=4; _clap_dynamic_completer_structstore"
            ),
        ),
        ("fish", &["--no-config"], format!("complete -C 'structstore get {name} {word}'")),
    ] {
        let script = folder.path().join(shell);
        std::fs::write(&script, structstore(&["completions", shell]).out).unwrap();
        let ask = format!(
            "{}\nsource {}\n{ask}",
            if shell == "zsh" { "compdef() { :; }" } else { "" },
            script.display()
        );
        let Ok(done) = Command::new(shell).args(options).args(["-c", &ask]).env("PATH", &path).output()
        else {
            eprintln!("skipped: there is no {shell}");
            continue;
        };
        let printed = String::from_utf8(done.stdout).unwrap();
        for expected in ["camera.exposure", "camera.edges"] {
            let said = String::from_utf8_lossy(&done.stderr);
            assert!(printed.contains(expected), "{shell}: {printed}; {said}");
        }
    }
}
