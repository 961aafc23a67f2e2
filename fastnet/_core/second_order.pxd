"""Second derivatives of the plain engine: the Laplacian and Hessian products."""

from fastnet._core.kernels cimport Data
from fastnet._core.layout cimport Layout
from fastnet._core.types cimport real

cdef struct Directional:       # R of a batch: where a direction v in parameter space moves everything
    void** z                   # per layer (rows, n)  R z^l
    void** a                   # per layer (rows, n)  R a^l
    void** delta               # two of (rows, width)  δ, layers take turns
    void** r_delta             # two of (rows, width)  R δ
    void* slope                # (rows, width)  σ'(z)
    void* curvature            # (rows, width)  σ''(z)

cdef void laplacian(
    const Layout* net, Py_ssize_t m,
    const real* parameters,    # in   (n_parameters,)
    real** z,                  # in   per layer (m, n)
    real** a,                  # in   per layer (m, n)
    real* slope,               # work (m, width)
    real* curvature,           # work (m, width)
    real* t,                   # work (m, sizes[0], width)
    real* spare,               # work (m, sizes[0], width)
    real* s,                   # work (m, width)
    real* s_spare,             # work (m, width)
    real* out,                 # out  (m, sizes[-1])
) noexcept nogil

cdef void add_hessian_vector(
    const Layout* net,
    const Data* data,          # in   targets: its rows start ... start + m
    Py_ssize_t start, Py_ssize_t m,
    const real* parameters,    # in   (n_parameters,)
    const real* v,             # in   (n_parameters,)
    const real* x,             # in   (m, sizes[0])
    real** z,                  # in   per layer (m, n)
    real** a,                  # in   per layer (m, n)
    Directional* r,            # work
    real alpha,
    real* out,                 # i/o  (n_parameters,)
) noexcept nogil
