"""Structures of a store as instances of classes, checked against the classes' annotations."""

import dataclasses
import datetime
import enum
import os
import types
import typing
from collections.abc import Mapping, Sequence
from typing import Any

from . import _structstore as core

# How many characters of a value an error shows.
_SHOWN = 64

_NUMBERS: dict[Any, tuple[type, ...]] = {
    bool: (bool,),
    int: (int,),
    float: (float, int),
    str: (str,),
    bytes: (bytes,),
}


def rebuild(plain: Any, annotation: Any, path: str) -> Any:
    """What a detached copy of a part of a store, which was found at `path`, is as an annotation says."""
    return _convert(plain, annotation, path)


def _fail(path: str, found: object, expected: str) -> typing.NoReturn:
    error = core.WrongTypeError(f"{path or 'the structure'}: found {found}, expected {expected}")
    error.path = path
    raise error


def _misfit(path: str, value: object, annotation: Any) -> typing.NoReturn:
    error = core.OutOfRangeError(f"{path or 'the structure'}: {value} does not fit {_name(annotation)}")
    error.path = path
    raise error


def _mismatch(path: str, value: object, annotation: Any) -> typing.NoReturn:
    _fail(path, _name(type(value)), _name(annotation))


def _shown(value: object) -> str:
    """A value that is there, cut where it is long."""
    shown = repr(value)
    return shown if len(shown) <= _SHOWN else f"{shown[:_SHOWN]}…"


def _name(annotation: Any) -> str:
    if annotation is types.NoneType:
        return "None"
    if isinstance(annotation, type) and not typing.get_args(annotation):
        return "struct" if annotation is dict else annotation.__qualname__
    return str(annotation).replace("typing.", "")


def bare(annotation: Any) -> Any:
    """What an annotation says, without what only names it or adds to it."""
    origin, arguments = typing.get_origin(annotation), typing.get_args(annotation)
    if isinstance(annotation, typing.NewType):
        return bare(annotation.__supertype__)
    if origin in (typing.Annotated, typing.ClassVar, typing.Final):
        return bare(arguments[0])
    alias = origin or annotation
    # A `type` statement; NumPy's NDArray is one since Python 3.12.
    if type(alias).__name__ == "TypeAliasType":
        given = dict(zip(alias.__type_params__, arguments, strict=False))
        free = getattr(alias.__value__, "__parameters__", ())
        return bare(alias.__value__[tuple(given[name] for name in free)] if given and free else alias.__value__)
    return annotation


def _convert(value: Any, annotation: Any, path: str) -> Any:
    annotation = bare(annotation)
    if annotation is Any or annotation is object:
        return value
    if annotation is None or annotation is types.NoneType:
        return value if value is None else _mismatch(path, value, types.NoneType)
    if annotation in _NUMBERS:
        # A bool is an int to Python, and nobody means it.
        if isinstance(value, _NUMBERS[annotation]) and (annotation is bool or not isinstance(value, bool)):
            made: Any = annotation(value)
            # Python compares an int with a float exactly. NaN is unlike itself, and no int.
            if isinstance(value, int) and made != value:
                _misfit(path, value, annotation)
            return made
        return _mismatch(path, value, annotation)
    origin = typing.get_origin(annotation)
    if origin is not None:
        return _generic(value, annotation, origin, typing.get_args(annotation), path)
    if isinstance(annotation, type):
        return _instance(value, annotation, path)
    return _fail(path, f"the annotation {annotation!r}", "a class, or a generic type of the standard library")


def _generic(value: Any, annotation: Any, origin: Any, arguments: tuple[Any, ...], path: str) -> Any:
    if origin is typing.Literal:
        for wanted in arguments:
            if type(wanted) is type(value) and wanted == value:
                return wanted
        return _fail(path, _shown(value), _name(annotation))
    if origin is typing.Union or origin is types.UnionType:
        return _union(value, annotation, arguments, path)
    if not isinstance(origin, type):
        return _mismatch(path, value, annotation)
    if issubclass(origin, tuple):
        items = _items(value, annotation, path)
        if len(arguments) == 2 and arguments[1] is Ellipsis:
            arguments = (arguments[0],) * len(items)
        if arguments == ((),):
            arguments = ()
        if len(arguments) != len(items):
            _fail(path, f"{len(items)} items", _name(annotation))
        return tuple(
            _convert(item, kind, f"{path}[{at}]") for at, (item, kind) in enumerate(zip(items, arguments, strict=True))
        )
    if issubclass(origin, Sequence) or origin in (set, frozenset):
        items = [
            _convert(item, arguments[0], f"{path}[{at}]") for at, item in enumerate(_items(value, annotation, path))
        ]
        # An abstract class is satisfied by a list.
        make: Any = list if origin.__module__ == "collections.abc" else origin
        return make(items)
    if issubclass(origin, Mapping):
        if not isinstance(value, dict):
            _mismatch(path, value, annotation)
        return {name: _convert(item, arguments[1], core._join(path, name)) for name, item in value.items()}
    if origin.__module__.partition(".")[0] == "numpy":
        return _array(value, annotation, arguments, path)
    return _instance(value, origin, path)


def _union(value: Any, annotation: Any, arguments: tuple[Any, ...], path: str) -> Any:
    # What it is exactly goes first: an int is not to become a float where both may be.
    arms = sorted(arguments, key=lambda arm: arm is not type(value))
    failure = None
    for arm in arms:
        try:
            return _convert(value, arm, path)
        except core.Error as error:
            # What went wrong further below says more than that nothing fits, and so does a number that is too large.
            if failure is None or _telling(error) > _telling(failure):
                failure = error
    if failure is not None and (failure.path != path or isinstance(failure, core.OutOfRangeError)):
        raise failure
    return _mismatch(path, value, annotation)


def _telling(error: core.Error) -> tuple[int, bool]:
    return len(error.path or ""), isinstance(error, core.OutOfRangeError)


def _items(value: Any, annotation: Any, path: str) -> list[Any]:
    if isinstance(value, list):
        return value
    # A Rust program keeps numbers in an array.
    if hasattr(value, "tolist") and getattr(value, "ndim", 0) > 0:
        items: list[Any] = value.tolist()
        return items
    return _mismatch(path, value, annotation)


def _array(value: Any, annotation: Any, arguments: tuple[Any, ...], path: str) -> Any:
    import numpy as np

    if isinstance(value, list):
        items = value
        try:
            value = np.asarray(items)
        except (ValueError, OverflowError):
            _mismatch(path, items, annotation)
        # NumPy makes floats of ints that are beside floats, and strings of anything.
        if not _equal(value.tolist(), items):
            _fail(path, "a list whose items have no common type", _name(annotation))
    if not isinstance(value, np.ndarray):
        _mismatch(path, value, annotation)
    kinds = typing.get_args(arguments[1]) if len(arguments) == 2 else ()
    if kinds and isinstance(kinds[0], type) and not np.issubdtype(value.dtype, kinds[0]):
        if np.can_cast(value.dtype, kinds[0]):
            made: Any = value.astype(kinds[0])
            # To NumPy all ints become floats safely, also those that a float does not represent.
            if not _equal(made.tolist(), value.tolist()):
                _misfit(path, f"an array of {value.dtype}", annotation)
            return made
        _fail(path, f"an array of {value.dtype}", f"one of {kinds[0].__name__}")
    return value


def _equal(one: Any, other: Any) -> bool:
    """Whether numbers, or nested lists of them, are the same exactly, NaN included."""
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(_equal, one, other))
    return bool(one == other or one != one and other != other)


def _numpy_scalar(value: Any, cls: type, path: str) -> Any:
    """A number as a scalar of NumPy's, by the rules by which the store converts numbers: ints that fit, exactly; floats to
    the nearest one of less precision, unless that is infinite; nothing else."""
    import numpy as np

    # What a store holds as an array without dimensions.
    if getattr(value, "ndim", None) == 0:
        value = value.item() if value.dtype.kind in "biufc" else value[()]
    if isinstance(value, cls):
        return value
    make: Any = cls
    is_int = isinstance(value, int) and not isinstance(value, bool)
    if issubclass(cls, np.bool_) and isinstance(value, bool):
        return make(value)
    if issubclass(cls, np.integer) and is_int:
        if not np.iinfo(cls).min <= value <= np.iinfo(cls).max:
            _misfit(path, value, cls)
        return make(value)
    numbers = (float, np.floating, complex, np.complexfloating)[: 4 if issubclass(cls, np.complexfloating) else 2]
    if issubclass(cls, np.inexact) and (is_int or isinstance(value, numbers)):
        with np.errstate(over="ignore"):
            made = make(value)
        if made.item() != value if is_int else np.isfinite(value) and not np.isfinite(made):
            _misfit(path, value, cls)
        return made
    return _mismatch(path, value, cls)


def _instance(value: Any, cls: type, path: str) -> Any:
    if issubclass(cls, enum.Enum):
        try:
            return cls(value)
        except ValueError:
            _fail(path, _shown(value), " or ".join(repr(member.value) for member in cls))
    make: Any = cls
    if issubclass(cls, os.PathLike) and isinstance(value, str):
        return make(value)
    if issubclass(cls, datetime.date | datetime.timedelta) and getattr(value, "ndim", None) == 0:
        value = value.item()
    if cls is complex and getattr(value, "ndim", None) == 0:
        value = value.item()
    if isinstance(value, dict):
        if cls is dict:
            return value
        if cls is types.SimpleNamespace:
            return cls(**value)
        if callable(getattr(cls, "model_validate", None)):
            return cls.model_validate(value)  # type: ignore[attr-defined]
        return _object(value, cls, path)
    if cls is tuple and isinstance(value, list):
        return tuple(value)
    names = getattr(cls, "_fields", None)
    if names is not None and isinstance(value, list) and len(value) <= len(names):
        # A named tuple is stored as any other.
        return _object(dict(zip(names, value, strict=False)), cls, path)
    if isinstance(value, cls):
        return value
    if cls.__module__.partition(".")[0] == "numpy":
        import numpy as np

        if issubclass(cls, np.ndarray):
            return _array(value, cls, (), path)
        if issubclass(cls, np.generic):
            return _numpy_scalar(value, cls, path)
    return _mismatch(path, value, cls)


def _object(fields: dict[str, Any], cls: type, path: str) -> Any:
    """An instance of a class with annotated fields: a dataclass, a named tuple, or anything that takes them by name."""
    hints = typing.get_type_hints(cls, include_extras=True)
    given: dict[str, Any] = {}
    later: dict[str, Any] = {}
    for name, hint, by_init, has_default in _fields(cls, hints):
        if name in fields:
            (given if by_init else later)[name] = _convert(fields[name], hint, core._join(path, name))
        elif not has_default:
            error = core.NotFoundError(f"{core._join(path, name)}: no such field")
            error.path = core._join(path, name)
            raise error
    made = cls(**given)
    for name, value in later.items():
        object.__setattr__(made, name, value)
    return made


def _fields(cls: type, hints: dict[str, Any]) -> list[tuple[str, Any, bool, bool]]:
    """Name and annotation of each field, whether it is an argument, and whether it may be left out."""
    if dataclasses.is_dataclass(cls):
        missing = dataclasses.MISSING
        return [
            (
                field.name,
                hints[field.name],
                field.init,
                field.default is not missing or field.default_factory is not missing or not field.init,
            )
            for field in dataclasses.fields(cls)
        ]
    attributes = getattr(cls, "__attrs_attrs__", None)
    if attributes is not None:
        return [
            (field.name, hints.get(field.name, Any), field.init, repr(field.default) != "NOTHING")
            for field in attributes
        ]
    defaults = getattr(cls, "_field_defaults", None)
    if defaults is not None:
        return [(name, hints.get(name, Any), True, name in defaults) for name in hints]
    return [
        (name, hint, True, hasattr(cls, name))
        for name, hint in hints.items()
        if typing.get_origin(hint) is not typing.ClassVar
    ]
