"""Random operations on a view of a store and on an array of NumPy's own have equal results and equal errors."""

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from structstore import StructStore

Array = np.ndarray[Any, Any]

DTYPES = hnp.scalar_dtypes() | hnp.nested_dtypes(hnp.scalar_dtypes(), max_leaves=4, max_itemsize=64)
SHAPES = hnp.array_shapes(min_dims=0, max_dims=4, min_side=0, max_side=5)
ARRAYS = DTYPES.filter(lambda dtype: dtype.itemsize > 0).flatmap(lambda dtype: hnp.arrays(dtype, SHAPES))


def same(ours: Any, theirs: Any) -> None:
    """Equal to the bit, and of the same type and shape."""
    assert type(ours) is type(theirs)
    if isinstance(theirs, np.ndarray | np.generic):
        assert (ours.dtype, ours.shape) == (theirs.dtype, theirs.shape)
        assert ours.tobytes() == theirs.tobytes()
    elif isinstance(theirs, tuple):
        for our, their in zip(ours, theirs, strict=True):
            same(our, their)
    else:
        # Lists of records may have arrays in them, which do not just equal each other.
        assert repr(ours) == repr(theirs)


def outcome(operation: Callable[[Array], Any], array: Array) -> Any:
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        try:
            return operation(array)
        # The last is what NumPy has for dates whose years are too long for it.
        except (TypeError, ValueError, IndexError, OverflowError, RuntimeError) as error:
            return type(error)


def put(index: Any, value: Any) -> Callable[[Array], None]:
    return lambda array: array.__setitem__(index, value)


OPERATIONS: list[Callable[[Array], Any]] = [
    lambda array: array.sort(axis=-1),
    lambda array: array.fill(0),
    lambda array: array.fill("1"),
    lambda array: array.__iadd__(array),
    lambda array: array.__imul__(3),
    lambda array: array.__itruediv__(2),
    lambda array: array.__iand__(1),
    lambda array: np.negative(array, out=array),
    lambda array: np.add(array, 1, out=array, casting="unsafe"),
    lambda array: np.copyto(array, array[..., ::-1]),
    lambda array: np.cumsum(array, axis=0, out=array),
    lambda array: array.byteswap(inplace=True),
    lambda array: array.partition(0, axis=0),
    lambda array: array.T.__setitem__(..., 0),
    lambda array: array.reshape(-1).__setitem__(slice(None, None, -2), 1),
    lambda array: array.view("u1").__setitem__(..., 255),
    lambda array: np.put(array, [0, -1], 1),
    lambda array: array[array.dtype.names[0]].__setitem__(..., 0) if array.dtype.names else None,
    lambda array: array.reshape(-1).resize(3),
    lambda array: (array.sum(), array.max(), array.argmin()),
    lambda array: array.tolist(),
    lambda array: np.asarray(array).astype("U"),
    lambda array: array @ array,
]


@st.composite
def changes(draw: st.DrawFn, shape: tuple[int, ...]) -> list[Callable[[Array], Any]]:
    indices = hnp.basic_indices(shape, allow_newaxis=True, allow_ellipsis=True) | st.sampled_from([99, (0,) * 9, "f0"])
    if shape and 0 not in shape:
        indices |= hnp.integer_array_indices(shape)
        indices |= hnp.arrays(np.bool_, shape)
    values = st.sampled_from([0, 1, -1, 300, 1.5, "text", b"bytes", 2 + 1j, None, [1, 2], (1, 2)])
    access = indices.map(lambda index: lambda array: array[index])
    assignment = st.builds(put, indices, values)
    return draw(st.lists(st.sampled_from(OPERATIONS) | access | assignment, max_size=6))


@settings(max_examples=300, deadline=None)
@given(data=st.data(), array=ARRAYS, transpose=st.booleans())
def test_views_do_what_arrays_do(data: st.DataObject, array: Array, transpose: bool) -> None:
    store = StructStore()
    store.array = array.T if transpose else array
    model = array.T.copy() if transpose else array.copy()
    same(store.array, model)
    view = store.array
    for change in data.draw(changes(model.shape)):
        ours, theirs = outcome(change, view), outcome(change, model)
        # What is returned may be the array itself, or share its memory.
        same(ours, theirs)
        same(store.array, model if model.size else store.array)
    if model.size:
        same(store.array, model)
    same(store.to_dict()["array"], np.array(view))
    other = StructStore()
    other.from_bytes(store.to_bytes())
    same(other.array, np.array(view))
    store.check()


@settings(max_examples=100, deadline=None)
@given(first=ARRAYS, second=ARRAYS)
def test_one_replaces_the_other(first: Array, second: Array) -> None:
    store = StructStore()
    store.array = first
    old = store.array
    store.array = second
    same(store.array, np.ascontiguousarray(second).reshape(second.shape))
    same(old, np.ascontiguousarray(first).reshape(first.shape))
    same(store.pop("array"), np.array(second))
    assert not old.size or old.base is not None
