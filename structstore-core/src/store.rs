//! Local stores.

use std::fmt;
use std::ops::Deref;
use std::sync::Arc;

use crate::access::{Handle, Store};
#[cfg(doc)]
use crate::error::ErrorKind;
use crate::error::Result;
use crate::handle::Struct;

/// A store in the memory of this process.
///
/// It has the same API as a shared store: both dereference to their root, a [`Struct`]. Creating one takes less than a
/// microsecond, and its memory is freed with the last handle to any part of it. A clone is another handle to the same store;
/// [`Struct::to_value`] copies.
///
/// ```
/// use structstore::StructStore;
///
/// let store = StructStore::new();
/// store.set("num", 5)?;
/// let mut list = store.ensure_list("list")?.write()?;
/// list.push(5)?;
/// list.push(42)?;
/// for item in list.iter_mut::<i32>() {
///     *item? += 1;
/// }
/// drop(list);
/// assert_eq!(store.to_string(), r#"{"num": 5, "list": [6, 43]}"#);
/// # Ok::<(), structstore::Error>(())
/// ```
#[derive(Clone)]
pub struct StructStore {
    root: Struct,
}

impl StructStore {
    /// An empty store.
    ///
    /// # Panics
    ///
    /// If this process cannot map any memory, like [`Box::new`]. [`StructStore::try_new`] returns an error.
    #[expect(
        clippy::new_without_default,
        reason = "a default that allocates a root and may panic would surprise"
    )]
    #[expect(
        clippy::panic,
        reason = "documented, and no memory at all is nothing that a segment can bring about"
    )]
    pub fn new() -> StructStore {
        match StructStore::try_new() {
            Ok(store) => store,
            Err(error) => panic!("cannot create a local store: {error}"),
        }
    }

    /// An empty store.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::OutOfSpace`](crate::ErrorKind::OutOfSpace) or [`ErrorKind::Io`](crate::ErrorKind::Io) if there is not enough memory.
    pub fn try_new() -> Result<StructStore> {
        StructStore::with(false)
    }

    pub(crate) fn with(reentrant: bool) -> Result<StructStore> {
        let store = Arc::new(Store::local(reentrant)?);
        let root = store.root()?;
        Ok(StructStore { root: Struct::from_handle(Handle::root(store, root)?) })
    }
}

impl Deref for StructStore {
    type Target = Struct;

    fn deref(&self) -> &Struct {
        &self.root
    }
}

/// As JSON. Parts that a guard of this thread holds are shown as such.
impl fmt::Display for StructStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.root.fmt(f)
    }
}

impl fmt::Debug for StructStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "StructStore({self})")
    }
}
