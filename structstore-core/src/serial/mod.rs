//! Values of any type that implements serde's traits, and stores in any of serde's formats.
//!
//! The code of a type's `Serialize` or `Deserialize` runs before an operation begins, or after it has ended, and under
//! no lock but the guards of the caller: what is assigned is serialised to a [`Value`] first, and what is read is
//! deserialised from a snapshot.
//!
//! Arrays are no part of serde's data model. They pass through `array.rs`, which recognises the two ends of this module
//! where they meet, so that an array stays one with its type and shape, and is a sequence of numbers for all others.

mod array;
pub mod as_array;
mod deserializer;
mod error;
mod fields;
mod inspect;
mod key;
mod pieces;
mod serializer;
mod value;

use serde::{Deserialize, Serialize};

#[cfg(doc)]
use crate::error::ErrorKind;
use crate::error::{Error, Result};
use crate::limits::MAX_DEPTH;
use crate::value::Value;
use deserializer::Deserializer;
use pieces::Walk;
use serializer::Serializer;

/// A value as the store would hold it, of anything that implements [`Serialize`].
///
/// Numbers keep their exact type. Strings and characters become strings, sequences and tuples lists, maps and structs
/// structs, `None` and units null, bytes ([`serialize_bytes`](serde::Serializer::serialize_bytes)) bytes. An enum's unit
/// variant becomes its name, any other a struct of one field, which is named like the variant. A newtype is what it
/// wraps. The keys of a map are strings, characters, bools or integers; the latter two become strings. Sequences of
/// numbers become arrays where [`as_array`](mod@as_array) asks for it.
///
/// # Errors
///
/// [`ErrorKind::Unsupported`] for other keys, [`ErrorKind::OutOfRange`] for 128-bit integers that do not fit 64 bits,
/// [`ErrorKind::TooDeep`] beyond 128 levels, [`ErrorKind::Rejected`] with what the type's own code says. Each names the way to the
/// offending element.
///
/// ```
/// use serde::Serialize;
/// use structstore::StructStore;
/// use structstore::serial::to_value;
///
/// #[derive(Serialize)]
/// enum Mode {
///     Idle,
///     Tracking { target: u8 },
/// }
///
/// let value = to_value(&[Mode::Idle, Mode::Tracking { target: 3 }])?;
/// assert_eq!(value.to_string(), r#"["Idle", {"Tracking": {"target": 3}}]"#);
///
/// let huge = std::collections::BTreeMap::from([("counts", [1, u128::MAX])]);
/// assert_eq!(to_value(&huge).unwrap_err().path().unwrap(), "counts[1]");
/// # Ok::<(), structstore::Error>(())
/// ```
pub fn to_value<T: Serialize + ?Sized>(value: &T) -> Result<Value<'static>> {
    value.serialize(Serializer::new(Level::ROOT))
}

/// A value as any type that implements [`Deserialize`]; the inverse of [`to_value`]. It may borrow strings and
/// bytes from the value.
///
/// Integers become any integer type that they fit, numbers any float, arrays any sequence of numbers. Structs become
/// structs and maps, whose keys are parsed if they are numbers or bools. A [`Value`] in a type that serde reads
/// by way of a buffer of its own (`untagged`, `flatten`, an internal tag) gets lists of numbers in place of arrays.
///
/// # Errors
///
/// [`ErrorKind::WrongType`], [`ErrorKind::OutOfRange`], [`ErrorKind::NotFound`] for a field that is missing,
/// [`ErrorKind::TooDeep`] beyond 128 levels, [`ErrorKind::Rejected`] with what else serde or the type's own code finds. Each names
/// the way to the offending element.
///
/// ```
/// use serde::Deserialize;
/// use structstore::Value;
/// use structstore::serial::from_value;
///
/// #[derive(Deserialize)]
/// struct Limits<'a> {
///     low: f64,
///     unit: Option<&'a str>,
/// }
///
/// let value = Value::record([("limits", Value::record([("low", 1.into()), ("unit", "m".into())]))]);
/// let limits: Limits = from_value(value.get("limits").unwrap())?;
/// assert_eq!((limits.low, limits.unit), (1.0, Some("m")));
///
/// let wrong = Value::record([("low", "deep".into())]);
/// let error = from_value::<Limits>(&wrong).err().unwrap();
/// assert_eq!(error.to_string(), "low: found str, expected f64");
/// # Ok::<(), structstore::Error>(())
/// ```
pub fn from_value<'de, T: Deserialize<'de>>(value: &'de Value<'_>) -> Result<T> {
    T::deserialize(Deserializer::new(&mut Walk::new(value), Level::ROOT))
}

/// How deep something lies in a value, so that no recursion is without bound.
#[derive(Clone, Copy)]
struct Level {
    /// Nodes above.
    nodes: usize,
    /// Options and newtypes above, which take no node, but room on the stack.
    wrappers: usize,
}

impl Level {
    const ROOT: Level = Level { nodes: 0, wrappers: 0 };

    /// Whether a node may be here.
    #[inline]
    fn check(self) -> Result<()> {
        if self.nodes < MAX_DEPTH { Ok(()) } else { Err(too_deep()) }
    }

    /// The level of what lies in a list or struct that is here.
    #[inline]
    fn inside(self) -> Result<Level> {
        self.check()?;
        Ok(Level { nodes: self.nodes.saturating_add(1), ..self })
    }

    /// The level of what an option or newtype wraps.
    #[inline]
    fn wrapped(self) -> Result<Level> {
        if self.wrappers < 2 * MAX_DEPTH {
            Ok(Level { wrappers: self.wrappers.saturating_add(1), ..self })
        } else {
            Err(too_deep())
        }
    }
}

#[cold]
fn too_deep() -> Error {
    Error::too_deep()
}

/// How many items to make room for in advance where somebody says that `length` will come.
fn room(length: usize) -> usize {
    length.min(4096)
}
