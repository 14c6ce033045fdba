//! Large samples: written in place, and read in place under pins.
//!
//! Each process that reads has a *row*, and so a bit. It pins a slot by its bit in the slot's words of pins: one line that the publisher looks
//! at, however many processes read, and which a repairer can clear for a dead process.

use std::collections::VecDeque;

use super::{Head, Nothing, OwnedBy, TRIES, done};
use crate::sync::{AtomicU64, Ordering, fence, fence_after_update};

/// Words of pins of a slot.
pub(crate) const PIN_WORDS: usize = if cfg!(loom) { 1 } else { 4 };
/// How many processes can read a stream of frames in place at a time.
pub(crate) const ROWS: usize = if cfg!(loom) { 2 } else { 64 * PIN_WORDS };
/// The stamp of a slot that holds no sample any more.
const BUSY: u64 = 1;

/// What the publisher writes of a slot.
#[repr(C, align(64))]
pub(crate) struct FrameSlot {
    pub(crate) stamp: AtomicU64,
    pub(crate) time: AtomicU64,
}

/// What readers write of a slot.
#[repr(C, align(64))]
pub(crate) struct Pins {
    pub(crate) words: [AtomicU64; PIN_WORDS],
}

/// A ring of frames, as its geometry was checked once. All but the rows have the same length.
#[derive(Clone, Copy)]
pub(crate) struct Frames<'a> {
    pub(crate) head: &'a Head,
    pub(crate) slots: &'a [FrameSlot],
    pub(crate) pins: &'a [Pins],
    /// Which slot has sample `s`: `index[s % length]`.
    pub(crate) index: &'a [AtomicU64],
    /// Participant + 1 of the process that has the bit; 0 for none.
    pub(crate) rows: &'a [AtomicU64],
}

/// Why there is no slot to fill.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Refused {
    OwnedBy(OwnedBy),
    /// Readers have pinned all slots but the newest.
    AllPinned,
}

/// All slots but loaned ones, the oldest first, with their stamps: the owner's own notes, since nobody else changes stamps.
#[derive(Debug, Default)]
pub(crate) struct Order(VecDeque<(usize, u64)>);

impl Frames<'_> {
    fn is_pinned(&self, slot: usize, order: Ordering) -> bool {
        // All words are loaded, so that each of them is acquired.
        let Some(pins) = self.pins.get(slot) else { return true };
        pins.words.iter().fold(0, |all, word| all | word.load(order)) != 0
    }

    /// Where the index says that a sample is.
    fn place(&self, seq: u64) -> Option<&AtomicU64> {
        self.index.get(seq.checked_rem(self.index.len() as u64)? as usize)
    }

    fn find(&self, seq: u64) -> Result<(usize, &FrameSlot), Nothing> {
        let slot = self.place(seq).ok_or(Nothing::Corrupt)?.load(Ordering::Acquire) as usize;
        let found = self.slots.get(slot).ok_or(Nothing::Corrupt)?;
        if found.stamp.load(Ordering::Acquire) == done(seq) { Ok((slot, found)) } else { Err(Nothing::Lost) }
    }

    /// The owner's notes, when it has just claimed the head, without the slots that it has loaned. What a dead owner marked, and what is not
    /// below the head, counts as empty.
    pub(crate) fn order(&self, next: u64, loaned: &[usize]) -> Order {
        let stamp = |slot: &FrameSlot| match slot.stamp.load(Ordering::Relaxed) {
            stamp if stamp & 1 == 0 && stamp < done(next) => stamp,
            _ => BUSY,
        };
        let slots = self.slots.iter().map(stamp).enumerate();
        let mut order: Vec<_> = slots.filter(|(slot, _)| !loaned.contains(slot)).collect();
        order.sort_by_key(|(_, stamp)| *stamp);
        Order(order.into())
    }

    /// A slot that nobody reads, to be filled in place. Looks at each slot once.
    pub(crate) fn loan(&self, me: u64, next: u64, order: &mut Order) -> Result<usize, Refused> {
        self.head.ensure_owner(me).map_err(Refused::OwnedBy)?;
        // The newest sample is left alone (I4).
        let newest = next.checked_sub(1).map(done);
        let free = |(slot, stamp): &(usize, u64)| Some(*stamp) != newest && self.take(*slot, *stamp);
        match order.0.iter().position(free) {
            Some(at) => order.0.remove(at).map(|(slot, _)| slot).ok_or(Refused::AllPinned),
            None => Err(Refused::AllPinned),
        }
    }

    /// Makes a slot the owner's, unless it is pinned.
    fn take(&self, slot: usize, was: u64) -> bool {
        let Some(FrameSlot { stamp, .. }) = self.slots.get(slot) else { return false };
        // What stays pinned is never marked, so that others find it.
        if self.is_pinned(slot, Ordering::Relaxed) {
            return false;
        }
        stamp.store(BUSY, Ordering::Relaxed);
        fence(Ordering::SeqCst);
        // Acquire: what was read under a pin was read before it went. All changes of pins are updates, so that the last one carries the
        // others along.
        if self.is_pinned(slot, Ordering::Acquire) {
            // Nothing was changed (I1).
            stamp.store(was, Ordering::Release);
            return false;
        }
        true
    }

    /// Publishes the contents of a loaned slot.
    pub(crate) fn publish(&self, slot: usize, seq: u64, time: u64, order: &mut Order) {
        if let (Some(filled), Some(place)) = (self.slots.get(slot), self.place(seq)) {
            filled.time.store(time, Ordering::Relaxed);
            filled.stamp.store(done(seq), Ordering::Release);
            place.store(slot as u64, Ordering::Release);
            order.0.push_back((slot, done(seq)));
            self.head.advance(seq.wrapping_add(1));
        }
    }

    /// Takes a loaned slot back that is not published.
    pub(crate) fn take_back(slot: usize, order: &mut Order) {
        order.0.push_front((slot, BUSY));
    }

    /// Release: what was read under a pin comes before its end.
    fn clear(&self, row: usize, slot: usize) {
        if let Some(word) = self.word(row, slot) {
            word.fetch_and(!bit(row), Ordering::AcqRel);
        }
    }

    fn word(&self, row: usize, slot: usize) -> Option<&AtomicU64> {
        self.pins.get(slot)?.words.get(row / 64)
    }

    /// Pins a published sample that is still there. `row` runs something on the row of this process, under its lock. Returns the slot and
    /// the time.
    pub(crate) fn pin(
        &self,
        seq: u64,
        row: impl Fn(&mut dyn FnMut(&mut Row)),
    ) -> Result<(usize, u64), Nothing> {
        let (slot, found) = self.find(seq)?;
        let mut pinned = false;
        row(&mut |row| pinned = row.pin(self, slot));
        if !pinned {
            return Err(Nothing::Corrupt);
        }
        fence_after_update();
        if found.stamp.load(Ordering::Acquire) == done(seq) {
            return Ok((slot, found.time.load(Ordering::Relaxed)));
        }
        row(&mut |row| row.unpin(self, slot));
        Err(Nothing::Lost)
    }

    /// Reads a published sample by `copy`, which bears with what changes meanwhile, without a pin. Returns also its time.
    pub(crate) fn copy<T>(&self, seq: u64, copy: impl FnOnce(usize) -> T) -> Result<(T, u64), Nothing> {
        let (slot, found) = self.find(seq)?;
        let time = found.time.load(Ordering::Relaxed);
        let copied = copy(slot);
        fence(Ordering::Acquire);
        if found.stamp.load(Ordering::Relaxed) == done(seq) { Ok((copied, time)) } else { Err(Nothing::Lost) }
    }

    /// Reads the newest sample by `read`, which is one of the above.
    pub(crate) fn latest<T>(&self, mut read: impl FnMut(u64) -> Result<T, Nothing>) -> Result<T, Nothing> {
        let mut head = self.head.published();
        for _ in 0..TRIES {
            match read(head.checked_sub(1).ok_or(Nothing::Empty)?) {
                Err(Nothing::Lost) => head = self.head.moved_on(head)?,
                other => return other,
            }
        }
        Err(Nothing::Busy)
    }

    /// Reads the next sample at or after `next` that is still there, and says how many before it were lost.
    pub(crate) fn try_next<T>(
        &self,
        next: &mut u64,
        mut read: impl FnMut(u64) -> Result<T, Nothing>,
    ) -> Result<(T, u64), Nothing> {
        let mut head = self.head.published();
        let from = *next;
        if from >= head {
            return Err(if from > head { Nothing::Corrupt } else { Nothing::Empty });
        }
        let slots = self.index.len();
        for _ in 0..TRIES.checked_div(slots).unwrap_or(0).max(2) {
            // What is further back has no entry in the index any more.
            for seq in from.max(head.saturating_sub(slots as u64))..head {
                match read(seq) {
                    Ok(sample) => {
                        *next = seq.wrapping_add(1);
                        return Ok((sample, seq.wrapping_sub(from)));
                    }
                    Err(Nothing::Lost) => {}
                    Err(other) => return Err(other),
                }
            }
            head = self.head.moved_on(head)?;
        }
        Err(Nothing::Busy)
    }

    /// See [`Ring::damage`](super::Ring::damage).
    pub(crate) fn damage(&self, lives: &dyn Fn(u64) -> bool) -> Option<&'static str> {
        let always = |strange: &dyn Fn() -> bool| (0..super::LOOKS).all(|_| strange());
        let is_new = |slot: &FrameSlot| {
            let stamp = slot.stamp.load(Ordering::Acquire);
            stamp & 1 == 0 && stamp > done(self.head.published()) || stamp & 1 != 0 && stamp != BUSY
        };
        if self.slots.iter().any(|slot| always(&|| is_new(slot))) {
            return Some("a frame with a number that was not published");
        }
        let is_outside = |place: &AtomicU64| place.load(Ordering::Acquire) >= self.slots.len() as u64;
        let newest_is_gone = || {
            let head = self.head.published();
            let gone = head.checked_sub(1).is_some_and(|seq| self.find(seq).is_err());
            gone && self.head.published() == head
        };
        if self.index.iter().any(is_outside) || always(&newest_is_gone) {
            return Some("no newest frame");
        }
        for (row, owner) in self.rows.iter().enumerate() {
            let is_strange = || matches!(owner.load(Ordering::Acquire), owner if owner != 0 && !lives(owner));
            if always(&is_strange) {
                return Some("a reader that is not attached");
            }
            let is_pinned =
                |slot| self.word(row, slot).is_some_and(|word| word.load(Ordering::Acquire) & bit(row) != 0);
            let is_free = || owner.load(Ordering::Acquire) == 0;
            if (0..self.pins.len()).any(|slot| always(&|| is_free() && is_pinned(slot) && is_free())) {
                return Some("a pinned frame without a reader");
            }
        }
        None
    }

    /// Clears what a dead participant has, finishes what it left, and frees its head.
    pub(crate) fn bury(&self, dead: u64) {
        for (row, owner) in self.rows.iter().enumerate() {
            if owner.load(Ordering::Acquire) != dead {
                continue;
            }
            for slot in 0..self.pins.len() {
                if self.word(row, slot).is_some_and(|word| word.load(Ordering::Relaxed) & bit(row) != 0) {
                    self.clear(row, slot);
                }
            }
            // Last: the next process that has the row must not lose its bits (I5).
            let _ = owner.compare_exchange(dead, 0, Ordering::AcqRel, Ordering::Relaxed);
        }
        if self.head.ensure_owner(dead).is_err() {
            return;
        }
        // As for small samples.
        let next = self.head.published();
        let complete = |slot: &FrameSlot| slot.stamp.load(Ordering::Acquire) == done(next);
        if let (Some(slot), Some(place)) = (self.slots.iter().position(complete), self.place(next)) {
            place.store(slot as u64, Ordering::Release);
            self.head.writer.head.store(next.wrapping_add(1), Ordering::Release);
        }
        self.head.free(dead);
    }
}

/// The row of this process, and how often its threads have pinned which slot. For one thread at a time.
#[derive(Debug)]
pub(crate) struct Row {
    row: usize,
    counts: Vec<u32>,
}

impl Row {
    /// Takes a row for a participant; `None` if all are taken.
    pub(crate) fn take(frames: &Frames<'_>, me: u64) -> Option<Row> {
        let free = |row: &AtomicU64| row.compare_exchange(0, me, Ordering::AcqRel, Ordering::Relaxed).is_ok();
        let row = frames.rows.iter().position(free)?;
        Some(Row { row, counts: vec![0; frames.slots.len()] })
    }

    /// Gives the row back. Nothing is pinned any more.
    pub(crate) fn leave(self, frames: &Frames<'_>) {
        if let Some(row) = frames.rows.get(self.row) {
            row.store(0, Ordering::Release);
        }
    }

    /// A row of a child with the same pins, taken by its parent before it forks.
    pub(crate) fn inherit(&self, frames: &Frames<'_>, child: u64) -> Option<Row> {
        let mut row = Row::take(frames, child)?;
        for (slot, count) in self.counts.iter().enumerate().filter(|(_, count)| **count > 0) {
            let _ = row.pin(frames, slot);
            row.counts.get_mut(slot).into_iter().for_each(|own| *own = *count);
        }
        Some(row)
    }

    /// Pins a slot. `false` if there is none, in a ring that is not the one that the row was taken in.
    fn pin(&mut self, frames: &Frames<'_>, slot: usize) -> bool {
        let (Some(count), Some(word)) = (self.counts.get_mut(slot), frames.word(self.row, slot)) else {
            return false;
        };
        *count = count.saturating_add(1);
        word.fetch_or(bit(self.row), Ordering::AcqRel);
        true
    }

    /// Whether this process has pinned anything.
    pub(crate) fn has_pins(&self) -> bool {
        self.counts.iter().any(|count| *count > 0)
    }

    /// Ends a pin of one thread; the last one clears the bit.
    pub(crate) fn unpin(&mut self, frames: &Frames<'_>, slot: usize) {
        if let Some(count) = self.counts.get_mut(slot) {
            *count = count.saturating_sub(1);
            if *count == 0 {
                frames.clear(self.row, slot);
            }
        }
    }
}

fn bit(row: usize) -> u64 {
    1 << (row % 64)
}
