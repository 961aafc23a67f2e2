"""What `import fastnet` costs beside `import numpy`: pairs of fresh processes, in turn."""

import statistics
import subprocess
import sys

PAIRS = 21
TIMED = "import time; start = time.perf_counter(); import {}; print(time.perf_counter() - start)"


def seconds(module):
    return float(subprocess.run([sys.executable, "-c", TIMED.format(module)], capture_output=True, check=True).stdout)


def main():
    pairs = [(seconds("numpy"), seconds("fastnet")) for _ in range(PAIRS + 2)][2:]
    numpy, fastnet = (statistics.median(column) for column in zip(*pairs))
    difference = statistics.median(b - a for a, b in pairs)
    print(f"median of {PAIRS} pairs: numpy {1e3 * numpy:.1f} ms, fastnet (numpy with it) {1e3 * fastnet:.1f} ms, "
          f"difference {1e3 * difference:.1f} ms   (<= 25)")


if __name__ == "__main__":
    main()
