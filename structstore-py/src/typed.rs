//! What the package's own Python code needs to check values against annotations, and to declare fields.

use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyList, PyString};
use structstore::Kind;
use structstore::binding_support::{Declaration, Declaring, Parts, Snapshot, StructExt};
use structstore::path::Path;
use structstore::typed::TypeVersion;

use crate::error::{Failure, Result};
use crate::meta::meta_of;
use crate::store::StructStore;
use crate::value_in::Inputs;
use crate::value_out::{self, Structs};

/// The path from the root to a structure, as errors print it.
#[pyfunction]
pub(crate) fn _path(structure: &StructStore) -> Result<String> {
    Ok(structure.root()?.path().to_string())
}

/// A path and the name of a field there, as errors print them.
#[pyfunction]
pub(crate) fn _join(path: &str, name: &str) -> Result<String> {
    Ok(path.parse::<Path>()?.then(name).to_string())
}

/// The object that would come back if an object were stored at a path and copied out again.
#[pyfunction]
pub(crate) fn _plain<'py>(object: &Bound<'py, PyAny>, path: &str) -> Result<Bound<'py, PyAny>> {
    let inputs = Inputs::default();
    let path = path.parse::<Path>()?;
    let value = inputs.value(object).map_err(|failure| failure.below(path))?;
    let snapshot = inputs.run(object.py(), || Ok(Snapshot::of(&value)))?;
    value_out::detached(object.py(), &snapshot, Structs::Dicts)
}

/// Protects a structure from being removed or replaced in passing.
#[pyclass(frozen, module = "structstore")]
pub(crate) struct Pin {
    _pin: structstore::Pin,
}

/// Pins a structure for as long as the returned object lives.
#[pyfunction]
pub(crate) fn _pin(py: Python<'_>, structure: &StructStore) -> Result<Pin> {
    let root = structure.root()?;
    Ok(Pin { _pin: py.detach(|| root.pin())? })
}

/// Declares fields of a structure, in one operation; `declarations` in `_bound.py` describes their form. Returns the fields that
/// were created in existing structures, and how many of each.
#[pyfunction]
pub(crate) fn _declare(
    py: Python<'_>,
    structure: &StructStore,
    fields: &Bound<'_, PyList>,
    widen: bool,
    version: Option<(String, u32, u32)>,
) -> Result<Vec<(String, usize)>> {
    let inputs = Inputs::default();
    let root = structure.root()?;
    let fields = declarations(&inputs, fields).map_err(|failure| failure.below(root.path()))?;
    let version = version.map(|(name, version, since)| {
        let mut own = TypeVersion::new("", version, since);
        own.name = name.into();
        own
    });
    let how = Declaring { widen, version: version.as_ref() };
    let created = inputs.run(py, || root.declare_fields(&fields, how))?;
    Ok(created.into_iter().map(|created| (created.field, created.count)).collect())
}

/// The version of a class that a structure records, and the oldest one that may bind it.
#[pyfunction]
pub(crate) fn _version(py: Python<'_>, structure: &StructStore, name: &str) -> Result<Option<(u32, u32)>> {
    let root = structure.root()?;
    let version = py.detach(|| root.version(name))?;
    Ok(version.map(|found| (found.version, found.since)))
}

/// Name, kind, whether it may be None, a default or none, fields, which parts have which fields, and metadata.
type Field<'py> = (
    Bound<'py, PyString>,
    String,
    bool,
    Vec<Bound<'py, PyAny>>,
    Bound<'py, PyList>,
    (String, Bound<'py, PyList>),
    Bound<'py, PyDict>,
);

fn declarations<'k, 'py>(
    inputs: &'k Inputs<'py>,
    fields: &Bound<'py, PyList>,
) -> Result<Vec<Declaration<'k>>> {
    let declaration = |field: Bound<'py, PyAny>| {
        let (name, kind, optional, default, fields, (parts, inner), told): Field<'py> = field.extract()?;
        let name = inputs.text(&name)?;
        let under = |failure: Failure| failure.under(name);
        let default = default.first().map(|value| inputs.value(value)).transpose().map_err(under)?;
        let fields = declarations(inputs, &fields).map_err(under)?;
        let inner = declarations(inputs, &inner).map_err(under)?;
        let parts = match &*parts {
            "items" => Parts::Items(inner),
            "entries" => Parts::Entries(inner),
            "optional" => Parts::Optional(inner),
            _ => Parts::None,
        };
        let meta = meta_of(inputs, &told).map_err(under)?;
        Ok(Declaration { name, kinds: kinds(&kind)?, optional, default, fields, parts, meta })
    };
    fields.iter().map(declaration).collect()
}

/// What an annotation of a kind may be stored as.
fn kinds(kind: &str) -> PyResult<&'static [Kind]> {
    use Kind::*;
    Ok(match kind {
        "any" => &[],
        "bool" => &[Bool],
        "int" => &[I64, U64, I32, U32, I16, U16, I8, U8],
        "int8" => &[I8],
        "int16" => &[I16],
        "int32" => &[I32],
        "int64" => &[I64],
        "uint8" => &[U8],
        "uint16" => &[U16],
        "uint32" => &[U32],
        "uint64" => &[U64],
        "float" => &[F64, F32],
        "float32" => &[F32],
        "float64" => &[F64],
        "str" => &[Str],
        "bytes" => &[Bytes],
        // A Rust program keeps numbers in an array.
        "list" => &[List, Array],
        "struct" => &[Struct],
        "array" => &[Array],
        _ => return Err(PyValueError::new_err(format!("no kind {kind:?}"))),
    })
}
