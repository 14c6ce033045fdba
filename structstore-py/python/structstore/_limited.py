"""Views of arrays whose elements have limits."""

from typing import Any

import numpy as np


class LimitedArray(np.ndarray[Any, Any]):
    """A read-only view of an array whose elements have limits. Copies, pickles and results of operations are ordinary arrays."""

    def __setitem__(self, key: Any, value: Any) -> None:
        if not self.flags.writeable:
            raise ValueError(
                "the elements of this array have limits: assign one with structstore.set_at(store, path, value), or the whole array"
            )
        super().__setitem__(key, value)

    def copy(self, order: Any = "C") -> Any:
        return np.asarray(self).copy(order)

    def __copy__(self) -> Any:
        return self.copy()

    def __deepcopy__(self, memo: Any) -> Any:
        return self.copy()

    def __reduce_ex__(self, protocol: Any) -> Any:
        # Of a read-only array, protocol 5 makes one that is read-only, too.
        return self.copy().__reduce_ex__(protocol)

    # NumPy before version 2 does not say whether a scalar is wanted, and gives arrays without dimensions for all that are.
    def __array_wrap__(self, array: Any, context: Any = None, return_scalar: bool | None = None) -> Any:
        plain = np.asarray(array)
        return plain[()] if return_scalar or return_scalar is None and plain.ndim == 0 else plain
