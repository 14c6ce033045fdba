//! What a guard lends of what it holds.

use std::sync::Arc;

use super::{
    Array, ArrayMut, ArrayRef, Bytes, BytesMut, BytesRef, List, ListMut, ListRef, Str, StrMut, StrRef,
    Struct, StructMut, StructRef,
};
use crate::access::{Access, Hold, Locked, Store, lend_scalar};
use crate::arena::layout::Slot;
use crate::error::Result;
use crate::key::Key;
use crate::node::meta::refuse_limited;
use crate::node::{self, Raw};
use crate::ops::structs;
use crate::value::{Kind, ScalarType, Value, wrong_kind};

/// A type that a guard can lend a field or an item as, without copying it.
///
/// | type | by a guard for reading | by an exclusive guard |
/// |---|---|---|
/// | a scalar | `&T` | `&mut T` |
/// | [`Struct`] | [`StructRef`] | [`StructMut`] |
/// | [`List`] | [`ListRef`] | [`ListMut`] |
/// | [`Array`] | [`ArrayRef`] | [`ArrayMut`] |
/// | [`Str`] | [`StrRef`] | [`StrMut`] |
/// | [`Bytes`] | [`BytesRef`] | [`BytesMut`] |
///
/// ```
/// use structstore::{Str, StructStore};
///
/// let store = StructStore::new();
/// store.set("name", "arm")?;
/// store.set("speed", 1.5)?;
/// let mut guard = store.write()?;
/// *guard.get_mut::<f64>("speed")? *= 2.0;
/// guard.get_mut::<Str>("name")?.set("leg")?;
/// assert_eq!(guard.get_ref::<Str>("name")?.as_str()?, "leg");
/// # Ok::<(), structstore::Error>(())
/// ```
pub trait Lend: private::Lend {
    /// What is lent for reading.
    type Ref<'s>;
    /// What is lent for changing.
    type Mut<'s>;

    /// Lends what is in a slot for reading.
    ///
    /// # Safety
    ///
    /// It is held for `'s`.
    #[doc(hidden)]
    unsafe fn lend_ref<'s>(part: HeldSlot<'s>) -> Result<Self::Ref<'s>>;

    /// Lends what is in a slot for changing.
    ///
    /// # Safety
    ///
    /// It is held exclusively for `'s`, and lent to nobody else meanwhile.
    #[doc(hidden)]
    unsafe fn lend_mut<'s>(part: HeldSlot<'s>) -> Result<Self::Mut<'s>>;
}

/// A slot of a node that is held, and what keeps it.
#[doc(hidden)]
pub struct HeldSlot<'s> {
    store: &'s Arc<Store>,
    slot: &'s Slot,
}

mod private {
    pub trait Lend {
        /// Whether it is the contents of the slot itself.
        const IN_SLOT: bool;
    }
}

/// Lends what is in a slot of a node that is held for reading.
///
/// # Safety
///
/// The slot is one of that node.
pub(super) unsafe fn lend_ref<'a, T: Lend, H: Hold>(
    locked: &'a Locked<'_, H>,
    slot: &'a Slot,
) -> Result<T::Ref<'a>> {
    // SAFETY: held for as long as `locked` is borrowed.
    unsafe { T::lend_ref(HeldSlot { store: locked.store(), slot }) }
}

/// Lends what is in a slot of a node that is held for changing, of which a transaction takes note.
///
/// # Safety
///
/// The slot is one of that node, which is held exclusively, and nothing else of it is lent for `'a`.
pub(super) unsafe fn lend_mut<'a, T: Lend, H: Hold>(
    locked: &'a Locked<'_, H>,
    slot: &'a Slot,
) -> Result<T::Mut<'a>> {
    if T::IN_SLOT {
        refuse_limited(&locked.store().arena, locked.node(), slot)?;
        locked.note(&slot.payload)?;
    }
    // SAFETY: the caller's promise.
    unsafe { T::lend_mut(HeldSlot { store: locked.store(), slot }) }
}

/// Lends a field, which is created if it is missing.
pub(super) fn ensured<'a, T: Lend, H: Hold>(
    guard: &'a mut StructMut<'_, H>,
    key: &Key<'_>,
    missing: &Value<'_>,
) -> Result<T::Mut<'a>> {
    structs::ensure(&guard.locked, key, missing)?;
    guard.get_mut::<T>(*key)
}

/// What a slot names, if it is of this kind.
fn child(part: HeldSlot<'_>, kind: Kind) -> Result<Locked<'_>> {
    let raw = Raw::load(part.slot);
    match raw.kind()? {
        found if found == kind => {
            let (id, node) = node::resolve(&part.store.arena, raw)?;
            Ok(Locked::lend(part.store, id, node))
        }
        found => Err(wrong_kind(found, kind.name())),
    }
}

macro_rules! lend_structures {
    ($($kind:ident: $mut:ident, $ref:ident;)*) => {$(
        impl private::Lend for $kind {
            const IN_SLOT: bool = false;
        }

        impl Lend for $kind {
            type Ref<'s> = $ref<'s>;
            type Mut<'s> = $mut<'s>;

            unsafe fn lend_ref<'s>(part: HeldSlot<'s>) -> Result<$ref<'s>> {
                child(part, Kind::$kind).map($ref::new)
            }

            unsafe fn lend_mut<'s>(part: HeldSlot<'s>) -> Result<$mut<'s>> {
                child(part, Kind::$kind).map($mut::new)
            }
        }
    )*};
}
lend_structures! {
    Struct: StructMut, StructRef;
    List: ListMut, ListRef;
    Array: ArrayMut, ArrayRef;
    Str: StrMut, StrRef;
    Bytes: BytesMut, BytesRef;
}

impl<T: ScalarType> private::Lend for T {
    const IN_SLOT: bool = true;
}

impl<T: ScalarType> Lend for T {
    type Ref<'s> = &'s T;
    type Mut<'s> = &'s mut T;

    unsafe fn lend_ref<'s>(part: HeldSlot<'s>) -> Result<&'s T> {
        // SAFETY: a valid value (checked) in a slot that stays where it is and is not changed for 's.
        lend_scalar::<T>(part.slot).map(|place| unsafe { &*place })
    }

    unsafe fn lend_mut<'s>(part: HeldSlot<'s>) -> Result<&'s mut T> {
        // SAFETY: as above, and it is the caller's alone.
        lend_scalar::<T>(part.slot).map(|place| unsafe { &mut *place })
    }
}
