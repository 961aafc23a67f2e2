"""The optimizers' kernels against the published formulas, written out here in NumPy, and what surrounds them."""

import math
import pickle

import numpy as np
import pytest

import fastnet as fn
from fastnet import optimizers
from fastnet._core import kernels
from fastnet._core.optimizers import Updater, bound_rows, gradient_scale, squares

# -- the formulas, step by step, as the docstrings of fastnet.optimizers state them ----------------


def sgd(w, gradient, eta, mu=0.0, nesterov=False):
    v = np.zeros_like(w)
    while True:
        g = gradient(w)
        v = mu * v + g
        w = w - next(eta) * (g + mu * v if nesterov else v)
        yield w


def adagrad(w, gradient, eta, eps=1e-10):
    v = np.zeros_like(w)
    while True:
        g = gradient(w)
        v = v + g**2
        w = w - next(eta) * g / (np.sqrt(v) + eps)
        yield w


def rmsprop(w, gradient, eta, alpha=0.99, eps=1e-8, centered=False, mu=0.0):
    v, m, u = np.zeros((3, *w.shape))
    while True:
        g = gradient(w)
        v = alpha * v + (1 - alpha) * g**2
        m = alpha * m + (1 - alpha) * g
        u = mu * u + g / (np.sqrt(v - m**2 if centered else v) + eps)
        w = w - next(eta) * u
        yield w


def adam(w, gradient, eta, b1=0.9, b2=0.999, eps=1e-8, decay=0.0, amsgrad=False):
    m, v, largest = np.zeros((3, *w.shape))
    t = 0
    while True:
        g, t, rate = gradient(w), t + 1, next(eta)
        m = b1 * m + (1 - b1) * g
        v = b2 * v + (1 - b2) * g**2
        largest = np.maximum(largest, v)
        v_hat = (largest if amsgrad else v) / (1 - b2**t)
        w = (1 - rate * decay) * w - rate * m / (1 - b1**t) / (np.sqrt(v_hat) + eps)
        yield w


def nadam(w, gradient, eta, b1=0.9, b2=0.999, eps=1e-8, psi=0.004):
    m, v = np.zeros((2, *w.shape))
    t, product = 0, 1.0
    while True:
        g, t, rate = gradient(w), t + 1, next(eta)
        mu, following = (b1 * (1 - 0.5 * 0.96 ** (s * psi)) for s in (t, t + 1))
        product *= mu
        m = b1 * m + (1 - b1) * g
        v = b2 * v + (1 - b2) * g**2
        step = following * m / (1 - product * following) + (1 - mu) * g / (1 - product)
        w = w - rate * step / (np.sqrt(v / (1 - b2**t)) + eps)
        yield w


def rprop(w, gradient, eta, costs, minus=0.5, plus=1.2, least=1e-6, most=50.0):
    """Igel and Hüsken's iRprop+, with a vector of last moves, element by element."""
    w, size, before, moved = w.copy(), np.full_like(w, next(eta)), np.zeros_like(w), np.zeros_like(w)
    last_cost = math.inf
    while True:
        g, cost = gradient(w).copy(), next(costs)
        for i in range(len(w)):
            if g[i] * before[i] > 0:
                size[i] = min(size[i] * plus, most)
                moved[i] = -np.sign(g[i]) * size[i]
                w[i] += moved[i]
            elif g[i] * before[i] < 0:
                size[i] = max(size[i] * minus, least)
                if cost > last_cost:
                    w[i] -= moved[i]
                g[i] = 0
            else:
                moved[i] = -np.sign(g[i]) * size[i]
                w[i] += moved[i]
        before, last_cost = g, cost
        yield w.copy()


CASES = {
    "sgd": (fn.SGD(0.1), sgd, {}),
    "momentum": (fn.SGD(0.02, momentum=0.9), sgd, {"mu": 0.9}),
    "nesterov": (fn.SGD(0.02, momentum=0.9, nesterov=True), sgd, {"mu": 0.9, "nesterov": True}),
    "adagrad": (fn.Adagrad(0.1), adagrad, {}),
    "adagrad, eps": (fn.Adagrad(0.1, eps=0.01), adagrad, {"eps": 0.01}),
    "rmsprop": (fn.RMSprop(0.01), rmsprop, {}),
    "rmsprop, alpha, eps": (fn.RMSprop(0.01, alpha=0.3, eps=0.01), rmsprop, {"alpha": 0.3, "eps": 0.01}),
    "rmsprop, centered": (fn.RMSprop(0.01, centered=True), rmsprop, {"centered": True}),
    "rmsprop, momentum": (fn.RMSprop(0.01, momentum=0.8), rmsprop, {"mu": 0.8}),
    "rmsprop, both": (fn.RMSprop(0.01, centered=True, momentum=0.8), rmsprop, {"centered": True, "mu": 0.8}),
    "adam": (fn.Adam(0.05), adam, {}),
    "adam, betas, eps": (fn.Adam(0.05, 0.3, 0.45, 0.01), adam, {"b1": 0.3, "b2": 0.45, "eps": 0.01}),
    "adam, beta1=0": (fn.Adam(0.05, beta1=0.0), adam, {"b1": 0.0}),
    "amsgrad": (fn.AMSGrad(0.05, beta2=0.9), adam, {"b2": 0.9, "amsgrad": True}),
    "adamw": (fn.AdamW(0.05, weight_decay=0.3), adam, {"decay": 0.3}),
    "nadam": (fn.NAdam(0.05), nadam, {}),
    "nadam, psi": (fn.NAdam(0.05, momentum_decay=0.5), nadam, {"psi": 0.5}),
    "rprop": (fn.Rprop(0.03), rprop, {}),
    "rprop, etas, bounds": (fn.Rprop(0.03, 0.7, 1.5, 0.02, 0.08), rprop, {"minus": 0.7, "plus": 1.5, "least": 0.02, "most": 0.08}),
}


def problem(rng, n=67):
    """A smooth function's gradient, with noise that makes every step different: far from any minimum's 0 / 0."""
    scales, target = np.exp(rng.uniform(-2, 2, n)), rng.standard_normal(n)
    noise, costs = rng.standard_normal((101, n)), rng.random(101)
    return rng.standard_normal(n), lambda t: lambda w: scales * (w - target) + 0.5 * noise[t], costs


def rates(optimizer):
    """Rates that change: what a schedule gives.  Rprop reads its first only."""
    return (optimizer.rate * (1 + 0.5 * math.sin(t)) for t in range(10**6))


def expected_of(case, w, gradient_at, costs, steps, before=lambda g, w: g):
    """The formula's parameters after each step."""
    optimizer, formula, options = CASES[case]
    step = iter(range(10**6))
    extra = {"costs": iter(costs)} if formula is rprop else {}
    run = formula(w, lambda w: before(gradient_at(next(step))(w), w), rates(optimizer), **extra, **options)
    return [next(run) for _ in range(steps)]


def found_of(case, w, gradient_at, costs, steps, dtype, **slice_options):
    optimizer = CASES[case][0]
    updater, eta = optimizer.updater(), rates(optimizer)
    w, running = w.astype(dtype), updater.new_running()
    states, path = updater.new_states(len(w), dtype), []
    for t in range(steps):
        g = gradient_at(t)(w.astype(float)).astype(dtype)
        updater.begin(running, next(eta), costs[t])
        updater.apply(g, w, states, **slice_options)
        path.append(w.copy())
    return path


@pytest.mark.parametrize("case", CASES)
def test_float64_follows_the_published_formula_over_100_steps(case, level, rng):
    w, gradient_at, costs = problem(rng)
    expected = expected_of(case, w, gradient_at, costs, 100)
    found = found_of(case, w, gradient_at, costs, 100, np.float64)
    for steps in (1, 10, 100):
        np.testing.assert_allclose(found[steps - 1], expected[steps - 1], rtol=1e-12, atol=1e-13)
    assert np.abs(expected[99] - w).min() > 1e-4                     # every parameter has gone somewhere


@pytest.mark.parametrize("case", CASES)
def test_float32_follows_it_within_its_rounding(case, level, rng):
    """Gradients given, not found from w: what is seen is the update's own rounding, a few eps a step."""
    w, gradient_at, costs = problem(rng)
    w = w.astype(np.float32).astype(float)
    given = [gradient_at(t)(w).astype(np.float32).astype(float) for t in range(100)]
    if CASES[case][0].to_dict().get("centered"):                     # v - m² without cancellation
        given = [(g - np.mean(given, axis=0)).astype(np.float32).astype(float) for g in given]
    fixed = lambda t: lambda w: given[t]
    expected = expected_of(case, w, fixed, costs, 100)
    found = found_of(case, w, fixed, costs, 100, np.float32)
    for steps in (1, 10, 100):
        scale = np.abs(expected[steps - 1]).max()
        error = np.abs(found[steps - 1] - expected[steps - 1]).max() / scale / np.finfo(np.float32).eps
        assert error <= 4 * steps, steps


def test_float32_means_are_not_biased_by_the_rounding_of_beta(level, rng):
    """In beta v + (1 - beta) g², 0.999 rounded to float32 would make every v 108 eps too large."""
    updater, v = fn.Adam().updater(), np.zeros(64)
    w, running, states = np.zeros(64, np.float32), updater.new_running(), updater.new_states(64, np.float32)
    for g in rng.standard_normal((6000, 64)).astype(np.float32):
        updater.begin(running, 0.001)
        updater.apply(g, w, states)
        v = 0.999 * v + 0.001 * g.astype(float)**2
    assert abs(np.mean(states[1] / v - 1)) < 10 * np.finfo(np.float32).eps


@pytest.mark.parametrize("case", ["sgd", "nesterov", "adam", "adamw", "rmsprop, both", "nadam", "adagrad", "amsgrad", "rprop"])
def test_clipping_comes_first_then_penalties(case, level, rng):
    check_shaping(case, rng, scale=0.3, clip=0.25, l2=0.07, l1=0.02)


@pytest.mark.parametrize("option", [{"scale": 0.3}, {"clip": 0.25}, {"l2": 0.07}, {"l1": 0.02}], ids=str)
def test_each_of_them_works_alone(option, level, rng):
    check_shaping("adam", rng, **option)


def check_shaping(case, rng, **options):
    scale, clip, l2, l1 = (options.get(name, none) for name, none in (("scale", 1), ("clip", np.inf), ("l2", 0), ("l1", 0)))
    w, gradient_at, costs = problem(rng)
    w[3:6] = 0                                                     # sign(0) = 0
    before = lambda g, w: np.clip(scale * g, -clip, clip) + l2 * w + l1 * np.sign(w)
    expected = expected_of(case, w, gradient_at, costs, 100, before)
    found = found_of(case, w, gradient_at, costs, 100, np.float64, **options)
    for steps in (1, 10, 100):
        np.testing.assert_allclose(found[steps - 1], expected[steps - 1], rtol=1e-12, atol=1e-13)


@pytest.mark.parametrize("case", CASES)
def test_penalties_alone_are_what_they_are_beside_a_bound_that_changes_nothing(case, level, dtype, rng):
    start, gradients, costs, found = rng.standard_normal(77).astype(dtype), rng.standard_normal((3, 77)).astype(dtype), rng.random(3), []
    for clip in (np.inf, 1e30):
        updater = CASES[case][0].updater()
        w, running, states = start.copy(), updater.new_running(), updater.new_states(77, dtype)
        for g, cost in zip(gradients, costs):
            updater.begin(running, 0.1, cost)
            updater.apply(g, w, states, l2=0.1, clip=clip)
        found.append(w.tobytes())
    assert found[0] == found[1] != start.tobytes()


def test_weight_decay_can_be_left_out_for_biases(rng):
    w, gradient_at, costs = problem(rng)
    with_none = {**CASES, "adamw": (fn.AdamW(0.05, weight_decay=0.3), adam, {"decay": 0.0})}
    expected = with_none["adamw"][1](w, gradient_at(0), rates(CASES["adamw"][0]), decay=0.0)
    found = found_of("adamw", w, gradient_at, costs, 1, np.float64, decay=False)
    np.testing.assert_allclose(found[0], next(expected), rtol=1e-14)


SHAPES = [{}, {"l2": 0.01}, {"scale": 0.5, "clip": 0.1, "l2": 0.01, "l1": 0.001}]


@pytest.mark.parametrize("options", SHAPES, ids=["plain", "decayed", "shaped"])
@pytest.mark.parametrize("case", CASES)
def test_padding_stays_exactly_0(case, options, level, dtype, rng):
    optimizer = CASES[case][0]
    updater = optimizer.updater()
    w, running, states = np.zeros(37, dtype), updater.new_running(), updater.new_states(37, dtype)
    used = np.arange(37) % 3 == 0
    w[used] = rng.standard_normal(used.sum())
    for cost in rng.random(20):
        g = np.where(used, rng.standard_normal(37), 0).astype(dtype)
        updater.begin(running, 0.1, cost)
        updater.apply(g, w, states, **options)
    for vector in (w, *states):
        assert not vector[~used].any() and np.isfinite(vector).all()
    assert all(w[used])


@pytest.mark.parametrize("options", SHAPES, ids=["plain", "decayed", "shaped"])
@pytest.mark.parametrize("case", CASES)
def test_slices_are_updated_as_the_whole_to_the_bit(case, options, level, dtype, rng):
    optimizer = CASES[case][0]
    n = 70
    start, gradients = rng.standard_normal(n).astype(dtype), rng.standard_normal((6, n)).astype(dtype)
    costs = rng.random(6)
    results = []
    for cuts in ([0, n], [0, 1, 3, 8, 23, 39, n], list(range(n + 1))):
        updater = optimizer.updater()
        w, running, states = start.copy(), updater.new_running(), updater.new_states(n, dtype)
        for g, cost in zip(gradients, costs):
            updater.begin(running, 0.1, cost)
            for a, b in reversed(list(zip(cuts, cuts[1:]))):
                updater.apply(g[a:b].copy(), w[a:b], [state[a:b] for state in states], **options)
        results.append(np.concatenate([w, *states]))
    assert not np.array_equal(results[0][:n], start)
    for result in results[1:]:
        assert result.tobytes() == results[0].tobytes()


@pytest.mark.parametrize("case", CASES)
def test_levels_agree(case, dtype, rng):
    """They differ by fused multiply-adds: a few eps a step, of 20 steps that do not depend on w."""
    w, gradient_at, costs = problem(rng)
    given = rng.standard_normal((20, len(w)))
    before, paths = kernels.level(), []
    for name in kernels.LEVELS:
        kernels.select_level(name)
        paths.append(found_of(case, w, lambda t: lambda w: given[t], costs, 20, dtype)[-1])
    kernels.select_level(before)
    for path in paths[1:]:
        np.testing.assert_allclose(path, paths[0], rtol=0, atol=80 * np.finfo(dtype).eps * np.abs(paths[0]).max())


@pytest.mark.parametrize("options", SHAPES, ids=["plain", "decayed", "shaped"])
@pytest.mark.parametrize("case", CASES)
def test_nan_in_the_gradient_reaches_the_weights(case, options, level, dtype):
    updater = CASES[case][0].updater()
    w, g, running, states = np.ones(9, dtype), np.ones(9, dtype), updater.new_running(), updater.new_states(9, dtype)
    g[4] = np.nan
    updater.begin(running, 0.1)
    updater.apply(g, w, states, **options)
    assert np.isnan(w[4]) and np.isfinite(np.delete(w, 4)).all()


def test_centered_rmsprop_survives_gradients_that_do_not_change(level, dtype):
    """v - m² is then 0 but for rounding, which must not reach the root from below."""
    updater = fn.RMSprop(centered=True, alpha=0.5).updater()
    w, running, states = np.ones(50, dtype), updater.new_running(), updater.new_states(50, dtype)
    for _ in range(200):
        updater.begin(running, 1e-9)
        updater.apply(np.linspace(0.1, 3, 50).astype(dtype), w, states)
    assert np.isfinite(w).all()


@pytest.mark.parametrize("kernel", ["adam", "nadam"])
def test_eps_hat_stands_beside_the_root_as_it_is(kernel, level, rng):
    """D. Kingma, J. Ba, Adam, 2015, end of section 2: α_t = α √(1 − β₂ᵗ) / (1 − β₁ᵗ), w -= α_t m / (√v + ε̂), which is algorithm 1
    with an ε that grows by 1 / √(1 − β₂ᵗ)."""
    w, gradient_at, _ = problem(rng)
    hat = Updater(kernel, beta1=0.9, beta2=0.99, eps=0.05, eps_hat=True, momentum_decay=0.96)
    running, states, found = hat.new_running(), hat.new_states(len(w), np.float64), w.copy()
    again, states_again, expected = hat.new_running(), hat.new_states(len(w), np.float64), w.copy()
    for t in range(1, 21):
        hat.begin(running, 0.01)
        hat.apply(gradient_at(t)(found), found, states)
        grown = Updater(kernel, beta1=0.9, beta2=0.99, eps=0.05 / math.sqrt(1 - 0.99**t), momentum_decay=0.96)
        grown.begin(again, 0.01)
        grown.apply(gradient_at(t)(expected), expected, states_again)
        np.testing.assert_allclose(found, expected, rtol=1e-12, atol=1e-14)
    m, v, w = np.zeros(len(w)), np.zeros(len(w)), w.copy()
    if kernel == "adam":
        for t in range(1, 21):
            g = gradient_at(t)(w)
            m, v = 0.9 * m + 0.1 * g, 0.99 * v + 0.01 * g**2
            w = w - 0.01 * math.sqrt(1 - 0.99**t) / (1 - 0.9**t) * m / (np.sqrt(v) + 0.05)
        np.testing.assert_allclose(found, w, rtol=1e-12, atol=1e-14)


def test_a_run_goes_on_from_its_vectors_alone(rng):
    """States and `running` are all that an optimizer remembers: a checkpoint needs nothing else."""
    for case in CASES:
        w, gradient_at, costs = problem(rng)
        whole = found_of(case, w, gradient_at, costs, 20, np.float64)[-1]
        optimizer = CASES[case][0]
        updater, eta = optimizer.updater(), rates(optimizer)
        running, states, w = updater.new_running(), updater.new_states(len(w), np.float64), w.copy()
        for t in range(20):
            if t == 11:
                updater = pickle.loads(pickle.dumps(optimizer)).updater()
                running, states = running.copy(), [state.copy() for state in states]
            updater.begin(running, next(eta), costs[t])
            updater.apply(gradient_at(t)(w), w, states)
        assert w.tobytes() == whole.tobytes(), case


# -- norms ------------------------------------------------------------------------------------------

def test_sums_of_squares_are_exact_on_small_integers_and_double_always(level, dtype, rng):
    for n in range(70):
        x = rng.integers(-9, 10, n).astype(dtype)
        assert squares(x) == float((x.astype(int)**2).sum())
    assert squares(np.full(3, 1e30, np.float32)) == pytest.approx(3 * float(np.float32(1e30))**2, rel=1e-15)


def test_clipping_by_norm_shortens_only_what_is_longer(level, dtype):
    g = np.array([3, 4], dtype)
    assert gradient_scale(g, 5.0) == 1 and gradient_scale(g, 10.0) == 1 and gradient_scale(g, 2.5) == 0.5
    assert gradient_scale(np.array([np.nan, 1], dtype), 1.0) == 1       # left for the step to show
    assert gradient_scale(np.zeros(3, dtype), 1.0) == 1


def test_max_norm_shortens_the_rows_that_are_longer(level, dtype, rng):
    w = rng.standard_normal((7, 19)).astype(dtype)
    w[2] /= 100
    norms = np.linalg.norm(w.astype(float), axis=1)
    expected = w * np.minimum(1, 2.5 / norms)[:, None]
    found = w.copy()
    bound_rows(found, 2.5)
    np.testing.assert_allclose(found, expected, rtol=3 * np.finfo(dtype).eps)
    assert found[2].tobytes() == w[2].tobytes() and (norms > 2.5).sum() >= 5


# -- descriptions -----------------------------------------------------------------------------------

EVERY = [kind() for kind in optimizers.OPTIMIZERS.values()] + [case[0] for case in CASES.values()]


@pytest.mark.parametrize("optimizer", EVERY, ids=repr)
def test_an_optimizer_is_its_options(optimizer):
    again = optimizers.from_dict(optimizer.to_dict())
    assert again == optimizer and hash(again) == hash(optimizer) and again is not optimizer
    assert pickle.loads(pickle.dumps(optimizer)) == optimizer
    assert eval(repr(optimizer), vars(fn.optimizers)) == optimizer
    assert optimizers.as_optimizer(optimizer) is optimizer
    with pytest.raises(AttributeError, match="can't be changed"):
        optimizer.learning_rate = 1.0


def test_every_kernel_has_its_optimizer():
    kernels_of = {optimizer.updater().kernel for optimizer in EVERY if optimizer.rate is not None}
    assert kernels_of == set(kernels.OPTIMIZERS)


def test_names_are_optimizers_with_their_defaults():
    assert optimizers.as_optimizer("adam") == fn.Adam() and optimizers.as_optimizer("momentum") == fn.SGD(momentum=0.9)
    assert optimizers.as_optimizer("nesterov") == fn.SGD(momentum=0.9, nesterov=True)
    assert fn.Adam() != fn.AMSGrad() and fn.Adam() != fn.Adam(eps=1e-7) and fn.Adam() != "adam"
    assert [fn.SGD().rate, fn.Adam().rate, fn.SGD(2).rate, fn.LBFGS().rate] == [3.0, 1e-3, 2.0, None]
    for optimizer in (fn.SGD(), fn.SGD(momentum=0.9), fn.SGD(momentum=0.9, nesterov=True), fn.Adam(), fn.SGD(2)):
        history = fn.Network([2, 1], seed=0).fit([[0, 1]], [1], epochs=1, optimizer=optimizer)
        assert history.learning_rate == [optimizer.rate]


@pytest.mark.parametrize("make, error, message", [
    (lambda: fn.SGD(momentum=1), ValueError, r"momentum must lie in \[0, 1\); got 1"),
    (lambda: fn.SGD(momentum=-0.1), ValueError, "momentum must be finite and 0 or more; got -0.1"),
    (lambda: fn.SGD(momentum="0.9"), TypeError, "momentum must be a number; got '0.9'"),
    (lambda: fn.SGD(learning_rate=-1), ValueError, "learning_rate must be finite and greater than 0; got -1"),
    (lambda: fn.SGD(nesterov=True), ValueError, "nesterov needs a momentum greater than 0"),
    (lambda: fn.SGD(momentum=0.5, nesterov=1), TypeError, "nesterov must be True or False; got 1"),
    (lambda: fn.Adam(beta2=1.0), ValueError, r"beta2 must lie in \[0, 1\)"),
    (lambda: fn.Adam(beta1=float("nan")), ValueError, "beta1 must be finite"),
    (lambda: fn.Adam(eps=0), ValueError, "eps must be finite and greater than 0"),
    (lambda: fn.Adam(eps=1e-60), ValueError, "eps must be at least 1e-30"),
    (lambda: fn.AdamW(weight_decay=-1), ValueError, "weight_decay must be finite and 0 or more; got -1"),
    (lambda: fn.NAdam(momentum_decay=True), TypeError, "momentum_decay must be a number; got True"),
    (lambda: fn.RMSprop(alpha=2), ValueError, r"alpha must lie in \[0, 1\)"),
    (lambda: fn.Rprop(eta_minus=1), ValueError, "eta_minus must be less than 1"),
    (lambda: fn.Rprop(eta_plus=0.9), ValueError, "eta_plus must be 1 or more"),
    (lambda: fn.Rprop(step_min=1, step_max=0.5), ValueError, "step_max must be at least step_min"),
    (lambda: fn.LBFGS(memory=0), ValueError, "memory must be at least 1"),
    (lambda: fn.ConjugateGradient(tolerance=0), ValueError, "tolerance must be finite and greater than 0"),
    (lambda: optimizers.as_optimizer("adma"), ValueError, "optimizer must be one of .*did you mean 'adam'"),
    (lambda: optimizers.as_optimizer(fn.Adam), TypeError, "optimizer must be a name, one of sgd"),
    (lambda: optimizers.from_dict({"name": "sgd", "mu": 1}), ValueError, "'sgd' has the options learning_rate, .*; got mu"),
    (lambda: optimizers.from_dict({}), TypeError, "optimizer must be a name")])
def test_bad_options_are_named(make, error, message):
    with pytest.raises(error, match=message):
        make()


def test_an_updater_of_no_known_kernel_is_refused():
    with pytest.raises(ValueError):
        Updater("newton")
