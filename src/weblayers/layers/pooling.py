"""Pooling."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from .. import naming
from ..ops import images
from ..runtime.tensor import Tensor
from .base import Layer, check_rank
from .formats import DATA_FORMATS, channels_back, channels_last, padding_mode, sizes


class _Pooling2D(Layer):
    """What both kinds share.

    Args:
        pool_size: the window, one size or two.
        strides: the step; as large as the window if left out.
        padding: ``"valid"`` or ``"same"``.
        data_format: ``"channels_last"`` or ``"channels_first"``.
    """

    _function: Callable[..., Any]

    def __init__(
        self,
        pool_size: int | Sequence[int] = 2,
        strides: int | Sequence[int] | None = None,
        padding: str = "valid",
        data_format: str = "channels_last",
        **base: Any,
    ) -> None:
        super().__init__(**base)
        self.pool_size = sizes(self.name, "pool_size", pool_size, 2)
        self.strides = self.pool_size if strides is None else sizes(self.name, "strides", strides, 2)
        self.padding = padding_mode(self.name, padding)
        self.data_format = naming.lookup("data_format", data_format, DATA_FORMATS)

    def call(self, inputs: Tensor, training: bool = False) -> Tensor:
        check_rank(self, inputs.shape, 4)
        x = channels_last(inputs, self.data_format)
        return channels_back(type(self)._function(x, self.pool_size, self.strides, self.padding), self.data_format)

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "pool_size": list(self.pool_size),
            "strides": list(self.strides),
            "padding": self.padding,
            "data_format": self.data_format,
        }


class MaxPooling2D(_Pooling2D):
    """The maximum of every window; of equal maxima the first gets the gradient.

    >>> import weblayers as wl
    >>> wl.layers.max_pooling2d(pool_size=2).apply(wl.ones([1, 4, 4, 1])).shape
    (1, 2, 2, 1)
    """

    _function = staticmethod(images.max_pool)


class AveragePooling2D(_Pooling2D):
    """The mean of every window, over the elements of it that lie in the input.

    >>> import weblayers as wl
    >>> wl.layers.average_pooling2d(pool_size=2).apply(wl.ones([1, 4, 4, 1])).shape
    (1, 2, 2, 1)
    """

    _function = staticmethod(images.avg_pool)
