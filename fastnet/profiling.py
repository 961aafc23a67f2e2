"""profile: where the time of everything in a with block goes, operation by operation and layer by layer.

Written down by fastnet/_core/profile.pyx while the block runs; made into seconds, rates and shares of the
roof here, once it is left.  Rows add up to the block's time on the clock: what no operation took is the
spans' own, and what is left of the block is outside fastnet.
"""

import json
import os
import time
from typing import NamedTuple

from fastnet import _checks, _files
from fastnet._core import kernels
from fastnet._core import profile as core
from fastnet._rates import bytes_of, flops_of
from fastnet._roof import roof
from fastnet.tables import aligned

EVENTS = 65536          # operations and spans that a trace keeps
_clock = {}             # ticks a second, what a reading costs: measured once a process


class ProfileRow(NamedTuple):
    """One operation on one layer of one kind of work, or one span."""

    thread: str
    work: str                # "fit minibatch [784, 30, 10] float32 batch 10"; "" for spans
    operation: str
    layer: int | None        # numbered as in `weights`; None where it has none
    calls: int
    total: float             # seconds, whatever runs within it included
    self: float              # seconds of its own
    gflops: float | None     # 10^9 multiplications and additions a second
    gbytes: float | None     # 10^9 bytes of weights and activations a second
    roof: float | None       # share of what this processor could do at most
    bound: str | None        # "flops" or "memory": which roof is meant


class Profile:
    """What `profile()` gives; complete once its block is left.

    Attributes
    ----------
    rows : list of ProfileRow
        Of this thread, then of the threads that fastnet started.
    seconds : float
        The block's time on the clock.
    running : float
        The share of it in which this thread had a processor; what it waited for one stands in the rows that it
        was at.
    overhead : float
        Seconds of it that went into profiling itself, as measured: a reading's cost times their number.
    sampled : dict
        For each kind of work the share of its steps that was timed; the others were counted.
    explained : dict
        For each kind of work what the timed steps, times their share, came to: 1 if they stand for the others.
    """

    def __init__(self, events):
        self._events = events
        self.rows, self.seconds, self.running, self.overhead, self.sampled, self.explained = None, None, None, 0.0, {}, {}

    # -- the block -------------------------------------------------------------

    def __enter__(self):
        if self.rows is not None or hasattr(self, "_recorder"):
            raise RuntimeError("a profile is taken once; call profile() again")
        if not _clock:
            _clock.update(rate=ticks_a_second(), reading=core.reading_ticks())
        recorder = core.Recorder("main", self._events, _clock["reading"])
        recorder.start()
        self._recorder = recorder
        self._ran = time.thread_time()
        return self

    def __exit__(self, kind, error, traceback):
        recorder = self._recorder
        recorder.stop()
        ran = time.thread_time() - self._ran
        self._found = [recorder.found(), *(child.found() for child in recorder.children)]
        self.seconds = self._found[0]["spans"]["outside fastnet"][1] / _clock["rate"]
        self.running = min(1.0, ran / self.seconds)
        self._read()

    # -- from ticks to rows ----------------------------------------------------

    def _read(self):
        self._tick = 1 / _clock["rate"]
        self._origin = self._found[0]["began"]
        self.rows, self._calls, top, shared = [], {}, roof(), {}
        for region in (region for found in self._found for region in found["regions"]):
            shared.setdefault(work_name(region), []).append(region.cells()[..., 0])
        for found in self._found:
            rows, uncounted = [], 0.0                  # calls of one sample are in no span
            for region in found["regions"]:
                if not region.counts()["inside"]:
                    continue
                work = Work(region, self._tick, _clock["reading"])
                rows += work.rows(found["thread"], top, shared[work.name])
                uncounted += work.inside if region.counted else 0.0
                self.overhead += work.overhead
                self.sampled[f"{found['thread']}: {work.name}"] = float(work.timed)
                self.explained[f"{found['thread']}: {work.name}"] = float(work.explained)
                self._calls[f"{found['thread']}: {work.name}"] = region.calls
            for name, (calls, total, own) in found["spans"].items():
                own = own * self._tick - (uncounted if name == "outside fastnet" else 0)
                rows.append(ProfileRow(found["thread"], "", name, None, calls, total * self._tick, max(own, 0.0),
                                       None, None, None, None))
            self.rows += sorted(rows, key=lambda row: -row.self)

    def _ready(self):
        if self.rows is None:
            raise RuntimeError("the profile is still open: leave its with block first")

    @property
    def accounted(self):
        """The sum of this thread's rows over the block's time on the clock."""
        self._ready()
        return sum(row.self for row in self.rows if row.thread == "main") / self.seconds

    # -- what came of it -------------------------------------------------------

    def table(self, most=None):
        """The rows as text, the longest first; of every thread at most `most`.

        Examples
        --------
        >>> import fastnet as fn
        >>> net = fn.Network([2, 3, 1], seed=0)
        >>> with fn.profile() as p:
        ...     history = net.fit([[0, 1], [1, 0]], [[0], [1]], epochs=2)
        >>> "ms on the clock" in p.table()
        True
        """
        self._ready()
        most = None if most is None else _checks.check_count("most", most)
        head = ("operation", "layer", "calls", "total ms", "self ms", "%", "GFLOP/s", "GB/s", "% of roof")
        lines = [f"{self.seconds * 1e3:.3f} ms on the clock, {kernels.level()}; rows add up to {100 * self.accounted:.1f} %; "
                 f"profiling took {100 * self.overhead / self.seconds:.1f} %"]
        if self.running < 0.95:
            lines.append(f"this thread had a processor for {100 * self.running:.0f} % of that: the rest is what waiting adds to the rows")
        for thread in dict.fromkeys(row.thread for row in self.rows):
            mine = [row for row in self.rows if row.thread == thread]
            for work in dict.fromkeys(row.work for row in mine):
                part = [row for row in mine if row.work == work]
                took = sum(row.self for row in part)
                cells = [head] + [self._cells(row) for row in part[:most]]
                timed, calls = self.sampled.get(f"{thread}: {work}", 1.0), self._calls.get(f"{thread}: {work}")
                note = f" in {calls:,} calls" if calls else ""
                note += "" if timed == 1 else f", {100 * timed:.1f} % of the steps timed"
                lines += ["", f"{thread}: {work or 'Python'}, {took * 1e3:.3f} ms{note}", *aligned(cells)]
        return "\n".join(lines)

    def _cells(self, row):
        def number(value, text):
            return "" if value is None else format(value, text)

        return (row.operation, "" if row.layer is None else str(row.layer), f"{row.calls:,}", f"{row.total * 1e3:.3f}",
                f"{row.self * 1e3:.3f}", f"{100 * row.self / self.seconds:.1f}", number(row.gflops, ".1f"),
                number(row.gbytes, ".1f"), "" if row.roof is None else f"{100 * row.roof:.0f} {row.bound}")

    def __str__(self):
        return "<an open profile>" if self.rows is None else self.table()

    __repr__ = __str__

    def to_dict(self):
        """Everything as plain Python values."""
        self._ready()
        return {"seconds": self.seconds, "accounted": self.accounted, "running": self.running, "overhead": self.overhead, "level": kernels.level(),
                "sampled": dict(self.sampled), "explained": dict(self.explained), "rows": [row._asdict() for row in self.rows]}

    def trace_events(self):
        """The events of the trace, in Chrome's trace event format, times in microseconds.

        Notes
        -----
        The format is described in "Trace Event Format" of the Catapult project; Perfetto and speedscope read it.
        """
        self._ready()
        events = [{"ph": "M", "name": "process_name", "pid": 1, "tid": 1, "args": {"name": "fastnet"}}]
        for tid, found in enumerate(self._found, 1):
            events.append({"ph": "M", "name": "thread_name", "pid": 1, "tid": tid, "args": {"name": found["thread"]}})
            for name, start, end in found["marks"]:
                events.append(self._event(name, "span", start, end - start, tid, {}))
            for region in found["regions"]:
                work = work_name(region)
                for start, ticks, operation, layer in region.events():
                    events.append(self._event(operation, "operation", start, ticks, tid, {"layer": layer, "work": work}))
        return sorted(events, key=lambda event: (event["ph"] != "M", event.get("ts", 0), -event.get("dur", 0)))

    def _event(self, name, category, start, ticks, tid, arguments):
        scale = 1e6 * self._tick
        return {"ph": "X", "name": name, "cat": category, "ts": max(0.0, round((start - self._origin) * scale, 3)),
                "dur": round(ticks * scale, 3), "pid": 1, "tid": tid, "args": arguments}

    def export_chrome_trace(self, path):
        """Write the trace as JSON, for ui.perfetto.dev, speedscope.app or chrome://tracing.

        Parameters
        ----------
        path : str or os.PathLike
            Where to; an existing file is replaced, once the new one is complete.

        Raises
        ------
        OSError
            If the file cannot be written; what was there before is then still there.

        Notes
        -----
        A bounded number of events is kept, `events` of `profile`: the first spans, and of every kind of work
        the last 4096 operations.  "dropped" in the file says how many were not.
        """
        self._ready()
        target = os.path.realpath(_files.check_path(path))
        mode = _files.mode_to_keep(target)
        dropped = sum(found["lost"] + sum(region.events_lost for region in found["regions"]) for found in self._found)
        whole = {"traceEvents": self.trace_events(), "displayTimeUnit": "ns", "otherData": {"dropped": dropped}}
        _files.write_atomically(target, mode, [json.dumps(whole).encode()])

    def plot(self, axes=None):
        """Two figures side by side: the roofline with the operations as points, and time by layer and operation.

        Parameters
        ----------
        axes : pair of matplotlib.axes.Axes, optional
            Where to draw; None: in a new figure.

        Returns
        -------
        ndarray of matplotlib.axes.Axes, shape (2,)
        """
        self._ready()
        from fastnet.plotting import plot_profile
        return plot_profile(self, axes)


def profile(events=EVENTS):
    """Profile everything that fastnet does in a with block.

    Parameters
    ----------
    events : int
        Most events that a trace keeps; 0: none.

    Returns
    -------
    Profile
        A context manager.  `table()`, `to_dict()`, `export_chrome_trace(path)` and `plot()` say what was found,
        once the block is left.

    Raises
    ------
    RuntimeError
        If this thread has a profile open already.

    Notes
    -----
    It sees what this thread does, and the threads that fastnet starts for it; other threads may have
    profiles of their own.  An exception in the block passes through it, and what was measured up to then is
    there.  Results are the same, to the bit.

    Between two operations a cycle counter is read, ten to twenty nanoseconds each, and what readings cost is
    taken off the rows.  Where that would be more than 3 % of a step, sixteen steps in a row are timed now and
    then and stand for the others, so that the rows of a kind of work always add up to what it took.

    Examples
    --------
    >>> import fastnet as fn
    >>> digits = fn.datasets.digits()
    >>> net = fn.Network([64, 30, 10], seed=0)
    >>> with fn.profile() as p:
    ...     history = net.fit(digits.x_train, digits.y_train, epochs=1)
    >>> {row.operation for row in p.rows} >= {"forward", "bp4", "fit"}
    True
    """
    return Profile(_checks.check_count("events", events, minimum=0))


def ticks_a_second(seconds=0.02):
    """Of the clock of compiled code, against the monotonic clock."""

    def pair():
        """Both clocks at one moment: of some tries the one that took least."""
        tries = [(core.now(), time.perf_counter(), core.now()) for _ in range(50)]
        before, clock, after = min(tries, key=lambda one: one[2] - one[0])
        return (before + after) / 2, clock

    first = pair()
    while time.perf_counter() < first[1] + seconds:
        pass
    last = pair()
    return (last[0] - first[0]) / (last[1] - first[1])


class Work:
    """One kind of work: its cells, made into rows that add up to its time.

    Readings are taken off every operation and stand in a row of their own.  What is left of the time is
    divided as the timed steps were; where all were timed that changes next to nothing.  Of calls that are
    only counted, the timed ones stand for all.
    """

    def __init__(self, region, tick, reading):
        self.region, self.name, self.tick = region, work_name(region), tick
        counts, cells = region.counts(), region.cells()
        self.samples, self.steps = counts["samples"], counts["steps"]
        self.timed = counts["timed_steps"] / self.steps if counts["timed_steps"] else 1.0
        calls, ticks = cells[..., 0].astype(float), cells[..., 1].astype(float)
        readings = reading * counts["laps"]
        ticks = (ticks - reading * calls).clip(0)
        exact = [core.OPERATIONS.index(name) for name in core.EXACT]
        scaled = [index for index in range(len(ticks)) if index not in exact]
        whole = max(0.0, counts["inside"] - ticks[exact].sum() - readings)
        if region.counted:
            whole /= self.timed
        found = ticks[scaled].sum()
        self.explained = found / self.timed / whole if whole else 1.0      # by the timed steps, before it is made to add up
        ticks[scaled] *= whole / found if found else 0.0
        calls[scaled] /= self.timed
        self.calls, self.seconds = calls, ticks * tick
        self.untimed = 0.0 if found else whole * tick
        self.overhead = readings * tick
        self.inside = float(self.seconds.sum()) + self.untimed + self.overhead

    def rows(self, thread, roof, shared):
        """`shared` are the calls of all threads that this work is divided among."""
        made, calls = [], sum(shared)
        for index, operation in enumerate(core.OPERATIONS):
            for layer in range(len(self.region.activation)):
                count, took = float(self.calls[index, layer]), float(self.seconds[index, layer])
                if count:
                    made.append(ProfileRow(thread, self.name, operation, None if operation in WHOLE else layer, round(count),
                                           took, took, *self.rates(operation, layer, took, roof, self.region.cells()[index, layer, 0] / calls[index, layer],
                                                             count / len(shared))))
        for name, took in (("not timed", self.untimed), ("profiling", self.overhead)):
            if took:
                made.append(ProfileRow(thread, self.name, name, None, 1, took, took, *[None] * 4))
        return made

    def rates(self, operation, layer, took, roof, part, passes):
        """From a thread's part of the operations and how often it passed over the weights: GFLOP/s, GB/s, the share of the roof and which roof; None where nothing is counted."""
        region = self.region
        dtype = "float32" if region.single else "float64"
        flops = flops_of(operation, region, layer) * self.samples * part
        read, updated = bytes_of(operation, region, layer, passes, self.samples * part)
        if took <= 0 or not (flops or read or updated):
            return [None] * 4
        memory = roof.memory(sum(p * n for p, n in zip(region.sizes, region.sizes[1:])) * (4 if region.single else 8))
        least = {"flops": flops / (1e9 * roof.gflops[dtype]),
                 "memory": read / (1e9 * roof.read[memory]) + updated / (1e9 * roof.update[memory])}
        bound = max(least, key=least.get)
        return flops / took / 1e9 if flops else None, (read + 2 * updated) / took / 1e9, least[bound] / took, bound


WHOLE = ("update", "barrier", "step", "pack", "unpack")      # of all layers at once


def work_name(region):
    batch = f" batch {region.batch_size}" if region.batch_size else ""
    return f"{region.kind} {region.path} {list(region.sizes)} {'float32' if region.single else 'float64'}{batch}"
