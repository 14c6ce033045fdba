//! Watches: being told what changes.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, TryLockError};
use std::time::Duration;

use pyo3::exceptions::PyRuntimeError;
use pyo3::prelude::*;
use structstore::path::Path;
use structstore::watch::CancelHandle;

use crate::error::{Failure, Result};
use crate::timeout::duration;

/// Reports changes by any process in a structure and below it.
///
/// It reports the difference from the state at its last report, as paths from the structure: "pose.x", "items[2]". However slow
/// the reader is and however often a field changes, the field is reported once, with its newest state in the store. An empty
/// path means the structure itself: a list that became shorter.
///
/// Iterating waits for changes, in a `for` loop or, under asyncio, an `async for` loop, which ends when the watch or the
/// store is closed. Elements of an array that are written in place are reported only after notify().
///
///     with store.watch() as watch:
///         for paths in watch:
///             print(paths)
#[pyclass(frozen, module = "structstore")]
pub(crate) struct Watch {
    /// Held by a thread that waits; gone when it is closed.
    watch: Mutex<Option<structstore::Watch>>,
    canceller: CancelHandle,
    closed: AtomicBool,
}

impl From<structstore::Watch> for Watch {
    fn from(watch: structstore::Watch) -> Watch {
        let canceller = watch.cancel_handle();
        Watch { watch: Mutex::new(Some(watch)), canceller, closed: AtomicBool::new(false) }
    }
}

impl Watch {
    /// Does something with the watch, without the GIL; `None` if it is closed, also in between.
    fn with(
        &self,
        py: Python<'_>,
        work: impl FnOnce(&mut structstore::Watch) -> structstore::Result<Option<Vec<Path>>> + Send,
    ) -> Result<Option<Vec<String>>> {
        let mut watch = match self.watch.try_lock() {
            Ok(watch) => watch,
            Err(TryLockError::Poisoned(poisoned)) => poisoned.into_inner(),
            Err(TryLockError::WouldBlock) => {
                let message = "another thread is using this watch; each needs one of its own";
                return Err(Failure::Raised(PyRuntimeError::new_err(message)));
            }
        };
        let Some(open) = &mut *watch else { return Ok(None) };
        let done = py.detach(|| work(open));
        if self.closed.load(Ordering::SeqCst) {
            *watch = None;
        }
        Ok(done?.map(|paths| paths.iter().map(ToString::to_string).collect()))
    }
}

#[pymethods]
impl Watch {
    /// Waits for changes and returns their paths; None after `timeout` seconds without a change, or if the watch is closed.
    #[pyo3(signature = (timeout=None))]
    fn wait(&self, py: Python<'_>, timeout: Option<f64>) -> Result<Option<Vec<String>>> {
        let timeout: Option<Duration> = timeout.map(|seconds| duration(py, seconds)).transpose()?;
        self.with(py, |watch| watch.wait(timeout))
    }

    /// The changes since the last report, without waiting.
    fn changes(&self, py: Python<'_>) -> Result<Vec<String>> {
        Ok(self.with(py, |watch| watch.changes().map(Some))?.unwrap_or_default())
    }

    /// Closes it, and ends the loops over it; any thread may do this.
    fn close(&self) {
        self.closed.store(true, Ordering::SeqCst);
        self.canceller.cancel();
        // Who waits will do it.
        if let Ok(mut watch) = self.watch.try_lock() {
            *watch = None;
        }
    }

    fn __iter__<'py>(slf: &Bound<'py, Self>) -> Bound<'py, Self> {
        slf.clone()
    }

    fn __next__(&self, py: Python<'_>) -> Result<Option<Vec<String>>> {
        self.with(py, |watch| watch.next().transpose())
    }

    fn __aiter__<'py>(slf: &Bound<'py, Self>) -> Result<Bound<'py, PyAny>> {
        let watching = PyModule::import(slf.py(), "structstore._watching")?;
        Ok(watching.getattr("iterate")?.call1((slf,))?)
    }

    fn __enter__<'py>(slf: &Bound<'py, Self>) -> Bound<'py, Self> {
        slf.clone()
    }

    #[pyo3(signature = (*_exception))]
    fn __exit__(&self, _exception: &Bound<'_, PyAny>) {
        self.close();
    }

    fn __repr__(&self) -> &'static str {
        if self.closed.load(Ordering::SeqCst) { "<structstore.Watch, closed>" } else { "<structstore.Watch>" }
    }
}

/// Has a callback called with what a watch tells.
pub(crate) fn subscribe<'py>(watch: Watch, callback: &Bound<'py, PyAny>) -> Result<Bound<'py, PyAny>> {
    let watching = PyModule::import(callback.py(), "structstore._watching")?;
    Ok(watching.getattr("subscribe")?.call1((watch, callback))?)
}
