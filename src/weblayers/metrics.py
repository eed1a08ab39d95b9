"""Metrics: of targets and predictions, one number per sample; an epoch reports their mean."""

from __future__ import annotations

from collections.abc import Callable

from . import losses, naming
from .ops import arithmetic as a
from .ops import movement, reduction
from .runtime.tensor import Tensor

Metric = Callable[[Tensor, Tensor], Tensor]


def binary_accuracy(y_true: Tensor, y_pred: Tensor) -> Tensor:
    """How often a probability is on its 0/1 target's side of one half.

    >>> import weblayers as wl
    >>> binary_accuracy(wl.tensor2d([[1], [0]]), wl.tensor2d([[0.7], [0.8]])).array_sync()
    [1.0, 0.0]
    """
    hit = a.equal(a.cast(y_true, "float32"), a.cast(a.greater(y_pred, 0.5), "float32"))
    return reduction.mean(hit, -1)


def categorical_accuracy(y_true: Tensor, y_pred: Tensor) -> Tensor:
    """Whether the most probable class is that of the one-hot target."""
    return a.cast(a.equal(reduction.arg_max(y_true, -1), reduction.arg_max(y_pred, -1)), "float32")


def sparse_categorical_accuracy(y_true: Tensor, y_pred: Tensor) -> Tensor:
    """Whether the most probable class is the target, a class number."""
    labels = movement.reshape(a.cast(y_true, "int32"), y_pred.shape[:-1])
    return a.cast(a.equal(labels, reduction.arg_max(y_pred, -1)), "float32")


_TABLE: dict[str, Metric] = {
    fn.__name__: fn
    for fn in (
        binary_accuracy,
        categorical_accuracy,
        sparse_categorical_accuracy,
        losses.mean_squared_error,
        losses.mean_absolute_error,
        losses.categorical_crossentropy,
        losses.sparse_categorical_crossentropy,
        losses.binary_crossentropy,
    )
}
_TABLE |= {"mse": losses.mean_squared_error, "mae": losses.mean_absolute_error}


def get(identifier: str | Metric, loss: losses.Loss, classes: int) -> tuple[str, Metric]:
    """A metric and its name in logs. ``"accuracy"`` suits itself to the loss and the number of outputs."""
    if callable(identifier):
        return getattr(identifier, "__name__", "metric"), identifier
    if identifier in ("accuracy", "acc"):
        if classes == 1 or loss is losses.binary_crossentropy:
            return "acc", binary_accuracy
        return "acc", sparse_categorical_accuracy if losses.is_sparse(loss) else categorical_accuracy
    return identifier, naming.lookup("metric", identifier, _TABLE | {"accuracy": binary_accuracy})
