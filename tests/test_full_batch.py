"""L-BFGS and conjugate gradient: minima found, the best parameters kept however the search ends."""

import os
import signal
import warnings

import numpy as np
import pytest

import fastnet as fn
from fastnet.full_batch import LBFGS, ConjugateGradient, search


def cost_there(net, *data):
    """The cost as the search saw it, to the bit: net.cost adds up in another order."""
    return net.value_and_gradient(*data)[0]


def minimize(net, X, Y, method="lbfgs", max_iterations=100, callback=lambda iteration, cost: None, value_and_gradient=None):
    """(Why the search ended, costs after its iterations.)"""
    method = {"lbfgs": LBFGS(), "cg": ConjugateGradient()}[method] if isinstance(method, str) else method
    costs = []

    def after(iteration, cost):
        costs.append(cost)
        callback(iteration, cost)
    return search(net, method, max_iterations, after, lambda: (value_and_gradient or net.value_and_gradient)(X, Y)), costs


@pytest.fixture
def line(rng):
    """A linear net and noisy data of a line: least squares knows the minimum."""
    X = rng.standard_normal((40, 3))
    return X, X @ [[1.0], [-2.0], [0.5]] + 0.3 + 0.1 * rng.standard_normal((40, 1))


def least_squares(X, Y):
    solution, residue = np.linalg.lstsq(np.c_[X, np.ones(len(X))], Y, rcond=None)[:2]
    return solution.ravel(), 0.5 * residue[0] / len(X)


METHODS = ["lbfgs", "cg", fn.LBFGS(memory=3, tolerance=1e-9), fn.ConjugateGradient(tolerance=1e-9)]


@pytest.mark.parametrize("method", METHODS, ids=str)
def test_the_minimum_of_least_squares_is_found(method, line):
    net = fn.Network([3, 1], activation="identity", seed=0)
    ended, costs = minimize(net, *line, method, max_iterations=200)
    solution, cost = least_squares(*line)
    tolerance = getattr(method, "tolerance", 1e-6)
    np.testing.assert_allclose(net.parameters, solution, atol=10 * tolerance)      # curvatures here are near 1
    assert ended == "converged" and costs[-1] == pytest.approx(cost, rel=1e-9) and costs[-1] == cost_there(net, *line)
    assert np.abs(net.value_and_gradient(*line)[1]).max() <= tolerance


@pytest.mark.parametrize("method", ["lbfgs", "cg"])
def test_float32_comes_as_near_as_float32_can(method, line):
    net = fn.Network([3, 1], activation="identity", dtype="float32", seed=0)
    _, costs = minimize(net, *line, method, max_iterations=200)
    assert net.dtype == np.float32 and cost_there(net, *line) == pytest.approx(least_squares(*line)[1], rel=1e-5)
    assert costs[-1] >= cost_there(net, *line)


def test_costs_fall_from_iteration_to_iteration_and_the_callback_sees_the_net_there():
    digits, seen = fn.datasets.digits(), []
    net = fn.Network([64, 10, 10], seed=0)
    X, Y = digits.x_train[:200], digits.y_train[:200]
    start = cost_there(net, X, Y)
    ended, costs = minimize(net, X, Y, max_iterations=30, callback=lambda t, cost: seen.append((t, cost, cost_there(net, X, Y))))
    assert ended == "iterations" and len(costs) == 30
    assert [t for t, _, _ in seen] == list(range(1, 31)) and all(cost == now for _, cost, now in seen)
    assert [start, *costs] == sorted([start, *costs], reverse=True) and costs[-1] < start / 4 and cost_there(net, X, Y) == costs[-1]


def stop_at_3(kind):
    def callback(iteration, cost):
        if iteration == 3:
            raise kind
    return callback


@pytest.mark.parametrize("method", ["lbfgs", "cg"])
def test_stop_iteration_ends_the_search(method, line):
    net = fn.Network([3, 1], seed=0)
    ended, costs = minimize(net, *line, method, callback=stop_at_3(StopIteration))
    assert len(costs) == 3 and ended == "callback" and cost_there(net, *line) == min(costs)


@pytest.mark.parametrize("error", [KeyboardInterrupt, RuntimeError])
@pytest.mark.parametrize("method", ["lbfgs", "cg"])
def test_an_error_in_the_callback_comes_out_and_the_best_parameters_stay(method, error, line):
    net = fn.Network([3, 1], seed=0)
    start = cost_there(net, *line)
    with pytest.raises(error):
        minimize(net, *line, method, callback=stop_at_3(error))
    assert cost_there(net, *line) < start


def test_ctrl_c_in_an_evaluation_leaves_the_best_parameters(line):
    net = fn.Network([3, 1], activation="identity", seed=0)
    costs = []

    def evaluate(X, Y):
        cost, gradient = net.value_and_gradient(X, Y)
        costs.append(cost)
        if len(costs) == 4:
            os.kill(os.getpid(), signal.SIGINT)
        return cost, gradient

    with pytest.raises(KeyboardInterrupt):
        minimize(net, *line, value_and_gradient=evaluate)
    assert len(costs) in (4, 5) and cost_there(net, *line) == min(costs[:-1])       # the last was not finished


@pytest.mark.parametrize("bad_at", [1, 3])
@pytest.mark.parametrize("where", ["cost", "gradient"])
@pytest.mark.parametrize("method", ["lbfgs", "cg"])
def test_a_cost_that_is_not_finite_ends_the_search_with_the_best_parameters(method, where, bad_at, line):
    net = fn.Network([3, 1], activation="identity", seed=0)
    before, costs = net.parameters.copy(), []

    def evaluate(X, Y):
        cost, gradient = net.value_and_gradient(X, Y)
        costs.append(cost)
        if len(costs) == bad_at:
            cost, gradient = (np.inf, gradient) if where == "cost" else (cost, gradient * np.nan)
        return cost, gradient

    ended, _ = minimize(net, *line, method, value_and_gradient=evaluate)
    assert ended == "diverged" and len(costs) == bad_at
    assert np.array_equal(net.parameters, before) if bad_at == 1 else cost_there(net, *line) == min(costs[:2])


def test_searches_that_fail_say_so_without_a_warning():
    """At the minimum to rounding no line search finds less."""
    net = fn.Network([1, 1], activation="identity", init=[1.0, 0.0])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        ended, _ = minimize(net, [[1.0], [2.0]], [[1.1], [1.9]], fn.LBFGS(tolerance=1e-300), max_iterations=500)
    assert ended in ("line search", "converged") and cost_there(net, [[1.0], [2.0]], [[1.1], [1.9]]) < 1e-20


def test_the_gradient_given_may_carry_penalties(line):
    X, Y = line
    net = fn.Network([3, 1], activation="identity", seed=0)

    def ridge(X, Y):
        cost, gradient = net.value_and_gradient(X, Y)
        w = net.weights[0]
        gradient[:3] += 0.5 * w.ravel()
        return cost + 0.25 * float((w**2).sum()), gradient

    minimize(net, X, Y, fn.LBFGS(tolerance=1e-9), value_and_gradient=ridge)
    A = np.c_[X, np.ones(len(X))]
    expected = np.linalg.solve(A.T @ A / len(X) + np.diag([0.5, 0.5, 0.5, 0]), A.T @ Y / len(X)).ravel()
    np.testing.assert_allclose(net.parameters, expected, atol=1e-8)


@pytest.mark.parametrize("method", ["lbfgs", "cg"])
def test_fit_warns_where_it_was_called_if_a_search_diverges_and_fit_many_once_for_all_nets(method, line):
    X, Y = line
    nets = [fn.Network([3, 1], activation="identity", cost="poisson", seed=seed) for seed in range(3)]
    with pytest.warns(RuntimeWarning) as caught:
        nets[0].copy().fit(1e3 * X, abs(Y), optimizer=method, epochs=5)
    assert len(caught) == 1 and caught[0].filename == __file__
    assert str(caught[0].message).startswith("training diverged: the cost or its gradient was no longer finite in iteration 1;")
    with pytest.warns(RuntimeWarning) as caught:
        fits = fn.fit_many(nets, 1e3 * X, abs(Y), optimizer=method, epochs=5)
    assert [fit.history.stopped for fit in fits] == ["diverged"] * 3 and len(caught) == 1
    assert str(caught[0].message).startswith("3 of 3 nets diverged")
