"""The maximum and the mean of windows."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from ..graph import build as b
from .convolutions import Pads, paddings, per_axis
from .dispatch import op


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
