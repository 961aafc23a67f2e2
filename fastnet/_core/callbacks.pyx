"""A packed net behind the C signatures of scipy's low-level callbacks: no Python in the loop.

scipy hands every callback a void pointer: here to a Call, which says what becomes of scipy's numbers.
They are double; inputs and outputs are converted where the net is float32.  A call's work space is its
own, on the stack or, for nets some thousand wide, from malloc: any number of threads may call at once.
"""

cimport numpy as cnp
from cpython.mem cimport PyMem_RawFree, PyMem_RawMalloc
from cpython.pycapsule cimport PyCapsule_New
from libc.math cimport NAN
from libc.stdint cimport intptr_t, uintptr_t
from libc.string cimport memcpy

import numpy as np

from fastnet._core.capsule cimport capsule_of
from fastnet._core.kernels cimport Data, PackedNet, fastnet_kernels_f32, fastnet_kernels_f64
from fastnet._core.layout cimport aligned
from fastnet._core.packed cimport bytes_for, rows_of
from fastnet._core.single cimport STACK_BYTES
from fastnet._core.types cimport real

cdef enum:
    MOST_DIMENSIONS = 64       # of an array, in NumPy

ctypedef struct Call:
    const PackedNet* net
    bint single                # float32
    Py_ssize_t n_in, n_out
    Py_ssize_t n_variables     # inputs that scipy sets; the others are fixed
    const Py_ssize_t* place    # (n_variables,) which input takes each of them
    const void* start          # (n_in,) the fixed inputs, of the net's dtype
    Py_ssize_t output          # which one is wanted, where one is
    Py_ssize_t n_bytes         # of the work space: inputs, outputs, what the kernels take


cdef int evaluate_typed(const Call* call, const double* variables, double* out, bint every, char* work, real* dummy) noexcept nogil:
    """out = a^L at the variables: one output, or (n_out,) where every one is wanted.  Returns 1."""
    cdef real* buffers = <real*>aligned(<uintptr_t>work)
    cdef const void** row = <const void**>(buffers + 4 * call.net.width)
    cdef real* x = <real*>(row + 1)
    cdef real* y = x + call.n_in
    cdef Data data = rows_of(x, 1)
    cdef Py_ssize_t i
    memcpy(x, call.start, call.n_in * sizeof(real))
    for i in range(call.n_variables):
        x[call.place[i]] = <real>variables[i]
    if real is float:
        (<const fastnet_kernels_f32*>call.net.kernels).predict(call.net, &data, 1, y, buffers, row)
    else:
        (<const fastnet_kernels_f64*>call.net.kernels).predict(call.net, &data, 1, y, buffers, row)
    if every:
        for i in range(call.n_out):
            out[i] = y[i]
    else:
        out[0] = y[call.output]
    return 1


cdef int evaluate(const Call* call, const double* variables, double* out, bint every) noexcept nogil:
    """The same for either precision; 0 where there is no memory."""
    cdef char stack[STACK_BYTES]
    cdef char* work = stack
    if call.n_bytes > STACK_BYTES:
        work = <char*>PyMem_RawMalloc(call.n_bytes)
        if work == NULL:
            return 0
    if call.single:
        evaluate_typed[float](call, variables, out, every, work, NULL)
    else:
        evaluate_typed[double](call, variables, out, every, work, NULL)
    if call.n_bytes > STACK_BYTES:
        PyMem_RawFree(work)
    return 1


# -- what scipy calls: an error is NaN, or 0 where scipy asks for a status ---------

cdef double integrand(int n, double* variables, void* data) noexcept nogil:
    """quad and what is built of it; variables are x and, behind it, what args or outer integrals give."""
    cdef double value
    if n != (<Call*>data).n_variables or not evaluate(<Call*>data, variables, &value, False):
        return NAN
    return value


cdef int filter_of_points(double* buffer, intptr_t size, double* value, void* data) noexcept nogil:
    """ndimage.generic_filter: buffer (size,) holds the values under the footprint."""
    return size == (<Call*>data).n_variables and evaluate(<Call*>data, buffer, value, False)


cdef int filter_of_lines(double* line, intptr_t n, double* out, intptr_t n_out, void* data) noexcept nogil:
    """ndimage.generic_filter1d: line (n,) is extended at both ends, so that every place of out (n_out,) has its window."""
    cdef intptr_t i
    if n != n_out + (<Call*>data).n_variables - 1:
        return 0
    for i in range(n_out):
        if not evaluate(<Call*>data, line + i, out + i, False):
            return 0
    return 1


cdef int mapping(intptr_t* coordinates, double* mapped, int rank, int mapped_rank, void* data) noexcept nogil:
    """ndimage.geometric_transform: mapped (mapped_rank,) = a^L at the coordinates (rank,)."""
    cdef double[MOST_DIMENSIONS] variables
    cdef int i
    if rank != (<Call*>data).n_variables or mapped_rank != (<Call*>data).n_out or rank > MOST_DIMENSIONS:
        return 0
    for i in range(rank):
        variables[i] = <double>coordinates[i]
    return evaluate(<Call*>data, variables, mapped, True)


# name: (what scipy calls, its signature as scipy reads it)
FUNCTIONS = {
    "integrand": PyCapsule_New(<void*>integrand, b"double (int, double *, void *)", NULL),
    "filter_of_points": PyCapsule_New(<void*>filter_of_points, b"int (double *, intptr_t, double *, void *)", NULL),
    "filter_of_lines": PyCapsule_New(<void*>filter_of_lines, b"int (double *, intptr_t, double *, intptr_t, void *)", NULL),
    "mapping": PyCapsule_New(<void*>mapping, b"int (intptr_t *, double *, int, int, void *)", NULL),
}


# -- the void pointer ------------------------------------------------------------

cdef class Owner:
    """A Call and what it points to; alive as long as the capsule that scipy holds."""

    cdef Call call
    cdef object net
    cdef cnp.ndarray place, start

    def __cinit__(self, net, cnp.ndarray place not None, cnp.ndarray start not None, Py_ssize_t output):
        self.net, self.place, self.start = net, place, start
        cdef tuple sizes = net.sizes
        cdef uintptr_t address = net._address
        cdef Call* call = &self.call
        call.net = <const PackedNet*>address
        call.single = start.dtype == np.float32
        call.n_in, call.n_out, call.n_variables = sizes[0], sizes[len(sizes) - 1], place.shape[0]
        call.place, call.start, call.output = <const Py_ssize_t*>place.data, start.data, output
        call.n_bytes = (call.n_in + call.n_out) * start.itemsize + bytes_for(call.net, 1, start.itemsize)


def user_data(net, place, start, Py_ssize_t output):
    """A capsule that holds a Call: of a frozen net, the places of the variables (intp), all inputs as they start, one output."""
    cdef Owner owner = Owner(net, place, start, output)
    return capsule_of(owner, &owner.call, b"fastnet call")
