"""Watches and followers in threads: under asyncio, and for callbacks."""

import asyncio
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from types import TracebackType
from typing import Any, Protocol, TypeVar

from . import _structstore as core

_T = TypeVar("_T")
_T_co = TypeVar("_T_co", covariant=True)


class _Source(Protocol[_T_co]):
    """An iterator that waits, and that another thread can close."""

    def __iter__(self) -> Iterator[_T_co]: ...
    def close(self) -> None: ...


async def iterate(source: _Source[_T]) -> AsyncIterator[_T]:
    """The reports of a watch or a follower, for `async for`. A thread waits for each, after the previous one was processed."""
    loop = asyncio.get_running_loop()
    told: asyncio.Queue[tuple[_T] | BaseException | None] = asyncio.Queue()
    taken = threading.Semaphore(0)

    def tell(item: tuple[_T] | BaseException | None) -> bool:
        try:
            loop.call_soon_threadsafe(told.put_nowait, item)
        except RuntimeError:  # The loop was closed.
            return False
        return True

    def wait() -> None:
        try:
            for item in source:
                if not tell((item,)):
                    return
                taken.acquire()
        except BaseException as error:
            tell(error)
        else:
            tell(None)

    threading.Thread(target=wait, name="structstore watch", daemon=True).start()
    try:
        while (item := await told.get()) is not None:
            if isinstance(item, BaseException):
                raise item
            yield item[0]
            taken.release()
    finally:
        source.close()
        taken.release()


class Subscription:
    """A callback that a thread calls with the paths that change, until it is stopped."""

    def __init__(self, watch: core.Watch, callback: Callable[[list[str]], object]) -> None:
        self._watch = watch
        self._callback = callback
        self._thread = threading.Thread(target=self._run, name="structstore on_change", daemon=True)
        self._thread.start()

    def _run(self) -> None:
        for paths in self._watch:
            try:
                self._callback(paths)
            except Exception as error:
                threading.excepthook(
                    threading.ExceptHookArgs((type(error), error, error.__traceback__, threading.current_thread()))
                )

    def stop(self) -> None:
        """Ends the subscription. After this returns, the callback is not called any more, unless the callback itself called this."""
        self._watch.close()
        if threading.current_thread() is not self._thread:
            self._thread.join()

    def __enter__(self) -> "Subscription":
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc_value: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.stop()

    def __repr__(self) -> str:
        state = "active" if self._thread.is_alive() else "stopped"
        return f"<structstore.Subscription, {state}>"


def subscribe(watch: core.Watch, callback: Any) -> Subscription:
    if not callable(callback):
        watch.close()
        raise TypeError(f"callback: found {type(callback).__qualname__}, expected something to call")
    return Subscription(watch, callback)
