//! Scalars: how they lie in a slot, how they convert, how they compare.

use super::{Kind, Value};
use crate::error::{Error, Result};

/// A truth value or a number of exact type.
///
/// Equality is by value: `I32(1) == F64(1.0)`, and exact also where a conversion would round. A NaN equals
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

/// A number in the widest type of its class.
#[derive(Clone, Copy)]
enum Wide {
    Bool(bool),
    Integer(i128),
    Float(f64),
}

impl Scalar {
    /// The kind of slot that holds this.
    pub fn kind(self) -> Kind {
        match self {
            Scalar::Bool(_) => Kind::Bool,
            Scalar::I8(_) => Kind::I8,
            Scalar::I16(_) => Kind::I16,
            Scalar::I32(_) => Kind::I32,
            Scalar::I64(_) => Kind::I64,
            Scalar::U8(_) => Kind::U8,
            Scalar::U16(_) => Kind::U16,
            Scalar::U32(_) => Kind::U32,
            Scalar::U64(_) => Kind::U64,
            Scalar::F32(_) => Kind::F32,
            Scalar::F64(_) => Kind::F64,
        }
    }

    fn wide(self) -> Wide {
        match self {
            Scalar::Bool(value) => Wide::Bool(value),
            Scalar::I8(value) => Wide::Integer(value.into()),
            Scalar::I16(value) => Wide::Integer(value.into()),
            Scalar::I32(value) => Wide::Integer(value.into()),
            Scalar::I64(value) => Wide::Integer(value.into()),
            Scalar::U8(value) => Wide::Integer(value.into()),
            Scalar::U16(value) => Wide::Integer(value.into()),
            Scalar::U32(value) => Wide::Integer(value.into()),
            Scalar::U64(value) => Wide::Integer(value.into()),
            Scalar::F32(value) => Wide::Float(value.into()),
            Scalar::F64(value) => Wide::Float(value),
        }
    }

    /// The payload of a slot that holds this. Bytes beyond the type's size are zero.
    #[inline]
    pub(crate) fn payload(self) -> u64 {
        match self {
            Scalar::Bool(value) => value.into(),
            Scalar::I8(value) => value as u8 as u64,
            Scalar::I16(value) => value as u16 as u64,
            Scalar::I32(value) => value as u32 as u64,
            Scalar::I64(value) => value as u64,
            Scalar::U8(value) => value.into(),
            Scalar::U16(value) => value.into(),
            Scalar::U32(value) => value.into(),
            Scalar::U64(value) => value,
            Scalar::F32(value) => value.to_bits().into(),
            Scalar::F64(value) => value.to_bits(),
        }
    }
}

impl PartialEq for Scalar {
    fn eq(&self, other: &Self) -> bool {
        match (self.wide(), other.wide()) {
            (Wide::Bool(a), Wide::Bool(b)) => a == b,
            (Wide::Integer(a), Wide::Integer(b)) => a == b,
            (Wide::Float(a), Wide::Float(b)) => a == b,
            (Wide::Integer(a), Wide::Float(b)) | (Wide::Float(b), Wide::Integer(a)) => {
                a as f64 == b && b as i128 == a
            }
            _ => false,
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

/// Reads a slot's payload as the scalar of its kind; `None` if the kind is none.
///
/// Only the bytes of the type count: a store through a reference to it leaves the others alone.
pub(crate) fn decode_scalar(kind: Kind, payload: u64) -> Result<Option<Scalar>> {
    Ok(Some(match kind {
        Kind::Bool => match payload as u8 {
            0 => Scalar::Bool(false),
            1 => Scalar::Bool(true),
            other => return Err(Error::corrupt("a bool", other, "0 or 1")),
        },
        Kind::I8 => Scalar::I8(payload as i8),
        Kind::I16 => Scalar::I16(payload as i16),
        Kind::I32 => Scalar::I32(payload as i32),
        Kind::I64 => Scalar::I64(payload as i64),
        Kind::U8 => Scalar::U8(payload as u8),
        Kind::U16 => Scalar::U16(payload as u16),
        Kind::U32 => Scalar::U32(payload as u32),
        Kind::U64 => Scalar::U64(payload),
        Kind::F32 => Scalar::F32(f32::from_bits(payload as u32)),
        Kind::F64 => Scalar::F64(f64::from_bits(payload)),
        _ => return Ok(None),
    }))
}

/// Converts a scalar to another kind if that keeps its value: integers that fit, integers that a float represents
/// exactly. Floats round to a narrower float, as everywhere, but do not overflow; nothing else converts.
pub(crate) fn convert(scalar: Scalar, to: Kind) -> Result<Scalar> {
    if scalar.kind() == to {
        return Ok(scalar);
    }
    let misfit = || Error::out_of_range(scalar, to.name());
    let mistyped = || Error::wrong_type(scalar.kind().name(), to.name());
    Ok(match (scalar.wide(), to) {
        (Wide::Integer(value), Kind::I8) => Scalar::I8(value.try_into().map_err(|_| misfit())?),
        (Wide::Integer(value), Kind::I16) => Scalar::I16(value.try_into().map_err(|_| misfit())?),
        (Wide::Integer(value), Kind::I32) => Scalar::I32(value.try_into().map_err(|_| misfit())?),
        (Wide::Integer(value), Kind::I64) => Scalar::I64(value.try_into().map_err(|_| misfit())?),
        (Wide::Integer(value), Kind::U8) => Scalar::U8(value.try_into().map_err(|_| misfit())?),
        (Wide::Integer(value), Kind::U16) => Scalar::U16(value.try_into().map_err(|_| misfit())?),
        (Wide::Integer(value), Kind::U32) => Scalar::U32(value.try_into().map_err(|_| misfit())?),
        (Wide::Integer(value), Kind::U64) => Scalar::U64(value.try_into().map_err(|_| misfit())?),
        (Wide::Integer(value), Kind::F32) if (value as f32) as i128 == value => Scalar::F32(value as f32),
        (Wide::Integer(value), Kind::F64) if (value as f64) as i128 == value => Scalar::F64(value as f64),
        (Wide::Integer(_), Kind::F32 | Kind::F64) => return Err(misfit()),
        (Wide::Float(value), Kind::F64) => Scalar::F64(value),
        (Wide::Float(value), Kind::F32) => {
            let narrow = value as f32;
            if narrow.is_infinite() && value.is_finite() {
                return Err(misfit());
            }
            Scalar::F32(narrow)
        }
        _ => return Err(mistyped()),
    })
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

macro_rules! cells {
    ($($type:ty, $kind:ident, $valid:expr, $decode:expr;)*) => {$(
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
                let decode: fn(u64) -> $type = $decode;
                <$type as ScalarType>::valid(payload).then(|| decode(payload))
            }

            #[inline]
            fn valid(payload: u64) -> bool {
                let valid: fn(u64) -> bool = $valid;
                valid(payload)
            }
        }
    )*};
}

cells! {
    bool, Bool, |payload| payload as u8 <= 1, |payload| payload as u8 == 1;
    i8, I8, |_| true, |payload| payload as i8;
    i16, I16, |_| true, |payload| payload as i16;
    i32, I32, |_| true, |payload| payload as i32;
    i64, I64, |_| true, |payload| payload as i64;
    u8, U8, |_| true, |payload| payload as u8;
    u16, U16, |_| true, |payload| payload as u16;
    u32, U32, |_| true, |payload| payload as u32;
    u64, U64, |_| true, |payload| payload;
    isize, I64, |_| true, |payload| payload as isize;
    usize, U64, |_| true, |payload| payload as usize;
    f32, F32, |_| true, |payload| f32::from_bits(payload as u32);
    f64, F64, |_| true, f64::from_bits;
}

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
    }

    #[test]
    fn conversions_keep_the_value_or_fail() {
        assert!(matches!(convert(Scalar::I64(255), Kind::U8), Ok(Scalar::U8(255))));
        assert!(
            matches!(convert(Scalar::I64(256), Kind::U8), Err(error) if error.kind() == ErrorKind::OutOfRange)
        );
        assert!(
            matches!(convert(Scalar::I64(-1), Kind::U64), Err(error) if error.kind() == ErrorKind::OutOfRange)
        );
        assert!(
            matches!(convert(Scalar::I64((1 << 53) + 1), Kind::F64), Err(error) if error.kind() == ErrorKind::OutOfRange)
        );
        assert!(
            matches!(convert(Scalar::F64(1.0), Kind::I64), Err(error) if error.kind() == ErrorKind::WrongType)
        );
        assert!(
            matches!(convert(Scalar::Bool(true), Kind::I64), Err(error) if error.kind() == ErrorKind::WrongType)
        );
        assert!(matches!(convert(Scalar::F64(0.1), Kind::F32), Ok(Scalar::F32(_))));
        assert!(
            matches!(convert(Scalar::F64(1e300), Kind::F32), Err(error) if error.kind() == ErrorKind::OutOfRange)
        );
    }
}
