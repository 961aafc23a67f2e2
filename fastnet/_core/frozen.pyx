"""A packed net that can be called but not changed: the engine of FrozenNetwork."""

cimport numpy as cnp
from cpython.mem cimport PyMem_RawFree, PyMem_RawMalloc

import numpy as np

from fastnet._core import plan as planning

from fastnet._core.kernels cimport NARROW, predict_narrow
from fastnet._core.layout cimport Layout, free_layout, new_layout
from fastnet._core.packed cimport Packed, new_packed
from fastnet._core.single cimport GIL_FLOPS, STACK_BYTES, is_matrix, is_target, is_target_matrix, is_vector
from fastnet._core.types cimport real

cnp.import_array()

cdef Py_ssize_t ROWS = planning.INFERENCE_ROWS, FROM = planning.PACK_FROM


cdef class FrozenEngine:
    """Packed weights and every call on them; re-entrant, because a call's work space is its own."""

    cdef Layout* layout
    cdef cnp.ndarray flat                  # the parameters as they were when the net was frozen
    cdef Packed packed
    cdef bint narrow                       # batches run with samples in lanes, on the flat parameters
    cdef readonly tuple sizes
    cdef bint single
    cdef int typenum
    cdef Py_ssize_t n_in, n_out, n_parameters

    def __cinit__(self, tuple sizes not None, tuple activation not None, cnp.ndarray parameters not None, *args):
        self.layout = new_layout(sizes, activation)
        self.flat = parameters
        self.single = parameters.dtype == np.float32
        if self.single:
            self.packed = new_packed[float](self.layout, <const float*>parameters.data)
        else:
            self.packed = new_packed[double](self.layout, <const double*>parameters.data)
        self.n_parameters = self.layout.n_parameters
        self.narrow = max(sizes) <= NARROW
        self.sizes = sizes
        self.typenum = cnp.NPY_FLOAT32 if self.single else cnp.NPY_FLOAT64
        self.n_in = sizes[0]
        self.n_out = sizes[len(sizes) - 1]

    def __dealloc__(self):
        free_layout(self.layout)

    def __call__(self, X, out=None):
        """Outputs for a batch (m, n_in) or one sample (n_in,), into `out` if it is given.

        Parameters
        ----------
        X : array_like of shape (m, n_in) or (n_in,)
        out : ndarray of shape (m, n_out) or (n_out,), optional
            Of the net's dtype; may overlap X.  With it a call on one sample allocates nothing.

        Returns
        -------
        a : ndarray of shape (m, n_out) or (n_out,)

        Raises
        ------
        ValueError, TypeError
            If X or out does not fit, as in Network.predict.
        """
        cdef cnp.npy_intp n_out = self.n_out
        cdef cnp.npy_intp shape[2]
        if is_vector(X, self.typenum, self.n_in):
            if out is None:
                out = cnp.PyArray_EMPTY(1, &n_out, self.typenum, 0)
                self.run(1, cnp.PyArray_DATA(<cnp.ndarray>X), cnp.PyArray_DATA(<cnp.ndarray>out))
                return out
            if is_target(out, self.typenum, self.n_out):
                self.run(1, cnp.PyArray_DATA(<cnp.ndarray>X), cnp.PyArray_DATA(<cnp.ndarray>out))
                return out
        elif is_matrix(X, self.typenum, self.n_in):
            if out is None:
                shape[0], shape[1] = cnp.PyArray_DIM(<cnp.ndarray>X, 0), n_out
                out = cnp.PyArray_EMPTY(2, shape, self.typenum, 0)
                self._predict_into(<cnp.ndarray>X, <cnp.ndarray>out)
                return out
            if is_target_matrix(out, self.typenum, self.n_out, <cnp.ndarray>X):
                self._predict_into(<cnp.ndarray>X, <cnp.ndarray>out)
                return out
        return self._predict(X, out, 1)

    def _predict_into(self, cnp.ndarray X not None, cnp.ndarray out not None):
        """out = a^L for the rows of X; checked arrays that don't overlap."""
        self.run(X.shape[0], X.data, out.data)

    cdef int run(self, Py_ssize_t m, void* x, void* out) except -1:
        if self.single:
            return self.run_typed[float](m, <const float*>x, <float*>out)
        return self.run_typed[double](m, <const double*>x, <double*>out)

    cdef int run_typed(self, Py_ssize_t m, const real* x, real* out) except -1:
        if self.narrow and m >= FROM:
            with nogil:
                predict_narrow[real](self.layout, <const real*>self.flat.data, m, x, out)
            return 0
        cdef char stack[STACK_BYTES]
        cdef Py_ssize_t rows = max(1, min(m, ROWS))
        cdef Py_ssize_t n_bytes = self.packed.work_bytes(rows, sizeof(real))
        cdef void* work = stack
        if n_bytes > STACK_BYTES:
            work = PyMem_RawMalloc(n_bytes)
            if work == NULL:
                raise MemoryError(f"no memory for a work space of {n_bytes} bytes")
        if 2.0 * m * self.n_parameters < GIL_FLOPS:
            self.packed.predict(m, rows, x, out, work)
        else:
            with nogil:
                self.packed.predict(m, rows, x, out, work)
        if n_bytes > STACK_BYTES:
            PyMem_RawFree(work)
        return 0
