//! Each subcommand against live stores.

use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::os::unix::fs::FileExt;
use std::os::unix::process::ExitStatusExt;
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::{Value, json};
use structstore::{Array, ArrayValue, Cleanup, DType, StructStoreShared, Value as StoreValue};
use structstore_tests::damage::Random;
use structstore_tests::{SegmentName, assert_specimens, put_specimens, python};

use crate::command::{command, eventually, finish, structstore, structstore_reading};

/// A store with the values that a robot may have.
fn robot(name: &SegmentName) -> StructStoreShared {
    let store = StructStoreShared::open(name).unwrap();
    store.set("rate", 50_u8).unwrap();
    store.set("label", "the \u{1b}[31mred\u{9b} one\n").unwrap();
    let camera = store.ensure_struct("camera").unwrap();
    camera.set("exposure", 0.01).unwrap();
    camera.set("f.number", 2.8_f32).unwrap();
    camera.set("frame", ArrayValue::from_slice(&[2, 3], &[1_i16, 2, 3, 4, 5, 6]).unwrap()).unwrap();
    let lens = |focus: i32| StoreValue::record([("focus", StoreValue::from(focus))]);
    camera.set("lenses", vec![lens(3), lens(4)]).unwrap();
    store.set("raw", StoreValue::Bytes(vec![0, 27, 255].into())).unwrap();
    store.set("none", StoreValue::Null).unwrap();
    store
}

/// Leaves a store of a process that was killed while it was attached.
fn orphan(name: &SegmentName) {
    let mut child = command(&["run", name, "--", "sleep", "60"]).spawn().unwrap();
    eventually("the store is there", || {
        StructStoreShared::options()
            .observe(true)
            .read_only(true)
            .open(name)
            .is_ok_and(|store| !store.participants().unwrap().is_empty())
    });
    // The child of the child would hold the pipes open. Before it executes the command it is a copy of its parent, and so attached:
    // the test waits until it runs the command.
    drop((child.stdout.take(), child.stderr.take()));
    let mut children = String::new();
    eventually("the command runs", || {
        children = fs::read_to_string(format!("/proc/{0}/task/{0}/children", child.id())).unwrap();
        let program = |pid: &str| fs::read_to_string(format!("/proc/{pid}/comm")).unwrap_or_default();
        children.split_whitespace().any(|pid| program(pid) == "sleep\n")
    });
    child.kill().unwrap();
    child.wait().unwrap();
    for pid in children.split_whitespace() {
        let _ = kill(Pid::from_raw(pid.parse().unwrap()), Signal::SIGKILL);
    }
}

fn entry(name: &SegmentName) -> Value {
    let list = structstore(&["ls", "--json"]).json();
    list.as_array().unwrap().iter().find(|entry| entry["name"] == name.as_str()).cloned().unwrap_or_default()
}

#[test]
fn doctor_says_what_is_in_the_way() {
    let (name, damaged) = (SegmentName::new("doctor"), SegmentName::new("doctor_damaged"));
    let store = robot(&name);
    let found = structstore(&["doctor", &name, "--json"]).json();
    let of = |found: &Value, check: &str| -> Vec<Value> {
        found.as_array().unwrap().iter().filter(|finding| finding["check"] == check).cloned().collect()
    };
    for check in
        ["version", "kernel", "shared memory", "container", "RemoveIPC", "open files", "swap", "real time"]
    {
        assert_eq!(of(&found, check).len(), 1, "{check}");
    }
    let shown = of(&found, "store")[0]["found"].as_str().unwrap().to_owned();
    assert!(shown.starts_with(&*name) && shown.contains(&std::process::id().to_string()), "{shown}");
    assert!(shown.contains("mode 0600 of "), "{shown}");
    assert_eq!(of(&found, "contents")[0]["level"], "ok");
    assert!(structstore(&["doctor"]).text().contains(&*name));
    // What is locked, or in the middle of a change, is not damaged.
    let transaction = store.transaction(|root| {
        root.set("new", vec!["a text that is too long to lie in the record of a node"; 20])?;
        // It also says who is waited for.
        let busy: Value = serde_json::from_slice(&structstore(&["doctor", &name, "--json"]).out).unwrap();
        assert_ne!(of(&busy, "contents")[0]["level"], "bad", "{busy}");
        Err::<(), _>(structstore::Error::rejected("undone"))
    });
    assert!(transaction.is_err());
    store.close().unwrap();

    assert_eq!(structstore(&["doctor", &name]).code(), 3);
    let words = [u64::from_le_bytes(*b"STRUCTST"), 99, 0, 1];
    fs::write(damaged.path(), words.map(u64::to_le_bytes).concat()).unwrap();
    let bad = structstore(&["doctor", &damaged]);
    let said = String::from_utf8(bad.out.clone()).unwrap();
    assert_eq!(bad.code(), 1);
    assert!(said.contains("its format version is 99") && said.contains("Another version"), "{said}");
}

#[test]
fn ls_shows_attached_processes() {
    let (name, foreign, damaged) =
        (SegmentName::new("ls"), SegmentName::new("foreign"), SegmentName::new("damaged"));
    let store = robot(&name);
    fs::write(foreign.path(), [7; 100]).unwrap();
    let words = [u64::from_le_bytes(*b"STRUCTST"), 99, 0, 1];
    fs::write(damaged.path(), words.map(u64::to_le_bytes).concat()).unwrap();
    let found = entry(&name);
    assert_eq!(
        (&found["fields"], &found["orphan"], &found["readers"]),
        (&json!(5), &json!(false), &json!(false))
    );
    assert_eq!(found["size"], store.statistics().size);
    assert_eq!(found["participants"][0]["pid"], std::process::id());
    assert_eq!(entry(&foreign), Value::Null);
    assert!(
        entry(&damaged)["error"].as_str().unwrap().contains("its format version is 99"),
        "{}",
        entry(&damaged)
    );

    let shown = structstore(&["ls"]).text();
    let line = |name: &str| shown.lines().find(|line| line.starts_with(name)).unwrap().to_owned();
    assert!(shown.starts_with("NAME"));
    assert!(line(&name).contains(&format!("{} tool-", std::process::id())), "{}", line(&name));
    assert!(line(&damaged).contains("expected"), "{}", line(&damaged));
    store.close().unwrap();
    assert_eq!(entry(&name), Value::Null, "looking keeps nothing alive");
}

#[test]
fn any_owner_opens_a_store_of_another_user() {
    if !nix::unistd::geteuid().is_root() {
        eprintln!("skipped: only root can give a store away");
        return;
    }
    let name = SegmentName::new("given");
    let _store = robot(&name);
    std::os::unix::fs::chown(name.path(), Some(12345), None).unwrap();
    let refused = structstore(&["get", &name, "rate"]).complaint(4);
    assert!(refused.contains("owned by user 12345") && refused.contains("--any-owner"), "{refused}");
    assert!(entry(&name)["error"].as_str().unwrap().contains("owned by user 12345"));
    assert_eq!(structstore(&["get", "--any-owner", &name, "rate"]).text(), "50\n");
}

#[test]
fn show_draws_a_tree() {
    let name = SegmentName::new("show");
    let _store = robot(&name);
    let expected = format!(
        "{name}: struct of 5 fields
  rate: u8 = 50
  label: str = \"the \\u001b[31mred\\u009b one\\n\"
  camera: struct of 4 fields
    exposure: f64 = 0.01
    \"f.number\": f32 = 2.8
    frame: i16[2, 3] = [[1, 2, 3], [4, 5, 6]]
    lenses: list of 2 items
      [0]: struct of 1 field
        focus: i32 = 3
      [1]: struct of 1 field
        focus: i32 = 4
  raw: bytes = 001bff
  none: null
"
    );
    assert_eq!(structstore(&["show", &name]).text(), expected);
    assert_eq!(structstore(&["show", &name[1..]]).text(), expected, "the slash may be missing");
    let shallow = structstore(&["show", &name, "camera", "--depth", "1", "--types"]).text();
    let expected = "camera: struct of 4 fields\n  exposure: f64\n  \"f.number\": f32\n  frame: i16[2, 3]\n  \
                    lenses: list of 2 items\n";
    assert_eq!(shallow, expected);
    assert_eq!(
        structstore(&["show", &name, "camera.lenses[1].focus"]).text(),
        "camera.lenses[1].focus: i32 = 4\n"
    );

    let whole = structstore(&["show", &name, "--json"]).json();
    assert_eq!(whole["label"], "the \u{1b}[31mred\u{9b} one\n");
    assert_eq!(whole["camera"]["frame"], json!([[1, 2, 3], [4, 5, 6]]));
    assert_eq!((&whole["raw"], &whole["none"]), (&json!("001bff"), &Value::Null));
    let yaml = structstore(&["show", &name, "camera", "--yaml"]).text();
    assert!(yaml.contains("exposure: 0.01\n") && yaml.contains("- focus: 4\n"), "{yaml}");
}

#[test]
fn show_cuts_long_values() {
    let name = SegmentName::new("long");
    let store = StructStoreShared::open(&name).unwrap();
    store.set("text", "x".repeat(1000)).unwrap();
    store.set("list", structstore::Value::list(0..1000)).unwrap();
    store.set("small", ArrayValue::from_slice(&[100], &[0.0; 100]).unwrap()).unwrap();
    store.set("number", ArrayValue::from_slice(&[], &[1.5]).unwrap()).unwrap();
    store.set("day", ArrayValue::new(DType::new("<M8[D]").unwrap(), &[], vec![0; 8]).unwrap()).unwrap();
    store.set("large", ArrayValue::from_slice(&[10000], &vec![0.0; 10000]).unwrap()).unwrap();
    let shown = structstore(&["show", &name]).text();
    assert!(shown.lines().all(|line| line.chars().count() < 120), "{shown}");
    assert_eq!(shown.lines().count(), 108);
    assert!(shown.contains("number: f64[] = 1.5\n"), "{shown}");
    assert!(shown.contains("day: <M8[D][] = 1970-01-01\n"), "{shown}");
    assert!(shown.contains("… 900 more") && shown.contains("large: f64[10000]\n"), "{shown}");
}

#[test]
fn a_part_that_cannot_be_read_does_not_hide_the_others() {
    let name = SegmentName::new("unreadable");
    let store = robot(&name);
    let (index, _) = damaged_node(&name, &store);
    let outcome = structstore(&["show", &name]);
    assert_eq!(outcome.code(), 4, "{outcome:?}");
    let shown = String::from_utf8(outcome.out).unwrap();
    assert!(shown.contains("label: corrupt") && shown.contains("none: null"), "{index}: {shown}");
    assert_eq!(structstore(&["get", &name, "rate"]).text(), "50\n");
    assert!(structstore(&["get", &name, "label"]).complaint(4).contains("corrupt"));
    let check = structstore(&["check", &name]);
    assert_eq!(check.code(), 1, "{check:?}");
    assert!(String::from_utf8(check.out).unwrap().contains("damaged: corrupt at label"));
    let check = structstore(&["check", &name, "--json"]);
    assert_eq!((check.code(), check.err.as_str()), (1, ""));
    assert_eq!(serde_json::from_slice::<Value>(&check.out).unwrap()["sound"], false);
}

/// Damages the string `label`, so that it is not UTF-8.
fn damaged_node(name: &SegmentName, store: &StructStoreShared) -> (u64, u8) {
    let text = store.get::<String>("label").unwrap();
    let bytes = fs::read(name.path()).unwrap();
    let at = bytes.windows(text.len()).position(|window| window == text.as_bytes()).unwrap() as u64;
    fs::File::options().write(true).open(name.path()).unwrap().write_all_at(&[0xff], at).unwrap();
    (at, 0xff)
}

#[test]
fn get_prints_values_for_scripts() {
    let name = SegmentName::new("get");
    let _store = robot(&name);
    let get = |path: &str| structstore(&["get", &name, path]);
    assert_eq!(get("rate").text(), "50\n");
    assert_eq!(get("camera.\"f.number\"").text(), "2.8\n");
    assert_eq!(get("camera.lenses[1].focus").text(), "4\n");
    assert_eq!(get("none").text(), "null\n");
    assert_eq!(get("camera.frame[1,2]").text(), "6\n");
    assert_eq!(get("label").out, "the \u{1b}[31mred\u{9b} one\n\n".as_bytes(), "as it is, in a pipe");
    assert_eq!(get("raw").out, [0, 27, 255]);
    assert_eq!(get("camera.lenses").json(), json!([{ "focus": 3 }, { "focus": 4 }]));
    assert_eq!(get("camera.frame").json(), json!([[1, 2, 3], [4, 5, 6]]));
    assert_eq!(structstore(&["get", &name, "label", "--json"]).json(), "the \u{1b}[31mred\u{9b} one\n");
    for (path, code, said) in [
        ("camra.exposure", 3, "camra: no such field; did you mean camera?"),
        ("camera.exposre", 3, "camera.exposre: no such field; did you mean camera.exposure?"),
        ("camera.fnumber", 3, "did you mean camera.\"f.number\"?"),
        ("nothing like it", 3, "nothing like it: no such field\n"),
        ("a.b.c", 3, "a: no such field\n"),
        ("camera.lenses[2]", 3, "camera.lenses: index 2 is out of range"),
        ("camera[0]", 4, "camera: found struct, expected list or array"),
        ("camera.frame[2,0]", 3, "camera.frame: index 2 is out of range for length 2"),
        ("camera.frame[2]", 4, "camera.frame: found 1 index, expected as many as i16[2, 3] has dimensions"),
        ("camera.frame.x", 4, "camera.frame: found array, expected struct"),
        ("rate.x", 4, "rate: found u8, expected struct"),
        ("camera..x", 2, "expected a name"),
    ] {
        let complaint = get(path).complaint(code);
        assert!(complaint.contains(said), "{path}: {complaint}");
    }
    let mistyped = format!("{name}x");
    let complaint = structstore(&["get", &mistyped, "rate"]).complaint(3);
    assert!(complaint.contains("no such store; did you mean /structstore_test_get"), "{complaint}");
}

#[test]
fn set_keeps_types() {
    let name = SegmentName::new("set");
    let store = robot(&name);
    let set = |path: &str, value: &str| structstore(&["set", &name, path, value]);
    set("rate", "255").text();
    set("label", "50").text();
    set("camera.exposure", "-2").text();
    set("camera.frame[1,2]", "77").text();
    assert_eq!(structstore(&["get", &name, "camera.frame[1][2]"]).text(), "77\n");
    for (path, value, said) in [
        ("camera.frame[1,3]", "1", "camera.frame: index 3 is out of range for length 3"),
        ("camera.frame[0]", "1", "found 1 index, expected as many as i16[2, 3] has dimensions"),
        ("camera.frame[0,0]", "70000", "camera.frame[0][0]: found `70000`, expected i16"),
    ] {
        let complaint = set(path, value);
        assert!(complaint.code() != 0 && complaint.err.contains(said), "{path}: {}", complaint.err);
    }
    let refused = structstore(&["rm", &name, "camera.frame[0,0]"]);
    assert!(refused.err.contains("found an element of an array, expected a field or an item"));
    set("camera.frame", "[[7], [-8]]").text();
    set("camera.lenses[0]", r#"{"focus": 9}"#).text();
    set("camera.new", "[1, null]").text();
    set("raw", "ff00").text();
    assert_eq!(store.kind("rate").unwrap().name(), "u8");
    assert_eq!(store.get::<u8>("rate").unwrap(), 255);
    assert_eq!(store.get::<String>("label").unwrap(), "50");
    let camera = store.at("camera").unwrap();
    assert_eq!(camera.get::<f64>("exposure").unwrap(), -2.0);
    assert_eq!(camera.get::<Array>("frame").unwrap().to_vec::<i16>().unwrap(), [7, -8]);
    assert_eq!(
        camera.ensure_list("lenses").unwrap().to_value().unwrap().to_string(),
        r#"[{"focus": 9}, {"focus": 4}]"#
    );
    assert_eq!(camera.ensure_list("new").unwrap().len().unwrap(), 2);
    assert_eq!(store.get::<Vec<u8>>("raw").unwrap(), [255, 0]);
    for (path, value, code, said) in [
        ("rate", "256", 4, "rate: found `256`, expected u8"),
        ("camera.exposure", "fast", 4, "camera.exposure: found `fast`, expected f64"),
        ("camera.lenses", "5", 4, "camera.lenses: found `5`, expected list"),
        ("another", "fast", 2, r#"a string is written as '"fast"'"#),
        ("camra.exposure", "1", 3, "did you mean camera?"),
        ("", "1", 2, "a path is required"),
        ("camera.lenses[5]", "{}", 3, "out of range"),
    ] {
        let complaint = set(path, value).complaint(code);
        assert!(complaint.contains(said), "{path}: {complaint}");
    }
    structstore(&["set", &name, "rate", "--json", "\"fast\""]).text();
    assert_eq!(store.get::<String>("rate").unwrap(), "fast");
    assert!(
        structstore(&["set", &format!("{name}_not_there"), "x", "1"]).complaint(3).contains("no such store")
    );
    drop(store);
}

#[test]
fn set_and_rm_keep_a_store_without_participants() {
    let name = SegmentName::new("kept");
    StructStoreShared::options().cleanup(Cleanup::Never).open(&name).unwrap().set("x", 1).unwrap();
    for _ in 0..20 {
        structstore(&["set", &name, "x", "2"]).text();
        let found = entry(&name);
        assert_eq!((&found["orphan"], &found["participants"]), (&json!(false), &json!([])));
    }
    structstore(&["show", &name]).text();
    assert_eq!(structstore(&["get", &name, "x"]).text(), "2\n");
    structstore(&["rm", &name, "x"]).text();
    assert_eq!(structstore(&["show", &name, "--json"]).json(), json!({}));
}

#[test]
fn rm_removes_fields_and_items() {
    let name = SegmentName::new("rm");
    let store = robot(&name);
    structstore(&["rm", &name, "camera.lenses[0]"]).text();
    structstore(&["rm", &name, "camera.\"f.number\""]).text();
    let camera = store.at("camera").unwrap();
    assert_eq!(camera.names().unwrap(), ["exposure", "frame", "lenses"]);
    assert_eq!(camera.ensure_list("lenses").unwrap().len().unwrap(), 1);
    let complaint = structstore(&["rm", &name, "camera.exposur"]).complaint(3);
    assert!(complaint.contains("did you mean camera.exposure?"));
    structstore(&["rm", &name, "camera.lenses[7]"]).complaint(3);
    store.check().unwrap();
}

#[test]
fn watch_prints_changes() {
    let name = SegmentName::new("watch");
    let store = robot(&name);
    let camera = store.at("camera").unwrap();
    let changed = |arguments: &[&str], change: &dyn Fn()| {
        let child = command(&[&["watch", &*name], arguments].concat()).spawn().unwrap();
        let done = AtomicBool::new(false);
        thread::scope(|scope| {
            let watching = scope.spawn(|| {
                let outcome = finish(child);
                done.store(true, Ordering::Relaxed);
                outcome
            });
            // Changes until the watch has begun and has seen one of them.
            while !done.load(Ordering::Relaxed) {
                change();
                thread::sleep(Duration::from_millis(5));
            }
            watching.join().unwrap()
        })
    };
    let exposure = || camera.set("exposure", camera.get::<f64>("exposure").unwrap() + 1.0).unwrap();
    let text = changed(&["--count", "1"], &exposure).text();
    assert!(text.starts_with("camera.exposure: f64 = ") && text.lines().count() == 1, "{text}");
    let lines = changed(&["camera", "--count", "2", "--json"], &exposure).text();
    for line in lines.lines() {
        let change: Value = serde_json::from_str(line).unwrap();
        assert_eq!((&change["path"], &change["type"]), (&json!("camera.exposure"), &json!("f64")));
        assert!(change["value"].as_f64().unwrap() > 1.0);
    }
    assert_eq!(lines.lines().count(), 2);
    let number = || camera.set("f.number", camera.get::<f32>("f.number").unwrap() + 1.0).unwrap();
    let text = changed(&["camera.\"f.number\"", "--count", "1"], &|| (exposure(), number()).0).text();
    assert!(text.starts_with("camera.\"f.number\": f32 = "), "{text}");
    let mut child = command(&["watch", &name, "--timeout", "30"]).spawn().unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines().map(Result::unwrap);
    let begun = AtomicBool::new(false);
    thread::scope(|scope| {
        scope.spawn(|| {
            while !begun.load(Ordering::Relaxed) {
                exposure();
                thread::sleep(Duration::from_millis(5));
            }
        });
        let first = lines.next();
        begun.store(true, Ordering::Relaxed);
        assert!(first.unwrap().starts_with("camera.exposure: "));
    });
    store.delete("none").unwrap();
    assert!(lines.any(|line| line == "none: removed"));
    child.kill().unwrap();
    child.wait().unwrap();

    let quiet = structstore(&["watch", &name, "--timeout", "0.1"]);
    assert_eq!((quiet.code(), quiet.out.len()), (0, 0));
    let quiet = structstore(&["watch", &name, "--timeout", "0.1", "--count", "1"]);
    assert_eq!((quiet.code(), quiet.err.as_str()), (1, ""));
    structstore(&["watch", &name, "camra"]).complaint(3);
    structstore(&["watch", &name, "--timeout", "-1"]).complaint(2);
    let child = command(&["watch", &name]).spawn().unwrap();
    thread::sleep(Duration::from_millis(300));
    store.close().unwrap();
    drop((camera,));
    assert!(finish(child).complaint(3).contains("the store is gone"));
}

#[test]
fn stat_accounts_for_memory_and_locks() {
    let name = SegmentName::new("stat");
    let store = robot(&name);
    let before = structstore(&["stat", &name, "--json"]).json();
    assert_eq!(before["locks"], json!([]));
    let statistics = store.statistics();
    assert_eq!(before["memory"]["bytes"], statistics.allocated);
    assert_eq!((&before["blocks"], &before["nodes"]), (&json!(statistics.blocks), &json!(statistics.nodes)));
    assert!(before["free"]["largest"].as_u64().unwrap() <= before["free"]["bytes"].as_u64().unwrap());

    let mirror = store.ensure_struct("@mirror").unwrap();
    mirror.set("connected", true).unwrap();
    mirror.update([("lag", 0.0025), ("time", 0.0)]).unwrap();
    let shown = structstore(&["stat", &name]).text();
    assert!(shown.contains("connected, 2.5 ms behind, as of "), "{shown}");
    store.delete("@mirror").unwrap();

    let guard = store.at("camera").unwrap().write().unwrap();
    let shown = structstore(&["stat", &name]).text();
    let held = structstore(&["stat", &name, "--json"]).json();
    drop(guard);
    assert!(
        shown.contains(&format!("camera: exclusive, held by thread {}", held["locks"][0]["thread"])),
        "{shown}"
    );
    assert!(shown.contains("recoveries  0") && shown.contains("watchers    0"), "{shown}");
    assert_eq!(held["locks"][0]["pid"], std::process::id());
    assert_eq!(
        (&held["memory"], &held["parts"]),
        (&before["memory"], &before["parts"]),
        "who holds it hides nothing"
    );
    let part = structstore(&["stat", &name, "camera", "--json"]).json();
    assert_eq!(part["path"], "camera");
    let paths: Vec<&str> =
        part["parts"].as_array().unwrap().iter().filter_map(|part| part["path"].as_str()).collect();
    assert_eq!(paths, ["camera.exposure", "camera.\"f.number\"", "camera.frame", "camera.lenses"]);
    structstore(&["stat", &name, "rate"]).complaint(4);
}

#[test]
fn waiting_command_names_the_lock_holder() {
    let name = SegmentName::new("waits");
    let store = robot(&name);
    let guard = store.at("camera").unwrap().write().unwrap();
    let mut child = command(&["set", &name, "camera.exposure", "1"]).spawn().unwrap();
    let mut line = String::new();
    BufReader::new(child.stderr.take().unwrap()).read_line(&mut line).unwrap();
    let expected =
        format!("structstore: waiting: camera is held by thread {} of process ", nix::unistd::gettid());
    assert!(line.starts_with(&expected), "{line}");
    drop(guard);
    assert_eq!(finish(child).code(), 0);
    assert_eq!(store.at("camera").unwrap().get::<f64>("exposure").unwrap(), 1.0);
}

#[test]
fn check_reports_by_exit_status() {
    let name = SegmentName::new("check");
    let store = robot(&name);
    assert_eq!(structstore(&["check", &name]).text(), format!("{name}: sound\n"));
    assert_eq!(structstore(&["check", &name, "--lock", "--json"]).json()["sound"], true);
    let guard = store.write().unwrap();
    assert!(structstore(&["check", &name]).complaint(4).contains("changed all the time"));
    drop(guard);
    structstore(&["check", &format!("{name}_not_there")]).complaint(3);
}

#[test]
fn clean_removes_orphans_only() {
    let (name, used) = (SegmentName::new("orphan"), SegmentName::new("used"));
    orphan(&name);
    let found = entry(&name);
    assert_eq!((&found["orphan"], &found["participants"][0]["alive"]), (&json!(true), &json!(false)));
    let _store = robot(&used);
    assert!(structstore(&["clean", &name]).complaint(2).contains("--yes"), "there is no terminal to ask at");
    assert!(structstore(&["clean", &used, "--yes"]).complaint(4).contains("in use by"));
    assert_eq!(structstore(&["clean", &name, "--yes"]).text(), format!("removed {name}\n"));
    assert!(!name.path().exists() && used.path().exists());
    orphan(&name);
    assert_eq!(structstore(&["clean", &name, "--yes", "--json"]).json(), json!([name.as_str()]));
    structstore(&["clean", &name, "--yes"]).complaint(3);
}

#[test]
fn changing_an_orphan_leaves_it() {
    let name = SegmentName::new("changed_orphan");
    orphan(&name);
    structstore(&["set", &name, "new", "5"]).text();
    structstore_reading(&["load", "-", &name, "--format", "json"], b"{\"num\": 5}").text();
    assert_eq!(entry(&name)["orphan"], true);
    assert_eq!(structstore(&["get", &name, "num"]).text(), "5\n");
    structstore(&["clean", &name, "--yes"]).text();
}

#[test]
fn unlink_removes_persistent_stores_and_clean_does_not() {
    let name = SegmentName::new("unlinked");
    structstore_reading(&["load", "-", &name, "--format", "json"], b"{\"num\": 5}").text();
    assert_eq!(entry(&name)["lifetime"], "persistent");
    assert!(
        structstore(&["ls"])
            .text()
            .lines()
            .any(|line| line.contains(name.as_str()) && line.contains("persistent"))
    );
    let expected = format!("is persistent: `structstore unlink {name}` removes it");
    assert!(structstore(&["clean", &name, "--yes"]).complaint(4).contains(&expected));
    assert!(name.path().exists());
    let store = StructStoreShared::open(&name).unwrap();
    let refused = structstore(&["unlink", &name]).complaint(4);
    assert!(
        refused.contains(&format!("is in use by {}", std::process::id())) && refused.contains("--force"),
        "{refused}"
    );
    structstore(&["unlink", &name, "--force"]).text();
    assert!(!name.path().exists() && !store.valid());
    structstore(&["unlink", &name]).complaint(3);
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("store");
    StructStoreShared::options().file(true).open(&path).unwrap().set("num", 5).unwrap();
    structstore(&["unlink".as_ref(), "--file".as_ref(), path.as_os_str()]).text();
    assert!(!path.exists());
}

#[test]
fn snapshots_keep_everything_exactly() {
    let (name, copy) = (SegmentName::new("dump"), SegmentName::new("load"));
    let store = StructStoreShared::open(&name).unwrap();
    put_specimens(&store).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let image = folder.path().join("store.image");
    structstore(&["dump".as_ref(), name.as_ref(), image.as_os_str()]).text();
    assert_eq!(fs::read(&image).unwrap(), store.to_bytes().unwrap());
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1, "nothing is left beside it");
    structstore(&["load".as_ref(), image.as_os_str(), copy.as_ref()]).text();
    let loaded = StructStoreShared::open(&copy).unwrap();
    assert_specimens(&loaded).unwrap();
    loaded.clear().unwrap();
    let piped = structstore(&["dump", &name, "-"]);
    structstore_reading(&["load", "-", &copy], &piped.out).text();
    assert_specimens(&loaded).unwrap();
}

#[test]
fn documents_are_written_and_read() {
    let (name, copy) = (SegmentName::new("dump"), SegmentName::new("load"));
    let store = robot(&name);
    let folder = tempfile::tempdir().unwrap();
    for ending in ["json", "yaml", "yml"] {
        let file = folder.path().join(format!("store.{ending}"));
        structstore(&["dump".as_ref(), name.as_ref(), file.as_os_str()]).text();
        structstore(&["load".as_ref(), file.as_os_str(), copy.as_ref()]).text();
        let loaded = StructStoreShared::open(&copy).unwrap();
        assert_eq!(loaded.to_value().unwrap(), store.to_value().unwrap(), "{ending}");
    }
    let piped = structstore(&["dump", &name, "-", "--format", "json"]).json();
    assert_eq!(piped["camera"]["exposure"], 0.01);
    structstore_reading(&["load", "-", &copy, "--format", "yaml", "--replace"], b"a: [1, x]").text();
    assert_eq!(structstore(&["show", &copy, "--json"]).json(), json!({ "a": [1, "x"] }));

    // An unreadable document changes nothing, and creates no store.
    for (input, format) in [("{", "json"), ("[1]", "json"), ("a: [", "yaml"), ("no snapshot", "snapshot")] {
        structstore_reading(&["load", "-", &copy, "--format", format], input.as_bytes()).complaint(4);
        let fresh = SegmentName::new("fresh");
        structstore_reading(&["load", "-", &fresh, "--format", format], input.as_bytes()).complaint(4);
        assert!(!fresh.path().exists());
    }
    assert_eq!(structstore(&["show", &copy, "--json"]).json(), json!({ "a": [1, "x"] }));
    let deep = "[".repeat(100_000);
    structstore_reading(&["load", "-", &copy, "--format", "json"], deep.as_bytes()).complaint(4);
    structstore(&["load", "/not/there", &copy]).complaint(3);
    structstore(&["dump", &name, "/not/there/x"]).complaint(3);
    structstore(&["dump", &name, "/dev/full"]).complaint(5);
}

/// Strings with invisible characters: joiners, directions, soft hyphens, tags.
const INVISIBLE: [&str; 7] = [
    "می\u{200c}خواهم",
    "\u{1F468}\u{200d}\u{1F469}\u{200d}\u{1F467}",
    "co\u{ad}op",
    "\u{200f}abc",
    "\u{e0041}",
    "\u{1b}[31m\u{9b}\u{feff}",
    "\u{202e}two\n\u{2028}lines\n",
];

#[test]
fn documents_keep_invisible_characters() {
    let (name, copy) = (SegmentName::new("invisible"), SegmentName::new("visible"));
    let store = StructStoreShared::open(&name).unwrap();
    for text in INVISIBLE {
        store.set(text, text).unwrap();
    }
    let folder = tempfile::tempdir().unwrap();
    for format in ["yaml", "json"] {
        let file = folder.path().join("store");
        structstore(&[
            "dump".as_ref(),
            name.as_ref(),
            file.as_os_str(),
            "--format".as_ref(),
            format.as_ref(),
        ])
        .text();
        structstore(&[
            "load".as_ref(),
            file.as_os_str(),
            copy.as_ref(),
            "--format".as_ref(),
            format.as_ref(),
        ])
        .text();
        let loaded = StructStoreShared::open(&copy).unwrap();
        assert_eq!(loaded.to_value().unwrap(), store.to_value().unwrap(), "{format}");
        loaded.clear().unwrap();
        let option = format!("--{format}");
        for piped in [&["dump", &*name, "-", "--format", format][..], &["show", &*name, &option]] {
            let text = structstore(piped).text();
            structstore_reading(&["load", "-", &copy, "--format", format], text.as_bytes()).text();
            assert_eq!(loaded.to_value().unwrap(), store.to_value().unwrap(), "{piped:?}");
            loaded.clear().unwrap();
        }
        loaded.close().unwrap();
    }
    for text in INVISIBLE {
        let path = serde_json::to_string(text).unwrap();
        assert_eq!(structstore(&["get", &name, &path]).text(), format!("{text}\n"));
        assert_eq!(structstore(&["get", &name, &path, "--json"]).json(), text);
    }
    let yaml = structstore(&["dump", &name, "-", "--format", "yaml"]).text();
    assert!(yaml.contains("می\u{200c}خواهم: می\u{200c}خواهم\n"), "{yaml}");
}

#[test]
fn floats_are_read_as_they_were_written() {
    let (name, copy) = (SegmentName::new("floats"), SegmentName::new("copies"));
    let store = StructStoreShared::open(&name).unwrap();
    let mut random = Random::new(5);
    let mut floats =
        vec![f64::MIN_POSITIVE, f64::MAX, 5e-324, -0.0, 0.1, 123456789.12345679, 9007199254740993.0];
    floats.extend((0..5000).map(|_| random.below(1 << 40) as f64 / (1 << 20) as f64 + 0.1));
    let bits = |random: &mut Random| ((random.below(1 << 32) as u64) << 32) | random.below(1 << 32) as u64;
    floats.extend((0..5000).map(|_| f64::from_bits(bits(&mut random))).filter(|float| float.is_finite()));
    store.set("floats", floats.clone()).unwrap();
    for format in ["json", "yaml"] {
        let text = structstore(&["dump", &name, "-", "--format", format]).out;
        structstore_reading(&["load", "-", &copy, "--format", format], &text).text();
        let loaded = StructStoreShared::open(&copy).unwrap();
        let read = loaded.get::<Array>("floats").unwrap().to_vec::<f64>().unwrap();
        let read: Vec<u64> = read.into_iter().map(f64::to_bits).collect();
        let wrong = read.iter().zip(&floats).filter(|(read, float)| **read != float.to_bits()).count();
        assert_eq!((read.len(), wrong), (floats.len(), 0), "{format}");
    }
    store.set("x", 0.0).unwrap();
    structstore(&["set", &name, "x", "123456789.12345679"]).text();
    structstore(&["set", &name, "y", "[0.1, 123456789.12345679]"]).text();
    assert_eq!(store.get::<f64>("x").unwrap(), 123456789.12345679);
    assert_eq!(store.ensure_list("y").unwrap().get::<f64>(1).unwrap(), 123456789.12345679);
}

#[test]
fn plain_json_of_nan_and_infinity_is_an_error() {
    let (name, copy) = (SegmentName::new("nan"), SegmentName::new("named"));
    let store = StructStoreShared::open(&name).unwrap();
    let part = store.ensure_struct("part").unwrap();
    part.set("scan", ArrayValue::from_slice(&[2, 2], &[0.5, 1.5, f64::INFINITY, 2.5]).unwrap()).unwrap();
    part.set("speed", f64::NAN).unwrap();
    part.set("list", structstore::Value::list([1.0, f64::NEG_INFINITY])).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("store.json");
    fs::write(&file, "as it was").unwrap();
    let dump =
        structstore(&["dump".as_ref(), name.as_ref(), file.as_os_str(), "--plain".as_ref()]).complaint(4);
    assert_eq!(dump, "structstore: part.scan[1][0]: JSON has no Infinity; `dump` writes it with a tag\n");
    assert_eq!(fs::read_to_string(&file).unwrap(), "as it was");
    for (arguments, place) in [
        (&["show", &*name, "--json"][..], "part.scan[1][0]: JSON has no Infinity"),
        (&["show", &name, "part.list", "--json"], "part.list[1]: JSON has no -Infinity"),
        (&["get", &name, "part"], "part.scan[1][0]: JSON has no Infinity"),
        (&["get", &name, "part.scan"], "part.scan[1][0]: JSON has no Infinity"),
        (&["get", &name, "part.speed", "--json"], "part.speed: JSON has no NaN"),
    ] {
        let outcome = structstore(arguments);
        assert!(outcome.out.is_empty(), "{outcome:?}");
        let complaint = outcome.complaint(4);
        assert!(complaint.contains(place), "{arguments:?}: {complaint}");
    }
    // Output for people has it by name.
    assert_eq!(structstore(&["get", &name, "part.speed"]).text(), "NaN\n");
    let tree = structstore(&["show", &name]).text();
    assert!(tree.contains("scan: f64[2, 2] = [[0.5, 1.5], [Infinity, 2.5]]\n"), "{tree}");

    // YAML can represent all of them, JSON with tags, and they are read again.
    for options in [&["yaml", "--plain"][..], &["yaml"], &["json"]] {
        let dumped = structstore(&[&["dump", &*name, "-", "--format"], options].concat()).text();
        structstore_reading(&["load", "-", &copy, "--format", options[0]], dumped.as_bytes()).text();
        let loaded = StructStoreShared::open(&copy).unwrap().at("part").unwrap();
        assert!(loaded.get::<f64>("speed").unwrap().is_nan());
        assert_eq!(loaded.to_string(), part.to_string());
    }

    // Such a value does not end a watch.
    let child = command(&["watch", &name, "part", "--count", "1", "--json"]).spawn().unwrap();
    let done = AtomicBool::new(false);
    let told = thread::scope(|scope| {
        let watching = scope.spawn(|| {
            let outcome = finish(child);
            done.store(true, Ordering::Relaxed);
            outcome
        });
        let mut speed = f64::NAN;
        while !done.load(Ordering::Relaxed) {
            speed = if speed.is_nan() { f64::INFINITY } else { f64::NAN };
            part.set("speed", speed).unwrap();
            thread::sleep(Duration::from_millis(5));
        }
        watching.join().unwrap()
    });
    let told = told.json();
    assert_eq!(
        (&told["path"], &told["type"], told.get("value")),
        (&json!("part.speed"), &json!("f64"), None)
    );
    assert!(told["error"].as_str().unwrap().starts_with("part.speed: JSON has no "), "{told}");
}

#[test]
fn plain_dump_of_arrays_without_numbers_is_an_error() {
    let name = SegmentName::new("opaque");
    let store = StructStoreShared::open(&name).unwrap();
    let times = ArrayValue::new(DType::new("<M8[us]").unwrap(), &[1], vec![0; 8]).unwrap();
    store.set("list", vec![StoreValue::from(times)]).unwrap();
    for (format, written) in [("json", "JSON"), ("yaml", "YAML")] {
        let outcome = structstore(&["dump", &name, "-", "--format", format, "--plain"]);
        assert!(outcome.out.is_empty());
        let complaint = outcome.complaint(4);
        let expected = format!(
            "structstore: list[0]: {written} has no numbers for an array of <M8[us]; `dump` without --plain writes it with a tag\n"
        );
        assert_eq!(complaint, expected);
    }
    let usage = structstore(&["dump", &name, "copy", "--plain"]).complaint(2);
    assert!(usage.contains("--plain is for JSON and YAML"), "{usage}");
}

#[test]
fn documents_keep_what_their_format_lacks() {
    let (name, copy) = (SegmentName::new("tagged"), SegmentName::new("untagged"));
    let store = StructStoreShared::open(&name).unwrap();
    put_specimens(&store).unwrap();
    let times = ArrayValue::new(DType::new("<M8[us]").unwrap(), &[1], vec![1; 8]).unwrap();
    store.set("times", times).unwrap();
    store.set("$bytes", "no tag").unwrap();
    for format in ["json", "yaml"] {
        let dumped = structstore(&["dump", &name, "-", "--format", format]).out;
        structstore_reading(&["load", "-", &copy, "--format", format], &dumped).text();
        let loaded = StructStoreShared::open(&copy).unwrap();
        // Numbers are equal by value, whatever their types; NaN is unlike itself.
        assert_eq!(loaded.to_string(), store.to_string(), "{format}");
        assert_eq!(loaded.get::<Array>("times").unwrap().dtype().unwrap().descr(), "<M8[us]");
        loaded.close().unwrap();
        structstore(&["unlink", &copy]).text();
    }
    structstore(&["set", &name, "gains", r#"{"$array": [1, 2], "dtype": "f32"}"#]).text();
    assert_eq!(store.get::<Array>("gains").unwrap().to_vec::<f32>().unwrap(), [1.0, 2.0]);
    let wrong = structstore(&["set", &name, "gains.x", r#"{"$bytes": "x"}"#, "--json"]).complaint(4);
    assert!(wrong.contains("gains: found array, expected struct"), "{wrong}");
    let wrong = structstore(&["set", &name, "new", r#"{"$bytes": "x"}"#]).complaint(4);
    assert_eq!(wrong, "structstore: new.$bytes: found \"x\", expected hexadecimal digits\n");
}

#[test]
fn integers_beyond_64_bits_are_refused() {
    let name = SegmentName::new("beyond");
    let store = StructStoreShared::open(&name).unwrap();
    store.set("there", 1).unwrap();
    let beyond = "18446744073709551616";
    for format in ["json", "yaml"] {
        let document = format!(r#"{{"a": {{"b": [1, {beyond}]}}}}"#);
        let complaint =
            structstore_reading(&["load", "-", &name, "--format", format], document.as_bytes()).complaint(4);
        let expected =
            format!("structstore: cannot read standard input: a.b[1]: {beyond} does not fit i64 or u64\n");
        assert_eq!(complaint, expected);
    }
    for (value, said) in [
        (beyond, "new: 18446744073709551616 does not fit i64 or u64"),
        ("[1, -9223372036854775809]", "new[1]: -9223372036854775809 does not fit i64 or u64"),
    ] {
        let complaint = structstore(&["set", &name, "new", "--", value]).complaint(4);
        assert_eq!(complaint, format!("structstore: {said}\n"));
        let complaint = structstore(&["set", &name, "there", "--json", "--", value]).complaint(4);
        assert_eq!(complaint, format!("structstore: {}\n", said.replace("new", "there")));
    }
    assert_eq!(store.to_string(), r#"{"there": 1}"#);
    structstore(&["set", &name, "new", "[18446744073709551615, 1e20, 18446744073709551616.0]"]).text();
    assert_eq!(
        store.ensure_list("new").unwrap().to_string(),
        "[18446744073709551615, 1e20, 1.8446744073709552e19]"
    );
}

#[test]
fn stores_in_files() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("store");
    let place = file.to_str().unwrap();
    let store = StructStoreShared::options().file(true).open(&file).unwrap();
    store.set("x", 5).unwrap();
    assert_eq!(structstore(&["get", "--file", place, "x"]).text(), "5\n");
    structstore(&["set", "--file", place, "x", "6"]).text();
    assert_eq!(store.get::<i32>("x").unwrap(), 6);
    structstore(&["check", "--file", place]).text();
    fs::write(folder.path().join("other"), "something else").unwrap();
    let other = folder.path().join("other");
    assert!(structstore(&["show", "--file", other.to_str().unwrap()]).complaint(4).contains("magic"));
    structstore(&["show", "--file", "/not/there"]).complaint(3);
}

#[test]
fn run_creates_a_store_for_a_command() {
    let name = SegmentName::new("run");
    let shell = |script: &str| structstore(&["run", &name, "--", "sh", "-c", script]);
    let tool = env!("CARGO_BIN_EXE_structstore");
    let script =
        format!("{tool} set \"$STRUCTSTORE_NAME\" x 5 && {tool} get \"$STRUCTSTORE_NAME\" x; exit 7");
    let outcome = shell(&script);
    assert_eq!((outcome.code(), String::from_utf8(outcome.out).unwrap().as_str()), (7, "5\n"));
    assert!(!name.path().exists());
    assert_eq!(shell("kill -TERM $$").code(), 128 + 15);
    assert_eq!(structstore(&["run", &name, "--", "/not/there"]).code(), 127);
    assert_eq!(structstore(&["run", &name, "--", "/etc/passwd"]).code(), 126);
    assert!(!name.path().exists());
    structstore(&["run", &name]).complaint(2);

    let store = robot(&name);
    let complaint = shell("true").complaint(4);
    assert!(complaint.contains(&format!("attached: {} ", std::process::id())), "{complaint}");
    assert_eq!(store.get::<u8>("rate").unwrap(), 50);
    drop(store);
    // An orphan is re-initialised.
    orphan(&name);
    assert_eq!(shell("true").code(), 0);
    assert!(!name.path().exists());
}

#[test]
fn run_passes_signals_on() {
    let name = SegmentName::new("signals");
    for (signal, expected) in [(Signal::SIGTERM, 3), (Signal::SIGINT, 4), (Signal::SIGUSR1, 5)] {
        let script = "trap 'exit 3' TERM; trap 'exit 4' INT; trap 'exit 5' USR1; echo ready; while :; do sleep 0.01; done";
        let mut child = command(&["run", &name, "--", "sh", "-c", script]).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        assert_eq!(line, "ready\n");
        kill(Pid::from_raw(child.id() as i32), signal).unwrap();
        assert_eq!(finish(child).code(), expected, "{signal}");
        assert!(!name.path().exists());
    }
}

#[test]
fn a_store_under_heavy_writing_can_be_read() {
    let name = SegmentName::new("heavy");
    let store = robot(&name);
    for number in 0..1000 {
        store.set(&*format!("f{number}"), number).unwrap();
    }
    let done = AtomicBool::new(false);
    thread::scope(|scope| {
        for field in ["f1", "f2"] {
            let (store, done) = (StructStoreShared::open(&name).unwrap(), &done);
            scope.spawn(move || {
                for number in 0_u64.. {
                    if done.load(Ordering::Relaxed) {
                        break;
                    }
                    store.set(field, number).unwrap();
                    store.set("label", format!("number {number}")).unwrap();
                    if number % 100 == 0 {
                        store.at("camera").unwrap().set("extra", vec![number as i64]).unwrap();
                        store.at("camera").unwrap().delete("extra").ok();
                    }
                }
            });
        }
        let read = || {
            for _ in 0..3 {
                let shown = structstore(&["show", &name]).text();
                assert!(shown.contains("f999: i32 = 999"), "{shown}");
                assert_eq!(structstore(&["get", &name, "f500"]).text(), "500\n");
                // The tool may name the lock holder that it waits for.
                let whole = structstore(&["show", &name, "--json"]);
                assert!(whole.err.lines().all(|line| line.contains("waiting")), "{}", whole.err);
                let whole: Value = serde_json::from_slice(&whole.out).unwrap();
                assert_eq!(whole["f999"], 999);
                structstore(&["stat", &name, "--json"]).json();
                assert_eq!(entry(&name)["fields"], 1005);
                let dumped = structstore(&["dump", &name, "-"]);
                assert!(!dumped.out.is_empty(), "{}", dumped.err);
            }
        };
        let outcome = std::panic::catch_unwind(std::panic::AssertUnwindSafe(read));
        done.store(true, Ordering::Relaxed);
        outcome.unwrap();
    });
    store.check().unwrap();
}

#[test]
fn damaged_stores_are_reported() {
    let name = SegmentName::new("damage");
    let store = StructStoreShared::options().cleanup(Cleanup::Never).open(&name).unwrap();
    put_specimens(&store).unwrap();
    store.close().unwrap();
    let sound = fs::read(name.path()).unwrap();
    let mut seed = 1_u64;
    let mut random = |below: usize| {
        seed = seed.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
        (seed >> 33) as usize % below
    };
    for round in 0..40 {
        let mut bytes = sound.clone();
        for _ in 0..1 + round {
            let at = random(bytes.len() / 8) * 8;
            bytes[at..at + 8].copy_from_slice(&(random(1 << 20) as u64).to_le_bytes());
        }
        bytes[..32].copy_from_slice(&sound[..32]);
        fs::write(name.path(), &bytes).unwrap();
        for arguments in
            [&["show", &name][..], &["stat", &name], &["check", &name], &["show", &name, "--json"], &["ls"]]
        {
            let outcome = structstore(arguments);
            assert!(outcome.status.signal().is_none() && [0, 1, 4].contains(&outcome.code()), "{outcome:?}");
        }
    }
    fs::write(name.path(), &sound[..1000]).unwrap();
    assert!(structstore(&["show", &name]).complaint(4).contains("length"));
    assert_eq!(structstore(&["check", &name]).code(), 1);
}

#[test]
fn closed_pipe_ends_the_command() {
    let name = SegmentName::new("pipe");
    let store = StructStoreShared::open(&name).unwrap();
    for number in 0..10_000 {
        store.set(&*format!("field {number}"), number).unwrap();
    }
    let mut child = command(&["show", &name]).spawn().unwrap();
    child.stdout.take().unwrap().read_exact(&mut [0; 10]).unwrap();
    let outcome = finish(child);
    assert_eq!((outcome.status.signal(), outcome.err.as_str()), (Some(libc::SIGPIPE), ""));
    let full = fs::File::options().write(true).open("/dev/full").unwrap();
    let outcome = finish(command(&["show", &name]).stdout(full).spawn().unwrap());
    assert!(outcome.complaint(5).contains("cannot write standard output"));
}

#[test]
fn help_completions_and_manual() {
    for arguments in [&["--help"][..], &["help", "show"], &["show", "--help"], &["--version"]] {
        assert!(!structstore(arguments).text().is_empty());
    }
    let help = structstore(&["--help"]).text();
    assert!(help.contains("Exit status:") && help.contains("Examples:"));
    for shell in ["bash", "zsh", "fish"] {
        assert!(structstore(&["completions", shell]).text().contains("structstore"));
    }
    assert!(structstore(&["man"]).text().contains(".TH structstore 1"));
    for command in
        help.lines().skip_while(|line| *line != "Commands:").skip(1).take_while(|line| !line.is_empty())
    {
        if let Some(name) =
            command.strip_prefix("  ").and_then(|line| line.split(' ').next()).filter(|name| !name.is_empty())
        {
            let page = structstore(&["man", name]).text();
            assert!(page.contains(&format!("structstore\\-{name}")), "{page}");
        }
    }
    assert!(structstore(&["man", "shwo"]).complaint(3).contains("did you mean show?"));
    assert!(structstore(&["shwo"]).complaint(2).contains("'show'"));
    structstore::<&str>(&[]).status.code().map(|code| assert_eq!(code, 2)).unwrap();
}

/// The transcript in the README, with another name for the store.
#[test]
fn transcript_of_the_readme_matches() {
    let readme = include_str!("../../../README.md");
    let (_, transcript) = readme.split_once("```console\n").unwrap();
    let (transcript, _) = transcript.split_once("```").unwrap();
    let name = SegmentName::new("readme");
    let transcript = transcript.replace("/robot", &name).replace(" robot", &format!(" {}", &name[1..]));
    let tool = std::path::Path::new(env!("CARGO_BIN_EXE_structstore")).parent().unwrap();
    let path = format!("{}:{}", tool.display(), std::env::var("PATH").unwrap());
    let mut commands = 0;
    for step in transcript.split("$ ").filter(|step| !step.is_empty()) {
        let (command, expected) = step.split_once('\n').unwrap();
        let script = format!("{{ {command}; }} 2>&1");
        let done = Command::new("sh").args(["-c", &script]).env("PATH", &path).output().unwrap();
        assert_eq!(String::from_utf8(done.stdout).unwrap(), expected, "{command}");
        commands += 1;
    }
    assert!(commands >= 6);
}

#[test]
fn stores_made_by_python() {
    let Some(python) = python("stores_made_by_python") else { return };
    let name = SegmentName::new("python");
    let _store = StructStoreShared::open(&name).unwrap();
    let peer = concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/python/peer.py");
    let put = Command::new(python).args([peer, &name, "put"]).status().unwrap();
    assert!(put.success());
    let shown = structstore(&["show", &name]).text();
    assert!(shown.contains("matrix: f64[2, 3] = [[0.0, 1.0, 2.0], [3.0, 4.0, 5.0]]"), "{shown}");
    assert!(
        shown.contains("complex: <c8[1] = [\"") && shown.contains("text: str = \"grüße, 世界\""),
        "{shown}"
    );
    assert_eq!(structstore(&["get", &name, "struct.inner.deep"]).text(), "yes\n");
}

/// The time of the whole process, in a release build. In other builds the test does not fail if it is slow.
#[test]
fn showing_ten_thousand_fields_is_quick() {
    let name = SegmentName::new("quick");
    let store = StructStoreShared::open(&name).unwrap();
    for number in 0..10_000 {
        store.set(&*format!("field {number}"), number).unwrap();
    }
    let mut times: Vec<Duration> = (0..10)
        .map(|_| {
            let start = Instant::now();
            assert_eq!(structstore(&["show", &name]).text().lines().count(), 10_001);
            start.elapsed()
        })
        .collect();
    times.sort();
    println!("show of 10,000 fields: median {:?}, worst {:?}", times[5], times[9]);
    assert!(cfg!(debug_assertions) || times[5] < Duration::from_millis(50), "{times:?}");
}

/// What is declared in the tool is kept by everybody, and told by `describe`, `show --types` and `schema`.
#[test]
fn fields_are_declared_described_and_reset() {
    let name = SegmentName::new("declared");
    let store = robot(&name);
    let declare = |path: &str, options: &[&str]| {
        let mut arguments = vec!["declare", name.as_str(), path];
        arguments.extend(options);
        structstore(&arguments)
    };
    declare("camera.exposure", &["--ge", "0", "--lt", "1", "--unit", "s", "--default", "0.02"]).text();
    declare("camera.exposure", &["--step", "0.01", "--description", "How long it looks.\nPer frame."]).text();
    declare("label", &["--choice", "left", "--choice", "right"]).complaint(4);
    store.set("label", "left").unwrap();
    declare("label", &["--choice", "left", "--choice", "right", "--read-only"]).text();
    declare("camera.frame", &["--ge", "-5", "--le", "5"]).complaint(4);
    declare("camera.frame", &["--ge", "-10", "--le", "10"]).text();
    declare("new", &["--default", "5", "--multiple-of", "5"]).text();
    assert_eq!(store.get::<i64>("new").unwrap(), 5);

    for (path, value, said) in [
        ("camera.exposure", "1", "camera.exposure: found 1.0, expected a number from 0.0 to below 1.0"),
        ("camera.exposure", "nan", "found NaN"),
        ("label", "lft", r#"label: found "lft", expected "left" or "right"; did you mean "left"?"#),
        ("camera.frame[0,1]", "11", "camera.frame[0][1]: found 11, expected a number from -10 to 10"),
        ("new", "7", "new: found 7, expected a multiple of 5"),
    ] {
        let complaint = structstore(&["set", &name, path, value]).complaint(4);
        assert!(complaint.contains(said), "{path}: {complaint}");
    }
    assert!(store.set("new", 7).is_err());

    assert_eq!(
        structstore(&["describe", &name, "camera.exposure"]).text(),
        "camera.exposure: f64\n  How long it looks.\n  Per frame.\n  limits: a number from 0.0 to below 1.0\n  \
         unit: s\n  step: 0.01\n  default: 0.02\n"
    );
    let described = structstore(&["describe", &name]).text();
    let line = "    exposure: f64, a number from 0.0 to below 1.0, in s  -- How long it looks.\n";
    assert!(described.contains(line), "{described}");
    let types = structstore(&["show", &name, "--types"]).text();
    assert!(
        types.contains(line) && types.contains("  label: str, \"left\" or \"right\", read-only\n"),
        "{types}"
    );
    let schema = structstore(&["schema", &name, "--json"]).json();
    let exposure = &schema["properties"]["camera"]["properties"]["exposure"];
    assert_eq!((&exposure["exclusiveMaximum"], &exposure["x-unit"]), (&json!(1.0), &json!("s")));
    assert_eq!(schema["properties"]["label"]["enum"], json!(["left", "right"]));
    assert_eq!(
        schema["properties"]["camera"]["properties"]["frame"]["items"]["items"]["minimum"],
        json!(-10)
    );
    let markdown = structstore(&["schema", &name, "--markdown"]).text();
    let row = "| `camera.exposure` | f64 | a number from 0.0 to below 1.0 | s | `0.02` | How long it looks. Per frame. |\n";
    assert!(markdown.contains(row), "{markdown}");

    structstore(&["set", &name, "camera.exposure", "0.5"]).text();
    structstore(&["reset", &name, "camera.exposure"]).text();
    assert_eq!(store.at("camera").unwrap().get::<f64>("exposure").unwrap(), 0.02);
    let complaint = structstore(&["reset", &name, "label"]).complaint(4);
    assert!(complaint.contains("label: found a field without a default"), "{complaint}");
    let complaint = declare("camera.exposure", &["--le", "0.01"]).complaint(4);
    assert!(complaint.contains("camera.exposure: found"), "{complaint}");
    declare("camera.lenses[0]", &["--ge", "0"]).complaint(2);
    declare("labl", &["--ge", "0"]).complaint(3);
    declare("new", &["--clear"]).text();
    structstore(&["set", &name, "new", "7"]).text();
    let complaint = structstore(&["rm", &name, "camera.exposure"]).complaint(4);
    assert!(complaint.contains("camera.exposure: declared"), "{complaint}");
    let pin = store.at("camera").unwrap().pin().unwrap();
    let complaint = structstore(&["rm", &name, "camera"]).complaint(4);
    assert!(complaint.contains(&format!("camera: in use by process {}", std::process::id())), "{complaint}");
    let complaint = structstore(&["rm", "--force", &name, "camera.exposure"]).complaint(4);
    assert!(complaint.contains("only removed with it"), "{complaint}");
    drop(pin);
    structstore(&["rm", "--force", &name, "camera.exposure"]).text();
    let pin = store.at("camera").unwrap().pin().unwrap();
    structstore(&["rm", "--force", &name, "camera"]).text();
    drop(pin);
    structstore(&["rm", "--force", &name, "missing"]).complaint(3);
    structstore(&["check", &name]).text();
}

/// A field that has two names, and one that is to be of another type.
#[test]
fn fields_are_renamed_and_undeclared() {
    let name = SegmentName::new("renamed");
    let store = robot(&name);
    structstore(&[
        "declare",
        &name,
        "camera.exposure",
        "--alias",
        "shutter",
        "--alias",
        "a b",
        "--unit",
        "s",
    ])
    .text();
    assert_eq!(structstore(&["get", &name, "camera.shutter"]).text(), "0.01\n");
    structstore(&["set", &name, "camera.shutter", "0.05"]).text();
    assert_eq!(store.get_at::<f64>("camera.exposure").unwrap(), 0.05);
    let shown = structstore(&["show", &name, "camera"]).text();
    assert!(shown.contains("\n  exposure (also shutter, a b): f64 = 0.05\n"), "{shown}");
    for command in [&["show", &name, "camera", "--types"][..], &["describe", &name, "camera"]] {
        let shown = structstore(command).text();
        assert!(shown.contains("exposure (also shutter, a b): f64, in s\n"), "{shown}");
    }
    let described = structstore(&["describe", &name, "camera.exposure"]).text();
    assert!(described.contains("\n  also: shutter, a b\n"), "{described}");
    let schema: serde_json::Value =
        serde_json::from_str(&structstore(&["schema", &name, "camera", "--json"]).text()).unwrap();
    assert_eq!(schema["properties"]["exposure"]["x-aliases"], serde_json::json!(["shutter", "a b"]));
    let table = structstore(&["schema", &name, "--markdown"]).text();
    assert!(table.contains("| `camera.exposure` (also shutter, a b) | f64 |"), "{table}");
    structstore(&["declare", &name, "camera.frame", "--growable"]).text();
    let shown = structstore(&["show", &name, "camera", "--types"]).text();
    assert!(shown.contains(", growable\n"), "{shown}");

    // Not while a program has bound it.
    let pin = store.at("camera").unwrap().pin().unwrap();
    let complaint = structstore(&["undeclare", &name, "camera.shutter"]).complaint(4);
    assert!(complaint.contains("in use by process"), "{complaint}");
    drop(pin);
    assert!(structstore(&["rm", &name, "camera.exposure"]).complaint(4).contains("declared"));
    structstore(&["undeclare", &name, "camera.shutter"]).text();
    structstore(&["get", &name, "camera.shutter"]).complaint(3);
    structstore(&["set", &name, "camera.exposure", "--json", "\"long\""]).text();
    structstore(&["rm", &name, "camera.exposure"]).text();
    structstore(&["undeclare", &name, "camera"]).text();
    structstore(&["undeclare", &name, "camra"]).complaint(3);
    structstore(&["undeclare", &name, "camera.lenses[0]"]).complaint(2);
    structstore(&["rm", &name, "camera"]).text();
}
