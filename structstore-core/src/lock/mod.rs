//! Locks on nodes: exclusive, shared, and optimistic reads, across threads and processes.
//!
//! A lock is a [`word`] in the node plus the [`hold`]s that seats publish; there is no kernel object and no
//! counter. A lock on a node covers everything below it. The protocol is written against [`Space`], so that the
//! model in `model.rs` checks the very code that runs.
//!
//! Invariants:
//!
//! - Only the owner of a word changes its owner, versions and NODE bit; others only set WAITERS.
//! - Only the seat's own thread changes its holds; others only set WAITERS, and only on shared holds. A thread that
//!   waits for an exclusive hold sleeps on the word of its node.
//! - After PEND is set on an exclusive hold, its node's word is changed, in the half that sleepers compare.
//! - A granted hold's node and all nodes above it stay where they are until it is released.
//! - A granted hold has hints (`hint.rs`): BELOW on all nodes above its own, and READERS on its own if it is shared.
//!   Each was given and not doubted at some moment after the hold was published and fenced. None of them is taken back
//!   before the hold is.
//! - A locker takes a hint back only if it has seen, behind a fence after its own doubt, no hold that the hint stands
//!   for, and only if no locker has given or doubted the hint since.

mod ancestors;
mod hint;
mod hold;
mod optimistic;
mod protocol;
mod wait;
mod word;

#[cfg(all(test, loom))]
pub(crate) mod model;

pub(crate) use ancestors::Ancestors;
pub(crate) use hint::are_plausible as are_hints;
pub(crate) use hold::{HOLDS, SeatLine, explains, index as hold_index, names};
pub(crate) use optimistic::{Above, Busy, Look, Moment, optimistic};
pub(crate) use protocol::is_below;
pub(crate) use protocol::{Locker, Own, bury};
pub(crate) use wait::{Doubt, SLICE, Wait, count_fork, spin_while};
pub use wait::{WaitHooks, limit_waits, waiting_at_most, without_hooks};
pub(crate) use word::{MAX_SEATS, is_awaited, is_free_but_held, owner_seat};

#[cfg(doc)]
use crate::error::ErrorKind;
use crate::error::Result;
use crate::notice::NoticeWords;
use crate::sync::AtomicU64;

/// A thread sleeps on this word; the thread that changes it wakes the sleepers. The same bit in lock words and holds.
pub(crate) const WAITERS: u64 = 1;

/// The name of a node: its place in the node table, and which of its lives is meant.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
pub(crate) struct NodeId {
    pub(crate) index: u32,
    pub(crate) generation: u32,
}

/// What a lock covers and what it waits for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Mode {
    /// The node and all below it, for reading.
    Shared,
    /// The node's own slots, for one implicit change; does not wait for holds below.
    Node,
    /// The node and all below it, for changing.
    Tree,
}

/// The part of a node record that locking needs.
#[repr(C)]
pub(crate) struct NodeHead {
    /// The lock word; never reset, not even when the record is reused.
    pub(crate) word: AtomicU64,
    /// Generation in the high half, kind in the low byte.
    pub(crate) identity: AtomicU64,
    /// Index of the parent plus one; 0 for a root.
    pub(crate) parent: AtomicU64,
    /// Hints to lockers, and marks of deaths; see [`hint`].
    pub(crate) hints: AtomicU64,
    /// Marks of watchers, and counts of changes.
    pub(crate) notice: NoticeWords,
}

/// The memory in which nodes and seats live.
pub(crate) trait Space {
    /// The head of a node record, whether it is in use or not; an error if the table has no such record.
    fn head(&self, index: u32) -> Result<&NodeHead>;
    /// Visits the seats other than `me` that hold something, until `visit` returns something.
    fn find_other<'a, T>(
        &'a self,
        me: u32,
        visit: impl FnMut(u32, &'a SeatLine) -> Result<Option<T>>,
    ) -> Result<Option<T>>;
    /// Called by a thread that has waited for a while for a seat to change a word: looks whether the seat is dead, and
    /// buries it then. An error if no thread can have written what the word says.
    fn suspect(&self, seat: u32, word: &AtomicU64) -> Result<()>;
    /// Remembers a word whose value no thread can have written.
    fn remember(&self, word: &AtomicU64, seen: u64);
    /// As `suspect`, for a thread that has not waited yet, if the word is remembered.
    fn recall(&self, seat: u32, word: &AtomicU64, seen: u64) -> Result<()>;
}

/// The seat of the calling thread.
#[derive(Clone, Copy)]
pub(crate) struct OwnSeat<'a> {
    pub(crate) index: u32,
    pub(crate) line: &'a SeatLine,
}

/// The generation in a node's identity word.
pub(crate) fn generation(identity: u64) -> u32 {
    (identity >> 32) as u32
}
