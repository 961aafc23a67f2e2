"""Every check of an argument, and every message about one.

Nothing else in fastnet looks at what a caller gave: past this module and _checks_data arrays
are C-contiguous, aligned, native and of the net's dtype, large sets Rows or Compressed that
become so a batch at a time, counts are ints, names are known.
Messages name the argument, what was expected and what came.
"""

import math
import numbers
import operator
import re
from typing import NamedTuple

import numpy as np

from fastnet import _checks_data as data
from fastnet._core import kernels
from fastnet._core.rows import Rows
from fastnet._core.samples import Compressed
from fastnet._threads import processors

DTYPES = {"float32": np.dtype(np.float32), "float64": np.dtype(np.float64)}
TAKEN = ("cost", "validation_cost", "learning_rate", "seconds", "epoch")      # columns of a History
MAX_DIMENSION = 2**31 - 1      # BLAS counts with 32-bit ints


# -- single values -----------------------------------------------------------

def check_count(name, value, minimum=1, maximum=None):
    """An int in [minimum, maximum]: no bool, no float, even a whole one."""
    if isinstance(value, (bool, np.bool_)) or not hasattr(type(value), "__index__"):
        raise TypeError(f"{name} must be an integer; got {describe(value)}")
    value = operator.index(value)
    if value < minimum:
        raise ValueError(f"{name} must be at least {minimum}; got {value}")
    if maximum is not None and value > maximum:
        raise ValueError(f"{name} must be at most {maximum}; got {value}")
    return value


def check_number(name, value):
    """A float, of whatever value."""
    if isinstance(value, (bool, np.bool_)) or not isinstance(value, numbers.Real):
        raise TypeError(f"{name} must be a number; got {describe(value)}")
    return float(value)


def check_positive(name, value):
    """A finite float above 0."""
    number = check_number(name, value)
    if not (math.isfinite(number) and number > 0):
        raise ValueError(f"{name} must be finite and greater than 0; got {value}")
    return number


def check_not_negative(name, value):
    """A finite float, 0 or more."""
    number = check_number(name, value)
    if not (math.isfinite(number) and number >= 0):
        raise ValueError(f"{name} must be finite and 0 or more; got {value}")
    return number


def check_decay(name, value):
    """A float in [0, 1): the share of the past that a step keeps."""
    number = check_not_negative(name, value)
    if number >= 1:
        raise ValueError(f"{name} must lie in [0, 1); got {value}")
    return number


def check_threads(threads):
    """How many threads may work: at most as many as the process may use processors."""
    threads = check_count("threads", threads)
    if threads > (most := processors()):
        raise ValueError(f"threads must be at most {most}, the processors that this process may use; got {threads}")
    return threads


def check_between(name, value, low, high):
    """A float above `low` and below `high`."""
    number = check_positive(name, value)
    if not low < number < high:
        raise ValueError(f"{name} must lie between {low} and {high}, neither included; got {value}")
    return number


def check_flag(name, value):
    if not isinstance(value, (bool, np.bool_)):
        raise TypeError(f"{name} must be True or False; got {describe(value)}")
    return bool(value)


def check_choice(name, value, choices):
    """One of the names, or an error that offers the nearest of them."""
    if not isinstance(value, str):
        raise TypeError(f"{name} must be a name, one of {', '.join(choices)}; got {describe(value)}")
    if value not in choices:
        import difflib
        near = difflib.get_close_matches(value.lower(), choices, n=1)
        hint = f"; did you mean {near[0]!r}?" if near else ""
        raise ValueError(f"{name} must be one of {', '.join(choices)}; got {value!r}{hint}")
    return value


def check_name(name, value):
    """A word that a file can hold."""
    if not isinstance(value, str):
        raise TypeError(f"{name} must be a str; got {describe(value)}")
    if not re.fullmatch(r"[A-Za-z0-9_.-]{1,64}", value):
        raise ValueError(f"{name} must be 1 to 64 letters, digits, underscores, dots or hyphens; got {describe(value)}")
    return value


def address_of(function):
    """The address of compiled code or of what it is handed: an int, a ctypes function or pointer, what has `.address`."""
    if function is None:
        return 0
    if isinstance(function, int):
        return function
    if isinstance(getattr(function, "address", None), int):      # a numba cfunc
        return function.address
    import ctypes
    return ctypes.cast(function, ctypes.c_void_p).value or 0


def compiled_code(function):
    """The address of what is compiled code, else 0."""
    try:
        return 0 if isinstance(function, bool) else address_of(function)
    except Exception:                  # ctypes.ArgumentError is no TypeError
        return 0


def check_seed(seed):
    """A numpy Generator: of its own from an int or None, the very one if one is given."""
    if isinstance(seed, np.random.Generator):
        return seed
    if seed is not None:
        seed = check_count("seed", seed, minimum=0)
    return np.random.default_rng(seed)


def describe(value):
    """A value in a message: its text and type, shortened."""
    text = repr(value)
    return f"{text if len(text) <= 60 else text[:57] + '...'} ({type(value).__name__})"


# -- costs -------------------------------------------------------------------

def check_output_weights(weights):
    """One factor per target as a tuple of floats, or None: all 1."""
    if weights is None:
        return None
    weights = as_numbers("output_weights", weights)
    if weights.ndim != 1 or not weights.size:
        raise ValueError(f"output_weights must have shape (n,), one number per output; got shape {weights.shape}")
    check_nonnegative("output_weights", weights)
    if not weights.any():
        raise ValueError("output_weights must not all be 0")
    return tuple(weights.astype(float).tolist())


def check_tau(tau):
    """The quantile to learn: a float between 0 and 1, or a tuple of them, one per output."""
    if isinstance(tau, (list, tuple, np.ndarray)) and np.ndim(tau) == 1 and len(tau):
        return tuple(check_between(f"tau[{j}]", value, 0, 1) for j, value in enumerate(tau))
    return check_between("tau", tau, 0, 1)


def check_custom(what, array, shape, dtype):
    """What a cost in Python gave back."""
    array = as_numbers(what, array)
    if array.shape != shape:
        raise ValueError(f"{what} must have shape {shape}; got shape {array.shape}")
    return as_dtype(array, dtype)


# -- the shape of a net ------------------------------------------------------

def check_sizes(sizes):
    """Neurons a layer, as a tuple of at least two positive ints."""
    if isinstance(sizes, (str, bytes)) or not hasattr(sizes, "__iter__"):
        raise TypeError(f"sizes must be a sequence of integers, neurons a layer; got {describe(sizes)}")
    sizes = tuple(check_count(f"sizes[{i}]", size, maximum=MAX_DIMENSION) for i, size in enumerate(sizes))
    if len(sizes) < 2:
        raise ValueError(f"sizes must name at least an input and an output layer; got {list(sizes)}")
    return sizes


def check_activation(name, activation):
    """A known name, or an activation of the user's own."""
    return activation if hasattr(activation, "functions") else check_choice(name, activation, kernels.ACTIVATIONS)


def check_activations(activation, output, n_layers):
    """One known name, or activation of the user's own, per layer after the input."""
    if isinstance(activation, str):
        names = [activation] * n_layers
        check_activation("activation", activation)
    elif hasattr(activation, "__iter__"):
        names = list(activation)
        if output is not None and len(names) == n_layers - 1:
            names.append(output)
        if len(names) != n_layers:
            raise ValueError(f"activation must be one name or one per layer after the input "
                             f"({n_layers}); got {len(names)}")
    else:
        raise TypeError(f"activation must be a name or a sequence of names; got {describe(activation)}")
    if output is not None:
        names[-1] = check_activation("output", output)
    names = tuple(check_activation(f"activation[{i}]", name) for i, name in enumerate(names))
    check_own_names([name for name in names if hasattr(name, "functions")])
    for i, name in enumerate(names[:-1]):
        if name in kernels.BY_ROW:
            raise ValueError(f"activation[{i}] must not be {name}, which couples the outputs of a sample and serves the "
                             f"output layer only: output={name!r}; got it for layer {i + 1} of {n_layers}")
    return names


def check_own_names(activations):
    """By name, activations of the user's own, of which files hold the names alone."""
    named = {}
    for activation in activations:
        if named.setdefault(str(activation), activation) != activation:
            raise ValueError(f"activation must have a name of its own where it is one of your own, custom(..., name=...); "
                             f"got two that are called {str(activation)!r}")
    return named


def check_dtype(dtype):
    """float32 or float64, by name or as NumPy knows it."""
    try:
        name = np.dtype(dtype).name if dtype is not None else None      # np.dtype(None) is float64
    except TypeError:
        name = None
    if name not in DTYPES:
        raise ValueError(f"dtype must be float32 or float64; got {describe(dtype)}")
    return DTYPES[name]


# -- how to train ------------------------------------------------------------

def per_layer(name, value, n_layers, check, what="layer"):
    """One checked number a layer, from a number for all or a sequence."""
    if np.ndim(value) == 0:
        return (check(name, value),) * n_layers
    values = list(value)
    if len(values) != n_layers:
        raise ValueError(f"{name} must be a number, or one per {what} ({n_layers}); got {len(values)}")
    return tuple(check(f"{name}[{l}]", number) for l, number in enumerate(values))


def check_bound(name, value):
    """A positive float, or infinity for None: no bound."""
    return math.inf if value is None else check_positive(name, value)


def check_frozen(frozen, n_layers):
    """Whether each layer of weights is held, from numbers of layers."""
    if isinstance(frozen, (str, bytes)) or not hasattr(frozen, "__iter__"):
        raise TypeError(f"frozen must be a sequence of layers, numbered as in net.weights; got {describe(frozen)}")
    held = [False] * n_layers
    for layer in frozen:
        held[check_count("a layer in frozen", layer, minimum=-n_layers, maximum=n_layers - 1)] = True
    if all(held):
        raise ValueError(f"frozen must leave at least one layer to train; got all {n_layers}")
    return tuple(held)


def check_masks(masks, net):
    """A layer: None, or 0 and 1 in the shape of its weights and the net's dtype."""
    n_layers = len(net.weights)
    if masks is None:
        return (None,) * n_layers
    if hasattr(masks, "items"):
        given = [None] * n_layers
        numbers = [check_count("a layer in masks", layer, minimum=-n_layers, maximum=n_layers - 1) for layer in masks]
        for layer, mask in zip(numbers, masks.values()):
            if layer - n_layers in numbers:
                raise ValueError(f"masks must name each layer once; got both {layer} and {layer - n_layers} of {n_layers} layers")
            given[layer] = mask
        masks = given
    elif isinstance(masks, (str, bytes)) or not hasattr(masks, "__iter__"):
        raise TypeError(f"masks must hold one array or None per layer, or be a dict of them; got {describe(masks)}")
    masks = list(masks)
    if len(masks) != n_layers:
        raise ValueError(f"masks must hold one array or None per layer ({n_layers}); got {len(masks)}")
    checked = []
    for l, (mask, w) in enumerate(zip(masks, net.weights)):
        if mask is not None:
            mask = as_numbers(f"masks[{l}]", mask)
            if mask.shape != w.shape:
                raise ValueError(f"masks[{l}] must have shape {w.shape}, as weights[{l}]; got shape {mask.shape}")
            if not ((mask == 0) | (mask == 1)).all():
                raise ValueError(f"masks[{l}] must hold 0 (held) and 1 (trained); got other values")
            mask = as_dtype(mask, net.dtype).copy()
        checked.append(mask)
    return tuple(checked)


def check_metrics(metrics):
    """By name: "accuracy", "r2" or a callable (Y, outputs) -> number."""
    metrics = [metrics] if isinstance(metrics, str) or callable(metrics) else metrics
    if not hasattr(metrics, "__iter__"):
        raise TypeError(f"metrics must be 'accuracy', 'r2', a callable (Y, outputs) -> number, or several of these; got {describe(metrics)}")
    checked = {}
    for metric in metrics:
        if not callable(metric):
            check_choice("metrics", metric, ("accuracy", "r2"))
        name = metric if isinstance(metric, str) else getattr(metric, "__name__", type(metric).__name__)
        if name in checked:
            raise ValueError(f"metrics must have names of their own; got {name!r} twice")
        if name in TAKEN or callable(metric) and name == "accuracy":
            raise ValueError(f"metrics must have names of their own; got a function {name!r}, which History has for what fit finds itself")
        checked[name] = metric if isinstance(metric, str) else reading(metric)
    return checked


def reading(metric):
    """A metric of the user's own that is handed Y, which may be the caller's very array, to read alone."""
    def score(Y, outputs):
        Y = Y.view()
        Y.flags.writeable = False
        return metric(Y, outputs)
    return score


def holds_labels(Y, n_out):
    """Whether checked targets are classes: labels, or 0 and 1 for one output."""
    return Y.ndim == 1 or bool(n_out == 1 and zeros_and_ones(Y))


def check_metric_targets(metrics, Y, n_out):
    """Accuracy needs labels, r2 numbers."""
    labels = holds_labels(Y, n_out)
    if metrics.get("accuracy") == "accuracy" and not labels:
        raise ValueError(f"metrics: accuracy needs labels, shape ({len(Y)},), or 0 and 1 for one output; "
                         f"got targets of shape {Y.shape}")
    if metrics.get("r2") == "r2" and Y.ndim == 1:
        raise ValueError(f"metrics: r2 needs targets of shape ({len(Y)}, n_out); got labels")


# -- arrays ------------------------------------------------------------------

def as_numbers(name, array):
    """Any array-like of real numbers as an ndarray, not yet converted."""
    if isinstance(array, np.ma.MaskedArray) and np.ma.is_masked(array):
        raise TypeError(f"{name} must not be masked: masked values would be read as numbers")
    try:
        array = data.as_array(name, array)
    except ValueError as error:
        if str(error).startswith(name):
            raise
        hint = "; lists of labels that are no words need classes='auto' or classes=[...]" if name == "Y" else ""
        raise ValueError(f"{name} must be a rectangular array of numbers: {error}{hint}") from None
    if array.dtype.kind == "O":
        return data.objects_as_numbers(name, array)
    if array.dtype.kind not in "fiub":
        raise TypeError(f"{name} must hold real numbers; got dtype {array.dtype}")
    return array


def as_dtype(array, dtype):
    """C-contiguous, aligned, native and of the net's dtype; copied only when it is not."""
    with np.errstate(over="ignore"):        # beyond float32: inf, found by check_finite
        return np.require(array, dtype=dtype, requirements=["C_CONTIGUOUS", "ALIGNED"])


def check_inputs(X, n_in, dtype, raw=False):
    """X as (m, n_in), dense, Rows or Compressed, and whether a single sample (n_in,) was given; `raw`: to be scaled, so
    that an array keeps its own dtype."""
    if isinstance(X, (Compressed, Rows)):      # checked before
        return X, False
    if data.is_sparse(X):
        return data.sparse_rows(X, n_in, dtype), False
    X = as_numbers("X", X)
    single = X.ndim == 1
    if X.ndim not in (1, 2) or X.shape[-1] != n_in:
        expected = f"X must have shape (m, {n_in}), one sample per row, or ({n_in},)"
        hint = "; X[:, None] makes a column of it" if n_in == 1 and X.ndim == 1 else ""
        raise ValueError(f"{expected}; got shape {X.shape}{hint}")
    X = X[None] if single else X
    rows = data.as_rows(X, dtype, raw)
    return as_dtype(X, None if raw else dtype) if rows is None else rows, single


def check_dense(X, n_in, dtype):
    """As check_inputs, always dense: for what needs every value of X at once."""
    X, single = check_inputs(X, n_in, dtype)
    return data.whole(X), single


def check_rows(X):
    """Refuse more samples than BLAS can count, before any is converted, where a batch is taken whole."""
    shape = getattr(X, "shape", ())
    if len(shape) == 2 and shape[0] > MAX_DIMENSION:
        raise ValueError(f"X must have at most {MAX_DIMENSION} rows here; got {shape[0]}")


class Samples(NamedTuple):
    """A batch as the engine takes it; rows that count nothing are gone."""

    X: object                      # (m, n_in) ndarray, Rows or Compressed
    Y: object                      # (m, targets of the cost) ndarray or Rows, or (m,) intp: labels
    weight: np.ndarray | None      # (m,) float64, all above 0; None: 1
    kept: np.ndarray | None        # bool, one for each row given; None: all

    def mean_one(self):
        """The weights with mean 1, in the net's dtype: their sum divides out of every mean."""
        if self.weight is None:
            return None
        largest = self.weight / self.weight.max()          # sums of any weights stay finite
        return (largest / largest.mean()).astype(self.X.dtype)

    def take(self, rows):
        """Some of the rows, by their numbers."""
        X, Y = (part[rows] if isinstance(part, np.ndarray) else part.take(rows) for part in (self.X, self.Y))
        return Samples(X, Y, None if self.weight is None else self.weight[rows], None)

    def scaled(self, scaling, dtype):
        """The same with inputs and targets as a net that scales takes them."""
        return self._replace(X=scaling._inputs(self.X, dtype), Y=scaling._targets(self.Y, dtype))


def check_scaled(net, X):
    """As check_dense, as the net's first layer takes it: scaled where the net scales."""
    scaling = net.scaling
    X, single = check_inputs(X, net.sizes[0], net.dtype, raw=scaling is not None)
    return data.whole(X if scaling is None else scaling._inputs(X, net.dtype)), single


def check_samples(net, X, Y, sample_weight=None, class_weight=None, dense=False, raw=False, classes=None):
    """What a net takes a cost or a gradient of, scaled where the net scales; `raw`: not yet, an array Y in float64.
    `classes`: those that the net is about to have."""
    cost, n_out, dtype, scaling = net.cost_function, net.sizes[-1], net.dtype, None if raw else net.scaling
    unscaled = raw or scaling is not None
    X, single = check_inputs(X, net.sizes[0], dtype, unscaled)
    if not len(X):
        raise ValueError("X must hold at least one sample; got none")
    classes = classes or net._classes
    if classes is not None or speaks(Y):
        Y, class_weight = numbered(classes, Y, class_weight, n_out if single else None)
    Y = check_targets(Y, len(X), single, cost.n_targets(n_out), dtype, cost.labels, unscaled)
    weight = check_weights(sample_weight, class_weight, Y, n_out)
    kept = None
    if weight is not None and not weight.all():
        kept = weight > 0
        X, Y, weight, _ = Samples(X, Y, weight, None).take(np.flatnonzero(kept))
    if Y.ndim == 1 and cost.labels == "one_hot":
        Y = one_hot(Y, n_out, dtype)
    check_target_values(Y, cost)
    samples = Samples(X, Y, weight, kept)
    if scaling is not None:
        samples = samples.scaled(scaling, dtype)
    return samples._replace(X=data.whole(samples.X), Y=data.whole(samples.Y)) if dense else samples


def speaks(Y):
    """Whether Y holds labels that are no plain numbers: words, sets of anything, lists of words."""
    words = (str, set, frozenset)
    if isinstance(Y, Rows) or data.is_frame(Y) and Y.shape[1] != 1:
        return False
    if not isinstance(Y, (list, tuple)):
        if not isinstance(Y, np.ndarray) and (hasattr(Y, "__dlpack__") or hasattr(Y, "numpy")):
            return False                       # tensors hold numbers
        array = Y if isinstance(Y, np.ndarray) else np.asarray(Y)
        if array.dtype.kind != "O":
            return array.dtype.kind in "STU"
        Y, words = array.ravel(), (str, bool, set, frozenset)
    return any(isinstance(row, words) or holds_words(row) for row in Y)


def holds_words(row):
    """Whether a sample's labels are a list of words, or an array, as columns of lists have them."""
    several = isinstance(row, (list, tuple)) or isinstance(row, np.ndarray) and row.dtype.kind in "OTU"
    return several and any(isinstance(value, str) for value in row)


def numbered(classes, Y, class_weight, n_out=None):
    """Labels of any kind, and the weights of their classes, by position among the classes; `n_out` for a single sample,
    whose Y may be n_out numbers, or its own labels where there are several."""
    if classes is None:
        raise ValueError("Y holds labels that are no numbers, and the net knows no classes yet: fit learns them where it is "
                         "given all labels at once; classes=[...] of fit, or net.classes = [...], names them, one per output")
    if n_out is not None and np.ndim(Y) == 1:
        if not speaks(Y) and len(Y) == n_out > 1:
            return Y, classes.number_weights(class_weight)
        if classes.several and all(isinstance(label, (str, int)) for label in Y):
            Y = [Y]
    return classes.number(Y), classes.number_weights(class_weight)


def check_target_values(Y, cost):
    """What a cost demands of targets; NaN is left to check_finite."""
    if Y.ndim == 1:
        return
    if cost.ignore_nan and all(np.isnan(part).all() for _, part in data.blocks(Y)):
        raise ValueError("Y must hold at least one target that is not NaN; got none")
    if cost.target_range is None:
        return
    least, most = cost.target_range
    for start, part in data.blocks(Y):
        wrong = (part < least) if most is None else (part < least) | (part > most)
        if wrong.any():
            row, column = np.argwhere(wrong)[0]
            expected = f"at least {least}" if most is None else f"between {least} and {most}"
            raise ValueError(f"Y must be {expected} for {cost.name}; row {start + row}, column {column} is {part[row, column]}")


def check_targets(Y, m, single, n_out, dtype, labels, raw=False):
    if isinstance(Y, Rows):                    # checked before
        return Y
    Y = as_numbers("Y", Y)
    if single and Y.shape in ((), (n_out,)) and not (Y.ndim == 1 and n_out == 1 and m != 1):
        Y = Y[None]
    if n_out > 1 and labels and (Y.ndim == 1 or Y.shape == (m, 1) and Y.dtype.kind in "iub"):
        return check_labels(Y.ravel(), m, n_out)
    if Y.ndim == 1 and n_out == 1:
        Y = Y[:, None]
    if Y.shape != (m, n_out):
        or_labels = f", or labels of shape ({m},)" if n_out > 1 and labels else ""
        raise ValueError(f"Y must have shape ({m}, {n_out}), row for row with X{or_labels}; got shape {Y.shape}")
    rows = data.as_rows(Y, dtype, raw)
    return as_dtype(Y, DTYPES["float64"] if raw else dtype) if rows is None else rows


def check_labels(Y, m, n_out):
    """Classes 0 ... n_out - 1, one per row of X."""
    if len(Y) != m:
        raise ValueError(f"Y must hold one label per row of X ({m}); got {len(Y)}")
    if Y.dtype.kind not in "iub":
        raise TypeError(f"Y of shape ({m},) holds labels, which must be integers; got dtype {Y.dtype}")
    low, high = Y.min(), Y.max()
    if low < 0 or high >= n_out:
        raise ValueError(f"labels in Y must lie in 0 ... {n_out - 1}; got {low if low < 0 else high}")
    return np.require(Y, dtype=np.intp, requirements=["C_CONTIGUOUS", "ALIGNED"])


def check_weights(sample_weight, class_weight, Y, n_out):
    """What each of the m samples counts, (m,) float64, or None: all the same."""
    if sample_weight is None and class_weight is None:
        return None
    m = len(Y)
    weight = np.ones(m)
    if sample_weight is not None:
        given = as_numbers("sample_weight", sample_weight)
        if given.shape != (m,) and not (m == 1 and given.shape == ()):
            raise ValueError(f"sample_weight must have shape ({m},), one number per row of X; got shape {given.shape}")
        weight *= given
        check_nonnegative("sample_weight", weight)
    if class_weight is not None:
        labels = labels_in(Y, n_out)
        weight *= np.array(check_class_weight(class_weight, labels, max(n_out, 2)))[labels]
    if not weight.any():
        raise ValueError("sample_weight and class_weight must leave at least one sample that counts; all are 0")
    return weight


def check_nonnegative(name, numbers):
    wrong = ~((numbers >= 0) & (numbers < np.inf))
    if wrong.any():
        raise ValueError(f"{name} must be finite and at least 0; got {numbers[wrong][0]}")


def zeros_and_ones(Y):
    return all(((part == 0) | (part == 1)).all() for _, part in data.blocks(Y))


def labels_in(Y, n_out):
    """The class of each row: labels as they are, or a single output's 0 and 1."""
    if Y.ndim == 1:
        return Y
    if n_out == 1 and zeros_and_ones(Y):
        return data.whole(Y)[:, 0].astype(np.intp)
    raise ValueError(f"class_weight needs labels in Y, shape ({len(Y)},), or 0 and 1 for one output; got targets of "
                     f"shape {Y.shape}")


def check_class_weight(class_weight, labels, n_classes):
    """One weight for each class: those given, 1 for others; "balanced": m / (classes there · samples of it)."""
    if isinstance(class_weight, str):
        check_choice("class_weight", class_weight, ("balanced",))
        count = np.bincount(labels, minlength=n_classes)
        return [len(labels) / (np.count_nonzero(count) * samples) if samples else 0.0 for samples in count]
    if not hasattr(class_weight, "items"):
        raise TypeError(f"class_weight must be a dict from labels to numbers, or 'balanced'; got {describe(class_weight)}")
    weights = [1.0] * n_classes
    for label, value in class_weight.items():
        weights[check_count("a label in class_weight", label, minimum=0, maximum=n_classes - 1)] = \
            check_number("class_weight", value)
    check_nonnegative("class_weight", np.array(weights))
    return weights


def one_hot(labels, n_out, dtype):
    """Labels (m,) as rows of zeros with a one, (m, n_out)."""
    Y = np.zeros((len(labels), n_out), dtype)
    Y[np.arange(len(labels)), labels] = 1
    return Y


def check_finite(name, array, dtype, but_nan=False, columns=None):
    """Raise if a checked set holds NaN, unless that is allowed, or infinity; labels can't.  Columns may have names."""
    if array.dtype == dtype and (found := data.find_not_finite(array, but_nan)) is not None:
        row, column, value = found
        label = column if columns is None else repr(columns[column])
        raise ValueError(f"{name} must be finite in {dtype.name}; row {row}, column {label} is {value}")


def check_out(out, shape, dtype, *read):
    """`out` as the caller's array, and a contiguous one to compute into: the same if it serves, and overlaps nothing that is
    `read` meanwhile."""
    if not isinstance(out, np.ndarray):
        raise TypeError(f"out must be an ndarray; got {type(out).__name__}")
    if out.shape != shape or out.dtype != dtype:
        raise ValueError(f"out must have shape {shape} and dtype {dtype}; got shape {out.shape} and dtype {out.dtype}")
    if not out.flags.writeable:
        raise ValueError("out must be writeable; got a read-only array")
    direct = out.flags.c_contiguous and out.flags.aligned and out.dtype.isnative
    return out if direct and not any(overlap(out, array) for array in read) else np.empty(shape, dtype)


def overlap(out, X):
    """Whether writing to `out` might change the checked X."""
    return not isinstance(X, Compressed) and np.may_share_memory(out, X.array if isinstance(X, Rows) else X)


def check_known_curvature(name, kind):
    """Costs of the user's own come with a first derivative, not with a second."""
    if kind >= len(kernels.COSTS):
        raise ValueError(f"cost must be one of {', '.join(kernels.COSTS)} for second derivatives; got one of your own, "
                         f"{name!r}, whose second derivatives are not known")


def check_directions(name, V, m, single, n, dtype):
    """One direction of n values per row of X, (m, n), or (n,) for a single sample."""
    V = as_numbers(name, V)
    shape = (n,) if single else (m, n)
    if V.shape != shape:
        raise ValueError(f"{name} must have shape {shape}, {'like' if single else 'row for row with'} X; got shape {V.shape}")
    return as_dtype(V.reshape(m, n), dtype)


def check_pair(name, pair):
    if not isinstance(pair, (tuple, list)) or len(pair) != 2:
        raise TypeError(f"{name} must be a pair of arrays; got {describe(pair)}")
    return pair


def check_vector(name, vector, n, dtype):
    """A flat (n,) vector of the net's dtype."""
    vector = as_numbers(name, vector)
    if vector.shape != (n,):
        raise ValueError(f"{name} must have shape ({n},); got shape {vector.shape}")
    return as_dtype(vector, dtype)
