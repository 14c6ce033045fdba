//! `Vec`s as fields: arrays of numbers, and lists of anything else.

use std::marker::PhantomData;
use std::ops::Deref;

use super::array::free;
use super::binder::declare_part;
use super::{Binder, BoundNode, Field, Lender, Schema, SlotRef, TypedArrayMut, TypedArrayRef};
use crate::access::{Access, Located, Locked, Part};
use crate::arena::Arena;
use crate::arena::layout::{Node, Slot};
#[cfg(doc)]
use crate::error::ErrorKind;
use crate::error::{Error, Result};
use crate::handle::{ListMut, ListRef};
use crate::node::list;
use crate::ops::lists;
use crate::value::{ArrayValue, DType, Element, Kind, Meta, Value, wrong_kind};

/// How a `Vec` is stored: [`AsArray`] or [`AsList`].
#[doc(hidden)]
pub trait Repeated<T: Field>: 'static {
    type Ref<'s>;
    type Mut<'s>;
    const KIND: Kind;
    /// As [`Field::TELLS`].
    const TELLS: bool = false;

    /// The metadata of every field of these items.
    fn meta() -> Meta {
        Meta::new()
    }

    fn schema() -> Schema;
    fn to_value(items: &[T]) -> Result<Value<'_>>;
    fn from_value(value: Value<'_>) -> Result<Vec<T>>;
    fn resolve(binder: &Binder<'_, '_>, slot: SlotRef<'_>) -> Result<BoundNode>;
    fn check(place: &BoundNode, lender: Lender<'_>, exclusive: bool) -> Result<()>;
    fn load(place: &BoundNode, lender: Lender<'_>) -> Result<Vec<T>>;
    fn assign(lent: &mut Self::Mut<'_>, items: &[T]) -> Result<()>;
    fn reborrow<'a, 's: 'a>(lent: &'a mut Self::Mut<'s>) -> Self::Mut<'a>;
    fn lend<'s>(place: &BoundNode, lender: Lender<'s>) -> Self::Ref<'s>;
    fn lend_mut<'s>(place: &BoundNode, lender: Lender<'s>) -> Self::Mut<'s>;
}

/// As an array of one dimension.
#[doc(hidden)]
pub struct AsArray;

/// As a list.
#[doc(hidden)]
pub struct AsList;

impl<T: Field + Element> Repeated<T> for AsArray {
    type Ref<'s> = TypedArrayRef<'s, T>;
    type Mut<'s> = TypedArrayMut<'s, T>;
    const KIND: Kind = Kind::Array;

    fn schema() -> Schema {
        free::schema::<T, 1>()
    }

    fn to_value(items: &[T]) -> Result<Value<'_>> {
        Ok(ArrayValue::from_slice(&[items.len()], items)?.into())
    }

    /// Bytes are numbers, too.
    fn from_value(value: Value<'_>) -> Result<Vec<T>> {
        let value = match value {
            Value::Bytes(bytes) if T::TYPESTR == <u8 as Element>::TYPESTR => {
                ArrayValue::new(DType::of::<u8>(), &[bytes.len()], bytes)?.into()
            }
            other => other,
        };
        Ok(free::from_value::<T, 1>(&value)?.1)
    }

    fn resolve(binder: &Binder<'_, '_>, slot: SlotRef<'_>) -> Result<BoundNode> {
        free::resolve::<T, 1>(binder, slot)
    }

    fn check(place: &BoundNode, lender: Lender<'_>, exclusive: bool) -> Result<()> {
        free::check::<T, 1>(place, lender, exclusive)
    }

    fn load(place: &BoundNode, lender: Lender<'_>) -> Result<Vec<T>> {
        Ok(free::load::<T, 1>(place, lender)?.1)
    }

    fn assign(lent: &mut TypedArrayMut<'_, T>, items: &[T]) -> Result<()> {
        lent.set([items.len()], items)
    }

    fn reborrow<'a, 's: 'a>(lent: &'a mut TypedArrayMut<'s, T>) -> TypedArrayMut<'a, T> {
        lent.reborrow()
    }

    fn lend<'s>(place: &BoundNode, lender: Lender<'s>) -> TypedArrayRef<'s, T> {
        TypedArrayRef::new(place, lender)
    }

    fn lend_mut<'s>(place: &BoundNode, lender: Lender<'s>) -> TypedArrayMut<'s, T> {
        TypedArrayMut::new(place, lender)
    }
}

impl<T: Field> Repeated<T> for AsList {
    type Ref<'s> = TypedListRef<'s, T>;
    type Mut<'s> = TypedListMut<'s, T>;
    const KIND: Kind = Kind::List;
    const TELLS: bool = T::TELLS;

    fn meta() -> Meta {
        T::meta()
    }

    fn schema() -> Schema {
        Schema::List(Some(Box::new(T::schema())))
    }

    fn to_value<'a>(items: &'a [T]) -> Result<Value<'a>> {
        let value = |(index, item): (usize, &'a T)| item.field_value().map_err(|error| error.under(index));
        items.iter().enumerate().map(value).collect::<Result<_>>().map(Value::List)
    }

    fn from_value(value: Value<'_>) -> Result<Vec<T>> {
        let Value::List(items) = value else { return Err(wrong_kind(value.kind(), Kind::List.name())) };
        let item = |(index, item)| T::from_value(item).map_err(|error| error.under(index));
        items.into_iter().enumerate().map(item).collect()
    }

    fn resolve(binder: &Binder<'_, '_>, slot: SlotRef<'_>) -> Result<BoundNode> {
        let place = binder.node(slot, Kind::List)?;
        if binder.looks_at_parts::<T>() {
            let parent = Some(place.id.index);
            let items = list::each(binder.arena, place.node());
            binder
                .parts::<T, usize>(items.map(|item| item.map(|(at, slot)| (at, SlotRef { slot, parent }))))?;
        }
        Ok(place)
    }

    fn check(place: &BoundNode, _: Lender<'_>, _: bool) -> Result<()> {
        place.check()
    }

    fn load(place: &BoundNode, lender: Lender<'_>) -> Result<Vec<T>> {
        place.check()?;
        let arena = lender.arena();
        list::each(arena, place.node())
            .map(|found| {
                let (index, slot) = found?;
                let slot = SlotRef { slot, parent: Some(place.id.index) };
                lender.load_part::<T>(slot).map_err(|error| error.under(index))
            })
            .collect()
    }

    fn assign(lent: &mut TypedListMut<'_, T>, items: &[T]) -> Result<()> {
        let values = items.iter().map(T::field_value).collect::<Result<Vec<_>>>()?;
        match T::LIMITED {
            true => lent.splice(0, lent.len()?, &values),
            false => lent.as_list().replace(values),
        }
    }

    fn reborrow<'a, 's: 'a>(lent: &'a mut TypedListMut<'s, T>) -> TypedListMut<'a, T> {
        lent.reborrow()
    }

    fn lend<'s>(place: &BoundNode, lender: Lender<'s>) -> TypedListRef<'s, T> {
        let locked = Locked::lend(lender.store, place.id, place.record);
        TypedListRef { list: ListRef::new(locked), item: PhantomData }
    }

    fn lend_mut<'s>(place: &BoundNode, lender: Lender<'s>) -> TypedListMut<'s, T> {
        TypedListMut { reading: <AsList as Repeated<T>>::lend(place, lender) }
    }
}

fn item<'a>(arena: &'a Arena, node: &Node, parent: u32, index: u64) -> Result<SlotRef<'a>> {
    let slot: &Slot = list::slot(arena, node, index)?;
    Ok(SlotRef { slot, parent: Some(parent) })
}

impl<T: Field> Field for Vec<T> {
    type Ref<'s> = <T::Repeated as Repeated<T>>::Ref<'s>;
    type Mut<'s> = <T::Repeated as Repeated<T>>::Mut<'s>;
    type Place = BoundNode;
    type Repeated = AsList;
    const KIND: Kind = <T::Repeated as Repeated<T>>::KIND;
    const LIMITED: bool = T::LIMITED;
    const TELLS: bool = T::Repeated::TELLS;

    fn initial() -> Vec<T> {
        Vec::new()
    }

    fn meta() -> Meta {
        T::Repeated::meta()
    }

    fn schema() -> Schema {
        T::Repeated::schema()
    }

    fn field_value(&self) -> Result<Value<'_>> {
        T::Repeated::to_value(self)
    }

    fn from_value(value: Value<'_>) -> Result<Vec<T>> {
        T::Repeated::from_value(value)
    }

    fn resolve(binder: &Binder<'_, '_>, slot: SlotRef<'_>) -> Result<BoundNode> {
        T::Repeated::resolve(binder, slot)
    }

    fn check(place: &BoundNode, lender: Lender<'_>, exclusive: bool) -> Result<()> {
        T::Repeated::check(place, lender, exclusive)
    }

    fn load(place: &BoundNode, lender: Lender<'_>) -> Result<Vec<T>> {
        T::Repeated::load(place, lender)
    }

    fn assign(lent: &mut Self::Mut<'_>, value: &Vec<T>) -> Result<()> {
        T::Repeated::assign(lent, value)
    }

    fn reborrow<'a, 's: 'a>(lent: &'a mut Self::Mut<'s>) -> Self::Mut<'a> {
        T::Repeated::reborrow(lent)
    }

    unsafe fn lend<'s>(place: &BoundNode, lender: Lender<'s>) -> Self::Ref<'s> {
        T::Repeated::lend(place, lender)
    }

    unsafe fn lend_mut<'s>(place: &BoundNode, lender: Lender<'s>) -> Self::Mut<'s> {
        T::Repeated::lend_mut(place, lender)
    }
}

/// A list of values of one type in a store that is held exclusively.
///
/// Other processes may have put anything into the list while it was not locked: using an item of another type is an error,
/// and missing fields of an item are created.
///
/// ```
/// use structstore::StructStore;
///
/// #[derive(StructStore)]
/// struct Camera {
///     name: String,
///     exposure: f64,
/// }
///
/// #[derive(StructStore)]
/// struct Rig {
///     cameras: Vec<Camera>,
/// }
///
/// let store = StructStore::new();
/// let rig = store.bind::<Rig>()?;
/// rig.with_mut(|mut rig| {
///     rig.cameras.push(&Camera { name: "left".into(), exposure: 0.01 })?;
///     *rig.cameras.get_mut(0)?.exposure *= 2.0;
///     Ok::<_, structstore::Error>(())
/// })?;
/// assert_eq!(store.to_string(), r#"{"cameras": [{"name": "left", "exposure": 0.02}]}"#);
///
/// store.ensure_list("cameras")?.push("no camera")?;
/// let error = rig.read()?.fields().cameras.get(1).err().unwrap();
/// assert_eq!(error.to_string(), "cameras[1]: found str, expected struct");
/// # Ok::<(), structstore::Error>(())
/// ```
pub struct TypedListMut<'s, T> {
    reading: TypedListRef<'s, T>,
}

impl<'s, T> Deref for TypedListMut<'s, T> {
    type Target = TypedListRef<'s, T>;

    #[inline(always)]
    fn deref(&self) -> &TypedListRef<'s, T> {
        &self.reading
    }
}

/// A list of values of one type in a store that is held for reading.
///
/// ```
/// use structstore::StructStore;
///
/// #[derive(StructStore)]
/// struct Rig {
///     names: Vec<String>,
/// }
///
/// let rig = StructStore::new().bind::<Rig>()?;
/// rig.replace(&Rig { names: vec!["left".into(), "right".into()] })?;
/// let guard = rig.read()?;
/// let names = guard.fields().names;
/// assert_eq!((names.len()?, names.get(0)?.as_str()?), (2, "left"));
/// assert_eq!(names.load(1)?, "right");
/// # Ok::<(), structstore::Error>(())
/// ```
pub struct TypedListRef<'s, T> {
    list: ListRef<'s>,
    item: PhantomData<fn() -> T>,
}

impl<T: Field> TypedListRef<'_, T> {
    /// How many items there are.
    pub fn len(&self) -> Result<usize> {
        self.list.len()
    }

    /// Whether there are no items.
    pub fn is_empty(&self) -> Result<bool> {
        self.list.is_empty()
    }

    fn slot(&self, index: usize) -> Result<SlotRef<'_>> {
        let locked = &self.list.locked;
        item(locked.arena(), locked.node(), locked.id().index, index as u64)
    }

    /// Lends an item for reading.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::IndexOutOfRange`], [`ErrorKind::WrongType`] or [`ErrorKind::NotFound`] if another process has put another value
    /// there.
    pub fn get(&self, index: usize) -> Result<T::Ref<'_>> {
        let locked = &self.list.locked;
        self.slot(index)
            .and_then(|slot| Lender { store: locked.store() }.part::<T>(slot))
            .at_part(locked, Part::Index(index))
    }

    /// Copies an item out.
    ///
    /// # Errors
    ///
    /// As [`TypedListRef::get`].
    pub fn load(&self, index: usize) -> Result<T> {
        let locked = &self.list.locked;
        self.slot(index)
            .and_then(|slot| Lender { store: locked.store() }.load_part::<T>(slot))
            .at_part(locked, Part::Index(index))
    }

    /// Lends the items one after the other.
    pub fn iter(&self) -> impl Iterator<Item = Result<T::Ref<'_>>> {
        let locked = &self.list.locked;
        list::each(locked.arena(), locked.node()).map(move |found| {
            let (index, slot) = found.at(locked)?;
            let slot = SlotRef { slot, parent: Some(locked.id().index) };
            let lent = Lender { store: locked.store() }.part::<T>(slot);
            lent.at_part(locked, Part::Index(index))
        })
    }
}

impl<T: Field> TypedListMut<'_, T> {
    /// Lends an item for changing.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::IndexOutOfRange`], or [`ErrorKind::WrongType`] if another process has put another value there.
    pub fn get_mut(&mut self, index: usize) -> Result<T::Mut<'_>> {
        let locked = &self.reading.list.locked;
        let lender = Lender { store: locked.store() };
        let lent = self.slot(index).and_then(|slot| {
            // SAFETY: the list is held exclusively for as long as self, and `&mut self` keeps it from lending this item
            // or another one meanwhile.
            unsafe { lender.part_mut::<T>(locked.id().index, slot) }
        });
        lent.at_part(locked, Part::Index(index))
    }

    /// Runs a closure on each item, up to the first error.
    ///
    /// # Errors
    ///
    /// As [`TypedListMut::get_mut`], or the error that the closure returns.
    pub fn for_each_mut<E: From<Error>>(
        &mut self,
        mut change: impl FnMut(T::Mut<'_>) -> Result<(), E>,
    ) -> Result<(), E> {
        (0..self.len()?).try_for_each(|index| change(self.get_mut(index)?))
    }

    /// Appends an item.
    ///
    /// # Errors
    ///
    /// As [`ListMut::push`].
    pub fn push(&mut self, item: &T) -> Result<()> {
        let value = item.field_value()?;
        match T::LIMITED {
            true => self.splice(usize::MAX, 0, &[value]),
            false => self.as_list().push(value),
        }
    }

    /// Replaces items by others, which declare what they may hold, in one operation.
    fn splice(&self, index: usize, count: usize, values: &[Value<'_>]) -> Result<()> {
        let locked = &self.list.locked;
        lists::splice_with(locked, index, count, values, |operation, slot| {
            declare_part::<T>(operation, SlotRef { slot, parent: Some(locked.id().index) })
        })
    }

    /// Inserts an item at `index`, before the item there, or at the end.
    ///
    /// # Errors
    ///
    /// As [`ListMut::insert`].
    pub fn insert(&mut self, index: usize, item: &T) -> Result<()> {
        let value = item.field_value()?;
        match T::LIMITED {
            true => self.splice(index, 0, &[value]),
            false => self.as_list().insert(index, value),
        }
    }

    /// Assigns an existing item.
    ///
    /// # Errors
    ///
    /// As [`ListMut::set`].
    pub fn set(&mut self, index: usize, item: &T) -> Result<()> {
        let value = item.field_value()?;
        match T::LIMITED {
            true => self.splice(index, 1, &[value]),
            false => self.as_list().set(index, value),
        }
    }

    /// Removes an item.
    ///
    /// # Errors
    ///
    /// As [`ListMut::remove`].
    pub fn remove(&mut self, index: usize) -> Result<()> {
        self.as_list().delete(index)
    }

    /// Removes all items.
    ///
    /// # Errors
    ///
    /// As [`ListMut::clear`].
    pub fn clear(&mut self) -> Result<()> {
        self.as_list().clear()
    }

    /// The list as one of any values.
    pub fn as_list(&mut self) -> ListMut<'_> {
        ListMut::new(self.list.locked.reborrow())
    }

    /// Reborrows the access for a shorter time, to pass it on.
    pub fn reborrow(&mut self) -> TypedListMut<'_, T> {
        let list = ListRef::new(self.list.locked.reborrow());
        TypedListMut { reading: TypedListRef { list, item: PhantomData } }
    }
}
