"""Costs: BP1 of every pair of cost and output activation, labels, extremes, masks, the fast paths."""

import copy
import itertools
import pickle
import warnings

import mpmath
import numpy as np
import pytest

import fastnet as fn
from fastnet import costs, reference
from fastnet._core import kernels
from helpers import as_lists, error_in_eps, flat

COSTS = kernels.COSTS
LABELLED = [name for name in COSTS if name != "gaussian_nll"]
PAIRS = list(itertools.product(kernels.ACTIVATIONS, COSTS))
KNOWN_PAIRS = [pair for pair in PAIRS if pair in reference.FUSED or pair[0] in reference.ACTIVATIONS and pair[0] != "softmax"]
OBJECTS = [costs.Quadratic(), costs.Huber(delta=0.25), costs.Quantile(tau=[0.1, 0.5, 0.7, 0.9]), costs.MAE(ignore_nan=True),
           costs.LogCosh(output_weights=[1, 0, 2, 0.5]), costs.Poisson(log_input=True, ignore_nan=True),
           costs.CrossEntropy(output_weights=[0.5, 1, 2, 4], ignore_nan=True), costs.GaussianNLL(output_weights=[3, 0.5])]


def draw(rng, cost, activation, n_out=4, dtype="float64", m=6):
    """A net whose outputs are near 0.3 or what the activation makes of it, inside (0, 1): the
    logarithms of every cost exist.  Targets inside (0, 1) too."""
    net = fn.Network([3, 5, n_out], activation="tanh", output=activation, cost=cost, dtype=dtype, init="lecun", seed=rng)
    if activation != "softmax":
        net.weights[-1][:] /= 12
    net.biases[-1][:] = 0.3
    X = rng.standard_normal((m, 3)).astype(dtype)
    Y = rng.uniform(0.1, 0.9, (m, net.cost_function.n_targets(n_out)))
    if activation == "softmax":                      # on both sides of outputs near 1 / n_out
        Y *= 2 / n_out
    return net, X, Y.astype(dtype)


# -- BP1 ---------------------------------------------------------------------

@pytest.mark.parametrize("n_out", [2, 4, 18])
@pytest.mark.parametrize("activation, cost", PAIRS)
def test_the_gradient_of_every_pair_is_the_slope_of_its_cost(activation, cost, n_out, level, rng):
    net, X, Y = draw(rng, cost, activation, n_out)
    report = net.check_gradient(X, Y)
    assert report.ok and np.isfinite(report.error), report


@pytest.mark.parametrize("n_out", [2, 4, 18])
@pytest.mark.parametrize("activation, cost", KNOWN_PAIRS)
def test_every_pair_is_the_references(activation, cost, n_out, dtype, level, rng):
    """100 eps: sums in another order than the reference's; a quotient y / a that is 5 and more."""
    net, X, Y = draw(rng, cost, activation, n_out, dtype)
    expected = reference.gradient(*as_lists(net), X.tolist(), Y.tolist(), net.activations, cost)
    value, gradient = net.value_and_gradient(X, Y)
    assert error_in_eps(gradient, flat(expected.nabla_w, expected.nabla_b), dtype) <= 100
    assert error_in_eps(value, expected.cost, dtype) <= 100
    assert net.cost(X, Y) == value


@pytest.mark.parametrize("n_out", [1, 2, 3, 10])
@pytest.mark.parametrize("activation, cost", [("sigmoid", "cross_entropy"), ("softmax", "categorical_cross_entropy")])
def test_delta_is_a_minus_y_exactly_where_the_pair_matches(activation, cost, n_out, dtype, level, rng):
    net = fn.Network([3, n_out], activation=activation, cost=cost, dtype=dtype, seed=rng)
    X, Y = rng.standard_normal((7, 3)), np.eye(n_out)[rng.integers(0, n_out, 7)]
    np.testing.assert_array_equal(net.backprop(X, Y).delta[0], net.forward(X).a[0] - Y.astype(dtype))


@pytest.mark.parametrize("cost", ["mae", "quantile", "huber", "log_cosh", "quadratic"])
def test_an_output_that_is_right_pulls_nowhere(cost, dtype, level):
    net = fn.Network([1, 2], activation="identity", cost=cost, dtype=dtype, init=[0, 0, 0.5, -2])
    found = net.backprop([[1.0]], [[0.5, -2.0]])
    assert found.cost == 0 and not found.delta[0].any()


def test_soft_labels_need_not_sum_to_one(rng):
    net, X, Y = draw(rng, "categorical_cross_entropy", "softmax")
    a = net.forward(X).a[-1]
    np.testing.assert_allclose(net.backprop(X, Y).delta[-1], a * Y.sum(axis=1, keepdims=True) - Y, rtol=0, atol=1e-14)


# -- labels ------------------------------------------------------------------

@pytest.mark.parametrize("batch_size", [1, 4, 9])
@pytest.mark.parametrize("activation, cost", [("sigmoid", name) for name in LABELLED] + [("softmax", "categorical_cross_entropy")])
def test_labels_are_one_hot_rows_to_the_bit(activation, cost, batch_size, dtype, level, path, rng):
    for n_out in (2, 11):
        net = fn.Network([3, 5, n_out], output=activation, cost=cost, dtype=dtype, seed=rng)
        X, labels = rng.standard_normal((9, 3)), rng.integers(0, n_out, 9)
        other, hot = net.copy(), np.eye(n_out)[labels]
        assert net.cost(X, labels) == net.cost(X, hot)
        np.testing.assert_array_equal(net.value_and_gradient(X, labels)[1], net.value_and_gradient(X, hot)[1])
        net.fit(X, labels, epochs=2, batch_size=batch_size, learning_rate=0.1, seed=1)
        other.fit(X, hot, epochs=2, batch_size=batch_size, learning_rate=0.1, seed=1)
        np.testing.assert_array_equal(net.parameters, other.parameters)


# -- extremes ----------------------------------------------------------------

EXACT = {
    ("sigmoid", "cross_entropy"): lambda z, y: (1 - y) * mpmath.log1p(mpmath.exp(z)) + y * mpmath.log1p(mpmath.exp(-z)),
    ("sigmoid", "categorical_cross_entropy"): lambda z, y: y * mpmath.log1p(mpmath.exp(-z)),
    ("sigmoid", "poisson"): lambda z, y: 1 / (1 + mpmath.exp(-z)) + y * mpmath.log1p(mpmath.exp(-z)),
    ("softplus", "poisson"): lambda z, y: mpmath.log1p(mpmath.exp(z)) - y * mpmath.log(mpmath.log1p(mpmath.exp(z))),
}


@pytest.mark.parametrize("y", [0.0, 0.25, 1.0])
@pytest.mark.parametrize("activation, cost", EXACT)
def test_fused_costs_are_right_at_every_magnitude(activation, cost, y, dtype, level):
    """10 eps of the cost and of δ, or of 1 where they are smaller: y is subtracted from values up to 1."""
    eps = np.finfo(dtype).eps
    net = fn.Network([1, 1], activation=activation, cost=cost, dtype=dtype, init=[1, 0])
    mpmath.mp.prec = 400
    for z in (-1e4, -750, -100, -17, -3, -0.01, 0, 1e-3, 0.7, 9, 40, 90, 800, 1e4):
        found = net.backprop([[z]], [[y]])
        exact = EXACT[activation, cost]
        z = mpmath.mpf(float(dtype.type(z)))
        h = mpmath.mpf(2) ** -60
        slope = (exact(z + h, y) - exact(z - h, y)) / (2 * h)
        scale = max(abs(exact(z, y)), 1 if activation == "softplus" else 0)
        assert abs(found.cost - exact(z, y)) <= 10 * eps * scale + np.finfo(dtype).tiny, z
        assert abs(mpmath.mpf(float(found.delta[0][0, 0])) - slope) <= 10 * eps * max(1, abs(slope)), z
    mpmath.mp.prec = 53


@pytest.mark.parametrize("n_out", [2, 3, 10, 33])
def test_softmax_cross_entropy_is_right_at_every_magnitude(n_out, dtype, level, rng):
    """The cost to 10 eps of itself: also that of a class nearly certain, where ln a is 0 but for rounding."""
    eps = np.finfo(dtype).eps
    net = fn.Network([n_out, n_out], activation="softmax", cost="categorical_cross_entropy", dtype=dtype,
                     init=np.concatenate([np.eye(n_out).ravel(), np.zeros(n_out)]))
    mpmath.mp.prec = 300
    for scale in (1e-3, 1, 30, 1e3, 1e4):
        z = (scale * rng.standard_normal(n_out)).astype(dtype)
        for label in {0, int(z.argmax()), int(z.argmin())}:
            found = net.backprop(z[None], [label])
            exact = [mpmath.mpf(float(z_j)) for z_j in z]
            others = mpmath.fsum(mpmath.exp(z_j - exact[label]) for j, z_j in enumerate(exact) if j != label)
            assert abs(found.cost - mpmath.log1p(others)) <= 10 * eps * mpmath.log1p(others) + 1e-300
            a = net.forward(z).a[0]
            np.testing.assert_array_equal(found.delta[0][0], a - np.eye(n_out, dtype=dtype)[label])
    mpmath.mp.prec = 53


@pytest.mark.parametrize("cost", COSTS)
@pytest.mark.parametrize("activation", ["sigmoid", "tanh", "identity"])
def test_costs_of_large_weighted_inputs_are_finite_or_truly_infinite(activation, cost, dtype, level):
    """Only what grows beyond all numbers in earnest may: e^a of poisson_log, e^-s of gaussian_nll, and
    logarithms of outputs that an activation other than a matching one has rounded to 0 and 1."""
    net = fn.Network([1, 2], activation=activation, cost=cost, dtype=dtype, init=[1, 1, 0, 0])
    targets = net.cost_function.n_targets(2)
    for z, y in itertools.product((-1e4, -50, 50, 1e4), (0.0, 1.0)):
        value, gradient = net.value_and_gradient([[z]], [[y] * targets])
        wild = activation != "sigmoid" and (cost in ("cross_entropy", "categorical_cross_entropy", "poisson")
                                            or activation == "identity" and cost in ("poisson_log", "gaussian_nll"))
        assert wild or np.isfinite(value) and np.isfinite(gradient).all(), (z, y)


def test_a_saturated_sigmoid_still_learns_from_cross_entropy(dtype, path):
    net = fn.Network([1, 1], init=[0, -1000], cost="cross_entropy", dtype=dtype)
    net.fit([[1.0]], [[1.0]], epochs=3, batch_size=1, learning_rate=400.0)
    assert net.biases[0][0] == pytest.approx(199.99, abs=0.02) or net([[1.0]])[0, 0] > 0.99


# -- parameters, weights of outputs, masks -----------------------------------

def plain(cost):
    """The cost without its output weights and mask, as the reference has it."""
    if isinstance(cost, costs.Huber):
        return (reference.per_output(reference.huber, delta=cost.delta), reference.each_output(reference.huber_nabla, delta=cost.delta))
    if isinstance(cost, costs.Quantile):
        pairs = [(reference.per_output(reference.quantile, tau=tau), reference.each_output(reference.quantile_nabla, tau=tau))
                 for tau in cost.tau]
        return (lambda a, y: reference.total(pairs[j][0]([a[j]], [y[j]]) for j in range(len(a))),
                lambda a, y: [pairs[j][1]([a[j]], [y[j]])[0] for j in range(len(a))])
    return cost.name


@pytest.mark.parametrize("m", [1, 6])
@pytest.mark.parametrize("cost", OBJECTS, ids=repr)
def test_parameters_output_weights_and_masks_are_the_references(cost, m, dtype, level, rng):
    net, X, Y = draw(rng, cost, "sigmoid", 4, dtype, m)
    if cost.ignore_nan:
        Y[rng.random(Y.shape) < 0.3] = np.nan
        Y[0, 0] = 0.5
    pair = plain(cost)
    if cost.output_weights or cost.ignore_nan:
        pair = reference.weighted(pair, cost.output_weights, cost.ignore_nan)
    expected = reference.gradient(*as_lists(net), X.tolist(), Y.tolist(), net.activations, pair)
    value, gradient = net.value_and_gradient(X, Y)
    assert error_in_eps(gradient, flat(expected.nabla_w, expected.nabla_b), dtype) <= 100
    assert error_in_eps(value, expected.cost, dtype) <= 100


@pytest.mark.parametrize("n_out", [1, 2, 3, 8, 10, 32, 33])
@pytest.mark.parametrize("m", [7, 8, 45])
def test_rows_of_a_batch_through_softmax_are_those_of_single_samples_to_the_bit(n_out, m, dtype, level, rng):
    """Sums of small integers are exact, in any order; with equal largest ones, far apart, and one row that is NaN."""
    init = np.concatenate([rng.integers(-1, 2, 70 * n_out), np.zeros(n_out)])
    net = fn.Network([70, n_out], activation="softmax", cost="categorical_cross_entropy", dtype=dtype, init=init)
    X = rng.integers(-1, 2, (m, 70)) * 10.0 ** rng.integers(0, 3, (m, 1))
    X[1] = 0
    labels = rng.integers(0, n_out, m) if n_out > 1 else np.ones((m, 1))
    alone = [net.backprop(X[i:i + 1], labels[i:i + 1]) for i in range(m)]
    found = net.backprop(X, labels)
    np.testing.assert_array_equal(found.delta[-1], np.concatenate([one.delta[-1] for one in alone]))
    assert found.cost == sum(one.cost for one in alone) / m
    X[2, 0] = np.nan
    outputs = net.predict(X)
    np.testing.assert_array_equal(outputs, np.concatenate([net.predict(X[i:i + 1]) for i in range(m)]))
    assert np.isnan(outputs[2]).all() and np.isfinite(outputs[3:]).all()


@pytest.mark.parametrize("activation, cost", [("sigmoid", name) for name in COSTS] + [("softmax", "categorical_cross_entropy")])
def test_a_masked_target_is_one_that_counts_nothing(activation, cost, dtype, level, rng):
    """Every row lacks the same target: as with an output weight of 0."""
    net, X, Y = draw(rng, cost, activation, 4, dtype)
    kind = type(net.cost_function)
    options = {"log_input": True} if cost == "poisson_log" else {}
    weights = np.ones(Y.shape[1])
    weights[1] = 0
    masked = net.copy()
    masked = fn.Network(net.sizes, activation=net.activations, cost=kind(ignore_nan=True, **options), dtype=dtype, init=net.parameters)
    weighted = fn.Network(net.sizes, activation=net.activations, cost=kind(output_weights=weights, **options), dtype=dtype,
                          init=net.parameters)
    expected = weighted.backprop(X, Y)
    Y[:, 1] = np.nan
    found = masked.backprop(X, Y)
    assert found.cost == expected.cost
    np.testing.assert_array_equal(found.delta[-1], expected.delta[-1])
    assert net.cost(X, Y) != net.cost(X, Y)          # NaN, where it is not ignored


def test_masked_targets_train_and_all_masked_is_an_error(path, rng):
    net, X, Y = draw(rng, costs.Quadratic(ignore_nan=True), "sigmoid")
    before = net.parameters.copy()
    Y[:, 2] = np.nan
    for call in (net.fit, net.cost, net.backprop, net.value_and_gradient):
        with pytest.raises(ValueError, match="Y must hold at least one target that is not NaN"):
            call(X, np.full_like(Y, np.nan))
    with pytest.raises(ValueError, match="Y must be finite in float64; row 2, column 0 is inf"):
        net.fit(X, np.where(np.arange(6)[:, None] == 2, np.inf, Y))
    np.testing.assert_array_equal(net.parameters, before)
    net.fit(X, Y, epochs=3, batch_size=2, learning_rate=0.5)
    np.testing.assert_array_equal(net.weights[-1][2], before.reshape(-1)[20 + 2 * 5:20 + 3 * 5])
    assert not np.array_equal(net.weights[-1][1], before[20 + 5:20 + 10])


# -- the fast paths ----------------------------------------------------------

@pytest.mark.parametrize("batch_size", [1, 5, 23])
@pytest.mark.parametrize("cost", [*COSTS, *OBJECTS], ids=lambda cost: cost if isinstance(cost, str) else repr(cost))
@pytest.mark.parametrize("activation", ["sigmoid", "identity"])
def test_the_fast_paths_take_the_same_steps(cost, batch_size, activation, dtype, level, monkeypatch, rng):
    net, X, Y = draw(rng, cost, activation, 4, dtype, m=23)
    if net.cost_function.ignore_nan:
        Y[rng.random(Y.shape) < 0.3] = np.nan
    weight = rng.uniform(0.5, 2, 23)
    ends = []
    for path in ("plain", "fast"):
        monkeypatch.setenv("FASTNET_PATH", path)
        trained = net.copy()
        history = trained.fit(X, Y, epochs=2, batch_size=batch_size, learning_rate=0.001, sample_weight=weight, seed=0)
        ends.append((trained.parameters, history.cost))
    steps = 2 * -(-23 // batch_size)
    eps = 10 + 6 * steps**0.5                        # rounding of one step, and its random walk
    assert not np.array_equal(ends[0][0], net.parameters)
    assert error_in_eps(ends[1][0], ends[0][0], dtype) <= eps
    np.testing.assert_allclose(ends[1][1], ends[0][1], rtol=4 * eps * np.finfo(dtype).eps)


# -- objects -----------------------------------------------------------------

@pytest.mark.parametrize("cost", OBJECTS, ids=repr)
def test_a_cost_survives_text_copies_pickles_and_files(cost, tmp_path):
    net = fn.Network([2, 4], cost=cost, seed=0)
    net.save(tmp_path / "net.safetensors")
    assert costs.from_text(cost.to_text()) == cost and eval(repr(cost), vars(costs)) == cost
    for other in (net.copy(), net.copy(dtype="float32"), copy.deepcopy(net), pickle.loads(pickle.dumps(net)),
                  fn.load(tmp_path / "net.safetensors")):
        assert other.cost_function == cost and hash(other.cost_function) == hash(cost)
    assert (repr(cost.name) if cost == costs.resolve(cost.name) else repr(cost)) in repr(net)
    assert net.summary().endswith(f"cost {cost.to_text()}")
    with pytest.raises(AttributeError, match="a cost can't be changed"):
        cost.ignore_nan = True


@pytest.mark.parametrize("name", COSTS)
def test_a_name_is_the_cost_with_its_defaults(name):
    assert fn.Network([2, 2], cost=name) is not None and costs.resolve(name).to_text() == name == costs.resolve(name).name
    assert costs.resolve(name) == costs.from_text(name)


def test_costs_of_other_parameters_differ():
    assert costs.Huber(1) == costs.Huber() != costs.Huber(2)
    assert costs.Quadratic() != costs.MAE() and costs.Quantile([0.5]) != costs.Quantile(0.5)


@pytest.mark.parametrize("make, error, message", [
    (lambda: costs.Huber(0), ValueError, "delta must be finite and greater than 0; got 0"),
    (lambda: costs.Huber("1"), TypeError, "delta must be a number"),
    (lambda: costs.Quantile(1), ValueError, "tau must lie between 0 and 1, neither included; got 1"),
    (lambda: costs.Quantile([0.5, 1.5]), ValueError, r"tau\[1\] must lie between 0 and 1"),
    (lambda: costs.MAE(output_weights=[1, -1]), ValueError, "output_weights must be finite and at least 0; got -1"),
    (lambda: costs.MAE(output_weights=[1, np.nan]), ValueError, "output_weights must be finite and at least 0; got nan"),
    (lambda: costs.MAE(output_weights=[0, 0]), ValueError, "output_weights must not all be 0"),
    (lambda: costs.MAE(output_weights=[[1]]), ValueError, r"output_weights must have shape \(n,\)"),
    (lambda: costs.MAE(output_weights=["a"]), TypeError, "output_weights must hold real numbers"),
    (lambda: costs.MAE(ignore_nan=1), TypeError, "ignore_nan must be True or False; got 1"),
    (lambda: costs.Poisson(log_input="no"), TypeError, "log_input must be True or False"),
    (lambda: fn.Network([1, 2], cost=costs.MAE(output_weights=[1])), ValueError, r"output_weights must hold one number per target of a sample \(2\); got 1"),
    (lambda: fn.Network([1, 2], cost=costs.Quantile([0.1, 0.2, 0.3])), ValueError, r"tau must hold one number per target .*\(2\); got 3"),
    (lambda: fn.Network([1, 3], cost="gaussian_nll"), ValueError, "sizes must end with an even number for gaussian_nll.*got 3"),
    (lambda: fn.Network([1, 3], cost="hubert"), ValueError, "did you mean 'huber'"),
    (lambda: fn.Network([1, 3], cost=3), TypeError, "cost must be a name, one of quadratic.*; got 3"),
    (lambda: costs.from_text("huber(width=1)"), ValueError, "cost huber has no parameter 'width'; it has delta"),
    (lambda: costs.from_text("huber(delta=x)"), ValueError, "'delta=x' does not give a number"),
    (lambda: costs.from_text("huber(delta=1"), ValueError, "cost must be one of")])
def test_what_a_cost_refuses(make, error, message):
    with pytest.raises(error, match=message):
        make()


@pytest.mark.parametrize("cost, Y, message", [
    ("cross_entropy", [[0.5, 1.5]], "Y must be between 0 and 1 for cross_entropy; row 0, column 1 is 1.5"),
    ("categorical_cross_entropy", [[0.5, -1]], "Y must be at least 0 for categorical_cross_entropy; row 0, column 1 is -1"),
    ("poisson", [[-0.5, 1]], "Y must be at least 0 for poisson; row 0, column 0 is -0.5"),
    ("poisson_log", [[0, -3]], "Y must be at least 0 for poisson_log"),
    ("gaussian_nll", [[0, 1]], r"Y must have shape \(1, 1\), row for row with X; got shape \(1, 2\)")])
def test_targets_that_a_cost_refuses(cost, Y, message):
    net = fn.Network([1, 2], cost=cost, seed=0)
    before = net.parameters.tobytes()
    for call in (net.cost, net.backprop, net.value_and_gradient, net.fit):
        with pytest.raises(ValueError, match=message):
            call([[1.0]], Y)
    assert net.parameters.tobytes() == before


def test_gaussian_nll_learns_the_spread_of_its_targets(path):
    rng = np.random.default_rng(0)
    net = fn.Network([1, 2], activation="identity", cost="gaussian_nll", init=[0, 0, 0, 0])
    net.fit(np.zeros((2000, 1)), 3 + 0.5 * rng.standard_normal(2000), epochs=60, batch_size=20, learning_rate=0.02, seed=0)
    mean, log_variance = net([0.0])
    assert mean == pytest.approx(3, abs=0.05) and np.exp(log_variance / 2) == pytest.approx(0.5, rel=0.1)


def test_a_quantile_net_learns_its_quantiles(path):
    rng = np.random.default_rng(0)
    net = fn.Network([1, 3], activation="identity", cost=costs.Quantile([0.1, 0.5, 0.9]), init=np.zeros(6))
    Y = np.repeat(rng.random((2000, 1)), 3, axis=1)
    net.fit(np.zeros((2000, 1)), Y, epochs=30, batch_size=50, learning_rate=0.05, seed=0)
    np.testing.assert_allclose(net([0.0]), [0.1, 0.5, 0.9], atol=0.04)


def test_a_cost_that_no_output_can_meet_ends_training_with_a_warning():
    net = fn.Network([1, 1], activation="identity", cost="poisson", init=[0, -1])
    with warnings.catch_warnings(), pytest.warns(RuntimeWarning, match="diverged"):
        history = net.fit([[1.0]], [[1.0]], epochs=2)
    assert history.stopped == "diverged" and net.parameters.tolist() == [0, -1]
