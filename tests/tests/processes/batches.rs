//! Batches: what changed, as of one moment.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use structstore::path::Path;
use structstore::stream::Stream;
use structstore::watch::{Batch, Batches, Elements, Found};
use structstore::{ArrayValue, ErrorKind, Struct, StructStore, StructStoreShared, Value};
use structstore_tests::SegmentName;

const LIMIT: Option<Duration> = Some(Duration::from_secs(60));

/// How long a batch waits for one hold, and for holds in turns: what is held for longer is in a later one.
const BRIEF: Duration = Duration::from_millis(20);
const LATE: Duration = Duration::from_millis(250);

fn paths(texts: &[&str]) -> Vec<Path> {
    texts.iter().map(|text| text.parse().unwrap()).collect()
}

/// What was found, in brief.
fn shown(batch: &Batch) -> Vec<String> {
    let shown = |found: &Option<Found>| match found {
        None => "nothing".to_owned(),
        Some(Found::Value(value)) => value.to_string(),
        Some(Found::Struct(fields)) => format!("struct of {fields}"),
        Some(Found::List(items)) => format!("list of {items}"),
        Some(Found::Array(large)) => format!("{}{:?}", large.dtype, large.shape),
        Some(Found::Stream(stream)) => format!("{} samples", stream.published()),
    };
    batch.values.iter().map(|(_, found)| shown(found)).collect()
}

#[test]
fn paths_of_all_kinds_are_read_together() {
    let store = StructStore::new();
    store.set("num", 5).unwrap();
    store.set("text", "a\"b").unwrap();
    store.set("gains", [1.0, 2.5]).unwrap();
    store.set("image", ArrayValue::from_slice(&[300, 300], &[7_u8; 90_000]).unwrap()).unwrap();
    store.set("items", Value::list([1, 2])).unwrap();
    store.ensure_struct("a").unwrap().ensure_struct("b").unwrap().set("c", true).unwrap();
    let speed = store.ensure_stream::<f64>("speed", Stream::depth(3)).unwrap();
    speed.publish(&1.0).unwrap();
    let asked = [
        "",
        "num",
        "text",
        "gains",
        "gains[1]",
        "gains[2]",
        "gains[0][0]",
        "image",
        "image[2][3]",
        "items",
        "items[1]",
        "items[2]",
        "a",
        "a.b",
        "a.b.c",
        "a.b.d",
        "a.x.c",
        "num.x",
        "items.x",
        "speed",
    ];
    let expected = [
        "struct of 7",
        "5",
        r#""a\"b""#,
        "[1.0, 2.5]",
        "2.5",
        "nothing",
        "nothing",
        "u8[300, 300]",
        "7",
        "list of 2",
        "2",
        "nothing",
        "struct of 1",
        "struct of 1",
        "true",
        "nothing",
        "nothing",
        "nothing",
        "nothing",
        "1 samples",
    ];
    let batch = store.read_together(paths(&asked)).unwrap();
    let found: Vec<(&str, String)> = asked.into_iter().zip(shown(&batch)).collect();
    let expected: Vec<(&str, String)> = asked.into_iter().zip(expected.map(str::to_owned)).collect();
    assert_eq!(found, expected);
    let guard = store.at("a").unwrap().write().unwrap();
    let refused = store.read_together(paths(&["a.b.c"])).map(|_| ());
    assert_eq!(refused.unwrap_err().kind(), ErrorKind::HeldByGuard);
    drop(guard);
}

#[test]
fn a_batch_has_what_changed_and_what_is_wanted() {
    let store = StructStore::new();
    store.set("a", 1).unwrap();
    store.set("b", 1).unwrap();
    let mut batches = Batches::new(&store).unwrap();
    assert!(batches.wait(Some(Duration::ZERO), <[_]>::to_vec).unwrap().is_none());
    store.set("a", 2).unwrap();
    store.set("a", 3).unwrap();
    store.delete("b").unwrap();
    let batch = batches.wait(LIMIT, <[_]>::to_vec).unwrap().unwrap();
    assert_eq!(
        (batch.changed.as_slice(), shown(&batch)),
        (&*paths(&["a", "b"]), vec!["3".into(), "nothing".into()])
    );
    store.set("a", 4).unwrap();
    let batch = batches.wait(LIMIT, |_| paths(&["b", "a"])).unwrap().unwrap();
    assert_eq!(
        (batch.changed.as_slice(), shown(&batch)),
        (&*paths(&["a"]), vec!["nothing".into(), "4".into()])
    );
}

#[test]
fn what_is_new_is_read_with_its_contents() {
    let store = StructStore::new();
    let mut batches = Batches::with_contents(&store).unwrap();
    let pose = store.ensure_struct("pose").unwrap();
    pose.set("x", 1).unwrap();
    store.set("items", Value::list([1, 2])).unwrap();
    let batch = batches.wait(LIMIT, <[_]>::to_vec).unwrap().unwrap();
    assert_eq!(batch.changed, ["pose", "items"]);
    assert_eq!(shown(&batch), [r#"{"x": 1}"#, "[1, 2]"]);
    pose.set("x", 2).unwrap();
    let batch = batches.wait(LIMIT, |_| paths(&["", "pose.x"])).unwrap().unwrap();
    assert_eq!(shown(&batch), [r#"{"pose": {"x": 2}, "items": [1, 2]}"#, "2"]);
}

/// A store in which transactions keep two fields equal.
fn ends(store: &Struct) -> impl Fn(i64) -> structstore::Result<()> {
    for part in ["left", "right"] {
        store.ensure_struct(part).unwrap().set("x", 0_i64).unwrap();
    }
    let store = store.clone();
    move |x| {
        store.transaction(|root| {
            root.at("left")?.set("x", x)?;
            root.at("right")?.set("x", x)
        })
    }
}

#[test]
fn a_transaction_is_in_one_batch() {
    let store = StructStore::new();
    let both = ends(&store);
    let mut batches = Batches::new(&store).unwrap();
    store.set_at("left.x", 1_i64).unwrap();
    let mut asked = 0;
    // It happens after the paths were looked for, and before the values are read.
    let meanwhile = |changed: &[Path]| {
        asked += 1;
        if asked == 1 {
            assert_eq!(changed, ["left.x"]);
            both(2).unwrap();
        }
        changed.to_vec()
    };
    let batch = batches.wait(LIMIT, meanwhile).unwrap().unwrap();
    assert_eq!(
        (batch.changed.as_slice(), shown(&batch)),
        (&*paths(&["left.x", "right.x"]), vec!["2".into(); 2])
    );
    assert_eq!(asked, 2);
}

#[test]
fn what_is_held_is_in_a_later_batch() {
    let store = StructStore::new();
    let both = ends(&store);
    let mut batches = Batches::new(&store).unwrap();
    both(1).unwrap();
    let (held, wait) = std::sync::mpsc::channel();
    let (end, ended) = std::sync::mpsc::channel::<()>();
    thread::scope(|scope| {
        let left = store.ensure_struct("left").unwrap();
        scope.spawn(move || {
            let guard = left.write().unwrap();
            held.send(()).unwrap();
            ended.recv().unwrap();
            drop(guard);
        });
        wait.recv().unwrap();
        let batch = batches.wait(LIMIT, <[_]>::to_vec).unwrap().unwrap();
        assert_eq!((batch.changed.as_slice(), shown(&batch)), (&*paths(&["right.x"]), vec!["1".into()]));
        // As before: no part of it is anybody's to read.
        let late = Some(Duration::from_millis(60));
        assert!(batches.wait(late, <[_]>::to_vec).unwrap().is_none());
        store.set_at("right.x", 2_i64).unwrap();
        let batch = batches.wait(LIMIT, <[_]>::to_vec).unwrap().unwrap();
        assert_eq!((batch.changed.as_slice(), shown(&batch)), (&*paths(&["right.x"]), vec!["2".into()]));
        // What is wanted, although it has not changed.
        store.set_at("right.x", 3_i64).unwrap();
        let batch = batches.wait(LIMIT, |_| paths(&["left", "right.x"])).unwrap().unwrap();
        assert_eq!(batch.values.iter().map(|(path, _)| path.to_string()).collect::<Vec<_>>(), ["right.x"]);
        end.send(()).unwrap();
    });
    let mut told = Vec::new();
    while told.len() < 2 {
        let batch = batches.wait(LIMIT, <[_]>::to_vec).unwrap().unwrap();
        told.extend(batch.changed.iter().map(ToString::to_string).zip(shown(&batch)));
    }
    told.sort();
    assert_eq!(told, [("left".into(), "struct of 1".into()), ("left.x".into(), "1".into())]);
    assert!(batches.wait(Some(Duration::ZERO), <[_]>::to_vec).unwrap().is_none());
}

#[test]
fn a_wait_ends_in_time_while_the_whole_store_is_held() {
    let store = StructStore::new();
    let both = ends(&store);
    let mut batches = Batches::new(&store).unwrap();
    both(1).unwrap();
    let (held, wait) = std::sync::mpsc::channel();
    let (end, ended) = std::sync::mpsc::channel::<()>();
    thread::scope(|scope| {
        let root = Struct::clone(&store);
        scope.spawn(move || {
            let guard = root.write().unwrap();
            held.send(()).unwrap();
            let _ = ended.recv();
            drop(guard);
        });
        wait.recv().unwrap();
        let told = batches.wait(Some(Duration::from_millis(50)), <[_]>::to_vec).unwrap();
        assert!(told.is_none());
        end.send(()).unwrap();
    });
    let batch = batches.wait(LIMIT, <[_]>::to_vec).unwrap().unwrap();
    assert_eq!(
        (batch.changed.as_slice(), shown(&batch)),
        (&*paths(&["left.x", "right.x"]), vec!["1".into(); 2])
    );
}

#[test]
fn batches_go_on_beside_holds_however_fast_others_change() {
    let store = StructStore::new();
    store.set("x", 0_i64).unwrap();
    let arms = ["first", "second", "third"].map(|name| store.ensure_struct(name).unwrap());
    let mut batches = Batches::new(&store).unwrap();
    let (held, wait) = std::sync::mpsc::channel();
    let done = AtomicBool::new(false);
    thread::scope(|scope| {
        for arm in &arms {
            let (held, done) = (held.clone(), &done);
            scope.spawn(move || {
                // It may have been changed, and is held again.
                drop(arm.write().unwrap());
                let guard = arm.write().unwrap();
                held.send(()).unwrap();
                while !done.load(Ordering::Relaxed) {
                    thread::sleep(Duration::from_millis(1));
                }
                drop(guard);
            });
        }
        arms.iter().for_each(|_| wait.recv().unwrap());
        let writer = scope.spawn(|| {
            let changes = (1_i64..).take_while(|_| !done.load(Ordering::Relaxed));
            changes.for_each(|x| {
                store.set("x", x).unwrap();
                thread::sleep(Duration::from_micros(500));
            });
        });
        let told = (0..200).map(|_| batches.wait(LIMIT, <[_]>::to_vec).unwrap()).filter(Option::is_some);
        let told = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| told.count()));
        done.store(true, Ordering::Relaxed);
        writer.join().unwrap();
        assert_eq!(told.unwrap(), 200);
    });
}

#[test]
fn writers_that_leave_no_moment_free_are_held_off() {
    let store = StructStore::new();
    let both = ends(&store);
    let mut batches = Batches::new(&store).unwrap();
    both(1).unwrap();
    let mut x = 1;
    let always = |changed: &[Path]| {
        // Refused at last, for then this thread has a shared lock.
        x += i64::from(both(x + 1).is_ok());
        changed.to_vec()
    };
    let batch = batches.wait(LIMIT, always).unwrap().unwrap();
    assert!(x > 10);
    assert_eq!(shown(&batch), vec![x.to_string(); 2]);
}

#[test]
fn batches_follow_a_writer() {
    let name = SegmentName::new("batches");
    let store = StructStoreShared::open(&*name).unwrap();
    let both = ends(&store);
    let done = AtomicBool::new(false);
    let timed = |x| {
        let start = Instant::now();
        both(x).unwrap();
        start.elapsed()
    };
    let (torn, longest) = thread::scope(|scope| {
        let writer =
            scope.spawn(|| (1..).take_while(|_| !done.load(Ordering::Relaxed)).map(timed).max().unwrap());
        let observer = StructStoreShared::options().observe(true).open(&*name).unwrap();
        let mut batches = Batches::new(&observer).unwrap();
        let mut state: HashMap<Path, String> = HashMap::new();
        let torn = (0..200).find_map(|_| {
            let start = Instant::now();
            let batch = batches.wait(LIMIT, <[_]>::to_vec).unwrap().unwrap();
            let is_late = start.elapsed() >= LATE;
            let texts = shown(&batch);
            state.extend(batch.values.into_iter().map(|(path, _)| path).zip(texts));
            let [left, right] = ["left.x", "right.x"].map(|path| state.get(&path.parse().unwrap()));
            (left != right && !is_late).then(|| format!("{left:?} {right:?}"))
        });
        done.store(true, Ordering::Relaxed);
        (torn, writer.join().unwrap())
    });
    // What is held for longer, because the writer does not get a processor meanwhile, comes in a batch of its own.
    assert!(torn.is_none() || longest >= BRIEF, "{torn:?}, after {longest:?} at most");
}

#[test]
fn a_read_only_observer_reads_together_too() {
    let name = SegmentName::new("batches");
    let store = StructStoreShared::open(&*name).unwrap();
    store.set("image", ArrayValue::from_slice(&[300, 300], &[7_u8; 90_000]).unwrap()).unwrap();
    store.set("num", 5).unwrap();
    let reader = StructStoreShared::options().read_only(true).observe(true).open(&*name).unwrap();
    let batch = reader.read_together(paths(&["num", "image"])).unwrap();
    assert_eq!(shown(&batch), ["5", "u8[300, 300]"]);
    let Some(Found::Array(image)) = &batch.values[1].1 else { panic!("no array") };
    assert_eq!(image.first, [7; 256]);
    assert!(matches!(image.view().unwrap(), Elements::Copied(image) if image.data() == [7; 90_000]));
    let mut batches = Batches::new(&reader).unwrap();
    store.set("num", 6).unwrap();
    assert_eq!(shown(&batches.wait(LIMIT, <[_]>::to_vec).unwrap().unwrap()), ["6"]);
}
