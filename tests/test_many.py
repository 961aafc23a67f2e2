"""Many nets side by side: each is what fit alone makes of it, however many threads there are; tables, errors, Ctrl-C."""

import os
import signal
import subprocess
import sys
import threading
import time

import numpy as np
import pytest

import fastnet as fn
from fastnet import _checks, many, training

SIZES = [4, 6, 3]
COMMON = {"activation": "tanh", "output": "softmax", "cost": "categorical_cross_entropy", "epochs": 12, "learning_rate": 0.2}


@pytest.fixture(autouse=True)
def as_many_threads_as_asked_for(monkeypatch):
    monkeypatch.setattr(_checks, "check_threads", lambda threads: threads)


@pytest.fixture
def data(rng):
    X = rng.standard_normal((60, 4))
    return X, (X[:, 0] > 0) + (X[:, 1] > 0).astype(int)


def alone(data, spec, rows=None):
    """What the spec says, by Network and fit."""
    given = {**COMMON, "sizes": SIZES, **spec}
    net = fn.Network(**{name: given.pop(name) for name in ("sizes", "activation", "output", "cost", "dtype") if name in given},
                     seed=spec["seed"])
    X, Y = data if rows is None else (part[rows] for part in data)
    history = net.fit(X, Y, **given, progress=False)
    return net, history


SPECS = [{"seed": 1}, {"seed": 2, "optimizer": "adam", "learning_rate": 0.02}, {"seed": 3, "batch_size": 1},
         {"seed": 4, "validation": 0.2, "patience": 3}, {"seed": 5, "dropout": 0.3, "metrics": "accuracy"},
         {"seed": 6, "dtype": "float32"}, {"seed": 7, "sizes": [4, 3]}, {"seed": 8, "optimizer": "lbfgs", "learning_rate": None},
         {"seed": 9, "sample_weight": np.arange(60.0)}, {"seed": 10, "schedule": fn.schedules.ReduceOnPlateau(0.5, patience=1)}]


@pytest.mark.parametrize("threads", [1, 2, 5])
def test_every_net_is_what_fit_alone_makes_of_it(threads, data):
    fits = fn.fit_many(SPECS, *data, sizes=SIZES, threads=threads, **COMMON)
    assert len(fits) == len(SPECS) and not fits.errors
    for fit, spec in zip(fits, SPECS):
        net, history = alone(data, spec)
        assert fit.net.parameters.tobytes() == net.parameters.tobytes()
        found, expected = fit.history.to_dict(), history.to_dict()
        assert len(found.pop("seconds")) == len(expected.pop("seconds")) and found == expected


def test_nets_of_the_callers_are_trained_where_they_are(data):
    nets = [fn.Network(SIZES, activation="tanh", seed=seed) for seed in range(3)]
    copies = [net.copy() for net in nets]
    fits = fn.fit_many([nets[0], {"net": nets[1], "learning_rate": 0.5}, nets[2]], *data, epochs=4, learning_rate=0.1, seed=7, threads=2)
    for net, copy, rate in zip(nets, copies, (0.1, 0.5, 0.1)):
        copy.fit(*data, epochs=4, learning_rate=rate, seed=7, progress=False)
        assert net.parameters.tobytes() == copy.parameters.tobytes()
    assert [fit.net for fit in fits] == nets


def test_a_net_without_a_seed_gets_one_that_the_table_tells(data):
    fits = fn.fit_many([{}, {}], *data, sizes=SIZES, **COMMON)
    seeds = fits.to_dict()["seed"]
    assert seeds[0] != seeds[1]
    for fit, seed in zip(fits, seeds):
        assert fit.net.parameters.tobytes() == alone(data, {"seed": seed})[0].parameters.tobytes()


@pytest.mark.parametrize("sparse", [False, True])
def test_rows_are_trained_on_and_validated_on_as_if_they_were_the_data(sparse, data, rng):
    rows, held = np.arange(0, 40)[::-1], np.arange(60) >= 50
    given = data
    if sparse:
        data = data[0] * (rng.random((60, 4)) < 0.3), data[1]
        given = pytest.importorskip("scipy.sparse").csr_array(data[0]), data[1]
    specs = [{"seed": 1, "rows": rows, "validation_rows": held}, {"seed": 2, "rows": rows, "sample_weight": np.arange(60.0)}]
    fits = fn.fit_many(specs, *given, sizes=SIZES, threads=2, **COMMON)
    expected, history = alone(given, {"seed": 1, "validation": (given[0][held], given[1][held])}, rows)
    assert fits[0].history.validation_cost == history.validation_cost
    assert fits[0].net.parameters.tobytes() == expected.parameters.tobytes()
    weighted, _ = alone(given, {"seed": 2, "sample_weight": np.arange(60.0)[rows]}, rows)
    assert fits[1].net.parameters.tobytes() == weighted.parameters.tobytes()


def test_rows_are_copied_once_for_all_nets_that_share_them_and_then_let_go(data, monkeypatch):
    made, kept = [], []
    part = many.Data.part
    monkeypatch.setattr(many.Data, "part", lambda self, *key: kept.append(self) or made.append(part(self, *key)[0]) or part(self, *key))
    folds = [np.arange(30), np.arange(30, 60)]
    fn.fit_many([{"rows": rows, "seed": seed} for rows in folds for seed in range(4)], *data, sizes=SIZES, threads=2, **COMMON)
    assert len(made) == 8 and len({id(X) for X in made}) == 2
    assert kept[0].parts == {}


def test_scores_are_those_of_the_net_as_it_is_left(data):
    rows, held = np.arange(40), np.arange(40, 60)
    X, Y = data
    fits = fn.fit_many([{"seed": 1, "patience": 2, "validation_rows": held, "rows": rows}, {"seed": 2}], X, Y, sizes=SIZES,
                       **{**COMMON, "learning_rate": 1.0, "epochs": 60})
    first, second = fits
    assert first.history.stopped == "patience" and first.history.validation_cost[-1] > first.validation_cost
    assert first.validation_cost == first.net.cost(X[held], Y[held]) and first.cost == first.net.cost(X[rows], Y[rows])
    assert first.accuracy == np.mean(first.net.classify(X[held]) == Y[held])
    assert second.validation_cost is None and second.cost == second.net.cost(X, Y)
    assert second.accuracy == np.mean(second.net.classify(X) == Y)


def test_the_table_has_a_row_a_net_and_a_column_an_option(data):
    specs = fn.grid(sizes=[[4, 3], SIZES], learning_rate=[0.1, 1.0], optimizer=[fn.Adam(), "sgd"], seed=range(2))
    fits = fn.fit_many(specs, *data, **{**COMMON, "epochs": 2})
    table = fits.to_dict()
    assert list(table) == ["net", "sizes", "learning_rate", "optimizer", "seed", "final_cost", "accuracy", "n_epochs", "seconds",
                           "stopped", "error"]
    assert {len(column) for column in table.values()} == {16}
    assert table["sizes"][0] == "[4, 3]" and table["optimizer"][:4:2] == [repr(fn.Adam()), "sgd"]
    assert table["final_cost"] == [fit.cost for fit in fits] and table["n_epochs"] == [2] * 16
    lines = fits.table().split("\n")
    assert len(lines) == 17 and "stopped" not in lines[0] and "learning_rate" in lines[0]
    frame = pytest.importorskip("pandas").DataFrame(table)
    assert frame.groupby("learning_rate")["final_cost"].mean().shape == (2,)


def test_the_best_net_has_the_least_validation_cost_or_without_any_the_least_cost(data):
    fits = fn.fit_many(fn.grid(seed=range(5)), *data, sizes=SIZES, **COMMON)
    assert fits.best.cost == min(fit.cost for fit in fits)
    fits = fn.fit_many(fn.grid(seed=range(5)), *data, sizes=SIZES, validation=0.3, **COMMON)
    assert fits.best.validation_cost == min(fit.validation_cost for fit in fits)


# -- what goes wrong -----------------------------------------------------------


def failing(Y, outputs):
    raise RuntimeError("no score today")


@pytest.mark.parametrize("threads", [1, 3])
def test_the_error_of_one_net_is_told_with_its_number_and_the_others_are_kept(threads, data):
    specs = [{"seed": 0}, {"seed": 1, "learning_rate": -1.0}, {"seed": 2}, {"seed": 3, "metrics": failing}, {"seed": 4, "sizes": [5, 3]}]
    with pytest.warns(RuntimeWarning, match=r"3 of 5 nets failed, the first of them nets\[1\]: ValueError: learning_rate must"):
        fits = fn.fit_many(specs, *data, sizes=SIZES, threads=threads, **{**COMMON, "epochs": 3})
    assert {number: type(error) for number, error in fits.errors.items()} == {1: ValueError, 3: RuntimeError, 4: ValueError}
    table = fits.to_dict()
    assert table["error"][3] == "RuntimeError: no score today" and table["error"][2] is None
    assert np.isnan(table["final_cost"]).tolist() == [False, True, False, True, True] and table["n_epochs"] == [3, 0, 3, 0, 3][:3] + [0, 0]
    assert fits.best.number in (0, 2) and "failed" in repr(fits)
    assert fits[2].net.parameters.tobytes() == alone(data, {"seed": 2, "epochs": 3})[0].parameters.tobytes()


def test_diverging_nets_are_told_once(data):
    with pytest.warns(RuntimeWarning) as caught:
        fits = fn.fit_many(fn.grid(seed=range(4), l2=[0.0, 1e3]), *data, sizes=SIZES, **{**COMMON, "learning_rate": 1e3, "epochs": 60})
    assert [str(warning.message).split(",")[0] for warning in caught] == ["4 of 8 nets diverged"]
    assert fits.to_dict()["stopped"] == [None, "diverged"] * 4 and all(np.isfinite(fit.net.parameters).all() for fit in fits)
    assert caught[0].filename == __file__


@pytest.mark.parametrize("arguments, kind, message", [
    (([{"learnin_rate": 1}],), TypeError, r"nets\[0\] must hold options of Network and fit; got 'learnin_rate': did you mean 'learning_rate'"),
    (([{}], {"threads_of_net": 1}), TypeError, "options must hold options of Network and fit; got 'threads_of_net'"),
    (([{}], {"checkpoint": "x"}), TypeError, "got 'checkpoint'"),
    (([],), ValueError, "nets must hold at least one net"),
    (({"seed": 1},), TypeError, "nets must be a sequence of Networks or dicts"),
    (([3],), TypeError, r"nets\[0\] must be a Network or a dict of options; got 3"),
    (([{}, {"activation": "tanhh"}],), ValueError, r"nets\[1\]: activation must be one of"),
    (([{"seed": np.random.default_rng(0)}],), TypeError, "seed must be an integer or None"),
    (([{"rows": [0, 60]}],), ValueError, r"nets\[0\]: rows must lie in 0 ... 59; got 60"),
    (([{"rows": [0.5]}],), ValueError, "rows must hold numbers of rows"),
    (([{"validation": 0.2, "validation_rows": [0, 1]}],), ValueError, "validation must not be given beside validation_rows"),
    (([{"epochs": -1}, {"batch_size": 0}],), ValueError, "epochs must be at least 0"),
])
def test_bad_input_is_named_before_anything_is_trained(arguments, kind, message, data, monkeypatch):
    monkeypatch.setattr(training.Training, "descend", lambda self: pytest.fail("trained"))
    options = {"sizes": SIZES, **(arguments[1] if len(arguments) > 1 else {})}
    with pytest.raises(kind, match=message):
        fn.fit_many(arguments[0], *data, **options)


def test_nets_that_are_nets_already_take_no_other_shape_and_are_given_once(data):
    net = fn.Network(SIZES, seed=0)
    with pytest.raises(TypeError, match=r"nets\[0\] is a Network already: activation must not be given"):
        fn.fit_many([net], *data, activation="tanh")
    with pytest.raises(ValueError, match=r"nets\[1\] must be a net of its own; got the very net of nets\[0\]"):
        fn.fit_many([net, {"net": net}], *data)
    with pytest.raises(TypeError, match=r"nets\[0\] must have sizes"):
        fn.fit_many([{}], *data)


def test_a_bad_cell_is_found_before_training_starts_whatever_rows_are_used(data, monkeypatch):
    monkeypatch.setattr(training.Training, "descend", lambda self: pytest.fail("trained"))
    X = data[0].copy()
    X[59, 3] = np.nan
    with pytest.raises(ValueError, match="X must be finite; row 59, column 3 is nan"):
        fn.fit_many([{"rows": np.arange(30)}], X, data[1], sizes=SIZES)


@pytest.mark.parametrize("options, kind, message", [
    ({"learning_rate": []}, ValueError, "learning_rate must have at least one value"),
    ({"sizes": [4, 8, 3]}, TypeError, r"sizes must hold the sizes of nets, each a sequence"),
    ({"rate": [1]}, TypeError, "grid must hold options")])
def test_a_grid_is_checked(options, kind, message):
    with pytest.raises(kind, match=message):
        fn.grid(**options)


def test_a_grid_takes_every_combination_once_the_last_fastest():
    assert fn.grid(epochs=[1, 2], optimizer="adam", seed=range(2)) == [
        {"epochs": e, "optimizer": "adam", "seed": s} for e in (1, 2) for s in (0, 1)]


# -- threads ---------------------------------------------------------------------


def test_threads_work_at_the_same_time(data):
    meeting = threading.Barrier(3)

    def meet(info):
        if info.epoch == 2:
            meeting.wait(30)                       # nobody goes on before three nets are here

    fits = fn.fit_many(fn.grid(seed=range(3)), *data, sizes=SIZES, threads=3, callbacks=meet, **COMMON)
    assert not fits.errors


def test_a_net_of_many_short_epochs_leaves_python_to_others():
    X, Y = np.random.default_rng(0).random((100, 4), np.float32), np.zeros((100, 3), np.float32)
    counted = []

    def count():
        while not done:
            counted.append(1)
            time.sleep(0.001)

    net, done = fn.Network([4, 64, 3], dtype="float32", seed=0), []
    other = threading.Thread(target=count)
    other.start()
    start = time.perf_counter()
    net.fit(X, Y, epochs=2000, batch_size=10, learning_rate=1e-3, progress=False)
    seconds = time.perf_counter() - start
    done.append(True)
    other.join()
    assert len(counted) > 10 * seconds             # never kept for as long as a stretch of some 20 ms takes, five times over


@pytest.mark.parametrize("threads", [1, 2])
def test_what_ends_the_program_ends_all_nets(threads, data):
    def leave(info):
        raise SystemExit(3)

    before = threading.active_count()
    specs = [{"seed": 0, "callbacks": leave}, *fn.grid(seed=range(1, 4), epochs=10**9)]
    with pytest.raises(SystemExit):
        fn.fit_many(specs, *data, sizes=SIZES, threads=threads, **{**COMMON, "epochs": 5})
    assert threading.active_count() == before


INTERRUPTED = """
import sys, numpy as np, fastnet as fn
from fastnet import _checks
_checks.check_threads = lambda threads: threads
rng = np.random.default_rng(0)
X, Y = rng.random((500, 4)), rng.random((500, 2))
nets = [fn.Network([4, 5, 2], seed=seed) for seed in range(4)]
before = [net.parameters.copy() for net in nets]
options = {0: {"optimizer": "lbfgs"}, 1: {"validation": 0.2}}
specs = [{"net": net, **(options.get(i % 4, {}) if THREADS > 1 else {})} for i, net in enumerate(nets)]
print("training", flush=True)
try:
    fn.fit_many(specs, X, Y, epochs=10**9, threads=THREADS, seed=1, EXTRA)
except KeyboardInterrupt:
    assert all(np.isfinite(net.parameters).all() for net in nets)
    trained = sum((net.parameters != old).any() for net, old in zip(nets, before))
    assert trained == min(THREADS, 4), trained
    print("stopped", flush=True)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="sends SIGINT")
@pytest.mark.parametrize("threads", [1, 2, 4])
def test_ctrl_c_stops_every_net_and_each_keeps_what_it_has_learned(threads):
    code = INTERRUPTED.replace("THREADS", str(threads)).replace("EXTRA", "l2=1e-9")
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True, env=dict(os.environ)) as process:
        assert process.stdout.readline() == "training\n"
        time.sleep(1.5)
        start = time.perf_counter()
        process.send_signal(signal.SIGINT)
        try:
            out, _ = process.communicate(timeout=60)
        finally:
            process.kill()
        assert out == "stopped\n" and process.returncode == 0
        assert time.perf_counter() - start < 20


@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize("error", [KeyboardInterrupt, SystemExit])
def test_nets_that_were_made_of_dicts_are_there_after_ctrl_c(error, threads, data):
    def leave(info):
        if info.epoch == 3:
            raise error
    specs = [{"seed": seed, "callbacks": leave if seed == 1 else ()} for seed in range(4)]
    with pytest.raises(error) as caught:
        fn.fit_many(specs, *data, sizes=SIZES, threads=threads, **COMMON)
    fits = caught.value.fits
    expected, history = alone(data, {"seed": 1, "epochs": 3})
    assert [fit.options["seed"] for fit in fits] == [0, 1, 2, 3]
    assert fits[1].net.parameters.tobytes() == expected.parameters.tobytes()


def test_progress_counts_nets(data, capsys, monkeypatch):
    monkeypatch.setitem(sys.modules, "tqdm.auto", None)
    fn.fit_many(fn.grid(seed=range(7)), *data, sizes=SIZES, threads=2, progress=True, **COMMON)
    err = capsys.readouterr().err
    assert err.endswith("net 7/7\n")
    fn.fit_many(fn.grid(seed=range(2)), *data, sizes=SIZES, progress=False, **COMMON)
    assert capsys.readouterr().err == ""


def test_progress_is_tqdms_where_that_is_installed(data, capsys):
    pytest.importorskip("tqdm")
    fn.fit_many(fn.grid(seed=range(7)), *data, sizes=SIZES, threads=2, progress=True, **COMMON)
    assert "7/7" in capsys.readouterr().err


def kinds_of_targets():
    """Y as fit takes it, with what its net needs."""
    pandas = pytest.importorskip("pandas")
    labels, words = np.arange(60) % 3, np.array(["a", "b", "c"])[np.arange(60) % 3]
    several = [["a"], ["a", "b"], ["b"], ["c", "a"]] * 15
    pairs = [["a", "b"], ["a", "c"], ["b", "c"]] * 20
    sigmoid = {"output": "sigmoid", "cost": "cross_entropy"}
    return {"lists of labels": (several, sigmoid), "lists of as many labels each": (pairs, sigmoid), "sets": ([set(row) for row in several], sigmoid),
            "lists of numbers of classes": ([[1], [1, 2], [3], [0]] * 15, {**sigmoid, "sizes": [4, 6, 4], "classes": "auto"}),
            "a list of words": (words.tolist(), {}), "a column of words": (pandas.Series(words), {}),
            "nullable labels": (pandas.Series(labels, dtype="Int64"), {}), "categories": (pandas.Series(words, dtype="category"), {}),
            "nullable columns": (pandas.DataFrame({name: pandas.array(labels == j, dtype="Float64") for j, name in enumerate("abc")}), {})}


@pytest.mark.parametrize("kind", ["lists of labels", "lists of as many labels each", "sets", "lists of numbers of classes", "a list of words",
                                  "a column of words", "nullable labels", "categories", "nullable columns"])
def test_targets_may_be_all_that_fit_takes(kind, data):
    Y, own = kinds_of_targets()[kind]
    net, _ = alone((data[0], Y), {"seed": 1, **own})
    [fit] = fn.fit_many([{"seed": 1}], data[0], Y, **{**COMMON, "sizes": SIZES, **own})
    assert fit.net.parameters.tobytes() == net.parameters.tobytes() and fit.net.classes == net.classes
    found = fn.cross_validate({"seed": 1}, data[0], Y, folds=[(np.arange(60), np.arange(60))], **{**COMMON, "sizes": SIZES, **own})
    assert found.folds[0].fit.net.parameters.tobytes() == net.parameters.tobytes()
    fn.cross_validate({}, data[0], Y, folds=2, **{**COMMON, "sizes": SIZES, **own, "epochs": 1})


def test_masked_targets_are_refused_not_read(data):
    Y = np.ma.array(data[1], mask=data[1] == 2)
    for use in (lambda: fn.fit_many([{}], data[0], Y, sizes=SIZES), lambda: fn.cross_validate({"sizes": SIZES}, data[0], Y)):
        with pytest.raises(TypeError, match="Y must not be masked"):
            use()


def test_nets_that_scale_learn_from_the_data_as_they_are_not_from_their_float32(rng):
    X = 1.7e9 + 60 * rng.random((60, 1))             # times in s, of which float32 keeps steps of 128
    Y = (X - 1.7e9) / 60
    common = {"activation": "tanh", "output": "identity", "dtype": "float32", "epochs": 20, "optimizer": "adam", "learning_rate": 0.02}
    expected = fn.Network([1, 8, 1], activation="tanh", output="identity", dtype="float32", seed=0)
    rows, held = np.arange(40), np.arange(40, 60)
    history = expected.fit(X[rows], Y[rows], seed=0, scale="standardize", epochs=20, optimizer="adam", learning_rate=0.02,
                           validation=(X[held], Y[held]))
    [fit] = fn.fit_many([{"seed": 0, "rows": rows, "validation_rows": held}], X, Y, sizes=[1, 8, 1], scale="standardize", **common)
    assert fit.net.parameters.tobytes() == expected.parameters.tobytes() and fit.history.validation_cost == history.validation_cost
    found = fn.cross_validate({"seed": 0}, X, Y, sizes=[1, 8, 1], folds=[(rows, held)], scale="standardize", **common)
    assert found.folds[0].fit.net.parameters.tobytes() == expected.parameters.tobytes()

    again = expected.copy()                          # scaled before; fit_many's nets of the caller's as well
    fn.fit_many([again], X, Y, epochs=1, seed=1, learning_rate=0.01)
    expected.fit(X, Y, epochs=1, seed=1, learning_rate=0.01)
    assert again.parameters.tobytes() == expected.parameters.tobytes()


def test_rows_that_count_nothing_may_hold_anything_as_in_fit(data):
    X = data[0].copy()
    X[5, 1] = np.nan
    weight = np.arange(60.0) != 5
    net, _ = alone((X, data[1]), {"seed": 1, "sample_weight": weight})
    [fit] = fn.fit_many([{"seed": 1}], X, data[1], sizes=SIZES, sample_weight=weight, **COMMON)
    assert fit.net.parameters.tobytes() == net.parameters.tobytes()
    with pytest.raises(ValueError, match="X must be finite in float64; row 5, column 1 is nan"):
        fn.fit_many([{"seed": 1}], X, data[1], sizes=SIZES, sample_weight=np.ones(60), **COMMON)
