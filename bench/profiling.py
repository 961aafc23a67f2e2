"""The profiles of five trainings: whether their rows add up to the time on the clock, and what profiling costs.

    python bench/profiling.py [--turns 15] [--png FILE] [--quick]

Three figures are printed for each net: the rows of `fit` beside the time that another clock gives it; what the
timed operations come to before anything is made to add up; the least epoch of `fit` with a profile beside that
without one, in turn.  Of the profiles that is printed which had the processor most.  --png draws a short one of the first net.
"""

import argparse
import statistics
import time

import environment

import fastnet as fn
from fastnet import _measure

NETS = [((784, 30, 10), 10), ((10, 64, 64, 1), 32), ((784, 100, 10), 32), ((2, 16, 16, 1), 10), ((4, 8, 3), 1)]
ADD_UP, COST = 3.0, 5.0     # percent


def profiled(train, epochs):
    """(profile, seconds that fit took by a clock of our own, the least epoch's seconds)."""
    with fn.profile() as found:
        start = time.perf_counter()
        history = train(epochs)
        seconds = time.perf_counter() - start
    return found, seconds, min(history.seconds)


def measure(sizes, batch, turns, epochs):
    steps = _measure.Steps(fn.Network(sizes, dtype="float32", seed=0), batch)
    epochs = max(epochs, int(0.05 / steps.turn()))             # a profile of a millisecond shows what opening it costs
    on, off, found = [], [], []
    for turn in range(turns):
        for profiling in (turn % 2, 1 - turn % 2):
            if profiling:
                found.append(profiled(steps.train, epochs))
                on.append(found[-1][2])
            else:
                off.append(min(steps.train(epochs).seconds))
    cost = 100 * (statistics.median(a / b for a, b in zip(on, off)) - 1)
    least = 100 * (min(on) / min(off) - 1)
    profile, took, _ = max(found, key=lambda one: one[0].running)
    rows_of_fit = sum(row.self for row in profile.rows if row.thread == "main" and row.operation != "outside fastnet")
    fit = next(name for name in profile.sampled if "fit" in name)
    timed, raw = profile.sampled[fit], statistics.median(one.explained[fit] for one, _, _ in found)
    print(f"\n{list(sizes)} float32, batch {batch}: {1e6 * min(off) / steps.steps:.3g} µs a step, {epochs} epochs of {len(steps.X)} rows\n"
          f"{profile.table()}\n")
    print(f"rows of fit beside its time on another clock {100 * rows_of_fit / took:7.2f} %   {verdict(abs(100 * rows_of_fit / took - 100) <= ADD_UP)}")
    print(f"the timed {100 * timed:.1f} % of the steps stand for    {100 * raw:7.2f} %   "
          f"{verdict(abs(100 * raw - 100) <= ADD_UP) if timed == 1 else 'sampled: what is missing is shared out'}")
    print(f"an epoch with a profile beside one without, median of turns {cost:+.2f} %, least of each {least:+.2f} %   "
          f"{verdict(min(cost, least) <= COST)}")


def undisturbed(sizes, batch, tries=100):
    """Of short profiles the one that had the processor most."""
    steps = _measure.Steps(fn.Network(sizes, dtype="float32", seed=0), batch)
    return max((profiled(steps.train, 1)[0] for _ in range(tries)), key=lambda one: (one.running, -one.seconds))


def verdict(ok):
    return "ok" if ok else "ABOVE"


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--turns", type=int, default=15)
    parser.add_argument("--png", help="draw the profile of the first net there")
    parser.add_argument("--quick", action="store_true", help="tiny work: does it run?")
    args = parser.parse_args()
    environment.pin()
    if args.quick:
        _measure.SECONDS = 1e-4
    for sizes, batch in NETS[:2] if args.quick else NETS:
        measure(sizes, batch, 2 if args.quick else args.turns, 2 if args.quick else 20)
    if args.png:
        import matplotlib
        matplotlib.use("Agg")
        undisturbed(*NETS[0], 2 if args.quick else 100).plot()[0].figure.savefig(args.png, dpi=110)


if __name__ == "__main__":
    main()
