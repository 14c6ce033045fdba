"""The command that the wheel installs: the same as the executable of Rust, which has the tests of each subcommand."""

import json
import os
import pty
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

import structstore
from structstore import CleanupMode, StructStoreShared

COMMANDS = {
    "script": [str(Path(sys.executable).with_name("structstore"))],
    "module": [sys.executable, "-m", "structstore"],
}
# What a command may take.
LIMIT = 300.0


@pytest.fixture(params=COMMANDS)
def command(request: pytest.FixtureRequest) -> list[str]:
    """How the command is started: by its name, and as a module."""
    return COMMANDS[request.param]


@pytest.fixture
def robot(name: str) -> Iterator[StructStoreShared]:
    """A store as a robot may have one."""
    with StructStoreShared(name, cleanup=CleanupMode.ALWAYS) as store:
        store.rate = 50
        store.label = "the \x1b[31mred one"
        store.camera = {"exposure": 0.01, "frame": np.arange(6, dtype="<i2").reshape(2, 3)}
        store.camera["f.number"] = np.float32(2.8)
        yield store


def run(command: list[str], *args: str, **options: object) -> subprocess.CompletedProcess[bytes]:
    environment = {key: value for key, value in os.environ.items() if "COLOR" not in key}
    arguments = {"capture_output": True, "env": environment, "timeout": LIMIT, **options}
    return subprocess.run([*command, *args], **arguments)  # type: ignore[call-overload, no-any-return]


def output(command: list[str], *args: str, **options: object) -> str:
    done = run(command, *args, **options)
    assert (done.returncode, done.stderr) == (0, b"")
    return done.stdout.decode()


def test_the_tool_reads_what_python_wrote(robot: StructStoreShared, name: str, command: list[str]) -> None:
    assert output(command, "show", name) == (
        f"{name}: struct of 3 fields\n"
        "  rate: i64 = 50\n"
        '  label: str = "the \\u001b[31mred one"\n'
        "  camera: struct of 3 fields\n"
        "    exposure: f64 = 0.01\n"
        "    frame: i16[2, 3] = [[0, 1, 2], [3, 4, 5]]\n"
        '    "f.number": f32 = 2.8\n'
    )
    assert json.loads(output(command, "show", name, "--json"))["camera"]["frame"] == [[0, 1, 2], [3, 4, 5]]
    assert output(command, "get", name, 'camera."f.number"') == "2.8\n"
    assert output(command, "check", name) == f"{name}: sound\n"
    entries = json.loads(output(command, "ls", "--json"))
    (entry,) = [entry for entry in entries if entry["name"] == name]
    assert [participant["pid"] for participant in entry["participants"]] == [os.getpid()]


def test_python_reads_what_the_tool_wrote(
    robot: StructStoreShared, name: str, command: list[str], tmp_path: Path
) -> None:
    output(command, "set", name, "camera.frame", "[7, -8]")
    output(command, "set", name, "label", "50")
    output(command, "set", name, "camera.new", '{"x": [1, null]}')
    assert robot.camera.frame.dtype == np.int16 and robot.camera.frame.tolist() == [7, -8]
    assert robot.label == "50" and robot.camera.new == {"x": [1, None]}
    image = str(tmp_path / "store.image")
    output(command, "dump", name, image)
    robot.clear()
    output(command, "load", image, name)
    assert robot.camera.frame.dtype == np.int16 and robot.rate == 50
    image_of_python = Path(image).with_name("python.image")
    image_of_python.write_bytes(robot.to_bytes())
    assert image_of_python.read_bytes() == Path(image).read_bytes()


def test_the_status_tells(robot: StructStoreShared, name: str, command: list[str]) -> None:
    for args, status, said in [
        (("get", name, "rat"), 3, b"did you mean rate?"),
        (("get", name + "x", "rate"), 3, b"no such store"),
        (("set", name, "rate", "fast"), 4, b"found `fast`, expected i64"),
        (("get", name), 2, b"Usage: structstore get"),
        ((), 2, b"Usage: structstore"),
    ]:
        done = run(command, *args)
        assert (done.returncode, done.stdout) == (status, b"") and said in done.stderr, done
    assert run(command, "run", name + "_new", "--", "sh", "-c", "exit 7").returncode == 7


def test_a_file_name_may_be_any_bytes(command: list[str], tmp_path: Path) -> None:
    path = os.fsencode(tmp_path) + b"/\xff"
    with StructStoreShared(os.fsdecode(path), use_file=True) as store:
        store.x = 5
        assert output(command, "get", "--file", os.fsdecode(path), "x") == "5\n"


def test_watching(robot: StructStoreShared, name: str, command: list[str]) -> None:
    with subprocess.Popen([*command, "watch", name, "--json", "--count", "1"], stdout=subprocess.PIPE) as process:
        while process.poll() is None:
            robot.camera.exposure += 1.0
            time.sleep(0.01)
        assert process.stdout is not None
        change = json.loads(process.stdout.read())
        assert (process.returncode, change["path"], change["type"]) == (0, "camera.exposure", "f64")
    assert run(command, "watch", name, "--count", "1", "--timeout", "0.1").returncode == 1


def test_who_stops_reading_ends_it(robot: StructStoreShared, name: str, command: list[str]) -> None:
    for number in range(20_000):
        robot[f"field {number}"] = number
    with subprocess.Popen([*command, "show", name], stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout is not None and process.stderr is not None
        assert process.stdout.readline().startswith(name.encode())
        process.stdout.close()
        assert process.wait(LIMIT) == -signal.SIGPIPE
        assert process.stderr.read() == b""


def test_an_interrupt_ends_it_while_it_waits(
    robot: StructStoreShared, name: str, command: list[str]
) -> None:
    with robot.write_lock():
        with subprocess.Popen([*command, "show", name], stderr=subprocess.PIPE) as process:
            # It ends by the signal whenever it comes; this is to be while it waits.
            time.sleep(1)
            process.send_signal(signal.SIGINT)
            assert process.wait(LIMIT) == -signal.SIGINT
            assert process.stderr is not None and b"Traceback" not in process.stderr.read()


def test_colours_on_a_terminal(robot: StructStoreShared, name: str, command: list[str]) -> None:
    primary, secondary = pty.openpty()
    environment = {key: value for key, value in os.environ.items() if "COLOR" not in key}
    run(command, "get", name, "label", stdout=secondary, stderr=secondary, capture_output=False)
    subprocess.run(
        [*command, "show", name, "camera"], stdout=secondary, env={**environment, "TERM": "xterm"}, timeout=LIMIT
    )
    os.close(secondary)
    shown = os.read(primary, 1 << 16)
    os.close(primary)
    assert shown.startswith(b"the \\u{1b}[31mred one\r\n"), shown
    assert b"\x1b[36mexposure\x1b[0m" in shown, shown


def test_the_version(command: list[str]) -> None:
    assert output(command, "--version") == f"structstore {structstore.__version__}\n"


def test_completion_offers_all_candidates(robot: StructStoreShared, name: str, command: list[str]) -> None:
    shell = {**os.environ, "STRUCTSTORE_COMPLETE": "bash", "_CLAP_IFS": "\n", "_CLAP_COMPLETE_INDEX": "1"}
    done = run(command, "--", "structstore", "wat", env=shell)
    assert (done.returncode, done.stdout.split()) == (0, [b"watch"])
