"""Movement primitives translate coordinates; nothing is moved.

Each primitive has a map from a position in its result to a position in its operand, and says whether four neighbours
in the result are four neighbours (one texel) in the operand. Where they are not, the four are read one by one.
"""

from __future__ import annotations

from collections.abc import Sequence

from ...graph.node import Node
from ..layout import layout_of, stripped
from ..statements import Int, Value
from .emitter import Coord, Emitter, Position, handles


def _last(shape: Sequence[int]) -> int:
    """The axis that columns run along."""
    return len(stripped(tuple(shape))) - 1


def _mapped(e: Emitter, x: Node, coords: Sequence[Coord], positions: Sequence[Position]) -> list[Value]:
    """The operand at translated positions; a single value where four were asked for is repeated."""
    values = e.values(x, [e.coord(x.shape, p) for p in positions])
    return [e.shader.splat(v) if c.vec else v for c, v in zip(coords, values, strict=True)]


@handles("reshape")
def reshape(e: Emitter, node: Node, coords: Sequence[Coord]) -> list[Value]:
    (x,) = node.inputs
    s, mine, theirs = e.shader, layout_of(node.shape), layout_of(x.shape)
    if mine == theirs:
        return e.values(x, coords)
    if any(c.vec for c in coords) and (mine.cols % 4 or theirs.cols % 4):
        return e.by_lanes(node, coords)
    out = []
    for c in coords:
        linear = e.linear(node.shape, c)
        row, col = (0, linear) if theirs.rows == 1 else (s.div(linear, theirs.cols), s.mod(linear, theirs.cols))
        out.append(Coord(row, s.div(col, 4) if c.vec else col, c.vec))
    return e.values(x, out)


@handles("broadcast")
def broadcast(e: Emitter, node: Node, coords: Sequence[Coord]) -> list[Value]:
    (x,) = node.inputs
    positions = []
    for c in coords:
        p = e.position(node.shape, c)
        index = tuple(0 if d == 1 else i for i, d in zip(p.at, x.shape, strict=False))
        vec = p.vec if p.vec is not None and x.shape and x.shape[p.vec] != 1 else None
        positions.append(Position(index, vec))
    return _mapped(e, x, coords, positions)


@handles("transpose")
def transpose(e: Emitter, node: Node, coords: Sequence[Coord]) -> list[Value]:
    (x,) = node.inputs
    perm = node.param("perm")
    if any(c.vec for c in coords) and perm[_last(node.shape)] != _last(x.shape):
        return e.by_lanes(node, coords)
    positions = []
    for c in coords:
        p = e.position(node.shape, c)
        index: list[Int] = [0] * len(perm)
        for i, axis in enumerate(perm):
            index[axis] = p.at[i]
        positions.append(Position(tuple(index), None if p.vec is None else perm[p.vec]))
    return _mapped(e, x, coords, positions)


@handles("slice")
def slice_(e: Emitter, node: Node, coords: Sequence[Coord]) -> list[Value]:
    (x,) = node.inputs
    s, start, step = e.shader, node.param("start"), node.param("step")
    axis = _last(node.shape)
    if any(c.vec for c in coords) and (axis != _last(x.shape) or step[axis] != 1 or start[axis] % 4):
        return e.by_lanes(node, coords)
    positions = []
    for c in coords:
        p = e.position(node.shape, c)
        index = tuple(s.add(s.mul(i, k), a) for i, k, a in zip(p.at, step, start, strict=True))
        positions.append(Position(index, p.vec))
    return _mapped(e, x, coords, positions)


@handles("dynamic_slice")
def dynamic_slice(e: Emitter, node: Node, coords: Sequence[Coord]) -> list[Value]:
    x, start = node.inputs
    s = e.shader
    if any(c.vec for c in coords) and _last(node.shape) == 0:
        return e.by_lanes(node, coords)
    at = s.to_int(e.value(start, Coord(0, 0, False)))
    at = s.clamp(at, 0, x.shape[0] - node.shape[0])
    positions = []
    for c in coords:
        p = e.position(node.shape, c)
        positions.append(Position((s.add(p.at[0], at), *p.at[1:]), p.vec))
    return _mapped(e, x, coords, positions)


@handles("reverse")
def reverse(e: Emitter, node: Node, coords: Sequence[Coord]) -> list[Value]:
    (x,) = node.inputs
    s, axes = e.shader, node.param("axes")
    if any(c.vec for c in coords) and _last(node.shape) in axes:
        return e.by_lanes(node, coords)
    positions = []
    for c in coords:
        p = e.position(node.shape, c)
        index = tuple(s.sub(x.shape[a] - 1, i) if a in axes else i for a, i in enumerate(p.at))
        positions.append(Position(index, p.vec))
    return _mapped(e, x, coords, positions)


@handles("pad")
def pad(e: Emitter, node: Node, coords: Sequence[Coord]) -> list[Value]:
    (x,) = node.inputs
    s = e.shader
    lo, hi, interior = node.param("lo"), node.param("hi"), node.param("interior")
    axis = _last(node.shape)
    if any(c.vec for c in coords) and (axis != _last(x.shape) or lo[axis] or hi[axis] or interior[axis]):
        return e.by_lanes(node, coords)
    positions, inside = [], []
    for c in coords:
        p = e.position(node.shape, c)
        ok: Value | bool = True
        index: list[Int] = []
        for a, i in enumerate(p.at):
            if a == p.vec:
                index.append(i)
                continue
            j, between = s.steps(i, lo[a], interior[a] + 1)
            ok = s.both(ok, s.both(s.within(j, x.shape[a]), s.equal(between, 0)))
            index.append(s.clamp(j, 0, max(0, x.shape[a] - 1)))
        positions.append(Position(tuple(index), p.vec))
        inside.append(ok)
    fill = s.const(node.param("value"))
    read = [i for i, ok in enumerate(inside) if ok is not False]
    values = _mapped(e, x, [coords[i] for i in read], [positions[i] for i in read])
    out = [s.splat(fill) if c.vec else fill for c in coords]
    for i, v in zip(read, values, strict=True):
        out[i] = s.select(inside[i], v, out[i])
    return out


@handles("concat")
def concat(e: Emitter, node: Node, coords: Sequence[Coord]) -> list[Value]:
    s, axis = e.shader, node.param("axis")
    vec = any(c.vec for c in coords)
    bounds = [0]
    for x in node.inputs:
        bounds.append(bounds[-1] + x.shape[axis])
    along = axis == _last(node.shape)
    if vec and (
        any(_last(x.shape) != _last(node.shape) for x in node.inputs) or (along and any(b % 4 for b in bounds[:-1]))
    ):
        return e.by_lanes(node, coords)
    positions = [e.position(node.shape, c) for c in coords]
    out: list[Value] | None = None
    for x, start in reversed(list(zip(node.inputs, bounds, strict=False))):
        if not x.shape[axis]:
            continue
        moved = []
        for p in positions:
            i = s.clamp(s.sub(p.at[axis], start), 0, x.shape[axis] - 1)
            if p.vec == axis:
                # whole texels: clamping a multiple of 4 leaves a multiple of 4
                i = s.mul(s.clamp(s.div(s.sub(p.at[axis], start), 4), 0, (x.shape[axis] - 1) // 4), 4)
            moved.append(Position((*p.at[:axis], i, *p.at[axis + 1 :]), p.vec))
        values = _mapped(e, x, coords, moved)
        if out is None:
            out = values
        else:
            out = [
                s.select(s.less(p.at[axis], start + x.shape[axis]), v, w)
                for p, v, w in zip(positions, values, out, strict=True)
            ]
    assert out is not None
    return out


@handles("gather")
def gather(e: Emitter, node: Node, coords: Sequence[Coord]) -> list[Value]:
    x, index = node.inputs
    s, axis = e.shader, node.param("axis")
    rank = len(index.shape)
    last = _last(node.shape)
    shift = last - rank + 1 if rank else last + 1
    if any(c.vec for c in coords) and (last < axis + rank or shift != _last(x.shape)):
        return e.by_lanes(node, coords)
    places = [e.position(node.shape, c) for c in coords]
    wanted = [e.coord(index.shape, Position(p.at[axis : axis + rank], None)) for p in places]
    rows = [s.clamp(s.to_int(v), 0, x.shape[axis] - 1) for v in e.values(index, wanted)]
    positions = []
    for p, row in zip(places, rows, strict=True):
        at = (*p.at[:axis], row, *p.at[axis + rank :])
        positions.append(Position(at, None if p.vec is None else p.vec - rank + 1))
    return _mapped(e, x, coords, positions)
