"""Checkpoints: whatever ends a run, it goes on to the bits it would have come to."""

import os
import signal
import sys
import time

import numpy as np
import pytest

import fastnet as fn
from fastnet import schedules

MASK = np.arange(15).reshape(5, 3) % 2

# Everything that a run may have a memory of.
RUNS = {
    "sgd": {},
    "adam, everything": dict(optimizer="adam", learning_rate=0.01, l2=0.01, l1=(0.001, 0.0), dropout=0.3, input_dropout=0.1,
                             input_noise=0.1, clip_norm=1.0, clip_value=0.5, max_norm=2.0, masks={0: MASK}),
    "nadam, frozen": dict(optimizer=fn.NAdam(beta1=0.8), frozen=[0], validation=0.2, patience=50, min_delta=1e-3),
    "rprop": dict(optimizer="rprop"),
    "momentum, one cycle": dict(optimizer="momentum", learning_rate=0.1, schedule=schedules.OneCycle(1.0, 8)),
    "rmsprop, plateau": dict(optimizer=fn.RMSprop(centered=True, momentum=0.5), schedule=schedules.ReduceOnPlateau(0.5, patience=0),
                             validation=0.3, metrics="r2"),
    "in order": dict(shuffle=False, learning_rate=0.3), "online": dict(batch_size=1, learning_rate=0.1),
}
AGAIN = ("validation", "metrics")              # what the user gives again


@pytest.fixture
def data(rng):
    return rng.random((43, 3)), rng.random((43, 2))


def new_net(dtype="float64"):
    return fn.Network([3, 5, 2], dtype=dtype, seed=0)


def options_of(name):
    return {"epochs": 8, "batch_size": 5, "seed": 3, **RUNS[name]}


def again(options):
    return {key: value for key, value in options.items() if key in AGAIN}


def told(history):
    """Everything but the seconds."""
    return {**history.to_dict(), "seconds": len(history.seconds)}


class Interruption(Exception):
    pass


@pytest.mark.parametrize("name", RUNS)
@pytest.mark.parametrize("at", [(1, 3), (4, None), (5, 1), (8, 5)], ids=str)
def test_a_run_that_was_broken_off_goes_on_to_the_same_bits(name, at, path, dtype, data, tmp_path):
    options, whole, broken = options_of(name), new_net(dtype), new_net(dtype)
    history = whole.fit(*data, **options)

    def break_off(info):
        if (info.epoch, info.batch) == at:
            info.net.checkpoint(tmp_path / "run")
            raise Interruption

    try:
        broken.fit(*data, **options, callbacks=break_off, callback_every=1)
    except Interruption:
        pass
    if not (tmp_path / "run").exists():
        assert name == "rprop"                             # one batch an epoch
        return
    run = fn.resume(tmp_path / "run")
    assert run.net.parameters.tobytes() == broken.parameters.tobytes() and run.net is not broken
    found = run.fit(*data, **again(options))
    assert run.net.parameters.tobytes() == whole.parameters.tobytes()
    assert told(found) == told(history) and found is run.history


@pytest.mark.parametrize("name", ["adam, everything", "nadam, frozen"])
def test_a_checkpoint_of_the_net_that_was_interrupted_is_as_good(name, data, tmp_path):
    """Broken off within an epoch, and only then written."""
    def break_off(info):
        if info.batch == 5:
            raise Interruption

    whole, broken = new_net(), new_net()
    whole.fit(*data, **options_of(name))
    with pytest.raises(Interruption):
        broken.fit(*data, **options_of(name), callbacks=break_off, callback_every=5)
    broken.checkpoint(tmp_path / "run")
    run = fn.resume(tmp_path / "run")
    run.fit(*data, **again(options_of(name)))
    assert run.net.parameters.tobytes() == whole.parameters.tobytes()


@pytest.mark.parametrize("function", [0, 1])
def test_so_is_one_of_a_net_whose_own_cost_raised(function, data, tmp_path):
    """That is where Ctrl-C lands: in a batch of which nothing may count."""
    calls = []

    def interrupted(original):
        def call(A, Y):
            calls.append(len(A))
            if len(calls) == 12:                   # the third batch of the second epoch
                raise KeyboardInterrupt
            return original(A, Y)
        return call

    functions = [lambda A, Y: ((A - Y)**2).sum(axis=1) / 2, lambda A, Y: A - Y]
    functions[function] = interrupted(functions[function])
    cost = fn.costs.custom(*functions)
    whole, broken = new_net(), fn.Network([3, 5, 2], cost=cost, seed=0)
    history = whole.fit(*data, **options_of("adam, everything"))
    with pytest.raises(KeyboardInterrupt):
        broken.fit(*data, **options_of("adam, everything"))
    broken.checkpoint(tmp_path / "run")
    run = fn.resume(tmp_path / "run", cost=cost)
    found = run.fit(*data)
    assert len(calls) == 8 * 9 + 1                 # one batch was begun twice
    np.testing.assert_allclose(run.net.parameters, whole.parameters, rtol=1e-10)
    np.testing.assert_allclose(found.cost, history.cost, rtol=1e-12)


@pytest.mark.parametrize("error", [KeyboardInterrupt, ValueError])
@pytest.mark.parametrize("options", [{}, {"validation": 0.2}, {"batch_size": 1}, {"shuffle": False, "batch_size": 43}], ids=str)
def test_an_epoch_whose_judgement_is_broken_off_is_not_half_written(options, error, data, tmp_path):
    calls = []

    def score(Y, outputs):
        calls.append(len(Y))
        if len(calls) == broken_at:
            raise error("while judging")
        return float(np.sum(outputs))

    options = {"epochs": 8, "seed": 3, "optimizer": "adam", "learning_rate": 0.01, "metrics": [score, "r2"], **options}
    broken_at, whole, broken = None, new_net(), new_net()
    history = whole.fit(*data, **options)
    calls, broken_at = [], 3
    with pytest.raises(error):
        broken.fit(*data, **options)
    broken.checkpoint(tmp_path / "run")
    run = fn.resume(tmp_path / "run")
    assert {name: len(values) for name, values in run.history.columns().items()} == dict.fromkeys(history.columns(), 2)
    calls, broken_at = [], None
    assert told(run.fit(*data, **again(options))) == told(history) and run.net.parameters.tobytes() == whole.parameters.tobytes()


def test_an_epoch_that_is_broken_off_while_it_is_written_down_is_not_half_written(data, tmp_path, monkeypatch):
    options = {"epochs": 5, "seed": 3, "validation": 0.2, "metrics": "r2"}
    whole, broken = new_net(), new_net()
    history = whole.fit(*data, **options)

    def add(history, later):
        history.cost.extend(later.cost)
        if len(history.cost) == 3:
            raise KeyboardInterrupt
        original(history, fn.History(**{**vars(later), "cost": []}))
    original = fn.History._add
    with monkeypatch.context() as patched, pytest.raises(KeyboardInterrupt):
        patched.setattr(fn.History, "_add", add)
        broken.fit(*data, **options)
    broken.checkpoint(tmp_path / "run")
    assert told(fn.resume(tmp_path / "run").fit(*data, **again(options))) == told(history)


def test_a_finished_run_can_be_made_longer(data, tmp_path):
    whole, short = new_net(), new_net()
    history = whole.fit(*data, epochs=9, optimizer="adam", seed=1)
    short.fit(*data, epochs=4, optimizer="adam", seed=1, checkpoint=tmp_path / "run")
    run = fn.resume(tmp_path / "run")
    assert told(run.fit(*data, epochs=9)) == told(history)
    assert run.net.parameters.tobytes() == whole.parameters.tobytes()


def test_patience_goes_on_waiting(data, tmp_path):
    options = dict(epochs=300, optimizer="adam", seed=1, patience=5, min_delta=1e-4, validation=0.3)
    whole, broken = new_net(), new_net()
    history = whole.fit(*data, **options)
    assert history.stopped == "patience"
    last = len(history.cost) - 3
    broken.fit(*data, **options, callbacks=lambda info: info.net.checkpoint(tmp_path / "run") if info.epoch == last else None)
    run = fn.resume(tmp_path / "run")
    assert told(run.fit(*data, validation=0.3)) == told(history)
    assert run.net.parameters.tobytes() == whole.parameters.tobytes()


def test_a_changed_learning_rate_is_kept(data, tmp_path):
    def change(info):
        if info.epoch == 2:
            info.set_learning_rate(0.125)
        if info.epoch == 3:
            info.net.checkpoint(tmp_path / "run")

    whole = new_net()
    whole.fit(*data, epochs=6, learning_rate=1.0, seed=1, callbacks=change)
    run = fn.resume(tmp_path / "run")
    history = run.fit(*data)
    assert history.learning_rate == [1.0, 1.0, 0.125, 0.125, 0.125, 0.125]
    assert run.net.parameters.tobytes() == whole.parameters.tobytes()


def test_what_a_file_cannot_hold_must_be_given(data, tmp_path):
    cost = fn.costs.custom(lambda a, y: np.sum((a - y)**2, axis=1), lambda a, y: 2 * (a - y), name="mine")
    net = fn.Network([3, 5, 2], cost=cost, seed=0)
    net.fit(*data, epochs=2, schedule=lambda epoch: 0.1, seed=1, checkpoint=tmp_path / "run")
    with pytest.raises(ValueError, match=r"cost=\.\.\."):
        fn.resume(tmp_path / "run")
    with pytest.raises(ValueError, match="schedule was a function.*give it again"):
        fn.resume(tmp_path / "run", cost=cost)
    run = fn.resume(tmp_path / "run", cost=cost, schedule=lambda epoch: 0.1)
    run.fit(*data, epochs=4)
    whole = fn.Network([3, 5, 2], cost=cost, seed=0)
    whole.fit(*data, epochs=4, schedule=lambda epoch: 0.1, seed=1)
    assert run.net.parameters.tobytes() == whole.parameters.tobytes()


@pytest.mark.parametrize("given", [{"X": np.zeros((7, 3)), "Y": np.zeros((7, 2))}, {"X": [[0.0]], "Y": [[0.0]]}, {"batch_size": 3}, {"threads": 0},
                                   {"validation": 0.2}, {"metrics": "no"}, {"callbacks": 5}, {"checkpoint_every": 2}, {"Y": None}, {"max_seconds": -1}], ids=str)
def test_what_is_refused_leaves_the_run_as_it_was(given, data, tmp_path):
    net = new_net()
    history = net.fit(*data, epochs=3, seed=0, checkpoint=tmp_path / "run")
    run = fn.resume(tmp_path / "run")
    kept = run.net._training
    given = {"X": data[0], "Y": data[1], "epochs": 500, "max_seconds": 1e-9, "callbacks": lambda info: pytest.fail("called"), **given}
    with pytest.raises((ValueError, TypeError)):
        run.fit(**given)
    assert run.net._training is kept and told(run.history) == told(history)
    assert told(run.fit(*data)) == told(history)               # its three epochs are done
    assert len(run.fit(*data, epochs=4).cost) == 4


@pytest.mark.parametrize("where", ["missing", "directory"])
@pytest.mark.parametrize("batches", [False, True])
def test_a_checkpoint_that_could_not_be_written_is_refused_before_training(where, batches, data, tmp_path):
    path = tmp_path if where == "directory" else tmp_path / "missing" / "run"
    net = new_net()
    before = net.parameters.copy()
    with pytest.raises(OSError, match=str(tmp_path)):
        net.fit(*([[data]] if batches else data), epochs=1, checkpoint=path)
    assert (net.parameters == before).all()


def test_other_data_are_refused(data, tmp_path):
    new_net().fit(*data, epochs=2, checkpoint=tmp_path / "run")
    with pytest.raises(ValueError, match="X must hold 43 samples to train on, as before; got 42"):
        fn.resume(tmp_path / "run").fit(data[0][1:], data[1][1:], epochs=3)


def test_a_net_without_a_run_has_no_checkpoint(data, tmp_path):
    with pytest.raises(ValueError, match="must have been trained"):
        new_net().checkpoint(tmp_path / "run")
    net = new_net()
    net.fit(*data, epochs=2, optimizer="lbfgs")
    with pytest.raises(ValueError, match="keeps its memory to itself"):
        net.checkpoint(tmp_path / "run")


def test_partial_fit_goes_on_with_the_optimizers_memory(data):
    whole, parts = new_net(), new_net()
    whole.fit(*data, epochs=3, optimizer="adam", shuffle=False, batch_size=5)
    for _ in range(3):
        parts.partial_fit(*data, optimizer="adam", batch_size=5)
    assert parts.parameters.tobytes() == whole.parameters.tobytes()
    parts.partial_fit(*data, optimizer="momentum")          # another has none
    assert len(parts._training.memory[0]) == 1


# -- the file ------------------------------------------------------------------

def test_every_damage_is_found(data, tmp_path, rng):
    new_net().fit(*data, epochs=2, optimizer="adam", checkpoint=tmp_path / "run")
    whole = (tmp_path / "run").read_bytes()
    for at in rng.choice(len(whole), 300, replace=False):
        damaged = bytearray(whole)
        damaged[at] ^= 1 << rng.integers(8)
        (tmp_path / "bad").write_bytes(damaged)
        with pytest.raises(ValueError, match="bad: "):
            fn.resume(tmp_path / "bad")
    for length in (0, 7, 8, 100, len(whole) - 1):
        (tmp_path / "bad").write_bytes(whole[:length])
        with pytest.raises(ValueError, match="bad: "):
            fn.resume(tmp_path / "bad")


def test_others_can_read_the_tensors(data, tmp_path):
    safetensors = pytest.importorskip("safetensors.numpy")
    net = new_net()
    net.fit(*data, epochs=2, optimizer="adam", checkpoint=tmp_path / "run")
    tensors = safetensors.load_file(tmp_path / "run")
    assert tensors["parameters"].tobytes() == net.parameters.tobytes()
    assert {"best", "state.0", "state.1", "running", "history.cost"} <= tensors.keys()


def test_a_saved_net_is_no_checkpoint(data, tmp_path):
    new_net().save(tmp_path / "net")
    with pytest.raises(ValueError, match=r"net: a saved net, which holds no run: fn.load\(path\) opens it"):
        fn.resume(tmp_path / "net")


def test_a_checkpoint_is_no_saved_net(data, tmp_path):
    new_net().fit(*data, epochs=1, checkpoint=tmp_path / "run")
    for read in (fn.load, fn.persistence.describe):
        with pytest.raises(ValueError, match=r"run: a checkpoint, which holds a run: fn.resume\(path\) opens it"):
            read(tmp_path / "run")


# -- kill -9 -------------------------------------------------------------------

KILLS = 60
KILLED = dict(epochs=40, batch_size=4, optimizer="adam", learning_rate=0.01, dropout=0.2, input_noise=0.05, l2=0.001, seed=11)


def train(data, path):
    """What the child does: begin, or go on from the file, to the end."""
    if path.exists():
        fn.resume(path).fit(*data, validation=0.2, checkpoint=path, checkpoint_every=3)
    else:
        new_net().fit(*data, **KILLED, validation=0.2, checkpoint=path, checkpoint_every=3)


def start_child(data, path):
    child = os.fork()
    if child:
        return child
    code = 1
    try:
        train(data, path)
        code = 0
    finally:
        os._exit(code)


@pytest.mark.skipif(not hasattr(os, "fork") or sys.platform == "darwin", reason="needs fork")
@pytest.mark.filterwarnings("ignore:This process:DeprecationWarning")      # threads of BLAS, which the child leaves alone
def test_a_killed_process_goes_on_to_the_bits_of_one_that_lived(data, tmp_path):
    path = tmp_path / "run"
    whole = new_net()
    history = whole.fit(*data, **KILLED, validation=0.2)
    start = time.perf_counter()
    train(data, path)                                       # how long a life is
    seconds = time.perf_counter() - start
    rng, kills, finished = np.random.default_rng(0), 0, 0
    path.unlink()
    while kills < KILLS:
        child = start_child(data, path)
        time.sleep(rng.uniform(0, seconds / 4))
        os.kill(child, signal.SIGKILL)
        _, status = os.waitpid(child, 0)
        kills += os.WIFSIGNALED(status)
        if path.exists():
            run = fn.resume(path)                           # a whole file, always
            if run._training.epoch == KILLED["epochs"]:
                assert run.net.parameters.tobytes() == whole.parameters.tobytes()
                finished += 1
                path.unlink()
    _, status = os.waitpid(start_child(data, path), 0)      # the last one lives
    assert status == 0
    run = fn.resume(path)
    assert run.net.parameters.tobytes() == whole.parameters.tobytes() and told(run.history) == told(history)
    assert finished >= 3
