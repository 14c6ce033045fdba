//! Streams within one process: what is published is read, whole, by all means of reading.

use std::thread;
use std::time::Duration;

use structstore::stream::{self, Start, Stream, StreamValue};
use structstore::{DType, Error, ErrorKind, Kind, StructStore, Value};

#[derive(StructStore, Clone, Copy, Debug, PartialEq)]
#[structstore(rename_all = "snake_case")]
enum Mode {
    Idle,
    EmergencyStop,
}

#[derive(StructStore, Clone, Debug, PartialEq)]
struct Wrench {
    force: [f64; 3],
    #[structstore(range = 0.0..=100.0, unit = "N")]
    limit: f32,
}

#[derive(StructStore, Clone, Debug, PartialEq)]
struct Offsets {
    left: i16,
    right: i16,
}

#[derive(StructStore, Clone, Debug, PartialEq)]
struct ArmState {
    cycle: u64,
    ready: bool,
    mode: Mode,
    q: [[f32; 2]; 3],
    wrench: Wrench,
    #[structstore(flatten)]
    offsets: Offsets,
    boxed: Box<u8>,
    #[structstore(skip)]
    scratch: Vec<u8>,
}

fn state(cycle: u64) -> ArmState {
    let x = cycle as f32;
    ArmState {
        cycle,
        ready: cycle % 2 == 1,
        mode: if cycle.is_multiple_of(3) { Mode::Idle } else { Mode::EmergencyStop },
        q: [[x, 1.0], [2.0, x], [0.0, -x]],
        wrench: Wrench { force: [1.0, 2.0, cycle as f64], limit: x },
        offsets: Offsets { left: -7, right: cycle as i16 },
        boxed: Box::new(5),
        scratch: Vec::new(),
    }
}

#[test]
fn derived_structs_are_published_and_read() {
    let store = StructStore::new();
    let states = store.ensure_stream::<ArmState>("state", Stream::depth(10)).unwrap();
    assert_eq!(states.latest().unwrap_err().kind(), ErrorKind::NoSample);
    assert_eq!(states.latest().unwrap_err().to_string(), "state: no sample has been published yet");
    let mut follow = states.follow(Start::Next);
    for cycle in 0..5 {
        assert_eq!(states.publish(&state(cycle)).unwrap(), cycle);
    }
    let newest = states.latest().unwrap();
    assert_eq!((newest.value, newest.seq, newest.missed), (state(4), 4, 0));
    for cycle in 0..5 {
        let sample = follow.try_next().unwrap().unwrap();
        assert_eq!((sample.value, sample.seq, sample.missed), (state(cycle), cycle, 0));
    }
    assert!(follow.try_next().unwrap().is_none());
    let history = states.history(3).unwrap();
    assert_eq!(history.rows().unwrap(), [state(2), state(3), state(4)]);
    assert_eq!(history.column::<f64>("wrench.force").unwrap(), [1.0, 2.0, 2.0, 1.0, 2.0, 3.0, 1.0, 2.0, 4.0]);
    assert_eq!(history.column::<i16>("right").unwrap(), [2, 3, 4]);
    for (field, kind) in [
        ("wrench", ErrorKind::WrongType),
        ("none", ErrorKind::NotFound),
        ("q.x", ErrorKind::NotFound),
        ("cycle", ErrorKind::WrongType),
    ] {
        assert_eq!(history.column::<f32>(field).unwrap_err().kind(), kind, "{field}");
    }
    // NumPy's names for all of it.
    let value = states.value().unwrap();
    assert_eq!(
        value.dtype().descr(),
        "[('cycle', '<u8'), ('ready', '|b1'), ('mode', '<U14'), ('q', '<f4', (3, 2)), \
         ('wrench', [('force', '<f8', (3,)), ('limit', '<f4')]), ('left', '<i2'), ('right', '<i2'), ('boxed', '|u1')]"
    );
    let shown: Value<'static> = store.get("state").unwrap();
    let Value::Stream(shown) = shown else { panic!("{shown}") };
    let shown = shown.newest_value();
    assert_eq!(shown.get("mode"), Some(&"emergency_stop".into()));
    assert_eq!(shown.get("wrench").unwrap().get("limit"), Some(&Value::from(4.0)));
    assert!(
        store.to_string().starts_with(
            r#"{"state": {"cycle": 4, "ready": false, "mode": "emergency_stop", "q": [[4.0, 1.0]"#
        )
    );
}

#[test]
fn metadata_of_samples_is_kept() {
    let (store, other) = (StructStore::new(), StructStore::new());
    let states = store.ensure_stream::<ArmState>("state", Stream::depth(10)).unwrap();
    let value = states.value().unwrap();
    let paths: Vec<&str> = value.metas().iter().map(|(path, _)| path.as_str()).collect();
    assert_eq!(paths, ["mode", "wrench.limit"]);
    let (mode, limit) = (&value.metas()[0].1, &value.metas()[1].1);
    assert_eq!((mode.choices.len(), limit.unit.as_ref()), (2, "N"));
    // They inform, and refuse nothing.
    let mut beyond = state(0);
    beyond.wrench.limit = 1e6;
    states.publish(&beyond).unwrap();
    other.restore(&store.to_bytes().unwrap()).unwrap();
    assert_eq!(other.get::<Stream<ArmState>>("state").unwrap().value().unwrap().metas(), value.metas());
    let schema = other.schema().unwrap().to_string();
    assert!(
        schema.starts_with("struct\n  state: stream of 10 samples, each struct\n    cycle: u64\n"),
        "{schema}"
    );
    assert!(schema.contains("\n      limit: f32, a number from 0.0 to 100.0, in N"), "{schema}");
    for path in ["none", "wrench", "q"] {
        let value = StreamValue::new(DType::of::<u8>(), &[], 1).unwrap();
        let error = value.with_metas(vec![(path.to_owned(), structstore::Meta::new())]).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidArgument);
    }
}

#[test]
fn scalars_arrays_and_slices_are_samples() {
    let store = StructStore::new();
    let speed = store.ensure_stream::<f64>("speed", Stream::depth(3)).unwrap();
    speed.publish_at(&0.5, 17).unwrap();
    let sample = speed.latest().unwrap();
    assert_eq!((sample.value, sample.time), (0.5, 17));
    assert!(sample.age() > Duration::from_nanos(1));

    let flags = store.ensure_stream::<bool>("flag", Stream::depth(3)).unwrap();
    flags.publish(&true).unwrap();
    assert!(flags.latest().unwrap().value);

    let joints = store.ensure_stream::<[f32; 7]>("joints", Stream::depth(3)).unwrap();
    joints.publish(&[0.25; 7]).unwrap();
    assert_eq!(joints.latest().unwrap().value, [0.25; 7]);

    let small = store.ensure_stream::<[u16]>("small", Stream::array([2, 3]).depth(4)).unwrap();
    small.publish(&[1, 2, 3, 4, 5, 6]).unwrap();
    assert_eq!(*small.latest().unwrap().value, [1, 2, 3, 4, 5, 6]);
    let error = small.publish(&[1, 2, 3]).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidArgument, "{error}");
    assert_eq!(small.published(), 1, "nothing was published");
    assert_eq!(small.loan().unwrap_err().kind(), ErrorKind::WrongType);
    assert_eq!(small.history(9).unwrap().into_array().unwrap().shape(), [1, 2, 3]);
}

#[test]
fn what_is_asked_for_has_to_fit() {
    let store = StructStore::new();
    store.ensure_stream::<f64>("speed", Stream::depth(3)).unwrap();
    store.set("number", 5).unwrap();
    let kind = |error: Error| error.kind();
    assert_eq!(
        store.ensure_stream::<f32>("speed", Stream::depth(3)).map_err(kind).unwrap_err(),
        ErrorKind::WrongType
    );
    store.get::<Stream<[f64]>>("speed").unwrap();
    assert_eq!(store.get::<Stream<i64>>("speed").map_err(kind).unwrap_err(), ErrorKind::WrongType);
    assert_eq!(store.get::<Stream<f64>>("number").map_err(kind).unwrap_err(), ErrorKind::WrongType);
    let deeper = store.ensure_stream::<f64>("speed", Stream::depth(4)).unwrap_err();
    assert_eq!(deeper.to_string(), "speed: found stream of f64, depth 3, expected a depth of at least 4");
    store.ensure_stream::<f64>("speed", Stream::depth(2)).unwrap();
    for depth in [0, 1 << 27] {
        let error = store.ensure_stream::<f64>("other", Stream::depth(depth)).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidArgument);
    }
    let error = store.ensure_stream::<[u8]>("other", Stream::depth(1)).unwrap_err();
    assert!(error.to_string().contains("shape"), "{error}");
    let huge = store.ensure_stream::<[u8]>("other", Stream::array([1 << 30, 1 << 30]).depth(1));
    assert!(matches!(huge, Err(error) if error.kind() == ErrorKind::InvalidArgument));
    assert!(!store.contains("other").unwrap());

    #[derive(StructStore)]
    struct Logged {
        entries: Vec<f64>,
    }
    let error = store.ensure_stream::<Logged>("log", Stream::depth(1)).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unsupported);
    assert!(error.to_string().starts_with("log.entries: cannot store"), "{error}");
}

#[test]
fn a_slow_follower_knows_what_it_missed() {
    for count in [1_u64, 5, 8, 9, 100, 1000] {
        let store = StructStore::new();
        let numbers = store.ensure_stream::<u64>("numbers", Stream::depth(8)).unwrap();
        let frames = store.ensure_stream::<[u8]>("frames", Stream::array([5000]).depth(8)).unwrap();
        let mut follow = (numbers.follow(Start::Next), frames.follow(Start::Next));
        for at in 0..count {
            numbers.publish(&at).unwrap();
            frames.publish(&[at as u8; 5000]).unwrap();
        }
        let (mut got, mut missed) = (0, 0);
        while let Some(sample) = follow.0.try_next().unwrap() {
            (got, missed) = (got + 1, missed + sample.missed);
            assert_eq!(sample.value, sample.seq);
            assert_eq!(sample.seq + 1, got + missed);
        }
        assert_eq!(got + missed, count);
        assert!(got >= count.min(8), "{got} of {count}");
        let (mut got, mut missed) = (0, 0);
        while let Some(sample) = follow.1.try_next().unwrap() {
            (got, missed) = (got + 1, missed + sample.missed);
            assert!(sample.value.iter().all(|byte| *byte == sample.seq as u8));
        }
        assert_eq!(got + missed, count);
        assert!(got >= count.min(8), "{got} frames of {count}");
        // From the oldest, from one that is gone, and from the newest.
        let first = numbers.follow(Start::Oldest).try_next().unwrap().unwrap();
        assert_eq!((first.seq, first.missed), (count.saturating_sub(8), 0));
        let first = numbers.follow(Start::At(0)).try_next().unwrap().unwrap();
        assert_eq!(first.seq, first.missed);
        assert_eq!(numbers.follow(Start::Newest).try_next().unwrap().unwrap().seq, count - 1);
        let last = numbers.since(count.saturating_sub(2)).unwrap();
        assert_eq!(last.rows().unwrap(), (count.saturating_sub(2)..count).collect::<Vec<u64>>());
        let all = numbers.history(count).unwrap();
        assert_eq!(all.len() as u64 + all.missed(), count);
        assert_eq!(all.rows().unwrap(), all.seqs());
        let all = frames.history(count).unwrap();
        assert_eq!(all.len() as u64 + all.missed(), count);
    }
}

#[test]
fn since_begins_where_it_is_asked_to() {
    let store = StructStore::new();
    let numbers = store.ensure_stream::<u64>("numbers", Stream::depth(100_000)).unwrap();
    thread::scope(|scope| {
        let publisher =
            scope.spawn(|| (0..50_000).for_each(|at| assert_eq!(numbers.publish(&at).unwrap(), at)));
        while !publisher.is_finished() {
            let seq = numbers.published();
            let since = numbers.since(seq).unwrap();
            assert_eq!(since.seqs().first().copied().unwrap_or(seq), seq);
            assert_eq!(since.missed(), 0);
        }
    });
    assert_eq!(numbers.since(49_998).unwrap().seqs(), [49_998, 49_999]);
    assert!(numbers.since(60_000).unwrap().is_empty());
}

#[test]
fn waiting_for_nothing_is_an_error() {
    assert_eq!(stream::wait(&[], None).unwrap_err().kind(), ErrorKind::InvalidArgument);
    assert!(!stream::wait_any(&[], None).unwrap());
}

#[test]
fn frames_stay_while_they_are_used() {
    let store = StructStore::new();
    let frames = store.ensure_stream::<[u32]>("frames", Stream::array([2000]).depth(3)).unwrap();
    let publish = |value: u32| frames.publish(&vec![value; 2000]);
    publish(0).unwrap();
    let kept: Vec<_> = (1..=3)
        .map(|value| {
            let frame = frames.latest().unwrap().value;
            publish(value).unwrap();
            frame
        })
        .collect();
    for value in 4..50 {
        publish(value).unwrap();
    }
    for (value, frame) in (0..).zip(&kept) {
        assert!(frame.iter().all(|found| *found == value));
    }
    // All but the newest are in use now.
    let last = frames.latest().unwrap();
    let mut more = vec![last.value];
    let refused = loop {
        match publish(99) {
            Ok(_) => more.push(frames.latest().unwrap().value),
            Err(error) => break error,
        }
    };
    assert_eq!(refused.kind(), ErrorKind::FramesPinned, "{refused}");
    assert!(kept.len() + more.len() >= 4);
    drop(kept);
    publish(100).unwrap();
    assert_eq!(frames.latest().unwrap().value[7], 100);
}

#[test]
fn a_loan_is_published_or_nothing_happened() {
    let store = StructStore::new();
    let frames = store.ensure_stream::<[u8]>("frames", Stream::array([64, 100]).depth(2)).unwrap();
    for value in 0..20 {
        let mut dropped = frames.loan().unwrap();
        dropped.as_mut_slice().fill(255);
        drop(dropped);
        let mut loan = frames.loan().unwrap();
        loan.as_mut_slice().fill(value);
        assert_eq!(frames.release().unwrap_err().kind(), ErrorKind::FramesPinned);
        assert_eq!(loan.publish_at(u64::from(value)).unwrap(), u64::from(value));
        assert!(frames.latest().unwrap().value.iter().all(|found| *found == value));
    }
    // Several at a time, published in another order.
    let (mut first, mut second) = (frames.loan().unwrap(), frames.loan().unwrap());
    first.as_mut_slice().fill(1);
    second.as_mut_slice().fill(2);
    assert_eq!(second.publish().unwrap(), 20);
    assert_eq!(first.publish().unwrap(), 21);
    assert_eq!(frames.latest().unwrap().value[0], 1);
    frames.release().unwrap();
    frames.publish(&[3; 6400]).unwrap();
}

#[test]
fn a_removed_stream_is_stale_and_what_was_read_stays() {
    let store = StructStore::new();
    for replaced in [false, true] {
        let numbers = store.ensure_stream::<u64>("numbers", Stream::depth(8)).unwrap();
        let frames = store.ensure_stream::<[u8]>("frames", Stream::array([5000]).depth(1)).unwrap();
        numbers.publish(&7).unwrap();
        frames.publish(&[7; 5000]).unwrap();
        let (frame, loan) = (frames.latest().unwrap().value, frames.loan().unwrap());
        let mut follow = numbers.follow(Start::Next);
        let waiting = thread::spawn(move || follow.next().unwrap().unwrap_err().kind());
        if replaced {
            store.set("numbers", 5).unwrap();
            store.set("frames", StreamValue::new(DType::of::<u8>(), &[5000], 2).unwrap()).unwrap();
        } else {
            store.clear().unwrap();
        }
        assert_eq!(waiting.join().unwrap(), ErrorKind::StaleHandle);
        for error in [
            numbers.publish(&8).unwrap_err(),
            numbers.latest().unwrap_err(),
            numbers.history(1).map(drop).unwrap_err(),
            numbers.follow(Start::Next).try_next().unwrap_err(),
            frames.publish(&[8; 5000]).unwrap_err(),
            frames.latest().unwrap_err(),
            frames.follow(Start::Next).try_next().unwrap_err(),
            loan.publish().unwrap_err(),
        ] {
            assert_eq!(error.kind(), ErrorKind::StaleHandle, "{error}");
        }
        assert!(frame.iter().all(|byte| *byte == 7));
        store.clear().unwrap();
        store.check().unwrap();
    }
}

#[test]
fn assigning_the_same_stream_keeps_it() {
    let store = StructStore::new();
    let speed = store.ensure_stream::<f64>("speed", Stream::depth(3)).unwrap();
    speed.publish(&1.0).unwrap();
    store.set("speed", StreamValue::new(DType::of::<f64>(), &[], 3).unwrap()).unwrap();
    speed.publish(&2.0).unwrap();
    assert_eq!(speed.published(), 2);
    store.set("speed", StreamValue::new(DType::of::<f64>(), &[], 4).unwrap()).unwrap();
    assert_eq!(speed.publish(&3.0).unwrap_err().kind(), ErrorKind::StaleHandle);
}

#[test]
fn snapshots_hold_the_newest_sample() {
    let (store, other) = (StructStore::new(), StructStore::new());
    store.ensure_stream::<Wrench>("empty", Stream::depth(2)).unwrap();
    let frames = store.ensure_stream::<[u8]>("frames", Stream::array([5000]).depth(2)).unwrap();
    let wrench = store.ensure_stream::<Wrench>("wrench", Stream::depth(2)).unwrap();
    for at in 0..3 {
        frames.publish_at(&[at; 5000], 50).unwrap();
        wrench.publish_at(&Wrench { force: [at.into(); 3], limit: 0.5 }, 60).unwrap();
    }
    other.restore(&store.to_bytes().unwrap()).unwrap();
    assert_eq!(store.to_value().unwrap(), other.to_value().unwrap());
    let restored = other.get::<Stream<Wrench>>("wrench").unwrap();
    let newest = restored.latest().unwrap();
    assert_eq!((newest.value.force, newest.time, newest.seq), ([2.0; 3], 60, 0));
    assert_eq!(restored.publish(&newest.value).unwrap(), 1);
    assert_eq!(other.get::<Stream<[u8]>>("frames").unwrap().latest().unwrap().value[4999], 2);
    assert_eq!(other.get::<Stream<Wrench>>("empty").unwrap().published(), 0);
    other.check().unwrap();
}

#[test]
fn snapshots_hold_all_samples_on_demand() {
    let (store, other) = (StructStore::new(), StructStore::new());
    let numbers = store.ensure_stream::<i16>("numbers", Stream::depth(5)).unwrap();
    let frames = store.ensure_stream::<[u8]>("frames", Stream::array([5000]).depth(3)).unwrap();
    store.ensure_stream::<i16>("empty", Stream::depth(5)).unwrap();
    for value in 0..10 {
        numbers.publish_at(&i16::from(value), 100 + u64::from(value)).unwrap();
        frames.publish_at(&[value; 5000], 200 + u64::from(value)).unwrap();
    }
    let (newest, all) = (store.to_bytes().unwrap(), store.to_bytes_with_samples().unwrap());
    assert!(all.len() > newest.len() + 2 * 5000);
    other.restore(&all).unwrap();
    let restored = other.get::<Stream<i16>>("numbers").unwrap().history(9).unwrap();
    assert_eq!(restored.rows().unwrap(), [5, 6, 7, 8, 9]);
    assert_eq!((restored.seqs()[0], restored.times()[4]), (0, 109));
    let restored = other.get::<Stream<[u8]>>("frames").unwrap().history(9).unwrap();
    assert_eq!(restored.times(), [207, 208, 209]);
    assert_eq!(other.get::<Stream<i16>>("empty").unwrap().published(), 0);
    // What was restored goes on, and is the same again.
    assert_eq!(other.to_bytes_with_samples().unwrap(), all);
    other.get::<Stream<[u8]>>("frames").unwrap().publish(&[1; 5000]).unwrap();
    assert_eq!(other.get::<Stream<i16>>("numbers").unwrap().publish(&1).unwrap(), 5);
    other.check().unwrap();
    // In a stream there is no room for more than it keeps.
    let sample = |time: u8| structstore::stream::SampleValue { time: time.into(), data: vec![time].into() };
    let stream = StreamValue::new(DType::of::<u8>(), &[], 2).unwrap();
    assert!(stream.clone().with_samples(vec![sample(1), sample(2)]).is_ok());
    let error = stream.with_samples(vec![sample(1), sample(2), sample(3)]).unwrap_err();
    assert_eq!(error.to_string(), "samples: found 3, expected at most 2");
}

#[test]
fn threads_of_a_process_publish_together() {
    let store = StructStore::new();
    let numbers = store.ensure_stream::<[u64; 4]>("numbers", Stream::depth(64)).unwrap();
    let frames = store.ensure_stream::<[u64]>("frames", Stream::array([1000]).depth(8)).unwrap();
    const EACH: u64 = 2000;
    let reader = {
        let (mut numbers, mut frames) = (numbers.follow(Start::Next), frames.follow(Start::Next));
        thread::spawn(move || {
            let (mut seen, mut framed) = (0, 0);
            while seen < 2 * EACH || framed < 2 * EACH {
                stream::wait(&[&numbers, &frames], Some(Duration::from_millis(100))).unwrap();
                while let Some(sample) = numbers.try_next().unwrap() {
                    assert!(sample.value.iter().all(|word| *word == sample.value[0]), "torn");
                    assert_eq!(sample.seq, seen + sample.missed);
                    seen = sample.seq + 1;
                }
                while let Some(sample) = frames.try_next().unwrap() {
                    assert!(sample.value.iter().all(|word| *word == sample.value[0]), "torn");
                    assert_eq!(sample.seq, framed + sample.missed);
                    framed = sample.seq + 1;
                }
            }
        })
    };
    thread::scope(|scope| {
        for by in 0..2 {
            let (numbers, frames) = (&numbers, &frames);
            scope.spawn(move || {
                for at in 0..EACH {
                    numbers.publish(&[2 * at + by; 4]).unwrap();
                    frames.publish(&[2 * at + by; 1000]).unwrap();
                }
            });
        }
    });
    reader.join().unwrap();
    assert_eq!((numbers.published(), frames.published()), (2 * EACH, 2 * EACH));
}

#[test]
fn watches_report_news() {
    let store = StructStore::new();
    let speed = store.ensure_stream::<f64>("speed", Stream::depth(3)).unwrap();
    let frames = store.ensure_stream::<[u8]>("frames", Stream::array([5000]).depth(3)).unwrap();
    let mut watch = store.watch().unwrap();
    speed.publish(&1.0).unwrap();
    speed.publish(&1.0).unwrap();
    assert_eq!(watch.wait(Some(Duration::from_secs(60))).unwrap().unwrap(), ["speed"]);
    frames.loan().unwrap().publish().unwrap();
    assert_eq!(watch.changes().unwrap(), ["frames"]);
    assert_eq!(watch.changes().unwrap(), [""; 0]);
}

#[test]
fn guards_and_transactions_cover_that_the_stream_is_there() {
    let store = StructStore::new();
    let speed = store.ensure_stream::<f64>("speed", Stream::depth(3)).unwrap();
    let guard = store.write().unwrap();
    speed.publish(&1.0).unwrap();
    assert_eq!(speed.latest().unwrap().value, 1.0);
    assert_eq!(guard.get::<Stream<f64>>("speed").map(drop).unwrap_err().kind(), ErrorKind::HeldByGuard);
    drop(guard);
    let undone = store.transaction(|store| {
        store.delete("speed")?;
        store.set("new", StreamValue::new(DType::of::<u8>(), &[], 1)?)?;
        Err::<(), _>(Error::rejected("undone"))
    });
    assert_eq!(undone.unwrap_err().kind(), ErrorKind::Rejected);
    assert_eq!(store.kind("speed").unwrap(), Kind::Stream);
    assert_eq!(store.get::<Stream<f64>>("speed").unwrap().latest().unwrap().value, 1.0);
    speed.publish(&2.0).unwrap();
    store.check().unwrap();
}

#[test]
fn serde_reads_the_newest_sample() {
    #[derive(serde::Deserialize, Debug, PartialEq)]
    struct Found {
        wrench: FoundWrench,
        none: Option<f64>,
    }
    #[derive(serde::Deserialize, Debug, PartialEq)]
    struct FoundWrench {
        force: Vec<f64>,
        limit: f32,
    }
    let store = StructStore::new();
    let wrench = store.ensure_stream::<Wrench>("wrench", Stream::depth(2)).unwrap();
    store.ensure_stream::<f64>("none", Stream::depth(2)).unwrap();
    wrench.publish(&Wrench { force: [1.0, 2.0, 3.0], limit: 0.5 }).unwrap();
    let found: Found = store.load_serde().unwrap();
    let expected = FoundWrench { force: vec![1.0, 2.0, 3.0], limit: 0.5 };
    assert_eq!(found, Found { wrench: expected, none: None });
    let json = serde_json::to_string(&store).unwrap();
    assert_eq!(json, r#"{"wrench":{"force":[1.0,2.0,3.0],"limit":0.5},"none":null}"#);
}
