"""A data set as the kernels take it: dense rows, or compressed ones that leave zeros out."""

cimport numpy as cnp
from libc.string cimport memcpy

import numpy as np

from fastnet._core.kernels cimport Data, compress, count_nonzero
from fastnet._core.rows cimport Rows
from fastnet._core.types cimport real

cnp.import_array()

cdef enum:
    COPIED = 4096               # values copied at a time

SPOTS = 16                      # blocks of a set in a file that its zeros are counted in


cdef class Compressed:
    """Rows with their zeros left out (CSR): what is checked is checked before, in fastnet._checks.

    Values may be of any kind that fastnet._core.rows reads, columns int32, or uint16 to save room; `factor` scales them,
    column by column, in float64.  Kernels read them as they are where they are `direct`.
    """

    def __cinit__(self, tuple shape not None, cnp.ndarray values not None, cnp.ndarray columns not None,
                  cnp.ndarray starts not None, dtype=None, cnp.ndarray factor=None):
        self.shape = shape
        self.values = values
        self.columns = columns
        self.starts = starts
        self.dtype = values.dtype if dtype is None else np.dtype(dtype)
        self.factor = factor
        self.direct = values.dtype == self.dtype and columns.dtype == np.int32 and factor is None

    def __len__(self):
        return self.shape[0]

    @property
    def size(self):
        return self.shape[0] * self.shape[1]

    def take(self, rows):
        """Some rows, by their numbers, as another set."""
        lengths = np.diff(self.starts)[rows]
        starts = np.zeros(len(rows) + 1, np.intp)
        np.cumsum(lengths, out=starts[1:])
        kept = np.arange(starts[len(rows)]) + np.repeat(self.starts[rows] - starts[:len(rows)], lengths)
        return Compressed((len(rows), self.shape[1]), self.values[kept], self.columns[kept], starts, self.dtype, self.factor)

    def scaled(self, factor):
        """The same rows, values times a factor of their column; nothing is copied."""
        return Compressed(self.shape, self.values, self.columns, self.starts, self.dtype, np.require(factor, np.float64, ["C", "A"]))

    def numbers(self, start, stop):
        """Values start ... stop as they count, in the net's dtype."""
        values = self.values[start:stop]
        with np.errstate(over="ignore"):        # beyond float32: inf, as everywhere
            if self.factor is not None:
                values = values.astype(np.float64) * self.factor[self.columns[start:stop]]
            return np.ascontiguousarray(values, self.dtype)

    def dense(self, start, stop):
        """Rows start ... stop with their zeros."""
        rows = np.zeros((stop - start, self.shape[1]), self.dtype)
        first, end = self.starts[start], self.starts[stop]
        at = np.repeat(np.arange(stop - start), np.diff(self.starts[start:stop + 1])), self.columns[first:end]
        rows[at] = self.numbers(first, end)
        return rows

    @property
    def density(self):
        """Fraction of the values that is kept."""
        return float(len(self.values)) / max(1.0, float(self.shape[0]) * self.shape[1])


def nonzeros(X):
    """How many values of a checked X, an array of the net's dtype or Rows, are not 0 in the net's dtype."""
    if isinstance(X, Rows):
        return sum([nonzeros_of(X.dense(start, stop)) for start, stop in X.blocks()])
    return nonzeros_of(X)


cdef nonzeros_of(cnp.ndarray X):
    cdef size_t count, n = X.size
    if X.dtype == np.float32:
        with nogil:
            count = count_nonzero(n, <const float*>X.data)
    else:
        with nogil:
            count = count_nonzero(n, <const double*>X.data)
    return count


def density_of(X):
    """The fraction of a checked X's values that is not 0 in the net's dtype; of a set in a file, that of SPOTS of its
    blocks, evenly spread."""
    if isinstance(X, Compressed):
        return X.density
    if getattr(X, "pages", None) is None:
        return nonzeros(X) / max(1, X.size)
    blocks = list(X.blocks())
    seen = [blocks[i * len(blocks) // SPOTS] for i in range(SPOTS)] if len(blocks) > SPOTS else blocks
    return sum([nonzeros_of(X.dense(start, stop)) for start, stop in seen]) / max(1, X.shape[1] * sum([stop - start for start, stop in seen]))


def compressed(X, Py_ssize_t count):
    """A checked X without its zeros; `count` is what `nonzeros` found.

    Rows keep their kind where it takes less room than the net's, and columns take two bytes where these
    suffice: images in bytes take three for each value that is not 0.  Scaled ones do where no offset is but 0.
    """
    cdef Compressed rows
    if isinstance(X, Rows) and X.factor is not None and not X.offset.any() and X.array.itemsize < X.dtype.itemsize:
        plain = X.unscaled(X.dtype)
        return compressed(plain, nonzeros(plain)).scaled(X.factor)
    if not isinstance(X, Rows):
        rows = Compressed(X.shape, np.empty(count, X.dtype), np.empty(count, np.int32), np.empty(X.shape[0] + 1, np.intp))
        compress_into(X, rows)
        return rows
    kind = X.array.dtype.newbyteorder("=")
    rows = Compressed(X.shape, np.empty(count, kind if kind.itemsize < X.dtype.itemsize and X.factor is None else X.dtype),
                      np.empty(count, np.uint16 if X.shape[1] <= 1 << 16 else np.int32), np.zeros(len(X) + 1, np.intp), X.dtype)
    end = 0
    for start, stop in X.blocks():
        block = X.dense(start, stop)
        part = compressed(block, nonzeros_of(block))
        rows.starts[start:stop + 1] = part.starts + end
        rows.values[end:end + len(part.values)] = part.values
        rows.columns[end:end + len(part.values)] = part.columns
        end += len(part.values)
    return rows


cdef compress_into(cnp.ndarray X, Compressed rows):
    if X.dtype == np.float32:
        fill[float](X, rows)
    else:
        fill[double](X, rows)


cdef fill(cnp.ndarray X, Compressed rows, real* dummy=NULL):
    """From a copy of a few rows after the other, counted again: other threads may write to X meanwhile, and there is
    no room for more than was counted."""
    cdef Py_ssize_t i, start = 0, end = 0, count, found, m = X.shape[0], p = X.shape[1], room = rows.values.shape[0]
    cdef Py_ssize_t at_once = max(1, min(m, COPIED // p))
    cdef Py_ssize_t* starts = <Py_ssize_t*>rows.starts.data
    cdef int* columns = <int*>rows.columns.data
    cdef real* values = <real*>rows.values.data
    cdef const real* x = <const real*>X.data
    cdef cnp.ndarray copied = np.empty((at_once, p), X.dtype)
    cdef real* copy = <real*>copied.data
    starts[0] = 0
    with nogil:
        while start < m:
            count = min(at_once, m - start)
            memcpy(copy, x + start * p, count * p * sizeof(real))
            found = count_nonzero(count * p, copy)
            if end + found > room:
                break
            compress(count, p, copy, starts + start, columns + end, values + end)
            for i in range(count + 1):
                starts[start + i] += end
            start, end = start + count, end + found
    if start < m or end != room:
        raise RuntimeError("X was changed while its zeros were left out")


cdef Data data_of(X, cnp.ndarray Y, order, cnp.ndarray weight):
    """Labels are told from outputs by their one dimension.  Weights are of the net's dtype, (m,), or None."""
    cdef Data data
    if isinstance(X, Compressed):
        data.x = (<Compressed>X).values.data
        data.starts = <Py_ssize_t*>(<Compressed>X).starts.data
        data.columns = <int*>(<Compressed>X).columns.data
    else:
        data.x = (<cnp.ndarray>X).data
        data.starts = NULL
        data.columns = NULL
    data.m = len(X)
    data.y = NULL if Y.ndim == 1 else <void*>Y.data
    data.labels = <Py_ssize_t*>Y.data if Y.ndim == 1 else NULL
    data.weight = NULL if weight is None else <void*>weight.data
    data.order = NULL if order is None else <Py_ssize_t*>(<cnp.ndarray>order).data
    return data


cdef Data rows_from(X, cnp.ndarray Y, cnp.ndarray weight, Py_ssize_t start, Py_ssize_t stop):
    """Rows start ... stop of the same, as they stand."""
    cdef Data data = data_of(X, Y, None, weight)
    if data.starts != NULL:
        data.starts += start
    else:
        data.x = <char*>data.x + start * (<cnp.ndarray>X).strides[0]
    if data.labels != NULL:
        data.labels += start
    else:
        data.y = <char*>data.y + start * Y.strides[0]
    if data.weight != NULL:
        data.weight = <char*>data.weight + start * weight.strides[0]
    data.m = stop - start
    return data
