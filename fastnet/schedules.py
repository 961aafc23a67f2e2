"""Schedules: the learning rate of every step of an epoch, known before the epoch begins.

Notation: η₀ is the rate that `fit` was given, e counts epochs that are finished (0 in the first),
k the steps finished in this epoch, of n; x = e + k/n is how far training has come, in epochs.

The interface, for training loops: `rates(base, epoch, first_step, n_steps)` gives the rate of each
step of epoch e = `epoch` as a float64 array (n_steps,), or one float for all of them; `first_step`
counts the steps of all epochs before.  After an epoch the loop calls `tell(cost)`.

>>> from fastnet import schedules
>>> schedule = schedules.WarmUp(1, then=schedules.Exponential(0.5))
>>> [schedule.rates(1.0, epoch, 4 * epoch, 4) for epoch in range(3)]
[array([0.25, 0.5 , 0.75, 1.  ]), 1.0, 0.5]
"""

import math

import numpy as np

from fastnet import _checks


class Schedule:
    """What all schedules have in common: options in slots, compared by value, kept in checkpoints."""

    __slots__ = ()
    name = None
    state = ()             # slots, beside the options, that change while a net trains

    def rates(self, base, epoch, first_step, n_steps):
        """The learning rates of one epoch: float64 (n_steps,), or a float for all steps."""
        raise NotImplementedError

    def tell(self, cost):
        """The cost after an epoch: validation cost where there is one, else training cost."""

    def fresh(self):
        """The same schedule as before its first epoch; itself if it has no state."""
        return self

    def foreseen(self):
        """Whether the rates of later epochs can be asked for now: they don't hang on what happens until then."""
        return self.fresh() is self

    def takes_rate(self):
        """Whether its rates hang on η₀, so that another one changes them."""
        return True

    def options(self):
        return [option for option in self.__slots__ if option not in self.state]

    def to_dict(self):
        """Name, options and state as plain values, of which `from_dict` makes the same schedule."""
        return {"name": self.name, **{option: plain(getattr(self, option)) for option in self.__slots__}}

    def __eq__(self, other):
        return self.to_dict() == other.to_dict() if type(other) is type(self) else NotImplemented

    __hash__ = None

    def __repr__(self):
        options = ", ".join(f"{option}={getattr(self, option)!r}" for option in self.options())
        return f"{type(self).__name__}({options})"


def plain(value):
    return value.to_dict() if isinstance(value, Schedule) else value


class Constant(Schedule):
    """η₀ throughout.

    Examples
    --------
    >>> from fastnet.schedules import Constant
    >>> Constant().rates(0.1, 5, 500, 100)
    0.1
    """

    __slots__ = ()
    name = "constant"

    def rates(self, base, epoch, first_step, n_steps):
        return base


class Step(Schedule):
    """η₀ · factor^⌊e / every⌋: a drop every so many epochs (as torch's StepLR).

    Parameters
    ----------
    every : int
        Epochs between drops.
    factor : float

    Examples
    --------
    >>> from fastnet.schedules import Step
    >>> [Step(2, 0.5).rates(1.0, epoch, 0, 1) for epoch in range(5)]
    [1.0, 1.0, 0.5, 0.5, 0.25]
    """

    __slots__ = ("every", "factor")
    name = "step"

    def __init__(self, every, factor=0.1):
        self.every, self.factor = _checks.check_count("every", every), _checks.check_positive("factor", factor)

    def rates(self, base, epoch, first_step, n_steps):
        return grown(self, base, self.factor, epoch // self.every, epoch)


class Exponential(Schedule):
    """η₀ · decay^e (as torch's ExponentialLR).

    Parameters
    ----------
    decay : float
        Above 0.

    Examples
    --------
    >>> from fastnet.schedules import Exponential
    >>> Exponential(0.5).rates(1.0, 3, 0, 1)
    0.125
    """

    __slots__ = ("decay",)
    name = "exponential"

    def __init__(self, decay):
        self.decay = _checks.check_positive("decay", decay)

    def rates(self, base, epoch, first_step, n_steps):
        return grown(self, base, self.decay, epoch, epoch)


def grown(schedule, base, factor, times, epoch):
    """base · factor^times, which may grow too."""
    try:
        rate = base * factor**times
    except OverflowError:
        rate = math.inf
    if rate == math.inf:
        raise ValueError(f"schedule {schedule!r} must give finite rates; got one beyond float64 in epoch {epoch + 1}")
    return rate


class Cosine(Schedule):
    """Half a cosine from η₀ to the floor: floor + ½ (η₀ − floor) (1 + cos(π x / epochs)), then the floor.

    Parameters
    ----------
    epochs : int
        How long the way down is.
    floor : float
        The last rate.

    Notes
    -----
    I. Loshchilov, F. Hutter, SGDR: stochastic gradient descent with warm restarts, 2017, equation 5,
    without restarts; the rate changes with every step.

    Examples
    --------
    >>> from fastnet.schedules import Cosine
    >>> Cosine(2).rates(1.0, 1, 4, 2).round(3)
    array([0.5  , 0.146])
    """

    __slots__ = ("epochs", "floor")
    name = "cosine"

    def __init__(self, epochs, floor=0.0):
        self.epochs, self.floor = _checks.check_count("epochs", epochs), _checks.check_not_negative("floor", floor)

    def rates(self, base, epoch, first_step, n_steps):
        x = np.minimum(epoch + np.arange(n_steps) / n_steps, self.epochs)
        return self.floor + 0.5 * (base - self.floor) * (1 + np.cos(np.pi * x / self.epochs))


class OneCycle(Schedule):
    """Up to a high rate and down to a very low one, both along half a cosine, once.

    Over epochs · n steps, the rate goes from peak / start to the peak at step warm_up · epochs · n − 1,
    counted from 0, then to peak / (start · end) at the last step, where it stays.

    Parameters
    ----------
    peak : float or None
        The highest rate; None: η₀.
    epochs : int
        How long the cycle is.
    warm_up : float
        The share of the steps that lead up, between 0 and 1.
    start, end : float
        What the peak is divided by at the start, and the start at the end.

    Notes
    -----
    L. Smith, N. Topin, Super-convergence: very fast training of neural networks using large learning
    rates, 2018; shape and defaults of torch's OneCycleLR, whose momentum is not cycled here.

    Examples
    --------
    >>> from fastnet.schedules import OneCycle
    >>> OneCycle(1.0, 2, warm_up=0.5).rates(0.1, 0, 0, 3).round(3)
    array([0.04, 0.52, 1.  ])
    """

    __slots__ = ("peak", "epochs", "warm_up", "start", "end")
    name = "one_cycle"

    def __init__(self, peak, epochs, warm_up=0.3, start=25.0, end=1e4):
        self.peak = None if peak is None else _checks.check_positive("peak", peak)
        self.epochs = _checks.check_count("epochs", epochs)
        self.warm_up = _checks.check_positive("warm_up", warm_up)
        if self.warm_up >= 1:
            raise ValueError(f"warm_up must lie between 0 and 1; got {warm_up}")
        self.start, self.end = _checks.check_positive("start", start), _checks.check_positive("end", end)

    def rates(self, base, epoch, first_step, n_steps):
        peak = base if self.peak is None else self.peak
        low, lowest = peak / self.start, peak / self.start / self.end
        step = epoch * n_steps + np.arange(n_steps)
        top, last = self.warm_up * self.epochs * n_steps - 1, self.epochs * n_steps - 1
        up = np.clip(step / top, 0, 1) if top > 0 else np.ones(n_steps)      # too few steps to go up by
        down = np.clip((step - top) / (last - top), 0, 1)
        return np.where(step <= top, half_cosine(low, peak, up), half_cosine(peak, lowest, down))

    def takes_rate(self):
        return self.peak is None


def half_cosine(first, last, share):
    return last + 0.5 * (first - last) * (1 + np.cos(np.pi * share))


class WarmUp(Schedule):
    """A rising line at the start: step t, counted from 1, of the N steps of the first epochs has t/N of the
    rate with which the schedule `then` begins; after them `then` runs from its own beginning.

    Parameters
    ----------
    epochs : int
        How long the line is.
    then : schedule, optional
        Anything that `fit` takes for a schedule; None: constant.

    Notes
    -----
    P. Goyal et al., Accurate, large minibatch SGD: training ImageNet in 1 hour, 2017, section 2.2.

    Examples
    --------
    >>> from fastnet.schedules import WarmUp
    >>> WarmUp(2).rates(1.0, 1, 2, 2)
    array([0.75, 1.  ])
    """

    __slots__ = ("epochs", "then")
    name = "warm_up"

    def __init__(self, epochs, then=None):
        self.epochs, self.then = _checks.check_count("epochs", epochs), as_schedule(then)

    def rates(self, base, epoch, first_step, n_steps):
        if epoch >= self.epochs:
            return self.then.rates(base, epoch - self.epochs, first_step - self.epochs * n_steps, n_steps)
        target = float(np.ravel(self.then.rates(base, 0, 0, n_steps))[0])
        return target * (epoch * n_steps + np.arange(1, n_steps + 1)) / (self.epochs * n_steps)

    def tell(self, cost):
        self.then.tell(cost)

    def fresh(self):
        then = self.then.fresh()
        return self if then is self.then else WarmUp(self.epochs, then)

    def foreseen(self):
        return self.then.foreseen()

    def takes_rate(self):
        return self.then.takes_rate()


class InverseScaling(Schedule):
    """η₀ / t^power, where t counts all steps from 1.

    Parameters
    ----------
    power : float
        0 or more.

    Notes
    -----
    H. Robbins, S. Monro, A stochastic approximation method, 1951: the rates suffice for convergence where
    ½ < power ≤ 1.  "invscaling" of scikit-learn's MLP has the same form, with t counting samples, a
    new rate each epoch.

    Examples
    --------
    >>> from fastnet.schedules import InverseScaling
    >>> InverseScaling(1).rates(1.0, 1, 3, 2)
    array([0.25, 0.2 ])
    """

    __slots__ = ("power",)
    name = "inverse_scaling"

    def __init__(self, power=0.5):
        self.power = _checks.check_not_negative("power", power)

    def rates(self, base, epoch, first_step, n_steps):
        return base / (first_step + np.arange(1.0, n_steps + 1)) ** self.power


class ReduceOnPlateau(Schedule):
    """A lower rate once the cost has stopped falling: max(floor, η₀ · factor^r) after r reductions.

    The rate is reduced after more than `patience` epochs in a row whose cost is not below the best
    one by more than `min_delta`; then counting begins anew (as torch's ReduceLROnPlateau, mode "min",
    with an absolute threshold).  It has a state: `fit` works on a fresh copy.

    Parameters
    ----------
    factor : float
        Between 0 and 1.
    patience : int
        Epochs without a better cost that are forgiven.
    min_delta : float
        A smaller fall is none.
    floor : float
        The lowest rate.

    Examples
    --------
    >>> from fastnet.schedules import ReduceOnPlateau
    >>> schedule = ReduceOnPlateau(0.5, patience=0)
    >>> schedule.tell(1.0), schedule.tell(1.0), schedule.rates(0.1, 2, 20, 10)
    (None, None, 0.05)
    """

    __slots__ = ("factor", "patience", "min_delta", "floor", "best", "waited", "reductions")
    name = "reduce_on_plateau"
    state = ("best", "waited", "reductions")

    def __init__(self, factor=0.1, patience=10, min_delta=1e-4, floor=0.0):
        self.factor = _checks.check_positive("factor", factor)
        if self.factor >= 1:
            raise ValueError(f"factor must lie between 0 and 1; got {factor}")
        self.patience = _checks.check_count("patience", patience, minimum=0)
        self.min_delta = _checks.check_not_negative("min_delta", min_delta)
        self.floor = _checks.check_not_negative("floor", floor)
        self.best, self.waited, self.reductions = None, 0, 0

    def rates(self, base, epoch, first_step, n_steps):
        return min(base, max(self.floor, base * self.factor**self.reductions))

    def tell(self, cost):
        if self.best is None or cost < self.best - self.min_delta:
            self.best, self.waited = float(cost), 0
            return
        self.waited += 1
        if self.waited > self.patience:
            self.reductions, self.waited = self.reductions + 1, 0

    def fresh(self):
        return ReduceOnPlateau(self.factor, self.patience, self.min_delta, self.floor)


class Custom(Schedule):
    """Any function of e, the epochs finished (0 in the first epoch), that returns the learning rate itself.

    Not kept in checkpoints: whoever resumes gives the function again.

    Examples
    --------
    >>> from fastnet.schedules import as_schedule
    >>> as_schedule(lambda epoch: 0.1 / (1 + epoch)).rates(3.0, 1, 10, 10)
    0.05
    """

    __slots__ = ("function",)
    name = "custom"

    def __init__(self, function):
        self.function = function

    def rates(self, base, epoch, first_step, n_steps):
        rate = self.function(epoch)
        try:
            number = float(rate)
        except (TypeError, ValueError):
            raise TypeError(f"schedule must return a number, the learning rate; "
                            f"got {_checks.describe(rate)} for epoch {epoch}") from None
        if not 0 <= number < math.inf:
            raise ValueError(f"schedule must return a finite learning rate, 0 or more; got {number} for epoch {epoch}")
        return number

    def foreseen(self):
        return False                   # the function may look at anything

    def takes_rate(self):
        return False

    def to_dict(self):
        return {"name": self.name, "function": None}

    def __eq__(self, other):
        return self.function == other.function if type(other) is Custom else NotImplemented


SCHEDULES = {kind.name: kind for kind in (Constant, Step, Exponential, Cosine, OneCycle, WarmUp, InverseScaling,
                                          ReduceOnPlateau)}


def as_schedule(schedule):
    """A schedule from None (constant), a schedule or a callable epoch -> learning rate."""
    if schedule is None:
        return Constant()
    if isinstance(schedule, Schedule):
        return schedule
    if callable(schedule) and not isinstance(schedule, type):
        return Custom(schedule)
    raise TypeError(f"schedule must be one of fastnet.schedules, a callable epoch -> learning rate, or None; "
                    f"got {_checks.describe(schedule)}")


def from_dict(saved):
    """The schedule that `to_dict` described, its state included.

    Examples
    --------
    >>> from fastnet import schedules
    >>> schedules.from_dict(schedules.Step(5).to_dict())
    Step(every=5, factor=0.1)
    """
    saved = dict(saved)
    name = saved.pop("name", None)
    if name == Custom.name:
        raise ValueError("schedule was a function of the caller's, which is not saved: give it again")
    kind = SCHEDULES[_checks.check_choice("schedule", name, tuple(SCHEDULES))]
    unknown = saved.keys() - set(kind.__slots__)
    if unknown:
        raise ValueError(f"schedule {name!r} has the options {', '.join(kind.__slots__)}; got {', '.join(sorted(unknown))}")
    if isinstance(saved.get("then"), dict):
        saved["then"] = from_dict(saved["then"])
    state = {key: saved.pop(key) for key in kind.state if key in saved}
    schedule = kind(**saved)
    for key, value in state.items():
        setattr(schedule, key, value)
    return schedule
