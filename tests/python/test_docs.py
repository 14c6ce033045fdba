"""What the guide shows in Python runs, page by page, but for the name of the store."""

import re
from pathlib import Path

import pytest

PAGES = sorted((Path(__file__).parents[2] / "docs/src").glob("*.md"))
# Blocks may lie in a tab, and are indented then.
BLOCK = re.compile(r"^( *)```python\n(.*?)^\1```$", re.DOTALL | re.MULTILINE)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_the_guide_runs(page: Path, name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    namespace = {"__name__": page.stem}
    for indent, block in BLOCK.findall(page.read_text()):
        code = re.sub(f"^{indent}", "", block, flags=re.MULTILINE).replace("/robot", name)
        exec(compile(code, page.name, "exec"), namespace)


def test_there_are_pages() -> None:
    assert len(PAGES) > 10
