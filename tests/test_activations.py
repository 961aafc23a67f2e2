"""Every activation: values against multiple precision, derivatives against differentiation, limits,
NaN, and whole nets against the reference and finite differences.

Bounds are those stated beside the kernels and in fastnet.activations, in units in the last place.
"""

import mpmath
import numpy as np
import pytest

import fastnet as fn
from fastnet import reference
from fastnet._core import kernels
from helpers import ACTIVATIONS, as_lists, error_in_eps, flat

mp = mpmath.mp.clone()
mp.prec = 160
ROOTS = {"gelu": -0.7517915, "gelu_tanh": -0.7524614, "silu": -1.2784645}       # of f'

A = 2 * mp.sqrt(2 / mp.pi)
B = A * mp.mpf("0.044715")
S, T = mp.mpf("1.0507009873554804934193349852946"), mp.mpf("1.6732632423543772848170429916717")


def sigma(z):
    return 1 / (1 + mp.exp(-z))


EXACT = {
    "sigmoid": sigma, "tanh": mp.tanh, "relu": lambda z: max(z, mp.zero), "identity": lambda z: z,
    "leaky_relu": lambda z: z if z > 0 else z / 100, "elu": lambda z: z if z > 0 else mp.expm1(z),
    "selu": lambda z: S * (z if z > 0 else T * mp.expm1(z)), "gelu": lambda z: z * mp.erfc(-z / mp.sqrt(2)) / 2,
    "gelu_tanh": lambda z: z * sigma(z * (A + B * z * z)), "silu": lambda z: z * sigma(z),
    "softplus": lambda z: mp.log1p(mp.exp(z)), "softsign": lambda z: z / (1 + abs(z)),
    "hard_sigmoid": lambda z: min(max(z + 3, mp.zero), mp.mpf(6)) / 6,
    "hard_tanh": lambda z: min(max(z, mp.mpf(-1)), mp.one), "sin": mp.sin, "gaussian": lambda z: mp.exp(-z * z),
}


def ulps(found, exact, dtype):
    """|found - exact| in units in the last place of exact, the smallest subnormal at least."""
    info = np.finfo(dtype)
    unit = mp.ldexp(1, mp.frexp(exact)[1] - info.nmant - 1) if exact else mp.zero
    return float(abs(mp.mpf(float(found)) - exact) / max(unit, mp.mpf(float(info.smallest_subnormal))))


def points(rng, dtype):
    """Dense where functions bend, sparse in the tails, and where other runs found the largest errors."""
    worst = [-4.1572938, 4.5050907, 0.0038935598, 0.0009501424, -2.7465057, -1.3243647, -3.2149966, 0.30561176, -1.408, -0.14,
             -37.5976936590978, -12.97, 1.0013201, -5376.049, 3141.5927, 99999998.4, 6399.7, 22.0, 1e-30, -1e-30]
    drawn = [rng.uniform(-r, r, n) for r, n in ((1e-3, 20), (0.5, 60), (2, 120), (6, 120), (15, 60), (40, 60), (760, 40), (1e4, 40))]
    return np.concatenate([np.array(worst), *drawn]).astype(dtype)


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_values_keep_the_bound_that_is_stated(name, dtype, level, rng):
    z = points(rng, dtype)
    bound = fn.activations.describe(name).ulp[dtype == np.float64]
    found = kernels.elementwise(name, z)
    # hard_sigmoid's is of z + 3, which is rounded first
    offset = 3 / 6 if name == "hard_sigmoid" else 0
    for x, a in zip(z.tolist(), found):
        exact = EXACT[name](mp.mpf(x))
        assert ulps(a, exact, dtype) <= bound or abs(mp.mpf(float(a)) - exact) <= offset * np.finfo(dtype).eps, x


@pytest.mark.parametrize("name", ["gelu", "gelu_tanh", "silu", "softplus", "gaussian", "sigmoid"])
def test_tails_are_right_down_to_the_last_subnormal(name, dtype, level):
    lowest = {"gelu": (-14.4, -38.6), "gelu_tanh": (-10.7, -21.2), "gaussian": (-10.2, -27.3)}
    end = lowest.get(name, (-108, -752))[dtype == np.float64]
    z = np.linspace(0.85 * end, 1.02 * end, 60).astype(dtype)
    bound = fn.activations.describe(name).ulp[dtype == np.float64]
    for x, a in zip(z.tolist(), kernels.elementwise(name, z)):
        assert ulps(a, EXACT[name](mp.mpf(x)), dtype) <= bound, x
    assert kernels.elementwise(name, z)[-1] == 0


def derivatives(name, x):
    """f' and f'' at x, by differentiating the exact function."""
    f, x = EXACT[name], mp.mpf(x)
    h = mp.mpf(2) ** -40                                # error h^2 f''' / 6, 1e-24; rounding 2^-160 / h^2
    below, at, above = f(x - h), f(x), f(x + h)
    return (above - below) / (2 * h), (above - 2 * at + below) / (h * h)


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_derivatives_are_those_of_the_function(name, dtype, level, rng):
    kinks = {"hard_sigmoid": 3, "hard_tanh": 1}.get(name, 0)
    z = np.concatenate([rng.uniform(-r, r, 25) for r in (0.5, 3, 8)]).astype(dtype)
    z = z[np.abs(np.abs(z) - kinks) > 1e-3]
    a = kernels.elementwise(name, z)
    first = kernels.elementwise(name + "_prime", z, a, np.ones_like(z))
    second = kernels.elementwise(name + "_second", z, a)
    eps = np.finfo(dtype).eps
    for x, f1, f2 in zip(z.tolist(), first.tolist(), second.tolist()):
        exact = derivatives(name, x)
        # from a: a few roundings of values up to 2, where 1 - a cancels
        assert abs(f1 - exact[0]) <= 6 * eps and abs(f2 - exact[1]) <= 12 * eps, x


@pytest.mark.parametrize("name", ["gelu", "gelu_tanh", "silu", "gaussian", "softplus"])
def test_derivatives_keep_relative_accuracy_in_the_tail(name, dtype, level):
    end = -9 if dtype == np.float32 else -20
    z = np.linspace(end, -4, 40).astype(dtype)
    a = kernels.elementwise(name, z)
    for x, f1, f2 in zip(z.tolist(), kernels.elementwise(name + "_prime", z, a, np.ones_like(z)).tolist(),
                         kernels.elementwise(name + "_second", z, a).tolist()):
        mp_h = mp.mpf(2) ** -40
        f, x = EXACT[name], mp.mpf(x)
        first = (f(x + mp_h) - f(x - mp_h)) / (2 * mp_h)
        second = (f(x + mp_h) - 2 * f(x) + f(x - mp_h)) / (mp_h * mp_h)
        # a polynomial in z of some roundings times the exponential
        assert abs(f1 / first - 1) <= 16 * np.finfo(dtype).eps and abs(f2 / second - 1) <= 32 * np.finfo(dtype).eps, x


@pytest.mark.parametrize("name", ACTIVATIONS)
@pytest.mark.parametrize("order", [0, 1, 2])
def test_extremes_are_the_references(name, order, dtype, level):
    """Infinities, the largest, the smallest, both zeros and NaN; the sign of a 0 is not compared."""
    info = np.finfo(dtype)
    z = np.array([np.inf, -np.inf, info.max, info.min, 1e4, -1e4, 800, -800, info.tiny, -info.tiny,
                  info.smallest_subnormal, -info.smallest_subnormal, 0.0, -0.0, np.nan], dtype)
    a = kernels.elementwise(name, z)
    found = [a, kernels.elementwise(name + "_prime", z, a, np.ones_like(z)), kernels.elementwise(name + "_second", z, a)][order]
    with np.errstate(over="ignore"):
        expected = np.array([reference.ACTIVATIONS[name][order](x) for x in z[:-1].tolist()]).astype(dtype)
    np.testing.assert_allclose(found[:-1], expected, rtol=8 * info.eps, atol=2 * info.smallest_subnormal + (order > 0) * 8 * info.eps)
    assert np.isnan(found[-1]) or (name == "identity" and order)


@pytest.mark.parametrize("name", [*ACTIVATIONS, "softmax"])
def test_every_length_gives_the_second_derivatives_of_single_elements(name, level, dtype, rng):
    z = (2 * rng.standard_normal(67)).astype(dtype)
    a = kernels.elementwise(name, z)
    whole = kernels.elementwise(name + "_second", z, a)
    single = np.concatenate([kernels.elementwise(name + "_second", z[i:i + 1], a[i:i + 1]) for i in range(67)])
    np.testing.assert_array_equal(whole, single)
    for n in (0, 1, 2, 3, 5, 8, 13, 16, 31, 33):
        np.testing.assert_array_equal(kernels.elementwise(name + "_second", z[:n].copy(), a[:n].copy()), single[:n])


def test_sin_is_right_for_every_finite_z_and_nan_at_infinity(dtype, level, rng):
    """Beyond the vectorised range too; blocks of 128 with and without such values give the same bits."""
    top = np.finfo(dtype).maxexp - 1
    z = (rng.uniform(1, 2, 300) * 2.0 ** rng.integers(-4, top, 300) * rng.choice([-1, 1], 300)).astype(dtype)
    mp.prec = 1400
    try:
        exact = [(mp.sin(mp.mpf(x)), mp.cos(mp.mpf(x))) for x in z.tolist()]
    finally:
        mp.prec = 160
    a = kernels.elementwise("sin", z)
    cosine = kernels.elementwise("sin_prime", z, a, np.ones_like(z))
    assert max(ulps(found, value[0], dtype) for found, value in zip(a, exact)) <= 1.5
    assert max(ulps(found, value[1], dtype) for found, value in zip(cosine, exact)) <= 1.5
    near = (np.arange(1, 128) * np.pi / 2).astype(dtype)        # next to the zeros: relative accuracy all the same
    mixed = np.concatenate([near, [np.inf]]).astype(dtype)
    alone = kernels.elementwise("sin", near)
    np.testing.assert_array_equal(kernels.elementwise("sin", mixed), [*alone, np.nan])
    assert max(ulps(found, mp.sin(mp.mpf(x)), dtype) for found, x in zip(alone, near.tolist())) <= 1.5


# Softmax, by rows


@pytest.mark.parametrize("n", [1, 2, 3, 7, 8, 9, 17, 100])
def test_softmax_keeps_its_bound_tails_included(n, dtype, level, rng):
    z = (rng.standard_normal((6, n)) * rng.choice([0.1, 1, 10, 60], (6, 1))).astype(dtype)
    a = kernels.elementwise("softmax", z)
    for row, found in zip(z.tolist(), a):
        e = [mp.exp(mp.mpf(x)) for x in row]
        assert max(ulps(value, x / mp.fsum(e), dtype) for value, x in zip(found, e)) <= 3
    np.testing.assert_allclose(a.sum(axis=1), 1, rtol=4 * np.finfo(dtype).eps)


def test_softmax_takes_infinities_to_their_limits_and_keeps_nan_in_its_row(dtype, level):
    inf, nan = np.inf, np.nan
    rows = np.array([[1, 2, nan], [inf, 1, inf], [-inf, -inf, -inf], [-inf, 3, 3], [1e4, -1e4, 0]], dtype)
    np.testing.assert_array_equal(kernels.elementwise("softmax", rows), [
        [nan, nan, nan], [0.5, 0, 0.5], np.full(3, dtype.type(1) / 3), [0, 0.5, 0.5], [1, 0, 0]])
    for n in (9, 17):                                  # NaN in a whole vector and in the rest of a row
        for at in (0, n - 1):
            row = np.zeros((2, n), dtype)
            row[0, at] = nan
            found = kernels.elementwise("softmax", row)
            assert np.isnan(found[0]).all() and np.isfinite(found[1]).all()


@pytest.mark.parametrize("n", [1, 2, 5, 8, 19])
def test_softmax_in_place_and_its_jacobian(n, dtype, level, rng):
    z, delta = (2 * rng.standard_normal((2, 4, n))).astype(dtype)
    a = kernels.elementwise("softmax", z)
    over = z.copy()
    np.testing.assert_array_equal(kernels.elementwise("softmax", over, over), a)
    found = kernels.elementwise("softmax_prime", z, a, delta)
    for i in range(4):
        expected = reference.softmax_times_jacobian(delta[i].tolist(), z[i].tolist())
        np.testing.assert_allclose(found[i], expected, rtol=0, atol=8 * np.finfo(dtype).eps * np.abs(delta[i]).max())
    jacobian = fn.activations.derivative("softmax", z)
    np.testing.assert_allclose(found, np.einsum("mi,mij->mj", delta, jacobian), rtol=0, atol=20 * np.finfo(dtype).eps)
    if n > 1 and dtype == np.float64:
        z[:, 0] += 1e-6
        above = fn.activations.derivative("softmax", z)
        second = fn.activations.second_derivative("softmax", z)[..., 0]
        np.testing.assert_allclose((above - jacobian) / 1e-6, second, rtol=0, atol=1e-5)
        np.testing.assert_allclose(kernels.elementwise("softmax_second", z, kernels.elementwise("softmax", z))[:, 0],
                                   second[:, 0, 0], rtol=0, atol=1e-5)


@pytest.mark.parametrize("where", [{"activation": "softmax"}, {"activation": ["softmax", "tanh"]},
                                   {"activation": ["softmax"], "output": "sigmoid"}])
def test_softmax_is_for_outputs_only(where):
    with pytest.raises(ValueError, match=r"activation\[0\] must not be softmax, .* output layer only: output='softmax'"):
        fn.Network([2, 3, 2], **where)
    assert fn.Network([2, 3], activation="softmax").activations == ("softmax",)


# Whole nets


@pytest.mark.parametrize("name", [*ACTIVATIONS, "softmax"])
@pytest.mark.parametrize("batch_size", [1, 4])
def test_nets_train_as_the_reference_does(name, batch_size, dtype, level, path, rng):
    output = {"output": "softmax"} if name == "softmax" else {}
    net = fn.Network((3, 9, 6, 3), activation="gelu" if output else name, dtype=dtype, init="lecun", seed=rng, **output)
    X, Y = rng.standard_normal((9, 3)).astype(dtype), rng.random((9, 3)).astype(dtype)
    expected = reference.gradient(*as_lists(net), X.tolist(), Y.tolist(), net.activations)
    assert error_in_eps(net.value_and_gradient(X, Y)[1], flat(expected.nabla_w, expected.nabla_b), dtype) <= 100
    w, b = reference.sgd_epoch(*as_lists(net), X.tolist(), Y.tolist(), 0.125, batch_size, activations=net.activations)
    net.fit(X, Y, epochs=1, batch_size=batch_size, learning_rate=0.125, shuffle=False)
    assert error_in_eps(net.parameters, flat(w, b), dtype) <= 100


@pytest.mark.parametrize("name", [*ACTIVATIONS, "softmax"])
def test_the_gradient_is_that_of_finite_differences(name, rng):
    net = fn.Network((2, 5, 3), activation="tanh" if name == "softmax" else name, output=name, seed=rng)
    for b in net.biases:                               # 0 would put outputs of dead relu layers on their kink
        b[:] = rng.uniform(0.1, 0.5, b.shape)
    X, Y = rng.standard_normal((7, 2)), rng.random((7, 3))
    assert net.check_gradient(X, Y).ok


@pytest.mark.parametrize("m", [1, 2, 7, 8, 9, 100])
@pytest.mark.parametrize("outputs", [1, 3, 8, 17])
def test_softmax_outputs_agree_however_they_are_asked_for(m, outputs, dtype, level, monkeypatch, rng):
    """Padded columns, which the tiles compute too, have no share in a row's sum."""
    net = fn.Network((4, 11, outputs), activation="silu", output="softmax", dtype=dtype, init="lecun", seed=rng)
    X = rng.standard_normal((m, 4)).astype(dtype)
    expected = net.forward(X).a[-1]
    np.testing.assert_allclose(expected.sum(axis=1), 1, rtol=4 * np.finfo(dtype).eps)
    frozen = net.freeze()
    out = np.empty((m, outputs), dtype)
    for found in (net.predict(X), net.predict(X, out), np.array([net(x) for x in X]), frozen(X), np.array([frozen(x) for x in X])):
        assert error_in_eps(found, expected, dtype) <= 100
    monkeypatch.setenv("FASTNET_PATH", "plain")
    assert error_in_eps(net.predict(X), expected, dtype) <= 100


def test_derivatives_that_read_z_and_rows_that_are_coupled_are_known():
    assert kernels.READS_Z == {"gelu", "gelu_tanh", "silu", "sin", "gaussian"} and kernels.BY_ROW == {"softmax"}


@pytest.mark.parametrize("name", fn.activations.NAMES)
def test_saved_nets_come_back_and_starts_are_finite(name, dtype, tmp_path, rng):
    hidden = "tanh" if name == "softmax" else name
    net = fn.Network((3, 5, 4), activation=hidden, output=name, dtype=dtype, seed=rng)
    net.save(tmp_path / "net.safetensors")
    same = fn.load(tmp_path / "net.safetensors")
    x = rng.standard_normal(3)
    assert same.activations == (hidden, name)
    np.testing.assert_array_equal(same(x), net(x))
    assert np.isfinite(net(x)).all()


# The public names


def test_there_is_a_description_and_a_reference_for_every_activation():
    assert set(fn.activations.NAMES) == {*ACTIVATIONS, "softmax"} == {*reference.ACTIVATIONS, *reference.ROW_ACTIVATIONS}
    for name in fn.activations.NAMES:
        about = fn.activations.describe(name)
        assert about.formula and about.derivative and about.source and about.needs_z == (name in kernels.READS_Z)


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_public_functions_take_arrays_of_any_shape_and_kind(name, dtype):
    z = np.linspace(-2.05, 2, 12).reshape(3, 4).astype(dtype)
    for order, function in enumerate((fn.activations.value, fn.activations.derivative, fn.activations.second_derivative)):
        found = function(name, z.T)
        assert found.dtype == dtype and found.shape == (4, 3)
        expected = [[reference.ACTIVATIONS[name][order](x) for x in row] for row in z.T.tolist()]
        np.testing.assert_allclose(found, expected, rtol=0, atol=12 * np.finfo(dtype).eps)
        assert function(name, 1).shape == () and function(name, [1, 2]).dtype == np.float64
    assert fn.activations.value(name, []).shape == (0,)


def test_a_wrong_name_or_argument_is_a_clear_error():
    with pytest.raises(ValueError, match="name must be one of .*did you mean 'gelu'"):
        fn.activations.value("gelo", 1.0)
    with pytest.raises(TypeError, match="z must hold real numbers"):
        fn.activations.derivative("gelu", ["a"])
