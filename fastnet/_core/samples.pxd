"""A data set as the kernels take it."""

cimport numpy as cnp

from fastnet._core.kernels cimport Data


cdef class Compressed:
    cdef readonly tuple shape              # (m, inputs)
    cdef readonly cnp.ndarray values       # (n,)
    cdef readonly cnp.ndarray columns      # (n,) int32 or uint16, rising within a row
    cdef readonly cnp.ndarray starts       # (m + 1,) intp
    cdef readonly object dtype             # what values count as: the net's
    cdef readonly cnp.ndarray factor       # (inputs,) float64: what values of each column count times; None: 1
    cdef readonly bint direct              # values are of it and count once, columns int32: kernels read them where they lie

cdef Data data_of(X, cnp.ndarray Y, order, cnp.ndarray weight)
cdef Data rows_from(X, cnp.ndarray Y, cnp.ndarray weight, Py_ssize_t start, Py_ssize_t stop)
