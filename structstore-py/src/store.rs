//! Structs: local stores, the roots of shared ones, and everything that is nested in either.

use std::borrow::Cow;

use pyo3::exceptions::{PyAttributeError, PyKeyError, PyTypeError};
use pyo3::ffi;
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDict, PyIterator, PyList, PyString, PyTuple};
use structstore::binding_support::{HandleExt, Snapshot, StructExt};
use structstore::path::{Path, Step};
use structstore::{Error, ErrorKind, Key, Struct, Value};

use crate::array;
use crate::document;
use crate::error::{Failure, Result, looked_for, type_name};
use crate::from_bytes::FromBytes;
use crate::gil;
use crate::list::StructStoreList;
use crate::local::local;
use crate::lock::{Lock, Structure};
use crate::object;
use crate::pickling::{self, Reduced};
use crate::printing::{self, printed, represented};
use crate::reserved::is_reserved;
use crate::shared::{Shared, StructStoreShared};
use crate::statistics::Statistics;
use crate::timeout::duration;
use crate::transaction::Transaction;
use crate::value_in::{self, Inputs, plain_scalar};
use crate::value_out::{self, Place, Structs};
use crate::watch::{self, Watch};

/// Named fields in order of insertion: a local store of this process, or a struct nested in a store.
///
/// Fields are attributes (`store.num = 5`) and items (`store["any name"]`). An attribute that is a method stays one, whatever fields any
/// process adds: a field called `size` is `store["size"]`, and assigning `store.size` is an error. These names, in alphabetical order, are
/// all that are taken: allocated, at, check, clear, close, copy, deepcopy, empty, from_bytes, get, items, keys, lifetime, lock, notify,
/// on_change, open_read_only, pop, popitem, read_lock, rename, revalidate, setdefault, size, stats, store, to, to_bytes, to_dict,
/// to_json, to_yaml, transaction, update, valid, values, wait, watch, write_lock. Everything else is a function of the module.
///
/// Numbers, strings and bytes come back by value, lists and structs as handles to the contents of the store, arrays as NumPy
/// arrays over the store's own memory.
///
/// Assigned values are copied into the store:
///
/// - None, bool, int, float, complex, str, bytes, datetime, date, timedelta and NumPy's times come back unchanged; NumPy's numbers as
///   Python's, enum members as their values, paths as str.
/// - Lists and tuples become lists. Mappings with str keys, named tuples, dataclasses, attrs and pydantic instances, and other objects whose
///   attributes are all public become structures; `to()` and `bind()` make classes of them again.
/// - NumPy arrays of any type but object become arrays, and so do those of other packages, by `__array__`, DLPack or Arrow's C interface.
///   DataFrames and tables become structures of columns.
/// - Everything else raises UnsupportedError, which says what to store instead.
///
/// An operation happens completely or not at all; other processes never see a part of it.
///
/// A handle to a structure that was removed or replaced raises StaleHandleError.
///
///     >>> store = structstore.StructStore()
///     >>> store.num = 5
///     >>> store["any name"] = [1, {"x": 2.5}]
///     >>> store.vec = np.zeros(3)
///     >>> store.vec[0] += 1  # in the store
///     >>> print(store)
///     {"num": 5, "any name": [1, {"x": 2.5}], "vec": [1.0, 0.0, 0.0]}
///     >>> del store.num
///     >>> store.num
///     Traceback (most recent call last):
///     structstore.NotFoundError: num: no such field or method
#[pyclass(frozen, subclass, module = "structstore")]
pub(crate) struct StructStore {
    root: Root,
}

enum Root {
    Node(Struct),
    Shared(Box<Shared>),
}

impl From<Struct> for StructStore {
    fn from(node: Struct) -> StructStore {
        StructStore { root: Root::Node(node) }
    }
}

impl From<Shared> for StructStore {
    fn from(shared: Shared) -> StructStore {
        StructStore { root: Root::Shared(Box::new(shared)) }
    }
}

impl StructStore {
    /// The struct; of a shared store the root that it has now.
    #[inline]
    pub(crate) fn root(&self) -> Result<Cow<'_, Struct>> {
        match &self.root {
            Root::Node(node) => Ok(Cow::Borrowed(node)),
            Root::Shared(shared) => shared.root().map(Cow::Owned),
        }
    }

    pub(crate) fn shared(&self) -> Option<&Shared> {
        match &self.root {
            Root::Node(_) => None,
            Root::Shared(shared) => Some(shared),
        }
    }

    /// Does something with the struct. For what is to be fast: no `Cow` is passed around.
    #[inline]
    pub(crate) fn with<T>(&self, py: Python<'_>, operation: impl FnOnce(&Struct) -> Result<T>) -> Result<T> {
        match &self.root {
            Root::Node(node) => operation(node),
            Root::Shared(shared) => shared.with(py, operation),
        }
    }

    /// A field, if there is one of that name.
    #[inline(always)]
    fn find<'py>(&self, py: Python<'py>, key: &Key<'_>) -> Result<Option<Bound<'py, PyAny>>> {
        self.with(py, |root| value_out::read(py, Place::Field(root, key)))
    }

    fn field<'py>(&self, py: Python<'py>, key: Key<'_>) -> Result<Bound<'py, PyAny>> {
        self.find(py, &key)?.ok_or_else(|| self.missing(&key))
    }

    #[cold]
    fn missing(&self, key: &Key<'_>) -> Failure {
        match self.root() {
            Ok(root) => Error::new(ErrorKind::NotFound).under(key.name()).below(root.path()).into(),
            Err(failure) => failure,
        }
    }

    pub(crate) fn assign(&self, key: Key<'_>, object: &Bound<'_, PyAny>) -> Result<()> {
        self.with(object.py(), |root| match plain_scalar(object) {
            Some(scalar) => Ok(root.set(key, Value::Scalar(scalar))?),
            None => assign(root, key, object),
        })
    }

    /// A field, by any object that is to be its name.
    #[inline]
    pub(crate) fn item<'py>(slf: &Bound<'py, Self>, name: &Bound<'py, PyAny>) -> Result<Bound<'py, PyAny>> {
        let found = slf.get().field(slf.py(), key(name)?);
        found.map_err(|failure| looked_for(failure, slf.as_any(), name, false))
    }

    /// The struct with all below it, detached.
    fn snapshot<'py>(&self, py: Python<'py>, structs: Structs) -> Result<Bound<'py, PyAny>> {
        let root = self.root()?;
        let snapshot = py.detach(|| root.snapshot())?;
        value_out::detached(py, &snapshot, structs)
    }
}

/// Assigns an object that is no plain number.
fn assign(root: &Struct, key: Key<'_>, object: &Bound<'_, PyAny>) -> Result<()> {
    if value_in::is_part(object, || root.get(key)) {
        // As after `store.vec += 1`, which has changed the elements in place.
        return match array::is_view(object) {
            true => Ok(root.notify(key.name())?),
            false => Ok(()),
        };
    }
    let inputs = Inputs::default();
    let value = inputs.value(object).map_err(|failure| failure.under(key.name()).below(root.path()))?;
    inputs.run(object.py(), || root.set(key, value))
}

/// Whether the object is of a class derived from those of this module, which may have attributes of its own.
fn is_subclass(object: &Bound<'_, StructStore>) -> bool {
    !object.is_exact_instance_of::<StructStore>() && !object.is_exact_instance_of::<StructStoreShared>()
}

/// Whether assigning an attribute, or deleting it, is about the object itself, and not about a field.
///
/// # Errors
///
/// AttributeError if it is a method, or another attribute of the class that cannot be assigned.
fn is_own(object: &Bound<'_, StructStore>, name: &Bound<'_, PyString>) -> Result<bool> {
    let (py, field) = (object.py(), name.to_str()?);
    if is_dunder(field) {
        return Ok(true);
    }
    let reserved = is_reserved(py, &Key::new(field));
    if !reserved && !is_subclass(object) {
        return Ok(false);
    }
    match object.get_type().getattr_opt(name)? {
        None if !reserved => return Ok(false),
        Some(found) if !reserved && found.get_type().hasattr(intern!(py, "__set__"))? => return Ok(true),
        _ => {}
    }
    let class = match (reserved, py.get_type::<StructStore>().hasattr(name)?) {
        (true, true) => "StructStore".to_owned(),
        (true, false) => "StructStoreShared".to_owned(),
        (false, _) => object.get_type().name()?.to_string(),
    };
    let message = format!(
        "{field:?} is an attribute of the class {class}; a field of this name is an item: store[{field:?}]"
    );
    Err(Failure::Raised(PyAttributeError::new_err(message)))
}

fn is_dunder(name: &str) -> bool {
    name.len() > 4 && name.starts_with("__") && name.ends_with("__")
}

/// What a path leads to.
fn at_path<'py>(store: &Bound<'py, StructStore>, path: &str) -> Result<Bound<'py, PyAny>> {
    let (py, path) = (store.py(), path.parse::<Path>()?);
    if path.is_root() {
        return Ok(store.clone().into_any());
    }
    let root = store.get().root()?;
    let read = |steps: &[Step]| match steps {
        [] => Ok(Some(store.clone().into_any())),
        steps => value_out::read(py, Place::Path(&root, steps)),
    };
    let failure = match read(path.steps()) {
        Ok(Some(found)) => return Ok(found),
        Ok(None) => Failure::from(Error::new(ErrorKind::NotFound)),
        Err(failure) => failure,
    };
    if failure.kind() == Some(ErrorKind::NotFound) {
        // The struct in which the name was not found, which may have one that is much like it.
        for (at, step) in path.steps().iter().enumerate().rev() {
            if let (Ok(Some(found)), Step::Name(name)) = (read(&path.steps()[..at]), step) {
                return Err(looked_for(failure, &found, PyString::new(py, name).as_any(), false));
            }
        }
    }
    Err(failure)
}

/// The name of a field as an item; a dot in it is just a dot.
fn key<'a>(name: &'a Bound<'_, PyAny>) -> Result<Key<'a>> {
    match name.cast::<PyString>() {
        Ok(name) => Ok(Key::new(name.to_str()?)),
        Err(_) => {
            let message = format!("names of fields are str, not {}", type_name(name));
            Err(Failure::Raised(PyTypeError::new_err(message)))
        }
    }
}

fn generic_get<'py>(
    object: &Bound<'py, StructStore>,
    name: &Bound<'py, PyString>,
) -> PyResult<Bound<'py, PyAny>> {
    // SAFETY: two objects; a new reference or an exception is returned.
    unsafe {
        let found = ffi::PyObject_GenericGetAttr(object.as_ptr(), name.as_ptr());
        Bound::from_owned_ptr_or_err(object.py(), found)
    }
}

/// Sets an attribute of the object itself, or deletes it if there is no value.
fn generic_set(
    object: &Bound<'_, StructStore>,
    name: &Bound<'_, PyString>,
    value: Option<&Bound<'_, PyAny>>,
) -> PyResult<()> {
    let value = value.map_or(std::ptr::null_mut(), Bound::as_ptr);
    // SAFETY: two objects, and a third or null.
    match unsafe { ffi::PyObject_GenericSetAttr(object.as_ptr(), name.as_ptr(), value) } {
        0 => Ok(()),
        _ => Err(PyErr::fetch(object.py())),
    }
}

/// The fields of a mapping, an object with attributes or an iterable of pairs, as a struct value.
fn fields_of<'k, 'py>(
    inputs: &'k Inputs<'py>,
    source: &Bound<'py, PyAny>,
) -> Result<Vec<(Cow<'k, str>, Value<'k>)>> {
    let is_mapping = source.is_instance_of::<PyDict>() || source.is_instance_of::<StructStore>();
    let value = if is_mapping || !source.hasattr("keys")? && source.try_iter().is_err() {
        inputs.value(source)?
    } else {
        inputs.value(source.py().get_type::<PyDict>().call1((source,))?.as_any())?
    };
    match value {
        Value::Struct(fields) => Ok(fields),
        other => Err(Error::wrong_type(other.kind().name(), "named fields").into()),
    }
}

/// A local store with the fields of two mappings, of which those of the second win.
fn merged<'py>(first: &Bound<'py, PyAny>, second: &Bound<'py, PyAny>) -> Result<Bound<'py, PyAny>> {
    let py = first.py();
    let is_mapping = |object: &Bound<'py, PyAny>| {
        object.is_instance_of::<PyDict>() || object.is_instance_of::<StructStore>()
    };
    if !is_mapping(first) || !is_mapping(second) {
        return Ok(py.NotImplemented().into_bound(py));
    }
    let store = StructStore::from(Struct::clone(&*local()?));
    store.update(py, Some(first), None)?;
    store.update(py, Some(second), None)?;
    Ok(Bound::new(py, store)?.into_any())
}

/// Whether an object is a handle to this struct.
pub(crate) fn is_same(object: &Bound<'_, PyAny>, node: &Struct) -> bool {
    object.cast::<StructStore>().is_ok_and(|store| store.get().root().is_ok_and(|root| root.is_same(node)))
}

/// An argument that may be left out, where None means None.
enum Fallback<'py> {
    Missing,
    Given(Bound<'py, PyAny>),
}

impl<'a, 'py> FromPyObject<'a, 'py> for Fallback<'py> {
    type Error = std::convert::Infallible;

    fn extract(object: Borrowed<'a, 'py, PyAny>) -> Result<Self, Self::Error> {
        Ok(Fallback::Given(object.to_owned()))
    }
}

#[pymethods]
impl StructStore {
    #[new]
    #[pyo3(signature = (*_arguments, **_keywords), text_signature = "(other=None, /, **fields)")]
    fn new(_arguments: &Bound<'_, PyTuple>, _keywords: Option<&Bound<'_, PyDict>>) -> Result<StructStore> {
        Ok(StructStore::from(Struct::clone(&*local()?)))
    }

    /// Assigns the fields of a mapping, an iterable of pairs or an object with attributes, and those given by name, as update() does.
    #[pyo3(signature = (other=None, /, **fields))]
    fn __init__(
        &self,
        py: Python<'_>,
        other: Option<&Bound<'_, PyAny>>,
        fields: Option<&Bound<'_, PyDict>>,
    ) -> Result<()> {
        self.update(py, other, fields)
    }

    fn __getattribute__<'py>(
        slf: &Bound<'py, Self>,
        name: &Bound<'py, PyString>,
    ) -> Result<Bound<'py, PyAny>> {
        let field = match name.to_str() {
            Ok(field) if !is_dunder(field) => field,
            _ => return Ok(generic_get(slf, name)?),
        };
        let key = Key::new(field);
        if is_subclass(slf) {
            // At the class first: most names are those of fields.
            if slf.get_type().hasattr(name)? {
                return Ok(generic_get(slf, name)?);
            }
        } else if is_reserved(slf.py(), &key) {
            match generic_get(slf, name) {
                Ok(found) => return Ok(found),
                // A property that raises.
                Err(error) if slf.get_type().hasattr(name)? => return Err(error.into()),
                Err(_) => {}
            }
        }
        match slf.get().find(slf.py(), &key)? {
            Some(value) => Ok(value),
            // `__getattr__`, which is called for it, says what is missing.
            None => Err(PyAttributeError::new_err(()).into()),
        }
    }

    fn __getattr__<'py>(slf: &Bound<'py, Self>, name: &Bound<'py, PyString>) -> Result<Bound<'py, PyAny>> {
        match name.to_str() {
            // A property of a subclass that raised AttributeError, which is not about a field.
            Ok(field) if !is_dunder(field) && is_subclass(slf) && slf.get_type().hasattr(name)? => {
                Ok(generic_get(slf, name)?)
            }
            Ok(field) if !is_dunder(field) => slf
                .get()
                .field(slf.py(), Key::new(field))
                .map_err(|failure| looked_for(failure, slf.as_any(), name.as_any(), true)),
            _ => {
                let message = format!("{} object has no attribute {}", type_name(slf), name.repr()?);
                Err(Failure::Raised(PyAttributeError::new_err(message)))
            }
        }
    }

    fn __setattr__(
        slf: &Bound<'_, Self>,
        name: &Bound<'_, PyString>,
        value: &Bound<'_, PyAny>,
    ) -> Result<()> {
        match is_own(slf, name)? {
            true => Ok(generic_set(slf, name, Some(value))?),
            false => slf.get().assign(Key::new(name.to_str()?), value),
        }
    }

    fn __delattr__(slf: &Bound<'_, Self>, name: &Bound<'_, PyString>) -> Result<()> {
        match is_own(slf, name)? {
            true => Ok(generic_set(slf, name, None)?),
            false => Ok(slf.get().root()?.delete(name.to_str()?)?),
        }
    }

    fn __getitem__<'py>(slf: &Bound<'py, Self>, name: &Bound<'py, PyAny>) -> Result<Bound<'py, PyAny>> {
        Self::item(slf, name)
    }

    fn __setitem__(&self, name: &Bound<'_, PyAny>, value: &Bound<'_, PyAny>) -> Result<()> {
        self.assign(key(name)?, value)
    }

    fn __delitem__(&self, name: &Bound<'_, PyAny>) -> Result<()> {
        Ok(self.root()?.delete(key(name)?)?)
    }

    fn __contains__(&self, name: &Bound<'_, PyAny>) -> Result<bool> {
        match name.cast::<PyString>().map(|name| name.to_str()) {
            Ok(Ok(name)) => Ok(self.root()?.contains(name)?),
            // Nor has a string with lone surrogates a field.
            _ => Ok(false),
        }
    }

    fn __len__(&self) -> Result<usize> {
        Ok(self.root()?.len()?)
    }

    /// Iterates over the names of the fields as they are now.
    fn __iter__<'py>(&self, py: Python<'py>) -> Result<Bound<'py, PyIterator>> {
        Ok(self.keys(py)?.try_iter()?)
    }

    /// Equality with structs of any store, dicts, namespaces and dataclasses, by value.
    fn __eq__(&self, other: &Bound<'_, PyAny>) -> Result<Py<PyAny>> {
        let root = self.root()?;
        if !other.is_instance_of::<StructStore>()
            && !other.is_instance_of::<PyDict>()
            && !object::is_record(other)?
        {
            return Ok(other.py().NotImplemented());
        }
        value_in::equals(other, || root.to_value())
    }

    fn __dir__<'py>(slf: &Bound<'py, Self>) -> Result<Bound<'py, PyList>> {
        let py = slf.py();
        let names = py.import("builtins")?.call_method1("dir", (slf.get_type(),))?.cast_into::<PyList>()?;
        // What cannot be read now has no fields to show.
        if let Ok(root) = slf.get().root()
            && let Ok(fields) = root.names()
        {
            for field in fields {
                names.append(field)?;
            }
        }
        Ok(names)
    }

    fn __repr__(slf: &Bound<'_, Self>) -> Result<String> {
        let (py, class) = (slf.py(), slf.get_type().name()?.to_string());
        let head = slf.get().shared().map_or_else(String::new, |shared| shared.to_string());
        Ok(match slf.get().root() {
            Ok(root) => represented(&*root, &class, &head, |brief| brief.fields(py, &root)),
            Err(_) => format!("<{class} {head}: closed>"),
        })
    }

    /// A structure is something, also if it is empty.
    fn __bool__(&self) -> bool {
        true
    }

    /// As JSON, in which long arrays, lists, strings and bytes are cut short.
    fn __str__(slf: &Bound<'_, Self>) -> Result<String> {
        match slf.get().root() {
            Ok(root) => printed(slf.py().detach(|| root.to_value())),
            Err(_) => Self::__repr__(slf),
        }
    }

    /// A part of a shared store is found again by its name, and anything else copied by value.
    fn __reduce__<'py>(&self, py: Python<'py>) -> Result<Reduced<'py>> {
        let root = self.root()?;
        pickling::reduce(py, root.origin(), "_restore", || py.detach(|| root.to_bytes()))
    }

    fn __copy__<'py>(&self, py: Python<'py>) -> Result<Bound<'py, PyAny>> {
        self.copy(py)
    }

    fn __deepcopy__<'py>(&self, py: Python<'py>, _memo: &Bound<'py, PyAny>) -> Result<Bound<'py, PyAny>> {
        self.deepcopy(py)
    }

    /// The names of the fields, in order.
    fn keys<'py>(&self, py: Python<'py>) -> Result<Bound<'py, PyList>> {
        Ok(PyList::new(py, self.root()?.names()?)?)
    }

    /// The fields, in order.
    fn values<'py>(&self, py: Python<'py>) -> Result<Bound<'py, PyList>> {
        Ok(PyList::new(py, self.fields(py)?.into_iter().map(|(_, value)| value))?)
    }

    /// The names and fields, in order.
    fn items<'py>(&self, py: Python<'py>) -> Result<Bound<'py, PyList>> {
        Ok(PyList::new(py, self.fields(py)?)?)
    }

    /// A field, or a default if it does not exist.
    ///
    ///     >>> structstore.StructStore().get("num", 0)
    ///     0
    #[pyo3(signature = (name, default=None, /))]
    fn get<'py>(
        &self,
        py: Python<'py>,
        name: &Bound<'py, PyAny>,
        default: Option<Bound<'py, PyAny>>,
    ) -> Result<Bound<'py, PyAny>> {
        let key = key(name)?;
        let found = self.find(py, &key)?;
        Ok(found.unwrap_or_else(|| default.unwrap_or_else(|| py.None().into_bound(py))))
    }

    /// Removes a field and returns a copy of its value, as deepcopy() does; or a default if it does not exist. A large array is not
    /// copied, unless in a transaction: the returned array keeps its memory of the store, which views of it share.
    ///
    ///     >>> store = structstore.StructStore()
    ///     >>> store.pose = {"x": 1.0}
    ///     >>> store.pop("pose")
    ///     namespace(x=1.0)
    ///     >>> store.pop("pose", None)
    #[pyo3(signature = (name, default=Fallback::Missing, /))]
    fn pop<'py>(
        &self,
        py: Python<'py>,
        name: &Bound<'py, PyAny>,
        default: Fallback<'py>,
    ) -> Result<Bound<'py, PyAny>> {
        let (root, key) = (self.root()?, key(name)?);
        let _lock = root.lock_token(true, None)?;
        if let Some(look) = root.look(&key)?
            && let Some(moved) = array::moved(py, &*root, look, || root.remove_array(key))?
        {
            return Ok(moved);
        }
        match (py.detach(|| root.remove(key).map(|value| Snapshot::of(&value))), default) {
            (Ok(value), _) => value_out::detached(py, &value, Structs::Namespaces),
            (Err(error), Fallback::Given(default)) if error.kind() == ErrorKind::NotFound => Ok(default),
            (Err(error), _) => Err(error.into()),
        }
    }

    /// Removes the last field and returns its name and a copy of its value; raises KeyError if the struct is empty.
    fn popitem<'py>(&self, py: Python<'py>) -> Result<(String, Bound<'py, PyAny>)> {
        let root = self.root()?;
        let _lock = root.lock_token(true, None)?;
        match root.names()?.pop() {
            Some(name) => {
                let value = py.detach(|| root.remove(&*name).map(|value| Snapshot::of(&value)))?;
                Ok((name, value_out::detached(py, &value, Structs::Namespaces)?))
            }
            None => Err(Failure::Raised(PyKeyError::new_err("popitem(): there are no fields"))),
        }
    }

    /// Assigns the fields of a mapping, as update() does.
    fn __ior__(&self, other: &Bound<'_, PyAny>) -> Result<()> {
        self.update(other.py(), Some(other), None)
    }

    /// A new local store with the fields of both, of which those of `other` win.
    fn __or__<'py>(slf: &Bound<'py, Self>, other: &Bound<'py, PyAny>) -> Result<Bound<'py, PyAny>> {
        merged(slf.as_any(), other)
    }

    fn __ror__<'py>(slf: &Bound<'py, Self>, other: &Bound<'py, PyAny>) -> Result<Bound<'py, PyAny>> {
        merged(other, slf.as_any())
    }

    fn __reversed__<'py>(&self, py: Python<'py>) -> Result<Bound<'py, PyIterator>> {
        Ok(self.keys(py)?.call_method0("__reversed__")?.cast_into()?)
    }

    /// The names of the fields, for completion in IPython.
    fn _ipython_key_completions_<'py>(&self, py: Python<'py>) -> Result<Bound<'py, PyList>> {
        self.keys(py)
    }

    /// For notebooks: a tree that folds, with types, shapes and small images.
    fn _repr_html_<'py>(slf: &Bound<'py, Self>) -> Result<Bound<'py, PyAny>> {
        printing::html(slf.as_any())
    }

    /// The complete struct as an instance of a class, as of one moment: a dataclass, a named tuple, an attrs or pydantic class,
    /// SimpleNamespace, or dict[str, ...], checked against the annotations, nested ones included.
    ///
    /// Missing fields get the defaults of the class, and fields that the class does not know are left out. Raises WrongTypeError or
    /// NotFoundError, with the path of the field that does not fit.
    ///
    ///     >>> Pose = dataclasses.make_dataclass("Pose", [("x", float), ("y", float, 0.0)])
    ///     >>> store = structstore.StructStore()
    ///     >>> store.pose = {"x": 1}
    ///     >>> store.pose.to(Pose)
    ///     Pose(x=1.0, y=0.0)
    ///     >>> store.pose.x = "left"
    ///     >>> store.pose.to(Pose)
    ///     Traceback (most recent call last):
    ///     structstore.WrongTypeError: pose.x: found str, expected float
    fn to<'py>(&self, cls: &Bound<'py, PyAny>) -> Result<Bound<'py, PyAny>> {
        let (py, path) = (cls.py(), self.root()?.path().to_string());
        let typed = PyModule::import(py, "structstore._typed")?;
        Ok(typed.getattr("rebuild")?.call1((self.to_dict(py)?, cls, path))?)
    }

    /// The complete struct as JSON, as of one moment, from which from_json() restores it; indented by two spaces if `indent` is
    /// true. Values that JSON lacks have tags: an array is `{"$array": [1.5, 2.0], "dtype": "f32"}`, bytes are `{"$bytes": "00ff"}`,
    /// NaN is `{"$float": "NaN"}`. Integers and floats come back as 64-bit numbers of the same value.
    ///
    /// With `plain`, for programs that do not know the tags, arrays are lists and bytes are strings of hexadecimal digits. NaN,
    /// infinities and arrays of anything but numbers then raise UnsupportedError.
    ///
    ///     >>> store = structstore.StructStore(num=5, vec=np.arange(3))
    ///     >>> store.to_json()
    ///     '{"num": 5, "vec": {"$array": [0, 1, 2], "dtype": "i64"}}'
    ///     >>> store.to_json(plain=True)
    ///     '{"num": 5, "vec": [0, 1, 2]}'
    ///     >>> store.vec = np.array([0.5, np.nan])
    ///     >>> store.to_json(plain=True)
    ///     Traceback (most recent call last):
    ///     structstore.UnsupportedError: vec[1]: JSON has no NaN; without plain=True it gets a tag
    #[pyo3(signature = (indent=false, *, plain=false), text_signature = "($self, indent=False, *, plain=False)")]
    fn to_json(&self, py: Python<'_>, indent: bool, plain: bool) -> Result<String> {
        document::to_json(py, &*self.root()?, indent, plain)
    }

    /// The complete struct as YAML, as of one moment, from which from_yaml() restores it. It has the tags of to_json(), except for
    /// NaN and infinities, which YAML can write; with `plain`, it has none.
    #[pyo3(signature = (*, plain=false), text_signature = "($self, *, plain=False)")]
    fn to_yaml(&self, py: Python<'_>, plain: bool) -> Result<String> {
        document::to_yaml(py, &*self.root()?, plain)
    }

    /// Removes all fields.
    fn clear(&self, py: Python<'_>) -> Result<()> {
        let root = self.root()?;
        Ok(py.detach(|| root.clear())?)
    }

    /// Assigns the fields of a mapping, an iterable of pairs or an object with attributes, then those given by name. After an
    /// exception, none is assigned.
    ///
    ///     >>> store = structstore.StructStore()
    ///     >>> store.update({"num": 5}, name="arm")
    ///     >>> store.update(num=6, other={1, 2})
    ///     Traceback (most recent call last):
    ///     structstore.UnsupportedError: other: cannot store set; ...
    ///     >>> store.num
    ///     5
    #[pyo3(signature = (other=None, /, **fields))]
    fn update<'py>(
        &self,
        py: Python<'py>,
        other: Option<&Bound<'py, PyAny>>,
        fields: Option<&Bound<'py, PyDict>>,
    ) -> Result<()> {
        let root = self.root()?;
        let inputs = Inputs::default();
        let mut values = Vec::new();
        for source in other.into_iter().chain(fields.map(|fields| fields.as_any())) {
            if is_same(source, &root) {
                // It has them.
                continue;
            }
            let path = |failure: Failure| failure.below(root.path());
            values.extend(fields_of(&inputs, source).map_err(path)?);
        }
        inputs.run(py, || root.update(values.iter().map(|(name, value)| (&**name, value))))
    }

    /// A field, created with a default if it does not exist.
    ///
    ///     >>> store = structstore.StructStore()
    ///     >>> store.setdefault("log", []).append("started")
    ///     >>> store.log == ["started"]
    ///     True
    #[pyo3(signature = (name, default=None, /))]
    fn setdefault<'py>(
        &self,
        py: Python<'py>,
        name: &Bound<'py, PyAny>,
        default: Option<Bound<'py, PyAny>>,
    ) -> Result<Bound<'py, PyAny>> {
        let (root, key) = (self.root()?, key(name)?);
        let default = default.unwrap_or_else(|| py.None().into_bound(py));
        loop {
            // Again where somebody else removes it as soon as it is there.
            if let Some(found) = self.find(py, &key)? {
                return Ok(found);
            }
            let inputs = Inputs::default();
            let value =
                inputs.value(&default).map_err(|failure| failure.under(key.name()).below(root.path()))?;
            inputs.run(py, || root.get_or_insert(key, value.into_owned()))?;
        }
    }

    /// Gives a field another name. It keeps its value, its place in the order, and the handles to it.
    ///
    ///     >>> store = structstore.StructStore()
    ///     >>> store.update(vel=1.5, num=5)
    ///     >>> store.rename("vel", "velocity")
    ///     >>> store.keys()
    ///     ['velocity', 'num']
    fn rename(&self, name: &str, new_name: &str) -> Result<()> {
        Ok(self.root()?.rename(name, new_name)?)
    }

    /// The value at a path: a field, an item of a list, or an element of an array; only that element is copied. Several arguments
    /// are names, and indices into lists, that are followed one by one.
    ///
    ///     >>> store = structstore.StructStore()
    ///     >>> store.robots = [{"pose": {"x": 1.0}}]
    ///     >>> store.frame = np.zeros((480, 640))
    ///     >>> store.at("robots[0].pose.x"), store.at("frame[0, 5]")
    ///     (1.0, 0.0)
    ///     >>> store.at("robots", 0, "pose", "x")
    ///     1.0
    #[pyo3(signature = (*path))]
    fn at<'py>(slf: &Bound<'py, Self>, path: &Bound<'py, PyTuple>) -> Result<Bound<'py, PyAny>> {
        if path.len() == 1
            && let Ok(text) = path.get_item(0)?.cast::<PyString>()
        {
            return at_path(slf, text.to_str()?);
        }
        let mut found = slf.clone().into_any();
        for step in path {
            found = if let Ok(store) = found.cast::<StructStore>() {
                let field = store.get().field(slf.py(), key(&step)?);
                field.map_err(|failure| looked_for(failure, &found, &step, false))?
            } else if let Ok(list) = found.cast::<StructStoreList>() {
                list.get().item(&step)?
            } else {
                let message =
                    format!("{} has no parts, so {} leads nowhere", type_name(&found), step.repr()?);
                return Err(Failure::Raised(PyTypeError::new_err(message)));
            };
        }
        Ok(found)
    }

    /// A complete copy, as of one moment: a SimpleNamespace of namespaces, lists and arrays.
    ///
    ///     >>> store = structstore.StructStore()
    ///     >>> store.pose = {"x": 1.0, "vec": np.arange(3)}
    ///     >>> store.deepcopy()
    ///     namespace(pose=namespace(x=1.0, vec=array([0, 1, 2])))
    fn deepcopy<'py>(&self, py: Python<'py>) -> Result<Bound<'py, PyAny>> {
        self.snapshot(py, Structs::Namespaces)
    }

    /// A SimpleNamespace of the fields; structures and arrays in it are those in the store.
    ///
    ///     >>> store = structstore.StructStore()
    ///     >>> store.pose = {"x": 1.0}
    ///     >>> store.copy().pose.x = 2.0
    ///     >>> store.pose.x
    ///     2.0
    fn copy<'py>(&self, py: Python<'py>) -> Result<Bound<'py, PyAny>> {
        let (namespace, attributes) = value_out::namespace(py)?;
        for (name, value) in self.fields(py)? {
            attributes.set_item(name, value)?;
        }
        Ok(namespace)
    }

    /// A complete copy, as of one moment: a dict of dicts, lists and arrays.
    ///
    ///     >>> store = structstore.StructStore()
    ///     >>> store.pose = types.SimpleNamespace(x=1.0)
    ///     >>> store.to_dict()
    ///     {'pose': {'x': 1.0}}
    fn to_dict<'py>(&self, py: Python<'py>) -> Result<Bound<'py, PyAny>> {
        self.snapshot(py, Structs::Dicts)
    }

    /// The complete struct as a snapshot: bytes that keep types and order exactly, from which from_bytes() restores the contents in
    /// any store, on any machine. Of a stream, it has the newest sample; with `samples`, all samples that the stream keeps.
    #[pyo3(signature = (*, samples=false), text_signature = "($self, *, samples=False)")]
    fn to_bytes<'py>(&self, py: Python<'py>, samples: bool) -> Result<Bound<'py, PyBytes>> {
        let root = self.root()?;
        let snapshot = py.detach(|| if samples { root.to_bytes_with_samples() } else { root.to_bytes() })?;
        Ok(gil::bytes(py, &snapshot)?)
    }

    #[classattr]
    fn from_bytes() -> FromBytes {
        FromBytes::unbound()
    }

    /// Whether there are no fields.
    fn empty(&self) -> Result<bool> {
        Ok(self.root()?.is_empty()?)
    }

    /// Verifies every invariant of the format below this struct and, at the root of a shared store, that all memory is accounted
    /// for. Raises a CorruptError that names the damage.
    fn check(&self, py: Python<'_>) -> Result<()> {
        let root = self.root()?;
        Ok(py.detach(|| root.check())?)
    }

    /// The size of the store in bytes of memory.
    fn size(&self) -> Result<u64> {
        Ok(self.root()?.statistics().size)
    }

    /// How many bytes the contents of the store use, overhead included.
    fn allocated(&self) -> Result<u64> {
        Ok(self.root()?.statistics().allocated)
    }

    /// How much memory the store uses.
    fn stats(&self) -> Result<Statistics> {
        Ok(self.root()?.statistics().into())
    }

    /// The same as write_lock().
    #[pyo3(signature = (timeout=None))]
    fn lock(slf: &Bound<'_, Self>, timeout: Option<f64>) -> Result<Lock> {
        Self::write_lock(slf, timeout)
    }

    /// A lock on the struct and everything below it, for changing: while the body of a `with` statement runs,
    /// no other thread or process can read or change it. See Lock.
    ///
    /// `timeout` is in seconds; None waits without bound. Locks belong to threads and nest.
    ///
    ///     >>> store = structstore.StructStore()
    ///     >>> store.pose = {"x": 1.0, "y": 2.0}
    ///     >>> with store.pose.write_lock(timeout=0.1) as pose:
    ///     ...     pose.x, pose.y = pose.y, pose.x
    #[pyo3(signature = (timeout=None))]
    fn write_lock(slf: &Bound<'_, Self>, timeout: Option<f64>) -> Result<Lock> {
        slf.get().with(slf.py(), |_| Ok(()))?;
        Lock::new(slf.py(), Structure::Struct(slf.clone().unbind()), true, timeout)
    }

    /// Changes that happen completely or not at all: if the body of a `with` statement raises, or the process dies, all changes of
    /// this thread below the struct since then are undone. See Transaction.
    ///
    ///     >>> store = structstore.StructStore()
    ///     >>> store.num = 1
    ///     >>> with store.transaction():
    ///     ...     store.num = 2
    ///     ...     raise ValueError("no")
    ///     Traceback (most recent call last):
    ///     ValueError: no
    ///     >>> store.num
    ///     1
    #[pyo3(signature = (timeout=None))]
    fn transaction(slf: &Bound<'_, Self>, timeout: Option<f64>) -> Result<Transaction> {
        let root = slf.get().root()?.into_owned();
        Transaction::new(slf.as_any(), root, timeout)
    }

    /// Reports changes by any process in the struct and below it: `for paths in store.watch(): ...`. See Watch.
    fn watch(&self, py: Python<'_>) -> Result<Watch> {
        self.with(py, |root| Ok(root.watch()?.into()))
    }

    /// Waits until something in the struct or below it changes; returns whether it did within `timeout` seconds. It misses changes
    /// between two calls; watch() misses nothing.
    #[pyo3(signature = (timeout=None))]
    fn wait(&self, py: Python<'_>, timeout: Option<f64>) -> Result<bool> {
        let timeout = timeout.map(|seconds| duration(py, seconds)).transpose()?;
        let root = self.root()?;
        Ok(py.detach(|| root.wait(timeout))?)
    }

    /// Calls a function in a background thread with the paths that change. Returns a Subscription; its stop() ends it.
    fn on_change<'py>(&self, callback: &Bound<'py, PyAny>) -> Result<Bound<'py, PyAny>> {
        watch::subscribe(self.watch(callback.py())?, callback)
    }

    /// Tells watches that elements of the array of this name were written in place.
    fn notify(&self, name: &str) -> Result<()> {
        Ok(self.root()?.notify(name)?)
    }

    /// A lock on the struct and everything below it, for reading: others can read, too, but not change anything.
    #[pyo3(signature = (timeout=None))]
    fn read_lock(slf: &Bound<'_, Self>, timeout: Option<f64>) -> Result<Lock> {
        slf.get().with(slf.py(), |_| Ok(()))?;
        Lock::new(slf.py(), Structure::Struct(slf.clone().unbind()), false, timeout)
    }
}

impl StructStore {
    /// The names and fields, in order. Those that are removed meanwhile are left out.
    fn fields<'py>(&self, py: Python<'py>) -> Result<Vec<(String, Bound<'py, PyAny>)>> {
        let root = self.root()?;
        let names = root.names()?;
        let mut fields = Vec::with_capacity(names.len());
        for name in names {
            let key = Key::new(&name);
            if let Some(value) = value_out::read(py, Place::Field(&root, &key))? {
                fields.push((name, value));
            }
        }
        Ok(fields)
    }
}
