"""The plain engine: feedforward and BP2-BP4 over batches, one function an equation.

Shape letters: m samples, p units before, n units here, n_next after.  A sample is a row.
One sample takes matrix-vector products (gemv, ger), more take matrix products (gemm).
Short and readable: the specification of the fast paths, tested against reference.py.
"""

from libc.stdint cimport uint64_t
from libc.string cimport memcpy

from fastnet._core.blas cimport gemm, gemv, ger
from fastnet._core.costs cimport output_delta
from fastnet._core.kernels cimport Data, activate, dropout_mask, times_prime
from fastnet._core.laps cimport ACTIVATION, BP2, BP3, BP4, DROPOUT, FORWARD, OUTPUT_DELTA, mark
from fastnet._core.layout cimport Layout
from fastnet._core.types cimport real
from fastnet._core.users cimport raise_pending


cdef void weighted_input(
    Py_ssize_t m, Py_ssize_t n, Py_ssize_t p,
    const real* a, const real* w, const real* b, real* z,
) noexcept nogil:
    """z^l = w^l a^{l-1} + b^l, for m samples: Z = A wᵀ + b."""
    cdef Py_ssize_t i
    for i in range(m):
        memcpy(z + i * n, b, n * sizeof(real))
    if m == 1:
        gemv(False, n, p, <real>1, w, a, <real>1, z)
    else:
        gemm(False, True, m, n, p, <real>1, a, w, <real>1, z)


cdef void feedforward(
    const Layout* net, Py_ssize_t m,
    const real* parameters, const real* x, real** z, real** a,
) noexcept nogil:
    """z^l = w^l a^{l-1} + b^l and a^l = σ(z^l), layer by layer."""
    feedforward_dropping(net, m, parameters, x, z, a, <const Chance*>NULL)


cdef void feedforward_dropping(
    const Layout* net, Py_ssize_t m,
    const real* parameters, const real* x, real** z, real** a, const Chance* chance,
) noexcept nogil:
    """feedforward, but layers see a^{l-1} ⊙ drop^{l-1} where some activations are dropped."""
    cdef Py_ssize_t l
    cdef const real* before = x
    for l in range(net.n_layers):
        weighted_input(m, net.sizes[l + 1], net.sizes[l], before, parameters + net.w[l], parameters + net.b[l], z[l])
        mark(net.profile, FORWARD, l)
        activate(net.activation[l], m, net.sizes[l + 1], z[l], a[l])
        mark(net.profile, ACTIVATION, l)
        before = a[l]
        if drops(chance, l):
            before = <real*>chance.out[l]
            drop_out(net, chance, l, m, a[l], <real*>chance.drop[l], <real*>chance.out[l])
            mark(net.profile, DROPOUT, l)


cdef inline bint drops(const Chance* chance, Py_ssize_t l) noexcept nogil:
    return chance != NULL and chance.keep[l] < 1


cdef uint64_t draw_of(const Layout* net, const Chance* chance, Py_ssize_t l) noexcept nogil:
    """The draw of layer l's dropout in this step, l counted as in the notes from 0, the input's; the
    input's noise has one more, n_layers + 1."""
    return chance.step * <uint64_t>(net.n_layers + 2) + <uint64_t>l


cdef void drop_out(
    const Layout* net, const Chance* chance, Py_ssize_t l, Py_ssize_t m, const real* a, real* drop, real* out,
) noexcept nogil:
    """out = a ⊙ drop: 1 / keep or 0.  Value (i, j) of a batch is value i n + j of the draw."""
    cdef Py_ssize_t i, n = net.sizes[l + 1]
    dropout_mask(m * n, chance.first * n, chance.keep[l], chance.seed, draw_of(net, chance, l + 1), drop)
    for i in range(m * n):
        out[i] = a[i] * drop[i]


cdef void backprop_delta(
    int activation, Py_ssize_t m, Py_ssize_t n, Py_ssize_t n_next,
    const real* delta_next, const real* w_next, const real* z, const real* a, real* delta,
) noexcept nogil:
    """BP2: δ^l = ((w^{l+1})ᵀ δ^{l+1}) ⊙ σ'(z^l), for m samples: D = (D_next w_next) ⊙ σ'(Z)."""
    if m == 1:
        gemv(True, n_next, n, <real>1, w_next, delta_next, <real>0, delta)
    else:
        gemm(False, False, m, n, n_next, <real>1, delta_next, w_next, <real>0, delta)
    times_prime(activation, m, n, z, a, delta)


cdef void nabla_b(
    Py_ssize_t m, Py_ssize_t n,
    real alpha, const real* delta, real beta, real* b,
) noexcept nogil:
    """BP3: b = beta b + alpha Σ_x δ^l."""
    cdef Py_ssize_t i, j
    for j in range(n):
        b[j] = beta * b[j] if beta != 0 else <real>0
    for i in range(m):
        for j in range(n):
            b[j] += alpha * delta[i * n + j]


cdef void nabla_w(
    Py_ssize_t m, Py_ssize_t n, Py_ssize_t p,
    real alpha, const real* delta, const real* a, real beta, real* w,
) noexcept nogil:
    """BP4: w = beta w + alpha Σ_x δ^l (a^{l-1})ᵀ, for m samples: Dᵀ A."""
    if m == 1 and beta == 1:
        ger(n, p, alpha, delta, a, w)
    else:
        gemm(True, False, n, p, m, alpha, delta, a, beta, w)


cdef double backpropagate(
    const Layout* net, const Data* data, Py_ssize_t start, Py_ssize_t m,
    const real* parameters, const real* x,
    real** z, real** a, real** delta, const Chance* chance,
    real alpha, real beta, real* target,
) except? -1 nogil:
    """Feedforward, then BP1-BP4: target = beta target + alpha Σ_x ∇C_x.  Returns Σ_x C_x.

    An exception of a Python cost leaves the target as it was; one of a Python activation leaves a target
    that is no parameter to be thrown away.

    With alpha = 1/m and beta = 0 the target is the gradient.  With target = parameters,
    alpha = -η/m and beta = 1 this is one step of gradient descent with no gradient array:
    δ^{l-1} is taken from w^l before w^l changes.
    """
    cdef Py_ssize_t l, i, last = net.n_layers - 1
    cdef const real* before
    cdef double cost
    feedforward_dropping(net, m, parameters, x, z, a, chance)
    raise_pending(net)
    cost = output_delta(&net.cost, net.activation[last], data, start, m, net.sizes[last + 1],
                        <const real*>z[last], <const real*>a[last], delta[last])
    mark(net.profile, OUTPUT_DELTA, last)
    for l in range(last, -1, -1):
        if l > 0:
            backprop_delta(net.activation[l - 1], m, net.sizes[l], net.sizes[l + 1],
                           delta[l], parameters + net.w[l], z[l - 1], a[l - 1], delta[l - 1])
            mark(net.profile, BP2, l)      # σ' included
            if drops(chance, l - 1):
                for i in range(m * net.sizes[l]):
                    delta[l - 1][i] *= (<real*>chance.drop[l - 1])[i]
        before = x if l == 0 else <real*>chance.out[l - 1] if drops(chance, l - 1) else a[l - 1]
        nabla_b(m, net.sizes[l + 1], alpha, delta[l], beta, target + net.b[l])
        mark(net.profile, BP3, l)
        nabla_w(m, net.sizes[l + 1], net.sizes[l], alpha, delta[l], before, beta, target + net.w[l])
        mark(net.profile, BP4, l)
    raise_pending(net)
    return cost
