"""MLPRegressor: numbers in, numbers out, one or several targets."""

import numpy as np
from scipy.special import xlogy
from sklearn.base import RegressorMixin, _fit_context
from sklearn.utils import column_or_1d
from sklearn.utils._param_validation import StrOptions
from sklearn.utils.metaestimators import available_if

from fastnet import _checks, costs
from fastnet._core import kernels
from fastnet.costs import Cost
from fastnet.sklearn._base import BaseMLP, check_steps
from fastnet.sklearn._fitting import Loss
from fastnet.stopping import r2

THEIRS = {"squared_error": "quadratic", "poisson": "poisson_log"}      # their poisson has outputs e^z
LOSSES = (*THEIRS, *(name for name in kernels.COSTS if name not in THEIRS))


class MLPRegressor(RegressorMixin, BaseMLP):
    """Multi-layer perceptron regressor: scikit-learn's by its parameters and results, fastnet underneath.

    Parameters
    ----------
    loss : str or one of fastnet.costs
        "squared_error", or "poisson", whose outputs are e^z, as in scikit-learn; or any cost of fastnet over identity outputs:
        "huber", fastnet.costs.Quantile(tau=0.9), "gaussian_nll" (`predict` gives the means), ...
    hidden_layer_sizes, activation, solver, alpha, batch_size, learning_rate, learning_rate_init, power_t, max_iter, shuffle
        See MLPClassifier.
    random_state, tol, verbose, warm_start, momentum, nesterovs_momentum, early_stopping, validation_fraction, beta_1, beta_2
        See MLPClassifier; the score of early stopping is R².
    epsilon, n_iter_no_change, max_fun, dropout, callbacks, n_threads
        See MLPClassifier.

    Attributes
    ----------
    network_, coefs_, intercepts_, loss_, best_loss_, loss_curve_, validation_scores_, best_validation_score_
        See MLPClassifier.  With loss="poisson" the outputs of `network_` are logarithms of what `predict` gives.
    t_, n_iter_, n_features_in_, feature_names_in_, n_layers_, n_outputs_, out_activation_
        As in scikit-learn.

    Raises
    ------
    ValueError, TypeError
        Where scikit-learn's class raises them, by the same checks; targets that a cost can't have.

    Warns
    -----
    ConvergenceWarning
        If `max_iter` ends the training.

    Notes
    -----
    As in scikit-learn the loss of several targets is their mean, the gradient that of their sum.

    Examples
    --------
    >>> import numpy as np
    >>> from fastnet.sklearn import MLPRegressor
    >>> X = np.linspace(-1, 1, 50)[:, None]
    >>> net = MLPRegressor(hidden_layer_sizes=20, activation="tanh", solver="lbfgs", max_iter=500, random_state=0)
    >>> bool(net.fit(X, np.sin(3 * X[:, 0])).score(X, np.sin(3 * X[:, 0])) > 0.999)
    True
    """

    _parameter_constraints: dict = {**BaseMLP._parameter_constraints, "loss": [StrOptions(set(LOSSES)), Cost]}

    def __init__(self, loss="squared_error", hidden_layer_sizes=(100,), activation="relu", *, solver="adam", alpha=0.0001,
                 batch_size="auto", learning_rate="constant", learning_rate_init=0.001, power_t=0.5, max_iter=200, shuffle=True,
                 random_state=None, tol=1e-4, verbose=False, warm_start=False, momentum=0.9, nesterovs_momentum=True,
                 early_stopping=False, validation_fraction=0.1, beta_1=0.9, beta_2=0.999, epsilon=1e-8, n_iter_no_change=10,
                 max_fun=15000, dropout=0.0, callbacks=None, n_threads=1):
        self.loss = loss
        self.hidden_layer_sizes = hidden_layer_sizes
        self.activation = activation
        self.solver = solver
        self.alpha = alpha
        self.batch_size = batch_size
        self.learning_rate = learning_rate
        self.learning_rate_init = learning_rate_init
        self.power_t = power_t
        self.max_iter = max_iter
        self.shuffle = shuffle
        self.random_state = random_state
        self.tol = tol
        self.verbose = verbose
        self.warm_start = warm_start
        self.momentum = momentum
        self.nesterovs_momentum = nesterovs_momentum
        self.early_stopping = early_stopping
        self.validation_fraction = validation_fraction
        self.beta_1 = beta_1
        self.beta_2 = beta_2
        self.epsilon = epsilon
        self.n_iter_no_change = n_iter_no_change
        self.max_fun = max_fun
        self.dropout = dropout
        self.callbacks = callbacks
        self.n_threads = n_threads

    # -- targets -------------------------------------------------------------------

    def _validate_input(self, X, y, incremental, reset):
        X, y = self._check_data(X, y, reset, y_numeric=True)
        if y.ndim == 2 and y.shape[1] == 1:
            y = column_or_1d(y, warn=True)
        return X, y

    def _targets(self, y, dtype):
        Y = _checks.as_dtype(y.reshape(len(y), -1), dtype)
        _checks.check_target_values(Y, self.network_.cost_function)
        return Y

    def _outputs_for(self, y):
        return 1 if y.ndim == 1 else y.shape[1], "identity", self._cost_behind("identity")

    def _cost_behind(self, output):
        return costs.resolve(THEIRS.get(self.loss, self.loss) if isinstance(self.loss, str) else self.loss)

    def _out_name(self, name):
        return "exp" if self.loss == "poisson" else super()._out_name(name)

    def _loss(self, Y):
        if self.loss == "poisson":                             # y ln y − y: the deviance is 0 where it fits exactly
            return Loss(constant=(xlogy(Y, Y) - Y).sum(axis=1, dtype=float))
        return Loss(factor=1 / Y.shape[1]) if self.loss == "squared_error" else Loss()

    def _means(self, outputs):
        """What is predicted, (m, targets), from the outputs of the net."""
        if self.loss == "poisson":
            return np.exp(outputs)
        targets = self.network_.cost_function.n_targets(outputs.shape[1])
        return outputs if targets == outputs.shape[1] else outputs[:, :targets]

    def _score_on(self, data):
        outputs = self._means(self._raw(data))
        if not np.isfinite(outputs).all():
            return np.nan
        return r2(data.Y.astype(float), outputs, data.weight)

    # -- fit -----------------------------------------------------------------------

    @_fit_context(prefer_skip_nested_validation=True)
    def fit(self, X, y, sample_weight=None, *, X_val=None, y_val=None, sample_weight_val=None):
        """Fit the net to samples and their targets.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (m, n_features)
        y : array-like of shape (m,) or (m, n_targets)
        sample_weight : array-like of shape (m,), optional
            What each sample counts in its batch.
        X_val, y_val, sample_weight_val : optional
            Samples to validate on after each epoch, in the place of a fraction of X.

        Returns
        -------
        MLPRegressor
            The estimator itself.
        """
        return self._fit(X, y, sample_weight, held=(X_val, y_val, sample_weight_val))

    @available_if(check_steps)
    @_fit_context(prefer_skip_nested_validation=True)
    def partial_fit(self, X, y, sample_weight=None):
        """One epoch over these samples; the optimizer goes on with what it remembers.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (m, n_features)
        y : array-like of shape (m,) or (m, n_targets)
        sample_weight : array-like of shape (m,), optional

        Returns
        -------
        MLPRegressor
            The estimator itself.
        """
        return self._fit(X, y, sample_weight, incremental=True)

    # -- outputs -------------------------------------------------------------------

    def predict(self, X):
        """Predicted targets.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (m, n_features)

        Returns
        -------
        ndarray of shape (m,) or (m, n_targets)
        """
        means = self._means(self._outputs(X))
        return means[:, 0] if means.shape[1] == 1 else means
