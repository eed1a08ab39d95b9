"""Scans: a body is fused and emitted once, and every step repeats its draws.

All that a body stores lies in stacks of slots, one slot per step (or a single one, if nobody wants the steps' values):
a step's draws write their slots and read those of the step before. Which ones is told by uniforms, so that all steps
share their shaders. A draw may not sample the texture that it writes; what is carried by a kernel that also reads it
lives in two stacks that take turns.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from ..graph import build as b
from ..graph.node import Aval, Node, Primitive, make_node, topological
from ..graph.scan import Body, placeholders, substituted
from .emit import Emitter, Window
from .fuse import fuse
from .kernel import Kernel
from .layout import MAX_EXTENT, Layout, Placement, layout_of
from .simplify import simplify
from .statements import Int
from .views import computed, origin, side_by_side


def _executed_as_a_whole(*_: object, **__: object) -> np.ndarray:
    raise RuntimeError("loops exist in plans only")


# All steps of a scan, as the compiler sees it: its inputs are what the steps read of the graph around them.
LOOP = Primitive("loop", lambda *_, loop: Aval((), "float32"), _executed_as_a_whole)
# A stack that a loop has written: [slots, rows, columns].
SLOTS = Primitive("slots", lambda _, stack, texture: Aval(stack.shape, "float32"), _executed_as_a_whole)


@dataclass(frozen=True, eq=False)
class Stack:
    """Where the results of one kind of a body's kernels live: ``count`` slots, in ``textures`` that take turns."""

    value: Node
    count: int
    textures: int

    @property
    def layout(self) -> Layout:
        return layout_of(self.value.shape)

    @property
    def rows(self) -> int:
        """Rows of a slot: whole blocks, and no slot runs over the edge of a texture."""
        blocks = self.layout.blocks_high
        if blocks * self._each > MAX_EXTENT:
            blocks = 1 << (blocks - 1).bit_length() if blocks <= MAX_EXTENT else -(-blocks // MAX_EXTENT) * MAX_EXTENT
        return blocks * 4

    @property
    def _each(self) -> int:
        return -(-self.count // self.textures)

    @property
    def shape(self) -> tuple[int, int, int]:
        """``[slots, rows, columns]`` of one texture."""
        cols = self.layout.cols
        return self._each, self.rows, cols if cols > 1 else 4

    def texture(self, t: int) -> int:
        return t % self.textures

    def first_row(self, t: int) -> int:
        """The row in its texture where the slot of step ``t`` begins."""
        return 0 if self.count == 1 else t // self.textures * self.rows

    def placement(self, t: int) -> Placement:
        whole = layout_of(self.shape)
        y = self.first_row(t) // 4
        return Placement(self.layout, 4, y // MAX_EXTENT * whole.blocks_wide, y % MAX_EXTENT * whole.col_folds * 4)

    def at(self, loop: Node, t: int) -> Node:
        """The value at a step."""
        slots = make_node(SLOTS, (loop,), {"stack": self, "texture": self.texture(t)})
        slot = self.first_row(t) // self.rows
        rows, cols = self.layout.rows, self.layout.cols
        return b.reshape(b.slice_(slots, (slot, 0, 0), (slot + 1, rows, cols)), self.value.shape)

    def steps(self, loop: Node) -> Node:
        """The values at all steps, ``[count, *shape]``."""
        textures = [make_node(SLOTS, (loop,), {"stack": self, "texture": i}) for i in range(self.textures)]
        each, rows, cols = self.shape
        stack = textures[0]
        if self.textures > 1:
            turns = b.concat([b.reshape(x, (each, 1, rows, cols)) for x in textures], 1)
            stack = b.reshape(turns, (each * self.textures, rows, cols))
        inside = b.slice_(stack, (0, 0, 0), (self.count, self.layout.rows, self.layout.cols))
        return b.reshape(inside, (self.count, *self.value.shape))


@dataclass(frozen=True, eq=False)
class Repeated:
    """A kernel of a body: what all steps share."""

    kernel: Kernel
    windows: Mapping[Node, Window]
    # the corner of the slot that is written, in texels
    x: Node | None
    y: Node

    def corner(self, emitter: Emitter) -> tuple[Int, Int]:
        return 0 if self.x is None else emitter.integer(self.x), emitter.integer(self.y)


class StepKernel(Kernel):
    """A kernel of a body in one step: what it reads and writes, in the order of the body's kernel."""

    def __init__(
        self,
        repeated: Repeated,
        outputs: list[Node],
        reads: list[Node],
        places: list[Placement],
        numbers: Mapping[Node, int],
    ) -> None:
        super().__init__(outputs, repeated.kernel.root, reads)
        self.repeated, self.places, self.numbers = repeated, places, numbers

    def reads_blocks(self, node: Node, rows: int) -> bool:
        """Whether what is read of a node begins and ends with blocks of so many rows."""
        pairs = zip(self.repeated.kernel.reads, self.reads, strict=True)
        windows = [(mine, self.repeated.windows.get(mine)) for mine, read in pairs if read is node]
        return all(w is None or (w.unit == "block" and layout_of(n.shape).rows % rows == 0) for n, w in windows)

    @property
    def layout(self) -> Layout:
        return self.repeated.kernel.layout

    @property
    def expressed(self) -> list[Node]:
        return self.repeated.kernel.outputs


class Loop:
    """A scan's body as kernels."""

    def __init__(self, scan: Node, results: Sequence[Node]) -> None:
        body: Body = scan.param("body")
        first, captured, stacks = body.split(scan.inputs)
        live = body.live(results)
        self.body = body
        self.operands: list[Node] = []
        self._operand: dict[Node, int] = {}
        inside: dict[Node, Node] = {}
        for leaf, around in zip(body.captured, captured, strict=True):
            if around.is_host:
                inside[leaf] = around
            else:
                (inside[leaf],) = placeholders([leaf])
                self._take(inside[leaf], around)
        for leaf, around in zip([*body.carries, *body.slices], [*first, *stacks], strict=True):
            self._take(leaf, around)
        wanted = list(dict.fromkeys(r.param("value") for r in results if r.op == "each"))
        ends = substituted([*(body.next[i] for i in live), *wanted], inside)
        ends = [computed(n) for n in simplify(ends)]
        self._after = dict(zip([body.carries[i] for i in live], ends, strict=False))
        self._ends = dict(zip(wanted, ends[len(live) :], strict=True))
        self._put_together = _put_together(self._ends.values(), ends[: len(live)])
        pieces = [n for found in self._put_together.values() for n in found]
        stored = [n for n in dict.fromkeys([*ends, *pieces]) if n not in self._put_together]
        self._kept = {*self._ends.values(), *pieces}
        kernels = fuse(stored, share=True)
        self._stacks = {n: s for k in kernels for n, s in self._stacked(k).items()}
        self._repeated = [self._shared(k) for k in kernels]

    def _take(self, leaf: Node, around: Node) -> None:
        """Read a value of the graph around."""
        around = origin(around)
        self._operand[leaf] = len(self.operands)
        self.operands.append(b.bind("store", around) if around.is_host else around)

    def _stacked(self, kernel: Kernel) -> dict[Node, Stack]:
        """Where a kernel's outputs live: side by side, as the targets of a draw lie at the same place."""
        carried = [c for c, after in self._after.items() if after in kernel.outputs]
        kept = any(n in self._kept for n in kernel.outputs)
        turns = any(c in kernel.reads for c in carried) or (carried and not kept)
        count, textures = self.body.steps if kept else 1, 2 if turns and self.body.steps > 1 else 1
        return {n: Stack(n, count, textures) for n in kernel.outputs}

    # -- results ------------------------------------------------------------------------------------------------------

    def result(self, loop: Node, wanted: Node) -> Node:
        """A result of the scan, from the stacks that the loop has written."""
        if wanted.op == "each":
            end = self._ends[wanted.param("value")]
            if end in self._put_together:
                pieces = [self._stacks[piece].steps(loop) for piece in self._put_together[end]]
                return b.concat(pieces, end.param("axis") + 1)
            return self._stacks[end].steps(loop)
        return self._stacks[self._after[wanted.param("carry")]].at(loop, self.body.order()[-1])

    # -- steps --------------------------------------------------------------------------------------------------------

    def _shared(self, kernel: Kernel) -> Repeated:
        windows: dict[Node, Window] = {}
        for read in kernel.reads:
            if read in self.body.slices:
                whole = layout_of((self.body.steps, *read.shape))
                mine = layout_of(read.shape)
                unit = "column" if mine.rows * mine.cols == 1 else "block" if mine.rows % 4 == 0 else "row"
                windows[read] = Window(whole, b.scalar_node(), unit)
            elif read in self._after or read in self._stacks:
                stack = self._stacks[self._after.get(read, read)]
                windows[read] = Window(layout_of(stack.shape), b.scalar_node(), "block")
        stack = self._stacks[kernel.outputs[0]]
        folded = layout_of(stack.shape).row_folds > 1
        return Repeated(kernel, windows, b.scalar_node() if folded else None, b.scalar_node())

    def steps(self, loop: Node) -> Iterator[StepKernel]:
        """The kernels of all steps, in the order in which they run."""
        before: int | None = None
        for t in self.body.order():
            for repeated in self._repeated:
                yield self._step(loop, repeated, t, before)
            before = t

    def _step(self, loop: Node, repeated: Repeated, t: int, before: int | None) -> StepKernel:
        kernel = repeated.kernel
        reads: list[Node] = []
        numbers: dict[Node, int] = {}
        for read in kernel.reads:
            node, row = self._read(loop, read, t, before)
            reads.append(node)
            window = repeated.windows.get(read)
            if window is not None:
                numbers[window.start] = row
        outputs, places = [], []
        for n in kernel.outputs:
            stack = self._stacks[n]
            outputs.append(make_node(SLOTS, (loop,), {"stack": stack, "texture": stack.texture(t)}))
            places.append(stack.placement(t))
        numbers[repeated.y] = places[0].y
        if repeated.x is not None:
            numbers[repeated.x] = places[0].x
        return StepKernel(repeated, outputs, reads, places, numbers)

    def _read(self, loop: Node, read: Node, t: int, before: int | None) -> tuple[Node, int]:
        """What stands for a value that a kernel reads, and the row (or column) where it begins."""
        at: int | None = t
        value = read
        if read in self._after:
            value, at = self._after[read], before
        if value in self._stacks and at is not None:
            stack = self._stacks[value]
            slots = make_node(SLOTS, (loop,), {"stack": stack, "texture": stack.texture(at)})
            return slots, stack.first_row(at)
        operand = loop.inputs[self._operand[read]]
        return operand, t * layout_of(read.shape).rows if read in self.body.slices else 0


def _put_together(wanted: Iterable[Node], after: Sequence[Node]) -> dict[Node, list[Node]]:
    """Values that are wanted of all steps, which no step needs, and which are put together of others: of what pieces.

    Gradients of gates are such: of all gates for one product, of some of them for others. It is done for all steps at
    once. A step's product reads them part by part.
    """
    wanted, order = list(dict.fromkeys(wanted)), topological(after)
    apart = {side_by_side(n) for n in order}
    inside = {*after, *(i for n in order for i in n.inputs if side_by_side(n) is not origin(i))}
    found: dict[Node, list[Node]] = {n: list(n.inputs) for n in wanted if n in apart and n not in inside}
    for whole in wanted:
        if whole.op == "concat" and whole not in inside and not any(whole in pieces for pieces in found.values()):
            known = [*wanted, *(piece for pieces in found.values() for piece in pieces)]
            pieces = _pieces(whole, [n for n in known if n is not whole and n not in found])
            if pieces is not None:
                found[whole] = pieces
    return found


def _pieces(whole: Node, others: Sequence[Node]) -> list[Node] | None:
    """Which of the others a value is put together of, if it is."""
    rest, pieces = list(whole.inputs), list[Node]()
    while rest:
        fitting = [n for n in others if rest[: len(_parts(n, whole))] == _parts(n, whole)]
        if not fitting:
            return None
        pieces.append(max(fitting, key=lambda n: len(_parts(n, whole))))
        del rest[: len(_parts(pieces[-1], whole))]
    return pieces


def _parts(piece: Node, whole: Node) -> list[Node]:
    """What a piece is put together of, if it is as the whole is."""
    same = piece.op == "concat" and piece.param("axis") == whole.param("axis")
    return list(piece.inputs) if same else [piece]


def opened(outputs: Sequence[Node]) -> dict[Node, Node]:
    """The graph with its scans as loops, and their results as parts of what the loops write: what stands for each value
    that is another one now.
    """
    order = topological(outputs)
    results: dict[Node, list[Node]] = {}
    for n in order:
        if n.op in ("last", "each"):
            results.setdefault(n.inputs[0], []).append(n)
    if not results:
        return {}
    new: dict[Node, Node] = {}
    for n in order:
        inputs = tuple(new[i] for i in n.inputs)
        if n.op == "scan":
            loop = Loop(make_node(n.prim, inputs, n.params), results[n])
            new[n] = make_node(LOOP, tuple(loop.operands), {"loop": loop})
        elif n.op in ("last", "each"):
            new[n] = b.reshape(inputs[0].param("loop").result(inputs[0], n), n.shape)
        else:
            new[n] = n if inputs == n.inputs else make_node(n.prim, inputs, n.params)
    return new


def unrolled(kernels: Sequence[Kernel]) -> list[Kernel]:
    """The kernels with those of every step in the places of their loops."""
    flat: list[Kernel] = []
    for k in kernels:
        if k.root is not None and k.root.op == "loop":
            flat += k.root.param("loop").steps(k.root)
        else:
            flat.append(k)
    return flat
