//! Frames of the store that are filled in place.

use std::sync::{Mutex, MutexGuard, PoisonError};

use pyo3::exceptions::PyRuntimeError;
use pyo3::intern;
use pyo3::prelude::*;
use structstore::stream::AnyLoan;

use super::StructStoreStream;
use crate::array;
use crate::error::{Failure, Result};

/// A frame that is filled in place: see `StructStoreStream.loan`.
#[pyclass(frozen, module = "structstore")]
pub(crate) struct Loan {
    stream: Py<StructStoreStream>,
    time: Option<u64>,
    lent: Mutex<Option<(AnyLoan, Py<PyAny>)>>,
}

impl Loan {
    pub(super) fn new(stream: Py<StructStoreStream>, time: Option<u64>) -> Loan {
        Loan { stream, time, lent: Mutex::default() }
    }

    fn lent(&self) -> MutexGuard<'_, Option<(AnyLoan, Py<PyAny>)>> {
        self.lent.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Loan {
    fn drop(&mut self) {
        let lent = self.lent.get_mut().unwrap_or_else(PoisonError::into_inner);
        if let Some((loan, array)) = lent.take() {
            // Without its end: the next loan may be of the same frame.
            Python::attach(|py| {
                let _ = array.bind(py).call_method1(intern!(py, "setflags"), (false,));
            });
            drop(loan);
        }
    }
}

#[pymethods]
impl Loan {
    /// Returns the frame as an array. What its elements are is arbitrary.
    fn __enter__<'py>(&self, py: Python<'py>) -> Result<Bound<'py, PyAny>> {
        let filled = || {
            let message = "this frame is being filled already; call `loan` for another one";
            Failure::Raised(PyRuntimeError::new_err(message))
        };
        if self.lent().is_some() {
            return Err(filled());
        }
        let stream = self.stream.bind(py);
        let mut loan = stream.get().raw.loan()?;
        let start = loan.as_mut_slice().as_mut_ptr();
        let value = &stream.get().raw;
        // SAFETY: as many bytes as items of this type and shape take, aligned to 64 bytes and in C order, in a mapping that the stream keeps.
        let array = unsafe { array::over_memory(py, value.dtype(), value.shape(), start, stream.as_any()) }?;
        let mut lent = self.lent();
        if lent.is_some() {
            // Another thread entered it meanwhile.
            drop(lent);
            array.call_method1(intern!(py, "setflags"), (false,))?;
            return Err(filled());
        }
        *lent = Some((loan, array.clone().unbind()));
        drop(lent);
        Ok(array)
    }

    /// Publishes the frame, unless the body raised: then nothing happened.
    #[pyo3(signature = (exc_type, exc_value, traceback, /))]
    fn __exit__(
        &self,
        py: Python<'_>,
        exc_type: &Bound<'_, PyAny>,
        exc_value: &Bound<'_, PyAny>,
        traceback: &Bound<'_, PyAny>,
    ) -> Result<bool> {
        let _ = (exc_value, traceback);
        let lent = self.lent().take();
        if let Some((loan, array)) = lent {
            // Readers have it from now on, or the next loan.
            array.bind(py).call_method1(intern!(py, "setflags"), (false,))?;
            if exc_type.is_none() {
                loan.publish(StructStoreStream::time(self.time))?;
            }
        }
        Ok(false)
    }
}
