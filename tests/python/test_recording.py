"""Recordings as Python makes and reads them. What is in a file is tested in structstore-record."""

import contextlib
import itertools
import json
import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import jsonschema
import numpy as np
import pytest
from mcap.reader import make_reader
from mcap.writer import Writer

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
    with pytest.raises(structstore.NotFoundError, match="pose.y: not in this recording"):
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
    assert found["/imu structstore.Sample"] == [{"t": 0.5, "acc": [1, 2, 3]}]


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
        structstore.read(file).replay(StructStore(), speed=0.001)
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
    for speed in (0, -1, 1e-300, 1e300, float("nan"), float("inf")):
        with pytest.raises(structstore.InvalidArgumentError, match="speed: found .*, expected a number from 0.001 to 1000"):
            structstore.read(file).replay(local, speed=speed)


def made(file: Path, source: str, told: dict[str, str], messages: list[bytes]) -> None:
    """A recording that another program has made: one topic."""
    with file.open("wb") as stream:
        writer = Writer(stream)
        writer.start()
        schema = writer.register_schema("other", "jsonschema", b"{}")
        metadata = {f"structstore.{key}": text for key, text in told.items()} | {"structstore.path": "s", "structstore.source": source}
        channel = writer.register_channel("/s", "json", schema, metadata)
        for at, message in enumerate(messages):
            writer.add_message(channel, log_time=at + 1, data=message, publish_time=at + 1)
        writer.finish()


def test_a_damaged_recording_names_the_remedy(file: Path) -> None:
    made(file, "stream", {"dtype": "<f8", "itemsize": "8", "shape": "[]", "depth": "1"}, [b'{"value": 1.5}'] * 10)
    data = bytearray(file.read_bytes())
    data[data.index(b"zstd") + 30] ^= 0x55
    file.write_bytes(data)
    run = structstore.read(file)
    assert run.finished and run.damaged_chunks == 0
    with pytest.raises(structstore.CorruptError, match="`structstore record --repair` keeps what can be read"):
        run["s"]
    # Here that is nothing.
    repair = [sys.executable, "-m", "structstore", "record", "--repair", str(file)]
    refused = subprocess.run(repair, capture_output=True, text=True)
    assert refused.returncode == 4 and "nothing in it can be kept" in refused.stderr
    assert file.read_bytes() == data and [found.name for found in file.parent.iterdir()] == [file.name]


def test_the_size_of_an_item_is_not_believed(file: Path) -> None:
    told = {"dtype": "[('t', '<f8')]", "itemsize": "4000000000", "shape": "[]", "depth": "1"}
    made(file, "stream", told, [b'{"t": 1.5}'] * 10)
    with pytest.raises(structstore.CorruptError, match="/s: found an item size of 4000000000, expected 8"):
        structstore.read(file)["s"]


def test_a_table_that_is_nearly_empty_is_refused(file: Path) -> None:
    made(file, "struct", {}, [b'{"n%d": 1}' % at for at in range(10_000)])
    with pytest.raises(structstore.InvalidArgumentError, match="s: the table has more than .* select a path"):
        structstore.read(file).to_pandas("s")


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


# How often a recorder is killed.
KILLS = 60 if "STRUCTSTORE_EXHAUSTIVE" in os.environ else 4


def test_what_a_killed_recorder_leaves_is_whole(name: str, tmp_path: Path) -> None:
    """While a program in Rust and one in Python write."""
    tool = [sys.executable, "-m", "structstore"]
    played, file = tmp_path / "played.mcap", tmp_path / "run.mcap"
    source = StructStore(rust={"a": 0, "b": 0})
    with structstore.record(source, played, paths=["rust"], rate=1000) as recording:
        for at in range(1, 200):
            source.rust.update({"a": at, "b": -at})
            time.sleep(0.001)
    seen(recording, 1)
    draws = random.Random(3)
    with contextlib.ExitStack() as stack:
        # A replay is the program in Rust.
        replay = subprocess.Popen([*tool, "replay", str(played), name, "--loop", "--speed", "0.5"], stdout=subprocess.DEVNULL)
        stack.callback(replay.wait)
        stack.callback(replay.kill)
        store = stack.enter_context(eventually(lambda: StructStoreShared(name, create=False)))
        store.python = {"a": 0, "b": 0}
        store.stream = structstore.Stream(dtype=[("n", "i8"), ("twice", "i8")], depth=1000)
        done = threading.Event()

        def write() -> None:
            for at in itertools.count():
                if done.wait(0.001):
                    break
                with store.transaction() as root:
                    root.python.a = at
                    root.python.b = -at
                store.stream.publish((at, 2 * at))

        writer = threading.Thread(target=write)
        writer.start()
        stack.callback(writer.join)
        stack.callback(done.set)
        with_data = 0
        for _ in range(KILLS):
            recorder = subprocess.Popen([*tool, "record", name, str(file), "--rate", "1000"], stdout=subprocess.DEVNULL)
            eventually(file.stat)
            time.sleep(draws.uniform(0.0, 2.5))
            recorder.kill()
            recorder.wait()
            with_data += whole(file)
            file.unlink()
        assert with_data > KILLS / 4 and replay.poll() is None
    structstore.unlink(name)


def whole(file: Path) -> bool:
    """Whether something is recorded in a file. What is has no half of a transaction, and is the same when it was repaired."""
    try:
        run = structstore.read(file)
    except structstore.CorruptError:
        return False
    assert not run.finished
    counts = run.topics
    if "/python" not in counts:
        return False
    for one, other in (("rust.a", "rust.b"), ("python.a", "python.b")):
        (times, values), (others, opposites) = run[one], run[other]
        assert np.array_equal(times, others) and np.array_equal(values, -np.asarray(opposites))
    state = run.at(run.duration)
    assert state.python.a == -state.python.b
    if "/stream" in counts:
        numbers = np.asarray(run["stream.n"][1])
        assert np.all(np.diff(numbers) >= 1) and np.array_equal(run["stream.twice"][1], 2 * numbers)
    del run
    subprocess.run([sys.executable, "-m", "structstore", "record", "--repair", str(file)], check=True, stdout=subprocess.DEVNULL)
    repaired = structstore.read(file)
    assert repaired.finished and repaired.topics == counts
    with file.open("rb") as stream:
        reader = make_reader(stream, validate_crcs=True)
        assert sum(1 for _ in reader.iter_messages()) == sum(counts.values())
    return True


Found = TypeVar("Found")


def eventually(attempt: Callable[[], Found]) -> Found:
    limit = time.monotonic() + 120
    while True:
        try:
            return attempt()
        except (OSError, structstore.Error):
            assert time.monotonic() < limit
            time.sleep(0.001)


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
    assert run.to_pandas("pose")["items"].iloc[0:1].tolist() == [[1, "two"]]
    assert run.to_pandas("pose.x").columns.tolist() == ["x"]
    assert run.to_pandas("pose.inner").columns.tolist() == ["y"]
    assert run.to_pandas("gains").columns.tolist() == ["gains[0][0]", "gains[0][1]", "gains[1][0]", "gains[1][1]"]
    with pytest.raises(structstore.NotFoundError, match="none: not in this recording"):
        run.to_pandas("none")


def test_tables_of_arrow(local: StructStore, file: Path) -> None:
    pytest.importorskip("pyarrow")
    local.pose = {"x": 0.5, "items": [1, "two"]}
    local.image = np.zeros((10, 10), np.uint8)
    with structstore.record(local, file, rate=1000) as recording:
        seen(recording, 3)
        local.pose.late = 7
        seen(recording, 4)
    run = structstore.read(file)
    table = run.to_arrow("pose")
    assert table.column_names == ["time", "x", "items", "late"]
    assert table["late"].to_pylist() == [None, 7] and table["late"].type == "int64"
    assert table["items"].to_pylist() == ['[1, "two"]'] * 2
    assert len(run.to_arrow("image")["image"][0].as_py()) == 10
