"""Reverse-mode differentiation of graphs: one sweep, one rule per primitive (in the primitive table)."""

from __future__ import annotations

from collections.abc import Sequence

from . import build as b
from .node import Node, topological

# Primitives without a VJP whose derivative is zero (or that only carry positions); any other is an error.
_NO_GRADIENT = frozenset(
    (
        *("sign", "floor", "ceil", "round", "isnan", "not", "eq", "lt", "le", "and", "or"),
        *("argmax", "argmin", "pool_argmax", "random_bits", "stop_gradient"),
        *("iota", "constant", "array", "input", "scalar"),
    )
)


def gradient(output: Node, inputs: Sequence[Node], seed: Node | None = None) -> list[Node]:
    """The gradients of a scalar ``output`` (or of ``sum(output * seed)``) with respect to ``inputs``.

    An input that the output does not depend on gets zeros.
    """
    if seed is None:
        if output.shape != ():
            raise ValueError(f"only a scalar has a gradient; the output has shape {list(output.shape)}")
        seed = b.constant(1.0, "float32")
    wanted = set(inputs)
    order = topological([output])
    # only nodes on a path from a wanted input carry a cotangent
    active: set[Node] = set()
    for node in order:
        if node in wanted or any(i in active for i in node.inputs):
            active.add(node)
    cotangents: dict[Node, Node] = {output: seed}
    for node in reversed(order):
        g = cotangents.get(node)
        if g is None or node not in active or not node.inputs:
            continue
        if node not in wanted:
            del cotangents[node]
        if node.prim.vjp is None:
            if node.op not in _NO_GRADIENT:
                raise NotImplementedError(f"the primitive {node.op} has no gradient")
            continue
        for source, part in zip(node.inputs, node.prim.vjp(g, node, *node.inputs, **node.params), strict=True):
            if part is None or source not in active:
                continue
            known = cotangents.get(source)
            cotangents[source] = part if known is None else b.add(known, part)
    return [cotangents.get(x) or b.full(x.shape, 0.0) for x in inputs]
