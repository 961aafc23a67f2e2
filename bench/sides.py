"""From a piece of work to times: every side is prepared, checked, given as many rows as it can handle, timed.

A side whose result is not the reference's is reported and never timed.
"""

import os
from typing import NamedTuple

import numpy as np

import timing
import workloads
from peers import fastnet_itself

TIMING_ETA = 1e-3
OWN = ("fastnet", "BLAS")


class Wrong(Exception):
    """A side computes something else."""


class Side(NamedTuple):
    """One side of one piece of work."""

    name: str
    run: object             # run(count)
    units: float            # units of work in a count


def tolerance(dtype, steps):
    """Relative to the largest value: rounding is relative to the terms of the sums; steps add up as a random walk."""
    return 50 * np.finfo(dtype).eps * max(1, steps) ** 0.5


def compare(name, found, expected, allowed):
    found, expected = np.asarray(found, float), np.asarray(expected, float)
    if found.shape != expected.shape:
        raise Wrong(f"{name}: a result of shape {found.shape}; expected {expected.shape}")
    error = np.abs(found - expected).max() / np.abs(expected).max()
    if not error <= allowed:
        raise Wrong(f"{name}: off by {error:.1e} of the largest value; {allowed:.1e} allowed")


def check_rows(work):
    """Samples of the check: a few batches, fewer steps for large nets."""
    return max(2 * work.batch, 16) // work.batch * work.batch


def check_eta(work):
    """A learning rate under which every parameter moves and none runs away: less for wide layers.

    1.25 / batch 2^k is exact in float32, where FANN keeps its learning rate.
    """
    return 1.25 * 2.0 ** -max(0, round(np.log2(max(work.sizes[:-1]) / 16)))


class Checker:
    """The expected results of one piece of work, computed once for all sides."""

    def __init__(self, work):
        self.work, self.eta, self.start = work, check_eta(work), workloads.start(work.sizes, work.dtype)
        self.X, self.Y = workloads.data(work, check_rows(work) if work.trains else None)
        self.expected = {}

    def training(self, module, train=None):
        """One epoch with a large learning rate, against the float64 reference."""
        work = self.work
        steps = len(self.X) // work.batch
        if module.OUTPUT not in self.expected:
            self.expected[module.OUTPUT] = fastnet_itself.expected_training(
                work.sizes, self.X, self.Y, work.batch, self.eta, self.start, module.OUTPUT)
        expected = self.expected[module.OUTPUT]
        allowed = tolerance(work.dtype, steps)
        moved = np.abs(expected - self.start).max() / np.abs(expected).max()
        if moved < 20 * allowed:
            raise Wrong(f"the check of {work.name} sees nothing: parameters move by {moved:.1e} only")
        side = (train or module.train)(work.sizes, work.dtype, self.X, self.Y, work.batch, self.eta, self.start)
        side.run(1)
        compare(module.NAME, side.parameters(), expected, allowed)

    def outputs(self, name, side):
        if "outputs" not in self.expected:
            self.expected["outputs"] = fastnet_itself.expected_outputs(self.work.sizes, self.X, self.start)
        compare(name, side.outputs(), self.expected["outputs"], tolerance(self.work.dtype, 1))


def fitted(work, train, seconds):
    """A side trained on as many of the rows as one turn allows, at least two batches: a Side's run and units.

    Slow sides see fewer rows: a step costs them the same, and their samples stay in the caches.
    """
    start = workloads.start(work.sizes, work.dtype)

    def prepared(rows):
        X, Y = workloads.data(work, rows)
        return train(work.sizes, work.dtype, X, Y, work.batch, TIMING_ETA, start)

    few = min(work.rows, max(2, 32 // work.batch) * work.batch)
    side = prepared(few)
    side.run(1)
    a_step = timing.seconds_of(side.run, 1) * work.batch / few
    rows = min(work.rows, max(few, int(seconds / a_step) * work.batch))
    if rows > few:
        side = prepared(rows)
    return side.run, rows / work.batch


def sides_of(work, modules, effort, checker=None):
    """([Side, ...], {name: why it is not measured})."""
    checker = checker or Checker(work)
    sides, failed = [], {}
    for module in modules:
        try:
            if work.trains and hasattr(module, "train"):
                checker.training(module)
                sides.append(Side(module.NAME, *fitted(work, module.train, effort.seconds)))
            elif not work.trains and hasattr(module, "infer"):
                side = module.infer(work.sizes, work.dtype, checker.X, checker.start)
                if side is not None:
                    checker.outputs(module.NAME, side)
                    sides.append(Side(module.NAME, side.run, 1))
        except Wrong as error:
            failed[module.NAME] = str(error)
        except Exception as error:                      # a peer of another version: the others are still measured
            if module.NAME in OWN:
                raise
            failed[module.NAME] = f"{type(error).__name__}: {error}"
    if work.kind == "call":
        for name, side in fastnet_itself.other_calls(work.sizes, work.dtype, checker.X, checker.start).items():
            if name != "empty call":
                checker.outputs(name, side)
            sides.append(Side(name, side.run, 1))
    return sides, failed


def threaded_sides(work, threads, effort):
    """fastnet with one thread and with several, for a process that has so many processors."""
    checker, sides = Checker(work), []
    for count in (1, threads):
        name = "fastnet" if count == 1 else f"fastnet, {count} threads"
        if work.trains:
            def train(*arguments, count=count):
                return fastnet_itself.Train(*arguments, threads=count)

            checker.training(fastnet_itself, train)
            sides.append(Side(name, *fitted(work, train, effort.seconds)))
        else:
            side = fastnet_itself.Infer(work.sizes, work.dtype, checker.X, checker.start, threads=count)
            checker.outputs(name, side)
            sides.append(Side(name, side.run, 1))
    return sides


def measure(work, modules, effort, roof, threads=1):
    """One piece of work as a dict for the JSON: what it is, and every side's times or failure."""
    if threads > 1:
        sides, failed = sides_of(work, [module for module in modules if module.NAME != "fastnet"], effort)
        sides = threaded_sides(work, threads, effort) + sides
    else:
        sides, failed = sides_of(work, modules, effort)
    times = timing.interleaved({side.name: side.run for side in sides}, effort)
    os.environ["FASTNET_PATH"] = "fast"
    result = {"kind": work.kind, "name": work.name, "sizes": list(work.sizes), "batch": work.batch, "dtype": work.dtype,
              "zeros": work.zeros, "threads": threads, "flops": work.flops, "sides": {}, "failed": failed}
    for side in sides:
        found = times[side.name]
        median, least = found.median / side.units, found.least / side.units
        entry = {"median": median, "min": least, "turns": [turn / side.units for turn in found.turns]}
        if side.name != "empty call":
            entry["of_peak"], entry["of_bandwidth"] = work.share_of_roof(median, roof)
        result["sides"][side.name] = entry
    own = result["sides"].get("fastnet")
    for entry in result["sides"].values():
        entry["ratio"] = entry["median"] / own["median"] if own else None
    return result
