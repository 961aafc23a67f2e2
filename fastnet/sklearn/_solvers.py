"""What an estimator's `solver` means: scikit-learn's three by their own rules, fastnet's optimizers by theirs."""

import numpy as np

from fastnet import optimizers
from fastnet._core.optimizers import Updater
from fastnet._options import searches_lines
from fastnet.schedules import as_schedule

THEIRS = ("lbfgs", "sgd", "adam")
NAMES = (*THEIRS, *(name for name in optimizers.NAMES if name not in THEIRS))


def takes_steps(solver):
    """Whether it goes from batch to batch; the others look at all samples and search along lines."""
    if isinstance(solver, str):
        return solver not in ("lbfgs", "cg")
    return not searches_lines(solver)


def check_effect(estimator, X_val, y_val, sample_weight_val):
    """Refuse what scikit-learn's classes do not have where it would do nothing: with a search along lines."""
    if takes_steps(estimator.solver):
        return
    given = {"dropout": np.any(estimator.dropout), "callbacks": estimator.callbacks not in (None, (), []),
             "learning_rate": not isinstance(estimator.learning_rate, str), "X_val": X_val is not None, "y_val": y_val is not None,
             "sample_weight_val": sample_weight_val is not None}
    for name, there in given.items():
        if there:
            raise ValueError(f"{name} needs a solver that goes from batch to batch: with solver={estimator.solver!r}, which searches "
                             "along lines over all samples, it would have no effect")


def full_batch(solver):
    """Whether its steps want the gradient over all samples."""
    return solver not in THEIRS and optimizers.as_optimizer(solver).full_batch


def updater_of(estimator):
    """The compiled update.  SGD's momentum may be 1, and Adam's epsilon stands beside √v as it is (ε̂ in section 2
    of D. Kingma, J. Ba, Adam, 2015), as scikit-learn has them."""
    solver = estimator.solver
    if solver == "sgd":
        if not estimator.momentum:
            return Updater("sgd")
        return Updater("nesterov" if estimator.nesterovs_momentum else "momentum", momentum=estimator.momentum)
    if solver == "adam":
        return Updater("adam", beta1=estimator.beta_1, beta2=estimator.beta_2, eps=estimator.epsilon, eps_hat=True)
    return optimizers.as_optimizer(solver).updater()


class Steps:
    """The learning rate and what the optimizer remembers, from one call of `partial_fit` to the next."""

    def __init__(self, estimator):
        solver = estimator.solver
        self.updater_kernel = updater_of(estimator).kernel
        own = None if isinstance(solver, str) else solver.learning_rate
        self.learning_rate_init = self.learning_rate = float(estimator.learning_rate_init if own is None else own)
        named = isinstance(estimator.learning_rate, str)
        self.rule = estimator.learning_rate if named and solver == "sgd" else "constant"
        self.schedule = None if named else as_schedule(estimator.learning_rate).fresh()
        self.power_t = estimator.power_t
        self.epochs = 0
        self.memory = None             # (states, running scalars) of the last run

    def rates(self, n_steps):
        """η of every step of the next epoch, or one for all of them."""
        if self.schedule is None:
            return self.learning_rate
        rates = self.schedule.rates(self.learning_rate_init, self.epochs, self.epochs * n_steps, n_steps)
        self.learning_rate = float(rates[-1] if isinstance(rates, np.ndarray) else rates)
        return np.array(rates, float) if isinstance(rates, np.ndarray) else self.learning_rate

    def end_epoch(self, run, t, loss):
        """invscaling: η₀ / (t + 1)^power_t, with t samples seen."""
        self.epochs += 1
        if self.schedule is not None:
            self.schedule.tell(loss)
        if self.rule == "invscaling":
            self.set(self.learning_rate_init / (t + 1)**self.power_t, run)

    def smaller(self, run):
        """adaptive: a fifth of η.  False: there is no smaller one."""
        if self.rule != "adaptive" or self.learning_rate <= 1e-6:
            return False
        self.set(self.learning_rate / 5, run)
        return True

    def set(self, rate, run):
        """A new η.  scikit-learn's velocity has the η of its time in it, the compiled one is multiplied by the η of
        the step: what is remembered keeps its length."""
        if self.updater_kernel in ("momentum", "nesterov") and rate != self.learning_rate:
            states, running = run.memory()
            run.remember([state * state.dtype.type(self.learning_rate / rate) for state in states], running)
        self.learning_rate = rate
