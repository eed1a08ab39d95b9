"""Depthwise and separable convolutions: space and channels one after the other."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Self

from .. import constraints, initializers, naming, regularizers
from ..ops import convolutions
from ..runtime.tensor import Tensor
from .base import BatchShape, positive
from .convolutional import Convolution

_OF_OTHER_CONVOLUTIONS = frozenset(("kernel_initializer", "kernel_regularizer", "kernel_constraint", "groups"))


class _Depthwise(Convolution):
    """Every input channel convolved with ``depth_multiplier`` kernels of its own.

    Args:
        depth_multiplier: output channels for each input channel.
        depthwise_initializer, depthwise_regularizer, depthwise_constraint: of the kernel.
        The others are those of the convolutions.

    Shapes:
        kernel ``[*window, in, depth_multiplier]``; the output has ``in * depth_multiplier`` channels.
    """

    def __init__(
        self,
        kernel_size: int | Sequence[int],
        strides: int | Sequence[int] = 1,
        padding: str = "valid",
        depth_multiplier: int = 1,
        data_format: str | None = None,
        dilation_rate: int | Sequence[int] = 1,
        depthwise_initializer: Any = "glorot_uniform",
        depthwise_regularizer: Any = None,
        depthwise_constraint: Any = None,
        **shared: Any,
    ) -> None:
        super().__init__(kernel_size, strides, padding, data_format, dilation_rate, **shared)
        self.depth_multiplier = positive(self.name, "depth_multiplier", depth_multiplier)
        self.depthwise_initializer = initializers.get(depthwise_initializer)
        self.depthwise_regularizer = regularizers.get(depthwise_regularizer)
        self.depthwise_constraint = constraints.get(depthwise_constraint)

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Self:
        """A layer from what :meth:`get_config` gave; what Keras 2 writes of a kernel that there is not is left out."""
        return cls(**{k: v for k, v in config.items() if naming.snake(k) not in _OF_OTHER_CONVOLUTIONS})

    def build(self, input_shape: BatchShape) -> None:
        self.add_depthwise_kernel(input_shape)
        self.add_bias(self.in_channels * self.depth_multiplier)

    def add_depthwise_kernel(self, input_shape: BatchShape) -> None:
        self.in_channels = self.channels(input_shape)
        self.depthwise_kernel = self.add_weight(
            "depthwise_kernel",
            (*self.kernel_size, self.in_channels, self.depth_multiplier),
            self.depthwise_initializer,
            self.depthwise_regularizer,
            self.depthwise_constraint,
        )

    def convolved(self, x: Tensor) -> Tensor:
        return convolutions.depthwise_convolution(
            x, self.depthwise_kernel, self.strides, self.padding, self.dilation_rate
        )


class DepthwiseConv1D(_Depthwise):
    """Depthwise convolution over one axis.

    >>> import weblayers as wl
    >>> wl.layers.depthwise_conv1d(kernel_size=3).apply(wl.ones([1, 5, 2])).shape
    (1, 3, 2)
    """

    rank = 1


class DepthwiseConv2D(_Depthwise):
    """Depthwise convolution over two axes.

    >>> import weblayers as wl
    >>> wl.layers.depthwise_conv2d(kernel_size=3, depth_multiplier=2).apply(wl.ones([1, 5, 5, 2])).shape
    (1, 3, 3, 4)
    """

    rank = 2


class _Separable(_Depthwise):
    """A depthwise convolution and then a mixture of the channels at each position.

    Args:
        filters: number of output channels.
        pointwise_initializer, pointwise_regularizer, pointwise_constraint: of the mixing kernel
            ``[1, ..., in * depth_multiplier, filters]``.
    """

    def __init__(
        self,
        filters: int,
        kernel_size: int | Sequence[int],
        strides: int | Sequence[int] = 1,
        padding: str = "valid",
        data_format: str | None = None,
        dilation_rate: int | Sequence[int] = 1,
        depth_multiplier: int = 1,
        pointwise_initializer: Any = "glorot_uniform",
        pointwise_regularizer: Any = None,
        pointwise_constraint: Any = None,
        **shared: Any,
    ) -> None:
        super().__init__(kernel_size, strides, padding, depth_multiplier, data_format, dilation_rate, **shared)
        self.filters = positive(self.name, "filters", filters)
        self.pointwise_initializer = initializers.get(pointwise_initializer)
        self.pointwise_regularizer = regularizers.get(pointwise_regularizer)
        self.pointwise_constraint = constraints.get(pointwise_constraint)

    def build(self, input_shape: BatchShape) -> None:
        self.add_depthwise_kernel(input_shape)
        self.pointwise_kernel = self.add_weight(
            "pointwise_kernel",
            (*(1,) * self.rank, self.in_channels * self.depth_multiplier, self.filters),
            self.pointwise_initializer,
            self.pointwise_regularizer,
            self.pointwise_constraint,
        )
        self.add_bias(self.filters)

    def convolved(self, x: Tensor) -> Tensor:
        return convolutions.convolution(super().convolved(x), self.pointwise_kernel)


class SeparableConv1D(_Separable):
    """Separable convolution over one axis.

    >>> import weblayers as wl
    >>> wl.layers.separable_conv1d(filters=4, kernel_size=3).apply(wl.ones([1, 5, 2])).shape
    (1, 3, 4)
    """

    rank = 1


class SeparableConv2D(_Separable):
    """Separable convolution over two axes. Chollet, "Xception" (2017).

    >>> import weblayers as wl
    >>> wl.layers.separable_conv2d(filters=4, kernel_size=3).apply(wl.ones([1, 5, 5, 2])).shape
    (1, 3, 3, 4)
    """

    rank = 2
