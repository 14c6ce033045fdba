//! Which attributes of an object are its state.

use pyo3::exceptions::PyAttributeError;
use pyo3::ffi;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyDict, PyString, PyTuple, PyType};

use crate::error::Result;
use crate::value_in::{type_name, unsupported};

type Attributes<'py> = Vec<(Bound<'py, PyString>, Bound<'py, PyAny>)>;

/// The state of an instance of a class that is written in Python: the fields of a dataclass; for others the slots, of
/// base classes first, and what is in `__dict__`. `None` for all other objects.
pub(crate) fn attributes<'py>(object: &Bound<'py, PyAny>) -> Result<Option<Attributes<'py>>> {
    let py = object.py();
    let class = object.get_type();
    if !is_written_in_python(&class)? {
        return Ok(None);
    }
    if class.hasattr("__array__")? {
        return Err(unsupported(type_name(object), "arrays are stored as NumPy arrays; see numpy.asarray"));
    }
    let mut attributes = Attributes::new();
    // A class statement makes either slots or a dict.
    let mut found = false;
    if class.hasattr("__dataclass_fields__")? {
        for field in dataclass_fields(py)?.call1((object,))?.cast::<PyTuple>()? {
            add(&mut attributes, object, field.getattr("name")?)?;
        }
        return Ok(Some(attributes));
    }
    let mro = class.mro();
    for base in mro.iter().rev() {
        let base = base.cast_into::<PyType>()?;
        let slots = base.getattr("__dict__")?.call_method1("get", ("__slots__",))?;
        if slots.is_none() {
            continue;
        }
        found = true;
        if slots.is_instance_of::<PyString>() {
            add_slot(&mut attributes, object, &base, &slots)?;
        } else {
            for name in slots.try_iter()? {
                add_slot(&mut attributes, object, &base, &name?)?;
            }
        }
    }
    if let Some(dict) = object.getattr_opt("__dict__")? {
        found = true;
        for (name, value) in dict.cast::<PyDict>()?.iter() {
            match name.cast_into::<PyString>() {
                Ok(name) => attributes.push((name, value)),
                Err(_) => {
                    return Err(unsupported(
                        "an object with an attribute whose name is no str",
                        "names are str",
                    ));
                }
            }
        }
    }
    Ok(found.then_some(attributes))
}

/// Whether an object is a namespace or a dataclass instance, and so nothing but its attributes.
pub(crate) fn is_record(object: &Bound<'_, PyAny>) -> PyResult<bool> {
    let class = object.get_type();
    Ok(class.is_subclass(namespace_class(object.py())?)? || class.hasattr("__dataclass_fields__")?)
}

/// Whether a class and all its bases were made by class statements; of the others only SimpleNamespace has no state
/// but its attributes.
fn is_written_in_python(class: &Bound<'_, PyType>) -> Result<bool> {
    let py = class.py();
    if class.is(py.get_type::<PyType>()) || class.is(py.get_type::<PyAny>()) {
        return Ok(false);
    }
    for base in class.mro() {
        let base = base.cast_into::<PyType>()?;
        // SAFETY: a type object.
        let flags = unsafe { ffi::PyType_GetFlags(base.as_type_ptr()) };
        let immutable = flags & ffi::Py_TPFLAGS_IMMUTABLETYPE != 0;
        if (flags & ffi::Py_TPFLAGS_HEAPTYPE == 0 || immutable)
            && !base.is(py.get_type::<PyAny>())
            && !base.is(namespace_class(py)?)
            && !base.is(generic(py)?)
        {
            return Ok(false);
        }
    }
    Ok(true)
}

pub(crate) fn namespace_class(py: Python<'_>) -> PyResult<&Bound<'_, PyType>> {
    static NAMESPACE: PyOnceLock<Py<PyType>> = PyOnceLock::new();
    NAMESPACE.import(py, "types", "SimpleNamespace")
}

/// What generic classes derive from; since Python 3.12 it is not written in Python itself.
fn generic(py: Python<'_>) -> PyResult<&Bound<'_, PyType>> {
    static GENERIC: PyOnceLock<Py<PyType>> = PyOnceLock::new();
    GENERIC.import(py, "typing", "Generic")
}

fn dataclass_fields(py: Python<'_>) -> PyResult<&Bound<'_, PyAny>> {
    static FIELDS: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
    FIELDS.import(py, "dataclasses", "fields")
}

fn add_slot<'py>(
    attributes: &mut Attributes<'py>,
    object: &Bound<'py, PyAny>,
    class: &Bound<'py, PyType>,
    slot: &Bound<'py, PyAny>,
) -> Result<()> {
    let slot = slot.cast::<PyString>()?;
    let name = slot.to_str()?;
    if name.starts_with("__") && name.ends_with("__") {
        // Of Python's own, or of a framework's machinery.
        return Ok(());
    }
    if name.starts_with("__") {
        // As the compiler mangles private names.
        let class = class.name()?;
        let mangled = format!("_{}{name}", class.to_str()?.trim_start_matches('_'));
        return add(attributes, object, PyString::new(object.py(), &mangled).into_any());
    }
    add(attributes, object, slot.clone().into_any())
}

/// Adds an attribute unless it was never set.
fn add<'py>(
    attributes: &mut Attributes<'py>,
    object: &Bound<'py, PyAny>,
    name: Bound<'py, PyAny>,
) -> Result<()> {
    let name = name.cast_into::<PyString>()?;
    match object.getattr(&name) {
        Ok(value) => attributes.push((name, value)),
        Err(error) if error.is_instance_of::<PyAttributeError>(object.py()) => {}
        Err(error) => return Err(error.into()),
    }
    Ok(())
}
