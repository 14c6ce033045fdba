"""Locks and transactions that tasks of asyncio wait for: in turn, and while other tasks run."""

import asyncio
import time
import weakref
from typing import Any

# Waiting tasks of each event loop, by their place in the queue.
_waiting: "weakref.WeakKeyDictionary[asyncio.AbstractEventLoop, dict[int, asyncio.Future[None]]]" = (
    weakref.WeakKeyDictionary()
)

# For how many seconds a task sleeps at first, and at most, while another thread or process holds what it waits for.
_SHORTEST, _LONGEST = 0.0002, 0.01
# And while another task of this thread does, which wakes it: unless that task was dropped.
_FORGOTTEN = 0.1


async def enter(lock: Any, timeout: float | None) -> Any:
    """Takes a lock, or begins a transaction, after those who have waited longer."""
    entered = lock._try_enter()
    if _is_entered(entered):
        return entered
    loop = asyncio.get_running_loop()
    waiting = _waiting.setdefault(loop, {})
    place = lock._queue()
    end = None if timeout is None else time.monotonic() + timeout
    pause, woken = _SHORTEST, False
    try:
        while True:
            future = waiting[place] = loop.create_future()
            entered = lock._try_enter(place)
            if _is_entered(entered):
                if lock._is_shared():
                    _wake(waiting, place)
                return entered
            if woken:
                # It was not for this one.
                _wake(waiting, place)
            by_task = entered is False
            sleep = _FORGOTTEN if by_task else pause
            pause = pause if by_task else min(2 * pause, _LONGEST)
            if end is not None:
                left = end - time.monotonic()
                if left <= 0:
                    return lock._enter_last(place, timeout)
                sleep = min(sleep, left)
            done, _ = await asyncio.wait((future,), timeout=sleep)
            woken = bool(done)
    except asyncio.CancelledError:
        if waiting[place].done():
            _wake(waiting, place)
        raise
    finally:
        del waiting[place]
        lock._leave_queue(place)


def _is_entered(entered: Any) -> bool:
    """None says that another thread or process holds it, and False that another task does, or waits before this one."""
    return entered is not None and entered is not False


def _wake(waiting: "dict[int, asyncio.Future[None]]", after: int = -1) -> None:
    """Wakes the task that has waited longest, of those behind a place."""
    for place, future in waiting.items():
        if place > after and not future.done():
            future.set_result(None)
            return


def released() -> None:
    """A task has released something."""
    loop = asyncio._get_running_loop()
    waiting = None if loop is None else _waiting.get(loop)
    if waiting:
        _wake(waiting)


async def leave(lock: Any, exception: tuple[Any, Any, Any]) -> None:
    """Releases a lock, or ends a transaction."""
    lock.__exit__(*(exception or (None, None, None)))
