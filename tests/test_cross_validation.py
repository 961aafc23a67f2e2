"""Cross-validation: folds, what is trained on each, and the table."""

import statistics

import numpy as np
import pytest

import fastnet as fn
from fastnet import _checks

SPEC = {"sizes": [4, 6, 3], "output": "softmax", "cost": "categorical_cross_entropy"}
FIT = {"epochs": 6, "learning_rate": 0.5}


@pytest.fixture(autouse=True)
def as_many_threads_as_asked_for(monkeypatch):
    monkeypatch.setattr(_checks, "check_threads", lambda threads: threads)


@pytest.fixture
def data(rng):
    X = rng.standard_normal((53, 4))
    return X, np.repeat([0, 1, 2], [30, 16, 7])[rng.permutation(53)]


def test_every_sample_is_held_out_once_a_repeat_and_folds_are_as_long_as_each_other(data):
    found = fn.cross_validate(SPEC, *data, folds=4, repeats=3, seed=0, **FIT)
    assert [(fold.repeat, fold.fold) for fold in found.folds] == [(r, f) for r in range(3) for f in range(4)]
    held = [np.concatenate([fold.rows for fold in found.folds if fold.repeat == repeat]) for repeat in range(3)]
    assert all(sorted(rows) == list(range(53)) for rows in held) and (held[0] != held[1]).any()
    table = found.to_dict()
    assert set(table["n_test"]) == {13, 14} and all(a + b == 53 for a, b in zip(table["n_train"], table["n_test"]))
    for fold in found.folds:
        assert not set(fold.rows) & set(fold.fit.spec["rows"])


@pytest.mark.parametrize("stratified", [None, True])
def test_every_fold_has_its_share_of_each_class(stratified, data):
    found = fn.cross_validate(SPEC, *data, folds=4, seed=0, stratified=stratified, **FIT)
    counts = np.array([np.bincount(data[1][fold.rows], minlength=3) for fold in found.folds])
    assert (np.ptp(counts, axis=0) <= 1).all()
    loose = fn.cross_validate(SPEC, *data, folds=4, seed=0, stratified=False, **FIT)
    counts = np.array([np.bincount(data[1][fold.rows], minlength=3) for fold in loose.folds])
    assert (np.ptp(counts, axis=0) > 1).any()


@pytest.mark.parametrize("threads", [1, 3])
def test_a_fold_is_what_fit_makes_of_its_rows_and_scored_on_the_others(threads, data):
    X, Y = data
    found = fn.cross_validate(SPEC, X, Y, folds=3, seed=5, threads=threads, metrics=[r2_of_one_hot], **FIT)
    table = found.to_dict()
    for i, fold in enumerate(found.folds):
        net = fn.Network(**SPEC, seed=table["seed"][i])
        rows = np.setdiff1d(np.arange(53), fold.rows)
        net.fit(X[rows], Y[rows], seed=table["seed"][i], **FIT)
        assert fold.fit.net.parameters.tobytes() == net.parameters.tobytes()
        assert table["test_cost"][i] == net.cost(X[fold.rows], Y[fold.rows])
        assert table["test_accuracy"][i] == np.mean(net.classify(X[fold.rows]) == Y[fold.rows])
        assert table["test_r2_of_one_hot"][i] == r2_of_one_hot(Y[fold.rows], net(X[fold.rows]))
    assert len(set(table["seed"])) == 3


def r2_of_one_hot(Y, outputs):
    return 1 - float(np.sum((np.eye(3)[Y] - outputs) ** 2) / np.sum((np.eye(3)[Y] - 1 / 3) ** 2))


def test_the_seed_decides_everything(data):
    tables = [fn.cross_validate(SPEC, *data, folds=3, seed=seed, **FIT).to_dict() for seed in (1, 1, 2)]
    for table in tables:
        table.pop("seconds")
    assert tables[0] == tables[1] != tables[2]


def test_mean_and_std_are_over_the_folds(data):
    found = fn.cross_validate(SPEC, *data, folds=3, repeats=2, seed=0, **FIT)
    costs = found.to_dict()["test_cost"]
    assert found.mean["test_cost"] == pytest.approx(statistics.fmean(costs), rel=1e-15)
    assert found.std["test_cost"] == pytest.approx(statistics.stdev(costs), rel=1e-15)
    lines = found.table().split("\n")
    assert len(lines) == 1 + 6 + 2 and lines[-2].startswith("mean") and lines[-1].startswith("std")


def test_a_net_of_the_callers_stays_as_it_is_and_every_fold_starts_from_it(data):
    net = fn.Network(**SPEC, seed=3)
    before = net.parameters.copy()
    found = fn.cross_validate(net, *data, folds=3, seed=0, epochs=0)
    assert (net.parameters == before).all()
    assert all((fold.fit.net.parameters == before).all() and fold.fit.net is not net for fold in found.folds)


def test_several_nets_see_the_same_folds_and_have_a_row_each_in_the_summary(data):
    found = fn.cross_validate(fn.grid(learning_rate=[0.01, 0.5]), *data, folds=3, seed=0, threads=2, epochs=6, **SPEC)
    by_net = [[fold for fold in found.folds if fold.number == number] for number in (0, 1)]
    assert all((a.rows == b.rows).all() and a.fit.spec["seed"] == b.fit.spec["seed"] for a, b in zip(*by_net))
    summary = found.summary()
    assert summary["net"] == [0, 1] and summary["learning_rate"] == [0.01, 0.5]
    assert summary["test_cost_mean"][1] == pytest.approx(statistics.fmean(fold.scores["cost"] for fold in by_net[1]), rel=1e-15)
    assert len(found.table().split("\n")) == 3
    with pytest.raises(AttributeError, match="of several take summary"):
        found.mean
    pandas = pytest.importorskip("pandas")
    assert pandas.DataFrame(found.to_dict()).groupby("net")["test_cost"].mean().tolist() == pytest.approx(summary["test_cost_mean"])


def test_folds_may_be_given_as_rows(data):
    pairs = [(np.arange(20, 53), np.arange(20)), (np.arange(53) < 30, np.arange(53) >= 30)]
    found = fn.cross_validate(SPEC, *data, folds=pairs, seed=0, **FIT)
    assert found.to_dict()["n_train"] == [33, 30] and found.to_dict()["n_test"] == [20, 23]


def test_targets_that_are_numbers_are_not_stratified(data):
    X = data[0]
    found = fn.cross_validate({"sizes": [4, 3, 1]}, X, X[:, :1] ** 2, folds=3, metrics="r2", seed=0, epochs=3, output="identity", learning_rate=0.01)
    assert "test_r2" in found.mean and "test_accuracy" not in found.mean


@pytest.mark.parametrize("options, kind, message", [
    ({"folds": 1}, ValueError, "folds must be at least 2"), ({"folds": 54}, ValueError, "folds must be at most 53"),
    ({"folds": [([0], [99])]}, ValueError, r"folds\[0\]\[1\] must lie in 0 ... 52; got 99"), ({"folds": []}, ValueError, "at least one pair"),
    ({"folds": [3]}, TypeError, r"folds\[0\] must be a pair"), ({"repeats": 0}, ValueError, "repeats must be at least 1"),
    ({"stratified": 1}, TypeError, "stratified must be True or False"), ({"metrics": "acuracy"}, ValueError, "did you mean 'accuracy'"),
    ({"seed": "x"}, TypeError, "seed must be an integer"), ({"learning_rate": -1}, ValueError, "learning_rate must be finite"),
    ({"epoch": 3}, TypeError, "did you mean 'epochs'")])
def test_bad_input_is_named(options, kind, message, data):
    with pytest.raises(kind, match=message):
        fn.cross_validate(SPEC, *data, **options)


def test_stratifying_needs_labels(data):
    with pytest.raises(ValueError, match="stratified needs labels"):
        fn.cross_validate(SPEC, data[0], np.eye(3)[data[1]], stratified=True)


def test_a_fold_that_fails_is_an_error(data):
    X, Y = data
    Y = np.where(np.arange(53) == 52, 2, np.minimum(Y, 1))

    def picky(Y, outputs):
        raise RuntimeError("not these")

    with pytest.warns(RuntimeWarning), pytest.raises(RuntimeError, match="not these"):
        fn.cross_validate([SPEC, {**SPEC, "callbacks": lambda info: picky(1, 2)}], X, Y, folds=2, epochs=1)
