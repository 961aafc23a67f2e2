"""What to change: other batches, precisions and numbers of threads, each measured when it is advised.

A gain is what a sample takes now over what it would take; below WORTH nothing is said.
"""

from fastnet._core import kernels, plan
from fastnet._threads import processors

WORTH = 1.15
BATCHES = (16, 32, 64, 128)

# bench/README.md's table as published in README.md: where torch, with hand-written gradients, came nearest in training.
PUBLISHED = "in the published table PyTorch comes nearest at [784, 512, 512, 10], where it takes 1.1 to 1.3 times as long"


def advise(net, batch, density, threads, training, now):
    """[(what to do, gain measured now or None, the sentence), ...] for a step that takes `now` seconds."""
    from fastnet._measure import Steps

    def seconds(**changed):
        return Steps(changed.get("net", net), changed.get("batch", batch), density, changed.get("threads", threads), training).seconds()

    found = []
    if training:
        better = {size: (now / batch) / (seconds(batch=size) / size) for size in BATCHES if size > batch}
        if better and max(better.values()) > WORTH:
            size = next(size for size, gain in better.items() if gain >= max(WORTH, 0.9 * max(better.values())))
            found.append((f"batch_size={size}", better[size], f"batch_size={size} would give {better[size]:.1f}x the samples a second"
                          " (and other steps: the learning rate may want to change)"))
    if net.dtype.itemsize == 8 and (single := in_float32(net)) is not None:
        gain = now / seconds(net=single)
        if gain > WORTH:
            found.append(("dtype='float32'", gain, f"dtype='float32' would give {gain:.1f}x"))
    if processors() > 1 and threads == 1:
        chosen = (plan.plan_training(net.sizes, batch, kernels.lanes(net.dtype), density, 2).shares if training
                  else plan.plan_inference(net.sizes, batch, 2).threads)
        if chosen > 1:
            gain = now / seconds(threads=2)
            if gain > WORTH:
                found.append(("threads=2", gain, f"threads=2 would give {gain:.1f}x"))
    if density < 1:
        sparse = training and plan.plan_training(net.sizes, batch, kernels.lanes(net.dtype), density,
                                                     half_lanes=kernels.half_lanes(net.dtype)).sparse
        found.append(("", None, f"{100 * (1 - density):.0f} % of X is zero: the sparse path is {'on' if sparse else 'off'}"))
    if training and max(net.sizes[1:]) >= 512 and batch >= 32:
        found.append(("", None, f"wide layers and long batches: {PUBLISHED}"))
    return found


def in_float32(net):
    """A copy, or None where compiled code of the user's own takes float64 alone."""
    try:
        return net.copy(dtype="float32")
    except ValueError:
        return None
