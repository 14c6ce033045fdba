"""Dataclasses whose attributes are fields of a structure in a store."""

import dataclasses
import datetime
import enum
import functools
import os
import types
import typing
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from . import _structstore as core
from ._meta import told as told_by
from ._meta import told_by_pydantic
from ._typed import bare, rebuild
from ._version import Version, version_of

_MISSING = dataclasses.MISSING


def bind(structure: core.StructStore, cls: type, widen: bool = False) -> Any:
    """See `structstore.bind`."""
    if not isinstance(structure, core.StructStore):
        raise TypeError(f"expected a structure of a store, found {type(structure).__qualname__}")
    if not _is_dataclass(cls):
        raise TypeError(f"expected a dataclass, found {cls!r}")
    fields = declarations(cls, core._path(structure))
    try:
        created = _declare(structure, cls, fields, widen)
    except core.ReadOnlyError:
        # It cannot be declared from here; what is there has to fit all the same.
        _expect_version(structure, cls)
        core.StructStore.to(structure, cls)
        created = []
    bound = lay_over(structure, cls)
    _keep(bound, "__pin__", core._pin(structure))
    _keep(bound, "__created__", dict(created))
    return bound


def _declare(structure: core.StructStore, cls: type, fields: list[Any], widen: bool) -> list[tuple[str, int]]:
    own = version_of(cls)
    if own is None:
        return core._declare(structure, fields, widen, None)
    told = (own.name, own.version, own.since)
    if own.migrate is None or not _is_older(structure, own):
        return core._declare(structure, fields, widen, told)
    with core.StructStore.transaction(structure):
        # Another program may have done it meanwhile.
        if _is_older(structure, own):
            found = core._version(structure, own.name)
            own.migrate(structure, 0 if found is None else found[0])
        return core._declare(structure, fields, widen, told)


def _is_older(structure: core.StructStore, own: Version) -> bool:
    """Whether what is there is of an earlier version, or of a time without versions, which only the class knows."""
    found = core._version(structure, own.name)
    return len(structure) > 0 if found is None else found[0] < own.version


def _expect_version(structure: core.StructStore, cls: type) -> None:
    own = version_of(cls)
    found = None if own is None else core._version(structure, own.name)
    if own is None or found is None or found[0] == own.version or found[0] > own.version >= found[1]:
        return
    advice = "" if found[0] > own.version else "; a process that may write has to bind it first"
    path = core._path(structure)
    error = core.OtherVersionError(
        f"{path or 'the root'}: found version {found[0]} of {own.name}, expected version {own.version}{advice}"
    )
    error.path = path
    raise error


def declarations(cls: type, path: str, around: tuple[type, ...] = ()) -> list[tuple[Any, ...]]:
    """Of each field the name, the kind of values, whether it may be None, the default if it has one, what is to be declared in it,
    what structures that come and go in it have, and its metadata. One that `__init__` does not take is left alone unless it has a default.
    Of the classes `around`, which may contain themselves, nothing is said again."""
    around = (*around, cls)
    hints = typing.get_type_hints(cls, include_extras=True)
    declared = []
    for field in dataclasses.fields(cls):
        hint, inner = hints[field.name], core._join(path, field.name)
        default = tuple(fit(value, hint, inner) for value in _default(cls, field))
        if not default and not field.init:
            continue
        arms = list(_arms(hint))
        kinds = {_kind(arm) for arm in arms if arm is not types.NoneType}
        optional = types.NoneType in arms
        # An optional part comes and goes, so that there is nothing to be declared in it.
        nested = declarations(arms[0], inner, around) if len(arms) == 1 and _is_dataclass(arms[0]) else []
        kind = kinds.pop() if len(kinds) == 1 else "any"
        told = {} if kind == "any" else {**told_by_pydantic(cls, field.name), **told_by(hint)}
        declared.append((field.name, kind, optional, default, nested, _parts(hint, inner, around), told))
    return declared


def _parts(hint: Any, path: str, around: tuple[type, ...]) -> tuple[str, list[Any]]:
    """Where there are dataclasses that come and go, and what is in them."""
    hint = bare(hint)
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if origin in (typing.Union, types.UnionType):
        where, arms = "optional", [arm for arm in arguments if arm is not types.NoneType]
    elif not isinstance(origin, type):
        return "", []
    elif issubclass(origin, Mapping):
        where, arms = "entries", list(arguments[1:])
    else:
        where, arms = "items", [arm for arm in arguments if arm is not Ellipsis]
        if not issubclass(origin, Sequence):
            return "", []
    inner: Any = bare(arms[0]) if len(arms) == 1 else None
    if not _is_dataclass(inner) or inner in around:
        return "", []
    return where, declarations(inner, path, around)


def _default(cls: type, field: dataclasses.Field[Any]) -> tuple[Any, ...]:
    """The default of a field, if it has one."""
    # A dataclass of pydantic's has a description of the field where others have its default.
    described = getattr(cls, "__pydantic_fields__", {}).get(field.name)
    if described is not None:
        return () if described.is_required() else (described.get_default(call_default_factory=True),)
    if field.default_factory is not _MISSING:
        return (field.default_factory(),)
    return () if field.default is _MISSING else (field.default,)


def fit(value: Any, annotation: Any, path: str) -> Any:
    """A value to be stored at a path, as an annotation says."""
    if isinstance(value, Bound):
        value = value.__structure__
    # An array is looked at where it is: it may be a view of what it is assigned to.
    plain = value if isinstance(value, np.ndarray) else core._plain(value, path)
    fitting = rebuild(plain, annotation, path)
    if isinstance(value, core.Live):
        return core.live(fitting)
    # A part of a store is assigned as such: it may be what is there already.
    return value if isinstance(value, core.StructStore | core.StructStoreList) else fitting


def lay_over(structure: core.StructStore, cls: type) -> Any:
    """An object whose attributes are the fields of a structure."""
    over = _class_over(cls)
    # A class with slots decides how its instances are laid out.
    maker = core._Bound if over.__base__ is core._Bound else object
    bound: Any = maker.__new__(over)
    _keep(bound, "__structure__", structure)
    return bound


def _keep(bound: Any, slot: str, value: Any) -> None:
    """Lays something into a slot of an object, whatever its class makes of assignments."""
    type(bound).__dict__[slot].__set__(bound, value)


class Bound:
    """What is different from a dataclass where an instance is bound."""

    __slots__ = ()
    __structure__: core.StructStore
    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        try:
            return super().__repr__()
        except core.Error as error:
            return f"<{self.__class__.__qualname__}: {error}>"

    def __reduce_ex__(self, protocol: Any) -> tuple[Any, ...]:
        return bind, (self.__structure__, self.__class__)

    def __copy__(self) -> Any:
        return dataclasses.replace(self)  # type: ignore[type-var]

    def __deepcopy__(self, memo: Any) -> Any:
        return core.StructStore.to(self.__structure__, self.__class__)


class _Checked:
    """Over a class that assigns its attributes itself, as frozen ones do: what core._Bound does over others."""

    __slots__ = ()

    def __setattr__(self, name: str, value: Any) -> None:
        if not hasattr(type(self), name):
            message = f"{self.__class__.__qualname__} has no field {name!r}"
            raise AttributeError(message, name=name, obj=self)
        super().__setattr__(name, value)


def _make_class_over(cls: type) -> type:
    hints = typing.get_type_hints(cls, include_extras=True)
    members: dict[str, Any] = {
        "__module__": cls.__module__,
        "__qualname__": cls.__qualname__,
        "__doc__": cls.__doc__,
        "__slots__": ("__structure__", "__pin__", "__created__"),
        # Dataclasses compare, and are replaced, only as what they are by this.
        "__class__": property(lambda self: cls),
    }
    attributes = {field.name: _attribute(field.name, hints[field.name]) for field in dataclasses.fields(cls)}
    members |= attributes
    first = core._Bound if cls.__setattr__ is object.__setattr__ else _Checked
    over = types.new_class(cls.__name__, (first, Bound, cls), exec_body=lambda namespace: namespace.update(members))
    for attribute in attributes.values():
        attribute._place(over.__dict__["__structure__"])
    return over


_class_over = functools.cache(_make_class_over)


def _attribute(name: str, annotation: Any) -> core._Attribute:
    annotation = bare(annotation)
    arms = list(_arms(annotation))
    dataclass = next((arm for arm in arms if _is_dataclass(arm)), None)
    live = tuple(cls for arm in arms for cls in _live(arm))
    # What is of one of these is looked at no further, neither where it is read nor where it is assigned.
    exact = [cls for cls in (bool, int, float, str, bytes, types.NoneType) if cls in arms]

    def get(bound: Bound, value: Any) -> Any:
        if isinstance(value, live):
            return value
        if dataclass is not None and isinstance(value, core.StructStore):
            return lay_over(value, dataclass)
        path = core._join(core._path(bound.__structure__), name)
        return rebuild(core._plain(value, path), annotation, path)

    def put(bound: Bound, value: Any) -> None:
        bound.__structure__[name] = fit(value, annotation, core._join(core._path(bound.__structure__), name))

    return core._Attribute(name, exact, get, put)


def _is_dataclass(cls: Any) -> bool:
    return isinstance(cls, type) and dataclasses.is_dataclass(cls)


def _arms(annotation: Any) -> Iterator[Any]:
    """The types, or literals, that an annotation allows."""
    annotation = bare(annotation)
    origin = typing.get_origin(annotation)
    if origin in (typing.Union, types.UnionType):
        for arm in typing.get_args(annotation):
            yield from _arms(arm)
    elif origin is typing.Literal:
        yield annotation
    else:
        yield types.NoneType if annotation is None else origin or annotation


def _live(cls: Any) -> tuple[type, ...]:
    """Parts of a store that are lent as they are where a type is asked for."""
    if cls in (Any, object):
        return core.StructStore, core.StructStoreList, np.ndarray
    if not isinstance(cls, type) or issubclass(cls, str | bytes | tuple):
        return ()
    if issubclass(cls, Mapping | types.SimpleNamespace):
        return (core.StructStore,)
    if issubclass(cls, Sequence):
        return core.StructStoreList, np.ndarray
    return (np.ndarray,) if issubclass(cls, np.ndarray) else ()


_KINDS: list[tuple[tuple[type, ...], str]] = [
    ((bool, np.bool_), "bool"),
    ((int,), "int"),
    # Before its base.
    ((np.float64,), "float64"),
    ((float,), "float"),
    ((str, os.PathLike), "str"),
    ((bytes,), "bytes"),
    ((complex, datetime.date, datetime.timedelta, np.ndarray, np.complexfloating, np.datetime64), "array"),
    ((Mapping, types.SimpleNamespace), "struct"),
]


def _common_kind(values: Iterable[Any]) -> str:
    kinds = {_kind(type(value)) for value in values}
    return kinds.pop() if len(kinds) == 1 else "any"


def _kind(cls: Any) -> str:
    """What values of a type are stored as; "any" where that is not one kind."""
    if typing.get_origin(cls) is typing.Literal:
        return _common_kind(typing.get_args(cls))
    if not isinstance(cls, type):
        return "any"
    if issubclass(cls, enum.Enum):
        return _common_kind(member.value for member in cls)
    if issubclass(cls, np.integer | np.float32):
        return np.dtype(cls).name
    for classes, kind in _KINDS:
        if issubclass(cls, classes):
            return kind
    if _is_dataclass(cls):
        return "struct"
    # A named tuple may be there with names or without.
    is_list = issubclass(cls, Sequence) and not hasattr(cls, "_fields")
    return "list" if is_list else "any"
