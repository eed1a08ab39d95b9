"""Softmax and its logarithm."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ..graph import build as b
from .dispatch import op


@op("x")
def softmax(x: Any, axis: int | Sequence[int] = -1) -> Any:
    """``exp(x) / sum(exp(x))`` along an axis, without overflow.

    >>> import weblayers as wl
    >>> wl.softmax([0, 0]).array_sync()
    [0.5, 0.5]
    """
    e = b.unary("exp", x - b.stop_gradient(b.reduce("max", x, axis, True)))
    return e / b.reduce("sum", e, axis, True)


@op("x")
def log_softmax(x: Any, axis: int | Sequence[int] = -1) -> Any:
    """The logarithm of :func:`softmax`, accurate where that is small."""
    shifted = x - b.stop_gradient(b.reduce("max", x, axis, True))
    return shifted - b.unary("log", b.reduce("sum", b.unary("exp", shifted), axis, True))
