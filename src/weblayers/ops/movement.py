"""Reshaping, slicing and joining."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ..graph import build as b
from ..graph.node import Node
from .dispatch import op


@op("x")
def reshape(x: Any, shape: Sequence[int]) -> Any:
    """The same values in another shape; one size may be -1.

    >>> import weblayers as wl
    >>> wl.reshape([1, 2, 3, 4], [2, -1]).shape
    (2, 2)
    """
    return b.reshape(x, shape)


@op("x")
def flatten(x: Any) -> Any:
    """All values in one axis."""
    return b.reshape(x, (x.aval.size,))


@op("x")
def expand_dims(x: Any, axis: int = 0) -> Any:
    """A new axis of size 1."""
    rank = len(x.shape)
    if not -rank - 1 <= axis <= rank:
        raise ValueError(f"axis {axis} is out of range for a tensor of rank {rank}")
    axis %= rank + 1
    return b.reshape(x, (*x.shape[:axis], 1, *x.shape[axis:]))


@op("x")
def squeeze(x: Any, axis: Sequence[int] | None = None) -> Any:
    """Without the axes of size 1, or without those named."""
    axes = b.normalize_axes(axis, len(x.shape)) if axis is not None else None
    for a in axes or ():
        if x.shape[a] != 1:
            raise ValueError(f"axis {a} has size {x.shape[a]}, not 1, and cannot be squeezed")
    return b.reshape(x, [d for i, d in enumerate(x.shape) if (d != 1 if axes is None else i not in axes)])


@op("x")
def transpose(x: Any, perm: Sequence[int] | None = None, conjugate: bool = False) -> Any:
    """Axes in another order; reversed by default. ``conjugate`` negates the imaginary parts of complex numbers.

    >>> import weblayers as wl
    >>> wl.transpose([[1, 2, 3]]).shape
    (3, 1)
    """
    return b.transpose(x, perm)


@op("x")
def broadcast_to(x: Any, shape: Sequence[int]) -> Any:
    """x repeated along new axes and axes of size 1."""
    return b.broadcast(x, tuple(shape))


@op("x")
def slice(x: Any, begin: int | Sequence[int], size: int | Sequence[int] | None = None) -> Any:
    """A part of x, from ``begin``, of ``size`` (-1 or left out: up to the end).

    >>> import weblayers as wl
    >>> wl.slice([1, 2, 3, 4], [1], [2]).array_sync()
    [2.0, 3.0]
    """
    rank = len(x.shape)
    start = _padded(begin, rank, 0)
    sizes = _padded(-1 if size is None else size, rank, -1)
    stop = [d if s == -1 else a + s for a, s, d in zip(start, sizes, x.shape, strict=True)]
    return b.slice_(x, start, stop)


def _padded(values: int | Sequence[int], rank: int, rest: int) -> list[int]:
    given = [values] if isinstance(values, int) else list(values)
    return given + [rest] * (rank - len(given))


@op("tensors")
def concat(tensors: Any, axis: int = 0) -> Any:
    """Tensors joined along an axis.

    >>> import weblayers as wl
    >>> wl.concat([wl.ones([1]), wl.zeros([2])]).array_sync()
    [1.0, 0.0, 0.0]
    """
    (axis,) = b.normalize_axes(axis, len(tensors[0].shape))
    return b.concat(tensors, axis)


@op("tensors")
def stack(tensors: Any, axis: int = 0) -> Any:
    """Tensors of one shape joined along a new axis."""
    axis %= len(tensors[0].shape) + 1
    return b.concat([b.reshape(x, (*x.shape[:axis], 1, *x.shape[axis:])) for x in tensors], axis)


@op("x")
def pad(x: Any, paddings: Sequence[Sequence[int]], constant_value: float = 0) -> Any:
    """x with constants before and after, as many as ``paddings`` has for each axis."""
    return b.pad(x, [p[0] for p in paddings], [p[1] for p in paddings], value=constant_value)


@op("x")
def reverse(x: Any, axis: int | Sequence[int] | None = None) -> Any:
    """x backwards along the axes (all by default)."""
    return b.reverse(x, b.normalize_axes(axis, len(x.shape)))


def get_item(x: Any, key: Any) -> Any:
    """Python indexing: integers, slices with positive steps, ``...`` and None."""
    return _get_item(x, key=_frozen(key))


def _frozen(key: Any) -> tuple:
    """The index as tuples of plain values: slices cannot be keys before Python 3.12, and models are written as JSON."""
    items = key if isinstance(key, tuple) else (key,)
    out: list[Any] = []
    for item in items:
        if isinstance(item, slice_type):
            out.append(("slice", item.start, item.stop, item.step))
        elif item is Ellipsis:
            out.append("...")
        elif item is None or isinstance(item, int | np.integer):
            out.append(None if item is None else int(item))
        else:
            raise TypeError(f"tensors are indexed by integers, slices, ... and None, not {type(item).__name__}")
    return tuple(out)


slice_type = type(np.s_[:])


@op("x")
def _get_item(x: Any, key: tuple) -> Any:
    rank = len(x.shape)
    used = sum(1 for k in key if k is not None and k != "...")
    if used > rank:
        raise IndexError(f"{used} indices for a tensor of rank {rank}")
    if "..." not in key:
        key = (*key, "...")
    start: list[int] = []
    stop: list[int] = []
    step: list[int] = []
    shape: list[int] = []
    for k in key:
        axis = len(start)
        if k == "...":
            whole = x.shape[axis : axis + rank - used]
            start += [0] * len(whole)
            stop += whole
            step += [1] * len(whole)
            shape += whole
        elif k is None:
            shape.append(1)
        elif isinstance(k, tuple):
            a, e, s = slice_type(*k[1:]).indices(x.shape[axis])
            if s < 1:
                raise ValueError(f"slice steps must be positive, got {s}; use wl.reverse")
            start.append(a)
            stop.append(max(a, e))
            step.append(s)
            shape.append(len(range(a, e, s)))
        else:
            if not -x.shape[axis] <= k < x.shape[axis]:
                raise IndexError(f"index {k} is out of range for axis {axis} of size {x.shape[axis]}")
            start.append(k % x.shape[axis])
            stop.append(start[-1] + 1)
            step.append(1)
    part: Node = b.slice_(x, start, stop, step)
    return b.reshape(part, shape)
