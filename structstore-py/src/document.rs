//! Structures as JSON and YAML, and back.

use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyString};
use structstore::binding_support::{not_finite, not_numbers, to_document};
use structstore::path::Path;
use structstore::{Error, Struct, Value};
use structstore_cli::tagged::{self, Unreadable};

use crate::error::{Exception, Failure, Result, type_name, unsupported};
use crate::local::local;
use crate::store::StructStore;

/// The struct with all below it as JSON.
pub(crate) fn to_json(py: Python<'_>, root: &Struct, indent: bool, plain: bool) -> Result<String> {
    let value = py.detach(|| root.to_value())?;
    let written = |value: &Value<'_>| if indent { format!("{value:#}") } else { value.to_string() };
    if !plain {
        let document = || Ok(written(&to_document(&value, true)?));
        return py.detach(document).map_err(|error: Error| error.below(root.path()).into());
    }
    plain_only(py, root, &value, "JSON")?;
    match py.detach(|| not_finite(&value)) {
        None => Ok(py.detach(|| written(&value))),
        Some((path, found)) => Err(unwritable(py, root, &path, &format!("JSON has no {found}"))),
    }
}

/// The struct with all below it as YAML.
pub(crate) fn to_yaml(py: Python<'_>, root: &Struct, plain: bool) -> Result<String> {
    let value = py.detach(|| root.to_value())?;
    if plain {
        plain_only(py, root, &value, "YAML")?;
    }
    let yaml = py.detach(|| if plain { tagged::plain_yaml(&value) } else { tagged::yaml(&value) });
    yaml.map_err(|error| error.below(root.path()).into())
}

/// Fails if a value has an array that no list of numbers stands for.
fn plain_only(py: Python<'_>, root: &Struct, value: &Value<'_>, format: &str) -> Result<()> {
    match py.detach(|| not_numbers(value)) {
        None => Ok(()),
        Some((path, dtype)) => {
            Err(unwritable(py, root, &path, &format!("{format} has no numbers for an array of {dtype}")))
        }
    }
}

/// The failure of writing the part of a struct that is at a path, in a format that has nothing for it.
fn unwritable(py: Python<'_>, root: &Struct, path: &Path, reason: &str) -> Failure {
    let path = root.path().join(path);
    let message = format!("{path}: {reason}; without plain=True it gets a tag");
    Exception::UnsupportedError.raised(py, &message, Some(&path)).into()
}

/// A new local store with the contents of a JSON document: one that `to_json()` or `structstore dump` wrote, or any other
/// object. Raises CorruptError if it is not JSON, and WrongTypeError if it is not an object.
///
///     >>> store = structstore.StructStore(vec=np.arange(3, dtype=np.uint8), blob=b"\x00\xff")
///     >>> copy = structstore.from_json(store.to_json())
///     >>> copy.vec, copy.blob
///     (array([0, 1, 2], dtype=uint8), b'\x00\xff')
///     >>> structstore.from_json('{"a": [1, 2.5]}').a[1]
///     2.5
#[pyfunction]
#[pyo3(signature = (document, /))]
pub(crate) fn from_json(document: &Bound<'_, PyAny>) -> Result<StructStore> {
    read(document, tagged::read_json)
}

/// A new local store with the contents of a YAML document, as from_json() makes one.
#[pyfunction]
#[pyo3(signature = (document, /))]
pub(crate) fn from_yaml(document: &Bound<'_, PyAny>) -> Result<StructStore> {
    read(document, tagged::read_yaml)
}

fn read(
    document: &Bound<'_, PyAny>,
    parse: impl FnOnce(&[u8]) -> Result<Value<'static>, Unreadable> + Send,
) -> Result<StructStore> {
    let py = document.py();
    let parsed = if let Ok(text) = document.cast::<PyString>() {
        let text = text.to_str()?;
        py.detach(|| parse(text.as_bytes()))
    } else if let Ok(bytes) = document.cast::<PyBytes>() {
        let bytes = bytes.as_bytes();
        py.detach(|| parse(bytes))
    } else {
        return Err(unsupported(type_name(document), "a document is str or bytes"));
    };
    let value = parsed.map_err(|error| match error {
        Unreadable::Syntax(message) => {
            Exception::CorruptError.raised(py, &format!("document: {message}"), None).into()
        }
        Unreadable::Misfit(error) => Failure::from(error),
    })?;
    let store = local()?;
    py.detach(|| store.replace(value))?;
    Ok(StructStore::from(Struct::clone(&store)))
}
