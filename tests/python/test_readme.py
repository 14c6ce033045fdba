"""What the documentation shows runs, and does what it says, but for the name of the segment."""

import asyncio
import contextlib
import dataclasses
import doctest
import inspect
import io
import re
import subprocess
import sys
import types
import typing
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import structstore

ROOT = Path(__file__).parents[2]
SEGMENT = "/shdata_store"
ROBOT = "/robot"

# What examples take for granted.
NAMES = {
    "asyncio": asyncio,
    "dataclasses": dataclasses,
    "np": np,
    "structstore": structstore,
    "types": types,
    "typing": typing,
}


@pytest.mark.parametrize("readme", ["README.md", "structstore-py/README.md"])
def test_the_readme_runs(readme: str, name: str) -> None:
    blocks = re.findall(r"^```python\n(.*?)^```$", (ROOT / readme).read_text(), re.DOTALL | re.MULTILINE)
    assert blocks
    for block in blocks:
        if ROBOT not in block:
            exec(block.replace(SEGMENT, name), {"__name__": "readme"})


def test_the_first_screen_of_the_readme_shows_one_store(name: str) -> None:
    """What Python and the shell do to the store that the Rust program made."""
    first, *_ = (ROOT / "README.md").read_text().split("```text")
    (in_python,) = re.findall(r"^```python\n(.*?)^```$", first, re.DOTALL | re.MULTILINE)
    (in_shell,) = re.findall(r"^```sh\n(.*?)^```$", first, re.DOTALL | re.MULTILINE)
    assert "struct Drive { kp: f64, speed: f64 }" in first
    tool = Path(sys.executable).parent / "structstore"
    with structstore.StructStoreShared(name) as robot:
        robot.drive = {"kp": 0.0, "speed": 0.0}
        said = io.StringIO()
        with contextlib.redirect_stdout(said):
            exec(in_python.replace(ROBOT, name), {"__name__": "readme"})
        assert said.getvalue() == '{"drive": {"kp": 2.5, "speed": 0.0}}\n'
        for command in in_shell.splitlines():
            words = [tool if word == "structstore" else name if word == "robot" else word for word in command.split()]
            done = subprocess.run(words, capture_output=True, text=True, check=True)
        assert "kp: f64 = 3.0" in done.stdout and robot.drive.kp == 3.0


def documented() -> Iterator[tuple[str, Any]]:
    """Everything public: the package, what it exports, and their members."""
    yield "structstore", structstore
    for name in structstore.__all__:
        found = getattr(structstore, name)
        if not isinstance(found, str):
            yield name, found
        if inspect.isclass(found) and not issubclass(found, BaseException):
            # In one order in every process.
            for member, value in sorted(vars(found).items()):
                # What a dataclass's fields are its own docstring says.
                if not member.startswith("_") and member not in getattr(found, "__dataclass_fields__", ()):
                    # What a static method says, as opposed to what `staticmethod` does.
                    yield f"{name}.{member}", value.__func__ if isinstance(value, staticmethod) else value


@pytest.mark.parametrize(("where", "what"), list(documented()), ids=lambda value: value if isinstance(value, str) else "")
def test_docstrings_are_there_and_their_examples_run(where: str, what: Any, name: str, tmp_path: Path) -> None:
    text = inspect.getdoc(what)
    assert text
    names = {**NAMES, "__name__": "docstring", "folder": tmp_path}
    example = doctest.DocTestParser().get_doctest(text.replace(SEGMENT, name), names, where, None, None)
    said: list[str] = []
    outcome = doctest.DocTestRunner(optionflags=doctest.ELLIPSIS).run(example, out=said.append)
    assert outcome.failed == 0, "".join(said)


def test_the_main_methods_are_shown() -> None:
    shown = {where for where, what in documented() if ">>>" in (inspect.getdoc(what) or "")}
    assert len(shown) >= 15 and {"structstore", "StructStore", "StructStoreShared", "StructStoreList", "bind"} <= shown
