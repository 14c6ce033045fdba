//! Blocks of the heap: headers, kinds, and how sizes fall into classes.
//!
//! A block is a multiple of 64 bytes and begins with a header of two words, placed so that the payload behind it
//! is aligned to 64 bytes.
//!
//! | word | allocated | free |
//! |---|---|---|
//! | 0 | size in units (bits 16..), kind (8..16), PREVIOUS_FREE, ORPHAN | the same, FREE |
//! | 1 | next block in the pending chain | next block in its free list |
//! | payload, first | | previous block in its free list |
//! | payload, last | | size in units, for the block behind |

use super::layout::{FIRST_LEVELS, SECOND_LEVELS};

pub(crate) const UNIT: u64 = 64;
pub(crate) const HEADER: u64 = 16;

pub(crate) const FREE: u64 = 1;
pub(crate) const PREVIOUS_FREE: u64 = 2;
/// What held this block was removed while views, handles or references lead into it; the last lease frees it.
pub(crate) const ORPHAN: u64 = 4;
const KIND_SHIFT: u32 = 8;
const SIZE_SHIFT: u32 = 16;
/// The largest block; far more than any reservation.
const MAX_UNITS: u64 = 1 << 35;

/// What a block is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum BlockKind {
    /// Behind the last block.
    End = 1,
    /// A chunk of a table.
    Table,
    /// Fields of a struct.
    Fields,
    /// The index of a struct.
    Index,
    /// A field name that does not fit the field.
    Name,
    /// Slots of a list.
    Slots,
    Str,
    Bytes,
    Array,
    /// More room for a journal.
    Log,
    /// Lease entries of a participant.
    Leases,
    /// The metadata record of a field.
    Meta,
    /// The ring of a stream.
    Stream,
}

impl BlockKind {
    pub(crate) fn of(header: u64) -> Option<BlockKind> {
        Some(match (header >> KIND_SHIFT) as u8 {
            1 => BlockKind::End,
            2 => BlockKind::Table,
            3 => BlockKind::Fields,
            4 => BlockKind::Index,
            5 => BlockKind::Name,
            6 => BlockKind::Slots,
            7 => BlockKind::Str,
            8 => BlockKind::Bytes,
            9 => BlockKind::Array,
            10 => BlockKind::Log,
            11 => BlockKind::Leases,
            12 => BlockKind::Meta,
            13 => BlockKind::Stream,
            _ => return None,
        })
    }

    /// Whether participants can lease it: then it [counts its leases](super::lease::lease_count), and becomes an orphan.
    pub(crate) fn leasable(self) -> bool {
        matches!(self, BlockKind::Array | BlockKind::Stream | BlockKind::Fields)
    }

    /// Tables and lease entries stay when what made them necessary goes, so statistics leave them out.
    pub(crate) fn counted(self) -> bool {
        !matches!(self, BlockKind::Table | BlockKind::End | BlockKind::Leases)
    }
}

pub(crate) fn header(units: u64, kind: Option<BlockKind>, flags: u64) -> u64 {
    units << SIZE_SHIFT | kind.map_or(0, |kind| kind as u64) << KIND_SHIFT | flags
}

pub(crate) fn units(header: u64) -> u64 {
    header >> SIZE_SHIFT
}

/// How many units a payload of this many bytes takes; `None` if no segment could hold it.
pub(crate) fn units_for(bytes: u64) -> Option<u64> {
    let units = bytes.checked_add(HEADER + UNIT - 1)? / UNIT;
    (units <= MAX_UNITS).then_some(units)
}

/// The size of this many units in bytes. Headers have 48 bits for the size, so that a size read from one does not wrap.
pub(crate) fn bytes(units: u64) -> u64 {
    units.wrapping_mul(UNIT)
}

/// Where the block behind one begins. For a size that is not within the heap, this may wrap.
pub(crate) fn behind(at: u64, units: u64) -> u64 {
    at.wrapping_add(bytes(units))
}

/// How many low bits of a size its class leaves out; `None` if each size has a list of its own.
fn left_out(units: u64) -> Option<u32> {
    (units >> SECOND_LEVELS.ilog2()).checked_ilog2()
}

/// The list in which a free block of this size is kept.
pub(crate) fn class(units: u64) -> (usize, usize) {
    match left_out(units) {
        None => (0, units as usize),
        Some(low) => {
            let first = (low as usize).saturating_add(1);
            (first.min(FIRST_LEVELS - 1), (units >> low) as usize & (SECOND_LEVELS - 1))
        }
    }
}

/// A size rounded up so that all blocks in the list of its class are large enough.
pub(crate) fn rounded(units: u64) -> u64 {
    left_out(units).map_or(units, |low| units.saturating_add(!(!0 << low)))
}

/// The first list all of whose blocks are large enough.
pub(crate) fn class_for(units: u64) -> (usize, usize) {
    class(rounded(units))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_block_of_the_class_for_a_size_is_large_enough() {
        for wanted in (1..5000).chain([1 << 20, (1 << 20) + 1, (1 << 30) - 1]) {
            let list = class_for(wanted);
            for smaller in wanted.saturating_sub(300).max(1)..wanted {
                assert_ne!(class(smaller), list, "{smaller} is too small for {wanted}");
            }
            assert!(list <= class(wanted * 2));
        }
    }
}
