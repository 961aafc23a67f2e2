"""A frozen net as scipy's LowLevelCallable: `FrozenNetwork.low_level_callable`.  Imports scipy, and no more of it than that."""

from scipy import LowLevelCallable

from fastnet._checks_callables import check_callable
from fastnet._core import callbacks


def low_level_callable(net, kind, output=None, inputs=None, fixed=None):
    """What scipy calls in C; its user data keeps the net alive."""
    function, place, start, output = check_callable(kind, net.sizes[0], net.sizes[-1], output, inputs, fixed, net.dtype)
    return LowLevelCallable(callbacks.FUNCTIONS[function], callbacks.user_data(net, place, start, output))
