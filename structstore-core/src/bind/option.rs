//! Optional values as fields: null, or what is there.

use std::marker::PhantomData;

use parking_lot::Mutex;

use super::binder::declare_part;
use super::list::AsList;
use super::{Binder, Field, Lender, Schema, SlotRef};
use crate::access::operate_below;
use crate::arena::layout::Slot;
use crate::edit;
use crate::error::{Error, ErrorKind, Result};
use crate::node::{self, Raw};
use crate::ops;
use crate::value::{Kind, Meta, Value};

/// The slot of an optional value, and what it held when it was last checked.
///
/// Invariant: a place is kept only if the slot shows whether it is still right. A scalar lies in the slot itself, and a
/// string, list or array is found by the name of its node. The fields of a struct are not: unless a binding has
/// declared them, other processes may remove them, and put other fields in their memory, while the node stays what it
/// is. They are looked up each time.
#[doc(hidden)]
pub struct OptionPlace<P> {
    slot: *const Slot,
    parent: u32,
    /// The value's place, and the slot as it was when that was resolved.
    resolved: Mutex<Option<(Raw, P)>>,
}

// SAFETY: the slot lies in the mapping of the store that the binding keeps, and consists of atomics.
unsafe impl<P: Send> Send for OptionPlace<P> {}
// SAFETY: as above; the rest is a mutex.
unsafe impl<P: Send> Sync for OptionPlace<P> {}

impl<P> OptionPlace<P> {
    fn slot(&self) -> SlotRef<'_> {
        // SAFETY: declared, or held, so that it stays for as long as it is used; and the mapping stays in any case.
        SlotRef { slot: unsafe { &*self.slot }, parent: Some(self.parent) }
    }

    /// Does something with the value's place, if there is a value, once its memory is verified.
    fn with<T: Field<Place = P>, R>(
        &self,
        lender: Lender<'_>,
        exclusive: bool,
        then: impl FnOnce(&P) -> R,
    ) -> Result<Option<R>> {
        let slot = self.slot();
        // Taken out meanwhile: what follows may wait for the heap, or run the user's code. A thread that finds nothing
        // here resolves the value.
        let cached = self.resolved.try_lock().and_then(|mut resolved| resolved.take());
        if Self::is_null(slot.slot) {
            return Ok(None);
        }
        let raw = Raw::load(slot.slot);
        let value = match cached {
            // A scalar lies in the slot itself; a node is the same as long as its name is.
            Some((known, value)) if known.tag == raw.tag && known.id() == raw.id() => value,
            _ if exclusive => lender.resolve::<T>(self.parent, slot)?,
            _ => Binder::looking(lender.arena()).resolve_slot::<T>(slot)?,
        };
        T::check(&value, lender, exclusive)?;
        let result = then(&value);
        if T::KIND != Kind::Struct
            && let Some(mut resolved) = self.resolved.try_lock()
        {
            *resolved = Some((raw, value));
        }
        Ok(Some(result))
    }

    fn is_null(slot: &Slot) -> bool {
        Raw::load(slot).tag as u8 == Kind::Null as u8
    }
}

impl<T: Field> Field for Option<T> {
    type Ref<'s> = Option<T::Ref<'s>>;
    type Mut<'s> = OptionMut<'s, T>;
    type Place = OptionPlace<T::Place>;
    type Repeated = AsList;
    const KIND: Kind = {
        assert!(!T::OPTIONAL, "an `Option` in an `Option` cannot be told from `None` in a store");
        T::KIND
    };
    const OPTIONAL: bool = true;
    const LIMITED: bool = T::LIMITED;
    const TELLS: bool = T::TELLS;

    fn initial() -> Option<T> {
        None
    }

    fn schema() -> Schema {
        Schema::Optional(Box::new(T::schema()))
    }

    fn meta() -> Meta {
        T::meta()
    }

    fn field_value(&self) -> Result<Value<'_>> {
        self.as_ref().map_or(Ok(Value::Null), T::field_value)
    }

    fn from_value(value: Value<'_>) -> Result<Option<T>> {
        match value {
            Value::Null => Ok(None),
            value => T::from_value(value).map(Some),
        }
    }

    #[inline(always)]
    fn get(slot: ops::Slot<'_>) -> Result<Option<T>> {
        if slot.kind()? == Kind::Null { Ok(None) } else { <T as Field>::get(slot).map(Some) }
    }

    fn resolve(binder: &Binder<'_, '_>, slot: SlotRef<'_>) -> Result<Self::Place> {
        if !Self::Place::is_null(slot.slot) {
            if binder.looks_at_parts::<T>() {
                binder.part::<T>(slot)?;
            }
            // The value itself is looked at when it is used, but not what the slot is declared to hold.
            let raw = Raw::load(slot.slot);
            let found = raw.kind()?;
            if found != T::KIND && !(T::KIND.widens_to(found) && binder.is_widened(raw)?) {
                return Err(binder.mismatch(found.name(), T::KIND.name(), found.widens_to(T::KIND)));
            }
        }
        Ok(OptionPlace {
            slot: slot.slot,
            parent: slot.parent.unwrap_or_default(),
            resolved: Mutex::new(None),
        })
    }

    fn check(place: &Self::Place, lender: Lender<'_>, exclusive: bool) -> Result<()> {
        match place.with::<T, _>(lender, exclusive, |_| ()) {
            // Another program has put a value here that does not fit, which can be replaced: it is looked at again when it
            // is asked for.
            Err(error) if error.kind() == ErrorKind::WrongType && exclusive => Ok(()),
            other => other.map(drop),
        }
    }

    fn load(place: &Self::Place, lender: Lender<'_>) -> Result<Option<T>> {
        let slot = place.slot();
        if Self::Place::is_null(slot.slot) {
            return Ok(None);
        }
        lender.load_part::<T>(slot).map(Some)
    }

    fn assign(lent: &mut OptionMut<'_, T>, value: &Option<T>) -> Result<()> {
        lent.assign(value)
    }

    fn reborrow<'a, 's: 'a>(lent: &'a mut OptionMut<'s, T>) -> OptionMut<'a, T> {
        lent.reborrow()
    }

    unsafe fn lend<'s>(place: &Self::Place, lender: Lender<'s>) -> Option<T::Ref<'s>> {
        // Looked at again, for the guard may have given it another value since. It then fails only in a damaged store.
        // SAFETY: checked just now, and nothing changes it for as long as it is lent.
        place.with::<T, _>(lender, false, |value| unsafe { T::lend(value, lender) }).ok().flatten()
    }

    unsafe fn lend_mut<'s>(place: &Self::Place, lender: Lender<'s>) -> OptionMut<'s, T> {
        OptionMut { slot: place.slot, parent: place.parent, lender, value: PhantomData }
    }
}

/// An optional value in a store that is held exclusively.
///
/// ```
/// use structstore::StructStore;
///
/// #[derive(StructStore)]
/// struct Settings {
///     limit: Option<f64>,
///     name: Option<String>,
/// }
///
/// let store = StructStore::new();
/// let settings = store.bind::<Settings>()?;
/// assert_eq!(store.to_string(), r#"{"limit": null, "name": null}"#);
/// settings.with_mut(|mut settings| {
///     settings.limit.set(Some(1.5))?;
///     if let Some(limit) = settings.limit.get_mut()? {
///         *limit *= 2.0;
///     }
///     settings.name.set(Some("arm".into()))
/// })?;
/// assert_eq!(store.to_string(), r#"{"limit": 3.0, "name": "arm"}"#);
///
/// store.set("limit", 5)?; // as an f64, for it is declared
/// let guard = settings.read()?;
/// assert_eq!(guard.fields().limit, Some(&5.0));
/// # Ok::<(), structstore::Error>(())
/// ```
pub struct OptionMut<'s, T> {
    slot: *const Slot,
    parent: u32,
    lender: Lender<'s>,
    /// Locks belong to threads; the pointer above keeps this from being sent.
    value: PhantomData<fn() -> T>,
}

impl<T: Field> OptionMut<'_, T> {
    fn slot(&self) -> SlotRef<'_> {
        // SAFETY: the slot lies in a struct that is held for the lifetime of this, and that was looked at.
        SlotRef { slot: unsafe { &*self.slot }, parent: Some(self.parent) }
    }

    /// Whether there is a value.
    pub fn is_some(&self) -> bool {
        !OptionPlace::<T::Place>::is_null(self.slot().slot)
    }

    /// Whether there is no value.
    pub fn is_none(&self) -> bool {
        !self.is_some()
    }

    /// Lends the value for reading, if there is one.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::WrongType`](crate::ErrorKind::WrongType) if another process has put another value there.
    pub fn get(&self) -> Result<Option<T::Ref<'_>>> {
        let lender: Lender<'_> = self.lender;
        self.is_some().then(|| lender.part::<T>(self.slot())).transpose()
    }

    /// Lends the value for changing, if there is one.
    ///
    /// # Errors
    ///
    /// As [`OptionMut::get`].
    pub fn get_mut(&mut self) -> Result<Option<T::Mut<'_>>> {
        if self.is_none() {
            return Ok(None);
        }
        let lender: Lender<'_> = self.lender;
        // SAFETY: the struct is held exclusively for the lifetime of this, and `&mut self` keeps it from lending twice.
        unsafe { lender.part_mut::<T>(self.parent, self.slot()) }.map(Some)
    }

    /// Assigns a value, or null.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::OutOfSpace`](crate::ErrorKind::OutOfSpace) if there is no room for it.
    pub fn set(&mut self, value: Option<T>) -> Result<()> {
        self.assign(&value)
    }

    fn assign(&mut self, value: &Option<T>) -> Result<()> {
        self.try_assign(value).map_err(|error| self.locate(error))
    }

    #[cold]
    fn locate(&self, error: Error) -> Error {
        if error.is_located() {
            return error;
        }
        error.below(node::path_of_slot(self.lender.arena(), self.parent, self.slot().slot)).located()
    }

    fn try_assign(&self, value: &Option<T>) -> Result<()> {
        let value = value.field_value()?;
        let slot = self.slot().slot;
        value.check_depth(node::depth_of(self.lender.arena(), self.parent)?)?;
        operate_below(self.lender.arena(), self.parent, |operation| {
            edit::assign_part(operation, self.parent, slot, &value)?;
            match T::LIMITED && self.is_some() {
                true => declare_part::<T>(operation, self.slot()),
                false => Ok(()),
            }
        })
    }

    /// Reborrows the access for a shorter time, to pass it on.
    pub fn reborrow(&mut self) -> OptionMut<'_, T> {
        OptionMut { slot: self.slot, parent: self.parent, lender: self.lender, value: PhantomData }
    }
}
