//! The sockets of this process's servers, which a forked child closes: it has no server, and is not to keep connections of its parent
//! open.

use std::os::fd::{AsRawFd, RawFd};
use std::sync::Once;
use std::sync::atomic::{AtomicI32, Ordering};

/// How many sockets are remembered.
const MOST: usize = 1024;
const NONE: RawFd = -1;

/// Atomics, because a child may use nothing else.
static OPEN: [AtomicI32; MOST] = [const { AtomicI32::new(NONE) }; MOST];

/// A socket that a child closes for as long as this lives. Dropped before the socket is closed.
pub(crate) struct Guard(Option<usize>);

impl Guard {
    pub(crate) fn new(socket: &impl AsRawFd) -> Guard {
        static HOOK: Once = Once::new();
        HOOK.call_once(|| {
            // SAFETY: the hook does only what may be done in a child.
            unsafe { libc::pthread_atfork(None, None, Some(close_all)) };
        });
        let socket = socket.as_raw_fd();
        let free = OPEN.iter().position(|place| {
            place.compare_exchange(NONE, socket, Ordering::SeqCst, Ordering::Relaxed).is_ok()
        });
        Guard(free)
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        if let Some(place) = self.0.and_then(|place| OPEN.get(place)) {
            place.store(NONE, Ordering::SeqCst);
        }
    }
}

extern "C" fn close_all() {
    for place in &OPEN {
        let socket = place.swap(NONE, Ordering::SeqCst);
        if socket != NONE {
            // SAFETY: of this process's copies of its parent's descriptors, which nobody else uses here: only threads that are not in the
            // child do.
            unsafe { libc::close(socket) };
        }
    }
}
