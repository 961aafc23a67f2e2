"""The peers of comfort.py: the same epochs by torch.nn with fused optimizers, and by a jitted jax scan with optax.

Each takes its best sane form: torch views of one tensor and fused optimizers, jax one compiled scan over
the epoch's batches with donated state.  `epoch(...)` returns a function that runs one epoch and gives its
seconds, or None where the package is not there.
"""

import time

import numpy as np


def torch_epoch(sizes, X, Y, batch, variant, options, weight, held):
    try:
        import torch
    except ImportError:
        return None
    torch.set_num_threads(1)
    layers = []
    for l, (p, n) in enumerate(zip(sizes, sizes[1:])):
        layers += [torch.nn.Linear(p, n), torch.nn.Sigmoid()]
        if variant.startswith("dropout") and l < len(sizes) - 2:
            layers.append(torch.nn.Dropout(options["dropout"]))
    net = torch.nn.Sequential(*layers).to(torch.from_numpy(X).dtype)
    if variant == "adam":
        optimizer = torch.optim.Adam(net.parameters(), lr=1e-3, fused=True)
    else:
        decay = options.get("l2", 0.0)
        groups = [{"params": [q for q in net.parameters() if q.ndim == 2], "weight_decay": decay},
                  {"params": [q for q in net.parameters() if q.ndim == 1]}]
        optimizer = torch.optim.SGD(groups, lr=1e-3, momentum=0.9 if variant == "momentum" else 0.0, fused=True)
    x, y, w = (torch.from_numpy(array) for array in (X, Y, weight))
    x_held, y_held = (torch.from_numpy(array) for array in held)

    def epoch():
        start = time.perf_counter()
        net.train()
        for i in range(0, len(x), batch):
            optimizer.zero_grad()
            costs = 0.5 * ((net(x[i:i + batch]) - y[i:i + batch]) ** 2).sum(dim=1)
            (costs @ w[i:i + batch] / batch if variant == "sample weights" else costs.mean()).backward()
            optimizer.step()
        if variant == "validation":
            net.eval()
            with torch.no_grad():
                float(0.5 * ((net(x_held) - y_held) ** 2).sum(dim=1).mean())
        return time.perf_counter() - start

    return epoch


def jax_epoch(sizes, X, Y, batch, variant, options, weight, held):
    try:
        import jax
        import jax.numpy as jnp
        import optax
    except ImportError:
        return None
    jax.config.update("jax_enable_x64", True)
    rng = np.random.default_rng(0)
    layers = [(jnp.asarray(rng.standard_normal((p, n)).astype(X.dtype) / np.sqrt(p)), jnp.zeros(n, X.dtype))
              for p, n in zip(sizes, sizes[1:])]
    keep = 1 - options.get("dropout", 0.0)
    optimizer = {"adam": optax.adam(1e-3), "momentum": optax.sgd(1e-3, momentum=0.9)}.get(variant, optax.sgd(1e-3))

    def cost(layers, x, y, w, key=None):
        a = x
        for l, (weights, b) in enumerate(layers):
            a = jax.nn.sigmoid(a @ weights + b)
            if key is not None and l < len(layers) - 1:
                a = a * jax.random.bernoulli(jax.random.fold_in(key, l), keep, a.shape).astype(a.dtype) / keep
        costs = 0.5 * ((a - y) ** 2).sum(axis=1)
        penalty = options.get("l2", 0.0) / 2 * sum((weights ** 2).sum() for weights, _ in layers) if "l2" in options else 0
        return (costs @ w / len(x) if w is not None else costs.mean()) + penalty

    def step(state, batch_of):
        layers, memory, key = state
        drawn = None
        if keep < 1:
            key, drawn = jax.random.split(key)
        x, y, w = batch_of
        updates, memory = optimizer.update(jax.grad(cost)(layers, x, y, w, drawn), memory, layers)
        return (optax.apply_updates(layers, updates), memory, key), None

    steps = len(X) // batch
    batches = (jnp.asarray(X).reshape(steps, batch, -1), jnp.asarray(Y).reshape(steps, batch, -1),
               jnp.asarray(weight).reshape(steps, batch) if variant == "sample weights" else None)
    whole = jax.jit(lambda state, batches: jax.lax.scan(step, state, batches)[0], donate_argnums=0)
    validate = jax.jit(lambda layers, x, y: cost(layers, x, y, None))
    x_held, y_held = map(jnp.asarray, held)
    state = [(layers, optimizer.init(layers), jax.random.key(0, impl="rbg"))]

    def epoch():
        start = time.perf_counter()
        state[0] = jax.block_until_ready(whole(state[0], batches))
        if variant == "validation":
            float(validate(state[0][0], x_held, y_held))
        return time.perf_counter() - start

    epoch()                                            # compiles
    return epoch


PEERS = {"torch": torch_epoch, "jax + optax": jax_epoch}
