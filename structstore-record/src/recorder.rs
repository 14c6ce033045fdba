//! The threads of a recording: one looks at what changes, one follows streams, one writes.

use std::collections::{BTreeSet, HashMap};
use std::path::{Path as FilePath, PathBuf};
use std::process;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use structstore::path::Path;
use structstore::stream::{AnyCursor, AnyStream, now, wait_any};
use structstore::watch::{Batches, Elements, Found};
use structstore::{ArrayValue, ErrorKind, Item as StoreItem, Struct, Value};

use crate::error::{Error, Result};
use crate::file::Recorded;
use crate::queue::{Followed, Item, Next, Queue};
use crate::topic;

/// How often the whole state is written.
const STATES: Duration = Duration::from_secs(60);
/// How often threads look whether the recording is over.
const TICK: Duration = Duration::from_millis(50);
/// How many samples of a stream are read in a row.
const RUN: usize = 1000;

/// Which arrays are recorded when they change. (Streams of arrays are streams.)
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Arrays {
    /// None but those of the whole states, once a minute, if all fields are recorded.
    None,
    /// Each so many changes.
    Every(u32),
    /// At each look.
    All,
}

/// What is recorded.
///
/// ```
/// use structstore_record::{Arrays, Options};
///
/// let options = Options::new().rate(100.0).paths(["arm".parse()?]).arrays(Arrays::None);
/// # let _ = options;
/// # Ok::<(), structstore::Error>(())
/// ```
#[derive(Clone)]
pub struct Options {
    rate: f64,
    paths: Vec<Path>,
    streams: bool,
    arrays: Arrays,
    split: Option<u64>,
}

impl Default for Options {
    fn default() -> Options {
        Options { rate: 200.0, paths: vec![Path::ROOT], streams: true, arrays: Arrays::All, split: None }
    }
}

impl Options {
    /// All streams, and the changes of everything else, looked at up to 200 times a second.
    #[must_use]
    pub fn new() -> Options {
        Options::default()
    }

    /// How many times a second changes are looked at, at most. What changes more often is recorded with its newest state.
    #[must_use]
    pub fn rate(mut self, rate: f64) -> Options {
        self.rate = if rate.is_finite() { rate.clamp(0.01, 10_000.0) } else { self.rate };
        self
    }

    /// Only these fields, and all that is below.
    #[must_use]
    pub fn paths(mut self, paths: impl IntoIterator<Item = Path>) -> Options {
        self.paths = paths.into_iter().collect();
        self
    }

    /// Whether streams are recorded, each of their samples.
    #[must_use]
    pub fn streams(mut self, streams: bool) -> Options {
        self.streams = streams;
        self
    }

    /// Which arrays are recorded.
    #[must_use]
    pub fn arrays(mut self, arrays: Arrays) -> Options {
        self.arrays = arrays;
        self
    }

    /// Begins another file after so many bytes: `run.mcap`, `run-2.mcap`, `run-3.mcap`.
    #[must_use]
    pub fn split(mut self, bytes: u64) -> Options {
        self.split = Some(bytes);
        self
    }

    /// Whether all is recorded.
    fn is_whole(&self) -> bool {
        self.paths.iter().any(Path::is_root)
    }

    /// Whether a field is recorded.
    fn has(&self, path: &Path) -> bool {
        self.paths.iter().any(|wanted| path.starts_with(wanted))
    }

    /// What is recorded at a path, or below.
    fn within(&self, path: Path) -> Vec<Path> {
        match self.has(&path) {
            true => vec![path],
            false => self.paths.iter().filter(|wanted| wanted.starts_with(&path)).cloned().collect(),
        }
    }
}

/// How a recording is going.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Status {
    /// How many messages were written.
    pub messages: u64,
    /// How many bytes these have, before compression.
    pub bytes: u64,
    /// How many samples of streams were lost: published faster than they were read, or without room to wait for the disk.
    pub missed: u64,
    /// How many looks found no room to wait for the disk. What they found is in a later look.
    pub delayed: u64,
}

#[derive(Default)]
struct Counters {
    messages: AtomicU64,
    bytes: AtomicU64,
    missed: AtomicU64,
    delayed: AtomicU64,
}

struct Shared {
    root: Struct,
    options: Options,
    queue: Queue,
    counters: Counters,
    /// Whether the first look is over, and the recording.
    begun: AtomicBool,
    over: AtomicBool,
    /// Whether another whole state is wanted now.
    state_wanted: AtomicBool,
    /// Streams that were found and are not followed yet, and the first sample that is wanted.
    found: Mutex<Vec<(Path, AnyStream, u64)>>,
    failed: Mutex<Option<Error>>,
}

/// A recording that is being made. It ends when it is stopped or dropped.
pub struct Recording {
    shared: Arc<Shared>,
    threads: Vec<JoinHandle<()>>,
    /// The one that records. A forked child has no threads to wait for.
    process: u32,
}

impl Recording {
    /// Begins to record a store, or a part of one, which should be attached as an observer. `name` is what the file says that it is of.
    ///
    /// # Errors
    ///
    /// [`Error::File`] if the file exists or cannot be written, [`Error::Store`] if the store cannot be watched.
    ///
    /// ```
    /// use structstore::StructStore;
    /// use structstore_record::{Options, Recording, Run};
    ///
    /// # let folder = tempfile::tempdir().unwrap();
    /// # let file = folder.path().join("run.mcap");
    /// let store = StructStore::new();
    /// store.set("speed", 1.5)?;
    /// let recording = Recording::start(&store, "local", &file, Options::new())?;
    /// store.set("speed", 2.5)?;
    /// recording.mark("faster");
    /// recording.stop()?;
    /// assert_eq!(Run::open(&file)?.end_state()?.to_string(), r#"{"speed": 2.5}"#);
    /// # Ok::<(), structstore_record::Error>(())
    /// ```
    pub fn start(store: &Struct, name: &str, file: &FilePath, options: Options) -> Result<Recording> {
        let root = store.clone();
        let recorded = Recorded::create(file, name, &options.paths)?;
        // What changes from here on is told.
        let batches = Batches::with_contents(&root)?;
        let shared = Arc::new(Shared {
            root,
            options,
            queue: Queue::default(),
            counters: Counters::default(),
            begun: AtomicBool::new(false),
            over: AtomicBool::new(false),
            state_wanted: AtomicBool::new(false),
            found: Mutex::default(),
            failed: Mutex::default(),
        });
        let mut looks = Looks::new(Arc::clone(&shared), batches);
        looks.begin()?;
        let mut recording =
            Recording { shared: Arc::clone(&shared), threads: Vec::new(), process: process::id() };
        recording.spawn("looks", move || looks.run())?;
        if shared.options.streams {
            let follow = Follow { shared: Arc::clone(&shared), streams: Vec::new() };
            recording.spawn("samples", move || follow.run())?;
        }
        let (file, name) = (file.to_owned(), name.to_owned());
        recording.spawn("write", move || Write { shared, file, name, number: 1 }.run(recorded))?;
        Ok(recording)
    }

    fn spawn(&mut self, name: &str, run: impl FnOnce() + Send + 'static) -> Result<()> {
        let run = move || structstore::binding_support::without_hooks(run);
        let thread = thread::Builder::new().name(format!("structstore-{name}")).spawn(run);
        self.threads.push(thread.map_err(|error| Error::Invalid(format!("cannot start a thread: {error}")))?);
        Ok(())
    }

    /// Writes a remark, with the time.
    pub fn mark(&self, text: &str) {
        if self.is_here() {
            self.shared.queue.push(Item::Mark { time: now(), text: text.to_owned() });
        }
    }

    /// How it is going.
    pub fn status(&self) -> Status {
        let Counters { messages, bytes, missed, delayed } = &self.shared.counters;
        let [messages, bytes, missed, delayed] =
            [messages, bytes, missed, delayed].map(|counter| counter.load(Ordering::Relaxed));
        Status { messages, bytes, missed, delayed }
    }

    /// Whether it goes on: it ends by itself if the disk is full, or the store goes.
    pub fn is_running(&self) -> bool {
        self.is_here() && self.threads.iter().all(|thread| !thread.is_finished())
    }

    /// Ends it, with all that has changed until now.
    ///
    /// # Errors
    ///
    /// What has ended it before: [`Error::File`] or [`Error::Store`].
    pub fn stop(mut self) -> Result<Status> {
        self.end();
        let status = self.status();
        if !self.is_here() {
            return Ok(status);
        }
        match self.shared.failed.lock().unwrap_or_else(PoisonError::into_inner).take() {
            Some(error) => Err(error),
            None => Ok(status),
        }
    }

    fn is_here(&self) -> bool {
        self.process == process::id()
    }

    fn end(&mut self) {
        if !self.is_here() {
            return std::mem::take(&mut self.threads).into_iter().for_each(std::mem::forget);
        }
        self.shared.over.store(true, Ordering::SeqCst);
        // In the order in which they were started: those who read end first.
        let writer = self.threads.pop();
        self.threads.drain(..).for_each(|thread| drop(thread.join()));
        self.shared.queue.close();
        let _ = writer.map(JoinHandle::join);
    }
}

impl Drop for Recording {
    fn drop(&mut self) {
        self.end();
    }
}

impl Shared {
    fn is_over(&self) -> bool {
        self.over.load(Ordering::SeqCst)
    }

    fn fail(&self, error: Error) {
        self.failed.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(error);
        self.over.store(true, Ordering::SeqCst);
    }
}

/// Looks at what changes.
struct Looks {
    shared: Arc<Shared>,
    batches: Batches,
    /// What found no room.
    dirty: BTreeSet<Path>,
    /// How often each array has changed.
    counts: HashMap<Path, u32>,
    states: Instant,
}

impl Looks {
    fn new(shared: Arc<Shared>, batches: Batches) -> Looks {
        Looks { shared, batches, dirty: BTreeSet::new(), counts: HashMap::new(), states: Instant::now() }
    }

    /// The whole state, and a look at all of it.
    fn begin(&mut self) -> Result<()> {
        self.write_state()?;
        if self.shared.options.is_whole() {
            self.look_at_all()?;
        }
        self.shared.begun.store(true, Ordering::SeqCst);
        Ok(())
    }

    /// What a replay can start from: the whole state, or a look at all that is recorded.
    fn write_state(&mut self) -> Result<()> {
        self.states = Instant::now();
        let (time, is_whole) = (now(), self.shared.options.is_whole());
        let snapshot = is_whole.then(|| self.shared.root.to_bytes()).transpose()?;
        if !self.shared.queue.push(Item::State { time, snapshot }) {
            self.shared.counters.delayed.fetch_add(1, Ordering::Relaxed);
        }
        if is_whole { Ok(()) } else { self.look_at_all() }
    }

    fn look_at_all(&mut self) -> Result<()> {
        let paths = self.shared.options.paths.clone();
        let batch = self.batches.read_now(|_| paths.clone())?;
        self.push(batch.time, batch.values);
        Ok(())
    }

    fn run(mut self) {
        let period = Duration::from_secs_f64(1.0 / self.shared.options.rate);
        while !self.shared.is_over() {
            let start = Instant::now();
            if let Err(error) = self.look(Some(TICK)) {
                // The store has gone: what was recorded is whole.
                self.shared.over.store(true, Ordering::SeqCst);
                if error.kind() != ErrorKind::StaleHandle {
                    self.shared.fail(error.into());
                }
                return;
            }
            let due =
                self.states.elapsed() >= STATES || self.shared.state_wanted.swap(false, Ordering::SeqCst);
            if due && let Err(error) = self.write_state() {
                return self.shared.fail(error);
            }
            thread::sleep(period.saturating_sub(start.elapsed()));
        }
        // What has changed before the end.
        let _ = self.look(Some(Duration::ZERO));
    }

    fn look(&mut self, timeout: Option<Duration>) -> structstore::Result<()> {
        let (shared, dirty) = (Arc::clone(&self.shared), std::mem::take(&mut self.dirty));
        let wanted = |changed: &[Path]| {
            let leaves = changed.iter().flat_map(|path| shared.options.within(topic::leaf(path)));
            leaves.chain(dirty.iter().cloned()).collect::<BTreeSet<Path>>().into_iter().collect()
        };
        let batch = match dirty.is_empty() {
            true => self.batches.wait(timeout, wanted)?,
            false => Some(self.batches.read_now(wanted)?),
        };
        if let Some(batch) = batch {
            self.push(batch.time, batch.values);
        }
        Ok(())
    }

    fn push(&mut self, time: u64, values: Vec<(Path, Option<Found>)>) {
        let paths: Vec<Path> = values.iter().map(|(path, _)| path.clone()).collect();
        let changes = values.into_iter().filter_map(|(path, found)| self.change(path, found)).collect();
        if !self.shared.queue.push(Item::Look { time, changes }) {
            self.shared.counters.delayed.fetch_add(1, Ordering::Relaxed);
            self.dirty.extend(paths);
        }
    }

    /// What is to be written of a path.
    fn change(&mut self, path: Path, found: Option<Found>) -> Option<(Path, Option<Value<'static>>)> {
        let value = match found {
            None => None,
            Some(Found::Value(Value::Array(array))) => {
                self.takes_array(&path).then_some(())?;
                Some(Value::Array(array))
            }
            Some(Found::Value(value)) => {
                self.find_streams(&path, &value);
                Some(value)
            }
            Some(Found::Array(large)) => {
                self.takes_array(&path).then_some(())?;
                let elements = large.view().ok()?;
                let array = match elements {
                    Elements::Copied(array) => array,
                    Elements::Viewed(view) => {
                        let data = view.copy_bytes(0..view.byte_len());
                        ArrayValue::new(view.dtype().clone(), view.shape(), data).ok()?
                    }
                };
                Some(Value::Array(array))
            }
            Some(Found::Stream(stream)) => {
                let value = stream.value().ok()?;
                self.shared.follow(path.clone(), stream);
                Some(Value::Stream(value))
            }
            Some(Found::Struct(_) | Found::List(_)) => return None,
        };
        Some((path, value))
    }

    fn takes_array(&mut self, path: &Path) -> bool {
        let next = self.counts.entry(path.clone()).or_default();
        let number = *next;
        *next = next.wrapping_add(1);
        match self.shared.options.arrays {
            Arrays::None => false,
            Arrays::Every(many) => number.is_multiple_of(many.max(1)),
            Arrays::All => true,
        }
    }

    /// Streams below a struct that is new.
    fn find_streams(&self, path: &Path, value: &Value<'_>) {
        match value {
            Value::Struct(fields) => {
                fields.iter().for_each(|(name, value)| self.find_streams(&path.then(&**name), value));
            }
            Value::Stream(_) => {
                if let Ok(StoreItem::Stream(stream)) = self.shared.root.get_at(&path.to_string()) {
                    self.shared.follow(path.clone(), stream);
                }
            }
            _ => {}
        }
    }
}

impl Shared {
    /// Follows a stream: one that was there at the start from then on, another one from its first sample.
    fn follow(&self, path: Path, stream: AnyStream) {
        if self.options.streams && self.options.has(&path) {
            let from = if self.begun.load(Ordering::SeqCst) { 0 } else { stream.published() };
            self.found.lock().unwrap_or_else(PoisonError::into_inner).push((path, stream, from));
        }
    }
}

/// Follows streams.
struct Follow {
    shared: Arc<Shared>,
    streams: Vec<(Arc<Followed>, AnyStream, AnyCursor)>,
}

impl Follow {
    fn run(mut self) {
        loop {
            // Before the last look.
            let over = self.shared.is_over();
            self.take_new();
            let shared = Arc::clone(&self.shared);
            let mut any = false;
            self.streams
                .retain_mut(|(followed, stream, cursor)| read(&shared, followed, stream, cursor, &mut any));
            if over && !any {
                return;
            }
            if any {
                continue;
            }
            let waiting: Vec<_> =
                self.streams.iter().map(|(_, stream, cursor)| (stream, cursor.next())).collect();
            if waiting.is_empty() || wait_any(&waiting, Some(TICK)).is_err() {
                thread::sleep(TICK);
            }
        }
    }

    fn take_new(&mut self) {
        let found = std::mem::take(&mut *self.shared.found.lock().unwrap_or_else(PoisonError::into_inner));
        for (path, stream, from) in found {
            let is_known = |known: &AnyStream| known.is_same(&stream);
            if self.streams.iter().any(|(_, known, _)| is_known(known)) {
                continue;
            }
            if let Ok(value) = stream.value() {
                let cursor = AnyCursor::at(from);
                self.streams.push((Arc::new(Followed { path, value }), stream, cursor));
            }
        }
    }
}

/// Reads what a stream has published. `false` if it has gone.
fn read(
    shared: &Shared,
    followed: &Arc<Followed>,
    stream: &AnyStream,
    cursor: &mut AnyCursor,
    any: &mut bool,
) -> bool {
    for _ in 0..RUN {
        match stream.try_next(cursor) {
            Ok(Some(sample)) => {
                *any = true;
                shared.counters.missed.fetch_add(sample.missed, Ordering::Relaxed);
                let data = sample.data.as_slice().to_vec();
                let item =
                    Item::Sample { time: sample.time, stream: Arc::clone(followed), seq: sample.seq, data };
                if !shared.queue.push(item) {
                    shared.counters.missed.fetch_add(1, Ordering::Relaxed);
                }
            }
            Ok(None) => return true,
            Err(_) => return false,
        }
    }
    true
}

/// Writes what the others have read.
struct Write {
    shared: Arc<Shared>,
    file: PathBuf,
    name: String,
    /// Of the file.
    number: u32,
}

impl Write {
    fn run(mut self, mut recorded: Recorded) {
        loop {
            let done = match self.shared.queue.pop(TICK) {
                Next::Item(item) => {
                    self.split(&mut recorded, &item).and_then(|()| recorded.write(&item, &self.shared.root))
                }
                Next::Nothing => recorded.flush_now_and_then(),
                Next::End => break,
            };
            if let Err(error) = done {
                self.shared.fail(error);
                break;
            }
            let counters = &self.shared.counters;
            counters.messages.store(recorded.messages, Ordering::Relaxed);
            counters.bytes.store(recorded.bytes, Ordering::Relaxed);
        }
        if let Err(error) = recorded.finish() {
            self.shared.fail(error);
        }
    }

    /// Begins another file with a whole state, after so many bytes.
    fn split(&mut self, recorded: &mut Recorded, item: &Item) -> Result<()> {
        let Some(most) = self.shared.options.split else { return Ok(()) };
        if recorded.bytes < most * u64::from(self.number) {
            return Ok(());
        }
        let Item::State { time, .. } = item else {
            self.shared.state_wanted.store(true, Ordering::SeqCst);
            return Ok(());
        };
        self.number += 1;
        let stem = self.file.file_stem().unwrap_or_default().to_string_lossy();
        let file = self.file.with_file_name(format!("{stem}-{}.mcap", self.number));
        let (messages, bytes) = (recorded.messages, recorded.bytes);
        let next = recorded.next(&file, &self.name, *time, &self.shared.root)?;
        std::mem::replace(recorded, next).finish()?;
        (recorded.messages, recorded.bytes) = (messages + recorded.messages, bytes + recorded.bytes);
        Ok(())
    }
}
