"""fastnet: small and medium dense neural networks inside numeric code, on the CPU.

>>> import fastnet as fn
>>> net = fn.Network([64, 30, 10], seed=0)
>>> net.n_parameters
2260
"""

from fastnet import callbacks, costs, full_batch, initializers, optimizers, schedules
from fastnet._version import __version__
from fastnet.gradient_check import GradientCheck
from fastnet.history import EpochInfo, History
from fastnet.network import Backprop, Forward, Network
from fastnet.optimizers import LBFGS, SGD, AMSGrad, Adagrad, Adam, AdamW, ConjugateGradient, NAdam, RMSprop, Rprop

# Imported when first named: not every user needs them.
_MODULES = ("activations", "datasets", "persistence", "reference", "sklearn")
_NAMES = {"CrossValidation": "cross_validation", "Fit": "many", "Fits": "many", "FrozenNetwork": "frozen", "Profile": "profiling",
          "ProfileRow": "profiling", "Roof": "_roof", "Scaling": "scaling", "TrainingModel": "embed.training_model",
          "cross_validate": "cross_validation", "fit_many": "many", "get_include": "embed.include_directory", "grid": "many",
          "load": "persistence", "profile": "profiling", "resume": "checkpoints", "roof": "_roof", "show_config": "_config"}

__all__ = ["AMSGrad", "Adagrad", "Adam", "AdamW", "Backprop", "ConjugateGradient", "EpochInfo", "Forward", "GradientCheck", "History",
           "LBFGS", "NAdam", "Network", "RMSprop", "Rprop", "SGD", "__version__", "activations", "callbacks", "costs", "datasets",
           "full_batch", "initializers", "optimizers", "persistence", "reference", "schedules", *_NAMES]      # sklearn: where that is


def __getattr__(name):
    import importlib
    if name in _MODULES:
        return importlib.import_module(f"fastnet.{name}")
    if name in _NAMES:
        return getattr(importlib.import_module(f"fastnet.{_NAMES[name]}"), name)
    raise AttributeError(f"module 'fastnet' has no attribute {name!r}")


def __dir__():
    return sorted({*globals(), *__all__, *_MODULES})
