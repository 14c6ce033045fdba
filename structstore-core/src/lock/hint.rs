//! Hints that spare lockers the look at the holds of all seats.
//!
//! | bits | meaning |
//! |---|---|
//! | 0 | READERS: a seat may have a shared hold on this very node |
//! | 1 | BELOW: a seat may have a hold, of any mode, strictly below it |
//! | 2..16 | seat + 1 of the locker that doubts READERS |
//! | 16..30 | seat + 1 of the locker that doubts BELOW |
//! | 32, 33 | marks of a death, which lockers ignore; see `life/recovery.rs` |
//!
//! Hints are set before a hold is granted, and stay when it goes. A locker that looked at the holds of all seats in
//! vain takes the hint back, in two steps: it doubts the hint, fences, looks, and clears the hint if its own doubt is
//! still there. A locker that relies on a hint that is set already has published its hold and fenced, and treats a
//! doubted hint as one that is not set. So either it meets the doubt, and ends it; or the doubt comes later, and the
//! doubting locker sees the hold. The seat in the doubt tells two doubting lockers apart: a hint may be set and doubted
//! again while the first one still looks.
//!
//! All changes are read-modify-writes, so that a locker that finds a hint cleared has synchronized with the seats that
//! it stood for.

use crate::sync::{AtomicU64, Ordering, fence_after_update, fence_between_loads};

/// The bits of both hints.
const HINTS: u64 = (1 << 30) - 1;

/// Whether a word can have come about, if `marks` are the bits that other code may set in it: a hint that is not given
/// is not doubted.
pub(crate) fn are_plausible(word: u64, marks: u64) -> bool {
    let plausible = |hint: Hint| hint.given(word) || word & hint.mask() == 0;
    word & !HINTS & !marks == 0 && plausible(Hint::Readers) && plausible(Hint::Below)
}

/// One of the two hints of a node.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Hint {
    /// A seat may have a shared hold on the node.
    Readers,
    /// A seat may have a hold strictly below it.
    Below,
}

impl Hint {
    #[inline(always)]
    const fn bit(self) -> u64 {
        match self {
            Hint::Readers => 1,
            Hint::Below => 1 << 1,
        }
    }

    const fn shift(self) -> u32 {
        match self {
            Hint::Readers => 2,
            Hint::Below => 16,
        }
    }

    /// The hint's bit, and the seat that doubts it.
    #[inline(always)]
    const fn mask(self) -> u64 {
        self.bit() | 0x3fff << self.shift()
    }

    /// Whether the hint is given, doubted or not.
    #[inline(always)]
    pub(super) fn given(self, hints: u64) -> bool {
        hints & self.bit() != 0
    }

    fn doubted(self, seat: u32) -> u64 {
        self.bit() | u64::from(seat.wrapping_add(1) & 0x3fff) << self.shift()
    }

    /// Makes sure that a hint is given and not doubted; returns the word's value as of then. The caller has published
    /// its hold, and fenced. The caller's next loads come after this.
    #[inline(always)]
    pub(super) fn ensure(self, word: &AtomicU64) -> u64 {
        let seen = word.load(Ordering::Acquire);
        if seen & self.mask() == self.bit() {
            fence_between_loads();
            seen
        } else {
            self.give(word, seen)
        }
    }

    #[cold]
    fn give(self, word: &AtomicU64, mut seen: u64) -> u64 {
        loop {
            let new = seen & !self.mask() | self.bit();
            match word.compare_exchange_weak(seen, new, Ordering::AcqRel, Ordering::Acquire) {
                Ok(_) => {
                    fence_after_update();
                    return new;
                }
                Err(now) => seen = now,
            }
        }
    }

    /// Doubts a hint. Returns whether it was given at all; the caller looks at all holds next.
    pub(super) fn doubt(self, word: &AtomicU64, seat: u32) -> bool {
        let mut seen = word.load(Ordering::Acquire);
        while self.given(seen) {
            let new = seen & !self.mask() | self.doubted(seat);
            match word.compare_exchange_weak(seen, new, Ordering::AcqRel, Ordering::Acquire) {
                Ok(_) => {
                    fence_after_update();
                    return true;
                }
                Err(now) => seen = now,
            }
        }
        false
    }

    /// Takes a hint back, unless it was given, or doubted by another seat, since this seat doubted it.
    pub(super) fn clear(self, word: &AtomicU64, seat: u32) {
        let mut seen = word.load(Ordering::Acquire);
        while seen & self.mask() == self.doubted(seat) {
            match word.compare_exchange_weak(seen, seen & !self.mask(), Ordering::AcqRel, Ordering::Acquire) {
                Ok(_) => return,
                Err(now) => seen = now,
            }
        }
    }
}
