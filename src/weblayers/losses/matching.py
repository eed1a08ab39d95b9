"""Targets with the rank of predictions, so that the two never broadcast against each other."""

from __future__ import annotations

from ..ops import movement
from ..runtime.tensor import Tensor


def matched(y_true: Tensor, y_pred: Tensor) -> Tensor:
    """Targets that differ from predictions by a last axis of size 1, with the predictions' rank; others as they are.

    >>> import weblayers as wl
    >>> matched(wl.ones([4]), wl.ones([4, 1])).shape, matched(wl.ones([4, 1]), wl.ones([4])).shape
    ((4, 1), (4,))
    """
    longer, shorter = (y_pred, y_true) if y_pred.rank > y_true.rank else (y_true, y_pred)
    if longer.rank == shorter.rank + 1 and longer.shape == (*shorter.shape, 1):
        return movement.reshape(y_true, y_pred.shape)
    return y_true
