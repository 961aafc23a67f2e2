"""Steps of an optimizer over NumPy vectors, and the description that compiled loops take.

An Updater holds what is constant while a net trains.  What changes from step to step is the
caller's, as plain vectors that a checkpoint can keep: the states, zeros at the start, each as
long as the parameters; and `running` (fastnet_running), three doubles, zeros too.
"""

from libc.math cimport INFINITY

import numpy as np

from fastnet._core.kernels cimport MAX_STATES, Running, Update, begin_step, clip_factor, max_norm, sum_of_squares, update_slice
from fastnet._core.types cimport real
from fastnet._core import kernels
cimport numpy as cnp

cnp.import_array()

RUNNING = 3      # doubles in fastnet_running


cdef class Updater:
    """One optimizer: the name of its kernel, and its constants (fields of fastnet_update)."""

    def __init__(self, str kernel, *, double momentum=0, double beta1=0, double beta2=0, double eps=0,
                 double momentum_decay=0, double eta_minus=0, double eta_plus=0, double step_min=0, double step_max=0,
                 double weight_decay=0, bint eps_hat=False):
        cdef int code = kernels.OPTIMIZERS.index(kernel)
        self.kernel = kernel
        self.n_states = kernels.OPTIMIZER_STATES[code]
        self.update = Update(
            optimizer=code, momentum=momentum, beta1=beta1, beta2=beta2, eps=eps, eps_hat=eps_hat, momentum_decay=momentum_decay,
            eta_minus=eta_minus, eta_plus=eta_plus, step_min=step_min, step_max=step_max, weight_decay=weight_decay,
            scale=1, clip=INFINITY, l2=0, l1=0, rate=0, step_m=0, step_g=0, root=1, cost_grew=False)

    def new_states(self, Py_ssize_t n, dtype):
        """What the optimizer remembers before its first step: a vector of zeros a state."""
        return [np.zeros(n, dtype) for _ in range(self.n_states)]

    @staticmethod
    def new_running():
        """fastnet_running before the first step."""
        return np.zeros(RUNNING)

    def begin(self, cnp.ndarray running not None, double rate, double cost=0):
        """Open the next step, with its learning rate and the cost where the gradient was taken."""
        begin_step(&self.update, <Running*>running.data, rate, cost)

    def apply(self, cnp.ndarray g not None, cnp.ndarray w not None, list states not None, *,
              double scale=1, double clip=INFINITY, double l2=0, double l1=0, bint decay=True):
        """The open step on one slice: C-contiguous, of one dtype and length.  decay: of weights, not of biases."""
        cdef Update update = self.update
        update.scale, update.clip, update.l2, update.l1 = scale, clip, l2, l1
        if not decay:
            update.weight_decay = 0
        if w.dtype == np.float32:
            apply_typed[float](&update, g, w, states)
        else:
            apply_typed[double](&update, g, w, states)


cdef apply_typed(const Update* update, cnp.ndarray g, cnp.ndarray w, list states, real* dummy=NULL):
    cdef real* state[MAX_STATES]
    cdef Py_ssize_t i, n = w.size
    cdef const real* gradient = <const real*>g.data
    cdef real* weights = <real*>w.data
    for i in range(len(states)):
        state[i] = <real*>(<cnp.ndarray>states[i]).data
    with nogil:
        update_slice(update, n, gradient, weights, state)


def gradient_scale(cnp.ndarray g not None, double most):
    """The factor that clips a gradient to norm `most`."""
    return clip_factor(squares(g), most)


def squares(cnp.ndarray x not None):
    """Σ x² of a C-contiguous float32 or float64 array, in double."""
    if x.dtype == np.float32:
        return sum_of_squares(x.size, <const float*>x.data)
    return sum_of_squares(x.size, <const double*>x.data)


def bound_rows(cnp.ndarray w not None, double c):
    """Shorten the rows of weights (n, p) to norm c at most, in place."""
    if w.dtype == np.float32:
        max_norm(w.shape[0], w.shape[1], w.shape[1], c, <float*>w.data)
    else:
        max_norm(w.shape[0], w.shape[1], w.shape[1], c, <double*>w.data)
