"""A net packed for the fast training paths: parameters in, an epoch in src_c/, parameters out.

Layouts are those of src_c/packing.inc (panels) and src_c/online.inc (padded rows).
"""

from cpython.mem cimport PyMem_RawCalloc, PyMem_RawFree
from libc.stdint cimport uintptr_t
from libc.string cimport memcpy

from fastnet._core.kernels cimport Data, Progress, TrainerLayer, TrainerNet, minibatch_epoch, online_epoch, pack, padded, unpack
from fastnet._core.layout cimport ALIGNMENT, Layout, aligned, stride_for, take
from fastnet._core.types cimport real

cdef class Trainer:
    """Packed parameters and buffers for `rows` samples at a time; freed with the object."""

    def __dealloc__(self):
        PyMem_RawFree(self.tables)
        PyMem_RawFree(self.memory)

    cdef carve(self, list transposes, Py_ssize_t rows, bint blocks, real* dummy=NULL):
        """Measure with an empty base, allocate, and carve again for good."""
        cdef Py_ssize_t L = self.net.n_layers
        cdef char* base = NULL
        self.tables = PyMem_RawCalloc(L * sizeof(TrainerLayer) + 2 * rows * sizeof(void*), 1)
        if self.tables == NULL:
            raise MemoryError("no memory to train")
        self.packed.n_layers = L
        self.packed.rows = rows
        self.packed.cost = &self.net.cost
        self.packed.layer = <TrainerLayer*>self.tables
        self.packed.x = <const void**>(self.packed.layer + L)
        self.packed.above = self.packed.x + rows
        cdef Py_ssize_t n_bytes = place[real](self.net, &self.packed, NULL, self.online, transposes, blocks)
        self.memory = PyMem_RawCalloc(n_bytes + ALIGNMENT, 1)
        if self.memory == NULL:
            raise MemoryError(f"no memory to train: {n_bytes} bytes of packed weights and work space")
        base = <char*>aligned(<uintptr_t>self.memory)
        place[real](self.net, &self.packed, base, self.online, transposes, blocks)

    cdef void load(self, const real* parameters) noexcept nogil:
        """Pack the flat parameter vector."""
        cdef Py_ssize_t l, j, p, n
        cdef TrainerLayer* layer
        for l in range(self.net.n_layers):
            layer = self.packed.layer + l
            p, n = layer.p, layer.n
            if self.online and l > 0:
                for j in range(n):
                    memcpy(<real*>layer.w + j * padded[real](p), parameters + self.net.w[l] + j * p, p * sizeof(real))
            else:
                pack[real](n, p, parameters + self.net.w[l], <real*>layer.w)
            memcpy(layer.b, parameters + self.net.b[l], n * sizeof(real))

    cdef void store(self, real* parameters) noexcept nogil:
        """Unpack into the flat parameter vector."""
        cdef Py_ssize_t l, j, p, n
        cdef TrainerLayer* layer
        for l in range(self.net.n_layers):
            layer = self.packed.layer + l
            p, n = layer.p, layer.n
            if self.online and l > 0:
                for j in range(n):
                    memcpy(parameters + self.net.w[l] + j * p, <real*>layer.w + j * padded[real](p), p * sizeof(real))
            else:
                unpack[real](n, p, <real*>layer.w, parameters + self.net.w[l])
            memcpy(parameters + self.net.b[l], layer.b, n * sizeof(real))

    cdef void run(self, const Data* data, Py_ssize_t batch_size, real eta, Py_ssize_t max_rows,
                  Progress* progress) noexcept nogil:
        """Train on rows from progress.rows on, at most about max_rows of them."""
        if self.online:
            online_epoch[real](&self.packed, data, eta, max_rows, progress)
        else:
            minibatch_epoch[real](&self.packed, data, batch_size, eta, max_rows, progress)


cdef Py_ssize_t place(const Layout* net, TrainerNet* packed, char* base, bint online, list transposes, bint blocks,
                      real* dummy=NULL):
    """Point every buffer into memory from `base` on; returns the bytes that takes."""
    cdef Py_ssize_t l, p, n, n_padded, stride, weights, used = 0, widest = 0
    cdef Py_ssize_t size = sizeof(real), rows = packed.rows
    cdef TrainerLayer* layer
    for l in range(net.n_layers):
        layer = packed.layer + l
        p, n = net.sizes[l], net.sizes[l + 1]
        n_padded = padded[real](n)
        stride = stride_for(n_padded, size) if rows > 1 else n_padded
        weights = n * padded[real](p) if online and l > 0 else n_padded * p
        layer.p, layer.n, layer.ld = p, n, stride
        layer.activation = net.activation[l]
        layer.w = take(base, &used, weights * size)
        layer.b = take(base, &used, n_padded * size)
        if blocks:
            layer.nabla_w = take(base, &used, weights * size)
            layer.nabla_b = take(base, &used, n_padded * size)
        if transposes[l]:
            layer.transposed = take(base, &used, padded[real](p) * n * size)
        layer.a = take(base, &used, rows * stride * size)
        layer.delta = take(base, &used, rows * stride * size)
        widest = max(widest, n_padded)
    packed.zeros = take(base, &used, widest * size)
    return used


cdef Trainer new_trainer(const Layout* net, bint single, bint online, list transposes, Py_ssize_t rows, bint blocks):
    cdef Trainer trainer = Trainer.__new__(Trainer)
    trainer.net = net
    trainer.online = online
    if single:
        trainer.carve[float](transposes, rows, blocks)
    else:
        trainer.carve[double](transposes, rows, blocks)
    return trainer
