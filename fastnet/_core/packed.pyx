"""Weights packed for inference: immutable, shared by any number of threads.

The work space of a call belongs to the caller; `work_bytes` says how much it takes.
"""

from cpython.mem cimport PyMem_RawCalloc, PyMem_RawFree
from libc.stdint cimport uintptr_t

from fastnet._core cimport kernels
from fastnet._core.kernels cimport F32, F64, Data, PackedNet, TrainerLayer
from fastnet._core.laps cimport PACK, lap
from fastnet._core.layout cimport ALIGNMENT, Cost, Layout, aligned
from fastnet._core.types cimport real


cdef class Packed:
    """Packed parameters; freed with the object."""

    def __dealloc__(self):
        PyMem_RawFree(self.layers)
        PyMem_RawFree(self.memory)

    cdef Py_ssize_t work_bytes(self, Py_ssize_t rows, Py_ssize_t itemsize) noexcept nogil:
        return bytes_for(&self.net, rows, itemsize)

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
    packed.f32 = kernels.f32[0]
    packed.f64 = kernels.f64[0]
    packed.net.kernels = <const void*>packed.f32 if real is float else <const void*>packed.f64
    packed.net.precision = F32 if real is float else F64
    packed.layers = PyMem_RawCalloc(layout.n_layers, sizeof(TrainerLayer))
    packed.net.layer = <TrainerLayer*>packed.layers
    if packed.layers == NULL:
        raise MemoryError("no memory to pack a net")
    cdef size_t n_bytes = place[real](packed, layout, parameters, derivatives, NULL)
    packed.memory = PyMem_RawCalloc(n_bytes + ALIGNMENT, 1)
    if packed.memory == NULL:
        raise MemoryError(f"no memory to pack a net: {n_bytes} bytes")
    place[real](packed, layout, parameters, derivatives, <char*>aligned(<uintptr_t>packed.memory))
    packed.net.profile = layout.profile
    if layout.profile != NULL:
        lap(layout.profile, PACK, 0)
    return packed


cdef void repack(Packed packed, const Layout* layout, const real* parameters) noexcept nogil:
    """Other parameters into the room of a net that was not packed for derivatives."""
    place[real](packed, layout, parameters, False, <char*>aligned(<uintptr_t>packed.memory))


cdef size_t place(Packed packed, const Layout* layout, const real* parameters, bint derivatives, char* base) noexcept nogil:
    """src_c/place.inc, for the kernels of this packing."""
    if real is float:
        return packed.f32.place(layout, parameters, derivatives, base, &packed.net)
    else:
        return packed.f64.place(layout, parameters, derivatives, base, &packed.net)
