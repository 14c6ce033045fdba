//! The allocator: two-level segregated fit with coalescing, after Masmano et al., "TLSF: a new dynamic memory
//! allocator for real-time systems" (2004). One mechanism serves small and large sizes, in constant time.
//!
//! All changes are made in a [`Section`], under the heap lock. A section logs the old value of each word before it
//! changes it; what is not committed is rolled back. Free and pending blocks, free nodes, tables, statistics and the
//! heads of pending chains change here and nowhere else, so that the repairer of an interrupted section finds all of
//! them as they were.

use std::sync::atomic::{Ordering as LocalOrdering, compiler_fence};
use std::time::Instant;

use super::block::{self, BlockKind, FREE, HEADER, ORPHAN, PREVIOUS_FREE, UNIT};
use super::layout::{Header, Heap, Node, RECOVERED, Record, Seat};
use super::lease::lease_count;
use super::{Arena, chunk_records, locate};
use crate::error::{Error, ErrorKind, Result};
use crate::lock::{SLICE, Wait, generation, spin_while};
use crate::segment::{GRANULE, Segment};
use crate::sync::{AtomicU64, Ordering, futex_wake_one, prefetch};

/// Segments grow by half, but by no more than this at once: committing memory takes up to 0.5 ms per MiB.
pub(crate) const MAX_STEP: u64 = 16 << 20;
/// Marks an owner of the heap lock that is a participant: one whose threads have no seat yet, or need none.
const PARTICIPANT: u32 = 1 << 20;
const WAITERS: u64 = 1;

/// Where the first block of a new heap begins.
const START: u64 = (size_of::<Header>() as u64).next_multiple_of(UNIT) + UNIT - HEADER;

impl Heap {
    /// The list of a class, and the word that says which lists of its level are filled.
    #[inline(always)]
    fn list(&self, (first, second): (usize, usize)) -> Result<(&AtomicU64, &AtomicU64)> {
        let list = self.lists.get(first).and_then(|level| level.get(second));
        list.zip(self.second_level.get(first))
            .ok_or_else(|| broken(0, format_args!("the class {first}, {second}"), "a class of blocks"))
    }
}

/// Lays an empty heap into a new segment, whose header is zero.
pub(crate) fn create(segment: &Segment, header: &Header, size: u64) -> Result<()> {
    let units = size.saturating_sub(START + HEADER) / UNIT;
    let (start, end) = (START, block::behind(START, units));
    let heap = &header.heap;
    heap.start.store(start, Ordering::Relaxed);
    heap.end.store(end, Ordering::Relaxed);
    let (first, second) = block::class(units);
    let (list, second_level) = heap.list((first, second))?;
    heap.first_level.store(1 << first, Ordering::Relaxed);
    second_level.store(1 << second, Ordering::Relaxed);
    list.store(start, Ordering::Relaxed);
    let word = |offset| segment.at::<AtomicU64>(offset);
    word(start)?.store(block::header(units, None, FREE), Ordering::Relaxed);
    word(START + 8)?.store(0, Ordering::Relaxed);
    word(START + HEADER)?.store(0, Ordering::Relaxed);
    word(end.wrapping_sub(8))?.store(units, Ordering::Relaxed);
    word(end)?.store(block::header(0, Some(BlockKind::End), PREVIOUS_FREE), Ordering::Relaxed);
    Ok(())
}

/// The owner of the heap lock that stands for a whole participant.
pub(crate) fn owner_for(participant: u32) -> u32 {
    PARTICIPANT | participant
}

/// The participant for which an owner of the heap lock stands; `None` if it is a seat.
pub(crate) fn participant_owner(owner: u32) -> Option<u32> {
    (owner & PARTICIPANT != 0).then_some(owner & !PARTICIPANT)
}

/// How often in a row the heap lock is found to have an owner that does not exist before that is believed: for a second or
/// two, since a new owner takes the lock before it names itself.
const ANOMALIES: usize = 100;

/// Takes back the section that is under way, newest change first.
pub(crate) fn undo(arena: &Arena, heap: &Heap) {
    let count = heap.undo_count.load(Ordering::Acquire);
    if count == 0 {
        return;
    }
    let live = heap.undo.get(..count as usize).unwrap_or(&heap.undo);
    for entry in live.iter().rev() {
        if let Ok(word) = arena.at::<AtomicU64>(entry.place.load(Ordering::Relaxed)) {
            word.store(entry.value.load(Ordering::Relaxed), Ordering::Release);
        }
    }
    end(heap);
}

/// Ends a section, after all of its stores and before all of the next one's: a repairer that finds the old count would
/// restore the words of the old section from entries of the new one.
///
/// A repairer learns of the owner's death from the kernel, after all stores that the owner made in the order of its program.
/// Only the compiler can change that order.
#[inline]
fn end(heap: &Heap) {
    heap.undo_count.store(0, Ordering::Release);
    compiler_fence(Ordering::Release);
}

/// The heap lock, held.
///
/// Its states: 0, free; owner + 1 above the bit WAITERS, held. A thread that has slept takes it with WAITERS set, since
/// others may sleep as well; releasing it wakes one of them.
pub(crate) struct HeapGuard<'a> {
    arena: &'a Arena,
    heap: &'a Heap,
}

impl<'a> HeapGuard<'a> {
    /// Takes the heap lock for a seat, or for all of a participant ([`Arena::owner`]).
    ///
    /// Sections are short, so that waits are, too, unless the owner is stopped in one, by a debugger or a frozen
    /// container. `wait` says what this thread may do until the owner goes on. Nothing that other threads of this
    /// process wait for without hooks, such as a table's lock, may be held meanwhile.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Corrupt`] if the owner that the lock names does not exist; those of `wait`.
    #[inline]
    pub(crate) fn lock(arena: &'a Arena, owner: u32, wait: &Wait) -> Result<HeapGuard<'a>> {
        let heap = &arena.header().heap;
        let owner = (u64::from(owner) + 1) << 1;
        if heap.lock.compare_exchange(0, owner, Ordering::Acquire, Ordering::Relaxed).is_err() {
            HeapGuard::lock_contended(arena, heap, owner, wait)?;
        }
        // Release: after the lock.
        heap.entered.store(owner, Ordering::Release);
        Ok(HeapGuard { arena, heap })
    }

    #[cold]
    fn lock_contended(arena: &Arena, heap: &Heap, owner: u64, wait: &Wait) -> Result<()> {
        let mut owner = owner;
        let mut patience = Patience::new(arena, heap, wait);
        loop {
            match heap.lock.compare_exchange(0, owner, Ordering::Acquire, Ordering::Relaxed) {
                Ok(_) => return Ok(()),
                // Only damage leaves the bit without an owner.
                Err(WAITERS) => {
                    let _ = heap.lock.compare_exchange(WAITERS, 0, Ordering::Relaxed, Ordering::Relaxed);
                }
                Err(seen) => {
                    owner |= WAITERS;
                    patience.sleep(seen)?;
                }
            }
        }
    }

    pub(crate) fn arena(&self) -> &'a Arena {
        self.arena
    }

    /// Begins a section, which must be committed.
    #[inline]
    pub(crate) fn section(&mut self) -> Section<'_> {
        Section { arena: self.arena, heap: self.heap, count: 0 }
    }
}

impl Drop for HeapGuard<'_> {
    #[inline]
    fn drop(&mut self) {
        self.heap.entered.store(0, Ordering::Relaxed);
        if self.heap.lock.swap(0, Ordering::Release) & WAITERS != 0 {
            futex_wake_one(&self.heap.lock);
        }
    }
}

/// One thread's wait for the heap lock.
struct Patience<'a> {
    arena: &'a Arena,
    heap: &'a Heap,
    wait: &'a Wait,
    /// The owner for which it has waited a whole slice already.
    slow: u64,
    anomalies: usize,
}

impl<'a> Patience<'a> {
    fn new(arena: &'a Arena, heap: &'a Heap, wait: &'a Wait) -> Patience<'a> {
        Patience { arena, heap, wait, slow: 0, anomalies: 0 }
    }

    /// Sleeps until the lock may have changed. Returns whether a whole slice has passed without a change.
    fn sleep(&mut self, seen: u64) -> Result<bool> {
        let (lock, owner, start) = (&self.heap.lock, seen >> 1, Instant::now());
        // A wait that usually takes microseconds is worth no hooks, unless it has turned out to take longer.
        let wait = if self.slow == owner || self.wait.is_none() { self.wait } else { &Wait::BRIEF };
        let slept = wait.sleep(lock, seen, || (), || self.arena.suspect_heap_owner(seen));
        let stalled = lock.load(Ordering::Relaxed) >> 1 == owner && start.elapsed() >= SLICE;
        if stalled {
            self.slow = owner;
        }
        match slept {
            Ok(()) => {
                self.anomalies = 0;
                let _ = self.arena.stuck.compare_exchange(
                    owner,
                    0,
                    LocalOrdering::Relaxed,
                    LocalOrdering::Relaxed,
                );
            }
            Err(error) if matches!(error.kind(), ErrorKind::LockTimeout | ErrorKind::Interrupted) => {
                return Err(error);
            }
            Err(error) => {
                // What one thread has found counts for all.
                let known = self.arena.stuck.load(LocalOrdering::Relaxed) == owner;
                self.anomalies = self.anomalies.saturating_add(1);
                if known || self.anomalies > ANOMALIES {
                    self.arena.stuck.store(owner, LocalOrdering::Relaxed);
                    return Err(error);
                }
            }
        }
        Ok(stalled)
    }
}

impl Arena {
    /// Commits memory for a large block in steps, between which others may use the heap: it takes a second for a few gigabytes. Nothing
    /// where there is not enough for the whole. Returns whether it fits now: after twice as many steps as it takes, others have got too much of it.
    #[cold]
    pub(crate) fn make_room(&self, owner: u32, bytes: u64) -> Result<bool> {
        for _ in 0..bytes.div_ceil(MAX_STEP).saturating_add(1).saturating_mul(2) {
            if !self.segment.backing().has_room(bytes) {
                break;
            }
            let mut heap = HeapGuard::lock(self, owner, &Wait::QUIET)?;
            let mut section = heap.section();
            let done = section.grow_towards(bytes)?;
            section.commit();
            if done {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Waits while the heap is locked by a thread that does not go on, before an operation begins: in an operation, no
    /// signal handler may run. Returns whether this thread has slept, and so may have run one.
    #[inline(always)]
    pub(crate) fn await_heap(&self) -> Result<bool> {
        match self.header().heap.lock.load(Ordering::Relaxed) {
            0 => Ok(false),
            seen => self.await_heap_owner(seen),
        }
    }

    #[cold]
    fn await_heap_owner(&self, seen: u64) -> Result<bool> {
        let heap = &self.header().heap;
        // An attachment that may not write begins no operation, and must not wait like those that may.
        if !self.backed_for_writing() || spin_while(&heap.lock, seen) {
            return Ok(false);
        }
        let mut patience = Patience::new(self, heap, &Wait::FOREVER);
        let mut now = seen;
        while now != 0 && patience.sleep(now)? {
            now = heap.lock.load(Ordering::Relaxed);
        }
        // Releasing the lock may have woken this thread alone, which does not take it.
        futex_wake_one(&heap.lock);
        Ok(true)
    }
}

/// A change of the heap that happens wholly or, if it is dropped uncommitted, not at all.
pub(crate) struct Section<'g> {
    arena: &'g Arena,
    heap: &'g Heap,
    count: usize,
}

impl<'g> Section<'g> {
    /// Changes a word and remembers what it was.
    #[inline]
    pub(crate) fn set(&mut self, word: &AtomicU64, value: u64) -> Result<()> {
        let Some(entry) = self.heap.undo.get(self.count) else {
            return Err(Error::corrupt("the heap", "more changes than the undo log holds", "fewer changes"));
        };
        entry.place.store(self.arena.segment.offset_of(word), Ordering::Relaxed);
        entry.value.store(word.load(Ordering::Relaxed), Ordering::Relaxed);
        self.count = self.count.wrapping_add(1);
        // Release, and so is the store to the word: a repairer that sees the change finds its entry and count.
        self.heap.undo_count.store(self.count as u64, Ordering::Release);
        word.store(value, Ordering::Release);
        Ok(())
    }

    /// Adds to a word that counts. A damaged count may wrap.
    #[inline]
    pub(crate) fn add(&mut self, word: &AtomicU64, by: u64) -> Result<()> {
        self.set(word, word.load(Ordering::Relaxed).wrapping_add(by))
    }

    #[inline]
    pub(crate) fn commit(mut self) {
        self.count = 0;
        end(self.heap);
    }

    /// The word at an offset. Offsets are added to with wrapping, since they are checked here.
    #[inline(always)]
    fn word(&self, offset: u64) -> Result<&'g AtomicU64> {
        self.arena.at(offset)
    }

    /// The checked header of the block with this payload.
    fn block(&self, payload: u64) -> Result<(u64, u64)> {
        let end = self.heap.end.load(Ordering::Relaxed);
        let start = self.heap.start.load(Ordering::Relaxed);
        let at = payload.wrapping_sub(HEADER);
        if !payload.is_multiple_of(UNIT) || at < start || at >= end {
            return Err(broken(payload, "no block", "a block"));
        }
        let header = self.word(at)?.load(Ordering::Relaxed);
        self.check_size(at, header)?;
        Ok((at, header))
    }

    fn check_size(&self, at: u64, header: u64) -> Result<u64> {
        let units = block::units(header);
        let end = self.heap.end.load(Ordering::Relaxed);
        match units.checked_mul(UNIT).and_then(|size| at.checked_add(size)) {
            Some(next) if units > 0 && next <= end => Ok(units),
            _ => Err(broken(at, format_args!("a size of {units} units"), "a size within the heap")),
        }
    }

    /// Allocates a block and chains it to the seat's pending ones. Returns where its payload is; what that holds
    /// is arbitrary, but for the count of leases of a block that can be leased, which is 0.
    #[inline]
    pub(crate) fn allocate(&mut self, seat: &Seat, bytes: u64, kind: BlockKind) -> Result<u64> {
        let payload = self.take(bytes, kind)?;
        // Logged, for it is the link of a free block until the section is committed.
        let link = self.word(payload.wrapping_sub(HEADER - 8))?;
        self.set(link, seat.pending_blocks.load(Ordering::Relaxed))?;
        if kind.leasable() {
            // The thread that frees the block looks here, and the one that would have written it may be dead. A free
            // block does not use this word.
            lease_count(self.arena, payload)?.store(0, Ordering::Relaxed);
        }
        self.set(&seat.pending_blocks, payload)?;
        Ok(payload)
    }

    /// Allocates a block whose payload of whole words may be written before the section is committed: what a free block
    /// keeps there is logged.
    pub(crate) fn take_for_writing(&mut self, bytes: u64, kind: BlockKind) -> Result<u64> {
        let payload = self.take(bytes, kind)?;
        for at in [payload, payload.wrapping_add(bytes).wrapping_sub(8)] {
            let word = self.word(at)?;
            self.set(word, word.load(Ordering::Relaxed))?;
        }
        Ok(payload)
    }

    /// Allocates a block that belongs to the heap's own structures. Its payload is that of a free block until the section
    /// is committed, and must not be written before.
    pub(crate) fn take(&mut self, bytes: u64, kind: BlockKind) -> Result<u64> {
        let wanted = block::units_for(bytes)
            .ok_or_else(|| self.arena.segment.full(bytes, "no segment can be so large".to_owned()))?;
        let at = match self.find(wanted)? {
            Some(at) => at,
            None => {
                self.grow(wanted, u64::MAX)?;
                self.find(wanted)?.ok_or_else(|| broken(0, "no free block after growing", "a free block"))?
            }
        };
        let header = self.word(at)?.load(Ordering::Relaxed);
        let units = self.check_size(at, header)?;
        let Some(rest) = units.checked_sub(wanted).filter(|_| header & FREE != 0) else {
            return Err(broken(at, "a block that is too small or in use", "a free block of its class"));
        };
        self.unlink(at, units)?;
        let next = self.word(block::behind(at, units))?;
        if rest > 0 {
            self.insert(block::behind(at, wanted), rest, 0)?;
        } else {
            self.set(next, next.load(Ordering::Relaxed) & !PREVIOUS_FREE)?;
        }
        let head = self.word(at)?;
        self.set(head, block::header(wanted, Some(kind), header & PREVIOUS_FREE))?;
        if kind.counted() {
            let header = self.arena.header();
            self.add(&header.allocated, block::bytes(wanted))?;
            self.add(&header.blocks, 1)?;
        }
        Ok(at.wrapping_add(HEADER))
    }

    /// Frees a block, unless views of it exist: then it becomes an orphan, which the last lease frees.
    pub(crate) fn free_or_orphan(&mut self, payload: u64) -> Result<()> {
        let (at, header) = self.block(payload)?;
        if BlockKind::of(header).is_some_and(BlockKind::leasable)
            && lease_count(self.arena, payload)?.load(Ordering::Relaxed) != 0
        {
            return self.set(self.word(at)?, header | ORPHAN);
        }
        self.free(payload)
    }

    /// Adds an orphan to the seat's pending blocks. An operation that is rolled back makes it an orphan again, while leases keep it.
    pub(crate) fn claim(&mut self, seat: &Seat, payload: u64) -> Result<()> {
        let (at, header) = self.block(payload)?;
        if header & ORPHAN == 0 {
            return Err(Error::invalid("array", "an array that was already published", "a filled array"));
        }
        self.set(self.word(at)?, header & !ORPHAN)?;
        let link = self.word(payload.wrapping_sub(HEADER - 8))?;
        self.set(link, seat.pending_blocks.load(Ordering::Relaxed))?;
        self.set(&seat.pending_blocks, payload)
    }

    /// Whether nothing but leases keeps the block.
    pub(crate) fn is_orphan(&self, payload: u64) -> Result<bool> {
        Ok(self.block(payload)?.1 & ORPHAN != 0)
    }

    /// Frees a block.
    pub(crate) fn free(&mut self, payload: u64) -> Result<()> {
        let (mut at, header) = self.block(payload)?;
        let kind = BlockKind::of(header).filter(|_| header & FREE == 0);
        let Some(kind) = kind else {
            return Err(broken(at, "a free block that is freed again", "a block in use"));
        };
        let own = block::units(header);
        let mut units = own;
        let after = block::behind(at, units);
        let after_header = self.word(after)?.load(Ordering::Relaxed);
        if after_header & FREE != 0 {
            let more = self.check_size(after, after_header)?;
            self.unlink(after, more)?;
            units = units.wrapping_add(more);
        }
        if header & PREVIOUS_FREE != 0 {
            let more = self.word(at.wrapping_sub(8))?.load(Ordering::Relaxed);
            let before = more
                .checked_mul(UNIT)
                .and_then(|size| at.checked_sub(size))
                .filter(|before| *before >= self.heap.start.load(Ordering::Relaxed));
            let Some(before) = before else {
                return Err(broken(at, more, "the size of the free block before it"));
            };
            let before_header = self.word(before)?.load(Ordering::Relaxed);
            if before_header & FREE == 0 || block::units(before_header) != more {
                return Err(broken(before, "no free block of that size", "the free block before"));
            }
            self.unlink(before, more)?;
            units = units.wrapping_add(more);
            at = before;
        }
        self.insert(at, units, 0)?;
        let next = self.word(block::behind(at, units))?;
        self.set(next, next.load(Ordering::Relaxed) | PREVIOUS_FREE)?;
        if kind.counted() {
            let header = self.arena.header();
            self.add(&header.allocated, block::bytes(own).wrapping_neg())?;
            self.add(&header.blocks, 1_u64.wrapping_neg())?;
        }
        Ok(())
    }

    /// Finds a block that is large enough. The list of the wanted size's own class may also hold smaller blocks, so only its first block is
    /// tried. Every block in the lists above it is large enough.
    ///
    /// Without the first try, a freed block would not be reused for a value of the same size, and a value that is replaced again and again
    /// would move through all free memory.
    #[inline(always)]
    fn find(&self, wanted: u64) -> Result<Option<u64>> {
        let (first, second) = block::class_for(wanted);
        let own = block::class(wanted);
        if own != (first, second) {
            let at = self.heap.list(own)?.0.load(Ordering::Relaxed);
            if at != 0 && block::units(self.word(at)?.load(Ordering::Relaxed)) >= wanted {
                return Ok(Some(at));
            }
        }
        let filled =
            |first: usize| self.heap.second_level.get(first).map(|lists| lists.load(Ordering::Relaxed));
        let Some(here) = filled(first) else { return Ok(None) };
        let here = here & (!0 << second);
        let class = if here != 0 {
            (first, here.trailing_zeros() as usize)
        } else {
            let above = self.heap.first_level.load(Ordering::Relaxed) & (!1_u64 << first);
            let first = above.trailing_zeros() as usize;
            let Some(lists) = filled(first) else { return Ok(None) };
            (first, lists.trailing_zeros() as usize)
        };
        match self.heap.list(class).map(|(list, _)| list.load(Ordering::Relaxed)) {
            Ok(at) if at != 0 => Ok(Some(at)),
            _ => Err(broken(0, "an empty list that is marked as filled", "a free block")),
        }
    }

    /// Puts a free block into its list and marks its end. The header and the links lie in free memory; only its
    /// last word may be the last word of a free block that is to be restored, or data of one in use.
    fn insert(&mut self, at: u64, units: u64, flags: u64) -> Result<()> {
        let (first, second) = block::class(units);
        let (list, second_level) = self.heap.list((first, second))?;
        let head = list.load(Ordering::Relaxed);
        self.set(self.word(at)?, block::header(units, None, FREE | flags))?;
        self.set(self.word(at.wrapping_add(8))?, head)?;
        self.set(self.word(at.wrapping_add(HEADER))?, 0)?;
        self.set(self.word(block::behind(at, units).wrapping_sub(8))?, units)?;
        if head != 0 {
            self.set(self.word(head.wrapping_add(HEADER))?, at)?;
        }
        self.set(list, at)?;
        let bits = second_level.load(Ordering::Relaxed);
        if bits & 1 << second == 0 {
            self.set(second_level, bits | 1 << second)?;
            let first_level = &self.heap.first_level;
            self.set(first_level, first_level.load(Ordering::Relaxed) | 1 << first)?;
        }
        Ok(())
    }

    /// Takes a free block out of its list.
    fn unlink(&mut self, at: u64, units: u64) -> Result<()> {
        let (first, second) = block::class(units);
        let (list, second_level) = self.heap.list((first, second))?;
        let next = self.word(at.wrapping_add(8))?.load(Ordering::Relaxed);
        let previous = self.word(at.wrapping_add(HEADER))?.load(Ordering::Relaxed);
        if previous == 0 {
            if list.load(Ordering::Relaxed) != at {
                return Err(broken(at, "a free block at the head of no list", "the head of its list"));
            }
            self.set(list, next)?;
            if next == 0 {
                let bits = second_level.load(Ordering::Relaxed) & !(1 << second);
                self.set(second_level, bits)?;
                if bits == 0 {
                    let first_level = &self.heap.first_level;
                    self.set(first_level, first_level.load(Ordering::Relaxed) & !(1 << first))?;
                }
            }
        } else {
            self.set(self.word(previous.wrapping_add(8))?, next)?;
        }
        if next != 0 {
            self.set(self.word(next.wrapping_add(HEADER))?, previous)?;
        }
        Ok(())
    }

    /// Commits memory towards a large block, at most [`MAX_STEP`] at once, and adds it to the heap. Returns whether the block fits now.
    pub(crate) fn grow_towards(&mut self, bytes: u64) -> Result<bool> {
        let Some(wanted) = block::units_for(bytes) else { return Ok(true) };
        if self.find(wanted)?.is_some() {
            return Ok(true);
        }
        self.grow(wanted, MAX_STEP)?;
        Ok(false)
    }

    /// Commits more memory, no more than `at_most` bytes, and adds it to the heap.
    #[cold]
    fn grow(&mut self, units: u64, at_most: u64) -> Result<()> {
        let header = self.arena.header();
        let segment = &self.arena.segment;
        let committed = header.committed.load(Ordering::Relaxed);
        segment.trust(committed)?;
        let max = header.max_size.load(Ordering::Relaxed);
        let end = self.heap.end.load(Ordering::Relaxed);
        if end >= committed {
            return Err(broken(end, "the end of the heap", "an end within the segment"));
        }
        // As the search rounds up.
        let bytes = block::bytes(block::rounded(units)).saturating_add(2 * HEADER);
        let least = end
            .checked_add(bytes)
            .and_then(|least| least.checked_next_multiple_of(GRANULE))
            .map(|least| least.max(committed))
            .filter(|least| *least <= max)
            .ok_or_else(|| {
                let reason = format!("{committed} bytes are in use of a maximum size of {max}");
                segment.full(block::bytes(units), reason)
            })?;
        let mut size = committed;
        if least > committed {
            let generous = committed.saturating_add((committed / 2).min(MAX_STEP));
            let generous = generous.checked_next_multiple_of(GRANULE).unwrap_or(max).min(max).max(least);
            let (least, generous) = match committed.saturating_add(at_most) {
                step if step < least => (step, step),
                _ => (least, generous),
            };
            size = match segment.commit(committed, generous) {
                Ok(()) => generous,
                Err(_) if generous > least => {
                    segment.commit(committed, least)?;
                    least
                }
                Err(error) => return Err(error),
            };
            // Not undone: memory that is committed stays so, and the next growth makes use of it.
            header.committed.store(size, Ordering::Release);
        }
        let mut more = size.saturating_sub(HEADER).saturating_sub(end) / UNIT;
        let new_end = block::behind(end, more);
        let mark = self.word(end)?.load(Ordering::Relaxed);
        let mut at = end;
        if mark & PREVIOUS_FREE != 0 {
            let before = self.word(end.wrapping_sub(8))?.load(Ordering::Relaxed);
            at = before
                .checked_mul(UNIT)
                .and_then(|size| end.checked_sub(size))
                .filter(|at| *at >= self.heap.start.load(Ordering::Relaxed))
                .ok_or_else(|| broken(end, before, "the size of the last block"))?;
            self.unlink(at, before)?;
            more = more.wrapping_add(before);
        }
        self.set(self.word(new_end)?, block::header(0, Some(BlockKind::End), PREVIOUS_FREE))?;
        self.set(&self.heap.end, new_end)?;
        self.insert(at, more, 0)
    }

    /// Makes sure that a table has a record, and counts it as used.
    pub(crate) fn ensure<T: Record>(&mut self, index: u32) -> Result<()> {
        let (chunk, _) = locate::<T>(index);
        let header = self.arena.header();
        let table = T::table(header);
        let Some(place) = table.chunks.get(chunk) else {
            return Err(self.arena.segment.full(0, "a table has reached its largest size".to_owned()));
        };
        if place.load(Ordering::Relaxed) == 0 {
            let bytes = chunk_records::<T>(chunk).saturating_mul(size_of::<T>() as u64);
            let payload = self.take_for_writing(bytes, BlockKind::Table)?;
            for word in self.arena.words(payload, bytes / 8)? {
                word.store(0, Ordering::Relaxed);
            }
            self.set(place, payload)?;
        }
        if table.used.load(Ordering::Relaxed) <= u64::from(index) {
            self.set(&table.used, u64::from(index) + 1)?;
        }
        Ok(())
    }

    /// Takes a node record and chains it to the seat's pending ones.
    pub(crate) fn allocate_node(&mut self, seat: &Seat, kind: u8) -> Result<u32> {
        let header = self.arena.header();
        let free = header.free_nodes.load(Ordering::Relaxed);
        let index = match free.checked_sub(1).map(u32::try_from) {
            None => {
                let index = self.arena.unused::<Node>()?;
                self.ensure::<Node>(index)?;
                index
            }
            Some(Ok(index)) => index,
            Some(Err(_)) => {
                return Err(Error::corrupt("the list of free nodes", free, "the index of a node, plus one"));
            }
        };
        let node = self.arena.node(index)?;
        let identity = node.head.identity.load(Ordering::Relaxed);
        if identity as u8 != 0 {
            return Err(Error::corrupt(
                format_args!("node {index}"),
                "a node in use in the list of free nodes",
                "a free node",
            ));
        }
        if free != 0 {
            let next = node.link.load(Ordering::Relaxed);
            self.set(&header.free_nodes, next)?;
            // A thread that takes many nodes would wait for each of them: free ones are linked in any order.
            if let Ok(next) = u32::try_from(next.wrapping_sub(1))
                && let Ok(next) = self.arena.node(next)
            {
                prefetch(&next.head);
                prefetch(&next.body);
            }
        }
        for word in &node.body {
            word.store(0, Ordering::Relaxed);
        }
        // The hints stay: lockers of the node's former life may be on their way.
        if node.head.hints.load(Ordering::Relaxed) & RECOVERED != 0 {
            node.head.hints.fetch_and(!RECOVERED, Ordering::AcqRel);
        }
        self.set(&node.head.parent, 0)?;
        // Generations begin at 1, so that no name of a node is 0.
        self.set(&node.head.identity, u64::from(generation(identity).max(1)) << 32 | u64::from(kind))?;
        self.set(&node.link, seat.pending_nodes.load(Ordering::Relaxed))?;
        self.set(&seat.pending_nodes, u64::from(index) + 1)?;
        self.add(&header.nodes, 1)?;
        self.add(&header.allocated, size_of::<Node>() as u64)?;
        Ok(index)
    }

    /// Ends the life of a node: its handles are stale from now on.
    pub(crate) fn free_node(&mut self, index: u32) -> Result<()> {
        let header = self.arena.header();
        let node = self.arena.node(index)?;
        let identity = node.head.identity.load(Ordering::Relaxed);
        if identity as u8 == 0 {
            return Err(Error::corrupt(
                format_args!("node {index}"),
                "a free node that is freed again",
                "a node in use",
            ));
        }
        self.set(&node.head.identity, u64::from(generation(identity).wrapping_add(1)) << 32)?;
        self.set(&node.head.parent, 0)?;
        self.set(&node.link, header.free_nodes.load(Ordering::Relaxed))?;
        self.set(&header.free_nodes, u64::from(index) + 1)?;
        self.add(&header.nodes, 1_u64.wrapping_neg())?;
        self.add(&header.allocated, (size_of::<Node>() as u64).wrapping_neg())
    }
}

impl Drop for Section<'_> {
    fn drop(&mut self) {
        if self.count != 0 {
            undo(self.arena, self.heap);
        }
    }
}

#[cold]
fn broken(at: u64, found: impl std::fmt::Display, expected: &'static str) -> Error {
    Error::corrupt(format_args!("the heap at {at:#x}"), found, expected)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::access::Access as _;
    use crate::tests::{Random, store};

    /// Even if the list of its class may hold smaller blocks, and a larger block is free.
    #[test]
    fn a_freed_block_is_reused_for_the_same_size() {
        for bytes in [100, 5_000, 100_000, (1 << 20) + 100] {
            let store = store();
            let arena = store.handle.arena();
            let mut heap = HeapGuard::lock(arena, arena.owner(), &Wait::QUIET).unwrap();
            let mut change = |change: &dyn Fn(&mut Section<'_>) -> u64| {
                let mut section = heap.section();
                let changed = change(&mut section);
                section.commit();
                changed
            };
            let take = |section: &mut Section<'_>| section.take(bytes, BlockKind::Bytes).unwrap();
            let free = |block: u64| move |section: &mut Section<'_>| section.free(block).map(|()| 0).unwrap();
            // Apart, so that what is freed does not grow together.
            let [first, _between, second, _behind] = [(); 4].map(|()| change(&take));
            let large = change(&|section| section.take(4 * bytes, BlockKind::Bytes).unwrap());
            change(&free(large));
            change(&free(first));
            for _ in 0..3 {
                assert_eq!(change(&take), first);
                change(&free(second));
                assert_eq!(change(&take), second);
                change(&free(first));
            }
        }
    }

    /// The heap is not locked for longer than a step takes, and the last one makes room for all.
    #[test]
    fn room_for_a_large_block_is_made_in_steps() {
        let store = store();
        let arena = store.handle.arena();
        let committed = || arena.header().committed.load(Ordering::Relaxed);
        let bytes = 5 * MAX_STEP + 100;
        let mut steps = 0;
        loop {
            let mut heap = HeapGuard::lock(arena, arena.owner(), &Wait::QUIET).unwrap();
            let (mut section, before) = (heap.section(), committed());
            let done = section.grow_towards(bytes).unwrap();
            section.commit();
            assert!(committed() - before <= MAX_STEP);
            if done {
                break;
            }
            steps += 1;
            // Others may take what was added: then there is another step.
            let mut section = heap.section();
            let taken = if steps == 3 { section.take(1 << 20, BlockKind::Bytes).unwrap() } else { 0 };
            section.commit();
            let mut section = heap.section();
            if taken != 0 {
                section.free(taken).unwrap();
            }
            section.commit();
        }
        assert!((5..=6).contains(&steps), "{steps} steps");
        let enough = committed();
        let mut heap = HeapGuard::lock(arena, arena.owner(), &Wait::QUIET).unwrap();
        let mut section = heap.section();
        let block = section.take(bytes, BlockKind::Bytes).unwrap();
        section.commit();
        assert_eq!(committed(), enough);
        let mut section = heap.section();
        section.free(block).unwrap();
        section.commit();
        drop(heap);
        store.check().unwrap();
    }

    /// Against a list of blocks, each filled with a number of its own: blocks lie apart, keep what is in them, and are all free
    /// again in the end, so that one block has room for what they had. A section that is dropped has done nothing.
    #[test]
    fn blocks_keep_apart_and_merge_when_they_are_freed() {
        let store = store();
        let arena = store.handle.arena();
        let mut random = Random(3);
        let mut blocks: Vec<(u64, u64, u64)> = Vec::new();
        let free = || store.free_memory().unwrap().unwrap();
        for round in 0..20_000 {
            let mut heap = HeapGuard::lock(arena, arena.owner(), &Wait::QUIET).unwrap();
            let mut section = heap.section();
            let kept = random.below(8) != 0;
            if blocks.len() < random.below(300) as usize {
                let words = 1 + if random.below(20) == 0 { random.below(4000) } else { random.below(40) };
                let payload = section.take(words * 8, BlockKind::Bytes).unwrap();
                if kept {
                    section.commit();
                    let fill = |word: &AtomicU64| word.store(round, Ordering::Relaxed);
                    arena.words(payload, words).unwrap().iter().for_each(fill);
                    blocks.push((payload, words, round));
                }
            } else if !blocks.is_empty() {
                let at = random.below(blocks.len() as u64) as usize;
                let (payload, words, filled) = blocks[at];
                let contents = arena.words(payload, words).unwrap();
                assert!(contents.iter().all(|word| word.load(Ordering::Relaxed) == filled), "round {round}");
                section.free(payload).unwrap();
                if kept {
                    section.commit();
                    blocks.swap_remove(at);
                }
            }
        }
        for (payload, words, filled) in blocks {
            let contents = arena.words(payload, words).unwrap();
            assert!(contents.iter().all(|word| word.load(Ordering::Relaxed) == filled));
            let mut heap = HeapGuard::lock(arena, arena.owner(), &Wait::QUIET).unwrap();
            let mut section = heap.section();
            section.free(payload).unwrap();
            section.commit();
        }
        assert_eq!((free().blocks, free().bytes), (1, free().largest));
        store.check().unwrap();
    }
}
