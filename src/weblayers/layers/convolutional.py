"""Convolutions over one, two and three axes, and their transposes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from .. import activations, constraints, initializers, naming, regularizers
from ..ops import arithmetic as a
from ..ops import convolutions
from ..runtime.tensor import Tensor
from .base import BatchShape, Layer, check_rank, positive, sized
from .checks import told_by
from .formats import DATA_FORMATS, channels_back, channels_last, padding_mode, sizes


class Convolution(Layer):
    """What all convolutions share: their windows, their bias and their activation.

    Args:
        kernel_size: one size or one for each axis.
        strides: one step or one for each axis.
        padding: ``"valid"`` or ``"same"``; for one axis also ``"causal"``, which sees nothing of later steps.
        data_format: ``"channels_last"`` or ``"channels_first"``.
        dilation_rate: gaps between the kernel's taps, plus one.
        activation, use_bias and the bias' initializer, regularizer, constraint: as in Dense.
    """

    rank: int

    def __init__(
        self,
        kernel_size: int | Sequence[int],
        strides: int | Sequence[int] = 1,
        padding: str = "valid",
        data_format: str | None = None,
        dilation_rate: int | Sequence[int] = 1,
        activation: Any = None,
        use_bias: bool = True,
        bias_initializer: Any = "zeros",
        bias_regularizer: Any = None,
        bias_constraint: Any = None,
        **base: Any,
    ) -> None:
        super().__init__(**base)
        self.kernel_size = sizes(self.name, "kernel_size", kernel_size, self.rank)
        self.strides = sizes(self.name, "strides", strides, self.rank)
        self.dilation_rate = sizes(self.name, "dilation_rate", dilation_rate, self.rank)
        self.padding = padding_mode(self.name, padding, causal=self.rank == 1)
        self.data_format = naming.lookup("data_format", data_format or "channels_last", DATA_FORMATS)
        self.activation = activations.get(activation)
        self.use_bias = use_bias
        self.bias_initializer = initializers.get(bias_initializer)
        self.bias_regularizer = regularizers.get(bias_regularizer)
        self.bias_constraint = constraints.get(bias_constraint)

    def channels(self, input_shape: BatchShape) -> int:
        """The number of input channels, which have to be known."""
        check_rank(self, input_shape, self.rank + 2)
        return sized(self, input_shape, -1 if self.data_format == "channels_last" else 1)

    def add_bias(self, size: int) -> None:
        self.bias = None
        if self.use_bias:
            self.bias = self.add_weight(
                "bias", (size,), self.bias_initializer, self.bias_regularizer, self.bias_constraint
            )

    def call(self, inputs: Tensor) -> Tensor:
        check_rank(self, inputs.shape, self.rank + 2)
        x = channels_last(inputs, self.data_format)
        if x.shape[-1] != self.in_channels:
            raise ValueError(
                f"Input 0 is incompatible with layer {self.name}: expected {self.in_channels} channels but got"
                f" shape {list(inputs.shape)} ({self.data_format})."
            )
        with told_by(self):
            out = self.convolved(x)
        if self.bias is not None:
            out = a.add(out, self.bias)
        return channels_back(self.activation(out), self.data_format)

    def convolved(self, x: Tensor) -> Tensor:
        """The convolution alone, of values with their channels last."""
        raise NotImplementedError

    in_channels: int


class _Conv(Convolution):
    """Convolution with one kernel for all channels.

    Args:
        filters: number of output channels.
        groups: the input's channels are convolved in so many parts, each by itself.
        kernel_initializer, kernel_regularizer, kernel_constraint: of the kernel.

    Shapes:
        ``[batch, *spatial, in]`` to ``[batch, *spatial', filters]``; kernel ``[*window, in / groups, filters]``.
    """

    def __init__(
        self,
        filters: int,
        kernel_size: int | Sequence[int],
        strides: int | Sequence[int] = 1,
        padding: str = "valid",
        data_format: str | None = None,
        dilation_rate: int | Sequence[int] = 1,
        groups: int = 1,
        activation: Any = None,
        use_bias: bool = True,
        kernel_initializer: Any = "glorot_normal",
        bias_initializer: Any = "zeros",
        kernel_regularizer: Any = None,
        bias_regularizer: Any = None,
        kernel_constraint: Any = None,
        bias_constraint: Any = None,
        **base: Any,
    ) -> None:
        super().__init__(
            kernel_size,
            strides,
            padding,
            data_format,
            dilation_rate,
            activation,
            use_bias,
            bias_initializer,
            bias_regularizer,
            bias_constraint,
            **base,
        )
        self.filters = positive(self.name, "filters", filters)
        self.groups = positive(self.name, "groups", groups)
        if self.filters % self.groups:
            raise ValueError(f"{self.name}: {filters} filters cannot be split into {groups} groups.")
        self.kernel_initializer = initializers.get(kernel_initializer)
        self.kernel_regularizer = regularizers.get(kernel_regularizer)
        self.kernel_constraint = constraints.get(kernel_constraint)

    def build(self, input_shape: BatchShape) -> None:
        self.in_channels = self.channels(input_shape)
        if self.in_channels % self.groups:
            raise ValueError(f"{self.name}: {self.in_channels} channels cannot be split into {self.groups} groups.")
        self.add_kernel((*self.kernel_size, self.in_channels // self.groups, self.filters))

    def add_kernel(self, shape: Sequence[int]) -> None:
        self.kernel = self.add_weight(
            "kernel", shape, self.kernel_initializer, self.kernel_regularizer, self.kernel_constraint
        )
        self.add_bias(self.filters)

    def convolved(self, x: Tensor) -> Tensor:
        return convolutions.convolution(x, self.kernel, self.strides, self.padding, self.dilation_rate, self.groups)


class Conv1D(_Conv):
    """Convolution over one axis: ``[batch, steps, in]``.

    >>> import weblayers as wl
    >>> wl.layers.conv1d(filters=2, kernel_size=3, padding="causal").apply(wl.ones([1, 5, 1])).shape
    (1, 5, 2)
    """

    rank = 1


class Conv2D(_Conv):
    """Convolution over two axes: ``[batch, height, width, in]``.

    >>> import weblayers as wl
    >>> wl.layers.conv2d(filters=2, kernel_size=3).apply(wl.ones([1, 5, 5, 1])).shape
    (1, 3, 3, 2)
    """

    rank = 2


class Conv3D(_Conv):
    """Convolution over three axes: ``[batch, depth, height, width, in]``.

    >>> import weblayers as wl
    >>> wl.layers.conv3d(filters=2, kernel_size=3).apply(wl.ones([1, 5, 5, 5, 1])).shape
    (1, 3, 3, 3, 2)
    """

    rank = 3


class _ConvTranspose(_Conv):
    """The gradient of a convolution as a layer: what a convolution would have made smaller, it makes larger.

    Args:
        output_padding: added to the output's sizes; chooses among the sizes that fit the strides.

    Shapes:
        kernel ``[*window, filters, in]``.
    """

    def __init__(self, *args: Any, output_padding: int | Sequence[int] | None = None, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        extra = [output_padding] * self.rank if isinstance(output_padding, int) else output_padding
        self.output_padding = None if extra is None else list(extra)

    def build(self, input_shape: BatchShape) -> None:
        self.in_channels = self.channels(input_shape)
        self.add_kernel((*self.kernel_size, self.filters, self.in_channels))

    def convolved(self, x: Tensor) -> Tensor:
        return convolutions.convolution_transpose(
            x, self.kernel, self._output_sizes(x.shape[1:-1]), self.strides, self.padding, self.dilation_rate
        )

    def _output_sizes(self, spatial: Sequence[int]) -> list[int]:
        out = []
        for i, (n, k, s, d) in enumerate(zip(spatial, self.kernel_size, self.strides, self.dilation_rate, strict=True)):
            extent = (k - 1) * d + 1
            if self.output_padding is not None:
                around = extent // 2 if self.padding == "same" else 0
                out.append((n - 1) * s + extent - 2 * around + self.output_padding[i])
            else:
                out.append(n * s if self.padding == "same" else (n - 1) * s + max(extent, s))
        return out


class Conv1DTranspose(_ConvTranspose):
    """Transposed convolution over one axis.

    >>> import weblayers as wl
    >>> wl.layers.conv1d_transpose(filters=2, kernel_size=3, strides=2).apply(wl.ones([1, 2, 1])).shape
    (1, 5, 2)
    """

    rank = 1


class Conv2DTranspose(_ConvTranspose):
    """Transposed convolution over two axes.

    >>> import weblayers as wl
    >>> layer = wl.layers.conv2d_transpose(filters=2, kernel_size=3, strides=2, padding="same")
    >>> layer.apply(wl.ones([1, 4, 4, 1])).shape
    (1, 8, 8, 2)
    """

    rank = 2


class Conv3DTranspose(_ConvTranspose):
    """Transposed convolution over three axes.

    >>> import weblayers as wl
    >>> wl.layers.conv3d_transpose(filters=2, kernel_size=3).apply(wl.ones([1, 2, 2, 2, 1])).shape
    (1, 4, 4, 4, 2)
    """

    rank = 3
