"""fastnet: small and medium dense neural networks inside numeric code, on the CPU.

>>> import fastnet as fn
>>> net = fn.Network([64, 30, 10], seed=0)
>>> net.n_parameters
2260
"""

from fastnet import costs
from fastnet._version import __version__
from fastnet.gradient_check import GradientCheck
from fastnet.network import Backprop, Forward, Network
from fastnet.training import EpochInfo, History

__all__ = ["Backprop", "EpochInfo", "Forward", "FrozenNetwork", "GradientCheck", "History", "Network",
           "__version__", "activations", "costs", "datasets", "load", "reference", "show_config"]

_LAZY_MODULES = ("activations", "datasets", "reference", "persistence", "initializers")


def __getattr__(name):
    """Modules that not every user needs are imported when first named."""
    if name in _LAZY_MODULES:
        import importlib
        return importlib.import_module(f"fastnet.{name}")
    if name == "FrozenNetwork":
        from fastnet.frozen import FrozenNetwork
        return FrozenNetwork
    if name == "load":
        from fastnet.persistence import load
        return load
    if name == "show_config":
        from fastnet._config import show_config
        return show_config
    raise AttributeError(f"module 'fastnet' has no attribute {name!r}")


def __dir__():
    return sorted(set(globals()) | set(__all__))
