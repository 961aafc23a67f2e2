"""Activations of the user's own: entries of the kernels' table, and Python functions behind them.

A Python function is reached through a compiled one that takes Python's lock.  Kernels can't raise:
what the function raises is kept for the thread, its values become NaN, and `raise_pending` raises it
once the kernels are done, before any parameter changes.
"""

cimport numpy as cnp
from libc.math cimport NAN
from libc.stdint cimport uintptr_t
from libc.string cimport memcpy

import threading

import numpy as np

from fastnet._core.kernels cimport MAX_USERS, N_ACTIVATIONS, users
from fastnet._core.layout cimport Layout
from fastnet._core.types cimport real

cnp.import_array()

_raised = threading.local()     # .error: what a Python function raised in this thread
_lock = threading.Lock()        # of the table's entries


cdef enum Wanted:
    VALUE
    DERIVATIVE
    SECOND


cdef class Entry:
    """One activation in the table, which it leaves with this object: whoever uses `code` keeps it alive."""

    cdef readonly int code
    cdef object functions       # of Python, or None: f, f', f'' of a flat array, checked by whoever made them

    def __cinit__(self, dtype, addresses=None, context=0, functions=None):
        """Compiled code by the addresses of f, f' and f'' (0: none), or three Python functions."""
        cdef Py_ssize_t i
        self.code = -1
        self.functions = functions
        with _lock:
            for i in range(MAX_USERS):
                if users[i].value == NULL:
                    self.fill(i, dtype == np.float32, addresses, context)
                    self.code = N_ACTIVATIONS + <int>i
                    return
        raise MemoryError(f"at most {MAX_USERS} activations of your own may exist at a time")

    cdef fill(self, Py_ssize_t i, bint single, addresses, context):
        users[i].python = addresses is None
        if addresses is None:
            users[i].derivative = <void*>derivative_f32 if single else <void*>derivative_f64
            users[i].second = <void*>second_f32 if single else <void*>second_f64
            users[i].context = <void*>self
            users[i].value = <void*>value_f32 if single else <void*>value_f64
        else:
            users[i].derivative, users[i].second = <void*><uintptr_t>addresses[1], <void*><uintptr_t>addresses[2]
            users[i].context = <void*><uintptr_t>context
            users[i].value = <void*><uintptr_t>addresses[0]

    def __dealloc__(self):
        if self.code >= 0:
            users[self.code - N_ACTIVATIONS].value = NULL


cdef int raise_pending(const Layout* net) except -1 nogil:
    """Raise what a Python activation of this net raised in this thread, if any did."""
    if not net.python:
        return 0
    with gil:
        error = _raised.__dict__.pop("error", None)
        if error is not None:
            raise error
    return 0


cdef void call(Wanted wanted, Py_ssize_t n, const real* z, real* out, void* context) noexcept:
    """out = f(z) or f''(z), or out *= f'(z); the function gets an array of its own."""
    cdef cnp.ndarray Z, values
    cdef Py_ssize_t i
    try:
        Z = np.empty(n, np.float32 if real is float else np.float64)
        memcpy(Z.data, z, n * sizeof(real))
        values = (<Entry>context).functions[wanted](Z)
        for i in range(n):
            out[i] = (<real*>values.data)[i] * (out[i] if wanted == DERIVATIVE else 1)
    except BaseException as error:
        _raised.__dict__.setdefault("error", error)
        for i in range(n):
            out[i] = <real>NAN


cdef void value_f32(Py_ssize_t n, const float* z, float* out, void* context) noexcept with gil:
    call[float](VALUE, n, z, out, context)


cdef void value_f64(Py_ssize_t n, const double* z, double* out, void* context) noexcept with gil:
    call[double](VALUE, n, z, out, context)


cdef void derivative_f32(Py_ssize_t n, const float* z, float* out, void* context) noexcept with gil:
    call[float](DERIVATIVE, n, z, out, context)


cdef void derivative_f64(Py_ssize_t n, const double* z, double* out, void* context) noexcept with gil:
    call[double](DERIVATIVE, n, z, out, context)


cdef void second_f32(Py_ssize_t n, const float* z, float* out, void* context) noexcept with gil:
    call[float](SECOND, n, z, out, context)


cdef void second_f64(Py_ssize_t n, const double* z, double* out, void* context) noexcept with gil:
    call[double](SECOND, n, z, out, context)
