"""Convolutions by their number of axes, as TensorFlow.js names them."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Any

from ..graph import build as b
from ..graph.node import Node
from ..graph.primitives.reduction import of_nothing
from .convolutions import convolution, convolution_transpose, depthwise_convolution
from .dispatch import op
from .windows import Pads, over_images, paddings, per_axis, spatial_pads

Sizes = int | Sequence[int]


@op("x", "filter")
def conv1d(
    x: Any,
    filter: Any,
    stride: Sizes = 1,
    pad: Pads = "valid",
    data_format: str = "NWC",
    dilation: Sizes = 1,
    dim_rounding_mode: str | None = None,
) -> Any:
    """Convolution of ``[batch, width, in]`` (or without a batch) with ``[width, in, out]``.

    >>> import weblayers as wl
    >>> wl.conv1d(wl.ones([1, 4, 1]), wl.ones([3, 1, 2])).shape
    (1, 2, 2)
    """
    return _convolved("conv1d", 1, x, filter, stride, pad, data_format, dilation, dim_rounding_mode)


@op("x", "filter")
def conv2d(
    x: Any,
    filter: Any,
    strides: Sizes = 1,
    pad: Pads = "valid",
    data_format: str = "NHWC",
    dilations: Sizes = 1,
    dim_rounding_mode: str | None = None,
) -> Any:
    """Convolution of ``[batch, height, width, in]`` (or one image) with ``[height, width, in, out]``.

    Args:
        x: images.
        filter: the kernels.
        strides: steps of the windows.
        pad: ``"valid"``, ``"same"``, a number for all sides, or pairs of numbers for each axis.
        data_format: ``"NHWC"``, or ``"NCHW"`` for images with the channels first.
        dilations: distances of a window's places.
        dim_rounding_mode: how the number of windows is rounded if ``pad`` is numbers: ``"floor"``, ``"round"`` or
            ``"ceil"``.

    >>> import weblayers as wl
    >>> wl.conv2d(wl.ones([1, 4, 4, 1]), wl.ones([3, 3, 1, 2])).shape
    (1, 2, 2, 2)
    """
    return _convolved("conv2d", 2, x, filter, strides, pad, data_format, dilations, dim_rounding_mode)


@op("x", "filter")
def conv3d(
    x: Any,
    filter: Any,
    strides: Sizes = 1,
    pad: Pads = "valid",
    data_format: str = "NDHWC",
    dilations: Sizes = 1,
) -> Any:
    """Convolution of ``[batch, depth, height, width, in]`` with ``[depth, height, width, in, out]``; see
    :func:`conv2d`."""
    return _convolved("conv3d", 3, x, filter, strides, pad, data_format, dilations)


def _convolved(
    name: str,
    rank: int,
    x: Node,
    filter: Node,
    strides: Sizes,
    pad: Pads,
    data_format: str,
    dilations: Sizes,
    rounding: str | None = None,
) -> Any:
    _check_filter(name, filter, rank)
    around = spatial_pads(pad, data_format)
    return over_images(
        name,
        x,
        rank,
        data_format,
        lambda image: convolution(image, filter, strides, around, dilations, 1, rounding),
    )


def _check_filter(name: str, filter: Node, rank: int) -> None:
    if len(filter.shape) != rank + 2:
        raise ValueError(f"{name} wants a filter of rank {rank + 2}, got {list(filter.shape)}")


@op("x", "filter")
def conv2d_transpose(
    x: Any,
    filter: Any,
    output_shape: Sequence[int],
    strides: Sizes = 1,
    pad: Pads = "valid",
    dim_rounding_mode: str | None = None,
) -> Any:
    """The gradient of :func:`conv2d` as a function: ``[batch, height, width, in]`` with ``[height, width, out, in]``.

    ``output_shape`` is that of the result, as of several that fit the strides only one is meant.

    >>> import weblayers as wl
    >>> wl.conv2d_transpose(wl.ones([1, 2, 2, 1]), wl.ones([3, 3, 2, 1]), [1, 5, 5, 2], 2).shape
    (1, 5, 5, 2)
    """
    return _transposed("conv2d_transpose", 2, x, filter, output_shape, strides, pad)


@op("x", "filter")
def conv3d_transpose(x: Any, filter: Any, output_shape: Sequence[int], strides: Sizes = 1, pad: Pads = "valid") -> Any:
    """The gradient of :func:`conv3d` as a function; see :func:`conv2d_transpose`."""
    return _transposed("conv3d_transpose", 3, x, filter, output_shape, strides, pad)


def _transposed(
    name: str, rank: int, x: Node, filter: Node, output_shape: Sequence[int], strides: Sizes, pad: Pads
) -> Any:
    _check_filter(name, filter, rank)
    wanted = (*x.shape[: len(x.shape) - rank - 1], *output_shape[-rank - 1 : -1], filter.shape[rank])
    if tuple(output_shape) != wanted:
        raise ValueError(f"{name}: the output_shape {list(output_shape)} should be {list(wanted)}")
    sizes = output_shape[-rank - 1 : -1]
    return over_images(
        name,
        x,
        rank,
        "NHWC" if rank == 2 else "NDHWC",
        lambda image: convolution_transpose(image, filter, sizes, strides, pad),
    )


@op("x", "filter")
def depthwise_conv2d(
    x: Any,
    filter: Any,
    strides: Sizes = 1,
    pad: Pads = "valid",
    data_format: str = "NHWC",
    dilations: Sizes = 1,
    dim_rounding_mode: str | None = None,
) -> Any:
    """Every channel convolved with kernels of its own, ``[height, width, in, multiplier]``; see :func:`conv2d`.

    >>> import weblayers as wl
    >>> wl.depthwise_conv2d(wl.ones([1, 4, 4, 3]), wl.ones([3, 3, 3, 2])).shape
    (1, 2, 2, 6)
    """
    _check_filter("depthwise_conv2d", filter, 2)
    around = spatial_pads(pad, data_format)
    return over_images(
        "depthwise_conv2d",
        x,
        2,
        data_format,
        lambda image: depthwise_convolution(image, filter, strides, around, dilations, dim_rounding_mode),
    )


@op("x", "depthwise_filter", "pointwise_filter")
def separable_conv2d(
    x: Any,
    depthwise_filter: Any,
    pointwise_filter: Any,
    strides: Sizes = 1,
    pad: Pads = "valid",
    dilation: Sizes = 1,
    data_format: str = "NHWC",
) -> Any:
    """:func:`depthwise_conv2d`, then a convolution of single pixels with ``[1, 1, in * multiplier, out]``.

    >>> import weblayers as wl
    >>> wl.separable_conv2d(wl.ones([1, 4, 4, 3]), wl.ones([3, 3, 3, 1]), wl.ones([1, 1, 3, 5])).shape
    (1, 2, 2, 5)
    """
    if pointwise_filter.shape[:2] != (1, 1):
        raise ValueError(f"separable_conv2d: pointwise filters are 1 by 1, got {list(pointwise_filter.shape)}")
    deep = depthwise_conv2d(x, depthwise_filter, strides, pad, data_format, dilation)
    return conv2d(deep, pointwise_filter, 1, "valid", data_format)


@op("x", "filter")
def dilation2d(
    x: Any,
    filter: Any,
    strides: Sizes = 1,
    pad: Pads = "valid",
    dilations: Sizes = 1,
    data_format: str = "NHWC",
) -> Any:
    """The maximum of pixels plus what ``filter [height, width, channels]`` has at their place in the window.

    Grayscale dilation of mathematical morphology; equal maxima share the gradient.

    >>> import weblayers as wl
    >>> wl.dilation2d(wl.ones([1, 3, 3, 1]), wl.tensor3d([[[0], [2]]])).flatten().array_sync()
    [3.0, 3.0, 3.0, 3.0, 3.0, 3.0]
    """
    if len(filter.shape) != 3 or data_format != "NHWC":
        raise ValueError(f"dilation2d wants a filter of rank 3 for NHWC, got {list(filter.shape)} for {data_format}")
    return over_images("dilation2d", x, 2, data_format, lambda image: _dilated(image, filter, strides, pad, dilations))


def _dilated(x: Node, filter: Node, strides: Sizes, pad: Pads, dilations: Sizes) -> Node:
    window, steps, apart = filter.shape[:2], per_axis(strides, 2), per_axis(dilations, 2)
    (top, bottom), (left, right) = paddings(pad, x.shape[1:3], window, steps, apart)
    x = b.pad(x, (0, top, left, 0), (0, bottom, right, 0), value=of_nothing("max", x.dtype))
    columns = zip(x.shape[1:3], window, steps, apart, strict=True)
    out = [(n - ((w - 1) * d + 1)) // s + 1 for n, w, s, d in columns]
    largest: Node | None = None
    for row, column in itertools.product(*map(range, window)):
        start = row * apart[0], column * apart[1]
        stop = [a + (o - 1) * s + 1 for a, o, s in zip(start, out, steps, strict=True)]
        part = b.slice_(x, (0, *start, 0), (x.shape[0], *stop, x.shape[3]), (1, *steps, 1))
        weight = b.reshape(b.slice_(filter, (row, column, 0), (row + 1, column + 1, x.shape[3])), (x.shape[3],))
        value = part + weight
        largest = value if largest is None else b.maximum(largest, value)
    assert largest is not None
    return largest
