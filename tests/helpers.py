"""What several test files need."""

import numpy as np

import fastnet as fn
from fastnet._core import plan

ACTIVATIONS = ("sigmoid", "tanh", "relu", "identity", "leaky_relu", "elu", "selu", "gelu", "gelu_tanh", "silu", "softplus",
               "softsign", "hard_sigmoid", "hard_tanh", "sin", "gaussian")      # the elementwise ones: softmax apart


def as_lists(net):
    """Weights and biases as reference.py takes them."""
    return [w.tolist() for w in net.weights], [b.tolist() for b in net.biases]


def flat(nabla_w, nabla_b):
    """Layers of weights and biases as one vector laid out like `parameters`."""
    return np.concatenate([np.concatenate([np.ravel(w), np.ravel(b)]) for w, b in zip(nabla_w, nabla_b)])


def error_in_eps(found, expected, dtype):
    """Largest difference relative to the largest entry: rounding is relative to the terms of a sum,
    not to what is left of it after cancellation."""
    expected = np.asarray(expected, float)
    scale = np.abs(expected).max(initial=0) or 1.0
    return np.abs(np.asarray(found, float) - expected).max(initial=0) / scale / np.finfo(dtype).eps


def random_net(rng, sizes, dtype, mixed=True):
    """A net with activations drawn at random and weights that keep sums near 1."""
    names = [str(name) for name in rng.choice(ACTIVATIONS, len(sizes) - 1)] if mixed else "sigmoid"
    net = fn.Network(sizes, activation=names, dtype=dtype, init="lecun", seed=rng)
    for b in net.biases:
        b[:] = rng.standard_normal(b.shape) / 2
    return net


def share_all(monkeypatch, by_outputs=True):
    """Steps of any size are divided among all threads asked for, the first layer by its outputs where it can be."""
    def shares_for(sizes, m, lanes, density, threads, by_outputs=True, wanted=by_outputs):
        return threads, wanted and by_outputs and threads > 1 and len(sizes) > 2
    monkeypatch.setattr(plan, "shares_for", shares_for)
