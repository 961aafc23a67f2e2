"""Validation and stopping: what is held out, how epochs are judged, when training ends and with which parameters."""

import time

import numpy as np
import pytest

import fastnet as fn
from fastnet import stopping


@pytest.fixture
def blobs(rng):
    labels = rng.integers(0, 3, 200)
    return np.eye(3)[labels][:, :2] * 4 + rng.standard_normal((200, 2)), labels


class Scripted:
    """A net whose validation costs are given: fit sees them instead of its own."""

    def __init__(self, monkeypatch, costs):
        costs = iter(costs)
        self.seen = []

        def judge(net, samples, validation, metrics, history, targets):
            history.validation_cost.append(next(costs))
            self.seen.append(net.parameters.copy())

        monkeypatch.setattr("fastnet.training.judge", judge)


def scripted_fit(monkeypatch, blobs, costs, **options):
    script = Scripted(monkeypatch, costs)
    net = fn.Network([2, 5, 3], seed=0)
    history = net.fit(*blobs, epochs=len(costs), validation=0.2, seed=0, learning_rate=0.1, callbacks=lambda info: None, **options)
    return net, history, script.seen


def test_patience_counts_epochs_without_a_better_cost(monkeypatch, blobs):
    net, history, seen = scripted_fit(monkeypatch, blobs, [5, 4, 6, 3, 3.5, 3.2, 3, 1], patience=3)
    assert history.stopped == "patience" and len(history.cost) == 7
    assert net.parameters.tobytes() == seen[6].tobytes()         # the later of two equals, as good and further


def test_the_best_parameters_come_back_only_if_asked(monkeypatch, blobs):
    costs = [5, 3, 4, 4.5, 1]
    net, history, seen = scripted_fit(monkeypatch, blobs, costs, patience=2)
    assert len(history.cost) == 4 and net.parameters.tobytes() == seen[1].tobytes()
    net, history, seen = scripted_fit(monkeypatch, blobs, costs, patience=2, restore_best=False)
    assert len(history.cost) == 4 and net.parameters.tobytes() == seen[3].tobytes()
    net, history, seen = scripted_fit(monkeypatch, blobs, costs[:4])
    assert history.stopped is None and net.parameters.tobytes() == seen[3].tobytes()


def test_the_best_come_back_after_the_last_epoch_too(monkeypatch, blobs):
    net, history, seen = scripted_fit(monkeypatch, blobs, [5, 3, 4], patience=2)
    assert history.stopped is None and net.parameters.tobytes() == seen[1].tobytes()


def test_a_fall_below_min_delta_is_none(monkeypatch, blobs):
    costs = [5, 4.6, 4.2, 3.9, 3.8]
    assert len(scripted_fit(monkeypatch, blobs, costs, patience=2, min_delta=0.5)[1].cost) == 5
    net, history, seen = scripted_fit(monkeypatch, blobs, costs, patience=2, min_delta=1.0)
    assert len(history.cost) == 3 and net.parameters.tobytes() == seen[2].tobytes()


def test_patience_without_validation_watches_the_training_cost(blobs):
    net = fn.Network([2, 5, 3], seed=0)
    history = net.fit(*blobs, epochs=500, patience=2, min_delta=1e-3, seed=0)
    assert history.stopped == "patience" and not history.validation_cost
    assert len(history.cost) < 500


def test_target_cost_ends_training(monkeypatch, blobs):
    _, history, _ = scripted_fit(monkeypatch, blobs, [5, 2, 1, 0.5], target_cost=1)
    assert history.stopped == "target_cost" and len(history.cost) == 3


def test_target_cost_without_validation_is_of_the_training_cost(blobs):
    history = fn.Network([2, 5, 3], seed=0).fit(*blobs, epochs=500, target_cost=0.2, seed=0)
    assert history.stopped == "target_cost" and history.cost[-1] <= 0.2 < history.cost[-2]


@pytest.mark.parametrize("m", [200, 400_000])
def test_max_seconds_ends_training_in_the_midst_of_an_epoch(m, rng):
    net = fn.Network([20, 100, 3], seed=0)
    X, Y = rng.random((m, 20), np.float32), rng.integers(0, 3, m)
    net.fit(X[:10], Y[:10], epochs=1)
    start = time.perf_counter()
    history = net.fit(X, Y, epochs=10**6, max_seconds=0.2, learning_rate=0.01)
    assert history.stopped == "max_seconds" and 0.2 <= time.perf_counter() - start < 5
    assert len(history.cost) == len(history.seconds) and np.isfinite(history.cost).all()


def test_slices_of_an_epoch_leave_the_bits_alone(blobs, dtype, path):
    ends = []
    for options in ({}, {"max_seconds": 1000.0}, {"callbacks": lambda info: None, "callback_every": 3}):
        net = fn.Network([2, 9, 3], dtype=dtype, seed=0)
        history = net.fit(*blobs, epochs=3, seed=1, optimizer="adam", learning_rate=0.01, dropout=0.2, **options)
        ends.append((net.parameters.tobytes(), history.cost))
    assert ends[0] == ends[1] == ends[2]


def test_a_fraction_of_every_class_is_held_out():
    labels = np.repeat([0, 1, 2], [10, 50, 140])
    net = fn.Network([1, 3], seed=0)
    samples = stopping.check_training_data(net, np.arange(200.0)[:, None], labels)
    train, held = stopping.split_validation(net, samples, 0.3, key=5)
    assert np.bincount(held.Y).tolist() == [3, 15, 42] and np.bincount(train.Y).tolist() == [7, 35, 98]
    assert sorted([*train.X[:, 0], *held.X[:, 0]]) == list(range(200))
    other = stopping.split_validation(net, samples, 0.3, key=6)[1]
    assert other.X.tobytes() != held.X.tobytes()
    assert stopping.split_validation(net, samples, 0.3, key=5)[1].X.tobytes() == held.X.tobytes()


@pytest.mark.parametrize("sizes", [[4] * 10, [6] * 10, [15] * 10, [1000, *[4] * 30], [7, 1, 1, 30]], ids=str)
@pytest.mark.parametrize("fraction", [0.1, 0.25, 0.3, 0.5, 0.9])
def test_a_fraction_of_classes_is_the_fraction_of_all_and_of_each_to_one_sample(sizes, fraction, rng):
    Y = np.repeat(np.arange(len(sizes)), sizes)
    rows = np.concatenate(stopping.drawn(rng.permutation(len(Y)), Y, fraction))
    assert len(set(rows)) == len(rows) == round(fraction * len(Y))
    assert (np.abs(np.bincount(Y[rows], minlength=len(sizes)) - fraction * np.array(sizes)) < 1).all()


def test_which_of_many_small_classes_are_held_out_is_drawn(rng):
    Y = np.repeat(np.arange(10), 4)
    held = {tuple(sorted(Y[np.concatenate(stopping.drawn(rng.permutation(40), Y, 0.1))])) for _ in range(20)}
    assert len(held) > 10 and all(len(set(labels)) == 4 for labels in held)
    history = fn.Network([3, 5, 10], seed=0).fit(rng.random((40, 3)), Y, epochs=1, validation=0.1)
    assert len(history.validation_cost) == 1


@pytest.mark.parametrize("fraction", [0.001, 0.9999, 1.5, -0.1])
def test_a_fraction_must_leave_samples_on_both_sides(fraction, rng):
    with pytest.raises(ValueError, match="validation must be"):
        fn.Network([1, 1], seed=0).fit(rng.random((20, 1)), rng.random(20), validation=fraction)


def test_metrics_are_those_of_their_definitions(rng):
    X, Y = rng.random((60, 2)), rng.random((60, 2))
    net = fn.Network([2, 4, 2], output="identity", seed=0)

    def worst(targets, outputs):
        return np.abs(targets - outputs).max()

    history = net.fit(X, Y, epochs=3, validation=(X[:20], Y[:20]), metrics=["r2", worst], learning_rate=0.1)
    a = net(X[:20])
    residual, total = ((Y[:20] - a)**2).sum(axis=0), ((Y[:20] - Y[:20].mean(axis=0))**2).sum(axis=0)
    assert history.metrics["r2"][-1] == pytest.approx(np.mean(1 - residual / total), rel=1e-12)
    assert history.metrics["worst"] == pytest.approx(history.metrics["worst"]) and len(history.metrics["worst"]) == 3
    assert history.metrics["worst"][-1] == np.abs(Y[:20] - a).max()


@pytest.mark.parametrize("name", ["cost", "validation_cost", "learning_rate", "seconds", "epoch", "accuracy"])
def test_a_metric_takes_no_name_of_the_historys(name):
    def own(targets, outputs):
        return 7.0

    own.__name__ = name
    with pytest.raises(ValueError, match=f"metrics must have names of their own; got a function '{name}', which History has"):
        fn.Network([1, 1], seed=0).fit([[0.0], [1.0]], [0.0, 1.0], epochs=1, metrics=own)
    with pytest.raises(ValueError, match="names of their own; got 'r2' twice"):
        fn.Network([1, 1], seed=0).fit([[0.0], [1.0]], [0.0, 1.0], epochs=1, metrics=["r2", "r2"])


def test_accuracy_is_counted_on_training_samples_without_validation(blobs):
    net = fn.Network([2, 5, 3], seed=0)
    history = net.fit(*blobs, epochs=2, metrics="accuracy", seed=0)
    assert history.metrics["accuracy"][-1] == np.mean(net.classify(blobs[0]) == blobs[1]) and not history.accuracy
    single = fn.Network([2, 1], seed=0)
    y = (blobs[1] > 0).astype(float)
    history = single.fit(blobs[0], y, epochs=2, metrics="accuracy", seed=0)
    assert history.metrics["accuracy"][-1] == np.mean(single.classify(blobs[0]) == y)


def test_r2_of_constant_targets_is_1_or_0():
    Y = np.ones((4, 1))
    assert stopping.r2(Y, Y) == 1 and stopping.r2(Y, Y + 1) == 0
    assert stopping.r2(np.array([[0.0], [np.nan], [2.0]]), np.array([[0.0], [7.0], [2.0]])) == 1


@pytest.mark.parametrize("validation", [None, "own"])
def test_a_metric_can_not_write_into_the_callers_targets(validation, rng):
    X, Y = rng.random((30, 3)), rng.random((30, 1))

    def metric(given, outputs):
        outputs[:] = 0                               # its own
        given[:] = 0
        return 0.0

    before = Y.copy()
    with pytest.raises(ValueError, match="read-only"):
        fn.Network([3, 1], seed=0).fit(X, Y, epochs=2, metrics=metric, validation=validation and (X, Y))
    assert (Y == before).all() and Y.flags.writeable


def test_what_a_metric_raises_comes_through_and_the_net_is_as_after_the_epoch(blobs):
    def broken(targets, outputs):
        raise ZeroDivisionError("metric")

    nets = [fn.Network([2, 5, 3], seed=0) for _ in range(2)]
    with pytest.raises(ZeroDivisionError):
        nets[0].fit(*blobs, epochs=3, metrics=broken, seed=0)
    nets[1].fit(*blobs, epochs=1, seed=0)
    assert nets[0].parameters.tobytes() == nets[1].parameters.tobytes()


def test_divergence_says_where_and_goes_back_to_the_best_epoch(path, rng):
    net = fn.Network([3, 8, 1], activation="identity", seed=0)
    X, Y = rng.standard_normal((40, 3)), rng.standard_normal((40, 1))
    kept = []
    with pytest.warns(RuntimeWarning, match=r"diverged.*in epoch 4, batch [1-4];"):
        history = net.fit(X, Y, epochs=10, batch_size=10, seed=0, callbacks=lambda info: kept.append(info.net.parameters.copy()),
                          schedule=lambda epoch: 0.01 if epoch < 3 else 1e200)
    assert history.stopped == "diverged" and len(history.cost) == 3
    assert net.parameters.tobytes() == kept[int(np.argmin(history.cost))].tobytes()
