"""Objects of other packages as what a store holds: arrays, and tables as structures of columns."""

import importlib
from typing import Any

import numpy as np

from . import _structstore as core


def converted(value: Any) -> Any:
    """An object that lends arrays or tables, by NumPy's protocol, DLPack or Arrow's C interface, as arrays, lists and dicts."""
    cls = type(value)
    package = cls.__module__.partition(".")[0]
    if package == "pandas" and hasattr(cls, "columns"):
        return _pandas_columns(value)
    if package == "pandas" and hasattr(cls, "to_numpy") and hasattr(cls, "dtype"):
        if not _has_plain_index(value):
            raise ValueError("it has an index of its own; store series.to_numpy(), or series.reset_index()")
        return _pandas_column(value)
    if hasattr(cls, "__arrow_c_stream__") and hasattr(cls, "columns"):
        table = _arrow().table(value)
        if len(set(table.column_names)) != table.num_columns:
            raise ValueError("its column names are not distinct strings")
        return {name: _arrow_column(table.column(name)) for name in table.column_names}
    if hasattr(cls, "__arrow_c_array__") or hasattr(cls, "__arrow_c_stream__"):
        return _arrow_column(_arrow().chunked_array(value))
    if hasattr(cls, "__array__"):
        return _storable(np.asarray(value))
    # NumPy 1.22 has it by another name.
    from_dlpack = getattr(np, "from_dlpack", None) or getattr(np, "_from_dlpack")  # noqa: B009
    return from_dlpack(value)


def _arrow() -> Any:
    try:
        return importlib.import_module("pyarrow")
    except ImportError:
        raise ImportError("reading this table needs pyarrow: pip install pyarrow") from None


def _arrow_column(column: Any) -> Any:
    if getattr(column.type, "tz", None) is not None:
        raise ValueError("times are stored without a zone; convert them to UTC and drop the zone")
    if column.null_count == 0:
        array = column.to_numpy()
        if array.dtype != object:
            return array
    return column.to_pylist()


def _pandas_columns(frame: Any) -> dict[str, Any]:
    if not _has_plain_index(frame):
        raise ValueError("it has an index of its own; make that a column: frame.reset_index()")
    if not frame.columns.is_unique or not all(isinstance(name, str) for name in frame.columns):
        raise ValueError("its column names are not distinct strings")
    return {name: _pandas_column(frame[name]) for name in frame.columns}


def _has_plain_index(frame: Any) -> bool:
    """Whether rows are numbered from 0, if they have an index at all."""
    index: Any = getattr(frame, "index", None)
    return not hasattr(index, "equals") or index.equals(importlib.import_module("pandas").RangeIndex(len(frame)))


def _pandas_column(series: Any) -> Any:
    # Values of pandas' own zoned types are refused one by one; those of Arrow's would lose their zone.
    if getattr(getattr(series.dtype, "pyarrow_dtype", None), "tz", None) is not None:
        raise ValueError("times are stored without a zone; convert them to UTC and drop the zone")
    if isinstance(series.dtype, np.dtype) and series.dtype != object:
        return series.to_numpy()
    if series.dtype != object and not series.isna().any() and isinstance(getattr(series.dtype, "numpy_dtype", None), np.dtype):
        array = series.to_numpy(dtype=series.dtype.numpy_dtype)
        if array.dtype != object:
            return array
    # What is missing has several names in pandas.
    missing = np.asarray(series.isna()).tolist()
    return [None if gone else value for gone, value in zip(missing, series.tolist(), strict=True)]


def _storable(array: np.ndarray[Any, Any]) -> Any:
    # What has objects of Python's is a list of them, nested for each dimension.
    return array.tolist() if array.dtype == object else array


def to_pandas(structure: core.StructStore) -> Any:
    """See `structstore.to_pandas`."""
    if not isinstance(structure, core.StructStore):
        raise TypeError(f"structure: found {type(structure).__qualname__}, expected a StructStore")
    try:
        pandas = importlib.import_module("pandas")
    except ImportError:
        raise ImportError("structstore.to_pandas() needs pandas, which is not installed") from None
    return pandas.DataFrame(structure.to_dict())
