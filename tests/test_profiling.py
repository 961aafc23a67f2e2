"""profile(): rows that add up, counts that are right, a trace others can read, and training that notices nothing."""

import gc
import json
import os
import threading
import time

import numpy as np
import pytest

import fastnet as fn
from fastnet import _roof
from fastnet._core import kernels
from fastnet._core import profile as core
from fastnet._core.run import Run


@pytest.fixture(autouse=True)
def fast(monkeypatch):
    """The fast paths, and a roof that nobody has to measure."""
    rates = dict.fromkeys(_roof.MEMORIES, 100.0)
    buffers = dict(zip(_roof.MEMORIES, (16 << 10, 256 << 10, 4 << 20, 64 << 20)))
    found = _roof.Roof("processor", kernels.level(), dict.fromkeys(_roof.DTYPES, 50.0), rates, rates, buffers)
    monkeypatch.setattr("fastnet.profiling.roof", lambda: found)
    monkeypatch.setattr("fastnet._roof.roof", lambda: found)
    monkeypatch.delenv("FASTNET_PATH", raising=False)
    monkeypatch.setattr("fastnet._checks.check_threads", lambda threads: threads)      # whatever processors there are


def data(rng, sizes, rows, dtype="float64"):
    return rng.random((rows, sizes[0])).astype(dtype), rng.random((rows, sizes[-1])).astype(dtype)


def rows_of(found, kind):
    return [row for row in found.rows if row.work.startswith(kind) and row.thread == "main"]


SIZES = [(10, 20, 3), (30, 40, 40, 2), (100, 7)]


@pytest.mark.parametrize("path", ["fast", "plain"])
@pytest.mark.parametrize("batch_size", [1, 10, 300])
@pytest.mark.parametrize("sizes", SIZES, ids=str)
def test_rows_add_up_to_the_time_on_the_clock(sizes, batch_size, path, rng, monkeypatch):
    """By construction; and never to more than another clock says, which 3 % of leave room for reading it."""
    monkeypatch.setenv("FASTNET_PATH", path)
    net = fn.Network(sizes, seed=0)
    X, Y = data(rng, sizes, 600)
    with fn.profile() as found:
        start = time.perf_counter()
        net.fit(X, Y, epochs=4, batch_size=batch_size, validation=(X, Y), seed=0)
        net.predict(X), net.cost(X, Y), net.value_and_gradient(X, Y), net.jacobian(X[:20])
        seconds = time.perf_counter() - start
    assert abs(found.accounted - 1) < 0.03
    assert sum(row.self for row in found.rows if row.operation != "outside fastnet") <= 1.03 * seconds
    assert all(row.self >= 0 and row.total >= 0 and row.calls >= 1 for row in found.rows)


@pytest.mark.parametrize("options", [{}, {"optimizer": "adam", "clip_norm": 1.0, "max_norm": 2.0}, {"dropout": 0.2, "input_noise": 0.1},
                                     {"l2": 0.1, "threads": 2}, {"batch_size": 1}], ids=str)
@pytest.mark.parametrize("path", ["fast", "plain"])
def test_training_comes_to_the_same_bits(path, options, rng, dtype, monkeypatch):
    monkeypatch.setenv("FASTNET_PATH", path)
    sizes = (60, 50, 40, 3)
    X, Y = data(rng, sizes, 320, dtype)
    nets = [fn.Network(sizes, dtype=dtype, seed=0) for _ in range(2)]
    options = {"epochs": 2, "batch_size": 32, "learning_rate": 0.1, "seed": 0, **options}
    off = nets[0].fit(X, Y, **options)
    with fn.profile() as found:
        on = nets[1].fit(X, Y, **options)
    assert (nets[0].parameters == nets[1].parameters).all() and off.cost == on.cost
    assert rows_of(found, "fit")


def test_everything_else_comes_to_the_same_bits_too(rng, dtype):
    net = fn.Network([10, 70, 3], dtype=dtype, seed=0)
    X, Y = data(rng, net.sizes, 50, dtype)
    frozen = net.freeze()
    calls = [lambda: net(X), lambda: net(X[0].copy()), lambda: net.predict(X[:3]), lambda: net.cost(X, Y), lambda: net.forward(X).a[0],
             lambda: net.backprop(X, Y).delta[0], lambda: net.value_and_gradient(X, Y)[1], lambda: net.jacobian(X),
             lambda: net.jacobian(X[:2]), lambda: net.laplacian(X), lambda: net.hessian_vector(X, Y, net.parameters),
             lambda: net.per_sample_gradients(X, Y), lambda: net.jvp(X, X), lambda: net.vjp(X, Y), lambda: frozen(X),
             lambda: frozen(X[0].copy()), lambda: frozen.jacobian(X[0].copy()), lambda: frozen.value_and_jacobian(X)[1],
             lambda: frozen.predict(X, threads=1), lambda: frozen.vjp(X, Y)]
    before = [np.copy(call()) for call in calls]
    with fn.profile() as found:
        after = [np.copy(call()) for call in calls]
    for old, new in zip(before, after, strict=True):
        assert old.tobytes() == new.tobytes()
    kinds = {row.work.split(" [")[0] for row in found.rows} - {""}
    assert {"call samples", "predict tiles", "cost tiles", "forward plain", "backprop plain", "gradient plain", "jacobian tiles",
            "jacobian plain", "laplacian plain", "frozen tiles", "frozen call samples", "jacobian frozen"} <= kinds


def test_operations_are_counted_by_step_and_layer(rng):
    sizes, epochs = (20, 30, 40, 2), 3
    net = fn.Network(sizes, seed=0)
    X, Y = data(rng, sizes, 95)
    with fn.profile() as found:
        net.fit(X, Y, epochs=epochs, batch_size=10, learning_rate=0.1, seed=0)
    timed = next(iter(found.sampled.values()))
    calls = {(row.operation, row.layer): row.calls for row in rows_of(found, "fit")}
    steps = epochs * 10
    if timed == 1:
        for operation, layers in (("forward", (0, 1, 2)), ("activation", (0, 1, 2)), ("bp2", (1, 2)), ("bp4", (0, 1, 2)), ("bp3", (0, 1, 2)),
                                  ("prime", (0, 1)), ("output_delta", (2,)), ("gather", (0,)), ("step", (None,))):
            assert {key for key in calls if key[0] == operation} == {(operation, layer) for layer in layers}
            assert all(calls[operation, layer] == steps for layer in layers)
    assert calls["pack", None] == calls["unpack", None] == epochs
    spans = {row.operation: row.calls for row in found.rows if not row.work}
    assert spans["fit"] == 1 and spans["epochs"] == epochs and spans["shuffle"] == epochs and spans["validation"] == epochs
    assert spans["check and convert"] == spans["set up"] == spans["outside fastnet"] == 1


def test_rates_are_operations_over_time(rng):
    net = fn.Network([40, 30, 2], seed=0)
    X, Y = data(rng, net.sizes, 200)
    with fn.profile() as found:
        net.fit(X, Y, epochs=5, batch_size=20, learning_rate=0.1, seed=0)
    row = next(row for row in rows_of(found, "fit") if (row.operation, row.layer) == ("bp4", 0))
    flops = 2 * 40 * 30 * 200 * 5
    assert row.gflops == pytest.approx(flops / row.self / 1e9)
    weights, values = 8 * 40 * 30 * row.calls, 8 * 70 * 200 * 5
    assert row.gbytes == pytest.approx((2 * weights + values) / row.self / 1e9)
    least = {"flops": flops / 50e9, "memory": (weights + values) / 100e9}
    assert row.bound == max(least, key=least.get) and row.roof == pytest.approx(max(least.values()) / row.self)


def test_zeros_that_are_skipped_are_not_counted_as_work(rng):
    net = fn.Network([200, 30, 2], seed=0)
    X, Y = data(rng, net.sizes, 200)
    X[:, 20:] = 0
    with fn.profile() as found:
        net.fit(X, Y, epochs=2, batch_size=20, learning_rate=0.1, seed=0)
    row = next(row for row in rows_of(found, "fit") if (row.operation, row.layer) == ("forward", 0))
    assert row.gflops * row.self * 1e9 == pytest.approx(2 * 20 * 30 * 200 * 2)


def test_short_steps_are_sampled_and_calls_are_all_counted(rng):
    net = fn.Network([4, 8, 3], dtype="float32", seed=0)
    x = rng.random(4).astype("float32")
    X, Y = data(rng, net.sizes, 20_000, "float32")
    with fn.profile() as found:
        net.fit(X, Y, epochs=2, batch_size=1, learning_rate=0.1, shuffle=False)
        for _ in range(5000):
            net(x)
    shares = {name.split(": ")[1].split(" [")[0]: share for name, share in found.sampled.items()}
    assert shares["fit online"] < 0.5 and 0 < shares["call samples"] < 0.5
    calls = {(row.operation, row.layer): row.calls for row in found.rows if row.work.startswith("call")}
    assert calls["forward", 0] == calls["activation", 1] == pytest.approx(5000, rel=0.01)
    assert next(row.calls for row in rows_of(found, "fit") if row.operation == "output_delta") == pytest.approx(40_000, rel=0.01)


def test_threads_of_fastnets_own_have_rows_of_their_own(rng):
    net = fn.Network([200, 300, 10], seed=0)
    X, Y = data(rng, net.sizes, 640)
    with fn.profile() as found:
        net.fit(X, Y, epochs=6, batch_size=64, learning_rate=0.1, seed=0, threads=2)
    assert net.explain(batch_size=64, threads=2, measure=False).threads == 2
    assert {row.thread for row in found.rows} <= {"main", "thread 2"} and abs(found.accounted - 1) < 0.03
    together = [row for row in found.rows if row.thread == "thread 2"]
    assert {"forward", "bp4", "barrier"} <= {row.operation for row in together} and not [row for row in together if not row.work]
    waits = [row for row in found.rows if row.operation == "barrier" and row.thread == "main"]
    assert waits and waits[0].layer is None


def test_rows_shared_out_for_a_prediction_are_seen_too(rng):
    net = fn.Network([64, 128, 128, 10], seed=0)
    with fn.profile() as found:
        net.predict(rng.random((3000, 64)), threads=2)
    assert {row.thread for row in found.rows if row.operation == "forward"} == {"main", "thread 2"}


def test_fits_that_other_threads_take_over_leave_the_profile_alone(rng):
    """fit_many prepares a run in one thread and trains it in another."""
    X, Y = data(rng, (10, 3), 100)
    with fn.profile() as found:
        fits = fn.fit_many([{"sizes": [10, 20, 3]}] * 4, X, Y, epochs=2, threads=2, seed=0)
    assert not fits.errors and abs(found.accounted - 1) < 0.03 and all(row.self >= 0 for row in found.rows)
    assert core.recorder() is None


def test_two_threads_have_profiles_of_their_own(rng):
    net, found, errors = fn.Network([10, 20, 3], seed=0), {}, []
    X, Y = data(rng, net.sizes, 100)
    together = threading.Barrier(2)

    def work(name, epochs):
        try:
            with fn.profile() as found[name]:
                together.wait()
                fn.Network([10, 20, 3], seed=0).fit(X, Y, epochs=epochs, seed=0)
                together.wait()
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=work, args=item) for item in (("a", 2), ("b", 5))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not errors
    spans = {name: {row.operation: row.calls for row in one.rows if not row.work} for name, one in found.items()}
    assert spans["a"]["epochs"] == 2 and spans["b"]["epochs"] == 5


def test_what_other_threads_do_is_not_seen(rng):
    net = fn.Network([10, 20, 3], seed=0)
    X, Y = data(rng, net.sizes, 100)
    with fn.profile() as found:
        other = threading.Thread(target=lambda: net.fit(X, Y, epochs=1))
        other.start()
        other.join()
    assert [row.operation for row in found.rows] == ["outside fastnet"]


def test_a_profile_in_a_profile_is_refused_and_the_outer_one_goes_on(rng):
    net = fn.Network([4, 5, 2], seed=0)
    X, Y = data(rng, net.sizes, 20)
    with fn.profile() as outer:
        with pytest.raises(RuntimeError, match="a profile is open in this thread already; profiles don't nest"):
            fn.profile().__enter__()
        net.fit(X, Y, epochs=1)
    assert rows_of(outer, "fit")
    with fn.profile():
        pass


def test_an_exception_passes_through_and_leaves_what_was_measured(rng):
    net = fn.Network([4, 5, 2], seed=0)
    X, Y = data(rng, net.sizes, 20)

    def stop(info):
        raise KeyError("mine")

    with pytest.raises(KeyError, match="mine"), fn.profile() as found:
        net.fit(X, Y, epochs=3, callbacks=stop)
    spans = {row.operation: row.calls for row in found.rows if not row.work}
    assert spans["epochs"] == 1 and spans["callbacks"] == 1 and abs(found.accounted - 1) < 0.03
    assert core.recorder() is None
    with fn.profile() as again:
        net.fit(X, Y, epochs=1)
    assert rows_of(again, "fit")


def test_a_profile_opened_in_a_callback_sees_the_epochs_after_it(rng):
    net, opened = fn.Network([4, 5, 2], seed=0), fn.profile()
    X, Y = data(rng, net.sizes, 20)

    def callback(info):
        if info.epoch == 1:
            opened.__enter__()
        if info.epoch == 3:
            opened.__exit__(None, None, None)

    net.fit(X, Y, epochs=5, callbacks=callback)
    assert rows_of(opened, "fit") and {row.operation: row.calls for row in opened.rows if not row.work}["epochs"] == 2


@pytest.mark.parametrize("kind", ["arrays", "batches", "lbfgs", "resumed", "resumed with batches", "many"])
def test_every_way_to_train_has_its_spans(kind, rng, tmp_path):
    net = fn.Network([4, 5, 2], seed=0)
    X, Y = data(rng, net.sizes, 20)
    net.fit(X, Y, epochs=1, checkpoint=tmp_path / "run")
    run = fn.resume(tmp_path / "run")
    uses = {"arrays": lambda: net.fit(X, Y, epochs=3, validation=(X, Y)), "batches": lambda: net.fit([(X, Y)], epochs=3, validation=(X, Y)),
            "lbfgs": lambda: net.fit(X, Y, epochs=3, validation=(X, Y), optimizer="lbfgs"),
            "resumed": lambda: run.fit(X, Y, epochs=4, validation=(X, Y)), "resumed with batches": lambda: run.fit([(X, Y)], epochs=4, validation=(X, Y)),
            "many": lambda: fn.fit_many([net], X, Y, epochs=3, validation=(X, Y))}
    with fn.profile() as found:
        uses[kind]()
    spans = {row.operation: row.calls for row in found.rows if not row.work}
    assert spans["fit"] == 1 and spans["check and convert"] == 1 and spans["validation"] == 3
    assert abs(found.accounted - 1) < 0.03


def test_a_profile_may_open_or_close_between_a_run_and_its_resumption(rng, tmp_path):
    net = fn.Network([4, 5, 2], seed=0)
    X, Y = data(rng, net.sizes, 20)
    net.fit(X, Y, epochs=1, checkpoint=tmp_path / "run")
    with fn.profile() as found:
        run, other = (fn.resume(tmp_path / "run") for _ in range(2))
        run.fit(lambda: iter([(X, Y)]), epochs=3)
    assert len(run.history.cost) == 3 and len(other.fit(X, Y, epochs=5).cost) == 5
    assert {row.operation: row.calls for row in found.rows if not row.work}["fit"] == 1


def test_an_open_profile_says_so_and_a_used_one_is_not_opened_again():
    found = fn.profile()
    with pytest.raises(RuntimeError, match="the profile is still open: leave its with block first"):
        found.table()
    with found:
        assert "open" in repr(found)
        for method in (found.to_dict, found.trace_events, found.plot):
            with pytest.raises(RuntimeError, match="still open"):
                method()
    with pytest.raises(RuntimeError, match="a profile is taken once"), found:
        pass
    assert found.table()


def test_a_closed_profile_keeps_no_run_and_no_samples(rng):
    X, Y = data(rng, (200, 300, 10), 640)
    with fn.profile() as found:
        fn.Network((200, 300, 10), seed=0).fit(X, Y, epochs=6, batch_size=64, learning_rate=0.1, threads=2)
    assert {row.thread for row in found.rows} == {"main", "thread 2"}
    gc.collect()
    assert not [one for one in gc.get_objects() if type(one) is Run]


@pytest.mark.parametrize("call", [
    lambda net, X, Y: net.cost(X, Y), lambda net, X, Y: net.value_and_gradient(X, Y), lambda net, X, Y: net.backprop(X, Y),
    lambda net, X, Y: net.predict(X), lambda net, X, Y: net.forward(X), lambda net, X, Y: net.jacobian(X),
    lambda net, X, Y: net.input_gradient(X, Y), lambda net, X, Y: net.fit(X, Y, epochs=2, batch_size=20, seed=0)])
def test_a_profile_may_be_closed_by_a_function_that_the_call_calls(call, rng):
    def value(z):
        if found.rows is None:
            found.__exit__(None, None, None)
        return np.tanh(z)

    net = fn.Network([3, 4, 2], activation=fn.activations.custom(value, lambda z: 1 - np.tanh(z)**2), seed=0)
    X, Y = data(rng, (3, 4, 2), 50)
    expected = net.copy()
    found = fn.profile()
    found.__enter__()
    result, again = call(net, X, Y), call(expected, X, Y)
    assert found.rows and core.recorder() is None
    np.testing.assert_array_equal(net.parameters, expected.parameters)
    if isinstance(result, np.ndarray):
        np.testing.assert_array_equal(result, again)


def test_it_ends_in_the_thread_it_began_in():
    found, errors = fn.profile().__enter__(), []

    def leave():
        try:
            found.__exit__(None, None, None)
        except RuntimeError as error:
            errors.append(str(error))

    thread = threading.Thread(target=leave)
    thread.start()
    thread.join()
    assert errors == ["a profile ends in the thread that it began in"]
    found.__exit__(None, None, None)
    assert core.recorder() is None


@pytest.mark.parametrize("events, error, match", [(-1, ValueError, "events must be at least 0; got -1"),
                                                  (1.5, TypeError, "events must be an integer; got 1.5")])
def test_bad_arguments_are_named(events, error, match):
    with pytest.raises(error, match=match):
        fn.profile(events=events)


def test_the_table_and_the_dict_say_the_same(rng):
    net = fn.Network([10, 20, 3], seed=0)
    X, Y = data(rng, net.sizes, 100)
    with fn.profile() as found:
        net.fit(X, Y, epochs=1, batch_size=10)
    told = json.loads(json.dumps(found.to_dict()))
    assert told["rows"][0]["operation"] == found.rows[0].operation and told["accounted"] == found.accounted
    text = found.table()
    assert text == repr(found) and "fit minibatch [10, 20, 3] float64 batch 10" in text and "% of roof" in text
    assert len(found.table(most=1).splitlines()) < len(text.splitlines())
    with pytest.raises(ValueError, match="most must be at least 1"):
        found.table(most=0)


# -- the trace -----------------------------------------------------------------


def trace_of(found, path):
    found.export_chrome_trace(path)
    return json.loads(path.read_text())


def test_the_trace_is_what_perfetto_and_speedscope_read(rng, tmp_path):
    """Complete events ("X") need name, ts, dur, pid and tid, in microseconds, nested within a thread or apart."""
    net = fn.Network([10, 20, 3], seed=0)
    X, Y = data(rng, net.sizes, 200)
    with fn.profile() as found:
        net.fit(X, Y, epochs=3, batch_size=20, validation=(X, Y), seed=0)
        net.predict(X)
    trace = trace_of(found, tmp_path / "trace.json")
    assert set(trace) == {"traceEvents", "displayTimeUnit", "otherData"} and trace["otherData"]["dropped"] == 0
    kinds = {event["ph"] for event in trace["traceEvents"]}
    assert kinds == {"M", "X"} and {event["name"] for event in trace["traceEvents"] if event["ph"] == "M"} == {"process_name", "thread_name"}
    spans = [event for event in trace["traceEvents"] if event["ph"] == "X"]
    assert {"fit", "epochs", "validation", "forward", "bp4", "outside fastnet"} <= {event["name"] for event in spans}
    for event in spans:
        assert isinstance(event["name"], str) and event["ts"] >= 0 and event["dur"] >= 0 and {"pid", "tid", "args"} <= event.keys()
        assert event["ts"] + event["dur"] <= 1e6 * found.seconds * 1.01 + 100
    assert [event["ts"] for event in spans] == sorted(event["ts"] for event in spans)
    open_until, slack = [], 0.002                          # times are rounded to a nanosecond
    for event in spans:
        end = event["ts"] + event["dur"]
        while open_until and open_until[-1] <= event["ts"] + slack:
            open_until.pop()
        assert not open_until or end <= open_until[-1] + slack, event
        open_until.append(end)


def test_a_trace_keeps_a_bounded_number_of_events(rng):
    net = fn.Network([10, 20, 3], seed=0)
    X, Y = data(rng, net.sizes, 4000)
    with fn.profile(events=8192) as found:
        net.fit(X, Y, epochs=3, batch_size=10, seed=0)
        for _ in range(9000):
            net.cost(X[:10], Y[:10])
    events = [event for event in found.trace_events() if event["ph"] == "X"]
    assert 4096 <= len(events) <= 8192
    with fn.profile(events=0) as none:
        net.fit(X, Y, epochs=1)
    assert not [event for event in none.trace_events() if event["ph"] == "X"] and rows_of(none, "fit")


def test_a_trace_that_cant_be_written_leaves_nothing_behind(tmp_path):
    with fn.profile() as found:
        pass
    with pytest.raises(FileNotFoundError, match="No such directory"):
        found.export_chrome_trace(tmp_path / "nowhere" / "trace.json")
    with pytest.raises(ValueError, match="must be a regular file"):
        found.export_chrome_trace("/dev/null")
    with pytest.raises(TypeError, match="path must be a str"):
        found.export_chrome_trace(3)
    with pytest.raises(IsADirectoryError):
        found.export_chrome_trace(tmp_path)
    if os.geteuid():
        (tmp_path / "locked").mkdir(mode=0o500)
        with pytest.raises(PermissionError):
            found.export_chrome_trace(tmp_path / "locked" / "trace.json")
    assert not [path for path in tmp_path.rglob("*") if path.is_file()]


def test_a_trace_replaces_another_only_when_it_is_complete(tmp_path, monkeypatch):
    with fn.profile() as found:
        pass
    (tmp_path / "trace.json").write_text("before")
    monkeypatch.setattr("os.replace", lambda *paths: (_ for _ in ()).throw(OSError("no space")))
    with pytest.raises(OSError, match="no space"):
        found.export_chrome_trace(tmp_path / "trace.json")
    assert [path.name for path in tmp_path.iterdir()] == ["trace.json"] and (tmp_path / "trace.json").read_text() == "before"


def test_the_plot_has_axes_with_units_and_one_point_an_operation(rng):
    matplotlib = pytest.importorskip("matplotlib")
    matplotlib.use("Agg")
    net = fn.Network([10, 20, 3], dtype="float32", seed=0)
    X, Y = data(rng, net.sizes, 200)
    with fn.profile() as found:
        net.fit(X, Y, epochs=2, batch_size=20)
    left, right = found.plot()
    assert "GFLOP/s" in left.get_ylabel() and "flops a byte" in left.get_xlabel() and right.get_ylabel() == "time (ms)"
    assert len(left.collections) == len([row for row in found.rows if row.gflops]) and right.patches
    import matplotlib.pyplot as plt
    plt.close("all")
