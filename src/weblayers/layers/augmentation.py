"""Layers that move the pixels of images at random, in training only: every image of a batch in its own way."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from .. import naming, random_seed
from ..ops import arithmetic as a
from ..ops import image, movement
from ..runtime import tracing
from ..runtime.tensor import Tensor
from .base import check_rank, positive
from .blurring import blurred, gaussian
from .preprocessing import CenterCrop, ImageLayer
from .random_images import (
    Change,
    RandomGeometry,
    RandomImages,
    Ranged,
    Sometimes,
    both_ways,
    within,
)
from .symbolic import Spec, SymbolicTensor

_FLIPS = {"horizontal": (2,), "vertical": (1,), "horizontal_and_vertical": (1, 2)}


class RandomFlip(RandomImages):
    """Mirrors images, each with probability one half in each direction.

    Args:
        mode: ``"horizontal"``, ``"vertical"`` or ``"horizontal_and_vertical"``.

    >>> import weblayers as wl
    >>> wl.layers.random_flip(mode="horizontal").apply(wl.ones([1, 2, 2, 1]), training=True).shape
    (1, 2, 2, 1)
    """

    moves = True

    def __init__(self, mode: str = "horizontal_and_vertical", **base: Any) -> None:
        super().__init__(**base)
        self.mode = mode
        self._axes = naming.lookup("mode", mode, _FLIPS)

    def changing(self, x: Tensor) -> Change:
        chosen = {axis: a.less(self.for_each(x, (0, 1), axis), 0.5) for axis in self._axes}

        def mirrored(values: Tensor, is_mask: bool) -> Tensor:
            for axis, is_chosen in chosen.items():
                values = a.where(is_chosen, movement.reverse(values, axis), values)
            return values

        return Change(mirrored)


class RandomRotation(RandomGeometry):
    """Turns images by up to ``factor`` of a whole turn.

    >>> import weblayers as wl
    >>> wl.layers.random_rotation(factor=0.1).apply(wl.ones([1, 4, 4, 1]), training=True).shape
    (1, 4, 4, 1)
    """

    def __init__(self, factor: float | Sequence[float], **base: Any) -> None:
        super().__init__(**base)
        self.factor = factor

    def sources(self, x: Tensor, rows: Tensor, columns: Tensor) -> tuple[Tensor, Tensor]:
        angle = a.mul(self.drawn(x, both_ways(self.name, self.factor)), 2 * math.pi)
        sine, cosine = a.sin(angle), a.cos(angle)
        return (
            a.add(a.mul(rows, cosine), a.mul(columns, sine)),
            a.sub(a.mul(columns, cosine), a.mul(rows, sine)),
        )


class RandomZoom(RandomGeometry):
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
        high = a.add(self.drawn(x, both_ways(self.name, self.height_factor)), 1.0)
        wide = high
        if self.width_factor is not None:
            wide = a.add(self.drawn(x, both_ways(self.name, self.width_factor), 1), 1.0)
        return a.mul(rows, high), a.mul(columns, wide)


class RandomTranslation(RandomGeometry):
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
        down = a.mul(self.drawn(x, both_ways(self.name, self.height_factor)), float(x.shape[1]))
        right = a.mul(self.drawn(x, both_ways(self.name, self.width_factor), 1), float(x.shape[2]))
        return a.sub(rows, down), a.sub(columns, right)


class RandomCrop(RandomImages):
    """A part of each image from a place of its own; the middle, except in training.

    >>> import weblayers as wl
    >>> wl.layers.random_crop(height=2, width=2).apply(wl.ones([1, 4, 4, 1]), training=True).shape
    (1, 2, 2, 1)
    """

    def __init__(self, height: int, width: int, **base: Any) -> None:
        super().__init__(**base)
        self.height, self.width = positive(self.name, "height", height), positive(self.name, "width", width)

    moves = True

    def changing(self, x: Tensor) -> Change:
        high, wide = x.shape[1] - self.height, x.shape[2] - self.width
        if high < 0 or wide < 0:
            return Change(lambda values, _: self.unchanged(values))
        middle = CenterCrop(self.height, self.width).changed(x)
        rows, columns = image.pixel_grid(middle)
        # from the middle of the part to that of the image, whole pixels up or down
        down, right = (
            a.sub(a.floor(self.drawn(x, (0, room + 1), stream)), room / 2) for stream, room in enumerate((high, wide))
        )
        rows, columns = a.add(rows, down), a.add(columns, right)
        return Change(lambda values, _: image.sample(values, rows, columns, "nearest", 0.0, True))

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
        self._limits = both_ways(self.name, factor)
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


class RandomShear(RandomGeometry):
    """Slants images: pixels move sideways by a share of their row, and up or down by a share of their column.

    Args:
        x_factor, y_factor: how far, up to 1: up to one number or between two, either way.

    >>> import weblayers as wl
    >>> wl.layers.random_shear(x_factor=0.2).apply(wl.ones([1, 4, 4, 1]), training=True).shape
    (1, 4, 4, 1)
    """

    def __init__(
        self, x_factor: float | Sequence[float] = 0.0, y_factor: float | Sequence[float] = 0.0, **base: Any
    ) -> None:
        super().__init__(**base)
        self.x_factor, self.y_factor = x_factor, y_factor
        self._x, self._y = (
            within(self.name, "x_factor", x_factor, -1, 1),
            within(self.name, "y_factor", y_factor, -1, 1),
        )

    def sources(self, x: Tensor, rows: Tensor, columns: Tensor) -> tuple[Tensor, Tensor]:
        sign = a.sub(1.0, a.mul(2.0, a.cast(a.greater(self.drawn(x, (0, 1), 2), 0.5), "float32")))
        # both are zero in the upper left corner
        down, right = a.add(rows, (x.shape[1] - 1) / 2), a.add(columns, (x.shape[2] - 1) / 2)
        return (
            a.add(rows, a.mul(right, a.mul(sign, self.drawn(x, self._y, 1)))),
            a.add(columns, a.mul(down, a.mul(sign, self.drawn(x, self._x)))),
        )


class RandomPerspective(Sometimes):
    """Images as seen from another place: their corners move, all but the upper left one.

    Args:
        factor: the share of images that are changed, or limits that it is drawn from for each.
        scale: how far the corners move, from 0 to 1: by up to half of this share of the size.
        interpolation: ``"bilinear"`` or ``"nearest"``.
        fill_value: what lies beyond the edges.

    >>> import weblayers as wl
    >>> wl.layers.random_perspective(scale=0.5).apply(wl.ones([1, 4, 4, 1]), training=True).shape
    (1, 4, 4, 1)
    """

    def __init__(self, factor: float | Sequence[float] = 1.0, scale: float = 1.0, **base: Any) -> None:
        super().__init__(factor, fill_mode="constant", **base)
        if not 0 <= scale <= 1:
            raise ValueError(f"{self.name}: scale must be from 0 to 1, got {scale}")
        self.scale = scale

    def get_config(self) -> dict[str, Any]:
        return {k: v for k, v in super().get_config().items() if k != "fill_mode"}

    def sources(self, x: Tensor, rows: Tensor, columns: Tensor) -> tuple[Tensor, Tensor]:
        high, wide = x.shape[1] - 1, x.shape[2] - 1
        limits = (1 - self.scale / 2, 1 + self.scale / 2)
        # where the upper right and the lower left corner are, and both coordinates of the lower right one
        right, down, u, v = (
            a.mul(self.drawn(x, limits, stream), float(max(1, size)))
            for stream, size in enumerate((wide, high, wide, high))
        )
        across, along = _unprojected(a.add(columns, wide / 2), a.add(rows, high / 2), right, down, u, v)
        return a.sub(a.mul(along, float(high)), high / 2), a.sub(a.mul(across, float(wide)), wide / 2)


def _unprojected(x: Tensor, y: Tensor, right: Tensor, down: Tensor, u: Tensor, v: Tensor) -> tuple[Tensor, Tensor]:
    """Which points of the unit square are seen at x and y, if its corners are seen at the origin, ``(right, 0)``, ``(0,
    down)`` and ``(u, v)``: a projection of the square (Heckbert, 1989), inverted.
    """
    more_x, more_y = a.sub(u, right), a.sub(v, down)
    area = a.sub(a.mul(more_x, more_y), a.mul(u, v))
    g = a.div(a.neg(a.add(a.mul(more_x, more_y), a.mul(a.neg(u), more_y))), area)
    h = a.div(a.neg(a.add(a.mul(more_x, more_y), a.mul(a.neg(v), more_x))), area)
    across, along = a.div(x, a.mul(right, a.add(g, 1.0))), a.div(y, a.mul(down, a.add(h, 1.0)))
    scale = a.sub(1.0, a.add(a.mul(g, across), a.mul(h, along)))
    return a.div(across, scale), a.div(along, scale)


class RandomElasticTransform(Ranged, Sometimes):
    """Images as if drawn on water: neighbouring pixels move in like directions. Simard, Steinkraus and Platt (2003).

    Args:
        factor: the share of images that are changed, or limits that it is drawn from for each.
        scale: how strongly, from 0 to 1: up to one number, or between two.
        value_range: the least and the largest value of pixels.

    >>> import weblayers as wl
    >>> wl.layers.random_elastic_transform(scale=0.5).apply(wl.ones([1, 8, 8, 1]), training=True).shape
    (1, 8, 8, 1)
    """

    def __init__(
        self,
        factor: float | Sequence[float] = 1.0,
        scale: float | Sequence[float] = 1.0,
        value_range: Sequence[float] = (0, 255),
        **base: Any,
    ) -> None:
        super().__init__(value_range, factor=factor, **base)
        self.scale, self._scales = scale, within(self.name, "scale", scale, 0, 1)

    def changing(self, x: Tensor) -> Change:
        moved = super().changing(x).pixels

        def clipped(values: Tensor, is_mask: bool) -> Tensor:
            out = moved(values, is_mask)
            return out if is_mask else self.clipped(out)

        return Change(clipped)

    def sources(self, x: Tensor, rows: Tensor, columns: Tensor) -> tuple[Tensor, Tensor]:
        batch, high, wide, _ = x.shape
        scale = self.for_each(x, self._scales)
        sigma = a.add(a.mul(scale, 0.05 * min(high, wide)), 1e-6)
        size = int(6 * 0.05 * min(high, wide) * self._scales[1]) | 1
        smooth = gaussian(sigma, size)
        parts = []
        for stream in (1, 3):
            noise = a.mul(self._noise.normal(x, (batch, high, wide, 1), stream), sigma)
            away = a.mul(blurred(noise, smooth, smooth), a.mul(scale, 0.1 * max(high, wide)))
            parts.append(movement.squeeze(away, [3]))
        return a.add(rows, parts[0]), a.add(columns, parts[1])
