"""Structures as instances of classes: `store.part.to(Class)`."""

import datetime
import enum
import pathlib
import types
import typing
from dataclasses import dataclass, field, fields, make_dataclass

import numpy as np
import numpy.typing as npt
import pytest
from structstore import Error, NotFoundError, StructStore, UnsupportedError, WrongTypeError, bind
from typing_extensions import TypeAliasType


class Mode(enum.Enum):
    OFF = "off"
    ON = "on"


class Point(typing.NamedTuple):
    x: float
    y: float = 0.0


@dataclass
class Sub:
    num: int
    name: str = "unnamed"
    tags: list[str] = field(default_factory=list)


@dataclass
class State:
    num: int
    ratio: float
    flag: bool
    text: str
    raw: bytes
    mode: Mode
    sub: Sub
    subs: list[Sub]
    named: dict[str, Sub]
    pair: tuple[int, str]
    many: tuple[float, ...]
    limit: float | None
    nothing: typing.Optional[Sub]
    either: typing.Union[int, str]
    level: typing.Literal["low", "high"]
    vec: npt.NDArray[np.float64]
    grid: np.ndarray
    path: pathlib.Path
    when: datetime.datetime
    day: datetime.date
    span: datetime.timedelta
    wave: complex
    free: typing.Any
    space: types.SimpleNamespace
    later: int = field(init=False, default=3)


def state() -> State:
    return State(
        num=5,
        ratio=0.5,
        flag=True,
        text="text",
        raw=b"raw",
        mode=Mode.ON,
        sub=Sub(1, "one", ["a", "b"]),
        subs=[Sub(2), Sub(3, "three")],
        named={"x": Sub(4)},
        pair=(6, "six"),
        many=(1.0, 2.0),
        limit=None,
        nothing=Sub(7),
        either="either",
        level="low",
        vec=np.arange(3.0),
        grid=np.eye(2, dtype=np.uint8),
        path=pathlib.Path("/tmp/robot"),
        when=datetime.datetime(2026, 11, 22, 12, 30, 1, 250),
        day=datetime.date(2026, 11, 22),
        span=datetime.timedelta(seconds=1.5),
        wave=1 + 2j,
        free=[1, {"x": 2}],
        space=types.SimpleNamespace(x=1),
    )


def assert_same(left: State, right: State) -> None:
    for name in (one.name for one in fields(State)):
        ours, theirs = getattr(left, name), getattr(right, name)
        assert type(ours) is type(theirs), name
        if isinstance(ours, np.ndarray):
            assert ours.dtype == theirs.dtype and ours.shape == theirs.shape
            np.testing.assert_array_equal(ours, theirs)
        else:
            assert ours == theirs, name


def test_a_dataclass_comes_out_as_it_went_in(store: StructStore) -> None:
    store.state = state()
    restored = store.state.to(State)
    assert isinstance(restored, State) and isinstance(restored.subs[1], Sub)
    assert_same(restored, state())
    assert type(restored.when) is datetime.datetime and type(restored.wave) is complex
    restored.vec[0] = 7
    assert store.state.vec[0] == 0, "a copy"
    store.state.later = 9
    assert store.state.to(State).later == 9


def test_fields_may_be_missing_or_more(store: StructStore) -> None:
    store.sub = {"num": 1, "unknown": 5}
    assert store.sub.to(Sub) == Sub(1)
    del store.sub.num
    with pytest.raises(NotFoundError, match="sub.num: no such field") as raised:
        store.sub.to(Sub)
    assert raised.value.path == "sub.num"


@pytest.mark.parametrize(
    ("field_name", "value", "message"),
    [
        ("num", 1.5, "state.num: found float, expected int"),
        ("num", True, "state.num: found bool, expected int"),
        ("flag", 1, "state.flag: found int, expected bool"),
        ("text", None, "state.text: found None, expected str"),
        ("mode", "fly", "state.mode: found 'fly', expected 'off' or 'on'"),
        ("sub", {"num": "one"}, "state.sub.num: found str, expected int"),
        ("sub", 5, "state.sub: found int, expected Sub"),
        ("subs", [{"num": 1}, {"num": None}], "state.subs[1].num: found None, expected int"),
        ("named", {"x": {"num": 1.5}}, "state.named.x.num: found float, expected int"),
        ("pair", [1], "state.pair: found 1 items, expected tuple[int, str]"),
        ("many", [1.0, "two"], "state.many[1]: found str, expected float"),
        ("limit", "none", "state.limit: found str, expected float | None"),
        ("nothing", {"num": "one"}, "state.nothing.num: found str, expected int"),
        ("level", "middle", "state.level: found 'middle', expected Literal['low', 'high']"),
        ("vec", np.array([1j]), "state.vec: found an array of complex128, expected one of float64"),
        ("vec", "text", "state.vec: found str, expected"),
        ("path", 5, "state.path: found int, expected Path"),
    ],
)
def test_what_does_not_fit_is_named(
    store: StructStore, field_name: str, value: object, message: str
) -> None:
    store.state = state()
    store.state[field_name] = value
    with pytest.raises(WrongTypeError) as raised:
        store.state.to(State)
    assert message in str(raised.value)
    assert raised.value.path == message.partition(": ")[0]


def test_numbers_of_other_kinds_fit(store: StructStore) -> None:
    store.state = state()
    store.state.ratio = 2
    store.state.many = np.array([1.0, 2.0, 3.0])
    store.state.vec = np.arange(3, dtype=np.int32)
    restored = store.state.to(State)
    assert (restored.ratio, type(restored.ratio)) == (2.0, float)
    assert restored.many == (1.0, 2.0, 3.0)
    assert restored.vec.dtype == np.float64


def test_named_tuples_come_out_as_they_went_in(store: StructStore) -> None:
    @dataclass
    class Line:
        start: Point
        end: Point

    store.line = Line(Point(1, 2), Point(3))
    assert store.line.start == {"x": 1, "y": 2} and store.line.start.y == 2 and store.line.start == Point(1, 2)
    assert store.line.to(Line) == Line(Point(1.0, 2.0), Point(3.0, 0.0))
    store.line.end = [1]
    assert store.line.to(Line).end == Point(1.0)
    bound = bind(store.line, Line)
    bound.start = Point(5)
    assert bound.start == Point(5.0) and type(bound.start) is Point and store.line.start == {"x": 5.0, "y": 0.0}
    for wrong, message in (([1, 2, 3], "line.end: found list, expected Point"), (["x"], "line.end.x: found str")):
        store.line.end = wrong
        with pytest.raises(WrongTypeError, match=message):
            store.line.to(Line)


def test_annotations_that_only_name_others(store: StructStore) -> None:
    T, S = typing.TypeVar("T"), typing.TypeVar("S")
    # What `type Swapped[T, S] = tuple[S, T]` makes.
    swapped = TypeAliasType("Swapped", tuple[S, T], type_params=(T, S))
    count = TypeAliasType("Count", typing.NewType("Count", int))
    many = TypeAliasType("Many", list[T], type_params=(T,))

    named = make_dataclass(
        "Named",
        [
            ("count", count),
            ("both", swapped[int, str]),
            ("many", many[typing.Annotated[count, "how many"]]),
            ("vec", npt.NDArray[np.float64]),
        ],
    )
    store.named = {"count": 1, "both": ["one", 1], "many": [1, 2], "vec": [0.5]}
    restored: typing.Any = store.named.to(named)
    assert (restored.count, restored.both, restored.many) == (1, ("one", 1), [1, 2])
    assert restored.vec.dtype == np.float64
    store.named.many = [1, "two"]
    with pytest.raises(WrongTypeError, match=r"named.many\[1\]: found str, expected int"):
        store.named.to(named)
    del store.named.vec
    store.named.update(many=[3], vec=np.zeros(2))
    bound: typing.Any = bind(store.named, named)
    bound.count = 5
    bound.many.append(4)
    assert (bound.count, bound.both, store.named.many) == (5, ("one", 1), [3, 4])
    with pytest.raises(WrongTypeError, match="named.count: found str, expected int"):
        bound.count = "five"


def test_other_classes(store: StructStore) -> None:
    store.point = {"x": 1.5}
    assert store.point.to(Point) == Point(1.5)
    assert store.point.to(dict) == {"x": 1.5}
    assert store.point.to(dict[str, float]) == {"x": 1.5}
    assert store.point.to(types.SimpleNamespace) == types.SimpleNamespace(x=1.5)

    class Plain:
        x: float
        y: float = 2.0

        def __init__(self, x: float, y: float = 2.0) -> None:
            self.x, self.y = x, y

    plain = store.point.to(Plain)
    assert (plain.x, plain.y) == (1.5, 2.0)
    with pytest.raises(Error):
        store.point.to(int)


def test_dates_paths_and_complex_numbers_are_stored(store: StructStore) -> None:
    store.when = datetime.datetime(2026, 1, 2, 3, 4, 5, 6)
    assert store.when == datetime.datetime(2026, 1, 2, 3, 4, 5, 6)
    store.day = datetime.date(2026, 1, 2)
    assert store.day == datetime.date(2026, 1, 2)
    store.span = -datetime.timedelta(days=1, microseconds=1)
    assert store.span == -datetime.timedelta(days=1, microseconds=1)
    store.wave = 1 - 2j
    assert store.wave == 1 - 2j
    store.path = pathlib.PurePosixPath("a/b")
    assert store.path == "a/b"
    with pytest.raises(UnsupportedError, match="time zone"):
        store.aware = datetime.datetime.now(datetime.timezone.utc)
    assert "aware" not in store


def test_attrs_classes_come_out_as_they_went_in(store: StructStore) -> None:
    import attrs

    @attrs.define
    class Inner:
        x: float
        y: float = 2.0

    @attrs.frozen
    class Outer:
        name: str
        inner: Inner
        many: list[Inner] = attrs.field(factory=list)

    # Local classes are no names that annotations could be looked up by.
    Outer.__annotations__.update(inner=Inner, many=list[Inner])
    store.outer = Outer("outer", Inner(1.0), [Inner(3.0, 4.0)])
    assert store.outer.to(Outer) == Outer("outer", Inner(1.0), [Inner(3.0, 4.0)])
    del store.outer.many
    assert store.outer.to(Outer) == Outer("outer", Inner(1.0))
    del store.outer.name
    with pytest.raises(NotFoundError, match="outer.name: no such field"):
        store.outer.to(Outer)


def test_pydantic_models_come_out_as_they_went_in(store: StructStore) -> None:
    import pydantic

    class Model(pydantic.BaseModel):
        num: int
        names: list[str] = []

    store.model = Model(num=5, names=["a"])
    assert store.model.to_dict() == {"num": 5, "names": ["a"]}
    assert store.model.to(Model) == Model(num=5, names=["a"])
    store.model.num = "no number"
    with pytest.raises(ValueError, match="num"):
        store.model.to(Model)
