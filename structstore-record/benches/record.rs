//! What recording costs: a writer of 500 numbers at 1 kHz and an image at 60 Hz, without a recorder and with one in another process, and the
//! processor time of that; how long it takes to open an hour, finished and not; and to read a million samples.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::BufWriter;
use std::path::Path as FilePath;
use std::sync::Arc;
use std::time::{Duration, Instant};
use std::{env, thread};

use mcap::records::MessageHeader;
use mcap::{Attachment, Compression, WriteOptions};
use structstore::stream::Stream;
use structstore::{StructStore, StructStoreShared};
use structstore_record::{Options, Recording, Run};
use structstore_tests::SegmentName;
use structstore_tests::bench::{Other, Times, ready, until_the_end};

/// How long each measurement takes.
const TIME: Duration = Duration::from_secs(10);
const PERIOD: Duration = Duration::from_millis(1);
const FIELDS: usize = 500;

fn main() {
    let arguments: Vec<String> = env::args().collect();
    match arguments.iter().map(String::as_str).collect::<Vec<_>>().as_slice() {
        [_, "records", name, file] => record(name, FilePath::new(file)),
        _ => measure(),
    }
}

fn measure() {
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str| folder.path().join(name);
    let name = SegmentName::new("bench_record");
    let store = StructStoreShared::open(&*name).unwrap();
    let names: Vec<String> = (0..FIELDS).map(|field| format!("f{field}")).collect();
    let image = store.ensure_stream::<[u8]>("image", Stream::array([480, 640, 3]).depth(60)).unwrap();
    let frame = vec![128_u8; 480 * 640 * 3];
    println!("{:34} {:>10} {:>10} {:>10}", "500 numbers at 1 kHz, one update", "p50", "p99", "p99.9");
    for (what, records) in [("nobody records", false), ("a recorder", true), ("nobody, again", false)] {
        let path = file(&format!("{records}.mcap"));
        let _ = std::fs::remove_file(&path);
        let other = records.then(|| Other::start(&["records", &name, path.to_str().unwrap()]));
        let before = other.as_ref().map(Other::processor_time);
        let (start, mut turn) = (Instant::now(), 0_u32);
        let (mut updates, mut frames) = (Vec::new(), 0_u32);
        let all = Times::of(TIME, PERIOD, || {
            let begun = Instant::now();
            store.update(names.iter().map(|name| (name.as_str(), f64::from(turn)))).unwrap();
            updates.push(begun.elapsed());
            turn += 1;
            if turn % 17 == 0 {
                image.publish(&frame).unwrap();
                frames += 1;
            }
        });
        drop(all);
        println!("{what:34}{}", Times::sorted(updates));
        if let (Some(other), Some(before)) = (other, before) {
            let share = (other.processor_time() - before).as_secs_f64() / start.elapsed().as_secs_f64();
            println!("  {:.0} % of a core; {frames} images; {}", share * 100.0, other.end());
        }
    }
    hour(&file("true.mcap"), &file("hour.mcap"));
    samples(&file("samples.mcap"));
}

fn record(name: &str, file: &FilePath) {
    let store = StructStoreShared::options().observe(true).open(name).unwrap();
    let mut recording = Recording::start(&store, name, file, Options::new()).unwrap();
    let mut ended = until_the_end();
    ready();
    while !ended() {
        thread::sleep(Duration::from_millis(20));
    }
    let status = recording.stop().unwrap();
    println!("{} messages, {} missed, {} delayed", status.messages, status.missed, status.delayed);
}

/// An hour of what was recorded, without the images.
fn hour(recorded: &FilePath, file: &FilePath) {
    let bytes = std::fs::read(recorded).unwrap();
    let summary = mcap::Summary::read(&bytes).unwrap().unwrap();
    let options = WriteOptions::new().compression(Some(Compression::Zstd)).compression_level(1);
    let mut writer = options.create(BufWriter::new(File::create(file).unwrap())).unwrap();
    let state = summary.attachment_indexes.first().unwrap();
    let state = mcap::read::attachment(&bytes, state).unwrap();
    writer.attach(&Attachment { data: state.data.clone(), ..state }).unwrap();
    let messages: Vec<_> = mcap::MessageStream::new(&bytes).unwrap().map(Result::unwrap).collect();
    let messages: Vec<_> = messages.into_iter().filter(|message| message.channel.topic == "/").collect();
    let (first, last) = (messages[0].log_time, messages[messages.len() - 1].log_time);
    let mut channels: BTreeMap<u16, u16> = BTreeMap::new();
    for message in &messages {
        let schema = Arc::clone(message.channel.schema.as_ref().unwrap());
        let id = writer.add_schema(&schema.name, &schema.encoding, &schema.data).unwrap();
        let channel = &message.channel;
        let id =
            writer.add_channel(id, &channel.topic, &channel.message_encoding, &channel.metadata).unwrap();
        channels.insert(channel.id, id);
    }
    let span = last - first;
    let mut shift = 0;
    while shift < 3600 * 1_000_000_000 {
        for message in &messages {
            let time = message.log_time + shift;
            let header = MessageHeader {
                channel_id: channels[&message.channel.id],
                sequence: message.sequence,
                log_time: time,
                publish_time: time,
            };
            writer.write_to_known_channel(&header, &message.data).unwrap();
        }
        shift += span;
    }
    writer.finish().unwrap();
    let whole = std::fs::read(file).unwrap();
    let size = whole.len() as f64 / 1e6;
    let opened = time(|| Run::open(file).unwrap().duration());
    let middle = time(|| Run::open(file).unwrap().series(&"f7".parse().unwrap()).unwrap());
    println!("an hour, {size:.0} MB: opened in {opened:.3} s, one field read in {middle:.1} s");
    std::fs::write(file, &whole[..whole.len() * 99 / 100]).unwrap();
    let opened = time(|| Run::open(file).unwrap().duration());
    println!("the same, whose recorder was killed: opened in {opened:.3} s");
}

fn time<T>(act: impl FnOnce() -> T) -> f64 {
    let start = Instant::now();
    drop(act());
    start.elapsed().as_secs_f64()
}

/// A million samples of a record of two numbers.
fn samples(file: &FilePath) {
    #[derive(structstore::StructStore)]
    struct Sample {
        t: f64,
        x: f64,
    }
    let store = StructStore::new();
    let stream = store.ensure_stream::<Sample>("imu", Stream::depth(100_000)).unwrap();
    let mut recording = Recording::start(&store, "local", file, Options::new()).unwrap();
    for at in 0..1_000_000_u32 {
        stream.publish(&Sample { t: f64::from(at) * 1e-3, x: f64::from(at).sin() }).unwrap();
        if at % 10_000 == 0 {
            while u64::from(at) > recording.status().messages + 50_000 {
                thread::sleep(Duration::from_millis(1));
            }
        }
    }
    recording.stop().unwrap();
    let read = time(|| Run::open(file).unwrap().series(&"imu.x".parse().unwrap()).unwrap());
    println!("a million samples: one column read in {read:.2} s");
}
