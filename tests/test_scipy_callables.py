"""A frozen net as scipy's LowLevelCallable: the same bits as f(x), and scipy's own results."""

import gc
import threading
import weakref

import numpy as np
import pytest
from scipy import LowLevelCallable, integrate, ndimage

import fastnet as fn
from fastnet._checks_callables import KINDS
from helpers import random_net

WIDE = (3, 1100, 1500, 1)                    # needs more work space than the stack gives


LOOSE = {"epsabs": 1e-4, "epsrel": 1e-4}      # for float32, whose rounding is no smooth function


def frozen(rng, sizes, dtype="float64"):
    """Mixed activations; where it is integrated they should be smooth, or quad goes on for long."""
    return random_net(rng, sizes, np.dtype(dtype)).freeze()


def smooth(rng, sizes, dtype="float64"):
    return fn.Network(sizes, activation="tanh", output="identity", dtype=dtype, init="lecun", seed=rng).freeze()


def gauss(a, b, n=40):
    nodes, weights = np.polynomial.legendre.leggauss(n)
    return (b - a) / 2 * nodes + (a + b) / 2, (b - a) / 2 * weights


# -- integrals ---------------------------------------------------------------


def test_quad_takes_the_points_that_it_takes_in_python_and_gets_the_same_bits(dtype, level, rng):
    f = smooth(rng, (1, 9, 1), dtype)
    by_python = integrate.quad(lambda x: float(f(np.array([x], dtype))[0]), -1, 2, **LOOSE)
    assert integrate.quad(f.low_level_callable("quad"), -1, 2, **LOOSE) == by_python
    assert by_python[0] != 0


def test_quad_integrates_a_known_net_exactly():
    """3 x0 + 5 x1 + 1: a line is exact but for rounding."""
    f = fn.Network([2, 1], activation="identity", init=([[[3.0, 5.0]]], [[1.0]])).freeze()
    for fixed, expected in [({1: 1.0}, 6 * 2 / 2 + 12), ({0: -1.0}, 5 * 2 - 2 * 2)]:
        assert integrate.quad(f.low_level_callable("quad", fixed=fixed), 0, 2)[0] == pytest.approx(expected, rel=1e-15)


def test_quad_agrees_with_gaussian_quadrature(rng):
    f = smooth(rng, (1, 12, 1))
    nodes, weights = gauss(-2, 3, 200)
    expected = weights @ f(nodes[:, None])[:, 0]
    assert integrate.quad(f.low_level_callable("quad"), -2, 3, epsabs=0, epsrel=1e-13)[0] == pytest.approx(expected, rel=1e-12)


def test_args_of_quad_are_the_other_inputs(dtype, rng):
    f = smooth(rng, (3, 8, 1), dtype)
    x1, x2 = 0.25, -1.5
    by_python = integrate.quad(lambda x: float(f(np.array([x, x1, x2], dtype))[0]), 0, 1, **LOOSE)
    assert integrate.quad(f.low_level_callable("quad"), 0, 1, args=(x1, x2), **LOOSE) == by_python
    assert integrate.quad(f.low_level_callable("quad", fixed={2: x2}), 0, 1, args=(x1,), **LOOSE) == by_python
    by_python = integrate.quad(lambda x: float(f(np.array([x1, x2, x], dtype))[0]), 0, 1, **LOOSE)
    turned = f.low_level_callable("quad", inputs=(2, 0, 1))                  # x goes to input 2
    assert integrate.quad(turned, 0, 1, args=(x1, x2), **LOOSE) == by_python


@pytest.mark.filterwarnings("ignore::scipy.integrate.IntegrationWarning")
@pytest.mark.parametrize("args", [(), (0.5,), (0.5, 0.5, 0.5)], ids=len)
def test_a_wrong_number_of_args_gives_nan_not_a_wrong_integral(args, rng):
    f = smooth(rng, (3, 8, 1))
    assert np.isnan(integrate.quad(f.low_level_callable("quad"), 0, 1, args=args)[0])


@pytest.mark.parametrize("output", [0, 1, 2])
def test_any_output_may_be_integrated(output, dtype, rng):
    f = smooth(rng, (1, 7, 3), dtype)
    by_python = integrate.quad(lambda x: float(f(np.array([x], dtype))[output]), 0, 1, **LOOSE)
    assert integrate.quad(f.low_level_callable("quad", output=output), 0, 1, **LOOSE) == by_python


def test_multiple_integrals_agree_with_python_and_with_gaussian_quadrature(rng):
    f = smooth(rng, (3, 6, 1))

    def of(*x):
        return float(f(np.array(x))[0])

    x, u = gauss(0, 1)
    y, v = gauss(-1, 1)
    grid = np.stack([axis.ravel() for axis in np.meshgrid(x, y, [0.5], indexing="ij")], axis=1)
    expected = np.outer(u, v).ravel() @ f(grid)[:, 0]
    plane = {2: 0.5}
    assert integrate.nquad(f.low_level_callable("nquad", fixed=plane), [(0, 1), (-1, 1)])[0] == pytest.approx(expected, rel=1e-12)
    # dblquad calls func(y, x), tplquad func(z, y, x): the innermost variable first
    assert integrate.dblquad(f.low_level_callable("dblquad", fixed=plane), -1, 1, 0, 1)[0] == pytest.approx(expected, rel=1e-12)
    assert (integrate.tplquad(f.low_level_callable("tplquad"), 0, 1, 0, 1, 0, 1, **LOOSE)
            == integrate.tplquad(of, 0, 1, 0, 1, 0, 1, **LOOSE))
    assert (integrate.nquad(f.low_level_callable("nquad"), [(0, 1), (-1, 1)], args=(0.5,), opts={"limit": 60})
            == integrate.nquad(of, [(0, 1), (-1, 1)], args=(0.5,), opts={"limit": 60}))


def test_a_net_that_needs_more_than_the_stack_gives_is_called_too(dtype, rng):
    f = smooth(rng, WIDE, dtype)
    by_python = integrate.quad(lambda x: float(f(np.array([x, 0.5, 1], dtype))[0]), 0, 1, **LOOSE)
    assert integrate.quad(f.low_level_callable("quad", fixed={1: 0.5, 2: 1}), 0, 1, **LOOSE) == by_python


# -- images ------------------------------------------------------------------


def test_a_filter_of_points_gives_the_bits_of_a_filter_in_python(dtype, level, rng):
    f, image = frozen(rng, (9, 14, 2), dtype), rng.standard_normal((11, 7))
    call = f.low_level_callable("ndimage.generic_filter", output=1)
    expected = ndimage.generic_filter(image, lambda window: f(window.astype(dtype))[1], size=3)
    np.testing.assert_array_equal(ndimage.generic_filter(image, call, size=3), expected)
    cross = f.low_level_callable("ndimage.generic_filter", output=1, fixed={k: 0.5 for k in (0, 2, 6, 8)})
    footprint = [[0, 1, 0], [1, 1, 1], [0, 1, 0]]

    def window_of(values):
        x = np.full(9, 0.5, dtype)
        x[[1, 3, 4, 5, 7]] = values
        return f(x)[1]

    np.testing.assert_array_equal(ndimage.generic_filter(image, cross, footprint=footprint),
                                  ndimage.generic_filter(image, window_of, footprint=footprint))


@pytest.mark.parametrize("size", [1, 4, 5])
def test_a_filter_of_lines_gives_the_net_at_every_window(size, dtype, rng):
    f, image = frozen(rng, (size, 6, 1), dtype), rng.standard_normal((5, 20))

    def by_python(line, out):
        for i in range(len(out)):
            out[i] = f(line[i:i + size].astype(dtype))[0]

    call = f.low_level_callable("ndimage.generic_filter1d")
    for axis in (0, 1):
        found = ndimage.generic_filter1d(image, call, size, axis=axis)
        np.testing.assert_array_equal(found, ndimage.generic_filter1d(image, by_python, size, axis=axis))


def test_a_geometric_transform_takes_its_coordinates_from_the_net(dtype, rng):
    f, image = frozen(rng, (2, 6, 2), dtype), rng.standard_normal((12, 9))
    call = f.low_level_callable("ndimage.geometric_transform")
    expected = ndimage.geometric_transform(image, lambda place: tuple(f(np.array(place, dtype)).astype(float)), order=1)
    np.testing.assert_array_equal(ndimage.geometric_transform(image, call, order=1), expected)
    assert expected.any()


@pytest.mark.parametrize("kind, use", [
    ("ndimage.generic_filter", lambda call: ndimage.generic_filter(np.ones((6, 6)), call, size=2)),
    ("ndimage.generic_filter1d", lambda call: ndimage.generic_filter1d(np.ones((6, 6)), call, 4)),
    ("ndimage.geometric_transform", lambda call: ndimage.geometric_transform(np.ones((6, 6)), call))])
def test_a_wrong_number_of_values_is_an_error(kind, use, rng):
    f = frozen(rng, (3, 5, 1))
    with pytest.raises(RuntimeError):
        use(f.low_level_callable(kind))


# -- life and threads --------------------------------------------------------


def test_the_callable_keeps_the_net_alive_and_no_longer(rng):
    f = smooth(rng, (1, 5, 1))
    expected = integrate.quad(f.low_level_callable("quad"), 0, 1)
    alive = weakref.ref(f.parameters)
    call = f.low_level_callable("quad")
    del f
    gc.collect()
    assert alive() is not None and integrate.quad(call, 0, 1) == expected
    again = LowLevelCallable(call)                            # scipy's own copy has the user data of the first
    assert integrate.quad(again, 0, 1) == expected
    del call, again
    gc.collect()
    assert alive() is None


@pytest.mark.parametrize("sizes", [(3, 20, 1), WIDE], ids=str)
def test_threads_share_one_callable(sizes, rng):
    call = smooth(rng, sizes).low_level_callable("quad", fixed={1: 0.5, 2: 0.5})
    expected, found = integrate.quad(call, 0, 1, **LOOSE), []

    def work():
        for _ in range(3):
            found.append(integrate.quad(call, 0, 1, **LOOSE))

    threads = [threading.Thread(target=work) for _ in range(4)]
    [thread.start() for thread in threads]
    [thread.join() for thread in threads]
    assert found == [expected] * 12


# -- arguments ---------------------------------------------------------------


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_is_one_that_scipy_takes(kind, rng):
    n = {"dblquad": 2, "tplquad": 3}.get(kind, 1)
    call = frozen(rng, (n, 4, 1)).low_level_callable(kind)
    assert isinstance(call, LowLevelCallable)
    assert call.signature == ("double (int, double *, void *)" if "quad" in kind else
                              {"ndimage.generic_filter": "int (double *, intptr_t, double *, void *)",
                               "ndimage.generic_filter1d": "int (double *, intptr_t, double *, intptr_t, void *)",
                               "ndimage.geometric_transform": "int (intptr_t *, double *, int, int, void *)"}[kind])


@pytest.mark.parametrize("kind, options, error, message", [
    ("quad_vec", {}, ValueError, "kind must be one of quad, nquad, dblquad, tplquad, ndimage.generic_filter, "
                                 "ndimage.generic_filter1d, ndimage.geometric_transform; got 'quad_vec'"),
    ("generic_filter", {}, ValueError, "did you mean 'ndimage.generic_filter'"),
    (1, {}, TypeError, "kind must be a name"),
    ("quad", {"output": None}, ValueError, "output must say which of the 2 outputs is wanted, 0 to 1; got None"),
    ("quad", {"output": 2}, ValueError, "output must be at most 1; got 2"),
    ("quad", {"output": -1}, ValueError, "output must be at least 0; got -1"),
    ("quad", {"output": 0.0}, TypeError, "output must be an integer"),
    ("quad", {"output": 0, "fixed": {3: 1.0}}, ValueError, "an input in fixed must be at most 2; got 3"),
    ("quad", {"output": 0, "fixed": {"a": 1.0}}, TypeError, "an input in fixed must be an integer"),
    ("quad", {"output": 0, "fixed": {1: "a"}}, TypeError, r"fixed\[1\] must be a number"),
    ("quad", {"output": 0, "fixed": [1.0]}, TypeError, "fixed must be a dict"),
    ("quad", {"output": 0, "fixed": {0: 1, 1: 1, 2: 1}}, ValueError, "fixed must leave an input to vary; got all 3"),
    ("quad", {"output": 0, "inputs": [0, 1]}, ValueError, r"inputs must name once each .*, \[0, 1, 2\]; got \[0, 1\]"),
    ("quad", {"output": 0, "inputs": [0, 1, 1]}, ValueError, "inputs must name once each"),
    ("quad", {"output": 0, "inputs": [0, 1], "fixed": {1: 0.5}}, ValueError, r"\[0, 2\]; got \[0, 1\]"),
    ("quad", {"output": 0, "inputs": 1}, TypeError, "inputs must be a sequence of integers"),
    ("dblquad", {"output": 0}, ValueError, "kind 'dblquad' needs 2 inputs that are not fixed; got 3 of 3"),
    ("tplquad", {"output": 0, "fixed": {1: 0.5}}, ValueError, "kind 'tplquad' needs 3 inputs that are not fixed; got 2 of 3"),
    ("ndimage.geometric_transform", {"output": 0}, ValueError, "output must be left out")])
def test_arguments_that_do_not_fit_are_refused(kind, options, error, message, rng):
    with pytest.raises(error, match=message):
        frozen(rng, (3, 5, 2)).low_level_callable(kind, **options)
