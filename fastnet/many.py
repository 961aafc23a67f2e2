"""Many nets side by side: seeds, folds and grids of options, one net a thread at a time.

A net of a few neurons trains in milliseconds, nearly all of them in compiled code that holds no lock
of Python's (fastnet/_core/epochs.pyx): threads share the nets out and hardly meet.  Each net is what
`net.fit` alone would make of it, to the bit, however many threads there are.
"""

import itertools
import threading
import warnings

import numpy as np

from fastnet import _checks, _checks_many, tables, training
from fastnet._checks_data import check_places
from fastnet._core import profile
from fastnet.callbacks import Count, delay_of
from fastnet.network import Network


def grid(**options):
    """Every combination of the values that options may take.

    Parameters
    ----------
    **options
        Arguments of `Network` and `fit`: a sequence of values each, or a single one.  Sizes are sequences
        themselves: sizes=[[4, 8, 3], [4, 16, 3]].

    Returns
    -------
    list of dict
        For `fit_many` and `cross_validate`; the last option changes fastest.

    Raises
    ------
    TypeError, ValueError
        If an option is unknown, or has no value.

    Examples
    --------
    >>> import fastnet as fn
    >>> fn.grid(learning_rate=[0.1, 1.0], seed=range(2), activation="tanh")[1]
    {'learning_rate': 0.1, 'seed': 1, 'activation': 'tanh'}
    """
    choices = _checks_many.check_choices(options)
    return [dict(zip(choices, values)) for values in itertools.product(*choices.values())]


def fit_many(nets, X, Y, *, threads=1, progress=None, **options):
    """Train many nets on the same data, side by side.

    Parameters
    ----------
    nets : sequence of Network or dict
        Nets, trained where they are; or dicts of arguments of `Network` and `fit`, such as `grid` makes,
        of which nets are made.  A dict may hold a "net" of the caller's, and in "rows" and "validation_rows"
        the numbers of the samples to train and to validate on, or one bool for each.
    X : array_like of shape (m, n_in)
    Y : array_like of shape (m, n_out), or integer labels of shape (m,) where n_out > 1
    threads : int
        How many nets are trained at the same time, each by one thread.  The bits are the same for any number.
    progress : bool, optional
        Show how many nets are done; None: on a terminal or in a notebook, once it has taken a second.
    **options
        Arguments of `Network` and `fit`, and rows, for all nets; a net's own come before them.
        `seed` is that of both: the net is `Network(..., seed=seed)`, trained by `fit(..., seed=seed)`.  None: each
        net gets one of its own, which the table tells.

    Returns
    -------
    Fits
        One `Fit` a net, in the order of `nets`.

    Raises
    ------
    ValueError, TypeError
        If an option is unknown or a net can't be made, with its number, before anything is trained; and the first
        net's error, whatever it is, if no net at all could be trained.
    KeyboardInterrupt
        On Ctrl-C: all nets stop within some batches, and keep what they have learned; the exception's `fits` holds
        them, as it does whatever else ends the program.

    Warns
    -----
    RuntimeWarning
        If nets failed, with the first one's number and error, or diverged.

    Notes
    -----
    X is converted to the dtype of the nets once, but for nets that scale.  Nets with the same array of rows share one copy of these, which
    is made when the first of them is due and dropped after the last.  Callbacks and metrics are called by the
    thread that trains the net; what they raise is that net's error.

    Examples
    --------
    >>> import fastnet as fn
    >>> X, Y = [[0, 0], [0, 1], [1, 0], [1, 1]], [0, 1, 1, 0]
    >>> fits = fn.fit_many(fn.grid(learning_rate=[0.1, 3.0], seed=range(3)), X, Y, sizes=[2, 3, 1], epochs=1000, batch_size=4)
    >>> len(fits), fits.best.options["learning_rate"]
    (6, 3.0)
    """
    threads = _checks.check_threads(threads)
    specs = _checks_many.check_specs(nets, options)
    data = Data(X, Y, specs)
    delay = delay_of(progress)
    seeds = np.random.default_rng()
    fits = [new_fit(number, net, spec, own, seeds) for number, (net, spec, own) in enumerate(specs)]
    count = Count(len(fits), "net", delay)
    try:
        Team(fits, data, count).work(min(threads, len(fits)))
    except BaseException as error:
        error.fits = Fits(fits)            # of nets that were made here nobody else knows
        raise
    finally:
        count.close()
    return report(Fits(fits))


def new_fit(number, net, spec, own, seeds):
    """A net that is to be trained: made, if it is not there."""
    if "seed" in spec or net is None:
        seed = _checks_many.check_plain_seed(spec.get("seed"))
    else:
        seed = None
    if seed is None:
        seed = int(seeds.integers(2**31))
        own = {**own, "seed": seed}
    spec = {**spec, "seed": seed}
    if net is None:
        if "sizes" not in spec:
            raise TypeError(f"nets[{number}] must have sizes, its own or for all; got none")
        try:
            net = Network(**{name: spec[name] for name in _checks_many.NETWORK_OPTIONS if name in spec})
        except (TypeError, ValueError) as error:
            raise type(error)(f"nets[{number}]: {error}") from None
    return Fit(number, net, spec, own)


def report(fits):
    """Raise or warn about what went wrong."""
    errors = fits.errors
    if len(errors) == len(fits):
        raise errors[0]
    if errors:
        number, error = next(iter(errors.items()))
        warnings.warn(f"{len(errors)} of {len(fits)} nets failed, the first of them nets[{number}]: {type(error).__name__}: {error}",
                      RuntimeWarning, stacklevel=3)
    diverged = [fit.number for fit in fits if fit.history is not None and fit.history.stopped == "diverged"]
    if diverged:
        warnings.warn(f"{len(diverged)} of {len(fits)} nets diverged, the first of them nets[{diverged[0]}]; their best finite "
                      "parameters are kept", RuntimeWarning, stacklevel=3)
    return fits


class Fit:
    """One net of `fit_many`.

    Attributes
    ----------
    number : int
        Its place in `nets`.
    net : Network
    options : dict
        What the net was given of its own, and its seed.
    history : History, or None if it failed
    cost, validation_cost, accuracy : float or None
        Of the net as training leaves it: over the training samples; over the validation samples; over the validation
        samples, or without these the training samples, where there are labels.
    metrics : dict
        By name, likewise.
    seconds : float
        Wall time of its training.
    error : Exception or None
    """

    def __init__(self, number, net, spec, options):
        self.number, self.net, self.spec, self.options = number, net, spec, options
        self.history = self.cost = self.validation_cost = self.accuracy = self.error = None
        self.metrics, self.seconds = {}, 0.0

    def __repr__(self):
        found = f"error={self.error!r}" if self.error else f"cost={tables.cell(self.cost)}"
        return f"Fit({self.number}, {self.net!r}, {found})"

    def _take(self, run):
        """What a run left."""
        self.history = run.history
        self.cost, found = run.scores
        self.validation_cost = found.validation_cost[0] if found.validation_cost else None
        self.metrics = {name: values[0] for name, values in found.metrics.items()}
        self.accuracy = found.accuracy[0] if found.accuracy else self.metrics.get("accuracy")
        self.seconds = sum(run.history.seconds)


class Fits:
    """What `fit_many` leaves: a sequence of `Fit`.

    Attributes
    ----------
    best : Fit
        That of the least validation cost, or where no net was validated of the least cost.
    errors : dict of Exception
        By number, of the nets that failed.
    """

    def __init__(self, fits):
        self._fits = list(fits)

    def __len__(self):
        return len(self._fits)

    def __getitem__(self, number):
        return self._fits[number]

    def __repr__(self):
        return f"Fits({len(self)} nets, {len(self.errors)} failed)"

    @property
    def errors(self):
        return {fit.number: fit.error for fit in self if fit.error is not None}

    @property
    def best(self):
        trained = [fit for fit in self if fit.error is None]
        watched = "validation_cost" if any(fit.validation_cost is not None for fit in trained) else "cost"
        costs = [np.inf if getattr(fit, watched) is None else getattr(fit, watched) for fit in trained]
        return trained[int(np.nanargmin(costs))]

    def to_dict(self):
        """A column a name, one row a net: `pandas.DataFrame(fits.to_dict())`.

        The number, the net's own options, then final_cost, validation_cost, accuracy, metrics (NaN where
        there is none), n_epochs (done), seconds, stopped and error, its text.

        Examples
        --------
        >>> import fastnet as fn
        >>> fits = fn.fit_many([{"seed": 3}, {"seed": 4}], [[0, 1], [1, 0]], [1, 0], sizes=[2, 3, 1], epochs=2)
        >>> table = fits.to_dict()
        >>> table["seed"], table["n_epochs"], table["stopped"]
        ([3, 4], [2, 2], [None, None])
        """
        names = dict.fromkeys(name for fit in self for name in fit.options if name not in _checks_many.ROWS)
        metrics = dict.fromkeys(name for fit in self for name in fit.metrics if name != "accuracy")
        columns = {"net": [fit.number for fit in self],
                   **{name: [tables.plain(fit.options.get(name, fit.spec.get(name))) for fit in self] for name in names},
                   "final_cost": [tables.number(fit.cost) for fit in self]}
        for name in ("validation_cost", "accuracy"):
            if any(getattr(fit, name) is not None for fit in self):
                columns[name] = [tables.number(getattr(fit, name)) for fit in self]
        columns.update({name: [tables.number(fit.metrics.get(name)) for fit in self] for name in metrics})
        columns["n_epochs"] = [0 if fit.history is None else len(fit.history.cost) for fit in self]
        columns["seconds"] = [fit.seconds for fit in self]
        columns["stopped"] = [None if fit.history is None else fit.history.stopped for fit in self]
        columns["error"] = [fit.error and f"{type(fit.error).__name__}: {fit.error}" for fit in self]
        return columns

    def table(self):
        """`to_dict` as text; columns that hold nothing are left out."""
        return tables.text_of(self.to_dict())


class Data:
    """The samples, converted once for each dtype, and the rows of them that nets share."""

    def __init__(self, X, Y, specs):
        self.sparse = hasattr(X, "tocsr")
        if self.sparse:
            check_places("X", X)
        self.X = X.tocsr() if self.sparse else _checks.as_numbers("X", X)
        self.Y = _checks_many.as_targets(Y)
        self.m = self.X.shape[0] if self.X.ndim else 0
        self.converted, self.checked, self.parts, self.waiting = {}, {}, {}, {}
        self.lock = threading.Lock()
        if not any(spec.get(name) is not None for _, spec, _ in specs for name in ("sample_weight", "class_weight")):
            _checks_many.check_cells(self.X, self.Y)            # the bad cell of the last fold, before the first is trained
        for number, (net, spec, own) in enumerate(specs):
            for name in _checks_many.ROWS:
                rows = spec.get(name)
                if rows is not None:
                    if id(rows) not in self.checked:
                        where = f"nets[{number}]: {name}" if name in own else name
                        self.checked[id(rows)] = _checks_many.check_row_numbers(where, rows, self.m)
                    self.waiting[id(rows)] = self.waiting.get(id(rows), 0) + 1

    def whole(self, dtype):
        """(X, Y), X in the nets' dtype; None: as it was given, to be scaled before it is converted."""
        if dtype is None:
            return self.X, self.Y
        with self.lock:
            if dtype not in self.converted:
                self.converted[dtype] = self.X.astype(dtype, copy=False) if self.sparse else _checks.as_dtype(self.X, dtype)
            return self.converted[dtype], self.Y

    def part(self, rows, dtype):
        """The same of some rows."""
        X, Y = self.whole(dtype)
        with self.lock:
            parts = self.parts.setdefault(id(rows), {})
            if dtype not in parts:
                kept = self.checked[id(rows)]
                parts[dtype] = X[kept], Y[kept]
            return parts[dtype]

    def done_with(self, spec):
        """A net more doesn't need its rows any longer."""
        for name in _checks_many.ROWS:
            rows = spec.get(name)
            if rows is not None:
                with self.lock:
                    self.waiting[id(rows)] -= 1
                    if not self.waiting[id(rows)]:
                        self.parts.pop(id(rows), None)

    def run_of(self, net, spec):
        """The run of a net, everything checked."""
        options = {**Network.fit.__kwdefaults__, "threads": 1, "progress": False,
                   **{name: spec[name] for name in _checks_many.FIT_OPTIONS if name in spec}}
        rows, held = spec.get("rows"), spec.get("validation_rows")
        dtype = net.dtype if net.scaling is options["scale"] is None else None
        X, Y = self.whole(dtype) if rows is None else self.part(rows, dtype)
        if rows is not None and options["sample_weight"] is not None:
            options["sample_weight"] = np.asarray(options["sample_weight"])[self.checked[id(rows)]]
        if held is not None:
            if options["validation"] is not None:
                raise ValueError("validation must not be given beside validation_rows")
            options["validation"] = self.part(held, dtype)
        return training.prepared(net, X, Y, **options)


class Team:
    """Threads that take the nets one after the other."""

    def __init__(self, fits, data, count):
        self.waiting = iter(fits)
        self.data, self.count = data, count
        self.runs = {}                     # under way, by thread
        self.ended = False
        self.raised = None                 # what no net may keep to itself: Ctrl-C, SystemExit

    def work(self, threads):
        """Train all nets, by this thread and others that live no longer than this call."""
        others = [threading.Thread(target=self.take_turns, daemon=True) for _ in range(threads - 1)]
        try:
            for thread in others:
                thread.start()
            self.take_turns()
            for thread in others:
                thread.join()
        except BaseException as error:
            self.end(error)
            for thread in others:
                if thread.ident is not None:
                    thread.join()
        if self.raised is not None:
            raise self.raised

    def take_turns(self):
        try:
            while not self.ended and (fit := next(self.waiting, None)) is not None:
                self.train(fit)
        except BaseException as error:     # a thread's would otherwise be printed and lost
            self.end(error)

    def train(self, fit):
        me = threading.get_ident()
        try:
            with profile.span("fit"):
                run = self.data.run_of(fit.net, fit.spec)
                run.alone = False
                self.runs[me] = run
                run.interrupted = self.ended
                run.run(fit.net)
            fit._take(run)
        except Exception as error:
            fit.error = error
        finally:
            self.runs.pop(me, None)
            self.data.done_with(fit.spec)
        self.count.add()

    def end(self, error):
        """All stop: within a batch or so."""
        self.raised = self.raised or error
        self.ended = True
        for run in list(self.runs.values()):
            run.interrupt()
