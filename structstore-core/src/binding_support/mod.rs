//! What language bindings use: Python's are built on it, and others can be.
//!
//! Other languages have no borrow checker and no scopes that end locks, find out types when they run, and make objects of their
//! own of what is in a store. So here are locks and transactions as values, slots before they become Rust types, trees as
//! events, fields declared at run time, and stores whose locks are reentrant. It is part of the public interface, but may change
//! in any release.

mod declare;
mod handle;
mod lineage;
mod lists;
mod lock;
mod options;
mod origin;
mod reference;
mod slot;
mod structs;
mod thread;

pub use declare::{Declaration, Declaring, Parts};
pub use handle::HandleExt;
pub use lineage::Lineage;
pub use lists::ListExt;
pub use lock::{Lock, Transaction};
pub use options::{OptionsExt, SharedExt};
pub use origin::Origin;
pub use structs::StructExt;
pub use thread::Thread;

#[cfg(feature = "crash-points")]
pub use crate::crash::{arm, disarm, stores};
pub use crate::error::{escaped, is_unprintable, line, printable, quoted};
pub use crate::for_each_number;
pub use crate::life::end_process;
pub use crate::lock::{WaitHooks, limit_waits, waiting_at_most, without_hooks};
pub use crate::ops::Slot;
pub use crate::value::{
    Event, Snapshot, SnapshotReader, Whole, element_path, elements, from_document, hex, iso, not_finite,
    not_numbers, to_document, unhex,
};

use std::time::Duration;

#[cfg(doc)]
use crate::error::ErrorKind;
use crate::error::{Error, Result, Step};
use crate::handle::StructMut;
use crate::key::Key;
use crate::store::StructStore;
use crate::value::Kind;

/// An empty local store whose locks are reentrant: an operation under this thread's own lock goes ahead.
///
/// # Safety
///
/// No guard and no binding is taken through it: what they lend as `&mut` or `&` could be changed, or lent once more, by the very
/// thread that has it.
///
/// # Errors
///
/// As [`StructStore::try_new`].
pub unsafe fn reentrant_store() -> Result<StructStore> {
    StructStore::with(true)
}

/// A key of bytes whose hash was computed elsewhere, by the function that [`hash`] is; 0 has it computed here. With another hash, a field is not found, or is
/// created where nobody else finds it; debug builds refuse it.
///
/// # Errors
///
/// [`ErrorKind::InvalidArgument`], also for bytes that are no UTF-8.
#[inline]
pub fn hashed_key(name: &[u8], hash: u64) -> Result<Key<'_>> {
    Key::of_bytes(name, hash)
}

/// A duration as the tools take it: a number of seconds, or another one with its unit: 90, 500ms, 60s, 5min, 1h.
///
/// # Errors
///
/// What is wrong with the text.
///
/// ```
/// use structstore::binding_support::parse_duration;
///
/// assert_eq!(parse_duration("1.5min").unwrap().as_secs(), 90);
/// assert_eq!(parse_duration("5 apples").unwrap_err(), "found the unit \" apples\", expected ms, s, min or h");
/// ```
pub fn parse_duration(text: &str) -> std::result::Result<Duration, String> {
    let number = text.trim_end_matches(|character: char| !character.is_ascii_digit());
    let unit = match text.strip_prefix(number).unwrap_or_default() {
        "" | "s" => 1.0,
        "ms" => 1e-3,
        "min" => 60.0,
        "h" => 3600.0,
        other => return Err(format!("found the unit {other:?}, expected ms, s, min or h")),
    };
    let seconds: f64 = number.parse().map_err(|_| "expected a number of seconds".to_owned())?;
    Duration::try_from_secs_f64(seconds * unit).map_err(|error| error.to_string())
}

/// The kind with this code, as segments have it.
pub fn kind_of_code(code: u8) -> Option<Kind> {
    Kind::of(code)
}

/// The hash of a name: rapidhash v3, as its reference implementation has it for a seed of 0.
pub fn hash(name: &[u8]) -> u64 {
    rapidhash::v3::rapidhash_v3(name)
}

/// Does something with the struct that names lead to, which is made if it is missing, and so are those on the way.
///
/// # Errors
///
/// [`ErrorKind::WrongType`] if something else is on the way, and those of `act`.
pub fn within<E: From<Error>>(
    part: &mut StructMut<'_>,
    steps: &[Step],
    act: &mut dyn FnMut(&mut StructMut<'_>) -> Result<(), E>,
) -> Result<(), E> {
    match steps.split_first() {
        Some((Step::Name(name), rest)) => within(&mut part.ensure_struct(&**name)?, rest, act),
        Some((Step::Index(_), _)) => Err(Error::wrong_type("list", "struct").into()),
        None => act(part),
    }
}
