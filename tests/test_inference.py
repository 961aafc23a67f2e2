"""Outputs and costs of batches: narrow nets with samples in lanes, packed nets, one pass for both."""

import numpy as np
import pytest

import fastnet as fn
from fastnet._core import plan
from helpers import error_in_eps, random_net
from test_paths import lanes


def plain(monkeypatch, call):
    monkeypatch.setenv("FASTNET_PATH", "plain")
    found = call()
    monkeypatch.setenv("FASTNET_PATH", "fast")
    return found


def integers(rng, sizes, dtype):
    n_parameters = sum(n * p + n for p, n in zip(sizes, sizes[1:]))
    return fn.Network(sizes, activation="identity", dtype=dtype, init=rng.integers(-2, 3, n_parameters))


def test_every_width_of_a_narrow_net_is_exact_on_small_integers(dtype, level, monkeypatch, rng):
    for n in range(1, plan.NARROW + 1):
        for sizes in [(n, 3), (2, n, 1), (5, 7, n)]:
            net = integers(rng, sizes, dtype)
            X = rng.integers(-2, 3, (int(rng.integers(plan.PACK_FROM, 40)), sizes[0])).astype(dtype)
            assert plan.plan_inference(sizes, len(X)).path == "narrow"
            expected = plain(monkeypatch, lambda: net.predict(X))
            np.testing.assert_array_equal(net.predict(X), expected, err_msg=f"{sizes} m={len(X)}")
            np.testing.assert_array_equal(net.freeze()(X), expected)


def test_every_number_of_rows_of_a_narrow_net_is_exact(dtype, level, monkeypatch, rng):
    net = integers(rng, (6, 19, 5), dtype)
    panel = 2 * lanes(dtype, level)
    for m in [*range(plan.PACK_FROM, 2 * panel + 2), 5 * panel + 1]:
        X = rng.integers(-2, 3, (m, 6)).astype(dtype)
        expected = plain(monkeypatch, lambda: net.predict(X))
        np.testing.assert_array_equal(net.predict(X), expected)
        out = np.full((m + 1, 5), np.nan, dtype)
        net.predict(X, out[:m])
        np.testing.assert_array_equal(out[:m], expected)
        assert np.isnan(out[m]).all()                        # nothing is written behind the last row


@pytest.mark.parametrize("sizes", [(6, 20, 4), (6, 70, 4), (70, 33, 4)], ids=str)
def test_softmax_and_every_row_for_itself(sizes, dtype, level, monkeypatch, rng):
    """NaN in one sample stays in its row."""
    net = random_net(rng, sizes, dtype, mixed=False)
    net = fn.Network(sizes, activation="tanh", output="softmax", dtype=dtype, init=net.parameters)
    X = rng.standard_normal((45, sizes[0])).astype(dtype)
    expected = plain(monkeypatch, lambda: net.predict(X))
    assert error_in_eps(net.predict(X), expected, dtype) <= 100
    np.testing.assert_allclose(net.predict(X).sum(axis=1), 1, rtol=10 * np.finfo(dtype).eps)
    bad = X.copy()
    bad[17] = np.nan
    found = net.predict(bad)
    assert np.isnan(found[17]).all()
    np.testing.assert_array_equal(np.delete(found, 17, axis=0), np.delete(net.predict(X), 17, axis=0))


@pytest.mark.parametrize("sizes, output, cost", [
    ((6, 20, 4), "sigmoid", "quadratic"), ((6, 70, 4), "softmax", "categorical_cross_entropy"),
    ((90, 33, 4), "sigmoid", "cross_entropy"), ((6, 70, 1), "identity", "huber")], ids=str)
@pytest.mark.parametrize("m", [8, 95, 97, 300])
def test_cost_and_outputs_come_from_one_pass(sizes, output, cost, m, dtype, level, monkeypatch, rng):
    net = fn.Network(sizes, activation="tanh", output=output, cost=cost, dtype=dtype, seed=rng)
    X = rng.standard_normal((m, sizes[0])).astype(dtype)
    Y = rng.random((m, sizes[-1])).astype(dtype)
    weight = rng.random(m)
    for options in ({}, {"sample_weight": weight}):
        expected = plain(monkeypatch, lambda: net.cost(X, Y, **options))
        assert net.cost(X, Y, **options) == pytest.approx(expected, rel=100 * float(np.finfo(dtype).eps))
    out = np.empty((m, sizes[-1]), dtype)
    assert net._cost_of(X, Y, None, out) == net.cost(X, Y)
    assert error_in_eps(out, net.predict(X), dtype) <= 100


def test_matrices_that_overlap_their_target_are_copied_first(dtype, rng):
    net = random_net(rng, (3, 20, 3), dtype)
    memory = rng.standard_normal((41, 3)).astype(dtype)
    expected = net.predict(memory[:40].copy())
    found = net.predict(memory[:40], memory[1:])
    np.testing.assert_array_equal(found, expected)
    assert np.shares_memory(found, memory)


@pytest.mark.parametrize("callable_", ["net", "frozen"])
def test_matrices_of_other_kinds_take_the_long_way_to_the_same_result(callable_, dtype, rng):
    net = random_net(rng, (4, 9, 2), dtype)
    f = net if callable_ == "net" else net.freeze()
    X = rng.integers(-3, 4, (20, 4)).astype(dtype)
    expected = f(X)
    for other in (X.tolist(), np.asfortranarray(X), X.astype(int), X[::-1][::-1], X.astype(X.dtype.newbyteorder())):
        np.testing.assert_array_equal(f(other), expected)
    assert f(X[:0]).shape == (0, 2)
