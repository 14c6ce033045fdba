import os
from collections.abc import AsyncIterator, Callable, Coroutine, Iterable, Iterator, Mapping, MutableMapping, MutableSequence, Sequence
from enum import Enum
from pathlib import Path
from types import SimpleNamespace, TracebackType
from typing import Any, ClassVar, Generic, Literal, SupportsIndex, TypeAlias, TypeVar, final, overload

import numpy as np
from numpy.typing import ArrayLike, DTypeLike
from typing_extensions import Self, disjoint_base

from ._inspecting import LockHolder, Participant, Usage
from ._meta import Meta
from ._watching import Subscription

_T = TypeVar("_T")
_Store = TypeVar("_Store", bound=StructStore)
_Snapshot: TypeAlias = bytes | bytearray | memoryview
_S = TypeVar("_S", bound=StructStore | StructStoreList, covariant=True)

__all__ = [
    "AbandonedError",
    "AccessError",
    "AlreadyExistsError",
    "BoundError",
    "CleanupMode",
    "ClosedError",
    "ContendedError",
    "CorruptError",
    "DeadlockError",
    "DeclaredError",
    "DetachedError",
    "Error",
    "Fill",
    "Follow",
    "ForeignOwnerError",
    "FramesPinnedError",
    "HeldByGuardError",
    "IndexOutOfRangeError",
    "InTransactionError",
    "InUseError",
    "InvalidArgumentError",
    "InvalidNameError",
    "IoError",
    "LeasedError",
    "LimitError",
    "Live",
    "Loan",
    "Lock",
    "LockTimeoutError",
    "MismatchError",
    "NoSampleError",
    "NoSuchStoreError",
    "NotFoundError",
    "NotReadyError",
    "OtherVersionError",
    "OutOfRangeError",
    "OutOfSpaceError",
    "PublisherError",
    "ReadOnlyError",
    "Recording",
    "RejectedError",
    "Run",
    "Sample",
    "StaleHandleError",
    "Statistics",
    "Stream",
    "StructStore",
    "StructStoreList",
    "StructStoreShared",
    "StructStoreStream",
    "TooDeepError",
    "TooManyError",
    "Transaction",
    "UnsupportedError",
    "Watch",
    "WrongTypeError",
    "__version__",
    "_declare",
    "_Attribute",
    "_Bound",
    "_FromBytes",
    "_Page",
    "_Server",
    "_declare_field",
    "_end",
    "_join",
    "_main",
    "_meta",
    "_path",
    "_pin",
    "_plain",
    "_png",
    "_unmapped_errors",
    "_version",
    "_widget_script",
    "fill",
    "from_json",
    "from_yaml",
    "is_current",
    "is_live",
    "live",
    "locks",
    "orphans",
    "participants",
    "read",
    "record",
    "remove_at",
    "reserve",
    "reset",
    "set_at",
    "stores",
    "undeclare",
    "unlink",
    "usage",
    "wait",
]

__version__: str

def stores() -> list[str]:
    """The names of the shared stores of this machine, sorted. Segments that cannot be read are included.

    >>> shared = structstore.StructStoreShared("/shdata_store")
    >>> "/shdata_store" in structstore.stores()
    True
    >>> shared.close()
    """
def is_current(array: np.ndarray[Any, Any]) -> bool:
    """Whether an array is a view of the current contents of a store. It is not after the array in the store was assigned, was
    changed by a guard while the view existed, or was removed: the view then keeps its old elements. A live array keeps its
    memory until it is removed. Raises TypeError for anything but a view of a store; the copies that read-only attachments return
    are not views.

        >>> store = structstore.StructStore()
        >>> store.scan = np.zeros(3)
        >>> view = store.scan
        >>> structstore.is_current(view), structstore.is_current(view[1:])
        (True, True)
        >>> store.scan = np.ones(3)
        >>> structstore.is_current(view)
        False
    """
def is_live(array: np.ndarray[Any, Any]) -> bool:
    """Whether an array is a view of a live array that is still in its store. Raises TypeError for anything but a view of a store."""
def live(array: ArrayLike) -> Live:
    """An array to be stored live. A live array keeps its memory for as long as the field exists: assigning an array of the same
    shape and element type changes the elements in place, so views of it never become stale. Assigning another shape or type
    raises WrongTypeError; delete the field first.

    Up to 4 KiB of elements are assigned completely or not at all, even if the process dies. A process that is killed while it
    assigns more may leave a part of them changed; in a transaction, any number of elements is assigned completely or not at all.

        >>> store = structstore.StructStore()
        >>> store.q = structstore.live(np.zeros(3))
        >>> view = store.q
        >>> store.q = [1, 2, 3]
        >>> view
        array([1., 2., 3.])
        >>> structstore.is_current(view), structstore.is_live(view)
        (True, True)
    """
def set_at(store: StructStore, path: str, value: Any) -> None:
    """Assigns to a path: a field, which is created if it is missing, an item of a list, or an element of an array. The structures
    and lists on the way must exist.

        >>> store = structstore.StructStore()
        >>> store.gains = {"kp": np.ones(3)}
        >>> structstore.set_at(store, "gains.kp[1]", 5)
        >>> structstore.set_at(store, "gains.scale", 0.5)
        >>> store.to_dict()
        {'gains': {'kp': array([1., 5., 1.]), 'scale': 0.5}}
    """
def reset(structure: StructStore, name: str) -> None:
    """Assigns the declared default to a field.

        >>> store = structstore.StructStore()
        >>> structstore.declare(store, "gain", default=0.5)
        >>> store.gain = 7.0
        >>> structstore.reset(store, "gain")
        >>> store.gain
        0.5

    Raises WrongTypeError if the field has no default.
    """
def undeclare(structure: StructStore, name: str) -> None:
    """Makes a field, and everything below it, ordinary again: undoes the declarations of `bind()`, `declare()` and programs in
    other languages.

        >>> store = structstore.StructStore()
        >>> store.gain = 0.5
        >>> structstore.declare(store, "gain", ge=0)
        >>> structstore.undeclare(store, "gain")
        >>> store.gain = "high"

    The field keeps its value and loses its limits, unit, description and other names. It can then be removed, or assigned a value of
    another type.

    Raises BoundError while a running process has bound the field or a structure that contains it.
    """
def remove_at(store: StructStore, path: str, force: bool = False) -> Any:
    """Removes the field or item at a path and returns a copy of its value, as deepcopy() does. Declared fields, and structures that
    live bindings use, need `force`; nothing is returned then. A declared field of a bound structure can only be removed with the
    structure.

        >>> store = structstore.StructStore()
        >>> store.cameras = [{"exposure": 0.01}]
        >>> structstore.remove_at(store, "cameras[0].exposure")
        0.01
        >>> store.to_dict()
        {'cameras': [{}]}
    """
@overload
def fill(
    target: StructStore, key: str, shape: int | Sequence[int], dtype: DTypeLike = float
) -> Fill:
    """An array that is allocated in a store, filled in place, and assigned at the end of a `with` statement, without a copy. `key`
    is the name of a field of a struct, or an index of a list; None appends to a list. If the body raises, the store does not
    change.

    Other processes see the array only when it is complete. Its elements are arbitrary at first, as with `numpy.empty`.

        >>> store = structstore.StructStore()
        >>> with structstore.fill(store, "frame", (2, 3), np.uint8) as pixels:
        ...     pixels[:] = 7
        >>> store.frame
        array([[7, 7, 7],
               [7, 7, 7]], dtype=uint8)
    """
@overload
def fill(
    target: StructStoreList, key: SupportsIndex | None, shape: int | Sequence[int], dtype: DTypeLike = float
) -> Fill: ...
def from_json(document: str | bytes, /) -> StructStore:
    """A new local store with the contents of a JSON document: one that `to_json()` or `structstore dump` wrote, or any other
    object. Raises CorruptError if it is not JSON, and WrongTypeError if it is not an object.

        >>> store = structstore.StructStore(vec=np.arange(3, dtype=np.uint8), blob=b"\\x00\\xff")
        >>> copy = structstore.from_json(store.to_json())
        >>> copy.vec, copy.blob
        (array([0, 1, 2], dtype=uint8), b'\\x00\\xff')
        >>> structstore.from_json('{"a": [1, 2.5]}').a[1]
        2.5
    """
def from_yaml(document: str | bytes, /) -> StructStore:
    """A new local store with the contents of a YAML document, as from_json() makes one."""
def participants(store: StructStoreShared) -> list[Participant]:
    """The processes that are attached to a shared store to change or observe it, and processes that died and whose remains were not
    repaired yet. Read-only attachments leave no record.

        >>> with structstore.StructStoreShared("/shdata_store") as shared:
        ...     [process.alive for process in structstore.participants(shared)]
        [True]
    """
def locks(structure: StructStore) -> list[LockHolder]:
    """The locks of the store that contains a structure, as they are at about this moment.

    >>> store = structstore.StructStore(pose={"x": 1.0})
    >>> with store.pose.write_lock():
    ...     [lock.path for lock in structstore.locks(store)]
    ['pose']
    """
def usage(structure: StructStore) -> dict[str, Usage]:
    """How much memory each field of a structure takes, including everything below it.

    >>> store = structstore.StructStore(num=5, frame=np.zeros((480, 640)))
    >>> usage = structstore.usage(store)
    >>> usage["frame"].bytes > 480 * 640 * 8, usage["num"].bytes
    (True, 0)
    """
def reserve(store: StructStore, bytes: int) -> None:
    """Makes sure that a block of this many bytes is free in a store, which grows if necessary. Later allocations from it take no
    system call. For loops that must never wait, together with `prefault` and `lock_memory` of StructStoreShared.

        >>> store = structstore.StructStore()
        >>> structstore.reserve(store, 1 << 20)

    Raises OutOfSpaceError if the store may not grow so much, or if there is not enough memory.
    """
def orphans() -> list[str]:
    """The names of orphans: transient stores that no living process has open. Killed processes leave them behind."""
def _png(array: np.ndarray[Any, Any]) -> bytes | None:
    """An array as a PNG file, if it has the type and shape of a picture."""
def unlink(
    path: str | os.PathLike[str], force: bool = False, use_file: bool = False, any_owner: bool = False
) -> None:
    """Removes the name of a shared store, or its file, whether the store is transient or persistent. Raises InUseError while a
    process has it open to change it, unless `force` is true. Processes that have it open then keep the memory, and their watches
    end. A store of another user is refused, unless `any_owner` is true.

        >>> settings = structstore.StructStoreShared("/shdata_store", cleanup=structstore.CleanupMode.NEVER)
        >>> settings.close()
        >>> structstore.unlink("/shdata_store")
        >>> "/shdata_store" in structstore.stores()
        False
    """
class _Bound:
    """The base of classes that are laid over a struct. It has no contents, so a class with slots may be a base, too."""

    def __new__(cls) -> Self: ...
    def __setattr__(self, name: str, value: Any, /) -> None: ...
    def __delattr__(self, name: str, /) -> None: ...

@final
class _Attribute:
    """A field of a bound dataclass, as an attribute of its class."""

    def __new__(
        cls, name: str, exact: list[type], get: Callable[[Any, Any], Any], put: Callable[[Any, Any], None]
    ) -> Self: ...
    def _place(self, descriptor: Any) -> None:
        """Tells where instances have their struct: the descriptor of a slot."""
    def __get__(self, instance: Any, owner: Any = None, /) -> Any: ...
    def __set__(self, instance: Any, value: Any, /) -> None: ...
    def __delete__(self, instance: Any, /) -> None: ...

def _declare(
    structure: StructStore, fields: list[Any], widen: bool, version: tuple[str, int, int] | None
) -> list[tuple[str, int]]:
    """Declares fields of a structure, in one operation; `declarations` in `_bound.py` describes their form. Returns the fields that
    were created in existing structures, and how many of each.
    """
def _version(structure: StructStore, name: str) -> tuple[int, int] | None:
    """The version of a class that a structure records, and the oldest one that may bind it."""
def _declare_field(structure: StructStore, name: str, told: dict[str, Any]) -> None:
    """Declares one field of a structure: see `declare` of the package."""
def _meta(structure: StructStore, name: str) -> dict[str, Any]:
    """The metadata of a field, by name."""
def record(
    store: StructStore,
    file: str | os.PathLike[str],
    /,
    *,
    rate: float = 200.0,
    paths: Sequence[str] | None = None,
    streams: bool | Sequence[str] | None = None,
    arrays: bool | int | None = None,
    split: int | None = None,
    when: str | None = None,
    last: float | None = None,
    after: float | None = None,
    memory: int | None = None,
) -> Recording:
    """Records a store, or a part of one, as an MCAP file until the recording is closed. Foxglove, PlotJuggler and other programs open
    the file; read() reads it.

        >>> store = structstore.StructStore()
        >>> store.pose = {"x": 0.5}
        >>> with structstore.record(store, folder / "run.mcap") as recording:
        ...     store.pose.x = 1.5
        ...     recording.mark("moved")
        >>> run = structstore.read(folder / "run.mcap")
        >>> print(run.at(run.duration))
        {"pose": {"x": 1.5}}

    Every sample of each stream is recorded; `streams` can be False, or a list of paths. Everything else is sampled up to `rate`
    times a second when it changes: arrays always, one in ten changes (`arrays=10`), or never (`arrays=False`). `paths` lists the
    fields to record; the default is all. `split` starts another file after this many bytes: run-2.mcap. `{time}` in the name of
    the file is replaced by the time. If such a name exists, or that of a further file, a number is added: run-2-2.mcap. Threads
    of this process do the recording, and no writer waits for them. A forked child does not record.

    `when`, `last`, `after` and `memory` make it a black box, which keeps the recording in memory. Whenever the condition `when`
    becomes true, for example `"fault == true and drive.speed > 3"`, a file is written that covers at least the `last` seconds
    before (60 by default) and the `after` seconds after it (10). save() and the removal of the store write a file, too. Without
    `{time}` in the name, the recording ends after the first file. `memory` limits the bytes in memory (1 GiB); a file then
    covers less of the time before. It must have room for two whole states of the store.

    Raises FileExistsError if the file exists, and OSError if it cannot be written.
    """
def read(file: str | os.PathLike[str], /) -> Run:
    """Opens a recording. If its recorder was killed, it ends where the recorder had written to.

        run = structstore.read("run.mcap")
        times, x = run["pose.x"]
        state = run.at(12.5)

    Raises CorruptError if it is not a recording of a store, and OSError if it cannot be read.
    """
@final
class Recording:
    """A running recording; see record()."""
    @property
    def running(self) -> bool:
        """Whether it is still running. It ends by itself if the disk is full, or if the store is removed."""
    @property
    def messages(self) -> int:
        """How many messages were written."""
    @property
    def missed(self) -> int:
        """How many samples of streams were lost, because they were published faster than they were read or could be written."""
    @property
    def files(self) -> list[Path]:
        """The files written so far, the oldest first."""
    def mark(self, text: str) -> None:
        """Writes a remark into the recording, with the time. Raises BlockingIOError if the disk is so slow that there is no room for it."""
    def save(self, text: str) -> None:
        """Makes a black box write a file now, with a remark. Other recordings only get the remark. Raises BlockingIOError as mark() does."""
    def close(self) -> None:
        """Ends the recording, with all changes until now. If it ended earlier, raises the reason: OSError if the disk was full."""
    def __enter__(self) -> Self: ...
    def __exit__(
        self,
        _type: type[BaseException] | None = ...,
        _value: BaseException | None = ...,
        _traceback: TracebackType | None = ...,
    ) -> None: ...

@final
class Run:
    """A recording in a file; see read(). Times are in seconds since its start."""
    @property
    def duration(self) -> float:
        """Its length in seconds."""
    @property
    def start(self) -> float:
        """When it begins, in seconds since 1970."""
    @property
    def store(self) -> str | None:
        """The name of the recorded store; None for a local store."""
    @property
    def finished(self) -> bool:
        """Whether it was finished. An unfinished recording lacks the index that other programs need: `structstore record --repair`
        writes it.
        """
    @property
    def damaged_chunks(self) -> int:
        """How many chunks of a recording that was not finished could not be read so far, and were left out. In a finished recording, reading a damaged
        chunk raises CorruptError.
        """
    @property
    def topics(self) -> dict[str, int]:
        """The topics, one for each struct, array and stream, with their numbers of messages."""
    @property
    def marks(self) -> list[tuple[float, str]]:
        """The remarks, as pairs of a time and a text."""
    def at(self, seconds: float) -> StructStore:
        """The state at a time, in seconds after the start, as a local store: everything except the samples of streams."""
    def replay(
        self, store: StructStore, /, *, speed: float = 1.0, start: float = 0.0, topics: Sequence[str] = ...
    ) -> None:
        """Puts the state at `start` into a store, and then plays the rest, `speed` times as fast as it was recorded. Changes of one
        transaction are applied in one transaction, and every sample is published. `speed` is a number from 0.001 to 1000. `topics` are
        prefixes of the topics to play; by default, all are played.
        """
    def to_pandas(self, path: str) -> Any:
        """The fields of a struct, or of the records of a stream, as a pandas.DataFrame. It has a row for each change of the struct, or
        for each sample, indexed by the time in seconds. Nested structs, arrays and streams have separate tables. Arrays, and vectors
        in records, have a column for each element, up to 64. Any other path gives one column. Raises NotFoundError if the path was
        not recorded, and ImportError without pandas.
        """
    def to_arrow(self, path: str) -> Any:
        """The same as a pyarrow.Table, with `time` as the first column. A column with values of several types contains JSON strings."""
    def __getitem__(self, path: str, /) -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any] | list[Any]]: ...

@final
class _Server:
    """A server that runs until it is stopped."""
    def __new__(
        cls,
        store: StructStore | None,
        name: str,
        writable: list[str],
        rate: float,
        listen: str | None,
        insecure: bool,
    ) -> Self: ...
    @property
    def url(self) -> str:
        """The address of the page."""
    @property
    def running(self) -> bool: ...
    def stop(self) -> None:
        """Stops the server, and waits until it has released the store."""

@final
class _Page:
    """A page whose messages Python carries."""
    def __new__(cls, store: StructStore, name: str, writable: list[str], rate: float) -> Self: ...
    @property
    def closed(self) -> bool: ...
    def send(self, text: str) -> None:
        """Passes on a message of the page."""
    def receive(self, timeout: float) -> str | bytes | None:
        """The next message for the page, as a string or bytes; `None` if there is none within the timeout, or if the page was closed."""
    def close(self) -> None:
        """Ends it."""

def _widget_script() -> str | None:
    """The script of the page for notebooks, if it was built."""
def _end() -> None:
    """Ends the stores that this process has open, as the end of the process does."""
def _join(path: str, name: str) -> str:
    """A path and the name of a field there, as errors print them."""
def _pin(structure: StructStore) -> object:
    """Pins a structure for as long as the returned object lives."""
def _path(structure: StructStore) -> str:
    """The path from the root to a structure, as errors print it."""
def _plain(object: Any, path: str) -> Any:
    """The object that would come back if an object were stored at a path and copied out again."""
def _unmapped_errors() -> list[str]:
    """The kinds of errors without an exception. The tests in Python make sure that there are none."""

@final
class Live:
    """An array to be stored live: see `live`."""

@final
class Fill:
    """An array of a store that is filled in place, within a `with` statement: see `fill`."""
    def __enter__(self) -> np.ndarray[Any, Any]: ...
    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc_value: BaseException | None,
        traceback: TracebackType | None,
        /,
    ) -> bool: ...

class Error(Exception):
    """The base of all exceptions of this package. `path` names the value in question, if there is one. `errors` contains one exception per field, if several do not fit a class."""
    path: str | None
    errors: tuple[Error, ...]

class NotFoundError(Error, AttributeError, KeyError):
    """There is no field of that name."""
class AlreadyExistsError(Error, ValueError):
    """A field of that name already exists."""
class WrongTypeError(Error, TypeError):
    """A value does not have the requested or declared type."""
class UnsupportedError(Error, TypeError):
    """A value of a type that the store cannot hold."""
class RejectedError(Error, ValueError):
    """A conversion refused the value."""
class OtherVersionError(Error, TypeError):
    """The structure is of another version of the class."""
class DeclaredError(Error, TypeError):
    """A typed binding has fixed the field's type."""
class OutOfRangeError(Error, OverflowError, ValueError):
    """A number does not fit the requested or declared type."""
class LimitError(Error, ValueError):
    """A value is outside of the limits declared for its field."""
class IndexOutOfRangeError(Error, IndexError):
    """An index is beyond the end of a list."""
class InvalidNameError(Error, ValueError):
    """A name cannot be the name of a field or a segment."""
class InvalidArgumentError(Error, ValueError):
    """An argument is not acceptable."""
class TooDeepError(Error, ValueError):
    """A structure would nest deeper than the format allows, or contains itself."""
class OutOfSpaceError(Error, MemoryError):
    """The segment cannot grow any further."""
class TooManyError(Error, RuntimeError):
    """More threads, processes or locks than the format has room for."""
class BoundError(Error, RuntimeError):
    """A live binding uses the structure, so it cannot be removed or replaced."""
class StaleHandleError(Error, ReferenceError):
    """The structure has been removed or replaced."""
class HeldByGuardError(Error, RuntimeError):
    """A guard of this thread covers the structure."""
class DeadlockError(Error, RuntimeError):
    """This thread would wait for itself."""
class AbandonedError(Error, RuntimeError):
    """A process died while changing it, and a read-only attachment cannot repair it."""
class InTransactionError(Error, RuntimeError):
    """A transaction of this thread covers only a part of it or another structure, or a transaction is ended by a thread that did not begin it."""
class LockTimeoutError(Error, TimeoutError):
    """The lock was not granted in time."""
class NotReadyError(Error, TimeoutError):
    """The segment was not made ready, or did not appear, in time."""
class LeasedError(Error, BufferError):
    """Views of the array exist."""
class NoSampleError(Error, LookupError):
    """No sample of the stream has been published yet."""
class PublisherError(Error, RuntimeError):
    """Another process publishes to the stream."""
class FramesPinnedError(Error, BufferError):
    """Readers keep all frames of the stream in use."""
class InUseError(Error, RuntimeError):
    """Processes have the store open, so its name is not removed."""
class ReadOnlyError(Error, PermissionError):
    """The store was opened read-only, or as an observer."""
class DetachedError(Error, RuntimeError):
    """The process was forked and could not attach to the store."""
class ForeignOwnerError(Error, PermissionError):
    """The segment belongs to another user."""
class ContendedError(Error, RuntimeError):
    """A read-only attachment found no moment without a change."""
class ClosedError(Error, ValueError):
    """The store was closed."""
class CorruptError(Error, ValueError):
    """A segment or a snapshot contains bytes that violate the format."""
class MismatchError(CorruptError):
    """The bytes are not a segment or snapshot that this version can use."""
class IoError(Error, OSError):
    """The operating system reported an error."""
class NoSuchStoreError(IoError, FileNotFoundError):
    """There is no segment or file of that name."""
class AccessError(IoError, PermissionError):
    """The operating system denied access."""

class CleanupMode(Enum):
    """How long a new store lives; the process that creates it decides.

    NEVER: it is persistent, until it is unlinked. IF_LAST: its name is removed with the last process that has it open to change it. ALWAYS: its creator removes the name when it closes the store.
    """
    NEVER = "never"
    IF_LAST = "if_last"
    ALWAYS = "always"

@final
class _FromBytes:
    """Loads a snapshot that to_bytes() made. On the class, it returns a new local store. On a structure, it replaces all fields in
    one operation. A field without metadata gets that of the snapshot.

        >>> store = structstore.StructStore(num=5)
        >>> copy = structstore.StructStore.from_bytes(store.to_bytes())
        >>> copy.num
        5
        >>> store.num = 6
        >>> copy.from_bytes(store.to_bytes())
        >>> copy.num
        6
    """
    @overload
    def __get__(self, structure: None, class_: type[_Store], /) -> Callable[[_Snapshot], _Store]: ...
    @overload
    def __get__(self, structure: StructStore, class_: object = ..., /) -> Callable[[_Snapshot], None]: ...
    def __call__(self, snapshot: _Snapshot) -> StructStore | None: ...

@disjoint_base
class StructStore(MutableMapping[str, Any]):
    """Named fields in order of insertion: a local store of this process, or a struct nested in a store.

    Fields are attributes (`store.num = 5`) and items (`store["any name"]`). An attribute that is a method stays one, whatever fields any
    process adds: a field called `size` is `store["size"]`, and assigning `store.size` is an error. These names, in alphabetical order, are
    all that are taken: allocated, at, check, clear, close, copy, deepcopy, empty, from_bytes, get, items, keys, lifetime, lock, notify,
    on_change, open_read_only, pop, popitem, read_lock, rename, revalidate, setdefault, size, stats, store, to, to_bytes, to_dict,
    to_json, to_yaml, transaction, update, valid, values, wait, watch, write_lock. Everything else is a function of the module.

    Numbers, strings and bytes come back by value, lists and structs as handles to the contents of the store, arrays as NumPy
    arrays over the store's own memory.

    Assigned values are copied into the store:

    - None, bool, int, float, complex, str, bytes, datetime, date, timedelta and NumPy's times come back unchanged; NumPy's numbers as
      Python's, enum members as their values, paths as str.
    - Lists and tuples become lists. Mappings with str keys, named tuples, dataclasses, attrs and pydantic instances, and other objects whose
      attributes are all public become structures; `to()` and `bind()` make classes of them again.
    - NumPy arrays of any type but object become arrays, and so do those of other packages, by `__array__`, DLPack or Arrow's C interface.
      DataFrames and tables become structures of columns.
    - Everything else raises UnsupportedError, which says what to store instead.

    An operation happens completely or not at all; other processes never see a part of it.

    A handle to a structure that was removed or replaced raises StaleHandleError.

        >>> store = structstore.StructStore()
        >>> store.num = 5
        >>> store["any name"] = [1, {"x": 2.5}]
        >>> store.vec = np.zeros(3)
        >>> store.vec[0] += 1  # in the store
        >>> print(store)
        {"num": 5, "any name": [1, {"x": 2.5}], "vec": [1.0, 0.0, 0.0]}
        >>> del store.num
        >>> store.num
        Traceback (most recent call last):
        structstore.NotFoundError: num: no such field or method
    """
    __hash__: ClassVar[None]  # type: ignore[assignment]
    def __init__(self, other: Any = None, /, **fields: Any) -> None: ...
    def __bool__(self) -> Literal[True]: ...
    def __getattribute__(self, name: str, /) -> Any: ...
    def __setattr__(self, name: str, value: Any, /) -> None: ...
    def __delattr__(self, name: str, /) -> None: ...
    def __getitem__(self, key: str, /) -> Any: ...
    def __setitem__(self, key: str, value: Any, /) -> None: ...
    def __delitem__(self, key: str, /) -> None: ...
    def __contains__(self, key: object, /) -> bool: ...
    def __len__(self) -> int: ...
    def __iter__(self) -> Iterator[str]: ...
    def __eq__(self, value: object, /) -> bool: ...
    def __ne__(self, value: object, /) -> bool: ...
    def __or__(self, value: Mapping[str, Any], /) -> StructStore: ...
    def __ror__(self, value: Mapping[str, Any], /) -> StructStore: ...
    def __ior__(self, value: Any, /) -> Self: ...  # type: ignore[misc]
    def __reversed__(self) -> Iterator[str]: ...
    def __dir__(self) -> list[str]: ...
    def __reduce__(self) -> tuple[Any, ...]: ...
    def _ipython_key_completions_(self) -> list[str]:
        """The names of the fields, for completion in IPython."""
    def _repr_html_(self) -> str:
        """For notebooks: a tree that folds, with types, shapes and small images."""
    def __copy__(self) -> SimpleNamespace: ...
    def __deepcopy__(self, _memo: Any, /) -> SimpleNamespace: ...
    def keys(self) -> list[str]:  # type: ignore[override]
        """The names of the fields, in order."""
    def values(self) -> list[Any]:  # type: ignore[override]
        """The fields, in order."""
    def items(self) -> list[tuple[str, Any]]:  # type: ignore[override]
        """The names and fields, in order."""
    def get(self, name: str, default: Any = None, /) -> Any:
        """A field, or a default if it does not exist.

        >>> structstore.StructStore().get("num", 0)
        0
        """
    def pop(self, name: str, default: Any = ..., /) -> Any:
        """Removes a field and returns a copy of its value, as deepcopy() does; or a default if it does not exist. A large array is not
        copied, unless in a transaction: the returned array keeps its memory of the store, which views of it share.

            >>> store = structstore.StructStore()
            >>> store.pose = {"x": 1.0}
            >>> store.pop("pose")
            namespace(x=1.0)
            >>> store.pop("pose", None)
        """
    def popitem(self) -> tuple[str, Any]:
        """Removes the last field and returns its name and a copy of its value; raises KeyError if the struct is empty."""
    def setdefault(self, name: str, default: Any = None, /) -> Any:
        """A field, created with a default if it does not exist.

        >>> store = structstore.StructStore()
        >>> store.setdefault("log", []).append("started")
        >>> store.log == ["started"]
        True
        """
    def update(self, other: Any = None, /, **fields: Any) -> None:  # type: ignore[override]
        """Assigns the fields of a mapping, an iterable of pairs or an object with attributes, then those given by name. After an
        exception, none is assigned.

            >>> store = structstore.StructStore()
            >>> store.update({"num": 5}, name="arm")
            >>> store.update(num=6, other={1, 2})
            Traceback (most recent call last):
            structstore.UnsupportedError: other: cannot store set; ...
            >>> store.num
            5
        """
    def empty(self) -> bool:
        """Whether there are no fields."""
    def clear(self) -> None:
        """Removes all fields."""
    def rename(self, name: str, new_name: str) -> None:
        """Gives a field another name. It keeps its value, its place in the order, and the handles to it.

        >>> store = structstore.StructStore()
        >>> store.update(vel=1.5, num=5)
        >>> store.rename("vel", "velocity")
        >>> store.keys()
        ['velocity', 'num']
        """
    def at(self, *path: str | SupportsIndex) -> Any:
        """The value at a path: a field, an item of a list, or an element of an array; only that element is copied. Several arguments
        are names, and indices into lists, that are followed one by one.

            >>> store = structstore.StructStore()
            >>> store.robots = [{"pose": {"x": 1.0}}]
            >>> store.frame = np.zeros((480, 640))
            >>> store.at("robots[0].pose.x"), store.at("frame[0, 5]")
            (1.0, 0.0)
            >>> store.at("robots", 0, "pose", "x")
            1.0
        """
    def copy(self) -> SimpleNamespace:
        """A SimpleNamespace of the fields; structures and arrays in it are those in the store.

        >>> store = structstore.StructStore()
        >>> store.pose = {"x": 1.0}
        >>> store.copy().pose.x = 2.0
        >>> store.pose.x
        2.0
        """
    def deepcopy(self) -> SimpleNamespace:
        """A complete copy, as of one moment: a SimpleNamespace of namespaces, lists and arrays.

        >>> store = structstore.StructStore()
        >>> store.pose = {"x": 1.0, "vec": np.arange(3)}
        >>> store.deepcopy()
        namespace(pose=namespace(x=1.0, vec=array([0, 1, 2])))
        """
    def to_dict(self) -> dict[str, Any]:
        """A complete copy, as of one moment: a dict of dicts, lists and arrays.

        >>> store = structstore.StructStore()
        >>> store.pose = types.SimpleNamespace(x=1.0)
        >>> store.to_dict()
        {'pose': {'x': 1.0}}
        """
    def to(self, cls: type[_T]) -> _T:
        """The complete struct as an instance of a class, as of one moment: a dataclass, a named tuple, an attrs or pydantic class,
        SimpleNamespace, or dict[str, ...], checked against the annotations, nested ones included.

        Missing fields get the defaults of the class, and fields that the class does not know are left out. Raises WrongTypeError or
        NotFoundError, with the path of the field that does not fit.

            >>> Pose = dataclasses.make_dataclass("Pose", [("x", float), ("y", float, 0.0)])
            >>> store = structstore.StructStore()
            >>> store.pose = {"x": 1}
            >>> store.pose.to(Pose)
            Pose(x=1.0, y=0.0)
            >>> store.pose.x = "left"
            >>> store.pose.to(Pose)
            Traceback (most recent call last):
            structstore.WrongTypeError: pose.x: found str, expected float
        """
    def to_json(self, indent: bool = False, *, plain: bool = False) -> str:
        """The complete struct as JSON, as of one moment, from which from_json() restores it; indented by two spaces if `indent` is
        true. Values that JSON lacks have tags: an array is `{"$array": [1.5, 2.0], "dtype": "f32"}`, bytes are `{"$bytes": "00ff"}`,
        NaN is `{"$float": "NaN"}`. Integers and floats come back as 64-bit numbers of the same value.

        With `plain`, for programs that do not know the tags, arrays are lists and bytes are strings of hexadecimal digits. NaN,
        infinities and arrays of anything but numbers then raise UnsupportedError.

            >>> store = structstore.StructStore(num=5, vec=np.arange(3))
            >>> store.to_json()
            '{"num": 5, "vec": {"$array": [0, 1, 2], "dtype": "i64"}}'
            >>> store.to_json(plain=True)
            '{"num": 5, "vec": [0, 1, 2]}'
            >>> store.vec = np.array([0.5, np.nan])
            >>> store.to_json(plain=True)
            Traceback (most recent call last):
            structstore.UnsupportedError: vec[1]: JSON has no NaN; without plain=True it gets a tag
        """
    def to_yaml(self, *, plain: bool = False) -> str:
        """The complete struct as YAML, as of one moment, from which from_yaml() restores it. It has the tags of to_json(), except for
        NaN and infinities, which YAML can write; with `plain`, it has none.
        """
    def to_bytes(self, *, samples: bool = False) -> bytes:
        """The complete struct as a snapshot: bytes that keep types and order exactly, from which from_bytes() restores the contents in
        any store, on any machine. Of a stream, it has the newest sample; with `samples`, all samples that the stream keeps.
        """
    from_bytes: ClassVar[_FromBytes]
    def check(self) -> None:
        """Verifies every invariant of the format below this struct and, at the root of a shared store, that all memory is accounted
        for. Raises a CorruptError that names the damage.
        """
    def size(self) -> int:
        """The size of the store in bytes of memory."""
    def allocated(self) -> int:
        """How many bytes the contents of the store use, overhead included."""
    def stats(self) -> Statistics:
        """How much memory the store uses."""
    def lock(self, timeout: float | None = None) -> Lock[Self]:
        """The same as write_lock()."""
    def write_lock(self, timeout: float | None = None) -> Lock[Self]:
        """A lock on the struct and everything below it, for changing: while the body of a `with` statement runs,
        no other thread or process can read or change it. See Lock.

        `timeout` is in seconds; None waits without bound. Locks belong to threads and nest.

            >>> store = structstore.StructStore()
            >>> store.pose = {"x": 1.0, "y": 2.0}
            >>> with store.pose.write_lock(timeout=0.1) as pose:
            ...     pose.x, pose.y = pose.y, pose.x
        """
    def watch(self) -> Watch:
        """Reports changes by any process in the struct and below it: `for paths in store.watch(): ...`. See Watch."""
    def wait(self, timeout: float | None = None) -> bool:
        """Waits until something in the struct or below it changes; returns whether it did within `timeout` seconds. It misses changes
        between two calls; watch() misses nothing.
        """
    def on_change(self, callback: Callable[[list[str]], object]) -> Subscription:
        """Calls a function in a background thread with the paths that change. Returns a Subscription; its stop() ends it."""
    def notify(self, name: str) -> None:
        """Tells watches that elements of the array of this name were written in place."""
    def read_lock(self, timeout: float | None = None) -> Lock[Self]:
        """A lock on the struct and everything below it, for reading: others can read, too, but not change anything."""
    def transaction(self, timeout: float | None = None) -> Transaction[Self]:
        """Changes that happen completely or not at all: if the body of a `with` statement raises, or the process dies, all changes of
        this thread below the struct since then are undone. See Transaction.

            >>> store = structstore.StructStore()
            >>> store.num = 1
            >>> with store.transaction():
            ...     store.num = 2
            ...     raise ValueError("no")
            Traceback (most recent call last):
            ValueError: no
            >>> store.num
            1
        """

@final
class StructStoreShared(StructStore):
    """A store in shared memory that any number of processes can change at the same time.

    It opens the store of that name ("/name"), or creates it if it does not exist, and is its root; see StructStore.

        >>> with structstore.StructStoreShared("/shdata_store") as store:
        ...     store.state = {"num": 5}
        ...     with store.state.write_lock():
        ...         store.state.num += 1
        ...     print(store.state.num)
        6

    Arguments:
        path: the name, which begins with a slash; with `use_file` the path of a file.
        size: how many bytes a new segment gets at once; it grows by itself.
        max_size: how many bytes a new segment may grow to; 64 GiB by default.
        reinit: start empty, discarding existing contents; handles of other processes become stale.
        use_file: use a file at that path instead of shared memory.
        cleanup: how long a new store lives, or one that is re-initialised; the process that creates it decides. CleanupMode.IF_LAST
            unless given, and CleanupMode.NEVER for a file.
        mode: the permissions of a new segment, whatever the umask.
        group: the group of a new segment, by name or number.
        timeout: how many seconds to wait for a process that is initialising the segment.
        fd: the descriptor of an open file, such as a memfd, to use instead of a name. It is duplicated. An empty file is
            initialised; a file that holds a store is attached, and emptied if `reinit` is true.
        create: whether to create a name that does not exist.
        read_only: attach without write permission. Arrays are then read-only copies. A copy of a structure is consistent, or raises
            ContendedError if the store changes all the time; iterating and printing may then show several moments.
        observe: attach as an observer, which cannot change anything and does not keep the store's name alive. Where the process
            may write to the segment, views and watches work as usual, but views are read-only; elsewhere, and with read_only, the
            attachment leaves no trace and watches poll.
        any_owner: open it even if it belongs to another user, who can kill this process by truncating it.
        prefault: how many bytes to map at once, so that their first use causes no page fault. See `reserve`.
        lock_memory: lock the store's current memory, so that it is never swapped out (RLIMIT_MEMLOCK).
    """
    def __init__(
        self,
        path: str | os.PathLike[str] | None = None,
        size: int | None = None,
        max_size: int | None = None,
        reinit: bool = False,
        use_file: bool = False,
        cleanup: CleanupMode | None = None,
        mode: int = 0o600,
        group: str | int | None = None,
        timeout: float | None = 10.0,
        fd: int | None = None,
        create: bool = True,
        read_only: bool = False,
        observe: bool = False,
        any_owner: bool = False,
        prefault: int = 0,
        lock_memory: bool = False,
    ) -> None: ...
    def __reduce__(self) -> tuple[Any, ...]: ...
    def __enter__(self) -> Self: ...
    def __exit__(
        self,
        exc_type: type[BaseException] | None = ...,
        exc_value: BaseException | None = ...,
        traceback: TracebackType | None = ...,
    ) -> None: ...
    @staticmethod
    def open_read_only(
        path: str | os.PathLike[str],
        use_file: bool = False,
        timeout: float | None = 10.0,
        any_owner: bool = False,
    ) -> StructStoreShared:
        """Attaches to an existing store without write permission; short for `read_only=True`.

        It never blocks a writer. Arrays are read-only copies.
        """
    @property
    def store(self) -> StructStore:
        """The current root of the store; a handle that stays usable when this object is closed."""
    @property
    def lifetime(self) -> str:
        """When the store's name is removed, as its creator decided: "transient", with the last process that is attached to change it,
        or "persistent", when it is unlinked.
        """
    def valid(self) -> bool:
        """Whether the name still leads to this segment, and the contents were not re-initialised since it was opened."""
    def revalidate(self, block: bool = True, timeout: float | None = None) -> bool:
        """Makes this valid again: attaches to the current store of that name, after waiting for it to appear if necessary.

        Returns whether it is valid now; this is False only if `block` is false. Raises NotReadyError if no store appeared within
        `timeout` seconds. Existing handles do not change.
        """
    def close(self) -> None:
        """Closes the store, and removes its name if `cleanup` says so. Handles to parts of it and views of its arrays keep the memory
        for as long as they live; this object raises ClosedError from then on.
        """

@disjoint_base
class StructStoreList(MutableSequence[Any]):
    """Values in order, in a store; made from an iterable, a local list of this process.

    Numbers, strings and bytes come back by value, lists and structs as handles to the contents of the store, arrays as NumPy
    arrays over the store's own memory. Each operation happens completely or not at all.

        >>> items = structstore.StructStoreList([1, "two"])
        >>> items.append({"x": 3})
        >>> items[2].x = 4
        >>> items[:1] = [0.5, None]
        >>> print(items)
        [0.5, null, "two", {"x": 4}]
    """
    __hash__: ClassVar[None]  # type: ignore[assignment]
    def __init__(self, iterable: Iterable[Any] | None = None, /) -> None: ...
    @overload
    def __getitem__(self, key: SupportsIndex, /) -> Any: ...
    @overload
    def __getitem__(self, key: slice, /) -> list[Any]: ...
    @overload
    def __setitem__(self, key: SupportsIndex, value: Any, /) -> None: ...
    @overload
    def __setitem__(self, key: slice, value: Iterable[Any], /) -> None: ...
    def __delitem__(self, key: SupportsIndex | slice, /) -> None: ...
    def __contains__(self, key: object, /) -> bool: ...
    def __len__(self) -> int: ...
    def __iter__(self) -> Iterator[Any]: ...
    def __reversed__(self) -> Iterator[Any]: ...
    def __add__(self, value: StructStoreList | list[Any], /) -> list[Any]: ...
    def __radd__(self, value: list[Any], /) -> list[Any]: ...
    def __mul__(self, value: SupportsIndex, /) -> list[Any]: ...
    def __rmul__(self, value: SupportsIndex, /) -> list[Any]: ...
    def __iadd__(self, value: Iterable[Any], /) -> Self: ...
    def __imul__(self, value: SupportsIndex, /) -> Self: ...
    def __eq__(self, value: object, /) -> bool: ...
    def __ne__(self, value: object, /) -> bool: ...
    def __lt__(self, value: StructStoreList | list[Any] | tuple[Any, ...], /) -> bool: ...
    def __le__(self, value: StructStoreList | list[Any] | tuple[Any, ...], /) -> bool: ...
    def __gt__(self, value: StructStoreList | list[Any] | tuple[Any, ...], /) -> bool: ...
    def __ge__(self, value: StructStoreList | list[Any] | tuple[Any, ...], /) -> bool: ...
    def __reduce__(self) -> tuple[Any, ...]: ...
    def __copy__(self) -> list[Any]: ...
    def __deepcopy__(self, _memo: Any, /) -> list[Any]: ...
    def append(self, value: Any) -> None:
        """Adds an item at the end."""
    def extend(self, iterable: Iterable[Any]) -> None:
        """Adds the items of an iterable at the end. After an exception, none is added."""
    def insert(self, index: int, value: Any) -> None:
        """Adds an item before the one at an index."""
    def pop(self, index: SupportsIndex | None = None, /) -> Any:
        """Removes the item at an index, or the last one, and returns a copy of it, as deepcopy() does. A large array is not copied,
        unless in a transaction: the returned array keeps its memory of the store, which views of it share.
        """
    def remove(self, value: Any) -> None:
        """Removes the first item that equals a value; raises ValueError if none does."""
    def index(self, value: Any, start: int = 0, stop: int = ..., /) -> int:
        """The position of the first item from `start` to before `stop` that equals a value; raises ValueError if none does."""
    def count(self, value: Any) -> int:
        """How many items equal a value."""
    def reverse(self) -> None:
        """Reverses the order of the items."""
    def sort(self, *, key: Callable[[Any], Any] | None = None, reverse: bool = False) -> None:
        """Sorts the items, as list.sort() does, in one operation. The list is locked during the comparisons; if one raises, the list
        does not change.

            >>> items = structstore.StructStoreList([{"x": 2}, {"x": 1}])
            >>> items.sort(key=lambda item: item.x)
            >>> print(items)
            [{"x": 1}, {"x": 2}]
        """
    def clear(self) -> None:
        """Removes all items."""
    def _repr_html_(self) -> str:
        """For notebooks: a tree that folds, with types, shapes and small images."""
    def empty(self) -> bool:
        """Whether there are no items."""
    def check(self) -> None:
        """Verifies every invariant of the format below this list. Raises a CorruptError that names the damage."""
    def copy(self) -> list[Any]:
        """A list of the items; structures and arrays in it are those in the store."""
    def deepcopy(self) -> list[Any]:
        """A complete copy, as of one moment: a list of namespaces, lists and arrays."""
    def to_list(self) -> list[Any]:
        """A complete copy, as of one moment: a list of dicts, lists and arrays."""
    def lock(self, timeout: float | None = None) -> Lock[Self]:
        """The same as write_lock()."""
    def write_lock(self, timeout: float | None = None) -> Lock[Self]:
        """A lock on the list and everything below it, for changing: while the body of a `with` statement runs,
        no other thread or process can read or change it. See Lock.

        `timeout` is in seconds; None waits without bound. Locks belong to threads and nest.
        """
    def watch(self) -> Watch:
        """Reports changes by any process in the list and below it. See Watch."""
    def wait(self, timeout: float | None = None) -> bool:
        """Waits until something in the list or below it changes; returns whether it did within `timeout` seconds. It misses changes
        between two calls; watch() misses nothing.
        """
    def on_change(self, callback: Callable[[list[str]], object]) -> Subscription:
        """Calls a function in a background thread with the paths that change. Returns a Subscription; its stop() ends it."""
    def read_lock(self, timeout: float | None = None) -> Lock[Self]:
        """A lock on the list and everything below it, for reading: others can read, too, but not change anything."""

@final
class Lock(Generic[_S]):
    """A lock on a structure and everything below it, held within a `with` statement.

    Locks belong to threads and nest: entering a lock that the thread already holds succeeds. While a thread waits, it releases
    the GIL, and signals such as Ctrl-C interrupt it.

    Under asyncio, `async with` waits while other tasks run. Two tasks of one thread never hold a lock at the same time, unless
    both hold it for reading: `async with` waits in turn for the other task, and `with`, which cannot wait, raises DeadlockError.
    An operation without a lock goes ahead under a lock that another task of its thread holds, and is undone with the transaction
    of that task.

        >>> store = structstore.StructStore(num=0)
        >>> async def count():
        ...     async with store.write_lock(timeout=10):
        ...         num = store.num
        ...         await asyncio.sleep(0)
        ...         store.num = num + 1
        >>> async def main():
        ...     await asyncio.gather(*(count() for _ in range(10)))
        >>> asyncio.run(main())
        >>> store.num
        10
    """
    def __enter__(self) -> _S: ...
    def __exit__(
        self,
        exc_type: type[BaseException] | None = ...,
        exc_value: BaseException | None = ...,
        traceback: TracebackType | None = ...,
        /,
    ) -> None: ...
    def __aenter__(self) -> Coroutine[Any, Any, _S]: ...
    def __aexit__(self, *exception: object) -> Coroutine[Any, Any, None]: ...
    def _try_enter(self, place: int | None = None) -> Any: ...
    def _enter_last(self, place: int, timeout: float) -> Any: ...
    def _queue(self) -> int: ...
    def _leave_queue(self, place: int) -> None: ...
    def _is_shared(self) -> bool: ...
    @property
    def recovered(self) -> bool:
        """Whether a process died while it held an exclusive lock on this structure, or on one below or above it: changes that belong
        together may be half done. Can be asked only while this lock is held; a write lock that was asked clears the mark.
        """

@final
class Transaction(Generic[_S]):
    """Changes that happen completely or not at all, within a `with` statement: if its body raises, or the process dies, all changes
    of this thread below the struct since then are undone. The struct is locked exclusively for that time.

    It covers assigning, adding and removing values, and arrays as a whole. It does not cover elements of an array that are
    changed in place. It must end on the thread that began it. Transactions nest on the same struct and below it: if an inner one
    raises, only the inner one is undone. Under asyncio, `async with` waits while other tasks run; see Lock.
    """
    def __enter__(self) -> _S: ...
    def __exit__(
        self,
        exception: type[BaseException] | None,
        _value: BaseException | None,
        _traceback: TracebackType | None,
        /,
    ) -> None: ...
    def __aenter__(self) -> Coroutine[Any, Any, _S]: ...
    def __aexit__(self, *exception: object) -> Coroutine[Any, Any, None]: ...
    def _try_enter(self, place: int | None = None) -> Any: ...
    def _enter_last(self, place: int, timeout: float) -> Any: ...
    def _queue(self) -> int: ...
    def _leave_queue(self, place: int) -> None: ...
    def _is_shared(self) -> bool: ...

@final
class Watch:
    """Reports changes by any process in a structure and below it.

    It reports the difference from the state at its last report, as paths from the structure: "pose.x", "items[2]". However slow
    the reader is and however often a field changes, the field is reported once, with its newest state in the store. An empty
    path means the structure itself: a list that became shorter.

    Iterating waits for changes, in a `for` loop or, under asyncio, an `async for` loop, which ends when the watch or the
    store is closed. Elements of an array that are written in place are reported only after notify().

        with store.watch() as watch:
            for paths in watch:
                print(paths)
    """
    def __iter__(self) -> Self: ...
    def __next__(self) -> list[str]: ...
    def __aiter__(self) -> AsyncIterator[list[str]]: ...
    def __enter__(self) -> Self: ...
    def __exit__(
        self,
        exc_type: type[BaseException] | None = ...,
        exc_value: BaseException | None = ...,
        traceback: TracebackType | None = ...,
    ) -> None: ...
    def wait(self, timeout: float | None = None) -> list[str] | None:
        """Waits for changes and returns their paths; None after `timeout` seconds without a change, or if the watch is closed."""
    def changes(self) -> list[str]:
        """The changes since the last report, without waiting."""
    def close(self) -> None:
        """Closes it, and ends the loops over it; any thread may do this."""

@final
class Stream:
    """Assigned to a field, creates a stream: `store.imu = structstore.Stream(...)`. The field is then a StructStoreStream.

    It keeps the last `depth` samples. Each is an array of this `shape` and `dtype`; without a shape, a single number or record.
    `dtype` is anything that NumPy accepts, or a dataclass of floats, ints, bools, NumPy's scalar types, tuples of one of these,
    literals and enums of strings, and further such dataclasses. Metadata in its annotations, such as units, is stored with the
    stream, but limits are not enforced.

        >>> store = structstore.StructStore()
        >>> store.imu = structstore.Stream(dtype=[("t", "f8"), ("acc", "f4", 3)], depth=4096)
        >>> store.left = structstore.Stream(dtype=np.uint8, shape=(480, 640, 3), depth=8)
        >>> store.imu
        <structstore.StructStoreStream, 0 samples, depth 4096>

    Assigning an equal stream again keeps the samples; a stream of another type or depth replaces it.
    """
    def __new__(
        cls, dtype: DTypeLike | type | None = ..., shape: int | Sequence[int] | None = ..., *, depth: int
    ) -> Self: ...
    @property
    def depth(self) -> int:
        """How many samples it keeps."""
    @property
    def shape(self) -> tuple[int, ...]:
        """The shape of a sample."""
    @property
    def dtype(self) -> np.dtype[Any]:
        """The element type of a sample."""
    @property
    def metas(self) -> dict[str, Meta]:
        """The metadata of fields of samples, by their paths."""

@final
class StructStoreStream:
    """A stream of samples in a store. One process at a time publishes, and readers never delay it. Readers get the newest sample,
    follow all samples, or copy the last ones.

        >>> store = structstore.StructStore()
        >>> store.imu = structstore.Stream(dtype=[("t", "f8"), ("acc", "f4", 3)], depth=100)
        >>> imu = store.imu
        >>> for step in range(3):
        ...     _ = imu.publish((step / 100, (0, 0, 9.81)))
        >>> float(imu.latest().value["t"]), imu.latest().seq
        (0.02, 2)
        >>> imu.history(2)["t"]
        array([0.01, 0.02])

    A lock or a transaction on a structure that contains the stream covers the existence of the stream, not its samples. watch()
    reports that there are new samples.
    """
    def publish(self, value: Any, time: int | None = None) -> int:
        """Publishes a sample and returns its sequence number, counted from 0. A sample is a number, an array, or for records a tuple, a
        dict or a dataclass. `time` is when it was taken, in nanoseconds of time.monotonic_ns(); by default, now.

        The first call makes this process the publisher until it calls release(), closes the store, or ends. Raises PublisherError
        while another process publishes, and FramesPinnedError if samples are larger than 4 KiB and readers keep all of them but the
        newest in use.
        """
    def loan(self, time: int | None = None) -> Loan:
        """A frame in the store's memory, to be filled in place within a `with` statement and published at its end without a copy. If the
        body raises, nothing is published. Samples of up to 4 KiB have no frames: publish() copies them.

            >>> store = structstore.StructStore()
            >>> store.left = structstore.Stream(dtype=np.uint8, shape=(480, 640), depth=4)
            >>> with store.left.loan() as pixels:
            ...     pixels[:] = 7
            >>> int(store.left.latest().array[0, 0])
            7

        The elements are arbitrary at first. Do not keep the array after the statement, because readers use it then. Do not write to
        it in a forked child: the frame belongs to its parent.
        """
    def latest(self, timeout: float | None = None) -> Sample:
        """The newest sample. If none was published yet, waits at most `timeout` seconds for the first one, and then raises
        NoSampleError.

        The array of a sample of more than 4 KiB is a read-only view of the store's memory. It does not change for as long as it
        lives.
        """
    def follow(self, start: str | int | None = ...) -> Follow:
        """Follows the samples: an iterator that waits for the next one, in a `for` loop or, under asyncio, in an `async for` loop. It
        begins with the next sample, or with `start`: "newest", "oldest" or a sequence number.

            >>> store = structstore.StructStore()
            >>> store.speed = structstore.Stream(depth=3)
            >>> follow = store.speed.follow()
            >>> for step in range(10):
            ...     _ = store.speed.publish(step)
            >>> sample = follow.next(timeout=1)
            >>> sample.value, sample.missed
            (7.0, 7)
        """
    @overload
    def history(self, count: int, *, index: Literal[False] = ...) -> np.ndarray[Any, Any]:
        """The last `count` samples, or as many as there are, as one array whose first dimension counts them. With `index`, a tuple of
        their sequence numbers, their times in nanoseconds, and that array.
        """
    @overload
    def history(
        self, count: int, *, index: Literal[True]
    ) -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any], np.ndarray[Any, Any]]: ...
    @overload
    def since(self, seq: int, *, index: Literal[False] = ...) -> np.ndarray[Any, Any]:
        """The samples from a sequence number on, as far as the stream keeps them: see history()."""
    @overload
    def since(
        self, seq: int, *, index: Literal[True]
    ) -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any], np.ndarray[Any, Any]]: ...
    def release(self) -> None:
        """Releases the right to publish, so that another process can publish. Raises FramesPinnedError while this process fills a
        frame.
        """
    @property
    def published(self) -> int:
        """How many samples were published: the sequence number of the next one."""
    @property
    def publisher(self) -> int | None:
        """The process id of the publisher, or None."""
    @property
    def depth(self) -> int:
        """How many samples it keeps."""
    @property
    def shape(self) -> tuple[int, ...]:
        """The shape of a sample."""
    @property
    def dtype(self) -> np.dtype[Any]:
        """The element type of a sample."""
    @property
    def metas(self) -> dict[str, Meta]:
        """The metadata of fields of samples, by their paths."""

@final
class Sample:
    """A sample of a stream."""
    @property
    def value(self) -> Any:
        """The sample as a number, a record or an array."""
    @property
    def array(self) -> np.ndarray[Any, Any]:
        """The sample as an array, without dimensions if it is a number or a record."""
    @property
    def seq(self) -> int:
        """Its sequence number, counted from 0."""
    @property
    def time(self) -> int:
        """When it was taken, in nanoseconds of time.monotonic_ns()."""
    @property
    def age(self) -> float:
        """How long ago it was taken, in seconds."""
    @property
    def missed(self) -> int:
        """How many samples this follower lost between the previous one and this one."""

@final
class Loan:
    """A frame that is filled in place: see `StructStoreStream.loan`."""
    def __enter__(self) -> np.ndarray[Any, Any]: ...
    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc_value: BaseException | None,
        traceback: TracebackType | None,
        /,
    ) -> bool: ...

@final
class Follow:
    """Follows a stream: see `StructStoreStream.follow`. Iterating waits for samples, and ends when it or the store is closed."""
    def __iter__(self) -> Self: ...
    def __next__(self) -> Sample: ...
    def __aiter__(self) -> AsyncIterator[Sample]: ...
    def next(self, timeout: float | None = None) -> Sample | None:
        """The next sample, after waiting at most `timeout` seconds for it, or None. With 0, it does not wait."""
    def close(self) -> None:
        """Closes it, and ends the loops over it; any thread may do this."""

@final
class Statistics:
    """How much memory the arena of a store uses. Local stores of a process share one arena."""
    @property
    def size(self) -> int:
        """The size of the segment in bytes of memory."""
    @property
    def max_size(self) -> int:
        """The number of bytes up to which the segment may grow."""
    @property
    def allocated(self) -> int:
        """Bytes in use for the contents of the store, overhead included."""
    @property
    def blocks(self) -> int:
        """Blocks in use."""
    @property
    def nodes(self) -> int:
        """Structs, lists, strings, bytes and arrays in use."""
    @property
    def orphaned(self) -> int:
        """How often a process attached to the store when it was an orphan: transient, and open in no living process."""
    @property
    def recoveries(self) -> int:
        """How often the remains of a dead process were repaired."""
    @property
    def watchers(self) -> int:
        """The number of watches."""
    def __eq__(self, value: object, /) -> bool: ...
    def __ne__(self, value: object, /) -> bool: ...

def wait(*streams: StructStoreStream | Follow, timeout: float | None = None) -> bool:
    """Waits at most `timeout` seconds until one of several streams or followers has a new sample, and returns whether one has. For
    a stream, this is a sample that is published after the call; for a follower, one that it has not returned yet.

        >>> store = structstore.StructStore()
        >>> store.left, store.right = structstore.Stream(depth=8), structstore.Stream(depth=8)
        >>> left, right = store.left.follow(), store.right.follow()
        >>> structstore.wait(left, right, timeout=0.001)
        False
        >>> _ = store.right.publish(0.5)
        >>> structstore.wait(left, right)
        True
    """
def _main(arguments: list[str]) -> int:
    """Runs the command `structstore` with these arguments, the name of the program first. Returns the exit status.

    The process should do nothing else: signals get their default dispositions.
    """
