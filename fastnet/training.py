"""fit: epochs of the compiled pass, and between them validation, stopping, callbacks and checkpoints.

Nothing here runs between batches unless it is asked for: an epoch is then one call of the engine.  Nor between
epochs, where they are short: one call then takes as many as pass between two looks for Ctrl-C.
"""

import math
import os
import sys
import time
import warnings

import numpy as np

from fastnet import _checks, _checks_scaling, _options, callbacks as callbacks_
from fastnet._checks_data import whole
from fastnet._core import kernels, plan, profile
from fastnet._core.engine import shuffled
from fastnet._core.recipe import plain_descent
from fastnet._core.run import Run
from fastnet._core.samples import Compressed, compressed, density_of, nonzeros
from fastnet._files import check_path, mode_to_keep
from fastnet._pools import Pools
from fastnet.history import EpochInfo, History
from fastnet.optimizers import SGD
from fastnet.stopping import ValidationBatches, Watch, check_training_data, judge, split_validation

SLICE = 0.02       # s between two looks at the clock where seconds are counted


def fit(net, X, Y, **options):
    """Train `net`; see Network.fit, whose arguments these are."""
    with profile.span("fit"):
        return prepared(net, X, Y, **options).run(net)


def prepared(net, X, Y, *, sample_weight, class_weight, validation, seed, metrics, callbacks, callback_every, progress,
             checkpoint, checkpoint_every, scale=None, classes=None, **options):
    """The run that `fit` is, everything checked, before it begins."""
    key = int(_checks.check_seed(seed).integers(2**64, dtype=np.uint64))
    training = Training(_options.check_options(net, key, **options))
    training.take_data(net, X, Y, sample_weight, class_weight, validation, metrics, scale, classes)
    training.take_callbacks(callbacks, callback_every, progress, checkpoint, checkpoint_every)
    return training


def partial_fit(net, X, Y, *, sample_weight, class_weight, seed, classes, **options):
    """One pass; the optimizer's memory is that of the last pass over this net, if that had the same optimizer."""
    with profile.span("partial_fit"):
        key = int(_checks.check_seed(seed).integers(2**64, dtype=np.uint64))
        training = Training(_options.check_options(net, key, epochs=1, **options))
        if training.options.recipe is None:
            raise ValueError(f"optimizer must take steps in partial_fit; got {training.options.optimizer.name!r}, which needs all samples")
        training.take_data(net, X, Y, sample_weight, class_weight, classes=classes)
        before = net._training
        if before is not None and before.options.optimizer == training.options.optimizer:
            training.memory = before.memory
        training.run(net)


def start_run(net, X, batch_size, threads, recipe=None):
    """The compiled run of a training, and X as it reads it: without its zeros where the plan skips them."""
    recipe = recipe or plain_descent(SGD().updater(), len(net.weights))
    activation, cost = net._codes(net.sizes[-1], net.dtype)
    sparse, in_file = isinstance(X, Compressed), getattr(X, "pages", None) is not None
    looked = plan.fast_paths() and not recipe.changes_inputs
    count = nonzeros(X) if looked and not (sparse or in_file) else X.size
    density = 0.0 if sparse else density_of(X) if looked and in_file else count / X.size      # what came sparse stays so
    chosen = plan.plan_training(net.sizes, batch_size, kernels.lanes(net.dtype), density, threads, half_lanes=kernels.half_lanes(net.dtype),
                                bare=recipe.bare, dense=recipe.changes_inputs, python=cost.python is not None or net._calls_python(),
                                anew=in_file)
    X = compressed(X, count) if chosen.sparse and not (sparse or in_file) else X
    return Run(net.sizes, activation, cost, net.parameters, batch_size, chosen, recipe), X


def check_writeable(net):
    if not net.parameters.flags.writeable:
        raise ValueError("parameters must be writeable to train; got a read-only vector")
    if not np.isfinite(net.parameters).all():
        raise ValueError("parameters must be finite before training; got NaN or infinity")
    if net._training is not None and net._training.net is not None:
        raise RuntimeError("net is being trained, and can't be trained from a callback or another thread meanwhile: net.copy() can")


class Training:
    """A run of `fit`: what it was asked for, and how far it has come, which is what a checkpoint keeps."""

    streams = False                    # its data come in batches (_batches.py)

    def __init__(self, options):
        self.options = options
        self.net = None                # while it runs
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
        self.scaling = None            # of the net from now on; None: none
        self.targets = None            # Y of what metrics judge, before it was scaled
        self.classes = None            # of the net from now on; None: as they are
        self.interrupted = False
        self.alone = True              # not one of many, whose warnings are summed up and whose scores are wanted
        self.scores = None             # (cost, history of one judgement) of the net as it is in the end, if not alone

    # -- what it needs -------------------------------------------------------

    @profile.timed("check and convert")
    def take_data(self, net, X, Y, sample_weight=None, class_weight=None, validation=None, metrics=(), scale=None, classes=None):
        check_writeable(net)
        metrics = _checks.check_metrics(metrics)
        scale = net.scaling if scale is None else _checks_scaling.check_scale(scale)
        raw = scale is not None
        self.classes = self.learn_classes(net, Y, classes)
        samples = check_training_data(net, X, Y, sample_weight, class_weight, raw, self.classes)
        self.samples, self.validation = split_validation(net, samples, validation, self.options.key, raw, self.classes,
                                                         self.options.epochs - self.epoch)
        for judged in (samples, self.validation):
            if isinstance(judged, _checks.Samples):
                _checks.check_metric_targets(metrics, judged.Y, net.sizes[-1])
        if raw:
            self.scale_data(net, scale, bool(metrics))
        self.metrics = metrics
        self.weight = self.samples.mean_one()
        self.m = len(self.samples.X)
        self.batch_size = self.m if self.options.optimizer.full_batch else min(self.options.batch_size, self.m)
        self.n_steps = -(-self.m // self.batch_size)

    def learn_classes(self, net, Y, classes):
        """What the labels are called, where they are no plain numbers or that is asked for."""
        if classes is None and getattr(getattr(Y, "dtype", None), "kind", "b") in ("f", "i", "u"):
            return net._classes
        from fastnet import _checks_labels
        return _checks_labels.learn(net, Y, classes)

    def scale_data(self, net, scale, judged):
        """Learn from the training samples alone what is to be learned, and scale them and the others."""
        self.scaling = self.learn_scaling(net, scale)
        streams = isinstance(self.validation, ValidationBatches)           # scaled as they come
        validation = None if streams else self.validation
        if judged and self.scaling.targets is not None and not streams:
            self.targets = whole((validation or self.samples).Y).astype(net.dtype)
        self.samples = self.samples and self.samples.scaled(self.scaling, net.dtype)
        if validation is not None:
            self.validation = validation = validation.scaled(self.scaling, net.dtype)
        learned = not hasattr(scale, "input_unit")             # then nothing of what it was learned from is large
        for samples in filter(None, (None if learned else self.samples, validation)):
            _checks.check_finite("X in units of its scaling", samples.X, net.dtype)
            _checks.check_finite("Y in units of its scaling", samples.Y, net.dtype, but_nan=net.cost_function.ignore_nan)

    def learn_scaling(self, net, scale):
        """The Scaling that `scale` asks for, from the training samples."""
        from fastnet import scaling
        found = scaling.learn(net, scale, self.samples.X, self.samples.Y)
        if isinstance(self.samples.X, Compressed) and found.inputs is not None:
            _checks_scaling.check_keeps_zeros(found.input_offset, "of the net")
        return found

    def take_callbacks(self, callbacks, callback_every, progress, checkpoint, checkpoint_every):
        self.callbacks = callbacks_.with_progress(callbacks, progress)
        self.callback_every = callback_every if callback_every is None else _checks.check_count("callback_every", callback_every)
        self.checkpoint = None if checkpoint is None else check_path(checkpoint, "checkpoint")
        if checkpoint is not None:
            mode_to_keep(os.path.realpath(checkpoint))         # or an error, before an epoch's work is lost to it
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

    def interrupt(self):
        """From another thread: end soon, as Ctrl-C would end it, with KeyboardInterrupt."""
        self.interrupted = True
        if self.compiled is not None:
            self.compiled.halted = True

    def set_learning_rate(self, rate):
        if self.options.optimizer.full_batch:
            raise ValueError(f"learning_rate can't be set with {self.options.optimizer.name!r}, which finds its own steps")
        if not self.schedule.takes_rate():
            raise ValueError(f"learning_rate can't be set with schedule {self.schedule!r}, which says itself what it is")
        self.rate = rate
        if self.rows and not self.streams:                  # within an epoch: of the steps to come
            done = self.steps_done()
            self.rates[done:] = self.rates_of_epoch()[done:]

    # -- the loop ------------------------------------------------------------

    def run(self, net):
        self.net = net
        self.watch = self.watch or Watch(net.parameters)
        self.began = time.perf_counter()
        before = net.parameters.copy(), net.scaling, net._classes, net._training, self.epoch
        if self.scaling is not None:
            net.scaling = self.scaling
        net._classes = self.classes
        net._training = self
        ended = False
        try:
            if self.options.recipe is None:
                from fastnet.whole_fit import minimize
                minimize(self)
            else:
                self.descend()
            if self.options.patience and self.options.restore_best and math.isfinite(self.watch.cost):
                net.parameters[:] = self.watch.parameters
            if not self.alone:
                self.score()
            ended = self.history.stopped != "diverged"
        finally:
            if not ended:
                self.undo(*before)
            self.net = self.samples = self.validation = self.weight = self.metrics = self.rates = self.targets = None
            self.X = self.pools = None
            for callback in self.callbacks:
                getattr(callback, "close", lambda: None)()
            self.callbacks = []
        return self.history

    def undo(self, parameters, scaling, classes, training, epoch):
        """A run that failed and left the parameters as they were leaves the whole net so."""
        net = self.net
        if np.array_equal(net.parameters, parameters):
            net.scaling, net._classes = scaling, classes
            if (self.epoch, self.rows) == (epoch, 0):
                net._training = training

    def descend(self):
        options, net = self.options, self.net
        try:
            self.start()
            while self.epoch < options.epochs and not self.history.stopped:
                start = time.perf_counter()
                at_once = self.epochs_at_once(self.compiled, self.X)
                finite = self.run_epochs(self.compiled, self.X, at_once, start) if at_once else self.run_epoch(start)
                if at_once and finite:
                    continue
                if not (finite and np.isfinite(net.parameters).all()):
                    self.stop_diverged()
                    break
                self.finish_epoch(self.cost / self.rows, self.rate_of_step(self.steps_done() - 1), start)
                self.write_checkpoint()
        finally:
            run, self.compiled = self.compiled, None
            if run is not None:
                self.memory = None if self.history.stopped == "diverged" else run.memory()
                run.close()

    @profile.timed("set up")
    def start(self):
        """Make the compiled run."""
        run, self.X = start_run(self.net, self.samples.X, self.batch_size, self.options.threads, self.options.recipe)
        if self.memory is not None:
            run.remember(*self.memory)
        self.compiled = run            # whatever comes now, its threads are ended
        run.halted = self.interrupted
        self.pools = self.pools_of(self.X)
        run.on_window = None if self.pools is None else self.pools.reached

    def steps_done(self):
        """Of the epoch under way."""
        return -(-self.rows // self.batch_size)

    def pools_of(self, X):
        """What puts the rows of X in order where that is done by blocks; None: all rows alike."""
        mapped = getattr(X, "pages", None) is not None
        if self.options.shuffle != "blocks" and not (self.options.shuffle is True and mapped):
            return None
        row_bytes = getattr(X, "row_bytes", X.shape[1] * X.dtype.itemsize)
        return Pools(self.m, row_bytes, X if mapped else None)

    @profile.timed("shuffle")
    def new_order(self):
        """The order of the samples in the epoch under way."""
        seed = _options.seed_for(self.options.key, _options.ORDERED, self.epoch)
        return shuffled(self.m, seed) if self.pools is None else self.pools.order(seed)

    @profile.timed("validation")
    def judge(self):
        """What there is to say of the net as it is, as a history of one epoch."""
        found = History()
        judge(self.net, self.samples, self.validation, self.metrics, found, self.targets)
        return found

    # -- several epochs in one call ---------------------------------------------

    def epochs_at_once(self, run, X):
        """How many epochs one compiled call may take before anything here wants to know; 0: not even one whole."""
        asked = (self.pools is not None or self.rows or self.callback_every or self.checkpoint or self.options.max_seconds is not None
                 or self.metrics or not self.held_as_it_lies() or profile.recorder() is not None or not self.schedule.foreseen()
                 or any(getattr(callback, "every_epoch", True) for callback in self.callbacks))
        return 0 if asked else min(self.options.epochs - self.epoch,
                                   run.epochs_at_once(X, self.samples.Y, self.validation and self.validation[:2]))

    def held_as_it_lies(self):
        """Whether what is validated on, if anything, is one set whose samples count alike."""
        return self.validation is None or isinstance(self.validation, _checks.Samples) and self.validation.weight is None

    def run_epochs(self, run, X, n_epochs, start):
        """So many epochs, or as many as it takes to end the run; whether all costs and parameters were finite."""
        options, watch = self.options, self.watch
        rates = [self.schedule.rates(self.rate, epoch, epoch * self.n_steps, self.n_steps)
                 for epoch in range(self.epoch, self.epoch + n_epochs)]
        if any(isinstance(rate, np.ndarray) for rate in rates):
            rates = [np.broadcast_to(rate, self.n_steps) for rate in rates]
        rates = np.array(rates, float)
        target = -math.inf if options.target_cost is None else options.target_cost
        patience = sys.maxsize if options.patience is None else options.patience
        try:
            run.epochs(X, self.samples.Y, bool(options.shuffle), rates, self.weight, n_epochs, self.epoch, options.key, _options.ORDERED,
                       self.validation and self.validation[:2], watch.parameters, watch.cost, watch.reference, watch.waited, options.min_delta, target, patience)
        finally:
            costs, (watch.cost, watch.reference, watch.waited) = run.passed()
            self.take_epochs(*costs, rates if rates.ndim == 1 else rates[:, -1], start)
        self.cost, self.rows, finite = run.progress()
        if finite:
            self.rows, self.cost = 0, 0.0
            self.report(self.history.cost[-1], self.history.learning_rate[-1], self.history.seconds[-1], None)
        return finite

    def take_epochs(self, costs, validation_costs, accuracies, rates, start):
        """What finish_epoch does, of all of them."""
        n, history = len(costs), self.history
        history.cost += costs
        history.validation_cost += validation_costs
        history.accuracy += accuracies
        history.learning_rate += rates[:n].tolist()
        history.seconds += [(time.perf_counter() - start) / n] * n if n else []
        self.epoch += n
        if n:
            self.stop_where_asked((validation_costs or costs)[-1])

    # -- one epoch ---------------------------------------------------------------

    def rates_of_epoch(self):
        """The learning rate of every step of the epoch under way, float64 (n_steps,), or one float where none will change."""
        rates = self.schedule.rates(self.rate, self.epoch, self.epoch * self.n_steps, self.n_steps)
        if isinstance(rates, np.ndarray):
            return np.array(rates, float)
        return float(rates) if self.callback_every is None else np.full(self.n_steps, rates, float)

    def rate_of_step(self, step):
        return float(self.rates[step]) if isinstance(self.rates, np.ndarray) else self.rates

    def run_epoch(self, start):
        """The pass, or what is left of it; whether all costs were finite."""
        run, order = self.compiled, self.new_order() if self.options.shuffle else None
        self.rates = self.rates_of_epoch()
        run.start_epoch(self.X, self.samples.Y, order, self.rates, self.weight, self.rows, self.cost)
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
            steps.append(self.slice * self.compiled.plan.steps_at_once)
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
        history, found = self.history, self.judge()        # whatever this raises, no epoch is written down by half
        watched = found.validation_cost[0] if self.validation is not None else cost
        found.cost = [cost]
        found.learning_rate = [] if rate is None else [rate]
        found.seconds = [time.perf_counter() - start]
        history._add(found)
        self.watch.offer(self.net.parameters, watched, self.options.min_delta)
        self.epoch, self.rows, self.cost = self.epoch + 1, 0, 0.0
        self.schedule.tell(watched)
        self.stop_where_asked(watched)
        if self.interrupted:           # a full-batch method: nothing compiled looks
            raise KeyboardInterrupt
        self.look_at_the_clock()
        self.report(cost, rate, history.seconds[-1], None)

    def stop_where_asked(self, watched):
        """After an epoch with this cost to watch."""
        options = self.options
        if options.target_cost is not None and watched <= options.target_cost:
            self.stop("target_cost")
        if options.patience is not None and self.watch.waited >= options.patience:
            self.stop("patience")

    @profile.timed("callbacks")
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
        self.history.stopped = "diverged"
        if self.alone:
            warnings.warn(f"training diverged: the cost or a parameter was no longer finite in epoch {self.epoch + 1}, batch "
                          f"{self.steps_done()}; the best finite parameters are kept. A smaller learning_rate may help",
                          RuntimeWarning, stacklevel=6)

    def score(self):
        """Cost over the training samples and what `judge` finds, of the net as training leaves it."""
        judged = self.samples if self.validation is None else self.validation
        metrics = dict(self.metrics)
        if judged.labels if isinstance(judged, ValidationBatches) else _checks.holds_labels(judged.Y, self.net.sizes[-1]):
            metrics.setdefault("accuracy", "accuracy")
        found = History()
        judge(self.net, self.samples, self.validation, metrics, found, self.targets)
        self.scores = self.net._cost_of(self.samples.X, self.samples.Y, self.weight), found

    @profile.timed("checkpoint")
    def write_checkpoint(self):
        if self.checkpoint is not None:
            from fastnet import checkpoints
            checkpoints.write(self.net, self, self.checkpoint)

    def memory_now(self):
        """The optimizer's, copied: of the run under way, or as the last one left it."""
        return self.memory if self.compiled is None else self.compiled.memory()
