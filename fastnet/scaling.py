"""Scaling inside a net: x' = (x − offset) / unit goes in, y = a unit + offset comes out.

A net trains best where inputs and targets are near 1.  Scaling brings them there, by maps that are
learned from the training samples, kept with the net and part of every output and derivative.
Everything about the maps is float64, whatever the net's dtype; docs/scaling.md has the equations.
"""

from typing import NamedTuple

import numpy as np

from fastnet import _checks, _checks_scaling
from fastnet._checks_data import AT_ONCE, settled, whole
from fastnet._core.rows import Rows
from fastnet._core.samples import Compressed
from fastnet._predict import predict_checked
from fastnet._vectors import aligned_vector, views

BLOCK_ROWS = 1024              # rows that are float64 at a time
BLOCK_BYTES = 1 << 20          # and what they take, where they are looked at only


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

    __slots__ = ("input_factor", "input_offset", "input_unit", "target_factor", "target_offset", "target_unit")

    def __init__(self, inputs=None, targets=None):
        self._set("input", _checks_scaling.check_map("inputs", inputs))
        self._set("target", _checks_scaling.check_map("targets", targets))

    def _set(self, name, pair):
        for part, vector in zip(("offset", "unit", "factor"), (*pair, 1 / pair[1]) if pair else (None,) * 3):
            object.__setattr__(self, f"{name}_{part}", None if vector is None else frozen(np.asarray(vector)))

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
        """x' in `dtype`, (m, n_in): a new array, or Rows of X, scaled a window at a time where they are used; of
        Compressed rows such that keep their zeros, where offsets are 0."""
        if self.input_unit is None:
            return converted(X, dtype)
        if isinstance(X, Rows):
            return X.scaled(self.input_offset, self.input_factor)
        if isinstance(X, Compressed):
            if not self.input_offset.any():
                if X.values.size * (X.dtype.itemsize + 4) > AT_ONCE:
                    return X.scaled(self.input_factor)
                return Compressed(X.shape, (X.values * self.input_factor[X.columns]).astype(dtype), X.columns, X.starts)
            return stacked(X.shape, dtype, lambda rows: self._rows(X.dense(rows.start, rows.stop), dtype))
        return stacked(X.shape, dtype, lambda rows: self._rows(X[rows], dtype))

    def _block(self, X, rows, dtype):
        """x' of some rows of X, which is scaled where it is Rows, and not yet where it is not."""
        if isinstance(X, Rows):
            return X.dense(rows.start, rows.stop)
        return self._inputs(X[rows] if isinstance(X, np.ndarray) else X.dense(rows.start, rows.stop), dtype)

    def _rows(self, X, dtype):
        """x' of dense rows."""
        centred = np.subtract(X, self.input_offset, dtype=np.float64)
        return np.multiply(centred, self.input_factor, out=centred).astype(dtype, copy=False)

    def _centred(self, X, dtype):
        """x − offset in a new array: what first-layer weights divided by the units take."""
        if isinstance(X, Compressed):
            X = whole(X)
        if self.input_unit is None:
            return whole(converted(X, dtype))
        if isinstance(X, Rows):
            return whole(X.scaled(self.input_offset, np.ones_like(self.input_offset)))
        return stacked(X.shape, dtype, lambda rows: np.subtract(X[rows], self.input_offset, dtype=np.float64))

    def _targets(self, Y, dtype):
        """y' of targets, an array, or Rows as inputs; labels as they are."""
        if Y.ndim == 1:
            return Y
        if self.target_unit is None:
            return converted(Y, dtype)
        if isinstance(Y, Rows):
            return Y.scaled(self.target_offset, self.target_factor)
        return ((Y - self.target_offset) * self.target_factor).astype(dtype)

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
    if isinstance(array, Rows):
        return settled(array)
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
    if isinstance(X, Rows):
        X = net.scaling._inputs(X, net.dtype)
    for start in range(0, len(X), BLOCK_ROWS):
        rows = slice(start, min(start + BLOCK_ROWS, len(X)))
        predict_checked(net, net.scaling._block(X, rows, net.dtype), a[rows], threads)     # one block at a time is held
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
    inputs = None if kind is None else Statistics("X", kind).see(X).map()
    if isinstance(X, Compressed) and inputs is not None:
        _checks_scaling.check_keeps_zeros(inputs[0], kind)
    return Scaling(inputs, None if target_kind is None else Statistics("Y", target_kind).see(Y).map())


def learn_from_batches(net, scale, batches):
    """The same, from batches of checked samples that come one after the other."""
    kinds, seen = None, ()
    for where, samples in batches:
        found = _checks_scaling.kinds_for(net, scale, samples.Y)
        if kinds is None:
            kinds, seen = found, [kind and Statistics(name, kind) for name, kind in zip("XY", found)]
        _checks_scaling.check_same_kinds(where, kinds, found)
        for statistics, array in zip(seen, (samples.X, samples.Y)):
            if statistics is not None:
                statistics.see(array)
    return Scaling(*(statistics and statistics.map() for statistics in seen))


class Statistics:
    """(offset, unit) of columns whose numbers come in blocks of rows, each looked at once; NaN is left out.

    Means and sums of squares are those of each block, joined two and two (T. F. Chan, G. H. Golub and
    R. J. LeVeque, Updating formulae and a pairwise algorithm for computing sample variances, 1979): joining m/b
    blocks of b rows rounds log2(m/b) times, not m/b times.  All are of distances from the first row, so that
    a spread is found which is small beside the numbers.
    """

    def __init__(self, name, kind):
        self.name, self.kind, self.first = name, kind, None
        self.parts = []                # (joins, Columns), joins falling

    def see(self, array):
        """Count the rows of a checked set as it came."""
        for rows in blocks(array):
            if self.first is None:
                self.first = np.where(np.isnan(rows[0]), 0.0, rows[0])
            self.parts.append((0, Columns.of(rows, self.first if self.kind == "standardize" else None)))
            while len(self.parts) > 1 and self.parts[-2][0] == self.parts[-1][0]:
                self.join()
        return self

    def join(self):
        (_, later), (joins, earlier) = self.parts.pop(), self.parts.pop()
        with np.errstate(over="ignore", invalid="ignore"):
            self.parts.append((joins + 1, earlier.join(later)))

    def map(self):
        """(offset, unit) of each column; unit 1 where all values are the same."""
        while len(self.parts) > 1:
            self.join()
        (_, found), = self.parts
        low, high = np.where(found.count, found.low, 0.0), np.where(found.count, found.high, 0.0)
        constant = low == high
        with np.errstate(over="ignore", invalid="ignore"):
            if self.kind == "standardize":
                offset = np.where(constant, low, self.first + found.mean)
                deviation = np.sqrt(found.squares / np.maximum(found.count, 1))
                unit = np.where(deviation > 0, deviation, high - low)      # squares may underflow
            elif self.kind == "minmax":
                offset, unit = low, high - low
            else:
                offset, unit = np.zeros(len(low)), np.maximum(np.abs(low), np.abs(high))
                constant = unit == 0
        unit = np.where(constant, 1.0, unit)
        _checks_scaling.check_learned(self.name, offset, unit)
        return offset, unit


class Columns(NamedTuple):
    """What is known of the columns of some rows, each (n,) float64."""

    count: np.ndarray                  # numbers that are not NaN
    low: np.ndarray
    high: np.ndarray
    mean: np.ndarray | None            # of x − first; None, as the next: not wanted
    squares: np.ndarray | None         # Σ (x − first − mean)²

    @classmethod
    def of(cls, rows, first):
        """Of float64 rows; `first` None: no mean."""
        low, high = np.fmin.reduce(rows, axis=0), np.fmax.reduce(rows, axis=0)
        with np.errstate(over="ignore", invalid="ignore"):
            distance = rows if first is None else rows - first
            total = distance.sum(axis=0)
            holes = np.isnan(distance) if np.isnan(total).any() else None
            count = np.full(rows.shape[1], float(len(rows))) if holes is None else len(rows) - holes.sum(axis=0, dtype=float)
            if first is None:
                return cls(count, low, high, None, None)
            if holes is not None:
                total = np.where(holes, 0.0, distance).sum(axis=0)
            mean = total / np.maximum(count, 1)
            distance -= mean
            if holes is not None:
                distance[holes] = 0
            return cls(count, low, high, mean, np.einsum("ij,ij->j", distance, distance))

    def join(self, other):
        """Of the rows of both."""
        count, low, high = self.count + other.count, np.fmin(self.low, other.low), np.fmax(self.high, other.high)
        if self.mean is None:
            return Columns(count, low, high, None, None)
        step, share = other.mean - self.mean, other.count / np.maximum(count, 1)
        return Columns(count, low, high, self.mean + step * share, self.squares + other.squares + step**2 * self.count * share)


def blocks(array):
    """Some rows at a time, in float64; how many does not depend on the kind of the numbers."""
    step = max(1, min(BLOCK_ROWS, BLOCK_BYTES // (8 * array.shape[1])))
    if isinstance(array, Rows):
        array = array.unscaled(np.float64)
    for start in range(0, len(array), step):
        stop = min(start + step, len(array))
        yield np.ascontiguousarray(array[start:stop] if isinstance(array, np.ndarray) else array.dense(start, stop), np.float64)


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
