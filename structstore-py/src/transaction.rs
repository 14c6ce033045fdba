//! Transactions as context managers.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use pyo3::gc::{PyTraverseError, PyVisit};
use pyo3::prelude::*;
use pyo3::types::{PyAny, PyTuple};
use structstore::binding_support::{HandleExt, StructExt};
use structstore::{Struct, binding_support};

use crate::error::{Exception, Result};
use crate::tasks::{self, Claim, Enter, Taking};
use crate::timeout::duration;

/// Changes that happen completely or not at all, within a `with` statement: if its body raises, or the process dies, all changes
/// of this thread below the struct since then are undone. The struct is locked exclusively for that time.
///
/// It covers assigning, adding and removing values, and arrays as a whole. It does not cover elements of an array that are
/// changed in place. It must end on the thread that began it. Transactions nest on the same struct and below it: if an inner one
/// raises, only the inner one is undone. Under asyncio, `async with` waits while other tasks run; see Lock.
#[pyclass(frozen, module = "structstore")]
pub(crate) struct Transaction {
    object: Py<PyAny>,
    node: Struct,
    timeout: Option<Duration>,
    open: Mutex<Vec<Begun>>,
}

/// A transaction that is under way, and the note that a task has begun it.
struct Begun {
    transaction: binding_support::Transaction,
    by_task: Option<tasks::Held>,
}

impl Transaction {
    /// A transaction, not begun yet, on the struct that `object` stands for.
    pub(crate) fn new(object: &Bound<'_, PyAny>, node: Struct, timeout: Option<f64>) -> Result<Transaction> {
        let timeout = timeout.map(|seconds| duration(object.py(), seconds)).transpose()?;
        Ok(Transaction { object: object.clone().unbind(), node, timeout, open: Mutex::default() })
    }

    /// Takes out the last that this thread has begun and not ended. What other threads have begun stays for them to end.
    fn innermost(&self, py: Python<'_>) -> Result<Begun> {
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        let message = match open.iter().rposition(|begun| !begun.transaction.is_elsewhere()) {
            Some(own) => return Ok(open.remove(own)),
            None if open.is_empty() => "there is no transaction to end: it was not begun, or has ended",
            None => "the transaction belongs to another thread, which has to end it",
        };
        drop(open);
        let path = self.node.path();
        let message = if path.is_root() { message.to_owned() } else { format!("{path}: {message}") };
        Err(Exception::InTransactionError.raised(py, &message, Some(&path)).into())
    }
}

impl Enter for Transaction {
    fn object(&self, py: Python<'_>) -> Py<PyAny> {
        self.object.clone_ref(py)
    }

    fn timeout(&self) -> Option<Duration> {
        self.timeout
    }

    fn taking<'py>(&self, py: Python<'py>) -> Result<Option<Taking<'py>>> {
        Taking::begin(py, Claim::Transaction, || Ok(self.node.lineage()))
    }

    fn take(&self, _: Python<'_>, timeout: Option<Duration>, taking: Option<Taking<'_>>) -> Result<()> {
        let transaction = self.node.begin(timeout)?;
        let begun = Begun { transaction, by_task: taking.map(Taking::taken) };
        self.open.lock().unwrap_or_else(PoisonError::into_inner).push(begun);
        Ok(())
    }
}

#[pymethods]
impl Transaction {
    /// Takes the lock, begins and returns the struct.
    ///
    /// Raises LockTimeoutError if the lock was not granted in time, InTransactionError if this thread is in a
    /// transaction of another struct, and DeadlockError if another asyncio task of the thread is in one.
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
        false
    }

    fn __aenter__<'py>(slf: &Bound<'py, Self>) -> Result<Bound<'py, PyAny>> {
        tasks::entering(slf.as_any(), slf.get().timeout)
    }

    #[pyo3(signature = (*exception))]
    fn __aexit__<'py>(slf: &Bound<'py, Self>, exception: &Bound<'py, PyTuple>) -> Result<Bound<'py, PyAny>> {
        tasks::leaving(slf.as_any(), exception)
    }

    /// Commits or, if there is an exception, undoes.
    ///
    /// Raises InTransactionError, and ends nothing, if this thread has begun none: another thread's stays open until that
    /// thread ends it.
    #[pyo3(signature = (exception, _value, _traceback, /))]
    fn __exit__(
        &self,
        exception: &Bound<'_, PyAny>,
        _value: &Bound<'_, PyAny>,
        _traceback: &Bound<'_, PyAny>,
    ) -> Result<()> {
        let Begun { transaction, by_task } = self.innermost(exception.py())?;
        let ended = match exception.is_none() {
            true => transaction.commit(),
            false => {
                // Undone as it is dropped.
                drop(transaction);
                Ok(())
            }
        };
        if by_task.is_some() {
            drop(by_task);
            tasks::released(exception.py())?;
        }
        Ok(ended?)
    }

    /// A subclass's instance may have its own transaction as an attribute.
    fn __traverse__(&self, visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
        visit.call(&self.object)
    }

    fn __repr__(&self) -> &'static str {
        "<structstore.Transaction>"
    }
}
