//! A recording that is being made: the threads that look at what changes, follow streams, and write.

use std::io;
use std::path::{Path as FilePath, PathBuf};
use std::process;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use structstore::Struct;
use structstore::binding_support::Thread;
use structstore::stream::now;
use structstore::watch::Batches;

use crate::error::{Error, Result};
use crate::flight::{self, Flight};
use crate::follow::Follow;
use crate::looks::Looks;
use crate::options::{Options, Streams};
use crate::queue::{Item, Queue};
use crate::shared::{Counters, Shared};
use crate::write::{Files, Target, write};

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

/// A recording that is being made. It ends when it is stopped or dropped.
pub struct Recording {
    shared: Arc<Shared>,
    /// The file, as it was asked for.
    file: PathBuf,
    threads: Vec<Thread>,
    /// The one that records. A forked child has no threads to wait for.
    process: u32,
}

impl Recording {
    /// Begins to record a store, or a part of one, which should be attached as an observer. `name` is what the file says that it is of. `{time}` in the
    /// name of the file is replaced by the time, and by a number behind it if that name exists: `2026-05-01T12-30-00.000Z-2.mcap`.
    ///
    /// # Errors
    ///
    /// [`Error::File`] if the file exists or cannot be written, [`Error::Store`] if the store cannot be watched or the system has no thread left, and
    /// [`Error::Invalid`] if a black box has less memory than twice what a whole state takes.
    ///
    /// ```
    /// use structstore::StructStore;
    /// use structstore_record::{Options, Recording, Run};
    ///
    /// # let folder = tempfile::tempdir().unwrap();
    /// # let file = folder.path().join("run.mcap");
    /// let store = StructStore::new();
    /// store.set("speed", 1.5)?;
    /// let mut recording = Recording::start(&store, "local", &file, Options::new())?;
    /// store.set("speed", 2.5)?;
    /// recording.mark("faster")?;
    /// recording.stop()?;
    /// assert_eq!(Run::open(&file)?.end_state()?.to_string(), r#"{"speed": 2.5}"#);
    /// # Ok::<(), structstore_record::Error>(())
    /// ```
    pub fn start(store: &Struct, name: &str, file: &FilePath, options: Options) -> Result<Recording> {
        if options.split.is_some() && options.black_box.is_some() {
            return Err(Error::Invalid("split: a black box is one file each time".to_owned()));
        }
        let root = store.clone();
        // What changes from here on is told.
        let batches = Batches::with_contents(&root)?;
        let shared = Arc::new(Shared::new(root, name, options.complete(), Queue::default()));
        let target: Box<dyn Target> = match shared.options.black_box.clone() {
            None => Box::new(Files::create(Arc::clone(&shared), file)?),
            Some(black_box) => Box::new(Flight::new(Arc::clone(&shared), file, black_box)?),
        };
        let mut looks = Looks::new(Arc::clone(&shared), batches);
        looks.begin()?;
        if let Some(black_box) = &shared.options.black_box {
            flight::check(black_box, shared.queue.heaviest())?;
        }
        let mut recording = Recording::of(&shared, file);
        recording.spawn("looks", move || looks.run())?;
        if shared.options.streams != Streams::None {
            let follow = Follow::new(Arc::clone(&shared));
            recording.spawn("samples", move || follow.run())?;
        }
        recording.spawn("write", move || write(&shared, target))?;
        Ok(recording)
    }

    /// Without threads yet.
    fn of(shared: &Arc<Shared>, file: &FilePath) -> Recording {
        let (threads, process) = (Vec::new(), process::id());
        Recording { shared: Arc::clone(shared), file: file.to_owned(), threads, process }
    }

    fn spawn(&mut self, name: &str, run: impl FnOnce() + Send + 'static) -> Result<()> {
        self.threads.push(Thread::start(name, run).map_err(Error::thread)?);
        Ok(())
    }

    /// Writes a remark, with the time. A recording that is over gets none.
    ///
    /// # Errors
    ///
    /// [`Error::File`] if the disk is so slow that there is no room for the remark; its kind is [`WouldBlock`](io::ErrorKind::WouldBlock).
    pub fn mark(&self, text: &str) -> Result<()> {
        self.push(Item::Mark { time: now(), text: text.to_owned() })
    }

    /// Saves what a black box has, as if its condition had begun to hold, with a remark. Other recordings get the remark only.
    ///
    /// # Errors
    ///
    /// As [`mark`](Recording::mark).
    pub fn save(&self, text: &str) -> Result<()> {
        self.push(Item::Save { time: now(), text: text.to_owned() })
    }

    fn push(&self, item: Item) -> Result<()> {
        if !self.is_here() || self.shared.queue.push(item) || self.shared.queue.is_closed() {
            return Ok(());
        }
        let reason = "there is no room for a remark: the disk is slower than what is recorded";
        Err(Error::file(&self.file)(io::Error::new(io::ErrorKind::WouldBlock, reason)))
    }

    /// The files that it has written or begun, the oldest first.
    pub fn files(&self) -> Vec<PathBuf> {
        self.shared.files.lock().clone()
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
        !self.threads.is_empty() && self.threads.iter().all(Thread::is_running)
    }

    /// Ends it, with all that has changed until now.
    ///
    /// # Errors
    ///
    /// What has ended it before: [`Error::File`] or [`Error::Store`].
    pub fn stop(&mut self) -> Result<Status> {
        self.end();
        let status = self.status();
        if !self.is_here() {
            return Ok(status);
        }
        match self.shared.failed.lock().take() {
            Some(error) => Err(error),
            None => Ok(status),
        }
    }

    fn is_here(&self) -> bool {
        self.process == process::id()
    }

    fn end(&mut self) {
        if !self.is_here() {
            return self.threads.clear();
        }
        self.shared.end();
        // In the order in which they were started: those who read end first.
        let writer = self.threads.pop();
        self.threads.drain(..).for_each(Thread::join);
        self.shared.queue.close();
        writer.into_iter().for_each(Thread::join);
    }
}

impl Drop for Recording {
    fn drop(&mut self) {
        self.end();
    }
}

#[cfg(test)]
mod tests {
    use structstore::StructStore;

    use super::*;

    #[test]
    fn a_remark_without_room_is_an_error() {
        let store = StructStore::new();
        let (root, queue) = (Struct::clone(&store), Queue::with_room(1000));
        let shared = Arc::new(Shared::new(root, "local", Options::new(), queue));
        // Nobody writes.
        let recording = Recording::of(&shared, FilePath::new("run.mcap"));
        let remark = "x".repeat(800);
        recording.mark(&remark).unwrap();
        for refused in [recording.mark(&remark), recording.save(&remark)] {
            let error = refused.unwrap_err().to_string();
            assert!(error.starts_with("run.mcap: there is no room for a remark"), "{error}");
        }
        // One that is over has no remarks.
        shared.queue.close();
        recording.mark(&remark).unwrap();
    }
}
