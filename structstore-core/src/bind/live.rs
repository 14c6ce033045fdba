//! Live arrays as fields: their elements are lent as cells, since views of other processes may write to them at any time.

use std::sync::atomic::Ordering as LocalOrdering;

use super::array::{FixedPlace, fixed_value};
use super::list::AsList;
use super::{Assignment, Binder, Field, Lender, Packer, SampleType, Schema, SlotRef, Unpacker};
use crate::edit;
use crate::error::Result;
use crate::handle::{CellElement, ElementCell};
use crate::node::meta::refuse_plain;
use crate::value::{FixedArray, Kind, ToValue, Value};

/// A Rust array that a store keeps [live](crate::ArrayValue::live): one block of memory for as long as the field exists. Views of it,
/// such as NumPy arrays, never become stale, and their writes are visible at once.
///
/// `#[structstore(live)]` stores it, so the field itself can have the plain type. Guards lend its elements as
/// [cells](crate::typed::ElementCell), for reading and for changing. A transaction restores the elements if it fails.
///
/// ```
/// use structstore::{Array, StructStore};
///
/// #[derive(StructStore)]
/// struct Arm {
///     #[structstore(live, default = [0.5; 3])]
///     q: [f64; 3],
/// }
///
/// let store = StructStore::new();
/// let arm = store.bind::<Arm>()?;
/// let view = store.get::<Array>("q")?.view()?;
/// arm.with_mut(|fields| fields.q[0].set(1.5))?;
/// assert_eq!(view.to_vec::<f64>()?, [1.5, 0.5, 0.5]);
///
/// view.cells::<f64>()?[2].set(2.5);
/// assert_eq!(arm.with(|fields| fields.q[2].get())?, 2.5);
/// assert_eq!(arm.load()?.q, [1.5, 0.5, 2.5]);
/// # Ok::<(), structstore::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
#[repr(transparent)]
pub struct Live<A>(pub A);

impl<A> Live<A> {
    /// The array where it is, as one to be stored live.
    #[doc(hidden)]
    pub fn of(array: &A) -> &Live<A> {
        // SAFETY: the same memory layout (`repr(transparent)`), and borrowed for as long.
        unsafe { &*std::ptr::from_ref(array).cast::<Live<A>>() }
    }
}

macro_rules! live_fields {
    ($(($type:ty, $cells:ty, $($extent:ident),+)),*) => {$(
        impl<T: CellElement, $(const $extent: usize),+> ToValue for Live<$type> {
            fn to_value(&self) -> Result<Value<'_>> {
                Ok(fixed_value(&self.0)?.live().into())
            }
        }

        impl<T: CellElement, $(const $extent: usize),+> Field for Live<$type> {
            type Ref<'s> = &'s $cells;
            type Mut<'s> = &'s $cells;
            type Place = FixedPlace<$type, true>;
            type Repeated = AsList;
            const KIND: Kind = Kind::Array;

            fn initial() -> Self {
                Live(<$type>::initial())
            }

            fn schema() -> Schema {
                let shape = <$type as FixedArray>::SHAPE.iter().copied().map(Some).collect();
                Schema::Array { dtype: T::TYPESTR.into(), shape, live: true }
            }

            fn field_value(&self) -> Result<Value<'_>> {
                ToValue::to_value(self)
            }

            fn from_value(value: Value<'_>) -> Result<Self> {
                Ok(Live(<$type>::from_value(value)?))
            }

            fn sample_type() -> Result<SampleType> {
                <$type>::sample_type()
            }

            fn pack(&self, to: &mut Packer<'_>) {
                self.0.pack(to);
            }

            fn unpack(from: &mut Unpacker<'_>) -> Result<Self> {
                <$type>::unpack(from).map(Live)
            }

            fn resolve(binder: &Binder<'_, '_>, slot: SlotRef<'_>) -> Result<Self::Place> {
                FixedPlace::resolve(binder, slot)
            }

            fn check(place: &Self::Place, lender: Lender<'_>, _: bool) -> Result<()> {
                if !lender.store.may_change() {
                    // Cells can be written.
                    return Err(lender.arena().refusal());
                }
                place.data.store(place.locate(lender.arena())?, LocalOrdering::Relaxed);
                Ok(())
            }

            fn log(place: &Self::Place, binder: &Binder<'_, '_>) -> Result<()> {
                match binder.operation() {
                    Some(operation) => edit::note_elements(operation, place.node.node()),
                    None => Ok(()),
                }
            }

            const IN_PLACE: bool = true;

            fn put(place: &Self::Place, to: &Assignment<'_, '_>, value: &Self) -> Result<()> {
                place.locate(to.0.arena())?;
                refuse_plain(to.0.arena(), place.node.node())?;
                edit::overwrite(to.0, place.node.node(), &fixed_value(&value.0)?, true)
            }

            fn load(place: &Self::Place, lender: Lender<'_>) -> Result<Self> {
                let data = place.locate(lender.arena())?;
                // SAFETY: in bounds and aligned (checked); any bytes are elements, also those that others change meanwhile.
                Ok(Live(unsafe { data.read() }))
            }

            fn assign(lent: &mut &$cells, value: &Self) -> Result<()> {
                let count = <$type as FixedArray>::SHAPE.iter().product();
                // SAFETY: both are dense arrays of so many elements (`FixedArray`), of which one may be written to at any time.
                let (cells, elements) = unsafe {
                    (
                        std::slice::from_raw_parts(std::ptr::from_ref(*lent).cast::<ElementCell<T>>(), count),
                        std::slice::from_raw_parts(std::ptr::from_ref(&value.0).cast::<T>(), count),
                    )
                };
                cells.iter().zip(elements).for_each(|(cell, element)| cell.set(*element));
                Ok(())
            }

            fn reborrow<'a, 's: 'a>(lent: &'a mut &'s $cells) -> &'a $cells {
                lent
            }

            unsafe fn lend<'s>(place: &Self::Place, _: Lender<'s>) -> &'s $cells {
                // SAFETY: the caller's check found it under the lock that it has, so that the array keeps it; cells are atomics of
                // the size of their elements, which any bytes are.
                unsafe { &*place.data.load(LocalOrdering::Relaxed).cast::<$cells>() }
            }

            unsafe fn lend_mut<'s>(place: &Self::Place, lender: Lender<'s>) -> &'s $cells {
                // SAFETY: the caller's promise is more than what is asked for.
                unsafe { <Self as Field>::lend(place, lender) }
            }
        }
    )*};
}
live_fields!(
    ([T; N], [ElementCell<T>; N], N),
    ([[T; M]; N], [[ElementCell<T>; M]; N], N, M),
    ([[[T; L]; M]; N], [[[ElementCell<T>; L]; M]; N], N, M, L)
);
