"""One run of training: a net packed once, epoch after epoch, by one thread or several.

Threads are ordinary Python threads that live as long as the run.  Between two calls they sleep on a
lock; within one they meet at the barrier of src_c/barrier.h.  A step's shares are the same however
many threads take them (src_c/minibatch.inc), so one thread may take them all: same bits, no waiting.
That is what happens while the processors are busy with something else.  Stretches of some
milliseconds are timed, and whichever is faster goes on, threads or one alone; the other is tried
again now and then.
"""

cimport numpy as cnp
from cpython.exc cimport PyErr_CheckSignals
from cpython.mem cimport PyMem_RawCalloc, PyMem_RawFree

import threading
import time

import numpy as np

from fastnet._core cimport blas
from fastnet._core.barrier cimport wait_for_all
from fastnet._core.epoch cimport Buffers, run_epoch
from fastnet._core.kernels cimport Data, Progress
from fastnet._core.layout cimport Layout, Workspace, free_layout, new_layout
from fastnet._core.samples cimport data_of
from fastnet._core.trainer cimport Trainer, new_trainer
from fastnet._core.types cimport real

cnp.import_array()

cdef extern from "pythread.h" nogil:
    ctypedef void* PyThread_type_lock
    PyThread_type_lock PyThread_allocate_lock()
    void PyThread_free_lock(PyThread_type_lock)
    int PyThread_acquire_lock(PyThread_type_lock, int wait)
    void PyThread_release_lock(PyThread_type_lock)

cdef enum:
    SIGNAL_FLOPS = 500_000_000  # some 10 ms: how often Ctrl-C is looked for
    TRIED_AGAIN = 32            # stretches until the slower way is tried again
    TRIAL = 8                   # a trial is this part of a stretch


cdef struct Job:
    Data data
    Py_ssize_t batch_size, max_rows
    double eta
    Progress progress           # where it starts; each thread comes to the same end in a copy of its own
    bint done                   # there will be no other


cdef class Run:
    """A run of gradient descent on one parameter vector."""

    cdef Layout* net
    cdef cnp.ndarray parameters
    cdef Trainer trainer                   # None on the plain path
    cdef Workspace work                    # None on the fast paths
    cdef cnp.ndarray nabla                 # for plain batches of several blocks
    cdef Py_ssize_t batch_size, max_rows
    cdef Py_ssize_t stretches              # since the slower way was tried
    cdef double[2] speed                   # rows a second of one thread alone, and of all; 0: not known
    cdef bint single
    cdef Job job
    cdef PyThread_type_lock* locks         # one for each thread but this one
    cdef list threads
    cdef readonly object plan
    cdef public object together            # whether threads share the work: None where that is timed

    def __cinit__(self, tuple sizes not None, tuple activation not None, int cost, cnp.ndarray parameters not None,
                  Py_ssize_t batch_size, plan):
        cdef Py_ssize_t i
        self.net = new_layout(sizes, activation, cost)
        self.parameters = parameters
        self.single = parameters.dtype == np.float32
        self.batch_size = batch_size
        self.max_rows = <Py_ssize_t>(1 + SIGNAL_FLOPS / (6.0 * self.net.n_parameters))
        self.plan = plan
        self.threads = []
        if plan.path == "plain":
            blas.load()
            self.work = Workspace.for_training(self.net, plan.rows, 4 if self.single else 8)
            self.nabla = np.empty_like(parameters) if batch_size > plan.rows else None
            return
        self.trainer = new_trainer(self.net, self.single, plan, batch_size > plan.rows)
        if plan.shares > 1:
            self.locks = <PyThread_type_lock*>PyMem_RawCalloc(plan.shares - 1, sizeof(PyThread_type_lock))
            if self.locks == NULL:
                raise MemoryError("no memory for the locks of threads")
            for i in range(plan.shares - 1):
                self.locks[i] = PyThread_allocate_lock()
                if self.locks[i] == NULL:
                    raise MemoryError("no lock for a thread")
                PyThread_acquire_lock(self.locks[i], 1)
                self.threads.append(threading.Thread(target=self._work, args=(i + 1,), daemon=True))
            for thread in self.threads:
                thread.start()

    def __dealloc__(self):
        cdef Py_ssize_t i
        if self.locks != NULL:
            for i in range(self.trainer.packed.shares - 1):
                if self.locks[i] != NULL:
                    PyThread_free_lock(self.locks[i])
            PyMem_RawFree(self.locks)
        free_layout(self.net)

    def close(self):
        """End the threads.  A run that has none may be left to the garbage collector."""
        cdef Py_ssize_t i
        if self.threads:
            self.job.done = True
            for i in range(len(self.threads)):
                PyThread_release_lock(self.locks[i])
            for thread in self.threads:
                thread.join()
            self.threads = []

    def epoch(self, X, cnp.ndarray Y not None, order, double eta):
        """One pass of gradient descent over the rows of X in the given order (intp, or None).

        Returns (summed cost, rows seen, whether every cost was finite).  Fewer rows than X has: the
        cost of the last batch seen was NaN or infinite.  Ctrl-C raises KeyboardInterrupt between two batches.
        """
        self.job.data = data_of(X, Y, order)
        self.job.batch_size = self.batch_size
        self.job.max_rows = self.max_rows
        self.job.eta = eta
        self.job.progress = Progress(rows=0, cost=0, finite=True)
        if self.single:
            self.epoch_typed[float]()
        else:
            self.epoch_typed[double]()
        return self.job.progress.cost, self.job.progress.rows, bool(self.job.progress.finite)

    cdef epoch_typed(self, real* dummy=NULL):
        cdef real* parameters = <real*>self.parameters.data
        cdef Progress* progress = &self.job.progress
        if self.trainer is None:
            while progress.rows < self.job.data.m and progress.finite:
                self.plain[real](parameters)
                PyErr_CheckSignals()
            return
        with nogil:
            self.trainer.load(parameters)
        try:
            while progress.rows < self.job.data.m and progress.finite:
                self.stretch[real]()
                PyErr_CheckSignals()
        finally:
            with nogil:
                self.trainer.store(parameters)

    cdef plain(self, real* parameters):
        cdef Buffers buffers = Buffers(rows=self.work.rows, x=self.work.x, y=self.work.y, z=self.work.z,
                                       a=self.work.a, delta=self.work.delta)
        cdef real* nabla = <real*>self.nabla.data if self.nabla is not None else NULL
        cdef Job* job = &self.job
        with nogil:
            run_epoch(self.net, &job.data, &buffers, job.batch_size, <real>job.eta, job.max_rows,
                      parameters, nabla, &job.progress)

    cdef stretch(self, real* dummy=NULL):
        """Go on until it is time to look for signals, by the faster way or as a trial of the other."""
        cdef bint together = False
        cdef Py_ssize_t rows = self.job.progress.rows, part = 1
        if self.together is not None:
            together = self.together and bool(self.threads)
        elif self.threads:
            together = self.speed[1] >= self.speed[0]
            self.stretches += 1
            if self.speed[not together] == 0 or self.stretches > TRIED_AGAIN:
                together, part, self.stretches = not together, TRIAL, 0
        self.job.max_rows = max(1, self.max_rows // part)
        start = time.perf_counter()
        self.go_on[real](together)
        if self.threads:
            self.speed[together] = (self.job.progress.rows - rows) / (time.perf_counter() - start)

    cdef go_on(self, bint together, real* dummy=NULL):
        """Run at most max_rows more rows: every thread its share, or this one all of them."""
        cdef Py_ssize_t i, others = len(self.threads) if together else 0
        cdef Progress progress = self.job.progress
        cdef size_t mine = 1 if together else self.trainer.packed.shares
        self.trainer.barrier.threads = <unsigned>(others + 1)
        self.trainer.packed.crowded = 0
        for i in range(others):
            PyThread_release_lock(self.locks[i])
        with nogil:
            self.trainer.run(&self.job.data, self.job.batch_size, <real>self.job.eta, self.job.max_rows, 0, mine, &progress)
            wait_for_all(&self.trainer.barrier)        # nobody reads the job or the weights any more
        self.job.progress = progress

    def _work(self, size_t share):
        """What one of the other threads does until the run is closed."""
        cdef Progress progress
        cdef PyThread_type_lock lock = self.locks[share - 1]
        cdef Job* job = &self.job
        cdef Trainer trainer = self.trainer
        cdef bint single = self.single
        with nogil:
            while True:
                PyThread_acquire_lock(lock, 1)
                if job.done:
                    break
                progress = job.progress
                if single:
                    trainer.run(&job.data, job.batch_size, <float>job.eta, job.max_rows, share, share + 1, &progress)
                else:
                    trainer.run(&job.data, job.batch_size, job.eta, job.max_rows, share, share + 1, &progress)
                wait_for_all(&trainer.barrier)
