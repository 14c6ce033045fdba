"""Tunes control.cpp while it runs, and prints what its stream has.

    ./control /robot 10 &
    python examples/cpp/tune.py /robot

One should see the position follow the target, faster with a larger gain, and a gain refused that is beyond the limits that the C++ program has
declared.
"""

import sys
import time

import structstore


def attach(name):
    """The store, as soon as the C++ program has made it, and a stream in it."""
    end = time.monotonic() + 10
    while True:
        try:
            store = structstore.StructStoreShared(name, create=False)
            store.drive.states.latest()
            return store
        except (structstore.Error, OSError, AttributeError):
            if time.monotonic() > end:
                raise
            time.sleep(0.02)


drive = attach(sys.argv[1]).drive
for target, kp in [(0.0, 4.0), (2.0, 8.0), (1.0, 50.0)]:
    try:
        with drive.transaction():
            drive.target, drive.gains.kp = target, kp
        print(f"python: target {target}, kp {kp}", flush=True)
    except structstore.LimitError as error:
        print(f"python: refused: {error}", flush=True)
    for _ in range(3):
        time.sleep(0.25)
        commands = drive.states.history(250)["command"]
        print(f"python: position {drive.position:.3f}, commands from {commands.min():.2f} to {commands.max():.2f}", flush=True)
