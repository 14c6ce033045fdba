//! For `#[structstore(with = "structstore::bytes")]`: a `Vec<u8>` as bytes, and not as an array of numbers.
//!
//! ```
//! use structstore::{Kind, StructStore};
//!
//! #[derive(StructStore)]
//! struct Message {
//!     #[structstore(with = "structstore::bytes")]
//!     payload: Vec<u8>,
//! }
//!
//! let store = StructStore::new();
//! let message = store.bind::<Message>()?;
//! message.replace(&Message { payload: b"abc".into() })?;
//! assert_eq!(store.kind("payload")?, Kind::Bytes);
//! assert_eq!(message.load()?.payload, b"abc");
//! # Ok::<(), structstore::Error>(())
//! ```

use crate::bind::ByteBuf;
use crate::error::Error;

/// What is stored.
pub type Stored = ByteBuf;

/// The bytes, to be stored.
pub fn to_stored(bytes: &[u8]) -> ByteBuf {
    ByteBuf(bytes.to_vec())
}

/// The bytes as they were stored.
///
/// # Errors
///
/// None.
pub fn from_stored(stored: ByteBuf) -> Result<Vec<u8>, Error> {
    Ok(stored.0)
}
