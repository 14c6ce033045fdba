//! What the threads of a recording share.

use std::path::{Path as FilePath, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use parking_lot::Mutex;
use structstore::Struct;
use structstore::path::Path;
use structstore::stream::AnyStream;

use crate::error::Error;
use crate::options::Options;
use crate::queue::Queue;

/// How often threads look whether the recording is over.
pub(crate) const TICK: Duration = Duration::from_millis(50);

pub(crate) struct Shared {
    pub(crate) root: Struct,
    /// What the store is called.
    pub(crate) name: String,
    pub(crate) options: Options,
    pub(crate) queue: Queue,
    pub(crate) counters: Counters,
    /// Whether the first look is over, and the recording.
    pub(crate) begun: AtomicBool,
    over: AtomicBool,
    /// Whether another whole state is wanted now.
    pub(crate) state_wanted: AtomicBool,
    /// The files that were begun.
    pub(crate) files: Mutex<Vec<PathBuf>>,
    /// Streams that were found and are not followed yet, and the first sample that is wanted.
    found: Mutex<Vec<(Path, AnyStream, u64)>>,
    pub(crate) failed: Mutex<Option<Error>>,
}

impl Shared {
    pub(crate) fn new(root: Struct, name: &str, options: Options, queue: Queue) -> Shared {
        Shared {
            root,
            name: name.to_owned(),
            options,
            queue,
            counters: Counters::default(),
            begun: AtomicBool::new(false),
            over: AtomicBool::new(false),
            state_wanted: AtomicBool::new(false),
            files: Mutex::default(),
            found: Mutex::default(),
            failed: Mutex::default(),
        }
    }

    pub(crate) fn is_over(&self) -> bool {
        self.over.load(Ordering::SeqCst)
    }

    /// Ends the recording.
    pub(crate) fn end(&self) {
        self.over.store(true, Ordering::SeqCst);
    }

    pub(crate) fn fail(&self, error: Error) {
        self.failed.lock().get_or_insert(error);
        self.end();
    }

    pub(crate) fn add_file(&self, file: &FilePath) {
        self.files.lock().push(file.to_owned());
    }

    /// Follows a stream: one that was there at the start from then on, another one from its first sample.
    pub(crate) fn follow(&self, path: Path, stream: AnyStream) {
        if self.options.has_stream(&path) {
            let from = if self.begun.load(Ordering::SeqCst) { 0 } else { stream.published() };
            self.found.lock().push((path, stream, from));
        }
    }

    /// The streams that are new.
    pub(crate) fn take_found(&self) -> Vec<(Path, AnyStream, u64)> {
        std::mem::take(&mut *self.found.lock())
    }
}

/// What [`Status`](crate::Status) tells.
#[derive(Default)]
pub(crate) struct Counters {
    pub(crate) messages: AtomicU64,
    pub(crate) bytes: AtomicU64,
    pub(crate) missed: AtomicU64,
    pub(crate) delayed: AtomicU64,
}
