"""Warns if the original StructStore, in C++, is installed beside this one: both are imported as `structstore`."""

import os
import warnings

_directory = os.path.dirname(__file__)

if any(name.startswith("_structstore_py.") for name in os.listdir(_directory)):
    warnings.warn(
        f"{_directory} has files of two packages, structstore (the C++ original) and structstore-rs, which replace each "
        "other's; run `pip uninstall structstore structstore-rs`, then install the one that you want",
        stacklevel=4,
    )
