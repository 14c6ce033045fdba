"""Files whose bytes were damaged: an exception, never a crash. What the engine checks is tested in Rust."""

from pathlib import Path

import numpy as np
import pytest

import structstore
from structstore import CleanupMode, StructStoreShared


@pytest.mark.parametrize(
    ("original", "damaged"),
    [
        (b"[('a', '<i8')]", b"[('a', '|O8')]"),
        (b"[('a', '<i8')]", b"[('a', '<x8')]"),
        (b"[('a', '<i8')]", b"[('a', '<i4')]"),
        (b"[('a', '<i8')]", b"[[[[[[[[[[[[[["),
        (b"[('a', '<i8')]", b"[__import__(1)"),
        (b"[('a', '<i8')]", b"[('a', 'a<i8)]"),
        (b"[('a', '<i8')]", b"[1, 2, 3, 4  ]"),
        (b"|V8\0\0\0\0\0", b"|O8\0\0\0\0\0"),
        (b"|V8\0\0\0\0\0", b"<x8\0\0\0\0\0"),
        (b"|V8\0\0\0\0\0", b"<U9\0\0\0\0\0"),
        (b"|V8\0\0\0\0\0", b"\xff\xfe8\0\0\0\0\0"),
    ],
)
def test_damaged_element_types(tmp_path: Path, original: bytes, damaged: bytes) -> None:
    path = tmp_path / "store"
    with StructStoreShared(path, use_file=True, cleanup=CleanupMode.NEVER) as store:
        store.records = np.zeros(3, dtype=[("a", "i8")])
        store.void = np.zeros(3, dtype="V8")
    contents = path.read_bytes()
    assert contents.count(original) == 1 and len(original) == len(damaged)
    path.write_bytes(contents.replace(original, damaged))
    field = "void" if original.startswith(b"|V8") else "records"
    with StructStoreShared(path, use_file=True, cleanup=CleanupMode.NEVER) as store:
        for read in (lambda: store[field], lambda: store.deepcopy(), lambda: store.copy(), lambda: store.items()):
            with pytest.raises(structstore.CorruptError):
                read()
        other = "records" if field == "void" else "void"
        assert store[other].shape == (3,)


@pytest.mark.parametrize("length", [0, 1, 100, 4096, 65535])
def test_files_cut_short(tmp_path: Path, length: int) -> None:
    path = tmp_path / "store"
    with StructStoreShared(path, use_file=True, cleanup=CleanupMode.NEVER) as store:
        store.kept = 1
    path.write_bytes(path.read_bytes()[:length])
    if length == 0:
        with StructStoreShared(path, use_file=True) as store:
            assert store == {}
        return
    with pytest.raises(structstore.CorruptError):
        StructStoreShared(path, use_file=True)
    with StructStoreShared(path, use_file=True, reinit=True) as store:
        assert store == {}
        store.check()


def test_images_that_are_none() -> None:
    store = structstore.StructStore()
    for image in (b"", b"STRUCTIM", b"STRUCTIM" + bytes(100), bytes(range(256)) * 10):
        with pytest.raises(structstore.CorruptError):
            store.from_bytes(image)
    assert store == {}
