"""Dense, and layers without spatial structure."""

from __future__ import annotations

import math
from typing import Any

from .. import activations, initializers, naming, random_seed
from ..ops import arithmetic as a
from ..ops import matrices, movement, random
from ..ops.dispatch import op
from ..runtime import tracing
from ..runtime.tensor import Tensor
from ..runtime.tracing import HostScalar
from .base import BatchShape, Layer, positive
from .formats import DATA_FORMATS, channels_last


class Dense(Layer):
    """``activation(x @ kernel + bias)`` over the last axis.

    Args:
        units: size of the output's last axis.
        activation: name or function; linear if left out.
        use_bias: whether to add a bias.
        kernel_initializer, bias_initializer: initial weights.
        input_dim: short for ``input_shape=[input_dim]``.

    Shapes:
        ``[batch, ..., in]`` to ``[batch, ..., units]``; kernel ``[in, units]``, bias ``[units]``.

    >>> import weblayers as wl
    >>> wl.layers.dense(units=2, kernel_initializer="ones").apply(wl.ones([1, 3])).array_sync()
    [[3.0, 3.0]]
    """

    def __init__(
        self,
        units: int,
        activation: Any = None,
        use_bias: bool = True,
        kernel_initializer: Any = "glorot_normal",
        bias_initializer: Any = "zeros",
        input_dim: int | None = None,
        **base: Any,
    ) -> None:
        if input_dim is not None:
            base["input_shape"] = [input_dim]
        super().__init__(**base)
        self.units = positive(self.name, "units", units)
        self.activation = activations.get(activation)
        self.use_bias = use_bias
        self.kernel_initializer = initializers.get(kernel_initializer)
        self.bias_initializer = initializers.get(bias_initializer)

    def build(self, input_shape: BatchShape) -> None:
        if len(input_shape) < 2 or input_shape[-1] is None:
            raise ValueError(
                f"Input 0 is incompatible with layer {self.name}: it needs a sized last axis, got {list(input_shape)}."
            )
        self.kernel = self.add_weight("kernel", (input_shape[-1], self.units), self.kernel_initializer)
        self.bias = self.add_weight("bias", (self.units,), self.bias_initializer) if self.use_bias else None

    def call(self, inputs: Tensor, training: bool = False) -> Tensor:
        if inputs.shape[-1] != self.kernel.shape[0]:
            raise ValueError(
                f"Input 0 is incompatible with layer {self.name}: expected axis -1 of input shape to have value"
                f" {self.kernel.shape[0]} but got shape {list(inputs.shape)}."
            )
        out = matrices.mat_mul(inputs, self.kernel)
        if self.bias is not None:
            out = a.add(out, self.bias)
        return self.activation(out)

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "units": self.units,
            "activation": activations.serialize(self.activation),
            "use_bias": self.use_bias,
            "kernel_initializer": initializers.serialize(self.kernel_initializer),
            "bias_initializer": initializers.serialize(self.bias_initializer),
        }


class Activation(Layer):
    """An activation function as a layer.

    >>> import weblayers as wl
    >>> wl.layers.activation("relu").apply(wl.tensor1d([-1, 1])).array_sync()
    [0.0, 1.0]
    """

    def __init__(self, activation: Any, **base: Any) -> None:
        super().__init__(**base)
        self.activation = activations.get(activation)

    def call(self, inputs: Tensor, training: bool = False) -> Tensor:
        return self.activation(inputs)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "activation": activations.serialize(self.activation)}


class Flatten(Layer):
    """All axes but the first in one.

    Args:
        data_format: ``"channels_first"`` moves the channels to the end first, so that either format gives one order.

    >>> import weblayers as wl
    >>> wl.layers.flatten().apply(wl.ones([2, 3, 4])).shape
    (2, 12)
    """

    def __init__(self, data_format: str = "channels_last", **base: Any) -> None:
        super().__init__(**base)
        self.data_format = naming.lookup("data_format", data_format, DATA_FORMATS)

    def call(self, inputs: Tensor, training: bool = False) -> Tensor:
        x = channels_last(inputs, self.data_format) if inputs.rank > 2 else inputs
        return movement.reshape(x, (x.shape[0], math.prod(x.shape[1:])))

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "data_format": self.data_format}


@op("x")
def _dropped(x: Any, rate: float, seed: int, counter: HostScalar) -> Any:
    trace = tracing.current()
    assert trace is not None
    keep = a.less_equal(rate, random.uniform(x.shape, seed, trace.scalar(counter)))
    return a.where(keep, x * (1 / (1 - rate)), 0.0)


class Dropout(Layer):
    """In training, sets a share ``rate`` of the inputs to zero and scales the others up, so that the mean stays.

    Srivastava et al., "Dropout: A Simple Way to Prevent Neural Networks from Overfitting" (2014). The mask is a
    function of the seed and the step, equal on every backend.

    >>> import weblayers as wl
    >>> wl.layers.dropout(rate=0.5).apply(wl.ones([3])).array_sync()
    [1.0, 1.0, 1.0]
    """

    def __init__(self, rate: float, seed: int | None = None, **base: Any) -> None:
        super().__init__(**base)
        if not 0 <= rate <= 1:
            raise ValueError(f"{self.name}: rate must lie between 0 and 1, got {rate}")
        self.rate, self.seed = rate, seed
        self._key = random_seed.new_seed() if seed is None else seed % 2**24
        # counts the masks, so that each step has its own; exact in float32 for 16 million steps
        self._masks = HostScalar(0, 1)

    def call(self, inputs: Tensor, training: bool = False) -> Tensor:
        # a rate of 1 would leave nothing; TensorFlow.js then drops nothing
        if not training or self.rate in (0, 1):
            return inputs
        return _dropped(inputs, self.rate, self._key, self._masks)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "rate": self.rate, "seed": self.seed}
