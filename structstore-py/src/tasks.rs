//! Tasks of asyncio. Locks belong to threads and nest, so that two tasks of one thread would share a lock that each takes for itself
//! alone; here the second one is told.

use std::process;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread::{self, ThreadId};
use std::time::Duration;

use pyo3::ffi;
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyBool, PyTuple, PyWeakrefMethods, PyWeakrefReference};
use structstore::ErrorKind;
use structstore::binding_support::Lineage;

use crate::error::{Exception, Failure, Result};

/// What is held, or waited for, by a task or in a callback of an event loop.
struct Holding {
    id: u64,
    /// A forked child inherits entries, but neither the locks nor the tasks that run.
    process: u32,
    thread: ThreadId,
    task: Holder,
    lineage: Lineage,
    claim: Claim,
}

/// A task that holds something, without being kept alive by that: a task that was dropped releases what it holds.
enum Holder {
    Weak(Py<PyWeakrefReference>),
    /// Of a loop that cannot be referred to weakly.
    Strong(Py<PyAny>),
}

impl Holder {
    fn of(task: &Bound<'_, PyAny>) -> Holder {
        match PyWeakrefReference::new(task) {
            Ok(weak) => Holder::Weak(weak.unbind()),
            Err(_) => Holder::Strong(task.clone().unbind()),
        }
    }

    fn is(&self, task: &Bound<'_, PyAny>) -> bool {
        match self {
            Holder::Weak(weak) => weak.bind(task.py()).upgrade().is_some_and(|held| held.is(task)),
            Holder::Strong(held) => held.is(task),
        }
    }
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
/// Those who wait, the longest first.
static WAITING: Mutex<Vec<Holding>> = Mutex::new(Vec::new());
static IDS: AtomicU64 = AtomicU64::new(1);

fn locked(list: &'static Mutex<Vec<Holding>>) -> MutexGuard<'static, Vec<Holding>> {
    list.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Takes an entry out, and drops it when the list is free again.
fn take_out(list: &'static Mutex<Vec<Holding>>, id: u64) {
    let mut entries = locked(list);
    if let Some(at) = entries.iter().position(|entry| entry.id == id) {
        let removed = entries.remove(at);
        drop(entries);
        drop(removed);
    }
}

/// How long the last attempt waits, so that it finds out who is in the way.
const LAST: Duration = Duration::from_millis(1);

/// Says that a task holds something, until it is dropped.
pub(crate) struct Held(u64);

impl Drop for Held {
    fn drop(&mut self) {
        take_out(&HOLDINGS, self.0);
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

    /// Whether another task of this thread holds what this one would share, or has waited longer for it than this one, whose place in the queue
    /// is given if it has one.
    pub(crate) fn is_taken(&self, place: Option<u64>) -> bool {
        let (process, thread) = (process::id(), thread::current().id());
        let excludes = |other: &Holding| {
            (other.process, other.thread) == (process, thread)
                && !other.task.is(&self.task)
                && match (other.claim, self.claim) {
                    (Claim::Shared, Claim::Shared) => false,
                    (Claim::Transaction, Claim::Transaction) => true,
                    _ => other.lineage.overlaps(&self.lineage),
                }
        };
        let waits_longer = |other: &&Holding| place.is_none_or(|place| other.id < place);
        locked(&HOLDINGS).iter().any(excludes)
            || locked(&WAITING).iter().take_while(waits_longer).any(excludes)
    }

    /// The failure where another task of this thread holds it, which what cannot wait would share.
    pub(crate) fn check(&self) -> Result<()> {
        if !self.is_held() {
            return Ok(());
        }
        let message = "another asyncio task of this thread holds it, and locks belong to threads; \
                       `async with` waits for that task";
        Err(Failure::Raised(Exception::DeadlockError.raised(self.task.py(), message, None)))
    }

    fn is_held(&self) -> bool {
        // Nobody waits longer than the first.
        self.is_taken(Some(0))
    }

    fn entry(self, id: u64) -> Holding {
        let Taking { task, lineage, claim } = self;
        let (process, thread) = (process::id(), thread::current().id());
        Holding { id, process, thread, task: Holder::of(&task), lineage, claim }
    }

    /// It has been taken.
    pub(crate) fn taken(self) -> Held {
        let id = IDS.fetch_add(1, Ordering::Relaxed);
        let holding = self.entry(id);
        locked(&HOLDINGS).push(holding);
        Held(id)
    }

    /// It is waited for. Returns the place in the queue.
    fn queue(self) -> u64 {
        let id = IDS.fetch_add(1, Ordering::Relaxed);
        let waiting = self.entry(id);
        locked(&WAITING).push(waiting);
        id
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
    fn take(&self, py: Python<'_>, timeout: Option<Duration>, taking: Option<Taking<'_>>) -> Result<()>;

    /// Enters, and returns the structure.
    fn enter(&self, py: Python<'_>) -> Result<Py<PyAny>> {
        let taking = self.taking(py)?;
        if let Some(taking) = &taking {
            taking.check()?;
        }
        self.take(py, self.timeout(), taking)?;
        Ok(self.object(py))
    }

    /// Enters and returns the structure, if that is possible at once. Otherwise None if another thread or process is in the way, and False if
    /// another task is, or has waited longer.
    fn try_enter(&self, py: Python<'_>, place: Option<u64>) -> Result<Py<PyAny>> {
        let taking = self.taking(py)?;
        if taking.as_ref().is_some_and(|taking| taking.is_taken(place)) {
            return Ok(PyBool::new(py, false).to_owned().into_any().unbind());
        }
        match self.take(py, Some(Duration::ZERO), taking) {
            Ok(()) => Ok(self.object(py)),
            Err(failure) if failure.kind() == Some(ErrorKind::LockTimeout) => Ok(py.None()),
            Err(failure) => Err(failure),
        }
    }

    /// The last attempt, whose failure says who holds it.
    fn enter_last(&self, py: Python<'_>, place: u64, timeout: f64) -> Result<Py<PyAny>> {
        let taking = self.taking(py)?;
        if taking.as_ref().is_some_and(|taking| taking.is_taken(Some(place))) {
            let message =
                format!("timed out after {timeout} s waiting for another asyncio task of this thread");
            return Err(Exception::LockTimeoutError.raised(py, &message, None).into());
        }
        match self.take(py, Some(LAST), taking) {
            Ok(()) => Ok(self.object(py)),
            Err(Failure::Error(error)) if error.kind() == ErrorKind::LockTimeout => {
                // With the time that was waited for in all.
                let (told, path) = (error.to_string(), error.path());
                let who = told.split_once(" waiting").map_or("", |(_, who)| who);
                let place = path.map_or_else(|| "(root)".to_owned(), ToString::to_string);
                let message = format!("{place}: timed out after {timeout} s waiting{who}");
                Err(Exception::LockTimeoutError.raised(py, &message, path).into())
            }
            Err(failure) => Err(failure),
        }
    }

    /// Waits in the queue of those who cannot enter yet.
    fn queue(&self, py: Python<'_>) -> Result<u64> {
        Ok(self.taking(py)?.map_or(0, Taking::queue))
    }
}

/// Waits no longer.
pub(crate) fn leave_queue(place: u64) {
    take_out(&WAITING, place);
}

/// A task has released something that others may wait for.
pub(crate) fn released(py: Python<'_>) -> Result<()> {
    if !locked(&WAITING).is_empty() {
        module(py)?.getattr("released")?.call0()?;
    }
    Ok(())
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
