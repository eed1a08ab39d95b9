"""Where one name means one function to Keras 3 and another to TensorFlow.js and Keras 2: ``hard_sigmoid``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def _object(class_name: str, config: dict[str, Any]) -> dict[str, Any]:
    return {"module": "keras.layers", "class_name": class_name, "config": config, "registered_name": None}


# TensorFlow.js' function in Keras 3's words, which takes layers for activations: its own has a slope of 1 / 6, not
# 1 / 5.
_STEEPER = 1.2
_HARD_SIGMOID = _object(
    "Pipeline",
    {
        "name": "hard_sigmoid",
        "layers": [
            _object("Rescaling", {"name": "steeper", "scale": _STEEPER, "offset": 0.0}),
            _object("Activation", {"name": "hard_sigmoid", "activation": "hard_sigmoid"}),
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
