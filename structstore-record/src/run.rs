//! A recording as it is read.

use std::borrow::Cow;
use std::collections::{BTreeSet, HashMap};
use std::ffi::OsStr;
use std::fs::File;
use std::ops::ControlFlow;
use std::path::{Path as FilePath, PathBuf};
use std::sync::Arc;

use mcap::records::{ChunkHeader, MessageHeader, MessageIndex, Metadata, Record, op};
use mcap::{Channel, Summary};
use memmap2::Mmap;
use parking_lot::Mutex;
use structstore::binding_support::within;
use structstore::guard::StructMut;
use structstore::path::{Path, Step};
use structstore::{DType, Struct, StructStore, Value};

use crate::decode::{self, SampleSize, Spec};
use crate::error::{Error, Result};
use crate::file::{MARKS, METADATA, NUMBER, ONLY, PATH, RECORDING, SOURCE, STATE, STORE};
use crate::records::{self, Channels, Damage, Frames, TOO_MANY_CHANNELS, Visitor};
use crate::series::Series;
use crate::value::inner;
use crate::write::{further, numbered};

/// A recording in a file.
///
/// The file is mapped: a process that truncates it meanwhile kills this one.
pub struct Run {
    file: PathBuf,
    map: Mmap,
    /// Of a recording that was finished.
    summary: Option<Summary>,
    topics: HashMap<u16, Topic>,
    states: Vec<State>,
    span: Option<(u64, u64)>,
    about: About,
    /// The places of chunks that could not be read, of a recording that was not finished.
    missed: Mutex<BTreeSet<u64>>,
}

/// How many bytes a record takes besides its contents: a code, and their length.
const FRAME: u64 = 1 + 8;
/// What to do about a damaged file.
const REMEDY: &str = "`structstore record --repair` keeps what can be read";

/// What the metadata says.
#[derive(Default)]
struct About {
    store: Option<String>,
    /// Which recording, and which file of it, from 1.
    part: Option<(String, u32)>,
}

/// What is recorded of one struct, array or stream. A field that has changed its kind makes another topic of the same name.
#[derive(Debug)]
pub struct Topic {
    /// The name in the file.
    pub name: String,
    /// The path in the store.
    pub path: Path,
    /// What it is of.
    pub source: Source,
    /// How many messages it has.
    pub messages: u64,
    pub(crate) spec: Spec,
    pub(crate) stream: Option<StreamType>,
    /// Of a struct that was recorded in part: which fields were.
    only: Option<Vec<String>>,
}

/// What a topic is of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    /// The values of a struct, at each look at which one of them had changed.
    Struct,
    /// An array, at each look at which it had changed.
    Array,
    /// All samples of a stream.
    Stream,
    /// Remarks.
    Marks,
}

#[derive(Clone, Debug)]
pub(crate) struct StreamType {
    pub(crate) dtype: DType,
    pub(crate) shape: Vec<usize>,
    pub(crate) depth: u64,
    pub(crate) size: SampleSize,
}

/// A whole state in the file, as an attachment.
struct State {
    time: u64,
    /// The place of the attachment.
    offset: u64,
}

/// One message.
#[derive(Clone, Copy)]
pub(crate) struct Entry<'t, 'm> {
    pub(crate) time: u64,
    pub(crate) topic: &'t Topic,
    pub(crate) data: &'m [u8],
}

/// What has one time: it was so at one moment, and is put into a store in one transaction.
#[derive(Default)]
pub(crate) struct Look<'t> {
    time: u64,
    messages: Vec<(&'t Topic, Vec<u8>)>,
    size: usize,
}

/// The largest look that is read, in bytes of its messages.
const LARGEST_LOOK: usize = 1 << 30;

impl<'t> Look<'t> {
    /// Whether a message belongs to it.
    pub(crate) fn has(&self, entry: &Entry<'_, '_>) -> bool {
        !self.messages.is_empty() && self.time == entry.time
    }

    pub(crate) fn add(&mut self, entry: &Entry<'t, '_>) -> Result<(), Failed> {
        self.time = entry.time;
        self.size += size_of::<(&Topic, Vec<u8>)>() + entry.data.len();
        if self.size > LARGEST_LOOK {
            return Err(Failed::Message(format!("messages of more than {LARGEST_LOOK} bytes at one time")));
        }
        self.messages.push((entry.topic, entry.data.to_vec()));
        Ok(())
    }

    /// Puts it into a store, and is empty then.
    pub(crate) fn apply(&mut self, store: &Struct) -> Result<(), Failed> {
        if self.messages.is_empty() {
            return Ok(());
        }
        let messages = std::mem::take(&mut self.messages);
        self.size = 0;
        store.transaction(|root| messages.iter().try_for_each(|(topic, data)| apply(root, topic, data)))
    }
}

/// Why a message cannot be put into a store.
pub(crate) enum Failed {
    Message(String),
    Store(structstore::Error),
}

impl From<structstore::Error> for Failed {
    fn from(error: structstore::Error) -> Failed {
        Failed::Store(error)
    }
}

impl From<String> for Failed {
    fn from(message: String) -> Failed {
        Failed::Message(message)
    }
}

impl std::fmt::Debug for Run {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Run").field("file", &self.file).finish_non_exhaustive()
    }
}

impl Run {
    /// Opens a recording, also one that was not finished because its recorder was killed: as far as it was written.
    ///
    /// # Errors
    ///
    /// [`Error::File`] if it cannot be read, [`Error::Damaged`] if it is no recording of a store.
    pub fn open(file: impl AsRef<FilePath>) -> Result<Run> {
        let run = Run::read(file.as_ref())?;
        match run.is_of_a_store() {
            true => Ok(run),
            false => Err(run.damaged("nothing of a store is recorded in it")),
        }
    }

    /// The same, also of one in which nothing is recorded.
    fn read(file: &FilePath) -> Result<Run> {
        let opened = File::open(file).map_err(Error::file(file))?;
        // SAFETY: the documentation says what a process that truncates it does.
        let map = unsafe { Mmap::map(&opened) }.map_err(Error::file(file))?;
        if !map.starts_with(mcap::MAGIC) {
            return Err(Error::damaged(file, "this is no MCAP file"));
        }
        let summary = Summary::read(&map).ok().flatten().filter(is_index);
        let mut run = Run {
            file: file.to_owned(),
            map,
            summary,
            topics: HashMap::new(),
            states: Vec::new(),
            span: None,
            about: About::default(),
            missed: Mutex::default(),
        };
        match run.summary.take() {
            Some(summary) => run.index(summary)?,
            None => run.scan()?,
        }
        run.states.sort_by_key(|state| state.time);
        Ok(run)
    }

    /// Whether something of a store is recorded.
    fn is_of_a_store(&self) -> bool {
        self.topics.values().any(|topic| topic.source != Source::Marks) || !self.states.is_empty()
    }

    /// Takes what the summary says.
    fn index(&mut self, summary: Summary) -> Result<()> {
        let chunks = summary.chunk_indexes.iter();
        let mut chunks: Vec<(u64, u64)> =
            chunks.map(|index| (index.chunk_start_offset, index.chunk_length)).collect();
        chunks.sort_unstable();
        if chunks.windows(2).any(overlaps) {
            return Err(self.repairable("indexes of chunks that overlap"));
        }
        for (id, channel) in &summary.channels {
            self.topics.extend(Topic::new(channel).map(|topic| (*id, topic)));
        }
        if let Some(stats) = &summary.stats {
            self.span =
                (stats.message_count > 0).then_some((stats.message_start_time, stats.message_end_time));
            for (id, count) in &stats.channel_message_counts {
                if let Some(topic) = self.topics.get_mut(id) {
                    topic.messages = *count;
                }
            }
        }
        for index in summary.attachment_indexes.iter().filter(|index| index.name == STATE) {
            self.states.push(State { time: index.log_time, offset: index.offset });
        }
        for index in summary.metadata_indexes.iter().filter(|index| index.name == METADATA) {
            let first = Frames::from(&self.map, index.offset).next();
            if let Some(Ok(Record::Metadata(metadata))) =
                first.map(|(opcode, body)| records::parse(opcode, body))
            {
                self.about = About::new(&metadata);
            }
        }
        self.summary = Some(summary);
        Ok(())
    }

    /// Looks through a recording that was not finished.
    fn scan(&mut self) -> Result<()> {
        let mut scan = Scan::default();
        records::each_channel(&self.map, &mut scan);
        records::each(&self.map, &mut scan);
        if scan.channels.is_full {
            return Err(self.damaged(TOO_MANY_CHANNELS));
        }
        scan.topics.retain(|_, topic| topic.messages > 0);
        (self.topics, self.states, self.span, self.about) = (scan.topics, scan.states, scan.span, scan.about);
        self.missed = Mutex::new(scan.missed);
        Ok(())
    }

    /// How many chunks of a recording that was not finished could not be read, by now: opening it reads few of them. What they have is left out. A
    /// recording that was finished has none: there, a damaged chunk is an error for whoever reads it.
    pub fn damaged_chunks(&self) -> u64 {
        self.missed.lock().len() as u64
    }

    /// The name of the store that was recorded.
    pub fn store(&self) -> Option<&str> {
        self.about.store.as_deref()
    }

    /// The file that goes on after this one, if the recording was split and the file is beside it, named as it was.
    ///
    /// # Errors
    ///
    /// [`Error::File`] and [`Error::Damaged`] if there is a file of its name that cannot be read.
    pub fn next(&self) -> Result<Option<Run>> {
        let Some((recording, number)) = &self.about.part else { return Ok(None) };
        // There is no file of the number after the last one.
        let Some(following) = number.checked_add(1) else { return Ok(None) };
        let (next, mut failed) = (Some((recording.clone(), following)), None);
        for file in self.candidates(*number) {
            match Run::read(&file) {
                // One in which nothing is recorded yet.
                Ok(run) if run.about.part == next => return Ok(run.is_of_a_store().then_some(run)),
                Ok(_) => {}
                Err(error) => failed = failed.or(Some(error)),
            }
        }
        failed.map_or(Ok(None), Err)
    }

    /// The files whose names say that they may go on after this one, the file of this number.
    fn candidates(&self, number: u32) -> Vec<PathBuf> {
        let Some(stem) = self.file.file_stem().and_then(OsStr::to_str) else { return Vec::new() };
        let own = format!("-{number}");
        let plain = stem.strip_suffix(&own).filter(|_| number > 1).unwrap_or(stem);
        // One whose name was taken has two numbers: `run-2-3.mcap`.
        let other = stem.rsplit_once('-').filter(|(_, last)| number > 1 && last.parse::<u32>().is_ok());
        let other = other.and_then(|(rest, _)| rest.strip_suffix(&own));
        let mut files = Vec::new();
        for stem in [Some(plain), other].into_iter().flatten() {
            let first = self.file.with_file_name(format!("{stem}.mcap"));
            let next = further(&first, number.saturating_add(1));
            let mut file = next.clone();
            for again in 2_u32.. {
                let Ok(found) = file.symlink_metadata() else { break };
                // A recorder that was killed has written nothing into it.
                if found.len() > 0 {
                    files.push(file);
                }
                file = numbered(&next, again);
            }
        }
        files
    }

    /// Whether the recording was finished. One that was not lacks the index, which other programs need: see [`repair`](crate::repair).
    pub fn is_finished(&self) -> bool {
        self.summary.is_some()
    }

    /// What is recorded, by name.
    pub fn topics(&self) -> Vec<&Topic> {
        let mut topics: Vec<&Topic> = self.topics.values().collect();
        topics.sort_by(|one, other| one.name.cmp(&other.name));
        topics
    }

    /// When it begins, in nanoseconds since 1970.
    pub fn start(&self) -> u64 {
        let first = self.states.first().map(|state| state.time);
        let message = self.span.map(|(start, _)| start);
        first.into_iter().chain(message).min().unwrap_or(0)
    }

    /// How long it is, in seconds.
    pub fn duration(&self) -> f64 {
        let last = self.states.last().map(|state| state.time);
        let message = self.span.map(|(_, end)| end);
        let end = last.into_iter().chain(message).max().unwrap_or(0);
        end.saturating_sub(self.start()) as f64 / 1e9
    }

    /// A time of the file, from one in seconds since the start.
    pub(crate) fn time(&self, seconds: f64) -> u64 {
        // Rounded: the time of the last message, in seconds, is that of the last message again.
        self.start().saturating_add((seconds.max(0.0) * 1e9).round() as u64)
    }

    /// Visits messages in the order of the file, from one time to another, both included.
    pub(crate) fn visit<'s>(
        &'s self,
        (from, until): (u64, u64),
        wanted: &dyn Fn(&Topic) -> bool,
        visit: &mut dyn FnMut(Entry<'s, '_>) -> Result<ControlFlow<()>>,
    ) -> Result<()> {
        let ids: Vec<u16> =
            self.topics.iter().filter(|(_, topic)| wanted(topic)).map(|(id, _)| *id).collect();
        let mut failed = Ok(());
        let mut visit = |record: Record<'_>| {
            let Record::Message { header: MessageHeader { channel_id, log_time: time, .. }, data } = record
            else {
                return ControlFlow::Continue(());
            };
            if !(from..=until).contains(&time) || !ids.contains(&channel_id) {
                return ControlFlow::Continue(());
            }
            let Some(topic) = self.topics.get(&channel_id) else { return ControlFlow::Continue(()) };
            visit(Entry { time, topic, data: &data }).unwrap_or_else(|error| {
                failed = Err(error);
                ControlFlow::Break(())
            })
        };
        match &self.summary {
            None => {
                let mut missed = BTreeSet::new();
                let mut span = Span { from, until, visit: &mut visit, missed: &mut missed };
                records::each(&self.map, &mut span);
                self.missed.lock().append(&mut missed);
            }
            Some(summary) => {
                for index in &summary.chunk_indexes {
                    let has_some = index.message_end_time >= from && index.message_start_time <= until;
                    // Without indexes of its messages, it may have any.
                    let channels = &index.message_index_offsets;
                    if !has_some || !channels.is_empty() && !ids.iter().any(|id| channels.contains_key(id)) {
                        continue;
                    }
                    let chunk = Frames::from(&self.map, index.chunk_start_offset).next();
                    // Of this length, or chunks might overlap after all.
                    let chunk = chunk.filter(|(opcode, body)| {
                        let length = (body.len() as u64).saturating_add(FRAME);
                        *opcode == op::CHUNK && length == index.chunk_length
                    });
                    let (_, body) =
                        chunk.ok_or_else(|| self.repairable("an index that leads to no chunk"))?;
                    let visited = records::each_in_chunk(body, &mut visit);
                    let visited = visited.map_err(|error| match index.compression.as_str() {
                        "" | "zstd" => self.repairable(error),
                        _ => self.damaged(error),
                    });
                    if visited?.is_break() {
                        break;
                    }
                }
            }
        }
        failed
    }

    pub(crate) fn damaged(&self, found: impl std::fmt::Display) -> Error {
        Error::damaged(&self.file, found)
    }

    /// A record that cannot be read, in a file whose other records may be.
    fn repairable(&self, found: impl std::fmt::Display) -> Error {
        self.damaged(format_args!("{found}; {REMEDY}"))
    }

    /// The state at the start.
    ///
    /// # Errors
    ///
    /// [`Error::Damaged`].
    pub fn start_state(&self) -> Result<Value<'static>> {
        self.at(0.0)
    }

    /// The state at the end.
    ///
    /// # Errors
    ///
    /// [`Error::Damaged`].
    pub fn end_state(&self) -> Result<Value<'static>> {
        self.at(self.duration())
    }

    /// The state so many seconds after the start: all but what streams have published.
    ///
    /// # Errors
    ///
    /// [`Error::Damaged`].
    pub fn at(&self, seconds: f64) -> Result<Value<'static>> {
        Ok(self.store_at(seconds)?.to_value()?)
    }

    /// The same as a store.
    ///
    /// # Errors
    ///
    /// [`Error::Damaged`].
    pub fn store_at(&self, seconds: f64) -> Result<StructStore> {
        let store = StructStore::try_new()?;
        self.load(&store, self.time(seconds))?;
        Ok(store)
    }

    /// Puts the state at a time into a store.
    pub(crate) fn load(&self, store: &Struct, time: u64) -> Result<()> {
        let state = self.states.iter().rev().find(|state| state.time <= time).or(self.states.first());
        let from = match state {
            Some(state) => {
                store.restore(&self.snapshot(state)?).map_err(|error| self.damaged(error))?;
                state.time
            }
            None => 0,
        };
        let mut look = Look::default();
        self.visit((from, time.max(from)), &|topic| topic.source != Source::Stream, &mut |entry| {
            if !look.has(&entry) {
                look.apply(store).map_err(|failed| self.failed(failed))?;
            }
            look.add(&entry).map_err(|failed| self.failed(failed))?;
            Ok(ControlFlow::Continue(()))
        })?;
        look.apply(store).map_err(|failed| self.failed(failed))
    }

    pub(crate) fn failed(&self, failed: Failed) -> Error {
        match failed {
            Failed::Message(message) => self.damaged(message),
            Failed::Store(error) => Error::Store(error),
        }
    }

    fn snapshot(&self, state: &State) -> Result<Cow<'_, [u8]>> {
        let found = Frames::from(&self.map, state.offset).next();
        let (opcode, body) = found.ok_or_else(|| self.repairable("an index that leads out of the file"))?;
        match records::parse(opcode, body).map_err(|error| self.repairable(error))? {
            Record::Attachment { data, .. } => Ok(data),
            _ => Err(self.repairable("an index that leads to no attachment")),
        }
    }

    /// The remarks, and when each was made, in seconds since the start.
    ///
    /// # Errors
    ///
    /// [`Error::Damaged`].
    pub fn marks(&self) -> Result<Vec<(f64, String)>> {
        let (mut marks, start) = (Vec::new(), self.start());
        self.visit((0, u64::MAX), &|topic| topic.source == Source::Marks, &mut |entry| {
            let text = decode::mark(entry.data).map_err(|error| self.damaged(error))?;
            marks.push((entry.time.saturating_sub(start) as f64 / 1e9, text));
            Ok(ControlFlow::Continue(()))
        })?;
        Ok(marks)
    }

    /// The values of a field, an array, or the samples of a stream; of a column of records, if the path goes on below a stream.
    ///
    /// # Errors
    ///
    /// [`Error::NotRecorded`] if nothing of that path is recorded, [`Error::Damaged`].
    pub fn series(&self, path: &Path) -> Result<Series> {
        let of = |topic: &Topic| of_topic(topic, path);
        if !self.topics.values().any(|topic| of(topic).is_some()) {
            return Err(Error::NotRecorded(path.clone()));
        }
        let (mut series, start) = (Series::default(), self.start());
        self.visit((0, u64::MAX), &|topic| of(topic).is_some(), &mut |entry| {
            let value =
                read(&entry, of(entry.topic).unwrap_or_default()).map_err(|error| self.damaged(error))?;
            series.times.push(entry.time.saturating_sub(start) as f64 / 1e9);
            series.values.push(value.unwrap_or(Value::Null));
            Ok(ControlFlow::Continue(()))
        })?;
        Ok(series)
    }
}

/// Whether a summary leads to all messages and attachments: other programs need not write all of it.
fn is_index(summary: &Summary) -> bool {
    summary.stats.as_ref().is_some_and(|stats| {
        summary.chunk_indexes.len() as u64 >= u64::from(stats.chunk_count)
            && (stats.message_count == 0 || stats.chunk_count > 0)
            && summary.attachment_indexes.len() as u64 >= u64::from(stats.attachment_count)
    })
}

/// Whether the first of two chunks, by their places and lengths, reaches into the second.
fn overlaps(chunks: &[(u64, u64)]) -> bool {
    matches!(chunks, [(start, length), (next, _)] if start.saturating_add(*length) > *next)
}

/// What is found in a recording that was not finished.
#[derive(Default)]
struct Scan {
    channels: Channels,
    topics: HashMap<u16, Topic>,
    states: Vec<State>,
    span: Option<(u64, u64)>,
    about: About,
    missed: BTreeSet<u64>,
}

impl Scan {
    fn count(&mut self, channel: u16, time: u64) {
        if let Some(topic) = self.topics.get_mut(&channel) {
            topic.messages += 1;
            let (start, end) = self.span.unwrap_or((time, time));
            self.span = Some((start.min(time), end.max(time)));
        }
    }
}

impl Visitor for Scan {
    /// Its messages are counted without it, if it says nothing new of channels.
    fn wants(&mut self, _: &ChunkHeader, indexes: Option<&[MessageIndex]>) -> bool {
        let is_known = |index: &MessageIndex| self.channels.get(index.channel_id).is_some();
        // A chunk without indexes may have messages all the same: other programs leave them out.
        let known = indexes.filter(|indexes| !indexes.is_empty() && indexes.iter().all(is_known));
        let Some(indexes) = known else { return true };
        for index in indexes {
            index.records.iter().for_each(|entry| self.count(index.channel_id, entry.log_time));
        }
        false
    }

    fn visit(&mut self, record: Record<'_>, offset: u64) -> ControlFlow<()> {
        match record {
            Record::Schema { header, data } => self.channels.add_schema(header, &data),
            Record::Channel(channel) => {
                let id = channel.id;
                self.channels.add_channel(channel);
                if let (Some(channel), false) = (self.channels.get(id), self.topics.contains_key(&id)) {
                    self.topics.extend(Topic::new(&channel).map(|topic| (id, topic)));
                }
            }
            Record::Message { header, .. } => self.count(header.channel_id, header.log_time),
            Record::Attachment { header, .. } if header.name == STATE => {
                self.states.push(State { time: header.log_time, offset });
            }
            Record::Metadata(metadata) if metadata.name == METADATA => self.about = About::new(&metadata),
            _ => {}
        }
        ControlFlow::Continue(())
    }

    fn miss(&mut self, damage: Damage) {
        note(damage, &mut self.missed);
    }
}

/// Takes note of a chunk that cannot be read.
fn note(damage: Damage, missed: &mut BTreeSet<u64>) {
    if damage.is_chunk {
        missed.insert(damage.offset);
    }
}

/// Visits the messages of a span of time, in a recording that was not finished.
struct Span<'v> {
    from: u64,
    until: u64,
    visit: &'v mut dyn FnMut(Record<'_>) -> ControlFlow<()>,
    missed: &'v mut BTreeSet<u64>,
}

impl Visitor for Span<'_> {
    fn wants(&mut self, chunk: &ChunkHeader, _: Option<&[MessageIndex]>) -> bool {
        chunk.message_end_time >= self.from && chunk.message_start_time <= self.until
    }

    fn visit(&mut self, record: Record<'_>, _: u64) -> ControlFlow<()> {
        (self.visit)(record)
    }

    fn miss(&mut self, damage: Damage) {
        note(damage, self.missed);
    }
}

impl Topic {
    fn new(channel: &Arc<Channel<'_>>) -> Option<Topic> {
        let told = |name: &str| channel.metadata.get(name);
        let source = match told(SOURCE)?.as_str() {
            "struct" => Source::Struct,
            "array" => Source::Array,
            "stream" => Source::Stream,
            "marks" if channel.topic == MARKS => Source::Marks,
            _ => return None,
        };
        let schema = channel.schema.as_ref().and_then(|schema| serde_json::from_slice(&schema.data).ok());
        let stream = || {
            let descr = told("structstore.dtype")?;
            let dtype = match descr.starts_with('[') {
                true => DType::structured(descr, told("structstore.itemsize")?.parse().ok()?),
                false => DType::new(descr),
            };
            let (dtype, depth) = (dtype.ok()?, told("structstore.depth")?.parse().ok()?);
            let shape: Vec<usize> = serde_json::from_str(told("structstore.shape")?).ok()?;
            Some(StreamType { size: SampleSize::new(&dtype, &shape), dtype, shape, depth })
        };
        Some(Topic {
            name: channel.topic.clone(),
            path: told(PATH)?.parse().ok()?,
            source,
            messages: 0,
            spec: schema.map_or(Spec::Unknown, |schema| Spec::new(&schema, 0)),
            stream: (source == Source::Stream).then(stream).flatten(),
            only: told(ONLY).and_then(|names| serde_json::from_str(names).ok()),
        })
    }
}

impl About {
    fn new(metadata: &Metadata) -> About {
        let told = |name: &str| metadata.metadata.get(name);
        let number = told(NUMBER).and_then(|number| number.parse().ok());
        About { store: told(STORE).cloned(), part: told(RECORDING).cloned().zip(number) }
    }
}

/// What a path means in the messages of a topic: the whole message, or a way into it.
fn of_topic<'p>(topic: &Topic, path: &'p Path) -> Option<&'p [Step]> {
    let rest =
        path.starts_with(&topic.path).then(|| path.steps().get(topic.path.steps().len()..)).flatten()?;
    match (topic.source, rest) {
        // One field, and what is in a list.
        (Source::Struct, [Step::Name(name), ..]) => {
            matches!(&topic.spec, Spec::Struct(fields) if fields.contains_key(&**name)).then_some(rest)
        }
        (Source::Array, []) | (Source::Stream, _) => Some(rest),
        _ => None,
    }
}

/// What a message has at a way into it.
fn read(entry: &Entry<'_, '_>, way: &[Step]) -> std::result::Result<Option<Value<'static>>, String> {
    let whole = match (entry.topic.source, &entry.topic.stream) {
        (Source::Struct, _) => {
            let Some(Step::Name(name)) = way.first() else { return Ok(None) };
            let field = decode::field(entry.data, name, entry.topic.spec.field(name))?;
            return Ok(field.and_then(|field| inner(field, way.get(1..).unwrap_or_default())));
        }
        (Source::Array, _) => Value::Array(decode::of_array(entry.data)?),
        // A number of a record: the rest of it is not looked at.
        (Source::Stream, Some(StreamType { dtype, shape, .. }))
            if let ([Step::Name(name)], [], true) = (way, shape.as_slice(), dtype.is_structured())
                && let spec @ Spec::Number(_) = entry.topic.spec.field(name) =>
        {
            return decode::field(entry.data, name, spec);
        }
        (_, Some(stream)) => sample(entry, stream)?,
        _ => return Ok(None),
    };
    Ok(inner(whole, way))
}

/// The value of a sample.
fn sample(entry: &Entry<'_, '_>, stream: &StreamType) -> std::result::Result<Value<'static>, String> {
    let bytes = sample_bytes(entry, stream)?;
    let value =
        structstore::stream::StreamValue::new(stream.dtype.clone(), &stream.shape, stream.depth.max(1));
    Ok(value.map_err(|error| error.to_string())?.sample(&bytes).into_owned())
}

/// The bytes of a sample.
pub(crate) fn sample_bytes(
    entry: &Entry<'_, '_>,
    stream: &StreamType,
) -> std::result::Result<Vec<u8>, String> {
    let named = |error: String| format!("{}: {error}", entry.topic.name);
    let size = stream.size.checked(&stream.dtype, entry.data.len()).map_err(named)?;
    if !stream.shape.is_empty() {
        let array = decode::of_array(entry.data).map_err(named)?;
        return match array.data().len() {
            found if found as u64 == size => Ok(array.data().to_vec()),
            found => Err(named(format!("found a sample of {found} bytes, expected {size}"))),
        };
    }
    let message = serde_json::from_slice::<Value<'static>>(entry.data);
    let message = message.map_err(|error| named(error.to_string()))?;
    let message = structstore::binding_support::from_document(message);
    let message = message.map_err(|error| named(error.to_string()))?;
    decode::packed(&stream.dtype, &message).map_err(named)
}

/// Puts what a message says into a store.
fn apply(root: &mut StructMut<'_>, topic: &Topic, data: &[u8]) -> Result<(), Failed> {
    match topic.source {
        Source::Struct => {
            let message = decode::of_struct(data, &topic.spec)?;
            within(root, topic.path.steps(), &mut |part| {
                let stays = |name: &str| {
                    message.fields.iter().any(|(field, _)| field == name)
                        || message.parts.iter().any(|(field, _)| field == name)
                        || topic.only.as_ref().is_some_and(|only| !only.iter().any(|field| field == name))
                };
                for name in part.names()?.iter().filter(|name| !stays(name)) {
                    part.delete_forced(&**name)?;
                }
                for (name, kind) in message.parts.iter().filter(|(_, kind)| kind == "struct") {
                    let is_there = part.kind(&**name).is_ok_and(|found| found.name() == kind);
                    if !is_there {
                        part.set(&**name, Value::Struct(Vec::new()))?;
                    }
                }
                Ok(part.update(message.fields.iter().map(|(name, value)| (name.as_str(), value)))?)
            })
        }
        Source::Array => {
            let array = decode::of_array(data)?;
            let Some((Step::Name(name), above)) = topic.path.steps().split_last() else { return Ok(()) };
            within(root, above, &mut |part| Ok(part.set(&**name, &array)?))
        }
        Source::Stream | Source::Marks => Ok(()),
    }
}
