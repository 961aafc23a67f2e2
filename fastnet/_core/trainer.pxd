"""A net packed for the fast training paths."""

from fastnet._core.kernels cimport Barrier, Data, Progress, TrainerLayer, TrainerNet
from fastnet._core.layout cimport Layout
from fastnet._core.types cimport real

cdef class Trainer:
    cdef const Layout* net
    cdef TrainerNet packed
    cdef Barrier barrier
    cdef bint online           # one sample a step
    cdef bint several_blocks   # a batch does not fit into one block
    cdef void* tables          # layers and row pointers
    cdef void* memory          # weights, buffers

    cdef carve(self, plan, real* dummy=*)
    cdef describe(self, Py_ssize_t l, layer_plan, Py_ssize_t lanes, Py_ssize_t p_padded)
    cdef void load(self, const real* parameters) noexcept nogil
    cdef void store(self, real* parameters) noexcept nogil
    cdef void run(self, const Data* data, Py_ssize_t batch_size, real eta, Py_ssize_t max_rows,
                  size_t first_share, size_t end_share, Progress* progress) noexcept nogil

cdef Trainer new_trainer(const Layout* net, bint single, plan, bint several_blocks)
