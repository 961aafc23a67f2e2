"""Weights packed for inference: immutable, shared by any number of threads.

The work space of a call belongs to the caller; `work_bytes` says how much it takes.
"""

from cpython.mem cimport PyMem_RawCalloc, PyMem_RawFree
from libc.stdint cimport uintptr_t
from libc.string cimport memcpy

from fastnet._core import plan as planning

from fastnet._core cimport kernels
from fastnet._core.kernels cimport (
    BACKWARD_DIRECT, BACKWARD_DOTS, BACKWARD_TRANSPOSED, INPUTS_IN_LANES, OUTPUTS_IN_LANES, Data, PackedNet, TrainerLayer, pack, padded,
)
from fastnet._core.laps cimport PACK, lap
from fastnet._core.layout cimport ALIGNMENT, Cost, Layout, aligned, stride_for, take
from fastnet._core.types cimport real


cdef dict BACKWARDS = {"tiles": BACKWARD_DIRECT, "transposed tiles": BACKWARD_TRANSPOSED, "dots": BACKWARD_DOTS}


cdef class Packed:
    """Packed parameters; freed with the object."""

    def __dealloc__(self):
        PyMem_RawFree(self.layers)
        PyMem_RawFree(self.memory)

    cdef Py_ssize_t work_bytes(self, Py_ssize_t rows, Py_ssize_t itemsize) noexcept nogil:
        """Work space for `rows` samples at a time: two buffers of activations, two for a cost, and pointers."""
        return ALIGNMENT + rows * sizeof(void*) + 4 * rows * self.net.width * itemsize

    cdef void predict(self, const PackedNet* net, const Data* data, Py_ssize_t rows, real* out, void* work) noexcept nogil:
        """out (m, n_out) = a^L of the rows of the data, `rows` samples at a time; `net` is its own, or a copy of it."""
        cdef real* buffers = <real*>aligned(<uintptr_t>work)
        cdef const void** row = <const void**>(buffers + 4 * rows * self.net.width)
        if real is float:
            self.f32.predict(net, data, rows, out, buffers, row)
        else:
            self.f64.predict(net, data, rows, out, buffers, row)

    cdef double evaluate(self, const Cost* cost, const Data* data, Py_ssize_t rows, real* out, void* work) noexcept nogil:
        """The summed cost of the data; out (m, n_out) gets a^L unless it is NULL."""
        cdef real* buffers = <real*>aligned(<uintptr_t>work)
        cdef const void** row = <const void**>(buffers + 4 * rows * self.net.width)
        if real is float:
            return self.f32.evaluate(&self.net, cost, data, rows, out, buffers, row)
        else:
            return self.f64.evaluate(&self.net, cost, data, rows, out, buffers, row)

    cdef size_t workspace(self, Py_ssize_t m, bint single) noexcept nogil:
        """Bytes of the work space of `differentiate`."""
        return self.f32.workspace(&self.net, m) if single else self.f64.workspace(&self.net, m)

    cdef void differentiate(
        self, const PackedNet* net, int wanted, Py_ssize_t m, const real* x, const real* v, real* y, real* out, void* work,
    ) noexcept nogil:
        """At the rows of x: the Jacobian (m, n_out, n_in), its product u ∂a^L/∂x (m, n_in) or ∂a^L/∂x v (m, n_out).

        y (m, n_out) = a^L unless NULL; `net` is its own, or a copy of it.
        """
        if real is float:
            if wanted == JACOBIAN:
                self.f32.value_and_jacobian(net, m, x, y, out, work)
            elif wanted == VJP:
                self.f32.value_and_vjp(net, m, x, v, y, out, work)
            else:
                self.f32.value_and_jvp(net, m, x, v, y, out, work)
        else:
            if wanted == JACOBIAN:
                self.f64.value_and_jacobian(net, m, x, y, out, work)
            elif wanted == VJP:
                self.f64.value_and_vjp(net, m, x, v, y, out, work)
            else:
                self.f64.value_and_jvp(net, m, x, v, y, out, work)


cdef Packed new_packed(const Layout* layout, const real* parameters, bint derivatives):
    """Pack the flat parameter vector of a net; for derivatives every layer may lie there twice,
    the other side in its lanes."""
    cdef Packed packed = Packed.__new__(Packed)
    cdef Py_ssize_t l, p, n
    packed.f32 = kernels.f32[0]
    packed.f64 = kernels.f64[0]
    packed.net.kernels = <const void*>packed.f32 if real is float else <const void*>packed.f64
    packed.net.n_layers = layout.n_layers
    packed.layers = PyMem_RawCalloc(layout.n_layers, sizeof(TrainerLayer))
    packed.net.layer = <TrainerLayer*>packed.layers
    if packed.layers == NULL:
        raise MemoryError("no memory to pack a net")
    cdef Py_ssize_t n_bytes = place[real](layout, &packed.net, derivatives, NULL)
    packed.memory = PyMem_RawCalloc(n_bytes + ALIGNMENT, 1)
    if packed.memory == NULL:
        raise MemoryError(f"no memory to pack a net: {n_bytes} bytes")
    place[real](layout, &packed.net, derivatives, <char*>aligned(<uintptr_t>packed.memory))
    for l in range(layout.n_layers):
        p, n = layout.sizes[l], layout.sizes[l + 1]
        if packed.net.layer[l].lanes == INPUTS_IN_LANES:
            pack[real](p, n, parameters + layout.w[l], 1, p, <real*>packed.net.layer[l].w)
        else:
            pack[real](n, p, parameters + layout.w[l], p, 1, <real*>packed.net.layer[l].w)
        if packed.net.layer[l].backward == BACKWARD_TRANSPOSED:
            pack[real](p, n, parameters + layout.w[l], 1, p, <real*>packed.net.layer[l].transposed)
        memcpy(packed.net.layer[l].b, parameters + layout.b[l], layout.sizes[l + 1] * sizeof(real))
    packed.net.profile = layout.profile
    if layout.profile != NULL:
        lap(layout.profile, PACK, 0)
    return packed


cdef Py_ssize_t place(const Layout* layout, PackedNet* net, bint derivatives, char* base, real* dummy=NULL):
    """Point every layer into memory from `base` on; returns the bytes that takes."""
    cdef Py_ssize_t l, n_padded, weights, used = 0
    cdef TrainerLayer* layer
    for l in range(layout.n_layers):
        layer = net.layer + l
        n_padded = padded[real](layout.sizes[l + 1])
        layer.p, layer.n = layout.sizes[l], layout.sizes[l + 1]
        layer.ld = stride_for(n_padded, sizeof(real))
        layer.activation = layout.activation[l]
        layer.lanes = INPUTS_IN_LANES if planning.inputs_in_lanes(l, layer.p, layer.n, padded[real](1)) else OUTPUTS_IN_LANES
        weights = padded[real](layer.p) * layer.n if layer.lanes == INPUTS_IN_LANES else n_padded * layer.p
        layer.w = take(base, &used, weights * sizeof(real))
        layer.b = take(base, &used, n_padded * sizeof(real))
        net.width = max(net.width, layer.ld)
        if derivatives:
            layer.backward = BACKWARDS[planning.backward(layer.lanes == INPUTS_IN_LANES, layer.p, layer.n, padded[real](1))]
            layer.transposed = layer.w
            if layer.backward == BACKWARD_TRANSPOSED:
                layer.transposed = take(base, &used, padded[real](layer.p) * layer.n * sizeof(real))
    if derivatives:
        net.input_ld = stride_for(padded[real](layout.sizes[0]), sizeof(real))
        net.zeros = take(base, &used, max(net.width, net.input_ld) * sizeof(real))
    return used
