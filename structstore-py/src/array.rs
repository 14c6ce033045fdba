//! NumPy arrays: into a store, and out of it as views of its memory.

use std::borrow::Cow;
use std::ptr;

use numpy::npyffi::{
    NPY_ARRAY_CARRAY, NPY_ORDER, NpyTypes, PY_ARRAY_API, PyArrayObject, get_type_object, npy_intp,
};
use numpy::{PyArrayDescr, PyArrayDescrMethods, PyUntypedArray, PyUntypedArrayMethods};
use pyo3::PyTypeInfo;
use pyo3::exceptions::PyTypeError;
use pyo3::exceptions::PyValueError;
use pyo3::ffi;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyDict, PyInt, PyList, PyTuple, PyType};
use structstore::binding_support::{HandleExt, Slot, for_each_number};
use structstore::{Array, ArrayValue, ArrayView, DType, ErrorKind, Kind, Scalar, Value};

use crate::error::{Exception, Failure, Result, type_name, unsupported};
use crate::gil::LONG_COPY;
use crate::value_in::Inputs;
use structstore::limits::MAX_DIMENSIONS;

/// What keeps the memory of a view: the `base` of the NumPy array.
#[pyclass(frozen, module = "structstore", freelist = 64)]
pub(crate) struct Lease {
    view: ArrayView,
}

impl Lease {
    pub(crate) fn of(view: ArrayView) -> Lease {
        Lease { view }
    }

    pub(crate) fn view(&self) -> &ArrayView {
        &self.view
    }
}

/// An array of a store as a NumPy array over the same memory; a read-only copy if the store was opened read-only, or while
/// this thread and others hold it for reading.
pub(crate) fn view<'py>(py: Python<'py>, look: Slot<'_>) -> Result<Bound<'py, PyAny>> {
    match look.view() {
        Ok(view) => {
            let lease = Bound::new(py, Lease { view })?;
            let view = &lease.get().view;
            as_scalar(over(&lease)?, view.dtype(), view.shape())
        }
        Err(error) if matches!(error.kind(), ErrorKind::ReadOnly | ErrorKind::Deadlock) => {
            let array: Array = look.get()?;
            let value = py.detach(|| array.to_value())?;
            let copy = array_of(py, &value)?;
            copy.call_method1("setflags", (false,))?;
            as_scalar(copy, value.dtype(), value.shape())
        }
        Err(error) => Err(error.into()),
    }
}

/// A NumPy array over the memory of a view.
pub(crate) fn of_view(py: Python<'_>, view: ArrayView) -> Result<Bound<'_, PyAny>> {
    over(&Bound::new(py, Lease { view })?)
}

/// A NumPy array over the memory that a lease keeps.
pub(crate) fn over<'py>(lease: &Bound<'py, Lease>) -> Result<Bound<'py, PyAny>> {
    let (py, view) = (lease.py(), &lease.get().view);
    if view.byte_len() == 0 {
        // There is no memory to share.
        return copy(py, &ArrayValue::new(view.dtype().clone(), view.shape(), &[])?);
    }
    let dtype = descr(py, view.dtype())?;
    // SAFETY: the view has this shape of items of this size, aligned to 64 bytes and in C order; the lease keeps them.
    let array = unsafe { new(py, dtype, view.shape(), view.as_ptr(), Some(lease.as_any())) }?;
    if !view.is_writable() {
        array.call_method1("setflags", (false,))?;
    }
    match view.is_limited() {
        true => Ok(array.call_method1("view", (limited_class(py)?,))?),
        false => Ok(array),
    }
}

/// The class of views that say how elements with limits are assigned.
fn limited_class(py: Python<'_>) -> PyResult<&Bound<'_, PyAny>> {
    static CLASS: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
    CLASS.import(py, "structstore._limited", "LimitedArray")
}

/// Moves an array out of a store, if it is one that takes long to copy. Not in a transaction, which could not undo what is done to its
/// elements then; nor where there is no room for the lease.
pub(crate) fn moved<'py, H: HandleExt + Sync>(
    py: Python<'py>,
    parent: &H,
    look: Slot<'_>,
    remove: impl FnOnce() -> structstore::Result<ArrayView> + Send,
) -> Result<Option<Bound<'py, PyAny>>> {
    if parent.in_transaction() || !is_large(look)? {
        return Ok(None);
    }
    match py.detach(remove) {
        Ok(view) => of_view(py, view).map(Some),
        Err(error) if error.kind() == ErrorKind::OutOfSpace => Ok(None),
        Err(error) => Err(error.into()),
    }
}

/// Whether a slot has an array that takes long to copy.
fn is_large(look: Slot<'_>) -> Result<bool> {
    if look.kind()? != Kind::Array {
        return Ok(false);
    }
    let array: Array = look.get()?;
    let size =
        array.shape()?.iter().try_fold(array.dtype()?.itemsize(), |size, length| size.checked_mul(*length));
    Ok(size.is_none_or(|size| size > LONG_COPY))
}

/// What an array of this type and shape is given as. Complex numbers, times and durations, which slots do not hold, are arrays without
/// dimensions, and told from those that NumPy calls so by the byte order of their type, which is `|`. Python's own times are those of
/// microseconds, and dates those of days; NumPy's of the same units have a `1` before the unit.
fn as_scalar<'py>(array: Bound<'py, PyAny>, dtype: &DType, shape: &[usize]) -> Result<Bound<'py, PyAny>> {
    let Some(kind) = dtype.descr().strip_prefix('|').filter(|_| shape.is_empty() && dtype.kind().is_none())
    else {
        return Ok(array);
    };
    if !kind.starts_with(['c', 'M', 'm', 'f']) {
        return Ok(array);
    }
    let scalar = array.get_item(PyTuple::empty(array.py()))?;
    if matches!(kind, "M8[us]" | "M8[D]" | "m8[us]" | "c8" | "c16") {
        let item = scalar.call_method0("item")?;
        // NumPy gives None for a missing time, and an int for one that Python does not reach.
        if !item.is_none() && !item.is_instance_of::<PyInt>() {
            return Ok(item);
        }
    }
    Ok(scalar)
}

/// The type of a scalar, of NumPy's own type.
fn scalar_dtype(dtype: &DType, of_numpy: bool) -> Result<DType> {
    let kind = dtype.descr().get(1..).unwrap_or_default();
    Ok(DType::new(&match kind {
        "M8[us]" | "m8[us]" | "M8[D]" if of_numpy => format!("|{}", kind.replace('[', "[1")),
        _ => format!("|{kind}"),
    })?)
}

/// An array in NumPy's own memory, or the scalar that it stands for.
pub(crate) fn copy<'py>(py: Python<'py>, array: &ArrayValue<'_>) -> Result<Bound<'py, PyAny>> {
    as_scalar(array_of(py, array)?, array.dtype(), array.shape())
}

fn array_of<'py>(py: Python<'py>, array: &ArrayValue<'_>) -> Result<Bound<'py, PyAny>> {
    let dtype = descr(py, array.dtype())?;
    // SAFETY: with no data given, NumPy allocates them.
    let copy = unsafe { new(py, dtype, array.shape(), ptr::null_mut(), None) }?;
    let data = array.data();
    // SAFETY: an array, as just made.
    let target = unsafe { (*copy.as_ptr().cast::<PyArrayObject>()).fields.data }.cast::<u8>();
    if data.len() > LONG_COPY {
        let target = target as usize;
        // SAFETY: as below; nobody else knows the array yet.
        py.detach(|| unsafe { ptr::copy_nonoverlapping(data.as_ptr(), target as *mut u8, data.len()) });
    } else {
        // SAFETY: NumPy allocated as many bytes as items of this shape and type take, which is what the value has.
        unsafe { ptr::copy_nonoverlapping(data.as_ptr(), target, data.len()) };
    }
    Ok(copy)
}

/// Makes a NumPy array, over `data` if it is not null.
///
/// # Safety
///
/// Unless it is null, `data` leads to items of the shape and type given, in C order and aligned, which `lease` keeps.
unsafe fn new<'py>(
    py: Python<'py>,
    dtype: Bound<'py, PyArrayDescr>,
    shape: &[usize],
    data: *mut u8,
    lease: Option<&Bound<'py, PyAny>>,
) -> Result<Bound<'py, PyAny>> {
    let mut extents = [0; MAX_DIMENSIONS];
    for (copy, extent) in extents.iter_mut().zip(shape) {
        *copy = *extent as npy_intp;
    }
    let flags = if data.is_null() { 0 } else { NPY_ARRAY_CARRAY };
    // SAFETY: no call but of an initialised API; `extents` has as many entries as are announced; the reference to
    // the descriptor is given away, as asked; the data are what they are said to be (the caller's word).
    let array = unsafe {
        let array = PY_ARRAY_API.PyArray_NewFromDescr(
            py,
            get_type_object(py, NpyTypes::PyArray_Type),
            dtype.into_dtype_ptr(),
            shape.len().min(MAX_DIMENSIONS) as i32,
            extents.as_mut_ptr(),
            ptr::null_mut(),
            data.cast(),
            flags,
            ptr::null_mut(),
        );
        Bound::from_owned_ptr_or_err(py, array)?
    };
    if let Some(lease) = lease {
        // SAFETY: an array, as just made; the reference to the lease is given away, as asked.
        let set = unsafe {
            PY_ARRAY_API.PyArray_SetBaseObject(
                py,
                array.as_ptr().cast::<PyArrayObject>(),
                lease.clone().into_ptr(),
            )
        };
        if set < 0 {
            return Err(PyErr::fetch(py).into());
        }
    }
    Ok(array)
}

/// A NumPy array over memory that `owner` keeps.
///
/// # Safety
///
/// `data` leads to items of the shape and type given, in C order and aligned.
pub(crate) unsafe fn over_memory<'py>(
    py: Python<'py>,
    dtype: &DType,
    shape: &[usize],
    data: *mut u8,
    owner: &Bound<'py, PyAny>,
) -> Result<Bound<'py, PyAny>> {
    let dtype = descr(py, dtype)?;
    // SAFETY: the caller's.
    unsafe { new(py, dtype, shape, data, Some(owner)) }
}

/// A shape as an argument says it: a length, or a sequence of lengths.
pub(crate) fn extents(shape: &Bound<'_, PyAny>) -> Result<Vec<usize>> {
    let extents = match shape.extract::<usize>() {
        Ok(length) => Some(vec![length]),
        Err(_) => shape.extract::<Vec<usize>>().ok(),
    };
    extents.ok_or_else(|| {
        let found = type_name(shape);
        let message = format!("shape: expected a length or a tuple of lengths, none negative, found {found}");
        Failure::Raised(PyTypeError::new_err(message))
    })
}

/// NumPy's descriptor of an element type. One that comes out of a segment may be anything.
pub(crate) fn descr<'py>(py: Python<'py>, dtype: &DType) -> Result<Bound<'py, PyArrayDescr>> {
    macro_rules! number {
        ($($kind:ident $type:ident $typestr:literal $class:ident;)*) => {
            match dtype.kind() {
                $(Some(Kind::$kind) => return Ok(numpy::dtype::<$type>(py)),)*
                Some(Kind::Bool) => return Ok(numpy::dtype::<bool>(py)),
                _ => {}
            }
        };
    }
    for_each_number!(number);
    if !dtype.is_structured() {
        return checked_descr(py, dtype);
    }
    // To read a literal takes long.
    static CACHE: PyOnceLock<Py<PyDict>> = PyOnceLock::new();
    let cache = CACHE.get_or_init(py, || PyDict::new(py).unbind()).bind(py);
    let key = (dtype.descr(), dtype.itemsize());
    if let Some(found) = cache.get_item(key)? {
        return Ok(found.cast_into::<PyArrayDescr>().map_err(PyErr::from)?);
    }
    let found = checked_descr(py, dtype)?;
    if cache.len() >= CACHED {
        cache.clear();
    }
    cache.set_item(key, &found)?;
    Ok(found)
}

/// How many structured types are remembered.
const CACHED: usize = 256;

fn checked_descr<'py>(py: Python<'py>, dtype: &DType) -> Result<Bound<'py, PyArrayDescr>> {
    let found = if dtype.is_structured() {
        let literal = py.import("ast")?.call_method1("literal_eval", (dtype.descr(),));
        literal.and_then(|literal| descr_to_dtype(py)?.call1((literal,)))
    } else {
        PyArrayDescr::new(py, dtype.descr()).map(Bound::into_any)
    };
    match found.map(|found| found.cast_into::<PyArrayDescr>()) {
        Ok(Ok(found))
            if !found.has_object() && !found.has_subarray() && found.itemsize() == dtype.itemsize() =>
        {
            Ok(found)
        }
        _ => {
            let size = dtype.itemsize();
            let message = format!("corrupt array: NumPy has no such element type of {size} bytes");
            Err(Exception::CorruptError.raised(py, &message, None).into())
        }
    }
}

fn descr_to_dtype(py: Python<'_>) -> PyResult<&Bound<'_, PyAny>> {
    static FUNCTION: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
    FUNCTION.import(py, "numpy.lib.format", "descr_to_dtype")
}

fn dtype_to_descr(py: Python<'_>) -> PyResult<&Bound<'_, PyAny>> {
    static FUNCTION: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
    FUNCTION.import(py, "numpy.lib.format", "dtype_to_descr")
}

/// Whether an object is a scalar of NumPy's.
pub(crate) fn is_scalar(object: &Bound<'_, PyAny>) -> bool {
    let py = object.py();
    // SAFETY: a type of NumPy's, which live for ever.
    let generic =
        unsafe { PyType::from_borrowed_type_ptr(py, get_type_object(py, NpyTypes::PyGenericArrType_Type)) };
    object.is_instance(&generic).unwrap_or(false)
}

/// A NumPy array or scalar as a value; `None` if the object is neither. A scalar of a type that slots do not hold, such
/// as a complex number, becomes an array without dimensions.
pub(crate) fn input<'k, 'py>(
    inputs: &'k Inputs<'py>,
    object: &Bound<'py, PyAny>,
) -> Result<Option<Value<'k>>> {
    if let Ok(array) = object.cast::<PyUntypedArray>() {
        return array_input(inputs, array, None).map(Some);
    }
    let py = object.py();
    if !is_scalar(object) {
        return Ok(None);
    }
    // SAFETY: the object is a NumPy scalar, as checked; a new reference is returned.
    let dtype = unsafe {
        let dtype = PY_ARRAY_API.PyArray_DescrFromScalar(py, object.as_ptr());
        Bound::from_owned_ptr_or_err(py, dtype.cast())?.cast_into_unchecked::<PyArrayDescr>()
    };
    if matches!(dtype.kind(), b'U' | b'S') {
        // They are str and bytes, too.
        return Ok(None);
    }
    if let Some(scalar) = scalar(py, object, &dtype) {
        return Ok(Some(Value::Scalar(scalar)));
    }
    if (dtype.kind(), dtype.itemsize()) == (b'f', 2) {
        return Ok(Some(object.extract::<f64>()?.into()));
    }
    scalar_input(inputs, object, true).map(Some)
}

/// A scalar of NumPy's that stands for one of Python's own as an array without dimensions.
pub(crate) fn python_scalar<'k, 'py>(
    inputs: &'k Inputs<'py>,
    object: &Bound<'py, PyAny>,
) -> Result<Value<'k>> {
    scalar_input(inputs, object, false)
}

fn scalar_input<'k, 'py>(
    inputs: &'k Inputs<'py>,
    object: &Bound<'py, PyAny>,
    of_numpy: bool,
) -> Result<Value<'k>> {
    let py = object.py();
    // SAFETY: as above; no other type is asked for.
    let array = unsafe {
        let array = PY_ARRAY_API.PyArray_FromScalar(py, object.as_ptr(), ptr::null_mut());
        Bound::from_owned_ptr_or_err(py, array)?
    };
    array_input(inputs, array.cast::<PyUntypedArray>()?, Some(of_numpy))
}

fn scalar(py: Python<'_>, object: &Bound<'_, PyAny>, dtype: &Bound<'_, PyArrayDescr>) -> Option<Scalar> {
    let (kind, size) = (dtype.kind(), dtype.itemsize());
    if !matches!((kind, size), (b'b', 1) | (b'i' | b'u', 1 | 2 | 4 | 8) | (b'f', 4 | 8)) {
        return None;
    }
    let mut bytes = [0; 8];
    // SAFETY: a NumPy scalar of at most eight bytes, as checked, which are copied.
    unsafe { PY_ARRAY_API.PyArray_ScalarAsCtype(py, object.as_ptr(), bytes.as_mut_ptr().cast()) };
    macro_rules! scalar {
        ($($kind:ident $type:ident $typestr:literal $class:ident;)*) => {
            $(if $typestr.as_bytes()[1] == kind && size_of::<$type>() == size {
                return bytes.first_chunk().map(|bytes| Scalar::$kind($type::from_le_bytes(*bytes)));
            })*
        };
    }
    for_each_number!(scalar);
    Some(Scalar::Bool(bytes != [0; 8]))
}

/// `scalar` says that it stands for one, and whether for one of NumPy's.
fn array_input<'k, 'py>(
    inputs: &'k Inputs<'py>,
    array: &Bound<'py, PyUntypedArray>,
    scalar: Option<bool>,
) -> Result<Value<'k>> {
    let py = array.py();
    if !array.is_exact_instance_of::<PyUntypedArray>() && is_masked(array)? {
        return Err(unsupported("a masked array", "arrays have no masks; see numpy.ma.filled"));
    }
    let dtype = dtype(&array.dtype())?;
    let dense = if array.is_c_contiguous() {
        array.clone()
    } else {
        // SAFETY: an array; a new reference is returned.
        let copy = unsafe {
            let copy = PY_ARRAY_API.PyArray_NewCopy(py, array.as_array_ptr(), NPY_ORDER::NPY_CORDER);
            Bound::from_owned_ptr_or_err(py, copy)?
        };
        copy.cast_into::<PyUntypedArray>()?
    };
    let shape = dense.shape().to_vec();
    let dtype = match scalar {
        Some(of_numpy) if !dtype.is_structured() => scalar_dtype(&dtype, of_numpy)?,
        _ => dtype,
    };
    let bytes = inputs.borrow_array(dense);
    match ArrayValue::new(dtype, &shape, Cow::Borrowed(bytes)) {
        Ok(value) => Ok(Value::Array(value)),
        Err(error) if error.kind() == ErrorKind::InvalidArgument => {
            let found = error.found().unwrap_or_default();
            Err(unsupported(format!("an array of the shape {found}"), "arrays have up to 32 dimensions"))
        }
        Err(error) => Err(error.into()),
    }
}

/// Where the items of an array lie.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct Memory {
    pub(crate) start: *const u8,
    pub(crate) length: usize,
}

impl Memory {
    /// That of an array as it is now. If it is dense, they lie side by side there.
    pub(crate) fn of(array: &Bound<'_, PyUntypedArray>) -> Memory {
        // SAFETY: an array.
        let start = unsafe { (*array.as_array_ptr()).fields.data }.cast::<u8>();
        Memory { start, length: array.len() * array.dtype().itemsize() }
    }
}

fn is_masked(array: &Bound<'_, PyUntypedArray>) -> PyResult<bool> {
    static MASKED: PyOnceLock<Py<PyType>> = PyOnceLock::new();
    array.is_instance(MASKED.import(array.py(), "numpy.ma", "MaskedArray")?)
}

/// The element type that a NumPy descriptor describes.
pub(crate) fn dtype(descr: &Bound<'_, PyArrayDescr>) -> Result<DType> {
    let refused = |expected| {
        let name = descr.str().map_or_else(|_| "an unknown type".to_owned(), |name| name.to_string());
        unsupported(format!("an array of {name}"), expected)
    };
    let (kind, size) = (descr.kind(), descr.itemsize());
    let order = match descr.byteorder() {
        b'>' => '>',
        b'|' => '|',
        _ => '<',
    };
    if descr.has_object() {
        return Err(refused("arrays hold no Python objects"));
    }
    if descr.has_subarray() {
        return Err(refused("add the shape of its elements to that of the array"));
    }
    if descr.has_fields() {
        return structured(descr)?.ok_or_else(|| refused("fields must be in order and must not overlap"));
    }
    // 24 is NPY_NTYPES_LEGACY: what follows is registered by other packages.
    if !(0..24).contains(&descr.num()) {
        return Err(refused("only NumPy's own element types can be stored"));
    }
    let typestr = match kind {
        b'b' | b'i' | b'u' | b'f' | b'c' => format!("{order}{}{size}", kind as char),
        b'm' | b'M' | b'S' | b'U' | b'V' => descr.getattr("str")?.extract()?,
        _ => return Err(refused("no such element type can be stored")),
    };
    DType::new(&typestr).map_err(|_| refused("no such element type can be stored"))
}

/// A structured type; `None` if its literal does not describe it wholly.
fn structured(descr: &Bound<'_, PyArrayDescr>) -> Result<Option<DType>> {
    let py = descr.py();
    let literal = match dtype_to_descr(py)?.call1((descr,)) {
        Ok(literal) => literal,
        Err(error) if error.is_instance_of::<PyValueError>(py) => return Ok(None),
        Err(error) => return Err(error.into()),
    };
    if !literal.is_instance_of::<PyList>() || !descr_to_dtype(py)?.call1((&literal,))?.eq(descr)? {
        return Ok(None);
    }
    let literal = literal.repr()?;
    let size = u32::try_from(descr.itemsize());
    Ok(size.ok().and_then(|size| DType::structured(literal.to_str().ok()?, size).ok()))
}

/// An object as a NumPy array, if it is not one already, that can be stored.
pub(crate) fn as_array<'py>(object: &Bound<'py, PyAny>) -> Result<Bound<'py, PyAny>> {
    let array = PyModule::import(object.py(), "numpy")?.call_method1("asanyarray", (object,))?;
    dtype(&array.cast::<PyUntypedArray>()?.dtype())?;
    Ok(array)
}

/// Whether an object is an array over memory of a store.
pub(crate) fn is_view(object: &Bound<'_, PyAny>) -> bool {
    let Ok(array) = object.cast::<PyUntypedArray>() else { return false };
    // SAFETY: an array; its base is null or an object that lives as long as it does.
    unsafe {
        let base = (*array.as_array_ptr()).fields.base;
        !base.is_null() && ffi::Py_TYPE(base) == Lease::type_object_raw(array.py())
    }
}

/// The view that an array, or what it is a part of, has its memory from.
fn lease_of<'py>(object: &Bound<'py, PyAny>) -> Option<Bound<'py, Lease>> {
    let mut base = object.clone();
    loop {
        if let Ok(lease) = base.cast::<Lease>() {
            return Some(lease.clone());
        }
        base = base.getattr("base").ok().filter(|base| !base.is_none())?;
    }
}

/// Whether an array is a view of the current contents of a store. It is not after the array in the store was assigned, was
/// changed by a guard while the view existed, or was removed: the view then keeps its old elements. A live array keeps its
/// memory until it is removed. Raises TypeError for anything but a view of a store; the copies that read-only attachments return
/// are not views.
///
///     >>> store = structstore.StructStore()
///     >>> store.scan = np.zeros(3)
///     >>> view = store.scan
///     >>> structstore.is_current(view), structstore.is_current(view[1:])
///     (True, True)
///     >>> store.scan = np.ones(3)
///     >>> structstore.is_current(view)
///     False
#[pyfunction]
pub(crate) fn is_current(array: &Bound<'_, PyAny>) -> Result<bool> {
    Ok(lease(array)?.get().view.is_current())
}

/// The view that an array has its memory from, which has to be one of a store.
pub(crate) fn lease<'py>(array: &Bound<'py, PyAny>) -> Result<Bound<'py, Lease>> {
    match lease_of(array) {
        Some(lease) => Ok(lease),
        None => {
            let message = format!("expected a view of an array in a store, found {}", type_name(array));
            Err(Failure::Raised(PyTypeError::new_err(message)))
        }
    }
}

/// Whether an array is the whole of what an array of a store has now, so that assigning it would change nothing.
pub(crate) fn is_view_of(object: &Bound<'_, PyAny>, array: &Array) -> bool {
    let (Ok(found), Ok(view)) = (object.cast::<PyUntypedArray>(), array.view()) else { return false };
    // SAFETY: an array.
    let data = unsafe { (*found.as_array_ptr()).fields.data };
    data.cast::<u8>() == view.as_ptr()
        && found.is_c_contiguous()
        && found.shape() == view.shape()
        && dtype(&found.dtype()).is_ok_and(|dtype| dtype == *view.dtype())
}
