//! Fields and items as handles, or as whatever they are.

use super::stream::AnyStream;
use super::{Array, Bytes, List, Str, Struct};
use crate::error::Result;
use crate::ops::{Get, Slot};
use crate::value::{Kind, Scalar};

macro_rules! get_handles {
    ($($type:ident),*) => {$(
        impl Get for $type {
            fn get(slot: Slot<'_>) -> Result<$type> {
                slot.handle(Kind::$type).map($type::from_handle)
            }
        }
    )*};
}
get_handles!(Str, Bytes, Array);

/// A field or item of any kind: scalars, strings and bytes by value, everything else by handle.
///
/// ```
/// use structstore::{Item, Scalar, StructStore};
///
/// let store = StructStore::new();
/// store.set("num", 5)?;
/// let item = store.get::<Item>("num")?;
/// assert!(matches!(item, Item::Scalar(Scalar::I32(5))));
/// assert_eq!(item.kind().name(), "i32");
/// # Ok::<(), structstore::Error>(())
/// ```
#[derive(Clone)]
#[non_exhaustive]
pub enum Item {
    /// No value.
    Null,
    /// A bool or a number.
    Scalar(Scalar),
    /// A copy of a string.
    Str(String),
    /// A copy of some bytes.
    Bytes(Vec<u8>),
    /// A list.
    List(List),
    /// A struct.
    Struct(Struct),
    /// An array.
    Array(Array),
    /// A stream.
    Stream(AnyStream),
}

impl Item {
    /// What kind of value it is.
    pub fn kind(&self) -> Kind {
        match self {
            Item::Null => Kind::Null,
            Item::Scalar(scalar) => scalar.kind(),
            Item::Str(_) => Kind::Str,
            Item::Bytes(_) => Kind::Bytes,
            Item::List(_) => Kind::List,
            Item::Struct(_) => Kind::Struct,
            Item::Array(_) => Kind::Array,
            Item::Stream(_) => Kind::Stream,
        }
    }
}

impl Get for Item {
    #[inline]
    fn get(slot: Slot<'_>) -> Result<Item> {
        Ok(match slot.kind()? {
            Kind::Null => Item::Null,
            Kind::Str => Item::Str(String::get(slot)?),
            Kind::Bytes => Item::Bytes(Vec::get(slot)?),
            Kind::List => Item::List(slot.handle(Kind::List).map(List::from_handle)?),
            Kind::Struct => Item::Struct(slot.handle(Kind::Struct).map(Struct::from_handle)?),
            Kind::Array => Item::Array(slot.handle(Kind::Array).map(Array::from_handle)?),
            Kind::Stream => Item::Stream(slot.handle(Kind::Stream).and_then(AnyStream::open)?),
            _ => Item::Scalar(Scalar::get(slot)?),
        })
    }
}
