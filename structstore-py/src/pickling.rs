//! Passing parts of stores to other processes: local ones by value, shared ones by name.

use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;
use pyo3::types::PyTuple;
use structstore::binding_support::Origin;

use crate::error::{Failure, Result};
use crate::gil;

/// What `__reduce__` returns: a function of the package, and its arguments.
pub(crate) type Reduced<'py> = (Bound<'py, PyAny>, Bound<'py, PyTuple>);

/// How a part is pickled that is found at `origin`. `restore` makes it of a snapshot, if it is this process's own.
pub(crate) fn reduce<'py>(
    py: Python<'py>,
    origin: Origin,
    restore: &str,
    image: impl FnOnce() -> structstore::Result<Vec<u8>>,
) -> Result<Reduced<'py>> {
    let package = PyModule::import(py, "structstore")?;
    match origin {
        Origin::Local => {
            let image = gil::bytes(py, &image()?)?;
            Ok((package.getattr(restore)?, (image,).into_pyobject(py)?))
        }
        Origin::Shared { path, file, read_only, observe, any_owner, route } => {
            let route: Vec<String> = route.into_iter().map(String::from).collect();
            let arguments = (path, file, (read_only, observe), any_owner, route).into_pyobject(py)?;
            Ok((package.getattr("_reopen_part")?, arguments))
        }
        Origin::Nameless => {
            let message = "cannot pickle a part of a shared store that no name leads to; pickle a copy of it";
            Err(Failure::Raised(PyTypeError::new_err(message)))
        }
    }
}
