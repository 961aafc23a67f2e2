"""fastnet as its users call it: Network.fit and Network.predict."""

import os
from itertools import repeat

import numpy as np

import fastnet as fn
import workloads

NAME, OUTPUT, PATH = "fastnet", "sigmoid", "fast"


def version():
    return f"{fn.__version__}, {PATH}"


class Train:
    def __init__(self, sizes, dtype, X, Y, batch_size, eta, start, path=PATH, output=OUTPUT, threads=1):
        os.environ["FASTNET_PATH"] = self.path = path
        self.net = fn.Network(sizes, dtype=dtype, output=output, init=start)
        self.X, self.Y = X, Y
        self.arguments = {"batch_size": batch_size, "learning_rate": eta, "threads": threads}

    def run(self, epochs):
        os.environ["FASTNET_PATH"] = self.path
        self.net.fit(self.X, self.Y, epochs=epochs, shuffle=False, **self.arguments)

    def parameters(self):
        return self.net.parameters.astype(float)


class Infer:
    """net(x) for one sample; net.predict(X, out) for a batch."""

    def __init__(self, sizes, dtype, X, start, path=PATH, threads=1):
        os.environ["FASTNET_PATH"] = self.path = path
        self.net, self.X = fn.Network(sizes, dtype=dtype, init=start), X
        self.out = np.empty((*X.shape[:-1], sizes[-1]), dtype)
        self.threads = threads

    def run(self, count):
        os.environ["FASTNET_PATH"] = self.path
        net, X, out, threads = self.net, self.X, self.out, self.threads
        if X.ndim == 1:
            for _ in repeat(None, count):
                net(X)
        else:
            for _ in repeat(None, count):
                net.predict(X, out, threads)

    def outputs(self):
        """Of the call that `run` repeats."""
        os.environ["FASTNET_PATH"] = self.path
        return self.net(self.X) if self.X.ndim == 1 else self.net.predict(self.X, self.out, self.threads).copy()


def train(*work):
    return Train(*work)


def infer(*work):
    return Infer(*work)


class Call:
    """Another way to call with one sample: function(x), or function(x, out)."""

    def __init__(self, function, x, out):
        self.function, self.x, self.out = function, x, out

    def run(self, count):
        function, x, out = self.function, self.x, self.out
        if out is None:
            for _ in repeat(None, count):
                function(x)
        else:
            for _ in repeat(None, count):
                function(x, out)

    def outputs(self):
        return self.function(self.x) if self.out is None else self.function(self.x, self.out).copy()


def other_calls(sizes, dtype, x, start):
    """Name -> Call: with `out`, and frozen; and what an empty Python function costs."""
    os.environ["FASTNET_PATH"] = PATH
    net, out = fn.Network(sizes, dtype=dtype, init=start), np.empty(sizes[-1], dtype)
    frozen = net.freeze()
    return {"fastnet, out": Call(net.predict, x, out), "frozen": Call(frozen, x, None), "frozen, out": Call(frozen, x, out),
            "empty call": Call(lambda x: None, x, None)}


def expected_training(sizes, X, Y, batch_size, eta, start, output):
    """One epoch in float64: the pure-Python reference where that takes no longer than a second, else the plain engine."""
    X, Y, start = X.astype(float), Y.astype(float), start.astype(float)
    if len(X) * len(start) < 300_000:
        layers = workloads.layers_of(start, sizes)
        names = ["sigmoid"] * (len(layers) - 1) + [output]
        w, b = fn.reference.sgd_epoch([w.tolist() for w, _ in layers], [b.tolist() for _, b in layers],
                                      X.tolist(), Y.tolist(), eta, batch_size, activations=names)
        return workloads.flat(zip(w, b))
    net = Train(sizes, "float64", X, Y, batch_size, eta, start, path="plain", output=output)
    net.run(1)
    return net.parameters()


def expected_outputs(sizes, X, start):
    """Outputs in float64 from the plain engine."""
    return Infer(sizes, "float64", X.astype(float), start.astype(float), path="plain").outputs()
