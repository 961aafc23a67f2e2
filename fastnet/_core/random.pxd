"""Random numbers that are functions of (seed, counter, index)."""

from libc.stdint cimport uint64_t

cdef uint64_t seed_for(uint64_t key, uint64_t purpose, uint64_t index) noexcept nogil
