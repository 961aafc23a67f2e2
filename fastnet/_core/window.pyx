"""A few samples at a time of a set that the kernels can't read where it lies: converted, and in the order in
which they are taken, just before they are used.

A window is whole batches long, so that the steps of a run are those of a converted set, bit for bit.  It
stays in the caches: what conversion costs is little more than reading the set, which takes less time the
narrower its numbers are.  There inputs are scaled where the net scales, and lose their zeros where these are skipped.
"""

cimport numpy as cnp
from libc.string cimport memcpy, memset

import numpy as np

from fastnet._core.kernels cimport Numbers, compress, count_nonzero, gather
from fastnet._core.rows cimport Rows, table_of
from fastnet._core.samples cimport Compressed
from fastnet._core.types cimport real

cnp.import_array()

WINDOW_BYTES = 1 << 20          # of inputs and targets; several threads take more at a time, to meet less often
SHARED_BYTES = 4 << 20


def window_rows(Py_ssize_t p, Py_ssize_t itemsize, Py_ssize_t batch_size, Py_ssize_t threads):
    """Samples of a window: whole batches, or blocks of online descent, at least one."""
    n_bytes = SHARED_BYTES if threads > 1 else WINDOW_BYTES
    return max(1, n_bytes // (p * itemsize * batch_size)) * batch_size


cdef Window window_over(X, Y, order, cnp.ndarray weight, Py_ssize_t rows, bint fill_zeros, bint skip_zeros=False):
    """A window over samples, `rows` at a time, or None where the kernels can read them as they lie.

    X is an array of the net's dtype, Rows or Compressed, Y labels, an array or Rows; compressed inputs become
    dense with `fill_zeros`, dense ones compressed with `skip_zeros`.
    """
    cdef Window window
    compressed = isinstance(X, Compressed)
    if not (isinstance(X, Rows) or isinstance(Y, Rows) or compressed and (fill_zeros or not (<Compressed>X).direct)):
        return None
    window = Window.__new__(Window)
    dtype = X.dtype
    window.single = dtype == np.float32
    window.rows, window.p = min(rows, len(X)), X.shape[1]
    window.order, window.fill_zeros, window.skip_zeros = order, fill_zeros, skip_zeros and not compressed
    if compressed:
        window.compressed = X
    else:
        window.dense = X if isinstance(X, Rows) else Rows(X, dtype)
    if not compressed or fill_zeros:
        window.x = np.empty((window.rows, X.shape[1]), dtype)
    if compressed or window.skip_zeros:
        window.starts = np.zeros(window.rows + 1, np.intp)
        window.columns = np.empty(0, np.int32)
    if Y.ndim == 1:
        window.labels = Y
        window.label = np.empty(window.rows, np.intp)
    else:
        window.targets = Y if isinstance(Y, Rows) else Rows(Y, dtype)
        window.y = np.empty((window.rows, Y.shape[1]), dtype)
    if weight is not None:
        window.each_weight = Rows(weight[:, None], dtype)
        window.weight = np.empty(window.rows, dtype)
    window.room = np.empty(window.rows, np.intp)
    window.data.m = 0
    return window


cdef class Window:

    cdef move(self, Py_ssize_t start, Py_ssize_t stop):
        """Hold samples start ... stop of the order."""
        if self.single:
            self.move_typed[float](start, stop, NULL)
        else:
            self.move_typed[double](start, stop, NULL)

    cdef Py_ssize_t row_of(self, Py_ssize_t i) noexcept nogil:
        return i if self.order is None else (<const Py_ssize_t*>self.order.data)[i]

    cdef move_typed(self, Py_ssize_t start, Py_ssize_t stop, real* dummy):
        cdef Py_ssize_t i, m = stop - start
        cdef const Py_ssize_t* order = NULL if self.order is None else <const Py_ssize_t*>self.order.data
        cdef Py_ssize_t* room = <Py_ssize_t*>self.room.data
        cdef Py_ssize_t* label
        if self.compressed is not None:
            self.take_compressed[real](start, m, NULL)
        else:
            with nogil:
                self.dense.gather(start, m, order, room, <real*>self.x.data)
            if order == NULL:
                self.dense.let_go(start, stop)
            self.data.x = self.x.data
            self.data.starts, self.data.columns = NULL, NULL
            if self.skip_zeros:
                self.leave_zeros_out[real](m, NULL)
        self.data.y, self.data.labels, self.data.weight, self.data.order = NULL, NULL, NULL, NULL
        if self.labels is not None:
            label = <Py_ssize_t*>self.label.data
            for i in range(m):
                label[i] = (<const Py_ssize_t*>self.labels.data)[self.row_of(start + i)]
            self.data.labels = label
        else:
            with nogil:
                self.targets.gather(start, m, order, room, <real*>self.y.data)
            self.data.y = self.y.data
        if self.each_weight is not None:
            self.each_weight.gather(start, m, order, room, <real*>self.weight.data)
            self.data.weight = self.weight.data
        self.data.m = m

    cdef make_room(self, Py_ssize_t count):
        """For so many compressed values, and at least one: kernels get no address of nothing."""
        count = max(1, count)
        if self.columns.shape[0] < count:
            self.columns = np.empty(count + count // 4, np.int32)
            self.values = np.empty(count + count // 4, np.float32 if self.single else np.float64)

    cdef leave_zeros_out(self, Py_ssize_t m, real* dummy):
        """Dense inputs that have been converted, compressed."""
        cdef const real* x = <const real*>self.x.data
        cdef Py_ssize_t* starts = <Py_ssize_t*>self.starts.data
        cdef int* columns
        cdef real* values
        cdef Py_ssize_t count
        with nogil:
            count = count_nonzero[real](m * self.p, x)
        self.seen, self.kept = self.seen + m * self.p, self.kept + count
        self.make_room(count)
        columns, values = <int*>self.columns.data, <real*>self.values.data
        with nogil:
            compress[real](m, self.p, x, starts, columns, values)
        self.data.x, self.data.starts, self.data.columns = values, starts, columns

    cdef take_compressed(self, Py_ssize_t start, Py_ssize_t m, real* dummy):
        """Compressed inputs with values of the net's dtype and columns as kernels read them, or dense."""
        cdef Compressed all = self.compressed
        cdef const Py_ssize_t* from_starts = <const Py_ssize_t*>all.starts.data
        cdef Py_ssize_t* starts = <Py_ssize_t*>self.starts.data
        cdef Py_ssize_t i, k, row, count, widest = 0, p = self.p
        cdef bint short_columns = all.columns.dtype == np.uint16
        cdef Numbers table = table_of(all.values)
        cdef const char* values = all.values.data
        cdef const unsigned short* shorts = <const unsigned short*>all.columns.data
        cdef const int* longs = <const int*>all.columns.data
        cdef const double* factor = NULL if all.factor is None else <const double*>all.factor.data
        cdef const int* named
        cdef int* columns
        cdef double* wide = NULL
        cdef real* x
        cdef real* out
        starts[0] = 0
        for i in range(m):
            row = self.row_of(start + i)
            count = from_starts[row + 1] - from_starts[row]
            widest = max(widest, count)
            starts[i + 1] = starts[i] + count
        self.make_room(widest if self.fill_zeros else starts[m])
        if factor != NULL:
            if self.wide is None or self.wide.shape[0] < widest:
                self.wide = np.empty(widest, np.float64)
            wide = <double*>self.wide.data
        x = <real*>self.values.data
        columns = <int*>self.columns.data
        out = <real*>self.x.data if self.fill_zeros else NULL
        with nogil:
            if out != NULL:
                memset(out, 0, m * p * sizeof(real))
            for i in range(m):
                row = self.row_of(start + i)
                count = from_starts[row + 1] - from_starts[row]
                table.x = values + from_starts[row] * table.row_stride
                named = columns
                if short_columns:
                    for k in range(count):
                        columns[k] = shorts[from_starts[row] + k]
                elif out == NULL:
                    memcpy(columns, longs + from_starts[row], count * sizeof(int))
                else:
                    named = longs + from_starts[row]
                if factor == NULL:
                    gather[real](&table, 1, count, NULL, NULL, NULL, x)
                else:
                    gather[double](&table, 1, count, NULL, NULL, NULL, wide)
                    for k in range(count):
                        x[k] = <real>(wide[k] * factor[named[k]])
                if out == NULL:
                    x += count
                    columns += count
                else:
                    for k in range(count):
                        out[i * p + named[k]] = x[k]
        self.data.x = <void*>out if out != NULL else <void*>self.values.data
        self.data.starts = NULL if out != NULL else starts
        self.data.columns = NULL if out != NULL else <int*>self.columns.data
