"""How `fit` is asked to train, every keyword checked, and as the compiled runs take it."""

import math
from typing import NamedTuple

import numpy as np

from fastnet import _checks
from fastnet._core import random
from fastnet._core.recipe import Recipe
from fastnet.full_batch import LBFGS, ConjugateGradient
from fastnet.optimizers import as_optimizer
from fastnet.schedules import Constant, as_schedule

DROPPED, ORDERED, HELD_OUT = range(3)  # what random numbers are for


class Options(NamedTuple):
    """One run's, checked."""

    optimizer: object
    schedule: object
    rate: float | None                 # η₀; None: a full-batch method finds its own
    recipe: Recipe | None              # None there too
    l2: tuple
    held: tuple
    masks: tuple
    epochs: int
    batch_size: int
    shuffle: bool | str                # "rows" and "blocks": of whatever kind the set is
    threads: int
    patience: int | None
    min_delta: float
    restore_best: bool
    target_cost: float | None
    max_seconds: float | None
    key: int                           # all that is random is a function of it; below 2^64


def seed_for(key, purpose, index=0):
    """A seed below 2^64 that only key, purpose and index decide."""
    return random.seed(key, purpose, index)


def check_options(net, key, *, optimizer="sgd", learning_rate=None, schedule=None, l2=0.0, l1=0.0, dropout=0.0,
                  input_dropout=0.0, input_noise=0.0, clip_norm=None, clip_value=None, max_norm=None, frozen=(),
                  masks=None, epochs=1, batch_size=10, shuffle=True, threads=1, patience=None, min_delta=0.0,
                  restore_best=True, target_cost=None, max_seconds=None):
    n_layers = len(net.weights)
    optimizer = as_optimizer(optimizer)
    schedule = as_schedule(schedule).fresh()
    rate = check_rate(optimizer, learning_rate)
    l2 = _checks.per_layer("l2", l2, n_layers, _checks.check_not_negative)
    l1 = _checks.per_layer("l1", l1, n_layers, _checks.check_not_negative)
    dropped = _checks.per_layer("dropout", dropout, n_layers - 1, _checks.check_decay, "hidden layer")
    held, masks = _checks.check_frozen(frozen, n_layers), _checks.check_masks(masks, net)
    special = dict(keep_inputs=1 - _checks.check_decay("input_dropout", input_dropout),
                   noise=_checks.check_not_negative("input_noise", input_noise),
                   clip_norm=_checks.check_bound("clip_norm", clip_norm),
                   clip_value=_checks.check_bound("clip_value", clip_value),
                   max_norm=_checks.check_bound("max_norm", max_norm))
    keep = (*(1 - share for share in dropped), 1.0)
    if searches_lines(optimizer):
        refuse_what_needs_steps(optimizer, l1=any(l1), dropout=any(dropped), input_dropout=input_dropout, input_noise=input_noise,
                                clip_norm=clip_norm, clip_value=clip_value, max_norm=max_norm,
                                learning_rate=learning_rate, schedule=None if schedule == Constant() else schedule)
        recipe = None
    else:
        recipe = Recipe(optimizer.updater(), l2, l1, held, masks, keep, seed=seed_for(key, DROPPED), **special)
    return Options(
        optimizer, schedule, rate, recipe, l2, held, masks,
        epochs=_checks.check_count("epochs", epochs, minimum=0), batch_size=_checks.check_count("batch_size", batch_size),
        shuffle=check_shuffle(shuffle), threads=_checks.check_threads(threads),
        patience=None if patience is None else _checks.check_count("patience", patience),
        min_delta=_checks.check_not_negative("min_delta", min_delta),
        restore_best=_checks.check_flag("restore_best", restore_best),
        target_cost=None if target_cost is None else check_finite_number("target_cost", target_cost),
        max_seconds=None if max_seconds is None else _checks.check_positive("max_seconds", max_seconds), key=key)


def check_shuffle(shuffle):
    """True, False, or by what."""
    if isinstance(shuffle, str):
        return _checks.check_choice("shuffle", shuffle, ("rows", "blocks"))
    if not isinstance(shuffle, (bool, np.bool_)):
        raise TypeError(f"shuffle must be True, False, 'rows' or 'blocks'; got {_checks.describe(shuffle)}")
    return bool(shuffle)


def check_finite_number(name, value):
    number = _checks.check_number(name, value)
    if not math.isfinite(number):
        raise ValueError(f"{name} must be finite; got {value}")
    return number


def check_rate(optimizer, learning_rate):
    """η₀: the one given to `fit` or to the optimizer, else the optimizer's default."""
    own = getattr(optimizer, "learning_rate", None)
    if learning_rate is None:
        return optimizer.rate
    learning_rate = _checks.check_positive("learning_rate", learning_rate)
    if own is not None and own != learning_rate:
        raise ValueError(f"learning_rate must be given once, to fit or to the optimizer; got {learning_rate} and {optimizer!r}")
    return learning_rate


def searches_lines(optimizer):
    """Whether it is a method of scipy's: Rprop wants all samples too, but takes steps."""
    return isinstance(optimizer, (LBFGS, ConjugateGradient))


def refuse_what_needs_steps(optimizer, **given):
    """Line searches over all samples know no steps of a chosen length, nothing random, and no kink at w = 0."""
    for name, value in given.items():
        if value:
            raise ValueError(f"{name} must not be given with the full-batch optimizer {optimizer.name!r}; got {value!r}")
