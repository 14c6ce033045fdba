"""Two processes in one store: what one writes, the other reads."""

import math
import multiprocessing
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import structstore
from structstore import CleanupMode, StructStore, StructStoreShared

Start = Callable[..., subprocess.Popen[str]]
SPAWN = multiprocessing.get_context("spawn")

VALUES: dict[str, Any] = {
    "null": None,
    "truth": True,
    "negative": -(2**63),
    "unsigned": 2**64 - 1,
    "float": 0.1,
    "infinite": -math.inf,
    "text": "ünï\0cödé \U0001f916",
    "empty text": "",
    "bytes": b"\0\xff",
    "list": [1, "two", [3.0, None], {"four": 5}],
    "empty list": [],
    "struct": {"a": {"b c": [1]}},
    "empty struct": {},
    "long string": "x" * 100_000,
    "float32": np.float32(0.5),
    "array": np.arange(6, dtype=">i2").reshape(2, 3),
    "scalar array": np.array(1 + 2j),
    "empty array": np.zeros((2, 0)),
    "strings": np.array(["a", "bcd"]),
    "times": np.array(["2026-01-02"], dtype="M8[D]"),
    "records": np.array([(1, 2.5)], dtype=[("a", "i4"), ("b", "f8")]),
}


def attach(name: str) -> StructStoreShared:
    return StructStoreShared(name, cleanup=CleanupMode.NEVER, create=False)


def run(target: Callable[..., None], *args: Any) -> None:
    """Runs a function in a new Python, to its end."""
    process = SPAWN.Process(target=target, args=args)
    process.start()
    process.join(60)
    if process.is_alive():
        process.kill()
        pytest.fail("the other process hangs")
    assert process.exitcode == 0


def assert_same(found: Any, expected: Any) -> None:
    if isinstance(expected, np.ndarray):
        assert found.dtype == expected.dtype and found.shape == expected.shape
        np.testing.assert_array_equal(found, expected)
    elif isinstance(expected, np.generic):
        assert found == expected.item()
    else:
        assert found == expected
        if not isinstance(expected, (list, dict)):
            assert type(found) is type(expected)


def write_all(name: str) -> None:
    with attach(name) as store:
        for field, value in VALUES.items():
            store[field] = value
        store.everything = list(VALUES.values())


def check_all(name: str) -> None:
    with attach(name) as store:
        for field, value in VALUES.items():
            assert_same(store[field], value)
        for found, value in zip(store.everything, VALUES.values(), strict=True):
            assert_same(found, value)
        assert store.keys() == [*VALUES, "everything"]


def test_every_type_of_value_crosses_over(shared: StructStoreShared, name: str) -> None:
    run(write_all, name)
    check_all(name)
    shared.clear()
    write_all(name)
    run(check_all, name)


@pytest.mark.parametrize("field", VALUES)
def test_what_one_process_replaces_the_other_sees(shared: StructStoreShared, name: str, field: str) -> None:
    shared.value = VALUES[field]
    shared.lst = [VALUES[field]]
    run(replace_by_the_next, name, field)
    following = next_value(field)
    assert_same(shared.value, following)
    assert_same(shared.lst[0], following)


def next_value(field: str) -> Any:
    names = list(VALUES)
    return VALUES[names[(names.index(field) + 1) % len(names)]]


def replace_by_the_next(name: str, field: str) -> None:
    with attach(name) as store:
        assert_same(store.value, VALUES[field])
        assert_same(store.lst[0], VALUES[field])
        store.value = next_value(field)
        store.lst[0] = next_value(field)


def change_in_place(name: str) -> None:
    with attach(name) as store:
        store.vec += 1
        store.vec[0] = 100
        store.lst.append({"new": [1]})
        store.sub.x += 1
        store.sub.rename("x", "y")
        del store.gone


def test_changes_in_place_are_seen_through_handles_and_views(shared: StructStoreShared, name: str) -> None:
    shared.update(vec=np.zeros(3), lst=[], sub={"x": 1}, gone=1)
    view, lst, sub = shared.vec, shared.lst, shared.sub
    run(change_in_place, name)
    assert view.tolist() == [100, 1, 1]
    assert lst == [{"new": [1]}] and sub == {"y": 2} and "gone" not in shared


def replace_and_remove(name: str) -> None:
    with attach(name) as store:
        store.replaced = np.full(1000, 9)
        del store.removed
        store.sub = {}
        for index in range(50):
            store[f"more {index}"] = np.full(1000, index)


def test_views_stay_when_another_process_replaces_and_removes(shared: StructStoreShared, name: str) -> None:
    shared.update(replaced=np.full(1000, 1), removed=np.full(1000, 2), sub={"vec": np.full(1000, 3)})
    replaced, removed, nested = shared.replaced, shared.removed, shared.sub.vec
    sub = shared.sub
    run(replace_and_remove, name)
    assert (replaced == 1).all() and (removed == 2).all() and (nested == 3).all()
    assert (shared.replaced == 9).all()
    with pytest.raises(structstore.StaleHandleError):
        sub.vec
    StructStore.check(shared)


def grow(name: str) -> None:
    with attach(name) as store:
        for index in range(20):
            store[f"big {index}"] = np.full(100_000, index)


def test_growth_is_seen_by_the_other(shared: StructStoreShared, name: str) -> None:
    shared.first = np.arange(10)
    view, before = shared.first, shared.size()
    run(grow, name)
    assert shared.size() > before + 15_000_000
    assert (shared["big 19"] == 19).all()
    assert view.tolist() == list(range(10))


def echo(name: str, rounds: int) -> None:
    with attach(name) as store:
        for number in range(rounds):
            while store.ping != number:
                pass
            store.pong = number


def test_two_processes_answer_each_other(shared: StructStoreShared, name: str) -> None:
    rounds = 300
    shared.update(ping=-1, pong=-1)
    process = SPAWN.Process(target=echo, args=(name, rounds))
    process.start()
    for number in range(rounds):
        shared.ping = number
        while shared.pong != number:
            assert process.is_alive() or shared.pong == number
    process.join(30)
    assert process.exitcode == 0


def churn(name: str, seed: int, rounds: int) -> None:
    rng = np.random.default_rng(seed)
    values: list[Any] = [1, "text", b"bytes", [1, [2]], {"a": {"b": 1}}, None, np.arange(50)]
    with attach(name) as store:
        for _ in range(rounds):
            field = f"field {rng.integers(10)}"
            match rng.integers(6):
                case 0 | 1:
                    store[field] = values[rng.integers(len(values))]
                case 2:
                    store.pop(field, None)
                case 3:
                    store.get(field)
                case 4:
                    store.to_dict()
                case 5:
                    store.setdefault(field, [])


def test_a_store_stays_whole_whatever_two_processes_do(shared: StructStoreShared, name: str) -> None:
    processes = [SPAWN.Process(target=churn, args=(name, seed, 2000)) for seed in range(2)]
    for process in processes:
        process.start()
    churn(name, 2, 1000)
    for process in processes:
        process.join(60)
        assert process.exitcode == 0
    StructStore.check(shared)
    shared.clear()
    StructStore.check(shared)


def test_a_script_leaves_nothing_behind(name: str) -> None:
    source = """
import sys, numpy, structstore
with structstore.StructStoreShared(sys.argv[1]) as store:
    store.vec = numpy.arange(3)
    view = store.vec
"""
    done = subprocess.run(
        [sys.executable, "-c", source, name],
        capture_output=True,
        text=True,
        timeout=300,
        env={"PYTHONPATH": ":".join(filter(None, sys.path)), "PYTHON_GIL": "1"},
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    with pytest.raises(FileNotFoundError):
        attach(name)


def test_ending_without_closing_is_fine(name: str, python: Start) -> None:
    process = python(
        "import sys, numpy, structstore; s = structstore.StructStoreShared(sys.argv[1]); s.x = numpy.arange(5);"
        "v = s.x; l = s.write_lock(); l.__enter__(); print('end')",
        name,
    )
    assert process.communicate(timeout=300)[0] == "end\n"
    assert process.returncode == 0
