"""Dataclasses bound to structures: `structstore.bind(structure, Class)`."""

import copy
import dataclasses
import datetime
import enum
import functools
import os
import pathlib
import pickle
import threading
import types
import typing
from collections.abc import Callable
from dataclasses import dataclass, field
from subprocess import Popen

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from structstore import (
    BoundError,
    DeclaredError,
    NotFoundError,
    OutOfRangeError,
    ReadOnlyError,
    StaleHandleError,
    StructStore,
    StructStoreList,
    StructStoreShared,
    WrongTypeError,
    bind,
    remove_at,
)


class Mode(enum.Enum):
    OFF = "off"
    ON = "on"


@dataclass
class Sub:
    num: int = 42
    name: str = "bar"

    def doubled(self) -> int:
        return self.num * 2


@dataclass
class State:
    num: int = 5
    ratio: float = 1
    flag: bool = True
    text: str = "foo"
    raw: bytes = b"raw"
    mode: Mode = Mode.OFF
    sub: Sub = field(default_factory=Sub)
    subs: list[Sub] = field(default_factory=list)
    named: dict[str, float] = field(default_factory=dict)
    pair: tuple[int, str] = (6, "six")
    limit: float | None = None
    maybe: typing.Optional[Sub] = None
    either: typing.Union[int, str] = 0
    level: typing.Literal["low", "high"] = "low"
    small: np.int8 = np.int8(1)
    vec: npt.NDArray[np.float64] = field(default_factory=lambda: np.arange(3.0))
    path: pathlib.Path = pathlib.Path("a")
    when: datetime.datetime = datetime.datetime(2026, 1, 1)
    wave: complex = 1j
    free: typing.Any = None
    space: types.SimpleNamespace = field(default_factory=types.SimpleNamespace)
    later: int = field(init=False)

    @property
    def sum(self) -> float:
        return self.num + self.ratio

    @sum.setter
    def sum(self, sum: float) -> None:
        self.ratio = sum - self.num


def test_missing_fields_are_created_and_others_keep_their_values(store: StructStore) -> None:
    store.state = {"num": 7, "ratio": 2, "sub": {"name": "kept"}, "unknown": [1]}
    state = bind(store.state, State)
    assert (state.num, state.ratio, state.flag, state.mode) == (7, 2.0, True, Mode.OFF)
    assert type(store.state.ratio) is float, "as it is asked for"
    assert (state.sub.num, state.sub.name) == (42, "kept")
    assert store.state.unknown == [1] and "later" not in store.state
    empty = bind(StructStore(), State)
    assert [one.name for one in dataclasses.fields(State)][:-1] == list(bound_to(empty))


def bound_to(state: object) -> StructStore:
    found = state.__structure__  # type: ignore[attr-defined]
    assert isinstance(found, StructStore)
    return found


def test_attributes_are_the_fields(store: StructStore) -> None:
    store.state = {}
    state, fields = bind(store.state, State), store.state
    state.num += 1
    state.mode = Mode.ON
    state.sub.num = 43
    state.subs.append(Sub(1, "one"))
    state.named["x"] = 0.5
    state.pair = (7, "seven")
    state.limit = 3
    state.maybe = Sub(2, "two")
    state.either = "either"
    state.small = np.int8(-1)
    state.vec[0] = 9
    state.path = pathlib.Path("b")
    state.when = datetime.datetime(2026, 2, 2, 3)
    state.wave = 2j
    state.free = [{"y": 1}]
    state.space.x = 1
    state.sum = 10
    assert fields.num == 6 and fields.mode == "on" and fields.sub == {"num": 43, "name": "bar"}
    assert fields.subs == [{"num": 1, "name": "one"}] and fields.named == {"x": 0.5}
    assert fields.pair == [7, "seven"] and fields.maybe.num == 2 and fields.either == "either"
    assert (fields.limit, type(fields.limit), fields.path, fields.ratio) == (3.0, float, "b", 4.0)
    assert fields.vec[0] == 9 and fields.wave == 2j and fields.free[0].y == 1 and fields.space.x == 1
    fields.num = 8
    fields.mode = "off"
    fields.maybe = None
    assert (state.num, state.mode, state.maybe, state.sum) == (8, Mode.OFF, None, 12)
    assert state.sub.doubled() == 86 and isinstance(state.sub, Sub) and isinstance(state, State)
    assert (state.pair, state.path, state.when.hour) == ((7, "seven"), pathlib.Path("b"), 3)
    assert type(state.wave) is complex and type(state.small) is np.int8
    assert isinstance(state.subs, StructStoreList) and isinstance(state.named, StructStore)
    assert fields.to(State).num == 8


def test_what_is_assigned_to_itself_stays_what_it_is(store: StructStore) -> None:
    store.state = {}
    state = bind(store.state, State)
    view, items, named, sub = state.vec, state.subs, state.named, state.sub
    items.append({"num": 1, "name": "one"})
    first = items[0]
    state.vec += 1
    state.subs += [Sub()]
    state.named |= {"x": 1.0}
    state.sub = state.sub
    sub.num = 1
    first.num = 2
    named["y"] = 2.0
    assert view is not state.vec and np.shares_memory(view, state.vec) and view[0] == 1
    assert state.sub.num == 1 and state.subs[0].num == 2 and len(state.subs) == 2
    assert dict(state.named.items()) == {"x": 1.0, "y": 2.0}
    state.vec = [1, 2]  # type: ignore[assignment]
    assert state.vec.dtype == np.float64 and view[0] == 1, "a new array"


@pytest.mark.parametrize(
    ("attribute", "value", "message"),
    [
        ("num", 1.5, "state.num: found float, expected int"),
        ("num", True, "state.num: found bool, expected int"),
        ("text", None, "state.text: found None, expected str"),
        ("mode", "fly", "state.mode: found 'fly', expected 'off' or 'on'"),
        ("sub", Sub(num="one"), "state.sub.num: found str, expected int"),  # type: ignore[arg-type]
        ("subs", [Sub(), {"num": None}], "state.subs[1].num: found None, expected int"),
        ("pair", [1], "state.pair: found 1 items, expected tuple[int, str]"),
        ("limit", "none", "state.limit: found str, expected float | None"),
        ("level", "middle", "state.level: found 'middle', expected Literal['low', 'high']"),
        ("vec", np.array([1j]), "state.vec: found an array of complex128, expected one of float64"),
        ("free", [{"x": object()}], "state.free[0].x: cannot store object"),
    ],
)
def test_what_does_not_fit_is_named_and_nothing_is_changed(
    store: StructStore, attribute: str, value: object, message: str
) -> None:
    store.state = {}
    state = bind(store.state, State)
    before = store.state.to_bytes()
    with pytest.raises(TypeError) as raised:
        setattr(state, attribute, value)
    assert message in str(raised.value)
    assert store.state.to_bytes() == before


def test_every_process_obeys_what_was_declared(name: str, python: Callable[..., Popen[str]]) -> None:
    source = """if True:
        import sys, structstore
        with structstore.StructStoreShared(sys.argv[1], create=False) as store:
            state = store.state
            for change in (
                lambda: state.__setattr__("num", "six"),
                lambda: state.__setattr__("subs", 5),
                lambda: state.__setattr__("sub", None),
                lambda: state.sub.__setattr__("num", 0.5),
                lambda: state.__delattr__("limit"),
                lambda: state.clear(),
                lambda: store.__setattr__("state", 5),
            ):
                try:
                    change()
                    sys.exit("it was changed")
                except (TypeError, OverflowError):
                    pass
            store.state = {"num": 6, "limit": 1}
    """
    with StructStoreShared(name) as store:
        store.state = {}
        state = bind(store.state, State)
        other = python(source, name)
        assert other.wait(30) == 0
        assert (state.num, state.limit, type(store.state.limit)) == (6, 1.0, float)
        with pytest.raises(DeclaredError):
            del store.state.num
        with pytest.raises(AttributeError):
            del state.num


def test_binding_changes_all_or_nothing(store: StructStore) -> None:
    @dataclass
    class Needy:
        first: int
        sub: "Inner"
        made: str = "made"

    @dataclass
    class Inner:
        made: int = 1
        needed: int = field(kw_only=True)

    Needy.__annotations__["sub"] = Inner
    Needy.__dataclass_fields__["sub"].type = Inner
    for contents, path, error in [
        ({"sub": {"needed": 1}}, "part.first", NotFoundError),
        ({"first": 1, "sub": {}}, "part.sub.needed", NotFoundError),
        ({"first": "one", "sub": {"needed": 1}}, "part.first", WrongTypeError),
        ({"first": 0.5, "sub": {"needed": 1}}, "part.first", WrongTypeError),
        ({"first": 1, "sub": {"needed": None}}, "part.sub.needed", WrongTypeError),
        ({"first": 1, "sub": {"needed": 1}, "made": [1]}, "part.made", WrongTypeError),
    ]:
        store.part = contents
        with pytest.raises(error) as raised:
            bind(store.part, Needy)
        assert raised.value.path == path
        assert store.part == contents
        store.part = 5
        del store.part


def test_wrong_defaults_are_named(store: StructStore) -> None:
    @dataclass
    class Sloppy:
        name: str = None  # type: ignore[assignment]

    with pytest.raises(WrongTypeError, match="^name: found None, expected str"):
        bind(store, Sloppy)
    assert len(store) == 0


def test_kinds_that_fit(store: StructStore) -> None:
    @dataclass
    class Numbers:
        wide: int
        narrow: np.int16
        ratio: float
        single: np.float32

    store.update(wide=np.uint8(7), narrow=300, ratio=1, single=0.1)
    numbers = bind(store, Numbers)
    with pytest.raises(OutOfRangeError, match="wide: 256 does not fit u8"):
        numbers.wide = 256
    assert (numbers.narrow, numbers.ratio, type(numbers.single)) == (300, 1.0, np.float32)
    assert bind(store, Numbers).wide == 7, "bound again"
    store.other = {"wide": 1, "narrow": 70_000, "ratio": 2**60 + 1, "single": 1}
    with pytest.raises(OutOfRangeError, match="other.narrow: 70000 does not fit i16"):
        bind(store.other, Numbers)
    store.other.narrow = 7
    with pytest.raises(OutOfRangeError, match="other.ratio"):
        bind(store.other, Numbers)

    @dataclass
    class Optional:
        wide: int | None

    with pytest.raises(WrongTypeError, match="wide: found u8, expected i64 or null"):
        bind(store, Optional)


def test_bound_objects_are_dataclasses(store: StructStore) -> None:
    sub, plain = bind(store, Sub), Sub()
    assert dataclasses.is_dataclass(sub) and sub.__class__ is Sub
    assert [one.name for one in dataclasses.fields(sub)] == ["num", "name"]
    assert sub == plain and plain == sub and sub == bind(store, Sub) and sub != Sub(1)
    assert dataclasses.asdict(sub) == {"num": 42, "name": "bar"} and dataclasses.astuple(sub) == (42, "bar")
    replaced = dataclasses.replace(sub, num=1)
    assert type(replaced) is Sub and replaced == Sub(1) and sub.num == 42
    assert repr(sub) == "Sub(num=42, name='bar')"
    match sub:
        case Sub(num=number):
            assert number == 42
    with pytest.raises(TypeError):
        hash(sub)
    with pytest.raises(AttributeError, match="Sub has no field 'nam'") as raised:
        sub.nam = "typo"  # type: ignore[attr-defined]
    assert (raised.value.name, raised.value.obj) == ("nam", sub)
    assert "nam" not in store and not hasattr(sub, "nam")
    store.copy_of_it = sub
    assert store.copy_of_it == {"num": 42, "name": "bar"}


def test_copies_and_pickles(shared: StructStoreShared, local: StructStore) -> None:
    shared.state = {}
    state = bind(shared.state, State)
    shallow, deep = copy.copy(state), copy.deepcopy(state)
    pickled = pickle.loads(pickle.dumps(state))
    state.num = 6
    state.subs.append(Sub())
    assert type(shallow) is State and (shallow.num, len(shallow.subs)) == (5, 1)
    assert type(deep) is State and type(deep.sub) is Sub and deep.subs == []
    assert (pickled.num, len(pickled.subs)) == (6, 1)
    pickled.num = 7
    assert state.num == 7, "the same structure"
    sub = bind(local, Sub)
    pickled = pickle.loads(pickle.dumps(sub))
    sub.num = 1
    assert pickled.num == 42, "a copy"


def test_frozen_and_slotted_classes(store: StructStore) -> None:
    @dataclass(frozen=True, slots=True)
    class Frozen:
        num: int = 5

        def twice(self) -> int:
            return self.num * 2

    frozen = bind(store, Frozen)
    with pytest.raises(dataclasses.FrozenInstanceError):
        frozen.num = 6  # type: ignore[misc]
    store.num = 7
    assert (frozen.num, frozen.twice()) == (7, 14)


def test_recursive_and_inherited_classes(store: StructStore) -> None:
    store.node = {}
    node = bind(store.node, Node)
    node.next = Node(1, Node(2))
    assert node.next.next is not None and node.next.next.num == 2
    node.next.next.num = 3
    node.next.label = "inherited"
    assert store.node.to(Node) == Node(0, Node(1, Node(3), label="inherited")) == node


@dataclass
class Labelled:
    label: str = field(default="", kw_only=True)


@dataclass
class Node(Labelled):
    num: int = 0
    next: "Node | None" = None


def test_locks_and_transactions(shared: StructStoreShared) -> None:
    with shared.write_lock():
        sub = bind(shared, Sub)
        sub.num = 1
    with pytest.raises(ZeroDivisionError), shared.transaction():
        shared.part = {}
        part = bind(shared.part, Sub)
        part.num = 5 // (part.num - 42)
    assert "part" not in shared

    entered, done = threading.Event(), threading.Event()

    def hold() -> None:
        with shared.write_lock():
            entered.set()
            assert not done.wait(0.2)
            sub.num = 10

    holder = threading.Thread(target=hold)
    holder.start()
    entered.wait()
    assert bind(shared, Sub).num == 10, "it waited"
    done.set()
    holder.join()


def test_what_is_gone_or_read_only(name: str, shared: StructStoreShared) -> None:
    shared.part = {}
    part = bind(shared.part, Sub)
    reader = StructStoreShared(name, read_only=True)
    read = bind(reader.part, Sub)
    part.num = 7
    assert read.num == 7
    with pytest.raises(ReadOnlyError):
        read.num = 8
    with pytest.raises(WrongTypeError, match="part.num: found int, expected str"):
        bind(reader.part, dataclasses.make_dataclass("Other", [("num", str)]))
    reader.close()
    with pytest.raises(BoundError, match="part: in use by this process"):
        del shared.part
    with pytest.raises(BoundError):
        shared.clear()
    remove_at(shared, "part", force=True)
    with pytest.raises(StaleHandleError):
        part.num
    assert repr(part).startswith("<Sub: ")


def test_what_a_living_process_has_bound_stays(
    name: str, shared: StructStoreShared, python: Callable[..., Popen[str]]
) -> None:
    shared.part = {"inner": {}}
    process = python(BINDS, name)
    assert process.stdout is not None and process.stdout.readline() == "bound\n"
    for remove in (
        lambda: shared.__delattr__("part"),
        shared.clear,
        lambda: setattr(shared, "part", 5),
        lambda: setattr(shared, "part", {"inner": 5}),
    ):
        with pytest.raises(BoundError, match=f"part.inner: in use by process {process.pid}|declared"):
            remove()
    process.kill()
    process.wait()
    del shared.part
    assert list(shared) == []


@pytest.mark.filterwarnings("ignore:This process:DeprecationWarning")
def test_a_forked_child_keeps_nothing_in_use(shared: StructStoreShared) -> None:
    shared.part = {}
    part = bind(shared.part, Sub)
    end = os.pipe()
    child = os.fork()
    if child == 0:
        os.read(end[0], 1)
        os._exit(0)
    with pytest.raises(BoundError):
        del shared.part
    del part
    del shared.part
    os.write(end[1], b"x")
    assert os.waitpid(child, 0)[1] == 0


BINDS = """
import dataclasses, sys, time
import structstore

@dataclasses.dataclass
class Inner:
    num: int = 5

store = structstore.StructStoreShared(sys.argv[1])
bound = structstore.bind(store.part.inner, Inner)
print("bound", flush=True)
time.sleep(600)
"""


@pytest.mark.parametrize("wrong", [dict, 5, Sub(), "Sub"])
def test_only_dataclasses_are_bound(store: StructStore, wrong: typing.Any) -> None:
    with pytest.raises(TypeError, match="expected a dataclass, found"):
        bind(store, wrong)
    with pytest.raises(TypeError, match="expected a structure of a store, found dict"):
        bind({}, Sub)  # type: ignore[arg-type]


def test_methods_may_cache(store: StructStore) -> None:
    @dataclass
    class Caching:
        num: int = 5

        @functools.cached_property
        def double(self) -> int:
            return self.num * 2

    caching = bind(store, Caching)
    assert caching.double == 10 and list(store) == ["num"]


@dataclass
class Measured:
    ratio: float
    limit: float | None
    single: np.float32
    small: np.int8
    count: np.uint64
    flag: np.bool_
    wave: np.complex64
    vec: npt.NDArray[np.float64]
    ratios: list[float]


@pytest.mark.parametrize(
    ("field_name", "value", "error", "message"),
    [
        ("ratio", 2**53 + 1, OutOfRangeError, "ratio: 9007199254740993 does not fit float"),
        ("ratio", np.uint64(2**64 - 1), OutOfRangeError, "ratio: 18446744073709551615 does not fit float"),
        ("limit", 2**53 + 1, OutOfRangeError, "limit: 9007199254740993 does not fit float"),
        ("ratios", [1, 2**53 + 1], OutOfRangeError, "ratios[1]: 9007199254740993 does not fit float"),
        ("single", 1e39, OutOfRangeError, "single: 1e+39 does not fit float32"),
        ("single", 2**24 + 1, OutOfRangeError, "single: 16777217 does not fit float32"),
        ("single", True, WrongTypeError, "single: found bool, expected float32"),
        ("single", "1", WrongTypeError, "single: found str, expected float32"),
        ("small", 128, OutOfRangeError, "small: 128 does not fit int8"),
        ("small", 1.5, WrongTypeError, "small: found float, expected int8"),
        ("small", True, WrongTypeError, "small: found bool, expected int8"),
        ("count", -1, OutOfRangeError, "count: -1 does not fit uint64"),
        ("flag", 5, WrongTypeError, "flag: found int, expected bool"),
        ("wave", 1e39j, OutOfRangeError, "wave: 1e+39j does not fit complex64"),
        ("vec", np.array([2**53 + 1]), OutOfRangeError, "vec: an array of int64 does not fit"),
        ("vec", [2**53 + 1, 0.5], WrongTypeError, "vec: found a list whose items have no common type"),
    ],
)
def test_bound_attributes_take_numbers_as_the_store_does(
    store: StructStore, field_name: str, value: typing.Any, error: type[Exception], message: str
) -> None:
    store.update(
        ratio=1.5, limit=None, single=np.float32(0.5), small=np.int8(1), count=np.uint64(1), flag=True, wave=np.complex64(1j)
    )
    store.update(vec=np.zeros(1), ratios=[0.5])
    bound = bind(store, Measured)
    before = store.to_bytes()
    with pytest.raises(error) as raised:
        setattr(bound, field_name, value)
    assert str(raised.value).startswith(message)
    assert raised.value.path == message.partition(": ")[0]  # type: ignore[attr-defined]
    assert store.to_bytes() == before
    # Read, and created by default, it is the same.
    plain = StructStore()
    plain.update({name: store[name] for name in store} | {field_name: value})
    with pytest.raises(error):
        plain.to(Measured)


def test_bound_attributes_take_what_fits(store: StructStore) -> None:
    store.update(ratio=1.5, limit=None, single=np.float32(0.5), small=np.int8(1), count=np.uint64(1), flag=True)
    store.update(vec=np.zeros(1), ratios=[0.5], wave=np.complex64(1j))
    bound = bind(store, Measured)
    bound.ratio, bound.limit, bound.single, bound.small, bound.count = 2**53, -(2**62), 0.1, -128, 2**64 - 1
    bound.flag, bound.wave, bound.vec, bound.ratios = False, 2, [1, 2.5], [2**60, float("nan")]
    assert (bound.ratio, bound.limit, bound.single, bound.small) == (2.0**53, -(2.0**62), np.float32(0.1), -128)
    assert (bound.count, bound.flag, bound.wave, bound.vec.tolist()) == (2**64 - 1, False, 2, [1.0, 2.5])
    assert type(bound.single) is np.float32 and type(bound.wave) is np.complex64
    for value in (np.inf, -np.inf, np.nan):
        bound.single = bound.ratio = value
        np.testing.assert_equal([bound.single, bound.ratio], [value, value])


@settings(max_examples=300, deadline=None)
@given(
    st.integers(-(2**63), 2**64 - 1) | st.floats() | st.booleans(),
    st.sampled_from([np.float32, np.float64, np.int8, np.int16, np.int64, np.uint8, np.uint64, float, int, bool]),
)
def test_bound_numbers_are_those_of_direct_assignment(value: typing.Any, cls: type) -> None:
    """Whatever is assigned by a bound attribute is stored, or refused, as if it were assigned to the declared field."""
    one = dataclasses.make_dataclass("One", [("x", cls, cls(0))])
    bound, direct = StructStore(), StructStore()
    view = bind(bound, one)
    bind(direct, one)

    def outcome(assign: Callable[[], None], store: StructStore) -> tuple[typing.Any, bytes]:
        try:
            assign()
        except (OutOfRangeError, WrongTypeError) as error:
            return type(error), store.to_bytes()
        return None, store.to_bytes()

    def by_attribute() -> None:
        view.x = value

    def directly() -> None:
        direct.x = value

    assert outcome(by_attribute, bound) == outcome(directly, direct)
