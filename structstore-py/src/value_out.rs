//! Values of a store as Python objects: handles to what lives in the store, or detached copies.

use pyo3::exceptions::PyNotImplementedError;
use pyo3::prelude::*;
use pyo3::types::{PyBool, PyDict, PyFloat, PyInt, PyList, PyString};
use structstore::{Error, Item, Scalar, Value};

use crate::array;
use crate::error::{Failure, Result};
use crate::gil;
use crate::list::StructStoreList;
use crate::object::namespace_class;
use crate::store::StructStore;

/// Reads a field or item: numbers, text and bytes by value, structures by handle, arrays as views.
#[inline]
pub(crate) fn read<'py>(
    py: Python<'py>,
    read: impl Fn() -> structstore::Result<Item>,
) -> Result<Bound<'py, PyAny>> {
    loop {
        match item(py, read()?) {
            // It was removed since; what has it now?
            Err(Failure::Error(Error::StaleHandle { .. })) => continue,
            found => return found,
        }
    }
}

/// As [`read`], of what need not be there.
#[inline]
pub(crate) fn find<'py>(
    py: Python<'py>,
    find: impl Fn() -> structstore::Result<Option<Item>>,
) -> Result<Option<Bound<'py, PyAny>>> {
    loop {
        let Some(found) = find()? else { return Ok(None) };
        match item(py, found) {
            Err(Failure::Error(Error::StaleHandle { .. })) => continue,
            found => return found.map(Some),
        }
    }
}

#[inline]
fn item(py: Python<'_>, item: Item) -> Result<Bound<'_, PyAny>> {
    Ok(match item {
        Item::Scalar(value) => return scalar(py, value),
        Item::Null => py.None().into_bound(py),
        Item::Text(text) => PyString::new(py, &text).into_any(),
        Item::Bytes(bytes) => gil::bytes(py, &bytes)?.into_any(),
        Item::List(list) => Bound::new(py, StructStoreList::from(list))?.into_any(),
        Item::Struct(node) => Bound::new(py, StructStore::from(node))?.into_any(),
        Item::Array(array) => return array::view(py, &array),
        _ => return Err(unknown()),
    })
}

#[inline]
fn scalar(py: Python<'_>, scalar: Scalar) -> Result<Bound<'_, PyAny>> {
    let int = |value: i64| PyInt::new(py, value).into_any();
    Ok(match scalar {
        Scalar::Bool(value) => PyBool::new(py, value).to_owned().into_any(),
        Scalar::I8(value) => int(value.into()),
        Scalar::I16(value) => int(value.into()),
        Scalar::I32(value) => int(value.into()),
        Scalar::I64(value) => int(value),
        Scalar::U8(value) => int(value.into()),
        Scalar::U16(value) => int(value.into()),
        Scalar::U32(value) => int(value.into()),
        Scalar::U64(value) => PyInt::new(py, value).into_any(),
        Scalar::F32(value) => PyFloat::new(py, value.into()).into_any(),
        Scalar::F64(value) => PyFloat::new(py, value).into_any(),
        _ => return Err(unknown()),
    })
}

#[cold]
fn unknown() -> Failure {
    Failure::Raised(PyNotImplementedError::new_err("a kind of value that this version does not know"))
}

/// What structs become in a detached copy.
#[derive(Clone, Copy)]
pub(crate) enum Structs {
    Namespaces,
    Dicts,
}

/// A copy in Python's own memory, without any tie to a store.
pub(crate) fn detached<'py>(
    py: Python<'py>,
    value: &Value<'_>,
    structs: Structs,
) -> Result<Bound<'py, PyAny>> {
    Ok(match value {
        Value::Null => py.None().into_bound(py),
        Value::Scalar(value) => return scalar(py, *value),
        Value::Text(text) => PyString::new(py, text).into_any(),
        Value::Bytes(bytes) => gil::bytes(py, bytes)?.into_any(),
        Value::Array(value) => array::copy(py, value)?,
        Value::List(items) => {
            let list = PyList::empty(py);
            for item in items {
                list.append(detached(py, item, structs)?)?;
            }
            list.into_any()
        }
        Value::Struct(fields) => {
            let dict = PyDict::new(py);
            for (name, value) in fields {
                dict.set_item(name, detached(py, value, structs)?)?;
            }
            match structs {
                Structs::Namespaces => namespace(py, &dict)?,
                Structs::Dicts => dict.into_any(),
            }
        }
        _ => return Err(unknown()),
    })
}

/// A namespace with these attributes.
pub(crate) fn namespace<'py>(py: Python<'py>, attributes: &Bound<'py, PyDict>) -> Result<Bound<'py, PyAny>> {
    Ok(namespace_class(py)?.call((), Some(attributes))?)
}
