//! The threads of a viewer, which are waited for at its end.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};
use std::{io, thread};

use structstore::binding_support::Thread;

#[derive(Clone, Default)]
pub(crate) struct Threads(Arc<AtomicUsize>);

/// Counts a thread for as long as it runs.
struct Counted(Threads);

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.0.fetch_sub(1, Ordering::SeqCst);
    }
}

impl Threads {
    /// Starts a thread.
    pub(crate) fn spawn(&self, name: &str, run: impl FnOnce() + Send + 'static) -> io::Result<()> {
        self.0.fetch_add(1, Ordering::SeqCst);
        let counted = Counted(self.clone());
        let run = move || {
            let _counted = counted;
            run();
        };
        Thread::start(name, run).map(drop)
    }

    /// Waits until all have ended, but not longer.
    pub(crate) fn wait(&self, until: Instant) {
        while self.0.load(Ordering::SeqCst) > 0 && Instant::now() < until {
            thread::sleep(Duration::from_millis(1));
        }
    }
}
