"""The live viewer as Python starts it. What pages show is tested in tests/browser."""

import http.client
import json
import os
import signal
import socket
import sys
import threading
import time
from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

import pytest

import structstore
from structstore import StructStore, StructStoreShared


def about(url: str) -> Any:
    """What a server says of itself."""
    parts = urlsplit(url)
    assert parts.hostname is not None
    connection = http.client.HTTPConnection(parts.hostname, parts.port, timeout=60)
    connection.request("GET", f"/about?{parts.query}")
    answer = connection.getresponse()
    assert answer.status == 200
    found = json.loads(answer.read())
    connection.close()
    return found


def is_refused(url: str) -> bool:
    parts = urlsplit(url)
    try:
        socket.create_connection((parts.hostname, parts.port), timeout=60).close()
    except ConnectionRefusedError:
        return True
    return False


def test_a_store_is_served_until_the_viewer_is_closed(store: StructStore, name: str) -> None:
    store.gains = {"kp": 1.5}
    with structstore.serve(store, writable=["gains"]) as viewer:
        assert repr(viewer) == "<structstore.Viewer, running>" and "token" not in repr(viewer)
        served = about(viewer.url)["store"]
        assert served == name if isinstance(store, StructStoreShared) else served.startswith("StructStore ")
    assert is_refused(viewer.url) and repr(viewer) == "<structstore.Viewer, closed>"
    viewer.close()


def test_the_browser_is_led_to_the_page_without_telling_the_token(
    local: StructStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened: list[str] = []
    monkeypatch.setattr("webbrowser.open", lambda url: opened.append(url) or True)
    monkeypatch.setenv("DISPLAY", ":0")
    with structstore.serve(local) as viewer:
        assert viewer.open() and viewer.open()
        path = urlsplit(opened[0]).path
        with open(path) as leader:
            assert viewer.url in leader.read()
        assert os.stat(path).st_mode & 0o077 == 0 and "token" not in opened[0]
    assert not os.path.exists(path)
    monkeypatch.delenv("DISPLAY")
    monkeypatch.delenv("WAYLAND_DISPLAY", raising=False)
    with structstore.serve(local) as viewer:
        assert not viewer.open()


def test_all_stores_are_served_without_one() -> None:
    with structstore.serve() as viewer:
        assert about(viewer.url) == {"store": None}


def test_what_makes_no_sense_is_refused(local: StructStore) -> None:
    for arguments, message in [
        ({"writable": "gains"}, "writable: found the string 'gains', expected a list of paths, or True"),
        ({"writable": ["a..b"]}, "a..b"),
        ({"rate": 0}, "rate: found 0, expected a number from 0.1 to 240"),
        ({"listen": "here"}, 'listen: found "here", expected an address'),
        ({"listen": "0.0.0.0:0"}, "ssh -L"),
    ]:
        with pytest.raises((TypeError, ValueError, structstore.Error), match=message.replace("(", r"\(")):
            structstore.serve(local, **arguments)  # type: ignore[arg-type]


def test_a_page_goes_on_while_python_waits(local: StructStore) -> None:
    """Its threads need no GIL, and a lock that Python holds does not end them."""
    local.part = {"x": 1}
    page = structstore._structstore._Page(local, "local", [""], 240.0)

    def until(*of: str) -> dict[str, Any]:
        while True:
            message = page.receive(60.0)
            assert message is not None
            if isinstance(message, str) and (found := json.loads(message)):
                if found["type"] == "turn":
                    page.send('{"type": "next"}')
                if found["type"] in of:
                    return found

    def until_shown(path: str, text: str) -> None:
        while True:
            # Rows that could not be read are sent whole; they may have the change already.
            found = until("values", "rows")
            shown = found.get("set") or [[row["path"], row["text"]] for row in found["rows"]]
            if [path, text] in shown:
                return

    page.send('{"type": "view", "open": ["part"], "from": 0, "count": 9}')
    assert [row["path"] for row in until("rows")["rows"]] == ["part", "part.x"]
    with local.part.write_lock():
        page.send('{"type": "set", "id": 1, "changes": [{"path": "part.x", "value": "2"}]}')
        assert "lock" in until("refused")["error"]
        local.part.x = 5
    until_shown("part.x", "5")
    page.send('{"type": "set", "id": 2, "changes": [{"path": "part.x", "value": "7", "was": "5"}]}')
    until("done")
    assert local.part.x == 7
    page.send('{"type": "read", "id": 3, "path": "part", "as": "yaml"}')
    assert until("text")["text"] == "x: 7\n"
    page.send('{"type": "load", "id": 4, "path": "part", "text": "x: 8"}')
    until("done")
    assert local.part.x == 8
    page.close()
    assert page.closed
    # What it was told before is still there.
    while page.receive(60.0) is not None:
        pass


def test_a_forked_child_has_no_server(local: StructStore) -> None:
    local.n = 1
    with structstore.serve(local) as viewer:
        parts = urlsplit(viewer.url)
        idle = socket.create_connection((parts.hostname, parts.port), timeout=60)
        reader, writer = os.pipe()
        pid = os.fork()
        if pid == 0:
            # It closes the viewer, too, and waits for nothing.
            viewer.close()
            os.write(writer, b"closed")
            signal.pause()
        assert os.read(reader, 6) == b"closed"
        assert about(viewer.url)["store"]
    try:
        # No copy in the child keeps the port, or a connection, open.
        assert is_refused(viewer.url)
        assert idle.recv(1) == b""
    finally:
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
        os.close(reader)
        os.close(writer)
        idle.close()


def test_exit_waits_for_no_viewer(python: Callable[..., Any], name: str) -> None:
    source = """
import sys, structstore
store = structstore.StructStoreShared(sys.argv[1])
store.n = 1
viewer = structstore.serve(store)
page = structstore._structstore._Page(store, "", [], 30.0)
page.send('{"type": "view", "open": [], "from": 0, "count": 9}')
page.receive(60.0)
print("served")
"""
    process = python(source, name)
    out, _ = process.communicate(timeout=60)
    assert (process.returncode, out) == (0, "served\n")
    assert not os.path.exists("/dev/shm" + name)


def test_a_store_that_is_closed_while_it_is_served(name: str) -> None:
    store = StructStoreShared(name)
    store.n = 1
    page = structstore._structstore._Page(store.store, "", [], 240.0)
    states = []
    store.close()
    deadline = time.monotonic() + 60
    while "gone" not in states and time.monotonic() < deadline:
        message = page.receive(1.0)
        if isinstance(message, str):
            states.append(json.loads(message).get("state"))
    assert "gone" in states
    page.close()


def test_a_page_with_nothing_to_tell_costs_nothing(name: str, python: Callable[..., Any]) -> None:
    source = """
import json, sys, time, structstore
store = structstore.StructStoreShared(sys.argv[1])
store.n = 1
store.idle = structstore.Stream(depth=3)
page = structstore._structstore._Page(store, "", [], 30.0)
page.send('{"type": "view", "open": [], "from": 0, "count": 9}')
lines = [{"path": "missing"}, {"path": "n"}, {"path": "idle"}]
page.send(json.dumps({"type": "plot", "id": 7, "lines": lines, "from": None, "span": 10, "width": 100, "rate": 0.1}))
start, clock = time.process_time(), time.monotonic()
while time.monotonic() - clock < 2.0:
    message = page.receive(0.1)
    if isinstance(message, str) and '"turn"' in message:
        page.send('{"type": "next"}')
print((time.process_time() - start) / 2.0)
page.close()
"""
    process = python(source, name)
    out, _ = process.communicate(timeout=60)
    # Looking 30 times a second takes about a hundredth of a core.
    assert process.returncode == 0 and float(out) < 0.2, out


def test_viewers_come_and_go_in_threads(local: StructStore) -> None:
    local.n = 1

    def serve() -> None:
        for _ in range(5):
            with structstore.serve(local) as viewer:
                about(viewer.url)

    threads = [threading.Thread(target=serve) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def test_a_widget_needs_anywidget(local: StructStore, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "anywidget", None)
    with pytest.raises(ImportError, match="pip install anywidget"):
        structstore.widget(local)
