//! Structs that a guard holds: their fields without further locks.

#[cfg(doc)]
use super::Struct;
use super::access::{Hold, Lent, lend_scalar};
use super::fields::{clear, collect, existing_field, extend, names, not_found, remove, rename};
use super::get::{Slot, Source};
use super::{
    Access, ArrayMut, ArrayRef, BytesMut, BytesRef, Get, ListMut, ListRef, StrMut, StrRef, wrong_kind,
};
#[cfg(doc)]
#[cfg(doc)]
use crate::error::ErrorKind;
use crate::error::Result;
use crate::key::Key;
use crate::node::{self, Raw, structure};
use crate::value::{Kind, ScalarType, Value};

/// A struct that is held exclusively, with all below it.
///
/// ```
/// use structstore::StructStore;
///
/// let store = StructStore::new();
/// store.nested("camera")?.set("exposure", 0.01)?;
/// let mut root = store.write()?;
/// root.set("num", 5)?;
/// *root.scalar_mut::<i32>("num")? += 1;
/// // What lies below is reached through the guard.
/// let mut camera = root.at("camera")?;
/// *camera.scalar_mut::<f64>("exposure")? *= 2.0;
/// camera.set("gain", 1)?;
/// drop(root);
/// assert_eq!(store.to_string(), r#"{"camera": {"exposure": 0.02, "gain": 1}, "num": 6}"#);
/// # Ok::<(), structstore::Error>(())
/// ```
pub struct StructMut<'s, H = Lent<'s>> {
    pub(crate) access: Access<'s, H>,
}

impl<'s, H: Hold> StructMut<'s, H> {
    pub(crate) fn new(access: Access<'s, H>) -> StructMut<'s, H> {
        StructMut { access }
    }

    fn raw(&self, key: &Key<'_>) -> Result<Raw> {
        existing_field(self.access.arena(), self.access.node(), key)
    }

    /// Assigns a field; see [`Struct::set`].
    ///
    /// # Errors
    ///
    /// As [`Struct::set`].
    pub fn set<'k, 'v>(&mut self, key: impl Into<Key<'k>>, value: impl Into<Value<'v>>) -> Result<()> {
        let (key, value) = (key.into(), value.into());
        let index = self.access.id().index;
        let depth = node::depth_of(self.access.arena(), index);
        depth
            .and_then(|depth| value.check_depth(depth))
            .and_then(|()| {
                self.access.operate(|operation| node::assign_field(operation, index, &key, &value))
            })
            .map_err(|error| self.access.locate_field(error, key.name()))
    }

    /// Assigns fields; see [`Struct::extend`].
    ///
    /// # Errors
    ///
    /// As [`Struct::extend`].
    pub fn extend<'k, 'v, K: Into<Key<'k>>, V: Into<Value<'v>>>(
        &mut self,
        fields: impl IntoIterator<Item = (K, V)>,
    ) -> Result<()> {
        let fields = collect(self.access.arena(), fields).map_err(|error| self.access.locate(error))?;
        let index = self.access.id().index;
        self.access
            .operate(|operation| extend(operation, index, &fields))
            .map_err(|error| self.access.locate(error))
    }

    /// A field's own memory.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::NotFound`], or [`ErrorKind::WrongType`] if the field is not of exactly this type.
    ///
    /// ```
    /// let store = structstore::StructStore::new();
    /// store.set("num", 5)?;
    /// let mut guard = store.write()?;
    /// *guard.scalar_mut::<i32>("num")? += 1;
    /// let error = guard.scalar_mut::<i64>("num").unwrap_err();
    /// assert_eq!(error.to_string(), "num: found i32, expected i64");
    /// # Ok::<(), structstore::Error>(())
    /// ```
    pub fn scalar_mut<'k, T: ScalarType>(&mut self, key: impl Into<Key<'k>>) -> Result<&mut T> {
        let key = key.into();
        let (arena, node) = (self.access.arena(), self.access.node());
        let found = structure::find(arena, node, &key)
            .and_then(|found| found.ok_or_else(not_found))
            .and_then(|found| {
                self.access.note(&found.field.slot.payload)?;
                lend_scalar::<T>(&found.field.slot)
            });
        match found {
            // SAFETY: a valid T (checked) in a slot that lives while the struct is held, which nobody else
            // touches; `&mut self` keeps this guard from giving out another reference meanwhile.
            Ok(place) => Ok(unsafe { &mut *place }),
            Err(error) => Err(self.access.locate_field(error, key.name())),
        }
    }

    /// The struct in a field that exists.
    ///
    /// # Errors
    ///
    /// As [`Struct::at`].
    pub fn at<'k>(&mut self, key: impl Into<Key<'k>>) -> Result<StructMut<'_>> {
        self.child(key.into(), Kind::Struct).map(StructMut::new)
    }

    /// The struct in a field, which is created if it is missing.
    ///
    /// # Errors
    ///
    /// As [`Struct::nested`].
    ///
    /// ```
    /// let store = structstore::StructStore::new();
    /// let mut guard = store.write()?;
    /// guard.nested("camera")?.set("exposure", 0.01)?;
    /// guard.list("log")?.push("started")?;
    /// drop(guard);
    /// assert_eq!(store.to_string(), r#"{"camera": {"exposure": 0.01}, "log": ["started"]}"#);
    /// # Ok::<(), structstore::Error>(())
    /// ```
    pub fn nested<'k>(&mut self, key: impl Into<Key<'k>>) -> Result<StructMut<'_>> {
        self.child_or(key.into(), Value::Struct(Vec::new())).map(StructMut::new)
    }

    /// The list in a field, which is created if it is missing.
    ///
    /// # Errors
    ///
    /// As [`Struct::list`].
    pub fn list<'k>(&mut self, key: impl Into<Key<'k>>) -> Result<ListMut<'_>> {
        self.child_or(key.into(), Value::List(Vec::new())).map(ListMut::new)
    }

    /// The string in a field, which is created if it is missing.
    ///
    /// # Errors
    ///
    /// As [`Struct::text`].
    pub fn text<'k>(&mut self, key: impl Into<Key<'k>>) -> Result<StrMut<'_>> {
        self.child_or(key.into(), Value::Str("".into())).map(StrMut::new)
    }

    /// The bytes in a field, which are created if they are missing.
    ///
    /// # Errors
    ///
    /// As [`Struct::bytes`].
    pub fn bytes<'k>(&mut self, key: impl Into<Key<'k>>) -> Result<BytesMut<'_>> {
        self.child_or(key.into(), Value::Bytes((&[]).into())).map(BytesMut::new)
    }

    /// The array in a field that exists.
    ///
    /// # Errors
    ///
    /// As [`Struct::at`].
    pub fn array<'k>(&mut self, key: impl Into<Key<'k>>) -> Result<ArrayMut<'_>> {
        self.child(key.into(), Kind::Array).map(ArrayMut::new)
    }

    /// What a field names, which is created as `value` if it is missing.
    fn child_or(&mut self, key: Key<'_>, value: Value<'_>) -> Result<Access<'_>> {
        let kind = value.kind();
        if structure::find(self.access.arena(), self.access.node(), &key)?.is_none() {
            self.set(key, value)?;
        }
        self.child(key, kind)
    }

    fn child(&mut self, key: Key<'_>, kind: Kind) -> Result<Access<'_>> {
        let child = self.raw(&key).and_then(|raw| match raw.kind()? {
            found if found == kind => self.access.child(raw),
            found => Err(wrong_kind(found, kind.name())),
        });
        child.map_err(|error| self.access.locate_field(error, key.name()))
    }

    /// Removes a field with all below it.
    ///
    /// # Errors
    ///
    /// As [`Struct::remove`].
    pub fn remove<'k>(&mut self, key: impl Into<Key<'k>>) -> Result<()> {
        let key = key.into();
        let index = self.access.id().index;
        self.access
            .operate(|operation| remove(operation, operation.arena().node(index)?, &key))
            .map_err(|error| self.access.locate_field(error, key.name()))
    }

    /// Gives a field another name.
    ///
    /// # Errors
    ///
    /// As [`Struct::rename`].
    pub fn rename<'a, 'b>(&mut self, from: impl Into<Key<'a>>, to: impl Into<Key<'b>>) -> Result<()> {
        let (from, to) = (from.into(), to.into());
        let index = self.access.id().index;
        self.access
            .operate(|operation| rename(operation, operation.arena().node(index)?, &from, &to))
            .map_err(|error| self.access.locate(error))
    }

    /// Removes all fields.
    ///
    /// # Errors
    ///
    /// As [`Struct::clear`].
    pub fn clear(&mut self) -> Result<()> {
        let index = self.access.id().index;
        self.access.operate(|operation| clear(operation, index)).map_err(|error| self.access.locate(error))
    }

    /// The same access for a shorter time, to pass on.
    pub fn reborrow(&mut self) -> StructMut<'_> {
        StructMut::new(self.access.reborrow())
    }
}

/// A struct that is held for reading, with all below it.
///
/// ```
/// use structstore::StructStore;
///
/// let store = StructStore::new();
/// store.set("low", 1)?;
/// store.set("name", "arm")?;
/// let guard = store.read()?; // others may read, but not change it
/// assert_eq!(guard.get::<i32>("low")?, 1);
/// assert_eq!(guard.text("name")?.as_str()?, "arm"); // where it lies
/// assert_eq!(guard.names()?, ["low", "name"]);
/// # Ok::<(), structstore::Error>(())
/// ```
pub struct StructRef<'s, H = Lent<'s>> {
    pub(crate) access: Access<'s, H>,
}

impl<'s, H: Hold> StructRef<'s, H> {
    pub(crate) fn new(access: Access<'s, H>) -> StructRef<'s, H> {
        StructRef { access }
    }

    fn child(&self, key: Key<'_>, kind: Kind) -> Result<Access<'_>> {
        let (arena, node) = (self.access.arena(), self.access.node());
        let child = existing_field(arena, node, &key).and_then(|raw| match raw.kind()? {
            found if found == kind => self.access.child(raw),
            found => Err(wrong_kind(found, kind.name())),
        });
        child.map_err(|error| self.access.locate_field(error, key.name()))
    }

    /// The struct in a field that exists.
    ///
    /// # Errors
    ///
    /// As [`Struct::at`].
    ///
    /// ```
    /// let store = structstore::StructStore::new();
    /// store.nested("camera")?.set("exposure", 0.01)?;
    /// store.list("log")?.push("started")?;
    /// let guard = store.read()?;
    /// assert_eq!(guard.at("camera")?.get::<f64>("exposure")?, 0.01);
    /// assert_eq!(guard.list("log")?.get::<String>(0)?, "started");
    /// # Ok::<(), structstore::Error>(())
    /// ```
    pub fn at<'k>(&self, key: impl Into<Key<'k>>) -> Result<StructRef<'_>> {
        self.child(key.into(), Kind::Struct).map(StructRef::new)
    }

    /// The list in a field that exists.
    ///
    /// # Errors
    ///
    /// As [`Struct::at`].
    pub fn list<'k>(&self, key: impl Into<Key<'k>>) -> Result<ListRef<'_>> {
        self.child(key.into(), Kind::List).map(ListRef::new)
    }

    /// The array in a field that exists.
    ///
    /// # Errors
    ///
    /// As [`Struct::at`].
    pub fn array<'k>(&self, key: impl Into<Key<'k>>) -> Result<ArrayRef<'_>> {
        self.child(key.into(), Kind::Array).map(ArrayRef::new)
    }

    /// The string in a field that exists.
    ///
    /// # Errors
    ///
    /// As [`Struct::at`].
    pub fn text<'k>(&self, key: impl Into<Key<'k>>) -> Result<StrRef<'_>> {
        self.child(key.into(), Kind::Str).map(StrRef::lent)
    }

    /// The bytes in a field that exists.
    ///
    /// # Errors
    ///
    /// As [`Struct::at`].
    pub fn bytes<'k>(&self, key: impl Into<Key<'k>>) -> Result<BytesRef<'_>> {
        self.child(key.into(), Kind::Bytes).map(BytesRef::lent)
    }
}

/// What both guards tell of the struct that they hold.
macro_rules! reading {
    ($type:ident) => {
        impl<H: Hold> $type<'_, H> {
            /// Whether there is a field of that name.
            ///
            /// # Errors
            ///
            /// [`ErrorKind::Corrupt`] if the memory is damaged.
            pub fn contains<'k>(&self, key: impl Into<Key<'k>>) -> Result<bool> {
                Ok(structure::find(self.access.arena(), self.access.node(), &key.into())?.is_some())
            }

            /// Reads a field as a scalar, `String`, `Vec<u8>`, `Option` or [`Value`].
            ///
            /// # Errors
            ///
            /// As [`Struct::get`]; [`ErrorKind::HeldByGuard`] for a handle, which could not be used.
            pub fn get<'k, T: Get>(&self, key: impl Into<Key<'k>>) -> Result<T> {
                let key = key.into();
                existing_field(self.access.arena(), self.access.node(), &key)
                    .and_then(|raw| T::get(Slot { raw, source: Source::Held(self.access.arena()) }))
                    .map_err(|error| self.access.locate_field(error, key.name()))
            }

            /// How many fields there are.
            pub fn len(&self) -> usize {
                structure::counted(self.access.arena(), self.access.node()) as usize
            }

            /// Whether there are no fields.
            pub fn is_empty(&self) -> bool {
                self.len() == 0
            }

            /// The names of the fields, in order.
            ///
            /// # Errors
            ///
            /// [`ErrorKind::Corrupt`] if the memory is damaged.
            pub fn names(&self) -> Result<Vec<String>> {
                names(self.access.arena(), self.access.node())
            }

            /// The struct with all below it.
            ///
            /// # Errors
            ///
            /// [`ErrorKind::Corrupt`] if the memory is damaged.
            pub fn to_value(&self) -> Result<Value<'static>> {
                super::held_value(self.access.arena(), self.access.node(), 0)
            }
        }
    };
}
reading!(StructMut);
reading!(StructRef);
