"""Every check of an argument of fit_many, grid and cross_validate, and its messages; see _checks.py."""

import numpy as np

from fastnet import _checks
from fastnet.network import Network

NETWORK_OPTIONS = Network.__init__.__code__.co_varnames[1:Network.__init__.__code__.co_argcount]
FIT_OPTIONS = tuple(name for name in Network.fit.__kwdefaults__
                    if name not in ("threads", "progress", "checkpoint", "checkpoint_every"))
ROWS = ("rows", "validation_rows")
OWN_OPTIONS = ("net", *ROWS)


def check_names(where, options, known):
    """No option that nobody reads."""
    for name in options:
        if name not in known:
            import difflib
            near = difflib.get_close_matches(str(name), known, n=1)
            hint = f"did you mean {near[0]!r}?" if near else f"they are {', '.join(known)}"
            raise TypeError(f"{where} must hold options of Network and fit; got {name!r}: {hint}")


def check_nets(nets):
    """A list of them."""
    if isinstance(nets, (Network, str, bytes)) or hasattr(nets, "items") or not hasattr(nets, "__iter__"):
        raise TypeError(f"nets must be a sequence of Networks or dicts of options; got {_checks.describe(nets)}")
    return list(nets)


def check_specs(nets, options):
    """Each net, or None where it is still to be made, and all its options: those of `options`, and its own before them."""
    nets = check_nets(nets)
    check_names("options", options, NETWORK_OPTIONS + FIT_OPTIONS + ROWS)
    specs, seen = [], {}
    for i, given in enumerate(nets):
        own = {"net": given} if isinstance(given, Network) else given
        if not hasattr(own, "items"):
            raise TypeError(f"nets[{i}] must be a Network or a dict of options; got {_checks.describe(given)}")
        check_names(f"nets[{i}]", own, NETWORK_OPTIONS + FIT_OPTIONS + OWN_OPTIONS)
        net = own.get("net")
        if net is not None:
            check_own_net(i, net, own, options, seen)
        spec = {**options, **own}
        spec.pop("net", None)
        specs.append((net, spec, {name: value for name, value in own.items() if name != "net"}))
    if not specs:
        raise ValueError("nets must hold at least one net; got none")
    return specs


def check_own_net(i, net, own, options, seen):
    """A net of the caller's: once, and with the options that it has."""
    if not isinstance(net, Network):
        raise TypeError(f"nets[{i}]: net must be a Network; got {_checks.describe(net)}")
    if id(net) in seen:
        raise ValueError(f"nets[{i}] must be a net of its own; got the very net of nets[{seen[id(net)]}]: take net.copy()")
    seen[id(net)] = i
    for name in NETWORK_OPTIONS:
        if name != "seed" and (name in own or name in options):
            raise TypeError(f"nets[{i}] is a Network already: {name} must not be given")


def check_plain_seed(seed):
    """An int or None: a Generator would be drawn from in an order that threads decide."""
    if isinstance(seed, np.random.Generator):
        raise TypeError("seed must be an integer or None for nets that are trained side by side; got a Generator")
    return None if seed is None else _checks.check_count("seed", seed, minimum=0)


def as_targets(Y):
    """Y as an array whose rows can be taken, for `fit` to check: of numbers, or of labels as they were given."""
    several = (list, tuple, set, frozenset)
    if isinstance(Y, (list, tuple)) and (_checks.speaks(Y) or len({len(row) for row in Y if isinstance(row, several)}) > 1):
        if all(isinstance(row, str) for row in Y):
            return np.asarray(Y)
        array = np.empty(len(Y), object)
        for i, row in enumerate(Y):            # lists as long as each other are no second dimension
            array[i] = row
        return array
    if _checks.speaks(Y) or isinstance(Y, np.ndarray) and Y.dtype.kind == "O" and all(isinstance(row, several) for row in Y):
        return np.asarray(Y)
    return _checks.as_numbers("Y", Y)


def check_cells(X, Y):
    """No infinity or NaN in dense X, no infinity in Y, whose NaN some costs leave out; shapes are checked with each net."""
    for name, array, wrong in (("X", X, lambda array: ~np.isfinite(array)), ("Y", Y, np.isinf)):
        if isinstance(array, np.ndarray) and array.ndim == 2 and array.dtype.kind == "f" and (cells := wrong(array)).any():
            row, column = np.argwhere(cells)[0]
            raise ValueError(f"{name} must be finite; row {row}, column {column} is {array[row, column]}")


def check_row_numbers(name, rows, m):
    """Numbers of rows, intp, from numbers or from one bool a row."""
    rows = np.asarray(rows)
    if rows.dtype.kind == "b" and rows.shape == (m,):
        rows = np.flatnonzero(rows)
    if rows.ndim != 1 or rows.dtype.kind not in "iu" or not rows.size:
        raise ValueError(f"{name} must hold numbers of rows, or one bool for each of {m}; "
                         f"got shape {rows.shape} and dtype {rows.dtype}")
    if rows.min() < 0 or rows.max() >= m:
        raise ValueError(f"{name} must lie in 0 ... {m - 1}; got {rows.min() if rows.min() < 0 else rows.max()}")
    return rows.astype(np.intp)


def check_choices(options):
    """Lists of what each option may be."""
    choices = {}
    for name, values in options.items():
        if isinstance(values, (str, bytes)) or hasattr(values, "items") or not hasattr(values, "__iter__"):
            values = [values]
        choices[name] = list(values)
        if not choices[name]:
            raise ValueError(f"{name} must have at least one value to take; got none")
    check_names("grid", choices, NETWORK_OPTIONS + FIT_OPTIONS + OWN_OPTIONS)
    for sizes in choices.get("sizes", ()):
        if np.ndim(sizes) == 0:
            raise TypeError(f"sizes must hold the sizes of nets, each a sequence: sizes=[[4, 8, 3]]; got {_checks.describe(sizes)}")
    return choices


def check_folds(folds, m):
    """How many folds, or pairs (train, test) of row numbers."""
    if not hasattr(folds, "__iter__") or isinstance(folds, (str, bytes)):
        return _checks.check_count("folds", folds, minimum=2, maximum=m)
    pairs = []
    for i, pair in enumerate(folds):
        train, test = _checks.check_pair(f"folds[{i}]", pair)
        pairs.append((check_row_numbers(f"folds[{i}][0]", train, m), check_row_numbers(f"folds[{i}][1]", test, m)))
    if not pairs:
        raise ValueError("folds must hold at least one pair (train, test) of row numbers; got none")
    return pairs
