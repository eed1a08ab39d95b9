"""Convolution, pooling and resizing, channels last: ``[batch, *spatial, channels]``."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from ..graph import build as b
from ..graph.node import Node
from .dispatch import op

Pads = str | int | Sequence[Sequence[int]]


def same_padding(size: int, window: int, stride: int, dilation: int = 1) -> tuple[int, int]:
    """Zeros before and after so that ``ceil(size / stride)`` windows fit; an odd one goes after."""
    extent = (window - 1) * dilation + 1
    total = max(0, (-(-size // stride) - 1) * stride + extent - size)
    return total // 2, total - total // 2


def per_axis(value: int | Sequence[int], rank: int) -> tuple[int, ...]:
    return (value,) * rank if isinstance(value, int) else tuple(value)


def paddings(
    pad: Pads, x: Node, window: Sequence[int], strides: Sequence[int], dilations: Sequence[int]
) -> list[tuple[int, int]]:
    if pad == "same":
        return [same_padding(*c) for c in zip(x.shape[1:-1], window, strides, dilations, strict=True)]
    if pad == "causal":
        return [((w - 1) * d, 0) for w, d in zip(window, dilations, strict=True)]
    if pad == "valid":
        return [(0, 0)] * len(window)
    if isinstance(pad, int):
        return [(pad, pad)] * len(window)
    if isinstance(pad, str):
        raise ValueError(f"unknown padding {pad!r}; expected 'valid', 'same', a number or a pair of numbers per axis")
    return [(int(p[0]), int(p[1])) for p in pad]


def _check_ranks(name: str, x: Node, filter: Node, rank: int) -> None:
    if len(x.shape) != rank or len(filter.shape) != rank:
        raise ValueError(
            f"{name} wants an input and a filter of rank {rank}, got {list(x.shape)} and {list(filter.shape)}"
        )


@op("x", "filter")
def convolution(
    x: Any,
    filter: Any,
    strides: int | Sequence[int] = 1,
    pad: Pads = "valid",
    dilations: int | Sequence[int] = 1,
    groups: int = 1,
) -> Any:
    """Convolution over all spatial axes: ``[batch, *spatial, in]`` with ``[*window, in / groups, out]``.

    >>> import weblayers as wl
    >>> wl.convolution(wl.ones([1, 4, 1]), wl.ones([3, 1, 2])).shape
    (1, 2, 2)
    """
    rank = len(filter.shape) - 2
    _check_ranks("convolution", x, filter, rank + 2)
    strides, dilations = per_axis(strides, rank), per_axis(dilations, rank)
    around = paddings(pad, x, filter.shape[:rank], strides, dilations)
    x = b.cast(x, "float32")
    if groups == 1:
        return b.conv(x, filter, strides, around, rhs_dilation=dilations)
    parts = zip(_split(x, groups), _split(filter, groups), strict=True)
    return b.concat([b.conv(part, kernel, strides, around, rhs_dilation=dilations) for part, kernel in parts], rank + 1)


def _split(x: Node, parts: int) -> list[Node]:
    """The last axis in equal parts."""
    if x.shape[-1] % parts:
        raise ValueError(f"cannot split {x.shape[-1]} channels into {parts} groups")
    size, whole = x.shape[-1] // parts, x.shape[:-1]
    zeros = (0,) * len(whole)
    return [b.slice_(x, (*zeros, i * size), (*whole, (i + 1) * size)) for i in range(parts)]


@op("x", "filter")
def conv2d(
    x: Any,
    filter: Any,
    strides: int | Sequence[int] = 1,
    pad: Pads = "valid",
    dilations: int | Sequence[int] = 1,
) -> Any:
    """2-D convolution of ``[batch, height, width, in]`` with ``[height, width, in, out]``.

    >>> import weblayers as wl
    >>> wl.conv2d(wl.ones([1, 4, 4, 1]), wl.ones([3, 3, 1, 2])).shape
    (1, 2, 2, 2)
    """
    _check_ranks("conv2d", x, filter, 4)
    return convolution(x, filter, strides, pad, dilations)


@op("x", "filter")
def convolution_transpose(
    x: Any,
    filter: Any,
    output_sizes: Sequence[int],
    strides: int | Sequence[int] = 1,
    pad: str = "valid",
    dilations: int | Sequence[int] = 1,
) -> Any:
    """The gradient of :func:`convolution` as a function: ``[batch, *spatial, in]`` with ``[*window, out, in]``.

    ``output_sizes`` are the spatial sizes of the result; of several that fit the strides, it says which.

    >>> import weblayers as wl
    >>> wl.convolution_transpose(wl.ones([1, 2, 1]), wl.ones([3, 1, 1]), [5], strides=2).shape
    (1, 5, 1)
    """
    rank = len(filter.shape) - 2
    _check_ranks("convolution_transpose", x, filter, rank + 2)
    strides, dilations = per_axis(strides, rank), per_axis(dilations, rank)
    around = []
    for n, size, w, s, d in zip(x.shape[1:-1], output_sizes, filter.shape, strides, dilations, strict=False):
        extent = (w - 1) * d + 1
        before = max(0, (n - 1) * s + extent - size) // 2 if pad == "same" else 0
        lo = extent - 1 - before
        around.append((lo, size - (n - 1) * s - 1 + extent - 1 - lo))
    return b.conv(x, filter, (1,) * rank, around, strides, dilations, flip=True, swap=True)


@op("x", "filter")
def depthwise_convolution(
    x: Any,
    filter: Any,
    strides: int | Sequence[int] = 1,
    pad: Pads = "valid",
    dilations: int | Sequence[int] = 1,
) -> Any:
    """Every channel convolved with kernels of its own: ``[batch, *spatial, in]`` with ``[*window, in, multiplier]``.

    >>> import weblayers as wl
    >>> wl.depthwise_convolution(wl.ones([1, 4, 4, 3]), wl.ones([3, 3, 3, 2])).shape
    (1, 2, 2, 6)
    """
    rank = len(filter.shape) - 2
    _check_ranks("depthwise_convolution", x, filter, rank + 2)
    window, (channels, multiplier) = filter.shape[:rank], filter.shape[rank:]
    strides, dilations = per_axis(strides, rank), per_axis(dilations, rank)
    around = paddings(pad, x, window, strides, dilations)
    x = b.pad(x, (0, *(p[0] for p in around), 0), (0, *(p[1] for p in around), 0))
    if multiplier > 1:
        x = b.broadcast(b.reshape(x, (*x.shape, 1)), (*x.shape, multiplier))
        x = b.reshape(x, (*x.shape[:-2], channels * multiplier))
    kernel = b.reshape(filter, (*window, channels * multiplier))
    columns = zip(x.shape[1:-1], window, strides, dilations, strict=True)
    out = [(n - ((w - 1) * d + 1)) // s + 1 for n, w, s, d in columns]
    if min(out) < 1:
        raise ValueError(f"kernel {list(window)} is larger than the padded input {list(x.shape[1:-1])}")
    total: Node | None = None
    # one shifted view of the input per tap: the compiler reads them all in one draw
    for tap in itertools.product(*map(range, window)):
        start = (0, *(t * d for t, d in zip(tap, dilations, strict=True)), 0)
        ends = (a + (o - 1) * s + 1 for a, o, s in zip(start[1:-1], out, strides, strict=True))
        part = b.slice_(x, start, (x.shape[0], *ends, x.shape[-1]), (1, *strides, 1))
        weight = b.slice_(kernel, (*tap, 0), (*(t + 1 for t in tap), kernel.shape[-1]))
        term = part * b.broadcast(b.reshape(weight, (kernel.shape[-1],)), part.shape)
        total = term if total is None else total + term
    return total


@op("x")
def max_pool(
    x: Any, filter_size: int | Sequence[int], strides: int | Sequence[int] | None = None, pad: Pads = "valid"
) -> Any:
    """The maximum of every window; of equal maxima the first gets the gradient.

    >>> import weblayers as wl
    >>> wl.max_pool(wl.ones([1, 4, 4, 1]), 2).shape
    (1, 2, 2, 1)
    """
    window = per_axis(filter_size, len(x.shape) - 2)
    steps = window if strides is None else per_axis(strides, len(x.shape) - 2)
    return b.pool("max", x, window, steps, paddings(pad, x, window, steps, (1,) * len(window)))


@op("x")
def avg_pool(
    x: Any, filter_size: int | Sequence[int], strides: int | Sequence[int] | None = None, pad: Pads = "valid"
) -> Any:
    """The mean of every window, over the elements of it that lie in the input."""
    window = per_axis(filter_size, len(x.shape) - 2)
    steps = window if strides is None else per_axis(strides, len(x.shape) - 2)
    around = paddings(pad, x, window, steps, (1,) * len(window))
    total = b.pool("sum", x, window, steps, around)
    if all(p == (0, 0) for p in around):
        return total / float(math.prod(window))
    here = b.full((1, *x.shape[1:-1], 1), 1.0)
    return total / b.pool("sum", here, window, steps, around)


# -- resizing ---------------------------------------------------------------------------------------------------------


def _cubic(t: np.ndarray) -> np.ndarray:
    """Keys' cubic kernel with a = -0.5."""
    near = (1.5 * t - 2.5) * t * t + 1
    far = ((-0.5 * t + 2.5) * t - 4) * t + 2
    return np.where(t < 1, near, np.where(t < 2, far, 0))


def _lanczos(lobes: int) -> Any:
    return lambda t: np.where(t < lobes, np.sinc(t) * np.sinc(t / lobes), 0)


# the weight of a source pixel by its distance
_KERNELS: dict[str, Any] = {
    "bilinear": lambda t: np.maximum(0, 1 - t),
    "bicubic": _cubic,
    "lanczos3": _lanczos(3),
    "lanczos5": _lanczos(5),
}
INTERPOLATIONS = ("nearest", *_KERNELS)


def interpolation_name(name: str) -> str:
    """A known interpolation, in lower case.

    Raises:
        ValueError: names the known ones.
    """
    if str(name).lower() not in INTERPOLATIONS:
        raise ValueError(f"unknown interpolation {name!r}; expected one of {', '.join(INTERPOLATIONS)}")
    return str(name).lower()


# Elements of the matrix that resizes an axis.
_LARGEST_RESIZE = 1 << 26


def resize_matrix(source: int, target: int, interpolation: str, antialias: bool, align_corners: bool) -> np.ndarray:
    """``[target, source]``: each row has the weights of the source pixels; pixel centres lie at halves."""
    if source * max(source, target) > _LARGEST_RESIZE:
        raise ValueError(f"cannot resize {source} pixels to {target}: at most 8192 can be resized to 8192")
    scale = source / target
    if align_corners:
        centers = np.arange(target) * ((source - 1) / max(1, target - 1))
    else:
        centers = (np.arange(target) + 0.5) * scale - 0.5
    if interpolation == "nearest":
        chosen = np.rint(centers) if align_corners else np.floor((np.arange(target) + 0.5) * scale)
        return np.eye(source, dtype=np.float32)[np.clip(chosen, 0, source - 1).astype(int)]
    spread = max(scale, 1.0) if antialias else 1.0
    distance = np.abs(centers[:, None] - np.arange(source)) / spread
    weights = _KERNELS[interpolation](distance)
    inside = (centers >= -0.5) & (centers <= source - 0.5)
    weights = np.where(inside[:, None], weights / weights.sum(1, keepdims=True), 0)
    return weights.astype(np.float32)


@op("x")
def resize(
    x: Any, sizes: Sequence[int], interpolation: str = "bilinear", antialias: bool = False, align_corners: bool = False
) -> Any:
    """Images ``[batch, height, width, channels]`` in another size. Pixel centres lie at halves, as in Keras 3.

    ``align_corners`` puts the outermost pixels of both onto each other instead.

    >>> import weblayers as wl
    >>> wl.resize(wl.tensor4d([[[[1], [3]]]]), [1, 4]).flatten().array_sync()
    [1.0, 1.5, 2.5, 3.0]
    """
    batch, height, width, channels = x.shape
    high, wide = sizes
    out = b.cast(x, "float32")
    if high != height:
        rows = b.constant(resize_matrix(height, high, interpolation, antialias, align_corners))
        flat = b.reshape(out, (batch, height, width * channels))
        out = b.dot(b.broadcast(rows, (batch, high, height)), flat)
    out = b.reshape(out, (batch * high, width, channels))
    if wide != width:
        columns = b.constant(resize_matrix(width, wide, interpolation, antialias, align_corners))
        out = b.dot(b.broadcast(columns, (batch * high, wide, width)), out)
    return b.reshape(out, (batch, high, wide, channels))


@op("x")
def repeat_spatial(x: Any, factors: Sequence[int]) -> Any:
    """Every value that many times along each spatial axis: the simplest enlargement.

    >>> import weblayers as wl
    >>> wl.repeat_spatial(wl.tensor3d([[[1], [2]]]), [2]).flatten().array_sync()
    [1.0, 1.0, 2.0, 2.0]
    """
    spatial = x.shape[1:-1]
    split = [v for d in spatial for v in (d, 1)]
    repeated = [v for d, f in zip(spatial, factors, strict=True) for v in (d, f)]
    out = b.broadcast(b.reshape(x, (x.shape[0], *split, x.shape[-1])), (x.shape[0], *repeated, x.shape[-1]))
    return b.reshape(out, (x.shape[0], *(d * f for d, f in zip(spatial, factors, strict=True)), x.shape[-1]))


# -- sampling ----------------------------------------------------------------------------------------------------------

# What lies beyond the edges of an image.
FILL_MODES = ("constant", "nearest", "reflect", "wrap")


@op("x")
def pixel_grid(x: Any) -> Any:
    """Row and column of each pixel of images, counted from the middle: two tensors ``[batch, height, width]``.

    >>> import weblayers as wl
    >>> wl.pixel_grid(wl.ones([1, 1, 3, 1]))[1].array_sync()
    [[[-1.0, 0.0, 1.0]]]
    """
    batch, height, width, _ = x.shape
    rows = b.cast(b.iota(height), "float32") - (height - 1) / 2
    columns = b.cast(b.iota(width), "float32") - (width - 1) / 2
    shape = (batch, height, width)
    return [b.broadcast(b.reshape(rows, (1, height, 1)), shape), b.broadcast(columns, shape)]


def _settled(at: Node, size: int, mode: str) -> Node:
    """A whole position inside ``0`` to ``size - 1``."""
    if mode == "wrap":
        return at - b.unary("floor", at / float(size)) * float(size)
    if mode == "reflect":
        turned = at - b.unary("floor", at / float(2 * size)) * float(2 * size)
        return b.minimum(turned, float(2 * size - 1) - turned)
    return b.minimum(b.maximum(at, 0.0), float(size - 1))


@op("x", "rows", "columns")
def sample(
    x: Any, rows: Any, columns: Any, fill_mode: str = "reflect", fill_value: float = 0.0, nearest: bool = False
) -> Any:
    """Images read at positions between their pixels, counted from the middle as in :func:`pixel_grid`.

    >>> import weblayers as wl
    >>> wl.sample(wl.tensor4d([[[[1], [3]]]]), wl.zeros([1, 1, 1]), wl.zeros([1, 1, 1])).array_sync()
    [[[[2.0]]]]
    """
    batch, height, width, channels = x.shape
    flat = b.reshape(x, (batch * height * width, channels))
    rows, columns = rows + (height - 1) / 2, columns + (width - 1) / 2
    if nearest:
        rows, columns = (b.unary("floor", v + 0.5) for v in (rows, columns))
    image = b.broadcast(b.reshape(b.cast(b.iota(batch), "float32"), (batch, 1, 1)), rows.shape)
    top, left = b.unary("floor", rows), b.unary("floor", columns)
    total: Node | None = None
    for down, right in itertools.product((0.0,) if nearest else (0.0, 1.0), repeat=2):
        y, x_ = top + down, left + right
        index = (image * float(height) + _settled(y, height, fill_mode)) * float(width) + _settled(x_, width, fill_mode)
        pixel = b.gather(flat, b.cast(index, "int32"), 0)
        if fill_mode == "constant":
            inside = b.compare("eq", _settled(y, height, "nearest"), y)
            across = b.compare("eq", _settled(x_, width, "nearest"), x_)
            here = b.reshape(b.bind("and", inside, across), (*rows.shape, 1))
            pixel = b.where(here, pixel, float(fill_value))
        if not nearest:
            weight = (1.0 - b.unary("abs", rows - y)) * (1.0 - b.unary("abs", columns - x_))
            pixel = pixel * b.reshape(weight, (*rows.shape, 1))
        total = pixel if total is None else total + pixel
    return total
