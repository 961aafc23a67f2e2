"""The plain engine: feedforward and BP2-BP4 over batches, one function an equation."""

from libc.stdint cimport uint64_t

from fastnet._core.kernels cimport Data
from fastnet._core.layout cimport Layout
from fastnet._core.types cimport real

# What is random in a step; the draws are those of src_c/phases.inc.
cdef struct Chance:
    uint64_t seed, step
    Py_ssize_t first           # where in its batch the block starts
    double noise               # standard deviation added to the inputs
    double keep_inputs         # probability that an input is kept
    const double* keep         # (n_layers,) that an activation is
    void** drop                # per layer (m, n): what activations and errors are multiplied with
    void** out                 # per layer (m, n): activations as the layer above sees them

cdef void weighted_input(
    Py_ssize_t m, Py_ssize_t n, Py_ssize_t p,
    const real* a,             # in   (m, p)  a^{l-1}
    const real* w,             # in   (n, p)  w^l
    const real* b,             # in   (n,)    b^l
    real* z,                   # out  (m, n)  z^l
) noexcept nogil

cdef void feedforward(
    const Layout* net, Py_ssize_t m,
    const real* parameters,    # in   (n_parameters,)
    const real* x,             # in   (m, sizes[0])
    real** z,                  # out  per layer (m, n)
    real** a,                  # out  per layer (m, n)
) noexcept nogil

cdef uint64_t draw_of(const Layout* net, const Chance* chance, Py_ssize_t l) noexcept nogil

cdef void backprop_delta(
    int activation, Py_ssize_t m, Py_ssize_t n, Py_ssize_t n_next,
    const real* delta_next,    # in   (m, n_next)   δ^{l+1}
    const real* w_next,        # in   (n_next, n)   w^{l+1}
    const real* z,             # in   (m, n)        z^l
    const real* a,             # in   (m, n)        a^l
    real* delta,               # out  (m, n)        δ^l
) noexcept nogil

cdef void nabla_b(
    Py_ssize_t m, Py_ssize_t n,
    real alpha,
    const real* delta,         # in   (m, n)  δ^l
    real beta,
    real* b,                   # i/o  (n,)
) noexcept nogil

cdef void nabla_w(
    Py_ssize_t m, Py_ssize_t n, Py_ssize_t p,
    real alpha,
    const real* delta,         # in   (m, n)  δ^l
    const real* a,             # in   (m, p)  a^{l-1}
    real beta,
    real* w,                   # i/o  (n, p)
) noexcept nogil

cdef double backpropagate(
    const Layout* net,
    const Data* data,          # in   the targets and weights are its rows start ... start + m
    Py_ssize_t start, Py_ssize_t m,
    const real* parameters,    # in   (n_parameters,)
    const real* x,             # in   (m, sizes[0])  the same rows
    real** z,                  # out  per layer (m, n)
    real** a,                  # out  per layer (m, n)
    real** delta,              # out  per layer (m, n); neighbours must not share memory
    const Chance* chance,      # i/o  dropout, or NULL
    real alpha,
    real beta,
    real* target,              # i/o  (n_parameters,)  may be parameters
) except? -1 nogil
