"""Activations of the user's own: Python functions on whole arrays, and compiled code."""

import copy
import ctypes
import gc
import pickle
import subprocess
import weakref

import numpy as np
import pytest

import fastnet as fn
from fastnet import _checks, activations
from fastnet._core import kernels
from helpers import error_in_eps

SOURCE = """
#include <math.h>
#include <stddef.h>
#define TIMES(REAL) const REAL k = context ? (REAL)*(double *)context : 1; for (ptrdiff_t i = 0; i < n; i++)
#define GAUSSIAN(suffix, REAL, EXP)                                                                      \\
    void value_##suffix(ptrdiff_t n, const REAL *z, REAL *out, void *context)                            \\
    {                                                                                                    \\
        TIMES(REAL) out[i] = k * EXP(-z[i] * z[i]);                                                      \\
    }                                                                                                    \\
    void derivative_##suffix(ptrdiff_t n, const REAL *z, REAL *out, void *context)                       \\
    {                                                                                                    \\
        TIMES(REAL) out[i] = k * -2 * z[i] * EXP(-z[i] * z[i]);                                          \\
    }                                                                                                    \\
    void second_##suffix(ptrdiff_t n, const REAL *z, REAL *out, void *context)                           \\
    {                                                                                                    \\
        TIMES(REAL) out[i] = k * (4 * z[i] * z[i] - 2) * EXP(-z[i] * z[i]);                              \\
    }                                                                                                    \\
    void inverse_##suffix(ptrdiff_t n, const REAL *z, REAL *out, void *context)                          \\
    {                                                                                                    \\
        TIMES(REAL) out[i] = k / z[i];                                                                   \\
    }
GAUSSIAN(float32, float, expf)
GAUSSIAN(float64, double, exp)
"""
SIZES = [(1, 1), (3, 5, 4), (3, 33, 17, 2), (7, 70, 3)]


@pytest.fixture(scope="module")
def library(tmp_path_factory):
    """The gaussian as somebody's shared library."""
    folder = tmp_path_factory.mktemp("activation")
    (folder / "activation.c").write_text(SOURCE)
    made = subprocess.run(["cc", "-O1", "-shared", "-fPIC", "activation.c", "-o", "activation.so", "-lm"],
                          cwd=folder, capture_output=True)
    if made.returncode:
        pytest.skip("no C compiler here")
    return ctypes.CDLL(str(folder / "activation.so"))


def compiled(library, dtype, **options):
    dtype = np.dtype(dtype).name
    functions = [getattr(library, f"{what}_{dtype}") for what in ("value", "derivative", "second")]
    return activations.custom(*functions, name="bell", dtype=dtype, **options)


def in_python(**options):
    return activations.custom(lambda z: np.exp(-z * z), lambda z: -2 * z * np.exp(-z * z),
                              lambda z: (4 * z * z - 2) * np.exp(-z * z), name="bell", **options)


@pytest.fixture(params=["compiled", "python"])
def bell(request, dtype):
    return compiled(request.getfixturevalue("library"), dtype) if request.param == "compiled" else in_python()


def pair(sizes, bell, dtype, output=None, **options):
    """A net with fastnet's gaussian, and the same with somebody else's."""
    net = fn.Network(sizes, activation="gaussian", output=output, dtype=dtype, seed=0, **options)
    return net, fn.Network(sizes, activation=bell, output=output, dtype=dtype, init=net.parameters, **options)


@pytest.fixture
def many_processors(monkeypatch):
    monkeypatch.setattr(_checks, "check_threads", lambda threads: threads)


# The two gaussians differ by some roundings; a layer multiplies that by its weights, some 10 times.
EPS = 60


@pytest.mark.parametrize("m", [1, 4, 300])
@pytest.mark.parametrize("sizes", SIZES, ids=str)
def test_a_net_computes_what_it_computes_with_the_same_activation_of_fastnets(sizes, m, bell, dtype, path, level, rng):
    net, own = pair(sizes, bell, dtype)
    X, Y = rng.standard_normal((m, sizes[0])), rng.random((m, sizes[-1]))
    weight = rng.uniform(0.5, 2, m)
    expected, found = net.backprop(X, Y, sample_weight=weight), own.backprop(X, Y, sample_weight=weight)
    pairs = [(own(X), net(X)), (own(X[0]), net(X[0])), (own.cost(X, Y), net.cost(X, Y)), (found.cost, expected.cost),
             (own.value_and_gradient(X, Y)[1], net.value_and_gradient(X, Y)[1])]
    pairs += zip(found.delta, expected.delta)
    pairs += zip(own.forward(X).a, net.forward(X).a)
    for got, wanted in pairs:
        assert error_in_eps(got, wanted, dtype) <= EPS


@pytest.mark.parametrize("batch_size", [1, 4, 300])
@pytest.mark.parametrize("options", [{}, {"optimizer": "adam", "dropout": 0.2}, {"optimizer": fn.SGD(momentum=0.5), "l2": 0.1}],
                         ids=["sgd", "adam", "momentum"])
def test_training_goes_as_with_the_same_activation_of_fastnets(options, batch_size, bell, dtype, path, level, rng):
    net, own = pair((3, 33, 4), bell, dtype, output="sigmoid")
    X, Y = rng.standard_normal((300, 3)), rng.random((300, 4))
    options = {"epochs": 1, "batch_size": batch_size, "learning_rate": 0.01, "seed": 0, **options}
    expected, found = net.fit(X, Y, **options), own.fit(X, Y, **options)
    steps = -(-300 // batch_size)
    assert error_in_eps(own.parameters, net.parameters, dtype) <= EPS * (1 + 6 * steps**0.5)
    assert error_in_eps(found.cost, expected.cost, dtype) <= EPS * (1 + 6 * steps**0.5)


@pytest.mark.parametrize("m", [1, 20])
def test_derivatives_are_those_of_the_same_activation_of_fastnets(m, bell, dtype, path, rng):
    net, own = pair((3, 20, 4), bell, dtype)
    X, Y, V, U = (rng.standard_normal((m, n)) for n in (3, 4, 3, 4))
    v = rng.standard_normal(net.n_parameters)
    for name, arguments in [("jacobian", (X,)), ("jvp", (X, V)), ("vjp", (X, U)), ("laplacian", (X,)),
                            ("parameter_jacobian", (X,)), ("input_gradient", (X, Y)), ("per_sample_gradients", (X, Y)),
                            ("hessian_vector", (X, Y, v))]:
        assert error_in_eps(getattr(own, name)(*arguments), getattr(net, name)(*arguments), dtype) <= 10 * EPS, name


def test_the_gradient_is_that_of_finite_differences(bell, path):
    if bell.dtype == np.float32:
        pytest.skip("finite differences need float64")
    own = fn.Network([3, 6, 2], activation=bell, output="tanh", seed=0)
    assert own.check_gradient([[0.1, -0.4, 0.9], [1.0, 0.2, 0.3]], [[0.2, 0.1], [0.0, 1.0]]).ok


@pytest.mark.parametrize("m", [1, 100])
def test_a_frozen_net_has_compiled_activations_of_the_users(m, library, dtype, rng):
    net, own = pair((3, 33, 4), compiled(library, dtype), dtype)
    X = rng.standard_normal((m, 3))
    f, g = own.freeze(), net.freeze()
    assert error_in_eps(f(X), g(X), dtype) <= EPS
    assert error_in_eps(f.jacobian(X), g.jacobian(X), dtype) <= 10 * EPS


def test_threads_train_with_compiled_activations_of_the_users(library, dtype, many_processors, rng):
    X, Y = rng.standard_normal((256, 64)), rng.random((256, 10))
    nets = [fn.Network([64, 128, 128, 10], activation=compiled(library, dtype), output="sigmoid", dtype=dtype, seed=0)
            for _ in range(2)]
    for net, threads in zip(nets, (1, 2)):
        net.fit(X, Y, epochs=2, batch_size=128, learning_rate=0.05, seed=0, threads=threads)
    assert error_in_eps(nets[1].parameters, nets[0].parameters, dtype) <= 500    # sums over shares in another order


def test_compiled_code_gets_its_context(library, dtype):
    factor = ctypes.c_double(3)
    bell = compiled(library, dtype, context=ctypes.pointer(factor))
    net = fn.Network([1, 1], activation=bell, init=[1.0, 0.0], dtype=dtype)
    assert net([0.0]) == [3]


def test_a_python_function_behind_ctypes_is_compiled_code_too(path):
    signature = ctypes.CFUNCTYPE(None, ctypes.c_ssize_t, ctypes.POINTER(ctypes.c_double), ctypes.POINTER(ctypes.c_double),
                                 ctypes.c_void_p)

    @signature
    def square(n, z, out, context):
        for i in range(n):
            out[i] = z[i] * z[i]

    @signature
    def double(n, z, out, context):
        for i in range(n):
            out[i] = 2 * z[i]

    own = fn.Network([2, 1], activation=activations.custom(square, double), init=[1.0, 2.0, 0.5])
    assert own([1.0, 1.0]) == [3.5**2]
    assert own.value_and_gradient([[1.0, 1.0]], [[0.0]])[1] == pytest.approx([3.5**2 * 7] * 3, rel=1e-14)


def test_explain_and_summary_name_it(bell, dtype):
    net = fn.Network([3, 5, 2], activation=bell, dtype=dtype)
    assert "bell" in net.summary() and "bell" in str(net.explain(measure=False)) and "bell" in repr(net)
    assert net.explain(measure=False).path == ("plain" if bell.python else "minibatch")


def test_copies_have_it_and_a_pickle_where_the_functions_do():
    square = activations.custom(np.square, np.negative, name="square")
    net = fn.Network([2, 1], activation=square, seed=0)
    for other in (net.copy(), copy.deepcopy(net), pickle.loads(pickle.dumps(net)), net.copy("float32")):
        assert other.activations == (square,) and abs(other([1, 2]) - net([1, 2])) < 1e-6
    assert square != activations.custom(np.square, np.positive, name="square") and square != "square"


def test_compiled_code_is_not_pickled(library):
    with pytest.raises(TypeError, match="activation 'bell' is compiled code of this process"):
        pickle.dumps(fn.Network([2, 1], activation=compiled(library, "float64")))


def test_a_file_names_it_and_load_is_given_it(bell, dtype, tmp_path):
    net = fn.Network([2, 3, 1], activation=["tanh", bell], dtype=dtype, seed=0)
    net.save(tmp_path / "net.safetensors")
    with pytest.raises(ValueError, match="activation 'bell' is not fastnet's: if it is one of your own, give it"):
        fn.load(tmp_path / "net.safetensors")
    with pytest.raises(TypeError, match="activation must be what fastnet.activations.custom made"):
        fn.load(tmp_path / "net.safetensors", activation="bell")
    for given in (bell, [bell]):
        other = fn.load(tmp_path / "net.safetensors", activation=given)
        assert other.activations == net.activations and (other([1, 2]) == net([1, 2])).all()


def test_two_of_one_name_which_a_file_could_not_tell_apart_are_refused(tmp_path):
    wave, square = activations.custom(np.sin, np.cos), activations.custom(np.square, lambda z: 2 * z)
    for use in (lambda: fn.Network([2, 3, 1], activation=[wave, square]), lambda: fn.Network([2, 3, 1], activation=wave, output=square)):
        with pytest.raises(ValueError, match=r"activation must have a name of its own .*custom\(..., name=...\); got two that are called 'custom'"):
            use()
    net = fn.Network([2, 3, 1], activation=[wave, activations.custom(np.sin, np.cos)], seed=0)         # the same twice
    net.fit([[0, 1]], [1], epochs=1, checkpoint=tmp_path / "run")
    net.save(tmp_path / "net")
    assert fn.load(tmp_path / "net", activation=[wave, wave]).activations == net.activations
    for read in (lambda: fn.load(tmp_path / "net", activation=[wave, square]), lambda: fn.resume(tmp_path / "run", activation=[square, wave])):
        with pytest.raises(ValueError, match="got two that are called 'custom'"):
            read()


def test_a_run_goes_on_with_it_bit_by_bit(bell, dtype, tmp_path, rng):
    X, Y = rng.random((20, 2)), rng.random((20, 1))
    whole, part = (fn.Network([2, 3, 1], activation=bell, dtype=dtype, seed=0) for _ in range(2))
    whole.fit(X, Y, epochs=4, seed=1)
    part.fit(X, Y, epochs=2, seed=1, checkpoint=tmp_path / "run")
    run = fn.resume(tmp_path / "run", activation=bell)
    run.fit(X, Y, epochs=4)
    assert run.net.parameters.tobytes() == whole.parameters.tobytes()


def test_entries_of_the_kernels_table_are_given_back(dtype):
    before = in_python().code(dtype)
    gc.collect()
    codes = set()
    for _ in range(1000):
        codes.add(in_python().code(dtype))
        gc.collect(0)
    assert len(codes) < 100 and min(codes) <= before


def test_more_activations_than_the_table_holds_are_refused(dtype):
    held = []
    with pytest.raises(MemoryError, match="at most 256 activations of your own"):
        for _ in range(300):
            held.append(in_python())
            held[-1].code(dtype)
    assert len(held) > 200
    del held[:]
    assert in_python().code(dtype) >= len(kernels.ACTIVATIONS)


def test_a_frozen_net_keeps_it_alive(library):
    bell = compiled(library, "float64")
    f = fn.Network([1, 1], activation=bell, init=[1.0, 0.0]).freeze()
    alive = weakref.ref(bell)
    del bell
    gc.collect()
    assert alive() is f.activations[0] and f([0.0]) == [1]


# -- what goes wrong ---------------------------------------------------------

def failing(function, when, calls):
    def call(z):
        calls.append(1)
        if len(calls) == when:
            raise ZeroDivisionError("on purpose")
        return function(z)
    return call


@pytest.mark.parametrize("batch_size", [1, 3, 300])
@pytest.mark.parametrize("where", [0, 1])
def test_an_exception_leaves_the_net_as_the_last_finished_batch_did(where, batch_size, path, rng):
    """300 rows are two blocks of one batch: the first block's gradient must not count."""
    functions = [np.tanh, lambda z: 1 - np.tanh(z)**2]
    steps = 1 if batch_size < 300 else 0
    per_step = 1 if batch_size < 300 else 2       # calls of either function: one hidden layer, each block
    functions[where] = failing(functions[where], steps * per_step + per_step, [])
    net = fn.Network([2, 3, 1], activation="tanh", seed=0)
    own = fn.Network([2, 3, 1], activation=[activations.custom(*functions), "tanh"], init=net.parameters)
    X, Y = rng.random((300, 2)), rng.random((300, 1))
    with pytest.raises(ZeroDivisionError, match="on purpose"):
        own.fit(X, Y, epochs=1, batch_size=batch_size, shuffle=False)
    if steps:
        net.fit(X[:batch_size], Y[:batch_size], epochs=1, batch_size=batch_size, shuffle=False)
    np.testing.assert_allclose(own.parameters, net.parameters, rtol=1e-13)
    own.fit(X, Y, epochs=1)                     # nothing of it is left behind


@pytest.mark.parametrize("call", [
    lambda net, X, Y: net(X), lambda net, X, Y: net(X[0]), lambda net, X, Y: net.predict(X, np.empty((len(X), 1))),
    lambda net, X, Y: net.forward(X), lambda net, X, Y: net.cost(X, Y), lambda net, X, Y: net.backprop(X, Y),
    lambda net, X, Y: net.value_and_gradient(X, Y), lambda net, X, Y: net.jacobian(X), lambda net, X, Y: net.jvp(X, X),
    lambda net, X, Y: net.laplacian(X), lambda net, X, Y: net.hessian_vector(X, Y, net.parameters),
    lambda net, X, Y: net.predict(X, threads=2)])
def test_every_call_raises_what_the_function_raises(call, many_processors, rng):
    def value(z):
        raise KeyError("on purpose")
    own = fn.Network([2, 3, 1], activation=activations.custom(value, value, value), seed=0)
    with pytest.raises(KeyError, match="on purpose"):
        call(own, rng.random((20, 2)), rng.random((20, 1)))
    fn.Network([2, 3, 1], activation=in_python(), seed=0)([1, 2])        # and that is all


@pytest.mark.parametrize("call", [
    lambda net, X, Y: net.cost(X, Y), lambda net, X, Y: net.backprop(X, Y), lambda net, X, Y: net.value_and_gradient(X, Y),
    lambda net, X, Y: net.input_gradient(X, Y), lambda net, X, Y: net.fit(X, Y, epochs=1)])
def test_what_the_function_raises_comes_before_what_the_cost_makes_of_it(call, rng):
    """And is not left for a later call, which has no part in it."""
    def value(z):
        if broken:
            raise KeyError("on purpose")
        return z

    def cost(A, Y):
        if np.isnan(A).any():
            raise ArithmeticError("the outputs are NaN")
        return (A - Y)[:, 0]**2 / 2

    broken = True
    own = fn.Network([2, 3, 1], activation=activations.custom(value, np.ones_like),
                     cost=fn.costs.custom(cost, lambda A, Y: A - Y), seed=0)
    X, Y = rng.random((20, 2)), rng.random((20, 1))
    with pytest.raises(KeyError, match="on purpose"):
        call(own, X, Y)
    broken = False
    assert np.isfinite(own(X)).all()


@pytest.mark.parametrize("sizes", [(3, 5, 5, 2), (3, 9, 1, 2), (3, 33, 17, 2), (3, 70, 3)], ids=str)
@pytest.mark.parametrize("call", [
    lambda net, X, Y: net(X[0]), lambda net, X, Y: net(X[:5]), lambda net, X, Y: net(X), lambda net, X, Y: net.cost(X, Y),
    lambda net, X, Y: net.freeze()(X[0]), lambda net, X, Y: net.freeze()(X), lambda net, X, Y: net.jacobian(X),
    lambda net, X, Y: net.freeze().jacobian(X[0]), lambda net, X, Y: net.fit(X[:1], Y[:1], epochs=1, batch_size=1),
    lambda net, X, Y: net.fit(X, Y, epochs=1, batch_size=len(X))])
def test_compiled_code_sees_weighted_inputs_and_zeros_and_nothing_else(call, sizes, level, rng):
    """No leftovers of other calls in what pads vectors: these would be read before they are written."""
    seen = set()
    function = ctypes.CFUNCTYPE(None, ctypes.c_ssize_t, ctypes.POINTER(ctypes.c_double), ctypes.POINTER(ctypes.c_double),
                                ctypes.c_void_p)

    @function
    def value(n, z, out, context):
        for i in range(n):
            seen.add(z[i])
            out[i] = z[i] / (1 + abs(z[i]))

    @function
    def derivative(n, z, out, context):
        for i in range(n):
            seen.add(z[i])
            out[i] = 1 / (1 + abs(z[i]))**2

    net = fn.Network(sizes, activation=activations.custom(value, derivative), output="identity", seed=0)
    X, Y = rng.standard_normal((37, 3)), rng.random((37, sizes[-1]))
    expected = np.concatenate([[0.0], *(z.ravel() for z in net.forward(X).z)])
    other = fn.Network((3, 70, 70, 2), activation="identity", seed=1)
    for leave_something in (lambda: other(1e9 * X[0]), lambda: other(1e9 * X), lambda: other.freeze()(1e9 * X),
                            lambda: other.jacobian(1e9 * X)):
        leave_something()
        copied = net.copy()
        seen.clear()
        call(copied, X, Y)
        found = np.array(sorted(seen))
        assert len(found) and np.abs(found[:, None] - expected).min(axis=1).max() < 1e-12


@pytest.mark.parametrize("given, message", [
    (lambda z: z[:1], r"the value of activation 'custom' must have shape \(3,\); got shape \(1,\)"),
    (lambda z: "a", "the value of activation 'custom' must"),
    (lambda z: z + 1j, "the value of activation 'custom' must")])
def test_what_a_python_function_gives_back_is_checked(given, message):
    own = fn.Network([2, 3, 1], activation=[activations.custom(given, np.cos), "sigmoid"], seed=0)
    with pytest.raises((ValueError, TypeError), match=message):
        own([1.0, 2.0])


def test_functions_may_keep_and_change_what_they_are_given():
    seen = []

    def value(z):
        seen.append(z)
        z *= 2
        return z
    own = fn.Network([1, 1, 1], activation=activations.custom(value, np.ones_like), init=[1.0, 0.5, 1.0, 0.5])
    assert own([1.0]) == [7] and own([1.0]) == [7] and seen[0] == [3]


def test_second_derivatives_are_asked_for_where_they_are_needed():
    own = fn.Network([2, 3, 1], activation=activations.custom(np.sin, np.cos, name="wave"), seed=0)
    for call in (lambda: own.laplacian([1, 2]), lambda: own.hessian_vector([[1, 2]], [[1]], own.parameters)):
        with pytest.raises(ValueError, match="activation 'wave' must have a second derivative here; got none"):
            call()
    assert own.jacobian([1, 2]).shape == (1, 2)


def test_bad_arguments_are_named(library):
    for arguments in ((1.5, np.cos), (np.sin, None), (None, np.cos), (np.sin, np.cos, 3.5), (library.value_float64, np.cos), (True, True)):
        with pytest.raises(TypeError, match="must be callables, or all of them compiled code"):
            activations.custom(*arguments)
    with pytest.raises(ValueError, match="name must not be that of an activation of fastnet's; got 'tanh'"):
        activations.custom(np.sin, np.cos, name="tanh")
    with pytest.raises(ValueError, match="name must be 1 to 64 letters"):
        activations.custom(np.sin, np.cos, name="a b")
    with pytest.raises(ValueError, match="value must be finite at z = 0, which pads vectors"):
        activations.custom(library.inverse_float64, library.value_float64)
    with pytest.raises(ValueError, match="activation 'bell' is compiled for float64; the net's dtype is float32"):
        fn.Network([1, 1], activation=compiled(library, "float64"), dtype="float32")
    with pytest.raises(TypeError, match="activation 'bell' must be compiled code in a frozen net; got Python functions"):
        fn.Network([1, 1], activation=in_python()).freeze()
    with pytest.raises(ValueError, match="activation 'bell' is one of your own, and its source is not"):
        fn.Network([1, 1], activation=compiled(library, "float64")).export_c("net.c")
