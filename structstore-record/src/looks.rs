//! The thread of a recording that looks at what changes.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::thread;
use std::time::{Duration, Instant};

use structstore::binding_support::waiting_at_most;
use structstore::path::Path;
use structstore::stream::now;
use structstore::watch::{Batches, Elements, Found};
use structstore::{ErrorKind, Item as StoreItem, Value};

use crate::error::{Error, Result};
use crate::options::Arrays;
use crate::queue::Item;
use crate::shared::{Shared, TICK};

/// Looks at what changes.
pub(crate) struct Looks {
    shared: Arc<Shared>,
    batches: Batches,
    /// What found no room.
    dirty: BTreeSet<Path>,
    /// How often each array has changed.
    counts: HashMap<Path, u32>,
    states: Instant,
    /// When to try again to write one.
    again: Instant,
}

/// How long to wait before a whole state is tried again.
const AGAIN: Duration = Duration::from_secs(1);

impl Looks {
    pub(crate) fn new(shared: Arc<Shared>, batches: Batches) -> Looks {
        Looks {
            shared,
            batches,
            dirty: BTreeSet::new(),
            counts: HashMap::new(),
            states: Instant::now(),
            again: Instant::now(),
        }
    }

    /// The whole state, and a look at all of it.
    pub(crate) fn begin(&mut self) -> Result<()> {
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

    pub(crate) fn run(mut self) {
        let period = Duration::from_secs_f64(1.0 / self.shared.options.rate);
        while !self.shared.is_over() {
            let start = Instant::now();
            if let Err(error) = self.look(Some(TICK)) {
                if error.kind() != ErrorKind::StaleHandle {
                    return self.shared.fail(error.into());
                }
                // The store has gone: what was recorded is whole.
                if self.shared.options.black_box.is_some() {
                    let save = || Item::Save { time: now(), text: "the store has gone".to_owned() };
                    while !self.shared.queue.push(save()) && !self.shared.is_over() {
                        thread::sleep(TICK);
                    }
                }
                return self.shared.end();
            }
            let wanted = self.shared.state_wanted.load(Ordering::SeqCst);
            let due = wanted || self.states.elapsed() >= self.shared.options.states();
            if due && Instant::now() >= self.again {
                self.shared.state_wanted.store(false, Ordering::SeqCst);
                match waiting_at_most(TICK, || self.write_state()) {
                    // A whole state takes a moment in which nobody holds anything.
                    Err(Error::Store(error)) if error.kind() == ErrorKind::LockTimeout => {
                        self.shared.state_wanted.store(true, Ordering::SeqCst);
                        self.again = Instant::now() + AGAIN;
                    }
                    Err(error) => return self.shared.fail(error),
                    Ok(()) => {}
                }
            }
            thread::sleep(period.saturating_sub(start.elapsed()));
        }
        // What has changed before the end.
        let _ = self.look(Some(Duration::ZERO));
    }

    fn look(&mut self, timeout: Option<Duration>) -> structstore::Result<()> {
        let shared = Arc::clone(&self.shared);
        self.batches.report(std::mem::take(&mut self.dirty));
        let wanted = |changed: &[Path]| {
            // Lists are recorded as a whole.
            let leaves = changed.iter().flat_map(|path| shared.options.within(path.field()));
            leaves.collect::<BTreeSet<Path>>().into_iter().collect()
        };
        if let Some(batch) = self.batches.wait(timeout, wanted)? {
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
                match waiting_at_most(TICK, || large.view().and_then(Elements::into_value)) {
                    Ok(array) => Some(Value::Array(array)),
                    Err(error) => {
                        // Somebody has taken it meanwhile: it is looked at again.
                        if error.kind() == ErrorKind::LockTimeout {
                            self.dirty.insert(path);
                        }
                        return None;
                    }
                }
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
                if let Ok(StoreItem::Stream(stream)) = self.shared.root.get_at(path) {
                    self.shared.follow(path.clone(), stream);
                }
            }
            _ => {}
        }
    }
}
