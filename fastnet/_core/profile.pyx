"""What a profile writes down while it is open: spans of Python, and tables that the kernels fill.

A Recorder belongs to one thread and is found by it alone, so that threads never meet here; threads that
fastnet starts get recorders of their own.  While no profile is open anywhere, `open_profiles` is 0, which
is all that a call looks at.  Times are in ticks of src_c/profile.h; fastnet/profiling.py makes seconds of
them.
"""

cimport numpy as cnp
from cpython.mem cimport PyMem_RawCalloc, PyMem_RawFree
from cpython.ref cimport Py_DECREF, Py_INCREF

import functools

import numpy as np

from fastnet._core.laps cimport BURST, N_OPERATIONS, Cell, Event, enter, lap, leave, ticks

cnp.import_array()

cdef extern from *:
    """
    #define FASTNET_OPERATION_NAME(name) #name,
    static const char *const fastnet_operation_names[] = {FASTNET_OPERATIONS(FASTNET_OPERATION_NAME)};
    static _Thread_local void *fastnet_recorder;
    """
    const char** operation_names "fastnet_operation_names"
    void* recorder_here "fastnet_recorder"

OPERATIONS = tuple((<bytes>operation_names[i]).decode() for i in range(N_OPERATIONS))
EXACT = ("pack", "unpack")      # operations that are timed whether their step is or not

cdef enum:
    EVENTS_A_REGION = 4096      # a power of 2


cdef class Region:
    """One kind of work on nets of one shape: where its time goes, operation by operation and layer by layer."""

    def __dealloc__(self):
        PyMem_RawFree(self.memory)

    def cells(self):
        """(operations, layers, 2): calls and ticks; int64."""
        cdef Py_ssize_t count = N_OPERATIONS * self.table.n_layers * 2
        cdef cnp.ndarray found = np.empty((N_OPERATIONS, self.table.n_layers, 2), np.int64)
        cdef Py_ssize_t i
        for i in range(count):
            (<long long*>found.data)[i] = <long long>(<unsigned long long*>self.table.cell)[i]
        return found

    def counts(self):
        """Everything else that the table counts, by name."""
        cdef Table* table = &self.table
        return {"inside": table.inside, "steps": table.steps, "samples": table.samples, "laps": table.laps,
                "timed_steps": table.timed_steps, "timed_samples": table.timed_samples}

    def events(self):
        """The last operations as (start, ticks, operation, layer), in order."""
        cdef uint64_t count = self.table.events, room = self.table.room, i
        cdef Event* event
        found = []
        for i in range(count - room if count > room else 0, count):
            event = self.table.event + (i & (room - 1))
            found.append((event.start, event.ticks, OPERATIONS[event.operation], event.layer))
        return found

    @property
    def events_lost(self):
        return max(0, <Py_ssize_t>self.table.events - <Py_ssize_t>self.table.room)


cdef Region new_region(str kind, str path, tuple sizes, tuple activation, bint single, Py_ssize_t batch_size,
                       double reading, Py_ssize_t room):
    cdef Region region = Region.__new__(Region)
    cdef Py_ssize_t n_layers = len(activation), cells = N_OPERATIONS * n_layers * sizeof(Cell)
    region.kind, region.path, region.sizes, region.activation = kind, path, sizes, activation
    region.single, region.batch_size, region.density = single, batch_size, 1.0
    region.memory = PyMem_RawCalloc(cells + room * sizeof(Event), 1)
    if region.memory == NULL:
        raise MemoryError("no memory for a profile")
    region.table.n_layers = n_layers
    region.table.cell = <Cell*>region.memory
    region.table.event = <Event*>(<char*>region.memory + cells)
    region.table.room = room
    region.table.reading = reading
    region.table.place = region.table.period = BURST       # the first step opens a burst
    return region


cdef class Recorder:
    """What one thread does while a profile is open."""

    def __cinit__(self, str thread not None, Py_ssize_t events, double reading):
        self.thread, self.events_left, self.reading = thread, events, reading
        self.children, self.regions, self.spans, self.marks, self.names = [], {}, {}, [], []
        self.began = ticks()

    cdef Region region(self, object owner, str kind, str path, const Layout* net, bint single, Py_ssize_t batch_size):
        cdef Region found = self.last
        cdef Py_ssize_t l, room
        if (found is not None and owner is self.owner and kind is found.kind and path is found.path
                and batch_size == found.batch_size):
            return found
        sizes = tuple([net.sizes[l] for l in range(net.n_layers + 1)])
        activation = tuple([net.activation[l] for l in range(net.n_layers)])
        key = (kind, path, sizes, activation, single, batch_size)
        found = self.regions.get(key)
        if found is None:
            room = EVENTS_A_REGION if self.events_left >= EVENTS_A_REGION else 0
            self.events_left -= room
            found = self.regions[key] = new_region(kind, path, sizes, activation, single, batch_size, self.reading, room)
        self.owner, self.last = owner, found
        return found

    cdef Region open(self, object owner, str kind, str path, const Layout* net, bint single):
        """A door into compiled code: its region, whose time runs until `close`."""
        cdef Region region = self.region(owner, kind, path, net, single, 0)
        region.calls += 1
        region.before = region.table.inside
        enter(&region.table)
        return region

    cdef void close(self, Region region):
        leave(&region.table)
        self.passed(region)
        self.keep(region.kind, region.table.entered, region.table.entered + region.table.inside - region.before)

    cdef void passed(self, Region region):
        """What the region took since `before` is not the span's own time."""
        if self.depth:
            self.inner[self.depth - 1] += region.table.inside - region.before

    cdef void keep(self, str name, uint64_t start, uint64_t end):
        if self.events_left > 0:
            self.events_left -= 1
            self.marks.append((name, start, end))
        else:
            self.lost += 1

    cdef Recorder child(self, Py_ssize_t number):
        """The recorder of another thread that works for this one."""
        while len(self.children) <= number:
            self.children.append(Recorder(f"thread {len(self.children) + 2}", self.events_left // 2, self.reading))
            self.events_left -= self.events_left // 2
        return self.children[number]

    def child_of(self, number):
        return self.child(number)

    # -- spans -----------------------------------------------------------------

    def enter_span(self, str name not None):
        if self.depth < DEEPEST:
            self.names.append(name)
            self.since[self.depth], self.inner[self.depth] = ticks(), 0
        self.depth += 1

    def exit_span(self):
        cdef uint64_t now = ticks(), passed
        if not self.depth:             # the profile was closed within the span
            return
        self.depth -= 1
        if self.depth >= DEEPEST:
            return
        name = self.names.pop()
        passed = now - self.since[self.depth]
        calls, total, own = self.spans.get(name, (0, 0, 0))
        self.spans[name] = (calls + 1, total + passed, own + passed - min(passed, self.inner[self.depth]))
        if self.depth:
            self.inner[self.depth - 1] += passed
        self.keep(name, self.since[self.depth], now)

    def __enter__(self):
        return self

    def __exit__(self, *error):
        self.exit_span()

    def span(self, name):
        """A context in which time is the span's."""
        self.enter_span(name)
        return self

    # -- the whole -------------------------------------------------------------

    def start(self):
        """Become this thread's recorder."""
        global recorder_here, open_profiles
        if recorder_here != NULL:
            raise RuntimeError("a profile is open in this thread already; profiles don't nest")
        Py_INCREF(self)
        recorder_here = <void*>self
        open_profiles += 1
        self.began = ticks()
        self.enter_span("outside fastnet")

    def stop(self):
        """End what is open and cease to be this thread's recorder."""
        global recorder_here, open_profiles
        if recorder_here != <void*>self:
            raise RuntimeError("a profile ends in the thread that it began in")
        while self.depth:
            self.exit_span()
        self.ended = ticks()
        recorder_here = NULL
        self.forget()
        open_profiles -= 1
        Py_DECREF(self)

    cdef forget(self):
        """Keep nothing of whose regions they are, which are whole runs and their samples."""
        cdef Recorder child
        self.owner = self.last = None
        for child in self.children:
            child.forget()

    def work_for(self):
        """Become the recorder of a thread that lives for one call."""
        global recorder_here
        recorder_here = <void*>self        # whoever started the thread holds a reference

    def work_done(self):
        global recorder_here
        recorder_here = NULL

    def found(self):
        """Everything, as plain values; times in ticks."""
        return {"thread": self.thread, "began": self.began, "ended": self.ended, "spans": dict(self.spans),
                "marks": list(self.marks), "lost": self.lost, "regions": list(self.regions.values())}


cdef Recorder current():
    return <Recorder>recorder_here if recorder_here != NULL else None


cdef Region watch(Recorder recorder, object owner, str kind, str path, const Layout* net, bint single, Layout* watched):
    """A copy of the layout that takes time, and the region entered, where there is a recorder: `current` as the call
    began.  It stays that until `unwatch`, though Python functions that are called between may close the profile."""
    cdef Region region
    watched[0] = net[0]
    if recorder is None:
        return None
    region = recorder.open(owner, kind, path, net, single)
    watched.profile = &region.table
    return region


cdef void unwatch(Recorder recorder, Region region):
    if recorder is not None:
        recorder.close(region)


def recorder():
    """This thread's recorder; None where no profile is open."""
    return current() if open_profiles else None


class Nothing:
    """The span of a thread without a profile."""

    def __enter__(self):
        return self

    def __exit__(self, *error):
        pass


NOTHING = Nothing()


def span(name):
    """A context in which time is the span's, if this thread has a profile open."""
    cdef Recorder here = current() if open_profiles else None
    return NOTHING if here is None else here.span(name)


def timed(str name not None):
    """A decorator: a call's time is that of a span."""
    def decorate(function):
        @functools.wraps(function)
        def call(*args, **options):
            with span(name):
                return function(*args, **options)
        return call
    return decorate


# -- the clock -----------------------------------------------------------------


def reading_ticks():
    """What a reading costs, in ticks: the least of many tries."""
    cdef Region region = new_region("", "", (1, 1), (0,), False, 0, 0, EVENTS_A_REGION)
    cdef uint64_t start, best = <uint64_t>1 << 62
    cdef int turn, i
    for turn in range(200):
        enter(&region.table)
        start = ticks()
        for i in range(64):
            lap(&region.table, i & 3, 0)
        best = min(best, ticks() - start)
    return best / 64.0


def now():
    return ticks()
