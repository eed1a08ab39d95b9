"""Reductions as loops inside the kernel that needs them."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from ...graph.node import Node
from ...graph.primitives.reduction import COMBINE, IDENTITY
from ..layout import stripped
from ..statements import Int, Value
from .emitter import Accumulators, Coord, Emitter, Position, handles, level

# Up to so many texels or rows are read in straight-line code: neighbouring reductions then share what they read.
UNROLL = 4

Body = Callable[[list[list[Int]]], None]


@handles("reduce_sum", "reduce_prod", "reduce_max", "reduce_min")
def reduce(e: Emitter, node: Node, coords: Sequence[Coord]) -> list[Value]:
    (x,) = node.inputs
    axes, dims = node.param("axes"), stripped(x.shape)
    columns = len(dims) - 1
    kept = [a for a in range(len(x.shape)) if a not in axes]
    along = columns in axes or not dims
    if any(c.vec for c in coords) and (along or kept[len(stripped(node.shape)) - 1] != columns):
        return e.by_lanes(node, coords)
    kind = node.op.removeprefix("reduce_")
    positions = [e.position(node.shape, c) for c in coords]
    bases: list[list[Int]] = []
    for p in positions:
        base: list[Int] = [0] * len(x.shape)
        for a, i in zip(kept, p.at, strict=True):
            base[a] = i
        bases.append(base)
    vec = columns if any(c.vec for c in coords) else None
    loops = [a for a in axes if a < columns and x.shape[a] > 1]
    with e.shader.at_level(max(map(level, coords), default=0)):
        if along and dims:
            return _along_columns(e, x, bases, loops, kind)
        return _down(e, x, bases, loops, kind, vec)


def _nest(e: Emitter, x: Node, loops: Sequence[int], bases: list[list[Int]], body: Body) -> None:
    """Run ``body`` for every index of the looped axes."""
    if not loops:
        body(bases)
        return
    axis, rest = loops[0], loops[1:]
    limit = UNROLL if _count(x, loops) <= UNROLL else 0

    def step(i: Int) -> None:
        _nest(e, x, rest, [[*b[:axis], i, *b[axis + 1 :]] for b in bases], body)

    e.unrolled_or_looped(x.shape[axis], limit, step)


def _count(x: Node, axes: Sequence[int]) -> int:
    count = 1
    for a in axes:
        count *= x.shape[a]
    return count


def _down(e: Emitter, x: Node, bases: list[list[Int]], loops: list[int], kind: str, vec: int | None) -> list[Value]:
    """Over axes other than the columns: four columns stay four columns."""
    looped = _count(x, loops) > UNROLL
    acc = Accumulators(e.shader, ["f" if vec is None else "v"] * len(bases), IDENTITY[kind], looped)

    def body(bases: list[list[Int]]) -> None:
        at = [e.coord(x.shape, Position(tuple(b), vec)) for b in bases]
        for lane, value in enumerate(e.values(x, at)):
            acc.combine(COMBINE[kind], lane, value)

    _nest(e, x, loops, bases, body)
    return [acc.get(lane) for lane in range(len(acc))]


def _along_columns(e: Emitter, x: Node, bases: list[list[Int]], loops: list[int], kind: str) -> list[Value]:
    """Over the columns (and perhaps more axes): texels are combined as vectors, the four partial results last."""
    s, op = e.shader, COMBINE[kind]
    dims = stripped(x.shape)
    axis, texels, tail = len(dims) - 1, dims[-1] // 4, dims[-1] % 4
    looped = texels > UNROLL or _count(x, loops) > UNROLL
    wide = Accumulators(s, ["v"] * len(bases), IDENTITY[kind], looped) if texels else None
    narrow = Accumulators(s, ["f"] * len(bases), IDENTITY[kind], looped) if tail else None

    def texel(bases: list[list[Int]], t: Int) -> list[Value]:
        at = [e.coord(x.shape, Position((*b[:axis], s.mul(t, 4), *b[axis + 1 :]), axis)) for b in bases]
        return e.values(x, at)

    def body(bases: list[list[Int]]) -> None:
        def whole(t: Int) -> None:
            assert wide is not None
            for lane, value in enumerate(texel(bases, t)):
                wide.combine(op, lane, value)

        if wide is not None:
            e.unrolled_or_looped(texels, UNROLL, whole)
        if narrow is not None:
            for lane, value in enumerate(texel(bases, texels)):
                for c in range(tail):
                    narrow.combine(op, lane, s.component(value, c))

    _nest(e, x, loops, bases, body)
    out = []
    for lane in range(len(bases)):
        parts = [s.component(wide.get(lane), c) for c in range(4)] if wide is not None else []
        total = s.f(op, s.f(op, parts[0], parts[1]), s.f(op, parts[2], parts[3])) if parts else None
        if narrow is not None:
            total = s.f(op, total, narrow.get(lane)) if total is not None else narrow.get(lane)
        assert total is not None
        out.append(total)
    return out


@handles("argmax", "argmin")
def argreduce(e: Emitter, node: Node, coords: Sequence[Coord]) -> list[Value]:
    (x,) = node.inputs
    s, axis = e.shader, node.param("axis")
    columns = len(stripped(x.shape)) - 1
    kept = [a for a in range(len(x.shape)) if a != axis]
    if any(c.vec for c in coords) and (axis == columns or kept[len(stripped(node.shape)) - 1] != columns):
        return e.by_lanes(node, coords)
    positions = [e.position(node.shape, c) for c in coords]
    vec = None if not any(c.vec for c in coords) else columns
    count = x.shape[axis]
    kind = node.op.removeprefix("arg")
    with s.at_level(max(map(level, coords), default=0)):
        looped = count > 4 * UNROLL
        types = ["f" if vec is None else "v"] * len(coords)
        best = Accumulators(s, types, IDENTITY[kind], looped)
        where = Accumulators(s, types, 0.0, looped)

        def body(k: Int) -> None:
            at = []
            for p in positions:
                index = (*p.at[:axis], k, *p.at[axis:])
                at.append(e.coord(x.shape, Position(index, vec)))
            for lane, value in enumerate(e.values(x, at)):
                keep_better(e, best, where, lane, value, s.to_float(k), kind)

        e.unrolled_or_looped(count, 4 * UNROLL, body)
        return [where.get(lane) for lane in range(len(where))]


def keep_better(
    e: Emitter, best: Accumulators, where: Accumulators, lane: int, value: Value, tag: Value, kind: str
) -> None:
    """Keep the first extreme value of a lane, and its tag."""
    s = e.shader
    held = best.get(lane)
    better = s.f("lt", held, value) if kind == "max" else s.f("lt", value, held)
    tag = s.splat(tag) if value.type == "v" else tag
    where.set(lane, s.f("where", better, tag, where.get(lane)))
    best.set(lane, s.f("where", better, value, held))


@handles("chain_sum")
def chain_sum(e: Emitter, node: Node, coords: Sequence[Coord]) -> list[Value]:
    """Follows the chain of a row, from update to update."""
    first, following, updates = node.inputs
    if any(c.vec for c in coords) and len(stripped(node.shape)) == 1:
        return e.by_lanes(node, coords)
    s, (count,) = e.shader, following.shape
    out = []
    for c in coords:
        p = e.position(node.shape, c)
        with s.at_level(level(c)):
            total = Accumulators(s, ["v" if c.vec else "f"], 0.0, True)
            at = s.variable("f", 0.0)
            s.assign(at, e.value(first, e.coord(first.shape, Position(p.at[:1], None))))
            with s.loop(count):
                place = s.to_int(s.read(at))
                ended = s.at_least(place, count)
                assert isinstance(ended, Value)
                s.leave(ended)
                place = s.clamp(place, 0, count - 1)
                total.combine("add", 0, e.value(updates, e.coord(updates.shape, Position((place, *p.at[1:]), p.vec))))
                s.assign(at, e.value(following, e.coord(following.shape, Position((place,), None))))
            out.append(total.get(0))
    return out
