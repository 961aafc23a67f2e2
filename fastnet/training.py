"""fit: epochs of the compiled pass, and between them validation, stopping, callbacks and checkpoints.

Nothing here runs between batches unless it is asked for: an epoch is then one call of the engine.
"""

import math
import time
import warnings

import numpy as np

from fastnet import _checks, _options, callbacks as callbacks_
from fastnet._core import kernels, plan, profile
from fastnet._core.engine import shuffled
from fastnet._core.recipe import plain_descent
from fastnet._core.run import Run
from fastnet._core.samples import Compressed, compressed, nonzeros
from fastnet._files import check_path
from fastnet.history import EpochInfo, History
from fastnet.optimizers import SGD
from fastnet.stopping import Watch, check_training_data, judge, split_validation

# What a profile calls the parts of a run.
SPANS = {"take_data": "check and convert", "start": "set up", "new_order": "shuffle", "judge": "validation",
         "report": "callbacks", "write_checkpoint": "checkpoint"}

SLICE = 0.02       # s between two looks at the clock where seconds are counted


def fit(net, X, Y, *, sample_weight, class_weight, validation, seed, metrics, callbacks, callback_every, progress,
        checkpoint, checkpoint_every, **options):
    """Train `net`; see Network.fit, whose arguments these are."""
    with profile.span("fit"):
        key = int(_checks.check_seed(seed).integers(2**64, dtype=np.uint64))
        training = Training(_options.check_options(net, key, **options))
        training.take_data(net, X, Y, sample_weight, class_weight, validation, metrics)
        training.take_callbacks(callbacks, callback_every, progress, checkpoint, checkpoint_every)
        return training.run(net)


def partial_fit(net, X, Y, *, sample_weight, class_weight, seed, **options):
    """One pass; the optimizer's memory is that of the last pass over this net, if that had the same optimizer."""
    with profile.span("partial_fit"):
        key = int(_checks.check_seed(seed).integers(2**64, dtype=np.uint64))
        one_pass(net, X, Y, sample_weight, class_weight, _options.check_options(net, key, epochs=1, **options))


def one_pass(net, X, Y, sample_weight, class_weight, options):
    training = Training(options)
    if training.options.recipe is None:
        raise ValueError(f"optimizer must take steps in partial_fit; got {training.options.optimizer.name!r}, which needs all samples")
    training.take_data(net, X, Y, sample_weight, class_weight)
    before = net._training
    if before is not None and before.options.optimizer == training.options.optimizer:
        training.memory = before.memory
    training.run(net)


def start_run(net, X, batch_size, threads, recipe=None):
    """The compiled run of a training, and X as it reads it: without its zeros where the plan skips them."""
    recipe = recipe or plain_descent(SGD().updater(), len(net.weights))
    activation, cost = net._codes(net.sizes[-1], net.dtype)
    if recipe.changes_inputs and isinstance(X, Compressed):      # noise leaves no zeros to skip
        X = X.dense(0, len(X))
    sparse = isinstance(X, Compressed)
    count = 0 if sparse else nonzeros(X) if plan.fast_paths() else X.size      # what came sparse stays so
    chosen = plan.plan_training(net.sizes, batch_size, kernels.lanes(net.dtype), count / X.size, threads,
                                bare=recipe.bare, dense=recipe.changes_inputs, python_cost=cost.python is not None)
    run = Run(net.sizes, activation, cost, net.parameters, batch_size, chosen, recipe)
    return run, compressed(X, count) if chosen.sparse and not sparse else X


def check_writeable(net):
    if not net.parameters.flags.writeable:
        raise ValueError("parameters must be writeable to train; got a read-only vector")
    if not np.isfinite(net.parameters).all():
        raise ValueError("parameters must be finite before training; got NaN or infinity")


class Training:
    """A run of `fit`: what it was asked for, and how far it has come, which is what a checkpoint keeps."""

    def __init__(self, options):
        self.options = options
        self.rate, self.schedule = options.rate, options.schedule
        self.history = History()
        self.watch = None
        self.epoch = 0                 # finished
        self.rows, self.cost = 0, 0.0  # of the epoch under way: samples seen, their summed cost
        self.memory = None             # the optimizer's: (states, running scalars), or None at its start
        self.compiled = None           # the Run under way
        self.callbacks, self.callback_every = [], None
        self.checkpoint = self.checkpoint_every = None
        self.slice = 1                 # steps between two looks at the clock
        recorder = profile.recorder()
        if recorder is not None:
            vars(self).update({method: recorder.timed(name, getattr(self, method)) for method, name in SPANS.items()})

    # -- what it needs -------------------------------------------------------

    def take_data(self, net, X, Y, sample_weight=None, class_weight=None, validation=None, metrics=()):
        check_writeable(net)
        metrics = _checks.check_metrics(metrics)
        samples = check_training_data(net, X, Y, sample_weight, class_weight)
        self.samples, self.validation = split_validation(net, samples, validation, self.options.key)
        _checks.check_metric_targets(metrics, samples.Y, net.sizes[-1])
        self.metrics = metrics
        self.weight = self.samples.mean_one()
        self.m = len(self.samples.X)
        self.batch_size = self.m if self.options.optimizer.full_batch else min(self.options.batch_size, self.m)
        self.n_steps = -(-self.m // self.batch_size)

    def take_callbacks(self, callbacks, callback_every, progress, checkpoint, checkpoint_every):
        self.callbacks = callbacks_.with_progress(callbacks, progress)
        self.callback_every = callback_every if callback_every is None else _checks.check_count("callback_every", callback_every)
        self.checkpoint = None if checkpoint is None else check_path(checkpoint)
        self.checkpoint_every = (checkpoint_every if checkpoint_every is None
                                 else _checks.check_count("checkpoint_every", checkpoint_every))
        if checkpoint_every is not None and checkpoint is None:
            raise ValueError("checkpoint_every needs checkpoint, the path to write to; got None")
        if self.options.recipe is None and (checkpoint, callback_every) != (None, None):
            name = "callback_every" if checkpoint is None else "checkpoint"
            raise ValueError(f"{name} must not be given with the full-batch optimizer {self.options.optimizer.name!r}")

    # -- what a callback may do ----------------------------------------------

    def stop(self, reason):
        self.history.stopped = self.history.stopped or reason

    def set_learning_rate(self, rate):
        if self.options.recipe is None:
            raise ValueError(f"learning_rate can't be set with {self.options.optimizer.name!r}, which finds its own steps")
        self.rate = rate
        if self.rows:                  # within an epoch: of the steps to come
            done = self.rows // self.batch_size
            self.rates[done:] = self.rates_of_epoch()[done:]

    # -- the loop ------------------------------------------------------------

    def run(self, net):
        self.net = net
        self.watch = self.watch or Watch(net.parameters)
        self.began = time.perf_counter()
        net._training = self
        try:
            if self.options.recipe is None:
                from fastnet.whole_fit import minimize
                minimize(self)
            else:
                self.descend()
            if self.options.patience and self.options.restore_best and math.isfinite(self.watch.cost):
                net.parameters[:] = self.watch.parameters
        finally:
            self.net = self.samples = self.validation = self.weight = self.metrics = self.rates = None
            for method in SPANS:
                vars(self).pop(method, None)
            for callback in self.callbacks:
                getattr(callback, "close", lambda: None)()
            self.callbacks = []
        return self.history

    def descend(self):
        options, net = self.options, self.net
        run, X = self.start()
        if self.memory is not None:
            run.remember(*self.memory)
        self.compiled = run
        try:
            while self.epoch < options.epochs and not self.history.stopped:
                start = time.perf_counter()
                finite = self.run_epoch(run, X, start)
                if not (finite and np.isfinite(net.parameters).all()):
                    self.stop_diverged()
                    break
                self.finish_epoch(self.cost / self.rows, self.rate_of_step(-(-self.rows // self.batch_size) - 1), start)
                self.write_checkpoint()
        finally:
            self.memory = None if self.history.stopped == "diverged" else run.memory()
            self.compiled = None
            run.close()

    def start(self):
        return start_run(self.net, self.samples.X, self.batch_size, self.options.threads, self.options.recipe)

    def new_order(self):
        return shuffled(self.m, _options.seed_for(self.options.key, _options.ORDERED, self.epoch))

    def judge(self):
        judge(self.net, self.samples, self.validation, self.metrics, self.history)

    def rates_of_epoch(self):
        """The learning rate of every step of the epoch under way, float64 (n_steps,), or one float where none will change."""
        rates = self.schedule.rates(self.rate, self.epoch, self.epoch * self.n_steps, self.n_steps)
        if isinstance(rates, np.ndarray):
            return np.array(rates, float)
        return float(rates) if self.callback_every is None else np.full(self.n_steps, rates, float)

    def rate_of_step(self, step):
        return float(self.rates[step]) if isinstance(self.rates, np.ndarray) else self.rates

    def run_epoch(self, run, X, start):
        """The pass, or what is left of it; whether all costs were finite."""
        order = self.new_order() if self.options.shuffle else None
        self.rates = self.rates_of_epoch()
        run.start_epoch(X, self.samples.Y, order, self.rates, self.weight, self.rows, self.cost)
        going = True
        try:
            while going and not self.history.stopped:
                before = time.perf_counter()
                going = run.go_on(self.steps_until_asked())
                self.cost, self.rows, finite = run.progress()
                if going:
                    self.look_up(time.perf_counter() - before, time.perf_counter() - start)
        finally:
            self.cost, self.rows, finite = run.progress()
        return finite

    def steps_until_asked(self):
        """Steps until something here wants to know."""
        if self.callback_every is self.checkpoint_every is self.options.max_seconds is None:
            return self.n_steps
        done = self.rows // self.batch_size
        steps = [self.n_steps]
        steps += [every - done % every for every in (self.callback_every, self.checkpoint_every) if every]
        if self.options.max_seconds is not None:
            steps.append(self.slice)
        return min(steps)

    def look_up(self, seconds, seconds_of_epoch):
        """Between two batches of an epoch: callbacks, the clock, a checkpoint."""
        done = self.rows // self.batch_size
        if self.callback_every and done % self.callback_every == 0:
            self.report(self.cost / self.rows, self.rate_of_step(done - 1), seconds_of_epoch, done)
        if self.checkpoint_every and done % self.checkpoint_every == 0:
            self.write_checkpoint()
        if self.options.max_seconds is not None:
            self.slice = max(1, self.slice * 2 if seconds < SLICE else self.slice // 2)
            self.look_at_the_clock()

    def look_at_the_clock(self):
        if self.options.max_seconds is not None and time.perf_counter() - self.began >= self.options.max_seconds:
            self.stop("max_seconds")

    def finish_epoch(self, cost, rate, start):
        """An epoch is done: judge it, see whether to stop, and tell."""
        options, history = self.options, self.history
        history.cost.append(cost)
        if rate is not None:
            history.learning_rate.append(rate)
        self.judge()
        watched = history.validation_cost[-1] if self.validation is not None else cost
        self.watch.offer(self.net.parameters, watched, options.min_delta)
        history.seconds.append(time.perf_counter() - start)
        self.epoch, self.rows, self.cost = self.epoch + 1, 0, 0.0
        self.schedule.tell(watched)
        if options.target_cost is not None and watched <= options.target_cost:
            self.stop("target_cost")
        if options.patience is not None and self.watch.waited >= options.patience:
            self.stop("patience")
        self.look_at_the_clock()
        self.report(cost, rate, history.seconds[-1], None)

    def report(self, cost, rate, seconds, batch):
        if not self.callbacks:
            return
        history = self.history
        done = batch is None
        last = lambda values: values[-1] if done and values else None
        info = EpochInfo(self.epoch + (not done), self.options.epochs, cost, last(history.validation_cost),
                         last(history.accuracy), seconds, self.net, history, batch,
                         {name: values[-1] for name, values in history.metrics.items()} if done else {}, rate, self)
        for callback in self.callbacks:
            callback(info)

    def stop_diverged(self):
        self.net.parameters[:] = self.watch.parameters
        batch = -(-self.rows // self.batch_size)
        self.history.stopped = "diverged"
        warnings.warn(f"training diverged: the cost or a parameter was no longer finite in epoch {self.epoch + 1}, batch {batch}; "
                      f"the best finite parameters are kept. A smaller learning_rate may help", RuntimeWarning, stacklevel=6)

    def write_checkpoint(self):
        if self.checkpoint is not None:
            from fastnet import checkpoints
            checkpoints.write(self.net, self, self.checkpoint)

    def memory_now(self):
        """The optimizer's, copied: of the run under way, or as the last one left it."""
        return self.memory if self.compiled is None else self.compiled.memory()
