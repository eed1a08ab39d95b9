"""The order of a functional model's parts: calls so that each finds its inputs, layers as files have them."""

from __future__ import annotations

from collections.abc import Sequence

from ..layers.base import Layer
from ..layers.core import InputLayer
from ..layers.symbolic import LayerCall, SymbolicTensor


def ordered_calls(inputs: Sequence[SymbolicTensor], outputs: Sequence[SymbolicTensor]) -> list[LayerCall]:
    """The calls between inputs and outputs, each after those whose outputs it reads."""
    given = {w.id for w in inputs}
    order: dict[int, LayerCall] = {id(w.call): w.call for w in inputs if w.call is not None}
    done = set(order)
    stack: list[tuple[SymbolicTensor, bool]] = [(w, False) for w in reversed(outputs)]
    while stack:
        wire, expanded = stack.pop()
        call = wire.call
        if wire.id in given or call is None or id(call) in done:
            continue
        if expanded:
            done.add(id(call))
            order[id(call)] = call
            continue
        if isinstance(call.layer, InputLayer):
            raise ValueError(
                f"Graph disconnected: cannot obtain value for tensor {wire.name!r}: it is not among the model's inputs"
                f" ({', '.join(w.name for w in inputs)})."
            )
        stack.append((wire, True))
        stack.extend((w, False) for w in reversed(call.sources))
    return list(order.values())


def ordered_layers(inputs: Sequence[SymbolicTensor], outputs: Sequence[SymbolicTensor]) -> list[Layer]:
    """The layers from the inputs on, the farthest from an output first; those of one depth as a walk from the outputs
    meets them. TensorFlow.js and Keras list layers and weights so, and Keras' ``.h5`` files go by nothing else.
    """
    met, finished = _walked(inputs, outputs)
    ends = {id(w.call) for w in inputs}
    layers = {id(call.layer): call.layer for call in finished}
    call_depths: dict[int, int] = {}
    depths: dict[int, int] = {}
    for call in reversed(finished):
        key = id(call.layer)
        # all uses of a layer count as deep as the deepest so far
        depth = depths[key] = max(call_depths.get(id(call), 0), depths.get(key, 0))
        for source in () if id(call) in ends else call.sources:
            before = id(source.call)
            call_depths[before] = max(depth + 1, call_depths.get(before, 0))
    listed = sorted(layers.values(), key=lambda layer: (-depths[id(layer)], met[id(layer)]))
    unused = [w.call.layer for w in inputs if w.call is not None and id(w.call.layer) not in layers]
    return [*unused, *listed]


def _walked(
    inputs: Sequence[SymbolicTensor], outputs: Sequence[SymbolicTensor]
) -> tuple[dict[int, int], list[LayerCall]]:
    """Depth first from the outputs: when each layer was met, and the calls in the order in which they were left."""
    ends = {id(w.call) for w in inputs}
    met: dict[int, int] = {}
    begun: set[int] = set()
    finished: list[LayerCall] = []
    for output in outputs:
        stack: list[tuple[LayerCall | None, bool]] = [(output.call, False)]
        while stack:
            call, left = stack.pop()
            assert call is not None
            if left:
                finished.append(call)
            elif id(call) not in begun:
                begun.add(id(call))
                met.setdefault(id(call.layer), len(met))
                stack.append((call, True))
                stack += [(w.call, False) for w in reversed(call.sources)] if id(call) not in ends else []
    return met, finished
