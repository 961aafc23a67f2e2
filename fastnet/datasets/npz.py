"""Arrays saved by `numpy.savez`; never pickled objects."""

import math
import os
import zipfile

import numpy as np

from .idx import MOST_EXPANSION
from .split import Split, to_unit_range

ZIP_MAGIC = (b"PK\x03\x04", b"PK\x05\x06")    # a zip file; an empty one
PAIRS = ("x", "y"), ("data", "target")
EXPECTED = "x_train and y_train (and x_test and y_test), or x and y, or data and target, in any case"


def read_npz(path, scale=False):
    """Read a data set from an ``.npz`` file.

    Parameters
    ----------
    path : str or path-like
        Holds the arrays ``x_train`` and ``y_train``, and ``x_test`` and ``y_test`` if there is a test part; or ``x``
        and ``y``; or ``data`` and ``target``. Upper and lower case are the same.
    scale : bool, default False
        True divides 8-bit inputs by 255 into float64, 0..1.

    Returns
    -------
    split : Split
        Inputs are (m, n), images flattened, in the type of the file. Integer labels are int64 and (m,).

    Raises
    ------
    ValueError
        If arrays are missing or do not fit each other, or the file is damaged or holds pickled objects.

    Examples
    --------
    >>> import pathlib, tempfile
    >>> import numpy as np
    >>> from fastnet import datasets
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = pathlib.Path(folder, "xor.npz")
    ...     np.savez(path, X=[[0, 0], [0, 1], [1, 0], [1, 1]], Y=[0, 1, 1, 0])
    ...     split = datasets.read_npz(path)
    >>> split.x_train.shape, split.y_train, split.x_test
    ((4, 2), array([0, 1, 1, 0]), None)
    """
    with NpzArrays(path) as arrays:
        pairs = _choose(arrays, path)
        parts = [_samples(arrays.read(x), arrays.read(y), f"{path}: {x}", f"{path}: {y}") for x, y in pairs]
    if len(parts) == 2 and parts[0][0].shape[1] != parts[1][0].shape[1]:
        widths = " and ".join(str(x.shape[1]) for x, _ in parts)
        raise ValueError(f"{path}: x_train and x_test differ in width: {widths}")
    if scale:
        parts = [(to_unit_range(x, path), y) for x, y in parts]
    return Split(*(array for part in parts for array in part))


def read_npz_inputs(path):
    """Read inputs alone, (m, n): ``x``, ``data`` or ``x_test``, whichever is there, or the only array of the file."""
    with NpzArrays(path) as arrays:
        known = [arrays.by_lower[key] for key in ("x", "data", "x_test") if key in arrays.by_lower]
        if not known and len(arrays.keys) != 1:
            raise ValueError(f"{path}: found arrays {_listed(arrays.keys)}; expected x, data or x_test, or one array")
        key = (known or arrays.keys)[0]
        return _inputs(arrays.read(key), f"{path}: {key}")


class NpzArrays:
    """The arrays of an npz file, each read when asked for; every failure is a ValueError that names the file."""

    def __init__(self, path):
        self.path = path
        with open(path, "rb") as file:
            if file.read(4) not in ZIP_MAGIC:
                raise ValueError(f"{path}: not an npz file (a zip file of arrays, as numpy.savez writes)")
        try:
            self.zip = zipfile.ZipFile(path)
        except zipfile.BadZipFile as error:
            raise ValueError(f"{path}: damaged npz file: {error}") from error
        self.keys = [name.removesuffix(".npy") for name in self.zip.namelist() if name.endswith(".npy")]
        self.by_lower = {key.lower(): key for key in self.keys}
        if len(self.by_lower) < len(self.keys):
            self.zip.close()
            raise ValueError(f"{path}: some names differ only in case: {_listed(self.keys)}")

    def __enter__(self):
        return self

    def __exit__(self, *exception):
        self.zip.close()

    def read(self, key):
        try:
            self._check_size(key)
            with self.zip.open(key + ".npy") as member:
                return np.lib.format.read_array(member, allow_pickle=False)
        except Exception as error:    # zip, zlib, npy header and npy data each have errors of their own
            raise ValueError(f"{self.path}: {key}: {error}") from error

    def _check_size(self, key):
        """Compare what the header claims with what the zip file has, before NumPy allocates the claim."""
        with self.zip.open(key + ".npy") as member:
            version = np.lib.format.read_magic(member)
            if version not in ((1, 0), (2, 0)):
                raise ValueError(f"npy format {version} is for structured arrays; expected plain numbers")
            read_header = {1: np.lib.format.read_array_header_1_0, 2: np.lib.format.read_array_header_2_0}[version[0]]
            shape, _, dtype = read_header(member)
            most = os.path.getsize(self.path) * MOST_EXPANSION    # the directory of a zip file is a claim, too
            there = min(self.zip.getinfo(key + ".npy").file_size, most) - member.tell()
        if not dtype.hasobject and math.prod(shape) * dtype.itemsize != there:
            raise ValueError(f"the header says shape {shape} of {dtype}, {math.prod(shape) * dtype.itemsize} bytes; "
                             f"the file holds {there}")


def _choose(arrays, path):
    """The names of inputs and labels, for the train part and, if there is one, the test part."""
    names = arrays.by_lower
    for x, y in (("x_train", "y_train"), *PAIRS):
        if x in names and y in names:
            break
    else:
        raise ValueError(f"{path}: found arrays {_listed(arrays.keys)}; expected {EXPECTED}")
    if ("x_test" in names) != ("y_test" in names):
        raise ValueError(f"{path}: x_test and y_test must come together; found arrays {_listed(arrays.keys)}")
    pairs = [(names[x], names[y])]
    if x == "x_train" and "x_test" in names:
        pairs.append((names["x_test"], names["y_test"]))
    return pairs


def _listed(keys):
    return ", ".join(keys) or "none"


def _inputs(x, name):
    if x.dtype.kind not in "biuf":
        raise ValueError(f"{name} must hold real numbers; got {x.dtype}")
    if x.ndim < 2:
        raise ValueError(f"{name} must have shape (m, n), one sample per row; got shape {x.shape}")
    return x.reshape(len(x), math.prod(x.shape[1:]))


def _samples(x, y, x_name, y_name):
    x = _inputs(x, x_name)
    if y.dtype.kind not in "biufU":
        raise ValueError(f"{y_name} must hold numbers or text; got {y.dtype}")
    if y.ndim not in (1, 2) or len(y) != len(x):
        raise ValueError(f"{y_name} must have a row for each of the {len(x)} rows of {x_name}; got shape {y.shape}")
    if y.dtype.kind in "biuU" and y.ndim == 2 and y.shape[1] == 1:
        y = y[:, 0]    # a column of labels
    return x, y.astype(np.int64) if y.dtype.kind in "biu" else y
