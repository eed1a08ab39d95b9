"""Gradients of pooling: what is done to a map that has one value per window is done to these values instead."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence, Set
from types import MappingProxyType
from typing import NamedTuple

from ..graph import build as b
from ..graph.node import Node, make_node
from .views import number, origin

# A fragment keeps so many values for each of its elements.
MAX_WINDOW = 4


def before_unpool(node: Node) -> Node:
    """An activation's gradient behind a maximum's, taken before it is spread.

    What ``unpool`` gives is zero but where a window has its maximum, and there the map has the pooled value:
    ``where(f(x), unpool(argmax(x), g), 0)`` is ``unpool(argmax(x), where(f(max(x)), g, 0))``, a quarter of the work for
    windows of 2x2, and nobody needs the map any more.
    """
    spread = next((n for n in node.inputs if n.op == "unpool" and n.inputs[0].op == "pool_argmax"), None)
    if spread is None or not _keeps_zeros(node, spread):
        return node
    index, g = spread.inputs
    (x,) = index.inputs
    pooled = b.bind("pool_max", x, **index.params)
    inputs = tuple(g if n is spread else _of_pooled(n, x, pooled) for n in node.inputs)
    if any(n is None for n in inputs):
        return node
    return make_node(spread.prim, (index, make_node(node.prim, inputs, node.params)), spread.params)  # type: ignore[arg-type]


def _keeps_zeros(node: Node, spread: Node) -> bool:
    """Whether a node is zero where one of its inputs is."""
    if node.op == "where":
        _, x, y = node.inputs
        other = number(y if x is spread else x)
        return (
            (x is spread) != (y is spread) and other is not None and other.op == "constant" and not other.param("value")
        )
    return node.op == "mul" and node.inputs[0] is not node.inputs[1]


def _of_pooled(node: Node, x: Node, pooled: Node) -> Node | None:
    """A value that is computed of a map element by element, of the pooled map; None if it is of anything else."""
    if node is x:
        return pooled
    scalar = number(node)
    if scalar is not None:
        return b.broadcast(scalar, pooled.shape)
    if not node.prim.elementwise or not node.inputs:
        return None
    inputs = [_of_pooled(n, x, pooled) for n in node.inputs]
    return None if any(n is None for n in inputs) else make_node(node.prim, tuple(inputs), node.params)  # type: ignore[arg-type]


def spread_in_place(order: Sequence[Node]) -> set[Node]:
    """The gradients that kernel gradients alone read, and spread as they read them: maps that are never stored.

    Their windows lie beside each other: a map's element then takes two reads, of which neighbours share their own.
    """
    readers = _readers(order)
    apart = (n for n in order if n.op.startswith("unpool") and _lie_beside(n))
    return {n for n in apart if all(r.op == "conv_kernel_grad" and r.inputs[1] is n for r in readers.get(n, [n]))}


class Pooled(NamedTuple):
    """The pools that kernels of convolutions compute, each with its convolution, and what lies between the two."""

    products: Mapping[Node, Node] = MappingProxyType({})
    between: Set[Node] = frozenset()


def pooled_at_once(order: Sequence[Node], outputs: Iterable[Node]) -> Pooled:
    """The convolutions whose maps nobody but pools reads, so that they are never stored.

    Windows are so small that a fragment computes those of all its elements.
    """
    readers = _readers(order)
    wanted = set(outputs)
    products: dict[Node, Node] = {}
    between: set[Node] = set()
    for conv in order:
        if conv.op != "conv":
            continue
        chain, users = [conv], readers.get(conv, [])
        while len(users) == 1 and users[0].prim.elementwise and users[0].shape == conv.shape:
            chain.append(users[0])
            users = readers.get(users[0], [])
        if users and wanted.isdisjoint(chain) and all(_is_small_pool(n) and n.key == users[0].key for n in users):
            products |= dict.fromkeys(users, conv)
            between.update(chain[1:])
    return Pooled(products, between)


def _readers(order: Sequence[Node]) -> dict[Node, list[Node]]:
    readers: dict[Node, list[Node]] = {}
    for n in order:
        for i in n.inputs:
            readers.setdefault(origin(i), []).append(n)
    return readers


def _is_small_pool(node: Node) -> bool:
    if node.op not in ("pool_max", "pool_argmax"):
        return False
    inside = all(p == (0, 0) for p in node.param("padding"))
    return _lie_beside(node) and inside and math.prod(node.param("window")) <= MAX_WINDOW


def _lie_beside(node: Node) -> bool:
    """Whether windows share no elements."""
    return all(w <= k for w, k in zip(node.param("window"), node.param("strides"), strict=True))
