"""IDX files, the format of MNIST and its relatives.

A file is four bytes (0, 0, type, number of dimensions), then the dimensions as big-endian 32-bit integers, then the
values, big-endian, last dimension fastest. The header is a claim: it is checked against the bytes that are there
before anything of its size is allocated.
"""

import gzip
import math
import os
import re
import struct
import zlib
from pathlib import Path

import numpy as np

from .split import Split, to_unit_range

GZIP_MAGIC = b"\x1f\x8b"
MOST_EXPANSION = 1032    # deflate: a compressed byte becomes at most this many
CHUNK = 1 << 20

TYPES = {0x08: ">u1", 0x09: ">i1", 0x0B: ">i2", 0x0C: ">i4", 0x0D: ">f4", 0x0E: ">f8"}

FILE_NAME = re.compile(
    r"(?P<collection>.*?)(?P<part>train|t10k|test)-(?P<kind>images|labels)[-.]idx\d-ubyte(?P<gz>\.gz)?", re.IGNORECASE)


def read_idx(path):
    """Read an array from an IDX file, compressed with gzip or not.

    Parameters
    ----------
    path : str or path-like
        The file; whether it is compressed is seen from its first bytes, not from its name.

    Returns
    -------
    values : ndarray
        In the machine's byte order, with the type and shape of the file.

    Raises
    ------
    ValueError
        If the file is not IDX, damaged, or shorter or longer than its header says.

    Examples
    --------
    >>> import pathlib, tempfile
    >>> from fastnet import datasets
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = pathlib.Path(folder, "labels-idx1-ubyte")
    ...     _ = path.write_bytes(bytes([0, 0, 8, 1, 0, 0, 0, 3]) + bytes([7, 2, 1]))
    ...     datasets.read_idx(path)
    array([7, 2, 1], dtype=uint8)
    """
    with open(path, "rb") as file:
        size = os.fstat(file.fileno()).st_size
        compressed = file.read(2) == GZIP_MAGIC
        file.seek(0)
        if not compressed:
            return _read_values(file, path, most=size)
        try:
            return _read_values(gzip.GzipFile(fileobj=file), path, most=size * MOST_EXPANSION)
        except (EOFError, zlib.error, gzip.BadGzipFile) as error:
            raise ValueError(f"{path}: damaged gzip file: {error}") from error


def _read_values(stream, path, most):
    """Read header and values from `stream`, which cannot hold more than `most` bytes."""
    dtype, shape, header_size = _read_header(stream, path)
    expected = math.prod(shape) * dtype.itemsize
    claim = f"{path}: the header says shape {shape} of {dtype.newbyteorder('=')}, {expected} bytes"
    if header_size + expected > most:
        raise ValueError(f"{claim}; the file holds at most {most - header_size}")

    data = bytearray()    # grows with what is there, never with what is claimed
    while len(data) <= expected and (chunk := stream.read(min(CHUNK, expected + 1 - len(data)))):
        data += chunk
    if len(data) < expected:
        raise ValueError(f"{claim}; the file ends after {len(data)}")
    if len(data) > expected:
        raise ValueError(f"{claim}; the file goes on after them")

    try:
        values = np.frombuffer(data, dtype).reshape(shape)
    except ValueError as error:    # more dimensions than NumPy has, or a product of them beyond its index type
        raise ValueError(f"{path}: NumPy has no array of shape {shape}: {error}") from error
    return values.astype(dtype.newbyteorder("="), copy=False)


def _read_header(stream, path):
    magic = stream.read(4)
    if len(magic) < 4 or magic[:2] != b"\0\0":
        raise ValueError(f"{path}: not an IDX file, which begins with two zero bytes, a type and a number "
                         f"of dimensions; got {magic.hex(' ') or 'an empty file'}")
    code, ndim = magic[2:]
    if code not in TYPES:
        raise ValueError(f"{path}: unknown IDX type 0x{code:02x}; "
                         f"expected one of {', '.join(f'0x{known:02x}' for known in TYPES)}")
    if ndim == 0:
        raise ValueError(f"{path}: the IDX header has no dimensions")
    dimensions = stream.read(4 * ndim)
    if len(dimensions) < 4 * ndim:
        raise ValueError(f"{path}: the file ends inside its header, which should list {ndim} dimensions")
    return np.dtype(TYPES[code]), struct.unpack(f">{ndim}I", dimensions), 4 + 4 * ndim


def read_idx_directory(path, scale=False):
    """Read a directory of IDX files named as MNIST names them.

    Parameters
    ----------
    path : str or path-like
        Holds ``train-images-idx3-ubyte``, ``train-labels-idx1-ubyte`` and, if there is a test part, the same for
        ``t10k`` (or ``test``). ``.idx3-ubyte`` is read as well as ``-idx3-ubyte``, with ``.gz`` or without, and after
        a name of the collection (``emnist-digits-train-...``). MNIST, Fashion-MNIST, KMNIST and EMNIST come like this.
    scale : bool, default False
        False leaves the pixels uint8, 0..255; True divides them by 255 into float64, 0..1.

    Returns
    -------
    split : Split
        Images are rows, (m, pixels), as stored; EMNIST stores them transposed. Labels are int64.

    Raises
    ------
    ValueError
        If a file is missing, there are several to choose from, one is damaged, or images and labels differ in number.

    Examples
    --------
    >>> import pathlib, tempfile
    >>> from fastnet import datasets
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     images, labels = (pathlib.Path(folder, f"train-{kind}-ubyte") for kind in ("images-idx3", "labels-idx1"))
    ...     _ = images.write_bytes(bytes([0, 0, 8, 3, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 2]) + bytes([0, 255]))
    ...     _ = labels.write_bytes(bytes([0, 0, 8, 1, 0, 0, 0, 1]) + bytes([5]))
    ...     split = datasets.read_idx_directory(folder, scale=True)
    >>> split.x_train, split.y_train
    (array([[0., 1.]]), array([5]))
    """
    files = _find_files(Path(path))
    missing = [f"train {kind}" for kind in ("images", "labels") if ("train", kind) not in files]
    if missing:
        raise ValueError(f"{path}: no {' and no '.join(missing)}; expected train-images-idx3-ubyte and "
                         f"train-labels-idx1-ubyte, with or without .gz; found {_names(files.values())}")
    if (("test", "images") in files) != (("test", "labels") in files):
        raise ValueError(f"{path}: test images and test labels must come together; found {_names(files.values())}")

    parts = [_read_part(files, part, scale) for part in ("train", "test") if (part, "images") in files]
    if len(parts) == 2 and parts[0][0].shape[1] != parts[1][0].shape[1]:
        raise ValueError(f"{path}: images of the train and test parts differ in size: "
                         f"{parts[0][0].shape[1]} and {parts[1][0].shape[1]} pixels")
    return Split(*(array for part in parts for array in part))


def _names(files):
    return ", ".join(sorted(file.name for file in files)) or "no IDX files"


def _find_files(directory):
    """Map (part, kind) to the file that holds it; a plain file goes before its compressed copy."""
    found = {}
    for file in sorted(directory.iterdir(), key=lambda file: file.name):    # x before x.gz
        match = FILE_NAME.fullmatch(file.name)
        if not match or not file.is_file():
            continue
        part = "train" if match["part"].lower() == "train" else "test"
        key = part, match["kind"].lower()
        if key in found and found[key].name + ".gz" != file.name:
            raise ValueError(f"{directory}: two files hold the {part} {key[1]}: {found[key].name} and {file.name}; "
                             "keep one collection in a directory")
        found.setdefault(key, file)
    return found


def _read_part(files, part, scale):
    images, labels = read_idx(files[part, "images"]), read_idx(files[part, "labels"])
    if images.ndim < 2:
        raise ValueError(f"{files[part, 'images']}: images must have shape (m, rows, columns); got {images.shape}")
    if labels.ndim != 1 or labels.dtype.kind not in "iu":
        raise ValueError(f"{files[part, 'labels']}: labels must be integers of shape (m,); "
                         f"got {labels.dtype} of shape {labels.shape}")
    if len(images) != len(labels):
        raise ValueError(f"{files[part, 'images']} holds {len(images)} images, "
                         f"{files[part, 'labels']} {len(labels)} labels: they must be as many")
    x = images.reshape(len(images), math.prod(images.shape[1:]))
    return (to_unit_range(x, files[part, "images"]) if scale else x), labels.astype(np.int64)
