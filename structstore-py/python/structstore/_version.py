"""Versions of classes."""

import collections.abc
import dataclasses
import typing
from typing import Any

from . import _structstore as core

_C = typing.TypeVar("_C", bound=type)

Migration = collections.abc.Callable[[core.StructStore, int], None]


@dataclasses.dataclass(frozen=True)
class Version:
    """The version of a class."""

    name: str
    version: int
    since: int
    migrate: Migration | None


def versioned(version: int, since: int | None, migrate: Migration | None, name: str | None) -> Any:
    """See `structstore.versioned`."""
    oldest = version if since is None else since
    if not 1 <= oldest <= version < 1 << 32:
        raise ValueError(f"version={version}, since={since}: `version` starts at 1, and `since` must not be greater than it")

    def decorate(cls: _C) -> _C:
        cls.__structstore_version__ = Version(name or cls.__name__, version, oldest, migrate)  # type: ignore[attr-defined]
        return cls

    return decorate


def version_of(cls: type) -> Version | None:
    """The version of a class itself, as opposed to a base of it."""
    found: Version | None = cls.__dict__.get("__structstore_version__")
    return found
