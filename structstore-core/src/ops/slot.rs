//! Reading slots as Rust types.

use std::sync::Arc;

use super::to_value;
use crate::access::{Access, Handle, Near, Part, Store};
use crate::arena::Arena;
use crate::arena::layout::Node;
use crate::error::{Error, ErrorKind, Result, Step};
use crate::lock::NodeId;
use crate::node::{self, Raw, kind_of, slot_value};
#[cfg(feature = "serde")]
use crate::value::{Extras, Snapshot, SnapshotWriter};
use crate::value::{Kind, Scalar, ScalarType, Value, decode_scalar, wrong_kind};

/// A type that a field or an item can be read as.
///
/// Scalars convert where that keeps their value: an integer to any integer type that it fits and to a float that
/// represents it, a float to another float. All types that can be fields of bound structs can be read, structs that derive included
/// ([`Field::from_value`](crate::traits::Field::from_value) says how values convert). Handles ([`Struct`](crate::Struct), [`List`](crate::List), [`Str`](crate::Str), …) lead to the field itself.
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
/// assert_eq!(store.get::<Vec<String>>("names")?, ["a", "b"]);
/// store.set("gains", [0.5_f32, 1.5])?;
/// assert_eq!(store.get::<Vec<f64>>("gains")?, [0.5, 1.5]);
/// # Ok::<(), structstore::Error>(())
/// ```
pub trait Get: Sized {
    /// Whether it is all in the slot, which names nothing then that could be replaced.
    #[doc(hidden)]
    const IN_SLOT: bool = false;

    /// What the slot holds, if that is of just this type.
    #[doc(hidden)]
    #[inline(always)]
    fn exactly(slot: Slot<'_>) -> Option<Self> {
        let _ = slot;
        None
    }

    /// Reads the slot.
    #[doc(hidden)]
    fn get(slot: Slot<'_>) -> Result<Self>;
}

/// A slot as it was read, and what is needed to look up what it names. Language bindings make objects of their own of it.
#[derive(Clone, Copy)]
pub struct Slot<'a> {
    pub(crate) raw: Raw,
    pub(crate) store: &'a Arc<Store>,
    /// Whether the caller has a lock that covers it.
    pub(super) locked: bool,
    /// The node that has the slot.
    pub(crate) parent: NodeId,
    /// Which part of it the slot is; `None` if it names that node itself.
    pub(crate) part: Option<Part<'a>>,
}

impl<'a> Slot<'a> {
    #[inline(always)]
    pub(crate) fn new<A: Access>(access: &'a A, raw: Raw, part: Part<'a>) -> Slot<'a> {
        Slot { raw, store: access.store(), locked: !A::LOCKS, parent: access.id(), part: Some(part) }
    }

    /// A slot that names the node itself.
    pub(crate) fn own<A: Access>(access: &'a A) -> Result<Slot<'a>> {
        let raw = access.read(|_, node| Ok(Raw::node(kind_of(node)?, access.id())))?;
        Ok(Slot { raw, store: access.store(), locked: !A::LOCKS, parent: access.id(), part: None })
    }

    /// What kind of value it holds.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Corrupt`] if the memory is damaged.
    #[inline(always)]
    pub fn kind(self) -> Result<Kind> {
        self.raw.kind()
    }

    /// Puts the way to the slot in front of the path of an error.
    #[cold]
    pub(crate) fn locate(self, error: Error) -> Error {
        if error.is_located() {
            return error;
        }
        let parent = node::path_of(&self.store.arena, self.parent);
        error.below(parent.join(&self.part.map(Step::from).into_iter().collect())).located()
    }

    fn expect(self, kind: Kind) -> Result<()> {
        let found = self.kind()?;
        if found == kind { Ok(()) } else { Err(wrong_kind(found, kind.name())) }
    }

    /// Reads what it names.
    #[inline(always)]
    pub(crate) fn named<T>(self, read: impl Fn(&Arena, &Node) -> Result<T>) -> Result<T> {
        match self.locked {
            true => read(&self.store.arena, node::resolve(&self.store.arena, self.raw)?.1),
            false => Near::new(self.store, self.raw)?.read(read),
        }
    }

    pub(crate) fn read<T>(self, kind: Kind, read: impl Fn(&Arena, &Node) -> Result<T>) -> Result<T> {
        self.expect(kind)?;
        self.named(read)
    }

    /// What it holds, with all below.
    #[cfg(feature = "serde")]
    pub(crate) fn snapshot(self, extras: Extras) -> Result<Snapshot> {
        let snapshot = if self.locked || !self.raw.kind()?.is_node() {
            let mut snapshot = SnapshotWriter::new(extras);
            node::slot_snapshot(&self.store.arena, self.raw, &mut snapshot)?;
            snapshot
        } else {
            super::snapshot(&Near::new(self.store, self.raw)?, extras)?
        };
        Ok(snapshot.snapshot())
    }

    /// A handle to what it names.
    pub(crate) fn handle(self, kind: Kind) -> Result<Handle> {
        self.expect(kind)?;
        match self.locked {
            true => Err(Error::new(ErrorKind::HeldByGuard)),
            false => match self.part {
                Some(part) => Handle::child(self.store, self.parent, self.raw, part),
                None => Handle::again(self.store, self.parent),
            },
        }
    }
}

/// A scalar as it was read, converted if it is of another type.
#[inline(always)]
pub(crate) fn scalar_of<T: ScalarType>(raw: Raw) -> Result<T> {
    match exact_scalar(raw) {
        Some(value) => Ok(value),
        None => converted(raw),
    }
}

/// Straight from the payload where the type is the one asked for: a detour by `Scalar`, which is written in parts and read as a whole,
/// would take longer than the lookup.
#[inline(always)]
pub(crate) fn exact_scalar<T: ScalarType>(raw: Raw) -> Option<T> {
    match raw.tag as u8 == T::KIND as u8 {
        true => T::from_payload(raw.payload),
        false => None,
    }
}

#[cold]
#[inline(never)]
fn converted<T: ScalarType>(raw: Raw) -> Result<T> {
    let kind = raw.kind()?;
    let scalar = decode_scalar(kind, raw.payload)?.ok_or_else(|| wrong_kind(kind, T::KIND.name()))?;
    T::from_scalar(scalar.to_kind(T::KIND)?)
        .ok_or_else(|| Error::corrupt("a conversion", scalar, "a scalar of the requested type"))
}

impl Get for Scalar {
    const IN_SLOT: bool = true;

    fn get(slot: Slot<'_>) -> Result<Scalar> {
        let kind = slot.raw.kind()?;
        decode_scalar(kind, slot.raw.payload)?.ok_or_else(|| wrong_kind(kind, "a scalar"))
    }
}

/// A snapshot of the field with all below it, as of one moment.
impl Get for Value<'static> {
    fn get(slot: Slot<'_>) -> Result<Value<'static>> {
        if !slot.raw.kind()?.is_node() {
            return slot.raw.plain_value();
        }
        match slot.locked {
            true => slot_value(&slot.store.arena, slot.raw),
            false => to_value(&Near::new(slot.store, slot.raw)?),
        }
    }
}
