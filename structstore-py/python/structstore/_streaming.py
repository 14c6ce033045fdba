"""Dataclasses as samples of streams."""

import dataclasses
import typing
from typing import Any

import numpy as np

_SCALARS = {float: "f8", int: "i8", bool: "?", complex: "c16"}


def fields_of(cls: type) -> Any:
    """The structured type of a dataclass, as NumPy's fields."""
    hints = typing.get_type_hints(cls)
    return [(field.name, *_type_of(hints[field.name], f"{cls.__qualname__}.{field.name}")) for field in dataclasses.fields(cls)]


def _type_of(hint: Any, name: str) -> tuple[Any, ...]:
    if isinstance(hint, type):
        if dataclasses.is_dataclass(hint):
            return (fields_of(hint),)
        if hint in _SCALARS:
            return (_SCALARS[hint],)
        if issubclass(hint, np.generic):
            return (np.dtype(hint),)
    if typing.get_origin(hint) is tuple:
        items = [_type_of(item, name) for item in typing.get_args(hint)]
        if items and all(item == items[0] and len(item) == 1 for item in items):
            return (*items[0], len(items))
    raise TypeError(
        f"{name}: found {hint!r}, expected float, int, bool, a NumPy scalar type, a dataclass of these, or a tuple of one of these, such as"
        " tuple[float, float, float]: samples have a fixed size"
    )


def record(value: Any, dtype: "np.dtype[Any]") -> Any:
    """A dataclass or dict as the tuple that NumPy takes for a record."""
    if dtype.names is None:
        return value
    if dataclasses.is_dataclass(value):
        value = {field.name: getattr(value, field.name) for field in dataclasses.fields(value)}
    if not isinstance(value, dict):
        return value
    if set(value) != set(dtype.names):
        raise TypeError(f"a sample: found the fields {sorted(value)}, expected {list(dtype.names)}")
    assert dtype.fields is not None
    return tuple(record(value[name], dtype.fields[name][0].base) for name in dtype.names)
