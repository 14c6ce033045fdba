"""Nothing leaks: what is done a million times leaves the process and the store as large as they were."""

import gc
import weakref
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from structstore import StructStore, StructStoreList

PAGE = 4096
TIMES = 1_000_000
# In bytes per repetition: less than the smallest object.
GROWTH = 6
# A leak grows in each round. The allocator and other threads take memory only once.
ROUNDS = 4


def resident() -> int:
    return int(Path("/proc/self/statm").read_text().split()[1]) * PAGE


def grows(action: Callable[[], object], times: int) -> bool:
    """Whether the process grows in each of the rounds, after one that is not counted."""
    for _ in range(times // 10):
        action()
    for _ in range(ROUNDS):
        gc.collect()
        before = resident()
        for _ in range(times):
            action()
        gc.collect()
        if resident() - before < GROWTH * times:
            return False
    return True


def read(store: StructStore) -> None:
    store.vec, store.sub, store.items_, store.text, store.raw


def read_in_vain(store: StructStore) -> None:
    try:
        store.missing
    except AttributeError:
        pass


def fail_to_convert(store: StructStore) -> None:
    try:
        store.new = [1, "two", {"x": object()}]
    except TypeError:
        pass


def fail_to_assign(store: StructStore) -> None:
    try:
        store.update({"sub": {"y": [2]}, "": 1})
    except ValueError:
        pass


def replace(store: StructStore) -> None:
    view, sub = store.vec, store.sub
    store.vec = view * 1
    store.sub = {"x": [1, "two"]}
    store.items_[1:] = ["two", {"x": 3}]


def lock(store: StructStore) -> None:
    with store.write_lock(), store.sub.read_lock():
        pass


def lock_in_vain(store: StructStore) -> None:
    try:
        with store.read_lock(), store.write_lock():
            pass
    except RuntimeError:
        pass


def transact(store: StructStore) -> None:
    with store.transaction():
        store.num += 1


def undo(store: StructStore) -> None:
    try:
        with store.transaction():
            store.sub = [1, {"x": "y"}]
            store.vec = np.zeros(9)
            raise KeyError
    except KeyError:
        pass


def copy(store: StructStore) -> None:
    store.deepcopy(), store.to_bytes(), list(store.items_), store == {"num": 1}


@pytest.mark.parametrize(
    ("action", "part"),
    [
        (read, 1.0),
        (read_in_vain, 0.3),
        (fail_to_convert, 0.1),
        (fail_to_assign, 0.1),
        (replace, 0.1),
        (lock, 0.3),
        (lock_in_vain, 0.1),
        (transact, 0.3),
        (undo, 0.1),
        (copy, 0.1),
    ],
)
def test_memory_stays_flat(store: StructStore, action: Callable[[StructStore], None], part: float) -> None:
    store.update(num=1, vec=np.arange(4.0), sub={"x": [1]}, items_=[1, "two", {"x": 3}], text="text" * 20, raw=b"raw")
    action(store)
    used = store.stats()
    assert not grows(lambda: action(store), int(TIMES * part))
    assert (store.stats().blocks, store.stats().nodes) == (used.blocks, used.nodes)
    assert store.allocated() == used.allocated


def test_stores_of_their_own_leave_nothing() -> None:
    probe = StructStore()

    def one() -> None:
        StructStore().vec = np.arange(4.0)
        StructStoreList([1, {"x": 2}])

    one()
    used = probe.stats()
    assert not grows(one, 100_000) and probe.stats() == used


def test_cycles_through_views_are_collected(store: StructStore) -> None:
    class Frames(list[Any]):
        pass

    store.vec = np.arange(1000.0)
    used = store.allocated()
    frames = Frames()
    frames += [frames, store.vec[1:], memoryview(store.vec), store.vec.T, iter(store.keys())]
    gone = weakref.ref(frames)
    del store.vec
    assert store.allocated() > used - 8000, "the view keeps the memory"
    del frames
    gc.collect()
    assert gone() is None and store.allocated() < used - 8000


@pytest.mark.parametrize("make", [StructStore.write_lock, StructStore.transaction])
def test_cycles_through_locks_are_collected(make: Callable[[StructStore], Any]) -> None:
    class Robot(StructStore):
        pass

    gc.collect()  # What other tests have left is not to go in between.
    probe, robot = StructStore(), Robot()
    nodes = probe.stats().nodes
    robot.__lock__ = make(robot)
    del robot
    gc.collect()
    assert probe.stats().nodes == nodes - 1
