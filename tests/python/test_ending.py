"""However a process ends, but by a signal or `os._exit`, its stores are closed, and nobody is taken to have died."""

import subprocess
import sys
from pathlib import Path

import pytest

import structstore
from structstore import StructStoreShared

OPEN = "import structstore, sys; store = structstore.StructStoreShared(sys.argv[1], cleanup=structstore.CleanupMode.{})\n"

# What a script does besides opening a store at the level of its module and changing it.
ENDINGS = {
    "nothing": "",
    "in a function": "del store\ndef use():\n    store = structstore.StructStoreShared(sys.argv[1]); store.b = 2\nuse()",
    "sys.exit": "sys.exit(0)",
    "an exception": "sys.excepthook = lambda *_: None; 1 / 0",
    "a busy thread": """
import threading, time
def work():
    while True: store.a += 1; store.lst = [1, 2]
threading.Thread(target=work, daemon=True).start(); time.sleep(0.05)""",
    "an idle thread": """
import threading
used = threading.Event()
def work(): store.a += 1; used.set(); threading.Event().wait()
threading.Thread(target=work, daemon=True).start(); used.wait()""",
    "a reference cycle": "class Node: pass\nnode = Node(); node.node = node; node.store = store; del store, node",
    "a view": "import numpy as np; store.v = np.zeros(100); view = store.v",
    "a view of a closed store": "import numpy as np; store.v = np.zeros(100); view = store.v; store.close()",
    "a watch": "watch = store.watch()",
    "a held lock": "lock = store.write_lock(); lock.__enter__()",
    "an exit handler that uses the store": "import atexit; atexit.register(lambda: setattr(store, 'a', 5))",
}
# These are cut off in what they hold, which the next one repairs.
CUT_OFF = {"a busy thread", "a held lock"}


def run(source: str, name: str) -> None:
    process = subprocess.run([sys.executable, "-c", source, name], capture_output=True, text=True)
    assert process.returncode in (0, 1) and not process.stderr, process.stderr


@pytest.mark.parametrize("ending", ENDINGS)
def test_exit_closes_stores_that_are_left_open(name: str, ending: str) -> None:
    source = OPEN.format("IF_LAST") + "store.a = 1\n" + ENDINGS[ending]
    path = Path("/dev/shm", name[1:])
    run(source, name)
    assert not path.exists()
    with StructStoreShared(name) as store:
        store.a = 0
        run(source, name)
        assert store.valid() and store.a != 0
        StructStoreShared.check(store)
        assert StructStoreShared.stats(store).watchers == 0
        if ending not in CUT_OFF:
            assert StructStoreShared.stats(store).recoveries == 0
    assert not path.exists()


@pytest.mark.parametrize("ending", ENDINGS)
def test_exit_keeps_stores_that_are_to_stay(name: str, ending: str) -> None:
    if "function" in ending:
        pytest.skip("it opens the store anew")
    run(OPEN.format("NEVER") + "store.a = 1\n" + ENDINGS[ending], name)
    assert Path("/dev/shm", name[1:]).exists()
    assert name not in structstore.orphans()


def test_exit_by_os_exit_is_a_death(name: str) -> None:
    run(OPEN.format("IF_LAST") + "import os; store.a = 1; os._exit(0)", name)
    assert name in structstore.orphans()


CHILD = """
import multiprocessing, sys
import structstore

def work(name):
    # Left open, at the level of the module.
    global child
    child = structstore.StructStoreShared(name)
    child.from_child = child.from_parent + 1
    inherited.store if inherited is not None else None

inherited = None

if __name__ == "__main__":
    method, name = sys.argv[1:]
    inherited = structstore.StructStoreShared(name)
    inherited.from_parent = 1
    process = multiprocessing.get_context(method).Process(target=work, args=(name,))
    process.start()
    process.join()
    assert process.exitcode == 0
    assert inherited.from_child == 2
    inherited.check()
    recoveries = structstore.StructStoreShared.stats(inherited).recoveries
    assert recoveries == 0, recoveries
    print("closed")
"""


@pytest.mark.parametrize("method", ["fork", "spawn", "forkserver"])
def test_children_of_multiprocessing_close_what_they_leave_open(
    name: str, method: str, tmp_path: Path
) -> None:
    script = tmp_path / "parent.py"
    script.write_text(CHILD)
    process = subprocess.run([sys.executable, script, method, name], capture_output=True, text=True)
    assert process.returncode == 0 and process.stdout == "closed\n", process.stderr
    assert not Path("/dev/shm", name[1:]).exists()

