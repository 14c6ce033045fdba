"""What the bindings cost, in terms of what plain Python and NumPy cost in the same run: `cargo xtask bench`.

Times are those that timeit gives, with its loop around the statement. Nothing fails: timings are noisy. Arguments are
filters, of which a row's name must contain one.
"""

import itertools
import mmap
import multiprocessing
import platform
import sys
import timeit
import uuid
from types import SimpleNamespace

import numpy as np
import structstore

# How many times each statement is timed, and about how long each time, in seconds.
REPEATS = 11
PERIOD = 0.02


def nanoseconds(statement: str, names: dict[str, object]) -> float:
    """The median time of a statement."""
    timer = timeit.Timer(statement, globals=names)
    count, took = timer.autorange()
    count = max(1, int(count * PERIOD / took))
    timer.timeit(count)  # The first milliseconds are slower.
    times = sorted(timer.timeit(count) / count for _ in range(REPEATS))
    return times[REPEATS // 2] * 1e9


def main(filters: list[str]) -> None:
    floats = np.arange(1_000_000, dtype=np.float64)
    # Shared, as a store's memory is, and touched.
    pages = np.frombuffer(mmap.mmap(-1, floats.nbytes), dtype=np.float64)
    pages[:] = floats
    more_pages = np.frombuffer(mmap.mmap(-1, floats.nbytes), dtype=np.float64)
    more_pages[:] = floats
    fields = {f"field_{number}": float(number) for number in range(100)}
    numbers = list(range(1_000))
    plain = SimpleNamespace(num=5)

    name = f"/structstore_bench_{uuid.uuid4().hex}"
    with structstore.StructStoreShared(name) as shared:
        s = shared.store
        s.num, s.pi, s.text = 5, 3.14, "hello world"
        s.a = {"b": {"c": 1}}
        s.numbers, s.target = numbers, []
        s.vec, s.large = np.arange(8.0), floats
        s.fields = fields
        names: dict[str, object] = {
            "s": s,
            "shared": shared,
            "local": structstore.StructStore(),
            "plain": plain,
            "plain_list": [],
            "items": s.target,
            "s_numbers": s.numbers,
            "s_fields": s.fields,
            "numbers": numbers,
            "fields": fields,
            "floats": floats,
            "pages": pages,
            "in_turn": itertools.cycle((pages, more_pages)),
            "buffer": bytearray(64),
            "np": np,
            "Namespace": SimpleNamespace,
        }
        names["local"].num = 5  # type: ignore[attr-defined]
        names["managed"] = managed = multiprocessing.Manager().Namespace()
        managed.num = 5

        rows: list[tuple[str, str, str, float | None]] = [
            # What, ours, compared to, at most how many times as long.
            ("get an int", "s.num", "plain.num", 3),
            ("get a float", "s.pi", "plain.num", 3),
            ("set an int", "s.num = 5", "plain.num = 5", 4),
            ("set a float", "s.pi = 3.14", "plain.num = 3.14", 4),
            ("get a str of 11 characters", "s.text", "plain.num", 5),
            ("s.a.b.c", "s.a.b.c", "plain.num", 10),
            ("get of a local store", "local.num", "plain.num", 3),
            ("get against a Manager of multiprocessing", "s.num", "managed.num", 0.1),
            ("get through StructStoreShared", "shared.num", "plain.num", 3),
            ("iterate a list of 1,000 ints", "for _ in s_numbers: pass", "for _ in numbers: pass", 6),
            ("append to a list at hand", "items.append(5)", "plain_list.append(5)", 6),
            ("view of an array", "s.vec", "np.frombuffer(buffer, np.float64)", 2),
            ("assign an array of 8 MB", "s.large = floats", "pages[:] = floats", 1.2),
            # An assignment makes a new block, and frees the old one for the next: two in turn.
            ("the same, to two arrays in turn", "s.large = floats", "next(in_turn)[:] = floats", 1.2),
            ("deepcopy() of 100 fields", "s_fields.deepcopy()", "Namespace(**fields)", 10),
            ("write lock taken with `with`", "with s.write_lock(): pass", "plain.num", 14),
            ("a missing field", "getattr(s, 'missing', None)", "getattr(plain, 'missing', None)", None),
        ]
        print(f"\nPython {platform.python_version()}, NumPy {np.__version__}, medians")
        print(f"{'':38} {'ours':>12} {'compared to':>12} {'ratio':>7} {'at most':>8}")
        for what, ours, compared, limit in rows:
            if filters and not any(wanted in what for wanted in filters):
                continue
            for appended in (s.target, names["plain_list"]):
                appended.clear()  # type: ignore[attr-defined]
            # The two in turn, of which the lesser counts: what disturbs one hardly ever disturbs both.
            pairs = [(nanoseconds(ours, names), nanoseconds(compared, names)) for _ in range(2)]
            own, other = min(own for own, _ in pairs), min(other for _, other in pairs)
            ratio = own / other
            remark = "  over" if limit is not None and ratio > limit else ""
            print(f"{what:38} {own:9.1f} ns {other:9.1f} ns {ratio:7.2f} {limit or '':>8}{remark}", flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
