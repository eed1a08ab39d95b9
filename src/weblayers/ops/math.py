"""What TensorFlow.js has in a namespace ``math``."""

from __future__ import annotations

from typing import Any

from .. import naming
from ..graph import build as b
from .dispatch import op


@op("labels", "predictions")
def confusion_matrix(labels: Any, predictions: Any, num_classes: int) -> Any:
    """How often each class (a row) was taken for each class (a column).

    Args:
        labels: a vector of the numbers of the classes that are right.
        predictions: a vector of those that were predicted.
        num_classes: how many classes there are.

    Returns:
        int32 ``[num_classes, num_classes]``. Numbers out of range do not count.

    >>> import weblayers as wl
    >>> wl.math.confusion_matrix([0, 1, 1], [0, 0, 1], 2).array_sync()
    [[1, 0], [1, 1]]
    """
    if len(labels.shape) != 1 or labels.shape != predictions.shape:
        raise ValueError(
            f"confusion_matrix wants two vectors of one size, got shapes {list(labels.shape)} and"
            f" {list(predictions.shape)}"
        )
    if not isinstance(num_classes, int) or num_classes < 1:
        raise ValueError(f"num_classes must be a positive integer, got {num_classes!r}")
    right, taken = (b.reshape(b.one_hot(v, num_classes), (1, -1, num_classes)) for v in (labels, predictions))
    return b.cast(b.reshape(b.dot(right, taken, ta=True), (num_classes, num_classes)), "int32")


__all__ = ["confusion_matrix"]

__getattr__ = naming.module_getattr(__name__, globals())
