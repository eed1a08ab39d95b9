"""Images blurred by bells, whose width may differ from image to image."""

from __future__ import annotations

import numpy as np

from ..ops import arithmetic as a
from ..ops import movement, reduction, spatial
from ..runtime import tracing
from ..runtime.tensor import Tensor


def gaussian(sigma: Tensor, size: int) -> Tensor:
    """How much each of so many neighbours counts, for each image: ``[batch, 1, 1, size]`` of ``[batch, 1, 1, 1]``."""
    place = tracing.constant(np.arange(size, dtype=np.float32) - (size - 1) / 2)
    bell = a.exp(a.mul(a.square(a.div(place, sigma)), -0.5))
    return a.div(bell, reduction.sum(bell, -1, True))


def blurred(x: Tensor, rows: Tensor, columns: Tensor) -> Tensor:
    """Images whose pixels are means of their neighbours in rows and in columns; beyond the edges is 0.

    Args:
        x: ``[batch, height, width, channels]``.
        rows, columns: how much neighbours count in either direction, from :func:`gaussian`.
    """
    batch, high, wide, channels = x.shape
    count = batch * channels
    # all channels of all images are channels of one image, each with a filter of its own
    one = movement.reshape(movement.transpose(x, [1, 2, 0, 3]), [1, high, wide, count])
    for bell, axis in ((columns, 0), (rows, 1)):
        size = bell.shape[-1]
        of_each = movement.broadcast_to(movement.transpose(bell, [3, 1, 0, 2]), [size, 1, batch, channels])
        window = [size, 1] if axis == 0 else [1, size]
        one = spatial.depthwise_conv2d(one, movement.reshape(of_each, [*window, count, 1]), 1, "same")
    return movement.transpose(movement.reshape(one, [high, wide, batch, channels]), [2, 0, 1, 3])
