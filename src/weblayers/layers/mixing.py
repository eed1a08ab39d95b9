"""Layers that cover parts of images, or mix images and labels of a batch with each other, in training only."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ..ops import arithmetic as a
from ..ops import indexing, movement
from ..runtime import tracing
from ..runtime.tensor import Tensor
from .random_images import Change, RandomColors, RandomImages, within


def _inside(start: Tensor, length: Tensor, size: int, axis: int) -> Tensor:
    """Which pixels along an axis lie in a part of it, for each image."""
    shape = [size if i == axis else 1 for i in range(4)]
    place = tracing.constant(np.arange(size, dtype=np.float32).reshape(shape))
    return a.logical_and(a.greater_equal(place, start), a.less(place, a.add(start, length)))


class _Boxes(RandomImages):
    """Draws a box in each image."""

    def box(self, x: Tensor, share_wide: Tensor, share_high: Tensor, stream: int) -> tuple[Tensor, Tensor]:
        """Which pixels are in a box of these shares of the sides, and how much of the image it is; of two streams."""
        _, high, wide, _ = x.shape
        sides = [a.mul(share_high, float(high)), a.mul(share_wide, float(wide))]
        starts = [
            a.mul(self.for_each(x, (0, 1), stream + i), a.sub(float(size), side))
            for i, (size, side) in enumerate(zip((high, wide), sides, strict=True))
        ]
        parts = [_inside(*each) for each in zip(starts, sides, (high, wide), (1, 2), strict=True)]
        return a.logical_and(*parts), a.mul(share_high, share_wide)


class RandomErasing(RandomColors, _Boxes):
    """Covers a box in some images. Zhong et al. (2017).

    Args:
        factor: the share of images, or limits that it is drawn from for each.
        scale: how large the box is, as a share of the image, between two numbers from 0 to 1.
        fill_value: what covers it: a number, one for each channel, or noise if left out.
        value_range: the least and the largest value of pixels.

    >>> import weblayers as wl
    >>> wl.layers.random_erasing(fill_value=0).apply(wl.ones([1, 4, 4, 3]), training=True).shape
    (1, 4, 4, 3)
    """

    def __init__(
        self,
        factor: float | Sequence[float] = 1.0,
        scale: float | Sequence[float] = (0.02, 0.33),
        fill_value: float | Sequence[float] | None = None,
        value_range: Sequence[float] = (0, 255),
        **base: Any,
    ) -> None:
        super().__init__(value_range, **base)
        self.factor, self._shares = factor, within(self.name, "factor", factor, 0, 1)
        self.scale, self._scales = scale, within(self.name, "scale", scale, 0, 1)
        if fill_value is not None and not isinstance(fill_value, int | float) and len(fill_value) != 3:
            raise ValueError(f"{self.name}: fill_value is a number, or one for each of 3 channels; got {fill_value!r}")
        self.fill_value = fill_value

    def changed(self, x: Tensor) -> Tensor:
        wide, high = (a.sqrt(self.for_each(x, self._scales, stream)) for stream in (0, 1))
        covered, _ = self.box(x, wide, high, 2)
        if self.fill_value is None:
            fill = a.mul(self._noise.normal(x, x.shape, 6), self._high)
        else:
            fill = tracing.constant(np.asarray(self.fill_value, np.float32))
        chosen = a.logical_and(covered, self.chosen(x, self._shares, 4))
        return a.where(chosen, self.clipped(fill), x)


class _Mixing(RandomImages):
    """Mixes each image with another one of the batch. Labels are one-hot, ``[batch, classes]``."""

    moves = True

    def others(self, x: Tensor, stream: int) -> Tensor:
        """Another order of the batch."""
        return indexing.argsort(self._noise.uniform(x, (x.shape[0],), stream))

    def mixed_labels(self, labels: Tensor, order: Tensor, share: Tensor) -> Tensor:
        """Labels that are to a share, ``[batch, 1, 1, 1]``, their own."""
        if labels.rank != 2:
            raise ValueError(
                f"layer {self.name!r} mixes one-hot labels [batch, classes], got shape {list(labels.shape)}"
            )
        share = movement.reshape(share, [labels.shape[0], 1])
        own = a.cast(labels, "float32")
        return a.add(a.mul(share, own), a.mul(a.sub(1.0, share), indexing.gather(own, order)))


class CutMix(_Mixing, _Boxes):
    """Puts a box of another image into each, and mixes their labels by its size. Yun et al. (2019).

    Args:
        factor: how evenly images are mixed, 0 to 1: the shape of a beta distribution up to one number, or between two.

    Input: images, or a dictionary ``{"images", "labels"}`` with one-hot labels.

    >>> import weblayers as wl
    >>> layer = wl.layers.cut_mix(seed=1)
    >>> mixed = layer({"images": wl.ones([4, 8, 8, 3]), "labels": wl.eye(4)}, training=True)
    >>> mixed["labels"].sum(1).array_sync()
    [1.0, 1.0, 1.0, 1.0]
    """

    def __init__(self, factor: float | Sequence[float] = 1.0, **base: Any) -> None:
        super().__init__(**base)
        self.factor, self._factors = factor, within(self.name, "factor", factor, 0, 1)

    def changing(self, x: Tensor) -> Change:
        low, high = self._factors
        alpha = a.add(a.mul(self._noise.uniform(x, (1,), 20), high - low), low + 1e-6)
        own = self._noise.beta(x, alpha, x.shape[0], 2)
        side = movement.reshape(a.sqrt(a.sub(1.0, own)), [x.shape[0], 1, 1, 1])
        inside, size = self.box(x, side, side, 0)
        order = self.others(x, 21)
        return Change(
            lambda values, _: a.where(inside, indexing.gather(values, order), values),
            lambda labels: self.mixed_labels(labels, order, a.sub(1.0, size)),
        )


class MixUp(_Mixing):
    """Mixes each image with another one, and their labels alike. Zhang et al. (2017).

    Args:
        alpha: how evenly images are mixed: the shape of a beta distribution.

    Input: images, or a dictionary ``{"images", "labels"}`` with one-hot labels.

    >>> import weblayers as wl
    >>> layer = wl.layers.mix_up(seed=1)
    >>> mixed = layer({"images": wl.ones([4, 8, 8, 3]), "labels": wl.eye(4)}, training=True)
    >>> mixed["images"].shape, mixed["labels"].shape
    ((4, 8, 8, 3), (4, 4))
    """

    def __init__(self, alpha: float = 0.2, **base: Any) -> None:
        super().__init__(**base)
        if alpha <= 0:
            raise ValueError(f"{self.name}: alpha must be positive, got {alpha}")
        self.alpha = alpha

    def changing(self, x: Tensor) -> Change:
        own = movement.reshape(self._noise.beta(x, self.alpha, x.shape[0], 0), [x.shape[0], 1, 1, 1])
        order = self.others(x, 20)
        return Change(
            lambda values, _: a.add(a.mul(own, values), a.mul(a.sub(1.0, own), indexing.gather(values, order))),
            lambda labels: self.mixed_labels(labels, order, own),
        )


__all__ = ["CutMix", "MixUp", "RandomErasing"]
