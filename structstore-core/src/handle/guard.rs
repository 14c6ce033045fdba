//! What handles of all kinds, and the guards taken through them, have in common.

use std::fmt;
use std::time::Duration;

use super::{
    Array, ArrayMut, ArrayRef, Bytes, BytesMut, BytesRef, List, ListMut, ListRef, Outcome, Str, StrMut,
    StrRef, Struct, StructMut, StructRef,
};
use crate::access::{Access, Hold, Located, Locked, Owned};
#[cfg(doc)]
use crate::error::ErrorKind;
use crate::error::{Error, Path, Result};
use crate::lock::{Mode, Wait};
use crate::ops;
use crate::value::Value;

/// Locks with a timeout; zero tries once.
///
/// ```
/// use std::time::Duration;
/// use structstore::{ErrorKind, StructStore};
///
/// let store = StructStore::new();
/// let guard = store.write()?;
/// std::thread::scope(|scope| {
///     scope.spawn(|| {
///         let refused = store.within(Duration::ZERO).read();
///         assert_eq!(refused.unwrap_err().kind(), ErrorKind::LockTimeout);
///     });
/// });
/// # Ok::<(), structstore::Error>(())
/// ```
pub struct Within<'a, T> {
    pub(crate) of: &'a T,
    pub(crate) timeout: Duration,
}

impl<'a, T> Within<'a, T> {
    pub(crate) fn new(of: &'a T, timeout: Duration) -> Within<'a, T> {
        Within { of, timeout }
    }

    pub(crate) fn wait(&self) -> Wait {
        Wait::at_most(self.timeout)
    }
}

macro_rules! guards {
    ($($kind:ident: $mut:ident, $ref:ident, $field:literal, $change:literal, $read:literal, $value:literal;)*) => {$(
        impl $kind {
            /// Locks it and everything below it for changing, for as long as the guard lives.
            ///
            /// # Errors
            ///
            /// [`ErrorKind::HeldByGuard`] or [`ErrorKind::Deadlock`] if this thread holds it, a part of it or a value that contains it;
            /// [`ErrorKind::StaleHandle`].
            #[inline]
            pub fn write(&self) -> Result<$mut<'static, Owned>> {
                Locked::take(&self.handle, Mode::Tree, &Wait::FOREVER).map($mut::new)
            }

            /// Locks it and everything below it for reading, for as long as the guard lives. Others may read as well.
            ///
            /// # Errors
            ///
            /// As [`Self::write`], but this thread may hold it for reading already.
            #[inline]
            pub fn read(&self) -> Result<$ref<'static, Owned>> {
                Locked::take(&self.handle, Mode::Shared, &Wait::FOREVER).map($ref::new)
            }

            /// Locks it exclusively while a closure runs on it. The closure returns `()` or a [`Result`]; return a value as `Ok(value)`.
            /// If the closure fails, the changes that it made remain.
            ///
            /// This is faster than [`Self::write`], whose guard owns a reference to the store.
            ///
            /// # Errors
            ///
            /// As [`Self::write`], and the error that the closure returns.
            ///
            /// ```
            /// let store = structstore::StructStore::new();
            #[doc = concat!("let field = ", $field, ";")]
            #[doc = concat!("field.with_mut(|mut field| ", $change, ")?;")]
            #[doc = concat!("assert_eq!(field.with(|field| ", $read, ")??, ", $value, ");")]
            /// # Ok::<(), structstore::Error>(())
            /// ```
            #[inline]
            pub fn with_mut<O: Outcome>(&self, change: impl FnOnce($mut<'_>) -> O) -> Result<O::Value> {
                let _held = self.handle.lock(Mode::Tree, &Wait::FOREVER).at(&self.handle)?;
                let locked = Locked::lend(self.handle.store(), self.handle.id(), self.handle.node());
                change($mut::new(locked)).into_result()
            }

            /// Locks it for reading while a closure runs on it.
            ///
            /// This is faster than [`Self::read`], whose guard owns a reference to the store.
            ///
            /// # Errors
            ///
            /// As [`Self::read`].
            #[inline]
            pub fn with<R>(&self, read: impl FnOnce($ref<'_>) -> R) -> Result<R> {
                let _held = self.handle.lock(Mode::Shared, &Wait::FOREVER).at(&self.handle)?;
                let locked = Locked::lend(self.handle.store(), self.handle.id(), self.handle.node());
                Ok(read($ref::new(locked)))
            }

            /// The same locks, with a timeout; see [`Within`](crate::guard::Within).
            pub fn within(&self, timeout: Duration) -> Within<'_, $kind> {
                Within::new(self, timeout)
            }

            /// The path from the root to it, as errors print it.
            pub fn path(&self) -> Path {
                self.handle.path()
            }
        }

        impl Within<'_, $kind> {
            /// As `write` without a time.
            ///
            /// # Errors
            ///
            /// In addition, [`ErrorKind::LockTimeout`].
            pub fn write(&self) -> Result<$mut<'static, Owned>> {
                Locked::take(&self.of.handle, Mode::Tree, &self.wait()).map($mut::new)
            }

            /// As `read` without a time.
            ///
            /// # Errors
            ///
            /// In addition, [`ErrorKind::LockTimeout`].
            pub fn read(&self) -> Result<$ref<'static, Owned>> {
                Locked::take(&self.of.handle, Mode::Shared, &self.wait()).map($ref::new)
            }
        }

        impl $ref<'_, Owned> {
            /// Whether a process died while it held an exclusive lock on this, or on a value below or above it. The store is
            /// intact, and so is every single operation of that process; but changes that belong together in its guard may be
            /// half done.
            ///
            /// Asking has an effect: an exclusive guard that was asked clears the mark for all processes when it is dropped,
            /// because its holder is assumed to have repaired the data. Ask only in order to repair it.
            pub fn recovered(&self) -> bool {
                self.locked.recovered()
            }
        }

        /// As JSON. Parts that a guard of this thread holds are shown as such.
        impl fmt::Display for $kind {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                match self.handle.value_for_display() {
                    Ok(value) => value.fmt(f),
                    Err(error) => write!(f, "<{error}>"),
                }
            }
        }

        impl fmt::Debug for $kind {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!(stringify!($kind), "({})"), self)
            }
        }

        /// As JSON.
        impl<H: Hold> fmt::Display for $ref<'_, H> {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                match ops::to_value(&self.locked) {
                    Ok(value) => value.fmt(f),
                    Err(error) => write!(f, "<{error}>"),
                }
            }
        }

        impl<H: Hold> fmt::Debug for $ref<'_, H> {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!(stringify!($ref), "({})"), self)
            }
        }

        impl<H: Hold> fmt::Display for $mut<'_, H> {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(&**self, f)
            }
        }

        impl<H: Hold> fmt::Debug for $mut<'_, H> {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!(stringify!($mut), "({})"), self)
            }
        }

        impl TryFrom<&$kind> for Value<'static> {
            type Error = Error;

            fn try_from(source: &$kind) -> Result<Value<'static>> {
                ops::to_value(&source.handle)
            }
        }
    )*};
}
guards! {
    Struct: StructMut, StructRef,
        "store.ensure_struct(\"field\")?", "field.set(\"num\", 5)", "field.get::<i32>(\"num\")", "5";
    List: ListMut, ListRef, "store.ensure_list(\"field\")?", "field.push(5)", "field.get::<i32>(0)", "5";
    Array: ArrayMut, ArrayRef,
        "{ store.set(\"field\", [1, 2])?; store.get::<structstore::Array>(\"field\")? }",
        "field.set_element(&[1], 5)", "field.element::<i32>(&[1])", "5";
    Str: StrMut, StrRef, "store.ensure_str(\"field\")?", "field.set(\"robot\")", "field.get()", "\"robot\"";
    Bytes: BytesMut, BytesRef, "store.ensure_bytes(\"field\")?", "field.set(b\"robot\")", "field.get()", "b\"robot\"";
}
