"""What a net does with its time, layer by layer: kernels as the plan chooses them, operations and bytes, what
they should take, what they take here, and what would change that.

Operations and bytes are counted: multiplications and additions that the mathematics asks for, and bytes of
weights and activations that a step reads or writes at least once.  `expected` comes from the model of
fastnet/_model.py, `measured` from a profile of a copy of the net, advice from steps taken as advised.
"""

import html
from typing import NamedTuple

from fastnet import _checks
from fastnet._core import kernels, plan
from fastnet._core.samples import density_of
from fastnet.tables import aligned

NEAR = 0.4          # of a roof: what is slower is bound by what calls cost beside their operations


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
    expected_ns: float | None = None    # by the model; None where it does not reach
    measured_ns: float | None = None    # None where nothing was measured
    roof: float | None = None           # what this processor would take at least, over what was measured
    bound: str | None = None            # "flops", "memory", "stores", "activation" or "call overhead"


class Explanation:
    """The plan of one step and what it takes; its text is a table.

    Attributes
    ----------
    path : str
        "online", "minibatch" or "plain" in training; "samples", "narrow", "tiles" or "plain" in inference.
    batch_size, threads : int
        As used: threads are fewer than asked for where a step is too small to share.
    by_outputs : bool
        Whether threads divide the first layer by its outputs; other layers are divided by their inputs.
    density : float
        Fraction of the inputs that is not 0; 1.0 where no X was given.
    layers : tuple of LayerExplanation
    expected_ns, measured_ns : float or None
        The whole step: by the model of this machine, and by the clock (the least of some turns).
    advice : list of (str, float or None, str)
        What to change, the gain that it was measured to give (None where nothing is to be gained), and the
        sentence that says so.
    """

    def __init__(self, path, batch_size, threads, density, layers, level, dtype):
        self.path, self.batch_size, self.threads, self.density = path, batch_size, threads, density
        self.layers, self.level, self.dtype = layers, level, dtype
        self.by_outputs = False
        self.expected_ns = self.measured_ns = None
        self.advice = []

    flops = property(lambda self: sum(layer.flops for layer in self.layers), doc="Of all layers, a step.")
    bytes = property(lambda self: sum(layer.bytes for layer in self.layers), doc="Of all layers, a step.")

    def to_dict(self):
        """Everything as plain Python values."""
        return {"path": self.path, "batch_size": self.batch_size, "threads": self.threads, "by_outputs": self.by_outputs, "density": self.density,
                "level": self.level, "dtype": self.dtype, "flops": self.flops, "bytes": self.bytes,
                "expected_ns": self.expected_ns, "measured_ns": self.measured_ns,
                "layers": [layer._asdict() for layer in self.layers],
                "advice": [{"change": change, "gain": gain, "text": text} for change, gain, text in self.advice]}

    def head(self):
        divided = ", the first layer divided by outputs" if self.by_outputs else ""
        threads = "1 thread" if self.threads == 1 else f"{self.threads} threads{divided}"
        zeros = f", {100 * (1 - self.density):.0f} % of X is zero" if self.density < 1 else ""
        return f"path {self.path}, batch {self.batch_size}, {self.dtype}, {self.level}, {threads}{zeros}"

    def cells(self):
        """The table's rows, the heading first."""
        rows = [("layer", "activation", "forward", "backward", "update", "kflop", "KiB")]
        rows += [(f"{layer.inputs}-{layer.outputs}", layer.activation, layer.forward, layer.backward or "-",
                  layer.update or "-", f"{layer.flops / 1e3:.1f}", f"{layer.bytes / 1024:.1f}") for layer in self.layers]
        rows.append(("step", "", "", "", "", f"{self.flops / 1e3:.1f}", f"{self.bytes / 1024:.1f}"))
        if self.measured_ns is None:
            return rows
        more = [("expected µs", "measured µs", "% of roof", "bound by")]
        more += [(micro(layer.expected_ns), micro(layer.measured_ns),
                  "" if layer.roof is None else f"{100 * layer.roof:.0f}", layer.bound or "") for layer in self.layers]
        more.append((micro(self.expected_ns), micro(self.measured_ns), "", ""))
        return [row + extra for row, extra in zip(rows, more)]

    def __str__(self):
        return "\n".join([self.head(), *aligned(self.cells(), left=(0, 1, 2, 3, 4, 10)), *(f"- {text}" for _, _, text in self.advice)])

    __repr__ = __str__

    def _repr_html_(self):
        first, *rows = self.cells()
        line = lambda row, tag: "<tr>" + "".join(f"<{tag}>{html.escape(cell)}</{tag}>" for cell in row) + "</tr>"
        advice = "".join(f"<li>{html.escape(text)}</li>" for _, _, text in self.advice)
        return (f"<p>{html.escape(self.head())}</p><table><thead>{line(first, 'th')}</thead><tbody>"
                f"{''.join(line(row, 'td') for row in rows)}</tbody></table>" + (f"<ul>{advice}</ul>" if advice else ""))


def micro(ns):
    return "" if ns is None else f"{ns / 1e3:.3g}" if ns < 1e5 else f"{ns / 1e3:.0f}"


def explain(net, batch_size, dtype, X, threads, training, measure):
    """The plan of `net` as an Explanation; see Network.explain, whose arguments these are."""
    batch_size = _checks.check_count("batch_size", batch_size)
    threads = _checks.check_threads(threads)
    training = _checks.check_flag("training", training)
    measure = _checks.check_flag("measure", measure)
    if dtype is not None and _checks.check_dtype(dtype) != net.dtype:
        net = net.copy(dtype=dtype)
    density = 1.0
    if X is not None:
        X = _checks.check_inputs(X, net.sizes[0], net.dtype, raw=net.scaling is not None)[0]
        X = X if net.scaling is None else net.scaling._inputs(X, net.dtype)
        density = density_of(X)
    if training:
        python = net._calls_python() or net.cost_function.bind(net.sizes[-1], net.dtype).python is not None
        chosen = plan.plan_training(net.sizes, batch_size, kernels.lanes(net.dtype), density, threads, python=python,
                                    half_lanes=kernels.half_lanes(net.dtype), anew=getattr(X, "pages", None) is not None)
        used, per_layer = chosen.shares, chosen.layers
    else:
        chosen = plan.plan_inference(net.sizes, batch_size, threads, net._calls_python())
        used = chosen.threads
        kernel = {"plain": "gemm", "samples": "gemv", "narrow": "samples in lanes"}.get(chosen.path, "tiles")
        per_layer = (plan.LayerPlan("", kernel, None, None),) * len(net.weights)
    kept = density if training and chosen.sparse else 1.0
    at_once = chosen.steps_at_once if training else 1
    layers = tuple(
        layer_explanation(l, net, per_layer[l], batch_size, kept if l == 0 else 1.0, training, at_once if l == 0 else 1)
        for l in range(len(net.weights)))
    level = kernels.level() + (" in half vectors" if training and chosen.half else "")
    found = Explanation(chosen.path, batch_size, used, density, layers, level, net.dtype.name)
    found.by_outputs = training and chosen.by_outputs
    if measure:
        take_times(found, net, training, threads, at_once)
    return found


def layer_explanation(l, net, chosen, m, kept, training, at_once):
    """Operations and bytes of one layer: a product forward, in training one for the gradient and, but
    for the first layer, one for BP2; `kept` of the inputs count, and weights pass once in `at_once` steps."""
    p, n = net.sizes[l], net.sizes[l + 1]
    products = (3 if l else 2) if training else 1
    weights = (n * p * kept if m == 1 else n * p) / at_once
    values = products * (weights + m * (p * kept + n)) + (weights if training else 0)      # the update writes what it read
    return LayerExplanation(p, n, net.activations[l], chosen.forward, chosen.backward, chosen.update,
                            2.0 * products * m * p * n * kept, float(values * net.dtype.itemsize))


def take_times(found, net, training, threads, at_once):
    """Measure a copy of the net, ask the model, and advise."""
    from fastnet._advice import advise
    from fastnet._measure import Steps
    from fastnet._model import expected
    from fastnet._roof import roof

    steps = Steps(net, found.batch_size, found.density, threads, training)
    found.measured_ns = 1e9 * steps.seconds()
    model = expected(net, found.batch_size, found.density) if training and found.threads == 1 else None
    if model is not None:
        found.expected_ns = 1e9 * sum(model.values())
    measured, top = steps.operations(), roof()
    found.layers = tuple(
        timed(layer, l, measured, model, top, found.dtype, training, 1 if l else at_once) for l, layer in enumerate(found.layers))
    found.advice = advise(net, found.batch_size, found.density, threads, training, found.measured_ns / 1e9)


def timed(layer, l, measured, model, top, dtype, training, at_once):
    """The layer with its times, its share of the roof and what binds it."""
    own = {operation: seconds for (operation, at), seconds in measured.items() if at == l}
    took = sum(own.values())
    if not took:
        return layer
    size = {"float32": 4, "float64": 8}[dtype]
    memory = top.memory(layer.inputs * layer.outputs * size)
    weights = layer.inputs * layer.outputs * size / at_once if training else 0
    least = {"flops": layer.flops / (1e9 * top.gflops[dtype]),
             "memory": max(0.0, layer.bytes - 2 * weights) / (1e9 * top.read[memory]), "stores": weights / (1e9 * top.update[memory])}
    by_values = sum(seconds for operation, seconds in own.items() if operation in ("activation", "prime", "output_delta", "cost"))
    nearest = max(least, key=least.get)
    share = max(least["flops"], least["memory"] + least["stores"]) / took
    bound = "activation" if by_values > took / 2 else nearest if share > NEAR else "call overhead"
    ns = None if model is None else 1e9 * sum(seconds for (_, at), seconds in model.items() if at == l)
    return layer._replace(expected_ns=ns, measured_ns=1e9 * took, roof=share, bound=bound)
