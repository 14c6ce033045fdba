"""What fields may hold, whoever assigns."""

import copy
import dataclasses
import enum
import math
import pickle
import subprocess
import sys
import typing
from typing import Annotated, Any, Literal

import annotated_types
import numpy as np
import pydantic
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import structstore
from structstore import Meta

Store = structstore.StructStore


def test_every_assignment_keeps_the_limits(store: Store) -> None:
    store.gain = 1.5
    store.mode = "idle"
    store.lst = [1, 2]
    store.samples = np.array([0.5, 1.0])
    structstore.declare(store, "gain", ge=0, lt=10, unit="1/s")
    structstore.declare(store, "mode", choices=["idle", "running"])
    structstore.declare(store, "lst", Meta(ge=0, le=5, max_length=3))
    structstore.declare(store, "samples", ge=0, le=1)
    before = store.to_dict()
    for name, value in [
        ("gain", 10.0),
        ("gain", -1),
        ("gain", math.nan),
        ("mode", "runing"),
        ("lst", [1, 6]),
        ("lst", [1, 1, 1, 1]),
        ("samples", np.array([0.0, 2.0])),
        ("samples", [math.nan]),
    ]:
        with pytest.raises(structstore.LimitError):
            store[name] = value
        with pytest.raises(structstore.LimitError):
            store.update({"other": 1, name: value})
    with pytest.raises(structstore.LimitError, match=r"lst\[2\]: found 6, expected a number from 0 to 5"):
        store.lst.append(6)
    with pytest.raises(structstore.LimitError, match="a length of 4, expected a length of at most 3"):
        store.lst.extend([3, 4])
    with pytest.raises(structstore.LimitError, match=r"samples\[1\]: found 2.0|samples: found 2.0"):
        structstore.set_at(store, "samples[1]", 2.0)
    with pytest.raises(structstore.LimitError) as caught:
        store.mode = "runing"
    assert str(caught.value) == 'mode: found "runing", expected "idle" or "running"; did you mean "running"?'
    assert caught.value.path == "mode"
    with pytest.raises(structstore.LimitError):
        store.from_bytes(make(gain=11.0).to_bytes())
    after = store.to_dict()
    np.testing.assert_equal(after, before)

    store.gain = 9
    assert store.gain == 9.0 and type(store.gain) is float
    structstore.set_at(store, "samples[1]", 0.25)
    assert store.samples.tolist() == [0.5, 0.25]
    store.check()


def make(**fields: Any) -> Store:
    made = Store()
    made.update(fields)
    return made


def test_views_of_limited_arrays_say_how_to_assign(store: Store) -> None:
    store.samples = np.array([0.5, 1.0])
    early = store.samples
    structstore.declare(store, "samples", ge=0, le=1)
    early[0] = 7.0  # a block of its own now
    assert store.samples.tolist() == [0.5, 1.0]
    with pytest.raises(ValueError, match=r"structstore\.set_at"):
        store.samples[0] = 0.25
    with pytest.raises(ValueError, match="read-only"):
        store.samples += 1
    doubled = store.samples * 2
    assert type(doubled) is np.ndarray and doubled.tolist() == [1.0, 2.0]
    assert type(store.samples.sum()) is np.float64
    view = store.samples
    assert structstore.is_current(view) and structstore.is_current(view[1:])
    pickled = [pickle.loads(pickle.dumps(view, protocol)) for protocol in range(pickle.HIGHEST_PROTOCOL + 1)]
    for copied in (view.copy(), copy.copy(view), copy.deepcopy(view), np.array(view), *pickled):
        assert type(copied) is np.ndarray
        copied[0] = 9.0
    with pytest.raises(ValueError, match=r"structstore\.set_at"):
        view[1:][0] = 9.0
    assert store.samples.tolist() == [0.5, 1.0]
    structstore.declare(store, "samples")
    store.samples[0] = 7.0
    assert store.samples.tolist() == [7.0, 1.0]


def test_meta_tells_what_was_declared(store: Store) -> None:
    store.update(gain=1.5, count=5, mode="idle", level=1)
    assert structstore.meta(store, "gain") == Meta()
    told = Meta(gt=0.0, le=10.0, step=0.5, unit="1/s", description="A gain.", read_only=True, default=1.0)
    structstore.declare(store, "gain", told)
    assert structstore.meta(store, "gain") == told
    assert repr(Meta(ge=0, unit="m")) == "Meta(ge=0, unit='m')"
    structstore.declare(store, "count", multiple_of=5, le=100)
    assert structstore.meta(store, "count") == Meta(multiple_of=5, le=100)
    structstore.declare(store, "level", choices=[1, 2, 3])
    assert structstore.meta(store, "level").choices == (1, 2, 3)
    with pytest.raises(structstore.LimitError):
        store.level = 4
    structstore.declare(store, "mode", min_length=1, max_length=8)
    with pytest.raises(structstore.LimitError):
        store.mode = ""
    structstore.reset(store, "gain")
    assert store.gain == 1.0
    with pytest.raises(structstore.WrongTypeError, match="without a default"):
        structstore.reset(store, "mode")
    structstore.declare(store, "new", default="x")
    assert store.new == "x"


@pytest.mark.parametrize(
    ("told", "message"),
    [
        ({"ge": 2}, "gain: found 1.5, expected a number of at least 2.0"),
        ({"ge": 3, "le": 2}, "range"),
        ({"multiple_of": 2}, "multiple_of"),
        ({"choices": ["a"]}, "choices"),
        ({"min_length": 1}, "len"),
        ({"step": -1.0}, "step"),
    ],
)
def test_declarations_that_make_no_sense_change_nothing(store: Store, told: dict[str, Any], message: str) -> None:
    store.gain = 1.5
    with pytest.raises((structstore.LimitError, structstore.InvalidArgumentError), match=message):
        structstore.declare(store, "gain", **told)
    del store.gain
    with pytest.raises(structstore.NotFoundError):
        structstore.declare(store, "gain", ge=0)
    with pytest.raises(TypeError):
        structstore.declare(store, "gain", largest=0)
    with pytest.raises(TypeError):
        Meta(ge=0, gt=0)


class Mode(enum.Enum):
    IDLE = "idle"
    RUNNING = "running"


Gain = typing.NewType("Gain", Annotated[float, annotated_types.Interval(ge=0, le=10)])  # type: ignore[valid-newtype]


@dataclasses.dataclass
class Drive:
    mode: Mode = Mode.IDLE
    state: Literal["on", "off"] = "off"
    kp: Annotated[float, Meta(ge=0, le=10, step=0.05, unit="1/s", description="Gain.")] = 1.5
    ki: Annotated[float, annotated_types.Ge(0), annotated_types.Lt(1), annotated_types.Unit("1/s")] = 0.5
    kd: Gain = Gain(0.25)
    name: Annotated[str, annotated_types.Len(1, 8)] = "arm"
    steps: Annotated[int, annotated_types.MultipleOf(4)] = 8
    limit: Annotated[float, annotated_types.Gt(0)] | None = None
    gains: list[Annotated[float, annotated_types.Ge(0)]] = dataclasses.field(default_factory=lambda: [1.0])
    reach: Annotated[float, pydantic.Field(gt=0, description="How far.", allow_inf_nan=False)] = 1.0
    plain: float = 0.0


def test_annotations_declare_limits(store: Store) -> None:
    drive = structstore.bind(store, Drive)
    assert structstore.meta(store, "kp") == Meta(
        ge=0.0, le=10.0, step=0.05, unit="1/s", description="Gain.", default=1.5
    )
    assert structstore.meta(store, "mode").choices == ("idle", "running")
    assert structstore.meta(store, "ki") == Meta(ge=0.0, lt=1.0, unit="1/s", default=0.5)
    assert structstore.meta(store, "reach").description == "How far."
    assert structstore.meta(store, "plain") == Meta()
    for name, value in [
        ("mode", "runing"),
        ("state", "of"),
        ("kp", 11.0),
        ("ki", 1.0),
        ("kd", -1.0),
        ("name", ""),
        ("steps", 6),
        ("limit", 0.0),
        ("gains", [1.0, -1.0]),
        ("reach", math.inf),
    ]:
        with pytest.raises(structstore.LimitError):
            store[name] = value
        with pytest.raises(structstore.Error):
            setattr(drive, name, value)
    drive.mode = Mode.RUNNING
    drive.limit = 2.0
    drive.limit = None
    with pytest.raises(structstore.LimitError):
        store.limit = -1.0
    store.kp = 9.0
    structstore.reset(store, "kp")
    assert drive.kp == 1.5
    store.check()


def test_a_class_that_knows_less_takes_nothing_away(store: Store) -> None:
    @dataclasses.dataclass
    class Older:
        kp: float = 1.5

    structstore.bind(store, Drive)
    older = structstore.bind(store, Older)
    with pytest.raises(structstore.LimitError):
        older.kp = 11.0
    structstore.bind(store, Drive)
    assert structstore.meta(store, "kp").unit == "1/s"


def test_a_value_outside_of_the_limits_is_not_bound(store: Store) -> None:
    store.kp = 11.0
    with pytest.raises(structstore.LimitError, match="kp: found 11.0, expected a number from 0.0 to 10.0"):
        structstore.bind(store, Drive)
    assert store.to_dict() == {"kp": 11.0}


@pydantic.dataclasses.dataclass
class Checked:
    kp: float = pydantic.Field(default=1.5, ge=0, le=10, description="Gain.")


def test_fields_of_pydantic_declare_limits(store: Store) -> None:
    structstore.bind(store, Checked)
    assert structstore.meta(store, "kp") == Meta(ge=0.0, le=10.0, description="Gain.", default=1.5)


LENGTHS = st.integers(0, 4)


def bounds(numbers: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    """Some of the keywords for a range."""
    low = st.one_of(st.just({}), st.builds(lambda n: {"ge": n}, numbers), st.builds(lambda n: {"gt": n}, numbers))
    high = st.one_of(st.just({}), st.builds(lambda n: {"le": n}, numbers), st.builds(lambda n: {"lt": n}, numbers))
    return st.builds(lambda one, other: {**one, **other}, low, high)


FLOATS = st.floats(-8, 8) | st.sampled_from([0.0, -0.0, 1.0, math.inf, -math.inf, math.nan, 5e-324, 1e300])
INTS = st.integers(-8, 8) | st.sampled_from([2**62, -(2**62)])
TEXTS = st.sampled_from(["", "a", "b", "ab", "é", "abc", "a b"])
TOLD = st.one_of(
    st.tuples(st.just(0.0), bounds(st.floats(-8, 8)) | st.just({"finite": True}), FLOATS | INTS),
    st.tuples(st.just(0), bounds(st.integers(-8, 8)), INTS),
    st.tuples(st.just(0), st.builds(lambda n: {"multiple_of": n}, st.integers(1, 5)), INTS),
    st.tuples(st.just(0), st.builds(lambda n: {"choices": [0, *n]}, st.lists(INTS, max_size=3)), INTS),
    st.tuples(st.just("a"), st.builds(lambda n: {"choices": ["a", *n]}, st.lists(TEXTS, max_size=3)), TEXTS),
    st.tuples(st.just("a"), st.builds(lambda n, m: {"min_length": n, "max_length": m}, LENGTHS, LENGTHS), TEXTS),
    st.tuples(st.just([0]), bounds(st.integers(-8, 8)), st.lists(INTS, max_size=3)),
    st.tuples(st.just([0.0]), bounds(st.floats(-8, 8)), st.lists(FLOATS, max_size=3).map(np.array)),
)


def within(told: dict[str, Any], value: Any) -> bool:
    """Whether a value is within limits, by the words of the documentation."""
    if isinstance(value, list | np.ndarray):
        return all(within(told, item) for item in value)
    if isinstance(value, str):
        size = len(value.encode())
        length = told.get("min_length", 0) <= size <= told.get("max_length", size)
        return length and value in told.get("choices", [value])
    ranged = {"ge", "gt", "le", "lt", "finite"} & told.keys()
    return (
        not (ranged and math.isnan(value))
        and not ("finite" in told and math.isinf(value))
        and ("ge" not in told or value >= told["ge"])
        and ("gt" not in told or value > told["gt"])
        and ("le" not in told or value <= told["le"])
        and ("lt" not in told or value < told["lt"])
        and ("multiple_of" not in told or value % told["multiple_of"] == 0)
        and value in [*told.get("choices", [value]), *([value] if value != value else [])]
    )


@given(TOLD)
def test_what_is_accepted_is_what_the_limits_say(case: tuple[Any, dict[str, Any], Any]) -> None:
    start, told, value = case
    store = Store()
    store.x = np.array(start) if isinstance(value, np.ndarray) else start
    try:
        structstore.declare(store, "x", **told)
    except structstore.LimitError:
        assert not within(told, start)
        return
    except structstore.InvalidArgumentError:  # no number is within
        return
    assert within(told, start)
    before = store.to_dict()
    try:
        store.x = value
    except structstore.LimitError as error:
        assert not within(told, value), error
        np.testing.assert_equal(store.to_dict(), before)
    else:
        assert within(told, value)
        structstore.declare(store, "x", Meta())
        store.x = value
    store.check()


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.tuples(st.just(0.0), bounds(st.floats(-8, 8)), st.floats(-9, 9)))
def test_the_tool_accepts_the_same(shared: structstore.StructStoreShared, name: str, case: tuple[Any, Any, Any]) -> None:
    start, told, value = case
    tool = [sys.executable, "-m", "structstore"]
    shared.x = start
    options = [f"--{name}={bound!r}" for name, bound in told.items()]
    declared = subprocess.run([*tool, "declare", name, "x", "--clear", *options], capture_output=True, check=False)
    if declared.returncode == 0:
        assert within(told, start)
        done = subprocess.run([*tool, "set", name, "x", "--", repr(value)], capture_output=True, check=False)
        assert (done.returncode == 0) == within(told, value), done.stderr
    structstore.declare(shared, "x")
