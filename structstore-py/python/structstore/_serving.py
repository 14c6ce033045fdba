"""The live viewer: stores in a browser, and in notebooks."""

import importlib
import itertools
import os
import pathlib
import tempfile
import threading
import webbrowser
from collections.abc import Iterable
from types import TracebackType
from typing import IO, Any

from . import _structstore as core

_NUMBERS = itertools.count(1)


def _writable(writable: bool | Iterable[str]) -> list[str]:
    if isinstance(writable, str):
        raise TypeError(f"writable: found the string {writable!r}, expected a list of paths, or True for everything")
    if isinstance(writable, bool):
        return [""] if writable else []
    return list(writable)


def _rate(rate: float) -> float:
    if not 0.1 <= rate <= 240:
        raise ValueError(f"rate: found {rate!r}, expected a number from 0.1 to 240")
    return float(rate)


class Viewer:
    """A server that shows a store in the browser, until it is closed; see `structstore.serve`."""

    def __init__(self, server: core._Server) -> None:
        self._server = server
        self._leader: IO[str] | None = None

    @property
    def url(self) -> str:
        """The address of the page, with the token that grants access."""
        return self._server.url

    def open(self) -> bool:
        """Opens the page in the browser of this desktop. Returns whether there is a desktop."""
        if not any(os.environ.get(name) for name in ("DISPLAY", "WAYLAND_DISPLAY")):
            return False
        # All users see the arguments of programs, and would see the token: a file that only this user can read leads to the page.
        if self._leader is None:
            self._leader = tempfile.NamedTemporaryFile("w", prefix="structstore-", suffix=".html")
            self._leader.write(f'<!doctype html><meta http-equiv="refresh" content="0; url={self.url}">\n')
            self._leader.flush()
        return webbrowser.open(pathlib.Path(self._leader.name).as_uri())

    def close(self) -> None:
        """Stops the server. This takes less than a second."""
        self._server.stop()
        if self._leader is not None:
            self._leader.close()
            self._leader = None

    def __enter__(self) -> "Viewer":
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc_value: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        state = "running" if self._server.running else "closed"
        return f"<structstore.Viewer, {state}>"


def serve(
    store: core.StructStore | None,
    writable: bool | Iterable[str],
    rate: float,
    listen: str | None,
    insecure: bool,
) -> Viewer:
    name = "" if store is None else f"{type(store).__name__} {next(_NUMBERS)}"
    return Viewer(core._Server(store, name, _writable(writable), _rate(rate), listen, insecure))


class _Carrier:
    """Carries the messages of the page that a widget shows."""

    def __init__(self, widget: Any, store: core.StructStore, writable: list[str], rate: float) -> None:
        self._widget = widget
        self._served = store, type(store).__name__, writable, rate
        self._page: core._Page | None = None

    def hear(self, _widget: Any, message: Any, _buffers: Any) -> None:
        if not isinstance(message, dict):
            return
        if message.get("start"):
            self._stop()
            self._page = core._Page(*self._served)
            threading.Thread(target=self._carry, args=(self._page,), name="structstore widget", daemon=True).start()
        elif message.get("stop"):
            self._stop()
        elif self._page is not None and isinstance(message.get("text"), str):
            self._page.send(message["text"])

    def _carry(self, page: core._Page) -> None:
        while not page.closed:
            message = page.receive(1.0)
            if isinstance(message, str):
                self._widget.send({"text": message})
            elif message is not None:
                self._widget.send({"binary": True}, [message])

    def _stop(self) -> None:
        page, self._page = self._page, None
        if page is not None:
            page.close()


def widget(store: core.StructStore, writable: bool | Iterable[str], rate: float) -> Any:
    paths, rate = _writable(writable), _rate(rate)
    try:
        anywidget = importlib.import_module("anywidget")
    except ImportError as error:
        raise ImportError("widgets need the package anywidget: pip install anywidget") from error
    script = core._widget_script()
    if script is None:
        raise RuntimeError("the page was not built into this package: run `cargo xtask page`, and build it again")
    widget: Any = type("StoreWidget", (anywidget.AnyWidget,), {"_esm": script})()
    widget.on_msg(_Carrier(widget, store, paths, rate).hear)
    return widget
