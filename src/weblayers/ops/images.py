"""Convolution and pooling, channels last: ``[batch, height, width, channels]``."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ..graph import build as b
from ..graph.node import Node
from .dispatch import op

Pads = str | int | Sequence[Sequence[int]]


def same_padding(size: int, window: int, stride: int, dilation: int = 1) -> tuple[int, int]:
    """Zeros before and after so that ``ceil(size / stride)`` windows fit; an odd one goes after."""
    extent = (window - 1) * dilation + 1
    total = max(0, (-(-size // stride) - 1) * stride + extent - size)
    return total // 2, total - total // 2


def pair(value: int | Sequence[int], rank: int = 2) -> tuple[int, ...]:
    return (value,) * rank if isinstance(value, int) else tuple(value)


def paddings(
    pad: Pads, x: Node, window: Sequence[int], strides: Sequence[int], dilations: Sequence[int]
) -> list[tuple[int, int]]:
    if pad == "same":
        return [same_padding(*c) for c in zip(x.shape[1:-1], window, strides, dilations, strict=True)]
    if pad == "valid":
        return [(0, 0)] * len(window)
    if isinstance(pad, int):
        return [(pad, pad)] * len(window)
    if isinstance(pad, str):
        raise ValueError(f"unknown padding {pad!r}; expected 'valid', 'same', a number or a pair of numbers per axis")
    return [(int(p[0]), int(p[1])) for p in pad]


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
    if len(x.shape) != 4 or len(filter.shape) != 4:
        raise ValueError(f"conv2d wants an input and a filter of rank 4, got {list(x.shape)} and {list(filter.shape)}")
    strides, dilations = pair(strides), pair(dilations)
    lo_hi = paddings(pad, x, filter.shape[:2], strides, dilations)
    return b.conv(x, filter, strides, lo_hi, rhs_dilation=dilations)


@op("x")
def max_pool(
    x: Any, filter_size: int | Sequence[int], strides: int | Sequence[int] | None = None, pad: Pads = "valid"
) -> Any:
    """The maximum of every window; of equal maxima the first gets the gradient.

    >>> import weblayers as wl
    >>> wl.max_pool(wl.ones([1, 4, 4, 1]), 2).shape
    (1, 2, 2, 1)
    """
    window = pair(filter_size, len(x.shape) - 2)
    steps = window if strides is None else pair(strides, len(x.shape) - 2)
    return b.pool("max", x, window, steps, paddings(pad, x, window, steps, (1,) * len(window)))


@op("x")
def avg_pool(
    x: Any, filter_size: int | Sequence[int], strides: int | Sequence[int] | None = None, pad: Pads = "valid"
) -> Any:
    """The mean of every window, over the elements of it that lie in the input."""
    window = pair(filter_size, len(x.shape) - 2)
    steps = window if strides is None else pair(strides, len(x.shape) - 2)
    around = paddings(pad, x, window, steps, (1,) * len(window))
    total = b.pool("sum", x, window, steps, around)
    if all(p == (0, 0) for p in around):
        size = 1
        for w in window:
            size *= w
        return total / float(size)
    here = b.full((1, *x.shape[1:-1], 1), 1.0)
    return total / b.pool("sum", here, window, steps, around)
