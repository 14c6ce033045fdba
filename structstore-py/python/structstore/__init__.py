"""Structured object storage, dynamically typed, shared between processes.

    >>> import numpy as np
    >>> import structstore

    >>> state = structstore.StructStore()  # in the memory of this process
    >>> state.num = 5
    >>> state.lst = [1, 2, 3, 5, 8]
    >>> state.vec = np.array([[1.0, 2.0], [3.0, 4.0]])  # state.vec is then a view, not a copy
    >>> state.vec[0, 0] += 1
    >>> print(state)
    {"num": 5, "lst": [1, 2, 3, 5, 8], "vec": [[2.0, 2.0], [3.0, 4.0]]}

    >>> shmem = structstore.StructStoreShared("/shdata_store")  # creates or attaches
    >>> shmem.state = state
    >>> with shmem.state.write_lock():
    ...     shmem.state.num += 1
    >>> shmem.close()
"""

import collections.abc as _abc
import typing as _typing

from ._structstore import (
    AbandonedError,
    AccessError,
    AlreadyExistsError,
    BoundError,
    CleanupMode,
    ClosedError,
    ContendedError,
    CorruptError,
    DeadlockError,
    DeclaredError,
    DetachedError,
    Error,
    Fill,
    Follow,
    ForeignOwnerError,
    FramesPinnedError,
    HeldByGuardError,
    IndexOutOfRangeError,
    InTransactionError,
    InUseError,
    InvalidArgumentError,
    InvalidNameError,
    IoError,
    LeasedError,
    LimitError,
    Live,
    Loan,
    Lock,
    LockTimeoutError,
    MismatchError,
    NoSampleError,
    NoSuchStoreError,
    NotFoundError,
    NotReadyError,
    OtherVersionError,
    OutOfRangeError,
    OutOfSpaceError,
    PublisherError,
    ReadOnlyError,
    Recording,
    RejectedError,
    Run,
    Sample,
    StaleHandleError,
    Statistics,
    Stream,
    StructStore,
    StructStoreList,
    StructStoreShared,
    StructStoreStream,
    TooDeepError,
    TooManyError,
    Transaction,
    UnsupportedError,
    Watch,
    WrongTypeError,
    __version__,
    fill,
    from_json,
    from_yaml,
    is_current,
    is_live,
    live,
    locks,
    orphans,
    participants,
    read,
    record,
    remove_at,
    reserve,
    reset,
    set_at,
    stores,
    undeclare,
    unlink,
    usage,
    wait,
)
from . import _ending as _ending  # registers what it does
from . import _original as _original  # warns of it

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
    "Meta",
    "Mirror",
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
    "Subscription",
    "TooDeepError",
    "TooManyError",
    "Transaction",
    "UnsupportedError",
    "Viewer",
    "Watch",
    "WrongTypeError",
    "__version__",
    "bind",
    "created",
    "declare",
    "fill",
    "from_json",
    "from_yaml",
    "is_current",
    "is_live",
    "live",
    "locks",
    "meta",
    "orphans",
    "participants",
    "read",
    "record",
    "remove_at",
    "reserve",
    "reset",
    "serve",
    "set_at",
    "stores",
    "to_pandas",
    "undeclare",
    "unlink",
    "usage",
    "versioned",
    "wait",
    "widget",
]

_T = _typing.TypeVar("_T")
_C = _typing.TypeVar("_C", bound=type)


_abc.MutableMapping.register(StructStore)
_abc.MutableSequence.register(StructStoreList)


if _typing.TYPE_CHECKING:
    from ._meta import Meta
    from ._mirror import Mirror
    from ._serving import Viewer
    from ._watching import Subscription


def __dir__() -> list[str]:
    return __all__


def __getattr__(name: str) -> object:
    if name == "Subscription":  # asyncio takes long to import
        from ._watching import Subscription

        return Subscription
    if name == "Meta":  # and so do dataclasses
        from ._meta import Meta

        return Meta
    if name == "Mirror":
        from ._mirror import Mirror

        return Mirror
    if name == "Viewer":
        from ._serving import Viewer

        return Viewer
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def bind(structure: StructStore, cls: type[_T], *, widen: bool = False) -> _T:
    """An object of a dataclass whose attributes are the fields of a structure: it reads and writes the store.

        >>> @dataclasses.dataclass
        ... class Camera:
        ...     name: str
        ...     exposure: float = 0.01
        >>> store = structstore.StructStore()
        >>> store.camera = {"name": "left"}
        >>> camera = structstore.bind(store.camera, Camera)
        >>> camera.exposure *= 2
        >>> print(store.camera)
        {"name": "left", "exposure": 0.02}
        >>> store.camera.exposure = "long"
        Traceback (most recent call last):
        structstore.WrongTypeError: camera.exposure: found str, expected f64

    Missing fields are created with the defaults of the class. Existing fields must fit, and keep their values; ints become floats
    if the class has floats. All fields are declared: from then on, no process can remove them or give them another type. After an
    exception, nothing has changed: NotFoundError for a missing field without a default, WrongTypeError or OutOfRangeError for a
    field that does not fit, with its path. If several do not fit, the exception has one for each in `errors`.

    Dataclasses in lists, in dicts and where None is allowed are completed as well; `created()` says which fields were created in
    existing structures. With `widen`, numbers of a declared field become wider where the class has a wider type, such as np.uint32
    for np.uint16; programs with the narrower type can still read values that fit. See `Meta` for fields that have other names, and
    `versioned()` for anything else.

    While the object lives, the structure can be removed or replaced only by force: BoundError names the process that uses it, and
    `remove_at(..., force=True)` removes it anyway.

    Attributes that are dataclasses are bound as well; lists, dicts and arrays are those in the store; anything else is a copy.
    Assigned values are checked against the annotations, as in `to()`. Each access is a separate operation; hold a lock on the
    structure to combine several.

    The object is an instance of the class, with its methods, but neither `__init__` nor `__post_init__` ran. It has only the
    attributes of the class. `dataclasses.replace` and `copy.copy` make ordinary instances whose lists, dicts and arrays are those in
    the store; `copy.deepcopy` makes one as of one moment, as `to()` does; pickling passes on the structure, by name if it is shared.
    Objects of frozen classes, and of stores that were opened read-only, can only be read; in the latter, nothing is declared.
    """
    from ._bound import bind

    found: _T = bind(structure, cls, widen)
    return found


def created(bound: object) -> dict[str, int]:
    """The fields that `bind()` created in existing structures, and how many of each.

        >>> @dataclasses.dataclass
        ... class Fault:
        ...     code: int
        ...     severity: int = 3
        >>> @dataclasses.dataclass
        ... class State:
        ...     faults: list[Fault]
        >>> store = structstore.StructStore()
        >>> store.faults = [{"code": 7}, {"code": 8}]
        >>> structstore.created(structstore.bind(store, State))
        {'faults[*].severity': 2}

    `[*]` is any item of a list, and `.*` any entry of a dict. Fields of a structure that was empty are not listed.
    """
    found: dict[str, int] | None = getattr(bound, "__created__", None)
    if found is None:
        raise TypeError(f"expected an object from bind(), found {type(bound).__qualname__}")
    return dict(found)


def versioned(
    version: int,
    *,
    since: int | None = None,
    migrate: _typing.Callable[[StructStore, int], None] | None = None,
    name: str | None = None,
) -> _typing.Callable[[_C], _C]:
    """Gives a dataclass a version, which the structures that it is bound to record.

        >>> def from_millimetres(arm, version):
        ...     if "speed_mm" in arm:
        ...         structstore.undeclare(arm, "speed_mm")
        ...         arm.speed = arm.pop("speed_mm") / 1000
        >>> @structstore.versioned(2, migrate=from_millimetres)
        ... @dataclasses.dataclass
        ... class Arm:
        ...     speed: float = 0.0
        >>> store = structstore.StructStore()
        >>> store.arm = {"speed_mm": 1500.0}
        >>> structstore.bind(store.arm, Arm).speed
        1.5

    The first program of the new version that binds a structure calls `migrate(structure, version)` with the recorded version, in one
    transaction with the binding: if either raises an exception, nothing changes. Version 0 is a structure with fields that records no
    version of the class. Programs of a version older than `since`, which is `version` by default, then get OtherVersionError; others
    bind the fields that they know. `name` is the name under which the version is recorded, by default that of the class; a Rust struct
    of that name has the same versions.
    """
    from ._version import versioned

    found: _typing.Callable[[_C], _C] = versioned(version, since, migrate, name)
    return found


def declare(structure: StructStore, name: str, meta: "Meta | None" = None, /, **told: _typing.Any) -> None:
    """Declares the metadata of a field, by the keywords of `Meta`.

        >>> store = structstore.StructStore()
        >>> store.kp = 1.5
        >>> structstore.declare(store, "kp", ge=0, le=10, unit="1/s", description="Gain of the position loop.")
        >>> store.kp = 12.5
        Traceback (most recent call last):
        structstore.LimitError: kp: found 12.5, expected a number from 0.0 to 10.0
        >>> structstore.meta(store, "kp")
        Meta(ge=0.0, le=10.0, unit='1/s', description='Gain of the position loop.')

    From now on, every assignment in every process must be within the limits; the field keeps its type and cannot be removed. The last
    declaration wins, and an empty one removes limits, unit and description. A missing field is created if there is a `default`, which
    `reset()` assigns later. Views of an array with limits are read-only; `set_at()` assigns an element.

    Raises LimitError if the field's value is outside of the limits, InvalidArgumentError for limits that no value satisfies or that do
    not apply to its type, BoundError for limits of a number or array that a live binding of a Rust struct lends as plain memory,
    NotFoundError for a missing field without a default.
    """
    from ._meta import declare

    declare(structure, name, meta, told)


def meta(structure: StructStore, name: str) -> "Meta":
    """Returns the metadata of a field: see `declare()`."""
    from ._meta import get

    return get(structure, name)


def to_pandas(structure: StructStore) -> _typing.Any:
    """A pandas.DataFrame whose columns are the fields of a structure, copied as of one moment. A DataFrame that is stored becomes such a
    structure: columns of numbers and times become arrays; other columns, and columns with missing values, become lists.

        >>> store = structstore.StructStore()
        >>> store.run = pandas.DataFrame({"t": [0.0, 0.1], "label": ["a", "b"]})  # doctest: +SKIP
        >>> structstore.to_pandas(store.run)  # doctest: +SKIP
             t label
        0  0.0     a
        1  0.1     b
    """
    from ._foreign import to_pandas

    return to_pandas(structure)


def serve(
    store: StructStore | None = None,
    /,
    *,
    writable: bool | _abc.Iterable[str] = (),
    rate: float = 30.0,
    listen: str | None = None,
    insecure: bool = False,
) -> "Viewer":
    """Shows a live store in the browser: a tree, plots, pictures, and sliders for the fields that pages may change. Threads of this
    process serve it until the viewer is closed. Without a store, all shared stores of this machine are served.

        >>> store = structstore.StructStore()
        >>> store.gains = {"kp": 1.5}
        >>> with structstore.serve(store, writable=["gains"]) as viewer:
        ...     viewer.url.startswith("http://127.0.0.1:")  # viewer.open() shows it
        True

    `writable` lists the paths below which pages may change something; True means everything. Pages receive changes at most `rate` times a
    second. The address has a token that grants access. Keep it like a password. `listen` is an address to listen on, such as
    "127.0.0.1:8080", instead of a free port of this machine. An address beyond this machine needs `insecure`, because the network can read
    the token; better, connect by ssh -L. A forked child has no server.

    Raises ValueError for an address beyond this machine without `insecure`, and OSError if the system does not permit it.
    """
    from ._serving import serve

    return serve(store, writable, rate, listen, insecure)


def widget(
    store: StructStore, /, *, writable: bool | _abc.Iterable[str] = (), rate: float = 30.0
) -> _typing.Any:
    """A widget for notebooks that shows a live store or a part of one, and changes the paths that are `writable`: the page of `serve()`.
    Its messages go through the kernel, so it needs no port.

        >>> structstore.widget(store.drive, writable=True)  # doctest: +SKIP

    Raises ImportError without the package anywidget.
    """
    from ._serving import widget

    return widget(store, writable, rate)


def _restore(image: bytes) -> StructStore:
    """Restores a pickled structure."""
    return StructStore.from_bytes(image)


def _restore_list(image: bytes) -> StructStoreList:
    """Restores a pickled list."""
    items: StructStoreList = _restore(image)["list"]
    return items


def _reopen(
    path: str, use_file: bool, access: tuple[bool, bool], any_owner: bool
) -> StructStoreShared:
    """Restores a pickled store."""
    read_only, observe = access
    return StructStoreShared(
        path,
        use_file=use_file,
        read_only=read_only,
        observe=observe,
        create=False,
        any_owner=any_owner,
    )


def _reopen_part(
    path: str, use_file: bool, access: tuple[bool, bool], any_owner: bool, route: list[str]
) -> object:
    """Restores a pickled part of a shared store."""
    return _reopen(path, use_file, access, any_owner).store.at(*route)
