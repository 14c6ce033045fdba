"""Files whose bytes were damaged: an exception, never a crash. What the engine checks is tested in Rust."""

import dataclasses
import json
from pathlib import Path
from typing import Literal

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


def test_bytes_that_are_no_snapshot() -> None:
    store = structstore.StructStore()
    whole = structstore.StructStore()
    whole.update(items=[1, "two"], vec=np.zeros(3))
    image = whole.to_bytes()
    damaged = [image[:length] for length in range(0, len(image), 7)]
    damaged += [image[:at] + bytes([image[at] ^ 1]) + image[at + 1 :] for at in range(0, len(image), 7)]
    for image in (b"STRUCTIM" + bytes(100), bytes(range(256)) * 10, b"[" * 1_000_000, *damaged):
        for make in (store.from_bytes, structstore._restore, structstore._restore_list):
            with pytest.raises(structstore.CorruptError):
                make(image)
        with pytest.raises(structstore.CorruptError):
            store.from_bytes(bytearray(image))
    assert store == {}


def test_what_would_control_a_terminal_is_escaped() -> None:
    store = structstore.StructStore()
    store.sub = {"\x1b[2J": "\x9b\u202e"}
    store.sub["limits"] = {"\x1b[2J": "text"}
    for shown in (repr(store.sub), str(store.sub), store.sub.to_json(), store.sub._repr_html_()):
        assert shown.replace("\n", "").isprintable(), shown
    assert json.loads(store.sub.to_json())["\x1b[2J"] == "\x9b\u202e"
    with pytest.raises(structstore.WrongTypeError) as raised:
        store.sub.limits.to(dict[str, float])
    assert str(raised.value) == r'sub.limits."\u001b[2J": found str, expected float'


def test_errors_show_little_of_what_is_there() -> None:
    store = structstore.StructStore()
    store.state = "x" * 1000
    cls = dataclasses.make_dataclass("Robot", [("state", Literal["idle", "busy"])])
    with pytest.raises(structstore.WrongTypeError) as raised:
        store.to(cls)
    assert len(str(raised.value)) < 200
