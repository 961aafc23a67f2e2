"""Training from code that owns its loop: parameters, samples and work space are the caller's."""

import ctypes
import gc

import numpy as np
import pytest

import fastnet as fn
from fastnet._core import kernels
from fastnet.embed import capi
from helpers import ACTIVATIONS, error_in_eps, random_net

SIZES = [(10, 64, 64, 1), (2, 16, 16, 1), (1, 1), (3, 9, 17), (5, 3, 101, 2), (33, 31, 6), (784, 5, 4)]
OUTPUTS = ("sigmoid", "softplus", "softmax", "identity", "gelu")
LOGARITHMIC = {"cross_entropy": ("sigmoid", "softmax"), "categorical_cross_entropy": ("sigmoid", "softmax", "softplus"),
               "poisson": ("sigmoid", "softmax", "softplus")}
PAIRS = [(cost, output) for cost in kernels.COSTS for output in LOGARITHMIC.get(cost, OUTPUTS)]
OK, NULL, PRECISION, SIZE, WORKSPACE, ALIGNMENT, OVERLAP, LAYERS, ACTIVATION, COST = range(10)


class Caller:
    """The functions of a model on arrays, with a work space that is NaN before each call and guarded at both ends."""

    def __init__(self, model):
        self.model, self.call = model, model.ctypes

    def run(self, name, m, *arguments):
        n_bytes = self.call.workspace_size(self.model.address, m)
        block = np.full(n_bytes + 65, 0xFF, np.uint8)
        addresses = [argument.ctypes.data if isinstance(argument, np.ndarray) else argument for argument in arguments]
        assert getattr(self.call, name)(self.model.address, m, *addresses, block.ctypes.data + 1) == 0
        assert block[0] == 0xFF and (block[n_bytes + 1:] == 0xFF).all()

    def outputs(self, parameters, X):
        a = np.full((len(X), self.model.sizes[-1]), np.nan, self.model.dtype)
        self.run("eval", len(X), parameters, X, a)
        return a

    def value_and_gradient(self, parameters, X, Y):
        cost, gradient = ctypes.c_double(), np.full(parameters.size, np.nan, self.model.dtype)
        self.run("value_and_gradient", len(X), parameters, X, Y, ctypes.addressof(cost), gradient)
        return cost.value, gradient

    def vjp(self, parameters, X, U):
        gradient = np.full(parameters.size, np.nan, self.model.dtype)
        self.run("vjp", len(X), parameters, X, U, gradient)
        return gradient

    def step(self, parameters, X, Y, rate):
        cost = ctypes.c_double()
        self.run("sgd_step", len(X), parameters, X, Y, rate, ctypes.addressof(cost))
        return cost.value


def batch(rng, net, m, n_targets=None):
    n = net.sizes[-1] if n_targets is None else n_targets
    return rng.standard_normal((m, net.sizes[0])).astype(net.dtype), rng.random((m, n)).astype(net.dtype)


@pytest.mark.parametrize("sizes", SIZES, ids=str)
@pytest.mark.parametrize("m", [1, 2, 7, 33])
def test_outputs_gradient_and_step_are_those_of_the_net(sizes, m, dtype, level, rng):
    net = random_net(rng, sizes, dtype)
    X, Y = batch(rng, net, m)
    caller, parameters = Caller(fn.TrainingModel(net)), net.parameters.copy()
    cost, nabla = net.value_and_gradient(X, Y)
    # sums of up to 784 terms, in another order
    assert error_in_eps(caller.outputs(parameters, X), net(X), dtype) <= 40
    found, gradient = caller.value_and_gradient(parameters, X, Y)
    assert error_in_eps(gradient, nabla, dtype) <= 100
    assert found == pytest.approx(cost, rel=float(100 * np.finfo(dtype).eps))
    np.testing.assert_array_equal(parameters, net.parameters)
    assert caller.step(parameters, X, Y, 0.25) == found
    assert error_in_eps(parameters, net.parameters - dtype.type(0.25) * gradient, dtype) <= 4
    assert (parameters != net.parameters).any()


@pytest.mark.parametrize("name", [*ACTIVATIONS, "softmax"])
def test_every_activation(name, dtype, level, rng):
    net = fn.Network([4, 21, 5], activation="tanh" if name == "softmax" else name, output=name, dtype=dtype, seed=rng)
    X, Y = batch(rng, net, 9)
    caller = Caller(fn.TrainingModel(net))
    assert error_in_eps(caller.outputs(net.parameters, X), net(X), dtype) <= 40
    assert error_in_eps(caller.value_and_gradient(net.parameters, X, Y)[1], net.value_and_gradient(X, Y)[1], dtype) <= 100


@pytest.mark.parametrize("cost, output", PAIRS, ids="-".join)
def test_every_cost_behind_every_output(cost, output, dtype, rng):
    net = fn.Network([4, 9, 6], activation="tanh", output=output, cost=cost, dtype=dtype, seed=rng)
    model = fn.TrainingModel(net)
    X, Y = batch(rng, net, 5, 3 if cost == "gaussian_nll" else 6)
    value, nabla = net.value_and_gradient(X, Y)
    found, gradient = Caller(model).value_and_gradient(net.parameters, X, Y)
    assert found == pytest.approx(value, rel=float(100 * np.finfo(dtype).eps))
    assert error_in_eps(gradient, nabla, dtype) <= 100


def test_weights_of_outputs_and_missing_targets_count(dtype, rng):
    cost = fn.costs.Quantile(tau=[0.1, 0.5, 0.9], output_weights=[1, 0, 3], ignore_nan=True)
    net = fn.Network([4, 9, 3], output="identity", cost=cost, dtype=dtype, seed=rng)
    X, Y = batch(rng, net, 5)
    Y[2, 0] = np.nan
    model = fn.TrainingModel(net)
    value, nabla = net.value_and_gradient(X, Y)
    parameters = net.parameters.copy()
    del net, cost
    found, gradient = Caller(model).value_and_gradient(parameters, X, Y)
    assert found == pytest.approx(value, rel=float(20 * np.finfo(dtype).eps))
    assert error_in_eps(gradient, nabla, dtype) <= 30


def test_a_derivative_of_the_callers_own_is_pulled_back_to_the_parameters(dtype, level, rng):
    net = random_net(rng, (5, 20, 7, 3), dtype)
    X, _ = batch(rng, net, 6)
    U = rng.standard_normal((6, 3)).astype(dtype)
    expected = np.einsum("ij,ijk->k", U.astype(float), net.parameter_jacobian(X).astype(float))
    assert error_in_eps(Caller(fn.TrainingModel(net)).vjp(net.parameters, X, U), expected, dtype) <= 60


def test_steps_train_as_fit_does(dtype, rng):
    net = fn.Network([6, 12, 2], activation="tanh", output="softmax", cost="categorical_cross_entropy", dtype=dtype, seed=0)
    X = rng.standard_normal((60, 6)).astype(dtype)
    Y, parameters = np.eye(2, dtype=dtype)[(X[:, 0] > X[:, 1]).astype(int)], net.parameters.copy()
    caller = Caller(fn.TrainingModel(net))
    costs = []
    for _ in range(5):
        for start in range(0, 60, 10):
            costs.append(caller.step(parameters, X[start:start + 10], Y[start:start + 10], 0.5))
    net.fit(X, Y, epochs=5, batch_size=10, learning_rate=0.5, shuffle=False)
    assert error_in_eps(parameters, net.parameters, dtype) <= 200             # of thirty steps
    assert np.mean(costs[-6:]) < np.mean(costs[:6]) / 2


def test_parameters_may_be_those_of_the_net(rng):
    net = fn.Network([3, 4, 1], seed=0)
    X, Y = batch(rng, net, 8)
    before = net.cost(X, Y)
    assert Caller(fn.TrainingModel(net)).step(net.parameters, X, Y, 0.5) == pytest.approx(before, rel=1e-12)
    assert net.cost(X, Y) < before


def test_nan_stays_with_its_sample_and_padding_counts_nowhere(dtype, level, rng):
    net = random_net(rng, (5, 17, 9, 3), dtype, mixed=False)
    X, _ = batch(rng, net, 20)
    caller = Caller(fn.TrainingModel(net))
    clean = caller.outputs(net.parameters, X)
    X[7, 2] = np.nan
    found, others = caller.outputs(net.parameters, X), np.arange(20) != 7
    np.testing.assert_array_equal(found[others], clean[others])
    assert np.isnan(found[7]).all()


def test_a_work_space_serves_fewer_samples_and_a_number_beyond_memory_has_none(dtype, rng):
    call = (model := fn.TrainingModel(random_net(rng, (3, 40, 2), dtype))).ctypes
    sizes = [call.workspace_size(model.address, m) for m in (1, 2, 3, 50, 1000)]
    assert sizes == sorted(sizes)
    for m in (2**60, 2**63, 2**64 - 1):
        assert call.workspace_size(model.address, m) == 2**64 - 1


def test_an_activation_of_the_users_own_is_called_and_kept(rng):
    """Behind ctypes: cosh, whose value on padding is 1."""
    vector = ctypes.POINTER(ctypes.c_double)
    signature = ctypes.CFUNCTYPE(None, ctypes.c_ssize_t, vector, vector, ctypes.c_void_p)

    def behind(f):
        @signature
        def call(n, z, out, context):
            np.ctypeslib.as_array(out, (n,))[:] = f(np.ctypeslib.as_array(z, (n,)))
        return call

    own = fn.activations.custom(behind(np.cosh), behind(np.sinh), name="hyperbolic")
    net = fn.Network([3, 5, 2], activation=own, output="identity", seed=0)
    X, Y = batch(rng, net, 4)
    (cost, nabla), parameters = net.value_and_gradient(X, Y), net.parameters.copy()
    model = fn.TrainingModel(net)
    del own, net
    gc.collect()
    found, gradient = Caller(model).value_and_gradient(parameters, X, Y)
    assert found == pytest.approx(cost, rel=1e-13) and error_in_eps(gradient, nabla, np.dtype(float)) <= 100


def test_an_activation_of_python_functions_is_refused():
    own = fn.activations.custom(np.cosh, np.sinh, name="hyperbolic")
    with pytest.raises(TypeError, match="net must have activations that compiled code can call; got Python functions, 'hyperbolic'"):
        fn.TrainingModel(fn.Network([2, 3, 1], activation=own, output="tanh"))


def test_a_cost_of_python_functions_is_refused():
    own = fn.costs.custom(lambda A, Y: ((A - Y)**2).sum(axis=1), lambda A, Y: 2 * (A - Y))
    with pytest.raises(TypeError, match="net must have a cost that compiled code can call; got one of Python functions"):
        fn.TrainingModel(fn.Network([2, 1], cost=own))
    with pytest.raises(TypeError, match="net must be a fastnet.Network; got "):
        fn.TrainingModel(fn.Network([2, 1]).freeze())
    with pytest.raises(TypeError, match="can't be changed"):
        fn.TrainingModel(fn.Network([2, 1])).__init__(fn.Network([2, 1]))


# -- models made without Python ------------------------------------------------------------

def function(name, result, *types):
    return ctypes.CFUNCTYPE(result, *types)(capi.ADDRESSES[f"fastnet_{name}"])


size_t, pointer, integer = ctypes.c_size_t, ctypes.c_void_p, ctypes.c_int
model_init = function("model_init", integer, pointer, size_t, integer, size_t, pointer, pointer, integer, ctypes.c_double)
model_bytes = function("model_bytes", size_t, size_t)


def code_of(kind, name):
    return function(f"{kind}_code", integer, ctypes.c_char_p)(name)


def made(sizes=(5, 7, 3), activations=("tanh", "identity"), cost="huber", parameter=1.5, precision=64, changed=()):
    """A model in an array, and the code of making it."""
    n_layers = len(sizes) - 1
    memory = np.zeros(model_bytes(max(n_layers, 1)) + 8, np.uint8)
    given = {"model": memory.ctypes.data, "n_bytes": model_bytes(n_layers), "precision": precision, "n_layers": n_layers,
             "sizes": (size_t * len(sizes))(*sizes), "cost": cost if isinstance(cost, int) else code_of("cost", cost.encode()),
             "activations": (integer * len(activations))(*(a if isinstance(a, int) else code_of("activation", a.encode())
                                                           for a in activations))} | dict(changed)
    code = model_init(given["model"], given["n_bytes"], given["precision"], given["n_layers"], given["sizes"],
                      given["activations"], given["cost"], parameter)
    return memory, code


def test_a_model_made_by_c_is_the_model_of_the_net(dtype, rng):
    memory, code = made(precision=dtype.itemsize * 8)
    assert code == OK
    net = fn.Network([5, 7, 3], activation="tanh", output="identity", cost=fn.costs.Huber(1.5), dtype=dtype, seed=0)
    X, Y = batch(rng, net, 4)
    expected = Caller(model := fn.TrainingModel(net)).value_and_gradient(net.parameters, X, 3 * Y)

    class Ours:
        address, ctypes, sizes, dtype = memory.ctypes.data, model.ctypes, model.sizes, model.dtype

    found = Caller(Ours).value_and_gradient(net.parameters, X, 3 * Y)
    assert found[0] == expected[0]
    np.testing.assert_array_equal(found[1], expected[1])

    def ask(name, *numbers, result=size_t):
        call = function(f"model_{name}", result, pointer, *[size_t] * len(numbers))
        assert call(None, *numbers) == 0
        return call(memory.ctypes.data, *numbers)

    assert ask("precision", result=integer) == dtype.itemsize * 8
    assert [ask("size", layer) for layer in range(4)] == [5, 7, 3, 0]
    assert (ask("n_layers"), ask("n_inputs"), ask("n_outputs"), ask("n_targets")) == (2, 5, 3, 3)
    assert ask("n_parameters") == net.n_parameters


@pytest.mark.parametrize("changed, code", [
    ({"model": None}, NULL), ({"sizes": None}, NULL), ({"activations": None}, NULL),
    ({"precision": 16}, PRECISION), ({"precision": 0}, PRECISION),
    ({"n_layers": 0}, LAYERS), ({"n_layers": 2**64 - 1}, LAYERS), ({"sizes": (size_t * 3)(5, 0, 3)}, LAYERS),
    ({"sizes": (size_t * 3)(0, 7, 3)}, LAYERS), ({"sizes": (size_t * 3)(2**63, 2**63, 3)}, LAYERS),
    ({"sizes": (size_t * 3)(2**64 - 1, 1, 1)}, LAYERS), ({"sizes": (size_t * 3)(2**30, 2**30, 3)}, LAYERS),
    ({"n_bytes": model_bytes(2) - 1}, WORKSPACE), ({"n_bytes": 0}, WORKSPACE),
    ({"activations": (integer * 2)(-1, 0)}, ACTIVATION), ({"activations": (integer * 2)(0, 17)}, ACTIVATION),
    ({"activations": (integer * 2)(16, 3)}, ACTIVATION),
    ({"cost": -1}, COST), ({"cost": 10}, COST), ({"cost": 1000}, COST)])
def test_a_model_that_cannot_be_is_refused_and_nothing_written(changed, code):
    memory, found = made(changed=changed)
    assert found == code
    assert not memory.any()


def test_a_misaligned_model_is_refused():
    room = np.zeros(1000, np.uint8)
    assert made(changed={"model": room.ctypes.data + 4})[1] == ALIGNMENT


@pytest.mark.parametrize("cost, parameter, n_out, code", [
    ("huber", 0, 3, COST), ("huber", -1, 3, COST), ("huber", np.inf, 3, COST), ("huber", np.nan, 3, COST), ("huber", 2, 3, OK),
    ("quantile", 0, 3, COST), ("quantile", 1, 3, COST), ("quantile", np.nan, 3, COST), ("quantile", 0.5, 3, OK),
    ("quadratic", 1, 3, COST), ("quadratic", np.nan, 3, COST), ("quadratic", 0, 3, OK),
    ("gaussian_nll", 0, 3, COST), ("gaussian_nll", 0, 4, OK)])
def test_a_parameter_or_a_number_of_outputs_that_a_cost_cannot_have_is_refused(cost, parameter, n_out, code):
    assert made(sizes=(2, 4, n_out), cost=cost, parameter=parameter)[1] == code


def test_codes_are_found_by_name():
    assert [code_of("activation", name.encode()) for name in kernels.ACTIVATIONS] == list(range(len(kernels.ACTIVATIONS)))
    assert [code_of("cost", name.encode()) for name in kernels.COSTS] == list(range(len(kernels.COSTS)))
    assert [code_of(kind, name) for kind in ("activation", "cost") for name in (b"", b"Tanh", b"sigmoi", None)] == [-1] * 8
