"""Locks and transactions that a task of asyncio waits for."""

import asyncio
import time
from typing import Any

from . import _structstore as core

# How many seconds a task sleeps between two attempts: at first it lets the others run once, then longer and longer.
_LONGEST = 0.01


async def enter(lock: Any, timeout: float | None) -> Any:
    """Takes a lock, or begins a transaction, while other tasks run."""
    end = None if timeout is None else time.monotonic() + timeout
    pause = 0.0
    while (entered := lock._try_enter()) is None:
        if end is not None and time.monotonic() >= end:
            raise core.LockTimeoutError(f"not locked within {timeout} s")
        await asyncio.sleep(pause)
        pause = min(max(2 * pause, 0.0002), _LONGEST)
    return entered


async def leave(lock: Any, exception: tuple[Any, Any, Any]) -> None:
    """Releases a lock, or ends a transaction."""
    lock.__exit__(*exception)
