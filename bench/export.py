"""The generated C file beside the frozen net it came from: one sample a call, and batches.

The file is compiled with `cc -O3 -march=native` and timed in C; the frozen net is called from Python, and what
that call costs by itself, measured on a net of a single weight, is taken off.  Sides take turns; medians of
the turns' ratios count, on a busy machine too.
"""

import argparse
import ctypes
import os
import statistics
import subprocess
import tempfile
import time
from pathlib import Path

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")      # before numpy starts its pool

import numpy as np

import fastnet as fn

NETS = [(4, 8, 3), (2, 16, 16, 1), (10, 64, 64, 1), (784, 30, 10)]
ROWS = 1000
LOOP = """
#include <stddef.h>
#include "net.h"
void repeat(size_t count, const {real} *x, {real} *y)
{{
    for (size_t i = 0; i < count; i++)
        net_value(x, y);
}}
"""


def compiled(net, folder, compiler, flags):
    """The generated file as a shared library, with a loop of calls beside it (its own unit: nothing is hoisted)."""
    folder = Path(folder)
    net.export_c(folder / "net.c", header=folder / "net.h")
    (folder / "loop.c").write_text(LOOP.format(real="float" if net.dtype == np.float32 else "double"))
    library = folder / "net.so"
    subprocess.run([compiler, *flags, "-shared", "-fPIC", "-o", library, folder / "net.c", folder / "loop.c", "-lm"], check=True)
    return ctypes.CDLL(str(library))


def seconds(call, count):
    start = time.perf_counter()
    call(count)
    return time.perf_counter() - start


def repeated(f, *args):
    def run(count):
        for _ in range(count):
            f(*args)
    return run


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--compiler", default="cc")
    parser.add_argument("--flags", default="-O3 -march=native", help="between quotes (default: %(default)s)")
    parser.add_argument("--turns", type=int, default=21)
    args = parser.parse_args()
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    print(f"{args.compiler} {args.flags}: time of the generated file over time of the frozen net")
    for dtype in (np.float32, np.float64):
        nothing = fn.Network([1, 1], activation="identity", dtype=dtype, seed=0).freeze()
        empty = repeated(nothing, np.zeros(1, dtype), np.zeros(1, dtype))
        for sizes in NETS:
            net = fn.Network(sizes, dtype=dtype, seed=0)
            frozen = net.freeze()
            X = np.random.default_rng(0).random((ROWS, sizes[0])).astype(dtype)
            x, y, Y = X[0].copy(), np.empty(sizes[-1], dtype), np.empty((ROWS, sizes[-1]), dtype)
            with tempfile.TemporaryDirectory() as folder:
                library = compiled(net, folder, args.compiler, args.flags.split())
                one, rows = (ctypes.c_void_p(array.ctypes.data) for array in (x, X))
                to_one, to_rows = (ctypes.c_void_p(array.ctypes.data) for array in (y, Y))
                sides = {
                    "c": lambda n: library.repeat(ctypes.c_size_t(n), one, to_one),
                    "frozen": repeated(frozen, x, y), "empty": empty,
                    "c rows": lambda n: [library.net_value_batch(ctypes.c_size_t(ROWS), rows, to_rows) for _ in range(n)],
                    "frozen rows": repeated(frozen, X, Y),
                }
                weights = sum(p * n for p, n in zip(sizes, sizes[1:]))
                counts = {side: max(1, (200 if "rows" in side else 20000) * 100 // (weights + 1000)) for side in sides}
                counts["empty"] = counts["frozen"]
                turns = [{side: seconds(call, counts[side]) / counts[side] for side, call in sides.items()} for _ in range(args.turns)]
            single = statistics.median(turn["c"] / (turn["frozen"] - turn["empty"]) for turn in turns)
            batch = statistics.median(turn["c rows"] / turn["frozen rows"] for turn in turns)
            took, call = (statistics.median(turn[side] for turn in turns) * 1e9 for side in ("c", "frozen"))
            print(f"  {np.dtype(dtype).name} {str(list(sizes)):18} one sample x{single:5.2f}   {ROWS} rows x{batch:5.2f}   "
                  f"({took:.0f} ns; f(x, out) from Python {call:.0f} ns)", flush=True)


if __name__ == "__main__":
    main()
