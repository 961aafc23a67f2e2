"""BP1: the cost owns the error of the output layer."""

from fastnet._core.types cimport real

cdef double output_delta(
    int cost, int activation, Py_ssize_t m, Py_ssize_t n,
    const real* z,     # in   (m, n)  z^L
    const real* a,     # in   (m, n)  a^L
    const real* y,     # in   (m, n)  desired outputs
    real* delta,       # out  (m, n)  δ^L; may be y
) noexcept nogil
