"""What is measured: nets, batches, data, and the flops and bytes that each piece of work needs."""

from typing import NamedTuple

import numpy as np

WIDE, WIDER, DEEP, SMALL, TINY, MINI, BIG = (
    (784, 30, 10), (784, 100, 10), (64, 128, 128, 10), (10, 64, 64, 1), (2, 16, 16, 1), (4, 8, 3), (784, 512, 512, 10))

ONLINE = [(WIDE, 0.0), (WIDE, 0.81), (WIDER, 0.0), (WIDER, 0.81), (DEEP, 0.0), (SMALL, 0.0), (TINY, 0.0), (MINI, 0.0)]
MINIBATCH = [(WIDE, (10, 32, 128, 512)), (WIDER, (10, 32, 128, 512)), (DEEP, (10, 32, 128)), (SMALL, (10, 32, 128)),
             (TINY, (10, 32, 128)), (BIG, (32, 128, 512))]
CALLS = [MINI, TINY, SMALL, WIDE, BIG]
INFERENCE = [(MINI, (1000, 10_000)), (SMALL, (1000, 10_000)), (WIDE, (1000, 10_000)), (BIG, (1000, 10_000))]
THREADS = [(WIDE, (10, 32, 128)), (DEEP, (10, 32, 128)), (SMALL, (10, 128)), (BIG, (128,))]
THREADS_INFERENCE = [(WIDE, (10_000,)), (BIG, (1000,))]


class Work(NamedTuple):
    """One piece of work; its unit is a step of training, a call with one sample, or a batch through the net."""

    kind: str               # "online", "minibatch", "call", "inference", "threads" or "threads-inference"
    sizes: tuple
    batch: int              # samples of a unit
    dtype: str
    zeros: float = 0.0      # fraction of zeros among the inputs

    @property
    def name(self):
        zeros = f", {100 * self.zeros:.0f} % zeros" if self.zeros else ""
        batch = "" if self.batch == 1 else f", batch {self.batch}" if self.trains else f", {self.batch} rows"
        return f"{self.kind} {list(self.sizes)}{batch}{zeros}, {self.dtype}"

    @property
    def trains(self):
        return self.kind in ("online", "minibatch", "threads")

    @property
    def weights(self):
        return sum(p * n for p, n in zip(self.sizes, self.sizes[1:]))

    @property
    def parameters(self):
        return self.weights + sum(self.sizes[1:])

    @property
    def itemsize(self):
        return np.dtype(self.dtype).itemsize

    @property
    def rows(self):
        """Samples of an epoch: a few thousand, fewer where a sample is much work; whole batches."""
        if not self.trains:
            return self.batch
        rows = max(2 * self.batch, min(4096, int(4e9 / self.flops_a_sample)))
        return max(1, rows // self.batch) * self.batch

    @property
    def flops_a_sample(self):
        """Multiply-adds counted as two: forward, BP2 (not through the first layer) and BP4, or forward alone."""
        return 6 * self.weights - 2 * self.sizes[0] * self.sizes[1] if self.trains else 2 * self.weights

    @property
    def flops(self):
        return self.batch * self.flops_a_sample

    @property
    def bytes_read(self):
        """Bytes that a unit must read at least: its samples, and for inference the parameters."""
        if self.trains:
            return self.batch * (self.sizes[0] + self.sizes[-1]) * self.itemsize
        return (self.batch * self.sizes[0] + self.parameters) * self.itemsize

    @property
    def bytes_updated(self):
        """Bytes that a unit must read and replace, or write: the parameters, or the outputs."""
        return (self.parameters if self.trains else self.batch * self.sizes[-1]) * self.itemsize

    def share_of_roof(self, seconds, roof):
        """(fraction of the floating-point peak, fraction of the bandwidth) of a unit that took so long.

        Bandwidth is that of the smallest memory that holds what is passed over: all samples, the parameters.
        """
        samples = roof.memory(self.rows * (self.sizes[0] + self.sizes[-1]) * self.itemsize)
        parameters = roof.memory(self.parameters * self.itemsize)
        written = parameters if self.trains else samples
        least = self.bytes_read / (1e9 * roof.read[samples]) + self.bytes_updated / (1e9 * roof.update[written])
        return self.flops / (1e9 * roof.gflops[self.dtype]) / seconds, least / seconds


def data(work, rows=None):
    """X (rows, n_in) and Y (rows, n_out), the same for every side; or x (n_in,) and y for a call."""
    rng = np.random.default_rng(20240229)
    rows = work.rows if rows is None else rows
    X = rng.random((rows, work.sizes[0]), np.float32).astype(work.dtype)
    X[rng.random(X.shape) < work.zeros] = 0
    Y = rng.random((rows, work.sizes[-1]), np.float32).astype(work.dtype)
    return (X[0], Y[0]) if work.kind == "call" else (X, Y)


def start(sizes, dtype):
    """The flat vector of parameters that every side starts from: weights N(0, 1/p), biases N(0, 1)/4."""
    rng = np.random.default_rng(7)
    layers = [(rng.standard_normal((n, p)) / np.sqrt(p), rng.standard_normal(n) / 4) for p, n in zip(sizes, sizes[1:])]
    return np.concatenate([part.ravel() for layer in layers for part in layer]).astype(dtype)


def layers_of(vector, sizes):
    """[(w (n, p), b (n,)), ...]: views of a flat vector of parameters."""
    layers, at = [], 0
    for p, n in zip(sizes, sizes[1:]):
        layers.append((vector[at:at + n * p].reshape(n, p), vector[at + n * p:at + n * p + n]))
        at += n * p + n
    return layers


def flat(layers):
    """The flat vector of [(w, b), ...], float64."""
    return np.concatenate([np.ravel(part) for layer in layers for part in layer]).astype(float)


def all_work(dtypes, quick=False):
    """Every piece of work that run.py measures, by kind; `quick` keeps one small net of each."""
    found = []
    for dtype in dtypes:
        found += [Work("online", sizes, 1, dtype, zeros) for sizes, zeros in ONLINE]
        found += [Work("minibatch", sizes, batch, dtype) for sizes, batches in MINIBATCH for batch in batches]
        found += [Work("call", sizes, 1, dtype) for sizes in CALLS]
        found += [Work("inference", sizes, m, dtype) for sizes, rows in INFERENCE for m in rows]
        found += [Work("threads", sizes, batch, dtype) for sizes, batches in THREADS for batch in batches]
        found += [Work("threads-inference", sizes, m, dtype) for sizes, rows in THREADS_INFERENCE for m in rows]
    if quick:
        small = {"online": (MINI, 1), "minibatch": (TINY, 10), "call": (MINI, 1), "inference": (MINI, 1000),
                 "threads": (SMALL, 10)}
        found = [work for work in found if small.get(work.kind) == (work.sizes, work.batch)]
    return found
