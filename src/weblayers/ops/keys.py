"""What tells constants of a plan from others."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Hashable, Mapping
from typing import Any

import numpy as np

from .. import tree

_PLAIN = frozenset((bool, int, str, type(None)))


def key_of(value: Any, is_data: Callable[[Any], bool] | None = None) -> Hashable:
    """A key that only values have which a function cannot tell apart: 1 is neither 1.0 nor True, and -0.0 is not 0.0.

    Lists, dictionaries, dataclasses and arrays count by what is in them. ``is_data`` tells, outside of dataclasses and
    sets, what is left out.

    Raises:
        TypeError: of what is neither hashable nor one of these, nobody can say whether it has changed.
    """
    kind = type(value)
    if kind in _PLAIN:
        return (kind, value)
    if is_data is not None and is_data(value):
        return "data"
    if isinstance(value, list | tuple):
        return (kind, *[key_of(part, is_data) for part in value])
    if isinstance(value, float):
        return (kind, value.hex())
    if isinstance(value, tree.Composite):
        return (kind, *[key_of(part, is_data) for part in value.parts])
    if isinstance(value, Mapping):
        return (kind, *[(key_of(k), key_of(value[k], is_data)) for k in tree.keys(value)])
    if isinstance(value, set | frozenset):
        return (kind, frozenset(map(key_of, value)))
    if isinstance(value, np.ndarray):
        return (kind, value.shape, value.dtype.str, value.tobytes())
    if dataclasses.is_dataclass(kind) and kind.__eq__ is not object.__eq__:
        return (kind, *(key_of(getattr(value, field.name)) for field in dataclasses.fields(kind)))
    try:
        hash(value)
    except TypeError:
        raise TypeError(
            f"an argument of type {kind.__name__} would be a constant of the plan, but it is not hashable, so that"
            " nobody can say whether it has changed: give tensors, numbers, strings, lists or dictionaries of them, or"
            " a dataclass, or make the class hashable"
        ) from None
    return (kind, value)
