//! What a stream is declared as: the type of its samples, and how many it keeps.

use numpy::{PyArrayDescr, PyArrayDescrMethods};
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyTuple, PyType};
use structstore::stream::StreamValue;
use structstore::{DType, Meta};

use crate::array;
use crate::error::Result;
use crate::meta::{meta_of, told};
use crate::value_in::Inputs;

/// Assigned to a field, creates a stream: `store.imu = structstore.Stream(...)`. The field is then a StructStoreStream.
///
/// It keeps the last `depth` samples. Each is an array of this `shape` and `dtype`; without a shape, a single number or record.
/// `dtype` is anything that NumPy accepts, or a dataclass of floats, ints, bools, NumPy's scalar types, tuples of one of these,
/// literals and enums of strings, and further such dataclasses. Metadata in its annotations, such as units, is stored with the
/// stream, but limits are not enforced.
///
///     >>> store = structstore.StructStore()
///     >>> store.imu = structstore.Stream(dtype=[("t", "f8"), ("acc", "f4", 3)], depth=4096)
///     >>> store.left = structstore.Stream(dtype=np.uint8, shape=(480, 640, 3), depth=8)
///     >>> store.imu
///     <structstore.StructStoreStream, 0 samples, depth 4096>
///
/// Assigning an equal stream again keeps the samples; a stream of another type or depth replaces it.
#[pyclass(frozen, module = "structstore")]
pub(crate) struct Stream {
    value: StreamValue<'static>,
}

impl Stream {
    pub(crate) fn value(&self) -> StreamValue<'static> {
        self.value.clone()
    }
}

type Metas = Vec<(String, Meta)>;

/// The element type that an argument says, a shape that comes with it, and the metadata of a dataclass.
fn element_type(dtype: &Bound<'_, PyAny>) -> Result<(DType, Vec<usize>, Metas)> {
    let py = dtype.py();
    let (mut fields, mut metas) = (dtype.clone(), Vec::new());
    if dtype.is_instance_of::<PyType>() && dtype.hasattr(intern!(py, "__dataclass_fields__"))? {
        let found = streaming(py)?.call_method1(intern!(py, "fields_of"), (dtype,))?;
        let of_fields: Bound<'_, PyDict>;
        (fields, of_fields) = found.extract()?;
        for (path, told) in of_fields {
            let told = told.cast_into::<PyDict>().map_err(PyErr::from)?;
            metas.push((path.extract()?, meta_of(&Inputs::default(), &told)?));
        }
    }
    let descr = PyArrayDescr::new(py, fields)?;
    let shape = descr.shape();
    Ok((array::dtype(&descr.base())?, shape, metas))
}

fn streaming(py: Python<'_>) -> PyResult<Bound<'_, PyModule>> {
    py.import(intern!(py, "structstore._streaming"))
}

/// The metadata of fields of samples, by their paths.
pub(super) fn metas_of<'py>(py: Python<'py>, value: &StreamValue<'_>) -> Result<Bound<'py, PyAny>> {
    let found = PyDict::new(py);
    for (path, meta) in value.metas() {
        found.set_item(path, told(py, meta, false)?)?;
    }
    Ok(streaming(py)?.call_method1(intern!(py, "metas"), (found,))?)
}

#[pymethods]
impl Stream {
    #[new]
    #[pyo3(signature = (dtype=None, shape=None, *, depth), text_signature = "(dtype=float, shape=(), *, depth)")]
    fn new(
        py: Python<'_>,
        dtype: Option<&Bound<'_, PyAny>>,
        shape: Option<&Bound<'_, PyAny>>,
        depth: u64,
    ) -> Result<Stream> {
        let (dtype, inner, metas) = match dtype {
            Some(dtype) => element_type(dtype)?,
            None => (array::dtype(&numpy::dtype::<f64>(py))?, Vec::new(), Vec::new()),
        };
        let mut extents = match shape {
            None => Vec::new(),
            Some(shape) => array::extents(shape)?,
        };
        extents.extend(inner);
        Ok(Stream { value: StreamValue::new(dtype, &extents, depth)?.with_metas(metas)? })
    }

    /// How many samples it keeps.
    #[getter]
    fn depth(&self) -> u64 {
        self.value.depth()
    }

    /// The shape of a sample.
    #[getter]
    fn shape<'py>(&self, py: Python<'py>) -> Result<Bound<'py, PyTuple>> {
        Ok(PyTuple::new(py, self.value.shape())?)
    }

    /// The element type of a sample.
    #[getter]
    fn dtype<'py>(&self, py: Python<'py>) -> Result<Bound<'py, PyArrayDescr>> {
        array::descr(py, self.value.dtype())
    }

    /// The metadata of fields of samples, by their paths.
    #[getter]
    fn metas<'py>(&self, py: Python<'py>) -> Result<Bound<'py, PyAny>> {
        metas_of(py, &self.value)
    }

    fn __repr__(&self) -> String {
        format!("<structstore.Stream, {}>", self.value)
    }
}
