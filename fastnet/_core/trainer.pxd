"""A net packed for the fast training paths."""

from fastnet._core.kernels cimport Barrier, Data, Descent, Progress, TrainerNet
from fastnet._core.layout cimport Layout
from fastnet._core.types cimport real

cdef class Trainer:
    cdef const Layout* net
    cdef TrainerNet packed
    cdef Barrier barrier
    cdef const void* kernels   # fastnet_kernels_f32 or _f64: what it is packed for
    cdef bint online           # one sample a step
    cdef bint gradient         # there is a gradient array
    cdef bint changes_inputs
    cdef bint masked, bounded  # some weights are held; rows of weights have a largest norm
    cdef int n_states
    cdef void* tables          # layers and row pointers
    cdef void* memory          # weights, buffers

    cdef carve(self, plan, recipe, real* dummy=*)
    cdef describe(self, Py_ssize_t l, plan, recipe, Py_ssize_t lanes)
    cdef poison(self, Py_ssize_t size)
    cdef mask_weights(self, tuple masks, real* dummy=*)
    cdef void load(self, const real* parameters, Py_ssize_t offset) noexcept nogil
    cdef void store(self, real* parameters, Py_ssize_t offset) noexcept nogil
    cdef void run(self, const Data* data, Descent* descent, Py_ssize_t batch_size, Py_ssize_t max_rows,
                  size_t first_share, size_t end_share, Progress* progress, real* dummy=*) noexcept nogil

cdef Trainer new_trainer(const Layout* net, bint single, plan, recipe, bint several_blocks)
