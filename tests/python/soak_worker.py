"""One process of the soak, in Python: does random things to a store until it is killed, and says what is wrong.

Arguments: the segment and a seed. Ends by itself only with an error.
"""

import random
import sys
import time
from typing import Any

import numpy as np

import structstore
from structstore import StructStore, StructStoreList, StructStoreShared

TOTAL = 1000
# As in tests/src/soak.rs.
PATIENCE = 30.0

# Somebody else was faster.
RACES = (
    structstore.NotFoundError,
    structstore.StaleHandleError,
    structstore.WrongTypeError,
    structstore.IndexOutOfRangeError,
    structstore.AlreadyExistsError,
)


class OnPurpose(Exception):
    pass


def value() -> Any:
    makers = [
        lambda: None,
        lambda: random.randrange(1000),
        lambda: 0.5,
        lambda: "text " * random.randrange(40),
        lambda: list(range(random.randrange(20))),
        lambda: {"x": 1, "list": ["a", "b"]},
        lambda: np.arange(float(random.randrange(2000))),
    ]
    return random.choice(makers)()


def part(store: StructStore) -> StructStore:
    name = f"part {random.randrange(4)}"
    if name not in store:
        store[name] = {}
    return store[name]


def field() -> str:
    return f"field {random.randrange(12)}"


def items(of: StructStore) -> StructStoreList:
    if "list" not in of:
        of["list"] = []
    return of["list"]


def step(store: StructStore, kind: int, views: list[np.ndarray]) -> None:
    if kind < 3:
        part(store)[field()] = value()
    elif kind == 3:
        del part(store)[field()]
    elif kind == 4:
        found = items(part(store))
        if len(found) > 60:
            found.clear()
        else:
            found.append(value())
    elif kind == 5:
        items(part(store)).pop()
    elif kind == 6:
        with (chosen := part(store)).write_lock():
            chosen[field()] = value()
            chosen["count"] = chosen["count"] + 1 if isinstance(chosen.get("count"), int) else 1
    elif kind == 7:
        StructStore.to_dict(part(store))
    elif kind == 8:
        chosen = part(store)
        chosen["array"] = np.arange(float(random.randrange(2000)))
        view = chosen["array"]
        if isinstance(view, np.ndarray):
            views.append(view)
        del views[:-6]
    elif kind == 9 and views:
        assert all(view.shape == () or (view == np.arange(float(len(view)))).all() for view in views), "a view dangles"
    elif kind == 10:
        accounts = store["accounts"]
        with accounts.read_lock():
            assert accounts["left"] + accounts["right"] == TOTAL, "half a transaction was seen"
    elif kind > 10:
        accounts, amount, fails = store["accounts"], random.randrange(100), random.random() < 0.3
        try:
            with accounts.transaction():
                accounts["left"] -= amount
                accounts["note"] = value()
                accounts["log"].append(value())
                if len(accounts["log"]) > 30:
                    accounts["log"].clear()
                accounts["right"] += amount
                if fails:
                    raise OnPurpose
        except OnPurpose:
            pass


def main() -> int:
    segment, seed = sys.argv[1:]
    random.seed(int(seed))
    store = StructStoreShared(segment, create=False, cleanup=structstore.CleanupMode.NEVER)
    views: list[np.ndarray] = []
    while True:
        kind = random.randrange(14)
        start = time.monotonic()
        try:
            step(store, kind, views)
        except RACES:
            pass
        waited = time.monotonic() - start
        if waited > PATIENCE:
            print(f"operation {kind} of Python took {waited:.2f} s", file=sys.stderr)
            return 1


if __name__ == "__main__":
    sys.exit(main())
