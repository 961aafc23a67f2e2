"""BP1: the cost owns the error of the output layer.

δ^L = ∇_a C ⊙ σ'(z^L) for every pair of cost and output activation; src_c/outputs.inc has the
formulas, and the pairs with a simpler exact form.  Costs that are Python functions are called
from here, on whole batches; what they raise ends the pass before any parameter changes.
"""

cimport numpy as cnp
from libc.stdint cimport uintptr_t
from libc.string cimport memcpy

import numpy as np

from fastnet._core.kernels cimport PYTHON_COST, Data, output_cost_kernel, output_delta_kernel
from fastnet._core.layout cimport Cost
from fastnet._core.types cimport real

cnp.import_array()


cdef int set_cost(Cost* cost, object bound) except -1:
    """What fastnet.costs.Bound says, as the kernels take it; whoever calls keeps `bound` alive."""
    cost.kind = bound.kind
    cost.ignore_nan = bound.ignore_nan
    cost.parameter = bound.parameter
    cost.parameters = NULL if bound.parameters is None else (<cnp.ndarray?>bound.parameters).data
    cost.output_weights = NULL if bound.output_weights is None else (<cnp.ndarray?>bound.output_weights).data
    cost.n_targets = bound.n_targets
    cost.function = <void*>bound.python if bound.python is not None else <void*><uintptr_t>bound.function
    cost.context = <void*><uintptr_t>bound.context
    return 0


cdef double output_delta(
    const Cost* cost, int activation, const Data* data, Py_ssize_t start, Py_ssize_t m, Py_ssize_t n,
    const real* z, const real* a, real* delta,
) except? -1 nogil:
    """BP1: δ^L = ∇_a C ⊙ σ'(z^L), a sample a row.  Returns the summed, weighted cost of the m samples."""
    cdef double total = 0
    if cost.kind == PYTHON_COST:
        with gil:
            total = python_cost(cost, data, start, m, n, a, delta)
    return total + output_delta_kernel(cost, activation, data, start, m, n, z, a, delta)


cdef double output_cost(
    const Cost* cost, int activation, const Data* data, Py_ssize_t start, Py_ssize_t m, Py_ssize_t n,
    const real* z, const real* a, real* work,
) except? -1 nogil:
    """The same cost alone."""
    if cost.kind != PYTHON_COST:
        return output_cost_kernel(cost, activation, data, start, m, n, z, a, work)
    with gil:
        return python_cost[real](cost, data, start, m, n, a, NULL)


cdef double python_cost(
    const Cost* cost, const Data* data, Py_ssize_t start, Py_ssize_t m, Py_ssize_t n, const real* a, real* delta,
) except? -1:
    """Call the user's value and, where delta is not NULL, derivative; delta = ∇_a C, weighted.

    Each call gets arrays of its own: what it keeps or changes is no memory of ours, nor of the other call.
    """
    cdef Py_ssize_t i, row, k = cost.n_targets
    cdef const real* y = <const real*>data.y
    cdef object custom = <object>cost.function
    dtype = np.float32 if real is float else np.float64
    cdef cnp.ndarray A = np.empty((m, n), dtype), Y = np.empty((m, k), dtype), weight = None, nabla
    memcpy(A.data, a, m * n * sizeof(real))
    if data.weight != NULL:
        weight = np.empty((m, 1), dtype)
    for i in range(m):
        row = start + i if data.order == NULL else data.order[start + i]
        memcpy(<real*>Y.data + i * k, y + row * k, k * sizeof(real))
        if data.weight != NULL:
            (<real*>weight.data)[i] = (<const real*>data.weight)[row]
    if delta == NULL:
        costs = custom.values(A, Y)
    else:
        costs = custom.values(A.copy(), Y.copy())
        nabla = custom.nabla(A, Y)
        if weight is not None:
            nabla = nabla * weight
        memcpy(delta, nabla.data, m * n * sizeof(real))
    return float(costs.sum() if weight is None else costs @ weight[:, 0].astype(float))
