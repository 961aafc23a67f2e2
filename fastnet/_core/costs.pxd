"""BP1: the cost owns the error of the output layer."""

from fastnet._core.kernels cimport Data
from fastnet._core.layout cimport Cost
from fastnet._core.types cimport real

cdef int set_cost(Cost* cost, object bound) except -1

cdef double output_delta(
    const Cost* cost, int activation, const Data* data, Py_ssize_t start, Py_ssize_t m, Py_ssize_t n,
    const real* z,     # in   (m, n)  z^L
    const real* a,     # in   (m, n)  a^L
    real* delta,       # out  (m, n)  δ^L of rows start ... start + m of the data
) except? -1 nogil

cdef double output_cost(
    const Cost* cost, int activation, const Data* data, Py_ssize_t start, Py_ssize_t m, Py_ssize_t n,
    const real* z, const real* a,
    real* work,        # work (m, n)
) except? -1 nogil
