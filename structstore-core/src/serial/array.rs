//! How arrays pass through serde, whose data model has none, with type and shape.
//!
//! To serialise, an array asks for a newtype named [`ARRAY`]. For all serializers but ours that is nothing special, and
//! what it wraps are nested sequences of numbers. Ours answers, from there on, every other time that it is for people to
//! read, which no other does: then what is wrapped gives the parts of the array in place of its numbers.
//!
//! To deserialise, our deserializer knows those who can take an array by what they say they expect, which is a string of
//! [`VALUE`] or [`NUMBERS`], and gives them an enum whose variant is named [`ARRAY`] and has the parts. All others get
//! nested sequences.

use std::fmt::{self, Write};
use std::iter::Enumerate;

use serde::de::value::{BorrowedBytesDeserializer, BorrowedStrDeserializer, SeqDeserializer};
use serde::de::{
    self, Deserialize, DeserializeSeed, EnumAccess, Expected, IntoDeserializer, SeqAccess, VariantAccess,
    Visitor,
};
use serde::forward_to_deserialize_any;
use serde::ser::{Error as _, Serialize, SerializeSeq, SerializeTupleStruct, Serializer};

use crate::error::{Error, Result};
use crate::for_each_number;
use crate::value::{ArrayValue, DType, Scalar, Value};

pub(super) const ARRAY: &str = "$structstore::array";
/// What those expect who take any value.
pub(super) const VALUE: &str = "a value that a StructStore can hold";
/// What those expect who take numbers.
pub(super) const NUMBERS: &str = "an array or a sequence of numbers";

/// Type, item size, shape and bytes.
const PARTS: usize = 4;

/// Numbers in foreign formats, an array in a store.
pub(super) fn serialize<S: Serializer>(array: &ArrayValue<'_>, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_newtype_struct(ARRAY, &Contents(array))
}

struct Contents<'a>(&'a ArrayValue<'a>);

impl Serialize for Contents<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let array = self.0;
        if serializer.is_human_readable() != serializer.is_human_readable() {
            let mut parts = serializer.serialize_tuple_struct(ARRAY, PARTS)?;
            parts.serialize_field(array.dtype().descr())?;
            parts.serialize_field(&(array.dtype().itemsize() as u64))?;
            parts.serialize_field(array.shape())?;
            parts.serialize_field(&Data(array.data()))?;
            return parts.end();
        }
        let numbers = array.numbers().ok_or_else(|| S::Error::custom(no_numbers(array)))?;
        Rows::of(array, &numbers).map_err(S::Error::custom)?.serialize(serializer)
    }
}

fn no_numbers(array: &ArrayValue<'_>) -> String {
    format!("an array of {} has no numbers that could be given one by one", array.dtype())
}

struct Data<'a>(&'a [u8]);

impl Serialize for Data<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_bytes(self.0)
    }
}

/// The array of which these are the parts, as our serialiser has collected them.
pub(super) fn assemble(parts: Vec<Value<'static>>) -> Result<Value<'static>> {
    let mut parts = parts.into_iter();
    let (Some(Value::Str(descr)), Some(Value::Scalar(Scalar::U64(itemsize)))) = (parts.next(), parts.next())
    else {
        return Err(no_array());
    };
    let (Some(Value::List(extents)), Some(Value::Bytes(data))) = (parts.next(), parts.next()) else {
        return Err(no_array());
    };
    let shape = extents.iter().map(|extent| match extent {
        Value::Scalar(Scalar::U64(extent)) => usize::try_from(*extent).map_err(|_| no_array()),
        _ => Err(no_array()),
    });
    let shape: Vec<usize> = shape.collect::<Result<_, _>>()?;
    let itemsize = u32::try_from(itemsize).map_err(|_| no_array())?;
    Ok(Value::Array(ArrayValue::new(DType::parse(&descr, itemsize)?, &shape, data)?))
}

#[cold]
fn no_array() -> Error {
    Error::rejected(format!("the name {ARRAY} is reserved for arrays"))
}

/// Nested sequences of an array's numbers, in either direction.
#[derive(Clone, Copy)]
struct Rows<'n> {
    shape: &'n [usize],
    numbers: &'n [Scalar],
}

/// How many rows without a number in them are gone through.
const MOST_EMPTY_ROWS: usize = 4096;

impl<'n> Rows<'n> {
    /// Those of an array that has these numbers. An error if it has none of them, and rows without end: an empty array may
    /// claim any extents before its 0.
    fn of(array: &'n ArrayValue<'_>, numbers: &'n [Scalar]) -> Result<Rows<'n>> {
        let shape = array.shape();
        let before = shape.iter().take_while(|extent| **extent != 0);
        let rows = before.fold(1_usize, |rows, extent| rows.saturating_mul(*extent));
        if numbers.is_empty() && rows > MOST_EMPTY_ROWS {
            let reason = format!("an empty array with shape {shape:?} has too many rows to give one by one");
            return Err(Error::rejected(reason));
        }
        Ok(Rows { shape, numbers })
    }

    /// The rows of the first dimension, if there is one.
    fn rows(self) -> Option<impl ExactSizeIterator<Item = Rows<'n>>> {
        let (extent, shape) = self.shape.split_first()?;
        // An empty array may claim any extent beside its 0.
        let extent = if *extent == 0 || self.numbers.is_empty() && !shape.contains(&0) { 0 } else { *extent };
        let stride = self.numbers.len().checked_div(extent).unwrap_or(0);
        Some((0..extent).map(move |row| {
            let behind = self.numbers.get(row.saturating_mul(stride)..).unwrap_or_default();
            Rows { shape, numbers: behind.get(..stride).unwrap_or_default() }
        }))
    }
}

impl Serialize for Rows<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match (self.rows(), self.numbers.first()) {
            (Some(rows), _) => {
                let mut sequence = serializer.serialize_seq(Some(rows.len()))?;
                for row in rows {
                    sequence.serialize_element(&row)?;
                }
                sequence.end()
            }
            (None, Some(number)) => number.serialize(serializer),
            (None, None) => Err(S::Error::custom("an array without dimensions and without an element")),
        }
    }
}

impl<'de> de::Deserializer<'de> for Rows<'_> {
    type Error = Error;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value> {
        match (self.rows(), self.numbers.first()) {
            (Some(rows), _) => {
                let length = rows.len();
                let mut access = RowAccess { rows: rows.enumerate() };
                let value = visitor.visit_seq(&mut access)?;
                match access.rows.len() {
                    0 => Ok(value),
                    _ => Err(de::Error::invalid_length(length, &"fewer")),
                }
            }
            (None, Some(number)) => visit_scalar(*number, visitor),
            (None, None) => Err(no_array()),
        }
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value> {
        visitor.visit_some(self)
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(self, _: &'static str, visitor: V) -> Result<V::Value> {
        visitor.visit_newtype_struct(self)
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf unit unit_struct seq tuple
        tuple_struct map struct enum identifier ignored_any
    }
}

struct RowAccess<I> {
    rows: Enumerate<I>,
}

impl<'de, 'n, I: ExactSizeIterator<Item = Rows<'n>>> SeqAccess<'de> for RowAccess<I> {
    type Error = Error;

    fn next_element_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<Option<T::Value>> {
        let Some((index, row)) = self.rows.next() else { return Ok(None) };
        seed.deserialize(row).map(Some).map_err(|error| error.under(index))
    }

    fn size_hint(&self) -> Option<usize> {
        Some(self.rows.len())
    }
}

/// Gives a visitor a scalar in its exact type.
#[inline]
pub(super) fn visit_scalar<'de, V: Visitor<'de>, E: de::Error>(
    scalar: Scalar,
    visitor: V,
) -> Result<V::Value, E> {
    macro_rules! visit {
        ($($kind:ident $type:ident $typestr:literal $class:ident;)*) => {
            match scalar {
                Scalar::Bool(value) => de::Deserializer::deserialize_any(value.into_deserializer(), visitor),
                $(Scalar::$kind(value) => de::Deserializer::deserialize_any(value.into_deserializer(), visitor),)*
            }
        };
    }
    for_each_number!(visit)
}

/// Gives a visitor an array: whole if it can take one, else as nested sequences.
pub(super) fn visit_array<'de, V: Visitor<'de>>(array: ArrayValue<'de>, visitor: V) -> Result<V::Value> {
    if expects(&visitor, VALUE) || expects(&visitor, NUMBERS) {
        return visitor.visit_enum(Access { array, next: 0 });
    }
    let Some(numbers) = array.numbers() else {
        let found = format!("an array of {}", array.dtype());
        let expected = (&visitor as &dyn Expected).to_string();
        return Err(Error::wrong_type(found, expected));
    };
    de::Deserializer::deserialize_any(Rows::of(&array, &numbers)?, visitor)
}

/// Whether this is what a visitor says that it expects.
pub(super) fn expects<'de, V: Visitor<'de>>(visitor: &V, what: &str) -> bool {
    /// What is still to come of the string that is compared with.
    struct Rest<'a>(&'a str);

    impl Write for Rest<'_> {
        fn write_str(&mut self, written: &str) -> fmt::Result {
            self.0 = self.0.strip_prefix(written).ok_or(fmt::Error)?;
            Ok(())
        }
    }

    let mut rest = Rest(what);
    let said: &dyn Expected = visitor;
    write!(rest, "{said}").is_ok() && rest.0.is_empty()
}

/// The parts of an array for those who can take one whole.
struct Access<'de> {
    array: ArrayValue<'de>,
    next: usize,
}

impl<'de> EnumAccess<'de> for Access<'de> {
    type Error = Error;
    type Variant = Self;

    fn variant_seed<T: DeserializeSeed<'de>>(self, seed: T) -> Result<(T::Value, Self)> {
        let name: BorrowedStrDeserializer<'_, Error> = BorrowedStrDeserializer::new(ARRAY);
        Ok((seed.deserialize(name)?, self))
    }
}

impl<'de> VariantAccess<'de> for Access<'de> {
    type Error = Error;

    fn unit_variant(self) -> Result<()> {
        Err(no_array())
    }

    fn newtype_variant_seed<T: DeserializeSeed<'de>>(self, _: T) -> Result<T::Value> {
        Err(no_array())
    }

    fn tuple_variant<V: Visitor<'de>>(self, _: usize, visitor: V) -> Result<V::Value> {
        visitor.visit_seq(self)
    }

    fn struct_variant<V: Visitor<'de>>(self, _: &'static [&'static str], _: V) -> Result<V::Value> {
        Err(no_array())
    }
}

impl<'de> SeqAccess<'de> for Access<'de> {
    type Error = Error;

    fn next_element_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<Option<T::Value>> {
        let (array, part) = (&self.array, self.next);
        self.next = part.saturating_add(1);
        match part {
            0 => seed.deserialize(array.dtype().descr().into_deserializer()),
            1 => seed.deserialize((array.dtype().itemsize() as u32).into_deserializer()),
            2 => seed.deserialize(SeqDeserializer::new(array.shape().iter().copied())),
            3 => match array.lent_data() {
                Some(data) => seed.deserialize(BorrowedBytesDeserializer::new(data)),
                None => Err(no_array()),
            },
            _ => return Ok(None),
        }
        .map(Some)
    }
}

/// The array that an enum is, of which our deserializer says so.
pub(super) fn receive<'de, A: EnumAccess<'de>>(
    access: A,
    visitor: &dyn Expected,
) -> Result<ArrayValue<'de>, A::Error> {
    let (name, contents) = access.variant::<std::borrow::Cow<'de, str>>()?;
    if name != ARRAY {
        return Err(de::Error::invalid_type(de::Unexpected::Enum, visitor));
    }
    contents.tuple_variant(PARTS, PartsVisitor)
}

struct PartsVisitor;

impl<'de> Visitor<'de> for PartsVisitor {
    type Value = ArrayValue<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the parts of an array")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut parts: A) -> Result<ArrayValue<'de>, A::Error> {
        fn part<'de, T: Deserialize<'de>, A: SeqAccess<'de>>(parts: &mut A) -> Result<T, A::Error> {
            parts.next_element()?.ok_or_else(|| de::Error::custom("a part of an array is missing"))
        }
        let (descr, itemsize): (String, u32) = (part(&mut parts)?, part(&mut parts)?);
        let (shape, data): (Vec<usize>, &[u8]) = (part(&mut parts)?, part(&mut parts)?);
        DType::parse(&descr, itemsize)
            .and_then(|dtype| ArrayValue::new(dtype, &shape, data))
            .map_err(de::Error::custom)
    }
}

/// A scalar as a deserializer with the errors of somebody else.
pub(super) struct ScalarDeserializer<E> {
    scalar: Scalar,
    errors: std::marker::PhantomData<E>,
}

impl<E> ScalarDeserializer<E> {
    pub(super) fn new(scalar: Scalar) -> ScalarDeserializer<E> {
        ScalarDeserializer { scalar, errors: std::marker::PhantomData }
    }
}

impl<'de, E: de::Error> de::Deserializer<'de> for ScalarDeserializer<E> {
    type Error = E;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, E> {
        visit_scalar(self.scalar, visitor)
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf option unit unit_struct
        newtype_struct seq tuple tuple_struct map struct enum identifier ignored_any
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// An empty array takes no memory, however many rows its shape claims; one by one they would never end.
    #[test]
    fn an_empty_array_of_endless_rows_is_refused() {
        let empty = |shape: &[usize]| Value::Array(ArrayValue::from_slice::<f64>(shape, &[]).unwrap());
        assert_eq!(serde_json::to_string(&empty(&[2, 0])).unwrap(), "[[],[]]");
        assert_eq!(super::super::from_value::<Vec<Vec<f64>>>(&empty(&[2, 0])).unwrap(), [[0.0; 0]; 2]);
        for endless in [&[1 << 40, 0][..], &[1 << 20, 1 << 20, 0], &[1 << 50, 0, 5]] {
            assert!(serde_json::to_string(&empty(endless)).is_err(), "{endless:?}");
            assert!(super::super::from_value::<Vec<Vec<u8>>>(&empty(endless)).is_err(), "{endless:?}");
            assert_eq!(super::super::to_value(&empty(endless)).unwrap(), empty(endless));
        }
    }
}
