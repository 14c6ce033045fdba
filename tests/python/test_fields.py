"""Structs as attributes, as mappings, and as handles."""

import copy
import gc
import pickle
import traceback
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

import structstore
from structstore import StructStore, StructStoreList, StructStoreShared

# All names that attribute access does not look for in a store. This list is not meant to grow: new verbs are functions of the module.
RESERVED = (
    "allocated at check clear close copy deepcopy empty from_bytes get items keys lifetime lock notify on_change open_read_only pop "
    "popitem read_lock rename revalidate setdefault size stats store to to_bytes to_dict to_json to_yaml transaction update valid values "
    "wait watch write_lock"
).split()


def test_fields_are_attributes_and_items(store: StructStore) -> None:
    store.num = 5
    store["other name"] = 6
    assert (store["num"], getattr(store, "other name")) == (5, 6)
    store.num += 1
    store["num"] += 1
    assert store.num == 7
    del store.num
    del store["other name"]
    assert len(store) == 0


def test_missing_fields_raise_what_python_users_catch(store: StructStore) -> None:
    store.sub = {}
    for access in (
        lambda: store.sub.missing,
        lambda: store.sub["missing"],
        lambda: store.sub.__delattr__("missing"),
        lambda: store.sub.__delitem__("missing"),
        lambda: store.sub.pop("missing"),
        lambda: store.sub.rename("missing", "x"),
        lambda: store.at("sub", "missing"),
    ):
        for kind in (AttributeError, KeyError, structstore.Error, structstore.NotFoundError):
            with pytest.raises(kind) as caught:
                access()
        assert str(caught.value) in ("sub.missing: no such field", "sub.missing: no such field or method")
    with pytest.raises(AttributeError, match="^sub.wacth: no such field or method; did you mean 'watch'"):
        store.sub.wacth()
    assert not hasattr(store, "missing")
    assert getattr(store, "missing", 5) == 5
    assert store.get("missing") is None
    assert store.get("missing", 5) == 5
    assert store.pop("missing", None) is None
    assert store.pop("missing", 5) == 5


@pytest.mark.parametrize("method", RESERVED)
def test_methods_win_over_fields(store: StructStore, method: str) -> None:
    for structure in (store, StructStore()):
        with pytest.raises(AttributeError, match=rf"item: store\[\"{method}\"\]"):
            setattr(structure, method, 5)
        with pytest.raises(AttributeError):
            delattr(structure, method)
        assert len(structure) == 0
        structure[method] = 5
        assert structure[method] == 5 and structure.at(method) == 5 and structure.keys() == [method]
        # One of the other class only is no method here, and all the same is not assigned as an attribute.
        assert getattr(structure, method) == 5 if not hasattr(type(structure), method) else True
        assert getattr(structure, method) != 5 if hasattr(type(structure), method) else True
        del structure[method]


def test_no_more_names_are_taken() -> None:
    taken = {name for cls in (StructStore, StructStoreShared) for name in dir(cls) if not name.startswith("_")}
    assert sorted(taken) == RESERVED
    assert StructStore.__doc__ is not None and ", ".join(RESERVED) in " ".join(StructStore.__doc__.split())


def test_a_field_that_another_process_adds_breaks_no_method(name: str) -> None:
    with StructStoreShared(name) as shared, StructStoreShared(name, create=False) as other:
        for taken in RESERVED:
            other[taken] = 5
        assert shared.keys() == RESERVED and dict(shared) == dict.fromkeys(RESERVED, 5)
        assert {**shared} == shared.to_dict() and shared.lifetime == "transient"
        shared.close()
        assert other.valid()


def test_instances_with_names_of_methods_warn_once(store: StructStore) -> None:
    @dataclass
    class Queue:
        size: int = 3

    with pytest.warns(UserWarning, match="Queue has a field 'size', which is an attribute of StructStore") as told:
        store.queue = Queue()
        store.queue = [Queue(), Queue()]
        store.queue = Queue()
    assert len(told) == 1
    assert store.queue["size"] == 3 and store.queue.size() > 3
    assert structstore.bind(store.queue, Queue).size == 3


def test_dunder_names_are_attributes_of_the_object_and_items_are_fields(store: StructStore) -> None:
    with pytest.raises(AttributeError):
        store.__missing__
    with pytest.raises(AttributeError):
        store.__custom__ = 1
    with pytest.raises(TypeError):
        store.__class__ = int
    assert len(store) == 0
    store["__class__"] = 1
    assert isinstance(store, StructStore)
    assert store["__class__"] == 1
    store.__half = 2  # mangled only within a class
    assert store["__half"] == 2


def test_subclasses_have_methods_and_attributes_of_their_own() -> None:
    class Robot(StructStore):
        def speed_up(self) -> None:
            self.speed = self.get("speed", 0) + 1

        @property
        def doubled(self) -> int:
            return int(self.speed * 2)

    robot = Robot()
    robot.speed_up()
    robot.speed_up()
    assert robot == {"speed": 2}
    assert robot.doubled == 4
    with pytest.raises(AttributeError, match='"speed_up" is an attribute of the class Robot'):
        robot.speed_up = 5  # type: ignore[method-assign]
    robot["doubled"] = 7
    assert robot.doubled == 4, "methods and properties of subclasses win, too"
    del robot["doubled"]
    robot.__extra__ = 5
    assert robot.__extra__ == 5 and list(robot) == ["speed"]


def test_subclasses_have_constructors_of_their_own() -> None:
    class Robot(StructStore):
        def __init__(self, rate: int, **fields: Any) -> None:
            super().__init__({"rate": rate}, **fields)

        @property
        def broken(self) -> int:
            raise AttributeError("within the property")

    assert Robot(50) == {"rate": 50} and Robot(rate=5, name="arm") == {"rate": 5, "name": "arm"}
    with pytest.raises(AttributeError, match="^within the property$"):
        Robot(1).broken
    assert type(Robot(1) | {"a": 2}) is StructStore


def test_stores_are_made_of_what_they_are_given(store: StructStore) -> None:
    assert StructStore({"a": 1}, b=2) == StructStore(a=1, b=2) == StructStore([("a", 1)], b=2) == {"a": 1, "b": 2}
    store.update(a=1, b=2)
    merged = store | {"b": 3, "c": 4}
    assert type(merged) is StructStore and merged == {"a": 1, "b": 3, "c": 4} and store == {"a": 1, "b": 2}
    assert {"a": 0, "d": 5} | store == {"a": 1, "d": 5, "b": 2}
    for wrong in ([("a", 1)], 5, None):
        with pytest.raises(TypeError):
            store | wrong  # type: ignore[operator]
    with pytest.raises(structstore.WrongTypeError):
        StructStore(5)
    copied = StructStore.from_bytes(store.to_bytes())
    assert copied == store and type(copied) is StructStore
    assert copied.from_bytes(StructStore(c=1).to_bytes()) is None and copied == {"c": 1}


def test_it_reads_like_a_mapping(store: StructStore) -> None:
    store.b = 1
    store.a = {"x": 2}
    store["c"] = [3]
    assert list(store) == store.keys() == ["b", "a", "c"]
    assert store.values() == [1, {"x": 2}, [3]]
    assert store.items() == [("b", 1), ("a", {"x": 2}), ("c", [3])]
    assert dict(store) == {"b": 1, "a": {"x": 2}, "c": [3]}
    assert {**store} == dict(store)
    assert len(store) == 3 and "a" in store and "x" not in store and 5 not in store and "\ud800" not in store
    assert bool(store) is bool(StructStore()) is True
    store.b = 5
    assert store.keys() == ["b", "a", "c"]
    assert store.pop("a") == SimpleNamespace(x=2)
    assert store.setdefault("b", 9) == 5
    assert store.setdefault("d", [1]) == [1]
    assert store.setdefault("e") is None
    assert isinstance(store.setdefault("d", 1), StructStoreList)
    assert store.keys() == ["b", "c", "d", "e"]
    store.clear()
    assert list(store) == []


def test_update_takes_what_dict_update_takes_and_objects(store: StructStore) -> None:
    @dataclass
    class Data:
        g: int

    store.update({"a": 1}, b=2)
    store.update([("c", 3), ("a", 4)])
    store.update(e=5)
    store.update(StructStore())
    store.update(SimpleNamespace(f=6))
    store.update(Data(7))
    store.update()
    assert store == {"a": 4, "b": 2, "c": 3, "e": 5, "f": 6, "g": 7}
    for wrong in (5, [1], "abc"):
        with pytest.raises((TypeError, ValueError)):
            store.update(wrong)


def test_update_changes_all_or_nothing(store: StructStore) -> None:
    store.sub = {"x": 1}
    sub = store.sub
    for wrong in ({"sub": 2, "": 3}, [("sub", 2), ("new", object())]):
        with pytest.raises(structstore.Error):
            store.update(wrong)
        assert store == {"sub": {"x": 1}} and sub.x == 1
    store.update(store)
    store |= store
    assert sub.x == 1
    store.update([("sub", 2), ("sub", [3])], sub={"y": 4})
    assert store == {"sub": {"y": 4}}


def test_names_are_str(store: StructStore) -> None:
    for access in (
        lambda: store[5],
        lambda: store.__setitem__(5, 1),
        lambda: store.get(None),
        lambda: store.pop(1.5),
        lambda: store.at("a", object()),
    ):
        store.a = {}
        with pytest.raises(TypeError, match="names of fields are str"):
            access()


def test_iteration_goes_over_the_names_there_were(store: StructStore) -> None:
    store.update(a=1, b=2)
    seen = []
    for name in store:
        seen.append(name)
        store[name + name] = 1
    assert seen == ["a", "b"]


def test_rename_keeps_place_value_and_handles(store: StructStore) -> None:
    store.update(a=1, b={"x": 1}, c=3)
    handle = store.b
    store.rename("b", "new name")
    assert store.keys() == ["a", "new name", "c"]
    handle.x = 2
    assert store["new name"].x == 2
    with pytest.raises(structstore.AlreadyExistsError):
        store.rename("a", "c")


def test_at_follows_names_and_indices(store: StructStore) -> None:
    store.robots = [{"pose": {"x.y": 1}}]
    assert store.at() is store
    assert store.at("robots", 0, "pose", "x.y") == 1
    assert store.at("robots", -1) == {"pose": {"x.y": 1}}
    with pytest.raises(IndexError):
        store.at("robots", 1)
    with pytest.raises(TypeError):
        store.at("robots", "pose")
    with pytest.raises(TypeError):
        store.at("robots", 0, "pose", "x.y", "z")


def test_at_follows_paths(store: StructStore) -> None:
    store.robots = [{"pose": {"x.y": 1}, "name": "left"}]
    store.frame = np.arange(6, dtype=np.uint8).reshape(2, 3)
    assert store.at("") is store
    assert store.at("robots[0].name") == "left"
    assert store.at('robots[0].pose."x.y"') == 1
    assert store.at("robots[0]") == store.robots[0]
    assert store.at("frame[1,2]") == 5 and type(store.at("frame[1][2]")) is int
    assert store.at("frame").shape == (2, 3)
    assert store.robots[0].at("pose") == {"x.y": 1}
    with pytest.raises(structstore.NotFoundError, match=r"robots\[0\]\.nam: no such field") as caught:
        store.at("robots[0].nam")
    assert "name" in "".join(traceback.format_exception(caught.value))
    with pytest.raises(structstore.IndexOutOfRangeError, match="frame: index 3 is out of range for length 3"):
        store.at("frame[0,3]")
    with pytest.raises(structstore.WrongTypeError, match="found 1 index, expected as many as"):
        store.at("frame[0]")
    with pytest.raises(structstore.InvalidArgumentError, match="path: found"):
        store.at("a..b")


def test_equality_is_by_value(store: StructStore) -> None:
    @dataclass
    class Data:
        a: int
        b: list[int]

    store.update(a=1, b=[2])
    other = StructStore()
    other.update(b=(2,), a=1.0)
    for same in ({"a": 1, "b": [2]}, other, SimpleNamespace(a=1, b=[2]), Data(1, [2]), store.deepcopy(), store):
        assert store == same and same == store and not store != same
    for different in ({"a": 1}, {"a": 1, "b": [2], "c": 3}, {"a": 1, "b": [3]}, Data(2, [2]), {"a": 1, "b": {2}}):
        assert store != different and different != store
    for other_kind in (None, 5, "a", [1], object(), {1: 2}):
        assert store != other_kind
    with pytest.raises(TypeError):
        hash(store)


def test_representations_are_short_and_never_raise(store: StructStore) -> None:
    store.sub = {"a": 1}
    sub = store.sub
    assert repr(sub) == "StructStore(a=1)" and repr(StructStore()) == "StructStore()"
    store.all = {"on": True, "text": "it's", "none": None, "vec": np.zeros((3, 3)), "odd name": {}, "l": [1, [2]]}
    assert repr(store.all).startswith(
        """StructStore(on=True, text="it's", none=None, vec=<f64 [3, 3]>, "odd name"={}, """
    )
    assert repr(store.all.l) == "StructStoreList([1, […]])"
    store.l = list(range(1000))
    assert len(repr(store.l)) < 90 and repr(store.l).startswith("StructStoreList([0, 1, 2, ") and "…" in repr(store.l)
    store.l = ["x" * 1000, b"x" * 100_000, "y" * 100_000]
    assert len(repr(store.l)) < 120
    del store.l, store["all"]
    assert str(sub) == '{"a": 1}'
    for index in range(100):
        sub[f"field_{index}"] = index
    assert len(repr(sub)) < 90
    del store.sub
    assert repr(sub) == "<StructStore: removed or replaced>"
    assert "no such" not in str(sub)
    assert repr(store).endswith(")")


def test_dir_lists_fields_and_methods(store: StructStore) -> None:
    store.update(num=1, other=2)
    assert {"num", "other", "write_lock", "__class__"} <= set(dir(store))


def test_copies(store: StructStore) -> None:
    store.update(num=1, sub={"x": [1, {"y": 2}]})
    shallow, deep = store.copy(), store.deepcopy()
    assert isinstance(shallow, SimpleNamespace) and isinstance(shallow.sub, StructStore)
    assert deep == SimpleNamespace(num=1, sub=SimpleNamespace(x=[1, SimpleNamespace(y=2)]))
    store.num = 5
    store.sub.x[1].y = 6
    assert shallow.num == 1 and shallow.sub.x[1].y == 6
    assert deep.sub.x[1].y == 2
    assert isinstance(copy.copy(store), SimpleNamespace)
    assert copy.deepcopy(store) == store.deepcopy()
    assert store.to_dict() == {"num": 5, "sub": {"x": [1, {"y": 6}]}}
    assert pickle.loads(pickle.dumps(store.to_dict())) == store


def test_copies_of_similar_structs_have_their_own_names(store: StructStore) -> None:
    """Copies begin with the names of the last struct that had the same first name and as many fields."""
    names = [f"field {at}" for at in range(9)]
    alike = [
        names,
        [*names[:8], "other"],
        [*names[:4], "other", *names[5:]],
        [names[0], *names[:0:-1]],
        names[:8],
        names[:2],
        [],
    ]
    for turn in range(3):
        for own in [*alike, *reversed(alike)]:
            fields = {name: f"{turn} {name}" for name in own}
            store.part = {"of": fields, "too": [fields, {"x": fields}]}
            copied = store.to_dict()["part"]
            assert list(copied["of"].items()) == list(fields.items())
            assert [list(each) for each in (copied["too"][0], copied["too"][1]["x"])] == [own, own]
            assert list(vars(store.part.deepcopy().of).items()) == list(fields.items())
            copied["of"]["mine"] = 1
            assert store.part.to_dict()["of"] == fields



def test_images_keep_everything(store: StructStore) -> None:
    store.update(num=2**63, sub={"x": [1, b"y", None]}, text="ü")
    image = store.to_bytes()
    for form in (image, bytearray(image), memoryview(image)):
        copied = StructStore()
        copied.gone = 1
        copied.from_bytes(form)
        assert copied == store and copied.keys() == store.keys()
    copied.kept = {"a": 1}
    for broken in (b"", b"x", image[:-1], image + b"x", image[:40] + b"\xff" + image[41:]):
        with pytest.raises(structstore.CorruptError):
            copied.from_bytes(broken)
    with pytest.raises(TypeError):
        copied.from_bytes("text")
    with pytest.raises(TypeError):
        copied.from_bytes(5)
    assert copied.kept == {"a": 1}


def test_handles_to_what_was_removed_are_stale(store: StructStore) -> None:
    store.sub = {"lst": [1], "x": 1}
    sub, lst = store.sub, store.sub.lst
    store.sub = {"x": 2}
    for use in (
        lambda: sub.x,
        lambda: setattr(sub, "x", 1),
        lambda: len(sub),
        lambda: sub.keys(),
        lambda: sub.write_lock().__enter__(),
        lambda: lst[0],
        lambda: lst.append(1),
        lambda: sub == {},
        lambda: store.__setattr__("y", sub),
    ):
        with pytest.raises(ReferenceError):
            use()
    assert store == {"sub": {"x": 2}}
    assert not hasattr(store, "y")
    # Methods are found all the same.
    assert callable(sub.keys)


def test_handles_keep_a_local_store_alive() -> None:
    store = StructStore()
    store.sub = {"lst": [1, 2]}
    lst = store.sub.lst
    del store
    gc.collect()
    lst.append(3)
    assert lst == [1, 2, 3]


def test_memory_is_given_back(store: StructStore) -> None:
    store.warm = [1, {"a": "text"}]
    del store.warm
    before = store.stats()
    for _ in range(100):
        store.sub = {"lst": [1, "text" * 100, b"x" * 1000], "deep": {"a": {"b": {}}}}
        store.sub.lst.pop(1)
        store.pop("sub")
    after = store.stats()
    assert (after.allocated, after.blocks, after.nodes) == (before.allocated, before.blocks, before.nodes)
    assert store.allocated() == after.allocated <= store.size() == after.size <= after.max_size
    assert "allocated=" in repr(after) and after == store.stats()


def test_a_local_store_goes_with_its_last_handle() -> None:
    probe = StructStore()
    before = probe.stats()
    stores = [StructStore() for _ in range(10)]
    for store in stores:
        store.data = "x" * 10_000
    assert probe.allocated() > before.allocated + 100_000
    del stores, store
    gc.collect()
    assert probe.allocated() == before.allocated


def test_a_large_struct(store: StructStore) -> None:
    expected: dict[str, Any] = {f"field {index}": index for index in range(5000)}
    store.update(expected)
    for index in range(0, 5000, 3):
        del store[f"field {index}"], expected[f"field {index}"]
    assert store == expected
    assert store.keys() == list(expected)


def test_set_at_and_remove_at_follow_paths(store: StructStore) -> None:
    store.robots = [{"gains": np.ones(2), "name": "left"}]
    structstore.set_at(store, "robots[0].gains[1]", 5)
    structstore.set_at(store, "robots[0].speed", 0.5)
    structstore.set_at(store, "robots[0].name", [1])
    assert store.robots[0].gains.tolist() == [1.0, 5.0] and store.robots[0] == {
        "gains": np.array([1.0, 5.0]),
        "name": [1],
        "speed": 0.5,
    }
    structstore.set_at(store.robots[0], "gains[0]", 2)
    assert structstore.remove_at(store, "robots[0].gains").tolist() == [2.0, 5.0]
    with pytest.raises(structstore.NotFoundError, match=r"robots\[0\]\.gains: no such field"):
        structstore.remove_at(store, "robots[0].gains")
    with pytest.raises(structstore.UnsupportedError, match=r"robots\[0\]\.x: cannot store object"):
        structstore.set_at(store, "robots[0].x", object())
    with pytest.raises(structstore.NotFoundError, match="nothing: no such field"):
        structstore.set_at(store, "nothing.x", 1)
