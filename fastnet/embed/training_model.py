"""TrainingModel: what a net computes and is trained for, handed to compiled code that owns its loop."""

from fastnet import _checks_embed
from fastnet._core.model import ModelCore
from fastnet.embed.ctypes_calls import model_functions


class TrainingModel(ModelCore):
    """Layers, activations and cost of a net as `fastnet.h` takes them to train: a `fastnet_model`.

    Parameters
    ----------
    net : Network
        What it is counts, not its parameters: those are the caller's memory, (n_parameters,) as
        `net.parameters`, or that very array.

    Attributes
    ----------
    sizes : tuple of int
    dtype : numpy.dtype
    n_parameters : int
    address : int
        Of the `fastnet_model`, valid as long as this object lives.
    capsule : PyCapsule
        The same, named "fastnet_model"; it keeps this object alive.
    ctypes : types.SimpleNamespace
        The functions for this dtype with their argument types: see Notes.

    Raises
    ------
    TypeError
        If `net` is no Network, or its cost or an activation is Python functions.

    Notes
    -----
    `ctypes` has owner, workspace_size(owner, m), eval(owner, m, parameters, x, a, workspace),
    value_and_gradient(owner, m, parameters, x, y, cost, gradient, workspace), vjp(owner, m, parameters,
    x, u, gradient, workspace) and sgd_step(owner, m, parameters, x, y, rate, cost, workspace); arrays are
    addresses, `array.ctypes.data`.  Their checked twins, eval_checked and so on, take the length after each
    array, cost excepted, and the bytes of the work space, and return an error code for error_text(code).
    fastnet.h has the meaning of each; docs/embedding.md has examples from C and Cython.

    Examples
    --------
    >>> import ctypes
    >>> import numpy as np
    >>> import fastnet as fn
    >>> net = fn.Network([2, 1], activation="identity", init=[0.0, 0.0, 0.0])
    >>> model, x, y = fn.TrainingModel(net), np.array([1.0, 2.0]), np.array([3.0])
    >>> call, cost = model.ctypes, ctypes.c_double()
    >>> work = np.empty(call.workspace_size(call.owner, 1), np.uint8)
    >>> call.sgd_step(call.owner, 1, net.parameters.ctypes.data, x.ctypes.data, y.ctypes.data, 0.1,
    ...               ctypes.byref(cost), work.ctypes.data)
    0
    >>> cost.value, net.parameters
    (4.5, array([0.3, 0.6, 0.3]))
    """

    __slots__ = ("_activations", "_cost", "_dtype", "_sizes", "_n_parameters")

    def __init__(self, net):
        _checks_embed.check_trainable(net)
        self._make(net.sizes, *net._codes(net.sizes[-1], net.dtype), net.dtype)
        self._sizes, self._dtype, self._n_parameters = net.sizes, net.dtype, net.n_parameters
        self._cost, self._activations = net.cost_function, net.activations      # compiled code of the user's must stay

    sizes = property(lambda self: self._made()._sizes, doc="Neurons a layer, input first.")
    dtype = property(lambda self: self._made()._dtype, doc="Of parameters, samples and gradients.")
    n_parameters = property(lambda self: self._made()._n_parameters, doc="Weights and biases.")
    address = property(lambda self: self._address, doc="Of the fastnet_model, valid as long as this object lives.")
    capsule = property(lambda self: self._capsule, doc='A capsule "fastnet_model" that keeps this object alive.')

    @property
    def ctypes(self):
        """The functions for this dtype, ready to call."""
        return model_functions(self._address, self._dtype)

    def _made(self):
        self._check_made()
        return self

    def __repr__(self):
        if not hasattr(self, "_n_parameters"):
            return "<TrainingModel that was never initialised>"
        return f"TrainingModel({list(self.sizes)}, dtype={self.dtype.name!r})"
