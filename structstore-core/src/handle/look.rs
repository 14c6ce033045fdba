//! Slots as bindings of other languages read them, who make objects of their own of what is there.

use super::get::{Slot, Source};
use super::{ArrayView, Get, Handle, List, Near, Struct};
#[cfg(doc)]
use crate::error::ErrorKind;
use crate::error::{Error, Result};
use crate::key::Key;
use crate::node::{self, Raw, list, structure};
use crate::value::Kind;

/// A slot as it was read. What it names may be gone by the time it is looked up: [`ErrorKind::StaleHandle`], and the caller
/// looks at the slot again.
#[doc(hidden)]
#[derive(Clone, Copy)]
pub struct Look<'a> {
    raw: Raw,
    handle: &'a Handle,
}

impl Look<'_> {
    /// What kind of value it is.
    #[inline(always)]
    pub fn kind(self) -> Result<Kind> {
        self.raw.kind()
    }

    /// The bits of a number: an integer, sign-extended, or a float.
    #[inline(always)]
    pub fn bits(self) -> u64 {
        self.raw.payload
    }

    /// What something makes of the string; `None` if that is longer than so many bytes. No lock is held meanwhile.
    #[inline]
    pub fn text<T>(self, at_most: usize, make: impl FnOnce(&str) -> T) -> Result<Option<T>> {
        let copy = || -> Result<_> {
            // Of one kind, as `child_near` makes sure.
            self.handle.child_near(self.raw)?.read(|arena, node| {
                let fits = node::length(node) <= at_most as u64;
                fits.then(|| node::copy_bytes_node(arena, node)).transpose()
            })
        };
        match copy().map_err(|error| self.locate(error))? {
            Some(copy) => copy.text().map(make).map(Some).map_err(|error| self.locate(error)),
            None => Ok(None),
        }
    }

    /// How many bytes the string or bytes have.
    pub fn byte_len(self) -> Result<usize> {
        let length = self.handle.child_near(self.raw).and_then(|child| child.read(node::checked_length));
        length.map(|length| length as usize).map_err(|error| self.locate(error))
    }

    /// A view of the array, and whether this thread may write to it: not under a lock of its own for reading. An error if
    /// others read it under locks, too, and so may have slices of it.
    pub fn view(self) -> Result<(ArrayView, bool)> {
        let view = self.handle.child_near(self.raw).and_then(Near::lease);
        view.map_err(|error| self.locate(error))
    }

    /// The value, of any type that can be asked for.
    #[inline]
    pub fn get<T: Get>(self) -> Result<T> {
        let slot = Slot { raw: self.raw, source: Source::Handle(self.handle) };
        T::get(slot).map_err(|error| self.locate(error))
    }

    /// To be called where what the slot names was gone. An error if it was so `before`: names are taken out before what
    /// they name goes, and never come back.
    #[cold]
    pub fn gone(self, before: &mut Option<u64>) -> Result<()> {
        match before.replace(self.raw.payload) {
            Some(payload) if payload == self.raw.payload => {
                let found = "the name of a node that is gone";
                Err(self.handle.locate(Error::corrupt("a slot", found, "a node")))
            }
            _ => Ok(()),
        }
    }

    #[cold]
    fn locate(self, error: Error) -> Error {
        match self.handle.child(self.raw) {
            Ok(child) => child.locate(error),
            Err(_) => self.handle.locate(error),
        }
    }
}

impl Struct {
    /// Looks at a field, if there is one of that name.
    #[doc(hidden)]
    #[inline(always)]
    pub fn look(&self, key: &Key<'_>) -> Result<Option<Look<'_>>> {
        let handle = &self.handle;
        match handle.read(|arena, node| {
            Ok(structure::find(arena, node, key)?.map(|found| Raw::load(&found.field.slot)))
        }) {
            Ok(raw) => Ok(raw.map(|raw| Look { raw, handle })),
            Err(error) => Err(handle.locate_field(error, key.name())),
        }
    }
}

impl List {
    /// Looks at an item, if there are so many.
    #[doc(hidden)]
    #[inline(always)]
    pub fn look(&self, index: usize) -> Result<Option<Look<'_>>> {
        let handle = &self.handle;
        let found = handle.read(|arena, node| match index as u64 {
            index if index < list::len(node) => Ok(Some(Raw::load(list::slot(arena, node, index)?))),
            _ => Ok(None),
        });
        match found {
            Ok(raw) => Ok(raw.map(|raw| Look { raw, handle })),
            Err(error) => Err(handle.locate(error.under(index))),
        }
    }
}
