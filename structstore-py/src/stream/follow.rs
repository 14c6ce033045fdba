//! Following streams, and waiting for several.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, TryLockError};
use std::time::Instant;

use pyo3::exceptions::{PyRuntimeError, PyTypeError};
use pyo3::prelude::*;
use pyo3::types::PyTuple;
use structstore::stream::{AnyCursor, AnyStream, wait_any};

use super::{Sample, StructStoreStream};
use crate::error::{Failure, Result, type_name};
use crate::timeout::duration;

/// Follows a stream: see `StructStoreStream.follow`. Iterating waits for samples, and ends when it or the store is closed.
#[pyclass(frozen, module = "structstore")]
pub(crate) struct Follow {
    stream: Py<StructStoreStream>,
    /// Held by a thread that waits.
    cursor: Mutex<AnyCursor>,
    closed: AtomicBool,
}

impl Follow {
    /// From this sequence number on.
    pub(super) fn new(stream: Py<StructStoreStream>, seq: u64) -> Follow {
        Follow { stream, cursor: Mutex::new(AnyCursor::at(seq)), closed: AtomicBool::new(false) }
    }

    /// The next sample, for which it waits until a deadline, or for ever.
    fn next_until(&self, py: Python<'_>, deadline: Option<Instant>) -> Result<Option<Py<Sample>>> {
        let mut cursor = match self.cursor.try_lock() {
            Ok(cursor) => cursor,
            Err(TryLockError::Poisoned(poisoned)) => poisoned.into_inner(),
            Err(TryLockError::WouldBlock) => {
                let message = "another thread is using this follower; each needs one of its own";
                return Err(Failure::Raised(PyRuntimeError::new_err(message)));
            }
        };
        let stream = self.stream.get();
        let ended = || self.closed.load(Ordering::Relaxed);
        while !ended() {
            if let Some(sample) = stream.raw.try_next(&mut cursor)? {
                return Sample::of(self.stream.bind(py), sample).map(Some);
            }
            let awaited = [(&stream.raw, cursor.next())];
            // There may be samples, none of which stays until it is read.
            let late = deadline.is_some_and(|deadline| deadline <= Instant::now());
            if !py.detach(|| wait_until(&awaited, deadline, ended))? || late {
                return Ok(None);
            }
        }
        Ok(None)
    }
}

#[pymethods]
impl Follow {
    /// The next sample, after waiting at most `timeout` seconds for it, or None. With 0, it does not wait.
    #[pyo3(signature = (timeout=None))]
    fn next(&self, py: Python<'_>, timeout: Option<f64>) -> Result<Option<Py<Sample>>> {
        let timeout = timeout.map(|seconds| duration(py, seconds)).transpose()?;
        self.next_until(py, timeout.and_then(|timeout| Instant::now().checked_add(timeout)))
    }

    /// Closes it, and ends the loops over it; any thread may do this.
    fn close(&self) {
        self.closed.store(true, Ordering::Relaxed);
    }

    fn __iter__<'py>(slf: &Bound<'py, Self>) -> Bound<'py, Self> {
        slf.clone()
    }

    fn __next__(&self, py: Python<'_>) -> Result<Option<Py<Sample>>> {
        self.next_until(py, None)
    }

    fn __aiter__<'py>(slf: &Bound<'py, Self>) -> Result<Bound<'py, PyAny>> {
        let watching = PyModule::import(slf.py(), "structstore._watching")?;
        Ok(watching.getattr("iterate")?.call1((slf,))?)
    }

    fn __repr__(&self) -> &'static str {
        "<structstore.Follow>"
    }
}

/// Waits at most `timeout` seconds until one of several streams or followers has a new sample, and returns whether one has. For
/// a stream, this is a sample that is published after the call; for a follower, one that it has not returned yet.
///
///     >>> store = structstore.StructStore()
///     >>> store.left, store.right = structstore.Stream(depth=8), structstore.Stream(depth=8)
///     >>> left, right = store.left.follow(), store.right.follow()
///     >>> structstore.wait(left, right, timeout=0.001)
///     False
///     >>> _ = store.right.publish(0.5)
///     >>> structstore.wait(left, right)
///     True
#[pyfunction]
#[pyo3(signature = (*streams, timeout=None), text_signature = "(*streams, timeout=None)")]
pub(crate) fn wait(py: Python<'_>, streams: &Bound<'_, PyTuple>, timeout: Option<f64>) -> Result<bool> {
    if streams.is_empty() {
        let message = "streams: found none, expected at least one StructStoreStream or Follow";
        return Err(Failure::Raised(PyTypeError::new_err(message)));
    }
    let mut awaited = Vec::with_capacity(streams.len());
    for stream in streams {
        if let Ok(stream) = stream.cast::<StructStoreStream>() {
            awaited.push((stream.get().raw.clone(), stream.get().raw.published()));
        } else if let Ok(follow) = stream.cast::<Follow>() {
            let follow = follow.get();
            let next = follow.cursor.try_lock().map(|cursor| cursor.next());
            let stream = follow.stream.get();
            awaited.push((stream.raw.clone(), next.unwrap_or_else(|_| stream.raw.published())));
        } else {
            let found = type_name(&stream);
            let message = format!("streams: found {found}, expected a StructStoreStream or Follow");
            return Err(Failure::Raised(PyTypeError::new_err(message)));
        }
    }
    let timeout = timeout.map(|seconds| duration(py, seconds)).transpose()?;
    let deadline = timeout.and_then(|timeout| Instant::now().checked_add(timeout));
    let awaited: Vec<_> = awaited.iter().map(|(stream, seen)| (stream, *seen)).collect();
    Ok(py.detach(|| wait_until(&awaited, deadline, || false))?)
}

/// Waits until a stream has news. Returns `false` if it does not in time, or when `ended`.
pub(super) fn wait_until(
    streams: &[(&AnyStream, u64)],
    deadline: Option<Instant>,
    ended: impl Fn() -> bool,
) -> structstore::Result<bool> {
    loop {
        if streams.iter().any(|(stream, seen)| stream.published() > *seen) {
            return Ok(true);
        }
        let left = deadline.map(|deadline| deadline.saturating_duration_since(Instant::now()));
        if ended() || !wait_any(streams, left)? {
            return Ok(false);
        }
    }
}
