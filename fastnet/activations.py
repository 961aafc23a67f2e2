"""The activations by name: what they are, where they come from, and their values in NumPy arrays.

Every hidden layer takes any of them but softmax, which is for outputs.  Errors are those of the
kernels, in units in the last place (ulp), over all floats; NaN stays NaN; infinities give the
limits.  At a kink each derivative has the value its entry states.
"""

from typing import NamedTuple

import numpy as np

from fastnet import _checks
from fastnet._core import kernels
from fastnet.custom_activations import custom


class Description(NamedTuple):
    """What `describe` tells of one activation.

    Attributes
    ----------
    formula, derivative : str
        a = f(z) and f'(z), with what holds at kinks.
    range : str
        Of a.
    ulp : tuple of float
        Largest error of a in float32 and in float64, in units in the last place.
    source : str
    needs_z : bool
        Whether derivatives are taken from z; else from a alone.
    by_row : bool
        Whether the values of a sample are coupled: softmax, for the output layer only.
    """

    formula: str
    derivative: str
    range: str
    ulp: tuple
    source: str
    needs_z: bool
    by_row: bool


_ABOUT = {
    "sigmoid": ("1 / (1 + e^-z)", "a (1 - a)", "(0, 1)", (2.5, 2),
                "M. Nielsen, Neural networks and deep learning, 2015"),
    "tanh": ("tanh z", "1 - a^2", "(-1, 1)", (2.5, 2), "Y. LeCun et al., Efficient BackProp, 1998"),
    "relu": ("max(z, 0)", "1 where z > 0, else 0", "[0, inf)", (0, 0), "V. Nair, G. Hinton, 2010"),
    "identity": ("z", "1", "(-inf, inf)", (0, 0), "linear outputs"),
    "leaky_relu": ("z, or 0.01 z below 0", "1 where z > 0, else 0.01", "(-inf, inf)", (1, 1),
                   "A. Maas, A. Hannun, A. Ng, 2013"),
    "elu": ("z, or e^z - 1 below 0", "1, or a + 1 up to 0; f'' is 1 at 0, as from the left", "(-1, inf)", (2, 2),
            "D. Clevert, T. Unterthiner, S. Hochreiter, 2015"),
    "selu": ("s z, or s t (e^z - 1) below 0; s = 1.0507..., t = 1.6732...", "s, or a + s t up to 0",
             "(-s t, inf)", (2.5, 2),
             "G. Klambauer et al., Self-normalizing neural networks, 2017"),
    "gelu": ("z Phi(z), Phi of N(0, 1)", "Phi(z) + z phi(z)", "[-0.17, inf)", (4.5, 4.5),
             "D. Hendrycks, K. Gimpel, 2016"),
    "gelu_tanh": ("z (1 + tanh u) / 2, u = sqrt(2 / pi) (z + 0.044715 z^3)", "by the chain rule",
                  "[-0.17, inf)", (3, 3),
                  "D. Hendrycks, K. Gimpel, 2016"),
    "silu": ("z sigmoid(z)", "s + z s (1 - s), s = sigmoid(z)", "[-0.28, inf)", (3, 3),
             "S. Elfwing, E. Uchibe, K. Doya, 2017"),
    "softplus": ("log(1 + e^z)", "sigmoid(z) = 1 - e^-a", "(0, inf)", (3, 2.5), "C. Dugas et al., 2001"),
    "softsign": ("z / (1 + |z|)", "(1 - |a|)^2; f'' is 0 at 0, between 2 and -2", "(-1, 1)", (1.5, 1.5),
                 "X. Glorot, Y. Bengio, 2010"),
    "hard_sigmoid": ("min(max(z + 3, 0), 6) / 6", "1/6 where 0 < a < 1, else 0", "[0, 1]", (1, 1),
                     "A. Howard et al., MobileNetV3, 2019"),
    "hard_tanh": ("min(max(z, -1), 1)", "1 where -1 < z < 1, else 0", "[-1, 1]", (0, 0), "R. Collobert, 2004"),
    "sin": ("sin z", "cos z", "[-1, 1]", (1.5, 1.5), "V. Sitzmann et al., 2020"),
    "gaussian": ("e^-(z^2)", "-2 z a", "(0, 1]", (1.5, 1.5), "D. Broomhead, D. Lowe, 1988"),
    "softmax": ("e^z_j / sum_k e^z_k over the outputs of a sample", "a_j ([i = j] - a_i)", "(0, 1), sum 1", (3, 3),
                "J. Bridle, 1990"),
}

NAMES = kernels.ACTIVATIONS


def describe(name):
    """What one activation is.

    Parameters
    ----------
    name : str
        One of NAMES.

    Returns
    -------
    Description

    Raises
    ------
    ValueError
        If there is no such activation.

    Examples
    --------
    >>> import fastnet as fn
    >>> fn.activations.describe("silu").formula
    'z sigmoid(z)'
    >>> [name for name in fn.activations.NAMES if fn.activations.describe(name).needs_z]
    ['gelu', 'gelu_tanh', 'silu', 'sin', 'gaussian']
    """
    _checks.check_choice("name", name, NAMES)
    return Description(*_ABOUT[name], name in kernels.READS_Z, name in kernels.BY_ROW)


def value(name, z):
    """a = f(z).

    Parameters
    ----------
    name : str
        One of NAMES.
    z : array_like
        Of any shape; of softmax the last axis holds the outputs of one sample.

    Returns
    -------
    a : ndarray
        Shaped like z; float32 if z is, else float64.

    Raises
    ------
    ValueError, TypeError
        If there is no such activation, or z does not hold real numbers.

    Examples
    --------
    >>> import fastnet as fn
    >>> fn.activations.value("elu", [-1000.0, 0.0, 2.0])
    array([-1.,  0.,  2.])
    """
    return kernels.elementwise(name, _checked(name, z))


def derivative(name, z):
    """f'(z), as training computes it.

    Parameters
    ----------
    name : str
    z : array_like

    Returns
    -------
    f_prime : ndarray
        Shaped like z.  Of softmax the Jacobian ∂a_i/∂z_j at [..., i, j].

    Examples
    --------
    >>> import fastnet as fn
    >>> fn.activations.derivative("relu", [-1.0, 0.0, 1.0])
    array([0., 0., 1.])
    >>> fn.activations.derivative("softmax", [0.0, 0.0])
    array([[ 0.25, -0.25],
           [-0.25,  0.25]])
    """
    z = _checked(name, z)
    a = kernels.elementwise(name, z)
    if name in kernels.BY_ROW:
        return a[..., :, None] * (np.eye(a.shape[-1], dtype=a.dtype) - a[..., None, :])
    return kernels.elementwise(name + "_prime", z, a, np.ones_like(z))


def second_derivative(name, z):
    """f''(z).

    Parameters
    ----------
    name : str
    z : array_like

    Returns
    -------
    f_second : ndarray
        Shaped like z.  Of softmax ∂²a_i/∂z_j∂z_k at [..., i, j, k].

    Examples
    --------
    >>> import fastnet as fn
    >>> fn.activations.second_derivative("gaussian", [0.0, 1000.0])
    array([-2.,  0.])
    """
    z = _checked(name, z)
    a = kernels.elementwise(name, z)
    if name in kernels.BY_ROW:
        centred = np.eye(a.shape[-1], dtype=a.dtype) - a[..., None, :]      # [i, j]: [i = j] - a_j
        spread = a[..., :, None] * centred                                  # [j, k]: a_j ([j = k] - a_k), the Jacobian
        return a[..., :, None, None] * (centred[..., :, :, None] * centred[..., :, None, :] - spread[..., None, :, :])
    return kernels.elementwise(name + "_second", z, a)


def _checked(name, z):
    """z as the kernels take it: contiguous float32 or float64."""
    _checks.check_choice("name", name, NAMES)
    z = _checks.as_numbers("z", z)
    return _checks.as_dtype(z, np.dtype(np.float32 if z.dtype == np.float32 else np.float64))
