"""Columns of Parquet files, read by pyarrow where that is installed."""

import os

import numpy as np


def read_parquet(path, label_column=-1):
    """Read inputs and labels from a Parquet file.

    Parameters
    ----------
    path : str or path-like
    label_column : int, str or None, default -1
        The column of the labels: its index from 0, or from the end if negative, or its name. None: all columns are
        inputs.

    Returns
    -------
    X : ndarray of shape (m, n)
        In the type of the columns if they have the same, else float64, which decimals become.
    y : ndarray of shape (m,), or None
        Integers as int64, numbers as float64, words as str, bool as bool. None if `label_column` is None.

    Raises
    ------
    ImportError
        If pyarrow is not installed.
    ValueError
        If the file is no Parquet file, an input column does not hold numbers, or a cell is empty. The message names
        row (from 1) and column.

    Examples
    --------
    >>> from fastnet import datasets
    >>> X, y = datasets.read_parquet("iris.parquet", "species")    # doctest: +SKIP
    """
    try:
        import pyarrow
        from pyarrow import parquet
    except ImportError as error:
        raise ImportError(f"{os.fspath(path)}: Parquet files need pyarrow, which is not installed (pip install pyarrow)") from error
    with open(path, "rb") as file:
        try:
            table = parquet.read_table(file)
        except pyarrow.ArrowException as error:
            raise ValueError(f"{os.fspath(path)}: not a Parquet file, or damaged: {error}") from error
    names, name = table.column_names, os.fspath(path)
    label = None if label_column is None else _label_index(label_column, names, name)
    if label is not None and len(names) == 1:
        raise ValueError(f"{name}: the only column is the label column; label_column=None reads it as input")
    inputs = [_inputs(table.column(j), names[j], name) for j in range(len(names)) if j != label]
    if not inputs or not table.num_rows:
        raise ValueError(f"{name}: the file is empty")
    same = len({column.dtype for column in inputs}) == 1 and inputs[0].dtype != bool
    X = np.stack(inputs, axis=1, dtype=inputs[0].dtype if same else np.float64)
    return X, None if label is None else _labels(table.column(label), names[label], name)


def _label_index(label_column, names, name):
    if isinstance(label_column, str):
        if names.count(label_column) != 1:
            raise ValueError(f"{name}: no column is named {label_column!r}; there are {', '.join(names)}")
        return names.index(label_column)
    if isinstance(label_column, bool) or not hasattr(label_column, "__index__"):
        raise TypeError(f"label_column must be an index, a name or None; got {label_column!r}")
    index = label_column.__index__()
    if not -len(names) <= index < len(names):
        raise ValueError(f"{name}: label_column is {index}, but there are {len(names)} columns")
    return index % len(names)


def _full(column, title, name):
    """The column as an ndarray, if no cell of it is empty."""
    if column.null_count:
        row = column.is_null().to_numpy().argmax()
        raise ValueError(f"{name}: row {row + 1}, column {title!r}: the cell is empty")
    if str(column.type).startswith("decimal"):
        column = column.cast("double")
    return column.to_numpy()


def _inputs(column, title, name):
    values = _full(column, title, name)
    if values.dtype.kind not in "biuf":
        raise ValueError(f"{name}: column {title!r} must hold numbers; it holds {column.type}, such as {values[0]!r}")
    return values


def _labels(column, title, name):
    values = _full(column, title, name)
    if values.dtype.kind in "iu":
        return values.astype(np.int64)
    if values.dtype.kind in "bf":
        return values.astype(bool if values.dtype.kind == "b" else np.float64)
    values = values.tolist()
    if not all(isinstance(value, str) for value in values):
        raise ValueError(f"{name}: column {title!r} must hold labels, words or numbers; it holds {column.type}, such as {values[0]!r}")
    return np.array(values)
