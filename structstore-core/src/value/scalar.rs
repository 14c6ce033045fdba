//! Scalars: how they lie in a slot, how they convert, how they compare.

use std::cmp::Ordering;

use super::{Kind, Value};
#[cfg(doc)]
use crate::error::ErrorKind;
use crate::error::{Error, Result};
use crate::for_each_number;

/// A truth value or a number of exact type.
///
/// Comparisons are by value: `I32(1) == F64(1.0)`, and exact also where a conversion would round. A NaN equals
/// nothing, and a `Bool` equals only a `Bool`.
///
/// ```
/// use structstore::{Kind, Scalar, StructStore};
///
/// let store = StructStore::new();
/// store.set("level", 7_u8)?;
/// let level: Scalar = store.get("level")?;
/// assert_eq!(level.kind(), Kind::U8);
/// assert_eq!(level, Scalar::F64(7.0));
/// # Ok::<(), structstore::Error>(())
/// ```
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
#[expect(missing_docs, reason = "the variants are the types that they hold")]
pub enum Scalar {
    Bool(bool),
    I8(i8),
    I16(i16),
    I32(i32),
    I64(i64),
    U8(u8),
    U16(u16),
    U32(u32),
    U64(u64),
    F32(f32),
    F64(f64),
}

macro_rules! scalar {
    ($($kind:ident $type:ident $typestr:literal $class:ident;)*) => {
        impl Scalar {
            /// The kind of slot that holds this.
            pub fn kind(self) -> Kind {
                match self {
                    Scalar::Bool(_) => Kind::Bool,
                    $(Scalar::$kind(_) => Kind::$kind,)*
                }
            }

            fn wide(self) -> Wide {
                match self {
                    Scalar::Bool(value) => Wide::Bool(value),
                    $(Scalar::$kind(value) => Wide::$class(value.into()),)*
                }
            }

            /// The payload of a slot that holds this. Bytes beyond the type's size are zero.
            #[inline]
            pub(crate) fn payload(self) -> u64 {
                match self {
                    Scalar::Bool(value) => value.into(),
                    $(Scalar::$kind(value) => payload_of(value.to_le_bytes()),)*
                }
            }
        }

        /// Reads a slot's payload as the scalar of its kind; `None` if scalars have no such kind.
        ///
        /// Only the bytes of the type count: a store through a reference to it leaves the others alone.
        pub(crate) fn decode_scalar(kind: Kind, payload: u64) -> Result<Option<Scalar>> {
            Ok(match kind {
                Kind::Bool => match payload as u8 {
                    0 => Some(Scalar::Bool(false)),
                    1 => Some(Scalar::Bool(true)),
                    other => return Err(Error::corrupt("a bool", other, "0 or 1")),
                },
                $(Kind::$kind => $type::from_payload(payload).map(Scalar::$kind),)*
                _ => None,
            })
        }

        /// An integer as a number of another kind, if that has it.
        fn from_integer(value: i128, to: Kind) -> Option<Scalar> {
            match to {
                $(Kind::$kind => integer_to!($class, $type, value).map(Scalar::$kind),)*
                _ => None,
            }
        }
    };
}

/// An integer as one of another type or as a float, if that has it.
macro_rules! integer_to {
    (Integer, $type:ty, $value:ident) => {
        <$type>::try_from($value).ok()
    };
    (Float, $type:ty, $value:ident) => {
        Some($value as $type).filter(|float| *float as i128 == $value)
    };
}

for_each_number!(scalar);

/// A number in the widest type of its class.
#[derive(Clone, Copy)]
enum Wide {
    Bool(bool),
    Integer(i128),
    Float(f64),
}

impl Scalar {
    /// The same value as one of another kind, if that has it: an integer that fits, or that a float represents exactly. Floats round to a narrower float, as
    /// everywhere, but do not overflow; nothing else converts.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::OutOfRange`] for a number that does not fit, [`ErrorKind::WrongType`] for what does not convert.
    ///
    /// ```
    /// use structstore::{ErrorKind, Kind, Scalar};
    ///
    /// assert_eq!(Scalar::I64(255).to_kind(Kind::U8)?.kind(), Kind::U8);
    /// assert_eq!(Scalar::I64(256).to_kind(Kind::U8).unwrap_err().kind(), ErrorKind::OutOfRange);
    /// # Ok::<(), structstore::Error>(())
    /// ```
    pub fn to_kind(self, to: Kind) -> Result<Scalar> {
        if self.kind() == to {
            return Ok(self);
        }
        let misfit = || Error::out_of_range(self, to.name());
        Ok(match (self.wide(), to) {
            (Wide::Integer(value), _) if to.is_number() => from_integer(value, to).ok_or_else(misfit)?,
            (Wide::Float(value), Kind::F64) => Scalar::F64(value),
            (Wide::Float(value), Kind::F32) => {
                let narrow = value as f32;
                if narrow.is_infinite() && value.is_finite() {
                    return Err(misfit());
                }
                Scalar::F32(narrow)
            }
            _ => return Err(Error::wrong_type(self.kind().name(), to.name())),
        })
    }

    /// The bytes that an element of an array has of it, little endian, and zeroes behind them.
    ///
    /// ```
    /// use structstore::Scalar;
    ///
    /// assert_eq!(Scalar::U16(258).to_le_bytes(), [2, 1, 0, 0, 0, 0, 0, 0]);
    /// ```
    pub fn to_le_bytes(self) -> [u8; 8] {
        self.payload().to_le_bytes()
    }

    /// The number, if it is an integer.
    pub(crate) fn integer(self) -> Option<i128> {
        match self.wide() {
            Wide::Integer(value) => Some(value),
            _ => None,
        }
    }

    /// The float that is next to the number; 0 or 1 for a truth value.
    pub(crate) fn nearest(self) -> f64 {
        match self.wide() {
            Wide::Bool(value) => f64::from(u8::from(value)),
            Wide::Integer(value) => value as f64,
            Wide::Float(value) => value,
        }
    }

    /// The value in double precision, if this is a float.
    pub(crate) fn float(self) -> Option<f64> {
        match self.wide() {
            Wide::Float(value) => Some(value),
            _ => None,
        }
    }
}

#[inline(always)]
fn payload_of<const N: usize>(bytes: [u8; N]) -> u64 {
    let mut payload = [0; 8];
    payload.iter_mut().zip(bytes).for_each(|(low, byte)| *low = byte);
    u64::from_le_bytes(payload)
}

impl PartialEq for Scalar {
    fn eq(&self, other: &Self) -> bool {
        self.partial_cmp(other) == Some(Ordering::Equal)
    }
}

/// False is less than true. There is no order between a NaN and anything, nor between a truth value and a number.
impl PartialOrd for Scalar {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        // Integers have 64 bits: if their nearest float equals another float, that is in range.
        let mixed = |integer: i128, float: f64| {
            let nearest = (integer as f64).partial_cmp(&float)?;
            Some(nearest.then_with(|| integer.cmp(&(float as i128))))
        };
        match (self.wide(), other.wide()) {
            (Wide::Bool(a), Wide::Bool(b)) => Some(a.cmp(&b)),
            (Wide::Integer(a), Wide::Integer(b)) => Some(a.cmp(&b)),
            (Wide::Float(a), Wide::Float(b)) => a.partial_cmp(&b),
            (Wide::Integer(a), Wide::Float(b)) => mixed(a, b),
            (Wide::Float(a), Wide::Integer(b)) => mixed(b, a).map(Ordering::reverse),
            _ => None,
        }
    }
}

impl std::fmt::Display for Scalar {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.wide() {
            Wide::Bool(value) => value.fmt(f),
            Wide::Integer(value) => value.fmt(f),
            // Debug keeps the decimal point of whole numbers and switches to exponents.
            Wide::Float(_) => match *self {
                Scalar::F32(value) => std::fmt::Debug::fmt(&value, f),
                Scalar::F64(value) => std::fmt::Debug::fmt(&value, f),
                _ => Ok(()),
            },
        }
    }
}

/// A Rust type that a slot can hold inline.
///
/// ```
/// use std::ops::AddAssign;
/// use structstore::{Result, StructStore};
/// use structstore::traits::ScalarType;
/// use structstore::guard::StructMut;
///
/// fn add<T: ScalarType + AddAssign>(fields: &mut StructMut<'_>, name: &str, more: T) -> Result<()> {
///     *fields.get_mut::<T>(name)? += more;
///     Ok(())
/// }
///
/// let store = StructStore::new();
/// store.set("num", 5)?;
/// store.transaction(|fields| add(fields, "num", 1))?;
/// assert_eq!(store.get::<i32>("num")?, 6);
/// # Ok::<(), structstore::Error>(())
/// ```
///
/// # Safety
///
/// The type is stored as the low bytes of a slot's payload, and `valid` tells which payloads are values of it.
pub unsafe trait ScalarType: Copy + 'static + Into<Scalar> {
    /// The kind of slot that holds it.
    const KIND: Kind;
    /// The value, if the scalar is of this type.
    fn from_scalar(scalar: Scalar) -> Option<Self>;
    /// Whether a slot's payload is a value of this type.
    fn valid(payload: u64) -> bool;
    /// The value of a payload, if it is valid.
    #[doc(hidden)]
    fn from_payload(payload: u64) -> Option<Self>;
}

macro_rules! scalar_type {
    ($type:ty, $kind:ident, $from_payload:expr) => {
        impl From<$type> for Scalar {
            #[inline]
            fn from(value: $type) -> Scalar {
                Scalar::$kind(value as _)
            }
        }

        impl From<$type> for Value<'_> {
            #[inline]
            fn from(value: $type) -> Self {
                Value::Scalar(value.into())
            }
        }

        impl From<&$type> for Value<'_> {
            #[inline]
            fn from(value: &$type) -> Self {
                Value::Scalar((*value).into())
            }
        }

        // SAFETY: little-endian payloads begin with the type's own bytes; of those types only bool has invalid ones. A
        // usize has 64 bits, for other targets are refused.
        unsafe impl ScalarType for $type {
            const KIND: Kind = Kind::$kind;

            #[inline]
            fn from_scalar(scalar: Scalar) -> Option<$type> {
                match scalar {
                    Scalar::$kind(value) => Some(value as _),
                    _ => None,
                }
            }

            #[inline]
            fn from_payload(payload: u64) -> Option<$type> {
                let from_payload: fn(u64) -> Option<$type> = $from_payload;
                from_payload(payload)
            }

            #[inline]
            fn valid(payload: u64) -> bool {
                <$type>::from_payload(payload).is_some()
            }
        }
    };
}

macro_rules! number_types {
    ($($kind:ident $type:ident $typestr:literal $class:ident;)*) => {$(
        scalar_type!($type, $kind, |payload| {
            payload.to_le_bytes().first_chunk().map(|bytes| $type::from_le_bytes(*bytes))
        });
    )*};
}

for_each_number!(number_types);
scalar_type!(isize, I64, |payload| Some(payload as isize));
scalar_type!(usize, U64, |payload| Some(payload as usize));
scalar_type!(bool, Bool, |payload| (payload as u8 <= 1).then_some(payload as u8 == 1));

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::ErrorKind;

    #[test]
    fn numbers_compare_by_value_and_exactly() {
        assert_eq!(Scalar::I8(1), Scalar::F64(1.0));
        assert_ne!(Scalar::I64(i64::MAX), Scalar::F64(i64::MAX as f64));
        assert_eq!(Scalar::U64(1 << 60), Scalar::F64((1_u64 << 60) as f64));
        assert_ne!(Scalar::F64(f64::NAN), Scalar::F64(f64::NAN));
        assert_ne!(Scalar::Bool(true), Scalar::I64(1));
        assert_ne!(Scalar::F64(f64::INFINITY), Scalar::U64(u64::MAX));
        assert!(Scalar::I64(i64::MAX) < Scalar::F64(i64::MAX as f64));
        assert!(Scalar::F64(f64::NEG_INFINITY) < Scalar::I64(i64::MIN) && Scalar::U8(2) > Scalar::F32(1.5));
        assert!(Scalar::Bool(false) < Scalar::Bool(true));
        assert_eq!(Scalar::F64(f64::NAN).partial_cmp(&Scalar::U8(1)), None);
        assert_eq!(Scalar::Bool(true).partial_cmp(&Scalar::U8(0)), None);
    }

    #[test]
    fn conversions_keep_the_value_or_fail() {
        assert!(matches!(Scalar::I64(255).to_kind(Kind::U8), Ok(Scalar::U8(255))));
        assert!(
            matches!(Scalar::I64(256).to_kind(Kind::U8), Err(error) if error.kind() == ErrorKind::OutOfRange)
        );
        assert!(
            matches!(Scalar::I64(-1).to_kind(Kind::U64), Err(error) if error.kind() == ErrorKind::OutOfRange)
        );
        assert!(
            matches!(Scalar::I64((1 << 53) + 1).to_kind(Kind::F64), Err(error) if error.kind() == ErrorKind::OutOfRange)
        );
        assert!(
            matches!(Scalar::F64(1.0).to_kind(Kind::I64), Err(error) if error.kind() == ErrorKind::WrongType)
        );
        assert!(
            matches!(Scalar::Bool(true).to_kind(Kind::I64), Err(error) if error.kind() == ErrorKind::WrongType)
        );
        assert!(matches!(Scalar::F64(0.1).to_kind(Kind::F32), Ok(Scalar::F32(_))));
        assert!(
            matches!(Scalar::F64(1e300).to_kind(Kind::F32), Err(error) if error.kind() == ErrorKind::OutOfRange)
        );
    }
}
