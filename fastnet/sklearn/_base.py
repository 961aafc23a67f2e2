"""What MLPClassifier and MLPRegressor have in common: parameters, the net behind them, `fit` and `predict`.

The net is `network_`, a fastnet.Network; `coefs_` and `intercepts_` are views into its parameters, so that
writing into them changes the net, and arrays put in their place are taken over at the next call.
"""

import functools
import operator
from abc import ABC, abstractmethod
from itertools import chain, pairwise
from numbers import Integral, Real

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.utils import check_random_state
from sklearn.utils._param_validation import Interval, Options, StrOptions, make_constraint
from sklearn.utils.validation import _check_sample_weight, check_is_fitted, validate_data

from fastnet import _checks, _checks_data, callbacks as callbacks_, custom_activations
from fastnet._core import kernels
from fastnet._core.samples import Compressed
from fastnet._optimizer import Optimizer
from fastnet._threads import processors
from fastnet.costs import Cost
from fastnet.network import Network
from fastnet.schedules import Schedule
from fastnet.sklearn import _solvers
from fastnet.sklearn._fitting import Data, Descent, keep_of, minimize, split

FROM_THEIRS = {"logistic": "sigmoid"}          # activations that fastnet calls otherwise
TO_THEIRS = {"sigmoid": "logistic"}
ACTIVATIONS = ("identity", "logistic", "tanh", "relu",
               *sorted(set(kernels.ACTIVATIONS) - {"identity", "sigmoid", "tanh", "relu"} - set(kernels.BY_ROW)), "sigmoid")
FLOATS = (np.float64, np.float32)


@functools.cache
def constraints_of(kind):
    """(name, scikit-learn's constraints) of every parameter of a class of estimators."""
    return tuple((name, tuple(map(make_constraint, constraints))) for name, constraints in kind._parameter_constraints.items())


def is_plain(X):
    """Whether X is an array of samples that scikit-learn's checks leave as it is, and the engine too."""
    return type(X) is np.ndarray and X.ndim == 2 and X.dtype in FLOATS and X.flags.c_contiguous and X.size and kernels.is_finite(X)


class BaseMLP(BaseEstimator, ABC):
    """The base of both; not for use by itself."""

    _parameter_constraints: dict = {
        "hidden_layer_sizes": ["array-like", Interval(Integral, 1, None, closed="left")],
        "activation": [StrOptions(set(ACTIVATIONS)), custom_activations.Custom, list, tuple],
        "solver": [StrOptions(set(_solvers.NAMES)), Optimizer],
        "alpha": [Interval(Real, 0, None, closed="left")],
        "batch_size": [StrOptions({"auto"}), Interval(Integral, 1, None, closed="left")],
        "learning_rate": [StrOptions({"constant", "invscaling", "adaptive"}), Schedule, callable],
        "learning_rate_init": [Interval(Real, 0, None, closed="neither")],
        "power_t": [Interval(Real, 0, None, closed="left")],
        "max_iter": [Interval(Integral, 1, None, closed="left")],
        "shuffle": ["boolean"],
        "random_state": ["random_state"],
        "tol": [Interval(Real, 0, None, closed="left")],
        "verbose": ["verbose"],
        "warm_start": ["boolean"],
        "momentum": [Interval(Real, 0, 1, closed="both")],
        "nesterovs_momentum": ["boolean"],
        "early_stopping": ["boolean"],
        "validation_fraction": [Interval(Real, 0, 1, closed="left")],
        "beta_1": [Interval(Real, 0, 1, closed="left")],
        "beta_2": [Interval(Real, 0, 1, closed="left")],
        "epsilon": [Interval(Real, 0, None, closed="neither")],
        "n_iter_no_change": [Interval(Integral, 1, None, closed="left"), Options(Real, {np.inf})],
        "max_fun": [Interval(Integral, 1, None, closed="left")],
        "loss": [StrOptions(set(kernels.COSTS)), Cost],
        "dropout": [Interval(Real, 0, 1, closed="left"), list, tuple],
        "callbacks": [callable, list, tuple, None],
        "n_threads": [Interval(Integral, 1, None, closed="left")],
    }

    # -- what scikit-learn's checks would let pass as it is, without them -----------------

    def _validate_params(self):
        """Theirs, where a parameter may not be what its constraints say; until then without asking what parameters there are."""
        given = self.__dict__
        for name, constraints in constraints_of(type(self)):
            if name not in given or not any(constraint.is_satisfied_by(given[name]) for constraint in constraints):
                return super()._validate_params()

    def _check_data(self, X, y, reset, **options):
        """sklearn's validate_data, which has nothing to convert, to refuse or to write down but the number of features where X
        and y are arrays of finite numbers, row for row, and columns have no names."""
        plain = (is_plain(X) and type(y) is np.ndarray and y.ndim in (1, 2) and y.flags.c_contiguous and y.size and len(X) == len(y)
                 and (y.dtype.kind in "biu" or y.dtype in FLOATS and kernels.is_finite(y)) and "feature_names_in_" not in self.__dict__
                 and (reset or self.__dict__.get("n_features_in_") == X.shape[1]))
        if not plain:
            return validate_data(self, X, y, accept_sparse=["csr", "csc"], multi_output=True, dtype=FLOATS, reset=reset, **options)
        self.n_features_in_ = X.shape[1]
        return X, y

    # -- what the two kinds differ in ----------------------------------------------

    @abstractmethod
    def _validate_input(self, X, y, incremental, reset):
        """X and y as scikit-learn checks them."""

    @abstractmethod
    def _targets(self, y, dtype):
        """Targets as the engine takes them, (m, k) of the net's dtype or labels (m,)."""

    @abstractmethod
    def _outputs_for(self, y):
        """(targets a sample, activation of the outputs, cost) of a new net."""

    @abstractmethod
    def _loss(self, Y):
        """How the engine's cost becomes the loss (fastnet.sklearn._fitting.Loss)."""

    @abstractmethod
    def _score_on(self, data):
        """The score of the net as it is, without any check."""

    # -- the net ---------------------------------------------------------------------

    def _hidden_activations(self, n_hidden):
        """One of fastnet's names for each hidden layer, and the output's or None."""
        given = [self.activation] * n_hidden if isinstance(self.activation, str) else list(self.activation)
        if len(given) not in (n_hidden, n_hidden + 1):
            raise ValueError(f"activation must be a name, or hold one per hidden layer ({n_hidden}), or one more for the "
                             f"outputs; got {len(given)}")
        names = [FROM_THEIRS.get(name, name) for name in given]
        return names[:n_hidden], names[n_hidden] if len(names) > n_hidden else None

    def _new_network(self, hidden, n_features, y, dtype):
        """The attributes of an estimator that knows nothing yet, and its net as scikit-learn draws it: weights (p, n), then
        biases, uniform within ±sqrt(6 / (p + n)), or sqrt(2 / (p + n)) for the logistic sigmoid."""
        self.n_iter_ = self.t_ = 0
        n_targets, output, cost = self._outputs_for(y)
        names, own_output = self._hidden_activations(len(hidden))
        output = own_output or output
        sizes = [n_features, *hidden, cost.n_outputs(n_targets)]
        self._build(sizes, [*names, output], cost, dtype)
        alone = FROM_THEIRS.get(self.activation, self.activation) if isinstance(self.activation, str) else output
        drawn_for = [*names, names[-1] if names else alone]
        for (p, n), name, w, b in zip(pairwise(sizes), drawn_for, self.network_.weights, self.network_.biases):
            bound = np.sqrt((2.0 if name == "sigmoid" else 6.0) / (p + n))
            w.T[:] = self._random_state.uniform(-bound, bound, (p, n))
            b[:] = self._random_state.uniform(-bound, bound, n)
        self._start_counting()

    def _build(self, sizes, names, cost, dtype):
        n_parameters = sum(p * n + n for p, n in pairwise(sizes))
        self.network_ = Network(sizes, activation=names, cost=cost, dtype=dtype, init=np.zeros(n_parameters, dtype))
        self.n_layers_ = len(sizes)
        self.out_activation_ = self._out_name(names[-1])
        self._publish()

    def _out_name(self, name):
        return TO_THEIRS.get(name, name)

    def _start_counting(self):
        """What is counted over calls of `fit` with warm_start and of `partial_fit`."""
        if not _solvers.takes_steps(self.solver):
            return
        self.loss_curve_ = []
        self._no_improvement_count = 0
        self._best_parameters = None
        self.best_loss_ = None if self.early_stopping else np.inf
        self.validation_scores_ = [] if self.early_stopping else None
        self.best_validation_score_ = -np.inf if self.early_stopping else None

    def _publish(self):
        self.coefs_ = [w.T for w in self.network_.weights]
        self.intercepts_ = list(self.network_.biases)
        self._views = (*self.coefs_, *self.intercepts_)

    def _net(self):
        """The net, with what a caller has put in the place of its coefficients."""
        views = self.__dict__.get("_views", ())
        if len(self.coefs_) + len(self.intercepts_) == len(views) \
                and all(map(operator.is_, chain(self.coefs_, self.intercepts_), views)):
            return self.network_
        coefs, intercepts = [np.asarray(w) for w in self.coefs_], [np.asarray(b) for b in self.intercepts_]
        sizes = [coefs[0].shape[0], *(w.shape[1] for w in coefs)]
        net = self.__dict__.get("network_")
        if net is None or net.sizes != tuple(sizes):
            names, output = self._hidden_activations(len(sizes) - 2)
            given = {"exp": "identity"}.get(self.out_activation_, FROM_THEIRS.get(self.out_activation_, self.out_activation_))
            cost = self._cost_behind(given) if net is None else net.cost_function
            self._build(sizes, [*names, output or given], cost, np.result_type(*coefs, np.float32))
        for own, w in zip(self.network_.weights, coefs):
            own[:] = w.T
        for own, b in zip(self.network_.biases, intercepts):
            own[:] = b
        self._publish()
        return self.network_

    def __getstate__(self):
        state = super().__getstate__()
        if "network_" not in state:
            return state
        self._net()
        return {name: value for name, value in state.items() if name not in ("coefs_", "intercepts_", "_views")}

    def __setstate__(self, state):
        super().__setstate__(state)
        if "network_" in self.__dict__:
            self._publish()

    # -- training ----------------------------------------------------------------------

    def _threads(self):
        """As many as were asked for, and as this process has processors."""
        return min(int(self.n_threads), processors())

    def _callbacks(self):
        return callbacks_.with_progress(() if self.callbacks is None else self.callbacks, False)

    def _hidden(self):
        hidden = self.hidden_layer_sizes
        hidden = list(hidden) if hasattr(hidden, "__iter__") else [hidden]
        if np.any(np.array(hidden) <= 0):
            raise ValueError(f"hidden_layer_sizes must be > 0, got {hidden}.")
        return [int(n) for n in hidden]

    def _inputs(self, X, dtype):
        """Checked inputs as the engine takes them."""
        return _checks_data.sparse_rows(X, X.shape[1], dtype) if _checks_data.is_sparse(X) else _checks.as_dtype(X, dtype)

    def _weights(self, X, y, sample_weight, incremental):
        """What each sample counts, (m,) float64, or None: all the same."""
        return None if sample_weight is None else np.asarray(_check_sample_weight(sample_weight, X), float)

    def _fit(self, X, y, sample_weight, incremental=False, held=(None, None, None)):
        before = dict(self.__dict__)
        try:
            data, validation = self._prepare(X, y, sample_weight, incremental, held)
        except BaseException:                                  # what was fitted before stays as it was
            self.__dict__.clear()
            self.__dict__.update(before)
            raise
        net = self.network_
        if _solvers.takes_steps(self.solver):
            self._descend(data, validation, incremental)
        else:
            minimize(self, data, self._loss(data.Y))
        if not np.isfinite(net.parameters).all():
            raise ValueError("Solver produced non-finite parameter weights. The input data may contain large values and need to "
                             "be preprocessed.")
        return self

    def _prepare(self, X, y, sample_weight, incremental, held):
        """Everything that is checked before the first step: samples to train on, and to validate on or None."""
        _solvers.check_effect(self, *held)
        self._callbacks()
        hidden = self._hidden()
        first = not hasattr(self, "coefs_") or (not self.warm_start and not incremental)
        X, y = self._validate_input(X, y, incremental, reset=first)
        weight = self._weights(X, y, sample_weight, incremental)
        self._random_state = check_random_state(self.random_state)
        if first:
            self._new_network(hidden, X.shape[1], y, X.dtype)
        net = self._net()
        Y = self._targets(y, net.dtype)
        self.n_outputs_ = net.sizes[-1] if Y.ndim == 1 else Y.shape[1]
        if X.shape[1] != net.sizes[0] or net.cost_function.n_targets(net.sizes[-1]) != self.n_outputs_:
            raise ValueError(f"X and y must have the {net.sizes[0]} features and {net.cost_function.n_targets(net.sizes[-1])} targets "
                             f"that the net was made for; got {X.shape[1]} and {self.n_outputs_}")
        data = Data(self._inputs(X, net.dtype), Y, weight)
        return self._prepare_steps(data, held, incremental) if _solvers.takes_steps(self.solver) else (data, None)

    def _prepare_steps(self, data, held, incremental):
        keep_of(self, len(self.network_.weights) - 1)
        if self.early_stopping and incremental:
            raise ValueError("partial_fit does not support early_stopping=True")
        if "loss_curve_" not in self.__dict__:                 # the last solver took no steps
            self._start_counting()
        if not incremental or getattr(self, "_optimizer", None) is None:
            self._optimizer = _solvers.Steps(self)
        validation = self._held(data, *held)
        if validation is None and self.early_stopping:
            data, validation = split(self, data, self._strata(data.Y))
        if validation is not None and self.validation_scores_ is None:
            self.validation_scores_, self.best_validation_score_ = [], -np.inf
        return data, validation

    def _descend(self, data, validation, incremental):
        Descent(self, data, self._loss(data.Y), validation).run(self.max_iter, incremental)
        if self.early_stopping and self._best_parameters is not None:
            self.network_.parameters[:] = self._best_parameters

    def _strata(self, Y):
        """What has to be split alike for early stopping."""
        return None

    def _held(self, data, X, y, sample_weight):
        """The validation samples that `fit` was given, or None."""
        if X is None and y is None and sample_weight is None:
            return None
        if X is None or y is None:
            raise ValueError("X_val and y_val must be given together, and with sample_weight_val; got only "
                             + ("sample_weight_val" if X is y else "one of them"))
        X, y = self._check_data(X, y, reset=False)
        weight = None if sample_weight is None else np.asarray(_check_sample_weight(sample_weight, X), float)
        dtype = self.network_.dtype
        return Data(self._inputs(X, dtype), self._targets(y, dtype), weight)

    # -- outputs -----------------------------------------------------------------------

    def _outputs(self, X):
        """Outputs of the net, (m, n_out).  An array that needs no conversion goes straight to the engine; the rest is checked
        by scikit-learn first."""
        attributes = self.__dict__
        if "coefs_" not in attributes:
            check_is_fitted(self)
        net = self._net()
        if not ("feature_names_in_" not in attributes and is_plain(X) and X.dtype == net.dtype and X.shape[1] == net.sizes[0]):
            X = self._inputs(validate_data(self, X, accept_sparse=["csr", "csc"], reset=False), net.dtype)
        return net(X) if self.n_threads == 1 or isinstance(X, Compressed) else net.predict(X, threads=self._threads())

    def _raw(self, data):
        """Outputs for samples that are the engine's already."""
        return self.network_.predict(data.X)

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        return tags


def check_steps(estimator):
    """`partial_fit` is there for solvers that take steps."""
    if not _solvers.takes_steps(estimator.solver):
        raise AttributeError(f"partial_fit is only available for stochastic optimizers. {estimator.solver} is not stochastic.")
    return True
