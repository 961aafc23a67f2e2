"""The generated C file beside the frozen net it came from: one sample a call, and batches.

    python bench/export.py [--compiler cc] [--flags "-O3 -march=native"] [--turns 21] [--quick]

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
from itertools import repeat
from pathlib import Path

import environment
import numpy as np

import fastnet as fn
import sides
import timing

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


def repeated(f, *args):
    def run(count):
        for _ in repeat(None, count):
            f(*args)
    return run


def measure(sizes, dtype, compiler, flags, effort):
    """Times of every side of one net, each checked before: the file must give what the frozen net gives."""
    net = fn.Network(sizes, dtype=dtype, seed=0)
    frozen, nothing = net.freeze(), fn.Network([1, 1], activation="identity", dtype=dtype, seed=0).freeze()
    X = np.random.default_rng(0).random((ROWS, sizes[0])).astype(dtype)
    x, y, Y = X[0].copy(), np.full(sizes[-1], np.nan, dtype), np.full((ROWS, sizes[-1]), np.nan, dtype)
    with tempfile.TemporaryDirectory() as folder:
        library = compiled(net, folder, compiler, flags)
        one, rows, to_one, to_rows = (ctypes.c_void_p(array.ctypes.data) for array in (x, X, y, Y))
        in_c = {"c": lambda n: library.repeat(ctypes.c_size_t(n), one, to_one),
                "c rows": lambda n: [library.net_value_batch(ctypes.c_size_t(ROWS), rows, to_rows) for _ in repeat(None, n)]}
        for run in in_c.values():
            run(1)
        sides.compare("c", y, frozen(x), sides.tolerance(dtype, 1))
        sides.compare("c rows", Y, frozen(X), sides.tolerance(dtype, 1))
        empty = repeated(nothing, np.zeros(1, dtype), np.zeros(1, dtype))
        return timing.interleaved({**in_c, "frozen": repeated(frozen, x, y), "frozen rows": repeated(frozen, X, Y), "empty": empty}, effort)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--compiler", default=os.environ.get("CC", "cc"))
    parser.add_argument("--flags", default="-O3 -march=native", help="between quotes (default: %(default)s)")
    parser.add_argument("--turns", type=int, default=21)
    parser.add_argument("--quick", action="store_true", help="two turns of one net: whether it runs")
    args = parser.parse_args()
    environment.pin()
    effort = timing.QUICK if args.quick else timing.Effort(args.turns, 0.01)
    print(f"{args.compiler} {args.flags}: time of the generated file over time of the frozen net")
    for dtype in ("float32",) if args.quick else ("float32", "float64"):
        for sizes in NETS[:1] if args.quick else NETS:
            times = measure(sizes, dtype, args.compiler, args.flags.split(), effort)
            single = statistics.median(c / (frozen - empty) for c, frozen, empty in
                                       zip(times["c"].turns, times["frozen"].turns, times["empty"].turns))
            print(f"  {dtype} {str(list(sizes)):18} one sample x{single:5.2f}   {ROWS} rows x{timing.ratio(times, 'c rows', 'frozen rows'):5.2f}"
                  f"   ({1e9 * times['c'].median:.0f} ns; f(x, out) from Python {1e9 * times['frozen'].median:.0f} ns)", flush=True)


if __name__ == "__main__":
    main()
