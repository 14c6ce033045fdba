//! Parts of any contents as fields, and boxed ones.

use super::list::AsList;
use super::{Assignment, Binder, BoundNode, Field, Lender, Packer, SampleType, Schema, SlotRef, Unpacker};
use crate::access::Locked;
use crate::error::Result;
use crate::handle::{List, ListMut, ListRef, Struct, StructMut, StructRef};
use crate::node::{self, Extent};
use crate::ops::Slot;
use crate::store::StructStore;
use crate::value::{Kind, Meta, ToValue, Value, wrong_kind};

/// As a field of a bound struct: a list of anything. One that is loaded, or a default, is a list in a store of its own.
macro_rules! copied {
    ($($type:ty),*) => {$(
        impl ToValue for $type {
            fn to_value(&self) -> Result<Value<'_>> {
                <$type>::to_value(self)
            }
        }
    )*};
}
copied!(List, Struct);

impl Field for List {
    type Ref<'s> = ListRef<'s>;
    type Mut<'s> = ListMut<'s>;
    type Place = BoundNode;
    type Repeated = AsList;
    const KIND: Kind = Kind::List;

    /// An empty list in a store of its own.
    ///
    /// # Panics
    ///
    /// If this process may not map any memory at all, as [`StructStore::new`].
    #[expect(
        clippy::panic,
        reason = "documented, and no memory at all is nothing that a segment can bring about"
    )]
    fn initial() -> List {
        match StructStore::new().ensure_list("list") {
            Ok(list) => list,
            Err(error) => panic!("cannot create a list: {error}"),
        }
    }

    fn schema() -> Schema {
        Schema::List(None)
    }

    fn field_value(&self) -> Result<Value<'_>> {
        ToValue::to_value(self)
    }

    /// A list of its own.
    fn from_value(value: Value<'_>) -> Result<List> {
        if value.kind() != Kind::List {
            return Err(wrong_kind(value.kind(), Kind::List.name()));
        }
        let store = StructStore::try_new()?;
        store.set("list", value)?;
        store.ensure_list("list")
    }

    /// The list itself.
    #[inline]
    fn get(slot: Slot<'_>) -> Result<List> {
        slot.handle(Kind::List).map(List::from_handle)
    }

    fn resolve(binder: &Binder<'_, '_>, slot: SlotRef<'_>) -> Result<BoundNode> {
        binder.node(slot, Kind::List)
    }

    fn check(place: &BoundNode, _: Lender<'_>, _: bool) -> Result<()> {
        place.check()
    }

    fn load(place: &BoundNode, lender: Lender<'_>) -> Result<List> {
        place.check()?;
        List::from_value(node::read_value(lender.arena(), place.node(), 0, &Extent::default())?)
    }

    fn assign(lent: &mut ListMut<'_>, value: &List) -> Result<()> {
        match List::to_value(value)? {
            Value::List(items) => lent.replace(items),
            other => Err(wrong_kind(other.kind(), Kind::List.name())),
        }
    }

    fn reborrow<'a, 's: 'a>(lent: &'a mut ListMut<'s>) -> ListMut<'a> {
        lent.reborrow()
    }

    unsafe fn lend<'s>(place: &BoundNode, lender: Lender<'s>) -> ListRef<'s> {
        ListRef::new(Locked::lend(lender.store, place.id, place.record))
    }

    unsafe fn lend_mut<'s>(place: &BoundNode, lender: Lender<'s>) -> ListMut<'s> {
        ListMut::new(Locked::lend(lender.store, place.id, place.record))
    }
}

/// As a field of a bound struct: a struct of any fields. One that is loaded, or a default, is the root of a store of its
/// own.
impl Field for Struct {
    type Ref<'s> = StructRef<'s>;
    type Mut<'s> = StructMut<'s>;
    type Place = BoundNode;
    type Repeated = AsList;
    const KIND: Kind = Kind::Struct;

    /// The root of an empty store.
    ///
    /// # Panics
    ///
    /// As [`StructStore::new`].
    fn initial() -> Struct {
        (*StructStore::new()).clone()
    }

    fn schema() -> Schema {
        Schema::Map(None)
    }

    fn field_value(&self) -> Result<Value<'_>> {
        ToValue::to_value(self)
    }

    /// A struct of its own.
    fn from_value(value: Value<'_>) -> Result<Struct> {
        if value.kind() != Kind::Struct {
            return Err(wrong_kind(value.kind(), Kind::Struct.name()));
        }
        let store = StructStore::try_new()?;
        store.replace(value)?;
        Ok((*store).clone())
    }

    /// The struct itself.
    #[inline]
    fn get(slot: Slot<'_>) -> Result<Struct> {
        slot.handle(Kind::Struct).map(Struct::from_handle)
    }

    fn resolve(binder: &Binder<'_, '_>, slot: SlotRef<'_>) -> Result<BoundNode> {
        binder.node(slot, Kind::Struct)
    }

    fn check(place: &BoundNode, _: Lender<'_>, _: bool) -> Result<()> {
        place.check()
    }

    fn load(place: &BoundNode, lender: Lender<'_>) -> Result<Struct> {
        place.check()?;
        Struct::from_value(node::read_value(lender.arena(), place.node(), 0, &Extent::default())?)
    }

    fn assign(lent: &mut StructMut<'_>, value: &Struct) -> Result<()> {
        lent.replace(Struct::to_value(value)?)
    }

    fn reborrow<'a, 's: 'a>(lent: &'a mut StructMut<'s>) -> StructMut<'a> {
        lent.reborrow()
    }

    unsafe fn lend<'s>(place: &BoundNode, lender: Lender<'s>) -> StructRef<'s> {
        StructRef::new(Locked::lend(lender.store, place.id, place.record))
    }

    unsafe fn lend_mut<'s>(place: &BoundNode, lender: Lender<'s>) -> StructMut<'s> {
        StructMut::new(Locked::lend(lender.store, place.id, place.record))
    }
}

impl<T: Field> Field for Box<T> {
    type Ref<'s> = T::Ref<'s>;
    type Mut<'s> = T::Mut<'s>;
    type Place = T::Place;
    type Repeated = AsList;
    const KIND: Kind = T::KIND;
    const OPTIONAL: bool = T::OPTIONAL;
    const IN_SLOT: bool = T::IN_SLOT;
    const SLOTS_ONLY: bool = T::SLOTS_ONLY;
    const LIMITED: bool = T::LIMITED;
    const TELLS: bool = T::TELLS;

    fn initial() -> Box<T> {
        Box::new(T::initial())
    }

    fn schema() -> Schema {
        T::schema()
    }

    fn meta() -> Meta {
        T::meta()
    }

    fn field_value(&self) -> Result<Value<'_>> {
        T::field_value(self)
    }

    fn from_value(value: Value<'_>) -> Result<Box<T>> {
        T::from_value(value).map(Box::new)
    }

    #[inline]
    fn get(slot: Slot<'_>) -> Result<Box<T>> {
        <T as Field>::get(slot).map(Box::new)
    }

    fn sample_type() -> Result<SampleType> {
        T::sample_type()
    }

    fn pack(&self, to: &mut Packer<'_>) {
        T::pack(self, to);
    }

    fn unpack(from: &mut Unpacker<'_>) -> Result<Box<T>> {
        T::unpack(from).map(Box::new)
    }

    fn resolve(binder: &Binder<'_, '_>, slot: SlotRef<'_>) -> Result<T::Place> {
        T::resolve(binder, slot)
    }

    fn check(place: &T::Place, lender: Lender<'_>, exclusive: bool) -> Result<()> {
        T::check(place, lender, exclusive)
    }

    fn log(place: &T::Place, binder: &Binder<'_, '_>) -> Result<()> {
        T::log(place, binder)
    }

    const IN_PLACE: bool = T::IN_PLACE;

    #[inline]
    fn put(place: &T::Place, to: &Assignment<'_, '_>, value: &Box<T>) -> Result<()> {
        T::put(place, to, value)
    }

    fn load(place: &T::Place, lender: Lender<'_>) -> Result<Box<T>> {
        T::load(place, lender).map(Box::new)
    }

    fn assign(lent: &mut T::Mut<'_>, value: &Box<T>) -> Result<()> {
        T::assign(lent, value)
    }

    fn reborrow<'a, 's: 'a>(lent: &'a mut T::Mut<'s>) -> T::Mut<'a> {
        T::reborrow(lent)
    }

    unsafe fn lend<'s>(place: &T::Place, lender: Lender<'s>) -> T::Ref<'s> {
        // SAFETY: the caller's promise.
        unsafe { T::lend(place, lender) }
    }

    unsafe fn lend_mut<'s>(place: &T::Place, lender: Lender<'s>) -> T::Mut<'s> {
        // SAFETY: the caller's promise.
        unsafe { T::lend_mut(place, lender) }
    }
}
