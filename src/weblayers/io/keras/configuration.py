"""Keras 3's configurations of models: layers as here, each with the module that it comes from."""

from __future__ import annotations

import warnings
from collections.abc import Container, Mapping
from typing import Any

from ... import constraints, initializers, naming, regularizers
from ...layers import serialization
from ...layers.recurrent import RNN
from ...layers.wrappers import Bidirectional
from ..topology import topology_of
from ..training import training_config
from . import optimization
from .differences import read_loss, warn_of_targets, write_activation, write_initializer, write_loss
from .masked import warn_of_masks
from .operations import write_operation
from .optimization import described, described_own

# The classes of a model's layers by name.
Kinds = Mapping[Any, str]

_MODELS = {"Sequential": "Sequential", "Model": "Functional", "Functional": "Functional"}
_MODULES = {"Sequential": "keras", "Functional": "keras.src.models.functional"}
# What Keras has no word for: arguments of all layers and of some, and layers.
_NOT_KERAS = ("input_dtype", "implementation")
_OURS = {
    "Conv1DTranspose": ("groups",),
    "Conv2DTranspose": ("groups",),
    "Conv3DTranspose": ("groups",),
    "Cropping1D": ("data_format",),
    "GroupQueryAttention": ("attention_axes", "output_shape"),
    "MultiHeadAttention": ("num_key_value_heads",),
    "SpatialDropout1D": ("data_format", "noise_shape"),
    "SpatialDropout2D": ("noise_shape",),
    "SpatialDropout3D": ("noise_shape",),
    "UpSampling1D": ("data_format", "interpolation"),
    "UpSampling3D": ("interpolation",),
}
# What is a list of one axis here, and that axis alone in Keras.
_ONE_AXIS = {"Cropping1D": "cropping", "UpSampling1D": "size", "ZeroPadding1D": "padding"}
# Layers that do not take what others take.
_WITHOUT_SHARED = (
    *("Discretization", "IntegerLookup", "StringLookup"),
    *("SpatialDropout1D", "SpatialDropout2D", "SpatialDropout3D"),
)
_SHARED = ("trainable", "activity_regularizer")
# Layers that take nothing of what others take.
_ALL_OF = {"Pipeline": ("layers", "name")}
_HERE = __name__.partition(".")[0] + "."
_OUR_LAYERS = (
    "ConvLSTM1DCell",
    "ConvLSTM2DCell",
    "ConvLSTM3DCell",
    "FeatureSpace",
    "Operation",
    "PositionEmbedding",
    "RandomHeight",
    "RandomWidth",
    "RotaryEmbedding",
    "SinePositionEncoding",
    "ThresholdedReLU",
    "TokenAndPositionEmbedding",
    "TransformerDecoder",
    "TransformerEncoder",
)


def configuration(model: Any) -> dict[str, Any]:
    """``config.json`` of a model."""
    warn_of_masks(model)
    topology = topology_of(model)
    return _model(topology["class_name"], topology["config"])


def _kind(class_name: str, config: Mapping[str, Any]) -> str:
    """The class, or Keras' model of which it is one: users may have classes of their own."""
    if class_name in _MODELS:
        return _MODELS[class_name]
    known = serialization.CLASSES.get(class_name.rpartition(">")[2])
    if "input_layers" in config or getattr(known, "graph_is_use", False):
        return "Functional"
    # of one that is not known, a Sequential has these alone
    is_stack = hasattr(known, "calls") or (known is None and config.keys() == {"name", "layers"})
    return "Sequential" if is_stack else class_name


def _model(class_name: str, config: Mapping[str, Any]) -> dict[str, Any]:
    if "layers" not in config:
        # its class makes them
        return described_own(class_name, _value(config))
    kinds = {entry.get("name"): _kind(entry["class_name"], entry["config"]) for entry in config["layers"]}
    layers = [_layer(entry, kinds) for entry in config["layers"]]
    kind = "Functional" if "input_layers" in config else "Sequential"
    if kind == "Sequential" and config["layers"]:
        first = config["layers"][0]["config"]
        shape = first.get("batch_input_shape")
        if shape is not None:
            name = f"{first['name']}_input"
            inputs = {"batch_shape": shape, "dtype": first.get("input_dtype") or "float32", "name": name}
            layers.insert(0, described("keras.layers", "InputLayer", inputs))
    ends: dict[str, Any] = {}
    for end in ("input", "output"):
        if f"{end}_layers" in config:
            places = [_place(place, kinds, ("Sequential",)) for place in config[f"{end}_layers"]]
            keys = config.get(f"{end}_keys")
            ends[f"{end}_layers"] = dict(zip(keys, places, strict=True)) if keys else places
    if class_name in _MODELS:
        return described(_MODULES[kind], kind, {"name": config["name"], "trainable": True, "layers": layers, **ends})
    own = {k: _value(v) for k, v in config.items() if k not in ("input_keys", "output_keys")}
    return described_own(class_name, {**own, "layers": layers, **ends})


def _place(place: list[Any], kinds: Kinds, uncounted: Container[str]) -> list[Any]:
    """A place in Keras' numbers: of some kinds of models inside, the first use is 0, where TensorFlow.js says 1."""
    name, use, output = place
    return [name, use - 1 if kinds.get(name) in uncounted else use, output]


def _layer(entry: Mapping[str, Any], kinds: Kinds | None = None) -> dict[str, Any]:
    class_name, kinds = entry["class_name"], kinds or {}
    more = {key: entry[key] for key in ("name", "shared_layer") if key in entry}
    if class_name == "Operation":
        written = write_operation(entry, lambda place: _tensor(place, kinds))
        if written is not None:
            return written
    kind = serialization.CLASSES.get(class_name.rpartition(">")[2])
    if "inbound_nodes" in entry:
        more["inbound_nodes"] = [
            _node(rows, kinds, kind is not None and issubclass(kind, RNN | Bidirectional))
            for rows in entry["inbound_nodes"]
        ]
    if _kind(class_name, entry["config"]) in _MODELS:
        return {**_model(class_name, entry["config"]), **more}
    config = {
        k: write_activation(v) if k.endswith("activation") and isinstance(v, str) else _value(v)
        for k, v in _for_keras(class_name, entry["config"]).items()
    }
    if class_name in _ONE_AXIS:
        (config[_ONE_AXIS[class_name]],) = config[_ONE_AXIS[class_name]]
    if "keras_masks" in config:
        # Keras has its own way only, and does not look here
        more["weblayers"] = {"keras_masks": config.pop("keras_masks")}
    shape = config.pop("batch_input_shape", None)
    if class_name == "InputLayer":
        config = {
            "batch_shape": shape,
            "dtype": entry["config"].get("input_dtype") or "float32",
            "name": config["name"],
        }
    if kind is not None and kind.__module__.startswith(_HERE):
        return {**described("keras.layers", class_name, config), **more}
    return {**described_own(class_name, config), **more}


def _for_keras(class_name: str, config: Mapping[str, Any]) -> dict[str, Any]:
    """A layer's configuration without what Keras does not know, as long as it says nothing."""
    if class_name in _OUR_LAYERS:
        warnings.warn(f"Keras has no layer {class_name}: only weblayers will open the file", stacklevel=2)
    left_out = (*_NOT_KERAS, *_SHARED) if class_name in _WITHOUT_SHARED else _NOT_KERAS
    taken = _ALL_OF.get(class_name, config)
    kept = {k: v for k, v in config.items() if k not in left_out and k in taken}
    if class_name == "LeakyReLU":
        kept["negative_slope"] = kept.pop("alpha")
    if class_name == "Bidirectional" and config["layer"]["config"].get("go_backwards"):
        # Keras turns no layer that goes backwards already
        turned = {"go_backwards": False, "name": f"backward_{config['layer']['config']['name']}"}
        described_layer = {**config["layer"], "config": {**config["layer"]["config"], **turned}}
        kept["backward_layer"] = kept.get("backward_layer") or described_layer
    for key in _OURS.get(class_name, ()):
        default = naming.parameters(serialization.CLASSES[class_name])[key].default
        if kept.get(key) in (None, default, "channels_last"):
            kept.pop(key, None)
        else:
            message = f"Keras has no {key!r} for {class_name}, as layer {config.get('name')!r} has it"
            warnings.warn(f"{message}: only weblayers will open the file", stacklevel=2)
    return kept


def _node(rows: list[Any], kinds: Kinds, has_states: bool) -> dict[str, Any]:
    """A use of a layer with its tensors and arguments, from TensorFlow.js' ``[[layer, use, output, arguments]]``.

    There, the states that a recurrent layer begins with are further inputs.
    """

    def argument(value: Any) -> Any:
        if not isinstance(value, list):
            return value
        if [type(v) for v in value] == [str, int, int]:
            return _tensor(value, kinds)
        return [argument(v) for v in value]

    tensors = [_tensor(row[:3], kinds) for row in rows]
    arguments = {k: argument(v) for k, v in rows[0][3].items()} if rows else {}
    if has_states and len(tensors) > 1:
        tensors, arguments["initial_state"] = tensors[:1], tensors[1:]
    return {"args": [tensors[0] if len(tensors) == 1 else tensors] if tensors else [], "kwargs": arguments}


def _tensor(place: list[Any], kinds: Kinds) -> dict[str, Any]:
    # Keras goes by the history alone
    config = {"shape": [], "dtype": "float32", "keras_history": _place(place, kinds, _MODELS)}
    return {"class_name": "__keras_tensor__", "config": config}


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
            return described(module, str(name), write_initializer(str(name), _value(value["config"])))
    return {k: _value(v) for k, v in value.items()}


_OF_OUTPUTS = {"loss": "keras.losses", "metrics": "keras.metrics", "weighted_metrics": "keras.metrics"}


def compile_configuration(model: Any) -> dict[str, Any]:
    """``compile_config`` of a compiled model."""
    written = training_config(model)
    for key in _OF_OUTPUTS:
        warn_of_targets(written.get(key))
    shared = {k: write_loss(written.get(k), module) for k, module in _OF_OUTPUTS.items()}
    shared["loss_weights"] = written.get("loss_weights")
    return {"optimizer": optimization.settings(model.compiled().optimizer), **shared}


def compilation_of(config: Mapping[str, Any]) -> dict[str, Any]:
    """Keras' ``compile_config``, without where its classes come from."""
    # files of HDF5 have the second name
    optimizers = ("optimizer", "optimizer_config")
    plain = {k: _plain(optimization.read(v) if k in optimizers else v) for k, v in config.items()}
    return {k: read_loss(v) if k in _OF_OUTPUTS else v for k, v in plain.items()}


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        kept = {k: _plain(v) for k, v in value.items()}
        return {k: kept[k] for k in ("class_name", "config")} if "class_name" in kept and "config" in kept else kept
    return [_plain(v) for v in value] if isinstance(value, list) else value
