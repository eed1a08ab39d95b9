"""What tells constants of a plan from others, and the plans that are kept by it."""

from __future__ import annotations

import dataclasses
from collections import OrderedDict
from collections.abc import Callable, Hashable, Mapping
from typing import Any, Generic, TypeVar

import numpy as np

from .. import tree

T = TypeVar("T")

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


class Recent(Generic[T]):
    """What was made for the keys that were asked for last, so many of them."""

    def __init__(self, size: int) -> None:
        self.size = size
        self._kept: OrderedDict[Hashable, T] = OrderedDict()

    def __len__(self) -> int:
        return len(self._kept)

    def of(self, key: Hashable, make: Callable[[], T]) -> T:
        """What is kept for the key, made if need be."""
        if key in self._kept:
            self._kept.move_to_end(key)
            return self._kept[key]
        made = self._kept[key] = make()
        if len(self._kept) > self.size:
            self._kept.popitem(last=False)
        return made
