"""Validation, and when to stop: what is held out, how an epoch is judged, the best parameters so far."""

import math
import numbers

import numpy as np

from fastnet import _checks, _checks_scaling
from fastnet._checks_data import check_batch, check_batches, columns_of, whole
from fastnet._checks_labels import positions
from fastnet._core.engine import shuffled
from fastnet._options import HELD_OUT, seed_for
from fastnet._predict import predict_checked

WAYS = "(X, Y), (X, Y, sample_weight) or batches of these, one after the other"


def split_validation(net, samples, validation, key, raw=False, classes=None, looks=1):
    """Training samples (None: they come in batches), and what to validate on: samples, ValidationBatches or None.
    A fraction is drawn at random, of labels the same fraction of every class.  `raw`: not scaled yet; `looks`: how
    often it will be judged by."""
    if validation is None:
        return samples, None
    if isinstance(validation, numbers.Real) and not isinstance(validation, (bool, np.bool_)):
        if samples is None:
            raise ValueError(f"validation must be {WAYS}, where X is batches, of which no fraction can be held out; got {validation}")
        return hold_out(samples, validation, key)
    if not is_one_set(validation):
        return samples, ValidationBatches(net, validation, looks, raw, classes)
    try:
        return samples, check_training_data(net, *validation, raw=raw, classes=classes)
    except (TypeError, ValueError) as error:
        raise type(error)(f"validation: {error}") from None


def is_one_set(validation):
    """Whether it is (X, Y) or (X, Y, sample_weight) and not two or three batches: X as a list of two or three rows,
    unlike the first batch, holds no matrix, and no row with a label beside it."""
    if not isinstance(validation, (tuple, list)) or len(validation) not in (2, 3):
        return False
    first = validation[0]
    if not isinstance(first, (tuple, list)) or len(first) not in (2, 3):
        return True
    x, y = map(n_dimensions, first[:2])
    return x < 2 and x <= y


def n_dimensions(given):
    """Of an array or frame of any kind, or of lists in lists."""
    if isinstance(given, (list, tuple)):
        return 1 + (n_dimensions(given[0]) if given else 0)
    return len(getattr(given, "shape", ()))


def hold_out(samples, validation, key):
    """The samples without some, and those."""
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


def targets_to_judge(net, X, Y, sample_weight=None):
    """Y in its own units where the net scales targets, else None."""
    if net.scaling is None or net.scaling.targets is None:
        return None
    return whole(_checks.check_samples(net, X, Y, sample_weight, raw=True).Y).astype(net.dtype)


def judge(net, samples, validation, metrics, history, targets=None):
    """Validation cost, accuracy and metrics of the net as it is, into the history; `targets`: Y of what is
    judged before it was scaled, where it was.  Samples of `validation` count by their weights, where they have some."""
    if isinstance(validation, ValidationBatches):
        validation.judge(net, metrics, history)
        return
    judged = samples if validation is None else validation
    wanted = bool(metrics) or (validation is not None and judged.Y.ndim == 1)
    outputs = np.empty((len(judged.X), net.sizes[-1]), net.dtype) if wanted else None
    weight = None if validation is None else validation.weight
    if validation is not None:
        history.validation_cost.append(net._cost_of(validation.X, validation.Y, validation.mean_one(), outputs))
    elif wanted:
        predict_checked(net, judged.X, outputs, 1)
    if not wanted:
        return
    Y = whole(judged.Y) if targets is None else targets
    if targets is not None:
        net._unscale(outputs)
    if validation is not None and Y.ndim == 1:
        history.accuracy.append(accuracy(Y, outputs, weight))
    measure(metrics, Y, outputs, weight, history)


def measure(metrics, Y, outputs, weight, history):
    """Metrics by name into the history; what is the user's own counts all samples alike."""
    for name, metric in metrics.items():
        score = {"accuracy": accuracy, "r2": r2}[metric](Y, outputs, weight) if isinstance(metric, str) else metric(Y, outputs)
        history.metrics.setdefault(name, []).append(_checks.check_number(f"metric {name}", score))


def accuracy(Y, outputs, weight=None):
    """The fraction of samples, by weight, classified rightly: by the largest output, or a single one's ½."""
    return float(np.average(positions(outputs) == np.ravel(Y), weights=shares(weight)))


def r2(Y, outputs, weight=None):
    """1 − Σ w (y − a)² / Σ w (y − ȳ)², averaged over outputs; targets that are NaN are left out."""
    w = 1 if weight is None else shares(weight)[:, None]
    mean = np.nansum(w * Y, axis=0, dtype=float) / np.sum(w * ~np.isnan(Y), axis=0)
    residual = np.nansum(w * (Y - outputs[:, :Y.shape[1]]) ** 2, axis=0, dtype=float)
    total = np.nansum(w * (Y - mean) ** 2, axis=0, dtype=float)
    return float(np.mean(np.where(total > 0, 1 - residual / np.where(total > 0, total, 1), residual == 0)))


def shares(weight):
    """Weights, at most 1: their sums stay finite."""
    return None if weight is None else weight / weight.max()


class ValidationBatches:
    """Validation samples that come in batches, anew for each judgement: costs and accuracies are means over all
    samples, by weight, of which one batch at a time is held."""

    def __init__(self, net, validation, looks, raw, classes):
        kind = type(validation).__name__
        if isinstance(validation, (bool, str, bytes, dict)):
            raise TypeError(f"validation must be {WAYS}, or a fraction; got {kind}")
        self.batches = check_batches(validation, looks, "validation", WAYS + ", or a fraction")
        self.looked = False            # through all of them before
        self.labels = False            # whether there are classes in all of them, as far as it is known
        if isinstance(validation, (tuple, list)):      # all are there: what is wrong is found before training begins
            for _ in self.checked(net, raw, classes):
                pass

    def checked(self, net, raw=False, classes=None):
        """(where, X, Y and weight as they came, samples) of each batch that counts."""
        number = counted = 0
        for number, given in enumerate(self.batches(), 1):
            where = f"validation: batch {number}: "
            X, Y, weight = check_batch(where, given)
            try:
                if weight is not None and not _checks.as_numbers("sample_weight", weight).any():
                    continue
                samples = check_training_data(net, X, Y, weight, raw=raw, classes=classes)
            except (TypeError, ValueError) as error:
                raise type(error)(where + str(error)) from None
            counted += 1
            yield where, X, Y, weight, samples
        if not number:
            raise ValueError("validation must give at least one batch, and its batches anew after every epoch; got none"
                             + ", though it gave some before: it is used up" * self.looked)
        if not counted:
            raise ValueError("validation must hold at least one sample that counts; every sample_weight is 0")
        self.looked = True

    def judge(self, net, metrics, history):
        """As the function `judge`.  Metrics but for accuracy want all targets and outputs, which are then kept."""
        own = {name: metric for name, metric in metrics.items() if metric != "accuracy"}
        found, kept = [], []
        for where, X, Y, weight, samples in self.checked(net):
            outputs = np.empty((len(samples.X), net.sizes[-1]), net.dtype)
            cost = net._cost_of(samples.X, samples.Y, samples.mean_one(), outputs)
            targets = targets_to_judge(net, X, Y, weight) if metrics else None
            if targets is not None:
                net._unscale(outputs)
            targets = whole(samples.Y) if targets is None else targets
            try:
                _checks.check_metric_targets(metrics, targets, net.sizes[-1])
            except ValueError as error:
                raise ValueError(where + str(error)) from None
            labels = _checks.holds_labels(targets, net.sizes[-1])
            weight = np.ones(len(outputs)) if samples.weight is None else samples.weight
            right = accuracy(targets, outputs, weight) if labels else math.nan
            found.append((cost, right, weight.max(), shares(weight).sum(), labels, targets.ndim))
            if own:
                kept.append((targets, outputs, weight))
        costs, right, largest, counts, labels, dimensions = np.array(found, float).T
        counts *= largest / largest.max()
        self.labels = bool(labels.all())
        history.validation_cost.append(mean(costs, counts))
        if (dimensions == 1).all():
            history.accuracy.append(mean(right, counts))
        for name in metrics.keys() - own.keys():
            history.metrics.setdefault(name, []).append(mean(right, counts))
        if own:
            measure(own, *map(np.concatenate, zip(*kept)), history)


def mean(values, weights):
    with np.errstate(over="ignore", invalid="ignore"):         # a run that diverges
        return float(np.average(values, weights=weights))


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
