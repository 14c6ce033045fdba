//! The Python bindings of StructStore.

use pyo3::prelude::*;

/// The native half of the package `structstore`.
#[pymodule]
mod _structstore {
    use super::*;

    #[pymodule_init]
    fn init(module: &Bound<'_, PyModule>) -> PyResult<()> {
        module.add("__version__", env!("CARGO_PKG_VERSION"))
    }
}
