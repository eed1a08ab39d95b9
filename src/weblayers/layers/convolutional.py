"""Convolutions."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from .. import activations, initializers, naming
from ..ops import arithmetic as a
from ..ops import images
from ..runtime.tensor import Tensor
from .base import BatchShape, Layer, check_rank, positive
from .formats import DATA_FORMATS, channels_back, channels_last, padding_mode, sizes


class Conv2D(Layer):
    """2-D convolution: ``activation(conv(x, kernel) + bias)``.

    Args:
        filters: number of output channels.
        kernel_size: one size or two.
        strides: one step or two.
        padding: ``"valid"`` or ``"same"``.
        data_format: ``"channels_last"`` or ``"channels_first"``.
        dilation_rate: gaps between the kernel's taps, plus one.
        activation, use_bias, kernel_initializer, bias_initializer: as in Dense.

    Shapes:
        ``[batch, height, width, in]`` to ``[batch, height', width', filters]``; kernel ``[kh, kw, in, filters]``.

    >>> import weblayers as wl
    >>> wl.layers.conv2d(filters=2, kernel_size=3).apply(wl.ones([1, 5, 5, 1])).shape
    (1, 3, 3, 2)
    """

    def __init__(
        self,
        filters: int,
        kernel_size: int | Sequence[int],
        strides: int | Sequence[int] = 1,
        padding: str = "valid",
        data_format: str = "channels_last",
        dilation_rate: int | Sequence[int] = 1,
        activation: Any = None,
        use_bias: bool = True,
        kernel_initializer: Any = "glorot_normal",
        bias_initializer: Any = "zeros",
        **base: Any,
    ) -> None:
        super().__init__(**base)
        self.filters = positive(self.name, "filters", filters)
        self.kernel_size = sizes(self.name, "kernel_size", kernel_size, 2)
        self.strides = sizes(self.name, "strides", strides, 2)
        self.dilation_rate = sizes(self.name, "dilation_rate", dilation_rate, 2)
        self.padding = padding_mode(self.name, padding)
        self.data_format = naming.lookup("data_format", data_format, DATA_FORMATS)
        self.activation = activations.get(activation)
        self.use_bias = use_bias
        self.kernel_initializer = initializers.get(kernel_initializer)
        self.bias_initializer = initializers.get(bias_initializer)

    def build(self, input_shape: BatchShape) -> None:
        check_rank(self, input_shape, 4)
        channels = input_shape[-1 if self.data_format == "channels_last" else 1]
        shape = (
            *self.kernel_size,
            positive(self.name, "the number of input channels", channels),
            self.filters,
        )
        self.kernel = self.add_weight("kernel", shape, self.kernel_initializer)
        self.bias = self.add_weight("bias", (self.filters,), self.bias_initializer) if self.use_bias else None

    def call(self, inputs: Tensor, training: bool = False) -> Tensor:
        check_rank(self, inputs.shape, 4)
        x = channels_last(inputs, self.data_format)
        if x.shape[-1] != self.kernel.shape[2]:
            raise ValueError(
                f"Input 0 is incompatible with layer {self.name}: expected {self.kernel.shape[2]} channels but got"
                f" shape {list(inputs.shape)} ({self.data_format})."
            )
        out = images.conv2d(x, self.kernel, self.strides, self.padding, self.dilation_rate)
        if self.bias is not None:
            out = a.add(out, self.bias)
        return channels_back(self.activation(out), self.data_format)

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "filters": self.filters,
            "kernel_size": list(self.kernel_size),
            "strides": list(self.strides),
            "padding": self.padding,
            "data_format": self.data_format,
            "dilation_rate": list(self.dilation_rate),
            "activation": activations.serialize(self.activation),
            "use_bias": self.use_bias,
            "kernel_initializer": initializers.serialize(self.kernel_initializer),
            "bias_initializer": initializers.serialize(self.bias_initializer),
        }
