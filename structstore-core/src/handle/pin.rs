//! Pins, which protect structs in use.

use std::sync::Arc;

use super::Struct;
use crate::access::{Access, Handle, Located};
use crate::arena::lease::{Lease, pin_of};
#[cfg(doc)]
use crate::error::ErrorKind;
use crate::error::{Error, ErrorKind as Kind, Result};

/// Protects a struct: while the pin lives, only [`Struct::delete_forced`] removes or replaces the struct, or anything that contains it. A pin
/// ends with its process. Every [`Binding`](crate::Binding) has one.
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
    /// Pins the struct of a handle, which is held. In a store that this process does not change, it pins nothing.
    fn held(handle: &Handle) -> Result<Pin> {
        if !handle.store().may_change() {
            return Ok(Pin { _lease: None });
        }
        let lease = Lease::take(handle.arena(), pin_of(handle.id()), || Ok(true))?;
        Ok(Pin { _lease: Some(lease.ok_or_else(|| Error::new(Kind::Deadlock))?) })
    }

    /// As [`Pin::held`]. A store that is too full for a pin can be bound all the same, without one.
    pub(crate) fn if_there_is_room(handle: &Handle) -> Result<Pin> {
        match Pin::held(handle) {
            Err(error) if error.kind() == Kind::OutOfSpace => Ok(Pin { _lease: None }),
            other => other,
        }
    }
}

impl Struct {
    /// Protects this struct from being removed or replaced, except by force. A pin of an observer has no effect.
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
