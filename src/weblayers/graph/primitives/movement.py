"""Rearrangements: every output element is one input element, or a constant."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from .. import build as b
from ..node import Aval, Node, Shape
from ..registry import define


def _reshape(x: Aval, shape: Shape) -> Aval:
    if x.size != math.prod(shape):
        raise ValueError(f"cannot reshape {x.size} elements of shape {list(x.shape)} to {list(shape)}")
    return Aval(shape, x.dtype)


define(
    "reshape",
    _reshape,
    lambda x, shape: np.reshape(x, shape),
    lambda g, out, x, shape: [b.reshape(g, x.shape)],
    moves=True,
)


def _transpose(x: Aval, perm: Sequence[int]) -> Aval:
    if sorted(perm) != list(range(len(x.shape))):
        raise ValueError(f"perm {list(perm)} is not a permutation of the {len(x.shape)} axes")
    return Aval(tuple(x.shape[p] for p in perm), x.dtype)


define(
    "transpose",
    _transpose,
    lambda x, perm: np.transpose(x, perm),
    lambda g, out, x, perm: [b.transpose(g, tuple(np.argsort(perm).tolist()))],
    moves=True,
)


def _broadcast(x: Aval, shape: Shape) -> Aval:
    ok = not x.shape or len(x.shape) == len(shape)
    if not ok or any(d not in (1, s) for d, s in zip(x.shape, shape, strict=False)):
        raise ValueError(f"cannot broadcast {list(x.shape)} to {list(shape)}")
    return Aval(shape, x.dtype)


def _broadcast_vjp(g: Node, out: Node, x: Node, shape: Shape) -> list[Node | None]:
    axes = tuple(i for i in range(len(shape)) if not x.shape or (x.shape[i] == 1 and shape[i] != 1))
    return [b.reshape(b.reduce("sum", g, axes), x.shape)]


define("broadcast", _broadcast, lambda x, shape: np.broadcast_to(x, shape), _broadcast_vjp, moves=True)


def _slice(x: Aval, start: Shape, stop: Shape, step: Shape) -> Aval:
    for a, e, s, d in zip(start, stop, step, x.shape, strict=True):
        if not (0 <= a <= e <= d and s > 0):
            raise ValueError(f"slice {list(start)}:{list(stop)}:{list(step)} is outside shape {list(x.shape)}")
    return Aval(tuple(-(-(e - a) // s) for a, e, s in zip(start, stop, step, strict=True)), x.dtype)


def _slice_vjp(g: Node, out: Node, x: Node, start: Shape, stop: Shape, step: Shape) -> list[Node | None]:
    hi = tuple(
        d - (a + (n - 1) * s + 1) if n else d - a for d, a, n, s in zip(x.shape, start, out.shape, step, strict=True)
    )
    return [b.pad(g, start, hi, tuple(s - 1 for s in step))]


define(
    "slice",
    _slice,
    lambda x, start, stop, step: x[tuple(slice(a, e, s) for a, e, s in zip(start, stop, step, strict=True))],
    _slice_vjp,
    moves=True,
)


def _pad(x: Aval, lo: Shape, hi: Shape, interior: Shape, value: float) -> Aval:
    shape = tuple(a + d + max(d - 1, 0) * i + e for d, a, e, i in zip(x.shape, lo, hi, interior, strict=True))
    if min(shape, default=0) < 0:
        raise ValueError(f"padding {list(lo)}, {list(hi)} crops more than shape {list(x.shape)} has")
    return Aval(shape, x.dtype)


def pad_value(x: np.ndarray, lo: Shape, hi: Shape, interior: Shape, value: float) -> np.ndarray:
    spread = tuple(d + max(d - 1, 0) * i for d, i in zip(x.shape, interior, strict=True))
    wide = np.full(tuple(s + max(a, 0) + max(e, 0) for s, a, e in zip(spread, lo, hi, strict=True)), value, x.dtype)
    inside = tuple(slice(max(a, 0), max(a, 0) + s, i + 1) for s, a, i in zip(spread, lo, interior, strict=True))
    wide[inside] = x
    return wide[tuple(slice(max(-a, 0), w - max(-e, 0)) for w, a, e in zip(wide.shape, lo, hi, strict=True))]


def _pad_vjp(g: Node, out: Node, x: Node, lo: Shape, hi: Shape, interior: Shape, value: float) -> list[Node | None]:
    whole = b.pad(g, tuple(max(-a, 0) for a in lo), tuple(max(-e, 0) for e in hi))
    start = tuple(max(a, 0) for a in lo)
    step = tuple(i + 1 for i in interior)
    stop = tuple(a + max(d - 1, 0) * s + min(d, 1) for a, d, s in zip(start, x.shape, step, strict=True))
    return [b.slice_(whole, start, stop, step)]


define("pad", _pad, pad_value, _pad_vjp, moves=True)
define(
    "reverse",
    lambda x, axes: x,
    lambda x, axes: np.flip(x, axes),
    lambda g, out, x, axes: [b.reverse(g, axes)],
    moves=True,
)


def _concat(*xs: Aval, axis: int) -> Aval:
    first = xs[0].shape
    for x in xs:
        if len(x.shape) != len(first) or any(
            d != e for i, (d, e) in enumerate(zip(x.shape, first, strict=True)) if i != axis
        ):
            shapes = ", ".join(str(list(v.shape)) for v in xs)
            raise ValueError(f"cannot concatenate along axis {axis} shapes that differ elsewhere: {shapes}")
    return Aval((*first[:axis], sum(x.shape[axis] for x in xs), *first[axis + 1 :]), xs[0].dtype)


def _concat_vjp(g: Node, out: Node, *xs: Node, axis: int) -> list[Node | None]:
    parts: list[Node | None] = []
    at = 0
    for x in xs:
        start = tuple(at if i == axis else 0 for i in range(len(x.shape)))
        at += x.shape[axis]
        parts.append(b.slice_(g, start, tuple(at if i == axis else d for i, d in enumerate(x.shape))))
    return parts


define("concat", _concat, lambda *xs, axis: np.concatenate(xs, axis), _concat_vjp, moves=True)
