"""Starts a program that publishes its state, and shows it in the browser while it runs.

    cargo build --release -p structstore-examples --example telemetry
    python examples/viewer.py target/release/examples/telemetry /telemetry --seconds 60

One should see an address; the page that it leads to shows the telemetry of this machine. `settings` can be changed there: the program obeys, and
says so here. Ctrl-C ends both.
"""

import argparse
import subprocess
import time

import structstore

# How long a program may take to start, in seconds.
PATIENCE = 20.0


def main() -> None:
    parser = argparse.ArgumentParser(description="Shows a program's store in the browser while it runs.")
    parser.add_argument("program")
    parser.add_argument("name", help="the name of the store, such as /telemetry")
    parser.add_argument("--seconds", type=int, default=24 * 60 * 60, help="how long the program runs")
    arguments = parser.parse_args()
    command = [arguments.program, arguments.name, "--seconds", str(arguments.seconds)]
    # In a session of its own, so that Ctrl-C reaches it by its settings.
    program = subprocess.Popen(command, start_new_session=True)
    try:
        show(arguments.name, program)
    finally:
        program.kill()
        program.wait()


def show(name: str, program: "subprocess.Popen[bytes]") -> None:
    with attach(name) as store, structstore.serve(store, writable=["settings"]) as viewer:
        print(f"python: the store is shown at {viewer.url}", flush=True)
        viewer.open()
        try:
            program.wait()
        except KeyboardInterrupt:
            store.settings.stop = True
            program.wait()


def attach(name: str) -> structstore.StructStoreShared:
    """The store, when the program has put its settings there."""
    deadline = time.monotonic() + PATIENCE
    while True:
        try:
            store = structstore.StructStoreShared(name, create=False)
            if "settings" in store:
                return store
            store.close()
        except (structstore.NoSuchStoreError, structstore.NotReadyError):
            pass
        if time.monotonic() > deadline:
            raise SystemExit(f"{name}: the program has not published anything in {PATIENCE:.0f} seconds")
        time.sleep(0.02)


if __name__ == "__main__":
    main()
