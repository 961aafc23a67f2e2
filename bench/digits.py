"""Handwritten digits: held-out accuracy of five seeds, and an epoch beside the pure-Python reference.

    python bench/digits.py [--quick]
"""

import sys
import time

import numpy as np

import fastnet as fn
from fastnet import reference

QUICK = "--quick" in sys.argv
SEEDS, EPOCHS = (1, 2) if QUICK else (5, 30)
ROWS = 20 if QUICK else 400      # of the reference's epoch; its time is proportional to the rows


def main():
    digits = fn.datasets.digits()
    epoch_seconds = []
    for seed in range(SEEDS):
        net = fn.Network([64, 30, 10], seed=seed)
        history = net.fit(digits.x_train, digits.y_train, epochs=EPOCHS, batch_size=10, learning_rate=3.0, seed=seed)
        accuracy = np.mean(net.classify(digits.x_test) == digits.y_test)
        epoch_seconds += history.seconds
        print(f"seed {seed}: {100 * accuracy:.2f} % of {len(digits.x_test)} held-out images, "
              f"{EPOCHS} epochs in {sum(history.seconds):.3f} s")

    net = fn.Network([64, 30, 10], seed=0)
    w, b = [w.tolist() for w in net.weights], [b.tolist() for b in net.biases]
    X, Y = digits.x_train[:ROWS].tolist(), np.eye(10)[digits.y_train[:ROWS]].tolist()
    start = time.perf_counter()
    reference.sgd_epoch(w, b, X, Y, 3.0, 10)
    pure = (time.perf_counter() - start) * len(digits.x_train) / ROWS
    print(f"an epoch: pure Python {pure:.2f} s ({ROWS} rows timed), fastnet {1e3 * np.median(epoch_seconds):.3f} ms "
          f"(median of {len(epoch_seconds)}): {pure / np.median(epoch_seconds):.0f} times as fast")


if __name__ == "__main__":
    main()
