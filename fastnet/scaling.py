"""Scaling inside a net: x' = (x − offset) / unit goes in, y = a unit + offset comes out.

A net trains best where inputs and targets are near 1.  Scaling brings them there, by maps that are
learned from the training samples, kept with the net and part of every output and derivative.
Everything about the maps is float64, whatever the net's dtype; docs/scaling.md has the equations.
"""

import numpy as np

from fastnet import _checks, _checks_scaling
from fastnet._core.samples import Compressed
from fastnet._vectors import aligned_vector, views

BLOCK_ROWS = 1024      # rows that are float64 at a time


class Scaling:
    """The maps around a net, immutable.

    Parameters
    ----------
    inputs : (offset, unit), optional
        Each of shape (n_in,), or one number for all: x' = (x − offset) / unit.  None: x as it is.
    targets : (offset, unit), optional
        Each of shape (n_targets,), or one number: y' = (y − offset) / unit is what the net learns, and
        a unit + offset what it gives.  None: as they are.

    Attributes
    ----------
    input_offset, input_unit, target_offset, target_unit : ndarray of float64, or None

    Raises
    ------
    ValueError, TypeError
        If a vector is not finite, or a unit not above 0.

    Examples
    --------
    >>> import fastnet as fn
    >>> net = fn.Network([1, 1], activation="identity", init=[2.0, 1.0])
    >>> net.scaling = fn.Scaling(inputs=(100.0, 10.0))
    >>> net([120.0])                                     # 2 (120 - 100) / 10 + 1
    array([5.])
    >>> net.jacobian([120.0])
    array([[0.2]])
    """

    __slots__ = ("input_factor", "input_offset", "input_unit", "target_offset", "target_unit")

    def __init__(self, inputs=None, targets=None):
        self._set("input_offset", "input_unit", _checks_scaling.check_map("inputs", inputs))
        self._set("target_offset", "target_unit", _checks_scaling.check_map("targets", targets))
        object.__setattr__(self, "input_factor", None if inputs is None else frozen(np.asarray(1 / self.input_unit)))

    def _set(self, offset, unit, pair):
        object.__setattr__(self, offset, pair and frozen(pair[0]))
        object.__setattr__(self, unit, pair and frozen(pair[1]))

    def __setattr__(self, name, value):
        raise AttributeError("a Scaling can't be changed; make a new one")

    inputs = property(lambda self: None if self.input_unit is None else (self.input_offset, self.input_unit),
                      doc="(offset, unit), or None.")
    targets = property(lambda self: None if self.target_unit is None else (self.target_offset, self.target_unit),
                       doc="(offset, unit), or None.")

    def __eq__(self, other):
        if type(other) is not Scaling:
            return NotImplemented
        return all((a is None) == (b is None) and (a is None or all(map(np.array_equal, a, b)))
                   for a, b in ((self.inputs, other.inputs), (self.targets, other.targets)))

    __hash__ = None

    def __repr__(self):
        given = [(name, pair) for name, pair in (("inputs", self.inputs), ("targets", self.targets)) if pair is not None]
        with np.printoptions(precision=4, threshold=6, edgeitems=2):
            return f"Scaling({', '.join(f'{name}=({offset}, {unit})' for name, (offset, unit) in given)})"

    def __reduce__(self):
        return Scaling, (self.inputs, self.targets)

    # -- there ---------------------------------------------------------------

    def _inputs(self, X, dtype):
        """A new array (m, n_in) of x', in `dtype`; of Compressed rows, rows that keep their zeros where offsets are 0."""
        if self.input_unit is None:
            return converted(X, dtype)
        if isinstance(X, Compressed):
            if not self.input_offset.any():
                return Compressed(X.shape, (X.values * self.input_factor[X.columns]).astype(dtype), X.columns, X.starts)
            return stacked(X.shape, dtype, lambda rows: self._rows(X.dense(rows.start, rows.stop), dtype))
        return stacked(X.shape, dtype, lambda rows: self._rows(X[rows], dtype))

    def _rows(self, X, dtype):
        """x' of dense rows."""
        centred = np.subtract(X, self.input_offset, dtype=np.float64)
        return np.multiply(centred, self.input_factor, out=centred).astype(dtype, copy=False)

    def _centred(self, X, dtype):
        """x − offset in a new array: what first-layer weights divided by the units take."""
        if self.input_unit is None:
            return converted(X, dtype)
        return stacked(X.shape, dtype, lambda rows: np.subtract(X[rows], self.input_offset, dtype=np.float64))

    def _targets(self, Y, dtype):
        """y' of targets; labels as they are."""
        if Y.ndim == 1:
            return Y
        if self.target_unit is None:
            return converted(Y, dtype)
        return ((Y - self.target_offset) / self.target_unit).astype(dtype)

    # -- and back ------------------------------------------------------------

    def _output_map(self, cost):
        """(offset, unit) of the outputs of a net that learns by `cost`, or None."""
        return None if self.target_unit is None else cost.output_map(self.target_offset, self.target_unit)

    def _fits(self, net):
        """This scaling with a number for each input and target of `net`, or an error."""
        return Scaling(*_checks_scaling.check_fits(self, net))


def frozen(vector):
    vector.flags.writeable = False
    return vector


def converted(array, dtype):
    """As it is but for its dtype, and contiguous."""
    if isinstance(array, Compressed):
        return array if array.dtype == dtype else Compressed(array.shape, array.values.astype(dtype), array.columns, array.starts)
    return np.require(array, dtype, ["C_CONTIGUOUS", "ALIGNED"])


def stacked(shape, dtype, rows_of):
    """rows_of(slice) for blocks of rows, in one array."""
    out = np.empty(shape, dtype)
    for start in range(0, shape[0], BLOCK_ROWS):
        rows = slice(start, min(start + BLOCK_ROWS, shape[0]))
        out[rows] = rows_of(rows)
    return out


# -- outputs and derivatives --------------------------------------------------

def predict_scaled(net, X, out, threads):
    """`predict` of a net that scales, for arguments of any kind: some rows at a time between the two maps."""
    X, single = _checks.check_inputs(X, net.sizes[0], net.dtype, raw=True)
    threads = _checks.check_threads(threads)
    shape = (len(X), net.sizes[-1])
    if out is None:
        target = np.empty(shape[1:] if single else shape, net.dtype)
    else:
        target = _checks.check_out(out, shape[1:] if single else shape, net.dtype, X, net.parameters)
    a = target.reshape(shape)
    for start in range(0, len(X), BLOCK_ROWS):
        rows = slice(start, min(start + BLOCK_ROWS, len(X)))
        block = X.dense(rows.start, rows.stop) if isinstance(X, Compressed) else X[rows]
        _checks.predict_checked(net, net.scaling._inputs(block, net.dtype), a[rows], threads)
        net._unscale(a[rows])
    if out is None or target is out:
        return target
    out[...] = target
    return out


def chain(net, array, outputs=None, inputs=None):
    """Multiply, in place, by ∂y/∂a along axis `outputs` and by ∂x'/∂x along axis `inputs`: the chain rule around a net."""
    after = net.scaling._output_map(net.cost_function)
    for axis, factor in ((outputs, after and after[1]), (inputs, net.scaling.input_factor)):
        if axis is not None and factor is not None:
            array *= factor.reshape(-1, *[1] * (-axis - 1))
    return array


# -- what is learned ---------------------------------------------------------

def learn(net, scale, X, Y):
    """The Scaling that `fit(scale=...)` asks for, from checked training samples as they came."""
    if isinstance(scale, Scaling):
        return scale._fits(net)
    kind, target_kind = _checks_scaling.kinds_for(net, scale, Y)
    inputs = None if kind is None else statistics("X", X, kind)
    if isinstance(X, Compressed) and inputs is not None:
        _checks_scaling.check_keeps_zeros(inputs[0], kind)
    return Scaling(inputs, None if target_kind is None else statistics("Y", Y, target_kind))


def statistics(name, array, kind):
    """(offset, unit) of each column, NaN left out; unit 1 where all values are the same."""
    n = array.shape[1]
    low, high, total, count = np.full(n, np.inf), np.full(n, -np.inf), np.zeros(n), np.zeros(n)
    with np.errstate(over="ignore", invalid="ignore"):
        for rows in blocks(array):
            np.fmin(low, np.fmin.reduce(rows, axis=0), out=low)
            np.fmax(high, np.fmax.reduce(rows, axis=0), out=high)
            total += np.nansum(rows, axis=0)
            count += np.count_nonzero(~np.isnan(rows), axis=0)
        low, high = np.where(count, low, 0.0), np.where(count, high, 0.0)
        constant = low == high
        if kind == "standardize":
            offset = np.where(constant, low, total / np.maximum(count, 1))
            squares = sum(np.nansum(np.square(rows - offset), axis=0) for rows in blocks(array))
            deviation = np.sqrt(squares / np.maximum(count, 1))
            unit = np.where(deviation > 0, deviation, high - low)      # squares may underflow
        elif kind == "minmax":
            offset, unit = low, high - low
        else:
            offset, unit = np.zeros(n), np.maximum(np.abs(low), np.abs(high))
            constant = unit == 0
    unit = np.where(constant, 1.0, unit)
    _checks_scaling.check_learned(name, offset, unit)
    return offset, unit


def blocks(array):
    """Some rows at a time, in float64."""
    for start in range(0, len(array), BLOCK_ROWS):
        stop = min(start + BLOCK_ROWS, len(array))
        yield np.asarray(array.dense(start, stop) if isinstance(array, Compressed) else array[start:stop], np.float64)


# -- folding -----------------------------------------------------------------

def folded(net, append=False):
    """Sizes, activations and parameters of a net without scaling and with the same outputs, to rounding.

    W¹ (x − offset) / unit + b¹ = (W¹ / unit) x + (b¹ − W¹ offset / unit), and the same for an identity
    output layer.  Behind another one an identity layer diag(unit) is appended if that is allowed.
    """
    sizes, activations, scaling = net.sizes, net.activations, net.scaling
    after = scaling._output_map(net.cost_function)
    append = append and after is not None and activations[-1] != "identity"
    if append:
        sizes, activations = (*sizes, sizes[-1]), (*activations, "identity")
    exact = np.empty(sum(n * p + n for p, n in zip(sizes, sizes[1:])))
    exact[:net.n_parameters] = net.parameters
    weights, biases = views(exact, sizes)
    if append:
        weights[-1][:], biases[-1][:] = np.diag(after[1]), after[0]
    elif after is not None:
        _checks_scaling.check_foldable(net)
        weights[-1][:] *= after[1][:, None]
        biases[-1][:] = biases[-1] * after[1] + after[0]
    if scaling.input_unit is not None:
        weights[0][:] *= scaling.input_factor
        biases[0][:] -= weights[0] @ scaling.input_offset
    parameters = aligned_vector(exact.size, net.dtype)
    parameters[:] = exact
    return sizes, activations, parameters


def divided(net):
    """The parameters with first-layer weights W¹ / unit, for inputs that are centred only."""
    parameters = aligned_vector(net.n_parameters, net.dtype)
    parameters[:] = net.parameters
    if net.scaling.input_unit is not None:
        views(parameters, net.sizes)[0][0][:] = net.weights[0] * net.scaling.input_factor
    return parameters
