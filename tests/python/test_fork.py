"""A store that is inherited by a forked child, or handed to a process of multiprocessing, goes on working there."""

import asyncio
import gc
import multiprocessing
import os
import pickle
import signal
import sys
import threading
import time
import traceback
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from subprocess import Popen

import numpy as np
import pytest

import structstore
from structstore import StructStore, StructStoreShared

LIMIT = 300.0


@pytest.fixture(autouse=True)
def _threads_may_be_there() -> Iterator[None]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        yield


@contextmanager
def child(work: Callable[[], None]) -> Iterator[int]:
    """Runs `work` in a forked child, which must end well before the block does."""
    pid = os.fork()
    if pid == 0:
        status = 1
        try:
            work()
            status = 0
        except BaseException:
            traceback.print_exc()
        finally:
            sys.stderr.flush()
            os._exit(status)
    try:
        yield pid
        end = time.monotonic() + LIMIT
        while (ended := os.waitpid(pid, os.WNOHANG)) == (0, 0):
            assert time.monotonic() < end, "the child is stuck"
            time.sleep(0.002)
        assert ended[1] == 0, "the child failed"
    except BaseException:
        with_signal(pid, signal.SIGKILL)
        raise


def with_signal(pid: int, number: int) -> None:
    try:
        os.kill(pid, number)
        os.waitpid(pid, 0)
    except (ProcessLookupError, ChildProcessError):
        pass


def test_a_child_changes_what_it_inherited(shared: StructStoreShared) -> None:
    shared.num = 5
    shared.lst = [1]
    sub = shared.sub = {"x": 1}

    def work() -> None:
        shared.num += 1
        shared.lst.append(2)
        with shared.transaction():
            shared.new = {"text": "from the child"}
        shared.sub.x = 2
        shared.check()

    with child(work):
        pass
    assert sub == {"x": 1}
    assert shared.to_dict() == {"num": 6, "lst": [1, 2], "sub": {"x": 2}, "new": {"text": "from the child"}}


def test_both_lose_no_increment(shared: StructStoreShared) -> None:
    shared.count = 0

    def work() -> None:
        for _ in range(2000):
            with shared.write_lock():
                shared.count += 1

    with child(work):
        work()
    assert shared.count == 4000


def test_a_child_holds_nothing_of_its_parents(shared: StructStoreShared) -> None:
    shared.num = 5
    lock = shared.write_lock()
    lock.__enter__()

    def work() -> None:
        # The parent has it.
        with pytest.raises(structstore.LockTimeoutError), shared.write_lock(timeout=0.05):
            pass
        # Its copy of the parent's lock gives nothing back.
        lock.__exit__(None, None, None)
        with pytest.raises(structstore.LockTimeoutError), shared.write_lock(timeout=0.05):
            pass

    with child(work):
        pass
    shared.num = 6
    lock.__exit__(None, None, None)

    def again() -> None:
        with shared.write_lock(timeout=LIMIT):
            shared.num += 1

    with child(again):
        pass
    assert shared.num == 7


def test_a_fork_within_a_transaction_leaves_it_to_the_parent(shared: StructStoreShared) -> None:
    shared.num = 5
    other = StructStore()
    with shared.transaction():
        shared.num = 6

        def work() -> None:
            with other.transaction():
                other.x = 1
            gc.collect()

        with child(work):
            pass
        assert shared.num == 6
    assert shared.num == 6


def test_a_fork_while_another_thread_holds_locks(shared: StructStoreShared) -> None:
    local = StructStore()
    shared.part, local.part = {"num": 1}, {"num": 1}
    held, release = threading.Event(), threading.Event()

    def hold() -> None:
        with shared.part.write_lock(), local.part.write_lock():
            local.part.num = 2
            held.set()
            release.wait(LIMIT)

    thread = threading.Thread(target=hold)
    thread.start()
    try:
        assert held.wait(LIMIT)

        def work() -> None:
            # The parent's thread has this one, and lives.
            with pytest.raises(structstore.LockTimeoutError), shared.part.write_lock(timeout=0.05):
                pass
            shared.beside = 1
            # And this one is a copy, without that thread.
            with local.part.write_lock(timeout=LIMIT):
                local.part.num += 1
            assert local.part.num == 3
            local.check()

        with child(work):
            pass
    finally:
        release.set()
        thread.join()
    assert (shared.beside, local.part.num) == (1, 2)


def test_a_child_keeps_the_views_that_it_inherited(shared: StructStoreShared) -> None:
    shared.vec = np.arange(10_000.0)
    before = shared.stats().allocated
    view = shared.vec
    go, done = os.pipe(), os.pipe()

    def work() -> None:
        os.read(go[0], 1)
        shared.other = np.zeros(10_000)
        assert (view == np.arange(10_000.0)).all()
        del shared.other
        os.write(done[1], b".")
        os.read(go[0], 1)

    with child(work):
        del view, shared.vec
        gc.collect()
        os.write(go[1], b".")
        os.read(done[0], 1)
        os.write(go[1], b".")
    for descriptor in (*go, *done):
        os.close(descriptor)
    # It ended without giving anything back.
    shared.check()
    assert shared.stats().allocated < before


def test_a_child_outlives_its_parent_and_keeps_nothing_of_it(
    shared: StructStoreShared, name: str, python: Callable[..., Popen[str]]
) -> None:
    shared.part = {"num": 1}
    parent = python(
        "import os, structstore, sys, time\n"
        "store = structstore.StructStoreShared(sys.argv[1])\n"
        "lock = store.part.write_lock()\n"
        "lock.__enter__()\n"
        "if os.fork() == 0:\n"
        "    sys.stdin.read()\n"
        "    store.child = True\n"
        "    store.part.num += 1\n"
        "    os._exit(0)\n"
        "print('ready', flush=True)\n"
        "time.sleep(60)\n",
        name,
    )
    assert parent.stdout is not None and parent.stdin is not None
    assert parent.stdout.readline() == "ready\n"
    with pytest.raises(structstore.LockTimeoutError), shared.part.write_lock(timeout=0.05):
        pass
    parent.kill()
    with shared.part.write_lock(timeout=LIMIT):
        assert shared.part.num == 1
    parent.stdin.close()
    parent.stdin = None
    end = time.monotonic() + LIMIT
    while "child" not in shared or shared.part.num == 1:
        assert time.monotonic() < end
        time.sleep(0.002)


def test_the_name_stays_when_a_child_closes(name: str) -> None:
    store = StructStoreShared(name, cleanup=structstore.CleanupMode.ALWAYS)
    store.num = 5
    with child(lambda: StructStoreShared.close(store)):
        pass
    assert store.valid()
    with child(lambda: StructStoreShared(name).close()):
        pass
    assert store.valid()
    store.close()


def test_children_of_children(shared: StructStoreShared) -> None:
    shared.count = 0

    def work(depth: int) -> None:
        with shared.write_lock(timeout=LIMIT):
            shared.count += 1
        if depth:
            with child(lambda: work(depth - 1)):
                pass
        with shared.write_lock(timeout=LIMIT):
            shared.count += 1

    work(3)
    assert shared.count == 8


def add(store: StructStoreShared, amount: int) -> None:
    with store.write_lock(timeout=LIMIT):
        store.count += amount


@pytest.mark.parametrize("method", ["fork", "forkserver", "spawn"])
def test_multiprocessing(shared: StructStoreShared, method: str) -> None:
    shared.count = 0
    context = multiprocessing.get_context(method)
    processes = [context.Process(target=add, args=(shared, amount)) for amount in (1, 10)]
    for process in processes:
        process.start()
    for process in processes:
        process.join(LIMIT)
        assert process.exitcode == 0
    assert shared.count == 11


def test_a_pickled_store_is_the_same_store(shared: StructStoreShared, name: str) -> None:
    shared.num = 5
    copy = pickle.loads(pickle.dumps(shared))
    copy.num = 6
    assert shared.num == 6
    copy.close()
    assert StructStoreShared.valid(shared)


def test_a_store_without_a_name_is_not_pickled() -> None:
    descriptor = os.memfd_create("structstore_pytest")
    store = StructStoreShared(fd=descriptor)
    os.close(descriptor)
    with pytest.raises(TypeError, match="descriptor"):
        pickle.dumps(store)


def test_child_without_an_heir_keeps_its_views_to_itself(
    name: str, python: Callable[..., Popen[str]]
) -> None:
    """A child that could not be attached has no leases: its views keep their values, in memory of its own."""
    for how in ("descriptors", "space"):
        process = python(DETACHED, name, how)
        out, _ = process.communicate()
        assert process.returncode == 0 and out.endswith("whole\n"), (how, out)


DETACHED = """
import gc, os, resource, sys
import numpy as np
import structstore

name, how = sys.argv[1:]
store = structstore.StructStoreShared(name, reinit=True, max_size=1 << 20)
store.a = np.full(1000, 1.0)
view = store.a
handle = store.sub = {"x": 1}
handle = store.sub
filled = []
if how == "descriptors":
    resource.setrlimit(resource.RLIMIT_NOFILE, (64, 64))
    try:
        while True:
            filled.append(os.open("/dev/null", 0))
    except OSError:
        pass
    for descriptor in filled[:4]:
        os.close(descriptor)
else:
    for size in (100000, 10000, 1000, 100, 10, 1):
        try:
            while True:
                store[f"f{len(filled)}"] = b"x" * size
                filled.append(size)
        except structstore.OutOfSpaceError:
            pass
    try:
        while True:
            store[f"i{len(filled)}"] = 1
            filled.append(1)
    except structstore.OutOfSpaceError:
        pass
    # Where there is no room for a field, there may be blocks, one of which would do for the child's leases.
    fills = []
    for size in (10000, 1000, 100, 1):
        try:
            while True:
                filling = structstore.fill(store, "filled", size, np.uint8)
                filling.__enter__()
                fills.append(filling)
        except structstore.OutOfSpaceError:
            pass
to_child, to_parent = os.pipe(), os.pipe()
child = os.fork()
if child == 0:
    status = 1
    try:
        reads = lambda: store.a, lambda: handle.x
        for use in (*reads, lambda: setattr(store, "x", 1), store.write_lock().__enter__, store.check):
            try:
                use()
                sys.exit("the child is attached")
            except structstore.DetachedError as error:
                assert how != "descriptors" or "os error 24" in str(error), error
        os.read(to_child[0], 1)
        assert (view == 1.0).all(), view[:3]
        view[:] = 666.0
        assert (view == 666.0).all()
        os.write(to_parent[1], b"x")
        os.read(to_child[0], 1)
        if how == "descriptors":
            for descriptor in filled[4:]:
                os.close(descriptor)
        assert not store.valid() and store.revalidate(timeout=10)
        assert store.text == "t" * 5000 and (view == 666.0).all()
        status = 0
    finally:
        os._exit(status)
if how == "descriptors":
    for descriptor in filled[4:]:
        os.close(descriptor)
del store["a"], view
gc.collect()
if how == "space":
    del store["f0"]
store.other = np.full(1000, 5.0)
store.text = "t" * 5000
os.write(to_child[1], b"x")
os.read(to_parent[0], 1)
assert (store.other == 5.0).all(), store.other[:3]
store.check()
os.write(to_child[1], b"x")
assert os.waitpid(child, 0)[1] == 0
store.check()
print("whole")
"""


def test_tasks_of_the_parent_hold_nothing_in_the_child(shared: StructStoreShared) -> None:
    shared.part, shared.other = {"n": 0}, {"n": 0}

    async def in_child() -> None:
        async with shared.other.write_lock(timeout=60) as other:
            other.n = 1
        # The parent has this one: it is waited for as that of any other process is.
        with pytest.raises(structstore.LockTimeoutError, match="the lock that thread .* of process .* holds"):
            async with shared.part.write_lock(timeout=0.05):
                pass

    async def in_parent() -> None:
        with shared.part.write_lock():
            await asyncio.sleep(0)
            with child(lambda: asyncio.run(in_child())):
                pass

    asyncio.run(in_parent())
    assert shared.other.n == 1
