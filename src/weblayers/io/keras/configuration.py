"""Keras 3's configurations of models: layers as here, each with the module that it comes from."""

from __future__ import annotations

from collections.abc import Container, Mapping
from typing import Any

from ... import constraints, initializers, regularizers
from ...layers import serialization
from ..topology import topology_of
from ..training import training_config

_MODELS = {"Sequential": "Sequential", "Model": "Functional", "Functional": "Functional"}
# What Keras has no word for.
_NOT_KERAS = ("input_dtype",)


def configuration(model: Any) -> dict[str, Any]:
    """``config.json`` of a model."""
    described = topology_of(model)
    return _model(described["class_name"], described["config"])


def _model(class_name: str, config: Mapping[str, Any]) -> dict[str, Any]:
    stacks = {entry.get("name") for entry in config["layers"] if entry["class_name"] == "Sequential"}
    layers = [_layer(entry, stacks) for entry in config["layers"]]
    if class_name == "Sequential" and config["layers"]:
        first = config["layers"][0]["config"]
        shape = first.get("batch_input_shape")
        if shape is not None:
            name = f"{first['name']}_input"
            inputs = {"batch_shape": shape, "dtype": first.get("input_dtype") or "float32", "name": name}
            layers.insert(0, _object("keras.layers", "InputLayer", inputs))
    ends = {
        key: [_place(end, stacks) for end in config[key]] for key in ("input_layers", "output_layers") if key in config
    }
    return _object("keras", _MODELS[class_name], {"name": config["name"], "trainable": True, "layers": layers, **ends})


def _place(place: list[Any], stacks: Container[Any]) -> list[Any]:
    """A place in Keras' numbers: the first use of a Sequential inside is 0, where TensorFlow.js says 1."""
    name, use, output = place
    return [name, use - 1 if name in stacks else use, output]


def _layer(entry: Mapping[str, Any], stacks: Container[Any] = ()) -> dict[str, Any]:
    class_name = entry["class_name"]
    more = {"name": entry["name"]} if "name" in entry else {}
    if "inbound_nodes" in entry:
        more["inbound_nodes"] = [_node(rows, stacks) for rows in entry["inbound_nodes"]]
    if class_name in _MODELS:
        return {**_model(class_name, entry["config"]), **more}
    config = {k: _value(v) for k, v in entry["config"].items() if k not in _NOT_KERAS}
    shape = config.pop("batch_input_shape", None)
    if class_name == "InputLayer":
        config = {
            "batch_shape": shape,
            "dtype": entry["config"].get("input_dtype") or "float32",
            "name": config["name"],
        }
    return {**_object("keras.layers", class_name, config), **more}


def _node(rows: list[Any], stacks: Container[Any]) -> dict[str, Any]:
    """A use of a layer with its tensors and arguments, from TensorFlow.js' ``[[layer, use, output, arguments]]``."""

    def argument(value: Any) -> Any:
        if not isinstance(value, list):
            return value
        if [type(v) for v in value] == [str, int, int]:
            return tensor(value)
        return [argument(v) for v in value]

    def tensor(place: list[Any]) -> dict[str, Any]:
        # Keras goes by the history alone
        config = {"shape": [], "dtype": "float32", "keras_history": _place(place, stacks)}
        return {"class_name": "__keras_tensor__", "config": config}

    tensors = [tensor(row[:3]) for row in rows]
    arguments = rows[0][3] if rows else {}
    return {
        "args": [tensors[0] if len(tensors) == 1 else tensors] if tensors else [],
        "kwargs": {k: argument(v) for k, v in arguments.items()},
    }


def _object(module: str, class_name: str, config: Any) -> dict[str, Any]:
    return {"module": module, "class_name": class_name, "config": config, "registered_name": None}


def _value(value: Any) -> Any:
    if isinstance(value, list):
        return [_value(v) for v in value]
    if not isinstance(value, Mapping):
        return value
    name = value.get("class_name")
    if name in serialization.CLASSES:
        return _layer(value)
    homes = (
        ("keras.initializers", initializers),
        ("keras.regularizers", regularizers),
        ("keras.constraints", constraints),
    )
    for module, here in homes:
        if name is not None and hasattr(here, str(name)):
            return _object(module, str(name), _value(value["config"]))
    return {k: _value(v) for k, v in value.items()}


def compile_configuration(model: Any) -> dict[str, Any]:
    """``compile_config`` of a compiled model."""
    optimizer = model.compiled().optimizer
    config = {_beta(k): v for k, v in optimizer.get_config().items()}
    written = training_config(model)
    shared = {k: written.get(k) for k in ("loss", "metrics", "loss_weights", "weighted_metrics")}
    return {"optimizer": _object("keras.optimizers", type(optimizer).__name__, config), **shared}


def _beta(name: str) -> str:
    return name.replace("beta1", "beta_1").replace("beta2", "beta_2")


def compilation_of(config: Mapping[str, Any]) -> dict[str, Any]:
    """Keras' ``compile_config``, without where its classes come from."""
    return {k: _plain(v) for k, v in config.items()}


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        kept = {k: _plain(v) for k, v in value.items()}
        return {k: kept[k] for k in ("class_name", "config")} if "class_name" in kept and "config" in kept else kept
    return [_plain(v) for v in value] if isinstance(value, list) else value
