"""Watches telemetry.rs while it runs, computes on its memory, and changes how it runs.

    cargo run -p structstore-examples --example telemetry -- /telemetry --seconds 30 &
    python examples/telemetry.py /telemetry --seconds 10 --plot history.png

It shows how to attach to a store that another process makes, read its fields under a lock, follow a stream of samples and
compute with NumPy on the last ones, change settings that the other process obeys, and take a copy of everything as of one
moment.

One should see a line per half second. After a third of the time the sampling rate triples: the Rust process says so,
and the rate that is measured here follows. It ends after N seconds (10 unless given), or when the Rust process does.
"""

import argparse
import sys
import time

import numpy as np

from structstore import NoSuchStoreError, NotReadyError, StructStoreShared

# How long to wait for the Rust process, in seconds.
PATIENCE = 10.0

# How often to print a line, in seconds.
INTERVAL = 0.5

# From how many of the latest samples the rate is measured.
MEASURED = 10

BARS = "▁▂▃▄▅▆▇█"

# How many of them there is room for; of more cores, several share one.
ROOM = 32


def say(text):
    # At once, so that lines of both processes come in order also in a pipe.
    print(f"python: {text}".rstrip(), flush=True)


def attach(name):
    """Opens the store once it is there and has what is looked at here."""
    deadline = time.monotonic() + PATIENCE
    while True:
        try:
            store = StructStoreShared(name, create=False)
        except (NoSuchStoreError, NotReadyError):
            store = None
        if store is not None:
            if store.get("running"):
                return store
            store.close()
        if time.monotonic() > deadline:
            sys.exit(f"python: nobody publishes telemetry in {name}; waited {PATIENCE:.0f} s")
        time.sleep(0.01)


def measured_rate(uptimes):
    """Samples per second, from when the latest ones were taken."""
    uptimes = uptimes[-MEASURED:]
    return (len(uptimes) - 1) / np.ptp(uptimes) if len(uptimes) > 1 else np.nan


def bars(loads):
    shares = np.array_split(loads, min(len(loads), ROOM))
    return "".join(BARS[min(int(share.mean() * len(BARS)), len(BARS) - 1)] for share in shares)


class Watch:
    def __init__(self, store):
        self.store = store
        self.history = store.history
        self.follow = self.history.follow()
        self.got = self.missed = 0

    def show_stream(self):
        history = self.history
        say(f"the history is a stream of records of {', '.join(history.dtype.names)}; it keeps the last {history.depth}")
        sample = self.follow.next(timeout=2.0)
        if sample is not None:
            self.count(sample)
            uptime, age = sample.value["uptime"], 1e3 * sample.age
            say(f"  sample {sample.seq} came as it was published: of uptime {uptime:.2f}, {age:.2f} ms ago")
        loads = self.store.core_loads
        say(f"  an array is a view: it owns no data: {not loads.flags.owndata}; its base is a {type(loads.base).__name__}")

    def count(self, sample):
        self.got += 1
        self.missed += sample.missed

    def catch_up(self):
        while (sample := self.follow.next(timeout=0)) is not None:
            self.count(sample)

    def header(self):
        say("")
        cores = bars(self.store.core_loads)
        say(
            "uptime [s]  samples  rate [/s]  cpu [%]: now   mean    max  memory [%]   load"
            f"  {'cores':<{max(5, len(cores))}}  busiest process"
        )

    def line(self):
        store = self.store
        self.catch_up()
        rows = self.history.history(self.history.depth)
        rate = measured_rate(rows["uptime"])
        mean, largest = 100 * rows["cpu"].mean(), 100 * rows["cpu"].max()
        # Nobody changes anything meanwhile, so that all of this is about the same sample.
        with store.read_lock():
            samples, now = store.samples, 100 * store.cpu
            memory = 100 * store.memory.used / store.memory.total
            uptime, load, cores = store.uptime, store.load_averages[0], bars(store.core_loads)
            busiest = store.processes[0]
            # The kernel counts in hundredths of a second: between two samples there may be none.
            busiest = f"{busiest.name} {100 * busiest.cpu:.0f} %" if busiest.cpu > 0 else "-"
        say(
            f"{uptime:10.2f}  {samples:7}  {rate:9.1f}  {now:12.1f}  {mean:5.1f}  {largest:5.1f}"
            f"  {memory:10.1f}  {load:5.2f}  {cores:<5}  {busiest}"
        )
        return rate

    def ask_for_more(self):
        store = self.store
        # Both at once in the eyes of the Rust process.
        with store.settings.write_lock() as settings:
            settings.rate *= 3
            settings.label = "faster, says Python"
            # In here, so that it comes before what the Rust process says.
            say(f"asked for {settings.rate:g} samples per second and another label")
        return store.uptime

    def snapshot(self):
        store = self.store
        with store.read_lock():
            copy = store.deepcopy()
            same = copy.uptime == store.uptime
        say(f"copied everything as of sample {copy.samples}; copy and store agree: {same}")
        return copy


def watch(store, seconds):
    """Returns a copy of the store at the end, the history, and the time at which the rate was changed."""
    view = Watch(store)
    say(f"attached to what {store.host} publishes: {', '.join(store)}")
    view.show_stream()
    say(f"next: a line per {INTERVAL} s, all read and computed in place; then a change of the settings")
    view.header()

    started = time.monotonic()
    due = started
    asked = taken = None
    before = after = np.nan
    while store.running and time.monotonic() - started < seconds:
        due += INTERVAL
        time.sleep(max(0.0, due - time.monotonic()))
        after = view.line()
        elapsed = time.monotonic() - started
        if asked is None and elapsed > seconds / 3:
            before, asked = after, view.ask_for_more()
        elif taken is None and elapsed > seconds * 2 / 3:
            taken = view.snapshot()

    say("")
    say("the Rust process has ended" if not store.running else f"{seconds:g} s are over")
    if asked is not None:
        say(f"measured {before:.1f} samples per second before the change, {after:.1f} after it")
    if taken is not None:
        say(f"the copy is still of sample {taken.samples}; the store is at {store.samples}")
    view.catch_up()
    say(f"followed the history: got {view.got} samples, missed {view.missed}")
    return store.deepcopy(), view.history.history(view.history.depth), asked


def plot(last, column, asked, file):
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    start = np.nanmin(column["uptime"])
    seconds = column["uptime"] - start
    figure, (usage, load) = plt.subplots(
        2, sharex=True, figsize=(9, 6), height_ratios=(2, 1), layout="constrained"
    )
    usage.plot(seconds, 100 * column["cpu"], ".-", color="tab:blue", label="processors busy")
    usage.plot(seconds, 100 * column["memory"], ".-", color="tab:orange", label="memory used")
    usage.set(ylabel="%", ylim=(0, 105))
    usage.set_title(f"{last.host}: the last {len(seconds)} of {last.samples} samples")
    load.plot(seconds, column["load"], ".-", color="tab:green", label="load average over a minute")
    load.set(xlabel="time [s]", ylabel="tasks")
    load.set_ylim(0, 1.3 * max(1.0, np.nanmax(column["load"])))
    for axes in (usage, load):
        if asked is not None and asked >= start:
            axes.axvline(asked - start, color="gray", linestyle="--", label="three times the rate asked for")
        axes.legend(loc="best")
        axes.grid(alpha=0.3)
    figure.savefig(file, dpi=120)
    say(f"plotted the history to {file}")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("name", help='the name of the store, such as "/telemetry"')
    parser.add_argument("--seconds", type=float, default=10.0, help="for how long to watch (10)")
    parser.add_argument("--plot", metavar="FILE", help="where to write a picture of the history")
    args = parser.parse_args()
    # Not every terminal can show the bars.
    sys.stdout.reconfigure(errors="replace")

    with attach(args.name) as store:
        last, history, asked = watch(store, args.seconds)
    if args.plot:
        plot(last, history, asked, args.plot)


if __name__ == "__main__":
    try:
        main()
    except KeyboardInterrupt:
        sys.exit(130)
