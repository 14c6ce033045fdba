//! The kinds of values, as slots and node records name them.

use std::str::FromStr;

use crate::error::{Error, Result};
use crate::for_each_number;

/// What kind of value a field or item holds.
///
/// ```
/// use structstore::{Kind, StructStore};
///
/// let store = StructStore::new();
/// store.set("gain", 0.5)?;
/// assert_eq!(store.kind("gain")?, Kind::F64);
/// assert_eq!("f64".parse::<Kind>()?, Kind::F64);
/// # Ok::<(), structstore::Error>(())
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
#[repr(u8)]
#[non_exhaustive]
pub enum Kind {
    /// No value.
    Null = 1,
    /// A truth value.
    Bool = 2,
    /// A signed 8-bit integer.
    I8 = 3,
    /// A signed 16-bit integer.
    I16 = 4,
    /// A signed 32-bit integer.
    I32 = 5,
    /// A signed 64-bit integer.
    I64 = 6,
    /// An unsigned 8-bit integer.
    U8 = 7,
    /// An unsigned 16-bit integer.
    U16 = 8,
    /// An unsigned 32-bit integer.
    U32 = 9,
    /// An unsigned 64-bit integer.
    U64 = 10,
    /// A single-precision number.
    F32 = 11,
    /// A double-precision number.
    F64 = 12,
    /// A string, in UTF-8.
    Str = 16,
    /// Uninterpreted bytes.
    Bytes = 17,
    /// Values in order.
    List = 18,
    /// Named values.
    Struct = 19,
    /// A dense n-dimensional array.
    Array = 20,
    /// A stream of samples.
    Stream = 21,
}

impl Kind {
    /// The kind with this code, if there is one.
    pub(crate) fn of(code: u8) -> Option<Kind> {
        Some(match code {
            1 => Kind::Null,
            2 => Kind::Bool,
            3 => Kind::I8,
            4 => Kind::I16,
            5 => Kind::I32,
            6 => Kind::I64,
            7 => Kind::U8,
            8 => Kind::U16,
            9 => Kind::U32,
            10 => Kind::U64,
            11 => Kind::F32,
            12 => Kind::F64,
            16 => Kind::Str,
            17 => Kind::Bytes,
            18 => Kind::List,
            19 => Kind::Struct,
            20 => Kind::Array,
            21 => Kind::Stream,
            _ => return None,
        })
    }

    /// Whether values of this kind are nodes, which can be locked and named by handles.
    pub fn is_node(self) -> bool {
        self as u8 >= Kind::Str as u8
    }

    /// Whether values of this kind are numbers.
    ///
    /// ```
    /// use structstore::Kind;
    ///
    /// assert!(Kind::F32.is_number() && !Kind::Bool.is_number());
    /// ```
    pub fn is_number(self) -> bool {
        macro_rules! is_number {
            ($($kind:ident $type:ident $typestr:literal $class:ident;)*) => { matches!(self, $(Kind::$kind)|*) };
        }
        for_each_number!(is_number)
    }

    /// Whether every value of this kind is one of the other, which is larger.
    pub(crate) fn widens_to(self, other: Kind) -> bool {
        /// Whether an integer is signed, and its bits.
        fn integer(kind: Kind) -> Option<(bool, u32)> {
            macro_rules! integer {
                ($($kind:ident $type:ident $typestr:literal $class:ident;)*) => {
                    match kind {
                        $(Kind::$kind => integer!($class $type),)*
                        _ => None,
                    }
                };
                (Integer $type:ident) => { Some(($type::MIN != 0, $type::BITS)) };
                (Float $type:ident) => { None };
            }
            for_each_number!(integer)
        }
        match (integer(self), integer(other), other) {
            (Some((from_signed, from)), Some((to_signed, to)), _) => from < to && (to_signed || !from_signed),
            (Some((_, bits)), _, Kind::F32) => bits <= 16,
            (Some((_, bits)), _, Kind::F64) => bits <= 32,
            _ => (self, other) == (Kind::F32, Kind::F64),
        }
    }

    /// The name of the kind, as errors use it.
    pub fn name(self) -> &'static str {
        match self {
            Kind::Null => "null",
            Kind::Bool => "bool",
            Kind::I8 => "i8",
            Kind::I16 => "i16",
            Kind::I32 => "i32",
            Kind::I64 => "i64",
            Kind::U8 => "u8",
            Kind::U16 => "u16",
            Kind::U32 => "u32",
            Kind::U64 => "u64",
            Kind::F32 => "f32",
            Kind::F64 => "f64",
            Kind::Str => "str",
            Kind::Bytes => "bytes",
            Kind::List => "list",
            Kind::Struct => "struct",
            Kind::Array => "array",
            Kind::Stream => "stream",
        }
    }
}

impl std::fmt::Display for Kind {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name())
    }
}

/// The kind with a [name](Kind::name).
impl FromStr for Kind {
    type Err = Error;

    fn from_str(name: &str) -> Result<Kind> {
        let mut kinds = (0..=Kind::Stream as u8).filter_map(Kind::of);
        kinds.find(|kind| kind.name() == name).ok_or_else(|| {
            let found = name.chars().take(64).collect::<String>();
            Error::invalid("kind", format!("{found:?}"), "the name of a kind, such as \"f64\"")
        })
    }
}

/// The error for a field that is of another kind.
#[cold]
pub(crate) fn wrong_kind(found: Kind, expected: &'static str) -> Error {
    Error::wrong_type(found.name(), expected)
}

#[cfg(test)]
mod tests {
    use super::Kind::{self, *};

    #[test]
    fn kinds_are_found_by_their_names() {
        for kind in (0..=u8::MAX).filter_map(Kind::of) {
            assert_eq!(kind.name().parse::<Kind>().unwrap(), kind);
        }
        let error = "float".parse::<Kind>().unwrap_err().to_string();
        assert!(error.contains("found \"float\", expected the name of a kind"), "{error}");
    }

    #[test]
    fn what_is_wider_holds_every_value() {
        const NUMBERS: [Kind; 10] = [I8, I16, I32, I64, U8, U16, U32, U64, F32, F64];
        let wider =
            |from: Kind| -> Vec<Kind> { NUMBERS.into_iter().filter(|to| from.widens_to(*to)).collect() };
        assert_eq!(wider(I8), [I16, I32, I64, F32, F64]);
        assert_eq!(wider(I16), [I32, I64, F32, F64]);
        assert_eq!(wider(I32), [I64, F64]);
        assert_eq!(wider(I64), []);
        assert_eq!(wider(U8), [I16, I32, I64, U16, U32, U64, F32, F64]);
        assert_eq!(wider(U16), [I32, I64, U32, U64, F32, F64]);
        assert_eq!(wider(U32), [I64, U64, F64]);
        assert_eq!(wider(U64), []);
        assert_eq!(wider(F32), [F64]);
        assert_eq!(wider(F64), []);
        assert_eq!(wider(Bool), []);
    }
}
