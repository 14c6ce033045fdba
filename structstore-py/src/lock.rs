//! Locks as context managers.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use pyo3::gc::{PyTraverseError, PyVisit};
use pyo3::prelude::*;
use pyo3::types::{PyAny, PyTuple};
use structstore::binding_support;
use structstore::binding_support::HandleExt;

use crate::error::Result;
use crate::list::StructStoreList;
use crate::store::StructStore;
use crate::tasks::{self, Claim, Enter, Taking};
use crate::timeout::duration;

/// A lock on a structure and everything below it, held within a `with` statement.
///
/// Locks belong to threads and nest: entering a lock that the thread already holds succeeds. While a thread waits, it releases
/// the GIL, and signals such as Ctrl-C interrupt it.
///
/// Under asyncio, `async with` waits while other tasks run. Two tasks of one thread never hold a lock at the same time, unless
/// both hold it for reading: `async with` waits in turn for the other task, and `with`, which cannot wait, raises DeadlockError.
/// An operation without a lock goes ahead under a lock that another task of its thread holds, and is undone with the transaction
/// of that task.
///
///     >>> store = structstore.StructStore(num=0)
///     >>> async def count():
///     ...     async with store.write_lock(timeout=10):
///     ...         num = store.num
///     ...         await asyncio.sleep(0)
///     ...         store.num = num + 1
///     >>> async def main():
///     ...     await asyncio.gather(*(count() for _ in range(10)))
///     >>> asyncio.run(main())
///     >>> store.num
///     10
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
    first: Option<Taken>,
    more: Vec<Taken>,
}

/// A lock, and the note that a task holds it.
struct Taken {
    lock: binding_support::Lock,
    by_task: Option<tasks::Held>,
}

impl Held {
    fn push(&mut self, taken: Taken) {
        if self.first.is_none() {
            self.first = Some(taken);
        } else {
            self.more.push(taken);
        }
    }

    /// The last that this thread took; if a finaliser runs on another thread than the one that entered, the last.
    fn pop(&mut self) -> Option<Taken> {
        if self.more.is_empty() {
            return self.first.take();
        }
        match self.more.iter().rposition(|taken| taken.lock.is_own()) {
            Some(at) => Some(self.more.remove(at)),
            None if self.first.as_ref().is_some_and(|taken| taken.lock.is_own()) => self.first.take(),
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

impl Enter for Lock {
    fn object(&self, py: Python<'_>) -> Py<PyAny> {
        match &self.structure {
            Structure::Struct(store) => store.clone_ref(py).into_any(),
            Structure::List(list) => list.clone_ref(py).into_any(),
        }
    }

    fn timeout(&self) -> Option<Duration> {
        self.timeout
    }

    fn taking<'py>(&self, py: Python<'py>) -> Result<Option<Taking<'py>>> {
        let claim = if self.exclusive { Claim::Exclusive } else { Claim::Shared };
        Taking::begin(py, claim, || match &self.structure {
            Structure::Struct(store) => store.get().with(py, |root| Ok(root.lineage())),
            Structure::List(list) => Ok(list.get().list().lineage()),
        })
    }

    fn take(&self, py: Python<'_>, timeout: Option<Duration>, taking: Option<Taking<'_>>) -> Result<()> {
        let lock = match &self.structure {
            Structure::Struct(store) => {
                store.get().with(py, |root| Ok(root.lock_token(self.exclusive, timeout)?))?
            }
            Structure::List(list) => list.get().list().lock_token(self.exclusive, timeout)?,
        };
        self.held().push(Taken { lock, by_task: taking.map(Taking::taken) });
        Ok(())
    }
}

#[pymethods]
impl Lock {
    /// Takes the lock and returns the structure.
    ///
    /// Raises LockTimeoutError if it was not granted in time, and DeadlockError for an exclusive lock under a shared
    /// one of the same thread, or where another asyncio task of the thread has it.
    fn __enter__(&self, py: Python<'_>) -> Result<Py<PyAny>> {
        self.enter(py)
    }

    #[pyo3(signature = (place=None))]
    fn _try_enter(&self, py: Python<'_>, place: Option<u64>) -> Result<Py<PyAny>> {
        self.try_enter(py, place)
    }

    fn _enter_last(&self, py: Python<'_>, place: u64, timeout: f64) -> Result<Py<PyAny>> {
        self.enter_last(py, place, timeout)
    }

    fn _queue(&self, py: Python<'_>) -> Result<u64> {
        self.queue(py)
    }

    fn _leave_queue(&self, place: u64) {
        tasks::leave_queue(place);
    }

    fn _is_shared(&self) -> bool {
        !self.exclusive
    }

    fn __aenter__<'py>(slf: &Bound<'py, Self>) -> Result<Bound<'py, PyAny>> {
        tasks::entering(slf.as_any(), slf.get().timeout)
    }

    #[pyo3(signature = (*exception))]
    fn __aexit__<'py>(slf: &Bound<'py, Self>, exception: &Bound<'py, PyTuple>) -> Result<Bound<'py, PyAny>> {
        tasks::leaving(slf.as_any(), exception)
    }

    /// Releases the lock.
    #[pyo3(signature = (_exception=None, _value=None, _traceback=None, /))]
    fn __exit__(
        &self,
        py: Python<'_>,
        _exception: Option<&Bound<'_, PyAny>>,
        _value: Option<&Bound<'_, PyAny>>,
        _traceback: Option<&Bound<'_, PyAny>>,
    ) -> Result<()> {
        let released = self.held().pop();
        let by_task = released.as_ref().is_some_and(|taken| taken.by_task.is_some());
        drop(released);
        if by_task { tasks::released(py) } else { Ok(()) }
    }

    /// Whether a process died while it held an exclusive lock on this structure, or on one below or above it: changes that belong
    /// together may be half done. Can be asked only while this lock is held; a write lock that was asked clears the mark.
    #[getter]
    fn recovered(&self) -> bool {
        let held = self.held();
        held.more.last().or(held.first.as_ref()).is_some_and(|taken| taken.lock.recovered())
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
