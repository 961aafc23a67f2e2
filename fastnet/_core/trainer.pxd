"""A net packed for the fast training paths."""

from fastnet._core.kernels cimport Data, Progress, TrainerLayer, TrainerNet
from fastnet._core.layout cimport Layout
from fastnet._core.types cimport real

cdef class Trainer:
    cdef const Layout* net
    cdef TrainerNet packed
    cdef bint online           # one sample a step
    cdef void* tables          # layers and row pointers
    cdef void* memory          # weights, buffers

    cdef carve(self, list transposes, Py_ssize_t rows, bint blocks, real* dummy=*)
    cdef void load(self, const real* parameters) noexcept nogil
    cdef void store(self, real* parameters) noexcept nogil
    cdef void run(self, const Data* data, Py_ssize_t batch_size, real eta, Py_ssize_t max_rows,
                  Progress* progress) noexcept nogil

cdef Trainer new_trainer(const Layout* net, bint single, bint online, list transposes, Py_ssize_t rows, bint blocks)
