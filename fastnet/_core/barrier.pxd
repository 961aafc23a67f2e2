"""Where threads wait for each other (src_c/barrier.h)."""

from fastnet._core.kernels cimport Barrier

cdef extern from "barrier.h" nogil:
    unsigned wait_for_all "fastnet_wait"(Barrier* barrier)
