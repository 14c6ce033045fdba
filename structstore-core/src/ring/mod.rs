//! The rings of streams: how samples are published, read, followed and waited for, so that the writer never waits.
//!
//! A sample has a sequence number, counted from 0. The head says how many were published; storing it publishes one. Small samples
//! ([`samples`]) are copied into slots and out of them; large ones ([`frames`]) are filled and read in place.
//!
//! Each slot has a *stamp*: [`done`] of the sequence number of the sample that it holds, an odd number while it is being written, 0 if it
//! never held any.
//!
//! Invariants:
//! - I1. A slot goes from `done(s)` to an odd stamp before its data changes, and never has `done(s)` again with other data, whoever dies.
//! - I2. `head > s` implies that the stamp `done(s)` was stored before (Release and Acquire of the head).
//! - I3. Who finds (Acquire) that the newest sample of a head is no longer there, and then fences, loads a larger head. So a head that did
//!   not move is damage.
//! - I4. The data of a frame change only between the mark, a fence, a look at its pins that finds none, and `done`. The newest frame is never
//!   marked.
//! - I5. Only the process that has a row sets its bit, and only it clears the bit, or its repairer, before the row is freed.
//!
//! | publisher | reader | why one of them sees the other |
//! |---|---|---|
//! | mark; Release fence; data | data; Acquire fence; stamp | data of a later sample come with its mark |
//! | data; `done` (Release) | stamp (Acquire); data | data of a sample are complete |
//! | head; SeqCst fence; look at `waiters` | mark `waiters`; SeqCst fence; look at the head | no wake-up is lost |
//! | mark; SeqCst fence; look at pins | pin; SeqCst fence; look at the stamp | a pinned frame stays as it is |
//! | claim: head; Release fence; marks | mark (Acquire); head | I3, for the first sample of a new owner |
//!
//! All stores of the publisher are bounded in number. It makes at most two calls of the kernel, to wake one sleeper, which wakes the others.
//! Whoever has the proof of its death finishes what it left ([`Head::free`] says in which order).

pub(crate) mod frames;
#[cfg(all(test, loom))]
mod model;
pub(crate) mod samples;

use std::time::Duration;

use frames::{Frames, Order, Row};
use samples::Samples;

use crate::sync::{AtomicU64, Ordering, fence, fence_after_update, futex_wait, futex_wake, futex_wake_one};

/// How often a reader looks again before it gives up.
pub(crate) const TRIES: usize = if cfg!(loom) { 3 } else { 1000 };

/// How often what looks damaged is looked at, while others may be at work.
const LOOKS: usize = 3;

/// What the publisher writes.
#[repr(C, align(64))]
pub(crate) struct WriterLine {
    /// How many samples were published: the sequence number of the next one.
    pub(crate) head: AtomicU64,
    /// Participant + 1 of the process that may publish; 0 for none.
    pub(crate) owner: AtomicU64,
}

/// What readers write that go to sleep, and the publisher when it wakes them.
#[repr(C, align(64))]
pub(crate) struct ReaderLine {
    /// Odd while a thread may sleep on this word. Each waking raises it, so that a thread that looked at the head before does not fall
    /// asleep after.
    pub(crate) waiters: AtomicU64,
}

#[repr(C)]
pub(crate) struct Head {
    pub(crate) writer: WriterLine,
    pub(crate) readers: ReaderLine,
}

/// The stamp of a slot that holds a sample.
#[inline(always)]
pub(crate) const fn done(seq: u64) -> u64 {
    seq.wrapping_mul(2).wrapping_add(2)
}

/// The stamp of a slot into which a sample is being copied.
#[inline(always)]
const fn writing(seq: u64) -> u64 {
    seq.wrapping_mul(2).wrapping_add(1)
}

/// A ring of either kind. What it is made of lies in a segment.
#[derive(Clone, Copy)]
pub(crate) enum Ring<'a> {
    Samples(Samples<'a>),
    Frames(Frames<'a>),
}

impl<'a> Ring<'a> {
    /// Whether two readings of a block found the same ring.
    pub(crate) fn is_same(&self, other: &Ring<'_>) -> bool {
        match (self, other) {
            (Ring::Samples(one), Ring::Samples(two)) => one.is_same(two),
            (Ring::Frames(one), Ring::Frames(two)) => {
                std::ptr::eq(one.head, two.head) && one.slots.len() == two.slots.len()
            }
            _ => false,
        }
    }

    pub(crate) fn head(&self) -> &'a Head {
        match self {
            Ring::Samples(samples) => samples.head,
            Ring::Frames(frames) => frames.head,
        }
    }

    /// What no publisher or reader leaves, although both may be at work; `lives` tells whether a participant, plus one, is attached.
    pub(crate) fn damage(&self, lives: &dyn Fn(u64) -> bool) -> Option<&'static str> {
        let owner = &self.head().writer.owner;
        let is_strange = || matches!(owner.load(Ordering::Acquire), owner if owner != 0 && !lives(owner));
        // It gives the head back before it goes; somebody may have come and gone between two looks.
        if (0..LOOKS).all(|_| is_strange()) {
            return Some("a publisher that is not attached");
        }
        match self {
            Ring::Samples(samples) => samples.damage(),
            Ring::Frames(frames) => frames.damage(lives),
        }
    }

    /// Finishes what a dead participant, plus one, has left here.
    pub(crate) fn bury(&self, dead: u64) {
        match self {
            Ring::Samples(samples) => samples.bury(dead),
            Ring::Frames(frames) => frames.bury(dead),
        }
    }
}

/// The owner of a head, for one thread at a time.
#[derive(Debug)]
pub(crate) struct Publisher {
    /// The participant, plus one.
    pub(crate) me: u64,
    /// The number of the next sample.
    pub(crate) next: u64,
    /// For frames.
    pub(crate) order: Order,
}

impl Publisher {
    /// Claims the head for a participant that has loaned these slots.
    pub(crate) fn claim(ring: &Ring<'_>, me: u64, loaned: &[usize]) -> Result<Publisher, OwnedBy> {
        let next = ring.head().claim(me)?;
        let order = match ring {
            Ring::Samples(_) => Order::default(),
            Ring::Frames(frames) => frames.order(next, loaned),
        };
        Ok(Publisher { me, next, order })
    }
}

/// What this process has in a ring. Given back when it is dropped.
#[derive(Default)]
pub(crate) struct Share {
    /// Set when the process opens the stream.
    pub(crate) ring: Option<Ring<'static>>,
    pub(crate) publisher: Option<Publisher>,
    pub(crate) row: Option<Row>,
    /// The slots that this process is filling.
    pub(crate) loaned: Vec<usize>,
}

impl Share {
    /// A row with the same pins for a child, which its parent takes before it forks.
    #[cfg(not(loom))]
    pub(crate) fn row_for(&self, child: u64) -> crate::error::Result<Option<Row>> {
        let (Some(row), Some(Ring::Frames(frames))) = (&self.row, &self.ring) else { return Ok(None) };
        if !row.has_pins() {
            return Ok(None);
        }
        match row.inherit(frames, child) {
            Some(row) => Ok(Some(row)),
            None => Err(crate::error::Error::too_many("processes that read a stream", frames::ROWS)),
        }
    }

    /// In a child: goes on with the row that its parent took for it, and owns no head.
    pub(crate) fn inherit(&mut self, row: Option<Row>) {
        self.publisher = None;
        self.loaned.clear();
        self.row = row;
    }

    /// Gives the head back, unless a frame is being filled.
    pub(crate) fn release(&mut self) {
        if let (Some(ring), true) = (&self.ring, self.loaned.is_empty())
            && let Some(publisher) = self.publisher.take()
        {
            ring.head().release(publisher.me);
        }
    }

    /// Gives everything back. Nothing is pinned or loaned any more. The head of this participant stays with a newer share, if there is one:
    /// `last` says that there is none.
    pub(crate) fn give_back(&mut self, me: u64, last: bool) {
        let Some(ring) = &self.ring else { return };
        self.publisher = None;
        if last {
            ring.head().release(me);
        }
        if let (Some(row), Ring::Frames(frames)) = (self.row.take(), ring) {
            row.leave(frames);
        }
    }
}

/// Why there is no sample.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Nothing {
    /// None was published, or none since.
    Empty,
    /// It was written over.
    Lost,
    /// The publisher was always faster than the reader.
    Busy,
    /// The words of the stream are none that a publisher leaves.
    Corrupt,
}

/// Another participant, plus one, owns the head.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct OwnedBy(pub(crate) u64);

impl Head {
    #[cfg(all(test, loom))]
    pub(crate) fn new() -> Head {
        let word = || AtomicU64::new(0);
        Head { writer: WriterLine { head: word(), owner: word() }, readers: ReaderLine { waiters: word() } }
    }

    /// How many samples were published. Stamps of all of them are visible then (I2).
    #[inline(always)]
    pub(crate) fn published(&self) -> u64 {
        self.writer.head.load(Ordering::Acquire)
    }

    /// The same, after the newest sample was found to be lost: it must have moved on (I3).
    #[cold]
    fn moved_on(&self, before: u64) -> Result<u64, Nothing> {
        fence(Ordering::Acquire);
        let head = self.published();
        if head > before { Ok(head) } else { Err(Nothing::Corrupt) }
    }

    /// Makes a participant the owner. Returns the next sequence number.
    pub(crate) fn claim(&self, me: u64) -> Result<u64, OwnedBy> {
        match self.writer.owner.compare_exchange(0, me, Ordering::AcqRel, Ordering::Acquire) {
            Err(other) if other != me => return Err(OwnedBy(other)),
            _ => {}
        }
        let next = self.writer.head.load(Ordering::Relaxed);
        // Before the first mark (I3). Later ones have the fence in `advance` before them.
        fence(Ordering::Release);
        Ok(next)
    }

    pub(crate) fn release(&self, me: u64) {
        let _ = self.writer.owner.compare_exchange(me, 0, Ordering::AcqRel, Ordering::Relaxed);
    }

    /// Fails unless this participant is the owner.
    #[inline(always)]
    fn ensure_owner(&self, me: u64) -> Result<(), OwnedBy> {
        match self.writer.owner.load(Ordering::Relaxed) {
            owner if owner == me => Ok(()),
            other => Err(OwnedBy(other)),
        }
    }

    /// Publishes all samples below `to`, and wakes a sleeper.
    #[inline(always)]
    fn advance(&self, to: u64) {
        self.store_and_fence(to);
        let waiters = self.readers.waiters.load(Ordering::Relaxed);
        if waiters & 1 != 0 {
            self.wake(waiters);
        }
    }

    /// On x86-64 one instruction that is a full barrier.
    #[inline(always)]
    fn store_and_fence(&self, to: u64) {
        if cfg!(all(target_arch = "x86_64", not(loom))) {
            self.writer.head.swap(to, Ordering::AcqRel);
            fence_after_update();
        } else {
            self.writer.head.store(to, Ordering::Release);
            fence(Ordering::SeqCst);
        }
    }

    /// Wakes one sleeper, which wakes the others, so that their number does not matter. First changes the word that they sleep on. The mark
    /// stays until nobody slept: if the woken thread is stopped before it passes the waking on, the next sample wakes another one.
    #[cold]
    fn wake(&self, waiters: u64) {
        let word = &self.readers.waiters;
        let woken = waiters.wrapping_add(2);
        // An update, where a store would do: loom orders it after the update that left the mark.
        word.swap(woken, Ordering::Relaxed);
        if futex_wake_one(word) == 0 {
            word.swap(woken.wrapping_add(1), Ordering::Relaxed);
            // Who marked and fell asleep in between.
            futex_wake(word);
        }
    }

    /// Marks that a thread may sleep. To be followed by [`fence_after_update`] and a look at the head.
    pub(crate) fn mark(&self) -> u64 {
        self.readers.waiters.fetch_or(1, Ordering::Relaxed) | 1
    }

    /// Whether no more than `seen` samples are published, after [`Head::mark`].
    pub(crate) fn stands_at(&self, seen: u64) -> bool {
        self.writer.head.load(Ordering::Relaxed) == seen
    }

    /// Passes a waking on to all other sleepers, if the word that this thread slept on was changed.
    pub(crate) fn pass_on(&self, marked: u64) {
        if self.readers.waiters.load(Ordering::Relaxed) != marked {
            futex_wake(&self.readers.waiters);
        }
    }

    /// Sleeps until more than `seen` samples may have been published, for a slice at the most.
    #[cold]
    pub(crate) fn wait(&self, seen: u64, slice: Duration) {
        let marked = self.mark();
        fence_after_update();
        if self.stands_at(seen) {
            futex_wait(&self.readers.waiters, marked, slice);
            self.pass_on(marked);
        }
    }

    /// Wakes all sleepers, so that they look at something else than the head.
    pub(crate) fn wake_all(&self) {
        fence(Ordering::SeqCst);
        let waiters = self.readers.waiters.load(Ordering::Relaxed);
        self.readers.waiters.swap((waiters | 1).wrapping_add(1), Ordering::Relaxed);
        futex_wake(&self.readers.waiters);
    }

    /// Frees the head of a dead owner. The caller is the only one with the proof of its death, and has already cleared its pins, then its
    /// rows, and published the sample that was complete. Each step may be done again.
    pub(crate) fn free(&self, dead: u64) {
        // The dead publisher, or the caller, may have stored the head without waking anybody.
        self.wake_all();
        let _ = self.writer.owner.compare_exchange(dead, 0, Ordering::AcqRel, Ordering::Relaxed);
    }
}
