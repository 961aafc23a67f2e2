"""A data set as the kernels take it."""

cimport numpy as cnp

from fastnet._core.kernels cimport Data


cdef class Compressed:
    cdef readonly tuple shape              # (m, inputs)
    cdef readonly cnp.ndarray values       # (n,) of the net's dtype
    cdef readonly cnp.ndarray columns      # (n,) int32, rising within a row
    cdef readonly cnp.ndarray starts       # (m + 1,) intp

cdef Data data_of(X, cnp.ndarray Y, order, cnp.ndarray weight)
