"""Matrix products on row-major arrays, through scipy's BLAS; `load` first."""

from fastnet._core.types cimport real

cdef int load() except -1

cdef void gemm(
    bint transpose_a, bint transpose_b,
    Py_ssize_t m, Py_ssize_t n, Py_ssize_t k,
    real alpha,
    const real* a,     # in   (m, k), or (k, m) if transposed
    const real* b,     # in   (k, n), or (n, k) if transposed
    real beta,
    real* c,           # i/o  (m, n)
) noexcept nogil

cdef void gemv(
    bint transpose_a,
    Py_ssize_t m, Py_ssize_t n,
    real alpha,
    const real* a,     # in   (m, n)
    const real* x,     # in   (n,), or (m,) if transposed
    real beta,
    real* y,           # i/o  (m,), or (n,) if transposed
) noexcept nogil

cdef void ger(
    Py_ssize_t m, Py_ssize_t n,
    real alpha,
    const real* x,     # in   (m,)
    const real* y,     # in   (n,)
    real* a,           # i/o  (m, n)
) noexcept nogil
