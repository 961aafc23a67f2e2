"""Validation, and when to stop: what is held out, how an epoch is judged, the best parameters so far."""

import math

import numpy as np

from fastnet import _checks, _checks_scaling
from fastnet._checks_data import columns_of, whole
from fastnet._core.engine import shuffled
from fastnet._options import HELD_OUT, seed_for


def split_validation(net, samples, validation, key, raw=False, classes=None):
    """Training samples, and samples to validate on or None.  A fraction is drawn at random, of labels the
    same fraction of every class.  `raw`: not scaled yet."""
    if validation is None:
        return samples, None
    if isinstance(validation, (tuple, list)) and len(validation) == 2:
        try:
            return samples, check_training_data(net, *validation, raw=raw, classes=classes)
        except (TypeError, ValueError) as error:
            raise type(error)(f"validation: {error}") from None
    fraction = _checks.check_positive("validation", validation)
    m = len(samples.X)
    order = shuffled(m, seed_for(key, HELD_OUT))
    held = np.zeros(m, bool)
    for rows in drawn(order, samples.Y, fraction):
        held[rows] = True
    if fraction >= 1 or not held.any() or held.all():
        raise ValueError(f"validation must be (X, Y) or a fraction that leaves samples on both sides of {m}; got {validation}")
    return samples.take(np.flatnonzero(~held)), samples.take(np.flatnonzero(held))._replace(weight=None)


def drawn(order, Y, fraction):
    """The rows to hold out, round(fraction · m) in all, the first in the given order: of labels, of each class its share
    rounded down, and one more of those classes where that leaves the most over."""
    if Y.ndim != 1:
        return [order[:round(fraction * len(order))]]
    labels, first = np.unique(Y[order], return_index=True)
    classes = [order[Y[order] == label] for label in labels[np.argsort(first)]]    # whose row came first is first among equals
    shares = fraction * np.array([len(rows) for rows in classes])
    counts = np.floor(shares).astype(np.intp)
    counts[np.argsort(counts - shares, kind="stable")[:round(fraction * len(order)) - counts.sum()]] += 1
    return [rows[:count] for rows, count in zip(classes, counts)]


def check_training_data(net, X, Y, sample_weight=None, class_weight=None, raw=False, classes=None):
    """Samples as the engine takes them (`raw`: not scaled yet), finite; NaN among the targets where the cost ignores it."""
    samples = _checks.check_samples(net, X, Y, sample_weight, class_weight, raw=raw, classes=classes)
    check_finite = _checks_scaling.check_raw_finite if raw else _checks.check_finite
    check_finite("X", samples.X, net.dtype, columns=columns_of(X))
    check_finite("Y", samples.Y, net.dtype, but_nan=net.cost_function.ignore_nan, columns=columns_of(Y))
    return samples


def targets_to_judge(net, X, Y):
    """Y in its own units where the net scales targets, else None."""
    if net.scaling is None or net.scaling.targets is None:
        return None
    return _checks.check_samples(net, X, Y, raw=True).Y.astype(net.dtype)


def judge(net, samples, validation, metrics, history, targets=None):
    """Validation cost, accuracy and metrics of the net as it is, into the history; `targets`: Y of what is
    judged before it was scaled, where it was."""
    judged = samples if validation is None else validation
    wanted = bool(metrics) or (validation is not None and judged.Y.ndim == 1)
    outputs = np.empty((len(judged.X), net.sizes[-1]), net.dtype) if wanted else None
    if validation is not None:
        history.validation_cost.append(net._cost_of(validation.X, validation.Y, None, outputs))
    elif wanted:
        _checks.predict_checked(net, judged.X, outputs, 1)
    if not wanted:
        return
    Y = whole(judged.Y) if targets is None else targets
    if targets is not None:
        net._unscale(outputs)
    if validation is not None and Y.ndim == 1:
        history.accuracy.append(accuracy(Y, outputs))
    for name, metric in metrics.items():
        score = {"accuracy": accuracy, "r2": r2}[metric] if isinstance(metric, str) else metric
        history.metrics.setdefault(name, []).append(_checks.check_number(f"metric {name}", score(Y, outputs)))


def accuracy(Y, outputs):
    """The fraction of samples classified rightly: by the largest output, or a single one's ½."""
    labels = outputs.argmax(axis=1) if outputs.shape[1] > 1 else outputs[:, 0] >= 0.5
    return float(np.mean(labels == np.ravel(Y)))


def r2(Y, outputs):
    """1 − Σ (y − a)² / Σ (y − ȳ)², averaged over outputs; targets that are NaN are left out."""
    residual = np.nansum((Y - outputs[:, :Y.shape[1]]) ** 2, axis=0, dtype=float)
    total = np.nansum((Y - np.nanmean(Y, axis=0, dtype=float)) ** 2, axis=0, dtype=float)
    return float(np.mean(np.where(total > 0, 1 - residual / np.where(total > 0, total, 1), residual == 0)))


class Watch:
    """The cost that is watched (validation cost where there is one): its least value, the finite parameters
    that had it, and for how many epochs it has not fallen by more than min_delta."""

    def __init__(self, parameters, cost=math.inf, reference=math.inf, waited=0):
        self.parameters = parameters.copy()
        self.cost, self.reference, self.waited = cost, reference, waited

    def offer(self, parameters, cost, min_delta):
        if cost <= self.cost:
            self.cost = cost
            self.parameters[:] = parameters
        if cost < self.reference - min_delta:
            self.reference, self.waited = cost, 0
        else:
            self.waited += 1
