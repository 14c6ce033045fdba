//! Watches as streams, for programs whose waits are asynchronous.

use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::thread;

use futures_core::Stream;
use parking_lot::{Condvar, Mutex, MutexGuard};

use super::{CancelHandle, Watch};
#[cfg(doc)]
use crate::error::ErrorKind;
use crate::error::{Error, Path, Result};

/// A [`Watch`] as a stream, which works with any executor.
///
/// A background thread waits, because executors cannot poll shared memory. It waits for the next change once the last one has
/// been taken, so that changes that a slow reader misses are coalesced. Dropping the stream ends it.
///
/// ```
/// use futures_util::{FutureExt, StreamExt};
/// use structstore::StructStore;
///
/// # futures_executor::block_on(async {
/// let store = StructStore::new();
/// let mut changes = store.watch()?.into_stream()?;
/// assert!(changes.next().now_or_never().is_none());
/// store.set("mode", "auto")?;
/// assert_eq!(changes.next().await.unwrap()?, ["mode"]);
/// # Ok::<(), structstore::Error>(())
/// # })?;
/// # Ok::<(), structstore::Error>(())
/// ```
pub struct WatchStream {
    shared: Arc<Shared>,
    cancel_handle: CancelHandle,
}

#[derive(Default)]
struct Shared {
    /// No waker is cloned, woken or dropped under it: that is the user's code, which may drop the stream.
    state: Mutex<State>,
    taken: Condvar,
}

#[derive(Default)]
struct State {
    /// What is to be taken.
    next: Option<Result<Vec<Path>>>,
    /// Whether nothing will come after that.
    ended: bool,
    waker: Option<Waker>,
}

impl Watch {
    /// The watch as a stream.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Io`] if the system has no thread left.
    pub fn into_stream(mut self) -> Result<WatchStream> {
        let (shared, cancel_handle) = (Arc::new(Shared::default()), self.cancel_handle());
        let watching = Arc::clone(&shared);
        let watch = move || {
            while watching.put(self.next()) {}
        };
        let started = thread::Builder::new().name("structstore watch".to_owned()).spawn(watch);
        let failed = |source| Error::os("start", "a thread", source);
        started.map_err(failed)?;
        Ok(WatchStream { shared, cancel_handle })
    }
}

impl Shared {
    /// Offers what comes next, and waits until it is taken. `false` after the end.
    fn put(&self, next: Option<Result<Vec<Path>>>) -> bool {
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
}

impl Shared {
    /// What there is to be taken, or the end, as an error. If there is neither yet, this leaves a waker, if one is given, and
    /// returns the one that was there.
    fn take(&self, waker: Option<Waker>) -> Result<Option<Waker>, Option<Result<Vec<Path>>>> {
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

impl Stream for WatchStream {
    type Item = Result<Vec<Path>>;

    fn poll_next(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        if let Err(next) = self.shared.take(None) {
            return Poll::Ready(next);
        }
        match self.shared.take(Some(context.waker().clone())) {
            Ok(_before) => Poll::Pending,
            Err(next) => Poll::Ready(next),
        }
    }
}

impl Drop for WatchStream {
    fn drop(&mut self) {
        let waker = {
            let mut state = self.shared.state.lock();
            state.ended = true;
            state.waker.take()
        };
        self.shared.taken.notify_one();
        self.cancel_handle.cancel();
        drop(waker);
    }
}

impl fmt::Debug for WatchStream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WatchStream").finish_non_exhaustive()
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
        stream: Mutex<Option<WatchStream>>,
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
