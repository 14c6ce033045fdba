//! Which threads hold locks, for tools that look into a store.

use std::fmt;

use crate::access::Access;
use crate::arena::Arena;
use crate::arena::layout::{Participant, Seat};
#[cfg(doc)]
use crate::error::ErrorKind;
use crate::error::{Path, Result};
use crate::handle::Struct;
use crate::lock::{MAX_SEATS, Mode, NodeId, SeatLine, generation, is_awaited, owner_seat};
use crate::node;
use crate::sync::Ordering;

/// A lock that a thread holds or requests.
///
/// ```
/// use structstore::StructStore;
/// use structstore::inspect::LockMode;
///
/// let store = StructStore::new();
/// let camera = store.ensure_struct("camera")?;
/// let guard = camera.write()?;
/// let locks = store.locks()?;
/// let lock = locks.iter().find(|lock| lock.path == "camera").unwrap();
/// assert_eq!((lock.mode, lock.pid, lock.granted), (LockMode::Tree, std::process::id(), true));
/// assert_eq!(lock.mode.to_string(), "exclusive");
/// drop(guard);
/// # Ok::<(), structstore::Error>(())
/// ```
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct LockHolder {
    /// The locked structure, with everything below it or alone; empty for the root.
    pub path: Path,
    /// What the lock covers.
    pub mode: LockMode,
    /// Whether it has been granted. Waiting threads are usually not listed: a sleeper withdraws its request.
    pub granted: bool,
    /// Whether others sleep until it is released.
    pub awaited: bool,
    /// Whether the thread that holds it sleeps for another lock.
    pub waiting: bool,
    /// The process, in its own PID namespace.
    pub pid: u32,
    /// The thread, in that namespace.
    pub thread: u32,
}

/// What a lock covers and excludes.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
#[non_exhaustive]
pub enum LockMode {
    /// The structure and everything below it, for reading: of a read guard, or an operation.
    Shared,
    /// The structure's own fields or items, for one change.
    Node,
    /// The structure and everything below it, for changing: of a write guard, or an operation.
    Tree,
}

/// `shared`, `exclusive`, or `exclusive, of its own fields`.
impl fmt::Display for LockMode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            LockMode::Shared => "shared",
            LockMode::Node => "exclusive, of its own fields",
            LockMode::Tree => "exclusive",
        })
    }
}

impl Struct {
    /// The locks of the store that contains this, as they are at about this moment.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Corrupt`](crate::ErrorKind::Corrupt) if the segment is damaged.
    pub fn locks(&self) -> Result<Vec<LockHolder>> {
        locks(self.handle.arena())
    }
}

fn locks(arena: &Arena) -> Result<Vec<LockHolder>> {
    let mut locks = Vec::new();
    for index in 0..arena.used::<SeatLine>().min(MAX_SEATS as u32) {
        let seat = arena.record::<Seat>(index)?;
        for (slot, published) in arena.record::<SeatLine>(index)?.published() {
            let Ok(node) = arena.node(published.index) else { continue };
            let generation = generation(node.head.identity.load(Ordering::Acquire));
            let word = node.head.word.load(Ordering::Acquire);
            let owned = owner_seat(word) == Some(index);
            let path = node::path_of(arena, NodeId { index: published.index, generation });
            // Else it was released meanwhile, or its node has gone.
            if published.names(generation) && published.lasts(slot) {
                locks.push(LockHolder {
                    path,
                    mode: match published.mode {
                        Mode::Shared => LockMode::Shared,
                        Mode::Node => LockMode::Node,
                        Mode::Tree => LockMode::Tree,
                    },
                    granted: owned || published.mode == Mode::Shared,
                    awaited: published.awaited() || owned && is_awaited(word),
                    waiting: published.waits(),
                    pid: pid(arena, seat)?,
                    thread: u32::try_from(seat.thread.load(Ordering::Relaxed)).unwrap_or(0),
                });
            }
        }
    }
    Ok(locks)
}

/// The process of a seat; 0 if it has been given back.
fn pid(arena: &Arena, seat: &Seat) -> Result<u32> {
    let Some(participant) = seat.participant.load(Ordering::Acquire).checked_sub(1) else { return Ok(0) };
    let participant = u32::try_from(participant).unwrap_or(u32::MAX);
    let pid = arena.record::<Participant>(participant)?.pid.load(Ordering::Acquire);
    Ok(u32::try_from(pid).unwrap_or(0))
}
