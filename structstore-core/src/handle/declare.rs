//! Declaring metadata of fields at run time.

use super::{Struct, StructMut, StructRef};
use crate::access::Hold;
#[cfg(doc)]
use crate::error::ErrorKind;
use crate::error::{Result, ToPath};
use crate::key::Key;
use crate::ops::{metas, paths};
use crate::value::Meta;

impl Struct {
    /// Declares the metadata of a field. From now on, every assignment in every process must be within the limits; the field keeps its kind
    /// and cannot be removed. The last declaration wins. [`Meta::new`] removes limits, unit and description.
    ///
    /// Creates a missing field if the metadata has a default.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::OutsideLimits`] if the field's value is outside of the limits; [`ErrorKind::NotFound`] if it is missing and has no
    /// default; [`ErrorKind::InvalidArgument`] for limits that no value satisfies, or that do not apply to the field's kind;
    /// [`ErrorKind::WrongType`] for a field that holds null and has no declared kind, and for limits of the elements of a
    /// [live array](crate::ArrayValue::live); [`ErrorKind::Bound`] for limits of a number or an array that a live binding lends as plain
    /// memory; those of [`Struct::set`].
    ///
    /// ```
    /// use structstore::{Meta, StructStore};
    ///
    /// let store = StructStore::new();
    /// store.declare("gain", &Meta::new().range(0.0..=10.0).default_value(0.5))?;
    /// store.set("gain", 7)?;
    /// assert!(store.set("gain", 70).is_err());
    ///
    /// store.set("modes", vec!["idle"])?;
    /// store.declare("modes", &Meta::new().choices(["idle", "running"]).len(1..=4))?;
    /// let error = store.ensure_list("modes")?.push("runing").err().unwrap();
    /// assert_eq!(error.to_string(), r#"modes[1]: found "runing", expected "idle" or "running"; did you mean "running"?"#);
    /// assert!(store.ensure_list("modes")?.clear().is_err());
    /// # Ok::<(), structstore::Error>(())
    /// ```
    pub fn declare<'k>(&self, key: impl Into<Key<'k>>, meta: &Meta) -> Result<()> {
        metas::declare(&self.handle, &key.into(), meta)
    }

    /// Makes a field, and everything below it, ordinary again: undoes the declarations of bindings, [`Struct::declare`] and programs in
    /// other languages.
    /// The field keeps its value and loses its limits, unit, description and aliases. It can then be removed, or assigned another type.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Bound`] while a running process has bound the field or a struct that contains it; [`ErrorKind::NotFound`]; those of
    /// [`Struct::set`].
    ///
    /// ```
    /// use structstore::{ErrorKind, StructStore};
    ///
    /// #[derive(StructStore)]
    /// struct Settings {
    ///     speed: f64,
    /// }
    ///
    /// let store = StructStore::new();
    /// let settings = store.bind::<Settings>()?;
    /// assert_eq!(store.undeclare("speed").err().unwrap().kind(), ErrorKind::Bound);
    /// drop(settings);
    /// store.undeclare("speed")?;
    /// store.set("speed", "fast")?;
    /// # Ok::<(), structstore::Error>(())
    /// ```
    pub fn undeclare<'k>(&self, key: impl Into<Key<'k>>) -> Result<()> {
        metas::undeclare(&self.handle, &key.into())
    }

    /// The metadata of a field; empty if none was declared.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::NotFound`], and those of [`Struct::get`].
    ///
    /// ```
    /// use structstore::{Meta, StructStore};
    ///
    /// let store = StructStore::new();
    /// store.set("speed", 1.5)?;
    /// store.declare("speed", &Meta::new().range(..=2.0).unit("m/s"))?;
    /// let meta = store.meta("speed")?;
    /// assert_eq!(format!("{meta} {}", meta.unit), "a number of at most 2.0 m/s");
    /// # Ok::<(), structstore::Error>(())
    /// ```
    pub fn meta<'k>(&self, key: impl Into<Key<'k>>) -> Result<Meta> {
        metas::get(&self.handle, &key.into())
    }

    /// The metadata of the field at a path; empty for what has none: items of lists, elements of arrays, and the struct itself.
    ///
    /// # Errors
    ///
    /// As [`Struct::get_at`].
    ///
    /// ```
    /// use structstore::{Meta, StructStore};
    ///
    /// let store = StructStore::new();
    /// store.ensure_struct("motor")?.declare("speed", &Meta::new().unit("m/s").default_value(0.0))?;
    /// assert_eq!(store.meta_at("motor.speed")?.unit, "m/s");
    /// assert!(store.meta_at("")?.is_empty());
    /// # Ok::<(), structstore::Error>(())
    /// ```
    pub fn meta_at(&self, path: impl ToPath) -> Result<Meta> {
        paths::meta(&self.handle, path.to_path()?.steps())
    }

    /// Assigns the declared default.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::WrongType`] if the field has no default; the errors of [`Struct::meta`] and [`Struct::set`].
    ///
    /// ```
    /// use structstore::{Meta, StructStore};
    ///
    /// let store = StructStore::new();
    /// store.declare("gain", &Meta::new().default_value(0.5))?;
    /// store.set("gain", 7.0)?;
    /// store.reset("gain")?;
    /// assert_eq!(store.get::<f64>("gain")?, 0.5);
    /// # Ok::<(), structstore::Error>(())
    /// ```
    pub fn reset<'k>(&self, key: impl Into<Key<'k>>) -> Result<()> {
        metas::reset(&self.handle, &key.into())
    }
}

impl<H: Hold> StructRef<'_, H> {
    /// The metadata of a field, as [`Struct::meta`] returns it.
    ///
    /// # Errors
    ///
    /// As [`Struct::meta`].
    pub fn meta<'k>(&self, key: impl Into<Key<'k>>) -> Result<Meta> {
        metas::get(&self.locked, &key.into())
    }

    /// The metadata of the field at a path, as [`Struct::meta_at`] returns it.
    ///
    /// # Errors
    ///
    /// As [`Struct::meta_at`].
    pub fn meta_at(&self, path: impl ToPath) -> Result<Meta> {
        paths::meta(&self.locked, path.to_path()?.steps())
    }
}

impl<H: Hold> StructMut<'_, H> {
    /// Declares the metadata of a field, as [`Struct::declare`] does.
    ///
    /// # Errors
    ///
    /// As [`Struct::declare`].
    pub fn declare<'k>(&mut self, key: impl Into<Key<'k>>, meta: &Meta) -> Result<()> {
        metas::declare(&self.locked, &key.into(), meta)
    }

    /// Makes a field ordinary again, as [`Struct::undeclare`] does.
    ///
    /// # Errors
    ///
    /// As [`Struct::undeclare`].
    pub fn undeclare<'k>(&mut self, key: impl Into<Key<'k>>) -> Result<()> {
        metas::undeclare(&self.locked, &key.into())
    }

    /// Assigns the declared default, as [`Struct::reset`] does.
    ///
    /// # Errors
    ///
    /// As [`Struct::reset`].
    pub fn reset<'k>(&mut self, key: impl Into<Key<'k>>) -> Result<()> {
        metas::reset(&self.locked, &key.into())
    }
}
