"""The gradient of a net against finite differences of its cost."""

from typing import NamedTuple

import numpy as np

from fastnet import _checks


class GradientCheck(NamedTuple):
    """How far the gradient is from finite differences, relative to the largest entry."""

    error: float
    tolerance: float
    worst: int             # index into `parameters`
    ok: bool


def check_gradient(net, X, Y, **weights):
    """See Network.check_gradient."""
    exact = net if net.dtype == np.float64 else net.copy(dtype="float64")
    gradient = net.value_and_gradient(X, Y, **weights)[1].astype(np.float64)
    differences = central_differences(exact.copy(), _checks.check_samples(exact, X, Y, **weights))
    gap = np.abs(gradient - differences)
    worst = int(gap.argmax())
    scale = max(np.abs(differences).max(), np.finfo(net.dtype).tiny)
    # ~1e-9 is left of float64 by a step of 6e-6 (cube root of eps); float32 adds its own rounding
    tolerance = 1e-7 if net.dtype == np.float64 else 1e-7 + 1000 * float(np.finfo(np.float32).eps)
    error = float(gap[worst] / scale)
    return GradientCheck(error, tolerance, worst, bool(error <= tolerance))


def central_differences(net, samples):
    """The gradient of the cost by central differences; changes the net's parameters."""
    X, Y, weight = samples.X, samples.Y, samples.mean_one()
    step = np.cbrt(np.finfo(np.float64).eps)
    differences = np.empty(net.n_parameters)
    for i, value in enumerate(net.parameters.copy()):
        h = step * max(1.0, abs(value))
        net.parameters[i] = value + h
        above = net._cost_of(X, Y, weight)
        net.parameters[i] = value - h
        differences[i] = (above - net._cost_of(X, Y, weight)) / (2 * h)
        net.parameters[i] = value
    return differences
