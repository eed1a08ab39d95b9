"""Nested lists, tuples and dictionaries of values."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any


class Composite:
    """A value that is made of others, such as a pair of tensors."""

    parts: list[Any]

    def with_parts(self, parts: Sequence[Any]) -> Any:
        """The same of other parts."""
        raise NotImplementedError


def keys(mapping: Mapping[Any, Any]) -> list[Any]:
    """The keys of a dictionary in the one order that counts: sorted, whatever the order in which they were put in.

    >>> keys({"b": 0, 2: 0, 10: 0, "a": 0})
    [2, 10, 'a', 'b']
    """
    return sorted(mapping, key=lambda key: (type(key).__name__, key))


def leaves(tree: Any) -> list[Any]:
    """The values, in order; of dictionaries in the order of their keys.

    >>> leaves({"b": [1, 2], "a": (3,)})
    [3, 1, 2]
    """
    if isinstance(tree, Composite):
        return leaves(tree.parts)
    if isinstance(tree, list | tuple):
        return [leaf for part in tree for leaf in leaves(part)]
    if isinstance(tree, Mapping):
        return [leaf for key in keys(tree) for leaf in leaves(tree[key])]
    return [tree]


def mapped(fn: Callable[[Any], Any], tree: Any) -> Any:
    """The same structure with each value replaced, in the order of :func:`leaves`.

    >>> mapped(lambda v: v + 1, [1, {"a": 2}])
    [2, {'a': 3}]
    """
    return packed(tree, [fn(leaf) for leaf in leaves(tree)])


def packed(tree: Any, values: list[Any]) -> Any:
    """The same structure with the values of a list, in the order of :func:`leaves`.

    >>> packed({"b": 0, "a": [0, 0]}, [1, 2, 3])
    {'b': 3, 'a': [1, 2]}
    """
    return _filled(tree, iter(values))


def _filled(part: Any, rest: Iterator[Any]) -> Any:
    # not a closure: one that calls itself is a cycle, and would keep the values until it is collected
    if isinstance(part, Composite):
        return part.with_parts(_filled(part.parts, rest))
    if isinstance(part, list | tuple):
        filled = [_filled(p, rest) for p in part]
        # a named tuple takes its values one by one
        return type(part)(*filled) if hasattr(part, "_fields") else type(part)(filled)
    if isinstance(part, Mapping):
        values = {key: _filled(part[key], rest) for key in keys(part)}
        return {key: values[key] for key in part}
    return next(rest)
