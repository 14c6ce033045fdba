//! The journal: how an operation changes shared structures wholly or not at all.
//!
//! An operation allocates and fills what is new where no other thread can see it, logs the old value of each word that
//! it is about to change, changes it, commits by one store to the seat's phase word, and then frees what it unlinked.
//! Dropped uncommitted, it restores the words and frees what it allocated.
//!
//! Invariants: every word changed with [`Operation::set`] lies under an exclusive hold of this seat until the
//! operation is finished, so that restoring it overwrites no other thread's work; what others change meanwhile (heap,
//! free lists, statistics) is changed in heap sections, never here; lock words are never journaled.

mod free;
mod log;
mod pins;
mod transaction;

pub(crate) use pins::{Among, lent_to, pinned_by, refuse_pinned};
pub(crate) use transaction::{Pending, covering, lies_within, refuse_above};

use std::cell::Cell;
use std::sync::Arc;

use crate::arena::layout::{LogEntry, LogHead, Seat};
use crate::arena::{Arena, BlockKind, HeapGuard, MAX_STEP, ThreadSeat};
use crate::error::{Error, Result};
use crate::lock::{NodeId, Wait, generation};
use crate::node::LIMITS;
use crate::sync::{AtomicU64, Ordering};
use crate::value::Kind;

/// What a log entry is, in the low bits of its place; places of words are multiples of 8.
const RETIRED_BLOCK: u64 = 1;
const RETIRED_NODE: u64 = 2;
/// The eight entries after it are the former body of a node that has been emptied.
const RETIRED_CONTENTS: u64 = 3;

const COMMITTED: u64 = 1;

/// One change of shared structures by the calling thread.
pub(crate) struct Operation<'a> {
    arena: &'a Arena,
    index: u32,
    seat: &'a Seat,
    open: bool,
    /// Where the transaction stood of which this operation is a part: if the operation fails, it is undone to here.
    within: Option<Savepoint>,
    waited: bool,
    /// Whether something is to be freed when it is committed.
    retires: Cell<bool>,
}

/// How far a journal had come.
#[derive(Clone, Copy)]
pub(crate) struct Savepoint {
    log_count: u64,
    pending_blocks: u64,
    pending_nodes: u64,
}

impl Savepoint {
    pub(crate) const START: Savepoint = Savepoint { log_count: 0, pending_blocks: 0, pending_nodes: 0 };

    pub(crate) fn of(seat: &Seat) -> Savepoint {
        Savepoint {
            log_count: seat.log_count.load(Ordering::Relaxed),
            pending_blocks: seat.pending_blocks.load(Ordering::Relaxed),
            pending_nodes: seat.pending_nodes.load(Ordering::Relaxed),
        }
    }
}

impl<'a> Operation<'a> {
    /// Begins an operation of this thread's seat.
    pub(crate) fn begin(arena: &'a Arc<Arena>) -> Result<Operation<'a>> {
        let waited = arena.await_heap()?;
        Self::begin_on(arena, arena.seat(&Wait::FOREVER)?, waited)
    }

    /// Begins an operation on a node: a part of this thread's transaction, if that covers the node.
    ///
    /// A signal handler of this thread's runtime may run before this returns, and change what the thread has locked: what
    /// the operation is about has to be looked up after it has begun, if it has [`waited`](Self::waited).
    #[inline]
    pub(crate) fn begin_for(arena: &'a Arc<Arena>, node: u32) -> Result<Operation<'a>> {
        // Before anything is looked at that a signal handler might change.
        let waited = arena.await_heap()?;
        match covering(arena, node)? {
            None => Self::begin_on(arena, arena.seat(&Wait::FOREVER)?, waited),
            Some(ThreadSeat { own, body: seat }) => {
                let within = Some(Savepoint::of(seat));
                Ok(Operation {
                    arena,
                    index: own.index,
                    seat,
                    open: true,
                    within,
                    waited,
                    retires: Cell::new(false),
                })
            }
        }
    }

    /// Whether this thread slept before the operation began.
    pub(crate) fn waited(&self) -> bool {
        self.waited
    }

    /// Fails if the node that the operation is about has gone while this thread slept before it began. Under a lock of its own
    /// only a signal handler of this very thread can have removed it.
    #[inline]
    pub(crate) fn ensure_lives(&self, id: NodeId) -> Result<()> {
        if !self.waited {
            return Ok(());
        }
        let identity = self.arena.node(id.index)?.head.identity.load(Ordering::Acquire);
        if generation(identity) == id.generation { Ok(()) } else { Err(Error::stale()) }
    }

    fn begin_on(arena: &'a Arena, seat: ThreadSeat<'a>, waited: bool) -> Result<Operation<'a>> {
        let ThreadSeat { own, body: seat } = seat;
        let index = own.index;
        if !seat.idle() {
            return Err(Error::corrupt(
                format_args!("the journal of seat {index}"),
                "an operation under way",
                "an idle journal",
            ));
        }
        Ok(Operation { arena, index, seat, open: true, within: None, waited, retires: Cell::new(false) })
    }

    pub(crate) fn arena(&self) -> &'a Arena {
        self.arena
    }

    /// Logs what a word is, so that it is restored if the operation is undone: for words that are changed otherwise.
    pub(crate) fn note(&self, word: &AtomicU64) -> Result<()> {
        self.log(self.arena.segment().offset_of(word), word.load(Ordering::Relaxed))
    }

    /// Changes a word that others can see, after logging its old value.
    #[inline]
    pub(crate) fn set(&self, word: &AtomicU64, value: u64) -> Result<()> {
        self.log(self.arena.segment().offset_of(word), word.load(Ordering::Relaxed))?;
        // Release: a thread that sees the new value sees what it leads to; a repairer finds the log entry.
        word.store(value, Ordering::Release);
        Ok(())
    }

    /// Has a block freed when the operation is committed.
    pub(crate) fn retire_block(&self, payload: u64) -> Result<()> {
        if payload == 0 { Ok(()) } else { self.log_retired(RETIRED_BLOCK, payload) }
    }

    /// Has a node and everything below it freed when the operation is committed. The caller holds it, or
    /// something above it, tree-exclusively until the operation is finished.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Bound`](crate::ErrorKind::Bound) if a living process has pinned it, or something below it.
    pub(crate) fn retire_node(&self, index: u32) -> Result<()> {
        refuse_pinned(self.arena, index, Among::All)?;
        self.retire_pinned(index)
    }

    /// As [`Operation::retire_node`], whoever has pinned it.
    pub(crate) fn retire_pinned(&self, index: u32) -> Result<()> {
        self.log_retired(RETIRED_NODE, u64::from(index))
    }

    /// Empties a struct or list, and has what was in it freed when the operation is committed. The caller holds it as for
    /// [`Operation::retire_node`]. The logged words of its body lead to all that is to be freed, so that this takes the same
    /// few entries however much that is: a store that is full can still be emptied.
    pub(crate) fn retire_contents(&self, index: u32, kind: Kind) -> Result<()> {
        refuse_pinned(self.arena, index, Among::Contents)?;
        self.retire_pinned_contents(index, kind)
    }

    /// As [`Operation::retire_contents`], whoever has pinned what is in it.
    pub(crate) fn retire_pinned_contents(&self, index: u32, kind: Kind) -> Result<()> {
        let node = self.arena.node(index)?;
        self.log_retired(RETIRED_CONTENTS, u64::from(index) | (kind as u64) << 32)?;
        // A list stays one of the same limits.
        let kept = |at: usize| kind == Kind::List && at == LIMITS;
        node.body.iter().enumerate().try_for_each(|(at, word)| {
            self.set(word, if kept(at) { word.load(Ordering::Relaxed) } else { 0 })
        })
    }

    /// Allocates a block, 0 for no bytes. No other thread can see it until a word that leads to it is set.
    pub(crate) fn allocate(&self, bytes: u64, kind: BlockKind) -> Result<u64> {
        if bytes == 0 {
            return Ok(0);
        }
        if bytes > MAX_STEP {
            self.arena.make_room(self.index, bytes)?;
        }
        let mut heap = HeapGuard::lock(self.arena, self.index, &Wait::QUIET)?;
        let mut section = heap.section();
        let payload = section.allocate(self.seat, bytes, kind)?;
        section.commit();
        Ok(payload)
    }

    /// Takes over a block that only a lease of this process keeps: from now on it is like one that was allocated just now.
    pub(crate) fn claim(&self, payload: u64) -> Result<()> {
        let mut heap = HeapGuard::lock(self.arena, self.index, &Wait::QUIET)?;
        let mut section = heap.section();
        section.claim(self.seat, payload)?;
        section.commit();
        Ok(())
    }

    /// Takes a new node without parent.
    pub(crate) fn allocate_node(&self, kind: Kind) -> Result<NodeId> {
        let mut heap = HeapGuard::lock(self.arena, self.index, &Wait::QUIET)?;
        let mut section = heap.section();
        let index = section.allocate_node(self.seat, kind as u8)?;
        section.commit();
        self.id(index)
    }

    /// Takes a new node and allocates its one block: the heap is locked only once.
    pub(crate) fn allocate_node_with(
        &self,
        kind: Kind,
        bytes: u64,
        block: BlockKind,
    ) -> Result<(NodeId, u64)> {
        let mut heap = HeapGuard::lock(self.arena, self.index, &Wait::QUIET)?;
        let mut section = heap.section();
        let index = section.allocate_node(self.seat, kind as u8)?;
        section.commit();
        let payload = if bytes == 0 {
            0
        } else {
            let mut section = heap.section();
            let payload = section.allocate(self.seat, bytes, block)?;
            section.commit();
            payload
        };
        Ok((self.id(index)?, payload))
    }

    /// The name of a node that was allocated just now.
    fn id(&self, index: u32) -> Result<NodeId> {
        let identity = self.arena.node(index)?.head.identity.load(Ordering::Relaxed);
        Ok(NodeId { index, generation: crate::lock::generation(identity) })
    }

    fn log_retired(&self, what: u64, which: u64) -> Result<()> {
        self.retires.set(true);
        self.log(what, which)
    }

    #[inline]
    fn log(&self, place: u64, value: u64) -> Result<()> {
        let count = self.seat.log_count.load(Ordering::Relaxed);
        let entry = match self.seat.log.get(count as usize) {
            Some(entry) => entry,
            None => self.overflow_entry(count)?,
        };
        entry.place.store(place, Ordering::Relaxed);
        entry.value.store(value, Ordering::Relaxed);
        // Release: the entry is complete before it counts.
        self.seat.log_count.store(count.wrapping_add(1), Ordering::Release);
        Ok(())
    }

    #[cold]
    fn overflow_entry(&self, count: u64) -> Result<&LogEntry> {
        let (ordinal, within) = log::ordinal(count);
        // Where part of a transaction was undone, the block may be there already.
        if within == 0 && log::newest(self.arena, self.seat)? != Some(ordinal) {
            let mut heap = HeapGuard::lock(self.arena, self.index, &Wait::QUIET)?;
            let mut section = heap.section();
            let block = section.take_for_writing(log::OVERFLOW_SIZE, BlockKind::Log)?;
            let head = self.arena.at::<LogHead>(block)?;
            head.before.store(self.seat.log_block.load(Ordering::Relaxed), Ordering::Relaxed);
            head.ordinal.store(ordinal, Ordering::Relaxed);
            section.set(&self.seat.log_block, block)?;
            section.commit();
        }
        log::entry_in(self.arena, self.seat.log_block.load(Ordering::Relaxed), within)
    }

    /// Keeps what was allocated for this process alone: no word of the store leads to it.
    pub(crate) fn adopt(mut self) {
        self.open = false;
        self.seat.pending_blocks.store(0, Ordering::Release);
        self.seat.pending_nodes.store(0, Ordering::Release);
    }

    /// Lets go of a journal that is in order, without doing anything.
    fn forget(mut self) {
        self.open = false;
    }

    /// Makes the last changes and commits, or undoes everything. The operation is over then, so that locks may be
    /// released.
    #[inline(always)]
    pub(crate) fn conclude<T>(self, change: impl FnOnce(&Operation<'a>) -> Result<T>) -> Result<T> {
        let result = change(&self)?;
        self.commit()?;
        Ok(result)
    }

    /// Makes the changes final and frees what they unlinked.
    ///
    /// From the store to the phase word on, the operation has happened; an error after it says that the segment
    /// is damaged.
    pub(crate) fn commit(mut self) -> Result<()> {
        self.open = false;
        let seat = self.seat;
        if let Some(within) = self.within {
            // It happens with the transaction. Nothing can be seen of what was allocated if nothing was logged.
            let nothing = seat.log_count.load(Ordering::Relaxed) == within.log_count;
            return if nothing {
                free::discard_pending(self.arena, self.index, seat, within)
            } else {
                Ok(())
            };
        }
        if seat.log_count.load(Ordering::Relaxed) == 0 {
            // Nothing can be seen of what was allocated, if anything was.
            return free::discard_pending(self.arena, self.index, seat, Savepoint::START);
        }
        if !self.retires.get() && free::nothing_to_finish(seat) {
            // Without its log, there is nothing that a repairer would undo.
            free::truncate_log(seat, 0);
            return Ok(());
        }
        seat.phase.store(COMMITTED, Ordering::Release);
        free::finish(self.arena, self.index, seat)
    }
}

impl Drop for Operation<'_> {
    fn drop(&mut self) {
        if self.open {
            // Fails only where the segment is damaged, and then there is no caller to report it to.
            let to = self.within.unwrap_or(Savepoint::START);
            let _ = free::roll_back(self.arena, self.index, self.seat, to);
        }
    }
}

/// Undoes or finishes what a dead thread was doing. Its seat holds what it changed; `owner` takes the heap lock.
pub(crate) fn repair(arena: &Arena, owner: u32, seat: &Seat) -> Result<()> {
    match seat.phase.load(Ordering::Acquire) {
        COMMITTED => free::finish(arena, owner, seat),
        _ => free::roll_back(arena, owner, seat, Savepoint::START),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::access::Access as _;
    use crate::tests::{Random, store};

    /// Against a plain list of numbers: an operation sets all its words or none, in whichever order, also the same word twice,
    /// and also where its log does not fit the seat. What it allocated stays if a word that was set leads to it, and goes if not.
    #[test]
    fn an_operation_sets_all_words_or_none() {
        let store = store();
        let arena = store.handle.arena();
        let operation = Operation::begin(arena).unwrap();
        let block = operation.allocate(100 * 8, BlockKind::Bytes).unwrap();
        operation.adopt();
        let words = arena.words(block, 100).unwrap();
        words.iter().for_each(|word| word.store(0, Ordering::Relaxed));
        let (mut random, mut model) = (Random(2), vec![0; words.len()]);
        let blocks = || arena.header().blocks.load(Ordering::Relaxed);
        for round in 0..2000 {
            let operation = Operation::begin(arena).unwrap();
            let (mut after, before) = (model.clone(), blocks());
            let most = if round % 10 == 0 { 1000 } else { 30 };
            for _ in 0..random.below(most) {
                let (at, value) = (random.below(100) as usize, random.below(u64::MAX));
                operation.set(&words[at], value).unwrap();
                after[at] = value;
            }
            let found = || words.iter().map(|word| word.load(Ordering::Relaxed)).collect::<Vec<_>>();
            assert_eq!(found(), after, "round {round}, under way");
            let allocated = random.below(2) * (1 + random.below(5000));
            let fresh = operation.allocate(allocated, BlockKind::Bytes).unwrap();
            if random.below(3) == 0 {
                drop(operation);
                assert_eq!(blocks(), before, "round {round}, what was allocated");
            } else {
                operation.retire_block(fresh).unwrap();
                operation.commit().unwrap();
                model = after;
            }
            assert_eq!(found(), model, "round {round}");
            assert_eq!(blocks(), before, "round {round}, what was freed");
        }
        let operation = Operation::begin(arena).unwrap();
        operation.retire_block(block).unwrap();
        operation.commit().unwrap();
        store.check().unwrap();
    }
}
