//! The arena: what a segment holds. Tables of records that never move, a heap of blocks, and the seats of threads.
//!
//! Invariants: every offset and index from shared memory goes through [`Arena::record`] or the segment's checked
//! accessors; the heap, the tables, the free lists and the statistics change in heap sections only
//! ([`heap::Section`]), each of which happens wholly or not at all.

pub(crate) mod block;
mod heap;
pub(crate) mod layout;
pub(crate) mod lease;
mod openings;
mod seats;
mod watchers;

pub(crate) use block::BlockKind;
pub(crate) use heap::{HeapGuard, MAX_STEP, Section, participant_owner, undo};
pub use openings::Cleanup;
pub(crate) use openings::{Opening, Openings, lock_init};
pub(crate) use seats::{LateClaim, ThreadSeat, forget_transaction};

use std::collections::{HashMap, HashSet};
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64 as LocalCounter, Ordering as LocalOrdering};
use std::sync::{Arc, Mutex, OnceLock, Weak};

use crate::error::{Error, ErrorKind, Result};
use crate::lock::{MAX_SEATS, NodeHead, NodeId, SeatLine, Space, WAITERS, Wait};
use crate::segment::{Access, Backing, GRANULE, Liveness, MIN_SIZE, Segment};
use crate::sync::{AtomicU64, Ordering};
use layout::{CHUNKS, CLAIMED, Header, Node, Participant, Record};
use lease::Lease;

/// The leases of this process, by block.
pub(crate) type Leases = HashMap<u64, Weak<Lease>, rapidhash::fast::GlobalState>;

/// One attachment of this process to a segment.
pub(crate) struct Arena {
    pub(crate) segment: Segment,
    header: *const Header,
    /// Tells arenas of this process apart, also after one was dropped, and a child's from its parent's.
    pub(crate) id: LocalCounter,
    /// How often this was inherited by a child; locks of the parent's threads do not belong to the child.
    pub(crate) forks: AtomicU32,
    pub(crate) participant: AtomicU32,
    /// Whether this process has opened it as more than an observer.
    counted: AtomicBool,
    pub(crate) liveness: Option<Liveness>,
    /// In a child that could not be admitted: why not.
    pub(crate) detached: OnceLock<String>,
    /// The participants whose remains this process repairs.
    pub(crate) repairing: Mutex<HashSet<u32>>,
    pub(crate) openings: Mutex<Openings>,
    /// Held with the init lock, which belongs to the whole process.
    init: Mutex<()>,
    /// The seats of threads of this process that are ending.
    pub(crate) late: Mutex<Vec<LateClaim>>,
    /// Which seats threads of this process have claimed, one bit each.
    pub(crate) claimed: Box<[LocalCounter; CLAIMED]>,
    /// The heap lock, without its flag, as it was when its owner was found not to exist.
    stuck: LocalCounter,
    /// The word that no seat was found to explain, and its value.
    anomaly: LocalCounter,
    /// How many watchers of this process are leaving. A hint: a child has none of its parent's.
    pub(crate) leaving: LocalCounter,
    /// The blocks that views of this process lease, by offset.
    pub(crate) leases: Mutex<Leases>,
    /// The leases that stores keep while they are open; see [`Store::keep`](crate::access::Store::keep). Nothing else is
    /// locked, and no lease is dropped, while it is held.
    pub(crate) kept: Mutex<Vec<Kept>>,
}

/// A lease that a store keeps.
pub(crate) struct Kept {
    /// The address of the store.
    pub(crate) store: usize,
    /// The stream that has the block, if it is one's: then nothing is kept any more once that is removed.
    pub(crate) stream: Option<NodeId>,
    pub(crate) lease: Arc<Lease>,
}

// SAFETY: the header pointer leads into the segment, which is Send and Sync itself.
unsafe impl Send for Arena {}
// SAFETY: as above.
unsafe impl Sync for Arena {}

pub(crate) static NEXT_ID: LocalCounter = LocalCounter::new(1);

/// The participant of a child for which there was no place.
pub(crate) const NO_PLACE: u32 = u32::MAX;

impl Arena {
    /// Writes a new arena into a segment, over what a creator that died may have left. No other thread looks at it
    /// before `ready` is set, which comes last.
    pub(crate) fn create(segment: &Segment, size: u64, max_size: u64, lifetime: u64) -> Result<()> {
        let size = size.max(MIN_SIZE).next_multiple_of(GRANULE);
        let max_size = max_size.max(size).min(segment.reserved());
        segment.commit(0, size)?;
        segment.populate();
        let header = segment.at::<Header>(0)?;
        // All but the magic: a segment with the magic, but not ready, was left by a creator that died.
        let words = segment.slice::<AtomicU64>(0, (size_of::<Header>() / 8) as u64)?;
        words.iter().skip(1).for_each(|word| word.store(0, Ordering::Relaxed));
        header.magic.store(layout::MAGIC, Ordering::Relaxed);
        header.version.store(layout::FORMAT_VERSION, Ordering::Relaxed);
        header.fingerprint.store(layout::fingerprint(), Ordering::Relaxed);
        header.committed.store(size, Ordering::Relaxed);
        header.max_size.store(max_size, Ordering::Relaxed);
        header.lifetime.store(lifetime, Ordering::Relaxed);
        heap::create(segment, header, size)?;
        header.ready.store(layout::READY, Ordering::Release);
        Ok(())
    }

    /// Makes an arena out of a segment that holds one, and joins it as a participant, which may wait for the heap.
    /// `counted`: as more than an observer.
    pub(crate) fn attach(
        segment: Segment,
        liveness: Option<Liveness>,
        counted: bool,
        wait: &Wait,
    ) -> Result<Arena> {
        let header = std::ptr::from_ref(segment.at::<Header>(0)?);
        let arena = Arena {
            segment,
            header,
            id: LocalCounter::new(NEXT_ID.fetch_add(1, LocalOrdering::Relaxed)),
            forks: AtomicU32::new(0),
            participant: AtomicU32::new(0),
            counted: AtomicBool::new(counted),
            liveness,
            detached: OnceLock::new(),
            repairing: Mutex::default(),
            openings: Mutex::default(),
            init: Mutex::default(),
            late: Mutex::default(),
            claimed: Box::new([const { LocalCounter::new(0) }; CLAIMED]),
            stuck: LocalCounter::new(0),
            anomaly: LocalCounter::new(0),
            leaving: LocalCounter::new(0),
            leases: Mutex::default(),
            kept: Mutex::default(),
        };
        if arena.writable() {
            arena.join(wait)?;
        } else if let (Some(liveness), Backing::File { place, access: Access::ReadOnly, .. }) =
            (&arena.liveness, arena.segment.backing())
        {
            liveness.join_readers(place)?;
        }
        Ok(arena)
    }

    /// The state of this process as a participant that has used the store.
    pub(crate) fn own_state(&self) -> u64 {
        if self.counted.load(LocalOrdering::Relaxed) { layout::ATTACHED } else { layout::OBSERVING }
    }

    /// Has an observer count from now on: this process opens the store once more, to change it.
    /// Returns whether it was one.
    pub(crate) fn count(&self, wait: &Wait) -> Result<bool> {
        if self.counted.load(LocalOrdering::Relaxed) {
            return Ok(false);
        }
        let mut heap = HeapGuard::lock(self, self.owner(), wait)?;
        let mut section = heap.section();
        section.set(&self.participant()?.state, layout::ATTACHED)?;
        section.commit();
        self.counted.store(true, LocalOrdering::Relaxed);
        Ok(true)
    }

    /// In a child: becomes what its parent has admitted it as.
    pub(crate) fn count_as(&self, record: &Participant) {
        let counted = record.state.load(Ordering::Acquire) != layout::OBSERVING;
        self.counted.store(counted, LocalOrdering::Relaxed);
    }

    #[inline(always)]
    fn id(&self) -> u64 {
        self.id.load(LocalOrdering::Relaxed)
    }

    /// Distinguishes what was made in this process from what was inherited.
    #[inline(always)]
    pub(crate) fn forks(&self) -> u32 {
        self.forks.load(LocalOrdering::Relaxed)
    }

    pub(crate) fn segment(&self) -> &Segment {
        &self.segment
    }

    #[inline]
    pub(crate) fn header(&self) -> &Header {
        // SAFETY: set by `attach` from a checked reference into the segment, which lives as long as self.
        unsafe { &*self.header }
    }

    pub(crate) fn liveness(&self) -> Option<&Liveness> {
        self.liveness.as_ref()
    }

    /// Whether this process may change anything. Not where it was forked and could not be admitted.
    pub(crate) fn writable(&self) -> bool {
        self.backed_for_writing() && !self.is_detached()
    }

    pub(crate) fn backed_for_writing(&self) -> bool {
        self.segment.backing().writable()
    }

    /// Whether this process was forked and could not be admitted; see [`life`](crate::life).
    #[inline(always)]
    pub(crate) fn is_detached(&self) -> bool {
        self.participant_index() == NO_PLACE
    }

    /// # Errors
    ///
    /// [`ErrorKind::Detached`].
    #[inline(always)]
    pub(crate) fn ensure_attached(&self) -> Result<()> {
        if self.is_detached() { Err(self.detached()) } else { Ok(()) }
    }

    #[cold]
    fn detached(&self) -> Error {
        let reason = self.detached.get().cloned().unwrap_or_default();
        Error::new(ErrorKind::Detached).of(self.place()).finding(reason)
    }

    /// Why this process may change nothing.
    #[cold]
    pub(crate) fn refusal(&self) -> Error {
        match self.ensure_attached() {
            Ok(()) => {
                let refusal = Error::new(ErrorKind::ReadOnly).of(self.place());
                // What could be written to is refused to observers alone.
                match self.segment.backing() {
                    Backing::File { access: Access::ReadOnly, .. } => refusal,
                    _ => refusal.finding("only observed"),
                }
            }
            Err(detached) => detached,
        }
    }

    pub(crate) fn place(&self) -> String {
        self.segment.backing().place()
    }

    pub(crate) fn participant(&self) -> Result<&Participant> {
        self.record(self.participant_index())
    }

    #[inline(always)]
    pub(crate) fn participant_index(&self) -> u32 {
        self.participant.load(LocalOrdering::Relaxed)
    }

    /// The owner of the heap lock that stands for this process as a whole, as opposed to one of its seats.
    pub(crate) fn owner(&self) -> u32 {
        heap::owner_for(self.participant_index())
    }

    /// What lies at an offset; looks for growth by others before giving up.
    #[inline(always)]
    pub(crate) fn at<T: crate::segment::Shared>(&self, offset: u64) -> Result<&T> {
        match self.segment.find(offset) {
            Some(found) => Ok(found),
            None => self.at_anew(offset),
        }
    }

    #[cold]
    #[inline(never)]
    fn at_anew<T: crate::segment::Shared>(&self, offset: u64) -> Result<&T> {
        self.refresh()?;
        self.segment.at(offset)
    }

    /// Item `index` of those side by side from an offset on. Neither number need make sense.
    #[inline(always)]
    pub(crate) fn nth<T: crate::segment::Shared>(&self, start: u64, index: u64) -> Result<&T> {
        self.at(start.saturating_add(index.saturating_mul(size_of::<T>() as u64)))
    }

    /// Records side by side; looks for growth by others before giving up.
    #[inline(always)]
    pub(crate) fn slice<T: crate::segment::Shared>(&self, offset: u64, count: u64) -> Result<&[T]> {
        match self.segment.find_slice(offset, count) {
            Some(found) => Ok(found),
            None => self.slice_anew(offset, count),
        }
    }

    #[cold]
    #[inline(never)]
    fn slice_anew<T: crate::segment::Shared>(&self, offset: u64, count: u64) -> Result<&[T]> {
        self.refresh()?;
        self.segment.slice(offset, count)
    }

    /// The words of a range; looks for growth by others before giving up.
    #[inline(always)]
    pub(crate) fn words(&self, offset: u64, count: u64) -> Result<&[AtomicU64]> {
        self.slice(offset, count)
    }

    /// The address of some bytes; looks for growth by others before giving up.
    #[inline(always)]
    pub(crate) fn bytes(&self, offset: u64, length: u64) -> Result<*mut u8> {
        match self.segment.find_bytes(offset, length) {
            Some(found) => Ok(found),
            None => self.bytes_anew(offset, length),
        }
    }

    #[cold]
    #[inline(never)]
    fn bytes_anew(&self, offset: u64, length: u64) -> Result<*mut u8> {
        self.refresh()?;
        self.segment.bytes(offset, length)
    }

    /// How large the segment is by now.
    pub(crate) fn size(&self) -> Result<u64> {
        self.refresh()?;
        Ok(self.segment.known())
    }

    #[cold]
    fn refresh(&self) -> Result<()> {
        self.segment.trust(self.header().committed.load(Ordering::Acquire))
    }

    /// A record of a table, in use or not; an error if the table has no such record.
    #[inline(always)]
    pub(crate) fn record<T: Record>(&self, index: u32) -> Result<&T> {
        let (chunk, within) = locate::<T>(index);
        let chunk = T::table(self.header()).chunks.get(chunk);
        match chunk.map_or(0, |chunk| chunk.load(Ordering::Acquire)) {
            0 => Err(missing(index)),
            offset => self.at(offset.wrapping_add(within.wrapping_mul(size_of::<T>() as u64))),
        }
    }

    #[inline(always)]
    pub(crate) fn node(&self, index: u32) -> Result<&Node> {
        self.record(index)
    }

    /// A number for a word and its value, whether it is awaited or not; most other words and values have another one.
    fn mark_of(&self, word: &AtomicU64, seen: u64) -> u64 {
        (seen | WAITERS) ^ self.segment.offset_of(word).rotate_left(20)
    }

    /// How many records of a table have ever been in use. Not more than there is room for, whatever the table says.
    #[inline(always)]
    pub(crate) fn used<T: Record>(&self) -> u32 {
        let used = T::table(self.header()).used.load(Ordering::Acquire);
        let room = |bytes: u64| bytes.checked_div(size_of::<T>() as u64).unwrap_or(0);
        if used <= room(self.segment.known()) {
            return used as u32;
        }
        // Where the segment has been cut off, what is known of it is not.
        let room = room(self.size().unwrap_or_else(|_| self.segment.known()));
        u32::try_from(used.min(room)).unwrap_or(u32::MAX)
    }

    /// The first record of a table that was never in use. An error if the table says so of one far behind its end, where
    /// each further record would double it.
    pub(crate) fn unused<T: Record>(&self) -> Result<u32> {
        let used = T::table(self.header()).used.load(Ordering::Acquire);
        let used = u32::try_from(used).map_err(|_| missing(u32::MAX))?;
        if let Some(last) = used.checked_sub(1) {
            self.record::<T>(last)?;
        }
        Ok(used)
    }
}

impl Space for Arena {
    #[inline(always)]
    fn head(&self, index: u32) -> Result<&NodeHead> {
        self.node(index).map(|node| &node.head)
    }

    fn suspect(&self, seat: u32, word: &AtomicU64) -> Result<()> {
        self.suspect_seat(seat, word)
    }

    fn remember(&self, word: &AtomicU64, seen: u64) {
        self.anomaly.store(self.mark_of(word, seen), LocalOrdering::Relaxed);
    }

    fn recall(&self, seat: u32, word: &AtomicU64, seen: u64) -> Result<()> {
        if self.anomaly.load(LocalOrdering::Relaxed) != self.mark_of(word, seen) {
            return Ok(());
        }
        // The word may be about to change.
        self.suspect_seat(seat, word).or_else(|error| {
            if word.load(Ordering::Acquire) | WAITERS == seen | WAITERS { Err(error) } else { Ok(()) }
        })
    }

    #[inline(always)]
    fn find_other<'a, T>(
        &'a self,
        me: u32,
        mut visit: impl FnMut(u32, &'a SeatLine) -> Result<Option<T>>,
    ) -> Result<Option<T>> {
        let header = self.header();
        let used = (self.used::<SeatLine>() as usize).min(MAX_SEATS);
        let mut first = 0;
        for (chunk, place) in SeatLine::table(header).chunks.iter().enumerate() {
            if first >= used {
                break;
            }
            let count = chunk_records::<SeatLine>(chunk) as usize;
            let lines = self.slice::<SeatLine>(place.load(Ordering::Acquire), count as u64)?;
            // A chunk has 16 seats, or begins at a multiple of its own size: its bits are part of a word, or words.
            // No chunk is so large that this wraps.
            let end = first.wrapping_add(count);
            for at in (first..end).step_by(64) {
                let Some(word) = header.claimed.get(at / 64) else { break };
                let bits = word.load(Ordering::Relaxed) >> (at % 64);
                let mut bits = if count < 64 { bits & !(!0 << count) } else { bits };
                while bits != 0 {
                    let seat = at.wrapping_add(bits.trailing_zeros() as usize);
                    bits &= bits.wrapping_sub(1);
                    if let Some(line) = lines.get(seat.wrapping_sub(first))
                        && !line.idle()
                        && seat != me as usize
                        && let Some(found) = visit(seat as u32, line)?
                    {
                        return Ok(Some(found));
                    }
                }
            }
            first = end;
        }
        Ok(None)
    }
}

#[cold]
fn missing(index: u32) -> Error {
    Error::corrupt("a table", format_args!("index {index}"), "an index within the table")
}

/// The chunk of a record, and its place within.
#[inline]
fn locate<T: Record>(index: u32) -> (usize, u64) {
    let index = u64::from(index);
    // Behind the first chunk, the highest bit of an index says which chunk it is, and the others where in there.
    match (index >> T::FIRST.ilog2()).checked_ilog2() {
        None => (0, index),
        Some(doubling) => ((doubling as usize).saturating_add(1), index ^ T::FIRST << doubling),
    }
}

/// How many records a chunk has.
pub(crate) fn chunk_records<T: Record>(chunk: usize) -> u64 {
    T::FIRST << chunk.min(CHUNKS).saturating_sub(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_fill_chunk_after_chunk() {
        let mut expected = (0, 0);
        for index in 0..2000 {
            assert_eq!(locate::<Node>(index), expected, "index {index}");
            expected.1 += 1;
            if expected.1 == chunk_records::<Node>(expected.0) {
                expected = (expected.0 + 1, 0);
            }
        }
    }
}
