"""Whole passes over a data set: gathering batches, gradients in blocks, gradient descent.

Rows are never moved in the data set: an order array is shuffled and each batch gathers its
rows; targets and weights are read where they lie.  A batch larger than the work space is taken in
blocks whose gradients add up, so the memory needed does not grow with the batch.
"""

from libc.math cimport INFINITY, isfinite
from libc.stdint cimport uint64_t
from libc.string cimport memcpy, memset

from fastnet._core.backprop cimport Chance, backpropagate, draw_of, feedforward
from fastnet._core.costs cimport output_cost
from fastnet._core.descent cimport LayerDescent, descend
from fastnet._core.kernels cimport Data, Descent, Progress, add_noise, begin_step, dropout_mask
from fastnet._core.laps cimport COST, GATHER, STEP, UPDATE, mark, step_begins
from fastnet._core.layout cimport Layout
from fastnet._core.types cimport real
from fastnet._core.users cimport raise_pending

cdef enum:
    MASKED = 256               # inputs that are dropped or kept at a time


cdef const real* inputs(
    const Layout* net, const Data* data, Buffers* work, Py_ssize_t start, Py_ssize_t m, real* dummy=NULL,
) noexcept nogil:
    """Rows start ... start + m of X in the chosen order: gathered, or in place where they are contiguous."""
    cdef Py_ssize_t i, q, row, p = net.sizes[0]
    cdef const real* x = <const real*>data.x
    cdef real* out = <real*>work.x
    if data.starts != NULL:
        memset(out, 0, m * p * sizeof(real))
        for i in range(m):
            row = start + i if data.order == NULL else data.order[start + i]
            for q in range(data.starts[row], data.starts[row + 1]):
                out[i * p + data.columns[q]] = x[q]
        return out
    if work.chance == NULL and data.order == NULL:
        return x + start * p
    if work.chance == NULL and m == 1:
        return x + data.order[start] * p
    for i in range(m):
        row = start + i if data.order == NULL else data.order[start + i]
        memcpy(out + i * p, x + row * p, p * sizeof(real))
    if work.chance != NULL:
        change_inputs(net, work.chance, m, out)
    return out


cdef void change_inputs(const Layout* net, const Chance* chance, Py_ssize_t m, real* x) noexcept nogil:
    """Dropout of inputs, then noise.  Value (i, k) of a batch is value i p + k of either draw."""
    cdef real drop[MASKED]
    cdef Py_ssize_t i = 0, j, count, p = net.sizes[0], first = chance.first * p
    while i < m * p and chance.keep_inputs < 1:
        count = min(m * p - i, <Py_ssize_t>MASKED)
        dropout_mask(count, first + i, chance.keep_inputs, chance.seed, draw_of(net, chance, 0), drop)
        for j in range(count):
            x[i + j] *= drop[j]
        i += count
    if chance.noise > 0:
        add_noise(m * p, first, chance.noise, chance.seed, draw_of(net, chance, net.n_layers + 1), <const real*>x, x)


cdef double total_cost(
    const Layout* net, const Data* data, Buffers* work, const real* parameters,
) except? -1 nogil:
    """Σ_x C_x over all rows, in blocks."""
    cdef Py_ssize_t start = 0, m, last = net.n_layers - 1
    cdef const real* x
    cdef double cost = 0
    while start < data.m:
        m = min(work.rows, data.m - start)
        if net.profile != NULL:
            step_begins(net.profile, m)
        x = inputs[real](net, data, work, start, m)
        mark(net.profile, GATHER, 0)
        feedforward(net, m, parameters, x, <real**>work.z, <real**>work.a)
        raise_pending(net)
        cost += output_cost(&net.cost, net.activation[last], data, start, m, net.sizes[last + 1],
                            <const real*>work.z[last], <const real*>work.a[last], <real*>work.delta[last])
        mark(net.profile, COST, last)
        start += m
    return cost


cdef double add_gradient(
    const Layout* net, const Data* data, Buffers* work, Py_ssize_t start, Py_ssize_t stop,
    const real* parameters, real alpha, real* target,
) except? -1 nogil:
    """target += alpha Σ_x ∇C_x over rows start ... stop, a batch, in blocks.  Returns Σ_x C_x."""
    cdef Py_ssize_t m, first = start
    cdef const real* x
    cdef double cost = 0
    while start < stop:
        m = min(work.rows, stop - start)
        if work.chance != NULL:
            work.chance.first = start - first
        x = inputs[real](net, data, work, start, m)
        mark(net.profile, GATHER, 0)
        cost += backpropagate(
            net, data, start, m, parameters, x, <real**>work.z, <real**>work.a, <real**>work.delta, work.chance, alpha, <real>1, target)
        start += m
    return cost


cdef double count_of(const Data* data, Py_ssize_t start, Py_ssize_t stop, real* dummy=NULL) noexcept nogil:
    """What rows start ... stop count: as many as there are, or the sum of their weights; infinity for 0."""
    cdef Py_ssize_t i
    cdef double total = 0
    if data.weight == NULL:
        return stop - start
    for i in range(start, stop):
        total += (<const real*>data.weight)[i if data.order == NULL else data.order[i]]
    return total if total != 0 else INFINITY


cdef double step(
    const Layout* net, const Data* data, Buffers* work, Py_ssize_t start, Py_ssize_t stop, double rate,
    Descent* descent, const LayerDescent* layers, real* parameters, real* nabla, real** states,
) except? -1 nogil:
    """One step on one batch: its mean gradient, then the descent.  Returns m times its mean cost."""
    cdef Py_ssize_t m = stop - start
    cdef double cost, count = count_of[real](data, start, stop) if descent.by_batch else <double>m
    if work.chance != NULL:
        work.chance.step = <uint64_t>descent.running.steps
    memset(nabla, 0, net.n_parameters * sizeof(real))
    cost = add_gradient(net, data, work, start, stop, parameters, <real>(1.0 / count), nabla)
    begin_step(&descent.update, &descent.running, rate, cost / count)
    descent.penalty = 1 / count if descent.by_batch else 1
    descend(net, descent, layers, parameters, nabla, states)
    mark(net.profile, UPDATE, 0)
    return cost * (m / count)


cdef int run_epoch(
    const Layout* net, const Data* data, Buffers* work,
    Py_ssize_t batch_size, Py_ssize_t max_rows, Descent* descent, const LayerDescent* layers,
    real* parameters, real* nabla, real** states, Progress* progress,
) except -1 nogil:
    """Batch after batch from progress.rows on, until the epoch ends, a cost is not finite, or
    max_rows samples have passed (the caller then looks for Ctrl-C and calls again).  What a Python cost or
    activation raises comes out of here: progress, parameters and states are then those of the last finished batch.

    Plain gradient descent on a batch of one block changes the parameters as its products finish,
    with no gradient array; everything else needs the whole gradient first.
    """
    cdef Py_ssize_t start, stop, until = progress.rows + max_rows
    cdef double cost, rate
    while progress.rows < data.m and progress.rows < until and progress.finite:
        start, stop = progress.rows, min(progress.rows + batch_size, data.m)
        rate = descent.rate if descent.rates == NULL else descent.rates[progress.steps]
        if net.profile != NULL:
            step_begins(net.profile, stop - start)
        if nabla == NULL:
            cost = add_gradient(net, data, work, start, stop, parameters, <real>(-rate / (stop - start)), parameters)
            descent.running.steps += 1
        else:
            cost = step(net, data, work, start, stop, rate, descent, layers, parameters, nabla, states)
        progress.cost += cost
        progress.finite = isfinite(cost)
        progress.steps += 1
        progress.rows = stop
        mark(net.profile, STEP, 0)
    return 0


cdef inline uint64_t splitmix64(uint64_t* state) noexcept nogil:
    """G. Steele, D. Lea, C. Flood, Fast splittable pseudorandom number generators, 2014."""
    cdef uint64_t z
    state[0] += <uint64_t>0x9e3779b97f4a7c15
    z = state[0]
    z = (z ^ (z >> 30)) * <uint64_t>0xbf58476d1ce4e5b9
    z = (z ^ (z >> 27)) * <uint64_t>0x94d049bb133111eb
    return z ^ (z >> 31)


cdef void shuffle(Py_ssize_t m, Py_ssize_t* order, unsigned long long seed) noexcept nogil:
    """Fisher-Yates with splitmix64 started at `seed`: the same order on every machine.

    An index below n is (u · n) >> 32 for a 32-bit u (64-bit u above 2^32 rows, by remainder):
    its bias is below n / 2^32.
    """
    cdef uint64_t state = seed, u
    cdef Py_ssize_t i, j, row
    for i in range(m - 1, 0, -1):
        u = splitmix64(&state)
        j = <Py_ssize_t>(((u >> 32) * <uint64_t>(i + 1)) >> 32) if i < 0x7fffffff else <Py_ssize_t>(u % <uint64_t>(i + 1))
        row = order[i]
        order[i] = order[j]
        order[j] = row
