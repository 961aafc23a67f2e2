"""Threads: the same bits for the same number of them, whoever does the work."""

import os
import signal
import subprocess
import sys
import threading

import numpy as np
import pytest

import fastnet as fn
from fastnet import _checks, training
from fastnet._core import plan, trainer
from fastnet._threads import share_rows
from helpers import error_in_eps, random_net, share_all
from test_paths import tolerance


@pytest.fixture(autouse=True, params=[True, False], ids=["by outputs", "by inputs"])
def share_everything(monkeypatch, request):
    """Steps of any size are shared, by more threads than there may be processors."""
    share_all(monkeypatch, request.param)
    monkeypatch.setattr(plan, "THREAD_FLOPS", 1)
    monkeypatch.delenv("FASTNET_PATH", raising=False)


@pytest.fixture
def many_processors(monkeypatch):
    monkeypatch.setattr(_checks, "check_threads", lambda threads: threads)


def trained(net, X, Y, batch_size, threads, together, epochs=2):
    """The parameters after some epochs, by threads side by side or by one that takes their shares in turn."""
    net = net.copy()
    run, X = training.start_run(net, X, min(batch_size, len(X)), threads)
    run.together = together
    try:
        costs = [run.epoch(X, Y, None, 0.05) for _ in range(epochs)]
    finally:
        run.close()
    assert run.plan.shares == threads
    return net.parameters, costs


@pytest.mark.parametrize("sizes", [(40, 1), (3, 33, 2), (50, 70, 9, 3), (2, 16, 16, 1), (100, 129, 64, 40, 5)], ids=str)
@pytest.mark.parametrize("batch_size", [2, 7, 40])
@pytest.mark.parametrize("threads", [2, 3, 5])
def test_shares_agree_with_one_thread_and_their_bits_do_not_depend_on_who_takes_them(sizes, batch_size, threads, dtype, rng):
    net = random_net(rng, sizes, dtype)
    X, Y = rng.standard_normal((41, sizes[0])).astype(dtype), rng.random((41, sizes[-1])).astype(dtype)
    expected, costs = trained(net, X, Y, batch_size, 1, False)
    alone, alone_costs = trained(net, X, Y, batch_size, threads, False)
    assert error_in_eps(alone, expected, dtype) <= tolerance(2 * 41 / batch_size)
    np.testing.assert_allclose([c[0] for c in alone_costs], [c[0] for c in costs], rtol=100 * np.finfo(dtype).eps)
    if threads <= 3:                                 # more would only wait for each other here
        for _ in range(2):
            together, together_costs = trained(net, X, Y, batch_size, threads, True)
            assert together.tobytes() == alone.tobytes() and together_costs == alone_costs


@pytest.mark.parametrize("sizes", [(3, 33, 2), (50, 70, 9, 3), (2, 16, 16, 1)], ids=str)
def test_shares_read_nothing_that_no_share_wrote(sizes, monkeypatch, dtype, level, rng):
    net = random_net(rng, sizes, dtype)
    X, Y = rng.standard_normal((41, sizes[0])).astype(dtype), rng.random((41, sizes[-1])).astype(dtype)
    clean, _ = trained(net, X, Y, 7, 3, False)
    monkeypatch.setattr(trainer, "POISON", True)
    poisoned, _ = trained(net, X, Y, 7, 3, False)
    assert np.isfinite(clean).all() and poisoned.tobytes() == clean.tobytes()


@pytest.mark.parametrize("threads", [2, 3, 4])
def test_shares_are_exact_on_small_integers(threads, dtype, level, rng):
    for sizes in [(5, 3), (9, 40, 2), (7, 70, 33, 2), (33, 64, 1)]:
        n_parameters = sum(n * p + n for p, n in zip(sizes, sizes[1:]))
        net = fn.Network(sizes, activation="identity", dtype=dtype,
                         init=rng.integers(-1, 2, n_parameters) * (rng.random(n_parameters) < 0.4))
        X = rng.integers(-1, 2, (32, sizes[0])).astype(dtype)
        Y = rng.integers(-2, 3, (32, sizes[-1])).astype(dtype)
        ends = []
        for shares in (1, threads):
            copy = net.copy()
            run, _ = training.start_run(copy, X, 32, shares)
            run.together = False
            run.epoch(X, Y, None, 0.5)
            run.close()
            ends.append(copy.parameters)
        np.testing.assert_array_equal(*ends)


def test_a_batch_of_several_blocks_is_shared_too(dtype, rng):
    net = random_net(rng, (9, 40, 3), dtype)
    m = 2 * plan.BLOCK_ROWS + 7
    X, Y = rng.standard_normal((m, 9)).astype(dtype), rng.random((m, 3)).astype(dtype)
    expected, _ = trained(net, X, Y, m, 1, False)
    alone, _ = trained(net, X, Y, m, 2, False)
    assert error_in_eps(alone, expected, dtype) <= tolerance(2)
    assert trained(net, X, Y, m, 2, True)[0].tobytes() == alone.tobytes()


def test_bp2_with_samples_in_lanes_is_shared_too(dtype, monkeypatch, rng):
    way = "samples in lanes"
    monkeypatch.setattr(plan, "plan_layer", lambda l, *_: plan.LayerPlan("outputs", "tiles", way if l else None, "tiles"))
    net = random_net(rng, (9, 70, 100, 3), dtype)
    X, Y = rng.standard_normal((150, 9)).astype(dtype), rng.random((150, 3)).astype(dtype)
    expected, _ = trained(net, X, Y, 50, 1, False)
    alone, _ = trained(net, X, Y, 50, 2, False)
    assert error_in_eps(alone, expected, dtype) <= tolerance(6)
    assert trained(net, X, Y, 50, 2, True)[0].tobytes() == alone.tobytes()


def test_fit_with_threads_is_decided_by_the_seed(many_processors, dtype, rng):
    X, Y = rng.standard_normal((300, 20)), rng.integers(0, 3, 300)

    def run():
        net = fn.Network((20, 40, 3), dtype=dtype, seed=0)
        history = net.fit(X, Y, epochs=20, batch_size=30, learning_rate=0.5, seed=1, threads=2, validation=0.2)
        return net.parameters.tobytes(), history.cost, history.validation_cost

    first = run()
    assert all(run() == first for _ in range(3))


@pytest.mark.parametrize("batch_size", [4, 12])
def test_divergence_is_found_by_all_threads_at_once(batch_size, many_processors, dtype, rng):
    net = fn.Network((3, 40, 1), activation="identity", dtype=dtype, seed=0)
    with pytest.warns(RuntimeWarning, match="training diverged"):
        history = net.fit(rng.standard_normal((40, 3)), rng.standard_normal((40, 1)), epochs=5000, batch_size=batch_size,
                          learning_rate=50.0, seed=0, threads=2)
    assert history.stopped == "diverged" and np.isfinite(net.parameters).all()


def test_threads_end_with_the_fit_even_when_a_callback_raises(many_processors, rng):
    before = threading.active_count()
    net = fn.Network((3, 40, 1), seed=0)
    X, Y = rng.random((50, 3)), rng.random((50, 1))
    net.fit(X, Y, epochs=2, threads=2)
    assert threading.active_count() == before

    def stop(info):
        raise RuntimeError("enough")

    with pytest.raises(RuntimeError, match="enough"):
        net.fit(X, Y, epochs=2, threads=2, callbacks=stop)
    assert threading.active_count() == before


def start_two(rng):
    return training.start_run(random_net(rng, (3, 40, 1), "float64"), rng.random((50, 3)), 50, 3)[0]


def test_a_thread_that_cannot_start_leaves_none_behind(rng, monkeypatch):
    before, start, started = threading.active_count(), threading.Thread.start, []

    def fail(thread):
        if started:
            raise RuntimeError("can't start new thread")
        started.append(thread)
        start(thread)

    monkeypatch.setattr(threading.Thread, "start", fail)
    with pytest.raises(RuntimeError, match="can't start new thread"):
        start_two(rng)
    assert len(started) == 1 and threading.active_count() == before


def test_threads_end_when_what_follows_their_start_raises(many_processors, rng, monkeypatch):
    def raises(*_):
        raise KeyboardInterrupt

    before = threading.active_count()
    monkeypatch.setattr(training.Training, "pools_of", raises)
    with pytest.raises(KeyboardInterrupt):
        fn.Network((3, 40, 1), seed=0).fit(rng.random((50, 3)), rng.random((50, 1)), threads=2)
    assert threading.active_count() == before


def test_a_run_whose_end_was_interrupted_can_be_closed_again(rng, monkeypatch):
    def interrupt(thread):
        raise KeyboardInterrupt

    run, started = start_two(rng), [thread for thread in threading.enumerate() if "_work" in thread.name]
    monkeypatch.setattr(threading.Thread, "join", interrupt)
    with pytest.raises(KeyboardInterrupt):
        run.close()
    run.close()
    monkeypatch.undo()
    for thread in started:
        thread.join(10)
    assert len(started) == 2 and not any(thread.is_alive() for thread in started)


COLLECTED = """
import gc, numpy as np, fastnet as fn
from fastnet import training
run, _ = training.start_run(fn.Network([784, 100, 10], seed=0), np.ones((512, 784)), 512, 2)
assert run.plan.shares == 2
run.on_window = run.close          # whatever comes back to it
run.close()
del run
print("collected", gc.collect() > 0)
"""


def test_a_run_with_threads_may_be_part_of_a_cycle():
    result = subprocess.run([sys.executable, "-c", COLLECTED], capture_output=True, text=True, timeout=60)
    assert result.stdout == "collected True\n", result.stderr


def test_online_steps_are_not_shared(many_processors):
    assert plan.plan_training((784, 30, 10), 1, 8, threads=8).shares == 1


def test_small_steps_are_not_shared(monkeypatch):
    monkeypatch.undo()
    assert plan.plan_training((4, 8, 3), 10, 8, threads=2).shares == 1
    assert plan.plan_training((784, 100, 10), 128, 8, threads=2).shares == 2
    assert plan.plan_inference((4, 8, 3), 10, threads=2).threads == 1
    assert plan.plan_inference((784, 512, 10), 1000, threads=2).threads == 2


@pytest.mark.parametrize("count, shares, multiple", [(1, 1, 1), (784, 2, 1), (5, 7, 1), (112, 2, 32), (16, 3, 16), (48, 2, 32)])
def test_parts_cover_everything_in_order(count, shares, multiple):
    bounds = plan.split(count, shares, multiple)
    assert len(bounds) == shares + 1 and bounds[0] == 0 and bounds[-1] == count and list(bounds) == sorted(bounds)
    assert all(bound % multiple == 0 for bound in bounds[:-1] if bound < count) and bounds[1] > 0


def test_more_threads_than_processors_are_refused():
    processors = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    net = fn.Network((3, 2), seed=0)
    X, Y = np.zeros((4, 3)), np.zeros((4, 2))
    for call in (lambda k: net.fit(X, Y, threads=k), lambda k: net.predict(X, threads=k), lambda k: net.explain(threads=k),
                 lambda k: net.freeze().predict(X, threads=k)):
        with pytest.raises(ValueError, match=f"threads must be at most {processors}, the processors .*; got {processors + 1}"):
            call(processors + 1)
        with pytest.raises(ValueError, match="threads must be at least 1; got 0"):
            call(0)
        with pytest.raises(TypeError, match="threads must be an integer; got 2.0"):
            call(2.0)


@pytest.mark.parametrize("m", [1, 8, 97, 1000])
def test_shared_predictions_are_the_same_bits(m, many_processors, dtype, rng):
    net = random_net(rng, (20, 33, 3), dtype)
    X = rng.standard_normal((m, 20)).astype(dtype)
    for callable_ in (net, net.freeze()):
        expected = callable_.predict(X)
        for threads in (2, 3):
            out = np.empty((m, 3), dtype)
            assert callable_.predict(X, out, threads=threads) is out
            assert out.tobytes() == expected.tobytes()


def test_what_a_thread_raises_is_raised():
    def work(start, stop, ended):
        if start:
            raise ZeroDivisionError(start)

    with pytest.raises(ZeroDivisionError):
        share_rows(10, 3, work)


INTERRUPTED = """
import os, signal, threading, time
import numpy as np, fastnet as fn
net = fn.Network([50, 300, 2], seed=0)
X, Y = np.random.default_rng(0).random((100_000, 50)), np.zeros((100_000, 2))
threading.Timer(0.5, lambda: os.kill(os.getpid(), signal.SIGINT)).start()
try:
    net.fit(X, Y, epochs=10**6, batch_size=50, learning_rate=0.01, threads=2)
except KeyboardInterrupt:
    assert np.isfinite(net.parameters).all() and threading.active_count() == 1
    print("stopped")
"""


@pytest.mark.skipif(not hasattr(os, "sched_getaffinity") or len(os.sched_getaffinity(0)) < 2, reason="needs two processors")
def test_ctrl_c_stops_every_thread():
    assert signal.SIGINT == 2
    result = subprocess.run([sys.executable, "-c", INTERRUPTED], capture_output=True, text=True, timeout=60)
    assert result.stdout.startswith("stopped"), result.stderr


def test_steps_that_gain_little_are_not_divided(monkeypatch):
    monkeypatch.undo()
    shares = lambda sizes, m, **options: plan.plan_training(sizes, m, 16, threads=2, **options).shares
    assert shares((784, 30, 10), 10) == shares((784, 30, 10), 32) == shares((64, 128, 128, 10), 32) == 2
    assert shares((10, 64, 64, 1), 32) == shares((10, 64, 64, 1), 128) == 1
    assert shares((784, 100, 10), 128, density=0.19) == 1 and shares((20000, 100, 10), 128, density=0.19) == 2


def test_the_first_layer_is_divided_by_outputs_where_that_saves(monkeypatch):
    monkeypatch.undo()
    by_outputs = lambda sizes, m, **options: plan.plan_training(sizes, m, 16, threads=2, **options).by_outputs
    assert by_outputs((784, 30, 10), 32) and by_outputs((64, 128, 128, 10), 32)
    assert not by_outputs((784, 512, 16), 128, dense=True)           # inputs that are changed are changed once
    assert not by_outputs((784, 16, 10), 128) and plan.plan_training((784, 16, 10), 128, 16, threads=2).shares == 2
    assert not by_outputs((4000, 64), 128) and plan.plan_training((4000, 64), 128, 16, threads=2).shares == 2
