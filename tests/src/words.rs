//! Words of a segment, read and written past the store.

use std::fs::File;
use std::os::unix::fs::FileExt;

use crate::SegmentName;

/// The offset of the tables in the header, and the number of chunks of each.
const TABLES: u64 = 13 * 8;
const CHUNKS: u64 = 28;
/// The offsets of the heap, which begins with its lock, and of its free lists.
const HEAP: u64 = TABLES + 5 * 8 * (1 + CHUNKS);
const LISTS: u64 = HEAP + 8 * (5 + 32);

/// The words of a segment, which may be in use.
pub struct Words(File);

impl Words {
    /// The words of the segment of this name.
    ///
    /// # Panics
    ///
    /// If there is no such segment.
    pub fn of(name: &SegmentName) -> Words {
        Words(File::options().read(true).write(true).open(name.path()).expect("a segment"))
    }

    /// The word at an offset.
    ///
    /// # Panics
    ///
    /// If the offset lies beyond the segment.
    pub fn get(&self, at: u64) -> u64 {
        let mut word = [0; 8];
        self.0.read_exact_at(&mut word, at).expect("a word");
        u64::from_le_bytes(word)
    }

    /// Writes a word at an offset.
    ///
    /// # Panics
    ///
    /// If the segment cannot be written.
    pub fn set(&self, at: u64, value: u64) {
        self.0.write_all_at(&value.to_le_bytes(), at).expect("a word");
    }

    /// The offset of a record in the first chunk of a table.
    fn record(&self, table: u64, index: u64, size: u64) -> u64 {
        self.get(TABLES + table * 8 * (1 + CHUNKS) + 8) + index * size
    }

    /// The offset of a participant's record.
    pub fn participant(&self, index: u64) -> u64 {
        self.record(0, index, 64)
    }

    /// The offset of the body of a node, one of the first 32.
    pub fn body(&self, node: u64) -> u64 {
        self.record(3, node, 128) + 64
    }

    /// The offset of a seat's number of log entries.
    pub fn logged(&self, seat: u64) -> u64 {
        self.record(1, seat, 768) + 24
    }

    /// The offsets of the heads of all free lists.
    pub fn free_lists(&self) -> impl Iterator<Item = u64> {
        (0..32 * 16).map(|list| LISTS + 8 * list)
    }

    /// The heap's lock word, which names the owner, or 0.
    pub fn heap_lock(&self) -> u64 {
        self.get(HEAP)
    }

    /// The offset of a seat's holds, which begin with a word that bounds the slots in use.
    pub fn holds(&self, seat: u64) -> u64 {
        self.record(2, seat, 256)
    }
}
