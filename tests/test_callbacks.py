"""Callbacks: what they are told, what they may do, those that come with fastnet."""

import csv
import io
import struct
import sys
import zlib

import numpy as np
import pytest

import fastnet as fn
from fastnet import callbacks, plotting


@pytest.fixture
def data(rng):
    return rng.random((43, 3)), rng.random((43, 1))


def new_net():
    return fn.Network([3, 5, 1], seed=0)


def test_a_callback_sees_every_epoch_and_where_asked_every_few_batches(data, path):
    seen = []
    history = new_net().fit(*data, epochs=2, batch_size=5, callbacks=seen.append, callback_every=3, seed=0)
    assert [(info.epoch, info.batch) for info in seen] == [(1, 3), (1, 6), (1, None), (2, 3), (2, 6), (2, None)]
    assert [info.cost for info in seen if info.batch is None] == history.cost
    assert seen[2].learning_rate == history.learning_rate[0] == 3.0
    within = new_net()
    within.fit(data[0][:15], data[1][:15], epochs=1, batch_size=5, shuffle=False)
    told = []
    new_net().fit(*data, epochs=1, batch_size=5, shuffle=False, callback_every=3,
                  callbacks=lambda info: told.append((info.cost, info.net.parameters.tobytes())))
    assert told[0][1] == within.parameters.tobytes()


def test_one_can_stop_the_run_at_once(data):
    def stop(info):
        if (info.epoch, info.batch) == (2, 3):
            info.stop()

    net, other = new_net(), new_net()
    history = net.fit(*data, epochs=9, batch_size=5, shuffle=False, callbacks=stop, callback_every=3)
    assert history.stopped == "callback" and len(history.cost) == 2
    other.partial_fit(*data, batch_size=5)
    other.partial_fit(data[0][:15], data[1][:15], batch_size=5)
    assert net.parameters.tobytes() == other.parameters.tobytes()


def test_one_can_change_the_learning_rate_within_an_epoch(data, path):
    def halve(info):
        if info.epoch == 1 and info.batch == 4:
            info.set_learning_rate(0.25)

    net, other = new_net(), new_net()
    history = net.fit(*data, epochs=2, batch_size=5, learning_rate=0.5, shuffle=False, callbacks=halve, callback_every=2)
    other.partial_fit(data[0][:20], data[1][:20], batch_size=5, learning_rate=0.5)
    other.partial_fit(data[0][20:], data[1][20:], batch_size=5, learning_rate=0.25)
    other.partial_fit(*data, batch_size=5, learning_rate=0.25)
    assert net.parameters.tobytes() == other.parameters.tobytes() and history.learning_rate == [0.25, 0.25]


def test_a_bad_learning_rate_is_refused(data):
    with pytest.raises(ValueError, match="learning_rate must be finite and greater than 0; got -1"):
        new_net().fit(*data, callbacks=lambda info: info.set_learning_rate(-1))


def test_what_one_raises_comes_through_with_the_net_at_the_last_batch(data, path):
    def break_off(info):
        if info.batch == 4:
            raise ZeroDivisionError

    net, other = new_net(), new_net()
    with pytest.raises(ZeroDivisionError):
        net.fit(*data, epochs=3, batch_size=5, shuffle=False, callbacks=break_off, callback_every=4)
    other.partial_fit(data[0][:20], data[1][:20], batch_size=5)
    assert net.parameters.tobytes() == other.parameters.tobytes()


@pytest.mark.parametrize("path", ["plain"], indirect=True)
def test_what_a_cost_raises_leaves_the_net_at_the_last_finished_batch(data, path):
    calls = []

    def value(a, y):
        calls.append(1)
        if len(calls) == 5:
            raise ZeroDivisionError
        return np.sum((a - y)**2, axis=1)

    cost = fn.costs.custom(value, lambda a, y: 2 * (a - y), name="mine")
    net, other = (fn.Network([3, 5, 1], cost=cost, seed=0) for _ in range(2))
    with pytest.raises(ZeroDivisionError):
        net.fit(*data, epochs=1, batch_size=5, shuffle=False, learning_rate=0.1)
    other.partial_fit(data[0][:20], data[1][:20], batch_size=5, learning_rate=0.1)
    assert net.parameters.tobytes() == other.parameters.tobytes()


def test_callbacks_are_closed_however_training_ends(data):
    class Closing:
        closed = 0

        def __call__(self, info):
            if info.epoch == 2:
                raise RuntimeError

        def close(self):
            self.closed += 1

    closing = Closing()
    new_net().fit(*data, epochs=1, callbacks=closing)
    with pytest.raises(RuntimeError):
        new_net().fit(*data, epochs=3, callbacks=[closing])
    assert closing.closed == 2


# -- progress ------------------------------------------------------------------

class Terminal(io.StringIO):
    def isatty(self):
        return True


@pytest.fixture(params=["tqdm", "without tqdm"])
def bar(request, monkeypatch):
    if request.param == "tqdm":
        pytest.importorskip("tqdm")
    else:
        monkeypatch.setitem(sys.modules, "tqdm", None)
        monkeypatch.setitem(sys.modules, "tqdm.auto", None)


def test_progress_shows_epochs_cost_and_accuracy(bar, data, monkeypatch):
    monkeypatch.setattr(sys, "stderr", io.StringIO())
    fn.Network([3, 4, 3], seed=0).fit(data[0], np.arange(43) % 3, epochs=2, validation=0.2, progress=True)
    text = sys.stderr.getvalue()
    assert "2/2" in text and "accuracy" in text and "validation" in text and text.endswith("\n")


def test_it_is_silent_unless_asked_or_on_a_terminal(bar, data, monkeypatch):
    for stream, progress, delay, speaks in ((io.StringIO, None, 0.0, False), (Terminal, False, 0.0, False), (Terminal, None, 1e9, False),
                                            (Terminal, None, 0.0, True), (io.StringIO, True, 1e9, True)):
        monkeypatch.setattr(sys, "stderr", stream())
        monkeypatch.setattr(callbacks, "DELAY", delay)
        new_net().fit(*data, epochs=2, progress=progress)
        assert bool(sys.stderr.getvalue()) == speaks


# -- logs ----------------------------------------------------------------------

def test_csv_has_a_line_an_epoch_with_every_bit(data, tmp_path):
    history = new_net().fit(*data, epochs=3, validation=0.2, metrics="r2", callbacks=fn.callbacks.CSVLogger(tmp_path / "a.csv"))
    history.to_csv(tmp_path / "b.csv")
    assert (tmp_path / "a.csv").read_text() == (tmp_path / "b.csv").read_text()
    rows = list(csv.DictReader(open(tmp_path / "a.csv")))
    assert [float(row["cost"]) for row in rows] == history.cost and [float(row["r2"]) for row in rows] == history.metrics["r2"]
    assert [row["epoch"] for row in rows] == ["1", "2", "3"] and "accuracy" not in rows[0]


@pytest.mark.parametrize("options, message", [
    ({"optimizer": "rprop"}, "'rprop', which finds its own steps"), ({"optimizer": "lbfgs"}, "'lbfgs', which finds its own steps"),
    ({"schedule": lambda epoch: 0.1}, "schedule .*, which says itself what it is"),
    ({"schedule": fn.schedules.WarmUp(2, then=lambda epoch: 0.1)}, "schedule WarmUp"), ({"schedule": fn.schedules.OneCycle(1.0, 3)}, "schedule OneCycle")])
def test_a_learning_rate_that_would_change_nothing_can_not_be_set(options, message, data):
    with pytest.raises(ValueError, match=f"learning_rate can't be set with {message}"):
        new_net().fit(*data, epochs=3, callbacks=lambda info: info.set_learning_rate(0.5), **options)
    if "optimizer" not in options:
        with pytest.raises(ValueError, match="learning_rate can't be set"):
            new_net().fit([data], epochs=3, callbacks=lambda info: info.set_learning_rate(0.5), schedule=lambda epoch: 0.1)


@pytest.mark.parametrize("train", [lambda net, X, Y: net.partial_fit(X, Y), lambda net, X, Y: net.fit(X, Y, epochs=1),
                                   lambda net, X, Y: net.fit([(X, Y)], epochs=1)], ids=["partial_fit", "fit", "batches"])
def test_a_net_is_not_trained_within_its_training(train, data, tmp_path):
    net, copies = new_net(), []

    def callback(info):
        copies.append(net.copy())
        train(copies[-1], *data)                     # another net may be
        with pytest.raises(RuntimeError, match="net is being trained"):
            train(net, *data)
    history = net.fit(*data, epochs=3, seed=0, callbacks=callback)
    expected = new_net()
    expected.fit(*data, epochs=3, seed=0)
    net.checkpoint(tmp_path / "run")
    assert len(fn.resume(tmp_path / "run").history.cost) == len(history.cost) == len(copies) == 3
    assert net.parameters.tobytes() == expected.parameters.tobytes()
    train(net, *data)


def test_a_csv_log_goes_on_below_what_the_same_logger_wrote(data, tmp_path):
    net, log = new_net(), fn.callbacks.CSVLogger(tmp_path / "a.csv")
    first = net.fit(*data, epochs=2, callbacks=log)
    second = net.fit(*data, epochs=2, callbacks=log)
    third = net.fit(*data, epochs=1, callbacks=log, validation=0.2)
    lines = (tmp_path / "a.csv").read_text().splitlines()
    assert [line.split(",")[:2] for line in lines] == [
        ["epoch", "cost"], *([str(epoch), repr(cost)] for history in (first, second) for epoch, cost in enumerate(history.cost, 1)),
        ["epoch", "cost"], ["1", repr(third.cost[0])]]
    assert lines[5] == "epoch,cost,validation_cost,learning_rate,seconds"


def test_the_csv_log_of_a_resumed_run_has_all_its_epochs(data, tmp_path):
    new_net().fit(*data, epochs=3, seed=0, checkpoint=tmp_path / "run", callbacks=fn.callbacks.CSVLogger(tmp_path / "a.csv"))
    history = fn.resume(tmp_path / "run").fit(*data, epochs=5, callbacks=fn.callbacks.CSVLogger(tmp_path / "a.csv"))
    history.to_csv(tmp_path / "b.csv")
    assert len(history.cost) == 5 and (tmp_path / "a.csv").read_text() == (tmp_path / "b.csv").read_text()
    fn.resume(tmp_path / "run").fit(*data, epochs=4, metrics="r2", callbacks=fn.callbacks.CSVLogger(tmp_path / "a.csv"))
    rows = list(csv.DictReader(open(tmp_path / "a.csv")))          # a metric that came later
    assert [row["epoch"] for row in rows] == ["1", "2", "3", "4"] and [bool(row["r2"]) for row in rows] == [False, False, False, True]


def test_tensorboard_has_a_file_for_each_run_of_a_logger_and_infinity_beyond_float32(data, tmp_path):
    net, log = fn.Network([3, 1], activation="identity", seed=0), fn.callbacks.TensorBoard(tmp_path)
    net.fit(*data, epochs=1, callbacks=log, learning_rate=0.01)
    history = net.fit(data[0], 1e25 * data[1], epochs=1, callbacks=log, learning_rate=1e-30)
    assert 3.5e38 < history.cost[0] < np.inf
    files = sorted(tmp_path.iterdir())
    events = [next(event for event in records(file.read_bytes()) if b"\x0a\x04cost" in event) for file in files]
    assert len(files) == 2 and [np.isinf(struct.unpack("<f", event[-4:])[0]) for event in events] == [False, True]


def test_snapshots_are_the_net_of_their_epoch(data, tmp_path):
    kept = {}
    new_net().fit(*data, epochs=5, callbacks=[fn.callbacks.Snapshot(str(tmp_path / "{epoch}.st"), 2),
                                              lambda info: kept.update({info.epoch: info.net.parameters.tobytes()})])
    assert sorted(path.name for path in tmp_path.iterdir()) == ["2.st", "4.st"]
    assert fn.load(tmp_path / "4.st").parameters.tobytes() == kept[4]


def records(data):
    """A TensorFlow record file, checksums checked."""
    while data:
        length, = struct.unpack("<Q", data[:8])
        assert struct.unpack("<I", data[8:12])[0] == callbacks.masked_crc(data[:8])
        body = data[12:12 + length]
        assert struct.unpack("<I", data[12 + length:16 + length])[0] == callbacks.masked_crc(body)
        yield body
        data = data[16 + length:]


def test_tensorboard_gets_every_scalar(data, tmp_path):
    history = new_net().fit(*data, epochs=3, callbacks=fn.callbacks.TensorBoard(tmp_path / "runs"))
    file, = (tmp_path / "runs").iterdir()
    first, *events = records(file.read_bytes())
    assert first.endswith(b"brain.Event:2") and len(events) == 9 and ".tfevents." in file.name
    costs = [event for event in events if b"\x0a\x04cost" in event]
    assert [struct.unpack("<f", event[-4:])[0] for event in costs] == [np.float32(cost) for cost in history.cost]
    assert [event[10] for event in costs] == [1, 2, 3]


def test_tensorboard_itself_reads_them(data, tmp_path):
    reader = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator")
    history = new_net().fit(*data, epochs=3, callbacks=fn.callbacks.TensorBoard(tmp_path))
    events = reader.EventAccumulator(str(tmp_path))
    events.Reload()
    assert set(events.Tags()["scalars"]) == set(history.columns())
    assert [(event.step, event.value) for event in events.Scalars("cost")] == [
        (epoch, np.float32(cost)) for epoch, cost in enumerate(history.cost, 1)]


# -- norms of δ ------------------------------------------------------------------

def test_norms_are_those_of_the_reference_after_each_epoch_asked_for(data):
    X, labels = data[0], np.arange(43) % 2
    net, norms, deltas = fn.Network([3, 5, 4, 2], seed=0), fn.callbacks.DeltaNorms(X[:7], labels[:7], every=2), {}

    def look(info):
        if info.batch is None:
            w, b = ([layer.tolist() for layer in layers] for layers in (info.net.weights, info.net.biases))
            deltas[info.epoch] = [fn.reference.backprop(w, b, x, y).delta for x, y in zip(X[:7].tolist(), np.eye(2)[labels[:7]].tolist())]

    net.fit(X, labels, epochs=5, callbacks=[norms, look], callback_every=3, batch_size=10, seed=0)
    assert norms.epochs == [2, 4]
    for epoch, nabla_b, delta in zip(norms.epochs, norms.nabla_b_norms, norms.delta_norms):
        for layer in range(3):
            each = np.array([sample[layer] for sample in deltas[epoch]])
            # a thousand eps: two orders of the sums, in a net of three layers
            assert nabla_b[layer] == pytest.approx(np.linalg.norm(each.mean(axis=0)), rel=1000 * np.finfo(float).eps, abs=0)
            assert delta[layer] == pytest.approx(np.linalg.norm(each, axis=1).mean(), rel=1000 * np.finfo(float).eps, abs=0)
            assert delta[layer] > nabla_b[layer]


def test_looking_leaves_training_as_it_is(data):
    net, other, norms = new_net(), new_net(), fn.callbacks.DeltaNorms(*data)
    norms.record(net)
    net.fit(*data, epochs=3, callbacks=norms, seed=0)
    other.fit(*data, epochs=3, seed=0)
    assert net.parameters.tobytes() == other.parameters.tobytes() and norms.epochs == [0, 1, 2, 3]


def test_norms_too_small_to_be_squared_in_float32_are_not_zero():
    net = fn.Network([1, 1, 1], init=[0.0, 0.0, 1e-25, 0.0], dtype="float32")
    norms = fn.callbacks.DeltaNorms([[1.0]], [[1.0]])
    norms.record(net)
    # δ of the output: (½ - 1) ¼; of the hidden layer: w δ ¼.  In float32, a few products: 4 eps
    expected = pytest.approx([1e-25 / 32, 1 / 8], rel=4 * float(np.finfo(np.float32).eps), abs=0)
    assert norms.nabla_b_norms[0] == expected and norms.delta_norms[0] == expected


def test_the_deeper_a_net_of_sigmoids_the_slower_its_first_layer():
    digits = fn.datasets.digits()
    factors = []
    for depth in (2, 3, 4):
        norms = fn.callbacks.DeltaNorms(digits.x_train[:200], digits.y_train[:200])
        norms.record(fn.Network([64] + [30] * depth + [10], cost="cross_entropy", init="scaled", seed=0))
        factors.append(norms.nabla_b_norms[0][depth - 1] / norms.nabla_b_norms[0][0])
    assert 2 < factors[0] < factors[1] / 2 < factors[2] / 4


def test_what_does_not_fit_the_net_is_refused_at_the_first_look(data):
    with pytest.raises(ValueError, match=r"X must have shape \(m, 3\), one sample per row"):
        fn.callbacks.DeltaNorms(data[0][:, :2], data[1]).record(new_net())
    with pytest.raises(ValueError, match="every must be at least 1; got 0"):
        fn.callbacks.DeltaNorms(*data, every=0)
    with pytest.raises(ValueError, match="of must be one of nabla_b, delta; got 'w'"):
        fn.callbacks.DeltaNorms(*data).plot(of="w")


@pytest.mark.parametrize("of", ["nabla_b", "delta"])
def test_norms_are_drawn_a_line_a_layer(data, of):
    matplotlib = pytest.importorskip("matplotlib")
    matplotlib.use("Agg")
    norms = fn.callbacks.DeltaNorms(*data)
    fn.Network([3] + [4] * 8 + [1], seed=0).fit(*data, epochs=3, callbacks=norms)
    norms.nabla_b_norms[1][0] = norms.delta_norms[1][0] = 0.0          # a layer that stands still for once
    axes = norms.plot(of=of)
    axes.figure.canvas.draw()
    lines = axes.get_lines()
    assert [line.get_label() for line in lines] == [*(f"hidden layer {layer}" for layer in range(1, 9)), "output layer"]
    assert len({(line.get_color(), line.get_linestyle()) for line in lines}) == 9
    assert axes.get_yscale() == "log" and axes.get_xlabel() == "epochs" and axes.get_ylabel()
    rows = norms.nabla_b_norms if of == "nabla_b" else norms.delta_norms
    for line, values in zip(lines, zip(*rows)):
        assert list(line.get_xdata()) == [1, 2, 3]
        np.testing.assert_array_equal(line.get_ydata(), [value or np.nan for value in values])
    assert fn.callbacks.DeltaNorms(*data).plot().get_legend() is None  # before the first look


def test_crc32c_is_castagnolis():
    crc = callbacks.masked_crc(b"123456789")               # its check value is e3069283
    rotated = (crc - 0xA282EAD8) & 0xFFFFFFFF
    assert (rotated >> 17 | rotated << 15) & 0xFFFFFFFF == 0xE3069283 != zlib.crc32(b"123456789")
    assert callbacks.varint(300) == b"\xac\x02"


def test_matplotlib_itself_draws_a_history(data):
    matplotlib = pytest.importorskip("matplotlib")
    matplotlib.use("Agg")
    axes = new_net().fit(*data, epochs=3, validation=data).plot()
    axes.figure.canvas.draw()
    assert axes.get_xlabel() and axes.get_ylabel() and len(axes.get_lines()) >= 2


def test_a_history_can_be_drawn(data):
    class Axes:
        def __init__(self):
            self.drawn, self.scale = {}, "linear"

        def plot(self, x, y, label=None, color=None):
            self.drawn[label] = list(y)
            return [label]

        def set_yscale(self, scale):
            self.scale = scale

        def twinx(self):
            self.right = Axes()
            return self.right

        def set_xlabel(self, text):
            pass

        set_ylabel = set_xlabel

        def legend(self, handles, loc):
            self.handles = handles

    history = fn.Network([3, 4, 3], seed=0).fit(data[0], np.arange(43) % 3, epochs=2, validation=0.2)
    axes = history.plot(Axes())
    assert axes.drawn == {"cost": history.cost, "validation cost": history.validation_cost} and axes.scale == "log"
    assert axes.right.drawn == {"accuracy": history.accuracy} and axes.handles == ["cost", "validation cost", "accuracy"]
    assert plotting.plot_history(fn.History(), Axes()).drawn == {}
