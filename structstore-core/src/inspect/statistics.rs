//! What concerns a store as a whole: statistics, verification, snapshots.

use std::time::{Duration, Instant};

use crate::access::{Access, Located};
use crate::error::{Error, ErrorKind, Result};
use crate::handle::Struct;
use crate::lock::{Mode, Wait};
use crate::node::Raw;
use crate::sync::Ordering;
use crate::value::Kind;

/// For how long a store is verified without locks until nobody changes it meanwhile, and how long to pause in between.
const CHECK_TIME: Duration = Duration::from_secs(1);
const CHECK_PAUSE: Duration = Duration::from_micros(300);

/// How much memory the arena of a store uses. Local stores of a process share one arena.
///
/// An operation that fails leaves all but `size` as they were.
///
/// ```
/// use structstore::StructStoreShared;
///
/// # let name = format!("/structstore_statistics_{}", std::process::id());
/// let store = StructStoreShared::options().max_size(1 << 20).open(&name)?;
/// let before = store.statistics();
/// store.set("name", "a string in a block of its own")?;
/// assert_eq!(store.statistics().nodes, before.nodes + 1);
/// store.delete("name")?;
/// assert_eq!(store.statistics().max_size, 1 << 20);
/// # Ok::<(), structstore::Error>(())
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct Statistics {
    /// Bytes that are backed by memory.
    pub size: u64,
    /// Bytes up to which the segment may grow.
    pub max_size: u64,
    /// Bytes in use for what the store holds, overhead included.
    pub allocated: u64,
    /// Blocks in use.
    pub blocks: u64,
    /// Structs, lists, strings, bytes and arrays in use.
    pub nodes: u64,
    /// How often the remains of a process that died were repaired.
    pub recoveries: u64,
    /// The number of watches; see [`Watch`](crate::Watch).
    pub watchers: u64,
    /// How often a process attached to the store when it was an orphan.
    pub orphaned: u64,
}

impl Struct {
    /// How much memory the store uses.
    ///
    /// ```
    /// let store = structstore::StructStore::new();
    /// assert!(store.statistics().allocated <= store.statistics().size);
    /// ```
    pub fn statistics(&self) -> Statistics {
        let header = self.handle.arena().header();
        let load = |word: &crate::sync::AtomicU64| word.load(Ordering::Acquire);
        Statistics {
            size: load(&header.committed),
            max_size: load(&header.max_size),
            allocated: load(&header.allocated),
            blocks: load(&header.blocks),
            nodes: load(&header.nodes),
            recoveries: load(&header.recoveries),
            watchers: load(&header.watching),
            orphaned: load(&header.orphaned),
        }
    }

    /// Verifies every invariant of the format below this struct: links, generations, indices, strings, and, at the root
    /// of a shared store, that all memory is accounted for. What processes that died have left is repaired first.
    ///
    /// A store that was opened read-only is verified without locks: repeatedly, for a second at most, until nothing was changed
    /// meanwhile.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Corrupt`] says what is wrong and where. For a store that was opened read-only also [`ErrorKind::NotReady`] if
    /// it was changed all the time, and [`ErrorKind::Abandoned`] if a process died while it was changing something, which only
    /// a process that may write can repair.
    ///
    /// ```
    /// let store = structstore::StructStore::new();
    /// store.set("num", 5)?;
    /// store.check()?;
    /// # Ok::<(), structstore::Error>(())
    /// ```
    pub fn check(&self) -> Result<()> {
        let arena = self.handle.arena();
        arena.ensure_attached()?;
        if !arena.writable() {
            return self.check_unlocked();
        }
        arena.repair_dead()?;
        let _held = self.handle.lock(Mode::Shared, &Wait::FOREVER).at(&self.handle)?;
        arena.seat(&Wait::FOREVER).and_then(|seat| self.verify(Some(seat.own.index)))
    }

    /// Verifies the tree below, under the heap lock if a seat is given that takes it.
    fn verify(&self, seat: Option<u32>) -> Result<()> {
        let arena = self.handle.arena();
        let raw = Raw::node(Kind::Struct, self.handle.id());
        let whole = arena.header().root.load(Ordering::Acquire) == raw.payload;
        let parent = self.handle.node().head.parent.load(Ordering::Acquire);
        let parent = parent.checked_sub(1).map(|parent| parent as u32);
        super::tree::check(arena, raw, parent, whole, seat)?;
        arena.check_watchers()
    }

    fn check_unlocked(&self) -> Result<()> {
        let start = Instant::now();
        // What is wrong counts if it is found twice: a lease comes and goes without leaving a trace.
        let mut found = None;
        while start.elapsed() < CHECK_TIME {
            match self.verify_at_rest() {
                Ok(true) => return Ok(()),
                Ok(false) => {}
                Err(error) => {
                    let message = Some(error.to_string());
                    if found == message || error.kind() == ErrorKind::Abandoned {
                        return Err(error);
                    }
                    found = message;
                }
            }
            Wait::FOREVER.check()?;
            std::thread::sleep(CHECK_PAUSE);
        }
        Err(Error::not_ready(
            self.handle.arena().place(),
            "still being changed all the time",
            start.elapsed(),
        ))
    }

    /// Verifies without locks. `false` if something was changed meanwhile.
    fn verify_at_rest(&self) -> Result<bool> {
        let arena = self.handle.arena();
        let before = arena.rest()?;
        if before.is_none() {
            return Ok(false);
        }
        let outcome = self.verify(None);
        if arena.rest()? == before { outcome.map(|()| true) } else { Ok(false) }
    }
}
