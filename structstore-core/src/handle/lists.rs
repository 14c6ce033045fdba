//! Lists: values in order.

use std::cell::Cell;
use std::iter::Enumerate;
use std::marker::PhantomData;
use std::ops::{Deref, RangeBounds};
use std::slice;

use super::lend::{Lend, lend_mut, lend_ref};
use super::view::{ArrayView, moved_out};
use super::{Struct, StructMut, StructRef};
use crate::access::{Access, Borrowed, Handle, Hold, Located, Locked, Part, lend_scalar, locate_part};
use crate::arena::layout::Slot;
#[cfg(doc)]
use crate::error::ErrorKind;
use crate::error::{Error, Result, ToPath};
use crate::node::meta::refuse_items;
use crate::node::{Raw, list};
use crate::ops::{self, Get, lists, paths};
use crate::value::{Kind, ScalarType, ToValue, Value};

/// A handle to a list.
///
/// Each operation takes the locks that it needs, and happens completely or not at all. [`List::write`] gives a guard
/// that holds the list and everything below it. [`Error`](crate::Error#errors-of-all-operations) lists the errors that all
/// operations share.
///
/// ```
/// use structstore::{StructStore, Value};
///
/// let store = StructStore::new();
/// let list = store.ensure_list("list")?;
/// list.push(1)?;
/// list.extend(["two", "three"])?;
/// list.insert(0, Value::Null)?;
/// assert_eq!(list.remove(2)?, Value::from("two"));
/// assert_eq!(list.to_string(), r#"[null, 1, "three"]"#);
/// # Ok::<(), structstore::Error>(())
/// ```
#[derive(Clone)]
pub struct List {
    pub(crate) handle: Handle,
}

impl List {
    pub(crate) fn from_handle(handle: Handle) -> List {
        List { handle }
    }

    /// How many items there are.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::StaleHandle`] if the list was removed.
    pub fn len(&self) -> Result<usize> {
        lists::len(&self.handle)
    }

    /// Whether there are no items.
    ///
    /// # Errors
    ///
    /// As [`List::len`].
    pub fn is_empty(&self) -> Result<bool> {
        Ok(self.len()? == 0)
    }

    /// Reads an item.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::IndexOutOfRange`], and as [`Struct::get`](crate::Struct::get).
    pub fn get<T: Get>(&self, index: usize) -> Result<T> {
        lists::get(&self.handle, index)
    }

    /// Reads the value at a path: see [`Struct::get_at`](crate::Struct::get_at).
    ///
    /// # Errors
    ///
    /// As [`Struct::get_at`](crate::Struct::get_at).
    ///
    /// ```
    /// use structstore::{StructStore, Value};
    ///
    /// let store = StructStore::new();
    /// let cameras = store.ensure_list("cameras")?;
    /// cameras.push(Value::record([("exposure", 0.01.into())]))?;
    /// assert_eq!(cameras.get_at::<f64>("[0].exposure")?, 0.01);
    /// # Ok::<(), structstore::Error>(())
    /// ```
    pub fn get_at<T: Get>(&self, path: impl ToPath) -> Result<T> {
        paths::get_at(&self.handle, &path)
    }

    /// Reads an item if it exists.
    ///
    /// # Errors
    ///
    /// As [`List::get`], without [`ErrorKind::IndexOutOfRange`].
    pub fn find<T: Get>(&self, index: usize) -> Result<Option<T>> {
        lists::find(&self.handle, index)
    }

    /// What kind of value an item is.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::IndexOutOfRange`].
    pub fn kind(&self, index: usize) -> Result<Kind> {
        lists::kind(&self.handle, index)
    }

    /// Appends an item.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::TooDeep`], [`ErrorKind::OutOfSpace`], [`ErrorKind::StaleHandle`].
    #[inline]
    pub fn push(&self, value: impl ToValue) -> Result<()> {
        value.with_value(|value| lists::push(&self.handle, value))
    }

    /// Inserts an item at `index`, before the item there, or at the end.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::IndexOutOfRange`], and as [`List::push`].
    pub fn insert(&self, index: usize, value: impl ToValue) -> Result<()> {
        value.with_value(|value| lists::insert(&self.handle, index, value))
    }

    /// Appends items. After an error, none is appended.
    ///
    /// # Errors
    ///
    /// As [`List::push`].
    ///
    /// ```
    /// let list = structstore::StructStore::new().ensure_list("list")?;
    /// list.extend(["a", "b"])?; // in one operation
    /// assert_eq!(list.len()?, 2);
    /// # Ok::<(), structstore::Error>(())
    /// ```
    pub fn extend<T: ToValue>(&self, values: impl IntoIterator<Item = T>) -> Result<()> {
        lists::extend(&self.handle, values)
    }

    /// Assigns an existing item, as [`Struct::set`](crate::Struct::set) assigns a field.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::IndexOutOfRange`], and as [`List::push`].
    pub fn set(&self, index: usize, value: impl ToValue) -> Result<()> {
        value.with_value(|value| lists::set(&self.handle, index, value))
    }

    /// Removes an item and returns it.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::IndexOutOfRange`].
    pub fn remove(&self, index: usize) -> Result<Value<'static>> {
        lists::take(&self.handle, index)
    }

    /// Removes an array and returns its memory, without a copy, as a view that nothing in the store leads to any more. Other views of the
    /// array share this memory.
    ///
    /// # Errors
    ///
    /// As [`List::remove`]; [`ErrorKind::WrongType`] if it is not an array. After an error, nothing has been removed.
    ///
    /// ```
    /// use structstore::StructStore;
    ///
    /// let store = StructStore::new();
    /// let queue = store.ensure_list("frames")?;
    /// queue.push([1.0, 2.0])?;
    /// let frame = queue.remove_array(0)?;
    /// assert_eq!((queue.len()?, frame.to_vec::<f64>()?), (0, vec![1.0, 2.0]));
    /// # Ok::<(), structstore::Error>(())
    /// ```
    pub fn remove_array(&self, index: usize) -> Result<ArrayView> {
        lists::remove(&self.handle, index, |_, raw| moved_out(self.handle.arena(), raw))
    }

    /// Removes an item and everything below it, without making a copy.
    ///
    /// # Errors
    ///
    /// As [`List::remove`].
    pub fn delete(&self, index: usize) -> Result<()> {
        lists::delete(&self.handle, index)
    }

    /// Removes the last item, if there is one, and returns it.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::StaleHandle`], [`ErrorKind::HeldByGuard`].
    pub fn pop(&self) -> Result<Option<Value<'static>>> {
        lists::pop(&self.handle)
    }

    /// Removes all items.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::StaleHandle`], [`ErrorKind::HeldByGuard`].
    pub fn clear(&self) -> Result<()> {
        lists::clear(&self.handle)
    }

    /// Replaces all items.
    ///
    /// # Errors
    ///
    /// As [`List::push`].
    pub fn replace<T: ToValue>(&self, values: impl IntoIterator<Item = T>) -> Result<()> {
        lists::replace(&self.handle, values)
    }

    /// Reorders the items: the one at `order[0]` comes first, and so on. Handles to them stay valid.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::InvalidArgument`] if the order does not name each item once.
    ///
    /// ```
    /// let list = structstore::StructStore::new().ensure_list("list")?;
    /// list.extend(["b", "c", "a"])?;
    /// list.reorder(&[2, 0, 1])?;
    /// assert_eq!(list.to_string(), r#"["a", "b", "c"]"#);
    /// assert!(list.reorder(&[0, 0, 1]).is_err());
    /// # Ok::<(), structstore::Error>(())
    /// ```
    pub fn reorder(&self, order: &[usize]) -> Result<()> {
        lists::reorder(&self.handle, order)
    }

    /// Replaces the items of a range with any number of others. Handles to items outside of the range stay valid.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::InvalidArgument`] for a range that the list does not have, and as [`List::push`].
    ///
    /// ```
    /// let list = structstore::StructStore::new().ensure_list("list")?;
    /// list.extend([1, 2, 3])?;
    /// list.splice(..2, ["one", "and", "two"])?;
    /// assert_eq!(list.to_string(), r#"["one", "and", "two", 3]"#);
    /// list.splice(1..=1, [0; 0])?;
    /// assert_eq!(list.to_string(), r#"["one", "two", 3]"#);
    /// assert!(list.splice(2..5, [4]).is_err());
    /// # Ok::<(), structstore::Error>(())
    /// ```
    pub fn splice<T: ToValue>(
        &self,
        range: impl RangeBounds<usize>,
        values: impl IntoIterator<Item = T>,
    ) -> Result<()> {
        lists::splice(&self.handle, range, values)
    }

    /// The items in order, as of one moment.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::StaleHandle`], [`ErrorKind::HeldByGuard`]; [`ErrorKind::Contended`] for a store that was opened read-only and
    /// changes again and again meanwhile.
    ///
    /// ```
    /// let list = structstore::StructStore::new().ensure_list("list")?;
    /// list.extend([1, 2])?;
    /// for item in list.iter()? {
    ///     list.push(item)?; // the loop iterates over a copy
    /// }
    /// assert_eq!(list.to_string(), "[1, 2, 1, 2]");
    /// # Ok::<(), structstore::Error>(())
    /// ```
    pub fn iter(&self) -> Result<impl Iterator<Item = Value<'static>> + use<>> {
        lists::into_iter(self.to_value()?)
    }

    /// A complete copy of the list, as of one moment.
    ///
    /// # Errors
    ///
    /// As [`List::iter`].
    pub fn to_value(&self) -> Result<Value<'static>> {
        ops::to_value(&self.handle)
    }
}

/// A list that is held exclusively, with everything below it.
///
/// ```
/// use structstore::StructStore;
///
/// let store = StructStore::new();
/// let mut list = store.ensure_list("list")?.write()?;
/// list.extend([3, 4])?;
/// for item in list.iter_mut::<i32>() {
///     *item? *= 10;
/// }
/// assert_eq!(list.get::<i32>(1)?, 40);
/// assert!(list.iter_mut::<f64>().next().unwrap().is_err());
/// # Ok::<(), structstore::Error>(())
/// ```
pub struct ListMut<'s, H = Borrowed<'s>> {
    reading: ListRef<'s, H>,
}

impl<'s, H> Deref for ListMut<'s, H> {
    type Target = ListRef<'s, H>;

    #[inline(always)]
    fn deref(&self) -> &ListRef<'s, H> {
        &self.reading
    }
}

impl<'s, H: Hold> ListMut<'s, H> {
    pub(crate) fn new(locked: Locked<'s, H>) -> ListMut<'s, H> {
        ListMut { reading: ListRef::new(locked) }
    }

    /// The node, to be changed: where its items were is forgotten.
    #[inline(always)]
    fn changing(&mut self) -> &Locked<'s, H> {
        self.reading.slots.set(&[]);
        &self.reading.locked
    }

    /// Appends an item.
    ///
    /// # Errors
    ///
    /// As [`List::push`].
    #[inline]
    pub fn push(&mut self, value: impl ToValue) -> Result<()> {
        value.with_value(|value| lists::push(self.changing(), value))
    }

    /// Inserts an item at `index`, before the item there, or at the end.
    ///
    /// # Errors
    ///
    /// As [`List::insert`].
    pub fn insert(&mut self, index: usize, value: impl ToValue) -> Result<()> {
        value.with_value(|value| lists::insert(self.changing(), index, value))
    }

    /// Appends items. After an error, none is appended.
    ///
    /// # Errors
    ///
    /// As [`List::extend`].
    pub fn extend<T: ToValue>(&mut self, values: impl IntoIterator<Item = T>) -> Result<()> {
        lists::extend(self.changing(), values)
    }

    /// Replaces the items of a range with others, as [`List::splice`] does.
    ///
    /// # Errors
    ///
    /// As [`List::splice`].
    pub fn splice<T: ToValue>(
        &mut self,
        range: impl RangeBounds<usize>,
        values: impl IntoIterator<Item = T>,
    ) -> Result<()> {
        lists::splice(self.changing(), range, values)
    }

    /// Replaces all items.
    ///
    /// # Errors
    ///
    /// As [`List::replace`].
    pub fn replace<T: ToValue>(&mut self, values: impl IntoIterator<Item = T>) -> Result<()> {
        lists::replace(self.changing(), values)
    }

    /// Reorders the items, as [`List::reorder`] does.
    ///
    /// # Errors
    ///
    /// As [`List::reorder`].
    pub fn reorder(&mut self, order: &[usize]) -> Result<()> {
        lists::reorder(self.changing(), order)
    }

    /// Assigns an item.
    ///
    /// # Errors
    ///
    /// As [`List::set`].
    pub fn set(&mut self, index: usize, value: impl ToValue) -> Result<()> {
        value.with_value(|value| lists::set(self.changing(), index, value))
    }

    /// Removes an item and returns a copy of its value.
    ///
    /// # Errors
    ///
    /// As [`List::remove`].
    pub fn remove(&mut self, index: usize) -> Result<Value<'static>> {
        lists::take(self.changing(), index)
    }

    /// Removes an item and everything below it.
    ///
    /// # Errors
    ///
    /// As [`List::remove`].
    pub fn delete(&mut self, index: usize) -> Result<()> {
        lists::delete(self.changing(), index)
    }

    /// Removes the last item, if there is one, and returns a copy of its value.
    ///
    /// # Errors
    ///
    /// As [`List::pop`].
    pub fn pop(&mut self) -> Result<Option<Value<'static>>> {
        lists::pop(self.changing())
    }

    /// Removes all items.
    ///
    /// # Errors
    ///
    /// As [`List::clear`].
    pub fn clear(&mut self) -> Result<()> {
        lists::clear(self.changing())
    }

    /// The items, each as a scalar of exactly this type, to be changed in place.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::WrongType`] for an item of another type.
    pub fn iter_mut<'a, T: ScalarType + 'a>(&'a mut self) -> impl Iterator<Item = Result<&'a mut T>> {
        let locked = &self.reading.locked;
        list::each(locked.arena(), locked.node()).map(move |found| {
            let (index, slot) = found.at(locked)?;
            let limited = refuse_items(locked.arena(), locked.node());
            let noted = limited.and_then(|()| locked.note(&slot.payload));
            let place = noted.and_then(|()| lend_scalar::<T>(slot));
            // SAFETY: a valid T (checked) in a slot that stays where it is while the iterator borrows the guard, which
            // nobody else touches; each slot of the one block is given out once.
            place.map(|place| unsafe { &mut *place }).at_part(locked, Part::Index(index))
        })
    }

    /// Lends an item to be changed in place, as [`StructMut::get_mut`] does a field.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::IndexOutOfRange`], or [`ErrorKind::WrongType`] if the item does not have exactly this type.
    pub fn get_mut<T: Lend>(&mut self, index: usize) -> Result<T::Mut<'_>> {
        let locked = &self.reading.locked;
        let slot = list::slot(locked.arena(), locked.node(), index as u64);
        // SAFETY: held exclusively for as long as self, and `&mut self` keeps it from lending anything else.
        slot.and_then(|slot| unsafe { lend_mut::<T, H>(locked, slot) }).at_part(locked, Part::Index(index))
    }

    /// An item that is a struct.
    ///
    /// # Errors
    ///
    /// As [`ListMut::get_mut`].
    pub fn at(&mut self, index: usize) -> Result<StructMut<'_>> {
        self.get_mut::<Struct>(index)
    }

    /// Reborrows the guard for a shorter time, to pass it on.
    pub fn reborrow(&mut self) -> ListMut<'_> {
        ListMut::new(self.changing().reborrow())
    }
}

/// A list that is held for reading, with everything below it.
///
/// ```
/// use structstore::Value;
///
/// let store = structstore::StructStore::new();
/// store.set("list", Value::list([1, 2, 3]))?;
/// let list = store.ensure_list("list")?.read()?; // no process can change it now
/// assert_eq!(list.iter::<i32>().sum::<Result<i32, _>>()?, 6);
/// assert!(list.get::<i32>(3).is_err());
/// # Ok::<(), structstore::Error>(())
/// ```
pub struct ListRef<'s, H = Borrowed<'s>> {
    /// The slots, cached when an item is first read, and empty after a change. They do not move while the list is locked and nothing
    /// changes it through the guard.
    slots: Cell<*const [Slot]>,
    pub(crate) locked: Locked<'s, H>,
}

impl<'s, H: Hold> ListRef<'s, H> {
    pub(crate) fn new(locked: Locked<'s, H>) -> ListRef<'s, H> {
        ListRef { slots: Cell::new(&[]), locked }
    }

    /// The cached slots: none before the first read, and after a change.
    #[inline(always)]
    fn cached(&self) -> &[Slot] {
        // SAFETY: checked when they were taken, in a mapping that the guard keeps. The list is held, and what changes it through the
        // guard forgets them.
        unsafe { &*self.slots.get() }
    }

    #[cold]
    #[inline(never)]
    fn slot_anew(&self, index: usize) -> Option<&Slot> {
        let slots = list::slots(self.locked.arena(), self.locked.node()).ok()?;
        self.slots.set(slots);
        slots.get(index)
    }

    /// How many items there are.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Corrupt`] if the memory is damaged.
    pub fn len(&self) -> Result<usize> {
        lists::len(&self.locked)
    }

    /// Whether there are no items.
    ///
    /// # Errors
    ///
    /// As [`ListRef::len`].
    pub fn is_empty(&self) -> Result<bool> {
        Ok(self.len()? == 0)
    }

    /// Reads an item as a scalar, `String`, `Vec<u8>`, `Option` or [`Value`].
    ///
    /// # Errors
    ///
    /// As [`List::get`]; [`ErrorKind::HeldByGuard`] if `T` is a handle: use [`get_ref`](ListRef::get_ref).
    #[inline]
    pub fn get<T: Get>(&self, index: usize) -> Result<T> {
        match self.cached().get(index).and_then(|slot| T::exactly(read(&self.locked, slot, index))) {
            Some(item) => Ok(item),
            None => self.get_otherwise(index),
        }
    }

    /// As [`ListRef::get`], of an item of another type, or when the slots are not cached.
    #[inline(never)]
    fn get_otherwise<T: Get>(&self, index: usize) -> Result<T> {
        if T::IN_SLOT
            && let Some(slot) = self.cached().get(index).or_else(|| self.slot_anew(index))
        {
            return item(&self.locked, slot, index);
        }
        lists::get(&self.locked, index)
    }

    /// Reads the value at a path: see [`Struct::get_at`](crate::Struct::get_at).
    ///
    /// # Errors
    ///
    /// As [`Struct::get_at`](crate::Struct::get_at); [`ErrorKind::HeldByGuard`] if `T` is a handle.
    pub fn get_at<T: Get>(&self, path: impl ToPath) -> Result<T> {
        paths::get_at(&self.locked, &path)
    }

    /// Reads an item if it exists.
    ///
    /// # Errors
    ///
    /// As [`ListRef::get`], without [`ErrorKind::IndexOutOfRange`].
    pub fn find<T: Get>(&self, index: usize) -> Result<Option<T>> {
        lists::find(&self.locked, index)
    }

    /// What kind of value an item is.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::IndexOutOfRange`].
    pub fn kind(&self, index: usize) -> Result<Kind> {
        lists::kind(&self.locked, index)
    }

    /// The items, each as one of this type; see [`ListRef::get`].
    pub fn iter<T: Get>(&self) -> impl Iterator<Item = Result<T>> {
        let locked = &self.locked;
        let (slots, broken) = match list::slots(locked.arena(), locked.node()).at(locked) {
            Ok(slots) => (slots, None),
            Err(error) => (&[][..], Some(error)),
        };
        Items { locked, slots: slots.iter().enumerate(), broken, item: PhantomData }
    }

    /// Lends an item to be read in place, as [`StructRef::get_ref`] does a field.
    ///
    /// # Errors
    ///
    /// As [`ListMut::get_mut`].
    pub fn get_ref<T: Lend>(&self, index: usize) -> Result<T::Ref<'_>> {
        let slot = list::slot(self.locked.arena(), self.locked.node(), index as u64);
        // SAFETY: held for as long as self.
        slot.and_then(|slot| unsafe { lend_ref::<T, H>(&self.locked, slot) })
            .at_part(&self.locked, Part::Index(index))
    }

    /// An item that is a struct.
    ///
    /// # Errors
    ///
    /// As [`ListRef::get_ref`].
    pub fn at(&self, index: usize) -> Result<StructRef<'_>> {
        self.get_ref::<Struct>(index)
    }

    /// A complete copy of the list.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Corrupt`] if the memory is damaged.
    pub fn to_value(&self) -> Result<Value<'static>> {
        ops::to_value(&self.locked)
    }
}

#[inline(always)]
fn read<'a, H: Hold>(locked: &'a Locked<'_, H>, slot: &Slot, index: usize) -> ops::Slot<'a> {
    ops::Slot::new(locked, Raw::load(slot), Part::Index(index))
}

/// Reads an item of a list that is held.
#[inline(always)]
fn item<T: Get, H: Hold>(locked: &Locked<'_, H>, slot: &Slot, index: usize) -> Result<T> {
    /// Constructs the part a second time: a shared one would be written to memory for each item.
    #[cold]
    #[inline(never)]
    fn unread<H: Hold>(error: Error, locked: &Locked<'_, H>, index: usize) -> Error {
        locate_part(error, locked, Part::Index(index))
    }

    match T::get(read(locked, slot, index)) {
        Ok(item) => Ok(item),
        Err(error) => Err(unread(error, locked, index)),
    }
}

/// The items of a list that is held, or the reason why there are none to be had.
struct Items<'a, 's, T, H> {
    locked: &'a Locked<'s, H>,
    slots: Enumerate<slice::Iter<'a, Slot>>,
    broken: Option<Error>,
    item: PhantomData<fn() -> T>,
}

impl<T: Get, H: Hold> Iterator for Items<'_, '_, T, H> {
    type Item = Result<T>;

    #[inline]
    fn next(&mut self) -> Option<Result<T>> {
        match self.slots.next() {
            Some((index, slot)) => Some(item(self.locked, slot, index)),
            None => self.broken.take().map(Err),
        }
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.slots.len(), self.slots.len().checked_add(self.broken.is_some().into()))
    }
}
