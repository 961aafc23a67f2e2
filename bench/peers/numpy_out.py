"""NumPy with every buffer allocated beforehand: each operation writes into its `out`."""

from itertools import repeat

import numpy as np

import workloads

NAME, OUTPUT = "numpy", "sigmoid"


def version():
    return np.__version__


def sigmoid(z):
    """z = σ(z), in place."""
    np.negative(z, out=z)
    np.exp(z, out=z)
    np.add(z, 1, out=z)
    np.reciprocal(z, out=z)


class Train:
    def __init__(self, sizes, dtype, X, Y, batch_size, eta, start):
        self.start, self.sizes = start.copy(), sizes
        self.w, self.b = zip(*workloads.layers_of(self.start, sizes))
        self.X, self.Y, self.batch_size = X, Y, batch_size
        self.eta = np.dtype(dtype).type(eta / batch_size)
        rows = () if batch_size == 1 else (batch_size,)
        self.a, self.delta, self.work = ([np.empty((*rows, n), dtype) for n in sizes[1:]] for _ in range(3))
        self.nabla_w = [np.empty_like(w) for w in self.w]
        self.nabla_b = [np.empty_like(b) for b in self.b]
        self.step = self.online_step if batch_size == 1 else self.batch_step
        self.batches = self.split(X, Y)

    def split(self, X, Y):
        if self.batch_size == 1:
            return list(zip(X, Y))
        starts = range(0, len(X) - len(X) % self.batch_size, self.batch_size)
        return [(X[i:i + self.batch_size], Y[i:i + self.batch_size]) for i in starts]

    def run(self, epochs):
        for _ in range(epochs):
            for x, y in self.batches:
                self.step(x, y)

    def shuffled_epoch(self, order):
        for x, y in self.split(self.X[order], self.Y[order]):
            self.step(x, y)

    def error(self, l, target):
        """delta[l] *= σ'(z), σ' = a (1 − a); at the output delta = a − y first."""
        a, delta, work = self.a[l], self.delta[l], self.work[l]
        if target is not None:
            np.subtract(a, target, out=delta)
        np.subtract(1, a, out=work)
        np.multiply(work, a, out=work)
        np.multiply(delta, work, out=delta)

    def batch_step(self, x, y):
        inputs = [x, *self.a[:-1]]
        for l, (w, b) in enumerate(zip(self.w, self.b)):
            np.matmul(inputs[l], w.T, out=self.a[l])
            np.add(self.a[l], b, out=self.a[l])
            sigmoid(self.a[l])
        for l in reversed(range(len(self.w))):
            if l + 1 < len(self.w):
                np.matmul(self.delta[l + 1], self.w[l + 1], out=self.delta[l])
            self.error(l, y if l + 1 == len(self.w) else None)
        for l, (w, b) in enumerate(zip(self.w, self.b)):
            np.matmul(self.delta[l].T, inputs[l], out=self.nabla_w[l])
            np.multiply(self.nabla_w[l], self.eta, out=self.nabla_w[l])
            np.subtract(w, self.nabla_w[l], out=w)
            np.sum(self.delta[l], axis=0, out=self.nabla_b[l])
            np.multiply(self.nabla_b[l], self.eta, out=self.nabla_b[l])
            np.subtract(b, self.nabla_b[l], out=b)

    def online_step(self, x, y):
        inputs = [x, *self.a[:-1]]
        for l, (w, b) in enumerate(zip(self.w, self.b)):
            np.dot(w, inputs[l], out=self.a[l])
            np.add(self.a[l], b, out=self.a[l])
            sigmoid(self.a[l])
        for l in reversed(range(len(self.w))):
            if l + 1 < len(self.w):
                np.dot(self.delta[l + 1], self.w[l + 1], out=self.delta[l])
            self.error(l, y if l + 1 == len(self.w) else None)
        for l, (w, b) in enumerate(zip(self.w, self.b)):
            np.multiply(self.delta[l], self.eta, out=self.work[l])
            np.multiply(self.work[l][:, None], inputs[l], out=self.nabla_w[l])
            np.subtract(w, self.nabla_w[l], out=w)
            np.subtract(b, self.work[l], out=b)

    def outputs(self, X):
        a = X
        for w, b in zip(self.w, self.b):
            a = a @ w.T
            a += b
            sigmoid(a)
        return a

    def parameters(self):
        return self.start.astype(float)


class Infer:
    def __init__(self, sizes, dtype, X, start):
        self.layers = [(w if X.ndim == 1 else w.T, b, np.empty((*X.shape[:-1], len(b)), dtype))
                       for w, b in workloads.layers_of(start, sizes)]
        self.X = X

    def run(self, count):
        single = self.X.ndim == 1
        for _ in repeat(None, count):
            a = self.X
            for w, b, z in self.layers:
                if single:
                    np.dot(w, a, out=z)
                else:
                    np.matmul(a, w, out=z)
                np.add(z, b, out=z)
                sigmoid(z)
                a = z

    def outputs(self):
        self.run(1)
        return self.layers[-1][-1]


train, infer = Train, Infer
