"""The meaning of a graph: every node evaluated by NumPy, one after the other."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from .node import DTYPES, Node, topological


class Program:
    """A graph in execution order, to be evaluated many times.

    Values are dropped after their last use. Host scalars are kept in double precision until an array meets them.
    """

    def __init__(self, outputs: Sequence[Node]) -> None:
        self.outputs = list(outputs)
        self.order = topological(outputs)
        last: dict[Node, int] = {}
        for i, node in enumerate(self.order):
            for source in node.inputs:
                last[source] = i
        keep = set(self.outputs)
        self._drops: list[list[Node]] = [[] for _ in self.order]
        for node, i in last.items():
            if node not in keep:
                self._drops[i].append(node)

    def run(self, bound: Mapping[Node, np.ndarray | float]) -> list[np.ndarray]:
        values: dict[Node, np.ndarray] = {}
        with np.errstate(all="ignore"):
            for node, drops in zip(self.order, self._drops, strict=True):
                given = bound.get(node)
                if given is not None:
                    values[node] = np.asarray(given, np.float64 if node.is_host else None)
                else:
                    values[node] = _apply(node, [values[i] for i in node.inputs])
                for dead in drops:
                    del values[dead]
        return [_as_stored(values[n], n) for n in self.outputs]


def _apply(node: Node, inputs: list[np.ndarray]) -> np.ndarray:
    if node.is_host:
        value = np.asarray(node.prim.numpy(*inputs, **node.params))
        return value.astype(np.float64) if value.dtype != np.bool_ else value
    inputs = [_as_stored(v, i) if i.is_host else v for v, i in zip(inputs, node.inputs, strict=True)]
    return _as_stored(node.prim.numpy(*inputs, **node.params), node)


def _as_stored(value: np.ndarray, node: Node) -> np.ndarray:
    return np.asarray(value, DTYPES[node.dtype])


def evaluate(outputs: Sequence[Node], bound: Mapping[Node, np.ndarray | float] | None = None) -> list[np.ndarray]:
    """Evaluate the outputs once, with values for the graph's inputs and scalars."""
    return Program(outputs).run(bound or {})
