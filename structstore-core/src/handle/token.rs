//! Locks as values, for languages whose scopes are not Rust's.

use std::sync::Arc;
use std::time::Duration;

use super::{Array, Handle, Held, List, Struct, acquire, at_most};
use crate::error::Result;
use crate::lock::Mode;
use crate::store::Store;

/// A lock that was taken by one thread and may be released, by dropping it, on any.
#[doc(hidden)]
pub struct Lock {
    store: Arc<Store>,
    held: Held,
}

impl Lock {
    fn take(handle: &Handle, exclusive: bool, timeout: Option<Duration>) -> Result<Lock> {
        let store = Arc::clone(handle.store());
        let mode = if exclusive { Mode::Tree } else { Mode::Shared };
        let held = acquire(&store.arena, handle.id(), mode, &at_most(timeout), store.nesting)
            .map_err(|error| handle.locate(error))?;
        Ok(Lock { store, held })
    }
}

impl Drop for Lock {
    fn drop(&mut self) {
        self.held.release(&self.store.arena);
    }
}

macro_rules! locks {
    ($($type:ident),*) => {$(
        impl $type {
            /// Takes a lock for this thread. `None` waits without bound.
            #[doc(hidden)]
            pub fn lock_token(&self, exclusive: bool, timeout: Option<Duration>) -> Result<Lock> {
                Lock::take(&self.handle, exclusive, timeout)
            }
        }
    )*};
}
locks!(Struct, List, Array);
