"""Reverse-mode differentiation of graphs: one sweep, one rule per primitive (in the primitive table)."""

from __future__ import annotations

from collections.abc import Sequence, Set
from typing import Any

from . import build as b
from .node import Node, topological


def gradient(output: Node, inputs: Sequence[Node], seed: Node | None = None) -> list[Node]:
    """The gradients of a scalar ``output`` (or of ``sum(output * seed)``) with respect to ``inputs``.

    An input that the output does not depend on gets zeros.
    """
    if seed is None:
        if output.shape != ():
            raise ValueError(f"only a scalar has a gradient; the output has shape {list(output.shape)}")
        seed = b.constant(1.0, "float32")
    return [
        b.full(x.shape, 0.0) if g is None else g
        for x, g in zip(inputs, pullback([output], [seed], inputs), strict=True)
    ]


def pullback(
    outputs: Sequence[Node], seeds: Sequence[Node], inputs: Sequence[Node], leaves: Set[Node] = frozenset()
) -> list[Node | None]:
    """The gradients of ``sum(output * seed)`` over all outputs; None where there is none.

    Nothing behind the ``leaves`` is differentiated.
    """
    wanted = set(inputs)
    order = topological(outputs, leaves)
    # only nodes on a path from a wanted input carry a cotangent
    active: set[Node] = set()
    for node in order:
        if node in wanted or (node not in leaves and any(i in active for i in node.inputs)):
            active.add(node)
    cotangents: dict[Node, list[Any]] = {}
    for output, seed in zip(outputs, seeds, strict=True):
        cotangents.setdefault(output, []).append(seed)
    for node in reversed(order):
        if node not in cotangents or node not in active or not node.inputs or node in leaves:
            continue
        parts = cotangents[node]
        # the results of a scan send back what belongs to them: it is differentiated once for all of them
        g = parts if node.op == "scan" else _total(parts)
        if node in wanted:
            cotangents[node] = [g]
        else:
            del cotangents[node]
        if node.op in ("last", "each"):
            cotangents.setdefault(node.inputs[0], []).append((node, g))
            continue
        if node.prim.vjp is None:
            raise NotImplementedError(f"the primitive {node.op} has no gradient")
        for source, part in zip(node.inputs, node.prim.vjp(g, node, *node.inputs, **node.params), strict=True):
            if part is None or source not in active:
                continue
            cotangents.setdefault(source, []).append(part)
    return [_total(cotangents[x]) if x in cotangents else None for x in inputs]


def _total(parts: list[Node]) -> Node:
    """The sum of what a value's users send back, as few operations: slices side by side are put together."""
    joined = _joined(parts)
    if joined is not None:
        return joined
    total = parts[0]
    for part in parts[1:]:
        total = b.add(total, part)
    return total


def _joined(parts: list[Node]) -> Node | None:
    """Padded values that do not overlap along one axis as one concatenation; None if they are something else."""
    if len(parts) < 2 or not all(p.op == "pad" and _is_plain(p) for p in parts):
        return None
    axes = {i for p in parts for i, (lo, hi) in enumerate(_around(p)) if lo or hi}
    if len(axes) != 1:
        return None
    (axis,) = axes
    end, pieces = 0, []
    for part in sorted(parts, key=lambda p: _around(p)[axis]):
        (inner,) = part.inputs
        start = _around(part)[axis][0]
        if start < end:
            return None
        if start > end:
            pieces.append(_zeros(part, axis, start - end))
        pieces.append(inner)
        end = start + inner.shape[axis]
    if end < parts[0].shape[axis]:
        pieces.append(_zeros(parts[0], axis, parts[0].shape[axis] - end))
    return b.concat(pieces, axis)


def _is_plain(pad: Node) -> bool:
    around = _around(pad)
    return pad.param("value") == 0 and not any(pad.param("interior")) and all(min(p) >= 0 for p in around)


def _around(pad: Node) -> list[tuple[int, int]]:
    return list(zip(pad.param("lo"), pad.param("hi"), strict=True))


def _zeros(like: Node, axis: int, size: int) -> Node:
    return b.full(tuple(size if i == axis else d for i, d in enumerate(like.shape)), 0.0)
