"""What the documentation shows runs, and does what it says, but for the name of the segment."""

import asyncio
import dataclasses
import doctest
import inspect
import re
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
        exec(block.replace(SEGMENT, name), {"__name__": "readme"})


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
                    yield f"{name}.{member}", value


@pytest.mark.parametrize(("where", "what"), list(documented()), ids=lambda value: value if isinstance(value, str) else "")
def test_docstrings_are_there_and_their_examples_run(where: str, what: Any, name: str) -> None:
    text = inspect.getdoc(what)
    assert text
    names = {**NAMES, "__name__": "docstring"}
    example = doctest.DocTestParser().get_doctest(text.replace(SEGMENT, name), names, where, None, None)
    said: list[str] = []
    outcome = doctest.DocTestRunner(optionflags=doctest.ELLIPSIS).run(example, out=said.append)
    assert outcome.failed == 0, "".join(said)


def test_the_main_methods_are_shown() -> None:
    shown = {where for where, what in documented() if ">>>" in (inspect.getdoc(what) or "")}
    assert len(shown) >= 15 and {"structstore", "StructStore", "StructStoreShared", "StructStoreList", "bind"} <= shown
