"""Ctrl-C in one long call: it ends soon, not when its work is done, and no thread outlives it.  Training is in
test_training.py and test_threads.py."""

import contextlib
import signal
import threading

import numpy as np
import pytest

import fastnet as fn
from fastnet import _checks
from fastnet._threads import share_rows

pytestmark = pytest.mark.skipif(not hasattr(signal, "setitimer"), reason="needs signals from a timer")

SIZES = (6, 20, 3)
ROWS = 1_000_000          # some twenty looks, at least


@pytest.fixture(autouse=True)
def two_threads_at_least(monkeypatch):
    monkeypatch.setattr(_checks, "check_threads", lambda threads: threads)


@contextlib.contextmanager
def interrupted_within_one_call():
    """A signal every 2 ms raises KeyboardInterrupt where the third in a row finds Python at one place: within a compiled call.

    A call that doesn't look takes all signals for one, which its caller sees when it is done.
    """
    seen = []

    def handler(number, frame):
        seen.append((id(frame), frame.f_lasti))
        if len(seen) >= 3 and len(set(seen[-3:])) == 1:
            raise KeyboardInterrupt

    before = signal.signal(signal.SIGALRM, handler)
    signal.setitimer(signal.ITIMER_REAL, 0.002, 0.002)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


@pytest.fixture(scope="module")
def net():
    return fn.Network(SIZES, activation="tanh", dtype="float32", seed=0)


@pytest.fixture(scope="module")
def data():
    rng = np.random.default_rng(0)
    return [rng.random((ROWS, n), dtype=np.float32) for n in (SIZES[0], SIZES[-1])]


CALLS = {
    "call": lambda net, X, Y: net(X),
    "predict": lambda net, X, Y: net.predict(X, threads=1),
    "classify": lambda net, X, Y: net.classify(X),
    "forward": lambda net, X, Y: net.forward(X),
    "cost": lambda net, X, Y: net.cost(X, Y),
    "backprop": lambda net, X, Y: net.backprop(X, Y),
    "value_and_gradient": lambda net, X, Y: net.value_and_gradient(X, Y),
    "jacobian": lambda net, X, Y: net.jacobian(X),
    "jvp": lambda net, X, Y: net.jvp(X, X),
    "vjp": lambda net, X, Y: net.vjp(X, Y),
    "input_gradient": lambda net, X, Y: net.input_gradient(X, Y),
    "laplacian": lambda net, X, Y: net.laplacian(X),
    "hessian_vector": lambda net, X, Y: net.hessian_vector(X, Y, net.parameters),
    "per_sample_gradients": lambda net, X, Y: net.per_sample_gradients(X[:200_000], Y[:200_000]),
    "parameter_jacobian": lambda net, X, Y: net.parameter_jacobian(X[:70_000]),
}
FROZEN = {
    "call": lambda f, X, Y: f(X),
    "jacobian": lambda f, X, Y: f.jacobian(X),
    "value_and_jacobian": lambda f, X, Y: f.value_and_jacobian(X),
    "jvp": lambda f, X, Y: f.jvp(X, X),
    "vjp": lambda f, X, Y: f.vjp(X, Y),
}


@pytest.mark.parametrize("call", CALLS.values(), ids=CALLS)
def test_a_long_call_of_a_net_sees_ctrl_c(net, data, call, path):
    call(net, *(array[:20] for array in data))       # what is imported at first need, is
    with pytest.raises(KeyboardInterrupt), interrupted_within_one_call():
        call(net, *data)


@pytest.mark.parametrize("call", FROZEN.values(), ids=FROZEN)
def test_a_long_call_of_a_frozen_net_sees_ctrl_c(net, data, call):
    with pytest.raises(KeyboardInterrupt), interrupted_within_one_call():
        call(net.freeze(), *data)


def test_narrow_nets_see_it_too():
    net, X = fn.Network([4, 8, 3], dtype="float32", seed=0), np.zeros((5_000_000, 4), np.float32)
    for callable_ in (net, net.freeze()):
        with pytest.raises(KeyboardInterrupt), interrupted_within_one_call():
            callable_(X)


@pytest.mark.parametrize("frozen", [False, True])
def test_an_interrupted_prediction_by_threads_ends_them_all_before_they_are_done(frozen):
    net, X = fn.Network([20, 100, 100, 3], dtype="float32", seed=0), np.zeros((500_000, 20), np.float32)
    out = np.full((500_000, 3), np.nan, np.float32)
    with pytest.raises(KeyboardInterrupt), interrupted_within_one_call():
        (net.freeze() if frozen else net).predict(X, out, threads=2)
    assert threading.active_count() == 1
    assert np.isnan(out[249_999]).all() and np.isnan(out[-1]).all() and not np.isnan(out[0]).any()


def test_threads_that_are_waited_for_end_before_ctrl_c_is_raised():
    ended_early = []

    def work(start, stop, ended):
        if start:
            while not ended:
                pass
            ended_early.append(start)

    def interrupt(number, frame):
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGALRM, interrupt)
    signal.setitimer(signal.ITIMER_REAL, 0.1)
    try:
        with pytest.raises(KeyboardInterrupt):
            share_rows(3, 3, work)
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
    assert sorted(ended_early) == [1, 2] and threading.active_count() == 1


# -- what pieces between two looks change: nothing ------------------------------

@pytest.mark.parametrize("sizes", [(4, 8, 3), SIZES, (40, 300, 300, 10)], ids=str)
def test_a_long_call_gives_the_bits_of_its_parts(sizes, dtype, level, rng):
    net = fn.Network(sizes, activation="tanh", dtype=dtype, seed=0)
    m = int(1.2e9 / (2 * net.n_parameters + 2000))
    X, U = rng.random((m, sizes[0])).astype(dtype), rng.random((m, sizes[-1])).astype(dtype)
    m -= m % 96                                      # tiles of a part are those of the whole
    some = slice(m // 192 * 96 - 96, m // 192 * 96 + 96), slice(m - 192, m)
    for callable_ in (net, net.freeze()):
        found, by_two = callable_.predict(X), callable_.predict(X, threads=2)
        assert by_two.tobytes() == found.tobytes()
        for rows in some:
            assert callable_.predict(X[rows]).tobytes() == found[rows].tobytes()
        products = callable_.jvp(X, X), callable_.vjp(X, U)
        for rows in some:
            assert callable_.jvp(X[rows], X[rows]).tobytes() == products[0][rows].tobytes()
            assert callable_.vjp(X[rows], U[rows]).tobytes() == products[1][rows].tobytes()


def test_derivatives_of_a_long_call_are_those_of_its_parts(path, rng):
    net = fn.Network([3, 4, 2], activation="tanh", seed=0)
    m = 200_000
    X, Y, v = rng.random((m, 3)), rng.random((m, 2)), rng.random(net.n_parameters)
    parts = [slice(start, start + 10_000) for start in range(0, m, 10_000)]
    a_sample = {
        "jacobian": lambda rows: net.jacobian(X[rows]), "laplacian": lambda rows: net.laplacian(X[rows]),
        "jvp": lambda rows: net.jvp(X[rows], X[rows]), "vjp": lambda rows: net.vjp(X[rows], Y[rows]),
        "input_gradient": lambda rows: net.input_gradient(X[rows], Y[rows]),
        "per_sample_gradients": lambda rows: net.per_sample_gradients(X[rows], Y[rows]),
        "parameter_jacobian": lambda rows: net.parameter_jacobian(X[rows]),
        "forward": lambda rows: np.hstack(net.forward(X[rows]).a + net.forward(X[rows]).z),
        "delta": lambda rows: np.hstack(net.backprop(X[rows], Y[rows]).delta),
    }
    eps = np.finfo(float).eps
    for name, call in a_sample.items():              # blocks are others: BLAS may sum a product of few terms in another order
        np.testing.assert_allclose(call(slice(None)), np.concatenate([call(rows) for rows in parts]), rtol=20 * eps, atol=20 * eps,
                                   err_msg=name)
    means = {
        "hessian_vector": lambda rows: net.hessian_vector(X[rows], Y[rows], v),
        "gradient": lambda rows: np.concatenate([g.ravel() for pair in net.backprop(X[rows], Y[rows])[2:] for g in pair]),
        "cost": lambda rows: net.backprop(X[rows], Y[rows]).cost,
    }
    for name, call in means.items():                 # sums of 200,000 terms, below m eps of their size
        np.testing.assert_allclose(call(slice(None)), np.mean([call(rows) for rows in parts], axis=0), rtol=0, atol=m * eps, err_msg=name)
