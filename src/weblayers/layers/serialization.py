"""Configurations of layers as plain values, and layers from them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, TypeVar

import numpy as np

from .. import activations, constraints, custom, initializers, naming, regularizers
from ..bound import bound

C = TypeVar("C")

# Classes by name: ours, and what users have registered.
CLASSES: dict[str, type] = {}


def load_others() -> None:
    """Make those classes known that are imported only when they are asked for; the package puts it here."""


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
        return {"class_name": custom.name_of(type(value)), "config": value.get_config()}
    if callable(value):
        return activations.serialize(value)
    raise TypeError(f"cannot write {type(value).__name__} into a layer's configuration")


# Entries of Keras' configurations that mean nothing while they are empty or false.
_KERAS_ONLY = frozenset(
    (
        *("quantization_config", "synchronized", "use_gate", "flash_attention", "use_cudnn"),
        *(
            "sliding_window",
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
        *("fused", "decoder_sequence_shape", "encoder_sequence_shape"),
        *("query_shape", "key_shape", "value_shape"),
    )
)


# The layers of the file that is read, by the numbers that it gives to those that are in several places.
_shared: ContextVar[dict[tuple[str, int], Any] | None] = ContextVar("shared layers", default=None)


@contextmanager
def sharing() -> Iterator[None]:
    """While one file is read: what has the same ``shared_layer`` is one layer."""
    with bound(_shared, {}):
        yield


def register_class(cls: C) -> C:
    """Make a class of your own known by its name (or its ``class_name``), so that models that use it can be loaded.

    Works as a decorator, for layers as for losses, metrics, initializers and the like, and for functions.

    Raises:
        TypeError: neither a class nor a function.
    """
    if not callable(cls):
        raise TypeError(f"register_class takes a class or a function, not {cls!r}")
    custom.register(cls)
    if isinstance(cls, type):
        # a name may have a package: package>Name
        CLASSES[custom.name_of(cls).rpartition(">")[2]] = cls
    return cls


def deserialize(value: Any, custom_objects: Mapping[str, Any] | None = None) -> Any:
    """A layer from ``{"class_name", "config"}``, of TensorFlow.js or of Keras; a layer is itself.

    Args:
        custom_objects: classes and functions of your own, by name; also of what is inside.

    Raises:
        ValueError: for an unknown class; the message names the nearest.
    """
    if not isinstance(value, Mapping):
        return value
    name = value.get("class_name", value.get("className"))
    if name is None:
        raise ValueError(f"not a serialized layer, it has no class_name: {sorted(value)}")
    registered = value.get("registered_name")
    if isinstance(registered, str) and ">" in registered:
        name = registered
    shared, number = _shared.get(), value.get("shared_layer")
    with custom.lending(custom_objects):
        if shared is None or not isinstance(number, int):
            return _deserialized(str(name), value)
        key = str(name), number
        if key not in shared:
            shared[key] = _deserialized(str(name), value)
        return shared[key]


def _deserialized(name: str, value: Mapping[str, Any]) -> Any:
    cls = class_of(name)
    given = value.get("config", {})
    if not isinstance(given, Mapping):
        # a Sequential of Keras before 2.2.3
        return cls.from_config(given)
    config = {k: v for k, v in given.items() if (v or k not in _KERAS_ONLY) and naming.snake(k) not in _OF_NO_USE}
    return cls.from_config(config)


def class_of(name: str) -> Any:
    """The class of layers, or of models, that files call so.

    Raises:
        ValueError: there is none; the message says how to make one known.
    """
    # Keras writes a registered class with its package, as Package>Name
    plain = name if custom.lent(name) else name.rpartition(">")[2]
    if plain not in CLASSES:
        load_others()
    try:
        return naming.lookup("layer class", plain, CLASSES)
    except ValueError as error:
        raise ValueError(
            f"{error} A class of your own has to be known before a model that uses it is loaded: put"
            f" @wl.register_class before `class {plain}`, or load with custom_objects={{{plain!r}: {plain}}}"
        ) from None


def dtype_name(dtype: Any) -> str:
    """The name of a dtype: Keras writes a policy, ``{"class_name": "DTypePolicy", "config": {"name": ...}}``."""
    if isinstance(dtype, Mapping):
        return str(dtype["config"]["name"])
    return "float32" if dtype is None else str(dtype)
