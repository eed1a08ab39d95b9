"""Functions of tensors of a certain rank: ``concat2d``, ``slice3d`` and their like."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from typing import Any

from ..runtime.conversion import to_tensor
from . import movement, normalization
from .dispatch import public

Fn = Callable[..., Any]


def _of_rank(rank: int, fn: Fn, adapt: Callable[..., tuple] | None = None) -> None:
    signature = inspect.signature(fn)

    def checked(*given: Any, **named: Any) -> Any:
        x, *args = signature.bind(*given, **named).args
        parts = x if fn is movement.concat else [x]
        for part in parts:
            shape = part.shape if hasattr(part, "shape") else to_tensor(part).shape
            if len(shape) != rank:
                raise ValueError(f"{checked.__name__} wants a tensor of rank {rank}, got shape {list(shape)}")
        return fn(x, *(adapt(*args) if adapt else args))

    checked.__name__ = checked.__qualname__ = f"{fn.__name__}{rank}d"
    checked.__module__ = __name__
    what = "tensors" if fn is movement.concat else "a tensor"
    checked.__signature__ = signature  # type: ignore[attr-defined]
    checked.__doc__ = f":func:`{fn.__name__}` of {what} of rank {rank}."
    public(checked)


def _one_axis(paddings: Sequence[int], *rest: Any) -> tuple:
    return ([paddings], *rest)


for _rank in (1, 2, 3, 4):
    for _fn in (movement.concat, movement.slice, movement.reverse):
        _of_rank(_rank, _fn)
    _of_rank(_rank, movement.pad, _one_axis if _rank == 1 else None)
    if _rank > 1:
        _of_rank(_rank, normalization.batch_norm)
