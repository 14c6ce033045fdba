"""Fixtures: stores that are verified after each test, and names that never outlive it."""

import faulthandler
import itertools
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import structstore
from structstore import CleanupMode, StructStore, StructStoreShared

# What a test may take before the run ends with a traceback of all threads: only what is stuck takes so long, however busy the
# machine is. See tests/src/limits.rs.
LIMIT = 600.0

NUMBERS = itertools.count()

# A free-threaded Python would say in each process that it turns the GIL on.
os.environ.setdefault("PYTHON_GIL", "1")

# A runner that ignores Ctrl-C, as shells make their background jobs do, hands that on to the processes of the tests.
signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(autouse=True)
def _bounded_in_time() -> Iterator[None]:
    faulthandler.dump_traceback_later(LIMIT, exit=True)
    yield
    faulthandler.cancel_dump_traceback_later()


@pytest.fixture
def name() -> Iterator[str]:
    """The name of a shared store that nobody else uses, and that is gone afterwards."""
    name = f"/structstore_pytest_{os.getpid()}_{next(NUMBERS)}"
    yield name
    Path("/dev/shm", name[1:]).unlink(missing_ok=True)


@pytest.fixture
def shared(name: str) -> Iterator[StructStoreShared]:
    """A shared store, which is verified after the test."""
    with StructStoreShared(name, cleanup=CleanupMode.ALWAYS) as store:
        yield store
        StructStore.check(store)


@pytest.fixture
def local() -> Iterator[StructStore]:
    """A local store, which is verified after the test."""
    store = StructStore()
    yield store
    StructStore.check(store)


@pytest.fixture(params=["local", "shared"])
def store(request: pytest.FixtureRequest) -> StructStore:
    """A local store, and a shared one: the same test has to pass with both."""
    found = request.getfixturevalue(request.param)
    assert isinstance(found, StructStore)
    return found


@pytest.fixture
def python() -> Iterator[Callable[..., subprocess.Popen[str]]]:
    """Starts Python processes that run some source with arguments; none outlives the test."""
    started: list[subprocess.Popen[str]] = []

    def start(source: str, *args: Any) -> subprocess.Popen[str]:
        command = [sys.executable, "-u", "-c", source, *map(str, args)]
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
        process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment
        )
        started.append(process)
        return process

    yield start
    for process in started:
        process.kill()
        process.communicate()


def pytest_report_header() -> str:
    return f"structstore {structstore.__version__} from {structstore.__file__}"
