"""Views of arrays whose elements have limits."""

import typing
from typing import Any

import numpy as np


class LimitedArray(np.ndarray[Any, Any]):
    """A read-only view of an array whose elements have limits. What is made of it is an ordinary array."""

    def __setitem__(self, *_: Any) -> typing.NoReturn:
        raise ValueError(
            "the elements of this array have limits: assign one with structstore.set_at(store, path, value), or the whole array"
        )

    def __array_wrap__(self, array: Any, context: Any = None, return_scalar: bool = False) -> Any:
        plain = np.asarray(array)
        return plain[()] if return_scalar else plain
