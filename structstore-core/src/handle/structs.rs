//! Structs: named fields in order of insertion.

use std::ops::Deref;

use super::lend::{Lend, ensured, lend_mut, lend_ref};
use super::view::{ArrayView, moved_out};
use super::{Bytes, List, Str};
use crate::access::{Access, Borrowed, Handle, Hold, Located, Locked, Part};
#[cfg(doc)]
use crate::error::ErrorKind;
use crate::error::{Result, ToPath};
use crate::key::Key;
use crate::node;
use crate::ops::{self, Get, paths, structs};
use crate::value::{Extras, Kind, ToValue, Value, decode_whole, wrong_kind};

/// A handle to a struct: named fields, which keep the order in which they were added.
///
/// Each operation takes the locks that it needs, and happens completely or not at all. [`Struct::write`] and
/// [`Struct::read`] give guards that hold the struct and everything below it. A name is a `&str` or a
/// [`key!`](crate::key); a dot in it is just a dot. [`Error`](crate::Error#errors-of-all-operations) lists the errors that all
/// operations share.
///
/// ```
/// use structstore::{Error, ErrorKind, StructStore};
///
/// let store = StructStore::new();
/// store.ensure_struct("camera")?.set("exposure", 0.01)?;
/// let camera = store.at("camera")?;
/// assert_eq!(camera.get::<f64>("exposure")?, 0.01);
///
/// let mut guard = camera.write()?;
/// *guard.get_mut::<f64>("exposure")? *= 2.0;
/// // This thread holds it: only the guard may operate on it.
/// assert!(matches!(camera.get::<f64>("exposure"), Err(error) if error.kind() == ErrorKind::HeldByGuard));
/// drop(guard);
/// assert_eq!(camera.get::<f64>("exposure")?, 0.02);
///
/// store.delete("camera")?;
/// assert!(matches!(camera.get::<f64>("exposure"), Err(error) if error.kind() == ErrorKind::StaleHandle));
/// # Ok::<(), Error>(())
/// ```
#[derive(Clone)]
pub struct Struct {
    pub(crate) handle: Handle,
}

impl Struct {
    pub(crate) fn from_handle(handle: Handle) -> Struct {
        Struct { handle }
    }

    /// Assigns a field, which is created if it is missing.
    ///
    /// A scalar, string or array of the same kind is changed in place, so handles to it stay valid; a struct with
    /// declared fields is merged into; everything else is replaced. A declared field converts the value without
    /// loss, or refuses it.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::WrongType`] or [`ErrorKind::OutOfRange`] for a value that a declared field, or a live array, cannot take,
    /// [`ErrorKind::InvalidName`], [`ErrorKind::TooDeep`], [`ErrorKind::OutOfSpace`]. After an error, nothing has changed.
    ///
    /// ```
    /// use structstore::{ArrayValue, StructStore, Value};
    ///
    /// #[derive(StructStore)]
    /// struct Pose {
    ///     x: f64,
    ///     y: f64,
    /// }
    ///
    /// let store = StructStore::new();
    /// store.set("num", 5)?;
    /// store.set("name", "arm")?;
    /// store.set("gains", vec![1.0, 0.5])?; // an array, as of all numbers in a row
    /// store.set("tags", vec!["left", "calibrated"])?; // a list, as of anything else
    /// store.set("numbers", Value::list([1, 2, 3]))?; // a list all the same
    /// store.set("frame", ArrayValue::from_slice(&[2, 2], &[1_u8, 2, 3, 4])?)?;
    /// store.set("pose", &Pose { x: 1.0, y: 2.0 })?;
    /// store.set("limits", Value::record([("low", 0.into()), ("high", Value::Null)]))?;
    /// assert!(store.set("", 5).is_err());
    /// # Ok::<(), structstore::Error>(())
    /// ```
    #[inline]
    pub fn set<'k>(&self, key: impl Into<Key<'k>>, value: impl ToValue) -> Result<()> {
        value.with_value(|value| structs::set(&self.handle, &key.into(), value))
    }

    /// Assigns several fields, each as [`Struct::set`] does. After an error, none is assigned. Of values of the same name, the
    /// last one wins.
    ///
    /// # Errors
    ///
    /// As [`Struct::set`].
    ///
    /// ```
    /// let store = structstore::StructStore::new();
    /// store.set("gain", 1.0)?;
    /// store.update([("exposure", 0.01), ("gain", 2.0)])?; // in one operation
    /// assert_eq!(store.to_string(), r#"{"gain": 2.0, "exposure": 0.01}"#);
    /// assert!(store.update([("gain", 3.0), ("", 0.0)]).is_err());
    /// assert_eq!(store.get::<f64>("gain")?, 2.0);
    /// # Ok::<(), structstore::Error>(())
    /// ```
    pub fn update<'k, K: Into<Key<'k>>, V: ToValue>(
        &self,
        fields: impl IntoIterator<Item = (K, V)>,
    ) -> Result<()> {
        structs::update(&self.handle, fields)
    }

    /// Replaces all fields with those of a struct value. Declared fields stay, and take the new values.
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
    /// store.replace(Value::record([("x", 1.into()), ("y", 2.into())]))?;
    /// assert_eq!(store.names()?, ["x", "y"]);
    /// # Ok::<(), structstore::Error>(())
    /// ```
    pub fn replace(&self, value: impl ToValue) -> Result<()> {
        value.with_value(|value| structs::replace(&self.handle, value))
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
        structs::get(&self.handle, &key.into())
    }

    /// Reads a field if it exists.
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
        structs::find(&self.handle, &key.into())
    }

    /// Reads a field; creates a missing one with the given value.
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
    pub fn get_or_insert<'k, T: Get + ToValue>(&self, key: impl Into<Key<'k>>, default: T) -> Result<T> {
        default.with_value(|default| structs::get_or_insert(&self.handle, &key.into(), default))
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
        structs::kind(&self.handle, &key.into())
    }

    /// Whether a field of that name exists.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::StaleHandle`] if the struct was removed.
    pub fn contains<'k>(&self, key: impl Into<Key<'k>>) -> Result<bool> {
        structs::contains(&self.handle, &key.into())
    }

    /// The struct at a path. Never creates one.
    ///
    /// # Errors
    ///
    /// As [`Struct::get_at`].
    ///
    /// ```
    /// use structstore::{StructStore, Value};
    ///
    /// let store = StructStore::new();
    /// store.set("cameras", vec![Value::record([("lens.left", Value::record([("focus", 3.into())]))])])?;
    /// let lens = store.at(r#"cameras[0]."lens.left""#)?;
    /// assert_eq!(lens.get::<i32>("focus")?, 3);
    /// lens.at("")?.set("focus", 4)?; // the empty path leads to the struct itself
    ///
    /// let error = store.at("cameras[0].lens").map(drop).unwrap_err();
    /// assert_eq!(error.to_string(), "cameras[0].lens: no such field");
    /// # Ok::<(), structstore::Error>(())
    /// ```
    pub fn at(&self, path: impl ToPath) -> Result<Struct> {
        paths::get_at(&self.handle, &path)
    }

    /// Reads the value at a path: a field, an item of a list, or an element of an array; only that element is copied. The empty path
    /// leads to the struct itself.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::NotFound`], [`ErrorKind::IndexOutOfRange`]; [`ErrorKind::WrongType`] if a value on the way has another kind, or
    /// the value there is not a `T`; [`ErrorKind::InvalidArgument`] if it is not a path.
    ///
    /// ```
    /// use structstore::{Array, ArrayValue, StructStore, Value};
    ///
    /// let store = StructStore::new();
    /// store.set("cameras", vec![Value::record([("exposure", 0.01.into())])])?;
    /// store.set("frame", ArrayValue::from_slice(&[2, 2], &[0_u8, 10, 20, 30])?)?;
    /// assert_eq!(store.get_at::<f64>("cameras[0].exposure")?, 0.01);
    /// assert_eq!(store.get_at::<u8>("frame[1,0]")?, 20);
    /// assert_eq!(store.get_at::<Array>("frame")?.shape()?, [2, 2]);
    ///
    /// let error = store.get_at::<f64>("cameras[1].exposure").unwrap_err();
    /// assert_eq!(error.to_string(), "cameras: index 1 is out of range for length 1");
    /// # Ok::<(), structstore::Error>(())
    /// ```
    pub fn get_at<T: Get>(&self, path: impl ToPath) -> Result<T> {
        paths::get_at(&self.handle, &path)
    }

    /// Assigns to a path: a field, which is created if it is missing, an item of a list, or an element of an array. The structs and lists
    /// on the way must exist.
    ///
    /// # Errors
    ///
    /// As [`Struct::get_at`] and [`Struct::set`].
    ///
    /// ```
    /// use structstore::{StructStore, Value};
    ///
    /// let store = StructStore::new();
    /// store.set("gains", Value::record([("kp", [1.0, 2.0, 3.0].into())]))?;
    /// store.set_at("gains.kp[1]", 5)?;
    /// store.set_at("gains.scale", 0.5)?;
    /// assert_eq!(store.to_string(), r#"{"gains": {"kp": [1.0, 5.0, 3.0], "scale": 0.5}}"#);
    /// assert!(store.set_at("gain.scale", 0.5).is_err());
    /// # Ok::<(), structstore::Error>(())
    /// ```
    pub fn set_at(&self, path: impl ToPath, value: impl ToValue) -> Result<()> {
        let path = path.to_path()?;
        value.with_value(|value| paths::set(&self.handle, path.steps(), value))
    }

    /// Removes the field or item at a path and returns its value.
    ///
    /// # Errors
    ///
    /// As [`Struct::get_at`] and [`Struct::remove`].
    ///
    /// ```
    /// use structstore::{StructStore, Value};
    ///
    /// let store = StructStore::new();
    /// store.set("cameras", Value::list([Value::record([("exposure", 0.01.into())])]))?;
    /// assert_eq!(store.remove_at("cameras[0].exposure")?, 0.01.into());
    /// store.remove_at("cameras[0]")?;
    /// assert_eq!(store.to_string(), r#"{"cameras": []}"#);
    /// # Ok::<(), structstore::Error>(())
    /// ```
    pub fn remove_at(&self, path: impl ToPath) -> Result<Value<'static>> {
        let path = path.to_path()?;
        paths::take(&self.handle, path.steps())
    }

    /// The struct in a field; creates an empty one if the field is missing.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::WrongType`] if the field is not a struct, and as [`Struct::set`].
    pub fn ensure_struct<'k>(&self, key: impl Into<Key<'k>>) -> Result<Struct> {
        structs::get_or_insert(&self.handle, &key.into(), &Value::Struct(Vec::new()))
    }

    /// The list in a field; creates an empty one if the field is missing.
    ///
    /// # Errors
    ///
    /// As [`Struct::ensure_struct`].
    pub fn ensure_list<'k>(&self, key: impl Into<Key<'k>>) -> Result<List> {
        structs::get_or_insert(&self.handle, &key.into(), &Value::List(Vec::new()))
    }

    /// The string in a field; creates an empty one if the field is missing.
    ///
    /// # Errors
    ///
    /// As [`Struct::ensure_struct`].
    pub fn ensure_str<'k>(&self, key: impl Into<Key<'k>>) -> Result<Str> {
        structs::get_or_insert(&self.handle, &key.into(), &Value::Str("".into()))
    }

    /// The bytes in a field; creates an empty field if it is missing.
    ///
    /// # Errors
    ///
    /// As [`Struct::ensure_struct`].
    pub fn ensure_bytes<'k>(&self, key: impl Into<Key<'k>>) -> Result<Bytes> {
        structs::get_or_insert(&self.handle, &key.into(), &Value::Bytes((&[]).into()))
    }

    /// Removes a field and returns a complete copy of its value. [`Struct::delete`] makes no copy.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::NotFound`], or [`ErrorKind::Declared`] if a binding has declared the field.
    ///
    /// ```
    /// let store = structstore::StructStore::new();
    /// store.set("num", 5)?;
    /// assert_eq!(store.remove("num")?, 5.into());
    /// assert!(store.delete("num").is_err());
    /// # Ok::<(), structstore::Error>(())
    /// ```
    pub fn remove<'k>(&self, key: impl Into<Key<'k>>) -> Result<Value<'static>> {
        structs::take(&self.handle, &key.into())
    }

    /// Removes an array and returns its memory, without a copy, as a view that nothing in the store leads to any more. Other views of the
    /// array share this memory. If a transaction around it fails, the array comes back with the elements that it has then.
    ///
    /// # Errors
    ///
    /// As [`Struct::remove`]; [`ErrorKind::WrongType`] if it is not an array. After an error, nothing has been removed.
    ///
    /// ```
    /// use structstore::StructStore;
    ///
    /// let store = StructStore::new();
    /// store.set("frame", [1.0, 2.0])?;
    /// let frame = store.remove_array("frame")?;
    /// assert_eq!((store.len()?, frame.to_vec::<f64>()?), (0, vec![1.0, 2.0]));
    /// # Ok::<(), structstore::Error>(())
    /// ```
    pub fn remove_array<'k>(&self, key: impl Into<Key<'k>>) -> Result<ArrayView> {
        structs::remove(&self.handle, &key.into(), |_, raw| moved_out(self.handle.arena(), raw))
    }

    /// Removes a field and everything below it.
    ///
    /// # Errors
    ///
    /// As [`Struct::remove`].
    pub fn delete<'k>(&self, key: impl Into<Key<'k>>) -> Result<()> {
        structs::delete(&self.handle, &key.into())
    }

    /// Removes a field and everything below it, even if it is declared, or if live bindings use it. These bindings become stale.
    ///
    /// A declared field of a struct that a running process has bound can only be removed with that struct, because the binding knows
    /// where the field is.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::NotFound`]; [`ErrorKind::Bound`] for such a field; those of locking.
    ///
    /// ```
    /// use structstore::{Binding, ErrorKind, StructStore};
    ///
    /// #[derive(StructStore)]
    /// struct Drive {
    ///     speed: f64,
    /// }
    ///
    /// let store = StructStore::new();
    /// let drive: Binding<Drive> = store.ensure_struct("drive")?.bind()?;
    /// assert_eq!(store.delete("drive").err().unwrap().kind(), ErrorKind::Bound);
    /// store.delete_forced("drive")?;
    /// assert_eq!(drive.load().err().unwrap().kind(), ErrorKind::StaleHandle);
    /// # Ok::<(), structstore::Error>(())
    /// ```
    pub fn delete_forced<'k>(&self, key: impl Into<Key<'k>>) -> Result<()> {
        structs::delete_forced(&self.handle, &key.into())
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
        structs::rename(&self.handle, &from.into(), &to.into())
    }

    /// Removes all fields.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Declared`] if a binding has declared one of them. After an error, nothing has been removed.
    pub fn clear(&self) -> Result<()> {
        structs::clear(&self.handle)
    }

    /// How many fields there are.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::StaleHandle`] if the struct was removed.
    pub fn len(&self) -> Result<usize> {
        structs::len(&self.handle)
    }

    /// Whether there are no fields.
    ///
    /// # Errors
    ///
    /// As [`Struct::len`].
    pub fn is_empty(&self) -> Result<bool> {
        Ok(self.len()? == 0)
    }

    /// The names of the fields, in order. In a store that was opened read-only and changes all the time, they may mix several
    /// moments.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::StaleHandle`] if the struct was removed.
    pub fn names(&self) -> Result<Vec<String>> {
        structs::names(&self.handle)
    }

    /// The fields in order, as of one moment.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::StaleHandle`], [`ErrorKind::HeldByGuard`]; [`ErrorKind::Contended`] for a store that was opened read-only and
    /// changes again and again meanwhile.
    ///
    /// ```
    /// let store = structstore::StructStore::new();
    /// store.set("left", 1)?;
    /// store.set("right", 2)?;
    /// for (name, value) in store.iter()? {
    ///     println!("{name}: {value}");
    ///     store.set(&name, 0)?; // the loop iterates over a copy
    /// }
    /// # Ok::<(), structstore::Error>(())
    /// ```
    pub fn iter(&self) -> Result<impl Iterator<Item = (String, Value<'static>)> + use<>> {
        structs::into_iter(self.to_value()?)
    }

    /// A complete copy of the struct, as of one moment.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::StaleHandle`], [`ErrorKind::HeldByGuard`]; [`ErrorKind::Contended`] for a store that was opened read-only and
    /// changes again and again meanwhile.
    ///
    /// ```
    /// let store = structstore::StructStore::new();
    /// store.ensure_struct("camera")?.set("exposure", 0.01)?;
    /// let copy = store.to_value()?;
    /// store.clear()?;
    /// assert_eq!(copy.get("camera").and_then(|camera| camera.get("exposure")), Some(&0.01.into()));
    /// # Ok::<(), structstore::Error>(())
    /// ```
    pub fn to_value(&self) -> Result<Value<'static>> {
        ops::to_value(&self.handle)
    }

    /// Whether this and another struct, perhaps of another store, contain equal values; see [`Value`].
    ///
    /// # Errors
    ///
    /// As [`Struct::to_value`].
    pub fn equals(&self, other: &Struct) -> Result<bool> {
        Ok(self.to_value()? == other.to_value()?)
    }

    /// The complete struct as a snapshot: bytes that keep types, order and metadata exactly, from which [`Struct::restore`]
    /// restores the contents in any store, on any machine.
    ///
    /// # Errors
    ///
    /// As [`Struct::to_value`].
    ///
    /// ```
    /// use structstore::StructStore;
    ///
    /// let (store, copy) = (StructStore::new(), StructStore::new());
    /// store.set("num", 5_u8)?;
    /// copy.restore(&store.to_bytes()?)?;
    /// assert!(store.equals(&copy)?);
    /// # Ok::<(), structstore::Error>(())
    /// ```
    pub fn to_bytes(&self) -> Result<Vec<u8>> {
        ops::snapshot(&self.handle, Extras { metas: true, ..Extras::default() })?.finish()
    }

    /// The same, with all samples that [streams](crate::stream) keep, instead of the newest ones. A restored stream numbers them from 0.
    ///
    /// # Errors
    ///
    /// As [`Struct::to_value`].
    pub fn to_bytes_with_samples(&self) -> Result<Vec<u8>> {
        ops::snapshot(&self.handle, Extras { metas: true, samples: true, ..Extras::default() })?.finish()
    }

    /// Replaces all fields with those of a snapshot, in one operation. Declared fields stay, and take the new values. A field without
    /// metadata gets that of the snapshot: its limits, unit, description and default. Structs that record no versions of types get those
    /// of the snapshot.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Mismatch`] or [`ErrorKind::Corrupt`] if the snapshot is damaged, and as [`Struct::set`]. After an error, nothing
    /// has changed.
    pub fn restore(&self, snapshot: &[u8]) -> Result<()> {
        structs::restore(&self.handle, &decode_whole(snapshot)?)
    }
}

/// The struct at a path in a struct that is held.
fn locked_at<'a, H: Hold>(held: &'a Locked<'_, H>, path: &impl ToPath) -> Result<Locked<'a>> {
    let path = path.to_path()?;
    if path.is_root() {
        return Ok(Locked::lend(held.store(), held.id(), held.node()));
    }
    let slot = paths::look(held, path.steps())?;
    match slot.kind()? {
        Kind::Struct => {
            let (id, node) = node::resolve(held.arena(), slot.raw)?;
            Ok(Locked::lend(held.store(), id, node))
        }
        other => Err(slot.locate(wrong_kind(other, "struct"))),
    }
}

/// A struct that is held exclusively, with everything below it. Reading works as with a [`StructRef`].
///
/// ```
/// use structstore::StructStore;
///
/// let store = StructStore::new();
/// store.ensure_struct("camera")?.set("exposure", 0.01)?;
/// let mut root = store.write()?;
/// root.set("num", 5)?;
/// *root.get_mut::<i32>("num")? += 1;
/// // Values below it are reached through the guard.
/// let mut camera = root.at("camera")?;
/// *camera.get_mut::<f64>("exposure")? *= 2.0;
/// camera.set("gain", 1)?;
/// drop(root);
/// assert_eq!(store.to_string(), r#"{"camera": {"exposure": 0.02, "gain": 1}, "num": 6}"#);
/// # Ok::<(), structstore::Error>(())
/// ```
///
/// It lends references to it, but never itself by `&mut`: swapping two would separate a lock from its owner.
///
/// ```compile_fail,E0596
/// use structstore::StructStore;
/// use structstore::guard::StructRef;
///
/// let (one, two) = (StructStore::new(), StructStore::new());
/// let (mut one, mut two) = (one.write().unwrap(), two.write().unwrap());
/// std::mem::swap::<StructRef<'_, _>>(&mut *one, &mut *two);
/// ```
pub struct StructMut<'s, H = Borrowed<'s>> {
    reading: StructRef<'s, H>,
}

impl<'s, H> Deref for StructMut<'s, H> {
    type Target = StructRef<'s, H>;

    #[inline(always)]
    fn deref(&self) -> &StructRef<'s, H> {
        &self.reading
    }
}

impl<'s, H: Hold> StructMut<'s, H> {
    pub(crate) fn new(locked: Locked<'s, H>) -> StructMut<'s, H> {
        StructMut { reading: StructRef { locked } }
    }

    /// Assigns a field, as [`Struct::set`] does.
    ///
    /// # Errors
    ///
    /// As [`Struct::set`].
    #[inline]
    pub fn set<'k>(&mut self, key: impl Into<Key<'k>>, value: impl ToValue) -> Result<()> {
        value.with_value(|value| structs::set(&self.locked, &key.into(), value))
    }

    /// Assigns to a path, as [`Struct::set_at`] does.
    ///
    /// # Errors
    ///
    /// As [`Struct::set_at`].
    pub fn set_at(&mut self, path: impl ToPath, value: impl ToValue) -> Result<()> {
        let path = path.to_path()?;
        value.with_value(|value| paths::set(&self.locked, path.steps(), value))
    }

    /// Removes the field or item at a path, as [`Struct::remove_at`] does.
    ///
    /// # Errors
    ///
    /// As [`Struct::remove_at`].
    pub fn remove_at(&mut self, path: impl ToPath) -> Result<Value<'static>> {
        let path = path.to_path()?;
        paths::take(&self.locked, path.steps())
    }

    /// Assigns several fields, as [`Struct::update`] does. After an error, none is assigned.
    ///
    /// # Errors
    ///
    /// As [`Struct::set`].
    pub fn update<'k, K: Into<Key<'k>>, V: ToValue>(
        &mut self,
        fields: impl IntoIterator<Item = (K, V)>,
    ) -> Result<()> {
        structs::update(&self.locked, fields)
    }

    /// Replaces all fields, as [`Struct::replace`] does.
    ///
    /// # Errors
    ///
    /// As [`Struct::replace`].
    pub fn replace(&mut self, value: impl ToValue) -> Result<()> {
        value.with_value(|value| structs::replace(&self.locked, value))
    }

    /// Reads a field; creates a missing one with the given value.
    ///
    /// # Errors
    ///
    /// As [`StructRef::get`] and [`Struct::set`].
    pub fn get_or_insert<'k, T: Get + ToValue>(&mut self, key: impl Into<Key<'k>>, default: T) -> Result<T> {
        default.with_value(|default| structs::get_or_insert(&self.locked, &key.into(), default))
    }

    /// Lends a field to be changed in place: a scalar of exactly this type by `&mut`; structs, lists, arrays, strings and bytes
    /// by the guard of their type.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::NotFound`], or [`ErrorKind::WrongType`] if the field does not have exactly this type.
    ///
    /// ```
    /// use structstore::{List, StructStore};
    ///
    /// let store = StructStore::new();
    /// store.set("num", 5)?;
    /// store.ensure_list("log")?;
    /// let mut guard = store.write()?;
    /// *guard.get_mut::<i32>("num")? += 1;
    /// guard.get_mut::<List>("log")?.push("incremented")?;
    /// let error = guard.get_mut::<i64>("num").unwrap_err();
    /// assert_eq!(error.to_string(), "num: found i32, expected i64");
    /// # Ok::<(), structstore::Error>(())
    /// ```
    pub fn get_mut<'k, T: Lend>(&mut self, key: impl Into<Key<'k>>) -> Result<T::Mut<'_>> {
        let key = key.into();
        let slot = structs::slot(&self.reading.locked, &key);
        slot.and_then(|found| {
            // SAFETY: held exclusively for as long as self, and `&mut self` keeps it from lending anything else.
            unsafe { lend_mut::<T, H>(&self.reading.locked, &found.field.slot) }
        })
        .at_part(&self.reading.locked, Part::Name(key.name()))
    }

    /// The struct at a path.
    ///
    /// # Errors
    ///
    /// As [`Struct::at`].
    ///
    /// ```
    /// use structstore::{StructStore, Value};
    ///
    /// let store = StructStore::new();
    /// store.set("cameras", vec![Value::record([("exposure", 0.01.into())])])?;
    /// let mut guard = store.write()?;
    /// *guard.at("cameras[0]")?.get_mut::<f64>("exposure")? *= 2.0;
    /// assert_eq!(guard.get_at::<f64>("cameras[0].exposure")?, 0.02);
    /// # Ok::<(), structstore::Error>(())
    /// ```
    pub fn at(&mut self, path: impl ToPath) -> Result<StructMut<'_>> {
        locked_at(&self.reading.locked, &path).map(StructMut::new)
    }

    /// The struct in a field; creates an empty one if the field is missing.
    ///
    /// # Errors
    ///
    /// As [`StructMut::get_mut`] and [`StructMut::set`].
    pub fn ensure_struct<'k>(&mut self, key: impl Into<Key<'k>>) -> Result<StructMut<'_>> {
        ensured::<Struct, H>(self, &key.into(), &Value::Struct(Vec::new()))
    }

    /// The list in a field; creates an empty one if the field is missing.
    ///
    /// # Errors
    ///
    /// As [`StructMut::ensure_struct`].
    pub fn ensure_list<'k>(&mut self, key: impl Into<Key<'k>>) -> Result<<List as Lend>::Mut<'_>> {
        ensured::<List, H>(self, &key.into(), &Value::List(Vec::new()))
    }

    /// The string in a field; creates an empty one if the field is missing.
    ///
    /// # Errors
    ///
    /// As [`StructMut::ensure_struct`].
    pub fn ensure_str<'k>(&mut self, key: impl Into<Key<'k>>) -> Result<<Str as Lend>::Mut<'_>> {
        ensured::<Str, H>(self, &key.into(), &Value::Str("".into()))
    }

    /// The bytes in a field; creates an empty field if it is missing.
    ///
    /// # Errors
    ///
    /// As [`StructMut::ensure_struct`].
    pub fn ensure_bytes<'k>(&mut self, key: impl Into<Key<'k>>) -> Result<<Bytes as Lend>::Mut<'_>> {
        ensured::<Bytes, H>(self, &key.into(), &Value::Bytes((&[]).into()))
    }

    /// Removes a field and returns a copy of its value, as [`Struct::remove`] does.
    ///
    /// # Errors
    ///
    /// As [`Struct::remove`].
    pub fn remove<'k>(&mut self, key: impl Into<Key<'k>>) -> Result<Value<'static>> {
        structs::take(&self.locked, &key.into())
    }

    /// Removes a field and everything below it.
    ///
    /// # Errors
    ///
    /// As [`Struct::remove`].
    pub fn delete<'k>(&mut self, key: impl Into<Key<'k>>) -> Result<()> {
        structs::delete(&self.locked, &key.into())
    }

    /// Removes a field even if it is in use, as [`Struct::delete_forced`] does.
    ///
    /// # Errors
    ///
    /// As [`Struct::delete_forced`].
    pub fn delete_forced<'k>(&mut self, key: impl Into<Key<'k>>) -> Result<()> {
        structs::delete_forced(&self.locked, &key.into())
    }

    /// Renames a field, as [`Struct::rename`] does.
    ///
    /// # Errors
    ///
    /// As [`Struct::rename`].
    pub fn rename<'a, 'b>(&mut self, from: impl Into<Key<'a>>, to: impl Into<Key<'b>>) -> Result<()> {
        structs::rename(&self.locked, &from.into(), &to.into())
    }

    /// Removes all fields.
    ///
    /// # Errors
    ///
    /// As [`Struct::clear`].
    pub fn clear(&mut self) -> Result<()> {
        structs::clear(&self.locked)
    }

    /// Reborrows the guard for a shorter time, to pass it on.
    pub fn reborrow(&mut self) -> StructMut<'_> {
        StructMut::new(self.locked.reborrow())
    }
}

/// A struct that is held for reading, with everything below it.
///
/// ```
/// use structstore::{Str, StructStore};
///
/// let store = StructStore::new();
/// store.set("low", 1)?;
/// store.set("name", "arm")?;
/// let guard = store.read()?; // others may read, but not change it
/// assert_eq!(guard.get::<i32>("low")?, 1);
/// assert_eq!(guard.get_ref::<Str>("name")?.as_str()?, "arm"); // where it lies
/// assert_eq!(guard.names()?, ["low", "name"]);
/// # Ok::<(), structstore::Error>(())
/// ```
pub struct StructRef<'s, H = Borrowed<'s>> {
    pub(crate) locked: Locked<'s, H>,
}

impl<'s, H: Hold> StructRef<'s, H> {
    pub(crate) fn new(locked: Locked<'s, H>) -> StructRef<'s, H> {
        StructRef { locked }
    }

    /// Reads a field as a scalar, `String`, `Vec<u8>`, `Option` or [`Value`].
    ///
    /// # Errors
    ///
    /// As [`Struct::get`]; [`ErrorKind::HeldByGuard`] if `T` is a handle: use
    /// [`get_ref`](StructRef::get_ref).
    #[inline]
    pub fn get<'k, T: Get>(&self, key: impl Into<Key<'k>>) -> Result<T> {
        structs::get(&self.locked, &key.into())
    }

    /// Reads the value at a path: see [`Struct::get_at`].
    ///
    /// # Errors
    ///
    /// As [`Struct::get_at`]; [`ErrorKind::HeldByGuard`] if `T` is a handle.
    pub fn get_at<T: Get>(&self, path: impl ToPath) -> Result<T> {
        paths::get_at(&self.locked, &path)
    }

    /// Reads a field if it exists.
    ///
    /// # Errors
    ///
    /// As [`StructRef::get`], without [`ErrorKind::NotFound`].
    #[inline]
    pub fn find<'k, T: Get>(&self, key: impl Into<Key<'k>>) -> Result<Option<T>> {
        structs::find(&self.locked, &key.into())
    }

    /// Lends a field to be read in place: a scalar of exactly this type by `&`; structs, lists, arrays, strings and bytes by the
    /// guard of their type.
    ///
    /// # Errors
    ///
    /// As [`StructMut::get_mut`].
    ///
    /// ```
    /// use structstore::{List, StructStore};
    ///
    /// let store = StructStore::new();
    /// store.ensure_struct("camera")?.set("exposure", 0.01)?;
    /// store.ensure_list("log")?.push("started")?;
    /// let guard = store.read()?;
    /// assert_eq!(*guard.at("camera")?.get_ref::<f64>("exposure")?, 0.01);
    /// assert_eq!(guard.get_ref::<List>("log")?.get::<String>(0)?, "started");
    /// # Ok::<(), structstore::Error>(())
    /// ```
    pub fn get_ref<'k, T: Lend>(&self, key: impl Into<Key<'k>>) -> Result<T::Ref<'_>> {
        let key = key.into();
        let slot = structs::slot(&self.locked, &key);
        // SAFETY: held for as long as self.
        slot.and_then(|found| unsafe { lend_ref::<T, H>(&self.locked, &found.field.slot) })
            .at_part(&self.locked, Part::Name(key.name()))
    }

    /// The struct at a path.
    ///
    /// # Errors
    ///
    /// As [`Struct::at`].
    pub fn at(&self, path: impl ToPath) -> Result<StructRef<'_>> {
        locked_at(&self.locked, &path).map(StructRef::new)
    }

    /// What kind of value a field holds.
    ///
    /// # Errors
    ///
    /// As [`Struct::kind`].
    pub fn kind<'k>(&self, key: impl Into<Key<'k>>) -> Result<Kind> {
        structs::kind(&self.locked, &key.into())
    }

    /// Whether a field of that name exists.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Corrupt`] if the memory is damaged.
    pub fn contains<'k>(&self, key: impl Into<Key<'k>>) -> Result<bool> {
        structs::contains(&self.locked, &key.into())
    }

    /// How many fields there are.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Corrupt`] if the memory is damaged.
    pub fn len(&self) -> Result<usize> {
        structs::len(&self.locked)
    }

    /// Whether there are no fields.
    ///
    /// # Errors
    ///
    /// As [`StructRef::len`].
    pub fn is_empty(&self) -> Result<bool> {
        Ok(self.len()? == 0)
    }

    /// The names of the fields, in order.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Corrupt`] if the memory is damaged.
    pub fn names(&self) -> Result<Vec<String>> {
        structs::names(&self.locked)
    }

    /// Copies of the fields, in order.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Corrupt`] if the memory is damaged.
    pub fn iter(&self) -> Result<impl Iterator<Item = (String, Value<'static>)> + use<'s, H>> {
        structs::into_iter(self.to_value()?)
    }

    /// A complete copy of the struct.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Corrupt`] if the memory is damaged.
    pub fn to_value(&self) -> Result<Value<'static>> {
        ops::to_value(&self.locked)
    }
}
