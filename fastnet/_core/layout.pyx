"""How a net lies in memory: the flat parameter vector, and the work space of one call.

Parameters: per layer w^l row-major, (n, p), then b^l, (n,), with no gaps.
Work space: one aligned block, carved here and nowhere else, so that kernels never allocate.
"""

from cpython.mem cimport PyMem_Calloc, PyMem_Free, PyMem_RawFree, PyMem_RawMalloc
from libc.stdint cimport uintptr_t

from fastnet._core.kernels cimport N_ACTIVATIONS, reads_z, users

cdef Layout* new_layout(tuple sizes, tuple activation) except NULL:
    cdef Py_ssize_t l, n_layers = len(activation)
    cdef Layout* layout = <Layout*>PyMem_Calloc(1, sizeof(Layout))
    if layout == NULL:
        raise MemoryError("no memory for the layout of the net")
    layout.n_layers = n_layers
    layout.sizes = <Py_ssize_t*>PyMem_Calloc(n_layers + 1, sizeof(Py_ssize_t))
    layout.w = <Py_ssize_t*>PyMem_Calloc(n_layers, sizeof(Py_ssize_t))
    layout.b = <Py_ssize_t*>PyMem_Calloc(n_layers, sizeof(Py_ssize_t))
    layout.activation = <int*>PyMem_Calloc(n_layers, sizeof(int))
    if layout.sizes == NULL or layout.w == NULL or layout.b == NULL or layout.activation == NULL:
        free_layout(layout)
        raise MemoryError("no memory for the layout of the net")
    layout.sizes[0] = sizes[0]
    for l in range(n_layers):
        layout.sizes[l + 1] = sizes[l + 1]
        layout.activation[l] = activation[l]
        if layout.activation[l] >= N_ACTIVATIONS and users[layout.activation[l] - N_ACTIVATIONS].python:
            layout.python = True
        layout.w[l] = layout.n_parameters
        layout.b[l] = layout.w[l] + layout.sizes[l + 1] * layout.sizes[l]
        layout.n_parameters = layout.b[l] + layout.sizes[l + 1]
        layout.width = max(layout.width, (layout.sizes[l + 1] + 15) // 16 * 16)
    return layout


cdef void free_layout(Layout* layout) noexcept:
    if layout != NULL:
        PyMem_Free(layout.sizes)
        PyMem_Free(layout.w)
        PyMem_Free(layout.b)
        PyMem_Free(layout.activation)
        PyMem_Free(layout)


cdef class Scratch:

    def __cinit__(self, Py_ssize_t n_bytes):
        self.memory = PyMem_RawMalloc(n_bytes + ALIGNMENT)
        if self.memory == NULL:
            raise MemoryError(f"no memory for a work space of {n_bytes} bytes")
        self.start = <char*>aligned(<uintptr_t>self.memory)

    def __dealloc__(self):
        PyMem_RawFree(self.memory)


cdef class Workspace:
    """Buffers for `rows` samples at a time; freed with the object."""

    def __dealloc__(self):
        PyMem_RawFree(self.memory)

    cdef char* allocate(self, Py_ssize_t n_layers, Py_ssize_t n_bytes) except NULL:
        """Aligned room for `n_bytes`, after the three pointer tables."""
        cdef Py_ssize_t tables = 3 * n_layers * sizeof(void*)
        self.memory = PyMem_RawMalloc(tables + n_bytes + ALIGNMENT)
        if self.memory == NULL:
            raise MemoryError(f"no memory for a work space of {n_bytes} bytes")
        self.z = <void**>self.memory
        self.a = self.z + n_layers
        self.delta = self.a + n_layers
        return <char*>aligned(<uintptr_t>self.memory + tables)

    @staticmethod
    cdef Workspace for_inference(Layout* layout, Py_ssize_t rows, Py_ssize_t itemsize):
        """Room for a forward pass: layers take turns in two buffers."""
        cdef Workspace work = Workspace.__new__(Workspace)
        cdef Py_ssize_t l, buffer = aligned(rows * layout.width * itemsize)
        cdef char* free = work.allocate(layout.n_layers, 2 * buffer)
        work.rows = rows
        for l in range(layout.n_layers):
            work.z[l] = work.a[l] = free + (l % 2) * buffer
        return work

    @staticmethod
    cdef Workspace for_training(Layout* layout, Py_ssize_t rows, Py_ssize_t itemsize):
        """Room for forward and backward passes: every a^l is kept, z^l where σ' reads it, and z^L, which
        the cost may read; δ takes turns in two buffers."""
        cdef Workspace work = Workspace.__new__(Workspace)
        cdef Py_ssize_t l, L = layout.n_layers
        cdef Py_ssize_t n_bytes = 2 * aligned(rows * layout.width * itemsize)
        for l in range(L + 1):
            n_bytes += aligned(rows * layout.sizes[l] * itemsize)
        for l in range(L):
            if reads_z(layout.activation[l]):
                n_bytes += aligned(rows * layout.sizes[l + 1] * itemsize)
        n_bytes += aligned(rows * layout.sizes[L] * itemsize)

        cdef char* free = work.allocate(L, n_bytes)
        work.rows = rows
        work.x = free
        free += aligned(rows * layout.sizes[0] * itemsize)
        for l in range(L):
            work.z[l] = work.a[l] = free
            free += aligned(rows * layout.sizes[l + 1] * itemsize)
            if reads_z(layout.activation[l]) or l == L - 1:
                work.z[l] = free
                free += aligned(rows * layout.sizes[l + 1] * itemsize)
        for l in range(L):
            work.delta[l] = free + (l % 2) * aligned(rows * layout.width * itemsize)
        return work


cdef class Drops:
    """Buffers of dropout for `rows` samples; freed with the object."""

    def __dealloc__(self):
        PyMem_RawFree(self.memory)

    @staticmethod
    cdef Drops for_layers(Layout* layout, Py_ssize_t rows, Py_ssize_t itemsize, tuple keep):
        cdef Drops drops = Drops.__new__(Drops)
        cdef Py_ssize_t l, L = layout.n_layers
        cdef Py_ssize_t tables = L * (sizeof(double) + 2 * sizeof(void*)), n_bytes = 0
        cdef char* free
        for l in range(L):
            n_bytes += 2 * aligned(rows * layout.sizes[l + 1] * itemsize) if keep[l] < 1 else 0
        drops.memory = PyMem_RawMalloc(tables + n_bytes + ALIGNMENT)
        if drops.memory == NULL:
            raise MemoryError(f"no memory for dropout: {n_bytes} bytes")
        drops.keep = <double*>drops.memory
        drops.drop = <void**>(drops.keep + L)
        drops.out = drops.drop + L
        free = <char*>aligned(<uintptr_t>drops.memory + tables)
        for l in range(L):
            drops.keep[l] = keep[l]
            drops.drop[l] = drops.out[l] = NULL
            if keep[l] < 1:
                drops.drop[l] = free
                drops.out[l] = free + aligned(rows * layout.sizes[l + 1] * itemsize)
                free += 2 * aligned(rows * layout.sizes[l + 1] * itemsize)
        return drops
