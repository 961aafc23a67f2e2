"""Derivatives of a net: by its inputs, by its parameters, of first and second order.

`Differentiable` gives them to Network, the functions below it serve FrozenNetwork where an argument
needs converting.  The equations are in docs/theory.md, section "Derivatives of a net"; kernels in
_core/first_order.pyx, second_order.pyx and src_c/derive.inc; fastnet.reference has the same in pure
Python.

Every activation has a first derivative everywhere, at a kink the one that its page states.  A second
derivative that does not exist is what the kernel's formula gives: relu, leaky_relu, hard_sigmoid and
hard_tanh have 0 everywhere, elu and selu at 0 that from the left, softsign 0 at 0.  The Laplacian and
Hessian products of such a net leave out what its kinks would add (delta functions, of measure 0).
"""

import numpy as np

from fastnet import _checks
from fastnet.custom_activations import check_second_derivatives


class Differentiable:
    """The derivatives of Network: a batch (m, n_in) gives one result a sample, a sample (n_in,) its own.  By the cost,
    `per_sample_gradients` and `input_gradient` give a row a sample, one row for one; `hessian_vector` is of the mean.
    Ctrl-C raises KeyboardInterrupt within some 10 ms, and what was found by then is lost."""

    def _derivatives(self, parameters=None):
        from fastnet._core.derivatives import Derivatives           # four compiled modules that not every user needs
        return Derivatives(self.sizes, *self._codes(self.sizes[-1], self.dtype),
                           self.parameters if parameters is None else parameters)

    def _chain(self, array, **axes):
        """Derivatives of the layers as derivatives of the net: the same, but for a net that scales."""
        if self.scaling is None:
            return array
        from fastnet.scaling import chain
        return chain(self, array, **axes)

    def jacobian(self, X):
        """Derivatives of the outputs by the inputs.

        Parameters
        ----------
        X : array_like of shape (m, n_in) or (n_in,)

        Returns
        -------
        ndarray of shape (m, n_out, n_in) or (n_out, n_in)
            ∂a_j^L/∂x_k at [..., j, k].

        Raises
        ------
        ValueError
            If the shape does not fit the net.

        Notes
        -----
        Unit vectors go through the net from the outputs down (BP2) or from the inputs up, whichever is
        less work: exact, no differences.  A. Griewank, A. Walther, Evaluating Derivatives, 2008, chapter 3.

        Examples
        --------
        >>> import fastnet as fn
        >>> net = fn.Network([2, 1], activation="identity", init=([[[3.0, 5.0]]], [[0.0]]))
        >>> net.jacobian([0.5, 0.5])
        array([[3., 5.]])
        """
        X, single = _checks.check_scaled(self, X)
        return self._chain(self._into(X, single, (self.sizes[-1], self.sizes[0]), "jacobian"), outputs=-2, inputs=-1)

    def parameter_jacobian(self, X):
        """Derivatives of the outputs by the parameters.

        Parameters
        ----------
        X : array_like of shape (m, n_in) or (n_in,)

        Returns
        -------
        ndarray of shape (m, n_out, n_parameters) or (n_out, n_parameters)
            Along the last axis laid out like `parameters`.

        Raises
        ------
        ValueError
            If the shape does not fit the net.

        Notes
        -----
        BP2-BP4 with a unit vector in place of ∇_a C, for each output: what least squares
        (Levenberg-Marquardt, Gauss-Newton) and the linearised net (neural tangents) are built from.

        Examples
        --------
        >>> import fastnet as fn
        >>> net = fn.Network([2, 1], activation="identity", init=([[[3.0, 5.0]]], [[0.0]]))
        >>> net.parameter_jacobian([0.5, 0.25])
        array([[0.5 , 0.25, 1.  ]])
        """
        X, single = _checks.check_scaled(self, X)
        return self._chain(self._into(X, single, (self.sizes[-1], self.n_parameters), "parameter_jacobian"), outputs=-2)

    def per_sample_gradients(self, X, Y):
        """The gradient of each sample's cost by the parameters.

        Parameters
        ----------
        X : array_like of shape (m, n_in) or (n_in,)
        Y : array_like of shape (m, n_out), or integer labels of shape (m,) where n_out > 1

        Returns
        -------
        ndarray of shape (m, n_parameters)
            Row x is ∂C_x/∂θ; their mean over rows is the gradient that `value_and_gradient` returns.

        Raises
        ------
        ValueError
            If a shape does not fit the net, or X and Y differ in length.

        Examples
        --------
        >>> import fastnet as fn, numpy as np
        >>> net, X, Y = fn.Network([2, 3, 1], seed=0), [[0, 1], [1, 1]], [[1], [0]]
        >>> bool(np.allclose(net.per_sample_gradients(X, Y).mean(axis=0), net.value_and_gradient(X, Y)[1]))
        True
        """
        X, Y = self._samples(X, Y)
        return self._into(X, False, (self.n_parameters,), "per_sample_gradients", Y)

    def input_gradient(self, X, Y):
        """How the cost of each sample answers to its inputs.

        Parameters
        ----------
        X : array_like of shape (m, n_in) or (n_in,)
        Y : array_like of shape (m, n_out), or integer labels of shape (m,) where n_out > 1

        Returns
        -------
        ndarray of shape (m, n_in)
            ∂C_x/∂x, with no 1/m.

        Raises
        ------
        ValueError
            If a shape does not fit the net, or X and Y differ in length.

        Examples
        --------
        >>> import fastnet as fn
        >>> net = fn.Network([2, 1], activation="identity", init=([[[3.0, 5.0]]], [[0.0]]))
        >>> net.input_gradient([[1.0, 1.0]], [[6.0]])          # (a - y) w = 2 w
        array([[ 6., 10.]])
        """
        X, Y = self._samples(X, Y)
        return self._chain(self._into(X, False, (self.sizes[0],), "input_gradient", Y), inputs=-1)

    def jvp(self, X, V):
        """The derivative of the outputs along directions in the inputs: ∂a^L/∂x v; forward mode.

        Parameters
        ----------
        X : array_like of shape (m, n_in) or (n_in,)
        V : array_like of the shape of X

        Returns
        -------
        ndarray of shape (m, n_out) or (n_out,)

        Raises
        ------
        ValueError
            If a shape does not fit the net, or X and V differ.

        Examples
        --------
        >>> import fastnet as fn
        >>> net = fn.Network([2, 1], activation="identity", init=([[[3.0, 5.0]]], [[0.0]]))
        >>> net.jvp([0.5, 0.5], [1.0, -1.0])
        array([-2.])
        """
        X, single = _checks.check_scaled(self, X)
        V = _checks.check_directions("V", V, len(X), single, self.sizes[0], self.dtype)
        V = V if self.scaling is None else self._chain(V.copy(), inputs=-1)
        return self._chain(self._into(X, single, (self.sizes[-1],), "jvp", V), outputs=-1)

    def vjp(self, X, U):
        """How u·a^L answers to each input: uᵀ ∂a^L/∂x; reverse mode, the adjoint of `jvp`.

        Parameters
        ----------
        X : array_like of shape (m, n_in) or (n_in,)
        U : array_like of shape (m, n_out) or (n_out,)

        Returns
        -------
        ndarray of shape (m, n_in) or (n_in,)

        Raises
        ------
        ValueError
            If a shape does not fit the net, or X and U differ in length.

        Examples
        --------
        >>> import fastnet as fn
        >>> net = fn.Network([2, 1], activation="identity", init=([[[3.0, 5.0]]], [[0.0]]))
        >>> net.vjp([0.5, 0.5], [2.0])
        array([ 6., 10.])
        """
        X, single = _checks.check_scaled(self, X)
        U = _checks.check_directions("U", U, len(X), single, self.sizes[-1], self.dtype)
        U = U if self.scaling is None else self._chain(U.copy(), outputs=-1)
        return self._chain(self._into(X, single, (self.sizes[0],), "vjp", U), inputs=-1)

    def hessian_vector(self, X, Y, v):
        """The Hessian of the mean cost in parameter space, times a vector; exact.

        Parameters
        ----------
        X : array_like of shape (m, n_in) or (n_in,)
        Y : array_like of shape (m, n_out), or integer labels of shape (m,) where n_out > 1
        v : array_like of shape (n_parameters,)
            Laid out like `parameters`.

        Returns
        -------
        ndarray of shape (n_parameters,)
            ∂²C/∂θ² v = d/dε ∂C/∂θ at θ + ε v, ε = 0.

        Raises
        ------
        ValueError
            If a shape does not fit the net, or X and Y differ in length; if the cost is one of your own,
            whose second derivatives are not known.

        Notes
        -----
        Two passes forward and back, no differences: the R-operator of B. Pearlmutter, Fast exact
        multiplication by the Hessian, 1994.  The Hessian is symmetric, but not positive
        definite in general.  At kinks of activations see fastnet.derivatives; mae and quantile bend
        nowhere, huber not beyond its delta.

        Examples
        --------
        >>> import fastnet as fn
        >>> net = fn.Network([2, 1], activation="identity", init=([[[3.0, 5.0]]], [[0.0]]))
        >>> net.hessian_vector([[1.0, 2.0]], [[0.0]], [1.0, 0.0, 0.0])       # (x, 1) (x, 1)ᵀ v
        array([1., 2., 1.])
        """
        check_second_derivatives(self.activations)
        _checks.check_known_curvature(self.cost_name, self._codes(self.sizes[-1], self.dtype)[1].kind)
        X, Y = self._samples(X, Y)
        v = _checks.check_vector("v", v, self.n_parameters, self.dtype)
        out = np.zeros(self.n_parameters, self.dtype)
        self._derivatives().hessian_vector(X, Y, v, out)
        return out

    def laplacian(self, X):
        """Σ_i ∂²a^L/∂x_i² of every output.

        Parameters
        ----------
        X : array_like of shape (m, n_in) or (n_in,)

        Returns
        -------
        ndarray of shape (m, n_out) or (n_out,)

        Raises
        ------
        ValueError
            If the shape does not fit the net.

        Notes
        -----
        One sweep forward that carries ∂a/∂x_i and Σ_i ∂²a/∂x_i², no nested differences: n_in + 2 times
        the work of a forward pass.  At kinks of activations see fastnet.derivatives.

        Examples
        --------
        >>> import fastnet as fn
        >>> net = fn.Network([2, 1], activation="gaussian", init=([[[1.0, 2.0]]], [[0.0]]))
        >>> net.laplacian([0.0, 0.0])              # (1² + 2²) gaussian''(0)
        array([-10.])
        """
        check_second_derivatives(self.activations)
        if self.scaling is None:
            X, single = _checks.check_dense(X, self.sizes[0], self.dtype)
            return self._into(X, single, (self.sizes[-1],), "laplacian")
        from fastnet.scaling import divided
        X, single = _checks.check_inputs(X, self.sizes[0], self.dtype, raw=True)
        X = self.scaling._centred(X, self.dtype)
        return self._chain(self._into(X, single, (self.sizes[-1],), "laplacian", parameters=divided(self)), outputs=-1)

    def _samples(self, X, Y):
        X, Y, _, _ = _checks.check_samples(self, X, Y, dense=True)
        return X, _checks.one_hot(Y, self.sizes[-1], self.dtype) if Y.ndim == 1 else Y

    def _into(self, X, single, shape, wanted, *more, parameters=None):
        """A new array with `shape` for each row of X, filled by a method of the compiled Derivatives."""
        out = np.empty((len(X), *shape), self.dtype)
        if out.size:
            getattr(self._derivatives(parameters), wanted)(X, *more, out)
        return out[0] if single else out


# -- frozen nets -------------------------------------------------------------

def frozen_jacobian(net, X, out=None, value=False):
    """`jacobian` and `value_and_jacobian` of a frozen net, for arguments of any kind."""
    X, single = _checks.check_dense(X, net.sizes[0], net.dtype)
    shapes = (len(X), net.sizes[-1]), (len(X), net.sizes[-1], net.sizes[0])
    if out is None:
        a, jacobian = (np.empty(shape, net.dtype) for shape in shapes)
        net._jacobian_into(X, a, jacobian)
        results = (a[0], jacobian[0]) if single else (a, jacobian)
        return results if value else results[1]
    if value:
        targets = _checks.check_pair("out", out)
    else:
        targets, shapes = (out,), shapes[1:]
    results = [Target(target, shape, single, net.dtype, X) for target, shape in zip(targets, shapes)]
    if value and np.may_share_memory(*targets):
        raise ValueError("out must be two arrays that do not overlap")
    net._jacobian_into(X, results[0].rows if value else None, results[-1].rows)
    for result in results:
        result.deliver()
    return out


def frozen_product(net, forward, X, V, out=None):
    """`jvp`, or `vjp` where not forward, of a frozen net, for arguments of any kind."""
    n_in, n_out = net.sizes[0], net.sizes[-1]
    X, single = _checks.check_dense(X, n_in, net.dtype)
    V = _checks.check_directions("V" if forward else "U", V, len(X), single, n_in if forward else n_out, net.dtype)
    shape = (len(X), n_out if forward else n_in)
    target = Target(np.empty(shape[1:] if single else shape, net.dtype) if out is None else out, shape, single, net.dtype, X, V)
    net._product_into(forward, X, V, target.rows)
    return target.deliver()


class Target:
    """The caller's array, and rows (m, ...) to compute into: its own, or others where it does not serve."""

    def __init__(self, out, shape, single, dtype, *inputs):
        self.out = out
        self.direct = _checks.check_out(out, shape[1:] if single else shape, dtype, inputs[0])
        if any(_checks.overlap(self.direct, array) for array in inputs[1:]):
            self.direct = np.empty_like(self.direct)
        self.rows = self.direct.reshape(shape)

    def deliver(self):
        if self.direct is not self.out:
            self.out[...] = self.direct
        return self.out
