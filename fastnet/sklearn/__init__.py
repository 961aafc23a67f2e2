"""scikit-learn's estimators, trained and called by fastnet: MLPClassifier and MLPRegressor.

Parameters, defaults, fitted attributes, warnings and errors are those of `sklearn.neural_network`, and the
same `random_state` gives the same initial weights, the same batches and so, to rounding, the same fit.  What
is beyond theirs has names of its own; docs/sklearn.md lists it.  `import fastnet` does not import this package.

>>> from fastnet.sklearn import MLPClassifier
>>> from sklearn.datasets import load_iris
>>> X, y = load_iris(return_X_y=True)
>>> MLPClassifier(learning_rate_init=0.01, max_iter=300, random_state=0).fit(X, y).score(X, y) > 0.95
True
"""

try:
    from sklearn.utils.validation import validate_data as _needed      # noqa: F401: since 1.6
except ImportError as error:
    raise ImportError("fastnet.sklearn needs scikit-learn 1.6 or later: pip install 'fastnet-dense[sklearn]'") from error

from fastnet.sklearn._classifier import MLPClassifier
from fastnet.sklearn._regressor import MLPRegressor

__all__ = ["MLPClassifier", "MLPRegressor"]
