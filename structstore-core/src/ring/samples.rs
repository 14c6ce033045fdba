//! Small samples: copied into slots in the order of their numbers, and copied out and checked.

use std::mem::MaybeUninit;

use super::{Head, Nothing, OwnedBy, TRIES, done, writing};
use crate::sync::{AtomicU64, Ordering, fence};

/// Words of a row before its sample: the time.
pub(crate) const PREFIX: usize = 1;

/// A ring of small samples, as its geometry was checked once.
///
/// Sample `s` lies in slot `s & (count - 1)`. Stamps lie apart from the rows, which are contiguous so that a history is copied at once.
#[derive(Clone, Copy)]
pub(crate) struct Samples<'a> {
    pub(crate) head: &'a Head,
    /// A power of two of them, more than one.
    stamps: &'a [AtomicU64],
    rows: &'a [AtomicU64],
    /// Words of a row.
    stride: usize,
}

/// Which sample was read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Read {
    pub(crate) seq: u64,
    pub(crate) time: u64,
    /// How many samples between the one before and this one were lost.
    pub(crate) missed: u64,
}

/// Samples without gaps, from `first` up to the head. Of those that were asked for, `asked..first` were lost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Run {
    pub(crate) asked: u64,
    pub(crate) first: u64,
    /// How many words were copied.
    pub(crate) copied: usize,
    /// How many of these are before the first sample.
    pub(crate) lost: usize,
}

/// Where a follower is.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Cursor {
    pub(crate) next: u64,
    /// A head that was seen: below it, nobody needs to look at the publisher's line.
    seen: u64,
}

impl Cursor {
    pub(crate) fn at(next: u64) -> Cursor {
        Cursor { next, seen: next }
    }
}

impl<'a> Samples<'a> {
    /// Slots for `count` samples of `words` words each; `None` unless the memory has that size.
    pub(crate) fn new(
        head: &'a Head,
        memory: &'a [AtomicU64],
        count: u64,
        words: usize,
    ) -> Option<Samples<'a>> {
        let stride = words.checked_add(PREFIX)?;
        let slots = usize::try_from(count).ok().filter(|count| count.is_power_of_two() && *count > 1)?;
        let (stamps, rows) = memory.split_at_checked(slots)?;
        (rows.len() == slots.checked_mul(stride)?).then_some(Samples { head, stamps, rows, stride })
    }

    /// Whether another one lies in the same memory, and is divided likewise.
    pub(crate) fn is_same(&self, other: &Samples<'_>) -> bool {
        let of = |samples: &Samples<'_>| (samples.stamps.len(), samples.rows.len(), samples.stride);
        std::ptr::eq(self.head, other.head) && of(self) == of(other)
    }

    /// How many samples stay readable while the publisher writes the next one.
    pub(crate) fn depth(&self) -> u64 {
        (self.stamps.len() as u64).saturating_sub(1)
    }

    #[inline(always)]
    fn index(&self, seq: u64) -> usize {
        (seq & self.depth()) as usize
    }

    /// The stamp and the row of the slot of a sample. There is one for every number.
    #[inline(always)]
    fn slot(&self, seq: u64) -> Option<(&'a AtomicU64, &'a [AtomicU64])> {
        let index = self.index(seq);
        let start = index.wrapping_mul(self.stride);
        Some((self.stamps.get(index)?, self.rows.get(start..start.wrapping_add(self.stride))?))
    }

    #[inline(always)]
    fn is_there(&self, seq: u64) -> bool {
        self.slot(seq).is_some_and(|(stamp, _)| stamp.load(Ordering::Relaxed) == done(seq))
    }

    /// Copies a published sample if it is still there. Returns its time.
    ///
    /// The first look at the stamp only spares copies in vain: the number is below a head that was acquired, and stamps do not come back.
    #[inline(always)]
    pub(crate) fn read(&self, seq: u64, out: &mut [u64]) -> Result<u64, Nothing> {
        let (stamp, row) = self.slot(seq).ok_or(Nothing::Corrupt)?;
        if stamp.load(Ordering::Acquire) != done(seq) {
            return Err(Nothing::Lost);
        }
        let (time, words) = row.split_first().ok_or(Nothing::Corrupt)?;
        let time = time.load(Ordering::Relaxed);
        for (out, word) in out.iter_mut().zip(words) {
            *out = word.load(Ordering::Relaxed);
        }
        fence(Ordering::Acquire);
        if stamp.load(Ordering::Relaxed) == done(seq) { Ok(time) } else { Err(Nothing::Lost) }
    }

    /// Copies the newest sample.
    #[inline(always)]
    pub(crate) fn latest(&self, out: &mut [u64]) -> Result<Read, Nothing> {
        let mut head = self.head.published();
        for _ in 0..TRIES {
            let seq = head.checked_sub(1).ok_or(Nothing::Empty)?;
            match self.read(seq, out) {
                Ok(time) => return Ok(Read { seq, time, missed: 0 }),
                Err(Nothing::Lost) => head = self.head.moved_on(head)?,
                Err(other) => return Err(other),
            }
        }
        Err(Nothing::Busy)
    }

    /// Copies the next sample at or after a cursor that is still there.
    #[inline(always)]
    pub(crate) fn try_next(&self, cursor: &mut Cursor, out: &mut [u64]) -> Result<Read, Nothing> {
        let mut seq = cursor.next;
        for _ in 0..TRIES {
            if seq >= cursor.seen {
                cursor.seen = self.head.published();
                if seq >= cursor.seen {
                    return Err(if seq > cursor.seen { Nothing::Corrupt } else { Nothing::Empty });
                }
            }
            match self.read(seq, out) {
                Ok(time) => {
                    let missed = seq.wrapping_sub(cursor.next);
                    cursor.next = seq.wrapping_add(1);
                    return Ok(Read { seq, time, missed });
                }
                Err(Nothing::Lost) => {}
                Err(other) => return Err(other),
            }
            // Lapped: goes on with the oldest one that the next sample leaves.
            fence(Ordering::Acquire);
            cursor.seen = self.head.published();
            let oldest = cursor.seen.saturating_sub(self.depth());
            if oldest <= seq {
                return Err(Nothing::Corrupt);
            }
            seq = oldest;
        }
        Err(Nothing::Busy)
    }

    /// How many words a history of the last samples below a head copies at the most.
    pub(crate) fn words_of(&self, wanted: u64) -> usize {
        (wanted.min(self.depth()) as usize).saturating_mul(self.stride)
    }

    /// Copies the samples from `asked` up to a head that was seen, as far as they are kept and `out` has room for them: at once, and checks
    /// afterwards which of them were whole.
    ///
    /// The publisher writes over the oldest first, so that the lost ones are the first ones; mostly one look says that there are none.
    pub(crate) fn history(&self, asked: u64, head: u64, out: &mut [MaybeUninit<u64>]) -> Run {
        let room = out.len().checked_div(self.stride).unwrap_or(0) as u64;
        let asked = asked.min(head);
        let count = head.wrapping_sub(asked).min(self.depth()).min(room);
        let start = head.wrapping_sub(count);
        let slots = self.stamps.len();
        let at = self.index(start);
        let length = (count as usize).wrapping_mul(self.stride);
        let to_end = slots.wrapping_sub(at).wrapping_mul(self.stride).min(length);
        let mut copied = 0_usize;
        if let Some((one, two)) = out.get_mut(..length).and_then(|out| out.split_at_mut_checked(to_end)) {
            copied = copy(one, self.rows.get(at.wrapping_mul(self.stride)..).unwrap_or_default());
            copied = copied.saturating_add(copy(two, self.rows));
        }
        fence(Ordering::Acquire);
        let mut first = start;
        if first < head && !self.is_there(first) {
            // Stamps never go back, so that halving is right whatever the publisher does meanwhile.
            let (mut gone, mut there) = (first, head);
            while there.wrapping_sub(gone) > 1 {
                let middle = gone.wrapping_add(there.wrapping_sub(gone) / 2);
                if self.is_there(middle) { there = middle } else { gone = middle }
            }
            first = there;
        }
        let lost = (first.wrapping_sub(start) as usize).wrapping_mul(self.stride);
        Run { asked, first, copied, lost }
    }

    /// Publishes a sample under the number `seq`, which [`Head::claim`] and the samples since then say.
    #[inline(always)]
    pub(crate) fn publish(
        &self,
        me: u64,
        seq: u64,
        time: u64,
        sample: impl Iterator<Item = u64>,
    ) -> Result<(), OwnedBy> {
        self.head.ensure_owner(me)?;
        if let Some((stamp, row)) = self.slot(seq) {
            stamp.store(writing(seq), Ordering::Relaxed);
            fence(Ordering::Release);
            for (word, value) in row.iter().zip(std::iter::once(time).chain(sample)) {
                word.store(value, Ordering::Relaxed);
            }
            stamp.store(done(seq), Ordering::Release);
            self.head.advance(seq.wrapping_add(1));
        }
        Ok(())
    }

    /// See [`Ring::damage`](super::Ring::damage).
    pub(crate) fn damage(&self) -> Option<&'static str> {
        let count = self.stamps.len() as u64;
        let is_strange = |index: u64, stamp: &AtomicU64| {
            let before = self.head.published();
            let stamp = stamp.load(Ordering::Acquire);
            let after = self.head.published();
            // The newest one that this slot must have had.
            let newest = before.checked_sub(index.wrapping_add(1)).and_then(|since| since.checked_div(count));
            let newest = newest.map(|rounds| rounds.wrapping_mul(count).wrapping_add(index));
            let Some(held) = stamp.checked_sub(1).map(|stamp| stamp / 2) else { return newest.is_some() };
            let from = if stamp & 1 == 0 { newest.unwrap_or(before) } else { before };
            held.checked_rem(count) != Some(index) || !(from..=after).contains(&held)
        };
        let mut stamps = (0..).zip(self.stamps);
        let found = stamps.any(|(index, stamp)| (0..super::LOOKS).all(|_| is_strange(index, stamp)));
        found.then_some("a sample with the number of another one")
    }

    /// Finishes what a dead participant left, and frees its head.
    ///
    /// A sample that was complete is published, because its stamp must not be stored again over other data (I1). Half a sample has an odd
    /// stamp; the next owner writes over it under the same number.
    pub(crate) fn bury(&self, dead: u64) {
        if self.head.ensure_owner(dead).is_err() {
            return;
        }
        let next = self.head.published();
        if self.slot(next).is_some_and(|(stamp, _)| stamp.load(Ordering::Acquire) == done(next)) {
            self.head.writer.head.store(next.wrapping_add(1), Ordering::Release);
        }
        self.head.free(dead);
    }
}

/// Copies words that may change meanwhile; the caller discards them then. On x86-64 by an instruction that the compiler knows nothing of.
/// Returns how many there were.
#[inline(always)]
fn copy(out: &mut [MaybeUninit<u64>], from: &[AtomicU64]) -> usize {
    let count = out.len().min(from.len());
    #[cfg(all(target_arch = "x86_64", not(loom)))]
    {
        let bytes = count.wrapping_mul(8);
        // SAFETY: both have as many bytes; the target is this function's alone. The fence keeps later loads behind those of the string
        // instruction, for which the manuals promise less than for others.
        unsafe {
            std::arch::asm!(
                "rep movsb", "lfence",
                inout("rcx") bytes => _, inout("rdi") out.as_mut_ptr() => _, inout("rsi") from.as_ptr() => _,
                options(nostack, preserves_flags)
            );
        }
    }
    #[cfg(any(not(target_arch = "x86_64"), loom))]
    for (out, word) in out.iter_mut().zip(from) {
        out.write(word.load(Ordering::Relaxed));
    }
    count
}
