"""The meaning of a graph: every node evaluated by NumPy, one after the other."""

from __future__ import annotations

from collections.abc import Mapping, Sequence, Set
from typing import Any

import numpy as np

from .node import DTYPES, Node, topological
from .scan import Body


class Program:
    """A graph in execution order, to be evaluated many times.

    Values are dropped after their last use. Host scalars are kept in double precision until an array meets them, and
    integers in 64 bits, as results too.
    ``leaves`` are nodes whose values are given at each run, whatever lies behind them.
    """

    def __init__(self, outputs: Sequence[Node], leaves: Set[Node] = frozenset()) -> None:
        self.outputs = list(outputs)
        self.order = topological(outputs, leaves)
        last: dict[Node, int] = {}
        for i, node in enumerate(self.order):
            for source in node.inputs:
                last[source] = i
        keep = set(self.outputs)
        self._drops: list[list[Node]] = [[] for _ in self.order]
        for node, i in last.items():
            if node not in keep:
                self._drops[i].append(node)
        self._loops = {
            node: _Loop(node, [n for n in self.order if n.inputs == (node,)])
            for node in self.order
            if node.op == "scan"
        }

    def run(self, bound: Mapping[Node, np.ndarray | float]) -> list[np.ndarray]:
        values: dict[Node, Any] = {}
        with np.errstate(all="ignore"):
            for node, drops in zip(self.order, self._drops, strict=True):
                given = bound.get(node)
                if given is not None:
                    values[node] = np.asarray(given, np.float64) if node.is_host else _as_stored(given, node)
                elif node in self._loops:
                    values[node] = self._loops[node].run([values[i] for i in node.inputs])
                elif node.op in ("last", "each"):
                    values[node] = values[node.inputs[0]][node]
                else:
                    values[node] = _apply(node, [values[i] for i in node.inputs])
                for dead in drops:
                    values.pop(dead, None)
        return [_as_stored(values[n], n) for n in self.outputs]


class _Loop:
    """A scan, with the results that are wanted of it."""

    def __init__(self, node: Node, results: Sequence[Node]) -> None:
        self._body: Body = node.param("body")
        self._results = results
        self._live = self._body.live(results)
        after = [self._body.next[i] for i in self._live]
        each = [r.param("value") for r in results if r.op == "each"]
        self._program = Program([*after, *each], self._body.leaves)

    def run(self, inputs: Sequence[np.ndarray]) -> dict[Node, np.ndarray]:
        body, live = self._body, self._live
        first, captured, slices = body.split(inputs)
        state = [first[i] for i in live]
        bound: dict[Node, Any] = dict(zip(body.captured, captured, strict=True))
        stacks: dict[int, list[np.ndarray]] = {}
        for t in body.order():
            bound.update(zip([body.carries[i] for i in live], state, strict=True))
            bound.update((x, s[t]) for x, s in zip(body.slices, slices, strict=True))
            values = self._program.run(bound)
            state = values[: len(live)]
            stacks[t] = values[len(live) :]
        found: dict[Node, np.ndarray] = {}
        number = 0
        for result in self._results:
            if result.op == "last":
                found[result] = state[live.index(body.carries.index(result.param("carry")))]
            else:
                found[result] = np.stack([stacks[t][number] for t in range(body.steps)])
                number += 1
        return found


def first_bad(outputs: Sequence[Node], bound: Mapping[Node, np.ndarray | float]) -> Node | None:
    """The first node that gives a NaN or an infinity; None if none does. A scan counts as a whole."""
    order = [n for n in topological(outputs) if n.op != "scan" and n.dtype == "float32" and not n.is_host]
    values = Program(order).run(bound)
    return next((n for n, v in zip(order, values, strict=True) if not np.isfinite(v).all()), None)


def _apply(node: Node, inputs: list[np.ndarray]) -> np.ndarray:
    if node.is_host:
        value = np.asarray(node.prim.numpy(*inputs, **node.params))
        return value.astype(np.float64) if value.dtype != np.bool_ else value
    inputs = [_as_stored(v, i) if i.is_host else v for v, i in zip(inputs, node.inputs, strict=True)]
    return _as_stored(node.prim.numpy(*inputs, **node.params), node)


def _as_stored(value: Any, node: Node) -> np.ndarray:
    if node.dtype == "int32" and np.asarray(value).dtype.kind == "f":
        # what is no number is no integer either: 0, as it is where it comes from a device
        value = np.where(np.isfinite(value), np.clip(value, -(2.0**62), 2.0**62), 0)
    # integers that have grown beyond what is exact elsewhere must not come back as others: who reads them is told
    return np.asarray(value, np.int64 if node.dtype == "int32" else DTYPES[node.dtype])


def evaluate(outputs: Sequence[Node], bound: Mapping[Node, np.ndarray | float] | None = None) -> list[np.ndarray]:
    """Evaluate the outputs once, with values for the graph's inputs and scalars."""
    return Program(outputs).run(bound or {})
