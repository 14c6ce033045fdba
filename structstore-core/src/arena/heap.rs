//! The allocator: two-level segregated fit with coalescing, after Masmano et al., "TLSF: a new dynamic memory
//! allocator for real-time systems" (2004). One mechanism serves small and large sizes, in constant time.
//!
//! All changes are made in a [`Section`], under the heap lock. A section logs the old value of each word before it
//! changes it; what is not committed is rolled back. Free and pending blocks, free nodes, tables, statistics and the
//! heads of pending chains change here and nowhere else, so that whoever repairs an interrupted section finds all
//! of them as they were.

use std::sync::atomic::Ordering as LocalOrdering;

use super::block::{self, BlockKind, FREE, HEADER, ORPHAN, PREVIOUS_FREE, UNIT};
use super::layout::{FIRST_LEVELS, HEAP_UNDO, Header, Heap, Node, Record, SECOND_LEVELS, Seat};
use super::{Arena, chunk_records, locate};
use crate::error::{BoxedResult as Result, Error};
use crate::lock::{Wait, generation};
use crate::segment::Segment;
use crate::sync::{AtomicU64, Ordering, futex_wake, prefetch};

/// Segments grow by half, but by no more than this at once: committing memory takes up to 0.5 ms per MiB.
const MAX_STEP: u64 = 16 << 20;
const PAGE: u64 = 4096;
/// Marks an owner of the heap lock that is a participant: one whose threads have no seat yet, or need none.
const PARTICIPANT: u32 = 1 << 20;
const WAITERS: u64 = 1;

/// Lays an empty heap into a new segment, whose header is zero.
pub(super) fn create(segment: &Segment, header: &Header, size: u64) -> Result<()> {
    let start = (size_of::<Header>() as u64).next_multiple_of(UNIT) + UNIT - HEADER;
    let units = (size - HEADER - start) / UNIT;
    let end = start + units * UNIT;
    let heap = &header.heap;
    heap.start.store(start, Ordering::Relaxed);
    heap.end.store(end, Ordering::Relaxed);
    let (first, second) = block::class(units);
    heap.first_level.store(1 << first, Ordering::Relaxed);
    heap.second_level[first].store(1 << second, Ordering::Relaxed);
    heap.lists[first][second].store(start, Ordering::Relaxed);
    let word = |offset| segment.at::<AtomicU64>(offset);
    word(start)?.store(block::header(units, None, FREE), Ordering::Relaxed);
    word(start + 8)?.store(0, Ordering::Relaxed);
    word(start + HEADER)?.store(0, Ordering::Relaxed);
    word(end - 8)?.store(units, Ordering::Relaxed);
    word(end)?.store(block::header(0, Some(BlockKind::End), PREVIOUS_FREE), Ordering::Relaxed);
    Ok(())
}

/// The owner of the heap lock that stands for a whole participant.
pub(super) fn owner_for(participant: u32) -> u32 {
    PARTICIPANT | participant
}

/// The participant for which an owner of the heap lock stands; `None` if it is a seat.
pub(super) fn participant_owner(owner: u32) -> Option<u32> {
    (owner & PARTICIPANT != 0).then_some(owner & !PARTICIPANT)
}

/// How often in a row the heap lock is found to be had by nobody before that is believed: for a second or two.
const STRANGE: usize = 100;

/// Takes back the section that is under way, newest change first.
pub(super) fn undo(arena: &Arena, heap: &Heap) {
    let count = heap.undo_count.load(Ordering::Acquire);
    if count == 0 {
        return;
    }
    for entry in heap.undo[..(count as usize).min(HEAP_UNDO)].iter().rev() {
        if let Ok(word) = arena.at::<AtomicU64>(entry.place.load(Ordering::Relaxed)) {
            word.store(entry.value.load(Ordering::Relaxed), Ordering::Release);
        }
    }
    heap.undo_count.store(0, Ordering::Release);
}

/// The heap lock, held.
pub(crate) struct HeapGuard<'a> {
    arena: &'a Arena,
    heap: &'a Heap,
}

impl<'a> HeapGuard<'a> {
    /// Takes the heap lock for a seat, or for all of a participant ([`Arena::owner`]). Sections are short, so that this
    /// waits without bound; who dies in one is found out.
    ///
    /// # Errors
    ///
    /// [`Error::Corrupt`] if nobody can have it who is said to have it.
    #[inline]
    pub(crate) fn lock(arena: &'a Arena, owner: u32) -> Result<HeapGuard<'a>> {
        let heap = &arena.header().heap;
        let owner = (u64::from(owner) + 1) << 1;
        let mut strange = 0;
        while let Err(seen) = heap.lock.compare_exchange(0, owner, Ordering::Acquire, Ordering::Relaxed) {
            if seen & !WAITERS != 0 {
                let slept = Wait::BRIEF.sleep(&heap.lock, seen, || (), || arena.suspect_heap_owner(seen));
                match slept {
                    Ok(()) => strange = 0,
                    // Whoever has just taken it may not have said so yet. Once is enough for all.
                    Err(error)
                        if strange == STRANGE || arena.stuck.load(LocalOrdering::Relaxed) == seen >> 1 =>
                    {
                        arena.stuck.store(seen >> 1, LocalOrdering::Relaxed);
                        return Err(error);
                    }
                    Err(_) => strange += 1,
                }
            } else if heap
                .lock
                .compare_exchange(seen, owner | WAITERS, Ordering::Acquire, Ordering::Relaxed)
                .is_ok()
            {
                break;
            }
        }
        // Release: after the lock.
        heap.entered.store(owner, Ordering::Release);
        Ok(HeapGuard { arena, heap })
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
            futex_wake(&self.heap.lock);
        }
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
            return Err(Error::corrupt("the heap", "a section of too many changes", "a bounded one"));
        };
        entry.place.store(self.arena.segment.offset_of(word), Ordering::Relaxed);
        entry.value.store(word.load(Ordering::Relaxed), Ordering::Relaxed);
        self.count += 1;
        // Release, and so is the store to the word: a repairer that sees the change finds its entry and count.
        self.heap.undo_count.store(self.count as u64, Ordering::Release);
        word.store(value, Ordering::Release);
        Ok(())
    }

    /// Adds to a word that counts. One that is damaged may wrap.
    #[inline]
    pub(crate) fn add(&mut self, word: &AtomicU64, by: u64) -> Result<()> {
        self.set(word, word.load(Ordering::Relaxed).wrapping_add(by))
    }

    #[inline]
    pub(crate) fn commit(mut self) {
        self.count = 0;
        self.heap.undo_count.store(0, Ordering::Release);
    }

    /// The word at an offset. Offsets that were loaded are added to with wrapping, since they are checked here; those whose word
    /// was found are so small that nothing wraps.
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
            return Err(broken(payload, "not a block", "a block"));
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
    /// is arbitrary, but for an array's count of leases, which is 0.
    #[inline]
    pub(crate) fn allocate(&mut self, seat: &Seat, bytes: u64, kind: BlockKind) -> Result<u64> {
        let payload = self.take(bytes, kind)?;
        // Logged, for it is the link of a free block until the section is committed.
        let link = self.word(payload - HEADER + 8)?;
        self.set(link, seat.pending_blocks.load(Ordering::Relaxed))?;
        if kind == BlockKind::Array {
            // Whoever frees the block looks here, and the one who would have written it may be dead. No word of a free
            // block.
            crate::value::lease_count(self.arena, payload)?.store(0, Ordering::Relaxed);
        }
        self.set(&seat.pending_blocks, payload)?;
        Ok(payload)
    }

    /// Allocates a block whose payload of whole words may be written before the section is committed: what a free block
    /// keeps there is logged.
    pub(crate) fn take_for_writing(&mut self, bytes: u64, kind: BlockKind) -> Result<u64> {
        let payload = self.take(bytes, kind)?;
        for at in [payload, payload + bytes - 8] {
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
                self.grow(wanted)?;
                self.find(wanted)?.ok_or_else(|| broken(0, "no free block after growing", "one"))?
            }
        };
        let header = self.word(at)?.load(Ordering::Relaxed);
        let units = self.check_size(at, header)?;
        if header & FREE == 0 || units < wanted {
            return Err(broken(at, "a block that is too small or in use", "a free block of its class"));
        }
        self.unlink(at, units)?;
        let next = self.word(at + units * UNIT)?;
        if units > wanted {
            let rest = at + wanted * UNIT;
            self.insert(rest, units - wanted, 0)?;
        } else {
            self.set(next, next.load(Ordering::Relaxed) & !PREVIOUS_FREE)?;
        }
        let head = self.word(at)?;
        self.set(head, block::header(wanted, Some(kind), header & PREVIOUS_FREE))?;
        if kind.counted() {
            let header = self.arena.header();
            self.add(&header.allocated, wanted * UNIT)?;
            self.add(&header.blocks, 1)?;
        }
        Ok(at + HEADER)
    }

    /// Frees a block, unless views of it exist: then it becomes an orphan, which the last lease frees.
    pub(crate) fn free_or_orphan(&mut self, payload: u64) -> Result<()> {
        let (at, header) = self.block(payload)?;
        if BlockKind::of(header) == Some(BlockKind::Array)
            && crate::value::lease_count(self.arena, payload)?.load(Ordering::Relaxed) != 0
        {
            return self.set(self.word(at)?, header | ORPHAN);
        }
        self.free(payload)
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
            return Err(broken(at, "a block that is free already", "one in use"));
        };
        let own = block::units(header);
        let mut units = own;
        let after = at + units * UNIT;
        let after_header = self.word(after)?.load(Ordering::Relaxed);
        if after_header & FREE != 0 {
            let more = self.check_size(after, after_header)?;
            self.unlink(after, more)?;
            units += more;
        }
        if header & PREVIOUS_FREE != 0 {
            let more = self.word(at - 8)?.load(Ordering::Relaxed);
            let before = more
                .checked_mul(UNIT)
                .and_then(|size| at.checked_sub(size))
                .filter(|before| *before >= self.heap.start.load(Ordering::Relaxed));
            let Some(before) = before else {
                return Err(broken(at - 8, more, "the size of the free block before"));
            };
            let before_header = self.word(before)?.load(Ordering::Relaxed);
            if before_header & FREE == 0 || block::units(before_header) != more {
                return Err(broken(before, "no free block of that size", "the free block before"));
            }
            self.unlink(before, more)?;
            units += more;
            at = before;
        }
        self.insert(at, units, 0)?;
        let next = self.word(at + units * UNIT)?;
        self.set(next, next.load(Ordering::Relaxed) | PREVIOUS_FREE)?;
        if kind.counted() {
            let header = self.arena.header();
            self.add(&header.allocated, (own * UNIT).wrapping_neg())?;
            self.add(&header.blocks, 1_u64.wrapping_neg())?;
        }
        Ok(())
    }

    /// The first block of the lists that surely hold large enough ones.
    fn find(&self, wanted: u64) -> Result<Option<u64>> {
        let (first, second) = block::class_for(wanted);
        if first >= FIRST_LEVELS {
            return Ok(None);
        }
        let here = self.heap.second_level[first].load(Ordering::Relaxed) & (!0 << second);
        let (first, second) = if here != 0 {
            (first, here.trailing_zeros() as usize)
        } else {
            let above = self.heap.first_level.load(Ordering::Relaxed) & (!1_u64 << first);
            let first = above.trailing_zeros() as usize;
            if first >= FIRST_LEVELS {
                return Ok(None);
            }
            (first, self.heap.second_level[first].load(Ordering::Relaxed).trailing_zeros() as usize)
        };
        match self.heap.lists[first].get(second).map(|list| list.load(Ordering::Relaxed)) {
            Some(at) if at != 0 => Ok(Some(at)),
            _ => Err(broken(0, "an empty list that is marked as filled", "a free block")),
        }
    }

    /// Puts a free block into its list and marks its end. The header and the links lie in free memory; only its
    /// last word may be the last word of a free block that is to be restored, or data of one in use.
    fn insert(&mut self, at: u64, units: u64, flags: u64) -> Result<()> {
        let (first, second) = block::class(units);
        let list = &self.heap.lists[first][second];
        let head = list.load(Ordering::Relaxed);
        self.set(self.word(at)?, block::header(units, None, FREE | flags))?;
        self.set(self.word(at + 8)?, head)?;
        self.set(self.word(at + HEADER)?, 0)?;
        self.set(self.word(at + units * UNIT - 8)?, units)?;
        if head != 0 {
            self.set(self.word(head.wrapping_add(HEADER))?, at)?;
        }
        self.set(list, at)?;
        let second_level = &self.heap.second_level[first];
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
        let next = self.word(at + 8)?.load(Ordering::Relaxed);
        let previous = self.word(at + HEADER)?.load(Ordering::Relaxed);
        let list = &self.heap.lists[first][second];
        if previous == 0 {
            if list.load(Ordering::Relaxed) != at {
                return Err(broken(at, "a free block at the head of no list", "the head of its list"));
            }
            self.set(list, next)?;
            if next == 0 {
                let second_level = &self.heap.second_level[first];
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

    /// Commits more memory and adds it to the heap.
    #[cold]
    fn grow(&mut self, units: u64) -> Result<()> {
        let header = self.arena.header();
        let segment = &self.arena.segment;
        let committed = header.committed.load(Ordering::Relaxed);
        segment.trust(committed)?;
        let max = header.max_size.load(Ordering::Relaxed);
        let end = self.heap.end.load(Ordering::Relaxed);
        if end >= committed {
            return Err(broken(end, "the end of the heap", "an end within the segment"));
        }
        // One size class more than asked for, since the search rounds up.
        let slack = if units < SECOND_LEVELS as u64 { 0 } else { 1 << (units.ilog2() - 4) };
        let bytes = (units + slack) * UNIT + 2 * HEADER;
        let least = end
            .checked_add(bytes)
            .and_then(|least| least.checked_next_multiple_of(PAGE))
            .map(|least| least.max(committed))
            .filter(|least| *least <= max)
            .ok_or_else(|| {
                let reason = format!("{committed} bytes are in use of a maximum size of {max}");
                segment.full(units * UNIT, reason)
            })?;
        if least > committed {
            let generous =
                (committed + (committed / 2).min(MAX_STEP)).next_multiple_of(PAGE).min(max).max(least);
            let size = match segment.commit(committed, generous) {
                Ok(()) => generous,
                Err(_) if generous > least => {
                    segment.commit(committed, least)?;
                    least
                }
                Err(error) => return Err(error),
            };
            // Not undone: memory that is committed stays so, and whoever grows next makes use of it.
            header.committed.store(size, Ordering::Release);
        }
        let size = header.committed.load(Ordering::Relaxed);
        let mut more = (size - HEADER - end) / UNIT;
        let new_end = end + more * UNIT;
        let mark = self.word(end)?.load(Ordering::Relaxed);
        let mut at = end;
        if mark & PREVIOUS_FREE != 0 {
            let before = self.word(end.wrapping_sub(8))?.load(Ordering::Relaxed);
            at = before
                .checked_mul(UNIT)
                .and_then(|size| end.checked_sub(size))
                .filter(|at| *at >= self.heap.start.load(Ordering::Relaxed))
                .ok_or_else(|| broken(end - 8, before, "the size of the last block"))?;
            self.unlink(at, before)?;
            more += before;
        }
        self.set(self.word(new_end)?, block::header(0, Some(BlockKind::End), PREVIOUS_FREE))?;
        self.set(&self.heap.end, new_end)?;
        self.insert(at, more, 0)
    }

    /// Makes sure that a table has a record, and counts it as used.
    pub(crate) fn ensure<T: Record>(&mut self, index: u32) -> Result<()> {
        let (chunk, _) = locate::<T>(index);
        let header = self.arena.header();
        let table = &header.tables[T::TABLE as usize];
        let Some(place) = table.chunks.get(chunk) else {
            return Err(self.arena.segment.full(0, "a table has reached its largest size".to_owned()).into());
        };
        if place.load(Ordering::Relaxed) == 0 {
            let bytes = chunk_records::<T>(chunk) * size_of::<T>() as u64;
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
        let index = match u32::try_from(free) {
            Ok(0) => {
                let index = self.arena.unused::<Node>()?;
                self.ensure::<Node>(index)?;
                index
            }
            Ok(free) => free - 1,
            Err(_) => return Err(Error::corrupt("the free nodes", free, "a node index")),
        };
        let node = self.arena.node(index)?;
        let identity = node.head.identity.load(Ordering::Relaxed);
        if identity as u8 != 0 {
            return Err(Error::corrupt(format_args!("node {index}"), "a node in use", "a free one"));
        }
        if free != 0 {
            let next = node.link.load(Ordering::Relaxed);
            self.set(&header.free_nodes, next)?;
            // Who takes many nodes would wait for each of them: free ones are linked in any order.
            if let Ok(next @ 1..) = u32::try_from(next)
                && let Ok(next) = self.arena.node(next - 1)
            {
                prefetch(&next.head);
                prefetch(&next.body);
            }
        }
        for word in node.body.iter().chain([&node.recovered]) {
            word.store(0, Ordering::Relaxed);
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
            return Err(Error::corrupt(format_args!("node {index}"), "a free node", "one in use"));
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
fn broken(at: u64, found: impl std::fmt::Display, expected: &'static str) -> Box<Error> {
    Error::corrupt(format_args!("the heap at {at:#x}"), found, expected)
}
