"""JAX: one jit over the epoch, a lax.scan over its batches, weights stored (n_in, n_out).

That orientation is two to three times faster at batch 1 on CPUs than the obvious (n_out, n_in).
"""

from itertools import repeat

import numpy as np

import workloads

NAME, OUTPUT = "jax", "sigmoid"


def version():
    import jax
    jax.config.update("jax_enable_x64", True)
    return jax.__version__


def forward(layers, a):
    import jax
    for w, b in layers:
        a = jax.nn.sigmoid(a @ w + b)
    return a


def cost(layers, x, y):
    """C of a batch (m, n_in), or of one sample (n_in,)."""
    error = forward(layers, x) - y
    return 0.5 * (error * error).sum() / (1 if x.ndim == 1 else x.shape[0])


def put(start, sizes):
    import jax.numpy as jnp
    return [(jnp.asarray(np.ascontiguousarray(w.T)), jnp.asarray(b.copy())) for w, b in workloads.layers_of(start, sizes)]


class Train:
    def __init__(self, sizes, dtype, X, Y, batch_size, eta, start):
        import jax
        import jax.numpy as jnp
        self.layers = put(start, sizes)
        self.X, self.Y = jnp.asarray(X), jnp.asarray(Y)
        self.steps, self.batch_size = len(X) // batch_size, batch_size

        def step(layers, batch):
            nabla = jax.grad(cost)(layers, *batch)
            return jax.tree.map(lambda v, g: v - eta * g, layers, nabla), None

        def epoch(layers, X, Y):
            return jax.lax.scan(step, layers, (self.batches(X), self.batches(Y)))[0]

        self.epoch = jax.jit(epoch, donate_argnums=0)
        self.taken_epoch = jax.jit(lambda layers, X, Y, order: epoch(layers, X[order], Y[order]), donate_argnums=0)
        self.forward = jax.jit(forward)

    def batches(self, X):
        return X if self.batch_size == 1 else X.reshape(self.steps, self.batch_size, -1)

    def run(self, epochs):
        import jax
        for _ in range(epochs):
            self.layers = self.epoch(self.layers, self.X, self.Y)
        jax.block_until_ready(self.layers)

    def shuffled_epoch(self, order):
        import jax
        self.layers = jax.block_until_ready(self.taken_epoch(self.layers, self.X, self.Y, order))

    def outputs(self, X):
        return np.asarray(self.forward(self.layers, X))

    def parameters(self):
        return workloads.flat([(np.asarray(w).T, np.asarray(b)) for w, b in self.layers])


class Infer:
    def __init__(self, sizes, dtype, X, start):
        import jax
        import jax.numpy as jnp
        self.layers, self.X, self.forward = put(start, sizes), jnp.asarray(X), jax.jit(forward)

    def run(self, count):
        forward, layers, X = self.forward, self.layers, self.X
        for _ in repeat(None, count):
            forward(layers, X).block_until_ready()

    def outputs(self):
        return np.asarray(self.forward(self.layers, self.X))


train, infer = Train, Infer
