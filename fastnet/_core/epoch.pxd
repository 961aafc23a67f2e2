"""Whole passes over a data set: gathering batches, gradients in blocks, gradient descent."""

from fastnet._core.backprop cimport Chance
from fastnet._core.descent cimport LayerDescent
from fastnet._core.kernels cimport Data, Descent, Progress
from fastnet._core.layout cimport Layout
from fastnet._core.types cimport real

cdef struct Buffers:
    Py_ssize_t rows            # samples that fit
    void* x
    void** z
    void** a
    void** delta
    Chance* chance             # what is random in a step, or NULL

cdef double total_cost(
    const Layout* net, const Data* data, Buffers* work, const real* parameters,
) except? -1 nogil

cdef double add_gradient(
    const Layout* net, const Data* data, Buffers* work, Py_ssize_t start, Py_ssize_t stop,
    const real* parameters, real alpha, real* target,
) except? -1 nogil

cdef int run_epoch(
    const Layout* net, const Data* data, Buffers* work,
    Py_ssize_t batch_size, Py_ssize_t max_rows,
    Descent* descent,          # i/o
    const LayerDescent* layers,    # (n_layers,)
    real* parameters,          # i/o  (n_parameters,)
    real* nabla,               # work (n_parameters,), or NULL: plain gradient descent, one block a batch
    real** states,             # i/o  n_states vectors (n_parameters,)
    Progress* progress,        # i/o
) except -1 nogil

cdef void shuffle(Py_ssize_t m, Py_ssize_t* order, unsigned long long seed) noexcept nogil
