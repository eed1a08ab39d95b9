"""Initial weights. With the same seed they are those of TensorFlow.js."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from . import naming, random_seed


class Initializer(metaclass=naming.Configurable):
    """Makes the initial values of a weight: call it with a shape."""

    def __call__(self, shape: Sequence[int]) -> np.ndarray:
        raise NotImplementedError(f"{type(self).__name__} does not say how to make values")

    def get_config(self) -> dict[str, Any]:
        """The arguments that make an equal initializer."""
        return {}


class Zeros(Initializer):
    """All zeros.

    >>> Zeros()([2]).tolist()
    [0.0, 0.0]
    """

    def __call__(self, shape: Sequence[int]) -> np.ndarray:
        return np.zeros(tuple(shape), np.float32)


class Ones(Initializer):
    """All ones."""

    def __call__(self, shape: Sequence[int]) -> np.ndarray:
        return np.ones(tuple(shape), np.float32)


class Constant(Initializer):
    """One value everywhere."""

    def __init__(self, value: float) -> None:
        self.value = value

    def __call__(self, shape: Sequence[int]) -> np.ndarray:
        return np.full(tuple(shape), self.value, np.float32)

    def get_config(self) -> dict[str, Any]:
        return {"value": self.value}


class RandomUniform(Initializer):
    """Uniform between two limits."""

    def __init__(self, minval: float = -0.05, maxval: float = 0.05, seed: int | None = None) -> None:
        self.minval, self.maxval, self.seed = minval, maxval, seed

    def __call__(self, shape: Sequence[int]) -> np.ndarray:
        return random_seed.uniform(shape, self.minval, self.maxval, self.seed)

    def get_config(self) -> dict[str, Any]:
        return {"minval": self.minval, "maxval": self.maxval, "seed": self.seed}


class RandomNormal(Initializer):
    """Normal, with a mean and a standard deviation."""

    def __init__(self, mean: float = 0.0, stddev: float = 0.05, seed: int | None = None) -> None:
        self.mean, self.stddev, self.seed = mean, stddev, seed

    _truncated = False

    def __call__(self, shape: Sequence[int]) -> np.ndarray:
        return random_seed.normal(shape, self.mean, self.stddev, self.seed, self._truncated)

    def get_config(self) -> dict[str, Any]:
        return {"mean": self.mean, "stddev": self.stddev, "seed": self.seed}


class TruncatedNormal(RandomNormal):
    """Normal, drawn anew beyond two standard deviations."""

    _truncated = True


class VarianceScaling(Initializer):
    """Random weights whose variance is ``scale / n``; n counts a unit's inputs, outputs, or the mean of both.

    Args:
        scale: positive.
        mode: ``"fan_in"``, ``"fan_out"`` or ``"fan_avg"``.
        distribution: ``"normal"`` (truncated at two standard deviations) or ``"uniform"``.
        seed: for repeatable values, equal to TensorFlow.js'.
    """

    def __init__(
        self, scale: float = 1.0, mode: str = "fan_in", distribution: str = "normal", seed: int | None = None
    ) -> None:
        if scale <= 0:
            raise ValueError(f"VarianceScaling: scale must be positive, got {scale}")
        modes = {"fan_in": 0, "fan_out": 1, "fan_avg": 2}
        naming.lookup("VarianceScaling mode", mode, dict.fromkeys(modes, True))
        naming.lookup(
            "VarianceScaling distribution",
            distribution,
            {"normal": True, "uniform": True, "truncated_normal": True},
        )
        self.scale, self.mode, self.seed = scale, naming.snake(mode), seed
        self.distribution = naming.snake(distribution)

    def __call__(self, shape: Sequence[int]) -> np.ndarray:
        fan_in, fan_out = fans(shape)
        n = {"fan_in": fan_in, "fan_out": fan_out, "fan_avg": (fan_in + fan_out) / 2}[self.mode]
        variance = self.scale / max(1.0, n)
        if self.distribution == "uniform":
            limit = math.sqrt(3 * variance)
            return random_seed.uniform(shape, -limit, limit, self.seed)
        return random_seed.normal(shape, 0.0, math.sqrt(variance), self.seed, truncated=True)

    def get_config(self) -> dict[str, Any]:
        return {"scale": self.scale, "mode": self.mode, "distribution": self.distribution, "seed": self.seed}


def fans(shape: Sequence[int]) -> tuple[float, float]:
    """How many inputs and outputs a unit has, by the shape of its weights."""
    if len(shape) == 2:
        return shape[0], shape[1]
    if len(shape) in (3, 4, 5):
        field = math.prod(shape[:-2])
        return field * shape[-2], field * shape[-1]
    size = math.sqrt(math.prod(shape))
    return size, size


def _scaling(scale: float, mode: str, distribution: str) -> Any:
    def make(seed: int | None = None) -> VarianceScaling:
        return VarianceScaling(scale, mode, distribution, seed)

    return make


_TABLE: dict[str, Any] = {
    "zeros": Zeros,
    "ones": Ones,
    "constant": Constant,
    "random_uniform": RandomUniform,
    "random_normal": RandomNormal,
    "truncated_normal": TruncatedNormal,
    "variance_scaling": VarianceScaling,
    "glorot_normal": _scaling(1, "fan_avg", "normal"),
    "glorot_uniform": _scaling(1, "fan_avg", "uniform"),
    "he_normal": _scaling(2, "fan_in", "normal"),
    "he_uniform": _scaling(2, "fan_in", "uniform"),
    "lecun_normal": _scaling(1, "fan_in", "normal"),
    "lecun_uniform": _scaling(1, "fan_in", "uniform"),
    "le_cun_normal": _scaling(1, "fan_in", "normal"),
    "le_cun_uniform": _scaling(1, "fan_in", "uniform"),
}


def get(identifier: str | dict[str, Any] | Initializer) -> Initializer:
    """An initializer by name, by ``{"class_name", "config"}``, or itself."""
    if isinstance(identifier, Initializer):
        return identifier
    if isinstance(identifier, dict):
        name = str(identifier.get("class_name", identifier.get("className")))
        make = naming.lookup("initializer", name, _TABLE)
        return make(**naming.arguments(make, name, identifier.get("config", {})))
    return naming.lookup("initializer", identifier, _TABLE)()


def serialize(initializer: Initializer) -> dict[str, Any]:
    """``{"class_name", "config"}``, as model files hold it."""
    return {"class_name": type(initializer).__name__, "config": initializer.get_config()}
