//! Structs that are not removed or replaced in passing.

use std::sync::Arc;

use super::Struct;
use crate::access::{Access, Handle, Located};
use crate::arena::lease::{Lease, pin_of};
#[cfg(doc)]
use crate::error::ErrorKind;
use crate::error::{Error, ErrorKind as Kind, Result};

/// Keeps a struct where it is for as long as it lives, and the process: other operations than
/// [`Struct::delete_forced`] do not remove or replace it, or anything that it lies in. Every [`Binding`](crate::Binding) has one.
///
/// ```
/// use structstore::{ErrorKind, StructStore};
///
/// let store = StructStore::new();
/// let pin = store.ensure_struct("drive")?.pin()?;
/// let error = store.delete("drive").err().unwrap();
/// assert_eq!(error.kind(), ErrorKind::Bound);
/// assert_eq!(error.to_string(), "drive: in use by this process, so it cannot be removed or replaced unless forced");
///
/// drop(pin);
/// store.delete("drive")?;
/// # Ok::<(), structstore::Error>(())
/// ```
pub struct Pin {
    _lease: Option<Arc<Lease>>,
}

impl Pin {
    /// Pins the struct of a handle, which is held; in a store that this process does not change, nothing.
    pub(crate) fn held(handle: &Handle) -> Result<Pin> {
        if !handle.store().may_change() {
            return Ok(Pin { _lease: None });
        }
        let lease = Lease::take(handle.arena(), pin_of(handle.id()), || Ok(true))?;
        Ok(Pin { _lease: Some(lease.ok_or_else(|| Error::new(Kind::Deadlock))?) })
    }
}

impl Struct {
    /// Keeps this struct from being removed or replaced in passing. An observer's pin keeps nothing.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::StaleHandle`], [`ErrorKind::OutOfSpace`], and those of locking.
    pub fn pin(&self) -> Result<Pin> {
        let pin = || {
            let _held = self
                .handle
                .store()
                .may_change()
                .then(|| self.handle.hold(crate::lock::Mode::Shared))
                .transpose()?;
            Pin::held(&self.handle)
        };
        pin().at(&self.handle)
    }
}
