//! `from_bytes`: a constructor on a class, an operation on a structure, as in the original.

use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyType};

use crate::error::Result;
use crate::store::StructStore;
use crate::value_in::Inputs;

/// Loads a snapshot that to_bytes() made. On the class, it returns a new local store. On a structure, it replaces all fields in
/// one operation. A field without metadata gets that of the snapshot.
///
///     >>> store = structstore.StructStore(num=5)
///     >>> copy = structstore.StructStore.from_bytes(store.to_bytes())
///     >>> copy.num
///     5
///     >>> store.num = 6
///     >>> copy.from_bytes(store.to_bytes())
///     >>> copy.num
///     6
#[pyclass(frozen, name = "_FromBytes", module = "structstore._structstore")]
pub(crate) struct FromBytes {
    target: Target,
}

enum Target {
    /// As it stands in the class.
    Nothing,
    Class(Py<PyType>),
    Structure(Py<StructStore>),
}

impl FromBytes {
    pub(crate) fn unbound() -> FromBytes {
        FromBytes { target: Target::Nothing }
    }
}

#[pymethods]
impl FromBytes {
    fn __get__(&self, structure: &Bound<'_, PyAny>, class: Option<&Bound<'_, PyAny>>) -> Result<FromBytes> {
        let target = match (structure.cast::<StructStore>(), class) {
            (Ok(structure), _) => Target::Structure(structure.clone().unbind()),
            (Err(_), Some(class)) => Target::Class(class.cast::<PyType>()?.clone().unbind()),
            (Err(_), None) => Target::Nothing,
        };
        Ok(FromBytes { target })
    }

    fn __call__(&self, py: Python<'_>, snapshot: &Bound<'_, PyAny>) -> Result<Option<Py<StructStore>>> {
        let class = match &self.target {
            Target::Structure(structure) => return load(structure.bind(py), snapshot).map(|()| None),
            Target::Class(class) => class.bind(py).clone(),
            Target::Nothing => py.get_type::<StructStore>(),
        };
        let made = class.call0()?.cast_into::<StructStore>()?;
        load(&made, snapshot)?;
        Ok(Some(made.unbind()))
    }

    fn __repr__(&self) -> &'static str {
        "<from_bytes of structstore.StructStore>"
    }
}

/// Replaces all fields by those of a snapshot.
fn load(store: &Bound<'_, StructStore>, snapshot: &Bound<'_, PyAny>) -> Result<()> {
    let (py, root) = (store.py(), store.get().root()?);
    if let Ok(snapshot) = snapshot.cast::<PyBytes>() {
        let snapshot = snapshot.as_bytes();
        return Ok(py.detach(|| root.restore(snapshot))?);
    }
    let inputs = Inputs::default();
    let snapshot = inputs.buffer(snapshot)?;
    inputs.run(py, || {
        // Others may write to what is lent while it is looked at.
        let copy = snapshot.to_vec();
        root.restore(&copy)
    })
}
