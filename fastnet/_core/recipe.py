"""How a net is to be trained, as the compiled runs take it: everything checked, one value a layer."""

import math
from typing import NamedTuple


class Recipe(NamedTuple):
    """One run's descent; see fastnet_descent and fastnet_layer in src_c/fastnet_kernels.h."""

    updater: object                    # fastnet._core.optimizers.Updater
    l2: tuple                          # a layer of weights
    l1: tuple
    held: tuple                        # whether neither weights nor biases of a layer change
    masks: tuple                       # a layer: None, or (n, p) of the net's dtype, 0 where a weight is held
    keep: tuple                        # a layer: probability that an activation is kept; the last is 1
    keep_inputs: float = 1.0
    noise: float = 0.0                 # standard deviation added to the inputs
    clip_norm: float = math.inf
    clip_value: float = math.inf
    max_norm: float = math.inf
    seed: int = 0                      # of dropout and noise, below 2^64
    by_batch: bool = False             # means over a batch are by its own weights, and penalties are divided by their sum

    @property
    def in_place(self):
        """Gradient descent and nothing between gradient and weights but l2: no gradient array is needed."""
        return (self.updater.kernel == "sgd" and self.clip_norm == self.clip_value == self.max_norm == math.inf
                and not any(self.l1) and all(mask is None for mask in self.masks))

    @property
    def changes_inputs(self):
        return self.noise > 0 or self.keep_inputs < 1

    @property
    def random(self):
        return self.changes_inputs or any(keep < 1 for keep in self.keep)

    @property
    def bare(self):
        """Nothing but gradient descent: the online path knows no more."""
        return self.in_place and not any(self.l2) and not any(self.held) and not self.random and not self.by_batch


def plain_descent(updater, n_layers):
    """Plain gradient descent on every layer."""
    return Recipe(updater, l2=(0.0,) * n_layers, l1=(0.0,) * n_layers, held=(False,) * n_layers,
                  masks=(None,) * n_layers, keep=(1.0,) * n_layers)
