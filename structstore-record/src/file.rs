//! A recording as it is written.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fs::File;
use std::io::BufWriter;
use std::path::{Path as FilePath, PathBuf};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use mcap::records::MessageHeader;
use mcap::{Attachment, Compression, WriteOptions, Writer};
use serde_json::{Value as Json, json};
use structstore::path::{Path, Step};
use structstore::stream::wall_time;
use structstore::{ArrayValue, Meta, Struct, Value};

use crate::encode;
use crate::error::{Error, Result};
use crate::queue::{Followed, Item};
use crate::shape;
use crate::shared::Shared;
use crate::topic;
use crate::tree::{Node, Touched};

/// The name of the attachments with the whole state.
pub(crate) const STATE: &str = "state.structstore";
/// The name of the metadata that says what a recording is of.
pub(crate) const METADATA: &str = "structstore";
/// Where the metadata says what the store is called, which recording it is, and which of its files.
pub(crate) const STORE: &str = "store";
pub(crate) const RECORDING: &str = "recording";
pub(crate) const NUMBER: &str = "number";
/// Where a channel says what it is of.
pub(crate) const PATH: &str = "structstore.path";
pub(crate) const SOURCE: &str = "structstore.source";
/// Where the channel of a struct that is recorded in part says which of its fields are.
pub(crate) const ONLY: &str = "structstore.only";
/// The topic of remarks.
pub(crate) const MARKS: &str = "/structstore.marks";
/// How often what was written is made sure to be readable, whatever happens next.
const FLUSH: Duration = Duration::from_secs(1);
const CHUNK: u64 = 1 << 20;
/// How many channels a file gets, if another one can go on. Lists whose kinds change all the time have another one each time; 65,535 is the end.
const CHANNELS: usize = 50_000;

pub(crate) struct Recorded {
    file: PathBuf,
    shared: Arc<Shared>,
    writer: Writer<BufWriter<File>>,
    tree: Node,
    structs: HashMap<Path, (u64, u16)>,
    /// By their topics, schemas, and what is told of them.
    others: HashMap<(String, &'static str, String), u16>,
    sequence: u32,
    /// How many messages were written and not counted yet.
    messages: u64,
    channels: usize,
    flushed: Instant,
    /// How many bytes were written, before compression.
    bytes: u64,
}

/// Which file of a recording it is.
#[derive(Clone, Copy)]
pub(crate) struct Part {
    /// When the recording began, by the wall clock.
    pub(crate) recording: u64,
    /// From 1.
    pub(crate) number: u32,
}

impl Recorded {
    /// A recording in a new file, which begins with what the structs of a tree are.
    pub(crate) fn create(
        file: &FilePath,
        created: File,
        shared: &Arc<Shared>,
        part: Part,
        tree: Node,
    ) -> Result<Recorded> {
        // For `repair`, which leaves a file alone that is being written. Some file systems have no locks.
        let _ = created.try_lock();
        let options = WriteOptions::new()
            .profile("")
            .library(format!("structstore {}", env!("CARGO_PKG_VERSION")))
            .compression(Some(Compression::Zstd))
            .compression_level(1)
            .chunk_size(Some(CHUNK));
        let failed = |error| Error::writing(file, error);
        let mut writer = options.create(BufWriter::new(created)).map_err(failed)?;
        let metadata = BTreeMap::from([
            (STORE.to_owned(), shared.name.clone()),
            ("version".to_owned(), "1".to_owned()),
            (
                "clock".to_owned(),
                "log_time is wall time by an offset from CLOCK_MONOTONIC, taken at the start".to_owned(),
            ),
            ("offset".to_owned(), wall_time(0).to_string()),
            (RECORDING.to_owned(), part.recording.to_string()),
            (NUMBER.to_owned(), part.number.to_string()),
        ]);
        writer
            .write_metadata(&mcap::records::Metadata { name: METADATA.to_owned(), metadata })
            .map_err(failed)?;
        shared.add_file(file);
        Ok(Recorded {
            file: file.to_owned(),
            shared: Arc::clone(shared),
            writer,
            tree,
            structs: HashMap::new(),
            others: HashMap::new(),
            sequence: 0,
            messages: 0,
            channels: 0,
            flushed: Instant::now(),
            bytes: 0,
        })
    }

    /// Writes an item.
    pub(crate) fn write(&mut self, item: &Item) -> Result<()> {
        match item {
            Item::State { time, snapshot } => {
                if let Some(snapshot) = snapshot {
                    self.attach(*time, snapshot)?;
                }
            }
            Item::Look { time, changes } => {
                let mut touched = Touched::default();
                for (path, value) in changes {
                    self.tree.apply(path, value.clone(), &mut touched);
                }
                for path in touched.structs {
                    self.write_struct(*time, &path)?;
                }
                for (path, array) in touched.arrays {
                    self.write_array(*time, &path, &array)?;
                }
            }
            Item::Sample { time, stream, seq, data } => self.write_sample(*time, stream, *seq, data)?,
            Item::Mark { time, text } | Item::Save { time, text } => {
                let schema = json!({ "title": "structstore.Mark", "type": "object", "properties": { "text": { "type": "string" } } });
                let channel =
                    self.channel(MARKS, "structstore.Mark", || schema, &Path::ROOT, "marks", &[])?;
                self.message(channel, *time, None, &json!({ "text": text }).to_string().into_bytes())?;
            }
        }
        // At once: whoever has seen one message of an item has seen all.
        self.shared.counters.messages.fetch_add(std::mem::take(&mut self.messages), Ordering::Relaxed);
        self.flush_now_and_then()
    }

    fn attach(&mut self, time: u64, snapshot: &[u8]) -> Result<()> {
        self.count(snapshot.len());
        let attachment = Attachment {
            log_time: wall_time(time),
            create_time: wall_time(time),
            name: STATE.to_owned(),
            media_type: "application/x-structstore".to_owned(),
            data: snapshot.into(),
        };
        self.writer.attach(&attachment).map_err(|error| Error::writing(&self.file, error))
    }

    fn write_struct(&mut self, time: u64, path: &Path) -> Result<()> {
        let Some(node) = self.tree.at(path) else { return Ok(()) };
        let leaves = node.leaves();
        let fingerprint = shape::fingerprint(&leaves);
        let message = encode::of_struct(node, &leaves).map_err(|error| Error::damaged(&self.file, error))?;
        let channel = match self.structs.get(path) {
            Some((known, channel)) if *known == fingerprint => *channel,
            _ => {
                let (topic, metas) = (topic::name(path), metas(&self.shared.root, path, &leaves));
                let schema = shape::of_fields(&topic, &leaves, &metas);
                let only: Vec<(&str, String)> =
                    self.only(path).map(|only| ("only", only)).into_iter().collect();
                let id = self.add_channel(&topic, &topic, &schema, path, "struct", &only)?;
                self.structs.insert(path.clone(), (fingerprint, id));
                id
            }
        };
        self.message(channel, time, None, &message)
    }

    /// Which fields of a struct are recorded, as JSON, if not all are.
    fn only(&self, path: &Path) -> Option<String> {
        if self.shared.options.has(path) {
            return None;
        }
        let below = self.shared.options.paths.iter().filter(|wanted| wanted.starts_with(path));
        let names = below.filter_map(|wanted| match wanted.steps().get(path.steps().len()) {
            Some(Step::Name(name)) => Some(name.to_string()),
            _ => None,
        });
        Some(json!(names.collect::<BTreeSet<String>>()).to_string())
    }

    fn write_array(&mut self, time: u64, path: &Path, array: &ArrayValue<'_>) -> Result<()> {
        let message = encode::of_array(array.dtype(), array.shape(), array.data(), wall_time(time));
        let is_image = shape::image_encoding(array.dtype(), array.shape()).is_some();
        let channel = self.array_channel(path, is_image, "array", &[])?;
        self.message(channel, time, None, &message)
    }

    fn array_channel(
        &mut self,
        path: &Path,
        is_image: bool,
        source: &'static str,
        told: &[(&str, String)],
    ) -> Result<u16> {
        let topic = topic::name(path);
        match is_image {
            true => self.channel(&topic, shape::IMAGE, shape::of_image, path, source, told),
            false => self.channel(
                &topic,
                "structstore.Array",
                || shape::of_array("structstore.Array"),
                path,
                source,
                told,
            ),
        }
    }

    fn write_sample(&mut self, time: u64, stream: &Followed, seq: u64, data: &[u8]) -> Result<()> {
        let value = &stream.value;
        let told = [
            ("dtype", value.dtype().descr().to_owned()),
            ("itemsize", value.dtype().itemsize().to_string()),
            ("shape", json!(value.shape()).to_string()),
            ("depth", value.depth().to_string()),
        ];
        let (channel, message) = match value.shape() {
            [] => {
                let sample = value.sample(data);
                let message =
                    encode::of_sample(&sample).map_err(|error| Error::damaged(&self.file, error))?;
                let schema = || of_sample(&sample);
                (
                    self.channel(
                        &topic::name(&stream.path),
                        "structstore.Sample",
                        schema,
                        &stream.path,
                        "stream",
                        &told,
                    )?,
                    message,
                )
            }
            shape => {
                let message = encode::of_array(value.dtype(), shape, data, wall_time(time));
                let is_image = shape::image_encoding(value.dtype(), shape).is_some();
                (self.array_channel(&stream.path, is_image, "stream", &told)?, message)
            }
        };
        self.message(channel, time, Some(seq), &message)
    }

    fn channel(
        &mut self,
        topic: &str,
        name: &'static str,
        schema: impl FnOnce() -> Json,
        path: &Path,
        source: &str,
        told: &[(&str, String)],
    ) -> Result<u16> {
        // A stream of another type is another channel of the same topic.
        let key = (topic.to_owned(), name, told.iter().map(|(_, text)| text.as_str()).collect::<String>());
        if let Some(channel) = self.others.get(&key) {
            return Ok(*channel);
        }
        let id = self.add_channel(topic, name, &schema(), path, source, told)?;
        self.others.insert(key, id);
        Ok(id)
    }

    fn add_channel(
        &mut self,
        topic: &str,
        name: &str,
        schema: &Json,
        path: &Path,
        source: &str,
        told: &[(&str, String)],
    ) -> Result<u16> {
        let failed = |error| Error::writing(&self.file, error);
        let schema =
            self.writer.add_schema(name, "jsonschema", schema.to_string().as_bytes()).map_err(failed)?;
        let own = [(PATH.to_owned(), path.to_string()), (SOURCE.to_owned(), source.to_owned())];
        let told = told.iter().map(|(name, text)| (format!("structstore.{name}"), text.clone()));
        let metadata: BTreeMap<String, String> = own.into_iter().chain(told).collect();
        self.channels += 1;
        self.writer.add_channel(schema, topic, "json", &metadata).map_err(failed)
    }

    fn message(&mut self, channel_id: u16, time: u64, seq: Option<u64>, data: &[u8]) -> Result<()> {
        self.sequence = self.sequence.wrapping_add(1);
        let sequence = seq.map_or(self.sequence, |seq| seq as u32);
        let header =
            MessageHeader { channel_id, sequence, log_time: wall_time(time), publish_time: wall_time(time) };
        self.messages += 1;
        self.count(data.len());
        self.writer.write_to_known_channel(&header, data).map_err(|error| Error::writing(&self.file, error))
    }

    /// Writes what all structs are, so that the file needs none before it.
    pub(crate) fn write_structs(&mut self, time: u64) -> Result<()> {
        let mut paths = vec![Path::ROOT];
        while let Some(path) = paths.pop() {
            self.write_struct(time, &path)?;
            let inner = self.tree.at(&path).into_iter().flat_map(Node::fields);
            let structs = inner.filter(|(_, field)| field.part() == Some("struct"));
            paths.extend(structs.map(|(name, _)| path.then(name)));
        }
        Ok(())
    }

    /// What the structs are, for the file that goes on after this one.
    pub(crate) fn take_tree(&mut self) -> Node {
        std::mem::take(&mut self.tree)
    }

    /// Whether another file should go on.
    pub(crate) fn is_full(&self, most: Option<u64>) -> bool {
        self.channels >= CHANNELS || most.is_some_and(|most| self.bytes >= most)
    }

    fn count(&mut self, bytes: usize) {
        self.bytes += bytes as u64;
        self.shared.counters.bytes.fetch_add(bytes as u64, Ordering::Relaxed);
    }

    /// Makes sure, once a second, that what was written can be read whatever happens next.
    pub(crate) fn flush_now_and_then(&mut self) -> Result<()> {
        if self.flushed.elapsed() < FLUSH {
            return Ok(());
        }
        self.flushed = Instant::now();
        self.writer.flush().map_err(|error| Error::writing(&self.file, error))
    }

    /// Writes the summary.
    pub(crate) fn finish(mut self) -> Result<()> {
        self.writer.finish().map(drop).map_err(|error| Error::writing(&self.file, error))
    }
}

/// What is declared of the fields of a struct.
fn metas(root: &Struct, path: &Path, fields: &shape::Fields<'_>) -> HashMap<String, Meta> {
    let Ok(part) = root.at(path) else { return HashMap::new() };
    let meta = |name: &str| Some((name.to_owned(), part.meta(name).ok().filter(|meta| !meta.is_empty())?));
    fields.iter().filter_map(|(name, _)| meta(name)).collect()
}

/// The schema of samples that are no arrays.
fn of_sample(sample: &Value<'_>) -> Json {
    let fields: Vec<(String, Value<'static>)> = match encode::plain(sample).into_owned().into_owned() {
        Value::Struct(fields) => fields.into_iter().map(|(name, value)| (name.into_owned(), value)).collect(),
        other => vec![("value".to_owned(), other)],
    };
    let fields: shape::Fields<'_> = fields.iter().map(|(name, value)| (name.as_str(), value)).collect();
    shape::of_fields("structstore.Sample", &fields, &HashMap::new())
}
