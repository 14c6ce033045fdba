//! Names of fields, hashed.

#![expect(
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    reason = "names are packed by their length, in const and so without traits; no segment is read here"
)]

use crate::error::{Error, Result};
use crate::limits::MAX_NAME;

/// A field name with its hash, which [`key!`](crate::key) computes at compile time.
///
/// Functions that take a name take `impl Into<Key>`: a `&str` is hashed on the spot.
///
/// ```
/// use structstore::{key, Key, StructStore};
///
/// const SPEED: Key = key!("speed");
/// let store = StructStore::new();
/// store.set(SPEED, 1.5)?;
/// assert_eq!(store.get::<f64>("speed")?, 1.5);
/// # Ok::<(), structstore::Error>(())
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Key<'a> {
    name: &'a str,
    hash: u64,
    /// The name's bytes as a field keeps them, if there are at most 16.
    pub(crate) words: [u64; 2],
}

impl<'a> Key<'a> {
    /// A key, from a name known at compile time if used in a constant. rapidhash v3 gives the same hash on every
    /// machine and in every version, so that hashes can live in shared memory.
    #[inline]
    pub const fn new(name: &'a str) -> Key<'a> {
        let bytes = name.as_bytes();
        let words = if bytes.len() <= 16 { pack(bytes) } else { [0; 2] };
        Key { name, hash: rapidhash::v3::rapidhash_v3(bytes), words }
    }

    /// A key of bytes, whose hash was computed before; 0 is none.
    #[inline]
    pub(crate) fn of_bytes(bytes: &'a [u8], hash: u64) -> Result<Key<'a>> {
        let words = if bytes.len() <= 16 { pack(bytes) } else { [0; 2] };
        let is_ascii = bytes.len() <= 16 && (words[0] | words[1]) & 0x8080_8080_8080_8080 == 0;
        let name = match is_ascii {
            // SAFETY: the words have all of its bytes, and none is beyond ASCII.
            true => unsafe { std::str::from_utf8_unchecked(bytes) },
            false => std::str::from_utf8(bytes)
                .map_err(|_| Error::invalid("name", "bytes that are not UTF-8", "UTF-8"))?,
        };
        if hash != 0 && !cfg!(debug_assertions) {
            return Ok(Key { name, hash, words });
        }
        let computed = rapidhash::v3::rapidhash_v3(bytes);
        match hash == 0 || hash == computed {
            true => Ok(Key { name, hash: computed, words }),
            false => Err(Error::invalid("hash", format!("{hash:#x}"), format!("{computed:#x}"))),
        }
    }

    /// The name.
    #[inline]
    pub const fn name(&self) -> &'a str {
        self.name
    }

    /// The hash of the name.
    #[inline]
    pub const fn hash(&self) -> u64 {
        self.hash
    }

    /// Whether a field may have this name.
    pub(crate) fn check(&self) -> Result<()> {
        let reason = match self.name.len() {
            0 => "it is empty",
            1..=MAX_NAME => return Ok(()),
            _ => "it is longer than 1024 bytes",
        };
        Err(Error::invalid_name(self.name, "field name", reason))
    }
}

impl<'a> From<&'a str> for Key<'a> {
    #[inline]
    fn from(name: &'a str) -> Key<'a> {
        Key::new(name)
    }
}

impl<'a> From<&'a String> for Key<'a> {
    #[inline]
    fn from(name: &'a String) -> Key<'a> {
        Key::new(name)
    }
}

/// At most 16 bytes as two words, zeroes behind them. By loads that overlap, since a loop over the bytes takes longer
/// than all the rest of a lookup.
#[inline]
pub(crate) const fn pack(bytes: &[u8]) -> [u64; 2] {
    let length = bytes.len();
    match length {
        0 => [0, 0],
        1..4 => {
            let (first, middle, last) = (bytes[0] as u64, bytes[length / 2] as u64, bytes[length - 1] as u64);
            [first | middle << (length / 2 * 8) | last << ((length - 1) * 8), 0]
        }
        4..8 => [load_4(bytes, 0) | load_4(bytes, length - 4) << ((length - 4) * 8), 0],
        8 => [load_8(bytes, 0), 0],
        _ => [load_8(bytes, 0), load_8(bytes, length - 8) >> ((16 - length) * 8)],
    }
}

#[inline(always)]
const fn load_4(bytes: &[u8], at: usize) -> u64 {
    u32::from_le_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]]) as u64
}

#[inline(always)]
const fn load_8(bytes: &[u8], at: usize) -> u64 {
    load_4(bytes, at) | load_4(bytes, at + 4) << 32
}

/// A [`Key`] whose name is hashed at compile time.
///
/// ```
/// use structstore::{key, StructStore};
///
/// let store = StructStore::new();
/// store.set(key!("num"), 53)?;
/// assert_eq!(store.get::<i32>(key!("num"))?, 53);
/// # Ok::<(), structstore::Error>(())
/// ```
#[macro_export]
macro_rules! key {
    ($name:expr) => {
        const { $crate::Key::new($name) }
    };
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_are_keys_if_they_are_text() {
        let long = "ü".repeat(20);
        for name in ["", "num", "größe", "abcdefghijklmnop", &long] {
            for hash in [0, Key::new(name).hash] {
                let key = Key::of_bytes(name.as_bytes(), hash).unwrap();
                assert_eq!(
                    (key.name, key.hash, key.words),
                    (name, Key::new(name).hash, Key::new(name).words)
                );
            }
        }
        for bytes in [&b"\xff"[..], b"ab\xc3", &[b'x', 0x80], &[0xc3; 20]] {
            assert!(Key::of_bytes(bytes, 0).is_err(), "{bytes:?}");
        }
        assert_eq!(Key::of_bytes(b"num", 1).is_err(), cfg!(debug_assertions));
    }

    #[test]
    fn short_names_are_packed_byte_by_byte() {
        let name = "abcdefghijklmnop";
        for length in 0..=16 {
            let mut expected = [0; 16];
            expected[..length].copy_from_slice(&name.as_bytes()[..length]);
            let words = Key::new(&name[..length]).words;
            assert_eq!([words[0].to_le_bytes(), words[1].to_le_bytes()].as_flattened(), expected, "{length}");
        }
    }
}
