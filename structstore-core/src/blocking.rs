//! Iterators that wait, as streams, for programs whose waits are asynchronous.

use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::thread;

use futures_core::Stream;
use parking_lot::{Condvar, Mutex, MutexGuard};

use crate::error::{Error, Result};

/// What an iterator gives that waits, as a stream, which works with any executor.
///
/// A background thread waits, because executors cannot poll shared memory. It waits for the next item once the last one has been taken.
/// Dropping the stream ends it.
pub struct BlockingStream<T> {
    shared: Arc<Shared<T>>,
    cancel: Box<dyn Fn() + Send + Sync>,
}

struct Shared<T> {
    /// No waker is cloned, woken or dropped under it: that is the user's code, which may drop the stream.
    state: Mutex<State<T>>,
    taken: Condvar,
}

struct State<T> {
    /// What is to be taken.
    next: Option<T>,
    /// Whether nothing will come after that.
    ended: bool,
    waker: Option<Waker>,
}

impl<T: Send + 'static> BlockingStream<T> {
    /// Starts a thread that iterates. `cancel` ends what the iterator waits for.
    pub(crate) fn new(
        mut items: impl Iterator<Item = T> + Send + 'static,
        cancel: impl Fn() + Send + Sync + 'static,
    ) -> Result<BlockingStream<T>> {
        let state = Mutex::new(State { next: None, ended: false, waker: None });
        let shared = Arc::new(Shared { state, taken: Condvar::new() });
        let waiting = Arc::clone(&shared);
        let wait = move || while waiting.put(items.next()) {};
        let started = thread::Builder::new().name("structstore wait".to_owned()).spawn(wait);
        started.map_err(|source| Error::os("start", "a thread", source))?;
        Ok(BlockingStream { shared, cancel: Box::new(cancel) })
    }
}

impl<T> Shared<T> {
    /// Offers what comes next, and waits until it is taken. `false` after the end.
    fn put(&self, next: Option<T>) -> bool {
        let mut state = self.state.lock();
        state.ended |= next.is_none();
        state.next = next;
        if let Some(waker) = state.waker.take() {
            MutexGuard::unlocked(&mut state, || waker.wake());
        }
        while state.next.is_some() && !state.ended {
            self.taken.wait(&mut state);
        }
        !state.ended
    }

    /// What there is to be taken, or the end, as an error. If there is neither yet, this leaves a waker, if one is given, and
    /// returns the one that was there.
    fn take(&self, waker: Option<Waker>) -> Result<Option<Waker>, Option<T>> {
        let mut state = self.state.lock();
        match state.next.take() {
            Some(next) => {
                self.taken.notify_one();
                Err(Some(next))
            }
            None if state.ended => Err(None),
            None => Ok(waker.and_then(|waker| state.waker.replace(waker))),
        }
    }
}

impl<T> Stream for BlockingStream<T> {
    type Item = T;

    fn poll_next(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<T>> {
        if let Err(next) = self.shared.take(None) {
            return Poll::Ready(next);
        }
        match self.shared.take(Some(context.waker().clone())) {
            Ok(_before) => Poll::Pending,
            Err(next) => Poll::Ready(next),
        }
    }
}

impl<T> Drop for BlockingStream<T> {
    fn drop(&mut self) {
        let waker = {
            let mut state = self.shared.state.lock();
            state.ended = true;
            state.waker.take()
        };
        self.shared.taken.notify_one();
        (self.cancel)();
        drop(waker);
    }
}

impl<T> fmt::Debug for BlockingStream<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BlockingStream").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::task::Wake;
    use std::time::{Duration, Instant};

    use super::*;
    use crate::StructStoreShared;

    /// A task that owns the stream that it waits for.
    struct Task {
        stream: Mutex<Option<crate::watch::WatchStream>>,
        /// Whether being woken ends it, as opposed to nobody having it any more then.
        ends: bool,
    }

    impl Wake for Task {
        fn wake(self: Arc<Self>) {
            if self.ends {
                drop(self.stream.lock().take());
            }
        }
    }

    /// Whatever becomes of the task when it is woken: the thread of the stream ends, and its watch.
    fn assert_ends(ends: bool) {
        let name = format!("/structstore_test_stream_{}_{ends}", std::process::id());
        let store = StructStoreShared::open(&name).unwrap();
        let mut stream = store.watch().unwrap().into_stream().unwrap();
        let task = Arc::new(Task { stream: Mutex::new(None), ends });
        let waker = Waker::from(Arc::clone(&task));
        assert!(Pin::new(&mut stream).poll_next(&mut Context::from_waker(&waker)).is_pending());
        *task.stream.lock() = Some(stream);
        drop(waker);
        let kept = ends.then(|| Arc::clone(&task));
        drop(task);
        store.set("x", 1).unwrap();
        let start = Instant::now();
        while store.statistics().watchers != 0 {
            assert!(start.elapsed() < Duration::from_secs(60), "the thread of the stream waits for itself");
            thread::sleep(Duration::from_millis(5));
        }
        drop(kept);
    }

    #[test]
    fn waking_may_drop_the_stream() {
        assert_ends(true);
    }

    #[test]
    fn dropping_the_waker_may_drop_the_stream() {
        assert_ends(false);
    }
}
