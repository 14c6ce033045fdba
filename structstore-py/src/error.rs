//! The engine's errors as exceptions.

use std::borrow::Cow;

use pyo3::exceptions::PyKeyboardInterrupt;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyDict, PyTuple, PyType};
use pyo3::{CastError, CastIntoError};
use structstore::path::{Path, Step};
use structstore::{Error, ErrorKind};

use crate::gil;

macro_rules! exceptions {
    ($($name:ident($($base:ident),*): $doc:literal;)*) => {
        /// An exception of this package.
        #[derive(Clone, Copy, PartialEq, Eq)]
        pub(crate) enum Exception { $($name),* }

        /// Names, bases and documentation, in the order of [`Exception`].
        const EXCEPTIONS: &[(&str, &[&str], &str)] = &[$((stringify!($name), &[$(stringify!($base)),*], $doc)),*];
    };
}

exceptions! {
    Error(Exception):
        "The base of all exceptions of this package. `path` names the value in question, if there is one. `errors` contains one exception per field, if several do not fit a class.";
    NotFoundError(Error, AttributeError, KeyError): "There is no field of that name.";
    AlreadyExistsError(Error, ValueError): "A field of that name already exists.";
    WrongTypeError(Error, TypeError): "A value does not have the requested or declared type.";
    UnsupportedError(Error, TypeError): "A value of a type that the store cannot hold.";
    RejectedError(Error, ValueError): "A conversion refused the value.";
    OtherVersionError(Error, TypeError): "The structure is of another version of the class.";
    DeclaredError(Error, TypeError): "A typed binding has fixed the field's type.";
    OutOfRangeError(Error, OverflowError, ValueError): "A number does not fit the requested or declared type.";
    LimitError(Error, ValueError): "A value is outside of the limits declared for its field.";
    IndexOutOfRangeError(Error, IndexError): "An index is beyond the end of a list.";
    InvalidNameError(Error, ValueError): "A name cannot be the name of a field or a segment.";
    InvalidArgumentError(Error, ValueError): "An argument is not acceptable.";
    TooDeepError(Error, ValueError): "A structure would nest deeper than the format allows, or contains itself.";
    OutOfSpaceError(Error, MemoryError): "The segment cannot grow any further.";
    TooManyError(Error, RuntimeError): "More threads, processes or locks than the format has room for.";
    StaleHandleError(Error, ReferenceError): "The structure has been removed or replaced.";
    HeldByGuardError(Error, RuntimeError): "A guard of this thread covers the structure.";
    InTransactionError(Error, RuntimeError): "A transaction of this thread covers only a part of it or another structure, or a transaction is ended by a thread that did not begin it.";
    AbandonedError(Error, RuntimeError): "A process died while changing it, and a read-only attachment cannot repair it.";
    DeadlockError(Error, RuntimeError): "This thread would wait for itself.";
    LockTimeoutError(Error, TimeoutError): "The lock was not granted in time.";
    NotReadyError(Error, TimeoutError): "The segment was not made ready, or did not appear, in time.";
    BoundError(Error, RuntimeError): "A live binding uses the structure, so it cannot be removed or replaced.";
    LeasedError(Error, BufferError): "Views of the array exist.";
    NoSampleError(Error, LookupError): "No sample of the stream has been published yet.";
    PublisherError(Error, RuntimeError): "Another process publishes to the stream.";
    FramesPinnedError(Error, BufferError): "Readers keep all frames of the stream in use.";
    ReadOnlyError(Error, PermissionError): "The store was opened read-only, or as an observer.";
    InUseError(Error, RuntimeError): "Processes have the store open, so its name is not removed.";
    DetachedError(Error, RuntimeError): "The process was forked and could not attach to the store.";
    ContendedError(Error, RuntimeError): "A read-only attachment found no moment without a change.";
    ForeignOwnerError(Error, PermissionError): "The segment belongs to another user.";
    ClosedError(Error, ValueError): "The store was closed.";
    CorruptError(Error, ValueError): "A segment or a snapshot contains bytes that violate the format.";
    MismatchError(CorruptError): "The bytes are not a segment or snapshot that this version can use.";
    IoError(Error, OSError): "The operating system reported an error.";
    NoSuchStoreError(IoError, FileNotFoundError): "There is no segment or file of that name.";
    AccessError(IoError, PermissionError): "The operating system denied access.";
}

/// Which exception an error becomes.
fn exception(error: &Error) -> Exception {
    match (error.kind(), error.io().map(std::io::Error::kind)) {
        (ErrorKind::Io, Some(std::io::ErrorKind::NotFound)) => Exception::NoSuchStoreError,
        (ErrorKind::Io, Some(std::io::ErrorKind::PermissionDenied)) => Exception::AccessError,
        (kind, _) => of_kind(kind).unwrap_or(Exception::Error),
    }
}

/// The exception for errors of a kind; `None` for an interrupted wait, which raises what the signal handler did.
fn of_kind(kind: ErrorKind) -> Option<Exception> {
    Some(match kind {
        ErrorKind::NotFound => Exception::NotFoundError,
        ErrorKind::AlreadyExists => Exception::AlreadyExistsError,
        ErrorKind::WrongType => Exception::WrongTypeError,
        ErrorKind::Unsupported => Exception::UnsupportedError,
        ErrorKind::Rejected => Exception::RejectedError,
        ErrorKind::OtherVersion => Exception::OtherVersionError,
        ErrorKind::Declared => Exception::DeclaredError,
        ErrorKind::OutOfRange => Exception::OutOfRangeError,
        ErrorKind::OutsideLimits => Exception::LimitError,
        ErrorKind::IndexOutOfRange => Exception::IndexOutOfRangeError,
        ErrorKind::InvalidName => Exception::InvalidNameError,
        ErrorKind::InvalidArgument => Exception::InvalidArgumentError,
        ErrorKind::TooDeep => Exception::TooDeepError,
        ErrorKind::OutOfSpace => Exception::OutOfSpaceError,
        ErrorKind::TooMany => Exception::TooManyError,
        ErrorKind::StaleHandle => Exception::StaleHandleError,
        ErrorKind::HeldByGuard => Exception::HeldByGuardError,
        ErrorKind::InTransaction => Exception::InTransactionError,
        ErrorKind::Abandoned => Exception::AbandonedError,
        ErrorKind::Deadlock => Exception::DeadlockError,
        ErrorKind::LockTimeout => Exception::LockTimeoutError,
        ErrorKind::NotReady => Exception::NotReadyError,
        ErrorKind::Bound => Exception::BoundError,
        ErrorKind::Leased => Exception::LeasedError,
        ErrorKind::NoSample => Exception::NoSampleError,
        ErrorKind::HasPublisher => Exception::PublisherError,
        ErrorKind::FramesPinned => Exception::FramesPinnedError,
        ErrorKind::ReadOnly => Exception::ReadOnlyError,
        ErrorKind::InUse => Exception::InUseError,
        ErrorKind::Detached => Exception::DetachedError,
        ErrorKind::Contended => Exception::ContendedError,
        ErrorKind::ForeignOwner => Exception::ForeignOwnerError,
        ErrorKind::Corrupt => Exception::CorruptError,
        ErrorKind::Mismatch => Exception::MismatchError,
        ErrorKind::Io => Exception::IoError,
        _ => return None,
    })
}

/// The kinds of errors without an exception. The tests in Python make sure that there are none.
#[pyfunction]
pub(crate) fn _unmapped_errors() -> Vec<String> {
    let unmapped = |kind: &&ErrorKind| **kind != ErrorKind::Interrupted && of_kind(**kind).is_none();
    ErrorKind::ALL.iter().filter(unmapped).map(|kind| format!("{kind:?}")).collect()
}

static CLASSES: PyOnceLock<Vec<Py<PyType>>> = PyOnceLock::new();

/// Adds the exceptions to the module.
pub(crate) fn add_exceptions(module: &Bound<'_, PyModule>) -> PyResult<()> {
    for ((name, ..), class) in EXCEPTIONS.iter().zip(classes(module.py())?) {
        module.add(*name, class)?;
    }
    Ok(())
}

fn classes(py: Python<'_>) -> PyResult<&Vec<Py<PyType>>> {
    CLASSES.get_or_try_init(py, || {
        let builtins = py.import("builtins")?;
        let mut classes: Vec<Py<PyType>> = Vec::with_capacity(EXCEPTIONS.len());
        for (name, bases, doc) in EXCEPTIONS {
            let own = |base: &str| EXCEPTIONS[..classes.len()].iter().position(|(name, ..)| *name == base);
            let bases: Vec<Bound<'_, PyAny>> = bases
                .iter()
                .map(|base| match own(base) {
                    Some(own) => Ok(classes[own].bind(py).clone().into_any()),
                    None => builtins.getattr(*base),
                })
                .collect::<PyResult<_>>()?;
            let members = PyDict::new(py);
            members.set_item("__module__", "structstore")?;
            members.set_item("__doc__", doc)?;
            if classes.is_empty() {
                members.set_item("path", py.None())?;
                members.set_item("errors", PyTuple::empty(py))?;
            }
            if *name == EXCEPTIONS[Exception::NotFoundError as usize].0 {
                // KeyError prints its argument's representation, which is nothing for messages.
                let message = c"lambda error: __import__('structstore._missing')._missing.message(error)";
                members.set_item("__str__", py.eval(message, None, None)?)?;
            }
            let class = py.get_type::<PyType>().call1((name, PyTuple::new(py, bases)?, members))?;
            classes.push(class.cast_into::<PyType>()?.unbind());
        }
        Ok(classes)
    })
}

impl Exception {
    /// The exception with a message, about the value at a path if it is about one.
    #[cold]
    pub(crate) fn raised(self, py: Python<'_>, message: &str, path: Option<&Path>) -> PyErr {
        self.build(py, (message,), path).unwrap_or_else(|error| error)
    }

    fn build<'py>(
        self,
        py: Python<'py>,
        args: impl pyo3::call::PyCallArgs<'py>,
        path: Option<&Path>,
    ) -> PyResult<PyErr> {
        let raised = classes(py)?[self as usize].bind(py).call1(args)?;
        if let Some(path) = path {
            raised.setattr("path", path.to_string())?;
        }
        Ok(PyErr::from_value(raised))
    }
}

/// What went wrong: in the engine, or in Python.
pub(crate) enum Failure {
    Error(Error),
    Raised(PyErr),
}

pub(crate) type Result<T, E = Failure> = std::result::Result<T, E>;

impl Failure {
    /// The kind of the error, if it is one of the engine's.
    pub(crate) fn kind(&self) -> Option<ErrorKind> {
        match self {
            Failure::Error(error) => Some(error.kind()),
            Failure::Raised(_) => None,
        }
    }

    /// Whether a value was refused that no store can hold.
    pub(crate) fn is_beyond_stores(&self) -> bool {
        matches!(self.kind(), Some(ErrorKind::Unsupported | ErrorKind::OutOfRange | ErrorKind::TooDeep))
    }

    /// Puts the name or index of what contains the value that the error is about in front of its path.
    #[cold]
    pub(crate) fn under(self, step: impl Into<Step>) -> Failure {
        match self {
            Failure::Error(error) => Failure::Error(error.under(step)),
            raised => raised,
        }
    }

    /// Puts the path of what contains the value that the error is about in front of its path.
    #[cold]
    pub(crate) fn below(self, path: Path) -> Failure {
        match self {
            Failure::Error(error) => Failure::Error(error.below(path)),
            raised => raised,
        }
    }
}

/// Remembers where a name was looked for that is not there, so that the message can say which names are near.
#[cold]
pub(crate) fn looked_for<'py>(
    failure: Failure,
    structure: &Bound<'py, PyAny>,
    name: &Bound<'py, PyAny>,
    is_attribute: bool,
) -> Failure {
    match failure {
        Failure::Error(error) if error.kind() == ErrorKind::NotFound => {
            let raised = raised(structure.py(), &error);
            let exception = raised.value(structure.py());
            let remembered = exception
                .setattr("_structure", structure)
                .and_then(|()| exception.setattr("_name", name))
                .and_then(|()| exception.setattr("_is_attribute", is_attribute));
            Failure::Raised(remembered.err().unwrap_or(raised))
        }
        other => other,
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Failure {
        Failure::Error(error)
    }
}

impl From<PyErr> for Failure {
    fn from(raised: PyErr) -> Failure {
        Failure::Raised(raised)
    }
}

impl<'a, 'py> From<CastError<'a, 'py>> for Failure {
    fn from(error: CastError<'a, 'py>) -> Failure {
        Failure::Raised(error.into())
    }
}

impl<'py> From<CastIntoError<'py>> for Failure {
    fn from(error: CastIntoError<'py>) -> Failure {
        Failure::Raised(error.into())
    }
}

impl From<Failure> for PyErr {
    #[cold]
    fn from(failure: Failure) -> PyErr {
        match failure {
            Failure::Error(error) => Python::attach(|py| raised(py, &error)),
            Failure::Raised(raised) => raised,
        }
    }
}

/// The exception that an error becomes; for an interrupted wait, what the signal handler raised.
fn raised(py: Python<'_>, error: &Error) -> PyErr {
    let exception = exception(error);
    if error.kind() == ErrorKind::Interrupted {
        return gil::take_raised().unwrap_or_else(|| PyKeyboardInterrupt::new_err(()));
    }
    match error.io().and_then(std::io::Error::raw_os_error) {
        Some(code) => {
            let message = error.to_string();
            // Python says the number itself.
            let message = message.strip_suffix(&format!(" (os error {code})")).unwrap_or(&message);
            exception.build(py, (code, message), None).unwrap_or_else(|error| error)
        }
        None => {
            let whole = exception.raised(py, &error.to_string(), error.path());
            if error.errors().count() == 1 {
                return whole;
            }
            let all: Vec<_> = error.errors().map(|error| raised(py, error).into_value(py)).collect();
            let told = PyTuple::new(py, all).and_then(|all| whole.value(py).setattr("errors", all));
            told.err().unwrap_or(whole)
        }
    }
}

/// The failure of storing an object of a type that a store does not hold.
pub(crate) fn unsupported(found: impl Into<Cow<'static, str>>, expected: &'static str) -> Failure {
    Failure::Error(Error::unsupported(found, expected))
}

/// What to do with an object of a type that a store does not hold, if that is known.
pub(crate) fn advice(name: &str) -> Option<&'static str> {
    Some(match name {
        "decimal.Decimal" => "store str(value), which is exact, or float(value)",
        "fractions.Fraction" => "store str(value), which is exact, or float(value)",
        "uuid.UUID" => "store str(value) or value.bytes",
        "set" | "frozenset" => "store list(value)",
        "range" => "store list(value), or an array: numpy.arange",
        "datetime.time" => "store value.isoformat()",
        "collections.deque" => "store list(value)",
        _ if name.starts_with("ipaddress.") => "store str(value)",
        _ => return None,
    })
}

/// The name of an object's type, with its module unless that is `builtins`.
pub(crate) fn type_name(object: &Bound<'_, PyAny>) -> String {
    let kind = object.get_type();
    match kind.fully_qualified_name() {
        Ok(name) => name.to_string_lossy().into_owned(),
        Err(_) => "an object".to_owned(),
    }
}
