"""Mirrors as programs of their own: what Python and the tool make of them, kills, stops, and links that are down."""

import contextlib
import itertools
import os
import random
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import structstore
from structstore import CleanupMode, StructStore, StructStoreShared

NUMBERS = itertools.count()
# However busy the machine is, only what is stuck takes so long.
LIMIT = 120.0


def until(true: Callable[[], Any], what: str = "") -> None:
    start = time.monotonic()
    while True:
        with contextlib.suppress(structstore.Error, KeyError, OSError):
            if true():
                return
        assert time.monotonic() - start < LIMIT, what or "it did not happen"
        time.sleep(0.01)


@pytest.fixture
def names() -> Iterator[tuple[str, str]]:
    """The names of two stores, which are gone afterwards."""
    names = tuple(f"/mirror_{who}_{os.getpid()}_{next(NUMBERS)}" for who in ("robot", "desk"))
    yield names  # type: ignore[misc]
    for name in names:
        Path("/dev/shm", name[1:]).unlink(missing_ok=True)


@pytest.fixture
def robot(names: tuple[str, str]) -> Iterator[StructStoreShared]:
    with StructStoreShared(names[0], cleanup=CleanupMode.ALWAYS) as store:
        store.arm = {"x": 1.0, "negative": -1.0, "frame": "map", "image": np.zeros((200, 200, 3), np.uint8)}
        yield store


def port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        number: int = free.getsockname()[1]
        return number


def same(one: StructStore, other: StructStore) -> bool:
    """Whether both are equal. What belongs together is never torn."""
    now = one.to_dict()
    assert now["x"] == -now["negative"]
    return bool(one == other)


def test_a_store_is_mirrored(robot: StructStoreShared, names: tuple[str, str]) -> None:
    endpoint = f"tcp/127.0.0.1:{port()}"
    common: dict[str, Any] = {"insecure": True, "key": "robot", "lease": 1}
    with (
        structstore.Mirror(names[0], listen=endpoint, own=["arm"], **common) as owner,
        structstore.Mirror(names[1], connect=endpoint, follow=["arm"], show_status=True, **common) as follower,
    ):
        until(lambda: StructStoreShared(names[1], create=False).arm.x == 1.0)
        desk = StructStoreShared(names[1])
        robot.arm.x = 2.5
        until(lambda: desk.arm.x == 2.5)
        desk.arm.x = 7.0
        until(lambda: desk.arm.x == 2.5)
        until(lambda: follower.status()["parts"][0]["reverted"] == 1)
        until(lambda: any("arm.x: local change to 7.0 reverted" in remark for remark in follower.remarks()))
        until(lambda: follower.status()["connected"] and owner.status()["connected"])
        part = follower.status()["parts"][0]
        assert part["path"] == "arm" and part["role"] == "follower" and part["lag"] < 60 and part["errors"] == {}
        until(lambda: desk["@mirror"].connected is True)
        assert owner.running and repr(owner) == "<structstore.Mirror, running>"
        owner.close()
        until(lambda: not follower.status()["connected"])
        until(lambda: desk["@mirror"].connected is False)
        desk.close()
    assert not follower.running and not follower.status()["connected"]


def test_what_makes_no_sense_is_refused(names: tuple[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ValueError, match="TCP is not encrypted"):
        structstore.Mirror(names[0], listen="tcp/0.0.0.0:7447", own=["arm"])
    with pytest.raises(ValueError, match="a part to own"):
        structstore.Mirror(names[0], listen="tcp/127.0.0.1:7447", insecure=True)
    with pytest.raises(ValueError, match="invalid value"):
        structstore.Mirror(names[0], listen="tcp/127.0.0.1:7447", own=["a..b"], insecure=True)
    monkeypatch.setenv("PATH", "/nowhere")
    with pytest.raises(FileNotFoundError, match="pip install"):
        structstore.Mirror(names[0], listen="tcp/127.0.0.1:7447", own=["arm"])
    command = [sys.executable, "-m", "structstore", "mirror", names[0]]
    refused = subprocess.run(command, capture_output=True, text=True, check=False)
    assert refused.returncode == 4 and "structstore-mirror is not installed" in refused.stderr


def test_the_tool_runs_the_program(tmp_path: Path) -> None:
    tool = [sys.executable, "-m", "structstore", "mirror"]
    subprocess.run([*tool, "keygen", str(tmp_path / "keys"), "robot", "desk"], check=True)
    assert {file.name for file in (tmp_path / "keys").iterdir()} == {
        "ca.pem", "ca.key", "robot.pem", "robot.key", "desk.pem", "desk.key",
    }
    shown = subprocess.run([*tool, "--help"], capture_output=True, text=True, check=True).stdout
    assert "--listen" in shown and "--follow" in shown


class Process:
    """A mirror that can be killed, stopped and started again."""

    def __init__(self, *command: str) -> None:
        self.command = command
        self.start()

    def start(self) -> None:
        self.process = subprocess.Popen(self.command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()

    @contextlib.contextmanager
    def stopped(self, seconds: float) -> Iterator[None]:
        self.process.send_signal(signal.SIGSTOP)
        yield
        time.sleep(seconds)
        self.process.send_signal(signal.SIGCONT)


def program() -> str:
    found = shutil.which("structstore-mirror")
    assert found is not None
    return found


def change(robot: StructStoreShared, draws: random.Random) -> None:
    """Something of many kinds, and always a pair that belongs together."""
    at = draws.randrange(1000)
    with robot.transaction() as root:
        root.arm.x = float(at)
        root.arm.negative = -float(at)
        match draws.randrange(8):
            case 0:
                root.arm["new"] = {"inner": {"n": at}}
            case 1:
                root.arm.pop("new", None)
            case 2:
                root.arm["kind"] = draws.choice([1, "one", None, [1, 2], {"a": 1}, True, b"bytes"])
            case 3:
                root.arm["items"] = list(range(draws.randrange(5)))
            case 4:
                root.arm.image = np.full((200, 200, 3), at % 256, np.uint8)
            case _:
                root.arm.frame = str(at)


def test_kills_and_stops_end_in_equal_stores(robot: StructStoreShared, names: tuple[str, str]) -> None:
    endpoint = f"tcp/127.0.0.1:{port()}"
    common = ["--insecure", "--key", "robot", "--lease", "2"]
    owner = Process(program(), names[0], "--listen", endpoint, "--own", "arm", *common)
    follower = Process(program(), names[1], "--connect", endpoint, "--follow", "arm", *common)
    draws = random.Random(5)
    try:
        until(lambda: StructStoreShared(names[1], create=False).arm.x == 1.0)
        with StructStoreShared(names[1]) as desk:
            for happens in ("kill owner", "kill follower", "stop owner", "stop follower") * 2:
                process = owner if happens.endswith("owner") else follower
                if happens.startswith("kill"):
                    process.kill()
                    for _ in range(50):
                        change(robot, draws)
                    process.start()
                else:
                    with process.stopped(3):
                        for _ in range(50):
                            change(robot, draws)
                until(lambda: same(desk.arm, robot.arm), happens)
    finally:
        owner.kill()
        follower.kill()


def test_a_frozen_follower_holds_up_nobody(robot: StructStoreShared, names: tuple[str, str]) -> None:
    endpoint = f"tcp/127.0.0.1:{port()}"
    common = ["--insecure", "--key", "robot", "--lease", "2"]
    desks = [f"{names[1]}_{number}" for number in range(3)]
    owner = Process(program(), names[0], "--listen", endpoint, "--own", "arm", *common)
    followers = [Process(program(), desk, "--connect", endpoint, "--follow", "arm", *common) for desk in desks]
    draws = random.Random(7)
    try:
        for desk in desks:
            until(lambda desk=desk: StructStoreShared(desk, create=False).arm.x == 1.0)
        with contextlib.ExitStack() as stack:
            frozen, *others = (stack.enter_context(StructStoreShared(desk)) for desk in desks)
            with followers[0].stopped(0):
                for _ in range(5):
                    for _ in range(50):
                        change(robot, draws)
                    for other in others:
                        until(lambda other=other: same(other.arm, robot.arm), "while one is frozen")
                    time.sleep(1)
            until(lambda: same(frozen.arm, robot.arm), "the frozen one")
    finally:
        owner.kill()
        for follower, desk in zip(followers, desks, strict=True):
            follower.kill()
            Path("/dev/shm", desk[1:]).unlink(missing_ok=True)


@pytest.fixture
def link() -> Iterator[tuple[str, str]]:
    """Two network namespaces with a link between them."""
    spaces = tuple(f"structstore-{os.getpid()}-{side}" for side in "ab")
    run = lambda *command: subprocess.run(["ip", *command], check=True, capture_output=True)  # noqa: E731
    try:
        for space in spaces:
            run("netns", "add", space)
        run("link", "add", "sst-a", "netns", spaces[0], "type", "veth", "peer", "name", "sst-b", "netns", spaces[1])
        for number, (space, side) in enumerate(zip(spaces, "ab", strict=True), 1):
            run("-n", space, "address", "add", f"10.77.0.{number}/24", "dev", f"sst-{side}")
            run("-n", space, "link", "set", f"sst-{side}", "up")
            run("-n", space, "link", "set", "lo", "up")
    except (FileNotFoundError, subprocess.CalledProcessError) as error:
        for space in spaces:
            with contextlib.suppress(FileNotFoundError):
                subprocess.run(["ip", "netns", "delete", space], check=False, capture_output=True)
        pytest.skip(f"NOT RUN: network namespaces cannot be made here: {error}")
    yield spaces  # type: ignore[misc]
    for space in spaces:
        subprocess.run(["ip", "netns", "delete", space], check=False)


def test_a_link_that_is_down_ends_in_equal_stores(
    robot: StructStoreShared, names: tuple[str, str], link: tuple[str, str]
) -> None:
    common = ["--insecure", "--key", "robot", "--lease", "2"]
    within = [["ip", "netns", "exec", space] for space in link]
    owner = Process(*within[0], program(), names[0], "--listen", "tcp/10.77.0.1:7447", "--own", "arm", *common)
    follower = Process(*within[1], program(), names[1], "--connect", "tcp/10.77.0.1:7447", "--follow", "arm", *common)
    draws = random.Random(6)
    try:
        until(lambda: StructStoreShared(names[1], create=False).arm.x == 1.0)
        with StructStoreShared(names[1]) as desk:
            for seconds in (0.5, 3, 20) if "STRUCTSTORE_EXHAUSTIVE" in os.environ else (0.5, 6):
                set_link = ["ip", "-n", link[1], "link", "set", "sst-b"]
                subprocess.run([*set_link, "down"], check=True)
                for _ in range(50):
                    change(robot, draws)
                time.sleep(seconds)
                subprocess.run([*set_link, "up"], check=True)
                until(lambda: same(desk.arm, robot.arm), f"down for {seconds} s")
    finally:
        owner.kill()
        follower.kill()


def test_a_link_that_carries_less_than_there_is(
    robot: StructStoreShared, names: tuple[str, str], link: tuple[str, str]
) -> None:
    """Ten images of 1 MB a second over 4 Mbit/s: numbers get through meanwhile, and the last image afterwards."""
    slow = ["tc", "qdisc", "add", "dev", "sst-a", "root", "tbf", "rate", "4mbit", "burst", "32kb", "latency", "100ms"]
    try:
        subprocess.run(["ip", "netns", "exec", link[0], *slow], check=True, capture_output=True)
    except (FileNotFoundError, subprocess.CalledProcessError) as error:
        pytest.skip(f"NOT RUN: a link cannot be made slow here: {error}")
    common = ["--insecure", "--key", "robot", "--lease", "2"]
    within = [["ip", "netns", "exec", space] for space in link]
    owner = Process(*within[0], program(), names[0], "--listen", "tcp/10.77.0.1:7447", "--own", "arm", *common)
    follower = Process(*within[1], program(), names[1], "--connect", "tcp/10.77.0.1:7447", "--follow", "arm", *common)
    try:
        until(lambda: StructStoreShared(names[1], create=False).arm.x == 1.0)
        with StructStoreShared(names[1]) as desk:
            seen = set()
            for turn in range(50):
                robot.arm.frame = f"turn {turn}"
                robot.arm.image = np.full((1000, 1000), turn, np.uint8)
                time.sleep(0.1)
                seen.add(desk.arm.frame)
            assert len(seen) > 10, seen
            until(lambda: desk.arm.frame == "turn 49" and desk.arm.image[0, 0] == 49 and same(desk.arm, robot.arm))
    finally:
        owner.kill()
        follower.kill()
