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
    high, wide = sizes
    rows = resize_matrix(x.shape[1], high, interpolation, antialias, align_corners) if high != x.shape[1] else None
    columns = resize_matrix(x.shape[2], wide, interpolation, antialias, align_corners) if wide != x.shape[2] else None
    return _by_matrices(x, rows, columns)


def _by_matrices(x: Any, rows: np.ndarray | None, columns: np.ndarray | None) -> Any:
    """Images resized by ``[target, source]`` matrices of weights; None leaves an axis as it is."""
    batch, height, width, channels = x.shape
    out = b.cast(x, "float32")
    if rows is not None:
        flat = b.reshape(out, (batch, height, width * channels))
        out = b.dot(b.broadcast(b.constant(rows), (batch, *rows.shape)), flat)
        height = rows.shape[0]
    out = b.reshape(out, (batch * height, width, channels))
    if columns is not None:
        out = b.dot(b.broadcast(b.constant(columns), (batch * height, *columns.shape)), out)
        width = columns.shape[0]
    return b.reshape(out, (batch, height, width, channels))


def _positions(name: str, source: int, target: int, align_corners: bool, half_pixel_centers: bool) -> np.ndarray:
    """Where the target pixels lie among the source pixels, as TensorFlow.js counts."""
    if source * max(source, target) > _LARGEST_RESIZE:
        raise ValueError(f"{name}: cannot resize {source} pixels to {target}: at most 8192 can be resized to 8192")
    scale = (source - 1) / (target - 1) if align_corners and target > 1 else source / max(1, target)
    return (np.arange(target) + (0.5 if half_pixel_centers else 0.0)) * scale


def _checked(name: str, images: Any, size: Sequence[int], align_corners: bool, half_pixel_centers: bool) -> Any:
    """Images as a batch, of which one alone is the first."""
    if len(images.shape) not in (3, 4):
        raise ValueError(f"{name} wants an image of rank 3 or a batch of rank 4, got shape {list(images.shape)}")
    if len(size) != 2:
        raise ValueError(f"{name}: size must be [height, width], got {list(size)}")
    if align_corners and half_pixel_centers:
        raise ValueError(f"{name}: align_corners and half_pixel_centers cannot both be true")
    return b.reshape(images, (1, *images.shape)) if len(images.shape) == 3 else images


@op("images")
def resize_bilinear(
    images: Any, size: Sequence[int], align_corners: bool = False, half_pixel_centers: bool = False
) -> Any:
    """Images in another size; each pixel is weighed from its four neighbours, also when they become smaller.

    Args:
        images: ``[height, width, channels]`` or a batch of them.
        size: ``[height, width]`` of the result.
        align_corners: put the centres of the outermost pixels of both onto each other.
        half_pixel_centers: pixel centres lie at halves; otherwise upper left corners lie on each other.

    Returns:
        float32 images of that size.

    Raises:
        ValueError: the images are of another rank, or both ``align_corners`` and ``half_pixel_centers`` are set.

    >>> import weblayers as wl
    >>> wl.image.resize_bilinear(wl.tensor3d([[[1], [3]]]), [1, 4]).flatten().array_sync()
    [1.0, 2.0, 3.0, 3.0]
    """
    name, shift = "resize_bilinear", 0.5 if half_pixel_centers else 0.0
    batch = _checked(name, images, size, align_corners, half_pixel_centers)
    weights: list[np.ndarray | None] = []
    for source, target in zip(batch.shape[1:3], size, strict=True):
        at = np.clip(_positions(name, source, target, align_corners, half_pixel_centers) - shift, 0, source - 1)
        near = np.maximum(0, 1 - np.abs(at[:, None] - np.arange(source)))
        weights.append(near.astype(np.float32) if source != target else None)
    return b.reshape(_by_matrices(batch, *weights), (*images.shape[:-3], *size, images.shape[-1]))


@op("images")
def resize_nearest_neighbor(
    images: Any, size: Sequence[int], align_corners: bool = False, half_pixel_centers: bool = False
) -> Any:
    """Images in another size; each pixel is one of the source's. See :func:`resize_bilinear`; the dtype stays.

    >>> import weblayers as wl
    >>> wl.image.resize_nearest_neighbor(wl.tensor3d([[[1], [3]]]), [1, 4]).flatten().array_sync()
    [1.0, 1.0, 3.0, 3.0]
    """
    name = "resize_nearest_neighbor"
    out = _checked(name, images, size, align_corners, half_pixel_centers)
    for axis, target in zip((1, 2), size, strict=True):
        source = out.shape[axis]
        at = _positions(name, source, target, align_corners, half_pixel_centers)
        chosen = np.minimum(np.floor(at + 0.5 if align_corners else at), source - 1)
        if source != target:
            out = b.gather(out, b.constant(chosen, "int32"), axis)
    return b.reshape(out, (*images.shape[:-3], *size, images.shape[-1]))


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
