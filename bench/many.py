"""A thousand nets [4, 8, 3] on data of iris's size: fit_many with one thread and two, beside a loop over
scikit-learn's MLPClassifier at the same settings.

    python bench/many.py [--nets 1000] [--epochs 100] [--batch 10] [--dtype float32] [--turns 5] [--peer-nets 20] [--quick]

Both sides: tanh, softmax, cross-entropy, plain gradient descent without momentum and penalty, the same
number of epochs and batches, no stopping, a net for every seed.  scikit-learn trains a sample of
--peer-nets of them, timed one by one, and the whole is extrapolated from its median; --peer-nets 1000
trains all.  Sides take turns within one run; a ratio is the median over turns of each turn's own.
"""

import argparse
import os
import statistics
import time
import warnings

import environment  # noqa: F401  (before NumPy: one BLAS thread)
import numpy as np

import fastnet as fn

SIZES, RATE = [4, 8, 3], 0.1


def iris_like(rng):
    """150 samples of 3 classes, 4 numbers each, as iris has: one class apart, two that touch."""
    centres = np.array([[5.0, 3.4, 1.5, 0.2], [5.9, 2.8, 4.3, 1.3], [6.6, 3.0, 5.6, 2.0]])
    Y = np.repeat(np.arange(3), 50)
    X = centres[Y] + rng.standard_normal((150, 4)) * [0.5, 0.35, 0.45, 0.22]
    return (X - X.mean(axis=0)) / X.std(axis=0), Y


def many(X, Y, args, threads, nets):
    fits = fn.fit_many(fn.grid(seed=range(nets)), X, Y, sizes=SIZES, activation="tanh", output="softmax",
                       cost="categorical_cross_entropy", dtype=args.dtype, epochs=args.epochs, batch_size=args.batch,
                       learning_rate=RATE, threads=threads, progress=False)
    return statistics.mean(fit.accuracy for fit in fits)


def peer(X, Y, args, seed):
    """One net of scikit-learn's, and its accuracy."""
    from sklearn.neural_network import MLPClassifier
    net = MLPClassifier(hidden_layer_sizes=tuple(SIZES[1:-1]), activation="tanh", solver="sgd", alpha=0.0, batch_size=args.batch,
                        learning_rate_init=RATE, momentum=0.0, nesterovs_momentum=False, max_iter=args.epochs, tol=0.0,
                        n_iter_no_change=args.epochs + 1, random_state=seed)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")            # that it has not converged is as it should be
        net.fit(X.astype(args.dtype), Y)
    assert net.n_iter_ == args.epochs
    return float(np.mean(net.predict(X.astype(args.dtype)) == Y))


def seconds_of(work, *arguments):
    start = time.perf_counter()
    found = work(*arguments)
    return time.perf_counter() - start, found


def measure(X, Y, args):
    """Seconds of every side by turn, for all nets; mean accuracy of each."""
    sides = {"fit_many, 1 thread": lambda turn: seconds_of(many, X, Y, args, 1, args.nets)}
    if len(environment.cpus() or [0]) > 1:
        sides["fit_many, 2 threads"] = lambda turn: seconds_of(many, X, Y, args, 2, args.nets)
    try:
        import sklearn  # noqa: F401
    except ImportError:
        print("scikit-learn is not installed: left out")
    else:
        def loop(turn):
            seeds = range(turn * args.peer_nets, (turn + 1) * args.peer_nets)
            each = [seconds_of(peer, X, Y, args, seed) for seed in seeds]
            return statistics.median(seconds for seconds, _ in each) * args.nets, statistics.mean(found for _, found in each)
        sides["scikit-learn, a loop"] = loop
    many(X, Y, args, 1, min(args.nets, 20))        # warm
    times, accuracies = {name: [] for name in sides}, {name: [] for name in sides}
    for turn in range(args.turns):
        for name, run in sides.items():
            seconds, accuracy = run(turn)
            times[name].append(seconds)
            accuracies[name].append(accuracy)
    return times, accuracies


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--nets", type=int, default=1000)
    parser.add_argument("--epochs", type=int, default=100)
    parser.add_argument("--batch", type=int, default=10)
    parser.add_argument("--dtype", default="float32", choices=["float32", "float64"])
    parser.add_argument("--turns", type=int, default=5)
    parser.add_argument("--peer-nets", type=int, default=20)
    parser.add_argument("--quick", action="store_true")
    args = parser.parse_args()
    if args.quick:
        args.nets, args.epochs, args.turns, args.peer_nets = 20, 5, 2, 2
    X, Y = iris_like(np.random.default_rng(0))
    times, accuracies = measure(X, Y, args)
    first = times["fit_many, 1 thread"]
    print(f"{args.nets} nets {SIZES}, {args.dtype}, {len(X)} samples, {args.epochs} epochs, batch {args.batch}; "
          f"{os.cpu_count()} processors, {args.turns} turns")
    print(f"{'':24}{'seconds':>10}{'nets/s':>10}{'to 1 thread':>14}{'accuracy':>10}")
    for name, seconds in times.items():
        ratio = statistics.median(one / other for one, other in zip(first, seconds))
        middle = statistics.median(seconds)
        print(f"{name:24}{middle:10.3f}{args.nets / middle:10.0f}{ratio:13.3f}x{statistics.mean(accuracies[name]):10.3f}")
    if "scikit-learn, a loop" in times:
        for name in [name for name in times if name.startswith("fit_many")]:
            ratio = statistics.median(loop / own for loop, own in zip(times["scikit-learn, a loop"], times[name]))
            print(f"{name} is {ratio:.0f} times as fast as scikit-learn's loop"
                  + (f", of which {args.peer_nets} nets a turn were trained" if args.peer_nets < args.nets else ""))


if __name__ == "__main__":
    main()
