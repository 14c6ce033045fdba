//! Leases, which keep the memory of a viewed array, of a stream in use, or of fields that are lent for good, alive when it is removed or replaced; and
//! pins, which keep a struct from being removed or replaced.
//!
//! Invariant: for every live [`Lease`] there is one entry among the leases of this participant, and the block counts
//! it. Both change in one heap section. A block that is leased is not freed; when its array lets go of it, it
//! becomes an orphan, and the last lease frees it.
//!
//! The heap is locked before the table of this process's leases, which is therefore held for moments only.

use std::collections::hash_map::Entry;
use std::sync::atomic::{AtomicU64 as LocalWord, Ordering as LocalOrdering};
use std::sync::{Arc, Mutex, PoisonError, Weak};

use crate::arena::block::{self, BlockKind, HEADER, UNIT};
use crate::arena::layout::{ArrayHead, ChunkTail, LeaseBlock, Participant};
use crate::arena::{Arena, HeapGuard};
use crate::error::{Error, Result};
use crate::lock::{NodeId, Wait, generation};
use crate::ring::Share;
use crate::sync::{AtomicU64, Ordering, lock};

const LEASE_BLOCK: u64 = size_of::<LeaseBlock>() as u64;

/// No segment has room for more blocks of lease entries than this.
pub(crate) fn most_blocks(arena: &Arena) -> u64 {
    arena.size().unwrap_or(0) / LEASE_BLOCK
}

#[cold]
pub(crate) fn endless() -> Error {
    Error::corrupt("the leases of a participant", "a chain without an end", "a chain that ends")
}

/// This process's lease on one block, shared by all its views of an array, handles to a stream, or references to fields.
pub(crate) struct Lease {
    arena: Arc<Arena>,
    block: u64,
    /// Where the entry is. In a child, it is another one.
    entry: LocalWord,
    /// What this process has in the ring, if the block is that of a stream.
    share: Mutex<Share>,
}

impl Lease {
    /// The lease on a block that this process has already. A leased block is not freed, so that its offset still
    /// means the same block.
    pub(crate) fn existing(arena: &Arena, block: u64) -> Option<Arc<Lease>> {
        if count_of(arena, block).is_ok_and(|count| count.load(Ordering::Relaxed) == 0) {
            // Nobody has one, or not for long.
            return None;
        }
        lock(&arena.leases).get(&block).and_then(Weak::upgrade)
    }

    pub(crate) fn arena(&self) -> &Arena {
        &self.arena
    }

    /// Where the payload of the leased block is.
    pub(crate) fn block(&self) -> u64 {
        self.block
    }

    /// Leases a block that cannot be freed meanwhile, because the caller holds the array that has it. `None` if
    /// `admit`, which runs when other processes can see the lease and threads of this one cannot yet, refuses it.
    pub(crate) fn take(
        arena: &Arc<Arena>,
        block: u64,
        admit: impl FnOnce() -> Result<bool>,
    ) -> Result<Option<Arc<Lease>>> {
        let mut heap = HeapGuard::lock(arena, arena.owner(), &Wait::QUIET)?;
        let mut leases = lock(&arena.leases);
        // A pin that this process has inherited pins nothing.
        let counts = |lease: &Arc<Lease>| lease.entry.load(LocalOrdering::Relaxed) != 0;
        if let Some(lease) = leases.get(&block).and_then(Weak::upgrade).filter(counts) {
            return Ok(Some(lease));
        }
        let entry = Self::enter(&mut heap, arena.participant()?, block)?;
        let admitted = admit();
        if !matches!(admitted, Ok(true)) {
            drop_lease(&mut heap, arena.at::<AtomicU64>(entry)?, block)?;
            return admitted.map(|_| None);
        }
        let (arena_of, entry) = (Arc::clone(arena), LocalWord::new(entry));
        let lease = Arc::new(Lease { arena: arena_of, block, entry, share: Mutex::default() });
        leases.insert(block, Arc::downgrade(&lease));
        Ok(Some(lease))
    }

    /// Adds a block to the leases of a participant. Returns where its entry is.
    pub(crate) fn enter(heap: &mut HeapGuard<'_>, participant: &Participant, block: u64) -> Result<u64> {
        let arena = heap.arena();
        let mut section = heap.section();
        let mut at = participant.leases.load(Ordering::Relaxed);
        let mut vacant = None;
        let mut left = most_blocks(arena);
        while at != 0 && vacant.is_none() {
            left = left.checked_sub(1).ok_or_else(endless)?;
            let leases = arena.at::<LeaseBlock>(at)?;
            vacant = leases.entries.iter().find(|entry| entry.load(Ordering::Relaxed) == 0);
            at = leases.next.load(Ordering::Relaxed);
        }
        let entry = match vacant {
            Some(entry) => entry,
            None => {
                let more = section.take_for_writing(LEASE_BLOCK, BlockKind::Leases)?;
                let leases = arena.at::<LeaseBlock>(more)?;
                leases.next.store(participant.leases.load(Ordering::Relaxed), Ordering::Relaxed);
                leases.entries.iter().for_each(|entry| entry.store(0, Ordering::Relaxed));
                section.set(&participant.leases, more)?;
                &leases.entries[0]
            }
        };
        let count = count_of(arena, block)?;
        section.set(entry, block)?;
        section.add(count, 1)?;
        section.commit();
        Ok(arena.segment().offset_of(entry))
    }

    /// What this process has in the ring of a stream. The lock is held for moments, or while a process forks.
    pub(crate) fn share(&self) -> &Mutex<Share> {
        &self.share
    }

    fn leave(&self, heap: &mut HeapGuard<'_>) -> Result<()> {
        if self.entry.load(LocalOrdering::Relaxed) == 0 {
            // A pin that this process has inherited.
            return Ok(());
        }
        let entry = self.arena.at::<AtomicU64>(self.entry.load(LocalOrdering::Relaxed))?;
        drop_lease(heap, entry, self.block)
    }

    /// In a child: goes on with an entry of its own.
    pub(crate) fn inherit(&self, entry: u64) {
        self.entry.store(entry, LocalOrdering::Relaxed);
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        // A child that could not be admitted has no lease; its memory is its own.
        let heap =
            self.arena.writable().then(|| HeapGuard::lock(&self.arena, self.arena.owner(), &Wait::QUIET));
        let mut leases = lock(&self.arena.leases);
        let last = match leases.entry(self.block) {
            Entry::Occupied(newest) if newest.get().strong_count() == 0 => {
                newest.remove();
                true
            }
            Entry::Occupied(_) => false,
            Entry::Vacant(_) => true,
        };
        if heap.is_some() {
            // Under the table's lock, so that a newer lease of this process has not claimed the head yet, or keeps it.
            let me = u64::from(self.arena.participant_index()).wrapping_add(1);
            self.share.get_mut().unwrap_or_else(PoisonError::into_inner).give_back(me, last);
        }
        // Still under the table's lock, so that a new lease of this block finds the entry gone. A segment that is
        // too broken for it keeps its block.
        if let Some(Ok(mut heap)) = heap {
            let _ = self.leave(&mut heap);
        }
    }
}

/// Ends one lease, of any process; the last one frees a block that its array has let go of.
pub(crate) fn drop_lease(heap: &mut HeapGuard<'_>, entry: &AtomicU64, block: u64) -> Result<()> {
    let count = count_of(heap.arena(), block)?;
    let mut section = heap.section();
    let left = count.load(Ordering::Relaxed).saturating_sub(1);
    section.set(entry, 0)?;
    section.set(count, left)?;
    if left == 0 && block & PIN == 0 && section.is_orphan(block)? {
        section.free(block)?;
    }
    section.commit();
    Ok(())
}

/// Set in an entry that names a node: blocks are aligned.
const PIN: u64 = 1;

/// The entry of a pinned node: index 32 | generation 31 | [`PIN`].
pub(crate) fn pin_of(node: NodeId) -> u64 {
    u64::from(node.index) << 32 | u64::from(node.generation) << 33 >> 32 | PIN
}

/// The node that an entry pins, if it is one of a pin, and the node still lives.
pub(crate) fn pinned(arena: &Arena, entry: u64) -> Option<NodeId> {
    if entry & PIN == 0 {
        return None;
    }
    let index = (entry >> 32) as u32;
    let identity = arena.node(index).ok()?.head.identity.load(Ordering::Acquire);
    let id = NodeId { index, generation: generation(identity) };
    (pin_of(id) == entry).then_some(id)
}

/// Whether an entry is that of a pin.
pub(crate) fn is_pin(entry: u64) -> bool {
    entry & PIN != 0
}

/// What counts an entry: the block itself, or the header.
fn count_of(arena: &Arena, entry: u64) -> Result<&AtomicU64> {
    match is_pin(entry) {
        true => Ok(&arena.header().pins),
        false => lease_count(arena, entry),
    }
}

/// The count of participants that lease a block: at the end of a chunk of fields, in the head of an array or a stream.
pub(crate) fn lease_count(arena: &Arena, payload: u64) -> Result<&AtomicU64> {
    let header = arena.at::<AtomicU64>(payload.wrapping_sub(HEADER))?.load(Ordering::Relaxed);
    match BlockKind::of(header) {
        Some(BlockKind::Fields) => {
            let end = block::behind(payload, block::units(header));
            Ok(&arena.at::<ChunkTail>(end.wrapping_sub(UNIT))?.leases)
        }
        _ => array_leases(arena, payload),
    }
}

/// The same of a block that is known to be that of an array or a stream.
#[inline]
pub(crate) fn array_leases(arena: &Arena, payload: u64) -> Result<&AtomicU64> {
    Ok(&arena.at::<ArrayHead>(payload)?.leases)
}
