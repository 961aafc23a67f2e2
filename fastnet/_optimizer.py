"""What every description of an optimizer is made of; the optimizers are in optimizers.py and full_batch.py."""

from fastnet import _checks
from fastnet._core.optimizers import Updater

LEAST_EPS = 1e-30      # not 0 in float32 either: where a gradient always was 0, 0 / (0 + eps) must be 0


class Optimizer:
    """What all optimizers have in common: options in slots that can't change, compared by value.

    Attributes
    ----------
    name : str
        What `from_dict` knows it by.
    rate : float or None
        The learning rate: the one given, or this optimizer's default; None where steps find their own length.
    full_batch : bool
        Whether its steps make sense only with the gradient over all samples.
    """

    __slots__ = ()
    name = None
    default_rate = None
    full_batch = False

    def __setattr__(self, name, value):
        raise AttributeError(f"an optimizer can't be changed; make another {type(self).__name__}")

    def _set(self, **options):
        for option, value in options.items():
            object.__setattr__(self, option, value)

    @property
    def rate(self):
        given = getattr(self, "learning_rate", None)
        return self.default_rate if given is None else given

    def updater(self):
        """The compiled update with these options (fastnet._core.optimizers.Updater)."""
        kernel, constants = self._kernel()
        return Updater(kernel, **constants)

    def _kernel(self):
        """Name of the C kernel, and its constants."""
        return self.name, {option: getattr(self, option) for option in self.__slots__ if option != "learning_rate"}

    def to_dict(self):
        """The name and the options as plain values, of which `from_dict` makes the same optimizer."""
        return {"name": self.name, **{option: getattr(self, option) for option in self.__slots__}}

    def __eq__(self, other):
        return self.to_dict() == other.to_dict() if type(other) is type(self) else NotImplemented

    def __hash__(self):
        return hash(tuple(self.to_dict().items()))

    def __repr__(self):
        options = ", ".join(f"{option}={getattr(self, option)!r}" for option in self.__slots__)
        return f"{type(self).__name__}({options})"

    def __reduce__(self):
        from fastnet.optimizers import from_dict
        return from_dict, (self.to_dict(),)


def check_rate(learning_rate):
    """A learning rate, or None for the default."""
    return None if learning_rate is None else _checks.check_positive("learning_rate", learning_rate)


def check_eps(eps, name="eps"):
    eps = _checks.check_positive(name, eps)
    if eps < LEAST_EPS:
        raise ValueError(f"{name} must be at least {LEAST_EPS}, which float32 can tell from 0; got {eps}")
    return eps
