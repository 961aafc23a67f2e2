"""A frozen net inside functions that numba compiles: the same bits, any number of threads, nothing stale."""

import copy
import gc
import os
import pickle
import subprocess
import sys
import weakref

import numpy as np
import pytest

import fastnet as fn
from helpers import error_in_eps, random_net

numba = pytest.importorskip("numba")

from fastnet.embed.numba_calls import NumbaNetwork


@numba.njit
def every(net, x, v, u):
    return net.value(x), net.jacobian(x), net.value_and_jacobian(x), net.jvp(x, v), net.vjp(x, u)


@numba.njit
def every_into(net, x, v, u, a, jacobian, both, forward, back):
    net.value(x, a)
    net.jacobian(x, jacobian)
    net.value_and_jacobian(x, both)
    net.jvp(x, v, forward)
    return net.vjp(x, u, back)


def directly(f, x, v, u):
    return f(x), f.jacobian(x), f.value_and_jacobian(x), f.jvp(x, v), f.vjp(x, u)


def assert_same(found, expected):
    for one, other in zip(found, expected):
        if isinstance(one, tuple):
            assert_same(one, other)
        else:
            np.testing.assert_array_equal(one, other)
            assert one.dtype == other.dtype


def draw(rng, sizes, dtype, *m):
    return [rng.standard_normal((*m, n)).astype(dtype) for n in (sizes[0], sizes[0], sizes[-1])]


@pytest.mark.parametrize("sizes", [(3, 9, 2), (3, 700, 20, 2)], ids=str)
def test_one_sample_gives_the_bits_of_the_frozen_net(sizes, dtype, rng):
    f = random_net(rng, sizes, dtype).freeze()
    x, v, u = draw(rng, sizes, dtype)
    expected = directly(f, x, v, u)
    assert_same(every(f.numba(), x, v, u), expected)
    targets = [np.full_like(array, np.nan) for array in (*expected[:2], *expected[2], *expected[3:])]
    a, jacobian, *both, forward, back = targets
    assert every_into(f.numba(), x, v, u, a, jacobian, tuple(both), forward, back) is not None
    assert_same((a, jacobian, tuple(both), forward, back), expected)
    assert (f.numba()._numba_type.n_bytes == 0) == (sizes == (3, 700, 20, 2))            # both kinds of work space


@pytest.mark.parametrize("m", [0, 1, 7, 130])
def test_a_batch_agrees_within_rounding(m, dtype, rng):
    sizes = (3, 9, 2)
    f = random_net(rng, sizes, dtype).freeze()
    X, V, U = draw(rng, sizes, dtype, m)
    found = every(f.numba(), X, V, U)
    for one, other in zip((*found[:2], *found[2], *found[3:]), (f(X), f.jacobian(X), *f.value_and_jacobian(X), f.jvp(X, V), f.vjp(X, U))):
        assert one.shape == other.shape and one.dtype == dtype
        assert error_in_eps(one, other, dtype) <= 30                 # the same sums, perhaps by another path


def test_one_compilation_serves_every_net_of_a_type(rng):
    @numba.njit
    def value(net, x):
        return net.value(x)

    x = rng.standard_normal(3)
    for hidden, activation in ((8, "tanh"), (6, "sigmoid"), (9, "relu")):
        f = fn.Network([3, hidden, 2], activation=activation, seed=rng).freeze()
        np.testing.assert_array_equal(value(f.numba(), x), f(x))
    assert len(value.signatures) == 1
    value(fn.Network([3, 8, 2], dtype="float32", seed=rng).freeze().numba(), x.astype(np.float32))
    assert len(value.signatures) == 2


@pytest.mark.parametrize("from_outside", [False, True], ids=["argument", "closure"])
def test_threads_of_prange_get_the_bits_of_one(from_outside, dtype, rng):
    f = random_net(rng, (4, 33, 3), dtype).freeze()
    X = rng.standard_normal((3001, 4)).astype(dtype)
    expected = np.array([f(x) for x in X])
    net = f.numba()

    if from_outside:
        @numba.njit(parallel=True)
        def rows(other, X, out, jacobians):
            for i in numba.prange(len(X)):
                net.value(X[i], out[i])
                jacobians[i] = net.jacobian(X[i])
    else:
        @numba.njit(parallel=True)
        def rows(net, X, out, jacobians):
            for i in numba.prange(len(X)):
                net.value(X[i], out[i])
                jacobians[i] = net.jacobian(X[i])

    before = numba.get_num_threads()
    try:
        for threads in {1, min(2, numba.config.NUMBA_NUM_THREADS), numba.config.NUMBA_NUM_THREADS}:
            numba.set_num_threads(threads)
            for _ in range(3):
                out, jacobians = np.empty_like(expected), np.empty((len(X), 3, 4), dtype)
                rows(net, X, out, jacobians)
                np.testing.assert_array_equal(out, expected)
                np.testing.assert_array_equal(jacobians, [f.jacobian(x) for x in X])
    finally:
        numba.set_num_threads(before)


def test_the_net_may_be_used_through_other_compiled_functions(rng):
    f = fn.Network([2, 6, 2], activation="tanh", seed=rng).freeze()

    @numba.njit
    def slope(net, x):
        return net.value(x) - x

    @numba.njit
    def euler(net, x, n):
        for _ in range(n):
            x = x + 0.1 * slope(net, x)
        return x

    x = expected = np.array([0.5, -0.5])
    for _ in range(20):
        expected = expected + 0.1 * (f(expected) - expected)
    np.testing.assert_allclose(euler(f.numba(), x, 20), expected, rtol=1e-13)       # numba may fuse what NumPy rounds between


# -- life --------------------------------------------------------------------


def test_code_that_found_the_net_outside_keeps_it_alive_and_no_longer(rng):
    f = fn.Network([2, 6, 1], seed=rng).freeze()
    x, alive = np.array([0.5, 1.0]), weakref.ref(f.parameters)
    expected = f(x)
    names = {"net": f.numba(), "numba": numba}
    exec("@numba.njit\ndef inner(x):\n    return net.value(x)", names)
    inner = names["inner"]

    @numba.njit
    def outer(x):
        return inner(x)

    outer(x)
    for function in (inner, outer):                          # numba's notes for inspect_types hold the net as well
        function.overloads.update({key: found._replace(type_annotation=None) for key, found in function.overloads.items()})
    del f, names["net"], names["inner"]
    gc.collect()
    clutter = [fn.Network([2, 6, 1], seed=rng).freeze() for _ in range(50)]         # where the net was, if it was freed
    assert alive() is not None and len(clutter) == 50
    np.testing.assert_array_equal(outer(x), expected)
    np.testing.assert_array_equal(inner(x), expected)


def test_an_object_outlives_its_frozen_net_and_copies_have_addresses_of_their_own(rng):
    f = fn.Network([3, 6, 2], seed=rng).freeze()
    x = np.array([0.5, 1.0, 2.0])
    expected, net, alive = f(x), f.numba(), weakref.ref(f.parameters)
    again = pickle.loads(pickle.dumps(net))
    del f
    gc.collect()
    assert again._address != net._address
    for one in (net, again, copy.deepcopy(net)):
        np.testing.assert_array_equal(every(one, x, x, np.ones(2))[0], expected)
    del net, one
    gc.collect()
    assert alive() is None


CACHED = """
import sys
import numba, numpy as np
import fastnet as fn

f = fn.Network([2, 6, 1], seed=int(sys.argv[1])).freeze()
net = f.numba()

@numba.njit(cache=True)
def given(net, x):
    return net.value(x)

@numba.njit(cache=True)
def found(x):
    return net.value(x)

x = np.array([0.5, 1.0])
assert (given(net, x) == f(x)).all() and (found(x) == f(x)).all()
print(sum(given.stats.cache_hits.values()), sum(found.stats.cache_hits.values()))
"""


def test_what_is_cached_on_disk_knows_no_address(tmp_path):
    (tmp_path / "cached.py").write_text(CACHED, encoding="utf-8")
    environment = {**os.environ, "NUMBA_CACHE_DIR": str(tmp_path / "cache"), "PYTHONWARNINGS": "ignore",
                   "PYTHONPATH": os.pathsep.join([*sys.path[1:]])}
    hits = [subprocess.run([sys.executable, tmp_path / "cached.py", str(seed)], env=environment, capture_output=True, text=True,
                           check=True, cwd=tmp_path).stdout.split() for seed in (0, 1)]
    assert hits == [["0", "0"], ["1", "0"]]


def test_methods_work_outside_of_compiled_functions(rng):
    f = fn.Network([2, 6, 1], seed=rng).freeze()
    x, v, u = draw(rng, (2, 1), "float64")
    assert_same(every.py_func(f.numba(), x, v, u), directly(f, x, v, u))
    assert repr(f.numba()) == "FrozenNetwork([2, 6, 1], dtype='float64').numba()"
    assert isinstance(f.numba(), NumbaNetwork)


# -- arguments ---------------------------------------------------------------


@numba.njit
def value_into(net, x, out):
    return net.value(x, out)


@numba.njit
def both_into(net, x, out):
    return net.value_and_jacobian(x, out)


@numba.njit
def product(net, x, v):
    return net.jvp(x, v)


def test_kinds_that_do_not_fit_are_refused_when_the_caller_is_compiled(rng):
    net, x = fn.Network([3, 4, 2], seed=rng).freeze().numba(), np.zeros(3)
    frozen_out = np.zeros(2)
    frozen_out.flags.writeable = False
    for call, message in [
            (lambda: value_into(net, x.astype(np.float32), None), r"x must be a C-contiguous array of float64 with shape \(3,\)"),
            (lambda: value_into(net, np.zeros(6)[::2], None), "x must be a C-contiguous"),
            (lambda: value_into(net, np.zeros((3, 4)).T, None), r"x must be a C-contiguous array of float64 with shape \(m, 3\)"),
            (lambda: value_into(net, 1.0, None), "x must be a C-contiguous"),
            (lambda: value_into(net, x, np.zeros((1, 2))), r"out must be a C-contiguous array of float64 with shape \(2,\)"),
            (lambda: value_into(net, x, frozen_out), "out must be writeable"),
            (lambda: both_into(net, x, np.zeros(2)), "out must be a tuple of two arrays"),
            (lambda: product(net, x, np.zeros((1, 3))), "v must be a C-contiguous")]:
        with pytest.raises(numba.TypingError, match=message):
            call()


def test_shapes_that_do_not_fit_are_refused_when_the_caller_runs(rng):
    net, X = fn.Network([3, 4, 2], seed=rng).freeze().numba(), np.zeros((5, 3))
    for call, message in [
            (lambda: value_into(net, np.zeros(4), None), r"x must have shape \(3,\)"),
            (lambda: value_into(net, np.zeros((3, 4)), None), r"x must have shape \(m, 3\)"),
            (lambda: value_into(net, X[0], np.zeros(3)), r"out must have shape \(2,\)"),
            (lambda: value_into(net, X, np.zeros((4, 2))), r"out must have shape \(m, 2\)"),
            (lambda: both_into(net, X[0], (np.zeros(2), np.zeros((3, 2)))), r"out\[1\] must have shape \(2, 3\)"),
            (lambda: product(net, X, np.zeros((6, 3))), r"v must have shape \(m, 3\)")]:
        with pytest.raises(ValueError, match=message):
            call()


def test_without_numba_the_error_says_what_is_missing():
    code = ("import sys; sys.modules['numba'] = None; import fastnet as fn\n"
            "try: fn.Network([2, 1]).freeze().numba()\nexcept ImportError as error: print(error)")
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True,
                          env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path[1:])})
    assert done.stdout == "FrozenNetwork.numba needs numba, which cannot be imported: python -m pip install numba\n"
