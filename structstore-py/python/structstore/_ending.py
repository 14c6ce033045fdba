"""Closes the stores of processes that end by `os._exit`, as the children of multiprocessing do.

Any other process that ends in order passes through `exit()` of the C library, which closes them.
"""

import os
import sys

from ._structstore import _end


class _Child:
    """What multiprocessing, which keeps only weak references, registers for its children."""


_child = _Child()


def _end_with_process(_: object = None) -> None:
    """Has multiprocessing end this process's stores with the process."""
    sys.modules["multiprocessing.util"].Finalize(None, _end, exitpriority=-1000)


def _before_bootstrap() -> None:
    """Registers that for a process of multiprocessing that begins only now, and forgets what was registered before."""
    util = sys.modules.get("multiprocessing.util")
    if util is not None:
        util.register_after_fork(_child, _end_with_process)


os.register_at_fork(after_in_child=_before_bootstrap)
_before_bootstrap()

# In a process of multiprocessing that is under way.
_process = sys.modules.get("multiprocessing.process")
if _process is not None and _process.parent_process() is not None:
    _end_with_process()
