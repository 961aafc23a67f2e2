"""Activations of the user's own."""

from fastnet._core.layout cimport Layout


cdef int raise_pending(const Layout* net) except -1 nogil
