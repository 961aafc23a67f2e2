"""M. Nielsen's published results on MNIST (Neural networks and deep learning, 2015, chapters 1 and 3).

    python bench/published.py FILE.npz [--dtype float32] [--seeds 0 1 2] [--only 1 2 3]

FILE.npz holds x_train, y_train, x_test, y_test as uint8.  The first 50,000 images train, the
10,000 test images test; pixels are divided by 256.  The book quotes the best epoch of a run;
printed here are the last one and the best.  Weights from N(0, 1) saturate the outputs over 100
hidden neurons at the start, and in many runs of the second net an output or two never recover,
which costs ten points each: compare several seeds.
"""

import argparse

import numpy as np

import choices
import fastnet as fn

RUNS = {
    1: ("[784, 30, 10], quadratic, eta 3, 30 epochs", "about 95 %", [784, 30, 10], {"init": "normal"},
        {"epochs": 30, "learning_rate": 3.0}),
    2: ("[784, 100, 10], quadratic, eta 3, 30 epochs", "about 96.6 %", [784, 100, 10], {"init": "normal"},
        {"epochs": 30, "learning_rate": 3.0}),
    3: ("[784, 100, 10], cross-entropy, eta 0.1, lambda 5, 60 epochs", "about 98.0 %", [784, 100, 10],
        {"init": "scaled", "cost": "cross_entropy"}, {"epochs": 60, "learning_rate": 0.1, "l2": 5.0 / 50_000}),
}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("file", type=choices.file)
    parser.add_argument("--dtype", default="float32", choices=["float32", "float64"])
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--only", type=int, nargs="+", choices=list(RUNS), default=list(RUNS))
    args = parser.parse_args()
    with np.load(args.file) as data:
        x_train, y_train = data["x_train"][:50_000], data["y_train"][:50_000].astype(int)
        x_test, y_test = data["x_test"], data["y_test"].astype(int)
    x_train, x_test = (x.reshape(len(x), -1).astype(args.dtype) / 256 for x in (x_train, x_test))

    for number, seed in ((number, seed) for number in args.only for seed in args.seeds):
        what, published, sizes, of_net, of_fit = RUNS[number]
        net = fn.Network(sizes, dtype=args.dtype, seed=seed, **of_net)
        seen = []
        history = net.fit(x_train, y_train, batch_size=10, seed=seed, progress=False, **of_fit,
                          callbacks=lambda info: seen.append(np.mean(info.net.classify(x_test) == y_test)))
        print(f"{what}, seed {seed}: {100 * seen[-1]:.2f} %, best {100 * max(seen):.2f} % (published: {published}), "
              f"{np.median(history.seconds):.3f} s an epoch", flush=True)


if __name__ == "__main__":
    main()
