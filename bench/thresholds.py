"""What the thresholds of fastnet/_core/plan.py rest on: both ways of each, around the place where the plan changes over.

    python bench/thresholds.py [--quick] [--only sparse,files,half,online,backward,blocks,pack,shares]

Prints the time of one way over that of the other, medians over turns in one run on one processor, and
what the plan takes: it should be the faster, or within the noise of it.  `shares` needs two processors to
itself; one thread then runs on each in turn, for they may not be equally fast.
"""

import argparse
import os
import statistics
import tempfile
import time

import environment  # noqa: F401  (before NumPy: one BLAS thread)
import numpy as np

import choices
import fastnet as fn
from fastnet import training
from fastnet._core import kernels, plan
from fastnet._core.rows import Rows
from fastnet._pages import Pages

DTYPE = "float32"


class Way:
    """The plan with some of its decisions replaced."""

    def __init__(self, **values):
        self.values = values

    def __enter__(self):
        self.before = {name: getattr(plan, name) for name in self.values}
        for name, value in self.values.items():
            setattr(plan, name, value)

    def __exit__(self, *error):
        for name, value in self.before.items():
            setattr(plan, name, value)


def samples(sizes, m, density=1.0):
    rng = np.random.default_rng(0)
    X = rng.random((m, sizes[0])) * (rng.random((m, sizes[0])) < density)
    return X.astype(DTYPE), rng.random((m, sizes[-1])).astype(DTYPE)


def in_file(X):
    """The same rows in a file, mapped into memory."""
    with tempfile.TemporaryFile() as file:
        X.tofile(file)
        mapped = np.memmap(file, X.dtype, "r", shape=X.shape)
    return Rows(mapped, X.dtype, None, Pages(mapped, mapped))


def trainer(sizes, batch_size, way, density=1.0, threads=1, mapped=False, least=512):
    """A function that trains on some batches, of a file if `mapped`, and returns its seconds."""
    X, Y = samples(sizes, max(4 * batch_size, least), density)
    order = np.random.default_rng(1).permutation(len(X)) if mapped else None
    X = in_file(X) if mapped else X
    net = fn.Network(sizes, dtype=DTYPE, seed=0)
    with way:
        run, X = training.start_run(net, X, batch_size, threads)
    if threads > 1:
        run.together = run.plan.shares > 1
    run.epoch(X, Y, order, 1e-4)

    def go():
        start = time.perf_counter()
        run.epoch(X, Y, order, 1e-4)
        return time.perf_counter() - start
    return run, go


def ratio(one, other, turns, seconds):
    """Median over turns of the time of one over that of the other."""
    count = max(1, int(seconds / 2 / max(1e-6, one() + other())))
    found = []
    for _ in range(turns):
        a = min(one() for _ in range(count))
        found.append(a / min(other() for _ in range(count)))
    return statistics.median(found)


def row(what, value, taken, right):
    value = value if isinstance(value, str) else f"{value:.2f}"
    print(f"  {what:44}{value:>12}   the plan takes {taken}{'' if right else ': the slower'}", flush=True)


def sparse(args):
    print("sparse inputs: time with zeros skipped / dense")
    for sizes, batch_size in [((784, 30, 10), 1), ((784, 100, 10), 1), ((784, 30, 10), 10), ((784, 30, 10), 128), ((784, 100, 10), 32)]:
        for density in (0.2, 0.3, 0.4, 0.5, 0.6):
            run, kept = trainer(sizes, batch_size, Way(SPARSE_ONLINE=2.0, SPARSE_MINIBATCH=2.0), density)
            dense = trainer(sizes, batch_size, Way(SPARSE_ONLINE=0.0, SPARSE_MINIBATCH=0.0), density)[1]
            found = ratio(kept, dense, args.turns, args.seconds)
            taken = plan.plan_training(sizes, batch_size, kernels.lanes(np.dtype(DTYPE)), density).sparse
            row(f"{list(sizes)}, batch {batch_size}, {density:.0%} not 0", found, "sparse" if taken else "dense", (found < 1.05) if taken else (found > 0.95))


def files(args):
    print("inputs in a file: time of an epoch with zeros left out of every window / dense")
    ways = Way(SPARSE_ONLINE=2.0, SPARSE_MINIBATCH=2.0, FINDING=0.0, FOUND=1.0), Way(FOUND=0.0)
    for n in (30, 100, 300):
        sizes = (784, n, 10)
        for batch_size in (1, 10, 128):
            for density in (0.05, 0.1, 0.2, 0.3):
                one, other = (trainer(sizes, batch_size, way, density, mapped=True)[1] for way in ways)
                found = ratio(one, other, args.turns, args.seconds)
                taken = plan.plan_training(sizes, batch_size, kernels.lanes(np.dtype(DTYPE)), density, anew=True).sparse
                row(f"{list(sizes)}, batch {batch_size}, {density:.0%} not 0", found, "sparse" if taken else "dense",
                    (found < 1.05) if taken else (found > 0.8))


def half(args):
    dtype = np.dtype(DTYPE)
    if kernels.half_lanes(dtype) == kernels.lanes(dtype):
        print("half vectors: this level has none")
        return
    print("half vectors: time by whole vectors / by half ones")
    for sizes, batch_size in [((4, 8, 3), 1), ((2, 16, 16, 1), 1), ((8, 24, 24, 4), 1), ((8, 32, 32, 4), 1), ((8, 48, 48, 4), 1),
                              ((784, 8, 2), 1), ((784, 30, 10), 1), ((4, 8, 3), 10), ((2, 16, 16, 1), 10), ((10, 64, 64, 1), 10)]:
        whole = trainer(sizes, batch_size, Way(half_is_faster=lambda *_: False))[1]
        halves = trainer(sizes, batch_size, Way(half_is_faster=lambda *_: True))[1]
        found = ratio(whole, halves, args.turns, args.seconds)
        taken = plan.plan_training(sizes, batch_size, kernels.lanes(dtype), half_lanes=kernels.half_lanes(dtype)).half
        row(f"{list(sizes)}, batch {batch_size}", found, "half" if taken else "whole", (found > 0.95) if taken else (found < 1.05))


def online(args):
    print("one sample a step: time of a pass over the first layer for each / for several at once")
    for sizes in [(784, 30, 10), (784, 100, 10), (784, 12, 2), (300, 8, 2), (200, 50, 1), (100, 16, 4), (64, 128, 128, 10), (30, 200, 10),
                  (10, 64, 64, 1), (8, 48, 48, 4)]:
        ways = [trainer(sizes, 1, Way(ONLINE_BLOCK_FROM=least))[1] for least in (np.inf, 0)]
        found = ratio(*ways, args.turns, args.seconds)
        run, _ = trainer(sizes, 1, Way())
        taken = run.plan.steps_at_once > 1
        row(f"{list(sizes)}", found, "several" if taken else "each", (found > 0.95) if taken else (found < 1.05))


def forced(lanes, backward):
    """plan_layer, with another way for every layer but the first."""
    chosen = plan.plan_layer
    update = plan.LayerPlan(lanes, "tiles" if lanes == "outputs" else "dots", backward, "tiles")
    return Way(plan_layer=lambda l, *shape: update if l else chosen(l, *shape), half_is_faster=lambda *_: False)


def backward(args):
    print("layers above the first: time of each way / of what the plan takes")
    ways = {"outputs, transposed tiles": ("outputs", "transposed tiles"), "outputs, dots": ("outputs", "dots"),
            "outputs, samples in lanes": ("outputs", "samples in lanes"), "inputs": ("inputs", "tiles")}
    for p, n, m in [(64, 64, 10), (64, 64, 128), (128, 10, 10), (128, 10, 128), (30, 10, 10), (30, 10, 128), (64, 1, 32), (16, 16, 10),
                    (17, 33, 32), (512, 512, 32), (512, 40, 32)]:
        sizes = (8, p, n)
        taken = plan.plan_layer(1, p, n, m, kernels.lanes(np.dtype(DTYPE)))
        own = trainer(sizes, m, Way(half_is_faster=lambda *_: False))[1]
        for name, (lanes, way) in ways.items():
            if (lanes, way) == (taken.lanes, taken.backward):
                continue
            found = ratio(trainer(sizes, m, forced(lanes, way))[1], own, args.turns, args.seconds)
            row(f"{p}-{n}, batch {m}: {name}", found, f"{taken.lanes}, {taken.backward}", found > 0.95)


def blocks(args):
    print("batch 512 in blocks: time by blocks of 128 rows / of 512")
    for sizes in [(784, 30, 10), (784, 100, 10), (64, 128, 128, 10), (256, 256, 256, 10), (784, 512, 512, 10)]:
        small = trainer(sizes, 512, Way(BLOCK_ROWS=128, WIDE_ROWS=128))[1]
        large = trainer(sizes, 512, Way(BLOCK_ROWS=512, WIDE_ROWS=512))[1]
        found = ratio(small, large, args.turns, args.seconds)
        taken = plan.plan_training(sizes, 512, kernels.lanes(np.dtype(DTYPE))).rows
        row(f"{list(sizes)}", found, f"{taken}", (found < 1.05) if taken == 128 else (found > 0.95))


def pack(args):
    print("inference: time sample by sample / packed for the call")
    for sizes in [(4, 8, 3), (10, 64, 64, 1), (784, 30, 10), (64, 128, 128, 10), (784, 512, 512, 10)]:
        for m in (4, 8, 16, 32):
            net, (X, Y) = fn.Network(sizes, dtype=DTYPE, seed=0), samples(sizes, m)
            out = np.empty_like(Y)

            def timed(pack_from):
                def go():
                    with Way(PACK_FROM=pack_from):
                        start = time.perf_counter()
                        net.predict(X, out)
                        return time.perf_counter() - start
                return go
            found = ratio(timed(1 << 30), timed(1), args.turns, args.seconds)
            taken = plan.plan_inference(sizes, m).path
            row(f"{list(sizes)}, {m} rows", found, taken, (found < 1.1) if taken == "samples" else (found > 0.9))


def shares(args):
    if len(os.sched_getaffinity(0)) < 2:
        print("shares: needs two processors")
        return
    processors = sorted(os.sched_getaffinity(0))[:2]

    def on_either(go):
        def run():
            seconds = 0.0
            for place in processors:
                os.sched_setaffinity(0, {place})
                seconds += go() / 2
            os.sched_setaffinity(0, set(processors))
            return seconds
        return run
    print("two threads: time by one / by two, the first layer divided by outputs, by inputs")
    for sizes, batch_size in [((4, 8, 3), 128), ((2, 16, 16, 1), 128), ((10, 64, 64, 1), 10), ((10, 64, 64, 1), 32), ((10, 64, 64, 1), 128),
                              ((784, 30, 10), 10), ((784, 30, 10), 32), ((64, 128, 128, 10), 10), ((64, 128, 128, 10), 32),
                              ((64, 128, 128, 10), 128), ((784, 100, 10), 32), ((784, 512, 512, 10), 32)]:
        one = on_either(trainer(sizes, batch_size, Way(), least=8192)[1])
        chosen = plan.plan_training(sizes, batch_size, kernels.lanes(np.dtype(DTYPE)), threads=2)
        found = {}
        for by_outputs in (True, False):
            run, two = trainer(sizes, batch_size, Way(shares_for=lambda *_, by=by_outputs, **__: (2, by)), threads=2, least=8192)
            found[by_outputs] = ratio(one, two, args.turns, args.seconds)
            run.close()
        best, taken = max(found.values()), found[chosen.by_outputs]
        row(f"{list(sizes)}, batch {batch_size}", f"{found[True]:.2f} {found[False]:.2f}",
            "not divided" if chosen.shares == 1 else "by outputs" if chosen.by_outputs else "by inputs",
            best < 1.5 if chosen.shares == 1 else taken > max(1.2, 0.95 * best))


PARTS = {"sparse": sparse, "files": files, "half": half, "online": online, "backward": backward, "blocks": blocks, "pack": pack, "shares": shares}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", default=",".join(PARTS), type=choices.some_of(PARTS), help="which decisions, between commas")
    parser.add_argument("--turns", type=int, default=7)
    parser.add_argument("--seconds", type=float, default=0.06, help="of a turn, both ways together")
    parser.add_argument("--quick", action="store_true", help="one turn of one run: whether it runs")
    args = parser.parse_args()
    if args.quick:
        args.turns, args.seconds = 1, 0
    print(f"{DTYPE}, {kernels.level()}")
    if not hasattr(os, "sched_setaffinity"):
        raise SystemExit("needs a system that binds a process to a processor")
    affinity = os.sched_getaffinity(0)
    for name in args.only:
        os.sched_setaffinity(0, affinity if name == "shares" else {max(affinity)})
        PARTS[name](args)
    os.sched_setaffinity(0, affinity)


if __name__ == "__main__":
    main()
