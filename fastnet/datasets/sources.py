"""One door for every kind of data: by name or by path."""

import os
from pathlib import Path

import numpy as np

from .csv_files import read_csv
from .embedded import digits
from .idx import read_idx_directory
from .npz import read_npz
from .parquet import read_parquet
from .split import Split

TEXT_SUFFIXES = ".csv", ".tsv", ".txt", ".data"


def load(source, *, scale=False, header="auto", label_column=-1, delimiter="auto", finite=False):
    """Load a data set by name or path.

    Parameters
    ----------
    source : str or path-like
        ``"digits"``; an ``.npz`` or ``.parquet`` file; a ``.csv``, ``.tsv``, ``.txt`` or ``.data`` file, with ``.gz`` or without; or a
        directory of IDX files. A directory called digits is ``"./digits"``.
    scale : bool, default False
        True divides 8-bit images by 255 into float64, 0..1. Only for npz files and directories.
    header, label_column, delimiter
        How a csv file is laid out: see `read_csv`; `label_column` goes for Parquet files too.
    finite : bool, default False
        True refuses numbers that are not finite, wherever they come from, by row and column.

    Returns
    -------
    split : Split
        `x_test` and `y_test` are None where the source has no test part.

    Raises
    ------
    ValueError
        If the source is of no known kind, or cannot be read.

    Examples
    --------
    >>> from fastnet import datasets
    >>> datasets.load("digits").x_test.shape
    (360, 64)
    """
    if isinstance(source, str) and source == "digits":
        return digits()
    split = _load(source, scale, header, label_column, delimiter, finite)
    if finite:
        for part, values in split._asdict().items():
            _check_finite(source, part, values)
    return split


def _check_finite(source, part, values):
    if values is None or values.dtype.kind != "f" or np.isfinite(values).all():
        return
    place = np.argwhere(~np.isfinite(values))[0]
    column = f", column {place[1] + 1}" if len(place) > 1 else ""
    raise ValueError(f"{source}: {part}: row {place[0] + 1}{column} is {values[tuple(place)]}; expected finite numbers")


def _load(source, scale, header, label_column, delimiter, finite):
    path = Path(os.fspath(source))
    suffixes = [suffix.lower() for suffix in path.suffixes]
    if suffixes[-1:] == [".gz"]:
        suffixes.pop()
    if path.is_dir():
        return read_idx_directory(path, scale=scale)
    if suffixes[-1:] == [".npz"]:
        return read_npz(path, scale=scale)
    if suffixes[-1:] == [".parquet"]:
        return Split(*read_parquet(path, label_column))
    if suffixes and suffixes[-1] in TEXT_SUFFIXES:
        return Split(*read_csv(path, header=header, label_column=label_column, delimiter=delimiter, finite=finite))
    if not path.exists():
        raise FileNotFoundError(f"no such file or directory: {path}, and no data set of that name "
                                "(the one that comes with fastnet is 'digits')")
    raise ValueError(f"cannot tell what {path} is from its name; expected 'digits', an .npz file, a .parquet file, a text file "
                     f"({', '.join(TEXT_SUFFIXES)}, or these with .gz), or a directory of IDX files")
