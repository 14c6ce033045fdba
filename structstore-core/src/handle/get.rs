//! Reading slots as Rust types.

use super::{Array, Bytes, Handle, List, Str, Struct, held_value, wrong_kind};
use crate::arena::Arena;
use crate::error::{Error, ErrorKind, Result};
use crate::node::{self, Raw};
use crate::value::{Kind, Scalar, ScalarType, Value, convert, decode_scalar};

/// A type that a field or an item can be read as.
///
/// Scalars convert where that keeps their value: an integer to any integer type that it fits and to a float that
/// represents it, a float to another float. Handles ([`Struct`], [`List`], [`Str`], …) lead to the field itself.
///
/// ```
/// use structstore::{List, StructStore};
///
/// let store = StructStore::new();
/// store.set("num", 5_u8)?;
/// assert_eq!(store.get::<i64>("num")?, 5);
/// assert_eq!(store.get::<Option<String>>("missing").is_err(), true);
/// store.set("names", vec!["a", "b"])?;
/// assert_eq!(store.get::<List>("names")?.len()?, 2);
/// # Ok::<(), structstore::Error>(())
/// ```
pub trait Get: Sized {
    /// Reads the slot.
    #[doc(hidden)]
    fn get(slot: Slot<'_>) -> Result<Self>;
}

/// A slot as it was read, and where what it names can be looked up.
#[doc(hidden)]
pub struct Slot<'a> {
    pub(crate) raw: Raw,
    pub(crate) source: Source<'a>,
}

pub(crate) enum Source<'a> {
    /// Through the handle of the node that has the slot, with locks of its own.
    Handle(&'a Handle),
    /// Under a lock that the caller has.
    Held(&'a Arena),
}

impl Slot<'_> {
    fn expect(&self, kind: Kind) -> Result<()> {
        let found = self.raw.kind()?;
        if found == kind { Ok(()) } else { Err(wrong_kind(found, kind.name())) }
    }

    fn read<T>(
        &self,
        kind: Kind,
        read: impl Fn(&Arena, &crate::arena::layout::Node) -> Result<T>,
    ) -> Result<T> {
        self.expect(kind)?;
        match self.source {
            Source::Handle(parent) => parent.child_near(self.raw)?.read(read),
            Source::Held(arena) => read(arena, node::resolve(arena, self.raw)?.1),
        }
    }

    fn handle(&self, kind: Kind) -> Result<Handle> {
        self.expect(kind)?;
        match self.source {
            Source::Handle(parent) => parent.child(self.raw),
            Source::Held(_) => Err(Error::new(ErrorKind::HeldByGuard)),
        }
    }
}

macro_rules! get_scalars {
    ($($type:ty),*) => {$(
        impl Get for $type {
            #[inline]
            fn get(slot: Slot<'_>) -> Result<$type> {
                // Straight from the payload where the type is the one asked for: a detour by `Scalar`, which is
                // written in parts and read as a whole, would take longer than the lookup.
                if slot.raw.tag as u8 == <$type as ScalarType>::KIND as u8
                    && let Some(value) = <$type>::from_payload(slot.raw.payload)
                {
                    return Ok(value);
                }
                converted(&slot)
            }
        }
    )*};
}
get_scalars!(bool, i8, i16, i32, i64, isize, u8, u16, u32, u64, usize, f32, f64);

#[cold]
#[inline(never)]
fn converted<T: ScalarType>(slot: &Slot<'_>) -> Result<T> {
    let kind = slot.raw.kind()?;
    let scalar = decode_scalar(kind, slot.raw.payload)?.ok_or_else(|| wrong_kind(kind, T::KIND.name()))?;
    T::from_scalar(convert(scalar, T::KIND)?)
        .ok_or_else(|| Error::corrupt("a conversion", scalar, "a scalar of the kind asked for"))
}

impl Get for Scalar {
    fn get(slot: Slot<'_>) -> Result<Scalar> {
        let kind = slot.raw.kind()?;
        decode_scalar(kind, slot.raw.payload)?.ok_or_else(|| wrong_kind(kind, "a scalar"))
    }
}

impl Get for String {
    fn get(slot: Slot<'_>) -> Result<String> {
        slot.read(Kind::Str, node::read_text_node)
    }
}

/// Bytes; a list is read by [`Value`], an array by [`Array`].
impl Get for Vec<u8> {
    fn get(slot: Slot<'_>) -> Result<Vec<u8>> {
        slot.read(Kind::Bytes, node::read_bytes_node)
    }
}

/// `None` for null.
impl<T: Get> Get for Option<T> {
    fn get(slot: Slot<'_>) -> Result<Option<T>> {
        if slot.raw.kind()? == Kind::Null { Ok(None) } else { T::get(slot).map(Some) }
    }
}

/// A snapshot of the field with all below it, as of one moment.
impl Get for Value<'static> {
    fn get(slot: Slot<'_>) -> Result<Value<'static>> {
        if !slot.raw.kind()?.is_node() {
            return slot.raw.plain_value();
        }
        match slot.source {
            Source::Handle(parent) => parent.child(slot.raw)?.to_value(),
            Source::Held(arena) => held_value(arena, node::resolve(arena, slot.raw)?.1, 0),
        }
    }
}

macro_rules! get_handles {
    ($($type:ident),*) => {$(
        impl Get for $type {
            fn get(slot: Slot<'_>) -> Result<$type> {
                slot.handle(Kind::$type).map($type::from_handle)
            }
        }
    )*};
}
get_handles!(Struct, List, Str, Bytes, Array);

/// A field or item of whatever kind: scalars, strings and bytes by value, everything else by handle.
///
/// ```
/// use structstore::{Item, Scalar, StructStore};
///
/// let store = StructStore::new();
/// store.set("num", 5)?;
/// assert!(matches!(store.get::<Item>("num")?, Item::Scalar(Scalar::I32(5))));
/// # Ok::<(), structstore::Error>(())
/// ```
#[derive(Clone)]
#[non_exhaustive]
pub enum Item {
    /// No value.
    Null,
    /// A truth value or a number.
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
}

impl Get for Item {
    #[inline]
    fn get(slot: Slot<'_>) -> Result<Item> {
        Ok(match slot.raw.kind()? {
            Kind::Null => Item::Null,
            Kind::Str => Item::Str(String::get(slot)?),
            Kind::Bytes => Item::Bytes(Vec::get(slot)?),
            Kind::List => Item::List(slot.handle(Kind::List).map(List::from_handle)?),
            Kind::Struct => Item::Struct(slot.handle(Kind::Struct).map(Struct::from_handle)?),
            Kind::Array => Item::Array(slot.handle(Kind::Array).map(Array::from_handle)?),
            _ => Item::Scalar(Scalar::get(slot)?),
        })
    }
}
