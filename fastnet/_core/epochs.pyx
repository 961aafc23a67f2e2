"""Epoch after epoch in one call, where nobody wants to know between two.

An epoch of a tiny net takes microseconds, less than Python takes to begin one; and while Python is at
work no other thread is.  The orders, the costs and the parameters are those of one call an epoch
(fastnet/training.py), to the bit; so is what fastnet.stopping.Watch keeps.
"""

from fastnet._core.epoch cimport shuffle
from fastnet._core.kernels cimport all_finite
from fastnet._core.random cimport seed_for


cdef Py_ssize_t train_epochs(
    Trainer trainer, Data* data, Descent* descent, Py_ssize_t batch_size, Py_ssize_t n_epochs, Py_ssize_t first,
    uint64_t key, uint64_t purpose, const double* rates, bint rate_a_step, Course* course,
    real* parameters, real* best, double* costs, Progress* progress,
) noexcept nogil:
    """Train from packed weights on until one of n_epochs ends the run; returns how many came to a finite end."""
    cdef Py_ssize_t e, i, n = trainer.net.n_parameters, n_steps = (data.m + batch_size - 1) // batch_size
    cdef Py_ssize_t* order = <Py_ssize_t*>data.order
    for e in range(n_epochs):
        if order != NULL:
            for i in range(data.m):
                order[i] = i
            shuffle(data.m, order, seed_for(key, purpose, first + e))
        descent.rates = rates + e * n_steps if rate_a_step else NULL
        descent.rate = rates[e * n_steps if rate_a_step else e]
        progress[0] = Progress(rows=0, steps=0, cost=0, finite=True)
        trainer.run[real](data, descent, batch_size, data.m, 0, 1, progress)
        trainer.store[real](parameters, 0)
        progress.finite = progress.finite and all_finite(n, <const real*>parameters)
        if not progress.finite:
            return e
        costs[e] = progress.cost / progress.rows
        watch(course, n, costs[e], parameters, best)
        if costs[e] <= course.target_cost or course.waited >= course.patience:
            return e + 1
    return n_epochs


cdef void watch(Course* course, Py_ssize_t n, double cost, const real* parameters, real* best) noexcept nogil:
    """fastnet.stopping.Watch.offer."""
    cdef Py_ssize_t i
    if cost <= course.cost:
        course.cost = cost
        for i in range(n):
            best[i] = parameters[i]
    if cost < course.reference - course.min_delta:
        course.reference, course.waited = cost, 0
    else:
        course.waited += 1
