"""How the cost bends: its second derivatives by the outputs, for the R-operator.

The first derivatives are those of src_c/costs.inc, e = ∂C_x/∂a^L; here R e = ∂²C_x/∂a² R a^L.  A
pair with a form of its own in z (src_c/outputs.inc) gives δ^L as a function of a^L alone, and then
it is R δ^L = ∂δ^L/∂a R a^L that is wanted: nothing is divided by a, or by 1 - a, that BP1 does not.

Costs of the user's own are not here: their second derivatives are not known.
"""

from libc.math cimport NAN, exp, expm1, fabs, tanh

from fastnet._core.kernels cimport Data
from fastnet._core.layout cimport Cost, Layout
from fastnet._core.types cimport real

cdef extern from "fastnet_kernels.h" nogil:
    enum:
        COST_QUADRATIC "FASTNET_quadratic"
        COST_CROSS_ENTROPY "FASTNET_cross_entropy"
        COST_CATEGORICAL "FASTNET_categorical_cross_entropy"
        COST_HUBER "FASTNET_huber"
        COST_MAE "FASTNET_mae"
        COST_QUANTILE "FASTNET_quantile"
        COST_LOG_COSH "FASTNET_log_cosh"
        COST_POISSON "FASTNET_poisson"
        COST_POISSON_LOG "FASTNET_poisson_log"
        COST_GAUSSIAN_NLL "FASTNET_gaussian_nll"
        FIRST_FUSED "FASTNET_FIRST_FUSED"
        SIGMOID_CROSS_ENTROPY "FASTNET_SIGMOID_CROSS_ENTROPY"
        SIGMOID_CATEGORICAL "FASTNET_SIGMOID_CATEGORICAL"
        SIGMOID_POISSON "FASTNET_SIGMOID_POISSON"
        SOFTPLUS_POISSON "FASTNET_SOFTPLUS_POISSON"
        SOFTMAX_CATEGORICAL "FASTNET_SOFTMAX_CATEGORICAL"
    int cost_form "fastnet_cost_form"(int cost, int activation)


cdef bint fused(const Layout* net) noexcept nogil:
    """Whether cost and output activation are a pair with a form of its own."""
    return cost_form(net.cost.kind, net.activation[net.n_layers - 1]) >= FIRST_FUSED


cdef void output_curvature(
    const Layout* net, const Data* data, Py_ssize_t start, Py_ssize_t m, const real* a, const real* r_a, real* r_e,
) noexcept nogil:
    """R e, or R δ^L of a fused pair, sample by sample."""
    cdef Py_ssize_t i, j, n = net.sizes[net.n_layers], k = net.cost.n_targets
    cdef int form = cost_form(net.cost.kind, net.activation[net.n_layers - 1])
    cdef const real* y
    cdef double weight, total
    for i in range(m):
        y = <const real*>data.y + (start + i) * k
        if form == COST_GAUSSIAN_NLL:
            for j in range(k):
                weight = weight_of(&net.cost, y, j)
                gaussian_nll(weight, a[i * n + j], a[i * n + k + j], y[j], r_a[i * n + j], r_a[i * n + k + j],
                             r_e + i * n + j, r_e + i * n + k + j)
            continue
        total = 0
        if form == SOFTMAX_CATEGORICAL:            # δ_j = a_j Σ_k y_k − y_j
            for j in range(n):
                weight = weight_of(&net.cost, y, j)
                total += weight * y[j] if weight != 0 else 0
        for j in range(n):
            weight = 1 if form == SOFTMAX_CATEGORICAL else weight_of(&net.cost, y, j)
            r_e[i * n + j] = <real>0 if weight == 0 else <real>(
                weight * bend(form, a[i * n + j], y[j], parameter_of(&net.cost, y, j), total) * r_a[i * n + j])


cdef double weight_of(const Cost* cost, const real* y, Py_ssize_t j) noexcept nogil:
    """What target j counts: 0 where it is missing."""
    if cost.ignore_nan and y[j] != y[j]:
        return 0
    return 1 if cost.output_weights == NULL else (<const real*>cost.output_weights)[j]


cdef double parameter_of(const Cost* cost, const real* y, Py_ssize_t j) noexcept nogil:
    return cost.parameter if cost.parameters == NULL else (<const real*>cost.parameters)[j]


cdef double over(double x, double y) noexcept nogil:
    """x / y, 0 for x = 0."""
    return 0 if x == 0 else x / y


cdef double bend(int form, double a, double y, double parameter, double total) noexcept nogil:
    """∂²C_x/∂a² of one output, or ∂δ/∂a of a fused form; 0 for costs of straight pieces, NaN for what is not here."""
    cdef double t
    if form == COST_QUADRATIC or form == SIGMOID_CROSS_ENTROPY:
        return 1
    if form == COST_CROSS_ENTROPY:
        return over(1 - y, (1 - a) * (1 - a)) + over(y, a * a)
    if form == COST_CATEGORICAL or form == COST_POISSON:
        return over(y, a * a)
    if form == COST_HUBER:
        return 1 if fabs(a - y) <= parameter else 0
    if form == COST_LOG_COSH:
        t = tanh(a - y)
        return (1 - t) * (1 + t)
    if form == COST_POISSON_LOG:
        return exp(a)
    if form == SIGMOID_CATEGORICAL:                # δ = y (a − 1)
        return y
    if form == SIGMOID_POISSON:                    # δ = (a − y) (1 − a)
        return 1 + y - 2 * a
    if form == SOFTPLUS_POISSON:                   # δ = (a − y) ρ(a)
        return ratio(a) + (a - y) * ratio_prime(a)
    if form == SOFTMAX_CATEGORICAL:
        return total
    return 0 if form == COST_MAE or form == COST_QUANTILE else NAN


cdef double ratio(double a) noexcept nogil:
    """ρ(a) = (1 − e^{−a}) / a."""
    return 1 if a == 0 else -expm1(-a) / a


cdef double ratio_prime(double a) noexcept nogil:
    """ρ'(a) = (e^{−a} (1 + a) − 1) / a² = Σ_k (−1)^k k a^{k−1} / (k + 1)!; the series where the first would cancel."""
    cdef double term = -0.5, series = 0
    cdef int k
    if a > 0.5:
        return (exp(-a) * (1 + a) - 1) / (a * a)
    for k in range(1, 16):
        series += term
        term *= -a * (k + 1) / (k * (k + 2.0))
    return series


cdef void gaussian_nll(
    double weight, double mu, double s, double y, double r_mu, double r_s, real* r_by_mu, real* r_by_s,
) noexcept nogil:
    """∂/∂μ = d e^{−s} and ∂/∂s = ½ (1 − d² e^{−s}), d = μ − y: their R."""
    cdef double d = mu - y, precision
    if weight == 0:
        r_by_mu[0] = r_by_s[0] = 0
        return
    precision = exp(-s)
    r_by_mu[0] = <real>(weight * precision * (r_mu - d * r_s))
    r_by_s[0] = <real>(weight * precision * d * (0.5 * d * r_s - r_mu))
