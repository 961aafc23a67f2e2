"""Costs of the user's own: Python functions on whole batches, and compiled code."""

import copy
import ctypes
import pickle
import subprocess
import sys
from types import SimpleNamespace

import numpy as np
import pytest

import fastnet as fn
from fastnet import costs
from helpers import error_in_eps


def half_square(A, Y):
    return ((A - Y)**2).sum(axis=1) / 2


def difference(A, Y):
    return A - Y


QUADRATIC = costs.custom(half_square, difference, name="by_hand")
SOURCE = """
#include <stddef.h>
#define COST(name, REAL)                                                                              \\
    double name(ptrdiff_t n, ptrdiff_t k, const REAL *a, const REAL *y, REAL *nabla, void *context)   \\
    {                                                                                                 \\
        const double factor = context ? *(double *)context : 1;                                       \\
        double sum = 0;                                                                               \\
        for (ptrdiff_t j = 0; j < n && n == k; j++) {                                                 \\
            nabla[j] = factor * (a[j] - y[j]);                                                        \\
            sum += factor * ((double)a[j] - y[j]) * ((double)a[j] - y[j]) / 2;                        \\
        }                                                                                             \\
        return sum;                                                                                   \\
    }
COST(cost_f32, float)
COST(cost_f64, double)
"""


@pytest.fixture(scope="module")
def library(tmp_path_factory):
    """The quadratic cost as somebody's shared library."""
    folder = tmp_path_factory.mktemp("cost")
    (folder / "cost.c").write_text(SOURCE)
    made = subprocess.run(["cc", "-O1", "-shared", "-fPIC", "cost.c", "-o", "cost.so"], cwd=folder, capture_output=True)
    if made.returncode:
        pytest.skip("no C compiler here")
    return ctypes.CDLL(str(folder / "cost.so"))


def compiled(library, dtype, **options):
    return costs.custom(library.cost_f32 if dtype == np.float32 else library.cost_f64, dtype=dtype, **options)


def assert_same_training(net, own, batch_size, weighted, rng):
    X, Y = rng.standard_normal((11, 3)), rng.random((11, 4))
    weight = rng.uniform(0.5, 2, 11) if weighted else None
    a, b = net.backprop(X, Y, sample_weight=weight), own.backprop(X, Y, sample_weight=weight)
    assert a.cost == pytest.approx(b.cost, rel=float(20 * np.finfo(net.dtype).eps)) == own.cost(X, Y, sample_weight=weight)
    options = dict(epochs=2, batch_size=batch_size, learning_rate=0.3, seed=0, sample_weight=weight)
    history, expected = own.fit(X, Y, **options), net.fit(X, Y, **options)
    eps = 10 + 6 * (2 * -(-11 // batch_size))**0.5
    for found, wanted in [(b.delta[-1], a.delta[-1]), (own.parameters, net.parameters), (history.cost, expected.cost)]:
        assert error_in_eps(found, wanted, net.dtype) <= eps


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("batch_size", [1, 4, 11])
@pytest.mark.parametrize("output", ["sigmoid", "softmax", "gelu"])
def test_python_functions_train_like_the_cost_that_they_are(output, batch_size, weighted, dtype, path, level, rng):
    net = fn.Network([3, 5, 4], output=output, dtype=dtype, seed=0)
    own = fn.Network([3, 5, 4], output=output, dtype=dtype, init=net.parameters, cost=QUADRATIC)
    assert_same_training(net, own, batch_size, weighted, rng)


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("batch_size", [1, 4, 11])
@pytest.mark.parametrize("output", ["sigmoid", "softmax", "gelu"])
def test_compiled_code_trains_like_the_cost_that_it_is(output, batch_size, weighted, dtype, path, level, library, rng):
    net = fn.Network([3, 5, 4], output=output, dtype=dtype, seed=0)
    own = fn.Network([3, 5, 4], output=output, dtype=dtype, init=net.parameters, cost=compiled(library, dtype))
    assert_same_training(net, own, batch_size, weighted, rng)


def test_compiled_code_gets_its_context(library, dtype):
    factor = ctypes.c_double(3)
    context = ctypes.pointer(factor)
    net = fn.Network([1, 2], dtype=dtype, seed=0)
    own = fn.Network([1, 2], dtype=dtype, init=net.parameters, cost=compiled(library, dtype, context=context))
    assert own.cost([[1.0]], [1]) == pytest.approx(3 * net.cost([[1.0]], [1]), rel=1e-6)


def test_an_address_and_what_has_one_are_compiled_code(library):
    net = fn.Network([1, 2], seed=0)
    address = ctypes.cast(library.cost_f64, ctypes.c_void_p).value
    for code in (address, SimpleNamespace(address=address), library.cost_f64):
        own = fn.Network([1, 2], init=net.parameters, cost=costs.custom(code))
        assert own.cost([[1.0]], [1]) == pytest.approx(net.cost([[1.0]], [1]), rel=1e-15)


def test_a_python_function_behind_ctypes_is_compiled_code_too(path):
    signature = ctypes.CFUNCTYPE(ctypes.c_double, ctypes.c_ssize_t, ctypes.c_ssize_t, *[ctypes.POINTER(ctypes.c_double)] * 3,
                                 ctypes.c_void_p)

    def cost(n, k, a, y, nabla, context):
        for j in range(n):
            nabla[j] = a[j] - y[j]
        return sum(0.5 * (a[j] - y[j])**2 for j in range(n))

    function = signature(cost)
    net = fn.Network([2, 3, 2], seed=0)
    own = fn.Network([2, 3, 2], init=net.parameters, cost=costs.custom(function))
    X, Y = [[0, 1], [1, 0], [1, 1]], [0, 1, 1]
    net.fit(X, Y, epochs=2, batch_size=2, seed=0)
    own.fit(X, Y, epochs=2, batch_size=2, seed=0)
    np.testing.assert_allclose(own.parameters, net.parameters, rtol=1e-13)


# -- what goes wrong ---------------------------------------------------------

@pytest.mark.parametrize("batch_size", [1, 3, 300])
@pytest.mark.parametrize("where", ["value", "derivative"])
def test_an_exception_leaves_the_net_as_the_last_finished_batch_did(where, batch_size, path, rng):
    """300 rows are two blocks of one batch: the first block's gradient must not count."""
    calls = []

    def failing(function):
        def call(A, Y):
            calls.append(1)
            if len(calls) == 2:
                raise ZeroDivisionError("on purpose")
            return function(A, Y)
        return call

    value, derivative = half_square, difference
    if where == "value":
        value = failing(value)
    else:
        derivative = failing(derivative)
    net = fn.Network([2, 3, 1], seed=0)
    own = fn.Network([2, 3, 1], init=net.parameters, cost=costs.custom(value, derivative))
    X, Y = rng.random((300, 2)), rng.random((300, 1))
    with pytest.raises(ZeroDivisionError, match="on purpose"):
        own.fit(X, Y, epochs=1, batch_size=batch_size, shuffle=False)
    if batch_size < 300:
        net.fit(X[:batch_size], Y[:batch_size], epochs=1, batch_size=batch_size, shuffle=False)
    np.testing.assert_allclose(own.parameters, net.parameters, rtol=1e-14)
    calls.clear()
    calls.append(1)
    for call in (own.value_and_gradient, own.backprop, own.cost)[:2 if where == "derivative" else 3]:
        calls[:] = [1]
        with pytest.raises(ZeroDivisionError):
            call(X[:3], Y[:3])


@pytest.mark.parametrize("value, derivative, message", [
    (lambda A, Y: 0.0, difference, r"the value of cost 'custom' must have shape \(3,\); got shape \(\)"),
    (lambda A, Y: (A - Y)**2, difference, r"the value of cost 'custom' must have shape \(3,\); got shape \(3, 2\)"),
    (half_square, half_square, r"the derivative of cost 'custom' must have shape \(3, 2\); got shape \(3,\)"),
    (half_square, lambda A, Y: None, "the derivative of cost 'custom' must hold real numbers")])
def test_what_functions_must_give_back(value, derivative, message):
    net = fn.Network([1, 2], cost=costs.custom(value, derivative), seed=0)
    with pytest.raises((ValueError, TypeError), match=message):
        net.value_and_gradient(np.ones((3, 1)), np.ones((3, 2)))


def test_what_functions_keep_or_change_is_no_memory_of_the_nets():
    kept = []

    def greedy(A, Y):
        kept.append((A, A.copy()))
        A += 1
        Y[:] = 7
        return half_square(A - 1, np.zeros_like(A))

    net = fn.Network([1, 2], cost=costs.custom(greedy, difference), seed=0)
    Y = np.zeros((3, 2))
    a = net([[1.0]] * 3)
    found = net.backprop([[1.0]] * 3, Y)
    assert found.cost == pytest.approx(half_square(a, 0).mean()) and not Y.any()
    np.testing.assert_allclose(found.delta[0], a * a * (1 - a), rtol=1e-14)         # nor of the derivative's
    np.testing.assert_array_equal(net.forward([[1.0]] * 3).a[0], a)
    net([[5.0]])
    np.testing.assert_array_equal(kept[0][0], kept[0][1] + 1)


@pytest.mark.parametrize("arguments, options, message", [
    ((half_square,), {}, "value must be compiled code"), ((3.5,), {}, "value must be compiled code"), ((0,), {}, "compiled code"),
    ((True,), {}, "compiled code"), ((half_square, 3), {}, "value and derivative must be callables"),
    ((half_square, difference), {"name": "a b"}, "name must be 1 to 64 letters"), ((half_square, difference), {"name": 3}, "name must be a str")])
def test_what_custom_refuses(arguments, options, message):
    with pytest.raises((TypeError, ValueError), match=message):
        costs.custom(*arguments, **options)


def test_compiled_code_serves_nets_of_its_own_dtype_alone(library):
    with pytest.raises(ValueError, match="cost 'custom' is compiled for float64; the net's dtype is float32"):
        fn.Network([1, 1], dtype="float32", cost=costs.custom(library.cost_f64))
    with pytest.raises(TypeError, match="compiled code of this process and can't be pickled"):
        pickle.dumps(fn.Network([1, 1], cost=costs.custom(library.cost_f64)))


def test_copies_pickles_and_files_of_a_net_with_a_cost_of_its_own(tmp_path):
    net = fn.Network([1, 2], cost=QUADRATIC, seed=0)
    for other in (net.copy(), copy.deepcopy(net), net.copy(dtype="float32")):
        assert other.cost_function is QUADRATIC
    assert pickle.loads(pickle.dumps(net)).cost_function == QUADRATIC
    assert "cost=<custom cost 'by_hand': Python functions>" in repr(net) and "custom(name=by_hand)" in net.summary()
    net.save(tmp_path / "net.safetensors")
    with pytest.raises(ValueError, match=r"a cost of the user's own, custom\(name=by_hand\), which a file can't hold"):
        fn.load(tmp_path / "net.safetensors")
    for cost in (QUADRATIC, "quadratic"):
        same = fn.load(tmp_path / "net.safetensors", cost=cost)
        assert same.cost_name == (cost if isinstance(cost, str) else "by_hand")
        np.testing.assert_array_equal(same.parameters, net.parameters)


def test_a_python_cost_sees_ctrl_c():
    code = ("import signal, os, numpy as np, fastnet as fn\n"
            "def value(A, Y):\n"
            "    os.kill(os.getpid(), signal.SIGINT)\n"
            "    return np.zeros(len(A))\n"
            "net = fn.Network([1, 1], cost=fn.costs.custom(value, lambda A, Y: A))\n"
            "try: net.fit(np.ones((9, 1)), np.ones((9, 1)), epochs=10**6)\n"
            "except KeyboardInterrupt: print('stopped')\n")
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60).stdout == "stopped\n"
