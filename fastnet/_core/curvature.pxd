"""How the cost bends: its second derivatives by the outputs, for the R-operator."""

from fastnet._core.layout cimport Layout
from fastnet._core.types cimport real

cdef bint output_curvature(
    const Layout* net, Py_ssize_t m,
    const real* y,             # in   (m, n)  desired outputs
    const real* z,             # in   (m, n)  z^L
    const real* a,             # in   (m, n)  a^L
    const real* r_a,           # in   (m, n)  R a^L
    real* e,                   # out  (m, n)  ∂C_x/∂a^L, or δ^L of a fused pair
    real* r_e,                 # out  (m, n)  its R
) noexcept nogil
