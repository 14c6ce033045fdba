"""Structures as notebooks show them: trees that fold."""

import base64
import html
from typing import Any

import numpy as np

from . import _structstore as core

# How many parts of a structure are shown, how many of all, how many levels of them, and how many characters of a value.
_PARTS = 100
_ALL = 1000
_LEVELS = 10
_CHARACTERS = 200
# The smallest side of an array that is a picture, and the largest side of the picture, in pixels.
_SMALLEST = 8
_LARGEST = 200
# How many pictures there are.
_PICTURES = 16

_LIST_STYLE = "list-style: none; margin: 0; padding-left: 1.2em"
_FAINT = "opacity: 0.6"


def tree(structure: Any) -> str:
    """A structure or list, whose parts are folded but for those of itself."""
    title = html.escape(type(structure).__name__)
    return f'<div style="font-family: monospace">{_Tree().structure(title, structure, 0)}</div>'


class _Tree:
    def __init__(self) -> None:
        self._left = _ALL
        self._pictures = _PICTURES

    def structure(self, title: str, structure: Any, level: int) -> str:
        try:
            parts = list(self._parts(structure))
            count = len(structure)
        except core.Error as error:
            return f"<div>{title} <i>{html.escape(str(error))}</i></div>"
        noun = "item" if isinstance(structure, core.StructStoreList) else "field"
        told = f'{title} <span style="{_FAINT}">{count} {noun}{"" if count == 1 else "s"}</span>'
        if not parts or level >= _LEVELS:
            return f"<div>{told}</div>"
        shown = [f"<li>{self._part(name, value, level + 1)}</li>" for name, value in parts if self._take()]
        if len(shown) < count:
            shown.append(f'<li style="{_FAINT}">… and {count - len(shown)} more</li>')
        state = " open" if level == 0 else ""
        return f'<details{state}><summary>{told}</summary><ul style="{_LIST_STYLE}">{"".join(shown)}</ul></details>'

    def _take(self) -> bool:
        self._left -= 1
        return self._left >= 0

    @staticmethod
    def _parts(structure: Any) -> Any:
        if isinstance(structure, core.StructStoreList):
            for at in range(min(len(structure), _PARTS)):
                yield f"[{at}]", structure[at]
        else:
            for name in structure.keys()[:_PARTS]:
                yield name, structure.get(name)

    def _part(self, name: str, value: Any, level: int) -> str:
        title = f"<b>{html.escape(name if name.isprintable() else repr(name))}</b>"
        if isinstance(value, core.StructStore | core.StructStoreList):
            return self.structure(title, value, level)
        if isinstance(value, np.ndarray):
            return self._array(title, value)
        if isinstance(value, core.StructStoreStream):
            kind = f"stream of {html.escape(str(value.dtype))}{list(value.shape) or ''}, depth {value.depth}"
            return f'<div>{title} <span style="{_FAINT}">{kind}</span></div>'
        text = repr(value[:_CHARACTERS] if isinstance(value, str | bytes) else value)
        more = "…" if isinstance(value, str | bytes) and len(value) > _CHARACTERS else ""
        return (
            f'<div>{title} <span style="{_FAINT}">{type(value).__name__}</span> '
            f"<span>{html.escape(text)}{more}</span></div>"
        )

    def _array(self, title: str, array: np.ndarray[Any, Any]) -> str:
        kind = f"{array.dtype.name if array.dtype.names is None else 'records'}{list(array.shape)}"
        told = f'{title} <span style="{_FAINT}">{html.escape(kind)}</span>'
        try:
            text = np.array2string(array, threshold=50, edgeitems=2)[: 10 * _CHARACTERS]
        except ValueError:  # NumPy has no text for some times.
            text = "…"
        if array.ndim == 0 or array.size <= 3:
            return f"<div>{told} {html.escape(text)}</div>"
        picture = _picture(array) if self._pictures > 0 else ""
        self._pictures -= bool(picture)
        return f"<details><summary>{told}</summary>{picture}<pre>{html.escape(text)}</pre></details>"


def _picture(array: np.ndarray[Any, Any]) -> str:
    """An image, made small, if an array of bytes has the shape of one."""
    if array.dtype not in (np.uint8, np.bool_) or array.ndim not in (2, 3) or min(array.shape[:2]) < _SMALLEST:
        return ""
    step = -(-max(array.shape[:2]) // _LARGEST)
    png = core._png(np.ascontiguousarray(array[::step, ::step]))
    if png is None:
        return ""
    return f'<img alt="" src="data:image/png;base64,{base64.b64encode(png).decode()}"/>'
