//! Transactions on structs: many changes that happen wholly or not at all.

use std::time::Duration;

use super::{Lock, Struct, StructMut, Within};
use crate::access::{Access, Located, Locked, at_most};
use crate::error::{Error, ErrorKind, Result};
use crate::journal::Pending;
use crate::lock::{Mode, Wait};

impl Struct {
    /// Runs `change` with the struct held exclusively, with all below it. If it returns an error or panics, or if the
    /// process dies, all that it has changed through what it is given is undone; if it returns `Ok`, all of it has
    /// happened. Nobody else sees anything in between.
    ///
    /// Covered are fields and items that come, go or are assigned, scalars that are lent as `&mut`, strings and bytes,
    /// and arrays where they are assigned as a whole. Elements of an array that are changed in place are not: copying
    /// them is what assigning the array does. Changes elsewhere, made meanwhile by the same thread, do not belong to the
    /// transaction.
    ///
    /// # Errors
    ///
    /// What `change` returns, or before it runs: [`ErrorKind::StaleHandle`], [`ErrorKind::HeldByGuard`], [`ErrorKind::Deadlock`],
    /// [`ErrorKind::InTransaction`] if this thread is in another transaction.
    ///
    /// ```
    /// use structstore::{Error, StructStore};
    ///
    /// let store = StructStore::new();
    /// store.set("from", 100)?;
    /// store.set("to", 0)?;
    /// let transfer = |amount: i32| {
    ///     store.transaction(|accounts| {
    ///         *accounts.get_mut::<i32>("to")? += amount;
    ///         *accounts.get_mut::<i32>("from")? -= amount;
    ///         match accounts.get::<i32>("from")? {
    ///             0.. => Ok(()),
    ///             less => Err(Error::rejected(format_args!("{} are missing", -less))),
    ///         }
    ///     })
    /// };
    /// transfer(70)?;
    /// assert!(transfer(70).is_err());
    /// assert_eq!(store.to_string(), r#"{"from": 30, "to": 70}"#);
    /// # Ok::<(), Error>(())
    /// ```
    pub fn transaction<T, E: From<Error>>(
        &self,
        change: impl FnOnce(&mut StructMut<'_>) -> Result<T, E>,
    ) -> Result<T, E> {
        self.transact(&Wait::FOREVER, change)
    }

    fn transact<T, E: From<Error>>(
        &self,
        wait: &Wait,
        change: impl FnOnce(&mut StructMut<'_>) -> Result<T, E>,
    ) -> Result<T, E> {
        // Locals are dropped from the last to the first: changes are undone before the lock is given up.
        let guard = Locked::take(&self.handle, Mode::Tree, wait)?;
        let pending = Pending::begin(self.handle.arena(), self.handle.id().index, wait).at(&self.handle)?;
        let result = change(&mut StructMut::new(guard.reborrow()))?;
        pending.commit().at(&self.handle)?;
        Ok(result)
    }

    /// Begins a transaction of this thread, which [`Transaction::commit`] ends; dropped, it is undone.
    #[doc(hidden)]
    pub fn transaction_token(&self, timeout: Option<Duration>) -> Result<Transaction> {
        let lock = Lock::take(&self.handle, true, timeout)?;
        let pending = Pending::begin(self.handle.arena(), self.handle.id().index, &at_most(timeout));
        Ok(Transaction { pending: Some(pending.at(&self.handle)?), lock: Some(lock) })
    }
}

impl Within<'_, Struct> {
    /// As [`Struct::transaction`].
    ///
    /// # Errors
    ///
    /// In addition, [`ErrorKind::LockTimeout`].
    pub fn transaction<T, E: From<Error>>(
        &self,
        change: impl FnOnce(&mut StructMut<'_>) -> Result<T, E>,
    ) -> Result<T, E> {
        self.of.transact(&self.wait(), change)
    }
}

/// A transaction as a value, for languages whose scopes are not Rust's. It ends on the thread that began it; elsewhere it
/// cannot be, and stays open with its lock, since a lock that is never released is better than half a transaction.
#[doc(hidden)]
pub struct Transaction {
    // Dropped first: changes are undone before the lock is given up.
    pending: Option<Pending>,
    lock: Option<Lock>,
}

impl Drop for Transaction {
    fn drop(&mut self) {
        if self.is_elsewhere() {
            std::mem::forget(self.lock.take());
        }
    }
}

impl Transaction {
    /// Whether another thread of this process began it, which then has to end it. To be asked before it is given up to
    /// [`Transaction::commit`] or dropped: from then on nobody can end it.
    #[doc(hidden)]
    pub fn is_elsewhere(&self) -> bool {
        self.pending.as_ref().is_some_and(Pending::is_elsewhere)
    }

    /// Makes the changes final.
    #[doc(hidden)]
    pub fn commit(mut self) -> Result<()> {
        match self.pending.take_if(|pending| !pending.is_elsewhere()) {
            Some(pending) => pending.commit(),
            None => Err(Error::new(ErrorKind::InTransaction)),
        }
    }
}
