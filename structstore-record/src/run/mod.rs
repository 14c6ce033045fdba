//! A recording as it is read.

mod look;
mod scan;
mod topic;

pub(crate) use look::Look;
pub(crate) use topic::{Entry, StreamType};
pub use topic::{Source, Topic};

use std::borrow::Cow;
use std::collections::{BTreeSet, HashMap};
use std::ffi::OsStr;
use std::fs::File;
use std::ops::ControlFlow;
use std::path::{Path as FilePath, PathBuf};

use mcap::Summary;
use mcap::records::{MessageHeader, Metadata, Record, op};
use memmap2::Mmap;
use parking_lot::Mutex;
use structstore::path::Path;
use structstore::{Struct, StructStore, Value};

use crate::decode;
use crate::error::{Error, Result};
use crate::file::{METADATA, NUMBER, RECORDING, STATE, STORE};
use crate::records::{self, Frames};
use crate::series::Series;
use crate::write::{further, numbered};
use look::Failed;
use scan::Scan;

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

/// A whole state in the file, as an attachment.
struct State {
    time: u64,
    /// The place of the attachment.
    offset: u64,
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
        let scan = Scan::of(&self.map).map_err(|found| self.damaged(found))?;
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
                let mut missed = scan::each_within(&self.map, (from, until), &mut visit);
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
        if !self.topics.values().any(|topic| topic.way(path).is_some()) {
            return Err(Error::NotRecorded(path.clone()));
        }
        let (mut series, start) = (Series::default(), self.start());
        self.visit((0, u64::MAX), &|topic| topic.way(path).is_some(), &mut |entry| {
            let way = entry.topic.way(path).unwrap_or_default();
            let value = entry.value(way).map_err(|error| self.damaged(error))?;
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

impl About {
    fn new(metadata: &Metadata) -> About {
        let told = |name: &str| metadata.metadata.get(name);
        let number = told(NUMBER).and_then(|number| number.parse().ok());
        About { store: told(STORE).cloned(), part: told(RECORDING).cloned().zip(number) }
    }
}
