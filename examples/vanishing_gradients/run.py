"""How much slower the first layers of a deep net learn: chapter 5 of M. Nielsen, Neural Networks and Deep Learning, 2015.

Figures are printed, the picture is FOLDER/vanishing_gradients.png.  Without --data it is the digits that come with
fastnet; his figures are of MNIST (--data mnist.npz, or a directory of IDX files).
"""

import argparse
from pathlib import Path

import numpy as np

import fastnet as fn

DEPTHS = 2, 3, 4       # hidden layers, of 30 neurons each
M = 1000               # samples, all of them in each step
STARTS = 100           # nets drawn to see how much of a norm is chance


def new_net(depth, n_in, seed):
    """Sigmoid and cross-entropy from the start of his network2: weights N(0, 1/p), biases N(0, 1)."""
    return fn.Network([n_in] + [30] * depth + [10], cost="cross_entropy", init="scaled", seed=seed)


def norms_at_start(depth, X, Y):
    """‖∂C/∂b^l‖ of untrained nets, (STARTS, depth), hidden layers only."""
    norms = fn.callbacks.DeltaNorms(X, Y)
    for seed in range(STARTS):
        norms.record(new_net(depth, X.shape[1], seed))
    return np.array(norms.nabla_b_norms)[:, :depth]


def norms_while_training(depth, X, Y, epochs):
    """The callback after gradient descent, eta = 0.1, on all samples at once, with his λ = 5: l2 = λ/m."""
    net, norms = new_net(depth, X.shape[1], 0), fn.callbacks.DeltaNorms(X, Y)
    norms.record(net)
    net.fit(X, Y, epochs=epochs, batch_size=len(X), learning_rate=0.1, l2=5 / len(X), shuffle=False,
            callbacks=norms)
    return norms


def what_helps(X, Y, hidden=4, nets=20):
    """Last over first hidden layer's norm in untrained nets, the median, by activation and start."""
    for name, options in {"sigmoid, scaled": {"init": "scaled"}, "sigmoid, glorot": {"init": "glorot"},
                          "tanh, auto": {"activation": "tanh"}, "relu, auto": {"activation": "relu"}}.items():
        norms = fn.callbacks.DeltaNorms(X, Y)
        for seed in range(nets):
            norms.record(fn.Network([X.shape[1]] + [30] * hidden + [10], output="sigmoid", cost="cross_entropy", seed=seed, **options))
        found = np.array(norms.nabla_b_norms)[:, :hidden]
        yield name, np.median(found[:, -1] / found[:, 0])


def listed(values):
    return "  ".join(f"{value:5.3f}" for value in values)


def main(folder, data, epochs):
    folder.mkdir(parents=True, exist_ok=True)
    split = fn.datasets.load(data, scale=data != "digits")
    X, Y = split.x_train[:M], split.y_train[:M]
    trained = []
    for depth in DEPTHS:
        starts = norms_at_start(depth, X, Y)
        low, middle, high = np.quantile(starts, (0.05, 0.5, 0.95), axis=0)
        norms = norms_while_training(depth, X, Y, epochs)
        speeds = np.array(norms.nabla_b_norms)[:, :depth]
        slower = speeds[:, -1] / speeds[:, 0]
        trained.append((depth, norms))
        print(f"{'-'.join(map(str, new_net(depth, X.shape[1], 0).sizes))}: norm of the gradient by the biases, hidden layers from the first",
              f"  at the start, median of {STARTS} nets  {listed(middle)}",
              f"     nine nets in ten lie between  {listed(low)}",
              f"                              and  {listed(high)}",
              f"  last / first: {np.median(starts[:, -1] / starts[:, 0]):.1f} at the start, in the median net; in the net trained "
              f"{slower[0]:.1f} at the start,", f"    {np.median(slower):.1f} in the median epoch, {slower[-1]:.1f} after {epochs}", sep="\n")
    print("four hidden layers, last / first at the start: " + "; ".join(f"{name} {factor:.3g}" for name, factor in what_helps(X, Y)))
    draw(trained, f"{len(X)} samples of {data if data == 'digits' else Path(data).stem}", folder / "vanishing_gradients.png")


def draw(trained, samples, path):
    try:
        import matplotlib
    except ImportError:
        print("no picture: matplotlib is not installed")
        return
    matplotlib.use("Agg")
    import matplotlib.pyplot as plt
    figure, axes = plt.subplots(1, len(trained), figsize=(12, 4), sharey=True, layout="constrained")
    for ax, (depth, norms) in zip(axes, trained):
        norms.plot(ax)
        ax.set_title(f"{depth} hidden layers")
        ax.grid(True, alpha=0.3)
        ax.label_outer()
    figure.suptitle(f"How fast each layer learns: {samples}, all of them in each step")
    figure.savefig(path, dpi=100)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", nargs="?", type=Path, default=Path("build"))
    parser.add_argument("--data", default="digits")
    parser.add_argument("--epochs", type=int, default=500)
    main(**vars(parser.parse_args()))
