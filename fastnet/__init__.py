"""fastnet: small and medium dense neural networks inside numeric code, on the CPU.

>>> import fastnet as fn
>>> net = fn.Network([64, 30, 10], seed=0)
>>> net.n_parameters
2260
"""

from fastnet import costs
from fastnet._version import __version__
from fastnet.gradient_check import GradientCheck
from fastnet.history import EpochInfo, History
from fastnet.network import Backprop, Forward, Network

_OPTIMIZERS = ("AMSGrad", "Adagrad", "Adam", "AdamW", "ConjugateGradient", "LBFGS", "NAdam", "RMSprop", "Rprop", "SGD")
_LAZY_MODULES = ("activations", "callbacks", "costs", "datasets", "full_batch", "initializers", "optimizers", "persistence",
                 "reference", "schedules", "sklearn")
_MANY = {"CrossValidation": "cross_validation", "Fit": "many", "Fits": "many", "cross_validate": "cross_validation",
         "fit_many": "many", "grid": "many"}

__all__ = ["Backprop", "EpochInfo", "Forward", "FrozenNetwork", "GradientCheck", "History", "Network", "Profile", "ProfileRow",
           "Roof", "Scaling", "TrainingModel", "__version__", "activations", "callbacks", "costs", "datasets", "get_include",
           "load", "optimizers", "profile", "reference", "resume", "roof", "schedules", "show_config", *_MANY, *_OPTIMIZERS]


def __getattr__(name):
    """Modules that not every user needs are imported when first named."""
    if name in _LAZY_MODULES:
        import importlib
        return importlib.import_module(f"fastnet.{name}")
    if name in _OPTIMIZERS:
        from fastnet import optimizers
        return getattr(optimizers, name)
    if name in _MANY:
        import importlib
        return getattr(importlib.import_module(f"fastnet.{_MANY[name]}"), name)
    if name == "FrozenNetwork":
        from fastnet.frozen import FrozenNetwork
        return FrozenNetwork
    if name == "Scaling":
        from fastnet.scaling import Scaling
        return Scaling
    if name == "TrainingModel":
        from fastnet.embed.training_model import TrainingModel
        return TrainingModel
    if name == "get_include":
        from fastnet.embed.include_directory import get_include
        return get_include
    if name == "load":
        from fastnet.persistence import load
        return load
    if name in ("Profile", "ProfileRow", "profile"):
        from fastnet import profiling
        return getattr(profiling, name)
    if name in ("Roof", "roof"):
        from fastnet import _roof
        return getattr(_roof, name)
    if name == "resume":
        from fastnet.checkpoints import resume
        return resume
    if name == "show_config":
        from fastnet._config import show_config
        return show_config
    raise AttributeError(f"module 'fastnet' has no attribute {name!r}")


def __dir__():
    return sorted(set(globals()) | set(__all__))
