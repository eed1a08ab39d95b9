"""Pooling and its gradient, as reads around a position."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Sequence

from ...graph.node import Node
from ...graph.primitives.reduction import IDENTITY
from ..layout import stripped
from ..statements import Int, Value
from .emitter import Accumulators, Coord, Emitter, Position, handles, level
from .reduction import keep_better

# Windows up to so many positions are read in straight-line code.
UNROLL = 16


def _channels_are_columns(node: Node) -> bool:
    return len(stripped(node.shape)) == len(node.shape)


def _taps(e: Emitter, window: Sequence[int], body: Callable[[tuple[Int, ...], Int], None]) -> None:
    """Run ``body(tap, flat)`` for every position of the window, in row-major order."""
    total = math.prod(window)
    if total <= UNROLL:
        for flat, tap in enumerate(itertools.product(*map(range, window))):
            body(tap, flat)
        return
    with e.shader.loop(total) as index:
        body(_unflatten(e, index, window), index)


def _unflatten(e: Emitter, flat: Int, window: Sequence[int]) -> tuple[Int, ...]:
    tap: list[Int] = []
    for w in reversed(window):
        tap.insert(0, e.shader.mod(flat, w))
        flat = e.shader.div(flat, w)
    return tuple(tap)


@handles("pool_sum", "pool_max", "pool_argmax")
def pool(e: Emitter, node: Node, coords: Sequence[Coord]) -> list[Value]:
    (x,) = node.inputs
    if any(c.vec for c in coords) and not (_channels_are_columns(node) and _channels_are_columns(x)):
        return e.by_lanes(node, coords)
    s, window, strides, padding = e.shader, node.param("window"), node.param("strides"), node.param("padding")
    positions = [e.position(node.shape, c) for c in coords]
    kind = node.op.removeprefix("pool_")
    with s.at_level(max(map(level, coords))):
        types = ["v" if c.vec else "f" for c in coords]
        looped = math.prod(window) > UNROLL
        fill = IDENTITY["sum" if kind == "sum" else "max"]
        acc = Accumulators(s, types, fill, looped)
        tags = Accumulators(s, types, 0.0, looped)

        def under(tap: tuple[Int, ...]) -> tuple[list[Coord], list[Value | bool]]:
            at, inside = [], []
            for p in positions:
                index, ok = _inside(e, p.at[1:-1], tap, x.shape[1:-1], strides, padding)
                at.append(e.coord(x.shape, Position((p.at[0], *index, p.at[-1]), p.vec)))
                inside.append(ok)
            return at, inside

        known: dict[tuple[Int, ...], tuple[list[Coord], list[Value | bool]]] = {}
        if not looped:
            known = {tap: under(tap) for tap in itertools.product(*map(range, window))}
        # asked for together: a product below has one loop for all of them
        e.values(x, [c for at, _ in known.values() for c in at])

        def body(tap: tuple[Int, ...], flat: Int) -> None:
            at, inside = under(tap) if looped else known[tap]
            for lane, value in enumerate(e.values(x, at)):
                value = s.select(inside[lane], value, s.const(fill, value.type))
                if kind == "argmax":
                    keep_better(e, acc, tags, lane, value, s.to_float(flat), "max")
                else:
                    acc.combine("add" if kind == "sum" else "max", lane, value)

        _taps(e, window, body)
        chosen = tags if kind == "argmax" else acc
        return [chosen.get(lane) for lane in range(len(coords))]


def _inside(
    e: Emitter,
    out: Sequence[Int],
    tap: Sequence[Int],
    size: Sequence[int],
    strides: Sequence[int],
    padding: Sequence[tuple[int, int]],
) -> tuple[list[Int], Value | bool]:
    """The input position under a tap of the window at ``out``, and whether there is one."""
    s = e.shader
    ok: Value | bool = True
    index: list[Int] = []
    for o, t, d, k, (lo, hi) in zip(out, tap, size, strides, padding, strict=True):
        i = s.add(s.add(s.mul(o, k), t), -lo)
        if lo or hi:
            ok = s.both(ok, s.within(i, d))
            i = s.clamp(i, 0, d - 1)
        index.append(i)
    return index, ok


@handles("unpool", "unpool_sum")
def unpool(e: Emitter, node: Node, coords: Sequence[Coord]) -> list[Value]:
    """Adds what the windows over a position hand back, to their maximum or to all of their elements.

    Those windows are next to each other, nearest first.
    """
    dy, index = node.inputs[-1], node.inputs[0] if node.op == "unpool" else None
    if any(c.vec for c in coords) and not (_channels_are_columns(node) and _channels_are_columns(dy)):
        return e.by_lanes(node, coords)
    s = e.shader
    window, strides, padding = node.param("window"), node.param("strides"), node.param("padding")
    positions = [e.position(node.shape, c) for c in coords]
    covering = [-(-w // k) for w, k in zip(window, strides, strict=True)]
    with s.at_level(max(map(level, coords))):
        acc = Accumulators(s, ["v" if c.vec else "f" for c in coords], 0.0, math.prod(covering) > UNROLL)

        def body(back: tuple[Int, ...], _: Int) -> None:
            for lane, p in enumerate(positions):
                where, flat, ok = _covered(e, p.at[1:-1], back, dy.shape[1:-1], window, strides, padding)
                if ok is False:
                    continue
                at = e.coord(dy.shape, Position((p.at[0], *where, p.at[-1]), p.vec))
                g = e.value(dy, at)
                zero = s.const(0.0, g.type)
                if index is not None:
                    hit, tag = e.value(index, at), s.to_float(flat)
                    g = s.f("where", s.f("eq", hit, s.splat(tag) if p.vec else tag), g, zero)
                acc.combine("add", lane, s.select(ok, g, zero))

        _taps(e, covering, body)
        return [acc.get(lane) for lane in range(len(coords))]


def _covered(
    e: Emitter,
    index: Sequence[Int],
    back: Sequence[Int],
    out: Sequence[int],
    window: Sequence[int],
    strides: Sequence[int],
    padding: Sequence[tuple[int, int]],
) -> tuple[list[Int], Int, Value | bool]:
    """Of the windows over an input position the one ``back`` steps before the last: where it is in the output, which
    of its taps the position is, and whether it exists."""
    s = e.shader
    ok: Value | bool = True
    where: list[Int] = []
    flat: Int = 0
    for i, j, n, w, k, (lo, _) in zip(index, back, out, window, strides, padding, strict=True):
        at = s.add(i, lo)
        tap, o = s.add(s.mod(at, k), s.mul(j, k)), s.sub(s.div(at, k), j)
        ok = s.both(ok, s.both(s.less(tap, w), s.within(o, n)))
        flat = s.add(s.mul(flat, w), tap)
        where.append(s.clamp(o, 0, n - 1))
    return where, flat, ok


@handles("pool_at")
def pool_at(e: Emitter, node: Node, coords: Sequence[Coord]) -> list[Value]:
    index, x = node.inputs
    if any(c.vec for c in coords):
        return e.by_lanes(node, coords)
    s = e.shader
    window, strides, padding = node.param("window"), node.param("strides"), node.param("padding")
    out = []
    for c in coords:
        p = e.position(node.shape, c)
        flat = s.clamp(s.to_int(e.value(index, c)), 0, math.prod(window) - 1)
        tap = _unflatten(e, flat, window)
        at = [
            s.clamp(s.add(s.add(s.mul(o, k), t), -lo), 0, d - 1)
            for o, t, k, d, (lo, _) in zip(p.at[1:-1], tap, strides, x.shape[1:-1], padding, strict=True)
        ]
        out.append(e.value(x, e.coord(x.shape, Position((p.at[0], *at, p.at[-1]), None))))
    return out
