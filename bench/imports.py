"""What `import fastnet` costs beside `import numpy` and the peers: fresh processes, in turn.

    python bench/imports.py [--quick]
"""

import environment

import argparse
import statistics
import subprocess
import sys

TURNS = 21
MODULES = {"numpy": "numpy", "fastnet": "fastnet", "scikit-learn": "sklearn.neural_network", "torch": "torch",
           "jax": "jax", "onnxruntime": "onnxruntime"}
TIMED = "import time; start = time.perf_counter(); import {}; print(time.perf_counter() - start)"


def seconds(module):
    code = TIMED.format(module)
    return float(subprocess.run([sys.executable, "-c", code], capture_output=True, check=True).stdout)


def result(names, quick=False):
    """Times of the imports of those sides that are Python packages, in the form of the other results."""
    names = ["numpy"] + [name for name in MODULES if name in names and name != "numpy"]
    turns = {name: [] for name in names}
    heavy = {"torch", "jax", "scikit-learn"}
    count = 2 if quick else TURNS
    for turn in range(count + 1):                       # the first one finds cold files
        for name in names:
            if name not in heavy or turn <= 5:
                turns[name].append(seconds(MODULES[name]))
    found = {name: times[1:] for name, times in turns.items()}
    sides = {name: {"median": statistics.median(times), "min": min(times), "turns": times} for name, times in found.items()}
    own = sides.get("fastnet", sides["numpy"])["median"]
    for side in sides.values():
        side["ratio"] = side["median"] / own
    return {"kind": "import", "name": "import", "sizes": [], "batch": 1, "dtype": "", "zeros": 0.0, "threads": 1,
            "flops": 0, "sides": sides, "failed": {}}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true")
    environment.pin()
    found = result(["numpy", "fastnet"], parser.parse_args().quick)["sides"]
    numpy, fastnet = found["numpy"]["median"], found["fastnet"]["median"]
    difference = statistics.median(b - a for a, b in zip(found["numpy"]["turns"], found["fastnet"]["turns"]))
    print(f"median of {len(found['numpy']['turns'])} pairs: numpy {1e3 * numpy:.1f} ms, fastnet (numpy with it) "
          f"{1e3 * fastnet:.1f} ms, difference {1e3 * difference:.1f} ms   (<= 25)")


if __name__ == "__main__":
    main()
