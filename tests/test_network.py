"""Network and FrozenNetwork: construction, views, every kind of input, outputs, copies, threads."""

import copy
import pickle
import threading

import numpy as np
import pytest

import fastnet as fn
from fastnet import initializers
from helpers import error_in_eps, random_net


class Subclass(fn.Network):
    pass


# -- construction ------------------------------------------------------------

@pytest.mark.parametrize("call", [
    lambda net: net(np.zeros((3, 0), bool)), lambda net: net(np.zeros(0, bool)), lambda net: net([1.0]), lambda net: net.predict([[1.0]]),
    lambda net: net._cost_of(np.zeros((3, 2)), np.zeros((3, 1))), lambda net: net._outputs_into(np.zeros((3, 2)), np.zeros((3, 1))),
    lambda net: net._forward_into(np.zeros((3, 2)), [], []), lambda net: net._gradient_into(np.zeros((3, 2)), np.zeros((3, 1)), np.zeros(3)),
    lambda net: net._backprop_into(np.zeros((3, 2)), np.zeros((3, 1)), [], [], [], np.zeros(3)),
    lambda net: net._scale(np.zeros(2), np.ones(2), None, None),
    lambda net: net.predict(np.zeros((3, 2)), np.zeros((3, 1))), lambda net: net.predict([[1.0]], threads=2), lambda net: net.classify([1.0]),
    lambda net: net.forward([1.0]), lambda net: net.cost([1.0], [1.0]), lambda net: net.backprop([1.0], [1.0]),
    lambda net: net.value_and_gradient([1.0], [1.0]), lambda net: net.check_gradient([1.0], [1.0]), lambda net: net.jacobian([1.0]),
    lambda net: net.hessian_vector([1.0], [1.0], [1.0]), lambda net: net.fit([[1.0]], [[1.0]]), lambda net: net.fit([([[1.0]], [[1.0]])]),
    lambda net: net.partial_fit([[1.0]], [[1.0]]), lambda net: fn.fit_many([net], [[1.0]], [[1.0]]), lambda net: net.freeze(),
    lambda net: net.save("nowhere.safetensors"), lambda net: net.copy(), copy.copy, copy.deepcopy, pickle.dumps, lambda net: net.summary(),
    lambda net: net.explain(), fn.TrainingModel, lambda net: net.sizes, lambda net: net.dtype,
    lambda net: net.parameters, lambda net: setattr(net, "parameters", [1.0]), lambda net: net.n_parameters, lambda net: net.weights,
    lambda net: net.biases, lambda net: net.activations, lambda net: net.cost_function, lambda net: net.cost_name,
    lambda net: setattr(net, "scaling", fn.Scaling())])
def test_a_net_that_was_never_initialised_says_so(call):
    with pytest.raises(TypeError, match="the net has no layers yet: __init__ was not called"):
        call(fn.Network.__new__(fn.Network))


def test_a_subclass_that_forgets_to_initialise_the_net_has_a_text():
    class Forgetful(fn.Network):
        def __init__(self):
            pass

    assert repr(Forgetful()) == "<Forgetful that was never initialised>"


def test_a_frozen_net_is_made_by_freeze_only():
    for make in (fn.FrozenNetwork, lambda: fn.FrozenNetwork.__new__(fn.FrozenNetwork), lambda: fn.FrozenNetwork((2, 1), (0,), None, ())):
        with pytest.raises(TypeError, match="a frozen net is made by Network.freeze"):
            make()


@pytest.mark.parametrize("name", ["sizes", "dtype", "n_parameters", "address", "capsule", "ctypes"])
def test_a_training_model_that_was_never_initialised_says_so(name):
    model = fn.TrainingModel.__new__(fn.TrainingModel)
    assert repr(model) == "<TrainingModel that was never initialised>"
    with pytest.raises(TypeError, match="the model has no layers yet: __init__ was not called"):
        getattr(model, name)


def test_parameters_lie_per_layer_w_row_major_then_b(dtype):
    net = fn.Network([2, 3, 1], dtype=dtype, init=np.arange(13))
    np.testing.assert_array_equal(net.weights[0], [[0, 1], [2, 3], [4, 5]])
    np.testing.assert_array_equal(net.biases[0], [6, 7, 8])
    np.testing.assert_array_equal(net.weights[1], [[9, 10, 11]])
    np.testing.assert_array_equal(net.biases[1], [12])
    assert net.parameters.dtype == dtype and net.n_parameters == 13 and net.sizes == (2, 3, 1)
    assert net.parameters.ctypes.data % 64 == 0


def test_views_and_parameters_are_one_memory():
    net = fn.Network([2, 3, 1], seed=0)
    net.weights[1][0, 2] = 42
    net.biases[0][:] = -1
    assert net.parameters[11] == 42 and (net.parameters[6:9] == -1).all()
    net.parameters = np.arange(13)
    assert net.weights[1][0, 2] == 11 and net.weights[0].base is not None
    with pytest.raises(ValueError, match=r"parameters must have shape \(13,\); got shape \(12,\)"):
        net.parameters = np.arange(12)


@pytest.mark.parametrize("name, value", [("sizes", (2, 1)), ("weights", (np.zeros((3, 2)), np.zeros((1, 3)))), ("biases", (np.zeros(3), np.zeros(1))),
                                         ("activations", ("relu", "identity")), ("cost_function", fn.costs.MAE()), ("cost_name", "mae")])
def test_what_compiled_code_would_not_see_change_can_not_be_assigned(name, value):
    net = fn.Network([2, 3, 1], seed=0)
    with pytest.raises(AttributeError, match="no setter|not writable"):
        setattr(net, name, value)
    net.weights[0][...] = 0                                                         # what it does see
    net.biases[0][...] = 0
    assert (net.forward([1, 2]).z[0] == 0).all()


def test_init_takes_layers_of_arrays():
    w, b = [np.ones((3, 2)), np.full((1, 3), 2)], [np.zeros(3), [5]]
    net = fn.Network([2, 3, 1], init=(w, b))
    assert (net.weights[1] == 2).all() and net.biases[1] == 5
    with pytest.raises(ValueError, match=r"init: weights\[0\] must have shape \(3, 2\); got shape \(2, 3\)"):
        fn.Network([2, 3, 1], init=([np.ones((2, 3)), w[1]], b))
    with pytest.raises(ValueError, match="init: biases must hold 2 arrays"):
        fn.Network([2, 3, 1], init=(w, b[:1]))


def test_a_net_is_not_initialised_twice_and_stays_what_it_was():
    net = fn.Network([2, 3, 1], seed=0)
    with pytest.raises(TypeError, match="initialised twice"):
        net.__init__([3, 1], activation="tanh", cost="mae")
    assert net([0.0, 1.0]).shape == (1,)
    assert (net.activations, net.cost_name) == (("sigmoid", "sigmoid"), "quadratic")
    np.testing.assert_allclose(net.freeze()([0.0, 1.0]), net([0.0, 1.0]), rtol=1e-14)


@pytest.mark.parametrize("name", ["auto", *initializers.INITIALIZERS])
def test_a_seed_decides_the_start_in_both_precisions(name):
    nets = [fn.Network([5, 7, 3], init=name, seed=9, dtype=dtype) for dtype in ("float64", "float64", "float32")]
    assert nets[0].parameters.tobytes() == nets[1].parameters.tobytes()
    np.testing.assert_array_equal(nets[2].parameters, nets[0].parameters.astype(np.float32))
    assert not np.array_equal(nets[0].parameters, fn.Network([5, 7, 3], init=name, seed=10).parameters)


@pytest.mark.parametrize("name, deviation", [
    ("normal", 1), ("scaled", 1 / 20), ("lecun", 1 / 20), ("he", np.sqrt(2) / 20), ("glorot", np.sqrt(2 / 700))])
def test_initialisers_have_their_moments(name, deviation):
    w, b = initializers.INITIALIZERS[name](np.random.default_rng(0), 300, 400)
    # 120,000 draws: 5 standard errors of mean and deviation
    assert abs(w.mean()) < 5 * deviation / np.sqrt(w.size)
    assert abs(w.std() / deviation - 1) < 5 / np.sqrt(2 * w.size)
    assert (b == 0).all() if name in ("lecun", "he", "glorot") else 0.7 < b.std() < 1.3


@pytest.mark.parametrize("n, p", [(4, 9), (9, 4), (5, 5)])
def test_orthogonal_and_nguyen_widrow_have_their_geometry(n, p):
    w, _ = initializers.orthogonal(np.random.default_rng(0), n, p)
    product = w @ w.T if n <= p else w.T @ w
    np.testing.assert_allclose(product, np.eye(min(n, p)), atol=1e-14)
    w, b = initializers.nguyen_widrow(np.random.default_rng(0), n, p)
    np.testing.assert_allclose(np.linalg.norm(w, axis=1), 0.7 * n ** (1 / p), rtol=1e-14)
    assert np.abs(b).max() <= 0.7 * n ** (1 / p)


def test_auto_depends_on_the_activation():
    for activation, name in [("sigmoid", "scaled"), ("relu", "he"), ("silu", "he"), ("selu", "lecun"), ("tanh", "glorot"),
                             ("sin", "glorot")]:
        auto, named = (fn.Network([6, 4], activation=activation, init=init, seed=1) for init in ("auto", name))
        assert auto.parameters.tobytes() == named.parameters.tobytes()


def test_repr_and_summary_say_what_it_is():
    net = fn.Network([2, 3, 1], activation=["tanh", "sigmoid"], dtype="float32", seed=0)
    assert repr(net) == "Network([2, 3, 1], activation=['tanh', 'sigmoid'], cost='quadratic', dtype='float32')"
    assert "13 parameters, float32" in net.summary() and "tanh" in net.summary()
    assert fn.Network([2, 3, 1], activation="tanh", output="relu").activations == ("tanh", "relu")


# -- copies ------------------------------------------------------------------

@pytest.mark.parametrize("duplicate", [
    lambda net: net.copy(), copy.copy, copy.deepcopy, lambda net: pickle.loads(pickle.dumps(net))])
@pytest.mark.parametrize("kind", [fn.Network, Subclass])
def test_a_copy_is_equal_and_independent(duplicate, kind, dtype):
    net = kind([2, 3, 1], activation=["tanh", "identity"], dtype=dtype, seed=0)
    same = duplicate(net)
    assert type(same) is kind and same.parameters.tobytes() == net.parameters.tobytes() and repr(same) == repr(net)
    same.parameters[:] = 0
    assert net.parameters.any()
    assert net.copy(dtype="float32").dtype == np.float32


# -- outputs -----------------------------------------------------------------

def inputs_of_every_kind(X, tmp_path):
    """Small-integer samples in every kind of container."""
    yield X.tolist()
    yield np.asfortranarray(X)
    yield np.repeat(X, 2, axis=0)[::2]
    yield X[::-1][::-1]
    yield X.astype(X.dtype.newbyteorder())
    for kind in (np.int8, np.uint8, np.int64, np.float16, np.float32, np.float64, np.longdouble):
        yield X.astype(kind)
    read_only = X.copy()
    read_only.flags.writeable = False
    yield read_only
    raw = np.zeros(X.nbytes + 1, np.uint8)[1:]
    raw[:] = np.frombuffer(X.tobytes(), np.uint8)
    yield raw.view(X.dtype).reshape(X.shape)
    mapped = np.memmap(tmp_path / "x", X.dtype, "w+", shape=X.shape)
    mapped[:] = X
    yield mapped


def test_every_kind_of_input_gives_the_same_answer(dtype, tmp_path):
    net = fn.Network([3, 5, 2], dtype=dtype, seed=0)
    X = np.array([[0, 1, 2], [3, 0, 1], [1, 1, 0], [2, 3, 3]], dtype)
    Y = np.array([0, 1, 1, 0])
    batch, trained = net.predict(X), net.copy()
    trained.fit(X, Y, epochs=1, batch_size=2, seed=0)
    for kind in inputs_of_every_kind(X, tmp_path):
        np.testing.assert_array_equal(net.predict(kind), batch)
        np.testing.assert_array_equal(net(kind[1]), net(X[1]))
        np.testing.assert_array_equal(net.freeze()(kind), net.freeze()(X))
        other = net.copy()
        other.fit(kind, Y, epochs=1, batch_size=2, seed=0)
        np.testing.assert_array_equal(other.parameters, trained.parameters)
    assert net.predict(X.astype(bool)).shape == (4, 2)


def test_shapes_of_one_sample_and_of_none(dtype):
    net = fn.Network([3, 5, 2], dtype=dtype, seed=0)
    assert net(np.zeros(3)).shape == (2,) and net(np.zeros((1, 3))).shape == (1, 2)
    assert net(np.zeros((0, 3))).shape == (0, 2) and net.freeze()(np.zeros((0, 3))).shape == (0, 2)
    assert [a.shape for a in net.forward(np.zeros(3)).a] == [(5,), (2,)]
    assert isinstance(net.classify(np.zeros(3)), int) and net.classify(np.zeros((4, 3))).shape == (4,)


def test_classify_takes_the_largest_output_or_one_half():
    net = fn.Network([2, 3], activation="identity", init=[1, 0, 0, 1, -1, -1, 0, 0, 0])
    assert net.classify([[2, 1], [1, 2], [-1, -1]]).tolist() == [0, 1, 2]
    one = fn.Network([1, 1], activation="identity", init=[1, 0])
    assert one.classify([[0.5], [0.49]]).tolist() == [1, 0]


@pytest.mark.parametrize("frozen", [False, True])
@pytest.mark.parametrize("m", [None, 1, 4, 30])
def test_out_is_filled_whatever_its_kind(frozen, m, dtype, rng):
    net = random_net(rng, (4, 6, 4), dtype)
    X = rng.random(4 if m is None else (m, 4)).astype(dtype)
    call = net.freeze() if frozen else net.predict
    expected = call(X)
    for out in (np.empty_like(expected), np.empty((*expected.shape, 2), dtype)[..., 0]):
        assert call(X, out) is out
        np.testing.assert_array_equal(out, expected)
    overlapping = X.copy()
    np.testing.assert_array_equal(call(overlapping, overlapping), expected)


@pytest.mark.parametrize("scaled", [False, True])
@pytest.mark.parametrize("sizes", [(6, 6), (6, 6, 6), (200, 200)], ids=str)
def test_out_may_lie_among_the_parameters(sizes, scaled, dtype, path, rng):
    n = sizes[0]
    for m, place in [(n, lambda net: net.weights[-1]), (None, lambda net: net.biases[-1]), (None, lambda net: net.weights[-1][n // 2]),
                     (1, lambda net: net.parameters[3:3 + n].reshape(1, n)), (None, lambda net: net.weights[-1][:, 0])]:
        net = random_net(rng, sizes, dtype)
        if scaled:
            net.scaling = fn.Scaling(inputs=(0.5, 2.0), targets=(1.0, 3.0))
        X = rng.random(n if m is None else (m, n)).astype(dtype)
        expected = net(X)
        out = place(net)
        assert net.predict(X, out) is out
        np.testing.assert_array_equal(out, expected)


@pytest.mark.parametrize("frozen", [False, True])
def test_out_that_does_not_fit_is_an_error(frozen, dtype):
    net = fn.Network([3, 2], dtype=dtype, seed=0)
    call = net.freeze() if frozen else net.predict
    other = np.float32 if dtype == np.float64 else np.float64
    read_only = np.empty(2, dtype)
    read_only.flags.writeable = False
    for out, message in [(np.empty(3, dtype), "out must have shape"), (np.empty(2, other), "dtype"),
                         (np.empty(2, dtype.newbyteorder()), "dtype"), (read_only, "read-only")]:
        with pytest.raises(ValueError, match=message):
            call(np.zeros(3), out)
    with pytest.raises(TypeError, match="out must be an ndarray; got list"):
        call(np.zeros(3), [0, 0])


def test_gradient_goes_into_out(dtype, rng):
    net = random_net(rng, (3, 4, 2), dtype)
    X, Y = rng.random((5, 3)), rng.random((5, 2))
    cost, gradient = net.value_and_gradient(X, Y)
    out = np.full(net.n_parameters, np.nan, dtype)
    assert net.value_and_gradient(X, Y, out=out) == (cost, out) or (out == gradient).all()
    np.testing.assert_array_equal(out, gradient)
    with pytest.raises(ValueError, match="out must have shape"):
        net.value_and_gradient(X, Y, out=np.empty(3, dtype))
    before = net.parameters.copy()
    assert net.value_and_gradient(X, Y, out=net.parameters)[1] is not gradient
    np.testing.assert_array_equal(net.parameters, gradient)
    net.parameters = before


def test_check_gradient_finds_agreement_and_a_wrong_gradient(dtype, rng, monkeypatch):
    net = random_net(rng, (3, 4, 2), dtype, mixed=False)
    X, Y = rng.random((5, 3)), rng.random((5, 2))
    assert net.check_gradient(X, Y).ok
    right = net.value_and_gradient(X, Y)

    class Wrong(fn.Network):
        def value_and_gradient(self, X, Y, out=None):
            return right[0], right[1] * 1.01

    report = Wrong(net.sizes, dtype=dtype, init=net.parameters).check_gradient(X, Y)
    assert not report.ok and report.error == pytest.approx(0.01, rel=0.05, abs=0)


def test_nan_propagates_to_the_outputs(dtype):
    for activation in ("sigmoid", "tanh", "relu", "identity"):
        net = fn.Network([2, 3, 1], activation=activation, dtype=dtype, init=np.ones(13))
        assert np.isnan(net([np.nan, 1])).all() and np.isnan(net(np.full((20, 2), np.nan))).all()


# -- frozen ------------------------------------------------------------------

def test_a_frozen_net_outlives_and_ignores_its_network(dtype, rng):
    net = random_net(rng, (4, 6, 2), dtype)
    x = rng.random(4).astype(dtype)
    f = net.freeze()
    expected = f(x).copy()
    assert error_in_eps(expected, net(x), dtype) <= 100
    net.parameters[:] = 0
    del net
    np.testing.assert_array_equal(f(x), expected)
    with pytest.raises(ValueError):
        f.parameters[0] = 1
    with pytest.raises(AttributeError):
        f.sizes = (1, 1)
    same = pickle.loads(pickle.dumps(f))
    np.testing.assert_array_equal(same(x), expected)
    assert copy.deepcopy(f) is f and f.sizes == (4, 6, 2) and f.dtype == dtype


def test_eight_threads_on_one_frozen_net_get_the_bits_of_one(dtype, rng):
    f = random_net(rng, (30, 200, 10), dtype).freeze()
    X = rng.random((64, 30)).astype(dtype)
    batch, single = f(X), np.array([f(x) for x in X])
    wrong = []

    def work():
        for _ in range(20):
            if not (np.array_equal(f(X), batch) and all(np.array_equal(f(x), y) for x, y in zip(X, single))):
                wrong.append(1)

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong
