import json
import os
import shutil
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

import structstore


def test_version_is_that_of_the_distribution() -> None:
    assert structstore.__version__ == version("structstore-rs")


def modules_after(statement: str) -> set[str]:
    """The packages that a fresh interpreter has imported after a statement."""
    source = f"import sys, json; {statement}; print(json.dumps(list(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", source], capture_output=True, text=True, check=True)
    return {module.partition(".")[0] for module in json.loads(done.stdout)}


def test_importing_it_imports_numpy_alone() -> None:
    numpy = modules_after("import numpy")
    ours = modules_after("import structstore")
    assert ours - numpy - set(sys.stdlib_module_names) == {"structstore"}
    used = modules_after("import structstore; store = structstore.StructStore(); store.x = [1, 'two', {}]; store.x")
    assert used - numpy - set(sys.stdlib_module_names) == {"structstore"}


def test_only_the_public_api_is_visible() -> None:
    assert dir(structstore) == sorted(structstore.__all__)
    visible = {name for name in vars(structstore) if not name.startswith("_")}
    # These are imported when they are asked for.
    assert visible | {"Meta", "Mirror", "Subscription", "Viewer"} == set(structstore.__all__) - {"__version__"}
    everything: dict[str, object] = {}
    exec("from structstore import *", everything)
    assert everything.keys() - {"__builtins__"} == set(structstore.__all__)


def test_every_kind_of_error_has_an_exception():
    from structstore import _structstore as core

    assert core._unmapped_errors() == []


def test_the_original_beside_it_is_warned_of(tmp_path: Path) -> None:
    installed = Path(structstore.__file__).parent
    copy = tmp_path / "structstore"
    shutil.copytree(installed, copy)
    run = [sys.executable, "-c", "import structstore; print(structstore.__file__)"]
    environment = {**os.environ, "PYTHONPATH": str(tmp_path)}

    alone = subprocess.run(run, env=environment, capture_output=True, text=True, check=True)
    assert alone.stdout.strip() == str(copy / "__init__.py")
    assert alone.stderr == ""

    (copy / "_structstore_py.cpython-312-x86_64-linux-gnu.so").touch()
    both = subprocess.run(run, env=environment, capture_output=True, text=True, check=True)
    assert "UserWarning" in both.stderr
    assert "pip uninstall structstore structstore-rs" in both.stderr


def test_the_stub_has_the_docstrings() -> None:
    script = Path(__file__).parents[2] / "structstore-py/docstrings.py"
    done = subprocess.run([sys.executable, script, "--check"], capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
