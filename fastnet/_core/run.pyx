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

from fastnet._core import plan as planning
from fastnet._core.window import window_rows

from fastnet._core cimport blas
from fastnet._core.barrier cimport wait_for_all
from fastnet._core.backprop cimport Chance
from fastnet._core.costs cimport set_cost
from fastnet._core.epoch cimport Buffers, run_epoch
from fastnet._core.epochs cimport Course, Held, new_held, train_epochs
from fastnet._core.descent cimport LayerDescent
from fastnet._core.kernels cimport MAX_STATES, Data, Descent, Progress, Running
from fastnet._core.laps cimport PACK, UNPACK, Table, enter, lap, leave
from fastnet._core.layout cimport Drops, Layout, Workspace, free_layout, new_layout
from fastnet._core.optimizers cimport Updater
from fastnet._core.profile cimport Recorder, Region, current, open_profiles
from fastnet._core.samples cimport Compressed, data_of
from fastnet._core.single cimport ROW_FLOPS, SIGNAL_FLOPS
from fastnet._core.trainer cimport Trainer, new_trainer
from fastnet._core.types cimport real
from fastnet._core.window cimport Window, window_over

cnp.import_array()

cdef extern from "pythread.h" nogil:
    ctypedef void* PyThread_type_lock
    PyThread_type_lock PyThread_allocate_lock()
    void PyThread_free_lock(PyThread_type_lock)
    int PyThread_acquire_lock(PyThread_type_lock, int wait)
    void PyThread_release_lock(PyThread_type_lock)

cdef enum:
    TRIED_AGAIN = 128           # stretches until the slower way is tried again: on a busy processor a trial may take 10 ms;
    TRIED_SOON = 32             # fewer at first, twice as many each time: the first trial, still cold, decides for the others
    TRIAL = 8                   # a trial is this part of a stretch


cdef struct Job:
    Data data
    Descent descent
    Py_ssize_t batch_size, max_rows
    Progress progress           # where it starts; each thread comes to the same end in a copy of its own
    bint done                   # there will be no other


cdef class Run:
    """A run of training on one parameter vector."""

    cdef Layout* net
    cdef object cost                       # fastnet.costs.Bound: keeps alive what net.cost points at
    cdef cnp.ndarray parameters
    cdef Trainer trainer                   # None on the plain path
    cdef Workspace work                    # None on the fast paths
    cdef Drops drops                       # None there, and where nothing is random
    cdef LayerDescent* layers              # what the plain path knows of each layer
    cdef cnp.ndarray nabla                 # the plain path's gradient, where it needs one
    cdef list states                       # the optimizer's, flat vectors like the parameters
    cdef Py_ssize_t max_rows
    cdef Py_ssize_t stretches, patience    # since the slower way was tried; after how many it is tried again
    cdef double speed[2]                   # rows a second of one thread alone, and of all; 0: not known
    cdef bint single
    cdef Job job
    cdef Course course
    cdef cnp.ndarray costs                 # (3, epochs) of the epochs of one call: cost, validation cost, accuracy
    cdef Held held                         # the samples to validate on there
    cdef Py_ssize_t n_passed               # how many of them came to a finite end
    cdef PyThread_type_lock* locks         # (n_locks,) one for each thread but this one
    cdef Py_ssize_t n_locks
    cdef list threads
    cdef tuple read                        # what the kernels read now, kept alive
    cdef Window window                     # over samples that they can't read where they lie; the job's data
    cdef Py_ssize_t before                 # samples of the pass before the job's data
    cdef public object on_window           # called with `before` when the window moves, or None
    cdef bint in_steps                     # single steps: parameters stay packed between them
    cdef bint packed                       # the parameters that count are the trainer's, not the vector's
    cdef Recorder recorder                 # of this thread's profile, or None
    cdef list regions                      # one for each thread, where a profile is open
    cdef Table** tables                    # theirs; NULL each where none is
    cdef readonly object plan, recipe
    cdef tuple sizes
    cdef public object together            # whether threads share the work: None where that is timed
    cdef public bint halted                # somebody wants it to end, as Ctrl-C would

    def __cinit__(self, tuple sizes not None, tuple activation not None, cost, cnp.ndarray parameters not None,
                  Py_ssize_t batch_size, plan, recipe):
        self.net = new_layout(sizes, activation)
        self.sizes = sizes
        self.cost = cost
        set_cost(&self.net.cost, cost)
        self.parameters = parameters
        self.single = parameters.dtype == np.float32
        self.plan, self.recipe = plan, recipe
        self.max_rows = <Py_ssize_t>(1 + SIGNAL_FLOPS / (6.0 * self.net.n_parameters + ROW_FLOPS))
        self.max_rows = -(-self.max_rows // plan.steps_at_once) * plan.steps_at_once
        self.threads = []
        self.tables = <Table**>PyMem_RawCalloc(plan.shares, sizeof(Table*))
        if self.tables == NULL:
            raise MemoryError("no memory to train")
        self.states = recipe.updater.new_states(parameters.size, parameters.dtype)
        self.describe(batch_size)
        several_blocks = batch_size > plan.rows
        if plan.path == "plain":
            blas.load()
            self.work = Workspace.for_training(self.net, plan.rows, 4 if self.single else 8)
            if recipe.random:
                self.drops = Drops.for_layers(self.net, plan.rows, 4 if self.single else 8, recipe.keep)
            self.nabla = None if recipe.in_place and recipe.bare and not (several_blocks or self.net.python) else np.empty_like(parameters)
            self.layers = <LayerDescent*>PyMem_RawCalloc(self.net.n_layers, sizeof(LayerDescent))
            if self.layers == NULL:
                raise MemoryError("no memory to train")
            self.describe_layers()
        else:
            self.trainer = new_trainer(self.net, self.single, plan, recipe, several_blocks)
            self.start_threads(plan.shares - 1)

    cdef describe(self, Py_ssize_t batch_size):
        """The recipe as the kernels take it."""
        cdef Updater updater = self.recipe.updater
        cdef Descent* descent = &self.job.descent
        self.job.batch_size = batch_size
        descent.update = updater.update
        descent.update.clip = self.recipe.clip_value
        descent.n_states = updater.n_states
        descent.clip_norm, descent.max_norm = self.recipe.clip_norm, self.recipe.max_norm
        descent.noise, descent.keep_inputs = self.recipe.noise, self.recipe.keep_inputs
        descent.seed = self.recipe.seed
        descent.in_place, descent.by_batch, descent.penalty = self.recipe.in_place, self.recipe.by_batch, 1

    cdef describe_layers(self):
        cdef Py_ssize_t l
        for l in range(self.net.n_layers):
            self.layers[l].l2, self.layers[l].l1 = self.recipe.l2[l], self.recipe.l1[l]
            self.layers[l].held = self.recipe.held[l]
            mask = self.recipe.masks[l]
            self.layers[l].mask = NULL if mask is None else <const void*>(<cnp.ndarray>mask).data

    cdef start_threads(self, Py_ssize_t others):
        if not others:
            return
        self.locks = <PyThread_type_lock*>PyMem_RawCalloc(others, sizeof(PyThread_type_lock))
        if self.locks == NULL:
            raise MemoryError("no memory for the locks of threads")
        try:
            while self.n_locks < others:
                self.start_thread()
        except BaseException:
            self.close()
            raise

    cdef start_thread(self):
        cdef PyThread_type_lock lock = PyThread_allocate_lock()
        if lock == NULL:
            raise MemoryError("no lock for a thread")
        PyThread_acquire_lock(lock, 1)
        self.locks[self.n_locks] = lock
        self.n_locks += 1
        thread = threading.Thread(target=self._work, args=(self.n_locks,), daemon=True)
        self.threads.append(thread)
        thread.start()

    def __dealloc__(self):
        cdef Py_ssize_t i
        for i in range(self.n_locks):          # the garbage collector may have taken the trainer before
            PyThread_free_lock(self.locks[i])
        PyMem_RawFree(self.locks)
        PyMem_RawFree(self.layers)
        PyMem_RawFree(self.tables)
        free_layout(self.net)

    def close(self):
        """End the threads.  A run that has none may be left to the garbage collector.

        They end by themselves once their locks are released, whatever becomes of waiting for them.
        """
        cdef Py_ssize_t i
        cdef list threads = self.threads
        self.threads = []
        self.job.done = True
        for i in range(len(threads)):
            PyThread_release_lock(self.locks[i])
        for thread in threads:
            if thread.ident is not None:       # it was started
                thread.join()

    # -- what an optimizer remembers ------------------------------------------

    def memory(self):
        """Copies of the optimizer's states, flat like the parameters, and of its running scalars (3,)."""
        cdef Running* running = &self.job.descent.running
        return [state.copy() for state in self.states], np.array([running.steps, running.momentum_product, running.cost])

    def remember(self, list states not None, running):
        """Go on from what `memory` gave."""
        for own, given in zip(self.states, states, strict=True):
            own[:] = given
        self.job.descent.running = Running(steps=running[0], momentum_product=running[1], cost=running[2])

    # -- epochs ----------------------------------------------------------------

    def start_epoch(self, X, Y not None, order, rates, cnp.ndarray weight=None,
                    Py_ssize_t rows=0, double cost=0):
        """Begin a pass over the rows of X in the given order (intp, or None).

        `rates` is the learning rate of every step, float64, or one for all; it may be changed between two calls
        of `go_on`.  `weight` is that of each sample.  A pass that ended early goes on from its `progress`:
        the rows it has seen, whole batches, and the cost summed over them.
        """
        cdef cnp.ndarray each
        self.read = (X, Y, order, rates, weight)
        self.before = 0
        width = self.net.sizes[0] + (0 if Y.ndim == 1 else Y.shape[1])
        rows_of_window = window_rows(width, self.parameters.itemsize, self.job.batch_size * self.plan.steps_at_once, self.plan.shares)
        self.window = window_over(X, Y, order, weight, rows_of_window, self.recipe.changes_inputs, self.plan.sparse)
        if self.window is None:
            self.job.data = data_of(X, Y, order, weight)
        else:
            self.before, self.job.data = rows, self.window.data
        self.job.progress = Progress(rows=rows - self.before, steps=rows // self.job.batch_size, cost=cost, finite=True,
                                     profile=NULL)
        self.job.descent.rates = NULL
        if isinstance(rates, np.ndarray):
            each = rates
            self.job.descent.rates = <double*>each.data
        else:
            self.job.descent.rate = rates
        if open_profiles or self.recorder is not None:
            self.take_profile(X)

    cdef take_profile(self, X):
        """Tables for every thread of this run, if this thread has a profile open now."""
        cdef Py_ssize_t i
        cdef Recorder of_thread
        cdef Region region
        self.recorder, self.regions = current(), []
        for i in range(self.plan.shares):
            self.tables[i] = NULL
            if self.recorder is not None:
                of_thread = self.recorder if i == 0 else self.recorder.child(i - 1)
                region = of_thread.region(self, "fit", self.plan.path, self.net, self.single, self.job.batch_size)
                region.density = (<Compressed>X).density if isinstance(X, Compressed) else 1.0
                region.calls += 1
                self.tables[i] = &region.table
                self.regions.append(region)

    def go_on(self, Py_ssize_t steps):
        """At most `steps` more steps; whether the pass goes on after them.

        Ctrl-C raises KeyboardInterrupt between two batches, with the parameters as they are then.
        """
        cdef Py_ssize_t m = len(self.read[0]), until = m, done = self.before + self.job.progress.rows
        if steps <= (until - done - 1) // self.job.batch_size:      # the last batch may be shorter
            until = done + steps * self.job.batch_size
        if self.recorder is not None:
            self.recorder.enter_span("epochs")
        try:
            if self.single:
                self.go_on_typed[float](until)
            else:
                self.go_on_typed[double](until)
        finally:
            if self.recorder is not None:
                self.leave_profile()
        return bool(self.job.progress.finite) and self.before + self.job.progress.rows < m

    cdef leave_profile(self):
        cdef Region region
        if self.window is not None and self.window.seen:
            for region in self.regions:
                region.density = <double>self.window.kept / self.window.seen
        region = self.regions[0]
        self.recorder.passed(region)
        region.before = region.table.inside
        self.recorder.exit_span()

    def progress(self):
        """(cost summed so far, rows seen, whether every cost was finite) of the pass.

        Not finite: that was the cost of the last batch seen.
        """
        return self.job.progress.cost, self.before + self.job.progress.rows, bool(self.job.progress.finite)

    def epoch(self, X, Y not None, order, rates, cnp.ndarray weight=None):
        """A whole pass; returns its `progress`."""
        self.start_epoch(X, Y, order, rates, weight)
        self.go_on(len(X))
        return self.progress()

    cdef move_window(self):
        """Put the next samples before the kernels, where those that they had are used up."""
        if self.window is None or self.job.progress.rows < self.job.data.m:
            return
        self.before += self.job.progress.rows
        if self.on_window is not None:
            self.on_window(self.before)
        self.window.move(self.before, min(self.before + self.window.rows, len(self.read[0])))
        self.job.data = self.window.data
        self.job.progress.rows = 0

    cdef look_up(self):
        """Between two stretches: whether to go on."""
        PyErr_CheckSignals()
        if self.halted:
            raise KeyboardInterrupt

    # -- several epochs at once ---------------------------------------------------

    def epochs_at_once(self, X, Y, validation=None):
        """How many epochs `epochs` may take in one call: those between two looks for Ctrl-C; 0: it can't.

        It reads samples where they lie, as the kernels take them; so does it those to validate on, (X, Y).
        """
        cdef Py_ssize_t rows = len(X)
        if self.trainer is None or self.threads or not self.takes_as_it_lies(X, Y):
            return 0
        if validation is not None:
            rows += len(validation[0])
            if (not self.takes_as_it_lies(validation[0], validation[1])
                    or planning.plan_inference(self.sizes, len(validation[0])).path not in ("narrow", "tiles")):
                return 0
        return <Py_ssize_t>(SIGNAL_FLOPS / (6.0 * self.net.n_parameters + ROW_FLOPS)) // rows

    cdef bint takes_as_it_lies(self, X, Y) except -1:
        if isinstance(X, Compressed) and (self.recipe.changes_inputs or not (<Compressed>X).direct):
            return False
        return (isinstance(X, (np.ndarray, Compressed)) and X.dtype == self.parameters.dtype
                and isinstance(Y, np.ndarray) and (Y.ndim == 1 or Y.dtype == self.parameters.dtype))

    def epochs(self, X, cnp.ndarray Y not None, bint ordered, cnp.ndarray rates not None, cnp.ndarray weight,
               Py_ssize_t n_epochs, Py_ssize_t first, key, purpose, validation, cnp.ndarray best not None, *course):
        """Whole passes, at most `epochs_at_once`, as `epoch` after `epoch` takes them; what came of them is `passed`.

        Each is in the order that key, purpose and its number from `first` on decide, or in that of the rows.
        `rates` is float64, (n_epochs,) or (n_epochs, steps of an epoch).  `best` and `course`, the fields of Course, are
        those of fastnet.stopping.Watch.  `validation`: (X, Y) or None.  Ctrl-C raises KeyboardInterrupt after the last of them.
        """
        self.n_passed = 0
        self.costs = np.empty((3, n_epochs))
        if validation is None:
            self.held = None
        elif self.held is None:
            self.held = new_held(self.net, self.parameters, validation[0], validation[1])
        order = np.empty(len(X), np.intp) if ordered else None
        self.read = (X, Y, order, rates, weight)
        self.window, self.before = None, 0
        self.job.data = data_of(X, Y, order, weight)
        self.course = Course(course[0], course[1], course[2], course[3], course[4], course[5])
        if self.single:
            self.epochs_typed[float](n_epochs, first, key, purpose, best)
        else:
            self.epochs_typed[double](n_epochs, first, key, purpose, best)
        self.look_up()

    def passed(self):
        """(cost, validation cost and accuracy of the epochs that came to a finite end; the least cost, the reference, epochs waited)."""
        cdef list costs = self.costs[:, :self.n_passed].tolist()
        if self.held is None:
            costs[1] = []
        if self.held is None or self.held.outputs is None:
            costs[2] = []
        return costs, (self.course.cost, self.course.reference, self.course.waited)

    cdef epochs_typed(self, Py_ssize_t n_epochs, Py_ssize_t first, unsigned long long key, unsigned long long purpose,
                      cnp.ndarray best, real* dummy=NULL):
        cdef cnp.ndarray rates = self.read[3]
        cdef bint rate_a_step = rates.ndim == 2
        cdef real* parameters = <real*>self.parameters.data
        cdef real* kept = <real*>best.data
        cdef const double* rate = <double*>rates.data
        cdef double* costs = <double*>self.costs.data
        self.load[real]()
        with nogil:
            self.n_passed = train_epochs(self.trainer, &self.job.data, &self.job.descent, self.job.batch_size, n_epochs, first,
                                         key, purpose, rate, rate_a_step, &self.course, self.held, parameters, kept, costs,
                                         &self.job.progress)
        self.store[real]()

    # -- what both are made of ------------------------------------------------------

    cdef load(self, real* dummy=NULL):
        """Pack the parameters and what the optimizer remembers, unless they are packed."""
        cdef Py_ssize_t s, stride = self.trainer.packed.stride
        cdef Table* table = self.tables[0]
        if self.packed:
            return
        self.packed = True
        if table != NULL:
            enter(table)
        self.trainer.load[real](<real*>self.parameters.data, 0)
        for s in range(len(self.states)):
            self.trainer.load[real](<real*>(<cnp.ndarray>self.states[s]).data, (2 + s) * stride)
        if table != NULL:
            lap(table, PACK, 0)
            leave(table)

    cdef store(self, real* dummy=NULL):
        cdef Py_ssize_t s, stride = self.trainer.packed.stride
        cdef Table* table = self.tables[0]
        if table != NULL:
            enter(table)
        self.trainer.store[real](<real*>self.parameters.data, 0)
        for s in range(len(self.states)):
            self.trainer.store[real](<real*>(<cnp.ndarray>self.states[s]).data, (2 + s) * stride)
        self.packed = False
        if table != NULL:
            lap(table, UNPACK, 0)
            leave(table)

    cdef go_on_typed(self, Py_ssize_t until, real* dummy=NULL):
        cdef Progress* progress = &self.job.progress
        cdef real* parameters = <real*>self.parameters.data
        if self.trainer is None:
            while self.before + progress.rows < until and progress.finite:
                self.move_window()
                self.job.max_rows = min(self.max_rows, until - self.before - progress.rows)
                self.plain[real](parameters)
                self.look_up()
            return
        self.load[real]()
        try:
            while self.before + progress.rows < until and progress.finite:
                self.move_window()
                self.stretch[real](until - self.before)
                self.look_up()
        finally:
            if not self.in_steps:
                self.store[real]()

    # -- single steps ----------------------------------------------------------

    def step(self, X, Y not None, double rate, cnp.ndarray weight=None):
        """One step on a batch, of at most as many samples as the run was made for; returns its `progress`.

        Parameters and states may stay with the kernels until `settle` is called.
        """
        self.job.batch_size = len(X)
        self.in_steps = True
        try:
            self.start_epoch(X, Y, None, rate, weight)
            self.go_on(1)
        finally:
            self.in_steps = False
        return self.progress()

    def settle(self):
        """Bring parameters and states up to date after single steps."""
        if self.packed and self.single:
            self.store[float]()
        elif self.packed:
            self.store[double]()

    cdef plain(self, real* parameters):
        cdef Buffers buffers = Buffers(rows=self.work.rows, x=self.work.x, z=self.work.z,
                                       a=self.work.a, delta=self.work.delta, chance=NULL)
        cdef Chance chance
        cdef real* nabla = <real*>self.nabla.data if self.nabla is not None else NULL
        cdef real* states[MAX_STATES]
        cdef Job* job = &self.job
        cdef Layout net = self.net[0]
        cdef Py_ssize_t s
        net.profile = self.tables[0]
        if self.drops is not None:
            chance = Chance(seed=job.descent.seed, step=0, first=0, noise=job.descent.noise,
                            keep_inputs=job.descent.keep_inputs, keep=self.drops.keep, drop=self.drops.drop,
                            out=self.drops.out)
            buffers.chance = &chance
        for s in range(len(self.states)):
            states[s] = <real*>(<cnp.ndarray>self.states[s]).data
        with nogil:
            if net.profile != NULL:
                enter(net.profile)
            run_epoch(&net, &job.data, &buffers, job.batch_size, job.max_rows, &job.descent, self.layers,
                      parameters, nabla, states, &job.progress)
            if net.profile != NULL:
                leave(net.profile)

    cdef stretch(self, Py_ssize_t until, real* dummy=NULL):
        """Go on until it is time to look for signals, by the faster way or as a trial of the other."""
        cdef bint together = False
        cdef Py_ssize_t rows = self.job.progress.rows, part = 1
        if self.together is not None:
            together = self.together and bool(self.threads)
        elif self.threads:
            together = self.speed[1] >= self.speed[0]
            self.stretches += 1
            if self.speed[not together] == 0 or self.stretches > self.patience:
                self.patience = TRIED_SOON if self.speed[not together] == 0 else min(TRIED_AGAIN, 2 * self.patience)
                together, part, self.stretches = not together, TRIAL, 0
        self.job.max_rows = max(1, min(self.max_rows // part, until - rows))
        start = time.perf_counter()
        self.run_rows[real](together)
        if self.threads:
            self.speed[together] = (self.job.progress.rows - rows) / (time.perf_counter() - start)

    cdef run_rows(self, bint together, real* dummy=NULL):
        """Run at most max_rows more rows: every thread its share, or this one all of them."""
        cdef Py_ssize_t i, others = len(self.threads) if together else 0
        cdef Progress progress = self.job.progress
        cdef Descent descent = self.job.descent
        cdef size_t mine = 1 if together else self.trainer.packed.shares
        self.trainer.barrier.threads = <unsigned>(others + 1)
        self.trainer.packed.crowded = 0
        progress.profile = self.tables[0]
        for i in range(others):
            PyThread_release_lock(self.locks[i])
        with nogil:
            self.trainer.run[real](&self.job.data, &descent, self.job.batch_size, self.job.max_rows, 0, mine, &progress)
            wait_for_all(&self.trainer.barrier)        # nobody reads the job or the weights any more
        self.job.progress, self.job.descent = progress, descent

    def _work(self, size_t share):
        """What one of the other threads does until the run is closed."""
        cdef Progress progress
        cdef Descent descent
        cdef PyThread_type_lock lock = self.locks[share - 1]
        cdef Job* job = &self.job
        cdef Trainer trainer = self.trainer
        cdef bint single = self.single
        with nogil:
            while True:
                PyThread_acquire_lock(lock, 1)
                if job.done:
                    break
                progress, descent = job.progress, job.descent
                progress.profile = self.tables[share]
                if single:
                    trainer.run[float](&job.data, &descent, job.batch_size, job.max_rows, share, share + 1, &progress)
                else:
                    trainer.run[double](&job.data, &descent, job.batch_size, job.max_rows, share, share + 1, &progress)
                wait_for_all(&trainer.barrier)
