"""The door of the engine room: NumPy arrays in, pointers out, the GIL released where the work is worth it.

Every argument has been checked by fastnet._checks: arrays are C-contiguous, aligned,
native and of the net's dtype, or Rows or Compressed; labels are intp within range.  Nothing is checked again.
"""

cimport numpy as cnp

import numpy as np

from fastnet._core import plan as planning
from fastnet._core.rows import dense_blocks

from fastnet._core cimport blas
from fastnet._core.affine cimport Affine, scale, unscale
from fastnet._core.backprop cimport backpropagate, feedforward
from fastnet._core.costs cimport set_cost
from fastnet._core.epoch cimport Buffers, add_gradient, shuffle, total_cost
from fastnet._core.kernels cimport PYTHON_COST, Data, infer, predict_narrow
from fastnet._core.laps cimport enter, leave, step_begins
from fastnet._core.layout cimport Layout, Scratch, Workspace, free_layout, new_layout
from fastnet._core.packed cimport Packed, new_packed, rows_of
from fastnet._core.profile cimport Recorder, Region, current, open_profiles, unwatch, watch
from fastnet._core.samples cimport data_of, rows_from
from fastnet._core.single cimport (GIL_FLOPS, STACK_BYTES, is_matrix, is_target, is_target_matrix, is_vector, looked_up,
                                   rows_between_looks)
from fastnet._core.types cimport real
from fastnet._core.users cimport raise_pending
from fastnet._core.window cimport Window, window_over

cnp.import_array()

ONE = 1                         # what `threads` is if nobody says
NOT_INITIALISED = "the net has no layers yet: __init__ was not called"


def shuffled(Py_ssize_t m, seed):
    """The rows 0 ... m-1 in the order that `seed` (an int below 2^64) decides; intp, (m,)."""
    cdef cnp.ndarray order = np.arange(m, dtype=np.intp)
    cdef unsigned long long start = seed
    cdef Py_ssize_t* rows = <Py_ssize_t*>order.data
    with nogil:
        shuffle(m, rows, start)
    return order


cdef class Engine:
    """Parameters and layout of one net, and every compiled pass over them.

    The base of Network, so that a call with one sample of the right kind runs without any Python
    in between; whatever else is called with goes to Network's `_predict`, which checks.
    """

    cdef Layout* net
    cdef cnp.ndarray flat                  # the parameters
    cdef tuple layers                      # neurons of each, input first
    cdef bint single                       # float32
    cdef bint direct                       # one sample may skip the plan: the fast paths were on at the start
    cdef int typenum
    cdef Py_ssize_t n_in, n_out
    cdef object bound_cost                 # keeps alive what net.cost points at
    cdef Affine before, after              # of inputs and of outputs, where the net scales
    cdef tuple maps                        # keeps alive what they point at; None: the net does not scale

    def __cinit__(self):
        self.net = NULL
        self.typenum = -1              # before `_lay_out` no array is of the net's kind

    def __dealloc__(self):
        free_layout(self.net)

    def _check_new(self):
        """Refuse a second initialisation, before anything of the net changes: kernels rely on what the first one laid out."""
        if self.net != NULL:
            raise TypeError("a net can't be initialised twice; make a new one")

    cdef _set_up(self, tuple sizes, tuple activation, object cost, cnp.ndarray parameters):
        self._check_new()
        self.net = new_layout(sizes, activation)
        self.bound_cost = cost
        set_cost(&self.net.cost, cost)
        self.layers = sizes
        self.flat = parameters
        self.single = parameters.dtype == np.float32
        self.typenum = cnp.NPY_FLOAT32 if self.single else cnp.NPY_FLOAT64
        self.n_in = sizes[0]
        self.n_out = sizes[len(sizes) - 1]
        self.direct = planning.fast_paths() and not self.net.python

    def _scale(self, cnp.ndarray before_offset, cnp.ndarray before_factor, cnp.ndarray after_offset, cnp.ndarray after_factor):
        """Scale inputs and unscale outputs from now on; float64 vectors, or None: as they are.

        The short ways in then know no array any more (no type is -1): a net that does not scale never asks.
        """
        self.check_laid_out()
        self.maps = (before_offset, before_factor, after_offset, after_factor)
        self.before = Affine(NULL, NULL)
        self.after = Affine(NULL, NULL)
        if before_offset is not None:
            self.before = Affine(<const double*>before_offset.data, <const double*>before_factor.data)
        if after_offset is not None:
            self.after = Affine(<const double*>after_offset.data, <const double*>after_factor.data)
        if before_offset is None and after_offset is None:
            self.maps = None
        self.typenum = -1 if self.maps is not None else self.own_typenum()

    cdef int check_laid_out(self) except -1:
        if self.net == NULL:
            raise TypeError(NOT_INITIALISED)
        return 0

    @property
    def _laid_out(self):
        return self.net != NULL

    @property
    def sizes(self):
        """Neurons a layer, input first."""
        self.check_laid_out()
        return self.layers

    @property
    def _parameters(self):
        self.check_laid_out()
        return self.flat

    cdef int own_typenum(self):
        return cnp.NPY_FLOAT32 if self.single else cnp.NPY_FLOAT64

    def _lay_out(self, tuple sizes not None, tuple activation not None, cost, cnp.ndarray parameters not None):
        """Take over a flat parameter vector, followed by 64 readable bytes, for a net of these layers
        and a cost as fastnet.costs.Bound has it."""
        self._set_up(sizes, activation, cost, parameters)

    # -- one sample ----------------------------------------------------------

    def __call__(self, X):
        """Outputs for a batch (m, n_in) or one sample (n_in,): `predict` without `out`."""
        cdef cnp.npy_intp n_out = self.n_out
        cdef cnp.npy_intp shape[2]
        if self.direct and is_vector(X, self.typenum, self.n_in):
            out = cnp.PyArray_EMPTY(1, &n_out, self.typenum, 0)
            self.infer_into(<cnp.ndarray>X, <cnp.ndarray>out)
            return out
        if is_matrix(X, self.typenum, self.n_in):
            shape[0], shape[1] = cnp.PyArray_DIM(<cnp.ndarray>X, 0), self.n_out
            out = cnp.PyArray_EMPTY(2, shape, self.typenum, 0)
            self._predict_into(<cnp.ndarray>X, <cnp.ndarray>out)
            return out
        if self.maps is not None and self.direct and is_vector(X, self.own_typenum(), self.n_in):
            out = cnp.PyArray_EMPTY(1, &n_out, self.own_typenum(), 0)
            self.infer_scaled(<cnp.ndarray>X, <cnp.ndarray>out)
            return out
        return self._predict(X, None, 1)

    def predict(self, X, out=None, threads=ONE):
        """Outputs of the net.

        Parameters
        ----------
        X : array_like of shape (m, n_in) or (n_in,)
            Inputs, one sample per row, or a single sample.
        out : ndarray of shape (m, n_out) or (n_out,), optional
            Where to write the outputs; of the net's dtype.  May overlap X.
        threads : int
            Threads that may share the rows; fewer are used for few rows.  The bits are the same.

        Returns
        -------
        a : ndarray of shape (m, n_out) or (n_out,)
            The activations of the last layer; `out` if it was given.

        Raises
        ------
        ValueError
            If a shape or the dtype of `out` does not fit.
        TypeError
            If X does not hold real numbers.
        KeyboardInterrupt
            On Ctrl-C, within some 10 ms; `out` may then be written in part.

        Examples
        --------
        >>> import fastnet as fn
        >>> fn.Network([2, 3, 1], seed=0).predict([[0, 1], [1, 0], [1, 1]]).shape
        (3, 1)
        """
        if (self.direct and is_vector(X, self.typenum, self.n_in)
                and is_target(out, self.typenum, self.n_out) and not self.owns(<cnp.ndarray>out)):
            self.infer_into(<cnp.ndarray>X, <cnp.ndarray>out)
            return out
        if (threads is ONE and is_matrix(X, self.typenum, self.n_in)
                and is_target_matrix(out, self.typenum, self.n_out, <cnp.ndarray>X) and not self.owns(<cnp.ndarray>out)):
            self._predict_into(<cnp.ndarray>X, <cnp.ndarray>out)
            return out
        if (self.maps is not None and self.direct and is_vector(X, self.own_typenum(), self.n_in)
                and is_target(out, self.own_typenum(), self.n_out) and not self.owns(<cnp.ndarray>out)):
            self.infer_scaled(<cnp.ndarray>X, <cnp.ndarray>out)
            return out
        return self._predict(X, out, threads)

    cdef bint owns(self, cnp.ndarray out) noexcept:
        """Whether a contiguous array lies among the parameters, which are still read while it is written."""
        cdef char* first = <char*>cnp.PyArray_DATA(self.flat)
        cdef char* start = <char*>cnp.PyArray_DATA(out)
        return (start < first + (self.net.n_parameters << (2 if self.single else 3))
                and first < start + cnp.PyArray_DIM(out, 0) * cnp.PyArray_STRIDE(out, 0))

    cdef int infer_into(self, cnp.ndarray X, cnp.ndarray out) except -1:
        if self.single:
            return self.infer_typed[float](<const float*>cnp.PyArray_DATA(X), <float*>cnp.PyArray_DATA(out))
        return self.infer_typed[double](<const double*>cnp.PyArray_DATA(X), <double*>cnp.PyArray_DATA(out))

    cdef int infer_typed(self, const real* x, real* out) except -1:
        """One sample; nothing is allocated unless a layer is too wide for the stack."""
        cdef char stack[STACK_BYTES]
        cdef Py_ssize_t n_bytes = 2 * self.net.width * sizeof(real)
        cdef void* work = stack
        cdef Scratch scratch
        cdef const real* parameters = <const real*>cnp.PyArray_DATA(self.flat)
        if open_profiles and current() is not None:
            return self.infer_watched[real](x, out)
        if n_bytes > STACK_BYTES:
            scratch = Scratch(n_bytes)
            work = scratch.start
        if 2 * self.net.n_parameters < GIL_FLOPS:
            infer(self.net, parameters, x, out, <real*>work)
        else:
            with nogil:
                infer(self.net, parameters, x, out, <real*>work)
        return 0

    cdef int infer_watched(self, const real* x, real* out) except -1:
        """infer_typed while this thread has a profile open: calls are counted, and timed in bursts."""
        cdef Region region = current().region(self, "call", "samples", self.net, self.single, 0)
        cdef Layout watched = self.net[0]
        cdef bint timed = step_begins(&region.table, 1)
        cdef Scratch scratch = Scratch(2 * self.net.width * sizeof(real))
        cdef const real* parameters = <const real*>cnp.PyArray_DATA(self.flat)
        region.calls += 1
        region.counted = True
        if timed:
            enter(&region.table)
            region.table.laps += 2             # beside those of operations
            watched.profile = &region.table
        infer(&watched, parameters, x, out, <real*>scratch.start)
        if timed:
            leave(&region.table)
        return 0

    cdef int infer_scaled(self, cnp.ndarray X, cnp.ndarray out) except -1:
        if self.single:
            return self.infer_scaled_typed[float](<const float*>cnp.PyArray_DATA(X), <float*>cnp.PyArray_DATA(out))
        return self.infer_scaled_typed[double](<const double*>cnp.PyArray_DATA(X), <double*>cnp.PyArray_DATA(out))

    cdef int infer_scaled_typed(self, const real* x, real* out) except -1:
        """One sample between its two maps."""
        cdef char stack[STACK_BYTES]
        cdef Scratch scratch
        cdef real* scaled = <real*>stack
        if self.before.offset != NULL:
            if self.n_in * <Py_ssize_t>sizeof(real) > STACK_BYTES:
                scratch = Scratch(self.n_in * sizeof(real))
                scaled = <real*>scratch.start
            scale(self.n_in, &self.before, x, scaled)
            x = scaled
        self.infer_typed[real](x, out)
        if self.after.offset != NULL:
            unscale(self.n_out, &self.after, out)
        return 0

    cdef double flops_a_row(self):
        """Multiplications and additions of a forward pass, one sample."""
        return 2.0 * self.net.n_parameters

    cdef Py_ssize_t rows_for(self, Py_ssize_t m):
        return max(1, min(m, <Py_ssize_t>planning.PLAIN_ROWS))

    cdef Py_ssize_t rows_at_once(self, Py_ssize_t rows, double passes):
        """Samples between two looks for Ctrl-C, in whole blocks, where each takes some passes through the net."""
        return rows_between_looks(passes * self.flops_a_row(), rows)

    # -- forward -------------------------------------------------------------

    def _predict_into(self, cnp.ndarray X not None, cnp.ndarray out not None, list ended=None):
        """out = a^L for the rows of X; out must not overlap X.  Some of them, once `ended` is no longer empty."""
        self.check_laid_out()
        plan = planning.plan_inference(self.layers, X.shape[0], python=self.net.python)
        if plan.path == "plain":
            blas.load()
        if self.single:
            self.predict_typed[float](plan.path, plan.rows, X, out, ended)
        else:
            self.predict_typed[double](plan.path, plan.rows, X, out, ended)

    cdef predict_typed(self, str path, Py_ssize_t rows, cnp.ndarray X, cnp.ndarray out, list ended, real* dummy=NULL):
        cdef Py_ssize_t m = X.shape[0], i, start = 0, most = self.rows_at_once(rows, 1)
        cdef bint narrow = path == "narrow", tiles = path == "tiles"
        cdef const real* parameters = <const real*>self.flat.data
        cdef const real* x = <const real*>X.data
        cdef real* y = <real*>out.data
        cdef Data data
        cdef Workspace work
        cdef Packed packed
        cdef Scratch scratch
        cdef Layout net
        cdef Recorder recorder = current()
        cdef Region region
        if path == "samples":
            for i in range(m):
                self.infer_typed[real](x + i * self.n_in, y + i * self.n_out)
            return
        region = watch(recorder, self, "predict", path, self.net, self.single, &net)
        if tiles:
            packed = new_packed[real](&net, parameters, False)
            scratch = Scratch(packed.work_bytes(rows, sizeof(real)))
        elif not narrow:
            work = Workspace.for_inference(self.net, rows, sizeof(real))
        while start < m and not (start and looked_up(ended)):
            data = rows_of(x + start * self.n_in, min(most, m - start))
            with nogil:
                if narrow:
                    predict_narrow[real](&net, parameters, data.m, <const real*>data.x, y + start * self.n_out)
                elif tiles:
                    packed.predict(&packed.net, &data, rows, y + start * self.n_out, scratch.start)
                else:
                    predict_blocks(&net, data.m, work.rows, parameters, <const real*>data.x, <real**>work.z, <real**>work.a,
                                   y + start * self.n_out)
                    raise_pending(self.net)
            start += data.m
        unwatch(recorder, region)

    def _forward_into(self, cnp.ndarray X not None, list z, list a):
        """Fill the arrays of z^l and a^l, one (m, n) array a layer."""
        self.check_laid_out()
        blas.load()
        if self.single:
            self.forward_typed[float](X, z, a)
        else:
            self.forward_typed[double](X, z, a)

    cdef forward_typed(self, cnp.ndarray X, list z, list a, real* dummy=NULL):
        cdef Py_ssize_t m = X.shape[0], start = 0, most = self.rows_at_once(self.rows_for(m), 1), rows
        cdef Workspace work = Workspace.for_inference(self.net, 0, sizeof(real))
        cdef const real* parameters = <const real*>self.flat.data
        cdef const real* x = <const real*>X.data
        cdef Layout net
        cdef Recorder recorder = current()
        cdef Region region = watch(recorder, self, "forward", "plain", self.net, self.single, &net)
        while start < m and not (start and looked_up(None)):
            rows = min(most, m - start)
            point_at(work.z, z, start)
            point_at(work.a, a, start)
            with nogil:
                if net.profile != NULL:
                    step_begins(net.profile, rows)
                feedforward(&net, rows, parameters, x + start * self.n_in, <real**>work.z, <real**>work.a)
                raise_pending(self.net)
            start += rows
        unwatch(recorder, region)

    # -- cost and gradient ---------------------------------------------------

    def _outputs_into(self, X, cnp.ndarray out not None):
        """out = a^L for the rows of X, an array, Rows or Compressed, which must not overlap it."""
        if isinstance(X, np.ndarray):
            self._predict_into(X, out)
            return
        for start, stop in dense_blocks(0, len(X)):
            self._predict_into(X.dense(start, stop), out[start:stop])

    def _cost_of(self, X, Y not None, cnp.ndarray weight=None, cnp.ndarray out=None):
        """The mean cost over the rows of X, weighted: Σ_x w_x C_x / m; `out` (m, n_out) gets the outputs."""
        self.check_laid_out()
        cdef bint tiles = (planning.plan_inference(self.layers, len(X), python=self.net.python).path in ("narrow", "tiles")
                           and self.net.cost.kind != PYTHON_COST)
        if tiles:
            return self.evaluate_typed[float](X, Y, weight, out) if self.single else \
                self.evaluate_typed[double](X, Y, weight, out)
        if out is not None:
            self._outputs_into(X, out)
        blas.load()
        if self.single:
            return self.cost_typed[float](X, Y, weight)
        return self.cost_typed[double](X, Y, weight)

    cdef double evaluate_typed(self, X, Y, cnp.ndarray weight, cnp.ndarray out, real* dummy=NULL) except? -1:
        cdef Layout net
        cdef Recorder recorder = current()
        cdef Region region = watch(recorder, self, "cost", "tiles", self.net, self.single, &net)
        cdef Py_ssize_t start = 0, m = len(X), rows = min(m, <Py_ssize_t>planning.INFERENCE_ROWS), most = self.rows_at_once(rows, 1)
        cdef Window window = window_over(X, Y, None, weight, rows, False)
        cdef Data data
        cdef Packed packed = new_packed[real](&net, <const real*>self.flat.data, False)
        cdef Scratch scratch = Scratch(packed.work_bytes(rows, sizeof(real)))
        cdef real* a = <real*>out.data if out is not None else NULL
        cdef double cost = 0
        while start < m:
            data = piece(window, X, Y, weight, start, most)
            with nogil:
                cost += packed.evaluate(&self.net.cost, &data, rows, a + start * self.n_out if a != NULL else NULL, scratch.start)
            start += data.m
        unwatch(recorder, region)
        return cost / m

    cdef double cost_typed(self, X, Y, cnp.ndarray weight, real* dummy=NULL) except? -1:
        cdef Py_ssize_t start = 0, m = len(X), rows = self.rows_for(m), most = self.rows_at_once(rows, 1)
        cdef Window window = window_over(X, Y, None, weight, rows, False)
        cdef Data data
        cdef Workspace work = Workspace.for_training(self.net, rows, sizeof(real))
        cdef Buffers buffers = buffers_of(work)
        cdef const real* parameters = <const real*>self.flat.data
        cdef double cost = 0
        cdef Layout net
        cdef Recorder recorder = current()
        cdef Region region = watch(recorder, self, "cost", "plain", self.net, self.single, &net)
        while start < m:
            data = piece(window, X, Y, weight, start, most)
            if data.m * self.flops_a_row() < GIL_FLOPS:
                cost += total_cost(&net, &data, &buffers, parameters)
            else:
                with nogil:
                    cost += total_cost(&net, &data, &buffers, parameters)
            start += data.m
        unwatch(recorder, region)
        return cost / m

    def _backprop_into(self, cnp.ndarray X not None, cnp.ndarray Y not None, list z, list a, list delta,
                       cnp.ndarray nabla not None, cnp.ndarray weight=None):
        """Fill z^l, a^l, δ^l and the mean gradient; return the mean cost."""
        self.check_laid_out()
        blas.load()
        if self.single:
            return self.backprop_typed[float](X, Y, z, a, delta, nabla, weight)
        return self.backprop_typed[double](X, Y, z, a, delta, nabla, weight)

    cdef double backprop_typed(self, cnp.ndarray X, cnp.ndarray Y, list z, list a, list delta,
                               cnp.ndarray nabla, cnp.ndarray weight, real* dummy=NULL) except? -1:
        cdef Data data = data_of(X, Y, None, weight)
        cdef Py_ssize_t m = X.shape[0], start = 0, most = self.rows_at_once(self.rows_for(m), 3), rows
        cdef Workspace work = Workspace.for_inference(self.net, 0, sizeof(real))
        cdef const real* parameters = <const real*>self.flat.data
        cdef const real* x = <const real*>X.data
        cdef real* target = <real*>nabla.data
        cdef double cost = 0
        cdef Layout net
        cdef Recorder recorder = current()
        cdef Region region = watch(recorder, self, "backprop", "plain", self.net, self.single, &net)
        while start < m and not (start and looked_up(None)):
            rows = min(most, m - start)
            point_at(work.z, z, start)
            point_at(work.a, a, start)
            point_at(work.delta, delta, start)
            with nogil:
                if net.profile != NULL:
                    step_begins(net.profile, rows)
                cost += backpropagate(&net, &data, start, rows, parameters, x + start * self.n_in, <real**>work.z, <real**>work.a,
                                      <real**>work.delta, NULL, <real>(1.0 / m), <real>(0 if start == 0 else 1), target)
            start += rows
        unwatch(recorder, region)
        return cost / m

    def _gradient_into(self, X, Y not None, cnp.ndarray nabla not None, cnp.ndarray weight=None):
        """nabla = the mean gradient over the rows of X; return the mean cost."""
        self.check_laid_out()
        blas.load()
        if self.single:
            return self.gradient_typed[float](X, Y, nabla, weight)
        return self.gradient_typed[double](X, Y, nabla, weight)

    cdef double gradient_typed(self, X, Y, cnp.ndarray nabla, cnp.ndarray weight,
                               real* dummy=NULL) except? -1:
        cdef Py_ssize_t start = 0, m = len(X), rows = self.rows_for(m), most = self.rows_at_once(rows, 3)
        cdef Window window = window_over(X, Y, None, weight, rows, False)
        cdef Data data
        cdef Workspace work = Workspace.for_training(self.net, rows, sizeof(real))
        cdef Buffers buffers = buffers_of(work)
        cdef const real* parameters = <const real*>self.flat.data
        cdef real* target = <real*>nabla.data
        cdef real alpha = <real>(1.0 / m)
        cdef double cost = 0
        cdef Layout net
        cdef Recorder recorder = current()
        cdef Region region = watch(recorder, self, "gradient", "plain", self.net, self.single, &net)
        nabla.fill(0)
        if net.profile != NULL:
            step_begins(net.profile, m)
        while start < m:
            data = piece(window, X, Y, weight, start, most)
            if 3 * data.m * self.flops_a_row() < GIL_FLOPS:
                cost += add_gradient(&net, &data, &buffers, 0, data.m, parameters, alpha, target)
            else:
                with nogil:
                    cost += add_gradient(&net, &data, &buffers, 0, data.m, parameters, alpha, target)
            start += data.m
        unwatch(recorder, region)
        return cost / m


cdef Data piece(Window window, X, Y, cnp.ndarray weight, Py_ssize_t start, Py_ssize_t most) except *:
    """The samples from `start` on, as many as the window takes or `most`, whose blocks are those of the whole.

    Ctrl-C raises KeyboardInterrupt between two pieces.
    """
    if start:
        looked_up(None)
    if window is None:
        return rows_from(X, Y, weight, start, min(start + most, len(X)))
    window.move(start, min(start + window.rows, len(X)))
    return window.data


cdef Buffers buffers_of(Workspace work):
    return Buffers(rows=work.rows, x=work.x, z=work.z, a=work.a, delta=work.delta, chance=NULL)


cdef void point_at(void** table, list arrays, Py_ssize_t start):
    """Let the table of a work space point at arrays of the caller's, from row `start` on."""
    cdef Py_ssize_t l
    for l in range(len(arrays)):
        table[l] = (<cnp.ndarray>arrays[l]).data + start * cnp.PyArray_STRIDE(<cnp.ndarray>arrays[l], 0)


cdef void predict_blocks(
    const Layout* net, Py_ssize_t m, Py_ssize_t rows,
    const real* parameters, const real* x, real** z, real** a, real* y,
) noexcept nogil:
    """feedforward in blocks of rows, the last layer straight into y."""
    cdef Py_ssize_t start = 0, last = net.n_layers - 1
    while start < m:
        z[last] = a[last] = y + start * net.sizes[last + 1]
        if net.profile != NULL:
            step_begins(net.profile, min(rows, m - start))
        feedforward(net, min(rows, m - start), parameters, x + start * net.sizes[0], z, a)
        start += rows
