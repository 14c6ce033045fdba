//! Who is attached to a store, what is locked, and what takes up memory.

use pyo3::call::PyCallArgs;
use pyo3::prelude::*;
use pyo3::types::PyDict;
use structstore::inspect::{LockMode, Usage};

use crate::error::Result;
use crate::shared::{self, StructStoreShared};
use crate::store::StructStore;

/// An instance of one of the package's named tuples.
fn named<'py>(py: Python<'py>, class: &str, fields: impl PyCallArgs<'py>) -> Result<Bound<'py, PyAny>> {
    let class = PyModule::import(py, "structstore._inspecting")?.getattr(class)?;
    Ok(class.call1(fields)?)
}

/// The processes that are attached to a shared store to change or observe it, and processes that died and whose remains were not
/// repaired yet. Read-only attachments leave no record.
///
///     >>> with structstore.StructStoreShared("/shdata_store") as shared:
///     ...     [process.alive for process in structstore.participants(shared)]
///     [True]
#[pyfunction]
pub(crate) fn participants<'py>(store: &Bound<'py, StructStoreShared>) -> Result<Vec<Bound<'py, PyAny>>> {
    let py = store.py();
    let found = shared::participants(store)?;
    let process = |process: structstore::inspect::Participant| {
        let fields = (process.pid, process.program, process.alive, process.threads, process.observes);
        named(py, "Participant", fields)
    };
    found.into_iter().map(process).collect()
}

/// The locks of the store that contains a structure, as they are at about this moment.
///
///     >>> store = structstore.StructStore(pose={"x": 1.0})
///     >>> with store.pose.write_lock():
///     ...     [lock.path for lock in structstore.locks(store)]
///     ['pose']
#[pyfunction]
pub(crate) fn locks<'py>(py: Python<'py>, structure: &StructStore) -> Result<Vec<Bound<'py, PyAny>>> {
    let root = structure.root()?;
    let found = py.detach(|| root.locks())?;
    let lock = |lock: structstore::inspect::LockHolder| {
        let mode = match lock.mode {
            LockMode::Shared => "shared",
            LockMode::Node => "fields",
            _ => "exclusive",
        };
        named(
            py,
            "LockHolder",
            (lock.path.to_string(), mode, lock.granted, lock.waiting, lock.pid, lock.thread),
        )
    };
    found.into_iter().map(lock).collect()
}

/// How much memory each field of a structure takes, including everything below it.
///
///     >>> store = structstore.StructStore(num=5, frame=np.zeros((480, 640)))
///     >>> usage = structstore.usage(store)
///     >>> usage["frame"].bytes > 480 * 640 * 8, usage["num"].bytes
///     (True, 0)
#[pyfunction]
pub(crate) fn usage<'py>(py: Python<'py>, structure: &StructStore) -> Result<Bound<'py, PyDict>> {
    let root = structure.root()?;
    let by_field = PyDict::new(py);
    for (name, usage) in py.detach(|| root.usage_by_field())? {
        let Usage { bytes, blocks, nodes, .. } = usage;
        by_field.set_item(name, named(py, "Usage", (bytes, blocks, nodes))?)?;
    }
    Ok(by_field)
}

/// Makes sure that a block of this many bytes is free in a store, which grows if necessary. Later allocations from it take no
/// system call. For loops that must never wait, together with `prefault` and `lock_memory` of StructStoreShared.
///
///     >>> store = structstore.StructStore()
///     >>> structstore.reserve(store, 1 << 20)
///
/// Raises OutOfSpaceError if the store may not grow so much, or if there is not enough memory.
#[pyfunction]
pub(crate) fn reserve(py: Python<'_>, store: &StructStore, bytes: u64) -> Result<()> {
    let root = store.root()?;
    Ok(py.detach(|| root.reserve(bytes))?)
}
