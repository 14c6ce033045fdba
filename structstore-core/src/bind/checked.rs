//! Fields whose numbers have limits. Guards lend them so that every assignment is checked.

use std::fmt;
use std::marker::PhantomData;
use std::ops::Deref;
use std::ptr;
use std::sync::atomic::Ordering as LocalOrdering;

use super::array::locate;
use super::list::{AsArray, AsList};
use super::scalar::ScalarPlace;
use super::{
    Assignment, Binder, BoundNode, Field, Lender, OptionMut, Packer, SampleType, Schema, SlotRef, Unpacker,
};
use crate::access::{Access, Located, Locked};
use crate::arena::Arena;
use crate::arena::layout::{Node, Slot};
use crate::edit;
#[cfg(doc)]
use crate::error::ErrorKind;
use crate::error::{Error, Result};
use crate::journal::Operation;
use crate::lock::Mode;
use crate::node::meta::{Record, admits, limits_of};
use crate::node::{Raw, path_of_slot};
use crate::ops::arrays::unshare_limited;
use crate::ops::{self, arrays};
use crate::sync::Ordering;
use crate::value::{ArrayValue, Element, Kind, Meta, Scalar, ScalarType, ToValue, Value};

/// The stored type of a field with `#[structstore(range = …)]`, `multiple_of` or `finite`. The field itself has the plain type.
///
/// A write guard lends a number as [`Checked`] and an array as [`CheckedArray`], which check assignments. It never lends `&mut`, because a
/// program could assign anything through it.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
#[repr(transparent)]
pub struct Limited<T>(pub T);

impl<T> Limited<T> {
    /// The value where it is, as one with limits.
    #[doc(hidden)]
    pub fn of(value: &T) -> &Limited<T> {
        // SAFETY: the same memory layout (`repr(transparent)`), and borrowed for as long.
        unsafe { &*ptr::from_ref(value).cast::<Limited<T>>() }
    }
}

/// A type of fields whose numbers can have limits.
#[diagnostic::on_unimplemented(
    message = "the numbers of `{Self}` cannot have limits here",
    label = "`range`, `multiple_of` and `finite` are for numbers, options of numbers, and arrays and `Vec`s of numbers",
    note = "strings and lists have `len`; a field of a nested struct has limits of its own"
)]
pub trait Limit: Field {
    /// What a write guard lends.
    type Checked<'s>;

    #[doc(hidden)]
    fn check_limited(place: &Self::Place, lender: Lender<'_>, exclusive: bool) -> Result<()>;

    #[doc(hidden)]
    fn log_limited(place: &Self::Place, binder: &Binder<'_, '_>) -> Result<()>;

    #[doc(hidden)]
    fn assign_checked(lent: &mut Self::Checked<'_>, value: &Self) -> Result<()>;

    #[doc(hidden)]
    fn reborrow_checked<'a, 's: 'a>(lent: &'a mut Self::Checked<'s>) -> Self::Checked<'a>;

    /// As [`Field::lend_mut`].
    ///
    /// # Safety
    ///
    /// As there, with `check_limited`.
    #[doc(hidden)]
    unsafe fn lend_checked<'s>(place: &Self::Place, lender: Lender<'s>) -> Self::Checked<'s>;
}

impl<T: Limit> ToValue for Limited<T> {
    fn to_value(&self) -> Result<Value<'_>> {
        self.0.field_value()
    }
}

impl<T: Limit> Field for Limited<T> {
    type Ref<'s> = T::Ref<'s>;
    type Mut<'s> = T::Checked<'s>;
    type Place = T::Place;
    type Repeated = AsList;
    const KIND: Kind = T::KIND;
    const OPTIONAL: bool = T::OPTIONAL;
    const IN_SLOT: bool = T::IN_SLOT;
    const TELLS: bool = T::TELLS;

    fn initial() -> Self {
        Limited(T::initial())
    }

    fn schema() -> Schema {
        T::schema()
    }

    fn field_value(&self) -> Result<Value<'_>> {
        self.0.field_value()
    }

    fn from_value(value: Value<'_>) -> Result<Self> {
        T::from_value(value).map(Limited)
    }

    fn get(slot: ops::Slot<'_>) -> Result<Self> {
        <T as Field>::get(slot).map(Limited)
    }

    fn meta() -> Meta {
        T::meta()
    }

    fn sample_type() -> Result<SampleType> {
        T::sample_type()
    }

    fn pack(&self, to: &mut Packer<'_>) {
        self.0.pack(to);
    }

    fn unpack(from: &mut Unpacker<'_>) -> Result<Self> {
        T::unpack(from).map(Limited)
    }

    fn resolve(binder: &Binder<'_, '_>, slot: SlotRef<'_>) -> Result<T::Place> {
        T::resolve(binder, slot)
    }

    fn check(place: &T::Place, lender: Lender<'_>, exclusive: bool) -> Result<()> {
        T::check_limited(place, lender, exclusive)
    }

    // Numbers look at the limits of their slots.
    const IN_PLACE: bool = T::IN_PLACE && T::IN_SLOT;

    fn put(place: &T::Place, to: &Assignment<'_, '_>, value: &Self) -> Result<()> {
        T::put(place, to, &value.0)
    }

    fn log(place: &T::Place, binder: &Binder<'_, '_>) -> Result<()> {
        T::log_limited(place, binder)
    }

    fn load(place: &T::Place, lender: Lender<'_>) -> Result<Self> {
        T::load(place, lender).map(Limited)
    }

    fn assign(lent: &mut Self::Mut<'_>, value: &Self) -> Result<()> {
        T::assign_checked(lent, &value.0)
    }

    fn reborrow<'a, 's: 'a>(lent: &'a mut Self::Mut<'s>) -> Self::Mut<'a> {
        T::reborrow_checked(lent)
    }

    unsafe fn lend<'s>(place: &T::Place, lender: Lender<'s>) -> T::Ref<'s> {
        // SAFETY: the caller's promise.
        unsafe { T::lend(place, lender) }
    }

    unsafe fn lend_mut<'s>(place: &T::Place, lender: Lender<'s>) -> Self::Mut<'s> {
        // SAFETY: the caller's promise.
        unsafe { T::lend_checked(place, lender) }
    }
}

/// A number with limits, in a struct that is held exclusively. `*fields.kp` reads it, and `set` assigns it.
///
/// `set` checks the limits in the store, which another process may have declared.
///
/// ```
/// use structstore::{ErrorKind, StructStore};
///
/// #[derive(StructStore)]
/// struct Drive {
///     /// Gain of the position loop.
///     #[structstore(range = 0.0..=10.0, step = 0.05, unit = "1/s", default = 1.5)]
///     kp: f64,
/// }
///
/// let store = StructStore::new();
/// let drive = store.bind::<Drive>()?;
/// drive.with_mut(|mut drive| {
///     let doubled = *drive.kp * 2.0;
///     drive.kp.set(doubled)?;
///     let error = drive.kp.set(f64::NAN).err().unwrap();
///     assert_eq!(error.to_string(), "kp: found NaN, expected a number from 0.0 to 10.0");
///     assert_eq!(drive.kp.set_clamped(11.0)?, 10.0);
///     Ok(())
/// })?;
/// // They apply to every other assignment, too.
/// assert_eq!(store.set("kp", 10.5).err().unwrap().kind(), ErrorKind::OutsideLimits);
/// assert_eq!(store.meta("kp")?.description, "Gain of the position loop.");
/// # Ok::<(), structstore::Error>(())
/// ```
pub struct Checked<'s, T> {
    slot: &'s Slot,
    node: u32,
    arena: &'s Arena,
    number: PhantomData<T>,
}

impl<T: ScalarType> Deref for Checked<'_, T> {
    type Target = T;

    #[inline]
    fn deref(&self) -> &T {
        // SAFETY: a valid value of the type, by the check before it was lent, and nothing but `self` changes it since.
        unsafe { &*self.slot.payload.as_ptr().cast::<T>() }
    }
}

impl<T: ScalarType> Checked<'_, T> {
    /// The number.
    #[inline]
    pub fn get(&self) -> T {
        **self
    }

    /// Assigns another number.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::OutsideLimits`], which names the limits.
    #[inline]
    pub fn set(&mut self, number: T) -> Result<()> {
        let (old, new) =
            (Raw::load(self.slot), Raw { tag: T::KIND as u64, payload: number.into().payload() });
        if old.limited()
            && let Err(error) = admits(self.arena, old, new)
        {
            return Err(self.locate(error));
        }
        self.slot.payload.store(new.payload, Ordering::Release);
        Ok(())
    }

    /// Assigns the nearest number that is within the range, and returns it.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::OutsideLimits`] for NaN, or if the nearest number breaks another limit, such as `multiple_of`.
    pub fn set_clamped(&mut self, number: T) -> Result<T> {
        let clamped = match Raw::load(self.slot).meta() {
            Some(place) => Record::read(self.arena, place).and_then(|limits| clamp(&limits, number)),
            None => Ok(number),
        };
        let clamped = clamped.map_err(|error| self.locate(error))?;
        self.set(clamped).map(|()| clamped)
    }

    #[cold]
    fn locate(&self, error: Error) -> Error {
        error.below(path_of_slot(self.arena, self.node, self.slot)).located()
    }
}

fn clamp<T: ScalarType>(limits: &Record, number: T) -> Result<T> {
    let number: Scalar = number.into();
    if number.float().is_some_and(f64::is_nan) {
        // As an assignment refuses it.
        limits.check_number(number)?;
    }
    let clamped = limits.clamp(number)?.to_kind(T::KIND)?;
    T::from_scalar(clamped)
        .ok_or_else(|| Error::corrupt("a conversion", clamped, "a number of the requested type"))
}

impl<T: ScalarType + fmt::Debug> fmt::Debug for Checked<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (**self).fmt(f)
    }
}

impl<T: ScalarType + fmt::Display> fmt::Display for Checked<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (**self).fmt(f)
    }
}

macro_rules! limit_numbers {
    ($($type:ty),*) => {$(
        impl Limit for $type {
            type Checked<'s> = Checked<'s, $type>;

            fn check_limited(place: &ScalarPlace, lender: Lender<'_>, _: bool) -> Result<()> {
                <$type as Field>::check(place, lender, false)
            }

            fn log_limited(place: &ScalarPlace, binder: &Binder<'_, '_>) -> Result<()> {
                <$type as Field>::log(place, binder)
            }

            fn assign_checked(lent: &mut Checked<'_, $type>, value: &$type) -> Result<()> {
                lent.set(*value)
            }

            fn reborrow_checked<'a, 's: 'a>(lent: &'a mut Checked<'s, $type>) -> Checked<'a, $type> {
                Checked { slot: lent.slot, node: lent.node, arena: lent.arena, number: PhantomData }
            }

            unsafe fn lend_checked<'s>(place: &ScalarPlace, lender: Lender<'s>) -> Checked<'s, $type> {
                // SAFETY: the slot stays for as long as the bound struct is held, which is for 's.
                let slot = unsafe { &*ptr::from_ref(place.slot()) };
                Checked { slot, node: place.node, arena: lender.arena(), number: PhantomData }
            }
        }
    )*};
}
limit_numbers!(i8, i16, i32, i64, isize, u8, u16, u32, u64, usize, f32, f64);

/// `OptionMut::set` checks assignments; `get_mut` refuses to lend a limited number.
impl<T: Limit> Limit for Option<T> {
    type Checked<'s> = OptionMut<'s, T>;

    fn check_limited(place: &Self::Place, lender: Lender<'_>, exclusive: bool) -> Result<()> {
        Self::check(place, lender, exclusive)
    }

    fn log_limited(place: &Self::Place, binder: &Binder<'_, '_>) -> Result<()> {
        Self::log(place, binder)
    }

    fn assign_checked(lent: &mut OptionMut<'_, T>, value: &Self) -> Result<()> {
        Self::assign(lent, value)
    }

    fn reborrow_checked<'a, 's: 'a>(lent: &'a mut OptionMut<'s, T>) -> OptionMut<'a, T> {
        Self::reborrow(lent)
    }

    unsafe fn lend_checked<'s>(place: &Self::Place, lender: Lender<'s>) -> OptionMut<'s, T> {
        // SAFETY: the caller's promise.
        unsafe { Self::lend_mut(place, lender) }
    }
}

/// Arrays that can have limits of their elements.
pub trait Elements: Field {
    /// Their elements.
    #[doc(hidden)]
    type Element: Element + Into<Scalar>;
    /// What they are read as: `[T; N]`, or `[T]` where the length is free.
    type Lent: ?Sized;
    /// Where they are for as long as the array is held, if assignments do not move them.
    #[doc(hidden)]
    type At: Copy;

    #[doc(hidden)]
    fn node_of(place: &Self::Place) -> BoundNode;

    /// Where they are, by the check just before.
    #[doc(hidden)]
    fn at(place: &Self::Place) -> Self::At;

    /// Lends them.
    ///
    /// # Safety
    ///
    /// The array was found to be there, is held for `'s`, and no view shares it.
    #[doc(hidden)]
    unsafe fn elements<'s>(at: Self::At, node: BoundNode, lender: Lender<'s>) -> &'s Self::Lent;

    /// Assigns an array that is held, which is within its limits.
    #[doc(hidden)]
    fn write(operation: &ArrayOperation<'_, '_>, value: &ArrayValue<'_>) -> Result<()>;
}

/// An array whose elements have limits, in a struct that is held exclusively. It dereferences to a Rust array or a slice; `set` assigns the
/// whole array, `set_at` one element.
///
/// ```
/// use structstore::StructStore;
///
/// #[derive(StructStore)]
/// struct Arm {
///     #[structstore(range = 0.0..=1.0, default = [0.5; 3])]
///     gains: [f64; 3],
/// }
///
/// let store = StructStore::new();
/// let arm = store.bind::<Arm>()?;
/// arm.with_mut(|mut arm| {
///     let sum: f64 = arm.gains.iter().sum();
///     arm.gains.set_at(&[2], sum / 2.0)?;
///     let error = arm.gains.set(&[0.0, 2.0, 0.0]).err().unwrap();
///     assert_eq!(error.to_string(), "gains[1]: found 2.0, expected a number from 0.0 to 1.0");
///     Ok(())
/// })?;
/// assert_eq!(store.get::<[f64; 3]>("gains")?, [0.5, 0.5, 0.75]);
/// # Ok::<(), structstore::Error>(())
/// ```
pub struct CheckedArray<'s, A: Elements> {
    locked: Locked<'s>,
    at: A::At,
}

/// An array in an operation.
#[doc(hidden)]
pub struct ArrayOperation<'o, 'a> {
    operation: &'o Operation<'a>,
    node: &'o Node,
}

impl<A: Elements> Deref for CheckedArray<'_, A> {
    type Target = A::Lent;

    #[inline]
    fn deref(&self) -> &A::Lent {
        // SAFETY: checked under the lock that lasts for as long as self, for which no view is taken.
        unsafe { A::elements(self.at, self.node(), Lender { store: self.locked.store() }) }
    }
}

impl<A: Elements> CheckedArray<'_, A> {
    fn node(&self) -> BoundNode {
        BoundNode { id: self.locked.id(), record: self.locked.node() }
    }

    /// Assigns all elements.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::OutsideLimits`] with the first element that is outside; [`ErrorKind::OutOfSpace`].
    pub fn set(&mut self, value: &A) -> Result<()> {
        let value = value.field_value()?;
        let assigned = self.locked.change(Mode::Node, |operation, node| {
            if let Some(limits) = limits_of(operation.arena(), node)? {
                limits.check(&value)?;
            }
            match &value {
                Value::Array(array) => A::write(&ArrayOperation { operation, node }, array),
                other => Err(crate::value::wrong_kind(other.kind(), Kind::Array.name())),
            }
        });
        assigned.at(&self.locked)
    }

    /// Assigns one element, given by an index for each dimension.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::OutsideLimits`]; [`ErrorKind::IndexOutOfRange`].
    pub fn set_at(&mut self, indices: &[usize], number: A::Element) -> Result<()> {
        arrays::set_element(&self.locked, indices, &Value::Scalar(number.into()))
    }
}

impl<A: Elements<Lent: fmt::Debug>> fmt::Debug for CheckedArray<'_, A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (**self).fmt(f)
    }
}

impl<A: Elements> Limit for A {
    type Checked<'s> = CheckedArray<'s, A>;

    fn check_limited(place: &A::Place, lender: Lender<'_>, exclusive: bool) -> Result<()> {
        if exclusive {
            let node = A::node_of(place);
            node.check()?;
            unshare_limited(lender.arena(), node.id.index, node.node())?;
        }
        A::check(place, lender, false)
    }

    fn log_limited(_: &A::Place, _: &Binder<'_, '_>) -> Result<()> {
        // Each assignment is logged.
        Ok(())
    }

    fn assign_checked(lent: &mut CheckedArray<'_, A>, value: &A) -> Result<()> {
        lent.set(value)
    }

    fn reborrow_checked<'a, 's: 'a>(lent: &'a mut CheckedArray<'s, A>) -> CheckedArray<'a, A> {
        CheckedArray { at: lent.at, locked: lent.locked.reborrow() }
    }

    unsafe fn lend_checked<'s>(place: &A::Place, lender: Lender<'s>) -> CheckedArray<'s, A> {
        let node = A::node_of(place);
        CheckedArray { locked: Locked::lend(lender.store, node.id, node.record), at: A::at(place) }
    }
}

macro_rules! fixed_elements {
    ($(($type:ty, $($extent:ident),+)),*) => {$(
        impl<T: Element + Into<Scalar>, $(const $extent: usize),+> Elements for $type {
            type Element = T;
            type Lent = $type;
            type At = *const $type;

            fn node_of(place: &Self::Place) -> BoundNode {
                place.node
            }

            fn at(place: &Self::Place) -> *const $type {
                place.data.load(LocalOrdering::Relaxed)
            }

            unsafe fn elements<'s>(at: *const $type, _: BoundNode, _: Lender<'s>) -> &'s $type {
                // SAFETY: located by the check; assignments change it in place.
                unsafe { &*at }
            }

            fn write(array: &ArrayOperation<'_, '_>, value: &ArrayValue<'_>) -> Result<()> {
                edit::overwrite(array.operation, array.node, value, true)
            }
        }
    )*};
}
fixed_elements!(([T; N], N), ([[T; M]; N], N, M), ([[[T; L]; M]; N], N, M, L));

impl<T: Field<Repeated = AsArray> + Element + Into<Scalar>> Elements for Vec<T> {
    type Element = T;
    type Lent = [T];
    type At = ();

    fn node_of(place: &BoundNode) -> BoundNode {
        *place
    }

    fn at(_: &BoundNode) {}

    unsafe fn elements<'s>((): (), node: BoundNode, lender: Lender<'s>) -> &'s [T] {
        match locate::<T, 1>(lender.arena(), node.node()) {
            // SAFETY: in bounds and aligned (located just now), and any bytes are elements; the rest is the caller's promise.
            Ok(([length], start)) => unsafe { std::slice::from_raw_parts(start, length) },
            // The store was damaged while it was held.
            Err(_) => &[],
        }
    }

    fn write(array: &ArrayOperation<'_, '_>, value: &ArrayValue<'_>) -> Result<()> {
        edit::publish_array(array.operation, array.node, value, edit::build_array(array.operation, value)?)
    }
}
