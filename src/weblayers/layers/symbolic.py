"""Symbolic tensors: the wires between layers from which functional models are made."""

from __future__ import annotations

import itertools
import weakref
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from .. import naming, tree
from ..ops.dispatch import Overriding
from . import context

if TYPE_CHECKING:
    from .base import Layer

# A shape with a free batch size has None in front.
BatchShape = tuple[int | None, ...]

_ids = itertools.count(1)


class LayerCall:
    """One use of a layer on symbolic tensors: a node of a model's graph.

    Whoever has a symbolic tensor has the use that gives it, with the layer and all uses before. In the other direction
    references are weak: layers and uses do not keep what is built over them.
    """

    def __init__(self, layer: Layer, inputs: Any, kwargs: dict[str, Any]) -> None:
        self.layer, self.inputs, self.kwargs = layer, inputs, kwargs
        self._given: Any = None
        # the models that this use is part of: the last one gives it back
        self.holders: weakref.WeakSet[Any] = weakref.WeakSet()
        self.is_held = False
        layer.note_use(self)
        for wire in self.sources:
            if wire.call is not None:
                wire.call.layer.note_reader(self)

    def __del__(self) -> None:
        if self.is_held:
            self.layer.forget_use()

    @property
    def outputs(self) -> Any:
        """The symbolic outputs, in the structure that the layer gives."""
        return tree.mapped(lambda output: output.wire(self), self._given)

    def give(self, outputs: Any) -> Any:
        """Set the :class:`Output` of the call, or a structure of them; gives the symbolic tensors."""
        self._given = outputs
        return self.outputs

    @property
    def number(self) -> int:
        """Which use of the layer this is, as model files count them."""
        return self.layer.inbound_calls.index(self)

    @property
    def sources(self) -> list[SymbolicTensor]:
        """The symbolic tensors that the call reads."""
        values = [*tree.leaves(self.inputs), *tree.leaves(self.kwargs)]
        return [v for v in values if isinstance(v, SymbolicTensor)]


class SymbolicTensor(naming.Named, Overriding):
    """What a layer gives for a symbolic input: a shape (None for free sizes), a dtype, and where it comes from.

    Operators and ops make layers of themselves.

    >>> import weblayers as wl
    >>> wl.layers.dense(units=2).apply(wl.input(shape=[3])).shape
    (None, 2)
    >>> (wl.input(shape=[3])[:, :2] * 2).shape
    (None, 2)
    """

    # makes a layer of an op and its arguments; the module of such layers puts it here
    record: Callable[[str, dict[str, Any]], Any]

    def __init__(self, shape: Sequence[int | None], dtype: str = "float32", name: str | None = None) -> None:
        self.shape: BatchShape = tuple(shape)
        self.dtype = dtype
        self.id = next(_ids)
        self.name = name or f"tensor{self.id}"
        context.check_output(self.name, self.shape)
        self.call: LayerCall | None = None
        self.index = 0

    @property
    def rank(self) -> int:
        return len(self.shape)

    @property
    def source_layer(self) -> Layer | None:
        return self.call.layer if self.call else None

    def overridden(self, op: str, arguments: dict[str, Any]) -> Any:
        return type(self).record(op, arguments)

    @property
    def node_index(self) -> int | None:
        """Which use of its layer it comes from."""
        return self.call.number if self.call else None

    @property
    def tensor_index(self) -> int:
        """Which of the outputs of that use it is."""
        return self.index

    @property
    def output_tensor_index(self) -> int:
        """:attr:`tensor_index`, under TensorFlow.js' other name."""
        return self.index

    @property
    def inputs(self) -> list[SymbolicTensor]:
        """What its layer's use reads."""
        return self.call.sources if self.call else []

    @property
    def call_args(self) -> dict[str, Any]:
        """What its layer's use was given besides."""
        return dict(self.call.kwargs) if self.call else {}

    @property
    def original_name(self) -> str:
        """:attr:`name`: names are not changed."""
        return self.name

    def __bool__(self) -> bool:
        raise TypeError("a symbolic tensor has no truth value; use wl.where or a layer instead of if")

    def __iter__(self) -> Any:
        raise TypeError("a symbolic tensor cannot be iterated over; index it or use layers")

    def __repr__(self) -> str:
        shape = ",".join("null" if d is None else str(d) for d in self.shape)
        return f"<SymbolicTensor {self.name!r}: {self.dtype}[{shape}]>"


class Output:
    """What a call gives; its symbolic tensor is made again where nobody has kept it."""

    def __init__(self, spec: Spec, name: str, index: int = 0) -> None:
        self._spec, self._name, self._index = spec, name, index
        self._id: int | None = None
        self._wire: weakref.ref[SymbolicTensor] | None = None

    def wire(self, call: LayerCall) -> SymbolicTensor:
        """The symbolic tensor."""
        wire = self._wire() if self._wire is not None else None
        if wire is None:
            wire = SymbolicTensor(self._spec.shape, self._spec.dtype, self._name)
            wire.call, wire.index = call, self._index
            self._id = wire.id = self._id or wire.id
            self._wire = weakref.ref(wire)
        return wire


@dataclass(frozen=True)
class Spec:
    """The shape and dtype of a value."""

    shape: BatchShape
    dtype: str


def mapped_specs(fn: Callable[[Spec], Any], specs: Any) -> Any:
    """The structure with each Spec replaced."""
    return tree.mapped(lambda leaf: fn(leaf) if isinstance(leaf, Spec) else leaf, specs)


def spec_leaves(specs: Any) -> list[Spec]:
    """The Specs of a structure."""
    return [leaf for leaf in tree.leaves(specs) if isinstance(leaf, Spec)]


def is_symbolic(value: Any) -> bool:
    return any(isinstance(leaf, SymbolicTensor) for leaf in tree.leaves(value))
