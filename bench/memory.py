"""What training takes in memory beside the set itself, and what conversion costs in time: 60,000 images of 784 bytes.

    python bench/memory.py [FILE.npz] [--dtype float32] [--quick] [--json FILE]

FILE.npz holds x_train and y_train as uint8; without it images are drawn, 19 % of whose pixels are not 0, as
MNIST's.  Memory: each side loads the bytes in a process of its own, trains one epoch of [784, 30, 10] on a few
rows so that everything is loaded, then on all of them; printed is by how much the peak of the resident memory
rose above what it was before; of a set in a file the pages that are read count too, as far as the system
leaves them.  Standardised: by `fit(scale=...)`, and by scikit-learn's StandardScaler before its net.  Time: an epoch from bytes beside one from floats converted beforehand, sides in
turn within one process, medians of the turns; nothing is printed unless all sides come to the same parameters, bit for bit.
Beside them bytes that the net scales, a batch at a time ("scaled").
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile

import environment

import numpy as np

import choices
import fastnet as fn

SIZES, RATE = (784, 30, 10), 0.001
SIDES = ("fastnet, uint8", "fastnet, uint8 in a file", "fastnet, a float copy", "fastnet, uint8, standardised",
         "fastnet, uint8 in a file, standardised", "scikit-learn, uint8", "scikit-learn, a float copy", "scikit-learn, uint8, standardised")
MIB = 2**20


def images(path, quick):
    """x (m, 784) and y (m,), uint8."""
    if path:
        with np.load(path) as file:
            x, y = file["x_train"], file["y_train"]
        return x.reshape(len(x), -1), y
    m, rng = 2000 if quick else 60_000, np.random.default_rng(0)
    x = np.empty((m, 784), np.uint8)
    for start in range(0, m, 1000):
        block = rng.integers(1, 256, (1000, 784), np.uint8)
        x[start:start + 1000] = block * (rng.random((1000, 784), np.float32) < 0.19)
    return x, rng.integers(0, 10, m, np.uint8)


# -- memory: in a process of its own ------------------------------------------------


def resident(name):
    """VmRSS, or VmHWM: its peak."""
    with open("/proc/self/status", encoding="ascii") as file:
        return int(next(line for line in file if line.startswith(name)).split()[1]) * 1024


def train_fastnet(x, y, dtype, scale):
    fn.Network(SIZES, dtype=dtype, seed=0).fit(x, y, epochs=1, batch_size=10, learning_rate=RATE, seed=0, scale="standardize" if scale else None)


def train_sklearn(x, y, dtype, scale):
    import warnings
    from sklearn.neural_network import MLPClassifier
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler
    warnings.simplefilter("ignore")
    net = MLPClassifier(SIZES[1:-1], activation="logistic", solver="sgd", batch_size=10, max_iter=1, learning_rate_init=RATE)
    (make_pipeline(StandardScaler(), net) if scale else net).fit(x, y)


def measure(side, folder, dtype):
    """Print the peak of resident memory above what the set and the libraries take, in bytes."""
    mapped, scale = "in a file" in side, side.endswith("standardised")
    x, y = np.load(os.path.join(folder, "x.npy"), mmap_mode="r" if mapped else None), np.load(os.path.join(folder, "y.npy"))
    train = train_fastnet if side.startswith("fastnet") else train_sklearn
    copied = (lambda x: x.astype(dtype)) if "copy" in side else (lambda x: x)
    few = np.r_[np.arange(500), [np.flatnonzero(y == label)[0] for label in range(10)]]
    train(copied(np.ascontiguousarray(x[few])), y[few], dtype, scale)
    before = resident("VmRSS")
    with open("/proc/self/clear_refs", "w", encoding="ascii") as file:
        file.write("5")                                    # the peak counts from here
    train(copied(x), y, dtype, scale)
    print(resident("VmHWM") - before)


def peaks(x, y, dtype):
    """Bytes by side; None: it is not installed, or the system does not count so."""
    found = {}
    with tempfile.TemporaryDirectory() as folder:
        np.save(os.path.join(folder, "x.npy"), x)
        np.save(os.path.join(folder, "y.npy"), y)
        for side in SIDES:
            result = subprocess.run([sys.executable, __file__, "--side", side, "--folder", folder, "--dtype", dtype],
                                    capture_output=True, text=True)
            found[side] = int(result.stdout) if result.returncode == 0 else None
    return found


# -- time --------------------------------------------------------------------------


def epochs(x, y, dtype, batch_size, turns):
    """Seconds of an epoch from bytes, from floats, from floats of the other precision, and from bytes that are scaled,
    turn by turn: of each the least of three epochs."""
    other = "float64" if dtype == "float32" else "float32"
    sides = {"uint8": (x, None), dtype: (x.astype(dtype), None), other: (x.astype(other), None), "scaled": (x, "standardize")}
    seconds, ends = {name: [] for name in sides}, set()
    for _ in range(turns):
        for name, (given, scale) in sides.items():
            net = fn.Network(SIZES, dtype=dtype, seed=0)
            history = net.fit(given, y, epochs=3, batch_size=batch_size, learning_rate=RATE, seed=0, scale=scale)
            seconds[name].append(min(history.seconds))         # without the pass in which a scaling is learned
            if not scale:
                ends.add(net.parameters.tobytes())
    if len(ends) != 1:
        raise SystemExit("training from bytes and from floats came to different bits")
    return seconds


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("file", nargs="?", type=choices.file)
    parser.add_argument("--dtype", default="float32", choices=["float32", "float64"])
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--json", help="file to write")
    parser.add_argument("--side", help=argparse.SUPPRESS)
    parser.add_argument("--folder", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.side:
        measure(given.side, given.folder, given.dtype)
        return
    environment.pin()
    x, y = images(given.file, given.quick)
    print(f"{len(x)} images of {x.shape[1]} bytes, {x.nbytes / MIB:.0f} MiB; {100 * np.count_nonzero(x) / x.size:.0f} % of the pixels are not 0; "
          f"{given.dtype}, in which the set takes {x.size * np.dtype(given.dtype).itemsize / MIB:.0f} MiB\n")
    print(f"{'':40s}{'peak of memory above the set, MiB':>35s}")
    found = {"memory": peaks(x, y, given.dtype), "seconds": {}}
    for side, peak in found["memory"].items():
        print(f"{side:40s}{'not measured' if peak is None else f'{peak / MIB:.0f}':>35s}")
    dense = np.maximum(x, 1)
    print(f"\nan epoch of {list(SIZES)}, ms, by what the set holds")
    for kind, given_x in (("as it is", x), ("no pixel 0", dense)):
        for batch_size in (1, 10, 128):
            seconds = epochs(given_x, y, given.dtype, batch_size, 1 if given.quick else 7)
            median = {name: statistics.median(times) for name, times in seconds.items()}
            found["seconds"][f"{kind}, batch {batch_size}"] = median
            ratio, scaled = (statistics.median(a / b for a, b in zip(seconds[one], seconds[another]))
                             for one, another in (("uint8", given.dtype), ("scaled", "uint8")))
            print(f"{kind + ', batch ' + str(batch_size):24s}" + "".join(f"{name:>10s} {1e3 * value:8.1f}" for name, value in median.items())
                  + f"    uint8 takes {ratio:.2f} of the time of {given.dtype}, scaled {scaled:.2f} of that of uint8")
    if given.json:
        with open(given.json, "w", encoding="utf-8") as file:
            json.dump(found, file, indent=1)


if __name__ == "__main__":
    main()
