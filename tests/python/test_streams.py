"""Streams: published to, followed and read, within one process and across several."""

import asyncio
import dataclasses
import enum
import gc
import multiprocessing
import os
import threading
import time
from typing import Annotated, Any, Literal

import numpy as np
import pytest
import structstore


@dataclasses.dataclass
class Pose:
    x: float
    q: tuple[np.float32, np.float32]


class Kind(enum.Enum):
    ARM = "arm"
    LEG = "leg"


@dataclasses.dataclass
class Robot:
    mode: Literal["idle", "running"]
    kind: Kind
    speed: Annotated[float, structstore.Meta(ge=0, unit="m/s")]
    pose: Pose


@dataclasses.dataclass
class State:
    cycle: int
    ok: bool
    pose: Pose


Store = structstore.StructStore

IMU: Any = [("t", "f8"), ("acc", "f4", 3)]


def test_records_are_published_and_read(store: Store) -> None:
    store.imu = structstore.Stream(dtype=IMU, depth=100)
    imu = store.imu
    assert isinstance(imu, structstore.StructStoreStream)
    assert (imu.depth, imu.shape, imu.dtype) == (100, (), np.dtype(IMU))
    with pytest.raises(structstore.NoSampleError, match="imu: no sample has been published yet"):
        imu.latest()
    before = time.monotonic_ns()
    for step in range(5):
        assert imu.publish((step / 10, (0, step, 9.81))) == step
    sample = imu.latest()
    assert (sample.seq, sample.missed) == (4, 0)
    assert before <= sample.time <= time.monotonic_ns() and 0 <= sample.age < 60
    assert sample.value["t"] == 0.4 and sample.array.shape == ()
    np.testing.assert_allclose(sample.value["acc"], [0, 4, 9.81], rtol=1e-6)
    rows = imu.history(3)
    assert rows.dtype == imu.dtype and rows.shape == (3,)
    np.testing.assert_array_equal(rows["t"], [0.2, 0.3, 0.4])
    seqs, times, again = imu.history(10, index=True)
    assert list(seqs) == [0, 1, 2, 3, 4] and len(times) == len(again) == 5
    assert list(imu.since(3)["t"]) == [0.3, 0.4]
    assert imu.publish({"t": 1.0, "acc": [1, 2, 3]}, time=7) == 5
    assert (imu.latest().time, imu.latest().value["t"]) == (7, 1.0)
    assert repr(imu) == "<structstore.StructStoreStream, 6 samples, depth 100>"
    assert repr(imu.latest()).startswith("<structstore.Sample 5: ")


def test_numbers_and_arrays_are_samples(store: Store) -> None:
    store.speed = structstore.Stream(depth=3)
    store.speed.publish(2)
    assert store.speed.latest().value == 2.0 and isinstance(store.speed.latest().value, float)
    store.count = structstore.Stream(np.uint8, depth=3)
    store.count.publish(255)
    assert store.count.latest().value == 255
    for wrong in [256, -1]:
        with pytest.raises(OverflowError):
            store.count.publish(wrong)
    for wrong in [1.5, "text", [1], None]:
        with pytest.raises((structstore.WrongTypeError, TypeError, ValueError)):
            store.count.publish(wrong)
    assert store.count.published == 1
    store.joints = structstore.Stream(np.float32, (2, 3), depth=3)
    store.joints.publish(np.arange(6.0).reshape(2, 3))
    np.testing.assert_array_equal(store.joints.latest().array, [[0, 1, 2], [3, 4, 5]])
    with pytest.raises(structstore.WrongTypeError, match=r"found the shape \[6\], expected \[2, 3\]"):
        store.joints.publish(np.zeros(6))
    assert store.joints.history(9).shape == (1, 2, 3)


def test_dataclasses_are_records(store: Store) -> None:
    store.state = structstore.Stream(State, depth=4)
    assert store.state.dtype == np.dtype(
        [("cycle", "i8"), ("ok", "?"), ("pose", [("x", "f8"), ("q", "f4", 2)])]
    )
    store.state.publish(State(3, True, Pose(0.5, (1, 2))))
    found = store.state.latest().value
    assert found["cycle"] == 3 and found["ok"] and found["pose"]["x"] == 0.5
    assert list(found["pose"]["q"]) == [1, 2]
    with pytest.raises(structstore.WrongTypeError, match="expected"):
        store.state.publish({"cycle": 3})

    store.robot = structstore.Stream(Robot, depth=4)
    robot = store.robot
    assert robot.dtype == np.dtype([("mode", "U7"), ("kind", "U3"), ("speed", "f8"), ("pose", [("x", "f8"), ("q", "f4", 2)])])
    assert robot.metas["speed"] == structstore.Meta(ge=0.0, unit="m/s")
    assert robot.metas["mode"].choices == ("idle", "running")
    robot.publish(Robot("running", Kind.ARM, 1.5, Pose(0.5, (1, 2))))
    found = robot.latest().value
    assert (found["mode"], found["kind"], found["speed"]) == ("running", "arm", 1.5)
    robot.publish(("idle", "leg", -1.0, (0.5, (1, 2))))
    for wrong in [("walking", "x" * 4, 0.0, (0.0, (1, 2))), {"mode": "x" * 8, "kind": "", "speed": 0, "pose": (0, (0, 0))}]:
        with pytest.raises(ValueError, match="expected at most"):
            robot.publish(wrong)
    assert robot.published == 2

    @dataclasses.dataclass
    class Named:
        name: str

    with pytest.raises(TypeError, match=r"Named.name: found <class 'str'>, expected float"):
        structstore.Stream(Named, depth=4)


def test_samples_of_records_lose_nothing(store: Store) -> None:
    store.imu = structstore.Stream(IMU, depth=4)
    imu = store.imu
    for right in [
        (1, [1, 2, 3]),
        (np.float32(1), np.array([1, 2, 3])),
        np.array((1, (1, 2, 3)), [("t", "f4"), ("acc", "f8", 3)]),
        {"t": True, "acc": (1.0, 2, np.int8(3))},
    ]:
        imu.publish(right)
        assert imu.latest().value["t"] == 1 and list(imu.latest().value["acc"]) == [1, 2, 3]
    for wrong, found in [
        (5, "found int64, expected"),
        (np.zeros(3), r"found the shape \(3,\), expected \(\)"),
        (np.zeros((), [("x", "f8"), ("acc", "f4", 3)]), "found .*'x'"),
        ((1, 1), r"acc: found the shape \(\), expected \(3,\)"),
        ((1, (1, 2)), "acc: found 2 items, expected 3"),
        ((1, (1, 2, "3")), "acc: found <U1, expected float32"),
        ((1, (1, 2, 3), 4), "found 3 fields, expected 2"),
        ((None, (1, 2, 3)), "t: found object, expected float64"),
        ({"t": 1}, "found the fields .'t'., expected .'t', 'acc'."),
    ]:
        with pytest.raises(structstore.WrongTypeError, match=f"a sample: {found}"):
            imu.publish(wrong)
    assert imu.published == 4
    store.counts = structstore.Stream([("n", "i4"), ("inner", [("m", "u1", (2, 2))])], (2,), depth=2)
    counts = store.counts
    counts.publish([(1, (((1, 2), (3, 4)),)), {"n": 2, "inner": {"m": np.ones((2, 2), np.uint8)}}])
    assert list(counts.latest().array["n"]) == [1, 2]
    for wrong, found in [
        ([(1.5, (((1, 2), (3, 4)),))] * 2, "n: found float64, expected int32"),
        ([(1, (((1, 2), (3, 4.5)),))] * 2, "m: found float64, expected uint8"),
        ([(1, (np.eye(3, dtype=np.uint8),))] * 2, r"m: found the shape \(3, 3\), expected \(2, 2\)"),
        ([(1, (((1, 2), (3, 4)),))], "found 1 items, expected 2"),
    ]:
        with pytest.raises(structstore.WrongTypeError, match=f"a sample: {found}"):
            counts.publish(wrong)
    with pytest.raises(OverflowError):
        counts.publish([(1, (((1, 2), (3, 256)),))] * 2)
    store.text = structstore.Stream("U3", depth=2)
    store.text.publish("abc")
    with pytest.raises(structstore.InvalidArgumentError, match="found 'abcd', expected at most 3 characters"):
        store.text.publish("abcd")
    assert (counts.published, store.text.latest().value) == (1, "abc")


def test_what_is_asked_for_has_to_make_sense() -> None:
    for arguments in [{"depth": 0}, {"depth": 2**27}, {"dtype": "O", "depth": 1}, {"shape": (0,), "depth": 1}]:
        with pytest.raises((structstore.InvalidArgumentError, structstore.UnsupportedError)):
            structstore.Stream(**arguments)
    with pytest.raises(TypeError):
        structstore.Stream("f8")


def test_frames_are_filled_and_read_in_place(store: Store) -> None:
    store.left = structstore.Stream(dtype=np.uint8, shape=(480, 640), depth=2)
    left = store.left
    for value in range(10):
        with left.loan() as pixels:
            assert pixels.shape == (480, 640)
            pixels[:] = value
        assert not pixels.flags.writeable
        frame = left.latest()
        assert frame.seq == value and (frame.array == value).all()
    assert not frame.array.flags.writeable
    with pytest.raises(ZeroDivisionError), left.loan() as pixels:
        pixels[:] = 99
        1 / 0
    assert left.published == 10
    kept = frame.array[5:]
    del frame
    for value in range(10, 30):
        left.publish(np.full((480, 640), value, np.uint8))
    assert (kept == 9).all()
    # Who keeps all frames keeps the publisher from filling one.
    frames = []
    with pytest.raises(structstore.FramesPinnedError):
        for value in range(10):
            frames.append(left.latest())
            left.publish(np.full((480, 640), value, np.uint8))
    del frames, kept
    gc.collect()
    left.publish(np.full((480, 640), 1, np.uint8))
    assert left.history(2).shape == (2, 480, 640)


def test_a_loan_is_for_frames(store: Store) -> None:
    store.speed = structstore.Stream(depth=2)
    with pytest.raises(structstore.WrongTypeError, match="speed: "), store.speed.loan():
        pass


def test_a_loan_that_is_dropped_writes_nothing(store: Store) -> None:
    store.frames = structstore.Stream("i8", 1000, depth=2)
    frames = store.frames
    loan = frames.loan()
    array = loan.__enter__()
    with pytest.raises(structstore.FramesPinnedError, match="filling"):
        frames.release()
    with pytest.raises(RuntimeError, match="being filled already"):
        loan.__enter__()
    array[:] = 1
    del loan
    gc.collect()
    with pytest.raises(ValueError, match="read-only"):
        array[:] = 2
    assert frames.published == 0
    frames.release()


def test_followers_get_each_sample_and_count_what_they_missed(store: Store) -> None:
    store.speed = structstore.Stream(depth=3)
    speed = store.speed
    follow = speed.follow()
    assert follow.next(timeout=0) is None
    for step in range(10):
        speed.publish(step)
    sample = follow.next()
    assert (sample.value, sample.seq, sample.missed) == (7.0, 7, 7)
    assert [follow.next(0).value for _ in range(2)] == [8.0, 9.0]
    assert speed.follow("newest").next(0).value == 9.0
    assert speed.follow("oldest").next(0).value == 7.0
    assert speed.follow(8).next(0).value == 8.0
    with pytest.raises(structstore.InvalidArgumentError, match="start"):
        speed.follow("first")
    seen: list[float] = []

    def read() -> None:
        for sample in follow:
            seen.append(sample.value)
            if sample.value == 12.0:
                break

    reader = threading.Thread(target=read)
    reader.start()
    for step in range(10, 13):
        speed.publish(step)
        time.sleep(0.001)
    reader.join(60)
    assert seen[-1] == 12.0
    # Closing ends a loop that waits.
    reader = threading.Thread(target=lambda: list(follow))
    reader.start()
    follow.close()
    reader.join(60)
    assert not reader.is_alive()


def test_snapshots_hold_all_samples_on_demand(store: Store) -> None:
    store.speed = structstore.Stream(depth=3)
    for value in range(5):
        store.speed.publish(value)
    for options, expected in [({}, [4.0]), ({"samples": True}, [2.0, 3.0, 4.0])]:
        other = structstore.StructStore()
        other.from_bytes(store.to_bytes(**options))
        assert list(other.speed.history(9)) == expected
    with pytest.raises(TypeError):
        store.to_bytes(True)


def test_waiting_for_several(store: Store) -> None:
    with pytest.raises(TypeError, match="streams: found none"):
        structstore.wait()
    store.left, store.right = structstore.Stream(depth=3), structstore.Stream(depth=3)
    left, right = store.left.follow(), store.right.follow()
    assert not structstore.wait(left, right, timeout=0.001)
    threading.Timer(0.01, store.right.publish, (0.5,)).start()
    assert structstore.wait(left, right)
    assert structstore.wait(right, timeout=0)
    assert left.next(0) is None and right.next(0).value == 0.5
    assert not structstore.wait(store.right, timeout=0.001)
    with pytest.raises(TypeError, match="streams: found int"):
        structstore.wait(5)
    store.none = structstore.Stream(depth=3)
    threading.Timer(0.01, store.none.publish, (1.5,)).start()
    assert store.none.latest(timeout=60).value == 1.5


def test_async_for(store: Store) -> None:
    store.speed = structstore.Stream(depth=10)

    async def read() -> list[float]:
        seen: list[float] = []
        follow = store.speed.follow()
        store.speed.publish(1)
        async for sample in follow:
            seen.append(sample.value)
            if len(seen) == 3:
                break
            store.speed.publish(sample.value + 1)
        return seen

    assert asyncio.run(asyncio.wait_for(read(), 60)) == [1.0, 2.0, 3.0]


def test_a_removed_stream_is_stale(store: Store) -> None:
    store.speed = structstore.Stream(depth=10)
    speed = store.speed
    speed.publish(1)
    store.speed = structstore.Stream(depth=10)
    assert speed.publish(2) == 1, "an equal stream is the same"
    store.speed = structstore.Stream(depth=11)
    for act in [lambda: speed.publish(3), speed.latest, lambda: speed.history(1), lambda: speed.follow().next(0)]:
        with pytest.raises(structstore.StaleHandleError, match="speed: "):
            act()
    store.check()


def test_a_store_shows_the_newest_sample(store: Store) -> None:
    store.imu = structstore.Stream(dtype=IMU, depth=4)
    assert str(store) == '{"imu": null}'
    store.imu.publish((0.5, (1, 2, 3)))
    assert str(store) == '{"imu": {"t": 0.5, "acc": [1.0, 2.0, 3.0]}}'
    assert store.to_dict()["imu"]["t"] == 0.5
    other = structstore.StructStore.from_bytes(store.to_bytes())
    assert other.imu.latest().value["t"] == 0.5 and other.imu.dtype == store.imu.dtype
    changes = store.watch()
    store.imu.publish((0.6, (1, 2, 3)))
    assert changes.changes() == ["imu"]


def _publish(name: str, count: int, ready: Any) -> None:
    shared = structstore.StructStoreShared(name)
    for step in range(count):
        shared.words.publish(np.full(8, step))
        with shared.frames.loan() as frame:
            frame[:] = step
    ready.set()
    time.sleep(60)


def test_processes_take_turns(name: str) -> None:
    shared = structstore.StructStoreShared(name)
    shared.words = structstore.Stream("i8", 8, depth=64)
    shared.frames = structstore.Stream("i8", 1000, depth=4)
    spawn = multiprocessing.get_context("spawn")
    ready = spawn.Event()
    child = spawn.Process(target=_publish, args=(name, 10, ready))
    child.start()
    words, frames = shared.words.follow(0), shared.frames.follow(0)
    try:
        assert ready.wait(60)
        got = 0
        while got < 10:
            sample = words.next(60)
            assert (sample.array == sample.seq).all() and sample.missed == 0
            got += 1
        last = None
        while (sample := frames.next(0)) is not None:
            assert (sample.array == sample.seq).all()
            last = sample.seq
        assert last == 9
        with pytest.raises(structstore.PublisherError, match=f"process {child.pid} publishes"):
            shared.words.publish(np.zeros(8, int))
        assert shared.words.publisher == child.pid
    finally:
        child.kill()
        child.join()
    assert shared.words.publish(np.zeros(8, int)) == 10
    with shared.frames.loan() as frame:
        frame[:] = 5
    assert shared.frames.published == 11
    shared.check()


def test_a_forked_child_publishes_nothing_and_keeps_its_frames(name: str) -> None:
    shared = structstore.StructStoreShared(name)
    shared.frames = structstore.Stream("i8", 1000, depth=2)
    frames = shared.frames
    frames.publish(np.zeros(1000, int))
    frame = frames.latest()
    go, went = os.pipe(), os.pipe()
    child = os.fork()
    if child == 0:
        status = 1
        try:
            try:
                frames.publish(np.ones(1000, int))
            except structstore.PublisherError:
                os.write(went[1], b"x")
                os.read(go[0], 1)
                status = 0 if (frame.array == 0).all() and frames.latest().value[0] == 20 else 2
        finally:
            os._exit(status)
    assert os.read(went[0], 1) == b"x"
    del frame
    gc.collect()
    # The child still has the frame that it inherited.
    for value in range(1, 21):
        frames.publish(np.full(1000, value))
    os.write(go[1], b"x")
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    shared.check()


def test_observers_and_read_only_stores_read(name: str) -> None:
    shared = structstore.StructStoreShared(name)
    shared.speed = structstore.Stream(depth=4)
    shared.frames = structstore.Stream("i8", 1000, depth=2)
    shared.speed.publish(1)
    shared.frames.publish(np.full(1000, 3))
    for observe in [False, True]:
        reader = structstore.StructStoreShared(name, create=False, observe=observe, read_only=not observe)
        assert reader.speed.latest().value == 1.0 and (reader.frames.latest().array == 3).all()
        with pytest.raises(structstore.ReadOnlyError):
            reader.speed.publish(2)
        follow = reader.speed.follow("oldest")
        assert follow.next(60).value == 1.0
        shared.speed.publish(1)
        reader.close()

