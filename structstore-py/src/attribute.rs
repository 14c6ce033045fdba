//! The attributes of a dataclass that is bound to a struct. What is of one of the types that its annotation names is read and
//! assigned here; anything else is left to Python, which converts it.

use std::cell::RefCell;

use pyo3::exceptions::{PyAttributeError, PyTypeError};
use pyo3::ffi;
use pyo3::gc::{PyTraverseError, PyVisit};
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyString, PyType};
use structstore::Key;

use crate::error::{Failure, Result};
use crate::store::StructStore;

/// The base of classes that are laid over a struct. It has no contents, so a class with slots may be a base, too.
#[pyclass(frozen, subclass, module = "structstore", name = "_Bound")]
pub(crate) struct Laid;

/// How many attributes a thread remembers.
const PLACES: usize = 256;

/// A class, a name, and the attribute that it leads to. It keeps both objects, so that no others have their addresses.
type Known = Option<(Py<PyType>, Py<PyString>, Py<Attribute>)>;

thread_local! {
    /// The attributes that were assigned to last, each at a place that class and name choose.
    static KNOWN: RefCell<[Known; PLACES]> = const { RefCell::new([const { None }; PLACES]) };
}

/// The attribute of this name, if it is a field.
fn attribute<'py>(
    bound: &Bound<'py, Laid>,
    name: &Bound<'py, PyString>,
) -> PyResult<Option<Bound<'py, Attribute>>> {
    let (py, class) = (bound.py(), bound.get_type());
    let place = (class.as_ptr() as usize / 16) ^ (name.as_ptr() as usize / 16);
    let known = KNOWN.with_borrow(|known| match &known[place % PLACES] {
        Some((of, to, found)) if of.as_ptr() == class.as_ptr() && to.as_ptr() == name.as_ptr() => {
            Some(found.bind(py).clone())
        }
        _ => None,
    });
    if known.is_some() {
        return Ok(known);
    }
    let Some(found) = class.getattr_opt(name)? else {
        let class = class.qualname()?;
        let error = PyAttributeError::new_err(format!("{class} has no field {}", name.repr()?));
        error.value(py).setattr("name", name)?;
        error.value(py).setattr("obj", bound)?;
        return Err(error);
    };
    let Ok(found) = found.cast_into::<Attribute>() else { return Ok(None) };
    let entry = (class.clone().unbind(), name.clone().unbind(), found.clone().unbind());
    // What goes is dropped after the table was given back: its destructor may run any code.
    drop(KNOWN.with_borrow_mut(|known| known[place % PLACES].replace(entry)));
    Ok(Some(found))
}

#[pymethods]
impl Laid {
    #[new]
    fn new() -> Laid {
        Laid
    }

    fn __setattr__(
        slf: &Bound<'_, Self>,
        name: &Bound<'_, PyString>,
        value: &Bound<'_, PyAny>,
    ) -> Result<()> {
        if let Some(attribute) = attribute(slf, name)? {
            return attribute.get().assign(slf.as_any(), value);
        }
        // SAFETY: three objects.
        match unsafe { ffi::PyObject_GenericSetAttr(slf.as_ptr(), name.as_ptr(), value.as_ptr()) } {
            0 => Ok(()),
            _ => Err(PyErr::fetch(slf.py()).into()),
        }
    }
}

/// A field of a bound dataclass, as an attribute of its class.
#[pyclass(frozen, module = "structstore", name = "_Attribute")]
pub(crate) struct Attribute {
    name: Py<PyString>,
    /// Values of these types need no look at the annotation.
    exact: Vec<Py<PyType>>,
    /// `get(bound, value)` makes what is returned of a value of another type; `put(bound, value)` assigns one.
    get: Py<PyAny>,
    put: Py<PyAny>,
    structure: PyOnceLock<Member>,
}

/// The slot of a class in which its instances have their struct.
struct Member {
    descriptor: Py<PyAny>,
    read: ffi::descrgetfunc,
}

impl Attribute {
    fn structure<'py>(&self, bound: &Bound<'py, PyAny>) -> Result<Bound<'py, StructStore>> {
        let py = bound.py();
        let Some(member) = self.structure.get(py) else {
            return Err(Failure::Raised(PyAttributeError::new_err(
                "a class that is not laid over a structure",
            )));
        };
        // SAFETY: the function is that of the descriptor's type, for an object and its class; it returns a new reference or an
        // exception.
        let structure = unsafe {
            let found = (member.read)(member.descriptor.as_ptr(), bound.as_ptr(), bound.get_type().as_ptr());
            Bound::from_owned_ptr_or_err(py, found)?
        };
        Ok(structure.cast_into::<StructStore>().map_err(PyErr::from)?)
    }

    fn is_exact(&self, value: &Bound<'_, PyAny>) -> bool {
        let class = value.get_type_ptr().cast::<ffi::PyObject>();
        self.exact.iter().any(|exact| exact.as_ptr() == class)
    }

    fn assign(&self, bound: &Bound<'_, PyAny>, value: &Bound<'_, PyAny>) -> Result<()> {
        if self.is_exact(value) {
            let (structure, name) = (self.structure(bound)?, self.name.bind(bound.py()));
            return structure.get().assign(Key::new(name.to_str()?), value);
        }
        self.put.call1(bound.py(), (bound, value))?;
        Ok(())
    }
}

#[pymethods]
impl Attribute {
    #[new]
    fn new(name: Py<PyString>, exact: Vec<Py<PyType>>, get: Py<PyAny>, put: Py<PyAny>) -> Attribute {
        Attribute { name, exact, get, put, structure: PyOnceLock::new() }
    }

    /// Tells where instances have their struct: the descriptor of a slot.
    fn _place(&self, py: Python<'_>, descriptor: Py<PyAny>) -> Result<()> {
        // SAFETY: a type, and a slot of one; what is there is such a function or null.
        let read = unsafe {
            let class = ffi::Py_TYPE(descriptor.as_ptr());
            let read = ffi::PyType_GetSlot(class, ffi::Py_tp_descr_get);
            std::mem::transmute::<*mut std::ffi::c_void, Option<ffi::descrgetfunc>>(read)
        };
        let read = read.ok_or_else(|| PyTypeError::new_err("expected the descriptor of a slot"))?;
        let _ = self.structure.set(py, Member { descriptor, read });
        Ok(())
    }

    fn __get__<'py>(
        slf: &Bound<'py, Self>,
        bound: Option<&Bound<'py, PyAny>>,
        _class: Option<&Bound<'py, PyAny>>,
    ) -> Result<Bound<'py, PyAny>> {
        let Some(bound) = bound else { return Ok(slf.clone().into_any()) };
        let (py, own) = (slf.py(), slf.get());
        let value = StructStore::item(&own.structure(bound)?, own.name.bind(py).as_any())?;
        if own.is_exact(&value) {
            return Ok(value);
        }
        Ok(own.get.bind(py).call1((bound, value))?)
    }

    fn __set__(&self, bound: &Bound<'_, PyAny>, value: &Bound<'_, PyAny>) -> Result<()> {
        self.assign(bound, value)
    }

    fn __traverse__(&self, visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
        self.exact.iter().try_for_each(|exact| visit.call(exact))?;
        visit.call(&self.get)?;
        visit.call(&self.put)
    }
}
