"""MLPClassifier: labels in, one net output a class (one for two classes), labels and probabilities out."""

import numpy as np
from sklearn.base import ClassifierMixin, _fit_context
from sklearn.preprocessing import LabelBinarizer
from sklearn.utils import column_or_1d, compute_sample_weight
from sklearn.utils._param_validation import StrOptions
from sklearn.utils.metaestimators import available_if
from sklearn.utils.multiclass import _check_partial_fit_first_call, type_of_target, unique_labels

from fastnet import costs
from fastnet._core import kernels
from fastnet.costs import Cost
from fastnet.sklearn._base import BaseMLP, check_steps
from fastnet.sklearn._fitting import Loss

LOSSES = ("log_loss", *(name for name in kernels.COSTS if name != "gaussian_nll"))


def binarizer_of(y):
    """LabelBinarizer().fit(y).  That checks y five times over; of integers the classes are all it has to find."""
    binarizer = LabelBinarizer()
    if y.ndim != 1 or y.dtype.kind not in "biu":
        return binarizer.fit(y)
    classes = np.unique(y)
    if 2 * len(classes) > len(y):          # some releases of scikit-learn warn: are these classes?
        return binarizer.fit(y)
    binarizer.classes_, binarizer.sparse_input_ = classes, False
    binarizer.y_type_ = "binary" if len(classes) <= 2 else "multiclass"
    return binarizer


class MLPClassifier(ClassifierMixin, BaseMLP):
    """Multi-layer perceptron classifier: scikit-learn's by its parameters and results, fastnet underneath.

    Parameters
    ----------
    hidden_layer_sizes : array-like of int, or int
        Neurons of each hidden layer.
    activation : str or sequence of str
        "identity", "logistic", "tanh", "relu", or any other of fastnet.activations; one for all hidden layers, or one for
        each; one more is the output's.
    solver : str or one of fastnet.optimizers
        "adam", "sgd" or "lbfgs" as in scikit-learn; any other name that `fastnet.Network.fit` takes for an optimizer, or an
        optimizer with options: fastnet.AdamW(weight_decay=0.1).  Its own learning rate goes before `learning_rate_init`.
    alpha : float
        Penalty alpha/2 Σ w², divided by the samples of a batch (the sum of their weights).
    batch_size : int or "auto"
        Samples a step; "auto": 200, or all if there are fewer.
    learning_rate : {"constant", "invscaling", "adaptive"}, one of fastnet.schedules or callable
        How the rate changes.  The names act on solver="sgd" only: η₀ / t^power_t after t samples; a fifth whenever
        `n_iter_no_change` epochs have not helped.
    learning_rate_init : float
        η₀.
    power_t : float
    max_iter : int
        Epochs, or iterations of "lbfgs" and "cg".
    shuffle : bool
        Take the samples in a new order each epoch.
    random_state : int, RandomState or None
        Decides weights, orders, held-out samples and dropout: the first three as in scikit-learn.
    tol : float
        What counts as an improvement; of "lbfgs" the largest entry of the gradient at the end.
    verbose : bool or int
    warm_start : bool
        Start `fit` from where the last one ended.
    momentum, nesterovs_momentum
        Of solver="sgd".
    early_stopping : bool
        Hold out `validation_fraction` of the samples (or take X_val, y_val of `fit`), stop when their score no longer improves
        and keep the best weights.
    validation_fraction : float
    beta_1, beta_2, epsilon : float
        Of solver="adam".
    n_iter_no_change : int
        Epochs without an improvement by `tol` after which training stops.
    max_fun : int
        Evaluations of solver="lbfgs".
    loss : str or one of fastnet.costs
        "log_loss": cross-entropy with logistic outputs for two classes or several labels, with softmax for more classes.  Any
        cost of fastnet stands over the same outputs.
    dropout : float, or one per hidden layer
        Probability that an activation is left out in a step.
    class_weight : dict, "balanced" or None
        What each class counts, times `sample_weight`; "balanced": inversely to how often it is there.
    callbacks : callable or sequence of callables
        Called with a fastnet.EpochInfo after each epoch.
    n_threads : int
        Threads that may share a step or a prediction; no more are used than there are processors.

    Attributes
    ----------
    classes_ : ndarray, or list of ndarray
        Labels in the order of the outputs.
    coefs_ : list of ndarray of shape (n_in, n_out)
        Weights of each layer: views into the net.
    intercepts_ : list of ndarray of shape (n_out,)
    network_ : fastnet.Network
        The net itself: freeze it, export it, differentiate it.
    loss_, best_loss_, loss_curve_
        Of the last epoch, the least, and all; None and absent where scikit-learn's are.
    validation_scores_, best_validation_score_
        Accuracy on the held-out samples.
    t_, n_iter_, n_features_in_, feature_names_in_, n_layers_, n_outputs_, out_activation_
        As in scikit-learn.

    Raises
    ------
    ValueError, TypeError
        Where scikit-learn's class raises them, by the same checks.

    Warns
    -----
    ConvergenceWarning
        If `max_iter` ends the training.

    Notes
    -----
    G. Hinton, Connectionist learning procedures, 1989; X. Glorot, Y. Bengio, Understanding the difficulty of training deep
    feedforward neural networks, 2010 (initial weights); D. Kingma, J. Ba, Adam, 2015.

    Examples
    --------
    >>> from fastnet.sklearn import MLPClassifier
    >>> X, y = [[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]], ["no", "yes", "yes", "no"]
    >>> net = MLPClassifier(8, "tanh", solver="lbfgs", random_state=0).fit(X, y)
    >>> net.predict(X).tolist(), net.predict_proba(X).shape, net.classes_.tolist()
    (['no', 'yes', 'yes', 'no'], (4, 2), ['no', 'yes'])
    """

    _parameter_constraints: dict = {
        **BaseMLP._parameter_constraints,
        "loss": [StrOptions(set(LOSSES)), Cost],
        "class_weight": [dict, StrOptions({"balanced"}), None],
    }

    def __init__(self, hidden_layer_sizes=(100,), activation="relu", *, solver="adam", alpha=0.0001, batch_size="auto",
                 learning_rate="constant", learning_rate_init=0.001, power_t=0.5, max_iter=200, shuffle=True, random_state=None,
                 tol=1e-4, verbose=False, warm_start=False, momentum=0.9, nesterovs_momentum=True, early_stopping=False,
                 validation_fraction=0.1, beta_1=0.9, beta_2=0.999, epsilon=1e-8, n_iter_no_change=10, max_fun=15000,
                 loss="log_loss", dropout=0.0, class_weight=None, callbacks=None, n_threads=1):
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
        self.loss = loss
        self.dropout = dropout
        self.class_weight = class_weight
        self.callbacks = callbacks
        self.n_threads = n_threads

    # -- labels --------------------------------------------------------------------

    def _validate_input(self, X, y, incremental, reset):
        X, y = self._check_data(X, y, reset)
        if y.ndim == 2 and y.shape[1] == 1:
            y = column_or_1d(y, warn=True)
        if not hasattr(self, "classes_") or not (self.warm_start or incremental):
            self._label_binarizer = binarizer_of(y)
            self.classes_ = self._label_binarizer.classes_
            return X, y
        classes = unique_labels(y)
        if self.warm_start:
            if set(classes) != set(self.classes_):
                raise ValueError("warm_start can only be used where `y` has the same classes as in the previous call to fit. "
                                 f"Previously got {self.classes_}, `y` has {classes}")
        elif len(np.setdiff1d(classes, self.classes_, assume_unique=True)):
            raise ValueError(f"`y` has classes not in `self.classes_`. `self.classes_` has {self.classes_}. 'y' has {classes}.")
        return X, y

    @property
    def _kind(self):
        """"binary", "multiclass" or "multilabel-indicator"."""
        return self._label_binarizer.y_type_

    def _targets(self, y, dtype):
        if self._kind.startswith("multilabel"):
            return np.ascontiguousarray(self._label_binarizer.transform(y), dtype)
        if y.ndim == 2:
            raise ValueError(f"y must hold one label a sample, as the classes were told; got shape {y.shape}")
        found = np.searchsorted(self.classes_, y)
        if self._kind == "binary":
            return (found == 1).astype(dtype)[:, None]
        labels = np.ascontiguousarray(found, np.intp)
        return labels if self.network_.cost_function.labels == "direct" else np.eye(len(self.classes_), dtype=dtype)[labels]

    def _weights(self, X, y, sample_weight, incremental):
        weight = super()._weights(X, y, sample_weight, incremental)
        if self.class_weight is None:
            return weight
        if incremental and self.class_weight == "balanced":
            raise ValueError("class_weight='balanced' can't be used in partial_fit, which does not see all samples; give a dict")
        of_classes = compute_sample_weight(self.class_weight, y)
        return of_classes if weight is None else weight * of_classes

    def _outputs_for(self, y):
        several = self._kind != "binary"
        n_targets = len(self.classes_) if several else 1
        output = "softmax" if self._kind == "multiclass" else "sigmoid"
        return n_targets, output, self._cost_behind(output)

    def _cost_behind(self, output):
        if self.loss != "log_loss":
            cost = costs.resolve(self.loss)
            if cost.n_outputs(1) != 1:
                raise ValueError(f"loss must be a cost of one output a class; got {cost!r}, of {cost.n_outputs(1)} a target")
            return cost
        return costs.CategoricalCrossEntropy() if output == "softmax" else costs.CrossEntropy()

    def _loss(self, Y):
        return Loss()

    def _strata(self, Y):
        return Y.astype(bool) if Y.ndim == 2 and Y.shape[1] == 1 else None

    def _score_on(self, data):
        outputs = self._raw(data)
        if not kernels.is_finite(outputs):
            return np.nan
        if data.Y.ndim == 1:
            right = outputs.argmax(axis=1) == data.Y
        elif self._kind == "multiclass":
            right = outputs.argmax(axis=1) == data.Y.argmax(axis=1)
        else:
            right = ((outputs > 0.5) == (data.Y > 0.5)).all(axis=1)
        return float(np.average(right, weights=data.weight))

    # -- fit -----------------------------------------------------------------------

    @_fit_context(prefer_skip_nested_validation=True)
    def fit(self, X, y, sample_weight=None, *, X_val=None, y_val=None, sample_weight_val=None):
        """Fit the net to samples and their labels.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (m, n_features)
        y : array-like of shape (m,) or (m, n_labels)
            Labels of any kind, or 0 and 1 for each of several labels.
        sample_weight : array-like of shape (m,), optional
            What each sample counts in its batch.
        X_val, y_val, sample_weight_val : optional
            Samples to validate on after each epoch, in the place of a fraction of X.

        Returns
        -------
        MLPClassifier
            The estimator itself.
        """
        return self._fit(X, y, sample_weight, held=(X_val, y_val, sample_weight_val))

    @available_if(check_steps)
    @_fit_context(prefer_skip_nested_validation=True)
    def partial_fit(self, X, y, sample_weight=None, classes=None):
        """One epoch over these samples; the optimizer goes on with what it remembers.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (m, n_features)
        y : array-like of shape (m,) or (m, n_labels)
        sample_weight : array-like of shape (m,), optional
        classes : array-like of shape (n_classes,)
            Every label that there will be: in the first call, later if at all the same.

        Returns
        -------
        MLPClassifier
            The estimator itself.
        """
        if _check_partial_fit_first_call(self, classes):
            told = y if type_of_target(y).startswith("multilabel") else classes
            self._label_binarizer = LabelBinarizer().fit(told)
        return self._fit(X, y, sample_weight, incremental=True)

    # -- outputs -------------------------------------------------------------------

    def predict(self, X):
        """Labels.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (m, n_features)

        Returns
        -------
        ndarray of shape (m,) or (m, n_labels)
        """
        outputs = self._outputs(X)
        kind = self._kind
        if kind == "multiclass":
            return self.classes_.take(outputs.argmax(axis=1))
        if kind == "binary" and len(self.classes_) == 2:
            return self.classes_.take(outputs[:, 0] > 0.5)
        return self._label_binarizer.inverse_transform(outputs[:, 0] if kind == "binary" else outputs)

    def predict_proba(self, X):
        """Probabilities of the classes, in the order of `classes_`; of several labels each one's own.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (m, n_features)

        Returns
        -------
        ndarray of shape (m, n_classes)
        """
        outputs = self._outputs(X)
        if outputs.shape[1] > 1:
            return outputs
        both = np.empty((len(outputs), 2), outputs.dtype)
        both[:, 1] = outputs[:, 0]
        np.subtract(1, both[:, 1], out=both[:, 0])
        return both

    def predict_log_proba(self, X):
        """Logarithms of `predict_proba`."""
        probabilities = self.predict_proba(X)
        return np.log(probabilities, out=probabilities)

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.classifier_tags.multi_label = True
        return tags
