"""Convolutions over any number of spatial axes: plain, grouped, transposed and depthwise."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Any

from ..graph import build as b
from ..graph.node import Node
from .dispatch import op
from .windows import Pads, paddings, per_axis


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
    dim_rounding_mode: str | None = None,
) -> Any:
    """Convolution over all spatial axes: ``[batch, *spatial, in]`` with ``[*window, in / groups, out]``.

    >>> import weblayers as wl
    >>> wl.convolution(wl.ones([1, 4, 1]), wl.ones([3, 1, 2])).shape
    (1, 2, 2)
    """
    rank = len(filter.shape) - 2
    _check_ranks("convolution", x, filter, rank + 2)
    strides, dilations = per_axis(strides, rank), per_axis(dilations, rank)
    around = paddings(pad, x.shape[1:-1], filter.shape[:rank], strides, dilations, dim_rounding_mode)
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
def convolution_transpose(
    x: Any,
    filter: Any,
    output_sizes: Sequence[int],
    strides: int | Sequence[int] = 1,
    pad: Pads = "valid",
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
    given = None if isinstance(pad, str) else paddings(pad, output_sizes, filter.shape[:rank], strides, dilations)
    around = []
    columns = zip(x.shape[1:-1], output_sizes, filter.shape, strides, dilations, strict=False)
    for i, (n, size, w, s, d) in enumerate(columns):
        extent = (w - 1) * d + 1
        before = max(0, (n - 1) * s + extent - size) // 2 if pad == "same" else given[i][0] if given else 0
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
    dim_rounding_mode: str | None = None,
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
    around = paddings(pad, x.shape[1:-1], window, strides, dilations, dim_rounding_mode)
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
