//! The root of a shared store, lent to operations without a count of references that processors share.

use std::ptr;
use std::sync::atomic::{AtomicBool, AtomicPtr, AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

use pyo3::prelude::*;
use structstore::Struct;

/// A struct that may be replaced while operations have it. All of it is done by threads that have the GIL, one at a time, so that plain loads
/// and stores do; only an operation itself may give the GIL away.
pub(crate) struct Lent {
    /// A box; null once there is nothing to be lent.
    current: AtomicPtr<Struct>,
    /// How many operations have what is here, or was.
    users: AtomicUsize,
    /// What was replaced while operations may have had it, until none does.
    #[expect(clippy::vec_box, reason = "operations have references to what is in the boxes")]
    replaced: Mutex<Vec<Box<Struct>>>,
    any_replaced: AtomicBool,
}

impl Lent {
    pub(crate) fn new(root: Struct) -> Lent {
        Lent {
            current: AtomicPtr::new(Box::into_raw(Box::new(root))),
            users: AtomicUsize::new(0),
            replaced: Mutex::default(),
            any_replaced: AtomicBool::new(false),
        }
    }

    /// Runs an operation on the struct, if there is one.
    #[inline]
    pub(crate) fn with<T>(&self, _: Python<'_>, operation: impl FnOnce(&Struct) -> T) -> Option<T> {
        let current = self.current.load(Ordering::Relaxed);
        if current.is_null() {
            return None;
        }
        let _use = Use::new(self);
        // SAFETY: the box is dropped by a thread that has the GIL and finds that nobody uses it; this one has had the GIL since it
        // looked, and is counted until the operation is over.
        Some(operation(unsafe { &*current }))
    }

    /// Lends another struct from now on, or none.
    pub(crate) fn replace(&self, _: Python<'_>, root: Option<Struct>) {
        let new = root.map_or(ptr::null_mut(), |root| Box::into_raw(Box::new(root)));
        let old = self.current.swap(new, Ordering::Relaxed);
        if old.is_null() {
            return;
        }
        // SAFETY: made of a box by `new` or here, and nobody else takes it.
        let old = unsafe { Box::from_raw(old) };
        if self.users.load(Ordering::Relaxed) != 0 {
            self.replaced.lock().unwrap_or_else(PoisonError::into_inner).push(old);
            self.any_replaced.store(true, Ordering::Relaxed);
        }
    }

    #[cold]
    fn drop_replaced(&self) {
        self.any_replaced.store(false, Ordering::Relaxed);
        let replaced = std::mem::take(&mut *self.replaced.lock().unwrap_or_else(PoisonError::into_inner));
        drop(replaced);
    }
}

impl Drop for Lent {
    fn drop(&mut self) {
        Python::attach(|py| self.replace(py, None));
    }
}

/// One operation.
struct Use<'a>(&'a Lent);

impl Use<'_> {
    #[inline]
    fn new(lent: &Lent) -> Use<'_> {
        lent.users.store(lent.users.load(Ordering::Relaxed).wrapping_add(1), Ordering::Relaxed);
        Use(lent)
    }
}

impl Drop for Use<'_> {
    #[inline]
    fn drop(&mut self) {
        let users = self.0.users.load(Ordering::Relaxed).wrapping_sub(1);
        self.0.users.store(users, Ordering::Relaxed);
        if users == 0 && self.0.any_replaced.load(Ordering::Relaxed) {
            self.0.drop_replaced();
        }
    }
}
