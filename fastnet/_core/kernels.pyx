"""The C kernels of src_c/: which instruction level is in use, and their names.

This module alone is linked with src_c/.
"""

import os

import numpy as np

from fastnet._core.types cimport real
cimport numpy as cnp

cnp.import_array()

cdef extern from "fastnet_kernels.h" nogil:
    const fastnet_kernels_f32* fastnet_f32
    const fastnet_kernels_f64* fastnet_f64
    const fastnet_kernels_f32* fastnet_half_f32
    const fastnet_kernels_f64* fastnet_half_f64
    int fastnet_n_levels()
    const char* fastnet_level_name(int level)
    int fastnet_level()
    int fastnet_select_level(int level)
    const char* fastnet_activation_name(int code)
    const char* fastnet_cost_name(int code)
    const char* fastnet_optimizer_name(int code)
    const char* fastnet_number_name(int code)
    int fastnet_optimizer_states(int code)
    UsersActivation fastnet_users[]
    const char* fastnet_compiler()
    const char* fastnet_compile_flags()
    const Api fastnet_api_table

f32 = &fastnet_f32
f64 = &fastnet_f64
half32 = &fastnet_half_f32
half64 = &fastnet_half_f64
api = &fastnet_api_table
users = fastnet_users


cdef tuple names_of(const char* (*name_of)(int) noexcept nogil):
    names = []
    while name_of(<int>len(names)) != NULL:
        names.append(name_of(<int>len(names)).decode())
    return tuple(names)


ACTIVATIONS = names_of(fastnet_activation_name)    # by code
COSTS = names_of(fastnet_cost_name)                # by code
OPTIMIZERS = names_of(fastnet_optimizer_name)      # by code
NUMBERS = names_of(fastnet_number_name)            # what a data set may consist of, by code
OPTIMIZER_STATES = tuple([fastnet_optimizer_states(code) for code in range(len(OPTIMIZERS))])    # vectors, by code
READS_Z = frozenset(name for code, name in enumerate(ACTIVATIONS) if reads_z(code))
BY_ROW = frozenset(name for code, name in enumerate(ACTIVATIONS) if by_row(code))
ONLINE_BLOCK = BLOCK_ONLINE                         # samples that a pass over the first layer takes, one sample a step
NARROW = MAX_NARROW                                # neurons of the widest layer of a net whose samples may lie in lanes
LEVELS = names_of(fastnet_level_name)              # that this processor can run, weakest first
COMPILER = fastnet_compiler().decode()
COMPILE_FLAGS = fastnet_compile_flags().decode()


def level():
    """Name of the instruction level in use."""
    return LEVELS[fastnet_level()]


def select_level(name):
    """Use the kernels of one instruction level from now on, in the whole process.

    For tests and comparisons; no compiled call may be running meanwhile.
    """
    if name not in LEVELS:
        raise ValueError(f"FASTNET_CPU must be one of {', '.join(LEVELS)} on this processor; got {name!r}")
    fastnet_select_level(LEVELS.index(name))


select_level(os.environ.get("FASTNET_CPU") or LEVELS[len(LEVELS) - 1])


def lanes(dtype):
    """Values of float32 or float64 that a vector holds at the level in use."""
    return padded[float](1) if dtype == np.float32 else padded[double](1)


def half_lanes(dtype):
    """The same of a vector half as wide, where there are kernels with such; else of any."""
    return padded_by[float](half32[0], 1) if dtype == np.float32 else padded_by[double](half64[0], 1)


FUNCTIONS = {"exp": -1, "log": -2, "log1p": -3}


def elementwise(str kernel, cnp.ndarray z not None, cnp.ndarray a=None, cnp.ndarray delta=None):
    """One kernel over whole contiguous arrays; of softmax the last axis is a row.

    "exp", "log", "log1p", or an activation's name: its values at z, in `a` if that is given; a may be z.
    That name with "_prime": delta ⊙ f'(z), a = f(z); with "_second": f''(z), a = f(z).
    """
    name, _, order = kernel.rpartition("_")
    if order not in ("prime", "second"):
        name, order = kernel, "value"
    cdef cnp.ndarray out = delta.copy() if order == "prime" else np.empty_like(z) if order == "second" or a is None else a
    cdef int code = FUNCTIONS[name] if name in FUNCTIONS else ACTIVATIONS.index(name)
    if z.dtype == np.float32:
        apply[float](code, order, z, a, out)
    else:
        apply[double](code, order, z, a, out)
    return out


cdef apply(int code, str order, cnp.ndarray z, cnp.ndarray a, cnp.ndarray out, real* dummy=NULL):
    cdef Py_ssize_t n = z.shape[z.ndim - 1] if z.ndim else 1
    cdef Py_ssize_t m = z.size // n if n else 0
    if code < -1:
        logarithm(code == -3, z.size, <real*>z.data, <real*>out.data)
    elif code == -1:
        exponential(z.size, <real*>z.data, <real*>out.data)
    elif order == "prime":
        times_prime(code, m, n, <real*>z.data, <real*>a.data, <real*>out.data)
    elif order == "second":
        second_derivative(code, m, n, <real*>z.data, <real*>a.data, <real*>out.data)
    else:
        activate(code, m, n, <real*>z.data, <real*>out.data)


def by_code(int code, str wanted, cnp.ndarray z not None):
    """"value", "derivative" or "second_derivative" of an elementwise activation at z, contiguous."""
    cdef cnp.ndarray out = np.ones_like(z)
    order = {"value": "value", "derivative": "prime", "second_derivative": "second"}[wanted]
    if z.dtype == np.float32:
        apply[float](code, order, z, z, out)
    else:
        apply[double](code, order, z, z, out)
    return out


def is_finite(cnp.ndarray x not None):
    """Whether a C-contiguous float32 or float64 array holds neither NaN nor infinity."""
    cdef bint finite
    cdef Py_ssize_t n = x.size
    if x.dtype == np.float32:
        with nogil:
            finite = all_finite(n, <const float*>x.data)
    else:
        with nogil:
            finite = all_finite(n, <const double*>x.data)
    return finite
