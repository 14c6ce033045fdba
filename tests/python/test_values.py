"""What goes into a store, and comes out of it."""

import copy
import dataclasses
import datetime
import decimal
import enum
import fractions
import ipaddress
import math
import uuid
from collections import OrderedDict, defaultdict, namedtuple
from collections.abc import Callable
from subprocess import Popen
from types import SimpleNamespace
from typing import Any, Generic, TypeVar

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import structstore
from structstore import StructStore, StructStoreList


@dataclasses.dataclass
class Substate:
    subnum: int


@dataclasses.dataclass
class State:
    num: int
    text: str
    flag: bool
    substate: Substate
    lst: list[int]


@dataclasses.dataclass(slots=True, frozen=True)
class Point:
    x: float
    y: float = 2.0


class Plain:
    def __init__(self) -> None:
        self.num = 5
        self.inner = [1]


class Slotted:
    __slots__ = ("a", "unset")

    def __init__(self) -> None:
        self.a = 1


class SlottedChild(Slotted):
    __slots__ = "b"

    def __init__(self) -> None:
        super().__init__()
        self.b = 3


class SlottedWithDict(SlottedChild):
    def __init__(self) -> None:
        super().__init__()
        self.c = 4


class Private:
    def __init__(self) -> None:
        self.host, self._secret = "robot", "x"


class SlottedPrivate:
    __slots__ = ("__secret",)


T = TypeVar("T")


class GenericPlain(Generic[T]):
    def __init__(self, value: T) -> None:
        self.value = value


class Colour(enum.Enum):
    RED = "red"


class Level(enum.IntEnum):
    HIGH = 3


class IntSubclass(int):
    pass


Pair = namedtuple("Pair", "left right")

SCALARS = [
    None,
    True,
    False,
    0,
    -1,
    5,
    2**31,
    -(2**63),
    2**63 - 1,
    2**63,
    2**64 - 1,
    0.0,
    -0.0,
    1.5,
    1e308,
    5e-324,
    math.inf,
    -math.inf,
    "",
    "text",
    "ünïcödé \U0001f916",
    "nul \0 inside",
    "x" * 100_000,
    b"",
    b"bytes\0\xff",
    b"x" * 100_000,
]


@pytest.mark.parametrize("value", SCALARS, ids=lambda value: repr(value)[:20])
def test_plain_values_come_back_with_their_type(store: StructStore, value: Any) -> None:
    store.value = value
    assert type(store.value) is type(value)
    assert store.value == value
    assert store["value"] == value
    assert store.get("value") == value
    store.items_ = [value]
    assert type(store.items_[0]) is type(value)
    assert store.items_[0] == value
    assert store.deepcopy().value == value
    assert store == {"value": value, "items_": [value]}


def test_nan_comes_back_and_equals_nothing(store: StructStore) -> None:
    store.value = math.nan
    assert math.isnan(store.value)
    assert store != {"value": math.nan}


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ([], []),
        ([1, "two", None, [3.0, [4]]], [1, "two", None, [3.0, [4]]]),
        ((1, 2), [1, 2]),
        (Pair(1, "x"), {"left": 1, "right": "x"}),
        ({}, {}),
        ({"a": 1, "b c": {"d": [1]}}, {"a": 1, "b c": {"d": [1]}}),
        (OrderedDict(b=1, a=2), {"b": 1, "a": 2}),
        (defaultdict(list, x=[1]), {"x": [1]}),
        (SimpleNamespace(a=1, b=SimpleNamespace(c=2)), {"a": 1, "b": {"c": 2}}),
        (bytearray(b"abc"), b"abc"),
        (memoryview(b"abcdef")[::2], b"ace"),
        (Colour.RED, "red"),
        (Level.HIGH, 3),
        (IntSubclass(7), 7),
        (IntSubclass(2**63), 2**63),
        (Point(1.5), {"x": 1.5, "y": 2.0}),
        (Plain(), {"num": 5, "inner": [1]}),
        (Slotted(), {"a": 1}),
        (SlottedChild(), {"a": 1, "b": 3}),
        (SlottedWithDict(), {"a": 1, "b": 3, "c": 4}),
        (GenericPlain([1]), {"value": [1]}),
        (
            State(5, "foo", True, Substate(42), [0, 1]),
            {"num": 5, "text": "foo", "flag": True, "substate": {"subnum": 42}, "lst": [0, 1]},
        ),
    ],
    ids=lambda value: type(value).__name__,
)
def test_containers_and_objects_come_back_as_what_they_hold(
    store: StructStore, value: Any, expected: Any
) -> None:
    store.value = value
    assert store.to_dict() == {"value": expected}
    store.value = value
    store["lst"] = [value, value]
    assert store.to_dict()["lst"] == [expected, expected]
    assert list(store.to_dict()["lst"][0]) == list(expected) if isinstance(expected, dict) else True


@pytest.mark.parametrize(
    ("value", "kind", "expected"),
    [
        (np.bool_(True), bool, True),
        (np.int8(-3), int, -3),
        (np.int64(-(2**63)), int, -(2**63)),
        (np.uint64(2**64 - 1), int, 2**64 - 1),
        (np.float32(0.1), float, float(np.float32(0.1))),
        (np.float64(0.1), float, 0.1),
        (np.str_("text"), str, "text"),
        (np.bytes_(b"bytes"), bytes, b"bytes"),
        (np.float16(1.5), float, 1.5),
        (np.complex64(1 + 2j), complex, 1 + 2j),
        (np.complex128(1 + 2j), complex, 1 + 2j),
    ],
    ids=lambda value: type(value).__name__,
)
def test_numpy_scalars_become_numbers_and_text(
    store: StructStore, value: Any, kind: type, expected: Any
) -> None:
    store.value = value
    assert type(store.value) is kind
    assert store.value == expected


@pytest.mark.parametrize(
    "value",
    [
        np.datetime64("2026-01-02"),
        np.datetime64("2026-01-02T03", "us"),
        np.datetime64("2026-01-02T03", "ns"),
        np.datetime64("NaT", "us"),
        np.datetime64("-200000-01-01", "D"),
        np.timedelta64(5, "us"),
        np.timedelta64(5, "s"),
        np.longdouble(3),
    ],
    ids=repr,
)
def test_other_numpy_scalars_come_back_as_such(store: StructStore, value: Any) -> None:
    store.value, store.lst = value, [value]
    for found in (store.value, store.lst[0], store.deepcopy().value, structstore.from_json(store.to_json()).value):
        assert type(found) is type(value) and found.dtype == value.dtype
        assert found == value or np.isnat(found) and np.isnat(value)


@pytest.mark.parametrize(
    "value",
    [
        1 - 2j,
        datetime.datetime(2026, 1, 2, 3, 4, 5, 6),
        datetime.date(2026, 1, 2),
        -datetime.timedelta(days=1, microseconds=1),
    ],
    ids=repr,
)
def test_times_and_complex_numbers_come_back_as_what_they_were(store: StructStore, value: Any) -> None:
    store.value, store.lst = value, [value]
    copies = [structstore.from_json(store.to_json()), structstore.from_yaml(store.to_yaml())]
    copies += [StructStore.from_bytes(store.to_bytes()), copy.deepcopy(store)]
    for found in (store.value, store.lst[0], store.to_dict()["lst"][0], *(other.value for other in copies)):
        assert type(found) is type(value) and found == value
    assert store == {"value": value, "lst": [value]}
    # An array without dimensions stays one.
    scalar = value if isinstance(value, complex) else np.datetime64(value) if hasattr(value, "year") else np.timedelta64(value)
    store.value = np.array(scalar)
    assert type(store.value) is np.ndarray and store.value.shape == () and store.value.item() == value


def test_numpy_scalars_keep_their_exact_type(store: StructStore) -> None:
    store.value = np.float32(0.1)
    # Written with the digits that the narrower type needs.
    assert str(store) == '{"value": 0.1}'


def test_structures_of_a_store_are_copied_when_assigned(store: StructStore) -> None:
    other = StructStore()
    other.sub = {"a": [1, {"b": 2}]}
    store.sub = other.sub
    store.lst = other.sub.a
    store.whole = other
    other.sub.a[1].b = 3
    assert store.to_dict() == {
        "sub": {"a": [1, {"b": 2}]},
        "lst": [1, {"b": 2}],
        "whole": {"sub": {"a": [1, {"b": 2}]}},
    }


def test_a_store_can_hold_a_copy_of_itself(store: StructStore) -> None:
    store.num = 5
    store.me = store
    store.me.me = store
    assert store.to_dict() == {"num": 5, "me": {"num": 5, "me": {"num": 5, "me": {"num": 5}}}}


def test_assigning_what_a_field_is_already_changes_nothing(store: StructStore) -> None:
    store.sub = {"lst": [1]}
    sub, lst = store.sub, store.sub.lst
    store.sub = sub
    store.sub.lst = lst
    store.sub.lst += [2]
    store.outer = [[1]]
    inner = store.outer[0]
    store.outer[0] = inner
    inner.append(5)
    # The handles are not stale.
    assert lst == [1, 2] and sub.lst == [1, 2] and store.outer == [[1, 5]]


class Unset:
    """Refuses to be read."""

    @property
    def __dict__(self) -> Any:  # type: ignore[override]
        raise ZeroDivisionError("refused")


REFUSED: list[tuple[Any, type[Exception], str]] = [
    ({1, 2}, TypeError, "cannot store set"),
    (object(), TypeError, "cannot store object"),
    (len, TypeError, "cannot store builtin_function_or_method"),
    (lambda: None, TypeError, "cannot store function"),
    (math, TypeError, "cannot store module"),
    (Plain, TypeError, "cannot store type"),
    (range(3), TypeError, "cannot store range"),
    (ValueError("x"), TypeError, "cannot store ValueError"),
    (np.array([object()]), TypeError, "cannot store an array of object"),
    (np.array([1, "x"], dtype=object), TypeError, "cannot store an array of object"),
    (np.zeros(2, dtype=[("a", "O")]), TypeError, "cannot store an array of"),
    (np.ma.array([1, 2], mask=[0, 1]), TypeError, "masked"),
    ({1: 2}, TypeError, "keys are str"),
    ({"a": {None: 1}}, TypeError, "keys are str"),
    ("\ud800", TypeError, "lone surrogate"),
    (2**64, OverflowError, "18446744073709551616 does not fit"),
    (-(2**63) - 1, OverflowError, "does not fit"),
    (2**10_000, OverflowError, "an int of 10001 bits"),
    (decimal.Decimal("0.1"), TypeError, "cannot store decimal.Decimal; store str\\(value\\)"),
    (fractions.Fraction(1, 3), TypeError, "cannot store fractions.Fraction; store str\\(value\\)"),
    (uuid.uuid4(), TypeError, "cannot store uuid.UUID; store str\\(value\\) or value.bytes"),
    (ipaddress.ip_address("127.0.0.1"), TypeError, "cannot store ipaddress.IPv4Address; store str\\(value\\)"),
    (frozenset((1, 2)), TypeError, "cannot store frozenset; store list\\(value\\)"),
    (range(3), TypeError, "cannot store range; store list\\(value\\)"),
    (datetime.time(1), TypeError, "cannot store datetime.time; store value.isoformat"),
    (datetime.datetime.now(datetime.timezone.utc), TypeError, "a datetime with a time zone; .* UTC"),
    (Private(), TypeError, "Private, which has the private attribute _secret; make it a dataclass"),
    (SlottedPrivate(), TypeError, "SlottedPrivate, which has the private attribute __secret"),
]
if int(np.__version__.partition(".")[0]) >= 2:
    REFUSED.append((np.zeros((1,) * 33), TypeError, "up to 32 dimensions"))


@pytest.mark.parametrize(("value", "kind", "message"), REFUSED, ids=lambda value: type(value).__name__)
def test_what_cannot_be_stored_is_named_with_its_path_and_changes_nothing(
    store: StructStore, value: Any, kind: type[Exception], message: str
) -> None:
    store.state = {"items": [1, 2], "kept": "old"}
    before = store.to_dict()
    new = SimpleNamespace(items=[0, 1, 2, {"x": value}])
    with pytest.raises(structstore.Error, match=message) as caught:
        store.state = new
    assert isinstance(caught.value, kind)
    path = caught.value.path
    assert path is not None and path.startswith("state.items[3].x")
    assert str(caught.value).startswith(path)
    with pytest.raises(kind, match=message):
        store.state.items_ = value
    with pytest.raises(kind, match=message):
        store.state["items"].append(value)
    with pytest.raises(kind, match=message):
        store.state["items"][0] = value
    with pytest.raises(kind, match=message):
        store.update(kept=1, other=value)
    assert store.to_dict() == before


def test_paths_of_errors_begin_at_the_root(store: StructStore) -> None:
    store.a = {"b": [0, {"c": {}}]}
    with pytest.raises(TypeError) as caught:
        store.a.b[1].c.d = {"e": [set()]}
    assert caught.value.path == "a.b[1].c.d.e[0]"  # type: ignore[attr-defined]
    with pytest.raises(TypeError) as caught:
        store.a.b.extend([1, set()])
    assert caught.value.path == "a.b[3]"  # type: ignore[attr-defined]
    assert store.to_dict() == {"a": {"b": [0, {"c": {}}]}}


def test_exceptions_of_the_objects_themselves_come_through(store: StructStore) -> None:
    store.x = 1
    with pytest.raises(ZeroDivisionError, match="refused"):
        store.x = [Unset()]
    assert store.x == 1


def self_containing_list() -> Any:
    value: list[Any] = []
    value.append([value])
    return value


def self_containing_dict() -> Any:
    value: dict[str, Any] = {}
    value["a"] = {"b": value}
    return value


def self_containing_object() -> Any:
    value = Plain()
    value.num = value  # type: ignore[assignment]
    return value


@pytest.mark.parametrize(
    "make", [self_containing_list, self_containing_dict, self_containing_object], ids=lambda make: make.__name__
)
def test_structures_that_contain_themselves_are_an_error(store: StructStore, make: Callable[[], Any]) -> None:
    store.x = 1
    with pytest.raises(structstore.TooDeepError, match="nested deeper than the limit of 128"):
        store.x = make()
    with pytest.raises(ValueError):
        store.x = [make()]
    assert store.x == 1


def nested(make: Callable[[Any], Any]) -> Any:
    value: Any = 1
    for _ in range(1_000_000):
        value = make(value)
    return value


@pytest.mark.parametrize(
    "make",
    [lambda inner: [inner], lambda inner: (inner,), lambda inner: {"a": inner}, lambda inner: SimpleNamespace(a=inner)],
    ids=["list", "tuple", "dict", "object"],
)
def test_values_that_nest_without_end_are_an_error(store: StructStore, make: Callable[[Any], Any]) -> None:
    store.lst, store.sub = [1], {}
    before = store.to_dict()
    value = nested(make)
    for change in (
        *(lambda: store.__setattr__("x", value), lambda: store.sub.__setitem__("x", value)),
        *(lambda: store.update(x=1, y=value), lambda: store.setdefault("x", value)),
        *(lambda: store.lst.append(value), lambda: store.lst.extend([1, value]), lambda: StructStoreList([value])),
        *(lambda: store.lst.insert(0, value), lambda: store.lst.__setitem__(slice(0, 1), [value])),
    ):
        with pytest.raises(structstore.TooDeepError):
            change()
    assert value not in store.lst and store.lst != [value] and store.lst.count(value) == 0
    with pytest.raises(ValueError, match="no item equals"):
        store.lst.remove(value)
    assert store.to_dict() == before


def test_nesting_up_to_the_limit_works_and_beyond_is_an_error(store: StructStore) -> None:
    deep: Any = 1
    for _ in range(100):
        deep = [deep]
    store.deep = deep
    assert store.deep == deep
    assert store.deepcopy().deep == deep
    inner = store.deep
    with pytest.raises(structstore.TooDeepError):
        for _ in range(200):
            inner.append([])
            inner = inner[-1]
    with pytest.raises(structstore.TooDeepError):
        store.deep = eval("[" * 129 + "]" * 129)


@pytest.mark.parametrize("bad", ["", "x" * 1025])
def test_names_that_cannot_be(store: StructStore, bad: str) -> None:
    with pytest.raises(structstore.InvalidNameError):
        store[bad] = 1
    with pytest.raises(ValueError):
        store.value = {"a": {bad: 1}}
    assert len(store) == 0


@pytest.mark.parametrize(
    "good", ["a b", "a.b", "[0]", "ünï", "0", "__x__", "x" * 1024, "class", "nul\0", "\n", "keys", "_"]
)
def test_any_other_name_is_a_field(store: StructStore, good: str) -> None:
    store[good] = 1
    assert store[good] == 1
    assert good in store
    assert list(store) == [good]
    assert store.deepcopy().__dict__ == {good: 1}
    del store[good]
    assert good not in store


def test_lone_surrogates_are_no_names(store: StructStore) -> None:
    with pytest.raises(UnicodeEncodeError):
        store["\ud800"] = 1
    assert not hasattr(store, "\ud800")


PLAIN = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**64 - 1)
    | st.floats(allow_nan=False)
    | st.text(st.characters(exclude_categories=["Cs"]))
    | st.binary(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(st.characters(exclude_categories=["Cs"]), min_size=1), inner),
    max_leaves=30,
)


@settings(max_examples=200, deadline=None)
@given(PLAIN)
def test_any_tree_of_plain_values_round_trips(value: Any) -> None:
    store = StructStore()
    store.value = value
    assert store.to_dict() == {"value": value}
    assert store == {"value": value}
    copy = StructStore()
    copy.from_bytes(store.to_bytes())
    assert copy == store
    assert copy.to_dict() == {"value": value}
    store.check()


@settings(max_examples=50, deadline=None)
@given(st.lists(PLAIN))
def test_a_list_behaves_like_the_items_it_was_made_from(values: list[Any]) -> None:
    items = StructStoreList(values)
    assert items == values
    assert items.to_list() == values
    assert len(items) == len(values)


def test_memory_that_is_lent_is_copied(store: StructStore) -> None:
    raw = bytearray(b"abcd")
    store.raw = raw
    raw += b"e" * 1000
    assert store.raw == b"abcd", "and no longer borrowed"
    for lent in (
        bytearray(),
        memoryview(b""),
        memoryview(b"abcdef")[::-2],
        memoryview(np.arange(6, dtype=">i2").reshape(2, 3)),
        memoryview(np.arange(6).reshape(2, 3).T),
    ):
        store.raw = lent
        assert store.raw == bytes(lent)
    image = StructStore.to_bytes(store)
    for lent in (bytearray(image), memoryview(image), memoryview(image[::-1])[::-1]):
        copied = StructStore()
        copied.from_bytes(lent)
        assert copied == store


@pytest.mark.parametrize(
    "value",
    [
        datetime.timedelta(microseconds=2**63 - 1),
        datetime.timedelta(microseconds=1 - 2**63),
        datetime.datetime.min,
        datetime.datetime.max,
        datetime.date.min,
        datetime.date.max,
    ],
)
def test_times_at_the_edges_are_exact(store: StructStore, value: Any) -> None:
    store.value = value
    assert store.value == value and type(store.value) is type(value)


@settings(max_examples=200, deadline=None)
@given(st.timedeltas() | st.datetimes() | st.dates() | st.complex_numbers())
def test_times_and_complex_numbers_are_exact_or_refused(value: Any) -> None:
    store = StructStore()
    try:
        store.value = value
    except structstore.OutOfRangeError:
        assert isinstance(value, datetime.timedelta) and abs(value / datetime.timedelta(microseconds=1)) > 2**62
    else:
        back = store.value
        assert type(back) is type(value)
        assert back == value or value != value and back != back


class Finer(datetime.timedelta):
    """A duration with more than microseconds, as other packages have them."""

    def __eq__(self, other: object) -> bool:
        return self is other

    def __ne__(self, other: object) -> bool:
        return self is not other

    __hash__ = datetime.timedelta.__hash__


@pytest.mark.parametrize(
    "value",
    [
        datetime.timedelta.max,
        datetime.timedelta.min,
        datetime.timedelta(days=106_751_992),
        datetime.timedelta(microseconds=2**63),
        # This one means a missing time to NumPy.
        datetime.timedelta(microseconds=-(2**63)),
        Finer(seconds=1),
    ],
)
def test_durations_that_64_bits_of_microseconds_do_not_hold_are_refused(store: StructStore, value: Any) -> None:
    store.value = 1
    with pytest.raises(structstore.OutOfRangeError, match=r"^value\[0\]: .* does not fit 64 bits of microseconds$"):
        store.value = [value]
    assert store.value == 1


TAKES_ITS_MEMORY = """
import sys
import numpy as np
import structstore


class Evil:
    def __init__(self, act):
        self.act = act

    def __fspath__(self):
        self.act()
        return "z"


def state():
    return np.arange(3.0).__reduce__()[2]


store = structstore.StructStore()
store.old, store.lst = 1, [1]
flat = np.arange(2_000_000.0)
for attempt in (
    lambda a, evil: setattr(store, "old", [a, evil]),
    lambda a, evil: setattr(store, "old", {"a": a, "b": evil}),
    lambda a, evil: store.update(old=a, b=evil),
    lambda a, evil: store.update({"old": a}, b=evil),
    lambda a, evil: store.setdefault("new", [a, evil]),
    lambda a, evil: store.lst.extend([a, evil]),
    lambda a, evil: store.lst.append([a, evil]),
    lambda a, evil: store.lst.insert(0, [a, evil]),
    lambda a, evil: store.lst.__setitem__(0, [a, evil]),
    lambda a, evil: store.lst.__setitem__(slice(0, 1), [a, evil]),
    lambda a, evil: structstore.StructStoreList([a, evil]),
    lambda a, evil: [a, evil] in store.lst,
    lambda a, evil: store.lst == [a, evil],
    lambda a, evil: store == {"a": a, "b": evil},
):
    for take in (
        lambda a: a.resize(4, refcheck=False),
        lambda a: a.resize(4_000_000, refcheck=False),
        lambda a: a.__setstate__(state()),
    ):
        a = flat.copy()
        try:
            attempt(a, Evil(lambda: take(a)))
        except RuntimeError as error:
            assert "an array was resized" in str(error), error
        else:
            raise AssertionError("taken for what it was")
assert store.to_dict() == {"old": 1, "lst": [1]}, store
# What leaves the memory where it is does no harm.
a = np.arange(6.0)
store.fine = [a, Evil(lambda: setattr(a, "shape", (2, 3)) or a.fill(7.0))]
assert store.fine[0].tolist() == [7.0] * 6
# What is lent by others cannot be taken away.
lent = bytearray(b"x" * 1_000_000)
try:
    store.lent = [lent, Evil(lent.clear)]
except BufferError:
    pass
else:
    raise AssertionError("taken away")
print("done")
"""


def test_an_array_that_loses_its_memory_while_others_are_converted_is_refused(
    python: Callable[..., Popen[str]],
) -> None:
    child = python(TAKES_ITS_MEMORY)
    out, _ = child.communicate(timeout=60)
    assert (child.returncode, out) == (0, "done\n")
