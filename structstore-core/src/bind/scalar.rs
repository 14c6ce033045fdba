//! Numbers and truth values as fields: lent as plain memory.

use super::list::{AsArray, AsList};
use super::{Assignment, Binder, Field, Lender, Packer, SampleType, Schema, SlotRef, Unpacker, pack};
use crate::access::{lend_raw, lend_scalar};
use crate::arena::layout::Slot;
use crate::edit::{self, Assigned};
use crate::error::{Error, Result};
use crate::node::Raw;
use crate::node::meta::refuse_slot;
use crate::ops::{self, exact_scalar, scalar_of};
use crate::value::{Kind, ScalarType, ToValue, Value};

/// The slot of a scalar.
#[doc(hidden)]
pub struct ScalarPlace {
    slot: *const Slot,
    /// The node that has it.
    pub(super) node: u32,
}

// SAFETY: the slot lies in the mapping of the store that the binding keeps, and consists of atomics.
unsafe impl Send for ScalarPlace {}
// SAFETY: as above.
unsafe impl Sync for ScalarPlace {}

impl ScalarPlace {
    #[inline]
    pub(super) fn slot(&self) -> &Slot {
        // SAFETY: declared, so that it stays for as long as the bound struct, which `check` has looked at; and
        // the mapping stays in any case.
        unsafe { &*self.slot }
    }
}

#[cold]
fn unlike<T: ScalarType>(slot: &Slot) -> Error {
    match lend_scalar::<T>(slot) {
        Err(error) => error,
        // It has become right meanwhile: so it is read without a lock, and will be read again.
        Ok(_) => Error::stale(),
    }
}

/// Assigns a number of the slot's own type.
#[inline]
pub(super) fn put<T: ScalarType>(slot: &Slot, to: &Assignment<'_, '_>, value: T) -> Result<()> {
    let new = Raw { tag: T::KIND as u64, payload: value.into().payload() };
    let old = Raw::load(slot);
    if old.tag as u8 != new.tag as u8 || old.limited() {
        return match edit::assign_plain(to.0, slot, new)? {
            Assigned::Done => Ok(()),
            Assigned::NeedsChild(_) => Err(Error::stale()),
        };
    }
    to.0.set(&slot.payload, new.payload)
}

macro_rules! scalar_fields {
    ($repeated:ty: $($type:ty),*) => {$(
        impl Field for $type {
            type Ref<'s> = &'s $type;
            type Mut<'s> = &'s mut $type;
            type Place = ScalarPlace;
            type Repeated = $repeated;
            const KIND: Kind = <$type as ScalarType>::KIND;
            const IN_SLOT: bool = true;

            fn initial() -> $type {
                <$type>::default()
            }

            fn schema() -> Schema {
                Schema::Scalar(<$type as Field>::KIND)
            }

            fn field_value(&self) -> Result<Value<'_>> {
                ToValue::to_value(self)
            }

            fn from_value(value: Value<'_>) -> Result<$type> {
                <$type>::try_from(&value)
            }

            #[inline(always)]
            fn get(slot: ops::Slot<'_>) -> Result<$type> {
                scalar_of(slot.raw)
            }

            #[inline(always)]
            fn exactly(slot: ops::Slot<'_>) -> Option<$type> {
                exact_scalar(slot.raw)
            }

            fn sample_type() -> Result<SampleType> {
                pack::scalar_type(<$type as Field>::KIND)
            }

            #[inline(always)]
            fn pack(&self, to: &mut Packer<'_>) {
                to.scalar(*self);
            }

            #[inline(always)]
            fn unpack(from: &mut Unpacker<'_>) -> Result<$type> {
                from.scalar()
            }

            fn resolve(binder: &Binder<'_, '_>, slot: SlotRef<'_>) -> Result<ScalarPlace> {
                if binder.expect_scalar(slot, <$type as Field>::KIND)? {
                    lend_scalar::<$type>(slot.slot)?;
                }
                Ok(ScalarPlace { slot: slot.slot, node: slot.parent.unwrap_or(u32::MAX) })
            }

            #[inline]
            fn check(place: &ScalarPlace, lender: Lender<'_>, exclusive: bool) -> Result<()> {
                let raw = Raw::load(place.slot());
                if exclusive && raw.limited() {
                    refuse_slot(lender.arena(), place.slot())?;
                }
                lend_raw::<$type>(place.slot(), raw).map(drop)
            }

            fn log(place: &ScalarPlace, binder: &Binder<'_, '_>) -> Result<()> {
                binder.note(&place.slot().payload)
            }

            const IN_PLACE: bool = true;

            #[inline]
            fn put(place: &ScalarPlace, to: &Assignment<'_, '_>, value: &$type) -> Result<()> {
                put(place.slot(), to, *value)
            }

            #[inline]
            fn load(place: &ScalarPlace, _: Lender<'_>) -> Result<$type> {
                // By one load of the whole word: a reader without a lock may read it while it changes.
                let raw = Raw::load(place.slot());
                match <$type>::from_payload(raw.payload) {
                    Some(value) if raw.tag as u8 == <$type as Field>::KIND as u8 => Ok(value),
                    _ => Err(unlike::<$type>(place.slot())),
                }
            }

            #[inline]
            fn assign(lent: &mut &mut $type, value: &$type) -> Result<()> {
                **lent = *value;
                Ok(())
            }

            #[inline]
            fn reborrow<'a, 's: 'a>(lent: &'a mut &'s mut $type) -> &'a mut $type {
                lent
            }

            #[inline]
            unsafe fn lend<'s>(place: &ScalarPlace, _: Lender<'s>) -> &'s $type {
                // SAFETY: valid (checked by the caller), aligned to 8 bytes, unchanged for 's.
                unsafe { &*place.slot().payload.as_ptr().cast::<$type>() }
            }

            #[inline]
            unsafe fn lend_mut<'s>(place: &ScalarPlace, _: Lender<'s>) -> &'s mut $type {
                // SAFETY: valid (checked by the caller), aligned to 8 bytes, this caller's alone for 's.
                unsafe { &mut *place.slot().payload.as_ptr().cast::<$type>() }
            }
        }
    )*};
}
scalar_fields!(AsArray: i8, i16, i32, i64, isize, u8, u16, u32, u64, usize, f32, f64);
// Any byte is an element of an array, but not every byte is a bool.
scalar_fields!(AsList: bool);
