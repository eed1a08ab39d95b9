"""Layers that rearrange values: flatten, reshape, permute, repeat, crop, pad, enlarge."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from .. import naming
from ..ops import image, movement
from ..runtime.tensor import Tensor
from .base import Layer, check_rank, positive
from .formats import DATA_FORMATS, channels_back, channels_last, pairs, sizes


class Flatten(Layer):
    """All axes but the first in one.

    Args:
        data_format: ``"channels_first"`` moves the channels to the end first, so that either format gives one order.

    >>> import weblayers as wl
    >>> wl.layers.flatten().apply(wl.ones([2, 3, 4])).shape
    (2, 12)
    """

    def __init__(self, data_format: str | None = None, **base: Any) -> None:
        super().__init__(**base)
        self.data_format = naming.lookup("data_format", data_format or "channels_last", DATA_FORMATS)

    def call(self, inputs: Tensor) -> Tensor:
        x = channels_last(inputs, self.data_format) if inputs.rank > 2 else inputs
        return movement.reshape(x, (x.shape[0], math.prod(x.shape[1:])))


class Reshape(Layer):
    """The same values in another shape; one size may be -1.

    >>> import weblayers as wl
    >>> wl.layers.reshape(target_shape=[3, -1]).apply(wl.ones([2, 12])).shape
    (2, 3, 4)
    """

    def __init__(self, target_shape: Sequence[int | None], **base: Any) -> None:
        super().__init__(**base)
        self.target_shape = [-1 if d is None else int(d) for d in target_shape]

    def call(self, inputs: Tensor) -> Tensor:
        return movement.reshape(inputs, (inputs.shape[0], *self.target_shape))


class Permute(Layer):
    """The axes in another order; ``dims`` counts them from 1, as the first is the batch.

    >>> import weblayers as wl
    >>> wl.layers.permute(dims=[2, 1]).apply(wl.ones([1, 3, 4])).shape
    (1, 4, 3)
    """

    def __init__(self, dims: Sequence[int], **base: Any) -> None:
        super().__init__(**base)
        if sorted(dims) != list(range(1, len(dims) + 1)):
            raise ValueError(f"{self.name}: Invalid permutation `dims`: {list(dims)}. It has to hold each axis from 1.")
        self.dims = list(dims)

    def call(self, inputs: Tensor) -> Tensor:
        check_rank(self, inputs.shape, len(self.dims) + 1)
        return movement.transpose(inputs, (0, *self.dims))


class RepeatVector(Layer):
    """A vector ``n`` times: ``[batch, features]`` to ``[batch, n, features]``.

    >>> import weblayers as wl
    >>> wl.layers.repeat_vector(n=3).apply(wl.ones([1, 2])).shape
    (1, 3, 2)
    """

    def __init__(self, n: int, **base: Any) -> None:
        super().__init__(**base)
        self.n = positive(self.name, "n", n)

    def call(self, inputs: Tensor) -> Tensor:
        check_rank(self, inputs.shape, 2)
        batch, features = inputs.shape
        return movement.broadcast_to(movement.reshape(inputs, (batch, 1, features)), (batch, self.n, features))


class _Spatial(Layer):
    """Layers over ``rank`` spatial axes in either data format."""

    rank: int

    def __init__(self, data_format: str | None = None, **base: Any) -> None:
        super().__init__(**base)
        self.data_format = naming.lookup("data_format", data_format or "channels_last", DATA_FORMATS)

    def call(self, inputs: Tensor) -> Tensor:
        check_rank(self, inputs.shape, self.rank + 2)
        return channels_back(self.changed(channels_last(inputs, self.data_format)), self.data_format)

    def changed(self, x: Tensor) -> Tensor:
        """What becomes of values with their channels last."""
        raise NotImplementedError


class _ZeroPadding(_Spatial):
    """Zeros around the spatial axes.

    Args:
        padding: one number for all sides, one for each axis, or a pair (before, after) for each.
        data_format: ``"channels_last"`` or ``"channels_first"``.
    """

    def __init__(self, padding: Any = 1, data_format: str | None = None, **base: Any) -> None:
        super().__init__(data_format=data_format, **base)
        self.padding = pairs(self.name, "padding", padding, self.rank)

    def changed(self, x: Tensor) -> Tensor:
        return movement.pad(x, [(0, 0), *self.padding, (0, 0)])


class ZeroPadding1D(_ZeroPadding):
    rank = 1


class ZeroPadding2D(_ZeroPadding):
    rank = 2


class ZeroPadding3D(_ZeroPadding):
    rank = 3


class _Cropping(_Spatial):
    """The spatial axes without their ends.

    Args:
        cropping: one number for all sides, one for each axis, or a pair (before, after) for each.
        data_format: ``"channels_last"`` or ``"channels_first"``.
    """

    def __init__(self, cropping: Any = 1, data_format: str | None = None, **base: Any) -> None:
        super().__init__(data_format=data_format, **base)
        self.cropping = pairs(self.name, "cropping", cropping, self.rank)

    def changed(self, x: Tensor) -> Tensor:
        spatial = list(zip(self.cropping, x.shape[1:-1], strict=True))
        if any(before + after >= size for (before, after), size in spatial):
            raise ValueError(f"{self.name}: cropping {self.cropping} leaves nothing of {list(x.shape[1:-1])}")
        begin = [0, *(before for before, _ in self.cropping), 0]
        size = [-1, *(size - before - after for (before, after), size in spatial), -1]
        return movement.slice(x, begin, size)


class Cropping1D(_Cropping):
    rank = 1


class Cropping2D(_Cropping):
    rank = 2


class Cropping3D(_Cropping):
    rank = 3


class _UpSampling(_Spatial):
    """Every value ``size`` times along the spatial axes.

    Args:
        size: one factor or one for each axis.
        data_format: ``"channels_last"`` or ``"channels_first"``.
        interpolation: for images; ``"nearest"``, ``"bilinear"``, ``"bicubic"``, ``"lanczos3"`` or ``"lanczos5"``.
    """

    def __init__(
        self,
        size: int | Sequence[int] = 2,
        data_format: str | None = None,
        interpolation: str = "nearest",
        **base: Any,
    ) -> None:
        super().__init__(data_format=data_format, **base)
        self.size = sizes(self.name, "size", size, self.rank)
        self.interpolation = image.interpolation_name(interpolation)

    def changed(self, x: Tensor) -> Tensor:
        if self.interpolation == "nearest":
            return image.repeat_spatial(x, self.size)
        return image.resize(x, [d * s for d, s in zip(x.shape[1:-1], self.size, strict=True)], self.interpolation)


class UpSampling1D(_UpSampling):
    rank = 1


class UpSampling2D(_UpSampling):
    rank = 2


class UpSampling3D(_UpSampling):
    rank = 3
