//! Words of a segment, behind the store's back.

use std::fs::File;
use std::os::unix::fs::FileExt;

use crate::SegmentName;

/// Where the header has its tables, and how many chunks each has.
const TABLES: u64 = 13 * 8;
const CHUNKS: u64 = 28;
/// Where it has the heap, of which the lock comes first, and its free lists.
const HEAP: u64 = TABLES + 5 * 8 * (1 + CHUNKS);
const LISTS: u64 = HEAP + 8 * (5 + 32);

/// Words of a segment, which may be in use.
pub struct Words(File);

impl Words {
    /// Those of the segment of this name.
    ///
    /// # Panics
    ///
    /// If there is none.
    pub fn of(name: &SegmentName) -> Words {
        Words(File::options().read(true).write(true).open(name.path()).expect("a segment"))
    }

    /// The word at an offset.
    ///
    /// # Panics
    ///
    /// If the segment is not as large.
    pub fn get(&self, at: u64) -> u64 {
        let mut word = [0; 8];
        self.0.read_exact_at(&mut word, at).expect("a word");
        u64::from_le_bytes(word)
    }

    /// Puts a word at an offset.
    ///
    /// # Panics
    ///
    /// If it cannot be written to.
    pub fn set(&self, at: u64, value: u64) {
        self.0.write_all_at(&value.to_le_bytes(), at).expect("a word");
    }

    /// Where a record of a table lies, which begins where the header says.
    fn record(&self, table: u64, index: u64, size: u64) -> u64 {
        self.get(TABLES + table * 8 * (1 + CHUNKS) + 8) + index * size
    }

    /// Where the record of a participant lies.
    pub fn participant(&self, index: u64) -> u64 {
        self.record(0, index, 64)
    }

    /// The words that a node's kind keeps: one of the first 32 nodes.
    pub fn body(&self, node: u64) -> u64 {
        self.record(3, node, 128) + 64
    }

    /// How many words a seat has changed and remembers.
    pub fn logged(&self, seat: u64) -> u64 {
        self.record(1, seat, 768) + 24
    }

    /// The places that say where the first block of a free list is.
    pub fn free_lists(&self) -> impl Iterator<Item = u64> {
        (0..32 * 16).map(|list| LISTS + 8 * list)
    }

    /// Who has locked the heap, or 0.
    pub fn heap_lock(&self) -> u64 {
        self.get(HEAP)
    }

    /// The holds that a seat has published, behind a word that says how many.
    pub fn holds(&self, seat: u64) -> u64 {
        self.record(2, seat, 256)
    }
}
