"""Convolutions as implicit matrix products: 4 neighbouring pixels x 4 output channels per fragment.

The last kernel axis is unrolled. Neighbouring pixels then name the same input texels, which the shader builder shares:
a row of five taps over four pixels reads eight pixels, not twenty.

Where the input is dilated, as in gradients of convolutions with strides, an output's taps are those that meet pixels:
of three taps over every other pixel, two or one. Which ones follows from where the output lies. Where rows are of even
length, that is known of each of the four pixels, and there is nothing to choose.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Sequence
from typing import NamedTuple

from ...graph.node import Node
from ..statements import Int, Value
from .contraction import multiply_add, over_inner, row_is, transposed
from .emitter import Accumulators, Coord, Emitter, Position, handles

# Kernel rows up to this length are unrolled.
UNROLL = 8
# Rows of taps are looked for that meet the image where this part of them, or more, does not.
MIN_OUTSIDE = 0.1


def _over_taps(e: Emitter, turns: Sequence[int], rows: Rows | None, body: Callable[[tuple[Int, ...]], None]) -> None:
    """Loop over the leading kernel axes, of rows over those that meet the image; unroll the last."""
    lead, last = turns[:-1], turns[-1]

    def outer(flat: Int) -> None:
        head = unflatten(e, flat, lead) if rows is None else (rows.turn(e, flat),)
        e.unrolled_or_looped(last, UNROLL, lambda t: body((*head, t)))

    e.unrolled_or_looped(math.prod(lead), 1, outer)


def unflatten(e: Emitter, flat: Int, dims: Sequence[int]) -> tuple[Int, ...]:
    index: list[Int] = []
    for d in reversed(dims[1:]):
        index.insert(0, e.shader.mod(flat, d))
        flat = e.shader.div(flat, d)
    return (flat, *index) if dims else ()


class Axis(NamedTuple):
    """What an output pixel multiplies along an axis: the taps that meet pixels of the input.

    The others meet nothing but the zeros between these. Tap ``tap + i * step`` meets pixel ``pixel + i * apart``;
    ``any`` says whether one does: where both kernel and input are dilated, some outputs have none.
    """

    tap: Int
    step: int
    pixel: Int
    apart: int
    any: Value | bool


def _axes(e: Emitter, node: Node, out: Sequence[Int]) -> list[Axis]:
    """The axes of an output pixel."""
    s, axes = e.shader, []
    dilations = zip(node.param("lhs_dilation"), node.param("rhs_dilation"), strict=True)
    for o, k, (lo, _), (ld, rd) in zip(out, node.param("strides"), node.param("padding"), dilations, strict=True):
        common = math.gcd(ld, rd)
        step, apart = ld // common, rd // common
        _, past = s.steps(s.mul(o, k), lo, ld)
        # the first tap of those for which past + tap * rd is a multiple of ld
        tap = s.mod(s.mul(s.div(past, common), pow(-apart, -1, step)), step)
        pixel, _ = s.steps(s.add(s.mul(o, k), s.mul(tap, rd)), lo, ld)
        axes.append(Axis(tap, step, pixel, apart, s.equal(s.mod(past, common), 0)))
    return axes


class Rows(NamedTuple):
    """The rows of taps that meet the image, of outputs whose first ones may lie above it and last ones below.

    ``axes`` are those of all rows of pixels that a fragment has a part of.
    """

    axes: tuple[Axis, ...]
    taps: int
    height: int

    def turn(self, e: Emitter, i: Int) -> Int:
        """The i-th row of those that meet it at one of the pixels. The loop around ends behind the last."""
        s = e.shader
        firsts = (s.clamp(s.mul(axis.pixel, -1), 0, self.taps) for axis in self.axes)
        turn = s.add(functools.reduce(s.least, firsts), i)
        below = (s.at_least(s.add(axis.pixel, turn), self.height) for axis in self.axes)
        for past in (s.at_least(turn, self.taps), functools.reduce(s.both, below)):
            if isinstance(past, Value):
                s.leave(past)
        return turn


def _rows(e: Emitter, node: Node, axes: Sequence[Sequence[Axis]], turns: Sequence[int]) -> Rows | None:
    """The rows of taps to look for, where enough of them lie outside of the image."""
    s, height = e.shader, node.inputs[0].shape[1]
    if len(turns) != 2 or turns[0] == 1 or axes[0][0].apart != 1:
        return None
    starts = [_axes(e, node, (row, 0))[0].pixel for row in range(node.shape[1])]
    inside = sum(s.within(s.add(start, turn), height) is True for start in starts for turn in range(turns[0]))
    if inside > (1 - MIN_OUTSIDE) * len(starts) * turns[0]:
        return None
    return Rows(tuple(dict.fromkeys(lane[0] for lane in axes)), turns[0], height)


def _under(
    e: Emitter, node: Node, axes: Sequence[Axis], turn: Sequence[Int], is_inside: bool
) -> tuple[list[Int], list[Int], Value | bool]:
    """The tap of an output's turn and the input pixel under it, and whether there are both.

    Where it ``is_inside``, that is known of the row.
    """
    s, (x, w) = e.shader, node.inputs
    ok: Value | bool = True
    taps: list[Int] = []
    pixels: list[Int] = []
    columns = zip(axes, turn, w.shape, x.shape[1:-1], node.param("padding"), strict=False)
    for number, (axis, i, count, size, (lo, hi)) in enumerate(columns):
        tap, pixel = s.add(axis.tap, s.mul(i, axis.step)), s.add(axis.pixel, s.mul(i, axis.apart))
        known = is_inside and number == 0
        ok = s.both(ok, axis.any)
        if not (known and axis.step == 1):
            ok = s.both(ok, s.less(tap, count))
        if (lo > 0 or hi > 0) and not known:
            ok = s.both(ok, s.within(pixel, size))
        taps.append(s.clamp(tap, 0, count - 1))
        pixels.append(pixel)
    return taps, pixels, ok


def _input_position(
    e: Emitter, node: Node, size: Sequence[int], out: Sequence[Int], tap: Sequence[Int]
) -> tuple[list[Int], Value | bool]:
    """The input pixel under a tap at an output pixel, and whether there is one (padding and dilation have none)."""
    s = e.shader
    ok: Value | bool = True
    index: list[Int] = []
    strides, padding = node.param("strides"), node.param("padding")
    dilations = zip(node.param("lhs_dilation"), node.param("rhs_dilation"), strict=True)
    for o, t, d, k, (lo, hi), (ld, rd) in zip(out, tap, size, strides, padding, dilations, strict=True):
        i, between = s.steps(s.add(s.mul(o, k), s.mul(t, rd)), lo, ld)
        if lo > 0 or hi > 0:
            ok = s.both(ok, s.within(i, d))
        ok = s.both(ok, s.equal(between, 0))
        index.append(i)
    return index, ok


@handles("conv")
def conv(e: Emitter, node: Node, coords: Sequence[Coord]) -> list[Value]:
    x, w = node.inputs
    s, swap, flip = e.shader, node.param("swap"), node.param("flip")
    channels, kernel = x.shape[-1], w.shape[:-2]
    single = node.shape[-1] == 1  # one output channel: pixels are columns, and each lane is a pixel
    lanes = [lane for c in coords for lane in e.lanes(c)] if single else list(coords)
    places = [e.position(node.shape, c) for c in lanes]
    axes = [_axes(e, node, p.at[1:-1]) for p in places]
    turns = [-(-d // axis.step) for d, axis in zip(kernel, axes[0], strict=True)]
    rows = _rows(e, node, axes, turns)
    acc = Accumulators(s, ["f" if single else "v"] * len(lanes), 0.0, looped=True)

    def weights(tap: Sequence[Int], p: Position, k: Int, width: int) -> list[Value]:
        """A vector over output channels per input channel, or (swapped) over input channels per output channel."""
        at = tuple(s.sub(d - 1, t) for t, d in zip(tap, kernel, strict=True)) if flip else tuple(tap)
        if swap:
            entries = [(*at, s.add(p.at[-1], i), k) for i in range(1 if single else 4)]
        else:
            entries = [(*at, s.add(k, j), p.at[-1]) for j in range(width)]
        # a size-1 last axis does not count as columns: such weights are read one by one
        vec = None if w.shape[-1] == 1 else len(w.shape) - 1
        return e.values(w, [e.coord(w.shape, Position(entry, vec)) for entry in entries])

    def step(k: Int, width: int) -> None:
        def at_tap(turn: tuple[Int, ...]) -> None:
            for lane, p in enumerate(places):
                tap, index, ok = _under(e, node, axes[lane], turn, rows is not None and len(rows.axes) == 1)
                if ok is False:
                    continue
                vec = None if channels == 1 else len(x.shape) - 1
                pixel = e.value(x, e.coord(x.shape, Position((p.at[0], *index, k), vec)))
                pixel = s.select(ok, pixel, s.const(0.0, pixel.type))
                parts = [s.component(pixel, j) for j in range(width)] if vec is not None else [pixel]
                _accumulate(e, acc, lane, parts, weights(tap, p, k, width), swap and channels > 1, single)

        _over_taps(e, turns, rows, at_tap)

    over_inner(e, channels, step)
    out = [acc.get(lane) for lane in range(len(acc))]
    return e.gathered(coords, out) if single else out


def _accumulate(
    e: Emitter,
    acc: Accumulators,
    lane: int,
    pixel: list[Value],
    weights: list[Value],
    swapped: bool,
    single: bool,
) -> None:
    s = e.shader
    if swapped and not single:
        # weights[i] runs along the input channels of output channel i
        multiply_add(e, acc, lane, pixel, transposed(s, weights, len(pixel)))
    elif swapped:
        multiply_add(e, acc, lane, pixel, [s.component(weights[0], j) for j in range(len(pixel))])
    elif len(weights) == 4 and len(pixel) == 1 and weights[0].type == "f":
        # one input channel, swapped: four scalars, one per output channel
        multiply_add(e, acc, lane, pixel, [s.vec4(weights)])
    else:
        rows = [s.component(row, 0) if single and row.type == "v" else row for row in weights]
        multiply_add(e, acc, lane, pixel, rows)


@handles("conv_kernel_grad")
def conv_kernel_grad(e: Emitter, node: Node, coords: Sequence[Coord]) -> list[Value]:
    """Rows are (tap, input channel), columns output channels; the sum runs over all pixels of a part of the batch."""
    x, dy = node.inputs
    s, kernel, splits = e.shader, node.param("kernel"), node.param("splits")
    size, spatial = x.shape[1:-1], dy.shape[1:-1]
    wide, channels = node.param("rounded").extents(kernel, x.shape[-1])
    last_row = math.prod(wide) * channels
    single = node.shape[-1] == 1
    lanes = [lane for c in coords for lane in e.lanes(c)] if single else list(coords)
    places = [e.position(node.shape, c).at for c in lanes]
    part = x.shape[0] // (splits or 1)
    acc = Accumulators(s, ["f" if single else "v"] * len(lanes), 0.0, looped=True)
    taps = [(unflatten(e, s.div(p[-2], channels), wide), s.mod(p[-2], channels)) for p in places]
    block = next(n for n in (4, 2, 1) if spatial[-1] % n == 0)

    def at_pixel(lane: int, n: Int, o: tuple[Int, ...]) -> tuple[Value, Value]:
        """What a lane multiplies at an output pixel: the input under its tap, and the gradient."""
        p, (tap, channel) = places[lane], taps[lane]
        image = s.add(s.mul(p[0], part), n) if splits else n
        g = e.value(dy, e.coord(dy.shape, Position((image, *o, p[-1]), None if single else len(dy.shape) - 1)))
        index, ok = _input_position(e, node, size, o, tap)
        if block == 1:
            # it is read from somewhere in its row, so that nobody divides to find the row
            index[-1] = s.clamp(index[-1], 0, size[-1] - 1)
        pixel = e.value(x, e.coord(x.shape, Position((image, *index, channel), None)))
        pixel = s.select(ok, pixel, s.const(0.0))
        if node.param("ones"):
            pixel = s.select(row_is(e, p[-2], last_row), s.const(1.0), pixel)
        return pixel, g

    def along_row(n: Int, lead: tuple[Int, ...]) -> None:
        def pixels(i: Int) -> None:
            outputs = [(*lead, s.add(s.mul(i, block), j)) for j in range(block)]
            for lane in range(len(places)):
                pairs = [at_pixel(lane, n, o) for o in outputs]
                multiply_add(e, acc, lane, [pixel for pixel, _ in pairs], [g for _, g in pairs])

        e.unrolled_or_looped(spatial[-1] // block, 1, pixels)

    def image(n: Int) -> None:
        lead = spatial[:-1]
        e.unrolled_or_looped(math.prod(lead), 1, lambda flat: along_row(n, unflatten(e, flat, lead)))

    e.unrolled_or_looped(part, 1, image)
    out = [acc.get(lane) for lane in range(len(acc))]
    return e.gathered(coords, out) if single else out
