"""What an operation must do at least: multiplications and additions, bytes read, bytes read and written.

Counted from the mathematics, as fastnet.explain counts: a product 2 n p flops a sample, weights once a call,
activations and errors once a sample.  Directions of derivatives are not counted: their number is the call's.
"""

PRODUCTS = {"forward": 1, "bp2": 1, "bp4": 1, "bp2_bp4": 2, "bp4_forward": 2}
CHANGING = ("bp4", "bp2_bp4", "bp4_forward")       # operations that read and replace weights


def kept(operation, region, layer):
    """The share of the inputs that counts: zeros are skipped in the first layer's products."""
    return region.density if layer == 0 and operation in PRODUCTS else 1.0


def flops_of(operation, region, layer):
    """A sample."""
    p, n = region.sizes[layer], region.sizes[layer + 1]
    return 2.0 * p * n * PRODUCTS.get(operation, 0) * kept(operation, region, layer)


def bytes_of(operation, region, layer, calls, samples):
    """(bytes read or written once, bytes read and replaced) of so many calls on so many samples."""
    size = 4 if region.single else 8
    p, n = region.sizes[layer], region.sizes[layer + 1]
    if operation in PRODUCTS:
        share = kept(operation, region, layer)
        weights = size * p * n * (share if region.batch_size == 1 else 1.0) * calls
        values = size * (p * share + n) * samples * PRODUCTS[operation]
        return (values, weights) if operation in CHANGING else (values + weights, 0.0)
    if operation in ("activation", "prime"):
        return 0.0, float(size * n * samples)
    if operation == "bp3":
        return float(size * n * samples), 0.0
    return 0.0, 0.0
