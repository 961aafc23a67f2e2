"""FrozenNetwork: a trained net to be called from anywhere, by any number of threads at once."""

import numpy as np

from fastnet import _checks
from fastnet._core.frozen import FrozenEngine
from fastnet._predict import predict_checked
from fastnet.custom_activations import code_of


class FrozenNetwork(FrozenEngine):
    """An immutable copy of a net, packed for inference; made by `Network.freeze`.

    It keeps what it needs: the Network it came from may be trained on or freed.  A call has its
    work space to itself, so one frozen net may be called by any number of threads at once, with
    the same bits as from one.  Derivatives take the weights the other way round, so they may lie
    there packed twice: with the plain parameters up to three times the Network's memory.

    Attributes
    ----------
    sizes : tuple of int
        Neurons a layer, input first.
    activations : tuple of str
        One name per layer after the input.
    dtype : numpy.dtype

    Examples
    --------
    >>> import fastnet as fn, numpy as np
    >>> f = fn.Network([2, 3, 1], seed=0).freeze()
    >>> out = np.empty(1)
    >>> f(np.array([0.0, 1.0]), out) is out
    True
    >>> f([[0, 1], [1, 1]]).shape
    (2, 1)
    """

    __slots__ = ("_activations", "_dtype", "_parameters")

    def __init__(self, sizes, codes, parameters, activations):
        self._activations = activations         # those of the user's own live as long as this
        self._dtype = parameters.dtype
        self._parameters = parameters
        parameters.flags.writeable = False

    activations = property(lambda self: self._activations, doc="One name per layer after the input.")
    dtype = property(lambda self: self._dtype, doc="Of the parameters and all that is computed.")
    parameters = property(lambda self: self._parameters, doc="The flat parameter vector, read-only.")

    @property
    def address(self):
        """Where the net lies: the `const fastnet_net *` of fastnet.h, as an int.

        Valid as long as this object lives.  docs/embedding.md has the functions that take it.
        """
        return self._address

    @property
    def capsule(self):
        """The net in a PyCapsule named "fastnet_net", which keeps this object alive.

        In C `fastnet_net_of(f)` of fastnet_python.h takes it out, in Cython the same function of
        `fastnet.embed.capi`.
        """
        return self._capsule

    @property
    def ctypes(self):
        """The functions of fastnet.h for this net's dtype, as ctypes functions with their argument types.

        Returns
        -------
        types.SimpleNamespace
            owner, the net's address as ctypes.c_void_p, and the functions::

                workspace_size(owner, m)                       bytes
                eval(owner, m, x, y, workspace)                y (m, n_out)
                jacobian(owner, m, x, jacobian, workspace)     (m, n_out, n_in)
                value_and_jacobian(owner, m, x, y, jacobian, workspace)
                jvp(owner, m, x, v, out, workspace)            v (m, n_in), out (m, n_out)
                vjp(owner, m, x, u, out, workspace)            u (m, n_out), out (m, n_in)

            m is a size_t, every array an address (`array.ctypes.data`) of contiguous values of the
            net's dtype, the result an int.  They check nothing.  Their twins eval_checked, ...
            take the number of values after each array and the bytes of the work space at the end, and
            return an error code; error_text(code) says what it means.

        Notes
        -----
        ctypes lets go of Python's lock while a function runs.  Keep this object while its functions
        are called.

        Examples
        --------
        >>> import numpy as np
        >>> import fastnet as fn
        >>> f = fn.Network([2, 1], activation="identity", init=[3.0, 5.0, 1.0]).freeze()
        >>> call, x, y = f.ctypes, np.array([0.5, 0.5]), np.empty(1)
        >>> work = np.empty(call.workspace_size(call.owner, 1), np.uint8)
        >>> call.eval(call.owner, 1, x.ctypes.data, y.ctypes.data, work.ctypes.data), y
        (0, array([5.]))
        >>> code = call.eval_checked(call.owner, 1, x.ctypes.data, 3, y.ctypes.data, 1, work.ctypes.data, work.size)
        >>> call.error_text(code)
        'an array does not have the length that m samples need'
        """
        from fastnet.embed.ctypes_calls import net_functions
        return net_functions(self._address, self._dtype)

    def predict(self, X, out=None, threads=1):
        """The same as calling; `threads` may share the rows of a batch."""
        return self(X, out) if threads == 1 else self._predict(X, out, threads)

    def _predict(self, X, out, threads):
        return predict_checked(self, X, out, threads)

    def export_c(self, path, name=None, header=None):
        """Write the net as one C99 file that needs libm and nothing else.

        Parameters
        ----------
        path : str or os.PathLike
            Where to; an existing file is replaced, once the new one is complete.
        name : str, optional
            Prefix of every symbol, so that several nets link into one program; None: the file's name without its
            ending, if it is an identifier, else "net".
        header : str or os.PathLike, optional
            Where to write the declarations as a header too.

        Raises
        ------
        ValueError
            If a parameter is NaN or infinite, or `name` is no identifier.
        OSError
            If a file cannot be written; what was there before is then still there.
        TypeError
            If an argument is of another kind.

        Notes
        -----
        The file defines, for x (n_in,) and y (n_out,) of the net's dtype, with NAME for `name`::

            void NAME_value(const double *x, double *y);
            void NAME_value_batch(size_t m, const double *x, double *y);
            void NAME_value_and_jacobian(const double *x, double *y, double *jacobian);
            void NAME_vjp(const double *x, const double *u, double *y, double *result);

        Every function is re-entrant and allocates nothing.  Weights are hexadecimal literals, exact.  Compiled with
        -DFASTNET_SELFTEST the file is a program that checks itself against vectors computed in float64.
        docs/embedding.md says more.

        Examples
        --------
        >>> import os, tempfile
        >>> import fastnet as fn
        >>> f = fn.Network([2, 3, 1], seed=0).freeze()
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     path = os.path.join(folder, "net.c")
        ...     f.export_c(path)
        ...     text = open(path).read()
        >>> "void net_value(const double *x, double *y);" in text
        True
        """
        from fastnet.embed.c_export import export_c
        export_c(self, path, name, header)

    def export_fortran(self, path, name=None, selftest=None):
        """Write the net as one self-contained Fortran 2008 module.

        Parameters
        ----------
        path : str or os.PathLike
            Where to; an existing file is replaced, once the new one is complete.
        name : str, optional
            Of the module; None: the file's name without its ending, if it is an identifier, else "net".
        selftest : str or os.PathLike, optional
            Where to write a program that checks the module against vectors computed in float64.

        Raises
        ------
        ValueError, OSError, TypeError
            As `export_c` does.

        Notes
        -----
        The module's public procedures are pure: ``value(x)``, ``value_batch(x)`` and
        ``value_and_jacobian(x, y, jacobian)``, with x (n_in) and y (n_out) of kind ``wp``, batches (n_in, m) and
        (n_out, m), a sample a column, and jacobian (n_out, n_in).  Weights are decimal literals that read back exactly.

        Examples
        --------
        >>> import os, tempfile
        >>> import fastnet as fn
        >>> f = fn.Network([2, 3, 1], seed=0).freeze()
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     path = os.path.join(folder, "surrogate.f90")
        ...     f.export_fortran(path)
        ...     text = open(path).read()
        >>> "module surrogate" in text
        True
        """
        from fastnet.embed.fortran_export import export_fortran
        export_fortran(self, path, name, selftest)

    def low_level_callable(self, kind, *, output=None, inputs=None, fixed=None):
        """The net as a `scipy.LowLevelCallable`: scipy calls it in C, with no Python in between.

        Parameters
        ----------
        kind : str
            What will call it: "quad", "nquad", "dblquad" or "tplquad" of scipy.integrate, "ndimage.generic_filter",
            "ndimage.generic_filter1d" or "ndimage.geometric_transform".
        output : int, optional
            Which of the net's outputs; needed where there is more than one.  A geometric transform takes all of them.
        inputs : sequence of int, optional
            The inputs that scipy's variables go to, first variable first; None: those that are not fixed, in order.
        fixed : dict, optional
            Inputs that keep a value: {input: number}.

        Returns
        -------
        scipy.LowLevelCallable
            It keeps the net alive.  Any number of threads may call it at once; its results are the bits of `f(x)`.

        Raises
        ------
        ValueError, TypeError
            If `kind` is none of these, `inputs` and `fixed` do not name every input once, or `output` is missing.

        Notes
        -----
        No other scipy routine takes low-level callables: solve_ivp, root, minimize and the rest call Python
        functions, such as the frozen net's own methods; docs/embedding.md has an example of each.

        Integrals: the variables are the integration variables, innermost first, then what scipy's `args` gives.
        quad passes all of them (``double (int, double *, void *)``), so another number of them gives NaN rather
        than a wrong integral.  Filters: the values under the footprint, as scipy orders them, are the variables, and
        another number of them is a RuntimeError.  scipy's numbers are double: a float32 net rounds them on their way in.
        A call's work space lies on the stack, or, beyond 32 KiB (layers some thousand wide), comes from malloc.

        Examples
        --------
        The integral of 3 x0 + 5 x1 + 1 over x0 from 0 to 2, x1 held at 1:

        >>> import fastnet as fn
        >>> from scipy.integrate import quad
        >>> f = fn.Network([2, 1], activation="identity", init=([[[3.0, 5.0]]], [[1.0]])).freeze()
        >>> round(quad(f.low_level_callable("quad", fixed={1: 1.0}), 0, 2)[0], 10)
        18.0
        """
        from fastnet.embed.scipy_callables import low_level_callable
        return low_level_callable(self, kind, output, inputs, fixed)

    def numba(self):
        """The net for functions that numba compiles.

        Returns
        -------
        NumbaNetwork
            With the methods ``value(x, out=None)``, ``jacobian(x, out=None)``, ``value_and_jacobian(x, out=None)``,
            ``jvp(x, v, out=None)`` and ``vjp(x, u, out=None)``, inside functions under ``numba.njit`` and outside of them.

        Raises
        ------
        ImportError
            If numba is not installed.

        Notes
        -----
        Arrays are C-contiguous, of the net's dtype, (n,) or batches (m, n); other kinds are a TypingError when numba
        compiles the caller, other shapes a ValueError when it runs.  `out` must not overlap what is read.  With
        `out` a call on one sample allocates nothing, up to a work space of 16 KiB (nets some hundred wide).

        Calls are re-entrant: use them in ``prange``, results are the bits of one thread.  A function that takes the net as an
        argument serves every net of the same dtype, inputs and outputs with one compilation and may be cached
        (``cache=True``).  One that finds it as a global or in its closure has its address in the code: numba refuses to
        cache that, and the code keeps the net alive.  What holds the net in another way, as a jitclass does,
        must see to it that this object lives on.

        Examples
        --------
        >>> import fastnet as fn, numba, numpy as np
        >>> f = fn.Network([2, 1], activation="identity", init=([[[3.0, 5.0]]], [[1.0]])).freeze()
        >>> @numba.njit
        ... def euler(net, x, n):
        ...     for _ in range(n):
        ...         x = x + 0.5 * net.value(x)
        ...     return x, net.jacobian(x)
        >>> euler(f.numba(), np.zeros(2), 1)
        (array([0.5, 0.5]), array([[3., 5.]]))
        """
        try:
            from fastnet.embed.numba_calls import NumbaNetwork
        except ImportError as error:
            raise ImportError("FrozenNetwork.numba needs numba, which cannot be imported: python -m pip install numba") from error
        return NumbaNetwork(self)

    def _jacobian(self, X, out):
        from fastnet.derivatives import frozen_jacobian
        return frozen_jacobian(self, X, out)

    def _value_and_jacobian(self, X, out):
        from fastnet.derivatives import frozen_jacobian
        return frozen_jacobian(self, X, out, value=True)

    def _product(self, forward, X, V, out):
        from fastnet.derivatives import frozen_product
        return frozen_product(self, forward, X, V, out)

    def __repr__(self):
        return f"FrozenNetwork({list(self.sizes)}, dtype={self.dtype.name!r})"

    def __reduce__(self):
        return freeze, (self.sizes, self.activations, np.array(self.parameters))

    def __copy__(self):
        return self

    def __deepcopy__(self, memo):
        return self


def freeze(sizes, activations, parameters):
    """A frozen net; `parameters` is its own from now on."""
    for name in activations:
        if getattr(name, "python", False):
            raise TypeError(f"activation {str(name)!r} must be compiled code in a frozen net; got Python functions")
    codes = tuple(code_of(name, parameters.dtype) for name in activations)
    return FrozenNetwork(sizes, codes, parameters, activations)
