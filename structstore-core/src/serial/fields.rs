//! Fields, structs and lists of a store as anything that implements serde's traits.

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::deserializer::Deserializer;
#[cfg(doc)]
use super::from_value;
use super::{Level, to_value};
use crate::access::{Access, Hold, Located, Part, locate_part};
use crate::error::Result;
use crate::handle::{List, Struct, StructMut, StructRef};
use crate::key::Key;
use crate::ops::{self, Get, Slot};
#[cfg(doc)]
use crate::value::Value;
use crate::value::{Extras, Snapshot};

/// A snapshot that has the values of newest samples in place of streams.
struct Newest(Snapshot);

impl Newest {
    const EXTRAS: Extras = Extras { metas: false, samples: false, newest: true };

    fn of(access: &impl Access) -> Result<Newest> {
        Ok(Newest(ops::snapshot(access, Newest::EXTRAS)?.snapshot()))
    }

    fn deserialize<T: DeserializeOwned>(&self) -> Result<T> {
        T::deserialize(Deserializer::new(&mut self.0.read(), Level::ROOT))
    }
}

impl Get for Newest {
    fn get(slot: Slot<'_>) -> Result<Newest> {
        slot.snapshot(Newest::EXTRAS).map(Newest)
    }
}

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
    /// store.set_serde("camera", &Camera { name: "left".to_owned(), exposure: 0.01, size: (640, 480) })?;
    /// store.at("camera")?.set("exposure", 0.02)?;
    /// assert_eq!(store.get_serde::<Camera>("camera")?.exposure, 0.02);
    ///
    /// store.at("camera")?.set("exposure", "long")?;
    /// let error = store.get_serde::<Camera>("camera").unwrap_err();
    /// assert_eq!(error.to_string(), "camera.exposure: found str, expected f64");
    /// # Ok::<(), structstore::Error>(())
    /// ```
    pub fn set_serde<'k, T: Serialize + ?Sized>(&self, key: impl Into<Key<'k>>, value: &T) -> Result<()> {
        let key = key.into();
        match to_value(value) {
            Ok(value) => self.set(key, value),
            Err(error) => Err(locate_part(error, &self.handle, Part::Name(key.name()))),
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
    /// store.set_serde("ports", &[("http", 80), ("https", 443)])?;
    /// assert_eq!(store.get_serde::<Vec<(String, u16)>>("ports")?[1].1, 443);
    /// # Ok::<(), structstore::Error>(())
    /// ```
    pub fn get_serde<'k, T: DeserializeOwned>(&self, key: impl Into<Key<'k>>) -> Result<T> {
        let key = key.into();
        let snapshot: Newest = self.get(key)?;
        snapshot.deserialize().at_part(&self.handle, Part::Name(key.name()))
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
    /// let gains: BTreeMap<String, f64> = store.load_serde()?;
    /// assert_eq!(gains["right"], 1.0);
    /// # Ok::<(), structstore::Error>(())
    /// ```
    pub fn load_serde<T: DeserializeOwned>(&self) -> Result<T> {
        Newest::of(&self.handle)?.deserialize().at(&self.handle)
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
    /// use structstore::StructStore;
    /// use structstore::serial::to_value;
    ///
    /// let list = StructStore::new().ensure_list("points")?;
    /// list.push(to_value(&(1.0, 2.0))?)?;
    /// assert_eq!(list.load_serde::<Vec<[f64; 2]>>()?, [[1.0, 2.0]]);
    /// # Ok::<(), structstore::Error>(())
    /// ```
    pub fn load_serde<T: DeserializeOwned>(&self) -> Result<T> {
        Newest::of(&self.handle)?.deserialize().at(&self.handle)
    }
}

impl<H: Hold> StructMut<'_, H> {
    /// Assigns a field anything that implements [`Serialize`]; see [`Struct::set_serde`].
    ///
    /// # Errors
    ///
    /// As [`Struct::set_serde`].
    ///
    /// ```
    /// use structstore::StructStore;
    ///
    /// let store = StructStore::new();
    /// let mut guard = store.write()?;
    /// guard.set_serde("limits", &[(0.0, 1.0), (2.0, 3.0)])?;
    /// assert_eq!(guard.get_serde::<Vec<(f64, f64)>>("limits")?[1], (2.0, 3.0));
    /// # Ok::<(), structstore::Error>(())
    /// ```
    pub fn set_serde<'k, T: Serialize + ?Sized>(&mut self, key: impl Into<Key<'k>>, value: &T) -> Result<()> {
        let key = key.into();
        match to_value(value) {
            Ok(value) => self.set(key, value),
            Err(error) => Err(locate_part(error, &self.locked, Part::Name(key.name()))),
        }
    }
}

impl<H: Hold> StructRef<'_, H> {
    /// Reads a field as anything that can be deserialised; see [`Struct::get_serde`].
    ///
    /// # Errors
    ///
    /// As [`Struct::get_serde`].
    ///
    /// ```
    /// use structstore::StructStore;
    ///
    /// let store = StructStore::new();
    /// store.set_serde("limits", &(0.0, Some("m")))?;
    /// let guard = store.read()?;
    /// assert_eq!(guard.get_serde::<(f64, Option<String>)>("limits")?, (0.0, Some("m".to_owned())));
    /// # Ok::<(), structstore::Error>(())
    /// ```
    pub fn get_serde<'k, T: DeserializeOwned>(&self, key: impl Into<Key<'k>>) -> Result<T> {
        let key = key.into();
        let snapshot: Newest = self.get(key)?;
        snapshot.deserialize().at_part(&self.locked, Part::Name(key.name()))
    }
}
