"""The plain engine's way from a gradient to the parameters."""

from fastnet._core.kernels cimport Descent
from fastnet._core.layout cimport Layout
from fastnet._core.types cimport real

cdef struct LayerDescent:
    double l2, l1
    bint held                  # neither w nor b changes
    const void* mask           # (n, p) or NULL: weights stay where it is 0

cdef void descend(
    const Layout* net, Descent* descent, const LayerDescent* layers,
    real* parameters, const real* nabla, real** states,
) noexcept nogil
