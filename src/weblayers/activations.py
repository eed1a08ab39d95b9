"""Activation functions by name. Formulas and defaults are TensorFlow.js'."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from . import naming
from .ops import arithmetic, normalization
from .runtime.tensor import Tensor

Activation = Callable[[Any], Any]


def linear(x: Tensor) -> Tensor:
    """x itself.

    >>> import weblayers as wl
    >>> linear(wl.scalar(2)).array_sync()
    2.0
    """
    return x


def relu(x: Tensor) -> Tensor:
    """``max(x, 0)``."""
    return arithmetic.relu(x)


def sigmoid(x: Tensor) -> Tensor:
    """``1 / (1 + exp(-x))``."""
    return arithmetic.sigmoid(x)


def tanh(x: Tensor) -> Tensor:
    """The hyperbolic tangent."""
    return arithmetic.tanh(x)


def softmax(x: Tensor, axis: int = -1) -> Tensor:
    """Probabilities along an axis: ``exp(x) / sum(exp(x))``."""
    return normalization.softmax(x, axis)


def softplus(x: Tensor) -> Tensor:
    """``log(1 + exp(x))``."""
    return arithmetic.softplus(x)


def softsign(x: Tensor) -> Tensor:
    """``x / (1 + |x|)``."""
    return arithmetic.div(x, arithmetic.add(arithmetic.abs(x), 1.0))


def hard_sigmoid(x: Tensor) -> Tensor:
    """``0.2 x + 0.5``, limited to [0, 1]."""
    return arithmetic.clip_by_value(arithmetic.add(arithmetic.mul(x, 0.2), 0.5), 0.0, 1.0)


_TABLE: dict[str, Activation] = {
    fn.__name__: fn for fn in (linear, relu, sigmoid, tanh, softmax, softplus, softsign, hard_sigmoid)
}


def get(identifier: str | Activation | None) -> Activation:
    """An activation by name, in either spelling; None is linear, a function is itself."""
    if identifier is None:
        return linear
    return identifier if callable(identifier) else naming.lookup("activation", identifier, _TABLE)


def serialize(activation: Activation) -> str:
    """The name of an activation."""
    return getattr(activation, "__name__", "lambda")
