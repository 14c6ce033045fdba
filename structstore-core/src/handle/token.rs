//! Locks as values, for languages whose scopes are not Rust's.

use std::sync::Arc;
use std::time::Duration;

use super::{Array, Handle, Held, List, Struct, at_most};
use crate::error::Result;
use crate::lock::Mode;
use crate::node;
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
        let held = handle.acquire(mode, &at_most(timeout)).map_err(|error| handle.locate(error))?;
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

            /// Whether both handles name the same node, through the same mapping.
            #[doc(hidden)]
            pub fn is_same(&self, other: &$type) -> bool {
                Arc::ptr_eq(self.handle.arena(), other.handle.arena()) && self.handle.id() == other.handle.id()
            }
        }
    )*};
}
locks!(Struct, List, Array);

impl List {
    /// The way from the root to this list, as errors print it.
    #[doc(hidden)]
    pub fn path(&self) -> String {
        node::path_of(self.handle.arena(), self.handle.id())
    }
}
