"""Transactions: all of what is changed in one, or nothing."""

import os
import threading
from collections.abc import Callable
from subprocess import Popen
from typing import Any

import numpy as np
import pytest

import structstore
from structstore import StructStore, StructStoreShared


class Refused(Exception):
    pass


def filled(store: StructStore) -> dict[str, Any]:
    store.num = 5
    store.text = "some text"
    store.lst = [1, "two", [3]]
    store.sub = {"x": 1.5, "deep": {"name": "n"}}
    store.vec = np.arange(4.0)
    return StructStore.to_dict(store)


def same(store: StructStore, state: dict[str, Any]) -> bool:
    found = StructStore.to_dict(store)
    assert found.pop("vec").tolist() == state["vec"].tolist()
    return found == {name: value for name, value in state.items() if name != "vec"}


def change(store: StructStore) -> None:
    store.num += 1
    store.text = "another text"
    store.lst.append(4)
    store.lst[0] = "first"
    del store.lst[1]
    store.sub.deep.name = "other"
    store.sub.new = {"a": 1}
    del store.sub["x"]
    store.vec = np.ones((2, 2))
    store.added = [1, 2, 3]


def test_what_raises_is_undone(store: StructStore) -> None:
    before = filled(store)
    statistics = store.stats()
    with pytest.raises(Refused), store.transaction() as entered:
        assert entered is store
        change(store)
        assert store.num == 6
        raise Refused
    assert same(store, before)
    after = store.stats()
    assert (after.allocated, after.blocks, after.nodes) == (
        statistics.allocated,
        statistics.blocks,
        statistics.nodes,
    )


def test_what_ends_is_done(store: StructStore) -> None:
    filled(store)
    with store.transaction():
        change(store)
    assert store.num == 6
    assert store.sub.to_dict() == {"deep": {"name": "other"}, "new": {"a": 1}}
    assert store.lst.deepcopy() == ["first", [3], 4]
    assert store.vec.shape == (2, 2)


def test_an_inner_transaction_is_undone_alone(store: StructStore) -> None:
    filled(store)
    with store.transaction():
        store.num = 6
        with pytest.raises(Refused), store.sub.transaction():
            store.sub.x = 7.5
            raise Refused
        assert store.sub.x == 1.5
        with store.transaction():
            store.text = "inner"
    assert (store.num, store.text) == (6, "inner")


def test_a_failing_operation_does_not_end_it(store: StructStore) -> None:
    filled(store)
    with store.transaction():
        store.num = 6
        with pytest.raises(structstore.UnsupportedError):
            store.sub = {"fine": 1, "not": [object()]}
        store.text = "after"
    assert (store.num, store.text, store.sub.x) == (6, "after", 1.5)


def test_a_view_of_what_is_undone_stays_readable(store: StructStore) -> None:
    before = filled(store)
    allocated = store.stats().allocated
    with pytest.raises(Refused), store.transaction():
        store.vec = np.full(1000, 7.0)
        view = store.vec
        raise Refused
    store.other = np.zeros(1000)
    assert (view == 7.0).all()
    del view, store.other
    assert same(store, before)
    assert store.stats().allocated == allocated


def test_it_covers_a_part_and_nothing_else(store: StructStore) -> None:
    filled(store)
    other = StructStore()
    with pytest.raises(Refused), store.sub.transaction():
        store.sub.x = 9.5
        store.num = 77
        other.num = 1
        with pytest.raises(structstore.InTransactionError):
            del store["sub"]
        with pytest.raises(structstore.InTransactionError), other.transaction():
            pass
        raise Refused
    assert (store.sub.x, store.num, other.num) == (1.5, 77, 1)


def test_under_a_lock_of_the_same_thread(store: StructStore) -> None:
    filled(store)
    with store.write_lock():
        with pytest.raises(Refused), store.sub.transaction():
            store.sub.x = 9.5
            raise Refused
        assert store.sub.x == 1.5
    with store.read_lock(), pytest.raises(structstore.DeadlockError), store.transaction():
        pass


def test_it_dies_with_its_process(
    shared: StructStoreShared, name: str, python: Callable[..., Popen[str]]
) -> None:
    before = filled(shared)
    child = python(
        "import os, signal, structstore, sys\n"
        "store = structstore.StructStoreShared(sys.argv[1])\n"
        "with store.transaction():\n"
        "    store.num += 1\n"
        "    store.lst.clear()\n"
        "    os.kill(os.getpid(), signal.SIGKILL)\n",
        name,
    )
    assert child.wait(30) == -9
    with shared.write_lock(timeout=10):
        assert same(shared, before)
    assert shared.stats().recoveries == 1


def test_a_lock_tells_of_a_dead_holder(
    shared: StructStoreShared, name: str, python: Callable[..., Popen[str]]
) -> None:
    filled(shared)
    child = python(
        "import os, signal, structstore, sys\n"
        "store = structstore.StructStoreShared(sys.argv[1])\n"
        "with store.sub.write_lock():\n"
        "    store.sub.x = 2.5\n"
        "    os.kill(os.getpid(), signal.SIGKILL)\n",
        name,
    )
    assert child.wait(30) == -9
    lock = shared.sub.write_lock(timeout=10)
    with lock:
        assert lock.recovered
        assert shared.sub.x == 2.5
    assert not lock.recovered
    with lock:
        assert not lock.recovered


def test_what_a_killed_program_leaves_is_recognised(name: str, python: Callable[..., Popen[str]]) -> None:
    child = python(
        "import os, signal, structstore, sys\n"
        "store = structstore.StructStoreShared(sys.argv[1])\n"
        "store.num = 5\n"
        "print('ready', flush=True)\n"
        "sys.stdin.read()\n",
        name,
    )
    assert child.stdout is not None and child.stdout.readline() == "ready\n"
    assert name not in structstore.orphans()
    child.kill()
    child.wait(30)
    assert name in structstore.orphans()
    with StructStoreShared(name, create=False) as store:
        assert store.num == 5 and store.stats().recoveries == 1
        assert store.stats().orphaned == 1 and store.lifetime == "transient"
    assert name in structstore.orphans(), "who only looks leaves it as it was"
    with StructStoreShared(name, create=False) as store:
        store.num = 6
    assert name not in structstore.orphans()


def test_another_thread_cannot_end_it() -> None:
    descriptor = os.memfd_create("structstore_pytest")
    store = StructStoreShared(fd=descriptor)
    os.close(descriptor)
    store.num = 5
    transaction = store.transaction()
    thread = threading.Thread(target=transaction.__enter__)
    thread.start()
    thread.join()
    with pytest.raises(structstore.InTransactionError):
        transaction.__exit__(None, None, None)
    # Half of it would be worse than a lock that is never given back.
    with pytest.raises(structstore.LockTimeoutError), store.write_lock(timeout=0.05):
        pass


@pytest.mark.parametrize("commits", [True, False])
def test_a_transaction_that_a_wrong_thread_could_not_end_is_ended_by_its_own(
    shared: StructStoreShared, name: str, commits: bool
) -> None:
    shared.update(num=1, sub={"x": 1})
    told: list[str] = []

    def in_a_thread(run: Callable[[], object]) -> None:
        def guarded() -> None:
            try:
                run()
            except structstore.Error as error:
                told.append(f"{type(error).__name__} {error.path!r} {error}")

        thread = threading.Thread(target=guarded)
        thread.start()
        thread.join()

    transaction = shared.sub.transaction()
    with transaction:
        shared.sub.x = 2
        inner = transaction.__enter__()
        inner.x = 3
        for _ in range(3):
            in_a_thread(lambda: transaction.__exit__(None, None, None))
            in_a_thread(lambda: transaction.__exit__(ValueError, ValueError(), None))
        assert transaction.__exit__(None, None, None) is None
        if not commits:
            transaction.__exit__(ValueError, ValueError(), None)
            transaction.__enter__()
    assert shared.sub.x == (3 if commits else 1)
    message = "sub: the transaction belongs to another thread, which has to end it"
    assert told == [f"InTransactionError 'sub' {message}"] * 6
    # It has ended for all others, too.
    told.clear()
    in_a_thread(lambda: shared.sub.write_lock(timeout=5).__enter__().update(x=9))
    assert (told, shared.sub.x) == ([], 9)


def test_what_was_not_begun_cannot_be_ended(store: StructStore) -> None:
    transaction = store.transaction()
    for _ in range(2):
        with pytest.raises(structstore.InTransactionError, match="it was not begun, or has ended"):
            transaction.__exit__(None, None, None)
        with transaction:
            store.num = 1
