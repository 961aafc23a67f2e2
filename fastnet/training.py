"""fit: epochs of the compiled pass, validation, callbacks, and the History they leave.

Nothing here runs between batches: an epoch is one call of the engine.
"""

import time
import warnings
from dataclasses import asdict, dataclass, field
from typing import NamedTuple

import numpy as np

from fastnet import _checks
from fastnet._core import kernels, plan
from fastnet._core.engine import shuffled
from fastnet._core.recipe import plain_descent
from fastnet._core.run import Run
from fastnet._core.samples import Compressed, compressed, nonzeros
from fastnet.optimizers import SGD


@dataclass
class History:
    """What each finished epoch left: one entry a list and epoch.

    Attributes
    ----------
    cost : list of float
        Mean cost, weighted, over the training samples, each taken just before the step that used it.
    validation_cost : list of float
        Mean cost over the validation samples after the epoch; empty without validation.
    accuracy : list of float
        Fraction of validation samples classified rightly; empty without labels to validate on.
    seconds : list of float
        Wall time of the epoch, in s.
    stopped : str or None
        Why training ended before its last epoch: "diverged", or None.
    """

    cost: list = field(default_factory=list)
    validation_cost: list = field(default_factory=list)
    accuracy: list = field(default_factory=list)
    seconds: list = field(default_factory=list)
    stopped: str | None = None

    def to_dict(self):
        """The lists by name, as plain Python values."""
        return asdict(self)


class EpochInfo(NamedTuple):
    """What a callback is called with after each epoch."""

    epoch: int             # epochs finished, counted from 1
    epochs: int            # epochs asked for
    cost: float
    validation_cost: float | None
    accuracy: float | None
    seconds: float         # of this epoch
    net: object
    history: History


def fit(net, X, Y, *, epochs, batch_size, learning_rate, sample_weight, class_weight, validation, shuffle, seed,
        callbacks, progress, threads):
    """Train `net`; see Network.fit, whose arguments these are."""
    epochs = _checks.check_count("epochs", epochs, minimum=0)
    batch_size = _checks.check_count("batch_size", batch_size)
    learning_rate = _checks.check_positive("learning_rate", learning_rate)
    shuffle = _checks.check_flag("shuffle", shuffle)
    rng = _checks.check_seed(seed)
    callbacks = check_callbacks(callbacks, progress)
    threads = _checks.check_threads(threads)
    check_writeable(net)
    samples = check_training_data(net, X, Y, sample_weight, class_weight)
    samples, validation = split_validation(net, samples, validation, rng)
    X, Y, weight = samples.X, samples.Y, samples.mean_one()
    batch_size = min(batch_size, len(X))

    history = History()
    best = Best(net)
    run, X = start_run(net, X, batch_size, threads)
    try:
        for epoch in range(1, epochs + 1):
            start = time.perf_counter()
            order = shuffled(len(X), int(rng.integers(2**64, dtype=np.uint64))) if shuffle else None
            cost, rows, finite = run.epoch(X, Y, order, learning_rate, weight)
            if not (finite and np.isfinite(net.parameters).all()):
                stop_diverged(net, history, best, epoch, -(-rows // batch_size))
                break
            history.cost.append(cost / rows)
            best.offer(net, history.cost[-1])
            validate(net, validation, history)
            history.seconds.append(time.perf_counter() - start)
            report(net, history, epoch, epochs, callbacks)
    finally:
        run.close()
    return history


def start_run(net, X, batch_size, threads, recipe=None):
    """The compiled run of a training, and X as it reads it: without its zeros where the plan skips them."""
    recipe = recipe or plain_descent(SGD().updater(), len(net.weights))
    activation, cost = net._codes(net.sizes[-1], net.dtype)
    sparse = isinstance(X, Compressed)
    count = 0 if sparse else nonzeros(X) if plan.fast_paths() else X.size      # what came sparse stays so
    chosen = plan.plan_training(net.sizes, batch_size, kernels.lanes(net.dtype), count / X.size, threads,
                                bare=recipe.bare, dense=recipe.changes_inputs, python_cost=cost.python is not None)
    run = Run(net.sizes, activation, cost, net.parameters, batch_size, chosen, recipe)
    return run, compressed(X, count) if chosen.sparse and not sparse else X


def check_callbacks(callbacks, progress):
    """The functions to call after each epoch, the progress line among them."""
    if callable(callbacks):
        callbacks = (callbacks,)
    callbacks = list(callbacks)
    for callback in callbacks:
        if not callable(callback):
            raise TypeError(f"callbacks must be callables; got {_checks.describe(callback)}")
    if progress is not None and _checks.check_flag("progress", progress):
        callbacks.append(print_progress)
    return callbacks


def check_training_data(net, X, Y, sample_weight=None, class_weight=None):
    """Samples as the engine takes them, finite; NaN among the targets where the cost ignores it."""
    samples = _checks.check_samples(net, X, Y, sample_weight, class_weight)
    _checks.check_finite("X", samples.X, net.dtype)
    _checks.check_finite("Y", samples.Y, net.dtype, but_nan=net.cost_function.ignore_nan)
    return samples


def check_writeable(net):
    if not net.parameters.flags.writeable:
        raise ValueError("parameters must be writeable to train; got a read-only vector")
    if not np.isfinite(net.parameters).all():
        raise ValueError("parameters must be finite before training; got NaN or infinity")


def split_validation(net, samples, validation, rng):
    """Training samples, and samples to validate on or None.  A fraction is drawn at random."""
    X, Y, weight, _ = samples
    if validation is None:
        return samples, None
    if isinstance(validation, (tuple, list)) and len(validation) == 2:
        try:
            return samples, check_training_data(net, *validation)
        except (TypeError, ValueError) as error:
            raise type(error)(f"validation: {error}") from None
    fraction = _checks.check_positive("validation", validation)
    held_out = round(fraction * len(X))
    if not 0 < held_out < len(X):
        raise ValueError(f"validation must be (X, Y) or a fraction that leaves samples on both sides "
                         f"of {len(X)}; got {validation}")
    order = rng.permutation(len(X))
    train, held = order[held_out:], order[:held_out]
    return samples.take(train), samples.take(held)._replace(weight=None)


def validate(net, validation, history):
    if validation is None:
        return
    X, Y = validation.X, validation.Y
    history.validation_cost.append(net._cost_of(X, Y))
    if Y.ndim == 1:
        history.accuracy.append(float(np.mean(net.classify(X) == Y)))


class Best:
    """The finite parameters of least cost so far, to fall back on if training diverges."""

    def __init__(self, net):
        self.parameters = net.parameters.copy()
        self.cost = float("inf")

    def offer(self, net, cost):
        if cost <= self.cost:
            self.cost = cost
            self.parameters[:] = net.parameters


def stop_diverged(net, history, best, epoch, batch):
    net.parameters[:] = best.parameters
    history.stopped = "diverged"
    warnings.warn(f"training diverged: the cost or a parameter was no longer finite in epoch {epoch}, batch {batch}; "
                  f"the best finite parameters are kept. A smaller learning_rate may help", RuntimeWarning, stacklevel=4)


def report(net, history, epoch, epochs, callbacks):
    if not callbacks:
        return
    info = EpochInfo(
        epoch, epochs, history.cost[-1],
        history.validation_cost[-1] if history.validation_cost else None,
        history.accuracy[-1] if history.accuracy else None,
        history.seconds[-1], net, history)
    for callback in callbacks:
        callback(info)


def print_progress(info):
    """One line on stderr, rewritten after each epoch."""
    import sys
    parts = [f"epoch {info.epoch}/{info.epochs}", f"cost {info.cost:.6g}"]
    if info.validation_cost is not None:
        parts.append(f"validation {info.validation_cost:.6g}")
    if info.accuracy is not None:
        parts.append(f"accuracy {100 * info.accuracy:.2f} %")
    end = "\n" if info.epoch == info.epochs else ""
    print("\r" + "  ".join(parts), end=end, file=sys.stderr, flush=True)
