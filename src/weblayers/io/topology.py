"""A model's layers as TensorFlow.js' JSON, and models from what TensorFlow.js and Keras have written since 2017."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from .. import custom, naming
from ..layers import context, serialization
from .artifacts import dumped
from .checks import MAX_CALLS, MAX_FRESH, check_depth, entry, expect, parsed_json, reading
from .keras import words

KERAS_VERSION = "tfjs-layers 4.22.0"
BACKEND = "tensor_flow.js"
_MODELS = ("Sequential", "Model", "Functional")


def topology_of(model: Any) -> dict[str, Any]:
    """What ``modelTopology`` says in a model's file.

    Raises:
        ValueError: the model is code, not layers, or is not built.
    """
    if not model.calls:
        raise ValueError(model.without_graph)
    described = {"class_name": model.class_name, "config": model.get_config()}
    if "layers" in described["config"]:
        # else its class makes the layers
        _mark_shared(model, described["config"], _placed(model))
    return {**_tfjs_names(described), "keras_version": KERAS_VERSION, "backend": BACKEND}


def _placed(model: Any) -> list[int]:
    """The ids of the layers of a model and of the models in it, once for each place."""
    inside = [id(layer) for layer in model.layers]
    return inside + [i for layer in model.layers if getattr(layer, "calls", None) for i in _placed(layer)]


def _mark_shared(model: Any, config: dict[str, Any], places: list[int]) -> None:
    """Number the layers that are in several models: so they are one layer again."""
    for layer, place in zip(model.layers, config["layers"], strict=True):
        if places.count(id(layer)) > 1:
            place["shared_layer"] = places.index(id(layer))
        if getattr(layer, "calls", None) and "layers" in place["config"]:
            _mark_shared(layer, place["config"], places)


def _tfjs_names(value: Any) -> Any:
    """The same with functional models called what TensorFlow.js calls them."""
    if isinstance(value, Mapping):
        named = {k: _tfjs_names(v) for k, v in value.items()}
        return {**named, "class_name": "Model"} if named.get("class_name") == "Functional" else named
    return [_tfjs_names(v) for v in value] if isinstance(value, list) else value


def model_from_topology(
    topology: Any,
    source: str,
    elements: int | None = None,
    fresh: bool = True,
    shapes: Mapping[str, Sequence[int]] | None = None,
) -> Any:
    """A model from its topology.

    Args:
        topology: of TensorFlow.js or Keras, a JSON text or its value, also wrapped in ``model_config``.
        source: where it comes from, for messages.
        elements: how many numbers there are in its file of weights; it may not be much larger.
        fresh: whether weights begin as their initializers say; those that will be replaced need not.
        shapes: of the file's weights by their names.

    Raises:
        ModelFileError: it is no model, or one that cannot be made.
    """
    # with some room, weights that the file lacks are told by their names
    limit = MAX_FRESH if elements is None else 2 * elements + (1 << 20)
    # the names of layers in files say nothing of how many layers were made here
    with reading(source), context.within_limits(limit, MAX_CALLS, fresh), serialization.sharing():
        described = _unwrapped(topology, source)
        _complete_separable(described["config"], shapes or {})
        model = serialization.deserialize(described)
        model.check_usable()
        expect(bool(model.calls), source, model.without_graph)
    return model


def _unwrapped(topology: Any, source: str) -> dict[str, Any]:
    """The object with a class name of a model in what files hold."""
    while True:
        if isinstance(topology, str | bytes):
            topology = parsed_json(topology, source)
        expect(isinstance(topology, Mapping), source, "the model's topology is no object")
        inner = next((topology[k] for k in ("modelTopology", "model_config", "modelConfig") if k in topology), None)
        if inner is None:
            break
        topology = inner
    check_depth(topology, source)
    plain = {naming.snake(k): v for k, v in topology.items()}
    expect("class_name" in plain, source, "the model's topology has no class_name")
    name, config = plain["class_name"], plain.get("config", {})
    if name not in _MODELS:
        name = plain.get("registered_name") or name
        _check_own(name, config, source)
    _refuse_code(plain, source)
    if name == "Sequential" and isinstance(config, list):
        # Keras before 2.2.3
        config = {"layers": config}
    if "layers" in config or name in _MODELS:
        layers = entry(config, "layers", list, source)
        expect(all(isinstance(x, Mapping) for x in layers), source, "a layer of the model is no object")
    if words.is_keras_3(config):
        config = words.read(config)
        words.mark_shared(config)
    return {"class_name": name, "config": config}


def _check_own(name: Any, config: Any, source: str) -> None:
    """Refuse what is no model of a class of a user's that is known.

    Raises:
        ModelFileError: it is none.
        ValueError: the class is not known.
    """
    nothing = f"{name!r} is not a model, or one that is code"
    expect(isinstance(config, Mapping), source, nothing)
    try:
        kind = serialization.class_of(str(name))
    except ValueError:
        expect("layers" in config, source, nothing)
        raise
    expect(hasattr(kind, "calls"), source, nothing)


def _complete_separable(config: Any, shapes: Mapping[str, Sequence[int]]) -> None:
    """TensorFlow.js does not write the depth multiplier of separable convolutions: their kernel's shape tells it."""
    for place in config.get("layers", ()) if isinstance(config, Mapping) else ():
        inner = place.get("config")
        if not isinstance(inner, Mapping):
            continue
        if str(place.get("class_name", place.get("className"))).startswith("SeparableConv"):
            kernel = shapes.get(f"{inner.get('name')}/depthwise_kernel")
            if kernel and not {"depth_multiplier", "depthMultiplier"} & inner.keys():
                place["config"] = {**inner, "depth_multiplier": kernel[-1]}
        _complete_separable(inner, shapes)


def _refuse_code(value: Any, source: str) -> None:
    if isinstance(value, Mapping):
        name = value.get("class_name", value.get("className"))
        expect(name != "Lambda", source, "a Lambda layer holds code, which is never run from a file: use a layer class")
        for part in value.values():
            _refuse_code(part, source)
    elif isinstance(value, list):
        for part in value:
            _refuse_code(part, source)


def to_json(model: Any, return_string: bool = True) -> Any:
    """A model's topology as a JSON text, or as its value."""
    topology = topology_of(model)
    return dumped(topology) if return_string else topology


async def model_from_json(model_and_weights_config: Any, custom_objects: Mapping[str, Any] | None = None) -> Any:
    """A model with new weights from a topology: what ``to_json`` of weblayers, Keras or TensorFlow.js gave.

    Args:
        model_and_weights_config: a JSON text or its value; a whole ``model.json`` does too.
        custom_objects: classes and functions of your own that the model uses, by name.

    Raises:
        ModelFileError: it is no model.

    >>> import asyncio, weblayers as wl
    >>> model = wl.sequential([wl.layers.dense(units=2, input_shape=[3])])
    >>> asyncio.run(wl.model_from_json(model.to_json())).output_shape
    (None, 2)
    """
    with custom.lending(custom_objects):
        return model_from_topology(model_and_weights_config, "the model's JSON")
