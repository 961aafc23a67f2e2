"""The gate on instruction counts: what it reads from callgrind, and when it is shut.  Valgrind is not needed."""

import importlib.util
import json
from pathlib import Path

import pytest

SCRIPT = Path(__file__).resolve().parent.parent / "bench" / "instructions.py"

pytestmark = pytest.mark.skipif(not SCRIPT.exists(), reason="bench/ is not beside the tests")

FACTS = {"machine": "x86_64", "compiler": "gcc 12.2.0", "python": "3.11.2", "python build": "-O2 shared", "cython": "3.1.4",
         "numpy": "2.4.6"}
FIGURES = {"an epoch": 20000.0, "a call": 1300.0}

# Two marks and the end, as callgrind 3.19 writes them with --combine-dumps=yes.
DUMPS = """\
part: 1
desc: Timerange: Basic block 0 - 8
desc: Trigger: --dump-before=getppid
positions: line
events: Ir
summary: 450002302
fn=(4) getppid
0 3
totals: 450002302

part: 2
desc: Trigger: --dump-before=getppid
summary: 596841
totals: 596841

part: 3
desc: Trigger: Program termination
summary: 28255136
totals: 28255136
"""


@pytest.fixture(scope="module")
def gate():
    spec = importlib.util.spec_from_file_location("instructions", SCRIPT)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def judge(gate, measured, recorded=FIGURES, facts=FACTS):
    record = {gate.key(FACTS, "avx2"): {"facts": FACTS, "figures": recorded}}
    return gate.judge(record, facts, {"avx2": measured})


def test_equal_figures_pass(gate):
    report, code = judge(gate, dict(FIGURES))
    assert code == 0 and "passed: every figure" in report and "FAILED" not in report


@pytest.mark.parametrize("name", FIGURES)
def test_one_grown_figure_shuts_the_gate(gate, name):
    report, code = judge(gate, {**FIGURES, name: FIGURES[name] * 1.031})
    assert code == 1 and "FAILED" in report and "+3.10 %  grew" in report


@pytest.mark.parametrize("percent", [-2.9, 2.9])
def test_a_change_within_the_tolerance_passes(gate, percent):
    measured = {name: figure * (1 + percent / 100) for name, figure in FIGURES.items()}
    report, code = judge(gate, measured)
    assert code == 0 and "grew" not in report and "fell" not in report


def test_a_tolerance_of_ones_own_decides(gate):
    measured = {name: figure * 1.02 for name, figure in FIGURES.items()}
    assert not gate.failed(gate.compare(FIGURES, measured))
    assert gate.failed(gate.compare(FIGURES, measured, tolerance=1))


def test_a_figure_that_fell_passes_and_asks_to_be_recorded(gate):
    report, code = judge(gate, {**FIGURES, "a call": 1000.0})
    assert code == 0 and "-23.08 %  fell" in report and "--update" in report


def test_a_growth_is_not_made_up_for_by_a_fall(gate):
    assert judge(gate, {"an epoch": 10000.0, "a call": 1400.0})[1] == 1


def test_a_recorded_figure_that_is_not_measured_shuts_the_gate(gate):
    report, code = judge(gate, {"an epoch": 20000.0})
    assert code == 1 and "gone" in report


def test_a_new_figure_passes_and_asks_to_be_recorded(gate):
    report, code = judge(gate, {**FIGURES, "a new one": 5.0})
    assert code == 0 and "new" in report and "--update" in report


@pytest.mark.parametrize("fact, value", [("machine", "aarch64"), ("compiler", "clang 14.0.6"), ("compiler", "gcc 13.1.0"),
                                         ("python", "3.12.0"), ("python build", "-O3 PGO"), ("cython", "3.2.0")])
def test_what_was_built_or_run_with_something_else_has_nothing_to_compare_with(gate, fact, value):
    report, code = judge(gate, {"a call": 9999.0}, facts={**FACTS, fact: value})
    assert code == 0 and "nothing to compare with" in report and "passed" not in report


@pytest.mark.parametrize("fact, value", [("compiler", "gcc 12.3.0"), ("python", "3.11.9"), ("cython", "3.1.0"), ("numpy", "2.5.0")])
def test_patch_releases_are_compared_and_told(gate, fact, value):
    report, code = judge(gate, {**FIGURES, "a call": 2000.0}, facts={**FACTS, fact: value})
    assert code == 1 and f"{fact} {value} (recorded with {FACTS[fact]})" in report


def test_one_level_that_fails_is_enough(gate):
    record = {gate.key(FACTS, level): {"facts": FACTS, "figures": FIGURES} for level in ("baseline", "avx2")}
    grown = {**FIGURES, "a call": 2000.0}
    assert gate.judge(record, FACTS, {"baseline": grown, "avx2": FIGURES})[1] == 1
    assert gate.judge(record, FACTS, {"baseline": FIGURES, "avx2": grown})[1] == 1
    assert gate.judge(record, FACTS, {"baseline": FIGURES, "avx2": FIGURES})[1] == 0


def test_a_level_that_this_processor_lacks_is_told(gate):
    record = {gate.key(facts, level): {"facts": facts, "figures": FIGURES} for level in ("baseline", "avx2")
              for facts in (FACTS, {**FACTS, "python": "3.12.0"})}
    report, code = gate.judge(record, FACTS, {"baseline": FIGURES})
    assert code == 0 and report.count("not measured: under valgrind this processor has no avx2") == 1 and "3.12" not in report


def test_counts_are_read_up_to_the_last_mark(gate):
    assert gate.totals(DUMPS) == [450002302, 596841]


def test_a_figure_is_the_difference_of_n_and_2n_times(gate):
    warm_up, before = 10**9, 10**6
    parts = [warm_up, before, 1500, 2500, before, 700, 1200]
    assert gate.figures(parts, [["avx2", "an epoch", 100], ["avx2", "a call", 5]]) == {"avx2": {"an epoch": 10.0, "a call": 100.0}}


def test_too_few_counts_are_refused(gate):
    with pytest.raises(gate.CannotCount, match="3 counts where 4 were expected"):
        gate.figures([1, 2, 3], [["avx2", "a call", 5]])


def test_without_valgrind_the_gate_says_so(gate, monkeypatch):
    monkeypatch.setenv("PATH", "")
    with pytest.raises(gate.CannotCount, match="valgrind is not on the PATH"):
        gate.measure()


def test_the_largest_difference_of_runs_is_named(gate):
    runs = [{"avx2": {"a": 100.0, "b": 200.0}}, {"avx2": {"a": 100.0, "b": 202.0}}, {"avx2": {"a": 100.5, "b": 201.0}}]
    assert gate.spread(runs) == (pytest.approx(1.0), "b, avx2")


def test_workloads_have_names_of_their_own(gate):
    names = [workload.name for workload in gate.WORKLOADS]
    assert len(set(names)) == len(names)


def test_the_record_holds_the_workloads_of_today(gate):
    record = json.loads(gate.RECORD.read_text(encoding="utf-8"))
    assert record
    for name, entry in record.items():
        assert name == gate.key(entry["facts"], name.rsplit(", ", 1)[1])
        assert set(entry["figures"]) == {workload.name for workload in gate.WORKLOADS}
