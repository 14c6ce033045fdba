//! What is recorded is read, played and recorded again as it was.

use std::path::{Path as FilePath, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use structstore::path::Path;
use structstore::stream::{AnyStream, Stream};
use structstore::{
    ArrayValue, DType, Error as StoreError, Item, Meta, StructStore, StructStoreShared, Value,
};
use structstore_record::{
    Arrays, Error, Go, Options, Player, Playing, Recording, Run, Source, Streams, repair,
};
use structstore_tests::SegmentName;

const LIMIT: Duration = Duration::from_secs(120);

struct Folder(tempfile::TempDir);

impl Folder {
    fn new() -> Folder {
        Folder(tempfile::tempdir().unwrap())
    }

    fn file(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }
}

fn path(text: &str) -> Path {
    text.parse().unwrap()
}

/// Records while something happens.
fn record(store: &StructStore, file: &FilePath, options: Options, happens: impl FnOnce(&Recording)) {
    let mut recording = Recording::start(store, "local", file, options).unwrap();
    happens(&recording);
    recording.stop().unwrap();
    assert!(!recording.is_running());
}

/// Changes something, and waits until the recorder has written it.
fn change(recording: &Recording, change: impl FnOnce()) {
    let start = Instant::now();
    let wait_beyond = |messages: u64| {
        while recording.status().messages <= messages {
            assert!(start.elapsed() < LIMIT);
            thread::sleep(Duration::from_millis(1));
        }
    };
    // What was there at the start is counted at once.
    wait_beyond(0);
    let before = recording.status().messages;
    change();
    wait_beyond(before);
}

/// Everything that a store can hold.
fn everything() -> StructStore {
    let store = StructStore::new();
    let fields: [(&str, Value<'_>); 11] = [
        ("null", Value::Null),
        ("bool", true.into()),
        ("u64", u64::MAX.into()),
        ("i64", i64::MIN.into()),
        ("i8", (-5_i8).into()),
        ("f32", 0.1_f32.into()),
        ("nan", f64::NAN.into()),
        ("inf", f32::NEG_INFINITY.into()),
        ("$odd/name \u{1F600}", "a\"b\n".into()),
        ("bytes", Value::bytes(vec![0, 255])),
        (
            "list",
            Value::list([
                Value::from(1_u8),
                "two".into(),
                Value::record([("x", Value::from(3.5_f32))]),
                Value::Null,
            ]),
        ),
    ];
    store.update(fields.iter().map(|(name, value)| (*name, value))).unwrap();
    let inner = store.ensure_struct("arm").unwrap().ensure_struct("wrist").unwrap();
    inner.set("angle", 1.5).unwrap();
    store.ensure_struct("empty").unwrap();
    store.set("gains", [1.0_f32, f32::INFINITY]).unwrap();
    store.set("image", ArrayValue::from_slice(&[2, 2, 3], &[7_u8; 12]).unwrap()).unwrap();
    let times = ArrayValue::new(DType::new("<M8[us]").unwrap(), &[1], vec![1; 8]).unwrap();
    store.set("times", times).unwrap();
    store
}

/// Equal also in the types of numbers, NaNs included.
fn identical(found: &Value<'_>, expected: &Value<'_>) {
    assert_eq!(sorted(found), sorted(expected));
}

fn sorted(value: &Value<'_>) -> String {
    match value {
        Value::Struct(fields) => {
            let mut fields: Vec<String> =
                fields.iter().map(|(name, value)| format!("{name:?}: {}", sorted(value))).collect();
            fields.sort();
            format!("{{{}}}", fields.join(", "))
        }
        other => format!("{other:?}"),
    }
}

#[test]
fn every_kind_comes_back_as_it_was() {
    let (store, folder) = (everything(), Folder::new());
    let file = folder.file("run.mcap");
    let mut states = Vec::new();
    record(&store, &file, Options::new(), |recording| {
        states.push(store.to_value().unwrap());
        change(recording, || store.set_at("arm.wrist.angle", 2.5).unwrap());
        assert!(repair(&file).unwrap_err().to_string().contains("still being made"));
        store.set("u64", 1_u64).unwrap();
        store.set("bool", "now a string").unwrap();
        store.delete("null").unwrap();
        store.set("gains", [2.0_f32, 3.0, 4.0]).unwrap();
        store.ensure_list("list").unwrap().push(7_i16).unwrap();
        store
            .set(
                "new",
                Value::record([("x", Value::from(1_i16)), ("y", Value::record([("z", Value::Null)]))]),
            )
            .unwrap();
        store.delete("arm").unwrap();
        store.set("empty", 5).unwrap();
    });
    let run = Run::open(&file).unwrap();
    assert!(run.is_finished());
    identical(&run.start_state().unwrap(), &states[0]);
    identical(&run.end_state().unwrap(), &store.to_value().unwrap());
    // Played into another store and recorded again: the same.
    let again = StructStore::new();
    run.replay(&again, &Playing { speed: 1000.0, ..Playing::default() }, &mut || Go::On).unwrap();
    identical(&again.to_value().unwrap(), &store.to_value().unwrap());
    let second = folder.file("again.mcap");
    record(&again, &second, Options::new(), |_| {});
    identical(&Run::open(&second).unwrap().end_state().unwrap(), &store.to_value().unwrap());
}

#[test]
fn series_are_values_over_time() {
    let (store, folder) = (StructStore::new(), Folder::new());
    let file = folder.file("run.mcap");
    store.ensure_struct("pose").unwrap().set("x", 0_i16).unwrap();
    store.set("gains", [0.0, 0.0]).unwrap();
    record(&store, &file, Options::new().rate(10_000.0), |recording| {
        for x in 1_i16..20 {
            change(recording, || store.set_at("pose.x", x).unwrap());
        }
        recording.mark("the end").unwrap();
    });
    let run = Run::open(&file).unwrap();
    let series = run.series(&path("pose.x")).unwrap();
    let expected: Vec<Value<'_>> = (0..20_i16).map(Value::from).collect();
    assert_eq!(format!("{:?}", series.values), format!("{expected:?}"));
    assert!(series.times.is_sorted() && series.times[0] < 1.0);
    let missing = run.series(&path("pose.y")).unwrap_err();
    assert!(matches!(&missing, Error::NotRecorded(of) if *of == path("pose.y")));
    assert_eq!(missing.to_string(), "pose.y: not in this recording");
    let topics: Vec<(&str, Source)> =
        run.topics().iter().map(|topic| (topic.name.as_str(), topic.source)).collect();
    assert!(topics.contains(&("/pose", Source::Struct)) && topics.contains(&("/gains", Source::Array)));
    assert!(topics.contains(&("/structstore.marks", Source::Marks)));
    let middle = series.times[10] + 1e-6;
    assert_eq!(run.at(middle).unwrap().get("pose").unwrap().to_string(), r#"{"x": 10}"#);
}

#[derive(structstore::StructStore, Debug, PartialEq)]
struct Imu {
    t: f64,
    acc: [f32; 3],
    ok: bool,
}

#[test]
fn streams_are_recorded_whole() {
    let (store, folder) = (StructStore::new(), Folder::new());
    let file = folder.file("run.mcap");
    let imu = store.ensure_stream::<Imu>("imu", Stream::depth(2000)).unwrap();
    record(&store, &file, Options::new(), |_| {
        let image = store.ensure_struct("camera").unwrap();
        let image = image.ensure_stream::<[u8]>("image", Stream::array([4, 4, 3]).depth(100)).unwrap();
        for at in 0..1000_u16 {
            imu.publish(&Imu { t: at.into(), acc: [at.into(), 0.1, f32::NAN], ok: at % 2 == 0 }).unwrap();
        }
        // A stream that is found while it is recorded, with what it has by then.
        image.publish(&[8; 48]).unwrap();
        let start = Instant::now();
        while start.elapsed() < Duration::from_millis(300) {
            thread::sleep(Duration::from_millis(10));
        }
        image.publish(&[9; 48]).unwrap();
    });
    let run = Run::open(&file).unwrap();
    let series = run.series(&path("imu.t")).unwrap();
    assert_eq!(series.values.len(), 1000);
    assert_eq!(series.values[999], Value::from(999.0));
    assert!(run.series(&path("imu.acc[0]")).unwrap().values.len() == 1000);
    assert_eq!(run.series(&path("camera.image")).unwrap().values.len(), 2);
    // The same samples, byte by byte but for payloads of NaN.
    let again = StructStore::new();
    again.ensure_stream::<Imu>("imu", Stream::depth(2000)).unwrap();
    run.replay(&again, &Playing { speed: 1000.0, ..Playing::default() }, &mut || Go::On).unwrap();
    let samples = |store: &StructStore, name: &str| {
        let Item::Stream(stream) = store.get_at::<Item>(name).unwrap() else { panic!("no stream") };
        let stream: AnyStream = stream;
        let history = stream.history(2000).unwrap();
        history.samples().map(<[u8]>::to_vec).collect::<Vec<_>>()
    };
    assert_eq!(samples(&again, "imu"), samples(&store, "imu"));
    assert_eq!(samples(&again, "camera.image"), samples(&store, "camera.image"));
}

#[test]
fn only_what_is_asked_for_is_recorded() {
    let (store, folder) = (everything(), Folder::new());
    let file = folder.file("run.mcap");
    record(&store, &file, Options::new().paths([path("arm")]).arrays(Arrays::None), |_| {
        store.set_at("arm.wrist.angle", 9.5).unwrap();
        store.set("u64", 7_u64).unwrap();
        store.set("gains", [9.0_f32]).unwrap();
    });
    let run = Run::open(&file).unwrap();
    let names: Vec<&str> = run.topics().iter().map(|topic| topic.name.as_str()).collect();
    assert_eq!(names, ["/", "/arm", "/arm/wrist"]);
    assert_eq!(run.end_state().unwrap().to_string(), r#"{"arm": {"wrist": {"angle": 9.5}}}"#);
    // Of a store that it is played into, the rest stays.
    let other = StructStore::new();
    other.set("own", 1).unwrap();
    run.replay(&other, &Playing { speed: 1000.0, ..Playing::default() }, &mut || Go::On).unwrap();
    assert_eq!(other.get_at::<f64>("arm.wrist.angle").unwrap(), 9.5);
    assert_eq!(other.get::<i64>("own").unwrap(), 1);
    assert_eq!(run.series(&path("arm.wrist.angle")).unwrap().values.last(), Some(&Value::from(9.5)));
}

#[test]
fn transactions_are_in_one_piece() {
    let (store, folder) = (StructStore::new(), Folder::new());
    let file = folder.file("run.mcap");
    for part in ["left", "right"] {
        store.ensure_struct(part).unwrap().set("x", 0_i64).unwrap();
    }
    record(&store, &file, Options::new().rate(10_000.0), |recording| {
        let done = AtomicBool::new(false);
        thread::scope(|scope| {
            scope.spawn(|| {
                for x in (1..).take_while(|_| !done.load(Ordering::Relaxed)) {
                    let both = store.transaction(|root| {
                        root.at("left")?.set("x", x)?;
                        root.at("right")?.set("x", x)?;
                        Ok::<_, StoreError>(())
                    });
                    both.unwrap();
                    // Who changes things without a pause leaves few moments to look at them.
                    if x % 16 == 0 {
                        thread::sleep(Duration::from_micros(50));
                    }
                }
            });
            while recording.status().messages < 500 {
                thread::sleep(Duration::from_millis(1));
            }
            done.store(true, Ordering::Relaxed);
        });
    });
    let run = Run::open(&file).unwrap();
    let [left, right] = ["left.x", "right.x"].map(|text| run.series(&path(text)).unwrap());
    assert_eq!(left.times, right.times);
    assert_eq!(left.values, right.values);
    assert!(left.values.len() > 100);
    // And are replayed so, each on its own.
    let (again, mut seen) = (StructStore::new(), Vec::new());
    let mut look = || {
        let both = ["left.x", "right.x"].map(|path| again.get_at::<i64>(path).unwrap_or(-1));
        assert_eq!(both[0], both[1]);
        seen.push(both[0]);
        Go::On
    };
    run.replay(&again, &Playing { speed: 1000.0, ..Playing::default() }, &mut look).unwrap();
    seen.dedup();
    assert!(seen.len() > 100, "{}", seen.len());
}

#[test]
fn a_file_that_was_cut_is_read_and_repaired() {
    let (store, folder) = (everything(), Folder::new());
    let file = folder.file("run.mcap");
    record(&store, &file, Options::new().rate(1000.0), |recording| {
        for angle in 0..30 {
            change(recording, || store.set_at("arm.wrist.angle", f64::from(angle) + 3.0).unwrap());
        }
    });
    let whole = std::fs::read(&file).unwrap();
    let complete = Run::open(&file).unwrap().series(&path("arm.wrist.angle")).unwrap().values.len();
    let mut most = 0;
    for cut in (0..whole.len()).step_by(whole.len() / 50).chain([whole.len() - 1]) {
        let part = folder.file("cut.mcap");
        std::fs::write(&part, &whole[..cut]).unwrap();
        // Readable as far as it goes, or an error: no panic.
        let Ok(run) = Run::open(&part) else { continue };
        assert!(!run.is_finished());
        let before = run.series(&path("arm.wrist.angle")).map_or(0, |series| series.values.len());
        most = most.max(before);
        drop(run);
        repair(&part).unwrap();
        let run = Run::open(&part).unwrap();
        assert!(run.is_finished());
        assert_eq!(run.series(&path("arm.wrist.angle")).map_or(0, |series| series.values.len()), before);
    }
    assert_eq!(most, complete);
}

/// A finished recording that this program has not made: one topic, a chunk for each message.
fn made(file: &FilePath, topic: &str, told: &[(&str, &str)], messages: &[String]) -> mcap::Summary {
    made_with(mcap::WriteOptions::new(), file, topic, told, messages)
}

fn made_with(
    options: mcap::WriteOptions,
    file: &FilePath,
    topic: &str,
    told: &[(&str, &str)],
    messages: &[String],
) -> mcap::Summary {
    let created = std::fs::File::create(file).unwrap();
    let mut writer = options.create(std::io::BufWriter::new(created)).unwrap();
    let schema = br#"{"properties": {"n": {"x-structstore": "i64"}}}"#;
    let schema = writer.add_schema("n", "jsonschema", schema).unwrap();
    let told = told.iter().map(|(name, text)| (format!("structstore.{name}"), (*text).to_owned()));
    let channel = writer.add_channel(schema, topic, "json", &told.collect()).unwrap();
    for (at, message) in messages.iter().enumerate() {
        let time = at as u64 + 1;
        let header = mcap::records::MessageHeader {
            channel_id: channel,
            sequence: at as u32,
            log_time: time,
            publish_time: time,
        };
        writer.write_to_known_channel(&header, message.as_bytes()).unwrap();
        writer.flush().unwrap();
    }
    writer.finish().unwrap()
}

/// A finished recording of many chunks, and the places of these in it.
fn of_many_chunks(folder: &Folder, name: &str) -> (PathBuf, Vec<(usize, usize)>) {
    let file = folder.file(name);
    let messages: Vec<String> = (0..40).map(|at| format!("{{\"n\": {at}}}")).collect();
    let summary = made(&file, "/a", &[("path", "a"), ("source", "struct")], &messages);
    let place = |index: &mcap::records::ChunkIndex| {
        (index.chunk_start_offset as usize, (index.chunk_start_offset + index.chunk_length) as usize)
    };
    (file, summary.chunk_indexes.iter().map(place).collect())
}

#[test]
fn a_damaged_chunk_costs_no_other() {
    use std::os::unix::fs::PermissionsExt;
    let folder = Folder::new();
    let (file, chunks) = of_many_chunks(&folder, "run.mcap");
    assert_eq!(chunks.len(), 40);
    let mut damaged = std::fs::read(&file).unwrap();
    // Also the one that says what the channel is.
    for chunk in [0, 2] {
        damaged[chunks[chunk].1 - 1] ^= 0x55;
    }
    std::fs::write(&file, &damaged).unwrap();
    std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o600)).unwrap();
    let error = Run::open(&file).unwrap().series(&path("a.n")).unwrap_err().to_string();
    assert!(error.contains("structstore record --repair"), "{error}");
    let repaired = repair(&file).unwrap();
    let left_out = [0, 2].map(|chunk| chunks[chunk].1 - chunks[chunk].0).iter().sum::<usize>();
    assert_eq!((repaired.messages, repaired.chunks, repaired.bytes), (38, 2, left_out as u64));
    assert_eq!(repaired.original, Some(folder.file("run.mcap.damaged")));
    assert_eq!(std::fs::read(folder.file("run.mcap.damaged")).unwrap(), damaged);
    assert_eq!(std::fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
    let run = Run::open(&file).unwrap();
    assert_eq!((run.is_finished(), run.damaged_chunks(), run.topics()[0].messages), (true, 0, 38));
    drop(run);
    // Once more, it has nothing to leave out.
    assert_eq!(repair(&file).unwrap().original, None);
    // The name of the original is taken.
    std::fs::write(&file, &damaged).unwrap();
    let error = repair(&file).unwrap_err().to_string();
    assert!(error.contains("run.mcap.damaged"), "{error}");
    assert_eq!(std::fs::read(&file).unwrap(), damaged);
    assert!(!folder.file("run.mcap.repaired").exists());
}

#[test]
fn indexes_may_be_missing() {
    let folder = Folder::new();
    let file = folder.file("run.mcap");
    let messages: Vec<String> = (0..10).map(|at| format!("{{\"n\": {at}}}")).collect();
    let told = [("path", "a"), ("source", "struct")];
    let count = || Run::open(&file).unwrap().series(&path("a.n")).unwrap().values.len();
    let options = mcap::WriteOptions::new;
    for options in [options().use_chunks(false), options().emit_chunk_indexes(false)] {
        made_with(options, &file, "/a", &told, &messages);
        assert!(!Run::open(&file).unwrap().is_finished());
        assert_eq!(count(), 10);
    }
    let summary = made_with(options().emit_message_indexes(false), &file, "/a", &told, &messages);
    assert!(Run::open(&file).unwrap().is_finished());
    assert_eq!(count(), 10);
    // Also if its recorder was killed: with the chunks only.
    let last = summary.chunk_indexes.last().unwrap();
    let bytes = std::fs::read(&file).unwrap();
    std::fs::write(&file, &bytes[..(last.chunk_start_offset + last.chunk_length) as usize]).unwrap();
    assert!(!Run::open(&file).unwrap().is_finished());
    assert_eq!(count(), 10);
}

#[test]
fn a_chunk_is_read_once_whatever_the_indexes_say() {
    let folder = Folder::new();
    let (file, chunks) = of_many_chunks(&folder, "run.mcap");
    let mut bytes = std::fs::read(&file).unwrap();
    let index = |chunk: usize| {
        let (begin, end) = chunks[chunk];
        [(begin as u64).to_le_bytes(), ((end - begin) as u64).to_le_bytes()].concat()
    };
    let at = bytes.windows(16).rposition(|bytes| bytes == index(1)).unwrap();
    bytes[at..at + 16].copy_from_slice(&index(0));
    // Without a checksum of the summary.
    let end = bytes.len() - mcap::MAGIC.len();
    bytes[end - 4..end].fill(0);
    std::fs::write(&file, &bytes).unwrap();
    let error = Run::open(&file).unwrap_err().to_string();
    assert!(error.contains("indexes of chunks that overlap"), "{error}");
    bytes[at + 8..at + 16].fill(0);
    std::fs::write(&file, &bytes).unwrap();
    let error = Run::open(&file).unwrap().series(&path("a.n")).unwrap_err().to_string();
    assert!(error.contains("an index that leads to no chunk"), "{error}");
    assert_eq!(repair(&file).unwrap().messages, 40);
}

#[test]
fn damaged_chunks_of_an_unfinished_recording_are_counted() {
    let (store, folder) = (everything(), Folder::new());
    let file = folder.file("run.mcap");
    record(&store, &file, Options::new().rate(1000.0), |recording| {
        for round in 0..4 {
            change(recording, || store.set_at("arm.wrist.angle", f64::from(round) + 3.0).unwrap());
            // As often as the recorder makes chunks of its own.
            thread::sleep(Duration::from_millis(1100));
        }
    });
    let mut bytes = std::fs::read(&file).unwrap();
    let summary = mcap::Summary::read(&bytes).unwrap().unwrap();
    let chunks = summary.chunk_indexes;
    assert!(chunks.len() >= 3, "{}", chunks.len());
    let last = chunks.last().unwrap();
    let (middle, end) = (&chunks[1], (last.chunk_start_offset + last.chunk_length) as usize);
    bytes[(middle.chunk_start_offset + middle.chunk_length) as usize - 1] ^= 0x55;
    std::fs::write(&file, &bytes[..end]).unwrap();
    let run = Run::open(&file).unwrap();
    assert!(!run.is_finished());
    let angles = run.series(&path("arm.wrist.angle")).unwrap().values;
    assert_eq!(angles.last(), Some(&Value::from(6.0)));
    assert_eq!(run.damaged_chunks(), 1);
    drop(run);
    let repaired = repair(&file).unwrap();
    assert_eq!((repaired.chunks, repaired.original.is_some()), (1, true));
    assert_eq!(Run::open(&file).unwrap().series(&path("arm.wrist.angle")).unwrap().values, angles);
}

#[test]
fn what_cannot_be_repaired_stays() {
    let folder = Folder::new();
    let (file, chunks) = of_many_chunks(&folder, "run.mcap");
    let whole = std::fs::read(&file).unwrap();
    let refused = |bytes: &[u8], expected: &str| {
        std::fs::write(&file, bytes).unwrap();
        let error = repair(&file).unwrap_err().to_string();
        assert!(error.contains(expected), "{error}");
        assert_eq!(std::fs::read(&file).unwrap(), bytes);
        assert!(!folder.file("run.mcap.damaged").exists());
    };
    // Chunks of another compression: the same in name only.
    let mut other = whole.clone();
    for (begin, end) in &chunks {
        let chunk = &mut other[*begin..*end];
        let at = chunk.windows(4).position(|name| name == b"zstd").unwrap();
        chunk[at..at + 4].copy_from_slice(b"lz44");
        chunk[at + 12..at + 16].fill(0);
    }
    refused(&other, "the compression \"lz44\" is not known");
    let noise: Vec<u8> =
        (0..10_000_u64).map(|at| (at.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 56) as u8).collect();
    refused(&[mcap::MAGIC, &noise].concat(), "nothing in it can be kept");
    refused(mcap::MAGIC, "nothing in it can be kept");
    // Somebody's file.
    std::fs::write(folder.file("run.mcap.repaired"), b"mine").unwrap();
    refused(&whole, "run.mcap.repaired");
    assert_eq!(std::fs::read(folder.file("run.mcap.repaired")).unwrap(), b"mine");
}

#[test]
fn what_was_recorded_is_readable_soon() {
    let (store, folder) = (everything(), Folder::new());
    let (file, copy) = (folder.file("run.mcap"), folder.file("copy.mcap"));
    record(&store, &file, Options::new(), |recording| {
        change(recording, || store.set_at("arm.wrist.angle", 7.0).unwrap());
        let (start, angle) = (Instant::now(), path("arm.wrist.angle"));
        let is_there = || {
            std::fs::copy(&file, &copy).unwrap();
            let series = Run::open(&copy).and_then(|run| run.series(&angle));
            series.is_ok_and(|series| series.values.last() == Some(&Value::from(7.0)))
        };
        // Also if something else changes all the time.
        for number in 0_u64.. {
            if number % 10 == 0 && is_there() {
                break;
            }
            assert!(start.elapsed() < LIMIT);
            store.set("u64", number).unwrap();
            thread::sleep(Duration::from_millis(2));
        }
    });
}

#[test]
fn other_bytes_are_an_error() {
    let (store, folder) = (everything(), Folder::new());
    let file = folder.file("run.mcap");
    record(&store, &file, Options::new(), |_| {});
    let whole = std::fs::read(&file).unwrap();
    let part = folder.file("other.mcap");
    let chunks = mcap::Summary::read(&whole).unwrap().unwrap().chunk_indexes;
    let lies_in = |at: usize, chunk: &mcap::records::ChunkIndex| {
        (chunk.chunk_start_offset..chunk.chunk_start_offset + chunk.chunk_length).contains(&(at as u64))
    };
    let read = |run: &Run| {
        let (state, series) = (run.end_state(), run.series(&path("arm.wrist.angle")));
        (state.ok().map(|state| sorted(&state)), series.ok().map(|series| format!("{series:?}")))
    };
    let undamaged = read(&Run::open(&file).unwrap());
    for at in (8..whole.len()).step_by(7) {
        let mut other = whole.clone();
        other[at] ^= 0x55;
        std::fs::write(&part, &other).unwrap();
        if let Ok(run) = Run::open(&part) {
            let (state, series) = read(&run);
            if chunks.iter().any(|chunk| lies_in(at, chunk)) {
                assert!(state.is_none() || state == undamaged.0, "{at}: {state:?}");
                assert!(series.is_none() || series == undamaged.1, "{at}: {series:?}");
            }
            let _ = run.duration();
            let _ = run.replay(
                &StructStore::new(),
                &Playing { speed: 1000.0, ..Playing::default() },
                &mut || Go::Stop,
            );
        }
    }
    std::fs::write(&part, b"no recording").unwrap();
    assert!(Run::open(&part).unwrap_err().to_string().contains("this is no MCAP file"));
}

#[test]
fn a_long_recording_goes_on_in_further_files() {
    let (store, folder) = (everything(), Folder::new());
    let file = folder.file("run.mcap");
    record(&store, &file, Options::new().rate(10_000.0).split(20_000), |recording| {
        let start = Instant::now();
        let mut angle = 0.0;
        while !folder.file("run-2.mcap").exists() {
            assert!(start.elapsed() < LIMIT);
            angle += 1.0;
            store.set_at("arm.wrist.angle", angle).unwrap();
            thread::sleep(Duration::from_micros(200));
        }
        change(recording, || store.set_at("arm.wrist.angle", -1.0).unwrap());
    });
    let mut number = 2;
    while folder.file(&format!("run-{}.mcap", number + 1)).exists() {
        number += 1;
    }
    let last = Run::open(folder.file(&format!("run-{number}.mcap"))).unwrap();
    identical(&last.end_state().unwrap(), &store.to_value().unwrap());
    // A replay goes on in the further files, from wherever it starts, and however long the recording takes.
    let first = Run::open(&file).unwrap();
    for start in [0.0, first.duration() / 2.0, first.duration() + 1e-3, 1e9] {
        let (again, playing) = (StructStore::new(), Playing { start, speed: 0.001, ..Playing::default() });
        first.replay(&again, &playing, &mut || Go::AtOnce).unwrap();
        identical(&again.to_value().unwrap(), &store.to_value().unwrap());
    }
    // Names that are taken are left alone.
    for name in ["taken-2.mcap", "taken-2-2.mcap", "taken-3.mcap"] {
        std::fs::write(folder.file(name), b"mine").unwrap();
    }
    record(&store, &folder.file("taken.mcap"), Options::new().rate(10_000.0).split(20_000), |recording| {
        let start = Instant::now();
        let mut angle = 0.0;
        while recording.files().len() < 3 {
            assert!(start.elapsed() < LIMIT && recording.is_running());
            angle += 1.0;
            store.set_at("arm.wrist.angle", angle).unwrap();
            thread::sleep(Duration::from_micros(200));
        }
        let names = ["taken.mcap", "taken-2-3.mcap", "taken-3-2.mcap"].map(|name| folder.file(name));
        assert_eq!(recording.files()[..3], names);
        change(recording, || store.set_at("arm.wrist.angle", -2.0).unwrap());
    });
    assert_eq!(std::fs::read(folder.file("taken-2.mcap")).unwrap(), b"mine");
    let again = StructStore::new();
    let taken = Run::open(folder.file("taken.mcap")).unwrap();
    taken.replay(&again, &Playing::default(), &mut || Go::AtOnce).unwrap();
    identical(&again.to_value().unwrap(), &store.to_value().unwrap());
    // Another recording does not.
    std::fs::copy(folder.file("run-2.mcap"), folder.file("other-2.mcap")).unwrap();
    record(&StructStore::new(), &folder.file("other.mcap"), Options::new(), |_| {});
    assert!(Run::open(folder.file("other.mcap")).unwrap().next().unwrap().is_none());
    // One that its recorder has only begun is none.
    let further = std::fs::read(folder.file("run-2.mcap")).unwrap();
    std::fs::write(folder.file("run-2.mcap"), b"").unwrap();
    assert!(first.next().unwrap().is_none());
    // One that is damaged is an error, when its time has come.
    for damaged in [&b"no recording"[..], &further[..7]] {
        std::fs::write(folder.file("run-2.mcap"), damaged).unwrap();
        let (again, playing) = (StructStore::new(), Playing::default());
        let played = first.replay(&again, &playing, &mut || Go::AtOnce).unwrap_err().to_string();
        let started = Player::start(Run::open(&file).unwrap(), &again).err().unwrap().to_string();
        for error in [first.next().unwrap_err().to_string(), played, started] {
            assert!(error.contains("run-2.mcap: this is no MCAP file"), "{error}");
        }
        identical(&again.to_value().unwrap(), &first.end_state().unwrap());
    }
}

#[test]
fn recordings_of_one_moment_have_names_of_their_own() {
    let (store, folder) = (StructStore::new(), Folder::new());
    store.set("n", 1).unwrap();
    let pattern = folder.file("{time}.mcap");
    let start = || Recording::start(&store, "local", &pattern, Options::new()).unwrap();
    let mut recordings: Vec<Recording> = (0..20).map(|_| start()).collect();
    let mut files: Vec<PathBuf> = recordings.iter().flat_map(Recording::files).collect();
    files.sort();
    files.dedup();
    assert_eq!(files.len(), 20);
    for recording in &mut recordings {
        recording.stop().unwrap();
    }
    // Without a time, a name is taken.
    let refused = Recording::start(&store, "local", &files[0], Options::new()).err().unwrap();
    assert!(refused.to_string().contains("File exists"), "{refused}");
}

#[test]
fn a_player_goes_anywhere() {
    let (store, folder) = (StructStore::new(), Folder::new());
    let file = folder.file("run.mcap");
    store.set("n", 0_i64).unwrap();
    record(&store, &file, Options::new().rate(1000.0), |recording| {
        for n in 1..=20 {
            change(recording, || store.set("n", n).unwrap());
            thread::sleep(Duration::from_millis(10));
        }
    });
    let run = Run::open(&file).unwrap();
    let times = run.series(&path("n")).unwrap().times;
    let copy = StructStore::new();
    let player = Player::start(run, &copy).unwrap();
    let n = || copy.get::<i64>("n").unwrap();
    let until = |expected: i64| {
        let start = Instant::now();
        while n() != expected {
            assert!(start.elapsed() < LIMIT, "{} and not {expected}", n());
            thread::sleep(Duration::from_millis(1));
        }
    };
    assert_eq!(n(), 0);
    for speed in [0.0, -1.0, 1e-300, 1e300, f64::NAN, f64::INFINITY] {
        let error = player.set_speed(speed).unwrap_err().to_string();
        assert_eq!(error, format!("speed: found {speed:?}, expected a number from 0.001 to 1000"));
        let playing = Playing { speed, ..Playing::default() };
        let replayed =
            Run::open(&file).unwrap().replay(&StructStore::new(), &playing, &mut || panic!("it plays"));
        assert_eq!(replayed.unwrap_err().to_string(), error);
    }
    assert_eq!((player.now().speed, player.failure()), (1.0, None));
    for at in [15, 3, 19] {
        player.seek(times[at] + 1e-6);
        until(at as i64);
        assert!(!player.now().playing && (player.now().time - times[at]).abs() < 1e-3);
    }
    player.seek(0.0);
    until(0);
    player.set_speed(0.001).unwrap();
    player.play(true);
    until(0);
    player.set_speed(1000.0).unwrap();
    until(20);
    let start = Instant::now();
    while player.now().playing {
        assert!(start.elapsed() < LIMIT);
        thread::sleep(Duration::from_millis(1));
    }
    assert_eq!(player.now().time, player.duration());
    // From the beginning once more.
    player.set_speed(0.001).unwrap();
    player.play(true);
    until(0);
    player.play(false);
    assert!(player.now().time < times[1] && player.failure().is_none());
}

#[test]
fn a_player_says_why_it_cannot_go_on() {
    let folder = Folder::new();
    let (file, chunks) = of_many_chunks(&folder, "run.mcap");
    let mut bytes = std::fs::read(&file).unwrap();
    bytes[chunks[20].1 - 1] ^= 0x55;
    std::fs::write(&file, &bytes).unwrap();
    let copy = StructStore::new();
    let player = Player::start(Run::open(&file).unwrap(), &copy).unwrap();
    player.set_speed(1000.0).unwrap();
    player.play(true);
    let start = Instant::now();
    let failure = loop {
        assert!(start.elapsed() < LIMIT);
        match player.failure() {
            Some(failure) => break failure,
            None => thread::sleep(Duration::from_millis(1)),
        }
    };
    assert!(failure.contains("run.mcap") && !player.now().playing, "{failure}");
}

#[test]
fn the_sizes_of_samples_are_not_believed() {
    let folder = Folder::new();
    let file = folder.file("run.mcap");
    let record = "[('t', '<f8'), ('mode', '|S8')]";
    let cases = [
        (record, "16", "[]", r#"{"t": 1.5, "mode": "on"}"#, None),
        (record, "4000000000", "[]", r#"{"t": 1.5}"#, Some("found an item size of 4000000000, expected 16")),
        ("|S4000000000", "4000000000", "[]", r#"{"value": "on"}"#, Some("a sample of 4000000000 bytes")),
        ("[('x', '<f8', (1000000,))]", "8000000", "[]", "{}", Some("a sample of 8000000 bytes")),
        ("[('', '|V4000000000'), ('x', '<f8')]", "4000000008", "[]", "{}", Some("of 4000000008 bytes")),
        (
            "<f8",
            "8",
            "[4000000000]",
            r#"{"dtype": "<f8", "shape": [1], "data": "AAAAAAAAAAA="}"#,
            Some("32000000000"),
        ),
        (
            "<f8",
            "8",
            "[2]",
            r#"{"dtype": "<f8", "shape": [1], "data": "AAAAAAAAAAA="}"#,
            Some("8 bytes, expected 16"),
        ),
    ];
    for (dtype, itemsize, shape, message, expected) in cases {
        let told = [
            ("path", "s"),
            ("source", "stream"),
            ("dtype", dtype),
            ("itemsize", itemsize),
            ("shape", shape),
            ("depth", "2"),
        ];
        made(&file, "/s", &told, &[message.to_owned(), message.to_owned()]);
        let run = Run::open(&file).unwrap();
        let played = run.replay(&StructStore::new(), &Playing::default(), &mut || Go::AtOnce);
        let errors =
            [run.series(&path("s")).err(), played.err()].map(|error| error.map(|error| error.to_string()));
        for error in errors {
            match (&error, expected) {
                (None, None) => {}
                (Some(error), Some(expected)) => {
                    assert!(error.contains("run.mcap: /s: ") && error.contains(expected), "{error}");
                }
                _ => panic!("{dtype}: {error:?}"),
            }
        }
    }
}

#[test]
fn what_is_missing_of_a_stream_is_said_where_it_is_missing() {
    let (store, folder) = (StructStore::new(), Folder::new());
    let file = folder.file("run.mcap");
    let [numbers, others] =
        ["numbers", "others"].map(|name| store.ensure_stream::<u32>(name, Stream::depth(2)).unwrap());
    let mut missed = 0;
    let only = Options::new().paths([]).streams(Streams::Below(vec![path("numbers")]));
    record(&store, &file, only, |recording| {
        let start = Instant::now();
        let mut next = 0;
        while recording.status().missed == 0 {
            assert!(start.elapsed() < LIMIT);
            (next..next + 1000).for_each(|at| drop(numbers.publish(&at)));
            others.publish(&next).unwrap();
            next += 1000;
        }
        thread::sleep(Duration::from_millis(100));
        missed = recording.status().missed;
    });
    let run = Run::open(&file).unwrap();
    assert!(run.series(&path("others")).is_err());
    let recorded: Vec<i128> = run.series(&path("numbers")).unwrap().values.iter().map(integer).collect();
    let gap = |(_, text): (f64, String)| {
        let number = text.strip_prefix("numbers: ")?.strip_suffix(" samples are missing")?;
        number.parse::<u64>().ok()
    };
    let gaps: Vec<u64> = run.marks().unwrap().into_iter().filter_map(gap).collect();
    assert_eq!(gaps.iter().sum::<u64>(), missed);
    let first = recorded[0] as u64;
    let jumps: u64 = recorded.windows(2).map(|pair| (pair[1] - pair[0] - 1) as u64).sum();
    assert_eq!(jumps + first, missed);
}

fn integer(value: &Value<'_>) -> i128 {
    value.to_string().parse().unwrap()
}

#[test]
fn kinds_that_change_all_the_time_take_further_files() {
    const PARTS: usize = 1000;
    let (store, folder) = (StructStore::new(), Folder::new());
    let file = folder.file("run.mcap");
    // A list for each number, whose items have other kinds for each.
    let of_bits = |number: usize| {
        let kinds =
            (0..8).map(|bit| if number >> bit & 1 == 0 { Value::from(1) } else { Value::from("one") });
        Value::list(kinds)
    };
    for at in 0..PARTS {
        store.ensure_struct(&*format!("p{at}")).unwrap().set("kinds", of_bits(0)).unwrap();
    }
    record(&store, &file, Options::new().rate(1000.0), |recording| {
        for round in 1..60 {
            let before = recording.status().messages;
            store
                .transaction(|root| {
                    (0..PARTS).try_for_each(|at| root.at(format!("p{at}"))?.set("kinds", of_bits(round)))
                })
                .unwrap();
            let start = Instant::now();
            while recording.status().messages < before + PARTS as u64 {
                assert!(start.elapsed() < LIMIT && recording.is_running());
                thread::sleep(Duration::from_millis(1));
            }
        }
        assert_eq!(recording.files().len(), 2);
    });
    let copy = StructStore::new();
    let playing = Playing { speed: 1000.0, ..Playing::default() };
    Run::open(&file).unwrap().replay(&copy, &playing, &mut || Go::On).unwrap();
    identical(&copy.to_value().unwrap(), &store.to_value().unwrap());
}

#[test]
fn limits_and_units_are_in_the_schema() {
    let (store, folder) = (StructStore::new(), Folder::new());
    let file = folder.file("run.mcap");
    store.set("kp", 1.5).unwrap();
    store.declare("kp", &Meta::new().range(0.0..=5.0).unit("V").description("A gain.")).unwrap();
    record(&store, &file, Options::new(), |_| {});
    let bytes = std::fs::read(&file).unwrap();
    let summary = mcap::Summary::read(&bytes).unwrap().unwrap();
    // As PlotJuggler wants it: a summary, and a schema on each channel.
    assert!(summary.stats.is_some() && summary.channels.values().all(|channel| channel.schema.is_some()));
    let root = summary.channels.values().find(|channel| channel.topic == "/").unwrap();
    let schema: serde_json::Value = serde_json::from_slice(&root.schema.as_ref().unwrap().data).unwrap();
    assert_eq!(schema["properties"]["kp"]["maximum"], 5.0);
    assert_eq!(schema["properties"]["kp"]["x-unit"], "V");
    assert_eq!(schema["properties"]["kp"]["x-structstore"], "f64");
}

#[test]
fn a_shared_store_is_recorded_by_an_observer_until_it_goes() {
    let (name, folder) = (SegmentName::new("record"), Folder::new());
    let store = StructStoreShared::open(&*name).unwrap();
    store.set("n", 1).unwrap();
    let observer = StructStoreShared::options().observe(true).open(&*name).unwrap();
    let file = folder.file("run.mcap");
    let mut recording = Recording::start(&observer, &name, &file, Options::new()).unwrap();
    change(&recording, || store.set("n", 2).unwrap());
    store.close().unwrap();
    let start = Instant::now();
    while recording.is_running() {
        assert!(start.elapsed() < LIMIT);
        thread::sleep(Duration::from_millis(5));
    }
    recording.stop().unwrap();
    assert_eq!(Run::open(&file).unwrap().end_state().unwrap().to_string(), r#"{"n": 2}"#);
}
