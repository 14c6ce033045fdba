//! Watches as streams, for programs whose waits are asynchronous.

use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::thread;

use futures_core::Stream;
use parking_lot::{Condvar, Mutex};

use super::{Canceller, Watch};
use crate::error::{Error, Result};

/// A [`Watch`] as a stream, which works with any executor.
///
/// A thread of its own waits, for no executor can wait for memory. It waits for the next change when the last one has
/// been taken, so that what a slow reader misses is coalesced as ever. Dropping the stream ends it.
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
    canceller: Canceller,
}

#[derive(Default)]
struct Shared {
    state: Mutex<State>,
    taken: Condvar,
}

#[derive(Default)]
struct State {
    /// What is to be taken.
    next: Option<Result<Vec<String>>>,
    /// Whether nothing will come after that.
    ended: bool,
    waker: Option<Waker>,
}

impl Watch {
    /// The watch as a stream.
    ///
    /// # Errors
    ///
    /// [`Error::Io`] if the system has no thread left.
    pub fn into_stream(mut self) -> Result<WatchStream> {
        let (shared, canceller) = (Arc::new(Shared::default()), self.canceller());
        let watching = Arc::clone(&shared);
        let watch = move || {
            while watching.put(self.next()) {}
        };
        let started = thread::Builder::new().name("structstore watch".to_owned()).spawn(watch);
        let failed = |source| Error::Io {
            action: "start",
            place: "a thread".to_owned(),
            detail: String::new(),
            source,
        };
        started.map_err(failed)?;
        Ok(WatchStream { shared, canceller })
    }
}

impl Shared {
    /// Offers what comes next, and waits until it is taken. `false` after the end.
    fn put(&self, next: Option<Result<Vec<String>>>) -> bool {
        let mut state = self.state.lock();
        state.ended |= next.is_none();
        state.next = next;
        if let Some(waker) = state.waker.take() {
            waker.wake();
        }
        while state.next.is_some() && !state.ended {
            self.taken.wait(&mut state);
        }
        !state.ended
    }
}

impl Stream for WatchStream {
    type Item = Result<Vec<String>>;

    fn poll_next(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let mut state = self.shared.state.lock();
        match state.next.take() {
            Some(next) => {
                self.shared.taken.notify_one();
                Poll::Ready(Some(next))
            }
            None if state.ended => Poll::Ready(None),
            None => {
                state.waker = Some(context.waker().clone());
                Poll::Pending
            }
        }
    }
}

impl Drop for WatchStream {
    fn drop(&mut self) {
        self.shared.state.lock().ended = true;
        self.shared.taken.notify_one();
        self.canceller.cancel();
    }
}

impl fmt::Debug for WatchStream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WatchStream").finish_non_exhaustive()
    }
}
