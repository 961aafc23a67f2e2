"""A few samples at a time of a set that the kernels can't read where it lies."""

cimport numpy as cnp

from fastnet._core.kernels cimport Data
from fastnet._core.rows cimport Rows
from fastnet._core.samples cimport Compressed
from fastnet._core.types cimport real


cdef class Window:
    cdef Data data                         # the samples of this moment, dense or compressed, in order
    cdef readonly Py_ssize_t rows          # samples that fit
    cdef Rows dense                        # the inputs as they are; None: compressed
    cdef Compressed compressed
    cdef bint fill_zeros                   # compressed inputs become dense
    cdef bint skip_zeros                   # dense inputs become compressed
    cdef Py_ssize_t seen, kept             # values of dense inputs so far, and those that were not 0
    cdef Rows targets, each_weight         # None: labels; no weights
    cdef cnp.ndarray labels                # (m,) intp, or None
    cdef cnp.ndarray order                 # (m,) intp, or None
    cdef bint single
    cdef Py_ssize_t p
    cdef cnp.ndarray x, y, weight, label, room, starts, columns, values, wide      # what the data points at, and room

    cdef move(self, Py_ssize_t start, Py_ssize_t stop)
    cdef move_typed(self, Py_ssize_t start, Py_ssize_t stop, real* dummy)
    cdef take_compressed(self, Py_ssize_t start, Py_ssize_t m, real* dummy)
    cdef leave_zeros_out(self, Py_ssize_t m, real* dummy)
    cdef make_room(self, Py_ssize_t count)
    cdef Py_ssize_t row_of(self, Py_ssize_t i) noexcept nogil

cdef Window window_over(X, Y, order, cnp.ndarray weight, Py_ssize_t rows, bint fill_zeros, bint skip_zeros=*)
