"""What layers have in common that change images, most of them at random: every image of a batch in its own way."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from .. import naming
from ..ops import arithmetic as a
from ..ops import image, movement
from ..ops.random import Noise
from ..runtime.tensor import Tensor
from .base import Layer, check_rank
from .formats import DATA_FORMATS, channels_back, channels_last


@dataclass(frozen=True)
class Change:
    """What was drawn for a batch: what becomes of its images or masks (is it masks?), and of its labels."""

    pixels: Callable[[Tensor, bool], Tensor]
    labels: Callable[[Tensor], Tensor] = lambda labels: labels


# What a data set's element may have beside its images.
_PARTS = ("images", "labels", "segmentation_masks", "bounding_boxes")


class Augmentation(Layer):
    """A layer over images ``[batch, height, width, channels]``, or one image without the batch.

    Args:
        data_format: ``"channels_last"`` or ``"channels_first"``.
        bounding_box_format: understood for Keras' sake. Boxes stay as they are, and layers that move pixels refuse
            them.

    Instead of images, a dictionary with ``"images"`` may be given, and with ``"labels"`` and ``"segmentation_masks"``
    that belong to them: pixels of masks move as those of images do. Called outside of a model, for example in
    ``data.map``, layers that draw numbers have to be told ``training=True``.
    """

    # whether boxes around things are no longer around them afterwards
    moves = False

    def __init__(self, data_format: str | None = None, bounding_box_format: str | None = None, **base: Any) -> None:
        super().__init__(**base)
        self.bounding_box_format = bounding_box_format
        self.data_format = naming.lookup("data_format", data_format or "channels_last", DATA_FORMATS)

    def call(self, inputs: Any, training: bool = False) -> Any:
        if not isinstance(inputs, Mapping):
            return self._mapped(inputs, self._change(inputs, training), False)
        self._check(inputs)
        change = self._change(inputs["images"], training)
        made = {**inputs, "images": self._mapped(inputs["images"], change, False)}
        if "segmentation_masks" in inputs:
            made["segmentation_masks"] = self._mapped(inputs["segmentation_masks"], change, True)
        if "labels" in inputs:
            made["labels"] = change.labels(inputs["labels"])
        return made

    def _check(self, inputs: Mapping[str, Any]) -> None:
        unknown = [key for key in inputs if key not in _PARTS]
        if "images" not in inputs or unknown:
            raise ValueError(f"layer {self.name!r} takes images, or a dictionary of {_PARTS}; got {sorted(inputs)}")
        if "bounding_boxes" in inputs and self.moves:
            raise ValueError(
                f"layer {self.name!r} moves pixels, but not the bounding boxes around them: leave these out"
            )

    def _change(self, images: Tensor, training: bool) -> Change:
        return self.changing(self._batch(images)) if training else Change(lambda x, _: self.unchanged(x))

    def _mapped(self, images: Tensor, change: Change, is_mask: bool) -> Tensor:
        out = channels_back(change.pixels(self._batch(images), is_mask), self.data_format)
        return movement.squeeze(out, [0]) if images.rank == 3 else out

    def _batch(self, images: Tensor) -> Tensor:
        check_rank(self, images.shape, 3, 4)
        x = movement.expand_dims(images, 0) if images.rank == 3 else images
        return channels_last(a.cast(x, "float32"), self.data_format)

    def changing(self, x: Tensor) -> Change:
        """Draw what is to become of a batch in training; gives what does it."""
        return Change(lambda values, is_mask: values if is_mask else self.changed(values))

    def changed(self, x: Tensor) -> Tensor:
        """What becomes of a batch in training, where masks stay as they are."""
        raise NotImplementedError

    def unchanged(self, x: Tensor) -> Tensor:
        """What becomes of a batch otherwise."""
        return x


class Ranged(Augmentation):
    """Changes the colours of images.

    Args:
        value_range: the least and the largest value of pixels.
    """

    def __init__(self, value_range: Sequence[float] = (0, 255), **base: Any) -> None:
        super().__init__(**base)
        if isinstance(value_range, str) or len(value_range) != 2:
            raise ValueError(
                f"{self.name}: value_range is the least and the largest value of pixels, got {value_range!r}"
            )
        self.value_range = list(value_range)
        self._low, self._high = float(min(value_range)), float(max(value_range))

    def clipped(self, x: Tensor) -> Tensor:
        """Pixels no further than the range goes."""
        return a.clip_by_value(x, self._low, self._high)

    def _ranged(self, x: Tensor, high: float = 255.0) -> Tensor:
        """Pixels from 0 to a largest value."""
        return a.mul(a.sub(x, self._low), high / (self._high - self._low))

    def _back(self, x: Tensor, high: float = 255.0) -> Tensor:
        return a.add(a.mul(x, (self._high - self._low) / high), self._low)


class RandomImages(Augmentation):
    """Changes images at random, in training only.

    Args:
        seed: makes what is drawn repeatable.
    """

    def __init__(self, seed: int | None = None, **base: Any) -> None:
        super().__init__(**base)
        self.seed = seed
        self._noise = Noise(seed)

    def seed_of(self, part: int) -> int | None:
        """A seed for one of the layers inside."""
        return None if self.seed is None else self.seed + 1 + part

    def drawn(self, x: Tensor, limits: tuple[float, float], stream: int = 0) -> Tensor:
        """A number for each image, ``[batch, 1, 1]``."""
        low, high = limits
        return a.add(a.mul(self._noise.uniform(x, (x.shape[0], 1, 1), stream), high - low), low)

    def for_each(self, x: Tensor, limits: tuple[float, float], stream: int = 0) -> Tensor:
        """A number for each image, ``[batch, 1, 1, 1]``."""
        return movement.expand_dims(self.drawn(x, limits, stream), -1)

    def chosen(self, x: Tensor, shares: tuple[float, float], stream: int) -> Tensor:
        """Whether each image is one of a share that is drawn for it, ``[batch, 1, 1, 1]``; of two streams."""
        return a.less(self.for_each(x, (0, 1), stream), self.for_each(x, shares, stream + 1))


def both_ways(owner: str, factor: float | Sequence[float]) -> tuple[float, float]:
    """From one number both ways, or from two."""
    if isinstance(factor, int | float):
        return -abs(factor), abs(factor)
    if len(factor) != 2 or factor[0] > factor[1]:
        raise ValueError(f"{owner}: a factor is one number, or a lower and an upper one; got {factor!r}")
    return float(factor[0]), float(factor[1])


def within(owner: str, what: str, factor: float | Sequence[float], low: float, high: float) -> tuple[float, float]:
    """Two limits inside others: two numbers, or all up to one."""
    given = [factor] if isinstance(factor, int | float) else list(factor)
    if len(given) not in (1, 2) or not all(low <= value <= high for value in given):
        raise ValueError(f"{owner}: {what} is one or two numbers from {low} to {high}, got {factor!r}")
    if len(given) == 1:
        return max(-abs(given[0]), low), abs(given[0])
    return min(given), max(given)


class RandomColors(Ranged, RandomImages):
    """Changes the colours of images at random, in training only."""


class RandomGeometry(RandomImages):
    """Moves the pixels of images.

    Args:
        fill_mode: what lies beyond the edges: ``"reflect"``, ``"wrap"``, ``"nearest"`` or ``"constant"``.
        interpolation: ``"bilinear"`` or ``"nearest"``.
        fill_value: for ``"constant"``.
    """

    moves = True

    def __init__(
        self, fill_mode: str = "reflect", interpolation: str = "bilinear", fill_value: float = 0.0, **base: Any
    ) -> None:
        super().__init__(**base)
        if fill_mode not in image.FILL_MODES:
            raise ValueError(f"{self.name}: unknown fill_mode {fill_mode!r}; expected {', '.join(image.FILL_MODES)}")
        if interpolation not in ("bilinear", "nearest"):
            raise ValueError(f"{self.name}: interpolation must be 'bilinear' or 'nearest', got {interpolation!r}")
        self.fill_mode, self.interpolation, self.fill_value = fill_mode, interpolation, fill_value

    def changing(self, x: Tensor) -> Change:
        rows, columns = self.sources(x, *image.pixel_grid(x))

        def moved(values: Tensor, is_mask: bool) -> Tensor:
            nearest = is_mask or self.interpolation == "nearest"
            return image.sample(values, rows, columns, self.fill_mode, self.fill_value, nearest)

        return Change(moved)

    def sources(self, x: Tensor, rows: Tensor, columns: Tensor) -> tuple[Tensor, Tensor]:
        """Where each pixel comes from, counted from the middle of the image."""
        raise NotImplementedError


class Sometimes(RandomGeometry):
    """Moves the pixels of some images, and leaves others.

    Args:
        factor: the share of images that are changed, or limits that it is drawn from for each.
    """

    def __init__(self, factor: float | Sequence[float] = 1.0, **base: Any) -> None:
        super().__init__(**base)
        self.factor, self._shares = factor, within(self.name, "factor", factor, 0, 1)

    def changing(self, x: Tensor) -> Change:
        is_chosen, moved = self.chosen(x, self._shares, 50), super().changing(x).pixels
        return Change(lambda values, is_mask: a.where(is_chosen, moved(values, is_mask), values))
