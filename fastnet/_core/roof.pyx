"""The loops that `fastnet._roof` times, on NumPy arrays: multiply-adds, reads, updates.

Arrays are contiguous, float32 or float64.  SUMS and UNIT hold at every level and precision.
"""

cimport numpy as cnp

import numpy as np

from fastnet._core.kernels cimport f32, f64

cnp.import_array()

SUMS = 12 * 16      # values that multiply_adds works on, at most
UNIT = 8 * 16       # the length of what read and update take is a multiple of this


def multiply_adds(cnp.ndarray out not None, size_t rounds):
    """`rounds` of twelve vector multiply-adds out of registers; returns the flops.  `out` holds SUMS values."""
    cdef bint single = out.dtype == np.float32
    cdef void* target = out.data
    cdef size_t flops
    with nogil:
        if single:
            flops = f32[0].roof_fma(rounds, <float>0.5, <float>0.25, <float*>target)
        else:
            flops = f64[0].roof_fma(rounds, 0.5, 0.25, <double*>target)
    return flops


def read(cnp.ndarray x not None, size_t passes):
    """Read x `passes` times; returns the sum of what was read."""
    cdef bint single = x.dtype == np.float32
    cdef size_t n = x.size
    cdef void* source = x.data
    cdef double total
    with nogil:
        if single:
            total = f32[0].roof_read(n, passes, <const float*>source)
        else:
            total = f64[0].roof_read(n, passes, <const double*>source)
    return total


def update(cnp.ndarray x not None, size_t passes):
    """x = 1 - x, `passes` times."""
    cdef bint single = x.dtype == np.float32
    cdef size_t n = x.size
    cdef void* target = x.data
    with nogil:
        if single:
            f32[0].roof_update(n, passes, <float>1, <float*>target)
        else:
            f64[0].roof_update(n, passes, 1, <double*>target)
