"""Rearranging whole tensors: tiles and parts, blocks of space, depth and batch."""

from __future__ import annotations

import builtins
import itertools
import math
from collections.abc import Sequence
from typing import Any

from ..graph import build as b
from .dispatch import op
from .slicing import get_item


@op("x")
def tile(x: Any, reps: Sequence[int]) -> Any:
    """x repeated along each axis.

    >>> import weblayers as wl
    >>> wl.tile([1, 2], [2]).array_sync()
    [1.0, 2.0, 1.0, 2.0]
    """
    if len(reps) != len(x.shape):
        raise ValueError(f"tile wants a count for each of the {len(x.shape)} axes, got {list(reps)}")
    spread = b.reshape(x, [d for size in x.shape for d in (1, size)])
    wide = b.broadcast(spread, tuple(d for n, size in zip(reps, x.shape, strict=True) for d in (n, size)))
    return b.reshape(wide, [n * size for n, size in zip(reps, x.shape, strict=True)])


@op("x")
def split(x: Any, num_or_size_splits: int | Sequence[int], axis: int = 0) -> Any:
    """The parts along an axis: so many equal ones, or of the given sizes, one of which may be -1 for the rest.

    >>> import weblayers as wl
    >>> [t.array_sync() for t in wl.split([1, 2, 3], [1, -1])]
    [[1.0], [2.0, 3.0]]
    """
    (axis,) = b.normalize_axes(axis, len(x.shape))
    size = x.shape[axis]
    if isinstance(num_or_size_splits, int):
        if num_or_size_splits < 1 or size % num_or_size_splits:
            raise ValueError(f"axis {axis} of size {size} cannot be split into {num_or_size_splits} equal parts")
        sizes = [size // num_or_size_splits] * num_or_size_splits
    else:
        known = builtins.sum(s for s in num_or_size_splits if s != -1)
        sizes = [size - known if s == -1 else s for s in num_or_size_splits]
        if builtins.sum(sizes) != size or list(num_or_size_splits).count(-1) > 1:
            raise ValueError(f"the sizes {list(num_or_size_splits)} do not make up axis {axis} of size {size}")
    ends = list(itertools.accumulate(sizes))
    return [_part(x, axis, end - n, end) for n, end in zip(sizes, ends, strict=True)]


def _part(x: Any, axis: int, start: int, stop: int) -> Any:
    begin, end = [0] * len(x.shape), list(x.shape)
    begin[axis], end[axis] = start, stop
    return b.slice_(x, begin, end)


@op("x")
def unstack(x: Any, axis: int = 0) -> Any:
    """The parts of size 1 along an axis, without it."""
    (axis,) = b.normalize_axes(axis, len(x.shape))
    rest = (*x.shape[:axis], *x.shape[axis + 1 :])
    return [b.reshape(_part(x, axis, i, i + 1), rest) for i in builtins.range(x.shape[axis])]


@op("x")
def strided_slice(
    x: Any,
    begin: Sequence[int],
    end: Sequence[int],
    strides: Sequence[int] | None = None,
    begin_mask: int = 0,
    end_mask: int = 0,
    ellipsis_mask: int = 0,
    new_axis_mask: int = 0,
    shrink_axis_mask: int = 0,
) -> Any:
    """What Python's slices ``begin:end:stride`` take, axis by axis.

    In a mask, bit i says of entry i: begin at the edge, end at the edge, stand for all axes that are not named, be a
    new axis, or be an index whose axis goes away.

    >>> import weblayers as wl
    >>> wl.strided_slice([1, 2, 3, 4], [3], [0], [-2]).array_sync()
    [4.0, 2.0]
    """
    steps = [1] * len(begin) if strides is None else list(strides)
    if ellipsis_mask & (ellipsis_mask - 1):
        raise ValueError("strided_slice: only one entry can stand for all axes that are not named")
    named = builtins.sum(1 for i in builtins.range(len(begin)) if not (ellipsis_mask | new_axis_mask) >> i & 1)
    slices: list[Any] = []
    for i in builtins.range(len(begin)):
        bit = 1 << i
        if ellipsis_mask & bit:
            slices += [builtins.slice(None)] * (len(x.shape) - named)
        elif new_axis_mask & bit:
            slices.append(None)
        elif shrink_axis_mask & bit:
            slices.append(begin[i])
        else:
            start = None if begin_mask & bit else begin[i]
            slices.append(builtins.slice(start, None if end_mask & bit else end[i], steps[i]))
    return get_item(x, tuple(slices))


@op("x")
def mirror_pad(x: Any, paddings: Sequence[Sequence[int]], mode: str) -> Any:
    """x with its mirror image before and after; ``"reflect"`` leaves out the edge, ``"symmetric"`` repeats it.

    >>> import weblayers as wl
    >>> wl.mirror_pad([1, 2, 3], [[2, 1]], "reflect").array_sync()
    [3.0, 2.0, 1.0, 2.0, 3.0, 2.0]
    """
    if mode not in ("reflect", "symmetric"):
        raise ValueError(f"mode must be 'reflect' or 'symmetric', got {mode!r}")
    edge = 1 if mode == "reflect" else 0
    for axis, (before, after) in enumerate(paddings):
        size = x.shape[axis]
        if builtins.max(before, after) > size - edge:
            raise ValueError(f"mirror_pad: axis {axis} of size {size} cannot give {builtins.max(before, after)} values")
        parts = [_part(x, axis, edge, edge + before), x, _part(x, axis, size - edge - after, size - edge)]
        turned = [b.reverse(p, [axis]) if p is not x else p for p in parts]
        x = b.concat([p for p in turned if p.shape[axis]], axis)
    return x


@op("x")
def space_to_batch_nd(x: Any, block_shape: Sequence[int], paddings: Sequence[Sequence[int]]) -> Any:
    """Blocks of space as further samples: each sample has one place of every block.

    >>> import weblayers as wl
    >>> wl.space_to_batch_nd([[[[1.0], [2.0]], [[3.0], [4.0]]]], [2, 2], [[0, 0], [0, 0]]).shape
    (4, 1, 1, 1)
    """
    count, rest = len(block_shape), len(x.shape) - 1 - len(block_shape)
    around = [[0, 0], *paddings, *[[0, 0]] * rest]
    x = b.pad(x, [p[0] for p in around], [p[1] for p in around])
    inner = list(zip(x.shape[1:], block_shape, strict=False))
    if any(size % block for size, block in inner):
        raise ValueError(f"padded to {list(x.shape)}, the input cannot be divided into blocks of {list(block_shape)}")
    blocks = b.reshape(x, [x.shape[0], *(d for s, n in inner for d in (s // n, n)), *x.shape[1 + count :]])
    places = [2 + 2 * i for i in builtins.range(count)]
    spaces = [1 + 2 * i for i in builtins.range(count)]
    turned = b.transpose(blocks, [*places, 0, *spaces, *builtins.range(1 + 2 * count, len(blocks.shape))])
    return b.reshape(turned, [x.shape[0] * math.prod(block_shape), *(s // n for s, n in inner), *x.shape[1 + count :]])


@op("x")
def batch_to_space_nd(x: Any, block_shape: Sequence[int], crops: Sequence[Sequence[int]]) -> Any:
    """The inverse of :func:`space_to_batch_nd`; then ``crops`` are cut off."""
    count = len(block_shape)
    batch, *space = x.shape[: 1 + count]
    rest = x.shape[1 + count :]
    if batch % math.prod(block_shape):
        raise ValueError(f"{batch} samples cannot be put together into blocks of {list(block_shape)}")
    blocks = b.reshape(x, [*block_shape, batch // math.prod(block_shape), *space, *rest])
    order = [count, *(a for i in builtins.range(count) for a in (count + 1 + i, i))]
    turned = b.transpose(blocks, [*order, *builtins.range(2 * count + 1, len(blocks.shape))])
    sizes = [s * n for s, n in zip(space, block_shape, strict=True)]
    whole = b.reshape(turned, [batch // math.prod(block_shape), *sizes, *rest])
    starts = [0, *(c[0] for c in crops), *[0] * len(rest)]
    stops = [whole.shape[0], *(s - c[1] for s, c in zip(sizes, crops, strict=True)), *rest]
    return b.slice_(whole, starts, stops)


@op("x")
def depth_to_space(x: Any, block_size: int, data_format: str = "NHWC") -> Any:
    """Channels of images as blocks of pixels.

    >>> import weblayers as wl
    >>> wl.depth_to_space(wl.ones([1, 2, 2, 8]), 2).shape
    (1, 4, 4, 2)
    """
    first = data_format == "NCHW"
    x = b.transpose(x, [0, 2, 3, 1]) if first else x
    n, h, w, c = x.shape
    if block_size < 1 or c % block_size**2:
        raise ValueError(f"{c} channels cannot be put into blocks of {block_size} by {block_size} pixels")
    depth = c // block_size**2
    blocks = b.transpose(b.reshape(x, [n, h, w, block_size, block_size, depth]), [0, 1, 3, 2, 4, 5])
    out = b.reshape(blocks, [n, h * block_size, w * block_size, depth])
    return b.transpose(out, [0, 3, 1, 2]) if first else out


@op("x")
def diag(x: Any) -> Any:
    """x on the diagonal of zeros: ``[*x.shape, *x.shape]``.

    >>> import weblayers as wl
    >>> wl.diag([1, 2]).array_sync()
    [[1.0, 0.0], [0.0, 2.0]]
    """
    size = x.aval.size
    places = b.iota(size)
    same = b.compare("eq", b.reshape(places, (size, 1)), places)
    return b.reshape(b.where(same, b.reshape(x, (size,)), b.constant(0, x.dtype)), (*x.shape, *x.shape))
