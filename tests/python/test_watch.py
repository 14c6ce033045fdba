"""Being told of changes: in loops, under asyncio, by callbacks, between processes."""

import asyncio
import multiprocessing
import signal
import subprocess
import threading
import time
from collections.abc import Callable

import numpy as np
import pytest

import structstore
from structstore import StructStore, StructStoreShared

Start = Callable[..., subprocess.Popen[str]]

# How long anything here may take before it counts as stuck, in seconds.
LIMIT = 60.0


def test_paths(store: StructStore) -> None:
    store.pose = {"x": 1.0}
    store.items_ = [1, 2]
    store.vec = np.zeros(3)
    watch = store.watch()
    assert watch.changes() == []
    store.pose.x = 2.0
    store.items_.append(3)
    store.mode = "auto"
    assert sorted(watch.changes()) == ["items_[2]", "mode", "pose.x"]
    with store.write_lock():
        store.pose.x += 1
        assert watch.changes() == []
    assert "pose.x" in watch.changes()
    store.vec[:] = 1
    assert watch.changes() == []
    store.notify("vec")
    assert watch.changes() == ["vec"]
    with pytest.raises(structstore.NotFoundError):
        store.notify("nothing")
    with store.items_.watch() as items:
        store.items_[0] = 7
        assert items.wait() == ["[0]"]
    assert items.wait() is None
    assert items.changes() == []
    assert list(items) == []
    watch.close()


def test_watching_leaves_nothing(name: str) -> None:
    with StructStoreShared(name) as store:
        watches = [store.watch() for _ in range(10)]
        assert store.stats().watchers == 10
        for watch in watches[:5]:
            watch.close()
        assert store.stats().watchers == 5
        del watches, watch
        assert store.stats().watchers == 0
        store.check()


def test_a_loop_ends_when_it_is_closed(store: StructStore) -> None:
    watch = store.watch()
    told: list[str] = []
    thread = threading.Thread(target=lambda: told.extend(path for paths in watch for path in paths))
    thread.start()
    store.x = 1
    while told != ["x"]:
        time.sleep(0.001)
    with pytest.raises(RuntimeError, match="another thread"):
        while True:  # Until it waits again.
            watch.changes()
    watch.close()
    thread.join(LIMIT)
    assert not thread.is_alive()


def test_closing_the_store_ends_loops(name: str) -> None:
    store = StructStoreShared(name)
    store.pose = {"x": 1}
    ended: list[object] = []
    threads = [
        threading.Thread(target=lambda: ended.append(list(store.watch()))),
        threading.Thread(target=lambda pose=store.pose: ended.append(pose.wait())),
    ]

    async def watch() -> None:
        async for _ in store.pose.watch():
            pass
        ended.append("async")

    threads.append(threading.Thread(target=lambda: asyncio.run(watch())))
    for thread in threads:
        thread.start()
    while store.stats().watchers < 3:
        time.sleep(0.001)
    store.close()
    for thread in threads:
        thread.join(LIMIT)
    assert len(ended) == 3 and [] in ended and False in ended and "async" in ended


def test_wait(store: StructStore) -> None:
    assert store.wait(timeout=0.0) is False
    assert store.wait(timeout=0.01) is False
    with pytest.raises(structstore.InvalidArgumentError, match="timeout"):
        store.wait(timeout=-1)
    done = threading.Event()

    def change() -> None:
        while not done.wait(0.001):
            store.x = time.monotonic()

    thread = threading.Thread(target=change)
    thread.start()
    assert store.wait(timeout=LIMIT) is True
    done.set()
    thread.join()


def test_what_is_removed_ends_the_loop_with_an_error(store: StructStore) -> None:
    store.pose = {"x": 1}
    watch = store.pose.watch()
    del store.pose
    with pytest.raises(structstore.StaleHandleError):
        next(watch)
    assert list(watch) == []


def test_callbacks(store: StructStore) -> None:
    told: list[list[str]] = []
    with pytest.raises(TypeError, match="callback"):
        store.on_change(5)  # type: ignore[arg-type]
    subscription = store.on_change(told.append)
    store.x = 1
    while not told:
        time.sleep(0.001)
    assert told == [["x"]]
    assert "active" in repr(subscription)
    subscription.stop()
    assert "stopped" in repr(subscription)
    store.y = 1
    assert told == [["x"]]


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_a_callback_that_raises_is_called_again(store: StructStore) -> None:
    calls: list[list[str]] = []

    def fail(paths: list[str]) -> None:
        calls.append(paths)
        raise ValueError(paths)

    hook, threading.excepthook = threading.excepthook, lambda _: None
    try:
        with store.on_change(fail):
            for number in range(1, 4):
                store.x = number
                while len(calls) < number:
                    time.sleep(0.001)
    finally:
        threading.excepthook = hook


def test_asyncio(store: StructStore) -> None:
    async def main() -> list[str]:
        told = []
        store.x = 0
        watch = store.watch()
        store.x = 1
        async for paths in watch:
            told += paths
            if store.x == 3:
                break
            store.x += 1
        return told

    assert asyncio.run(asyncio.wait_for(main(), LIMIT)) == ["x", "x", "x"]


def test_asyncio_is_cancelled_at_once(store: StructStore) -> None:
    async def watch() -> None:
        async for _ in store.watch():
            pass

    async def main() -> None:
        tasks = [asyncio.create_task(watch()) for _ in range(50)]
        await asyncio.sleep(0.05)
        for task in tasks:
            task.cancel()
        assert all(isinstance(done, asyncio.CancelledError) for done in await asyncio.gather(*tasks, return_exceptions=True))

    asyncio.run(asyncio.wait_for(main(), LIMIT))
    deadline = time.monotonic() + LIMIT
    while any("structstore watch" in thread.name for thread in threading.enumerate()):
        assert time.monotonic() < deadline
        time.sleep(0.001)


def test_asyncio_errors_arrive(store: StructStore) -> None:
    store.pose = {"x": 1}

    async def main() -> None:
        watch = store.pose.watch()
        del store.pose
        async for _ in watch:
            pass

    with pytest.raises(structstore.StaleHandleError):
        asyncio.run(asyncio.wait_for(main(), LIMIT))


COUNTER = """
import sys, structstore
store = structstore.StructStoreShared(sys.argv[1], cleanup=structstore.CleanupMode.NEVER)
for number in range(1, int(sys.argv[2]) + 1):
    store.counter = number
"""


def test_the_last_of_many_changes_is_seen(name: str, python: Start) -> None:
    with StructStoreShared(name) as store:
        store.counter = 0
        watch = store.watch()
        process = python(COUNTER, name, "20000")
        while store.counter != 20000:
            assert watch.wait(timeout=LIMIT) is not None
        assert process.wait(LIMIT) == 0


WATCHER = """
import sys, structstore
store = structstore.StructStoreShared(sys.argv[1], cleanup=structstore.CleanupMode.NEVER)
watch = store.watch()
print("watching", flush=True)
try:
    for paths in watch:
        print(",".join(paths), flush=True)
except KeyboardInterrupt:
    print("interrupted", flush=True)
"""


def test_interrupts_end_a_wait(name: str, python: Start) -> None:
    with StructStoreShared(name) as store:
        process = python(WATCHER, name)
        assert process.stdout is not None
        assert process.stdout.readline() == "watching\n"
        store.x = 1
        assert process.stdout.readline() == "x\n"
        process.send_signal(signal.SIGINT)
        assert process.stdout.readline() == "interrupted\n"
        assert process.wait(LIMIT) == 0


def test_a_killed_watcher_leaves_nothing(name: str, python: Start) -> None:
    with StructStoreShared(name) as store:
        process = python(WATCHER, name)
        assert process.stdout is not None
        assert process.stdout.readline() == "watching\n"
        assert store.stats().watchers == 1
        process.kill()
        process.wait(LIMIT)
        store.check()
        assert store.stats().watchers == 0


def watch_in_a_child(watch: structstore.Watch, ready: "multiprocessing.connection.Connection") -> None:
    ready.send(watch.changes())
    ready.send(watch.wait(LIMIT))


def test_a_child_goes_on_watching(name: str) -> None:
    with StructStoreShared(name) as store:
        store.x = 0
        watch = store.watch()
        fork = multiprocessing.get_context("fork")
        ours, theirs = fork.Pipe()
        child = fork.Process(target=watch_in_a_child, args=(watch, theirs))
        child.start()
        assert ours.recv() == []
        store.x = 1
        assert ours.recv() == ["x"]
        child.join(LIMIT)
        assert watch.changes() == ["x"]
        # The child ended without a chance to say so.
        store.check()
        assert store.stats().watchers == 1


def test_arithmetic_in_place_is_reported(store: StructStore) -> None:
    store.part = {"vec": np.zeros(3), "lst": [1], "live": structstore.live(np.zeros(2))}
    with store.watch() as watch:
        store.part.vec += 1
        assert watch.changes() == ["part.vec"] and store.part.vec.tolist() == [1.0] * 3
        store.part.live -= 2
        assert watch.changes() == ["part.live"]
        store.part.vec[...] = 5
        assert watch.changes() == []
        store.part.notify("vec")
        assert watch.changes() == ["part.vec"]
        store.part.lst = store.part.lst
        assert watch.changes() == []
