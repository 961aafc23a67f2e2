"""How the cost bends: its second derivatives by the outputs, for the R-operator."""

from fastnet._core.kernels cimport Data
from fastnet._core.layout cimport Layout
from fastnet._core.types cimport real

cdef bint fused(const Layout* net) noexcept nogil

cdef void output_curvature(
    const Layout* net, const Data* data,
    Py_ssize_t start, Py_ssize_t m,
    const real* a,             # in   (m, n)  a^L of rows start ... start + m of the data
    const real* r_a,           # in   (m, n)  R a^L
    real* r_e,                 # out  (m, n)  R of ∂C_x/∂a^L, or of δ^L of a fused pair
) noexcept nogil
