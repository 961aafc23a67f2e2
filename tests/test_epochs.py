"""Several epochs in one compiled call leave what one call an epoch leaves, to the bit."""

import sys
import warnings

import numpy as np
import pytest

import fastnet as fn
from fastnet import schedules
from fastnet.training import Training

OPTIONS = {
    "sgd": {}, "online": {"batch_size": 1}, "rows in order": {"shuffle": False}, "whole set": {"batch_size": 1000},
    "adam": {"optimizer": "adam", "learning_rate": 0.01}, "momentum": {"optimizer": "momentum"}, "rprop": {"optimizer": "rprop"},
    "amsgrad, l1, clipped": {"optimizer": "amsgrad", "l1": 1e-3, "clip_norm": 0.5},
    "dropout and noise": {"dropout": 0.2, "input_noise": 0.1, "input_dropout": 0.1},
    "held": {"frozen": [0]}, "masks": {"masks": {0: np.tri(6, 5)}}, "max_norm": {"max_norm": 0.7},
    "weights": {"sample_weight": np.linspace(0, 2, 40)},
    "step": {"schedule": schedules.Step(3, 0.5)}, "cosine": {"schedule": schedules.Cosine(20)},
    "warm up": {"schedule": schedules.WarmUp(4, schedules.Exponential(0.9))},
    "plateau": {"schedule": schedules.ReduceOnPlateau(0.5, patience=1)}, "callable": {"schedule": lambda epoch: 1.0 / (1 + epoch)},
    "patience": {"patience": 2, "learning_rate": 20.0}, "patience, last kept": {"patience": 2, "learning_rate": 20.0, "restore_best": False},
    "min_delta": {"patience": 3, "min_delta": 0.01}, "target": {"target_cost": 0.95},
    "validation": {"validation": 0.5}, "validation with patience": {"validation": 0.5, "patience": 2, "learning_rate": 20.0},
    "targets to validate on": {"validation": (np.ones((24, 5)), np.full((24, 3), 1 / 3)), "patience": 50, "min_delta": 1e-3},
    "too few to validate on": {"validation": (np.ones((3, 5)), [0, 1, 2])},
    "diverges": {"learning_rate": 1e3, "l2": 1e3},
}
ONE_BY_ONE = ("plateau", "callable", "too few to validate on")        # these wait for what an epoch before comes to, or are not judged by the fast path


@pytest.fixture
def data(rng):
    return rng.standard_normal((40, 5)), rng.integers(0, 3, 40)


def trained(data, dtype, epochs=25, **options):
    net = fn.Network([5, 6, 3], activation=["tanh", "softmax"], cost="categorical_cross_entropy", dtype=dtype, seed=1)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)
        history = net.fit(*data, epochs=epochs, seed=2, progress=False, **{"learning_rate": 0.3, **options})
    return net, history.to_dict()


def same(found, expected):
    assert found[0].parameters.tobytes() == expected[0].parameters.tobytes()
    seconds, _ = found[1].pop("seconds"), expected[1].pop("seconds")
    assert len(seconds) == len(found[1]["cost"])
    assert found[1] == expected[1]


@pytest.mark.parametrize("name", OPTIONS)
def test_epochs_at_once_are_epochs_one_by_one(name, data, dtype, path):
    expected = trained(data, dtype, callbacks=lambda info: None, **OPTIONS[name])
    found = trained(data, dtype, **OPTIONS[name])
    same(found, expected)
    ended = {"patience": "patience", "patience, last kept": "patience", "min_delta": "patience", "target": "target_cost", "diverges": "diverged",
             "validation with patience": "patience"}
    assert found[1]["stopped"] == ended.get(name)
    (states, running), (others, other_running) = (net._training.memory or ([], np.zeros(3)) for net in (found[0], expected[0]))
    assert [state.tobytes() for state in states] == [state.tobytes() for state in others]
    assert running.tobytes() == other_running.tobytes()


def test_sparse_inputs_too(data, dtype):
    X, Y = data[0] * (np.arange(5) % 5 == 0), data[1]
    same(trained((X, Y), dtype), trained((X, Y), dtype, callbacks=lambda info: None))


@pytest.mark.parametrize("name", OPTIONS)
def test_it_is_done_where_nobody_asks_between(name, data, monkeypatch):
    calls = []
    monkeypatch.setenv("FASTNET_PATH", "fast")
    monkeypatch.setattr(Training, "run_epoch", lambda *arguments: calls.append(1) or 1 / 0)
    if name in ONE_BY_ONE:
        with pytest.raises(ZeroDivisionError):
            trained(data, "float64", **OPTIONS[name])
    else:
        trained(data, "float64", **OPTIONS[name])


@pytest.mark.parametrize("options", [{"callback_every": 3, "callbacks": lambda info: None}, {"max_seconds": 1e9},
                                     {"metrics": "accuracy"}, {"checkpoint": "run.safetensors"}], ids=lambda options: [*options][0])
def test_who_asks_is_told_after_every_epoch(options, data, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(Training, "run_epochs", lambda *arguments: 1 / 0)
    trained(data, "float64", epochs=3, **options)


def test_an_epoch_longer_than_the_time_between_two_looks_is_run_alone(rng, monkeypatch):
    monkeypatch.setattr(Training, "run_epochs", lambda *arguments: 1 / 0)
    net = fn.Network([400, 400, 2], dtype="float32", seed=0)
    net.fit(rng.random((600, 400), np.float32), rng.integers(0, 2, 600), epochs=1, batch_size=600)


def test_accuracy_takes_the_first_of_equal_outputs_and_nan_for_the_largest(dtype):
    X, Y = np.zeros((24, 1)), np.arange(24) % 3
    for b in ([1.0, 1.0, 0.0], [0.0, 2.0, 2.0], [0.0, 0.0, 0.0]):
        net = fn.Network([1, 3], activation="identity", init=([np.zeros((3, 1))], [b]), dtype=dtype)
        history = net.fit(X, Y, epochs=2, batch_size=24, learning_rate=1e-30, validation=(X, Y))
        assert history.accuracy == [np.mean(Y == np.argmax(b))] * 2


def test_many_calls_of_many_epochs_are_one_run(data, dtype, monkeypatch):
    expected = trained(data, dtype, optimizer="adam", schedule=schedules.Cosine(20))
    monkeypatch.setattr(Training, "epochs_at_once", lambda self, run, X: min(4, self.options.epochs - self.epoch))
    same(trained(data, dtype, optimizer="adam", schedule=schedules.Cosine(20)), expected)


def test_progress_is_shown_without_an_epoch_of_its_own(data, capsys, monkeypatch):
    monkeypatch.setenv("FASTNET_PATH", "fast")
    monkeypatch.setitem(sys.modules, "tqdm.auto", None)
    monkeypatch.setattr(Training, "run_epoch", lambda *arguments: 1 / 0)
    net = fn.Network([5, 6, 3], seed=1)
    net.fit(*data, epochs=7, progress=True)
    assert "epoch 7/7" in capsys.readouterr().err
