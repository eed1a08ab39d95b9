"""Symbolic tensors: the wires between layers from which functional models are made."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from .. import naming, tree

if TYPE_CHECKING:
    from .base import Layer

# A shape with a free batch size has None in front.
BatchShape = tuple[int | None, ...]

_ids = itertools.count(1)


class LayerCall:
    """One use of a layer on symbolic tensors: a node of a model's graph."""

    def __init__(self, layer: Layer, inputs: Any, kwargs: dict[str, Any]) -> None:
        self.layer, self.inputs, self.kwargs = layer, inputs, kwargs
        self.outputs: Any = None
        # which use of the layer this is, as model files count them
        self.number = len(layer.inbound_calls)
        layer.inbound_calls.append(self)

    @property
    def sources(self) -> list[SymbolicTensor]:
        """The symbolic tensors that the call reads."""
        values = [*tree.leaves(self.inputs), *tree.leaves(self.kwargs)]
        return [v for v in values if isinstance(v, SymbolicTensor)]


class SymbolicTensor(naming.Named):
    """What a layer gives for a symbolic input: a shape (None for free sizes), a dtype, and where it comes from.

    >>> import weblayers as wl
    >>> wl.layers.dense(units=2).apply(wl.input(shape=[3])).shape
    (None, 2)
    """

    def __init__(self, shape: Sequence[int | None], dtype: str = "float32", name: str | None = None) -> None:
        self.shape: BatchShape = tuple(shape)
        self.dtype = dtype
        self.id = next(_ids)
        self.name = name or f"tensor{self.id}"
        self.call: LayerCall | None = None
        self.index = 0

    @property
    def rank(self) -> int:
        return len(self.shape)

    @property
    def source_layer(self) -> Layer | None:
        return self.call.layer if self.call else None

    def __bool__(self) -> bool:
        raise TypeError("a symbolic tensor has no truth value; use wl.where or a layer instead of if")

    def __iter__(self) -> Any:
        raise TypeError("a symbolic tensor cannot be iterated over; index it or use layers")

    def __repr__(self) -> str:
        shape = ",".join("null" if d is None else str(d) for d in self.shape)
        return f"<SymbolicTensor {self.name!r}: {self.dtype}[{shape}]>"


class Spec(NamedTuple):
    """The shape and dtype of a value."""

    shape: BatchShape
    dtype: str


def is_symbolic(value: Any) -> bool:
    return any(isinstance(leaf, SymbolicTensor) for leaf in tree.leaves(value))
