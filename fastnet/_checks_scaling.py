"""Every check of an argument about scaling, and its messages; see _checks.py."""

import numpy as np

from fastnet import _checks

KINDS = ("standardize", "minmax", "maxabs")
ALIASES = {"standardise": "standardize", "standard": "standardize", "min-max": "minmax", "min_max": "minmax",
           "max-abs": "maxabs", "max_abs": "maxabs"}


def check_scale(scale):
    """`scale` of fit: a Scaling as it is, or (kind, kind) of inputs and targets, "auto" where a single name leaves it open."""
    if hasattr(scale, "input_unit"):
        return scale
    if isinstance(scale, str):
        return check_kind("scale", scale), "auto"
    if not isinstance(scale, (tuple, list)):
        raise TypeError(f"scale must be a name ({', '.join(KINDS)}), a pair of them for inputs and targets, or a Scaling; "
                        f"got {_checks.describe(scale)}")
    if len(scale) != 2:
        raise ValueError(f"scale must be a name or a pair, for inputs and targets; got {len(scale)} entries")
    return tuple(None if kind is None else check_kind(f"scale[{i}]", kind) for i, kind in enumerate(scale))


def check_kind(name, kind):
    return _checks.check_choice(name, ALIASES.get(kind, kind) if isinstance(kind, str) else kind, KINDS)


def kinds_for(net, scale, Y):
    """What inputs and targets are scaled by.  A single name scales targets where the output layer is the
    identity and the cost takes any number."""
    kind, target_kind = scale
    if target_kind == "auto":
        scalable = Y.ndim == 2 and net.cost_function.target_range is None and net.activations[-1] == "identity"
        return kind, kind if scalable else None
    if target_kind is not None:
        if Y.ndim == 1:
            raise ValueError(f"scale[1] must be None where Y holds labels; got {target_kind!r}")
        check_cost_takes_any(net, "scale[1]")
    return kind, target_kind


def check_same_kinds(where, kinds, found):
    """Batches from which scaling is learned hold labels all, or numbers all."""
    if kinds != found:
        raise ValueError(f"{where}Y must hold numbers in all batches, or labels in all, where scale is learned from them; got "
                         f"{'labels' if found[1] is None else 'numbers'} after {'labels' if kinds[1] is None else 'numbers'}")


def check_learns_from_batches(scale, X):
    """Scaling that is to be learned from batches needs them once more."""
    if not hasattr(scale, "input_unit") and any(scale) and hasattr(X, "__iter__") and iter(X) is X:
        raise ValueError("scale must be a fastnet.Scaling, known beforehand, where X gives its batches only once: it would be learned "
                         f"in a pass before the first epoch; got {type(X).__name__}")


def check_cost_takes_any(net, name):
    if net.cost_function.target_range is not None:
        raise ValueError(f"{name} must be None for the cost {net.cost_name}, which does not take every number as a target")
    if net.activations[-1] == "softmax":
        raise ValueError(f"{name} must be None where the outputs are softmax, which are probabilities")


def check_keeps_zeros(offset, kind):
    """Sparse inputs stay sparse, or are refused."""
    if offset.any():
        raise ValueError(f"scale {kind!r} would fill the zeros of a sparse X (offset {offset[np.flatnonzero(offset)[0]]:g} in column "
                         f"{np.flatnonzero(offset)[0]}); 'maxabs' keeps them, X.toarray() fills them")


def check_learned(name, offset, unit):
    with np.errstate(over="ignore"):
        wrong = np.flatnonzero(~(np.isfinite(offset) & np.isfinite(unit) & np.isfinite(1 / unit)))
    if len(wrong):
        raise ValueError(f"{name} can't be scaled: the values of column {wrong[0]} spread too widely or too little for float64")


def check_map(name, pair):
    """(offset, unit) as float64 vectors of the same shape (n,), or () for one number; None as it is."""
    if pair is None:
        return None
    offset, unit = (_checks.as_numbers(f"{name}[{i}]", entry).astype(np.float64)
                    for i, entry in enumerate(_checks.check_pair(name, pair)))
    if offset.ndim > 1 or unit.ndim > 1 or offset.ndim and unit.ndim and offset.shape != unit.shape:
        raise ValueError(f"{name} must be an offset and a unit, each a number or of shape (n,); got shapes {offset.shape} and {unit.shape}")
    with np.errstate(divide="ignore", over="ignore"):
        if not (np.isfinite(offset).all() and np.isfinite(unit).all() and np.isfinite(1 / unit).all() and (unit > 0).all()):
            raise ValueError(f"{name} must hold finite offsets, and finite units above 0; got {_checks.describe(pair)}")
    offset, unit = np.broadcast_arrays(offset, unit)
    return offset.copy(), unit.copy()


def check_fits(scaling, net):
    """The pairs of `scaling`, one number for each input and target of `net`."""
    pairs = []
    for name, pair, n in (("inputs", scaling.inputs, net.sizes[0]),
                          ("targets", scaling.targets, net.cost_function.n_targets(net.sizes[-1]))):
        if pair is not None:
            if name == "targets":
                check_cost_takes_any(net, "targets of scaling")
            if pair[0].ndim and len(pair[0]) != n:
                raise ValueError(f"scaling must have {n} {name} for this net; got {len(pair[0])}")
            pair = tuple(np.broadcast_to(vector, (n,)) for vector in pair)
        pairs.append(pair)
    return pairs


def check_foldable(net):
    if net.activations[-1] != "identity":
        raise ValueError(f"scaled targets fold into an output layer that is the identity; this one is {net.activations[-1]}, "
                         "and what comes behind it can't become weights")


def check_raw_finite(name, array, dtype, but_nan=False, columns=None, rows=1024):
    """As _checks.check_finite, for numbers as they came: of any dtype, judged as `dtype` holds them."""
    if not isinstance(array, np.ndarray) or array.dtype.kind != "f" or array.ndim == 1:
        return _checks.check_finite(name, array, dtype, but_nan, columns)
    for start in range(0, len(array), rows):
        with np.errstate(over="ignore"):
            block = np.asarray(array[start:start + rows], dtype)
        wrong = np.isinf(block) if but_nan else ~np.isfinite(block)
        if wrong.any():
            row, column = np.argwhere(wrong)[0]
            label = column if columns is None else repr(columns[column])
            raise ValueError(f"{name} must be finite in {dtype.name}; row {start + row}, column {label} is {block[row, column]}")
