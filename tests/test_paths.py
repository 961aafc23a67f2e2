"""The fast paths against the plain engine: epochs, tile boundaries, exact sums, clean state."""

import warnings

import numpy as np
import pytest

import fastnet as fn
from fastnet import reference
from fastnet._core import kernels, plan, trainer
from fastnet.training import start_run
from helpers import ACTIVATIONS, as_lists, error_in_eps, flat, random_net


def train(monkeypatch, path, net, *data, **options):
    monkeypatch.setenv("FASTNET_PATH", path)
    net = net.copy()
    history = net.fit(*data, **options)
    return net, history


def tolerance(steps):
    """In eps, relative to the largest parameter.  A step adds up its sums in another order and is
    off by a few eps; what the steps are off by is independent and adds up like a random walk."""
    return 10 + 6 * steps**0.5


def assert_paths_agree(monkeypatch, net, X, Y, *, epochs, batch_size, **options):
    plain, plain_history = train(monkeypatch, "plain", net, X, Y, epochs=epochs, batch_size=batch_size, **options)
    fast, history = train(monkeypatch, "fast", net, X, Y, epochs=epochs, batch_size=batch_size, **options)
    eps = tolerance(epochs * -(-len(X) // batch_size))
    assert not np.array_equal(plain.parameters, net.parameters)
    assert error_in_eps(fast.parameters, plain.parameters, net.dtype) <= eps
    np.testing.assert_allclose(history.cost, plain_history.cost, rtol=eps * np.finfo(net.dtype).eps, atol=0)


WIDTHS = [1, 2, 3, 5, 8, 9, 15, 16, 17, 30, 31, 33, 64, 65, 100]


@pytest.mark.parametrize("batch_size", [1, 2, 5, 6, 7, 12, 13, 40])
@pytest.mark.parametrize("seed", range(6))
def test_epochs_agree(batch_size, seed, dtype, level, monkeypatch):
    rng = np.random.default_rng(seed)
    sizes = tuple(int(n) for n in rng.choice(WIDTHS, rng.integers(2, 6)))
    net = random_net(rng, sizes, dtype)
    X = rng.standard_normal((41, sizes[0]))
    Y = rng.integers(0, sizes[-1], 41) if sizes[-1] > 1 and seed % 2 else rng.random((41, sizes[-1]))
    assert_paths_agree(monkeypatch, net, X, Y, epochs=2, batch_size=batch_size, learning_rate=0.02, seed=seed)


@pytest.mark.parametrize("name", ACTIVATIONS)
@pytest.mark.parametrize("batch_size", [1, 6])
def test_every_activation_agrees_over_many_steps(name, batch_size, dtype, level, monkeypatch, rng):
    net = fn.Network((7, 17, 9, 3), activation=name, dtype=dtype, init="lecun", seed=rng)
    X, Y = rng.standard_normal((41, 7)), rng.random((41, 3))
    assert_paths_agree(monkeypatch, net, X, Y, epochs=16, batch_size=batch_size, learning_rate=0.02, seed=0)


def test_every_batch_size_agrees(dtype, level, monkeypatch, rng):
    net = random_net(rng, (3, 20, 5), dtype, mixed=False)
    X, Y = rng.standard_normal((41, 3)), rng.integers(0, 5, 41)
    for batch_size in range(1, 42):
        assert_paths_agree(monkeypatch, net, X, Y, epochs=1, batch_size=batch_size, learning_rate=0.5, seed=1)


def lanes(dtype, level):
    return {"avx2": 32, "avx512": 64}.get(level, 16) // dtype.itemsize


def assert_step_is_exact(monkeypatch, rng, sizes, m, dtype, activation):
    """Integers and a power-of-two rate: every sum is exact, so the paths agree to the bit."""
    n_parameters = sum(n * p + n for p, n in zip(sizes, sizes[1:]))
    init = rng.integers(-1, 2, n_parameters) * (rng.random(n_parameters) < 0.5)
    net = fn.Network(sizes, activation=activation, dtype=dtype, init=init)
    X, Y = rng.integers(-1, 2, (m, sizes[0])), rng.integers(-2, 3, (m, sizes[-1]))
    rate = 2.0**-6 * m                               # eta / m: a power of two whatever m is
    plain, fast = (train(monkeypatch, path, net, X, Y, epochs=1, batch_size=m, learning_rate=rate, shuffle=False)[0]
                   for path in ("plain", "fast"))
    np.testing.assert_array_equal(fast.parameters, plain.parameters, err_msg=f"{sizes} m={m}")


@pytest.mark.parametrize("activation", ["identity", "relu"])
def test_every_width_up_to_two_tiles_is_exact_on_small_integers(activation, dtype, level, monkeypatch, rng):
    """Inputs by outputs of a layer that BP2 passes through: by lane sums where n > 4.2 m, else transposed."""
    panel = 2 * lanes(dtype, level)
    edges = sorted({n for tile in (4, 6, panel // 2, panel, 2 * panel) for n in (tile - 1, tile, tile + 1)})
    for n in range(1, 2 * panel + 2):
        for p in edges:
            assert_step_is_exact(monkeypatch, rng, (2, p, n, 1), int(rng.integers(1, 14)), dtype, activation)
            assert_step_is_exact(monkeypatch, rng, (n, p, 2), int(rng.integers(1, 14)), dtype, activation)


def test_every_number_of_rows_is_exact_on_small_integers(dtype, level, monkeypatch, rng):
    """Tiles of 6 rows, blocks of 32 or 128 samples in the update and of up to 144 rows elsewhere, one more and one less of
    each; all in one block of the plan, for what several blocks add up is scaled by 1 / m before."""
    monkeypatch.setattr(plan, "BLOCK_ROWS", 512)
    monkeypatch.setattr(plan, "PLAIN_ROWS", 512)
    panel = 2 * lanes(dtype, level)
    for m in [*range(1, 23), 31, 32, 33, 64, 65, 119, 127, 128, 129, 143, 144, 145, 241, 264, 265, 288, 289]:
        for sizes in [(1, 1, 1), (3, panel + 1, 2), (5, 4 * panel + 3, panel - 1, 3), (2, 3, 5 * panel, 2)]:
            assert_step_is_exact(monkeypatch, rng, sizes, m, dtype, "identity")


def test_bp2_with_samples_in_lanes_is_exact_on_small_integers(dtype, level, monkeypatch, rng):
    """Rows around vectors, panels and blocks of 144; inputs around 6, vectors and blocks of 768 bytes; outputs around panels
    and 128 of them.  Work space starts as NaN."""
    monkeypatch.setattr(trainer, "POISON", True)
    monkeypatch.setattr(plan, "BLOCK_ROWS", 512)
    monkeypatch.setattr(plan, "PLAIN_ROWS", 512)
    way = "samples in lanes"
    monkeypatch.setattr(plan, "plan_layer", lambda l, *_: plan.LayerPlan("outputs", "tiles", way if l else None, "tiles"))
    panel, block = 2 * lanes(dtype, level), 768 // dtype.itemsize
    around = lambda *counts: [n + d for n in counts for d in (-1, 0, 1)]
    for m in [1, 2, 5, *around(panel // 2, panel, 143, 145, 288)]:
        assert_step_is_exact(monkeypatch, rng, (2, panel + 3, panel + 1, 2), m, dtype, "identity")
    for p in [1, 2, *around(6, panel // 2, panel, block)]:
        for n in [1, 3, *around(panel // 2, panel, 128)]:
            assert_step_is_exact(monkeypatch, rng, (2, p, n, 2), int(rng.integers(1, 40)), dtype, "relu")
    for n in around(128 + panel // 2, 256, 2 * 128 + panel):
        assert_step_is_exact(monkeypatch, rng, (2, 2 * block + 5, n, 2), 21, dtype, "identity")


def test_bp2_with_samples_in_lanes_has_the_bits_of_transposed_tiles(dtype, level, monkeypatch, rng):
    """Its sums run over the outputs in the same order, whatever is spread and whatever lies in the lanes."""
    net = random_net(rng, (7, 100, 150, 9), dtype, mixed=False)
    X, Y = rng.standard_normal((150, 7)), rng.random((150, 9))
    ends = []
    for way in ("samples in lanes", "transposed tiles"):
        monkeypatch.setattr(plan, "plan_layer", lambda l, *_: plan.LayerPlan("outputs", "tiles", way if l else None, "tiles"))
        trained, _ = train(monkeypatch, "fast", net, X, Y, epochs=2, batch_size=150, learning_rate=0.1, seed=0)
        ends.append(trained.parameters.tobytes())
    assert ends[0] == ends[1]


def test_nothing_is_read_before_it_is_written(dtype, level, monkeypatch, rng):
    """Work space that starts as NaN, one block and several, sparse and dense: the same exact sums."""
    monkeypatch.setattr(trainer, "POISON", True)
    panel = 2 * lanes(dtype, level)
    for n in {1, 2, panel // 2, panel - 1, panel, panel + 1, 2 * panel + 1}:
        for sizes in [(n, 2), (3, n, 2), (2, 3 * panel, n, 1), (n, 5, n, 3)]:
            assert_step_is_exact(monkeypatch, rng, sizes, int(rng.integers(1, 14)), dtype, "identity")
    monkeypatch.setattr(plan, "BLOCK_ROWS", 8)
    for sizes in [(3, panel + 1, 2), (2, 3 * panel, 9, 1)]:
        assert_step_is_exact(monkeypatch, rng, sizes, 16, dtype, "identity")


@pytest.mark.parametrize("p, n", [(255, 3), (256, 20), (257, 33), (784, 30), (520, 40)])
def test_cache_blocks_join(p, n, dtype, level, monkeypatch, rng):
    net = random_net(rng, (p, n, 5), dtype, mixed=False)
    X, Y = rng.standard_normal((130, p)), rng.random((130, 5))
    for batch_size in (1, 33, 130):
        assert_paths_agree(monkeypatch, net, X, Y, epochs=1, batch_size=batch_size, learning_rate=0.1, seed=0)


@pytest.mark.parametrize("options", [{"l2": 0.1}, {"optimizer": "adam"}, {"optimizer": "sgd", "clip_norm": 0.1}], ids=str)
def test_few_samples_agree_whatever_becomes_of_their_gradient(options, dtype, level, monkeypatch, rng):
    """Updates that keep some of the weights, and gradients written into what was never written, as wide as ends in a
    half vector, for batches around those that are streamed (src_c/streams.inc)."""
    monkeypatch.setattr(trainer, "POISON", True)
    for n in (3, 17, 36, 100):
        net = random_net(rng, (260, n, 5), dtype, mixed=False)
        X, Y = rng.standard_normal((43, 260)), rng.random((43, 5))
        for batch_size in (2, 6, 7, 10, 11, 12, 13, 20, 21):
            plain, fast = (train(monkeypatch, path, net, X, Y, epochs=1, batch_size=batch_size, learning_rate=0.01, seed=0, **options)[0]
                           for path in ("plain", "fast"))
            # Adam divides by sqrt(v): where a gradient is nearly 0 its sign is that of its rounding, and a step is one rate long
            most = 50 * tolerance(43) if "optimizer" in options else tolerance(43)
            assert error_in_eps(fast.parameters, plain.parameters, dtype) <= most, (n, batch_size)


def test_a_batch_of_several_blocks_is_one_step(dtype, monkeypatch, rng):
    net = random_net(rng, (3, 20, 2), dtype)
    m = 2 * plan.BLOCK_ROWS + 7
    X, Y = rng.standard_normal((m, 3)), rng.random((m, 2))
    assert_paths_agree(monkeypatch, net, X, Y, epochs=3, batch_size=10 * m, learning_rate=0.1, seed=0)
    # two such steps and a short one in one epoch: each starts from a gradient of 0
    assert_paths_agree(monkeypatch, net, X, Y, epochs=1, batch_size=plan.BLOCK_ROWS + 1, learning_rate=0.1, seed=0)
    gradient = net.value_and_gradient(X, Y)[1]
    fast, _ = train(monkeypatch, "fast", net, X, Y, epochs=1, batch_size=m, learning_rate=0.5, shuffle=False)
    assert error_in_eps(fast.parameters, net.parameters - 0.5 * gradient.astype(float), dtype) <= tolerance(1)


@pytest.mark.parametrize("batch_size", [1, 3, 4, 11])
@pytest.mark.parametrize("sizes", [(4, 9, 3), (1, 1), (2, 17, 5, 2)], ids=str)
@pytest.mark.parametrize("shuffled", [False, True])
def test_epochs_are_the_references(sizes, batch_size, shuffled, dtype, path, level, rng):
    net = random_net(rng, sizes, dtype)
    X, Y = rng.standard_normal((11, sizes[0])).astype(dtype), rng.random((11, sizes[-1])).astype(dtype)
    order = rng.permutation(11) if shuffled else None
    w, b = reference.sgd_epoch(*as_lists(net), X.tolist(), Y.tolist(), 0.125, batch_size,
                               order=order, activations=net.activations)
    run, X = start_run(net, X, batch_size, threads=1)
    cost, rows, finite = run.epoch(X, Y, order, 0.125)
    assert rows == 11 and finite and cost > 0
    assert error_in_eps(net.parameters, flat(w, b), dtype) <= tolerance(11)


@pytest.mark.parametrize("batch_size", [1, 20])
def test_an_epoch_that_stops_to_look_for_ctrl_c_goes_on_where_it_was(batch_size, dtype, level, monkeypatch, rng):
    net = random_net(rng, (3000, 100, 4), dtype, mixed=False)
    m = 450                                          # 277 samples are 5e8 operations: one look on the way
    X, Y = rng.standard_normal((m, 3000)).astype(dtype), rng.integers(0, 4, m)
    assert_paths_agree(monkeypatch, net, X, Y, epochs=1, batch_size=batch_size, learning_rate=0.02, seed=0)


@pytest.mark.parametrize("batch_size", [1, 5])
@pytest.mark.parametrize("output", ["relu", "identity", "sigmoid"])
@pytest.mark.parametrize("rate", [1e3, "huge"])
def test_a_diverging_net_ends_like_in_the_plain_engine(batch_size, output, rate, dtype, level, monkeypatch, rng):
    """relu layers that grow to infinity, padding included: both paths stop in the same batch and
    keep the parameters of the best finite epoch."""
    rate = float(np.sqrt(np.finfo(dtype).max)) if rate == "huge" else rate
    net = fn.Network((3, 5, 9, 2), activation=["relu", "relu", output], dtype=dtype, init="he", seed=rng)
    X, Y = rng.random((12, 3)), rng.random((12, 2))
    ends = []
    for path in ("plain", "fast"):
        monkeypatch.setenv("FASTNET_PATH", path)
        trained = net.copy()
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            history = trained.fit(X, Y, epochs=30, batch_size=batch_size, learning_rate=rate, seed=0)
        assert np.isfinite(trained.parameters).all()
        ends.append((history.stopped, len(history.cost), [str(w.message) for w in caught], trained))
    assert ends[0][:3] == ends[1][:3]
    assert error_in_eps(ends[1][3].parameters, ends[0][3].parameters, dtype) <= tolerance(12 * 30)
    assert output != "identity" or ends[0][0] == "diverged"


@pytest.mark.parametrize("batch_size", [1, 4, 12])
@pytest.mark.parametrize("sign", [1, -1])
def test_infinities_that_no_cost_shows_are_found_all_the_same(batch_size, sign, dtype, path, level, rng):
    """a^1 is infinite; sigmoid(inf) and relu(-inf) hide that from the cost of the batch."""
    net = fn.Network((2, 9, 5, 2), activation=["relu", "relu", "sigmoid"], dtype=dtype, init="he", seed=rng)
    net.weights[0][:] = np.finfo(dtype).max
    net.weights[1][:], net.weights[2][:] = sign, 1
    before = net.parameters.copy()
    with pytest.warns(RuntimeWarning, match=f"epoch 1, batch {1 if batch_size == 12 else 2};"):
        history = net.fit(np.full((12, 2), 3.0), np.zeros((12, 2)), epochs=3, batch_size=batch_size, learning_rate=0.1)
    assert history.stopped == "diverged" and history.cost == []
    np.testing.assert_array_equal(net.parameters, before)


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


@pytest.mark.parametrize("batch_size", [1, 4])
def test_subnormal_data_agree(batch_size, dtype, level, monkeypatch, rng):
    net = random_net(rng, (5, 9, 2), dtype, mixed=False)
    tiny = np.finfo(dtype).smallest_subnormal
    X = rng.standard_normal((12, 5)) * tiny * 1000
    assert_paths_agree(monkeypatch, net, X, rng.random((12, 2)), epochs=1, batch_size=batch_size,
                       learning_rate=0.1, seed=0)


def test_subnormal_numbers_are_not_flushed(dtype, level, path):
    """z = w x with a subnormal product, and a step on it whose result is one as well."""
    tiny = float(np.finfo(dtype).smallest_subnormal)
    for m in (1, 2):
        net = fn.Network((1, 1), activation="identity", dtype=dtype, init=[1.0, 0.0])
        X, Y = np.full((m, 1), 64 * tiny), np.zeros((m, 1))
        assert net(X).tolist() == X.tolist()
        net.fit(X, Y, epochs=1, batch_size=m, learning_rate=0.5, shuffle=False)
        assert net.parameters.tolist() == [1.0, -32 * tiny]


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
    assert plan.plan_training((784, 30, 10), 1, 8).path == "online"
    batch = plan.plan_training((64, 128, 128, 1), 10, 16)
    assert batch.path == "minibatch" and batch.shares == 1 and not batch.sparse
    assert [layer.backward for layer in batch.layers] == [None, "dots", "tiles"]
    assert [layer.lanes for layer in batch.layers] == ["outputs", "outputs", "inputs"]
    assert plan.plan_training((64, 128, 128, 1), 128, 16).layers[1].backward == "transposed tiles"
    assert plan.plan_training((784, 512, 512, 10), 128, 16).layers[1].backward == "samples in lanes"
    assert plan.plan_training((64, 128, 128, 1), 32, 4).layers[1].backward == "samples in lanes"
    assert [plan.plan_inference(sizes, m).path for sizes, m in [((4, 8, 3), 1), ((4, 8, 3), 100), ((4, 80, 3), 100)]] == [
        "samples", "narrow", "tiles"]
    monkeypatch.setenv("FASTNET_PATH", "plain")
    assert plan.plan_training((4, 8, 3), 10, 8).path == plan.plan_inference((4, 8, 3), 10).path == "plain"


def test_half_vectors_serve_nets_that_would_leave_whole_ones_empty():
    half = lambda sizes, m, lanes=16, **options: plan.plan_training(sizes, m, lanes, half_lanes=lanes // 2, **options).half
    assert half((4, 8, 3), 1) and half((4, 8, 3), 10) and half((784, 8, 2), 1) and half((8, 24, 24, 4), 1)
    assert half((2, 16, 16, 1), 1) and not half((2, 16, 16, 1), 10)         # as much work: chains decide
    assert not half((784, 30, 10), 1) and not half((64, 128, 128, 10), 32) and not half((8, 32, 32, 4), 1, lanes=8)
    same = plan.plan_training((4, 8, 3), 1, 8, half_lanes=8)
    assert not same.half and not plan.plan_training((4, 8, 3), 1, 8).half


def test_the_level_is_said_to_run_in_half_vectors():
    net = fn.Network([4, 8, 3], dtype="float32")
    halves = kernels.half_lanes(net.dtype) < kernels.lanes(net.dtype)
    assert ("in half vectors" in str(net.explain(batch_size=10, measure=False))) == halves
