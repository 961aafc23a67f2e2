"""Standard trainings timed here, one thread, all sides in turn: fastnet, its plain engine, numpy, torch, jax,
scikit-learn.

They run in a process of their own, kept on one processor: BLAS, numpy and jax read how many threads their pools have once,
as they are imported, which in the process of the command has been done.

Sigmoid everywhere, quadratic cost, plain gradient descent, float32, rows in order.  Every side makes the same
steps on the same data from the same start; one whose parameters come out differently is named and not timed
(scikit-learn's last layer is linear: its steps are nearly the same work, and its result is not compared).
"""

import json
import os
import statistics
import subprocess
import sys
import time

import numpy as np

from fastnet import _config
from fastnet._cli_common import FAILED, CommandError
from fastnet._core import kernels
from fastnet.network import Network

NETS = [((784, 30, 10), 10), ((10, 64, 64, 1), 32), ((784, 30, 10), 1), ((4, 8, 3), 1), ((64, 128, 128, 10), 32)]
ETA, TURNS, SECONDS, STEPS = 0.1, 5, 0.05, 500
POOLS = ("OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "OMP_NUM_THREADS", "BLIS_NUM_THREADS", "VECLIB_MAXIMUM_THREADS")

# What the process that measures does first: it finds modules as this one does, and leaves it to this one to speak of Ctrl-C.
STARTED = "import signal, sys; sys.path[:] = sys.argv[1:]; signal.signal(signal.SIGINT, signal.SIG_DFL)\n"


def fastnet_side(sizes, batch, X, Y, start, path="fast"):
    net = Network(sizes, dtype="float32", init=start)

    def epoch():
        before = os.environ.get("FASTNET_PATH")
        os.environ["FASTNET_PATH"] = path
        try:
            net.fit(X, Y, epochs=1, batch_size=batch, learning_rate=ETA, shuffle=False, progress=False)
        finally:
            if before is None:
                del os.environ["FASTNET_PATH"]
            else:
                os.environ["FASTNET_PATH"] = before

    return epoch, lambda: net.parameters


def numpy_side(sizes, batch, X, Y, start):
    net = Network(sizes, dtype="float32", init=start)
    w, b = net.weights, net.biases

    def epoch():
        for i in range(0, len(X), batch):
            a = [X[i:i + batch]]
            for weights, biases in zip(w, b):
                a.append(1 / (1 + np.exp(-(a[-1] @ weights.T + biases))))
            delta = (a[-1] - Y[i:i + batch]) * a[-1] * (1 - a[-1])
            for l in range(len(w) - 1, -1, -1):
                below = (delta @ w[l]) * a[l] * (1 - a[l]) if l else None
                w[l][...] -= ETA / batch * (delta.T @ a[l])
                b[l][...] -= ETA / batch * delta.sum(axis=0)
                delta = below

    return epoch, lambda: net.parameters


def torch_side(sizes, batch, X, Y, start):
    import torch

    torch.set_num_threads(1)
    net = Network(sizes, dtype="float32", init=start)
    layers = []
    for p, n, weights, biases in zip(sizes, sizes[1:], net.weights, net.biases):
        linear = torch.nn.Linear(p, n)
        with torch.no_grad():
            linear.weight[:], linear.bias[:] = torch.tensor(weights), torch.tensor(biases)
        layers += [linear, torch.nn.Sigmoid()]
    model = torch.nn.Sequential(*layers)
    optimizer = torch.optim.SGD(model.parameters(), lr=ETA)
    x, y = torch.tensor(X), torch.tensor(Y)

    def epoch():
        for i in range(0, len(x), batch):
            optimizer.zero_grad()
            (0.5 * (model(x[i:i + batch]) - y[i:i + batch]).square().sum(dim=1).mean()).backward()
            optimizer.step()

    return epoch, lambda: np.concatenate([value.detach().numpy().ravel() for value in model.parameters()])


def jax_side(sizes, batch, X, Y, start):
    import jax

    net = Network(sizes, dtype="float32", init=start)
    layers = [(jax.numpy.array(weights.T), jax.numpy.array(biases)) for weights, biases in zip(net.weights, net.biases)]
    batches = tuple(jax.numpy.array(array.reshape(len(X) // batch, batch, -1)) for array in (X, Y))

    def cost(layers, x, y):
        for weights, biases in layers:
            x = jax.nn.sigmoid(x @ weights + biases)
        return 0.5 * ((x - y) ** 2).sum() / batch

    def step(layers, given):
        return jax.tree.map(lambda value, slope: value - ETA * slope, layers, jax.grad(cost)(layers, *given)), None

    compiled = jax.jit(lambda layers: jax.lax.scan(step, layers, batches)[0])
    now = [layers]

    def epoch():
        now[0] = jax.block_until_ready(compiled(now[0]))

    return epoch, lambda: np.concatenate([part.ravel() for weights, biases in now[0] for part in (np.array(weights).T, np.array(biases))])


def sklearn_side(sizes, batch, X, Y, start):
    from sklearn.neural_network import MLPRegressor

    net = MLPRegressor(hidden_layer_sizes=sizes[1:-1], activation="logistic", solver="sgd", alpha=0, batch_size=batch, learning_rate_init=ETA,
                       momentum=0, shuffle=False, random_state=0)
    y = Y[:, 0] if Y.shape[1] == 1 else Y
    net.partial_fit(X, y)
    return lambda: net.partial_fit(X, y), None


def sides(sizes, batch, X, Y, start):
    """({name: epoch}, {name: why not}); a side that isn't installed is left out."""
    makers = {"fastnet": fastnet_side, "BLAS": lambda *given: fastnet_side(*given, path="plain"), "numpy": numpy_side,
              "torch": torch_side, "jax": jax_side, "scikit-learn": sklearn_side}
    ready, wrong, expected = {}, {}, None
    for name, make in makers.items():
        try:
            epoch, parameters = make(sizes, batch, X, Y, start)
        except ImportError:
            continue
        epoch()
        if parameters is not None:
            found = np.array(parameters(), float)
            expected = found if expected is None else expected
            error = np.abs(found - expected).max() / np.abs(expected).max()
            if not error < 1e-4:           # float32 over an epoch of other orders of sums
                wrong[name] = f"off by {error:.1e}"
                continue
        ready[name] = epoch
    return ready, wrong


def in_one_thread(code):
    """What Python code prints in a process with one processor, and one thread in every pool."""
    flags = f"{os.environ.get('XLA_FLAGS', '')} --xla_cpu_multi_thread_eigen=false".strip()
    environment = {"JAX_PLATFORMS": "cpu", **os.environ, **dict.fromkeys(POOLS, "1"), "XLA_FLAGS": flags}
    done = subprocess.run([sys.executable, "-c", STARTED + "from fastnet import _cli_bench; _cli_bench.pin()\n" + code, *sys.path],
                          env=environment, stdout=subprocess.PIPE, text=True, encoding="utf-8")
    if done.returncode:
        raise CommandError(f"the process that measures ended with exit code {done.returncode}", FAILED)
    return done.stdout


def pin():
    """Keep this process on the last of its processors, where the system can do that."""
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, [max(os.sched_getaffinity(0))])


def measured(quick):
    """What `measure` finds in such a process."""
    return json.loads(in_one_thread(f"import json; print(json.dumps(_cli_bench.measure({bool(quick)})))"))


def measure(quick=False):
    """{"config": ..., "results": [{"sizes", "batch", "step_us": {side: µs}, "wrong"}, ...]}."""
    results = []
    for sizes, batch in NETS[:2] if quick else NETS:
        rng = np.random.default_rng(0)
        rows = STEPS * batch * (4 if batch == 1 else 1)           # `fit` is called once an epoch: what the call takes is spread over that many steps
        X, Y = rng.random((rows, sizes[0])).astype(np.float32), rng.random((rows, sizes[-1])).astype(np.float32)
        start = Network(sizes, seed=0).parameters.astype(np.float32)
        ready, wrong = sides(sizes, batch, X, Y, start)
        counts, times = {}, {name: [] for name in ready}
        for name, epoch in ready.items():
            began = time.perf_counter()
            epoch()
            counts[name] = max(1, int((0.01 if quick else SECONDS) / (time.perf_counter() - began)))
        for _ in range(TURNS):
            for name, epoch in ready.items():
                began = time.perf_counter()
                for _ in range(counts[name]):
                    epoch()
                times[name].append((time.perf_counter() - began) / counts[name] / (rows / batch))
        results.append({"sizes": list(sizes), "batch": batch, "wrong": wrong,
                        "step_us": {name: 1e6 * statistics.median(values) for name, values in times.items()}})
    return {"config": {**_config.config(), "level": kernels.level()}, "results": results}


def table(found):
    names = list(dict.fromkeys(name for result in found["results"] for name in result["step_us"]))
    lines = [f"us a step of training, float32, one thread, {found['config']['level']}; medians of {TURNS} turns",
             f"{'net, batch':<26}" + "".join(f"{name:>14}" for name in names) + "    fastnet ahead"]
    for result in found["results"]:
        times = result["step_us"]
        best = min((value for name, value in times.items() if name not in ("fastnet", "BLAS")), default=None)
        ahead = f"{best / times['fastnet']:14.1f}x" if best else ""
        lines.append(f"{result['sizes']!s}, {result['batch']}".ljust(26)
                     + "".join(f"{times[name]:14.3g}" if name in times else f"{'-':>14}" for name in names) + ahead)
        lines += [f"  {name} computes something else ({why}) and was not timed" for name, why in result["wrong"].items()]
    return "\n".join(lines)
