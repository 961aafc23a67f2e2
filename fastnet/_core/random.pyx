"""Random numbers that are functions of (seed, counter, index): src_c/random.inc over NumPy vectors."""

from libc.stdint cimport uint32_t, uint64_t

import numpy as np

from fastnet._core.kernels cimport add_noise, dropout_mask, f64
cimport numpy as cnp

cnp.import_array()


def words(uint64_t block, uint64_t seed, uint64_t counter):
    """Philox4x32-10 of 16 blocks from `block` on, uint32 of shape (4, 16): column j is block + j."""
    cdef cnp.ndarray out = np.empty((4, 16), np.uint32)
    f64[0].random_words(block, seed, counter, <uint32_t*>out.data)
    return out


cdef uint64_t seed_for(uint64_t key, uint64_t purpose, uint64_t index) noexcept nogil:
    """A seed that only key, purpose and index decide: the first two words of block `index`."""
    cdef uint32_t out[64]
    f64[0].random_words(index, key, purpose, out)
    return out[0] | <uint64_t>out[16] << 32


def seed(uint64_t key, uint64_t purpose, uint64_t index):
    """`seed_for`, for Python."""
    return seed_for(key, purpose, index)


def mask(Py_ssize_t n, double keep, uint64_t seed, uint64_t counter, dtype, uint64_t first=0):
    """Inverted dropout: 1 / keep with probability keep, else 0, for values first ... first + n of a draw."""
    cdef cnp.ndarray out = np.empty(n, dtype)
    if out.dtype == np.float32:
        dropout_mask(n, first, keep, seed, counter, <float*>out.data)
    else:
        dropout_mask(n, first, keep, seed, counter, <double*>out.data)
    return out


def noise(cnp.ndarray x not None, double sigma, uint64_t seed, uint64_t counter, uint64_t first=0):
    """x + σ N(0, 1), independent, for a C-contiguous float32 or float64 array."""
    cdef cnp.ndarray out = np.empty_like(x)
    if x.dtype == np.float32:
        add_noise(x.size, first, sigma, seed, counter, <const float*>x.data, <float*>out.data)
    else:
        add_noise(x.size, first, sigma, seed, counter, <const double*>x.data, <double*>out.data)
    return out
