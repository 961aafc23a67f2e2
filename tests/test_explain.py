"""explain: the plan of a step as a table, its counts, and what it says of threads and zeros."""

import json

import numpy as np
import pytest

import fastnet as fn
from fastnet._core import kernels, plan


@pytest.fixture(autouse=True)
def fast(monkeypatch):
    monkeypatch.delenv("FASTNET_PATH", raising=False)


@pytest.fixture
def quick(monkeypatch, tmp_path):
    """Turns so short that times mean little, and a cache directory of the test's own."""
    from fastnet import _measure, _model, _roof
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setattr(_measure, "SECONDS", 1e-5)
    monkeypatch.setattr(_roof, "SECONDS", 1e-4)
    monkeypatch.setattr(_roof, "MOST_BYTES", 1 << 20)
    monkeypatch.setattr(_model, "_kept", {})
    monkeypatch.setattr(_model, "CALIBRATION", [((10, 64, 64, 1), 1), ((10, 64, 64, 1), 10), ((10, 64, 64, 1), 16), ((10, 64, 64, 1), 32),
                                                ((30, 20, 5), 1), ((30, 20, 5), 16), ((64, 40, 40, 20, 10), 8)])


def test_every_layer_is_there_with_the_kernels_of_the_plan(dtype):
    net = fn.Network([64, 128, 128, 1], activation="tanh", output="identity", dtype=dtype, seed=0)
    found = net.explain(measure=False, batch_size=32)
    chosen = plan.plan_training(net.sizes, 32, kernels.lanes(dtype))
    assert found.path == "minibatch" and found.threads == 1 and found.level == kernels.level() and found.dtype == dtype.name
    for layer, planned, p, n, name in zip(found.layers, chosen.layers, net.sizes[:-1], net.sizes[1:], net.activations, strict=True):
        assert (layer.inputs, layer.outputs, layer.activation) == (p, n, name)
        assert (layer.forward, layer.backward, layer.update) == (planned.forward, planned.backward, planned.update)


def test_operations_and_bytes_are_counted_per_product():
    net = fn.Network([10, 20, 3], seed=0)
    found = net.explain(measure=False, batch_size=5)
    assert [layer.flops for layer in found.layers] == [2 * 2 * 5 * 200, 3 * 2 * 5 * 60]     # the first layer has no BP2
    assert found.layers[0].bytes == 8 * (2 * (200 + 5 * 30) + 200)
    assert found.flops == 4000 + 1800 and found.bytes == sum(layer.bytes for layer in found.layers)
    assert [layer.flops for layer in net.explain(measure=False, batch_size=5, training=False).layers] == [2000, 600]


def test_zeros_of_the_inputs_count_where_they_are_skipped(rng):
    net = fn.Network([100, 20, 3], seed=0)
    X = rng.random((50, 100))
    X[:, 10:] = 0
    found = net.explain(measure=False, batch_size=10, X=X)
    assert found.density == 0.1 and found.layers[0].forward == found.layers[0].update == "nonzeros"
    assert found.layers[0].flops == pytest.approx(net.explain(measure=False, batch_size=10).layers[0].flops / 10)
    assert "90 % of X is zero" in str(found)
    dense = net.explain(measure=False, batch_size=10, X=rng.random((5, 100)))
    assert dense.density == 1.0 and dense.layers[0].forward == "tiles"


def test_paths_have_their_names(monkeypatch):
    net = fn.Network([4, 8, 3], seed=0)
    assert net.explain(measure=False, batch_size=1).path == "online"
    assert [net.explain(measure=False, batch_size=m, training=False).path for m in (1, 100)] == ["samples", "narrow"]
    assert fn.Network([4, 100, 3], seed=0).explain(measure=False, batch_size=100, training=False).path == "tiles"
    own = fn.Network([4, 8, 3], cost=fn.costs.custom(lambda a, y: ((a - y) ** 2).sum(axis=1), lambda a, y: 2 * (a - y)), seed=0)
    assert own.explain(measure=False, batch_size=10).path == "plain"
    monkeypatch.setenv("FASTNET_PATH", "plain")
    assert net.explain(measure=False).path == net.explain(measure=False, training=False).path == "plain" and net.explain(measure=False).layers[0].forward == "gemm"


def test_the_text_is_a_table_and_the_dict_is_plain_values():
    found = fn.Network([784, 30, 10], seed=0).explain(measure=False, batch_size=10)
    lines = str(found).splitlines()
    assert lines[0].startswith("path minibatch, batch 10, float64, ") and lines[0].endswith("1 thread")
    assert lines[1].split() == ["layer", "activation", "forward", "backward", "update", "kflop", "KiB"]
    assert [line.split()[0] for line in lines[2:]] == ["784-30", "30-10", "step"] and repr(found) == str(found)
    assert json.loads(json.dumps(found.to_dict()))["layers"][0]["outputs"] == 30


def test_threads_are_as_many_as_the_step_is_worth(monkeypatch):
    monkeypatch.setattr("fastnet._checks.check_threads", lambda threads: threads)
    assert fn.Network([4, 8, 3], seed=0).explain(measure=False, threads=4).threads == 1
    assert fn.Network([784, 512, 10], seed=0).explain(measure=False, batch_size=128, threads=4).threads == 4
    assert "4 threads, the first layer divided by outputs" in str(fn.Network([784, 512, 10], seed=0).explain(measure=False, batch_size=128, threads=4))


@pytest.mark.parametrize("options, error, match", [
    ({"batch_size": 0}, ValueError, "batch_size must be at least 1; got 0"),
    ({"batch_size": 2.5}, TypeError, "batch_size must be an integer; got 2.5"),
    ({"measure": None}, TypeError, "measure must be True or False; got None"),
    ({"dtype": "int8"}, ValueError, "dtype must be .*float32"),
    ({"training": 1}, TypeError, "training must be True or False; got 1"),
    ({"X": np.zeros((3, 5))}, ValueError, r"X must have shape \(m, 4\).*got shape \(3, 5\)"),
])
def test_bad_arguments_are_named(options, error, match):
    with pytest.raises(error, match=match):
        fn.Network([4, 8, 3], seed=0).explain(**{"measure": False, **options})


def test_a_measured_step_has_times_a_roof_and_a_bound_in_every_layer(quick):
    found = fn.Network([10, 64, 64, 1], dtype="float32", seed=0).explain(batch_size=16)
    assert found.measured_ns > 0 and found.expected_ns > 0
    for layer in found.layers:
        assert layer.measured_ns > 0 and layer.expected_ns >= 0 and layer.roof > 0
        assert layer.bound in ("flops", "memory", "stores", "activation", "call overhead")
    lines = str(found).splitlines()
    assert "measured µs" in lines[1] and lines[4].startswith("64-1") and lines[5].startswith("step")
    assert json.loads(json.dumps(found.to_dict()))["measured_ns"] == found.measured_ns


def test_predictions_are_measured_and_nothing_is_expected_of_them(quick):
    for batch_size in (1, 100):
        found = fn.Network([10, 20, 1], dtype="float32", seed=0).explain(batch_size=batch_size, training=False)
        assert found.measured_ns > 0 and found.expected_ns is None


def test_the_net_is_left_alone_and_another_dtype_is_a_copys(quick):
    net = fn.Network([4, 8, 3], seed=0)
    before = net.parameters.copy()
    assert net.explain(dtype="float32").dtype == "float32"
    assert (net.parameters == before).all() and net.dtype == np.float64 and net._training is None


@pytest.mark.parametrize("sizes, options, several", [
    ([3, 5, 3], {"output": "softmax", "cost": "categorical_cross_entropy"}, False), ([3, 5, 1], {"cost": "cross_entropy"}, False),
    ([3, 5, 3], {}, False), ([3, 5, 3], {}, True)], ids=str)
def test_names_of_classes_are_no_hindrance(quick, sizes, options, several):
    net = fn.Network(sizes, seed=0, **options)
    net.classes = ["a", "b", "c"][:max(2, sizes[-1])]
    net.multilabel = several
    assert net.explain().measured_ns > 0 and net.explain(training=False).measured_ns > 0
    assert net.classes is not None and net.multilabel == several


def test_code_that_is_compiled_for_float64_gets_no_advice_on_float32(quick):
    import ctypes
    signature = ctypes.CFUNCTYPE(ctypes.c_double, ctypes.c_ssize_t, ctypes.c_ssize_t, *[ctypes.POINTER(ctypes.c_double)] * 3,
                                 ctypes.c_void_p)
    own = signature(lambda n, n_targets, a, y, nabla, context: 0.0)
    net = fn.Network([3, 5, 1], cost=fn.costs.custom(own), seed=0)
    found = net.explain(batch_size=200)
    assert found.measured_ns > 0 and "dtype='float32'" not in [change for change, _, _ in found.advice]


def test_advice_says_what_would_be_gained(quick, monkeypatch, rng):
    from fastnet import _advice, _measure
    steps = {(1, 8): 8.0, (1, 4): 4.0, (16, 4): 16.0, (32, 4): 16.0, (64, 4): 32.0, (128, 4): 64.0}

    def seconds(self, turns=1):
        return 1e-6 * steps.get((self.batch_size, self.net.dtype.itemsize), 100.0)

    monkeypatch.setattr(_measure.Steps, "seconds", seconds)
    single = _advice.advise(fn.Network([4, 8, 3], dtype="float32", seed=0), 1, 1.0, 1, True, 4e-6)
    assert [(change, gain) for change, gain, _ in single] == [("batch_size=32", pytest.approx(8.0))]
    assert "batch_size=32 would give 8.0x" in single[0][2]
    double = _advice.advise(fn.Network([4, 8, 3], seed=0), 1, 1.0, 1, True, 8e-6)
    assert ("dtype='float32'", 2.0, "dtype='float32' would give 2.0x") in double
    X = rng.random((50, 100))
    X[:, 10:] = 0
    assert "90 % of X is zero: the sparse path is on" in str(fn.Network([100, 8, 3], seed=0).explain(X=X))


def test_a_notebook_gets_a_table_and_the_advice(quick):
    found = fn.Network([4, 8, 3], seed=0).explain(measure=False)
    found.advice = [("", None, "a < b")]
    text = found._repr_html_()
    assert text.count("<tr>") == 4 and "<li>a &lt; b</li>" in text


def test_measuring_inside_a_profile_is_refused(quick):
    with fn.profile() as p, pytest.raises(RuntimeError, match="profiles don't nest"):
        fn.Network([4, 8, 3], seed=0).explain()
    assert p.rows


def test_a_model_that_another_build_has_kept_is_fitted_anew_where_it_lacks_a_kernel_of_this_one(quick, tmp_path):
    from fastnet import _model, _roof
    net = fn.Network([10, 64, 64, 1], dtype="float32", seed=0)
    expected = _model.expected(net, 16)
    path = _roof.cache_file().replace("roof-", "model-")
    with open(path, encoding="utf-8") as file:
        kept = json.load(file)
    (missing,) = [name for name in kept["float32"] if "bp4_forward" in name and "nonzeros" not in name and "half" not in name]
    del kept["float32"][missing]
    with open(path, "w", encoding="utf-8") as file:
        json.dump(kept, file)
    _model._kept.clear()
    assert _model.expected(net, 16).keys() == expected.keys()
    with open(path, encoding="utf-8") as file:
        assert missing in json.load(file)["float32"]
