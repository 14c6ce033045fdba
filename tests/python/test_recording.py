"""Recordings as Python makes and reads them. What is in a file is tested in structstore-record."""

import json
import os
import signal
import time
from pathlib import Path
from typing import Any

import jsonschema
import numpy as np
import pytest
from mcap.reader import make_reader

import structstore
from structstore import StructStore, StructStoreShared


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "run.mcap"


def seen(recording: structstore.Recording, many: int) -> None:
    """Waits for so many messages."""
    limit = time.monotonic() + 120
    while recording.messages < many:
        assert time.monotonic() < limit and recording.running
        time.sleep(0.001)


def test_a_store_is_recorded_and_read(store: StructStore, name: str, file: Path) -> None:
    store.pose = {"x": 0.5, "frame": "map"}
    store.gains = np.arange(3, dtype=np.float32)
    with structstore.record(store, file, rate=1000) as recording:
        seen(recording, 3)
        for x in range(1, 5):
            store.pose.x = float(x)
            seen(recording, 3 + x)
        store.gains = np.arange(3, 6, dtype=np.float32)
        recording.mark("the end")
        assert recording.running and repr(recording).startswith("<structstore.Recording, running, ")
    assert not recording.running and recording.missed == 0 and recording.messages == 9
    recording.close()
    recording.mark("after it")
    run = structstore.read(file)
    assert run.finished and run.duration > 0 and abs(run.start - time.time()) < 3600
    assert run.store == (name if isinstance(store, StructStoreShared) else None)
    assert run.topics == {"/": 1, "/pose": 5, "/gains": 2, "/structstore.marks": 1}
    times, x = run["pose.x"]
    assert isinstance(x, np.ndarray) and x.tolist() == [0.5, 1.0, 2.0, 3.0, 4.0]
    assert np.all(np.diff(times) > 0) and times[-1] <= run.duration
    _, gains = run["gains"]
    assert isinstance(gains, np.ndarray) and gains.dtype == np.float32
    assert gains.tolist() == [[0, 1, 2], [3, 4, 5]]
    assert run["pose.frame"][1] == ["map"] * 5
    assert run.at(0) == {"pose": {"x": 0.5, "frame": "map"}, "gains": run.at(0).gains}
    assert run.at(run.duration).pose == store.pose and run.at(times[2] + 1e-6).pose.x == 2.0
    with pytest.raises(structstore.NotFoundError, match="pose.y: nothing is recorded"):
        run["pose.y"]
    with pytest.raises(KeyError):
        run["nothing"]


def test_a_recording_is_played(local: StructStore, file: Path) -> None:
    local.imu = structstore.Stream(dtype=[("t", "f8"), ("acc", "f4", 3)], depth=100)
    local.n = 1
    with structstore.record(local, file) as recording:
        for at in range(50):
            local.imu.publish((at, (at, 0, 1)))
        local.n = 2
        seen(recording, 52)
    run = structstore.read(file)
    assert run["imu.t"][1].tolist() == list(range(50))  # type: ignore[union-attr]
    assert run["imu"][1][3] == {"t": 3.0, "acc": pytest.approx([3, 0, 1])}
    other = StructStore()
    run.replay(other, speed=1000)
    assert other.n == 2
    assert np.array_equal(other.imu.history(100).data, local.imu.history(100).data)
    run.replay(other, speed=1000, topics=["/imu"])
    assert other.n == 1


def test_other_programs_read_it(local: StructStore, file: Path) -> None:
    """The reader of PyPI's mcap finds what it needs, and every message is as its schema says."""
    local.imu = structstore.Stream(dtype=[("t", "f8"), ("acc", "f4", 3)], depth=10)
    local.image, local.part = np.zeros((4, 6, 3), np.uint8), {"nan": float("nan"), "big": 2**63, "list": [1, "two", None]}
    with structstore.record(local, file) as recording:
        local.imu.publish((0.5, (1, 2, 3)))
        local.part.list.append(b"bytes")
        recording.mark("here")
    found: dict[str, list[Any]] = {}
    with file.open("rb") as stream:
        reader = make_reader(stream, validate_crcs=True)
        assert reader.get_summary().statistics.attachment_count == 1
        for schema, channel, message in reader.iter_messages():
            assert (schema.encoding, channel.message_encoding) == ("jsonschema", "json")
            value = json.loads(message.data)
            jsonschema.validate(value, json.loads(schema.data))
            found.setdefault(f"{channel.topic} {schema.name}", []).append(value)
    assert set(found) == {
        "/ /", "/part /part", "/image foxglove.RawImage", "/imu structstore.Sample", "/structstore.marks structstore.Mark",
    }
    image = found["/image foxglove.RawImage"][0]
    assert (image["width"], image["height"], image["encoding"]) == (6, 4, "rgb8")
    assert found["/part /part"][0]["big"] == 2**63
    assert found["/imu structstore.Sample"] == [{"t": 0.5, "acc": {"$array": [1, 2, 3], "dtype": "f32"}}]


def test_only_what_is_asked_for_is_recorded(local: StructStore, file: Path) -> None:
    local.arm, local.other, local.image = {"angle": 1.0}, 5, np.zeros((2, 2, 3), np.uint8)
    with structstore.record(local, file, paths=["arm", "image"], arrays=False):
        local.image = np.ones((2, 2, 3), np.uint8)
    run = structstore.read(file)
    assert set(run.topics) == {"/", "/arm"} and run.at(run.duration) == {"arm": {"angle": 1.0}}


def test_an_interrupt_ends_a_replay(local: StructStore, file: Path) -> None:
    local.n = 0
    with structstore.record(local, file) as recording:
        seen(recording, 1)
        time.sleep(0.2)
        local.n = 1
        seen(recording, 2)
    signal.signal(signal.SIGALRM, lambda *_: (_ for _ in ()).throw(InterruptedError))
    signal.setitimer(signal.ITIMER_REAL, 0.1)
    with pytest.raises(InterruptedError):
        structstore.read(file).replay(StructStore(), speed=1e-6)
    signal.signal(signal.SIGALRM, signal.SIG_DFL)


def test_a_forked_child_does_not_record(local: StructStore, file: Path) -> None:
    local.n = 0
    with structstore.record(local, file) as recording:
        pid = os.fork()
        if pid == 0:
            recording.mark("of the child")
            recording.close()
            os._exit(0 if not recording.running else 1)
        assert os.waitpid(pid, 0)[1] == 0
        local.n = 1
    run = structstore.read(file)
    assert run.finished and run.at(run.duration).n == 1 and "/structstore.marks" not in run.topics


def test_the_end_of_a_store_ends_its_recording(name: str, file: Path) -> None:
    store = StructStoreShared(name)
    store.n = 1
    observer = StructStoreShared(name, observe=True)
    with structstore.record(observer, file) as recording:
        store.close()
        limit = time.monotonic() + 120
        while recording.running:
            assert time.monotonic() < limit
            time.sleep(0.001)
    assert structstore.read(file).at(0).n == 1


def test_what_makes_no_sense_is_refused(local: StructStore, file: Path) -> None:
    wrong: list[tuple[dict[str, Any], str]] = [
        ({"rate": 0}, "rate: found 0, expected a number from 0.01 to 10000"),
        ({"arrays": "all"}, "arrays: found all, expected a bool or a number from 1"),
        ({"paths": ["a..b"]}, "a..b"),
        ({"split": 0}, "split: found 0, expected a number of bytes from 1"),
    ]
    for arguments, message in wrong:
        with pytest.raises(structstore.Error, match=message):
            structstore.record(local, file, **arguments)
    assert not file.exists()
    with pytest.raises(FileNotFoundError) as missing:
        structstore.read(file)
    assert missing.value.filename == str(file) or missing.value.filename == file
    file.write_bytes(b"mine")
    with pytest.raises(FileExistsError):
        structstore.record(local, file)
    with pytest.raises(structstore.CorruptError, match="this is no MCAP file"):
        structstore.read(file)
    assert file.read_bytes() == b"mine"
    file.unlink()
    with structstore.record(local, file):
        pass
    with pytest.raises(structstore.InvalidArgumentError, match="speed: found 0, expected a number above 0"):
        structstore.read(file).replay(local, speed=0)


def test_a_black_box_is_saved(local: StructStore, tmp_path: Path) -> None:
    local.fault = False
    local.force = structstore.Stream(dtype="f8", depth=10)
    with structstore.record(local, tmp_path / "{time}.mcap", when="fault == true or force > 5", last=0.5, after=0) as recording:
        local.force.publish(1.0)
        local.fault = True
        while len(recording.files) < 1:
            time.sleep(0.001)
        recording.save("asked")
        while len(recording.files) < 2:
            time.sleep(0.001)
        local.force.publish(6.0)
    files = recording.files
    assert files == sorted(tmp_path.iterdir()) and isinstance(files[0], Path)
    marks = [[text for _, text in structstore.read(file).marks] for file in files]
    assert marks[0][-1] == "fault == true or force > 5" and marks[1][-1] == "asked"
    assert structstore.read(files[0])["force"][1].tolist() == [1.0]  # type: ignore[union-attr]
    with structstore.record(local, tmp_path / "one.mcap", after=0) as recording:
        recording.save("once")
        while recording.running:
            time.sleep(0.001)
    assert recording.files == [tmp_path / "one.mcap"]
    for arguments in ({"when": "fault"}, {"last": -1.0}, {"last": 5, "split": 1000}, {"streams": 3}):
        with pytest.raises(structstore.InvalidArgumentError):
            structstore.record(local, tmp_path / "other.mcap", **arguments)  # type: ignore[arg-type]


def test_tables_have_a_column_for_each_field(local: StructStore, file: Path) -> None:
    local.imu = structstore.Stream(dtype=[("t", "i8"), ("acc", "f4", 3)], depth=100)
    local.pose = {"x": 0.5, "frame": "map", "items": [1, "two"], "inner": {"y": 1}}
    local.image = np.zeros((10, 10), np.uint8)
    local.gains = np.arange(4.0).reshape(2, 2)
    with structstore.record(local, file, rate=1000) as recording:
        for at in range(3):
            local.imu.publish((at, (at, 0, 1)))
        seen(recording, 8)
        local.pose.late = 7
        seen(recording, 9)
    run = structstore.read(file)
    frame = run.to_pandas("imu")
    assert list(frame.columns) == ["t", "acc[0]", "acc[1]", "acc[2]"] and frame.index.name == "time"
    assert frame["t"].dtype == np.int64 and frame["t"].tolist() == [0, 1, 2] and frame["acc[2]"].tolist() == [1, 1, 1]
    assert frame.index.tolist() == run["imu"][0].tolist()
    table = run.to_arrow("pose")
    assert table.column_names == ["time", "x", "frame", "items", "late"]
    assert table["late"].to_pylist() == [None, 7] and table["late"].type == "int64"
    assert table["items"].to_pylist() == ['[1, "two"]'] * 2
    assert run.to_pandas("pose")["items"][0:1].tolist() == [[1, "two"]]
    assert run.to_pandas("pose.x").columns.tolist() == ["x"]
    assert run.to_pandas("pose.inner").columns.tolist() == ["y"]
    assert run.to_pandas("gains").columns.tolist() == ["gains[0, 0]", "gains[0, 1]", "gains[1, 0]", "gains[1, 1]"]
    assert len(run.to_arrow("image")["image"][0].as_py()) == 10
    with pytest.raises(structstore.NotFoundError, match="none: nothing is recorded"):
        run.to_pandas("none")
