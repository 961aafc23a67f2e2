"""Short measurements for fastnet.explain: what a step takes, on copies of a net and made-up samples.

The least of several turns counts: whatever else runs on the machine only adds.
"""

import time

import numpy as np

from fastnet.profiling import profile

SECONDS = 0.003        # a turn: long beside what an epoch does once, short beside what a scheduler gives others
TURNS = 30
LEAST = 8              # steps of an epoch: the first and the last of online training are unlike the others
MOST_BYTES = 16 << 20  # of made-up inputs


def samples(net, rows, density=1.0, seed=0):
    """Made-up X and Y: uniform, some of X zero; labels where the cost compares classes."""
    rng = np.random.default_rng(seed)
    rows = max(1, min(rows, MOST_BYTES // (net.sizes[0] * net.dtype.itemsize)))
    X = rng.random((rows, net.sizes[0]), np.float32).astype(net.dtype, copy=False)
    if density < 1:
        X[rng.random(X.shape, np.float32) >= density] = 0
    if net.cost_name == "categorical_cross_entropy" and net.sizes[-1] > 1:
        return X, rng.integers(0, net.sizes[-1], rows)
    targets = net.cost_function.bind(net.sizes[-1], net.dtype).n_targets
    return X, rng.random((rows, targets), np.float32).astype(net.dtype, copy=False)


def after_every_epoch(info):
    """A callback, so that `fit` takes the time of every epoch: it would take many in one call."""


class Steps:
    """A copy of a net and samples: an epoch of training, or calls of predict, that take about a turn."""

    def __init__(self, net, batch_size, density=1.0, threads=1, training=True):
        self.net, self.batch_size, self.threads, self.training = net.copy(), batch_size, threads, training
        self.net.classes = None            # made-up labels have no names
        self.X, self.Y = samples(net, batch_size, density)
        self.calls = 1
        self.turn()
        count = max(1, int(SECONDS / max(1e-8, min(self.turn() for _ in range(3)) / (len(self.X) / batch_size))))
        if training:
            X, Y = samples(net, batch_size * max(count, LEAST), density)
            whole = len(X) // batch_size * batch_size or len(X)
            self.X, self.Y = X[:whole], Y[:whole]
        else:
            self.calls = count
        self.turn()

    @property
    def steps(self):
        """Of a turn."""
        return max(1, len(self.X) // self.batch_size) if self.training else self.calls

    def train(self, epochs):
        return self.net.fit(self.X, self.Y, epochs=epochs, batch_size=self.batch_size, learning_rate=1e-9, shuffle=False,
                            seed=0, threads=self.threads, progress=False, callbacks=after_every_epoch)

    def turn(self):
        """Seconds: an epoch's own, without what `fit` does once; or those of some calls."""
        if self.training:
            return self.train(1).seconds[0]
        x, out = (self.X[0], np.empty(self.net.sizes[-1], self.net.dtype)) if self.batch_size == 1 else (self.X, None)
        start = time.perf_counter()
        for _ in range(self.calls):
            self.net.predict(x, out, self.threads)
        return time.perf_counter() - start

    def seconds(self, turns=TURNS):
        """A step, the least of some turns."""
        return min(self.train(turns).seconds if self.training else [self.turn() for _ in range(turns)]) / self.steps

    def operations(self, turns=TURNS // 3):
        """{(operation, layer): seconds a step} as a profile finds them, each the least of some turns."""
        least = {}
        for _ in range(turns):
            with profile(events=0) as found:
                self.turn()
            for key, seconds in operations_of(found, self.steps).items():
                least[key] = min(seconds, least.get(key, seconds))
        return least


def operations_of(found, steps):
    sums = {}
    for row in found.rows:
        if row.thread == "main" and row.work and row.operation not in ("profiling", "pack", "unpack"):
            key = row.operation, row.layer
            sums[key] = sums.get(key, 0.0) + row.self / steps
    return sums
