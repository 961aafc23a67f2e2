"""Which kernel serves which layer: the one place that decides, but for how a net packed for inference lies.

That is src_c/place.inc's, for programs without Python.  Every threshold stands here with what it rests on.
FASTNET_PATH=plain switches the fast paths off: the plain engine then does everything.
"""

import os
from typing import NamedTuple

from fastnet._core import kernels

# Samples of one block of a batch; above, gradients of blocks are added up.  At batch 512, GFLOP/s with blocks of
# 128 and of 512 rows: [784, 30, 10] 91, 85; [784, 100, 10] 93, 75; [64, 128, 128, 10] 92, 79 -- activations and
# errors of 128 rows stay in the second-level cache -- but [784, 512, 512, 10] 98, 103: there the weights don't.
BLOCK_ROWS = 128
WIDE_ROWS = 512
WIDE_WEIGHTS = 200_000  # weights from which a block has WIDE_ROWS

# The work of a step is counted in vector operations: one multiply-add of a whole vector each.  What
# else a kernel does is counted in the same coin.  bench/thresholds.py times the ways that are not taken: 1.01 to 2.3
# times as long as those that are, on eleven layers and batches.
TRANSPOSE = 6           # to turn one vector of weights round: log2(lanes) shuffles, a load and a store
DOT = 3                 # to sum a vector's lanes, taken many at a time: two shuffles and an addition a vector
SHORT_DOT = 2           # dots of vectors of up to SHORT lanes keep four sums, and wait for them (see DOT_SUMS in src_c/)
SHORT = 4               # float64 under AVX2, 128 to 128, batch 32: by dots 17 GFLOP/s, with samples in lanes 51


class LayerPlan(NamedTuple):
    """What serves one layer in training."""

    lanes: str                 # which side of the layer lies in vectors: "outputs" or "inputs"
    forward: str
    backward: str | None       # None: the first layer needs no BP2
    update: str


class TrainingPlan(NamedTuple):
    """How an epoch is run."""

    path: str                  # "online", "minibatch" or "plain"
    rows: int                  # samples of one block; online: that one pass over the first layer serves
    shares: int                # parts that a step is divided into: threads side by side
    sparse: bool               # zeros of the inputs are skipped
    layers: tuple
    half: bool = False         # by kernels with vectors of half the width
    by_outputs: bool = False   # the first layer is divided into shares by its outputs; others are by their inputs

    @property
    def steps_at_once(self):
        """Steps that share a pass over the first layer: whoever ends a stretch between them changes how sums are rounded."""
        return self.rows if self.path == "online" else 1


def fast_paths():
    """Whether the fast paths are on; FASTNET_PATH decides, looked up at each call."""
    path = os.environ.get("FASTNET_PATH", "fast")
    if path not in ("fast", "plain"):
        raise ValueError(f"FASTNET_PATH must be fast or plain; got {path!r}")
    return path == "fast"


def plan_training(sizes, batch_size, lanes, density=1.0, threads=1, bare=True, dense=False, python=False,
                  half_lanes=None, anew=False):
    """The plan of an epoch of gradient descent.

    Parameters
    ----------
    sizes : tuple of int
    batch_size : int
        Not above the number of samples.
    lanes : int
        Values of the net's dtype that a vector holds.
    half_lanes : int, optional
        Values that a vector of half the width holds, where there are kernels with such vectors.
    density : float
        Fraction of the inputs that is not 0.
    threads : int
        How many may be used.
    bare : bool
        Gradient descent and nothing else: all that the online path knows.
    dense : bool
        Inputs are changed on the way in, so that zeros don't stay.
    python : bool
        The cost or an activation is Python functions: only the plain engine calls them.
    anew : bool
        Zeros would be looked for in every epoch: the set lies in a file.

    Returns
    -------
    TrainingPlan
    """
    n_layers = len(sizes) - 1
    if python or not fast_paths():
        return TrainingPlan("plain", min(batch_size, PLAIN_ROWS), 1, False, (LayerPlan("none", "gemm", "gemm", "gemm"),) * n_layers)
    if dense:
        density = 1.0
    if half_lanes is not None and half_is_faster(sizes, batch_size, lanes, half_lanes, batch_size == 1 and bare):
        chosen = plan_training(sizes, batch_size, half_lanes, density, threads, bare, anew=anew)
        return chosen._replace(half=True)
    worth = worth_finding(sizes[1], lanes) if anew else 1.0
    if batch_size == 1 and bare:
        sparse = density < SPARSE_ONLINE * worth
        rows = kernels.ONLINE_BLOCK if not sparse and sizes[0] * -(-sizes[1] // lanes) >= ONLINE_BLOCK_FROM else 1
        several = f"fused, {rows} samples at once"
        first = (LayerPlan("outputs", "nonzeros", None, "nonzeros") if sparse else
                 LayerPlan("outputs", several, None, several) if rows > 1 else
                 LayerPlan("outputs", "fused with the update before", None, "fused with the next forward"))
        above = LayerPlan("inputs", "rows", "fused rows", "fused rows")
        return TrainingPlan("online", rows, 1, sparse, (first,) + (above,) * (n_layers - 1))
    wide = sum(p * n for p, n in zip(sizes, sizes[1:])) >= WIDE_WEIGHTS
    rows = min(batch_size, WIDE_ROWS if wide else BLOCK_ROWS)
    sparse = density < SPARSE_MINIBATCH * worth
    layers = [plan_layer(l, sizes[l], sizes[l + 1], rows, lanes) for l in range(n_layers)]
    if sparse:
        layers[0] = LayerPlan("outputs", "nonzeros", None, "nonzeros")
    shares, by_outputs = shares_for(sizes, batch_size, lanes, density if sparse else 1.0, threads, by_outputs=not dense)
    return TrainingPlan("minibatch", rows, shares, sparse, tuple(layers), by_outputs=by_outputs)


# Vectors of weights of the first layer from which a pass over it serves several samples, one a step.  Time sample by sample
# over that (bench/thresholds.py --only online, float32), AVX-512 and AVX2: [784, 100, 10] 1.41, 1.49; [784, 30, 10] 1.28, 1.42;
# [200, 50, 1] 1.27, 1.37; [784, 12, 2] 1.14, 1.22; [30, 200, 10] 1.10, 1.15; [64, 128, 128, 10] 1.05, 1.05; [100, 16, 4] 0.97, 1.02;
# [300, 8, 2] 0.94, 0.94; [10, 64, 64, 1] 0.99, 0.95; [8, 48, 48, 4] 0.90, 0.94.
ONLINE_BLOCK_FROM = 350


# Half vectors where that saves this factor of the work at least, or, one sample a step, for nets of no more parameters
# than that and no more work: there chains of operations decide, and sums over fewer lanes are shorter.  Measured with
# AVX2 in place of AVX-512, Zen 4, time of whole / of half vectors: online [4, 8, 3] 1.21, [8, 24, 24, 4] 1.30,
# [784, 8, 2] 1.48 (work 2.0); same work: [2, 16, 16, 1] 1.17, [8, 32, 32, 4] 1.08, [8, 48, 48, 4] 1.00, [784, 30, 10]
# 0.85, and float64 [8, 32, 32, 4] 0.91 (work 1.09); batch 10 [4, 8, 3] 1.28, [2, 16, 16, 1] 0.91.  Tiles of mini-batches
# end in half a vector anyway (src_c/tiles.inc): there only sums over lanes leave lanes empty.  [784, 40, 10] 0.94.
HALF_SAVES = 1.15
HALF_PARAMETERS = 1000


def half_is_faster(sizes, m, lanes, half_lanes, online):
    """Whether vectors of half_lanes serve a net better; a whole vector costs twice a half one."""
    def work(lanes):
        total = 0
        for l, (p, n) in enumerate(zip(sizes, sizes[1:])):
            if l and (online or plan_layer(l, p, n, m, lanes).lanes == "inputs"):
                total += n * lanes * -(-p // lanes)
            else:
                least = lanes if online else half_lanes
                total += p * least * -(-n // least)
        return total
    saved = work(lanes) / work(half_lanes)
    n_parameters = sum(p * n + n for p, n in zip(sizes, sizes[1:]))
    return half_lanes < lanes and (saved >= HALF_SAVES or online and n_parameters <= HALF_PARAMETERS and saved >= 1)


def plan_layer(l, p, n, m, lanes):
    """The cheapest way through layer l, p inputs to n outputs, for m samples."""
    n_vectors, p_vectors = -(-n // lanes), -(-p // lanes)
    product_n, product_p = m * p * n_vectors, m * n * p_vectors      # with outputs, with inputs in lanes
    if l == 0:
        return LayerPlan("outputs", "tiles", None, "tiles")
    backward = {"transposed tiles": product_p + TRANSPOSE * n * p_vectors,
                "dots": product_n * (SHORT_DOT if lanes <= SHORT else 1) + DOT * m * p,
                "samples in lanes": -(-m // lanes) * (n * p + TRANSPOSE * (n + p))}
    way = min(backward, key=backward.get)
    if 3 * product_p + DOT * m * n < 2 * product_n + backward[way]:
        return LayerPlan("inputs", "dots", "tiles", "tiles")
    return LayerPlan("outputs", "tiles", way, "tiles")


# Below these densities of the inputs zeros are skipped.  Time with zeros skipped over dense, at 20, 30, 40, 50 % that
# are not 0 (bench/thresholds.py, float32, AVX-512): [784, 30, 10] online 0.43, 0.71, 0.85, 0.90; [784, 100, 10] 0.40, 0.64,
# 0.86, 1.13; batch 10 0.52, 0.78, 1.05, 1.30; batch 128 0.57, 0.85, 1.15, 1.43; [784, 100, 10] batch 32 0.57, 0.88, 1.23.
SPARSE_ONLINE = 0.5
SPARSE_MINIBATCH = 0.35

# To find zeros takes an input some vector operations, whatever becomes of it.  Time of an epoch from a file with zeros left
# out of every window over dense, at 5, 10, 20, 30 % that are not 0, 784 inputs, first layers of 30, 100, 300
# (bench/thresholds.py --only files): float32, AVX-512, batch 1 0.59, 0.68, 0.84, 1.02; 0.29, 0.39, 0.58, 0.78; 0.21, 0.30, 0.48,
# 0.68; batch 128 0.76, 0.88, 1.09, 1.36; 0.39, 0.53, 0.79, 1.06; 0.27, 0.40, 0.73, 0.91; AVX2, batch 128 0.83, 0.95, 1.23, 1.51; 0.50,
# 0.65, 1.00, 1.26; 0.31, 0.46, 0.79, 1.06.
FINDING = 1.5                  # of the vectors of outputs that an input is multiplied into
FOUND = 0.8


def worth_finding(n, lanes):
    """What becomes of those densities where zeros are found anew in every epoch, before a first layer of n outputs."""
    return max(0.0, FOUND * (1 - FINDING / -(-n // lanes)))


# What a step costs two threads beside its work, in vector operations: for each weighted input that is summed over threads
# and each error that all read (together one value), and for each meeting of threads.  And the least gain that a step is
# divided for: where a processor is busy one thread does the divided work, which takes it 1.00 to 1.04 times as long, 1.1
# for the narrow or sparse steps that gain least.  Time of one thread over two, as counted so and as measured
# (bench/thresholds.py --only shares, float32, AVX-512): [784, 30, 10] batch 10 1.6, 1.6; batch 32 1.8, 1.7;
# [64, 128, 128, 10] batch 10 1.3, 1.4; batch 32 1.5, 1.7; batch 128 1.6, 1.7; [10, 64, 64, 1] batch 32 1.0, 1.3; batch 128
# 1.2, 1.4; [784, 512, 512, 10] batch 32 1.9, 1.9.
SHARE_TRAVEL = 4
SHARE_MEETING = 2000
SHARE_GAIN = 1.4
SHARE_GAIN_SPARSE = 1.9         # every share looks up all rows: by one thread 1.02 to 1.15 times as long
SHARE_COLUMNS = 16              # neurons that stay together: at least a vector, and whole cache lines


def shares_for(sizes, m, lanes, density, threads, by_outputs=True):
    """(Into how many shares a step is divided, at most `threads`; whether the first layer is by its outputs)."""
    whole = step_operations(sizes, m, lanes, density, 1, False)
    least, found = whole / (SHARE_GAIN if density == 1 else SHARE_GAIN_SPARSE), (1, False)
    for shares in range(2, threads + 1):
        for by in (False, True) if by_outputs and len(sizes) > 2 else (False,):
            operations = step_operations(sizes, m, lanes, density, shares, by)
            if operations < least:
                least, found = operations, (shares, by)
    return found


def step_operations(sizes, m, lanes, density, shares, by_outputs):
    """Vector operations of a step for the thread with the largest share, what it waits for counted in."""
    operations = travel = meetings = 0.0
    for l, (p, n) in enumerate(zip(sizes, sizes[1:])):
        by = by_outputs and l == 0
        start = bounds(p, n, l, by, shares, lanes)
        largest = max(end - first for first, end in zip(start, start[1:]))
        operations += m * (p * -(-largest // lanes) if by else largest * -(-n // lanes)) * (3 if l else 2 * density)
        travel += 0 if by else m * n
        meetings += 0 if by else 2
    return operations + (SHARE_TRAVEL * travel + SHARE_MEETING * meetings if shares > 1 else 0)


def split(count, shares, multiple):
    """Where each of `shares` nearly equal parts of `count` starts, and where the last one ends.

    Boundaries inside lie at multiples of `multiple`; later parts are larger, or, where there are not enough
    pieces, empty.
    """
    pieces = -(-count // multiple)
    return tuple(min(max(pieces * share // shares, min(share, pieces)) * multiple, count) for share in range(shares + 1))


def bounds(p, n, l, by_outputs, shares, lanes):
    """Which outputs or inputs of layer l, p inputs to n outputs, belong to each share."""
    if l == 0 and not by_outputs:
        return split(p, shares, 1)
    count = n if l == 0 else p
    return split(-(-count // lanes) * lanes, shares, SHARE_COLUMNS)


class InferencePlan(NamedTuple):
    """How outputs of m samples are computed."""

    path: str                  # "samples" (one by one), "narrow", "tiles" (packed for the call) or "plain"
    rows: int                  # samples of one block
    threads: int


# Rows from which weights are packed for the call, or samples put in lanes.  Time sample by sample over that at 8, 16, 32
# rows (bench/thresholds.py, float32, AVX-512): [4, 8, 3] 0.64, 0.85, 1.09; [10, 64, 64, 1] 0.62, 0.90, 1.61; [784, 30, 10]
# 0.69, 0.99, 1.30; [64, 128, 128, 10] 0.80, 1.14, 1.15; [784, 512, 512, 10] 1.14, 1.58, 2.09.
PACK_FROM = 16
DERIVE_FROM = 8                # the same of derivatives, counted
NARROW = kernels.NARROW        # up to here samples lie in lanes
PLAIN_ROWS = 256               # of a block of the plain engine: its activations stay in the caches
INFERENCE_ROWS = 96            # activations of a block stay in the second-level cache
THREAD_FLOPS = 2_000_000       # a thread takes some 20 microseconds to start: less work than this is not shared


def plan_inference(sizes, m, threads=1, python=False):
    """The plan of a forward pass over m samples.

    Parameters
    ----------
    sizes : tuple of int
    m : int
    threads : int
        How many may be used.
    python : bool
        An activation is Python functions: only the plain engine calls them.

    Returns
    -------
    InferencePlan
    """
    if python or not fast_paths():
        return InferencePlan("plain", max(1, min(m, PLAIN_ROWS)), 1)
    if m < PACK_FROM:
        return InferencePlan("samples", 1, 1)
    path = "narrow" if max(sizes) <= NARROW else "tiles"
    flops = 2.0 * m * sum(p * n for p, n in zip(sizes, sizes[1:]))
    most = min(m // PACK_FROM, int(flops / THREAD_FLOPS))      # every part takes the path of the whole
    return InferencePlan(path, min(m, INFERENCE_ROWS), max(1, min(threads, most)))


def plan_derivatives(m, python=False):
    """Whether derivatives at m samples are taken through packed weights ("tiles") or "plain"."""
    return "tiles" if not python and fast_paths() and m >= DERIVE_FROM else "plain"
