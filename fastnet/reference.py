"""The whole method in pure Python: one function an equation, lists and `math` only.

This file is the specification: compiled kernels are tested against it, and it is
tested against finite differences.  It is written to be read beside docs/theory.md;
speed is left to the rest of the package, of which it imports nothing.

Shapes: p units before, n units here, n_next after, m samples in a batch.

    w[l]  n rows of p numbers: row j holds the weights into neuron j
    b[l]  n numbers
    z[l]  n numbers: the weighted input of the layer that w[l] leads into
    a[l]  p numbers: what w[l] multiplies; a[0] is the input x, a[-1] the output

`activations` names one activation per layer after the input; None: all sigmoid.
`cost` names one of COSTS, or is a pair (C_x, ∇_a C_x) like theirs.
"""

import math
from collections.abc import Callable
from typing import NamedTuple


def total(terms):
    """Σ terms, rounded once; where fsum refuses (overflow, ∞ − ∞) as floats add up."""
    terms = list(terms)
    try:
        return math.fsum(terms)
    except (OverflowError, ValueError):
        return sum(terms)


def mean(items):
    """Mean, entry by entry, of numbers or of equally nested lists of them."""
    if isinstance(items[0], list):
        return [mean(entries) for entries in zip(*items, strict=True)]
    return total(items) / len(items)


def weighted_mean(items, u=None):
    """Σ u_i item_i / Σ u_i, entry by entry, without the items of weight 0; u: None is the mean."""
    if u is None:
        return mean(items)
    if isinstance(items[0], list):
        return [weighted_mean(entries, u) for entries in zip(*items, strict=True)]
    return total(u_i * item for u_i, item in zip(u, items, strict=True) if u_i) / total(u)


# Activations: name -> (f, f', f''), functions of one weighted input z.


class Activation(NamedTuple):
    """One activation and its derivatives, at a kink the one that fastnet/activations.py states."""

    f: Callable
    prime: Callable
    second: Callable


def sigmoid(z):
    """σ(z) = 1 / (1 + e^{−z}).  exp sees arguments ≤ 0 only: accurate in both tails."""
    e = math.exp(-abs(z))
    return (1.0 if z >= 0 else e) / (1.0 + e)


def sigmoid_prime(z):
    """σ'(z) = σ(z) (1 − σ(z)), with 1 − σ(z) = σ(−z): no cancellation for large z."""
    return sigmoid(z) * sigmoid(-z)


def sigmoid_second(z):
    """σ'' = σ' (1 − 2σ)."""
    return sigmoid_prime(z) * (sigmoid(-z) - sigmoid(z))


def tanh_prime(z):
    """1 − tanh²(z)."""
    return 4.0 * sigmoid_prime(2.0 * z)


def exp_branch(z, scale=1.0, alpha=1.0):
    """scale z, or scale α (e^z − 1) below 0: elu and selu."""
    return scale * (z if z >= 0 else alpha * math.expm1(z))


def normal_density(z):
    """φ(z) of N(0, 1)."""
    return math.exp(-0.5 * z * z) / math.sqrt(2.0 * math.pi)


def normal_distribution(z):
    """Φ(z) of N(0, 1)."""
    return 0.5 * math.erfc(-z / math.sqrt(2.0))


def times(z, factor):
    """z · factor, 0 where the factor is: −∞ · 0 is the limit 0, not NaN."""
    return z * factor if factor else 0.0 * factor


GELU_A, GELU_B = 2.0 * math.sqrt(2.0 / math.pi), 2.0 * math.sqrt(2.0 / math.pi) * 0.044715


def gelu_argument(z):
    """2u = 2 √(2/π) (z + 0.044715 z³)."""
    return z * (GELU_A + GELU_B * z * z)


def gelu_tanh_prime(z):
    """σ(2u) + z σ'(2u) v, v = (2u)' = A + 3B z²."""
    u, v = gelu_argument(z), GELU_A + 3.0 * GELU_B * z * z
    return sigmoid(u) + times(z * v, sigmoid_prime(u))


def gelu_tanh_second(z):
    """σ' (2v + z (1 − 2σ) v² + 6B z²), σ of 2u."""
    u, v = gelu_argument(z), GELU_A + 3.0 * GELU_B * z * z
    s = sigmoid_prime(u)
    return times(2.0 * v + z * (1.0 - 2.0 * sigmoid(u)) * v * v + 6.0 * GELU_B * z * z, s)


def clamp(z, low, high):
    """z kept between low and high; NaN stays."""
    return low if z < low else high if z > high else z


def softsign(z):
    """z / (1 + |z|), ±1 at ±∞."""
    return math.copysign(1.0, z) if math.isinf(z) else z / (1.0 + abs(z))


def sine(f):
    """f(z), NaN at ±∞, where math raises."""
    return lambda z: math.nan if math.isinf(z) else f(z)


def softplus(z):
    """log(1 + e^z)."""
    return (z if z > 0 else 0.0 if z <= 0 else z) + math.log1p(math.exp(-abs(z)))


SELU, SELU_ALPHA = 1.0507009873554804934193349852946, 1.6732632423543772848170429916717

ACTIVATIONS = {
    "sigmoid": Activation(sigmoid, sigmoid_prime, sigmoid_second),
    "tanh": Activation(math.tanh, tanh_prime, lambda z: -2.0 * math.tanh(z) * tanh_prime(z)),
    "relu": Activation(lambda z: 0.0 if z <= 0 else z, lambda z: 1.0 if z > 0 else 0.0, lambda z: 0.0),
    "identity": Activation(lambda z: z, lambda z: 1.0, lambda z: 0.0),
    "leaky_relu": Activation(lambda z: z if z > 0 else 0.01 * z, lambda z: 1.0 if z > 0 else 0.01, lambda z: 0.0),
    "elu": Activation(exp_branch, lambda z: 1.0 if z > 0 else math.exp(z), lambda z: 0.0 if z > 0 else math.exp(z)),
    "selu": Activation(
        lambda z: exp_branch(z, SELU, SELU_ALPHA),
        lambda z: SELU if z > 0 else SELU * SELU_ALPHA * math.exp(z),
        lambda z: 0.0 if z > 0 else SELU * SELU_ALPHA * math.exp(z)),
    "gelu": Activation(
        lambda z: times(z, normal_distribution(z)),
        lambda z: normal_distribution(z) + times(z, normal_density(z)),
        lambda z: times(2.0 - z * z, normal_density(z))),
    "gelu_tanh": Activation(lambda z: times(z, sigmoid(gelu_argument(z))), gelu_tanh_prime, gelu_tanh_second),
    "silu": Activation(
        lambda z: times(z, sigmoid(z)),
        lambda z: sigmoid(z) + times(z, sigmoid_prime(z)),
        lambda z: 2.0 * sigmoid_prime(z) + times(z, sigmoid_second(z))),
    "softplus": Activation(softplus, sigmoid, sigmoid_prime),
    "softsign": Activation(
        softsign,
        lambda z: (1.0 / (1.0 + abs(z))) ** 2,
        lambda z: math.copysign(2.0, -z) * (1.0 / (1.0 + abs(z))) ** 3 if z else 0.0),
    "hard_sigmoid": Activation(
        lambda z: clamp(z + 3.0, 0.0, 6.0) / 6.0, lambda z: 1.0 / 6.0 if -3 < z < 3 else 0.0, lambda z: 0.0),
    "hard_tanh": Activation(lambda z: clamp(z, -1.0, 1.0), lambda z: 1.0 if -1 < z < 1 else 0.0, lambda z: 0.0),
    "sin": Activation(sine(math.sin), sine(math.cos), lambda z: -sine(math.sin)(z)),
    "gaussian": Activation(
        lambda z: math.exp(-z * z),
        lambda z: times(-2.0 * z, math.exp(-z * z)),
        lambda z: times(4.0 * z * z - 2.0, math.exp(-z * z))),
}


def softmax(z):
    """a_j = e^{z_j} / Σ_k e^{z_k}, over a row z (n,): the output activation that couples neurons.

    The largest z_j is taken off first; entries of ∞ share 1, as do those of −∞ where all are."""
    most = max((z_j for z_j in z if z_j == z_j), default=math.nan)
    e = [1.0 if z_j == most else math.exp(z_j - most) for z_j in z]
    return [e_j / total(e) for e_j in e]


def softmax_times_jacobian(v, z):
    """Σ_i v_i ∂a_i/∂z_j = a_j (v_j − Σ_i v_i a_i); v (n,), z (n,) -> (n,)."""
    a = softmax(z)
    mean_v = total(v_i * a_i for v_i, a_i in zip(v, a, strict=True))
    return [a_j * (v_j - mean_v) for v_j, a_j in zip(v, a, strict=True)]


# Activations of a whole row: name -> (f, the product with its Jacobian).
ROW_ACTIVATIONS = {"softmax": (softmax, softmax_times_jacobian)}


def times_prime(v, z, activation):
    """v ⊙ σ'(z), or v times the Jacobian where σ takes a whole row; v (n,), z (n,) -> (n,)."""
    if activation in ROW_ACTIVATIONS:
        return ROW_ACTIVATIONS[activation][1](v, z)
    f_prime = ACTIVATIONS[activation].prime
    return [v_j * f_prime(z_j) for v_j, z_j in zip(v, z, strict=True)]


# Costs of one sample: name -> (C_x, ∇_a C_x), functions of the output a and the target y.


def per_output(f, **parameters):
    """Σ_j f(a_j, y_j), j over the n output neurons, as a function of a and y."""
    return lambda a, y: total(f(a_j, y_j, **parameters) for a_j, y_j in zip(a, y, strict=True))


def each_output(f, **parameters):
    """f(a_j, y_j) for each of the n output neurons, (n,), as a function of a and y."""
    return lambda a, y: [f(a_j, y_j, **parameters) for a_j, y_j in zip(a, y, strict=True)]


def quadratic(a, y):
    """C_x = ½ ‖a − y‖² = ½ Σ_j (a_j − y_j)², j over the n output neurons."""
    return 0.5 * total((a_j - y_j) * (a_j - y_j) for a_j, y_j in zip(a, y, strict=True))


def quadratic_nabla(a, y):
    """(∇_a C_x)_j = ∂C_x/∂a_j = a_j − y_j; shape (n,)."""
    return [a_j - y_j for a_j, y_j in zip(a, y, strict=True)]


def ln(x):
    """ln x, −∞ at 0 and NaN below."""
    return math.log(x) if x > 0 else -math.inf if x == 0 else math.nan


def weigh(x, f):
    """x f, and 0 where x is 0, whatever f is: 0 ln 0 = 0 here."""
    return x * f if x != 0 else 0.0


def over(x, a):
    """x / a, and 0 where x is 0."""
    return 0.0 if x == 0 else x / a if a != 0 else math.copysign(math.inf, x)


def cross_entropy(a, y):
    """−y ln a − (1 − y) ln(1 − a), of one output."""
    return -weigh(y, ln(a)) - weigh(1.0 - y, ln(1.0 - a))


def cross_entropy_nabla(a, y):
    return over(1.0 - y, 1.0 - a) - over(y, a)


def categorical_cross_entropy(a, y):
    """−y ln a, of one output."""
    return -weigh(y, ln(a))


def categorical_cross_entropy_nabla(a, y):
    return -over(y, a)


def sign(d):
    return (d > 0) - (d < 0)


def huber(a, y, delta=1.0):
    """½ d² for |d| ≤ delta, else delta (|d| − ½ delta); d = a − y."""
    d = abs(a - y)
    return 0.5 * d * d if d <= delta else delta * (d - 0.5 * delta)


def huber_nabla(a, y, delta=1.0):
    return max(-delta, min(delta, a - y))


def log_cosh(a, y):
    """ln cosh d = |d| + ln(1 + e^{−2|d|}) − ln 2 = ½ ln(1 + sinh² d), the last for small d."""
    d = abs(a - y)
    return 0.5 * math.log1p(math.sinh(d) ** 2) if d < 1 else d + math.log1p(math.exp(-2.0 * d)) - math.log(2.0)


def log_cosh_nabla(a, y):
    return math.tanh(a - y)


def poisson(a, y):
    """a − y ln a, of a rate a."""
    return a - weigh(y, ln(a))


def poisson_nabla(a, y):
    return 1.0 - over(y, a)


def quantile(a, y, tau=0.5):
    """tau (y − a) for y ≥ a, else (1 − tau) (a − y)."""
    return tau * (y - a) if y >= a else (1.0 - tau) * (a - y)


def quantile_nabla(a, y, tau=0.5):
    """0 at the kink."""
    return 0.0 if a == y else -tau if y > a else 1.0 - tau


def gaussian_nll(a, y):
    """½ Σ_j [s_j + (y_j − μ_j)² e^{−s_j}]: of n outputs the first half are μ, the others s; y is (n/2,)."""
    mu, s = a[: len(y)], a[len(y) :]
    terms = [s_j + (y_j - mu_j) ** 2 * math.exp(-s_j) for mu_j, s_j, y_j in zip(mu, s, y, strict=True)]
    return 0.5 * total(terms)


def gaussian_nll_nabla(a, y):
    """∂/∂μ_j = (μ_j − y_j) e^{−s_j}, then ∂/∂s_j = ½ [1 − (y_j − μ_j)² e^{−s_j}]; shape (n,)."""
    mu, s = a[: len(y)], a[len(y) :]
    d_mu = [(mu_j - y_j) * math.exp(-s_j) for mu_j, s_j, y_j in zip(mu, s, y, strict=True)]
    return d_mu + [0.5 * (1.0 - (y_j - mu_j) * (y_j - mu_j) * math.exp(-s_j)) for mu_j, s_j, y_j in zip(mu, s, y)]


COSTS = {
    "quadratic": (quadratic, quadratic_nabla),
    "cross_entropy": (per_output(cross_entropy), each_output(cross_entropy_nabla)),
    "categorical_cross_entropy": (per_output(categorical_cross_entropy), each_output(categorical_cross_entropy_nabla)),
    "mae": (per_output(lambda a, y: abs(a - y)), each_output(lambda a, y: float(sign(a - y)))),
    "huber": (per_output(huber), each_output(huber_nabla)),
    "log_cosh": (per_output(log_cosh), each_output(log_cosh_nabla)),
    "poisson": (per_output(poisson), each_output(poisson_nabla)),
    "poisson_log": (
        per_output(lambda a, y: math.exp(a) - weigh(y, a)),
        each_output(lambda a, y: math.exp(a) - y),
    ),
    "quantile": (per_output(quantile), each_output(quantile_nabla)),
    "gaussian_nll": (gaussian_nll, gaussian_nll_nabla),
}


def cost_of(cost):
    """(C_x, ∇_a C_x) by name; such a pair is taken as it is."""
    return COSTS[cost] if isinstance(cost, str) else cost


def weighted(cost, output_weights=None, ignore_nan=False):
    """A cost, by name or as a pair, with a factor u_j for each target; a NaN counts as no target.

    A cost is a sum over targets: target j of k has the outputs j, j + k, ….
    """
    value, nabla = cost_of(cost)

    def factor(j, y):
        missing = ignore_nan and math.isnan(y[j])
        return 0.0 if missing else 1.0 if output_weights is None else output_weights[j]

    def weighted_value(a, y):
        k = len(y)
        return total(weigh(factor(j, y), value(a[j::k], [y[j]])) for j in range(k))

    def weighted_nabla(a, y):
        k = len(y)
        parts = [[weigh(factor(j, y), g) for g in nabla(a[j::k], [y[j]])] for j in range(k)]
        return [parts[j % k][j // k] for j in range(len(a))]

    return weighted_value, weighted_nabla


# Pairs of output activation and cost whose C_x and δ have a simpler exact form in z.


def log_sum_exp(z):
    """ln Σ_k e^{z_k}, with no overflow."""
    top = max(range(len(z)), key=z.__getitem__)
    return z[top] + math.log1p(total(math.exp(z_k - z[top]) for k, z_k in enumerate(z) if k != top))


FUSED = {
    ("sigmoid", "cross_entropy"): (
        per_output(lambda z, y: weigh(1.0 - y, softplus(z)) + weigh(y, softplus(-z))),
        each_output(lambda z, y: sigmoid(z) - y),
    ),
    ("sigmoid", "categorical_cross_entropy"): (
        per_output(lambda z, y: weigh(y, softplus(-z))),
        each_output(lambda z, y: -y * sigmoid(-z)),
    ),
    ("sigmoid", "poisson"): (
        per_output(lambda z, y: sigmoid(z) + weigh(y, softplus(-z))),
        each_output(lambda z, y: (sigmoid(z) - y) * sigmoid(-z)),
    ),
    ("softplus", "poisson"): (
        per_output(lambda z, y: softplus(z) - weigh(y, z if z < -40.0 else math.log(softplus(z)))),
        each_output(lambda z, y: (softplus(z) - y) * (-math.expm1(-softplus(z)) / softplus(z) if z > -40.0 else 1.0)),
    ),
    ("softmax", "categorical_cross_entropy"): (
        lambda z, y: total(weigh(y_j, log_sum_exp(z) - z_j) for z_j, y_j in zip(z, y, strict=True)),
        lambda z, y: [total(y) * math.exp(z_j - log_sum_exp(z)) - y_j for z_j, y_j in zip(z, y, strict=True)],
    ),
}


def sample_cost(z, a, y, activation, cost):
    """C_x from the last layer's z and a."""
    fused = FUSED.get((activation, cost)) if isinstance(cost, str) else None
    return fused[0](z, y) if fused else cost_of(cost)[0](a, y)


# Forward.


def weighted_input(w_l, b_l, a):
    """z_j = Σ_k w_jk a_k + b_j; w_l (n, p), b_l (n,), a (p,) -> z (n,)."""
    return [
        total([w_jk * a_k for w_jk, a_k in zip(w_j, a, strict=True)] + [b_j])
        for w_j, b_j in zip(w_l, b_l, strict=True)
    ]


def activate(z, activation):
    """a_j = σ(z_j); shape (n,)."""
    if activation in ROW_ACTIVATIONS:
        return ROW_ACTIVATIONS[activation][0](z)
    return [ACTIVATIONS[activation].f(z_j) for z_j in z]


def feedforward(w, b, x, activations=None):
    """z^l = w^l a^{l−1} + b^l and a^l = σ(z^l), layer after layer -> (z, a), a[0] is x."""
    z, a = [], [x]
    for w_l, b_l, activation in zip(w, b, names(activations, w), strict=True):
        z.append(weighted_input(w_l, b_l, a[-1]))
        a.append(activate(z[-1], activation))
    return z, a


def names(activations, w):
    """One activation name per layer after the input."""
    return ["sigmoid"] * len(w) if activations is None else list(activations)


def cost(w, b, X, Y, activations=None, cost="quadratic", sample_weight=None):
    """C = Σ_x u_x C_x / Σ_x u_x, over the m samples (rows) of X and Y; u is 1 where none is given."""
    last = names(activations, w)[-1]
    layers = [feedforward(w, b, x, activations) for x in X]
    costs = [sample_cost(z[-1], a[-1], y, last, cost) for (z, a), y in zip(layers, Y, strict=True)]
    return weighted_mean(costs, sample_weight)


mean_cost = cost  # its name where an argument `cost` hides it


# Backward.  δ^l = ∂C_x/∂z^l is the answer of the cost of one sample to a change of z^l.


def bp1(nabla_a, z, activation):
    """BP1: δ_j^L = ∂C_x/∂a_j^L σ'(z_j^L); shape (n,)."""
    return times_prime(nabla_a, z, activation)


def output_delta(z, a, y, activation, cost):
    """BP1 for a pair: its form in z where it has one, else ∇_a C_x ⊙ σ'(z^L); shape (n,)."""
    fused = FUSED.get((activation, cost)) if isinstance(cost, str) else None
    return fused[1](z, y) if fused else bp1(cost_of(cost)[1](a, y), z, activation)


def bp2(w_next, delta_next, z, activation):
    """BP2: δ_j^l = (Σ_i w_ij^{l+1} δ_i^{l+1}) σ'(z_j^l).

    w_next (n_next, n), delta_next (n_next,), z (n,) -> δ^l (n,).
    """
    columns = zip(*w_next, strict=True)  # column j: the weights out of neuron j
    back = [total(w_ij * d_i for w_ij, d_i in zip(w_j, delta_next, strict=True)) for w_j in columns]
    return times_prime(back, z, activation)


def bp3(delta):
    """BP3: ∂C_x/∂b_j^l = δ_j^l; shape (n,)."""
    return list(delta)


def bp4(delta, a_prev):
    """BP4: ∂C_x/∂w_jk^l = δ_j^l a_k^{l−1}; delta (n,), a_prev (p,) -> (n, p)."""
    return [[d_j * a_k for a_k in a_prev] for d_j in delta]


class Backprop(NamedTuple):
    """One sample: C_x, δ (like b), ∂C_x/∂w (like w), ∂C_x/∂b (like b)."""

    cost: float
    delta: list
    nabla_w: list
    nabla_b: list


class Gradient(NamedTuple):
    """A batch: C, ∂C/∂w (like w), ∂C/∂b (like b), each the mean over its samples."""

    cost: float
    nabla_w: list
    nabla_b: list


def backprop(w, b, x, y, activations=None, cost="quadratic"):
    """One sample forward, then BP1 at the output, BP2 back to the first layer, BP3, BP4."""
    activations = names(activations, w)
    z, a = feedforward(w, b, x, activations)

    delta = [output_delta(z[-1], a[-1], y, activations[-1], cost)]
    for l in reversed(range(len(w) - 1)):
        delta.insert(0, bp2(w[l + 1], delta[0], z[l], activations[l]))

    nabla_w = [bp4(delta_l, a_prev) for delta_l, a_prev in zip(delta, a[:-1], strict=True)]
    nabla_b = [bp3(delta_l) for delta_l in delta]
    return Backprop(sample_cost(z[-1], a[-1], y, activations[-1], cost), delta, nabla_w, nabla_b)


def gradient(w, b, X, Y, activations=None, cost="quadratic", sample_weight=None):
    """∂C/∂w = Σ_x u_x ∂C_x/∂w / Σ_x u_x, and so for b, over the m samples (rows) of X and Y."""
    samples = [backprop(w, b, x, y, activations, cost) for x, y in zip(X, Y, strict=True)]
    return Gradient(
        weighted_mean([s.cost for s in samples], sample_weight),
        weighted_mean([s.nabla_w for s in samples], sample_weight),
        weighted_mean([s.nabla_b for s in samples], sample_weight),
    )


# Descent.


def sgd_step(w, b, X, Y, eta, activations=None, cost="quadratic"):
    """w ← w − η ∂C/∂w, b ← b − η ∂C/∂b.  Pure: returns new (w, b), changes nothing."""

    def down(v, nabla_v):
        return [v_k - eta * g_k for v_k, g_k in zip(v, nabla_v, strict=True)]

    _, nabla_w, nabla_b = gradient(w, b, X, Y, activations, cost)
    new_w = [[down(w_j, g_j) for w_j, g_j in zip(w_l, g_l)] for w_l, g_l in zip(w, nabla_w)]
    new_b = [down(b_l, g_l) for b_l, g_l in zip(b, nabla_b)]
    return new_w, new_b


def sgd_epoch(w, b, X, Y, eta, batch_size, order=None, activations=None, cost="quadratic"):
    """One step a batch: batch_size samples in turn, what remains in a shorter last batch.

    `order` is the order of the rows; None: as they stand.  Pure: returns new (w, b).
    """
    order = list(range(len(X)) if order is None else order)
    for start in range(0, len(order), batch_size):
        batch = order[start : start + batch_size]
        X_batch, Y_batch = [X[i] for i in batch], [Y[i] for i in batch]
        w, b = sgd_step(w, b, X_batch, Y_batch, eta, activations, cost)
    return w, b


# Experiments: what the equations are tested against.


def delta_experiment(w, b, x, y, layer, neuron, dz, activations=None, cost="quadratic"):
    """ΔC_x after z_j^l → z_j^l + Δz, the rest run forward; δ is defined by ΔC ≈ δ_j^l Δz.

    `layer` is an index into w, `neuron` the index j into z[layer].
    """
    layer = range(len(w))[layer]  # -1 is the last
    activations = names(activations, w)
    z, a = feedforward(w, b, x, activations)

    z_new = list(z[layer])
    z_new[neuron] += dz
    a_new = activate(z_new, activations[layer])
    rest = slice(layer + 1, None)
    z_rest, a_rest = feedforward(w[rest], b[rest], a_new, activations[rest])
    last = (z_rest or [z_new])[-1], a_rest[-1]
    return sample_cost(*last, y, activations[-1], cost) - sample_cost(z[-1], a[-1], y, activations[-1], cost)


def numerical_gradient(w, b, X, Y, activations=None, cost="quadratic", h=2.0**-9):
    """∂C/∂v ≈ [45 D(h) − 9 D(2h) + D(3h)] / 60h, D(h) = C(v+h) − C(v−h), v each weight and bias.

    Error of an entry: h⁶/140 |∂⁷C/∂v⁷| from the stencil and about 2 ε |C| / h from
    rounding, 4e-19 |∂⁷C| + 2e-13 |C| with the default h.  No kink of an activation
    may lie within 3h.  Returns (nabla_w, nabla_b); w and b stay as they are.
    """
    w = [[list(w_j) for w_j in w_l] for w_l in w]
    b = [list(b_l) for b_l in b]

    def derivative(v, k):
        kept = v[k]

        def C(step):
            v[k] = kept + step
            return mean_cost(w, b, X, Y, activations, cost)

        D1, D2, D3 = (C(i * h) - C(-i * h) for i in (1, 2, 3))
        v[k] = kept
        return (45.0 * D1 - 9.0 * D2 + D3) / (60.0 * h)

    nabla_w = [[[derivative(w_j, k) for k in range(len(w_j))] for w_j in w_l] for w_l in w]
    nabla_b = [[derivative(b_l, j) for j in range(len(b_l))] for b_l in b]
    return nabla_w, nabla_b


# Derivatives of the outputs and second derivatives.  Exact: rules of differentiation, no steps.


def matrix_times(w_l, t):
    """Σ_k w_jk t_k; w_l (n, p), t (p,) -> (n,)."""
    return [total(w_jk * t_k for w_jk, t_k in zip(w_j, t, strict=True)) for w_j in w_l]


class Taylor(NamedTuple):
    """Of a layer's outputs along one direction v in the inputs, x + ε v: value, d/dε and d²/dε² at 0."""

    a: list
    first: list
    second: list


def taylor(w, b, x, v, activations=None):
    """The outputs' derivatives along v (p,), of order one and two: the chain rule, layer after layer.

    With z' = w a' and z'' = w a'':  a' = σ' z',  a'' = σ' z'' + σ'' z'²; softmax has its own.
    """
    a, first, second = x, v, [0.0] * len(x)
    for w_l, b_l, activation in zip(w, b, names(activations, w), strict=True):
        z, dz, ddz = weighted_input(w_l, b_l, a), matrix_times(w_l, first), matrix_times(w_l, second)
        a = activate(z, activation)
        first = times_prime(dz, z, activation)
        second = [u + c for u, c in zip(times_prime(ddz, z, activation), bend(dz, dz, z, activation), strict=True)]
    return Taylor(a, first, second)


def bend(u, v, z, activation):
    """Σ_jk ∂²a_i/∂z_j∂z_k u_j v_k: σ''(z_i) u_i v_i where σ is elementwise; (n,).

    softmax: a_i [(u_i − ū)(v_i − v̄) − Cov_a(u, v)] with means and covariance of weights a."""
    if activation == "softmax":
        a = softmax(z)
        u_mean = total(a_k * u_k for a_k, u_k in zip(a, u, strict=True))
        v_mean = total(a_k * v_k for a_k, v_k in zip(a, v, strict=True))
        products = [(u_k - u_mean) * (v_k - v_mean) for u_k, v_k in zip(u, v, strict=True)]
        covariance = total(a_k * c for a_k, c in zip(a, products, strict=True))
        return [a_i * (c - covariance) for a_i, c in zip(a, products, strict=True)]
    f_second = ACTIVATIONS[activation].second
    return [f_second(z_i) * u_i * v_i for z_i, u_i, v_i in zip(z, u, v, strict=True)]


def unit_vectors(n):
    """The n directions e_1 ... e_n."""
    return [[1.0 if i == k else 0.0 for i in range(n)] for k in range(n)]


def jvp(w, b, x, v, activations=None):
    """∂a^L/∂x v; x and v (n_in,) -> (n_out,)."""
    return taylor(w, b, x, v, activations).first


def jacobian(w, b, x, activations=None):
    """∂a_j^L/∂x_k, row j and column k; x (n_in,) -> (n_out, n_in)."""
    columns = [jvp(w, b, x, v, activations) for v in unit_vectors(len(x))]
    return [list(row) for row in zip(*columns, strict=True)]


def laplacian(w, b, x, activations=None):
    """Σ_i ∂²a^L/∂x_i²; x (n_in,) -> (n_out,)."""
    seconds = [taylor(w, b, x, v, activations).second for v in unit_vectors(len(x))]
    return [total(entries) for entries in zip(*seconds, strict=True)]


# ∂²C_x/∂a² of one output: name -> function of a and y.  gaussian_nll, which couples outputs, is in r_nabla.
COST_SECONDS = {
    "quadratic": lambda a, y: 1.0,
    "cross_entropy": lambda a, y: over(1.0 - y, (1.0 - a) * (1.0 - a)) + over(y, a * a),
    "categorical_cross_entropy": lambda a, y: over(y, a * a),
    "mae": lambda a, y: 0.0,
    "huber": lambda a, y: 1.0 if abs(a - y) <= 1.0 else 0.0,
    "log_cosh": lambda a, y: 1.0 / math.cosh(a - y) ** 2,
    "poisson": lambda a, y: over(y, a * a),
    "poisson_log": lambda a, y: math.exp(a),
    "quantile": lambda a, y: 0.0,
}


def r_nabla(a, y, r_a, cost):
    """R{∇_a C_x} = ∂²C_x/∂a² R a; shape (n,)."""
    if cost != "gaussian_nll":
        return [COST_SECONDS[cost](a_j, y_j) * r_j for a_j, y_j, r_j in zip(a, y, r_a, strict=True)]
    k, by_mu, by_s = len(y), [], []
    for mu, s, y_j, r_mu, r_s in zip(a[:k], a[k:], y, r_a[:k], r_a[k:], strict=True):
        by_mu.append(math.exp(-s) * (r_mu - (mu - y_j) * r_s))
        by_s.append(math.exp(-s) * (mu - y_j) * (0.5 * (mu - y_j) * r_s - r_mu))
    return by_mu + by_s


def r_backprop(w, b, v_w, v_b, x, y, activations=None, cost="quadratic"):
    """R{∂C_x/∂w} and R{∂C_x/∂b}: d/dε of the gradient at w + ε v_w, b + ε v_b, ε = 0, one sample.

    R{·} obeys the rules of differentiation, so that it goes through feedforward, BP1-BP4 line by line.
    """
    activations = names(activations, w)
    z, a = feedforward(w, b, x, activations)
    r_z, r_a = [], [[0.0] * len(x)]
    for l, activation in enumerate(activations):
        r_z.append([u + r for u, r in zip(weighted_input(v_w[l], v_b[l], a[l]), matrix_times(w[l], r_a[l]), strict=True)])
        r_a.append(times_prime(r_z[l], z[l], activation))

    e, r_e = COSTS[cost][1](a[-1], y), r_nabla(a[-1], y, r_a[-1], cost)  # ∂C_x/∂a^L
    nabla_w, nabla_b = [], []
    for l in reversed(range(len(w))):
        delta = times_prime(e, z[l], activations[l])
        r_delta = r_times_prime(e, r_e, z[l], r_z[l], activations[l])
        nabla_b.insert(0, r_delta)
        nabla_w.insert(0, [[r_d * a_k + d * r_k for a_k, r_k in zip(a[l], r_a[l], strict=True)]
                           for d, r_d in zip(delta, r_delta, strict=True)])
        columns, v_columns = list(zip(*w[l], strict=True)), list(zip(*v_w[l], strict=True))
        e = matrix_times(columns, delta)
        r_e = [u + c for u, c in zip(matrix_times(columns, r_delta), matrix_times(v_columns, delta), strict=True)]
    return nabla_w, nabla_b


def r_times_prime(e, r_e, z, r_z, activation):
    """R{Σ_i e_i ∂a_i/∂z_j} = Σ_i R e_i ∂a_i/∂z_j + e_i Σ_k ∂²a_i/∂z_j∂z_k R z_k; (n,)."""
    direct = times_prime(r_e, z, activation)
    if activation not in ROW_ACTIVATIONS:
        return [u + e_j * c for u, e_j, c in zip(direct, e, bend([1.0] * len(z), r_z, z, activation), strict=True)]
    bent = [bend(unit, r_z, z, activation) for unit in unit_vectors(len(z))]
    return [u + total(e_i * c for e_i, c in zip(e, row, strict=True)) for u, row in zip(direct, bent, strict=True)]


def hessian_vector(w, b, v_w, v_b, X, Y, activations=None, cost="quadratic"):
    """The Hessian of the mean cost times (v_w, v_b), shaped like (w, b); X and Y hold m samples."""
    samples = [r_backprop(w, b, v_w, v_b, x, y, activations, cost) for x, y in zip(X, Y, strict=True)]
    return mean([s[0] for s in samples]), mean([s[1] for s in samples])
