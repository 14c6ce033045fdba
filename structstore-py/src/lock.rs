//! Locks as context managers.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use pyo3::gc::{PyTraverseError, PyVisit};
use pyo3::prelude::*;
use pyo3::types::PyAny;
use structstore::binding_support;
use structstore::binding_support::HandleExt;

use crate::error::{Exception, Result};
use crate::list::StructStoreList;
use crate::store::StructStore;

/// A lock on a structure and everything below it, held within a `with` statement.
///
/// Locks belong to threads and nest: entering one that the thread holds already succeeds. While a thread waits it gives
/// up the GIL, and signals such as Ctrl-C interrupt it.
///
/// Two asyncio tasks of one thread both enter, and one that waits keeps all the others waiting: let another thread do
/// what may have to wait for others, as a whole.
///
///     >>> store = structstore.StructStore()
///     >>> store.num = 1
///     >>> def count():
///     ...     with store.write_lock():
///     ...         store.num += 1
///     >>> async def main():
///     ...     await asyncio.to_thread(count)
///     >>> asyncio.run(main())
///     >>> store.num
///     2
#[pyclass(frozen, module = "structstore")]
pub(crate) struct Lock {
    structure: Structure,
    exclusive: bool,
    timeout: Option<Duration>,
    held: Mutex<Held>,
}

/// What can be locked.
pub(crate) enum Structure {
    Struct(Py<StructStore>),
    List(Py<StructStoreList>),
}

/// What was taken and not given back yet: mostly one lock, which needs no allocation.
#[derive(Default)]
struct Held {
    first: Option<binding_support::Lock>,
    more: Vec<binding_support::Lock>,
}

impl Held {
    fn push(&mut self, lock: binding_support::Lock) {
        if self.first.is_none() {
            self.first = Some(lock);
        } else {
            self.more.push(lock);
        }
    }

    /// The last that this thread took; if a finaliser runs on another thread than the one that entered, the last.
    fn pop(&mut self) -> Option<binding_support::Lock> {
        if self.more.is_empty() {
            return self.first.take();
        }
        match self.more.iter().rposition(binding_support::Lock::is_own) {
            Some(at) => Some(self.more.remove(at)),
            None if self.first.as_ref().is_some_and(binding_support::Lock::is_own) => self.first.take(),
            None => self.more.pop(),
        }
    }
}

impl Lock {
    /// A lock, not taken yet.
    pub(crate) fn new(
        py: Python<'_>,
        structure: Structure,
        exclusive: bool,
        timeout: Option<f64>,
    ) -> Result<Lock> {
        let timeout = timeout.map(|seconds| duration(py, seconds)).transpose()?;
        Ok(Lock { structure, exclusive, timeout, held: Mutex::default() })
    }

    fn held(&self) -> MutexGuard<'_, Held> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A timeout in seconds. One too long to be a point in time is none.
pub(crate) fn duration(py: Python<'_>, seconds: f64) -> Result<Duration> {
    match Duration::try_from_secs_f64(seconds) {
        Ok(duration) => Ok(duration),
        Err(_) if seconds > 0.0 => Ok(Duration::MAX),
        Err(_) => {
            let message =
                format!("timeout: found {seconds}, expected seconds from 0, or None to wait without bound");
            Err(Exception::InvalidArgumentError.raised(py, &message, None).into())
        }
    }
}

#[pymethods]
impl Lock {
    /// Takes the lock and returns the structure.
    ///
    /// Raises LockTimeoutError if it was not granted in time, and DeadlockError for an exclusive lock under a shared
    /// one of the same thread.
    fn __enter__(&self, py: Python<'_>) -> Result<Py<PyAny>> {
        let (taken, object) = match &self.structure {
            Structure::Struct(store) => {
                let taken = store.get().with(|root| Ok(root.lock_token(self.exclusive, self.timeout)?));
                (taken?, store.as_any())
            }
            Structure::List(list) => {
                (list.get().list().lock_token(self.exclusive, self.timeout)?, list.as_any())
            }
        };
        self.held().push(taken);
        Ok(object.clone_ref(py))
    }

    /// Releases the lock.
    #[pyo3(signature = (_exception=None, _value=None, _traceback=None, /))]
    fn __exit__(
        &self,
        _exception: Option<&Bound<'_, PyAny>>,
        _value: Option<&Bound<'_, PyAny>>,
        _traceback: Option<&Bound<'_, PyAny>>,
    ) {
        let released = self.held().pop();
        drop(released);
    }

    /// Whether a process died while it held this exclusively, or something below or above it: what it meant to change
    /// together may be half done. Only while this lock is held; one for changing then takes the mark off.
    #[getter]
    fn recovered(&self) -> bool {
        let held = self.held();
        held.more.last().or(held.first.as_ref()).is_some_and(binding_support::Lock::recovered)
    }

    /// A subclass's instance may have its own lock as an attribute.
    fn __traverse__(&self, visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
        match &self.structure {
            Structure::Struct(store) => visit.call(store),
            Structure::List(list) => visit.call(list),
        }
    }

    fn __repr__(&self) -> &'static str {
        if self.exclusive { "<structstore.Lock, exclusive>" } else { "<structstore.Lock, shared>" }
    }
}
