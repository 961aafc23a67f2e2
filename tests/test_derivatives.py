"""Derivatives of nets: against multiple precision, against the reference, against each other, path by path."""

import threading

import numpy as np
import pytest

import fastnet as fn
from fastnet import reference
from fastnet._core import kernels
from helpers import ACTIVATIONS, as_lists, error_in_eps, flat, random_net
from test_activations import EXACT, mp

NAMES = (*ACTIVATIONS, "softmax")
H = mp.mpf(2) ** -40                      # differences at 160 digits: error H² f''' / 6, 1e-24
KINKS = {"relu": [0], "leaky_relu": [0], "elu": [0], "selu": [0], "softsign": [0], "hard_sigmoid": [-3, 3], "hard_tanh": [-1, 1]}


def net_of(rng, sizes, name, dtype, **options):
    """Hidden layers and output of one activation; hidden tanh below softmax."""
    hidden = "tanh" if name == "softmax" else name
    net = fn.Network(sizes, activation=hidden, output=name, dtype=dtype, init="lecun", seed=rng, **options)
    for b in net.biases:
        b[:] = rng.standard_normal(b.shape) / 2
    return net


def samples_away_from_kinks(rng, net, m):
    """Rows at which no weighted input lies next to a kink, where derivatives jump."""
    rows = []
    while len(rows) < m:
        x = rng.standard_normal(net.sizes[0]).astype(net.dtype)
        z = net.forward(x).z
        if all(np.abs(layer - kink).min() > 1e-3 for layer, name in zip(z, net.activations) for kink in KINKS.get(name, [])):
            rows.append(x)
    return np.array(rows)


# -- multiple precision ------------------------------------------------------


def exact_outputs(w, b, x, activations):
    a = x
    for w_l, b_l, name in zip(w, b, activations):
        z = [mp.fsum([w_jk * a_k for w_jk, a_k in zip(w_j, a)] + [b_j]) for w_j, b_j in zip(w_l, b_l)]
        if name == "softmax":
            e = [mp.exp(z_j) for z_j in z]
            a = [e_j / mp.fsum(e) for e_j in e]
        else:
            a = [EXACT[name](z_j) for z_j in z]
    return a


def exact(values):
    return [exact(value) for value in values] if isinstance(values, list) else mp.mpf(values)


def exact_derivatives(net, x, v):
    """d/dε and d²/dε² of the outputs at x + ε v."""
    (w, b), x, v = as_lists(net), exact(x.tolist()), exact(v.tolist())
    w, b = exact(w), exact(b)
    below, at, above = (exact_outputs(w, b, [x_k + h * v_k for x_k, v_k in zip(x, v)], net.activations) for h in (-H, 0, H))
    first = [float((p - q) / (2 * H)) for p, q in zip(above, below)]
    return first, [float((p - 2 * c + q) / (H * H)) for p, c, q in zip(above, at, below)]


def units(n):
    return np.eye(n)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("m", [1, 9])
def test_jacobian_and_laplacian_are_those_of_the_exact_function(name, m, dtype, path, rng):
    net = net_of(rng, (3, 5, 4, 2), name, dtype)
    X = samples_away_from_kinks(rng, net, m)
    jacobians, laplacians = net.jacobian(X), net.laplacian(X)
    for x, jacobian, laplacian in list(zip(X, jacobians, laplacians))[::4]:
        derivatives = [exact_derivatives(net, x, unit) for unit in units(3)]
        first = np.array([first for first, _ in derivatives]).T
        second = np.sum([second for _, second in derivatives], axis=0)
        # three layers, sums of up to 5 terms, and derivatives taken from rounded activations
        assert error_in_eps(jacobian, first, dtype) <= 40
        size = np.abs([second for _, second in derivatives]).max() + np.abs(first).max()
        assert np.abs(laplacian - second).max() <= 200 * np.finfo(dtype).eps * size


def exact_cost(w, b, X, Y, activations):
    return sum(sum((a - y) ** 2 for a, y in zip(exact_outputs(w, b, x, activations), row)) / 2 for x, row in zip(X, Y)) / len(X)


@pytest.mark.parametrize("name", NAMES)
def test_hessian_times_a_vector_is_that_of_the_exact_cost(name, dtype, rng):
    net = net_of(rng, (2, 3, 2), name, dtype)
    X, Y, v = samples_away_from_kinks(rng, net, 2), rng.standard_normal((2, 2)), rng.standard_normal(net.n_parameters)
    X, Y, v = X.astype(dtype), Y.astype(dtype), v.astype(dtype)
    parameters, along, rows, targets = (exact(array.tolist()) for array in (net.parameters, v, X, Y))
    w0, w1 = net.weights[0].shape, net.weights[1].shape

    def C(theta):
        cut = np.split(np.array(theta, dtype=object), np.cumsum([w0[0] * w0[1], w0[0], w1[0] * w1[1]]))
        w = [cut[0].reshape(w0).tolist(), cut[2].reshape(w1).tolist()]
        return exact_cost(w, [cut[1].tolist(), cut[3].tolist()], rows, targets, net.activations)

    def shifted(i, s, t):
        return C([p + s * H * (k == i) + t * H * u for k, (p, u) in enumerate(zip(parameters, along))])

    expected = [float((shifted(i, 1, 1) - shifted(i, 1, -1) - shifted(i, -1, 1) + shifted(i, -1, -1)) / (4 * H * H))
                for i in range(net.n_parameters)]
    assert error_in_eps(net.hessian_vector(X, Y, v), expected, dtype) <= 100


# -- the reference -----------------------------------------------------------


@pytest.mark.parametrize("sizes", [(1, 1), (1, 4, 1), (4, 1, 3), (3, 2), (2, 9, 17, 5), (17, 8, 4)], ids=str)
@pytest.mark.parametrize("m", [1, 3, 11])
def test_every_derivative_is_the_reference_s(sizes, m, dtype, path, rng):
    net = random_net(rng, sizes, dtype)
    w, b = as_lists(net)
    X, V, Y = rng.standard_normal((m, sizes[0])), rng.standard_normal((m, sizes[0])), rng.standard_normal((m, sizes[-1]))
    X, V, Y = X.astype(dtype), V.astype(dtype), Y.astype(dtype)
    names = net.activations
    jacobian, jvp, laplacian = net.jacobian(X), net.jvp(X, V), net.laplacian(X)
    gradients, inputs = net.per_sample_gradients(X, Y), net.input_gradient(X, Y)
    for i, (x, v, y) in enumerate(zip(X.tolist(), V.tolist(), Y.tolist())):
        expected = np.array(reference.jacobian(w, b, x, names))
        assert error_in_eps(jacobian[i], expected, dtype) <= 60
        scale = np.abs(expected).max() * np.abs(v).sum() + 1e-30
        assert np.abs(jvp[i] - reference.jvp(w, b, x, v, names)).max() <= 60 * np.finfo(dtype).eps * scale
        found = reference.backprop(w, b, x, y, names)
        assert error_in_eps(gradients[i], flat(found.nabla_w, found.nabla_b), dtype) <= 60
        through_first = np.array(found.delta[0]) @ np.array(w[0])
        size = np.abs(found.delta[0]) @ np.abs(w[0])
        assert np.abs(inputs[i] - through_first).max() <= 60 * np.finfo(dtype).eps * size.max()
        seconds = np.array([reference.taylor(w, b, x, u, names).second for u in np.eye(sizes[0]).tolist()])
        bound = np.abs(seconds).sum() + (expected**2).sum() + np.abs(expected).max()
        assert np.abs(laplacian[i] - reference.laplacian(w, b, x, names)).max() <= 400 * np.finfo(dtype).eps * bound


@pytest.mark.parametrize("output", ["sigmoid", "softmax"])
@pytest.mark.parametrize("m", [1, 5, 300])
def test_hessian_products_are_the_reference_s(output, m, dtype, rng):
    net = fn.Network((3, 4, 5, 3), activation=["tanh", "gelu", output], dtype=dtype, seed=rng)
    X, Y, v = rng.standard_normal((m, 3)), rng.random((m, 3)), rng.standard_normal(net.n_parameters)
    (w, b), direction = as_lists(net), net.copy()
    direction.parameters = v
    v_w, v_b = as_lists(direction)
    expected = reference.hessian_vector(w, b, v_w, v_b, X.tolist(), Y.tolist(), net.activations)
    assert error_in_eps(net.hessian_vector(X, Y, v), flat(*expected), dtype) <= 60


def test_the_reference_s_hessian_is_the_difference_of_its_gradients(rng):
    net = fn.Network((2, 3, 3), activation=["silu", "softmax"], seed=rng)
    X, Y, v = rng.standard_normal((2, 2)).tolist(), rng.random((2, 3)).tolist(), rng.standard_normal(net.n_parameters)

    def gradient(step):
        there = net.copy()
        there.parameters = net.parameters + step * v
        _, nabla_w, nabla_b = reference.gradient(*as_lists(there), X, Y, there.activations)
        return flat(nabla_w, nabla_b)

    h = 2.0**-9
    D1, D2, D3 = (gradient(i * h) - gradient(-i * h) for i in (1, 2, 3))
    direction = net.copy()
    direction.parameters = v
    found = reference.hessian_vector(*as_lists(net), *as_lists(direction), X, Y, net.activations)
    np.testing.assert_allclose(flat(*found), (45 * D1 - 9 * D2 + D3) / (60 * h), rtol=0, atol=2e-12)


# -- costs -------------------------------------------------------------------

OUTPUTS = ("sigmoid", "softplus", "softmax", "identity", "tanh", "relu")
TAKES_LOGARITHMS = {"cross_entropy": ("sigmoid", "softmax"), "categorical_cross_entropy": ("sigmoid", "softmax", "softplus"),
                    "poisson": ("sigmoid", "softmax", "softplus")}
PAIRS = [(cost, output) for cost in kernels.COSTS for output in TAKES_LOGARITHMS.get(cost, OUTPUTS)]


def along(net, X, Y, v, step):
    there = net.copy()
    there.parameters = net.parameters + step * v
    return there.value_and_gradient(X, Y)[1]


def difference_of_gradients(net, X, Y, v):
    """The Hessian times v, within some 1e-11 of the gradient's size (rounding 2^-52 / h); no kink within 3 h."""
    h = 2.0**-13
    D1, D2, D3 = (along(net, X, Y, v, i * h) - along(net, X, Y, v, -i * h) for i in (1, 2, 3))
    return (45 * D1 - 9 * D2 + D3) / (60 * h)


@pytest.mark.parametrize("cost, output", PAIRS)
def test_every_cost_bends_as_its_gradient_changes(cost, output, rng):
    net = fn.Network((3, 5, 4), activation="tanh", output=output, cost=cost, init="lecun", seed=rng)
    X, Y = rng.standard_normal((6, 3)), rng.random((6, 2 if cost == "gaussian_nll" else 4))
    v = rng.standard_normal(net.n_parameters)
    expected = difference_of_gradients(net, X, Y, v)
    assert np.abs(net.hessian_vector(X, Y, v) - expected).max() <= 1e-9 * max(1, np.abs(expected).max())
    direction = net.copy()
    direction.parameters = v
    found = reference.hessian_vector(*as_lists(net), *as_lists(direction), X.tolist(), Y.tolist(), net.activations, cost)
    assert error_in_eps(net.hessian_vector(X, Y, v), flat(*found), net.dtype) <= 300       # fused forms, and the others


@pytest.mark.parametrize("cost, output", [
    (fn.costs.Huber(delta=0.2), "identity"), (fn.costs.Quantile(tau=0.1), "identity"),
    (fn.costs.Quadratic(output_weights=[1, 0, 2, 0.5]), "tanh"), (fn.costs.CrossEntropy(output_weights=[1, 0, 2, 0.5]), "sigmoid"),
    (fn.costs.CategoricalCrossEntropy(output_weights=[1, 0, 2, 0.5]), "softmax")], ids=repr)
def test_options_of_a_cost_bend_it_too(cost, output, rng):
    net = fn.Network((3, 5, 4), activation="tanh", output=output, cost=cost, init="lecun", seed=rng)
    X, Y, v = rng.standard_normal((6, 3)), rng.random((6, 4)), rng.standard_normal(net.n_parameters)
    expected = difference_of_gradients(net, X, Y, v)
    np.testing.assert_allclose(net.hessian_vector(X, Y, v), expected, rtol=0, atol=1e-9 * max(1, np.abs(expected).max()))
    gradients = net.per_sample_gradients(X, Y)
    assert error_in_eps(gradients.mean(axis=0), net.value_and_gradient(X, Y)[1], net.dtype) <= 40


def test_missing_targets_bend_nothing(rng):
    net = fn.Network((3, 5, 2), cost=fn.costs.Quadratic(ignore_nan=True), seed=rng)
    X, Y, v = rng.standard_normal((6, 3)), rng.random((6, 2)), rng.standard_normal(net.n_parameters)
    Y[2, 1] = Y[4, 0] = np.nan
    np.testing.assert_allclose(net.hessian_vector(X, Y, v), difference_of_gradients(net, X, Y, v), rtol=0, atol=1e-9)


def test_fused_pairs_bend_where_outputs_saturate():
    for output, cost, y in (("sigmoid", "cross_entropy", 1.0), ("sigmoid", "poisson", 0.5), ("softplus", "poisson", 0.0)):
        net = fn.Network((1, 1), activation=output, cost=cost, init=[0.0, -800.0])
        assert np.isfinite(net.hessian_vector([[1.0]], [[y]], [1.0, 1.0])).all()


def test_a_cost_of_the_user_s_own_has_gradients_but_no_second_derivatives(rng):
    cost = fn.costs.custom(lambda A, Y: ((A - Y) ** 2).sum(axis=1), lambda A, Y: 2 * (A - Y))
    net, twice = fn.Network((3, 4, 2), cost=cost, seed=0), fn.Network((3, 4, 2), seed=0)
    X, Y = rng.random((9, 3)), rng.random((9, 2))
    np.testing.assert_allclose(net.per_sample_gradients(X, Y), 2 * twice.per_sample_gradients(X, Y), rtol=1e-12, atol=1e-15)
    np.testing.assert_allclose(net.input_gradient(X, Y), 2 * twice.input_gradient(X, Y), rtol=1e-12, atol=1e-15)
    with pytest.raises(ValueError, match="cost must be one of quadratic.* for second derivatives; got one of your own, 'custom'"):
        net.hessian_vector(X, Y, np.zeros(net.n_parameters))


# -- each other --------------------------------------------------------------

SIZES = [(1, 1), (1, 1, 1), (3, 1, 2), (2, 16, 16, 1), (10, 64, 64, 1), (1, 31, 33, 7), (8, 15, 9), (9, 17, 65, 3), (40, 20)]


@pytest.mark.parametrize("sizes", SIZES, ids=str)
@pytest.mark.parametrize("output", [None, "softmax"])
@pytest.mark.parametrize("m", [1, 2, 6, 13, 150])
def test_a_frozen_net_agrees_with_the_plain_engine(sizes, output, m, dtype, level, monkeypatch, rng):
    net = random_net(rng, sizes, dtype)
    if output:
        net = fn.Network(sizes, activation=net.activations, output=output, dtype=dtype, init=net.parameters)
    f = net.freeze()
    monkeypatch.setenv("FASTNET_PATH", "plain")
    X, V, U = (rng.standard_normal((m, n)).astype(dtype) for n in (sizes[0], sizes[0], sizes[-1]))
    jacobian = net.jacobian(X)
    assert error_in_eps(f.jacobian(X), jacobian, dtype) <= 30
    a, again = f.value_and_jacobian(X)
    np.testing.assert_array_equal(again, f.jacobian(X))
    assert error_in_eps(a, net.predict(X), dtype) <= 30
    scale = np.abs(jacobian).max(initial=0) or 1
    for found, expected, size in ((f.jvp(X, V), net.jvp(X, V), np.abs(V).sum(axis=1).max()),
                                  (f.vjp(X, U), net.vjp(X, U), np.abs(U).sum(axis=1).max())):
        assert np.abs(found - expected).max() <= 30 * np.finfo(dtype).eps * scale * size
    for i in (0, m - 1):                                    # one sample at a time, straight to C
        assert error_in_eps(f.jacobian(X[i]), jacobian[i], dtype) <= 30
        np.testing.assert_array_equal(f.value_and_jacobian(X[i])[1], f.jacobian(X[i]))
        np.testing.assert_array_equal(f.value_and_jacobian(X[i])[0].shape, (sizes[-1],))


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("m", [1, 10])
def test_products_are_those_with_the_jacobian_and_adjoint_to_each_other(name, m, dtype, path, rng):
    net = net_of(rng, (4, 9, 3), name, dtype)
    X, V, U = (rng.standard_normal((m, n)).astype(dtype) for n in (4, 4, 3))
    jacobian = net.jacobian(X).astype(float)
    eps = 40 * np.finfo(dtype).eps * np.abs(jacobian).max()
    for engine in (net, net.freeze()):
        forward, back = engine.jvp(X, V).astype(float), engine.vjp(X, U).astype(float)
        assert np.abs(forward - np.einsum("mjk,mk->mj", jacobian, V)).max() <= eps * np.abs(V).sum(axis=1).max()
        assert np.abs(back - np.einsum("mjk,mj->mk", jacobian, U)).max() <= eps * np.abs(U).sum(axis=1).max()
        adjoint = np.abs((forward * U).sum(axis=1) - (back * V).sum(axis=1))
        assert adjoint.max() <= eps * (np.abs(U).sum(axis=1) * np.abs(V).sum(axis=1)).max()
        for j in range(3):                                  # rows are products with unit vectors
            row = engine.vjp(X, np.tile(np.eye(3)[j], (m, 1)))
            assert np.abs(row - jacobian[:, j]).max() <= eps


@pytest.mark.parametrize("name", NAMES)
def test_the_hessian_is_symmetric_and_linear(name, dtype, rng):
    net = net_of(rng, (3, 5, 4), name, dtype)
    X, Y = rng.standard_normal((7, 3)), rng.random((7, 4))
    hessian = np.array([net.hessian_vector(X, Y, unit) for unit in np.eye(net.n_parameters)]).astype(float)
    assert np.abs(hessian - hessian.T).max() <= 60 * np.finfo(dtype).eps * np.abs(hessian).max()
    v = rng.standard_normal(net.n_parameters)
    assert np.abs(net.hessian_vector(X, Y, v) - hessian @ v).max() <= 60 * np.finfo(dtype).eps * (np.abs(hessian) @ np.abs(v)).max()


@pytest.mark.parametrize("name", NAMES)
def test_parameter_derivatives_belong_together(name, dtype, rng):
    net = net_of(rng, (3, 6, 2), name, dtype)
    X, Y = rng.standard_normal((6, 3)), rng.random((6, 2))
    gradients = net.per_sample_gradients(X, Y)
    assert error_in_eps(gradients.mean(axis=0), net.value_and_gradient(X, Y)[1], dtype) <= 40
    through_outputs = np.einsum("mj,mjp->mp", net(X) - Y, net.parameter_jacobian(X).astype(float))     # quadratic
    assert error_in_eps(gradients, through_outputs, dtype) <= 40
    through_inputs = np.einsum("mj,mjk->mk", net(X) - Y, net.jacobian(X).astype(float))
    assert error_in_eps(net.input_gradient(X, Y), through_inputs, dtype) <= 40


def test_labels_are_one_hot_targets(rng):
    net, X, labels = fn.Network([3, 4, 5], seed=rng), rng.random((6, 3)), np.arange(6) % 5
    Y, v = np.eye(5)[labels], rng.random(net.n_parameters)
    np.testing.assert_array_equal(net.per_sample_gradients(X, labels), net.per_sample_gradients(X, Y))
    np.testing.assert_array_equal(net.input_gradient(X, labels), net.input_gradient(X, Y))
    np.testing.assert_array_equal(net.hessian_vector(X, labels, v), net.hessian_vector(X, Y, v))


# -- blocks, sums, shapes ----------------------------------------------------


@pytest.mark.parametrize("sizes", [(3, 5, 2), (2, 7, 9), (30, 8, 4), (17, 33, 16, 15)], ids=str)
@pytest.mark.parametrize("m", [1, 2, 7, 8, 40])
def test_sums_of_small_integers_are_exact_on_every_path(sizes, m, dtype, level, monkeypatch, rng):
    net = fn.Network(sizes, activation="relu", output="identity", dtype=dtype,
                     init=rng.integers(-2, 3, sum(n * p + n for p, n in zip(sizes, sizes[1:]))))
    X, V, U = (rng.integers(-3, 4, (m, n)) for n in (sizes[0], sizes[0], sizes[-1]))
    f = net.freeze()
    found = [(f.jacobian(X), f.jvp(X, V), f.vjp(X, U))]
    for path in ("plain", "fast"):
        monkeypatch.setenv("FASTNET_PATH", path)
        found.append((net.jacobian(X), net.jvp(X, V), net.vjp(X, U)))
    for others in found[1:]:
        for one, other in zip(found[0], others):
            np.testing.assert_array_equal(one, other)
    for i in range(m):
        np.testing.assert_array_equal(f.jacobian(X[i]), found[0][0][i])
        np.testing.assert_array_equal(f.jvp(X[i], V[i]), found[0][1][i])
        np.testing.assert_array_equal(f.vjp(X[i], U[i]), found[0][2][i])


def test_blocks_join_without_a_seam(dtype, path, rng):
    net = fn.Network([6, 700, 3], activation="tanh", dtype=dtype, seed=rng)     # blocks of some dozen samples
    X, Y = rng.standard_normal((400, 6)), rng.random((400, 3))
    U = rng.standard_normal((400, 3))
    for whole, parts in ((net.jacobian(X), [net.jacobian(X[i:i + 9]) for i in range(0, 400, 9)]),
                         (net.laplacian(X), [net.laplacian(X[i:i + 9]) for i in range(0, 400, 9)]),
                         (net.vjp(X, U), [net.vjp(X[i:i + 9], U[i:i + 9]) for i in range(0, 400, 9)]),
                         (net.parameter_jacobian(X[:40]), [net.parameter_jacobian(X[i:i + 9]) for i in range(0, 40, 9)][:5]),
                         (net.input_gradient(X, Y), [net.input_gradient(X[i:i + 9], Y[i:i + 9]) for i in range(0, 400, 9)])):
        parts = np.concatenate(parts)[:len(whole)]
        assert error_in_eps(whole, parts, dtype) <= 60
    v = rng.standard_normal(net.n_parameters)
    parts = [net.hessian_vector(X[i:i + 100], Y[i:i + 100], v) for i in range(0, 400, 100)]
    assert error_in_eps(net.hessian_vector(X, Y, v), np.mean(parts, axis=0), dtype) <= 60


def test_a_sample_gives_one_result_and_a_batch_one_a_row(rng):
    net = fn.Network([3, 4, 2], seed=rng)
    f, x, X = net.freeze(), rng.random(3), rng.random((5, 3))
    for engine in (net, f):
        assert engine.jacobian(x).shape == (2, 3) and engine.jacobian(X).shape == (5, 2, 3)
        assert engine.jvp(x, x).shape == (2,) and engine.jvp(X, X).shape == (5, 2)
        assert engine.vjp(x, x[:2]).shape == (3,) and engine.vjp(X, X[:, :2]).shape == (5, 3)
        assert engine.jacobian(X[:0]).shape == (0, 2, 3)
    assert net.parameter_jacobian(x).shape == (2, net.n_parameters)
    assert net.laplacian(x).shape == (2,) and net.laplacian(X).shape == (5, 2)
    a, jacobian = f.value_and_jacobian(X)
    assert a.shape == (5, 2) and jacobian.shape == (5, 2, 3)


def test_out_is_written_and_returned_whatever_it_overlaps(dtype, rng):
    net = fn.Network([4, 9, 4], dtype=dtype, seed=rng)
    f = net.freeze()
    for m in (None, 6):
        shape = (m,) if m else ()
        x = rng.random((*shape, 4)).astype(dtype)
        jacobian, a = np.empty((*shape, 4, 4), dtype), np.empty((*shape, 4), dtype)
        assert f.jacobian(x, jacobian) is jacobian
        np.testing.assert_array_equal(jacobian, f.jacobian(x))
        strided = np.zeros((*shape, 4, 8), dtype)[..., ::2]
        assert f.jacobian(x, strided) is strided
        np.testing.assert_array_equal(strided, jacobian)
        pair = f.value_and_jacobian(x, (a, jacobian))
        assert pair[0] is a and pair[1] is jacobian
        np.testing.assert_array_equal(a, f.value_and_jacobian(x)[0])
        v = rng.random((*shape, 4)).astype(dtype)
        for product in (f.jvp, f.vjp):
            expected, out = product(x, v), np.empty_like(v)
            assert product(x, v, out) is out
            np.testing.assert_array_equal(out, expected)
            kept_x, kept_v = x.copy(), v.copy()
            assert product(x, v, v) is v                    # over the direction
            np.testing.assert_array_equal(v, expected)
            v[...] = kept_v
            assert product(x, v, x) is x                    # over the inputs
            np.testing.assert_array_equal(x, expected)
            x[...] = kept_x


def test_arrays_of_any_kind_are_taken(rng):
    net = fn.Network([3, 4, 2], seed=rng)
    f, X = net.freeze(), rng.integers(0, 5, (4, 3))
    expected = net.jacobian(X.astype(float))
    for engine in (net, f):
        for given in (X, X.tolist(), X.astype(">f4"), np.asfortranarray(X.astype(float)), np.repeat(X, 2, axis=0)[::2]):
            np.testing.assert_allclose(engine.jacobian(given), expected, rtol=1e-13, atol=1e-15)
        np.testing.assert_allclose(engine.jacobian(X[0].tolist()), expected[0], rtol=1e-13, atol=1e-15)


def test_bad_arguments_are_named(rng):
    net = fn.Network([3, 4, 2], seed=rng)
    f, x, X, Y = net.freeze(), rng.random(3), rng.random((5, 3)), rng.random((5, 2))
    for engine in (net, f):
        with pytest.raises(ValueError, match=r"X must have shape \(m, 3\).*got shape \(5, 2\)"):
            engine.jacobian(Y)
        with pytest.raises(ValueError, match=r"V must have shape \(5, 3\), row for row with X; got shape \(5, 2\)"):
            engine.jvp(X, Y)
        with pytest.raises(ValueError, match=r"V must have shape \(3,\), like X; got shape \(5, 3\)"):
            engine.jvp(x, X)
        with pytest.raises(ValueError, match=r"U must have shape \(5, 2\).*got shape \(4, 2\)"):
            engine.vjp(X, Y[:4])
        with pytest.raises(TypeError, match="U must hold real numbers"):
            engine.vjp(X, Y * 1j)
    with pytest.raises(ValueError, match=r"Y must have shape \(5, 2\)"):
        net.per_sample_gradients(X, Y[:4])
    with pytest.raises(ValueError, match="X must hold at least one sample"):
        net.input_gradient(X[:0], Y[:0])
    with pytest.raises(ValueError, match=rf"v must have shape \({net.n_parameters},\)"):
        net.hessian_vector(X, Y, x)
    with pytest.raises(ValueError, match=r"out must have shape \(2, 3\)"):
        f.jacobian(x, np.empty((3, 2)))
    with pytest.raises(ValueError, match="out must be writeable"):
        fixed = np.empty((2, 3))
        fixed.flags.writeable = False
        f.jacobian(x, fixed)
    with pytest.raises(TypeError, match="out must be a pair of arrays"):
        f.value_and_jacobian(x, np.empty((2, 3)))
    with pytest.raises(ValueError, match="out must be two arrays that do not overlap"):
        both = np.empty(6)
        f.value_and_jacobian(x, (both[:2], both.reshape(2, 3)))


def test_nan_stays_with_its_sample(dtype, path, level, rng):
    net = random_net(rng, (5, 17, 9, 3), dtype)
    f, X = net.freeze(), rng.standard_normal((20, 5)).astype(dtype)
    clean = f.jacobian(X), net.laplacian(X)
    X[7, 2] = np.nan
    for found, expected in zip((f.jacobian(X), net.laplacian(X)), clean):
        others = np.arange(20) != 7
        np.testing.assert_array_equal(found[others], expected[others])


# -- threads -----------------------------------------------------------------


def test_eight_threads_get_the_bits_of_one(dtype, rng):
    net = fn.Network([10, 64, 64, 3], activation="gelu", dtype=dtype, seed=rng)
    f, X, U = net.freeze(), rng.standard_normal((30, 10)).astype(dtype), rng.standard_normal((30, 3)).astype(dtype)
    expected = [f.jacobian(X), f.vjp(X, U), *(f.jacobian(x) for x in X)]
    wrong = []

    def work():
        for _ in range(20):
            found = [f.jacobian(X), f.vjp(X, U), *(f.jacobian(x) for x in X)]
            if not all(np.array_equal(one, other) for one, other in zip(found, expected)):
                wrong.append(threading.get_ident())

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong
