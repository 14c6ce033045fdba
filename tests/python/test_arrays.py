"""NumPy arrays: what they keep, and the memory that views of them share."""

import dataclasses
import gc
import pickle
import threading
import weakref
from typing import Any

import numpy as np
import pytest

import structstore
from structstore import CleanupMode, StructStore, StructStoreList, StructStoreShared

DTYPES = [
    np.dtype(dtype)
    for dtype in [
        *("?", "i1", "i2", "i4", "i8", "u1", "u2", "u4", "u8", "f2", "f4", "f8", "f16", "c8", "c16", "c32"),
        *(">i2", ">u8", ">f4", ">f8", ">c16", "S1", "S5", "U3", ">U2", "V7", "V0"),
        *("M8[us]", "M8[25s]", "M8", "m8[ns]", "m8[D]", ">M8[ms]"),
        [("a", "i4"), ("b", "f8", (2, 3))],
        [("n", [("q", ">i2"), ("r", "U2")]), ("t", "M8[s]")],
        [(("a title", "a"), "i4")],
        {"names": ["x", "y"], "formats": ["i1", "f4"], "offsets": [2, 8], "itemsize": 16},
    ]
] + [np.dtype([("a", "i1"), ("b", "f8")], align=True)]

SHAPES: list[tuple[int, ...]] = [(), (1,), (3,), (2, 3), (0,), (2, 0, 3), (1,) * 32]


def filled(shape: tuple[int, ...], dtype: np.dtype[Any]) -> np.ndarray[Any, Any]:
    array = np.zeros(shape, dtype)
    if dtype.kind in "?biufcmM" and not dtype.names:
        array[...] = np.arange(array.size).reshape(shape).astype(dtype)
    elif dtype.kind in "SU":
        array[...] = np.array([str(index) for index in range(array.size)]).reshape(shape)
    elif dtype.itemsize:
        raw = np.frombuffer(np.arange(array.nbytes, dtype=np.uint8) % 100, dtype=dtype)
        array[...] = raw.reshape(shape)
    return array


@pytest.mark.parametrize("shape", SHAPES, ids=lambda shape: "x".join(map(str, shape))[:10] or "scalar")
@pytest.mark.parametrize("dtype", DTYPES, ids=str)
def test_every_type_and_shape_comes_back(
    store: StructStore, dtype: np.dtype[Any], shape: tuple[int, ...]
) -> None:
    array = filled(shape, dtype)
    store.array = array
    store.items_ = [array]
    for found in (store.array, store.items_[0], store.deepcopy().array, store.to_dict()["array"]):
        assert type(found) is np.ndarray
        assert found.dtype == array.dtype
        assert found.shape == array.shape
        assert found.tobytes() == array.tobytes()
        assert found.flags.c_contiguous and found.flags.writeable and found.flags.aligned
    assert store.deepcopy().array.flags.owndata
    copied = StructStore()
    copied.from_bytes(store.to_bytes())
    assert copied.array.tobytes() == array.tobytes() and copied.array.dtype == array.dtype


def test_arrays_that_are_not_in_c_order_are_brought_into_it(store: StructStore) -> None:
    array = np.arange(24.0).reshape(2, 3, 4)
    for other in (array.T, array[::-1, :, ::2], np.asfortranarray(array), array[:, 1], np.broadcast_to(array[0], (5, 3, 4))):
        store.array = other
        assert store.array.flags.c_contiguous
        np.testing.assert_array_equal(store.array, other)
    readonly = array.copy()
    readonly.flags.writeable = False
    store.array = readonly
    store.array[0, 0, 0] = 5


def test_subclasses_of_arrays_become_arrays(store: StructStore) -> None:
    class Image(np.ndarray):
        pass

    store.image = np.zeros((1, 2)).view(Image)
    store.record = np.rec.array([(1, 2.0)], dtype=[("a", "i4"), ("b", "f8")])
    assert type(store.image) is np.ndarray and store.image.shape == (1, 2)
    assert store.record["b"][0] == 2.0


@pytest.mark.parametrize(
    "dtype",
    [
        {"names": ["x", "y"], "formats": ["i4", "f4"], "offsets": [8, 0]},
        {"names": ["x", "y"], "formats": ["i4", "f4"], "offsets": [0, 2]},
    ],
)
def test_fields_out_of_order_are_refused(store: StructStore, dtype: Any) -> None:
    store.array = 1
    with pytest.raises(structstore.UnsupportedError, match="array.x: cannot store an array of"):
        store.array = {"x": np.zeros(2, dtype)}
    assert store.array == 1


def test_reading_an_array_gives_a_view(store: StructStore) -> None:
    store.vec = np.array([[1.0, 2.0], [3.0, 4.0]])
    store.vec[0, 0] += 1
    first, second = store.vec, store.vec
    assert first is not second and np.shares_memory(first, second)
    first[1] = 7
    second += 1
    np.testing.assert_array_equal(store.vec, [[3, 3], [8, 8]])
    assert not first.flags.owndata and first.base is not None
    assert first.ctypes.data % 64 == 0
    store.lst = [np.zeros(3)]
    store.lst[0][1] = 5
    assert store.lst[0].tolist() == [0, 5, 0]
    np.testing.assert_array_equal(store.copy().vec, store.vec)
    assert np.shares_memory(store.copy().vec, first)
    assert np.shares_memory(store.items()[0][1], first)


def test_assigning_publishes_a_new_block_and_writing_to_a_view_does_not(store: StructStore) -> None:
    store.vec = np.zeros(4)
    old = store.vec
    store.vec[:] = np.ones(4)
    assert np.shares_memory(old, store.vec) and old.tolist() == [1] * 4
    store.vec = np.full(4, 2.0)
    assert not np.shares_memory(old, store.vec)
    assert old.tolist() == [1] * 4 and store.vec.tolist() == [2] * 4
    old[:] = 9
    assert store.vec.tolist() == [2] * 4
    store.vec = np.arange(6).reshape(2, 3)
    assert store.vec.shape == (2, 3) and store.vec.dtype == np.int64


def test_assigning_its_own_view_changes_nothing(store: StructStore) -> None:
    store.vec = np.arange(4)
    view = store.vec
    store.vec += 1
    store.vec = store.vec
    assert np.shares_memory(view, store.vec) and view.tolist() == [1, 2, 3, 4]
    store.lst = [np.arange(2)]
    item = store.lst[0]
    store.lst[0] *= 2
    assert np.shares_memory(item, store.lst[0])
    # Parts and other forms of it are arrays like any other.
    store.vec = store.vec[1:]
    assert store.vec.tolist() == [2, 3, 4] and view.tolist() == [1, 2, 3, 4]
    store.vec = store.vec.reshape(3, 1)
    assert store.vec.shape == (3, 1)
    store.vec = store.vec.view(np.float64)
    assert store.vec.dtype == np.float64
    store.vec = store.vec[::-1]
    store.other = store.vec
    assert not np.shares_memory(store.other, store.vec)


def test_views_outlive_deletion_replacement_and_the_store(name: str) -> None:
    store = StructStoreShared(name, cleanup=CleanupMode.ALWAYS)
    for field in ("a", "b", "c", "d"):
        store[field] = np.full(1000, 5)
    store.deep = {"lst": [np.full(1000, 5)]}
    views = [store.a, store.b, store.c, store.d, store.deep.lst[0]]
    del store.a
    store.b = np.zeros(1000)
    store.c = "replaced"
    del store.deep
    # What is freed is used again, but not what is viewed.
    for index in range(20):
        store[f"more {index}"] = np.full(1000, index)
    store.check()
    store.clear()
    store.check()
    store.close()
    del store
    gc.collect()
    for view in views:
        assert (view == 5).all()
        view += 1
        assert (view == 6).all()


def test_views_outlive_a_local_store() -> None:
    store = StructStore()
    store.vec = np.arange(1000)
    part = store.vec[10:20]
    del store
    gc.collect()
    StructStore().other = np.zeros(1000)
    assert part.tolist() == list(range(10, 20))


def test_memory_is_given_back_with_the_last_view(shared: StructStoreShared) -> None:
    shared.vec = np.zeros(10)
    view = shared.vec
    del shared.vec, view
    empty = shared.stats()
    shared.vec = np.zeros(100_000)
    views = [shared.vec, shared.vec[5:], shared.vec.T]
    del shared.vec
    assert shared.allocated() > empty.allocated + 700_000
    while views:
        views.pop()
    gc.collect()
    after = shared.stats()
    assert (after.allocated, after.blocks, after.nodes) == (empty.allocated, empty.blocks, empty.nodes)


def test_the_base_of_a_view_is_what_keeps_the_memory(store: StructStore) -> None:
    store.vec = np.arange(3)
    view = store.vec
    part = view[1:]
    assert part.base is view
    reference = weakref.ref(view)
    del view
    assert reference() is not None
    del part
    assert reference() is None


@pytest.mark.parametrize(
    "borrow",
    [
        np.asarray,
        getattr(np, "from_dlpack", np.asarray),  # new in NumPy 1.23
        lambda view: np.asarray(memoryview(view)),
        lambda view: np.frombuffer(view).reshape(view.shape),
        lambda view: np.ctypeslib.as_array(np.ctypeslib.as_ctypes(view)),
        lambda view: np.lib.stride_tricks.sliding_window_view(view, 2, axis=1, writeable=True)[..., 0],
        lambda view: view.view(np.recarray),
    ],
    ids=["asarray", "dlpack", "memoryview", "frombuffer", "ctypes", "strides", "subclass"],
)
def test_what_borrows_a_view_keeps_its_memory(shared: StructStoreShared, borrow: Any) -> None:
    shared.vec = np.arange(200_000.0).reshape(2, -1)
    used = shared.allocated()
    borrowed = borrow(shared.vec)
    # What NumPy takes by DLPack is read-only before version 2.
    (borrowed if getattr(borrowed, "flags", None) is None or borrowed.flags.writeable else shared.vec)[1, 1] = -1
    assert shared.vec[1, 1] == borrowed[1, 1] == -1 and np.shares_memory(borrowed, shared.vec)
    np.add(shared.vec, 1, out=shared.vec)
    assert borrowed[0, 0] == 1
    del shared.vec
    gc.collect()
    assert shared.allocated() > used - 100_000 and borrowed[1, 1] == 0
    del borrowed
    gc.collect()
    assert shared.allocated() < used - 1_500_000


def test_views_can_be_copied_and_pickled(store: StructStore) -> None:
    store.vec = np.arange(3)
    copied = pickle.loads(pickle.dumps(store.vec))
    assert copied.tolist() == [0, 1, 2] and not np.shares_memory(copied, store.vec)
    assert store.vec.copy().flags.owndata


def test_arrays_compare_by_value(store: StructStore) -> None:
    store.vec = np.arange(3)
    assert store == {"vec": np.arange(3.0)}
    assert store != {"vec": np.arange(4)}
    assert store != {"vec": [0, 1, 2]}
    assert np.arange(3) in StructStoreList([np.arange(3)])


def test_pop_gives_a_copy(store: StructStore) -> None:
    store.vec = np.arange(3)
    assert store.pop("vec").flags.owndata
    store.lst = [np.arange(3)]
    assert store.lst.pop().tolist() == [0, 1, 2]


def test_large_arrays(store: StructStore) -> None:
    array = np.random.default_rng(1).random((512, 1024))
    store.big = array
    store.lst = [array, array[:, ::2]]
    np.testing.assert_array_equal(store.big, array)
    np.testing.assert_array_equal(store.lst[1], array[:, ::2])
    np.testing.assert_array_equal(store.deepcopy().big, array)
    store.big = store.lst[0]
    assert store.check() is None


def test_read_only_stores_give_read_only_copies(shared: StructStoreShared, name: str) -> None:
    shared.vec = np.arange(3)
    shared.lst = [np.arange(2)]
    with StructStoreShared(name, read_only=True, cleanup=CleanupMode.NEVER) as reader:
        copied = reader.vec
        assert copied.tolist() == [0, 1, 2] and not copied.flags.writeable
        assert reader.lst[0].tolist() == [0, 1]
        shared.vec[0] = 5
        assert copied[0] == 0 and reader.vec[0] == 5
        assert reader.to_dict()["vec"].flags.writeable


def test_views_under_locks(store: StructStore) -> None:
    store.vec = np.arange(3)
    with store.read_lock():
        assert store.vec.sum() == 3
    with store.write_lock():
        view = store.vec
        store.vec = view * 2
        store.vec[0] = 1
    assert store.vec.tolist() == [1, 2, 4] and view.tolist() == [0, 1, 2]


def test_readers_of_a_published_array_never_see_half_of_it(store: StructStore) -> None:
    store.frame = np.zeros(20_000, dtype=np.int64)
    done = threading.Event()
    torn = []

    def read() -> None:
        while not done.is_set():
            frame = store.frame
            if frame[0] != frame[-1] or not (frame == frame[0]).all():
                torn.append(frame)

    readers = [threading.Thread(target=read) for _ in range(2)]
    for reader in readers:
        reader.start()
    for number in range(300):
        store.frame = np.full(20_000, number)
    done.set()
    for reader in readers:
        reader.join()
    assert not torn


def test_is_current_until_the_array_gets_other_memory(store: StructStore) -> None:
    store.scan = np.arange(4.0)
    view = store.scan
    part = view[1:3].reshape(2, 1)
    view[0] = 7.0
    assert structstore.is_current(view) and structstore.is_current(part)
    store.scan = np.arange(4.0)
    assert not structstore.is_current(view) and not structstore.is_current(part)
    assert view.tolist() == [7.0, 1.0, 2.0, 3.0]
    again = store.scan
    assert structstore.is_current(again)
    del store.scan
    assert not structstore.is_current(again)
    for other in (np.zeros(3), view.copy(), [1.0], None):
        with pytest.raises(TypeError, match="expected a view of an array in a store"):
            structstore.is_current(other)


def test_pop_moves_large_arrays_out(store: StructStore) -> None:
    store.frames = [np.arange(100_000.0), np.arange(3.0)]
    store.frame = np.zeros(100_000)
    large = store.frames[0]
    address = large.__array_interface__["data"]
    assert store.frames.pop(0).__array_interface__["data"] == address, "not a copy"
    field = store.frame.__array_interface__["data"]
    moved = store.pop("frame")
    assert moved.__array_interface__["data"] == field and "frame" not in store
    moved[0] = 1.0
    assert not structstore.is_current(moved)
    small = store.frames.pop()
    assert small.tolist() == [0.0, 1.0, 2.0] and small.base is None
    with pytest.raises(IndexError):
        store.frames.pop()
    del moved, large
    store.check()


def test_live_array_is_assigned_in_place(store: StructStore) -> None:
    store.q = structstore.live(np.zeros(7))
    view = store.q
    assert structstore.is_live(view)
    for assigned in (np.arange(7.0), [1, 2, 3, 4, 5, 6, 7], np.full(7, 0.5, np.float32), structstore.live([2.0] * 7)):
        store.q = assigned
        expected = assigned if not isinstance(assigned, structstore.Live) else [2.0] * 7
        assert view.tolist() == np.asarray(expected, float).tolist()
        assert structstore.is_current(view)
    store.q += 1.0
    assert view.tolist() == [3.0] * 7
    for refused in (np.zeros(6), [1.0], "text", None, np.zeros(7, complex), {}):
        with pytest.raises(structstore.WrongTypeError, match=r"q: found .*, expected live f64\[7\]; remove it first"):
            store.q = refused
    with pytest.raises(ZeroDivisionError), store.transaction():
        store.q = np.ones(7)
        assert view.tolist() == [1.0] * 7
        1 / 0  # noqa: B018
    assert view.tolist() == [3.0] * 7
    assert type(store.deepcopy().q) is np.ndarray
    assert repr(structstore.live([1, 2])) == "structstore.live(array([1, 2]))"
    with pytest.raises(structstore.UnsupportedError):
        structstore.live([object()])
    del store.q
    assert not structstore.is_current(view) and not structstore.is_live(view)
    store.q = "text"


def test_live_array_survives_snapshots_and_nesting(store: StructStore) -> None:
    store.arm = {"q": structstore.live([1.0, 2.0]), "list": [structstore.live([3])]}
    again = StructStore()
    again.from_bytes(store.to_bytes())
    for part in (store.arm, again.arm):
        assert structstore.is_live(part.q) and structstore.is_live(part.list[0])
    store.q = structstore.live([0.0])
    view = store.q
    store.from_bytes(store.to_bytes())
    assert structstore.is_current(view), "a snapshot is assigned to what is there"


def test_large_live_array_is_restored(store: StructStore) -> None:
    store.frame = structstore.live(np.zeros(100_000))
    view = store.frame
    store.frame = np.ones(100_000)
    assert view.all()
    with pytest.raises(ZeroDivisionError), store.transaction():
        store.frame = np.full(100_000, 2.0)
        1 / 0  # noqa: B018
    assert (view == 1.0).all()


def test_fill_publishes_without_a_copy(store: StructStore) -> None:
    with structstore.fill(store, "frame", (2, 3), np.uint8) as pixels:
        assert pixels.shape == (2, 3) and pixels.dtype == np.uint8
        pixels[:] = 7
        assert "frame" not in store and not structstore.is_current(pixels)
    address = pixels.__array_interface__["data"]
    assert store.frame.__array_interface__["data"] == address
    assert store.frame.tolist() == [[7] * 3] * 2 and structstore.is_current(pixels)
    with pytest.raises(ZeroDivisionError), structstore.fill(store, "frame", 5) as other:
        other[:] = 1.0
        1 / 0  # noqa: B018
    assert structstore.is_current(pixels) and not structstore.is_current(other)
    store.queue = []
    with structstore.fill(store.queue, None, 2) as item:
        item[:] = [1.0, 2.0]
    with structstore.fill(store.queue, -1, 1, int) as item:
        item[:] = 5
    assert store.queue.deepcopy()[0].tolist() == [5]
    with structstore.fill(store, "nothing", (0, 4)) as nothing:
        assert nothing.shape == (0, 4)
    assert store.nothing.shape == (0, 4)
    store.q = structstore.live(np.zeros(3))
    view = store.q
    with structstore.fill(store, "q", 3) as elements:
        elements[:] = 1.0
    assert view.tolist() == [1.0] * 3
    with pytest.raises(structstore.WrongTypeError), structstore.fill(store, "q", 4):
        pass
    filling = structstore.fill(store, "twice", 1)
    with filling as once:
        with pytest.raises(RuntimeError, match="being filled already"):
            filling.__enter__()
        once[:] = 3.0
    assert store.twice.tolist() == [3.0]
    del pixels, other, item, elements, view, once
    store.check()


def test_fill_names_what_is_wrong(store: StructStore) -> None:
    store.lst = [1]
    for arguments, message in (
        ((3, "a", 2), "target: expected a StructStore or StructStoreList, found int"),
        ((store, 3, 2), "key: expected the name of a field, found int"),
        ((store, "a", -1), "shape: expected a length or a tuple of lengths, none negative, found int"),
        ((store, "a", "x"), "shape: expected"),
        ((store.lst, "x", 2), "list indices must be integers"),
        ((store, "a", 2, object), "arrays hold no Python objects"),
        ((store, "a", 2, np.dtype(("f8", (2,)))), "add the shape of its elements"),
        ((store, "a", 2, "no type"), "no type"),
    ):
        with pytest.raises(TypeError, match=message):
            structstore.fill(*arguments)
    with pytest.raises(structstore.InvalidArgumentError, match="shape"), structstore.fill(store, "a", (2**62, 8)):
        pass
    with pytest.raises(structstore.IndexOutOfRangeError), structstore.fill(store.lst, 5, 1):
        pass
    assert "a" not in store


def test_pop_in_a_transaction_can_be_undone(store: StructStore) -> None:
    store.frame, store.frames = np.zeros(100_000), [np.zeros(100_000)]
    with pytest.raises(ZeroDivisionError), store.transaction():
        for popped in (store.pop("frame"), store.frames.pop()):
            popped[0] = 5.0
        1 / 0  # noqa: B018
    assert store.frame[0] == 0.0 and store.frames[0][0] == 0.0


def test_live_array_is_a_default_of_a_dataclass(store: StructStore) -> None:
    @dataclasses.dataclass
    class Arm:
        q: np.ndarray = dataclasses.field(default_factory=lambda: structstore.live(np.zeros(3)))

    store.arm, store.stored = {}, Arm()
    assert structstore.is_live(store.stored.q)
    arm = structstore.bind(store.arm, Arm)
    view = arm.q
    arm.q = np.ones(3)
    assert structstore.is_live(view) and view.tolist() == [1.0] * 3
    with pytest.raises(structstore.WrongTypeError, match=r"arm\.q: found f64\[2\], expected live f64\[3\]"):
        arm.q = np.ones(2)
    store.plain = {"q": np.zeros(3)}
    with pytest.raises(structstore.WrongTypeError, match=r"plain\.q: found an array that is not live"):
        structstore.bind(store.plain, Arm)
