"""Reductions: over one axis, several, or all."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from ..graph import build as b
from .dispatch import op

Axis = int | Sequence[int] | None


@op("x")
def sum(x: Any, axis: Axis = None, keep_dims: bool = False) -> Any:
    """The sum over ``axis`` (all axes if None).

    >>> import weblayers as wl
    >>> wl.sum([[1, 2], [3, 4]], 0).array_sync()
    [4.0, 6.0]
    """
    return b.reduce("sum", x, axis, keep_dims)


@op("x")
def mean(x: Any, axis: Axis = None, keep_dims: bool = False) -> Any:
    """The mean over ``axis`` (all axes if None), as float32; NaN of nothing."""
    total = b.reduce("sum", b.cast(x, "float32"), axis, keep_dims)
    count = math.prod(x.shape[i] for i in b.normalize_axes(axis, len(x.shape)))
    return total / float(count) if count else b.full(total.shape, math.nan)


@op("x")
def prod(x: Any, axis: Axis = None, keep_dims: bool = False) -> Any:
    """The product over ``axis`` (all axes if None)."""
    return b.reduce("prod", x, axis, keep_dims)


@op("x")
def max(x: Any, axis: Axis = None, keep_dims: bool = False) -> Any:
    """The maximum over ``axis`` (all axes if None); equal maxima share the gradient."""
    return b.reduce("max", x, axis, keep_dims)


@op("x")
def min(x: Any, axis: Axis = None, keep_dims: bool = False) -> Any:
    """The minimum over ``axis`` (all axes if None); equal minima share the gradient."""
    return b.reduce("min", x, axis, keep_dims)


@op("x")
def all(x: Any, axis: Axis = None, keep_dims: bool = False) -> Any:
    """Whether every element over ``axis`` holds."""
    return b.cast(b.reduce("min", b.cast(b.cast(x, "bool"), "int32"), axis, keep_dims), "bool")


@op("x")
def any(x: Any, axis: Axis = None, keep_dims: bool = False) -> Any:
    """Whether an element over ``axis`` holds."""
    # of nothing, the largest is below 0
    return b.compare("lt", b.constant(0, "int32"), b.reduce("max", b.cast(b.cast(x, "bool"), "int32"), axis, keep_dims))


@op("x")
def arg_max(x: Any, axis: int = 0) -> Any:
    """The position of the first maximum along ``axis``, as int32.

    >>> import weblayers as wl
    >>> wl.arg_max([1, 3, 2]).array_sync()
    1
    """
    return b.argreduce("max", x, axis)


@op("x")
def arg_min(x: Any, axis: int = 0) -> Any:
    """The position of the first minimum along ``axis``, as int32."""
    return b.argreduce("min", x, axis)
