//! Runs every example: it ends well and in time, prints what its head promises, and leaves no segment behind.
//!
//! `cargo test -p structstore-examples` builds them first. With `--test examples` it does not, and the ones run are those
//! that were built last.

#![forbid(unsafe_code)]

/// It has unit tests of its own, as has its module. As an example, it is built to be run.
#[path = "telemetry.rs"]
#[expect(dead_code, reason = "the tests are what is wanted of it here")]
mod telemetry_itself;

use std::env;
use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

/// Those that are run here, with what their output must contain.
const EXAMPLES: [(&str, &[&str]); 6] = [
    (
        "readme",
        &[
            r#"local:    {"num": 5, "value": 3.25, "flag": true, "str": "foo", "list": [6, 43]"#,
            "names:    num is 5, substore.subnum is 43",
            r#"bound:    {"num": 54, "value": 3.25, "flag": true, "str": "a longer text""#,
            "refused:  num: found str, expected i32",
            r#"shared:   num is 43, and the second process says "hello from the second process""#,
            r#"existing: {"track": {"name": "first lap""#,
        ],
    ),
    (
        "settings",
        &[
            r#"obeys "step 1": gain 0.2, limits -1.0 to 1.0"#,
            r#"obeys "step 4": gain 0.5"#,
            "the tuner is refused: settings.gain: found str, expected f64",
            "4 changes, 0 cycles with mixed settings",
        ],
    ),
    (
        "adapters",
        &[
            r#"by hand:  {"name": "rover", "battery": 0.75, "pose": {"x": 1.0"#,
            r#"by serde: {"name": "rover", "battery": 0.75, "pose": {"x": 1.0"#,
            r#"as field: {"name": "rover", "battery": 0.75, "pose": [1.0"#,
            "no robot any more, by serde: by_serde.pose.x: found str, expected f64",
            "no robot any more, as field: team.leader: a battery is charged from 0 to 1",
        ],
    ),
    ("camera", &[" of 500, torn: 0", "the first frame is still number "]),
    (
        "control_loop",
        &[
            "wake-up lateness (the operating system's): median",
            "time in the store (ours): median",
            "2000 cycles, all of them published",
            "of two cycles mixed: 0",
        ],
    ),
    ("telemetry", &["rust: publishing", "rust: time is up after"]),
];

const LIMIT: Duration = Duration::from_secs(300);

#[test]
fn readme() {
    run("readme");
}

#[test]
fn settings() {
    run("settings");
}

#[test]
fn adapters() {
    run("adapters");
}

#[test]
fn camera() {
    run("camera");
}

#[test]
fn control_loop() {
    run("control_loop");
}

#[test]
fn telemetry() {
    run("telemetry");
}

#[test]
fn every_example_is_run() {
    let manifest = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("Cargo.toml")).unwrap();
    let mut declared: Vec<&str> = manifest
        .split("[[example]]")
        .skip(1)
        .map(|example| example.split('"').nth(1).expect("the name comes first"))
        .collect();
    let mut run = EXAMPLES.map(|(name, _)| name);
    declared.sort_unstable();
    run.sort_unstable();
    assert_eq!(declared, run);
}

fn run(example: &str) {
    let (_, expected) = EXAMPLES.iter().find(|(name, _)| *name == example).expect("one of those above");
    let mut command = Command::new(binary(example));
    let telemetry = format!("/structstore_test_telemetry_{}", std::process::id());
    if example == "telemetry" {
        command.args([&telemetry, "--seconds", "1"]);
    }
    let child = command.stdin(Stdio::null()).stdout(Stdio::piped()).spawn().unwrap();
    let mut running = Running(child);
    let mut pipe = running.0.stdout.take().unwrap();
    let reader = thread::spawn(move || {
        let mut output = String::new();
        pipe.read_to_string(&mut output).map(|_| output)
    });
    let started = Instant::now();
    let status = loop {
        match running.0.try_wait().unwrap() {
            Some(status) => break status,
            None if started.elapsed() > LIMIT => panic!("{example} has not ended after {LIMIT:?}"),
            None => thread::sleep(Duration::from_millis(10)),
        }
    };
    let output = reader.join().unwrap().unwrap();
    assert!(status.success(), "{example} ended with {status} and printed:\n{output}");
    for line in *expected {
        assert!(output.contains(line), "{example} did not print {line:?}, but:\n{output}");
    }
    let name = match example {
        "telemetry" => telemetry,
        _ => format!("/structstore_{example}_{}", running.0.id()),
    };
    assert!(!Path::new("/dev/shm").join(&name[1..]).exists(), "{example} has left {name} behind");
}

/// Where cargo puts an example, beside the directory of this test.
fn binary(example: &str) -> PathBuf {
    let tests = env::current_exe().unwrap();
    let path = tests.parent().and_then(Path::parent).unwrap().join("examples").join(example);
    assert!(path.exists(), "{} is not built; `cargo test -p structstore-examples` does", path.display());
    path
}

/// A process that does not outlive its test.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
