"""What a step should take: every operation's vector work times rates measured on this machine.

An operation's time is taken as linear in a few counts (FEATURES: calls, multiply-adds of whole vectors, values
stored, weights touched), with coefficients that are never negative, fitted to profiles of a few nets, CALIBRATION,
at both precisions.  That takes a second or two, once: the result is kept beside the roof's.  The kernels are the
plan's, so the model knows padding and the layout of each layer, but not what memory beyond the caches does to
nets much larger than those it was fitted to.
"""

import contextlib
import json
import os

import numpy as np

from fastnet import _files, _roof
from fastnet._core import kernels, plan

CALIBRATION = [((784, 30, 10), 1), ((784, 30, 10), 10), ((784, 30, 10), 64), ((784, 100, 10), 32), ((10, 64, 64, 1), 1),
               ((10, 64, 64, 1), 10), ((10, 64, 64, 1), 100), ((2, 16, 16, 1), 1), ((2, 16, 16, 1), 16), ((4, 8, 3), 1),
               ((64, 128, 128, 10), 1), ((64, 128, 128, 10), 20), ((64, 128, 128, 10), 32), ((64, 128, 128, 10), 128),
               ((10, 64, 64, 1), 16), ((100, 256, 128, 10), 64), ((200, 300, 200, 20), 50), ((20, 40, 80, 40, 5), 8),
               ((20, 40, 80, 40, 5), 40), ((5, 5, 5, 5), 32), ((100, 17, 33, 2), 24), ((2, 24, 24, 2), 100),
               ((6, 20, 12, 3), 25), ((4, 18, 18, 1), 60), ((8, 24, 24, 4), 1), ((12, 40, 3), 128), ((3, 8, 8, 1), 8)]
VALUES = ("activation", "prime")       # of other activations than the sigmoid: in proportion, measured when asked for


def features(operation, layer_plan, path, p, n, m, lanes, density):
    """Counts that an operation's time is linear in, and the name under which its coefficients stand."""
    nv, pv = -(-n // lanes), -(-p // lanes)
    n_panels, p_panels = -(-nv // 2), -(-pv // 2)          # of two vectors: each loads the other side's values once
    way = {"forward": layer_plan.forward, "bp2": layer_plan.backward, "bp4": layer_plan.update,
           "bp4_forward": layer_plan.forward}.get(operation, "")
    inputs = layer_plan.lanes == "inputs"
    name = f"{path} {operation} {way} {layer_plan.lanes}"
    if operation == "forward" and way in ("tiles", "nonzeros"):
        return name, (1, m * p * nv * density, m * p * n_panels * density, m * nv, p * nv)
    if operation == "forward":
        return name, (1, m * n * pv, m * n)
    if operation == "bp2":
        if way == "dots":
            return name, (1, m * p * nv, m * p)
        if way == "samples in lanes":
            mv = -(-m // lanes)
            return name, (1, mv * n * p, -(-mv // 2) * n * p, mv * (n + p))
        return name, (1, m * n * pv, m * n * p_panels, m * pv, n * pv)
    if operation == "bp4":
        return name, (1, m * n * pv, m * n * p_panels, n * pv) if inputs else (1, m * p * nv * density, m * p * n_panels * density, p * nv)
    if operation == "bp4_forward":
        return name, (1, p * nv * density)
    if operation == "bp2_bp4":
        return name, (1, n * pv)
    if operation == "bp3":
        return name, (1, m * nv)
    if operation in VALUES:
        return f"{path} {operation}", (1, m * nv * lanes)
    if operation == "gather":
        return name, (1, m)
    return name, (1, m * n)                # output_delta and the like


def operations_of(sizes, batch, chosen):
    """(operation, layer) of a step, but for those by the activation's name."""
    last = len(sizes) - 2
    if chosen.path == "online":
        return [("bp4_forward", 0), *(("forward", l) for l in range(1, last + 1)), ("output_delta", last),
                *(("bp2_bp4", l) for l in range(1, last + 1)), *(("bp3", l) for l in range(last + 1))]
    return [*([] if chosen.sparse else [("gather", 0)]), *(("forward", l) for l in range(last + 1)), ("output_delta", last),
            *(("bp2", l) for l in range(1, last + 1)), *(("bp4", l) for l in range(last + 1)), *(("bp3", l) for l in range(last + 1))]


def plan_of(sizes, batch, dtype, density=1.0):
    """The plan of a step, the values of the vectors that its kernels have, and what its coefficients are called."""
    chosen = plan.plan_training(sizes, batch, kernels.lanes(dtype), density, half_lanes=kernels.half_lanes(dtype))
    return chosen, kernels.half_lanes(dtype) if chosen.half else kernels.lanes(dtype), chosen.path + " half" * chosen.half


def blocks_of(batch, rows):
    """The sizes of the blocks that a batch is taken in."""
    return [min(rows, batch - start) for start in range(0, batch, rows)]


def expected(net, batch, density=1.0):
    """{(operation, layer): seconds a step} of training on one thread; None where the model does not reach."""
    if net._calls_python() or not all(name in kernels.ACTIVATIONS for name in net.activations):
        return None
    chosen, lanes, way = plan_of(net.sizes, batch, net.dtype, density)
    if chosen.path == "plain" or net.cost_name not in ("quadratic", "cross_entropy", "categorical_cross_entropy"):
        return None
    rates = coefficients()[net.dtype.name]
    found = {}
    for m in blocks_of(batch, chosen.rows):
        for operation, l in operations_of(net.sizes, batch, chosen):
            kept = density if l == 0 and chosen.sparse else 1.0
            name, counts = features(operation, chosen.layers[l], way, net.sizes[l], net.sizes[l + 1], m, lanes, kept)
            if name not in rates:
                return None
            found[operation, l] = found.get((operation, l), 0.0) + float(np.dot(rates[name], counts))
        for l, activation in enumerate(net.activations):
            for operation in VALUES[:1 + (l + 1 < len(net.activations))]:
                name, counts = features(operation, chosen.layers[l], way, net.sizes[l], net.sizes[l + 1], m, lanes, 1.0)
                seconds = float(np.dot(rates[name], counts)) * beside_sigmoid(activation, operation, net.dtype)
                found[operation, l] = found.get((operation, l), 0.0) + seconds
    found["step", None] = rates.get(f"{way} step", [0.0])[0]
    return found


# -- fitting -------------------------------------------------------------------

_kept, _activations = {}, {}


def coefficients():
    """{dtype: {name: coefficients}} of this machine at the level in use; fitted on first need."""
    level = kernels.level()
    if level not in _kept:
        path = _roof.cache_file().replace("roof-", "model-")
        found = read(path)
        if found is None or not all(needed(dtype) <= found[dtype].keys() for dtype in ("float32", "float64")):
            found = {dtype: fit(dtype) for dtype in ("float32", "float64")}
            with contextlib.suppress(OSError, ValueError):
                os.makedirs(os.path.dirname(path), exist_ok=True)
                _files.write_atomically(path, None, [json.dumps(found).encode()])
        _kept[level] = found
    return _kept[level]


def needed(dtype):
    """Names of the coefficients that the calibration gives: what another build kept may lack kernels of this one."""
    names = set()
    for sizes, batch in CALIBRATION:
        chosen, lanes, way = plan_of(sizes, batch, np.dtype(dtype))
        names |= {features(operation, chosen.layers[l], way, sizes[l], sizes[l + 1], batch, lanes, 1.0)[0]
                  for operation, l in operations_of(sizes, batch, chosen) if operation in ("forward", "bp2", "bp4", "bp4_forward")}
    return names


def read(path):
    """What was kept, or None."""
    try:
        with open(path, encoding="utf-8") as file:
            found = json.load(file)
        whole = all(isinstance(value, (int, float)) and value >= 0 for dtype in ("float32", "float64")
                    for values in found[dtype].values() for value in values)
        return found if whole else None
    except (OSError, ValueError, TypeError, KeyError, AttributeError):
        return None


def fit(dtype):
    """Profiles of the calibration's nets, and the coefficients that come nearest, in relative error."""
    from scipy.optimize import nnls

    from fastnet._measure import Steps
    from fastnet.network import Network

    seen = {}
    for sizes, batch in CALIBRATION:
        chosen, lanes, way = plan_of(sizes, batch, np.dtype(dtype))
        found = Steps(Network(sizes, dtype=dtype, seed=0), batch).operations(8)
        for (operation, l), seconds in found.items():
            if l is None and operation != "step":
                continue
            name, counts = (f"{way} step", (1,)) if operation == "step" else features(
                operation, chosen.layers[l], way, sizes[l], sizes[l + 1], batch, lanes, 1.0)
            seen.setdefault(name, []).append((counts, seconds))
    fitted = {}
    for name, points in seen.items():
        counts = np.array([point[0] for point in points], float)
        seconds = np.array([max(point[1], 1e-10) for point in points])
        scale = counts.max(axis=0)
        weight = 1 / (seconds + 2e-9)              # relative, but a nanosecond or two don't matter
        fitted[name] = (nnls(counts / scale * weight[:, None], seconds * weight)[0] / scale).tolist()
    for name, values in list(fitted.items()):          # where zeros are skipped: as dense, by what is not 0
        if "tiles outputs" in name:
            fitted.setdefault(name.replace("tiles outputs", "nonzeros outputs"), values)
        if "bp4_forward fused with the update before outputs" in name:
            fitted.setdefault(name.replace("fused with the update before", "nonzeros"), values)
    return fitted


def beside_sigmoid(name, operation, dtype):
    """What a value of an activation costs, or of its derivative, beside the sigmoid's, of which the calibration's nets are."""
    if name == "sigmoid":
        return 1.0
    index = VALUES.index(operation)
    own, sigmoid = (rate_of_activation(which, dtype)[index][1] for which in (name, "sigmoid"))
    return own / sigmoid if own and sigmoid else 1.0


def rate_of_activation(name, dtype):
    """((seconds a call, seconds a value) of f, the same of f'), measured once."""
    from fastnet._measure import Steps
    from fastnet.network import Network

    key = name, np.dtype(dtype).name, kernels.level()
    if key not in _activations:
        inner = "sigmoid" if name == "softmax" else name
        wide, narrow = (Steps(Network([2, n, 1], activation=inner, dtype=dtype, seed=0), 32).operations(8) for n in (64, 16))
        found = []
        for operation in VALUES:
            more, less = wide["activation" if operation == "activation" else operation, 0], narrow[operation, 0]
            slope = max(0.0, (more - less) / (32 * 48))
            found.append((max(0.0, less - slope * 32 * 16), slope))
        _activations[key] = tuple(found)
    return _activations[key]
