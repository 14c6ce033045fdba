"""The other process of the Rust tests across processes: does to a shared store what its arguments say.

Its specimens are those of `tests/src/lib.rs`.
"""

import os
import signal
import sys
import threading
import time
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

import structstore


@dataclass
class Inner:
    flag: bool = True
    count: np.uint8 = np.uint8(0)


@dataclass
class Settings:
    """As in `tests/tests/processes.rs`."""

    num: np.int32 = np.int32(5)
    gain: float = 0.0
    name: str = "foo"
    gains: npt.NDArray[np.float64] = field(default_factory=lambda: np.zeros(3))
    limit: float | None = None
    tags: list[str] = field(default_factory=list)
    inner: Inner = field(default_factory=Inner)


def specimens() -> dict[str, object]:
    return {
        "none": None,
        "truth": True,
        "i8": np.int8(-8),
        "i16": np.int16(-16),
        "i32": np.int32(-32),
        "int": -(1 << 62),
        "u8": np.uint8(8),
        "u16": np.uint16(16),
        "u32": np.uint32(32),
        "u64": (1 << 64) - 1,
        "f32": np.float32(0.25),
        "float": 1e300,
        "text": "grüße, 世界",
        "empty text": "",
        "bytes": b"\x00\xff\n",
        "list": [1, "two", None, [3.5]],
        "struct": {"x": 1, "inner": {"deep": "yes"}},
        "matrix": np.arange(6.0).reshape(2, 3),
        "scalar array": np.array(7, dtype="<i4"),
        "empty array": np.empty((0, 4), dtype="<u2"),
        "big endian": np.array([256, 512], dtype=">i2"),
        "flags": np.array([True, False, True]),
        "complex": np.array([1 + 2j], dtype="<c8"),
        "times": np.array([1_000_000], dtype="<M8[us]"),
        "strings": np.array(["hi"], dtype="<U2"),
        "records": np.array([(5, 1.0)], dtype=[("a", "u1"), ("b", "<f8")]),
    }


def check(store: structstore.StructStoreShared) -> None:
    expected = specimens()
    assert len(store) == len(expected), list(store)
    for name, value in expected.items():
        found = store[name]
        if isinstance(value, np.ndarray):
            assert isinstance(found, np.ndarray), name
            assert (found.dtype, found.shape) == (value.dtype, value.shape), name
            assert found.tobytes() == value.tobytes(), name
        else:
            assert found == value, (name, found)
            assert isinstance(found, bool) == isinstance(value, bool), name
    store.check()


def main(name: str, task: str, *rest: str) -> None:
    with structstore.StructStoreShared(name, create=False) as store:
        if task == "put":
            for field, value in specimens().items():
                store[field] = value
        elif task == "assert":
            check(store)
        elif task == "count":
            counters = store[rest[0]]
            for _ in range(int(rest[1])):
                with counters.write_lock():
                    counters.first += 1
                    counters.second += 1
        elif task == "bind":
            settings = structstore.bind(store[rest[0]], Settings)
            assert (settings.num, settings.name, settings.limit) == (5, "foo", None)
            settings.num += 1
            settings.gain = 0.5
            settings.name = "changed"
            settings.gains[1] = 1.5
            settings.limit = 2
            settings.tags.extend(["a", "b"])
            settings.inner.flag = False
            settings.inner.count = np.uint8(255)
            try:
                store[rest[0]].inner.count = 256
                raise SystemExit("a u8 took 256")
            except OverflowError:
                pass
        elif task == "publish":
            for number in range(100):
                store[rest[0]].publish(number / 2)
        elif task == "follow":
            follow = store[rest[0]].follow(start="oldest")
            for number in range(100):
                sample = next(follow)
                assert (sample.value, sample.missed) == (number / 2, 0), sample
        elif task == "refuse":
            for name, value, expected in [("limited", 11, ValueError), ("u8", 256, OverflowError)]:
                before = store[name]
                try:
                    store[name] = value
                    raise SystemExit(f"{name} took {value}")
                except expected as error:
                    assert name in str(error), error
                assert store[name] == before
        elif task == "die":
            # In a child, so that this process can say that it has done so.
            child = os.fork()
            if child == 0:
                with store[rest[0]].write_lock():
                    store[rest[0]].a = 99
                    os.kill(os.getpid(), signal.SIGKILL)
            assert os.waitpid(child, 0)[1] == signal.SIGKILL
        elif task == "meet the dead":
            lock = store[rest[0]].write_lock(60)
            with lock:
                assert lock.recovered and store[rest[0]].a == 99
        elif task == "read":
            ended = threading.Event()
            threading.Thread(target=lambda: (sys.stdin.read(), ended.set()), daemon=True).start()
            print("reading", flush=True)
            while not ended.is_set():
                with store[rest[0]].read_lock():
                    ended.wait(0.5)
                time.sleep(0.02)
        else:
            raise SystemExit(f"unknown task {task!r}")


if __name__ == "__main__":
    main(*sys.argv[1:])
