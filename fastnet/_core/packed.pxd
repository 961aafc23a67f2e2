"""Weights packed for inference: immutable, shared by any number of threads."""

from fastnet._core.kernels cimport Data, PackedNet, fastnet_kernels_f32, fastnet_kernels_f64
from fastnet._core.layout cimport ALIGNMENT, Cost, Layout
from fastnet._core.types cimport real

cdef enum:                     # what `differentiate` finds
    JACOBIAN
    VJP
    JVP

cdef enum:
    SWEEP_ROWS = 96            # whole tiles, and the highest block of src_c/sweep.inc: cut here, `differentiate` gives the same bits


cdef class Packed:
    cdef PackedNet net
    cdef const fastnet_kernels_f32* f32    # the kernels that the packing was made for
    cdef const fastnet_kernels_f64* f64
    cdef void* layers
    cdef void* memory

    cdef Py_ssize_t work_bytes(self, Py_ssize_t rows, Py_ssize_t itemsize) noexcept nogil
    cdef void predict(self, const PackedNet* net, const Data* data, Py_ssize_t rows, real* out, void* work) noexcept nogil
    cdef double evaluate(self, const Cost* cost, const Data* data, Py_ssize_t rows, real* out, void* work) noexcept nogil
    cdef size_t workspace(self, Py_ssize_t m, bint single) noexcept nogil
    cdef void differentiate(
        self, const PackedNet* net, int wanted, Py_ssize_t m, const real* x, const real* v, real* y, real* out, void* work,
    ) noexcept nogil


cdef inline Py_ssize_t bytes_for(const PackedNet* net, Py_ssize_t rows, Py_ssize_t itemsize) noexcept nogil:
    """Work space for `rows` samples at a time: two buffers of activations, two for a cost, and pointers."""
    return ALIGNMENT + rows * sizeof(void*) + 4 * rows * net.width * itemsize


cdef inline Data rows_of(const void* x, Py_ssize_t m) noexcept nogil:
    """m dense rows as they stand, without targets."""
    cdef Data data
    data.x, data.m = x, m
    data.starts, data.columns, data.y, data.labels, data.weight, data.order = NULL, NULL, NULL, NULL, NULL, NULL
    return data


cdef Packed new_packed(const Layout* layout, const real* parameters, bint derivatives)

cdef void repack(Packed packed, const Layout* layout, const real* parameters) noexcept nogil
