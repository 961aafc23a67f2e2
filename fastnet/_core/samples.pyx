"""A data set as the kernels take it: dense rows, or compressed ones that leave zeros out."""

cimport numpy as cnp

import numpy as np

from fastnet._core.kernels cimport Data, compress, count_nonzero
from fastnet._core.types cimport real

cnp.import_array()


cdef class Compressed:
    """Rows with their zeros left out (CSR): what is checked is checked before, in fastnet._checks."""

    def __cinit__(self, tuple shape not None, cnp.ndarray values not None, cnp.ndarray columns not None,
                  cnp.ndarray starts not None):
        self.shape = shape
        self.values = values
        self.columns = columns
        self.starts = starts

    def __len__(self):
        return self.shape[0]

    @property
    def size(self):
        return self.shape[0] * self.shape[1]

    @property
    def dtype(self):
        return self.values.dtype

    def take(self, rows):
        """Some rows, by their numbers, as another set."""
        lengths = np.diff(self.starts)[rows]
        starts = np.zeros(len(rows) + 1, np.intp)
        np.cumsum(lengths, out=starts[1:])
        kept = np.arange(starts[len(rows)]) + np.repeat(self.starts[rows] - starts[:len(rows)], lengths)
        return Compressed((len(rows), self.shape[1]), self.values[kept], self.columns[kept], starts)

    def dense(self, start, stop):
        """Rows start ... stop with their zeros."""
        rows = np.zeros((stop - start, self.shape[1]), self.values.dtype)
        kept = slice(self.starts[start], self.starts[stop])
        rows[np.repeat(np.arange(stop - start), np.diff(self.starts[start:stop + 1])), self.columns[kept]] = self.values[kept]
        return rows

    @property
    def density(self):
        """Fraction of the values that is kept."""
        return float(len(self.values)) / max(1.0, float(self.shape[0]) * self.shape[1])


def nonzeros(cnp.ndarray X not None):
    """How many values of a checked dense X are not 0."""
    cdef size_t count, n = X.size
    if X.dtype == np.float32:
        with nogil:
            count = count_nonzero(n, <const float*>X.data)
    else:
        with nogil:
            count = count_nonzero(n, <const double*>X.data)
    return count


def compressed(cnp.ndarray X not None, Py_ssize_t count):
    """A checked dense X without its zeros; `count` is what `nonzeros` found."""
    rows = Compressed((X.shape[0], X.shape[1]), np.empty(count, X.dtype), np.empty(count, np.int32),
                      np.empty(X.shape[0] + 1, np.intp))
    if X.dtype == np.float32:
        fill[float](X, rows)
    else:
        fill[double](X, rows)
    return rows


cdef fill(cnp.ndarray X, Compressed rows, real* dummy=NULL):
    cdef Py_ssize_t m = X.shape[0], p = X.shape[1]
    cdef Py_ssize_t* starts = <Py_ssize_t*>rows.starts.data
    cdef int* columns = <int*>rows.columns.data
    cdef real* values = <real*>rows.values.data
    cdef const real* x = <const real*>X.data
    with nogil:
        compress(m, p, x, starts, columns, values)


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
