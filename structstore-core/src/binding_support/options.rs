//! Opening and closing shared stores.

#[cfg(doc)]
use super::reentrant_store;
#[cfg(doc)]
use crate::error::ErrorKind;
use crate::shared::{Options, StructStoreShared};

/// What bindings ask of [`Options`].
pub trait OptionsExt {
    /// Makes locks reentrant: an operation under this thread's own lock goes ahead.
    ///
    /// # Safety
    ///
    /// As [`reentrant_store`], for what is opened so.
    unsafe fn reentrant(self) -> Options;

    /// For a tool that passes by: an orphan that it changes stays one.
    fn passing(self) -> Options;

    /// Replaces the contents of an orphan. Any other store that exists is refused, with
    /// [`ErrorKind::InUse`].
    fn replacing_orphans(self) -> Options;
}

impl OptionsExt for Options {
    unsafe fn reentrant(mut self) -> Options {
        self.reentrant = true;
        self
    }

    fn passing(mut self) -> Options {
        self.passing = true;
        self
    }

    fn replacing_orphans(self) -> Options {
        let mut options = self.reinit(true);
        options.only_orphans = true;
        options
    }
}

/// What bindings ask of shared stores.
pub trait SharedExt {
    /// Closes the store without removing its name, for callers that reopen it to revalidate.
    fn abandon(self);
}

impl SharedExt for StructStoreShared {
    fn abandon(self) {
        StructStoreShared::abandon(self);
    }
}
