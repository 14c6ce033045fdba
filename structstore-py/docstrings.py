"""Puts the docstrings of the native module into its stub, for editors that read stubs only: `cargo xtask py structstore-py/docstrings.py`.

With `--check`, it only says whether they are there.
"""

import ast
import inspect
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

STUB = Path(__file__).parent / "python/structstore/_structstore.pyi"
_INDENT = "    "


def documented(source: str, module: ModuleType) -> str:
    """A stub with the docstrings of what it declares."""
    lines = source.splitlines()
    edits: list[tuple[int, int, list[str]]] = []
    seen: set[tuple[str, ...]] = set()

    def visit(body: list[ast.stmt], owner: Any, route: tuple[str, ...]) -> None:
        for node in body:
            if not isinstance(node, ast.ClassDef | ast.FunctionDef):
                continue
            name = (*route, node.name)
            found = vars(owner).get(node.name) if isinstance(owner, type) else getattr(owner, node.name, None)
            found = getattr(found, "__func__", found)
            # Of overloads, the first one has it.
            doc = "" if name in seen or node.name.startswith("__") else inspect.getdoc(found) or ""
            seen.add(name)
            edits.append(_edit(node, doc, lines))
            if isinstance(node, ast.ClassDef):
                visit(node.body, found, name)

    visit(ast.parse(source).body, module, ())
    for start, end, new in sorted(edits, reverse=True):
        lines[start:end] = new
    return "\n".join(lines) + "\n"


def _edit(node: ast.ClassDef | ast.FunctionDef, doc: str, lines: list[str]) -> tuple[int, int, list[str]]:
    """The lines to replace by others, so that a class or function has this docstring and no other."""
    indent = " " * (node.col_offset + len(_INDENT))
    text = _quoted(doc, indent) if doc else []
    first = node.body[0]
    has_doc = isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant) and isinstance(first.value.value, str)
    if has_doc:
        assert first.end_lineno is not None
        rest = [] if isinstance(node, ast.ClassDef) or text else [f"{indent}..."]
        return first.lineno - 1, first.end_lineno, text or rest
    line = lines[first.lineno - 1]
    head = line[: first.col_offset].rstrip()
    if isinstance(node, ast.ClassDef) and not head.strip():
        start = min([first.lineno, *(decorator.lineno for decorator in getattr(first, "decorator_list", []))]) - 1
        return start, start, text
    if not text:
        return first.lineno, first.lineno, []
    # A body of `...`, which the docstring takes the place of; a comment behind it stays.
    behind = line[first.col_offset + 3 :].rstrip()
    return first.lineno - 1, first.lineno, [f"{head}{behind}", *text]


def _quoted(doc: str, indent: str) -> list[str]:
    escaped = doc.replace("\\", "\\\\").replace('"""', '\\"\\"\\"')
    if escaped.endswith('"'):
        escaped = escaped[:-1] + '\\"'
    lines = escaped.splitlines()
    if len(lines) == 1:
        return [f'{indent}"""{lines[0]}"""']
    inner = [f"{indent}{line}".rstrip() for line in lines[1:]]
    return [f'{indent}"""{lines[0]}', *inner, f'{indent}"""']


def main() -> int:
    from structstore import _structstore

    source = STUB.read_text()
    made = documented(source, _structstore)
    if "--check" in sys.argv:
        if made != source:
            print(f"{STUB}: docstrings differ from those of the module; run `cargo xtask py structstore-py/docstrings.py`", file=sys.stderr)
            return 1
    else:
        STUB.write_text(made)
    return 0


if __name__ == "__main__":
    sys.exit(main())
