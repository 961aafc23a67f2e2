"""What every data set looks like once it is read: four arrays, a sample a row."""

from typing import NamedTuple

import numpy as np


class Split(NamedTuple):
    """A data set in two parts, one to train on and one held out.

    Attributes
    ----------
    x_train : ndarray of shape (m, n)
        Inputs, one sample per row.
    y_train : ndarray of shape (m,) or (m, n_out)
        Labels or targets, row for row with `x_train`.
    x_test, y_test : ndarray or None
        The held-out part, None where the source has none.

    Examples
    --------
    >>> from fastnet import datasets
    >>> x_train, y_train, x_test, y_test = datasets.digits()
    >>> len(x_train), len(x_test)
    (1437, 360)
    """

    x_train: np.ndarray
    y_train: np.ndarray
    x_test: np.ndarray | None = None
    y_test: np.ndarray | None = None


def to_unit_range(images, name):
    """Scale 8-bit images to float64 in [0, 1]; `name` says whose they are in the message."""
    if images.dtype != np.uint8:
        raise ValueError(f"{name}: scale=True is for 8-bit images (uint8); these are {images.dtype}")
    return images / 255.0
