//! A black box is saved with the time before and after what has happened.

use std::path::PathBuf;
use std::thread;
use std::time::{Duration, Instant};

use structstore::path::Path;
use structstore::stream::Stream;
use structstore::{ArrayValue, StructStore, StructStoreShared, Value};
use structstore_record::{BlackBox, Options, Recording, Run};
use structstore_tests::SegmentName;

const LIMIT: Duration = Duration::from_secs(120);

fn path(text: &str) -> Path {
    text.parse().unwrap()
}

fn until(mut condition: impl FnMut() -> bool) {
    let start = Instant::now();
    while !condition() {
        assert!(start.elapsed() < LIMIT);
        thread::sleep(Duration::from_millis(2));
    }
}

/// A short one.
fn brief() -> BlackBox {
    BlackBox::new().last(Duration::from_millis(500)).after(Duration::from_millis(300))
}

/// The files of a folder, the oldest first.
fn files(folder: &tempfile::TempDir) -> Vec<PathBuf> {
    let mut files: Vec<PathBuf> =
        folder.path().read_dir().unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    files
}

#[test]
fn the_time_before_and_after_is_saved() {
    for wanted in [vec![Path::ROOT], vec![path("arm")]] {
        let (store, folder) = (StructStore::new(), tempfile::tempdir().unwrap());
        store.set("fault", false).unwrap();
        let arm = store.ensure_struct("arm").unwrap();
        arm.set("x", 0_u32).unwrap();
        // What does not change while it is kept is in the file nevertheless.
        arm.ensure_struct("wrist").unwrap().set("length", 2.5).unwrap();
        let black_box = brief().when("fault == true and arm.x > 0".parse().unwrap());
        let options = Options::new().rate(1000.0).paths(wanted.clone()).black_box(black_box);
        let pattern = folder.path().join("fault-{time}.mcap");
        let mut recording = Recording::start(&store, "local", &pattern, options).unwrap();
        let mut x = 0_u32;
        let mut go_on = |time: Duration| {
            let start = Instant::now();
            while start.elapsed() < time {
                x += 1;
                arm.set("x", x).unwrap();
                thread::sleep(Duration::from_millis(1));
            }
        };
        for number in 1..=2 {
            go_on(Duration::from_millis(1500));
            assert_eq!(files(&folder).len(), number - 1);
            store.set("fault", true).unwrap();
            go_on(Duration::from_millis(200));
            until(|| files(&folder).len() == number);
            // While it holds, nothing happens.
            go_on(Duration::from_millis(300));
            store.set("fault", false).unwrap();
        }
        go_on(Duration::from_millis(200));
        assert_eq!(recording.files(), files(&folder));
        recording.stop().unwrap();
        assert_eq!(files(&folder).len(), 2);
        for file in files(&folder) {
            let run = Run::open(&file).unwrap();
            assert!(run.is_finished());
            let marks = run.marks().unwrap();
            let (time, text) = marks.last().unwrap();
            assert_eq!(text, "fault == true and arm.x > 0");
            let series = run.series(&path("arm.x")).unwrap();
            assert!(series.times[0] <= time - 0.5, "{time}");
            // Not all that was before, and some of what came after.
            assert_ne!(series.values[0], Value::from(0_u32));
            assert!(*series.times.last().unwrap() > *time);
            for state in [run.start_state(), run.end_state()] {
                assert!(state.unwrap().to_string().contains(r#""wrist": {"length": 2.5}"#));
            }
            assert!(run.topics().iter().any(|topic| topic.name == "/arm/wrist"));
        }
    }
}

#[test]
fn a_sample_can_be_the_reason_and_memory_is_bounded() {
    let (store, folder) = (StructStore::new(), tempfile::tempdir().unwrap());
    let force = store.ensure_stream::<f64>("force", Stream::depth(100)).unwrap();
    let image = store.ensure_stream::<[u8]>("image", Stream::array([100, 100]).depth(10)).unwrap();
    let black_box =
        brief().last(Duration::from_secs(3600)).memory(1 << 20).when("force > 9.5".parse().unwrap());
    let file = folder.path().join("run.mcap");
    let options = Options::new().black_box(black_box);
    let mut recording = Recording::start(&store, "local", &file, options).unwrap();
    for at in 0..1000_u32 {
        image.publish(&vec![at as u8; 10_000]).unwrap();
        force.publish(&f64::from(at % 10)).unwrap();
        thread::sleep(Duration::from_millis(1));
    }
    assert!(!file.exists());
    force.publish(&10.0).unwrap();
    // Without a time in its name there can be no other file.
    until(|| !recording.is_running());
    recording.stop().unwrap();
    let run = Run::open(&file).unwrap();
    let forces = run.series(&path("force")).unwrap();
    assert_eq!(forces.values.last(), Some(&Value::from(10.0)));
    let images = run.series(&path("image")).unwrap().values.len();
    assert!((1..300).contains(&images), "{images}");
    assert_eq!(run.marks().unwrap().last().unwrap().1, "force > 9.5");
}

#[test]
fn it_is_saved_when_the_store_goes_or_somebody_says_so() {
    let (name, folder) = (SegmentName::new("flight"), tempfile::tempdir().unwrap());
    let store = StructStoreShared::open(&*name).unwrap();
    store.set("n", 1).unwrap();
    let observer = StructStoreShared::options().observe(true).open(&*name).unwrap();
    let pattern = folder.path().join("{time}.mcap");
    let options = Options::new().black_box(brief().after(Duration::ZERO));
    let mut recording = Recording::start(&observer, &name, &pattern, options).unwrap();
    recording.save("to be sure").unwrap();
    until(|| files(&folder).len() == 1);
    store.set("n", 2).unwrap();
    thread::sleep(Duration::from_millis(50));
    store.close().unwrap();
    until(|| !recording.is_running());
    recording.stop().unwrap();
    let files = files(&folder);
    let [one, two] = &*files else { panic!("{files:?}") };
    let text = |file: &PathBuf| Run::open(file).unwrap().marks().unwrap().pop().unwrap().1;
    assert_eq!((text(one), text(two)), ("to be sure".to_owned(), "the store has gone".to_owned()));
    assert_eq!(Run::open(two).unwrap().end_state().unwrap().to_string(), r#"{"n": 2}"#);
}

#[test]
fn the_newest_whole_state_is_kept_whatever_it_takes() {
    const LARGE: usize = 4 << 20;
    for wanted in [vec![Path::ROOT], vec![path("n"), path("large")]] {
        let (store, folder) = (StructStore::new(), tempfile::tempdir().unwrap());
        store.set("n", 0_u32).unwrap();
        let numbers = store.ensure_stream::<u64>("numbers", Stream::depth(100)).unwrap();
        let black_box = brief().last(Duration::from_secs(3600)).after(Duration::ZERO).memory(1 << 20);
        let options = Options::new().rate(1000.0).paths(wanted).black_box(black_box);
        let file = folder.path().join("run.mcap");
        let mut recording = Recording::start(&store, "local", &file, options.clone()).unwrap();
        store.set("large", ArrayValue::from_slice(&[LARGE], &vec![7_u8; LARGE]).unwrap()).unwrap();
        for n in 1..=50_u32 {
            store.set("n", n).unwrap();
            numbers.publish(&n.into()).unwrap();
            thread::sleep(Duration::from_millis(10));
        }
        thread::sleep(Duration::from_millis(200));
        recording.save("now").unwrap();
        until(|| !recording.is_running());
        recording.stop().unwrap();
        let state = Run::open(&file).unwrap().end_state().unwrap();
        assert_eq!(state.get("n").unwrap().to_string(), "50");
        let Some(Value::Array(large)) = state.get("large") else { panic!("no array in {state}") };
        assert_eq!(large.data().len(), LARGE);
        // A store that is too large from the beginning.
        let refused = Recording::start(&store, "local", &folder.path().join("other.mcap"), options);
        let refused = refused.err().unwrap().to_string();
        assert!(refused.starts_with("memory: found 1048576 bytes, expected at least 8"), "{refused}");
    }
}

#[test]
fn what_makes_no_sense_is_refused() {
    let (store, folder) = (StructStore::new(), tempfile::tempdir().unwrap());
    let start = |file: &str, options: Options| {
        let started = Recording::start(&store, "local", &folder.path().join(file), options);
        started.err().unwrap().to_string()
    };
    let options = Options::new().black_box(brief());
    assert!(start("none/{time}.mcap", options.clone()).contains("No such file or directory"));
    assert!(start("{time}.mcap", options.clone().split(5)).starts_with("split: "));
    assert!(files(&folder).is_empty());
    std::fs::write(folder.path().join("taken.mcap"), b"mine").unwrap();
    assert!(start("taken.mcap", options).contains("taken.mcap: "));
}

#[test]
fn files_of_one_moment_have_names_of_their_own() {
    let (store, folder) = (StructStore::new(), tempfile::tempdir().unwrap());
    store.set("n", 1).unwrap();
    let options = Options::new().black_box(brief().after(Duration::ZERO));
    let pattern = folder.path().join("{time}.mcap");
    let mut recording = Recording::start(&store, "local", &pattern, options).unwrap();
    // One that is asked for while another is written belongs to it.
    for _ in 0..200 {
        recording.save("again").unwrap();
    }
    until(|| files(&folder).len() > 1);
    thread::sleep(Duration::from_millis(100));
    assert!(recording.is_running());
    recording.stop().unwrap();
    assert_eq!(recording.files().len(), files(&folder).len());
}
