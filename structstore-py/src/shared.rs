//! Shared stores.

use std::fmt;
use std::os::fd::{BorrowedFd, OwnedFd, RawFd};
use std::path::PathBuf;
use std::sync::{PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};
use std::time::{Duration, Instant};

use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyDict, PyTuple, PyType};
use structstore::binding_support::{OptionsExt, SharedExt};
use structstore::inspect::Participant;
use structstore::{Cleanup, Error, Struct};

use crate::error::{Exception, Failure, Result};
use crate::lent::Lent;
use crate::store::StructStore;
use crate::timeout::duration;

/// How long to sleep between two looks at a name that is to appear.
const POLL: Duration = Duration::from_millis(2);

/// Where a shared store is, whether that is a file, and whether it may belong to another user.
pub(crate) type ByName = (PathBuf, bool, bool);

/// An open shared store, and how to open it again.
pub(crate) struct Shared {
    place: Place,
    options: structstore::Options,
    /// Of the arguments, what another process needs to open the same: use_file, read_only, observe and any_owner.
    file: bool,
    read_only: bool,
    observe: bool,
    any_owner: bool,
    /// What is open, until it is closed. The lock is held for no longer than a look takes: an operation may wait for
    /// the GIL, which the thread may have that wants this lock.
    open: RwLock<Option<structstore::StructStoreShared>>,
    /// Its root.
    lent: Lent,
}

/// A group of users.
#[derive(FromPyObject)]
enum Group {
    Number(u32),
    Name(String),
}

enum Place {
    Path(PathBuf),
    Descriptor(OwnedFd),
}

impl Place {
    fn open(&self, options: &structstore::Options) -> structstore::Result<structstore::StructStoreShared> {
        match self {
            Place::Path(path) => options.open(path),
            Place::Descriptor(descriptor) => {
                let duplicate =
                    descriptor.try_clone().map_err(|source| cannot_duplicate(self.to_string(), source))?;
                options.open_fd(duplicate)
            }
        }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Place::Path(path) => path.display().fmt(f),
            Place::Descriptor(_) => f.write_str("an open file"),
        }
    }
}

fn cannot_duplicate(place: String, source: std::io::Error) -> Error {
    Error::os("duplicate", place, source)
}

impl Shared {
    fn look(&self) -> RwLockReadGuard<'_, Option<structstore::StructStoreShared>> {
        self.open.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn change(&self) -> RwLockWriteGuard<'_, Option<structstore::StructStoreShared>> {
        self.open.write().unwrap_or_else(PoisonError::into_inner)
    }

    #[inline]
    pub(crate) fn root(&self) -> Result<Struct> {
        match &*self.look() {
            Some(store) => Ok(Struct::clone(store)),
            None => Err(self.closed()),
        }
    }

    /// Runs an operation on the root.
    #[inline]
    pub(crate) fn with<T>(&self, py: Python<'_>, operation: impl FnOnce(&Struct) -> Result<T>) -> Result<T> {
        self.lent.with(py, operation).unwrap_or_else(|| Err(self.closed()))
    }

    #[cold]
    fn closed(&self) -> Failure {
        let message = format!("{} was closed", self.place);
        Python::attach(|py| Exception::ClosedError.raised(py, &message, None)).into()
    }

    /// How another opening finds the store; `None` if it has no name.
    pub(crate) fn by_name(&self) -> Option<ByName> {
        match &self.place {
            Place::Path(path) => Some((path.clone(), self.file, self.any_owner)),
            Place::Descriptor(_) => None,
        }
    }

    fn valid(&self) -> bool {
        self.look().as_ref().is_some_and(|store| store.valid())
    }

    /// One attempt to attach to what the name leads to now. `false` if it leads nowhere.
    fn reopen(&self, py: Python<'_>) -> Result<bool> {
        let options = self.options.clone().reinit(false).create(false);
        let new = match py.detach(|| self.place.open(&options)) {
            Ok(new) => new,
            Err(error) if error.io().is_some_and(|io| io.kind() == std::io::ErrorKind::NotFound) => {
                return Ok(false);
            }
            Err(error) => return Err(error.into()),
        };
        let (root, mut open) = (Struct::clone(&new), self.change());
        if open.is_none() {
            // Closed meanwhile, and so is the new one.
            drop(open);
            py.detach(|| new.close())?;
            return Ok(true);
        }
        let old = open.replace(new);
        drop(open);
        self.lent.replace(py, Some(root));
        if let Some(old) = old {
            // Its name is that of the new one.
            py.detach(|| old.abandon());
        }
        Ok(true)
    }
}

/// A store in shared memory that any number of processes can change at the same time.
///
/// It opens the store of that name ("/name"), or creates it if it does not exist, and is its root; see StructStore.
///
///     >>> with structstore.StructStoreShared("/shdata_store") as store:
///     ...     store.state = {"num": 5}
///     ...     with store.state.write_lock():
///     ...         store.state.num += 1
///     ...     print(store.state.num)
///     6
///
/// Arguments:
///     path: the name, which begins with a slash; with `use_file` the path of a file.
///     size: how many bytes a new segment gets at once; it grows by itself.
///     max_size: how many bytes a new segment may grow to; 64 GiB by default.
///     reinit: start empty, discarding existing contents; handles of other processes become stale.
///     use_file: use a file at that path instead of shared memory.
///     cleanup: how long a new store lives, or one that is re-initialised; the process that creates it decides. CleanupMode.IF_LAST
///         unless given, and CleanupMode.NEVER for a file.
///     mode: the permissions of a new segment, whatever the umask.
///     group: the group of a new segment, by name or number.
///     timeout: how many seconds to wait for a process that is initialising the segment.
///     fd: the descriptor of an open file, such as a memfd, to use instead of a name. It is duplicated. An empty file is
///         initialised; a file that holds a store is attached, and emptied if `reinit` is true.
///     create: whether to create a name that does not exist.
///     read_only: attach without write permission. Arrays are then read-only copies. A copy of a structure is consistent, or raises
///         ContendedError if the store changes all the time; iterating and printing may then show several moments.
///     observe: attach as an observer, which cannot change anything and does not keep the store's name alive. Where the process
///         may write to the segment, views and watches work as usual, but views are read-only; elsewhere, and with read_only, the
///         attachment leaves no trace and watches poll.
///     any_owner: open it even if it belongs to another user, who can kill this process by truncating it.
///     prefault: how many bytes to map at once, so that their first use causes no page fault. See `reserve`.
///     lock_memory: lock the store's current memory, so that it is never swapped out (RLIMIT_MEMLOCK).
#[pyclass(frozen, extends = StructStore, module = "structstore")]
pub(crate) struct StructStoreShared;

fn shared<'a>(slf: &'a Bound<'_, StructStoreShared>) -> Result<&'a Shared> {
    slf.as_super()
        .get()
        .shared()
        .ok_or_else(|| Failure::Raised(PyTypeError::new_err("StructStoreShared was not initialised")))
}

/// The processes that are attached to it.
pub(crate) fn participants(slf: &Bound<'_, StructStoreShared>) -> Result<Vec<Participant>> {
    let shared = shared(slf)?;
    let found = shared.look().as_ref().map(|store| store.participants());
    Ok(found.ok_or_else(|| shared.closed())??)
}

#[pymethods]
impl StructStoreShared {
    #[new]
    #[pyo3(
        signature = (
            path=None, size=None, max_size=None, reinit=false, use_file=false, cleanup=None, mode=0o600, group=None,
            timeout=Some(10.0), fd=None, create=true, read_only=false, observe=false,
            any_owner=false, prefault=0, lock_memory=false
        ),
        text_signature = "(path=None, size=None, max_size=None, reinit=False, use_file=False, cleanup=None, \
                          mode=0o600, group=None, timeout=10.0, fd=None, create=True, read_only=False, observe=False, \
                          any_owner=False, prefault=0, lock_memory=False)"
    )]
    #[expect(clippy::too_many_arguments, reason = "they are keywords in Python")]
    fn new(
        py: Python<'_>,
        path: Option<PathBuf>,
        size: Option<u64>,
        max_size: Option<u64>,
        reinit: bool,
        use_file: bool,
        cleanup: Option<&Bound<'_, PyAny>>,
        mode: u32,
        group: Option<Group>,
        timeout: Option<f64>,
        fd: Option<RawFd>,
        create: bool,
        read_only: bool,
        observe: bool,
        any_owner: bool,
        prefault: u64,
        lock_memory: bool,
    ) -> Result<PyClassInitializer<StructStoreShared>> {
        let place = match (path, fd) {
            (Some(path), None) => Place::Path(path),
            (None, Some(fd)) => Place::Descriptor(duplicate(fd)?),
            _ => {
                let message = "expected either a path or the descriptor of an open file";
                return Err(Failure::Raised(PyTypeError::new_err(message)));
            }
        };
        let timeout = timeout.map_or(Ok(Duration::MAX), |seconds| duration(py, seconds))?;
        let mut options = structstore::StructStoreShared::options()
            .reinit(reinit)
            .file(use_file)
            .mode(mode)
            .timeout(timeout)
            .create(create)
            .read_only(read_only)
            .observe(observe)
            .any_owner(any_owner)
            .prefault(prefault)
            .lock_memory(lock_memory);
        if let Some(cleanup) = cleanup {
            options = options.cleanup(cleanup_of(cleanup)?);
        }
        if let Some(group) = group {
            options = options.group(match group {
                Group::Name(name) => name,
                Group::Number(number) => number.to_string(),
            });
        }
        // SAFETY: this package takes neither guards nor bindings.
        options = unsafe { options.reentrant() };
        if let Some(size) = size {
            options = options.size(size);
        }
        if let Some(max_size) = max_size {
            options = options.max_size(max_size);
        }
        let open = py.detach(|| place.open(&options))?;
        let (lent, open) = (Lent::new(Struct::clone(&open)), RwLock::new(Some(open)));
        let shared = Shared { place, options, file: use_file, read_only, observe, any_owner, open, lent };
        Ok(PyClassInitializer::from(StructStore::from(shared)).add_subclass(StructStoreShared))
    }

    /// What the arguments say is done already.
    #[pyo3(signature = (*_arguments, **_keywords))]
    fn __init__(&self, _arguments: &Bound<'_, PyTuple>, _keywords: Option<&Bound<'_, PyDict>>) {}

    /// Attaches to an existing store without write permission; short for `read_only=True`.
    ///
    /// It never blocks a writer. Arrays are read-only copies.
    #[staticmethod]
    #[pyo3(
        signature = (path, use_file=false, timeout=Some(10.0), any_owner=false),
        text_signature = "(path, use_file=False, timeout=10.0, any_owner=False)"
    )]
    fn open_read_only<'py>(
        py: Python<'py>,
        path: &Bound<'py, PyAny>,
        use_file: bool,
        timeout: Option<f64>,
        any_owner: bool,
    ) -> Result<Bound<'py, PyAny>> {
        let keywords = PyDict::new(py);
        keywords.set_item("use_file", use_file)?;
        keywords.set_item("timeout", timeout)?;
        keywords.set_item("read_only", true)?;
        keywords.set_item("any_owner", any_owner)?;
        Ok(py.get_type::<StructStoreShared>().call((path,), Some(&keywords))?)
    }

    /// A copy in another process opens the same store by its name, which must still be there, and never removes it while
    /// others are attached. That is how multiprocessing passes a store on.
    fn __reduce__<'py>(slf: &Bound<'py, Self>) -> Result<(Bound<'py, PyAny>, Bound<'py, PyTuple>)> {
        let (py, shared) = (slf.py(), shared(slf)?);
        let Place::Path(path) = &shared.place else {
            let message = "cannot pickle a store that was opened by a descriptor; pass the descriptor on";
            return Err(Failure::Raised(PyTypeError::new_err(message)));
        };
        let open = PyModule::import(py, "structstore")?.getattr("_reopen")?;
        let access = (shared.read_only, shared.observe);
        let arguments = (path, shared.file, access, shared.any_owner);
        Ok((open, arguments.into_pyobject(py)?))
    }

    /// When the store's name is removed, as its creator decided: "transient", with the last process that is attached to change it,
    /// or "persistent", when it is unlinked.
    #[getter]
    fn lifetime(slf: &Bound<'_, Self>) -> Result<String> {
        let shared = shared(slf)?;
        let lifetime = shared.look().as_ref().map(|store| store.lifetime().to_string());
        lifetime.ok_or_else(|| shared.closed())
    }

    /// Whether the name still leads to this segment, and the contents were not re-initialised since it was opened.
    fn valid(slf: &Bound<'_, Self>) -> Result<bool> {
        Ok(shared(slf)?.valid())
    }

    /// Makes this valid again: attaches to the current store of that name, after waiting for it to appear if necessary.
    ///
    /// Returns whether it is valid now; this is False only if `block` is false. Raises NotReadyError if no store appeared within
    /// `timeout` seconds. Existing handles do not change.
    #[pyo3(signature = (block=true, timeout=None))]
    fn revalidate(slf: &Bound<'_, Self>, py: Python<'_>, block: bool, timeout: Option<f64>) -> Result<bool> {
        let shared = shared(slf)?;
        let timeout = timeout.map(|seconds| duration(py, seconds)).transpose()?;
        let start = Instant::now();
        loop {
            shared.root()?;
            if shared.valid() || shared.reopen(py)? {
                return Ok(true);
            }
            if !block {
                return Ok(false);
            }
            if timeout.is_some_and(|timeout| start.elapsed() >= timeout) {
                let place = shared.place.to_string();
                return Err(Error::not_ready(place, "has not appeared", start.elapsed()).into());
            }
            py.detach(|| std::thread::sleep(POLL));
            py.check_signals()?;
        }
    }

    /// Closes the store, and removes its name if `cleanup` says so. Handles to parts of it and views of its arrays keep the memory
    /// for as long as they live; this object raises ClosedError from then on.
    fn close(slf: &Bound<'_, Self>, py: Python<'_>) -> Result<()> {
        let shared = shared(slf)?;
        let open = shared.change().take();
        shared.lent.replace(py, None);
        match open {
            Some(store) => Ok(py.detach(|| store.close())?),
            None => Ok(()),
        }
    }

    /// The current root of the store; a handle that stays usable when this object is closed.
    #[getter]
    fn store(slf: &Bound<'_, Self>) -> Result<StructStore> {
        Ok(StructStore::from(shared(slf)?.root()?))
    }

    fn __enter__<'py>(slf: &Bound<'py, Self>) -> Result<Bound<'py, Self>> {
        shared(slf)?.root()?;
        Ok(slf.clone())
    }

    #[pyo3(signature = (*_exception))]
    fn __exit__(slf: &Bound<'_, Self>, py: Python<'_>, _exception: &Bound<'_, PyAny>) -> Result<()> {
        Self::close(slf, py)
    }
}

impl fmt::Display for Shared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.place.to_string())
    }
}

fn duplicate(fd: RawFd) -> Result<OwnedFd> {
    if fd < 0 {
        let source = std::io::Error::from_raw_os_error(9);
        return Err(cannot_duplicate(format!("descriptor {fd}"), source).into());
    }
    // SAFETY: not -1, as checked; it need be open only for this call, and if it is not the system says so.
    let borrowed = unsafe { BorrowedFd::borrow_raw(fd) };
    Ok(borrowed
        .try_clone_to_owned()
        .map_err(|source| cannot_duplicate(format!("descriptor {fd}"), source))?)
}

static CLEANUP_MODE: PyOnceLock<Py<PyType>> = PyOnceLock::new();

/// Adds the enum `CleanupMode` to the module.
pub(crate) fn add_cleanup_mode(module: &Bound<'_, PyModule>) -> PyResult<()> {
    let py = module.py();
    let members = [("NEVER", "never"), ("IF_LAST", "if_last"), ("ALWAYS", "always")];
    let class = py.import("enum")?.getattr("Enum")?.call1(("CleanupMode", members.to_vec()))?;
    class.setattr("__module__", "structstore")?;
    class.setattr(
        "__doc__",
        "How long a new store lives; the process that creates it decides.\n\nNEVER: it is persistent, until it is unlinked. \
         IF_LAST: its name is removed with the last process that has it open to change it. ALWAYS: its creator removes the name \
         when it closes the store.",
    )?;
    let class = class.cast_into::<PyType>()?.unbind();
    let class = CLEANUP_MODE.get_or_init(py, || class);
    module.add("CleanupMode", class)
}

fn cleanup_of(mode: &Bound<'_, PyAny>) -> Result<Cleanup> {
    let py = mode.py();
    let known = CLEANUP_MODE.get(py).is_some_and(|class| mode.is_instance(class.bind(py)).unwrap_or(false));
    let value: String = if known { mode.getattr("value")?.extract()? } else { String::new() };
    match value.as_str() {
        "never" => Ok(Cleanup::Never),
        "if_last" => Ok(Cleanup::IfLast),
        "always" => Ok(Cleanup::Always),
        _ => {
            let message = format!("cleanup: found {mode}, expected a member of CleanupMode");
            Err(Failure::Raised(PyTypeError::new_err(message)))
        }
    }
}
