"""Images turned, cut out and seen from elsewhere."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from ...graph import build as b
from ...graph.node import Node
from ..dispatch import op
from .sampling import FILL_MODES, each_image, read

# TensorFlow.js' channel of opacity, which fill values leave opaque.
_ALPHA, _OPAQUE = 3, 255


def _check_batch(name: str, image: Any) -> None:
    if len(image.shape) != 4:
        raise ValueError(f"{name} wants images [batch, height, width, channels], got shape {list(image.shape)}")


@op("image")
def flip_left_right(image: Any) -> Any:
    """Images ``[batch, height, width, channels]`` mirrored, left to right.

    >>> import weblayers as wl
    >>> wl.image.flip_left_right(wl.tensor4d([[[[1], [2]]]])).flatten().array_sync()
    [2.0, 1.0]
    """
    _check_batch("flip_left_right", image)
    return b.reverse(image, [2])


@op("image")
def rotate_with_offset(
    image: Any, radians: float, fill_value: float | Sequence[float] = 0, center: float | Sequence[float] = 0.5
) -> Any:
    """Images turned counter-clockwise around a point; each pixel is the nearest of the source's.

    Args:
        image: ``[batch, height, width, channels]``.
        radians: the angle.
        fill_value: what comes in from beyond the edges, for all channels or each; of several, a fourth is 255.
        center: the point around which, as a part of width and height: ``[x, y]``, or one number for both.

    Returns:
        float32 images of the same shape.

    >>> import weblayers as wl
    >>> wl.image.rotate_with_offset(wl.tensor4d([[[[1], [2]]]]), 3.14159, 0, [0.25, 0]).flatten().array_sync()
    [2.0, 1.0]
    """
    _check_batch("rotate_with_offset", image)
    batch, height, width, channels = image.shape
    fills = list(fill_value) if isinstance(fill_value, Sequence) else [float(fill_value)]
    if isinstance(fill_value, Sequence):
        fills = ([*fills, _OPAQUE] if len(fills) == _ALPHA else fills)[:channels]
        if len(fills) < channels:
            raise ValueError(f"rotate_with_offset: fill_value has {len(fills)} values for {channels} channels")
    x0, y0 = center if isinstance(center, Sequence) else (center, center)
    x0, y0 = width * x0, height * y0
    x = b.iota(width, "float32") - float(x0)
    y = b.reshape(b.iota(height, "float32"), (height, 1)) - float(y0)
    cosine, sine = math.cos(radians), math.sin(radians)
    columns, rows = x * cosine - y * sine + float(x0), x * sine + y * cosine + float(y0)
    columns, rows = (b.broadcast(b.unary("floor", v + 0.5), (batch, height, width)) for v in (columns, rows))
    fill = b.constant(np.array(fills, np.float32))
    return read(b.cast(image, "float32"), each_image(batch, rows), rows, columns, "constant", fill, nearest=True)


@op("image", "boxes", "box_ind")
def crop_and_resize(
    image: Any,
    boxes: Any,
    box_ind: Any,
    crop_size: Sequence[int],
    method: str = "bilinear",
    extrapolation_value: float = 0,
) -> Any:
    """Boxes cut out of images and brought to one size: ``[boxes, *crop_size, channels]``.

    Args:
        image: ``[batch, height, width, channels]``.
        boxes: ``[boxes, 4]``: ``y1, x1, y2, x2`` from 0 to 1, where 1 is the last pixel. Turned round, they mirror.
        box_ind: int32 ``[boxes]``: of which image each is. Of one that there is not comes 0.
        crop_size: ``[height, width]`` of the results.
        method: ``"bilinear"`` or ``"nearest"``.
        extrapolation_value: what lies beyond the edges.

    Returns:
        float32 images.

    >>> import weblayers as wl
    >>> x = wl.tensor4d([[[[1], [3]]]])
    >>> wl.image.crop_and_resize(x, [[0, 0, 1, 1]], [0], [1, 3]).flatten().array_sync()
    [1.0, 2.0, 3.0]
    """
    _check_batch("crop_and_resize", image)
    batch, height, width, _ = image.shape
    if len(boxes.shape) != 2 or boxes.shape[1] != 4 or box_ind.shape != boxes.shape[:1]:
        raise ValueError(
            "crop_and_resize wants boxes [n, 4] and a box_ind for each of them, got shapes"
            f" {list(boxes.shape)} and {list(box_ind.shape)}"
        )
    if len(crop_size) != 2 or min(crop_size) < 1:
        raise ValueError(f"crop_size must be [height, width] of 1 at least, got {list(crop_size)}")
    if method not in ("bilinear", "nearest"):
        raise ValueError(f"method must be 'bilinear' or 'nearest', got {method!r}")
    count, (high, wide) = boxes.shape[0], crop_size
    box = b.cast(boxes, "float32")
    y1, x1, y2, x2 = (b.reshape(b.slice_(box, (0, i), (count, i + 1)), (count, 1, 1)) for i in range(4))
    shape = (count, high, wide)
    rows = b.broadcast(b.reshape(_spread(y1, y2, high, height), (count, high, 1)), shape)
    columns = b.broadcast(b.reshape(_spread(x1, x2, wide, width), (count, 1, wide)), shape)
    number = b.reshape(b.cast(box_ind, "float32"), (count, 1, 1))
    outside = b.bind("or", _beyond(rows, height), _beyond(columns, width))
    if method == "nearest":
        rows, columns = (b.unary("floor", v + 0.5) for v in (rows, columns))
    which = b.broadcast(b.minimum(number, float(batch - 1)), shape)
    out = read(b.cast(image, "float32"), which, rows, columns, "nearest", b.constant(0.0), method == "nearest")
    out = b.where(b.reshape(outside, (*shape, 1)), float(extrapolation_value), out)
    return b.where(b.reshape(b.compare("lt", number, float(batch)), (count, 1, 1, 1)), out, 0.0)


def _spread(start: Node, stop: Node, size: int, source: int) -> Node:
    """Evenly spaced positions from one end of boxes to the other; of one alone the middle."""
    last = float(source - 1)
    if size == 1:
        return (start + stop) * (0.5 * last)
    return start * last + b.iota(size, "float32") * ((stop - start) * (last / (size - 1)))


def _beyond(at: Node, size: int) -> Node:
    return b.bind("or", b.compare("lt", at, 0.0), b.compare("lt", float(size - 1), at))


@op("image", "transforms")
def transform(
    image: Any,
    transforms: Any,
    interpolation: str = "nearest",
    fill_mode: str = "constant",
    fill_value: float = 0,
    output_shape: Sequence[int] | None = None,
) -> Any:
    """Images through projections.

    Args:
        image: ``[batch, height, width, channels]``.
        transforms: ``[batch or 1, 8]``: with ``a0, a1, a2, b0, b1, b2, c0, c1`` the pixel at ``(x, y)`` of the result
            is that at ``((a0 x + a1 y + a2) / k, (b0 x + b1 y + b2) / k)`` of the image, and ``k = c0 x + c1 y + 1``.
        interpolation: ``"nearest"`` or ``"bilinear"``.
        fill_mode: what lies beyond the edges: ``"constant"``, ``"nearest"`` (the edge), ``"reflect"`` or ``"wrap"``.
        fill_value: the constant.
        output_shape: ``[height, width]`` of the result; the image's by default.

    Returns:
        float32 images.

    >>> import weblayers as wl
    >>> x = wl.tensor4d([[[[1], [2], [3]]]])
    >>> wl.image.transform(x, [[1, 0, 1, 0, 1, 0, 0, 0]]).flatten().array_sync()
    [2.0, 3.0, 0.0]
    """
    _check_batch("transform", image)
    batch, height, width, _ = image.shape
    if len(transforms.shape) != 2 or transforms.shape[0] not in (1, batch) or transforms.shape[1] != 8:
        raise ValueError(f"transform wants transforms [{batch} or 1, 8], got shape {list(transforms.shape)}")
    if interpolation not in ("nearest", "bilinear"):
        raise ValueError(f"interpolation must be 'nearest' or 'bilinear', got {interpolation!r}")
    if fill_mode not in FILL_MODES:
        raise ValueError(f"fill_mode must be one of {', '.join(FILL_MODES)}, got {fill_mode!r}")
    if output_shape is not None and len(output_shape) != 2:
        raise ValueError(f"output_shape must be [height, width], got {list(output_shape)}")
    high, wide = output_shape or (height, width)
    shape, given = (batch, high, wide), b.cast(transforms, "float32")
    a0, a1, a2, b0, b1, b2, c0, c1 = (
        b.reshape(b.slice_(given, (0, i), (given.shape[0], i + 1)), (given.shape[0], 1, 1)) for i in range(8)
    )
    x, y = b.iota(wide, "float32"), b.reshape(b.iota(high, "float32"), (high, 1))
    depth = x * c0 + y * c1 + 1.0
    nowhere = b.compare("eq", depth, 0.0)
    depth = b.where(nowhere, 1.0, depth)
    columns = b.broadcast(_mapped((x * a0 + y * a1 + a2) / depth, width, fill_mode), shape)
    rows = b.broadcast(_mapped((x * b0 + y * b1 + b2) / depth, height, fill_mode), shape)
    near = interpolation == "nearest"
    if near:
        rows, columns = (b.unary("floor", v + 0.5) for v in (rows, columns))
    fill = b.constant(float(fill_value))
    out = read(b.cast(image, "float32"), each_image(batch, rows), rows, columns, "constant", fill, near)
    return b.where(b.reshape(b.broadcast(nowhere, shape), (*shape, 1)), fill, out)


def _mapped(at: Node, size: int, mode: str) -> Node:
    """A position inside of an image that stands for one anywhere."""
    last = float(size - 1)
    if mode == "constant":
        # far away is as good as two pixels away, and keeps weights exact
        return b.minimum(b.maximum(at, -2.0), last + 2.0)
    if mode == "reflect":
        within = at - b.unary("floor", at / (2.0 * size)) * (2.0 * size)
        at = b.where(b.compare("lt", within, float(size)), within, 2.0 * size - 1.0 - within)
    elif mode == "wrap":
        # TensorFlow.js' wrap counts turns by the distance of the outermost pixels, but moves by the size
        apart = float(max(1, size - 1))
        before = at + float(size) * (b.unary("floor", b.neg(at) / apart) + 1.0)
        after = at - float(size) * b.unary("floor", at / apart)
        at = b.where(b.compare("lt", at, 0.0), before, b.where(b.compare("lt", last, at), after, at))
    return b.minimum(b.maximum(at, 0.0), last)
