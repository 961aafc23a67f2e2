"""Optimizers that look at all samples before every step and search along a line: L-BFGS and
conjugate gradient, by scipy.optimize.minimize on Network.value_and_gradient.

scipy is imported when the first of them runs.
"""

import math
import warnings
from typing import NamedTuple

import numpy as np

from fastnet import _checks
from fastnet._optimizer import Optimizer
from fastnet._vectors import aligned_vector


class LBFGS(Optimizer):
    """Limited-memory BFGS: a Hessian built from the last steps and gradients.

    Parameters
    ----------
    memory : int
        Steps remembered.
    tolerance : float
        Converged once no entry of the gradient is larger.

    Notes
    -----
    D. Liu, J. Nocedal, On the limited memory BFGS method for large scale optimization, 1989; J. Morales,
    J. Nocedal, 2011, as scipy.optimize's L-BFGS-B.  One iteration counts as one epoch.

    Examples
    --------
    >>> import fastnet as fn
    >>> fn.LBFGS(memory=20)
    LBFGS(memory=20, tolerance=1e-06)
    """

    __slots__ = ("memory", "tolerance")
    name = "lbfgs"
    full_batch = True

    def __init__(self, memory=10, tolerance=1e-6):
        self._set(memory=_checks.check_count("memory", memory), tolerance=_checks.check_positive("tolerance", tolerance))

    def _scipy(self, max_iterations):
        """The method's name in scipy, and its options."""
        return "L-BFGS-B", {"maxcor": self.memory, "gtol": self.tolerance, "ftol": 0.0, "maxiter": max_iterations,
                            "maxfun": 100 * max_iterations + 100}


class ConjugateGradient(Optimizer):
    """Nonlinear conjugate gradient.

    Parameters
    ----------
    tolerance : float
        Converged once no entry of the gradient is larger.

    Notes
    -----
    E. Polak, G. Ribière, 1969, as scipy.optimize's CG (J. Nocedal, S. Wright, Numerical optimization, 2006,
    p. 120-122).  One iteration counts as one epoch.

    Examples
    --------
    >>> import fastnet as fn
    >>> fn.ConjugateGradient()
    ConjugateGradient(tolerance=1e-06)
    """

    __slots__ = ("tolerance",)
    name = "cg"
    full_batch = True

    def __init__(self, tolerance=1e-6):
        self._set(tolerance=_checks.check_positive("tolerance", tolerance))

    def _scipy(self, max_iterations):
        return "CG", {"gtol": self.tolerance, "maxiter": max_iterations}


class Minimum(NamedTuple):
    """Where `minimize_cost` ended: the net holds the best finite parameters that it saw."""

    cost: list             # mean cost at the start and after each iteration
    iterations: int
    evaluations: int       # of cost and gradient
    converged: bool        # no entry of the gradient larger than the tolerance
    stopped: str | None    # "diverged", "callback", "iterations", "line search", or None: converged


class NotFinite(Exception):
    """A cost or gradient that is NaN or infinite; never leaves this module."""


class Evaluation:
    """Cost and gradient as scipy calls for them, and the best of what it has seen.

    Each call copies scipy's point into the net and hands over a new gradient vector: scipy keeps
    references to gradients of earlier points.
    """

    def __init__(self, net, X, Y, value_and_gradient):
        self.net, self.X, self.Y = net, X, Y
        self.value_and_gradient = value_and_gradient
        self.best = net.parameters.copy()
        self.best_cost = self.first_cost = math.inf
        self.count = 0

    def __call__(self, point):
        self.net.parameters[:] = point
        cost, gradient = self.value_and_gradient(self.X, self.Y)
        self.count += 1
        if not (math.isfinite(cost) and np.isfinite(gradient).all()):
            raise NotFinite
        if self.count == 1:
            self.first_cost = cost
        if cost < self.best_cost:
            self.best_cost = cost
            self.best[:] = self.net.parameters
        return cost, gradient.astype(np.float64, copy=False)


def minimize_cost(net, X, Y, method="lbfgs", *, max_iterations=100, callback=None, value_and_gradient=None):
    """Minimise the mean cost over all samples.

    Parameters
    ----------
    net : Network
        Its parameters are where the search starts, and hold the best that it found at the end.
    X : array_like of shape (m, n_in)
    Y : array_like of shape (m, n_out), or integer labels of shape (m,) where n_out > 1
    method : {"lbfgs", "cg"}, LBFGS or ConjugateGradient
    max_iterations : int
        Line searches at most.
    callback : callable, optional
        Called as callback(iteration, cost) after each, counted from 1, the net at its point.  Whatever
        it raises ends the search and comes out here, but StopIteration just ends it.
    value_and_gradient : callable, optional
        (X, Y) -> (cost, gradient) in place of the net's own, say with penalties; a new gradient each time.

    Returns
    -------
    Minimum

    Raises
    ------
    KeyboardInterrupt
        On Ctrl-C, after the evaluation under way; the net keeps the best parameters.

    Warns
    -----
    RuntimeWarning
        If a cost or gradient is not finite: the search ends, the best finite parameters are kept.

    Notes
    -----
    scipy works in float64.  A float32 net rounds the points it is asked about, so line searches
    fail earlier: where the cost changes by less than float32 can show.

    Examples
    --------
    >>> import fastnet as fn
    >>> from fastnet.full_batch import minimize_cost
    >>> net = fn.Network([2, 3, 1], seed=0)
    >>> found = minimize_cost(net, [[0, 0], [0, 1], [1, 0], [1, 1]], [0, 1, 1, 0], "cg", max_iterations=200)
    >>> found.cost[-1] < 1e-4 < found.cost[0]
    True
    """
    method = as_method(method)
    max_iterations = _checks.check_count("max_iterations", max_iterations)
    if callback is not None and not callable(callback):
        raise TypeError(f"callback must be callable; got {_checks.describe(callback)}")
    samples = _checks.check_samples(net, X, Y)
    if value_and_gradient is None or net.scaling is None:       # what is the user's own scales for itself
        X, Y = samples.X, samples.Y
    return search(net, X, Y, method, max_iterations, callback, value_and_gradient or plain_gradient(net))


def plain_gradient(net):
    """(X, Y) -> (cost, gradient) for samples as the engine takes them."""
    def value_and_gradient(X, Y):
        gradient = aligned_vector(net.n_parameters, net.dtype)
        return net._gradient_into(X, Y, gradient), gradient
    return value_and_gradient


def search(net, X, Y, method, max_iterations, callback, value_and_gradient):
    """`minimize_cost`, once its arguments are checked."""
    from scipy.optimize import minimize

    evaluate = Evaluation(net, X, Y, value_and_gradient)
    costs, stopped_by_callback = [], False

    def after_iteration(intermediate_result):
        nonlocal stopped_by_callback
        costs.append(float(intermediate_result.fun))
        if callback is not None:
            net.parameters[:] = intermediate_result.x
            try:
                callback(len(costs), costs[-1])
            except StopIteration:
                stopped_by_callback = True
                raise

    name, options = method._scipy(max_iterations)
    result = None
    try:
        result = minimize(evaluate, net.parameters.astype(np.float64), jac=True, method=name,
                          callback=after_iteration, options=options)
    except NotFinite:
        pass
    finally:
        net.parameters[:] = evaluate.best
    if result is None:
        warnings.warn(f"training diverged: the cost or its gradient was no longer finite in evaluation "
                      f"{evaluate.count}; the best finite parameters are kept", RuntimeWarning, stacklevel=3)
        return Minimum([evaluate.first_cost, *costs], len(costs), evaluate.count, False, "diverged")
    converged = bool(np.abs(result.jac).max(initial=0) <= method.tolerance)
    stopped = ("callback" if stopped_by_callback else None if converged
               else "iterations" if len(costs) >= max_iterations else "line search")
    return Minimum([evaluate.first_cost, *costs], len(costs), evaluate.count, converged, stopped)


def as_method(method):
    """LBFGS or ConjugateGradient from a name, or the very one given."""
    if isinstance(method, (LBFGS, ConjugateGradient)):
        return method
    return {"lbfgs": LBFGS, "cg": ConjugateGradient}[_checks.check_choice("method", method, ("lbfgs", "cg"))]()
