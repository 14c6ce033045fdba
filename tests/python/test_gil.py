"""What copies much runs without the GIL: other threads go on meanwhile."""

import functools
import threading
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from structstore import StructStore, StructStoreList

BYTES = 48 << 20
ARRAY = np.ones(BYTES // 8)
RAW = bytes(BYTES)
TEXT = "a" * BYTES
NUMBERS = np.arange(500_000.0)


@functools.cache
def image() -> bytearray:
    store = StructStore()
    store.raw = RAW
    return bytearray(store.to_bytes())


def longest_stop(operation: Callable[[], object]) -> float:
    """The longest time for which another thread stood still during an operation, as a part of what that took."""
    ticks: list[float] = []
    over = threading.Event()

    def tick() -> None:
        while not over.is_set():
            ticks.append(time.perf_counter())
            time.sleep(0)

    ticker = threading.Thread(target=tick)
    ticker.start()
    while not ticks:
        time.sleep(0)
    start = time.perf_counter()
    operation()
    end = time.perf_counter()
    over.set()
    ticker.join()
    moments = [start, *(tick for tick in ticks if start < tick < end), end]
    return max(later - earlier for earlier, later in zip(moments, moments[1:], strict=False)) / (end - start)


@pytest.fixture(scope="module")
def filled() -> StructStore:
    store = StructStore()
    store.update(array=ARRAY, raw=RAW, text=TEXT, part={"array": ARRAY, "raw": RAW}, many=[ARRAY])
    store.update(read={}, numbers={"array": NUMBERS})
    image()
    return store


def popped(store: StructStore) -> Any:
    store.other = {"raw": RAW}
    return store.pop("other")


OPERATIONS: dict[str, Callable[[StructStore], object]] = {
    "assign an array": lambda store: store.__setattr__("array", ARRAY),
    "assign one that is not dense": lambda store: store.__setattr__("array", ARRAY.reshape(-1, 1024)[:, ::2]),
    "assign bytes": lambda store: store.__setitem__("raw", RAW),
    "assign what lends bytes": lambda store: store.__setitem__("raw", memoryview(RAW)),
    "assign text": lambda store: store.__setitem__("text", TEXT),
    "read bytes": lambda store: store.raw,
    "assign a part": lambda store: store.__setitem__("copy", store.part),
    "update": lambda store: store.update({"array": ARRAY}, copy=RAW),
    "put into a new list": lambda store: StructStoreList([ARRAY]),
    "append": lambda store: store.many.append(ARRAY),
    "assign a slice": lambda store: store.many.__setitem__(slice(None), [ARRAY]),
    "deep copy": lambda store: store.part.deepcopy(),
    "copy to dicts": lambda store: store.part.to_dict(),
    "make a snapshot": lambda store: store.part.to_bytes(),
    "read a snapshot": lambda store: store.read.from_bytes(image()),
    "pickle": lambda store: store.part.__reduce__(),
    "pop": popped,
    "compare": lambda store: store.numbers == {"array": NUMBERS},
    "search": lambda store: ARRAY[1:] in store.many,
    "print": lambda store: store.numbers.to_json(),
    "check": lambda store: store.check(),
}


@pytest.mark.parametrize("name", OPERATIONS)
def test_other_threads_go_on(filled: StructStore, name: str) -> None:
    # Some of it has to hold the GIL; and the system may let the other thread wait for reasons of its own.
    stops = []
    for _ in range(10):
        stops.append(longest_stop(lambda: OPERATIONS[name](filled)))
        if stops[-1] < 0.4:
            return
    pytest.fail(f"others stood still for {min(stops):.0%} of it")
