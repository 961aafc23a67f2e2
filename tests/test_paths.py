"""The fast paths against the plain engine: epochs, tile boundaries, exact sums, clean state."""

import numpy as np
import pytest

import fastnet as fn
from fastnet import reference
from fastnet._core import plan
from helpers import as_lists, error_in_eps, flat, random_net


def train(monkeypatch, path, net, *data, **options):
    monkeypatch.setenv("FASTNET_PATH", path)
    net = net.copy()
    history = net.fit(*data, **options)
    return net, history


def assert_paths_agree(monkeypatch, net, X, Y, eps, **options):
    """`eps` a step, relative to the largest parameter: each step rounds sums in another order."""
    plain, plain_history = train(monkeypatch, "plain", net, X, Y, **options)
    fast, history = train(monkeypatch, "fast", net, X, Y, **options)
    assert error_in_eps(fast.parameters, plain.parameters, net.dtype) <= eps
    np.testing.assert_allclose(history.cost, plain_history.cost, rtol=eps * np.finfo(net.dtype).eps)


@pytest.mark.parametrize("batch_size", [1, 2, 5, 6, 7, 12, 13, 40])
@pytest.mark.parametrize("seed", range(6))
def test_epochs_agree(batch_size, seed, dtype, level, monkeypatch):
    rng = np.random.default_rng(seed)
    sizes = tuple(int(n) for n in rng.choice([1, 2, 3, 5, 8, 9, 15, 16, 17, 30, 31, 33, 64, 65, 100], rng.integers(2, 6)))
    net = random_net(rng, sizes, dtype)
    X = rng.standard_normal((41, sizes[0]))
    Y = rng.integers(0, sizes[-1], 41) if sizes[-1] > 1 and seed % 2 else rng.random((41, sizes[-1]))
    assert_paths_agree(monkeypatch, net, X, Y, 200, epochs=2, batch_size=batch_size, learning_rate=0.02, seed=seed)


def boundaries(level_dtype):
    lanes = {"float32": 16, "float64": 8}[level_dtype.name]     # two 256-bit vectors; a multiple of every panel below
    return sorted({1, 2, 3, 4, 5, 6, 7, 11, 12, 13, lanes // 2 - 1, lanes // 2, lanes // 2 + 1, lanes - 1, lanes,
                   lanes + 1, 2 * lanes - 1, 2 * lanes, 2 * lanes + 1, 4 * lanes + 1})


def test_every_tile_boundary_is_exact_on_small_integers(dtype, level, monkeypatch):
    """Integers and a power-of-two rate: every sum is exact, so the paths agree to the bit."""
    rng = np.random.default_rng(5)
    widths = boundaries(dtype)
    for p in widths:
        for n in widths:
            for m in (1, 6, 13):
                net = fn.Network((p, n, 2), activation="identity", dtype=dtype,
                                 init=rng.integers(-1, 2, n * p + n + 2 * n + 2))
                X, Y = rng.integers(-1, 2, (m, p)), rng.integers(-2, 3, (m, 2))
                rate = 2.0**-6 * m                       # eta / m: a power of two whatever m is
                nets = [train(monkeypatch, path, net, X, Y, epochs=1, batch_size=m, learning_rate=rate, shuffle=False)[0]
                        for path in ("plain", "fast")]
                np.testing.assert_array_equal(nets[0].parameters, nets[1].parameters, err_msg=f"p={p} n={n} m={m}")


@pytest.mark.parametrize("p, n", [(255, 3), (256, 20), (257, 33), (784, 30), (520, 40)])
def test_cache_blocks_join(p, n, dtype, level, monkeypatch, rng):
    net = random_net(rng, (p, n, 5), dtype, mixed=False)
    X, Y = rng.standard_normal((130, p)), rng.random((130, 5))
    for batch_size in (1, 33, 130):
        assert_paths_agree(monkeypatch, net, X, Y, 300, epochs=1, batch_size=batch_size, learning_rate=0.1, seed=0)


def test_a_batch_of_several_blocks_is_one_step(dtype, monkeypatch, rng):
    net = random_net(rng, (3, 20, 2), dtype)
    m = 2 * plan.BLOCK_ROWS + 7
    X, Y = rng.standard_normal((m, 3)), rng.random((m, 2))
    assert_paths_agree(monkeypatch, net, X, Y, 300, epochs=3, batch_size=10 * m, learning_rate=0.1, seed=0)
    gradient = net.value_and_gradient(X, Y)[1]
    fast, _ = train(monkeypatch, "fast", net, X, Y, epochs=1, batch_size=m, learning_rate=0.5, shuffle=False)
    assert error_in_eps(fast.parameters, net.parameters - 0.5 * gradient.astype(float), dtype) <= 300


@pytest.mark.parametrize("batch_size", [1, 3, 4, 11])
def test_epochs_are_the_references(batch_size, dtype, path, rng):
    net = random_net(rng, (4, 9, 3), dtype)
    X, Y = rng.standard_normal((11, 4)).astype(dtype), rng.random((11, 3)).astype(dtype)
    w, b = reference.sgd_epoch(*as_lists(net), X.tolist(), Y.tolist(), 0.125, batch_size, activations=net.activations)
    net.fit(X, Y, epochs=1, batch_size=batch_size, learning_rate=0.125, shuffle=False)
    assert error_in_eps(net.parameters, flat(w, b), dtype) <= 200


def test_nothing_depends_on_what_ran_before(dtype, path, rng):
    net = random_net(rng, (7, 19, 3), dtype)
    X, Y = rng.standard_normal((23, 7)), rng.random((23, 3))
    other = fn.Network((7, 19, 3), activation="identity", dtype=dtype, seed=0)

    def run(batch_size):
        fresh = net.copy()
        fresh.fit(X, Y, epochs=2, batch_size=batch_size, learning_rate=0.1, seed=3)
        return fresh.parameters.tobytes(), fresh.predict(X).tobytes()

    for batch_size in (1, 6):
        first = run(batch_size)
        with pytest.warns(RuntimeWarning, match="diverged"):
            other.copy().fit(X, Y, epochs=200, batch_size=batch_size, learning_rate=50.0)
        assert run(batch_size) == first


def test_subnormal_data_agree(dtype, monkeypatch, rng):
    net = random_net(rng, (5, 9, 2), dtype, mixed=False)
    X = rng.standard_normal((12, 5)) * np.finfo(dtype).smallest_subnormal * 1000
    for batch_size in (1, 4):
        assert_paths_agree(monkeypatch, net, X, rng.random((12, 2)), 200, epochs=1, batch_size=batch_size,
                           learning_rate=0.1, seed=0)


@pytest.mark.parametrize("m", [1, 2, 7, 8, 9, 95, 96, 97, 300])
def test_outputs_agree_however_they_are_asked_for(m, dtype, level, monkeypatch, rng):
    for sizes in [(4, 8, 3), (1, 1), (9, 33, 1, 17), (784, 30, 10), (6, 1500, 2)]:
        net = random_net(rng, sizes, dtype)
        X = rng.standard_normal((m, sizes[0])).astype(dtype)
        monkeypatch.setenv("FASTNET_PATH", "plain")
        plain = net.predict(X)
        monkeypatch.setenv("FASTNET_PATH", "fast")
        single = np.array([net(x) for x in X])
        frozen = net.freeze()
        for found in (net.predict(X), single, frozen(X), np.array([frozen(x) for x in X])):
            assert error_in_eps(found, plain, dtype) <= 100


def test_values_beyond_a_row_never_leak_into_one_sample(dtype, level):
    """The last vector of a row reads into the next row: NaN there must not count."""
    net = fn.Network((3, 2, 1), activation="identity", dtype=dtype, init=np.ones(11))
    net.weights[0][1] = np.nan
    z = net.forward([1.0, 2.0, 3.0]).z[0]
    assert z[0] == 7 and np.isnan(z[1])
    net.weights[1][0, 1] = 0
    one = fn.Network((3, 2), activation="identity", dtype=dtype, init=[1, 1, 1, np.nan, np.nan, np.nan, 1, 1])
    out = one(np.array([1, 2, 3], dtype))
    assert out[0] == 7 and np.isnan(out[1])


def test_the_plan_names_a_kernel_for_every_layer(monkeypatch):
    monkeypatch.delenv("FASTNET_PATH", raising=False)
    assert plan.plan_training((784, 30, 10), 1).path == "online"
    batch = plan.plan_training((64, 128, 128, 10), 10)
    assert batch.path == "minibatch" and [layer.backward for layer in batch.layers] == [None, "lane sums", "transposed tiles"]
    assert plan.plan_inference((4, 8, 3), 1).path == "samples" and plan.plan_inference((4, 8, 3), 100).path == "tiles"
    monkeypatch.setenv("FASTNET_PATH", "plain")
    assert plan.plan_training((4, 8, 3), 10).path == plan.plan_inference((4, 8, 3), 10).path == "plain"
