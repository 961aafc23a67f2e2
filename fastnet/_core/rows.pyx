"""Rows of numbers of any kind, order and stride, which become the net's a block at a time, scaled where the net
scales: the set itself is never copied."""

cimport numpy as cnp

import numpy as np

from fastnet._core import kernels, plan
from fastnet._core.kernels cimport gather
from fastnet._core.types cimport real

cnp.import_array()

BLOCK_BYTES = 1 << 20           # of converted rows that are looked at at a time
DENSE_ROWS = 1024               # rows that are made dense at a time to be predicted: whole blocks of every path


cdef Numbers table_of(cnp.ndarray array):
    """Where the numbers of a one- or two-dimensional array lie."""
    cdef Numbers table
    name = "uint8" if array.dtype == bool else array.dtype.name
    table.x = array.data
    table.row_stride = array.strides[0]
    table.column_stride = array.strides[1] if array.ndim == 2 else array.dtype.itemsize
    table.number = kernels.NUMBERS.index(name)
    table.swapped = not array.dtype.isnative
    return table


def readable(dtype):
    """Whether rows of this dtype can be converted as they lie."""
    return dtype == bool or dtype.name in kernels.NUMBERS


cdef class Rows:
    """Rows of an array, or some of them by number; what is checked is checked before, in fastnet._checks."""

    ndim = 2

    def __cinit__(self, cnp.ndarray array not None, dtype, cnp.ndarray rows=None, pages=None,
                  cnp.ndarray offset=None, cnp.ndarray factor=None):
        self.array, self.dtype, self.rows, self.pages = array, np.dtype(dtype), rows, pages
        self.offset, self.factor = offset, factor
        self.shape = (array.shape[0] if rows is None else rows.shape[0], array.shape[1])
        self.p = array.shape[1]
        self.table = table_of(array)

    def __len__(self):
        return self.shape[0]

    @property
    def size(self):
        return self.shape[0] * self.shape[1]

    @property
    def row_bytes(self):
        """What a row takes as it lies."""
        return max(1, self.shape[1] * self.array.itemsize)

    def take(self, rows):
        """Some rows, by their numbers, as another set; nothing is copied."""
        rows = np.asarray(rows, np.intp)
        return Rows(self.array, self.dtype, rows if self.rows is None else self.rows[rows], self.pages, self.offset, self.factor)

    def scaled(self, offset, factor):
        """The same numbers as (x − offset) factor, taken in float64 and rounded once, column by column."""
        offset, factor = (np.require(vector, np.float64, ["C", "A"]) for vector in (offset, factor))
        return Rows(self.array, self.dtype, self.rows, self.pages, offset, factor)

    def unscaled(self, dtype):
        """The same numbers as they are, in some dtype."""
        return Rows(self.array, dtype, self.rows, self.pages)

    def dense(self, Py_ssize_t start, Py_ssize_t stop):
        """Rows start ... stop converted; a file's memory is let go of."""
        cdef cnp.ndarray out = np.empty((stop - start, self.shape[1]), self.dtype)
        if stop > start and self.dtype == np.float32:
            with nogil:
                self.gather(start, stop - start, NULL, NULL, <float*>out.data)
        elif stop > start:
            with nogil:
                self.gather(start, stop - start, NULL, NULL, <double*>out.data)
        self.let_go(start, stop)
        return out

    def blocks(self):
        """(start, stop) of some rows after the other, about a megabyte converted."""
        step = max(1, BLOCK_BYTES // max(1, self.shape[1] * self.dtype.itemsize))
        for start in range(0, len(self), step):
            yield start, min(start + step, len(self))

    def let_go(self, start, stop):
        """Rows start ... stop will not be read soon: of a file's, their memory may go to others."""
        if self.pages is not None and stop > start:
            self.pages.let_go(*((start, stop) if self.rows is None else (self.rows[start], self.rows[stop - 1] + 1)))

    def ask_for(self, start, stop):
        """Rows start ... stop will be read soon: of a file's, reading may begin."""
        if self.pages is not None and stop > start:
            self.pages.ask_for(*((start, stop) if self.rows is None else (self.rows[start], self.rows[stop - 1] + 1)))

    cdef void gather(self, Py_ssize_t start, Py_ssize_t m, const Py_ssize_t* order, Py_ssize_t* room, real* out) noexcept nogil:
        """out (m, p) = rows start ... start + m, or those that `order` names; room (m,) is needed with an order."""
        cdef Numbers table = self.table
        cdef const Py_ssize_t* rows = NULL if self.rows is None else <const Py_ssize_t*>self.rows.data
        cdef const double* offset = NULL if self.factor is None else <const double*>self.offset.data
        cdef const double* factor = NULL if self.factor is None else <const double*>self.factor.data
        cdef Py_ssize_t i
        if order == NULL and rows == NULL:
            table.x = <const char*>table.x + start * table.row_stride
        elif order == NULL:
            rows += start
        elif rows == NULL:
            rows = order + start
        else:
            for i in range(m):
                room[i] = rows[order[start + i]]
            rows = room
        gather[real](&table, m, self.p, rows, offset, factor, out)


def dense_blocks(Py_ssize_t start, Py_ssize_t end):
    """(start, stop) of the blocks in which rows start ... end are made dense to be predicted.

    Fewer than PACK_FROM rows would take another path: the last block takes them along.
    """
    while start < end:
        stop = start + DENSE_ROWS
        if end - stop < plan.PACK_FROM:
            stop = end
        yield start, stop
        start = stop
