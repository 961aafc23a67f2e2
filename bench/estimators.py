"""fastnet.sklearn beside sklearn.neural_network: time to fit, time to predict, scores over seeds.

    python bench/estimators.py [--dtype float64] [--epochs 20] [--turns 5] [--seeds 10] [--cpu-time]
                               [--only digits,iris] [--what fit,predict,scores] [--bound] [--quick]

The two take turns within one run, each fits the same data with the same settings and the same number of epochs;
a ratio is the median over turns of each turn's own.  Fits of iris take ten times the epochs: they are done in a few ms.
One thread, unless FASTNET_BENCH_THREADS says otherwise
(scikit-learn's BLAS reads it; fastnet's n_threads is set to it).  Scores: real data, fits to their own end,
mean and standard deviation over random states, which decide weights and order of samples alike on both sides;
the same states score the same until rounding parts them.  --bound: what the products of a fit alone take at the peak that
`fastnet.roof()` measures, so many multiplications and additions as the method has (of inputs that are not 0), and the ratio
that nothing could pass that makes them all.
"""

import argparse
import statistics
import time
import warnings

import choices
import environment
import numpy as np
from sklearn import neural_network
from sklearn.datasets import load_digits, load_iris, make_regression
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import StandardScaler

import fastnet
import fastnet.sklearn

MODULES = {"scikit-learn": neural_network, "fastnet": fastnet.sklearn}
clock = time.perf_counter
AT_LEAST = {"fit": 3.0, "predict, one row": 10.0}


def digits():
    X, y = load_digits(return_X_y=True)
    return X / 16, y


def iris():
    X, y = load_iris(return_X_y=True)
    return StandardScaler().fit_transform(X), y


def regression():
    X, y = make_regression(n_samples=2000, n_features=10, noise=10, random_state=0)
    return X, y / y.std()


def wide(density=1.0):
    """784 inputs, as many as an image of MNIST has; of the values of those 19 % are not 0."""
    rng = np.random.default_rng(0)
    X = rng.random((4000, 784)) * (rng.random((4000, 784)) < density)
    return X, rng.integers(0, 10, len(X))


WORK = {     # name: (kind, data, hidden layers, options)
    "digits [64, 100, 10]": ("MLPClassifier", digits, (100,), {}),
    "digits, sgd, batch 32": ("MLPClassifier", digits, (100,), {"solver": "sgd", "batch_size": 32, "learning_rate_init": 0.05}),
    "iris [4, 100, 3]": ("MLPClassifier", iris, (100,), {}),
    "iris [4, 10, 3], batch 10": ("MLPClassifier", iris, (10,), {"batch_size": 10}),
    "iris [4, 10, 3], lbfgs": ("MLPClassifier", iris, (10,), {"solver": "lbfgs", "tol": 0.0}),
    "regression [10, 64, 64, 1]": ("MLPRegressor", regression, (64, 64), {}),
    "784 wide [784, 100, 10]": ("MLPClassifier", wide, (100,), {}),
    "784 wide, 81 % zeros": ("MLPClassifier", lambda: wide(0.19), (100,), {}),
    "784 wide, batch 32": ("MLPClassifier", wide, (100,), {"batch_size": 32}),
    "784 wide, zeros, batch 32": ("MLPClassifier", lambda: wide(0.19), (100,), {"batch_size": 32}),
}
SCORED = {   # name: (kind, data, options)
    "digits, adam": ("MLPClassifier", digits, {"hidden_layer_sizes": 50}),
    "digits, sgd, early stopping": ("MLPClassifier", digits, {"hidden_layer_sizes": 50, "solver": "sgd", "learning_rate_init": 0.1,
                                                                "early_stopping": True}),
    "iris, lbfgs": ("MLPClassifier", iris, {"hidden_layer_sizes": 10, "solver": "lbfgs", "alpha": 0.1}),
    "iris, adam": ("MLPClassifier", iris, {"hidden_layer_sizes": 10, "learning_rate_init": 0.01, "max_iter": 500}),
    "regression, adam": ("MLPRegressor", regression, {"hidden_layer_sizes": (64, 64)}),
    "regression, sgd, adaptive": ("MLPRegressor", regression, {"hidden_layer_sizes": (32,), "solver": "sgd", "learning_rate": "adaptive",
                                                                "learning_rate_init": 0.01}),
}


def made(module, kind, **options):
    if module is MODULES["fastnet"]:
        options["n_threads"] = environment.THREADS
    return getattr(module, kind)(**options)


def seconds_of(act, least=0.01):
    """Seconds of one `act`, the mean of as many as fill `least` seconds."""
    count = 1
    while True:
        start = clock()
        for _ in range(count):
            act()
        taken = clock() - start
        if taken >= least:
            return taken / count
        count = max(2 * count, int(count * least / max(taken, 1e-9)))


def in_turns(acts, turns):
    """Seconds by side, one a turn, every side warm."""
    seconds = {name: [] for name in acts}
    for act in acts.values():
        act()
    for turn in range(turns):
        for name in list(acts) if turn % 2 else reversed(acts):
            seconds[name].append(seconds_of(acts[name]))
    return seconds


def at_peak(X, epochs, sizes, dtype):
    """Seconds of the products of so many epochs at the processor's peak: forward and BP4 of every layer, BP2 above the first."""
    products = [p * n for p, n in zip(sizes, sizes[1:])]
    flops = 2 * epochs * (2 * np.count_nonzero(X) * sizes[1] + len(X) * 3 * sum(products[1:]))
    return flops / (1e9 * fastnet.roof().gflops[dtype])


def line(name, what, seconds, least=None):
    theirs, ours = seconds["scikit-learn"], seconds["fastnet"]
    ratio = statistics.median(a / b for a, b in zip(theirs, ours))
    wanted = AT_LEAST.get(what, 0)
    print(f"  {name:28} {what:18} {1e3 * statistics.median(theirs):12.3f} {1e3 * statistics.median(ours):12.3f} {ratio:8.1f}x"
          f"{'' if ratio >= wanted else f'   below {wanted:g}'}"
          f"{'' if least is None else f'   products at the peak {1e3 * least:.3f}, at most {statistics.median(theirs) / least:.1f}x'}",
          flush=True)
    return ratio


def chosen(work, only):
    """Those whose name has one of the words in it."""
    return {name: told for name, told in work.items() if any(word in name for word in only)}


def speed(dtype, epochs, turns, rows, only, what, bound):
    print(f"{dtype}, {epochs} epochs (iris {10 * epochs}), {environment.THREADS} thread(s), ms")
    print(f"  {'':28} {'':18} {'scikit-learn':>12} {'fastnet':>12} {'ratio':>9}")
    for name, (kind, data, hidden, options) in chosen(WORK, only).items():
        X, y = data()
        X, y = X[:rows].astype(dtype), y[:rows]
        epochs_here = epochs * (10 if data is iris else 1)
        options = {"tol": 0.0, "n_iter_no_change": np.inf, "max_iter": epochs_here, "random_state": 0, **options}
        fits = {side: made(module, kind, hidden_layer_sizes=hidden, **options) for side, module in MODULES.items()}
        if "fit" in what:
            seconds = in_turns({side: lambda net=net: net.fit(X, y) for side, net in fits.items()}, turns)
            known = bound and options.get("solver") != "lbfgs"
            line(name, "fit", seconds, at_peak(X, epochs_here, fits["fastnet"].network_.sizes, dtype) if known else None)
        if "predict" not in what:
            continue
        for net in fits.values():
            net.fit(X, y)
        same = [net.predict(X) for net in fits.values()]
        assert same[0].shape == same[1].shape and same[0].dtype == same[1].dtype
        many = np.resize(X, (1000, X.shape[1]))
        for how, part in (("predict, one row", X[:1]), ("predict, 1,000 rows", many)):
            line(name, how, in_turns({side: lambda net=net: net.predict(part) for side, net in fits.items()}, turns))


def scores(seeds, rows, only):
    print(f"\nscores on a test set, {seeds} random states: mean ± standard deviation")
    print(f"  {'':28} {'scikit-learn':>18} {'fastnet':>18} {'difference':>12}")
    for name, (kind, data, options) in chosen(SCORED, only).items():
        X, y = data()
        parts = train_test_split(X[:rows], y[:rows], test_size=0.3, random_state=0)
        found = {side: [made(module, kind, random_state=seed, **options).fit(parts[0], parts[2]).score(parts[1], parts[3])
                        for seed in range(seeds)] for side, module in MODULES.items()}
        mean, spread = ({side: f(values) for side, values in found.items()} for f in (np.mean, np.std))
        shown = [f"{mean[side]:.4f} ± {spread[side]:.4f}" for side in MODULES]
        print(f"  {name:28} {shown[0]:>18} {shown[1]:>18} {mean['fastnet'] - mean['scikit-learn']:>+12.4f}", flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--dtype", default="float64", choices=["float32", "float64"])
    parser.add_argument("--epochs", type=int, default=20)
    parser.add_argument("--turns", type=int, default=5)
    parser.add_argument("--seeds", type=int, default=10)
    parser.add_argument("--cpu-time", action="store_true", help="processor time, which a busy machine disturbs less")
    parser.add_argument("--only", default="", help="words: rows whose names have one of them")
    parser.add_argument("--what", default="fit,predict,scores", type=choices.some_of(["fit", "predict", "scores"]), help="any of these, between commas")
    parser.add_argument("--bound", action="store_true", help="what the processor's peak allows")
    parser.add_argument("--quick", action="store_true", help="tiny work, to see that it runs")
    args = parser.parse_args()
    if args.cpu_time:
        global clock
        clock = time.process_time
    if args.quick:
        args.epochs, args.turns, args.seeds = 2, 1, 1
    environment.pin()
    warnings.simplefilter("ignore")
    rows = 160 if args.quick else None
    only, what = args.only.split(","), args.what
    if not chosen(WORK | SCORED, only):
        parser.error(f"--only: no row has one of {args.only} in its name")
    if {"fit", "predict"} & set(what):
        speed(args.dtype, args.epochs, args.turns, rows, only, what, args.bound)
    if "scores" in what:
        scores(args.seeds, rows, only)


if __name__ == "__main__":
    main()
