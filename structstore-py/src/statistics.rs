//! How much memory a store uses.

use pyo3::prelude::*;

/// How much memory the arena of a store uses. Local stores of a process share one arena.
#[pyclass(frozen, eq, module = "structstore")]
#[derive(PartialEq)]
pub(crate) struct Statistics(structstore::inspect::Statistics);

impl From<structstore::inspect::Statistics> for Statistics {
    fn from(statistics: structstore::inspect::Statistics) -> Statistics {
        Statistics(statistics)
    }
}

#[pymethods]
impl Statistics {
    /// The size of the segment in bytes of memory.
    #[getter]
    fn size(&self) -> u64 {
        self.0.size
    }

    /// The number of bytes up to which the segment may grow.
    #[getter]
    fn max_size(&self) -> u64 {
        self.0.max_size
    }

    /// Bytes in use for the contents of the store, overhead included.
    #[getter]
    fn allocated(&self) -> u64 {
        self.0.allocated
    }

    /// Blocks in use.
    #[getter]
    fn blocks(&self) -> u64 {
        self.0.blocks
    }

    /// Structs, lists, strings, bytes and arrays in use.
    #[getter]
    fn nodes(&self) -> u64 {
        self.0.nodes
    }

    /// How often a process attached to the store when it was an orphan: transient, and open in no living process.
    #[getter]
    fn orphaned(&self) -> u64 {
        self.0.orphaned
    }

    /// How often the remains of a dead process were repaired.
    #[getter]
    fn recoveries(&self) -> u64 {
        self.0.recoveries
    }

    /// The number of watches.
    #[getter]
    fn watchers(&self) -> u64 {
        self.0.watchers
    }

    fn __repr__(&self) -> String {
        let structstore::inspect::Statistics {
            size,
            max_size,
            allocated,
            blocks,
            nodes,
            recoveries,
            watchers,
            ..
        } = self.0;
        format!(
            "Statistics(size={size}, max_size={max_size}, allocated={allocated}, blocks={blocks}, nodes={nodes}, \
             recoveries={recoveries}, watchers={watchers})"
        )
    }
}
