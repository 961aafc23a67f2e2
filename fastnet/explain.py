"""What a net does with its time, layer by layer: kernels as the plan chooses them, operations and bytes.

Counted, not measured: multiplications and additions that the mathematics asks for, and bytes of
weights and activations that a step reads or writes at least once.
"""

from typing import NamedTuple

from fastnet import _checks
from fastnet._core import kernels, plan
from fastnet._core.samples import nonzeros


class LayerExplanation(NamedTuple):
    """One layer of weights in one step of training, or in one pass over a batch of inference."""

    inputs: int
    outputs: int
    activation: str
    forward: str               # kernel
    backward: str | None       # kernel of BP2; None where there is none
    update: str | None         # kernel of BP4; None in inference
    flops: float               # multiplications and additions
    bytes: float               # of weights, activations and errors, each read or written once a product


class Explanation:
    """The plan of one step; its text is a table.

    Attributes
    ----------
    path : str
        "online", "minibatch" or "plain" in training; "samples", "narrow", "tiles" or "plain" in inference.
    batch_size, threads : int
        As used: threads are fewer than asked for where a step is too small to share.
    density : float
        Fraction of the inputs that is not 0; 1.0 where no X was given.
    layers : tuple of LayerExplanation
    """

    def __init__(self, path, batch_size, threads, density, layers, level, dtype):
        self.path, self.batch_size, self.threads, self.density = path, batch_size, threads, density
        self.layers, self.level, self.dtype = layers, level, dtype

    flops = property(lambda self: sum(layer.flops for layer in self.layers), doc="Of all layers, a step.")
    bytes = property(lambda self: sum(layer.bytes for layer in self.layers), doc="Of all layers, a step.")

    def to_dict(self):
        """Everything as plain Python values."""
        return {"path": self.path, "batch_size": self.batch_size, "threads": self.threads, "density": self.density,
                "level": self.level, "dtype": self.dtype, "flops": self.flops, "bytes": self.bytes,
                "layers": [layer._asdict() for layer in self.layers]}

    def __str__(self):
        threads = "1 thread" if self.threads == 1 else f"{self.threads} threads"
        zeros = f", {100 * (1 - self.density):.0f} % of X is zero" if self.density < 1 else ""
        head = f"path {self.path}, batch {self.batch_size}, {self.dtype}, {self.level}, {threads}{zeros}"
        rows = [("layer", "activation", "forward", "backward", "update", "kflop", "KiB")]
        for layer in self.layers:
            rows.append((f"{layer.inputs}-{layer.outputs}", layer.activation, layer.forward, layer.backward or "-",
                         layer.update or "-", f"{layer.flops / 1e3:.1f}", f"{layer.bytes / 1024:.1f}"))
        rows.append(("step", "", "", "", "", f"{self.flops / 1e3:.1f}", f"{self.bytes / 1024:.1f}"))
        widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
        lines = ["  ".join(cell.rjust(width) if i > 4 else cell.ljust(width) for i, (cell, width) in enumerate(zip(row, widths)))
                 for row in rows]
        return "\n".join([head, *(line.rstrip() for line in lines)])

    __repr__ = __str__


def explain(net, batch_size, X, threads, training):
    """The plan of `net` as an Explanation; see Network.explain, whose arguments these are."""
    batch_size = _checks.check_count("batch_size", batch_size)
    threads = _checks.check_threads(threads)
    training = _checks.check_flag("training", training)
    density = 1.0
    if X is not None:
        X = _checks.check_inputs(X, net.sizes[0], net.dtype)[0]
        X = X if net.scaling is None else net.scaling._inputs(X, net.dtype)
        density = X.density if hasattr(X, "density") else nonzeros(X) / max(1, X.size)
    if training:
        python = net._calls_python() or net.cost_function.bind(net.sizes[-1], net.dtype).python is not None
        chosen = plan.plan_training(net.sizes, batch_size, kernels.lanes(net.dtype), density, threads, python=python,
                                    half_lanes=kernels.half_lanes(net.dtype))
        threads, per_layer = chosen.shares, chosen.layers
    else:
        chosen = plan.plan_inference(net.sizes, batch_size, threads, net._calls_python())
        threads = chosen.threads
        kernel = {"plain": "gemm", "samples": "gemv", "narrow": "samples in lanes"}.get(chosen.path, "tiles")
        per_layer = (plan.LayerPlan("", kernel, None, None),) * len(net.weights)
    kept = density if training and chosen.sparse else 1.0
    layers = tuple(
        layer_explanation(l, net, per_layer[l], batch_size, kept if l == 0 else 1.0, training)
        for l in range(len(net.weights)))
    level = kernels.level() + (" in half vectors" if training and chosen.half else "")
    return Explanation(chosen.path, batch_size, threads, density, layers, level, net.dtype.name)


def layer_explanation(l, net, chosen, m, kept, training):
    """Operations and bytes of one layer: a product forward, in training one for the gradient and, but
    for the first layer, one for BP2; `kept` of the inputs count."""
    p, n = net.sizes[l], net.sizes[l + 1]
    products = (3 if l else 2) if training else 1
    weights = n * p * kept if m == 1 else n * p
    values = products * (weights + m * (p * kept + n)) + (weights if training else 0)      # the update writes what it read
    return LayerExplanation(p, n, net.activations[l], chosen.forward, chosen.backward, chosen.update,
                            2.0 * products * m * p * n * kept, float(values * net.dtype.itemsize))
