//! Handles: their locks, and where they are.

use std::sync::Arc;
use std::time::Duration;

use super::{Lineage, Lock, Origin};
use crate::access::Access;
#[cfg(doc)]
use crate::error::ErrorKind;
use crate::error::Result;
use crate::handle::{Array, List, Struct};

/// What bindings ask of handles to structs, lists and arrays.
pub trait HandleExt: Sized {
    /// Takes a lock for this thread. `None` waits without bound.
    ///
    /// # Errors
    ///
    /// As [`Struct::write`]; [`ErrorKind::LockTimeout`].
    fn lock_token(&self, exclusive: bool, timeout: Option<Duration>) -> Result<Lock>;

    /// Where another process would find it.
    fn origin(&self) -> Origin;

    /// Whether this thread is in a transaction, which undoes what it changes if it fails.
    fn in_transaction(&self) -> bool;

    /// Whether both handles name the same node, through the same mapping.
    fn is_same(&self, other: &Self) -> bool;

    /// What it lies in, to be compared with that of others.
    fn lineage(&self) -> Lineage;
}

macro_rules! handle_ext {
    ($($type:ident),*) => {$(
        impl HandleExt for $type {
            fn lock_token(&self, exclusive: bool, timeout: Option<Duration>) -> Result<Lock> {
                Lock::take(&self.handle, exclusive, timeout)
            }

            fn origin(&self) -> Origin {
                Origin::of(&self.handle)
            }

            fn in_transaction(&self) -> bool {
                self.handle.in_transaction()
            }

            fn is_same(&self, other: &$type) -> bool {
                Arc::ptr_eq(self.handle.arena(), other.handle.arena()) && self.handle.id() == other.handle.id()
            }

            fn lineage(&self) -> Lineage {
                Lineage::of(&self.handle)
            }
        }
    )*};
}
handle_ext!(Struct, List, Array);
