"""Functional models from their configuration."""

from __future__ import annotations

from typing import Any

from .. import tree
from ..layers import serialization
from ..layers.base import Layer
from ..layers.core import InputLayer
from ..layers.symbolic import SymbolicTensor
from .functional import input


def rebuilt(config: dict[str, Any]) -> tuple[Any, Any]:
    """The symbolic inputs and outputs of a serialized functional model.

    Raises:
        ValueError: for a graph that refers to layers or outputs that it does not have.
    """
    layers: dict[str, Layer] = {}
    outputs: dict[tuple[str, int], list[SymbolicTensor]] = {}
    waiting: list[tuple[str, int, Any]] = []
    for entry in config["layers"]:
        described = entry.get("config", {})
        name = entry.get("name", described.get("name"))
        layer = serialization.deserialize({"class_name": entry["class_name"], "config": {**described, "name": name}})
        layers[name] = layer
        if isinstance(layer, InputLayer):
            wire = input(batch_shape=layer.batch_input_shape, dtype=layer.input_dtype or layer.dtype, name=name)
            outputs[name, 0] = [wire]
        waiting += [(name, i, node) for i, node in enumerate(entry.get("inbound_nodes") or [])]
    while waiting:
        left = []
        for name, number, node in waiting:
            places = _places(node)
            if all((p[0], p[1]) in outputs for p in places):
                wires = [outputs[p[0], p[1]][p[2]] for p in places]
                arguments = dict(places[0][3]) if places and len(places[0]) > 3 and places[0][3] else {}
                made = layers[name].apply(wires[0] if len(wires) == 1 else wires, **arguments)
                outputs[name, number] = tree.leaves(made)
            else:
                left.append((name, number, node))
        if len(left) == len(waiting):
            missing = sorted({p[0] for _, _, node in left for p in _places(node) if (p[0], p[1]) not in outputs})
            raise ValueError(f"the model's graph is broken: nothing provides the outputs of {missing}")
        waiting = left

    def found(places: Any) -> Any:
        if places and isinstance(places[0], str):
            places = [places]
        wires = [outputs[p[0], p[1]][p[2]] for p in places]
        return wires[0] if len(wires) == 1 else wires

    return found(config["input_layers"]), found(config["output_layers"])


def _places(node: Any) -> list[Any]:
    """The inputs of a use: ``[[layer, use, output, arguments], ...]``."""
    return [node] if node and isinstance(node[0], str) else list(node)
