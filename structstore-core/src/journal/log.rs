//! The log of a journal: entries in the seat itself, and further ones in overflow blocks, each of which leads to the one
//! before it.

use crate::arena::Arena;
use crate::arena::layout::{LogEntry, SEAT_LOG, Seat};
use crate::error::{BoxedResult as Result, Error};
use crate::sync::{AtomicU64, Ordering};

/// Entries in an overflow block; its first words hold the offset of the block before it, and which of them it is, counted
/// from 1.
const OVERFLOW: u64 = 252;
const HEADER: u64 = 16;

/// How many bytes an overflow block has.
pub(super) const OVERFLOW_BYTES: u64 = HEADER + OVERFLOW * size_of::<LogEntry>() as u64;

/// A log that is read, in whichever order.
pub(super) struct Log<'a> {
    arena: &'a Arena,
    seat: &'a Seat,
    /// The overflow blocks, oldest first.
    overflow: Vec<u64>,
}

impl<'a> Log<'a> {
    pub(super) fn of(arena: &'a Arena, seat: &'a Seat) -> Result<Log<'a>> {
        let mut overflow = Vec::new();
        let Some(newest) = newest(arena, seat)? else { return Ok(Log { arena, seat, overflow }) };
        if newest > arena.size()? / OVERFLOW_BYTES {
            return Err(Error::corrupt("a journal", newest, "as many blocks as there is room for"));
        }
        let mut block = seat.log_block.load(Ordering::Relaxed);
        for ordinal in (1..=newest).rev() {
            let [before, found] = head(arena, block)?;
            if found != ordinal {
                return Err(Error::corrupt("a journal", found, "the ordinal before"));
            }
            overflow.push(block);
            block = before;
        }
        overflow.reverse();
        Ok(Log { arena, seat, overflow })
    }

    /// Place and value of an entry.
    pub(super) fn entry(&self, at: u64) -> Result<(u64, u64)> {
        let entry = match self.seat.log.get(at as usize) {
            Some(entry) => entry,
            None => {
                let (ordinal, within) = ordinal(at);
                let block = self.overflow.get(ordinal as usize - 1);
                let block = block.ok_or_else(|| Error::corrupt("a journal", at, "an entry that it has"))?;
                entry_in(self.arena, *block, within)?
            }
        };
        Ok((entry.place.load(Ordering::Relaxed), entry.value.load(Ordering::Relaxed)))
    }
}

/// An entry of an overflow block.
pub(super) fn entry_in(arena: &Arena, block: u64, within: u64) -> Result<&LogEntry> {
    // Checked there, as is a sum that has wrapped.
    arena.at(block.wrapping_add(HEADER + within * size_of::<LogEntry>() as u64))
}

/// Which overflow block has an entry, and where it is in there. The entry is none of the seat's own.
pub(super) fn ordinal(at: u64) -> (u64, u64) {
    let overflow = at.saturating_sub(SEAT_LOG as u64);
    (overflow / OVERFLOW + 1, overflow % OVERFLOW)
}

/// Which one the newest overflow block is, if there is any.
pub(super) fn newest(arena: &Arena, seat: &Seat) -> Result<Option<u64>> {
    match seat.log_block.load(Ordering::Relaxed) {
        0 => Ok(None),
        block => Ok(Some(head(arena, block)?[1])),
    }
}

/// The block before an overflow block, and which one it is itself.
fn head(arena: &Arena, block: u64) -> Result<[u64; 2]> {
    let word =
        |at: u64| arena.at::<AtomicU64>(block.wrapping_add(at)).map(|word| word.load(Ordering::Relaxed));
    Ok([word(0)?, word(8)?])
}
