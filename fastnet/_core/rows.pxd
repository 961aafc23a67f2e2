"""Rows of numbers of any kind, converted when they are needed."""

cimport numpy as cnp

from fastnet._core.kernels cimport Numbers
from fastnet._core.types cimport real


cdef class Rows:
    cdef readonly tuple shape              # (m, p)
    cdef readonly object dtype             # what the numbers become: the net's
    cdef readonly cnp.ndarray array        # two-dimensional, of any kind, order and stride
    cdef readonly cnp.ndarray rows         # (m,) intp: which rows of the array these are; None: all
    cdef readonly object pages             # fastnet._pages.Pages: the array is a file's, mapped into memory; or None
    cdef readonly cnp.ndarray offset, factor       # (p,) float64: numbers become (x - offset) factor; None: as they are
    cdef Numbers table
    cdef Py_ssize_t p

    cdef void gather(self, Py_ssize_t start, Py_ssize_t m, const Py_ssize_t* order, Py_ssize_t* room, real* out) noexcept nogil

cdef Numbers table_of(cnp.ndarray array)
