"""Cross-validation: nets trained on all folds but one, judged on that one."""

import statistics

import numpy as np

from fastnet import _checks, _checks_many, tables
from fastnet.history import History
from fastnet.many import fit_many
from fastnet.network import Network
from fastnet.stopping import check_training_data, judge, targets_to_judge


def cross_validate(nets, X, Y, *, folds=5, stratified=None, repeats=1, seed=None, metrics=(), threads=1, progress=None, **options):
    """Train a net on every set of folds but one and judge it on the one that it has not seen.

    Parameters
    ----------
    nets : dict, Network, or a sequence of them
        Arguments of `Network` and `fit`, as in `fit_many`; or a net, of which every fold starts from a copy.  Of
        several all are trained on the same folds.
    X : array_like of shape (m, n_in)
    Y : array_like of shape (m, n_out), or integer labels of shape (m,) where n_out > 1
    folds : int, or iterable of (train, test)
        How many parts, whose sizes differ by one at most; or numbers of rows to train and to judge on.
    stratified : bool, optional
        Whether every fold has its share of each class; None: where Y holds labels.
    repeats : int
        How often, each time with the samples divided anew.
    seed : int, optional
        Decides the folds, and seeds for the nets, one a repeat and fold, the same for each of `nets`.
    metrics : "accuracy", "r2", callable, or a sequence of them
        Beside the cost, over the fold held out; a callable gets (Y, outputs).  Accuracy comes by itself with labels.
    threads, progress
        See `fit_many`.
    **options
        Arguments of `Network` and `fit` for all nets; `validation` holds samples out of those trained on.

    Returns
    -------
    CrossValidation

    Raises
    ------
    ValueError, TypeError
        As `fit_many`; a fold whose training failed is an error too.

    Notes
    -----
    M. Stone, Cross-validatory choice and assessment of statistical predictions, 1974.  Samples are shuffled; with
    classes, each class's samples are dealt out in turn, where the last class left off.

    Examples
    --------
    >>> import fastnet as fn
    >>> digits = fn.datasets.digits()
    >>> found = fn.cross_validate({"sizes": [64, 30, 10]}, digits.x_train, digits.y_train, folds=3, epochs=5, seed=0)
    >>> found.to_dict()["fold"], found.mean["test_accuracy"] > 0.85
    ([0, 1, 2], True)
    """
    alone = isinstance(nets, Network) or hasattr(nets, "items")
    given = [nets] if alone else _checks_many.check_nets(nets)
    X = X if hasattr(X, "tocsr") else _checks.as_numbers("X", X)
    Y = _checks_many.as_targets(Y)
    m = X.shape[0] if X.ndim else 0
    folds = _checks_many.check_folds(folds, m)
    repeats = _checks.check_count("repeats", repeats)
    metrics = _checks.check_metrics(metrics)
    stratified = labelled(Y) if stratified is None else _checks.check_flag("stratified", stratified)
    rng = np.random.default_rng(_checks_many.check_plain_seed(seed))
    parts = [(repeat, fold, train, test, int(rng.integers(2**31))) for repeat in range(repeats)
             for fold, (train, test) in enumerate(split(folds, Y, m, stratified, rng))]
    specs, places = [], []
    for repeat, fold, train, test, net_seed in parts:        # by fold: its rows are copied once
        for number, own in enumerate(given):
            specs.append({"seed": net_seed, **starting(own), "rows": train})
            places.append((number, repeat, fold, test))
    fits = fit_many(specs, X, Y, threads=threads, progress=progress, **options)
    for number, error in fits.errors.items():
        raise error
    return CrossValidation(given, [Fold(fit, *place, X, Y, metrics) for fit, place in zip(fits, places)])


def starting(own):
    """The options of one fold's net; a net of the caller's is copied."""
    own = {"net": own} if isinstance(own, Network) else own
    if hasattr(own, "items") and isinstance(own.get("net"), Network):
        own = {**own, "net": own["net"].copy()}
    return own


def labelled(Y):
    """Whether targets as they were given are classes."""
    if Y.dtype.kind == "O" and any(np.iterable(row) and not isinstance(row, str) for row in Y):
        return False                   # several a sample
    return Y.ndim == 1 and (Y.dtype.kind in "iubUSTO" or bool(((Y == 0) | (Y == 1)).all()))


def split(folds, Y, m, stratified, rng):
    """Pairs (train, test) of row numbers, each in order; as they were given, or drawn."""
    if not isinstance(folds, int):
        return folds
    order = rng.permutation(m)
    if stratified:
        if Y.ndim != 1:
            raise ValueError(f"stratified needs labels in Y, shape ({m},); got shape {Y.shape}")
        _, classes = np.unique(Y, return_inverse=True)
        order = order[np.argsort(classes[order], kind="stable")]
    fold_of = np.empty(m, np.intp)
    fold_of[order] = np.arange(m) % folds
    return [(np.flatnonzero(fold_of != fold), np.flatnonzero(fold_of == fold)) for fold in range(folds)]


class Fold:
    """One net, and what it makes of the samples it was not trained on."""

    def __init__(self, fit, number, repeat, fold, test, X, Y, metrics):
        self.fit, self.number, self.repeat, self.fold, self.rows = fit, number, repeat, fold, test
        samples = check_training_data(fit.net, X[test], Y[test])
        found, metrics = History(), dict(metrics)
        if _checks.holds_labels(samples.Y, fit.net.sizes[-1]):
            metrics.setdefault("accuracy", "accuracy")
        _checks.check_metric_targets(metrics, samples.Y, fit.net.sizes[-1])
        judge(fit.net, samples, samples, metrics, found, targets_to_judge(fit.net, X[test], Y[test]))
        self.scores = {"cost": found.validation_cost[0], **{name: values[0] for name, values in found.metrics.items()}}


class CrossValidation:
    """What `cross_validate` leaves.

    Attributes
    ----------
    folds : list of Fold
        `fit` (see fastnet.many.Fit), `rows` judged on, `scores` by name; of each net, repeat and fold.
    mean, std : dict
        By column, over the folds: of a single net; of several see `summary`.  std is that of a sample, with n − 1.
    """

    def __init__(self, given, folds):
        self.given, self.folds = given, folds

    def __repr__(self):
        return f"CrossValidation({len(self.given)} nets, {len(self.folds)} folds)"

    def to_dict(self):
        """A column a name, one row a net and fold: `pandas.DataFrame(found.to_dict())`.

        net (of several), repeat, fold, seed, n_train, n_test; test_cost, test_accuracy, metrics as test_*;
        train_cost, n_epochs, seconds, stopped.
        """
        folds = self.folds
        columns = {"net": [fold.number for fold in folds]} if len(self.given) > 1 else {}
        columns.update({
            "repeat": [fold.repeat for fold in folds], "fold": [fold.fold for fold in folds],
            "seed": [fold.fit.spec["seed"] for fold in folds],
            "n_train": [len(fold.fit.spec["rows"]) for fold in folds], "n_test": [len(fold.rows) for fold in folds]})
        for name in dict.fromkeys(name for fold in folds for name in fold.scores):
            columns[f"test_{name}"] = [tables.number(fold.scores.get(name)) for fold in folds]
        columns.update({
            "train_cost": [fold.fit.cost for fold in folds], "n_epochs": [len(fold.fit.history.cost) for fold in folds],
            "seconds": [fold.fit.seconds for fold in folds], "stopped": [fold.fit.history.stopped for fold in folds]})
        return columns

    def summary(self):
        """One row a net: its options, and mean and std over its folds as NAME_mean, NAME_std.

        Examples
        --------
        >>> import fastnet as fn
        >>> X, Y = [[0.0], [0.1], [0.9], [1.0]] * 5, [0, 0, 1, 1] * 5
        >>> found = fn.cross_validate(fn.grid(learning_rate=[0.1, 3.0]), X, Y, sizes=[1, 3, 1], epochs=50, seed=0)
        >>> summary = found.summary()
        >>> summary["learning_rate"], summary["test_cost_mean"][0] > summary["test_cost_mean"][1]
        ([0.1, 3.0], True)
        """
        specs = [own if hasattr(own, "items") else {} for own in self.given]
        names = dict.fromkeys(name for spec in specs for name in spec if name not in _checks_many.OWN_OPTIONS)
        columns = {"net": list(range(len(specs))), **{name: [tables.plain(spec.get(name)) for spec in specs] for name in names}}
        found = [self._means(number) for number in range(len(specs))]
        for name in found[0]:
            for kind, place in (("mean", 0), ("std", 1)):
                columns[f"{name}_{kind}"] = [means[name][place] for means in found]
        return columns

    def _means(self, number):
        """(mean, std) of the columns that are measured, of one net."""
        rows = [i for i, fold in enumerate(self.folds) if fold.number == number]
        measured = {name: [values[i] for i in rows] for name, values in self.to_dict().items()
                    if name.startswith("test_") or name in ("train_cost", "n_epochs", "seconds")}
        return {name: (statistics.fmean(values), statistics.stdev(values) if len(values) > 1 else 0.0)
                for name, values in measured.items()}

    def _of_the_one(self, place):
        if len(self.given) > 1:
            raise AttributeError("mean and std are those of a single net; of several take summary()")
        return {name: pair[place] for name, pair in self._means(0).items()}

    @property
    def mean(self):
        return self._of_the_one(0)

    @property
    def std(self):
        return self._of_the_one(1)

    def table(self):
        """As text: the folds, then mean and std; of several nets the `summary`."""
        if len(self.given) > 1:
            return tables.text_of(self.summary())
        columns = {name: list(values) for name, values in self.to_dict().items()}
        for label, found in (("mean", self.mean), ("std", self.std)):
            for name, values in columns.items():
                values.append(found.get(name))
            columns["repeat"][-1] = label
        return tables.text_of(columns)
