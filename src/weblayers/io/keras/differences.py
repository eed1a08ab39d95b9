"""Where one name means one thing to Keras 3 and another to TensorFlow.js: what is built by name is TensorFlow.js', what
comes from a file of Keras 3 is Keras'.

| name                          | TensorFlow.js, and here        | Keras 3, and what it is called here         |
| ----------------------------- | ------------------------------ | ------------------------------------------- |
| activation ``hard_sigmoid``   | a slope of 1 / 5               | 1 / 6: ``h_sigmoid``                        |
| loss and metric ``hinge``,    | targets are -1 and 1           | or 0 and 1: the classes ``Hinge``,          |
| ``squared_hinge``             |                                | ``SquaredHinge``                            |
| loss ``Tversky``              | alpha for false positives, as  | alpha for false negatives                   |
|                               | in the paper                   |                                             |
| ``VarianceScaling``, truncated| smaller than they say: what is | what is cut off is made up for: a larger    |
| normal, and ``GlorotNormal``, | cut off is not made up for     | ``scale``                                   |
| ``HeNormal``, ``LecunNormal`` |                                |                                             |

The other names were compared one by one, and are the same. The ``sparsemax`` of Keras is no other function but wrong.
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from typing import Any

from ... import initializers, metrics, naming
from ...losses import objects as losses
from .optimization import described, described_own

# TensorFlow.js' function in Keras 3's words, which takes layers for activations: its own has a slope of 1 / 6, not
# 1 / 5.
_STEEPER = 1.2
_HARD_SIGMOID = described(
    "keras.layers",
    "Pipeline",
    {
        "name": "hard_sigmoid",
        "layers": [
            described("keras.layers", "Rescaling", {"name": "steeper", "scale": _STEEPER, "offset": 0.0}),
            described("keras.layers", "Activation", {"name": "hard_sigmoid", "activation": "hard_sigmoid"}),
        ],
    },
)


def write_activation(value: Any) -> Any:
    """What Keras 3 is told for the name of an activation."""
    return {"hard_sigmoid": _HARD_SIGMOID, "h_sigmoid": "hard_sigmoid"}.get(value, value)


def read_activation(value: Any) -> Any:
    """The name that an activation of Keras 3 has here."""
    if value == "hard_sigmoid":
        return "h_sigmoid"
    return "hard_sigmoid" if _is_steeper(value) else value


def _is_steeper(value: Any) -> bool:
    """Whether it is what was written for TensorFlow.js' function; Keras adds settings when it writes it again."""
    if not isinstance(value, Mapping):
        return False
    # in .h5 files it leaves the class out
    config = value.get("config") if value.get("class_name") == "Pipeline" else value
    layers = config.get("layers") if isinstance(config, Mapping) else None
    if not isinstance(layers, list):
        return False
    told = [(part.get("class_name"), part.get("config", {})) for part in layers if isinstance(part, Mapping)]
    kinds = [kind for kind, _ in told]
    return kinds == ["Rescaling", "Activation"] and dict(told[0][1] or {}).get("scale") == _STEEPER


# -- losses and metrics -----------------------------------------------------------------------------------------------

# What Keras 3 calls losses, and metrics of such names.
_LOSSES = {
    "logcosh": "log_cosh",
    "kullback_leibler_divergence": "kl_divergence",
    "cosine": "cosine_similarity",
    "cosine_proximity": "cosine_similarity",
    "cce": "categorical_crossentropy",
}
_METRICS = {
    **{spelled(name): name for name in metrics.CLASSES for spelled in (naming.snake, naming.class_snake)},
    # suits itself to the loss, which the class does not
    "accuracy": "accuracy",
    "kullback_leibler_divergence": "kl_divergence",
    "kld": "kl_divergence",
    "cce": "categorical_crossentropy",
    "logcosh": "LogCoshError",
    "log_cosh": "LogCoshError",
    "rmse": "RootMeanSquaredError",
    "binary_iou": "BinaryIoU",
    "hinge": "hinge",
    "squared_hinge": "squared_hinge",
    "cosine_similarity": "cosine_similarity",
}
# Metrics that it has as functions of losses only. The similarity is one, where its metric has the other sign.
_FUNCTIONS = {
    "cosine": "cosine_similarity",
    "cosine_proximity": "cosine_similarity",
    **{name: name for name in ("huber", "dice", "tversky", "circle")},
    **{name: name for name in ("binary_focal_crossentropy", "categorical_focal_crossentropy")},
}

_HINGES = {"hinge": "Hinge", "squared_hinge": "SquaredHinge"}
# how TensorFlow.js' are told in Keras' files: they are equal as long as the targets are -1 and 1
_TFJS = "tfjs_"


def write_loss(value: Any, module: str = "keras.losses") -> Any:
    """What Keras 3 is told for a loss or a metric, or for several, of a module."""
    if isinstance(value, list):
        return [write_loss(v, module) for v in value]
    if isinstance(value, Mapping) and "class_name" not in value:
        return {k: write_loss(v, module) for k, v in value.items()}
    if value == "categorical_generalized_cross_entropy":
        return described("keras.losses", "CategoricalGeneralizedCrossEntropy", {})
    if isinstance(value, str) and value in _HINGES:
        return described(module, _HINGES[value], {"name": _TFJS + value})
    if isinstance(value, Mapping):
        if value["class_name"] not in {*losses.CLASSES, *metrics.CLASSES}:
            return described_own(value["class_name"], value["config"])
        return described(module, value["class_name"], _turned(value["class_name"], value["config"]))
    if module == "keras.metrics" and value in _FUNCTIONS:
        return {**described("builtins", "function", {}), "config": _FUNCTIONS[value], "registered_name": "function"}
    return (_METRICS if module == "keras.metrics" else _LOSSES).get(value, value)


def warn_of_targets(value: Any) -> None:
    """Name the losses and metrics that mean something else to Keras 3 for some targets."""
    if isinstance(value, str) and value in _HINGES:
        warnings.warn(
            f"{value!r} is TensorFlow.js', where targets are -1 and 1: Keras takes 0 for -1. If the targets are 0 and"
            f" 1, {_HINGES[value]}() is what Keras computes, here too",
            stacklevel=2,
        )
    elif isinstance(value, list):
        for part in value:
            warn_of_targets(part)
    elif isinstance(value, Mapping) and "class_name" not in value:
        warn_of_targets(list(value.values()))


def read_loss(value: Any) -> Any:
    """What a loss or a metric of Keras 3, or several of them, are here."""
    if isinstance(value, list):
        return [read_loss(v) for v in value]
    if isinstance(value, Mapping) and "class_name" not in value:
        return {k: read_loss(v) for k, v in value.items()}
    if not isinstance(value, Mapping):
        return {"class_name": _HINGES[value], "config": {}} if value in _HINGES else value
    config = value.get("config")
    if value["class_name"] == "function":
        return "cosine_proximity" if config == "cosine_similarity" else read_loss(config)
    if not isinstance(config, Mapping):
        return value
    name = str(config.get("name"))
    if name.startswith(_TFJS):
        return name.removeprefix(_TFJS)
    return {**value, "config": _turned(str(value["class_name"]), config)}


def _turned(class_name: str, config: Mapping[str, Any]) -> dict[str, Any]:
    """The settings of a loss as the other side has them."""
    if class_name != "Tversky":
        return dict(config)
    return {**config, "alpha": config.get("beta", 0.5), "beta": config.get("alpha", 0.5)}


# -- initializers -----------------------------------------------------------------------------------------------------

# The standard deviation of normal values that are cut off at two of them, squared.
_CUT = 0.87962566103423978**2


def write_initializer(class_name: str, config: Mapping[str, Any]) -> dict[str, Any]:
    """The configuration that has Keras 3 make the values that are made here."""
    return _scaled(class_name, config, _CUT)


def read_initializer(value: Any) -> Any:
    """An initializer of Keras 3 as one that makes such values here."""
    if isinstance(value, str):
        known = initializers.get(value) if naming.snake(value) in _TRUNCATED else None
        return value if known is None else read_initializer(initializers.serialize(known))
    if not isinstance(value, Mapping) or not isinstance(value.get("config"), Mapping):
        return value
    name = str(value.get("class_name"))
    config = dict(value["config"])
    if naming.class_snake(name) in _TRUNCATED:
        made = initializers.serialize(initializers.get({"class_name": name, "config": {"seed": config.get("seed")}}))
        name, config = made["class_name"], dict(made["config"])
    return {**value, "class_name": name, "config": _scaled(name, config, 1 / _CUT)}


_TRUNCATED = ("glorot_normal", "he_normal", "lecun_normal", "le_cun_normal")


def _scaled(class_name: str, config: Mapping[str, Any], factor: float) -> dict[str, Any]:
    if class_name != "VarianceScaling" or config.get("distribution") not in ("normal", "truncated_normal"):
        return dict(config)
    # so that there and back is the same number
    return {**config, "scale": float(f"{config['scale'] * factor:.12g}")}
