"""What is told of a store as a whole."""

from typing import NamedTuple


class Participant(NamedTuple):
    """A process that is attached to a store: see `structstore.participants()`."""

    pid: int
    program: str | None
    """The name of its program, if it is alive and in this process's PID namespace."""
    alive: bool
    threads: int
    """How many of its threads have changed something or taken a lock."""
    observes: bool


class LockHolder(NamedTuple):
    """A lock on a structure: see `structstore.locks()`."""

    path: str
    """Of the structure; empty for the root."""
    mode: str
    """"shared" or "exclusive", with all below it, or "fields" for one change of its own fields or items."""
    granted: bool
    waiting: bool
    """Whether the thread that has it waits for another lock."""
    pid: int
    thread: int


class Usage(NamedTuple):
    """Memory that a part of a store takes: see `structstore.usage()`."""

    bytes: int
    blocks: int
    nodes: int
