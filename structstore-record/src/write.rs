//! The thread of a recording that writes what the others have read.

use std::fs::File;
use std::io;
use std::path::{Path as FilePath, PathBuf};
use std::sync::Arc;
use std::sync::atomic::Ordering;

use structstore::binding_support::iso;
use structstore::stream::{now, wall_time};

use crate::error::{Error, Result};
use crate::file::{Part, Recorded};
use crate::queue::{Item, Next};
use crate::shared::{Shared, TICK};
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
const TIME: &str = "{time}";

/// Whether names of a pattern differ by their times.
pub(crate) fn has_time(pattern: &FilePath) -> bool {
    pattern.file_name().is_some_and(|name| name.to_string_lossy().contains(TIME))
}

/// How many names are tried.
const MOST_NAMES: u32 = 1_000_000;

/// A new file. If one of its name exists, it gets another name where `is_free` permits it: `run-2.mcap`, `run-3.mcap`.
pub(crate) fn create_new(file: &FilePath, is_free: bool) -> Result<(PathBuf, File)> {
    let mut name = file.to_owned();
    for number in 2..MOST_NAMES {
        match File::options().write(true).create_new(true).open(&name) {
            Err(error) if is_free && error.kind() == io::ErrorKind::AlreadyExists => {
                name = numbered(file, number);
            }
            opened => {
                let opened = opened.map_err(Error::file(&name))?;
                return Ok((name, opened));
            }
        }
    }
    Err(Error::file(&name)(io::ErrorKind::AlreadyExists.into()))
}

/// A name with a number in front of its extension.
pub(crate) fn numbered(file: &FilePath, number: u32) -> PathBuf {
    let stem = file.file_stem().unwrap_or_default().to_string_lossy();
    match file.extension() {
        Some(extension) => file.with_file_name(format!("{stem}-{number}.{}", extension.to_string_lossy())),
        None => file.with_file_name(format!("{stem}-{number}")),
    }
}

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
        let part = Part { recording: wall_time(time), number: 1 };
        let (first, created) = create_new(&named(file, time), has_time(file))?;
        let recorded = Recorded::create(&first, created, &shared, part, Node::default())?;
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
        let (file, created) = create_new(&further(&self.first, self.part.number), true)?;
        let tree = self.recorded.take_tree();
        let mut next = Recorded::create(&file, created, &self.shared, self.part, tree)?;
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
    fn names_that_are_taken_get_numbers() {
        let folder = tempfile::tempdir().unwrap();
        for name in ["run.mcap", "run-2.mcap", "run-3.mcap"] {
            let (file, _) = create_new(&folder.path().join("run.mcap"), true).unwrap();
            assert_eq!(file, folder.path().join(name));
        }
        let taken = create_new(&folder.path().join("run.mcap"), false).unwrap_err();
        assert!(taken.to_string().contains("run.mcap: File exists"), "{taken}");
        assert_eq!(numbered(FilePath::new("a.b/run"), 2), FilePath::new("a.b/run-2"));
        assert_eq!(numbered(FilePath::new("12.000Z.mcap"), 2), FilePath::new("12.000Z-2.mcap"));
    }

    #[test]
    fn names_have_times_and_numbers() {
        assert_eq!(further(FilePath::new("logs/run.mcap"), 2), FilePath::new("logs/run-2.mcap"));
        let file = named(FilePath::new("logs/{time}/fault-{time}.mcap"), now());
        let name = file.file_name().unwrap().to_str().unwrap();
        assert_eq!(file.parent().unwrap(), FilePath::new("logs/{time}"));
        assert_eq!((name.len(), name.matches('-').count()), ("fault-2026-05-01T12-30-00.000Z.mcap".len(), 5));
    }
}
