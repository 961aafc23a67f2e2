"""What a net is trained to make small: the costs, their parameters, and costs of your own.

Every cost says what one sample costs, C_x, a function of the outputs a and of what is desired, y.
The cost of a batch is the mean over its samples.  `Network(cost=...)` takes a name ("huber") or an
object (`fn.costs.Huber(delta=2.0)`).  The cost owns BP1, δ^L = ∇_a C ⊙ σ'(z^L), so any cost may
stand behind any output activation; cross-entropies over sigmoid or softmax outputs are taken from
z^L, where nothing overflows or cancels.

Common to all, a user's own excepted:

output_weights : sequence of float, optional
    One factor for each target of a sample, at least 0: C_x = Σ_j u_j C_xj.
ignore_nan : bool
    A NaN in Y means that nothing is known there: it costs nothing and pulls nowhere.  The mean
    still counts every sample.  False: NaN in Y is an error in `fit`.
"""

import re
from typing import Any, NamedTuple

import numpy as np

from fastnet import _checks
from fastnet._core import kernels

__all__ = ["CategoricalCrossEntropy", "Cost", "CrossEntropy", "Custom", "GaussianNLL", "Huber", "LogCosh", "MAE",
           "Poisson", "Quadratic", "Quantile", "custom", "from_text"]


class Bound(NamedTuple):
    """A cost as the compiled core takes it: arrays of the net's dtype, addresses."""

    kind: int
    n_targets: int
    ignore_nan: bool = False
    parameter: float = 0.0
    parameters: np.ndarray | None = None
    output_weights: np.ndarray | None = None
    function: int = 0
    context: int = 0
    python: Any = None


class Cost:
    """The base of every cost: immutable, equal where name and parameters are."""

    name = None                # of the formula in C and in fastnet.reference
    target_range = None        # (least, most or None) that a target may be
    labels = "direct"          # taken as they are; "one_hot": as rows; None: not at all
    _options = ("output_weights", "ignore_nan")

    def __init__(self, output_weights=None, ignore_nan=False):
        self._set(output_weights=_checks.check_output_weights(output_weights),
                  ignore_nan=_checks.check_flag("ignore_nan", ignore_nan))

    def _set(self, **options):
        for option, value in options.items():
            object.__setattr__(self, option, value)

    def __setattr__(self, name, value):
        raise AttributeError(f"a cost can't be changed; make a new {type(self).__name__}")

    def n_targets(self, n_out):
        """Values desired of one sample, for a net with n_out outputs."""
        return n_out

    def n_outputs(self, n_targets):
        """Outputs of a net for that many values desired of one sample."""
        return n_targets

    def output_map(self, offset, unit):
        """(offset, unit) of each output a for targets learned as (y − offset) / unit: a unit + offset is in units of y."""
        return offset, unit

    def check_outputs(self, n_out):
        """Whether the cost fits a net with n_out outputs."""
        for option in ("output_weights", "tau"):
            given = getattr(self, option, None)
            if isinstance(given, tuple) and len(given) != self.n_targets(n_out):
                raise ValueError(f"{option} must hold one number per target of a sample ({self.n_targets(n_out)}); "
                                 f"got {len(given)}")

    def bind(self, n_out, dtype):
        """This cost for a net with n_out outputs, as the compiled core takes it."""
        self.check_outputs(n_out)
        parameter, parameters = self._parameter(), None
        if isinstance(parameter, tuple):
            parameter, parameters = 0.0, np.array(parameter, dtype)
        weights = None if self.output_weights is None else np.array(self.output_weights, dtype)
        return Bound(kernels.COSTS.index(self.name), self.n_targets(n_out), self.ignore_nan, parameter, parameters, weights)

    def _parameter(self):
        return 0.0

    def _given(self):
        """The options that differ from their defaults, by name."""
        default = type(self)()
        return {option: getattr(self, option) for option in self._options
                if getattr(self, option) != getattr(default, option)}

    def __repr__(self):
        options = {key: list(value) if isinstance(value, tuple) else value for key, value in self._given().items()}
        return f"{type(self).__name__}({', '.join(f'{key}={value!r}' for key, value in options.items())})"

    def to_text(self):
        """The cost as one word, for files and the command line; `from_text` reads it.

        Examples
        --------
        >>> from fastnet import costs
        >>> costs.Huber(delta=2.0).to_text(), costs.from_text("huber(delta=2.0)")
        ('huber(delta=2.0)', Huber(delta=2.0))
        """
        options = {key: "".join(f"{number!r}:" for number in value) if isinstance(value, tuple) else repr(value)
                   for key, value in self._given().items() if key != "log_input"}    # which is in the name
        return self.name + (f"({','.join(f'{key}={value}' for key, value in options.items())})" if options else "")

    def __eq__(self, other):
        return type(self) is type(other) and self._given() == other._given()

    def __hash__(self):
        return hash((type(self), tuple(self._given().items())))

    def __reduce__(self):
        return rebuild, (type(self), self._given())


def rebuild(kind, options):
    """A cost from what pickle kept of it."""
    return kind(**options)


class Quadratic(Cost):
    """C_x = ½ Σ_j (a_j − y_j)²,  ∂C_x/∂a_j = a_j − y_j.

    Examples
    --------
    >>> import fastnet as fn
    >>> fn.Network([1, 1], init=[0.0, 0.0], cost=fn.costs.Quadratic(output_weights=[4])).cost([[3.0]], [[1.0]])
    0.5
    """

    name = "quadratic"


class CrossEntropy(Cost):
    """C_x = −Σ_j [y_j ln a_j + (1 − y_j) ln(1 − a_j)], for outputs that are probabilities of their own.

    ∂C_x/∂a_j = (1 − y_j)/(1 − a_j) − y_j/a_j.  Over sigmoid outputs C_x = Σ_j [ln(1 + e^{z_j}) − y_j z_j]
    and δ_j = a_j − y_j exactly.  Over others 0 ln 0 is 0, and a wrong output of exactly 0 or 1
    costs infinity; an output outside [0, 1] costs NaN.  Targets lie in [0, 1].  M. Nielsen, Neural
    Networks and Deep Learning, 2015, chapter 3.

    Examples
    --------
    >>> import fastnet as fn
    >>> net = fn.Network([1, 1], init=[0.0, 1000.0], cost="cross_entropy")
    >>> net.cost([[3.0]], [[0.0]])
    1000.0
    """

    name = "cross_entropy"
    target_range = (0, 1)


class CategoricalCrossEntropy(Cost):
    """C_x = −Σ_j y_j ln a_j, for outputs that are probabilities of classes excluding each other.

    ∂C_x/∂a_j = −y_j/a_j.  Over softmax outputs C_x = Σ_j y_j (ln Σ_k e^{z_k} − z_j) and
    δ_j = a_j Σ_k y_k − y_j: a_j − y_j where the targets sum to 1.  Over sigmoid outputs
    C_x = Σ_j y_j ln(1 + e^{−z_j}), which pushes no wrong class down: softmax is what this cost is
    for.  Targets are labels, or rows of numbers of at least 0, which need not be 0 and 1.

    Examples
    --------
    >>> import fastnet as fn
    >>> net = fn.Network([1, 2], init=[0.0, 0.0, 0.0, 0.0], cost="categorical_cross_entropy")
    >>> round(net.cost([[3.0]], [1]), 6)
    0.693147
    """

    name = "categorical_cross_entropy"
    target_range = (0, None)


class MAE(Cost):
    """C_x = Σ_j |a_j − y_j|,  ∂C_x/∂a_j = sign(a_j − y_j), 0 where they are equal.

    Examples
    --------
    >>> import fastnet as fn
    >>> fn.Network([1, 1], init=[0.0, 0.0], cost="mae").cost([[3.0]], [[2.0]])
    1.5
    """

    name = "mae"


class Huber(Cost):
    """C_x = Σ_j h(a_j − y_j),  h(d) = ½ d² for |d| ≤ delta, else delta (|d| − ½ delta).

    ∂C_x/∂a_j = a_j − y_j, held within ±delta.  P. Huber, Robust estimation of a location parameter, 1964.

    Parameters
    ----------
    delta : float
        Where h turns from a parabola into lines; above 0.

    Examples
    --------
    >>> import fastnet as fn
    >>> net = fn.Network([1, 1], init=[0.0, 0.0], cost=fn.costs.Huber(delta=0.5))
    >>> net.cost([[3.0]], [[2.5]])
    0.875
    """

    name = "huber"
    _options = ("delta", *Cost._options)

    def __init__(self, delta=1.0, output_weights=None, ignore_nan=False):
        super().__init__(output_weights, ignore_nan)
        self._set(delta=_checks.check_positive("delta", delta))

    def _parameter(self):
        return self.delta


class LogCosh(Cost):
    """C_x = Σ_j ln cosh(a_j − y_j),  ∂C_x/∂a_j = tanh(a_j − y_j): quadratic near 0, straight far off.

    Examples
    --------
    >>> import fastnet as fn
    >>> round(fn.Network([1, 1], init=[0.0, 0.0], cost="log_cosh").cost([[3.0]], [[1.5]]), 6)
    0.433781
    """

    name = "log_cosh"


class Poisson(Cost):
    """C_x = Σ_j (a_j − y_j ln a_j): counts y of a rate a, the constant ln y! left out.

    ∂C_x/∂a_j = 1 − y_j/a_j.  The outputs must be above 0: sigmoid for rates below 1, softplus for
    others.  With `log_input` (by name "poisson_log") an output is the logarithm of the rate,
    C_x = Σ_j (e^{a_j} − y_j a_j) and ∂C_x/∂a_j = e^{a_j} − y_j, which identity outputs suit: what
    torch.nn.PoissonNLLLoss takes by default.  Targets are at least 0.

    Parameters
    ----------
    log_input : bool
        Outputs are logarithms of rates.

    Examples
    --------
    >>> import fastnet as fn
    >>> net = fn.Network([1, 1], output="identity", init=[0.0, 0.0], cost=fn.costs.Poisson(log_input=True))
    >>> net.cost([[3.0]], [[2.0]])
    1.0
    """

    target_range = (0, None)
    _options = ("log_input", *Cost._options)

    def __init__(self, log_input=False, output_weights=None, ignore_nan=False):
        super().__init__(output_weights, ignore_nan)
        self._set(log_input=_checks.check_flag("log_input", log_input))

    name = property(lambda self: "poisson_log" if self.log_input else "poisson")


class Quantile(Cost):
    """C_x = Σ_j max(tau d_j, (tau − 1) d_j),  d = y − a: an output learns the tau-quantile of y.

    ∂C_x/∂a_j = −tau where the target lies above the output, 1 − tau where it lies below, 0 where
    they are equal: the pinball loss.  R. Koenker, G. Bassett, Regression quantiles, 1978.

    Parameters
    ----------
    tau : float or sequence of float
        Between 0 and 1, for all outputs or one for each.

    Examples
    --------
    >>> import fastnet as fn
    >>> net = fn.Network([1, 2], init=[0.0, 0.0, 0.0, 0.0], cost=fn.costs.Quantile(tau=[0.1, 0.9]))
    >>> round(net.cost([[3.0]], [[1.5, 1.5]]), 6)
    1.0
    """

    name = "quantile"
    _options = ("tau", *Cost._options)

    def __init__(self, tau=0.5, output_weights=None, ignore_nan=False):
        super().__init__(output_weights, ignore_nan)
        self._set(tau=_checks.check_tau(tau))

    def _parameter(self):
        return self.tau


class GaussianNLL(Cost):
    """C_x = ½ Σ_j [s_j + (y_j − μ_j)² e^{−s_j}]: the net says how sure it is.

    Of n outputs the first n/2 are means μ, the others logarithms s of variances; a sample has n/2
    targets.  The constant ½ ln 2π is left out.  ∂C_x/∂μ_j = (μ_j − y_j) e^{−s_j},
    ∂C_x/∂s_j = ½ [1 − (y_j − μ_j)² e^{−s_j}].  Identity outputs suit it.  Where targets are scaled, the
    net gives μ unit + offset and s + 2 ln unit.  D. Nix, A. Weigend, Estimating the mean and variance of
    the target probability distribution, 1994.

    Examples
    --------
    >>> import fastnet as fn
    >>> net = fn.Network([1, 2], output="identity", init=[0.0, 0.0, 1.0, 0.0], cost="gaussian_nll")
    >>> net.cost([[3.0]], [[3.0]])
    2.0
    """

    name = "gaussian_nll"
    labels = None

    def n_targets(self, n_out):
        return n_out // 2

    def n_outputs(self, n_targets):
        return 2 * n_targets

    def output_map(self, offset, unit):
        """Variances in units of y²: s + 2 ln unit."""
        return np.concatenate([offset, 2 * np.log(unit)]), np.concatenate([unit, np.ones_like(unit)])

    def check_outputs(self, n_out):
        if n_out % 2:
            raise ValueError(f"sizes must end with an even number for gaussian_nll, means and logarithms of "
                             f"variances; got {n_out}")
        super().check_outputs(n_out)


class Custom(Cost):
    """A cost of your own; made by `fastnet.costs.custom`."""

    labels = "one_hot"
    output_weights, ignore_nan = None, False

    def __init__(self, name, value, derivative, dtype, context):
        self._set(name=_checks.check_name("name", name), value=value, derivative=derivative, dtype=dtype, context=context)

    def bind(self, n_out, dtype):
        if self.derivative is not None:
            return Bound(len(kernels.COSTS) + 1, n_out, python=self)
        if self.dtype != dtype:
            raise ValueError(f"cost {self.name!r} is compiled for {self.dtype.name}; the net's dtype is {dtype.name}")
        return Bound(len(kernels.COSTS), n_out, function=_checks.address_of(self.value),
                     context=_checks.address_of(self.context))

    def values(self, A, Y):
        """Costs of the samples, (m,), float64."""
        return _checks.check_custom(f"the value of cost {self.name!r}", self.value(A, Y), A.shape[:1], np.dtype(np.float64))

    def nabla(self, A, Y):
        """∂C_x/∂a, (m, n), of the net's dtype."""
        return _checks.check_custom(f"the derivative of cost {self.name!r}", self.derivative(A, Y), A.shape, A.dtype)

    def __repr__(self):
        kind = "Python functions" if self.derivative is not None else f"compiled, {self.dtype.name}"
        return f"<custom cost {self.name!r}: {kind}>"

    def to_text(self):
        return f"custom(name={self.name})"

    def __eq__(self, other):
        return self is other or (type(self) is type(other) and self._kept() == other._kept())

    def __hash__(self):
        return hash(self.name)

    def _kept(self):
        return self.name, self.value, self.derivative, self.dtype, self.context

    def __reduce__(self):
        if self.derivative is None:
            raise TypeError(f"cost {self.name!r} is compiled code of this process and can't be pickled")
        return Custom, self._kept()

    def __deepcopy__(self, memo):
        return self


def custom(value, derivative=None, *, name="custom", dtype="float64", context=None):
    """A cost of your own, in Python or compiled.

    Parameters
    ----------
    value : callable or compiled function
        With `derivative`: value(A, Y) -> (m,), the cost C_x of each sample, from the outputs A,
        (m, n), and what is desired, Y, (m, n): arrays of the net's dtype, a sample a row.
        Without: the address of compiled code, as an int, a ctypes function pointer or a numba
        cfunc, of the signature under Notes.
    derivative : callable, optional
        derivative(A, Y) -> (m, n): ∂C_x/∂a_j of each sample.
    name : str
        What reports call it.
    dtype : {"float64", "float32"}
        Of compiled code: the only dtype of nets that it serves.
    context : int or ctypes pointer, optional
        Handed to compiled code.

    Returns
    -------
    Custom

    Raises
    ------
    ValueError, TypeError
        If `value` is neither a callable with a `derivative` nor compiled code.

    Notes
    -----
    Compiled code is called once a sample and runs at the pace of the rest, on the fast paths too::

        double cost(ptrdiff_t n, ptrdiff_t n_targets, const double *a, const double *y,
                    double *nabla, void *context);

    returns C_x of the n outputs a and writes ∂C_x/∂a into nabla; `float` in the place of `double`,
    the result excepted, for float32.  It is called without Python's lock, from any thread, and
    must not fail.  (A ctypes function made from a Python one takes the lock by itself; what it
    raises is printed and lost.)

    Python functions are called once a batch, by the plain engine: slower, the more so the smaller
    the batch.  What they raise comes out of `fit`, which leaves the net as the last finished batch
    did.  A net with such a cost can be pickled if the functions can; a file holds the name alone,
    and `fn.load` then wants the cost.

    Examples
    --------
    >>> import numpy as np
    >>> import fastnet as fn
    >>> quartic = fn.costs.custom(lambda A, Y: ((A - Y)**4).sum(axis=1), lambda A, Y: 4 * (A - Y)**3, name="quartic")
    >>> net = fn.Network([1, 1], init=[0.0, 0.0], cost=quartic)
    >>> net.cost([[3.0]], [[1.5]])
    1.0
    """
    if derivative is not None:
        if not (callable(value) and callable(derivative)):
            raise TypeError(f"value and derivative must be callables; got {_checks.describe(value)} "
                            f"and {_checks.describe(derivative)}")
        return Custom(name, value, derivative, None, None)
    if not _checks.compiled_code(value):
        raise TypeError(f"value must be compiled code (an address, a ctypes function, a numba cfunc) where no derivative "
                        f"is given; got {_checks.describe(value)}")
    return Custom(name, value, None, _checks.check_dtype(dtype), context)


COSTS = {cost.name: cost for cost in (Quadratic, CrossEntropy, CategoricalCrossEntropy, MAE, Huber, LogCosh,
                                      Quantile, GaussianNLL)}
COSTS |= {"poisson": Poisson, "poisson_log": lambda **options: Poisson(log_input=True, **options)}


def resolve(cost):
    """A cost object from what a caller gave as `cost`."""
    if isinstance(cost, Cost):
        return cost
    if not isinstance(cost, str):
        raise TypeError(f"cost must be a name, one of {', '.join(kernels.COSTS)}, or an object of fastnet.costs; "
                        f"got {_checks.describe(cost)}")
    return COSTS[_checks.check_choice("cost", cost, kernels.COSTS)]()


def from_text(text):
    """A cost from a name and its parameters in brackets, as `Cost.to_text` writes it.

    Raises
    ------
    ValueError
        If there is no such cost or parameter.

    Examples
    --------
    >>> from fastnet import costs
    >>> costs.from_text("quantile(tau=0.1:0.9,ignore_nan=True)")
    Quantile(tau=[0.1, 0.9], ignore_nan=True)
    """
    parts = re.fullmatch(r"([^(]*)(?:\((.*)\))?", text)
    name, options = parts.groups() if parts else (text, None)
    kind = COSTS[_checks.check_choice("cost", name, kernels.COSTS)]
    known = kind()._options
    given = {}
    for option in filter(None, (options or "").split(",")):
        key, _, value = option.partition("=")
        if key not in known or key == "log_input":
            raise ValueError(f"cost {name} has no parameter {key!r}; it has {', '.join(known)}")
        given[key] = _parse(option, value)
    return kind(**given)


def _parse(option, text):
    if text in ("True", "False"):
        return text == "True"
    try:
        numbers = [float(part) for part in text.removesuffix(":").split(":")]
    except ValueError:
        raise ValueError(f"cost: {option!r} does not give a number, numbers separated by colons, True or False") from None
    return numbers if ":" in text else numbers[0]
