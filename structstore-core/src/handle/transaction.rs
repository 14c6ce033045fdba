//! Transactions on structs: many changes that happen completely or not at all.

use super::{Struct, StructMut, Within};
use crate::access::{Access, Located, Locked};
#[cfg(doc)]
use crate::error::ErrorKind;
use crate::error::{Error, Result};
use crate::journal::Pending;
use crate::lock::{Mode, Wait};

impl Struct {
    /// Runs `change` with the struct held exclusively, with everything below it. If `change` returns an error or panics, or
    /// if the process dies, all its changes through the given guard are undone; if it returns `Ok`, all of them have
    /// happened. Others see no intermediate state.
    ///
    /// The transaction covers fields and items that are added, removed or assigned, scalars that are lent as `&mut`, strings
    /// and bytes, and arrays that are assigned as a whole. It does not cover elements of an array that are changed in place;
    /// assign the array instead. Changes elsewhere, made meanwhile by the same thread, do not belong to the transaction.
    ///
    /// # Errors
    ///
    /// The error that `change` returns, or before it runs: [`ErrorKind::StaleHandle`], [`ErrorKind::HeldByGuard`], [`ErrorKind::Deadlock`],
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

    pub(crate) fn transact<T, E: From<Error>>(
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
