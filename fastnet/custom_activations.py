"""Activations of the user's own: Python functions on whole arrays, and compiled code."""

import numpy as np

from fastnet import _checks
from fastnet._core import kernels
from fastnet._core.users import Entry


class Custom(str):
    """An activation of your own; made by `fastnet.activations.custom`.

    It is its name, so that it stands where names of activations stand, and carries its functions.
    """

    def __new__(cls, name, functions, dtype, context):
        self = super().__new__(cls, name)
        self.functions, self.dtype, self.context = functions, dtype, context
        self._entries = {}
        return self

    @property
    def python(self):
        """Whether it is Python functions, which the plain engine alone calls."""
        return self.dtype is None

    @property
    def has_second(self):
        return bool(self.functions[2])

    def code(self, dtype):
        """How kernels of a dtype know it, as long as this object lives."""
        dtype = np.dtype(dtype)
        if dtype not in self._entries:
            self._entries[dtype] = self._entry(dtype)
        return self._entries[dtype].code

    def _entry(self, dtype):
        if self.python:
            return Entry(dtype, functions=tuple(self._checked(what, function) for what, function in
                                                zip(("value", "derivative", "second_derivative"), self.functions)))
        if self.dtype != dtype:
            raise ValueError(f"activation {str(self)!r} is compiled for {self.dtype.name}; the net's dtype is {dtype.name}")
        return Entry(dtype, [_checks.address_of(function) for function in self.functions], _checks.address_of(self.context))

    def _checked(self, what, function):
        what = f"the {what} of activation {str(self)!r}"
        return lambda Z: np.ascontiguousarray(_checks.check_custom(what, function(Z), Z.shape, Z.dtype))

    def _kept(self):
        return str(self), self.functions, self.dtype, self.context

    def __repr__(self):
        return f"<custom activation {str(self)!r}: {'Python functions' if self.python else f'compiled, {self.dtype.name}'}>"

    def __eq__(self, other):
        return self is other or (self._kept() == other._kept() if isinstance(other, Custom) else False)

    def __ne__(self, other):
        return not self == other

    def __hash__(self):
        return hash(str(self))

    def __reduce__(self):
        if not self.python:
            raise TypeError(f"activation {str(self)!r} is compiled code of this process and can't be pickled")
        return Custom, self._kept()

    def __deepcopy__(self, memo):
        return self


def custom(value, derivative, second_derivative=None, *, name="custom", dtype="float64", context=None):
    """An activation of your own, in Python or compiled.

    Parameters
    ----------
    value, derivative : callables, or compiled functions
        f(z) and f'(z), elementwise.  In Python: from an array (n,) of the net's dtype to one of the same
        shape.  Compiled: addresses, as ints, ctypes function pointers or numba cfuncs, of the
        signature under Notes.
    second_derivative : likewise, optional
        f''(z), which `laplacian` and `hessian_vector` need.
    name : str
        What reports and files call it; not that of an activation of fastnet's, nor that of another of yours in the same net.
    dtype : {"float64", "float32"}
        Of compiled code: the only dtype of nets that it serves.
    context : int or ctypes pointer, optional
        Handed to compiled code.

    Returns
    -------
    Custom
        For `activation` and `output` of Network, where names go.

    Raises
    ------
    ValueError
        If the name is taken, or compiled code gives NaN or infinity at z = 0.
    TypeError
        If the functions are neither all compiled code nor all callables.

    Notes
    -----
    Compiled code runs on all paths, a few values or many a call::

        void f(ptrdiff_t n, const double *z, double *out, void *context);

    writes f(z_i), or the derivative, to out_i for i < n; `float` in the place of `double` for float32.
    z and out may be the same array.  It is called without Python's lock, from any thread, must
    not fail, and is called on padding too, with z = 0.  (A ctypes function made from a Python one takes
    the lock by itself; what it raises is printed and lost: give the Python function instead.)

    Python functions are called once a layer and batch, by the plain engine: slower, the more so the
    smaller the batch.  What they raise comes out of the call; `fit` leaves the net as the last finished
    batch did.  Nets with Python activations can't be frozen; those with any of your own can't be
    exported.  A file holds the name alone, and `fn.load` and `fn.resume` then want the activation.

    Training keeps z for it, as for every activation whose derivative is not taken from a.

    Examples
    --------
    >>> import numpy as np
    >>> import fastnet as fn
    >>> square = fn.activations.custom(lambda z: z * z, lambda z: 2 * z, name="square")
    >>> net = fn.Network([1, 1], activation=square, init=([[[3.0]]], [[1.0]]))
    >>> net([2.0]), net.activations
    (array([49.]), (<custom activation 'square': Python functions>,))
    """
    name = _checks.check_name("name", name)
    if name in kernels.ACTIVATIONS:
        raise ValueError(f"name must not be that of an activation of fastnet's; got {name!r}")
    given = (value, derivative, second_derivative)
    addresses = [_checks.compiled_code(function) for function in given]
    kinds = {"compiled" if address else "callable" if callable(function) else "neither"
             for function, address in zip(given, addresses) if function is not None}
    if None in given[:2] or kinds not in ({"compiled"}, {"callable"}):
        raise TypeError("value, derivative and second_derivative must be callables, or all of them compiled code (addresses, "
                        f"ctypes functions, numba cfuncs); got {', '.join(map(_checks.describe, given))}")
    if kinds == {"callable"}:
        return Custom(name, given, None, None)
    activation = Custom(name, given, _checks.check_dtype(dtype), context)
    _check_padding(activation)
    return activation


def _check_padding(activation):
    """What compiled code gives at 0, which pads vectors, must be finite."""
    zero = np.zeros(1, activation.dtype)
    code = activation.code(activation.dtype)
    for what in ("value", "derivative", "second_derivative")[:3 if activation.has_second else 2]:
        if not np.isfinite(kernels.by_code(code, what, zero)).all():
            raise ValueError(f"{what} must be finite at z = 0, which pads vectors; got NaN or infinity")


def code_of(name, dtype):
    """How kernels of a dtype know an activation."""
    return name.code(dtype) if isinstance(name, Custom) else kernels.ACTIVATIONS.index(name)


def with_given(names, given):
    """The activations that names in a file stand for; `given` are those of the user's own, one or several."""
    given = [] if given is None else [given] if isinstance(given, str) else list(given)
    for one in given:
        if not isinstance(one, Custom):
            raise TypeError(f"activation must be what fastnet.activations.custom made, or several; got {_checks.describe(one)}")
    given = _checks.check_own_names(given)
    for name in names:
        if name not in kernels.ACTIVATIONS and name not in given:
            raise ValueError(f"activation {name!r} is not fastnet's: if it is one of your own, give it as activation=...")
    return [given.get(name, name) for name in names]


def check_second_derivatives(activations):
    """For what needs f'' of every layer."""
    for name in activations:
        if isinstance(name, Custom) and not name.has_second:
            raise ValueError(f"activation {str(name)!r} must have a second derivative here; got none: "
                             "fastnet.activations.custom takes it as second_derivative")
