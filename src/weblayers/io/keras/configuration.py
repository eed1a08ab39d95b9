"""Keras 3's configurations of models: layers as here, each with the module that it comes from."""

from __future__ import annotations

import warnings
from collections.abc import Container, Mapping
from typing import Any

from ... import constraints, initializers, regularizers
from ...layers import serialization
from ..topology import topology_of
from ..training import training_config
from . import operations

_MODELS = ("Sequential", "Model", "Functional")
# What Keras has no word for: everywhere, and by class with the only value that it knows.
_NOT_KERAS = ("input_dtype", "implementation")
_NOT_OF_CLASS: dict[str, dict[str, Any]] = {
    **{f"Conv{rank}DTranspose": {"groups": 1} for rank in (1, 2, 3)},
    "Cropping1D": {"data_format": "channels_last"},
    "SpatialDropout1D": {"data_format": "channels_last"},
    "UpSampling1D": {"data_format": "channels_last", "interpolation": "nearest"},
    "UpSampling3D": {"interpolation": "nearest"},
    "MultiHeadAttention": {"num_key_value_heads": None},
    "LayerNormalization": {"rms_scaling": False},
}
# Arguments that Keras 3 calls otherwise.
_RENAMED = {"LeakyReLU": {"alpha": "negative_slope"}}
_ACTIVATIONS = ("activation", "recurrent_activation")
# What stands beside a layer whose hard_sigmoid is not that of Keras 3, which overlooks it.
_SLOPE = "hard_sigmoid_slope"
# Layers whose further inputs are states.
_RECURRENT = ("RNN", "SimpleRNN", "GRU", "LSTM", "ConvLSTM1D", "ConvLSTM2D", "ConvLSTM3D", "Bidirectional")


def configuration(model: Any) -> dict[str, Any]:
    """``config.json`` of a model."""
    described = topology_of(model)
    return _model(described["class_name"], described["config"])


def _model(class_name: str, config: Mapping[str, Any]) -> dict[str, Any]:
    models = {entry.get("name") for entry in config["layers"] if entry["class_name"] in _MODELS}
    stacks = {entry.get("name") for entry in config["layers"] if entry["class_name"] == "Sequential"}
    layers = [_layer(entry, models) for entry in config["layers"]]
    if class_name == "Sequential" and config["layers"]:
        first = config["layers"][0]["config"]
        shape = first.get("batch_input_shape")
        if shape is not None:
            name = f"{first['name']}_input"
            inputs = {"batch_shape": shape, "dtype": first.get("input_dtype") or "float32", "name": name}
            layers.insert(0, _object("keras.layers", "InputLayer", inputs))
    ends = {
        # here, Keras counts uses of functional models from 1, too
        key: [_place(end, stacks) for end in config[key]]
        for key in ("input_layers", "output_layers")
        if key in config
    }
    whole = {"name": config["name"], "trainable": True, "layers": layers, **ends}
    if class_name == "Sequential":
        return _object("keras", "Sequential", whole)
    return {**_object("keras.src.models.functional", "Functional", whole), "registered_name": "Functional"}


def _place(place: list[Any], models: Container[Any]) -> list[Any]:
    """A place in Keras' numbers: the first use of a model inside is 0, where TensorFlow.js says 1."""
    name, use, output = place
    return [name, use - 1 if name in models else use, output]


def _layer(entry: Mapping[str, Any], models: Container[Any] = ()) -> dict[str, Any]:
    class_name = entry["class_name"]
    if class_name == "Operation":
        return operations.written(entry, lambda place: _tensor(place, models))
    more = {"name": entry["name"]} if "name" in entry else {}
    if "inbound_nodes" in entry:
        more["inbound_nodes"] = [_node(class_name, rows, models) for rows in entry["inbound_nodes"]]
    if class_name in _MODELS:
        return {**_model(class_name, entry["config"]), **more}
    config = {k: _value(v) for k, v in _of_keras(class_name, entry["config"]).items()}
    shape = config.pop("batch_input_shape", None)
    if class_name == "InputLayer":
        config = {
            "batch_shape": shape,
            "dtype": entry["config"].get("input_dtype") or "float32",
            "name": config["name"],
        }
    if any(entry["config"].get(key) == "hard_sigmoid" for key in _ACTIVATIONS):
        more[_SLOPE] = 0.2
    return {**_object("keras.layers", class_name, config), **more}


def _of_keras(class_name: str, config: Mapping[str, Any]) -> dict[str, Any]:
    """A layer's configuration in the words that Keras has.

    Raises:
        ValueError: it says something for which Keras has none.
    """
    names = _RENAMED.get(class_name, {})
    kept = {names.get(k, k): v for k, v in config.items() if k not in _NOT_KERAS}
    for key, known in _NOT_OF_CLASS.get(class_name, {}).items():
        value = kept.pop(key, known)
        if value != known:
            here = f"layer {config['name']!r} has {key}={value!r}"
            raise ValueError(f"{here}, for which Keras' {class_name} has no word; save to a folder instead")
    for key in _ACTIVATIONS:
        if kept.get(key) == "hard_sigmoid":
            slopes = "has slope 0.2 here and in TensorFlow.js, but 1/6 in Keras 3, which will predict something else"
            warnings.warn(f"{key} 'hard_sigmoid' of layer {config['name']!r} {slopes}", stacklevel=2)
        elif kept.get(key) == "hard_sigmoid6":
            kept[key] = "hard_sigmoid"
    if class_name == "UpSampling1D":
        [kept["size"]] = config["size"]
    return kept


def _tensor(place: list[Any], models: Container[Any]) -> dict[str, Any]:
    # Keras goes by the history alone
    config = {"shape": [], "dtype": "float32", "keras_history": _place(place, models)}
    return {"class_name": "__keras_tensor__", "config": config}


def _node(class_name: str, rows: list[Any], models: Container[Any]) -> dict[str, Any]:
    """A use of a layer with its tensors and arguments, from TensorFlow.js' ``[[layer, use, output, arguments]]``."""

    def argument(value: Any) -> Any:
        if not isinstance(value, list):
            return value
        if [type(v) for v in value] == [str, int, int]:
            return _tensor(value, models)
        return [argument(v) for v in value]

    tensors = [_tensor(row[:3], models) for row in rows]
    arguments = {k: argument(v) for k, v in rows[0][3].items()} if rows else {}
    if class_name in _RECURRENT and len(tensors) > 1:
        tensors, arguments["initial_state"] = tensors[:1], tensors[1:]
    return {"args": [tensors[0] if len(tensors) == 1 else tensors] if tensors else [], "kwargs": arguments}


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


def of_keras_3(value: Any, slope: float | None = None) -> Any:
    """A configuration that Keras 3 has written, with its ``hard_sigmoid`` by its name here."""
    if isinstance(value, list):
        return [of_keras_3(v) for v in value]
    if not isinstance(value, Mapping):
        return value
    inside = value.get(_SLOPE)
    return {
        k: "hard_sigmoid6" if slope is None and _is_hard_sigmoid(k, v) else of_keras_3(v, inside)
        for k, v in value.items()
    }


def _is_hard_sigmoid(key: str, value: Any) -> bool:
    name = value.get("config") if isinstance(value, Mapping) else value
    return key in _ACTIVATIONS and name == "hard_sigmoid"


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
