//! Locks and transactions as values, for languages whose scopes are not Rust's.

use std::time::Duration;

use crate::access::{Access, Handle, Located, Owned, at_most};
use crate::error::{Error, ErrorKind, Result};
use crate::journal::Pending;
use crate::lock::Mode;

/// A lock that was taken by one thread and may be released, by dropping it, on any.
pub struct Lock(Owned);

impl Lock {
    pub(super) fn take(handle: &Handle, exclusive: bool, timeout: Option<Duration>) -> Result<Lock> {
        let mode = if exclusive { Mode::Tree } else { Mode::Shared };
        Owned::new(handle, mode, &at_most(timeout)).map(Lock)
    }

    /// Whether it was taken by the calling thread.
    pub fn is_own(&self) -> bool {
        self.0.is_own()
    }

    /// See [`StructRef::recovered`](crate::guard::StructRef::recovered).
    pub fn recovered(&self) -> bool {
        self.0.recovered()
    }
}

/// A transaction that is under way, and the lock that it takes. Dropping it undoes what was changed; on another thread than that
/// which began it, it does nothing: that thread has to end it.
pub struct Transaction {
    // Dropped first: changes are undone before the lock is given up.
    pending: Option<Pending>,
    lock: Option<Lock>,
}

impl Transaction {
    pub(super) fn begin(handle: &Handle, timeout: Option<Duration>) -> Result<Transaction> {
        let lock = Lock::take(handle, true, timeout)?;
        let pending = Pending::begin(handle.arena(), handle.id().index, &at_most(timeout)).at(handle)?;
        Ok(Transaction { pending: Some(pending), lock: Some(lock) })
    }

    /// Whether another thread of this process has begun it.
    pub fn is_elsewhere(&self) -> bool {
        self.pending.as_ref().is_some_and(Pending::is_elsewhere)
    }

    /// Makes what was changed happen.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::InTransaction`] on another thread than that which began it. [`ErrorKind::Corrupt`] if the memory is damaged.
    pub fn commit(mut self) -> Result<()> {
        match self.pending.take_if(|pending| !pending.is_elsewhere()) {
            Some(pending) => pending.commit(),
            None => Err(Error::new(ErrorKind::InTransaction)),
        }
    }
}

impl Drop for Transaction {
    fn drop(&mut self) {
        if self.is_elsewhere() {
            std::mem::forget(self.lock.take());
        }
    }
}
