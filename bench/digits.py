"""Handwritten digits: held-out accuracy of five seeds, and an epoch beside the pure-Python reference.

    python bench/digits.py [--quick]
"""

import argparse
import time

import numpy as np

import fastnet as fn
from fastnet import reference


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="one seed, two epochs: whether it runs")
    quick = parser.parse_args().quick
    seeds, epochs = (1, 2) if quick else (5, 30)
    rows = 20 if quick else 400      # of the reference's epoch; its time is proportional to the rows
    digits = fn.datasets.digits()
    epoch_seconds = []
    for seed in range(seeds):
        net = fn.Network([64, 30, 10], seed=seed)
        history = net.fit(digits.x_train, digits.y_train, epochs=epochs, batch_size=10, learning_rate=3.0, seed=seed)
        accuracy = np.mean(net.classify(digits.x_test) == digits.y_test)
        epoch_seconds += history.seconds
        print(f"seed {seed}: {100 * accuracy:.2f} % of {len(digits.x_test)} held-out images, "
              f"{epochs} epochs in {sum(history.seconds):.3f} s")

    net = fn.Network([64, 30, 10], seed=0)
    w, b = [w.tolist() for w in net.weights], [b.tolist() for b in net.biases]
    X, Y = digits.x_train[:rows].tolist(), np.eye(10)[digits.y_train[:rows]].tolist()
    start = time.perf_counter()
    reference.sgd_epoch(w, b, X, Y, 3.0, 10)
    pure = (time.perf_counter() - start) * len(digits.x_train) / rows
    print(f"an epoch: pure Python {pure:.2f} s ({rows} rows timed), fastnet {1e3 * np.median(epoch_seconds):.3f} ms "
          f"(median of {len(epoch_seconds)}): {pure / np.median(epoch_seconds):.0f} times as fast")


if __name__ == "__main__":
    main()
