"""Recurrent layers whose products are convolutions."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from .. import naming
from ..ops import convolutions
from ..runtime.tensor import Tensor
from .base import BatchShape, positive, sized
from .cells import LSTMCell, StateShapes
from .formats import DATA_FORMATS, channels_back, channels_last, padding_mode, sizes
from .recurrent import _CellLayer


class _ConvLSTMCell(LSTMCell):
    """An LSTM cell over images: the inputs' and the states' products are convolutions. Shi et al. (2015).

    Args:
        filters: channels of the state and of the output.
        kernel_size, strides, padding, data_format, dilation_rate: of the convolution of the inputs; that of the states
            has the same kernel size, step 1 and padding "same".
        The others are those of :class:`LSTMCell`.
    """

    rank: int

    def __init__(
        self,
        filters: int,
        kernel_size: int | Sequence[int],
        strides: int | Sequence[int] = 1,
        padding: str = "valid",
        data_format: str | None = None,
        dilation_rate: int | Sequence[int] = 1,
        **shared: Any,
    ) -> None:
        shared.pop("units", None)
        super().__init__(filters, **shared)
        self.filters = positive(self.name, "filters", filters)
        self.kernel_size = sizes(self.name, "kernel_size", kernel_size, self.rank)
        self.strides = sizes(self.name, "strides", strides, self.rank)
        self.dilation_rate = sizes(self.name, "dilation_rate", dilation_rate, self.rank)
        self.padding = padding_mode(self.name, padding)
        self.data_format = naming.lookup("data_format", data_format or "channels_last", DATA_FORMATS)

    def get_config(self) -> dict[str, Any]:
        config = super().get_config()
        del config["units"]
        return config

    def build(self, input_shape: BatchShape) -> None:
        channels = sized(self, input_shape, -1 if self.data_format == "channels_last" else 1)
        width = self.gates * self.filters
        self.kernel = self.add_weight(
            "kernel",
            (*self.kernel_size, channels, width),
            self.kernel_initializer,
            self.kernel_regularizer,
            self.kernel_constraint,
        )
        self.recurrent_kernel = self.add_weight(
            "recurrent_kernel",
            (*self.kernel_size, self.filters, width),
            self.recurrent_initializer,
            self.recurrent_regularizer,
            self.recurrent_constraint,
        )
        self.bias = self.add_bias((width,), self.bias_initializer) if self.use_bias else None

    def weighed(self, inputs: Tensor, kernel: Tensor) -> Tensor:
        """With channels last, whatever the inputs have: so the steps need not care."""
        x = channels_last(inputs, self.data_format)
        return convolutions.convolution(x, kernel, self.strides, self.padding, self.dilation_rate)

    def step(self, projected: Tensor, states: Sequence[Tensor]) -> tuple[Tensor, list[Tensor]]:
        _, new = super().step(projected, [channels_last(s, self.data_format) for s in states])
        new = [channels_back(s, self.data_format) for s in new]
        return new[0], new

    def recurred(self, h: Tensor, kernel: Tensor) -> Tensor:
        return convolutions.convolution(h, kernel, 1, "same")

    def state_noise(self, batch: int, x: Tensor) -> Tensor | None:
        if not 0 < self.recurrent_dropout < 1:
            return None
        return self._mask(self.recurrent_dropout, x, (batch, *self.shapes_for(x.shape[2:])[0]), 2)

    def shapes_for(self, image: Sequence[int]) -> StateShapes:
        """The state shapes for images of one step, without the batch axis."""
        spatial = image[:-1] if self.data_format == "channels_last" else image[1:]
        out = []
        for n, k, s, d in zip(spatial, self.kernel_size, self.strides, self.dilation_rate, strict=True):
            out.append(-(-n // s) if self.padding == "same" else (n - ((k - 1) * d + 1)) // s + 1)
        one = (*out, self.filters) if self.data_format == "channels_last" else (self.filters, *out)
        return [one, one]


class ConvLSTM1DCell(_ConvLSTMCell):
    rank = 1


class ConvLSTM2DCell(_ConvLSTMCell):
    rank = 2


class ConvLSTM3DCell(_ConvLSTMCell):
    rank = 3


class _ConvLSTM(_CellLayer):
    """A recurrent layer over sequences of images: ``[batch, steps, *image]``."""

    cell: _ConvLSTMCell

    def state_shapes(self, x: Tensor) -> StateShapes:
        return self.cell.shapes_for(x.shape[2:])


class ConvLSTM1D(_ConvLSTM):
    """A recurrent layer of convolutions over one axis.

    >>> import weblayers as wl
    >>> wl.layers.conv_lstm1d(filters=2, kernel_size=3).apply(wl.ones([1, 4, 5, 1])).shape
    (1, 3, 2)
    """

    cell_class = ConvLSTM1DCell


class ConvLSTM2D(_ConvLSTM):
    """A recurrent layer of convolutions over two axes.

    >>> import weblayers as wl
    >>> wl.layers.conv_lstm2d(filters=2, kernel_size=3, padding="same").apply(wl.ones([1, 4, 5, 5, 1])).shape
    (1, 5, 5, 2)
    """

    cell_class = ConvLSTM2DCell


class ConvLSTM3D(_ConvLSTM):
    """A recurrent layer of convolutions over three axes.

    >>> import weblayers as wl
    >>> wl.layers.conv_lstm3d(filters=1, kernel_size=2).apply(wl.ones([1, 2, 3, 3, 3, 1])).shape
    (1, 2, 2, 2, 1)
    """

    cell_class = ConvLSTM3DCell


__all__ = ["ConvLSTM1D", "ConvLSTM1DCell", "ConvLSTM2D", "ConvLSTM2DCell", "ConvLSTM3D", "ConvLSTM3DCell"]
