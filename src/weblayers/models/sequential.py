"""Layers one after the other."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from .. import naming, tree
from ..layers import context, serialization
from ..layers.base import BatchShape, Layer
from ..layers.core import InputLayer, input
from ..layers.symbolic import SymbolicTensor
from ..runtime.conversion import to_tensor
from ..runtime.tensor import Tensor
from .data_sets import as_tree
from .functional import Functional, Model

# What a model has once it knows its input.
_OF_A_GRAPH = frozenset(
    (
        *("inputs", "input", "input_names", "input_layers", "input_shape", "_inputs_tree"),
        *("outputs", "output", "output_names", "output_layers", "output_shape", "output_shapes", "_outputs_tree"),
    )
)


class Sequential(Functional):
    """A stack of layers with one input and one output.

    Args:
        layers: layers to add.
        name: of the model.

    The first layer says the input's shape (``input_shape`` or ``batch_input_shape``), or is a model or an input itself.
    Else the model is built, and its weights are made, when it sees data for the first time, or by :meth:`build`.

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
            ValueError: the name is taken, or an input comes after layers.
        """
        if isinstance(layer, SymbolicTensor):
            layer = layer.source_layer  # what `input` gave, as Keras allows
        if not isinstance(layer, Layer):
            raise TypeError(f"add expects a layer, got {type(layer).__name__}")
        if any(layer.name == other.name for other in self._stack):
            raise ValueError(f'The name "{layer.name}" is used 2 times in the model. All layer names should be unique.')
        if self._source is not None:
            source, output = self._source, self.outputs[0]
        else:
            shape = None if self._stack else _input_shape(layer)
            if shape is None:
                # the stack waits for its input
                if isinstance(layer, InputLayer):
                    raise ValueError(f"Sequential model {self.name!r} has layers already: an input comes first")
                self._stack.append(layer)
                return
            source = output = _source_of(layer, shape)
        if not isinstance(layer, InputLayer):
            output = _applied(layer, output)
            self._stack.append(layer)
        self._source = source
        self._set_graph(source, output)

    def build(self, input_shape: Any) -> None:
        """Make the weights for inputs of this shape, batch axis included, unless they are made.

        Raises:
            ValueError: there are no layers, or it is no shape of one input.

        >>> import weblayers as wl
        >>> model = wl.Sequential([wl.layers.Dense(2), wl.layers.Dense(1)])
        >>> model.build((None, 3))
        >>> model.count_params()
        11
        """
        if self.built:
            return
        self.check_usable()
        alone = len(input_shape) == 1 and isinstance(input_shape[0], list | tuple)
        shape = tuple(input_shape[0] if alone else input_shape)
        if not all(size is None or isinstance(size, int) for size in shape):
            raise ValueError(f"Sequential model {self.name!r} has one input, got the shape {input_shape!r}")
        source: Any = _source_of(self._stack[0], shape)
        output = source
        # what layers add to a loss while their shapes are found is nobody's
        with context.collecting_losses():
            for layer in self._stack:
                output = _applied(layer, output)
        self._source = source
        self._set_graph(source, output)

    def model_inputs(self, x: Any) -> list[Tensor]:
        if not self.built:
            given = tree.leaves(as_tree(x, several=False))
            self.ensure_built((None, *to_tensor(given[0]).shape[1:]))
        return super().model_inputs(x)

    def output_specs(self, inputs: Any, kwargs: dict[str, Any]) -> Any:
        self.ensure_built(tree.mapped(lambda wire: wire.shape, inputs))
        return super().output_specs(inputs, kwargs)

    def outputs_for(self, inputs: Sequence[Tensor], arranged: Any) -> tuple[list[str], list[BatchShape]]:
        return self.output_names, self.output_shapes

    @property
    def input_shapes(self) -> list[BatchShape] | None:  # type: ignore[override]  # not before it is built
        return super().input_shapes if self.built else None

    @property
    def static_outputs(self) -> list[BatchShape] | None:  # type: ignore[override]  # not before it is built
        return super().static_outputs if self.built else None

    @property
    def without_graph(self) -> str:
        return (
            f"Sequential model {self.name!r} is not built, its input's shape is not known: give the first layer"
            " input_shape=..., add wl.input(shape=...) first, call build((None, ...)), or call the model on data"
        )

    def __getattr__(self, name: str) -> Any:
        if name in _OF_A_GRAPH and not vars(self).get("built"):
            raise AttributeError(self.without_graph)
        return super().__getattr__(name)

    def pop(self) -> None:
        """Take the top layer away."""
        if not self._stack:
            raise TypeError("There are no layers in the model.")
        self._stack.pop()
        if self._source is None:
            return
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
        if described and self.built and not isinstance(self._stack[0], Functional):
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


def _input_shape(layer: Layer) -> Any:
    """The shape that a first layer says its input has, None if it does not say."""
    if isinstance(layer, Functional):
        return layer.input_shape if layer.built else None
    return layer.batch_input_shape


def _source_of(layer: Layer, shape: Any) -> Any:
    """The input of a model that begins with a layer."""
    dtype = layer.input_dtype or ("float32" if layer.dtype == "float32" else layer.dtype)
    return input(batch_shape=shape, dtype=dtype, name=f"{layer.name}_input")


def _applied(layer: Layer, wire: SymbolicTensor) -> SymbolicTensor:
    output = layer.apply(wire)
    if not isinstance(output, SymbolicTensor):
        raise TypeError(
            "All layers in a Sequential model should have a single output tensor."
            " For multi-output layers, use the functional API."
        )
    return output
