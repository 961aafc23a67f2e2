"""Second derivatives of the plain engine: the Laplacian and Hessian products, both exact.

Laplacian: a forward sweep carries t_i = ∂a/∂x_i and s = Σ_i ∂²a/∂x_i² from layer to layer,
    ∂_i z = w t_i,   Δz = w s,   t_i = σ' ∂_i z,   s = σ' Δz + σ'' Σ_i (∂_i z)²
(the forward Laplacian; for one input Taylor arithmetic of order two: Griewank, Walther, chapter 13).

Hessian times v, by the R-operator, R{f(θ)} = d/dε f(θ + ε v) at ε = 0, which obeys the rules of
differentiation (B. Pearlmutter, Fast exact multiplication by the Hessian, 1994), v = (ν^l, β^l) like (w^l, b^l):
    R z^l = ν^l a^{l-1} + w^l R a^{l-1} + β^l,   R a^l = σ' R z^l
    e^l = ∂C/∂a^l = (w^{l+1})ᵀ δ^{l+1},   R e^l = (w^{l+1})ᵀ R δ^{l+1} + (ν^{l+1})ᵀ δ^{l+1}
    δ^l = e^l σ',   R δ^l = R e^l σ' + e^l σ'' R z^l
    R ∂C/∂w^l = R δ^l (a^{l-1})ᵀ + δ^l (R a^{l-1})ᵀ,   R ∂C/∂b^l = R δ^l
"""

from libc.string cimport memcpy, memset

from fastnet._core.backprop cimport nabla_b, nabla_w, weighted_input
from fastnet._core.curvature cimport fused, output_curvature
from fastnet._core.first_order cimport back_through, columns_of_w, slopes, through, times_slopes
from fastnet._core.kernels cimport IDENTITY, Data, calls_for, output_delta_kernel, second_derivative
from fastnet._core.layout cimport Layout
from fastnet._core.types cimport real


cdef void laplacian(
    const Layout* net, Py_ssize_t m, const real* parameters, real** z, real** a,
    real* slope, real* curvature, real* t, real* spare, real* s, real* s_spare, real* out,
) noexcept nogil:
    """out = Σ_i ∂²a^L/∂x_i², a sample a row."""
    cdef Py_ssize_t i, l, n, k = net.sizes[0], last = net.n_layers - 1
    for l in range(net.n_layers):
        n = net.sizes[l + 1]
        if l == 0:
            columns_of_w(m, n, k, parameters + net.w[0], t)
            memset(s, 0, m * n * sizeof(real))
        else:
            through(m * k, n, net.sizes[l], t, parameters + net.w[l], <real>0, spare)
            through(m, n, net.sizes[l], s, parameters + net.w[l], <real>0, s_spare)
            t, spare = spare, t
            s, s_spare = s_spare, s
        if calls_for(net.activation[l], 2) == 2:
            for i in range(m):
                softmax_laplacian(k, n, <const real*>a[l] + i * n, t + i * k * n, s + i * n)
        else:
            elementwise_laplacian(net.activation[l], m, k, n, <const real*>z[l], <const real*>a[l], slope, curvature, t, s)
        if l < last:
            times_slopes(net.activation[l], m, k, n, <const real*>z[l], <const real*>a[l], slope, t)
    memcpy(out, s, m * net.sizes[last + 1] * sizeof(real))


cdef void elementwise_laplacian(
    int activation, Py_ssize_t m, Py_ssize_t k, Py_ssize_t n,
    const real* z, const real* a, real* slope, real* curvature, const real* dz, real* s,
) noexcept nogil:
    """s = σ' s + σ'' Σ_i (∂_i z)²; dz (m, k, n)."""
    cdef Py_ssize_t i, q, j
    cdef const real* direction
    slopes(activation, m, n, z, a, slope)
    second_derivative(activation, m, n, z, a, curvature)
    for i in range(m):
        for j in range(n):
            s[i * n + j] *= slope[i * n + j]
        for q in range(k):
            direction = dz + (i * k + q) * n
            for j in range(n):
                s[i * n + j] += curvature[i * n + j] * (direction[j] * direction[j])


cdef void softmax_laplacian(Py_ssize_t k, Py_ssize_t n, const real* a, const real* dz, real* s) noexcept nogil:
    """From ∂_i² log a_j = ∂_i² z_j − Σ_k a_k ∂_i² z_k − Var_a(∂_i z), ∂_i log a_j = ∂_i z_j − E_a(∂_i z):

    s_j = a_j (s_j − E_a(s) + Σ_i [(∂_i z_j − E_a(∂_i z))² − Var_a(∂_i z)]), for one sample; dz (k, n).
    """
    cdef Py_ssize_t q, j
    cdef double mean = 0, variance = 0, centre, difference
    for j in range(n):
        mean += a[j] * <double>s[j]
    for j in range(n):
        s[j] -= <real>mean
    for q in range(k):
        centre = 0
        for j in range(n):
            centre += a[j] * <double>dz[q * n + j]
        for j in range(n):
            difference = dz[q * n + j] - centre
            variance += a[j] * (difference * difference)
            s[j] += <real>(difference * difference)
    for j in range(n):
        s[j] = a[j] * <real>(s[j] - variance)


cdef void delta_and_r(
    int activation, Py_ssize_t m, Py_ssize_t n, const real* z, const real* a, const real* r_z, const real* r_a,
    real* slope, real* curvature, real* e, real* r_e,
) noexcept nogil:
    """From e = ∂C/∂a and R e: δ = e σ' and R δ = R e σ' + e σ'' R z, in their places."""
    cdef Py_ssize_t i
    if calls_for(activation, 2) == 2:
        for i in range(m):
            softmax_delta_and_r(n, a + i * n, r_a + i * n, e + i * n, r_e + i * n)
        return
    slopes(activation, m, n, z, a, slope)
    second_derivative(activation, m, n, z, a, curvature)
    for i in range(m * n):
        r_e[i] = r_e[i] * slope[i] + e[i] * curvature[i] * r_z[i]
        e[i] *= slope[i]


cdef void softmax_delta_and_r(Py_ssize_t n, const real* a, const real* r_a, real* e, real* r_e) noexcept nogil:
    """δ_j = a_j (e_j − Σ_k e_k a_k) and its R, one sample."""
    cdef Py_ssize_t j
    cdef double mean = 0, r_mean = 0
    for j in range(n):
        mean += e[j] * <double>a[j]
        r_mean += r_e[j] * <double>a[j] + e[j] * <double>r_a[j]
    for j in range(n):
        r_e[j] = r_a[j] * <real>(e[j] - mean) + a[j] * <real>(r_e[j] - r_mean)
        e[j] = a[j] * <real>(e[j] - mean)


cdef void r_forward(
    const Layout* net, Py_ssize_t m, const real* parameters, const real* v, const real* x,
    real** z, real** a, Directional* r,
) noexcept nogil:
    """R z^l and R a^l of every layer."""
    cdef Py_ssize_t l, n, p
    cdef real* r_z
    cdef real* r_a
    for l in range(net.n_layers):
        n, p = net.sizes[l + 1], net.sizes[l]
        r_z, r_a = <real*>r.z[l], <real*>r.a[l]
        weighted_input(m, n, p, x if l == 0 else <const real*>a[l - 1], v + net.w[l], v + net.b[l], r_z)
        if l > 0:
            through(m, n, p, <const real*>r.a[l - 1], parameters + net.w[l], <real>1, r_z)
        memcpy(r_a, r_z, m * n * sizeof(real))
        times_slopes(net.activation[l], m, 1, n, <const real*>z[l], <const real*>a[l], <real*>r.slope, r_a)


cdef void r_output(
    const Layout* net, const Data* data, Py_ssize_t start, Py_ssize_t m, real** z, real** a, Directional* r,
) noexcept nogil:
    """BP1 and its R: δ^L and R δ^L."""
    cdef Py_ssize_t l = net.n_layers - 1, n = net.sizes[l + 1]
    cdef real* e = <real*>r.delta[l % 2]
    cdef real* r_e = <real*>r.r_delta[l % 2]
    output_curvature(net, data, start, m, <const real*>a[l], <const real*>r.a[l], r_e)
    if fused(net):
        output_delta_kernel(&net.cost, net.activation[l], data, start, m, n, <const real*>z[l], <const real*>a[l], e)
        return
    output_delta_kernel(&net.cost, IDENTITY, data, start, m, n, <const real*>a[l], <const real*>a[l], e)    # ∂C_x/∂a^L
    delta_and_r(net.activation[l], m, n, <const real*>z[l], <const real*>a[l], <const real*>r.z[l], <const real*>r.a[l],
                <real*>r.slope, <real*>r.curvature, e, r_e)


cdef void add_hessian_vector(
    const Layout* net, const Data* data, Py_ssize_t start, Py_ssize_t m, const real* parameters, const real* v,
    const real* x, real** z, real** a, Directional* r, real alpha, real* out,
) noexcept nogil:
    """out += alpha Σ_x R ∂C_x/∂θ."""
    cdef Py_ssize_t l, n, p, last = net.n_layers - 1
    cdef real* delta
    cdef real* r_delta
    r_forward(net, m, parameters, v, x, z, a, r)
    r_output[real](net, data, start, m, z, a, r)
    for l in range(last, -1, -1):
        n, p = net.sizes[l + 1], net.sizes[l]
        delta, r_delta = <real*>r.delta[l % 2], <real*>r.r_delta[l % 2]
        if l < last:
            back_through(m, net.sizes[l + 2], n, <const real*>r.delta[(l + 1) % 2], parameters + net.w[l + 1], <real>0, delta)
            back_through(m, net.sizes[l + 2], n, <const real*>r.delta[(l + 1) % 2], v + net.w[l + 1], <real>0, r_delta)
            back_through(m, net.sizes[l + 2], n, <const real*>r.r_delta[(l + 1) % 2], parameters + net.w[l + 1], <real>1, r_delta)
            delta_and_r(net.activation[l], m, n, <const real*>z[l], <const real*>a[l], <const real*>r.z[l],
                        <const real*>r.a[l], <real*>r.slope, <real*>r.curvature, delta, r_delta)
        nabla_b(m, n, alpha, r_delta, <real>1, out + net.b[l])
        nabla_w(m, n, p, alpha, r_delta, x if l == 0 else <const real*>a[l - 1], <real>1, out + net.w[l])
        if l > 0:
            nabla_w(m, n, p, alpha, delta, <const real*>r.a[l - 1], <real>1, out + net.w[l])
