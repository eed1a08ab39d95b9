"""Names for graphs: those that are traced alike have the same one, in every program and on every day."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from typing import Any

from .build import ArrayConstant
from .node import Node, topological
from .primitives.custom import Rule
from .program import Graph
from .scan import Body


def digest(graph: Graph) -> str:
    """The name of a graph: of all that a plan is made from.

    Raises:
        TypeError: a primitive has a parameter of a kind that has no name.
    """
    named = _Naming()
    for leaf in (*graph.inputs, *graph.scalars):
        named.leaf(leaf)
    named.tell(graph.outputs)
    ends = [named.numbers[n] for n in graph.outputs]
    named.say(len(graph.inputs), ends, sorted(graph.swaps.items()), graph.halves)
    return named.hash.hexdigest()


class _Naming:
    """Nodes by the numbers in whose order they are told of."""

    def __init__(self) -> None:
        self.hash = hashlib.sha256()
        self.numbers: dict[Node, int] = {}

    def say(self, *parts: Any) -> None:
        self.hash.update(repr(parts).encode())

    def leaf(self, node: Node) -> None:
        """Something that is given: only its place in the order tells it from others."""
        self.say(node.op, node.aval)
        self.numbers[node] = len(self.numbers)

    def tell(self, ends: Iterable[Node]) -> None:
        for n in topological(ends, self.numbers.keys()):
            if n not in self.numbers:
                params = [(name, self._told(value, n)) for name, value in n.key]
                self.say(n.op, n.aval, [self.numbers[i] for i in n.inputs], params)
                self.numbers[n] = len(self.numbers)

    def _told(self, value: Any, owner: Node) -> Any:
        """What is said of a parameter."""
        if value is None or isinstance(value, bool | int | float | str):
            return value
        if isinstance(value, tuple):
            return [self._told(v, owner) for v in value]
        if isinstance(value, ArrayConstant):
            array = value.array
            return array.dtype.str, array.shape, hashlib.sha256(array.tobytes()).hexdigest()
        if isinstance(value, Node):
            # a value of the body of a loop, whose leaves are known by now
            self.tell([value])
            return self.numbers[value]
        if isinstance(value, Body):
            for leaf in (*value.carries, *value.slices):
                if leaf not in self.numbers:
                    self.leaf(leaf)
            self.tell(value.next)
            parts = (value.carries, value.slices, value.captured, value.next)
            return [[self.numbers[n] for n in part] for part in parts], value.steps, value.backwards
        if isinstance(value, Rule):
            # of a gradient, which was taken before
            return "rule"
        raise TypeError(f"parameter {value!r} of {owner.op} has no name")
