"""The C kernels of src_c/ as typed functions of `real`.

Only the module `kernels` links src_c/; the others reach the tables in use through
the two pointers below, so that one selected instruction level serves them all.
"""

from fastnet._core.layout cimport Cost, Layout
from fastnet._core.types cimport real

cdef extern from "fastnet_kernels.h" nogil:
    ctypedef struct Data "fastnet_data":
        const void* x
        const void* y
        const Py_ssize_t* labels
        const void* weight
        const Py_ssize_t* order
        Py_ssize_t m

    int PYTHON_COST "FASTNET_PYTHON_COST"

    ctypedef struct Progress "fastnet_progress":
        Py_ssize_t rows
        double cost
        bint finite

    ctypedef struct TrainerLayer "fastnet_layer":
        size_t p, n, ld
        int activation
        void* w
        void* b
        void* transposed
        void* nabla_w
        void* nabla_b
        void* a
        void* delta

    ctypedef struct TrainerNet "fastnet_trainer":
        size_t n_layers, rows
        const Cost* cost
        TrainerLayer* layer
        void* zeros
        const void** x
        const void** above

    ctypedef struct PackedNet "fastnet_packed":
        size_t n_layers, width
        TrainerLayer* layer

    ctypedef struct activation_f32 "fastnet_activation_f32":
        void (*value)(size_t n, const float* z, float* a) noexcept nogil
        void (*prime)(size_t n, const float* z, const float* a, float* delta) noexcept nogil
        void (*second)(size_t n, const float* z, const float* a, float* out) noexcept nogil
        bint reads_z, by_row

    ctypedef struct activation_f64 "fastnet_activation_f64":
        void (*value)(size_t n, const double* z, double* a) noexcept nogil
        void (*prime)(size_t n, const double* z, const double* a, double* delta) noexcept nogil
        void (*second)(size_t n, const double* z, const double* a, double* out) noexcept nogil
        bint reads_z, by_row

    ctypedef struct fastnet_kernels_f32:
        activation_f32* activation
        double (*output_delta)(const Cost*, int activation, const Data*, size_t start, size_t m, size_t n, size_t ld,
                               size_t width, const float* z, const float* a, float* delta) noexcept nogil
        double (*output_cost)(const Cost*, int activation, const Data*, size_t start, size_t m, size_t n, size_t ld,
                              const float* z, const float* a, float* work) noexcept nogil
        void (*exp)(size_t n, const float* x, float* y) noexcept nogil
        void (*log)(size_t n, const float* x, float* y) noexcept nogil
        void (*log1p)(size_t n, const float* x, float* y) noexcept nogil
        void (*axpy)(size_t n, float alpha, const float* x, float* y) noexcept nogil
        int (*all_finite)(size_t n, const float* x) noexcept nogil
        size_t (*padded)(size_t n) noexcept nogil
        void (*pack)(size_t n, size_t p, const float* w, float* packed) noexcept nogil
        void (*unpack)(size_t n, size_t p, const float* packed, float* w) noexcept nogil
        void (*minibatch_epoch)(const TrainerNet*, const Data*, size_t batch_size, float eta, size_t max_rows,
                                Progress*) noexcept nogil
        void (*online_epoch)(const TrainerNet*, const Data*, float eta, size_t max_rows, Progress*) noexcept nogil
        void (*infer)(const Layout*, const float* parameters, const float* x, float* out, float* work) noexcept nogil
        void (*predict)(const PackedNet*, size_t m, size_t rows, const float* x, float* out, float* work,
                        const void** row) noexcept nogil

    ctypedef struct fastnet_kernels_f64:
        activation_f64* activation
        double (*output_delta)(const Cost*, int activation, const Data*, size_t start, size_t m, size_t n, size_t ld,
                               size_t width, const double* z, const double* a, double* delta) noexcept nogil
        double (*output_cost)(const Cost*, int activation, const Data*, size_t start, size_t m, size_t n, size_t ld,
                              const double* z, const double* a, double* work) noexcept nogil
        void (*exp)(size_t n, const double* x, double* y) noexcept nogil
        void (*log)(size_t n, const double* x, double* y) noexcept nogil
        void (*log1p)(size_t n, const double* x, double* y) noexcept nogil
        void (*axpy)(size_t n, double alpha, const double* x, double* y) noexcept nogil
        int (*all_finite)(size_t n, const double* x) noexcept nogil
        size_t (*padded)(size_t n) noexcept nogil
        void (*pack)(size_t n, size_t p, const double* w, double* packed) noexcept nogil
        void (*unpack)(size_t n, size_t p, const double* packed, double* w) noexcept nogil
        void (*minibatch_epoch)(const TrainerNet*, const Data*, size_t batch_size, double eta, size_t max_rows,
                                Progress*) noexcept nogil
        void (*online_epoch)(const TrainerNet*, const Data*, double eta, size_t max_rows, Progress*) noexcept nogil
        void (*infer)(const Layout*, const double* parameters, const double* x, double* out, double* work) noexcept nogil
        void (*predict)(const PackedNet*, size_t m, size_t rows, const double* x, double* out, double* work,
                        const void** row) noexcept nogil

cdef const fastnet_kernels_f32** f32    # f32[0]: the float table in use
cdef const fastnet_kernels_f64** f64    # f64[0]: the double table in use


cdef inline bint reads_z(int code) noexcept nogil:
    """Whether σ' and σ'' are taken from z, which training then keeps."""
    return f64[0].activation[code].reads_z


cdef inline Py_ssize_t calls_for(int code, Py_ssize_t m) noexcept nogil:
    """How many calls an activation takes for m rows: one, or one a row where it couples a row's values."""
    return m if f64[0].activation[code].by_row else 1


cdef inline void activate(int code, Py_ssize_t m, Py_ssize_t n, const real* z, real* a) noexcept nogil:
    """a = σ(z), for m rows of n values, (m, n)."""
    cdef Py_ssize_t i, calls = calls_for(code, m)
    cdef Py_ssize_t count = n if calls == m else m * n
    for i in range(calls):
        if real is float:
            f32[0].activation[code].value(count, z + i * n, a + i * n)
        else:
            f64[0].activation[code].value(count, z + i * n, a + i * n)


cdef inline void times_prime(
    int code, Py_ssize_t m, Py_ssize_t n, const real* z, const real* a, real* delta,
) noexcept nogil:
    """delta = delta ⊙ σ'(z), or delta's rows times the Jacobian of softmax; (m, n).  a = σ(z) is given too."""
    cdef Py_ssize_t i, calls = calls_for(code, m)
    cdef Py_ssize_t count = n if calls == m else m * n
    for i in range(calls):
        if real is float:
            f32[0].activation[code].prime(count, z + i * n, a + i * n, delta + i * n)
        else:
            f64[0].activation[code].prime(count, z + i * n, a + i * n, delta + i * n)


cdef inline void second_derivative(
    int code, Py_ssize_t m, Py_ssize_t n, const real* z, const real* a, real* out,
) noexcept nogil:
    """out = σ''(z), (m, n); of softmax the diagonal ∂²a_j/∂z_j².  a = σ(z) is given too."""
    cdef Py_ssize_t i, calls = calls_for(code, m)
    cdef Py_ssize_t count = n if calls == m else m * n
    for i in range(calls):
        if real is float:
            f32[0].activation[code].second(count, z + i * n, a + i * n, out + i * n)
        else:
            f64[0].activation[code].second(count, z + i * n, a + i * n, out + i * n)


cdef inline double output_delta_kernel(
    const Cost* cost, int activation, const Data* data, Py_ssize_t start, Py_ssize_t m, Py_ssize_t n,
    const real* z, const real* a, real* delta,
) noexcept nogil:
    """BP1 of m rows, without gaps between them (src_c/outputs.inc)."""
    if real is float:
        return f32[0].output_delta(cost, activation, data, start, m, n, n, n, z, a, delta)
    else:
        return f64[0].output_delta(cost, activation, data, start, m, n, n, n, z, a, delta)


cdef inline double output_cost_kernel(
    const Cost* cost, int activation, const Data* data, Py_ssize_t start, Py_ssize_t m, Py_ssize_t n,
    const real* z, const real* a, real* work,
) noexcept nogil:
    """The summed cost of m rows; work is (m, n)."""
    if real is float:
        return f32[0].output_cost(cost, activation, data, start, m, n, n, z, a, work)
    else:
        return f64[0].output_cost(cost, activation, data, start, m, n, n, z, a, work)


cdef inline void exponential(Py_ssize_t n, const real* x, real* y) noexcept nogil:
    """y = e^x, for n values."""
    if real is float:
        f32[0].exp(n, x, y)
    else:
        f64[0].exp(n, x, y)


cdef inline void logarithm(bint of_one_plus, Py_ssize_t n, const real* x, real* y) noexcept nogil:
    """y = log x or log(1 + x), for n values."""
    if real is float:
        (f32[0].log1p if of_one_plus else f32[0].log)(n, x, y)
    else:
        (f64[0].log1p if of_one_plus else f64[0].log)(n, x, y)


cdef inline void axpy(Py_ssize_t n, real alpha, const real* x, real* y) noexcept nogil:
    """y += alpha x, for n values."""
    if real is float:
        f32[0].axpy(n, alpha, x, y)
    else:
        f64[0].axpy(n, alpha, x, y)


cdef inline bint all_finite(Py_ssize_t n, const real* x) noexcept nogil:
    """Whether none of n values is NaN or infinite."""
    if real is float:
        return f32[0].all_finite(n, x)
    else:
        return f64[0].all_finite(n, x)


cdef inline size_t padded(size_t n, real* dummy=NULL) noexcept nogil:
    """n rounded up to whole vectors."""
    if real is float:
        return f32[0].padded(n)
    else:
        return f64[0].padded(n)


cdef inline void pack(size_t n, size_t p, const real* w, real* packed) noexcept nogil:
    """w (n, p) row-major into panels (src_c/packing.inc)."""
    if real is float:
        f32[0].pack(n, p, w, packed)
    else:
        f64[0].pack(n, p, w, packed)


cdef inline void unpack(size_t n, size_t p, const real* packed, real* w) noexcept nogil:
    """Panels back into w (n, p) row-major."""
    if real is float:
        f32[0].unpack(n, p, packed, w)
    else:
        f64[0].unpack(n, p, packed, w)


cdef inline void minibatch_epoch(
    const TrainerNet* net, const Data* data, size_t batch_size, real eta, size_t max_rows, Progress* progress,
) noexcept nogil:
    """Batches from progress.rows on, in register tiles (src_c/minibatch.inc)."""
    if real is float:
        f32[0].minibatch_epoch(net, data, batch_size, eta, max_rows, progress)
    else:
        f64[0].minibatch_epoch(net, data, batch_size, eta, max_rows, progress)


cdef inline void online_epoch(
    const TrainerNet* net, const Data* data, real eta, size_t max_rows, Progress* progress,
) noexcept nogil:
    """Samples from progress.rows on, one a step (src_c/online.inc)."""
    if real is float:
        f32[0].online_epoch(net, data, eta, max_rows, progress)
    else:
        f64[0].online_epoch(net, data, eta, max_rows, progress)


cdef inline void infer(const Layout* net, const real* parameters, const real* x, real* out, real* work) noexcept nogil:
    """One sample from the flat parameter vector (src_c/infer.inc); work holds 2 net.width values."""
    if real is float:
        f32[0].infer(net, parameters, x, out, work)
    else:
        f64[0].infer(net, parameters, x, out, work)
