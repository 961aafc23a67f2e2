"""fit on batches that come one after the other: iterables of (X, Y), loaders, functions that return iterators.

Each batch is one step.  Parameters stay packed between two steps unless somebody wants to see them; the rest of
a run (epochs, stopping, callbacks, history) is training.py's.
"""

import time

import numpy as np

from fastnet import _checks, _checks_scaling, _options
from fastnet._checks_data import check_batches, check_batch
from fastnet._core import profile
from fastnet._core.samples import Compressed, compressed, nonzeros
from fastnet.stopping import check_training_data, split_validation
from fastnet.training import Training, check_writeable, start_run


class BatchTraining(Training):
    """A run of `fit` on batches."""

    streams = True                     # a run is at no place that could be found again within an epoch

    @profile.timed("check and convert")
    def take_data(self, net, X, Y=None, sample_weight=None, class_weight=None, validation=None, metrics=(), scale=None, classes=None):
        check_writeable(net)
        if self.options.optimizer.full_batch:
            raise ValueError(f"optimizer must take steps on batches; got {self.options.optimizer.name!r}, which needs all samples")
        if sample_weight is not None:
            raise ValueError("sample_weight must come with each batch, (X, Y, sample_weight), where X is batches")
        if isinstance(class_weight, str):
            raise ValueError(f"class_weight must be a dict where X is batches; got {class_weight!r}, which needs all samples")
        scale = net.scaling if scale is None else _checks_scaling.check_scale(scale)
        self.classes, self.class_weight = net._classes if classes is None else names_of(net, classes), class_weight
        self.metrics = _checks.check_metrics(metrics)
        if validation is None and self.metrics:
            raise ValueError("metrics need validation, (X, Y) or batches of them, where X is batches")
        times = self.options.epochs - self.epoch
        _, self.validation = split_validation(net, None, validation, self.options.key, scale is not None, self.classes, times)
        if isinstance(self.validation, _checks.Samples):
            _checks.check_metric_targets(self.metrics, self.validation.Y, net.sizes[-1])
        self.batches = check_batches(X, times)
        self.samples, self.weight = None, None
        if scale is not None:
            _checks_scaling.check_learns_from_batches(scale, X)
            self.scale_data(net, scale, bool(self.metrics))
        self.n_steps = length_of(X)
        self.planned = 0               # samples that the compiled run was made for
        self.rates_for = None          # (epoch, learning rate) of self.rates
        self.step_rate(0)

    def learn_scaling(self, net, scale):
        """As Training.learn_scaling, in a pass over the batches before the first epoch."""
        from fastnet import scaling
        if hasattr(scale, "input_unit"):
            return scale._fits(net)
        return scaling.learn_from_batches(net, scale, self.batches_to_learn_from(net) if any(scale) else ())

    def batches_to_learn_from(self, net):
        """(where, samples) of each batch, not scaled."""
        number = 0
        for number, given in enumerate(self.batches(), 1):
            where = f"batch {number}, of which scale is learned: "
            yield where, self.checked(net, where, given, True, self.classes)
        if not number:
            raise ValueError("X must give at least one batch in every epoch; got none in the pass that scale is learned in")

    def checked(self, net, where, given, raw=False, classes=None):
        """The samples of one batch."""
        X, Y, weight = check_batch(where, given)
        try:
            return check_training_data(net, X, Y, weight, self.class_weight, raw, classes)
        except (TypeError, ValueError) as error:
            raise type(error)(where + str(error)) from None

    def take_callbacks(self, callbacks, callback_every, progress, checkpoint, checkpoint_every):
        super().take_callbacks(callbacks, callback_every, progress, checkpoint, checkpoint_every)
        if checkpoint_every is not None:
            raise ValueError("checkpoint_every must not be given where X is batches: a run goes on from the end of an epoch")

    # -- learning rates ------------------------------------------------------

    def step_rate(self, step):
        """The learning rate of a step of the epoch under way."""
        n_steps = self.n_steps or 1
        if self.rates_for != (self.epoch, self.rate):
            self.rates = self.schedule.rates(self.rate, self.epoch, self.epoch * n_steps, n_steps)
            self.rates_for = (self.epoch, self.rate)
            if isinstance(self.rates, np.ndarray) and self.n_steps is None:
                raise ValueError(f"schedule {self.schedule!r} needs the number of batches of an epoch: X must have a length")
        return float(self.rates[min(step, n_steps - 1)]) if isinstance(self.rates, np.ndarray) else float(self.rates)

    def rate_of_step(self, step):
        return self.last_rate

    def steps_done(self):
        return self.done

    # -- the loop ------------------------------------------------------------

    def start(self):
        self.compiled = self.X = None

    def epochs_at_once(self, run, X):
        return 0

    def run_epoch(self, start):
        """All batches; whether all costs were finite."""
        self.done, self.rows, self.cost = 0, 0, 0.0
        finite, asked = True, self.callback_every
        try:
            for given in self.batches():
                finite = self.take_step(given)
                if not finite:
                    break
                if asked and self.done % asked == 0 and self.callbacks:
                    self.compiled.settle()
                    self.report(self.cost / self.rows, self.last_rate, time.perf_counter() - start, self.done)
                self.look_at_the_clock()
                if self.history.stopped:
                    break
        finally:
            if self.compiled is not None:
                self.compiled.settle()
        if not self.done:
            raise ValueError(f"X must give at least one batch in every epoch; got none in epoch {self.epoch + 1}")
        if self.n_steps is None and not self.history.stopped:
            self.n_steps = self.done
        return finite

    def take_step(self, given):
        """One batch, checked, as one step; whether its cost was finite."""
        samples = self.checked(self.net, f"batch {self.done + 1} of epoch {self.epoch + 1}: ", given)
        run, X = self.run_for(samples.X)
        self.last_rate = self.step_rate(self.done)
        cost, rows, finite = run.step(X, samples.Y, self.last_rate, samples.mean_one())
        self.done, self.rows, self.cost = self.done + 1, self.rows + rows, self.cost + cost
        return finite

    def run_for(self, X):
        """The compiled run, made anew for a batch that is larger than those before, and X as it reads it."""
        run, m = self.compiled, len(X)
        if run is None or m > self.planned:
            memory = self.memory
            if run is not None:
                run.settle()
                memory = run.memory()
                run.close()
            run, X = start_run(self.net, X, m, self.options.threads, self.options.recipe)
            if memory is not None:
                run.remember(*memory)
            run.halted = self.interrupted
            self.compiled, self.planned = run, m
        elif run.plan.sparse and not isinstance(X, Compressed):
            X = compressed(X, nonzeros(X))
        return run, X


def names_of(net, classes):
    """The classes of a net whose labels come batch by batch: named, not found."""
    if isinstance(classes, str):
        raise ValueError(f"classes must be a sequence of names where X is batches; got {classes!r}, which needs all labels")
    from fastnet._checks_labels import Classes
    return Classes(classes, False).fits(net.sizes[-1])


def length_of(X):
    """How many batches an epoch has; None: nobody knows before."""
    try:
        return len(X)
    except (TypeError, NotImplementedError):      # a loader's length may be there and raise
        return None


def on_batches(training):
    """A run that goes on with batches."""
    batches = BatchTraining(training.options)
    batches.__dict__.update(training.__dict__)
    batches.rows, batches.cost = 0, 0.0
    return batches


def fit(net, X, *, seed, callbacks, callback_every, progress, checkpoint, checkpoint_every, sample_weight, class_weight,
        validation, metrics, scale, classes, **options):
    """Train `net` on batches; see Network.fit, whose arguments these are."""
    with profile.span("fit"):
        key = int(_checks.check_seed(seed).integers(2**64, dtype=np.uint64))
        training = BatchTraining(_options.check_options(net, key, **options))
        training.take_data(net, X, None, sample_weight, class_weight, validation, metrics, scale, classes)
        training.take_callbacks(callbacks, callback_every, progress, checkpoint, checkpoint_every)
        return training.run(net)
