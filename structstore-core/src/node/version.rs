//! The versions of the types that a struct was bound to: a block, named by a word of the struct, with their length and a snapshot of them.

use super::structure::VERSIONS;
use super::{read_bytes, write_bytes};
use crate::arena::Arena;
use crate::arena::layout::Node;
use crate::error::{Error, Result};
use crate::sync::{AtomicU64, Ordering};
use crate::value::{TypeVersion, decode, versions_of};

/// The most that the versions of a struct take, in bytes.
pub(crate) const LONGEST: u64 = 1 << 16;

/// The versions that a struct has recorded.
pub(crate) fn versions(arena: &Arena, node: &Node) -> Result<Vec<TypeVersion>> {
    match node.body[VERSIONS].load(Ordering::Relaxed) {
        0 => Ok(Vec::new()),
        place => {
            let length = arena.at::<AtomicU64>(place)?.load(Ordering::Relaxed);
            if length > LONGEST {
                let expected = "at most 64 KiB";
                return Err(Error::corrupt(
                    "the versions of a struct",
                    format_args!("{length} bytes"),
                    expected,
                ));
            }
            let words = arena.words(place.wrapping_add(8), length.div_ceil(8))?;
            versions_of(decode(&read_bytes(words, length as usize))?)
        }
    }
}

/// Writes versions, as a snapshot, to a block that has room for them.
pub(crate) fn write_versions(words: &[AtomicU64], snapshot: &[u8]) {
    if let Some((length, rest)) = words.split_first() {
        length.store(snapshot.len() as u64, Ordering::Relaxed);
        write_bytes(rest, snapshot);
    }
}
