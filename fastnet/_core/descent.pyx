"""The plain engine's way from a gradient to the parameters: clipping, the optimizer's step, bounds on rows.

On flat vectors laid out like the parameters.  Short and readable: the specification of src_c/descent.inc.
"""

from libc.math cimport INFINITY
from libc.string cimport memcpy

from fastnet._core.kernels cimport MAX_STATES, Descent, Update, clip_factor, max_norm, sum_of_squares, update_slice
from fastnet._core.layout cimport Layout
from fastnet._core.types cimport real

cdef enum:
    MASKED = 256               # weights of a layer with held ones that are changed at a time


cdef double squared_norm(const Layout* net, const LayerDescent* layers, const real* nabla) noexcept nogil:
    """|∇C|², over the layers that are trained."""
    cdef Py_ssize_t l
    cdef double total = 0
    for l in range(net.n_layers):
        if not layers[l].held:
            total += sum_of_squares(net.sizes[l + 1] * (net.sizes[l] + 1), nabla + net.w[l])
    return total


cdef void update(
    const Update* step, Py_ssize_t start, Py_ssize_t count, const real* mask,
    real* parameters, const real* nabla, real** states, int n_states,
) noexcept nogil:
    """One step on `count` parameters; where `mask` is 0 they stay."""
    cdef real before[MASKED]
    cdef real* state[MAX_STATES]
    cdef Py_ssize_t i = 0, j, n
    cdef int s
    cdef real* w = parameters + start
    while i < count:
        n = count - i if mask == NULL else min(<Py_ssize_t>MASKED, count - i)
        for s in range(n_states):
            state[s] = states[s] + start + i
        if mask != NULL:
            memcpy(before, w + i, n * sizeof(real))
        update_slice(step, n, nabla + start + i, w + i, state)
        if mask != NULL:
            for j in range(n):
                if mask[i + j] == 0:
                    w[i + j] = before[j]
        i += n


cdef void descend(
    const Layout* net, Descent* descent, const LayerDescent* layers,
    real* parameters, const real* nabla, real** states,
) noexcept nogil:
    """The open step of the optimizer, with everything that the descent asks for around it."""
    cdef Py_ssize_t l, p, n
    cdef Update step = descent.update
    step.scale = 1
    if descent.clip_norm < INFINITY:
        step.scale = clip_factor(squared_norm(net, layers, nabla), descent.clip_norm)
    for l in range(net.n_layers):
        if layers[l].held:
            continue
        p, n = net.sizes[l], net.sizes[l + 1]
        step.l2, step.l1, step.weight_decay = layers[l].l2 * descent.penalty, layers[l].l1 * descent.penalty, descent.update.weight_decay
        update(&step, net.w[l], n * p, <const real*>layers[l].mask, parameters, nabla, states, descent.n_states)
        step.l2 = step.l1 = step.weight_decay = 0
        update(&step, net.b[l], n, <const real*>NULL, parameters, nabla, states, descent.n_states)
        if descent.max_norm < INFINITY:
            max_norm(n, p, p, descent.max_norm, parameters + net.w[l])
