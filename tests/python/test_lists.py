"""Lists."""

import copy
import decimal
import sys
from collections.abc import Callable
from subprocess import Popen
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

import structstore
from structstore import StructStore, StructStoreList


@pytest.fixture
def items(store: StructStore) -> StructStoreList:
    store.a = {"items": [1, "two", None, {"x": 4}]}
    found = store.a["items"]
    assert isinstance(found, StructStoreList)
    return found


def test_items_by_index(items: StructStoreList) -> None:
    assert [items[0], items[1], items[2], items[3].x] == [1, "two", None, 4]
    assert items[-1].x == 4 and items[-4] == 1 and items[np.int64(1)] == "two"
    items[0] = [1]
    items[-1] = "last"
    assert items == [[1], "two", None, "last"]
    del items[0], items[-1]
    assert items == ["two", None]


@pytest.mark.parametrize("index", [4, -5, 2**70, -(2**70)])
def test_indices_out_of_range(items: StructStoreList, index: int) -> None:
    for access in (
        lambda: items[index],
        lambda: items.__setitem__(index, 1),
        lambda: items.__delitem__(index),
        lambda: items.pop(index),
    ):
        with pytest.raises(IndexError, match=f"a.items: index {index} is out of range for length 4"):
            access()
    assert len(items) == 4


@pytest.mark.parametrize("index", ["0", 1.0, None, (1,)])
def test_indices_are_integers(items: StructStoreList, index: Any) -> None:
    with pytest.raises(TypeError, match="list indices must be integers or slices"):
        items[index]


SLICES = [
    slice(*bounds)
    for bounds in [(None,), (1, 3), (None, 2), (2, None), (-2, None), (5, 2), (0, 100), (None, None, 2), (None, None, -1), (3, 0, -2)]
]


@pytest.mark.parametrize("bounds", SLICES, ids=str)
def test_slices(local: StructStore, bounds: slice) -> None:
    numbers = list(range(5))
    items = StructStoreList(numbers)
    assert items[bounds] == numbers[bounds]
    del items[bounds]
    del numbers[bounds]
    assert items == numbers


@pytest.mark.parametrize("bounds", SLICES, ids=str)
@pytest.mark.parametrize("count", [0, 1, 2, 3, 5, 7])
def test_assignments_to_slices(bounds: slice, count: int) -> None:
    numbers: list[Any] = list(range(5))
    items = StructStoreList(numbers)
    new = [f"new {index}" for index in range(count)]
    try:
        numbers[bounds] = new
    except ValueError:
        with pytest.raises(ValueError, match="extended slice"):
            items[bounds] = new
    else:
        items[bounds] = new
    assert items == numbers


def test_slices_leave_the_other_items_what_they_are(items: StructStoreList) -> None:
    kept, others = items[3], StructStoreList([{"x": x} for x in range(5)])
    items[:2] = ["one", "two", "three"]
    items[2:3] = []
    del items[::2]
    assert items == ["two", {"x": 4}] and kept.x == 4
    odd = others[1::2]
    others[::2] = "abc"
    assert others == ["a", {"x": 1}, "b", {"x": 3}, "c"] and [item.x for item in odd] == [1, 3]
    items[1:1] = items
    assert items == ["two", "two", {"x": 4}, {"x": 4}] and kept.x == 4


def test_an_assignment_to_a_slice_that_fails_changes_nothing(items: StructStoreList) -> None:
    before = items.to_list()
    # Too deep where it is to be put, though not on its own.
    deep: list[Any] = []
    for _ in range(125):
        deep = [deep]
    for bounds in (slice(0, 2), slice(0, 4, 2)):
        with pytest.raises(structstore.TooDeepError, match=rf"a.items\[{bounds.step or 1}\]\[0\]"):
            items[bounds] = [1, deep]
        with pytest.raises(TypeError, match=rf"^a.items\[{bounds.step or 1}\].y: cannot store object"):
            items[bounds] = [1, {"y": object()}]
        assert items == before


def test_it_grows_and_shrinks(items: StructStoreList) -> None:
    items.append({"y": [5]})
    items.extend((6, "seven"))
    items += [8]
    items.extend(range(9, 11))
    items.extend(items)
    assert len(items) == 20
    items.clear()
    assert items == [] and not items
    items.insert(0, "a")
    items.insert(100, "c")
    items.insert(-1, "b")
    items.insert(-100, {"first": 1})
    assert items == [{"first": 1}, "a", "b", "c"]
    assert items.pop() == "c"
    assert items.pop(0) == SimpleNamespace(first=1)
    assert items.pop(-2) == "a"
    assert items.pop() == "b"
    with pytest.raises(IndexError, match="pop from an empty list"):
        items.pop()


def test_searching(items: StructStoreList) -> None:
    items.extend([1, {"x": 4}])
    assert 1 in items and "two" in items and None in items and {"x": 4} in items
    assert 2 not in items and {1} not in items and object() not in items
    assert items.index({"x": 4}) == 3 and items.count(1) == 2 and items.count({1}) == 0
    items.remove(1)
    items.remove({"x": 4})
    assert items == ["two", None, 1, {"x": 4}]
    with pytest.raises(ValueError, match="no item equals"):
        items.remove("three")
    with pytest.raises(ValueError):
        items.index(2**100)


def test_equality(items: StructStoreList) -> None:
    plain = [1, "two", None, {"x": 4}]
    assert items == plain and plain == items and items == tuple(plain) and items == StructStoreList(plain)
    assert items != plain[1:] and items != [*plain[:3], {"x": {5}}] and items != "abc" and items != {"a": 1}
    with pytest.raises(TypeError):
        hash(items)


def test_iteration_holds_nothing(items: StructStoreList) -> None:
    seen = []
    for item in items:
        seen.append(item)
        if len(items) < 8:
            items.append(len(items))
        if len(seen) == 6:
            items.clear()
    assert seen[:3] == [1, "two", None] and seen[4:] == [4, 5]
    iterator = iter(items)
    assert list(iterator) == []
    items.append(1)
    # An iterator that has ended stays so.
    assert list(iterator) == []
    assert iter(iterator) is iterator
    assert list(reversed(items)) == [1]


def test_copies(items: StructStoreList) -> None:
    shallow = items.copy()
    assert isinstance(shallow, list) and isinstance(shallow[3], StructStore)
    assert items.deepcopy() == [1, "two", None, SimpleNamespace(x=4)]
    assert items.to_list() == [1, "two", None, {"x": 4}]
    assert copy.deepcopy(items) == items.deepcopy()
    assert copy.copy(items)[3] == {"x": 4}
    assert str(items) == '[1, "two", null, {"x": 4}]'
    assert repr(items) == "StructStoreList([1, 'two', None, {…}])"
    assert not items.empty() and StructStoreList().empty()
    items.check()


def test_lists_of_their_own() -> None:
    assert StructStoreList() == []
    items = StructStoreList(iter([1, [2]]))
    inner = items[1]
    del items
    inner.append(3)
    assert inner == [2, 3]
    with pytest.raises(TypeError):
        StructStoreList(5)
    with pytest.raises(structstore.UnsupportedError):
        StructStoreList([{1}])


def test_arrays_are_made_from_lists(items: StructStoreList) -> None:
    assert np.array(StructStoreList([[1, 2], [3, 4]])).tolist() == [[1, 2], [3, 4]]


def test_mixed_items_replace_each_other(store: StructStore) -> None:
    values: list[Any] = [1, 1.5, "text", b"bytes", None, True, [1], {"a": 1}, np.arange(3)]
    store.items_ = list(values)
    for shift in range(len(values)):
        for index in range(len(values)):
            store.items_[index] = values[(index + shift) % len(values)]
        store.check()


VALUES = st.none() | st.integers(-5, 5) | st.text(max_size=3) | st.lists(st.integers(-5, 5), max_size=2)


class ListModel(RuleBasedStateMachine):
    """A list in a store does what a Python list does."""

    def __init__(self) -> None:
        super().__init__()
        self.store = StructStore()
        self.store.list = []
        self.items = self.store.list
        self.model: list[Any] = []

    @rule(value=VALUES)
    def append(self, value: Any) -> None:
        self.items.append(value)
        self.model.append(value)

    @rule(values=st.lists(VALUES, max_size=4))
    def extend(self, values: list[Any]) -> None:
        self.items.extend(values)
        self.model.extend(values)

    @rule(index=st.integers(-6, 6), value=VALUES)
    def insert(self, index: int, value: Any) -> None:
        self.items.insert(index, value)
        self.model.insert(index, value)

    @rule(index=st.integers(-6, 6), value=VALUES)
    def set(self, index: int, value: Any) -> None:
        self.both(lambda items: items.__setitem__(index, value))

    @rule(index=st.integers(-6, 6))
    def pop(self, index: int) -> None:
        self.both(lambda items: items.pop(index))

    @rule(
        start=st.integers(-6, 6),
        stop=st.integers(-6, 6),
        step=st.sampled_from([None, 2, -1]),
        values=st.lists(VALUES, max_size=3),
    )
    def set_slice(self, start: int, stop: int, step: int | None, values: list[Any]) -> None:
        self.both(lambda items: items.__setitem__(slice(start, stop, step), values))

    @rule(start=st.integers(-6, 6), stop=st.integers(-6, 6), step=st.sampled_from([1, 2, -1, -2]))
    def delete_slice(self, start: int, stop: int, step: int) -> None:
        self.both(lambda items: items.__delitem__(slice(start, stop, step)))

    def both(self, change: Any) -> None:
        outcomes = []
        for items in (self.items, self.model):
            try:
                outcomes.append(change(items))
            except (IndexError, ValueError) as error:
                outcomes.append([cls for cls in (IndexError, ValueError) if isinstance(error, cls)])
        assert outcomes[0] == outcomes[1]

    @invariant()
    def same(self) -> None:
        assert self.items.to_list() == self.model

    def teardown(self) -> None:
        self.store.check()


TestListModel = ListModel.TestCase
TestListModel.settings = settings(max_examples=50, deadline=None)


MULTIPLIES = """
import structstore

descriptor = __import__("os").memfd_create("structstore_pytest")
small = structstore.StructStoreShared(fd=descriptor, max_size=1 << 20)
for store in (small, structstore.StructStore()):
    store.lst = [1, "two", {"x": 3}]
    for times in (2**40, 2**62, 2**63 - 1):
        try:
            store.lst *= times
        except structstore.OutOfSpaceError:
            pass
        else:
            raise AssertionError(times)
    assert store.lst.to_list() == [1, "two", {"x": 3}]
    store.check()
    item = store.lst[2]
    store.lst *= 3
    assert store.lst.to_list() == [1, "two", {"x": 3}] * 3
    item.x = 4
    assert [store.lst[at].x for at in (2, 5, 8)] == [4, 3, 3]
    store.lst *= 1
    assert len(store.lst) == 9
    store.check()
    store.lst *= -1
    assert len(store.lst) == 0
    store.lst *= 2**62
    assert len(store.lst) == 0
# More than fits, of which the first ones would.
small.lst = [1, "two"]
try:
    small.lst *= 50_000
except structstore.OutOfSpaceError:
    pass
else:
    raise AssertionError("more than there is room for")
assert small.lst.to_list() == [1, "two"]
small.check()
print("done")
"""


def test_a_list_times_more_than_there_is_room_for_is_out_of_space(python: Callable[..., Popen[str]]) -> None:
    child = python(MULTIPLIES)
    out, _ = child.communicate(timeout=60)
    assert (child.returncode, out) == (0, "done\n")


class Announcing:
    """An iterable that says of itself how many items it has."""

    def __init__(self, hint: int, items: list[Any]) -> None:
        self.hint = hint
        self.left = list(items)

    def __iter__(self) -> "Announcing":
        return self

    def __next__(self) -> Any:
        if not self.left:
            raise StopIteration
        return self.left.pop(0)

    def __length_hint__(self) -> int:
        return self.hint


@pytest.mark.parametrize("hint", [0, 2**33, 2**40, sys.maxsize - 1, sys.maxsize])
@pytest.mark.parametrize("new", [[], [5, "six"]])
def test_what_an_iterable_announces_sizes_nothing(items: StructStoreList, hint: int, new: list[Any]) -> None:
    before = items.to_list()
    items.extend(Announcing(hint, new))
    assert items.to_list() == before + new
    items += Announcing(hint, new)
    assert items.to_list() == before + 2 * new
    items[1:] = Announcing(hint, new)
    assert items.to_list() == [1, *new]
    assert StructStoreList(Announcing(hint, new)) == new


def test_items_are_found_by_value_whatever_else_is_there() -> None:
    items = StructStoreList([1, 2.5, "a", np.arange(3), {"x": 1}])
    assert np.int64(1) in items and items.index(np.float32(2.5)) == 1 and items.count(np.str_("a")) == 1
    assert decimal.Decimal(1) in items and decimal.Decimal(7) not in items
    assert items.index(np.arange(3)) == 3 and {"x": 1} in items and SimpleNamespace(x=1) in items
    items.remove(np.str_("a"))
    assert len(items) == 4


def test_lists_can_be_derived_from() -> None:
    class Log(StructStoreList):
        def __init__(self, *lines: str) -> None:
            super().__init__(lines)

        def last(self) -> str:
            return str(self[-1])

    log = Log("a", "b")
    log.append("c")
    assert log == ["a", "b", "c"] and log.last() == "c" and repr(log) == "StructStoreList(['a', 'b', 'c'])"
    log.__init__("x")  # type: ignore[misc]
    assert log == ["x"]
