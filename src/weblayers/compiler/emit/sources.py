"""Counters and random numbers."""

from __future__ import annotations

from collections.abc import Sequence

from ...graph.node import Node
from ..statements import Value
from .emitter import Coord, Emitter, handles


@handles("iota")
def iota(e: Emitter, node: Node, coords: Sequence[Coord]) -> list[Value]:
    flat = [lane for c in coords for lane in e.lanes(c)]
    return e.gathered(coords, [e.shader.to_float(c.col) for c in flat])


@handles("random_bits")
def random_bits(e: Emitter, node: Node, coords: Sequence[Coord]) -> list[Value]:
    key, counter = (e.value(i, Coord(0, 0, False)) for i in node.inputs)
    flat = [lane for c in coords for lane in e.lanes(c)]
    words = [e.shader.op("random", "f", e.linear(node.shape, c), key, counter) for c in flat]
    return e.gathered(coords, words)
