"""The Jacobian of one sample and of a batch: beside the forward pass, and beside jax and torch.func.

    python bench/derivatives.py [--dtype float64] [--turns 15] [--quick]

In C: loops over the functions of fastnet.h, called by address from a few lines that are compiled
here (needs a C compiler; $CC or cc).  From Python: what a call costs, each side in its own best way
(jax: jit; torch: torch.func).  Jacobians are compared before anything is timed.  Sides take turns in one run, on one
processor; medians count, and ratios are medians of the turns' own.  jax and torch are left out where they are not installed.
"""

import argparse
import ctypes
import os
import subprocess
import tempfile
from itertools import repeat

import environment
import numpy as np

import fastnet as fn
import sides
import timing
from fastnet._core import kernels
from fastnet.embed.capi import ADDRESSES

NETS = [((10, 64, 64, 1), "tanh"), ((2, 16, 16, 1), "tanh"), ((10, 64, 64, 1), "sigmoid"), ((4, 32, 32, 8), "tanh"), ((784, 30, 10), "sigmoid")]
LOOP = """
#include <stddef.h>
typedef int (*value)(const void *net, size_t m, const void *x, void *y, void *workspace);
typedef int (*both)(const void *net, size_t m, const void *x, void *y, void *jacobian, void *workspace);
void values(value f, size_t n, const void *net, size_t m, const void *x, void *y, void *w)
{ for (size_t i = 0; i < n; i++) f(net, m, x, y, w); }
void jacobians(both f, size_t n, const void *net, size_t m, const void *x, void *y, void *j, void *w)
{ for (size_t i = 0; i < n; i++) f(net, m, x, y, j, w); }
"""


def compiled_loop():
    with tempfile.TemporaryDirectory() as folder:
        source, library = os.path.join(folder, "loop.c"), os.path.join(folder, "loop.so")
        with open(source, "w") as file:
            file.write(LOOP)
        subprocess.run([os.environ.get("CC", "cc"), "-O2", "-shared", "-fPIC", source, "-o", library], check=True)
        return ctypes.CDLL(library)


def in_c(loop, f, dtype, m, effort):
    """Times of "value", a forward pass, and of "both", value and Jacobian together, no Python in between."""
    precision = {"float32": "f32", "float64": "f64"}[dtype]
    x = np.random.default_rng(0).standard_normal((m, f.sizes[0])).astype(dtype)
    y, jacobian = np.empty((m, f.sizes[-1]), dtype), np.empty((m, f.sizes[-1], f.sizes[0]), dtype)
    work = np.empty(f.ctypes.workspace_size(f.address, m), np.uint8)
    net, size, at = ctypes.c_void_p(f.address), ctypes.c_size_t, lambda array: ctypes.c_void_p(array.ctypes.data)
    value, both = (ctypes.c_void_p(ADDRESSES[f"fastnet_{name}_{precision}"]) for name in ("eval", "value_and_jacobian"))
    runs = {"value": lambda n: loop.values(value, size(n), net, size(m), at(x), at(y), at(work)),
            "both": lambda n: loop.jacobians(both, size(n), net, size(m), at(x), at(y), at(jacobian), at(work))}
    for run in runs.values():
        y[:] = np.nan
        run(1)
        sides.compare("in C", y, f(x), sides.tolerance(dtype, 1))
    sides.compare("in C", jacobian, f.jacobian(x), sides.tolerance(dtype, 1))
    return timing.interleaved(runs, effort)


def jax_side(net, x):
    try:
        import jax
        import jax.numpy as jnp
    except ImportError:
        return None
    jax.config.update("jax_enable_x64", net.dtype == np.float64)
    f = {"tanh": jnp.tanh, "sigmoid": jax.nn.sigmoid}[net.activations[0]]
    parameters = [(jnp.asarray(w), jnp.asarray(b)) for w, b in zip(net.weights, net.biases)]

    def outputs(x):
        for w, b in parameters:
            x = f(w @ x + b)
        return x

    mode = jax.jacrev if net.sizes[-1] <= net.sizes[0] else jax.jacfwd
    jacobian = jax.jit(mode(outputs) if x.ndim == 1 else jax.vmap(mode(outputs)))
    given = jnp.asarray(x)
    return lambda: np.asarray(jacobian(given).block_until_ready())


def torch_side(net, x):
    try:
        import torch
    except ImportError:
        return None
    torch.set_num_threads(1)
    f = {"tanh": torch.tanh, "sigmoid": torch.sigmoid}[net.activations[0]]
    parameters = [(torch.tensor(w), torch.tensor(b)) for w, b in zip(net.weights, net.biases)]

    def outputs(x):
        for w, b in parameters:
            x = f(w @ x + b)
        return x

    mode = torch.func.jacrev if net.sizes[-1] <= net.sizes[0] else torch.func.jacfwd
    jacobian, given = (mode(outputs) if x.ndim == 1 else torch.func.vmap(mode(outputs))), torch.tensor(x)
    return lambda: jacobian(given).detach().numpy()


def from_python(net, dtype, m, effort):
    """Times of f(x) and of every side's Jacobian."""
    f, rng = net.freeze(), np.random.default_rng(0)
    x = rng.standard_normal((m, net.sizes[0]) if m > 1 else net.sizes[0]).astype(dtype)
    out = np.empty((m, net.sizes[-1], net.sizes[0])[0 if m > 1 else 1:], dtype)
    calls = {"f(x)": lambda: f(x), "fastnet": lambda: f.jacobian(x, out), "jax": jax_side(net, x), "torch": torch_side(net, x)}
    calls = {name: call for name, call in calls.items() if call}
    for name in set(calls) - {"f(x)"}:
        sides.compare(name, calls[name](), f.jacobian(x), sides.tolerance(dtype, 1))
    return timing.interleaved({name: lambda n, call=call: [call() for _ in repeat(None, n)] for name, call in calls.items()}, effort)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--dtype", choices=["float32", "float64"], action="append", help="both if not given")
    parser.add_argument("--turns", type=int, default=15, help="of each side, 20 ms each")
    parser.add_argument("--quick", action="store_true", help="two turns of the smallest net: whether it runs")
    options = parser.parse_args()
    effort = timing.QUICK if options.quick else timing.Effort(options.turns, 0.02)
    environment.pin()
    loop = compiled_loop()
    for dtype in options.dtype or ["float32", "float64"]:
        print(f"value and Jacobian, {dtype}, level {kernels.level()}")
        for sizes, activation in NETS[1:2] if options.quick else NETS:
            net = fn.Network(sizes, activation=activation, dtype=dtype, seed=0)
            for m in (1, 100):
                compiled, called = in_c(loop, net.freeze(), dtype, m, effort), from_python(net, dtype, m, effort)
                rivals = "".join(f"; {name} {1e6 * called[name].median:.1f} µs ({timing.ratio(called, name, 'fastnet'):.1f}x)"
                                 for name in ("jax", "torch") if name in called)
                print(f"  {list(sizes)!s:18} {activation:8} m {m:3}: in C {1e6 * compiled['value'].median:8.2f} µs forward, "
                      f"{1e6 * compiled['both'].median:8.2f} with the Jacobian: ratio {timing.ratio(compiled, 'both', 'value'):.2f}; "
                      f"from Python {1e6 * called['fastnet'].median:.2f} µs{rivals}", flush=True)


if __name__ == "__main__":
    main()
