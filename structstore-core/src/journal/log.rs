//! The log of a journal: entries in the seat itself, and further ones in overflow blocks, each of which leads to the one
//! before it.

use crate::arena::Arena;
use crate::arena::layout::{LogEntry, LogHead, SEAT_LOG, Seat};
use crate::error::{Error, Result};
use crate::node::Body;
use crate::sync::Ordering;

/// Entries in an overflow block.
const OVERFLOW: u64 = 252;

/// How many bytes an overflow block has.
pub(super) const OVERFLOW_SIZE: u64 = size_of::<LogHead>() as u64 + OVERFLOW * size_of::<LogEntry>() as u64;

/// A log that is read, in any order.
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
        if newest > arena.size()? / OVERFLOW_SIZE {
            return Err(Error::corrupt(
                "a journal",
                format_args!("{newest} blocks"),
                "as many as the segment has room for",
            ));
        }
        let mut block = seat.log_block.load(Ordering::Relaxed);
        for ordinal in (1..=newest).rev() {
            let head = arena.at::<LogHead>(block)?;
            let found = head.ordinal.load(Ordering::Relaxed);
            if found != ordinal {
                return Err(Error::corrupt("a journal", format_args!("block {found}"), "the block before"));
            }
            overflow.push(block);
            block = head.before.load(Ordering::Relaxed);
        }
        overflow.reverse();
        Ok(Log { arena, seat, overflow })
    }

    /// Place and value of an entry.
    pub(super) fn entry(&self, at: u64) -> Result<(u64, u64)> {
        let entry = self.find(at)?;
        Ok((entry.place.load(Ordering::Relaxed), entry.value.load(Ordering::Relaxed)))
    }

    /// The words of a node's body that entries from `at` on have kept.
    pub(super) fn body(&self, at: u64) -> Result<Body<'a>> {
        let first = &self.find(at)?.value;
        let mut body = [first; _];
        for (word, at) in body.iter_mut().zip(at..).skip(1) {
            *word = &self.find(at)?.value;
        }
        Ok(body)
    }

    fn find(&self, at: u64) -> Result<&'a LogEntry> {
        if let Some(entry) = self.seat.log.get(at as usize) {
            return Ok(entry);
        }
        let (ordinal, within) = ordinal(at);
        let block = self.overflow.get((ordinal as usize).wrapping_sub(1));
        let block = block
            .ok_or_else(|| Error::corrupt("a journal", format_args!("entry {at}"), "an existing entry"))?;
        entry_in(self.arena, *block, within)
    }
}

/// An entry of an overflow block.
pub(super) fn entry_in(arena: &Arena, block: u64, within: u64) -> Result<&LogEntry> {
    arena.nth(block.saturating_add(size_of::<LogHead>() as u64), within)
}

/// Which overflow block has an entry that the seat has no room for, counted from 1, and its place in that block.
pub(super) fn ordinal(at: u64) -> (u64, u64) {
    let overflow = at.saturating_sub(SEAT_LOG as u64);
    ((overflow / OVERFLOW).saturating_add(1), overflow % OVERFLOW)
}

/// The ordinal of the newest overflow block, if there is any.
pub(super) fn newest(arena: &Arena, seat: &Seat) -> Result<Option<u64>> {
    match seat.log_block.load(Ordering::Relaxed) {
        0 => Ok(None),
        block => Ok(Some(arena.at::<LogHead>(block)?.ordinal.load(Ordering::Relaxed))),
    }
}
