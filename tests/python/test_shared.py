"""Opening, closing, and finding again what is shared."""

import contextlib
import enum
import gc
import os
import pickle
import subprocess
import threading
import time
import tracemalloc
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

import structstore
from structstore import CleanupMode, StructStore, StructStoreShared

Start = Callable[..., subprocess.Popen[str]]


def exists(name: str) -> bool:
    return Path("/dev/shm", name[1:]).exists()


def test_it_is_a_struct_store(shared: StructStoreShared, name: str) -> None:
    assert isinstance(shared, StructStore)
    shared.num = 5
    assert repr(shared) == f'StructStoreShared("{name}", num=5)'
    assert str(shared) == '{"num": 5}'
    assert type(shared.store) is StructStore and shared.store == shared
    shared.store.num = 6
    assert shared.num == 6
    StructStore().copied = shared
    assert shared.valid()


def test_opening_twice_gives_the_same_store(shared: StructStoreShared, name: str) -> None:
    with StructStoreShared(name, cleanup=CleanupMode.NEVER) as again:
        shared.num = 5
        again.sub = {"x": 1}
        assert shared == again == {"num": 5, "sub": {"x": 1}}
    assert shared.sub.x == 1


def test_cleanup_mode_is_an_enum() -> None:
    assert issubclass(CleanupMode, enum.Enum)
    assert [mode.name for mode in CleanupMode] == ["NEVER", "IF_LAST", "ALWAYS"]
    assert CleanupMode.__module__ == "structstore"


@pytest.mark.parametrize("mode", [None, *CleanupMode], ids=str)
def test_cleanup(name: str, mode: CleanupMode | None) -> None:
    first = StructStoreShared(name, cleanup=mode)
    second = StructStoreShared(name, cleanup=mode)
    first.x = 5
    second.close()
    assert exists(name), "the creator decides"
    assert first.x == 5
    first.close()
    assert exists(name) == (mode is CleanupMode.NEVER)


def test_cleanup_counts_other_processes(name: str, python: Start) -> None:
    first = StructStoreShared(name)
    process = python(
        "import sys, structstore; s = structstore.StructStoreShared(sys.argv[1]); print(s.x if 'x' in s else 'new');"
        "sys.stdin.readline(); print(s.x); s.close()",
        name,
    )
    assert process.stdin is not None and process.stdout is not None
    assert process.stdout.readline() == "new\n"
    first.x = 5
    first.close()
    assert exists(name)
    process.stdin.write("\n")
    process.stdin.flush()
    assert process.stdout.readline() == "5\n"
    assert process.wait(10) == 0
    assert not exists(name)


def test_a_store_that_is_dropped_is_closed(name: str) -> None:
    store = StructStoreShared(name)
    del store
    gc.collect()
    assert not exists(name)


def test_closing(name: str) -> None:
    store = StructStoreShared(name)
    store.sub, store.lst = {"x": 1}, [1]
    root, sub, lst = store.store, store.sub, store.lst
    store.close()
    store.close()
    for use in (
        lambda: store.sub,
        lambda: store["sub"],
        lambda: setattr(store, "x", 1),
        lambda: store.store,
        lambda: len(store),
        lambda: list(store),
        lambda: store.write_lock(),
        lambda: store.revalidate(),
        lambda: store.check(),
        lambda: store == {},
        lambda: store.__enter__(),
    ):
        with pytest.raises(structstore.ClosedError, match="was closed"):
            use()
    assert issubclass(structstore.ClosedError, structstore.Error)
    assert not store.valid()
    assert repr(store) == str(store) == f'<StructStoreShared "{name}": closed>'
    # Handles keep the memory.
    sub.x += 1
    lst.append(2)
    assert root == {"sub": {"x": 2}, "lst": [1, 2]}


def test_an_operation_that_waits_outlives_close_and_revalidate(name: str) -> None:
    holder = StructStoreShared(name)
    for end in ("close", "revalidate"):
        holder.num = 0
        store, entered, release = StructStoreShared(name), threading.Event(), threading.Event()

        def hold(entered: threading.Event = entered, release: threading.Event = release) -> None:
            with holder.write_lock():
                entered.set()
                release.wait()

        def change(store: StructStoreShared = store) -> None:
            # One that comes late finds it closed.
            with contextlib.suppress(structstore.ClosedError):
                store.num = 10

        holding, changing = threading.Thread(target=hold), threading.Thread(target=change)
        holding.start()
        entered.wait()
        changing.start()
        time.sleep(0.05)  # Most often, it waits for the lock by now.
        if end == "close":
            store.close()
        else:
            structstore.unlink(name, force=True)
            other = StructStoreShared(name)
            assert store.revalidate() and other.valid()
        del store
        gc.collect()
        release.set()
        holding.join()
        changing.join()
        assert holder.num in (0, 10)
    holder.close()
    other.close()


def test_with_closes_also_after_an_exception(name: str) -> None:
    with pytest.raises(ZeroDivisionError), StructStoreShared(name) as store:
        store.x = 1 / 0
    assert repr(store).endswith(": closed>")
    assert not exists(name)


def test_closing_while_other_threads_use_it(name: str) -> None:
    for _ in range(20):
        store = StructStoreShared(name)
        store.x = 0
        outcomes = []

        def use(store: StructStoreShared, outcomes: list[bool]) -> None:
            try:
                while True:
                    store.x += 1
            except structstore.ClosedError:
                outcomes.append(True)

        threads = [threading.Thread(target=use, args=(store, outcomes)) for _ in range(2)]
        for thread in threads:
            thread.start()
        time.sleep(0.005)
        store.close()
        for thread in threads:
            thread.join(10)
        assert outcomes == [True, True]


def test_loops_that_never_wait(name: str) -> None:
    with StructStoreShared(name, size=1 << 20, max_size=4 << 20, prefault=1 << 20) as store:
        structstore.reserve(store.store, 1 << 19)
        size = store.size()
        store.array = np.zeros(50_000)
        assert store.size() == size
        with pytest.raises(structstore.OutOfSpaceError):
            structstore.reserve(store.store, 8 << 20)
        with pytest.raises(OverflowError):
            structstore.reserve(store.store, -1)
        store.check()


def test_sizes(name: str) -> None:
    with StructStoreShared(name, size=1 << 18, max_size=2 << 20) as store:
        assert store.size() == 1 << 18 and store.stats().max_size == 2 << 20
        store.kept = 1
        before = store.stats()
        with pytest.raises(MemoryError) as caught:
            store.big = b"x" * (4 << 20)
        assert isinstance(caught.value, structstore.OutOfSpaceError)
        assert store == {"kept": 1}
        assert store.allocated() == before.allocated
        store.big = b"x" * (1 << 20)
        assert store.size() > 1 << 20
        store.check()


@pytest.mark.parametrize(
    "arguments",
    [
        {"size": 2**40},
        {"max_size": 1},
        {"size": 2**21, "max_size": 2**20},
        {"timeout": -1},
        {"reinit": True, "read_only": True},
    ],
    ids=str,
)
def test_arguments_that_make_no_sense(name: str, arguments: dict[str, object]) -> None:
    with pytest.raises(ValueError) as caught:
        StructStoreShared(name, **arguments)  # type: ignore[arg-type]
    assert isinstance(caught.value, structstore.InvalidArgumentError)
    assert not exists(name)


@pytest.mark.parametrize("wrong", ["no_slash", "", "/", "/a/b", "/" + "x" * 300, "/nul\0"])
def test_names_that_cannot_be(wrong: str) -> None:
    with pytest.raises((ValueError, OSError)):
        StructStoreShared(wrong)


def test_arguments_of_the_wrong_type(name: str) -> None:
    for wrong in ({"cleanup": "always"}, {"cleanup": 1}, {"fd": 3}, {"size": "1"}, {"timeout": "1"}):
        with pytest.raises(TypeError):
            StructStoreShared(name, **wrong)  # type: ignore[arg-type]
    with pytest.raises(TypeError):
        StructStoreShared()


def test_modes(name: str) -> None:
    previous = os.umask(0)
    try:
        with StructStoreShared(name):
            assert Path("/dev/shm", name[1:]).stat().st_mode & 0o777 == 0o600
        with StructStoreShared(name, mode=0o640):
            assert Path("/dev/shm", name[1:]).stat().st_mode & 0o777 == 0o640
    finally:
        os.umask(previous)


def test_what_does_not_exist_is_an_os_error(name: str) -> None:
    with pytest.raises(FileNotFoundError) as caught:
        StructStoreShared(name, create=False)
    assert isinstance(caught.value, structstore.IoError)
    assert caught.value.errno == 2 and name in str(caught.value)
    with pytest.raises(OSError):
        StructStoreShared(name, read_only=True)
    assert not exists(name)


def test_files(tmp_path: Path) -> None:
    path = tmp_path / "store"
    with StructStoreShared(path, use_file=True, cleanup=CleanupMode.NEVER) as store:
        store.x = [1]
    with StructStoreShared(str(path), use_file=True) as store:
        assert store == {"x": [1]} and store.lifetime == "persistent"
    assert path.exists()
    structstore.unlink(path, use_file=True)
    assert not path.exists()
    path.write_bytes(b"something else" * 1000)
    with pytest.raises(structstore.MismatchError, match="magic"):
        StructStoreShared(path, use_file=True)
    assert path.read_bytes() == b"something else" * 1000
    with pytest.raises(OSError):
        StructStoreShared(tmp_path / "no" / "such" / "folder", use_file=True)


def test_descriptors(python: Start) -> None:
    fd = os.memfd_create("structstore")
    with StructStoreShared(fd=fd) as store, StructStoreShared(fd=fd) as again:
        store.x = 5
        assert again.x == 5 and store.valid() and store.revalidate()
        child = f"/proc/{os.getpid()}/fd/{fd}"
        process = python(
            "import os, sys, structstore; s = structstore.StructStoreShared(fd=os.open(sys.argv[1], os.O_RDWR));"
            "s.x += 1; print(s.x)",
            child,
        )
        assert process.communicate(timeout=20)[0] == "6\n"
        assert store.x == 6
    os.fstat(fd)
    os.close(fd)
    for wrong in (fd, -1):
        with pytest.raises(OSError) as caught:
            StructStoreShared(fd=wrong)
        assert caught.value.errno == 9


def test_read_only(shared: StructStoreShared, name: str) -> None:
    shared.update(num=5, sub={"lst": [1, {"x": 2}]}, text="t")
    with StructStoreShared(name, read_only=True, cleanup=CleanupMode.NEVER) as reader:
        assert reader == shared == reader.to_dict()
        assert reader.sub.lst[1].x == 2 and list(reader.sub.lst)[0] == 1
        assert reader.sub.lst[:1] == [1] and 1 in reader.sub.lst
        copied = StructStore()
        copied.from_bytes(reader.to_bytes())
        assert copied == shared
        for change in (
            lambda: setattr(reader, "num", 6),
            lambda: reader.sub.__setitem__("y", 1),
            lambda: reader.sub.lst.append(1),
            lambda: reader.sub.lst.__delitem__(0),
            lambda: reader.clear(),
            lambda: reader.pop("num"),
            lambda: reader.write_lock().__enter__(),
        ):
            with pytest.raises(structstore.ReadOnlyError):
                change()
        shared.num = 7
        assert reader.num == 7
    assert shared.num == 7


def test_open_read_only(shared: StructStoreShared, name: str, tmp_path: Path) -> None:
    shared.num = 5
    Path("/dev/shm", name[1:]).chmod(0o400)
    with StructStoreShared.open_read_only(name) as reader:
        assert reader.num == 5
        with pytest.raises(structstore.ReadOnlyError):
            reader.num = 6
    with pytest.raises(structstore.NoSuchStoreError):
        StructStoreShared.open_read_only(name + "_not_there", timeout=0.1)
    with StructStoreShared(tmp_path / "store", use_file=True) as store:
        store.num = 7
        with StructStoreShared.open_read_only(tmp_path / "store", use_file=True) as reader:
            assert reader.num == 7


def test_reinit(name: str) -> None:
    with StructStoreShared(name, cleanup=CleanupMode.ALWAYS) as old:
        old.sub = {"x": 1}
        sub = old.sub
        with StructStoreShared(name, reinit=True, cleanup=CleanupMode.NEVER) as new:
            assert new == {} and new.valid()
            new.y = 2
            assert not old.valid()
            for use in (lambda: old.sub, lambda: sub.x, lambda: setattr(old, "x", 1)):
                with pytest.raises(structstore.StaleHandleError):
                    use()
            assert old.revalidate()
            assert old.valid() and old == {"y": 2}
            with pytest.raises(structstore.StaleHandleError):
                sub.x


def test_revalidation_attaches_to_what_has_the_name_now(name: str) -> None:
    first = StructStoreShared(name, cleanup=CleanupMode.NEVER)
    first.x = 1
    root = first.store
    assert first.valid() and first.revalidate()
    os.unlink(f"/dev/shm{name}")
    assert not first.valid()
    assert first.revalidate(block=False) is False
    start = time.monotonic()
    with pytest.raises(structstore.NotReadyError, match="initialised|appear"):
        first.revalidate(timeout=0.1)
    assert 0.1 <= time.monotonic() - start < 5
    # What there was is still there.
    assert first.x == 1
    with StructStoreShared(name, cleanup=CleanupMode.ALWAYS) as second:
        second.x = 2
        assert first.revalidate(timeout=10) is True
        assert first.valid() and first.x == 2 and root.x == 1
        first.x = 3
        assert second.x == 3
    first.close()


def test_revalidation_waits_without_keeping_others_from_anything(name: str) -> None:
    store = StructStoreShared(name, cleanup=CleanupMode.ALWAYS)
    store.x = 1
    os.unlink(f"/dev/shm{name}")
    outcome: list[bool] = []
    thread = threading.Thread(target=lambda: outcome.append(store.revalidate()))
    thread.start()
    for _ in range(50):
        store.x += 1
        time.sleep(0.001)
    assert store.x == 51 and not outcome
    with StructStoreShared(name) as new:
        new.x = "new"
        thread.join(10)
        assert outcome == [True] and store.x == "new"
        store.close()


def test_forked_children_attach_by_themselves(shared: StructStoreShared, name: str) -> None:
    shared.x = 1
    pid = os.fork()
    if pid == 0:
        # Nothing of pytest may run in the child.
        try:
            with StructStoreShared(name, cleanup=CleanupMode.NEVER) as child:
                child.y = child.x + 1
            os._exit(0)
        except BaseException:
            os._exit(1)
    assert os.waitpid(pid, 0)[1] == 0
    assert shared == {"x": 1, "y": 2}


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a store away")
def test_what_belongs_to_another_user_is_refused_unless_asked_for(
    shared: StructStoreShared, name: str
) -> None:
    shared.part = {"num": 5}
    os.chown(f"/dev/shm{name}", 12345, -1)
    for open_it in (
        lambda: StructStoreShared(name),
        lambda: StructStoreShared(name, reinit=True),
        lambda: StructStoreShared.open_read_only(name),
    ):
        with pytest.raises(structstore.ForeignOwnerError, match=r"owned by user 12345.*any_owner"):
            open_it()
    with pytest.raises(PermissionError):
        StructStoreShared(name)
    with StructStoreShared.open_read_only(name, any_owner=True) as reader:
        assert reader.part.num == 5
        # Which other processes of the same program open as well.
        assert pickle.loads(pickle.dumps(reader)).part.num == 5
        assert pickle.loads(pickle.dumps(reader.part)).num == 5


def test_stores_are_listed_while_they_exist(name: str) -> None:
    store = StructStoreShared(name)
    assert name in structstore.stores()
    assert name not in structstore.orphans()
    store.close()
    assert name not in structstore.stores()


def test_peek_never_shortens_a_life(name: str) -> None:
    StructStoreShared(name, cleanup=CleanupMode.NEVER).close()
    for _ in range(2):
        with StructStoreShared(name) as store:
            print(store)
    assert exists(name)
    structstore.unlink(name)
    assert not exists(name)


def test_unlink_is_refused_while_a_store_is_open(shared: StructStoreShared, name: str) -> None:
    with pytest.raises(structstore.InUseError, match="is in use"):
        structstore.unlink(name)
    watch = shared.watch()
    structstore.unlink(name, force=True)
    assert not exists(name) and not shared.valid()
    with pytest.raises(structstore.StaleHandleError, match="the store was removed"):
        watch.wait(10.0)
    with pytest.raises(structstore.NoSuchStoreError):
        structstore.unlink(name)


def test_mode_and_group_are_those_asked_for(name: str) -> None:
    before = os.umask(0o077)
    try:
        with StructStoreShared(name, mode=0o660, group=os.getegid()):
            found = os.stat("/dev/shm" + name)
    finally:
        os.umask(before)
    assert (found.st_mode & 0o777, found.st_gid) == (0o660, os.getegid())
    with pytest.raises(structstore.InvalidArgumentError, match="the name or number of a group"):
        StructStoreShared(name, group="no such group, surely")
    assert not exists(name)


def test_one_element_costs_no_copy_of_the_array(name: str) -> None:
    with StructStoreShared(name) as store:
        store.frame = np.zeros((1000, 1000, 8))
        store.frame[3, 4, 5] = 1.5
        with StructStoreShared(name, read_only=True) as reader:
            tracemalloc.start()
            try:
                assert reader.at("frame[3,4,5]") == 1.5
                assert tracemalloc.get_traced_memory()[1] < 100_000
            finally:
                tracemalloc.stop()
