//! `record`, `replay` and `info`. What is in a file is tested in `structstore-record`.

use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::Child;
use std::thread;
use std::time::{Duration, Instant};

use nix::sys::signal::{SigHandler, Signal, kill, signal};
use nix::unistd::Pid;
use serde_json::json;
use structstore::StructStoreShared;
use structstore_tests::SegmentName;

use crate::command::{LIMIT, command, structstore};

/// A store, and a recording of it.
struct Recorded {
    name: SegmentName,
    store: StructStoreShared,
    folder: tempfile::TempDir,
}

impl Recorded {
    fn new() -> Recorded {
        let name = SegmentName::new("record");
        let store = StructStoreShared::open(&name).unwrap();
        store.set("n", 1_u16).unwrap();
        store.ensure_struct("arm").unwrap().set("angle", 0.5).unwrap();
        Recorded { name, store, folder: tempfile::tempdir().unwrap() }
    }

    fn file(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Starts to record, and waits until it has begun.
    fn start(&self, file: &Path, options: &[&str], ignored: Option<Signal>) -> Child {
        let file = file.to_str().unwrap();
        let mut command = command(&[&["record", &*self.name, file], options].concat());
        if let Some(ignored) = ignored {
            // SAFETY: `signal` may be called between fork and exec.
            unsafe {
                command.pre_exec(move || Ok(signal(ignored, SigHandler::SigIgn).map(drop)?));
            }
        }
        self.begun(command.spawn().unwrap())
    }

    fn begun(&self, child: Child) -> Child {
        let start = Instant::now();
        while self.store.statistics().watchers == 0 {
            assert!(start.elapsed() < LIMIT);
            thread::sleep(Duration::from_millis(2));
        }
        child
    }

    fn record(&self, file: &Path, options: &[&str], happens: impl FnOnce()) -> String {
        let child = self.start(file, options, None);
        happens();
        end(child, Signal::SIGINT)
    }
}

/// A process that does not outlive its test.
struct Started(Child);

impl Drop for Started {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Ends a recording. Returns what it says.
fn end(child: Child, signal: Signal) -> String {
    kill(Pid::from_raw(child.id() as i32), signal).unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn it_records_until_it_is_interrupted() {
    let recorded = Recorded::new();
    for (at, signal) in [Signal::SIGINT, Signal::SIGTERM, Signal::SIGHUP].into_iter().enumerate() {
        let file = recorded.file(&format!("{at}.mcap"));
        // As the shell starts what runs in the background.
        let child = recorded.start(&file, &[], Some(signal));
        recorded.store.set("n", at as u16 + 100).unwrap();
        let said = end(child, signal);
        assert!(said.contains("messages, ") && said.contains(" before compression"), "{said}");
        let run = structstore_record::Run::open(&file).unwrap();
        assert!(run.is_finished());
        assert_eq!(run.end_state().unwrap(), recorded.store.to_value().unwrap());
    }
    assert_eq!(recorded.store.statistics().watchers, 0);
}

#[test]
fn a_recording_is_played_into_a_store_of_its_own() {
    let recorded = Recorded::new();
    let file = recorded.file("run.mcap");
    recorded.record(&file, &[], || {
        recorded.store.set_at("arm.angle", 7.5).unwrap();
    });
    let (file, copy) = (file.to_str().unwrap(), SegmentName::new("replay"));
    structstore(&["replay", file, &copy, "--speed", "1000"]).text();
    let store = StructStoreShared::open(&copy).unwrap();
    assert_eq!(store.to_value().unwrap(), recorded.store.to_value().unwrap());
    for speed in ["0", "1e-300", "1e300", "NaN"] {
        let refused = structstore(&["replay", file, &copy, "--speed", speed]).complaint(2);
        assert!(refused.contains("expected a number from 0.001 to 1000"), "{refused}");
    }
    // A store that exists is somebody's.
    let refused = structstore(&["replay", file, &copy]).complaint(4);
    assert!(refused.contains("--overwrite"), "{refused}");
    let refused = structstore(&["replay", file]).complaint(4);
    assert!(refused.contains(&*recorded.name) && refused.contains("already exists"), "{refused}");
    structstore(&["replay", file, &copy, "--speed", "1000", "--overwrite"]).text();
    let store = StructStoreShared::open(&copy).unwrap();
    assert_eq!(store.to_value().unwrap(), recorded.store.to_value().unwrap());
}

#[test]
fn a_recording_says_what_is_in_it() {
    let recorded = Recorded::new();
    let file = recorded.file("run.mcap");
    recorded.record(&file, &["arm"], || {});
    let path = file.to_str().unwrap();
    let told = structstore(&["info", path, "--json"]).json();
    assert_eq!((&told["store"], &told["finished"]), (&json!(&*recorded.name), &json!(true)));
    let names: Vec<&str> =
        told["topics"].as_array().unwrap().iter().filter_map(|topic| topic["name"].as_str()).collect();
    assert_eq!(names, ["/", "/arm"]);
    let shown = structstore(&["info", path]).text();
    assert!(shown.contains("MESSAGES  SOURCE  TOPIC") && !shown.contains("not finished"), "{shown}");
    // One whose recorder was killed.
    let whole = std::fs::read(&file).unwrap();
    std::fs::write(&file, &whole[..whole.len() - 20]).unwrap();
    let shown = structstore(&["info", path]).text();
    assert!(shown.contains("not finished") && shown.contains("/arm"), "{shown}");
    assert_eq!(structstore(&["record", "--repair", path]).text(), format!("{path}: 2 messages\n"));
    assert_eq!(structstore(&["info", path, "--json"]).json()["finished"], true);
    // One whose only chunk is damaged, but not the whole state.
    let recorded = Recorded::new();
    let file = recorded.file("run.mcap");
    recorded.record(&file, &[], || {});
    let (path, mut whole) = (file.to_str().unwrap(), std::fs::read(&file).unwrap());
    let at = whole.windows(4).position(|name| name == b"zstd").unwrap();
    whole[at + 20] ^= 0x55;
    std::fs::write(&file, &whole).unwrap();
    let said = structstore(&["record", "--repair", path]).text();
    assert!(
        said.starts_with(&format!("{path}: 0 messages\n1 chunk that could not be read was left out (")),
        "{said}"
    );
    assert!(said.ends_with(&format!("); the original is {path}.damaged\n")), "{said}");
    assert_eq!(std::fs::read(recorded.file("run.mcap.damaged")).unwrap(), whole);
}

#[test]
fn a_black_box_is_saved_when_it_is_time() {
    let recorded = Recorded::new();
    let pattern = recorded.file("n-{time}.mcap");
    let options = ["--when", "n >= 100 and arm.angle != null", "--last", "300ms", "--after", "100ms"];
    let child = recorded.start(&pattern, &options, None);
    let files = || recorded.folder.path().read_dir().unwrap().map(|entry| entry.unwrap().path());
    let wait = |count: usize| {
        let start = Instant::now();
        while files().count() < count {
            assert!(start.elapsed() < LIMIT);
            thread::sleep(Duration::from_millis(2));
        }
    };
    thread::sleep(Duration::from_millis(100));
    assert_eq!(files().count(), 0);
    recorded.store.set("n", 100_u16).unwrap();
    wait(1);
    // The file of the signal is another one.
    thread::sleep(Duration::from_millis(300));
    kill(Pid::from_raw(child.id() as i32), Signal::SIGUSR1).unwrap();
    wait(2);
    let said = end(child, Signal::SIGINT);
    let mut marks = Vec::new();
    for file in files() {
        assert!(said.contains(&file.display().to_string()), "{said}");
        let run = structstore_record::Run::open(&file).unwrap();
        marks.push(run.marks().unwrap().pop().unwrap().1);
    }
    marks.sort();
    assert_eq!(marks, ["SIGUSR1", options[1]]);
}

#[test]
fn a_replay_waits_while_it_is_paused() {
    let recorded = Recorded::new();
    let (file, copy) = (recorded.file("run.mcap"), SegmentName::new("replay"));
    // The first state is that before the change, if it was looked at by then.
    let mut pause = Duration::from_millis(20);
    while {
        recorded.store.set("n", 1_u16).unwrap();
        let _ = std::fs::remove_file(&file);
        recorded.record(&file, &[], || {
            thread::sleep(pause);
            recorded.store.set("n", 2_u16).unwrap();
        });
        structstore_record::Run::open(&file).unwrap().store_at(0.0).unwrap().get::<u16>("n").unwrap() != 1
    } {
        pause *= 2;
        assert!(pause < LIMIT);
    }
    let child = command(&["replay", file.to_str().unwrap(), &copy, "--paused", "--speed", "1000"]).spawn();
    let mut child = Started(child.unwrap());
    let start = Instant::now();
    let n =
        || StructStoreShared::options().observe(true).open(&*copy).and_then(|store| store.get::<u16>("n"));
    while n().is_err() {
        assert!(start.elapsed() < LIMIT);
        thread::sleep(Duration::from_millis(2));
    }
    thread::sleep(Duration::from_millis(200));
    assert!(n().unwrap() == 1 && child.0.try_wait().unwrap().is_none());
    kill(Pid::from_raw(child.0.id() as i32), Signal::SIGUSR1).unwrap();
    assert!(child.0.wait().unwrap().success());
    assert_eq!(n().unwrap(), 2);
}

#[test]
fn without_room_it_ends_with_what_it_has() {
    let recorded = Recorded::new();
    let file = recorded.file("run.mcap");
    let mut command = command(&["record", &*recorded.name, file.to_str().unwrap()]);
    // A file that may not grow is told of as a full disk is.
    let limit = |soft| libc::rlimit { rlim_cur: soft, rlim_max: soft };
    // SAFETY: both may be called between fork and exec.
    unsafe {
        command.pre_exec(move || {
            signal(Signal::SIGXFSZ, SigHandler::SigIgn)?;
            nix::errno::Errno::result(libc::setrlimit(libc::RLIMIT_FSIZE, &limit(5 << 20)))?;
            Ok(())
        });
    }
    let mut child = recorded.begun(command.spawn().unwrap());
    let (start, mut state) = (Instant::now(), 1_u32);
    while child.try_wait().unwrap().is_none() {
        assert!(start.elapsed() < LIMIT);
        // Noise, which does not get smaller.
        let noise: Vec<u32> = std::iter::repeat_with(|| {
            state ^= state << 13;
            state ^= state >> 17;
            state ^= state << 5;
            state
        })
        .take(100_000)
        .collect();
        recorded.store.set("noise", noise).unwrap();
        thread::sleep(Duration::from_millis(5));
    }
    let output = child.wait_with_output().unwrap();
    let complaint = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(5), "{complaint}");
    assert!(complaint.contains("run.mcap") && complaint.contains("File too large"), "{complaint}");
    let run = structstore_record::Run::open(&file).unwrap();
    assert!(run.topics().iter().any(|topic| topic.name == "/noise" && topic.messages > 1));
    run.end_state().unwrap();
}

#[test]
fn what_cannot_be_recorded_is_said() {
    let recorded = Recorded::new();
    let file = recorded.file("run.mcap");
    let path = file.to_str().unwrap();
    std::fs::write(&file, "mine").unwrap();
    assert!(structstore(&["record", &*recorded.name, path]).complaint(4).contains("exists"));
    assert_eq!(std::fs::read(&file).unwrap(), b"mine");
    assert!(structstore(&["info", path]).complaint(4).contains("this is no MCAP file"));
    assert!(structstore(&["replay", path]).complaint(4).contains("this is no MCAP file"));
    assert!(structstore(&["record", "--repair", path]).complaint(4).contains("this is no MCAP file"));
    structstore(&["info", recorded.file("none").to_str().unwrap()]).complaint(3);
    structstore(&["record", "structstore_none", recorded.file("other").to_str().unwrap()]).complaint(3);
    assert!(!recorded.file("other").exists());
    for arguments in
        [&["--rate", "0"][..], &["--arrays", "some"], &["--split", "5 apples"], &["--split", "0"], &["a..b"]]
    {
        structstore(&[&["record", &*recorded.name, "x.mcap"], arguments].concat()).complaint(2);
    }
    for arguments in [
        &["--when", "n = 1"][..],
        &["--last", "5 days"],
        &["--last", "5", "--split", "1MB"],
        &["--streams", "a..b"],
    ] {
        structstore(&[&["record", &*recorded.name, "x.mcap"], arguments].concat()).complaint(2);
    }
    structstore(&["record"]).complaint(2);
    structstore(&["replay", path, "--speed", "0"]).complaint(2);
}
