//! Names of fields, hashed.

use crate::error::{Error, Result};

/// The longest name of a field, in bytes.
pub(crate) const MAX_NAME: usize = 1024;

/// A field name with its hash, which [`key!`](crate::key) computes at compile time.
///
/// Everything that takes a name takes `impl Into<Key>`: a `&str` hashes on the spot.
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
        let mut words = [0; 2];
        if bytes.len() <= 16 {
            let mut at = 0;
            while at < bytes.len() {
                words[at / 8] |= (bytes[at] as u64) << (at % 8 * 8);
                at += 1;
            }
        }
        Key { name, hash: rapidhash::v3::rapidhash_v3(bytes), words }
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
        let name = self.name.chars().take(64).collect();
        Err(Error::InvalidName { name, of: "field name", reason })
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
