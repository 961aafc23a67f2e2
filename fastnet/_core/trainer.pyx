"""A net packed for the fast training paths: parameters in, an epoch in src_c/, parameters out.

Layouts are those of src_c/packing.inc (panels) and src_c/online.inc (padded rows).
"""

cimport numpy as cnp
from cpython.mem cimport PyMem_RawCalloc, PyMem_RawFree
from libc.math cimport INFINITY
from libc.stdint cimport uintptr_t
from libc.string cimport memcpy, memset

from fastnet._core import plan as planning

from fastnet._core.kernels cimport (
    BACKWARD_DIRECT, BACKWARD_DOTS, BACKWARD_NONE, BACKWARD_TRANSPOSED, INPUTS_IN_LANES, OUTPUTS_IN_LANES,
    Data, Descent, Progress, TrainerLayer, TrainerNet, cost_needs_z, minibatch_epoch,
    online_epoch, pack_by, padded_by, reads_z, table, unpack_by,
)
from fastnet._core.layout cimport ALIGNMENT, Layout, aligned, stride_for, take
from fastnet._core.types cimport real

cnp.import_array()

BACKWARD = {None: BACKWARD_NONE, "tiles": BACKWARD_DIRECT, "transposed tiles": BACKWARD_TRANSPOSED, "dots": BACKWARD_DOTS,
            "fused rows": BACKWARD_NONE}
LANES = {"outputs": OUTPUTS_IN_LANES, "inputs": INPUTS_IN_LANES}
POISON = False                  # for tests: whatever a step must write before it reads starts as NaN


cdef class Trainer:
    """Packed parameters and buffers for a block of samples at a time; freed with the object."""

    def __dealloc__(self):
        PyMem_RawFree(self.tables)
        PyMem_RawFree(self.memory)

    cdef carve(self, plan, recipe, real* dummy=NULL):
        """Measure with an empty base, allocate, and carve again for good."""
        cdef Py_ssize_t l, L = self.net.n_layers, rows = plan.rows, shares = plan.shares
        cdef Py_ssize_t pointers = rows * (shares + 2 * L)
        cdef char* base = NULL
        self.tables = PyMem_RawCalloc(L * sizeof(TrainerLayer) + pointers * sizeof(void*)
                                      + L * (shares + 1) * sizeof(size_t), 1)
        if self.tables == NULL:
            raise MemoryError("no memory to train")
        self.barrier.threads = 1
        self.packed.n_layers = L
        self.packed.rows = rows
        self.packed.shares = shares
        self.packed.cost = &self.net.cost
        self.packed.barrier = &self.barrier
        self.packed.layer = <TrainerLayer*>self.tables
        self.packed.x = <const void**>(self.packed.layer + L)
        for l in range(L):
            self.describe(l, plan.layers[l], recipe, padded_by[real](self.kernels, 1), padded_by[real](self.kernels, self.net.sizes[l]))
        cdef Py_ssize_t n_bytes = place[real](self, NULL)
        self.memory = PyMem_RawCalloc(n_bytes + ALIGNMENT, 1)
        if self.memory == NULL:
            raise MemoryError(f"no memory to train: {n_bytes} bytes of packed weights and work space")
        place[real](self, <char*>aligned(<uintptr_t>self.memory))
        self.mask_weights[real](recipe.masks)
        if POISON and not self.online:
            self.poison(sizeof(real))

    cdef poison(self, Py_ssize_t size):
        """NaN in z, a, delta, transposed weights and gradients."""
        cdef Py_ssize_t l, rows = self.packed.rows, shares = self.packed.shares
        cdef TrainerLayer* layer
        cdef size_t weights
        for l in range(self.net.n_layers):
            layer = self.packed.layer + l
            weights = packed_weights[float](self.kernels, layer) if size == 4 else packed_weights[double](self.kernels, layer)
            memset(layer.z, 0xff, shares * rows * layer.ld * size)
            memset(layer.a, 0xff, rows * layer.ld * size)
            memset(layer.delta, 0xff, rows * layer.ld * size)
            if layer.transposed != NULL:
                memset(layer.transposed, 0xff, layer.p * layer.n * size)
            if layer.nabla_w != NULL:
                memset(layer.nabla_w, 0xff, weights * size)
                memset(layer.nabla_b, 0xff, layer.n * size)

    cdef describe(self, Py_ssize_t l, layer_plan, recipe, Py_ssize_t lanes, Py_ssize_t p_padded):
        """What the plan says of one layer, and its tables."""
        cdef TrainerLayer* layer = self.packed.layer + l
        cdef Py_ssize_t rows = self.packed.rows, shares = self.packed.shares, share
        cdef const void** row = self.packed.x + shares * rows
        cdef size_t* first = <size_t*>(row + 2 * self.packed.n_layers * rows) + l * (shares + 1)
        layer.p, layer.n = self.net.sizes[l], self.net.sizes[l + 1]
        layer.activation = self.net.activation[l]
        layer.lanes = LANES[layer_plan.lanes]
        layer.backward = BACKWARD[layer_plan.backward]
        layer.held = recipe.held[l]
        layer.l2, layer.l1, layer.keep = recipe.l2[l], recipe.l1[l], recipe.keep[l]
        layer.out_row = row + 2 * l * rows
        layer.delta_row = layer.out_row + rows
        layer.first = first
        bounds = planning.split(p_padded, shares, 2 * lanes) if l else planning.split(layer.p, shares, 1)
        for share in range(shares + 1):
            first[share] = bounds[share]

    cdef mask_weights(self, tuple masks, real* dummy=NULL):
        """Pack the masks of the layers that have one; the others hold nothing."""
        cdef Py_ssize_t l
        cdef TrainerLayer* layer
        cdef cnp.ndarray mask
        for l in range(self.net.n_layers):
            layer = self.packed.layer + l
            if masks[l] is None:
                layer.mask = NULL
            elif layer.mask != NULL:
                mask = masks[l]
                pack_layer[real](self.kernels, layer, <const real*>mask.data, <real*>layer.mask)

    cdef void load(self, const real* parameters, Py_ssize_t offset) noexcept nogil:
        """Pack a flat vector laid out like the parameters, `offset` values behind them."""
        cdef Py_ssize_t l, j, p, n
        cdef TrainerLayer* layer
        cdef const real* w
        for l in range(self.net.n_layers):
            layer = self.packed.layer + l
            p, n = layer.p, layer.n
            w = parameters + self.net.w[l]
            if self.online and l > 0:
                for j in range(n):
                    memcpy(<real*>layer.w + j * padded_by[real](self.kernels, p), w + j * p, p * sizeof(real))
            else:
                pack_layer[real](self.kernels, layer, w, <real*>layer.w + offset)
            memcpy(<real*>layer.b + offset, parameters + self.net.b[l], n * sizeof(real))

    cdef void store(self, real* parameters, Py_ssize_t offset) noexcept nogil:
        """Unpack into a flat vector laid out like the parameters, from `offset` values behind them."""
        cdef Py_ssize_t l, j, p, n
        cdef TrainerLayer* layer
        cdef real* w
        for l in range(self.net.n_layers):
            layer = self.packed.layer + l
            p, n = layer.p, layer.n
            w = parameters + self.net.w[l]
            if self.online and l > 0:
                for j in range(n):
                    memcpy(w + j * p, <real*>layer.w + j * padded_by[real](self.kernels, p), p * sizeof(real))
            elif layer.lanes == INPUTS_IN_LANES:
                unpack_by[real](self.kernels, p, n, <real*>layer.w + offset, 1, p, w)
            else:
                unpack_by[real](self.kernels, n, p, <real*>layer.w + offset, p, 1, w)
            memcpy(parameters + self.net.b[l], <real*>layer.b + offset, n * sizeof(real))

    cdef void run(self, const Data* data, Descent* descent, Py_ssize_t batch_size, Py_ssize_t max_rows,
                  size_t first_share, size_t end_share, Progress* progress, real* dummy=NULL) noexcept nogil:
        """Train some shares on rows from progress.rows on, at most about max_rows of them."""
        if self.online:
            online_epoch[real](self.kernels, &self.packed, data, descent, max_rows, progress)
        else:
            minibatch_epoch[real](self.kernels, &self.packed, data, descent, batch_size, max_rows, first_share, end_share, progress)


cdef void pack_layer(const void* kernels, const TrainerLayer* layer, const real* w, real* packed) noexcept nogil:
    if layer.lanes == INPUTS_IN_LANES:
        pack_by[real](kernels, layer.p, layer.n, w, 1, layer.p, packed)
    else:
        pack_by[real](kernels, layer.n, layer.p, w, layer.p, 1, packed)


cdef Py_ssize_t place(Trainer trainer, char* base, real* dummy=NULL):
    """Point every buffer into memory from `base` on; returns the bytes that takes.

    Parameters come first, all layers in a row; then, each laid out the same, the gradient and the
    optimizer's states.
    """
    cdef TrainerNet* net = &trainer.packed
    cdef const void* kernels = trainer.kernels
    cdef Py_ssize_t l, i, weights, used = 0, widest = 0, outputs = 0, L = net.n_layers
    cdef bint keeps_z
    cdef Py_ssize_t size = sizeof(real), rows = net.rows, shares = net.shares
    cdef TrainerLayer* layer
    for l in range(L):
        layer = net.layer + l
        weights = packed_weights[real](kernels, layer)
        layer.w = take(base, &used, weights * size)
        layer.b = take(base, &used, padded_by[real](kernels, layer.n) * size)
    net.stride = used // size
    if trainer.gradient:
        take(base, &used, (1 + trainer.n_states) * used)
    for l in range(L):
        layer = net.layer + l
        layer.nabla_w = <real*>layer.w + net.stride if trainer.gradient else NULL
        layer.nabla_b = <real*>layer.b + net.stride if trainer.gradient else NULL
        if trainer.masked:
            layer.mask = take(base, &used, packed_weights[real](kernels, layer) * size)
        if layer.backward == BACKWARD_TRANSPOSED:
            layer.transposed = take(base, &used, padded_by[real](kernels, layer.p) * layer.n * size)
        layer.ld = stride_for(padded_by[real](kernels, layer.n), size) if rows > 1 else padded_by[real](kernels, layer.n)
        layer.z = take(base, &used, shares * rows * layer.ld * size)
        keeps_z = reads_z(layer.activation) or (l == L - 1 and cost_needs_z(net.cost.kind, layer.activation))
        layer.a = take(base, &used, rows * layer.ld * size) if keeps_z else layer.z
        layer.out = layer.a
        if layer.keep < 1:
            layer.drop = take(base, &used, rows * layer.n * size)
            layer.out = take(base, &used, rows * layer.ld * size)
        layer.delta = take(base, &used, rows * layer.ld * size)
        for i in range(rows):
            layer.out_row[i] = <real*>layer.out + i * layer.ld
            layer.delta_row[i] = <real*>layer.delta + i * layer.ld
        widest = max(widest, <Py_ssize_t>padded_by[real](kernels, layer.n))
        outputs += layer.n
    net.share_sum = <double*>take(base, &used, shares * 8 * sizeof(double))
    net.zeros = take(base, &used, widest * size)
    net.changed_x = take(base, &used, rows * net.layer.p * size) if trainer.changes_inputs else NULL
    net.row_sum_ld = outputs
    net.row_sum = <double*>take(base, &used, shares * outputs * sizeof(double)) if trainer.bounded else NULL
    return used


cdef Py_ssize_t packed_weights(const void* kernels, const TrainerLayer* layer, real* dummy=NULL) noexcept nogil:
    """Values that a layer's weights take: online rows and panels of inputs in lanes take the same."""
    if layer.lanes == INPUTS_IN_LANES:
        return layer.n * padded_by[real](kernels, layer.p)
    return padded_by[real](kernels, layer.n) * layer.p


cdef Trainer new_trainer(const Layout* net, bint single, plan, recipe, bint several_blocks):
    cdef Trainer trainer = Trainer.__new__(Trainer)
    trainer.net = net
    trainer.online = plan.path == "online"
    trainer.gradient = several_blocks or not recipe.in_place
    trainer.n_states = recipe.updater.n_states
    trainer.changes_inputs = recipe.changes_inputs
    trainer.masked = any(mask is not None for mask in recipe.masks)
    trainer.bounded = recipe.max_norm < INFINITY
    trainer.kernels = table[float](plan.half) if single else table[double](plan.half)
    if single:
        trainer.carve[float](plan, recipe)
    else:
        trainer.carve[double](plan, recipe)
    return trainer
