"""Metadata of fields, from keywords and annotations."""

import collections.abc
import dataclasses
import enum
import math
import types
import typing
from typing import Any

from . import _structstore as core
from ._typed import bare


# Those whose metadata say what their attributes are called: of any other module, a `unit` may be anything.
_KNOWN = {"annotated_types", "pydantic", "pydantic_core", "typing_extensions", "typing"}


@dataclasses.dataclass(frozen=True, kw_only=True, repr=False)
class Meta:
    """Metadata of a field: for `declare()`, and for annotations of classes that are bound by `bind()`.

        >>> @dataclasses.dataclass
        ... class Drive:
        ...     mode: typing.Literal["idle", "running"] = "idle"
        ...     kp: typing.Annotated[float, structstore.Meta(ge=0, le=10, step=0.05, unit="1/s")] = 1.5
        >>> store = structstore.StructStore()
        >>> drive = structstore.bind(store, Drive)
        >>> store.mode = "runing"
        Traceback (most recent call last):
        structstore.LimitError: mode: found "runing", expected "idle" or "running"; did you mean "running"?

    `ge`, `gt`, `le` and `lt` limit numbers, and exclude NaN; `multiple_of` is for ints, and `finite` for floats. These limits and
    `choices`, strings or ints, apply to the field itself, to every element of an array, and to every item of a list. `min_length` and
    `max_length` apply to the field itself: to the bytes of a string in UTF-8, to bytes, to the items of a list, to the first dimension of
    an array. A field that may be None can always be None.

    `step`, `unit`, `description` and `read_only` are hints for user interfaces. `reset()` assigns `default`.

    `alias`, one or several, is another name of the field, such as its name in an earlier version of the program: programs of both versions
    use one field. `growable` lets programs of other versions use another length for the array, and `widened` lets programs with a narrower
    type read values that fit.

    Annotations may instead use annotated_types or pydantic's `Field`. Literals and enums declare choices.
    """

    ge: float | None = None
    gt: float | None = None
    le: float | None = None
    lt: float | None = None
    multiple_of: int | None = None
    finite: bool = False
    min_length: int | None = None
    max_length: int | None = None
    choices: tuple[str | int, ...] = ()
    step: float | None = None
    unit: str = ""
    description: str = ""
    read_only: bool = False
    alias: str | tuple[str, ...] = ()
    growable: bool = False
    widened: bool = False
    default: Any = ...

    def __post_init__(self) -> None:
        if self.ge is not None and self.gt is not None:
            raise TypeError("give one of ge and gt")
        if self.le is not None and self.lt is not None:
            raise TypeError("give one of le and lt")

    def __repr__(self) -> str:
        return f"Meta({', '.join(f'{name}={value!r}' for name, value in _given(self).items())})"


def _given(meta: Meta) -> dict[str, Any]:
    """What is said, by name."""
    fields = dataclasses.fields(meta)
    every = ((field.name, getattr(meta, field.name), field.default) for field in fields)
    return {name: value for name, value, default in every if value is not default and value != default}


def declare(structure: core.StructStore, name: str, meta: Meta | None, told: dict[str, Any]) -> None:
    """See `structstore.declare`."""
    given = Meta(**told) if meta is None else dataclasses.replace(meta, **told)
    core._declare_field(structure, name, _given(given))


def get(structure: core.StructStore, name: str) -> Meta:
    """See `structstore.meta`."""
    found = core._meta(structure, name)
    return Meta(**found)


def told(annotation: Any) -> dict[str, Any]:
    """The metadata in an annotation, as the native half takes it."""
    while True:
        origin, arguments = typing.get_origin(annotation), typing.get_args(annotation)
        if isinstance(annotation, typing.NewType):
            annotation = annotation.__supertype__
        elif origin in (typing.Final, typing.ClassVar):
            annotation = arguments[0]
        elif origin is typing.Annotated:
            inner = told(arguments[0])
            for item in arguments[1:]:
                _add(inner, _of(item))
            return inner
        elif (plain := bare(annotation)) is not annotation:
            annotation = plain
        else:
            break
    if origin in (typing.Union, types.UnionType):
        arms = [arm for arm in arguments if arm is not types.NoneType]
        return told(arms[0]) if len(arms) == 1 else {}
    if origin is typing.Literal:
        return _choices(arguments)
    if isinstance(annotation, type) and issubclass(annotation, enum.Enum) and not issubclass(annotation, enum.Flag):
        return _choices([member.value for member in annotation])
    if isinstance(origin, type) and issubclass(origin, collections.abc.Sequence):
        items = {argument for argument in arguments if argument is not Ellipsis}
        if len(items) == 1:
            of_items = told(items.pop())
            return {name: value for name, value in of_items.items() if name not in ("min_length", "max_length")}
    return {}


def told_by_pydantic(cls: type, name: str) -> dict[str, Any]:
    """The metadata of a field of a pydantic dataclass, from its `Field`."""
    field = getattr(cls, "__pydantic_fields__", {}).get(name)
    return {} if field is None else _of(field)


def _choices(values: collections.abc.Iterable[Any]) -> dict[str, Any]:
    """The choices, if all are strings or all are integers."""
    choices = [value for value in values if value is not None]
    kinds = {type(value) for value in choices}
    return {"choices": choices} if kinds in ({str}, {int}) else {}


def _of(item: Any) -> dict[str, Any]:
    """The metadata in one item of `Annotated`."""
    if isinstance(item, Meta):
        return _given(item)
    if type(item).__module__.partition(".")[0] not in _KNOWN:
        return {}
    found: dict[str, Any] = {}
    # One of pydantic's has a list of others, as some of those of annotated_types are groups.
    for other in getattr(item, "metadata", None) or ():
        _add(found, _of(other))
    for name in ("ge", "gt", "le", "lt", "multiple_of", "min_length", "max_length", "unit"):
        value = getattr(item, name, None)
        if value is not None and not callable(value):
            _add(found, {name: value})
    if getattr(item, "allow_inf_nan", None) is False:
        found["finite"] = True
    description = getattr(item, "description", None) or getattr(item, "documentation", None)
    if isinstance(description, str):
        found["description"] = description
    return found


def _add(to: dict[str, Any], more: dict[str, Any]) -> None:
    """Adds metadata. Of two bounds, the tighter one wins."""
    for name, value in more.items():
        if name in ("ge", "gt"):
            _bound(to, "ge", "gt", name, value, max)
        elif name in ("le", "lt"):
            _bound(to, "le", "lt", name, value, min)
        elif name == "min_length":
            if value:
                to[name] = max(to.get(name, value), value)
        elif name == "max_length":
            to[name] = min(to.get(name, value), value)
        elif name == "multiple_of":
            _multiple(to, value)
        else:
            to[name] = value


def _bound(to: dict[str, Any], inclusive: str, exclusive: str, name: str, value: Any, tighter: Any) -> None:
    other = to.get(inclusive, to.get(exclusive))
    if other is None or tighter(other, value) != other or (value == other and name == exclusive):
        to.pop(inclusive, None)
        to.pop(exclusive, None)
        to[name] = value


def _multiple(to: dict[str, Any], value: Any) -> None:
    if isinstance(value, int):
        to["multiple_of"] = math.lcm(to.get("multiple_of", value), value)
    elif isinstance(value, float) and value > 0:
        # Floats are not held to multiples; a user interface steps by them.
        to.setdefault("step", value)
