"""The equations, compiled, against reference.py: the second link of the chain of trust.

100 eps relative to the largest entry: sums of up to 130 terms in another order than the
reference's, through up to four layers.
"""

import numpy as np
import pytest

import fastnet as fn
from fastnet import reference
from helpers import ACTIVATIONS, as_lists, error_in_eps, flat, random_net

EPS = 100
NETS = [(1, 1), (1, 1, 1, 1), (2, 3, 1), (5, 7, 4, 3), (3, 8, 9, 16, 2), (1, 16, 17, 1), (31, 32, 33), (15, 65, 2),
        (64, 63, 3), (130, 5), (4, 30, 10), (7, 1, 7)]


def drawn():
    """60 nets and batches: those above and drawn ones, one-sample batches among them."""
    rng = np.random.default_rng(7)
    widths = [*range(1, 34), 63, 64, 65]
    for i in range(60):
        sizes = NETS[i] if i < len(NETS) else tuple(int(rng.choice(widths)) for _ in range(rng.integers(2, 5)))
        yield pytest.param(sizes, (1, 2, 6, 7)[i % 4], i, id=f"{'-'.join(map(str, sizes))} m={(1, 2, 6, 7)[i % 4]}")


CASES = list(drawn())


def draw(sizes, m, seed, dtype):
    """A random net, and samples exactly representable in dtype."""
    rng = np.random.default_rng(seed)
    net = random_net(rng, sizes, dtype)
    X = rng.standard_normal((m, sizes[0])).astype(dtype)
    return net, X, rng.random((m, sizes[-1])).astype(dtype)


@pytest.mark.parametrize("sizes, m, seed", CASES)
def test_z_and_a_are_the_references(sizes, m, seed, dtype, level):
    net, X, _ = draw(sizes, m, seed, dtype)
    z, a = net.forward(X)
    for i, x in enumerate(X.tolist()):
        expected_z, expected_a = reference.feedforward(*as_lists(net), x, net.activations)
        for l in range(len(sizes) - 1):
            assert error_in_eps(z[l][i], expected_z[l], dtype) <= EPS
            assert error_in_eps(a[l][i], expected_a[l + 1], dtype) <= EPS


@pytest.mark.parametrize("sizes, m, seed", CASES)
def test_delta_is_the_references(sizes, m, seed, dtype, level):
    net, X, Y = draw(sizes, m, seed, dtype)
    found, a = net.backprop(X, Y), net.forward(X).a
    for i, (x, y) in enumerate(zip(X.tolist(), Y.tolist())):
        expected = reference.backprop(*as_lists(net), x, y, net.activations).delta
        for l, delta in enumerate(expected):
            error = np.abs(found.delta[l][i] - np.array(delta)).max()
            assert error <= EPS * np.finfo(dtype).eps * terms_of_delta(net, expected, l, a[-1][i], y)


def terms_of_delta(net, delta, l, a, y):
    """Largest sum of magnitudes that δ^l is made of.  σ' <= 1 is left out: taken from a, as
    σ' = a (1 - a), its error is relative to 1 and not to itself."""
    if l == len(delta) - 1:
        return np.maximum(np.abs(a), np.abs(y)).max()
    return (np.abs(net.weights[l + 1].astype(float)).T @ np.abs(delta[l + 1])).max()


@pytest.mark.parametrize("sizes, m, seed", CASES)
def test_gradient_is_the_reference_gradient_averaged_over_the_batch(sizes, m, seed, dtype, level):
    net, X, Y = draw(sizes, m, seed, dtype)
    expected = reference.gradient(*as_lists(net), X.tolist(), Y.tolist(), net.activations)
    cost, gradient = net.value_and_gradient(X, Y)
    assert error_in_eps(gradient, flat(expected.nabla_w, expected.nabla_b), dtype) <= EPS
    assert abs(cost - expected.cost) <= EPS * np.finfo(dtype).eps * expected.cost
    found = net.backprop(X, Y)
    assert error_in_eps(flat(found.nabla_w, found.nabla_b), gradient, dtype) <= EPS
    assert abs(net.cost(X, Y) - expected.cost) <= EPS * np.finfo(dtype).eps * expected.cost


@pytest.mark.parametrize("sizes, m, seed", CASES)
def test_one_step_is_the_references_step(sizes, m, seed, dtype, level, path):
    net, X, Y = draw(sizes, m, seed, dtype)
    w, b = reference.sgd_step(*as_lists(net), X.tolist(), Y.tolist(), 0.25, net.activations)
    net.fit(X, Y, epochs=1, batch_size=m, learning_rate=0.25, shuffle=False)
    assert error_in_eps(net.parameters, flat(w, b), dtype) <= EPS


@pytest.mark.parametrize("name", ACTIVATIONS)
@pytest.mark.parametrize("m", [1, 5])
def test_bp1_takes_the_derivative_of_the_output_activation(name, m, dtype, level, rng):
    net = fn.Network((2, 3), activation=name, dtype=dtype, seed=rng)
    X, Y = rng.standard_normal((m, 2)).astype(dtype), rng.random((m, 3)).astype(dtype)
    z, a = net.forward(X)
    prime = np.array([[reference.ACTIVATIONS[name][1](value) for value in row] for row in z[0].tolist()])
    found = net.backprop(X, Y).delta[0]
    # a - y and a (1 - a) each lose about eps of values up to 1
    np.testing.assert_allclose(found, (a[0].astype(float) - Y) * prime, rtol=0, atol=8 * np.finfo(dtype).eps * np.abs(z[0]).max())


@pytest.mark.parametrize("m", [1, 2, 9])
def test_bp2_bp3_and_bp4_are_exact_on_small_integers(m, dtype, level, rng):
    net = fn.Network((5, 17, 9, 2), activation=["relu", "identity", "relu"], dtype=dtype,
                     init=rng.integers(-2, 3, 5 * 17 + 17 + 17 * 9 + 9 + 18 + 2))
    X, Y = rng.integers(-2, 3, (m, 5)), rng.integers(-2, 3, (m, 2))
    found = net.backprop(X, Y)
    assert any(np.any(delta) for delta in found.delta[:-1])
    a = net.forward(X).a
    prime = [a[0] > 0, np.ones_like(a[1]), a[2] > 0]
    np.testing.assert_array_equal(found.delta[2], (a[2] - Y) * prime[2])
    for l in (0, 1):
        np.testing.assert_array_equal(found.delta[l], found.delta[l + 1] @ net.weights[l + 1] * prime[l])
    for l, before in enumerate([X, a[0], a[1]]):
        # the sums are exact; 1/m is rounded once, and its products and their sum are
        mean = dict(rtol=(m + 2) * np.finfo(dtype).eps, atol=0) if m == 9 else dict(rtol=0, atol=0)
        scale = np.abs(found.delta[l]).T @ np.abs(before) / m
        assert np.all(np.abs(found.nabla_w[l] - found.delta[l].astype(float).T @ before / m)
                      <= mean["rtol"] * scale)
        assert np.all(np.abs(found.nabla_b[l] - found.delta[l].astype(float).sum(axis=0) / m)
                      <= mean["rtol"] * np.abs(found.delta[l]).sum(axis=0) / m)


@pytest.mark.parametrize("seed", range(8))
def test_delta_answers_to_dz_as_the_experiment_says(seed, level):
    rng = np.random.default_rng(seed)
    net = random_net(rng, (4, 6, 5, 3), np.float64)
    x, y, dz = rng.random(4), rng.random(3), 1e-5
    kinks = [np.abs(z).min() for z, name in zip(net.forward(x).z, net.activations) if name == "relu"]
    assert all(distance > 10 * dz for distance in kinks)
    for l, layer in enumerate(net.backprop(x, y).delta):
        for j, expected in enumerate(layer[0]):
            up, down = (reference.delta_experiment(*as_lists(net), x.tolist(), y.tolist(), l, j, sign * dz,
                                                    net.activations)
                        for sign in (1, -1))
            # central differences of costs near 1: dz^2 and eps / dz are both near 1e-10
            assert abs((up - down) / (2 * dz) - expected) <= 4e-10


@pytest.mark.parametrize("batch_size", [1, 4, 9])
def test_labels_are_one_hot_rows(batch_size, dtype, path, level, rng):
    net = random_net(rng, (5, 6, 4), dtype)
    X, labels = rng.random((9, 5)), rng.integers(0, 4, 9)
    hot = np.eye(4)[labels]
    assert net.cost(X, labels) == net.cost(X, hot)
    np.testing.assert_array_equal(net.value_and_gradient(X, labels)[1], net.value_and_gradient(X, hot)[1])
    other = net.copy()
    net.fit(X, labels, epochs=2, batch_size=batch_size, learning_rate=0.1, seed=1)
    other.fit(X, hot, epochs=2, batch_size=batch_size, learning_rate=0.1, seed=1)
    np.testing.assert_array_equal(net.parameters, other.parameters)


def test_gradients_of_more_samples_than_a_block_add_up(dtype, rng):
    net = random_net(rng, (3, 4, 2), dtype, mixed=False)
    X, Y = rng.random((700, 3)), rng.random((700, 2))
    parts = [net.value_and_gradient(X[i:i + 100], Y[i:i + 100])[1].astype(float) for i in range(0, 700, 100)]
    assert error_in_eps(net.value_and_gradient(X, Y)[1], np.mean(parts, axis=0), dtype) <= EPS
