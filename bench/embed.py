"""A frozen net called from elsewhere: scipy's quad, functions compiled by numba, and single samples beside the peers.

    python bench/embed.py [--only quad,numba,calls] [--peers all] [--quick]

quad: a low-level callable beside `lambda x: net(x)`.  numba: its loop over samples beside a loop in C over the
same kernel (needs a C compiler and numba).  Calls a second: a net of the size of docs/lorenz.md, sample after
sample, as an integrator calls it, beside torch, jax and onnxruntime where they are installed.  Results are compared
before anything is timed; sides take turns in one run, medians of the turns' ratios count.  CPU time, which a
busy machine disturbs less than a clock on the wall.
"""

import argparse
import ctypes
import os
import shutil
import time
from itertools import repeat

import environment
import numpy as np

import choices
import peers
import sides
import timing
from derivatives import compiled_loop

import fastnet as fn
from fastnet._core import kernels

PARTS, RIVALS = ("quad", "numba", "calls"), ("torch_by_hand", "jax_scan", "onnx_runtime")
STORY = (3, 32, 32, 3)
NETS = [(1, 8, 1), (4, 8, 3), STORY, (10, 64, 64, 1)]


def quad(effort, quick):
    from scipy import integrate
    print("scipy.integrate.quad over [-1, 1], float64")
    for sizes in NETS[:1] if quick else [(1, 8, 1), (1, 16, 16, 1), (1, 64, 64, 1)]:
        net = fn.Network(sizes, activation="tanh", output="identity", seed=0)
        f = net.freeze()
        functions = {"low-level callable": f.low_level_callable("quad"), "lambda x: net([x])[0]": lambda x: net([x])[0],
                     "lambda x: net(array([x]))[0]": lambda x: net(np.array([x]))[0]}
        integral = {name: integrate.quad(function, -1, 1)[0] for name, function in functions.items()}
        np.testing.assert_allclose(list(integral.values()), integral["low-level callable"], rtol=1e-10, atol=1e-12)
        times = timing.interleaved({name: lambda count, function=function: [integrate.quad(function, -1, 1) for _ in repeat(None, count)]
                                    for name, function in functions.items()}, effort)
        rivals = ", ".join(f"{name} {times[name].median * 1e6:.1f} µs: {timing.ratio(times, name, 'low-level callable'):.1f}x"
                           for name in list(functions)[1:])
        print(f"  {list(sizes)!s:16} low-level callable {times['low-level callable'].median * 1e6:6.2f} µs; {rivals}", flush=True)


def numba_loops():
    import numba

    @numba.njit
    def values(net, n, x, y):
        for _ in range(n):
            net.value(x, y)

    @numba.njit
    def jacobians(net, n, x, y, jacobian):
        for _ in range(n):
            net.value_and_jacobian(x, (y, jacobian))

    return values, jacobians


def in_c(loop, f, x, y, jacobian):
    """Loops over the kernels: values(count) and jacobians(count)."""
    calls = f.ctypes
    work = np.empty(calls.workspace_size(calls.owner, 1), np.uint8)
    at = [ctypes.c_void_p(array.ctypes.data) for array in (x, y, jacobian, work)]

    def call(function, which, arrays):
        def run(n, held=(f, x, y, jacobian, work)):             # what the pointers point to
            function(ctypes.cast(getattr(calls, which), ctypes.c_void_p), ctypes.c_size_t(n), calls.owner, ctypes.c_size_t(1), *arrays)
        return run

    return call(loop.values, "eval", [at[0], at[1], at[3]]), call(loop.jacobians, "value_and_jacobian", at)


def numba(effort, quick):
    try:
        values, jacobians = numba_loops()
    except ImportError as error:
        print(f"numba: left out, {error}")
        return
    loop = compiled_loop()
    print("one sample in a function compiled by numba, beside the kernel in a C loop")
    for dtype in ("float64",) if quick else ("float32", "float64"):
        for sizes in NETS[:1] if quick else NETS:
            f = fn.Network(sizes, activation="tanh", dtype=dtype, seed=0).freeze()
            net, x = f.numba(), np.random.default_rng(0).random(sizes[0]).astype(dtype)
            y, jacobian = np.empty(sizes[-1], dtype), np.empty((sizes[-1], sizes[0]), dtype)
            c_values, c_jacobians = in_c(loop, f, x, y, jacobian)
            runs = {"C": c_values, "numba": lambda n: values(net, n, x, y),
                    "C, Jacobian": c_jacobians, "numba, Jacobian": lambda n: jacobians(net, n, x, y, jacobian)}
            for run in runs.values():
                y[:], jacobian[:] = np.nan, np.nan
                run(1)
                np.testing.assert_array_equal(y, f(x))
                assert run in (runs["C"], runs["numba"]) or (jacobian == f.jacobian(x)).all()
            times = timing.interleaved(runs, effort)
            print(f"  {dtype} {list(sizes)!s:16} value {times['numba'].median * 1e9:6.0f} ns: x{timing.ratio(times, 'numba', 'C'):.2f}   "
                  f"with the Jacobian {times['numba, Jacobian'].median * 1e9:6.0f} ns: x{timing.ratio(times, 'numba, Jacobian', 'C, Jacobian'):.2f}", flush=True)


def own_sides(net, x):
    """fastnet's ways to call a net on one sample, by name."""
    f, y = net.freeze(), np.empty(net.sizes[-1], net.dtype)
    runs = {"fastnet net(x)": lambda n: [net(x) for _ in repeat(None, n)], "fastnet f(x)": lambda n: [f(x) for _ in repeat(None, n)],
             "fastnet f(x, out)": lambda n: [f(x, y) for _ in repeat(None, n)]}
    if shutil.which(os.environ.get("CC", "cc")):
        runs["fastnet in C"] = in_c(compiled_loop(), f, x, y, np.empty((net.sizes[-1], net.sizes[0]), net.dtype))[0]
    try:
        values, packed = numba_loops()[0], f.numba()
        runs["fastnet in numba"] = lambda n: values(packed, n, x, y)
    except ImportError:
        pass
    return runs


def calls(effort, quick, names):
    found, missing = peers.load(names)
    for name, reason in missing.items():
        print(f"{name}: left out, {reason}")
    print(f"calls a second on one sample of {list(STORY)}, sigmoid, from Python where nothing else is said")
    for dtype in ("float64",) if quick else ("float32", "float64"):
        net = fn.Network(STORY, dtype=dtype, seed=0)
        x, start = np.random.default_rng(0).random(STORY[0]).astype(dtype), np.array(net.parameters)
        runs = own_sides(net, x)
        for module in found:
            try:
                side = module.infer(STORY, dtype, x, start)
                if side is None:
                    continue
                sides.compare(module.NAME, np.ravel(side.outputs()), net(x), sides.tolerance(dtype, 1))
                runs[module.NAME] = side.run
            except Exception as error:                  # a peer that breaks, or is wrong, does not stop the others
                print(f"  {module.NAME}: left out, {type(error).__name__}: {error}")
        times = timing.interleaved(runs, effort)
        for name in sorted(runs, key=lambda name: times[name].median):
            print(f"  {dtype} {name:18} {1 / times[name].median:13,.0f} a second, {times[name].median * 1e6:8.3f} µs: "
                  f"{timing.ratio(times, name, 'fastnet f(x, out)'):7.2f} times f(x, out)", flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", default=",".join(PARTS), type=choices.some_of(PARTS), help="which parts, between commas")
    parser.add_argument("--peers", default=",".join(RIVALS), type=choices.some_of(peers.OTHERS, "all", "none"),
                        help="modules of bench/peers, or all, or none")
    parser.add_argument("--quick", action="store_true", help="little work and few turns: whether it runs")
    options = parser.parse_args()
    environment.pin()
    timing.clock = time.process_time
    effort = timing.QUICK if options.quick else timing.Effort(15, 0.02)
    names = () if options.quick else peers.chosen(options.peers, RIVALS)
    print(f"level {kernels.level()}")
    for part in options.only:
        {"quad": lambda: quad(effort, options.quick), "numba": lambda: numba(effort, options.quick),
         "calls": lambda: calls(effort, options.quick, names)}[part]()


if __name__ == "__main__":
    main()
