"""Dataclasses as samples of streams."""

import dataclasses
import enum
import typing
from typing import Any

import numpy as np

from ._meta import Meta, told
from ._typed import bare

_SCALARS = {float: "f8", int: "i8", bool: "?", complex: "c16"}


def fields_of(cls: type) -> tuple[list[Any], dict[str, dict[str, Any]]]:
    """The structured type of a dataclass, as NumPy's fields, and the metadata of its fields by their paths."""
    hints = typing.get_type_hints(cls, include_extras=True)
    fields, metas = [], {}
    for field in dataclasses.fields(cls):
        hint, name = hints[field.name], f"{cls.__qualname__}.{field.name}"
        if found := told(hint):
            metas[field.name] = found
        hint = bare(hint)
        if isinstance(hint, type) and dataclasses.is_dataclass(hint):
            inner, of_inner = fields_of(hint)
            fields.append((field.name, inner))
            metas.update({f"{field.name}.{path}": meta for path, meta in of_inner.items()})
        else:
            fields.append((field.name, *_type_of(hint, name)))
    return fields, metas


def _type_of(hint: Any, name: str) -> tuple[Any, ...]:
    if isinstance(hint, type):
        if hint in _SCALARS:
            return (_SCALARS[hint],)
        if issubclass(hint, np.generic):
            return (np.dtype(hint),)
    texts = _texts(hint)
    if texts:
        return (f"U{max(len(text) for text in texts)}",)
    if typing.get_origin(hint) is tuple:
        items = [_type_of(bare(item), name) for item in typing.get_args(hint)]
        if items and all(item == items[0] and len(item) == 1 for item in items):
            return (*items[0], len(items))
    raise TypeError(
        f"{name}: found {hint!r}, expected float, int, bool, a NumPy scalar type, a dataclass of these, a tuple of one of these, such as"
        " tuple[float, float, float], or a Literal or Enum of strings: samples have a fixed size"
    )


def _texts(hint: Any) -> list[str]:
    """The choices of a Literal or Enum, if all are strings."""
    choices: list[Any] = []
    if typing.get_origin(hint) is typing.Literal:
        choices = list(typing.get_args(hint))
    elif isinstance(hint, type) and issubclass(hint, enum.Enum):
        choices = [member.value for member in hint]
    return choices if choices and all(isinstance(choice, str) and choice for choice in choices) else []


def record(value: Any, dtype: "np.dtype[Any]") -> Any:
    """A dataclass, dict or tuple as the tuple that NumPy takes for a record. NumPy would cut strings that are too long."""
    if dtype.names is None:
        value = value.value if isinstance(value, enum.Enum) else value
        longest = dtype.itemsize // (4 if dtype.kind == "U" else 1)
        if dtype.kind in "US" and isinstance(value, (str, bytes)) and len(value) > longest:
            raise ValueError(f"a sample: found {value!r}, expected at most {longest} characters")
        return value
    assert dtype.fields is not None
    types = [dtype.fields[name][0].base for name in dtype.names]
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        value = {field.name: getattr(value, field.name) for field in dataclasses.fields(value)}
    if isinstance(value, dict):
        if set(value) != set(dtype.names):
            raise TypeError(f"a sample: found the fields {sorted(value)}, expected {list(dtype.names)}")
        value = tuple(value[name] for name in dtype.names)
    if isinstance(value, tuple) and len(value) == len(types):
        return tuple(record(item, inner) for item, inner in zip(value, types, strict=True))
    return value


def metas(found: dict[str, dict[str, Any]]) -> dict[str, Meta]:
    """The metadata of fields of samples, by their paths."""
    return {path: Meta(**meta) for path, meta in found.items()}
