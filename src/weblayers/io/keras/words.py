"""Keras 3's configurations in the words that are used here."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from .activations import read_activation
from .operations import is_operation, read_operation


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
    read_values = {k: read_activation(v) if str(k).endswith("activation") else v for k, v in value.items()}
    return {k: read(v) for k, v in read_values.items()}
