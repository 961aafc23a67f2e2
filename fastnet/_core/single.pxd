"""The short way in: is this Python object an array that a kernel can take as it is?"""

from libc.stdint cimport uintptr_t

cimport numpy as cnp
from cpython.exc cimport PyErr_CheckSignals

cdef enum:
    GIL_FLOPS = 100_000         # about 10 µs: shorter work is not worth releasing the GIL
    SIGNAL_FLOPS = 500_000_000  # some 10 ms: how often Ctrl-C is looked for
    ROW_FLOPS = 2000            # what a row costs beside its products, in flops: a tiny net's epoch is little else
    VALUE_FLOPS = 100           # what a value costs that is written to memory never touched before, in flops
    STACK_BYTES = 32768         # work space of a call up to this size lies on the stack


cdef inline Py_ssize_t rows_between_looks(double flops, Py_ssize_t rows) noexcept nogil:
    """Samples of so many flops each between two looks for Ctrl-C, in whole blocks of `rows`."""
    return max(1, <Py_ssize_t>(SIGNAL_FLOPS / (flops + ROW_FLOPS)) // rows) * rows


cdef inline bint looked_up(list ended) except -1:
    """A look for Ctrl-C, which raises; whether to go no further, as what is found will be thrown away.

    `ended` holds what other threads of the same call have raised; None: there are none.
    """
    PyErr_CheckSignals()
    return ended is not None and len(ended) > 0


cdef inline bint is_vector(object x, int typenum, Py_ssize_t n) noexcept:
    """An ndarray (n,) of the very dtype, contiguous, aligned and native."""
    return (cnp.PyArray_CheckExact(x)
            and cnp.PyArray_TYPE(<cnp.ndarray>x) == typenum
            and cnp.PyArray_NDIM(<cnp.ndarray>x) == 1
            and cnp.PyArray_DIM(<cnp.ndarray>x, 0) == n
            and cnp.PyArray_ISCARRAY_RO(<cnp.ndarray>x))


cdef inline bint is_target(object out, int typenum, Py_ssize_t n) noexcept:
    """The same, and writeable."""
    return is_vector(out, typenum, n) and cnp.PyArray_ISWRITEABLE(<cnp.ndarray>out)


cdef inline bint is_jacobian(object out, int typenum, Py_ssize_t n, Py_ssize_t p) noexcept:
    """A writeable ndarray (n, p) of the very dtype, contiguous, aligned and native."""
    return (cnp.PyArray_CheckExact(out)
            and cnp.PyArray_TYPE(<cnp.ndarray>out) == typenum
            and cnp.PyArray_NDIM(<cnp.ndarray>out) == 2
            and cnp.PyArray_DIM(<cnp.ndarray>out, 0) == n
            and cnp.PyArray_DIM(<cnp.ndarray>out, 1) == p
            and cnp.PyArray_ISCARRAY(<cnp.ndarray>out))


cdef inline bint is_matrix(object x, int typenum, Py_ssize_t n) noexcept:
    """An ndarray (m, n), m > 0, of the very dtype, contiguous, aligned and native."""
    return (cnp.PyArray_CheckExact(x)
            and cnp.PyArray_TYPE(<cnp.ndarray>x) == typenum
            and cnp.PyArray_NDIM(<cnp.ndarray>x) == 2
            and cnp.PyArray_DIM(<cnp.ndarray>x, 0) > 0
            and cnp.PyArray_DIM(<cnp.ndarray>x, 1) == n
            and cnp.PyArray_ISCARRAY_RO(<cnp.ndarray>x))


cdef inline bint is_target_matrix(object out, int typenum, Py_ssize_t n, cnp.ndarray x) noexcept:
    """The same, writeable, as many rows as x and no memory of it."""
    cdef uintptr_t start, first
    if not (is_matrix(out, typenum, n) and cnp.PyArray_ISWRITEABLE(<cnp.ndarray>out)
            and cnp.PyArray_DIM(<cnp.ndarray>out, 0) == cnp.PyArray_DIM(x, 0)):
        return False
    start = <uintptr_t>cnp.PyArray_DATA(<cnp.ndarray>out)
    first = <uintptr_t>cnp.PyArray_DATA(x)
    return start + cnp.PyArray_NBYTES(<cnp.ndarray>out) <= first or first + cnp.PyArray_NBYTES(x) <= start
