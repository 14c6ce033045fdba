//! Fields, structs and lists of a store as anything that implements serde's traits.

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::{from_value, to_value};
use crate::error::Result;
use crate::handle::{Hold, List, Struct, StructMut, StructRef};
use crate::key::Key;
use crate::value::Value;

impl Struct {
    /// Assigns a field anything that implements [`Serialize`], as [`Struct::set`] assigns a [`Value`]; with the feature
    /// `serde`. See [`to_value`] for what becomes of it.
    ///
    /// It is serialised before any lock is taken.
    ///
    /// # Errors
    ///
    /// As [`to_value`] and [`Struct::set`].
    ///
    /// ```
    /// use serde::{Deserialize, Serialize};
    /// use structstore::StructStore;
    ///
    /// #[derive(Serialize, Deserialize, PartialEq, Debug)]
    /// struct Camera {
    ///     name: String,
    ///     exposure: f64,
    ///     size: (u32, u32),
    /// }
    ///
    /// let store = StructStore::new();
    /// store.put("camera", &Camera { name: "left".to_owned(), exposure: 0.01, size: (640, 480) })?;
    /// store.at("camera")?.set("exposure", 0.02)?;
    /// assert_eq!(store.get_as::<Camera>("camera")?.exposure, 0.02);
    ///
    /// store.at("camera")?.set("exposure", "long")?;
    /// let error = store.get_as::<Camera>("camera").unwrap_err();
    /// assert_eq!(error.to_string(), "camera.exposure: found str, expected f64");
    /// # Ok::<(), structstore::Error>(())
    /// ```
    pub fn put<'k, T: Serialize + ?Sized>(&self, key: impl Into<Key<'k>>, value: &T) -> Result<()> {
        let key = key.into();
        match to_value(value) {
            Ok(value) => self.set(key, value),
            Err(error) => Err(self.handle.locate_field(error, key.name())),
        }
    }

    /// Reads a field as anything that can be deserialised; with the feature `serde`.
    ///
    /// A snapshot is taken, and deserialised under no lock.
    ///
    /// # Errors
    ///
    /// As [`from_value`] and [`Struct::get`].
    ///
    /// ```
    /// use structstore::StructStore;
    ///
    /// let store = StructStore::new();
    /// store.put("ports", &[("http", 80), ("https", 443)])?;
    /// assert_eq!(store.get_as::<Vec<(String, u16)>>("ports")?[1].1, 443);
    /// # Ok::<(), structstore::Error>(())
    /// ```
    pub fn get_as<'k, T: DeserializeOwned>(&self, key: impl Into<Key<'k>>) -> Result<T> {
        let key = key.into();
        let value: Value<'static> = self.get(key)?;
        from_value(&value).map_err(|error| self.handle.locate_field(error, key.name()))
    }

    /// An owned copy of the whole struct, as anything that can be deserialised; with the feature `serde`.
    ///
    /// A snapshot is taken, and deserialised under no lock.
    ///
    /// # Errors
    ///
    /// As [`from_value`] and [`Struct::to_value`].
    ///
    /// ```
    /// use std::collections::BTreeMap;
    /// use structstore::StructStore;
    ///
    /// let store = StructStore::new();
    /// store.set("left", 0.5)?;
    /// store.set("right", 1)?;
    /// let gains: BTreeMap<String, f64> = store.load_as()?;
    /// assert_eq!(gains["right"], 1.0);
    /// # Ok::<(), structstore::Error>(())
    /// ```
    pub fn load_as<T: DeserializeOwned>(&self) -> Result<T> {
        from_value(&self.to_value()?).map_err(|error| self.handle.locate(error))
    }
}

impl List {
    /// An owned copy of the whole list, as anything that can be deserialised; with the feature `serde`.
    ///
    /// A snapshot is taken, and deserialised under no lock.
    ///
    /// # Errors
    ///
    /// As [`from_value`] and [`List::to_value`].
    ///
    /// ```
    /// use structstore::{to_value, StructStore};
    ///
    /// let list = StructStore::new().list("points")?;
    /// list.push(to_value(&(1.0, 2.0))?)?;
    /// assert_eq!(list.load_as::<Vec<[f64; 2]>>()?, [[1.0, 2.0]]);
    /// # Ok::<(), structstore::Error>(())
    /// ```
    pub fn load_as<T: DeserializeOwned>(&self) -> Result<T> {
        from_value(&self.to_value()?).map_err(|error| self.handle.locate(error))
    }
}

impl<H: Hold> StructMut<'_, H> {
    /// Assigns a field anything that implements [`Serialize`]; see [`Struct::put`].
    ///
    /// # Errors
    ///
    /// As [`Struct::put`].
    ///
    /// ```
    /// use structstore::StructStore;
    ///
    /// let store = StructStore::new();
    /// let mut guard = store.write()?;
    /// guard.put("limits", &[(0.0, 1.0), (2.0, 3.0)])?;
    /// assert_eq!(guard.get_as::<Vec<(f64, f64)>>("limits")?[1], (2.0, 3.0));
    /// # Ok::<(), structstore::Error>(())
    /// ```
    pub fn put<'k, T: Serialize + ?Sized>(&mut self, key: impl Into<Key<'k>>, value: &T) -> Result<()> {
        let key = key.into();
        match to_value(value) {
            Ok(value) => self.set(key, value),
            Err(error) => Err(self.access.locate_field(error, key.name())),
        }
    }

    /// Reads a field as anything that can be deserialised; see [`Struct::get_as`].
    ///
    /// # Errors
    ///
    /// As [`Struct::get_as`].
    pub fn get_as<'k, T: DeserializeOwned>(&self, key: impl Into<Key<'k>>) -> Result<T> {
        let key = key.into();
        let value: Value<'static> = self.get(key)?;
        from_value(&value).map_err(|error| self.access.locate_field(error, key.name()))
    }
}

impl<H: Hold> StructRef<'_, H> {
    /// Reads a field as anything that can be deserialised; see [`Struct::get_as`].
    ///
    /// # Errors
    ///
    /// As [`Struct::get_as`].
    ///
    /// ```
    /// use structstore::StructStore;
    ///
    /// let store = StructStore::new();
    /// store.put("limits", &(0.0, Some("m")))?;
    /// let guard = store.read()?;
    /// assert_eq!(guard.get_as::<(f64, Option<String>)>("limits")?, (0.0, Some("m".to_owned())));
    /// # Ok::<(), structstore::Error>(())
    /// ```
    pub fn get_as<'k, T: DeserializeOwned>(&self, key: impl Into<Key<'k>>) -> Result<T> {
        let key = key.into();
        let value: Value<'static> = self.get(key)?;
        from_value(&value).map_err(|error| self.access.locate_field(error, key.name()))
    }
}
