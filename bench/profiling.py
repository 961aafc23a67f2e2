"""The profile of two trainings: whether its rows add up to the time on the clock, and what profiling costs.

    python bench/profiling.py [--turns 15] [--png FILE]

Two figures are printed for each net.  *Rows*: what the timed operations come to before anything is made to add
up, beside the time that another clock gives for `fit`.  *Overhead*: the same run of `fit` with a profile and
without one, in turn.  --png draws the profile of the first.
"""

import argparse
import os
import statistics
import time

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import numpy as np

import fastnet as fn

NETS = [((784, 30, 10), 10), ((10, 64, 64, 1), 32), ((784, 100, 10), 32), ((2, 16, 16, 1), 10), ((4, 8, 3), 1)]
ADD_UP, COST = 3.0, 5.0     # percent


def training(sizes, batch, rows, dtype="float32"):
    rng = np.random.default_rng(0)
    X, Y = rng.random((rows, sizes[0])).astype(dtype), rng.random((rows, sizes[-1])).astype(dtype)
    net = fn.Network(sizes, dtype=dtype, seed=0)
    return lambda epochs: net.fit(X, Y, epochs=epochs, batch_size=batch, learning_rate=0.01, seed=0)


def profiled(train, epochs):
    """(profile, seconds that fit took by a clock of our own)."""
    with fn.profile() as found:
        start = time.perf_counter()
        train(epochs)
        seconds = time.perf_counter() - start
    return found, seconds


def measure(sizes, batch, turns, rows, seconds):
    train = training(sizes, batch, rows)
    train(1)
    start = time.perf_counter()
    train(1)
    epochs = max(2, int(seconds / (time.perf_counter() - start)))
    on, off, found = [], [], []
    for turn in range(turns):
        for profiling in (turn % 2, 1 - turn % 2):
            start = time.perf_counter()
            if profiling:
                found.append(profiled(train, epochs))
                on.append(found[-1][1])
            else:
                train(epochs)
                off.append(time.perf_counter() - start)
    cost = 100 * (statistics.median(a / b for a, b in zip(on, off)) - 1)
    least = 100 * (min(on) / min(off) - 1)
    profile, took = min(found, key=lambda pair: pair[1])
    rows_of_fit = sum(row.self for row in profile.rows if row.thread == "main" and row.operation != "outside fastnet")
    raw = statistics.median(share for one, _ in found for name, share in one.explained.items() if "fit" in name)
    timed = next(share for name, share in profile.sampled.items() if "fit" in name)
    step = 1e6 * min(off) / epochs / -(-rows // batch)
    print(f"\n{list(sizes)} float32, batch {batch}: {step:.2f} µs a step, {epochs} epochs of {rows} rows\n{profile.table()}\n")
    print(f"rows of fit / its time on another clock  {100 * rows_of_fit / took:6.2f} %   "
          f"{verdict(abs(100 * rows_of_fit / took - 100) <= ADD_UP)}")
    print(f"timed operations, steps times {timed:.4f}, / time {100 * raw:6.2f} %   (all steps timed where that is 1: "
          f"{verdict(abs(100 * raw - 100) <= ADD_UP) if timed == 1 else 'sampled'})")
    print(f"with a profile / without, median of turns {cost:+6.2f} %, least of each {least:+.2f} %   {verdict(min(cost, least) <= COST)}")
    return profile


def verdict(ok):
    return "ok" if ok else "ABOVE"


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--turns", type=int, default=15)
    parser.add_argument("--png", help="draw the profile of the first net there")
    parser.add_argument("--quick", action="store_true", help="tiny work: does it run?")
    args = parser.parse_args()
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    profiles = [measure(sizes, batch, 2 if args.quick else args.turns, 320 if args.quick else 8000, 0.01 if args.quick else 0.2)
                for sizes, batch in (NETS[:2] if args.quick else NETS)]
    if args.png:
        import matplotlib
        matplotlib.use("Agg")
        profiles[0].plot()[0].figure.savefig(args.png, dpi=110)


if __name__ == "__main__":
    main()
