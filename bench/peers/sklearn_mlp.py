"""scikit-learn: MLPRegressor.partial_fit, one pass of SGD without momentum and penalty.

Its last layer is always linear: the same cost with identity outputs, a little less work than the others
do, and checked against just that.
"""

import warnings

import numpy as np

import workloads

NAME, OUTPUT = "scikit-learn", "identity"


def version():
    import sklearn
    return sklearn.__version__


class Train:
    def __init__(self, sizes, dtype, X, Y, batch_size, eta, start):
        from sklearn.neural_network import MLPRegressor
        self.net = MLPRegressor(hidden_layer_sizes=sizes[1:-1], activation="logistic", solver="sgd", alpha=0.0, batch_size=batch_size,
                                learning_rate="constant", learning_rate_init=eta, momentum=0.0, nesterovs_momentum=False,
                                shuffle=False, random_state=0)
        self.X, self.Y = X, Y if Y.shape[1] > 1 else Y.ravel()
        self.run(1)                                     # lays out what is then filled with the common start
        for (w, b), coefs, intercepts in zip(workloads.layers_of(start, sizes), self.net.coefs_, self.net.intercepts_):
            coefs[...], intercepts[...] = w.T, b

    def run(self, epochs):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")             # "not converged yet"
            for _ in range(epochs):
                self.net.partial_fit(self.X, self.Y)

    def parameters(self):
        return workloads.flat([(np.asarray(w).T, b) for w, b in zip(self.net.coefs_, self.net.intercepts_)])


train = Train
