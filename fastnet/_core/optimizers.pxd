"""Steps of an optimizer, for compiled loops: fill `update` by begin_step, then update_slice (kernels.pxd)."""

from fastnet._core.kernels cimport Update


cdef class Updater:
    cdef readonly str kernel
    cdef readonly int n_states
    cdef Update update
