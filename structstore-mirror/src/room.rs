//! Room for what comes from the network and waits: a peer that sends faster than this side works cannot fill its memory.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// What a message takes beside its bytes.
const OVERHEAD: usize = 1 << 10;

/// So many bytes, which all clones share.
#[derive(Clone)]
pub(crate) struct Room {
    taken: Arc<AtomicUsize>,
    bytes: usize,
}

/// A place in a [`Room`], given back when it is dropped.
pub(crate) struct Taken {
    room: Room,
    size: usize,
}

impl Room {
    pub(crate) fn new(bytes: usize) -> Room {
        Room { taken: Arc::default(), bytes }
    }

    /// A place for a message of so many bytes. `None` if there is none, unless nothing else waits.
    pub(crate) fn take(&self, bytes: usize) -> Option<Taken> {
        let size = bytes.saturating_add(OVERHEAD);
        let before = self.taken.fetch_add(size, Ordering::Relaxed);
        // Gives it back if there is no room.
        let taken = Taken { room: self.clone(), size };
        (before == 0 || before.saturating_add(size) <= self.bytes).then_some(taken)
    }
}

impl Drop for Taken {
    fn drop(&mut self) {
        self.room.taken.fetch_sub(self.size, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn room_is_given_back() {
        let room = Room::new(4 * OVERHEAD);
        assert!(room.take(100 * OVERHEAD).is_some(), "nothing else waits");
        let taken: Vec<Taken> = (0..10).map_while(|_| room.take(0)).collect();
        assert_eq!(taken.len(), 4, "what is empty takes room, too");
        assert!(room.take(0).is_none());
        drop(taken);
        assert!(room.take(OVERHEAD).is_some());
    }
}
