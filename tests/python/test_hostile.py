"""Whatever bytes a segment holds, all that Python does with it ends in a value or an exception.

Each damaged segment is tried in a child of its own, under limits of time and memory. What the engine answers in detail
is tested in Rust.
"""

import collections
import copy
import faulthandler
import os
import pickle
import random
import resource
import signal
import struct
import sys
import tempfile
import traceback
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import structstore
from structstore import StructStore, StructStoreList, StructStoreShared

# How much processor time one segment may take, in seconds, and how much memory of its own a child may have. (Limits on the
# clock are for what is stuck: see tests/src/limits.rs.)
SECONDS = 10
STUCK = 300
MEMORY = 512 << 20

# How many segments with one word changed are tried.
SEGMENTS = 14_000 if "STRUCTSTORE_THOROUGH" in os.environ else 1400 if "STRUCTSTORE_EXHAUSTIVE" in os.environ else 200

# How many children there are at once: more than cores, for some of them wait.
CHILDREN = 8

# A process id that nobody has, in place of that of the process that made the segments.
NOBODY = 1 << 30

# For how long an operation may wait for a lock, and for what it watches.
PATIENCE = 0.02


@dataclass
class Bound:
    num: int = 5
    text: str = "text"
    items: list[str] = field(default_factory=list)
    vec: np.ndarray[Any, Any] = field(default_factory=lambda: np.zeros(3))
    limit: float | None = None


def fill(store: StructStoreShared) -> None:
    """Values of every type."""
    store.update(none=None, flag=True, num=-5, large=(1 << 64) - 1, half=0.5, text="grüße, 世界", empty="")
    store.raw = bytes(range(256)) * 2
    store.lst = [1, "two", None, [3.5, {"x": 1}], "a string that is longer than the others"]
    store.sub = {"x": 1, "inner": {"deep": "yes", "items": [1, 2]}}
    for name, dtype in enumerate(["f8", "i4", ">i2", "?", "c8", "M8[us]", "U4", "S3", "V5"]):
        store[f"array {name}"] = np.zeros((2, 3), dtype=dtype)
    store.records = np.zeros(3, dtype=[("a", "u1"), ("b", "f8"), ("c", "f4", (2,))])
    store.hole = np.zeros((0, 4))
    store.point = np.array(5, dtype="i4")
    for index in range(10):
        store[f"field {index}"] = list(range(index))
    for index in range(0, 10, 3):
        del store[f"field {index}"]


def segments(folder: Path) -> list[bytes]:
    """Segments at rest, bound and watched, within a transaction, and locked, of a process that is dead."""
    found = []

    def snapshot(path: Path) -> None:
        contents = path.read_bytes()
        words = struct.unpack(f"<{len(contents) // 8}Q", contents)
        words = tuple(NOBODY if word == os.getpid() else word for word in words)
        found.append(struct.pack(f"<{len(words)}Q", *words))

    path = folder / "filled"
    with StructStoreShared(path, use_file=True, size=32 << 10) as store:
        fill(store)
        snapshot(path)
    path = folder / "bound"
    with StructStoreShared(path, use_file=True, size=32 << 10) as store, store.watch():
        bound = structstore.bind(store.store, Bound)
        bound.items.append("a")
        view = bound.vec
        snapshot(path)
        del view
    path = folder / "busy"
    with StructStoreShared(path, use_file=True, size=32 << 10) as store:
        store.update(lst=["a", "b"], text="before", vec=np.arange(100.0))
        with store.transaction():
            store.text = "a text that takes a block of its own"
            store.lst.pop(0)
            del store.text
            snapshot(path)
        with store.write_lock():
            store.text = "held"
            snapshot(path)
    return found


def damaged(segments: list[bytes], chance: random.Random) -> Iterator[tuple[str, bytes]]:
    """Segments with one word in place of another, of those that say something mostly; and worse ones."""
    for at, segment in enumerate(segments):
        for length in (1, 31, 4095, len(segment) // 2):
            yield f"segment {at}, {length} bytes", segment[:length]
        for header in (64, 12 << 10):
            yield f"segment {at}, anything behind {header}", segment[:header] + chance.randbytes(len(segment) - header)
            yield f"segment {at}, zeros behind {header}", segment[:header] + bytes(len(segment) - header)
        for other, behind in enumerate(segments):
            if other != at:
                middle = len(segment) // 2
                yield f"segment {at}, then segment {other}", segment[:middle] + behind[middle:]
    used = [[at for at in range(0, len(segment), 8) if segment[at : at + 8] != bytes(8)] for segment in segments]
    for _ in range(SEGMENTS):
        at = chance.randrange(len(segments))
        segment = segments[at]
        place = chance.choice(used[at]) if chance.randrange(8) else 8 * chance.randrange(len(segment) // 8)
        (was,) = struct.unpack_from("<Q", segment, place)
        other = chance.choice(used[at])
        word = chance.choice(
            [
                0,
                1,
                (1 << 64) - 1,
                1 << 63,
                was + 1,
                was - 1,
                was ^ 1 << 32,
                was << 32 | was >> 32,
                len(segment) - 8,
                struct.unpack_from("<Q", segment, other)[0],
                chance.getrandbits(64),
                chance.getrandbits(chance.randrange(1, 64)),
            ]
        ) % (1 << 64)
        yield (
            f"segment {at}, word {place // 8}: {word:#x}",
            segment[:place] + struct.pack("<Q", word) + segment[place + 8 :],
        )


def attempt(work: Callable[..., Any], *args: Any) -> Any:
    """What it returns, or None after an exception. One that is no Exception, as that of a panic, goes on."""
    try:
        return work(*args)
    except Exception:
        return None


STRUCT_LOOKS: list[Callable[[Any], object]] = [
    *(repr, str, len, list, dir, pickle.dumps, copy.copy, copy.deepcopy, StructStore.to_json, StructStore.to_yaml),
    *(StructStore.to_dict, StructStore.to_bytes, StructStore.stats, StructStore.items, StructStore.values),
    *(StructStore.check, StructStore._repr_html_, lambda store: list(reversed(store)), lambda store: store.to(Bound)),
    lambda store: store == StructStore.to_dict(store),
]
LIST_LOOKS: list[Callable[[Any], object]] = [
    *(repr, str, len, pickle.dumps, copy.deepcopy, StructStoreList.to_list, lambda items: items[1:]),
    *(lambda items: items[-1], lambda items: items[::-2], lambda items: 5 in items, lambda items: items.count("a")),
    *(lambda items: items == items.copy(), lambda items: items < [5], lambda items: items + items),
]
ARRAY_LOOKS: list[Callable[[Any], object]] = [
    *(repr, np.sum, np.copy, np.ndarray.tolist, np.ndarray.tobytes, lambda array: array == array[::-1]),
]


def read(store: StructStore) -> None:
    for look in STRUCT_LOOKS:
        attempt(look, store)
    read_below(store, 0, [200])


def read_below(store: StructStore, depth: int, left: list[int]) -> None:
    for name in attempt(StructStore.keys, store) or []:
        attempt(StructStore.__contains__, store, name)
        attempt(StructStore.get, store, name)
        attempt(getattr, store, name)
        read_part(attempt(StructStore.__getitem__, store, name), depth, left)


def read_part(value: Any, depth: int, left: list[int]) -> None:
    """Looks at what may be a tree almost without end as far as that makes sense."""
    left[0] -= 1
    if left[0] < 0 or depth > 6:
        return
    if isinstance(value, StructStore):
        for look in STRUCT_LOOKS:
            attempt(look, value)
        read_below(value, depth + 1, left)
    elif isinstance(value, StructStoreList):
        for look in LIST_LOOKS:
            attempt(look, value)
        for item in attempt(StructStoreList.copy, value) or []:
            read_part(item, depth + 1, left)
    elif isinstance(value, np.ndarray):
        for look in ARRAY_LOOKS:
            attempt(look, value)


def write(store: StructStore) -> None:
    with_lock(store)
    attempt(structstore.bind, store, Bound)
    bound = attempt(structstore.bind, store, Bound)
    if bound is not None:
        attempt(lambda: bound.items.append("b"))
        attempt(setattr, bound, "num", 6)
        attempt(setattr, bound, "limit", 0.5)
        attempt(repr, bound)
    for name in (attempt(StructStore.keys, store) or [])[:30]:
        value = attempt(StructStore.__getitem__, store, name)
        if isinstance(value, StructStoreList):
            change_list(value)
        elif isinstance(value, np.ndarray):
            attempt(value.fill, 1)
            attempt(lambda value=value: value.__setitem__(..., value[::-1].copy()))
        elif isinstance(value, StructStore):
            attempt(StructStore.update, value, {"x": "text", "more": [1, 2]})
            with_lock(value)
        attempt(setattr, store, name, value)
        attempt(StructStore.setdefault, store, name, 5)
        attempt(StructStore.notify, store, name)
        attempt(StructStore.rename, store, name, "renamed")
        attempt(StructStore.pop, store, "renamed")
        attempt(setattr, store, name, {"replaced": [1, "text", np.arange(3)]})
        attempt(delattr, store, name)
    attempt(StructStore.update, store, {"new": "text", "another new field with a long name": [1, [2]]})
    attempt(StructStore.setdefault, store, "unlike any other", [5])
    attempt(setattr, store, "vec", np.ones(100))
    attempt(lambda: store.vec.sum())
    attempt(StructStore.popitem, store)
    attempt(lambda: StructStore.from_bytes(store, StructStore.to_bytes(store)))
    attempt(StructStore.clear, store)


def with_lock(structure: Any) -> None:
    """Locks, a transaction and a watch."""

    def within(context: Any) -> None:
        with context:
            attempt(structure.update, {"guarded": [1, 2]})
            attempt(len, structure)

    for method in (StructStore.write_lock, StructStore.read_lock, StructStore.transaction):
        attempt(lambda method=method: within(method(structure, timeout=PATIENCE)))

    def watch() -> None:
        with StructStore.watch(structure) as watch:
            attempt(StructStore.update, structure, {"watched": 1})
            watch.changes()
            watch.wait(0.002)

    attempt(watch)
    attempt(StructStore.wait, structure, 0.001)


def change_list(items: StructStoreList) -> None:
    for change in (
        *(lambda: items.append(5), lambda: items.insert(0, "text"), lambda: items.insert(1, [1, {"x": 2}])),
        *(lambda: items.sort(key=str), items.sort, items.reverse, lambda: items.__setitem__(slice(1, 2), [1, 2, 3])),
        *(lambda: items.__delitem__(slice(None, None, 2)), items.pop, lambda: items.pop(0), lambda: items.remove(5)),
        *(lambda: items.__setitem__(0, "replaced"), lambda: items.__imul__(2), lambda: items.extend(items)),
        *(lambda: items.index(1), items.clear),
    ):
        attempt(change)


def operate(path: Path) -> None:
    """Opens what may be a store, for reading and for writing, and does all there is to be done."""
    for read_only in (True, False):
        store = attempt(
            lambda read_only=read_only: StructStoreShared(
                path, use_file=True, create=False, timeout=PATIENCE, read_only=read_only
            )
        )
        if store is None:
            continue
        read(store)
        with_lock(store)
        if not read_only:
            write(store)
            read(store)
        attempt(StructStoreShared.close, store)
        attempt(len, store)


def others_work(shared: StructStoreShared, local: StructStore) -> None:
    """Whatever became of the damaged one."""
    for store in (shared, local):
        store.num += 1
        store.lst.append({"x": np.arange(3)})
        with store.transaction():
            store.text = "text"
        assert (store.num, store.lst[0].x[2]) == (6, 2)
        store.check()


def limit() -> None:
    faulthandler.disable()
    signal.signal(signal.SIGALRM, signal.SIG_DFL)
    signal.alarm(STUCK)
    signal.signal(signal.SIGXCPU, signal.SIG_DFL)
    resource.setrlimit(resource.RLIMIT_CPU, (SECONDS, resource.getrlimit(resource.RLIMIT_CPU)[1]))
    # Added to what earlier tests have left allocated, of which the allocator may have nothing free.
    (inherited,) = (int(line.split()[1]) << 10 for line in open("/proc/self/status") if line.startswith("VmData:"))
    resource.setrlimit(resource.RLIMIT_DATA, (inherited + MEMORY, inherited + MEMORY))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def start(path: Path, segment: bytes) -> int:
    """A child that tries a segment."""
    path.write_bytes(segment)
    pid = os.fork()
    if pid:
        return pid
    status = 1
    try:
        limit()
        warnings.simplefilter("ignore")
        np.seterr(all="ignore")
        memory = os.memfd_create("healthy")
        shared, local = StructStoreShared(fd=memory), StructStore()
        for store in (shared, local):
            store.update(num=5, lst=[])
        operate(path)
        others_work(shared, local)
        shared.close()
        status = 0
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stderr.flush()
        os._exit(status)


@pytest.fixture
def memory() -> Iterator[Path]:
    """A folder in memory: where files go to a disk, whoever writes to them may have to wait for it."""
    with tempfile.TemporaryDirectory(dir="/dev/shm") as folder:
        yield Path(folder)


def test_damaged_segments(memory: Path) -> None:
    # Each child is bounded in time.
    faulthandler.cancel_dump_traceback_later()
    running: collections.deque[tuple[int, str]] = collections.deque()
    failed = []
    count = 0

    def reap() -> None:
        pid, how = running.popleft()
        status = os.waitpid(pid, 0)[1]
        if status != 0:
            failed.append(f"{how}: {os.waitstatus_to_exitcode(status)}")

    # Read once, so that no child need import what the others did before.
    healthy = StructStore()
    healthy.update(records=np.zeros(1, dtype=[("a", "u1")]), sub={"x": 1})
    structstore.bind(healthy, Bound)
    read(healthy)
    write(healthy)
    for how, segment in damaged(segments(memory), random.Random(1)):
        if len(running) == CHILDREN:
            reap()
        running.append((start(memory / str(count % CHILDREN), segment), how))
        count += 1
    while running:
        reap()
    print(f"{count} segments")
    assert not failed, f"{len(failed)} of {count}: {failed[:30]}"
