//! Lists.

use std::sync::atomic::{AtomicPtr, AtomicUsize, Ordering};

use numpy::PyUntypedArray;
use pyo3::basic::CompareOp;
use pyo3::exceptions::{PyOverflowError, PyTypeError, PyValueError};
use pyo3::ffi;
use pyo3::prelude::*;
use pyo3::types::slice::PySliceIndices;
use pyo3::types::{PyBool, PyDict, PyIterator, PyList, PySlice, PyTuple};
use structstore::binding_support::{self, HandleExt, ListExt, Snapshot};
use structstore::{ErrorKind, List, Value};

use crate::array;
use crate::error::{Exception, Failure, Result, type_name};
use crate::local::local;
use crate::lock::{Lock, Structure};
use crate::pickling::{self, Reduced};
use crate::printing::{self, printed, represented};
use crate::timeout::duration;
use crate::value_in::{self, Inputs, plain_scalar};
use crate::value_out::{self, Place, Structs};
use crate::watch::{self, Watch};

/// How many characters of a value are repeated that is not there.
const SHOWN: usize = 100;

/// Values in order, in a store; made from an iterable, a local list of this process.
///
/// Numbers, strings and bytes come back by value, lists and structs as handles to the contents of the store, arrays as NumPy
/// arrays over the store's own memory. Each operation happens completely or not at all.
///
///     >>> items = structstore.StructStoreList([1, "two"])
///     >>> items.append({"x": 3})
///     >>> items[2].x = 4
///     >>> items[:1] = [0.5, None]
///     >>> print(items)
///     [0.5, null, "two", {"x": 4}]
#[pyclass(frozen, sequence, subclass, module = "structstore")]
pub(crate) struct StructStoreList {
    list: List,
}

impl From<List> for StructStoreList {
    fn from(list: List) -> StructStoreList {
        StructStoreList { list }
    }
}

impl StructStoreList {
    pub(crate) fn list(&self) -> &List {
        &self.list
    }

    /// The item at an index that may be negative.
    pub(crate) fn item<'py>(&self, index: &Bound<'py, PyAny>) -> Result<Bound<'py, PyAny>> {
        let at = self.position(index)?;
        self.at(index.py(), at)?.ok_or_else(|| self.out_of_range(index))
    }

    /// The item at a position, if there are so many.
    #[inline(always)]
    fn at<'py>(&self, py: Python<'py>, at: usize) -> Result<Option<Bound<'py, PyAny>>> {
        value_out::read(py, Place::Item(&self.list, at))
    }

    /// The position that an index means. Whether there is an item is not known if it is not negative.
    pub(crate) fn position(&self, index: &Bound<'_, PyAny>) -> Result<usize> {
        let signed = match index.extract::<isize>() {
            Ok(signed) => signed,
            Err(error) if error.is_instance_of::<PyOverflowError>(index.py()) => {
                return Err(self.out_of_range(index));
            }
            Err(_) => {
                let message = format!("list indices must be integers or slices, not {}", type_name(index));
                return Err(Failure::Raised(PyTypeError::new_err(message)));
            }
        };
        match usize::try_from(signed) {
            Ok(at) => Ok(at),
            Err(_) => {
                let from_end = self.list.len()?.checked_sub(signed.unsigned_abs());
                from_end.ok_or_else(|| self.out_of_range(index))
            }
        }
    }

    #[cold]
    fn out_of_range(&self, index: &Bound<'_, PyAny>) -> Failure {
        let (path, len) = (self.list.path(), self.list.len().unwrap_or(0));
        let message = format!("{path}: index {index} is out of range for length {len}");
        Exception::IndexOutOfRangeError.raised(index.py(), &message, Some(&path)).into()
    }

    /// A lock for reading several items as of one moment. A store that was opened read-only has none.
    fn read_token(&self) -> Result<Option<binding_support::Lock>> {
        match self.list.lock_token(false, None) {
            Ok(lock) => Ok(Some(lock)),
            Err(error) if error.kind() == ErrorKind::ReadOnly => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    /// What an iterable yields, as values; `place` says where each of them is to be put.
    fn values<'k, 'py>(
        &self,
        inputs: &'k Inputs<'py>,
        iterable: &Bound<'py, PyAny>,
        place: impl Fn(usize) -> usize,
    ) -> Result<Vec<Value<'k>>> {
        if let Ok(list) = iterable.cast::<StructStoreList>() {
            return match inputs.value(list)? {
                Value::List(items) => Ok(items),
                _ => Ok(Vec::new()),
            };
        }
        // One by one: what `list()` makes room for is what the iterable says, which may be anything.
        let mut items = Vec::new();
        for item in iterable.try_iter()? {
            items.push(item?);
        }
        let value = |(index, item): (usize, &Bound<'py, PyAny>)| {
            let located = |failure: Failure| failure.under(place(index)).below(self.list.path());
            inputs.value(item).map_err(located)
        };
        items.iter().enumerate().map(value).collect()
    }

    /// The items as of one moment, of which some equal an object.
    fn matches(&self, object: &Bound<'_, PyAny>) -> Result<Vec<bool>> {
        if !value_in::is_compared_by_value(object) {
            return self.matches_of(object);
        }
        let inputs = Inputs::default();
        let wanted = match inputs.value(object) {
            Ok(wanted) => wanted,
            Err(failure) if failure.is_beyond_stores() => return self.matches_of(object),
            Err(failure) => return Err(failure),
        };
        inputs.run_detached(object.py(), || {
            let items = self.list.iter()?;
            Ok(items.map(|item| item == wanted).collect())
        })
    }

    /// The same for an object that has an idea of its own of what it equals, or that no store can hold.
    fn matches_of(&self, object: &Bound<'_, PyAny>) -> Result<Vec<bool>> {
        let items = self.copy(object.py())?;
        let equals = |item: PyResult<Bound<'_, PyAny>>| {
            let item = item?;
            // An array compares element by element.
            if item.cast::<PyUntypedArray>().is_ok() { Ok(false) } else { item.eq(object) }
        };
        Ok(items.try_iter()?.map(equals).collect::<PyResult<_>>()?)
    }

    fn copy_of_items<'py>(&self, py: Python<'py>, structs: Structs) -> Result<Bound<'py, PyAny>> {
        let snapshot = py.detach(|| self.list.snapshot())?;
        value_out::detached(py, &snapshot, structs)
    }

    fn set_slice(&self, slice: &Bound<'_, PySlice>, iterable: &Bound<'_, PyAny>) -> Result<()> {
        let inputs = Inputs::default();
        let now = slice.indices(self.list.len()? as isize)?;
        let values = self.values(&inputs, iterable, |nth| position(&now, nth))?;
        let _lock = self.list.lock_token(true, None)?;
        let range = slice.indices(self.list.len()? as isize)?;
        if range.step != 1 && values.len() != range.slicelength {
            let (given, wanted) = (values.len(), range.slicelength);
            let message =
                format!("attempt to assign sequence of size {given} to extended slice of size {wanted}");
            return Err(Failure::Raised(PyValueError::new_err(message)));
        }
        inputs.run(slice.py(), || self.replace(&range, &values))
    }

    /// Replaces the items of a slice, which with a step other than 1 are as many as the values or have none.
    fn replace(&self, range: &PySliceIndices, values: &[Value<'_>]) -> structstore::Result<()> {
        let start = range.start as usize;
        match range.step {
            1 => self.list.splice(start..start + range.slicelength, values),
            _ => {
                let positions: Vec<usize> = (0..range.slicelength).map(|nth| position(range, nth)).collect();
                self.list.replace_at(&positions, values)
            }
        }
    }
}

/// Where an item of a slice is.
fn position(range: &PySliceIndices, nth: usize) -> usize {
    (range.start + nth as isize * range.step) as usize
}

#[pymethods]
impl StructStoreList {
    #[new]
    #[pyo3(signature = (*_arguments, **_keywords), text_signature = "(iterable=None, /)")]
    fn new(
        _arguments: &Bound<'_, PyTuple>,
        _keywords: Option<&Bound<'_, PyDict>>,
    ) -> Result<StructStoreList> {
        Ok(StructStoreList::from(local()?.ensure_list("list")?))
    }

    /// Replaces the items by those of an iterable.
    #[pyo3(signature = (iterable=None, /))]
    fn __init__(&self, py: Python<'_>, iterable: Option<&Bound<'_, PyAny>>) -> Result<()> {
        match iterable {
            Some(iterable) => self.set_slice(&PySlice::full(py), iterable),
            None => self.clear(py),
        }
    }

    fn __len__(&self) -> Result<usize> {
        Ok(self.list.len()?)
    }

    fn __getitem__<'py>(&self, index: &Bound<'py, PyAny>) -> Result<Bound<'py, PyAny>> {
        let Ok(slice) = index.cast::<PySlice>() else { return self.item(index) };
        let py = index.py();
        let _lock = self.read_token()?;
        let range = slice.indices(self.list.len()? as isize)?;
        let items = PyList::empty(py);
        for nth in 0..range.slicelength {
            // Unlocked in a store that was opened read-only, the list may have become shorter.
            let Some(item) = self.at(py, position(&range, nth))? else { break };
            items.append(item)?;
        }
        Ok(items.into_any())
    }

    fn __setitem__(&self, index: &Bound<'_, PyAny>, value: &Bound<'_, PyAny>) -> Result<()> {
        if let Ok(slice) = index.cast::<PySlice>() {
            return self.set_slice(slice, value);
        }
        let at = self.position(index)?;
        if let Some(scalar) = plain_scalar(value) {
            return Ok(self.list.set(at, Value::Scalar(scalar))?);
        }
        if value_in::is_part(value, || self.list.get(at)) {
            return Ok(());
        }
        let inputs = Inputs::default();
        let new = inputs.value(value).map_err(|failure| failure.under(at).below(self.list.path()))?;
        inputs.run(index.py(), || self.list.set(at, new))
    }

    fn __delitem__(&self, index: &Bound<'_, PyAny>) -> Result<()> {
        let Ok(slice) = index.cast::<PySlice>() else {
            let at = self.position(index)?;
            index.py().detach(|| self.list.delete(at))?;
            return Ok(());
        };
        let _lock = self.list.lock_token(true, None)?;
        let range = slice.indices(self.list.len()? as isize)?;
        Ok(index.py().detach(|| self.replace(&range, &[]))?)
    }

    fn __iter__(slf: &Bound<'_, Self>) -> StructStoreListIterator {
        StructStoreListIterator { list: AtomicPtr::new(slf.clone().into_ptr()), next: AtomicUsize::new(0) }
    }

    fn __contains__(&self, value: &Bound<'_, PyAny>) -> Result<bool> {
        Ok(self.matches(value)?.contains(&true))
    }

    fn __reversed__<'py>(&self, py: Python<'py>) -> Result<Bound<'py, PyIterator>> {
        Ok(self.copy(py)?.call_method0("__reversed__")?.cast_into()?)
    }

    /// Order among lists of any store, lists and tuples, by value: that of copies.
    fn __richcmp__(&self, other: &Bound<'_, PyAny>, operator: CompareOp) -> Result<Py<PyAny>> {
        let py = other.py();
        let theirs = match other.cast::<StructStoreList>() {
            Ok(list) => list.get().to_list(py)?,
            Err(_) if other.is_instance_of::<PyList>() => other.clone(),
            Err(_) if other.is_instance_of::<PyTuple>() => {
                PyList::new(py, other.try_iter()?.collect::<PyResult<Vec<_>>>()?)?.into_any()
            }
            Err(_) => return Ok(py.NotImplemented()),
        };
        match operator {
            CompareOp::Eq => value_in::equals(other, || self.list.to_value()),
            CompareOp::Ne => {
                let equal = value_in::equals(other, || self.list.to_value())?;
                match equal.extract::<bool>(py) {
                    Ok(equal) => Ok(PyBool::new(py, !equal).to_owned().into_any().unbind()),
                    Err(_) => Ok(equal),
                }
            }
            _ => Ok(self.to_list(py)?.rich_compare(theirs, operator)?.unbind()),
        }
    }

    /// A list of the items of both, of which structures and arrays are those in the store.
    fn __add__<'py>(&self, other: &Bound<'py, PyAny>) -> Result<Bound<'py, PyAny>> {
        let py = other.py();
        let theirs = match other.cast::<StructStoreList>() {
            Ok(list) => list.get().copy(py)?,
            Err(_) if other.is_instance_of::<PyList>() => other.clone(),
            Err(_) => return Ok(py.NotImplemented().into_bound(py)),
        };
        Ok(self.copy(py)?.add(theirs)?)
    }

    fn __radd__<'py>(&self, other: &Bound<'py, PyAny>) -> Result<Bound<'py, PyAny>> {
        let py = other.py();
        match other.is_instance_of::<PyList>() {
            true => Ok(other.add(self.copy(py)?)?),
            false => Ok(py.NotImplemented().into_bound(py)),
        }
    }

    /// A list that repeats the items. Structures and arrays in it are those in the store.
    fn __mul__<'py>(&self, times: &Bound<'py, PyAny>) -> Result<Bound<'py, PyAny>> {
        Ok(self.copy(times.py())?.mul(times)?)
    }

    fn __rmul__<'py>(&self, times: &Bound<'py, PyAny>) -> Result<Bound<'py, PyAny>> {
        self.__mul__(times)
    }

    fn __imul__(&self, times: &Bound<'_, PyAny>) -> Result<()> {
        let (py, times) = (times.py(), times.extract::<isize>()?);
        let _lock = self.list.lock_token(true, None)?;
        match usize::try_from(times) {
            Ok(0) | Err(_) => self.clear(py),
            Ok(times) => Ok(py.detach(|| self.list.repeat(times))?),
        }
    }

    fn __iadd__(&self, iterable: &Bound<'_, PyAny>) -> Result<()> {
        self.extend(iterable)
    }

    fn __repr__(&self, py: Python<'_>) -> String {
        represented(&self.list, "StructStoreList", "", |brief| brief.items(py, &self.list))
    }

    /// As JSON, in which long arrays, lists, strings and bytes are cut short.
    fn __str__(&self, py: Python<'_>) -> Result<String> {
        printed(py.detach(|| self.list.to_value()))
    }

    /// For notebooks: a tree that folds, with types, shapes and small images.
    fn _repr_html_<'py>(slf: &Bound<'py, Self>) -> Result<Bound<'py, PyAny>> {
        printing::html(slf.as_any())
    }

    /// A part of a shared store is found again by its name, and anything else copied by value.
    fn __reduce__<'py>(&self, py: Python<'py>) -> Result<Reduced<'py>> {
        pickling::reduce(py, self.list.origin(), "_restore_list", || {
            let store = local()?;
            store.set("list", py.detach(|| self.list.to_value())?)?;
            store.to_bytes()
        })
    }

    fn __copy__<'py>(&self, py: Python<'py>) -> Result<Bound<'py, PyAny>> {
        self.copy(py)
    }

    fn __deepcopy__<'py>(&self, py: Python<'py>, _memo: &Bound<'py, PyAny>) -> Result<Bound<'py, PyAny>> {
        self.deepcopy(py)
    }

    /// Adds an item at the end.
    fn append(&self, value: &Bound<'_, PyAny>) -> Result<()> {
        if let Some(scalar) = plain_scalar(value) {
            return Ok(self.list.push(Value::Scalar(scalar))?);
        }
        let inputs = Inputs::default();
        let located = |failure: Failure| failure.under(self.list.len().unwrap_or(0)).below(self.list.path());
        let item = inputs.value(value).map_err(located)?;
        inputs.run(value.py(), || self.list.push(item))
    }

    /// Adds the items of an iterable at the end. After an exception, none is added.
    fn extend(&self, iterable: &Bound<'_, PyAny>) -> Result<()> {
        let inputs = Inputs::default();
        let end = self.list.len()?;
        let values = self.values(&inputs, iterable, |nth| end + nth)?;
        inputs.run(iterable.py(), || self.list.extend(values))
    }

    /// Adds an item before the one at an index.
    fn insert(&self, index: isize, value: &Bound<'_, PyAny>) -> Result<()> {
        let inputs = Inputs::default();
        let item = inputs.value(value).map_err(|failure| failure.below(self.list.path()))?;
        let insert = || {
            let _lock = self.list.lock_token(true, None)?;
            let len = self.list.len()?;
            let at = match usize::try_from(index) {
                Ok(at) => at.min(len),
                Err(_) => len.saturating_sub(index.unsigned_abs()),
            };
            self.list.insert(at, item)
        };
        inputs.run(value.py(), insert)
    }

    /// Removes the item at an index, or the last one, and returns a copy of it, as deepcopy() does. A large array is not copied,
    /// unless in a transaction: the returned array keeps its memory of the store, which views of it share.
    #[pyo3(signature = (index=None, /))]
    fn pop<'py>(&self, py: Python<'py>, index: Option<&Bound<'py, PyAny>>) -> Result<Bound<'py, PyAny>> {
        let _lock = self.list.lock_token(true, None)?;
        let last = self.list.len()?.checked_sub(1);
        let Some(at) = index.map(|index| self.position(index)).transpose()?.or(last) else {
            let path = self.list.path();
            let message = format!("{path}: pop from an empty list");
            return Err(Exception::IndexOutOfRangeError.raised(py, &message, Some(&path)).into());
        };
        if let Some(look) = self.list.look(at)?
            && let Some(moved) = array::moved(py, &self.list, look, || self.list.remove_array(at))?
        {
            return Ok(moved);
        }
        let snapshot = py.detach(|| self.list.remove(at).map(|value| Snapshot::of(&value)))?;
        value_out::detached(py, &snapshot, Structs::Namespaces)
    }

    /// Removes the first item that equals a value; raises ValueError if none does.
    fn remove(&self, value: &Bound<'_, PyAny>) -> Result<()> {
        let _lock = self.list.lock_token(true, None)?;
        let at = self.index(value, 0, isize::MAX)?;
        value.py().detach(|| self.list.delete(at))?;
        Ok(())
    }

    /// The position of the first item from `start` to before `stop` that equals a value; raises ValueError if none does.
    #[pyo3(signature = (value, start=0, stop=isize::MAX, /))]
    fn index(&self, value: &Bound<'_, PyAny>, start: isize, stop: isize) -> Result<usize> {
        let matches = self.matches(value)?;
        let bound = |at: isize| match usize::try_from(at) {
            Ok(at) => at.min(matches.len()),
            Err(_) => matches.len().saturating_sub(at.unsigned_abs()),
        };
        let (start, stop) = (bound(start), bound(stop));
        let found = (start..stop).find(|at| matches[*at]);
        found.ok_or_else(|| {
            // It may be long, or have no string at all: it may contain itself.
            let shown = value.str().map_or_else(
                |_| type_name(value),
                |text| text.to_string_lossy().chars().take(SHOWN).collect(),
            );
            let message = format!("{}: no item equals {shown}", self.list.path());
            Failure::Raised(PyValueError::new_err(message))
        })
    }

    /// How many items equal a value.
    fn count(&self, value: &Bound<'_, PyAny>) -> Result<usize> {
        Ok(self.matches(value)?.into_iter().filter(|matches| *matches).count())
    }

    /// Reverses the order of the items.
    fn reverse(&self, py: Python<'_>) -> Result<()> {
        let _lock = self.list.lock_token(true, None)?;
        let order: Vec<usize> = (0..self.list.len()?).rev().collect();
        Ok(py.detach(|| self.list.reorder(&order))?)
    }

    /// Sorts the items, as list.sort() does, in one operation. The list is locked during the comparisons; if one raises, the list
    /// does not change.
    ///
    ///     >>> items = structstore.StructStoreList([{"x": 2}, {"x": 1}])
    ///     >>> items.sort(key=lambda item: item.x)
    ///     >>> print(items)
    ///     [{"x": 1}, {"x": 2}]
    #[pyo3(signature = (*, key=None, reverse=false))]
    fn sort(&self, py: Python<'_>, key: Option<&Bound<'_, PyAny>>, reverse: bool) -> Result<()> {
        let _lock = self.list.lock_token(true, None)?;
        let items = match key {
            Some(key) => PyList::new(
                py,
                self.copy(py)?.try_iter()?.map(|item| key.call1((item?,))).collect::<PyResult<Vec<_>>>()?,
            )?,
            None => self.copy(py)?.cast_into::<PyList>()?,
        };
        let order = PyList::new(py, 0..items.len())?;
        let options = PyDict::new(py);
        options.set_item("key", items.getattr("__getitem__")?)?;
        options.set_item("reverse", reverse)?;
        order.call_method("sort", (), Some(&options))?;
        let order = order.extract::<Vec<usize>>()?;
        Ok(py.detach(|| self.list.reorder(&order))?)
    }

    /// Removes all items.
    fn clear(&self, py: Python<'_>) -> Result<()> {
        Ok(py.detach(|| self.list.clear())?)
    }

    /// Whether there are no items.
    fn empty(&self) -> Result<bool> {
        Ok(self.list.is_empty()?)
    }

    /// Verifies every invariant of the format below this list. Raises a CorruptError that names the damage.
    fn check(&self, py: Python<'_>) -> Result<()> {
        Ok(py.detach(|| self.list.check())?)
    }

    /// A complete copy, as of one moment: a list of namespaces, lists and arrays.
    fn deepcopy<'py>(&self, py: Python<'py>) -> Result<Bound<'py, PyAny>> {
        self.copy_of_items(py, Structs::Namespaces)
    }

    /// A list of the items; structures and arrays in it are those in the store.
    fn copy<'py>(&self, py: Python<'py>) -> Result<Bound<'py, PyAny>> {
        self.__getitem__(PySlice::full(py).as_any())
    }

    /// A complete copy, as of one moment: a list of dicts, lists and arrays.
    fn to_list<'py>(&self, py: Python<'py>) -> Result<Bound<'py, PyAny>> {
        self.copy_of_items(py, Structs::Dicts)
    }

    /// The same as write_lock().
    #[pyo3(signature = (timeout=None))]
    fn lock(slf: &Bound<'_, Self>, timeout: Option<f64>) -> Result<Lock> {
        Self::write_lock(slf, timeout)
    }

    /// A lock on the list and everything below it, for changing: while the body of a `with` statement runs,
    /// no other thread or process can read or change it. See Lock.
    ///
    /// `timeout` is in seconds; None waits without bound. Locks belong to threads and nest.
    #[pyo3(signature = (timeout=None))]
    fn write_lock(slf: &Bound<'_, Self>, timeout: Option<f64>) -> Result<Lock> {
        Lock::new(slf.py(), Structure::List(slf.clone().unbind()), true, timeout)
    }

    /// Reports changes by any process in the list and below it. See Watch.
    fn watch(&self) -> Result<Watch> {
        Ok(self.list.watch()?.into())
    }

    /// Waits until something in the list or below it changes; returns whether it did within `timeout` seconds. It misses changes
    /// between two calls; watch() misses nothing.
    #[pyo3(signature = (timeout=None))]
    fn wait(&self, py: Python<'_>, timeout: Option<f64>) -> Result<bool> {
        let timeout = timeout.map(|seconds| duration(py, seconds)).transpose()?;
        Ok(py.detach(|| self.list.wait(timeout))?)
    }

    /// Calls a function in a background thread with the paths that change. Returns a Subscription; its stop() ends it.
    fn on_change<'py>(&self, callback: &Bound<'py, PyAny>) -> Result<Bound<'py, PyAny>> {
        watch::subscribe(self.watch()?, callback)
    }

    /// A lock on the list and everything below it, for reading: others can read, too, but not change anything.
    #[pyo3(signature = (timeout=None))]
    fn read_lock(slf: &Bound<'_, Self>, timeout: Option<f64>) -> Result<Lock> {
        Lock::new(slf.py(), Structure::List(slf.clone().unbind()), false, timeout)
    }
}

/// Goes through a list, of which it holds nothing between two items.
#[pyclass(frozen, module = "structstore")]
struct StructStoreListIterator {
    /// A reference of its own; null once the end was reached, where it stays. Threads take turns by the GIL.
    list: AtomicPtr<ffi::PyObject>,
    next: AtomicUsize,
}

impl StructStoreListIterator {
    /// Lets go of the list.
    fn end(&self, py: Python<'_>) {
        let list = self.list.swap(std::ptr::null_mut(), Ordering::Relaxed);
        // SAFETY: the reference that the iterator had, which it gives up.
        drop(unsafe { Bound::from_owned_ptr_or_opt(py, list) });
    }
}

impl Drop for StructStoreListIterator {
    fn drop(&mut self) {
        Python::attach(|py| self.end(py));
    }
}

#[pymethods]
impl StructStoreListIterator {
    fn __iter__<'py>(slf: &Bound<'py, Self>) -> Bound<'py, Self> {
        slf.clone()
    }

    fn __next__<'py>(&self, py: Python<'py>) -> Result<Option<Bound<'py, PyAny>>> {
        // SAFETY: a list, of which this takes another reference before any other thread can have the GIL.
        let list = unsafe { Bound::from_borrowed_ptr_or_opt(py, self.list.load(Ordering::Relaxed)) };
        let Some(list) = list else { return Ok(None) };
        let list = list.cast_into::<StructStoreList>().map_err(PyErr::from)?;
        let index = self.next.load(Ordering::Relaxed);
        // A plain store: only `at` may give the GIL away.
        self.next.store(index.saturating_add(1), Ordering::Relaxed);
        let item = list.get().at(py, index)?;
        if item.is_none() {
            self.end(py);
        }
        Ok(item)
    }
}
