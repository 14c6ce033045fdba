"""Locks: between threads and processes, within one thread, and what waiting does to the rest of Python."""

import asyncio
import gc
import os
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import pytest

import structstore
from structstore import StructStore, StructStoreShared

Start = Callable[..., subprocess.Popen[str]]

HOLDER = """
import sys, structstore
store = structstore.StructStoreShared(sys.argv[1], cleanup=structstore.CleanupMode.NEVER)
structure = store.at(*sys.argv[3:])
with getattr(structure, sys.argv[2])():
    print("held", flush=True)
    sys.stdin.readline()
print("released", flush=True)
"""


@contextmanager
def held_by_a_thread(lock: Any) -> Iterator[None]:
    """Another thread holds the lock."""
    entered, leave = threading.Event(), threading.Event()

    def hold() -> None:
        with lock:
            entered.set()
            leave.wait(30)

    thread = threading.Thread(target=hold)
    thread.start()
    assert entered.wait(10)
    try:
        yield
    finally:
        leave.set()
        thread.join()


@contextmanager
def held_by_a_process(python: Start, name: str, lock: str, *path: str) -> Iterator[None]:
    """Another process holds the lock."""
    process = python(HOLDER, name, lock, *path)
    assert process.stdin is not None and process.stdout is not None
    assert process.stdout.readline() == "held\n"
    try:
        yield
    finally:
        process.stdin.write("\n")
        process.stdin.flush()
        assert process.stdout.readline() == "released\n"
        assert process.wait(10) == 0


def test_a_lock_gives_the_structure(store: StructStore) -> None:
    store.sub, store.lst = {}, []
    for structure in (store, store.sub, store.lst):
        for lock in (structure.write_lock, structure.read_lock, structure.lock):
            with lock() as held:
                assert held is structure
            with lock(timeout=0), lock(timeout=1.5), lock(None):
                pass
    assert repr(store.write_lock()) == "<structstore.Lock, exclusive>"
    assert repr(store.read_lock()) == "<structstore.Lock, shared>"


def test_locks_nest_within_a_thread(store: StructStore) -> None:
    store.sub = {"lst": [{"x": 1}], "num": 0}
    with store.write_lock(), store.write_lock(), store.sub.write_lock(), store.sub.lst.write_lock():
        with store.read_lock(), store.sub.lst[0].read_lock():
            store.sub.num += 1
            store.sub.lst.append(2)
            store.sub = {"lst": [], "num": store.sub.num}
        store.sub.num += 1
    with store.sub.write_lock(), store.write_lock():
        store.sub.num += 1
    with store.read_lock(), store.read_lock(), store.sub.read_lock():
        assert store.sub.num == 3
        assert store.to_dict() == {"sub": {"lst": [], "num": 3}}
    lock = store.write_lock()
    with lock:
        with lock:
            store.sub.num += 1
        with pytest.raises(structstore.LockTimeoutError):
            run_in_thread(lambda: store.write_lock(0).__enter__())
    run_in_thread(lambda: store.write_lock(0).__enter__())


def run_in_thread(call: Callable[[], Any]) -> Any:
    outcome: list[Any] = []

    def run() -> None:
        try:
            outcome.append(call())
        except BaseException as error:
            outcome.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    thread.join(30)
    assert outcome
    if isinstance(outcome[0], BaseException):
        raise outcome[0]
    return outcome[0]


def test_an_exclusive_lock_under_a_shared_one_is_an_error_at_once(store: StructStore) -> None:
    store.sub = {}
    with store.read_lock():
        for change in (
            lambda: store.write_lock().__enter__(),
            lambda: store.sub.write_lock().__enter__(),
            lambda: setattr(store, "x", 1),
            lambda: store.sub.__setitem__("x", 1),
        ):
            with pytest.raises(structstore.DeadlockError):
                change()
    store.x = 1
    assert store == {"sub": {}, "x": 1}


@pytest.mark.parametrize("by", ["thread", "process"])
def test_timeouts(shared: StructStoreShared, name: str, python: Start, by: str) -> None:
    shared.sub = {"x": 1}
    held = (
        held_by_a_thread(shared.sub.write_lock())
        if by == "thread"
        else held_by_a_process(python, name, "write_lock", "sub")
    )
    with held:
        for lock in (shared.write_lock, shared.sub.write_lock, shared.sub.read_lock, shared.lock):
            for timeout in (0, 0.05):
                start = time.monotonic()
                with pytest.raises(TimeoutError, match="timed out after|not granted at once") as caught, lock(timeout):
                    pytest.fail("entered")
                assert isinstance(caught.value, structstore.LockTimeoutError)
                assert timeout <= time.monotonic() - start < timeout + 5
        # What is beside it can be changed.
        shared.other = 5
    with shared.write_lock(10):
        assert shared.sub.x == 1


@pytest.mark.parametrize("timeout", [-1, float("nan"), -float("inf")])
def test_timeouts_that_make_no_sense(store: StructStore, timeout: float) -> None:
    with pytest.raises(ValueError, match="timeout"):
        store.write_lock(timeout)


@pytest.mark.parametrize("timeout", [float("inf"), 1e300, 1e10])
def test_timeouts_beyond_time_are_none(store: StructStore, timeout: float) -> None:
    with store.write_lock(timeout):
        pass


@pytest.mark.parametrize("by", ["thread", "process"])
def test_operations_wait_for_a_lock(shared: StructStoreShared, name: str, python: Start, by: str) -> None:
    shared.sub = {"lst": [1], "x": 1}
    held = (
        held_by_a_thread(shared.sub.write_lock())
        if by == "thread"
        else held_by_a_process(python, name, "write_lock", "sub")
    )
    results: dict[str, Any] = {}

    def operate(name: str, operation: Callable[[], Any]) -> None:
        results[name] = operation()

    sub = shared.sub
    threads = []
    with held:
        for operation in (lambda: sub.x, lambda: setattr(sub, "y", 2), lambda: sub.to_dict(), lambda: str(sub)):
            threads.append(threading.Thread(target=operate, args=(str(len(threads)), operation)))
            threads[-1].start()
        time.sleep(0.2)
        # All of them wait, and this thread runs.
        assert results == {}
    for thread in threads:
        thread.join(20)
    assert results["0"] == 1 and shared.sub.y == 2


def test_a_thread_that_waits_lets_others_run(shared: StructStoreShared, name: str, python: Start) -> None:
    entered = threading.Event()

    def wait() -> None:
        with shared.write_lock():
            entered.set()

    with held_by_a_process(python, name, "write_lock"):
        thread = threading.Thread(target=wait)
        thread.start()
        start, rounds = time.monotonic(), 0
        while time.monotonic() - start < 0.3:
            rounds += 1
        # A thread that kept the GIL would have let this one do nothing.
        assert rounds > 1000 and not entered.is_set()
    thread.join(10)
    assert entered.is_set()


WAITER = """
import sys, structstore
store = structstore.StructStoreShared(sys.argv[1], cleanup=structstore.CleanupMode.NEVER)
sub = store.sub
print("waiting", flush=True)
try:
    WAIT
except KeyboardInterrupt:
    print("interrupted", flush=True)
"""


@pytest.mark.parametrize(
    "wait",
    [
        "sub.write_lock().__enter__()",
        "sub.read_lock(60).__enter__()",
        "sub.x = 1",
        "sub.x",
        "sub.deepcopy()",
        "sub.lst",
        "store.sub = {}",
        "store.to_bytes()",
        "store.check()",
    ],
)
def test_ctrl_c_interrupts_a_wait(shared: StructStoreShared, name: str, python: Start, wait: str) -> None:
    shared.sub = {"lst": [1], "x": 0}
    with held_by_a_thread(shared.sub.write_lock()):
        process = python(WAITER.replace("WAIT", wait), name)
        assert process.stdout is not None
        assert process.stdout.readline() == "waiting\n"
        time.sleep(0.15)
        assert process.poll() is None
        process.send_signal(signal.SIGINT)
        start = time.monotonic()
        assert process.stdout.readline() == "interrupted\n"
        assert time.monotonic() - start < 5
        assert process.wait(10) == 0
    assert shared.sub == {"lst": [1], "x": 0}


def test_what_a_signal_handler_raises_ends_a_wait(store: StructStore) -> None:
    class Alarm(Exception):
        pass

    def raise_alarm(*_: Any) -> None:
        raise Alarm("ring")

    previous = signal.signal(signal.SIGALRM, raise_alarm)
    try:
        with held_by_a_thread(store.write_lock()):
            signal.setitimer(signal.ITIMER_REAL, 0.1)
            with pytest.raises(Alarm, match="ring"), store.write_lock(30):
                pytest.fail("entered")
        with store.write_lock(10):
            pass
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, previous)


def test_signals_whose_handlers_return_do_not_end_a_wait(store: StructStore) -> None:
    handled = []
    previous = signal.signal(signal.SIGALRM, lambda *_: handled.append(1))
    try:
        with held_by_a_thread(store.write_lock()):
            signal.setitimer(signal.ITIMER_REAL, 0.05, 0.05)
            with pytest.raises(TimeoutError), store.write_lock(0.4):
                pytest.fail("entered")
        assert handled
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, previous)


def test_readers_share(store: StructStore) -> None:
    store.x = 5
    with held_by_a_thread(store.read_lock()), store.read_lock(5):
        assert store.x == 5
        assert run_in_thread(lambda: store.to_dict()) == {"x": 5}


def test_locks_are_released_by_exceptions_and_on_other_threads(store: StructStore) -> None:
    with pytest.raises(ZeroDivisionError), store.write_lock():
        1 / 0  # noqa: B018
    lock = store.write_lock()
    lock.__enter__()
    run_in_thread(lambda: lock.__exit__(None, None, None))
    run_in_thread(lambda: store.write_lock(5).__enter__())


def test_a_lock_that_is_dropped_is_released(store: StructStore) -> None:
    lock = store.write_lock()
    lock.__enter__()
    del lock
    with held_by_a_thread(store.write_lock(5)):
        pass


def locks_of(structure: Any) -> list[Callable[[], Any]]:
    """What two tasks must not have at once."""
    return [structure.write_lock, structure.lock, structure.transaction]


@pytest.mark.parametrize("which", range(3))
def test_a_lock_that_two_tasks_of_a_thread_would_share_is_an_error(store: StructStore, which: int) -> None:
    store.part, store.other, store.n = {"deep": {}, "lst": [1]}, {}, 0

    async def holds(entered: asyncio.Event, leave: asyncio.Event) -> None:
        with locks_of(store.part)[which]():
            entered.set()
            # What the same task takes, it may nest.
            with store.part.write_lock(), store.part.deep.read_lock():
                await leave.wait()

    async def both() -> None:
        entered, leave = asyncio.Event(), asyncio.Event()
        holder = asyncio.ensure_future(holds(entered, leave))
        await entered.wait()
        for structure in (store, store.part, store.part.deep):
            for lock in (*locks_of(structure), structure.read_lock):
                with pytest.raises(structstore.DeadlockError, match="another asyncio task of this thread holds it"):
                    lock().__enter__()
        with pytest.raises(structstore.DeadlockError):
            store.part.lst.write_lock().__enter__()
        with store.other.write_lock():
            store.n += 1
        # Another thread waits, as ever.
        with pytest.raises(structstore.LockTimeoutError):
            await asyncio.to_thread(store.part.write_lock(0.01).__enter__)
        leave.set()
        await holder
        with store.write_lock():
            store.n += 1

    asyncio.run(both())
    assert store.n == 2
    with store.write_lock():
        pass


def test_tasks_read_together(store: StructStore) -> None:
    async def reads() -> int:
        with store.read_lock():
            await asyncio.sleep(0.001)
            return len(store)

    async def both() -> list[int]:
        return list(await asyncio.gather(reads(), reads()))

    assert asyncio.run(both()) == [0, 0]


@pytest.mark.parametrize("which", range(3))
def test_async_with_waits_for_the_other_tasks(store: StructStore, which: int) -> None:
    store.part = {"n": 0}

    async def count() -> None:
        async with locks_of(store.part)[which]() as part:
            n = part.n
            await asyncio.sleep(0.0001)
            part.n = n + 1

    async def fails() -> None:
        with pytest.raises(ZeroDivisionError):
            async with store.transaction():
                store.part.n += 100
                await asyncio.sleep(0.0001)
                raise ZeroDivisionError

    async def every() -> None:
        await asyncio.gather(*(count() for _ in range(20)), *(fails() for _ in range(3)))

    asyncio.run(every())
    assert store.part.n == 20


def test_tasks_wait_in_turn(store: StructStore, monkeypatch: pytest.MonkeyPatch) -> None:
    # They are woken, and do not just look again.
    monkeypatch.setattr("structstore._tasks._FORGOTTEN", 3600.0)
    order: list[int] = []

    async def greedy(stop: asyncio.Event) -> int:
        turns = 0
        while not stop.is_set():
            async with store.write_lock():
                turns += 1
                await asyncio.sleep(0)
        return turns

    async def patient(number: int) -> None:
        async with store.transaction(timeout=10) if number % 2 else store.write_lock(timeout=10):
            order.append(number)
            await asyncio.sleep(0)

    async def main() -> None:
        stop = asyncio.Event()
        hog = asyncio.ensure_future(greedy(stop))
        await asyncio.sleep(0.01)
        before = len(order)
        await asyncio.gather(*(patient(number) for number in range(50)))
        stop.set()
        assert await hog < 10_000 and before == 0

    asyncio.run(main())
    assert order == list(range(50))


def test_a_task_that_is_cancelled_passes_its_turn_on(store: StructStore) -> None:
    async def holds(leave: asyncio.Event) -> None:
        async with store.write_lock():
            await leave.wait()

    async def waits() -> str:
        async with store.write_lock(timeout=10):
            return "done"

    async def main() -> None:
        leave = asyncio.Event()
        holder = asyncio.ensure_future(holds(leave))
        await asyncio.sleep(0)
        first, second = asyncio.ensure_future(waits()), asyncio.ensure_future(waits())
        await asyncio.sleep(0.001)
        leave.set()
        await holder
        first.cancel()
        assert await asyncio.wait_for(second, 5) == "done"
        with pytest.raises(asyncio.CancelledError):
            await first
        with pytest.raises(structstore.LockTimeoutError, match="another asyncio task of this thread"):
            async with store.write_lock():

                async def late() -> None:
                    async with store.write_lock(timeout=0.01):
                        pass

                await asyncio.ensure_future(late())

    asyncio.run(main())


def test_a_task_that_is_dropped_releases_its_lock(store: StructStore) -> None:
    async def holds() -> None:
        with store.write_lock():
            await asyncio.sleep(100)

    loop = asyncio.new_event_loop()
    task = loop.create_task(holds())
    task._log_destroy_pending = False  # type: ignore[attr-defined]
    loop.run_until_complete(asyncio.sleep(0.001))
    loop.close()
    assert [lock.mode for lock in structstore.locks(store)] == ["exclusive"]
    del task, loop
    gc.collect()
    assert structstore.locks(store) == []


def test_async_with_waits_for_other_threads_and_gives_up(store: StructStore) -> None:
    ticks = 0

    async def ticking() -> None:
        nonlocal ticks
        while True:
            ticks += 1
            await asyncio.sleep(0)

    async def main() -> None:
        ticker = asyncio.ensure_future(ticking())
        with held_by_a_thread(store.write_lock()):
            before = ticks
            with pytest.raises(structstore.LockTimeoutError, match="timed out after 0.05 s waiting for the lock that thread .* of process .* holds"):
                async with store.write_lock(timeout=0.05):
                    pass
            assert ticks > before, "others ran meanwhile"
        async with store.write_lock(timeout=5), store.read_lock():
            store.n = 1
        ticker.cancel()

    asyncio.run(main())
    assert store.n == 1


def test_the_loop_goes_on_while_a_task_waits_elsewhere(store: StructStore) -> None:
    store.num = 0
    ticks = 0

    def change() -> None:
        with store.write_lock():
            store.num += 1

    async def main() -> None:
        nonlocal ticks
        with held_by_a_thread(store.write_lock()):
            waiting = [asyncio.create_task(asyncio.to_thread(change)) for _ in range(3)]
            for _ in range(20):
                await asyncio.sleep(0.002)
                ticks += 1
            assert not any(task.done() for task in waiting)
        await asyncio.gather(*waiting)

    asyncio.run(main())
    assert (ticks, store.num) == (20, 3)


def test_operations_of_tasks_wait_for_nothing(store: StructStore) -> None:
    store.update(items_=[], vec=np.zeros(4))

    async def work(number: int) -> None:
        for turn in range(20):
            store[f"task {number}"] = {"turn": turn}
            with store.transaction():
                store.items_.append(number)
            await asyncio.sleep(0)
            store.vec[number] += 1
            assert store[f"task {number}"].turn == turn

    async def main() -> None:
        await asyncio.gather(*map(work, range(4)))

    asyncio.run(main())
    assert store.vec.tolist() == [20.0] * 4
    assert [store.items_.count(number) for number in range(4)] == [20] * 4


def test_objects_are_used_by_any_thread(store: StructStore) -> None:
    store.update(items_=list(range(1000)), vec=np.zeros(1000), part={"x": 0})
    items, part, iterator, names = store.items_, store.part, iter(store.items_), iter(store)
    lock = store.part.write_lock()
    seen: list[list[int]] = []
    failures: list[BaseException] = []

    def work(number: int) -> None:
        try:
            # Some of the items, each in one thread only or, where two look at once, in both.
            seen.append([item for item in iterator])
            list(names)
            for turn in range(200):
                with lock:
                    part.x += 1
                items.append(turn)
                items[number] = -1
                store.vec[number] += 1
                store[f"own {number}"] = {"turn": turn}
                part.shared = [number, {"turn": turn}]
                assert part.to_dict()["shared"][0] in range(4)
                store.part.to_dict(), repr(store), items.copy()[-1], store.vec.sum()
                with store.transaction():
                    part.y = number
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failures
    assert (part.x, len(items), store.vec[:5].tolist()) == (800, 1800, [200.0] * 4 + [0.0])
    assert set(range(4, 1000)) <= {item for some in seen for item in some}


def test_threads_lose_no_increment(store: StructStore) -> None:
    store.sub = {"counter": 0, "lst": [0]}

    def count() -> None:
        for _ in range(2000):
            with store.sub.write_lock():
                store.sub.counter += 1
                store.sub.lst[0] += 1

    threads = [threading.Thread(target=count) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert store == {"sub": {"counter": 8000, "lst": [8000]}}


COUNTER = """
import sys, structstore
store = structstore.StructStoreShared(sys.argv[1], cleanup=structstore.CleanupMode.NEVER)
print("ready", flush=True)
sys.stdin.readline()
for _ in range(int(sys.argv[2])):
    with store.write_lock():
        store.whole += 1
    with store.sub.write_lock(timeout=60) as sub:
        sub.counter += 1
    with store.sub.lst.write_lock() as lst:
        lst[0] += 1
        lst.append(1)
        lst.pop()
"""


def test_processes_lose_no_increment(shared: StructStoreShared, name: str, python: Start) -> None:
    shared.whole, shared.sub = 0, {"counter": 0, "lst": [0]}
    rounds = 2000
    processes = [python(COUNTER, name, rounds) for _ in range(2)]
    for process in processes:
        assert process.stdout is not None and process.stdout.readline() == "ready\n"
    for process in processes:
        assert process.stdin is not None
        process.stdin.write("\n")
        process.stdin.flush()
    for process in processes:
        assert process.wait(60) == 0
    assert shared == {"whole": 2 * rounds, "sub": {"counter": 2 * rounds, "lst": [2 * rounds]}}


def test_readers_of_two_fields_see_both_or_none(shared: StructStoreShared, name: str, python: Start) -> None:
    shared.pair = {"a": 0, "b": 0}
    writer = python(
        """
import sys, structstore
store = structstore.StructStoreShared(sys.argv[1], cleanup=structstore.CleanupMode.NEVER)
for number in range(3000):
    with store.pair.write_lock() as pair:
        pair.a = number
        pair.b = number
    store.whole = {"a": number, "b": number}
""",
        name,
    )
    while writer.poll() is None:
        with shared.pair.read_lock() as pair:
            assert pair.a == pair.b
        snapshot = shared.pair.to_dict()
        assert snapshot["a"] == snapshot["b"]
        if whole := shared.to_dict().get("whole"):
            assert whole["a"] == whole["b"]
    assert writer.returncode == 0


def test_views_under_a_read_lock_are_read_only(store: StructStore) -> None:
    store.a = np.zeros(4)
    with store.read_lock():
        view = store.a
        with pytest.raises(ValueError, match="read-only"):
            view[:] = 99
        with held_by_a_thread(store.read_lock()):
            # Another thread or process may have slices of it, as Rust does: then it is a copy.
            assert store.a.flags.writeable is False
            assert (store.a == 0).all()
    store.a[:] = 1
    with store.write_lock():
        store.a[:] += 1
    assert (view == 2).all(), "it is the memory of the store"


def test_arrays_that_others_read_are_copied_under_a_read_lock(store: StructStore) -> None:
    store.a = np.zeros(4)
    with held_by_a_thread(store.read_lock()), store.read_lock():
        assert store.a.flags.owndata
    assert not store.a.flags.owndata


# Where a segment has the lock of its heap, which is 0 while nobody has it.
HEAP_LOCK = 1264

STOPPED_IN_THE_HEAP = """
import os, signal, sys, threading, time
import structstore

store = structstore.StructStoreShared(sys.argv[1])
sub = store.sub
sub.number = 1
ticks = []

class Rang(Exception):
    pass

def ring(*_):
    raise Rang

def tick():
    while True:
        time.sleep(0.01)
        ticks.append(1)

threading.Thread(target=tick, daemon=True).start()
print("ready", flush=True)
input()
signal.signal(signal.SIGALRM, ring)
signal.setitimer(signal.ITIMER_REAL, 0.3)
try:
    sub.list = [1, 2]
    print("assigned")
except Rang:
    # Others ran while this thread waited.
    print("interrupted", len(ticks) > 2)

def lock():
    try:
        with sub.write_lock(timeout=0.2):
            print("locked")
    except structstore.LockTimeoutError:
        print("timeout")

thread = threading.Thread(target=lock)
thread.start()
thread.join()
print(sub.number, flush=True)
input()
sub.list = [1, 2]
store.check()
"""


def stopped_in_the_heap(name: str, python: Start) -> subprocess.Popen[str]:
    """A process that allocates, stopped while it has the heap."""
    busy = "import sys, structstore; s = structstore.StructStoreShared(sys.argv[1]); s.busy = {}; b = s.busy\n"
    stopped = python(busy + "print('ready', flush=True)\nwhile True: b.a = [1, 2]; b.a = 'x' * 300", name)
    assert stopped.stdout is not None and stopped.stdout.readline() == "ready\n"
    with open(f"/dev/shm{name}", "rb", buffering=0) as segment:
        for _ in range(10_000):
            stopped.send_signal(signal.SIGSTOP)
            time.sleep(0.0003)
            if any(os.pread(segment.fileno(), 8, HEAP_LOCK)):
                break
            stopped.send_signal(signal.SIGCONT)
        else:
            pytest.fail("it was never in the heap")
    return stopped


def test_waits_for_a_process_stopped_in_the_heap_heed_signals_and_timeouts(
    shared: StructStoreShared, name: str, python: Start
) -> None:
    shared.sub = {}
    waiter = python(STOPPED_IN_THE_HEAP, name)
    assert waiter.stdout is not None and waiter.stdin is not None
    assert waiter.stdout.readline() == "ready\n"
    stopped = stopped_in_the_heap(name, python)
    waiter.stdin.write("\n")
    waiter.stdin.flush()
    assert [waiter.stdout.readline() for _ in range(3)] == ["interrupted True\n", "timeout\n", "1\n"]
    stopped.send_signal(signal.SIGCONT)
    waiter.stdin.write("\n")
    waiter.stdin.flush()
    assert waiter.wait() == 0
    stopped.kill()


REMOVED_BY_A_HANDLER = """
import signal, sys, threading
import structstore

store = structstore.StructStoreShared(sys.argv[1])
sub = store.sub
sub.number = 1

def remove(*_):
    signal.setitimer(signal.ITIMER_REAL, 0)
    # What it needs of the heap is there only when the other process goes on.
    print("go on", flush=True)
    input()
    del store["sub"]
    store.other = [1, 2, 3]

print("ready", flush=True)
input()
signal.signal(signal.SIGALRM, remove)
signal.setitimer(signal.ITIMER_REAL, 0.2)
try:
    sub.new = 7
    print("assigned")
except structstore.StaleHandleError:
    print("stale")
store.check()
print(store.other, flush=True)
"""


def test_operation_is_not_done_to_what_a_signal_handler_has_removed(
    shared: StructStoreShared, name: str, python: Start
) -> None:
    shared.sub = {}
    waiter = python(REMOVED_BY_A_HANDLER, name)
    assert waiter.stdout is not None and waiter.stdin is not None
    assert waiter.stdout.readline() == "ready\n"
    stopped = stopped_in_the_heap(name, python)
    waiter.stdin.write("\n")
    waiter.stdin.flush()
    assert waiter.stdout.readline() == "go on\n"
    stopped.send_signal(signal.SIGCONT)
    time.sleep(0.05)
    stopped.kill()
    stopped.wait()
    waiter.stdin.write("\n")
    waiter.stdin.flush()
    assert waiter.stdout.read() == "stale\n[1, 2, 3]\n"
    assert waiter.wait() == 0
