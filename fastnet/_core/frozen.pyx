"""A packed net that can be called but not changed: the engine of FrozenNetwork."""

cimport numpy as cnp
from libc.stdint cimport uintptr_t

import numpy as np

from fastnet._core import plan as planning

from fastnet._core.capsule cimport capsule_of
from fastnet._core.kernels cimport MAX_NARROW, Data, PackedNet, predict_narrow
from fastnet._core.laps cimport enter, leave, step_begins
from fastnet._core.layout cimport Layout, Scratch, free_layout, new_layout
from fastnet._core.packed cimport JACOBIAN, JVP, SWEEP_ROWS, VJP, Packed, new_packed, rows_of
from fastnet._core.profile cimport Recorder, Region, current, open_profiles
from fastnet._core.single cimport (GIL_FLOPS, ROW_FLOPS, STACK_BYTES, VALUE_FLOPS, is_jacobian, is_matrix, is_target,
                                   is_target_matrix, is_vector, looked_up, rows_between_looks)
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

    def __cinit__(self, tuple sizes=None, tuple activation=None, cnp.ndarray parameters=None, *args):
        if sizes is None or activation is None or parameters is None:
            raise TypeError("a frozen net is made by Network.freeze")
        self.layout = new_layout(sizes, activation)
        self.flat = parameters
        self.single = parameters.dtype == np.float32
        if self.single:
            self.packed = new_packed[float](self.layout, <const float*>parameters.data, True)
        else:
            self.packed = new_packed[double](self.layout, <const double*>parameters.data, True)
        self.n_parameters = self.layout.n_parameters
        self.narrow = max(sizes) <= MAX_NARROW
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
        KeyboardInterrupt
            On Ctrl-C, within some 10 ms, as from the derivatives; `out` may then be written in part.
        """
        cdef cnp.npy_intp n_out = self.n_out
        cdef cnp.npy_intp shape[2]
        if is_vector(X, self.typenum, self.n_in):
            if out is None:
                out = cnp.PyArray_EMPTY(1, &n_out, self.typenum, 0)
                self.run(1, cnp.PyArray_DATA(<cnp.ndarray>X), cnp.PyArray_DATA(<cnp.ndarray>out), None)
                return out
            if is_target(out, self.typenum, self.n_out):
                self.run(1, cnp.PyArray_DATA(<cnp.ndarray>X), cnp.PyArray_DATA(<cnp.ndarray>out), None)
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

    @property
    def _address(self):
        """Where the packed net lies, the fastnet_net of fastnet.h; valid as long as this object lives."""
        return <uintptr_t>&self.packed.net

    @property
    def _capsule(self):
        """The same in a capsule that keeps this object alive."""
        return capsule_of(self, &self.packed.net, "fastnet_net")

    def jacobian(self, X, out=None):
        """∂a^L/∂x at a batch (m, n_in) or one sample (n_in,), into `out` if it is given.

        Parameters
        ----------
        X : array_like of shape (m, n_in) or (n_in,)
        out : ndarray of shape (m, n_out, n_in) or (n_out, n_in), optional
            Of the net's dtype.  With it a call on one sample allocates nothing.

        Returns
        -------
        jacobian : ndarray of shape (m, n_out, n_in) or (n_out, n_in)

        Raises
        ------
        ValueError, TypeError
            If X or out does not fit.

        Examples
        --------
        >>> import fastnet as fn
        >>> f = fn.Network([2, 1], activation="identity", init=([[[3.0, 5.0]]], [[1.0]])).freeze()
        >>> f.jacobian([0.5, 0.5])
        array([[3., 5.]])
        """
        if is_vector(X, self.typenum, self.n_in):
            if out is None:
                out = self.new_jacobian()
                self.run_jacobian(1, cnp.PyArray_DATA(<cnp.ndarray>X), NULL, cnp.PyArray_DATA(<cnp.ndarray>out))
                return out
            if is_jacobian(out, self.typenum, self.n_out, self.n_in) and not overlaps(X, out):
                self.run_jacobian(1, cnp.PyArray_DATA(<cnp.ndarray>X), NULL, cnp.PyArray_DATA(<cnp.ndarray>out))
                return out
        return self._jacobian(X, out)

    def value_and_jacobian(self, X, out=None):
        """The outputs and ∂a^L/∂x, by one pass.

        Parameters
        ----------
        X : array_like of shape (m, n_in) or (n_in,)
        out : (ndarray, ndarray), optional
            Where to write: arrays like those returned, that overlap neither X nor each other.

        Returns
        -------
        a : ndarray of shape (m, n_out) or (n_out,)
        jacobian : ndarray of shape (m, n_out, n_in) or (n_out, n_in)

        Raises
        ------
        ValueError, TypeError
            If X or out does not fit.

        Examples
        --------
        >>> import fastnet as fn
        >>> f = fn.Network([2, 1], activation="identity", init=([[[3.0, 5.0]]], [[1.0]])).freeze()
        >>> f.value_and_jacobian([0.5, 0.5])
        (array([5.]), array([[3., 5.]]))
        """
        cdef cnp.npy_intp n_out = self.n_out
        if is_vector(X, self.typenum, self.n_in):
            if out is None:
                a, jacobian = cnp.PyArray_EMPTY(1, &n_out, self.typenum, 0), self.new_jacobian()
                self.run_jacobian(1, cnp.PyArray_DATA(<cnp.ndarray>X), cnp.PyArray_DATA(<cnp.ndarray>a),
                                  cnp.PyArray_DATA(<cnp.ndarray>jacobian))
                return a, jacobian
            if type(out) is tuple and len(out) == 2:
                a, jacobian = out
                if (is_target(a, self.typenum, self.n_out) and is_jacobian(jacobian, self.typenum, self.n_out, self.n_in)
                        and not overlaps(X, a) and not overlaps(X, jacobian) and not overlaps(a, jacobian)):
                    self.run_jacobian(1, cnp.PyArray_DATA(<cnp.ndarray>X), cnp.PyArray_DATA(<cnp.ndarray>a),
                                      cnp.PyArray_DATA(<cnp.ndarray>jacobian))
                    return out
        return self._value_and_jacobian(X, out)

    def jvp(self, X, V, out=None):
        """∂a^L/∂x v: where the outputs go when the inputs go along v; forward mode.

        Parameters
        ----------
        X, V : array_like of shape (m, n_in) or (n_in,)
        out : ndarray of shape (m, n_out) or (n_out,), optional
            Of the net's dtype.  With it a call on one sample allocates nothing.

        Returns
        -------
        ndarray of shape (m, n_out) or (n_out,)

        Raises
        ------
        ValueError, TypeError
            If X, V or out does not fit.

        Examples
        --------
        >>> import fastnet as fn
        >>> f = fn.Network([2, 1], activation="identity", init=([[[3.0, 5.0]]], [[1.0]])).freeze()
        >>> f.jvp([0.5, 0.5], [1.0, -1.0])
        array([-2.])
        """
        cdef cnp.npy_intp n_out = self.n_out
        if is_vector(X, self.typenum, self.n_in) and is_vector(V, self.typenum, self.n_in):
            if out is None:
                out = cnp.PyArray_EMPTY(1, &n_out, self.typenum, 0)
                self.run_product(True, 1, X, V, out)
                return out
            if is_target(out, self.typenum, self.n_out) and not overlaps(X, out) and not overlaps(V, out):
                self.run_product(True, 1, X, V, out)
                return out
        return self._product(True, X, V, out)

    def vjp(self, X, U, out=None):
        """uᵀ ∂a^L/∂x: how u·a^L answers to each input; reverse mode, the adjoint of `jvp`.

        Parameters
        ----------
        X : array_like of shape (m, n_in) or (n_in,)
        U : array_like of shape (m, n_out) or (n_out,)
        out : ndarray of shape (m, n_in) or (n_in,), optional
            Of the net's dtype.  With it a call on one sample allocates nothing.

        Returns
        -------
        ndarray of shape (m, n_in) or (n_in,)

        Raises
        ------
        ValueError, TypeError
            If X, U or out does not fit.

        Examples
        --------
        >>> import fastnet as fn
        >>> f = fn.Network([2, 1], activation="identity", init=([[[3.0, 5.0]]], [[1.0]])).freeze()
        >>> f.vjp([0.5, 0.5], [2.0])
        array([ 6., 10.])
        """
        cdef cnp.npy_intp n_in = self.n_in
        if is_vector(X, self.typenum, self.n_in) and is_vector(U, self.typenum, self.n_out):
            if out is None:
                out = cnp.PyArray_EMPTY(1, &n_in, self.typenum, 0)
                self.run_product(False, 1, X, U, out)
                return out
            if is_target(out, self.typenum, self.n_in) and not overlaps(X, out) and not overlaps(U, out):
                self.run_product(False, 1, X, U, out)
                return out
        return self._product(False, X, U, out)

    def _jacobian_into(self, cnp.ndarray X not None, cnp.ndarray a, cnp.ndarray jacobian not None):
        """jacobian and, unless None, a at the rows of X; checked arrays that don't overlap."""
        self.run_jacobian(X.shape[0], X.data, NULL if a is None else a.data, jacobian.data)

    def _product_into(self, bint forward, cnp.ndarray X not None, cnp.ndarray V not None, cnp.ndarray out not None):
        """out = ∂a^L/∂x v, or vᵀ ∂a^L/∂x; checked arrays that don't overlap."""
        self.run_product(forward, X.shape[0], X, V, out)

    def _predict_into(self, cnp.ndarray X not None, cnp.ndarray out not None, list ended=None):
        """out = a^L for the rows of X; checked arrays that don't overlap.  Some of them, once `ended` is no longer empty."""
        self.run(X.shape[0], X.data, out.data, ended)

    cdef int run(self, Py_ssize_t m, void* x, void* out, list ended) except -1:
        if self.single:
            return self.run_typed[float](m, <const float*>x, <float*>out, ended)
        return self.run_typed[double](m, <const double*>x, <double*>out, ended)

    cdef int run_typed(self, Py_ssize_t m, const real* x, real* out, list ended) except -1:
        if open_profiles and current() is not None:
            return self.run_watched[real](m, x, out, ended)
        return self.run_on[real](self.layout, &self.packed.net, m, x, out, ended)

    cdef int run_on(
        self, const Layout* layout, const PackedNet* net, Py_ssize_t m, const real* x, real* out, list ended,
    ) except -1:
        """`net` and `layout` are this object's, or copies that take time."""
        cdef Py_ssize_t start = 0, most, piece
        if self.narrow and m >= FROM:
            most = rows_between_looks(2.0 * self.n_parameters, ROWS)
            while start < m and not (start and looked_up(ended)):
                piece = min(most, m - start)
                with nogil:
                    predict_narrow[real](layout, <const real*>self.flat.data, piece, x + start * self.n_in,
                                         out + start * self.n_out)
                start += piece
            return 0
        cdef char stack[STACK_BYTES]
        cdef Data data = rows_of(x, m)
        cdef Py_ssize_t rows = max(1, min(m, ROWS))
        cdef Py_ssize_t n_bytes = self.packed.work_bytes(rows, sizeof(real))
        cdef void* work = stack
        cdef Scratch scratch
        if n_bytes > STACK_BYTES:
            scratch = Scratch(n_bytes)
            work = scratch.start
        if 2.0 * m * self.n_parameters < GIL_FLOPS:
            self.packed.predict(net, &data, rows, out, work)
            return 0
        most = rows_between_looks(2.0 * self.n_parameters, rows)
        while start < m and not (start and looked_up(ended)):
            data = rows_of(x + start * self.n_in, min(most, m - start))
            with nogil:
                self.packed.predict(net, &data, rows, out + start * self.n_out, work)
            start += data.m
        return 0

    cdef int run_watched(self, Py_ssize_t m, const real* x, real* out, list ended) except -1:
        """The same with a profile open: a batch is timed, single samples in bursts."""
        cdef Recorder recorder = current()
        cdef Layout layout = self.layout[0]
        cdef PackedNet net = self.packed.net
        cdef Region region
        if m > 1:
            region = recorder.open(self, "frozen", "narrow" if self.narrow and m >= FROM else "tiles", self.layout, self.single)
            layout.profile = net.profile = &region.table
            self.run_on[real](&layout, &net, m, x, out, ended)
            recorder.close(region)
            return 0
        region = recorder.region(self, "frozen call", "samples", self.layout, self.single, 0)
        region.calls += 1
        region.counted = True
        if step_begins(&region.table, 1):
            enter(&region.table)
            region.table.laps += 2                 # beside those of operations
            net.profile = &region.table
            self.run_on[real](&layout, &net, m, x, out, ended)
            leave(&region.table)
        else:
            self.run_on[real](&layout, &net, m, x, out, ended)
        return 0

    cdef object new_jacobian(self):
        cdef cnp.npy_intp[2] shape
        shape[0], shape[1] = self.n_out, self.n_in
        return cnp.PyArray_EMPTY(2, shape, self.typenum, 0)

    cdef int run_jacobian(self, Py_ssize_t m, void* x, void* y, void* jacobian) except -1:
        if self.single:
            return self.differentiate[float](JACOBIAN, m, <const float*>x, NULL, <float*>y, <float*>jacobian)
        return self.differentiate[double](JACOBIAN, m, <const double*>x, NULL, <double*>y, <double*>jacobian)

    cdef int run_product(self, bint forward, Py_ssize_t m, object X, object V, object out) except -1:
        cdef void* x = cnp.PyArray_DATA(<cnp.ndarray>X)
        cdef void* v = cnp.PyArray_DATA(<cnp.ndarray>V)
        cdef void* target = cnp.PyArray_DATA(<cnp.ndarray>out)
        if self.single:
            return self.differentiate[float](JVP if forward else VJP, m, <const float*>x, <const float*>v, NULL, <float*>target)
        return self.differentiate[double](JVP if forward else VJP, m, <const double*>x, <const double*>v, NULL, <double*>target)

    cdef int differentiate(self, int wanted, Py_ssize_t m, const real* x, const real* v, real* y, real* out) except -1:
        cdef Py_ssize_t v_width = self.n_in if wanted == JVP else self.n_out
        cdef Py_ssize_t out_width = self.n_in * self.n_out if wanted == JACOBIAN else self.n_out if wanted == JVP else self.n_in
        cdef char stack[STACK_BYTES]
        cdef Py_ssize_t n_bytes = self.packed.workspace(m, self.single)
        cdef void* work = stack
        cdef Scratch scratch
        if n_bytes > STACK_BYTES:
            scratch = Scratch(n_bytes)
            work = scratch.start
        cdef const PackedNet* net = &self.packed.net
        cdef PackedNet watched
        cdef Recorder recorder = current() if open_profiles else None
        cdef Region region
        if recorder is not None:
            region = recorder.open(self, "jacobian" if wanted == JACOBIAN else "jvp" if wanted == JVP else "vjp", "frozen",
                                   self.layout, self.single)
            watched = self.packed.net
            watched.profile = &region.table
            net = &watched
        cdef Py_ssize_t directions = min(self.n_in, self.n_out) if wanted == JACOBIAN else 1, start = 0, most, rows
        if 4.0 * m * self.n_parameters * directions < GIL_FLOPS:
            self.packed.differentiate(net, wanted, m, x, v, y, out, work)
        else:
            most = rows_between_looks(directions * (4.0 * self.n_parameters + ROW_FLOPS) + <double>VALUE_FLOPS * out_width,
                                      SWEEP_ROWS)
            while start < m:
                if start:
                    looked_up(None)
                rows = min(most, m - start)
                with nogil:
                    self.packed.differentiate(net, wanted, rows, x + start * self.n_in,
                                              NULL if v == NULL else v + start * v_width,
                                              NULL if y == NULL else y + start * self.n_out, out + start * out_width, work)
                start += rows
        if recorder is not None:
            recorder.close(region)
        return 0


cdef bint overlaps(object x, object y):
    """Whether two contiguous arrays share memory."""
    cdef char* a = <char*>cnp.PyArray_DATA(<cnp.ndarray>x)
    cdef char* b = <char*>cnp.PyArray_DATA(<cnp.ndarray>y)
    return a < b + cnp.PyArray_NBYTES(<cnp.ndarray>y) and b < a + cnp.PyArray_NBYTES(<cnp.ndarray>x)
