"""The command `structstore`, which is also there as `python -m structstore`."""

import sys

from ._structstore import _main


def main() -> int:
    """Does what the command line says. Returns the exit status."""
    return _main(["structstore", *sys.argv[1:]])


if __name__ == "__main__":
    sys.exit(main())
