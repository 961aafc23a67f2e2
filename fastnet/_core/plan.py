"""Which kernel serves which layer: the one place that decides.

Every threshold stands here with what it rests on; those marked "counted" come from counting
instructions and still want a measurement.
FASTNET_PATH=plain switches the fast paths off: the plain engine then does everything.
"""

import os
from typing import NamedTuple

BLOCK_ROWS = 512        # samples of one block of a batch: above, gradients of blocks are added up

# Counted: BP2 from packed weights either sums over lanes, which costs about 21/n of the product
# itself, or multiplies with a transposed copy, which costs about 5/m.  The two meet at n = 4.2 m.
TRANSPOSE_BELOW = 4.2


class LayerPlan(NamedTuple):
    """What serves one layer in training."""

    forward: str
    backward: str | None       # None: the first layer needs no BP2
    update: str


class TrainingPlan(NamedTuple):
    """How an epoch is run."""

    path: str                  # "online", "minibatch" or "plain"
    rows: int                  # samples of one block
    layers: tuple


def fast_paths():
    """Whether the fast paths are on; FASTNET_PATH decides, looked up at each call."""
    path = os.environ.get("FASTNET_PATH", "fast")
    if path not in ("fast", "plain"):
        raise ValueError(f"FASTNET_PATH must be fast or plain; got {path!r}")
    return path == "fast"


def plan_training(sizes, batch_size, from_a=True, python_cost=False):
    """The plan of an epoch of gradient descent.

    Parameters
    ----------
    sizes : tuple of int
    batch_size : int
        Not above the number of samples.
    from_a : bool
        Whether every σ' is elementwise and taken from a: the fast paths keep no z and couple no row.
    python_cost : bool
        The cost is Python functions: only the plain engine calls them.

    Returns
    -------
    TrainingPlan
    """
    n_layers = len(sizes) - 1
    if python_cost or not (fast_paths() and from_a):
        return TrainingPlan("plain", min(batch_size, 256), (LayerPlan("gemm", "gemm", "gemm"),) * n_layers)
    if batch_size == 1:
        first = LayerPlan("fused with the update before", None, "fused with the next forward")
        above = LayerPlan("rows", "fused rows", "fused rows")
        return TrainingPlan("online", 1, (first,) + (above,) * (n_layers - 1))
    rows = min(batch_size, BLOCK_ROWS)
    layers = [LayerPlan("tiles", backward(l, sizes[l + 1], rows), "tiles") for l in range(n_layers)]
    return TrainingPlan("minibatch", rows, tuple(layers))


class InferencePlan(NamedTuple):
    """How outputs of m samples are computed."""

    path: str                  # "samples" (one by one), "tiles" (packed for the call) or "plain"
    rows: int                  # samples of one block


# Counted: packing costs about as much as the products of PACK_FROM samples save.
PACK_FROM = 8
INFERENCE_ROWS = 96            # activations of a block stay in the second-level cache


def plan_inference(sizes, m):
    """The plan of a forward pass over m samples.

    Parameters
    ----------
    sizes : tuple of int
    m : int

    Returns
    -------
    InferencePlan
    """
    if not fast_paths():
        return InferencePlan("plain", max(1, min(m, 256)))
    if m < PACK_FROM:
        return InferencePlan("samples", 1)
    return InferencePlan("tiles", min(m, INFERENCE_ROWS))


def backward(l, n, m):
    """How BP2 is taken through layer l of n outputs for m samples."""
    if l == 0:
        return None
    return "transposed tiles" if n <= TRANSPOSE_BELOW * m else "lane sums"
