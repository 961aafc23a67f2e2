"""Checks of arguments: a frozen net as a callable of other libraries."""

import numpy as np

from fastnet._checks import check_choice, check_count, check_number, describe

KINDS = {    # what scipy may call it as: (function of _core/callbacks.pyx, how many variables; None: any number)
    "quad": ("integrand", None),
    "nquad": ("integrand", None),
    "dblquad": ("integrand", 2),
    "tplquad": ("integrand", 3),
    "ndimage.generic_filter": ("filter_of_points", None),
    "ndimage.generic_filter1d": ("filter_of_lines", None),
    "ndimage.geometric_transform": ("mapping", None),
}


def check_callable(kind, n_in, n_out, output, inputs, fixed, dtype):
    """The function's name, the inputs that scipy sets (intp), all inputs as they start (dtype), and an output."""
    function, expected = KINDS[check_choice("kind", kind, KINDS)]
    start, fixed = check_fixed(fixed, n_in, dtype)
    place = check_inputs(inputs, n_in, fixed)
    if expected is not None and len(place) != expected:
        raise ValueError(f"kind {kind!r} needs {expected} inputs that are not fixed; got {len(place)} of {n_in}")
    if function == "mapping":
        if output is not None:
            raise ValueError(f"output must be left out for {kind!r}, which takes every output as a coordinate; got {output!r}")
        return function, place, start, 0
    return function, place, start, check_output(output, n_out)


def check_fixed(fixed, n_in, dtype):
    """All inputs, 0 where nothing is fixed; and which are."""
    start = np.zeros(n_in, dtype)
    if fixed is None:
        return start, frozenset()
    if not hasattr(fixed, "items"):
        raise TypeError(f"fixed must be a dict from inputs to numbers; got {describe(fixed)}")
    for key, value in fixed.items():
        start[check_count("an input in fixed", key, 0, n_in - 1)] = check_number(f"fixed[{key}]", value)
    if len(fixed) == n_in:
        raise ValueError(f"fixed must leave an input to vary; got all {n_in}")
    return start, frozenset(int(key) for key in fixed)


def check_inputs(inputs, n_in, fixed):
    """The inputs that vary, in the order of scipy's variables."""
    free = [i for i in range(n_in) if i not in fixed]
    if inputs is None:
        return np.array(free, np.intp)
    if isinstance(inputs, (str, bytes)) or not hasattr(inputs, "__iter__"):
        raise TypeError(f"inputs must be a sequence of integers, one for each of scipy's variables; got {describe(inputs)}")
    inputs = [check_count(f"inputs[{i}]", k, 0, n_in - 1) for i, k in enumerate(inputs)]
    if sorted(inputs) != free:
        raise ValueError(f"inputs must name once each of the inputs that are not fixed, {free}; got {inputs}")
    return np.array(inputs, np.intp)


def check_output(output, n_out):
    """Which output is wanted; of one output it need not be said."""
    if output is not None:
        return check_count("output", output, 0, n_out - 1)
    if n_out > 1:
        raise ValueError(f"output must say which of the {n_out} outputs is wanted, 0 to {n_out - 1}; got None")
    return 0
