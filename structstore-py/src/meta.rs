//! Metadata of fields.

use std::ops::Bound as Limit;

use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyList, PyString};
use structstore::binding_support::Snapshot;
use structstore::{Error, Key, Meta, Scalar, Value};

use crate::error::Result;
use crate::store::StructStore;
use crate::value_in::Inputs;
use crate::value_out::{self, Structs};

/// The metadata that the package's `Meta` holds, given by name.
pub(crate) fn meta_of<'py>(inputs: &Inputs<'py>, told: &Bound<'py, PyDict>) -> Result<Meta> {
    let mut meta = Meta::new();
    let number = |object: &Bound<'py, PyAny>| -> Result<Scalar> {
        match inputs.value(object)? {
            Value::Scalar(number) => Ok(number),
            other => Err(Error::invalid("limits", other.kind().name(), "a number").into()),
        }
    };
    for (name, value) in told {
        match &*name.extract::<String>()? {
            "ge" => meta.min = Limit::Included(number(&value)?),
            "gt" => meta.min = Limit::Excluded(number(&value)?),
            "le" => meta.max = Limit::Included(number(&value)?),
            "lt" => meta.max = Limit::Excluded(number(&value)?),
            "multiple_of" => meta.multiple_of = Some(value.extract()?),
            "finite" => meta.finite = value.extract()?,
            "min_length" => meta.min_len = Some(value.extract()?),
            "max_length" => meta.max_len = Some(value.extract()?),
            "choices" => {
                let choice = |choice: Bound<'py, PyAny>| match choice.cast::<PyString>() {
                    Ok(text) => Ok(text.to_str()?.to_owned().into()),
                    Err(_) => Ok(number(&choice)?.to_string().into()),
                };
                meta.choices = value.try_iter()?.map(|item| choice(item?)).collect::<Result<_>>()?;
            }
            "step" => meta.step = Some(value.extract()?),
            "unit" => meta.unit = value.extract::<String>()?.into(),
            "description" => meta.description = value.extract::<String>()?.into(),
            "read_only" => meta.read_only = value.extract()?,
            "alias" => {
                meta.aliases = match value.cast::<PyString>() {
                    Ok(alias) => vec![alias.to_str()?.to_owned().into()],
                    Err(_) => {
                        let alias = |item: PyResult<Bound<'py, PyAny>>| Ok(item?.extract::<String>()?.into());
                        value.try_iter()?.map(alias).collect::<PyResult<_>>()?
                    }
                }
            }
            "growable" => meta.growable = value.extract()?,
            "widened" => meta.widened = value.extract()?,
            "default" => meta.default = Some(inputs.value(&value)?.into_owned()),
            other => return Err(PyTypeError::new_err(format!("unknown option {other:?}")).into()),
        }
    }
    Ok(meta)
}

/// Declares one field of a structure: see `declare` of the package.
#[pyfunction]
pub(crate) fn _declare_field<'py>(
    py: Python<'py>,
    structure: &StructStore,
    name: &Bound<'py, PyString>,
    told: &Bound<'py, PyDict>,
) -> Result<()> {
    let (root, inputs) = (structure.root()?, Inputs::default());
    let key = Key::new(inputs.text(name)?);
    let place = || root.path().then(key.name());
    let meta = meta_of(&inputs, told).map_err(|failure| failure.below(place()))?;
    inputs.run(py, || root.declare(key, &meta))
}

/// The metadata of a field, by name.
#[pyfunction]
pub(crate) fn _meta<'py>(
    py: Python<'py>,
    structure: &StructStore,
    name: &Bound<'py, PyString>,
) -> Result<Bound<'py, PyDict>> {
    let (root, inputs) = (structure.root()?, Inputs::default());
    let key = Key::new(inputs.text(name)?);
    let meta = py.detach(|| root.meta(key))?;
    told(py, &meta, !root.kind(key)?.is_node())
}

/// Metadata by name, as the package's `Meta` takes it. `integers`: choices are integers if they can be.
pub(crate) fn told<'py>(py: Python<'py>, meta: &Meta, integers: bool) -> Result<Bound<'py, PyDict>> {
    let told = PyDict::new(py);
    let Value::Struct(fields) = meta.to_value() else { return Ok(told) };
    let integer = |choice: Value<'_>| match &choice {
        Value::Str(text) => text.parse::<i64>().map_or(choice.into_owned(), Value::from),
        _ => choice.into_owned(),
    };
    for (name, value) in fields {
        let (name, value) = match (&*name, value) {
            ("aliases", aliases) => ("alias", aliases),
            ("choices", Value::List(choices)) if integers => {
                ("choices", Value::list(choices.into_iter().map(integer)))
            }
            said => said,
        };
        let object = value_out::detached(py, &Snapshot::of(&value), Structs::Dicts)?;
        match object.cast::<PyList>() {
            Ok(strings) if name != "default" => told.set_item(name, strings.to_tuple())?,
            _ => told.set_item(name, &object)?,
        }
    }
    Ok(told)
}

/// Makes a field, and everything below it, ordinary again: undoes the declarations of `bind()`, `declare()` and programs in
/// other languages.
///
///     >>> store = structstore.StructStore()
///     >>> store.gain = 0.5
///     >>> structstore.declare(store, "gain", ge=0)
///     >>> structstore.undeclare(store, "gain")
///     >>> store.gain = "high"
///
/// The field keeps its value and loses its limits, unit, description and other names. It can then be removed, or assigned a value of
/// another type.
///
/// Raises BoundError while a running process has bound the field or a structure that contains it.
#[pyfunction]
pub(crate) fn undeclare(py: Python<'_>, structure: &StructStore, name: &Bound<'_, PyString>) -> Result<()> {
    let (root, inputs) = (structure.root()?, Inputs::default());
    let key = Key::new(inputs.text(name)?);
    inputs.run(py, || root.undeclare(key))
}

/// Assigns the declared default to a field.
///
///     >>> store = structstore.StructStore()
///     >>> structstore.declare(store, "gain", default=0.5)
///     >>> store.gain = 7.0
///     >>> structstore.reset(store, "gain")
///     >>> store.gain
///     0.5
///
/// Raises WrongTypeError if the field has no default.
#[pyfunction]
pub(crate) fn reset(py: Python<'_>, structure: &StructStore, name: &Bound<'_, PyString>) -> Result<()> {
    let (root, inputs) = (structure.root()?, Inputs::default());
    let key = Key::new(inputs.text(name)?);
    inputs.run(py, || root.reset(key))
}
