"""Packs what is updated alike into shared textures, so that one draw updates a whole model.

An optimizer computes the same expression for every weight. Kernels of one such expression become a single kernel over
an atlas: a texture in which each weight has a rectangle, with equal rectangles in the atlases of its gradients and
moments. A gradient that is computed as one matrix for a kernel and its bias (see ``simplify.bias_as_row``) keeps them
together: the bias lies in the row under its kernel.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from ..graph import build as b
from ..graph.node import Node, make_node
from .fuse import Kernel, is_leaf
from .layout import MAX_EXTENT, Placement, layout_of

Home = tuple[Node, Placement]


@dataclass
class Packing:
    """The kernels after packing, and for packed values the atlas and the place where they live."""

    kernels: list[Kernel]
    homes: dict[Node, Home] = field(default_factory=dict)


@dataclass
class _Member:
    """One kernel of a group: the stored values that it reads, with the row of each at which it begins."""

    kernel: Kernel
    leaves: list[tuple[Node, int]]


def pack_updates(kernels: Sequence[Kernel], swaps: Mapping[Node, Node]) -> Packing:
    """``swaps`` maps each state input to the output that replaces it after a step."""
    groups: dict[tuple, list[_Member]] = {}
    for kernel in kernels:
        found = _signature(kernel, swaps)
        if found is not None:
            signature, leaves = found
            groups.setdefault(signature, []).append(_Member(kernel, leaves))
    packing = Packing(list(kernels))
    produced = {n for k in kernels for n in k.outputs}
    for members in groups.values():
        if len(members) > 1:
            _pack(packing, members, swaps, produced)
    return packing


# -- recognizing equal updates --------------------------------------------------------------------------------------


def _signature(kernel: Kernel, swaps: Mapping[Node, Node]) -> tuple[tuple, list[tuple[Node, int]]] | None:
    """The kernel's expression with its stored values and shapes left out; None if it cannot be packed."""
    state_outputs = set(swaps.values())
    if kernel.root is not None or not all(n in state_outputs for n in kernel.outputs):
        return None
    if kernel.layout.folded:
        return None
    leaves: list[tuple[Node, int]] = []
    numbers: dict[Node, int] = {}
    reads = set(kernel.reads)
    terms: list[tuple] = []

    def visit(node: Node) -> int | None:
        if node in numbers:
            return numbers[node]
        term = _leaf_term(node, reads, leaves, kernel)
        if term is None:
            if not node.prim.elementwise:
                return None
            parts = [visit(i) for i in node.inputs]
            if any(p is None for p in parts):
                return None
            term = (node.op, node.key, *parts)
        numbers[node] = len(terms)
        terms.append(term)
        return numbers[node]

    ends = [visit(n) for n in kernel.outputs]
    if any(e is None for e in ends):
        return None
    roles = tuple(_role(leaf, swaps, kernel) for leaf, _ in leaves)
    return None if None in roles else ((tuple(terms), tuple(ends), roles), leaves)


def _leaf_term(node: Node, reads: set[Node], leaves: list[tuple[Node, int]], kernel: Kernel) -> tuple | None:
    spread = node
    while spread.op in ("broadcast", "reshape") and not spread.is_host:
        spread = spread.inputs[0]
    if spread.is_host:
        return ("host", spread)
    base, row = _rows_of(node)
    if base not in reads or layout_of(base.shape).cols != kernel.layout.cols:
        return None
    leaves.append((base, row))
    return ("leaf", len(leaves) - 1)


def _rows_of(node: Node) -> tuple[Node, int]:
    """A value that is whole rows of another: that other, and the first row."""
    row = 0
    while True:
        if node.op == "reshape" and layout_of(node.shape).cols == layout_of(node.inputs[0].shape).cols:
            node = node.inputs[0]
        elif node.op == "slice" and _whole_rows(node):
            row += node.param("start")[0]
            node = node.inputs[0]
        else:
            return node, row


def _whole_rows(node: Node) -> bool:
    (x,) = node.inputs
    return len(x.shape) == 2 and node.shape[1] == x.shape[1] and node.param("step") == (1, 1)


def _role(leaf: Node, swaps: Mapping[Node, Node], kernel: Kernel) -> int | None:
    """What stands for a leaf: the output that replaces it (state), or -1 for a value that some kernel computes."""
    if leaf in swaps:
        new = swaps[leaf]
        return kernel.outputs.index(new) if new in kernel.outputs else None
    # where loops write is settled
    return None if is_leaf(leaf) or leaf.op == "slots" else -1


# -- placing --------------------------------------------------------------------------------------------------------


@dataclass
class _Unit:
    """Members that share their computed values: they are placed as one rectangle."""

    rows: int
    texels: int
    members: list[tuple[_Member, int]] = field(default_factory=list)
    x: int = 0
    row: int = 0


def _pack(packing: Packing, members: list[_Member], swaps: Mapping[Node, Node], produced: set[Node]) -> None:
    units: dict[tuple[Node, ...], _Unit] = {}
    for m in members:
        computed = [(n, row) for n, row in m.leaves if n not in swaps]
        bases = tuple(n for n, _ in computed)
        if (
            not computed
            or len({row for _, row in computed}) != 1
            or any(n not in produced or n in packing.homes for n in bases)
        ):
            return
        height = max(layout_of(n.shape).rows for n in bases)
        unit = units.setdefault(bases, _Unit(height, m.kernel.layout.blocks_wide))
        unit.members.append((m, computed[0][1]))
    owners = [n for bases in units for n in bases]
    if len(owners) != len(set(owners)) or not _separate(packing, set(owners)):
        return
    width, height = _shelve(list(units.values()))
    shape = (height * 4, width * 4)
    if width > MAX_EXTENT or height > MAX_EXTENT:
        return
    first = members[0]
    slots = [b.input_node(shape, n.dtype) for n, _ in first.leaves]
    outputs = _rebuilt(first, slots, shape)
    for bases, unit in units.items():
        for member, row in unit.members:
            _settle(packing, member, unit, row, slots, outputs, swaps)
        for base in bases:
            packing.homes[base] = (packing.homes[base][0], Placement(4, unit.x, unit.row))
    gone = {m.kernel for m in members}
    merged = Kernel(outputs, None, list(slots))
    packing.kernels = [k for k in packing.kernels if k not in gone]
    packing.kernels.append(merged)


def _separate(packing: Packing, owners: set[Node]) -> bool:
    """Give every packed value a kernel of its own: the targets of one draw must be equal in size and place."""
    kernels: list[Kernel] = []
    for k in packing.kernels:
        mine = [n for n in k.outputs if n in owners]
        if not mine or len(k.outputs) == 1:
            kernels.append(k)
            continue
        if k.root is not None:
            return False
        rest = [n for n in k.outputs if n not in owners]
        parts = [[n] for n in mine] + ([rest] if rest else [])
        kernels += [Kernel(part, None, [*k.reads, *(n for n in k.outputs if n not in part)]) for part in parts]
    packing.kernels = kernels
    return True


def _settle(
    packing: Packing,
    member: _Member,
    unit: _Unit,
    row: int,
    slots: list[Node],
    outputs: list[Node],
    swaps: Mapping[Node, Node],
) -> None:
    place = Placement(4, unit.x, unit.row + row)
    for slot, (leaf, _) in zip(slots, member.leaves, strict=True):
        packing.homes[leaf] = (slot, place)
    for new, node in zip(outputs, member.kernel.outputs, strict=True):
        packing.homes[node] = (new, place)


def _shelve(units: list[_Unit]) -> tuple[int, int]:
    """Place rectangles on shelves, highest first; gives the atlas' width and height in blocks."""
    heights = {id(u): -(-u.rows // 4) for u in units}
    area = sum(heights[id(u)] * u.texels for u in units)
    limit = max(max(u.texels for u in units), min(MAX_EXTENT, math.isqrt(area) * 2))
    x = y = shelf = width = 0
    for unit in sorted(units, key=lambda u: -heights[id(u)]):
        if x and x + unit.texels > limit:
            x, y, shelf = 0, y + shelf, 0
        unit.x, unit.row = x, y * 4
        x += unit.texels
        shelf = max(shelf, heights[id(unit)])
        width = max(width, x)
    return width, y + shelf


def _rebuilt(member: _Member, slots: list[Node], shape: tuple[int, ...]) -> list[Node]:
    """The member's outputs as expressions over the whole atlas."""
    reads = set(member.kernel.reads)
    slot_of = {leaf: slots[i] for i, (leaf, _) in enumerate(member.leaves)}
    new: dict[Node, Node] = {}

    def visit(node: Node) -> Node:
        if node not in new:
            spread = node
            while spread.op in ("broadcast", "reshape") and not spread.is_host:
                spread = spread.inputs[0]
            base, _ = _rows_of(node)
            if spread.is_host:
                new[node] = b.broadcast(spread, shape)
            elif base in reads:
                new[node] = slot_of[base]
            else:
                new[node] = make_node(node.prim, tuple(visit(i) for i in node.inputs), node.params)
        return new[node]

    return [visit(n) for n in member.kernel.outputs]
