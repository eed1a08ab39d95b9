"""Sums and products of all elements before, and reductions made of others: norms and moments."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from ..graph import build as b
from . import arithmetic as a
from . import reduction
from .dispatch import op, public
from .reduction import Axis


@op("x")
def cumsum(x: Any, axis: int = 0, exclusive: bool = False, reverse: bool = False) -> Any:
    """The sums of the elements up to each one along an axis; ``exclusive`` leaves out the element itself.

    >>> import weblayers as wl
    >>> wl.cumsum([1, 2, 3]).array_sync()
    [1.0, 3.0, 6.0]
    """
    return _accumulated(x, axis, exclusive, reverse, a.add, 0)


@op("x")
def cumprod(x: Any, axis: int = 0, exclusive: bool = False, reverse: bool = False) -> Any:
    """The products of the elements up to each one along an axis; see :func:`cumsum`."""
    return _accumulated(x, axis, exclusive, reverse, a.mul, 1)


def _accumulated(x: Any, axis: int, exclusive: bool, reverse: bool, combine: Callable, neutral: float) -> Any:
    """In log2(size) passes, each of which reaches twice as far back. Hillis and Steele (1986)."""
    (axis,) = b.normalize_axes(axis, len(x.shape))
    size = x.shape[axis]
    x = b.reverse(x, [axis]) if reverse else x
    x = _shifted(x, axis, 1, neutral) if exclusive else x
    reach = 1
    while reach < size:
        # a pass of its own: fused with the one before it would compute that again for each of its two operands
        x = b.bind("store", combine(x, _shifted(x, axis, reach, neutral)))
        reach *= 2
    return b.reverse(x, [axis]) if reverse else x


def _shifted(x: Any, axis: int, by: int, neutral: float) -> Any:
    stop, before = list(x.shape), [0] * len(x.shape)
    by = min(by, x.shape[axis])
    stop[axis] -= by
    before[axis] = by
    return b.pad(b.slice_(x, [0] * len(stop), stop), before, [0] * len(stop), value=neutral)


@op("x")
def log_sum_exp(x: Any, axis: Axis = None, keep_dims: bool = False) -> Any:
    """``log(sum(exp(x)))`` without overflow.

    >>> import weblayers as wl
    >>> round(wl.log_sum_exp([1000.0, 1000.0]).array_sync(), 3)
    1000.693
    """
    largest = b.stop_gradient(reduction.max(x, axis, True))
    # infinities would cancel to NaN
    largest = a.where(a.less(a.abs(largest), math.inf), largest, 0.0)
    total = a.log(reduction.sum(a.exp(a.sub(x, largest)), axis, True))
    out = a.add(total, largest)
    return out if keep_dims else b.reshape(out, reduction.sum(x, axis).shape)


@op("x")
def norm(x: Any, ord: float | str = "euclidean", axis: Axis = None, keep_dims: bool = False) -> Any:
    """The length of vectors, or of matrices as vectors; of all values if ``axis`` is None.

    Args:
        ord: ``"euclidean"`` (the same as ``"fro"`` or 2), 1, ``math.inf``, ``-math.inf`` or another power.
        axis: one axis for vectors, two for matrices.
        keep_dims: whether the axes stay, with size 1.

    >>> import weblayers as wl
    >>> wl.norm([3.0, 4.0]).array_sync()
    5.0
    """
    size = a.abs(x)
    matrices = isinstance(axis, list | tuple) and len(axis) == 2
    if matrices and ord in (1, math.inf, -math.inf):
        (rows, columns) = b.normalize_axes(axis, len(x.shape)) if not isinstance(axis, int) else (0, 1)
        summed = reduction.sum(size, rows if ord == 1 else columns, True)
        extreme = reduction.min if ord == -math.inf else reduction.max
        out = extreme(summed, (rows, columns), True)
        return out if keep_dims else b.reshape(out, reduction.sum(x, axis).shape)
    if ord == math.inf or ord == -math.inf:
        return (reduction.max if ord == math.inf else reduction.min)(size, axis, keep_dims)
    if ord in ("euclidean", "fro", 2):
        return _root(reduction.sum(a.square(x), axis, keep_dims), 2)
    if isinstance(ord, str) or matrices:
        raise ValueError(f"norm: ord {ord!r} is unknown here; there are 'euclidean', 'fro', 1, 2 and infinities")
    if ord == 0:
        return reduction.sum(a.cast(a.not_equal(x, 0.0), "float32"), axis, keep_dims)
    return _root(reduction.sum(a.pow(size, float(ord)), axis, keep_dims), ord)


def _root(total: Any, degree: float) -> Any:
    """The root of a sum of powers, whose slope at 0 is 0 and not infinite."""
    is_zero = a.equal(total, 0.0)
    return a.where(is_zero, 0.0, a.pow(a.where(is_zero, 1.0, total), 1.0 / degree))


@op("x")
def euclidean_norm(x: Any, axis: Axis = None, keep_dims: bool = False) -> Any:
    """The square root of the sum of squares."""
    return norm(x, "euclidean", axis, keep_dims)


@public
def moments(x: Any, axis: Axis = None, keep_dims: bool = False) -> dict[str, Any]:
    """Mean and variance, in a dictionary.

    >>> import weblayers as wl
    >>> {k: v.array_sync() for k, v in wl.moments([1.0, 3.0]).items()}
    {'mean': 2.0, 'variance': 1.0}
    """
    mean = reduction.mean(x, axis, True)
    variance = reduction.mean(a.squared_difference(x, mean), axis, keep_dims)
    return {"mean": mean if keep_dims else reduction.mean(x, axis), "variance": variance}
