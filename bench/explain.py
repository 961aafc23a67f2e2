"""What `explain` expects of a step beside what `fit` takes, and its advice followed.

    python bench/explain.py [--turns 15] [--quick]

What `fit` takes is an epoch's own time, in a shuffled order, the least of all turns: a busy machine adds to it.
First ten nets and batches: the model's step, the profiler's sum over operations, and `fit`, in turns of all three;
errors above 15 % are marked.  Then every piece of advice for six nets: the gain that was promised beside the gain that two
trainings show, as given and as advised, in turn; differences above 20 % are marked.
"""

import argparse
import statistics

import environment  # noqa: F401  (before NumPy: one BLAS thread)

import fastnet as fn
from fastnet import _measure, _model

# None of them is among those that the model was fitted to.
PREDICTED = [((784, 40, 10), 16), ((784, 64, 32, 10), 20), ((12, 50, 50, 2), 32), ((30, 100, 60, 5), 10), ((3, 20, 20, 1), 50),
             ((100, 100, 100, 10), 64), ((8, 32, 32, 32, 4), 100), ((500, 80, 20), 30), ((784, 50, 10), 1), ((20, 48, 48, 2), 1)]
ADVISED = [((784, 30, 10), 1, "float32", 1.0), ((10, 64, 64, 1), 2, "float64", 1.0), ((784, 100, 10), 10, "float64", 1.0),
           ((784, 300, 100, 10), 64, "float32", 1.0), ((4, 8, 3), 1, "float32", 1.0), ((784, 100, 10), 32, "float64", 0.19)]
NEAR, KEPT = 15.0, 20.0      # percent


def training(net, batch, threads=1, density=1.0):
    """seconds(epochs) of `fit`, a step: the least epoch's."""
    rows = 4 * len(_measure.Steps(net, batch, density).X)          # an epoch of some ten milliseconds
    (X, Y), net = _measure.samples(net, rows, density), net.copy()

    def seconds(epochs):
        history = net.fit(X, Y, epochs=epochs, batch_size=batch, learning_rate=1e-6, seed=0, threads=threads,
                          callbacks=_measure.after_every_epoch)
        return min(history.seconds) / (len(X) // batch)

    return seconds


def predicted(sizes, batch, dtype, turns):
    net = fn.Network(sizes, dtype=dtype, seed=0)
    fit = training(net, batch)
    steps = _measure.Steps(net, batch)
    fit(1)
    took, profiled = [], []
    for _ in range(turns):
        took.append(fit(4))
        profiled.append(sum(steps.operations(1).values()))
    model, least = sum(_model.expected(net, batch).values()), min(took)
    told = net.explain(batch_size=batch).measured_ns / 1e9
    error = lambda value: f"{1e6 * value:9.2f} {100 * (value / least - 1):+6.1f} %"
    far = "" if abs(model / least - 1) <= NEAR / 100 else "   ABOVE"
    print(f"{sizes!s:<24} {batch:4d}  {dtype}  {1e6 * least:9.2f}   {error(model)}   {error(min(profiled))}   {error(told)}{far}", flush=True)
    return abs(model / least - 1)


def followed(sizes, batch, dtype, density, turns):
    """Every piece of advice for one net: (promised, kept)."""
    net = fn.Network(sizes, dtype=dtype, seed=0)
    X, _ = _measure.samples(net, 500, density)
    told, found = net.explain(batch_size=batch, X=X), []
    before = training(net, batch, density=density)
    for change, promised, _ in told.advice:
        if promised is None:
            continue
        name, value = change.split("=")
        new_batch = int(value) if name == "batch_size" else batch
        after = training(net.copy(dtype="float32") if name == "dtype" else net, new_batch, int(value) if name == "threads" else 1,
                         density)
        times = [(before(4), after(4)) for _ in range(turns)]
        kept = min(a for a, _ in times) / batch / (min(b for _, b in times) / new_batch)
        off = 100 * (promised / kept - 1)
        print(f"{sizes!s:<24} {batch:4d}  {dtype}  {change:<18} promised {promised:5.2f}x   kept {kept:5.2f}x   {off:+6.1f} %"
              f"{'' if abs(off) <= KEPT else '   ABOVE'}", flush=True)
        found.append(off)
    return found


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--turns", type=int, default=15)
    parser.add_argument("--quick", action="store_true", help="tiny work: does it run?")
    args = parser.parse_args()
    turns, nets, advised = (2, PREDICTED[:1], ADVISED[1:2]) if args.quick else (args.turns, PREDICTED, ADVISED)
    _model.coefficients()              # at full length: it fits itself to every operation
    if args.quick:
        _measure.SECONDS = 1e-4
    print("net, batch, µs a step            fit, least       model              profile             explain's own")
    errors = [predicted(sizes, batch, ("float32", "float64")[i % 2], turns) for i, (sizes, batch) in enumerate(nets)]
    print(f"model: {sum(error <= NEAR / 100 for error in errors)} of {len(errors)} within {NEAR:.0f} %, median {100 * statistics.median(errors):.1f} %\n")
    offs = [off for work in advised for off in followed(*work, turns)]
    print(f"advice: {sum(abs(off) <= KEPT for off in offs)} of {len(offs)} within {KEPT:.0f} %")


if __name__ == "__main__":
    main()
