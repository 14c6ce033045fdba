//! Changing what paths lead to.

use pyo3::prelude::*;
use structstore::binding_support::{Snapshot, StructExt};
use structstore::path::Path;

use crate::error::Result;
use crate::store::StructStore;
use crate::value_in::Inputs;
use crate::value_out::{self, Structs};

/// Assigns to a path: a field, which is created if it is missing, an item of a list, or an element of an array. The structures
/// and lists on the way must exist.
///
///     >>> store = structstore.StructStore()
///     >>> store.gains = {"kp": np.ones(3)}
///     >>> structstore.set_at(store, "gains.kp[1]", 5)
///     >>> structstore.set_at(store, "gains.scale", 0.5)
///     >>> store.to_dict()
///     {'gains': {'kp': array([1., 5., 1.]), 'scale': 0.5}}
#[pyfunction]
pub(crate) fn set_at(store: &StructStore, path: &str, value: &Bound<'_, PyAny>) -> Result<()> {
    let object = value;
    let (root, inputs) = (store.root()?, Inputs::default());
    let place = root.path().join(&path.parse::<Path>()?);
    let value = inputs.value(value).map_err(|failure| failure.below(place))?;
    inputs.run(object.py(), || root.set_at(path, &value))
}

/// Removes the field or item at a path and returns a copy of its value, as deepcopy() does. Declared fields, and structures that
/// live bindings use, need `force`; nothing is returned then. A declared field of a bound structure can only be removed with the
/// structure.
///
///     >>> store = structstore.StructStore()
///     >>> store.cameras = [{"exposure": 0.01}]
///     >>> structstore.remove_at(store, "cameras[0].exposure")
///     0.01
///     >>> store.to_dict()
///     {'cameras': [{}]}
#[pyfunction]
#[pyo3(signature = (store, path, force=false), text_signature = "(store, path, force=False)")]
pub(crate) fn remove_at<'py>(
    py: Python<'py>,
    store: &StructStore,
    path: &str,
    force: bool,
) -> Result<Bound<'py, PyAny>> {
    let root = store.root()?;
    if force {
        py.detach(|| root.delete_forced_at(path))?;
        return Ok(py.None().into_bound(py));
    }
    let value = py.detach(|| root.remove_at(path).map(|value| Snapshot::of(&value)))?;
    value_out::detached(py, &value, Structs::Namespaces)
}
