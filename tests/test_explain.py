"""explain(): the plan of a step as a table, its counts, and what it says of threads and zeros."""

import json

import numpy as np
import pytest

import fastnet as fn
from fastnet._core import kernels, plan


@pytest.fixture(autouse=True)
def fast(monkeypatch):
    monkeypatch.delenv("FASTNET_PATH", raising=False)


def test_every_layer_is_there_with_the_kernels_of_the_plan(dtype):
    net = fn.Network([64, 128, 128, 1], activation="tanh", output="identity", dtype=dtype, seed=0)
    found = net.explain(batch_size=32)
    chosen = plan.plan_training(net.sizes, 32, kernels.lanes(dtype))
    assert found.path == "minibatch" and found.threads == 1 and found.level == kernels.level() and found.dtype == dtype.name
    for layer, planned, p, n, name in zip(found.layers, chosen.layers, net.sizes[:-1], net.sizes[1:], net.activations, strict=True):
        assert (layer.inputs, layer.outputs, layer.activation) == (p, n, name)
        assert (layer.forward, layer.backward, layer.update) == (planned.forward, planned.backward, planned.update)


def test_operations_and_bytes_are_counted_per_product():
    net = fn.Network([10, 20, 3], seed=0)
    found = net.explain(batch_size=5)
    assert [layer.flops for layer in found.layers] == [2 * 2 * 5 * 200, 3 * 2 * 5 * 60]     # the first layer has no BP2
    assert found.layers[0].bytes == 8 * (2 * (200 + 5 * 30) + 200)
    assert found.flops == 4000 + 1800 and found.bytes == sum(layer.bytes for layer in found.layers)
    assert [layer.flops for layer in net.explain(batch_size=5, training=False).layers] == [2000, 600]


def test_zeros_of_the_inputs_count_where_they_are_skipped(rng):
    net = fn.Network([100, 20, 3], seed=0)
    X = rng.random((50, 100))
    X[:, 10:] = 0
    found = net.explain(batch_size=10, X=X)
    assert found.density == 0.1 and found.layers[0].forward == found.layers[0].update == "nonzeros"
    assert found.layers[0].flops == pytest.approx(net.explain(batch_size=10).layers[0].flops / 10)
    assert "90 % of X is zero" in str(found)
    dense = net.explain(batch_size=10, X=rng.random((5, 100)))
    assert dense.density == 1.0 and dense.layers[0].forward == "tiles"


def test_paths_have_their_names(monkeypatch):
    net = fn.Network([4, 8, 3], seed=0)
    assert net.explain(batch_size=1).path == "online"
    assert [net.explain(batch_size=m, training=False).path for m in (1, 100)] == ["samples", "narrow"]
    assert fn.Network([4, 100, 3], seed=0).explain(batch_size=100, training=False).path == "tiles"
    own = fn.Network([4, 8, 3], cost=fn.costs.custom(lambda a, y: ((a - y) ** 2).sum(axis=1), lambda a, y: 2 * (a - y)), seed=0)
    assert own.explain(batch_size=10).path == "plain"
    monkeypatch.setenv("FASTNET_PATH", "plain")
    assert net.explain().path == net.explain(training=False).path == "plain" and net.explain().layers[0].forward == "gemm"


def test_the_text_is_a_table_and_the_dict_is_plain_values():
    found = fn.Network([784, 30, 10], seed=0).explain(batch_size=10)
    lines = str(found).splitlines()
    assert lines[0].startswith("path minibatch, batch 10, float64, ") and lines[0].endswith("1 thread")
    assert lines[1].split() == ["layer", "activation", "forward", "backward", "update", "kflop", "KiB"]
    assert [line.split()[0] for line in lines[2:]] == ["784-30", "30-10", "step"] and repr(found) == str(found)
    assert json.loads(json.dumps(found.to_dict()))["layers"][0]["outputs"] == 30


def test_threads_are_as_many_as_the_step_is_worth(monkeypatch):
    monkeypatch.setattr("fastnet._checks.check_threads", lambda threads: threads)
    assert fn.Network([4, 8, 3], seed=0).explain(threads=4).threads == 1
    assert fn.Network([784, 512, 10], seed=0).explain(batch_size=128, threads=4).threads == 4
    assert "4 threads" in str(fn.Network([784, 512, 10], seed=0).explain(batch_size=128, threads=4))


@pytest.mark.parametrize("options, error, match", [
    ({"batch_size": 0}, ValueError, "batch_size must be at least 1; got 0"),
    ({"batch_size": 2.5}, TypeError, "batch_size must be an integer; got 2.5"),
    ({"training": 1}, TypeError, "training must be True or False; got 1"),
    ({"X": np.zeros((3, 5))}, ValueError, r"X must have shape \(m, 4\).*got shape \(3, 5\)"),
])
def test_bad_arguments_are_named(options, error, match):
    with pytest.raises(error, match=match):
        fn.Network([4, 8, 3], seed=0).explain(**options)
