//! The word by which a seat publishes a lock that it wants or has.
//!
//! | bits | meaning |
//! |---|---|
//! | 0 | WAITERS: a thread sleeps on the word's low half |
//! | 1 | PEND: the seat's thread sleeps, waiting for something else, while it holds this |
//! | 2..4 | mode: 1 shared, 2 node-exclusive, 3 tree-exclusive; a hold is never 0 |
//! | 4..32 | low bits of the node's generation |
//! | 32..64 | the node's index |
//!
//! A shared hold counts as soon as it is published. An exclusive one counts only while its seat owns the node's
//! word.

use super::{Mode, NodeId, WAITERS};
use crate::sync::{AtomicU64, Ordering};

pub(crate) const PEND: u64 = 1 << 1;
const MODE_SHIFT: u32 = 2;
const GENERATION_SHIFT: u32 = 4;
const INDEX_SHIFT: u32 = 32;

/// How many locks one thread may hold at once in one segment.
pub(crate) const HOLDS: usize = if cfg!(loom) { 2 } else { 31 };

/// The holds of one seat.
#[repr(C, align(64))]
pub(crate) struct SeatLine {
    /// No slot at or beyond this index is in use. Grows before such a slot is published, so that one load of 0 shows
    /// that a seat holds nothing. Only the seat's own thread changes it.
    pub(super) high: AtomicU64,
    pub(super) slots: [AtomicU64; HOLDS],
}

impl SeatLine {
    /// The slots that may be in use, for the thread of this seat and for others.
    #[inline]
    pub(super) fn slots(&self) -> &[AtomicU64] {
        let high = self.high.load(Ordering::Acquire) as usize;
        self.slots.get(..high).unwrap_or(&self.slots)
    }

    /// All slots, whatever `high` says.
    pub(crate) fn all(&self) -> &[AtomicU64] {
        &self.slots
    }

    /// What the seat has published, for callers that only look.
    pub(crate) fn published(&self) -> impl Iterator<Item = (&AtomicU64, Published)> {
        self.slots().iter().filter_map(|slot| {
            let hold = slot.load(Ordering::Acquire);
            let published = Published { index: index(hold), mode: mode(hold), hold };
            (hold != 0).then_some((slot, published))
        })
    }

    /// Whether the seat has published any hold.
    #[inline]
    pub(crate) fn any(&self) -> bool {
        self.slots().iter().any(|slot| slot.load(Ordering::Relaxed) != 0)
    }

    /// Whether any slot has a hold, whatever `high` says.
    pub(crate) fn any_of_all(&self) -> bool {
        self.slots.iter().any(|slot| slot.load(Ordering::Relaxed) != 0)
    }

    /// Whether every slot in use lies below `high`, which a thread raises before it uses a slot.
    pub(crate) fn covers(&self) -> bool {
        let beyond =
            |high: u64| self.slots.iter().skip(high as usize).any(|slot| slot.load(Ordering::Acquire) != 0);
        let high = self.high.load(Ordering::Acquire);
        high <= HOLDS as u64 && (!beyond(high) || !beyond(self.high.load(Ordering::Acquire)))
    }

    /// Whether no slot can be in use. A locker of another seat asks after its fence: if the answer is yes, then
    /// whatever this seat publishes next comes before a fence behind which it sees that locker's word.
    #[inline(always)]
    pub(crate) fn idle(&self) -> bool {
        self.high.load(Ordering::Acquire) == 0
    }

    /// Makes others look at a slot that is about to be published. Only the seat's own thread calls this, as for
    /// [`Self::settle`].
    #[inline(always)]
    pub(super) fn raise(&self, slot: usize) {
        if self.high.load(Ordering::Relaxed) <= slot as u64 {
            self.high.store((slot as u64).wrapping_add(1), Ordering::Release);
        }
    }

    /// Spares others the look at a slot that was cleared, if it was the last one in use.
    #[inline(always)]
    pub(crate) fn settle(&self, slot: usize) {
        if self.high.load(Ordering::Relaxed) == (slot as u64).wrapping_add(1) {
            // Release: after the swap that cleared the slot.
            self.high.store(slot as u64, Ordering::Release);
        }
    }
}

/// A hold, as another thread sees it.
#[derive(Clone, Copy)]
pub(crate) struct Published {
    pub(crate) index: u32,
    pub(crate) mode: Mode,
    hold: u64,
}

impl Published {
    /// Whether it is a hold on this life of its node.
    pub(crate) fn names(&self, generation: u32) -> bool {
        names(self.hold, generation)
    }

    /// Whether a thread sleeps until it is released.
    pub(crate) fn awaited(&self) -> bool {
        self.hold & WAITERS != 0
    }

    /// Whether its thread sleeps, waiting for something else.
    pub(crate) fn waits(&self) -> bool {
        self.hold & PEND != 0
    }

    /// Whether the slot still has it.
    pub(crate) fn lasts(&self, slot: &AtomicU64) -> bool {
        slot.load(Ordering::Acquire) & !(WAITERS | PEND) == self.hold & !(WAITERS | PEND)
    }
}

#[inline]
pub(super) fn hold(id: NodeId, mode: Mode) -> u64 {
    let mode = match mode {
        Mode::Shared => 1,
        Mode::Node => 2,
        Mode::Tree => 3,
    };
    u64::from(id.index) << INDEX_SHIFT | u64::from(id.generation << GENERATION_SHIFT) | mode << MODE_SHIFT
}

#[inline]
pub(crate) fn index(hold: u64) -> u32 {
    (hold >> INDEX_SHIFT) as u32
}

/// Whether a hold is one on this life of its node.
pub(crate) fn names(hold: u64, generation: u32) -> bool {
    hold as u32 >> GENERATION_SHIFT << GENERATION_SHIFT == generation << GENERATION_SHIFT
}

/// Whether a hold is an exclusive hold on a node.
pub(crate) fn explains(hold: u64, node: u32) -> bool {
    hold != 0 && index(hold) == node && mode(hold) != Mode::Shared
}

/// The mode; bits that name no mode read as the strongest.
#[inline]
pub(super) fn mode(hold: u64) -> Mode {
    match hold >> MODE_SHIFT & 3 {
        1 => Mode::Shared,
        2 => Mode::Node,
        _ => Mode::Tree,
    }
}
