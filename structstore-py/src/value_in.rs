//! Python objects as values to store.
//!
//! A whole object is converted before an operation begins, so that no Python code runs inside one. Strings, bytes and
//! arrays are borrowed, so that each is copied once, into the store.

use std::cell::{Cell, RefCell};

use numpy::PyUntypedArray;
use pyo3::exceptions::{PyRuntimeError, PyUnicodeEncodeError};
use pyo3::ffi;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{
    PyBool, PyByteArray, PyBytes, PyComplex, PyDict, PyFloat, PyInt, PyList, PyMemoryView, PyString, PyTuple,
    PyType,
};
use structstore::binding_support::HandleExt;
use structstore::{Error, Item, Scalar, Value};

use crate::array::{self, Memory};
use crate::error::{Failure, Result, advice, type_name, unsupported};
use crate::filling::Live;
use crate::gil::LONG_COPY;
use crate::list::StructStoreList;
use crate::object;
use crate::store::{StructStore, is_same};
use crate::stream::Stream;
use structstore::limits::MAX_DEPTH;

const STORABLE: &str = "a store holds None, bool, int, float, complex, str, bytes, lists, tuples, dicts with str keys, \
                        dates, paths, NumPy arrays, and objects with attributes";

/// A truth value or number of Python's own, which needs no conversion that could fail.
#[inline]
pub(crate) fn plain_scalar(object: &Bound<'_, PyAny>) -> Option<Scalar> {
    if object.is_exact_instance_of::<PyInt>() {
        let mut overflow = 0;
        // SAFETY: the object is an int, as checked, and this thread is attached; so it cannot fail.
        let value = unsafe { ffi::PyLong_AsLongLongAndOverflow(object.as_ptr(), &mut overflow) };
        (overflow == 0).then_some(Scalar::I64(value))
    } else if let Ok(float) = object.cast_exact::<PyFloat>() {
        Some(Scalar::F64(float.value()))
    } else if let Ok(truth) = object.cast_exact::<PyBool>() {
        Some(Scalar::Bool(truth.is_true()))
    } else {
        None
    }
}

/// The objects from which values borrow.
///
/// Converting an object may run Python code, which can take away the memory of an array that was converted before it. So
/// the bytes of arrays are not read before [`Inputs::run`] has found that they are still there.
#[derive(Default)]
pub(crate) struct Inputs<'py> {
    kept: RefCell<Vec<Bound<'py, PyAny>>>,
    arrays: RefCell<Vec<(Bound<'py, PyUntypedArray>, Memory)>>,
    bytes: Cell<usize>,
}

impl<'py> Inputs<'py> {
    /// The object as a value, of which nothing may be read but in [`Inputs::run`].
    pub(crate) fn value<'k>(&'k self, object: &Bound<'py, PyAny>) -> Result<Value<'k>> {
        self.nested(object, 0)
    }

    /// Runs an operation with values from here; without the GIL if it copies much.
    pub(crate) fn run<T: Send>(
        &self,
        py: Python<'py>,
        operation: impl FnOnce() -> structstore::Result<T> + Send,
    ) -> Result<T> {
        if self.bytes.get() > LONG_COPY {
            return self.run_detached(py, operation);
        }
        self.verify()?;
        Ok(operation()?)
    }

    /// As [`Inputs::run`], but without the GIL however little is copied: for what reads much of a store.
    pub(crate) fn run_detached<T: Send>(
        &self,
        py: Python<'py>,
        operation: impl FnOnce() -> structstore::Result<T> + Send,
    ) -> Result<T> {
        self.verify()?;
        Ok(py.detach(operation)?)
    }

    /// Fails if an array does not have the memory any more that was borrowed of it.
    fn verify(&self) -> Result<()> {
        match self.arrays.borrow().iter().all(|(array, memory)| Memory::of(array) == *memory) {
            true => Ok(()),
            false => {
                let message = "an array was resized, or given other memory, while a value that it is part of was converted";
                Err(Failure::Raised(PyRuntimeError::new_err(message)))
            }
        }
    }

    /// Borrows memory of an object for as long as the values from here live.
    ///
    /// # Safety
    ///
    /// The object keeps `length` bytes at `start` where they are for as long as it lives.
    unsafe fn borrow(&self, owner: Bound<'py, PyAny>, start: *const u8, length: usize) -> &[u8] {
        self.bytes.set(self.bytes.get() + length);
        self.kept.borrow_mut().push(owner);
        if length == 0 {
            return &[];
        }
        // SAFETY: the memory stays (the caller's word) while the owner lives, which is kept as long as self.
        unsafe { std::slice::from_raw_parts(start, length) }
    }

    /// Borrows the memory of an array whose items lie side by side. Nothing of it may be read but in [`Inputs::run`].
    pub(crate) fn borrow_array(&self, array: Bound<'py, PyUntypedArray>) -> &[u8] {
        let memory = Memory::of(&array);
        self.bytes.set(self.bytes.get() + memory.length);
        self.arrays.borrow_mut().push((array, memory));
        if memory.length == 0 {
            return &[];
        }
        // SAFETY: a dense array has all its items there, and is kept as long as self. Python code can make it give the
        // memory up (`resize` without a check, `__setstate__`), but nobody reads it before `run` has found, with the GIL
        // held, that it has not. Other threads may write to it meanwhile, with the outcome that they get from NumPy,
        // whose functions work on arrays without the GIL just as well: an element may be torn.
        unsafe { std::slice::from_raw_parts(memory.start, memory.length) }
    }

    fn nested<'k>(&'k self, object: &Bound<'py, PyAny>, depth: usize) -> Result<Value<'k>> {
        if let Some(scalar) = plain_scalar(object) {
            return Ok(Value::Scalar(scalar));
        }
        if object.is_none() {
            return Ok(Value::Null);
        }
        if depth > MAX_DEPTH {
            return Err(Error::too_deep().into());
        }
        if let Ok(text) = object.cast_exact::<PyString>() {
            self.text(text).map(|text| Value::Str(text.into()))
        } else if let Ok(bytes) = object.cast_exact::<PyBytes>() {
            Ok(Value::Bytes(self.bytes_of(bytes).into()))
        } else if let Ok(list) = object.cast_exact::<PyList>() {
            self.list(list, depth)
        } else if let Ok(dict) = object.cast_exact::<PyDict>() {
            self.dict(dict, depth)
        } else if let Ok(tuple) = object.cast_exact::<PyTuple>() {
            self.tuple(tuple, depth)
        } else {
            self.other(object, depth)
        }
    }

    /// A frame of its own, which values that nest in one another do not take stack for.
    #[inline(never)]
    fn other<'k>(&'k self, object: &Bound<'py, PyAny>, depth: usize) -> Result<Value<'k>> {
        let py = object.py();
        if let Ok(store) = object.cast::<StructStore>() {
            let root = store.get().root()?;
            return self.part(py, || root.to_value());
        }
        if let Ok(list) = object.cast::<StructStoreList>() {
            let list = list.get().list();
            return self.part(py, || list.to_value());
        }
        if let Some(value) = array::input(self, object)? {
            return Ok(value);
        }
        if let Ok(live) = object.cast::<Live>() {
            return match array::input(self, &live.get().array(py))? {
                Some(Value::Array(array)) => Ok(Value::Array(array.live())),
                _ => Err(unsupported(type_name(&live.get().array(py)), "live arrays are NumPy arrays")),
            };
        }
        if let Ok(stream) = object.cast::<Stream>() {
            return Ok(Value::Stream(stream.get().value()));
        }
        if object.is_instance(enum_class(py)?)? {
            return self.nested(&object.getattr("value")?, depth + 1);
        }
        if object.is_instance_of::<PyInt>() {
            self.int(object)
        } else if let Ok(float) = object.cast::<PyFloat>() {
            Ok(float.value().into())
        } else if let Ok(text) = object.cast::<PyString>() {
            self.text(text).map(|text| Value::Str(text.into()))
        } else if let Ok(bytes) = object.cast::<PyBytes>() {
            Ok(Value::Bytes(self.bytes_of(bytes).into()))
        } else if object.is_instance_of::<PyByteArray>() || object.is_instance_of::<PyMemoryView>() {
            self.buffer(object).map(|bytes| Value::Bytes(bytes.into()))
        } else if let Ok(list) = object.cast::<PyList>() {
            self.list(list, depth)
        } else if let Ok(tuple) = object.cast::<PyTuple>() {
            match object::named_items(tuple)? {
                Some(fields) => self.fields(fields, depth),
                None => self.tuple(tuple, depth),
            }
        } else if let Ok(dict) = object.cast::<PyDict>() {
            self.dict(dict, depth)
        } else if object::is_foreign(object)? {
            self.nested(&object::converted(object)?, depth + 1)
        } else if let Some(scalar) = numpy_scalar(object)? {
            array::python_scalar(self, &scalar)
        } else if object.get_type().hasattr("__fspath__")? {
            self.nested(&object.call_method0("__fspath__")?, depth + 1)
        } else if object.is_instance(mapping_class(py)?)? {
            let dict = py.get_type::<PyDict>().call1((object,))?.cast_into::<PyDict>()?;
            self.dict(&dict, depth)
        } else if let Some(attributes) = object::attributes(object)? {
            self.fields(attributes, depth)
        } else {
            let name = type_name(object);
            let expected = advice(&name).unwrap_or(STORABLE);
            Err(unsupported(name, expected))
        }
    }

    /// A part of a store, which may be of any size.
    fn part<'k>(
        &self,
        py: Python<'_>,
        copy: impl FnOnce() -> structstore::Result<Value<'static>> + Send,
    ) -> Result<Value<'k>> {
        self.bytes.set(self.bytes.get() + LONG_COPY + 1);
        Ok(py.detach(copy)?)
    }

    /// The bytes of an object that lends its memory.
    pub(crate) fn buffer<'k>(&'k self, object: &Bound<'py, PyAny>) -> Result<&'k [u8]> {
        let py = object.py();
        // Where they are, if they lie side by side; the stable ABI of Python 3.10 has no other way to them.
        if let Ok(array) = PyModule::import(py, "numpy")?.call_method1("frombuffer", (object, "u1")) {
            return Ok(self.borrow_array(array.cast_into::<PyUntypedArray>()?));
        }
        let copy = py.get_type::<PyMemoryView>().call1((object,))?.call_method0("tobytes")?;
        Ok(self.bytes_of(copy.cast::<PyBytes>()?))
    }

    /// An int that is a subclass or does not fit an i64.
    fn int<'k>(&'k self, object: &Bound<'py, PyAny>) -> Result<Value<'k>> {
        let mut overflow = 0;
        // SAFETY: the object is an int, as the caller checked, and this thread is attached; so it cannot fail.
        let value = unsafe { ffi::PyLong_AsLongLongAndOverflow(object.as_ptr(), &mut overflow) };
        if overflow == 0 {
            return Ok(value.into());
        }
        if overflow > 0
            && let Ok(value) = object.extract::<u64>()
        {
            return Ok(value.into());
        }
        let bits: u64 = object.call_method0("bit_length")?.extract()?;
        let value = match bits {
            ..=128 => object.str()?.to_string(),
            _ => format!("an int of {bits} bits"),
        };
        Err(Error::out_of_range(value, "i64 or u64").into())
    }

    pub(crate) fn text<'k>(&'k self, text: &Bound<'py, PyString>) -> Result<&'k str> {
        let utf8 = match text.to_str() {
            Ok(utf8) => utf8,
            Err(error) if error.is_instance_of::<PyUnicodeEncodeError>(text.py()) => {
                return Err(unsupported("a str with a lone surrogate", "text is UTF-8"));
            }
            Err(error) => return Err(error.into()),
        };
        // SAFETY: a str is immutable and keeps its UTF-8 form.
        let bytes = unsafe { self.borrow(text.clone().into_any(), utf8.as_ptr(), utf8.len()) };
        // SAFETY: the same bytes.
        Ok(unsafe { std::str::from_utf8_unchecked(bytes) })
    }

    fn bytes_of<'k>(&'k self, bytes: &Bound<'py, PyBytes>) -> &'k [u8] {
        let contents = bytes.as_bytes();
        // SAFETY: bytes are immutable.
        unsafe { self.borrow(bytes.clone().into_any(), contents.as_ptr(), contents.len()) }
    }

    fn list<'k>(&'k self, list: &Bound<'py, PyList>, depth: usize) -> Result<Value<'k>> {
        self.items(list.iter(), list.len(), depth)
    }

    fn tuple<'k>(&'k self, tuple: &Bound<'py, PyTuple>, depth: usize) -> Result<Value<'k>> {
        self.items(tuple.iter(), tuple.len(), depth)
    }

    fn items<'k>(
        &'k self,
        items: impl Iterator<Item = Bound<'py, PyAny>>,
        count: usize,
        depth: usize,
    ) -> Result<Value<'k>> {
        let mut values = Vec::with_capacity(count);
        for (index, item) in items.enumerate() {
            values.push(self.nested(&item, depth + 1).map_err(|failure| failure.under(index))?);
        }
        Ok(Value::List(values))
    }

    fn dict<'k>(&'k self, dict: &Bound<'py, PyDict>, depth: usize) -> Result<Value<'k>> {
        let mut fields = Vec::with_capacity(dict.len());
        // All at once, for converting a value may run code that changes the dict.
        for (key, value) in dict.iter() {
            match key.cast_into::<PyString>() {
                Ok(name) => fields.push((name, value)),
                Err(error) => {
                    let key = error.into_inner();
                    let found = format!("a dict with a key of type {}", type_name(&key));
                    return Err(unsupported(found, "keys are str"));
                }
            }
        }
        self.fields(fields, depth)
    }

    fn fields<'k>(
        &'k self,
        fields: Vec<(Bound<'py, PyString>, Bound<'py, PyAny>)>,
        depth: usize,
    ) -> Result<Value<'k>> {
        let mut values = Vec::with_capacity(fields.len());
        for (name, value) in fields {
            let name = self.text(&name)?;
            let value = self.nested(&value, depth + 1).map_err(|failure| failure.under(name))?;
            values.push((name.into(), value));
        }
        Ok(Value::Struct(values))
    }
}

/// A date, a time, a duration or a complex number as what NumPy has for it.
fn numpy_scalar<'py>(object: &Bound<'py, PyAny>) -> Result<Option<Bound<'py, PyAny>>> {
    static DATETIME: PyOnceLock<Py<PyType>> = PyOnceLock::new();
    static DATE: PyOnceLock<Py<PyType>> = PyOnceLock::new();
    static TIMEDELTA: PyOnceLock<Py<PyType>> = PyOnceLock::new();
    let py = object.py();
    let (class, unit) = if object.is_instance_of::<PyComplex>() {
        ("complex128", None)
    } else if object.is_instance(DATETIME.import(py, "datetime", "datetime")?)? {
        if !object.getattr("tzinfo")?.is_none() {
            let advice = "times are stored without a zone; convert it to UTC and drop its tzinfo";
            return Err(unsupported("a datetime with a time zone", advice));
        }
        ("datetime64", Some("us"))
    } else if object.is_instance(DATE.import(py, "datetime", "date")?)? {
        ("datetime64", Some("D"))
    } else if object.is_instance(TIMEDELTA.import(py, "datetime", "timedelta")?)? {
        ("timedelta64", Some("us"))
    } else {
        return Ok(None);
    };
    let class = PyModule::import(py, "numpy")?.getattr(class)?;
    let Some(unit) = unit else { return Ok(Some(class.call1((object,))?)) };
    if object.ne(object)? {
        // A missing time of another package.
        return Ok(Some(class.call1(("NaT", unit))?));
    }
    let scalar = class.call1((object, unit))?;
    // NumPy counts on from the other end where the number of units does not fit 64 bits, and cuts off what subclasses of
    // other packages have below a microsecond.
    if scalar.call_method0("item")?.ne(object)? {
        let value = object.str()?.to_string_lossy().into_owned();
        let expected = format!("64 bits of {}", if unit == "D" { "days" } else { "microseconds" });
        return Err(Error::out_of_range(value, expected).into());
    }
    Ok(Some(scalar))
}

/// Whether an object equals a value that is in a store.
pub(crate) fn equals(
    object: &Bound<'_, PyAny>,
    stored: impl FnOnce() -> structstore::Result<Value<'static>> + Send,
) -> Result<Py<PyAny>> {
    let inputs = Inputs::default();
    let equal = match inputs.value(object) {
        Ok(value) => inputs.run_detached(object.py(), || stored().map(|stored| stored == value))?,
        // It holds what no store can hold.
        Err(failure) if failure.is_beyond_stores() => false,
        Err(failure) => return Err(failure),
    };
    Ok(PyBool::new(object.py(), equal).to_owned().into_any().unbind())
}

/// Whether an object is the very part of a store that it is to be assigned to, as after `store.items += [1]`. Then the
/// assignment changes nothing, and handles and views stay what they are.
pub(crate) fn is_part(object: &Bound<'_, PyAny>, read: impl FnOnce() -> structstore::Result<Item>) -> bool {
    if is_plain(object) {
        // Known without a look at NumPy, whose import takes longer than all the rest.
        false
    } else if object.cast::<StructStore>().is_ok() {
        matches!(read(), Ok(Item::Struct(found)) if is_same(object, &found))
    } else if let Ok(list) = object.cast::<StructStoreList>() {
        matches!(read(), Ok(Item::List(found)) if list.get().list().is_same(&found))
    } else if array::is_view(object) {
        matches!(read(), Ok(Item::Array(found)) if array::is_view_of(object, &found))
    } else {
        false
    }
}

/// Whether an object equals what has its value, and has no idea of its own of that.
pub(crate) fn is_compared_by_value(object: &Bound<'_, PyAny>) -> bool {
    is_plain(object)
        || plain_scalar(object).is_some()
        || object.is_instance_of::<PyInt>()
        || array::is_scalar(object)
        || object.cast::<StructStore>().is_ok()
        || object.cast::<StructStoreList>().is_ok()
        || object.cast::<PyUntypedArray>().is_ok()
}

/// Whether an object is of one of Python's own types that are the most frequent.
fn is_plain(object: &Bound<'_, PyAny>) -> bool {
    object.is_none()
        || object.is_exact_instance_of::<PyString>()
        || object.is_exact_instance_of::<PyBytes>()
        || object.is_exact_instance_of::<PyList>()
        || object.is_exact_instance_of::<PyDict>()
        || object.is_exact_instance_of::<PyTuple>()
}

fn mapping_class(py: Python<'_>) -> PyResult<&Bound<'_, PyType>> {
    static MAPPING: PyOnceLock<Py<PyType>> = PyOnceLock::new();
    MAPPING.import(py, "collections.abc", "Mapping")
}

fn enum_class(py: Python<'_>) -> PyResult<&Bound<'_, PyType>> {
    static ENUM: PyOnceLock<Py<PyType>> = PyOnceLock::new();
    ENUM.import(py, "enum", "Enum")
}
