//! The thread of a recording that writes what the others have read.

use std::path::{Path as FilePath, PathBuf};
use std::sync::Arc;
use std::sync::atomic::Ordering;

use structstore::binding_support::iso;
use structstore::stream::{now, wall_time};

use crate::error::Result;
use crate::file::{Part, Recorded};
use crate::queue::{Item, Next};
use crate::recorder::{Shared, TICK};
use crate::tree::Node;

/// Where what is recorded goes.
pub(crate) trait Target: Send {
    fn take(&mut self, item: Item) -> Result<()>;
    /// Does what is due while nothing comes.
    fn idle(&mut self) -> Result<()>;
    fn finish(self: Box<Self>) -> Result<()>;
}

pub(crate) fn write(shared: &Shared, mut target: Box<dyn Target>) {
    loop {
        let done = match shared.queue.pop(TICK) {
            Next::Item(item) => target.take(item),
            Next::Nothing => target.idle(),
            Next::End => break,
        };
        if let Err(error) = done {
            shared.fail(error);
            break;
        }
    }
    if let Err(error) = target.finish() {
        shared.fail(error);
    }
}

/// The name of a file with a time in place of `{time}`: `2026-05-01T12-30-00.000Z`.
pub(crate) fn named(pattern: &FilePath, time: u64) -> PathBuf {
    let Some(name) = pattern.file_name().and_then(|name| name.to_str()) else { return pattern.to_owned() };
    let moment = iso(i64::try_from(wall_time(time) / 1_000_000).unwrap_or(i64::MAX), "ms");
    let moment = moment.unwrap_or_default().replace(':', "-") + "Z";
    pattern.with_file_name(name.replace(TIME, &moment))
}

/// What a time stands for in names of files.
pub(crate) const TIME: &str = "{time}";

/// Everything, in a file, and others behind it.
pub(crate) struct Files {
    shared: Arc<Shared>,
    first: PathBuf,
    part: Part,
    recorded: Recorded,
}

impl Files {
    pub(crate) fn create(shared: Arc<Shared>, file: &FilePath) -> Result<Files> {
        let time = now();
        let (first, part) = (named(file, time), Part { recording: wall_time(time), number: 1 });
        let recorded = Recorded::create(&first, &shared, part, Node::default())?;
        Ok(Files { shared, first, part, recorded })
    }

    /// Begins another file with a whole state, if this one is full.
    fn split(&mut self, item: &Item) -> Result<()> {
        if !self.recorded.is_full(self.shared.options.split) {
            return Ok(());
        }
        let Item::State { time, .. } = item else {
            self.shared.state_wanted.store(true, Ordering::SeqCst);
            return Ok(());
        };
        self.part.number += 1;
        let file = further(&self.first, self.part.number);
        let mut next = Recorded::create(&file, &self.shared, self.part, self.recorded.take_tree())?;
        next.write_structs(*time)?;
        std::mem::replace(&mut self.recorded, next).finish()
    }
}

/// The name of a further file of a recording.
pub(crate) fn further(first: &FilePath, number: u32) -> PathBuf {
    let stem = first.file_stem().unwrap_or_default().to_string_lossy();
    first.with_file_name(format!("{stem}-{number}.mcap"))
}

impl Target for Files {
    fn take(&mut self, item: Item) -> Result<()> {
        self.split(&item)?;
        self.recorded.write(&item)
    }

    fn idle(&mut self) -> Result<()> {
        self.recorded.flush_now_and_then()
    }

    fn finish(self: Box<Self>) -> Result<()> {
        self.recorded.finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_have_times_and_numbers() {
        assert_eq!(further(FilePath::new("logs/run.mcap"), 2), FilePath::new("logs/run-2.mcap"));
        let file = named(FilePath::new("logs/{time}/fault-{time}.mcap"), now());
        let name = file.file_name().unwrap().to_str().unwrap();
        assert_eq!(file.parent().unwrap(), FilePath::new("logs/{time}"));
        assert_eq!((name.len(), name.matches('-').count()), ("fault-2026-05-01T12-30-00.000Z.mcap".len(), 5));
    }
}
