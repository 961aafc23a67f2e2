"""How a net lies in memory: the flat parameter vector, and the work space of one call."""

from fastnet._core.laps cimport Table

cdef extern from "fastnet_kernels.h" nogil:
    ctypedef struct Cost "fastnet_cost":
        int kind
        bint ignore_nan
        double parameter
        const void* parameters
        const void* output_weights
        Py_ssize_t n_targets
        void* function
        void* context

    ctypedef struct Layout "fastnet_layout":
        Py_ssize_t n_layers        # layers of weights: one less than layers of neurons
        Py_ssize_t* sizes          # (n_layers + 1,) neurons a layer, input first
        Py_ssize_t* w              # (n_layers,) where w^l starts in the parameter vector
        Py_ssize_t* b              # (n_layers,) where b^l starts
        int* activation            # (n_layers,) codes of kernels.ACTIVATIONS
        Cost cost                  # filled by costs.pyx
        Py_ssize_t n_parameters
        Py_ssize_t width           # neurons of the widest layer, the input not counted, in whole vectors of any level
        Table* profile             # of the call that has this copy, or NULL
        bint python                # some activation calls Python functions

cdef enum:
    ALIGNMENT = 64                 # bytes: no vector straddles a cache line
    ALIASING = 256                 # bytes: a stride that this divides puts few cache sets to use


cdef inline Py_ssize_t aligned(Py_ssize_t n_bytes) noexcept nogil:
    return (n_bytes + ALIGNMENT - 1) & ~(<Py_ssize_t>ALIGNMENT - 1)


cdef inline Py_ssize_t stride_for(Py_ssize_t n_padded, Py_ssize_t itemsize) noexcept nogil:
    """Values from row to row of a buffer: a cache line more where rows would share cache sets."""
    return n_padded + (ALIGNMENT // itemsize if n_padded * itemsize % ALIASING == 0 else 0)


cdef inline void* take(char* base, Py_ssize_t* used, Py_ssize_t n_bytes) noexcept:
    """The next aligned piece of a block; with no block yet (NULL) only its room is counted."""
    cdef void* start = base + used[0] if base != NULL else NULL
    used[0] += aligned(n_bytes)
    return start

cdef Layout* new_layout(tuple sizes, tuple activation) except NULL
cdef void free_layout(Layout* layout) noexcept


cdef class Scratch:
    """Memory for one call, or for as long as its owner lives; freed with the object."""
    cdef void* memory
    cdef char* start           # aligned


cdef class Drops:
    """Buffers of dropout for `rows` samples; freed with the object."""
    cdef double* keep          # (n_layers,) probability that an activation is kept
    cdef void** drop           # per layer (rows, n), where keep < 1
    cdef void** out            # the same
    cdef void* memory

    @staticmethod
    cdef Drops for_layers(Layout* layout, Py_ssize_t rows, Py_ssize_t itemsize, tuple keep)


cdef class Workspace:
    cdef Py_ssize_t rows       # samples that it holds at a time
    cdef void* x               # (rows, sizes[0]) gathered inputs
    cdef void** z              # per layer (rows, n): weighted inputs; z[l] is a[l] where nothing reads z later
    cdef void** a              # per layer (rows, n): activations
    cdef void** delta          # per layer (rows, n): errors; layers share two buffers
    cdef void* memory

    cdef char* allocate(self, Py_ssize_t n_layers, Py_ssize_t n_bytes) except NULL
    @staticmethod
    cdef Workspace for_inference(Layout* layout, Py_ssize_t rows, Py_ssize_t itemsize)
    @staticmethod
    cdef Workspace for_training(Layout* layout, Py_ssize_t rows, Py_ssize_t itemsize)
