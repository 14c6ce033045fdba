//! Locks of bindings that wait for a limited time.

use super::{Binding, BindingMut, BindingRef};
use crate::access::{Access, Located};
use crate::bind::Field;
#[cfg(doc)]
use crate::error::ErrorKind;
use crate::error::{Error, Result};
use crate::handle::{Outcome, Struct, Within};
use crate::lock::Mode;

impl<T: Field> Within<'_, Binding<T>> {
    /// As [`Binding::write`].
    ///
    /// # Errors
    ///
    /// In addition, [`ErrorKind::LockTimeout`].
    pub fn write(&self) -> Result<BindingMut<'_, T>> {
        self.of.exclusive(&self.wait())
    }

    /// As [`Binding::read`].
    ///
    /// # Errors
    ///
    /// In addition, [`ErrorKind::LockTimeout`].
    pub fn read(&self) -> Result<BindingRef<'_, T>> {
        self.of.shared(&self.wait())
    }

    /// As [`Binding::with_mut`].
    ///
    /// # Errors
    ///
    /// In addition, [`ErrorKind::LockTimeout`].
    ///
    /// ```
    /// use std::time::Duration;
    /// use structstore::{ErrorKind, StructStore};
    ///
    /// #[derive(StructStore)]
    /// struct Limits {
    ///     high: f64,
    /// }
    ///
    /// let limits = StructStore::new().bind::<Limits>()?;
    /// // For a loop that must not wait.
    /// let now = limits.within(Duration::ZERO);
    /// match now.with_mut(|limits| *limits.high += 1.0) {
    ///     Err(error) if error.kind() == ErrorKind::LockTimeout => {} // try again in the next cycle
    ///     other => other?,
    /// }
    /// assert_eq!(now.load()?.high, 1.0);
    /// # Ok::<(), structstore::Error>(())
    /// ```
    #[inline]
    pub fn with_mut<O: Outcome>(&self, change: impl FnOnce(T::Mut<'_>) -> O) -> Result<O::Value> {
        change(self.write()?.fields_mut()).into_result()
    }

    /// As [`Binding::with`].
    ///
    /// # Errors
    ///
    /// In addition, [`ErrorKind::LockTimeout`].
    #[inline]
    pub fn with<R>(&self, read: impl FnOnce(T::Ref<'_>) -> R) -> Result<R> {
        Ok(read(self.read()?.fields()))
    }

    /// As [`Binding::load`].
    ///
    /// # Errors
    ///
    /// In addition, [`ErrorKind::LockTimeout`].
    pub fn load(&self) -> Result<T> {
        let binding = self.of;
        let wait = self.wait();
        let own = binding.handle.own().at(&binding.handle)?;
        if T::SLOTS_ONLY && !own.exclusive {
            let now = || {
                binding.handle.read_now(|_, _| T::load(&binding.place, binding.lender())).at(&binding.handle)
            };
            let mut loaded = now()?;
            // Where there is no lock to be had.
            while loaded.is_err() && !binding.handle.arena().writable() {
                wait.check().at(&binding.handle)?;
                std::thread::yield_now();
                loaded = now()?;
            }
            if let Ok(loaded) = loaded {
                return Ok(loaded);
            }
        }
        let held = binding.lock(Mode::Shared, &wait)?;
        match T::load(&binding.place, binding.lender()) {
            Ok(loaded) => Ok(loaded),
            Err(error) => {
                let loaded = binding.load_otherwise(error);
                drop(held);
                loaded
            }
        }
    }

    /// As [`Binding::transaction`].
    ///
    /// # Errors
    ///
    /// In addition, [`ErrorKind::LockTimeout`].
    pub fn transaction<R, E: From<Error>>(
        &self,
        change: impl FnOnce(T::Mut<'_>) -> Result<R, E>,
    ) -> Result<R, E> {
        let handle = Struct::from_handle(self.of.handle.clone());
        handle.transact(&self.wait(), |held| change(held.fields_of(self.of)?))
    }
}
