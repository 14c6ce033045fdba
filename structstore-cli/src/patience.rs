//! Says what a command waits for, when it does.

use std::ops::Deref;
use std::process;
use std::sync::mpsc::{self, RecvTimeoutError, Sender};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use crate::path::shown;
use structstore::inspect::LockMode;
use structstore::{Struct, StructStoreShared};

use crate::output;

/// After how long somebody may wonder.
const PATIENCE: Duration = Duration::from_secs(1);

/// An open store. If it is still open after a while, and others hold locks, whoever waits is told so.
pub(crate) struct Watched {
    store: StructStoreShared,
    /// Hangs up when the store is closed.
    open: Option<Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Watched {
    pub(crate) fn new(store: StructStoreShared) -> Watched {
        let (open, closed) = mpsc::channel::<()>();
        let root = Struct::clone(&store);
        // Where there can be no thread, nothing is said.
        let thread = thread::Builder::new().spawn(move || {
            if closed.recv_timeout(PATIENCE) == Err(RecvTimeoutError::Timeout) {
                tell(&root);
            }
        });
        Watched { store, open: Some(open), thread: thread.ok() }
    }
}

impl Drop for Watched {
    fn drop(&mut self) {
        self.open = None;
        // It has the store as well; a process that ends before all have let go of it would seem to have died.
        let _ = self.thread.take().map(JoinHandle::join);
    }
}

impl Deref for Watched {
    type Target = StructStoreShared;

    fn deref(&self) -> &StructStoreShared {
        &self.store
    }
}

fn tell(root: &Struct) {
    for lock in root.locks().unwrap_or_default() {
        if lock.granted && lock.mode == LockMode::Tree && lock.pid != process::id() {
            let what = shown(&lock.path);
            output::remark(&format!(
                "waiting: {what} is held by thread {} of process {}",
                lock.thread, lock.pid
            ));
        }
    }
}
