"""Epoch after epoch in one call."""

from libc.stdint cimport uint64_t

from fastnet._core.kernels cimport Data, Descent, Progress
from fastnet._core.trainer cimport Trainer
from fastnet._core.types cimport real

cdef struct Course:            # what fastnet.stopping.Watch watches, and when that ends a run
    double cost                # i/o: the least so far
    double reference           # i/o: the least that counted as a fall
    Py_ssize_t waited          # i/o: epochs since
    double min_delta
    double target_cost         # -infinity: none
    Py_ssize_t patience        # the largest: none


cdef Py_ssize_t train_epochs(
    Trainer trainer,
    Data* data,                # its order is written, if there is one
    Descent* descent,          # i/o
    Py_ssize_t batch_size, Py_ssize_t n_epochs, Py_ssize_t first,
    uint64_t key, uint64_t purpose,        # what decides the orders
    const double* rates, bint rate_a_step, # in   one an epoch, or one a step of each epoch
    Course* course,            # i/o
    real* parameters,          # out  (n_parameters,)
    real* best,                # i/o  (n_parameters,)  those of the least cost
    double* costs,             # out  (n_epochs,)  the mean cost of each
    Progress* progress,        # out  of the last epoch
) noexcept nogil
