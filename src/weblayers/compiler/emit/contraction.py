"""Matrix products, as the root of a kernel: every fragment computes a block of 4 rows x 4 columns."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

from ...graph.node import Node
from ..shader import Shader
from ..statements import Int, Value
from ..views import side_by_side
from .emitter import Accumulators, Coord, Emitter, Position, handles


@handles("dot")
def dot(e: Emitter, node: Node, coords: Sequence[Coord]) -> list[Value]:
    b = node.inputs[1]
    s, ta, tb = e.shader, node.param("ta"), node.param("tb")
    if not all(c.vec for c in coords):
        # single elements are parts of texels: neighbours then share a loop
        texels = e.values(node, [c if c.vec else Coord(c.row, s.div(c.col, 4), True, c.run) for c in coords])
        return [t if c.vec else s.component(t, s.mod(c.col, 4)) for t, c in zip(texels, coords, strict=True)]
    parts = _parts(e, node)
    places = [e.position(node.shape, c).at for c in coords]
    acc = Accumulators(s, ["v"] * len(coords), 0.0, looped=any(depth >= 4 for _, depth in parts))

    def left(part: Node, k: Int, width: int) -> list[list[Value]]:
        """Per lane: op(a) at that lane's row and ``width`` neighbouring inner positions."""
        if ta:
            return [
                [
                    _with_ones(
                        e,
                        node,
                        p[-2],
                        e.value(part, e.coord(part.shape, Position((*p[:-2], s.add(k, j), p[-2]), None))),
                    )
                    for j in range(width)
                ]
                for p in places
            ]
        # a part has the product's rows, whatever axes it has them by
        shape = (*node.inputs[0].shape[:-1], part.shape[-1])
        texels = e.values(part, [e.coord(shape, Position((*p[:-1], k), len(p) - 1)) for p in places])
        return [[s.component(t, j) for j in range(width)] for t in texels]

    def step(part: Node, first: int, k: Int, width: int) -> None:
        columns = left(part, k, width)
        k = s.add(k, first)
        for lane, p in enumerate(places):
            if tb:
                # four rows of b, each along the inner axis, turned into columns
                rows = [(*p[:-2], s.add(p[-1], i), k) for i in range(4)]
                texels = e.values(b, [e.coord(b.shape, Position(r, len(r) - 1)) for r in rows])
                multiply_add(e, acc, lane, columns[lane], transposed(s, texels, width))
            else:
                rows = [(*p[:-2], s.add(k, j), p[-1]) for j in range(width)]
                texels = e.values(b, [e.coord(b.shape, Position(r, len(r) - 1)) for r in rows])
                multiply_add(e, acc, lane, columns[lane], texels)

    first = 0
    for part, depth in parts:
        over_inner(e, depth, partial(step, part, first))
        first += depth
    return [acc.get(lane) for lane in range(len(acc))]


def _parts(e: Emitter, node: Node) -> list[tuple[Node, int]]:
    """What lies side by side on the left of a product, and how deep each is: read one after the other."""
    a = node.inputs[0]
    whole = side_by_side(node)
    if whole is None or whole in e.sources:
        return [(a, a.shape[-2 if node.param("ta") else -1])]
    return [(part, part.shape[-1]) for part in whole.inputs]


def over_inner(e: Emitter, depth: int, step: Callable[[Int, int], None]) -> None:
    """Run ``step(k, width)`` over the inner axis, four at a time and then the rest, so that no lane past it is read."""
    if depth >= 4:
        e.unrolled_or_looped(depth // 4, 1, lambda i: step(e.shader.mul(i, 4), 4))
    if depth % 4:
        step(depth - depth % 4, depth % 4)


def multiply_add(e: Emitter, acc: Accumulators, lane: int, scalars: Sequence[Value], vectors: Sequence[Value]) -> None:
    """Add the products of scalars and vectors to a lane, one after the other."""
    s, total = e.shader, acc.get(lane)
    for scalar, vector in zip(scalars, vectors, strict=True):
        factor = s.splat(scalar) if vector.type == "v" else scalar
        total = s.op("fma", vector.type, factor, vector, total)
    acc.set(lane, total)


def transposed(s: Shader, rows: Sequence[Value], width: int) -> list[Value]:
    """The first columns of a matrix of four rows."""
    return [s.vec4([s.component(row, j) for row in rows]) for j in range(width)]


def _with_ones(e: Emitter, node: Node, row: Int, value: Value) -> Value:
    """The extra row of ones: only the lane whose rows can hit it pays for the test."""
    if not node.param("ones"):
        return value
    s, first = e.shader, node.shape[-2] - node.param("ones")
    return s.select(row_is(e, row, first), s.const(1.0), value)


def row_is(e: Emitter, row: Int, n: int) -> Value | bool:
    """Whether a lane's row is ``n``; known to be false when the lane's rows (4 apart) cannot be."""
    if isinstance(row, Value) and row.op == "iadd" and isinstance(row.args[1], int):
        base, offset = row.args
        return False if (n - offset) % base.divisor else e.shader.equal(base, n - offset)
    if isinstance(row, Value) and n % row.divisor:
        return False
    return e.shader.equal(row, n)
