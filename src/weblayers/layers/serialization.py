"""Configurations of layers as plain values, and layers from them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

import numpy as np

from .. import activations, constraints, initializers, naming, regularizers

# Classes by name: ours, and what users have registered.
CLASSES: dict[str, type] = {}


def serialize(value: Any) -> Any:
    """An argument of a layer as numbers, strings, lists and dictionaries."""
    if value is None or isinstance(value, str | bool | int | float):
        return value
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, np.ndarray):
        return value.tolist()
    if isinstance(value, list | tuple):
        return [serialize(v) for v in value]
    if isinstance(value, Mapping):
        return {k: serialize(v) for k, v in value.items()}
    if isinstance(value, initializers.Initializer):
        return initializers.serialize(value)
    if isinstance(value, regularizers.Regularizer):
        return regularizers.serialize(value)
    if isinstance(value, constraints.Constraint):
        return constraints.serialize(value)
    if hasattr(value, "get_config"):
        return {"class_name": type(value).__name__, "config": value.get_config()}
    if callable(value):
        return activations.serialize(value)
    raise TypeError(f"cannot write {type(value).__name__} into a layer's configuration")


# Entries of Keras' configurations that mean nothing while they are empty or false.
_KERAS_ONLY = frozenset(
    (
        *("quantization_config", "synchronized", "use_gate", "flash_attention", "use_cudnn", "lora_rank", "lora_alpha"),
        *(
            "sliding_window",
            "renorm",
            "autocast",
            "ragged",
            "optional",
            "time_major",
            "virtual_batch_size",
            "adjustment",
        ),
    )
)
# What belongs to an option that is off, how TensorFlow computes, and shapes that layers have seen.
_OF_NO_USE = frozenset(
    (
        *("renorm_clipping", "renorm_momentum", "fused", "decoder_sequence_shape", "encoder_sequence_shape"),
        *("query_shape", "key_shape", "value_shape"),
    )
)


# The layers of the file that is read, by the numbers that it gives to those that are in several places.
_shared: ContextVar[dict[tuple[str, int], Any] | None] = ContextVar("shared layers", default=None)


@contextmanager
def sharing() -> Iterator[None]:
    """While one file is read: what has the same ``shared_layer`` is one layer."""
    token = _shared.set({})
    try:
        yield
    finally:
        _shared.reset(token)


def register_class(cls: type) -> type:
    """Make a class of your own known by its name, so that models that use it can be loaded. Works as a decorator."""
    CLASSES[cls.__name__] = cls
    return cls


def deserialize(value: Any, custom_objects: Mapping[str, type] | None = None) -> Any:
    """A layer from ``{"class_name", "config"}``, of TensorFlow.js or of Keras; a layer is itself.

    Raises:
        ValueError: for an unknown class; the message names the nearest.
    """
    if not isinstance(value, Mapping):
        return value
    name = value.get("class_name", value.get("className"))
    if name is None:
        raise ValueError(f"not a serialized layer, it has no class_name: {sorted(value)}")
    known, shared = {**CLASSES, **(custom_objects or {})}, _shared.get()
    number = value.get("shared_layer")
    if shared is not None and isinstance(number, int):
        key = str(name), number
        if key not in shared:
            shared[key] = _deserialized(str(name), value, known)
        return shared[key]
    return _deserialized(str(name), value, known)


def _deserialized(name: str, value: Mapping[str, Any], known: Mapping[str, type]) -> Any:
    cls: Any = naming.lookup("layer class", name, known)
    given = value.get("config", {})
    if not isinstance(given, Mapping):
        # a Sequential of Keras before 2.2.3
        return cls.from_config(given)
    config = {k: v for k, v in given.items() if (v or k not in _KERAS_ONLY) and naming.snake(k) not in _OF_NO_USE}
    return cls.from_config(config)


def dtype_name(dtype: Any) -> str:
    """The name of a dtype: Keras writes a policy, ``{"class_name": "DTypePolicy", "config": {"name": ...}}``."""
    if isinstance(dtype, Mapping):
        return str(dtype["config"]["name"])
    return "float32" if dtype is None else str(dtype)
