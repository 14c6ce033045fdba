"""Structured object storage, dynamically typed, shared between processes."""

from ._structstore import __version__

__all__ = ["__version__"]
