"""One door for every kind of data: by name or by path."""

import os
from pathlib import Path

from .csv_files import read_csv
from .embedded import digits
from .idx import read_idx_directory
from .npz import read_npz
from .split import Split

TEXT_SUFFIXES = ".csv", ".tsv", ".txt", ".data"


def load(source, *, scale=False, header="auto", label_column=-1, delimiter="auto"):
    """Load a data set by name or path.

    Parameters
    ----------
    source : str or path-like
        ``"digits"``; an ``.npz`` file; a ``.csv``, ``.tsv``, ``.txt`` or ``.data`` file, with ``.gz`` or without; or a
        directory of IDX files. A directory called digits is ``"./digits"``.
    scale : bool, default False
        True divides 8-bit images by 255 into float64, 0..1. Only for npz files and directories.
    header, label_column, delimiter
        How a csv file is laid out: see `read_csv`.

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
    path = Path(os.fspath(source))
    suffixes = [suffix.lower() for suffix in path.suffixes]
    if suffixes[-1:] == [".gz"]:
        suffixes.pop()
    if path.is_dir():
        return read_idx_directory(path, scale=scale)
    if suffixes[-1:] == [".npz"]:
        return read_npz(path, scale=scale)
    if suffixes and suffixes[-1] in TEXT_SUFFIXES:
        return Split(*read_csv(path, header=header, label_column=label_column, delimiter=delimiter))
    if not path.exists():
        raise FileNotFoundError(f"no such file or directory: {path}, and no data set of that name "
                                "(the one that comes with fastnet is 'digits')")
    raise ValueError(f"cannot tell what {path} is from its name; expected 'digits', an .npz file, a text file "
                     f"({', '.join(TEXT_SUFFIXES)}, or these with .gz), or a directory of IDX files")
