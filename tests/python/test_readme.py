"""The README's Python, run as it stands there but for the name of the segment."""

import re
from pathlib import Path

import pytest

README = Path(__file__).parents[2] / "README.md"


def test_the_readme_runs(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    blocks = re.findall(r"^```python\n(.*?)^```$", README.read_text(), re.DOTALL | re.MULTILINE)
    assert blocks
    for block in blocks:
        exec(block.replace("/shdata_store", name), {"__name__": "readme"})
    assert "lst=[1, 2, 3, 5, 8]" in capsys.readouterr().out
