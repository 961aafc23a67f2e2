"""The data set that travels with the package."""

from pathlib import Path

import numpy as np

from .split import Split

N_TRAIN = 1437    # the rows of the file before this one are the training part
FULL_INK = 16     # the largest pixel value


def digits():
    """Handwritten digits: 1,797 images of 8x8 pixels, ten classes.

    Returns
    -------
    split : Split
        `x_train` (1437, 64) and `x_test` (360, 64) are float64 in [0, 1], `y_train` and `y_test` are int64 labels 0..9.
        The split is always the same; the held-out part has each digit in the proportion it has in the whole.

    Notes
    -----
    The test portion of "Optical Recognition of Handwritten Digits" by E. Alpaydin and C. Kaynak (1998), UCI Machine
    Learning Repository, doi:10.24432/C50P49, used under CC BY 4.0. Rows are reordered; pixels 0..16 are divided by 16.

    Examples
    --------
    >>> from fastnet import datasets
    >>> split = datasets.digits()
    >>> split.x_train.shape, split.y_test.shape
    ((1437, 64), (360,))
    """
    with np.load(Path(__file__).with_name("digits.npz"), allow_pickle=False) as file:
        x = file["images"] / float(FULL_INK)
        y = file["labels"].astype(np.int64)
    return Split(x[:N_TRAIN], y[:N_TRAIN], x[N_TRAIN:], y[N_TRAIN:])
