//! Arrays that are filled in the store's own memory, and arrays that stay where they are.

use std::sync::{Mutex, PoisonError};

use numpy::PyArrayDescr;
use pyo3::exceptions::{PyRuntimeError, PyTypeError};
use pyo3::prelude::*;
use pyo3::types::PyString;
use structstore::binding_support::{ListExt, StructExt};
use structstore::{DType, Key, List, Struct};

use crate::array::{self, Lease};
use crate::error::{Failure, Result, type_name};
use crate::list::StructStoreList;
use crate::store::StructStore;

/// An array to be stored live: see `live`.
#[pyclass(frozen, module = "structstore")]
pub(crate) struct Live {
    array: Py<PyAny>,
}

impl Live {
    pub(crate) fn array<'py>(&self, py: Python<'py>) -> Bound<'py, PyAny> {
        self.array.bind(py).clone()
    }
}

#[pymethods]
impl Live {
    fn __repr__(&self, py: Python<'_>) -> Result<String> {
        Ok(format!("structstore.live({})", self.array.bind(py).repr()?))
    }
}

/// An array to be stored live. A live array keeps its memory for as long as the field exists: assigning an array of the same
/// shape and element type changes the elements in place, so views of it never become stale. Assigning another shape or type
/// raises WrongTypeError; delete the field first.
///
/// Up to 4 KiB of elements are assigned completely or not at all, even if the process dies. A process that is killed while it
/// assigns more may leave a part of them changed; in a transaction, any number of elements is assigned completely or not at all.
///
///     >>> store = structstore.StructStore()
///     >>> store.q = structstore.live(np.zeros(3))
///     >>> view = store.q
///     >>> store.q = [1, 2, 3]
///     >>> view
///     array([1., 2., 3.])
///     >>> structstore.is_current(view), structstore.is_live(view)
///     (True, True)
#[pyfunction]
pub(crate) fn live(array: &Bound<'_, PyAny>) -> Result<Live> {
    let array = array::as_array(array)?;
    Ok(Live { array: array.unbind() })
}

/// Whether an array is a view of a live array that is still in its store. Raises TypeError for anything but a view of a store.
#[pyfunction]
pub(crate) fn is_live(array: &Bound<'_, PyAny>) -> Result<bool> {
    Ok(array::lease(array)?.get().view().is_live())
}

/// Where an array goes once it is filled.
enum Target {
    Field(Struct, String),
    Item(List, usize),
    End(List),
}

/// An array of a store that is filled in place, within a `with` statement: see `fill`.
#[pyclass(frozen, module = "structstore")]
pub(crate) struct Fill {
    target: Target,
    shape: Vec<usize>,
    dtype: DType,
    lease: Mutex<Option<Py<Lease>>>,
}

impl Fill {
    fn lease(&self) -> std::sync::MutexGuard<'_, Option<Py<Lease>>> {
        self.lease.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[pymethods]
impl Fill {
    /// Allocates the array in the store and returns it. What its elements are is arbitrary.
    ///
    /// Raises OutOfSpaceError if there is no room, and ReadOnlyError if the store may not be changed.
    fn __enter__<'py>(&self, py: Python<'py>) -> Result<Bound<'py, PyAny>> {
        if self.lease().is_some() {
            let message = "this array is being filled already; call `fill` for another one";
            return Err(Failure::Raised(PyRuntimeError::new_err(message)));
        }
        let view = match &self.target {
            Target::Field(node, _) => py.detach(|| node.prepare(self.dtype.clone(), &self.shape))?,
            Target::Item(list, _) | Target::End(list) => {
                py.detach(|| list.prepare(self.dtype.clone(), &self.shape))?
            }
        };
        let lease = Bound::new(py, Lease::of(view))?;
        let array = array::over(&lease)?;
        *self.lease() = Some(lease.unbind());
        Ok(array)
    }

    /// Publishes the array, unless the body raised: then the store stays as it was.
    #[pyo3(signature = (exc_type, exc_value, traceback, /))]
    fn __exit__(
        &self,
        py: Python<'_>,
        exc_type: &Bound<'_, PyAny>,
        exc_value: &Bound<'_, PyAny>,
        traceback: &Bound<'_, PyAny>,
    ) -> Result<bool> {
        let _ = (exc_value, traceback);
        let lease = self.lease().take();
        if let (Some(lease), true) = (lease, exc_type.is_none()) {
            let view = lease.get().view();
            py.detach(|| match &self.target {
                Target::Field(node, name) => node.publish(&Key::new(name), view),
                Target::Item(list, index) => list.publish(Some(*index), view),
                Target::End(list) => list.publish(None, view),
            })?;
        }
        Ok(false)
    }
}

/// An array that is allocated in a store, filled in place, and assigned at the end of a `with` statement, without a copy. `key`
/// is the name of a field of a struct, or an index of a list; None appends to a list. If the body raises, the store does not
/// change.
///
/// Other processes see the array only when it is complete. Its elements are arbitrary at first, as with `numpy.empty`.
///
///     >>> store = structstore.StructStore()
///     >>> with structstore.fill(store, "frame", (2, 3), np.uint8) as pixels:
///     ...     pixels[:] = 7
///     >>> store.frame
///     array([[7, 7, 7],
///            [7, 7, 7]], dtype=uint8)
#[pyfunction]
#[pyo3(signature = (target, key, shape, dtype=None), text_signature = "(target, key, shape, dtype=float)")]
pub(crate) fn fill(
    target: &Bound<'_, PyAny>,
    key: &Bound<'_, PyAny>,
    shape: &Bound<'_, PyAny>,
    dtype: Option<&Bound<'_, PyAny>>,
) -> Result<Fill> {
    let py = target.py();
    let wrong = |what: &str, expected: &str, found: &Bound<'_, PyAny>| {
        let message = format!("{what}: expected {expected}, found {}", type_name(found));
        Failure::Raised(PyTypeError::new_err(message))
    };
    let target = if let Ok(store) = target.cast::<StructStore>() {
        let name = key.cast::<PyString>().map_err(|_| wrong("key", "the name of a field", key))?;
        Target::Field(store.get().root()?.into_owned(), name.to_str()?.to_owned())
    } else if let Ok(list) = target.cast::<StructStoreList>() {
        let items = list.get().list().clone();
        match key.is_none() {
            true => Target::End(items),
            false => Target::Item(items, list.get().position(key)?),
        }
    } else {
        return Err(wrong("target", "a StructStore or StructStoreList", target));
    };
    let shape = array::extents(shape)?;
    let descr = match dtype {
        Some(dtype) => PyArrayDescr::new(py, dtype)?,
        None => numpy::dtype::<f64>(py),
    };
    Ok(Fill { target, shape, dtype: array::dtype(&descr)?, lease: Mutex::default() })
}
