"""What is said of fields that are not there."""

import difflib
from typing import Any


def message(error: Any) -> str:
    """The message of a NotFoundError. Names that are near to the one asked for are looked for only when it is read."""
    text = Exception.__str__(error)
    structure, name = getattr(error, "_structure", None), getattr(error, "_name", None)
    if structure is None or not isinstance(name, str):
        return text
    known = []
    if error._is_attribute:
        text = text.replace("no such field", "no such field or method")
        known = [method for method in dir(type(structure)) if not method.startswith("_")]
    try:
        near = difflib.get_close_matches(name, [*structure.keys(), *known], 1)
    except Exception:  # It cannot be read any more.
        return text
    return f"{text}; did you mean {near[0]!r}?" if near else text
