//! The memory format: what lies where in a segment.
//!
//! Everything is made of 64-bit little-endian words. Offsets count from the start of the segment; 0 is no place.
//! A change of anything here must change [`FORMAT_VERSION`]; [`fingerprint`] catches a change that does not.

use std::mem::{offset_of, size_of};

use crate::lock::{NodeHead, SeatLine};
use crate::ring::Head;
use crate::ring::frames::{FrameSlot, Pins};
use crate::segment::Shared;
use crate::sync::{AtomicU64, Ordering};

/// "STRUCTST" as bytes in memory.
pub(crate) const MAGIC: u64 = u64::from_le_bytes(*b"STRUCTST");
pub(crate) const FORMAT_VERSION: u64 = 10;
/// The value of `ready` when the arena may be used.
pub(crate) const READY: u64 = 1;

/// How many chunks a table can have; each but the first two doubles the table.
pub(crate) const CHUNKS: usize = 28;
/// Size classes of the heap: first levels, and lists in each.
pub(crate) const FIRST_LEVELS: usize = 32;
pub(crate) const SECOND_LEVELS: usize = 16;
/// How many words one heap section may change.
pub(crate) const HEAP_UNDO: usize = 64;
/// How many entries a seat's journal holds without another block.
pub(crate) const SEAT_LOG: usize = 40;
/// Words of the bitmap of claimed seats.
pub(crate) const CLAIMED: usize = 256;

/// The start of a segment.
#[repr(C, align(64))]
pub(crate) struct Header {
    pub(crate) magic: AtomicU64,
    pub(crate) version: AtomicU64,
    pub(crate) fingerprint: AtomicU64,
    pub(crate) ready: AtomicU64,
    /// How far the segment is backed by memory; it only grows.
    pub(crate) committed: AtomicU64,
    /// How far it may ever grow.
    pub(crate) max_size: AtomicU64,
    /// The root node, as a slot payload. Changes when the store is re-initialised.
    pub(crate) root: AtomicU64,
    /// How many watchers there are: a writer looks no further while there are none.
    pub(crate) watching: AtomicU64,
    /// Bytes in blocks other than tables, plus nodes in use. Statistics are changed in heap sections only.
    pub(crate) allocated: AtomicU64,
    /// Blocks in use other than tables.
    pub(crate) blocks: AtomicU64,
    /// Nodes in use.
    pub(crate) nodes: AtomicU64,
    /// How often the remains of a dead participant were repaired.
    pub(crate) recoveries: AtomicU64,
    /// The first free node record's index plus one.
    pub(crate) free_nodes: AtomicU64,
    pub(crate) tables: [Table; 5],
    pub(crate) heap: Heap,
    /// One bit for each seat that a thread has claimed.
    pub(crate) claimed: [AtomicU64; CLAIMED],
    /// [`TRANSIENT`] or [`PERSISTENT`]: whether the name goes with the last process that is attached to change the store.
    pub(crate) lifetime: AtomicU64,
    /// How often a process attached to an orphan: a transient store that no living process had open.
    pub(crate) orphaned: AtomicU64,
    /// 1 while nothing was changed since the store was found as an orphan: then it is left as one.
    pub(crate) untouched: AtomicU64,
    /// 1 once the name was removed. Those that are attached keep the segment.
    pub(crate) removed: AtomicU64,
    /// How many pins there are among the leases of all participants.
    pub(crate) pins: AtomicU64,
}

/// Lifetimes of stores.
pub(crate) const TRANSIENT: u64 = 1;
pub(crate) const PERSISTENT: u64 = 2;

/// A growing array of records that never move: chunk 0 and 1 have the same size, each further one doubles it.
#[repr(C)]
pub(crate) struct Table {
    /// How many records have been handed out, at the most, at any time.
    pub(crate) used: AtomicU64,
    pub(crate) chunks: [AtomicU64; CHUNKS],
}

/// The state of the allocator. Sizes have classes of two levels: [`class`](super::block::class).
#[repr(C)]
pub(crate) struct Heap {
    /// Seat + 1 of the owner that is in a heap section, above a WAITERS bit.
    pub(crate) lock: AtomicU64,
    /// The owner as it names itself: it writes this after the lock, and clears it before the lock.
    pub(crate) entered: AtomicU64,
    /// Where the first block is.
    pub(crate) start: AtomicU64,
    /// Where the end mark is.
    pub(crate) end: AtomicU64,
    pub(crate) first_level: AtomicU64,
    pub(crate) second_level: [AtomicU64; FIRST_LEVELS],
    pub(crate) lists: [[AtomicU64; SECOND_LEVELS]; FIRST_LEVELS],
    /// How many undo entries are live; 0 between sections.
    pub(crate) undo_count: AtomicU64,
    pub(crate) undo: [LogEntry; HEAP_UNDO],
}

/// A word and its old value, or something to be freed; see the journal.
#[repr(C)]
pub(crate) struct LogEntry {
    pub(crate) place: AtomicU64,
    pub(crate) value: AtomicU64,
}

/// The state of a participant: attached.
pub(crate) const ATTACHED: u64 = 1;
/// The process has ended in order without having closed its stores, and others were attached, with which the name is to
/// go.
pub(crate) const LEAVING: u64 = 2;
/// As [`LEAVING`], but nothing is left to be done about the name.
pub(crate) const ENDED: u64 = 3;
/// A forked child that has not used the store, and perhaps never will: most children execute another program.
pub(crate) const INHERITED: u64 = 4;
/// An observer: attached without counting for the store's lifetime.
pub(crate) const OBSERVING: u64 = 5;
/// A process that died while it was attached, and is being repaired by the one that has its byte.
pub(crate) const DEAD: u64 = 6;

/// A process that is attached. Its liveness is a lock byte, not a word in here.
#[repr(C, align(64))]
pub(crate) struct Participant {
    /// 0 where the record is free, or one of the states above.
    pub(crate) state: AtomicU64,
    pub(crate) pid: AtomicU64,
    /// When the process started, in clock ticks since boot: shows that a pid was reused.
    pub(crate) start: AtomicU64,
    /// The PID namespace in which `pid` means something.
    pub(crate) namespace: AtomicU64,
    /// The first block of lease entries. The blocks stay with the record, empty, for the next participant that has it.
    pub(crate) leases: AtomicU64,
    /// The version of this library in the process: major 16 | minor 16 | patch 16; 0 if it did not say so.
    pub(crate) library: AtomicU64,
    pub(crate) spare: [AtomicU64; 2],
}

/// What a thread needs to change things: its journal.
#[repr(C, align(64))]
pub(crate) struct Seat {
    /// Participant + 1 of the thread that claimed this seat; 0 when free.
    pub(crate) participant: AtomicU64,
    /// The thread's id in its process, for tools.
    pub(crate) thread: AtomicU64,
    /// 1 when the operation is committed and what it unlinked is being freed.
    pub(crate) phase: AtomicU64,
    pub(crate) log_count: AtomicU64,
    /// The newest overflow block of the log.
    pub(crate) log_block: AtomicU64,
    /// How many log entries have been worked off after the commit.
    pub(crate) cursor: AtomicU64,
    /// The first pending block, chained through block links.
    pub(crate) pending_blocks: AtomicU64,
    /// The first pending node's index plus one, chained through record links.
    pub(crate) pending_nodes: AtomicU64,
    /// The first node of a removed tree that is still to be freed, index plus one, chained likewise.
    pub(crate) doomed: AtomicU64,
    /// 1 for a seat that is there for the journal of transactions, and publishes no holds.
    pub(crate) journal: AtomicU64,
    pub(crate) spare: [AtomicU64; 6],
    pub(crate) log: [LogEntry; SEAT_LOG],
}

impl Seat {
    /// Whether no operation is under way.
    #[inline(always)]
    pub(crate) fn idle(&self) -> bool {
        let busy = [&self.phase, &self.log_count, &self.pending_blocks, &self.pending_nodes, &self.doomed];
        busy.iter().all(|word| word.load(Ordering::Relaxed) == 0)
    }
}

/// In a node's word of hints: a process died that held the node and everything below it exclusively.
pub(crate) const HELD: u64 = 1 << 32;
/// In a node's word of hints: a process died that held something below the node in this way.
pub(crate) const HELD_BELOW: u64 = 1 << 33;
/// Both marks.
pub(crate) const RECOVERED: u64 = HELD | HELD_BELOW;

/// A node record.
#[repr(C, align(64))]
pub(crate) struct Node {
    pub(crate) head: NodeHead,
    /// Index plus one of the next node in the free list, the pending chain or the doomed chain.
    pub(crate) link: AtomicU64,
    /// The words that the node's kind keeps.
    pub(crate) body: [AtomicU64; 8],
}

/// A watcher, to be notified of changes of a node and of what lies below it.
#[repr(C, align(64))]
pub(crate) struct Watcher {
    /// Participant + 1; 0 when free.
    pub(crate) participant: AtomicU64,
    /// The node, as the payload of a slot that names it.
    pub(crate) node: AtomicU64,
    /// 1 for a watcher that no longer counts, while its marks are still to be taken off.
    pub(crate) leaving: AtomicU64,
    pub(crate) spare: [AtomicU64; 5],
}

/// A tagged cell: an inline scalar, or the name of a node.
#[repr(C)]
pub(crate) struct Slot {
    pub(crate) tag: AtomicU64,
    pub(crate) payload: AtomicU64,
}

/// The longest name that is kept in the field itself.
pub(crate) const INLINE_NAME: usize = 16;

/// A named slot of a struct.
#[repr(C, align(64))]
pub(crate) struct Field {
    pub(crate) slot: Slot,
    pub(crate) hash: AtomicU64,
    /// The next field in order, or in the list of free fields.
    pub(crate) next: AtomicU64,
    pub(crate) previous: AtomicU64,
    /// Length of the name in bytes.
    pub(crate) name_length: AtomicU64,
    /// The name, if it is short; else the offset of its block in the first word.
    pub(crate) name: [AtomicU64; 2],
}

/// What follows the fields in a chunk of a struct: what a block's header leaves of its last unit.
#[repr(C)]
pub(crate) struct ChunkTail {
    /// The next chunk.
    pub(crate) next: AtomicU64,
    /// How many participants lease the chunk.
    pub(crate) leases: AtomicU64,
    /// The last word is that of a free block.
    pub(crate) spare: [AtomicU64; 4],
}

/// The head of an overflow block of a journal; entries follow.
#[repr(C)]
pub(crate) struct LogHead {
    /// The block before it.
    pub(crate) before: AtomicU64,
    /// Which overflow block it is, counted from 1.
    pub(crate) ordinal: AtomicU64,
}

/// A block of lease entries of a participant.
#[repr(C)]
pub(crate) struct LeaseBlock {
    /// The next block.
    pub(crate) next: AtomicU64,
    /// Payloads of leased blocks, names of pinned nodes (with the lowest bit set), or 0.
    pub(crate) entries: [AtomicU64; 29],
}

/// The head of an array's block. The type's description follows if it is long, and at a multiple of 64 the elements.
#[repr(C)]
pub(crate) struct ArrayHead<const D: usize = 0> {
    /// How many bytes of elements there are.
    pub(crate) bytes: AtomicU64,
    /// The size of an item in the low half, the length of the type's description in the high half.
    pub(crate) sizes: AtomicU64,
    pub(crate) dimensions: AtomicU64,
    /// How many participants lease the block.
    pub(crate) leases: AtomicU64,
    /// The description, if it has at most 8 bytes.
    pub(crate) descr: AtomicU64,
    /// As many extents as there are dimensions: `D`, where that is known beforehand.
    pub(crate) extents: [AtomicU64; D],
}

// SAFETY: as below.
unsafe impl<const D: usize> Shared for ArrayHead<D> {}

/// The start of a metadata record. Texts follow.
#[repr(C)]
pub(crate) struct MetaHead {
    pub(crate) head: AtomicU64,
    pub(crate) min: AtomicU64,
    pub(crate) max: AtomicU64,
    pub(crate) factor: AtomicU64,
    pub(crate) lengths: AtomicU64,
    pub(crate) step: AtomicU64,
}

/// What follows the [head of an array](ArrayHead) of one sample in the block of a stream. Then come metadata, the head of the ring, and the ring.
#[repr(C)]
pub(crate) struct StreamHead {
    /// How many samples readers can rely on to be kept.
    pub(crate) depth: AtomicU64,
    /// CLOCK_REALTIME minus CLOCK_MONOTONIC when the head was last claimed, in nanoseconds.
    pub(crate) wall: AtomicU64,
    /// Bytes of the snapshot with the metadata of a sample's fields, which follows.
    pub(crate) metas: AtomicU64,
    /// The index of the stream's node, plus one.
    pub(crate) node: AtomicU64,
    pub(crate) spare: [AtomicU64; 4],
}

// SAFETY: as below. The rest of a line is never read.
unsafe impl Shared for Head {}
// SAFETY: as above.
unsafe impl Shared for FrameSlot {}
// SAFETY: as above.
unsafe impl Shared for Pins {}

/// A record type of a table.
pub(crate) trait Record: Shared {
    /// Records in the first chunk; a power of two.
    const FIRST: u64;

    /// The table that its records lie in.
    fn table(header: &Header) -> &Table;
}

macro_rules! shared {
    ($($type:ty),*) => {$(
        // SAFETY: repr(C), aligned to 64 bytes at most, made of AtomicU64 only (no padding: sizes asserted below).
        unsafe impl Shared for $type {}
    )*};
}
shared!(
    Header,
    LogEntry,
    LogHead,
    LeaseBlock,
    Participant,
    Seat,
    SeatLine,
    Node,
    Slot,
    Field,
    ChunkTail,
    MetaHead,
    StreamHead,
    Watcher
);

macro_rules! record {
    ($($type:ty, $table:literal, $first:literal;)*) => {$(
        impl Record for $type {
            const FIRST: u64 = $first;

            #[inline(always)]
            fn table(header: &Header) -> &Table {
                &header.tables[$table]
            }
        }
    )*};
}
record! {
    Participant, 0, 16;
    Seat, 1, 16;
    SeatLine, 2, 16;
    Node, 3, 32;
    Watcher, 4, 16;
}

const _: () = {
    assert!(size_of::<Participant>() == 64);
    assert!(size_of::<SeatLine>() == 256);
    assert!(size_of::<Seat>() == 128 + 16 * SEAT_LOG);
    assert!(size_of::<Node>() == 128);
    assert!(size_of::<Field>() == 64);
    assert!(size_of::<ChunkTail>() == 48);
    assert!(size_of::<LogHead>() == 16);
    assert!(size_of::<MetaHead>() == 48);
    assert!(size_of::<StreamHead>() == 64);
    assert!(size_of::<Head>() == 128);
    assert!(size_of::<FrameSlot>() == 64);
    assert!(size_of::<Pins>() == 64);
    assert!(size_of::<LeaseBlock>() == 8 * 30);
    assert!(size_of::<ArrayHead>() == 8 * 5);
    assert!(size_of::<ArrayHead<2>>() == 8 * 7);
    assert!(size_of::<Header>() <= 12 << 10);
};

/// A number that changes when sizes or places do, to tell builds apart that claim the same version.
pub(crate) const fn fingerprint() -> u64 {
    let parts = [
        size_of::<Header>(),
        offset_of!(Header, tables),
        offset_of!(Header, heap),
        offset_of!(Header, claimed),
        size_of::<Participant>(),
        size_of::<Seat>(),
        size_of::<SeatLine>(),
        size_of::<Node>(),
        size_of::<NodeHead>(),
        size_of::<Watcher>(),
        offset_of!(Header, watching),
        offset_of!(Node, body),
        size_of::<Field>(),
        offset_of!(ChunkTail, leases),
        offset_of!(Field, name),
        size_of::<StreamHead>(),
        size_of::<Head>(),
        size_of::<FrameSlot>(),
        size_of::<Pins>(),
    ];
    let mut hash = 0xcbf2_9ce4_8422_2325_u64;
    let mut left: &[usize] = &parts;
    while let [part, rest @ ..] = left {
        hash = (hash ^ *part as u64).wrapping_mul(0x100_0000_01b3);
        left = rest;
    }
    hash
}
