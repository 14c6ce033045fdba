"""Mirrors of stores on other machines, which a separate program keeps."""

import collections
import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Iterable
from pathlib import Path
from types import TracebackType
from typing import IO, Any

_PROGRAM = "structstore-mirror"


def _program() -> str:
    beside = Path(sys.executable).with_name(_PROGRAM)
    found = str(beside) if beside.is_file() else shutil.which(_PROGRAM)
    if found is None:
        raise FileNotFoundError(f"{_PROGRAM} is not installed: pip install structstore-rs[mirror]")
    return found


def _several(given: str | Iterable[str] | None) -> list[str]:
    return [given] if isinstance(given, str) else list(given or ())


class Mirror:
    """Mirrors parts of a store to and from other machines until it is closed. One side owns a part and sends its changes; others follow it.

        with structstore.Mirror("/robot", connect="tls/robot:7447", follow=["arm"], ca=..., cert=..., key_file=...) as mirror:
            print(mirror.status()["connected"])

    The arguments are those of `structstore mirror`. Another process, `structstore-mirror`, does the work;
    `pip install structstore-rs[mirror]` installs it. Raises FileNotFoundError if it is not installed, and ValueError for contradictory
    or unsafe options.
    """

    def __init__(
        self,
        name: str,
        /,
        *,
        listen: str | Iterable[str] | None = None,
        connect: str | Iterable[str] | None = None,
        own: Iterable[str] = (),
        follow: Iterable[str] = (),
        exclude: Iterable[str] = (),
        key: str | None = None,
        write: bool = False,
        rate: float = 200.0,
        ca: str | os.PathLike[str] | None = None,
        cert: str | os.PathLike[str] | None = None,
        key_file: str | os.PathLike[str] | None = None,
        allow: Iterable[str] = (),
        insecure: bool = False,
        lease: float = 5.0,
        publish: bool = False,
        show_status: bool = False,
    ) -> None:
        command = [_program(), "--json", f"--rate={rate}", f"--lease={lease}"]
        options: dict[str, list[Any]] = {
            "listen": _several(listen),
            "connect": _several(connect),
            "own": [path or "." for path in own],
            "follow": [path or "." for path in follow],
            "exclude": list(exclude),
            "key": [key] if key is not None else [],
            "ca": [os.fspath(ca)] if ca is not None else [],
            "cert": [os.fspath(cert)] if cert is not None else [],
            "key-file": [os.fspath(key_file)] if key_file is not None else [],
            "allow": list(allow),
        }
        command += [f"--{option}={value}" for option, values in options.items() for value in values]
        flags = {"write": write, "insecure": insecure, "publish": publish, "show-status": show_status}
        command += [f"--{flag}" for flag, is_set in flags.items() if is_set]
        self._status: dict[str, Any] = {"connected": False, "parts": []}
        self._remarks: collections.deque[str] = collections.deque(maxlen=1000)
        self._ready = threading.Event()
        self._process = subprocess.Popen(
            [*command, "--", name], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        readers = [
            threading.Thread(target=read, args=(stream,), name="structstore mirror", daemon=True)
            for read, stream in ((self._read_status, self._process.stdout), (self._read_remarks, self._process.stderr))
        ]
        for reader in readers:
            reader.start()
        # Errors in the arguments are reported at once.
        self._ready.wait(10)
        if self._process.poll() == 2:
            self._process.wait()
            for reader in readers:
                reader.join(10)
            raise ValueError("\n".join(self.remarks()) or "structstore-mirror has ended")

    def _read_status(self, stream: IO[str]) -> None:
        for line in stream:
            with contextlib.suppress(ValueError):
                self._status = json.loads(line)
            self._ready.set()
        self._process.wait()
        self._ready.set()

    def _read_remarks(self, stream: IO[str]) -> None:
        for line in stream:
            self._remarks.append(line.rstrip("\n").removeprefix("structstore mirror: "))

    def status(self) -> dict[str, Any]:
        """The status, at most a second old: `connected`, and `parts`, each with `path`, `role`, `connected`, `owner`, `seq`, `lag` in
        seconds, `resyncs`, `missed`, `reverted`, `refused`, and `errors` by path."""
        return self._status if self.running else {**self._status, "connected": False}

    def remarks(self) -> list[str]:
        """The log: changes that were reverted or refused, messages that could not be read."""
        return list(self._remarks)

    @property
    def running(self) -> bool:
        """Whether the process is running. It ends by itself if another process owns a part."""
        return self._process.poll() is None

    def close(self) -> None:
        """Ends the mirror."""
        if self.running:
            self._process.send_signal(signal.SIGTERM)
        try:
            self._process.wait(10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def __enter__(self) -> "Mirror":
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc_value: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        state = "running" if self.running else "closed"
        return f"<structstore.Mirror, {state}>"
