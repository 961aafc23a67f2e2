"""How the cost bends: its second derivatives by the outputs, for the R-operator."""

from fastnet._core.layout cimport Layout
from fastnet._core.types cimport real


cdef bint output_curvature(
    const Layout* net, Py_ssize_t m, const real* y, const real* z, const real* a, const real* r_a, real* e, real* r_e,
) noexcept nogil:
    """e = ∂C_x/∂a^L and R e = ∂²C_x/∂a² R a^L; or, of a pair with a form of its own in z, δ^L and R δ^L.

    Returns whether it is the latter.
    """
    cdef Py_ssize_t i, n = net.sizes[net.n_layers]
    for i in range(m * n):                 # quadratic
        e[i] = a[i] - y[i]
        r_e[i] = r_a[i]
    return False
