"""Information about whole stores."""

from typing import NamedTuple


class Participant(NamedTuple):
    """A process that is attached to a store: see `structstore.participants()`."""

    pid: int
    program: str | None
    """The name of its program, if it is alive and in this process's PID namespace."""
    alive: bool
    threads: int
    """How many of its threads changed something or took a lock."""
    observes: bool


class LockHolder(NamedTuple):
    """A lock on a structure: see `structstore.locks()`."""

    path: str
    """The path of the structure; empty for the root."""
    mode: str
    """"shared" or "exclusive", with all below it, or "fields" for one change of its own fields or items."""
    granted: bool
    waiting: bool
    """Whether the thread that holds it waits for another lock."""
    pid: int
    thread: int


class Usage(NamedTuple):
    """Memory that a part of a store takes: see `structstore.usage()`."""

    bytes: int
    blocks: int
    nodes: int
