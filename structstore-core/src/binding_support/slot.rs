//! Slots as bindings of other languages read them, which make objects of their own of what is there.

use crate::access::Near;
#[cfg(doc)]
use crate::error::ErrorKind;
use crate::error::{Error, Result};
#[cfg(doc)]
use crate::handle::{Array, Struct};
use crate::handle::{ArrayView, lease};
use crate::node;
use crate::ops::{Get, Slot};

impl Slot<'_> {
    /// The bits of its scalar.
    #[inline(always)]
    pub fn bits(self) -> u64 {
        self.raw.payload
    }

    /// What something makes of its string; `None` if that is longer than `at_most` bytes.
    ///
    /// # Errors
    ///
    /// As [`Slot::get`].
    #[inline]
    pub fn text<T>(self, at_most: usize, make: impl FnOnce(&str) -> T) -> Result<Option<T>> {
        let copy = self.named(|arena, node| {
            let fits = node::length(node) <= at_most as u64;
            fits.then(|| node::copy_bytes_node(arena, node)).transpose()
        });
        match copy.map_err(|error| self.locate(error))? {
            Some(copy) => copy.text().map(make).map(Some).map_err(|error| self.locate(error)),
            None => Ok(None),
        }
    }

    /// How many bytes its string or bytes have.
    ///
    /// # Errors
    ///
    /// As [`Slot::get`].
    pub fn byte_len(self) -> Result<usize> {
        let length = self.named(node::checked_length);
        length.map(|length| length as usize).map_err(|error| self.locate(error))
    }

    /// A view of its array. Not writable under a lock of this thread's own for reading.
    ///
    /// # Errors
    ///
    /// As [`Array::view`].
    pub fn view(self) -> Result<ArrayView> {
        let view = Near::new(self.store, self.raw).and_then(|array| lease(&array));
        view.map_err(|error| self.locate(error))
    }

    /// Its value as a Rust type.
    ///
    /// # Errors
    ///
    /// As [`Struct::get`].
    #[inline]
    pub fn get<T: Get>(self) -> Result<T> {
        T::get(self).map_err(|error| self.locate(error))
    }

    /// To be called where what the slot names was gone. An error if it was so `before`: names are taken out before what
    /// they name goes, and never come back.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Corrupt`].
    #[cold]
    pub fn gone(self, before: &mut Option<u64>) -> Result<()> {
        match before.replace(self.raw.payload) {
            Some(payload) if payload == self.raw.payload => {
                let found = "the name of a removed node";
                Err(self.locate(Error::corrupt("a slot", found, "an existing node")))
            }
            _ => Ok(()),
        }
    }
}
