"""A net packed for the fast training paths: parameters in, an epoch in src_c/, parameters out.

Layouts are those of src_c/packing.inc (panels) and src_c/online.inc (padded rows).
"""

from cpython.mem cimport PyMem_RawCalloc, PyMem_RawFree
from libc.stdint cimport uintptr_t
from libc.string cimport memcpy

from fastnet._core import plan as planning

from fastnet._core.kernels cimport (
    BACKWARD_DIRECT, BACKWARD_DOTS, BACKWARD_NONE, BACKWARD_TRANSPOSED, INPUTS_IN_LANES, OUTPUTS_IN_LANES,
    Data, Progress, TrainerLayer, TrainerNet, minibatch_epoch, online_epoch, pack, padded, unpack,
)
from fastnet._core.layout cimport ALIGNMENT, Layout, aligned, stride_for, take
from fastnet._core.types cimport real

BACKWARD = {None: BACKWARD_NONE, "tiles": BACKWARD_DIRECT, "transposed tiles": BACKWARD_TRANSPOSED, "dots": BACKWARD_DOTS,
            "fused rows": BACKWARD_NONE}
LANES = {"outputs": OUTPUTS_IN_LANES, "inputs": INPUTS_IN_LANES}


cdef class Trainer:
    """Packed parameters and buffers for a block of samples at a time; freed with the object."""

    def __dealloc__(self):
        PyMem_RawFree(self.tables)
        PyMem_RawFree(self.memory)

    cdef carve(self, plan, real* dummy=NULL):
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
        self.packed.cost = self.net.cost
        self.packed.barrier = &self.barrier
        self.packed.layer = <TrainerLayer*>self.tables
        self.packed.x = <const void**>(self.packed.layer + L)
        for l in range(L):
            self.describe(l, plan.layers[l], padded[real](1), padded[real](self.net.sizes[l]))
        cdef Py_ssize_t n_bytes = place[real](self, NULL)
        self.memory = PyMem_RawCalloc(n_bytes + ALIGNMENT, 1)
        if self.memory == NULL:
            raise MemoryError(f"no memory to train: {n_bytes} bytes of packed weights and work space")
        place[real](self, <char*>aligned(<uintptr_t>self.memory))

    cdef describe(self, Py_ssize_t l, layer_plan, Py_ssize_t lanes, Py_ssize_t p_padded):
        """What the plan says of one layer, and its tables."""
        cdef TrainerLayer* layer = self.packed.layer + l
        cdef Py_ssize_t rows = self.packed.rows, shares = self.packed.shares, share
        cdef const void** row = self.packed.x + shares * rows
        cdef size_t* first = <size_t*>(row + 2 * self.packed.n_layers * rows) + l * (shares + 1)
        layer.p, layer.n = self.net.sizes[l], self.net.sizes[l + 1]
        layer.activation = self.net.activation[l]
        layer.lanes = LANES[layer_plan.lanes]
        layer.backward = BACKWARD[layer_plan.backward]
        layer.a_row = row + 2 * l * rows
        layer.delta_row = layer.a_row + rows
        layer.first = first
        bounds = planning.split(p_padded, shares, 2 * lanes) if l else planning.split(layer.p, shares, 1)
        for share in range(shares + 1):
            first[share] = bounds[share]

    cdef void load(self, const real* parameters) noexcept nogil:
        """Pack the flat parameter vector."""
        cdef Py_ssize_t l, j, p, n
        cdef TrainerLayer* layer
        cdef const real* w
        for l in range(self.net.n_layers):
            layer = self.packed.layer + l
            p, n = layer.p, layer.n
            w = parameters + self.net.w[l]
            if self.online and l > 0:
                for j in range(n):
                    memcpy(<real*>layer.w + j * padded[real](p), w + j * p, p * sizeof(real))
            elif layer.lanes == INPUTS_IN_LANES:
                pack[real](p, n, w, 1, p, <real*>layer.w)
            else:
                pack[real](n, p, w, p, 1, <real*>layer.w)
            memcpy(layer.b, parameters + self.net.b[l], n * sizeof(real))

    cdef void store(self, real* parameters) noexcept nogil:
        """Unpack into the flat parameter vector."""
        cdef Py_ssize_t l, j, p, n
        cdef TrainerLayer* layer
        cdef real* w
        for l in range(self.net.n_layers):
            layer = self.packed.layer + l
            p, n = layer.p, layer.n
            w = parameters + self.net.w[l]
            if self.online and l > 0:
                for j in range(n):
                    memcpy(w + j * p, <real*>layer.w + j * padded[real](p), p * sizeof(real))
            elif layer.lanes == INPUTS_IN_LANES:
                unpack[real](p, n, <real*>layer.w, 1, p, w)
            else:
                unpack[real](n, p, <real*>layer.w, p, 1, w)
            memcpy(parameters + self.net.b[l], layer.b, n * sizeof(real))

    cdef void run(self, const Data* data, Py_ssize_t batch_size, real eta, Py_ssize_t max_rows,
                  size_t first_share, size_t end_share, Progress* progress) noexcept nogil:
        """Train some shares on rows from progress.rows on, at most about max_rows of them."""
        if self.online:
            online_epoch[real](&self.packed, data, eta, max_rows, progress)
        else:
            minibatch_epoch[real](&self.packed, data, batch_size, eta, max_rows, first_share, end_share, progress)


cdef Py_ssize_t place(Trainer trainer, char* base, real* dummy=NULL):
    """Point every buffer into memory from `base` on; returns the bytes that takes."""
    cdef TrainerNet* net = &trainer.packed
    cdef Py_ssize_t l, i, p, n_padded, p_padded, weights, used = 0, widest = 0
    cdef Py_ssize_t size = sizeof(real), rows = net.rows, shares = net.shares
    cdef TrainerLayer* layer
    for l in range(<Py_ssize_t>net.n_layers):
        layer = net.layer + l
        p, n_padded, p_padded = layer.p, padded[real](layer.n), padded[real](layer.p)
        layer.ld = stride_for(n_padded, size) if rows > 1 else n_padded
        weights = layer.n * p_padded if layer.lanes == INPUTS_IN_LANES else n_padded * p
        layer.w = take(base, &used, weights * size)
        layer.b = take(base, &used, n_padded * size)
        if trainer.several_blocks:
            layer.nabla_w = take(base, &used, weights * size)
            layer.nabla_b = take(base, &used, n_padded * size)
        if layer.backward == BACKWARD_TRANSPOSED:
            layer.transposed = take(base, &used, p_padded * layer.n * size)
        layer.z = take(base, &used, shares * rows * layer.ld * size)
        layer.a = layer.z
        layer.delta = take(base, &used, rows * layer.ld * size)
        for i in range(rows):
            layer.a_row[i] = <real*>layer.a + i * layer.ld
            layer.delta_row[i] = <real*>layer.delta + i * layer.ld
        widest = max(widest, n_padded)
    net.y_ld = padded[real](net.layer[net.n_layers - 1].n)
    net.y = take(base, &used, shares * net.y_ld * size)
    net.share_cost = <double*>take(base, &used, shares * 8 * sizeof(double))
    net.zeros = take(base, &used, widest * size)
    return used


cdef Trainer new_trainer(const Layout* net, bint single, plan, bint several_blocks):
    cdef Trainer trainer = Trainer.__new__(Trainer)
    trainer.net = net
    trainer.online = plan.path == "online"
    trainer.several_blocks = several_blocks
    if single:
        trainer.carve[float](plan)
    else:
        trainer.carve[double](plan)
    return trainer
