"""What a training run leaves behind, epoch by epoch, and what a callback is told."""

from dataclasses import asdict, dataclass, field
from typing import NamedTuple

from fastnet import _checks


@dataclass
class History:
    """What each finished epoch left: one entry a list and epoch.

    Attributes
    ----------
    cost : list of float
        Mean cost, weighted, over the training samples, each taken just before the step that used it;
        with L-BFGS and conjugate gradient the cost after the iteration.  The data's cost: penalties
        (l2, l1) are not in it.
    validation_cost : list of float
        Mean cost over the validation samples, weighted where they have weights, after the epoch; empty without validation.
    accuracy : list of float
        Fraction of validation samples classified rightly, weighted alike; empty without labels to validate on.
    metrics : dict of list of float
        By name, what `fit` was asked for in `metrics`.
    learning_rate : list of float
        That of the epoch's last step.
    seconds : list of float
        Wall time of the epoch, in s; epochs of microseconds are timed together and share it.
    stopped : str or None
        Why training ended before its last epoch: "diverged", "patience", "target_cost", "max_seconds",
        "callback", or of a full-batch method "converged" or "line search"; None: it did not.

    Examples
    --------
    >>> import fastnet as fn
    >>> net = fn.Network([2, 3, 1], seed=0)
    >>> history = net.fit([[0, 1], [1, 0]], [1, 0], epochs=3, seed=0)
    >>> len(history.cost), history.learning_rate, history.stopped
    (3, [3.0, 3.0, 3.0], None)
    """

    cost: list = field(default_factory=list)
    validation_cost: list = field(default_factory=list)
    accuracy: list = field(default_factory=list)
    metrics: dict = field(default_factory=dict)
    learning_rate: list = field(default_factory=list)
    seconds: list = field(default_factory=list)
    stopped: str | None = None

    def to_dict(self):
        """The lists by name, as plain Python values."""
        return asdict(self)

    def _add(self, later):
        """Go on with the epochs of another History."""
        for name, values in vars(later).items():
            if isinstance(values, list):
                getattr(self, name).extend(values)
        for name, values in later.metrics.items():
            self.metrics.setdefault(name, []).extend(values)

    def columns(self):
        """The lists that have entries, by name, metrics among them."""
        named = {"cost": self.cost, "validation_cost": self.validation_cost, "accuracy": self.accuracy, **self.metrics,
                 "learning_rate": self.learning_rate, "seconds": self.seconds}
        return {name: values for name, values in named.items() if values}

    def to_csv(self, path):
        """Write a line an epoch, with a header."""
        from fastnet._files import check_path
        columns = self.columns()
        with open(check_path(path), "w", encoding="utf-8", newline="\n") as file:
            file.write(",".join(["epoch", *columns]) + "\n")
            for epoch, row in enumerate(zip(*columns.values()), 1):
                file.write(",".join([str(epoch), *map(repr, row)]) + "\n")

    def plot(self, ax=None):
        """Costs, and accuracy where there is one, over epochs; needs matplotlib.  Returns the axes."""
        from fastnet import plotting
        return plotting.plot_history(self, ax)


class EpochInfo(NamedTuple):
    """What a callback is called with: after each epoch, and where `callback_every` is given within it too."""

    epoch: int             # epochs finished, counted from 1; within an epoch the one under way
    epochs: int            # epochs asked for
    cost: float            # mean so far in this epoch
    validation_cost: float | None
    accuracy: float | None
    seconds: float         # of this epoch
    net: object
    history: History
    batch: int | None      # batches of this epoch that are done; None: all, the epoch is finished
    metrics: dict          # of this epoch, by name; empty within it
    learning_rate: float | None   # of the last step; None: a full-batch method finds its own
    training: object       # the run: what the methods below act on

    def stop(self):
        """End training after this call: the history will say "callback"."""
        self.training.stop("callback")

    def set_learning_rate(self, learning_rate):
        """Go on with another learning rate; a schedule begins from it, as if `fit` had been given it.  A ValueError where
        that would change nothing: with Rprop, L-BFGS and CG, a schedule of your own, or OneCycle with a peak."""
        self.training.set_learning_rate(_checks.check_positive("learning_rate", learning_rate))
