//! Which attributes of an object are its state.

use pyo3::exceptions::{PyAttributeError, PyException};
use pyo3::ffi;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyDict, PyString, PyTuple, PyType};
use structstore::{Error, Key};

use crate::attribute::Laid;
use crate::error::{Failure, Result, advice, type_name, unsupported};
use crate::reserved::is_reserved;

type Attributes<'py> = Vec<(Bound<'py, PyString>, Bound<'py, PyAny>)>;

/// The state of an instance of a class that is written in Python: the fields of a dataclass, an attrs or a pydantic class; for others the
/// slots, of base classes first, and what is in `__dict__`. `None` for all other objects.
///
/// # Errors
///
/// UnsupportedError for an object with private attributes, which is more than its attributes.
pub(crate) fn attributes<'py>(object: &Bound<'py, PyAny>) -> Result<Option<Attributes<'py>>> {
    let class = object.get_type();
    if !is_written_in_python(&class)? {
        return Ok(None);
    }
    let mut attributes = Attributes::new();
    if let Some(names) = declared_names(object, &class)? {
        for name in names {
            add(&mut attributes, object, name)?;
        }
        return warned(object, attributes).map(Some);
    }
    let name = type_name(object);
    if let Some(advice) = advice(&name) {
        return Err(unsupported(name, advice));
    }
    // A class statement makes either slots or a dict.
    let mut found = false;
    let mro = class.mro();
    for base in mro.iter().rev() {
        let base = base.cast_into::<PyType>()?;
        let slots = base.getattr("__dict__")?.call_method1("get", ("__slots__",))?;
        if slots.is_none() {
            continue;
        }
        found = true;
        if slots.is_instance_of::<PyString>() {
            add_slot(&mut attributes, object, &slots)?;
        } else {
            for name in slots.try_iter()? {
                add_slot(&mut attributes, object, &name?)?;
            }
        }
    }
    if let Some(dict) = object.getattr_opt("__dict__")? {
        found = true;
        for (name, value) in dict.cast::<PyDict>()?.iter() {
            match name.cast_into::<PyString>() {
                Ok(name) if is_private(&name)? && !is_namespace(object)? => {
                    return Err(has_private(object, &name));
                }
                Ok(name) => attributes.push((name, value)),
                Err(_) => {
                    return Err(unsupported(
                        "an object with an attribute whose name is not a str",
                        "names are str",
                    ));
                }
            }
        }
    }
    if !found {
        return Ok(None);
    }
    warned(object, attributes).map(Some)
}

/// The names of the fields that a class declares, if it is a dataclass or one of attrs or pydantic.
fn declared_names<'py>(
    object: &Bound<'py, PyAny>,
    class: &Bound<'py, PyType>,
) -> Result<Option<Vec<Bound<'py, PyAny>>>> {
    let py = object.py();
    let name = |field: PyResult<Bound<'py, PyAny>>| field?.getattr("name");
    if class.hasattr("__dataclass_fields__")? {
        let fields = dataclass_fields(py)?.call1((object,))?;
        return Ok(Some(fields.try_iter()?.map(name).collect::<PyResult<_>>()?));
    }
    if let Some(fields) = class.getattr_opt("__attrs_attrs__")? {
        return Ok(Some(fields.try_iter()?.map(name).collect::<PyResult<_>>()?));
    }
    if let Some(fields) = class.getattr_opt("__pydantic_fields__")? {
        let mut names: Vec<_> = fields.try_iter()?.collect::<PyResult<_>>()?;
        // Of a model that allows others.
        if let Some(extra) = object.getattr_opt("__pydantic_extra__")?.filter(|extra| !extra.is_none()) {
            names.extend(extra.try_iter()?.collect::<PyResult<Vec<_>>>()?);
        }
        return Ok(Some(names));
    }
    Ok(None)
}

/// The items of a named tuple with their names.
pub(crate) fn named_items<'py>(tuple: &Bound<'py, PyTuple>) -> Result<Option<Attributes<'py>>> {
    let Some(names) = tuple.get_type().getattr_opt("_fields")? else { return Ok(None) };
    let Ok(names) = names.cast_into::<PyTuple>() else { return Ok(None) };
    let mut fields = Attributes::new();
    for (name, item) in names.iter().zip(tuple) {
        let Ok(name) = name.cast_into::<PyString>() else { return Ok(None) };
        fields.push((name, item));
    }
    warned(tuple.as_any(), fields).map(Some)
}

/// Warns, once for each class, of fields that attribute access to the store does not reach.
fn warned<'py>(object: &Bound<'py, PyAny>, attributes: Attributes<'py>) -> Result<Attributes<'py>> {
    let py = object.py();
    for (name, _) in &attributes {
        if is_reserved(py, &Key::new(name.to_str()?)) {
            PyModule::import(py, "structstore._reserved")?
                .getattr("warn")?
                .call1((object.get_type(), name))?;
        }
    }
    Ok(attributes)
}

fn is_private(name: &Bound<'_, PyString>) -> Result<bool> {
    Ok(name.to_str()?.starts_with('_'))
}

fn is_namespace(object: &Bound<'_, PyAny>) -> Result<bool> {
    Ok(object.get_type().is(namespace_class(object.py())?))
}

#[cold]
fn has_private(object: &Bound<'_, PyAny>, name: &Bound<'_, PyString>) -> Failure {
    let found = format!("{}, which has the private attribute {name}", type_name(object));
    unsupported(found, "make it a dataclass, or store what it is made of, such as a dict")
}

/// Whether an object lends an array or a table, by NumPy's protocol, DLPack or Arrow's C interface.
pub(crate) fn is_foreign(object: &Bound<'_, PyAny>) -> Result<bool> {
    let class = object.get_type();
    for protocol in ["__array__", "__dlpack__", "__arrow_c_array__", "__arrow_c_stream__"] {
        if class.hasattr(protocol)? {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Such an object as arrays, lists and dicts.
///
/// # Errors
///
/// UnsupportedError with the message of whatever exception converting it raises.
pub(crate) fn converted<'py>(object: &Bound<'py, PyAny>) -> Result<Bound<'py, PyAny>> {
    let py = object.py();
    let converted = PyModule::import(py, "structstore._foreign")?.getattr("converted")?.call1((object,));
    converted.map_err(|raised| {
        if !raised.is_instance_of::<PyException>(py) {
            return raised.into();
        }
        let reason =
            raised.value(py).str().map(|text| text.to_string_lossy().into_owned()).unwrap_or_default();
        Failure::Error(Error::unsupported(type_name(object), reason))
    })
}

/// Whether an object is a namespace, a dataclass instance or a named tuple, and so nothing but its attributes.
pub(crate) fn is_record(object: &Bound<'_, PyAny>) -> PyResult<bool> {
    let class = object.get_type();
    Ok(class.is_subclass(namespace_class(object.py())?)?
        || class.hasattr("__dataclass_fields__")?
        || class.is_subclass_of::<PyTuple>()? && class.hasattr("_fields")?)
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
        if !has_own_state(&base)? {
            return Ok(false);
        }
    }
    Ok(true)
}

/// Whether a class is `object`, or has slots or a dict as a class statement gives it, or as a base of it has. A class of an extension module
/// that has neither keeps its state where nobody sees it.
fn has_own_state(class: &Bound<'_, PyType>) -> Result<bool> {
    let py = class.py();
    let stateless = [py.get_type::<PyAny>(), py.get_type::<Laid>()];
    if stateless.iter().any(|base| class.is(base)) || class.is(namespace_class(py)?) || class.is(generic(py)?)
    {
        return Ok(true);
    }
    for base in class.mro() {
        let members = base.getattr("__dict__")?;
        if members.contains("__slots__")? || members.contains("__dict__")? {
            return Ok(true);
        }
    }
    Ok(false)
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
    slot: &Bound<'py, PyAny>,
) -> Result<()> {
    let slot = slot.cast::<PyString>()?;
    let name = slot.to_str()?;
    if name.starts_with("__") && name.ends_with("__") {
        // Of Python's own, or of a framework's machinery.
        return Ok(());
    }
    match is_private(slot)? {
        true => Err(has_private(object, slot)),
        false => add(attributes, object, slot.clone().into_any()),
    }
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
