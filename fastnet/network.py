"""Network: a dense net that NumPy can see into and the compiled engine runs."""

import functools
from typing import NamedTuple

import numpy as np

from fastnet import _checks, costs, gradient_check, initializers, training
from fastnet._core import profile
from fastnet._core.engine import NOT_INITIALISED, Engine
from fastnet._predict import predict_checked
from fastnet._vectors import aligned_vector, views
from fastnet.custom_activations import code_of
from fastnet.derivatives import Differentiable


class Forward(NamedTuple):
    """Every layer of a forward pass: z[l] and a[l] have shape (m, sizes[l + 1])."""

    z: list
    a: list


class Backprop(NamedTuple):
    """What backpropagation finds: the mean cost, δ per sample, and the mean gradient per layer."""

    cost: float
    delta: list
    nabla_w: list
    nabla_b: list


class Missing:
    """In the place of what `__init__` sets, which hides it: says that it was not called, and costs nothing where it was."""

    def __get__(self, net, owner=None):
        if net is None:
            return self
        raise TypeError(NOT_INITIALISED)


class Network(Differentiable, Engine):
    """A dense feedforward net, trained by gradient descent.

    Parameters
    ----------
    sizes : sequence of int
        Neurons a layer, input first; at least two.
    activation : str or sequence of str
        One of fastnet.activations.NAMES ("sigmoid", "tanh", "relu", "gelu", ...) for all layers
        after the input, or one per layer after the input; "softmax" in the output layer only.
        Your own are made by fn.activations.custom(value, derivative).
    output : str, optional
        Activation of the output layer; None: as `activation` says.
    cost : str or fastnet.costs.Cost
        "quadratic", "cross_entropy", "categorical_cross_entropy", "mae", "huber", "log_cosh",
        "poisson", "poisson_log", "quantile", "gaussian_nll", or an object of fastnet.costs, which
        may have parameters: fn.costs.Huber(delta=2.0), fn.costs.custom(value, derivative).
    dtype : {"float64", "float32"}
        Of the parameters and all that is computed.
    init : str, array_like or (weights, biases)
        "auto" (by activation: sigmoid "scaled", relu and its like "he", selu "lecun", others "glorot"), "normal", "scaled",
        "lecun", "glorot", "he", "orthogonal", "nguyen_widrow" (see fastnet.initializers); or the
        flat parameter vector, (n_parameters,); or a pair of sequences, one array per layer.
    seed : int, numpy.random.Generator, optional
        Decides the initial parameters; None: different each time.

    Attributes
    ----------
    sizes : tuple of int
        Neurons a layer, input first.
    parameters : ndarray of shape (n_parameters,)
        All parameters, per layer w row-major then b; writable, and seen by every view.
    activations : tuple of str
        One name per layer after the input.
    cost_function : fastnet.costs.Cost
    cost_name : str
    weights, biases : tuple of ndarray
        Views: weights[l] is (sizes[l + 1], sizes[l]), biases[l] is (sizes[l + 1],).
    scaling : Scaling or None
        What is done to inputs and targets around the layers; `fit(scale=...)` learns it.
    classes : tuple or None
        What the labels are called, one name per output.
    multilabel : bool
        Whether any number of classes may be true of a sample.

    Raises
    ------
    ValueError, TypeError
        Naming the argument, what was expected and what came.

    Examples
    --------
    >>> import fastnet as fn
    >>> net = fn.Network([2, 3, 1], seed=0)
    >>> net
    Network([2, 3, 1], activation='sigmoid', cost='quadratic', dtype='float64')
    >>> net([0.0, 1.0]).shape
    (1,)
    """

    _training = None       # the last run of fit or partial_fit, without its data
    _scaling = _classes = None
    _activations = _cost_function = _weights = _biases = Missing()

    def __init__(self, sizes, activation="sigmoid", output=None, cost="quadratic", dtype="float64",
                 init="auto", seed=None):
        self._check_new()
        sizes = _checks.check_sizes(sizes)
        self._activations = _checks.check_activations(activation, output, len(sizes) - 1)
        self._cost_function = costs.resolve(cost)
        dtype = _checks.check_dtype(dtype)
        n_parameters = sum(n * p + n for p, n in zip(sizes, sizes[1:]))
        self._lay_out(sizes, *self._codes(sizes[-1], dtype), aligned_vector(n_parameters, dtype))
        self._weights, self._biases = views(self.parameters, sizes)
        self._initialize(init, seed)

    def _codes(self, n_out, dtype):
        """Activations as the kernels number them, and the cost as they take it."""
        return tuple(code_of(name, dtype) for name in self.activations), self.cost_function.bind(n_out, dtype)

    def _calls_python(self):
        """Whether an activation is Python functions."""
        return any(getattr(name, "python", False) for name in self.activations)

    # -- what it is ----------------------------------------------------------

    @property
    def parameters(self):
        """All parameters, flat (n_parameters,): per layer w row-major, then b."""
        return self._parameters

    @parameters.setter
    def parameters(self, vector):
        self.parameters[:] = _checks.check_vector("parameters", vector, self.n_parameters, self.dtype)

    # What compiled code was told once, and reads again here: none of it can be exchanged.

    @property
    def weights(self):
        """Views of `parameters`, one a layer, (sizes[l + 1], sizes[l]): writable in place, net.weights[l][...] = w."""
        return self._weights

    @property
    def biases(self):
        """Views of `parameters`, one a layer, (sizes[l + 1],): writable in place."""
        return self._biases

    @property
    def activations(self):
        """One name per layer after the input."""
        return self._activations

    @property
    def cost_function(self):
        return self._cost_function

    @property
    def cost_name(self):
        return self._cost_function.name

    @property
    def scaling(self):
        """Scaling of inputs and targets inside the net, or None; may be set, see fastnet.Scaling."""
        return self._scaling

    @scaling.setter
    def scaling(self, scaling):
        if scaling is not None:
            from fastnet.scaling import Scaling
            if not isinstance(scaling, Scaling):
                raise TypeError(f"scaling must be a fastnet.Scaling or None; got {_checks.describe(scaling)}")
            scaling = scaling._fits(self) if scaling.inputs or scaling.targets else None
        if scaling is None:
            self._scale(None, None, None, None)
        else:
            self._scale(scaling.input_offset, scaling.input_factor, *(scaling._output_map(self.cost_function) or (None, None)))
        self._scaling = scaling

    @property
    def classes(self):
        """Names of the classes, one per output (two for a single one): str, int or bool; None: numbers 0, 1, ...
        `fit` learns them from labels; may be set."""
        return self._classes and self._classes.names

    @classes.setter
    def classes(self, names):
        if names is not None:
            from fastnet._checks_labels import Classes
            names = Classes(names, self.multilabel).fits(self.sizes[-1])
        self._classes = names

    @property
    def multilabel(self):
        """Whether any number of classes may be true of a sample; may be set once `classes` are known."""
        return self._classes is not None and self._classes.several

    @multilabel.setter
    def multilabel(self, several):
        if self._classes is None:
            raise ValueError("multilabel needs classes: set net.classes first")
        from fastnet._checks_labels import Classes
        self._classes = Classes(self.classes, _checks.check_flag("multilabel", several)).fits(self.sizes[-1])

    @property
    def dtype(self):
        return self.parameters.dtype

    @property
    def n_parameters(self):
        return self.parameters.size

    def _initialize(self, init, seed):
        drawn = isinstance(init, str)
        rng = _checks.check_seed(seed) if drawn or seed is not None else None
        if drawn:
            _checks.check_choice("init", init, ("auto", *initializers.INITIALIZERS))
            for name, w, b in zip(self.activations, self.weights, self.biases):
                w[:], b[:] = initializers.draw_layer(init, name, rng, *w.shape)
        elif isinstance(init, (tuple, list)) and len(init) == 2 and not np.isscalar(init[0]):
            self._set_layers(*init)
        else:
            self.parameters[:] = _checks.check_vector("init", init, self.n_parameters, self.dtype)

    def _set_layers(self, weights, biases):
        """Parameters from one array per layer."""
        for name, given, own in (("weights", weights, self.weights), ("biases", biases, self.biases)):
            if len(given) != len(own):
                raise ValueError(f"init: {name} must hold {len(own)} arrays, one per layer; got {len(given)}")
            for l, (array, view) in enumerate(zip(given, own)):
                array = _checks.as_numbers(f"init: {name}[{l}]", array)
                if array.shape != view.shape:
                    raise ValueError(f"init: {name}[{l}] must have shape {view.shape}; got shape {array.shape}")
                view[:] = array

    def __repr__(self):
        if not self._laid_out:             # what shows an object in trouble asks for its text
            return f"<{type(self).__name__} that was never initialised>"
        same = len(set(self.activations)) == 1
        activation = self.activations[0] if same else list(self.activations)
        plain = self.cost_function == costs.COSTS.get(self.cost_name, costs.Quadratic)()
        cost = repr(self.cost_name) if plain else repr(self.cost_function)
        return (f"Network({list(self.sizes)}, activation={activation!r}, cost={cost}, "
                f"dtype={self.dtype.name!r})")

    def summary(self):
        """A table of the layers, as text.

        Examples
        --------
        >>> import fastnet as fn
        >>> print(fn.Network([64, 30, 10], seed=0).summary())
        layer  neurons  activation  parameters
            0       64  input                0
            1       30  sigmoid           1950
            2       10  sigmoid            310
        2260 parameters, float64, 17.7 KiB; cost quadratic
        """
        lines = ["layer  neurons  activation  parameters", f"{0:5d}  {self.sizes[0]:7d}  {'input':<10}  {0:10d}"]
        for l, (name, w, b) in enumerate(zip(self.activations, self.weights, self.biases), 1):
            lines.append(f"{l:5d}  {len(b):7d}  {name:<10}  {w.size + b.size:10d}")
        kib = self.parameters.nbytes / 1024
        lines.append(f"{self.n_parameters} parameters, {self.dtype.name}, {kib:.1f} KiB; cost {self.cost_function.to_text()}")
        if self.scaling is not None:
            lines[-1] += "; scaled " + " and ".join(name for name in ("inputs", "targets") if getattr(self.scaling, name))
        if self.classes is not None:
            lines[-1] += f"; {len(self.classes)} named classes"
        return "\n".join(lines)

    # -- outputs -------------------------------------------------------------

    def _predict(self, X, out, threads):
        """`predict` of anything: checked, converted where needed."""
        if self.scaling is None:
            with profile.span("predict"):
                return predict_checked(self, X, out, threads)
        from fastnet.scaling import predict_scaled
        with profile.span("predict"):
            return predict_scaled(self, X, out, threads)

    def _unscale(self, outputs):
        """Outputs (m, n_out) of the layers in units of the targets, in place."""
        after = self.scaling._output_map(self.cost_function)
        if after is not None:
            outputs[...] = outputs * after[1] + after[0]

    def classify(self, X):
        """Labels: the position of the largest output, or whether a single output is at least ½.

        Returns
        -------
        labels : ndarray of shape (m,), or one label for one sample
            Of int; of the names in `classes` where the net has them.  Of a `multilabel` net a list of lists,
            the names of all outputs that are at least ½.

        Examples
        --------
        >>> import fastnet as fn
        >>> net = fn.Network([2, 3, 2], seed=0)
        >>> net.classify([[0, 1], [1, 0]]).shape
        (2,)
        >>> history = net.fit([[0, 1], [1, 0]], ["cat", "dog"], epochs=1000, seed=0)
        >>> net.classes, net.classify([[0, 1], [1, 0]]).tolist(), net.classify([0, 1])
        (('cat', 'dog'), ['cat', 'dog'], 'cat')
        """
        a = self.predict(X)
        if self._classes is not None:
            labels = self._classes.named(np.atleast_2d(a))
            return labels if a.ndim == 2 else labels[0] if self.multilabel else labels[0].item()
        from fastnet._checks_labels import positions
        return int(positions(a)) if a.ndim == 1 else positions(a)

    def forward(self, X):
        """Weighted inputs z and activations a of every layer.

        Parameters
        ----------
        X : array_like of shape (m, n_in) or (n_in,)

        Returns
        -------
        Forward
            z[l] and a[l], each (m, sizes[l + 1]), or (sizes[l + 1],) for one sample: layer l here
            is layer l + 2 of the notes, which count from 1 and count the input.

        Examples
        --------
        >>> import fastnet as fn
        >>> z, a = fn.Network([2, 3, 1], seed=0).forward([[0, 1]])
        >>> [layer.shape for layer in a]
        [(1, 3), (1, 1)]
        """
        _checks.check_rows(X)
        X, single = _checks.check_scaled(self, X)
        z, a = self._per_layer(len(X)), self._per_layer(len(X))
        self._forward_into(X, z, a)
        return Forward([layer[0] for layer in z], [layer[0] for layer in a]) if single else Forward(z, a)

    def _per_layer(self, m):
        return [np.empty((m, n), self.dtype) for n in self.sizes[1:]]

    # -- cost and gradient ---------------------------------------------------

    def cost(self, X, Y, *, sample_weight=None, class_weight=None):
        """Mean cost C over a batch.

        Parameters
        ----------
        X : array_like of shape (m, n_in) or (n_in,)
        Y : array_like of shape (m, n_out), or integer labels of shape (m,) where n_out > 1
            gaussian_nll has n_out / 2 targets.
        sample_weight : array_like of shape (m,), optional
            What each sample counts, at least 0; None: 1.
        class_weight : dict or "balanced", optional
            What each class counts, by label (1 where absent), for Y of labels; times `sample_weight`.
            "balanced": m / (k m_c), with m_c samples of one of k classes.

        Returns
        -------
        float
            Σ_x w_x C_x / Σ_x w_x, as scikit-learn and torch average; samples of weight 0 are left
            out, whatever they hold.

        Examples
        --------
        >>> import fastnet as fn
        >>> net = fn.Network([1, 1], init=[0.0, 0.0])
        >>> net.cost([[3.0]], [[1.0]])
        0.125
        """
        samples = _checks.check_samples(self, X, Y, sample_weight, class_weight)
        return self._cost_of(samples.X, samples.Y, samples.mean_one())

    def backprop(self, X, Y, *, sample_weight=None, class_weight=None):
        """Backpropagation, everything it finds: equations BP1-BP4 of the notes.

        Parameters
        ----------
        X : array_like of shape (m, n_in) or (n_in,)
        Y : array_like of shape (m, n_out), or integer labels of shape (m,) where n_out > 1
        sample_weight, class_weight : optional
            See `cost`.

        Returns
        -------
        Backprop
            cost, the mean; delta[l] = ∂C_x/∂z^l for each sample, (m, sizes[l + 1]), with no 1/m;
            nabla_w[l] and nabla_b[l], the mean gradients, shaped like weights[l] and biases[l].
            With weights every delta holds its sample's, in units of the mean weight (of those that
            are not 0), so that gradients are means over deltas all the same.

        Raises
        ------
        ValueError
            If a shape does not fit the net, or X and Y differ in length.

        Notes
        -----
        `fastnet.reference.backprop` is the same, sample by sample in pure Python.

        Examples
        --------
        >>> import fastnet as fn
        >>> found = fn.Network([2, 3, 1], seed=0).backprop([[0, 1], [1, 1]], [[1], [0]])
        >>> [delta.shape for delta in found.delta], [nabla.shape for nabla in found.nabla_w]
        ([(2, 3), (2, 1)], [(3, 2), (1, 3)])
        """
        _checks.check_rows(X)
        X, Y, _, kept = samples = _checks.check_samples(self, X, Y, sample_weight, class_weight, dense=True)
        z, a, delta = (self._per_layer(len(X)) for _ in range(3))
        nabla = aligned_vector(self.n_parameters, self.dtype)
        cost = self._backprop_into(X, Y, z, a, delta, nabla, samples.mean_one())
        nabla_w, nabla_b = views(nabla, self.sizes)
        if kept is not None:
            delta = [scattered(layer, kept) for layer in delta]
        return Backprop(cost, delta, list(nabla_w), list(nabla_b))

    def value_and_gradient(self, X, Y, out=None, *, sample_weight=None, class_weight=None):
        """Mean cost and its gradient, as scipy.optimize wants them.

        Parameters
        ----------
        X : array_like of shape (m, n_in) or (n_in,)
        Y : array_like of shape (m, n_out), or integer labels of shape (m,) where n_out > 1
        out : ndarray of shape (n_parameters,), optional
            Where to write the gradient; of the net's dtype.
        sample_weight, class_weight : optional
            See `cost`.

        Returns
        -------
        cost : float
        gradient : ndarray of shape (n_parameters,)
            Laid out like `parameters`; `out` if it was given.

        Examples
        --------
        >>> import fastnet as fn
        >>> cost, gradient = fn.Network([2, 3, 1], seed=0).value_and_gradient([[0, 1]], [[1]])
        >>> gradient.shape
        (13,)
        """
        X, Y, _, _ = samples = _checks.check_samples(self, X, Y, sample_weight, class_weight)
        gradient = aligned_vector(self.n_parameters, self.dtype)
        if out is not None:
            gradient = _checks.check_out(out, gradient.shape, self.dtype, self.parameters, X, Y)
        cost = self._gradient_into(X, Y, gradient, samples.mean_one())
        if out is None:
            return cost, gradient
        if gradient is not out:
            out[...] = gradient
        return cost, out

    def check_gradient(self, X, Y, *, sample_weight=None, class_weight=None):
        """Compare the gradient with central differences of the cost.

        Two passes a parameter: for small nets and a few samples.  A float32 net is compared
        through a float64 copy, whose differences are finer, and then held to that copy.  Arguments
        are those of `cost`.

        Returns
        -------
        GradientCheck
            `error`, the largest difference relative to the largest entry of the gradient;
            `tolerance`, what rounding and the step explain; `worst`, where; `ok`.

        Examples
        --------
        >>> import fastnet as fn
        >>> fn.Network([2, 3, 1], seed=0).check_gradient([[0, 1], [1, 1]], [[1], [0]]).ok
        True
        """
        weights = {"sample_weight": sample_weight, "class_weight": class_weight}
        return gradient_check.check_gradient(self, X, Y, **{key: w for key, w in weights.items() if w is not None})

    # -- training ------------------------------------------------------------

    def fit(self, X, Y=None, *, epochs=30, batch_size=10, learning_rate=None, optimizer="sgd", schedule=None, l2=0.0, l1=0.0,
            dropout=0.0, input_dropout=0.0, input_noise=0.0, clip_norm=None, clip_value=None, max_norm=None, frozen=(),
            masks=None, sample_weight=None, class_weight=None, validation=None, patience=None, min_delta=0.0,
            restore_best=True, target_cost=None, max_seconds=None, metrics=(), shuffle=True, seed=None, callbacks=(),
            callback_every=None, progress=None, threads=1, checkpoint=None, checkpoint_every=None, scale=None,
            classes=None):
        """Train on mini-batches, or by a full-batch method.

        Parameters
        ----------
        X : array_like of shape (m, n_in), or batches
            Inputs, finite.  Any kind of number, frames, scipy's sparse matrices, memory maps: see docs/data.md.
            Without Y an iterable of (X, Y) or (X, Y, sample_weight), or a function that returns an iterator: each
            batch is one step (`batch_size` and `shuffle` have no say), weighted within itself.
        Y : array_like of shape (m, n_out), or integer labels of shape (m,) where n_out > 1
            Desired outputs, finite (but for NaN where the cost ignores it).  Labels may be words, bools or any
            whole numbers, and several a sample: see `classes`.  None: X is batches.
        epochs : int
            Passes over the data; iterations of a full-batch method.
        batch_size : int
            Samples a step; 1 is online learning, m or more is full-batch gradient descent.  The
            last batch of an epoch may be shorter.  Rprop always takes all.
        learning_rate : float, optional
            η; None: the optimizer's own, 3.0 for plain gradient descent.
        optimizer : str or one of fastnet.optimizers
            "sgd", "momentum", "nesterov", "adagrad", "rmsprop", "adam", "amsgrad", "adamw", "nadam",
            "rprop", "lbfgs", "cg", or an object with options: fn.Adam(beta2=0.99).
        schedule : one of fastnet.schedules, or callable, optional
            How the rate changes; a callable gets the number of epochs finished and returns the rate.
        l2, l1 : float, or one per layer of weights
            Penalties l2/2 Σ w² and l1 Σ |w|; biases have none.  A full-batch method takes no l1.
        dropout : float, or one per hidden layer
            Probability that an activation is dropped in a step; what is kept is divided by the
            probability to be kept (inverted dropout), so nothing changes outside training.  The
            probability to be kept is rounded up to a multiple of 2^-16.
        input_dropout : float
            The same for inputs.
        input_noise : float
            Standard deviation of normal noise, new in each step, added to the inputs.
        clip_norm, clip_value : float, optional
            Bound on the norm of the gradient of a step, and on each of its entries after that.
        max_norm : float, optional
            Bound on the norm of each neuron's weights after a step.
        frozen : sequence of int
            Layers, numbered as in `weights`, that are not trained.
        masks : sequence or dict of array_like, optional
            A layer: None, or 0 and 1 in the shape of its weights; where it is 0 weights stay as they are
            (but for `max_norm`, which shortens whole rows).
        sample_weight, class_weight : optional
            See `cost`.  Weights are divided by their mean over the training samples, and a step
            takes the mean of w_x ∂C_x over its batch: what a sample counts doesn't depend on the
            batch that it falls into, and a factor in all weights changes nothing.  Samples of
            weight 0 are left out.  Validation samples count by weights of their own, or all the same.
        validation : (X, Y), (X, Y, sample_weight), batches of these, or float, optional
            Samples to watch, weighted or all alike; a loader or other iterable of batches of them, which is
            gone through after each epoch, a batch at a time: figures are those of the whole set.  Or the
            fraction of the given samples to hold out: of labels, of every class.
        patience : int, optional
            Stop after so many epochs in a row whose cost (validation cost where there is one) did
            not fall below the best by more than `min_delta`.
        min_delta : float
        restore_best : bool
            With `patience`: end with the parameters of the epoch of least cost.
        target_cost : float, optional
            Stop once the cost (validation cost where there is one) is this or less.
        max_seconds : float, optional
            Stop after so long, in the midst of an epoch if need be: that part then counts as one.
        metrics : "accuracy", "r2", callable, or a sequence of them
            What to compute after each epoch, over the validation samples where there are any: a
            callable gets (Y, outputs), of all samples that count.
        shuffle : bool, "rows" or "blocks"
            Take the samples in a new random order each epoch; False: as they stand.  "blocks" mixes blocks of
            rows that lie together a pool at a time, which is what True does with a memory map that is larger
            than a pool (64 MiB); "rows" mixes all rows of that too.  See docs/data.md.
        seed : int, numpy.random.Generator, optional
            Decides all that is random: orders, held-out samples, dropout, noise.
        callbacks : callable or sequence of callables
            Called as callback(info) after each epoch; see fn.EpochInfo and fastnet.callbacks.  One may
            stop the run (`info.stop()`), change its rate (`info.set_learning_rate(rate)`), save the net.
        callback_every : int, optional
            Call them within epochs too, after every so many batches.  One sample a step, a net with a large first
            layer takes four samples in one pass, which such a call ends: that may differ in the last bits.
        progress : bool, optional
            Show a progress bar (tqdm's, where it is installed) on stderr; None: on a terminal or in a
            notebook, once training has taken a second.
        threads : int
            Threads that may share the work of a batch; fewer are used where a step is too small to
            gain.  Sums are added in an order that their number decides: the same number gives the
            same bits, another may differ in the last ones.
        checkpoint : str or os.PathLike, optional
            A file that is replaced after each epoch, whole at any moment; `fn.resume` goes on from it.
        checkpoint_every : int, optional
            Replace it within epochs too, after every so many batches.
        scale : "standardize", "minmax", "maxabs", a pair of them or None, or fastnet.Scaling, optional
            Scale inside the net, by what the training samples (not those of `validation`) are like: to mean 0
            and standard deviation 1, to 0 ... 1, or to at most 1 in magnitude, column by column.  A pair is for
            (inputs, targets); one name is for inputs, and for targets too where they are no labels, the output
            layer is the identity and the cost takes any number.  The net keeps it (`scaling`), takes and gives
            original units, and learns in scaled ones, in which costs are.  None: as the net scales already, or not.
            A large set is scaled some batches at a time, never copied; from batches it is learned in a pass of its own
            before the first epoch, for which they must come anew.
        classes : sequence of str, int or bool, or "auto", optional
            The name of each output, for labels other than 0 ... n_out - 1 (and for what `classify` returns); "auto": what
            occurs in Y, in order.  None: as the net knows them; learned from Y where it holds words, bools, or
            lists or sets of labels (multilabel).

        Returns
        -------
        History

        Raises
        ------
        ValueError, TypeError
            Before anything changes: a shape, a value or a name that does not fit; NaN or infinity in X or Y.
        RuntimeError
            If the net is being trained already: from a callback, or by another thread.
        KeyboardInterrupt
            On Ctrl-C, after the batch under way; the net keeps what it has learned.
        Exception
            Whatever a callback, a cost or a metric raises; the net is as after the last finished batch.

        Warns
        -----
        RuntimeWarning
            If the cost stops being finite: training ends, the best finite parameters are kept.

        Examples
        --------
        >>> import fastnet as fn
        >>> net = fn.Network([2, 3, 1], seed=0)
        >>> history = net.fit([[0, 0], [0, 1], [1, 0], [1, 1]], [0, 1, 1, 0], epochs=2000, batch_size=4, seed=0)
        >>> net.classify([[0, 0], [0, 1], [1, 0], [1, 1]])
        array([0, 1, 1, 0])
        """
        if Y is None:
            from fastnet import _batches
            fit = _batches.fit
        else:
            fit = functools.partial(training.fit, Y=Y)
        return fit(
            self, X, epochs=epochs, batch_size=batch_size, learning_rate=learning_rate, optimizer=optimizer,
            schedule=schedule, l2=l2, l1=l1, dropout=dropout, input_dropout=input_dropout, input_noise=input_noise,
            clip_norm=clip_norm, clip_value=clip_value, max_norm=max_norm, frozen=frozen, masks=masks,
            sample_weight=sample_weight, class_weight=class_weight, validation=validation, patience=patience,
            min_delta=min_delta, restore_best=restore_best, target_cost=target_cost, max_seconds=max_seconds,
            metrics=metrics, shuffle=shuffle, seed=seed, callbacks=callbacks, callback_every=callback_every,
            progress=progress, threads=threads, checkpoint=checkpoint, checkpoint_every=checkpoint_every,
            scale=scale, classes=classes)

    def partial_fit(self, X, Y, *, batch_size=10, learning_rate=None, optimizer="sgd", l2=0.0, l1=0.0, dropout=0.0,
                    input_dropout=0.0, input_noise=0.0, clip_norm=None, clip_value=None, max_norm=None, frozen=(),
                    masks=None, sample_weight=None, class_weight=None, shuffle=False, seed=None, threads=1, classes=None):
        """One pass over a batch of data, for data that come in pieces.

        Parameters are those of `fit`; rows are taken in order unless `shuffle`.  The optimizer goes on with
        what it remembers of the last `fit` or `partial_fit` of this net, if that had the same optimizer.

        Returns
        -------
        Network
            The net itself.

        Examples
        --------
        >>> import fastnet as fn
        >>> net = fn.Network([2, 3, 1], seed=0).partial_fit([[0, 1]], [[1]], learning_rate=0.1)
        """
        training.partial_fit(
            self, X, Y, batch_size=batch_size, learning_rate=learning_rate, optimizer=optimizer, l2=l2, l1=l1,
            dropout=dropout, input_dropout=input_dropout, input_noise=input_noise, clip_norm=clip_norm,
            clip_value=clip_value, max_norm=max_norm, frozen=frozen, masks=masks, sample_weight=sample_weight,
            class_weight=class_weight, shuffle=shuffle, seed=seed, threads=threads, classes=classes)
        return self

    def checkpoint(self, path):
        """Write the last training of this net, ended, interrupted or under way (from a callback), so that
        `fn.resume(path)` can go on with it; see fastnet.checkpoints.

        Raises
        ------
        ValueError
            If the net has not been trained, or by a full-batch method: `save` then keeps all there is.

        Examples
        --------
        >>> import fastnet as fn
        >>> net = fn.Network([2, 3, 1], seed=0)
        >>> history = net.fit([[0, 1], [1, 0]], [1, 0], epochs=2, seed=0)
        >>> net.checkpoint("run.safetensors")
        >>> fn.resume("run.safetensors").history.cost == history.cost
        True
        """
        if self._training is None:
            raise ValueError("net must have been trained to have a checkpoint; save() keeps a net alone")
        from fastnet import checkpoints
        checkpoints.write(self, self._training, path)

    def explain(self, *, batch_size=10, dtype=None, X=None, threads=1, training=True, measure=True):
        """Which kernel serves which layer in one step, what it costs, and what would change that.

        Parameters
        ----------
        batch_size : int
            Samples a step.
        dtype : {"float64", "float32"}, optional
            Of the net to explain; None: as this net is.
        X : array_like of shape (m, n_in), optional
            Inputs to take the density from: where most are 0, zeros are skipped.
        threads : int
            How many may be used.
        training : bool
            A step of `fit`; False: one call of `predict`.
        measure : bool
            Measure the step, and whatever is advised, on copies of the net and made-up samples: half a second
            or so.  On first use of a machine another second or two go into the roof and the model of
            `expected_ns`, which are kept like `fn.roof()`'s result.

        Returns
        -------
        Explanation
            Its text is a table, with what it advises below, in notebooks too; `to_dict()` gives plain values.
            Times are the least of some turns: of a machine that has nothing else to do.

        Raises
        ------
        RuntimeError
            If something is to be measured while this thread has a profile open.

        Examples
        --------
        >>> import fastnet as fn
        >>> print(fn.Network([784, 30, 10], seed=0).explain(batch_size=1, measure=False))  # doctest: +ELLIPSIS
        path online, batch 1, float64, ..., 1 thread
        layer   activation  forward                   backward    update                    kflop    KiB
        784-30  sigmoid     fused, 4 samples at once  -           fused, 4 samples at once   94.1  150.5
        30-10   sigmoid     rows                      fused rows  fused rows                  1.8   10.3
        step                                                                                 95.9  160.8
        """
        from fastnet.explain import explain
        return explain(self, batch_size, dtype, X, threads, training, measure)

    # -- copies and files ----------------------------------------------------

    def copy(self, dtype=None):
        """An independent net with the same parameters, in another dtype if one is given."""
        net = type(self)(self.sizes, activation=self.activations, cost=self.cost_function,
                         dtype=self.dtype if dtype is None else dtype, init=self.parameters)
        net.scaling, net._classes = self.scaling, self._classes
        return net

    __copy__ = copy

    def __deepcopy__(self, memo):
        return self.copy()

    def __reduce__(self):
        return rebuild, (type(self), self.sizes, self.activations, self.cost_function, self.dtype.name,
                         self.parameters.copy(), self.scaling, self._classes)

    def freeze(self):
        """An immutable, packed copy that any number of threads may call at once.

        Returns
        -------
        FrozenNetwork
            Scaling is folded into its weights (see `fold_scaling`); where targets are scaled behind an output
            layer that is not the identity, an identity layer more does it.

        Raises
        ------
        TypeError
            If an activation is Python functions, which compiled code can't call.

        Examples
        --------
        >>> import fastnet as fn
        >>> net = fn.Network([2, 3, 1], seed=0)
        >>> f = net.freeze()
        >>> bool(abs(f([0.0, 1.0]) - net([0.0, 1.0])) < 1e-15)
        True
        """
        from fastnet.frozen import freeze
        if self.scaling is None:
            return freeze(self.sizes, self.activations, self.parameters.copy())
        from fastnet.scaling import folded
        return freeze(*folded(self, append=True))

    def fold_scaling(self):
        """Make the scaling part of the weights and biases of the first and last layer, in place.

        Returns
        -------
        Network
            The net itself, with the same outputs to rounding and `scaling` None.  Costs, and gradients by the
            parameters, are in original units from now on; an optimizer's memory is dropped.

        Raises
        ------
        ValueError
            If targets are scaled and the output layer is not the identity; nothing has changed.

        Examples
        --------
        >>> import fastnet as fn
        >>> net = fn.Network([1, 1], activation="identity", init=[2.0, 1.0])
        >>> net.scaling = fn.Scaling(inputs=(100.0, 10.0))
        >>> net.fold_scaling().parameters, net([120.0])
        (array([  0.2, -19. ]), array([5.]))
        """
        if self.scaling is not None:
            from fastnet.scaling import folded
            self.parameters[:] = folded(self)[2]
            self.scaling = self._training = None
        return self

    def export_c(self, path, name=None, header=None):
        """Write the net as one C99 file; see FrozenNetwork.export_c."""
        self.freeze().export_c(path, name, header)

    def export_fortran(self, path, name=None, selftest=None):
        """Write the net as one Fortran 2008 module; see FrozenNetwork.export_fortran."""
        self.freeze().export_fortran(path, name, selftest)

    def save(self, path):
        """Write the net to a safetensors file, atomically; see fastnet.persistence.save."""
        from fastnet import persistence
        persistence.save(self, path)


def scattered(delta, kept):
    """Rows of δ where they were before those of weight 0 were left out; 0 there."""
    whole = np.zeros((len(kept), delta.shape[1]), delta.dtype)
    whole[kept] = delta
    return whole


def rebuild(kind, sizes, activations, cost, dtype, parameters, scaling=None, classes=None):
    """A net from what pickle kept of it."""
    net = kind(sizes, activation=activations, cost=cost, dtype=dtype, init=parameters)
    net.scaling, net._classes = scaling, classes
    return net
