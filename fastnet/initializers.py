"""Where a net starts: the initialisers by name.

Each draws the weights (n, p) and biases (n,) of one layer from a numpy Generator, in
float64, so that nets of both dtypes start from the same numbers.
"""

import numpy as np


def normal(rng, n, p):
    """Weights and biases N(0, 1), as in M. Nielsen's network.py."""
    return rng.standard_normal((n, p)), rng.standard_normal(n)


def scaled(rng, n, p):
    """Weights N(0, 1/p), biases N(0, 1), as in M. Nielsen's network2.py."""
    return rng.standard_normal((n, p)) / np.sqrt(p), rng.standard_normal(n)


def lecun(rng, n, p):
    """Weights N(0, 1/p), biases 0: Y. LeCun et al., Efficient BackProp, 1998."""
    return rng.standard_normal((n, p)) / np.sqrt(p), np.zeros(n)


def glorot(rng, n, p):
    """Weights uniform within ±sqrt(6 / (p + n)), biases 0: X. Glorot, Y. Bengio, 2010."""
    limit = np.sqrt(6 / (p + n))
    return rng.uniform(-limit, limit, (n, p)), np.zeros(n)


def he(rng, n, p):
    """Weights N(0, 2/p), biases 0: K. He et al., Delving deep into rectifiers, 2015."""
    return rng.standard_normal((n, p)) * np.sqrt(2 / p), np.zeros(n)


def orthogonal(rng, n, p):
    """Weights with orthonormal rows or columns, biases 0: A. Saxe et al., 2014."""
    q, r = np.linalg.qr(rng.standard_normal((max(n, p), min(n, p))))
    q *= np.sign(np.diag(r))           # makes the draw uniform over all such matrices
    return (q if n >= p else q.T), np.zeros(n)


def nguyen_widrow(rng, n, p):
    """Rows of length 0.7 n^(1/p), biases spread over the same range: D. Nguyen, B. Widrow, 1990.

    For tanh layers whose inputs lie in [-1, 1]: the active regions of the neurons tile that cube.
    """
    length = 0.7 * n ** (1 / p)
    w = rng.uniform(-1, 1, (n, p))
    w *= length / np.linalg.norm(w, axis=1, keepdims=True)
    return w, rng.uniform(-length, length, n)


INITIALIZERS = {
    "normal": normal, "scaled": scaled, "lecun": lecun, "glorot": glorot, "he": he,
    "orthogonal": orthogonal, "nguyen_widrow": nguyen_widrow,
}

# By activation; glorot for every other.  He's variance is made for relu; leaky_relu, elu, gelu and silu
# pass about half of the variance of z too, and their authors start from it (Maas 2013 is before it;
# Clevert 2015, Hendrycks 2016).  selu keeps mean 0 and variance 1 from lecun's only (Klambauer 2017).
AUTO = {"sigmoid": "scaled", "selu": "lecun",
        **dict.fromkeys(["relu", "leaky_relu", "elu", "gelu", "gelu_tanh", "silu"], "he")}


def draw_layer(init, activation, rng, n, p):
    """Weights (n, p) and biases (n,) of one layer."""
    if init == "auto":
        init = AUTO.get(activation, "glorot")
    return INITIALIZERS[init](rng, n, p)
