"""fit by methods that look at all samples before every step: L-BFGS and conjugate gradient."""

import math
import time
import warnings

import numpy as np

from fastnet._vectors import aligned_vector, views
from fastnet.full_batch import search


def minimize(training):
    """Iterations of the search as epochs of `training`."""
    options, net = training.options, training.net
    samples, weight = training.samples, training.weight
    if not options.epochs:
        return
    penalised = Penalised(net, options.l2, options.held, options.masks)
    start = time.perf_counter()

    def after_iteration(iteration, cost):
        nonlocal start
        training.finish_epoch(cost - penalised.penalty(), None, start)
        if training.history.stopped:
            raise StopIteration
        start = time.perf_counter()

    ended = search(net, options.optimizer, options.epochs, after_iteration, lambda: penalised(samples.X, samples.Y, weight))
    if ended in ("diverged", "line search", "converged"):
        training.stop(ended)
    if ended == "diverged" and training.alone:
        warnings.warn(f"training diverged: the cost or its gradient was no longer finite in iteration {training.epoch + 1}; the best "
                      "finite parameters are kept", RuntimeWarning, stacklevel=5)


class Penalised:
    """Mean cost + l2/2 Σ w², and its gradient; 0 where parameters are held."""

    def __init__(self, net, l2, held, masks):
        self.net, self.l2 = net, l2
        moves = np.ones(net.n_parameters, net.dtype)
        for w, b, layer_held, mask in zip(*views(moves, net.sizes), held, masks):
            if mask is not None:
                w[:] = mask
            if layer_held:
                w[:], b[:] = 0, 0
        self.moves = None if moves.all() else moves

    def __call__(self, X, Y, weight):
        net = self.net
        gradient = aligned_vector(net.n_parameters, net.dtype)
        cost = net._gradient_into(X, Y, gradient, weight)
        for nabla_w, w, factor in zip(views(gradient, net.sizes)[0], net.weights, self.l2):
            if factor:
                nabla_w += net.dtype.type(factor) * w
        if self.moves is not None:
            gradient *= self.moves
        return cost + self.penalty(), gradient

    def penalty(self):
        """l2/2 Σ w², in float64."""
        return math.fsum(factor / 2 * float(np.sum(np.square(w, dtype=float)))
                         for w, factor in zip(self.net.weights, self.l2) if factor)
