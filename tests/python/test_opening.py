"""Paths that lead to what is no store: an exception, at once, and all stays as it is."""

import os
import socket
import time
from pathlib import Path
from typing import Any

import pytest

import structstore
from structstore import CleanupMode, StructStoreShared

# How long it takes at most to say so.
SOON = 5.0


def assert_refused(path: Path, *exceptions: type[Exception]) -> None:
    before = os.lstat(path)
    start = time.monotonic()
    ways: list[dict[str, Any]] = [{}, {"create": False}, {"reinit": True}, {"read_only": True}]
    for options in ways:
        with pytest.raises(exceptions):
            StructStoreShared(path, use_file=True, **options)
    with pytest.raises(exceptions):
        StructStoreShared.open_read_only(path, use_file=True)
    assert time.monotonic() - start < SOON
    after = os.lstat(path)
    assert (after.st_ino, after.st_mode, after.st_size) == (before.st_ino, before.st_mode, before.st_size)


@pytest.mark.parametrize("path", [Path("/dev/null"), Path("/dev/zero"), Path("/dev")])
def test_devices_and_directories(path: Path) -> None:
    assert_refused(path, structstore.MismatchError, structstore.IoError)


def test_sockets(tmp_path: Path) -> None:
    path = tmp_path / "socket"
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(path))
        assert_refused(path, structstore.MismatchError, structstore.IoError)


def test_fifos(tmp_path: Path) -> None:
    path = tmp_path / "fifo"
    os.mkfifo(path)
    assert_refused(path, structstore.MismatchError, structstore.IoError)


def test_links(tmp_path: Path) -> None:
    """Who may write to the folder could lead anybody to anything."""
    path = tmp_path / "store"
    with StructStoreShared(path, use_file=True, cleanup=CleanupMode.NEVER) as store:
        store.num = 5
    for target in (path, tmp_path / "nowhere"):
        link = tmp_path / f"to {target.name}"
        link.symlink_to(target)
        assert_refused(link, structstore.IoError)
    assert not (tmp_path / "nowhere").exists()
    with StructStoreShared(path, use_file=True) as store:
        assert store.num == 5


@pytest.mark.skipif(os.geteuid() == 0, reason="nothing keeps root from reading")
def test_files_without_permission(tmp_path: Path) -> None:
    path = tmp_path / "store"
    path.write_bytes(bytes(4096))
    path.chmod(0)
    assert_refused(path, structstore.AccessError)
    path.chmod(0o400)
    with pytest.raises(structstore.AccessError):
        StructStoreShared(path, use_file=True)


def test_nobody_waits_for_an_empty_file_to_become_a_store(tmp_path: Path) -> None:
    path = tmp_path / "empty"
    path.touch()
    start = time.monotonic()
    with pytest.raises(structstore.NotReadyError):
        StructStoreShared.open_read_only(path, use_file=True)
    assert time.monotonic() - start < SOON
    assert path.stat().st_size == 0


@pytest.mark.parametrize("path", ["/dev/null", "/dev/zero", "/dev"])
@pytest.mark.parametrize("read_only", [True, False])
def test_descriptors_of_what_is_no_file(path: str, read_only: bool) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        with pytest.raises((structstore.MismatchError, structstore.IoError)):
            StructStoreShared(fd=descriptor, read_only=read_only)
    finally:
        os.close(descriptor)


def test_descriptors_of_pipes() -> None:
    ends = os.pipe()
    for end in ends:
        for read_only in (True, False):
            with pytest.raises((structstore.MismatchError, structstore.IoError)):
                StructStoreShared(fd=end, read_only=read_only)
        os.close(end)
        with pytest.raises(structstore.IoError):
            StructStoreShared(fd=end)
