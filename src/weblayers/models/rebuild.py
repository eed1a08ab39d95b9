"""Functional models from their configuration, as TensorFlow.js, Keras 2 and Keras 3 write it, and from each other."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from graphlib import CycleError, TopologicalSorter
from typing import Any, NamedTuple

from .. import custom, naming, tree
from ..io.topology import topology_of
from ..layers import serialization
from ..layers.base import Layer
from ..layers.core import InputLayer, input
from ..layers.symbolic import SymbolicTensor

_KERAS_TENSOR = "__keras_tensor__"


class _Place(NamedTuple):
    """Where a symbolic tensor comes from: a layer, which of its uses, which of the outputs."""

    layer: str
    use: int
    output: int


class _Use(NamedTuple):
    """A use of a layer: its inputs and other arguments, with places for symbolic tensors."""

    inputs: Any
    more: list[Any]
    arguments: dict[str, Any]

    def places(self) -> list[_Place]:
        return _places_in([self.inputs, self.more, self.arguments])


def rebuilt(config: dict[str, Any]) -> tuple[Any, Any]:
    """The symbolic inputs and outputs of a serialized functional model.

    Raises:
        ValueError: for a graph that refers to layers or outputs that it does not have.
    """
    config = _snake_keys(config)
    layers: dict[str, Layer] = {}
    outputs: dict[tuple[str, int], list[SymbolicTensor]] = {}
    used: dict[str, list[_Use]] = {}
    for entry in map(_snake_keys, config["layers"]):
        described = entry.get("config", {})
        name = entry.get("name", described.get("name"))
        if name in layers:
            raise ValueError(f"the model has two layers named {name!r}")
        layer = serialization.deserialize({**entry, "config": {**described, "name": name}})
        layers[name] = layer
        if isinstance(layer, InputLayer):
            wire = input(batch_shape=layer.batch_input_shape, dtype=layer.input_dtype or layer.dtype, name=name)
            outputs[name, 0] = [wire]
        used[name] = [use for use in map(_use, entry.get("inbound_nodes") or []) if use.places()]
    described_ends = [_described_places(config[k]) for k in ("input_layers", "output_layers")]
    if _is_keras_3(config):
        # Keras 3 counts a model's own graph among its uses here, and not where layers read its outputs
        graphs = {name for name, layer in layers.items() if getattr(layer, "graph_is_use", False)}
        described_ends = [_counted_back(end, graphs) for end in described_ends]
    for name, number, use in _in_order(used, _places_in(described_ends)):
        given = _filled(use.inputs, outputs), *_filled(use.more, outputs)
        outputs[name, number] = tree.leaves(layers[name].apply(*given, **_filled(use.arguments, outputs)))
    inputs, results = (_filled(end, outputs) for end in described_ends)
    return _keyed(inputs, config.get("input_keys")), _keyed(results, config.get("output_keys"))


def _keyed(ends: Any, keys: Any) -> Any:
    """Inputs or outputs by their keys, where they have some."""
    if not keys:
        return ends
    wires = tree.leaves(ends)
    if not isinstance(keys, list) or len(keys) != len(wires) or not all(isinstance(key, str) for key in keys):
        raise ValueError(f"the model has {len(wires)} inputs or outputs, but the keys {keys!r}")
    return dict(zip(keys, wires, strict=True))


def _in_order(used: Mapping[str, list[_Use]], ends: list[_Place]) -> Iterator[tuple[str, int, _Use]]:
    """The uses of layers with their numbers, each after those whose outputs it reads."""
    read: dict[str, int] = {}
    for place in [*ends, *(p for uses in used.values() for use in uses for p in use.places())]:
        read[place.layer] = min(place.use, read.get(place.layer, place.use))
    # models in models are numbered from 1: their own graph was their first use
    numbered = {(name, read.get(name, 0) + i): use for name, uses in used.items() for i, use in enumerate(uses)}
    needs = {key: [(p.layer, p.use) for p in use.places()] for key, use in numbered.items()}
    for (name, number), before in needs.items():
        if (name, number - 1) in numbered:
            before.append((name, number - 1))
    try:
        order = list(TopologicalSorter(needs).static_order())
    except CycleError as error:
        around = " -> ".join(dict.fromkeys(name for name, _ in error.args[1]))
        raise ValueError(f"the model's graph is broken: it goes in a circle, {around}") from None
    for key in order:
        if key in numbered:
            yield (*key, numbered[key])


def _snake_keys(config: Mapping[str, Any]) -> dict[str, Any]:
    return {naming.snake(k): v for k, v in config.items()}


def _use(node: Any) -> _Use:
    """A use as model files have it: ``[[layer, use, output, arguments], ...]``, or Keras 3's ``{"args", "kwargs"}``."""
    if isinstance(node, Mapping):
        arguments = _keras_places(node.get("kwargs", {}))
        args = _keras_places(node.get("args", []))
        return _Use(args[0] if args else [], args[1:], {k: v for k, v in arguments.items() if v is not None})
    rows = [node] if node and isinstance(node[0], str) else list(node)
    places = [_Place(*row[:3]) for row in rows]
    arguments = rows[0][3] if rows and len(rows[0]) > 3 and rows[0][3] else {}
    arguments = {k: _argument_places(v) for k, v in arguments.items()}
    return _Use(places[0] if len(places) == 1 else places, [], arguments)


def _argument_places(value: Any) -> Any:
    """An argument with places for what Keras 2 writes of tensors: ``[layer, use, output]``."""
    if not isinstance(value, list):
        return value
    if [type(v) for v in value] == [str, int, int]:
        return _Place(*value)
    return [_argument_places(v) for v in value]


def _keras_places(value: Any) -> Any:
    if isinstance(value, Mapping):
        if value.get("class_name") == _KERAS_TENSOR:
            return _Place(*value["config"]["keras_history"])
        return {k: _keras_places(v) for k, v in value.items()}
    return [_keras_places(v) for v in value] if isinstance(value, list | tuple) else value


def _described_places(value: Any) -> Any:
    """The places of a model's inputs or outputs: one, a list, or a dictionary."""
    if isinstance(value, Mapping):
        return {k: _described_places(v) for k, v in value.items()}
    if value and isinstance(value[0], str):
        return _Place(*value[:3])
    parts = [_described_places(v) for v in value]
    return parts[0] if len(parts) == 1 else parts


def _places_in(value: Any) -> list[_Place]:
    if isinstance(value, _Place):
        return [value]
    if isinstance(value, Mapping):
        return [p for v in value.values() for p in _places_in(v)]
    return [p for v in value for p in _places_in(v)] if isinstance(value, list | tuple) else []


def _is_keras_3(config: Mapping[str, Any]) -> bool:
    nodes = (node for entry in config["layers"] for node in _snake_keys(entry).get("inbound_nodes") or [])
    return any(isinstance(node, Mapping) for node in nodes)


def _counted_back(value: Any, names: set[str]) -> Any:
    """Places with the uses of some layers counted from one less."""
    if isinstance(value, _Place):
        return value._replace(use=max(0, value.use - 1)) if value.layer in names else value
    if isinstance(value, Mapping):
        return {k: _counted_back(v, names) for k, v in value.items()}
    return [_counted_back(v, names) for v in value]


def _filled(value: Any, outputs: Mapping[tuple[str, int], list[SymbolicTensor]]) -> Any:
    """The same with symbolic tensors in their places."""
    if isinstance(value, _Place):
        found = outputs.get((value.layer, value.use))
        if found is None or not 0 <= value.output < len(found):
            raise ValueError(f"the model's graph is broken: there is no output {value.output} of {value.layer!r}")
        return found[value.output]
    if isinstance(value, Mapping):
        return {k: _filled(v, outputs) for k, v in value.items()}
    return [_filled(v, outputs) for v in value] if isinstance(value, list | tuple) else value


def clone_model(model: Any) -> Any:
    """A model of the same layers as another, with new weights, as Keras' function of this name makes it.

    Raises:
        ValueError: the model's graph is its code, or it is not built.

    >>> import weblayers as wl
    >>> model = wl.Sequential([wl.layers.Dense(2, input_shape=[3])])
    >>> again = clone_model(model)
    >>> again.output_shape, again.layers[0] is model.layers[0]
    ((None, 2), False)
    """
    # classes of the user's need not be registered: these layers have them
    classes = {part.class_name: type(part) for part in model.flatten_layers()}
    with custom.lending(classes), serialization.sharing():
        return serialization.deserialize(topology_of(model))
