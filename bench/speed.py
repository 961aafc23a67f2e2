"""Training steps, calls and batch inference, each beside the plain engine: the same work over BLAS.

Sides take turns within one run, on one processor, with BLAS at one thread; medians of the turns.
The plain engine is checked against the fast paths before anything is timed.
"""

import argparse
import os
import statistics
import time

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")      # before numpy starts its pool

import numpy as np

import fastnet as fn

TRAINING = [((784, 30, 10), (1, 10, 32, 128, 512)), ((784, 100, 10), (1, 10, 32, 128)),
            ((64, 128, 128, 10), (1, 10, 32, 128)), ((10, 64, 64, 1), (1, 10, 32, 128)),
            ((2, 16, 16, 1), (1, 10, 32, 128)), ((4, 8, 3), (1, 10, 32)), ((784, 512, 512, 10), (32, 128, 512))]
CALLS = [(4, 8, 3), (2, 16, 16, 1), (10, 64, 64, 1), (784, 30, 10), (784, 512, 512, 10)]


def use(path):
    os.environ["FASTNET_PATH"] = path


def data(sizes, dtype, m):
    rng = np.random.default_rng(0)
    return rng.random((m, sizes[0])).astype(dtype), rng.random((m, sizes[-1])).astype(dtype)


def check(sizes, dtype, batch_size, X, Y):
    """Both sides do the same work, or there is nothing to compare."""
    ends = []
    for path in ("plain", "fast"):
        use(path)
        net = fn.Network(sizes, dtype=dtype, seed=0)
        net.fit(X[:64], Y[:64], epochs=1, batch_size=batch_size, learning_rate=1e-2, seed=0)
        ends.append(net.parameters.astype(float))
    if np.abs(ends[0] - ends[1]).max() > 1e3 * np.finfo(dtype).eps * np.abs(ends[0]).max():
        raise SystemExit(f"{sizes}, {dtype}, batch {batch_size}: the paths disagree")


def training(dtype, turns):
    print(f"training, {dtype}: µs a step (multiply-adds counted as 2 flops)")
    for sizes, batches in TRAINING:
        weights = sum(p * n for p, n in zip(sizes, sizes[1:]))
        flops = 6 * weights - 2 * sizes[0] * sizes[1]
        m = max(1024, min(16384, int(2e9 / flops)))
        X, Y = data(sizes, dtype, m)
        for batch_size in batches:
            check(sizes, dtype, batch_size, X, Y)
            steps, seconds = m / batch_size, {"plain": [], "fast": []}
            for _ in range(turns):
                for path in seconds:
                    use(path)
                    net = fn.Network(sizes, dtype=dtype, seed=0)
                    history = net.fit(X, Y, epochs=2, batch_size=batch_size, learning_rate=1e-3, seed=0)
                    seconds[path].append(min(history.seconds))
            plain, fast = (statistics.median(seconds[path]) / steps * 1e6 for path in ("plain", "fast"))
            ratio = statistics.median(p / f for p, f in zip(seconds["plain"], seconds["fast"]))
            print(f"  {str(list(sizes)):22} batch {batch_size:<4} BLAS {plain:9.2f}   fastnet {fast:9.2f}   "
                  f"x{ratio:5.2f}   {flops * batch_size / fast / 1e3:6.1f} GFLOP/s", flush=True)


def nanoseconds(call, turns):
    """Median over turns of the mean of enough calls."""
    call()
    start = time.perf_counter()
    call()
    count = max(3, min(20000, int(0.01 / max(time.perf_counter() - start, 1e-7))))
    times = []
    for _ in range(turns):
        start = time.perf_counter()
        for _ in range(count):
            call()
        times.append((time.perf_counter() - start) / count * 1e9)
    return statistics.median(times)


def calling(dtype, turns):
    print(f"calls, {dtype}: ns a call (the loop and an empty call included: {nanoseconds(lambda: None, turns):.0f})")
    for sizes in CALLS:
        use("fast")                                     # a net looks when it is made
        net = fn.Network(sizes, dtype=dtype, seed=0)
        f = net.freeze()
        x, out = np.random.default_rng(0).random(sizes[0]).astype(dtype), np.empty(sizes[-1], dtype)
        X = data(sizes, dtype, 1000)[0]
        single = [nanoseconds(call, turns) for call in
                  (lambda: net(x), lambda: net.predict(x, out), lambda: f(x), lambda: f(x, out))]
        rows = nanoseconds(lambda: net.predict(X), turns)
        use("plain")
        print(f"  {str(list(sizes)):22} net(x) {single[0]:6.0f}   net.predict(x, out) {single[1]:6.0f}   f(x) {single[2]:6.0f}   "
              f"f(x, out) {single[3]:6.0f}   1,000 rows {rows / 1e3:8.1f} µs (BLAS {nanoseconds(lambda: net.predict(X), turns) / 1e3:8.1f})",
              flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--turns", type=int, default=5)
    parser.add_argument("--dtype", choices=["float32", "float64"])
    args = parser.parse_args()
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    for dtype in [args.dtype] if args.dtype else ["float32", "float64"]:
        training(dtype, args.turns)
        calling(dtype, args.turns)


if __name__ == "__main__":
    main()
