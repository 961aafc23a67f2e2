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
    ACROSS_BYTES, ACROSS_ROWS, BACKWARD_ACROSS, BACKWARD_DIRECT, BACKWARD_DOTS, BACKWARD_NONE, BACKWARD_TRANSPOSED,
    INPUTS_IN_LANES, OUTPUTS_IN_LANES,
    Data, Descent, Progress, TrainerLayer, TrainerNet, cost_needs_z, minibatch_epoch,
    online_epoch, pack_by, padded_by, reads_z, table, unpack_by,
)
from fastnet._core.layout cimport ALIGNMENT, Layout, aligned, stride_for, take
from fastnet._core.types cimport real

cnp.import_array()

BACKWARD = {None: BACKWARD_NONE, "tiles": BACKWARD_DIRECT, "transposed tiles": BACKWARD_TRANSPOSED, "dots": BACKWARD_DOTS,
            "samples in lanes": BACKWARD_ACROSS, "fused rows": BACKWARD_NONE}
LANES = {"outputs": OUTPUTS_IN_LANES, "inputs": INPUTS_IN_LANES}
POISON = False                  # for tests: whatever a step must write before it reads starts as NaN


cdef struct Block:              # lanes first ... first + lanes of a layer, as pack and unpack take them
    Py_ssize_t first, lanes, depth, lane_stride, depth_stride


cdef class Trainer:
    """Packed parameters and buffers for a block of samples at a time; freed with the object."""

    def __dealloc__(self):
        PyMem_RawFree(self.tables)
        PyMem_RawFree(self.memory)

    cdef carve(self, plan, recipe, real* dummy=NULL):
        """Measure with an empty base, allocate, and carve again for good."""
        cdef Py_ssize_t l, L = self.net.n_layers, rows = plan.rows, shares = plan.shares
        cdef Py_ssize_t pointers = rows * (shares + (shares + 1) * L)
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
            self.describe(l, plan, recipe, padded_by[real](self.kernels, 1))
        cdef Py_ssize_t n_bytes = place[real](self, NULL)
        self.memory = PyMem_RawCalloc(n_bytes + ALIGNMENT, 1)
        if self.memory == NULL:
            raise MemoryError(f"no memory to train: {n_bytes} bytes of packed weights and work space")
        place[real](self, <char*>aligned(<uintptr_t>self.memory))
        self.mask_weights[real](recipe.masks)
        if POISON and not self.online:
            self.poison(sizeof(real))

    cdef poison(self, Py_ssize_t size):
        """NaN in z, a, delta, transposed weights, the room of BP2 and gradients."""
        cdef Py_ssize_t l, rows = self.packed.rows, shares = self.packed.shares
        cdef TrainerLayer* layer
        cdef size_t weights
        memset(self.packed.room, 0xff, shares * self.packed.room_size * size)
        for l in range(self.net.n_layers):
            layer = self.packed.layer + l
            weights = packed_weights[float](self.kernels, layer) if size == 4 else packed_weights[double](self.kernels, layer)
            memset(layer.z, 0xff, shares * rows * layer.ld * size)
            memset(layer.a, 0xff, rows * layer.ld * size)
            memset(layer.delta, 0xff, (shares if layer.by_outputs else 1) * rows * layer.ld * size)
            if layer.transposed != NULL:
                memset(layer.transposed, 0xff, layer.p * layer.n * size)
            if layer.nabla_w != NULL:
                memset(layer.nabla_w, 0xff, weights * size)
                memset(layer.nabla_b, 0xff, layer.n * size)

    cdef describe(self, Py_ssize_t l, plan, recipe, Py_ssize_t lanes):
        """What the plan says of one layer, and its tables."""
        cdef TrainerLayer* layer = self.packed.layer + l
        cdef Py_ssize_t rows = self.packed.rows, shares = self.packed.shares, share
        cdef const void** row = self.packed.x + shares * rows
        cdef size_t* first = <size_t*>(row + (shares + 1) * self.packed.n_layers * rows) + l * (shares + 1)
        layer.p, layer.n = self.net.sizes[l], self.net.sizes[l + 1]
        layer.activation = self.net.activation[l]
        layer.lanes = LANES[plan.layers[l].lanes]
        layer.backward = BACKWARD[plan.layers[l].backward]
        layer.by_outputs = l == 0 and plan.by_outputs
        layer.held = recipe.held[l]
        layer.l2, layer.l1, layer.keep = recipe.l2[l], recipe.l1[l], recipe.keep[l]
        layer.out_row = row + l * (shares + 1) * rows
        layer.delta_row = layer.out_row + shares * rows
        layer.first = first
        bounds = planning.bounds(self.net.sizes[l], self.net.sizes[l + 1], l, layer.by_outputs, shares, lanes)
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
                pack_layer[real](self.kernels, self.packed.shares, layer, <const real*>mask.data, <real*>layer.mask)

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
                pack_layer[real](self.kernels, self.packed.shares, layer, w, <real*>layer.w + offset)
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
            else:
                unpack_layer[real](self.kernels, self.packed.shares, layer, <real*>layer.w + offset, w)
            memcpy(parameters + self.net.b[l], <real*>layer.b + offset, n * sizeof(real))

    cdef void run(self, const Data* data, Descent* descent, Py_ssize_t batch_size, Py_ssize_t max_rows,
                  size_t first_share, size_t end_share, Progress* progress, real* dummy=NULL) noexcept nogil:
        """Train some shares on rows from progress.rows on, at most about max_rows of them."""
        if self.online:
            online_epoch[real](self.kernels, &self.packed, data, descent, max_rows, progress)
        else:
            minibatch_epoch[real](self.kernels, &self.packed, data, descent, batch_size, max_rows, first_share, end_share, progress)


cdef void pack_layer(const void* kernels, Py_ssize_t shares, const TrainerLayer* layer, const real* w, real* packed) noexcept nogil:
    cdef Py_ssize_t share
    cdef Block at
    for share in range(shares):
        at = block_of(layer, share)
        if at.lanes > 0:
            pack_by[real](kernels, at.lanes, at.depth, w + at.first * at.lane_stride, at.lane_stride, at.depth_stride,
                          packed + at.first * at.depth)


cdef void unpack_layer(const void* kernels, Py_ssize_t shares, const TrainerLayer* layer, const real* packed, real* w) noexcept nogil:
    cdef Py_ssize_t share
    cdef Block at
    for share in range(shares):
        at = block_of(layer, share)
        if at.lanes > 0:
            unpack_by[real](kernels, at.lanes, at.depth, packed + at.first * at.depth, at.lane_stride, at.depth_stride,
                            w + at.first * at.lane_stride)


cdef Block block_of(const TrainerLayer* layer, Py_ssize_t share) noexcept nogil:
    """The lanes that a share's own panels hold; where the depth is divided, those of the first share hold all."""
    cdef Block at
    cdef Py_ssize_t end = layer.first[share + 1]
    at.first = layer.first[share]
    if layer.lanes == INPUTS_IN_LANES:
        at.depth, at.lane_stride, at.depth_stride = layer.n, 1, layer.p
        at.lanes = min(end, <Py_ssize_t>layer.p) - at.first
    else:
        at.depth, at.lane_stride, at.depth_stride = layer.p, layer.p, 1
        if not layer.by_outputs:
            at.first, end = 0, layer.n if share == 0 else 0
        at.lanes = min(end, <Py_ssize_t>layer.n) - at.first
    return at


cdef Py_ssize_t place(Trainer trainer, char* base, real* dummy=NULL):
    """Point every buffer into memory from `base` on; returns the bytes that takes.

    Parameters come first, all layers in a row; then, each laid out the same, the gradient and the
    optimizer's states.
    """
    cdef TrainerNet* net = &trainer.packed
    cdef const void* kernels = trainer.kernels
    cdef Py_ssize_t l, i, share, part, weights, used = 0, widest = 0, across = 0, outputs = 0, L = net.n_layers
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
        layer.delta = take(base, &used, (shares if layer.by_outputs else 1) * rows * layer.ld * size)
        part = rows * layer.ld if layer.out == layer.z else 0       # from one share's activations to the next one's
        for i in range(rows):
            layer.delta_row[i] = <real*>layer.delta + i * layer.ld
            for share in range(shares):
                layer.out_row[share * rows + i] = <real*>layer.out + share * part + i * layer.ld
        widest = max(widest, <Py_ssize_t>padded_by[real](kernels, layer.n))
        if layer.backward == BACKWARD_ACROSS:
            across = max(across, <Py_ssize_t>padded_by[real](kernels, layer.n) + ACROSS_BYTES // size)
        outputs += layer.n
    net.share_sum = <double*>take(base, &used, shares * 8 * sizeof(double))
    net.zeros = take(base, &used, widest * size)
    net.room_size = padded_by[real](kernels, min(rows, <Py_ssize_t>ACROSS_ROWS)) * across
    net.room = take(base, &used, shares * net.room_size * size)
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
