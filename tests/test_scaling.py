"""Scaling inside a net: what is learned, what goes in and comes out, the chain rule, folding, files."""

import copy
import ctypes
import os
import pickle
import shutil
import subprocess

import numpy as np
import pytest
from helpers import error_in_eps
from numpy.testing import assert_allclose, assert_array_equal
from scipy import sparse

import fastnet as fn

OFFSET, SPREAD = np.array([0.0, 1000.0, -5.0]), np.array([1.0, 100.0, 0.01])


@pytest.fixture
def data(rng):
    """Inputs and targets far from 1."""
    X = OFFSET + SPREAD * rng.standard_normal((120, 3))
    Y = np.stack([40 * X[:, 0] + 1e4, X[:, 1] * X[:, 2]], axis=1)
    return X, Y


def by_hand(net):
    """The layers alone, with maps written out: X -> outputs."""
    layers = net.copy()
    layers.scaling = None

    def outputs(X):
        X = np.asarray(X, float)
        if net.scaling.inputs is not None:
            X = (X - net.scaling.input_offset) / net.scaling.input_unit
        a = layers(X)
        return a if net.scaling.targets is None else a * net.scaling.target_unit + net.scaling.target_offset
    return outputs


def fitted(data, dtype="float64", output="identity", scale="standardize", **options):
    net = fn.Network([3, 6, 2], activation="tanh", output=output, dtype=dtype, seed=0)
    net.fit(*data, epochs=3, optimizer="adam", learning_rate=0.01, seed=0, scale=scale, **options)
    return net


# -- what is learned ---------------------------------------------------------

@pytest.mark.parametrize("kind, offset, unit", [
    ("standardize", lambda A: A.mean(0), lambda A: A.std(0)),
    ("minmax", lambda A: A.min(0), lambda A: np.ptp(A, 0)),
    ("maxabs", lambda A: 0 * A[0], lambda A: np.abs(A).max(0))])
def test_offsets_and_units_are_those_of_the_columns(data, kind, offset, unit):
    scaling = fitted(data, scale=kind).scaling
    for pair, array in ((scaling.inputs, data[0]), (scaling.targets, data[1])):
        assert_allclose(pair[0], offset(array), rtol=1e-12, atol=1e-12)
        assert_allclose(pair[1], unit(array), rtol=1e-12)


@pytest.mark.parametrize("alias, kind", [("standardise", "standardize"), ("min-max", "minmax"), ("max_abs", "maxabs")])
def test_other_spellings_mean_the_same(data, alias, kind):
    assert fitted(data, scale=alias).scaling == fitted(data, scale=kind).scaling


def test_only_training_samples_are_learned_from(data):
    X, Y = data
    net = fn.Network([3, 6, 2], output="identity", seed=0)
    net.fit(X[:80], Y[:80], epochs=1, scale="standardize", validation=(X[80:] * 10, Y[80:]), learning_rate=0.01)
    assert_allclose(net.scaling.input_offset, X[:80].mean(0), rtol=1e-12)
    held = fn.Network([3, 6, 2], output="identity", seed=0)
    held.fit(X, Y, epochs=1, scale="standardize", validation=0.25, learning_rate=0.01, seed=3)
    means = [X[rows].mean(0) for rows in training_rows(held, X, Y)]
    assert_allclose(held.scaling.input_offset, means[0], rtol=1e-12)


def training_rows(net, X, Y):
    """The rows that a fraction of 0.25 with seed 3 leaves to train on."""
    from fastnet import _checks
    from fastnet.stopping import split_validation
    numbered = np.arange(len(X))[:, None] * np.ones((1, 3))
    key = int(_checks.check_seed(3).integers(2**64, dtype=np.uint64))
    plain = fn.Network([3, 6, 2], output="identity", seed=0)
    yield split_validation(plain, _checks.check_samples(plain, numbered, Y), 0.25, key)[0].X[:, 0].astype(int)


def test_samples_of_weight_0_are_not_learned_from(data):
    X, Y = data
    weight = np.r_[np.ones(100), np.zeros(20)]
    assert_allclose(fitted(data, sample_weight=weight).scaling.input_offset, X[:100].mean(0), rtol=1e-12)


def test_one_name_scales_targets_behind_an_identity_only(data):
    X, Y = data
    assert fitted(data).scaling.targets is not None
    assert fitted((X, Y / 1e5), output="sigmoid").scaling.targets is None
    labels = fn.Network([3, 4, 2], output="identity", seed=0)
    labels.fit(X, (Y[:, 0] > 1e4).astype(int), epochs=1, scale="standardize", learning_rate=0.01)
    assert labels.scaling.targets is None
    counts = fn.Network([3, 4, 2], output="softplus", cost="poisson", seed=0)
    counts.fit(X, np.abs(Y), epochs=1, scale="standardize", learning_rate=1e-6)
    assert counts.scaling.targets is None


def test_a_pair_scales_each_by_its_own(data):
    scaling = fitted(data, scale=(None, "maxabs")).scaling
    assert scaling.inputs is None
    assert_array_equal(scaling.target_offset, 0)
    assert fitted(data, scale=("minmax", None)).scaling.targets is None


def test_constant_columns_become_0_and_stay_finite(data):
    X, Y = data[0].copy(), data[1].copy()
    X[:, 1], Y[:, 1] = 0.1, 7.0
    for kind in ("standardize", "minmax"):
        net = fitted((X, Y), scale=kind)
        assert net.scaling.input_unit[1] == net.scaling.target_unit[1] == 1
        assert (net.scaling.input_offset[1], net.scaling.target_offset[1]) == (0.1, 7.0)
        assert np.isfinite(net(X)).all()
    X[:, 1] = 0
    assert fitted((X, Y), scale="maxabs").scaling.input_unit[1] == 1


def test_nan_targets_are_left_out_where_the_cost_ignores_them(data):
    X, Y = data[0], data[1].copy()
    Y[::3, 0] = np.nan
    net = fn.Network([3, 4, 2], output="identity", cost=fn.costs.Quadratic(ignore_nan=True), seed=0)
    net.fit(X, Y, epochs=2, scale="standardize", learning_rate=0.01)
    assert_allclose(net.scaling.target_offset, np.nanmean(Y, 0), rtol=1e-12)
    assert_allclose(net.scaling.target_unit, np.nanstd(Y, 0), rtol=1e-12)
    assert np.isfinite(net.parameters).all() and np.isfinite(net.cost(X, Y))


def test_any_dtype_is_learned_from_and_scaled(rng):
    X = rng.integers(0, 256, (50, 4)).astype(np.uint8)
    Y = rng.random((50, 1))
    nets = []
    for given in (X, X.astype(">i2"), X.astype(np.float32)[:, ::1], np.asfortranarray(X.astype(float))):
        net = fn.Network([4, 3, 1], output="identity", dtype="float32", seed=0)
        net.fit(given, Y, epochs=2, scale="standardize", learning_rate=0.01, seed=0)
        nets.append(net)
    assert all(net.parameters.tobytes() == nets[0].parameters.tobytes() for net in nets)


# -- the same training -------------------------------------------------------

@pytest.mark.parametrize("optimizer", ["sgd", "adam", "lbfgs"])
def test_training_is_that_on_arrays_scaled_by_hand(data, dtype, optimizer):
    X, Y = data
    options = {"epochs": 4, "optimizer": optimizer, "seed": 0, **({} if optimizer == "lbfgs" else {"learning_rate": 0.01})}
    inside = fn.Network([3, 6, 2], activation="tanh", output="identity", dtype=dtype, seed=0)
    history = inside.fit(X, Y, scale="standardize", validation=(X[:9], Y[:9]), **options)
    s = inside.scaling
    scaled = ((X - s.input_offset) * (1 / s.input_unit)).astype(dtype), ((Y - s.target_offset) * (1 / s.target_unit)).astype(dtype)
    outside = fn.Network([3, 6, 2], activation="tanh", output="identity", dtype=dtype, seed=0)
    expected = outside.fit(*scaled, validation=tuple(part[:9] for part in scaled), **options)
    assert inside.parameters.tobytes() == outside.parameters.tobytes()
    assert history.cost == expected.cost and history.validation_cost == expected.validation_cost
    assert inside.cost(X, Y) == pytest.approx(outside.cost(*scaled), rel=1e-6)


def test_fitting_again_keeps_the_scaling_unless_asked(data):
    X, Y = data
    net = fitted(data)
    before = net.scaling
    net.fit(X * 2, Y, epochs=1, learning_rate=0.01)
    net.partial_fit(X * 3, Y, learning_rate=0.01)
    assert net.scaling == before
    net.fit(X * 2, Y, epochs=1, learning_rate=0.01, scale="standardize")
    assert_allclose(net.scaling.input_unit, 2 * before.input_unit, rtol=1e-12)
    net.fit(X, Y / 1e5, epochs=1, learning_rate=0.01, scale=(None, None))
    assert net.scaling is None


def fails_in(place):
    """Arguments of fit with which it diverges, or raises, with the parameters as they were."""
    def interrupt(epoch):
        raise KeyboardInterrupt
    return {"diverges": {"learning_rate": 1e300}, "diverges in the third epoch": {"learning_rate": 1.0, "schedule": lambda e: 1e-30 if e < 2 else 1e300},
            "interrupted before a step": {"schedule": interrupt}, "schedule gives no number": {"schedule": lambda epoch: "x"},
            "no batch at all": {}}[place]


@pytest.mark.parametrize("batches", [False, True])
@pytest.mark.parametrize("place", ["diverges", "diverges in the third epoch", "interrupted before a step", "schedule gives no number", "no batch at all"])
@pytest.mark.filterwarnings("ignore:training diverged")
def test_a_fit_that_fails_leaves_a_net_that_was_trained_as_it_was(data, place, batches):
    X, Y = data
    net = fitted(data)
    net.classes = ["a", "b"]
    before, scaling, training = net(X), net.scaling, net._training
    options = {"epochs": 5, "seed": 0, "classes": ["c", "d"], **fails_in(place)}
    if batches:
        options = {**options, "X": [] if place == "no batch at all" else [(50 * X + 7, Y)] * 3}
    else:
        options = {**options, "X": 50 * X + 7, "Y": Y, "scale": "minmax"}
    try:
        history = net.fit(**options)
        assert history.stopped == "diverged" or place == "no batch at all" and not batches
    except (KeyboardInterrupt, TypeError, ValueError):
        assert net._training is training
    if place != "no batch at all" or batches:
        assert net.scaling == scaling and net.classes == ("a", "b") and (net(X) == before).all()


def test_a_fit_that_is_interrupted_after_a_step_keeps_its_scaling(data):
    X, Y = data
    net = fitted(data)
    before = net.parameters.copy()

    def interrupt(info):
        raise KeyboardInterrupt
    with pytest.raises(KeyboardInterrupt):
        net.fit(50 * X + 7, Y, scale="standardize", epochs=2, learning_rate=0.01, callbacks=interrupt, callback_every=1)
    assert (net.parameters != before).any() and net.scaling.input_unit[0] == pytest.approx(50 * SPREAD[0], rel=0.3)
    net.fit(X, Y, scale="maxabs", epochs=0)           # nothing failed: learned, and that is all
    assert (net.scaling.input_offset == 0).all()


def test_metrics_and_callbacks_see_original_units(data):
    X, Y = data
    seen = []
    net = fn.Network([3, 6, 2], activation="tanh", output="identity", seed=0)

    def spread(targets, outputs):
        seen.append((targets.copy(), outputs.copy()))
        return 0.0

    net.fit(X, Y, epochs=1, scale="standardize", metrics=[spread, "r2"], learning_rate=0.01, validation=(X[:7], Y[:7]),
            callbacks=lambda info: assert_allclose(info.net(X[:7]), seen[-1][1], rtol=1e-12))
    assert_array_equal(seen[0][0], Y[:7])
    net.fit(X, Y, epochs=1, metrics=[spread], learning_rate=0.01)
    assert_array_equal(seen[1][0], Y)
    assert_allclose(seen[1][1], net(X), rtol=1e-12)


# -- outputs -----------------------------------------------------------------

@pytest.mark.parametrize("scale", ["standardize", ("minmax", None), (None, "standardize")])
def test_outputs_are_those_of_the_layers_between_two_maps(data, dtype, path, scale):
    X = data[0].astype(dtype)
    net = fitted(data, dtype, scale=scale)
    expected = by_hand(net)(X)
    out = np.empty((120, 2), dtype)
    assert error_in_eps(net(X), expected, dtype) < 20
    assert net.predict(X, out) is out
    assert_array_equal(out, net(X))
    assert_array_equal(net.predict(X, threads=min(2, len(os.sched_getaffinity(0)))), out)
    vector = np.empty(2, dtype)
    for x, y in zip(X[:5], expected):
        assert error_in_eps(net(x), y, dtype) < 20
        assert net.predict(x, vector) is vector
        assert_array_equal(vector, net(x))
    assert error_in_eps(net(X.tolist()), expected, dtype) < 20
    assert error_in_eps(net(np.asfortranarray(X)), expected, dtype) < 20
    assert error_in_eps(net.predict(sparse.csr_array(X)), expected, dtype) < 20
    assert net(X[:0]).shape == (0, 2)


def test_outputs_may_be_written_over_the_inputs(data, dtype):
    X = np.ascontiguousarray(data[0].astype(dtype))
    net = fn.Network([3, 4, 3], dtype=dtype, output="identity", seed=0)
    net.scaling = fn.Scaling(inputs=(1.0, 2.0), targets=(3.0, 4.0))
    expected, first = net(X), net(X[0])
    assert_array_equal(net.predict(X[0].copy(), out=None), first)
    x = X[0].copy()
    assert_array_equal(net.predict(x, x), first)
    assert_array_equal(net.predict(X, X), expected)


def test_a_float32_net_takes_large_offsets_from_float64_inputs():
    """Time stamps: float32 holds them to 128 s, their scaled values to 1e-7."""
    t = 1.7e9 + np.arange(100.0)[:, None]
    net = fn.Network([1, 1], activation="identity", dtype="float32", init=[1.0, 0.0])
    net.scaling = fn.Scaling(inputs=(1.7e9, 100.0))
    assert_allclose(net(t)[:, 0], np.arange(100) / 100, atol=1e-7)


def test_wide_inputs_need_no_stack(rng):
    net = fn.Network([9000, 2], seed=0)
    net.scaling = fn.Scaling(inputs=(1.0, 2.0))
    x = rng.random(9000)
    assert_allclose(net(x), net(x[None])[0], rtol=1e-12)


def test_forward_and_backprop_are_those_of_the_layers(data):
    X, Y = data
    net = fitted(data)
    layers, s = net.copy(), net.scaling
    layers.scaling = None
    scaled = (X - s.input_offset) / s.input_unit, (Y - s.target_offset) / s.target_unit
    assert_allclose(net.forward(X).a[-1], layers(scaled[0]), rtol=1e-12, atol=1e-14)
    assert_allclose(net.backprop(X, Y).nabla_w[0], layers.backprop(*scaled).nabla_w[0], rtol=1e-9, atol=1e-14)
    assert_allclose(net.value_and_gradient(X, Y)[1], layers.value_and_gradient(*scaled)[1], rtol=1e-9, atol=1e-14)
    assert net.check_gradient(X[:4], Y[:4]).ok


def test_means_and_variances_come_back_in_units_of_the_targets(rng):
    X = rng.random((400, 1))
    Y = 1000 + 50 * rng.standard_normal((400, 1))
    net = fn.Network([1, 4, 2], output="identity", cost="gaussian_nll", seed=0)
    net.fit(X, Y, epochs=200, batch_size=400, optimizer="adam", learning_rate=0.02, scale="standardize", seed=0)
    mean, log_variance = net(X).T
    assert abs(mean.mean() - Y.mean()) < 10 and abs(np.exp(log_variance / 2).mean() / Y.std() - 1) < 0.1
    density = net.cost(X, Y) + np.log(net.scaling.target_unit[0])        # ½ ln unit² more a target
    folded = net.copy().fold_scaling()
    assert folded.cost(X, Y) == pytest.approx(density, rel=1e-9)
    assert_allclose(folded(X), net(X), rtol=1e-12)


# -- derivatives -------------------------------------------------------------

@pytest.mark.parametrize("scale", ["standardize", ("minmax", None), (None, "standardize")])
def test_derivatives_by_inputs_are_those_of_the_outputs_in_original_units(data, scale):
    X = data[0][:4]
    net = fitted(data, scale=scale)
    steps = np.diag(1e-4 * SPREAD)
    first = np.stack([(net(X + h) - net(X - h)) / (2 * h.sum()) for h in steps], axis=-1)
    second = sum((net(X + h) + net(X - h) - 2 * net(X)) / h.sum() ** 2 for h in steps)
    U, V = np.array([[1.0, -2.0]] * 4), np.array([[0.5, 100.0, 0.01]] * 4)
    size = np.maximum(np.abs(first).max(axis=(0, 1)), 1e-300)
    assert_allclose(net.jacobian(X) / size, first / size, atol=1e-6)
    assert_allclose(net.jvp(X, V), np.einsum("mjk,mk->mj", net.jacobian(X), V), rtol=1e-9)
    assert_allclose(net.vjp(X, U), np.einsum("mj,mjk->mk", U, net.jacobian(X)), rtol=1e-9, atol=1e-9)
    assert_allclose(net.laplacian(X), second, rtol=1e-4)
    assert_allclose(net.jacobian(X[0]), net.jacobian(X)[0], rtol=1e-12)
    assert_allclose(net.laplacian(X[0]), net.laplacian(X)[0], rtol=1e-9)


def test_input_gradient_is_that_of_the_cost(data):
    X, Y = data[0][:3], data[1][:3]
    net = fitted(data)
    found = net.input_gradient(X, Y)
    for k, h in enumerate(1e-4 * SPREAD):
        step = h * np.eye(3)[k]
        differences = [(net.cost(x + step, y) - net.cost(x - step, y)) / (2 * h) for x, y in zip(X, Y)]
        assert_allclose(found[:, k], differences, rtol=1e-6)


def test_derivatives_by_parameters_are_those_of_outputs_and_costs(data):
    X, Y = data[0][:5], data[1][:5]
    net = fitted(data)
    jacobian, rows, v = net.parameter_jacobian(X), net.per_sample_gradients(X, Y), np.linspace(-1, 1, net.n_parameters)
    start, h = net.parameters.copy(), 1e-6
    values = []
    for sign in (1, -1):
        net.parameters[:] = start + sign * h * v
        values.append((net(X), net.value_and_gradient(X, Y)))
    net.parameters[:] = start
    assert_allclose(jacobian @ v, (values[0][0] - values[1][0]) / (2 * h), rtol=1e-6)
    assert_allclose(rows.mean(0), net.value_and_gradient(X, Y)[1], rtol=1e-9, atol=1e-12)
    assert_allclose(net.hessian_vector(X, Y, v), (values[0][1][1] - values[1][1][1]) / (2 * h), rtol=1e-5, atol=1e-7)


def test_float32_derivatives_are_those_of_float64(data):
    X = data[0][:5].astype(np.float32)
    single = fitted(data, "float32")
    double = single.copy("float64")
    for name in ("jacobian", "laplacian", "parameter_jacobian"):
        for a, b in zip(getattr(single, name)(X), getattr(double, name)(X)):
            assert error_in_eps(a, b, np.float32) < 300, name       # the Laplacian cancels


# -- folding, freezing -------------------------------------------------------

@pytest.mark.parametrize("sizes", [(3, 2), (3, 6, 2), (3, 5, 4, 2)], ids=str)
def test_folding_keeps_outputs_and_derivatives(data, sizes):
    X, Y = data
    net = fn.Network(sizes, activation="tanh", output="identity", seed=0)
    net.fit(X, Y, epochs=2, scale="standardize", learning_rate=0.01, seed=0)
    folded = net.copy().fold_scaling()
    assert folded.scaling is None and folded.sizes == net.sizes
    # |w x| / |w (x - offset)| <= 1000 units: what cancels in the first layer
    assert error_in_eps(folded(X), net(X), float) < 3000
    assert error_in_eps(folded.jacobian(X), net.jacobian(X), float) < 3000
    assert_allclose(folded.cost(X, Y), 0.5 * ((net(X) - Y) ** 2).sum(1).mean(), rtol=1e-9)
    assert folded.fold_scaling() is folded


def test_folding_refuses_scaled_targets_behind_another_layer(data):
    net = fitted((data[0], data[1] / 1e5), output="tanh", scale=("standardize", "maxabs"))
    before = net.parameters.copy()
    with pytest.raises(ValueError, match="fold into an output layer that is the identity; this one is tanh"):
        net.fold_scaling()
    assert_array_equal(net.parameters, before)
    assert net.scaling is not None


def test_folding_drops_the_memory_of_the_optimizer(data, tmp_path):
    net = fitted(data).fold_scaling()
    with pytest.raises(ValueError, match="must have been trained"):
        net.checkpoint(tmp_path / "run")


@pytest.mark.parametrize("output, scale", [("identity", "standardize"), ("tanh", ("standardize", "maxabs")), ("sigmoid", "minmax")])
def test_a_frozen_net_scales(data, dtype, output, scale):
    X, Y = data
    net = fitted((X, Y / 1e6 if output == "sigmoid" else Y), dtype, output=output, scale=scale)
    f = net.freeze()
    X = X.astype(dtype)
    assert error_in_eps(f(X), net(X), dtype) < 3000
    assert error_in_eps(f.jacobian(X[0]), net.jacobian(X[0]), dtype) < 3000
    assert f.sizes == ((3, 6, 2, 2) if output == "tanh" else (3, 6, 2))
    again = pickle.loads(pickle.dumps(f))
    assert_array_equal(again(X), f(X))


@pytest.mark.skipif(shutil.which("cc") is None, reason="needs a C compiler")
@pytest.mark.parametrize("output, scale", [("identity", "standardize"), ("tanh", ("standardize", "maxabs"))])
def test_an_exported_net_scales(data, tmp_path, output, scale):
    net = fitted(data, output=output, scale=scale)
    net.export_c(tmp_path / "net.c")
    subprocess.run(["cc", "-O1", "-shared", "-fPIC", "net.c", "-o", "net.so", "-lm"], cwd=tmp_path, check=True)
    value = ctypes.CDLL(str(tmp_path / "net.so")).net_value
    y = np.empty(2)
    for x in data[0][:5]:
        value(np.ctypeslib.as_ctypes(x), np.ctypeslib.as_ctypes(y))
        assert error_in_eps(y, net(x), float) < 3000


# -- copies and files --------------------------------------------------------

@pytest.mark.parametrize("way", ["copy", "deepcopy", "pickle", "file", "other dtype"])
def test_scaling_goes_with_the_net(data, tmp_path, way):
    net = fitted(data)
    net.save(tmp_path / "net")
    same = {"copy": net.copy, "deepcopy": lambda: copy.deepcopy(net), "pickle": lambda: pickle.loads(pickle.dumps(net)),
            "file": lambda: fn.load(tmp_path / "net"), "other dtype": lambda: net.copy("float32").copy("float64")}[way]()
    assert same.scaling == net.scaling
    if way != "other dtype":
        assert same(data[0]).tobytes() == net(data[0]).tobytes()


@pytest.mark.parametrize("scale", ["standardize", ("minmax", None), (None, "maxabs")])
@pytest.mark.parametrize("output, cost", [("identity", "quadratic"), ("identity", "gaussian_nll")])
def test_files_keep_every_kind_of_scaling(data, dtype, scale, output, cost, tmp_path):
    X, Y = data[0], data[1][:, :1] if cost == "gaussian_nll" else data[1]
    net = fn.Network([3, 3, 2], output=output, cost=cost, dtype=dtype, seed=0)
    net.fit(X, Y, epochs=1, scale=scale, learning_rate=1e-3)
    net.save(tmp_path / "net")
    same = fn.load(tmp_path / "net")
    assert same.scaling == net.scaling and same(X).tobytes() == net(X).tobytes()
    same.save(tmp_path / "again")
    assert (tmp_path / "again").read_bytes() == (tmp_path / "net").read_bytes()


def test_a_run_goes_on_from_a_checkpoint_to_the_same_bits(data, tmp_path):
    X, Y = data
    options = {"optimizer": "adam", "learning_rate": 0.01, "seed": 0, "validation": 0.2}
    net = fn.Network([3, 6, 2], output="identity", seed=0)
    net.fit(X, Y, epochs=3, scale="standardize", checkpoint=tmp_path / "run", **options)
    run = fn.resume(tmp_path / "run")
    assert run.net.scaling == net.scaling
    run.fit(X, Y, epochs=6, validation=0.2)
    whole = fn.Network([3, 6, 2], output="identity", seed=0)
    whole.fit(X, Y, epochs=6, scale="standardize", **options)
    assert run.net.parameters.tobytes() == whole.parameters.tobytes()
    assert run.net(X).tobytes() == whole(X).tobytes()


def test_a_net_without_scaling_is_what_it_was(data, tmp_path):
    """No version 2, no other file, no other bits."""
    X, Y = data
    net = fn.Network([3, 6, 2], output="identity", seed=0)
    before = net(X)
    net.scaling = fn.Scaling(inputs=(1.0, 2.0))
    assert not np.array_equal(net(X), before)
    net.scaling = None
    assert net(X).tobytes() == before.tobytes() and net(X[0]).tobytes() == fn.Network([3, 6, 2], output="identity", seed=0)(X[0]).tobytes()
    net.save(tmp_path / "net")
    assert b'"format_version":"1"' in (tmp_path / "net").read_bytes()


# -- sparse inputs -----------------------------------------------------------

def test_sparse_inputs_keep_their_zeros_or_are_refused(rng):
    X = sparse.random_array((60, 8), density=0.3, rng=rng, format="csr", dtype=float)
    X.data += 1
    Y = rng.random((60, 1))

    def net():
        return fn.Network([8, 4, 1], output="identity", seed=0)

    for kind in ("maxabs", "minmax"):                    # the least of every column is 0
        inside, dense = net(), net()
        inside.fit(X, Y, epochs=3, scale=kind, learning_rate=0.01, seed=0)
        dense.fit(X.toarray(), Y, epochs=3, scale=kind, learning_rate=0.01, seed=0)
        assert inside.scaling == dense.scaling
        assert_allclose(inside.parameters, dense.parameters, rtol=1e-9, atol=1e-12)
        assert_allclose(inside.cost(X, Y), inside.cost(X.toarray(), Y), rtol=1e-12)
    with pytest.raises(ValueError, match="'standardize' would fill the zeros of a sparse X"):
        net().fit(X, Y, epochs=1, scale="standardize")
    centred = net()
    centred.fit(X.toarray(), Y, epochs=1, scale="standardize", learning_rate=0.01)
    assert_allclose(centred(X), centred(X.toarray()), rtol=1e-12)
    assert_allclose(centred.cost(X, Y), centred.cost(X.toarray(), Y), rtol=1e-12)
    with pytest.raises(ValueError, match="would fill the zeros"):
        centred.fit(X, Y, epochs=1)


# -- bad input ---------------------------------------------------------------

@pytest.mark.parametrize("scale, error, message", [
    ("standard deviation", ValueError, "scale must be one of standardize, minmax, maxabs; got 'standard deviation'"),
    (3, TypeError, "scale must be a name"), (("minmax",), ValueError, "scale must be a name or a pair"),
    (("minmax", 3), TypeError, r"scale\[1\] must be a name"),
    (fn.Scaling(inputs=([1.0, 2.0], [1.0, 1.0])), ValueError, "scaling must have 3 inputs for this net; got 2")])
def test_a_bad_scale_is_refused_before_anything_changes(data, scale, error, message):
    net = fn.Network([3, 6, 2], output="identity", seed=0)
    before = net.parameters.copy()
    with pytest.raises(error, match=message):
        net.fit(*data, scale=scale)
    assert net.scaling is None
    assert_array_equal(net.parameters, before)


@pytest.mark.parametrize("row", [0, 119])
@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_what_is_not_finite_is_found_by_row_and_column(data, row, bad):
    X, Y = data[0].copy(), data[1]
    X[row, 2] = bad
    with pytest.raises(ValueError, match=f"X must be finite in float64; row {row}, column 2 is {bad}"):
        fitted((X, Y))
    with pytest.raises(ValueError, match=f"validation: X must be finite in float64; row {row}, column 2 is {bad}"):
        fitted(data, validation=(X, Y))


def test_targets_that_can_not_be_scaled_are_refused(data):
    X, Y = data
    labels = (Y[:, 0] > 1e4).astype(int)
    with pytest.raises(ValueError, match=r"scale\[1\] must be None where Y holds labels"):
        fn.Network([3, 4, 2]).fit(X, labels, scale=("minmax", "minmax"))
    with pytest.raises(ValueError, match="cross_entropy, which does not take every number"):
        fn.Network([3, 4, 2], cost="cross_entropy").fit(X, np.eye(2)[labels], scale=(None, "minmax"))
    with pytest.raises(ValueError, match="softmax"):
        fn.Network([3, 4, 2], output="softmax").fit(X, np.eye(2)[labels], scale=(None, "minmax"))
    with pytest.raises(ValueError, match="X can't be scaled: the values of column 0 spread too widely"):
        fn.Network([1, 1]).fit([[1.7e308], [-1.7e308]], [[0.0], [1.0]], scale="standardize")


@pytest.mark.parametrize("inputs, error, message", [
    ((0.0, 0.0), ValueError, "finite units above 0"), ((0.0, -1.0), ValueError, "units above 0"),
    ((np.nan, 1.0), ValueError, "finite offsets"), (([1.0, 2.0], [1.0] * 3), ValueError, "got shapes"),
    (1.0, TypeError, "inputs must be a pair"), (("a", 1.0), TypeError, "must hold real numbers")])
def test_maps_that_are_none_are_refused(inputs, error, message):
    with pytest.raises(error, match=message):
        fn.Scaling(inputs=inputs)


def test_a_scaling_is_a_plain_unchangeable_value():
    scaling = fn.Scaling(inputs=([1.0, 2.0], [3.0, 4.0]), targets=(5.0, 6.0))
    assert pickle.loads(pickle.dumps(scaling)) == scaling != fn.Scaling()
    assert repr(scaling) == "Scaling(inputs=([1. 2.], [3. 4.]), targets=(5.0, 6.0))"
    with pytest.raises(AttributeError, match="can't be changed"):
        scaling.input_unit = 3
    with pytest.raises(ValueError, match="read-only"):
        scaling.input_unit[0] = 3
    with pytest.raises(TypeError, match="scaling must be a fastnet.Scaling or None"):
        fn.Network([2, 1]).scaling = (1, 2)


# -- many nets, other code ---------------------------------------------------

def test_many_nets_scale_as_each_does_alone(data):
    X, Y = data
    options = {"epochs": 3, "scale": "standardize", "learning_rate": 0.01}
    fits = fn.fit_many([{"seed": 1}, {"seed": 2}], X, Y, sizes=[3, 4, 2], output="identity", **options)
    for fit, seed in zip(fits, (1, 2)):
        alone = fn.Network([3, 4, 2], output="identity", seed=seed)
        alone.fit(X, Y, seed=seed, **options)
        assert fit.net.scaling == alone.scaling and fit.net.parameters.tobytes() == alone.parameters.tobytes()


def test_folds_learn_from_what_they_train_on_and_are_judged_in_original_units(data):
    X, Y = data

    def worst(targets, outputs):
        return float(np.abs(targets - outputs).max())

    found = fn.cross_validate({"sizes": [3, 4, 2], "output": "identity"}, X, Y, folds=3, epochs=2, scale="standardize",
                              learning_rate=0.01, metrics=[worst], seed=0)
    for fold in found.folds:
        rest = np.setdiff1d(np.arange(len(X)), fold.rows)
        assert_allclose(fold.fit.net.scaling.input_offset, X[rest].mean(0), rtol=1e-12)
        assert fold.scores["worst"] == pytest.approx(worst(Y[fold.rows], fold.fit.net(X[fold.rows])), rel=1e-9)


def test_a_model_for_other_code_refuses_a_net_that_scales(data):
    net = fitted(data)
    with pytest.raises(ValueError, match="net must not scale where its parameters are trained by other code"):
        fn.TrainingModel(net)
    net.scaling = None
    assert fn.TrainingModel(net).n_parameters == net.n_parameters
