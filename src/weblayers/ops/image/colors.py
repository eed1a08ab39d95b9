"""Colours of images, and black and white."""

from __future__ import annotations

from typing import Any

import numpy as np

from ...graph import build as b
from ...graph.node import Node
from ..dispatch import op

# How bright red, green and blue seem.
_LUMA = (0.2989, 0.587, 0.114)
# Brightnesses that Otsu's method tells apart.
_LEVELS = 256


@op("image")
def grayscale_to_rgb(image: Any) -> Any:
    """Images ``[..., 1]`` with the same value for red, green and blue: ``[..., 3]``.

    >>> import weblayers as wl
    >>> wl.image.grayscale_to_rgb([[7.0]]).array_sync()
    [[7.0, 7.0, 7.0]]
    """
    if len(image.shape) < 2 or image.shape[-1] != 1:
        raise ValueError(f"grayscale_to_rgb wants images [..., 1] of rank 2 at least, got shape {list(image.shape)}")
    return b.broadcast(image, (*image.shape[:-1], 3))


@op("image")
def rgb_to_grayscale(image: Any) -> Any:
    """The brightness of images ``[..., 3]``: ``[..., 1]`` of the same dtype.

    >>> import weblayers as wl
    >>> wl.image.rgb_to_grayscale(wl.tensor2d([[10, 20, 30]], dtype="int32")).array_sync()
    [[18]]
    """
    if len(image.shape) < 2 or image.shape[-1] != 3:
        raise ValueError(f"rgb_to_grayscale wants images [..., 3] of rank 2 at least, got shape {list(image.shape)}")
    return b.cast(_brightness(image), image.dtype)


def _brightness(image: Node) -> Node:
    weights = b.constant(np.array(_LUMA, np.float32))
    return b.reduce("sum", b.cast(image, "float32") * weights, -1, keepdims=True)


@op("image")
def rgb_to_hsv(image: Any) -> Any:
    """Hue, saturation and value of images ``[..., 3]`` of red, green and blue. Smith (1978).

    Hue and saturation are from 0 to 1, the value is the largest of the three colours.

    >>> import weblayers as wl
    >>> wl.image.rgb_to_hsv([[0.0, 0.5, 0.0]]).array_sync()
    [[0.3333333432674408, 1.0, 0.5]]
    """
    red, green, blue = _channels("rgb_to_hsv", image)
    value = b.maximum(b.maximum(red, green), blue)
    spread = value - b.minimum(b.minimum(red, green), blue)
    is_gray = b.compare("le", spread, 0.0)
    sixth = 1.0 / (b.where(is_gray, 1.0, spread) * 6.0)
    hue = b.where(
        b.compare("eq", value, red),
        (green - blue) * sixth,
        b.where(b.compare("eq", value, green), (blue - red) * sixth + 1 / 3, (red - green) * sixth + 2 / 3),
    )
    hue = b.where(is_gray, 0.0, hue - b.unary("floor", hue))
    is_black, last = b.compare("le", value, 0.0), len(image.shape) - 1
    return b.concat([hue, b.where(is_black, 0.0, spread / b.where(is_black, 1.0, value)), value], last)


@op("image")
def hsv_to_rgb(image: Any) -> Any:
    """Images ``[..., 3]`` of red, green and blue from hue, saturation and value: the inverse of :func:`rgb_to_hsv`.

    >>> import weblayers as wl
    >>> wl.image.hsv_to_rgb([[0.0, 1.0, 0.5]]).array_sync()
    [[0.5, 0.0, 0.0]]
    """
    hue, saturation, value = _channels("hsv_to_rgb", image)
    around = (hue - b.unary("floor", hue)) * 6.0

    def away(middle: float) -> Node:
        return b.unary("abs", around - middle)

    parts = [away(3.0) - 1.0, 2.0 - away(2.0), 2.0 - away(4.0)]
    shares = [b.minimum(b.maximum(part, 0.0), 1.0) for part in parts]
    return b.concat([value * (1.0 - saturation + saturation * share) for share in shares], len(image.shape) - 1)


def _channels(name: str, image: Node) -> list[Node]:
    if len(image.shape) < 1 or image.shape[-1] != 3:
        raise ValueError(f"{name} wants images [..., 3], got shape {list(image.shape)}")
    image = b.cast(image, "float32")
    before = (0,) * (len(image.shape) - 1)
    return [b.slice_(image, (*before, i), (*image.shape[:-1], i + 1)) for i in range(3)]


@op("image")
def threshold(image: Any, method: str = "binary", inverted: bool = False, thresh_value: float = 0.5) -> Any:
    """An image in black (0) and white (255).

    Args:
        image: ``[height, width, 1 or 3]``, float32 or int32, from 0 to 255. Of colours the brightness counts.
        method: ``"binary"`` compares with ``255 * thresh_value``; ``"otsu"`` finds the brightness that parts the
            pixels best into two classes.
        inverted: white is what is not above the threshold.
        thresh_value: from 0 to 1.

    Returns:
        int32 ``[height, width, 1]``.

    >>> import weblayers as wl
    >>> wl.image.threshold(wl.tensor3d([[[10], [200]]])).flatten().array_sync()
    [0, 255]
    """
    if len(image.shape) != 3 or image.shape[-1] not in (1, 3):
        raise ValueError(f"threshold wants an image [height, width, 1 or 3], got shape {list(image.shape)}")
    if image.dtype not in ("float32", "int32"):
        raise TypeError(f"threshold wants a float32 or int32 image, got {image.dtype}")
    if method not in ("binary", "otsu"):
        raise ValueError(f"method must be 'binary' or 'otsu', got {method!r}")
    gray = _brightness(image) if image.shape[-1] == 3 else b.cast(image, "float32")
    limit = _otsu(gray) if method == "otsu" else b.constant(255.0 * thresh_value)
    white = b.compare("le", gray, limit) if inverted else b.compare("lt", limit, gray)
    return b.cast(white, "int32") * 255


def _otsu(gray: Node) -> Node:
    """The brightness up to which pixels are one class, so that the means of the two differ most."""
    pixels = gray.aval.size
    levels = b.cast(b.unary("round", b.reshape(gray, (pixels,))), "int32")
    counts = b.scatter_add(levels, b.full((pixels,), 1.0), _LEVELS)
    level = b.iota(_LEVELS, "float32")
    # a column for the count and one for the sum of the pixels, a row for each threshold
    columns = b.concat([b.reshape(counts, (_LEVELS, 1)), b.reshape(counts * level, (_LEVELS, 1))], 1)
    below = b.constant(np.tril(np.ones((_LEVELS - 1, _LEVELS), np.float32)))
    first = b.dot(b.reshape(below, (1, *below.shape)), b.reshape(columns, (1, *columns.shape)))
    second = b.dot(b.reshape(1.0 - below, (1, *below.shape)), b.reshape(columns, (1, *columns.shape)))
    weights, means = [], []
    for part in (first, second):
        number = b.slice_(part, (0, 0, 0), (1, _LEVELS - 1, 1))
        weights.append(number / float(pixels))
        means.append(b.slice_(part, (0, 0, 1), (1, _LEVELS - 1, 2)) / b.maximum(number, 1.0))
    apart = means[0] - means[1]
    # a class of no pixels weighs nothing
    between = b.reshape(weights[0] * weights[1] * apart * apart, (_LEVELS - 1,))
    best = b.cast(b.argreduce("max", between, 0), "float32")
    return b.where(b.compare("lt", 0.0, b.reduce("max", between)), best, -1.0)
