"""The flat parameter vector: how it is aligned, and the layers as views into it."""

import numpy as np

ALIGNMENT = 64      # bytes: no vector of a kernel straddles a cache line


def aligned_vector(n, dtype):
    """A flat zeroed (n,) vector that starts on a multiple of 64 bytes."""
    n_bytes = n * dtype.itemsize
    memory = np.zeros(n_bytes + 2 * ALIGNMENT, np.uint8)      # the last vector may be read beyond its end
    start = -memory.ctypes.data % ALIGNMENT
    return memory[start:start + n_bytes].view(dtype)


def views(vector, sizes):
    """weights and biases as views into a flat parameter vector."""
    weights, biases, start = [], [], 0
    for p, n in zip(sizes, sizes[1:]):
        weights.append(vector[start:start + n * p].reshape(n, p))
        biases.append(vector[start + n * p:start + n * p + n])
        start += n * p + n
    return tuple(weights), tuple(biases)
