//! Tasks of asyncio. Locks belong to threads and nest, so that two tasks of one thread would share a lock that each takes for itself
//! alone; here the second one is told.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread::{self, ThreadId};
use std::time::Duration;

use pyo3::ffi;
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::PyTuple;
use structstore::ErrorKind;
use structstore::binding_support::Lineage;

use crate::error::{Exception, Failure, Result};

/// What is held, by a task or in a callback of an event loop.
struct Holding {
    id: u64,
    thread: ThreadId,
    task: Py<PyAny>,
    lineage: Lineage,
    claim: Claim,
}

/// What is taken.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Claim {
    Shared,
    Exclusive,
    /// Of which a thread has one, and others within it.
    Transaction,
}

static HOLDINGS: Mutex<Vec<Holding>> = Mutex::new(Vec::new());
static IDS: AtomicU64 = AtomicU64::new(0);

fn holdings() -> MutexGuard<'static, Vec<Holding>> {
    HOLDINGS.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Says that a task holds something, until it is dropped.
pub(crate) struct Held(u64);

impl Drop for Held {
    fn drop(&mut self) {
        let mut holdings = holdings();
        if let Some(at) = holdings.iter().position(|holding| holding.id == self.0) {
            let released = holdings.swap_remove(at);
            drop(holdings);
            drop(released);
        }
    }
}

/// A task that is about to take something.
pub(crate) struct Taking<'py> {
    task: Bound<'py, PyAny>,
    lineage: Lineage,
    claim: Claim,
}

impl Taking<'_> {
    /// The current task, if an event loop runs in this thread.
    pub(crate) fn begin(
        py: Python<'_>,
        claim: Claim,
        lineage: impl FnOnce() -> Result<Lineage>,
    ) -> Result<Option<Taking<'_>>> {
        match current(py)? {
            Some(task) => Ok(Some(Taking { task, lineage: lineage()?, claim })),
            None => Ok(None),
        }
    }

    /// Whether another task of this thread holds what this one would share.
    pub(crate) fn is_taken(&self) -> bool {
        let thread = thread::current().id();
        holdings().iter().any(|other| {
            other.thread == thread
                && !other.task.is(&self.task)
                && match (other.claim, self.claim) {
                    (Claim::Shared, Claim::Shared) => false,
                    (Claim::Transaction, Claim::Transaction) => true,
                    _ => other.lineage.overlaps(&self.lineage),
                }
        })
    }

    /// The same as an error.
    pub(crate) fn check(&self) -> Result<()> {
        if !self.is_taken() {
            return Ok(());
        }
        let message = "another asyncio task of this thread holds it, and locks belong to threads; \
                       `async with` waits for that task";
        Err(Failure::Raised(Exception::DeadlockError.raised(self.task.py(), message, None)))
    }

    /// It has been taken.
    pub(crate) fn taken(self) -> Held {
        let id = IDS.fetch_add(1, Ordering::Relaxed);
        let Taking { task, lineage, claim } = self;
        let holding = Holding { id, thread: thread::current().id(), task: task.unbind(), lineage, claim };
        holdings().push(holding);
        Held(id)
    }
}

/// The task that runs in this thread, or the event loop in one of its callbacks.
fn current(py: Python<'_>) -> Result<Option<Bound<'_, PyAny>>> {
    static RUNNING_LOOP: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
    static CURRENT_TASK: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
    let running_loop = match RUNNING_LOOP.get(py) {
        Some(found) => found.bind(py),
        None => {
            // SAFETY: a name; a new reference, or null without an exception where it was not imported.
            let events = unsafe {
                let events = ffi::PyImport_GetModule(intern!(py, "asyncio.tasks").as_ptr());
                Bound::from_owned_ptr_or_opt(py, events)
            };
            if events.is_none() {
                return Ok(None);
            }
            RUNNING_LOOP.import(py, "asyncio", "_get_running_loop")?
        }
    };
    let running = running_loop.call0()?;
    if running.is_none() {
        return Ok(None);
    }
    let task = CURRENT_TASK.import(py, "asyncio", "current_task")?.call1((&running,))?;
    Ok(Some(if task.is_none() { running } else { task }))
}

/// What a `with` statement enters: a lock, or a transaction.
pub(crate) trait Enter {
    /// The structure that it is on.
    fn object(&self, py: Python<'_>) -> Py<PyAny>;

    /// How long to wait.
    fn timeout(&self) -> Option<Duration>;

    /// The asyncio task that is about to take it.
    fn taking<'py>(&self, py: Python<'py>) -> Result<Option<Taking<'py>>>;

    /// Takes it within a time.
    fn take(&self, timeout: Option<Duration>, taking: Option<Taking<'_>>) -> Result<()>;

    /// Enters, and returns the structure.
    fn enter(&self, py: Python<'_>) -> Result<Py<PyAny>> {
        let taking = self.taking(py)?;
        if let Some(taking) = &taking {
            taking.check()?;
        }
        self.take(self.timeout(), taking)?;
        Ok(self.object(py))
    }

    /// Enters and returns the structure, if that is possible at once.
    fn try_enter(&self, py: Python<'_>) -> Result<Option<Py<PyAny>>> {
        let taking = self.taking(py)?;
        if taking.as_ref().is_some_and(Taking::is_taken) {
            return Ok(None);
        }
        match self.take(Some(Duration::ZERO), taking) {
            Ok(()) => Ok(Some(self.object(py))),
            Err(failure) if failure.kind() == Some(ErrorKind::LockTimeout) => Ok(None),
            Err(failure) => Err(failure),
        }
    }
}

/// What waits in Python until an object can be entered.
pub(crate) fn entering<'py>(
    entered: &Bound<'py, PyAny>,
    timeout: Option<Duration>,
) -> Result<Bound<'py, PyAny>> {
    let timeout = timeout.map(|timeout| timeout.as_secs_f64());
    Ok(module(entered.py())?.getattr("enter")?.call1((entered, timeout))?)
}

/// What leaves it.
pub(crate) fn leaving<'py>(
    entered: &Bound<'py, PyAny>,
    exception: &Bound<'py, PyTuple>,
) -> Result<Bound<'py, PyAny>> {
    Ok(module(entered.py())?.getattr("leave")?.call1((entered, exception))?)
}

fn module(py: Python<'_>) -> PyResult<Bound<'_, PyModule>> {
    PyModule::import(py, "structstore._tasks")
}
