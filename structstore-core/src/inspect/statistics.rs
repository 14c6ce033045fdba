//! How much memory a store uses.

use crate::access::Access;
#[cfg(doc)]
use crate::error::ErrorKind;
use crate::error::Result;
use crate::handle::Struct;
use crate::sync::Ordering;

/// How much memory the arena of a store uses. Local stores of a process share one arena.
///
/// An operation that fails changes nothing here except `size`.
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
    /// The size of the segment in bytes of memory.
    pub size: u64,
    /// The number of bytes up to which the segment may grow.
    pub max_size: u64,
    /// Bytes in use for the contents of the store, overhead included.
    pub allocated: u64,
    /// Blocks in use.
    pub blocks: u64,
    /// Structs, lists, strings, bytes and arrays in use.
    pub nodes: u64,
    /// How often the remains of a dead process were repaired.
    pub recoveries: u64,
    /// The number of watches; see [`Watch`](crate::Watch).
    pub watchers: u64,
    /// How often a process attached to the store when it was an orphan.
    pub orphaned: u64,
}

impl Struct {
    /// Makes sure that the store has a free block of this many bytes, and grows the store if it has none. Later allocations from that block
    /// make no system call. Other processes may use it first.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::OutOfSpace`] if the store may not grow so much, or if there is not enough memory; [`ErrorKind::ReadOnly`].
    ///
    /// ```
    /// let store = structstore::StructStore::new();
    /// store.reserve(64 << 20)?;
    /// let size = store.statistics().size;
    /// store.set("image", vec![0.5; 100_000])?;
    /// assert_eq!(store.statistics().size, size);
    /// # Ok::<(), structstore::Error>(())
    /// ```
    pub fn reserve(&self, bytes: u64) -> Result<()> {
        let arena = self.handle.arena();
        if !self.handle.store().may_change() {
            return Err(arena.refusal());
        }
        let most = arena.header().max_size.load(Ordering::Relaxed);
        if bytes > most {
            let reason = format!("the maximum size is {most}");
            return Err(arena.segment().full(bytes, reason));
        }
        match arena.make_room(arena.owner(), bytes)? {
            true => Ok(()),
            false => Err(arena.segment().full(bytes, "there is not so much free memory".to_owned())),
        }
    }

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
}
