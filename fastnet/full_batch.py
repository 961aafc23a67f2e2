"""Optimizers that look at all samples before every step and search along a line: L-BFGS and
conjugate gradient, by scipy.optimize.minimize.

scipy is imported when the first of them runs.
"""

import math

import numpy as np

from fastnet import _checks
from fastnet._optimizer import Optimizer


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


class NotFinite(Exception):
    """A cost or gradient that is NaN or infinite; never leaves this module."""


class Evaluation:
    """Cost and gradient as scipy calls for them, and the best of what it has seen.

    Each call copies scipy's point into the net and hands over a new gradient vector: scipy keeps
    references to gradients of earlier points.
    """

    def __init__(self, net, value_and_gradient):
        self.net, self.value_and_gradient = net, value_and_gradient
        self.best, self.best_cost = net.parameters.copy(), math.inf

    def __call__(self, point):
        self.net.parameters[:] = point
        cost, gradient = self.value_and_gradient()
        if not (math.isfinite(cost) and np.isfinite(gradient).all()):
            raise NotFinite
        if cost < self.best_cost:
            self.best_cost = cost
            self.best[:] = self.net.parameters
        return cost, gradient.astype(np.float64, copy=False)


def search(net, method, max_iterations, callback, value_and_gradient):
    """Minimise a cost from where the net is, which in the end holds the best parameters that were seen.

    method: LBFGS or ConjugateGradient; max_iterations: line searches at most; callback(iteration, cost) after each, counted
    from 1, the net at its point: what it raises ends the search and comes out, but StopIteration just ends it;
    value_and_gradient() -> (cost, gradient) of the net as it is, a new gradient each time.

    Returns why it ended: "converged" (no entry of the gradient larger than the tolerance), "iterations", "line search",
    "callback", or "diverged" where a cost or gradient was not finite.

    scipy works in float64.  A float32 net rounds the points it is asked about, so line searches fail earlier: where the
    cost changes by less than float32 can show.
    """
    from scipy.optimize import minimize

    evaluate = Evaluation(net, value_and_gradient)
    iterations, stopped_by_callback = 0, False

    def after_iteration(intermediate_result):
        nonlocal iterations, stopped_by_callback
        iterations += 1
        net.parameters[:] = intermediate_result.x
        try:
            callback(iterations, float(intermediate_result.fun))
        except StopIteration:
            stopped_by_callback = True
            raise

    name, options = method._scipy(max_iterations)
    try:
        result = minimize(evaluate, net.parameters.astype(np.float64), jac=True, method=name,
                          callback=after_iteration, options=options)
    except NotFinite:
        return "diverged"
    finally:
        net.parameters[:] = evaluate.best
    if stopped_by_callback:
        return "callback"
    if np.abs(result.jac).max(initial=0) <= method.tolerance:
        return "converged"
    return "iterations" if iterations >= max_iterations else "line search"
