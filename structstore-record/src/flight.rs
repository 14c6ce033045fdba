//! A black box: the newest items in memory, which go into a file when something has happened.
//!
//! Items lie in segments, each of which begins with a whole state, so that what is kept can be played from its beginning. The oldest
//! segment is dropped when the one behind it is old enough to begin with. Messages have all fields of their struct, so what the
//! structs were before the oldest segment is kept beside it. The newest whole state stays, however much memory it takes.

use std::collections::VecDeque;
use std::io;
use std::path::{Path as FilePath, PathBuf};
use std::sync::Arc;
use std::sync::atomic::Ordering;

use structstore::stream::{now, wall_time};

use crate::condition::{Condition, Observed};
use crate::error::{Error, Result};
use crate::file::{Part, Recorded};
use crate::options::BlackBox;
use crate::queue::Item;
use crate::shared::Shared;
use crate::tree::{Node, Touched};
use crate::write::{Target, create_new, has_time, named};

pub(crate) struct Flight {
    shared: Arc<Shared>,
    pattern: PathBuf,
    options: BlackBox,
    observed: Option<Observed>,
    /// What the structs were before the oldest segment.
    before: Node,
    segments: VecDeque<Segment>,
    weight: usize,
    saving: Option<Saving>,
    /// There is no other name for another file.
    is_done: bool,
}

#[derive(Default)]
struct Segment {
    items: Vec<Item>,
    weight: usize,
    /// What the state takes that it begins with, once that is there: a snapshot, or a look at all that is recorded.
    state: Option<usize>,
}

/// Refuses a black box that has no room for two whole states, one of which takes so many bytes.
pub(crate) fn check(options: &BlackBox, state: usize) -> Result<()> {
    let (found, needed) = (options.memory, (state as u64).saturating_mul(2));
    if needed <= found {
        return Ok(());
    }
    Err(Error::Invalid(format!(
        "memory: found {found} bytes, expected at least {needed}, twice what the state of the store takes"
    )))
}

/// What happened is being written, until a time.
struct Saving {
    recorded: Recorded,
    until: u64,
}

impl Flight {
    pub(crate) fn new(shared: Arc<Shared>, pattern: &FilePath, options: BlackBox) -> Result<Flight> {
        let folder = pattern.parent().filter(|folder| !folder.as_os_str().is_empty());
        let folder = folder.unwrap_or(FilePath::new("."));
        folder.read_dir().map_err(Error::file(folder))?;
        if !has_time(pattern) && pattern.symlink_metadata().is_ok() {
            return Err(Error::file(pattern)(io::ErrorKind::AlreadyExists.into()));
        }
        Ok(Flight {
            shared,
            pattern: pattern.to_owned(),
            observed: options.condition.clone().map(Observed::new),
            options,
            before: Node::default(),
            segments: VecDeque::new(),
            weight: 0,
            saving: None,
            is_done: false,
        })
    }

    /// Whether the condition begins to hold with an item.
    fn begins(&mut self, item: &Item) -> bool {
        let Some(observed) = &mut self.observed else { return false };
        match item {
            Item::Look { changes, .. } => {
                changes.iter().for_each(|(path, value)| observed.note(path, value.as_ref()));
            }
            Item::Sample { stream, data, .. } if observed.concerns(&stream.path) => {
                observed.note(&stream.path, Some(&stream.value.sample(data).into_owned()));
            }
            _ => return false,
        }
        observed.begins()
    }

    fn add(&mut self, item: Item) -> Result<()> {
        if let Some(saving) = &mut self.saving {
            saving.recorded.write(&item)?;
        }
        let (time, saves) = (item.time(), matches!(item, Item::Save { .. }));
        self.keep(item);
        if saves { self.save(time) } else { Ok(()) }
    }

    fn keep(&mut self, item: Item) {
        if matches!(item, Item::State { .. }) || self.segments.is_empty() {
            self.segments.push_back(Segment::default());
        }
        let (weight, time) = (item.weight(), item.time());
        if let Some(segment) = self.segments.back_mut() {
            if matches!(item, Item::State { snapshot: Some(_), .. } | Item::Look { .. }) {
                segment.state.get_or_insert(weight);
            }
            segment.items.push(item);
            segment.weight += weight;
        }
        self.weight += weight;
        let wanted = time.saturating_sub(u64::try_from(self.options.last.as_nanos()).unwrap_or(u64::MAX));
        let can_begin =
            |next: &Segment, is_full: bool| next.state.is_some() && (next.start() <= wanted || is_full);
        while self.segments.get(1).is_some_and(|next| can_begin(next, self.is_full())) {
            self.drop_oldest();
        }
        // Without another state there is nothing to begin with.
        let last = self.segments.back();
        let behind = last.map_or(0, |last| last.weight.saturating_sub(last.state.unwrap_or(0)) as u64);
        if self.is_full() && behind > self.options.memory / 2 {
            self.shared.state_wanted.store(true, Ordering::SeqCst);
        }
        if behind / 2 > self.options.memory {
            self.drop_samples(behind.saturating_sub(self.options.memory));
        }
    }

    /// Drops the oldest samples behind the newest state, which has been waited for in vain.
    fn drop_samples(&mut self, bytes: u64) {
        let Some(segment) = self.segments.back_mut() else { return };
        let mut dropped = 0_usize;
        segment.items.retain(|item| {
            let drops = matches!(item, Item::Sample { .. }) && (dropped as u64) < bytes;
            dropped += if drops { item.weight() } else { 0 };
            !drops
        });
        segment.weight = segment.weight.saturating_sub(dropped);
        self.weight = self.weight.saturating_sub(dropped);
    }

    fn is_full(&self) -> bool {
        self.weight as u64 > self.options.memory
    }

    fn drop_oldest(&mut self) {
        let Some(segment) = self.segments.pop_front() else { return };
        self.weight -= segment.weight;
        for item in segment.items {
            if let Item::Look { changes, .. } = item {
                for (path, value) in changes {
                    self.before.apply(&path, value, &mut Touched::default());
                }
            }
        }
    }

    /// Begins a file with what is kept, or has the one that is being written go on.
    fn save(&mut self, time: u64) -> Result<()> {
        if self.is_done {
            return Ok(());
        }
        let until = time.saturating_add(u64::try_from(self.options.after.as_nanos()).unwrap_or(u64::MAX));
        if let Some(saving) = &mut self.saving {
            saving.until = until;
            return Ok(());
        }
        let part = Part { recording: wall_time(time), number: 1 };
        let (file, created) = create_new(&named(&self.pattern, time), has_time(&self.pattern))?;
        let mut recorded = Recorded::create(&file, created, &self.shared, part, self.before.clone())?;
        if let Some(first) = self.segments.front() {
            recorded.write_structs(first.start())?;
        }
        for item in self.segments.iter().flat_map(|segment| &segment.items) {
            recorded.write(item)?;
        }
        self.saving = Some(Saving { recorded, until });
        Ok(())
    }

    /// Ends the file that is being written, if it is time. If all would have the same name, so does the recording.
    fn end(&mut self, time: u64) -> Result<()> {
        let Some(saving) = self.saving.take_if(|saving| saving.until <= time) else { return Ok(()) };
        if !has_time(&self.pattern) {
            self.is_done = true;
            self.shared.end();
        }
        saving.recorded.finish()
    }
}

impl Segment {
    fn start(&self) -> u64 {
        self.items.first().map_or(u64::MAX, Item::time)
    }
}

impl Target for Flight {
    fn take(&mut self, item: Item) -> Result<()> {
        self.end(item.time())?;
        let (time, begins) = (item.time(), self.begins(&item));
        self.add(item)?;
        let condition = self.options.condition.as_ref().filter(|_| begins);
        match condition.map(Condition::to_string) {
            Some(text) => self.add(Item::Save { time, text }),
            None => Ok(()),
        }
    }

    fn idle(&mut self) -> Result<()> {
        self.end(now())?;
        self.saving.as_mut().map_or(Ok(()), |saving| saving.recorded.flush_now_and_then())
    }

    fn finish(self: Box<Self>) -> Result<()> {
        self.saving.map_or(Ok(()), |saving| saving.recorded.finish())
    }
}
