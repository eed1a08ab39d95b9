"""Images read at positions between their pixels."""

from __future__ import annotations

import itertools
from typing import Any

from ...graph import build as b
from ...graph.node import Node
from ..dispatch import op

# What lies beyond the edges of an image.
FILL_MODES = ("constant", "nearest", "reflect", "wrap")


@op("x")
def pixel_grid(x: Any) -> Any:
    """Row and column of each pixel of images, counted from the middle: two tensors ``[batch, height, width]``.

    >>> import weblayers as wl
    >>> wl.image.pixel_grid(wl.ones([1, 1, 3, 1]))[1].array_sync()
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
    >>> wl.image.sample(wl.tensor4d([[[[1], [3]]]]), wl.zeros([1, 1, 1]), wl.zeros([1, 1, 1])).array_sync()
    [[[[2.0]]]]
    """
    batch, height, width, _ = x.shape
    rows, columns = rows + (height - 1) / 2, columns + (width - 1) / 2
    if nearest:
        rows, columns = (b.unary("floor", v + 0.5) for v in (rows, columns))
    return read(x, each_image(batch, rows), rows, columns, fill_mode, b.constant(float(fill_value)), nearest)


def each_image(batch: int, rows: Node) -> Node:
    """Positions ``[batch, height, width]`` are of the image of their number."""
    return b.broadcast(b.reshape(b.cast(b.iota(batch), "float32"), (batch, 1, 1)), rows.shape)


def read(x: Node, image: Node, rows: Node, columns: Node, mode: str, fill: Node, nearest: bool = False) -> Node:
    """Images read at rows and columns of the images of those numbers, counted from the upper left pixel.

    ``fill`` is what lies beyond the edges if the mode is ``"constant"``; ``nearest`` says that positions are whole.
    """
    batch, height, width, channels = x.shape
    flat = b.reshape(x, (batch * height * width, channels))
    top, left = b.unary("floor", rows), b.unary("floor", columns)
    total: Node | None = None
    for down, right in itertools.product((0.0,) if nearest else (0.0, 1.0), repeat=2):
        y, x_ = top + down, left + right
        index = (image * float(height) + _settled(y, height, mode)) * float(width) + _settled(x_, width, mode)
        pixel = b.gather(flat, b.cast(index, "int32"), 0)
        if mode == "constant":
            inside = b.compare("eq", _settled(y, height, "nearest"), y)
            across = b.compare("eq", _settled(x_, width, "nearest"), x_)
            here = b.reshape(b.bind("and", inside, across), (*rows.shape, 1))
            pixel = b.where(here, pixel, fill)
        if not nearest:
            weight = (1.0 - b.unary("abs", rows - y)) * (1.0 - b.unary("abs", columns - x_))
            pixel = pixel * b.reshape(weight, (*rows.shape, 1))
        total = pixel if total is None else total + pixel
    assert total is not None
    return total
