"""Epoch after epoch in one call, where nobody wants to know between two.

An epoch of a tiny net takes microseconds, less than Python takes to begin one; and while Python is at
work no other thread is.  The orders, the costs and the parameters are those of one call an epoch
(fastnet/training.py), to the bit; so is what fastnet.stopping.Watch keeps.
"""

import numpy as np

from fastnet._core.epoch cimport shuffle
from fastnet._core.kernels cimport all_finite
from fastnet._core.packed cimport new_packed, repack
from fastnet._core.plan import INFERENCE_ROWS
from fastnet._core.random cimport seed_for
from fastnet._core.samples cimport data_of

cnp.import_array()


cdef class Held:
    """Samples held out, and room to take their cost in."""

    cdef double judge(self, const Layout* net, const real* parameters, double* accuracy) noexcept nogil:
        """The mean cost of the samples, as Engine._cost_of has it, and where they have labels stopping.accuracy."""
        cdef real* out = <real*>self.outputs.data if self.outputs is not None else NULL
        cdef double cost
        repack(self.packed, net, parameters)
        cost = self.packed.evaluate(&net.cost, &self.data, self.rows, out, self.scratch.start)
        if out != NULL:
            accuracy[0] = share_right(self.data.m, net.sizes[net.n_layers], <const real*>out, self.data.labels)
        return cost / self.data.m


cdef Held new_held(const Layout* net, cnp.ndarray parameters, X, cnp.ndarray Y):
    """Checked samples that inference takes in tiles (fastnet/_core/plan.py)."""
    cdef Held held = Held.__new__(Held)
    cdef bint single = parameters.dtype == np.float32
    held.samples, held.data = (X, Y), data_of(X, Y, None, None)
    held.outputs = np.empty((len(X), net.sizes[net.n_layers]), parameters.dtype) if Y.ndim == 1 else None
    held.rows = min(held.data.m, <Py_ssize_t>INFERENCE_ROWS)
    held.packed = (new_packed[float](net, <const float*>parameters.data, False) if single else
                   new_packed[double](net, <const double*>parameters.data, False))
    held.scratch = Scratch(held.packed.work_bytes(held.rows, parameters.itemsize))
    return held


cdef double share_right(Py_ssize_t m, Py_ssize_t n, const real* a, const Py_ssize_t* labels) noexcept nogil:
    """How many of m rows have their largest output, the first of equals, at their label; NaN is larger than any."""
    cdef Py_ssize_t i, j, best, right = 0
    for i in range(m):
        best = 0
        for j in range(1, n):
            if a[i * n + best] != a[i * n + best]:
                break
            if a[i * n + j] > a[i * n + best] or a[i * n + j] != a[i * n + j]:
                best = j
        right += best == labels[i]
    return <double>right / m


cdef Py_ssize_t train_epochs(
    Trainer trainer, Data* data, Descent* descent, Py_ssize_t batch_size, Py_ssize_t n_epochs, Py_ssize_t first,
    uint64_t key, uint64_t purpose, const double* rates, bint rate_a_step, Course* course, Held held,
    real* parameters, real* best, double* costs, Progress* progress,
) noexcept nogil:
    """Train from packed weights on until one of n_epochs ends the run; returns how many came to a finite end."""
    cdef Py_ssize_t e, i, n = trainer.net.n_parameters, n_steps = (data.m + batch_size - 1) // batch_size
    cdef Py_ssize_t* order = <Py_ssize_t*>data.order
    cdef double watched
    for e in range(n_epochs):
        if order != NULL:
            for i in range(data.m):
                order[i] = i
            shuffle(data.m, order, seed_for(key, purpose, first + e))
        descent.rates = rates + e * n_steps if rate_a_step else NULL
        descent.rate = rates[e * n_steps if rate_a_step else e]
        progress[0] = Progress(rows=0, steps=0, cost=0, finite=True, profile=NULL)
        trainer.run[real](data, descent, batch_size, data.m, 0, 1, progress)
        trainer.store[real](parameters, 0)
        progress.finite = progress.finite and all_finite(n, <const real*>parameters)
        if not progress.finite:
            return e
        watched = costs[e] = progress.cost / progress.rows
        if held is not None:
            watched = costs[n_epochs + e] = held.judge(trainer.net, <const real*>parameters, costs + 2 * n_epochs + e)
        watch(course, n, watched, parameters, best)
        if watched <= course.target_cost or course.waited >= course.patience:
            return e + 1
    return n_epochs


cdef void watch(Course* course, Py_ssize_t n, double cost, const real* parameters, real* best) noexcept nogil:
    """fastnet.stopping.Watch.offer."""
    cdef Py_ssize_t i
    if cost <= course.cost:
        course.cost = cost
        for i in range(n):
            best[i] = parameters[i]
    if cost < course.reference - course.least_fall:
        course.reference, course.waited = cost, 0
    else:
        course.waited += 1
