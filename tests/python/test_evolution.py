"""Programs of two versions on stores that either of them has made: classes that gained, renamed and widened something."""

import dataclasses
import enum
import threading
import typing
from typing import Annotated, Any

import numpy as np
import numpy.typing as npt
import pytest

import structstore
from structstore import Meta, StructStore, StructStoreShared, bind, created, undeclare, versioned


class OldMode(enum.Enum):
    IDLE = "idle"
    LEGACY = "legacy"


@dataclasses.dataclass
class OldFault:
    code: int
    text: str = "hot"


@dataclasses.dataclass
class OldGains:
    kp: np.float32 = np.float32(0.5)
    tau: float = 0.25


@dataclasses.dataclass
class OldArm:
    gains: OldGains = dataclasses.field(default_factory=OldGains)
    faults: list[OldFault] = dataclasses.field(default_factory=list)
    last: OldFault | None = None
    named: dict[str, OldFault] = dataclasses.field(default_factory=dict)
    mode: OldMode = OldMode.IDLE
    cycle: np.uint32 = np.uint32(0)
    speed: Annotated[float, Meta(ge=0, le=10)] = 1.0


class NewMode(enum.Enum):
    IDLE = "idle"
    PAUSED = "paused"


@dataclasses.dataclass
class NewFault:
    code: int
    text: str = "hot"
    severity: int = 3


@dataclasses.dataclass
class NewGains:
    kp: Annotated[np.float64, Meta(widened=True)] = np.float64(0.5)
    time_constant: Annotated[float, Meta(alias="tau")] = 0.25


@dataclasses.dataclass
class NewArm:
    gains: NewGains = dataclasses.field(default_factory=NewGains)
    faults: list[NewFault] = dataclasses.field(default_factory=list)
    last: NewFault | None = None
    named: dict[str, NewFault] = dataclasses.field(default_factory=dict)
    mode: NewMode = NewMode.IDLE
    cycle: Annotated[np.uint64, Meta(widened=True)] = np.uint64(0)
    speed: Annotated[float, Meta(ge=0, le=5)] = 1.0
    label: str = ""


def old_arm() -> OldArm:
    return OldArm(
        gains=OldGains(np.float32(1.5), 0.75),
        faults=[OldFault(7), OldFault(8)],
        last=OldFault(9),
        named={"left": OldFault(10)},
        cycle=np.uint32(41),
        speed=4.0,
    )


def new_arm() -> NewArm:
    return NewArm(
        gains=NewGains(np.float64(1.5), 0.75),
        faults=[NewFault(7), NewFault(8)],
        last=NewFault(9),
        named={"left": NewFault(10)},
        cycle=np.uint64(41),
        speed=4.0,
    )


def test_all_that_does_not_fit_is_in_one_exception(store: StructStore) -> None:
    store.arm = old_arm()
    bind(store.arm, OldArm)
    before = store.to_bytes()
    with pytest.raises(structstore.WrongTypeError) as caught:
        bind(store.arm, NewArm)
    assert [str(error) for error in caught.value.errors] == [
        "arm.gains.kp: found f32, expected f64; `bind` with `widen` converts it",
        "arm.cycle: found u32, expected u64; `bind` with `widen` converts it",
    ]
    assert [error.path for error in caught.value.errors] == ["arm.gains.kp", "arm.cycle"]
    assert all(isinstance(error, structstore.WrongTypeError) for error in caught.value.errors)
    assert str(caught.value).startswith("2 fields do not fit:\n  arm.gains.kp: found f32")
    assert caught.value.path == "arm.gains.kp"
    assert structstore.Error("one").errors == ()
    assert store.to_bytes() == before


def test_both_programs_run_on_an_old_store(store: StructStore) -> None:
    store.arm = old_arm()
    old = bind(store.arm, OldArm)
    assert created(old) == {}
    new = bind(store.arm, NewArm, widen=True)
    assert created(new) == {
        "faults[*].severity": 2,
        "last.severity": 1,
        "named.*.severity": 1,
        "label": 1,
    }
    assert store.arm.to(NewArm) == new_arm()

    # The one that runs goes on, and can be started again.
    again = bind(store.arm, OldArm)
    assert created(again) == {}
    for at, arm in enumerate((old, again)):
        assert (arm.gains.kp, arm.gains.tau, arm.cycle) == (1.5, 0.75, 41 + at)
        assert type(arm.cycle) is np.uint32
        arm.cycle += np.uint32(1)
    assert new.cycle == 43

    # Both names are of one field.
    new.gains.time_constant = 0.5
    assert (old.gains.tau, store.arm.gains.tau, store.arm.gains["time_constant"]) == (0.5, 0.5, 0.5)
    old.gains.tau = 0.75
    assert new.gains.time_constant == 0.75
    assert list(store.arm.gains) == ["kp", "time_constant"]
    assert "tau" in store.arm.gains
    assert structstore.meta(store.arm.gains, "tau").alias == ("tau",)

    new.cycle = np.uint64(5_000_000_000)
    with pytest.raises(structstore.OutOfRangeError, match="arm.cycle: 5000000000 does not fit"):
        _ = old.cycle
    assert bind(store.arm, OldArm).gains.tau == 0.75


def test_both_programs_run_on_a_new_store(store: StructStore) -> None:
    store.arm = new_arm()
    new = bind(store.arm, NewArm)
    old = bind(store.arm, OldArm)
    assert (old.gains.kp, old.gains.tau, old.cycle, old.speed) == (1.5, 0.75, 41, 4.0)
    assert [fault["code"] for fault in old.faults] == [7, 8]
    assert created(bind(store.arm, NewArm)) == {}
    assert store.arm.to(NewArm) == new_arm()
    assert new.cycle == 41


def test_variants_of_both_programs_are_choices(store: StructStore) -> None:
    store.arm = {}
    old, new = bind(store.arm, OldArm), bind(store.arm, NewArm, widen=True)
    new.mode = NewMode.PAUSED
    with pytest.raises(structstore.WrongTypeError, match="arm.mode: found 'paused', expected 'idle' or 'legacy'"):
        _ = old.mode
    assert old.speed == 1.0
    bind(store.arm, OldArm).mode = OldMode.LEGACY
    bind(store.arm, NewArm).mode = NewMode.PAUSED
    with pytest.raises(structstore.LimitError):
        store.arm.mode = "pausde"


def test_a_value_outside_of_tighter_limits_is_reported(store: StructStore) -> None:
    store.arm = {}
    bind(store.arm, OldArm).speed = 7.5
    with pytest.raises(structstore.LimitError, match="arm.speed: found 7.5, expected a number from 0.0 to 5.0"):
        bind(store.arm, NewArm, widen=True)
    store.arm.speed = 4.5
    bind(store.arm, NewArm, widen=True)


def test_an_alias_of_another_field_is_refused(store: StructStore) -> None:
    store.update(time_constant=0.5, tau=0.75)
    with pytest.raises(structstore.AlreadyExistsError, match="time_constant: its alias \"tau\" is the name of another"):
        bind(store, NewGains)
    del store["tau"]
    gains = bind(store, NewGains)
    structstore.declare(store, "time_constant", alias=["tau", "t"])
    store.t = 1.0
    assert gains.time_constant == store.tau == 1.0
    with pytest.raises(structstore.DeclaredError):
        del store["tau"]


def test_classes_that_contain_themselves(store: StructStore) -> None:
    store.root = {"children": [{"children": [], "parent": None, "named": {}}]}
    tree = bind(store.root, Tree)
    assert created(tree) == {"name": 1, "parent": 1, "named": 1}
    assert len(tree.children) == 1


@dataclasses.dataclass
class Tree:
    name: str = ""
    parent: "Tree | None" = None
    children: "list[Tree]" = dataclasses.field(default_factory=list)
    named: "dict[str, Tree]" = dataclasses.field(default_factory=dict)


def test_undeclared_fields_are_ordinary(store: StructStore) -> None:
    store.arm = {}
    arm = bind(store.arm, OldArm)
    with pytest.raises(structstore.BoundError):
        undeclare(store.arm, "gains")
    del arm
    undeclare(store.arm, "gains")
    store.arm.gains.kp = "high"
    del store.arm.gains
    undeclare(store, "arm")
    del store.arm
    with pytest.raises(structstore.NotFoundError):
        undeclare(store, "arm")


CALLS: list[int] = []


def from_millimetres(arm: StructStore, version: int) -> None:
    CALLS.append(version)
    if "speed_mm" in arm:
        undeclare(arm, "speed_mm")
        speed = arm.pop("speed_mm") / 1000
        if speed < 0:
            raise ValueError("a negative speed")
        arm["speed"] = speed


@versioned(1, name="Arm")
@dataclasses.dataclass
class FirstArm:
    speed_mm: float = 0.0


@versioned(2, migrate=from_millimetres, name="Arm")
@dataclasses.dataclass
class SecondArm:
    speed: float = 0.0
    gain: int = 7


@versioned(3, since=2, name="Arm")
@dataclasses.dataclass
class ThirdArm:
    speed: float = 0.0
    gain: int = 7
    label: str = ""


def test_the_first_program_of_a_version_migrates_once(store: StructStore) -> None:
    CALLS.clear()
    store.arm = {}
    first = bind(store.arm, FirstArm)
    first.speed_mm = 1500.0
    before = store.to_bytes()
    # While another program uses what is to go, nothing is changed.
    with pytest.raises(structstore.BoundError):
        bind(store.arm, SecondArm)
    assert store.to_bytes() == before
    first.speed_mm = -1.0
    del first
    before = store.to_bytes()
    with pytest.raises(ValueError, match="a negative speed"):
        bind(store.arm, SecondArm)
    assert store.to_bytes() == before
    store.arm.speed_mm = 1500.0
    store.arm.gain = "high"
    before = store.to_bytes()
    with pytest.raises(structstore.WrongTypeError):
        bind(store.arm, SecondArm)
    assert store.to_bytes() == before
    del store.arm.gain
    CALLS.clear()
    for _ in range(2):
        second = bind(store.arm, SecondArm)
        assert (second.speed, second.gain) == (1.5, 7)
    assert CALLS == [1]
    with pytest.raises(structstore.OtherVersionError) as caught:
        bind(store.arm, FirstArm)
    assert str(caught.value) == (
        "arm: found version 2 of Arm, which programs from version 2 on can bind, expected version 1"
    )
    third = bind(store.arm, ThirdArm)
    second = bind(store.arm, SecondArm)
    second.gain += 1
    assert third.gain == 8
    assert CALLS == [1]


def test_two_programs_of_a_version_migrate_once(shared: StructStoreShared) -> None:
    CALLS.clear()
    shared.store.arm = {"speed_mm": 250.0}
    found: list[float] = []
    threads = [threading.Thread(target=lambda: found.append(bind(shared.store.arm, SecondArm).speed)) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (found, CALLS) == ([0.25] * 8, [0])


def test_who_may_only_read_is_told_of_versions(name: str, shared: StructStoreShared) -> None:
    shared.store.arm = {}
    bind(shared.store.arm, SecondArm)
    with StructStoreShared(name, read_only=True, create=False) as reader:
        assert bind(reader.store.arm, SecondArm).gain == 7
        with pytest.raises(structstore.OtherVersionError, match="found version 2 of Arm, expected version 1"):
            bind(reader.store.arm, FirstArm)
        with pytest.raises(structstore.OtherVersionError, match="a process that may write has to bind it first"):
            bind(reader.store.arm, ThirdArm)


@pytest.mark.parametrize("arguments", [{"version": 0}, {"version": 1, "since": 2}, {"version": 1 << 32}])
def test_versions_that_make_no_sense_are_refused(arguments: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="`version` starts at 1"):
        versioned(**arguments)


def test_a_base_class_gives_no_version(store: StructStore) -> None:
    @dataclasses.dataclass
    class Derived(SecondArm):
        more: int = 1

    assert bind(store, Derived).more == 1
    assert bind(store, FirstArm).speed_mm == 0.0
    with pytest.raises(TypeError):
        created(Derived())
