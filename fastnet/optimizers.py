"""The optimizers: what each does with a gradient, where that was published, its options.

An optimizer here is a description: immutable, hashable, without memory.  The updates are C
kernels (src_c/optimizers.inc); the memory of a training run belongs to the run.

Notation: t counts steps from 1, η is the learning rate of the step, w_t are the parameters after
step t, g is the gradient of the mean cost over the batch at w_{t-1}; all operations are
elementwise, all memory starts at 0.  Clipping and penalties come first: g is scaled (clipping by
norm), bounded (clipping by value), and l2 w + l1 sign(w) is added, for weights, not for biases.
Where a publication and torch.optim differ, torch's convention holds and is named.

>>> from fastnet import optimizers
>>> optimizers.as_optimizer("nesterov")
SGD(learning_rate=None, momentum=0.9, nesterov=True)
"""

from fastnet import _checks
from fastnet._optimizer import Optimizer, check_eps, check_rate
from fastnet.full_batch import LBFGS, ConjugateGradient

NADAM_BASE = 0.96      # of T. Dozat's schedule of momentum


class SGD(Optimizer):
    """Gradient descent, with momentum if asked for.

    w_t = w_{t-1} − η g.  With momentum μ: v_t = μ v_{t-1} + g, w_t = w_{t-1} − η v_t; `nesterov`:
    w_t = w_{t-1} − η (g + μ v_t).

    Parameters
    ----------
    learning_rate : float, optional
        η; if not given 3.0, M. Nielsen's for sigmoid nets, or with momentum 0.001.
    momentum : float
        μ in [0, 1).
    nesterov : bool
        Step from where the momentum leads; needs momentum > 0.

    Notes
    -----
    B. Polyak, Some methods of speeding up the convergence of iteration methods, 1964; I. Sutskever
    et al., On the importance of initialization and momentum in deep learning, 2013.  As in torch, η
    multiplies the whole velocity (no dampening), so a changed rate acts at once.

    Examples
    --------
    >>> import fastnet as fn
    >>> fn.SGD(momentum=0.9, nesterov=True)
    SGD(learning_rate=None, momentum=0.9, nesterov=True)
    """

    __slots__ = ("learning_rate", "momentum", "nesterov")
    name = "sgd"

    def __init__(self, learning_rate=None, momentum=0.0, nesterov=False):
        momentum = _checks.check_decay("momentum", momentum)
        if _checks.check_flag("nesterov", nesterov) and not momentum:
            raise ValueError(f"nesterov needs a momentum greater than 0; got momentum={momentum}")
        self._set(learning_rate=check_rate(learning_rate), momentum=momentum, nesterov=bool(nesterov))

    @property
    def default_rate(self):
        return 0.001 if self.momentum else 3.0

    def _kernel(self):
        if not self.momentum:
            return "sgd", {}
        return "nesterov" if self.nesterov else "momentum", {"momentum": self.momentum}


class Adagrad(Optimizer):
    """A rate a parameter, smaller the more its gradients have summed up to.

    v_t = v_{t-1} + g², w_t = w_{t-1} − η g / (√v_t + eps).

    Parameters
    ----------
    learning_rate : float, optional
        η; 0.01 if not given.
    eps : float
        Keeps the quotient finite.

    Notes
    -----
    J. Duchi, E. Hazan, Y. Singer, Adaptive subgradient methods for online learning and stochastic
    optimization, 2011; eps outside the root, as in torch.

    Examples
    --------
    >>> import fastnet as fn
    >>> fn.Adagrad(learning_rate=0.1).rate
    0.1
    """

    __slots__ = ("learning_rate", "eps")
    name = "adagrad"
    default_rate = 0.01

    def __init__(self, learning_rate=None, eps=1e-10):
        self._set(learning_rate=check_rate(learning_rate), eps=check_eps(eps))


class RMSprop(Optimizer):
    """Gradients divided by the root of their mean square of late.

    v_t = α v_{t-1} + (1 − α) g², d_t = g / (√v_t + eps), w_t = w_{t-1} − η d_t.  `centered`: the mean
    gradient m_t = α m_{t-1} + (1 − α) g is known too, and √(v_t − m_t²) stands for √v_t.  With
    momentum μ: u_t = μ u_{t-1} + d_t, w_t = w_{t-1} − η u_t.

    Parameters
    ----------
    learning_rate : float, optional
        η; 0.01 if not given.
    alpha : float
        α in [0, 1).
    eps : float
        Keeps the quotient finite.
    centered : bool
        Divide by an estimate of the standard deviation.
    momentum : float
        μ in [0, 1).

    Notes
    -----
    T. Tieleman, G. Hinton, Lecture 6.5, COURSERA: Neural networks for machine learning, 2012; centred:
    A. Graves, Generating sequences with recurrent neural networks, 2013.  α, eps outside the root and
    the place of the momentum are torch's.  v_t − m_t² below 0, by rounding, counts as 0.

    Examples
    --------
    >>> import fastnet as fn
    >>> fn.RMSprop(centered=True) == fn.RMSprop(alpha=0.99, centered=True)
    True
    """

    __slots__ = ("learning_rate", "alpha", "eps", "centered", "momentum")
    name = "rmsprop"
    default_rate = 0.01

    def __init__(self, learning_rate=None, alpha=0.99, eps=1e-8, centered=False, momentum=0.0):
        self._set(learning_rate=check_rate(learning_rate), alpha=_checks.check_decay("alpha", alpha), eps=check_eps(eps),
                  centered=_checks.check_flag("centered", centered), momentum=_checks.check_decay("momentum", momentum))

    def _kernel(self):
        kernel = "rmsprop" + "_centered" * self.centered + "_momentum" * (self.momentum > 0)
        return kernel, {"beta2": self.alpha, "eps": self.eps, "momentum": self.momentum}


class Adam(Optimizer):
    """Steps of about η each way, from the means of gradient and squared gradient of late.

    m_t = β₁ m_{t-1} + (1 − β₁) g, v_t = β₂ v_{t-1} + (1 − β₂) g²,
    w_t = w_{t-1} − η m_t / (1 − β₁ᵗ) / (√(v_t / (1 − β₂ᵗ)) + eps).

    Parameters
    ----------
    learning_rate : float, optional
        η; 0.001 if not given.
    beta1, beta2 : float
        β₁, β₂ in [0, 1).
    eps : float
        Keeps the quotient finite.

    Notes
    -----
    D. Kingma, J. Ba, Adam: a method for stochastic optimization, 2015, algorithm 1.

    Examples
    --------
    >>> import fastnet as fn
    >>> fn.Adam(0.01)
    Adam(learning_rate=0.01, beta1=0.9, beta2=0.999, eps=1e-08)
    """

    __slots__ = ("learning_rate", "beta1", "beta2", "eps")
    name = "adam"
    default_rate = 0.001

    def __init__(self, learning_rate=None, beta1=0.9, beta2=0.999, eps=1e-8):
        self._set(learning_rate=check_rate(learning_rate), beta1=_checks.check_decay("beta1", beta1), beta2=_checks.check_decay("beta2", beta2),
                  eps=check_eps(eps))


class AMSGrad(Optimizer):
    """Adam with the largest mean square so far.

    v̂_t = max(v̂_{t-1}, v_t) stands for v_t in the step of `Adam`.

    Parameters
    ----------
    learning_rate, beta1, beta2, eps
        As of `Adam`.

    Notes
    -----
    S. Reddi, S. Kale, S. Kumar, On the convergence of Adam and beyond, 2018, algorithm 2; with the bias
    corrections of Adam, as in torch, which the paper leaves out.

    Examples
    --------
    >>> import fastnet as fn
    >>> fn.AMSGrad().rate
    0.001
    """

    __slots__ = ("learning_rate", "beta1", "beta2", "eps")
    name = "amsgrad"
    default_rate = 0.001
    __init__ = Adam.__init__


class AdamW(Optimizer):
    """Adam with decoupled weight decay.

    First w_{t-1} becomes (1 − η λ) w_{t-1}, for weights, not for biases; then the step of `Adam`.

    Parameters
    ----------
    learning_rate, beta1, beta2, eps
        As of `Adam`.
    weight_decay : float
        λ.

    Notes
    -----
    I. Loshchilov, F. Hutter, Decoupled weight decay regularization, 2019, algorithm 2; η multiplies λ, as
    in torch, so that a schedule acts on both.

    Examples
    --------
    >>> import fastnet as fn
    >>> fn.AdamW(weight_decay=0.1).to_dict()["weight_decay"]
    0.1
    """

    __slots__ = ("learning_rate", "beta1", "beta2", "eps", "weight_decay")
    name = "adamw"
    default_rate = 0.001

    def __init__(self, learning_rate=None, beta1=0.9, beta2=0.999, eps=1e-8, weight_decay=0.01):
        self._set(learning_rate=check_rate(learning_rate), beta1=_checks.check_decay("beta1", beta1), beta2=_checks.check_decay("beta2", beta2),
                  eps=check_eps(eps), weight_decay=_checks.check_not_negative("weight_decay", weight_decay))

    def _kernel(self):
        return "adam", super()._kernel()[1]


class NAdam(Optimizer):
    """Adam with Nesterov's momentum.

    μ_t = β₁ (1 − ½ · 0.96^(t ψ)), m_t and v_t as of `Adam`, v̂_t = v_t / (1 − β₂ᵗ),
    w_t = w_{t-1} − η [μ_{t+1} m_t / (1 − μ_1 ⋯ μ_{t+1}) + (1 − μ_t) g / (1 − μ_1 ⋯ μ_t)] / (√v̂_t + eps).

    Parameters
    ----------
    learning_rate : float, optional
        η; 0.002 if not given.
    beta1, beta2, eps : float
        As of `Adam`.
    momentum_decay : float
        ψ, 0 or more.

    Notes
    -----
    T. Dozat, Incorporating Nesterov momentum into Adam, 2016; ψ as in torch.

    Examples
    --------
    >>> import fastnet as fn
    >>> fn.NAdam().rate
    0.002
    """

    __slots__ = ("learning_rate", "beta1", "beta2", "eps", "momentum_decay")
    name = "nadam"
    default_rate = 0.002

    def __init__(self, learning_rate=None, beta1=0.9, beta2=0.999, eps=1e-8, momentum_decay=0.004):
        self._set(learning_rate=check_rate(learning_rate), beta1=_checks.check_decay("beta1", beta1), beta2=_checks.check_decay("beta2", beta2),
                  eps=check_eps(eps), momentum_decay=_checks.check_not_negative("momentum_decay", momentum_decay))

    def _kernel(self):
        kernel, constants = super()._kernel()
        return kernel, {**constants, "momentum_decay": NADAM_BASE**self.momentum_decay}


class Rprop(Optimizer):
    """Steps whose sizes learn from the signs of the gradient alone: iRprop+.

    Each parameter has a step size Δ.  While the sign of g stays, Δ_t = min(eta_plus Δ_{t-1}, step_max);
    where it has turned, Δ_t = max(eta_minus Δ_{t-1}, step_min), the last step is taken back if the cost
    has grown since the step before, no step is made, and the next is made with Δ_t whatever the sign.
    Else w_t = w_{t-1} − sign(g) Δ_t.

    Parameters
    ----------
    learning_rate : float, optional
        Δ of a parameter's first step; 0.01 if not given.  A schedule changes no later step.
    eta_minus, eta_plus : float
        Between 0 and 1; 1 or more.
    step_min, step_max : float
        Bounds of Δ.

    Notes
    -----
    C. Igel, M. Hüsken, Improving the Rprop learning algorithm, 2000.  Signs of gradients over small
    batches are mostly noise: for full batches.  torch.optim.Rprop is iRprop−, the same while the cost
    does not grow.

    Examples
    --------
    >>> import fastnet as fn
    >>> fn.Rprop().full_batch
    True
    """

    __slots__ = ("learning_rate", "eta_minus", "eta_plus", "step_min", "step_max")
    name = "rprop"
    default_rate = 0.01
    full_batch = True

    def __init__(self, learning_rate=None, eta_minus=0.5, eta_plus=1.2, step_min=1e-6, step_max=50.0):
        eta_minus, eta_plus = _checks.check_positive("eta_minus", eta_minus), _checks.check_positive("eta_plus", eta_plus)
        if eta_minus >= 1:
            raise ValueError(f"eta_minus must be less than 1; got {eta_minus}")
        if eta_plus < 1:
            raise ValueError(f"eta_plus must be 1 or more; got {eta_plus}")
        step_min, step_max = check_eps(step_min, "step_min"), _checks.check_positive("step_max", step_max)
        if step_max < step_min:
            raise ValueError(f"step_max must be at least step_min, {step_min}; got {step_max}")
        self._set(learning_rate=check_rate(learning_rate), eta_minus=eta_minus, eta_plus=eta_plus, step_min=step_min, step_max=step_max)


OPTIMIZERS = {kind.name: kind for kind in (SGD, Adagrad, RMSprop, Adam, AMSGrad, AdamW, NAdam, Rprop,
                                           LBFGS, ConjugateGradient)}

# Names that `fit` takes for an optimizer with its default options.
NAMES = {**OPTIMIZERS, "momentum": lambda: SGD(momentum=0.9), "nesterov": lambda: SGD(momentum=0.9, nesterov=True)}


def as_optimizer(optimizer):
    """An optimizer from its name, or the very one given.

    Examples
    --------
    >>> from fastnet import optimizers
    >>> optimizers.as_optimizer("adam")
    Adam(learning_rate=None, beta1=0.9, beta2=0.999, eps=1e-08)
    """
    if isinstance(optimizer, Optimizer):
        return optimizer
    if not isinstance(optimizer, str):
        raise TypeError(f"optimizer must be a name, one of {', '.join(NAMES)}, or one of fastnet.optimizers; "
                        f"got {_checks.describe(optimizer)}")
    return NAMES[_checks.check_choice("optimizer", optimizer, tuple(NAMES))]()


def from_dict(options):
    """The optimizer that `to_dict` described.

    Examples
    --------
    >>> from fastnet import optimizers
    >>> optimizers.from_dict({"name": "sgd", "momentum": 0.5})
    SGD(learning_rate=None, momentum=0.5, nesterov=False)
    """
    options = dict(options)
    kind = OPTIMIZERS[_checks.check_choice("optimizer", options.pop("name", None), tuple(OPTIMIZERS))]
    unknown = options.keys() - set(kind.__slots__)
    if unknown:
        raise ValueError(f"optimizer {kind.name!r} has the options {', '.join(kind.__slots__)}; got {', '.join(sorted(unknown))}")
    return kind(**options)
