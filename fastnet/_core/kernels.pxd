"""The C kernels of src_c/ as typed functions of `real`.

Only the module `kernels` links src_c/; the others reach the tables in use through
the two pointers below, so that one selected instruction level serves them all.
"""

from fastnet._core.types cimport real

cdef extern from "fastnet_kernels.h" nogil:
    ctypedef struct activation_f32 "fastnet_activation_f32":
        void (*value)(size_t n, const float* z, float* a) noexcept nogil
        void (*prime)(size_t n, const float* z, const float* a, float* delta) noexcept nogil

    ctypedef struct activation_f64 "fastnet_activation_f64":
        void (*value)(size_t n, const double* z, double* a) noexcept nogil
        void (*prime)(size_t n, const double* z, const double* a, double* delta) noexcept nogil

    ctypedef struct fastnet_kernels_f32:
        activation_f32* activation
        double (**cost)(size_t n, const float* a, const float* y, float* nabla) noexcept nogil
        void (*exp)(size_t n, const float* x, float* y) noexcept nogil
        void (*axpy)(size_t n, float alpha, const float* x, float* y) noexcept nogil
        int (*all_finite)(size_t n, const float* x) noexcept nogil

    ctypedef struct fastnet_kernels_f64:
        activation_f64* activation
        double (**cost)(size_t n, const double* a, const double* y, double* nabla) noexcept nogil
        void (*exp)(size_t n, const double* x, double* y) noexcept nogil
        void (*axpy)(size_t n, double alpha, const double* x, double* y) noexcept nogil
        int (*all_finite)(size_t n, const double* x) noexcept nogil

cdef const fastnet_kernels_f32** f32    # f32[0]: the float table in use
cdef const fastnet_kernels_f64** f64    # f64[0]: the double table in use


cdef inline void activate(int code, Py_ssize_t n, const real* z, real* a) noexcept nogil:
    """a = σ(z), for n values."""
    if real is float:
        f32[0].activation[code].value(n, z, a)
    else:
        f64[0].activation[code].value(n, z, a)


cdef inline void times_prime(int code, Py_ssize_t n, const real* z, const real* a, real* delta) noexcept nogil:
    """delta *= σ'(z), for n values; a = σ(z) is given too."""
    if real is float:
        f32[0].activation[code].prime(n, z, a, delta)
    else:
        f64[0].activation[code].prime(n, z, a, delta)


cdef inline double cost_and_nabla(int code, Py_ssize_t n, const real* a, const real* y, real* nabla) noexcept nogil:
    """The summed cost of n output values, and nabla = ∂C_x/∂a."""
    if real is float:
        return f32[0].cost[code](n, a, y, nabla)
    else:
        return f64[0].cost[code](n, a, y, nabla)


cdef inline void exponential(Py_ssize_t n, const real* x, real* y) noexcept nogil:
    """y = e^x, for n values."""
    if real is float:
        f32[0].exp(n, x, y)
    else:
        f64[0].exp(n, x, y)


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
