"""Structured object storage, dynamically typed, shared between processes.

    import numpy as np
    import structstore

    state = structstore.StructStore()  # in this process's own memory
    state.num = 5
    state.lst = [1, 2, 3, 5, 8]
    state.vec = np.array([[1.0, 2.0], [3.0, 4.0]])  # state.vec is then a view, not a copy
    state.vec[0, 0] += 1
    print(state.deepcopy())

    shmem = structstore.StructStoreShared("/shdata_store")  # creates or attaches
    shmem.state = state
    with shmem.state.write_lock():
        shmem.state.num += 1
"""

from collections.abc import MutableMapping, MutableSequence

from ._structstore import (
    AbandonedError,
    AccessError,
    AlreadyExistsError,
    CleanupMode,
    ClosedError,
    CorruptError,
    DeadlockError,
    DeclaredError,
    Error,
    HeldByGuardError,
    InTransactionError,
    IndexOutOfRangeError,
    InvalidArgumentError,
    InvalidNameError,
    IoError,
    LeasedError,
    Lock,
    LockTimeoutError,
    MismatchError,
    NoSuchStoreError,
    NotFoundError,
    NotReadyError,
    OutOfRangeError,
    OutOfSpaceError,
    ReadOnlyError,
    RejectedError,
    StaleHandleError,
    Statistics,
    StructStore,
    StructStoreList,
    StructStoreShared,
    TooDeepError,
    TooManyError,
    Transaction,
    UnsupportedError,
    Watch,
    WrongTypeError,
    __version__,
)

__all__ = [
    "AbandonedError",
    "AccessError",
    "AlreadyExistsError",
    "CleanupMode",
    "ClosedError",
    "CorruptError",
    "DeadlockError",
    "DeclaredError",
    "Error",
    "HeldByGuardError",
    "InTransactionError",
    "IndexOutOfRangeError",
    "InvalidArgumentError",
    "InvalidNameError",
    "IoError",
    "LeasedError",
    "Lock",
    "LockTimeoutError",
    "MismatchError",
    "NoSuchStoreError",
    "NotFoundError",
    "NotReadyError",
    "OutOfRangeError",
    "OutOfSpaceError",
    "ReadOnlyError",
    "RejectedError",
    "StaleHandleError",
    "Statistics",
    "StructStore",
    "StructStoreList",
    "StructStoreShared",
    "TooDeepError",
    "TooManyError",
    "Transaction",
    "UnsupportedError",
    "Watch",
    "WrongTypeError",
    "__version__",
]


MutableMapping.register(StructStore)
MutableSequence.register(StructStoreList)


def _restore(image: bytes) -> StructStore:
    """What a pickled structure becomes."""
    store = StructStore()
    StructStore.from_bytes(store, image)
    return store


def _restore_list(image: bytes) -> StructStoreList:
    """What a pickled list becomes."""
    items: StructStoreList = _restore(image)["list"]
    return items


def _reopen(path: str, use_file: bool, read_only: bool, permanent: bool) -> StructStoreShared:
    """What a pickled store becomes."""
    cleanup = CleanupMode.NEVER if permanent else CleanupMode.IF_LAST
    return StructStoreShared(path, use_file=use_file, read_only=read_only, cleanup=cleanup, create=False)


def _reopen_part(path: str, use_file: bool, read_only: bool, route: list[str]) -> object:
    """What a pickled part of a shared store becomes."""
    return _reopen(path, use_file, read_only, True).store.at(*route)
