"""The door of the derivatives: NumPy arrays in, blocks of rows through the kernels, results where they belong.

The work space is that of a block: buffers of about a megabyte, or of one sample where that needs
more; what grows with the batch is the result alone.  Arguments have been checked; nothing is
checked again.
"""

cimport numpy as cnp
from libc.string cimport memcpy

import numpy as np

from fastnet._core import plan as planning

from fastnet._core cimport blas
from fastnet._core.backprop cimport feedforward
from fastnet._core.costs cimport output_delta, set_cost
from fastnet._core.first_order cimport columns_of_w, pull_back, push_forward, through, times_slopes, unit_rows
from fastnet._core.kernels cimport Data
from fastnet._core.laps cimport OUTPUT_DELTA, PULL, PUSH, mark, step_begins
from fastnet._core.layout cimport Layout, Scratch, free_layout, new_layout, take
from fastnet._core.packed cimport JACOBIAN, JVP, SWEEP_ROWS, VJP, Packed, new_packed
from fastnet._core.profile cimport Recorder, Region, current, unwatch, watch
from fastnet._core.samples cimport data_of
from fastnet._core.second_order cimport Directional, add_hessian_vector, laplacian
from fastnet._core.single cimport ROW_FLOPS, VALUE_FLOPS, looked_up, rows_between_looks
from fastnet._core.types cimport real
from fastnet._core.users cimport raise_pending

cnp.import_array()

cdef enum:
    BLOCK_VALUES = 131_072      # of one buffer of directions

cdef enum Wanted:
    JACOBIAN_DOWN               # reverse mode: unit vectors against the outputs
    JACOBIAN_UP                 # forward mode: unit vectors in the inputs
    DOWN                        # reverse mode: a direction a sample, vjp
    UP                          # forward mode: jvp
    PER_SAMPLE_GRADIENTS
    PARAMETER_JACOBIAN
    INPUT_GRADIENT
    LAPLACIAN
    HESSIAN_VECTOR

NAMES = ("jacobian", "jacobian", "vjp", "jvp", "per-sample gradients", "parameter jacobian", "input gradient", "laplacian",
         "hessian product")

cdef struct Sweep:              # the work space of a block
    Py_ssize_t rows             # samples that fit
    Py_ssize_t k                # directions of each
    void** z                    # per layer (rows, n)
    void** a                    # per layer (rows, n)
    void* d                     # (rows, k, widest layer, the inputs not counted)
    void* spare                 # likewise: layers take turns
    void* s                     # (rows, width)
    void* s_spare               # (rows, width)
    Directional r


cdef class Derivatives:
    """Every derivative of one net, by the plain engine or, for a batch, through packed weights."""

    cdef Layout* net
    cdef cnp.ndarray parameters
    cdef object cost            # fastnet.costs.Bound: keeps alive what net.cost points at
    cdef bint single

    def __cinit__(self, tuple sizes not None, tuple activation not None, cost, cnp.ndarray parameters not None):
        self.net = new_layout(sizes, activation)
        self.cost = cost
        set_cost(&self.net.cost, cost)
        self.parameters = parameters
        self.single = parameters.dtype == np.float32

    def __dealloc__(self):
        free_layout(self.net)

    def jacobian(self, cnp.ndarray X not None, cnp.ndarray out not None):
        """out (m, n_out, n_in) = ∂a^L/∂x."""
        self.run(JACOBIAN_DOWN if self.outputs_first() else JACOBIAN_UP, X, None, None, out)

    def jvp(self, cnp.ndarray X not None, cnp.ndarray V not None, cnp.ndarray out not None):
        """out (m, n_out) = ∂a^L/∂x v, v a row of V."""
        self.run(UP, X, V, None, out)

    def vjp(self, cnp.ndarray X not None, cnp.ndarray U not None, cnp.ndarray out not None):
        """out (m, n_in) = uᵀ ∂a^L/∂x, u a row of U."""
        self.run(DOWN, X, U, None, out)

    def per_sample_gradients(self, cnp.ndarray X not None, cnp.ndarray Y not None, cnp.ndarray out not None):
        """out (m, n_parameters) = ∂C_x/∂θ."""
        self.run(PER_SAMPLE_GRADIENTS, X, Y, None, out)

    def parameter_jacobian(self, cnp.ndarray X not None, cnp.ndarray out not None):
        """out (m, n_out, n_parameters) = ∂a^L/∂θ."""
        self.run(PARAMETER_JACOBIAN, X, None, None, out)

    def input_gradient(self, cnp.ndarray X not None, cnp.ndarray Y not None, cnp.ndarray out not None):
        """out (m, n_in) = ∂C_x/∂x."""
        self.run(INPUT_GRADIENT, X, Y, None, out)

    def laplacian(self, cnp.ndarray X not None, cnp.ndarray out not None):
        """out (m, n_out) = Σ_i ∂²a^L/∂x_i²."""
        self.run(LAPLACIAN, X, None, None, out)

    def hessian_vector(self, cnp.ndarray X not None, cnp.ndarray Y not None, cnp.ndarray v not None,
                       cnp.ndarray out not None):
        """out (n_parameters,), zeros, += (1/m) Σ_x ∂²C_x/∂θ² v."""
        self.run(HESSIAN_VECTOR, X, Y, v, out)

    cdef run(self, Wanted wanted, cnp.ndarray X, cnp.ndarray V, cnp.ndarray direction, cnp.ndarray out):
        if wanted <= UP and planning.plan_derivatives(X.shape[0], self.net.python) == "tiles":
            if self.single:
                self.run_packed[float](wanted, X, V, out)
            else:
                self.run_packed[double](wanted, X, V, out)
            return
        blas.load()
        if self.single:
            self.run_plain[float](wanted, X, V, direction, out)
        else:
            self.run_plain[double](wanted, X, V, direction, out)

    cdef run_packed(self, Wanted wanted, cnp.ndarray X, cnp.ndarray V, cnp.ndarray out, real* dummy=NULL):
        """Packed for this call, as a frozen net is packed once and for all."""
        cdef Layout net
        cdef Recorder recorder = current()
        cdef Region region = watch(recorder, self, NAMES[<int>wanted], "tiles", self.net, self.single, &net)
        cdef Packed packed = new_packed[real](&net, <const real*>self.parameters.data, True)
        cdef Py_ssize_t m = X.shape[0]
        cdef Scratch scratch = Scratch(packed.workspace(m, self.single))
        cdef const real* x = <const real*>X.data
        cdef const real* v = <const real*>(V.data if V is not None else NULL)
        cdef real* target = <real*>out.data
        cdef int kind = JVP if wanted == UP else VJP if wanted == DOWN else JACOBIAN
        cdef Py_ssize_t v_width = 0 if V is None else V.shape[1], out_width = out.size // m
        cdef Py_ssize_t start = 0, most = self.rows_at_once(wanted, out_width, SWEEP_ROWS), rows
        while start < m:
            if start:
                looked_up(None)
            rows = min(most, m - start)
            with nogil:
                packed.differentiate(&packed.net, kind, rows, x + start * self.net.sizes[0],
                                     NULL if v == NULL else v + start * v_width, <real*>NULL, target + start * out_width,
                                     scratch.start)
            start += rows
        unwatch(recorder, region)

    cdef run_plain(self, Wanted wanted, cnp.ndarray X, cnp.ndarray V, cnp.ndarray direction, cnp.ndarray out, real* dummy=NULL):
        """Block after block; V holds directions or targets, a row a sample, `direction` is one for them all."""
        cdef Py_ssize_t start = 0, m = X.shape[0], n_in = self.net.sizes[0], most, stop
        cdef Py_ssize_t v_width = 0 if V is None else V.shape[1]
        cdef Py_ssize_t out_width = 0 if wanted == HESSIAN_VECTOR else out.size // m
        cdef Data data = data_of(X, X if V is None else V, None, None)
        cdef Sweep sweep
        cdef Scratch scratch
        sweep.k = self.directions(wanted)
        sweep.rows = max(1, min(m, <Py_ssize_t>planning.PLAIN_ROWS, BLOCK_VALUES // (sweep.k * self.net.width)))
        most = self.rows_at_once(wanted, out_width, sweep.rows)
        scratch = Scratch(lay_out(self.net, &sweep, sizeof(real), NULL))
        lay_out(self.net, &sweep, sizeof(real), scratch.start)
        cdef const real* parameters = <const real*>self.parameters.data
        cdef const real* x = <const real*>X.data
        cdef const real* v = <const real*>(V.data if V is not None else NULL)
        cdef const real* nu = <const real*>(direction.data if direction is not None else NULL)
        cdef real* target = <real*>out.data
        cdef Layout net
        cdef Recorder recorder = current()
        cdef Region region = watch(recorder, self, NAMES[<int>wanted], "plain", self.net, self.single, &net)
        while start < m:
            if start:
                looked_up(None)
            stop = min(start + most, m)
            with nogil:
                while start < stop:
                    if net.profile != NULL:
                        step_begins(net.profile, min(sweep.rows, stop - start))
                    block(wanted, &net, &sweep, &data, start, min(sweep.rows, stop - start), parameters, x + start * n_in,
                          v + start * v_width, nu, target + start * out_width)
                    start += sweep.rows
        unwatch(recorder, region)

    cdef Py_ssize_t directions(self, Wanted wanted):
        if wanted == JACOBIAN_DOWN or wanted == PARAMETER_JACOBIAN:
            return self.net.sizes[self.net.n_layers]
        return self.net.sizes[0] if wanted == JACOBIAN_UP or wanted == LAPLACIAN else 1

    cdef Py_ssize_t rows_at_once(self, Wanted wanted, Py_ssize_t out_width, Py_ssize_t rows):
        """Samples between two looks for Ctrl-C: each takes a pass forward and some two a direction, or six for a Hessian."""
        cdef Py_ssize_t passes = 7 if wanted == HESSIAN_VECTOR else 1 + 2 * self.directions(wanted)
        return rows_between_looks(passes * (2.0 * self.net.n_parameters + ROW_FLOPS) + <double>VALUE_FLOPS * out_width, rows)

    cdef bint outputs_first(self):
        """Whether unit vectors go down from the outputs with less work than up from the inputs."""
        cdef Py_ssize_t l, last = self.net.n_layers - 1
        cdef double up = 0, down = 0
        for l in range(last + 1):
            down += <double>self.net.sizes[l] * self.net.sizes[l + 1]
            up += <double>self.net.sizes[l] * self.net.sizes[l + 1] if l > 0 else 0.0
        return self.net.sizes[last + 1] * down <= self.net.sizes[0] * up


cdef Py_ssize_t lay_out(const Layout* net, Sweep* sweep, Py_ssize_t itemsize, char* base) noexcept:
    """Point every buffer of a sweep into memory from `base` on; returns the bytes that takes."""
    cdef Py_ssize_t i, used = 0
    cdef void* piece
    cdef Py_ssize_t width = sweep.rows * net.width * itemsize
    cdef void** turns = <void**>take(base, &used, 4 * sizeof(void*))
    sweep.r.delta, sweep.r.r_delta = turns, turns + 2
    sweep.z = layers_of(net, sweep.rows, itemsize, base, &used)
    sweep.a = layers_of(net, sweep.rows, itemsize, base, &used)
    sweep.r.z = layers_of(net, sweep.rows, itemsize, base, &used)
    sweep.r.a = layers_of(net, sweep.rows, itemsize, base, &used)
    for i in range(4):
        piece = take(base, &used, width)
        if base != NULL:
            turns[i] = piece
    sweep.r.slope, sweep.r.curvature = take(base, &used, width), take(base, &used, width)
    sweep.s, sweep.s_spare = take(base, &used, width), take(base, &used, width)
    sweep.d, sweep.spare = take(base, &used, sweep.k * width), take(base, &used, sweep.k * width)
    return used


cdef void** layers_of(const Layout* net, Py_ssize_t rows, Py_ssize_t itemsize, char* base, Py_ssize_t* used) noexcept:
    """A table of buffers (rows, n), one a layer."""
    cdef Py_ssize_t l
    cdef void* piece
    cdef void** table = <void**>take(base, used, net.n_layers * sizeof(void*))
    for l in range(net.n_layers):
        piece = take(base, used, rows * net.sizes[l + 1] * itemsize)
        if base != NULL:
            table[l] = piece
    return table


cdef int block(
    Wanted wanted, const Layout* net, Sweep* sweep, const Data* data, Py_ssize_t start, Py_ssize_t m,
    const real* parameters, const real* x, const real* v, const real* direction, real* out,
) except -1 nogil:
    """Rows start ... start + m of the data: forward, then what is wanted of them."""
    cdef Py_ssize_t last = net.n_layers - 1, n = net.sizes[last + 1], n_in = net.sizes[0]
    cdef real** z = <real**>sweep.z
    cdef real** a = <real**>sweep.a
    cdef real* slope = <real*>sweep.r.slope
    cdef real* d = <real*>sweep.d
    cdef real* spare = <real*>sweep.spare
    feedforward(net, m, parameters, x, z, a)
    raise_pending(net)
    if wanted == LAPLACIAN:
        laplacian(net, m, parameters, z, a, slope, <real*>sweep.r.curvature, d, spare,
                  <real*>sweep.s, <real*>sweep.s_spare, out)
    elif wanted == HESSIAN_VECTOR:
        add_hessian_vector(net, data, start, m, parameters, direction, x, z, a, &sweep.r, <real>(1.0 / data.m), out)
    elif wanted == JACOBIAN_UP:
        columns_of_w(m, net.sizes[1], n_in, parameters, d)
        d = push_forward(net, m, n_in, parameters, z, a, slope, d, spare)
        transpose_each(m, n_in, n, d, out)
    elif wanted == UP:
        through(m, net.sizes[1], n_in, v, parameters, <real>0, d)
        memcpy(out, push_forward(net, m, 1, parameters, z, a, slope, d, spare), m * n * sizeof(real))
    elif wanted == PER_SAMPLE_GRADIENTS or wanted == INPUT_GRADIENT:
        output_delta(&net.cost, net.activation[last], data, start, m, n, <const real*>z[last], <const real*>a[last], d)
        mark(net.profile, OUTPUT_DELTA, last)
        pull_back(net, m, 1, parameters, x, z, a, slope, d, spare, out, wanted == INPUT_GRADIENT)
    else:
        if wanted == DOWN:
            memcpy(d, v, m * n * sizeof(real))
        else:
            unit_rows(m, n, d)
        times_slopes(net.activation[last], m, sweep.k, n, <const real*>z[last], <const real*>a[last], slope, d)
        pull_back(net, m, sweep.k, parameters, x, z, a, slope, d, spare, out, wanted != PARAMETER_JACOBIAN)
    mark(net.profile, PUSH if wanted == JACOBIAN_UP or wanted == UP or wanted == LAPLACIAN else PULL, 0)
    return raise_pending(net)


cdef void transpose_each(Py_ssize_t m, Py_ssize_t p, Py_ssize_t n, const real* columns, real* out) noexcept nogil:
    """out (m, n, p) from columns (m, p, n)."""
    cdef Py_ssize_t i, j, k
    for i in range(m):
        for j in range(n):
            for k in range(p):
                out[(i * n + j) * p + k] = columns[(i * p + k) * n + j]
