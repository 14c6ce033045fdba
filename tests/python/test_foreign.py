"""Objects of other packages: what lends arrays, and tables."""

import collections
import datetime
import random
from typing import Any

import numpy as np
import pytest

import structstore
from structstore import StructStore, UnsupportedError


class Lends:
    """An array of another package, by one of the protocols."""

    def __init__(self, array: Any) -> None:
        self._array = array


class LendsToNumPy(Lends):
    def __array__(self, dtype: Any = None, copy: Any = None) -> Any:
        return self._array


class LendsByDlpack(Lends):
    def __dlpack__(self, **options: Any) -> Any:
        return self._array.__dlpack__()

    def __dlpack_device__(self) -> Any:
        return self._array.__dlpack_device__()


@pytest.mark.parametrize("cls", [LendsToNumPy, LendsByDlpack])
def test_arrays_of_other_packages_are_arrays(store: StructStore, cls: Any) -> None:
    array = np.arange(6, dtype=np.float32).reshape(2, 3)
    store.x, store.lst = cls(array), [cls(array)]
    for found in (store.x, store.lst[0]):
        assert found.dtype == np.float32
        np.testing.assert_array_equal(found, array)
    structstore.set_at(store, "lst[0]", cls(array + 1))
    assert store.lst[0][0, 0] == 1.0


def test_arrays_of_objects_are_lists(store: StructStore) -> None:
    store.x = LendsToNumPy(np.array([[1, "two"], [None, 2.5]], dtype=object))
    assert store.x == [[1, "two"], [None, 2.5]]


def test_what_refuses_to_lend_says_why(store: StructStore) -> None:
    class OnAnotherDevice(Lends):
        def __array__(self, dtype: Any = None, copy: Any = None) -> Any:
            raise TypeError("cannot convert; copy it to the host first")

    with pytest.raises(UnsupportedError, match="^x: cannot store .*OnAnotherDevice; cannot convert; copy it to the host first"):
        store.x = OnAnotherDevice(None)
    assert "x" not in store and store != {"x": OnAnotherDevice(None)}


def test_data_frames_are_columns(store: StructStore) -> None:
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame(
        {
            "t": np.arange(3) * 0.1,
            "n": np.arange(3, dtype=np.int16),
            "label": ["a", None, "c"],
            "when": np.array(["2026-01-02", "2026-01-03", "2026-01-04"], "M8[ns]"),
            "whole": pandas.array([1, 2, 3], dtype="Int64"),
            "gaps": pandas.array([1, None, 3], dtype="Int64"),
            "flag": [True, False, True],
            "kind": pandas.Categorical(["x", "y", "x"]),
        }
    )
    store.run = frame
    assert store.run.t.dtype == np.float64 and store.run.n.dtype == np.int16 and store.run.flag.dtype == np.bool_
    assert store.run.when.dtype == np.dtype("M8[ns]") and store.run.whole.dtype == np.int64
    assert store.run.label == ["a", None, "c"] and store.run.gaps == [1, None, 3] and store.run.kind == ["x", "y", "x"]
    back = structstore.to_pandas(store.run)
    assert list(back) == list(frame)
    pandas.testing.assert_frame_equal(back[["t", "n", "when", "flag"]], frame[["t", "n", "when", "flag"]])
    assert back.label.tolist()[0::2] == ["a", "c"] and back.whole.tolist() == [1, 2, 3]
    store.column = frame.t
    np.testing.assert_array_equal(store.column, frame.t.to_numpy())
    store.index = frame.index
    assert store.index.tolist() == [0, 1, 2]
    store.empty_ = pandas.DataFrame({"a": []})
    assert len(structstore.to_pandas(store.empty_)) == 0


def test_data_frames_that_are_more_than_columns_are_refused(store: StructStore) -> None:
    pandas = pytest.importorskip("pandas")
    for frame, message in (
        (pandas.DataFrame({"a": [1]}, index=["x"]), r"make that a column: frame.reset_index\(\)"),
        (pandas.DataFrame([[1, 2]]), "its column names are not distinct strings"),
        (pandas.DataFrame([[1, 2]], columns=["a", "a"]), "its column names are not distinct strings"),
    ):
        with pytest.raises(UnsupportedError, match=rf"^x.y: cannot store pandas.*; .*{message}"):
            store.x = {"y": frame}
    assert "x" not in store and store != {"y": pandas.DataFrame([[1, 2]])}
    with pytest.raises(ValueError, match="same length"):
        structstore.to_pandas(StructStore(a=[1], b=[1, 2]))


def test_arrow_tables_are_columns(store: StructStore) -> None:
    pyarrow = pytest.importorskip("pyarrow")
    store.table = pyarrow.table({"t": [0.5, 1.5], "label": ["a", None], "n": [1, None]})
    assert store.table.t.tolist() == [0.5, 1.5] and store.table.label == ["a", None] and store.table.n == [1, None]
    store.column = pyarrow.array([1, 2, 3])
    assert store.column.dtype == np.int64 and store.column.tolist() == [1, 2, 3]
    pandas = pytest.importorskip("pandas")
    zoned = pyarrow.array([0], pyarrow.timestamp("us", "Europe/Berlin"))
    for value in (zoned, pyarrow.table({"t": zoned}), pandas.Series(zoned, dtype=pandas.ArrowDtype(zoned.type))):
        with pytest.raises(UnsupportedError, match="times are stored without a zone"):
            store.zoned = value


def test_tensors_are_arrays(store: StructStore) -> None:
    torch = pytest.importorskip("torch")
    store.weights = torch.ones(2, 3)
    assert store.weights.shape == (2, 3) and store.weights.dtype == np.float32
    with pytest.raises(UnsupportedError, match="detach"):
        store.weights = torch.ones(2, requires_grad=True)


def test_what_would_lose_something_is_refused(store: StructStore) -> None:
    pandas = pytest.importorskip("pandas")
    for value in (
        pandas.Series([1, 2], index=["x", "y"]),
        pandas.Period("2020-05"),
        pandas.DataFrame({"p": [pandas.Period("2020-05")]}),
        pandas.Timestamp("2020-01-01", tz="UTC"),
        pandas.Series(pandas.to_datetime(["2020-01-01"]).tz_localize("UTC")),
        pandas.NA,
        random.Random(5),
    ):
        with pytest.raises(UnsupportedError, match="^x"):
            store.x = value
        assert store != {"x": value}
    store.x = pandas.array([1, 2, None])
    assert store.x == [1, 2, None]
    store.x = pandas.Categorical(["a", "b"])
    assert store.x == ["a", "b"]
    store.x = pandas.NaT
    assert np.isnat(store.x)
    store.x = pandas.Timestamp("2020-01-01")
    assert store.x == datetime.datetime(2020, 1, 1)


def test_mappings_are_structs(store: StructStore) -> None:
    store.x = collections.UserDict(a=1)
    store.y = collections.ChainMap({"a": 2}, {"b": 3})
    assert store.x == {"a": 1} and store.y == {"a": 2, "b": 3}
    assert collections.UserDict(a=1) not in structstore.StructStoreList([5])
