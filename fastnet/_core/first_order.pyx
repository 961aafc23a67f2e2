"""First derivatives of the plain engine: directions up and down a net.

Beside the letters of backprop.pyx, k: directions a sample.  Directions of m samples are arrays
(m, k, n), of which a product with w takes m k rows at once.

Forward mode: t^l = ∂a^l/∂x v obeys t^l = σ'(z^l) ⊙ (w^l t^{l-1}).  Reverse mode: d^l = u ∂a^L/∂z^l
obeys BP2, whatever u is; BP3 and BP4 with d^l in place of δ^l give derivatives by the parameters.
Where σ is softmax, σ'(z) ⊙ stands for the product with its Jacobian, which is symmetric.
(A. Griewank, A. Walther, Evaluating Derivatives, 2008, chapter 3.)
"""

from libc.string cimport memcpy, memset

from fastnet._core.blas cimport gemm, gemv
from fastnet._core.kernels cimport calls_for, times_prime
from fastnet._core.layout cimport Layout
from fastnet._core.types cimport real


cdef void through(
    Py_ssize_t m, Py_ssize_t n, Py_ssize_t p, const real* t, const real* w, real beta, real* out,
) noexcept nogil:
    """out = T wᵀ + beta out."""
    if m == 1:
        gemv(False, n, p, <real>1, w, t, beta, out)
    else:
        gemm(False, True, m, n, p, <real>1, t, w, beta, out)


cdef void back_through(
    Py_ssize_t m, Py_ssize_t n, Py_ssize_t p, const real* d, const real* w, real beta, real* out,
) noexcept nogil:
    """out = D w + beta out."""
    if m == 1:
        gemv(True, n, p, <real>1, w, d, beta, out)
    else:
        gemm(False, False, m, p, n, <real>1, d, w, beta, out)


cdef void slopes(
    int activation, Py_ssize_t m, Py_ssize_t n, const real* z, const real* a, real* slope,
) noexcept nogil:
    """slope = σ'(z), of an elementwise activation."""
    cdef Py_ssize_t i
    for i in range(m * n):
        slope[i] = 1
    times_prime(activation, m, n, z, a, slope)


cdef void times_slopes(
    int activation, Py_ssize_t m, Py_ssize_t k, Py_ssize_t n,
    const real* z, const real* a, real* slope, real* d,
) noexcept nogil:
    """d = d ⊙ σ'(z), each direction with its sample's σ'."""
    cdef Py_ssize_t i, q, j
    if k == 1:
        times_prime(activation, m, n, z, a, d)
        return
    for i in range(m):
        if calls_for(activation, 2) == 2:          # couples the values of a row
            for q in range(k):
                times_prime(activation, 1, n, z + i * n, a + i * n, d + (i * k + q) * n)
            continue
        slopes(activation, 1, n, z + i * n, a + i * n, slope)
        for q in range(i * k, (i + 1) * k):
            for j in range(n):
                d[q * n + j] *= slope[j]


cdef void unit_rows(Py_ssize_t m, Py_ssize_t n, real* out) noexcept nogil:
    """out (m, n, n) = the unit matrix, m times."""
    cdef Py_ssize_t i
    memset(out, 0, m * n * n * sizeof(real))
    for i in range(m * n):
        out[i * n + i % n] = 1


cdef void columns_of_w(Py_ssize_t m, Py_ssize_t n, Py_ssize_t p, const real* w, real* out) noexcept nogil:
    """out (m, p, n) = wᵀ, m times: ∂z of the first layer in each direction of the inputs."""
    cdef Py_ssize_t i, j, k
    for k in range(p):
        for j in range(n):
            out[k * n + j] = w[j * p + k]
    for i in range(1, m):
        memcpy(out + i * p * n, out, p * n * sizeof(real))


cdef void outer_products(
    Py_ssize_t m, Py_ssize_t k, Py_ssize_t n, Py_ssize_t p,
    const real* d, const real* a, Py_ssize_t stride, real* w, real* b,
) noexcept nogil:
    """BP3 and BP4 for each direction of each sample: w[q] = d_q aᵀ and b[q] = d_q, every `stride` values."""
    cdef Py_ssize_t q, j, c
    cdef const real* before
    cdef real* row
    for q in range(m * k):
        memcpy(b + q * stride, d + q * n, n * sizeof(real))
        before = a + (q // k) * p
        for j in range(n):
            row = w + q * stride + j * p
            for c in range(p):
                row[c] = d[q * n + j] * before[c]


cdef void pull_back(
    const Layout* net, Py_ssize_t m, Py_ssize_t k, const real* parameters, const real* x, real** z, real** a,
    real* slope, real* d, real* spare, real* out, bint by_inputs,
) noexcept nogil:
    """BP2 for every direction; at the end d^1 w^1, or on the way BP3 and BP4."""
    cdef Py_ssize_t l, n, p
    for l in range(net.n_layers - 1, -1, -1):
        n, p = net.sizes[l + 1], net.sizes[l]
        if not by_inputs:
            outer_products(m, k, n, p, d, x if l == 0 else <const real*>a[l - 1], net.n_parameters,
                           out + net.w[l], out + net.b[l])
        if l > 0:
            back_through(m * k, n, p, d, parameters + net.w[l], <real>0, spare)
            times_slopes(net.activation[l - 1], m, k, p, <const real*>z[l - 1], <const real*>a[l - 1], slope, spare)
            d, spare = spare, d
        elif by_inputs:
            back_through(m * k, n, p, d, parameters + net.w[0], <real>0, out)


cdef real* push_forward(
    const Layout* net, Py_ssize_t m, Py_ssize_t k, const real* parameters, real** z, real** a,
    real* slope, real* t, real* spare,
) noexcept nogil:
    """t^l = σ'(z^l) ⊙ (w^l t^{l-1}) for every direction, from ∂z^1 on.  Returns where t^L lies, (m, k, n_out)."""
    cdef Py_ssize_t l, last = net.n_layers - 1
    for l in range(net.n_layers):
        times_slopes(net.activation[l], m, k, net.sizes[l + 1], <const real*>z[l], <const real*>a[l], slope, t)
        if l < last:
            through(m * k, net.sizes[l + 2], net.sizes[l + 1], t, parameters + net.w[l + 1], <real>0, spare)
            t, spare = spare, t
    return t
