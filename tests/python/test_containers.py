"""Structures and lists as Python's own mappings and sequences."""

import copy
import html
import html.parser
import json
import math
import multiprocessing
import pickle
from collections.abc import MutableMapping, MutableSequence

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
import structstore
from structstore import Error, NotFoundError, StaleHandleError, StructStore, StructStoreList, UnsupportedError

numbers = st.lists(st.integers(-5, 5), max_size=8)


def stored(items):
    return StructStoreList(items)


def outcome(operation):
    """What an operation returns, or which exception it raises."""
    try:
        return operation()
    except (TypeError, ValueError, IndexError) as error:
        return next(kind for kind in (TypeError, IndexError, ValueError) if isinstance(error, kind))


@settings(max_examples=60, deadline=None)
@given(numbers, numbers, st.integers(-2, 3))
def test_lists_do_what_lists_do(items, others, times):
    ours = stored(items)
    assert ours + others == items + others
    assert others + ours == others + items
    assert ours + stored(others) == items + others
    assert ours * times == items * times
    assert times * ours == times * items
    assert list(reversed(ours)) == list(reversed(items))
    for name in ("__lt__", "__le__", "__gt__", "__ge__", "__eq__", "__ne__"):
        expected = getattr(items, name)(others)
        assert getattr(ours, name)(others) == expected
        assert getattr(ours, name)(stored(others)) == expected
        assert getattr(ours, name)(tuple(others)) == expected
    for start in (0, 1, -2, 10, -10):
        for stop in (None, 3, -1, -10):
            arguments = (1, start) if stop is None else (1, start, stop)
            assert outcome(lambda: ours.index(*arguments)) == outcome(lambda: items.index(*arguments))
    ours *= times
    items *= times
    assert ours == items
    ours.reverse()
    items.reverse()
    assert ours == items
    for options in ({}, {"reverse": True}, {"key": abs}, {"key": lambda item: item % 3, "reverse": True}):
        ours.sort(**options)
        items.sort(**options)
        assert ours == items


def test_sorting_moves_items_and_keeps_them():
    store = StructStore()
    store.lst = [{"name": "b", "rank": 2}, {"name": "a", "rank": 1}, {"name": "c", "rank": 0}]
    items = store.lst
    first = items[0]
    items.sort(key=lambda item: item.name)
    assert [item.name for item in items] == ["a", "b", "c"]
    assert first.name == "b" and items[1].rank == 2, "handles stay valid"
    with pytest.raises(TypeError):
        items.sort()
    with pytest.raises(ZeroDivisionError):
        items.sort(key=lambda item: 1 / item.rank)
    assert [item.name for item in items] == ["a", "b", "c"], "what raises changes nothing"
    store.check()


def test_lists_refuse_what_lists_refuse():
    items = stored([1, 2])
    for operation in (
        lambda: items + (1,),
        lambda: items + 1,
        lambda: items * 1.5,
        lambda: items < 5,
        lambda: items < "ab",
        lambda: items.sort(None),
    ):
        with pytest.raises(TypeError):
            operation()
    assert items != "ab" and not items == 5
    assert items == [1, 2]


@settings(max_examples=60, deadline=None)
@given(st.dictionaries(st.sampled_from("abcdef"), st.integers(-(2**63), 2**64 - 1), max_size=5))
def test_structures_do_what_dicts_do(fields):
    store = StructStore()
    store |= fields
    assert store == fields
    assert list(reversed(store)) == list(reversed(fields))
    store |= [("x", 1)]
    fields |= [("x", 1)]
    while fields:
        assert store.popitem() == fields.popitem()
    with pytest.raises(KeyError):
        store.popitem()


def test_they_are_mappings_and_sequences():
    store = StructStore()
    assert isinstance(store, MutableMapping) and not isinstance(store, MutableSequence)
    assert isinstance(stored([]), MutableSequence)
    store.num = 1

    def named(**fields):
        return fields

    assert named(**store) == {"num": 1}
    match store:
        case {"num": number}:
            assert number == 1
        case _:
            pytest.fail("it is a mapping")
    match stored([1, 2]):
        case [first, *rest]:
            assert (first, rest) == (1, [2])
        case _:
            pytest.fail("it is a sequence")


def test_get_is_quiet_about_what_is_missing():
    store = StructStore()
    store.num = 5
    assert (store.get("num"), store.get("none"), store.get("none", 7)) == (5, None, 7)
    store.part = {"x": 1}
    part = store.part
    del store.part
    with pytest.raises(StaleHandleError):
        part.get("x", 0)


def test_what_is_long_is_printed_short(store):
    store.update(image=np.zeros((1000, 1000)), small=[0] * 1000, sub={"numbers": list(range(5000))})
    store.update(text="ä" * 3000, raw=bytes(2000), items=[{"x": np.arange(1001, dtype=np.uint8)}])
    assert len(str(store)) < 30_000
    shown = json.loads(str(store))
    assert shown["image"] == "f64[1000, 1000]" and shown["small"] == [0] * 1000
    assert shown["sub"]["numbers"][998:] == [998, 999, "… and 4000 items more"]
    assert shown["text"] == "ä" * 1000 + "… and 2000 characters more" and shown["raw"] == "2000 bytes"
    assert shown["items"] == [{"x": "u8[1001]"}]
    assert str(store["items"]) == '[{"x": "u8[1001]"}]'
    assert json.loads(store.to_json())["sub"]["numbers"] == list(range(5000)), "whole"
    assert len(repr(store)) < 100 and len(repr(store.sub)) < 100


def test_near_names_are_suggested():
    store = StructStore()
    store.part = {"exposure": 1, "gain": 2}
    for missing in (lambda: store.part.exposrue, lambda: store.part["exposrue"], lambda: store.at("part", "exposrue")):
        with pytest.raises(AttributeError) as raised:
            missing()
        assert isinstance(raised.value, KeyError)
        told = str(raised.value).replace(" or method", "")
        assert told == "part.exposrue: no such field; did you mean 'exposure'?"
    with pytest.raises(KeyError) as raised:
        store.part["nothing like it"]
    assert str(raised.value) == "part.nothing like it: no such field"
    part = store.part
    with pytest.raises(KeyError) as raised:
        part["gian"]
    del store.part
    assert str(raised.value) == "part.gian: no such field", "what is gone has no names"
    assert "no such field" in str(pickle.loads(pickle.dumps(NotFoundError("x: no such field"))))


def test_json_is_pythons():
    store = StructStore()
    store.state = {"num": 5, "list": [1, None, True, "a\n\"b\""], "large": 1e300, "vec": np.eye(2)}
    text = store.to_json(plain=True)
    assert json.loads(text) == {
        "state": {"num": 5, "list": [1, None, True, 'a\n"b"'], "large": 1e300, "vec": [[1.0, 0.0], [0.0, 1.0]]}
    }
    assert json.loads(store.to_json(indent=True, plain=True)) == json.loads(text)
    assert "\n" in store.to_json(indent=True)
    del store.state.vec
    assert store.to_json() == store.to_json(plain=True), "what JSON has gets no tag"


@pytest.mark.parametrize(
    ("value", "path", "what"),
    [
        (math.nan, "part.value", "JSON has no NaN; without plain=True it gets a tag"),
        (np.float32(-np.inf), "part.value", "JSON has no -Infinity; without plain=True it gets a tag"),
        ([{"a.b": math.inf}], 'part.value[0]."a.b"', "JSON has no Infinity; without plain=True it gets a tag"),
        (np.array([[0.0, 1.0], [np.nan, 2.0]]), "part.value[1][0]", "JSON has no NaN; without plain=True it gets a tag"),
        (1j, "part.value", "JSON has no numbers for an array of |c16; without plain=True it gets a tag"),
        (np.zeros(2, ">f8"), "part.value", "JSON has no numbers for an array of >f8; without plain=True it gets a tag"),
    ],
)
def test_json_does_not_spoil_what_it_has_no_words_for(store, value, path, what):
    store.part = {"before": 1, "value": value}
    for structure in (store, store.part):
        with pytest.raises(UnsupportedError) as raised:
            structure.to_json(plain=True)
        assert (str(raised.value), raised.value.path) == (f"{path}: {what}", path)
        copied = structstore.from_json(structure.to_json())
        assert repr(copied.to_dict()) == repr(structure.to_dict()), "with tags nothing is lost"
    assert "null" not in str(store), "for people it is written by name"


def as_json(value):
    """What a copy of a store is in plain JSON."""
    if isinstance(value, dict):
        return {name: as_json(item) for name, item in value.items()}
    if isinstance(value, list):
        return [as_json(item) for item in value]
    return value.hex() if isinstance(value, bytes) else value


def identical(one, other):
    """Equal also in type and in the sign of zero."""
    return repr(one) == repr(other)


TEXT = st.text(st.characters(exclude_categories=["Cs"]))
LEAVES = st.none() | st.booleans() | st.integers(-(2**63), 2**64 - 1) | TEXT | st.binary()
# The second of two equal times at the end of summer time is stored as the first.
WHOLE_TIMES = st.datetimes().map(lambda time: time.replace(fold=0))
FINITE = LEAVES | st.floats(allow_nan=False, allow_infinity=False)


def trees(leaves):
    return st.dictionaries(
        TEXT.filter(bool),
        st.recursive(leaves, lambda inner: st.lists(inner) | st.dictionaries(TEXT.filter(bool), inner), max_leaves=20),
        max_size=5,
    )


@settings(max_examples=300, deadline=None)
@given(trees(FINITE))
def test_json_is_exact(tree):
    store = StructStore()
    store.update(tree)
    for text in (store.to_json(plain=True), store.to_json(indent=True, plain=True)):
        assert identical(json.loads(text), as_json(tree))


@settings(max_examples=300, deadline=None)
@given(trees(LEAVES | st.floats() | st.complex_numbers() | WHOLE_TIMES | st.dates() | st.binary()))
def test_documents_are_exact(tree):
    store = StructStore()
    store.update(tree)
    for copied in (
        structstore.from_json(store.to_json()),
        structstore.from_json(store.to_json(indent=True).encode()),
        structstore.from_yaml(store.to_yaml()),
    ):
        assert identical(copied.to_dict(), tree)


@pytest.mark.parametrize(
    ("read", "document", "error", "message"),
    [
        (structstore.from_json, "{", structstore.CorruptError, "^document: EOF while parsing an object"),
        (structstore.from_json, "[1]", structstore.WrongTypeError, "found list, expected struct"),
        (structstore.from_json, '{"a": {"$bytes": "0x"}}', structstore.WrongTypeError, r"^a\.\$bytes: found \"0x\", expected hex"),
        (structstore.from_json, '{"a": 18446744073709551616}', structstore.OutOfRangeError, "^a: 18446744073709551616 does not fit"),
        (structstore.from_yaml, "a: [", structstore.CorruptError, "^document: "),
        (structstore.from_yaml, b"a: \xff", structstore.CorruptError, "^document: "),
        (structstore.from_yaml, 5, structstore.UnsupportedError, "cannot store int; a document is str or bytes"),
    ],
)
def test_what_is_no_document_is_refused(read, document, error, message):
    with pytest.raises(error, match=message):
        read(document)


@settings(max_examples=300, deadline=None)
@given(trees(LEAVES | st.floats()))
def test_snapshots_are_exact(tree):
    store, copy = StructStore(), StructStore()
    store.update(tree)
    copy.from_bytes(store.to_bytes())
    assert identical(copy.to_dict(), tree) and identical(store.to_dict(), tree)


DTYPES = [
    *"?bBhHiIlLqQefdgFDG",
    ">i4", ">f8", "S3", "U2", "V5", "M8[ns]", "m8[D]", [("a", "<i4"), ("b", "<f8", (2,))],
]  # fmt: skip


@settings(max_examples=200, deadline=None)
@given(st.sampled_from(DTYPES), st.lists(st.integers(0, 3), max_size=4), st.randoms())
def test_snapshots_keep_arrays_of_any_type_bit_by_bit(dtype, shape, random):
    count = int(np.prod(shape, dtype=int)) * np.dtype(dtype).itemsize
    raw = bytes(random.getrandbits(8) for _ in range(count))
    array = np.frombuffer(raw if dtype != "?" else bytes(byte & 1 for byte in raw), np.uint8).view(dtype).reshape(shape)
    store, copy = StructStore(), StructStore()
    store.array = array
    copy.from_bytes(store.to_bytes())
    for found in (store.array, copy.array, copy.to_dict()["array"]):
        assert (found.dtype, found.shape, found.tobytes()) == (array.dtype, array.shape, array.tobytes())


def test_yaml():
    store = StructStore()
    store.state = {"num": 5, "list": [1, None, True, "yes"], "inf": float("inf"), "vec": np.eye(2), "raw": b"ab"}
    text = store.to_yaml()
    assert "num: 5" in text and ".inf" in text
    assert "yes" in text and "- yes\n" not in text, "text that looks like a truth value is quoted"
    store.when = np.datetime64("2026-01-02")
    with pytest.raises(UnsupportedError, match=r"^when: YAML has no numbers for an array of \|M8\[1D\]; without plain=True it gets a tag$"):
        store.to_yaml(plain=True)
    assert structstore.from_yaml(store.to_yaml()) == store


def test_notebooks_and_completion():
    store = StructStore()
    store["<b>"] = "a & b"
    assert store._ipython_key_completions_() == ["<b>"]
    store.frame = np.zeros((480, 640, 3), np.uint8)
    store.vec, store.part = np.arange(6.0).reshape(2, 3), {"deep": [1, {"x": 2.5}], "none": None}
    store.when, store.imu = np.datetime64("2026-01-02"), structstore.Stream(dtype=[("t", "f8")], depth=4)
    store.many = list(range(1000))
    shown = store._repr_html_()
    parsed = html.parser.HTMLParser()
    parsed.feed(shown)
    assert shown.count("<details") == shown.count("</details>") >= 5
    for part in (
        "<b>&lt;b&gt;</b>",
        "&#x27;a &amp; b&#x27;",
        "uint8[480, 640, 3]",
        'src="data:image/png;base64,iVBOR',
        "float64[2, 3]",
        "… and 900 more",
        "depth 4",
        "NoneType",
    ):
        assert part in shown, part
    assert "<script" not in shown and len(shown) < 40_000
    many = StructStore(frames=[np.zeros((100, 100), np.uint8) for _ in range(50)])
    assert many._repr_html_().count("<img ") == 16
    assert "<b>[1]</b>" in store.part.deep._repr_html_()
    part = store.part
    del store.part
    assert "was removed" in part._repr_html_()
    with StructStore().write_lock() as deep:
        for _ in range(50):
            deep["a"] = {}
            deep = deep.a
    assert len(deep._repr_html_()) < 500


def test_local_structures_are_pickled_by_value():
    store = StructStore()
    store.part = {"num": 5, "vec": np.arange(6, dtype=np.uint8).reshape(2, 3), "items": [1, {"x": 2}]}
    for original in (store, store.part, store.part["items"]):
        restored = pickle.loads(pickle.dumps(original))
        assert type(restored) is type(original) and restored == original
    restored = pickle.loads(pickle.dumps(store))
    restored.part.num = 6
    assert store.part.num == 5
    assert restored.part.vec.dtype == np.uint8
    assert copy.deepcopy(store).part.num == 5


def _double(part):
    return part.num * 2


def test_local_structures_pass_to_other_processes():
    store = StructStore()
    store.num = 21
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        assert pool.apply(_double, (store,)) == 42


def _count(part, items):
    part.num += 1
    items.append("from the child")


def test_parts_of_shared_stores_are_pickled_by_name(shared):
    shared.deep = {"part": {"num": 1}, "items": []}
    part, items = shared.deep.part, shared.deep["items"]
    assert pickle.loads(pickle.dumps(shared.store)) == shared
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        pool.apply(_count, (part, items))
    assert part.num == 2 and items == ["from the child"]
    shared.many = [{"x": 1}]
    with pytest.raises(TypeError, match="no name leads to"):
        pickle.dumps(shared.many[0])
    assert pickle.loads(pickle.dumps(shared.many[0].deepcopy())).x == 1


def test_errors_of_containers_are_ours():
    with pytest.raises(Error):
        stored([1]).extend([object()])
