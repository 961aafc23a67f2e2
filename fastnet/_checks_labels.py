"""Labels as users have them: checked, and numbered as the engine takes them; see _checks.py.

A label is a word, a whole number, or True or False.  One a sample comes as (m,); several a sample
(multilabel) as a list or set of them per row, or as rows of 0 and 1.
"""

import numbers

import numpy as np

from fastnet import _checks

MOST_NAMES = 10      # in a message
BOOLS = ("bool", "boolean", "Boolean", "bool[pyarrow]")        # NumPy's, pandas' and polars' dtypes


class Classes:
    """The names of the classes, in the order of the outputs (with one output: of 0 and 1).

    Attributes
    ----------
    names : tuple of str, of int or of bool
    several : bool
        Whether any number of them may be true of a sample.
    """

    __slots__ = ("index", "names", "several")

    def __init__(self, names, several=False):
        self.names, self.several = check_names(names), bool(several)
        self.index = {name: i for i, name in enumerate(self.names)}

    def __eq__(self, other):
        return isinstance(other, Classes) and (self.names, self.several) == (other.names, other.several)

    __hash__ = None

    def __reduce__(self):
        return Classes, (self.names, self.several)

    def fits(self, n_out):
        """This, or an error where a net with n_out outputs has not one for each class."""
        if len(self.names) != n_out and not (n_out == 1 and len(self.names) == 2 and not self.several):
            two = ", or 2 for one output" if n_out == 1 else ""
            raise ValueError(f"classes must name each of the {n_out} outputs{two}; got {len(self.names)}: {listed(self.names)}")
        return self

    def number(self, Y):
        """Y with labels as the engine takes them: (m,) positions among the names, or rows of 0 and 1."""
        labels = as_labels(Y)
        if labels is None:
            return Y
        if not isinstance(labels, np.ndarray):
            return self.rows(labels)
        if self.several:
            raise ValueError("Y must hold several labels a sample, lists of them or rows of 0 and 1, as in training; got one a sample")
        positions = [self.index.get(label, -1) for label in labels.tolist()]
        if -1 in positions:
            self.complain(labels.tolist()[positions.index(-1)], positions.index(-1))
        return np.array(positions, np.intp)

    def rows(self, labels):
        """Several labels a sample as rows of 0 and 1."""
        if not self.several:
            raise ValueError("Y must hold one label a sample, as in training; got several")
        Y = np.zeros((len(labels), len(self.names)))
        for row, some in enumerate(labels):
            for label in some:
                if label not in self.index:
                    self.complain(label, row)
                Y[row, self.index[label]] = 1
        return Y

    def complain(self, label, row):
        raise ValueError(f"label {label!r} in row {row} of Y is none of the net's classes: {listed(self.names)}")

    def number_weights(self, class_weight):
        """`class_weight` with positions in place of names."""
        if not hasattr(class_weight, "items"):
            return class_weight
        unknown = [name for name in class_weight if name not in self.index]
        if unknown:
            raise ValueError(f"label {unknown[0]!r} in class_weight is none of the net's classes: {listed(self.names)}")
        return {self.index[name]: weight for name, weight in class_weight.items()}

    def named(self, outputs):
        """The labels that outputs (m, n_out) stand for: an array, or a list of lists where there may be several."""
        if self.several:
            return [[self.names[j] for j in np.flatnonzero(row >= 0.5)] for row in outputs]
        return np.array(self.names)[positions(outputs)]


def positions(outputs):
    """The class that outputs (..., n_out) stand for: that of the largest, or whether a single one is at least ½."""
    return (outputs[..., 0] >= 0.5).astype(np.intp) if outputs.shape[-1] == 1 else outputs.argmax(axis=-1)


def listed(names):
    rest = f" and {len(names) - MOST_NAMES} more" if len(names) > MOST_NAMES else ""
    return ", ".join(map(repr, names[:MOST_NAMES])) + rest


def check_names(names):
    """Names of classes as a tuple of plain values, all of a kind and none twice."""
    if isinstance(names, (str, bytes)) or not hasattr(names, "__iter__"):
        raise TypeError(f"classes must be a sequence of names, one per output; got {_checks.describe(names)}")
    names = [name.item() if isinstance(name, np.generic) else name for name in names]
    kinds = {kind_of(name) for name in names}
    if len(kinds) != 1 or None in kinds:
        raise TypeError(f"classes must be words, whole numbers, or False and True; got {listed(names) or 'none'}")
    if len(set(names)) < len(names):
        twice = next(name for name in names if names.count(name) > 1)
        raise ValueError(f"classes must differ; got {twice!r} twice")
    if len(names) < 2:
        raise ValueError(f"classes must be at least two; got {listed(names)}")
    return tuple(names)


def kind_of(label):
    return next((kind for kind in (bool, str) if isinstance(label, kind)), int if isinstance(label, numbers.Integral) else None)


def as_labels(Y):
    """Labels (m,) as an array of str, int or bool; several a sample as a list of lists; None: Y holds no labels
    but rows of numbers."""
    if isinstance(Y, str) or np.isscalar(Y):
        Y = [Y]
    if isinstance(Y, (list, tuple)) and any(isinstance(row, (set, frozenset)) or isinstance(row, (list, tuple)) and
                                            (not row or isinstance(row[0], str)) for row in Y):
        return check_several(Y)
    try:
        array = np.asarray(Y)
    except ValueError:
        return check_several(Y)                # rows of different lengths
    if array.ndim == 1 and array.dtype.kind == "O" and all(isinstance(row, (list, tuple, set, frozenset, np.ndarray)) for row in array):
        return check_several(array)            # a column of lists
    if array.ndim == 2 and array.dtype.kind in "OUST":
        if array.shape[1] != 1:
            raise ValueError(f"Y must hold one label a sample, shape (m,), or a list of labels a sample; got an array of "
                             f"words of shape {array.shape}")
        array = array[:, 0]
    if array.ndim != 1:
        return None
    if isinstance(Y, (list, tuple)) and array.dtype.kind in "US" and not all(isinstance(label, (str, bytes)) for label in Y):
        array = np.array(Y, object)            # NumPy makes words of numbers among words, and of NaN
    return check_kinds(array)


def check_kinds(array):
    """Labels (m,) of one kind."""
    if array.dtype.kind == "S":
        return array.astype(str)
    if array.dtype.kind in "UTiub":
        return array
    values = array.tolist()
    kinds = list(map(kind_of, values))
    if array.dtype.kind == "f" and all(value.is_integer() for value in values):
        return array.astype(np.int64)
    if array.dtype.kind == "f":
        kinds = [int if value.is_integer() else None for value in values]
    if None in kinds:
        row = kinds.index(None)
        raise TypeError(f"labels in Y must be words, whole numbers, or True and False; row {row} "
                        f"{'is missing' if is_missing(values[row]) else 'holds'} ({values[row]!r})")
    if len(set(kinds)) > 1:
        row = next(row for row, kind in enumerate(kinds) if kind is not kinds[0])
        raise TypeError(f"labels in Y must be all of a kind; row 0 holds {values[0]!r}, row {row} holds {values[row]!r}")
    return np.array(values)


def is_missing(value):
    """None, NaN, NaT or pandas.NA, whose comparison is neither true nor false."""
    try:
        return value is None or bool(value != value)
    except TypeError:
        return True


def check_several(Y):
    """Several labels a sample as a list of lists of plain values."""
    rows = []
    for i, row in enumerate(Y):
        if isinstance(row, str) or not hasattr(row, "__iter__"):
            raise TypeError(f"Y must hold a list or set of labels for each sample; row {i} is {_checks.describe(row)}")
        rows.append([label.item() if isinstance(label, np.generic) else label for label in row])
        wrong = [label for label in rows[-1] if kind_of(label) is None]
        if wrong:
            raise TypeError(f"labels in Y must be words or whole numbers; row {i} holds {wrong[0]!r}")
    return rows


# -- what fit learns ---------------------------------------------------------

def learn(net, Y, asked):
    """The Classes of a net from `classes` of fit (None, "auto" or names) and the labels to train on; None: plain numbers."""
    n_out, known = net.sizes[-1], net._classes
    if asked is None and known is not None:
        return known
    if asked is None and not _checks.speaks(Y):
        return Classes((False, True)) if n_out <= 2 and are_bools(Y) else None
    if asked is None or isinstance(asked, str) and asked == "auto":
        return from_labels(as_labels(Y), Y, n_out)
    if isinstance(asked, str):
        raise ValueError(f"classes must be a sequence of names or 'auto'; got {asked!r}")
    labels = as_labels(Y)
    several = isinstance(labels, list) or (labels is None and is_indicator(Y))
    return Classes(asked, several).fits(n_out)


def are_bools(Y):
    if isinstance(Y, (list, tuple)):
        return len(Y) > 0 and all(isinstance(value, (bool, np.bool_)) for value in Y)
    return str(getattr(Y, "dtype", None)) in BOOLS and len(Y.shape) == 1


def from_labels(labels, Y, n_out):
    """Every label once, in order; the positions of the outputs for rows of 0 and 1."""
    if labels is None:
        return Classes(range(n_out), is_indicator(Y)).fits(n_out)
    several = isinstance(labels, list)
    found = sorted({label for row in labels for label in row}) if several else np.unique(labels).tolist()
    if {kind_of(label) for label in found} == {bool}:
        found = [False, True]
    if len(found) != n_out and not (n_out == 1 and len(found) == 2 and not several):
        expected = "2 for one output" if n_out == 1 else f"{n_out}, one per output"
        raise ValueError(f"Y must hold {expected}, different labels; got {len(found)}: {listed(found)}. "
                         "classes=[...] names them where some do not occur")
    return Classes(found, several)


def is_indicator(Y):
    """Whether rows are 0 and 1 but not one 1 in each: several labels a sample."""
    Y = np.asarray(Y)
    return bool(Y.ndim == 2 and ((Y == 0) | (Y == 1)).all() and (Y.sum(axis=1) != 1).any())
