"""How a type checker sees the package: checked with `mypy --strict`, never run."""

from typing_extensions import assert_type

import structstore

assert_type(structstore.__version__, str)
