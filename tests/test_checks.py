"""Bad input: an error that names the argument, before anything changes."""

import numpy as np
import pytest

import fastnet as fn

X, Y = np.zeros((6, 3)), np.zeros((6, 2))
NAN = np.where(np.arange(18).reshape(6, 3) == 10, np.nan, 0)


@pytest.mark.parametrize("sizes, error, message", [
    ([3], ValueError, "at least an input and an output layer"), ([], ValueError, "at least"),
    ([3, 0], ValueError, r"sizes\[1\] must be at least 1; got 0"), ([-2, 3], ValueError, r"sizes\[0\].*got -2"),
    ([3, 2.0], TypeError, r"sizes\[1\] must be an integer; got 2.0"), ([True, 2], TypeError, r"sizes\[0\] must be an integer"),
    ([3, 2**31], ValueError, r"sizes\[1\] must be at most 2147483647"), ("345", TypeError, "sizes must be a sequence"),
    (7, TypeError, "sizes must be a sequence"), ([3, None], TypeError, r"sizes\[1\]"), (["3", 2], TypeError, r"sizes\[0\]")])
def test_sizes(sizes, error, message):
    with pytest.raises(error, match=message):
        fn.Network(sizes)


@pytest.mark.parametrize("options, error, message", [
    ({"activation": "sigmod"}, ValueError, "activation must be one of .*did you mean 'sigmoid'"),
    ({"activation": ["tanh"]}, ValueError, "one per layer after the input"), ({"activation": 3}, TypeError, "activation must be"),
    ({"activation": ["tanh", "Relu"]}, ValueError, r"activation\[1\].*did you mean 'relu'"),
    ({"output": "softmacks"}, ValueError, "output must be one of"), ({"cost": "quadratc"}, ValueError, "did you mean 'quadratic'"),
    ({"cost": None}, TypeError, "cost must be a name"), ({"dtype": "float16"}, ValueError, "dtype must be float32 or float64"),
    ({"dtype": "nonsense"}, ValueError, "dtype must be"), ({"dtype": None}, ValueError, "dtype must be"),
    ({"init": "xavier"}, ValueError, "init must be one of"), ({"init": np.zeros(3)}, ValueError, r"init must have shape \(26,\)"),
    ({"seed": -1}, ValueError, "seed must be at least 0"), ({"seed": 1.5}, TypeError, "seed must be an integer")])
def test_options_of_network(options, error, message):
    with pytest.raises(error, match=message):
        fn.Network([3, 4, 2], **options)


@pytest.mark.parametrize("bad, error, message", [
    (np.zeros((6, 2)), ValueError, r"X must have shape \(m, 3\).*got shape \(6, 2\)"), (np.zeros((2, 6, 3)), ValueError, "X must have shape"),
    (np.float64(3), ValueError, "X must have shape"), ([[1, 2, 3], [1, 2]], ValueError, "X must be a rectangular array"),
    (X.astype(str).astype(object), TypeError, "X must hold real numbers; got dtype object$"), (X + 1j, TypeError, "got dtype complex128"),
    ([["a", "b", "c"]], TypeError, "X must hold real numbers; got dtype <U1"), (None, TypeError, "X must hold real numbers")])
def test_x_of_every_method(bad, error, message):
    net = fn.Network([3, 4, 2], seed=0)
    before = net.parameters.tobytes()
    for call in (net, net.predict, net.classify, net.forward, net.freeze(),
                 *(lambda X, name=name: getattr(net, name)(X, Y) for name in
                   ("cost", "backprop", "value_and_gradient", "check_gradient", "fit", "partial_fit"))):
        with pytest.raises(error, match=message):
            call(bad)
    assert net.parameters.tobytes() == before


@pytest.mark.parametrize("bad, error, message", [
    (np.zeros((5, 2)), ValueError, r"Y must have shape \(6, 2\)"), (np.zeros((6, 3)), ValueError, "got shape \\(6, 3\\)"),
    (np.zeros(5, int), ValueError, r"one label per row of X \(6\); got 5"), (np.zeros(6), TypeError, "labels, which must be integers"),
    (np.array([0, 1, 2, 0, 0, 0]), ValueError, r"labels in Y must lie in 0 ... 1; got 2"), (-np.ones(6, int), ValueError, "got -1"),
    (np.full((6, 2), None), TypeError, "Y must hold real numbers; got dtype object$"), (np.array(1), ValueError, "Y must have shape")])
def test_y_of_every_method(bad, error, message):
    net = fn.Network([3, 4, 2], seed=0)
    before = net.parameters.tobytes()
    for name in ("cost", "backprop", "value_and_gradient", "check_gradient", "fit", "partial_fit"):
        with pytest.raises(error, match=message):
            getattr(net, name)(X, bad)
    assert net.parameters.tobytes() == before


@pytest.mark.parametrize("data, options, error, message", [
    ((NAN, Y), {}, ValueError, "X must be finite in float32; row 3, column 1 is nan"), ((X, Y + np.inf), {}, ValueError, "Y must be finite"),
    ((X + 1e300, Y), {}, ValueError, "X must be finite in float32"), ((X[:0], Y[:0]), {}, ValueError, "at least one sample"),
    ((X, Y), {"learning_rate": 0}, ValueError, "learning_rate must be finite and greater than 0; got 0"),
    ((X, Y), {"learning_rate": -1.0}, ValueError, "got -1.0"), ((X, Y), {"learning_rate": np.nan}, ValueError, "learning_rate"),
    ((X, Y), {"learning_rate": np.inf}, ValueError, "learning_rate"), ((X, Y), {"learning_rate": True}, TypeError, "learning_rate"),
    ((X, Y), {"learning_rate": "0.1"}, TypeError, "learning_rate must be a number"), ((X, Y), {"batch_size": 0}, ValueError, "batch_size"),
    ((X, Y), {"batch_size": -3}, ValueError, "batch_size must be at least 1; got -3"), ((X, Y), {"batch_size": 2.0}, TypeError, "batch_size"),
    ((X, Y), {"epochs": -1}, ValueError, "epochs"), ((X, Y), {"epochs": 1.0}, TypeError, "epochs"), ((X, Y), {"shuffle": 1}, TypeError, "shuffle"),
    ((X, Y), {"seed": "a"}, TypeError, "seed"), ((X, Y), {"callbacks": [3]}, TypeError, "callbacks must be callables"),
    ((X, Y), {"progress": "yes"}, TypeError, "progress"), ((X, Y), {"validation": (X, Y[:2])}, ValueError, "validation: Y must have"),
    ((X, Y), {"validation": 1.5}, ValueError, "validation must be"), ((X, Y), {"validation": "x"}, TypeError, "validation"),
    ((X, Y), {"validation": (NAN, Y)}, ValueError, "validation: X must be finite"), ((X, Y), {"momentun": 1}, TypeError, "momentun")])
def test_fit_refuses_before_anything_changes(data, options, error, message):
    net = fn.Network([3, 4, 2], dtype="float32", seed=0)
    before = net.parameters.tobytes()
    with pytest.raises(error, match=message):
        net.fit(*data, **options)
    assert net.parameters.tobytes() == before


@pytest.mark.parametrize("value", [None, 5])
def test_what_should_be_several_and_is_not_is_named(value):
    net = fn.Network([3, 2], seed=0)
    for options, message in (({"metrics": value}, "metrics must be 'accuracy'"), ({"callbacks": value}, "callbacks must be a callable or several")):
        for X_, Y_ in ((X, Y), ([(X, Y)], None)):
            with pytest.raises(TypeError, match=f"^{message}.*; got {value}"):
                net.fit(X_, Y_, epochs=1, **options)
    for nets in (value, "abc"):
        with pytest.raises(TypeError, match="^nets must be a sequence of Networks or dicts of options; got"):
            fn.cross_validate(nets, X, Y)


def test_parameters_that_cannot_be_trained_are_refused():
    net = fn.Network([3, 2], seed=0)
    net.parameters.flags.writeable = False
    with pytest.raises(ValueError, match="parameters must be writeable"):
        net.fit(X, Y)
    net = fn.Network([3, 2], seed=0)
    net.parameters[0] = np.nan
    with pytest.raises(ValueError, match="parameters must be finite"):
        net.fit(X, Y)


def test_masked_values_are_refused_and_not_read():
    net = fn.Network([3, 2], seed=0)
    with pytest.raises(TypeError, match="X must not be masked"):
        net(np.ma.masked_array(X, mask=X == 0))
    assert net(np.ma.masked_array(X)).shape == (6, 2)


def test_one_sample_takes_one_target():
    net = fn.Network([3, 2], seed=0)
    assert net.cost(X[0], [0, 0]) == net.cost(X[0], [[0, 0]]) and net.cost(X[0], 1) == net.cost(X[:1], [1])
    one = fn.Network([3, 1], seed=0)
    assert one.cost(X[0], 1) == one.cost(X[0], [1]) == one.cost(X[:1], [[1]])
    with pytest.raises(ValueError, match="Y must have shape"):
        net.cost(X[0], [[0, 0], [1, 1]])


def test_a_numpy_scalar_is_as_good_as_a_number():
    net = fn.Network([np.int64(3), np.int32(2)], seed=np.int64(0))
    net.fit(X, Y, epochs=np.int64(1), batch_size=np.uint8(2), learning_rate=np.float32(0.5))


def test_more_rows_than_blas_counts_are_refused_before_they_are_copied():
    net = fn.Network([1, 1], dtype="float32", seed=0)
    many = np.broadcast_to(np.float32(0), (2**31, 1))
    for call in (net.forward, lambda X: net.backprop(X, X)):
        with pytest.raises(ValueError, match="X must have at most 2147483647 rows here; got 2147483648"):
            call(many)


def test_methods_that_trust_their_arguments_are_private():
    """What a user can name without an underscore checks what it is given."""
    public = {name for name in dir(fn.Network) if not name.startswith("_")}
    assert public == {"activations", "backprop", "biases", "check_gradient", "checkpoint", "classes", "classify", "copy", "cost",
                      "cost_function", "cost_name", "dtype", "explain", "export_c", "export_fortran", "fit", "fold_scaling", "forward", "freeze", "hessian_vector", "input_gradient",
                      "jacobian", "jvp", "laplacian", "multilabel", "n_parameters", "parameter_jacobian", "parameters", "partial_fit",
                      "per_sample_gradients", "predict", "save", "scaling", "sizes", "summary", "value_and_gradient", "vjp", "weights"}
    assert {name for name in dir(fn.FrozenNetwork) if not name.startswith("_")} == {
        "activations", "address", "capsule", "ctypes", "dtype", "export_c", "export_fortran", "jacobian", "jvp",
        "low_level_callable", "numba", "parameters", "predict", "sizes", "value_and_jacobian", "vjp"}
