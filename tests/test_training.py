"""fit: what it learns, what it leaves, how it stops."""

import os
import signal
import subprocess
import sys
import threading
import time

import numpy as np
import pytest
import scipy.sparse

import fastnet as fn
from fastnet import training


@pytest.fixture(scope="module")
def digits():
    return fn.datasets.digits()


@pytest.fixture
def blobs(rng):
    """Three well separated classes in the plane."""
    labels = rng.integers(0, 3, 300)
    return np.eye(3)[labels][:, :2] * 4 + rng.standard_normal((300, 2)) / 2, labels


@pytest.mark.parametrize("seed", range(5))
def test_digits_are_learned_from_any_seed(digits, seed):
    net = fn.Network([64, 30, 10], seed=seed)
    net.fit(digits.x_train, digits.y_train, epochs=30, batch_size=10, learning_rate=3.0, seed=seed)
    assert np.mean(net.classify(digits.x_test) == digits.y_test) >= 0.95


def test_a_seed_decides_every_bit(blobs, dtype, path):
    def run(seed, **options):
        net = fn.Network([2, 9, 3], dtype=dtype, seed=0)
        history = net.fit(*blobs, epochs=3, batch_size=7, learning_rate=1.0, seed=seed, **options)
        return net.parameters.tobytes(), history.cost

    assert run(1) == run(1) and run(1)[0] != run(2)[0]
    assert run(1, shuffle=False) == run(2, shuffle=False)


def test_batches_larger_than_the_data_are_the_data(blobs, dtype):
    nets = [fn.Network([2, 5, 3], dtype=dtype, seed=0) for _ in range(2)]
    for net, size in zip(nets, (300, 10**12)):
        net.fit(*blobs, epochs=2, batch_size=size, shuffle=False)
    assert nets[0].parameters.tobytes() == nets[1].parameters.tobytes()


def test_every_row_is_visited_once_an_epoch():
    """One weight, identity, tiny rate: its change sums the inputs."""
    net = fn.Network([1, 1], activation="identity", init=[0.0, 0.0])
    X = 2.0 ** np.arange(20)[:, None]
    net.fit(X, np.ones(20), epochs=1, batch_size=3, learning_rate=2.0**-90, seed=5)
    steps = [3] * 6 + [2]
    assert sum(steps) == 20 and 0 < net.parameters[1] * 2.0**90 == pytest.approx(len(steps), rel=1e-12, abs=0)


def test_history_tells_cost_validation_accuracy_and_time(blobs):
    X, labels = blobs
    net = fn.Network([2, 9, 3], seed=0)
    history = net.fit(X, labels, epochs=5, batch_size=10, learning_rate=1.0, validation=(X[:50], labels[:50]), seed=0)
    assert [len(values) for values in (history.cost, history.validation_cost, history.accuracy, history.seconds)] == [5] * 4
    assert history.cost[-1] < history.cost[0] and history.stopped is None
    assert history.validation_cost[-1] == net.cost(X[:50], labels[:50])
    assert history.accuracy[-1] == np.mean(net.classify(X[:50]) == labels[:50])
    assert history.to_dict()["cost"] == history.cost


def test_a_fraction_is_held_out_by_the_seed(blobs):
    runs = [fn.Network([2, 4, 3], seed=0).fit(*blobs, epochs=2, validation=0.2, seed=seed) for seed in (3, 3, 4)]
    assert runs[0].validation_cost == runs[1].validation_cost != runs[2].validation_cost


def test_callbacks_see_every_epoch_and_their_exceptions_come_through(blobs):
    seen = []
    net = fn.Network([2, 4, 3], seed=0)
    net.fit(*blobs, epochs=3, callbacks=[lambda info: seen.append((info.epoch, info.epochs, info.cost, info.net is net))])
    assert [entry[:2] for entry in seen] == [(1, 3), (2, 3), (3, 3)] and all(entry[3] for entry in seen)

    def stop(info):
        raise RuntimeError("enough")

    with pytest.raises(RuntimeError, match="enough"):
        net.fit(*blobs, epochs=3, callbacks=stop)
    assert np.isfinite(net.parameters).all()


def test_progress_is_a_line_on_stderr(blobs, capsys):
    fn.Network([2, 4, 3], seed=0).fit(*blobs, epochs=2, validation=0.1, progress=True)
    out, err = capsys.readouterr()
    assert not out and "2/2" in err and "accuracy" in err and err.endswith("\n")


def test_partial_fit_is_one_epoch_in_order(blobs):
    nets = [fn.Network([2, 4, 3], seed=0) for _ in range(2)]
    assert nets[0].partial_fit(*blobs, batch_size=4, learning_rate=0.5) is nets[0]
    nets[1].fit(*blobs, epochs=1, batch_size=4, learning_rate=0.5, shuffle=False)
    assert nets[0].parameters.tobytes() == nets[1].parameters.tobytes()


@pytest.mark.parametrize("batch_size", [1, 10, 10**6])
def test_divergence_warns_and_keeps_the_best_finite_parameters(batch_size, dtype, path, rng):
    net = fn.Network([3, 8, 1], activation="identity", dtype=dtype, seed=0)
    X, Y = rng.standard_normal((40, 3)), rng.standard_normal((40, 1))
    with pytest.warns(RuntimeWarning, match="training diverged.*epoch .*learning_rate"):
        history = net.fit(X, Y, epochs=5000, batch_size=batch_size, learning_rate=20.0, seed=0)
    assert history.stopped == "diverged" and len(history.cost) < 5000
    assert np.isfinite(net.parameters).all() and np.isfinite(history.cost).all()


def test_two_nets_in_two_threads_get_the_bits_of_one_after_the_other(blobs, dtype, path):
    def train(seed):
        net = fn.Network([2, 40, 3], dtype=dtype, seed=seed)
        net.fit(*blobs, epochs=20, batch_size=5, learning_rate=0.5, seed=seed)
        return net.parameters.tobytes()

    alone = [train(seed) for seed in range(4)]
    together = [None] * 4
    threads = [threading.Thread(target=lambda i=i: together.__setitem__(i, train(i))) for i in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert together == alone


def test_an_epoch_releases_the_gil():
    net = fn.Network([50, 300, 300, 5], seed=0)
    X, Y = np.zeros((2000, 50)), np.zeros((2000, 5))
    ticks, done = [], threading.Event()

    def count():
        while not done.is_set():
            ticks.append(time.perf_counter())
            time.sleep(0.001)

    thread = threading.Thread(target=count)
    thread.start()
    start = time.perf_counter()
    net.fit(X, Y, epochs=1, batch_size=10)
    stop = time.perf_counter()
    done.set()
    thread.join()
    assert sum(start < tick < stop for tick in ticks) >= (stop - start) / 0.05


@pytest.fixture
def looks():
    """How often signals are looked for, where one comes every few milliseconds."""
    if not hasattr(signal, "setitimer"):
        pytest.skip("no timer here")
    seen = []
    before = signal.signal(signal.SIGALRM, lambda *_: seen.append(1))
    signal.setitimer(signal.ITIMER_REAL, 0.005, 0.005)
    yield seen
    signal.setitimer(signal.ITIMER_REAL, 0)
    signal.signal(signal.SIGALRM, before)


def test_a_pass_over_a_tiny_net_looks_for_ctrl_c(looks):
    X = np.zeros((3_000_000, 1), np.float32)
    run, _ = training.start_run(fn.Network([1, 1], dtype="float32", seed=0), X, 1, 1)
    looks.clear()
    run.epoch(X, X, None, 0.1)
    assert len(looks) >= 4                 # some 100 ms, ten of them between two looks


@pytest.mark.parametrize("call", [lambda net, *data: net._cost_of(*data), lambda net, *data: net.value_and_gradient(*data)])
def test_costs_of_large_sets_look_for_ctrl_c(call, path, dtype, looks, rng):
    net = fn.Network([50, 300, 1], dtype=dtype, seed=0)
    X, Y = (np.tile(rng.random((1000, width)).astype(dtype), (150, 1)) for width in (50, 1))
    looks.clear()
    call(net, X, Y)
    assert len(looks) >= 4                 # 5e9 operations: ten looks


def test_costs_in_pieces_are_those_of_the_parts(path, dtype, rng):
    """Weights, labels and inputs without zeros all start where the piece does."""
    net = fn.Network([20, 700, 3], output="softmax", cost="categorical_cross_entropy", dtype=dtype, seed=0)
    X = np.where(rng.random((40_000, 20)) < 0.8, 0, rng.random((40_000, 20))).astype(dtype)
    labels, weight = rng.integers(0, 3, 40_000), rng.random(40_000)
    expected = np.mean([net.cost(X[i:i + 5000], labels[i:i + 5000], sample_weight=weight[i:i + 5000]) * weight[i:i + 5000].sum()
                        for i in range(0, 40_000, 5000)]) * 8 / weight.sum()
    for given in (X, scipy.sparse.csr_matrix(X)):
        for targets in (labels, np.eye(3)[labels]):
            found = net.cost(given, targets, sample_weight=weight)
            assert abs(found - expected) < 200 * np.finfo(dtype).eps * expected
            assert abs(net.value_and_gradient(X, targets, sample_weight=weight)[0] - expected) < 200 * np.finfo(dtype).eps * expected


INTERRUPTED = """
import os, signal, sys, threading, time
import numpy as np, fastnet as fn
net = fn.Network([20, 50, 2], seed=0)
X, Y = np.random.default_rng(0).random((200_000, 20)), np.zeros((200_000, 2))
net.fit(X[:100], Y[:100], epochs=1, batch_size=%(batch)d)
start = net.parameters.copy()
threading.Timer(0.3, lambda: os.kill(os.getpid(), signal.SIGINT)).start()
began = time.perf_counter()
try:
    net.fit(X, Y, epochs=10**6, batch_size=%(batch)d, learning_rate=0.01)
except KeyboardInterrupt:
    assert np.isfinite(net.parameters).all() and (net.parameters != start).any()
    assert net(X[0]).shape == (2,)
    print("stopped", time.perf_counter() - began)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="os.kill means something else there")
@pytest.mark.parametrize("batch", [1, 10])
def test_ctrl_c_stops_soon_and_keeps_the_net(batch, path):
    result = subprocess.run([sys.executable, "-c", INTERRUPTED % {"batch": batch}], capture_output=True, text=True,
                            timeout=60, env={**os.environ, "FASTNET_PATH": path})
    assert result.stdout.startswith("stopped"), result.stderr
    assert float(result.stdout.split()[1]) < 2.3
    assert signal.SIGINT == 2
