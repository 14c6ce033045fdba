"""Dataclasses as samples of streams."""

import dataclasses
import enum
import functools
import typing
from typing import Any

import numpy as np

from . import _structstore as core
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


class _Field(typing.NamedTuple):
    """What a field of a record takes."""

    name: str
    base: "np.dtype[Any]"
    shape: tuple[int, ...]
    #: Types of Python's own that NumPy converts without a loss, or refuses itself.
    exact: frozenset[type]


# Before version 2, NumPy takes the lowest bits of an int that does not fit.
_INTS = frozenset((int,)) if int(np.__version__.partition(".")[0]) >= 2 else frozenset[type]()

_EXACT: dict[str, frozenset[type]] = {
    "f": frozenset((float, int)),
    "c": frozenset((complex, float, int)),
    "i": _INTS,
    "u": _INTS,
    "b": frozenset((bool,)),
}


def _fields_of(dtype: "np.dtype[Any]") -> tuple[_Field, ...]:
    if dtype.names is None or dtype.fields is None:
        return ()
    types = [dtype.fields[name][0] for name in dtype.names]
    return tuple(
        _Field(name, found.base, found.shape, _EXACT.get(found.base.kind, frozenset()))
        for name, found in zip(dtype.names, types, strict=True)
    )


_fields = functools.lru_cache(maxsize=256)(_fields_of)


def sample(value: Any, dtype: "np.dtype[Any]", shape: tuple[int, ...]) -> Any:
    """A sample as NumPy takes it. NumPy itself would cut numbers and strings that do not fit, and take the fields of another type."""
    if not shape and type(value) is tuple and dtype.names is not None:
        return _record(value, dtype)
    return _item(value, _Field("", dtype, shape, _EXACT.get(dtype.kind, frozenset())))


def _record(value: Any, dtype: "np.dtype[Any]") -> Any:
    """A tuple, dict, dataclass or record of NumPy's as the tuple that NumPy takes."""
    fields = _fields(dtype)
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        value = {field.name: getattr(value, field.name) for field in dataclasses.fields(value)}
    if isinstance(value, dict):
        if set(value) != {field.name for field in fields}:
            names = [field.name for field in fields]
            raise core.WrongTypeError(f"a sample: found the fields {sorted(value, key=str)}, expected {names}")
        value = tuple(value[field.name] for field in fields)
    if isinstance(value, tuple):
        if len(value) != len(fields):
            raise core.WrongTypeError(f"a sample: found {len(value)} fields, expected {len(fields)}")
        return tuple(
            [
                item if type(item) in field.exact and not field.shape else _item(item, field)
                for item, field in zip(value, fields, strict=True)
            ]
        )
    return _cast(value, "", dtype, ())


def _item(value: Any, field: _Field) -> Any:
    name, base, shape, exact = field
    if shape and isinstance(value, (tuple, list)):
        if len(value) != shape[0]:
            raise core.WrongTypeError(f"a sample: {_of(name)}found {len(value)} items, expected {shape[0]}")
        inner = _Field(name, base, shape[1:], exact)
        return [item if type(item) in exact and not inner.shape else _item(item, inner) for item in value]
    if base.names is not None and not shape:
        return _record(value, base)
    if base.kind in "US" and not shape:
        value = value.value if isinstance(value, enum.Enum) else value
        longest = base.itemsize // (4 if base.kind == "U" else 1)
        if isinstance(value, (str, bytes)) and len(value) > longest:
            raise core.InvalidArgumentError(f"a sample: {_of(name)}found {value!r}, expected at most {longest} characters")
    return _cast(value, name, base, shape)


def _cast(value: Any, name: str, dtype: "np.dtype[Any]", shape: tuple[int, ...]) -> Any:
    """A value that NumPy has to cast, if it is of the same kind: floats are no integers."""
    given = np.asarray(value)
    if given.shape != shape:
        raise core.WrongTypeError(f"a sample: {_of(name)}found the shape {given.shape}, expected {shape}")
    is_int = isinstance(value, int) and dtype.kind in "iufc"
    if is_int and dtype.kind in "iu" and not np.iinfo(dtype).min <= value <= np.iinfo(dtype).max:
        raise OverflowError(f"a sample: {_of(name)}{value} does not fit {dtype}")
    if not is_int and not (_same_names(given.dtype, dtype) and np.can_cast(given.dtype, dtype, "same_kind")):
        raise core.WrongTypeError(f"a sample: {_of(name)}found {given.dtype}, expected {dtype}")
    if dtype.kind in "US" and given.dtype.kind == dtype.kind and given.dtype.itemsize > dtype.itemsize:
        raise core.InvalidArgumentError(f"a sample: {_of(name)}found {given.dtype}, expected {dtype}")
    return value


def _same_names(one: "np.dtype[Any]", two: "np.dtype[Any]") -> bool:
    if one.names is None or two.names is None:
        return one.names is two.names
    types = zip(_fields(one), _fields(two), strict=True)
    return one.names == two.names and all(_same_names(a.base, b.base) for a, b in types)


def _of(name: str) -> str:
    return f"{name}: " if name else ""


def metas(found: dict[str, dict[str, Any]]) -> dict[str, Meta]:
    """The metadata of fields of samples, by their paths."""
    return {path: Meta(**meta) for path, meta in found.items()}
