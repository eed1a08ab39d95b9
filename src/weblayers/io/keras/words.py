"""Keras 3's configurations in the words that are used here."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from .differences import read_activation, read_initializer
from .operations import is_operation, read_operation

# Classes whose name in Keras' code is not the one that users know; its older files have that.
_CLASSES = {"GroupedQueryAttention": "GroupQueryAttention"}

# Layers that join masks otherwise than TensorFlow.js' do.
MERGES = ("Add", "Average", "Concatenate", "Maximum", "Minimum", "Multiply", "Subtract")


def is_keras_3(value: Any) -> bool:
    """Whether a configuration is Keras 3's: somewhere in it, a class is named with its module."""
    if isinstance(value, Mapping):
        return {"module", "class_name"} <= value.keys() or any(map(is_keras_3, value.values()))
    return isinstance(value, list) and any(map(is_keras_3, value))


def read(value: Any) -> Any:
    """A configuration of Keras 3 with the names that activations have here, and ops as layers."""
    if isinstance(value, list):
        return [read(v) for v in value]
    if not isinstance(value, Mapping):
        return value
    if is_operation(value):
        return read_operation(value)
    if {"args", "kwargs"} <= value.keys():
        # the mode that a layer was called in once: a model tells its layers anew
        kept = {k: v for k, v in value["kwargs"].items() if k != "training"}
        return {"args": read(value["args"]), "kwargs": read(kept)}
    if value.get("class_name") in MERGES and isinstance(value.get("config"), Mapping):
        # what was written here says so
        value = {**value, "config": {"keras_masks": True, **value["config"], **value.get("weblayers", {})}}
    read_values = {k: _read(str(k), v) for k, v in value.items()}
    if value.get("class_name") in _CLASSES:
        read_values["class_name"] = _CLASSES[value["class_name"]]
    return {k: read(v) for k, v in read_values.items()}


def _read(key: str, value: Any) -> Any:
    """A setting, where it is of another kind than its name says."""
    if key.endswith("activation"):
        return read_activation(value)
    return read_initializer(value) if key.endswith("initializer") else value


def mark_shared(config: Any, seen: dict[tuple[Any, Any], dict[str, Any]] | None = None) -> None:
    """Number the places of layers that are in several models, where Keras numbers all but the first."""
    seen = {} if seen is None else seen
    for entry in config.get("layers", ()) if isinstance(config, Mapping) else ():
        inner = entry.get("config")
        if isinstance(inner, Mapping):
            first = seen.setdefault((entry.get("class_name"), inner.get("name")), entry)
            if "shared_object_id" in entry:
                first["shared_layer"] = entry["shared_layer"] = entry["shared_object_id"]
            mark_shared(inner, seen)
