"""Checks of what is handed to other compiled code."""

from fastnet._checks import describe


def check_trainable(net):
    """A net whose cost and activations compiled code can call."""
    from fastnet.network import Network
    if not isinstance(net, Network):
        raise TypeError(f"net must be a fastnet.Network; got {describe(net)}")
    if net.scaling is not None:
        raise ValueError("net must not scale where its parameters are trained by other code, which knows its layers only: "
                         "scale the samples, and set net.scaling = None; a frozen net has the scaling in its weights")
    if getattr(net.cost_function, "derivative", None) is not None:
        raise TypeError(f"net must have a cost that compiled code can call; got one of Python functions, "
                        f"{net.cost_function!r}")
    for name in net.activations:
        if getattr(name, "python", False):
            raise TypeError(f"net must have activations that compiled code can call; got Python functions, {str(name)!r}")
