//! Sequences of numbers that become arrays: `#[serde(with = "structstore::serial::as_array")]` on a field.
//!
//! Without it a `Vec<f64>` becomes a list, like any other sequence. With it, it becomes an array, which has one block of
//! memory in place of a tagged slot for each number, and which Python sees as a NumPy array. In any other format than a
//! store it stays a plain sequence. It is read from an array, from a list or from any other format's sequence.
//!
//! ```
//! use serde::{Deserialize, Serialize};
//! use structstore::{Array, Kind, StructStore};
//!
//! #[derive(Serialize, Deserialize, PartialEq, Debug)]
//! struct Scan {
//!     #[serde(with = "structstore::serial::as_array")]
//!     ranges: Vec<f32>,
//!     #[serde(with = "structstore::serial::as_array")]
//!     pose: [[f64; 3]; 2],
//!     tags: Vec<u8>,
//! }
//!
//! let scan = Scan { ranges: vec![0.5, 1.5], pose: [[0.0; 3]; 2], tags: vec![1, 2] };
//! let store = StructStore::new();
//! store.set_serde("scan", &scan)?;
//! let stored = store.at("scan")?;
//! assert_eq!((stored.kind("ranges")?, stored.kind("tags")?), (Kind::Array, Kind::List));
//! assert_eq!(stored.get::<Array>("pose")?.shape()?, [2, 3]);
//! assert_eq!(store.get_serde::<Scan>("scan")?, scan);
//! # Ok::<(), structstore::Error>(())
//! ```

use std::fmt;
use std::marker::PhantomData;

use serde::de::{
    self, Deserialize, DeserializeSeed, Deserializer, EnumAccess, SeqAccess, Unexpected, Visitor,
};
use serde::ser::{Error as _, Serializer};

use super::array::{self, NUMBERS, ScalarDeserializer};
use super::room;
use crate::value::{ArrayValue, Element};

/// Serialises numbers as an array.
///
/// # Errors
///
/// Those of the serializer.
pub fn serialize<A: AsArray, S: Serializer>(numbers: &A, serializer: S) -> Result<S::Ok, S::Error> {
    let array = ArrayValue::from_slice(&numbers.shape(), numbers.elements()).map_err(S::Error::custom)?;
    array::serialize(&array, serializer)
}

/// Deserialises numbers from an array or a sequence.
///
/// # Errors
///
/// Those of the deserializer, and if there are more or fewer numbers than the type has room for.
pub fn deserialize<'de, A: AsArray, D: Deserializer<'de>>(deserializer: D) -> Result<A, D::Error> {
    deserializer.deserialize_seq(ArrayVisitor(PhantomData))
}

/// A type that may be an array in a store: `Vec<T>` or `[T; N]` of numbers, or of fixed arrays of them, nested to any
/// depth.
pub trait AsArray: Sized {
    /// The type of the numbers.
    type Element: Element + for<'de> Deserialize<'de>;
    /// The extent of each dimension.
    #[doc(hidden)]
    fn shape(&self) -> Vec<usize>;
    #[doc(hidden)]
    fn elements(&self) -> &[Self::Element];
    /// The extents as the type fixes them, from the first dimension on.
    #[doc(hidden)]
    fn extents() -> Vec<Option<usize>>;
    /// The numbers again, if there are as many as the type fixes.
    #[doc(hidden)]
    fn from_elements(elements: Vec<Self::Element>, rows: usize) -> Option<Self>;
}

/// A number, or a fixed array of such.
#[doc(hidden)]
pub trait Dense: Copy {
    /// The type of the numbers.
    type Element: Element + for<'de> Deserialize<'de>;
    /// Appends the extent of each dimension.
    fn extents(extents: &mut Vec<usize>);
    /// The numbers, in C order.
    fn flatten(items: &[Self]) -> &[Self::Element];
    /// So many items of the numbers, if there are as many as they take.
    fn unflatten(elements: Vec<Self::Element>, items: usize) -> Option<Vec<Self>>;
}

macro_rules! numbers {
    ($($type:ty),*) => {$(
        impl Dense for $type {
            type Element = $type;

            fn extents(_: &mut Vec<usize>) {}

            fn flatten(items: &[$type]) -> &[$type] {
                items
            }

            fn unflatten(elements: Vec<$type>, items: usize) -> Option<Vec<$type>> {
                (elements.len() == items).then_some(elements)
            }
        }
    )*};
}
numbers!(i8, i16, i32, i64, u8, u16, u32, u64, f32, f64);

impl<D: Dense, const N: usize> Dense for [D; N] {
    type Element = D::Element;

    fn extents(extents: &mut Vec<usize>) {
        extents.push(N);
        D::extents(extents);
    }

    fn flatten(items: &[Self]) -> &[Self::Element] {
        D::flatten(items.as_flattened())
    }

    fn unflatten(elements: Vec<Self::Element>, items: usize) -> Option<Vec<Self>> {
        let inner = D::unflatten(elements, items.checked_mul(N)?)?;
        (0..items).map(|item| inner.get(item.checked_mul(N)?..)?.first_chunk().copied()).collect()
    }
}

impl<D: Dense> AsArray for Vec<D> {
    type Element = D::Element;

    fn shape(&self) -> Vec<usize> {
        let mut shape = vec![self.len()];
        D::extents(&mut shape);
        shape
    }

    fn elements(&self) -> &[D::Element] {
        D::flatten(self)
    }

    fn extents() -> Vec<Option<usize>> {
        let mut extents = Vec::new();
        D::extents(&mut extents);
        std::iter::once(None).chain(extents.into_iter().map(Some)).collect()
    }

    fn from_elements(elements: Vec<D::Element>, rows: usize) -> Option<Self> {
        D::unflatten(elements, rows)
    }
}

impl<D: Dense, const N: usize> AsArray for [D; N] {
    type Element = D::Element;

    fn shape(&self) -> Vec<usize> {
        let mut shape = Vec::new();
        <Self as Dense>::extents(&mut shape);
        shape
    }

    fn elements(&self) -> &[D::Element] {
        D::flatten(self)
    }

    fn extents() -> Vec<Option<usize>> {
        let mut extents = Vec::new();
        <Self as Dense>::extents(&mut extents);
        extents.into_iter().map(Some).collect()
    }

    fn from_elements(elements: Vec<D::Element>, rows: usize) -> Option<Self> {
        D::unflatten(elements, rows)?.try_into().ok()
    }
}

struct ArrayVisitor<A>(PhantomData<A>);

impl<A: AsArray> ArrayVisitor<A> {
    fn build<E: de::Error>(self, elements: Vec<A::Element>, rows: usize) -> Result<A, E> {
        let length = elements.len();
        A::from_elements(elements, rows).ok_or_else(|| E::invalid_length(length, &self))
    }
}

impl<'de, A: AsArray> Visitor<'de> for ArrayVisitor<A> {
    type Value = A;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(NUMBERS)
    }

    fn visit_seq<S: SeqAccess<'de>>(self, sequence: S) -> Result<A, S::Error> {
        let extents = A::extents();
        let mut elements = Vec::new();
        let rows = Rows { extents: &extents, elements: &mut elements }.visit_seq(sequence)?;
        self.build(elements, rows)
    }

    fn visit_enum<E: EnumAccess<'de>>(self, access: E) -> Result<A, E::Error> {
        let array = array::receive(access, &self)?;
        let extents = A::extents();
        let fits = array.shape().len() == extents.len()
            && extents
                .iter()
                .zip(array.shape())
                .all(|(fixed, found)| fixed.is_none_or(|fixed| fixed == *found));
        if !fits {
            let found = format!("{}{:?}", array.dtype(), array.shape());
            return Err(mismatch(&found, &extents));
        }
        let rows = array.shape().first().copied().unwrap_or(0);
        let elements = match array.to_vec::<A::Element>() {
            Some(elements) => elements,
            None => {
                let numbers = array
                    .numbers()
                    .ok_or_else(|| mismatch(&format!("an array of {}", array.dtype()), &extents))?;
                let convert = |number| A::Element::deserialize(ScalarDeserializer::<E::Error>::new(number));
                numbers.into_iter().map(convert).collect::<Result<_, _>>()?
            }
        };
        self.build(elements, rows)
    }
}

#[cold]
fn mismatch<E: de::Error>(found: &str, extents: &[Option<usize>]) -> E {
    let extents: Vec<String> =
        extents.iter().map(|extent| extent.map_or("any".to_owned(), |extent| extent.to_string())).collect();
    let expected = format!("numbers with shape [{}]", extents.join(", "));
    E::invalid_type(Unexpected::Other(found), &expected.as_str())
}

/// Collects the numbers of nested sequences, of which all but perhaps the first have a fixed length.
struct Rows<'a, T> {
    extents: &'a [Option<usize>],
    elements: &'a mut Vec<T>,
}

impl<'de, T: Element + Deserialize<'de>> DeserializeSeed<'de> for Rows<'_, T> {
    type Value = usize;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<usize, D::Error> {
        if self.extents.is_empty() {
            self.elements.push(T::deserialize(deserializer)?);
            return Ok(1);
        }
        deserializer.deserialize_seq(self)
    }
}

impl<'de, T: Element + Deserialize<'de>> Visitor<'de> for Rows<'_, T> {
    /// How many rows there were.
    type Value = usize;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.extents.first() {
            Some(Some(extent)) => write!(f, "a sequence of length {extent}"),
            _ => f.write_str("a sequence"),
        }
    }

    fn visit_seq<S: SeqAccess<'de>>(self, mut sequence: S) -> Result<usize, S::Error> {
        let (fixed, inner) =
            self.extents.split_first().map_or((None, self.extents), |(first, rest)| (*first, rest));
        if inner.is_empty() {
            self.elements.reserve(room(sequence.size_hint().unwrap_or(0)));
        }
        let mut rows = 0_usize;
        loop {
            let row = Rows { extents: inner, elements: &mut *self.elements };
            if sequence.next_element_seed(row)?.is_none() {
                break;
            }
            rows = rows.saturating_add(1);
            if fixed.is_some_and(|fixed| rows > fixed) {
                break;
            }
        }
        match fixed {
            Some(fixed) if fixed != rows => Err(de::Error::invalid_length(rows, &self)),
            _ => Ok(rows),
        }
    }
}
