"""Structured object storage, dynamically typed, shared between processes.

    >>> import numpy as np
    >>> import structstore

    >>> state = structstore.StructStore()  # in this process's own memory
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
    """An object with the attributes of a dataclass, which are the fields of a structure: it reads and writes the store.

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

    Fields that are missing are created with the defaults of the class; those that are there have to fit, and keep their
    values, of which ints become floats where floats are asked for. All of them are declared: from then on, in every
    process, they can be neither removed nor given another type. All of that happens or, after an exception, nothing:
    NotFoundError for a field that is missing and has no default, WrongTypeError or OutOfRangeError for one that does not fit,
    with its path. Where several do not fit, one exception has those of all in `errors`.

    Dataclasses in lists, in dicts and where None is allowed are completed as well; `created()` says which fields were created in what
    was there already. With `widen`, numbers of a declared field become wider ones where the class asks for these, such as np.uint32
    for np.uint16; programs with the narrower type go on reading values that fit. See `Meta` for fields that have other names, and
    `versioned()` for anything else.

    While the object lives, no process removes or replaces the structure in passing: BoundError says which process uses it, and
    `remove_at(..., force=True)` removes it all the same.

    Attributes that are dataclasses are bound as well; lists, dicts and arrays are those in the store; anything else is a
    copy. What is assigned is checked against the annotations as `to()` does. Each access is an operation of its own:
    hold a lock on the structure for several to be one.

    The object is an instance of the class, with its methods, though neither `__init__` nor `__post_init__` ran. It has no
    attributes but those of the class. `dataclasses.replace` and `copy.copy` make ordinary instances whose lists, dicts and
    arrays are those in the store; `copy.deepcopy` makes one as of one moment, as `to()` does; pickling passes on the
    structure, by name if it is shared. A frozen class can be read only, as a store can that was opened read-only; nothing
    is declared in the latter.
    """
    from ._bound import bind

    found: _T = bind(structure, cls, widen)
    return found


def created(bound: object) -> dict[str, int]:
    """Fields that `bind()` has created in what was there already, and how many of each.

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

    `[*]` is any item of a list, and `.*` any entry of a dict. Nothing is listed of a structure that was empty.
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
    """Gives a dataclass a version, which structures record that it is bound to.

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

    The first program of the new version that binds a structure calls `migrate(structure, version)` with the version that is there, in one
    transaction with binding it: if either raises an exception, nothing is changed. Version 0 is a structure with fields that records no
    version of the class. Programs of an older version than `since`, which is `version` itself if nothing else is given, then get
    OtherVersionError; others bind what they know. `name` is the name under which the version is recorded, by default that of the class;
    a Rust struct of that name has the same versions.
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

    From now on every assignment in every process keeps the limits; the field keeps its type and cannot be removed. The last declaration
    wins, and an empty one removes limits and texts. A missing field is created if there is a `default`, which `reset()` assigns later.
    Views of an array with limits are read-only; `set_at()` assigns an element.

    Raises LimitError if the field's value is outside of the limits, InvalidArgumentError for limits that no value satisfies or that do
    not apply to its type, BoundError for limits of a number or array that a living binding of a Rust struct lends as plain memory,
    NotFoundError for a missing field without default.
    """
    from ._meta import declare

    declare(structure, name, meta, told)


def meta(structure: StructStore, name: str) -> "Meta":
    """Returns the metadata of a field: see `declare()`."""
    from ._meta import get

    return get(structure, name)


def to_pandas(structure: StructStore) -> _typing.Any:
    """A pandas.DataFrame whose columns are the fields of a structure, copied as of one moment. A DataFrame that is stored becomes such a
    structure: columns of numbers and times are arrays; columns of anything else, and those with missing values, are lists.

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
    """Shows a store in the browser, live: its tree, plots, pictures, and sliders for what may be changed. It is served by threads of this
    process until the viewer is closed; without a store, all shared stores of this machine are served.

        >>> store = structstore.StructStore()
        >>> store.gains = {"kp": 1.5}
        >>> with structstore.serve(store, writable=["gains"]) as viewer:
        ...     viewer.url.startswith("http://127.0.0.1:")  # viewer.open() shows it
        True

    `writable` lists the paths below which pages may change something; True is everything. Pages are told of changes at most `rate` times a
    second. The address has a token that grants access. Keep it like a password. `listen` is an address to listen on, "127.0.0.1:8080"
    for example, in place of a free port of this machine. An address beyond this machine needs `insecure`, because the network can read
    the token; better, connect by ssh -L. A forked child has no server.

    Raises ValueError for an address beyond this machine without `insecure`, and OSError if the system refuses.
    """
    from ._serving import serve

    return serve(store, writable, rate, listen, insecure)


def widget(
    store: StructStore, /, *, writable: bool | _abc.Iterable[str] = (), rate: float = 30.0
) -> _typing.Any:
    """A widget for notebooks that shows a store or a part of one, live, and changes what is `writable`: the page of `serve()`. Its messages go
    through the kernel, so that it needs no port.

        >>> structstore.widget(store.drive, writable=True)  # doctest: +SKIP

    Raises ImportError without the package anywidget.
    """
    from ._serving import widget

    return widget(store, writable, rate)


def _restore(image: bytes) -> StructStore:
    """What a pickled structure becomes."""
    return StructStore.from_bytes(image)


def _restore_list(image: bytes) -> StructStoreList:
    """What a pickled list becomes."""
    items: StructStoreList = _restore(image)["list"]
    return items


def _reopen(
    path: str, use_file: bool, access: tuple[bool, bool], any_owner: bool
) -> StructStoreShared:
    """What a pickled store becomes."""
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
    """What a pickled part of a shared store becomes."""
    return _reopen(path, use_file, access, any_owner).store.at(*route)
