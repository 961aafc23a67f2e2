"""The chain of trust, printed: the worst error of each link over 60 random nets and batches.

finite differences -> reference.py -> float64 kernels -> float32 kernels, and every instruction
level.  Errors of gradients are relative to the gradient's largest entry.

    python bench/trust.py [--quick]
"""

import argparse

import numpy as np

import fastnet as fn
from fastnet import reference
from fastnet._core import kernels

WIDTHS = [*range(1, 34), 63, 64, 65]
SMOOTH = ("sigmoid", "tanh", "identity", "gelu", "silu", "softplus", "sin")


def nets(count):
    """So many nets with samples: layers of one neuron, batches of one, widths around every vector width."""
    rng = np.random.default_rng(0)
    for i in range(count):
        sizes = [int(n) for n in rng.choice(WIDTHS, rng.integers(2, 5))] if i else [1, 1]
        names = [str(name) for name in rng.choice(SMOOTH, len(sizes) - 1)]
        net = fn.Network(sizes, activation=names, init="lecun", seed=i)
        m = (1, 2, 5)[i % 3]
        yield net, rng.standard_normal((m, sizes[0])), rng.random((m, sizes[-1]))


def flat(nabla_w, nabla_b):
    return np.concatenate([np.concatenate([np.ravel(w), np.ravel(b)]) for w, b in zip(nabla_w, nabla_b)])


def relative(found, expected):
    expected = np.asarray(expected, float)
    return np.abs(np.asarray(found, float) - expected).max() / np.abs(expected).max()


def as_lists(net):
    return [w.tolist() for w in net.weights], [b.tolist() for b in net.biases]


def reference_gradient(net, X, Y):
    found = reference.gradient(*as_lists(net), X.tolist(), Y.tolist(), net.activations)
    return flat(found.nabla_w, found.nabla_b)


def differences(count):
    """The reference against finite differences, on nets small enough to take them."""
    rng, worst = np.random.default_rng(1), 0.0
    for i in range(count):
        sizes = [int(n) for n in rng.integers(1, 9, rng.integers(2, 5))] if i else [1, 1]
        net = fn.Network(sizes, activation=[str(name) for name in rng.choice(SMOOTH, len(sizes) - 1)], init="lecun", seed=i)
        m = (1, 2, 5)[i % 3]
        X, Y = rng.standard_normal((m, sizes[0])), rng.random((m, sizes[-1]))
        found = reference.numerical_gradient(*as_lists(net), X.tolist(), Y.tolist(), net.activations)
        worst = max(worst, relative(flat(*found), reference_gradient(net, X, Y)))
    return worst


def experiment(count):
    """delta of the kernels against the answer of the cost to a change of one weighted input."""
    worst, dz = 0.0, 1e-4
    for net, X, Y in nets(count):
        x, y = X[0], Y[0]
        for l, delta in enumerate(net.backprop(x, y).delta):
            j = int(np.abs(delta[0]).argmax())
            up, down = (reference.delta_experiment(*as_lists(net), x.tolist(), y.tolist(), l, j, sign * dz, net.activations)
                        for sign in (1, -1))
            worst = max(worst, abs((up - down) / (2 * dz) - delta[0][j]) / abs(delta[0][j]))
    return worst


def kernel_errors(dtype, count):
    """The gradient, and one step of training, against the reference, in eps."""
    gradient = step = 0.0
    for net, X, Y in nets(count):
        net = net.copy(dtype=dtype)
        X, Y = X.astype(dtype), Y.astype(dtype)
        expected = reference_gradient(net, X, Y)
        gradient = max(gradient, relative(net.value_and_gradient(X, Y)[1], expected))
        trained = net.copy()
        trained.fit(X, Y, epochs=1, batch_size=len(X), learning_rate=0.25, shuffle=False)
        step = max(step, relative(trained.parameters, net.parameters - 0.25 * expected))
    eps = np.finfo(dtype).eps
    return gradient / eps, step / eps


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="three nets: whether it runs")
    count = 3 if parser.parse_args().quick else 60
    print(f"reference against finite differences ({count} nets)          {differences(count):.1e} relative   (<= 1e-9)")
    print(f"delta against the experiment with dz = 1e-4 ({count} nets)   {experiment(count):.1e} relative   (its own error: dz^2)")
    for level in kernels.LEVELS:
        kernels.select_level(level)
        for dtype in ("float64", "float32"):
            gradient, step = kernel_errors(dtype, count)
            print(f"{level:8s} {dtype} against the reference ({count} nets)     gradient {gradient:5.1f} eps, "
                  f"one step {step:5.1f} eps   (<= 100)")


if __name__ == "__main__":
    main()
