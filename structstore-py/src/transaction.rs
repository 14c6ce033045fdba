//! Transactions as context managers.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use pyo3::gc::{PyTraverseError, PyVisit};
use pyo3::prelude::*;
use pyo3::types::PyAny;
use structstore::binding_support::StructExt;
use structstore::{Struct, binding_support};

use crate::error::{Exception, Result};
use crate::lock::duration;

/// Changes that happen wholly or not at all, within a `with` statement: if its body raises, or the process dies, all that
/// this thread has changed below the struct since is undone. The struct is locked exclusively for that time.
///
/// It covers assigning, adding and removing, of arrays as a whole. It does not cover elements of an array that
/// are changed in place. It must end on the thread that began it. Transactions nest on the same struct and below:
/// an inner one that raises is undone alone.
#[pyclass(frozen, module = "structstore")]
pub(crate) struct Transaction {
    object: Py<PyAny>,
    node: Struct,
    timeout: Option<Duration>,
    open: Mutex<Vec<binding_support::Transaction>>,
}

impl Transaction {
    /// A transaction, not begun yet, on the struct that `object` stands for.
    pub(crate) fn new(object: &Bound<'_, PyAny>, node: Struct, timeout: Option<f64>) -> Result<Transaction> {
        let timeout = timeout.map(|seconds| duration(object.py(), seconds)).transpose()?;
        Ok(Transaction { object: object.clone().unbind(), node, timeout, open: Mutex::default() })
    }

    /// Takes out the last that this thread has begun and not ended. What other threads have begun stays for them to end.
    fn innermost(&self, py: Python<'_>) -> Result<binding_support::Transaction> {
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        let message = match open.iter().rposition(|begun| !begun.is_elsewhere()) {
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

#[pymethods]
impl Transaction {
    /// Takes the lock, begins and returns the struct.
    ///
    /// Raises LockTimeoutError if the lock was not granted in time, and InTransactionError if this thread is in a
    /// transaction of another struct.
    fn __enter__(&self, py: Python<'_>) -> Result<Py<PyAny>> {
        let begun = self.node.begin(self.timeout)?;
        self.open.lock().unwrap_or_else(PoisonError::into_inner).push(begun);
        Ok(self.object.clone_ref(py))
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
        let open = self.innermost(exception.py())?;
        match exception.is_none() {
            true => Ok(open.commit()?),
            // Undone as it is dropped.
            false => Ok(()),
        }
    }

    /// A subclass's instance may have its own transaction as an attribute.
    fn __traverse__(&self, visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
        visit.call(&self.object)
    }

    fn __repr__(&self) -> &'static str {
        "<structstore.Transaction>"
    }
}
