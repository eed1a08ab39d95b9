"""Pictures of a page as tensors, and tensors as pictures."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from .. import naming
from ..runtime import border, page
from ..runtime.conversion import to_tensor
from ..runtime.tensor import Tensor
from .dispatch import public


@public
def from_pixels(pixels: Any, num_channels: int = 3, dtype: str = "int32") -> Tensor:
    """The pixels of a picture, ``[height, width, num_channels]``, from 0 to 255.

    Args:
        pixels: an ImageData, image, canvas, video or ImageBitmap of the page; bytes ``{"data", "width", "height"}`` in
            the order RGBA; or an array ``[height, width, channels]`` of bytes.
        num_channels: 1 (red), 3 (RGB) or 4 (with alpha).
        dtype: ``"int32"``, or ``"uint8"``, which takes a quarter of the memory on a GPU.

    Raises:
        ValueError: the channels are not there, or the picture is not loaded yet.
        TypeError: that is no picture.

    >>> import numpy as np, weblayers as wl
    >>> wl.browser.from_pixels({"data": [1, 2, 3, 255], "width": 1, "height": 1}).array_sync()
    [[[1, 2, 3]]]
    """
    if num_channels not in (1, 2, 3, 4):
        raise ValueError(f"from_pixels: num_channels must be from 1 to 4, got {num_channels}")
    array = _array(pixels)
    if array.shape[2] < num_channels:
        raise ValueError(f"from_pixels: {num_channels} channels wanted, but the picture has {array.shape[2]}")
    chosen = np.ascontiguousarray(array[..., :num_channels])
    return to_tensor(chosen if dtype == "uint8" else chosen.astype(np.int32), dtype)


@public
async def from_pixels_async(pixels: Any, num_channels: int = 3, dtype: str = "int32") -> Tensor:
    """:func:`from_pixels`, for programs that await it."""
    return from_pixels(pixels, num_channels, dtype)


def _array(pixels: Any) -> np.ndarray:
    if isinstance(pixels, np.ndarray):
        if pixels.ndim != 3 or pixels.dtype != np.uint8:
            raise ValueError(f"from_pixels wants bytes [height, width, channels], got {pixels.dtype} {pixels.shape}")
        return pixels
    data, width, height = (_part(pixels, name) for name in ("data", "width", "height"))
    if data is not None:
        values = data.to_py() if hasattr(data, "to_py") else data
        return np.asarray(values, np.uint8).reshape(int(height), int(width), 4)
    # what images and videos show may have another size than their place in the page
    width = _part(pixels, "videoWidth") or _part(pixels, "naturalWidth") or width
    height = _part(pixels, "videoHeight") or _part(pixels, "naturalHeight") or height
    if width is None or height is None:
        raise TypeError(
            "from_pixels wants an ImageData, image, canvas, video, ImageBitmap, bytes with width and height, or an"
            f" array, not {type(pixels).__name__}"
        )
    if getattr(pixels, "readyState", 2) < 2 or not (width and height):
        raise ValueError("from_pixels: the picture is not loaded yet; wait for its `load` or `loadeddata` event")
    return page.pixels(pixels, int(width), int(height))


def _part(pixels: Any, name: str) -> Any:
    return pixels.get(name) if isinstance(pixels, Mapping) else border.attribute(pixels, name)


@public
async def to_pixels(img: Any, canvas: Any = None) -> np.ndarray:
    """A tensor as a picture: RGBA bytes, which a canvas shows if there is one.

    Args:
        img: ``[height, width]`` or ``[height, width, 1, 3 or 4]``; float32 from 0 to 1, or int32 from 0 to 255.
        canvas: takes the size of the picture.

    Returns:
        The bytes, flat.

    Raises:
        ValueError: the tensor is no picture, or has values out of range.

    >>> import asyncio, weblayers as wl
    >>> asyncio.run(wl.browser.to_pixels(wl.tensor2d([[0, 0.5]]))).tolist()
    [0, 0, 0, 255, 128, 128, 128, 255]
    """
    tensor = to_tensor(img)
    rgba = rgba_of(tensor.shape, tensor.dtype, (await tensor.data()).reshape(tensor.shape), 1.0)
    if canvas is not None:
        page.paint(canvas, rgba)
    return rgba.reshape(-1)


@public
def draw(image: Any, canvas: Any, options: Mapping[str, Any] | None = None) -> None:
    """Show a tensor on a canvas; see :func:`to_pixels`. Waits for the device.

    Args:
        options: ``{"image_options": {"alpha": from 0 to 1}, "canvas_options": {"context_attributes": {...}}}``.
    """
    given = {naming.snake(k): v for k, v in (options or {}).items()}
    tensor = to_tensor(image)
    alpha = (given.get("image_options") or {}).get("alpha", 1)
    kept = {naming.snake(k): v for k, v in (given.get("canvas_options") or {}).items()}
    rgba = rgba_of(tensor.shape, tensor.dtype, tensor.numpy(), alpha)
    page.paint(canvas, rgba, kept.get("context_attributes"))


def rgba_of(shape: tuple[int, ...], dtype: str, values: np.ndarray, alpha: float = 1.0) -> np.ndarray:
    """Bytes ``[height, width, 4]`` of a picture's values."""
    channels = 1 if len(shape) == 2 else shape[-1] if len(shape) == 3 else 0
    if channels not in (1, 3, 4):
        raise ValueError(f"a picture has the shape [height, width] or [height, width, 1, 3 or 4], not {list(shape)}")
    if dtype == "bool":
        raise ValueError("a picture is made of float32 or int32 values, not of bool")
    limit = 1 if dtype == "float32" else 255
    if values.size and not (values.min() >= 0 and values.max() <= limit):
        wrong = values.min() if not values.min() >= 0 else values.max()
        raise ValueError(f"values of a {dtype} picture must be from 0 to {limit}, but there is {wrong}")
    levels = np.floor(values.reshape(*shape[:2], channels).astype(np.float64) * (255 / limit) + 0.5)
    rgba = np.full((*shape[:2], 4), round(255 * alpha), np.uint8)
    rgba[..., : 3 if channels < 4 else 4] = levels
    return rgba


__all__ = ["draw", "from_pixels", "from_pixels_async", "to_pixels"]

__getattr__ = naming.module_getattr(__name__, globals())
