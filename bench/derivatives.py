"""The Jacobian of one sample and of a batch: beside the forward pass, and beside jax and torch.func.

In C: loops over the functions of fastnet.h, called by address from a few lines that are compiled
here (needs a C compiler; $CC or cc).  From Python: what a call costs, each side in its own best way
(jax: jit; torch: torch.func under no_grad).  Sides take turns; the fastest counts.  Jacobians are compared before anything is timed.
jax and torch are left out where they are not installed.
"""

import argparse
import ctypes
import os
import subprocess
import tempfile
import time

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
os.environ.setdefault("XLA_FLAGS", "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1")

import numpy as np

import fastnet as fn
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


def fastest_turns(sides, turns):
    """Seconds a run of each side, taken in turns; the fastest: what else the processor does only adds."""
    seconds = {name: [] for name in sides}
    for _ in range(turns):
        for name, run in sides.items():
            start = time.perf_counter()
            run()
            seconds[name].append(time.perf_counter() - start)
    return {name: min(times) for name, times in seconds.items()}


def in_c(loop, f, dtype, m, turns):
    """µs of a forward pass and of value and Jacobian together, no Python in between."""
    precision = {"float32": "f32", "float64": "f64"}[dtype]
    x = np.random.default_rng(0).standard_normal((m, f.sizes[0])).astype(dtype)
    y, jacobian = np.empty((m, f.sizes[-1]), dtype), np.empty((m, f.sizes[-1], f.sizes[0]), dtype)
    work = np.empty(f.ctypes.workspace_size(f.address, m), np.uint8)
    net, size, at = ctypes.c_void_p(f.address), ctypes.c_size_t, lambda array: ctypes.c_void_p(array.ctypes.data)
    value, both = (ctypes.c_void_p(ADDRESSES[f"fastnet_{name}_{precision}"]) for name in ("eval", "value_and_jacobian"))
    n = max(5, int(4e6 / (m * f.parameters.size)))
    seconds = fastest_turns({
        "value": lambda: loop.values(value, size(n), net, size(m), at(x), at(y), at(work)),
        "both": lambda: loop.jacobians(both, size(n), net, size(m), at(x), at(y), at(jacobian), at(work)),
    }, turns)
    np.testing.assert_allclose(jacobian, f.jacobian(x), rtol=1e-4, atol=1e-6)
    return seconds["value"] / n * 1e6, seconds["both"] / n * 1e6


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


def from_python(net, dtype, m, turns):
    f, rng = net.freeze(), np.random.default_rng(0)
    x = rng.standard_normal((m, net.sizes[0]) if m > 1 else net.sizes[0]).astype(dtype)
    out = np.empty((m, net.sizes[-1], net.sizes[0])[0 if m > 1 else 1:], dtype)
    sides = {"f(x)": lambda: f(x), "fastnet": lambda: f.jacobian(x, out), "jax": jax_side(net, x), "torch": torch_side(net, x)}
    sides = {name: run for name, run in sides.items() if run}
    for name in set(sides) - {"f(x)"}:
        np.testing.assert_allclose(sides[name](), f.jacobian(x), rtol=2e-3, atol=1e-5)
    times = {"f(x)": 200, "fastnet": 200, "jax": 20, "torch": 4} if m == 1 else {"f(x)": 10, "fastnet": 10, "jax": 10, "torch": 1}
    seconds = fastest_turns({name: (lambda run=run, n=times[name]: [run() for _ in range(n)]) for name, run in sides.items()}, turns)
    return {name: second / times[name] * 1e6 for name, second in seconds.items()}


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--dtype", choices=["float32", "float64"], action="append")
    parser.add_argument("--turns", type=int, default=60)
    parser.add_argument("--quick", action="store_true", help="two turns of the smallest net: whether it runs")
    options = parser.parse_args()
    if options.quick:
        options.turns = 2
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    loop = compiled_loop()
    for dtype in options.dtype or ["float32", "float64"]:
        print(f"value and Jacobian, {dtype}, level {kernels.level()}")
        for sizes, activation in NETS[1:2] if options.quick else NETS:
            net = fn.Network(sizes, activation=activation, dtype=dtype, seed=0)
            for m in (1, 100):
                value, both = in_c(loop, net.freeze(), dtype, m, options.turns)
                seconds = from_python(net, dtype, m, options.turns)
                rivals = ", ".join(f"{name} {seconds[name]:.1f} µs ({seconds[name] / seconds['fastnet']:.1f}x)"
                                   for name in ("jax", "torch") if name in seconds)
                print(f"  {list(sizes)!s:18} {activation:8} m {m:3}: in C {value:8.2f} µs forward, {both:8.2f} with the Jacobian: "
                      f"ratio {both / value:.2f}; from Python {seconds['fastnet']:.2f} µs{'; ' + rivals if rivals else ''}", flush=True)


if __name__ == "__main__":
    main()
