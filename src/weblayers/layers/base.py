"""What every layer is: configuration, weights, and a function of tensors."""

from __future__ import annotations

import itertools
from collections import defaultdict
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from .. import initializers, naming
from ..runtime import tracing
from ..runtime.tensor import Tensor, Variable, to_tensor
from ..runtime.tracing import Trace

# A shape with a free batch size has None in front.
BatchShape = tuple[int | None, ...]

_counters: dict[str, Iterator[int]] = defaultdict(lambda: itertools.count(1))


def unique_name(prefix: str) -> str:
    """The prefix with the next number, as TensorFlow.js names layers and models."""
    return f"{prefix}{next(_counters[prefix])}"


class Layer(naming.Named, metaclass=naming.Configurable):
    """Base class of layers. A subclass makes its weights in :meth:`build` and computes in :meth:`call`.

    Args of every layer, besides its own:
        name: unique in a model; made from the class if left out.
        trainable: whether its weights are trained.
        dtype: of its weights.
        input_shape, batch_input_shape: for the first layer of a model; without and with the batch axis.
        batch_size: fixes the batch axis of ``input_shape``.
        weights: initial weights, in the order of :meth:`get_weights`.
    """

    def __init__(
        self,
        *,
        name: str | None = None,
        trainable: bool = True,
        dtype: str = "float32",
        input_shape: Sequence[int] | None = None,
        batch_input_shape: Sequence[int | None] | None = None,
        batch_size: int | None = None,
        weights: Sequence[Any] | None = None,
    ) -> None:
        self.name = name or unique_name(f"{naming.class_snake(type(self).__name__)}_{type(self).__name__}")
        self.trainable, self.dtype = trainable, dtype
        self.batch_input_shape: BatchShape | None = None
        if batch_input_shape is not None:
            self.batch_input_shape = tuple(batch_input_shape)
        elif input_shape is not None:
            self.batch_input_shape = (batch_size, *_checked_shape(self.name, input_shape))
        self.built = False
        self._weights: list[Variable] = []
        self._initial_weights = weights

    # -- to be defined by subclasses ----------------------------------------------------------------------------------

    def build(self, input_shape: BatchShape) -> None:
        """Make the weights for inputs of this shape."""

    def call(self, inputs: Tensor, training: bool = False) -> Tensor:
        """The layer's function."""
        raise NotImplementedError(f"{type(self).__name__} does not say what it computes: define call(inputs, training)")

    def get_config(self) -> dict[str, Any]:
        """The arguments that make an equal layer, weights aside."""
        config: dict[str, Any] = {"name": self.name, "trainable": self.trainable, "dtype": self.dtype}
        if self.batch_input_shape is not None:
            config["batch_input_shape"] = list(self.batch_input_shape)
        return config

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Layer:
        """A layer from what :meth:`get_config` gave."""
        return cls(**config)

    # -- use ----------------------------------------------------------------------------------------------------------

    def apply(self, inputs: Any, training: bool = False) -> Tensor:
        """The layer's output for a tensor, concrete or symbolic; the weights are made at the first use.

        >>> import weblayers as wl
        >>> wl.layers.flatten().apply(wl.ones([2, 3, 4])).shape
        (2, 12)
        """
        tensor = to_tensor(inputs)
        self.ensure_built((None, *tensor.shape[1:]))
        return self.call(tensor, training=training)

    __call__ = apply

    def ensure_built(self, input_shape: BatchShape) -> None:
        if self.built:
            return
        self.build(input_shape)
        self.built = True
        if self._initial_weights is not None:
            self.set_weights(self._initial_weights)

    def compute_output_shape(self, input_shape: BatchShape) -> BatchShape:
        """The shape of the output for an input shape, batch axis included."""
        self.ensure_built(tuple(input_shape))
        with tracing.tracing(Trace()):
            probe = tracing.placeholder((1, *_known(self.name, input_shape)), "float32")
            return (input_shape[0], *self.call(probe).shape[1:])

    # -- weights ------------------------------------------------------------------------------------------------------

    def add_weight(
        self, name: str, shape: Sequence[int], initializer: Any = "glorot_normal", trainable: bool = True
    ) -> Variable:
        """Make a weight that is trained and saved with the layer."""
        values = initializers.get(initializer)(tuple(shape))
        variable = Variable(values, f"{self.name}/{name}", trainable)
        self._weights.append(variable)
        return variable

    @property
    def trainable_weights(self) -> list[Variable]:
        return [w for w in self._weights if w.trainable] if self.trainable else []

    @property
    def non_trainable_weights(self) -> list[Variable]:
        trained = self.trainable_weights
        return [w for w in self._weights if not any(w is t for t in trained)]

    @property
    def weights(self) -> list[Variable]:
        return self.trainable_weights + self.non_trainable_weights

    def get_weights(self) -> list[Tensor]:
        """The values of the weights, trainable ones first."""
        return [to_tensor(w.numpy().copy(), w.dtype) for w in self.weights]

    def set_weights(self, weights: Sequence[Any]) -> None:
        """Replace the values of all weights, in the order of :meth:`get_weights`."""
        mine = self.weights
        if len(weights) != len(mine):
            raise ValueError(
                f"set_weights of layer {self.name!r}: got {len(weights)} values for {len(mine)} weights"
                f" of shapes {[list(w.shape) for w in mine]}"
            )
        for variable, value in zip(mine, weights, strict=True):
            variable.assign(value if isinstance(value, Tensor) else np.asarray(value, np.float32))

    def count_params(self) -> int:
        """How many numbers the weights hold."""
        return sum(w.size for w in self._weights)

    @property
    def class_name(self) -> str:
        return type(self).__name__

    def __repr__(self) -> str:
        return f"<{self.class_name} {self.name!r}>"


def _known(name: str, shape: BatchShape) -> tuple[int, ...]:
    known = tuple(d for d in shape[1:] if d is not None)
    if len(known) != len(shape) - 1:
        raise ValueError(f"layer {name!r}: every axis but the first needs a size, got {list(shape)}")
    return known


def _checked_shape(name: str, shape: Sequence[int]) -> tuple[int, ...]:
    if not all(isinstance(d, int | np.integer) and d > 0 for d in shape):
        raise ValueError(
            f"layer {name!r}: input_shape must be positive integers, without the batch axis; got {list(shape)}"
        )
    return tuple(int(d) for d in shape)


def positive(owner: str, what: str, value: Any) -> int:
    """A positive integer, or an error that says whose."""
    if isinstance(value, bool) or not isinstance(value, int | np.integer) or value < 1:
        raise ValueError(f"{owner}: expected {what} to be a positive integer, but got {value!r}.")
    return int(value)


def check_rank(layer: Layer, shape: BatchShape, rank: int) -> None:
    if len(shape) != rank:
        raise ValueError(
            f"Input 0 is incompatible with layer {layer.name}: expected ndim={rank}, found ndim={len(shape)}"
            f" (shape {list(shape)})."
        )
