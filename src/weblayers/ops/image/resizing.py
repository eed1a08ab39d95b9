"""Images in other sizes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ...graph import build as b
from ..dispatch import op


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
    >>> wl.image.resize(wl.tensor4d([[[[1], [3]]]]), [1, 4]).flatten().array_sync()
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
    >>> wl.image.repeat_spatial(wl.tensor3d([[[1], [2]]]), [2]).flatten().array_sync()
    [1.0, 1.0, 2.0, 2.0]
    """
    spatial = x.shape[1:-1]
    split = [v for d in spatial for v in (d, 1)]
    repeated = [v for d, f in zip(spatial, factors, strict=True) for v in (d, f)]
    out = b.broadcast(b.reshape(x, (x.shape[0], *split, x.shape[-1])), (x.shape[0], *repeated, x.shape[-1]))
    return b.reshape(out, (x.shape[0], *(d * f for d, f in zip(spatial, factors, strict=True)), x.shape[-1]))
