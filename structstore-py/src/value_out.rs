//! Values of a store as Python objects: handles to what lives in the store, or detached copies.

use pyo3::exceptions::PyNotImplementedError;
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyBool, PyDict, PyFloat, PyInt, PyList, PyString};
use structstore::binding_support::{Event, ListExt, Slot, Snapshot, SnapshotReader, StructExt};
use structstore::path::Step;
use structstore::{ErrorKind, Key, Kind, List, Scalar, Struct};

use crate::array;
use crate::error::{Failure, Result};
use crate::gil::{self, LONG_COPY};
use crate::list::StructStoreList;
use crate::names::Names;
use crate::object::namespace_class;
use crate::store::StructStore;
use crate::stream;

/// Where a field or an item is looked for.
pub(crate) enum Place<'a> {
    Field(&'a Struct, &'a Key<'a>),
    Item(&'a List, usize),
    /// What steps lead to, elements of arrays included.
    Path(&'a Struct, &'a [Step]),
}

impl<'a> Place<'a> {
    #[inline(always)]
    fn look(&self) -> structstore::Result<Option<Slot<'a>>> {
        match self {
            Place::Field(node, key) => node.look(key),
            Place::Item(list, index) => list.look(*index),
            Place::Path(node, steps) => node.look_at(steps).map(Some),
        }
    }
}

/// What a field or item is: numbers, text and bytes by value, structures by handle, arrays as views. `None` if there is
/// nothing.
#[inline(always)]
pub(crate) fn read<'py>(py: Python<'py>, place: Place<'_>) -> Result<Option<Bound<'py, PyAny>>> {
    let mut gone = None;
    while let Some(look) = place.look()? {
        match object(py, look) {
            // It was removed since; what has it now?
            Err(failure) if failure.kind() == Some(ErrorKind::StaleHandle) => look.gone(&mut gone)?,
            found => return found.map(Some),
        }
    }
    Ok(None)
}

#[inline(always)]
fn object<'py>(py: Python<'py>, look: Slot<'_>) -> Result<Bound<'py, PyAny>> {
    Ok(match look.kind()? {
        Kind::I64 => PyInt::new(py, look.bits() as i64).into_any(),
        Kind::F64 => PyFloat::new(py, f64::from_bits(look.bits())).into_any(),
        Kind::Str => match look.text(LONG_COPY, |text| PyString::new(py, text).into_any())? {
            Some(text) => text,
            None => PyString::new(py, &py.detach(|| look.get::<String>())?).into_any(),
        },
        Kind::Struct => Bound::new(py, StructStore::from(look.get::<Struct>()?))?.into_any(),
        Kind::Null => py.None().into_bound(py),
        _ => return rare(py, look),
    })
}

#[inline(never)]
fn rare<'py>(py: Python<'py>, look: Slot<'_>) -> Result<Bound<'py, PyAny>> {
    Ok(match look.kind()? {
        Kind::Bytes => {
            let copy = || look.get::<Vec<u8>>();
            let bytes = if look.byte_len()? > LONG_COPY { py.detach(copy)? } else { copy()? };
            gil::bytes(py, &bytes)?.into_any()
        }
        Kind::List => Bound::new(py, StructStoreList::from(look.get::<List>()?))?.into_any(),
        Kind::Array => return array::view(py, look),
        Kind::Stream => return stream::of_slot(py, look),
        _ => return scalar(py, look.get()?),
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
    value: &Snapshot,
    structs: Structs,
) -> Result<Bound<'py, PyAny>> {
    next(py, &mut value.read(), structs)
}

/// The next value of a snapshot, or the number of items or fields of a list or struct that begins there.
enum Next<'py> {
    Object(Bound<'py, PyAny>),
    Items(usize),
    Fields(usize),
}

/// Reads the next value of a snapshot. It calls itself once for each level of the value, up to the depth that a store allows, and threads may
/// have small stacks. All that is not needed across those calls is therefore in functions that are not inlined.
fn next<'py>(
    py: Python<'py>,
    snapshot: &mut SnapshotReader<'_>,
    structs: Structs,
) -> Result<Bound<'py, PyAny>> {
    match begin(py, snapshot, structs)? {
        Next::Object(object) => Ok(object),
        Next::Items(count) => {
            let list = PyList::empty(py);
            for _ in 0..count {
                list.append(next(py, snapshot, structs)?)?;
            }
            Ok(list.into_any())
        }
        Next::Fields(count) => {
            let (object, dict) = match structs {
                Structs::Namespaces => namespace(py)?,
                Structs::Dicts => {
                    let dict = PyDict::new(py);
                    (dict.clone().into_any(), dict)
                }
            };
            let mut names = Names::new(&dict, count);
            for _ in 0..count {
                let name = names.next(snapshot)?;
                dict.set_item(name, next(py, snapshot, structs)?)?;
            }
            names.end()?;
            Ok(object)
        }
    }
}

#[inline(never)]
fn begin<'py>(py: Python<'py>, snapshot: &mut SnapshotReader<'_>, structs: Structs) -> Result<Next<'py>> {
    Ok(Next::Object(match snapshot.event()? {
        Event::Null => py.None().into_bound(py),
        Event::Scalar(value) => scalar(py, value)?,
        Event::Str(text) => PyString::new(py, text).into_any(),
        Event::Bytes(bytes) => gil::bytes(py, bytes)?.into_any(),
        Event::Array(value) => array::copy(py, &value)?,
        Event::Stream(value) => detached(py, &Snapshot::of(value.newest_value()), structs)?,
        Event::List(count) => return Ok(Next::Items(count)),
        Event::Struct(count) => return Ok(Next::Fields(count)),
    }))
}

/// A namespace, and the dict of its attributes.
#[inline(never)]
pub(crate) fn namespace(py: Python<'_>) -> Result<(Bound<'_, PyAny>, Bound<'_, PyDict>)> {
    let namespace = namespace_class(py)?.call0()?;
    let attributes = namespace.getattr(intern!(py, "__dict__"))?.cast_into::<PyDict>()?;
    Ok((namespace, attributes))
}
