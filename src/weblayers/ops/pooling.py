"""The maximum and the mean of windows."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from typing import Any

from ..graph import build as b
from ..graph.node import Node
from ..graph.primitives.reduction import of_nothing
from .dispatch import method, op
from .windows import Pads, over_images, paddings, per_axis

Sizes = int | Sequence[int]


@op("x")
def reduce_window(
    x: Any,
    kind: str,
    window: Sizes,
    strides: Sizes | None = None,
    pad: Pads = "valid",
    dilations: Sizes = 1,
    dim_rounding_mode: str | None = None,
) -> Any:
    """The ``"max"`` or ``"avg"`` of every window of ``[batch, *spatial, channels]``, over what of it lies in the input.

    Of equal maxima the first gets the gradient. Strides are the window's sizes by default.

    >>> import weblayers as wl
    >>> wl.reduce_window(wl.tensor3d([[[1], [3], [5]]]), "avg", 2, 1, "same").flatten().array_sync()
    [2.0, 4.0, 5.0]
    """
    if kind not in ("max", "avg"):
        raise ValueError(f"windows are reduced by 'max' or 'avg', not {kind!r}")
    rank = len(x.shape) - 2
    size = per_axis(window, rank)
    steps = size if strides is None else per_axis(strides, rank)
    apart = per_axis(dilations, rank)
    around = paddings(pad, x.shape[1:-1], size, steps, apart, dim_rounding_mode)
    if kind == "max":
        return _pooled("max", x, size, steps, apart, around)
    total = _pooled("sum", b.cast(x, "float32"), size, steps, apart, around)
    if all(p == (0, 0) for p in around):
        return total / float(math.prod(size))
    return total / _pooled("sum", b.full((1, *x.shape[1:-1], 1), 1.0), size, steps, apart, around)


def _pooled(
    kind: str,
    x: Node,
    window: Sequence[int],
    strides: Sequence[int],
    dilations: Sequence[int],
    around: Sequence[tuple[int, int]],
) -> Node:
    if all(d == 1 for d in dilations):
        return b.pool(kind, x, window, strides, around)
    # one shifted view per place of the window: the compiler reads them all in one draw
    lo, hi = (0, *(p[0] for p in around), 0), (0, *(p[1] for p in around), 0)
    x = b.pad(x, lo, hi, value=of_nothing(kind, x.dtype))
    columns = zip(x.shape[1:-1], window, strides, dilations, strict=True)
    out = [(n - ((w - 1) * d + 1)) // s + 1 for n, w, s, d in columns]
    total: Node | None = None
    for place in itertools.product(*map(range, window)):
        start = [p * d for p, d in zip(place, dilations, strict=True)]
        stop = [a + (o - 1) * s + 1 for a, o, s in zip(start, out, strides, strict=True)]
        part = b.slice_(x, (0, *start, 0), (x.shape[0], *stop, x.shape[-1]), (1, *strides, 1))
        total = part if total is None else b.maximum(total, part) if kind == "max" else total + part
    assert total is not None
    return total


@op("x")
def max_pool(
    x: Any, filter_size: Sizes, strides: Sizes | None = None, pad: Pads = "valid", dim_rounding_mode: str | None = None
) -> Any:
    """The maximum of every window of images ``[batch, height, width, channels]``, or of one without a batch.

    >>> import weblayers as wl
    >>> wl.max_pool(wl.ones([1, 4, 4, 1]), 2).shape
    (1, 2, 2, 1)
    """
    return _over("max_pool", "max", x, 2, filter_size, strides, pad, dim_rounding_mode)


@op("x")
def avg_pool(
    x: Any, filter_size: Sizes, strides: Sizes | None = None, pad: Pads = "valid", dim_rounding_mode: str | None = None
) -> Any:
    """The mean of every window of images, over the pixels of it that there are; see :func:`max_pool`."""
    return _over("avg_pool", "avg", x, 2, filter_size, strides, pad, dim_rounding_mode)


@op("x")
def max_pool3d(
    x: Any,
    filter_size: Sizes = 1,
    strides: Sizes | None = None,
    pad: Pads = "valid",
    dim_rounding_mode: str | None = None,
    data_format: str = "NDHWC",
) -> Any:
    """The maximum of every window of ``[batch, depth, height, width, channels]``; see :func:`max_pool`."""
    return _over("max_pool3d", "max", x, 3, filter_size, strides, pad, dim_rounding_mode, data_format)


@op("x")
def avg_pool3d(
    x: Any,
    filter_size: Sizes,
    strides: Sizes | None = None,
    pad: Pads = "valid",
    dim_rounding_mode: str | None = None,
    data_format: str = "NDHWC",
) -> Any:
    """The mean of every window of ``[batch, depth, height, width, channels]``; see :func:`avg_pool`."""
    return _over("avg_pool3d", "avg", x, 3, filter_size, strides, pad, dim_rounding_mode, data_format)


@op("input")
def pool(
    input: Any,
    window_shape: Sizes,
    pooling_type: str,
    pad: Pads,
    dilations: Sizes = 1,
    strides: Sizes = 1,
    dim_rounding_mode: str | None = None,
) -> Any:
    """The ``"max"`` or ``"avg"`` of every window of images, whose places may lie apart; strides are 1 by default.

    What lies outside of an image counts for nothing; TensorFlow.js counts it as 0 where places lie apart.

    >>> import weblayers as wl
    >>> wl.pool(wl.ones([1, 5, 5, 1]), 2, "max", "valid", dilations=2).shape
    (1, 3, 3, 1)
    """
    return over_images(
        "pool",
        input,
        2,
        "NHWC",
        lambda x: reduce_window(x, pooling_type, window_shape, strides, pad, dilations, dim_rounding_mode),
    )


def _over(
    name: str,
    kind: str,
    x: Node,
    rank: int,
    window: Sizes,
    strides: Sizes | None,
    pad: Pads,
    rounding: str | None,
    data_format: str = "NHWC",
) -> Any:
    return over_images(
        name,
        x,
        rank,
        data_format,
        lambda image: reduce_window(image, kind, window, strides, pad, 1, rounding),
    )


@method
def max_pool_with_argmax(
    x: Any, filter_size: Sizes, strides: Sizes, pad: Pads, include_batch_in_index: bool = False
) -> dict[str, Any]:
    """:func:`max_pool`, and where each maximum is: ``{"result", "indexes"}``.

    An index is ``(row * width + column) * channels + channel`` as int32; with ``include_batch_in_index`` the sample's
    number times height comes to the row.

    >>> import weblayers as wl
    >>> found = wl.max_pool_with_argmax(wl.tensor4d([1, 2, 4, 3], [1, 2, 2, 1]), 2, 2, "valid")
    >>> found["result"].array_sync(), found["indexes"].array_sync()
    ([[[[4.0]]]], [[[[2]]]])
    """
    result, indexes = _max_pool_with_argmax(x, filter_size, strides, pad, include_batch_in_index)
    return {"result": result, "indexes": indexes}


@op("x")
def _max_pool_with_argmax(x: Any, filter_size: Sizes, strides: Sizes, pad: Pads, include_batch_in_index: bool) -> Any:
    if len(x.shape) != 4:
        raise ValueError(f"max_pool_with_argmax wants [batch, height, width, channels], got {list(x.shape)}")
    batch, height, width, channels = x.shape
    window, steps = per_axis(filter_size, 2), per_axis(strides, 2)
    around = paddings(pad, (height, width), window, steps, (1, 1))
    place = b.pool("argmax", x, window, steps, around)
    inside = b.unary("floor", b.div(place, float(window[1])))
    rows = b.reshape(b.iota(place.shape[1]) * steps[0] - around[0][0], (-1, 1, 1)) + inside
    columns = b.reshape(b.iota(place.shape[2]) * steps[1] - around[1][0], (-1, 1)) + (place - inside * window[1])
    if include_batch_in_index:
        rows = rows + b.reshape(b.iota(batch), (-1, 1, 1, 1)) * height
    index = (rows * width + columns) * channels + b.iota(channels)
    return [b.pool("max", x, window, steps, around), b.cast(index, "int32")]
