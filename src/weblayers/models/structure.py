"""What a model is made of: its layers, their shapes and weights, and who still needs them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from .. import naming, tree
from ..layers.base import BatchShape, Layer, unique_name
from ..layers.inference import inferred_specs
from ..layers.symbolic import LayerCall, SymbolicTensor, spec_leaves
from ..runtime.tensor import Tensor
from .compilation import output_names
from .data_sets import compute_dtype, numbered
from .summary import Columns, html_table, table


class Container(Layer):
    """A layer made of layers: what a model is before it is trained or used."""

    name_prefix = "model"
    # the layers of a model name their weights themselves
    anonymous = True
    supports_masking = True
    # whether Keras 3 counts the model's own graph as its first use
    graph_is_use = False
    # the uses of layers that make up the model's graph, in an order in which they can be computed; a model whose graph
    # is its code has none
    calls: Sequence[LayerCall] = ()

    def __init__(self, name: str | None = None, **base: Any) -> None:
        super().__init__(name=name or unique_name(self.name_prefix), **base)
        self._user_metadata: dict[str, Any] = {}

    @property
    def layers(self) -> list[Layer]:
        """The layers of the model, in order."""
        return self.sublayers

    @property
    def input_shapes(self) -> list[BatchShape] | None:
        """The inputs' shapes, where they are known before there are data."""
        return None

    @property
    def fixed_batch(self) -> int | None:
        """The batch size that the inputs' shapes fix, as stateful layers need it."""
        return next((shape[0] for shape in self.input_shapes or [] if shape[0] is not None), None)

    @property
    def static_outputs(self) -> list[BatchShape] | None:
        """The outputs' shapes, where they are known before there are data."""
        return None

    def get_layer(self, name: str | int | None = None, index: int | None = None) -> Layer:
        """A layer by name or position."""
        if index is not None or isinstance(name, int):
            return self.layers[index if index is not None else int(name or 0)]
        found = {layer.name: layer for layer in self.layers}
        if name not in found:
            raise ValueError(f"No such layer: {name!r}. {naming.suggestion(str(name), found)}")
        return found[name]

    def find_layer(self, index: int) -> Layer:
        """A layer by position."""
        return self.get_layer(index=index)

    @property
    def output_names(self) -> list[str]:
        return ["output"]

    def match_inputs(self, inputs: Any) -> list[Any]:
        """What was given, as a list of inputs."""
        return tree.leaves(inputs)

    def arranged(self, inputs: Any) -> Any:
        """How inputs are handed to the model: their numbers in the list, alone, in lists or in dictionaries."""
        numbers = numbered(inputs)
        return numbers[0] if isinstance(numbers, list | tuple) and len(numbers) == 1 else numbers

    def outputs_for(self, inputs: Sequence[Tensor], arranged: Any) -> tuple[list[str], list[BatchShape]]:
        """The outputs' names and shapes for data of these shapes."""
        wires = [SymbolicTensor((None, *t.shape[1:]), compute_dtype(t.dtype)) for t in inputs]
        given = tree.mapped(lambda i: wires[i], arranged)
        specs = inferred_specs(self.name, lambda x, _: self.apply(x), given, {})
        return output_names(specs), [spec.shape for spec in spec_leaves(specs)]

    def made_on_host(self, inputs: Sequence[Tensor]) -> Any:
        """The outputs, where nothing is left to compute of what the model's inputs became on the host; else None."""
        return None

    @property
    def without_graph(self) -> str:
        """What is said of a model whose graph is not known to whom needs it."""
        return (
            f"{self.class_name} {self.name!r} is a model of your own, whose graph is its code: no file can hold that."
            " Save its weights with save_weights, and load them into a model that the same code has made."
        )

    def summary(
        self,
        line_length: int | None = None,
        positions: Sequence[float] | None = None,
        print_fn: Callable[[str], Any] | None = None,
        expand_nested: bool = False,
        show_trainable: bool = False,
        layer_range: Sequence[str] | None = None,
        spelling: str = "python",
    ) -> None:
        """Print the layers, their shapes and their numbers of weights.

        Args:
            line_length: how many characters a line has.
            positions: where its columns end, in characters or as shares of the line.
            print_fn: is handed the text; ``print`` if left out.
            expand_nested: whether layers of models inside have rows, too.
            show_trainable: whether a column says which layers are trained.
            layer_range: names (regular expressions) of the first and the last layer that are shown.
            spelling: ``"python"`` writes shapes as ``(None, 3)``, ``"tfjs"`` as TensorFlow.js does.
        """
        self.check_usable()
        shown = Columns(expand_nested, show_trainable)
        (print_fn or print)(table(self, line_length, positions, shown, layer_range, spelling))

    def _repr_html_(self) -> str:
        """What notebooks show of the model."""
        return html_table(self)

    def __repr__(self) -> str:
        return f"<{self.class_name} {self.name!r}: {len(self.layers)} layers, {self.count_params()} parameters>"

    # -- states and references ----------------------------------------------------------------------------------------

    @property
    def stateful(self) -> bool:  # type: ignore[override]  # of a layer it is known, of a model found
        """Whether a layer keeps something from batch to batch."""
        return any(layer.stateful for layer in self.layers)

    def reset_states(self) -> None:
        """Make all stateful layers forget what they have kept."""
        for layer in self.layers:
            if layer.stateful:
                layer.reset_states()

    @property
    def references(self) -> int:
        """How many uses there are that were not disposed of, the model by itself included."""
        return 1 + self._uses - self._released

    def check_usable(self) -> None:
        if not self.references:
            raise RuntimeError(f"Container '{self.name}' is already disposed.")

    def give_back(self) -> int:
        """Give back the uses of the layers; those that nothing else uses free their weights."""
        if not self.calls:
            return super().free()
        disposed = 0
        for call in self.calls:
            call.holders.discard(self)
            call.is_held = bool(call.holders)
            if not call.holders and call.layer.references:
                disposed += call.layer.dispose().num_disposed_variables
        for layer in self.layers:
            # a model that was a layer of this one and of no other
            if isinstance(layer, Container) and layer.references == 1:
                disposed += layer.dispose().num_disposed_variables
        return disposed

    # -- notes --------------------------------------------------------------------------------------------------------

    def set_user_defined_metadata(self, user_defined_metadata: Mapping[str, Any]) -> None:
        """Notes of your own, plain values, that are saved with the model."""
        self._user_metadata = dict(user_defined_metadata)

    def get_user_defined_metadata(self) -> dict[str, Any]:
        """What :meth:`set_user_defined_metadata` was given."""
        return dict(self._user_metadata)
