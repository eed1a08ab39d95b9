"""Layers made of others that prepare data: one after the other, or drawn at random."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from typing import Any

from .. import random_seed
from ..ops import arithmetic as a
from ..ops import movement
from ..runtime.tensor import Tensor
from . import serialization
from .augmentation import RandomRotation, RandomShear, RandomTranslation
from .base import Layer, positive
from .colors import (
    RandomBrightness,
    RandomColorDegeneration,
    RandomContrast,
    RandomPosterization,
    RandomSharpness,
    Solarization,
)
from .contrast import AutoContrast, Equalization
from .random_images import Augmentation, Change, RandomColors, within
from .symbolic import SymbolicTensor, is_symbolic, mapped_specs

# More layers than this are a mistake: each is a part of every step.
_MOST = 100


def _few(owner: str, what: str, value: Any) -> int:
    if positive(owner, what, value) > _MOST:
        raise ValueError(f"{owner}: expected {what} to be at most {_MOST}, but got {value!r}.")
    return int(value)


class _Policy(RandomColors):
    """Draws from layers that change images.

    Args:
        value_range: the least and the largest value of pixels.
        factor: how strong they are, 0 to 1: up to one number, or between two.
        interpolation: of those that move pixels.
    """

    moves = True

    def __init__(
        self,
        value_range: Sequence[float] = (0, 255),
        factor: float | Sequence[float] = 0.5,
        interpolation: str = "bilinear",
        **base: Any,
    ) -> None:
        super().__init__(value_range, **base)
        self.factor, self._factors = factor, within(self.name, "factor", factor, 0, 1)
        self.interpolation = interpolation

    def shapes(self) -> list[Augmentation]:
        """Layers that move pixels."""
        both, how = list(self._factors), self.interpolation
        return [
            RandomShear(both, both, interpolation=how, seed=self.seed_of(0)),
            RandomTranslation(both, both, interpolation=how, seed=self.seed_of(1)),
            RandomRotation(both, interpolation=how, seed=self.seed_of(2)),
        ]

    def levels(self) -> list[Augmentation]:
        """Layers that change colours, and do not go beyond what there is."""
        both, low_high = list(self._factors), self.value_range
        bits = max(1, int(8 * both[1]))
        return [
            Solarization(both, both, value_range=low_high, seed=self.seed_of(3)),
            RandomPosterization(bits, value_range=low_high, seed=self.seed_of(4)),
            AutoContrast(low_high),
            Equalization(low_high),
        ]

    def strengths(self) -> list[Augmentation]:
        """Layers that change brightness, contrast, colour and sharpness."""
        both, low_high = list(self._factors), self.value_range
        kinds = (RandomBrightness, RandomColorDegeneration, RandomContrast, RandomSharpness)
        return [kind(both, value_range=low_high, seed=self.seed_of(5 + i)) for i, kind in enumerate(kinds)]


class RandAugment(_Policy):
    """Changes each image by some of eleven layers, drawn for it. Cubuk et al. (2019).

    Args:
        value_range: the least and the largest value of pixels.
        num_ops: how many are drawn, one after the other.
        factor: how strong they are, 0 to 1: up to one number, or between two.
        interpolation: of those that move pixels.

    >>> import weblayers as wl
    >>> wl.layers.rand_augment(seed=1).apply(wl.ones([2, 4, 4, 3]), training=True).shape
    (2, 4, 4, 3)
    """

    def __init__(
        self,
        value_range: Sequence[float] = (0, 255),
        num_ops: int = 2,
        factor: float | Sequence[float] = 0.5,
        interpolation: str = "bilinear",
        **base: Any,
    ) -> None:
        super().__init__(value_range, factor, interpolation, **base)
        self.num_ops = _few(self.name, "num_ops", num_ops)
        self._steps = [*self.shapes(), *self.strengths(), *self.levels()]

    def changing(self, x: Tensor) -> Change:
        rounds = []
        for number in range(self.num_ops):
            drawn = a.floor(self.for_each(x, (0, len(self._steps)), number))
            rounds.append([(a.equal(drawn, float(i)), step.changing(x)) for i, step in enumerate(self._steps)])

        def changed(values: Tensor, is_mask: bool) -> Tensor:
            for steps in rounds:
                before = values
                for is_drawn, change in steps:
                    values = a.where(is_drawn, change.pixels(before, is_mask), values)
            return values

        return Change(changed)


class AugMix(_Policy):
    """Mixes images with what chains of layers make of them. Hendrycks et al. (2019).

    Which layers there are in a chain is drawn for each call; a step of training has those that were drawn when it was
    traced, once for each size of batch and each ``compile``. How strong they are and how images are mixed is drawn in
    each step.

    Args:
        value_range: the least and the largest value of pixels.
        num_chains: how many chains there are.
        chain_depth: how many layers there are in a chain at most.
        factor: how strong they are, 0 to 1: up to one number, or between two.
        alpha: how evenly chains and images are mixed: the shape of their distributions.
        all_ops: whether brightness, contrast, colour and sharpness are among the layers.
        interpolation: of those that move pixels.

    >>> import weblayers as wl
    >>> wl.layers.aug_mix(seed=1).apply(wl.ones([2, 4, 4, 3]), training=True).shape
    (2, 4, 4, 3)
    """

    def __init__(
        self,
        value_range: Sequence[float] = (0, 255),
        num_chains: int = 3,
        chain_depth: int = 3,
        factor: float | Sequence[float] = 0.3,
        alpha: float = 1.0,
        all_ops: bool = True,
        interpolation: str = "bilinear",
        **base: Any,
    ) -> None:
        super().__init__(value_range, factor, interpolation, **base)
        self.num_chains = _few(self.name, "num_chains", num_chains)
        self.chain_depth = _few(self.name, "chain_depth", chain_depth)
        self.alpha, self.all_ops = alpha, bool(all_ops)
        self._steps = [*self.shapes(), *self.levels(), *(self.strengths() if all_ops else [])]
        self._chooser = random.Random(random_seed.new_seed() if self.seed is None else self.seed)

    def changing(self, x: Tensor) -> Change:
        options = [*self._steps, None]
        drawn = [self._chooser.choices(options, k=self.chain_depth) for _ in range(self.num_chains)]
        chains = [[step.changing(x) for step in chain if step is not None] for chain in drawn]
        # shares of the chains: numbers of gamma distributions, divided by their sum
        sizes = [a.exp(self._noise.log_gamma(x, self.alpha, 1, 20 + 4 * i)) for i in range(self.num_chains)]
        total = sizes[0]
        for size in sizes[1:]:
            total = a.add(total, size)
        own = self._noise.beta(x, self.alpha, 1, 0)

        def changed(values: Tensor, is_mask: bool) -> Tensor:
            mixed = a.mul(values, own)
            for size, chain in zip(sizes, chains, strict=True):
                image = values
                for change in chain:
                    image = change.pixels(image, is_mask)
                mixed = a.add(mixed, a.mul(image, a.mul(a.sub(1.0, own), a.div(size, total))))
            return mixed if is_mask else self.clipped(mixed)

        return Change(changed)


class Pipeline(Layer):
    """Layers one after the other, to prepare data with.

    Args:
        layers: them.

    >>> import weblayers as wl
    >>> L = wl.layers
    >>> prepare = L.pipeline([L.text_vectorization(vocabulary=["a", "b"]), L.category_encoding(num_tokens=4)])
    >>> prepare(["a b", "b b"]).array_sync()
    [[0.0, 0.0, 1.0, 1.0], [0.0, 0.0, 0.0, 1.0]]
    """

    def __init__(self, layers: Sequence[Layer], **base: Any) -> None:
        super().__init__(**base)
        self.layers = [serialization.deserialize(layer) for layer in layers]

    @property
    def runs_on_host(self) -> bool:
        """Whether a layer in it works on the host, where a model has to give it its inputs."""
        return any(getattr(layer, "runs_on_host", False) for layer in self.layers)

    def apply(self, inputs: Any, *args: Any, training: bool | None = None, **kwargs: Any) -> Any:
        if is_symbolic(inputs) or not self.runs_on_host:
            return super().apply(inputs, *args, training=training, **kwargs)
        return self.call(inputs, training)

    def call(self, inputs: Any, training: bool | None = None) -> Any:
        for layer in self.layers:
            inputs = layer.apply(inputs, training=training)
        return inputs

    def output_specs(self, inputs: Any, kwargs: dict[str, Any]) -> Any:
        specs: Any = None
        for layer in self.layers:
            specs = layer.output_specs(inputs, {})
            inputs = mapped_specs(lambda spec: SymbolicTensor(spec.shape, spec.dtype), specs)
        return specs


class MaxNumBoundingBoxes(Layer):
    """Boxes around things in images, as many for each image: cut off, or filled up.

    Args:
        max_number: how many.
        fill_value: what missing boxes and their labels are.

    Input: a dictionary with ``"bounding_boxes"``, itself a dictionary of ``"boxes"``, ``[batch, boxes, 4]``, and
    ``"labels"``, ``[batch, boxes]``. What else is in it stays.

    >>> import weblayers as wl
    >>> boxes = {"boxes": wl.ones([1, 2, 4]), "labels": wl.ones([1, 2])}
    >>> filled = wl.layers.max_num_bounding_boxes(max_number=3)({"bounding_boxes": boxes})
    >>> filled["bounding_boxes"]["labels"].array_sync()
    [[1.0, 1.0, -1.0]]
    """

    def __init__(self, max_number: int, fill_value: int = -1, **base: Any) -> None:
        super().__init__(**base)
        self.max_number, self.fill_value = positive(self.name, "max_number", max_number), int(fill_value)

    def call(self, inputs: Any) -> Any:
        found = inputs.get("bounding_boxes") if isinstance(inputs, Mapping) else None
        if not isinstance(found, Mapping) or set(found) != {"boxes", "labels"}:
            raise ValueError(f"layer {self.name!r} takes a dictionary with bounding_boxes: {{'boxes', 'labels'}}")
        return {**inputs, "bounding_boxes": {key: self._filled(value) for key, value in found.items()}}

    def _filled(self, x: Tensor) -> Tensor:
        kept = min(self.max_number, x.shape[1])
        x = movement.slice(x, [0] * x.rank, [-1, kept, *[-1] * (x.rank - 2)])
        return movement.pad(x, [(0, 0), (0, self.max_number - kept), *[(0, 0)] * (x.rank - 2)], self.fill_value)


__all__ = ["AugMix", "MaxNumBoundingBoxes", "Pipeline", "RandAugment"]
