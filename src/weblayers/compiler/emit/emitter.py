"""Pull-based code generation: ask for a node's values at coordinates, get shader values.

A coordinate names a row and, in the row, either one column or four neighbouring ones (a texel). Elementwise
primitives pass coordinates on, movement primitives translate them, reductions loop over them, and materialized nodes
fetch. So whatever lies between what is stored and what is asked for is fused without further ado.

Values are asked for at several coordinates at once ("lanes"): reductions then run one loop for all of them.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from ...graph.node import Node, Shape
from ..layout import MAX_EXTENT, Layout, Placement, layout_of, stripped
from ..shader import Shader
from ..statements import Int, Value, level_of


class Run(NamedTuple):
    """Where a row lies among rows that come in runs of a length: in which, and at which place there."""

    number: Int
    at: Int
    length: int


class Coord(NamedTuple):
    """A place in a tensor's row-column form; ``col`` counts texels when ``vec``, columns otherwise.

    Where the fragments of a draw keep to runs of rows, ``run`` is what is known of the row from that.
    """

    row: Int
    col: Int
    vec: bool
    run: Run | None = None


class Position(NamedTuple):
    """A place in a tensor's own axes. ``vec`` is the axis along which four neighbours are meant, if any."""

    at: tuple[Int, ...]
    vec: int | None


@dataclass(frozen=True, eq=False)
class Window:
    """How a step of a loop reads its slice of a stack, which is laid out as ``layout``.

    The slice begins at a ``"row"``, at a ``"block"`` of rows, or (if it is a number) at a ``"column"``; the host
    scalar ``start`` says at which.
    """

    layout: Layout
    start: Node
    unit: str


class Offset(NamedTuple):
    """Host scalars that say where in its texture a value begins, in texels; for a single row also in which layer."""

    x: Node
    y: Node
    layer: Node | None


@dataclass(frozen=True)
class Source:
    """Where a materialized node is read: a sampler and a placement in its texture."""

    sampler: int
    placement: Placement
    scale: float = 1.0
    window: Window | None = None
    offset: Offset | None = None


Handler = Callable[["Emitter", Node, Sequence[Coord]], list[Value]]
HANDLERS: dict[str, Handler] = {}


def handles(*ops: str) -> Callable[[Handler], Handler]:
    def register(handler: Handler) -> Handler:
        for op in ops:
            HANDLERS[op] = handler
        return handler

    return register


def level(coord: Coord) -> int:
    return max(level_of(coord.row), level_of(coord.col))


class Emitter:
    """Emits one kernel into one shader."""

    def __init__(self, shader: Shader, sources: Mapping[Node, Source], registers: Mapping[Node, int]) -> None:
        self.shader = shader
        self.sources = sources
        self._registers = registers
        self.uniforms: list[int] = []

    # -- values ---------------------------------------------------------------------------------------------------

    def values(self, node: Node, coords: Sequence[Coord]) -> list[Value]:
        """The node at each coordinate: a vec4 where the coordinate is vec, else a float."""
        s = self.shader
        keys = [(node, c) for c in coords]
        levels = [level(c) for c in coords]
        known = [s.memo[at].get(k) for k, at in zip(keys, levels, strict=True)]
        if all(v is not None for v in known):
            return known  # type: ignore[return-value]
        values = self._compute(node, coords)
        for key, at, value in zip(keys, levels, values, strict=True):
            s.memo[at][key] = value
        return values

    def value(self, node: Node, coord: Coord) -> Value:
        return self.values(node, [coord])[0]

    def _compute(self, node: Node, coords: Sequence[Coord]) -> list[Value]:
        s = self.shader
        if node.op == "constant":
            return [s.const(node.param("value"), "v" if c.vec else "f") for c in coords]
        if not node.aval.size:
            # its texture has a texel all the same
            return [s.const(0.0, "v" if c.vec else "f") for c in coords]
        if node.is_host:
            value = self.scalar(node)
            return [s.splat(value) if c.vec else value for c in coords]
        if node in self.sources:
            return [self.load(node, c) for c in coords]
        if node.prim.elementwise:
            return self._elementwise(node, coords)
        return HANDLERS[node.op](self, node, coords)

    def _elementwise(self, node: Node, coords: Sequence[Coord]) -> list[Value]:
        s = self.shader
        columns = [self.values(i, coords) for i in node.inputs]
        op = node.op
        if op in ("stop_gradient", "store") or (op == "cast" and not _cast_changes(node)):
            return columns[0]
        if op == "cast":
            if node.dtype == "int32":
                return [s.f("trunc", x) for x in columns[0]]
            zeros = [s.const(0.0, x.type) for x in columns[0]]
            return [s.f("not", s.f("eq", x, z)) for x, z in zip(columns[0], zeros, strict=True)]
        return [s.f(op, *args) for args in zip(*columns, strict=True)]

    def scalar(self, node: Node) -> Value:
        """A host scalar, as a uniform."""
        register = self._registers[node]
        if register not in self.uniforms:
            self.uniforms.append(register)
        return self.shader.op("uniform", "f", self.uniforms.index(register))

    # -- memory ---------------------------------------------------------------------------------------------------

    def load(self, node: Node, coord: Coord) -> Value:
        """Fetch a materialized node from its texture."""
        s, source = self.shader, self.sources[node]
        if source.window is not None and source.window.unit == "column":
            coord = Coord(0, self.start(source.window), False)
        texel = coord.col if coord.vec else s.div(coord.col, 4)
        x, y, layer = self._address(source, self._stored_row(source.placement.layout, coord), texel)
        value = s.op("fetch", "v", source.sampler, x, y, layer)
        if source.scale != 1.0:
            value = s.f("mul", value, s.const(source.scale, "v"))
        return value if coord.vec else s.component(value, s.mod(coord.col, 4))

    def start(self, window: Window) -> Int:
        """Where a step's slice begins."""
        first = self.integer(window.start)
        first.hi = max(window.layout.rows, window.layout.cols)
        return first

    def integer(self, node: Node) -> Value:
        """A host scalar that is a natural number."""
        value = self.shader.op("to_int", "i", self.scalar(node))
        value.lo = 0
        return value

    def _stored_row(self, layout: Layout, coord: Coord) -> Int:
        """The row as it is stored: in layouts with runs, those before are filled up to whole blocks."""
        s = self.shader
        if not layout.run:
            return 0 if layout.rows == 1 else coord.row
        number, at, length = coord.run or (0, 0, 0)
        if length != layout.run:
            number, at = s.div(coord.row, layout.run), s.mod(coord.row, layout.run)
        return s.add(s.mul(number, layout.run_blocks * layout.layers), at)

    def _address(self, source: Source, row: Int, texel: Int) -> tuple[Int, Int, Int]:
        s, place, window = self.shader, source.placement, source.window
        layout = place.layout
        row = s.add(row, place.row)
        if window is not None and window.unit == "row":
            row = s.add(row, self.start(window))
        y, layer = s.div(row, place.layers), s.mod(row, place.layers)
        if window is not None:
            layout = window.layout
            y = s.add(y, self.start(window)) if window.unit == "block" else y
        if layout.row_folds > 1:
            texel = s.add(s.mul(s.div(y, MAX_EXTENT), layout.blocks_wide), texel)
            y = s.mod(y, MAX_EXTENT)
        elif layout.col_folds > 1:
            y = s.add(s.mul(y, layout.col_folds), s.div(texel, MAX_EXTENT))
            texel = s.mod(texel, MAX_EXTENT)
        x = s.add(texel, place.x)
        if source.offset is not None:
            x, y = s.add(x, self.integer(source.offset.x)), s.add(y, self.integer(source.offset.y))
            layer = layer if source.offset.layer is None else self.integer(source.offset.layer)
        return x, y, layer

    # -- coordinates ----------------------------------------------------------------------------------------------

    def position(self, shape: Shape, coord: Coord) -> Position:
        """A coordinate in the tensor's own axes."""
        s, dims = self.shader, stripped(shape)
        if not dims:
            return Position((0,) * len(shape), None)
        index: list[Int] = []
        row = coord.row if len(dims) > 1 else 0
        outer = dims[1:-1]
        if coord.run is not None and outer and outer[-1] == coord.run.length:
            index, row, outer = [coord.run.at], coord.run.number, outer[:-1]
        for d in reversed(outer):
            index.insert(0, s.mod(row, d))
            row = s.div(row, d)
        if len(dims) > 1:
            index.insert(0, row)
        index.append(s.mul(coord.col, 4) if coord.vec else coord.col)
        tail = (0,) * (len(shape) - len(dims))
        return Position((*index, *tail), len(dims) - 1 if coord.vec else None)

    def coord(self, shape: Shape, position: Position) -> Coord:
        """The coordinate of a position. A vec position must run along the last counted axis, from a multiple of 4."""
        s, dims = self.shader, stripped(shape)
        if not dims:
            return Coord(0, 0, False)
        row: Int = 0
        for i, d in zip(position.at[: len(dims) - 1], dims[:-1], strict=True):
            row = s.add(s.mul(row, d), i)
        last = position.at[len(dims) - 1]
        if position.vec is None:
            return Coord(row, last, False)
        return Coord(row, s.div(last, 4), True)

    def linear(self, shape: Shape, coord: Coord) -> Int:
        """The element number of a coordinate (of its first element when vec)."""
        s = self.shader
        col = s.mul(coord.col, 4) if coord.vec else coord.col
        layout = layout_of(shape)
        return col if layout.rows == 1 else s.add(s.mul(coord.row, layout.cols), col)

    def lanes(self, coord: Coord) -> list[Coord]:
        """The four scalar coordinates of a vec one; itself if it is scalar."""
        if not coord.vec:
            return [coord]
        s = self.shader
        return [Coord(coord.row, s.add(s.mul(coord.col, 4), j), False, coord.run) for j in range(4)]

    def by_lanes(self, node: Node, coords: Sequence[Coord]) -> list[Value]:
        """Vec coordinates computed as four scalar ones each."""
        flat = [lane for c in coords for lane in self.lanes(c)]
        return self.gathered(coords, self.values(node, flat))

    def gathered(self, coords: Sequence[Coord], scalars: Sequence[Value]) -> list[Value]:
        """Scalars of consecutive lanes put back together, four to a vec coordinate."""
        out: list[Value] = []
        at = 0
        for c in coords:
            if c.vec:
                out.append(self.shader.vec4(scalars[at : at + 4]))
                at += 4
            else:
                out.append(scalars[at])
                at += 1
        return out

    # -- loops ----------------------------------------------------------------------------------------------------

    def unrolled_or_looped(self, count: int, limit: int, body: Callable[[Int], None]) -> None:
        """Run ``body`` for 0..count-1: unrolled when short, so that neighbours share what they read."""
        if count <= limit:
            for i in range(count):
                body(i)
        else:
            with self.shader.loop(count) as index:
                body(index)


class Accumulators:
    """Running values, one per lane, kept as expressions in straight-line code and as variables across loops."""

    def __init__(self, shader: Shader, types: Sequence[str], init: float, looped: bool) -> None:
        self._shader = shader
        self._looped = looped
        self._cells = [shader.variable(t, init) if looped else None for t in types]
        self._values = [shader.const(init, t) for t in types]

    def get(self, lane: int) -> Value:
        cell = self._cells[lane]
        return self._shader.read(cell) if cell is not None else self._values[lane]

    def set(self, lane: int, value: Value) -> None:
        cell = self._cells[lane]
        if cell is not None:
            self._shader.assign(cell, value)
        else:
            self._values[lane] = value

    def combine(self, op: str, lane: int, value: Value) -> None:
        self.set(lane, self._shader.f(op, self.get(lane), value))

    def __len__(self) -> int:
        return len(self._cells)


def _cast_changes(node: Node) -> bool:
    """Whether a cast computes anything: all dtypes are stored as floats."""
    source = node.inputs[0].dtype
    return (node.dtype == "bool" and source != "bool") or (node.dtype == "int32" and source == "float32")


def product(shape: Shape) -> int:
    return math.prod(shape)
