"""Tables of what was recorded."""

import importlib
import json
from typing import Any

import numpy as np


def to_pandas(times: "np.ndarray[Any, Any]", columns: dict[str, Any]) -> Any:
    """See `structstore.Run.to_pandas`."""
    pandas = _installed("pandas")
    index = pandas.Index(times, name="time")
    return pandas.DataFrame({name: _column(values) for name, values in columns.items()}, index=index)


def to_arrow(times: "np.ndarray[Any, Any]", columns: dict[str, Any]) -> Any:
    """See `structstore.Run.to_arrow`."""
    pyarrow = _installed("pyarrow")

    def array(values: Any) -> Any:
        try:
            return pyarrow.array(_column(values))
        except (pyarrow.ArrowInvalid, pyarrow.ArrowTypeError):
            return pyarrow.array([json.dumps(value, default=str) for value in values])

    return pyarrow.table([times, *map(array, columns.values())], names=["time", *columns])


def _installed(package: str) -> Any:
    try:
        return importlib.import_module(package)
    except ImportError:
        raise ImportError(f"{package} is needed, and is not installed") from None


def _column(values: Any) -> Any:
    """A table's columns have one dimension: rows of more are objects."""
    return values.tolist() if isinstance(values, np.ndarray) and values.ndim > 1 else values
