"""Names of fields that attribute access does not reach."""

import warnings

_warned: set[tuple[type, str]] = set()


def warn(cls: type, name: str) -> None:
    """Warns, once, that instances of a class have a field of the name of a method."""
    if (cls, name) in _warned:
        return
    _warned.add((cls, name))
    message = f"{cls.__qualname__} has a field {name!r}, which is an attribute of StructStore: read it as store[{name!r}]"
    warnings.warn(message, UserWarning, stacklevel=2)
