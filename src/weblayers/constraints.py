"""Constraints: applied to a weight after each of its updates."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from . import naming
from .ops import arithmetic as a
from .ops import reduction
from .runtime.tensor import Tensor

# What keeps divisions by lengths finite.
EPSILON = 1e-7


class Constraint(metaclass=naming.Configurable):
    """Base class: called with a weight, gives the weight as it may be."""

    __repr__ = naming.representation

    def __call__(self, w: Tensor) -> Tensor:
        raise NotImplementedError(f"{type(self).__name__} does not say how a weight may be")

    def get_config(self) -> dict[str, Any]:
        """The arguments that make an equal constraint."""
        return {}


def _lengths(w: Tensor, axis: int | Sequence[int]) -> Tensor:
    return a.sqrt(reduction.sum(a.square(w), axis, True))


class MaxNorm(Constraint):
    """Weights no longer than ``max_value`` along an axis.

    >>> import weblayers as wl
    >>> MaxNorm(1)(wl.tensor1d([3, 4])).array_sync()
    [0.6000000238418579, 0.800000011920929]
    """

    def __init__(self, max_value: float = 2, axis: int | Sequence[int] = 0) -> None:
        self.max_value, self.axis = max_value, axis

    def __call__(self, w: Tensor) -> Tensor:
        lengths = _lengths(w, self.axis)
        return a.mul(w, a.div(a.clip_by_value(lengths, 0.0, self.max_value), a.add(lengths, EPSILON)))

    def get_config(self) -> dict[str, Any]:
        return {"max_value": self.max_value, "axis": self.axis}


class MinMaxNorm(Constraint):
    """Weights with a length between two values along an axis; ``rate`` says how far to go there."""

    def __init__(
        self, min_value: float = 0, max_value: float = 1, rate: float = 1, axis: int | Sequence[int] = 0
    ) -> None:
        self.min_value, self.max_value, self.rate, self.axis = min_value, max_value, rate, axis

    def __call__(self, w: Tensor) -> Tensor:
        lengths = _lengths(w, self.axis)
        limited = a.mul(a.clip_by_value(lengths, self.min_value, self.max_value), self.rate)
        wanted = a.add(limited, a.mul(lengths, 1 - self.rate))
        return a.mul(w, a.div(wanted, a.add(lengths, EPSILON)))

    def get_config(self) -> dict[str, Any]:
        return {"min_value": self.min_value, "max_value": self.max_value, "rate": self.rate, "axis": self.axis}


class NonNeg(Constraint):
    """Weights of zero or more."""

    def __call__(self, w: Tensor) -> Tensor:
        return a.relu(w)


class UnitNorm(Constraint):
    """Weights of length 1 along an axis."""

    def __init__(self, axis: int | Sequence[int] = 0) -> None:
        self.axis = axis

    def __call__(self, w: Tensor) -> Tensor:
        return a.div(w, a.add(_lengths(w, self.axis), EPSILON))

    def get_config(self) -> dict[str, Any]:
        return {"axis": self.axis}


# TensorFlow.js' spellings, `tf.constraints.maxNorm({...})`.
max_norm, min_max_norm, non_neg, unit_norm = MaxNorm, MinMaxNorm, NonNeg, UnitNorm

_TABLE: dict[str, Any] = {
    "max_norm": MaxNorm,
    "min_max_norm": MinMaxNorm,
    "non_neg": NonNeg,
    "unit_norm": UnitNorm,
}


def get(identifier: Any) -> Callable[[Tensor], Tensor] | None:
    """A constraint by name, by ``{"class_name", "config"}``, by class, a function, or itself; None is none.

    >>> get("nonNeg").get_config(), get({"class_name": "MaxNorm", "config": {"maxValue": 3}}).get_config()
    ({}, {'max_value': 3, 'axis': 0})
    """
    if isinstance(identifier, type):
        return get(identifier())
    if identifier is None or callable(identifier):
        return identifier
    if isinstance(identifier, Mapping):
        name = str(identifier.get("class_name", identifier.get("className")))
        make = naming.lookup("constraint", name, _TABLE)
        return make(**naming.arguments(make, name, identifier.get("config", {})))
    return naming.lookup("constraint", identifier, _TABLE)()


def serialize(constraint: Constraint) -> dict[str, Any]:
    """``{"class_name", "config"}``, as model files hold it."""
    return {"class_name": type(constraint).__name__, "config": constraint.get_config()}


__getattr__ = naming.module_getattr(__name__, globals())
