"""Tables of numbers in text files.

A table that is numbers throughout goes through NumPy's compiled reader. Anything else, labels that are words or a cell
that is wrong, goes through the csv module, which knows the row and column of what it found.
"""

import csv
import gzip
import io
import math
import os
import zlib

import numpy as np

DELIMITERS = ",;\t|"
LARGEST_EXACT = 2.0**53    # whole numbers below this are exact in float64


def read_csv(path, header="auto", label_column=-1, delimiter="auto", finite=False):
    r"""Read inputs and labels from a text file with a sample per line.

    Parameters
    ----------
    path : str, path-like or text file
        UTF-8, with or without a byte order mark, compressed with gzip or not (seen from the first bytes), lines ending
        as on any system. Empty lines are skipped; cells may be quoted.
    header : {"auto", True, False}
        Whether the first line names the columns. "auto": it does if none of its cells, the label aside, is a number.
    label_column : int, str or None, default -1
        The column of the labels: its index from 0, or from the end if negative, or its name in the header. None: all
        columns are inputs.
    delimiter : str, default "auto"
        What stands between two cells. "auto": whichever of comma, semicolon, tab and ``|`` is most frequent in the
        first line, or runs of spaces where there is none of them. ``" "`` also means runs of spaces.
    finite : bool, default False
        True refuses cells such as nan and inf, which are numbers but nothing to learn from.

    Returns
    -------
    X : ndarray of shape (m, n), float64
    y : ndarray of shape (m,), or None
        int64 if all labels are whole numbers, float64 if all are numbers, else str. None if `label_column` is None.

    Raises
    ------
    ValueError
        If the file is empty, damaged or not text, a line has more or fewer cells than the first, a cell is not a
        number, or a label is empty. The message names row and column, counted from 1, the header included.

    Examples
    --------
    >>> import io
    >>> from fastnet import datasets
    >>> X, y = datasets.read_csv(io.StringIO("length,width,kind\n5.1,3.5,setosa\n6.2,2.9,versicolor\n"))
    >>> X
    array([[5.1, 3.5],
           [6.2, 2.9]])
    >>> y.tolist()
    ['setosa', 'versicolor']
    """
    if header not in ("auto", True, False):
        raise ValueError(f'header must be "auto", True or False; got {header!r}')
    if label_column is not None and (isinstance(label_column, bool) or not hasattr(label_column, "__index__")
                                     and not isinstance(label_column, str)):
        raise TypeError(f"label_column must be an index, a name or None; got {label_column!r}")
    if not isinstance(delimiter, str) or (delimiter != "auto" and len(delimiter) != 1):
        raise ValueError(f'delimiter must be one character or "auto"; got {delimiter!r}')

    text, name = _read_text(path)
    first = next((line for line in io.StringIO(text, newline=None) if line.strip()), None)
    if first is None:
        raise ValueError(f"{name}: the file is empty")
    if delimiter == "auto":
        delimiter = _guess_delimiter(first)

    rows = _rows(text, delimiter, name)
    head_row, head = next(rows)
    label = None if label_column is None else _label_index(label_column, head, header, name)
    if label is not None and len(head) == 1:
        raise ValueError(f"{name}: the only column is the label column; label_column=None reads it as input")
    has_header = _has_names(head, label) if header == "auto" else header
    if isinstance(label_column, str):
        has_header = True
    if has_header and next(rows, None) is None:
        raise ValueError(f"{name}: no rows after the header")

    table = _read_numbers(text, delimiter, head_row if has_header else 0, len(head))
    if table is not None and not (finite and not np.isfinite(table).all()):
        return _split_table(table, label)
    guessed = " (the first row was taken for a header)" if has_header and header == "auto" else ""
    return _read_cells(text, delimiter, has_header, label, len(head), name, guessed, finite)


def _read_text(path):
    if hasattr(path, "read"):
        return path.read().removeprefix("\ufeff"), getattr(path, "name", "input")
    name = os.fspath(path)
    with open(path, "rb") as file:
        data = file.read()
    if data[:2] == b"\x1f\x8b":
        try:
            data = gzip.decompress(data)
        except (EOFError, zlib.error, gzip.BadGzipFile) as error:
            raise ValueError(f"{name}: damaged gzip file: {error}") from error
    try:
        return data.decode("utf-8-sig"), name
    except UnicodeDecodeError as error:
        raise ValueError(f"{name}: not UTF-8 text: byte 0x{data[error.start]:02x} at offset {error.start}") from None


def _guess_delimiter(line):
    outside = "".join(line.split('"')[::2])    # what is not between quotes
    best = max(DELIMITERS, key=outside.count)
    if best in outside:
        return best
    return " " if " " in outside.strip() else ","


def _rows(text, delimiter, name):
    """Yield (row number, cells) for every line that is not empty."""
    if delimiter == " ":
        text = "\n".join(line.strip() for line in io.StringIO(text, newline=None))    # spaces at an end: no empty cell
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, skipinitialspace=True, strict=True)
    try:
        for cells in reader:
            if cells and any(cells) or len(cells) > 1:
                yield reader.line_num, [cell.strip() for cell in cells]
    except csv.Error as error:
        raise ValueError(f"{name}: row {reader.line_num}: {error}") from error


def _label_index(label_column, head, header, name):
    if isinstance(label_column, str):
        if header is False:
            raise ValueError(f"label_column {label_column!r} is a name, but header=False says there are none")
        if head.count(label_column) != 1:
            found = "several columns are" if label_column in head else "no column is"
            raise ValueError(f"{name}: {found} named {label_column!r}; the first row holds {', '.join(head)}")
        return head.index(label_column)
    index = label_column.__index__()
    if not -len(head) <= index < len(head):
        raise ValueError(f"{name}: label_column is {index}, but there are {len(head)} columns")
    return index % len(head)


def _has_names(head, label):
    inputs = [cell for j, cell in enumerate(head) if j != label]
    return any(inputs) and all(_number(cell) is None for cell in inputs)


def _number(cell):
    """The number a cell holds, or None."""
    try:
        return float(cell) if "_" not in cell else None    # Python reads 1_000, no other program does
    except ValueError:
        return None


def _read_numbers(text, delimiter, skip, n_columns):
    """Read the table in one compiled call, or return None if it has anything but numbers."""
    try:
        table = np.loadtxt(io.StringIO(text, newline=None), delimiter=None if delimiter == " " else delimiter,
                           skiprows=skip, comments=None, quotechar='"', ndmin=2)
    except ValueError:
        return None
    return table if table.shape[1] == n_columns else None


def _split_table(table, label):
    if label is None:
        return table, None
    y = table[:, label]
    return np.delete(table, label, axis=1), _as_integers(y)


def _as_integers(y):
    whole = np.isfinite(y).all() and (y == np.trunc(y)).all() and (np.abs(y) < LARGEST_EXACT).all()
    return y.astype(np.int64) if whole else y.copy()


def _read_cells(text, delimiter, has_header, label, n_columns, name, guessed, finite=False):
    """Read cell by cell: slow, takes labels that are words, and says where it stops."""
    X, labels = [], []
    rows = _rows(text, delimiter, name)
    if has_header:
        next(rows)
    for row, cells in rows:
        if len(cells) != n_columns:
            raise ValueError(f"{name}: row {row} has {len(cells)} cells, the first row {n_columns}")
        if label is not None:
            labels.append(cells.pop(label))
            if not labels[-1]:
                raise ValueError(f"{name}: row {row}, column {label + 1}: the label is empty")
            if finite and not math.isfinite(_number(labels[-1]) or 0):
                raise ValueError(f"{name}: row {row}, column {label + 1}: expected a label, found {labels[-1]!r}")
        values = [_number(cell) for cell in cells]
        if finite:
            values = [value if value is None or math.isfinite(value) else None for value in values]
        if None in values:
            j = values.index(None)
            column = j + 1 + (label is not None and j >= label)
            what = "a number" if not finite or _number(cells[j]) is None else "a finite number"
            raise ValueError(f"{name}: row {row}, column {column}: expected {what}, found {cells[j]!r}{guessed}")
        X.append(values)

    X = np.array(X, dtype=np.float64)
    if label is None:
        return X, None
    numbers = [_number(cell) for cell in labels]
    return X, np.array(labels) if None in numbers else _as_integers(np.array(numbers))
