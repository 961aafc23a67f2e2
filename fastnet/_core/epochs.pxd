"""Epoch after epoch in one call."""

cimport numpy as cnp
from libc.stdint cimport uint64_t

from fastnet._core.kernels cimport Data, Descent, Progress
from fastnet._core.layout cimport Layout, Scratch
from fastnet._core.packed cimport Packed
from fastnet._core.trainer cimport Trainer
from fastnet._core.types cimport real

cdef struct Course:            # what fastnet.stopping.Watch watches, and when that ends a run
    double cost                # i/o: the least so far
    double reference           # i/o: the least that counted as a fall
    Py_ssize_t waited          # i/o: epochs since
    double least_fall          # a cost that is lower by no more than this has not fallen
    double target_cost         # -infinity: none
    Py_ssize_t patience        # the largest: none


cdef class Held:
    cdef Packed packed
    cdef Data data
    cdef tuple samples         # kept alive
    cdef cnp.ndarray outputs   # (m, n_out), or None: there are no labels to compare them with
    cdef Py_ssize_t rows       # of a block
    cdef Scratch scratch

    cdef double judge(self, const Layout* net, const real* parameters, double* accuracy) noexcept nogil

cdef Held new_held(const Layout* net, cnp.ndarray parameters, X, cnp.ndarray Y)


cdef Py_ssize_t train_epochs(
    Trainer trainer,
    Data* data,                # its order is written, if there is one
    Descent* descent,          # i/o
    Py_ssize_t batch_size, Py_ssize_t n_epochs, Py_ssize_t first,
    uint64_t key, uint64_t purpose,        # what decides the orders
    const double* rates, bint rate_a_step, # in   one an epoch, or one a step of each epoch
    Course* course,            # i/o
    Held held,                 # in   what is watched; None: the cost of training
    real* parameters,          # out  (n_parameters,)
    real* best,                # i/o  (n_parameters,)  those of the least cost
    double* costs,             # out  (3, n_epochs)  of each the mean cost, and where there are samples held out theirs and accuracy
    Progress* progress,        # out  of the last epoch
) noexcept nogil
