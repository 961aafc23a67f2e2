"""BP1: the cost owns the error of the output layer.

δ^L = ∇_a C ⊙ σ'(z^L) for every pair of cost and output activation; a pair with a
simpler exact form gets a branch of its own here, and nowhere else.
"""

from fastnet._core.kernels cimport cost_and_nabla, times_prime
from fastnet._core.types cimport real


cdef double output_delta(
    int cost, int activation, Py_ssize_t m, Py_ssize_t n,
    const real* z, const real* a, const real* y, real* delta,
) noexcept nogil:
    """BP1: δ^L = ∇_a C ⊙ σ'(z^L), a sample a row.  Returns the summed cost of the m samples."""
    cdef double total = cost_and_nabla(cost, m * n, a, y, delta)
    times_prime(activation, m, n, z, a, delta)
    return total
