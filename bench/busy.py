"""What threads=2 costs where a processor has something else to do: never more than 5 %.

    python bench/busy.py [--turns 7] [--quick]

Another process spins on one of two processors.  `fit` with threads=2 and with one thread take turns, free to
run on either; a ratio is the time of one thread over that of two, the median over turns.  Without the other
process beside it: what two threads gain.  A fit takes a second: to find out once that threads gain nothing takes it
some milliseconds.
"""

import argparse
import os
import statistics
import subprocess
import sys
import time

import environment  # noqa: F401  (before NumPy: one BLAS thread)
import numpy as np

import fastnet as fn

LEAST = 0.95
WORK = [((784, 30, 10), 10, 1.0), ((784, 30, 10), 32, 1.0), ((784, 30, 10), 32, 0.19), ((784, 100, 10), 128, 1.0),
        ((784, 100, 10), 128, 0.19), ((64, 128, 128, 10), 32, 1.0), ((10, 64, 64, 1), 128, 1.0)]


def seconds(sizes, X, Y, batch_size, threads, epochs):
    net = fn.Network(sizes, dtype="float32", seed=0)
    start = time.perf_counter()
    net.fit(X, Y, epochs=epochs, batch_size=batch_size, learning_rate=1e-3, seed=0, progress=False, threads=threads)
    return time.perf_counter() - start


def ratio(sizes, batch_size, density, turns, least):
    rng = np.random.default_rng(0)
    X = (rng.random((8192, sizes[0])) * (rng.random((8192, sizes[0])) < density)).astype(np.float32)
    Y = rng.random((8192, sizes[-1])).astype(np.float32)
    epochs = max(1, int(least / seconds(sizes, X, Y, batch_size, 1, 1)))
    pairs = [(seconds(sizes, X, Y, batch_size, 1, epochs), seconds(sizes, X, Y, batch_size, 2, epochs)) for _ in range(turns)]
    return statistics.median(one / two for one, two in pairs)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--turns", type=int, default=7)
    parser.add_argument("--quick", action="store_true")
    args = parser.parse_args()
    processors = sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_setaffinity") else []
    if len(processors) < 2:
        print("needs two processors that it may choose among")
        return
    os.sched_setaffinity(0, set(processors[-2:]))
    turns, least = (1, 0) if args.quick else (args.turns, 1.0)
    print(f"{'one thread / two':40}{'alone':>8}{'busy':>8}")
    for sizes, batch_size, density in WORK[:1] if args.quick else WORK:
        alone = ratio(sizes, batch_size, density, turns, least)
        spin = subprocess.Popen([sys.executable, "-c", f"import os\nos.sched_setaffinity(0, {{{processors[-2]}}})\nwhile True: pass"])
        try:
            time.sleep(0.2)
            busy = ratio(sizes, batch_size, density, turns, least)
        finally:
            spin.kill()
            spin.wait()
        what = f"{list(sizes)}, batch {batch_size}" + (f", {1 - density:.0%} zeros" if density < 1 else "")
        print(f"{what:40}{alone:8.2f}{busy:8.2f}" + ("" if busy >= LEAST else f"   below {LEAST}"), flush=True)


if __name__ == "__main__":
    main()
