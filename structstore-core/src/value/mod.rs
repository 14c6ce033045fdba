//! Values that a slot can hold, inside a store and detached from it.

mod array;
mod clock;
mod column;
mod document;
mod dtype;
mod element;
mod json;
mod kind;
mod meta;
mod number;
mod record;
mod scalar;
mod snapshot;
mod stream;
mod to_value;
mod version;

pub use array::{ArrayValue, Element, FixedArray, element_path};
pub(crate) use array::{Extents, flatten, size_in_bytes, whole_elements};
pub use clock::iso;
pub use document::{from_document, hex, to_document, unhex};
pub use dtype::DType;
pub(crate) use dtype::{shown as shown_dtype, word_of};
pub use element::elements;
pub(crate) use json::write_json;
pub use json::{not_finite, not_numbers};
pub use kind::Kind;
pub(crate) use kind::wrong_kind;
pub use meta::Meta;
pub(crate) use meta::{Choices, Lengths, Numbers, near};
pub use record::RecordField;
pub(crate) use scalar::decode_scalar;
pub use scalar::{Scalar, ScalarType};
pub use snapshot::{Event, Snapshot, SnapshotReader, Whole};
pub(crate) use snapshot::{Extras, SnapshotWriter, decode, decode_whole, encoded};
pub(crate) use stream::samples_array;
pub use stream::{SampleValue, StreamValue};
pub use version::TypeVersion;
pub(crate) use version::{versions_of, versions_value};

pub use to_value::ToValue;

use std::borrow::Cow;

#[cfg(doc)]
use crate::error::ErrorKind;
use crate::error::{Error, Result};
use crate::for_each_number;
use crate::limits::MAX_DEPTH;

/// Any value that a store can hold, detached from it: for assignments, and for copies.
///
/// Leaves may borrow from the caller, so assigning a large array or string copies it once.
///
/// Equality is deep: numbers by value whatever their types, structs without regard to order, arrays by shape and
/// elements, NaN unlike itself.
///
/// Values from a store, a snapshot or a deserializer nest at most 128 levels deep, and deeper values cannot be stored. A value
/// that a program builds itself may be deeper: dropping, comparing and copying it takes stack for each level.
///
/// ```
/// use structstore::{StructStore, Value};
///
/// let store = StructStore::new();
/// store.set("pose", Value::record([("x", Value::from(1.5)), ("frame", "map".into())]))?;
/// let pose = store.at("pose")?.to_value()?;
/// assert_eq!(pose, Value::record([("frame", "map".into()), ("x", 1.5_f32.into())]));
/// assert_eq!(f64::try_from(pose.get("x").unwrap())?, 1.5);
/// # Ok::<(), structstore::Error>(())
/// ```
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub enum Value<'a> {
    /// No value.
    #[default]
    Null,
    /// A bool or a number.
    Scalar(Scalar),
    /// A string, in UTF-8.
    Str(Cow<'a, str>),
    /// Uninterpreted bytes.
    Bytes(Cow<'a, [u8]>),
    /// Values in order.
    List(Vec<Value<'a>>),
    /// Named values in order of insertion.
    Struct(Vec<(Cow<'a, str>, Value<'a>)>),
    /// A dense n-dimensional array.
    Array(ArrayValue<'a>),
    /// A stream, with its newest sample.
    Stream(StreamValue<'a>),
}

const _: () = assert!(size_of::<Value<'_>>() == 32);

impl<'a> Value<'a> {
    /// A struct of the given fields. If a name occurs twice, assigning the value is an error.
    ///
    /// ```
    /// use structstore::Value;
    ///
    /// let camera = Value::record([("name", Value::from("left")), ("exposure", 0.01.into())]);
    /// assert_eq!(camera.to_string(), r#"{"name": "left", "exposure": 0.01}"#);
    /// ```
    pub fn record<K: Into<Cow<'a, str>>>(fields: impl IntoIterator<Item = (K, Value<'a>)>) -> Value<'a> {
        Value::Struct(fields.into_iter().map(|(name, value)| (name.into(), value)).collect())
    }

    /// A list of the given items, even if they are numbers. (Otherwise, several numbers are an array: see [`ToValue`].)
    ///
    /// ```
    /// use structstore::Value;
    ///
    /// let list = Value::list([Value::from(1), "two".into(), Value::list([3.0])]);
    /// assert_eq!(list.to_string(), r#"[1, "two", [3.0]]"#);
    /// ```
    pub fn list<T: Into<Value<'a>>>(items: impl IntoIterator<Item = T>) -> Value<'a> {
        Value::List(items.into_iter().map(Into::into).collect())
    }

    /// Bytes.
    pub fn bytes(bytes: impl Into<Cow<'a, [u8]>>) -> Value<'a> {
        Value::Bytes(bytes.into())
    }

    /// The value of a kind that a text stands for: a number, a truth value or null as they are printed, bytes by their hexadecimal digits, and a string by itself.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::WrongType`] for a text that stands for none, and for kinds of values that have parts.
    ///
    /// ```
    /// use structstore::{Kind, Value};
    ///
    /// assert_eq!(Value::parse("1.5", Kind::F64)?, Value::from(1.5));
    /// assert_eq!(Value::parse("1.5", Kind::Str)?, Value::from("1.5"));
    /// assert!(Value::parse("1.5", Kind::I32).is_err());
    /// # Ok::<(), structstore::Error>(())
    /// ```
    pub fn parse(text: &str, kind: Kind) -> Result<Value<'static>> {
        let trimmed = text.trim();
        macro_rules! parsed {
            ($($kind:ident $type:ident $typestr:literal $class:ident;)*) => {
                match kind {
                    $(Kind::$kind => trimmed.parse::<$type>().map(Value::from).ok(),)*
                    Kind::Null => (trimmed == "null").then_some(Value::Null),
                    Kind::Bool => trimmed.parse::<bool>().map(Value::from).ok(),
                    Kind::Str => Some(Value::from(text.to_owned())),
                    Kind::Bytes => unhex(trimmed).map(Value::bytes),
                    _ => None,
                }
            };
        }
        for_each_number!(parsed).ok_or_else(|| Error::wrong_type(format!("{trimmed:?}"), kind.name()))
    }

    /// What kind of value this is.
    pub fn kind(&self) -> Kind {
        match self {
            Value::Null => Kind::Null,
            Value::Scalar(scalar) => scalar.kind(),
            Value::Str(_) => Kind::Str,
            Value::Bytes(_) => Kind::Bytes,
            Value::List(_) => Kind::List,
            Value::Struct(_) => Kind::Struct,
            Value::Array(_) => Kind::Array,
            Value::Stream(_) => Kind::Stream,
        }
    }

    /// The value of a field, if this is a struct that has it.
    pub fn get(&self, name: &str) -> Option<&Value<'a>> {
        match self {
            Value::Struct(fields) => fields.iter().find(|(found, _)| found == name).map(|(_, value)| value),
            _ => None,
        }
    }

    /// The same value, borrowing nothing.
    pub fn into_owned(self) -> Value<'static> {
        match self {
            Value::Null => Value::Null,
            Value::Scalar(scalar) => Value::Scalar(scalar),
            Value::Str(text) => Value::Str(Cow::Owned(text.into_owned())),
            Value::Bytes(bytes) => Value::Bytes(Cow::Owned(bytes.into_owned())),
            Value::List(items) => Value::List(items.into_iter().map(Value::into_owned).collect()),
            Value::Struct(fields) => Value::Struct(
                fields
                    .into_iter()
                    .map(|(name, value)| (Cow::Owned(name.into_owned()), value.into_owned()))
                    .collect(),
            ),
            Value::Array(array) => Value::Array(array.into_owned()),
            Value::Stream(stream) => Value::Stream(stream.into_owned()),
        }
    }

    /// Fails if the value, so many levels below its root, nests deeper than a store can: a node has fewer than
    /// `MAX_DEPTH` nodes above it. Names the way to where it does.
    pub(crate) fn check_depth(&self, depth: usize) -> Result<()> {
        if depth >= MAX_DEPTH && self.kind().is_node() {
            return Err(Error::too_deep());
        }
        let below = depth.saturating_add(1);
        match self {
            Value::List(items) => items
                .iter()
                .enumerate()
                .try_for_each(|(index, item)| item.check_depth(below).map_err(|error| error.under(index))),
            Value::Struct(fields) => fields
                .iter()
                .try_for_each(|(name, value)| value.check_depth(below).map_err(|error| error.under(name))),
            _ => Ok(()),
        }
    }
}

impl PartialEq for Value<'_> {
    fn eq(&self, other: &Self) -> bool {
        match (self, other) {
            (Value::Null, Value::Null) => true,
            (Value::Scalar(a), Value::Scalar(b)) => a == b,
            (Value::Str(a), Value::Str(b)) => a == b,
            (Value::Bytes(a), Value::Bytes(b)) => a == b,
            (Value::List(a), Value::List(b)) => a == b,
            (Value::Struct(a), Value::Struct(b)) => {
                a.len() == b.len()
                    && a.iter().zip(b).all(|((name, value), (other, at_same_place))| {
                        if name == other {
                            value == at_same_place
                        } else {
                            b.iter().any(|(other, candidate)| name == other && value == candidate)
                        }
                    })
            }
            (Value::Array(a), Value::Array(b)) => a == b,
            (Value::Stream(a), Value::Stream(b)) => a == b,
            _ => false,
        }
    }
}

/// As JSON for people to read: bytes as hexadecimal digits, arrays as nested lists, NaN and infinities by name. `{:#}`
/// indents it.
impl std::fmt::Display for Value<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write_json(f, self)
    }
}

impl From<()> for Value<'_> {
    fn from((): ()) -> Self {
        Value::Null
    }
}

impl<'a> From<&'a str> for Value<'a> {
    fn from(text: &'a str) -> Self {
        Value::Str(Cow::Borrowed(text))
    }
}

impl From<String> for Value<'_> {
    fn from(text: String) -> Self {
        Value::Str(Cow::Owned(text))
    }
}

impl<'a> From<&'a String> for Value<'a> {
    fn from(text: &'a String) -> Self {
        Value::Str(Cow::Borrowed(text))
    }
}

impl<'a> From<Vec<Value<'a>>> for Value<'a> {
    fn from(items: Vec<Value<'a>>) -> Self {
        Value::List(items)
    }
}

impl<'a> From<Vec<&'a str>> for Value<'a> {
    fn from(items: Vec<&'a str>) -> Self {
        Value::list(items)
    }
}

impl From<Vec<String>> for Value<'_> {
    fn from(items: Vec<String>) -> Self {
        Value::list(items)
    }
}

impl<'a, T: Into<Value<'a>>> From<Option<T>> for Value<'a> {
    fn from(value: Option<T>) -> Self {
        value.map_or(Value::Null, Into::into)
    }
}

/// A value as a Rust type, as [`Struct::get`](crate::Struct::get) would read it: numbers convert if that keeps their value.
macro_rules! from_value {
    ($($type:ty),*) => {$(
        impl TryFrom<&Value<'_>> for $type {
            type Error = Error;

            fn try_from(value: &Value<'_>) -> Result<$type> {
                let kind = <$type as ScalarType>::KIND;
                let converted = match value {
                    Value::Scalar(scalar) => <$type>::from_scalar(scalar.to_kind(kind)?),
                    _ => None,
                };
                converted.ok_or_else(|| mistaken(value, kind))
            }
        }
    )*};
}
from_value!(bool, i8, i16, i32, i64, isize, u8, u16, u32, u64, usize, f32, f64);

#[cold]
fn mistaken(value: &Value<'_>, expected: Kind) -> Error {
    Error::wrong_type(value.kind().name(), expected.name())
}

impl<'v> TryFrom<&'v Value<'_>> for &'v str {
    type Error = Error;

    fn try_from(value: &'v Value<'_>) -> Result<&'v str> {
        match value {
            Value::Str(text) => Ok(text),
            other => Err(mistaken(other, Kind::Str)),
        }
    }
}

impl TryFrom<Value<'_>> for String {
    type Error = Error;

    fn try_from(value: Value<'_>) -> Result<String> {
        match value {
            Value::Str(text) => Ok(text.into_owned()),
            other => Err(mistaken(&other, Kind::Str)),
        }
    }
}

impl<'a> From<&'a Value<'_>> for Value<'a> {
    fn from(value: &'a Value<'_>) -> Self {
        match value {
            Value::Null => Value::Null,
            Value::Scalar(scalar) => Value::Scalar(*scalar),
            Value::Str(text) => Value::Str(Cow::Borrowed(text)),
            Value::Bytes(bytes) => Value::Bytes(Cow::Borrowed(bytes)),
            Value::List(items) => Value::List(items.iter().map(Into::into).collect()),
            Value::Struct(fields) => Value::Struct(
                fields.iter().map(|(name, value)| (Cow::Borrowed(name.as_ref()), value.into())).collect(),
            ),
            Value::Array(array) => Value::Array(array.borrowed()),
            Value::Stream(stream) => Value::Stream(stream.borrowed()),
        }
    }
}

/// The depth below one. Whoever follows what memory says, by recursion, asks this before each step.
///
/// # Errors
///
/// [`ErrorKind::TooDeep`] where nothing may nest any deeper.
#[inline]
pub(crate) fn deeper(depth: usize) -> Result<usize> {
    if depth < MAX_DEPTH {
        return Ok(depth.saturating_add(1));
    }
    Err(Error::too_deep())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_of_another_kind_says_so() {
        for (text, kind, message) in [
            ("1.5", Kind::I32, "found \"1.5\", expected i32"),
            ("300", Kind::U8, "found \"300\", expected u8"),
            ("yes", Kind::Bool, "found \"yes\", expected bool"),
            ("xy", Kind::Bytes, "found \"xy\", expected bytes"),
            ("[1]", Kind::List, "found \"[1]\", expected list"),
        ] {
            assert_eq!(Value::parse(text, kind).unwrap_err().to_string(), message);
        }
    }
}
