from collections.abc import Callable, Mapping, Sequence
from os import PathLike
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from fastnet import (
    activations as activations, callbacks as callbacks, costs as costs, datasets as datasets, optimizers as optimizers,
    reference as reference, schedules as schedules,
)

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
    metrics: dict[str, list[float]]
    learning_rate: list[float]
    seconds: list[float]
    stopped: str | None
    def to_dict(self) -> dict[str, Any]: ...
    def columns(self) -> dict[str, list[float]]: ...
    def to_csv(self, path: str | PathLike[str]) -> None: ...
    def plot(self, ax: Any = None) -> Any: ...

class EpochInfo(NamedTuple):
    epoch: int
    epochs: int
    cost: float
    validation_cost: float | None
    accuracy: float | None
    seconds: float
    net: Network
    history: History
    batch: int | None
    metrics: dict[str, float]
    learning_rate: float | None
    training: Any
    def stop(self) -> None: ...
    def set_learning_rate(self, learning_rate: float) -> None: ...

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
    def predict(self, X: ArrayLike, out: np.ndarray | None = None, threads: int = 1) -> np.ndarray: ...
    def classify(self, X: ArrayLike) -> np.ndarray | int: ...
    def forward(self, X: ArrayLike) -> Forward: ...
    def cost(self, X: ArrayLike, Y: ArrayLike, *, sample_weight: ArrayLike | None = None,
             class_weight: Mapping[int, float] | str | None = None) -> float: ...
    def backprop(self, X: ArrayLike, Y: ArrayLike, *, sample_weight: ArrayLike | None = None,
                 class_weight: Mapping[int, float] | str | None = None) -> Backprop: ...
    def value_and_gradient(self, X: ArrayLike, Y: ArrayLike,
                           out: np.ndarray | None = None, *, sample_weight: ArrayLike | None = None,
                           class_weight: Mapping[int, float] | str | None = None) -> tuple[float, np.ndarray]: ...
    def jacobian(self, X: ArrayLike) -> np.ndarray: ...
    def parameter_jacobian(self, X: ArrayLike) -> np.ndarray: ...
    def per_sample_gradients(self, X: ArrayLike, Y: ArrayLike) -> np.ndarray: ...
    def input_gradient(self, X: ArrayLike, Y: ArrayLike) -> np.ndarray: ...
    def jvp(self, X: ArrayLike, V: ArrayLike) -> np.ndarray: ...
    def vjp(self, X: ArrayLike, U: ArrayLike) -> np.ndarray: ...
    def hessian_vector(self, X: ArrayLike, Y: ArrayLike, v: ArrayLike) -> np.ndarray: ...
    def laplacian(self, X: ArrayLike) -> np.ndarray: ...
    def check_gradient(self, X: ArrayLike, Y: ArrayLike, *, sample_weight: ArrayLike | None = None,
                       class_weight: Mapping[int, float] | str | None = None) -> GradientCheck: ...
    def fit(self, X: ArrayLike, Y: ArrayLike, *, epochs: int = 30, batch_size: int = 10, learning_rate: float | None = None,
            optimizer: str | _Optimizer = "sgd", schedule: schedules.Schedule | Callable[[int], float] | None = None,
            l2: float | Sequence[float] = 0.0, l1: float | Sequence[float] = 0.0, dropout: float | Sequence[float] = 0.0,
            input_dropout: float = 0.0, input_noise: float = 0.0, clip_norm: float | None = None,
            clip_value: float | None = None, max_norm: float | None = None, frozen: Sequence[int] = (), masks: Any = None,
            sample_weight: ArrayLike | None = None, class_weight: Mapping[int, float] | str | None = None,
            validation: tuple[ArrayLike, ArrayLike] | float | None = None, patience: int | None = None,
            min_delta: float = 0.0, restore_best: bool = True, target_cost: float | None = None,
            max_seconds: float | None = None, metrics: Any = (), shuffle: bool = True, seed: Any = None,
            callbacks: Callable[[EpochInfo], Any] | Sequence[Callable[[EpochInfo], Any]] = (),
            callback_every: int | None = None, progress: bool | None = None, threads: int = 1,
            checkpoint: str | PathLike[str] | None = None, checkpoint_every: int | None = None) -> History: ...
    def partial_fit(self, X: ArrayLike, Y: ArrayLike, *, batch_size: int = 10, learning_rate: float | None = None,
                    optimizer: str | _Optimizer = "sgd", l2: float | Sequence[float] = 0.0,
                    l1: float | Sequence[float] = 0.0, dropout: float | Sequence[float] = 0.0, input_dropout: float = 0.0,
                    input_noise: float = 0.0, clip_norm: float | None = None, clip_value: float | None = None,
                    max_norm: float | None = None, frozen: Sequence[int] = (), masks: Any = None,
                    sample_weight: ArrayLike | None = None, class_weight: Mapping[int, float] | str | None = None,
                    shuffle: bool = False, seed: Any = None, threads: int = 1) -> Network: ...
    def checkpoint(self, path: str | PathLike[str]) -> None: ...
    def explain(self, *, batch_size: int = 10, dtype: Any = None, X: ArrayLike | None = None, threads: int = 1,
                training: bool = True, measure: bool = True) -> Any: ...
    def copy(self, dtype: Any = None) -> Network: ...
    def freeze(self) -> FrozenNetwork: ...
    def export_c(self, path: str | PathLike[str], name: str | None = None,
                 header: str | PathLike[str] | None = None) -> None: ...
    def export_fortran(self, path: str | PathLike[str], name: str | None = None,
                       selftest: str | PathLike[str] | None = None) -> None: ...
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
    def export_c(self, path: str | PathLike[str], name: str | None = None,
                 header: str | PathLike[str] | None = None) -> None: ...
    def export_fortran(self, path: str | PathLike[str], name: str | None = None,
                       selftest: str | PathLike[str] | None = None) -> None: ...
    def __call__(self, X: ArrayLike, out: np.ndarray | None = None) -> np.ndarray: ...
    def predict(self, X: ArrayLike, out: np.ndarray | None = None, threads: int = 1) -> np.ndarray: ...
    def jacobian(self, X: ArrayLike, out: np.ndarray | None = None) -> np.ndarray: ...
    def value_and_jacobian(self, X: ArrayLike, out: tuple[np.ndarray, np.ndarray] | None = None) -> tuple[np.ndarray, np.ndarray]: ...
    def jvp(self, X: ArrayLike, V: ArrayLike, out: np.ndarray | None = None) -> np.ndarray: ...
    def vjp(self, X: ArrayLike, U: ArrayLike, out: np.ndarray | None = None) -> np.ndarray: ...

class _Optimizer:
    @property
    def rate(self) -> float | None: ...
    def to_dict(self) -> dict[str, Any]: ...

class SGD(_Optimizer):
    learning_rate: float | None
    momentum: float
    nesterov: bool
    def __init__(self, learning_rate: float | None = None, momentum: float = 0.0, nesterov: bool = False) -> None: ...

class Adagrad(_Optimizer):
    learning_rate: float | None
    eps: float
    def __init__(self, learning_rate: float | None = None, eps: float = 1e-10) -> None: ...

class RMSprop(_Optimizer):
    learning_rate: float | None
    alpha: float
    eps: float
    centered: bool
    momentum: float
    def __init__(self, learning_rate: float | None = None, alpha: float = 0.99, eps: float = 1e-8,
                 centered: bool = False, momentum: float = 0.0) -> None: ...

class Adam(_Optimizer):
    learning_rate: float | None
    beta1: float
    beta2: float
    eps: float
    def __init__(self, learning_rate: float | None = None, beta1: float = 0.9, beta2: float = 0.999,
                 eps: float = 1e-8) -> None: ...

class AMSGrad(_Optimizer):
    learning_rate: float | None
    beta1: float
    beta2: float
    eps: float
    def __init__(self, learning_rate: float | None = None, beta1: float = 0.9, beta2: float = 0.999,
                 eps: float = 1e-8) -> None: ...

class AdamW(_Optimizer):
    learning_rate: float | None
    beta1: float
    beta2: float
    eps: float
    weight_decay: float
    def __init__(self, learning_rate: float | None = None, beta1: float = 0.9, beta2: float = 0.999,
                 eps: float = 1e-8, weight_decay: float = 0.01) -> None: ...

class NAdam(_Optimizer):
    learning_rate: float | None
    beta1: float
    beta2: float
    eps: float
    momentum_decay: float
    def __init__(self, learning_rate: float | None = None, beta1: float = 0.9, beta2: float = 0.999,
                 eps: float = 1e-8, momentum_decay: float = 0.004) -> None: ...

class Rprop(_Optimizer):
    learning_rate: float | None
    eta_minus: float
    eta_plus: float
    step_min: float
    step_max: float
    def __init__(self, learning_rate: float | None = None, eta_minus: float = 0.5, eta_plus: float = 1.2,
                 step_min: float = 1e-6, step_max: float = 50.0) -> None: ...

class LBFGS(_Optimizer):
    memory: int
    tolerance: float
    def __init__(self, memory: int = 10, tolerance: float = 1e-6) -> None: ...

class ConjugateGradient(_Optimizer):
    tolerance: float
    def __init__(self, tolerance: float = 1e-6) -> None: ...

class Roof(NamedTuple):
    processor: str
    level: str
    gflops: dict[str, float]
    read: dict[str, float]
    update: dict[str, float]
    buffers: dict[str, int]
    def to_dict(self) -> dict[str, Any]: ...
    def memory(self, n_bytes: int) -> str: ...

class ProfileRow(NamedTuple):
    thread: str
    work: str
    operation: str
    layer: int | None
    calls: int
    total: float
    self: float
    gflops: float | None
    gbytes: float | None
    roof: float | None
    bound: str | None

class Profile:
    rows: list[ProfileRow]
    seconds: float
    running: float
    overhead: float
    sampled: dict[str, float]
    explained: dict[str, float]
    @property
    def accounted(self) -> float: ...
    def __enter__(self) -> Profile: ...
    def __exit__(self, kind: Any, error: Any, traceback: Any) -> None: ...
    def table(self, most: int | None = None) -> str: ...
    def to_dict(self) -> dict[str, Any]: ...
    def trace_events(self) -> list[dict[str, Any]]: ...
    def export_chrome_trace(self, path: str | PathLike[str]) -> None: ...
    def plot(self, axes: Any = None) -> Any: ...

def profile(events: int = 65536) -> Profile: ...
def load(path: str | PathLike[str], *, cost: str | costs.Cost | None = None) -> Network: ...
def roof(refresh: bool = False) -> Roof: ...
def resume(path: str | PathLike[str], *, cost: str | costs.Cost | None = None,
           schedule: Callable[[int], float] | None = None) -> Any: ...
def show_config() -> None: ...
