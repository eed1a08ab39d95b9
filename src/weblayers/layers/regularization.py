"""Layers that do something only in training: noise, dropped values, penalties."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from .. import naming, regularizers
from ..ops import arithmetic as a
from ..ops import movement, random
from ..runtime import tracing
from ..runtime.conversion import to_tensor
from ..runtime.tensor import Tensor
from .base import Layer
from .formats import DATA_FORMATS


class _Random(Layer):
    """A layer that draws random numbers, in training only."""

    supports_masking = True

    def __init__(self, seed: int | None = None, **base: Any) -> None:
        super().__init__(**base)
        self.seed = seed
        self._noise = random.Noise(seed)

    def call(self, inputs: Tensor, training: bool = False) -> Tensor:
        if not training or self.is_idle():
            return inputs
        return self.disturbed(to_tensor(inputs))

    def is_idle(self) -> bool:
        """Whether the layer does nothing even in training."""
        return False

    def disturbed(self, x: Tensor) -> Tensor:
        """What becomes of the input in training."""
        raise NotImplementedError


def _rate(owner: str, rate: float) -> float:
    if not 0 <= rate <= 1:
        raise ValueError(f"{owner}: rate must lie between 0 and 1, got {rate}")
    return rate


class Dropout(_Random):
    """In training, sets a share ``rate`` of the inputs to zero and scales the others up, so that the mean stays.

    Srivastava et al., "Dropout: A Simple Way to Prevent Neural Networks from Overfitting" (2014).

    Args:
        rate: share that is dropped; with 1 all are, as in Keras, where TensorFlow.js then drops nothing.
        noise_shape: shape of the mask; axes of size 1 are dropped as a whole, None is the input's size.
        seed: makes the masks repeatable.

    >>> import weblayers as wl
    >>> wl.layers.dropout(rate=0.5).apply(wl.ones([3])).array_sync()
    [1.0, 1.0, 1.0]
    """

    def __init__(
        self, rate: float, noise_shape: Sequence[int | None] | None = None, seed: int | None = None, **base: Any
    ) -> None:
        super().__init__(seed, **base)
        self.rate = _rate(self.name, rate)
        self.noise_shape = None if noise_shape is None else list(noise_shape)

    def is_idle(self) -> bool:
        return self.rate == 0

    def mask_shape(self, shape: Sequence[int]) -> list[int]:
        if self.noise_shape is None:
            return list(shape)
        return [d if n is None else n for d, n in zip(shape, self.noise_shape, strict=True)]

    def disturbed(self, x: Tensor) -> Tensor:
        if self.rate == 1:
            return tracing.zeros(x.shape)
        keep = a.less_equal(self.rate, self._noise.uniform(x, self.mask_shape(x.shape)))
        return a.where(keep, a.mul(x, 1 / (1 - self.rate)), 0.0)


class _SpatialDropout(Dropout):
    """Drops whole feature maps. Tompson et al. (2015).

    Args:
        rate: share that is dropped.
        data_format: ``"channels_last"`` or ``"channels_first"``.
        seed: makes the masks repeatable.
    """

    def __init__(self, rate: float, seed: int | None = None, data_format: str | None = None, **base: Any) -> None:
        super().__init__(rate, seed=seed, **base)
        self.data_format = naming.lookup("data_format", data_format or "channels_last", DATA_FORMATS)

    def mask_shape(self, shape: Sequence[int]) -> list[int]:
        channel = len(shape) - 1 if self.data_format == "channels_last" else 1
        return [d if i in (0, channel) else 1 for i, d in enumerate(shape)]


class SpatialDropout1D(_SpatialDropout):
    pass


class SpatialDropout2D(_SpatialDropout):
    pass


class SpatialDropout3D(_SpatialDropout):
    pass


class GaussianNoise(_Random):
    """In training, adds normal noise with standard deviation ``stddev``.

    >>> import weblayers as wl
    >>> wl.layers.gaussian_noise(stddev=1).apply(wl.ones([2])).array_sync()
    [1.0, 1.0]
    """

    def __init__(self, stddev: float, seed: int | None = None, **base: Any) -> None:
        super().__init__(seed, **base)
        self.stddev = stddev

    def disturbed(self, x: Tensor) -> Tensor:
        return a.add(x, a.mul(self._noise.normal(x, x.shape), self.stddev))


class GaussianDropout(_Random):
    """In training, multiplies with normal noise of mean 1 and variance ``rate / (1 - rate)``.

    >>> import weblayers as wl
    >>> wl.layers.gaussian_dropout(rate=0.5).apply(wl.ones([2])).array_sync()
    [1.0, 1.0]
    """

    def __init__(self, rate: float, seed: int | None = None, **base: Any) -> None:
        super().__init__(seed, **base)
        self.rate = _rate(self.name, rate)

    def is_idle(self) -> bool:
        return self.rate in (0, 1)

    def disturbed(self, x: Tensor) -> Tensor:
        deviation = math.sqrt(self.rate / (1 - self.rate))
        return a.mul(x, a.add(a.mul(self._noise.normal(x, x.shape), deviation), 1.0))


class AlphaDropout(Dropout):
    """Dropout that keeps mean and variance of what SELU gives. Klambauer et al. (2017).

    >>> import weblayers as wl
    >>> wl.layers.alpha_dropout(rate=0.5).apply(wl.ones([2])).array_sync()
    [1.0, 1.0]
    """

    # minus SELU's scale times its alpha: what dropped values become
    _DROPPED = -1.7580993408473766

    def is_idle(self) -> bool:
        # with 1 there is no mean and variance to keep
        return self.rate in (0, 1)

    def disturbed(self, x: Tensor) -> Tensor:
        keep = a.less_equal(self.rate, self._noise.uniform(x, self.mask_shape(x.shape)))
        scale = ((1 - self.rate) * (1 + self.rate * self._DROPPED**2)) ** -0.5
        offset = -scale * self._DROPPED * self.rate
        kept = a.where(movement.broadcast_to(keep, x.shape), x, self._DROPPED)
        return a.add(a.mul(kept, scale), offset)


class ActivityRegularization(Layer):
    """The input itself; its size is added to the loss: ``l1 * sum|x| + l2 * sum(x^2)``.

    >>> import weblayers as wl
    >>> wl.layers.activity_regularization(l1=0.1).apply(wl.ones([2])).shape
    (2,)
    """

    supports_masking = True

    def __init__(self, l1: float = 0.0, l2: float = 0.0, **base: Any) -> None:
        base.pop("activity_regularizer", None)
        super().__init__(activity_regularizer=regularizers.L1L2(l1, l2), **base)
        self.l1, self.l2 = l1, l2

    def call(self, inputs: Tensor) -> Tensor:
        return inputs

    def get_config(self) -> dict[str, Any]:
        config = super().get_config()
        del config["activity_regularizer"]
        return config
