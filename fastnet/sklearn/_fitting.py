"""The training of an estimator: epochs of the compiled pass judged as scikit-learn judges them, or scipy's searches.

Why it is fast: an epoch is one call of the engine, whatever the number of batches; between two epochs only a
handful of Python statements run, and validation scores are computed without scikit-learn's checks.
"""

import time
import warnings
from typing import NamedTuple

import numpy as np
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import train_test_split

from fastnet import _checks
from fastnet._core.optimizers import squares
from fastnet._core.recipe import Recipe
from fastnet._core.samples import Compressed
from fastnet._vectors import aligned_vector, views
from fastnet.history import EpochInfo, History
from fastnet.optimizers import as_optimizer
from fastnet.sklearn import _solvers
from fastnet.training import start_run


class Data(NamedTuple):
    """Samples as the engine takes them."""

    X: object                      # (m, n_in) ndarray of the net's dtype, or Compressed
    Y: np.ndarray                  # (m, targets), or (m,) intp: labels
    weight: np.ndarray | None      # (m,) float64

    def take(self, rows):
        X = self.X.take(rows) if isinstance(self.X, Compressed) else self.X[rows]
        return Data(X, self.Y[rows], None if self.weight is None else self.weight[rows])


class Loss(NamedTuple):
    """From the engine's cost to the loss that is reported: the mean over samples is multiplied by `factor`, then
    what the outputs can't change, `constant` (m,), is added."""

    factor: float = 1.0
    constant: np.ndarray | None = None

    def offset(self, weight):
        return 0.0 if self.constant is None else float(np.average(self.constant, weights=weight))


def squared_weights(net):
    """Σ w² over all layers; biases have no penalty."""
    return sum(squares(w) for w in net.weights)


def split(estimator, data, stratify):
    """Samples to train on, and to validate on: those that scikit-learn draws from the same random state."""
    rows = np.arange(len(data.X))
    train, held = train_test_split(rows, random_state=estimator._random_state, test_size=estimator.validation_fraction,
                                   stratify=stratify)
    if len(held) < 2:
        raise ValueError("The validation set is too small. Increase 'validation_fraction' or the size of your dataset.")
    return data.take(train), data.take(held)


def keep_of(estimator, n_hidden):
    """The probability of each hidden layer that an activation stays."""
    return tuple(1 - p for p in _checks.per_layer("dropout", estimator.dropout, n_hidden, _checks.check_decay, "hidden layer"))


def batch_size_of(estimator, m):
    if _solvers.full_batch(estimator.solver):
        return m
    if isinstance(estimator.batch_size, str):
        return min(200, m)
    if estimator.batch_size > m:
        warnings.warn(f"batch_size={estimator.batch_size} is clipped to the {m} samples that there are", UserWarning, stacklevel=7)
    return min(int(estimator.batch_size), m)


# -- step by step ----------------------------------------------------------------

class Descent:
    """Epochs of one call of `fit` or `partial_fit`; what a callback's `info.training` is."""

    def __init__(self, estimator, data, loss, validation):
        self.estimator, self.net, self.data, self.validation = estimator, estimator.network_, data, validation
        self.m = len(data.X)
        self.steps = estimator._optimizer
        self.batch_size = batch_size_of(estimator, self.m)
        self.n_steps = -(-self.m // self.batch_size)
        self.weight = None if data.weight is None else data.weight.astype(self.net.dtype)
        mean_weight = 1.0 if data.weight is None else float(data.weight.mean())
        self.factor, self.offset = loss.factor, loss.offset(data.weight)
        self.penalty = 0.5 * estimator.alpha / mean_weight / self.m if mean_weight else 0.0
        self.order = None
        self.callbacks = estimator._callbacks()
        self.history, self.stopped = History() if self.callbacks else None, False

    def recipe(self):
        estimator, n_layers = self.estimator, len(self.net.weights)
        keep = keep_of(estimator, n_layers - 1)
        seed = int(estimator._random_state.randint(2**31)) if min(keep, default=1) < 1 else 0
        alpha = float(estimator.alpha)
        return Recipe(_solvers.updater_of(estimator), l2=(alpha,) * n_layers, l1=(0.0,) * n_layers, held=(False,) * n_layers,
                      masks=(None,) * n_layers, keep=(*keep, 1.0), seed=seed, by_batch=alpha > 0 or self.weight is not None)

    def run(self, epochs, incremental):
        estimator = self.estimator
        run, X = start_run(self.net, self.data.X, self.batch_size, estimator._threads(), self.recipe())
        if self.steps.memory is not None:
            run.remember(*self.steps.memory)
        try:
            estimator.n_iter_ = 0
            while not self.stopped:
                self.epoch(run, X, epochs)
                if incremental or self.stopped:
                    break
                if estimator.n_iter_ >= epochs:
                    warnings.warn(f"Stochastic Optimizer: Maximum iterations ({epochs}) reached and the optimization hasn't "
                                  "converged yet.", ConvergenceWarning, stacklevel=6)
                    break
        except KeyboardInterrupt:
            warnings.warn("Training interrupted by user.", UserWarning, stacklevel=6)
        finally:
            self.steps.memory = run.memory()
            run.close()
            for callback in self.callbacks:
                getattr(callback, "close", lambda: None)()

    def epoch(self, run, X, epochs):
        """One pass, and what follows from it."""
        estimator, steps = self.estimator, self.steps
        start = time.perf_counter() if self.callbacks else 0.0
        before = squared_weights(self.net) if self.penalty else 0.0
        cost, alive = self.descend(run, X)
        estimator.n_iter_ += 1
        estimator.t_ += self.m
        estimator.loss_ = self.loss_of(cost, before)
        estimator.loss_curve_.append(estimator.loss_)
        if estimator.verbose:
            print(f"Iteration {estimator.n_iter_}, loss = {estimator.loss_:.8f}")
        self.judge()
        steps.end_epoch(run, estimator.t_, estimator.loss_)
        if estimator._no_improvement_count > estimator.n_iter_no_change:
            self.stopped = not steps.smaller(run)
            if estimator.verbose:
                self.tell(steps.learning_rate)
            if not self.stopped:
                estimator._no_improvement_count = 0
        self.stopped |= not alive
        if self.callbacks:
            self.report(epochs, time.perf_counter() - start)

    def descend(self, run, X):
        """The pass itself: the summed cost, and whether the parameters are finite after it.

        A cost alone may overflow and training go on; parameters that are not finite never come back.
        """
        if self.estimator.shuffle:         # scikit-learn's orders: each a shuffle of the last
            rows = np.arange(self.m)
            self.estimator._random_state.shuffle(rows)
            self.order = rows if self.order is None else self.order[rows]
        rates, cost, seen = self.steps.rates(self.n_steps), 0.0, 0
        while True:
            run.start_epoch(X, self.data.Y, self.order, rates, self.weight, seen, cost)
            run.go_on(self.n_steps)
            cost, seen, finite = run.progress()
            if finite:
                return cost, True
            if not np.isfinite(self.net.parameters).all():
                return cost, False
            if seen >= self.m:
                return cost, True

    def loss_of(self, cost, before):
        """The mean cost, with the penalty of every step: exact for one step an epoch, else taken to change evenly."""
        loss = self.factor * cost / self.m + self.offset
        if self.penalty:
            after = squared_weights(self.net) if self.n_steps > 1 else before
            loss += self.penalty * (self.n_steps * before + (after - before) * (self.n_steps - 1) / 2)
        return loss

    def judge(self):
        """Scores, the best so far, and for how many epochs in a row nothing improved by tol."""
        estimator = self.estimator
        if self.validation is not None:
            score = estimator._score_on(self.validation)
            estimator.validation_scores_.append(score)
            if estimator.verbose:
                print(f"Validation score: {score:f}")
            worse = score < estimator.best_validation_score_ + estimator.tol
            if score > estimator.best_validation_score_:
                estimator.best_validation_score_ = score
                if estimator.early_stopping:
                    estimator._best_parameters = self.net.parameters.copy()
        if not estimator.early_stopping:
            worse = estimator.loss_ > estimator.best_loss_ - estimator.tol
            estimator.best_loss_ = min(estimator.best_loss_, estimator.loss_)
        estimator._no_improvement_count = estimator._no_improvement_count + 1 if worse else 0

    def tell(self, rate):
        estimator = self.estimator
        what = "Validation score" if estimator.early_stopping else "Training loss"
        then = "Stopping." if self.stopped else f"Setting learning rate to {rate:f}"
        print(f"{what} did not improve more than tol={estimator.tol:f} for {estimator.n_iter_no_change} consecutive epochs. {then}")

    # -- callbacks ---------------------------------------------------------------

    def report(self, epochs, seconds):
        estimator = self.estimator
        self.history.cost.append(estimator.loss_)
        self.history.learning_rate.append(self.steps.learning_rate)
        self.history.seconds.append(seconds)
        score = {}
        if self.validation is not None:
            score = {"score": estimator.validation_scores_[-1]}
            self.history.metrics.setdefault("score", []).append(score["score"])
        info = EpochInfo(estimator.n_iter_, epochs, estimator.loss_, None, None, seconds, self.net, self.history, None, score,
                         self.steps.learning_rate, self)
        for callback in self.callbacks:
            callback(info)

    def stop(self, reason):
        self.stopped = True

    def set_learning_rate(self, rate):
        self.steps.learning_rate = self.steps.learning_rate_init = rate


# -- along lines -----------------------------------------------------------------

class Objective:
    """Mean cost + alpha/2 Σ w² / Σ weights and its gradient, in float64, as scipy asks for them: the cost first,
    then the gradient at the same point.  Small nets spend more time around their gradient than in it, so there is
    one pass over all parameters for the penalty, and what scipy would remember is remembered here."""

    def __init__(self, net, data, alpha):
        self.net, self.data = net, data
        total = len(data.X) if data.weight is None else float(data.weight.sum())
        self.alpha = alpha / total
        self.weight = None if data.weight is None else (data.weight / data.weight.mean()).astype(net.dtype)
        self.gradient = aligned_vector(net.n_parameters, net.dtype)
        self.decay = np.zeros_like(net.parameters)                     # what the penalty's gradient takes of each parameter
        for decay in views(self.decay, net.sizes)[0]:
            decay[:] = self.alpha
        self.point = None

    def penalty(self):
        return 0.5 * self.alpha * squared_weights(self.net)

    def cost_at(self, point):
        net = self.net
        net.parameters[:] = point
        self.point = point.tobytes()
        cost = net._gradient_into(self.data.X, self.data.Y, self.gradient, self.weight)
        if not self.alpha:
            return cost
        self.gradient += self.decay * net.parameters
        return cost + self.penalty()

    def gradient_at(self, point):
        if point.tobytes() != self.point:
            self.cost_at(point)
        return self.gradient.astype(float)                             # a copy: scipy keeps references to earlier ones


def minimize(estimator, data, loss):
    """All samples at once by scipy.optimize: "lbfgs" with scikit-learn's options, others with their own."""
    from scipy import optimize

    net, objective = estimator.network_, Objective(estimator.network_, data, float(estimator.alpha))
    if estimator.solver == "lbfgs":
        method, options = "L-BFGS-B", {"maxfun": estimator.max_fun, "maxiter": estimator.max_iter, "gtol": estimator.tol}
    else:
        method, options = as_optimizer(estimator.solver)._scipy(estimator.max_iter)
    done = 0

    def after_iteration(intermediate_result):
        nonlocal done
        done += 1
        if estimator.verbose:
            print(f"Iteration {done}, loss = {intermediate_result.fun:.8f}")

    found = optimize.minimize(objective.cost_at, net.parameters.astype(float), jac=objective.gradient_at, method=method,
                              options=options, callback=after_iteration if estimator.verbose else None)
    net.parameters[:] = found.x
    estimator.n_iter_ = min(found.nit, estimator.max_iter)
    penalty = objective.penalty()
    estimator.loss_ = loss.factor * (float(found.fun) - penalty) + penalty + loss.offset(data.weight)
    if found.status != 0:
        warnings.warn(f"{as_optimizer(estimator.solver).name} failed to converge after {estimator.n_iter_} iteration(s) "
                      f"(status={found.status}): {found.message.rstrip('.')}. More iterations "
                      "(max_iter), or inputs scaled to be near 0 and 1, may help.",
                      ConvergenceWarning, stacklevel=5)
