"""What a profile writes down while it is open, thread by thread."""

from libc.stdint cimport uint64_t

from fastnet._core.laps cimport Table
from fastnet._core.layout cimport Layout

cdef enum:
    DEEPEST = 64               # spans within spans


cdef class Region:
    cdef Table table
    cdef void* memory
    cdef uint64_t before       # what the table had when the door was opened
    cdef readonly str kind, path
    cdef readonly tuple sizes, activation
    cdef readonly bint single
    cdef readonly Py_ssize_t batch_size
    cdef public Py_ssize_t calls
    cdef public double density
    cdef public bint counted   # calls that were not timed are known by their number alone


cdef class Recorder:
    cdef readonly str thread
    cdef readonly Py_ssize_t events_left
    cdef readonly list children
    cdef dict regions, spans
    cdef list marks
    cdef uint64_t began, ended
    cdef double reading
    cdef Py_ssize_t depth, lost
    cdef list names
    cdef uint64_t since[DEEPEST]
    cdef uint64_t inner[DEEPEST]
    cdef object owner          # of the last region asked for
    cdef Region last

    cdef Region region(self, object owner, str kind, str path, const Layout* net, bint single, Py_ssize_t batch_size)
    cdef Region open(self, object owner, str kind, str path, const Layout* net, bint single)
    cdef void close(self, Region region)
    cdef void passed(self, Region region)
    cdef Recorder child(self, Py_ssize_t number)
    cdef forget(self)
    cdef void keep(self, str name, uint64_t start, uint64_t end)

cdef int open_profiles         # in all threads
cdef Recorder current()        # of this thread, or None
cdef Region watch(Recorder recorder, object owner, str kind, str path, const Layout* net, bint single, Layout* watched)
cdef void unwatch(Recorder recorder, Region region)
