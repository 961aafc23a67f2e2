"""The maps around a net that scales: x' = (x − offset) ⊙ factor, and back.

In float64 whatever the net's dtype: a large offset leaves no less of a float32 input than it holds,
and the net gets the same bits from an input in either precision.
"""

from fastnet._core.types cimport real

cdef struct Affine:
    const double* offset        # (n,), or NULL: the map is the identity
    const double* factor        # (n,)


cdef inline void scale(Py_ssize_t n, const Affine* map, const real* x, real* y) noexcept nogil:
    cdef Py_ssize_t i
    for i in range(n):
        y[i] = <real>((x[i] - map.offset[i]) * map.factor[i])


cdef inline void unscale(Py_ssize_t n, const Affine* map, real* y) noexcept nogil:
    cdef Py_ssize_t i
    for i in range(n):
        y[i] = <real>(y[i] * map.factor[i] + map.offset[i])
