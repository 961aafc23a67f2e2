from collections.abc import Callable, Mapping, Sequence
from os import PathLike
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from fastnet import activations as activations, costs as costs, datasets as datasets, reference as reference

__version__: str

class Forward(NamedTuple):
    z: list[np.ndarray]
    a: list[np.ndarray]

class Backprop(NamedTuple):
    cost: float
    delta: list[np.ndarray]
    nabla_w: list[np.ndarray]
    nabla_b: list[np.ndarray]

class GradientCheck(NamedTuple):
    error: float
    tolerance: float
    worst: int
    ok: bool

class History:
    cost: list[float]
    validation_cost: list[float]
    accuracy: list[float]
    seconds: list[float]
    stopped: str | None
    def to_dict(self) -> dict[str, Any]: ...

class EpochInfo(NamedTuple):
    epoch: int
    epochs: int
    cost: float
    validation_cost: float | None
    accuracy: float | None
    seconds: float
    net: Network
    history: History

class Network:
    sizes: tuple[int, ...]
    activations: tuple[str, ...]
    cost_name: str
    cost_function: costs.Cost
    weights: tuple[np.ndarray, ...]
    biases: tuple[np.ndarray, ...]
    parameters: np.ndarray
    @property
    def dtype(self) -> np.dtype: ...
    @property
    def n_parameters(self) -> int: ...
    def __init__(self, sizes: Sequence[int], activation: str | Sequence[str] = "sigmoid", output: str | None = None,
                 cost: str | costs.Cost = "quadratic", dtype: Any = "float64", init: Any = "auto", seed: Any = None) -> None: ...
    def __call__(self, X: ArrayLike) -> np.ndarray: ...
    def predict(self, X: ArrayLike, out: np.ndarray | None = None) -> np.ndarray: ...
    def classify(self, X: ArrayLike) -> np.ndarray | int: ...
    def forward(self, X: ArrayLike) -> Forward: ...
    def cost(self, X: ArrayLike, Y: ArrayLike, *, sample_weight: ArrayLike | None = None,
             class_weight: Mapping[int, float] | str | None = None) -> float: ...
    def backprop(self, X: ArrayLike, Y: ArrayLike, *, sample_weight: ArrayLike | None = None,
                 class_weight: Mapping[int, float] | str | None = None) -> Backprop: ...
    def value_and_gradient(self, X: ArrayLike, Y: ArrayLike,
                           out: np.ndarray | None = None, *, sample_weight: ArrayLike | None = None,
                           class_weight: Mapping[int, float] | str | None = None) -> tuple[float, np.ndarray]: ...
    def check_gradient(self, X: ArrayLike, Y: ArrayLike, *, sample_weight: ArrayLike | None = None,
                       class_weight: Mapping[int, float] | str | None = None) -> GradientCheck: ...
    def fit(self, X: ArrayLike, Y: ArrayLike, *, epochs: int = 30, batch_size: int = 10, learning_rate: float = 3.0,
            sample_weight: ArrayLike | None = None, class_weight: Mapping[int, float] | str | None = None,
            validation: tuple[ArrayLike, ArrayLike] | float | None = None, shuffle: bool = True, seed: Any = None,
            callbacks: Callable[[EpochInfo], Any] | Sequence[Callable[[EpochInfo], Any]] = (),
            progress: bool | None = None) -> History: ...
    def partial_fit(self, X: ArrayLike, Y: ArrayLike, *, batch_size: int = 10, learning_rate: float = 3.0,
                    sample_weight: ArrayLike | None = None, class_weight: Mapping[int, float] | str | None = None,
                    shuffle: bool = False, seed: Any = None) -> Network: ...
    def copy(self, dtype: Any = None) -> Network: ...
    def freeze(self) -> FrozenNetwork: ...
    def save(self, path: str | PathLike[str]) -> None: ...
    def summary(self) -> str: ...

class FrozenNetwork:
    @property
    def sizes(self) -> tuple[int, ...]: ...
    @property
    def activations(self) -> tuple[str, ...]: ...
    @property
    def dtype(self) -> np.dtype: ...
    @property
    def parameters(self) -> np.ndarray: ...
    def __call__(self, X: ArrayLike, out: np.ndarray | None = None) -> np.ndarray: ...
    def predict(self, X: ArrayLike, out: np.ndarray | None = None) -> np.ndarray: ...

def load(path: str | PathLike[str], *, cost: str | costs.Cost | None = None) -> Network: ...
def show_config() -> None: ...
