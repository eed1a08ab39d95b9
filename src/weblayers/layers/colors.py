"""Layers that change the colours of images at random, in training only: every image of a batch in its own way."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ..ops import arithmetic as a
from ..ops import image, movement, reduction, spatial
from ..runtime import tracing
from ..runtime.tensor import Tensor
from .blurring import blurred, gaussian
from .random_images import RandomColors, RandomImages, both_ways, within


def _gray(x: Tensor) -> Tensor:
    """The brightness of images of three colours or of one, in each of them."""
    return x if x.shape[-1] == 1 else movement.broadcast_to(image.rgb_to_grayscale(x), x.shape)


class RandomContrast(RandomColors):
    """Scales each channel's distance from its mean by 1 minus to 1 plus ``factor``.

    >>> import weblayers as wl
    >>> wl.layers.random_contrast(factor=0.2).apply(wl.ones([1, 2, 2, 1]), training=True).shape
    (1, 2, 2, 1)
    """

    def __init__(self, factor: float | Sequence[float], value_range: Sequence[float] = (0, 255), **base: Any) -> None:
        super().__init__(value_range, **base)
        low, high = (factor, factor) if isinstance(factor, int | float) else factor
        self.factor, self._scales = factor, (1 - low, 1 + high)

    def changed(self, x: Tensor) -> Tensor:
        mean = reduction.mean(x, [1, 2], True)
        return self.clipped(a.add(a.mul(a.sub(x, mean), self.for_each(x, self._scales)), mean))


class RandomBrightness(RandomColors):
    """Adds up to ``factor`` of the range of values to each image, or takes it away.

    >>> import weblayers as wl
    >>> wl.layers.random_brightness(factor=0.2).apply(wl.ones([1, 2, 2, 1]), training=True).shape
    (1, 2, 2, 1)
    """

    def __init__(self, factor: float | Sequence[float], value_range: Sequence[float] = (0, 255), **base: Any) -> None:
        super().__init__(value_range, **base)
        self.factor, self._limits = factor, both_ways(self.name, factor)

    def changed(self, x: Tensor) -> Tensor:
        return self.clipped(a.add(x, a.mul(self.for_each(x, self._limits), self._high - self._low)))


class RandomHue(RandomColors):
    """Turns the hues of images, red, green and blue, by up to half of ``factor`` of a whole turn in either direction.

    Args:
        factor: from 0 to 1: up to one number, or between two.
        value_range: the least and the largest value of pixels.

    >>> import weblayers as wl
    >>> wl.layers.random_hue(factor=0.2).apply(wl.ones([1, 2, 2, 3]), training=True).shape
    (1, 2, 2, 3)
    """

    def __init__(self, factor: float | Sequence[float], value_range: Sequence[float] = (0, 255), **base: Any) -> None:
        super().__init__(value_range, **base)
        self.factor, self._limits = factor, within(self.name, "factor", factor, 0, 1)

    def changed(self, x: Tensor) -> Tensor:
        backwards = a.greater(self.for_each(x, (0, 1), 1), 0.5)
        turn = a.mul(self.for_each(x, self._limits), 0.5)
        turn = a.where(backwards, a.neg(turn), turn)
        # of the hue alone
        turned = a.mul(turn, tracing.constant(np.array([1, 0, 0], np.float32)))
        rgb = image.hsv_to_rgb(a.add(image.rgb_to_hsv(self._ranged(x, 1.0)), turned))
        return self._back(a.clip_by_value(rgb, 0.0, 1.0), 1.0)


class RandomSaturation(RandomColors):
    """Scales the saturation of images, red, green and blue, by ``f / (1 - f)``: 0 is gray, 0.5 leaves them as they are.

    Args:
        factor: one number for all up to it, or two to draw ``f`` between.
        value_range: the least and the largest value of pixels.

    >>> import weblayers as wl
    >>> wl.layers.random_saturation(factor=(0.5, 0.8)).apply(wl.ones([1, 2, 2, 3]), training=True).shape
    (1, 2, 2, 3)
    """

    def __init__(self, factor: float | Sequence[float], value_range: Sequence[float] = (0, 255), **base: Any) -> None:
        super().__init__(value_range, **base)
        self.factor, self._limits = factor, within(self.name, "factor", factor, -1, 1)

    def changed(self, x: Tensor) -> Tensor:
        drawn = self.for_each(x, self._limits)
        scale = a.div(drawn, a.sub(1 + 1e-7, drawn))
        hsv = image.rgb_to_hsv(x)
        hue, saturation, value = (movement.slice(hsv, [0, 0, 0, i], [-1, -1, -1, 1]) for i in range(3))
        saturation = a.clip_by_value(a.mul(saturation, scale), 0.0, 1.0)
        return image.hsv_to_rgb(movement.concat([hue, saturation, value], -1))


class RandomColorJitter(RandomColors):
    """Brightness, contrast, saturation and hue of images changed one after the other.

    Args:
        value_range: the least and the largest value of pixels.
        brightness_factor, contrast_factor, saturation_factor, hue_factor: as of the layers of these names; what is left
            out stays.

    >>> import weblayers as wl
    >>> wl.layers.random_color_jitter(brightness_factor=0.2).apply(wl.ones([1, 2, 2, 3]), training=True).shape
    (1, 2, 2, 3)
    """

    def __init__(
        self,
        value_range: Sequence[float] = (0, 255),
        brightness_factor: Any = None,
        contrast_factor: Any = None,
        saturation_factor: Any = None,
        hue_factor: Any = None,
        **base: Any,
    ) -> None:
        super().__init__(value_range, **base)
        self.brightness_factor, self.contrast_factor = brightness_factor, contrast_factor
        self.saturation_factor, self.hue_factor = saturation_factor, hue_factor
        given = {
            RandomBrightness: brightness_factor,
            RandomContrast: contrast_factor,
            RandomSaturation: saturation_factor,
            RandomHue: hue_factor,
        }
        self._steps = [
            make(factor=factor, value_range=self.value_range, seed=self.seed_of(i))
            for i, (make, factor) in enumerate(given.items())
            if factor is not None
        ]

    def changed(self, x: Tensor) -> Tensor:
        for step in self._steps:
            x = step.changed(x)
        return x


class RandomColorDegeneration(RandomColors):
    """Mixes images with their gray selves.

    Args:
        factor: how much gray, 0 to 1: up to one number, or between two.
        value_range: the least and the largest value of pixels.

    >>> import weblayers as wl
    >>> wl.layers.random_color_degeneration(factor=0.5).apply(wl.ones([1, 2, 2, 3]), training=True).shape
    (1, 2, 2, 3)
    """

    def __init__(self, factor: float | Sequence[float], value_range: Sequence[float] = (0, 255), **base: Any) -> None:
        super().__init__(value_range, **base)
        self.factor, self._limits = factor, within(self.name, "factor", factor, -1, 1)

    def changed(self, x: Tensor) -> Tensor:
        return self.clipped(a.add(x, a.mul(self.for_each(x, self._limits), a.sub(_gray(x), x))))


class RandomGrayscale(RandomImages):
    """Makes some images gray; those of one channel are.

    Args:
        factor: the share of them.

    >>> import weblayers as wl
    >>> wl.layers.random_grayscale(factor=1.0).apply(wl.ones([1, 2, 2, 3]), training=True).shape
    (1, 2, 2, 3)
    """

    def __init__(self, factor: float = 0.5, **base: Any) -> None:
        super().__init__(**base)
        if not 0 <= factor <= 1:
            raise ValueError(f"{self.name}: factor must be from 0 to 1, got {factor}")
        self.factor = factor

    def changed(self, x: Tensor) -> Tensor:
        if self.factor == 1:
            return _gray(x)
        return a.where(a.less(self.for_each(x, (0, 1)), self.factor), _gray(x), x)


class RandomInvert(RandomColors):
    """Turns some images into their negatives.

    Args:
        factor: the share of them, or limits that it is drawn from for each.
        value_range: the least and the largest value of pixels.

    >>> import weblayers as wl
    >>> wl.layers.random_invert(value_range=(0, 1)).apply(wl.ones([1, 2, 2, 3]), training=True).shape
    (1, 2, 2, 3)
    """

    def __init__(
        self, factor: float | Sequence[float] = 1.0, value_range: Sequence[float] = (0, 255), **base: Any
    ) -> None:
        super().__init__(value_range, **base)
        self.factor, self._shares = factor, within(self.name, "factor", factor, 0, 1)

    def changed(self, x: Tensor) -> Tensor:
        return a.where(self.chosen(x, self._shares, 0), a.sub(self._high, x), x)


class RandomPosterization(RandomColors):
    """Leaves so many bits of the colours of images.

    Args:
        factor: how many, 1 to 8: fewer than one number, or from the first of two up to, not including, the second.
        value_range: the least and the largest value of pixels.

    >>> import weblayers as wl
    >>> wl.layers.random_posterization(factor=[1, 1]).apply(wl.fill([1, 1, 1, 1], 200), training=True).array_sync()
    [[[[128.0]]]]
    """

    def __init__(self, factor: int | Sequence[int], value_range: Sequence[float] = (0, 255), **base: Any) -> None:
        super().__init__(value_range, **base)
        self.factor, self._bits = factor, within(self.name, "factor", factor, 1, 8)

    def changed(self, x: Tensor) -> Tensor:
        step = a.pow(2.0, a.sub(8.0, a.floor(self.for_each(x, self._bits))))
        return self._back(a.mul(a.floor(a.div(self._ranged(x), step)), step))


class RandomSharpness(RandomColors):
    """Makes images less sharp, up to a factor of 0.5, or sharper.

    Args:
        factor: 0 to 1, where 0.5 leaves them as they are: up to one number, or between two.
        value_range: the least and the largest value of pixels.

    >>> import weblayers as wl
    >>> wl.layers.random_sharpness(factor=0.4).apply(wl.ones([1, 4, 4, 3]), training=True).shape
    (1, 4, 4, 3)
    """

    def __init__(self, factor: float | Sequence[float], value_range: Sequence[float] = (0, 255), **base: Any) -> None:
        super().__init__(value_range, **base)
        self.factor, self._limits = factor, within(self.name, "factor", factor, 0, 1)

    def changed(self, x: Tensor) -> Tensor:
        around = np.ones((3, 3, x.shape[-1], 1), np.float32)
        around[1, 1] = 5
        smooth = spatial.depthwise_conv2d(x, tracing.constant(around / 13), 1, "same")
        less = a.sub(1.0, a.mul(self.for_each(x, self._limits), 2.0))
        return self.clipped(a.add(x, a.mul(less, a.sub(smooth, x))))


class RandomGaussianBlur(RandomColors):
    """Blurs some images by a bell.

    Args:
        factor: the share of them, or limits that it is drawn from for each.
        kernel_size: how many pixels, an odd number, are seen in a row and in a column.
        sigma: the width of the bell, 0 to 1: up to one number, or between two.
        value_range: the least and the largest value of pixels.

    >>> import weblayers as wl
    >>> wl.layers.random_gaussian_blur(kernel_size=3).apply(wl.ones([1, 4, 4, 3]), training=True).shape
    (1, 4, 4, 3)
    """

    def __init__(
        self,
        factor: float | Sequence[float] = 1.0,
        kernel_size: int | Sequence[int] = 3,
        sigma: float | Sequence[float] = 1.0,
        value_range: Sequence[float] = (0, 255),
        **base: Any,
    ) -> None:
        super().__init__(value_range, **base)
        self.factor, self._shares = factor, within(self.name, "factor", factor, 0, 1)
        sizes = (kernel_size, kernel_size) if isinstance(kernel_size, int) else tuple(kernel_size)
        if len(sizes) != 2 or not all(size > 0 and size % 2 for size in sizes):
            raise ValueError(f"{self.name}: kernel_size is one or two odd numbers, got {kernel_size!r}")
        self.kernel_size, self._sizes = kernel_size, sizes
        self.sigma, self._sigmas = sigma, within(self.name, "sigma", sigma, 0, 1)

    def changed(self, x: Tensor) -> Tensor:
        # Keras' first number is that of rows
        rows, columns = (
            gaussian(a.add(self.for_each(x, self._sigmas, 2 + i), 1e-6), size) for i, size in enumerate(self._sizes)
        )
        return self.clipped(a.where(self.chosen(x, self._shares, 0), blurred(x, rows, columns), x))


class Solarization(RandomColors):
    """Makes images brighter, and turns pixels that are not below a threshold into their negatives.

    Args:
        addition_factor: how much brighter, 0 to 1 of the range: up to one number, or between two.
        threshold_factor: the threshold, alike; 0 turns all pixels.
        value_range: the least and the largest value of pixels.

    >>> import weblayers as wl
    >>> wl.layers.solarization().apply(wl.fill([1, 1, 1, 1], 200), training=True).array_sync()
    [[[[55.0]]]]
    """

    def __init__(
        self,
        addition_factor: float | Sequence[float] = 0.0,
        threshold_factor: float | Sequence[float] = 0.0,
        value_range: Sequence[float] = (0, 255),
        **base: Any,
    ) -> None:
        super().__init__(value_range, **base)
        self.addition_factor, self.threshold_factor = addition_factor, threshold_factor
        self._additions = within(self.name, "addition_factor", addition_factor, 0, 1)
        self._thresholds = within(self.name, "threshold_factor", threshold_factor, 0, 1)

    def changed(self, x: Tensor) -> Tensor:
        brighter, threshold = (
            a.mul(self.for_each(x, limits, i), 255.0) for i, limits in enumerate((self._additions, self._thresholds))
        )
        bright = a.clip_by_value(a.add(self._ranged(x), brighter), 0.0, 255.0)
        return self._back(a.where(a.less(bright, threshold), bright, a.sub(255.0, bright)))


__all__ = [
    "RandomBrightness",
    "RandomColorDegeneration",
    "RandomColorJitter",
    "RandomContrast",
    "RandomGaussianBlur",
    "RandomGrayscale",
    "RandomHue",
    "RandomInvert",
    "RandomPosterization",
    "RandomSaturation",
    "RandomSharpness",
    "Solarization",
]
