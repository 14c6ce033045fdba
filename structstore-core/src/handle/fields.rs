//! Structs: named fields in order of insertion.

use std::fmt;
use std::time::Duration;

use super::access::{Guard, at_most};
use super::get::{Slot, Source};
use super::list::gather;
use super::locking::operate;
use super::{
    Access, Array, Bytes, Get, Handle, List, ListMut, Str, StructMut, StructRef, slot_value, wrong_kind,
};
use crate::arena::Arena;
use crate::arena::layout::Node;
use crate::error::{Error, ErrorKind, Path, Result};
use crate::journal::Operation;
use crate::key::Key;
use crate::lock::{Mode, Wait};
use crate::node::structure::{self, Writer};
use crate::node::{self, Assigned, Raw, Shallow, list};
use crate::sync::Ordering;
use crate::value::{Kind, Value};

/// A handle to a struct: named fields, which keep the order in which they were added.
///
/// Each operation locks for itself what it needs, and is done wholly or not at all. [`Struct::write`] and
/// [`Struct::read`] give guards that hold the struct and everything below it. A name is a `&str` or a
/// [`key!`](crate::key); a dot in it is just a dot.
///
/// ```
/// use structstore::{Error, ErrorKind, StructStore};
///
/// let store = StructStore::new();
/// store.nested("camera")?.set("exposure", 0.01)?;
/// let camera = store.at("camera")?;
/// assert_eq!(camera.get::<f64>("exposure")?, 0.01);
///
/// let mut guard = camera.write()?;
/// *guard.scalar_mut::<f64>("exposure")? *= 2.0;
/// // This thread has it: only the guard may operate on it.
/// assert!(matches!(camera.get::<f64>("exposure"), Err(error) if error.kind() == ErrorKind::HeldByGuard));
/// drop(guard);
/// assert_eq!(camera.get::<f64>("exposure")?, 0.02);
///
/// store.remove("camera")?;
/// assert!(matches!(camera.get::<f64>("exposure"), Err(error) if error.kind() == ErrorKind::StaleHandle));
/// # Ok::<(), Error>(())
/// ```
#[derive(Clone)]
pub struct Struct {
    pub(crate) handle: Handle,
}

/// The error for a field that is not there, whose name is put in where it is reported.
pub(super) fn not_found() -> Error {
    Error::new(ErrorKind::NotFound)
}

/// The contents of a field's slot, if there is one of that name.
#[inline]
fn raw_field(arena: &Arena, node: &Node, key: &Key<'_>) -> Result<Option<Raw>> {
    Ok(structure::find(arena, node, key)?.map(|found| Raw::load(&found.field.slot)))
}

/// The contents of the slot of a field that has to be there; the error's name is put in where it is reported.
pub(super) fn existing_field(arena: &Arena, node: &Node, key: &Key<'_>) -> Result<Raw> {
    raw_field(arena, node, key)?.ok_or_else(not_found)
}

pub(super) fn names(arena: &Arena, node: &Node) -> Result<Vec<String>> {
    structure::fields(arena, node).map(|found| structure::name(arena, found?.field)).collect()
}

impl Struct {
    pub(crate) fn from_handle(handle: Handle) -> Struct {
        Struct { handle }
    }

    /// Assigns a field, which is created if it is missing.
    ///
    /// A scalar, string or array of the same kind is changed in place, so that handles to it stay valid; a struct
    /// with declared fields is merged into; everything else is replaced. A declared field converts what is
    /// assigned without loss, or refuses it.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::WrongType`] or [`ErrorKind::OutOfRange`] for a value that a declared field cannot take,
    /// [`ErrorKind::InvalidName`], [`ErrorKind::TooDeep`], [`ErrorKind::OutOfSpace`]. Nothing is changed then.
    ///
    /// ```
    /// use structstore::{ArrayValue, StructStore, Value};
    ///
    /// let store = StructStore::new();
    /// store.set("num", 5)?;
    /// store.set("name", "arm")?;
    /// store.set("flags", vec![true, false])?; // a list
    /// store.set("gains", ArrayValue::from_slice(&[2], &[1.0, 0.5])?)?;
    /// store.set("limits", Value::record([("low", 0.into()), ("high", Value::Null)]))?;
    /// assert!(store.set("", 5).is_err());
    /// # Ok::<(), structstore::Error>(())
    /// ```
    #[inline]
    pub fn set<'k, 'v>(&self, key: impl Into<Key<'k>>, value: impl Into<Value<'v>>) -> Result<()> {
        let key = key.into();
        self.assign(&key, &value.into()).map_err(|error| self.handle.locate_field(error, key.name()))
    }

    #[inline]
    fn assign(&self, key: &Key<'_>, value: &Value<'_>) -> Result<()> {
        let Some(new) = Raw::plain(value) else { return self.assign_node(key, value) };
        let held = self.handle.acquire(Mode::Node, &Wait::FOREVER)?;
        let result = self.assign_plain(key, new);
        held.release_of(self.handle.arena(), &self.handle.record().head);
        match result? {
            Assigned::Done => Ok(()),
            Assigned::NeedsChild(_) => self.assign_node(key, value),
        }
    }

    /// Assigns null or a scalar to a field that is missing or no structure, under the lock of the struct alone.
    #[inline]
    fn assign_plain(&self, key: &Key<'_>, new: Raw) -> Result<Assigned> {
        let (arena, node, id) = (self.handle.arena(), self.handle.record(), self.handle.id());
        match structure::find(arena, node, key)? {
            // One word changes, by one store: no journal is needed for it to happen wholly or not at all.
            Some(found)
                if found.field.slot.tag.load(Ordering::Relaxed) as u8 == new.tag as u8
                    && arena.transaction().is_none() =>
            {
                found.field.slot.payload.store(new.payload, Ordering::Release);
                Ok(Assigned::Done)
            }
            found => operate(arena, id, |operation| {
                let found = if operation.waited() { structure::find(arena, node, key)? } else { found };
                match found {
                    Some(found) => node::assign_plain(operation, &found.field.slot, new),
                    None => {
                        Writer { operation, aside: false }.insert(node, key, new)?;
                        Ok(Assigned::Done)
                    }
                }
            }),
        }
    }

    /// Assigns where the old or the new value is a structure.
    fn assign_node(&self, key: &Key<'_>, value: &Value<'_>) -> Result<()> {
        key.check()?;
        let arena = self.handle.arena();
        let index = self.handle.id().index;
        value.check_depth(node::depth_of(arena, index)?)?;
        if self.assign_aside(key, value)? {
            return Ok(());
        }
        self.with_child(key, |operation, node, _| match structure::find(arena, node, key)? {
            Some(found) => node::assign_slot(operation, index, &found.field.slot, value),
            None => node::assign_field(operation, index, key, value),
        })
    }

    /// Assigns where nothing has to be held below this struct, so that all is copied before a lock is taken: an array to
    /// an array, or anything in place of nothing. Returns whether that was possible.
    fn assign_aside(&self, key: &Key<'_>, value: &Value<'_>) -> Result<bool> {
        match (self.handle.read(|arena, node| raw_field(arena, node, key))?, value) {
            (Some(raw), Value::Array(array)) if raw.kind()? == Kind::Array => {
                match self.handle.child(raw).and_then(|child| Array::from_handle(child).publish(array)) {
                    Err(error) if error.kind() == ErrorKind::StaleHandle => Ok(false),
                    other => other.map(|()| true),
                }
            }
            (None, _) => {
                let (arena, node) = (self.handle.arena(), self.handle.record());
                self.handle.change_prepared(
                    |operation| node::build(operation, value, self.handle.id().index),
                    |operation, built| {
                        let absent = structure::find(arena, node, key)?.is_none();
                        if absent {
                            Writer { operation, aside: false }.insert(node, key, built)?;
                        }
                        // Otherwise somebody was faster, and what was built is dropped with the operation.
                        Ok(absent)
                    },
                )
            }
            _ => Ok(false),
        }
    }

    /// Runs an operation on the field `key` with all that it takes: what the field names is held
    /// tree-exclusively, and asked for first, then this struct node-exclusively. (The other order would deadlock
    /// against a guard on the field whose thread asks for this struct.)
    fn with_child<T>(
        &self,
        key: &Key<'_>,
        change: impl Fn(&Operation<'_>, &Node, Option<Raw>) -> Result<T>,
    ) -> Result<T> {
        self.handle.with_child(|arena, node| raw_field(arena, node, key), change)
    }

    /// Assigns fields, as [`Struct::set`] does one; all of them or, after an error, none. Of values of the same name the last
    /// one stays.
    ///
    /// # Errors
    ///
    /// As [`Struct::set`].
    ///
    /// ```
    /// let store = structstore::StructStore::new();
    /// store.set("gain", 1.0)?;
    /// store.extend([("exposure", 0.01), ("gain", 2.0)])?; // in one operation
    /// assert_eq!(store.to_string(), r#"{"gain": 2.0, "exposure": 0.01}"#);
    /// assert!(store.extend([("gain", 3.0), ("", 0.0)]).is_err());
    /// assert_eq!(store.get::<f64>("gain")?, 2.0);
    /// # Ok::<(), structstore::Error>(())
    /// ```
    pub fn extend<'k, 'v, K: Into<Key<'k>>, V: Into<Value<'v>>>(
        &self,
        fields: impl IntoIterator<Item = (K, V)>,
    ) -> Result<()> {
        let fields = collect(self.handle.arena(), fields).map_err(|error| self.handle.locate(error))?;
        self.handle
            .change(Mode::Tree, &Wait::FOREVER, |operation| {
                extend(operation, self.handle.id().index, &fields)
            })
            .map_err(|error| self.handle.locate(error))
    }

    /// Reads a field.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::NotFound`], [`ErrorKind::WrongType`] if it is of another type, [`ErrorKind::OutOfRange`] if it is a number
    /// that the type cannot hold.
    ///
    /// ```
    /// use structstore::{ErrorKind, Struct, StructStore};
    ///
    /// let store = StructStore::new();
    /// store.set("num", 300)?;
    /// assert_eq!(store.get::<f64>("num")?, 300.0);
    /// assert!(matches!(store.get::<u8>("num"), Err(error) if error.kind() == ErrorKind::OutOfRange));
    /// assert!(matches!(store.get::<Struct>("num"), Err(error) if error.kind() == ErrorKind::WrongType));
    /// assert!(matches!(store.get::<i32>("none"), Err(error) if error.kind() == ErrorKind::NotFound));
    /// # Ok::<(), structstore::Error>(())
    /// ```
    #[inline]
    pub fn get<'k, T: Get>(&self, key: impl Into<Key<'k>>) -> Result<T> {
        let key = key.into();
        match self.find_in(&key) {
            Ok(Some(value)) => Ok(value),
            Ok(None) => Err(self.handle.locate_field(not_found(), key.name())),
            Err(error) => Err(self.handle.locate_field(error, key.name())),
        }
    }

    /// Reads a field if there is one of that name.
    ///
    /// # Errors
    ///
    /// As [`Struct::get`], without [`ErrorKind::NotFound`].
    ///
    /// ```
    /// let store = structstore::StructStore::new();
    /// assert_eq!(store.find::<i32>("num")?, None);
    /// store.set("num", 5)?;
    /// assert_eq!(store.find::<i32>("num")?, Some(5));
    /// # Ok::<(), structstore::Error>(())
    /// ```
    #[inline]
    pub fn find<'k, T: Get>(&self, key: impl Into<Key<'k>>) -> Result<Option<T>> {
        let key = key.into();
        self.find_in(&key).map_err(|error| self.handle.locate_field(error, key.name()))
    }

    #[inline(always)]
    fn find_in<T: Get>(&self, key: &Key<'_>) -> Result<Option<T>> {
        self.handle.follow(
            |arena, node| raw_field(arena, node, key),
            |raw| match raw {
                Some(raw) => Ok(Some(Some(T::get(Slot { raw, source: Source::Handle(&self.handle) })?))),
                None => Ok(Some(None)),
            },
        )
    }

    /// Reads a field, which is created with the given value if it is missing.
    ///
    /// # Errors
    ///
    /// As [`Struct::get`] and [`Struct::set`].
    ///
    /// ```
    /// let store = structstore::StructStore::new();
    /// assert_eq!(store.get_or_insert("num", 5)?, 5);
    /// store.set("num", 6)?;
    /// assert_eq!(store.get_or_insert("num", 5)?, 6);
    /// # Ok::<(), structstore::Error>(())
    /// ```
    pub fn get_or_insert<'k, 'v, T: Get + Into<Value<'v>>>(
        &self,
        key: impl Into<Key<'k>>,
        default: T,
    ) -> Result<T> {
        self.existing_or(key.into(), default.into())
    }

    /// Creates a field if it is missing.
    fn ensure(&self, key: &Key<'_>, value: &Value<'_>) -> Result<()> {
        let exists = |arena: &Arena, node: &Node| Ok(structure::find(arena, node, key)?.is_some());
        if self.handle.read(exists)? {
            return Ok(());
        }
        let arena = self.handle.arena();
        value.check_depth(node::depth_of(arena, self.handle.id().index)?)?;
        self.handle.change(Mode::Node, &Wait::FOREVER, |operation| {
            let node = self.handle.record();
            if !exists(arena, node)? {
                key.check()?;
                let raw = node::build(operation, value, self.handle.id().index)?;
                Writer { operation, aside: false }.insert(node, key, raw)?;
            }
            Ok(())
        })
    }

    /// The struct in a field that exists. Calls can be chained: `store.at("robot")?.at("camera")?`.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::NotFound`], or [`ErrorKind::WrongType`] if the field is no struct.
    pub fn at<'k>(&self, key: impl Into<Key<'k>>) -> Result<Struct> {
        self.get(key)
    }

    /// The struct in a field, which is created empty if it is missing.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::WrongType`] if the field is no struct, and as [`Struct::set`].
    pub fn nested<'k>(&self, key: impl Into<Key<'k>>) -> Result<Struct> {
        self.existing_or(key.into(), Value::Struct(Vec::new()))
    }

    /// The list in a field, which is created empty if it is missing.
    ///
    /// # Errors
    ///
    /// As [`Struct::nested`].
    pub fn list<'k>(&self, key: impl Into<Key<'k>>) -> Result<List> {
        self.existing_or(key.into(), Value::List(Vec::new()))
    }

    /// The string in a field, which is created empty if it is missing.
    ///
    /// # Errors
    ///
    /// As [`Struct::nested`].
    pub fn text<'k>(&self, key: impl Into<Key<'k>>) -> Result<Str> {
        self.existing_or(key.into(), "".into())
    }

    /// The bytes in a field, which is created empty if it is missing.
    ///
    /// # Errors
    ///
    /// As [`Struct::nested`].
    pub fn bytes<'k>(&self, key: impl Into<Key<'k>>) -> Result<Bytes> {
        self.existing_or(key.into(), Value::Bytes((&[]).into()))
    }

    /// The array in a field that exists.
    ///
    /// # Errors
    ///
    /// As [`Struct::at`].
    pub fn array<'k>(&self, key: impl Into<Key<'k>>) -> Result<Array> {
        self.get(key)
    }

    /// The list in a field, created if it is missing, and held until the guard is dropped.
    ///
    /// # Errors
    ///
    /// As [`Struct::nested`] and [`List::write`].
    ///
    /// ```
    /// let store = structstore::StructStore::new();
    /// store.list_mut("list")?.extend([5, 42])?; // held for this line
    /// assert_eq!(store.to_string(), r#"{"list": [5, 42]}"#);
    /// # Ok::<(), structstore::Error>(())
    /// ```
    pub fn list_mut<'k>(&self, key: impl Into<Key<'k>>) -> Result<ListMut<'static, Guard>> {
        self.list(key)?.write()
    }

    fn existing_or<T: Get>(&self, key: Key<'_>, missing: Value<'_>) -> Result<T> {
        loop {
            // Again where somebody else removes it as soon as it is there.
            if let Some(found) = self.find(key)? {
                return Ok(found);
            }
            self.ensure(&key, &missing).map_err(|error| self.handle.locate_field(error, key.name()))?;
        }
    }

    /// What kind of value a field holds.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::NotFound`].
    ///
    /// ```
    /// let store = structstore::StructStore::new();
    /// store.set("num", 5_u8)?;
    /// assert_eq!(store.kind("num")?, structstore::Kind::U8);
    /// # Ok::<(), structstore::Error>(())
    /// ```
    pub fn kind<'k>(&self, key: impl Into<Key<'k>>) -> Result<Kind> {
        let key = key.into();
        self.handle
            .read(|arena, node| existing_field(arena, node, &key)?.kind())
            .map_err(|error| self.handle.locate_field(error, key.name()))
    }

    /// Whether there is a field of that name.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::StaleHandle`] if the struct was removed.
    pub fn contains<'k>(&self, key: impl Into<Key<'k>>) -> Result<bool> {
        let key = key.into();
        self.handle
            .read(|arena, node| Ok(structure::find(arena, node, &key)?.is_some()))
            .map_err(|error| self.handle.locate(error))
    }

    /// Removes a field with all below it. Handles to it are stale from then on; views of arrays stay as they are.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::NotFound`], or [`ErrorKind::Declared`] if a binding has declared the field.
    ///
    /// ```
    /// let store = structstore::StructStore::new();
    /// store.nested("camera")?.set("exposure", 0.01)?;
    /// let camera = store.at("camera")?;
    /// store.remove("camera")?;
    /// assert!(camera.get::<f64>("exposure").is_err(), "it is stale");
    /// # Ok::<(), structstore::Error>(())
    /// ```
    pub fn remove<'k>(&self, key: impl Into<Key<'k>>) -> Result<()> {
        let key = key.into();
        self.with_child(&key, |operation, node, _| remove(operation, node, &key))
            .map_err(|error| self.handle.locate_field(error, key.name()))
    }

    /// Removes a field and returns what it held.
    ///
    /// # Errors
    ///
    /// As [`Struct::remove`].
    ///
    /// ```
    /// let store = structstore::StructStore::new();
    /// store.set("num", 5)?;
    /// assert_eq!(store.take("num")?, 5.into());
    /// assert!(store.take("num").is_err());
    /// # Ok::<(), structstore::Error>(())
    /// ```
    pub fn take<'k>(&self, key: impl Into<Key<'k>>) -> Result<Value<'static>> {
        let key = key.into();
        self.with_child(&key, |operation, node, raw| {
            let value = slot_value(operation.arena(), raw.ok_or_else(not_found)?)?;
            remove(operation, node, &key)?;
            Ok(value)
        })
        .map_err(|error| self.handle.locate_field(error, key.name()))
    }

    /// Gives a field another name. It keeps its value, its place in the order, and the handles to it.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::NotFound`], [`ErrorKind::AlreadyExists`], [`ErrorKind::InvalidName`], [`ErrorKind::Declared`].
    ///
    /// ```
    /// let store = structstore::StructStore::new();
    /// store.set("vel", 1.5)?;
    /// store.set("num", 5)?;
    /// store.rename("vel", "velocity")?;
    /// assert_eq!(store.names()?, ["velocity", "num"]);
    /// assert!(store.rename("velocity", "num").is_err());
    /// # Ok::<(), structstore::Error>(())
    /// ```
    pub fn rename<'a, 'b>(&self, from: impl Into<Key<'a>>, to: impl Into<Key<'b>>) -> Result<()> {
        let (from, to) = (from.into(), to.into());
        self.handle
            .change(Mode::Node, &Wait::FOREVER, |operation| {
                rename(operation, self.handle.record(), &from, &to)
            })
            .map_err(|error| self.handle.locate(error))
    }

    /// Removes all fields.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Declared`] if a binding has declared one of them; nothing is removed then.
    pub fn clear(&self) -> Result<()> {
        self.handle
            .change(Mode::Tree, &Wait::FOREVER, |operation| clear(operation, self.handle.id().index))
            .map_err(|error| self.handle.locate(error))
    }

    /// How many fields there are.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::StaleHandle`] if the struct was removed.
    pub fn len(&self) -> Result<usize> {
        self.handle
            .read(|arena, node| match structure::count(node) {
                count if count == structure::counted(arena, node) => Ok(count as usize),
                count => Err(Error::corrupt("a struct", format_args!("{count} fields"), "as many as fit")),
            })
            .map_err(|error| self.handle.locate(error))
    }

    /// Whether there are no fields.
    ///
    /// # Errors
    ///
    /// As [`Struct::len`].
    pub fn is_empty(&self) -> Result<bool> {
        Ok(self.len()? == 0)
    }

    /// The names of the fields, in order; through a store that was opened read-only and is changed all the time, as of more
    /// than one moment.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::StaleHandle`] if the struct was removed.
    pub fn names(&self) -> Result<Vec<String>> {
        self.all_names().map_err(|error| self.handle.locate(error))
    }

    fn all_names(&self) -> Result<Vec<String>> {
        if self.handle.arena().writable() {
            return self.handle.read(names);
        }
        match self.handle.read_contents()? {
            Shallow::Struct(fields) => Ok(fields.into_iter().map(|(name, _)| name).collect()),
            _ => Err(Error::corrupt("a struct", "another kind", "a struct")),
        }
    }

    /// The fields in order, as of one moment.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::StaleHandle`], [`ErrorKind::HeldByGuard`]; [`ErrorKind::Contended`] for a store that was opened read-only and is changed
    /// again and again meanwhile.
    ///
    /// ```
    /// let store = structstore::StructStore::new();
    /// store.set("left", 1)?;
    /// store.set("right", 2)?;
    /// for (name, value) in store.iter()? {
    ///     println!("{name}: {value}");
    ///     store.set(&name, 0)?; // what is iterated over is a copy
    /// }
    /// # Ok::<(), structstore::Error>(())
    /// ```
    pub fn iter(&self) -> Result<impl Iterator<Item = (String, Value<'static>)> + use<>> {
        match self.to_value()? {
            Value::Struct(fields) => Ok(fields.into_iter().map(|(name, value)| (name.into_owned(), value))),
            other => Err(wrong_kind(other.kind(), "struct")),
        }
    }

    /// The struct with all below it, as of one moment.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::StaleHandle`], [`ErrorKind::HeldByGuard`]; [`ErrorKind::Contended`] for a store that was opened read-only and is changed
    /// again and again meanwhile.
    ///
    /// ```
    /// let store = structstore::StructStore::new();
    /// store.nested("camera")?.set("exposure", 0.01)?;
    /// let copy = store.to_value()?;
    /// store.clear()?;
    /// assert_eq!(copy.get("camera").and_then(|camera| camera.get("exposure")), Some(&0.01.into()));
    /// # Ok::<(), structstore::Error>(())
    /// ```
    pub fn to_value(&self) -> Result<Value<'static>> {
        self.handle.to_value()
    }

    /// Replaces all fields by those of a struct value. Declared fields stay, and take the new values.
    ///
    /// # Errors
    ///
    /// As [`Struct::set`].
    ///
    /// ```
    /// use structstore::{StructStore, Value};
    ///
    /// let store = StructStore::new();
    /// store.set("old", 1)?;
    /// store.assign_all(Value::record([("x", 1.into()), ("y", 2.into())]))?;
    /// assert_eq!(store.names()?, ["x", "y"]);
    /// # Ok::<(), structstore::Error>(())
    /// ```
    pub fn assign_all<'v>(&self, value: impl Into<Value<'v>>) -> Result<()> {
        let value = value.into();
        self.replace_all(&value).map_err(|error| self.handle.locate(error))
    }

    fn replace_all(&self, value: &Value<'_>) -> Result<()> {
        let arena = self.handle.arena();
        value.check_depth(node::depth_of(arena, self.handle.id().index)?.saturating_sub(1))?;
        self.handle.change(Mode::Tree, &Wait::FOREVER, |operation| {
            node::assign_root(operation, self.handle.id().index, value)
        })
    }

    /// Whether this and another struct, perhaps of another store, hold equal values; see [`Value`].
    ///
    /// # Errors
    ///
    /// As [`Struct::to_value`].
    pub fn equals(&self, other: &Struct) -> Result<bool> {
        Ok(self.to_value()? == other.to_value()?)
    }

    /// The way from the root to this struct, as errors print it.
    pub fn path(&self) -> Path {
        node::path_of(self.handle.arena(), self.handle.id())
    }

    /// Locks the struct and all below it for changing, for as long as the guard lives.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::HeldByGuard`] or [`ErrorKind::Deadlock`] if this thread holds it, a part of it or what contains it;
    /// [`ErrorKind::StaleHandle`].
    ///
    /// ```
    /// let store = structstore::StructStore::new();
    /// store.set("num", 5)?;
    /// let mut guard = store.write()?;
    /// *guard.scalar_mut::<i32>("num")? += 1;
    /// guard.set("changed", true)?; // nobody sees one without the other
    /// drop(guard);
    /// assert_eq!(store.get::<i32>("num")?, 6);
    /// # Ok::<(), structstore::Error>(())
    /// ```
    pub fn write(&self) -> Result<StructMut<'static, Guard>> {
        self.lock(None)
    }

    /// As [`Struct::write`], but waits for at most `timeout`.
    ///
    /// # Errors
    ///
    /// In addition, [`ErrorKind::LockTimeout`].
    pub fn write_timeout(&self, timeout: Duration) -> Result<StructMut<'static, Guard>> {
        self.lock(Some(timeout))
    }

    /// As [`Struct::write`], without waiting.
    ///
    /// # Errors
    ///
    /// In addition, [`ErrorKind::LockTimeout`].
    ///
    /// ```
    /// use structstore::{ErrorKind, StructStore};
    ///
    /// let store = StructStore::new();
    /// let guard = store.write()?;
    /// std::thread::scope(|scope| {
    ///     scope.spawn(|| assert!(matches!(store.try_write(), Err(error) if error.kind() == ErrorKind::LockTimeout)));
    /// });
    /// # Ok::<(), structstore::Error>(())
    /// ```
    pub fn try_write(&self) -> Result<StructMut<'static, Guard>> {
        self.lock(Some(Duration::ZERO))
    }

    fn lock(&self, timeout: Option<Duration>) -> Result<StructMut<'static, Guard>> {
        Access::lock(&self.handle, Mode::Tree, &at_most(timeout)).map(StructMut::new)
    }

    /// Locks the struct and all below it against changes, for as long as the guard lives.
    ///
    /// # Errors
    ///
    /// As [`Struct::write`].
    ///
    /// ```
    /// let store = structstore::StructStore::new();
    /// store.set("low", 1)?;
    /// store.set("high", 2)?;
    /// let guard = store.read()?; // both are of the same moment
    /// assert!(guard.get::<i32>("low")? < guard.get("high")?);
    /// # Ok::<(), structstore::Error>(())
    /// ```
    pub fn read(&self) -> Result<StructRef<'static, Guard>> {
        self.lock_shared(None)
    }

    /// As [`Struct::read`], but waits for at most `timeout`.
    ///
    /// # Errors
    ///
    /// In addition, [`ErrorKind::LockTimeout`].
    pub fn read_timeout(&self, timeout: Duration) -> Result<StructRef<'static, Guard>> {
        self.lock_shared(Some(timeout))
    }

    /// As [`Struct::read`], without waiting.
    ///
    /// # Errors
    ///
    /// In addition, [`ErrorKind::LockTimeout`].
    pub fn try_read(&self) -> Result<StructRef<'static, Guard>> {
        self.lock_shared(Some(Duration::ZERO))
    }

    fn lock_shared(&self, timeout: Option<Duration>) -> Result<StructRef<'static, Guard>> {
        Access::lock(&self.handle, Mode::Shared, &at_most(timeout)).map(StructRef::new)
    }
}

/// Fields to be assigned, complete before an operation begins.
pub(super) fn collect<'k, 'v, K: Into<Key<'k>>, V: Into<Value<'v>>>(
    arena: &Arena,
    fields: impl IntoIterator<Item = (K, V)>,
) -> Result<Vec<(Key<'k>, Value<'v>)>> {
    let fields = fields.into_iter().map(|(key, value)| (key.into(), value.into()));
    // Those of one name take the room of one; but more than the store has slots for are no update of it.
    gather(arena, fields, list::most(arena))
}

/// Assigns fields of a struct that is held tree-exclusively.
pub(super) fn extend(operation: &Operation<'_>, index: u32, fields: &[(Key<'_>, Value<'_>)]) -> Result<()> {
    let depth = node::depth_of(operation.arena(), index)?;
    fields
        .iter()
        .try_for_each(|(key, value)| value.check_depth(depth).map_err(|error| error.under(key.name())))?;
    node::assign_fields(operation, index, fields.iter().map(|(key, value)| (*key, value)))
}

/// Takes a field out and has what it names freed. The caller holds both.
pub(super) fn remove(operation: &Operation<'_>, node: &Node, key: &Key<'_>) -> Result<()> {
    let found = structure::find(operation.arena(), node, key)?.ok_or_else(not_found)?;
    let raw = Raw::load(&found.field.slot);
    if raw.declared() {
        return Err(declared(raw, "removed"));
    }
    Writer { operation, aside: false }.remove(node, key)?;
    match raw.id() {
        Some(id) => operation.retire_node(id.index),
        None => Ok(()),
    }
}

fn declared(raw: Raw, action: &'static str) -> Error {
    let declared = raw.kind().map_or("unknown", Kind::name);
    Error::declared(declared, action)
}

pub(super) fn rename(operation: &Operation<'_>, node: &Node, from: &Key<'_>, to: &Key<'_>) -> Result<()> {
    let arena = operation.arena();
    let found = structure::find(arena, node, from)?.ok_or_else(|| not_found().under(from.name()))?;
    let raw = Raw::load(&found.field.slot);
    if raw.declared() {
        return Err(declared(raw, "renamed").under(from.name()));
    }
    if from.name() == to.name() {
        return Ok(());
    }
    if structure::find(arena, node, to)?.is_some() {
        return Err(Error::new(ErrorKind::AlreadyExists).under(to.name()));
    }
    Writer { operation, aside: false }.rename(node, from, to)
}

pub(super) fn clear(operation: &Operation<'_>, index: u32) -> Result<()> {
    let arena = operation.arena();
    for found in structure::fields(arena, arena.node(index)?) {
        let field = found?.field;
        let raw = Raw::load(&field.slot);
        if raw.declared() {
            return Err(declared(raw, "removed").under(&structure::name(arena, field)?));
        }
    }
    operation.retire_contents(index, Kind::Struct)
}

/// As JSON. Parts that a guard of this thread holds are shown as such.
impl fmt::Display for Struct {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.handle.to_value_for_display() {
            Ok(value) => value.fmt(f),
            Err(error) => write!(f, "<{error}>"),
        }
    }
}

impl fmt::Debug for Struct {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Struct({self})")
    }
}

impl<'a> TryFrom<&'a Struct> for Value<'static> {
    type Error = Error;

    fn try_from(source: &'a Struct) -> Result<Value<'static>> {
        source.to_value()
    }
}
