"""The scripts of bench/: each runs, on tiny work and without peers, and what they compute is right."""

import importlib
import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

BENCH = Path(__file__).resolve().parent.parent / "bench"

pytestmark = pytest.mark.skipif(not (BENCH / "run.py").exists(), reason="bench/ is not beside the tests")


@pytest.fixture(scope="module", autouse=True)
def scripts_importable():
    """bench/ on the path while this file runs; its environment.py leaves its marks for that long."""
    before = dict(os.environ)
    sys.path.insert(0, str(BENCH))
    yield
    sys.path.remove(str(BENCH))
    os.environ.clear()
    os.environ.update(before)


def test_one_script_says_how_many_threads_pools_have():
    """environment.py, for every pool there may be; instructions.py starts its process with a given environment."""
    saying = {path.name for path in BENCH.rglob("*.py") if "OPENBLAS_NUM_THREADS" in path.read_text(encoding="utf-8")}
    assert saying == {"environment.py", "instructions.py"}
    for path in BENCH.glob("*.py"):
        lines = [line.partition("#")[0].strip() for line in path.read_text(encoding="utf-8").splitlines()]
        if "import environment" in lines:
            first = [i for i, line in enumerate(lines) if line in ("import numpy as np", "import fastnet as fn", "import peers", "import sides")]
            assert all(lines.index("import environment") < i for i in first), path.name


def module(name):
    return importlib.import_module(name)


def run(tmp_path, script, *arguments):
    """What a script prints; it may not fail."""
    environment = {**os.environ, "XDG_CACHE_HOME": str(tmp_path), "MPLCONFIGDIR": str(tmp_path), "PYTHONWARNINGS": "error"}
    environment.pop("FASTNET_PATH", None)              # a side that this process has run may have left its own
    result = subprocess.run([sys.executable, str(BENCH / script), *map(str, arguments)], env=environment,
                            capture_output=True, text=True)
    assert result.returncode == 0, result.stdout + result.stderr
    return result.stdout


@pytest.fixture(scope="module")
def results(tmp_path_factory):
    """The text and the JSON of a quick run, float32."""
    directory = tmp_path_factory.mktemp("bench")
    text = run(directory, "run.py", "--quick", "--peers", "numpy_out", "--only", "online,minibatch,call,inference",
               "--dtype", "float32", "--json", directory / "bench.json")
    return text, directory / "bench.json"


def test_run_prints_every_side_and_writes_what_it_printed(results):
    text, path = results
    found = json.loads(path.read_text(encoding="utf-8"))
    assert [result["kind"] for result in found["results"]] == ["online", "minibatch", "call", "inference"]
    for result in found["results"]:
        assert result["name"] in text and not result["failed"]
        assert {"fastnet", "BLAS", "numpy"} <= set(result["sides"])
        for name, side in result["sides"].items():
            assert name in text and 0 < side["min"] <= side["median"] and side["ratio"] > 0
    assert found["machine"]["processor"] in text and found["roof"]["gflops"]["float32"] > 0
    assert "goals, in this run" in text and all(goal["verdict"] for goal in found["goals"])


def test_the_measurement_with_two_threads_runs_or_says_why_not(tmp_path):
    text = run(tmp_path, "run.py", "--quick", "--peers", "none", "--only", "threads", "--dtype", "float32")
    assert "threads" in text


@pytest.mark.parametrize("script, says", [("trust.py", "against the reference"), ("digits.py", "times as fast"),
                                          ("imports.py", "difference"), ("growth.py", "ns a sample"),
                                          ("derivatives.py", "with the Jacobian"), ("many.py", "fit_many, 1 thread"),
                                          ("embed_c.py", "two threads"),
                                          ("embed.py", "low-level callable"),
                                          ("comfort.py", "ms an epoch of sgd"), ("export.py", "one sample x"),
                                          ("busy.py", ("one thread / two", "needs two processors")),
                                          ("memory.py", "peak of memory above the set")])
def test_the_other_scripts_run(script, says, tmp_path):
    text = run(tmp_path, script, "--quick")
    assert any(words in text for words in ([says] if isinstance(says, str) else says))


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="processes can't be bound to a processor here")
def test_thresholds_compares_both_ways_of_every_decision(tmp_path):
    text = run(tmp_path, "thresholds.py", "--quick", "--only", "sparse,half,backward,pack")
    assert "sparse inputs" in text and "half vectors" in text and "layers above the first" in text and "the plan takes" in text


@pytest.mark.parametrize("script, arguments, message", [
    ("run.py", ["--only", "onlin"], "expected some of online, minibatch, call, inference, import, threads; got onlin"),
    ("run.py", ["--peers", "all,fann"], "got all"), ("run.py", ["--quick", "--match", "[5, 6]"], "no work has '[5, 6]' in its name"),
    ("mnist.py", ["none.npz"], "no such file: none.npz"), ("published.py", ["none.npz"], "no such file"),
    ("memory.py", ["none.npz"], "no such file"), ("report.py", ["none.json"], "no such file"),
    ("plot.py", ["none.json", "bench.png"], "no such file"), ("thresholds.py", ["--only", "packs"], "got packs"),
    ("embed.py", ["--only", "numbas"], "got numbas"), ("digits.py", ["--quik"], "unrecognized arguments"),
    ("trust.py", ["--quik"], "unrecognized arguments")])
def test_a_wrong_argument_is_named_before_anything_runs(script, arguments, message, tmp_path):
    result = subprocess.run([sys.executable, str(BENCH / script), *arguments], env={**os.environ, "XDG_CACHE_HOME": str(tmp_path)},
                            capture_output=True, text=True, cwd=tmp_path)
    assert result.returncode and message in result.stderr and "Traceback" not in result.stderr


def test_estimators_are_measured_beside_theirs(tmp_path):
    pytest.importorskip("sklearn", minversion="1.7")
    text = run(tmp_path, "estimators.py", "--quick")
    assert text.count("predict, one row") == len(module("estimators").WORK) and "random states" in text


def test_estimators_are_measured_row_by_row_beside_what_the_peak_allows(tmp_path):
    pytest.importorskip("sklearn", minversion="1.7")
    text = run(tmp_path, "estimators.py", "--quick", "--only", "digits [,lbfgs", "--what", "fit", "--bound")
    rows = [row for row in text.splitlines() if " fit " in row]
    assert [("at most" in row, "lbfgs" in row) for row in rows] == [(True, False), (False, True)] and "predict" not in text


def test_mnist_trains_on_a_file_of_that_form(tmp_path, rng):
    labels = rng.integers(0, 10, 120).astype(np.uint8)
    images = rng.integers(0, 256, (120, 28, 28)).astype(np.uint8)
    np.savez(tmp_path / "mnist.npz", x_train=images[:105], y_train=labels[:105], x_test=images[105:], y_test=labels[105:])
    text = run(tmp_path, "mnist.py", tmp_path / "mnist.npz", "--epochs", 2, "--peers", "numpy_out", "--json", tmp_path / "m.json")
    found = json.loads((tmp_path / "m.json").read_text(encoding="utf-8"))["results"]
    assert {"fastnet", "numpy"} == {result["side"] for result in found if result["threads"] == 1} and "2 epochs" in text


def test_report_replaces_what_stands_between_the_markers(results, tmp_path):
    report = module("report")
    (tmp_path / "docs").mkdir()
    (tmp_path / "README.md").write_text(f"before\n{report.BEGIN}\nold\n{report.END}\nafter\n", encoding="utf-8")
    for _ in range(2):                                      # the second time over its own work
        run(tmp_path, "report.py", results[1], "--root", tmp_path)
        text = (tmp_path / "README.md").read_text(encoding="utf-8")
        assert text.startswith("before\n") and text.endswith("after\n") and "\nold\n" not in text
        assert text.count("Online training") == 1 and "| [4, 8, 3] |" in text


def test_readme_has_a_place_for_the_report():
    text, report = (BENCH.parent / "README.md").read_text(encoding="utf-8"), module("report")
    assert text.count(report.BEGIN) == text.count(report.END) == 1


def test_pictures_are_drawn(results, tmp_path):
    pytest.importorskip("matplotlib")
    run(tmp_path, "plot.py", results[1], tmp_path / "bench.png")
    run(tmp_path, "growth.py", "--quick", "--png", tmp_path / "growth.png")
    assert all((tmp_path / name).read_bytes().startswith(b"\x89PNG") for name in ("bench.png", "growth.png"))


# -- what must be right for a comparison to count ---------------------------------


@pytest.mark.parametrize("batch", [1, 10])
def test_a_side_that_computes_something_else_is_reported_and_not_timed(batch):
    sides, numpy_out, workloads = module("sides"), module("peers.numpy_out"), module("workloads")

    class Slightly:
        """numpy with a learning rate one part in a thousand too large."""

        NAME, OUTPUT = "slightly", "sigmoid"

        @staticmethod
        def train(sizes, dtype, X, Y, batch_size, eta, start):
            return numpy_out.Train(sizes, dtype, X, Y, batch_size, 1.001 * eta, start)

    work = workloads.Work("online" if batch == 1 else "minibatch", (4, 8, 3), batch, "float32")
    found, failed = sides.sides_of(work, [numpy_out, Slightly], module("timing").QUICK)
    assert [side.name for side in found] == ["numpy"] and "off by" in failed["slightly"]


def test_a_peer_that_breaks_does_not_stop_the_others():
    sides, numpy_out, workloads = module("sides"), module("peers.numpy_out"), module("workloads")

    class Broken:
        NAME, OUTPUT = "broken", "sigmoid"

        @staticmethod
        def infer(*work):
            raise AttributeError("no such name in this version")

    work = workloads.Work("inference", (4, 8, 3), 20, "float64")
    found, failed = sides.sides_of(work, [Broken, numpy_out], module("timing").QUICK)
    assert [side.name for side in found] == ["numpy"] and failed == {"broken": "AttributeError: no such name in this version"}


def test_the_expected_result_is_the_references_where_that_is_quick_and_the_engines_agree():
    itself, workloads = module("peers.fastnet_itself"), module("workloads")
    work = workloads.Work("minibatch", (3, 5, 2), 4, "float64")
    X, Y = workloads.data(work, 8)
    start = workloads.start(work.sizes, "float64")
    by_reference = itself.expected_training(work.sizes, X, Y, 4, 0.5, start, "sigmoid")
    plain = itself.Train(work.sizes, "float64", X, Y, 4, 0.5, start, path="plain")
    plain.run(1)
    np.testing.assert_allclose(plain.parameters(), by_reference, rtol=1e-13)
    assert np.abs(by_reference - start).max() > 1e-3


def test_flops_and_bytes_are_those_counted_by_hand():
    work = module("workloads").Work
    online = work("online", (4, 8, 3), 1, "float32")
    assert online.parameters == 4 * 8 + 8 + 8 * 3 + 3
    assert online.flops == 2 * (2 * 4 * 8) + 3 * (2 * 8 * 3)       # the first layer: forward and BP4; the second BP2 too
    assert online.bytes_read == 4 * (4 + 3) and online.bytes_updated == 4 * online.parameters
    batch = work("inference", (4, 8, 3), 100, "float64")
    assert batch.flops == 100 * 2 * (32 + 24)
    assert batch.bytes_read == 8 * (400 + 67) and batch.bytes_updated == 8 * 300


def test_shares_of_the_roof_take_the_memory_that_holds_the_data():
    from fastnet import _roof
    rates = {"L1": 100.0, "L2": 50.0, "L3": 25.0, "DRAM": 10.0}
    buffers = {"L1": 1000, "L2": 10_000, "L3": 10**6, "DRAM": 10**7}
    roof = _roof.Roof("", "", {"float32": 8.0, "float64": 4.0}, rates, rates, buffers)
    work = module("workloads").Work("online", (4, 8, 3), 1, "float32")      # 67 parameters in L1, 4096 samples in L3
    peak, bandwidth = work.share_of_roof(1e-6, roof)
    assert peak == pytest.approx(work.flops / 8e3)
    assert bandwidth == pytest.approx((28 / 25e3) + (268 / 100e3))


def test_an_epoch_is_whole_batches_of_the_data_every_side_gets():
    workloads = module("workloads")
    for work in workloads.all_work(["float32"]):
        assert work.rows % work.batch == 0 and work.rows >= work.batch
        assert work.kind == "call" or work.rows >= 2 * work.batch or not work.trains
    sparse = workloads.Work("online", (784, 30, 10), 1, "float32", 0.81)
    assert np.mean(workloads.data(sparse, 100)[0] == 0) == pytest.approx(0.81, abs=0.01)


def test_turns_are_taken_in_turn_and_every_side_is_warm():
    timing, seen = module("timing"), []
    runs = {name: lambda count, name=name: seen.append(name) for name in "ab"}
    found = timing.interleaved(runs, timing.Effort(4, 1e-9))
    assert seen[-8:] == list("abba" * 2) and set(seen[:-8]) == {"a", "b"}
    assert all(len(times.turns) == 4 and times.least <= times.median for times in found.values())


def test_goals_compare_with_the_fastest_side_that_is_not_fastnets():
    goals = module("goals")
    sides = {"fastnet": {"median": 1.0}, "BLAS": {"median": 1.5}, "torch": {"median": 9.0}, "jax": {"median": 3.5}}
    result = {"kind": "online", "sizes": [784, 30, 10], "batch": 1, "dtype": "float32", "zeros": 0.0, "sides": sides}
    found = {goal["goal"]: goal for goal in goals.online([result])}
    best, torch, blas = (found[f"online [784, 30, 10] float32: {what}"] for what in ("× best peer", "× torch", "of the time of BLAS"))
    assert (best["found"], best["verdict"]) == ("3.50×", "yes (jax)")
    assert (torch["found"], torch["verdict"]) == ("9.00×", "NO")
    assert (blas["found"], blas["verdict"]) == ("67 %", "NO")
    assert found["online [4, 8, 3] float32: × best peer"]["verdict"].startswith("not measured")


def test_a_cliff_is_time_that_flops_do_not_account_for():
    growth = module("growth")
    points = [{"value": n, "seconds": s, "flops": f} for n, s, f in ((8, 1, 100), (16, 3.9, 400), (17, 6.5, 440), (18, 6.6, 480))]
    assert [(a, b) for a, b, _ in growth.cliffs(points)] == [(16, 17)]


def test_the_profile_bench_says_whether_rows_add_up_and_what_profiling_costs(tmp_path):
    text = run(tmp_path, "profiling.py", "--quick")
    assert text.count("beside its time on another clock") == 2 and text.count("with a profile beside one without") == 2


def test_the_explain_bench_predicts_and_follows_advice(tmp_path):
    text = run(tmp_path, "explain.py", "--quick")
    assert "within 15 %" in text and "promised" in text and "kept" in text
