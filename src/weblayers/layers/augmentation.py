"""Layers that change images at random, in training only: every image of a batch in its own way."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from .. import naming, random_seed
from ..ops import arithmetic as a
from ..ops import image, movement, reduction
from ..ops.random import Noise
from ..runtime import tracing
from ..runtime.tensor import Tensor
from .base import Layer, check_rank, positive
from .formats import DATA_FORMATS, channels_back, channels_last
from .preprocessing import CenterCrop, ImageLayer
from .symbolic import Spec, SymbolicTensor


class _RandomImages(Layer):
    """A layer over images ``[batch, height, width, channels]``.

    Args:
        seed: makes what is drawn repeatable.
        data_format: ``"channels_last"`` or ``"channels_first"``.
    """

    def __init__(self, seed: int | None = None, data_format: str | None = None, **base: Any) -> None:
        super().__init__(**base)
        self.seed = seed
        self.data_format = naming.lookup("data_format", data_format or "channels_last", DATA_FORMATS)
        self._noise = Noise(seed)

    def call(self, inputs: Tensor, training: bool = False) -> Tensor:
        check_rank(self, inputs.shape, 4)
        x = channels_last(a.cast(inputs, "float32"), self.data_format)
        return channels_back(self.changed(x) if training else self.unchanged(x), self.data_format)

    def changed(self, x: Tensor) -> Tensor:
        """What becomes of a batch in training."""
        raise NotImplementedError(f"{type(self).__name__} does not say what becomes of images in training")

    def unchanged(self, x: Tensor) -> Tensor:
        """What becomes of a batch otherwise."""
        return x

    def drawn(self, x: Tensor, limits: tuple[float, float], stream: int = 0) -> Tensor:
        """A number for each image, ``[batch, 1, 1]``."""
        low, high = limits
        return a.add(a.mul(self._noise.uniform(x, (x.shape[0], 1, 1), stream), high - low), low)


def _limits(owner: str, factor: float | Sequence[float]) -> tuple[float, float]:
    """From one number both ways, or from two."""
    if isinstance(factor, int | float):
        return -abs(factor), abs(factor)
    if len(factor) != 2 or factor[0] > factor[1]:
        raise ValueError(f"{owner}: a factor is one number, or a lower and an upper one; got {factor!r}")
    return float(factor[0]), float(factor[1])


_FLIPS = {"horizontal": (2,), "vertical": (1,), "horizontal_and_vertical": (1, 2)}


class RandomFlip(_RandomImages):
    """Mirrors images, each with probability one half in each direction.

    Args:
        mode: ``"horizontal"``, ``"vertical"`` or ``"horizontal_and_vertical"``.

    >>> import weblayers as wl
    >>> wl.layers.random_flip(mode="horizontal").apply(wl.ones([1, 2, 2, 1]), training=True).shape
    (1, 2, 2, 1)
    """

    def __init__(self, mode: str = "horizontal_and_vertical", **base: Any) -> None:
        super().__init__(**base)
        self.mode = mode
        self._axes = naming.lookup("mode", mode, _FLIPS)

    def changed(self, x: Tensor) -> Tensor:
        for axis in self._axes:
            chosen = a.less(movement.expand_dims(self.drawn(x, (0, 1), axis), -1), 0.5)
            x = a.where(chosen, movement.reverse(x, axis), x)
        return x


class RandomContrast(_RandomImages):
    """Scales each channel's distance from its mean by 1 minus to 1 plus ``factor``.

    >>> import weblayers as wl
    >>> wl.layers.random_contrast(factor=0.2).apply(wl.ones([1, 2, 2, 1]), training=True).shape
    (1, 2, 2, 1)
    """

    def __init__(self, factor: float | Sequence[float], value_range: Sequence[float] = (0, 255), **base: Any) -> None:
        super().__init__(**base)
        low, high = (factor, factor) if isinstance(factor, int | float) else factor
        self.factor, self.value_range = factor, list(value_range)
        self._scales = 1 - low, 1 + high

    def changed(self, x: Tensor) -> Tensor:
        mean = reduction.mean(x, [1, 2], True)
        scale = movement.expand_dims(self.drawn(x, self._scales), -1)
        out = a.add(a.mul(a.sub(x, mean), scale), mean)
        return a.clip_by_value(out, *map(float, self.value_range))


class RandomBrightness(_RandomImages):
    """Adds up to ``factor`` of the range of values to each image, or takes it away.

    >>> import weblayers as wl
    >>> wl.layers.random_brightness(factor=0.2).apply(wl.ones([1, 2, 2, 1]), training=True).shape
    (1, 2, 2, 1)
    """

    def __init__(self, factor: float | Sequence[float], value_range: Sequence[float] = (0, 255), **base: Any) -> None:
        super().__init__(**base)
        self.factor, self.value_range = factor, list(value_range)

    def changed(self, x: Tensor) -> Tensor:
        low, high = map(float, self.value_range)
        change = a.mul(self.drawn(x, _limits(self.name, self.factor)), high - low)
        return a.clip_by_value(a.add(x, movement.expand_dims(change, -1)), low, high)


class _RandomGeometry(_RandomImages):
    """Moves the pixels of images.

    Args:
        fill_mode: what lies beyond the edges: ``"reflect"``, ``"wrap"``, ``"nearest"`` or ``"constant"``.
        interpolation: ``"bilinear"`` or ``"nearest"``.
        fill_value: for ``"constant"``.
    """

    def __init__(
        self, fill_mode: str = "reflect", interpolation: str = "bilinear", fill_value: float = 0.0, **base: Any
    ) -> None:
        super().__init__(**base)
        if fill_mode not in image.FILL_MODES:
            raise ValueError(f"{self.name}: unknown fill_mode {fill_mode!r}; expected {', '.join(image.FILL_MODES)}")
        self.fill_mode, self.interpolation, self.fill_value = fill_mode, interpolation, fill_value

    def changed(self, x: Tensor) -> Tensor:
        rows, columns = image.pixel_grid(x)
        rows, columns = self.sources(x, rows, columns)
        nearest = self.interpolation == "nearest"
        return image.sample(x, rows, columns, self.fill_mode, self.fill_value, nearest)

    def sources(self, x: Tensor, rows: Tensor, columns: Tensor) -> tuple[Tensor, Tensor]:
        """Where each pixel comes from, counted from the middle of the image."""
        raise NotImplementedError


class RandomRotation(_RandomGeometry):
    """Turns images by up to ``factor`` of a whole turn.

    >>> import weblayers as wl
    >>> wl.layers.random_rotation(factor=0.1).apply(wl.ones([1, 4, 4, 1]), training=True).shape
    (1, 4, 4, 1)
    """

    def __init__(self, factor: float | Sequence[float], **base: Any) -> None:
        super().__init__(**base)
        self.factor = factor

    def sources(self, x: Tensor, rows: Tensor, columns: Tensor) -> tuple[Tensor, Tensor]:
        angle = a.mul(self.drawn(x, _limits(self.name, self.factor)), 2 * math.pi)
        sine, cosine = a.sin(angle), a.cos(angle)
        return (
            a.add(a.mul(rows, cosine), a.mul(columns, sine)),
            a.sub(a.mul(columns, cosine), a.mul(rows, sine)),
        )


class RandomZoom(_RandomGeometry):
    """Makes images larger (negative factors) or smaller (positive ones).

    Args:
        height_factor, width_factor: how much; the width changes as the height does if left out.

    >>> import weblayers as wl
    >>> wl.layers.random_zoom(height_factor=0.1).apply(wl.ones([1, 4, 4, 1]), training=True).shape
    (1, 4, 4, 1)
    """

    def __init__(
        self, height_factor: float | Sequence[float], width_factor: float | Sequence[float] | None = None, **base: Any
    ) -> None:
        super().__init__(**base)
        self.height_factor, self.width_factor = height_factor, width_factor

    def sources(self, x: Tensor, rows: Tensor, columns: Tensor) -> tuple[Tensor, Tensor]:
        high = a.add(self.drawn(x, _limits(self.name, self.height_factor)), 1.0)
        wide = high
        if self.width_factor is not None:
            wide = a.add(self.drawn(x, _limits(self.name, self.width_factor), 1), 1.0)
        return a.mul(rows, high), a.mul(columns, wide)


class RandomTranslation(_RandomGeometry):
    """Moves images by up to shares of their height and width.

    >>> import weblayers as wl
    >>> layer = wl.layers.random_translation(height_factor=0.1, width_factor=0.1)
    >>> layer.apply(wl.ones([1, 4, 4, 1]), training=True).shape
    (1, 4, 4, 1)
    """

    def __init__(
        self, height_factor: float | Sequence[float], width_factor: float | Sequence[float], **base: Any
    ) -> None:
        super().__init__(**base)
        self.height_factor, self.width_factor = height_factor, width_factor

    def sources(self, x: Tensor, rows: Tensor, columns: Tensor) -> tuple[Tensor, Tensor]:
        down = a.mul(self.drawn(x, _limits(self.name, self.height_factor)), float(x.shape[1]))
        right = a.mul(self.drawn(x, _limits(self.name, self.width_factor), 1), float(x.shape[2]))
        return a.sub(rows, down), a.sub(columns, right)


class RandomCrop(_RandomImages):
    """A part of each image from a place of its own; the middle, except in training.

    >>> import weblayers as wl
    >>> wl.layers.random_crop(height=2, width=2).apply(wl.ones([1, 4, 4, 1]), training=True).shape
    (1, 2, 2, 1)
    """

    def __init__(self, height: int, width: int, **base: Any) -> None:
        super().__init__(**base)
        self.height, self.width = positive(self.name, "height", height), positive(self.name, "width", width)

    def changed(self, x: Tensor) -> Tensor:
        high, wide = x.shape[1] - self.height, x.shape[2] - self.width
        if high < 0 or wide < 0:
            return self.unchanged(x)
        middle = CenterCrop(self.height, self.width).changed(x)
        rows, columns = image.pixel_grid(middle)
        # from the middle of the part to that of the image, whole pixels up or down
        down, right = (
            a.sub(a.floor(self.drawn(x, (0, room + 1), stream)), room / 2) for stream, room in enumerate((high, wide))
        )
        return image.sample(x, a.add(rows, down), a.add(columns, right), "nearest", 0.0, True)

    def unchanged(self, x: Tensor) -> Tensor:
        return CenterCrop(self.height, self.width).changed(x)


class _Stretched(ImageLayer):
    """Makes the images of a batch ``[batch, height, width, channels]`` (or one image) larger or smaller along one axis,
    all alike.

    Called on values it draws a new size each time, as TensorFlow.js does. In a model it changes the size in training
    only, and a step of training has fixed shapes: its size is drawn when the step is traced, once for each size of
    batch and each ``compile``. RandomZoom draws for each image and step.

    Args:
        factor: by which share, both ways or from the first of two to the second; above -1.
        interpolation: ``"bilinear"`` or ``"nearest"``, or another of :class:`Resizing`.
        seed: of TensorFlow.js' generator; each draw takes the next one.
        auto_vectorize: understood and without effect, as in TensorFlow.js.
    """

    # which axis of ``[height, width]``
    changes: int

    def __init__(
        self,
        factor: float | Sequence[float],
        interpolation: str = "bilinear",
        seed: int | None = None,
        auto_vectorize: bool = False,
        **base: Any,
    ) -> None:
        super().__init__(**base)
        if isinstance(factor, int | float) and factor <= 0:
            raise ValueError(f"{self.name}: factor must be a positive number or two numbers, got {factor!r}")
        self._limits = _limits(self.name, factor)
        if self._limits[0] < -1:
            raise ValueError(f"{self.name}: factor must have values larger than -1, got {factor!r}")
        self.factor, self.seed, self.auto_vectorize = factor, seed, auto_vectorize
        self.interpolation = image.interpolation_name(interpolation)
        self._draws = 0

    def call(self, inputs: Tensor, training: bool = False) -> Tensor:
        traced = tracing.current() is not None
        return a.cast(inputs, "float32") if traced and not training else super().call(inputs)

    def changed(self, x: Tensor) -> Tensor:
        low, high = self._limits
        seed = None if self.seed is None else self.seed + self._draws
        self._draws += 1
        scale = random_seed.uniform((1,), 1 + low, 1 + high, seed)[0]
        sizes = list(x.shape[1:3])
        sizes[self.changes] = max(1, math.floor(float(scale) * sizes[self.changes] + 0.5))
        return image.resize(x, (sizes[0], sizes[1]), self.interpolation)

    def output_specs(self, inputs: SymbolicTensor, kwargs: dict[str, Any]) -> Spec:
        """The size is free."""
        check_rank(self, inputs.shape, 3, 4)
        axis = len(inputs.shape) - (3 if self.data_format == "channels_last" else 2) + self.changes
        return Spec(tuple(None if i == axis else d for i, d in enumerate(inputs.shape)), "float32")


class RandomHeight(_Stretched):
    """Makes images taller or flatter, all of a batch alike; see :class:`RandomWidth`.

    >>> import weblayers as wl
    >>> wl.layers.random_height(factor=[0.5, 0.5]).apply(wl.ones([1, 4, 4, 1])).shape
    (1, 6, 4, 1)
    """

    changes = 0


class RandomWidth(_Stretched):
    """Makes images wider or narrower, all of a batch alike: by a size that is drawn for a batch, or a step of training.

    Args:
        factor: by which share, both ways or from the first of two to the second; above -1.
        interpolation: ``"bilinear"`` or ``"nearest"``, or another of :class:`Resizing`.
        seed: of TensorFlow.js' generator; each draw takes the next one.

    >>> import weblayers as wl
    >>> wl.layers.random_width(factor=0.4, seed=42).apply(wl.ones([1, 4, 4, 1])).shape
    (1, 4, 5, 1)
    """

    changes = 1
