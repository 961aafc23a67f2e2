"""M. Nielsen's first network on MNIST: [784, 30, 10], sigmoid, quadratic cost, eta 3, batches of 10.

    python bench/mnist.py FILE.npz [--dtype float32] [--seed 0] [--epochs 30]

FILE.npz holds x_train, y_train, x_test, y_test as uint8.  The first 50,000 images train, the
10,000 test images test; pixels are divided by 256; weights and biases start from N(0, 1).
"""

import argparse
import time

import numpy as np

import fastnet as fn


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("file")
    parser.add_argument("--dtype", default="float64")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--epochs", type=int, default=30)
    args = parser.parse_args()
    with np.load(args.file) as data:
        x_train, y_train = data["x_train"][:50_000], data["y_train"][:50_000].astype(int)
        x_test, y_test = data["x_test"], data["y_test"].astype(int)
    x_train, x_test = (x.reshape(len(x), -1).astype(args.dtype) / 256 for x in (x_train, x_test))

    net = fn.Network([784, 30, 10], init="normal", dtype=args.dtype, seed=args.seed)
    start = time.perf_counter()
    history = net.fit(x_train, y_train, epochs=args.epochs, batch_size=10, learning_rate=3.0, seed=args.seed)
    seconds = time.perf_counter() - start
    print(f"{args.dtype}, seed {args.seed}: {100 * np.mean(net.classify(x_test) == y_test):.2f} % of {len(x_test)} "
          f"test images after {args.epochs} epochs, {seconds:.2f} s in all, {np.median(history.seconds):.3f} s an epoch")


if __name__ == "__main__":
    main()
