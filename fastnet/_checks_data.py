"""Checks of data sets as users have them: arrays of any kind, frames, sparse matrices, tensors; and their messages.

What is large stays as it is: `Rows` and `Compressed` (fastnet/_core) convert it a batch at a time.  Libraries are
told by what their objects can do: none is imported here.
"""

import numbers

import numpy as np

from fastnet._core import kernels
from fastnet._core.rows import Rows, readable
from fastnet._core.samples import Compressed
from fastnet._pages import Pages

AT_ONCE = 32 << 20       # bytes: what takes no more once converted is converted at once, which costs the steps nothing


# -- whatever becomes an array ------------------------------------------------

def as_array(name, given):
    """An ndarray from anything array-like, not yet converted; frames column by column."""
    if isinstance(given, np.ndarray):
        return np.asarray(given)
    if is_frame(given):
        return frame_as_array(name, given)
    if is_series(given):
        return column_as_array(name, given, None)
    if hasattr(given, "collect_schema"):
        raise TypeError(f"{name} must hold its values; got {type(given).__name__}, which .collect() computes")
    if hasattr(given, "tocsr"):
        raise TypeError(f"{name} must be dense here; got a sparse matrix of shape {tuple(given.shape)}")
    if hasattr(given, "detach"):               # a tensor that gradients run through gives no array
        given = given.detach()
    if hasattr(given, "__array__"):
        try:
            return np.asarray(given)
        except (RuntimeError, TypeError) as error:      # of another device, or a dtype that NumPy hasn't
            raise TypeError(f"{name} must be readable as an array of numbers in main memory: {error}") from None
    if hasattr(given, "__dlpack__"):
        try:
            return np.from_dlpack(given)
        except (RuntimeError, BufferError, TypeError) as error:
            raise TypeError(f"{name} must be readable as an array of numbers in main memory: {error}") from None
    if callable(getattr(given, "numpy", None)):
        return np.asarray(given.numpy())
    return np.asarray(given)


def is_frame(given):
    """A data frame of pandas, polars or their like, but no lazy one."""
    return hasattr(given, "to_numpy") and hasattr(given, "columns") and hasattr(given, "dtypes") and len(getattr(given, "shape", ())) == 2


def is_series(given):
    """One column of such a frame."""
    return hasattr(given, "to_numpy") and hasattr(given, "name") and len(getattr(given, "shape", ())) == 1


def columns_of(given):
    """The names of a frame's columns, or None."""
    return list(given.columns) if is_frame(given) else None


def column(frame, j):
    """Column number j of a frame: names may be there twice, or not be strings."""
    return frame.iloc[:, j] if hasattr(frame, "iloc") else frame[:, j]


def frame_as_array(name, frame):
    """A frame as an array (m, columns): its own memory where that is one block of numbers, else a C-ordered copy of
    the narrowest kind that holds every column."""
    names = columns_of(frame)
    if hasattr(frame, "to_numpy") and names and plain_block(frame):
        array = frame.to_numpy()
        if array.dtype.kind in "fiub":
            return array
    columns = [column_as_array(name, column(frame, j), label) for j, label in enumerate(names)]
    if not columns:
        raise ValueError(f"{name} must have columns; got a frame of shape {tuple(frame.shape)}")
    out = np.empty((len(columns[0]), len(columns)), np.result_type(*{array.dtype for array in columns}))
    step = max(1, (1 << 20) // max(1, out.shape[1] * out.itemsize))        # a block of rows stays in the caches
    for start in range(0, len(out), step):
        for j, array in enumerate(columns):
            out[start:start + step, j] = array[start:start + step]
    return out


def plain_block(frame):
    """Whether all columns of a frame are of one kind of NumPy's: then it may hold them in one block."""
    kinds = {str(dtype) for dtype in (frame.dtypes.tolist() if hasattr(frame.dtypes, "tolist") else ())}
    return len(kinds) == 1 and all(isinstance(dtype, np.dtype) for dtype in frame.dtypes)


def column_as_array(name, series, label):
    """One column as numbers (m,); what is no number, or missing, is refused by its place."""
    of = "" if label is None else f" in column {label!r}"
    dtype = series.dtype
    if isinstance(dtype, np.dtype) and dtype.kind in "fiub":
        return series.to_numpy()
    missing = series.isna() if hasattr(series, "isna") else series.is_null() if hasattr(series, "is_null") else None
    if missing is not None and missing.any():
        row = int(np.flatnonzero(np.asarray(missing.to_numpy(), bool))[0])
        raise ValueError(f"{name} must have no missing values; row {row}{of.replace(' in', ',')} is missing")
    kind = getattr(dtype, "numpy_dtype", None)                             # pandas' nullable and Arrow-backed dtypes
    try:
        array = series.to_numpy(dtype=kind) if kind is not None and kind.kind in "fiub" else series.to_numpy()
    except Exception:                          # polars knows numbers that NumPy does not
        array = np.empty(0, "V")
    if array.dtype.kind == "O":
        return objects_as_numbers(name, array, dtype, of)
    if array.dtype.kind not in "fiub":
        raise TypeError(f"{name} must hold real numbers; got dtype {dtype}{of}")
    return array


def objects_as_numbers(name, array, dtype="object", of=""):
    """An array of Python's numbers (int, bool, float, Fraction, Decimal) as NumPy's: float64 unless all are whole."""
    values = array.ravel().tolist()
    wrong = next((i for i, value in enumerate(values) if not is_number(value)), None)
    if wrong is not None:
        row, *column = map(int, np.unravel_index(wrong, array.shape)) if array.ndim else (0,)
        at = f"; row {row}{', column ' + str(column[0]) if column else ''} holds {values[wrong]!r}" if any(map(is_number, values)) else ""
        raise TypeError(f"{name} must hold real numbers; got dtype {dtype}{of}{at}")
    found = np.array(values)
    return (found if found.dtype.kind in "fiub" else np.array(values, float)).reshape(array.shape)


def is_number(value):
    """A real number of any kind: Decimal is a Number, but not registered as Real."""
    return isinstance(value, (numbers.Real, np.bool_)) or isinstance(value, numbers.Number) and not isinstance(value, numbers.Complex)


# -- large sets stay as they are ----------------------------------------------

def as_rows(array, dtype, raw=False):
    """A checked two-dimensional array as Rows that are converted later; None: it is to be converted at once.

    That is so where a copy takes up to AT_ONCE bytes, or where there is nothing to convert (`raw`: it is to be scaled).
    A file's memory map is never copied; an array whose rows run across memory is put in order, in its own kind if that
    is narrower than the net's or scaling will copy it no more.
    """
    if array.size * dtype.itemsize <= AT_ONCE or not readable(array.dtype):
        return None
    if (mapped := memory_map(array)) is not None:
        return Rows(array, dtype, None, Pages(array, mapped))
    if not raw and array.dtype == dtype and array.flags.c_contiguous and array.flags.aligned:
        return None
    if array.strides[1] == array.itemsize and array.dtype.isnative:
        return Rows(array, dtype)
    if raw or array.itemsize < dtype.itemsize:
        return Rows(np.ascontiguousarray(array, array.dtype.newbyteorder("=")), dtype)
    return None


def memory_map(array):
    """The memory map of a file that an array is (np.memmap, np.load(mmap_mode=...)) or is a part of; None: it is not."""
    while array is not None and not isinstance(array, np.memmap):
        array = getattr(array, "base", None)
    return array


def settled(rows):
    """Rows that need not be scaled after all: as the array that they are, where it needs no conversion either."""
    array = rows.array
    as_it_is = rows.rows is rows.pages is None and array.dtype == rows.dtype and array.flags.c_contiguous and array.flags.aligned
    return array if as_it_is else rows


def whole(rows):
    """All of a checked set as one array of the net's dtype."""
    return rows if isinstance(rows, np.ndarray) else rows.dense(0, len(rows))


def blocks(checked):
    """(start, array) of some rows of a checked set after the other."""
    if isinstance(checked, Rows):
        for start, stop in checked.blocks():
            yield start, checked.dense(start, stop)
    else:
        yield 0, checked


# -- sparse matrices ----------------------------------------------------------

def is_sparse(X):
    return hasattr(X, "tocsr") and hasattr(X, "dtype")


def sparse_rows(X, n_in, dtype):
    """A scipy sparse array or matrix (m, n_in), of any format, as rows without zeros; never dense."""
    if X.dtype.kind not in "fiub":
        raise TypeError(f"X must hold real numbers; got dtype {X.dtype}")
    if len(X.shape) != 2 or X.shape[1] != n_in:
        raise ValueError(f"X must have shape (m, {n_in}), one sample per row; got shape {tuple(X.shape)}")
    check_places("X", X)
    csr = X.tocsr()
    if not csr.has_canonical_format:           # columns in order, none twice
        csr = csr.copy()
        csr.sum_duplicates()
    values = csr.data
    if values.size * (dtype.itemsize + 4) <= AT_ONCE or not readable(values.dtype) or not values.flags.c_contiguous:
        with np.errstate(over="ignore"):       # beyond float32: inf, found by check_finite
            values = np.require(values, dtype, ["C", "A"])
    places = np.array(csr.indices, np.int32), np.array(csr.indptr, np.intp)     # copies: what is checked must stay as it was
    return Compressed(tuple(X.shape), values, *places, dtype)


def check_places(name, sparse):
    """Refuse a matrix, compressed or of coordinates, whose indices lie outside it: kernels, and scipy's own routines, read where
    they point to and do not look again."""
    kind = getattr(sparse, "format", None)
    if kind == "coo" and len(sparse.shape) == 2:
        for size, indices in zip(sparse.shape, (sparse.row, sparse.col)):
            if len(indices) != len(sparse.data):
                raise ValueError(f"{name} must have as many indices as values, {len(sparse.data)}; got {len(indices)} in a malformed coo matrix")
            check_indices(name, indices, size, kind)
    if kind not in ("csr", "csc", "bsr") or len(sparse.shape) != 2:
        return
    shape = sparse.shape if kind != "bsr" else [size // block for size, block in zip(sparse.shape, sparse.blocksize)]
    major, minor = shape[::-1] if kind == "csc" else shape
    starts, indices = sparse.indptr, sparse.indices
    if starts.shape != (major + 1,) or starts[0] != 0 or (starts[1:] < starts[:-1]).any() or starts[-1] > min(len(indices), len(sparse.data)):
        raise ValueError(f"{name} must have an indptr of {major + 1} numbers that rise from 0 to at most its "
                         f"{min(len(indices), len(sparse.data))} values; got a malformed {kind} matrix")
    check_indices(name, indices, minor, kind)


def check_indices(name, indices, size, kind):
    if indices.size and not 0 <= (least := indices.min()) <= (most := indices.max()) < size:
        raise ValueError(f"{name} must have indices in 0 ... {size - 1}; got {least if least < 0 else most} in a malformed {kind} matrix")


# -- what is not finite -------------------------------------------------------

def first_wrong(array, allow_nan):
    """(row, column) of the first NaN, unless that is allowed, or infinity of a checked array; None: there is none."""
    if kernels.is_finite(array):
        return None
    wrong = np.argwhere(np.isinf(array) if allow_nan else ~np.isfinite(array))
    return tuple(wrong[0].tolist()) if len(wrong) else None


def find_not_finite(checked, allow_nan=False):
    """(row, column, value) of the first value of a checked set that is NaN, unless that is allowed, or infinite."""
    if isinstance(checked, Compressed):
        for start in range(0, len(checked.values), 1 << 18):
            values = checked.numbers(start, start + (1 << 18))
            if (at := first_wrong(values, allow_nan)) is not None:
                q = start + at[0]
                row = int(np.searchsorted(checked.starts, q, side="right")) - 1
                return row, int(checked.columns[q]), values[at[0]]
        return None
    if isinstance(checked, Rows) and checked.array.dtype.kind != "f" and checked.factor is None:
        return None
    for start, array in blocks(checked):
        if (at := first_wrong(array, allow_nan)) is not None:
            return start + at[0], at[1], array[at]
    return None


# -- batches ------------------------------------------------------------------

def check_batches(given, times, name="X", ways="batches (X, Y), one after the other, where no Y is given"):
    """A function that returns an iterator over batches; it will be called so many times."""
    kind = type(given).__name__
    if hasattr(given, "__array__") or hasattr(given, "__dlpack__") or hasattr(given, "tocsr") or is_frame(given) or isinstance(given, (str, bytes)):
        if name == "X":
            raise TypeError(f"Y must be given where X is an array: X alone must be batches (X, Y), one after the other; got {kind}")
        raise TypeError(f"{name} must be {ways}; got {kind}")
    if hasattr(given, "__iter__"):
        if times > 1 and hasattr(given, "__next__") and iter(given) is given:
            raise ValueError(f"{name} must give its batches anew in every epoch: an iterable that is no iterator, or a function that "
                             f"returns one; got {kind}, which is used up after one epoch, for {times} epochs")
        return given.__iter__
    if hasattr(given, "__getitem__") and hasattr(given, "__len__"):
        return lambda: (given[i] for i in range(len(given)))
    if callable(given):
        return lambda: iterator(name, given())
    raise TypeError(f"{name} must be {ways}; got {kind}")


def iterator(name, returned):
    """Over the batches that a function of the user's returned."""
    if not hasattr(returned, "__iter__"):
        raise TypeError(f"{name} must be batches or a function that returns an iterator over them; it returned {type(returned).__name__}")
    return iter(returned)


def check_batch(where, given):
    """X, Y and sample_weight (or None) of one batch."""
    if not isinstance(given, (tuple, list)) or len(given) not in (2, 3):
        got = f"{len(given)} items" if isinstance(given, (tuple, list)) else type(given).__name__
        raise TypeError(f"{where}must be (X, Y) or (X, Y, sample_weight); got {got}")
    if np.ndim(given[0]) == 0 and not hasattr(given[0], "shape"):
        raise TypeError(f"{where}X must be an array; got {type(given[0]).__name__}. Has Y been left out?")
    return (*given, None) if len(given) == 2 else tuple(given)
