"""Taking turns: every side warm, then repeats in turn within one process, so that noise meets all alike."""

import gc
import statistics
import time
from typing import NamedTuple


class Effort(NamedTuple):
    """How long and how often is measured."""

    repeats: int        # turns of each side
    seconds: float      # that a turn should take


FULL, QUICK = Effort(7, 0.1), Effort(2, 0.002)


class Times(NamedTuple):
    """Seconds of one unit of work (a step, a call, a batch): the median and the least of the turns."""

    median: float
    least: float
    turns: list


clock = time.perf_counter       # run.py --cpu-time: time.process_time, which a busy machine disturbs less


def seconds_of(run, count):
    start = clock()
    run(count)
    return clock() - start


def count_for(run, seconds, most=1_000_000):
    """How often `run` is to be repeated to fill so many seconds; leaves it warm."""
    run(1)
    count = 1
    while True:
        taken = seconds_of(run, count)
        if taken >= seconds / 2 or count >= most:
            return max(1, min(most, round(count * seconds / max(taken, 1e-9))))
        count = min(most, max(2 * count, int(count * seconds / max(taken, 1e-9))))


def interleaved(runs, effort):
    """Times of every side.

    Parameters
    ----------
    runs : dict
        Name -> run(count), which does its work `count` times.
    effort : Effort

    Returns
    -------
    dict
        Name -> Times of one count.
    """
    counts = {name: count_for(run, effort.seconds) for name, run in runs.items()}
    turns = {name: [] for name in runs}
    names = list(runs)
    gc.collect()
    gc.disable()
    try:
        for repeat in range(effort.repeats):
            shift = repeat % len(names)                     # nobody always follows the same neighbour
            for name in names[shift:] + names[:shift]:
                turns[name].append(seconds_of(runs[name], counts[name]) / counts[name])
    finally:
        gc.enable()
    return {name: Times(statistics.median(times), min(times), times) for name, times in turns.items()}


def ratio(times, one, other):
    """Times of `one` over that of `other`: the median over turns of each turn's own."""
    return statistics.median(a / b for a, b in zip(times[one].turns, times[other].turns))


def warm_blas():
    """One product large enough to touch OpenBLAS's buffers: in a fresh process its first small ones are slow."""
    import numpy as np
    import scipy.linalg.blas as blas
    for dtype, gemm in (("float32", blas.sgemm), ("float64", blas.dgemm)):
        a, b = np.ones((768, 64), dtype), np.ones((64, 384), dtype)
        np.matmul(a, b)
        gemm(1.0, a, b)
