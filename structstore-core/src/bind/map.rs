//! Maps from names to values of one type as fields, stored as structs.

use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap};
use std::hash::BuildHasher;
use std::marker::PhantomData;
use std::ops::Deref;

use super::binder::declare_part;
use super::list::AsList;
use super::{Binder, BoundNode, Field, Lender, Schema, SlotRef};
use crate::access::{Access, Located, Locked, Part};
use crate::arena::Arena;
use crate::arena::layout::Node;
use crate::edit;
use crate::error::{Error, ErrorKind, Result, Step};
use crate::handle::{StructMut, StructRef};
use crate::key::Key;
use crate::lock::Mode;
use crate::node::{self, structure};
use crate::value::{Kind, Value, wrong_kind};

fn entry<'a>(arena: &'a Arena, node: &Node, parent: u32, name: &str) -> Result<Option<SlotRef<'a>>> {
    let found = structure::find(arena, node, &Key::new(name))?;
    Ok(found.map(|found| SlotRef { slot: &found.field.slot, parent: Some(parent) }))
}

/// The names of the entries and where they are.
fn entries<'a>(arena: &'a Arena, place: &BoundNode) -> impl Iterator<Item = Result<(String, SlotRef<'a>)>> {
    let parent = place.id.index;
    structure::fields(arena, place.node()).map(move |found| {
        let field = found?.field;
        let slot = SlotRef { slot: &field.slot, parent: Some(parent) };
        Ok((structure::name(arena, field)?, slot))
    })
}

macro_rules! map_fields {
    ($($map:ty [$($generics:tt)*];)*) => {$(
        impl<T: Field, $($generics)*> Field for $map {
            type Ref<'s> = TypedMapRef<'s, T>;
            type Mut<'s> = TypedMapMut<'s, T>;
            type Place = BoundNode;
            type Repeated = AsList;
            const KIND: Kind = Kind::Struct;
            const LIMITED: bool = T::LIMITED;

            fn initial() -> Self {
                Self::default()
            }

            fn schema() -> Schema {
                Schema::Map(Some(Box::new(T::schema())))
            }

            fn field_value(&self) -> Result<Value<'_>> {
                let mut fields = Vec::with_capacity(self.len());
                for (name, value) in self {
                    let value = value.field_value().map_err(|error| error.under(name))?;
                    fields.push((name.as_str().into(), value));
                }
                Ok(Value::Struct(fields))
            }

            fn from_value(value: Value<'_>) -> Result<Self> {
                let Value::Struct(fields) = value else {
                    return Err(wrong_kind(value.kind(), Kind::Struct.name()));
                };
                let entry = |(name, value): (Cow<'_, str>, Value<'_>)| match T::from_value(value) {
                    Ok(value) => Ok((name.into_owned(), value)),
                    Err(error) => Err(error.under(&name)),
                };
                fields.into_iter().map(entry).collect()
            }

            fn resolve(binder: &Binder<'_, '_>, slot: SlotRef<'_>) -> Result<BoundNode> {
                let place = binder.node(slot, Kind::Struct)?;
                if binder.looks_at_parts::<T>() {
                    let parts = entries(binder.arena, &place);
                    binder.parts::<T, Step>(parts.map(|part| part.map(|(name, slot)| (name.as_str().into(), slot))))?;
                }
                Ok(place)
            }

            fn check(place: &BoundNode, _: Lender<'_>, _: bool) -> Result<()> {
                place.check()
            }

            fn load(place: &BoundNode, lender: Lender<'_>) -> Result<Self> {
                place.check()?;
                entries(lender.arena(), place)
                    .map(|entry| {
                        let (name, slot) = entry?;
                        let value = lender.load_part::<T>(slot).map_err(|error| error.under(&name))?;
                        Ok((name, value))
                    })
                    .collect()
            }

            fn assign(lent: &mut TypedMapMut<'_, T>, value: &Self) -> Result<()> {
                if T::LIMITED {
                    lent.clear()?;
                    let entries = value.iter().map(|(name, value)| Ok((name.as_str(), value.field_value()?)));
                    return lent.put(&entries.collect::<Result<Vec<_>>>()?);
                }
                lent.as_struct().replace(value.field_value()?)
            }

            fn reborrow<'a, 's: 'a>(lent: &'a mut TypedMapMut<'s, T>) -> TypedMapMut<'a, T> {
                lent.reborrow()
            }

            unsafe fn lend<'s>(place: &BoundNode, lender: Lender<'s>) -> TypedMapRef<'s, T> {
                let locked = Locked::lend(lender.store, place.id, place.record);
                TypedMapRef { entries: StructRef::new(locked), value: PhantomData }
            }

            unsafe fn lend_mut<'s>(place: &BoundNode, lender: Lender<'s>) -> TypedMapMut<'s, T> {
                // SAFETY: the caller's promise.
                TypedMapMut { reading: unsafe { Self::lend(place, lender) } }
            }
        }
    )*};
}
map_fields! {
    BTreeMap<String, T> [];
    HashMap<String, T, S> [S: BuildHasher + Default + 'static];
}

/// A map from names to values of one type in a store that is held exclusively.
///
/// Other processes may have put anything into the map while it was not locked: using an entry of another type is an error, and
/// missing fields of an entry are created.
///
/// ```
/// use std::collections::BTreeMap;
/// use structstore::StructStore;
///
/// #[derive(StructStore)]
/// struct Rig {
///     offsets: BTreeMap<String, f64>,
/// }
///
/// let store = StructStore::new();
/// let rig = store.bind::<Rig>()?;
/// rig.with_mut(|mut rig| rig.offsets.insert("left", &0.5))?;
/// assert_eq!(store.at("offsets")?.get::<f64>("left")?, 0.5);
/// assert_eq!(rig.with(|rig| rig.offsets.get("left").map(|offset| offset.copied()))??, Some(0.5));
/// # Ok::<(), structstore::Error>(())
/// ```
pub struct TypedMapMut<'s, T> {
    reading: TypedMapRef<'s, T>,
}

impl<'s, T> Deref for TypedMapMut<'s, T> {
    type Target = TypedMapRef<'s, T>;

    #[inline(always)]
    fn deref(&self) -> &TypedMapRef<'s, T> {
        &self.reading
    }
}

/// A map from names to values of one type in a store that is held for reading.
///
/// ```
/// use std::collections::BTreeMap;
/// use structstore::StructStore;
///
/// #[derive(StructStore)]
/// struct Rig {
///     offsets: BTreeMap<String, f64>,
/// }
///
/// let rig = StructStore::new().bind::<Rig>()?;
/// rig.replace(&Rig { offsets: [("left".to_owned(), 0.5)].into() })?;
/// let guard = rig.read()?;
/// let offsets = guard.fields().offsets;
/// assert_eq!((offsets.get("left")?, offsets.get("right")?), (Some(&0.5), None));
/// # Ok::<(), structstore::Error>(())
/// ```
pub struct TypedMapRef<'s, T> {
    entries: StructRef<'s>,
    value: PhantomData<fn() -> T>,
}

impl<T: Field> TypedMapRef<'_, T> {
    /// How many entries there are.
    pub fn len(&self) -> Result<usize> {
        self.entries.len()
    }

    /// Whether there are no entries.
    pub fn is_empty(&self) -> Result<bool> {
        self.entries.is_empty()
    }

    /// The names of the entries, in order of insertion.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Corrupt`] if the memory is damaged.
    pub fn names(&self) -> Result<Vec<String>> {
        self.entries.names()
    }

    fn slot(&self, name: &str) -> Result<Option<SlotRef<'_>>> {
        let locked = &self.entries.locked;
        entry(locked.arena(), locked.node(), locked.id().index, name)
    }

    /// Lends an entry for reading, if it exists.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::WrongType`] or [`ErrorKind::NotFound`] if another process has put another value there.
    pub fn get(&self, name: &str) -> Result<Option<T::Ref<'_>>> {
        let locked = &self.entries.locked;
        self.slot(name)
            .and_then(|slot| slot.map(|slot| Lender { store: locked.store() }.part::<T>(slot)).transpose())
            .at_part(locked, Part::Name(name))
    }

    /// Copies an entry, if it exists.
    ///
    /// # Errors
    ///
    /// As [`TypedMapRef::get`].
    pub fn load(&self, name: &str) -> Result<Option<T>> {
        let locked = &self.entries.locked;
        let load = |slot| Lender { store: locked.store() }.load_part::<T>(slot);
        self.slot(name).and_then(|slot| slot.map(load).transpose()).at_part(locked, Part::Name(name))
    }
}

impl<T: Field> TypedMapMut<'_, T> {
    /// Lends an entry for changing, if it exists.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::WrongType`] if another process has put another value there.
    pub fn get_mut(&mut self, name: &str) -> Result<Option<T::Mut<'_>>> {
        let locked = &self.reading.entries.locked;
        let lender = Lender { store: locked.store() };
        let lend = |slot| {
            // SAFETY: the map is held exclusively for as long as self, and `&mut self` keeps it from lending this entry or
            // another one meanwhile.
            unsafe { lender.part_mut::<T>(locked.id().index, slot) }
        };
        self.slot(name).and_then(|slot| slot.map(lend).transpose()).at_part(locked, Part::Name(name))
    }

    /// Runs a closure on each entry, up to the first error.
    ///
    /// # Errors
    ///
    /// As [`TypedMapMut::get_mut`], or the error that the closure returns.
    pub fn for_each_mut<E: From<Error>>(
        &mut self,
        mut change: impl FnMut(&str, T::Mut<'_>) -> Result<(), E>,
    ) -> Result<(), E> {
        for name in self.names()? {
            if let Some(value) = self.get_mut(&name)? {
                change(&name, value)?;
            }
        }
        Ok(())
    }

    /// Assigns an entry; creates a missing one.
    ///
    /// # Errors
    ///
    /// As [`StructMut::set`].
    pub fn insert(&mut self, name: &str, value: &T) -> Result<()> {
        let value = value.field_value()?;
        match T::LIMITED {
            true => self.put(&[(name, value)]),
            false => self.as_struct().set(name, value),
        }
    }

    /// Assigns entries, which declare what they may hold, in one operation.
    fn put(&self, entries: &[(&str, Value<'_>)]) -> Result<()> {
        let locked = &self.entries.locked;
        let index = locked.id().index;
        let put = locked.change(Mode::Tree, |operation, node| {
            let depth = node::depth_of(operation.arena(), index)?;
            entries.iter().try_for_each(|(name, value)| {
                let done = value
                    .check_depth(depth)
                    .and_then(|()| edit::assign_field(operation, index, &Key::new(name), value))
                    .and_then(|()| match entry(operation.arena(), node, index, name)? {
                        Some(slot) => declare_part::<T>(operation, slot),
                        None => Ok(()),
                    });
                done.map_err(|error| error.under(*name))
            })
        });
        put.at(locked)
    }

    /// Removes an entry. Returns whether there was one.
    ///
    /// # Errors
    ///
    /// As [`StructMut::remove`].
    pub fn remove(&mut self, name: &str) -> Result<bool> {
        match self.as_struct().delete(name) {
            Ok(()) => Ok(true),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Removes all entries.
    ///
    /// # Errors
    ///
    /// As [`StructMut::clear`].
    pub fn clear(&mut self) -> Result<()> {
        self.as_struct().clear()
    }

    /// The map as a struct of any values.
    pub fn as_struct(&mut self) -> StructMut<'_> {
        StructMut::new(self.entries.locked.reborrow())
    }

    /// Reborrows the access for a shorter time, to pass it on.
    pub fn reborrow(&mut self) -> TypedMapMut<'_, T> {
        let entries = StructRef::new(self.entries.locked.reborrow());
        TypedMapMut { reading: TypedMapRef { entries, value: PhantomData } }
    }
}
