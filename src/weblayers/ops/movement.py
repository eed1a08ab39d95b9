"""Reshaping, slicing and joining."""

from __future__ import annotations

import builtins
from collections.abc import Sequence
from typing import Any

from ..graph import build as b
from . import slicing
from .dispatch import method, op


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


@method
def slice(x: Any, begin: int | Sequence[int], size: int | Sequence[int] | None = None) -> Any:
    """A part of x, from ``begin``, of ``size`` (-1 or left out: up to the end).

    Raises:
        ValueError: the part does not lie in x.

    >>> import weblayers as wl
    >>> wl.slice([1, 2, 3, 4], [1], [2]).array_sync()
    [2.0, 3.0]
    """
    if not slicing.is_eager(x):
        return _slice(x, begin, size)
    return slicing.get_item(x, tuple(builtins.slice(a, e) for a, e in _ends(x.shape, begin, size)))


@op("x")
def _slice(x: Any, begin: int | Sequence[int], size: int | Sequence[int] | None = None) -> Any:
    ends = _ends(x.shape, begin, size)
    return b.slice_(x, [a for a, _ in ends], [e for _, e in ends])


def _ends(shape: Sequence[int], begin: int | Sequence[int], size: int | Sequence[int] | None) -> list[tuple[int, int]]:
    """Where a part begins and ends along each axis."""
    starts = _padded(begin, len(shape), 0)
    sizes = _padded(-1 if size is None else size, len(shape), -1)
    ends = [(a, d if s == -1 else a + s) for a, s, d in zip(starts, sizes, shape, strict=True)]
    for axis, ((a, e), d) in enumerate(zip(ends, shape, strict=True)):
        if not 0 <= a <= e <= d:
            raise ValueError(f"slice: from {a} to {e} does not lie in axis {axis} of size {d}")
    return ends


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
    (axis,) = b.normalize_axes(axis, len(tensors[0].shape) + 1)
    return b.concat([b.reshape(x, (*x.shape[:axis], 1, *x.shape[axis:])) for x in tensors], axis)


@op("x")
def pad(x: Any, paddings: Sequence[Sequence[int]], constant_value: float = 0) -> Any:
    """x with constants before and after, as many as ``paddings`` has for each axis."""
    return b.pad(x, [p[0] for p in paddings], [p[1] for p in paddings], value=constant_value)


@op("x")
def reverse(x: Any, axis: int | Sequence[int] | None = None) -> Any:
    """x backwards along the axes (all by default)."""
    return b.reverse(x, b.normalize_axes(axis, len(x.shape)))
