//! Locks as context managers.

use std::sync::{Mutex, PoisonError};
use std::thread::ThreadId;
use std::time::Duration;

use pyo3::gc::{PyTraverseError, PyVisit};
use pyo3::prelude::*;
use pyo3::types::PyAny;
use structstore::{List, Struct, private};

use crate::error::{Exception, Result};

/// What can be locked.
pub(crate) enum Structure {
    Struct(Struct),
    List(List),
}

/// A lock on a structure and everything below it, held within a `with` statement.
///
/// Locks belong to threads and nest: entering one that the thread holds already succeeds. Two asyncio tasks of one
/// thread therefore both enter. While a thread waits it gives up the GIL, and signals such as Ctrl-C interrupt it.
#[pyclass(frozen, module = "structstore")]
pub(crate) struct Lock {
    object: Py<PyAny>,
    structure: Structure,
    exclusive: bool,
    timeout: Option<Duration>,
    held: Mutex<Vec<(ThreadId, private::Lock)>>,
}

impl Lock {
    /// A lock, not taken yet, on the structure that `object` stands for.
    pub(crate) fn new(
        object: &Bound<'_, PyAny>,
        structure: Structure,
        exclusive: bool,
        timeout: Option<f64>,
    ) -> Result<Lock> {
        let timeout = timeout.map(|seconds| duration(object.py(), seconds)).transpose()?;
        Ok(Lock { object: object.clone().unbind(), structure, exclusive, timeout, held: Mutex::default() })
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
        let taken = match &self.structure {
            Structure::Struct(node) => node.lock_token(self.exclusive, self.timeout),
            Structure::List(list) => list.lock_token(self.exclusive, self.timeout),
        };
        let lock = taken?;
        self.held.lock().unwrap_or_else(PoisonError::into_inner).push((std::thread::current().id(), lock));
        Ok(self.object.clone_ref(py))
    }

    /// Releases the lock.
    #[pyo3(signature = (*_exception))]
    fn __exit__(&self, _exception: &Bound<'_, PyAny>) {
        let thread = std::thread::current().id();
        let mut held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        // A finaliser may run on another thread than the one that entered.
        let own = held.iter().rposition(|(owner, _)| *owner == thread);
        let released = own.or(held.len().checked_sub(1)).map(|at| held.remove(at));
        drop(held);
        drop(released);
    }

    /// Whether a process died while it held this exclusively, or something below or above it: what it meant to change
    /// together may be half done. Only while this lock is held; one for changing then takes the mark off.
    #[getter]
    fn recovered(&self) -> bool {
        let held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        held.last().is_some_and(|(_, lock)| lock.recovered())
    }

    /// A subclass's instance may have its own lock as an attribute.
    fn __traverse__(&self, visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
        visit.call(&self.object)
    }

    fn __repr__(&self) -> &'static str {
        if self.exclusive { "<structstore.Lock, exclusive>" } else { "<structstore.Lock, shared>" }
    }
}
