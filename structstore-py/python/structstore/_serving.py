"""The live viewer: stores in a browser, and in notebooks."""

import itertools
import threading
import webbrowser
from collections.abc import Iterable
from types import TracebackType
from typing import Any

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

    @property
    def url(self) -> str:
        """The address of the page, with the token that lets one in."""
        return self._server.url

    def open(self) -> bool:
        """Opens the page in the browser of this machine. Returns whether there is one."""
        return webbrowser.open(self.url)

    def close(self) -> None:
        """Ends the server. Takes less than a second."""
        self._server.stop()

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


def widget(store: core.StructStore, writable: bool | Iterable[str], rate: float) -> Any:
    try:
        import anywidget
    except ImportError as error:
        raise ImportError("widgets need the package anywidget: pip install anywidget") from error
    script = core._widget_script()
    if script is None:
        raise RuntimeError("the page was not built into this package: run `cargo xtask page`, and build it again")

    class StoreWidget(anywidget.AnyWidget):  # type: ignore[misc, unused-ignore]
        """A page that a notebook shows: its messages go through the kernel."""

        _esm = script

        def __init__(self) -> None:
            super().__init__()
            self._page: core._Page | None = None
            self.on_msg(self._hear)

        def _hear(self, _widget: Any, message: Any, _buffers: Any) -> None:
            if not isinstance(message, dict):
                return
            if message.get("start"):
                self.close_page()
                self._page = core._Page(store, type(store).__name__, _writable(writable), _rate(rate))
                threading.Thread(target=self._carry, args=(self._page,), name="structstore widget", daemon=True).start()
            elif message.get("stop"):
                self.close_page()
            elif self._page is not None and isinstance(message.get("text"), str):
                self._page.send(message["text"])

        def _carry(self, page: core._Page) -> None:
            while not page.closed:
                message = page.receive(1.0)
                if isinstance(message, str):
                    self.send({"text": message})
                elif message is not None:
                    self.send({"binary": True}, [message])

        def close_page(self) -> None:
            page, self._page = self._page, None
            if page is not None:
                page.close()

        def close(self) -> None:
            self.close_page()
            super().close()

    _writable(writable), _rate(rate)
    return StoreWidget()
