"""Weights of samples and classes: a weight of 2 is the row twice, a weight of 0 is no row."""

import numpy as np
import pytest

import fastnet as fn
from fastnet._core.engine import shuffled
from fastnet._options import HELD_OUT, seed_for
from fastnet import costs, reference
from helpers import as_lists, error_in_eps, flat, random_net

CASES = [("sigmoid", "quadratic"), ("sigmoid", "cross_entropy"), ("softmax", "categorical_cross_entropy"), ("tanh", "huber")]


def draw(rng, activation, cost, dtype, m=9):
    net = fn.Network([4, 6, 3], output=activation, cost=cost, dtype=dtype, seed=rng)
    return net, rng.standard_normal((m, 4)).astype(dtype), rng.random((m, 3)).astype(dtype)


def everything(net, X, Y, **weights):
    cost, gradient = net.value_and_gradient(X, Y, **weights)
    found = net.backprop(X, Y, **weights)
    rel = 20 * float(np.finfo(net.dtype).eps)                               # sums of a few dozen terms in another order
    assert net.cost(X, Y, **weights) == pytest.approx(cost, rel=rel) and found.cost == pytest.approx(cost, rel=rel)
    assert error_in_eps(flat(found.nabla_w, found.nabla_b), gradient, net.dtype) <= 100
    return cost, gradient


@pytest.mark.parametrize("activation, cost", CASES)
def test_a_weight_of_two_is_the_row_twice(activation, cost, dtype, level, rng):
    net, X, Y = draw(rng, activation, cost, dtype)
    count = np.array([1, 2, 1, 3, 1, 1, 2, 1, 1])
    weighted = everything(net, X, Y, sample_weight=count)
    repeated = everything(net, np.repeat(X, count, axis=0), np.repeat(Y, count, axis=0))
    assert error_in_eps(weighted[0], repeated[0], dtype) <= 20          # sums of 13 terms in another order
    assert error_in_eps(weighted[1], repeated[1], dtype) <= 100


@pytest.mark.parametrize("activation, cost", CASES)
def test_a_weight_of_zero_is_no_row_whatever_it_holds(activation, cost, dtype, level, rng):
    net, X, Y = draw(rng, activation, cost, dtype)
    weight, kept = np.ones(9), np.arange(9) % 3 != 1
    weight[~kept] = 0
    bad_X, bad_Y = X.copy(), Y.copy()
    bad_X[1], bad_Y[4], bad_X[7, 2], bad_Y[7] = np.nan, -np.inf, np.inf, np.nan
    found, expected = everything(net, bad_X, bad_Y, sample_weight=weight), everything(net, X[kept], Y[kept])
    assert found[0] == expected[0]
    np.testing.assert_array_equal(found[1], expected[1])
    delta = net.backprop(bad_X, bad_Y, sample_weight=weight).delta
    for layer, of_kept in zip(delta, net.backprop(X[kept], Y[kept]).delta):
        assert not layer[~kept].any()
        np.testing.assert_array_equal(layer[kept], of_kept)


@pytest.mark.parametrize("activation, cost", CASES)
@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_a_row_of_weight_zero_costs_nothing_in_the_kernels_either(activation, cost, bad, dtype, level, rng):
    net, X, Y = draw(rng, activation, cost, dtype)
    weight = np.array([1, 0, 2, 1, 1, 0, 1, 1, 1], dtype)
    expected = net._cost_of(X, Y, weight)
    found = Y.copy()
    found[[1, 5]] = bad
    assert net._cost_of(X, found, weight) == expected
    z, a, delta = (net._per_layer(9) for _ in range(3))
    net._backprop_into(X, found, z, a, delta, np.empty_like(net.parameters), weight)
    assert not delta[-1][[1, 5]].any() and np.isfinite(delta[-1]).all()


@pytest.mark.parametrize("activation, cost", CASES[:2] + CASES[3:])
def test_the_weighted_mean_is_the_references(activation, cost, dtype, level, rng):
    net, X, Y = draw(rng, activation, cost, dtype)
    weight = rng.uniform(0, 3, 9)
    expected = reference.gradient(*as_lists(net), X.tolist(), Y.tolist(), net.activations, cost, weight.tolist())
    found = everything(net, X, Y, sample_weight=weight)
    assert error_in_eps(found[0], expected.cost, dtype) <= 100
    assert error_in_eps(found[1], flat(expected.nabla_w, expected.nabla_b), dtype) <= 100
    assert net.check_gradient(X, Y, sample_weight=weight).ok


@pytest.mark.parametrize("factor", [1e-300, 1e-3, 1e300])
def test_a_factor_in_all_weights_changes_nothing(factor, dtype, rng):
    net, X, Y = draw(rng, "sigmoid", "quadratic", dtype)
    weight = rng.uniform(0.5, 2, 9)
    one, other = (everything(net, X, Y, sample_weight=w) for w in (weight, factor * weight))
    assert error_in_eps(one[0], other[0], dtype) <= 10 and error_in_eps(one[1], other[1], dtype) <= 10


@pytest.mark.parametrize("batch_size", [1, 4, 9, 20])
@pytest.mark.parametrize("activation, cost", CASES)
def test_training_without_rows_of_weight_zero_is_training_without_these_rows(activation, cost, batch_size, dtype, path, rng):
    net, X, Y = draw(rng, activation, cost, dtype)
    other, kept = net.copy(), np.arange(9) % 3 != 1
    X[1] = np.nan
    history = net.fit(X, Y, epochs=3, batch_size=batch_size, learning_rate=0.1, seed=0, sample_weight=kept.astype(int))
    expected = other.fit(X[kept], Y[kept], epochs=3, batch_size=batch_size, learning_rate=0.1, seed=0)
    np.testing.assert_array_equal(net.parameters, other.parameters)
    assert history.cost == expected.cost


@pytest.mark.parametrize("m", [9, 700])
@pytest.mark.parametrize("activation, cost", CASES)
def test_a_step_on_all_samples_goes_down_the_weighted_gradient(activation, cost, m, dtype, level, path, rng):
    net, X, Y = draw(rng, activation, cost, dtype, m)
    weight = rng.uniform(0, 2, m)
    value, gradient = net.value_and_gradient(X, Y, sample_weight=weight)
    expected = net.parameters - 0.25 * gradient.astype(float)
    history = net.fit(X, Y, epochs=1, batch_size=m, learning_rate=0.25, shuffle=False, sample_weight=weight)
    assert error_in_eps(net.parameters, expected, dtype) <= 100
    assert error_in_eps(history.cost[0], value, dtype) <= 100


@pytest.mark.parametrize("batch_size", [1, 5])
def test_a_sample_counts_the_same_in_every_batch(batch_size, dtype, path, rng):
    """Steps along δ = w_x / mean(w) · ∂C_x averaged over the batch: the reference, weights in hand."""
    net = random_net(rng, (3, 5, 2), dtype)
    X, Y, weight = rng.standard_normal((11, 3)).astype(dtype), rng.random((11, 2)).astype(dtype), rng.uniform(0.2, 3, 11)
    w, b = as_lists(net)
    for start in range(0, 11, batch_size):
        rows = slice(start, start + batch_size)
        share = (weight[rows] / weight.mean()).tolist()
        part = reference.gradient(w, b, X[rows].tolist(), Y[rows].tolist(), net.activations, sample_weight=share)
        eta = 0.125 * np.mean(share)                 # Σ w ∂C / m = mean(w) · Σ w ∂C / Σ w
        w = [[[v - eta * g for v, g in zip(*rows)] for rows in zip(*layers)] for layers in zip(w, part.nabla_w)]
        b = [[v - eta * g for v, g in zip(*layers)] for layers in zip(b, part.nabla_b)]
    net.fit(X, Y, epochs=1, batch_size=batch_size, learning_rate=0.125, shuffle=False, sample_weight=weight)
    assert error_in_eps(net.parameters, flat(w, b), dtype) <= 50


# -- classes -----------------------------------------------------------------

def test_class_weights_are_sample_weights_by_label(rng):
    net, X, _ = draw(rng, "softmax", "categorical_cross_entropy", np.dtype("float64"))
    labels = np.array([0, 1, 2, 0, 0, 2, 1, 0, 0])
    by_hand = np.array([2.0, 1.0, 0.5])[labels]
    for method in (net.cost, lambda *data, **weights: net.value_and_gradient(*data, **weights)[1]):
        np.testing.assert_array_equal(method(X, labels, class_weight={0: 2, 2: 0.5}), method(X, labels, sample_weight=by_hand))
        extra = rng.random(9)
        np.testing.assert_allclose(method(X, labels, class_weight={0: 2, 2: 0.5}, sample_weight=extra),
                                   method(X, labels, sample_weight=by_hand * extra), rtol=1e-14)
    one, other = net.copy(), net.copy()
    one.fit(X, labels, epochs=2, seed=0, class_weight={0: 2, 2: 0.5})
    other.fit(X, labels, epochs=2, seed=0, sample_weight=by_hand)
    np.testing.assert_array_equal(one.parameters, other.parameters)


def test_balanced_classes_count_the_same_in_sum(rng):
    net, X, _ = draw(rng, "softmax", "categorical_cross_entropy", np.dtype("float64"))
    labels = np.array([0, 0, 0, 0, 0, 0, 2, 2, 2])   # class 1 is not there
    found = net.cost(X, labels, class_weight="balanced")
    assert found == pytest.approx((net.cost(X[:6], labels[:6]) + net.cost(X[6:], labels[6:])) / 2, rel=1e-14)


def test_two_classes_of_one_output_have_weights_too(rng):
    net = fn.Network([2, 1], cost="cross_entropy", seed=0)
    X, Y = rng.random((4, 2)), np.array([0, 1, 1, 1])
    assert net.cost(X, Y, class_weight={0: 3}) == net.cost(X, Y, sample_weight=[3, 1, 1, 1])
    with pytest.raises(ValueError, match="class_weight needs labels in Y"):
        net.cost(X, Y / 2, class_weight={0: 3})


def test_a_custom_cost_takes_labels_and_their_weights(rng):
    cost = costs.custom(lambda A, Y: ((A - Y)**2).sum(axis=1) / 2, lambda A, Y: A - Y)
    net = fn.Network([4, 3], seed=0)
    own = fn.Network([4, 3], cost=cost, init=net.parameters)
    X, labels = rng.random((5, 4)), [0, 1, 2, 1, 1]
    assert own.cost(X, labels, class_weight="balanced") == pytest.approx(net.cost(X, labels, class_weight="balanced"), rel=1e-14)


# -- checks ------------------------------------------------------------------

X, Y, LABELS = np.ones((3, 2)), np.ones((3, 2)), np.array([0, 1, 1])


@pytest.mark.parametrize("targets, options, error, message", [
    (Y, {"sample_weight": [1, 2]}, ValueError, r"sample_weight must have shape \(3,\), one number per row of X; got shape \(2,\)"),
    (Y, {"sample_weight": np.ones((3, 1))}, ValueError, r"got shape \(3, 1\)"),
    (Y, {"sample_weight": [1, -1, 1]}, ValueError, "sample_weight must be finite and at least 0; got -1"),
    (Y, {"sample_weight": [1, np.nan, 1]}, ValueError, "sample_weight must be finite and at least 0; got nan"),
    (Y, {"sample_weight": [1, np.inf, 1]}, ValueError, "sample_weight must be finite and at least 0; got inf"),
    (Y, {"sample_weight": [0, 0, 0]}, ValueError, "at least one sample that counts; all are 0"),
    (Y, {"sample_weight": ["a", "b", "c"]}, TypeError, "sample_weight must hold real numbers"),
    (Y, {"class_weight": {0: 1}}, ValueError, r"class_weight needs labels in Y, shape \(3,\)"),
    (LABELS, {"class_weight": {2: 1}}, ValueError, "a label in class_weight must be at most 1; got 2"),
    (LABELS, {"class_weight": {"a": 1}}, TypeError, "a label in class_weight must be an integer; got 'a'"),
    (LABELS, {"class_weight": {0: -1}}, ValueError, "class_weight must be finite and at least 0; got -1"),
    (LABELS, {"class_weight": {0: "x"}}, TypeError, "class_weight must be a number"),
    (LABELS, {"class_weight": {0: 0, 1: 0}}, ValueError, "all are 0"),
    (LABELS, {"class_weight": "balance"}, ValueError, "did you mean 'balanced'"),
    (LABELS, {"class_weight": [1, 2]}, TypeError, "class_weight must be a dict")])
def test_weights_that_are_refused_before_anything_changes(targets, options, error, message):
    net = fn.Network([2, 2], seed=0)
    before = net.parameters.tobytes()
    for call in (net.cost, net.backprop, net.value_and_gradient, net.check_gradient, net.fit, net.partial_fit):
        with pytest.raises(error, match=message):
            call(X, targets, **options)
    assert net.parameters.tobytes() == before


def test_weights_follow_their_rows_when_some_are_held_out(rng):
    net = fn.Network([2, 2], seed=0)
    X, Y, weight = rng.random((20, 2)), rng.random((20, 2)), rng.random(20)
    key = int(np.random.default_rng(3).integers(2**64, dtype=np.uint64))
    train = np.sort(shuffled(20, seed_for(key, HELD_OUT))[5:])
    other = net.copy()
    net.fit(X, Y, epochs=1, validation=0.25, seed=3, sample_weight=weight)
    other.fit(X[train], Y[train], epochs=1, seed=3, sample_weight=weight[train])
    np.testing.assert_array_equal(net.parameters, other.parameters)
