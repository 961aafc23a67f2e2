# cython: boundscheck=False, wraparound=False, cdivision=True
"""A damped pendulum, learnt and integrated with no Python in either loop."""

from libc.math cimport sin
from libc.stdint cimport uint64_t
from libc.stdlib cimport free, malloc

from fastnet.embed.capi cimport (
    FASTNET_OK, fastnet_error_text, fastnet_eval_f64, fastnet_model, fastnet_model_of,
    fastnet_model_sgd_step_f64, fastnet_model_sgd_step_f64_checked, fastnet_model_workspace_size_f64, fastnet_net,
    fastnet_net_of, fastnet_value_and_jacobian_f64, fastnet_workspace_size_f64,
)

cdef enum:
    BATCH = 32


cdef double acceleration(double angle, double velocity) noexcept nogil:
    return -sin(angle) - 0.1 * velocity


cdef double draw(uint64_t* state) noexcept nogil:
    """A number between -2 and 2."""
    state[0] = state[0] * 6364136223846793005ULL + 1442695040888963407ULL
    return 4.0 * (state[0] >> 11) / (1ULL << 53) - 2.0


def learn(training, double[::1] parameters, Py_ssize_t steps, double rate):
    """Take that many steps on batches of states drawn here; parameters change where they lie.

    Returns the mean cost of the last hundred batches.
    """
    cdef const fastnet_model* model = fastnet_model_of(training)
    cdef double x[BATCH][2]
    cdef double y[BATCH]
    cdef double cost = 0, recent = 0
    cdef uint64_t state = 1
    cdef size_t n_bytes = fastnet_model_workspace_size_f64(model, BATCH)
    cdef void* work = malloc(n_bytes)
    cdef int error = FASTNET_OK
    cdef Py_ssize_t step, i
    if work == NULL:
        raise MemoryError
    with nogil:
        for step in range(steps):
            for i in range(BATCH):
                x[i][0], x[i][1] = draw(&state), draw(&state)
                y[i] = acceleration(x[i][0], x[i][1])
            if step == 0:              # once with everything checked, then at full speed
                error = fastnet_model_sgd_step_f64_checked(
                    model, BATCH, &parameters[0], parameters.shape[0], &x[0][0], BATCH * 2, y, BATCH, rate, &cost, work, n_bytes)
                if error:
                    break
            else:
                fastnet_model_sgd_step_f64(model, BATCH, &parameters[0], &x[0][0], y, rate, &cost, work)
            if step >= steps - 100:
                recent += cost / 100
    free(work)
    if error:
        raise ValueError(fastnet_error_text(error).decode())
    return recent


def swing(frozen, double[::1] state, double h, Py_ssize_t steps):
    """Let the pendulum swing, the frozen net being its acceleration: state = (angle, velocity) is replaced.

    The linearly implicit Euler rule with one extrapolation: (1 - h J) k = f, J from the Jacobian of the net.
    """
    cdef const fastnet_net* net = fastnet_net_of(frozen)
    cdef void* work = malloc(fastnet_workspace_size_f64(net, 1))
    cdef double whole[2]
    cdef double half[2]
    cdef Py_ssize_t i
    if work == NULL:
        raise MemoryError
    with nogil:
        for i in range(steps):
            whole[0], whole[1] = half[0], half[1] = state[0], state[1]
            implicit_step(net, whole, h, work)
            implicit_step(net, half, h / 2, work)
            implicit_step(net, half, h / 2, work)
            state[0], state[1] = 2 * half[0] - whole[0], 2 * half[1] - whole[1]
    free(work)


cdef void implicit_step(const fastnet_net* net, double* state, double h, void* work) noexcept nogil:
    """state += h k, where (1 - h J) k = (velocity, acceleration), J = [[0, 1], [a_angle, a_velocity]]."""
    cdef double a, k
    cdef double jacobian[2]
    fastnet_value_and_jacobian_f64(net, 1, state, &a, jacobian, work)
    k = (a + h * jacobian[0] * state[1]) / (1 - h * jacobian[1] - h * h * jacobian[0])
    state[0] += h * (state[1] + h * k)
    state[1] += h * k


def calls(frozen, double[::1] x, double[::1] y, Py_ssize_t n):
    """Call the frozen net n times on one sample: what a call costs."""
    cdef const fastnet_net* net = fastnet_net_of(frozen)
    cdef void* work = malloc(fastnet_workspace_size_f64(net, 1))
    cdef Py_ssize_t i
    if work == NULL:
        raise MemoryError
    with nogil:
        for i in range(n):
            fastnet_eval_f64(net, 1, &x[0], &y[0], work)
    free(work)
