"""Layers one after the other."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from .. import naming
from ..layers import serialization
from ..layers.base import BatchShape, Layer
from ..layers.core import InputLayer, input
from ..layers.symbolic import SymbolicTensor
from .functional import Functional, Model


class Sequential(Functional):
    """A stack of layers with one input and one output.

    Args:
        layers: layers to add.
        name: of the model.

    The first layer says the input's shape (``input_shape`` or ``batch_input_shape``), or is a model or an input itself.

    >>> import weblayers as wl
    >>> model = wl.sequential()
    >>> model.add(wl.layers.dense(units=1, input_shape=[3]))
    >>> model.predict(wl.zeros([2, 3])).shape
    (2, 1)
    """

    name_prefix = "sequential_"
    graph_is_use = False

    def __init__(self, layers: Sequence[Layer] | None = None, name: str | None = None, **base: Any) -> None:
        Model.__init__(self, name=name, **base)
        self._stack: list[Layer] = []
        self._source: SymbolicTensor | None = None
        for layer in layers or ():
            self.add(layer)

    def add(self, layer: Layer) -> None:
        """Put a layer on top.

        Raises:
            ValueError: the first layer knows no input shape, or the name is taken.
        """
        if isinstance(layer, SymbolicTensor):
            layer = layer.source_layer  # what `input` gave, as Keras allows
        if not isinstance(layer, Layer):
            raise TypeError(f"add expects a layer, got {type(layer).__name__}")
        if any(layer.name == other.name for other in self._stack):
            raise ValueError(f'The name "{layer.name}" is used 2 times in the model. All layer names should be unique.')
        if self._source is None:
            if layer.batch_input_shape is None and not isinstance(layer, Functional):
                raise ValueError(
                    "The first layer in a Sequential model must get an `inputShape` or `batchInputShape` argument."
                )
            shape = layer.input_shape if isinstance(layer, Functional) else layer.batch_input_shape
            assert shape is not None
            dtype = layer.input_dtype or ("float32" if layer.dtype == "float32" else layer.dtype)
            self._source = input(batch_shape=shape, dtype=dtype, name=f"{layer.name}_input")
            output: Any = self._source
        else:
            output = self.outputs[0]
        if not isinstance(layer, InputLayer):
            output = layer.apply(output)
            if not isinstance(output, SymbolicTensor):
                raise TypeError(
                    "All layers in a Sequential model should have a single output tensor."
                    " For multi-output layers, use the functional API."
                )
            self._stack.append(layer)
        self._set_graph(self._source, output)

    def pop(self) -> None:
        """Take the top layer away."""
        if not self._stack:
            raise TypeError("There are no layers in the model.")
        self._stack.pop()
        assert self._source is not None
        output = self.outputs[0].call.inputs  # type: ignore[union-attr]
        self._set_graph(self._source, output)

    @property
    def layers(self) -> list[Layer]:
        return list(self._stack)

    def check_usable(self) -> None:
        super().check_usable()
        if not self._stack:
            raise ValueError("Sequential model cannot be built: model is empty. Add some layers first.")

    def get_config(self) -> dict[str, Any]:
        described: list[dict[str, Any]] = [
            {"class_name": layer.class_name, "config": layer.get_config()} for layer in self._stack
        ]
        if described and isinstance(self._stack[0], Layer) and not isinstance(self._stack[0], Functional):
            described[0]["config"]["batch_input_shape"] = list(self.input_shape)
            if described[0]["config"].get("input_dtype") is not None:
                # what the layer takes by itself, where an input may have said otherwise
                described[0]["config"]["input_dtype"] = self.inputs[0].dtype
        return {"name": self.name, "layers": described, **self._arguments(but=naming.parameters(Sequential))}

    @classmethod
    def from_config(cls, config: Any) -> Sequential:
        """A model from what :meth:`get_config` gave, or Keras or TensorFlow.js wrote."""
        if isinstance(config, list):
            config = {"layers": config}
        made = [serialization.deserialize(layer) for layer in config["layers"]]
        known = naming.parameters(cls)
        own = {key: config[key] for key in config.keys() & known if key not in naming.parameters(Sequential)}
        # a class of one's own may make its layers, or name itself
        shared = {"layers": made, "name": config.get("name")}
        return cls(**{key: value for key, value in shared.items() if key in known}, **own)

    @property
    def input_shape(self) -> BatchShape:
        """With the batch axis, which is None."""
        self.check_usable()
        return self.inputs[0].shape
