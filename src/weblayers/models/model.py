"""What every model can do: compile, fit, evaluate, predict."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from .. import naming, tree
from ..layers.base import BatchShape, Layer, unique_name
from ..layers.inference import inferred_specs
from ..layers.serialization import spec_leaves
from ..layers.symbolic import SymbolicTensor
from ..runtime.tensor import Tensor
from .data_sets import compute_dtype
from .summary import table
from .trainer import Trainer


class Model(Trainer):
    """A layer that can be trained. Subclass it for a model of your own: make layers in ``__init__``, use them in
    :meth:`call`, which may take ``training``.

    >>> import weblayers as wl
    >>> class Twice(wl.Model):
    ...     def __init__(self):
    ...         super().__init__()
    ...         self.dense = wl.layers.dense(units=1)
    ...     def call(self, x):
    ...         return self.dense(x) * 2
    >>> model = Twice()
    >>> model.compile(optimizer="sgd", loss="mse")
    >>> model.predict(wl.ones([4, 3])).shape
    (4, 1)
    """

    name_prefix = "model"
    # the layers of a model name their weights themselves
    anonymous = True
    supports_masking = True

    def __init__(self, name: str | None = None, **base: Any) -> None:
        super().__init__(name=name or unique_name(self.name_prefix), **base)
        self._user_metadata: dict[str, Any] = {}

    # -- structure ----------------------------------------------------------------------------------------------------

    def check_usable(self) -> None:
        if self._disposed:
            raise RuntimeError(f"Container '{self.name}' is already disposed.")

    def get_layer(self, name: str | int | None = None, index: int | None = None) -> Layer:
        """A layer by name or position."""
        if index is not None or isinstance(name, int):
            return self.layers[index if index is not None else int(name or 0)]
        found = {layer.name: layer for layer in self.layers}
        if name not in found:
            raise ValueError(f"No such layer: {name!r}. {naming.suggestion(str(name), found)}")
        return found[name]

    def match_inputs(self, inputs: Any) -> list[Any]:
        """What was given, as a list of inputs."""
        return tree.leaves(inputs)

    def output_shapes_for(self, inputs: Sequence[Tensor]) -> list[BatchShape]:
        """The outputs' shapes for data of these shapes."""
        wires = [SymbolicTensor((None, *t.shape[1:]), compute_dtype(t.dtype)) for t in inputs]
        given: Any = wires[0] if len(wires) == 1 else wires
        return [s.shape for s in spec_leaves(inferred_specs(self.name, lambda x, _: self.apply(x), given, {}))]

    def summary(
        self,
        line_length: int | None = None,
        positions: Sequence[float] | None = None,
        print_fn: Callable[[str], Any] = print,
    ) -> None:
        """Print the layers, their shapes and their numbers of weights."""
        self.check_usable()
        print_fn(table(self, line_length, positions))

    def __repr__(self) -> str:
        return f"<{self.class_name} {self.name!r}: {len(self.layers)} layers, {self.count_params()} parameters>"

    # -- weights ------------------------------------------------------------------------------------------------------

    @property
    def trainable_weights(self) -> list[Any]:
        if not self.trainable:
            return []
        weights = [w for layer in self.layers for w in layer.trainable_weights]
        return list({id(w): w for w in [*(w for w in self._weights if w.trainable), *weights]}.values())

    @property
    def non_trainable_weights(self) -> list[Any]:
        trained = {id(w) for w in self.trainable_weights}
        weights = [*self._weights, *(w for layer in self.layers for w in layer.weights)]
        return list({id(w): w for w in weights if id(w) not in trained}.values())

    def dispose(self) -> dict[str, int]:
        """Free the weights; the model cannot be used afterwards."""
        self.check_usable()
        disposed = [w for w in self.weights if not w.is_disposed]
        if self._compilation is not None:
            disposed += [w for w in self._compilation.optimizer.variables() if not w.is_disposed]
        for weight in disposed:
            weight.dispose()
        self.graph_changed()
        self._disposed = True
        return {"ref_count_after_dispose": 0, "num_disposed_variables": len(disposed)}
