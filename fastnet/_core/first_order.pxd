"""First derivatives of the plain engine: directions up and down a net."""

from fastnet._core.layout cimport Layout
from fastnet._core.types cimport real

cdef void through(
    Py_ssize_t m, Py_ssize_t n, Py_ssize_t p,
    const real* t,             # in   (m, p)
    const real* w,             # in   (n, p)
    real beta,
    real* out,                 # i/o  (m, n)
) noexcept nogil

cdef void back_through(
    Py_ssize_t m, Py_ssize_t n, Py_ssize_t p,
    const real* d,             # in   (m, n)
    const real* w,             # in   (n, p)
    real beta,
    real* out,                 # i/o  (m, p)
) noexcept nogil

cdef void slopes(
    int activation, Py_ssize_t m, Py_ssize_t n,
    const real* z,             # in   (m, n)
    const real* a,             # in   (m, n)
    real* slope,               # out  (m, n)
) noexcept nogil

cdef void times_slopes(
    int activation, Py_ssize_t m, Py_ssize_t k, Py_ssize_t n,
    const real* z,             # in   (m, n)     z^l
    const real* a,             # in   (m, n)     a^l
    real* slope,               # work (n,)
    real* d,                   # i/o  (m, k, n)
) noexcept nogil

cdef void unit_rows(Py_ssize_t m, Py_ssize_t n, real* out) noexcept nogil

cdef void columns_of_w(
    Py_ssize_t m, Py_ssize_t n, Py_ssize_t p,
    const real* w,             # in   (n, p)
    real* out,                 # out  (m, p, n)
) noexcept nogil

cdef void pull_back(
    const Layout* net, Py_ssize_t m, Py_ssize_t k,
    const real* parameters,    # in   (n_parameters,)
    const real* x,             # in   (m, sizes[0])
    real** z,                  # in   per layer (m, n)
    real** a,                  # in   per layer (m, n)
    real* slope,               # work (width,)
    real* d,                   # i/o  (m, k, width)  directions against z^L; work
    real* spare,               # work (m, k, width)
    real* out,                 # out  (m, k, sizes[0]) by the inputs, or (m, k, n_parameters) by the parameters
    bint by_inputs,
) noexcept nogil

cdef real* push_forward(
    const Layout* net, Py_ssize_t m, Py_ssize_t k,
    const real* parameters,    # in   (n_parameters,)
    real** z,                  # in   per layer (m, n)
    real** a,                  # in   per layer (m, n)
    real* slope,               # work (width,)
    real* t,                   # i/o  (m, k, width)  ∂z^1 in each direction; work
    real* spare,               # work (m, k, width)
) noexcept nogil
