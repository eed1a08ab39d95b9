"""Losses: of targets and predictions, one number per sample. Formulas are those of TensorFlow.js' layers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from . import naming
from .ops import arithmetic as a
from .ops import movement, reduction
from .runtime.tensor import Tensor

Loss = Callable[[Tensor, Tensor], Tensor]

# What keeps logarithms and divisions finite.
EPSILON = 1e-7


def mean_squared_error(y_true: Tensor, y_pred: Tensor) -> Tensor:
    """The mean over the last axis of ``(y_true - y_pred)^2``.

    >>> import weblayers as wl
    >>> mean_squared_error(wl.tensor2d([[0, 0]]), wl.tensor2d([[1, 3]])).array_sync()
    [5.0]
    """
    return reduction.mean(a.squared_difference(y_pred, y_true), -1)


def mean_absolute_error(y_true: Tensor, y_pred: Tensor) -> Tensor:
    """The mean over the last axis of ``|y_true - y_pred|``."""
    return reduction.mean(a.abs(a.sub(y_pred, y_true)), -1)


def categorical_crossentropy(y_true: Tensor, y_pred: Tensor) -> Tensor:
    """``-sum(y_true * log(y_pred))`` of one-hot targets and probabilities, which are scaled to sum to 1 first."""
    probabilities = a.div(y_pred, reduction.sum(y_pred, -1, True))
    probabilities = a.clip_by_value(probabilities, EPSILON, 1 - EPSILON)
    return a.neg(reduction.sum(a.mul(y_true, a.log(probabilities)), -1))


def sparse_categorical_crossentropy(y_true: Tensor, y_pred: Tensor) -> Tensor:
    """:func:`categorical_crossentropy` of class numbers and probabilities."""
    labels = movement.reshape(a.cast(a.floor(y_true), "int32"), y_pred.shape[:-1])
    return categorical_crossentropy(
        movement.one_hot(labels, y_pred.shape[-1]), a.clip_by_value(y_pred, EPSILON, 1 - EPSILON)
    )


def binary_crossentropy(y_true: Tensor, y_pred: Tensor) -> Tensor:
    """The mean over the last axis of the crossentropy of 0/1 targets and probabilities."""
    p = a.clip_by_value(y_pred, EPSILON, 1 - EPSILON)
    logits = a.log(a.div(p, a.sub(1.0, p)))
    entropy = a.add(a.sub(a.relu(logits), a.mul(logits, y_true)), a.log1p(a.exp(a.neg(a.abs(logits)))))
    return reduction.mean(entropy, -1)


_TABLE: dict[str, Loss] = {
    fn.__name__: fn
    for fn in (
        mean_squared_error,
        mean_absolute_error,
        categorical_crossentropy,
        sparse_categorical_crossentropy,
        binary_crossentropy,
    )
}
_TABLE |= {"mse": mean_squared_error, "mae": mean_absolute_error}


def get(identifier: str | Loss) -> Loss:
    """A loss by name, in either spelling, or the function itself."""
    return identifier if callable(identifier) else naming.lookup("loss", identifier, _TABLE)


def is_sparse(loss: Any) -> bool:
    """Whether the loss takes class numbers instead of one-hot vectors."""
    return loss is sparse_categorical_crossentropy
