"""One sample a step where a pass over the first layer serves several: the same descent, whatever cuts a pass into pieces."""

import numpy as np
import pytest

import fastnet as fn
from fastnet import _checks_data
from fastnet._core import kernels, plan, window
from fastnet.training import start_run
from helpers import error_in_eps, random_net
from test_paths import assert_paths_agree, lanes, tolerance

K = kernels.ONLINE_BLOCK


@pytest.fixture(autouse=True)
def several_at_once(monkeypatch):
    monkeypatch.setattr(plan, "ONLINE_BLOCK_FROM", 0)
    monkeypatch.setenv("FASTNET_PATH", "fast")


def run_of(net, X):
    run, X = start_run(net, np.ascontiguousarray(X, net.dtype), 1, 1)
    assert run.plan.steps_at_once == K and run.plan.path == "online"
    return run, X


def trained(net, X, Y, rate=0.125, order=None, weight=None):
    net = net.copy()
    run, X = run_of(net, X)
    return run.epoch(X, np.ascontiguousarray(Y, net.dtype), order, rate, weight), net.parameters


@pytest.mark.parametrize("seed", range(6))
def test_epochs_agree_with_the_plain_engine(seed, dtype, level, monkeypatch):
    """Inputs and outputs around every width of a vector, and every number of samples left over."""
    rng = np.random.default_rng(seed)
    panel = 2 * lanes(dtype, level)
    for n in {1, 2, panel // 4, panel // 4 + 1, panel // 2 - 1, panel // 2, panel // 2 + 1, 3 * panel // 4, panel, panel + 1,
              panel + panel // 4, 2 * panel + 1}:
        sizes = (int(rng.integers(1, 70)), n, *rng.integers(1, 20, rng.integers(0, 3)).tolist())
        m = int(rng.integers(1, 4 * K + 2))
        net = random_net(rng, sizes, dtype)
        X, Y = rng.standard_normal((m, sizes[0])), rng.random((m, sizes[-1]))
        assert_paths_agree(monkeypatch, net, X, Y, epochs=2, batch_size=1, learning_rate=0.02, seed=seed)


def test_sums_of_small_integers_are_exact(dtype, level, monkeypatch, rng):
    """One layer, integers and a rate of 1/4: the weights of step s are multiples of 4^-s, below 2^11 after five, so
    that every sum is exact and the engines agree to the bit."""
    panel = 2 * lanes(dtype, level)
    for n in [*range(1, panel + 2), 3 * panel // 2 + 1, 2 * panel - 1]:
        p = int(rng.integers(1, 13))
        net = fn.Network((p, n), activation="identity", dtype=dtype, init=rng.integers(-1, 2, p * n + n))
        X, Y = rng.choice([-1, 1], (K + 1, p)).astype(dtype), rng.integers(-1, 2, (K + 1, n)).astype(dtype)
        found = trained(net, X, Y, 0.25)
        monkeypatch.setenv("FASTNET_PATH", "plain")
        expected = start_run(net, X, 1, 1)[0].epoch(X, Y, None, 0.25)
        monkeypatch.setenv("FASTNET_PATH", "fast")
        assert found[0] == expected, n
        np.testing.assert_array_equal(found[1], net.parameters, err_msg=f"{p}, {n}")


def test_every_step_has_its_own_rate_and_every_sample_its_weight(dtype, level, monkeypatch, rng):
    net = random_net(rng, (21, 35, 3), dtype)
    X, Y = rng.standard_normal((11, 21)), rng.integers(0, 3, 11)
    assert_paths_agree(monkeypatch, net, X, Y, epochs=2, batch_size=1, learning_rate=0.1, schedule=fn.schedules.Cosine(2),
                       sample_weight=rng.random(11) + 0.5, seed=0)


@pytest.mark.parametrize("size", [1e-3, 1.0, 1e15])
def test_one_at_a_time_and_several_differ_by_rounding_alone(size, dtype, level, monkeypatch, rng):
    """Large inputs too: products of inputs are as large as what they are multiplied into is small."""
    net = random_net(rng, (50, 20, 4), dtype, mixed=False)
    X, Y = size * rng.standard_normal((4 * K + 3, 50)), rng.random((4 * K + 3, 4))
    several = trained(net, X, Y, 0.1 / size**2)
    monkeypatch.setattr(plan, "ONLINE_BLOCK_FROM", np.inf)
    one = net.copy()
    run, X = start_run(one, X.astype(dtype), 1, 1)
    assert run.plan.steps_at_once == 1
    cost = run.epoch(X, Y.astype(dtype), None, 0.1 / size**2)
    assert cost[1:] == several[0][1:]
    assert error_in_eps(several[1], one.parameters, dtype) <= tolerance(len(X))


@pytest.mark.parametrize("where", range(2 * K + 1))
@pytest.mark.parametrize("bad", [np.nan, np.inf, "huge"])
def test_numbers_that_are_not_finite_end_it_where_the_plain_engine_ends(where, bad, dtype, level, monkeypatch, rng):
    """NaN, infinity and inputs whose products overflow, in each place of a block."""
    net = fn.Network((30, 20, 4), activation="identity", dtype=dtype, seed=rng)
    X, Y = rng.standard_normal((3 * K, 30)).astype(dtype), rng.random((3 * K, 4)).astype(dtype)
    X[where, 7] = np.sqrt(np.finfo(dtype).max) * 1e3 if bad == "huge" else bad
    ends = []
    for path in ("plain", "fast"):
        monkeypatch.setenv("FASTNET_PATH", path)
        one = net.copy()
        run, given = start_run(one, X, 1, 1)
        ends.append((run.epoch(given, Y, None, 1e-3), one.parameters))
    assert ends[0][0][1:] == ends[1][0][1:] and not ends[0][0][2]
    assert np.array_equal(np.isfinite(ends[0][1]), np.isfinite(ends[1][1]))
    if np.isfinite(ends[0][1]).all():
        assert error_in_eps(ends[1][1], ends[0][1], dtype) <= tolerance(3 * K)


def test_huge_inputs_whose_errors_are_small_do_not_overflow(level, monkeypatch, rng):
    """x . x is beyond float32, x delta x' is not: such a block goes sample by sample."""
    net = fn.Network((6, 9, 2), dtype="float32", seed=rng)
    net.weights[0][:] *= 1e-20
    X, Y = 1e20 * rng.standard_normal((3 * K, 6)), rng.random((3 * K, 2))
    assert_paths_agree(monkeypatch, net, X, Y, epochs=1, batch_size=1, learning_rate=1e-38, seed=0)


def test_where_a_stretch_ends_changes_no_bit(dtype, level, rng):
    """Looks for Ctrl-C come between blocks: after 450 samples of 3,000 inputs the engine looks once, within the second."""
    net = random_net(rng, (3000, 100, 4), dtype, mixed=False)
    X, Y = rng.standard_normal((450, 3000)), rng.random((450, 4))
    whole = trained(net, X, Y)[1]
    pieces = net.copy()
    run, X = run_of(pieces, X)
    run.start_epoch(X, Y.astype(dtype), None, 0.125)
    while run.go_on(3 * K):
        pass
    assert pieces.parameters.tobytes() == whole.tobytes()


def test_a_set_that_is_converted_by_windows_gives_the_bits_of_a_converted_one(dtype, level, monkeypatch, rng):
    monkeypatch.setattr(window, "WINDOW_BYTES", 33 * dtype.itemsize * (2 * K - 1))
    net = random_net(rng, (30, 20, 3), dtype, mixed=False)
    X, Y = rng.integers(0, 3, (45, 30)).astype(np.uint8), rng.random((45, 3))
    found = []
    for at_once in (0, 1 << 60):
        monkeypatch.setattr(_checks_data, "AT_ONCE", at_once)
        one = net.copy()
        one.fit(X, Y, epochs=3, batch_size=1, learning_rate=0.1, seed=1)
        found.append(one.parameters.tobytes())
    assert found[0] == found[1]


def test_a_time_limit_that_never_comes_changes_no_bit(dtype, rng):
    net = random_net(rng, (60, 40, 3), dtype)
    X, Y = rng.standard_normal((203, 60)), rng.random((203, 3))
    found = []
    for seconds in (None, 1e6):
        one = net.copy()
        one.fit(X, Y, epochs=3, batch_size=1, learning_rate=0.01, seed=1, max_seconds=seconds)
        found.append(one.parameters.tobytes())
    assert found[0] == found[1]


def test_the_plan_takes_several_for_large_first_layers(monkeypatch):
    monkeypatch.undo()
    monkeypatch.delenv("FASTNET_PATH", raising=False)
    rows = lambda sizes, lanes=16, **options: plan.plan_training(sizes, 1, lanes, **options).rows
    assert rows((784, 30, 10)) == rows((784, 100, 10)) == rows((200, 50, 1)) == K
    assert rows((4, 8, 3)) == rows((10, 64, 64, 1)) == rows((784, 30, 10), density=0.1) == 1
    chosen = plan.plan_training((784, 30, 10), 1, 16)
    assert chosen.steps_at_once == K and "4 samples at once" in chosen.layers[0].forward
    assert plan.plan_training((784, 30, 10), 10, 16).steps_at_once == 1
    assert plan.plan_training((784, 30, 10), 1, 16, bare=False).path == "minibatch"
