"""Instructions of training and of calls, counted by callgrind and held against bench/instructions.json.

Time on a shared machine moves by tens of percent; the number of instructions does not, so a copy, a check
or a lost vector loop shows here whatever else runs.  It does not show cache misses: bench/run.py does.

One process under valgrind runs every workload (WORKLOADS) n times and then 2n times; before each it calls
os.getppid, at whose entry callgrind writes down what it counted since the last time.  The difference of two
such counts is the workload alone, without the start of Python, the warm-up or the marks themselves.  The
addresses, the hash seed and the environment are the same in every run, and garbage is not collected.

    python bench/instructions.py            the table; exit code 1 if a figure grew by more than the tolerance
    python bench/instructions.py --update   record what was measured
    python bench/instructions.py --runs 3   and by how much the figures of three runs differ

Exit code 2: nothing could be counted.  The fastnet measured is the one that this interpreter imports.
"""

import argparse
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import NamedTuple

RECORD = Path(__file__).with_name("instructions.json")

# Figures repeat to 0.1 % on one build.  The rest is room for what the record's keys leave open, patch
# releases of the compiler, Python and NumPy; one needless check or copy in a call costs more than that.
TOLERANCE = 3.0             # percent

MARK = "getppid"            # the C library's function at which callgrind writes its counts
ROWS = 1000                 # samples of an epoch, and of the batch that is predicted
ROWS_OF_WIDE_NETS = 250     # where a sample takes tens of thousands of instructions
EPOCHS, CALLS, BATCHES = 1, 500, 2


class Workload(NamedTuple):
    """What is counted: an epoch of training, or a statement on a net."""

    sizes: tuple
    dtype: str
    batch_size: int | None = None       # of training; None: the statement is what is run
    statement: str | None = None
    zeros: float = 0.0                  # share of the inputs that are 0

    @property
    def name(self):
        what = f"epoch, batch {self.batch_size}" if self.batch_size else self.statement
        zeros = f", {self.zeros:.0%} zeros" if self.zeros else ""
        return f"{list(self.sizes)} {self.dtype}: {what}{zeros}"

    @property
    def rows(self):
        return ROWS if self.sizes[0] < 100 else ROWS_OF_WIDE_NETS

    @property
    def unit(self):
        return "a sample" if self.batch_size else "a call"


TRAINED = [((784, 30, 10), 1), ((784, 30, 10), 10), ((10, 64, 64, 1), 1), ((10, 64, 64, 1), 32),
           ((2, 16, 16, 1), 1), ((2, 16, 16, 1), 10), ((4, 8, 3), 1)]
TRAINED_IN_DOUBLE = [((784, 30, 10), 10), ((10, 64, 64, 1), 1)]
STATEMENTS = ["net(x)", "net.predict(x, out)", "f(x)", "f(x, out)"]

WORKLOADS = [
    *(Workload(sizes, "float32", batch_size) for sizes, batch_size in TRAINED),
    Workload((784, 30, 10), "float32", 1, zeros=0.81),                      # as in images of digits
    *(Workload(sizes, "float64", batch_size) for sizes, batch_size in TRAINED_IN_DOUBLE),
    *(Workload(sizes, "float32", statement=statement) for sizes in [(4, 8, 3), (10, 64, 64, 1)] for statement in STATEMENTS),
    Workload((10, 64, 64, 1), "float32", statement="net.predict(X)"),
    Workload((10, 64, 64, 1), "float32", statement="f(X)"),
]


# -- under valgrind ----------------------------------------------------------

def runner(workload):
    """(run, n, units): run(n) does the workload n times, which is `units` samples or calls a time."""
    import timeit

    import numpy as np

    import fastnet as fn

    rng = np.random.default_rng(0)
    X = rng.random((workload.rows, workload.sizes[0])).astype(workload.dtype)
    X[rng.random(X.shape) < workload.zeros] = 0
    net = fn.Network(workload.sizes, dtype=workload.dtype, seed=0)
    if workload.batch_size:
        Y = rng.random((workload.rows, workload.sizes[-1])).astype(workload.dtype)

        def train(epochs):
            net.fit(X, Y, epochs=epochs, batch_size=workload.batch_size, learning_rate=0.01, seed=0)

        return train, EPOCHS, workload.rows
    names = {"net": net, "f": net.freeze(), "X": X, "x": X[0].copy(), "out": np.empty(workload.sizes[-1], workload.dtype)}
    return timeit.Timer(workload.statement, globals=names).timeit, BATCHES if "X" in workload.statement else CALLS, 1


def warm_up():
    """Let the interpreter specialise what every workload shares: done in the midst of one, it costs up to 3 % there."""
    import numpy as np

    import fastnet as fn

    net, X, Y = fn.Network([2, 3, 1], seed=0), np.zeros((16, 2)), np.zeros((16, 1))
    for _ in range(50):
        for batch_size in (1, 8):
            net.fit(X, Y, epochs=2, batch_size=batch_size, learning_rate=0.01, seed=0)
        net.predict(X), net.freeze()(X)


def run_workloads(path):
    """Every workload at every level, three marks each; what was run goes to `path` as JSON."""
    import gc
    import platform
    import sysconfig

    import numpy as np

    from fastnet._core import kernels

    gc.disable()
    warm_up()
    os.getppid()                                        # the first call of all looks the function up
    segments = []
    for level in kernels.LEVELS:
        kernels.select_level(level)
        for workload in WORKLOADS:
            run, n, units = runner(workload)
            run(n)                                      # buffers get their place
            for count in (n, 2 * n):
                os.getppid()
                run(count)
            os.getppid()
            segments.append([level, workload.name, n * units])
    flags = [re.findall(r"-O\w*", f"-O? {sysconfig.get_config_var('PY_CFLAGS')}")[-1],
             *(["PGO"] if "--enable-optimizations" in f"{sysconfig.get_config_var('CONFIG_ARGS')}" else []),
             *(["shared"] if sysconfig.get_config_var("Py_ENABLE_SHARED") else [])]
    facts = {"machine": platform.machine(), "compiler": kernels.COMPILER, "python": platform.python_version(),
             "cython": re.sub(r"\D+", ".", type(kernels.level).__module__).strip("."), "numpy": np.__version__,
             "python build": " ".join(flags), "python compiler": platform.python_compiler(), "libc": "-".join(platform.libc_ver())}
    Path(path).write_text(json.dumps({"facts": facts, "segments": segments}), encoding="utf-8")
    os._exit(0)                                         # no tear-down: nothing of it is counted


# -- around it ---------------------------------------------------------------

class CannotCount(Exception):
    """Why there are no figures."""


def environment():
    """What the counted process may know: the same for everybody, but for where Python looks for modules."""
    kept = {name: os.environ[name] for name in ("PYTHONPATH", "LD_LIBRARY_PATH", "VALGRIND_LIB") if name in os.environ}
    return {"PATH": os.defpath, "LC_ALL": "C", "PYTHONHASHSEED": "0", "OPENBLAS_NUM_THREADS": "1", **kept}


def measure():
    """(facts, {level: {name: instructions a unit}}) of one run under valgrind."""
    valgrind = shutil.which("valgrind")
    if not valgrind:
        raise CannotCount("valgrind is not on the PATH; instructions are counted by its callgrind (apt install valgrind)")
    with tempfile.TemporaryDirectory() as directory:
        counts, ran = Path(directory, "counts"), Path(directory, "ran.json")
        command = [valgrind, "-q", "--vgdb=no", "--tool=callgrind", f"--dump-before={MARK}", "--combine-dumps=yes",
                   f"--callgrind-out-file={counts}", sys.executable, "-P", __file__, "--workloads", str(ran)]
        result = subprocess.run(command, env=environment(), cwd=directory, capture_output=True, text=True)
        if result.returncode or not ran.exists():
            raise CannotCount(f"the workloads failed under valgrind, exit code {result.returncode}:\n{result.stderr[-2000:]}")
        ran = json.loads(ran.read_text(encoding="utf-8"))
        return ran["facts"], figures(totals(counts.read_text(encoding="utf-8")), ran["segments"])


def totals(text):
    """Instructions between one mark and the next, from callgrind's file; the end of the process left out."""
    parts = re.findall(r"^desc: Trigger: (.*)\n(?:.*\n)*?totals: (\d+)$", text, re.MULTILINE)
    return [int(count) for trigger, count in parts if MARK in trigger]


def figures(parts, segments):
    """{level: {name: instructions}}: one mark to warm up, then three a segment, n and 2n times between them."""
    if len(parts) != 1 + 3 * len(segments):
        raise CannotCount(f"callgrind wrote {len(parts)} counts where {1 + 3 * len(segments)} were expected: "
                          f"does this C library name its {MARK}?")
    found = {}
    for i, (level, name, units) in enumerate(segments):
        once, twice = parts[2 + 3 * i:4 + 3 * i]
        found.setdefault(level, {})[name] = round((twice - once) / units, 1)
    return found


def key(facts, level):
    """What decides the counts, to the version that may change them: the record has one entry a key.

    How Python was built is part of it: a call is in good part the interpreter, and the same version
    from two makers differs by more than the tolerance.
    """
    compiler, _, version = facts["compiler"].partition(" ")
    minor = {name: ".".join(facts[name].split(".")[:2]) for name in ("python", "cython")}
    return (f"{facts['machine']}, {compiler} {version.split('.')[0]}, Python {minor['python']} ({facts['python build']}), "
            f"Cython {minor['cython']}, {level}")


class Row(NamedTuple):
    """One line of the table; a figure that one side lacks is None."""

    name: str
    recorded: float | None
    measured: float | None
    change: float | None                # percent
    verdict: str                        # "", "grew", "fell", "new" or "gone"


def compare(recorded, measured, tolerance=TOLERANCE):
    """Rows of recorded against measured figures, {name: instructions} each."""
    rows = []
    for name in [*measured, *(name for name in recorded if name not in measured)]:
        old, new = recorded.get(name), measured.get(name)
        if old is None or new is None:
            rows.append(Row(name, old, new, None, "new" if old is None else "gone"))
            continue
        change = 100 * (new / old - 1)
        rows.append(Row(name, old, new, change, "grew" if change > tolerance else "fell" if change < -tolerance else ""))
    return rows


def failed(rows):
    """Whether the gate is shut: a figure grew, or one that is recorded was not measured."""
    return any(row.verdict in ("grew", "gone") for row in rows)


def table(rows):
    """The rows as text, each figure with what it is counted for."""
    units = {workload.name: workload.unit for workload in WORKLOADS}
    width = max(len(row.name) for row in rows)

    def number(figure):
        return f"{'-' if figure is None else format(figure, ',.1f'):>12}"

    lines = [f"{'instructions':<{width}} {'':<8} {'recorded':>12} {'measured':>12} {'change':>8}"]
    for row in rows:
        change = "" if row.change is None else f"{row.change:+.2f} %"
        lines.append(f"{row.name:<{width}} {units.get(row.name, ''):<8} {number(row.recorded)} {number(row.measured)} "
                     f"{change:>8}  {row.verdict}".rstrip())
    return "\n".join(lines)


def judge(record, facts, measured, tolerance=TOLERANCE):
    """(report, exit code) for every level measured."""
    lines, code = [], 0
    for level, counts in measured.items():
        name = key(facts, level)
        entry = record.get(name)
        rows = compare(entry["figures"] if entry else {}, counts, tolerance)
        lines += ["", name, table(rows)]
        if not entry:
            lines.append("nothing to compare with: the record has no entry for this compiler, this Python, this Cython and level")
            continue
        other = [f"{fact} {facts[fact]} (recorded with {was})" for fact, was in entry["facts"].items() if facts[fact] != was]
        if failed(rows):
            code = 1
            lines.append(f"FAILED: more than {tolerance:g} % above the record, or gone from the measurement")
        elif any(row.verdict for row in rows):
            lines.append("passed; record the figures that fell or are new with --update")
        else:
            lines.append(f"passed: every figure within {tolerance:g} % of the record")
        if other:
            lines.append("other than when it was recorded: " + "; ".join(other))
    for name in record:
        level = name.removeprefix(key(facts, ""))
        if name != level and level not in measured:
            lines += ["", name, f"not measured: under valgrind this processor has no {level}"]
    return "\n".join(lines[1:]), code


def spread(runs):
    """The largest difference between runs, in percent of the least, and whose it is."""
    found = [(max(counts) / min(counts) - 1, level, name) for level in runs[0] for name in runs[0][level]
             for counts in [[run[level][name] for run in runs]]]
    part, level, name = max(found)
    return 100 * part, f"{name}, {level}"


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--update", action="store_true", help="record what was measured")
    parser.add_argument("--tolerance", type=float, default=TOLERANCE, help="percent of growth that passes (%(default)s)")
    parser.add_argument("--runs", type=int, default=1, help="run several times and print how much the figures differ")
    parser.add_argument("--workloads", metavar="FILE", help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.workloads:
        run_workloads(args.workloads)
    try:
        runs = [measure() for _ in range(max(1, args.runs))]
    except CannotCount as error:
        print(f"bench/instructions.py: {error}", file=sys.stderr)
        raise SystemExit(2) from None
    facts, measured = runs[0]
    record = json.loads(RECORD.read_text(encoding="utf-8")) if RECORD.exists() else {}
    report, code = judge(record, facts, measured, args.tolerance)
    print(report)
    if len(runs) > 1:
        print("largest difference of {} runs: {:.3f} % ({})".format(len(runs), *spread([figures for _, figures in runs])))
    if args.update:
        record |= {key(facts, level): {"facts": facts, "figures": counts} for level, counts in measured.items()}
        RECORD.write_text(json.dumps(record, indent=1, sort_keys=True) + "\n", encoding="utf-8")
        print(f"recorded in {RECORD}")
        code = 0
    raise SystemExit(code)


if __name__ == "__main__":
    main()
