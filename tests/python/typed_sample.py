"""How a type checker sees the package: checked with `mypy --strict`, never run."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

from typing_extensions import assert_type

import structstore
from structstore import CleanupMode, Lock, Statistics, StructStore, StructStoreList, StructStoreShared

assert_type(structstore.__version__, str)


@dataclass
class Point:
    x: float
    y: float = 0.0


store = StructStore()
store.num = 5
store["any name"] = [1, 2, 3]
assert_type(store.num, Any)
assert_type(store["any name"], Any)
assert_type(store.keys(), list[str])
assert_type(store.items(), list[tuple[str, Any]])
assert_type(store.get("num", 0), Any)
assert_type(store.deepcopy(), SimpleNamespace)
assert_type(store.to_dict(), dict[str, Any])
assert_type(store.to(Point), Point)
assert_type(structstore.bind(store, Point), Point)
assert_type(structstore.bind(store.point, Point).x, float)
assert_type(store.to_json(indent=True), str)
assert_type(store.popitem(), tuple[str, Any])
assert_type(store.stats(), Statistics)
assert_type(store.stats().allocated, int)
assert_type("num" in store, bool)
assert_type([name for name in store], list[str])
del store.num
del store["any name"]

items = StructStoreList([1, 2])
items.append({"a": 1})
items += [3]
items[0:1] = ["x", "y"]
assert_type(items[0], Any)
assert_type(items[1:], list[Any])
assert_type(items.pop(), Any)
assert_type(items + [1], list[Any])
assert_type(items < [1], bool)
items.sort(key=str, reverse=True)
with items.write_lock() as held_items:
    assert_type(held_items, StructStoreList)

with StructStoreShared("/name", size=1 << 20, cleanup=CleanupMode.ALWAYS, timeout=None) as shared:
    assert_type(shared, StructStoreShared)
    assert_type(shared.valid(), bool)
    assert_type(shared.revalidate(block=False), bool)
    assert_type(shared.store, StructStore)
    assert_type(shared.write_lock(1.0), Lock[StructStoreShared])
    with shared.write_lock(timeout=1.0) as held:
        assert_type(held, StructStoreShared)
        held.num = 5

try:
    store.read_lock()
except structstore.NotFoundError as error:
    assert_type(error.path, str | None)
except (KeyError, OSError):
    pass


def takes_any_structure(structure: StructStore) -> int:
    return len(structure)


takes_any_structure(shared)
structstore.bind({}, Point)  # type: ignore[arg-type]
mapping: Mapping[str, Any] = store
sequence: Sequence[Any] = items
assert_type(StructStore({"num": 5}, other=1) | {"a": 2}, StructStore)
assert_type(StructStore.from_bytes(store.to_bytes()), StructStore)
assert_type(store.from_bytes(b""), None)
assert_type(structstore.from_json(store.to_json(plain=True)), StructStore)
assert_type(structstore.usage(store)["num"].bytes, int)
assert_type([lock.path for lock in structstore.locks(store)], list[str])
assert_type([process.pid for process in structstore.participants(shared)], list[int])


async def waits() -> None:
    async with store.write_lock(timeout=1) as locked:
        assert_type(locked, StructStore)
    async with items.read_lock() as held:
        assert_type(held, StructStoreList)
    async with shared.transaction() as begun:
        assert_type(begun, StructStoreShared)


structstore.from_json(5)  # type: ignore[arg-type]
shared.revalidate(timeout="1")  # type: ignore[arg-type]
