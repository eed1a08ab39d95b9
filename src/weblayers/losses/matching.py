"""Targets and predictions as losses want them: tensors of one rank, which never broadcast against each other."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, TypeVar

from ..ops import movement
from ..ops.dispatch import as_tensor
from ..runtime.tensor import Tensor

F = TypeVar("F", bound=Callable[..., Any])


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


def of_tensors(loss: F) -> F:
    """A function of targets and predictions that reads their shapes, also for arrays, lists and numbers."""

    @functools.wraps(loss)
    def taking_anything(y_true: Any, y_pred: Any, *args: Any, **kwargs: Any) -> Any:
        return loss(as_tensor(y_true), as_tensor(y_pred), *args, **kwargs)

    return taking_anything  # type: ignore[return-value]
